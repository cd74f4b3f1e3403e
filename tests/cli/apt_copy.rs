//! Copies of this machine's package lists and states in private configurations of apt: a second release, a foreign
//! architecture, pins, holds, older versions, other marks. The machine's own files are only read.

use omg::sys::unpack;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LISTS: &str = "/var/lib/apt/lists";
pub const NATIVE: &str = "amd64";
pub const FOREIGN: &str = "i386";

/// A configuration that names nothing of the machine's.
pub struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    fn empty(more: &str) -> Copy {
        let copy = Copy { folder: tempfile::tempdir().unwrap() };
        for name in ["lists/partial", "preferences.d", "admin/info", "sources.d", "conf.d", "cache/archives/partial"] {
            fs::create_dir_all(copy.path(name)).unwrap();
        }
        let at = copy.folder.path().display();
        copy.write(
            "apt.conf",
            &format!(
                "Dir::State \"{at}/\";\nDir::State::lists \"{at}/lists/\";\nDir::State::status \"{at}/admin/status\";\n\
                 Dir::State::extended_states \"{at}/extended_states\";\nDir::Etc::sourcelist \"{at}/sources.list\";\n\
                 Dir::Etc::sourceparts \"{at}/sources.d\";\nDir::Etc::preferences \"{at}/preferences\";\n\
                 Dir::Etc::preferencesparts \"{at}/preferences.d\";\nDir::Etc::parts \"{at}/conf.d\";\n\
                 Dir::Etc::main \"{at}/none\";\nDir::Cache \"{at}/cache\";\nAPT::Architecture \"{NATIVE}\";\n\
                 APT::Architectures {{ \"{NATIVE}\"; \"{FOREIGN}\"; }};\n{more}\n"
            ),
        );
        copy.write("admin/arch", &format!("{NATIVE}\n{FOREIGN}\n"));
        copy.write("extended_states", "");
        copy
    }

    pub fn config(&self) -> PathBuf {
        self.path("apt.conf")
    }

    pub fn admin(&self) -> PathBuf {
        self.path("admin")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// A release of these stanzas for one architecture.
    fn list(&self, release: &str, architecture: &str, stanzas: &[String]) {
        let stem = format!("lists/{release}.example_r_dists_{release}");
        self.write(
            &format!("{stem}_Release"),
            &format!("Origin: Debian\nLabel: Debian\nSuite: {release}\nCodename: {release}\nArchitectures: {NATIVE} {FOREIGN}\n"),
        );
        self.write(&format!("{stem}_main_binary-{architecture}_Packages"), &stanzas.concat());
    }

    /// Every kind of thing that decides about candidates, upgrades and holds.
    pub fn with_pins_holds_and_a_foreign_architecture() -> Copy {
        let copy = Copy::empty("");
        let installed = installed();
        let names: BTreeSet<&str> = installed.iter().map(|stanza| field(stanza, "Package")).collect();
        let offered = offered();
        let stable: Vec<String> = offered
            .iter()
            .enumerate()
            .filter(|(place, stanza)| place % 6 == 0 || names.contains(field(stanza, "Package")))
            .map(|(_, stanza)| stanza.clone())
            .collect();
        let newer: Vec<String> = stable
            .iter()
            .step_by(5)
            .map(|stanza| with(stanza, "Version", &format!("{}+t1", field(stanza, "Version"))))
            .collect();
        let foreign = |stanzas: &[String]| -> Vec<String> {
            let native = stanzas.iter().filter(|stanza| field(stanza, "Architecture") == NATIVE);
            native.step_by(3).map(|stanza| with(stanza, "Architecture", FOREIGN)).collect()
        };
        copy.list("stable", NATIVE, &stable);
        copy.list("stable", FOREIGN, &foreign(&stable));
        copy.list("testing", NATIVE, &newer);
        copy.list("testing", FOREIGN, &foreign(&newer));
        copy.write(
            "sources.list",
            "deb [trusted=yes] http://stable.example/r stable main\ndeb [trusted=yes] http://testing.example/r testing main\n",
        );
        let pin =
            |name: &str, pin: &str, priority: i32| format!("Package: {name}\nPin: {pin}\nPin-Priority: {priority}\n\n");
        copy.write(
            "preferences",
            &[
                pin("*", "release a=testing", 90),
                pin("lib*", "release a=testing", 990),
                pin("/^g.*s$/", "release n=testing", 1001),
                pin("python3*", "release a=stable", -1),
                pin("perl*:any", "version *", 995),
            ]
            .concat(),
        );
        let mut status = String::new();
        for (place, stanza) in installed.iter().enumerate() {
            let mut stanza = stanza.clone();
            if place % 7 == 0 {
                let version = field(&stanza, "Version");
                let (epoch, rest) = version.split_once(':').map_or(("", version), |(epoch, rest)| (epoch, rest));
                let older = if epoch.is_empty() { format!("0~{rest}") } else { format!("{epoch}:0~{rest}") };
                stanza = with(&stanza, "Version", &older);
            }
            if place % 5 == 0 {
                stanza = with(&stanza, "Status", "hold ok installed");
            }
            status.push_str(&stanza);
            if place % 9 == 0 && field(&stanza, "Architecture") == NATIVE && field(&stanza, "Multi-Arch") == "same" {
                status.push_str(&with(&stanza, "Architecture", FOREIGN));
            }
        }
        copy.write("admin/status", &status);
        copy.write("extended_states", &marks(&installed, 3));
        copy
    }

    /// Packages of two architectures that need each other in each way that deb-control(5) knows.
    pub fn with_needs_across_architectures() -> Copy {
        let copy = Copy::empty("");
        copy.write("sources.list", "");
        let (mut status, mut states) = (String::new(), String::new());
        let mut add = |name: &str, architecture: &str, multi_arch: &str, depends: &str, auto: bool| {
            status.push_str(&format!(
                "Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: {architecture}\nMaintainer: nobody\n\
                 Multi-Arch: {multi_arch}\nDepends: {depends}\nDescription: test\n\n"
            ));
            if auto {
                let recorded = if architecture == "all" { NATIVE } else { architecture };
                states.push_str(&format!("Package: {name}\nArchitecture: {recorded}\nAuto-Installed: 1\n\n"));
            }
        };
        add("app", NATIVE, "no", "script:any", false);
        add("guest", FOREIGN, "no", "lib, data, tool (>= 1), script:any", false);
        add("maker", NATIVE, "no", &format!("compiler:{FOREIGN}, linker:{NATIVE}"), false);
        add("lib", NATIVE, "same", "data", true);
        add("lib", FOREIGN, "same", "data", true);
        add("data", "all", "foreign", "", true);
        add("tool", NATIVE, "foreign", "", true);
        add("script", NATIVE, "allowed", "", true);
        add("compiler", NATIVE, "same", "", true);
        add("compiler", FOREIGN, "same", "", true);
        add("linker", NATIVE, "no", "", true);
        add("spare", FOREIGN, "no", "", true);
        copy.write("admin/status", &status);
        copy.write("extended_states", &states);
        copy
    }

    /// This machine with most of its packages marked as dependencies.
    pub fn with_many_orphans(more: &str) -> Copy {
        let copy = Copy::empty(more);
        copy.write("sources.list", "");
        copy.write("admin/status", &installed().concat());
        copy.write("extended_states", &marks(&installed(), 12));
        copy
    }

    /// Lines that one of apt's programs prints under this configuration.
    pub fn lines(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        super::apt::lines(Some(&self.config()), program, arguments)
    }
}

