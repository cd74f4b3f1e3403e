//! The signatures of a file: where they lie, by which keys they are judged, and what each is worth.

use super::{Place, World};
use crate::audit::signature::{Judged, Keyring, Verdict, armor, judge, judge_clear, judge_message, message};
use crate::backends::Keys;
use crate::error::{Exit, Hinted};
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a signature is called beside its file.
const ENDINGS: [&str; 4] = [".sig", ".asc", ".gpg", ".sign"];
/// No file that has its signatures in it, and no file of signatures, is larger.
const MAX_BYTES: u64 = 64 << 20;
/// So much tells what a file is.
const HEAD_BYTES: u64 = 64;

/// What came of one file.
pub struct Found {
    pub file: PathBuf,
    /// The file itself where its signatures are in it.
    pub signature: PathBuf,
    pub keyrings: Vec<PathBuf>,
    pub judged: Vec<Judged>,
}

impl Found {
    /// The best of its signatures; but one that is bad says that somebody meddled with it.
    pub fn verdict(&self) -> Verdict {
        let verdicts = || self.judged.iter().map(|judged| judged.verdict);
        match verdicts().any(|verdict| verdict == Verdict::Bad) {
            true => Verdict::Bad,
            false => verdicts().min().unwrap_or(Verdict::Unknown),
        }
    }
}

/// Judges the signatures of a file: those in it, in `signature`, or in a file beside it. By `keyrings`, or by the keys that the family
/// whose file it is would use.
pub fn judge_file(place: &Place, file: &Path, signature: Option<&Path>, keyrings: &[PathBuf]) -> Result<Found> {
    let describe = || format!("cannot read {}", file.display());
    let stat = file.metadata().with_context(describe)?;
    ensure!(stat.is_file(), "{} is no file", file.display());
    let mut data = File::open(file).with_context(describe)?;
    let mut head = Vec::new();
    data.by_ref().take(HEAD_BYTES).read_to_end(&mut head).with_context(describe)?;
    let (form, place_of_signature) = match signature {
        Some(signature) => (Form::Detached, signature.to_owned()),
        None if armor::is_clear(&head) => (Form::Clear, file.to_owned()),
        None => match beside(file) {
            Some(signature) => (Form::Detached, signature),
            None if message::is_message(&head) => (Form::Message, file.to_owned()),
            None => {
                let message = format!("there is no signature of {}", file.display());
                let hint = "--signature names the file that it is in";
                return Err(Hinted::new(Exit::NothingFound, message, hint).into());
            }
        },
    };
    let ring = ring(place, file, keyrings)?;
    let now = SystemTime::now();
    let judged = match form {
        Form::Clear => judge_clear(&read(file)?, &ring, now),
        Form::Message => judge_message(read(file)?, &ring, now),
        Form::Detached => judge(&mut head.as_slice().chain(data), &read(&place_of_signature)?, &ring, now),
    };
    let judged = judged.with_context(|| format!("cannot judge {}", place_of_signature.display()))?;
    Ok(Found { file: file.to_owned(), signature: place_of_signature, keyrings: ring.files, judged })
}

/// How a file is signed.
enum Form {
    Detached,
    Clear,
    Message,
}

fn beside(file: &Path) -> Option<PathBuf> {
    let candidates = ENDINGS.map(|ending| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    });
    candidates.into_iter().find(|path| path.exists())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let describe = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(describe)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(describe)?;
    ensure!(bytes.len() as u64 <= MAX_BYTES, "{} is too large", path.display());
    Ok(bytes)
}

fn ring(place: &Place, file: &Path, keyrings: &[PathBuf]) -> Result<Keyring> {
    let mut ring = Keyring::default();
    if !keyrings.is_empty() {
        for path in keyrings {
            if path.is_dir() { ring.add_folder(path)? } else { ring.add(path)? }
        }
        return Ok(ring);
    }
    let world = World::open(place)?;
    match world.backends.iter().find_map(|backend| backend.keys_for(file)) {
        Some(Keys::Folder(folder)) => ring.add_folder(&folder)?,
        Some(Keys::Files(files)) => files.iter().try_for_each(|file| ring.add_distribution(file))?,
        None => {}
    }
    if ring.files.is_empty() {
        let message = format!("by whose keys {} is to be judged is not known", file.display());
        return Err(Hinted::new(Exit::Usage, message, "--keyring names a file of keys, or a folder of gpg's").into());
    }
    Ok(ring)
}
