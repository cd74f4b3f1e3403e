//! Plain data that every other part speaks of. No I/O, no policy, no formatting for people.

mod advisory;
mod audit;
mod distance;
mod ecosystem;
mod event;
mod field;
mod package;
mod plan;
mod policy;
pub mod relation;
mod transaction;

pub use advisory::{Advisory, Affected, Open, Order as VersionOrder, Range, Ranking, Severity, Standing, Turn};
pub use audit::AuditHead;
pub use distance::distance;
pub use ecosystem::Ecosystem;
pub use event::{Event, Observer, Silent};
pub use field::Field;
pub use package::{
    Available, CatalogueSink, InstallState, Installed, LocalSink, Problem, Reason, Repository, RepositoryId, Source,
};
pub use plan::{
    Archive, Kept, Mark, Marked, Missing, Order, Plan, Resolution, Settled, Settling, Step, Target, Task, Why,
};
pub use policy::{Authority, Choice, Offer, OrphanRule, Policy, Scope};
pub use transaction::{Action, Change, Transaction};
