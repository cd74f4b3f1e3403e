//! Holds runtimes, installed or about to be, against the compiled advisories, where there are such: of Go, whose standard library and
//! tools OSV has among Go's modules. Of no other runtime's versions does any publisher here speak.

use super::open::Known;
use super::registry::{Said, look_up};
use super::report::{Report, Request, Spot};
use super::sources::speaks_of_registry;
use crate::audit::ecosystem::Ecosystem;
use crate::audit::ecosystem::range::{Verdict, is_affected};
use crate::audit::locks::{Locked, Source};
use crate::config::IgnoredAdvisory;
use crate::index::advisories::Advisories;
use crate::model::Open;
use crate::runtimes::Runtime;
use crate::runtimes::installed::{Folders, Installed};
use anyhow::Result;

/// The modules that a release of Go is, to its advisories.
const OF_GO: [&str; 2] = ["stdlib", "toolchain"];

pub fn scan(
    folders: &Folders,
    advisories: &Advisories,
    request: &Request<'_>,
    ignored: &[&IgnoredAdvisory],
    report: &mut Report,
) -> Result<()> {
    let all = Runtime::ALL.into_iter().flat_map(|runtime| [folders.own(runtime), folders.others(runtime)].concat());
    let (of_go, others): (Vec<Installed>, Vec<Installed>) = all.partition(|one| one.runtime == Runtime::Go);
    let is_covered = !of_go.is_empty() && advisories.covers(Ecosystem::Go.purl())?;
    let unknown = others.iter().chain(of_go.iter().filter(|_| !is_covered));
    report.runtimes_unknown = unknown.map(|one| format!("{} {}", one.runtime.name(), one.version)).collect();
    for name in OF_GO.into_iter().filter(|_| is_covered) {
        let said = Said::about(advisories, Ecosystem::Go, name)?;
        for one in &of_go {
            let package = Locked {
                ecosystem: Ecosystem::Go,
                name: name.to_owned(),
                version: Some(of_modules(&one.version.to_string())),
                source: Source::Registry(String::new()),
                checksums: Vec::new(),
                is_dev: None,
                depends_on: Vec::new(),
                line: 0,
            };
            let spot = Spot { file: one.path.clone(), line: None, is_dev: None };
            look_up(advisories, (&package, name, &[spot]), &said, request, ignored, report)?;
        }
    }
    report.runtimes = of_go.len() * usize::from(is_covered);
    Ok(())
}

/// The advisories that are open for a version, or why that is not known.
pub fn against(known: &Known, runtime: Runtime, version: &str) -> Result<Open, String> {
    if runtime != Runtime::Go {
        return Err(format!("no publisher of advisories speaks of versions of {}", runtime.name()));
    }
    let (registry, version) = (Ecosystem::Go, of_modules(version));
    let mut open = Open::default();
    for name in OF_GO {
        let speaks = |publisher: &str| speaks_of_registry(publisher, registry);
        let advisories = known.relied_on(&speaks, (registry.purl(), name))?;
        if !advisories.covers(registry.purl()).map_err(|error| error.to_string())? {
            return Err("advisories about Go are not fetched here".to_owned());
        }
        for (_, advisory) in advisories.about((registry.purl(), name)).map_err(|error| error.to_string())? {
            match is_affected(registry, &advisory.affected, &version) {
                Verdict::Good => {}
                Verdict::Bad { .. } => known.add(&advisory, &[name, runtime.name()], &mut open),
                Verdict::Unknown(why) => return Err(format!("{}: {why}", advisory.id)),
            }
        }
    }
    Ok(open)
}

