//! Where the two versions of the crate `alpm` differ.

use alpm::{Alpm, Error};

#[cfg(feature = "alpm13")]
pub type Db<'h> = alpm::Db<'h>;
#[cfg(feature = "alpm16")]
pub type Db<'h> = &'h alpm::Db;
#[cfg(feature = "alpm13")]
pub type Package<'h> = alpm::Package<'h>;
#[cfg(feature = "alpm16")]
pub type Package<'h> = &'h alpm::Package;
/// What both a package of a database and one loaded from a file are.
#[cfg(feature = "alpm13")]
pub type Pkg<'h> = alpm::Pkg<'h>;
#[cfg(feature = "alpm16")]
pub type Pkg<'h> = alpm::Pkg;
#[cfg(feature = "alpm13")]
pub type Dep<'h> = alpm::Dep<'h>;
#[cfg(feature = "alpm16")]
pub type Dep<'h> = &'h alpm::Dep;

/// A dependency that is not met, and the package whose removal or change is to blame, if one is.
pub struct Unmet {
    pub package: String,
    pub dependency: String,
    pub cause: Option<String>,
}

/// Why the library could not put a transaction together.
pub enum Obstacle {
    Unmet(Vec<Unmet>),
    /// Pairs.
    Conflicts(Vec<(String, String)>),
    Other(Error),
}

/// Why it could not carry one out: its error, and a line for each file or package.
pub type Failure = (Error, Vec<String>);

fn unmet(missing: &alpm::DepMissing) -> Unmet {
    Unmet {
        package: missing.target().to_owned(),
        dependency: missing.depend().to_string(),
        cause: missing.causing_pkg().map(str::to_owned),
    }
}

/// A file that is in the way: of which package that comes, its path, and whether another that comes has it too.
struct Clash {
    package: String,
    path: String,
    between_new: bool,
}

fn clash(conflict: &alpm::FileConflict) -> Clash {
    Clash {
        package: conflict.target().to_owned(),
        path: conflict.file().to_owned(),
        between_new: matches!(conflict.conflict_type(), alpm::FileConflictType::Target),
    }
}

#[cfg(feature = "alpm13")]
fn has_file(package: &Package<'_>, path: &str) -> bool {
    matches!(package.files().contains(path), Ok(Some(_)))
}

#[cfg(feature = "alpm16")]
fn has_file(package: &Package<'_>, path: &str) -> bool {
    package.files().contains(path).is_some()
}

/// Both crates name the package itself where its opponent is asked for, so that one is looked up.
fn clash_line(handle: &Alpm, clash: &Clash) -> String {
    let Clash { package, path, between_new } = clash;
    let inside = path.strip_prefix(handle.root()).unwrap_or(path).trim_start_matches('/');
    let has = |other: &Package<'_>| other.name() != package && has_file(other, inside);
    let owner = match between_new {
        true => handle.trans_add().into_iter().find(has),
        false => handle.localdb().pkgs().into_iter().find(has),
    };
    match (owner.map(|owner| owner.name().to_owned()), between_new) {
        (Some(owner), true) => format!("{path} is in {package} and in {owner}"),
        (Some(owner), false) => format!("{package}: {path} exists in filesystem (owned by {owner})"),
        (None, _) => format!("{package}: {path} exists in filesystem"),
    }
}

/// The path of a package that was loaded from a file.
#[cfg(feature = "alpm13")]
pub fn path_of<'h>(package: Package<'h>) -> Option<&'h str> {
    (package.origin() == alpm::PackageFrom::File).then(|| package.filename())
}

#[cfg(feature = "alpm16")]
pub fn path_of<'h>(package: Package<'h>) -> Option<&'h str> {
    package.filename().filter(|_| package.origin() == alpm::PackageFrom::File)
}

/// The name of a package's archive, as its repository has it.
#[cfg(feature = "alpm13")]
pub fn archive_of<'p>(package: &'p Package<'_>) -> Option<&'p str> {
    Some(package.filename())
}

#[cfg(feature = "alpm16")]
pub fn archive_of<'p>(package: &'p Package<'_>) -> Option<&'p str> {
    package.filename()
}

#[cfg(feature = "alpm13")]
pub fn conflicting(question: &alpm::ConflictQuestion<'_>) -> (String, String) {
    let conflict = question.conflict();
    (conflict.package1().to_owned(), conflict.package2().to_owned())
}

#[cfg(feature = "alpm16")]
pub fn conflicting(question: &alpm::ConflictQuestion<'_>) -> (String, String) {
    let conflict = question.conflict();
    (conflict.package1().name().to_owned(), conflict.package2().name().to_owned())
}

/// The key's fingerprint. Its owner is left unasked: the library does not know one for a database's signature, and both crates
/// would read the name of nobody.
#[cfg(feature = "alpm13")]
pub fn key_of(question: &alpm::ImportKeyQuestion<'_>) -> String {
    question.key().fingerprint().to_owned()
}

#[cfg(feature = "alpm16")]
pub fn key_of(question: &alpm::ImportKeyQuestion<'_>) -> String {
    question.fingerprint().to_owned()
}

#[cfg(feature = "alpm13")]
pub fn prepare(handle: &mut Alpm) -> Result<(), Obstacle> {
    use alpm::PrepareResult;
    handle.trans_prepare().map_err(|(data, error)| match data {
        PrepareResult::UnsatisfiedDeps(list) => Obstacle::Unmet(list.iter().map(|missing| unmet(&missing)).collect()),
        PrepareResult::ConflictingDeps(list) => {
            Obstacle::Conflicts(list.iter().map(|c| (c.package1().to_owned(), c.package2().to_owned())).collect())
        }
        // The list of packages of other architectures is one of names, which the crate would lend as packages.
        _ => Obstacle::Other(error),
    })
}