/// Automatic marks for all but every `nth` package.
fn marks(installed: &[String], nth: usize) -> String {
    let automatic = installed.iter().enumerate().filter(|(place, _)| place % nth != 0);
    let mark = |stanza: &String| {
        let architecture = if field(stanza, "Architecture") == "all" { NATIVE } else { field(stanza, "Architecture") };
        format!("Package: {}\nArchitecture: {architecture}\nAuto-Installed: 1\n\n", field(stanza, "Package"))
    };
    automatic.map(|(_, stanza)| mark(stanza)).collect()
}

/// The stanzas of what is installed in full.
fn installed() -> Vec<String> {
    let text = fs::read_to_string("/var/lib/dpkg/status").unwrap();
    stanzas(&text)
        .filter(|stanza| field(stanza, "Status").ends_with(" ok installed"))
        .map(|stanza| with(&stanza, "Status", "install ok installed"))
        .collect()
}

/// The stanzas of the largest list.
fn offered() -> Vec<String> {
    let lists = fs::read_dir(LISTS).unwrap().map(|entry| entry.unwrap().path());
    let of_packages = lists.filter(|path| path.to_string_lossy().contains(&format!("_binary-{NATIVE}_Packages")));
    let largest = of_packages.max_by_key(|path| fs::metadata(path).map_or(0, |metadata| metadata.len())).unwrap();
    let bytes = unpack::read(Path::new(&largest)).unwrap();
    stanzas(&String::from_utf8_lossy(&bytes)).collect()
}

/// Each with the empty line that ends it.
fn stanzas(text: &str) -> impl Iterator<Item = String> {
    text.split("\n\n")
        .filter(|stanza| !stanza.trim().is_empty())
        .map(|stanza| format!("{}\n\n", stanza.trim_matches('\n')))
}

fn field<'s>(stanza: &'s str, name: &str) -> &'s str {
    let of = |line: &'s str| line.strip_prefix(name)?.strip_prefix(": ");
    stanza.lines().find_map(of).unwrap_or("").trim()
}

/// The stanza with another value for a field that it has.
fn with(stanza: &str, name: &str, value: &str) -> String {
    let line = |line: &str| {
        if line.starts_with(&format!("{name}: ")) { format!("{name}: {value}\n") } else { format!("{line}\n") }
    };
    stanza.lines().map(line).collect()
}

/// Whether this machine can be copied: the copies say what architecture is native.
pub fn has_copies(test: &str) -> bool {
    if !crate::support::has_apt(test) {
        return false;
    }
    let architecture = Command::new("dpkg").arg("--print-architecture").output().unwrap().stdout;
    let has = architecture.trim_ascii() == NATIVE.as_bytes();
    if !has {
        println!("skipped {test}: the native architecture is not {NATIVE}");
    }
    has
}
