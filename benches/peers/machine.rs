//! The machines that are measured: this one's apt packages with an AUR of full size, and pacman's largest real set.

use super::measure::Program;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The static omg with its engines, and the empty static program built with the same flags.
pub struct Tools {
    pub omg: PathBuf,
    pub empty: PathBuf,
    _folder: TempDir,
}

impl Tools {
    pub fn build() -> Result<Tools> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let omg = match std::env::var_os("OMG_STATIC") {
            Some(path) => path.into(),
            None => {
                run(Command::new(here.join("setup")).arg("build"))?;
                here.join("target/dist/omg")
            }
        };
        let folder = tempfile::tempdir()?;
        let empty = folder.path().join("empty");
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2024", "-C", "opt-level=3", "-C", "strip=symbols"]);
        rustc.args(["-C", "target-feature=+crt-static", "-C", "relocation-model=static", "-o"]);
        run(rustc.arg(&empty).arg(here.join("benches/peers/empty.rs")))?;
        Ok(Tools { omg, empty, _folder: folder })
    }
}

/// Where omg and its peers find one set of packages.
pub struct Machine {
    folder: TempDir,
    omg: PathBuf,
    /// Arguments of every omg command.
    options: Vec<String>,
    env: Vec<(String, String)>,
}

impl Machine {
    /// This machine's lists, and the AUR.
    pub fn of_apt(tools: &Tools) -> Result<Machine> {
        let machine = Machine::unindexed(tools, Some(&aur(97_000)?))?;
        machine.refresh()?;
        Ok(machine)
    }

    /// The same before the first refresh; `aur` is a metadata file.
    pub fn unindexed(tools: &Tools, aur: Option<&Path>) -> Result<Machine> {
        let folder = tempfile::tempdir()?;
        let root = folder.path();
        for made in ["lists/partial", "cache/archives/partial", "parts", "state", "index"] {
            fs::create_dir_all(root.join(made))?;
        }
        plain_lists(Path::new("/var/lib/apt/lists"), &root.join("lists"))?;
        fs::copy("/var/lib/dpkg/status", root.join("state/status"))?;
        let at = root.display();
        let conf = format!(
            "Dir::State::lists \"{at}/lists\";\nDir::State::status \"{at}/state/status\";\nDir::Cache \"{at}/cache\";\n\
             Dir::Cache::pkgcache \"pkgcache.bin\";\nDir::Cache::srcpkgcache \"srcpkgcache.bin\";\nDir::Etc::parts \"{at}/parts\";\n"
        );
        fs::write(root.join("apt.conf"), conf)?;
        let env = |name: &str, value: String| (name.to_owned(), value);
        let mut machine = Machine {
            env: vec![
                env("APT_CONFIG", format!("{at}/apt.conf")),
                env("OMG_INDEX_DIR", format!("{at}/index")),
                env("OMG_STATE_DIR", format!("{at}/journal")),
                env("LC_ALL", "C.UTF-8".into()),
            ],
            omg: tools.omg.clone(),
            options: Vec::new(),
            folder,
        };
        if let Some(aur) = aur {
            machine.env.push(env("OMG_AUR_FILE", aur.display().to_string()));
        }
        machine.peer(&["apt-cache", "gencaches"]).time()?;
        Ok(machine)
    }