#[cfg(feature = "alpm16")]
pub fn prepare(handle: &mut Alpm) -> Result<(), Obstacle> {
    use alpm::PrepareData;
    handle.trans_prepare().map_err(|error| match error.data() {
        Some(PrepareData::UnsatisfiedDeps(list)) => Obstacle::Unmet(list.iter().map(unmet).collect()),
        Some(PrepareData::ConflictingDeps(list)) => Obstacle::Conflicts(
            list.iter().map(|c| (c.package1().name().to_owned(), c.package2().name().to_owned())).collect(),
        ),
        _ => Obstacle::Other(error.error()),
    })
}

/// What the library hands back with an error of its commit.
enum Detail {
    Clashes(Vec<Clash>),
    Archives(Vec<String>),
}

pub fn commit(handle: &mut Alpm) -> Result<(), Failure> {
    let Err((error, detail)) = try_commit(handle) else { return Ok(()) };
    let lines = match detail {
        Detail::Clashes(clashes) => clashes.iter().map(|clash| clash_line(handle, clash)).collect(),
        Detail::Archives(paths) => paths,
    };
    Err((error, lines))
}

#[cfg(feature = "alpm13")]
fn try_commit(handle: &mut Alpm) -> Result<(), (Error, Detail)> {
    use alpm::CommitResult;
    handle.trans_commit().map_err(|(data, error)| match data {
        CommitResult::FileConflict(list) => (error, Detail::Clashes(list.iter().map(|c| clash(&c)).collect())),
        CommitResult::PkgInvalid(list) => (error, Detail::Archives(list.iter().map(str::to_owned).collect())),
        CommitResult::Ok => (error, Detail::Archives(Vec::new())),
    })
}

#[cfg(feature = "alpm16")]
#[allow(unsafe_code, reason = "the crate lends file conflicts under the wrong type")]
fn try_commit(handle: &mut Alpm) -> Result<(), (Error, Detail)> {
    use alpm::{CommitData, Conflict, FileConflict};
    handle.trans_commit().map_err(|failure| {
        let detail = match failure.data() {
            Some(CommitData::FileConflict(list)) => {
                let clashes = list.iter().map(|conflict| {
                    // SAFETY: for this error the library made a list of file conflicts, as the crate's own destructor of
                    // it says; both types are transparent wrappers of what the library lends, alive as long as `failure`.
                    clash(unsafe { &*std::ptr::from_ref::<Conflict>(conflict).cast::<FileConflict>() })
                });
                Detail::Clashes(clashes.collect())
            }
            Some(CommitData::PkgInvalid(list)) => Detail::Archives(list.iter().map(str::to_owned).collect()),
            None => Detail::Archives(Vec::new()),
        };
        (failure.error(), detail)
    })
}

/// Sets what a package counts as; the local database is written at once.
#[cfg(feature = "alpm13")]
pub fn set_reason(handle: &Alpm, name: &str, reason: alpm::PackageReason) -> Result<(), Error> {
    handle.localdb().pkg(name)?.set_reason(reason)
}

#[cfg(feature = "alpm16")]
pub fn set_reason(handle: &Alpm, name: &str, reason: alpm::PackageReason) -> Result<(), Error> {
    handle.localdb().pkg(name)?.set_reason(reason)
}

/// The signatures that a database was believed for; `None` where it is not to be believed.
#[cfg(feature = "alpm13")]
pub fn signatures(database: &Db<'_>) -> Option<alpm::SigList> {
    match database.check_signature() {
        Ok((true, signatures)) => Some(signatures),
        _ => None,
    }
}

#[cfg(feature = "alpm16")]
pub fn signatures(database: &Db<'_>) -> Option<alpm::SigList> {
    let mut signatures = alpm::SigList::new();
    database.check_signature(&mut signatures).ok().map(|()| signatures)
}

/// Settings that only the newer library has.
#[cfg(feature = "alpm13")]
pub fn newer_options(_: &mut Alpm, _: &omg::backends::engine::Request) -> Result<(), Error> {
    Ok(())
}

#[cfg(feature = "alpm16")]
pub fn newer_options(handle: &mut Alpm, request: &omg::backends::engine::Request) -> Result<(), Error> {
    use omg::backends::alpm::key;
    handle.set_sandbox_user(request.values(key::DOWNLOAD_USER).next())?;
    handle.set_disable_sandbox_filesystem(request.values(key::DISABLE_SANDBOX_FILESYSTEM).next().is_some());
    handle.set_disable_sandbox_syscalls(request.values(key::DISABLE_SANDBOX_SYSCALLS).next().is_some());
    Ok(())
}

/// An address that may have packages and never databases; the older library has none of these.
#[cfg(feature = "alpm13")]
pub fn add_cache_server(_: &alpm::DbMut<'_>, _: &str) -> bool {
    true
}

#[cfg(feature = "alpm16")]
#[allow(unsafe_code, reason = "the crate does not offer it")]
pub fn add_cache_server(database: &alpm::DbMut<'_>, address: &str) -> bool {
    use std::ffi::{CString, c_char, c_int, c_void};
    unsafe extern "C" {
        fn alpm_db_add_cache_server(db: *mut c_void, url: *const c_char) -> c_int;
    }
    let Ok(address) = CString::new(address) else { return false };
    // SAFETY: the database lives as long as its handle, which `database` borrows; the library copies the address.
    unsafe { alpm_db_add_cache_server(database.as_ptr().cast(), address.as_ptr()) == 0 }
}
