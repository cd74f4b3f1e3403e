//! Where a repository's objects are: its packs, its loose objects, and those of the repositories it borrows from.

use super::{Cache, Id, Kind, MAX_WHOLE, Pack};
use crate::model::Problem;
use anyhow::{Context, Result, bail};
use flate2::read::ZlibDecoder;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const MAX_INDEX_BYTES: u64 = 1 << 30;
const MAX_TEXT_BYTES: u64 = 64 << 10;
const MAX_ALTERNATES: usize = 16;

pub struct Store {
    pub packs: Vec<Pack>,
    /// Paths of loose objects, with their ids.
    pub loose: Vec<(Id, PathBuf)>,
    /// Bytes of an id.
    pub hash: usize,
    pub problems: Vec<Problem>,
}

/// A repository's folders.
pub struct Repository {
    /// What its files lie below.
    pub top: PathBuf,
    /// What belongs to this work tree alone, such as its index.
    pub own: PathBuf,
    /// What all its work trees share.
    pub common: PathBuf,
}

impl Repository {
    /// The one that a path is in, as git finds it; `None` where there is none.
    pub fn find(path: &Path) -> Option<Repository> {
        path.canonicalize().ok()?.ancestors().find_map(Repository::at)
    }

    /// The one whose top is this folder.
    pub fn at(folder: &Path) -> Option<Repository> {
        let inside = folder.join(".git");
        let is_one = |folder: &Path| folder.join("objects").is_dir() && folder.join("HEAD").exists();
        let (own, common) = if is_one(&inside) {
            (inside.clone(), inside)
        } else if inside.is_file() {
            linked(folder, &inside)?
        } else if is_one(folder) {
            (folder.to_owned(), folder.to_owned())
        } else {
            return None;
        };
        Some(Repository { top: folder.to_owned(), own, common })
    }
}

pub fn is_sha256(repository: &Path) -> bool {
    let config = text(&repository.join("config")).unwrap_or_default().to_ascii_lowercase();
    config.lines().any(|line| {
        line.split_once('=').is_some_and(|(key, value)| key.trim() == "objectformat" && value.trim() == "sha256")
    })
}

impl Store {
    pub fn open(repository: &Path) -> Store {
        let hash = if is_sha256(repository) { 32 } else { 20 };
        let mut store = Store { packs: Vec::new(), loose: Vec::new(), hash, problems: Vec::new() };
        let mut folders = vec![repository.join("objects")];
        let mut at = 0;
        while let Some(folder) = folders.get(at).cloned().filter(|_| at < MAX_ALTERNATES) {
            store.add(&folder);
            let others = text(&folder.join("info/alternates")).unwrap_or_default();
            for other in others.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).take(MAX_ALTERNATES) {
                let other = folder.join(other);
                if !folders.contains(&other) {
                    folders.push(other);
                }
            }
            at += 1;
        }
        store
    }

    fn add(&mut self, objects: &Path) {
        for pack in listed(&objects.join("pack")).filter(|path| path.extension().is_some_and(|end| end == "pack")) {
            match self.pack(&pack) {
                Ok(opened) => {
                    if opened.lost() > 0 {
                        let message = format!("{} of its objects are made of some that are not in it", opened.lost());
                        self.problems.push(Problem { path: pack, message });
                    }
                    self.packs.push(opened);
                }
                Err(error) => self.problems.push(Problem { path: pack, message: format!("{error:#}") }),
            }
        }
        let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        for folder in listed(objects).filter(|path| name(path).len() == 2) {
            for path in listed(&folder) {
                if let Some(id) = unhex(&(name(&folder) + &name(&path)), self.hash) {
                    self.loose.push((id, path));
                }
            }
        }
    }

    fn pack(&self, path: &Path) -> Result<Pack> {
        let index = read(&path.with_extension("idx"), MAX_INDEX_BYTES).context("its index cannot be read")?;
        Pack::new(path.to_owned(), open(path)?, &index, self.hash)
    }

    /// An object by its id. `caches`: one for each pack.
    pub fn read(&self, id: &Id, caches: &mut [Cache]) -> Option<(Kind, Vec<u8>)> {
        for (pack, cache) in self.packs.iter().zip(caches) {
            if let Some(at) = pack.find(id) {
                return Some((pack.kind(at)?, pack.whole(at, cache).ok()?.to_vec()));
            }
        }
        let at = self.loose.binary_search_by_key(id, |(id, _)| *id).ok()?;
        let (kind, stream) = loose(&self.loose[at].1).ok()?;
        let mut bytes = Vec::new();
        stream.take(MAX_WHOLE).read_to_end(&mut bytes).ok()?;
        Some((kind, bytes))
    }
}

/// A loose object's kind, and its content.
pub fn loose(path: &Path) -> Result<(Kind, impl Read)> {
    let mut stream = ZlibDecoder::new(open(path)?);
    let mut head = Vec::new();
    while head.last() != Some(&0) {
        if head.len() > 32 || (&mut stream).take(1).read_to_end(&mut head)? == 0 {
            bail!("no object of git's");
        }
    }
    let kind = head.split(|byte| *byte == b' ').next().and_then(Kind::named).context("an object of no known kind")?;
    Ok((kind, stream))
}

/// The repository that a file `.git` tells of: a further work tree, or a submodule. Its own folder, and the one it shares.
fn linked(folder: &Path, file: &Path) -> Option<(PathBuf, PathBuf)> {
    let text = text(file)?;
    let repository = folder.join(text.strip_prefix("gitdir:")?.trim());
    let common = self::text(&repository.join("commondir"));
    let common = common.map_or(repository.clone(), |common| repository.join(common.trim()));
    common.join("objects").is_dir().then_some((repository, common))
}

fn open(path: &Path) -> Result<File> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if !file.metadata()?.is_file() {
        bail!("not a file");
    }
    Ok(file)
}

pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        bail!("larger than {most} bytes");
    }
    Ok(bytes)
}

fn text(path: &Path) -> Option<String> {
    String::from_utf8(read(path, MAX_TEXT_BYTES).ok()?).ok()
}

/// What a folder holds, by name.
pub fn listed(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.into_iter()
}

fn unhex(text: &str, hash: usize) -> Option<Id> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes: Option<Vec<u8>> =
        text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect();
    bytes.filter(|bytes| bytes.len() == hash).map(|bytes| Id::of(&bytes))
}
