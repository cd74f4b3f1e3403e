//! A small pacman machine of our own making: a few packages of every kind that the commands tell apart.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The machine's root folder, with a home and an index beside it.
pub struct PacmanRoot {
    folder: tempfile::TempDir,
}

/// Name, version and the rest of `desc`.
const OFFERED: [(&str, &str, &str, &str); 6] = [
    ("core", "base", "1-1", "%DESC%\nWhat every machine has\n\n%DEPENDS%\nlibtext\n"),
    (
        "core",
        "editor",
        "1:2.0-1",
        "%DESC%\nA small text editor\n\n%LICENSE%\nGPL\n\n%DEPENDS%\nlibtext>=1\n\n%OPTDEPENDS%\neditor-doc: its manual\n\n%CSIZE%\n2048\n\n%ISIZE%\n10240\n\n%BUILDDATE%\n1700000000\n\n%PACKAGER%\nSomebody <s@example.org>\n\n%URL%\nhttps://example.org/editor\n",
    ),
    ("core", "libtext", "1.5-1", "%DESC%\nText shaping library\n\n%PROVIDES%\nlibshape.so=1-64\n"),
    ("extra", "editor", "1:1.9-1", "%DESC%\nA small text editor\n"),
    ("extra", "editor-doc", "2.0-1", "%DESC%\nManual of the text editor\n\n%DEPENDS%\neditor\n"),
    ("extra", "lion", "3-1", "%DESC%\nAn animal\n\n%DEPENDS%\nlibshape.so\n"),
];

/// Name, version, reason and the rest of the local `desc`, files.
const INSTALLED: [(&str, &str, u8, &str, &str); 5] = [
    ("base", "1-1", 0, "%DEPENDS%\nlibtext\n", "etc/\netc/base.conf\n"),
    (
        "editor",
        "1:1.9-1",
        0,
        "%DEPENDS%\nlibtext>=1\n\n%SIZE%\n9000\n\n%VALIDATION%\npgp\n",
        "usr/\nusr/bin/\nusr/bin/editor\n",
    ),
    ("libtext", "1.5-1", 1, "%PROVIDES%\nlibshape.so=1-64\n\n%SIZE%\n4000\n", "usr/\nusr/lib/\nusr/lib/libtext.so\n"),
    ("local-tool", "0.1-1", 0, "%SIZE%\n10\n", "usr/\nusr/bin/\nusr/bin/tool\n"),
    ("old-lib", "1-1", 1, "%SIZE%\n20\n", "usr/\nusr/lib/\nusr/lib/libold.so\n"),
];

impl PacmanRoot {
    pub fn new() -> PacmanRoot {
        let root = PacmanRoot { folder: tempfile::tempdir().unwrap() };
        let etc = root.path("root/etc");
        fs::create_dir_all(&etc).unwrap();
        fs::create_dir_all(root.path("home")).unwrap();
        fs::create_dir_all(root.path("root/usr/bin")).unwrap();
        fs::write(root.path("root/usr/bin/editor"), "").unwrap();
        fs::write(etc.join("pacman.conf"), "[options]\nArchitecture = x86_64\n[core]\n[extra]\n").unwrap();
        for repository in ["core", "extra"] {
            root.write_repository(repository);
        }
        for (name, version, reason, rest, files) in INSTALLED {
            let folder = root.path(&format!("root/var/lib/pacman/local/{name}-{version}"));
            fs::create_dir_all(&folder).unwrap();
            let desc = format!(
                "%NAME%\n{name}\n\n%VERSION%\n{version}\n\n%DESC%\nThe {name}\n\n%ARCH%\nx86_64\n\n%REASON%\n{reason}\n\n{rest}\n"
            );
            fs::write(folder.join("desc"), desc).unwrap();
            fs::write(folder.join("files"), format!("%FILES%\n{files}\n")).unwrap();
        }
        fs::write(root.path("root/var/lib/pacman/local/ALPM_DB_VERSION"), "9\n").unwrap();
        root
    }

    fn write_repository(&self, repository: &str) {
        let folder = self.path("root/var/lib/pacman/sync");
        fs::create_dir_all(&folder).unwrap();
        let file = fs::File::create(folder.join(format!("{repository}.db"))).unwrap();
        let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
        for (_, name, version, rest) in OFFERED.iter().filter(|(of, ..)| *of == repository) {
            let desc = format!(
                "%FILENAME%\n{name}-{version}-x86_64.pkg.tar.zst\n\n%NAME%\n{name}\n\n%VERSION%\n{version}\n\n%ARCH%\nx86_64\n\n{rest}\n"
            );
            let mut header = tar::Header::new_gnu();
            header.set_size(desc.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            archive.append_data(&mut header, format!("{name}-{version}/desc"), desc.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap().flush().unwrap();
    }

    /// omg's own configuration of this machine.
    pub fn configure(&self, text: &str) {
        fs::create_dir_all(self.path("root/etc/omg")).unwrap();
        fs::write(self.path("root/etc/omg/config.toml"), text).unwrap();
    }

    /// Makes every index of it stale.
    pub fn touch_sources(&self) {
        self.write_repository("core");
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// An environment in which `omg` is ours and its machine this one.
    pub fn environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let omg = PathBuf::from(env!("CARGO_BIN_EXE_omg"));
        let path = format!("{}:/usr/bin:/bin", omg.parent().unwrap().display());
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("OMG_ROOT", self.path("root"))
            .env("OMG_INDEX_DIR", self.path("index"))
    }

    #[must_use]
    pub fn omg(&self, arguments: &[&str]) -> Output {
        self.environment(Command::new(env!("CARGO_BIN_EXE_omg")).args(arguments)).output().unwrap()
    }
}