/// A release of Go as its advisories write it: `1.22rc1` is `1.22.0-rc.1`.
fn of_modules(version: &str) -> String {
    let end = version.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(version.len());
    let (numbers, pre) = version.split_at(end);
    let missing = 2_usize.saturating_sub(numbers.matches('.').count());
    let pre = match pre.find(|c: char| c.is_ascii_digit()) {
        Some(at) => format!("-{}.{}", &pre[..at], &pre[at..]),
        None => String::new(),
    };
    numbers.to_owned() + &".0".repeat(missing) + &pre
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use super::super::sources::{Kind, Source as Publisher};
    use super::*;
    use jiff::civil::date;
    use std::fs;
    use std::path::PathBuf;

    #[test]
    fn releases_of_go_as_its_advisories_write_them() {
        let all = ["1.22.3", "1.22", "1.21rc2", "1.9beta1"].map(of_modules);
        assert_eq!(all, ["1.22.3", "1.22.0", "1.21.0-rc.2", "1.9.0-beta.1"]);
        assert!(all.iter().all(|version| Ecosystem::Go.is_version(version)));
    }

    #[test]
    fn of_a_go_that_is_about_to_be_installed_it_is_known_what_is_open_and_of_no_other() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("osv.json");
        let record = |name: &str, fixed: &str| {
            format!(
                r#"{{"id": "GO-{name}", "database_specific": {{"severity": "HIGH"}}, "affected": [{{"package":
                {{"ecosystem": "Go", "name": "{name}"}}, "ranges": [{{"type": "SEMVER", "events": [{{"introduced": "0"}},
                {{"fixed": "{fixed}"}}]}}]}}]}}"#
            )
        };
        let compiled = |text: &str| {
            fs::write(&path, text).unwrap();
            let publisher =
                Publisher { kind: Kind::Osv, name: "Go", address: "file:///x".to_owned(), path: path.clone() };
            compile(home.path(), &[publisher], "", 7).unwrap();
            Known::open(home.path(), jiff::Timestamp::now().as_second(), None)
        };
        let known = compiled(&(record("stdlib", "1.22.5") + &record("toolchain", "1.22.2")));
        let worst = |version: &str| against(&known, Runtime::Go, version).unwrap().worst.map(|(_, id)| id);
        assert_eq!(worst("1.22.1").as_deref(), Some("GO-stdlib"));
        assert_eq!((worst("1.22.4").as_deref(), worst("1.22.5")), (Some("GO-stdlib"), None));
        let other = against(&known, Runtime::Node, "22.1.0").unwrap_err();
        assert_eq!(other, "no publisher of advisories speaks of versions of node");
        // What cannot be known is not good.
        let error = |known: &Known| against(known, Runtime::Go, "1.22.9").unwrap_err();
        assert_eq!(
            error(&compiled(&record("x", "1").replace("\"Go\"", "\"npm\""))),
            "advisories about Go are not fetched here"
        );
        assert_eq!(error(&Known::nothing("there are no advisories here")), "there are no advisories here");
        let unreadable = record("stdlib", "1.22.5").replace("\"events\"", "\"events\": 7, \"x\"");
        assert!(error(&compiled(&(unreadable + &record("toolchain", "1")))).starts_with("Go: \"GO-stdlib\": left out"));
        assert!(error(&compiled(&record("toolchain", "odd"))).starts_with("GO-toolchain: "));
    }

    #[test]
    fn an_installed_go_is_two_modules_and_others_are_named() {
        let home = tempfile::tempdir().unwrap();
        for below in ["go/1.22.3", "go/1.23.0", "go/1.22rc1", "node/22.1.0"] {
            fs::create_dir_all(home.path().join("omg/versions").join(below)).unwrap();
        }
        let folders = Folders::of(&|name| (name == "OMG_DATA_HOME").then(|| home.path().join("omg"))).unwrap();
        let record = |module: &str, fixed: &str| {
            format!(
                r#"{{"id": "GO-{module}", "affected": [{{"package": {{"ecosystem": "Go", "name": "{module}"}}, "ranges":
                [{{"type": "SEMVER", "events": [{{"introduced": "1.22.0-0"}}, {{"fixed": "{fixed}"}}]}}]}}]}}"#
            )
        };
        let scanned = |text: &str| {
            let path = home.path().join("osv.json");
            fs::write(&path, text).unwrap();
            let publisher = Publisher { kind: Kind::Osv, name: "Go", address: "file:///x".to_owned(), path };
            compile(home.path(), &[publisher], "", 7).unwrap();
            let advisories = Advisories::open(home.path()).unwrap();
            let request = Request {
                at_least: None,
                all: false,
                texts: false,
                shows: &|_| true,
                vex: &[],
                ignore: &[],
                today: date(2026, 1, 1),
                now: 0,
                max_age_days: 7,
            };
            let mut report = Report::default();
            scan(&folders, &advisories, &request, &[], &mut report).unwrap();
            report
        };
        let report = scanned(&(record("stdlib", "1.22.5") + &record("toolchain", "1.22.2")));
        let found = report.findings.iter().map(|one| (one.advisory.id.as_str(), one.version.as_str()));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [("GO-stdlib", "1.22.0-rc.1"), ("GO-stdlib", "1.22.3"), ("GO-toolchain", "1.22.0-rc.1")]
        );
        let place: PathBuf = home.path().join("omg/versions/go/1.22.3");
        assert_eq!(report.findings[1].places[0].file, place);
        assert_eq!((report.runtimes, report.runtimes_unknown), (3, vec!["node 22.1.0".to_owned()]));
        // Where nothing is known of Go, it is among the others.
        let report = scanned(&record("x", "1").replace("\"Go\"", "\"npm\""));
        assert_eq!((report.findings.len(), report.runtimes, report.runtimes_unknown.len()), (0, 0, 4));
    }
}
