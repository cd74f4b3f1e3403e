//! The status file: which catalogue and which local index belong together, what they were made from, and the counts that
//! a prompt shows. It is published last and names the other two, so that its rename is the one moment a refresh takes effect.

use super::block::{BlockFile, BlockWriter};
use super::error::Result;
use crate::model::Source;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The number in the header that tells a status file from other files.
pub const KIND: u8 = 3;
/// Its name in the index folder, and that of its one-line text twin.
pub const NAME: &str = "status";
pub const TEXT_NAME: &str = "status.txt";

/// A file or folder as it was when the index was made.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Input {
    pub path: String,
    /// All zero where there was none.
    pub device: u64,
    pub inode: u64,
    pub size_bytes: u64,
    pub mtime_ns: i64,
}

impl Input {
    /// The path as it is now.
    pub fn now(path: &str) -> Input {
        let absent = Input { path: path.into(), device: 0, inode: 0, size_bytes: 0, mtime_ns: 0 };
        std::fs::metadata(path).map_or(absent.clone(), |stat| Input {
            device: stat.dev(),
            inode: stat.ino(),
            size_bytes: stat.size(),
            mtime_ns: stat.mtime().wrapping_mul(1_000_000_000).wrapping_add(stat.mtime_nsec()),
            ..absent
        })
    }

    fn unchanged(&self) -> bool {
        let Ok(stat) = std::fs::metadata(&self.path) else { return self.inode == 0 };
        self.inode == stat.ino()
            && self.device == stat.dev()
            && self.size_bytes == stat.size()
            && self.mtime_ns == stat.mtime().wrapping_mul(1_000_000_000).wrapping_add(stat.mtime_nsec())
    }
}

/// Counts of one family's installed packages.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, serde::Serialize,
)]
pub struct Counts {
    pub installed: u32,
    pub explicit: u32,
    pub dependencies: u32,
    pub orphans: u32,
    pub foreign: u32,
    pub held: u32,
    /// Upgrades an ordinary upgrade would make: held packages are not counted.
    pub updates: u32,
    /// `None` where the family's databases do not say which updates are about security.
    pub security_updates: Option<u32>,
    /// Packages left in a half-done state.
    pub broken: u32,
}

/// One family of packages on this machine.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Family {
    pub source: u8,
    pub counts: Counts,
    /// Packages its repositories offer.
    pub known: u32,
    /// Whether the native library decided about candidates, and its version or the reason it was not asked.
    pub engine: bool,
    pub policy: String,
}

impl Family {
    pub fn source(&self) -> Option<Source> {
        super::catalogue::source(self.source)
    }
}

/// A source that could not be read whole: path, message, and whether it belongs to the catalogue.
pub type StoredProblem = (String, String, bool);

/// Everything the status file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Status {
    /// Which machine this is about: a folder given for one root may be asked about another.
    pub place: String,
    pub catalogue_generation: u64,
    pub local_generation: u64,
    /// Seconds since 1970.
    pub catalogue_built: i64,
    pub local_built: i64,
    pub catalogue_inputs: Vec<Input>,
    pub local_inputs: Vec<Input>,
    pub families: Vec<Family>,
    pub problems: Vec<StoredProblem>,
}

/// Which of the two parts no longer is what its sources say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Staleness {
    pub catalogue: bool,
    pub local: bool,
}

impl Staleness {
    pub fn any(self) -> bool {
        self.catalogue || self.local
    }
}

impl Status {
    /// Reads and checks the status file of an index folder.
    pub fn read(folder: &Path) -> Result<Status> {
        let file = BlockFile::open(&folder.join(NAME), KIND)?;
        let section = file.section(0)?;
        let mut bytes = Vec::with_capacity(section.len as usize);
        file.bytes(section, 0, section.len as usize, &mut bytes)?;
        rkyv::from_bytes::<Status, rkyv::rancor::Error>(&bytes).map_err(|_| file.damaged("its content makes no sense"))
    }

    pub fn write<W: Write>(&self, out: &mut BlockWriter<W>) -> std::io::Result<()> {
        out.section(&rkyv::to_bytes::<rkyv::rancor::Error>(self).expect("plain data serialises"), 1)
    }

    /// Compares the sources with what they were: one `stat` each.
    pub fn staleness(&self) -> Staleness {
        Staleness {
            catalogue: !self.catalogue_inputs.iter().all(Input::unchanged),
            local: !self.local_inputs.iter().all(Input::unchanged),
        }
    }

    /// All families' counts in one.
    pub fn totals(&self) -> Counts {
        let mut total = Counts::default();
        for Family { counts, .. } in &self.families {
            total.installed += counts.installed;
            total.explicit += counts.explicit;
            total.dependencies += counts.dependencies;
            total.orphans += counts.orphans;
            total.foreign += counts.foreign;
            total.held += counts.held;
            total.updates += counts.updates;
            total.broken += counts.broken;
            total.security_updates = match (total.security_updates, counts.security_updates) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
        }
        total
    }

    /// The one line of the text twin: `updates=3 security=1 attention=0 installed=700 built=1760000000`; `security` is `-` where unknown.
    pub fn line(&self) -> String {
        let totals = self.totals();
        let security = totals.security_updates.map_or("-".to_owned(), |count| count.to_string());
        let attention = totals.broken + self.problems.len() as u32;
        format!(
            "updates={} security={security} attention={attention} installed={} built={}\n",
            totals.updates,
            totals.installed,
            self.catalogue_built.max(self.local_built)
        )
    }
}

/// File name of the catalogue of a generation.
pub fn catalogue_name(generation: u64) -> String {
    format!("catalogue-{generation:016x}")
}

/// File name of the local index of a generation.
pub fn local_name(generation: u64) -> String {
    format!("local-{generation:016x}")
}
