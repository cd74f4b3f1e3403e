//! What installed packages state of their licences. pacman's database has it; Debian's has not, so the copyright files that the
//! packages brought are read, where they are of the machine-readable kind.

use crate::audit::sbom::copyright;
use crate::audit::sbom::license::{License, Words};
use crate::index::details::VersionDetails;
use crate::index::{Index, LocalRow};
use crate::model::{Field, Problem, Source};
use crate::sys::below::Below;
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

/// The largest one of Debian has 2 MB.
const MAX_COPYRIGHT_BYTES: u64 = 8 << 20;
/// More readers are no faster.
const MOST_THREADS: usize = 4;

/// An installed package, and all that its page in the index says.
pub struct Package {
    pub rank: u32,
    pub row: LocalRow,
    pub page: VersionDetails,
}

/// Every installed package of the sources that are shown, in the index's order.
pub fn packages(index: &Index, shows: impl Fn(Source) -> bool) -> Result<Vec<Package>> {
    let mut packages = Vec::new();
    index.local.scan(|rank, row| {
        if row.installed() && shows(row.source) {
            packages.push(Package { rank, page: index.local.details(&row)?, row });
        }
        Ok(())
    })?;
    Ok(packages)
}

/// A licence that a package states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    pub license: License,
    /// What a policy is asked about: pacman's own words, as before an installation, and of Debian's short names their twins in SPDX.
    pub judged: String,
}

/// Of each package, in their order; of one that says nothing readable there are none.
pub fn stated(packages: &[Package], root: &Path) -> Result<(Vec<Vec<Stated>>, Vec<Problem>)> {
    let mut all: Vec<Vec<Stated>> = packages.iter().map(|package| of_page(&package.page)).collect();
    let files: Vec<usize> = (0..packages.len()).filter(|at| packages[*at].row.source == Source::Apt).collect();
    if files.is_empty() {
        return Ok((all, Vec::new()));
    }
    let below = Below::open(root).with_context(|| format!("cannot open {}", root.display()))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let mut problems = Vec::new();
    std::thread::scope(|scope| {
        let read = |part: &[usize]| {
            Reader { below: &below, root, known: HashMap::new(), problems: Vec::new() }.all(packages, part)
        };
        let parts: Vec<&[usize]> = files.chunks(files.len().div_ceil(threads)).collect();
        let (first, others) = parts.split_first().expect("there is a file");
        let others: Vec<_> = others.iter().map(|&part| scope.spawn(move || read(part))).collect();
        let mut keep = |(found, wrong): (Vec<(usize, Vec<Stated>)>, Vec<Problem>)| {
            found.into_iter().for_each(|(at, stated)| all[at] = stated);
            problems.extend(wrong);
        };
        keep(read(first));
        others
            .into_iter()
            .for_each(|other| keep(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
    });
    Ok((all, problems))
}

fn of_page(page: &VersionDetails) -> Vec<Stated> {
    let lines = page.field(Field::License).unwrap_or_default().lines();
    let stated = |line: &str| Some(Stated { license: License::of(line, Words::Free)?, judged: line.trim().to_owned() });
    lines.filter_map(stated).collect()
}

struct Reader<'a> {
    below: &'a Below,
    root: &'a Path,
    /// The same few names stand in most files.
    known: HashMap<String, Option<Stated>>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn all(mut self, packages: &[Package], part: &[usize]) -> (Vec<(usize, Vec<Stated>)>, Vec<Problem>) {
        let mut text = Vec::new();
        let found = part.iter().map(|at| (*at, self.one(&packages[*at].row.name, &mut text))).collect();
        (found, self.problems)
    }

    fn one(&mut self, name: &str, text: &mut Vec<u8>) -> Vec<Stated> {
        let path = format!("usr/share/doc/{name}/copyright");
        match self.below.read(&path, MAX_COPYRIGHT_BYTES, text) {
            Ok(()) => {}
            // Small systems leave documentation out.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Vec::new(),
            Err(error) => {
                self.problems.push(Problem { path: self.root.join(path), message: error.to_string() });
                return Vec::new();
            }
        }
        let mut all: Vec<Stated> = Vec::new();
        for name in copyright::stated(text).unwrap_or_default() {
            let of = || {
                let license = License::of(&name, Words::Debian)?;
                Some(Stated { judged: license.text().to_owned(), license })
            };
            let stated = self.known.entry(name.clone()).or_insert_with(of);
            all.extend(stated.clone().filter(|stated| !all.contains(stated)));
        }
        all
    }
}
