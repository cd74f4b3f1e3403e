//! Ruby: its makers publish sources, and ruby-build makes them into programs, where that is installed.
//!
//! ruby-build fetches, checks and compiles by itself. A version counts as one that there is only where its definition has the SHA-256 of
//! all that it fetches, since ruby-build takes what has none as it comes; and a program that makes such a sum must be there, since
//! without one it checks nothing and says nothing.

use super::Shop;
use super::vouch::Vouched;
use crate::error::{Exit, Hinted};
use crate::model::Event;
use crate::runtimes::installed::Folders;
use crate::runtimes::sources::{Checksum, Release, sha256_digest};
use crate::runtimes::{Runtime, Version};
use crate::sys::archive::Layout;
use crate::sys::elevate::on_path;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A definition is some lines.
const MAX_DEFINITION_BYTES: u64 = 64 << 10;
/// So much of what a failed build said is told.
const TOLD_BYTES: u64 = 2000;

/// ruby-build, and where its definitions lie.
pub(super) struct Builder {
    program: PathBuf,
    folders: Vec<PathBuf>,
}

impl Builder {
    /// On the search path, or the plugin of rbenv.
    pub fn find(folders: &Folders) -> Result<Builder> {
        let search = std::env::var_os("PATH");
        let plugin = folders.home.as_ref().map(|home| home.join(".rbenv/plugins/ruby-build/bin/ruby-build"));
        let found = on_path("ruby-build", search.as_deref()).or_else(|| plugin.filter(|path| path.is_file()));
        let Some(program) = found else {
            let hint =
                "`omg install ruby-build` has the distribution's; what another manager installed is found and used";
            return Err(Hinted::new(Exit::Failed, "ruby is built by ruby-build, which is not here", hint).into());
        };
        let sums = ["shasum", "openssl", "sha256sum"];
        if sums.iter().all(|name| on_path(name, search.as_deref()).is_none()) {
            bail!("ruby-build would check nothing: there is none of {} here", sums.join(", "));
        }
        let own = fs::canonicalize(&program).unwrap_or_else(|_| program.clone());
        let own = own.parent().and_then(Path::parent).map(|at| at.join("share/ruby-build"));
        let set = std::env::var_os("RUBY_BUILD_DEFINITIONS").unwrap_or_default();
        let folders = std::env::split_paths(&set).filter(|folder| folder.is_absolute()).chain(own).collect();
        Ok(Builder { program, folders })
    }

    /// Every version that it can build and check.
    pub fn releases(&self) -> Vec<Release> {
        let entries = self.folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        let mut releases: Vec<Release> = Vec::new();
        for entry in entries {
            let version = entry.file_name().to_str().and_then(|name| Version::parse(Runtime::Ruby, name));
            if let Some(release) = version.and_then(|version| release(version, &entry.path()))
                // The first folder that has it counts, as for ruby-build.
                && releases.iter().all(|other| other.version != release.version)
            {
                releases.push(release);
            }
        }
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        releases
    }

    /// What is to be known before it is built.
    pub fn vouch(self, release: &Release) -> Result<Vouched> {
        let Checksum::Known(sha256) = &release.checksum else { bail!("its source has no checksum") };
        let from = format!("ruby-build's definition of {}", release.version);
        let mut vouched = Vouched::new(sha256.clone(), from, None);
        vouched
            .unverified
            .push("what was built: ruby-build fetched its source and checked that SHA-256 by itself".to_owned());
        vouched.builder = Some(self);
        Ok(vouched)
    }

    /// What a person is told beforehand.
    pub fn announcement(&self, release: &Release) -> String {
        format!("ruby {} is built from its source by {}, which takes minutes", release.version, self.program.display())
    }

    /// Builds a version into a folder that may be moved afterwards.
    pub fn build(&self, shop: &Shop<'_>, release: &Release, folder: &Path, scratch: &Path) -> Result<()> {
        let version = release.version.to_string();
        shop.observer.event(Event::Stage { what: &format!("building ruby {version}"), percent: 0 });
        let mut log = tempfile::tempfile_in(scratch).context("cannot write a temporary file")?;
        // Its scripts and libraries find each other wherever they are.
        let mut options = OsString::from("--enable-load-relative ");
        options.push(std::env::var_os("RUBY_CONFIGURE_OPTS").unwrap_or_default());
        let ended = Command::new(&self.program)
            .arg(&version)
            .arg(folder)
            .env("RUBY_CONFIGURE_OPTS", options)
            .env("TMPDIR", scratch)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .status()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if ended.success() {
            return Ok(());
        }
        let end = log.seek(SeekFrom::End(0))?;
        log.seek(SeekFrom::Start(end.saturating_sub(TOLD_BYTES)))?;
        let mut said = Vec::new();
        log.take(TOLD_BYTES).read_to_end(&mut said)?;
        bail!("{} failed ({ended}): {}", self.program.display(), String::from_utf8_lossy(&said).trim())
    }
}

fn release(version: Version, definition: &Path) -> Option<Release> {
    let mut text = String::new();
    File::open(definition).ok()?.take(MAX_DEFINITION_BYTES).read_to_string(&mut text).ok()?;
    let (url, sha256) = source(&text, &version.to_string())?;
    Some(Release {
        runtime: Runtime::Ruby,
        version,
        url,
        checksum: Checksum::Known(sha256),
        signature: None,
        lts: None,
        date: None,
        layout: Layout { below: "", strip: 0, into: "", without: "" },
    })
}

/// Where the source of a version lies, and its SHA-256; `None` where anything that its definition fetches has none.
fn source(text: &str, version: &str) -> Option<(String, String)> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut found = None;
    for line in lines {
        if line.contains("install_git") || line.contains("install_svn") {
            return None;
        }
        let words: Vec<&str> = line.split(['"', '\'', ' ', '\t']).filter(|word| !word.is_empty()).collect();
        for (at, word) in words.iter().enumerate().filter(|(_, word)| word.contains("://")) {
            let (url, digest) = word.split_once('#')?;
            let digest = sha256_digest(digest).ok()?;
            if at > 0 && words[at - 1] == format!("ruby-{version}") {
                found = Some((url.to_owned(), digest));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn only_what_has_a_checksum_for_all_of_it_is_built() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let good = format!(
            "# from https://example.org\ninstall_package \"openssl-3\" \"https://o.org/o.tar.gz#{a}\" openssl --if needs_openssl\n\
             install_package \"ruby-3.1.2\" \"https://r.org/ruby-3.1.2.tar.gz#{b}\" standard\n"
        );
        assert_eq!(source(&good, "3.1.2"), Some(("https://r.org/ruby-3.1.2.tar.gz".to_owned(), b.clone())));
        assert_eq!(source(&good, "3.1.3"), None);
        assert_eq!(source(&good.replace(&a, ""), "3.1.2"), None);
        assert_eq!(source(&good.replace(&format!("#{a}"), ""), "3.1.2"), None);
        assert_eq!(source(&good.replace(&a, "md5"), "3.1.2"), None);
        assert_eq!(source(&(good.clone() + "install_git \"x\" \"https://x.org\"\n"), "3.1.2"), None);
        assert_eq!(source("", "3.1.2"), None);
    }
}
