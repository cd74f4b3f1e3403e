//! What libalpm leaves half done, or finds so, without a word: an archive that was fetched whole and not yet given its name, which it
//! takes for fetched and then does not find; entries of the local database that a kill left empty, which it takes for installed
//! packages; and those that a full disk cut short. None of it is mended here without the person's knowledge but the first.

use crate::library;
use alpm::Alpm;
use omg::model::{Plan, Step};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Deletes archives that were fetched whole under their unfinished names, so that they are fetched again. To be called under the lock
/// and before a transaction is prepared.
pub fn discard_whole_parts(handle: &Alpm) {
    let mut parts: HashMap<String, (PathBuf, u64)> = HashMap::new();
    for folder in handle.cachedirs().iter() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            if let (Some(archive), Ok(stat)) = (name.strip_suffix(".part"), entry.metadata()) {
                parts.insert(archive.to_owned(), (entry.path(), stat.len()));
            }
        }
    }
    if parts.is_empty() {
        return;
    }
    for database in handle.syncdbs().iter() {
        for package in database.pkgs().iter() {
            let part = library::archive_of(&package).and_then(|archive| parts.get(archive));
            if let Some((path, bytes)) = part
                && *bytes >= u64::try_from(package.size()).unwrap_or(0)
            {
                // What cannot be deleted fails as it would have failed.
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// A sentence for each package whose installation was cut short: its entry in the local database was made, and nothing written into it.
pub fn cut_short(handle: &Alpm) -> Vec<String> {
    let local = Path::new(handle.dbpath()).join("local");
    let is_empty = |folder: &Path| {
        let bytes = |name| fs::metadata(folder.join(name)).map(|stat| stat.len());
        !matches!(bytes("desc"), Ok(1..)) || bytes("files").is_err()
    };
    let entries = fs::read_dir(local).into_iter().flatten().flatten().map(|entry| entry.path());
    let empty = entries.filter(|folder| folder.is_dir() && is_empty(folder));
    let mut sentences: Vec<String> = empty.map(|folder| unfinished(&folder)).collect();
    sentences.sort();
    sentences
}

fn unfinished(folder: &Path) -> String {
    let entry = folder.file_name().unwrap_or_default().to_string_lossy();
    // NAME-VERSION-RELEASE.
    let name = entry.rsplitn(3, '-').nth(2).unwrap_or(&entry);
    let folder = folder.display();
    format!("the installation of {entry} was cut short: delete {folder}, then `pacman -S --overwrite '*' {name}`")
}

/// A sentence for each package of a plan whose entry in the local database is not whole, after the library said that all went well.
pub fn half_written(handle: &Alpm, plan: &Plan) -> Vec<String> {
    let local = Path::new(handle.dbpath()).join("local");
    let is_whole = |step: &Step| {
        let folder = local.join(format!("{}-{}", step.name, step.new));
        let read = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
        let (description, files) = (read("desc"), read("files"));
        let listed = handle.localdb().pkg(step.name.as_str()).map_or(0, |package| package.files().files().len());
        let version = format!("%VERSION%\n{}\n", step.new);
        let has_version = description.windows(version.len()).any(|window| window == version.as_bytes());
        // The list is what stands first, and a blank line ends it.
        let lines = files.split(|byte| *byte == b'\n').skip(1).take_while(|line| !line.is_empty()).count();
        let ends = |bytes: &[u8]| bytes.ends_with(b"\n\n");
        has_version && ends(&description) && (listed == 0 || (lines == listed && ends(&files)))
    };
    let installed = plan.steps.iter().filter(|step| !step.new.is_empty());
    let half = installed.filter(|step| !is_whole(step));
    half.map(|step| unfinished(&local.join(format!("{}-{}", step.name, step.new)))).collect()
}