    /// The largest real set of sync databases with the largest local database.
    pub fn of_pacman(tools: &Tools) -> Result<Machine> {
        let folder = tempfile::tempdir()?;
        let root = folder.path();
        let repositories = pacman_databases(root)?;
        let at = root.display();
        let mut conf =
            format!("[options]\nArchitecture = auto\nDBPath = {at}/db\nRootDir = {at}/root\nSigLevel = Never\n");
        // Nothing of these sets has what their newest versions need, and pacman upgrades all or nothing.
        conf += "IgnorePkg = rsync xfsprogs\n";
        for repository in repositories {
            conf += &format!("[{repository}]\nServer = file:///nowhere\n");
        }
        fs::write(root.join("pacman.conf"), conf)?;
        let options =
            vec!["--backend=pacman".into(), format!("--config={at}/pacman.conf"), format!("--dbpath={at}/db")];
        let env = ["index", "journal"].map(|name| format!("{at}/{name}"));
        let env = ["OMG_INDEX_DIR", "OMG_STATE_DIR"].into_iter().map(str::to_owned).zip(env).collect();
        let machine = Machine { omg: tools.omg.clone(), options, env, folder };
        machine.refresh()?;
        Ok(machine)
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub fn omg(&self, words: &[&str]) -> Program {
        let argv = [self.omg.display().to_string()].into_iter().chain(self.options.clone());
        let program = Program::new(argv.chain(words.iter().map(|word| (*word).to_owned())));
        self.with_env(program).labelled(&format!("omg {}", words.join(" ")))
    }

    /// Another program on the same packages.
    pub fn peer(&self, words: &[&str]) -> Program {
        self.with_env(Program::new(words))
    }

    fn with_env(&self, program: Program) -> Program {
        self.env.iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    /// Indexes it, and says what came out.
    pub fn refresh(&self) -> Result<()> {
        let status = self.omg(&["refresh", "--force"]).command().stderr(Stdio::inherit()).status()?;
        ensure!(status.success(), "omg refresh failed");
        Ok(())
    }

    /// Bytes of the index on disk.
    pub fn index_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(self.path("index"))? {
            bytes += entry?.metadata()?.len();
        }
        Ok(bytes)
    }
}

/// Every list of a folder, unpacked.
pub fn plain_lists(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if !entry.file_type()?.is_file() || name == "lock" {
            continue;
        }
        let plain = ["lz4", "xz", "gz", "zst", "bz2"].into_iter().find_map(|end| name.strip_suffix(&format!(".{end}")));
        match plain {
            Some(plain) => {
                let out = fs::File::create(to.join(plain))?;
                let helper = Path::new("/usr/lib/apt/apt-helper");
                run(Command::new(helper).arg("cat-file").arg(entry.path()).stdout(out))?;
            }
            None => _ = fs::copy(entry.path(), to.join(&name))?,
        }
    }
    Ok(())
}

/// The AUR's metadata with that many packages, made from real ones; kept between runs.
pub fn aur(packages: usize) -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/bench/aur-{packages}.json.gz"));
    if !path.exists() {
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        let mut cargo = Command::new("cargo");
        cargo.args(["run", "--quiet", "--release", "--example", "make-aur-metadata", "--"]);
        run(cargo.arg(&path).arg("--packages").arg(packages.to_string()).current_dir(env!("CARGO_MANIFEST_DIR")))?;
    }
    Ok(path)
}

pub fn shared_data() -> PathBuf {
    std::env::var_os("OMG_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from)
}

pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// Whether a program is there to be compared with.
pub fn there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Lays out the sync databases and the local database below `root`; the names of the repositories, in order.
fn pacman_databases(root: &Path) -> Result<Vec<String>> {
    const SETS: [&str; 4] = ["arch-2026-03", "arch-2022-09", "arch-2017-12", "msys2-2024-05"];
    let data = shared_data();
    fs::create_dir_all(root.join("db/sync"))?;
    fs::create_dir_all(root.join("root"))?;
    fs::create_dir_all(root.join("index"))?;
    let mut repositories = Vec::new();
    for set in SETS {
        let folder = data.join("arch-sync").join(set);
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort_unstable();
        for name in names.iter().filter(|name| !name.ends_with(".sig")) {
            let Some((stem, _)) = name.split_once('.') else { continue };
            let repository = format!("{stem}-{set}");
            fs::copy(folder.join(name), root.join("db/sync").join(format!("{repository}.db")))?;
            repositories.push(repository);
        }
    }
    let local = data.join("arch-local/arch-v-2017-12-local.tar.zst");
    let unpacked = root.join("unpacked");
    fs::create_dir(&unpacked)?;
    run(Command::new("tar").args(["-I", "zstd", "-xf"]).arg(&local).arg("-C").arg(&unpacked))?;
    fs::rename(unpacked.join("var/lib/pacman/local"), root.join("db/local"))?;
    fs::write(root.join("db/local/ALPM_DB_VERSION"), "9\n")?;
    Ok(repositories)
}
