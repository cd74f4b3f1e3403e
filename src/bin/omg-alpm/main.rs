//! The engine for pacman: answers one question through libalpm and ends. Questions about policy, about a plan, and to carry one
//! out; it shows nothing and asks nobody. The protocol is in `omg::backends::engine`.
//!
//! Built with the feature `alpm13` or `alpm16`, after the number in the library's soname. The two versions of the crate
//! differ in how they lend packages, not in what they say; [`library`] hides that.

#![cfg_attr(
    feature = "alpm16",
    allow(
        clippy::explicit_auto_deref,
        clippy::needless_borrow,
        reason = "the older crate's packages are no references"
    )
)]

mod apply;
mod choices;
mod handle;
mod library;
mod names;
mod plan;
mod remains;
mod resolve;
mod stop;
mod targets;

#[cfg(all(feature = "alpm13", feature = "alpm16"))]
compile_error!("an engine is linked to one libalpm: choose either alpm13 or alpm16");

#[cfg(feature = "alpm13")]
extern crate alpm13 as alpm;
#[cfg(feature = "alpm16")]
extern crate alpm16 as alpm;

use anyhow::Result;
use omg::backends::engine::{Answer, Ask, Request, serve};
use std::fs::File;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(&format!("libalpm {}", alpm::version()), answer)
}

fn answer(request: &Request, answer: &mut Answer<File>) -> Result<()> {
    match &request.change {
        None => choices::answer(request, answer),
        Some(Ask::Resolve(order)) => {
            end_at_panic();
            Ok(answer.resolution(&resolve::resolve(request, order)?)?)
        }
        Some(Ask::Prepare(order)) => {
            end_at_panic();
            apply::prepare(request, order, answer)
        }
        Some(ask) => apply::reporting(answer, |report| match ask {
            Ask::Apply(plan) => apply::apply(request, plan, report),
            Ask::Download(plan) => apply::download(request, plan, report),
            Ask::Sync { force } => apply::sync(request, *force, report),
            Ask::Resolve(_) | Ask::Prepare(_) => unreachable!("answered above"),
        }),
    }
}

/// The crate that lends the library ignores a panic in a callback, and then takes what the library takes where nobody answers. That
/// would be another plan. While one is carried out it is only something unsaid.
fn end_at_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tell(info);
        std::process::abort();
    }));
}
