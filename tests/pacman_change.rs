//! Changes made by omg's engine held against the same changes made by pacman: packages and a signed repository of our own making,
//! two roots that begin alike, one changed by each; afterwards the local databases, reasons and files must be the same.
//!
//! Where pacman, gpg, root or the engine is missing, the test says so and passes.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tests say what they skipped")]

#[path = "support/pacman.rs"]
mod pacman;

use omg::backends::Backend;
use omg::backends::engine::{Ask, EngineCommand, EngineError, Progress};
use omg::model::{Action, Mark, Marked, Order, Plan, Reason, Resolution, Step, Target, Task, Why};
use pacman::{APP, LIB, Made, Root, World, made, output, resync, same, twins};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

// -------------------------------------------------------------------------------------------------------------------- orders

fn order(task: Task, names: &[&str]) -> Order {
    let targets = names.iter().map(|name| target(name)).collect();
    Order::new(task, targets)
}

/// `REPOSITORY/NAME=VERSION`.
fn target(text: &str) -> Target {
    let (repository, rest) = text.split_once('/').map_or((None, text), |(before, rest)| (Some(before), rest));
    let (name, version) = rest.split_once('=').map_or((rest, None), |(name, version)| (name, Some(version)));
    let own = |text: Option<&str>| text.map(str::to_owned);
    Target { name: name.to_owned(), version: own(version), repository: own(repository), ..Target::default() }
}

const REMOVE: Task = Task::Remove { purge: false, recursive: false };
const UPGRADE: Task = Task::Upgrade { full: true };

fn steps(plan: &Plan) -> Vec<(Action, &str, &Why)> {
    plan.steps.iter().map(|step| (step.action, step.name.as_str(), &step.why)).collect()
}

fn step<'a>(plan: &'a Plan, name: &str) -> &'a Step {
    plan.steps.iter().find(|step| step.name == name).unwrap_or_else(|| panic!("no {name}: {plan:#?}"))
}

// --------------------------------------------------------------------------------------------------------------------- cases

#[test]
fn install_with_a_dependency() {
    let Some(world) = World::new("install_with_a_dependency") else { return };
    world.publish(&[APP, LIB]);
    let (ours, theirs) = twins(&world, "", &[]);
    let plan = ours.plan(&order(Task::Install, &["app"]));
    let needed = Why::NeededBy("app".into());
    assert_eq!(steps(&plan), [(Action::Install, "app", &Why::Asked), (Action::Install, "lib", &needed)]);
    let (app, lib) = (step(&plan, "app"), step(&plan, "lib"));
    assert_eq!((app.reason, lib.reason), (Reason::Explicit, Reason::Dependency));
    assert_eq!((app.signed, app.repository.as_str(), app.sha256.len()), (Some(true), "test", 64));
    assert_eq!((plan.disk_bytes, plan.decider.starts_with("libalpm ")), (8192, true));
    assert_eq!(plan.download_bytes, (APP.archive().len() + LIB.archive().len()) as u64);
    let events = ours.apply(&plan);
    let changing = events.iter().position(|event| *event == Progress::Changing).expect("it changed something");
    let is_work = |e: &Progress| matches!(e, Progress::Working { what, .. } if what == "installing lib");
    assert!(events.iter().position(is_work).unwrap() > changing, "{events:?}");
    theirs.pacman(&["-S", "app"]);
    same(&ours, &theirs);
    let log = ours.log();
    assert!(log.contains("[OMG] Running 'omg test 100%s'") && log.contains("[ALPM] installed lib (1.0-1)"), "{log}");
    // omg's own reader of the log knows the command.
    let mut found = Vec::new();
    ours.alpm().read_logs(&[log], &jiff::tz::TimeZone::UTC, &mut |transaction, _| found.push(transaction));
    assert_eq!(found.last().map(|transaction| transaction.command.as_str()), Some("omg test 100%s"));
    // What is there is left alone; a dependency becomes asked for.
    assert!(ours.plan(&order(Task::Install, &["app"])).is_empty());
    let plan = ours.omg(&order(Task::Install, &["lib"]));
    let marked = Marked { name: "lib".into(), arch: String::new(), mark: Mark::Explicit };
    assert_eq!((plan.steps.len(), &plan.marks), (0, &vec![marked]));
    theirs.pacman(&["-D", "--asexplicit", "lib"]);
    same(&ours, &theirs);
    let plan = ours.omg(&order(Task::Mark(Mark::Auto), &["lib", "app"]));
    assert_eq!(plan.marks.len(), 2);
    theirs.pacman(&["-D", "--asdeps", "lib", "app"]);
    same(&ours, &theirs);
    assert!(ours.plan(&order(Task::Mark(Mark::Auto), &["lib"])).is_empty());
    assert!(matches!(ours.resolve(&order(Task::Mark(Mark::Held), &["lib"])), Resolution::Impossible(_)));
    assert!(matches!(ours.resolve(&order(Task::Mark(Mark::Auto), &["none"])), Resolution::Unknown(_)));
    ours.omg(&order(Task::Mark(Mark::Explicit), &["app"]));
    theirs.pacman(&["-D", "--asexplicit", "app"]);
    // Fetched already.
    assert_eq!(ours.omg(&order(Task::Reinstall, &["app"])).download_bytes, 0);
    theirs.pacman(&["-S", "app"]);
    same(&ours, &theirs);
}

#[test]
fn upgrade_everything() {
    let Some(world) = World::new("upgrade_everything") else { return };
    let old = [
        APP,
        LIB,
        made("epoch", "9.0-1", &[]),
        made("old-name", "1-1", &[]),
        made("held", "1-1", &[]),
        made("grouped", "1-1", &["group = g"]),
        made("foe", "1-1", &[]),
        made("grows", "1-1", &[]),
    ];
    world.publish(&old);
    let names = ["app", "epoch", "old-name", "held", "grouped", "foe", "grows"];
    let pair = twins(&world, "IgnorePkg = held\nIgnoreGroup = g", &names);
    world.publish(&[
        made("app", "2.0-1", &["depend = lib>=2"]),
        made("lib", "2.0-1", &[]),
        made("epoch", "1:1.0-1", &[]),
        made("new-name", "2-1", &["replaces = old-name", "conflict = old-name", "provides = old-name"]),
        made("held", "2-1", &[]),
        made("grouped", "2-1", &["group = g"]),
        made("grows", "2-1", &["conflict = foe", "depend = fresh"]),
        made("fresh", "1-1", &[]),
    ]);
    resync(&pair);
    let (ours, theirs) = pair;
    let plan = ours.plan(&order(UPGRADE, &[]));
    let gone = (Why::ReplacedBy("new-name".into()), Why::ConflictsWith("grows".into()), Why::NeededBy("grows".into()));
    assert_eq!(
        steps(&plan),
        [
            (Action::Install, "fresh", &gone.2),
            (Action::Install, "new-name", &Why::Newer),
            (Action::Upgrade, "app", &Why::Newer),
            (Action::Upgrade, "epoch", &Why::Newer),
            (Action::Upgrade, "grows", &Why::Newer),
            (Action::Upgrade, "lib", &Why::Newer),
            (Action::Remove, "foe", &gone.1),
            (Action::Remove, "old-name", &gone.0),
        ]
    );
    let kept: Vec<_> = plan.kept.iter().map(|kept| (kept.name.as_str(), kept.why.as_str())).collect();
    assert_eq!(kept, [("grouped", "held by IgnoreGroup"), ("held", "held by IgnorePkg")]);
    ours.apply(&plan);
    // pacman's own --noconfirm answers the conflict with no; as omg does it, it is asked for beforehand.
    let (_, text) = theirs.pacman_with(&["-Su", "--ask", "4"]);
    same(&ours, &theirs);
    assert!(ours.log().contains("[OMG] starting full system upgrade"), "{text}");
    assert!(ours.plan(&order(UPGRADE, &[])).is_empty());
}

#[test]
fn a_partial_upgrade_is_forced_or_not_done() {
    let Some(world) = World::new("a_partial_upgrade_is_forced_or_not_done") else { return };
    world.publish(&[APP, LIB]);
    let pair = twins(&world, "", &["app"]);
    world.publish(&[made("app", "2.0-1", &["depend = lib"]), made("lib", "2.0-1", &[])]);
    resync(&pair);
    let (ours, theirs) = pair;
    let mut one = order(UPGRADE, &["lib"]);
    let Resolution::Impossible(why) = ours.resolve(&one) else { panic!("possible") };
    assert!(why[0].contains("partial upgrade"), "{why:?}");
    one.force = true;
    let plan = ours.omg(&one);
    assert_eq!(step(&plan, "lib").reason, Reason::Dependency);
    theirs.pacman(&["-S", "lib"]);
    same(&ours, &theirs);
}

#[test]
fn removals() {
    let Some(world) = World::new("removals") else { return };
    let more = made("other", "1-1", &["depend = lib", "group = g"]);
    let backup = made("conf", "1-1", &["backup = etc/conf"]).with(&[("etc/conf", "as shipped\n")]);
    let shared = made("chain", "1-1", &["depend = link"]);
    world.publish(&[APP, LIB, more, backup, shared, made("link", "1-1", &["depend = end"]), made("end", "1-1", &[])]);
    let (ours, theirs) = twins(&world, "HoldPkg = ho*", &["app", "other", "conf", "chain"]);
    // Needed by others: a sentence for each of them.
    let Resolution::Impossible(why) = ours.resolve(&order(REMOVE, &["lib"])) else { panic!("possible") };
    assert_eq!(why, ["lib is needed by app", "lib is needed by other"]);
    assert!(!theirs.pacman_with(&["-R", "lib"]).0);
    // Alone, which leaves its dependency.
    let plan = ours.omg(&order(REMOVE, &["other"]));
    assert_eq!((steps(&plan), &plan.orphaned[..]), (vec![(Action::Remove, "other", &Why::Asked)], &[][..]));
    theirs.pacman(&["-R", "other"]);
    same(&ours, &theirs);
    let plan = ours.plan(&order(REMOVE, &["app"]));
    assert_eq!(plan.orphaned, ["lib"]);
    // With what only it needed.
    let plan = ours.omg(&order(Task::Remove { purge: false, recursive: true }, &["app"]));
    assert_eq!(steps(&plan), [(Action::Remove, "app", &Why::Asked), (Action::Remove, "lib", &Why::Unneeded)]);
    theirs.pacman(&["-Rs", "app"]);
    same(&ours, &theirs);
    // A changed backup file is kept beside, and with purge it is not.
    for (purge, args) in [(false, ["-R", "conf"]), (true, ["-Rn", "conf"])] {
        for root in [&ours, &theirs] {
            root.pacman_with(&["-S", "--needed", "conf"]);
            fs::write(root.path().join("etc/conf"), "changed\n").unwrap();
        }
        let plan = ours.omg(&order(Task::Remove { purge, recursive: false }, &["conf"]));
        assert_eq!(step(&plan, "conf").action, if purge { Action::Purge } else { Action::Remove });
        theirs.pacman(&args);
        same(&ours, &theirs);
        assert!(ours.path().join("etc/conf.pacsave").exists());
        if purge {
            break;
        }
    }
    // Orphans, all the way down.
    for root in [&ours, &theirs] {
        root.pacman(&["-R", "chain"]);
    }
    let plan = ours.omg(&order(Task::Autoremove { purge: false }, &[]));
    assert_eq!(steps(&plan), [(Action::Remove, "end", &Why::Unneeded), (Action::Remove, "link", &Why::Unneeded)]);
    loop {
        let (_, orphans) = theirs.pacman_with(&["-Qdtq"]);
        let names: Vec<&str> = orphans.lines().collect();
        if names.is_empty() {
            break;
        }
        theirs.pacman(&[&["-R"], &names[..]].concat());
    }
    same(&ours, &theirs);
    assert!(ours.plan(&order(Task::Autoremove { purge: false }, &[])).is_empty());
    let Resolution::Unknown(missing) = ours.resolve(&order(REMOVE, &["app", "nonsense"])) else { panic!("known") };
    assert_eq!(missing.iter().map(|m| m.not_installed).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn held_packages_go_only_by_force() {
    let Some(world) = World::new("held_packages_go_only_by_force") else { return };
    world.publish(&[LIB]);
    let (ours, theirs) = twins(&world, "HoldPkg = li*", &["lib"]);
    let mut gone = order(REMOVE, &["lib"]);
    assert!(matches!(ours.resolve(&gone), Resolution::Impossible(why) if why[0].starts_with("lib is held")));
    gone.force = true;
    ours.omg(&gone);
    // pacman asks the person, and takes --noconfirm for a no.
    theirs.configure("");
    theirs.pacman(&["-R", "lib"]);
    same(&ours, &theirs);
}

#[test]
fn backup_files_of_an_upgrade() {
    let Some(world) = World::new("backup_files_of_an_upgrade") else { return };
    const BACKUP: &[&str] = &["backup = etc/a", "backup = etc/b"];
    world.publish(&[made("conf", "1-1", BACKUP).with(&[("etc/a", "old\n"), ("etc/b", "old\n"), ("etc/c", "old\n")])]);
    let pair = twins(&world, "NoUpgrade = etc/c\nNoExtract = etc/d", &["conf"]);
    let new = [("etc/a", "new\n"), ("etc/b", "new\n"), ("etc/c", "new\n"), ("etc/d", "new\n")];
    for root in [&pair.0, &pair.1] {
        fs::write(root.path().join("etc/a"), "mine\n").unwrap();
    }
    const NEW: &[(&str, &str)] = &[("etc/a", "new\n"), ("etc/b", "new\n"), ("etc/c", "new\n"), ("etc/d", "new\n")];
    assert_eq!(new, NEW);
    world.publish(&[made("conf", "2-1", BACKUP).with(NEW)]);
    resync(&pair);
    let (ours, theirs) = pair;
    ours.omg(&order(UPGRADE, &[]));
    theirs.pacman(&["-Su"]);
    same(&ours, &theirs);
    assert!(ours.path().join("etc/a.pacnew").exists() && ours.path().join("etc/c.pacnew").exists());
    assert!(!ours.path().join("etc/d").exists());
}

#[test]
fn what_an_upgrade_leaves_is_named_and_settled() {
    let Some(world) = World::new("what_an_upgrade_leaves_is_named_and_settled") else { return };
    const BACKUP: &[&str] = &["backup = etc/a", "backup = opt/b"];
    world.publish(&[made("conf", "1-1", BACKUP).with(&[("etc/a", "old\n"), ("opt/b", "old\n")])]);
    let root = world.root("ours", "");
    root.done("sync");
    root.done("install --yes conf");
    for path in ["etc/a", "opt/b"] {
        fs::write(root.path().join(path), "mine\n").unwrap();
    }
    world.publish(&[made("conf", "2-1", BACKUP).with(&[("etc/a", "new\n"), ("opt/b", "new\n")])]);
    root.done("sync --force");
    let told = root.done("upgrade --yes");
    for path in ["/etc/a.pacnew", "/opt/b.pacnew"] {
        assert!(told.contains(&format!("left beside the file in use: {path}\n")), "{told}");
    }
    assert!(told.contains("hint: `omg conf diff`"), "{told}");
    let listed = root.done("conf");
    assert!(
        listed.contains("/etc/a.pacnew conf the package's own") && listed.contains("/opt/b.pacnew conf"),
        "{listed}"
    );
    let diff = root.done("conf diff /opt/b");
    assert!(diff.ends_with("@@ -1 +1 @@\n-mine\n+new\n"), "{diff}");
    root.done("conf use --yes /etc/a");
    root.done("conf keep --yes /opt/b.pacnew");
    let read = |path: &str| fs::read_to_string(root.path().join(path)).ok();
    assert_eq!((read("etc/a").as_deref(), read("etc/a.pacsave").as_deref()), (Some("new\n"), Some("mine\n")));
    assert_eq!((read("opt/b").as_deref(), read("opt/b.pacnew"), read("etc/a.pacnew")), (Some("mine\n"), None, None));
    // A changed file of a package that is removed stays, and is what is told of; what was there before is not.
    let told = root.done("remove --yes conf");
    assert!(told.contains("/opt/b.pacsave\n") && !told.contains("/etc/a.pacsave"), "{told}");
    // Outside /etc nobody calls it configuration any more.
    let listed = root.done("conf");
    assert!(listed.contains("/etc/a.pacsave") && listed.contains("the file itself is"), "{listed}");
}

#[test]
fn whose_signature_a_database_was_believed_for_is_written_down() {
    let Some(world) = World::new("whose_signature_a_database_was_believed_for_is_written_down") else { return };
    world.publish(&[made("a", "1-1", &[])]);
    let accepted = |root: &Root| {
        root.done("sync");
        let entries = root.audit();
        let entry = entries.iter().find(|entry| entry.contains("signature-accepted"))?.clone();
        let entry: serde_json::Value = serde_json::from_str(&entry).unwrap();
        Some((entry["package"].as_str()?.to_owned(), entry["key"].as_str()?.to_owned()))
    };
    assert_eq!(accepted(&world.root("ours", "")), Some(("test".to_owned(), world.fingerprint("signer"))));
    assert_eq!(accepted(&world.root("without", "SigLevel = Required DatabaseNever")), None);
}

#[test]
fn news_since_the_last_upgrade_are_told_before_the_next() {
    let Some(world) = World::new("news_since_the_last_upgrade_are_told_before_the_next") else { return };
    world.publish(&[made("a", "1-1", &[])]);
    let root = world.root("ours", "");
    root.done("sync");
    root.done("install --yes a");
    let publish = |version: &'static str| {
        world.publish(&[made("a", version, &[])]);
        root.done("sync --force");
    };
    publish("2-1");
    let date = |days: &str| output(Command::new("date").args(["-R", "-d", days]).env("LC_ALL", "C"));
    let item = |title: &str, days: &str| {
        let link = format!("https://example.org/{title}");
        format!("<item><title>{title} &gt;= 2</title><link>{link}</link><pubDate>{}</pubDate></item>", date(days))
    };
    let feed = world.at("feed.xml");
    let items = item("recent", "-10 days") + &item("ancient", "2020-01-01");
    fs::write(&feed, format!("<rss><channel><title>News</title>{items}</channel></rss>")).unwrap();
    let config = root.home().join(".config/omg/config.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, format!("[news]\nenabled = true\nurl = \"file://{}\"\n", feed.display())).unwrap();
    assert!(!root.done("upgrade --dry-run").contains("news"), "they are fetched by a refresh alone");
    root.done("refresh");
    let told = root.done("upgrade --dry-run");
    assert!(told.contains(": recent >= 2 (https://example.org/recent)\n") && !told.contains("ancient"), "{told}");
    assert!(!root.done("upgrade --dry-run a --force").contains("recent"), "of all packages only");
    // What is no feed takes nothing away, and fails nothing.
    fs::write(&feed, "<html>").unwrap();
    let told = root.done("refresh");
    assert!(told.contains("warning: cannot fetch the news"), "{told}");
    assert!(root.done("upgrade --yes").contains("warning: news of "), "the copy from before");
    publish("3-1");
    let told = root.done("upgrade --dry-run");
    assert!(!told.contains("news"), "{told}");
}

#[test]
fn downgrades_and_versions() {
    let Some(world) = World::new("downgrades_and_versions") else { return };
    world.publish(&[APP, LIB]);
    let pair = twins(&world, "", &["app"]);
    world.publish(&[made("app", "2.0-1", &["depend = lib>=1"]), made("lib", "2.0-1", &[])]);
    resync(&pair);
    let (ours, theirs) = pair;
    ours.omg(&order(UPGRADE, &[]));
    theirs.pacman(&["-Su"]);
    same(&ours, &theirs);
    let Resolution::Unknown(missing) = ours.resolve(&order(Task::Install, &["app=7-1"])) else { panic!("known") };
    assert_eq!(
        (missing[0].target.as_str(), &missing[0].versions[..]),
        ("app=7-1", &["2.0-1".into(), "1.0-1".into()][..])
    );
    // From the cache, by version; what is older without one.
    for (target, file) in [("lib=1.0-1", LIB.file()), ("app", APP.file())] {
        let plan = ours.omg(&order(Task::Downgrade, &[target]));
        assert_eq!((plan.steps.len(), plan.steps[0].action), (1, Action::Downgrade));
        assert_eq!((plan.steps[0].signed, plan.steps[0].download_bytes), (Some(true), 0));
        theirs.pacman(&["-U", theirs.path().join("cache").join(file).to_str().unwrap()]);
        same(&ours, &theirs);
    }
    let plan = ours.omg(&order(Task::Install, &["test/app=2.0"]));
    assert_eq!((plan.steps[0].action, plan.steps[0].repository.as_str()), (Action::Upgrade, "test"));
    theirs.pacman(&["-S", "test/app"]);
    same(&ours, &theirs);
    let Resolution::Unknown(missing) = ours.resolve(&order(Task::Install, &["other/app"])) else { panic!("known") };
    assert_eq!(missing[0].target, "other/app");
}

#[test]
fn a_file_groups_and_virtual_packages() {
    let Some(world) = World::new("a_file_groups_and_virtual_packages") else { return };
    world.publish(&[
        made("a", "1-1", &["group = g", "provides = single"]),
        made("b", "1-1", &["group = g", "provides = virtual=2"]),
        made("c", "1-1", &["provides = virtual=3"]),
        made("user", "1-1", &["depend = virtual"]),
        LIB,
    ]);
    let (ours, theirs) = twins(&world, "", &[]);
    let choice = |order: &Order| match ours.resolve(order) {
        Resolution::Choice { name, packages } => (name, packages.join(" ")),
        other => panic!("{other:?}"),
    };
    assert_eq!(choice(&order(Task::Install, &["g"])), ("g".into(), "a b".into()));
    assert_eq!(choice(&order(Task::Install, &["virtual"])), ("virtual".into(), "b c".into()));
    assert_eq!(choice(&order(Task::Install, &["user"])), ("virtual".into(), "b c".into()));
    let mut chosen = order(Task::Install, &["user", "c"]);
    chosen.targets[1].reason = Some(Reason::Dependency);
    let plan = ours.omg(&chosen);
    assert_eq!(step(&plan, "c").reason, Reason::Dependency);
    theirs.pacman(&["-S", "--asdeps", "c"]);
    theirs.pacman(&["-S", "user"]);
    same(&ours, &theirs);
    // Only one provides it.
    ours.omg(&order(Task::Install, &["single"]));
    theirs.pacman(&["-S", "single"]);
    ours.omg(&order(Task::Install, &["b"]));
    theirs.pacman(&["-S", "b"]);
    same(&ours, &theirs);
    assert_eq!(choice(&order(REMOVE, &["g"])), ("g".into(), "a b".into()));
    ours.omg(&order(REMOVE, &["a", "b"]));
    theirs.pacman(&["-R", "g"]);
    same(&ours, &theirs);
    // An archive on this machine, and a dependency of it from the repository.
    let local = world.at("own-1-1-any.pkg.tar.zst");
    fs::write(&local, made("own", "1-1", &["depend = lib"]).archive()).unwrap();
    let mut file = order(Task::Install, &["./own"]);
    file.targets[0].file = Some(local.clone());
    let plan = ours.plan(&file);
    let own = step(&plan, "own");
    assert_eq!((own.signed, own.repository.as_str(), own.reason), (Some(false), "", Reason::Explicit));
    assert_eq!(own.sha256, output(Command::new("sha256sum").arg(&local)).split(' ').next().unwrap());
    assert_eq!((&own.why, &step(&plan, "lib").why), (&Why::Asked, &Why::NeededBy("own".into())));
    ours.apply(&plan);
    theirs.pacman(&["-U", local.to_str().unwrap()]);
    same(&ours, &theirs);
    file.targets[0].version = Some("2-1".into());
    let Resolution::Impossible(why) = ours.resolve(&file) else { panic!("possible") };
    assert_eq!(why, ["the archive of ./own=2-1 holds own 1-1"]);
    file.targets[0].version = None;
    // Another file of that name is another plan.
    let plan = ours.plan(&file);
    fs::write(&local, made("own", "1-1", &["depend = lib", "depend = c"]).archive()).unwrap();
    let reason = ours.refused(&plan);
    assert_eq!(reason, "the plan no longer holds: own differs: its archive is another one");
}

#[test]
fn one_transaction_that_installs_and_removes() {
    let Some(world) = World::new("one_transaction_that_installs_and_removes") else { return };
    world.publish(&[APP, LIB, made("alone", "1-1", &[]), made("foe", "1-1", &["conflict = alone"])]);
    let (ours, theirs) = twins(&world, "", &["alone"]);
    let mut both = order(Task::Install, &["app"]);
    both.remove.push(target("alone"));
    let plan = ours.omg(&both);
    assert_eq!(step(&plan, "alone").why, Why::Asked);
    theirs.pacman(&["-S", "app"]);
    theirs.pacman(&["-R", "alone"]);
    same(&ours, &theirs);
    // A conflict is a removal that the plan shows.
    for root in [&ours, &theirs] {
        root.pacman(&["-S", "alone"]);
    }
    let plan = ours.omg(&order(Task::Install, &["foe"]));
    assert_eq!(step(&plan, "alone").why, Why::ConflictsWith("foe".into()));
    theirs.pacman(&["-S", "foe", "--ask", "4"]);
    same(&ours, &theirs);
    ours.omg(&order(REMOVE, &["foe"]));
    let Resolution::Impossible(why) = ours.resolve(&order(Task::Install, &["foe", "alone"])) else {
        panic!("possible")
    };
    assert!(why[0].contains("cannot be installed together"), "{why:?}");
}

#[test]
fn what_cannot_be_is_said_in_sentences() {
    let Some(world) = World::new("what_cannot_be_is_said_in_sentences") else { return };
    world.publish(&[
        APP,
        LIB,
        made("lost", "1-1", &["depend = nowhere>2", "provides = lost.so"]),
        made("above", "1-1", &["depend = lost.so"]),
        made("newlib", "2-1", &["conflict = lib"]),
    ]);
    let (ours, _) = twins(&world, "", &["app"]);
    let why = |names: &[&str]| match ours.resolve(&order(Task::Install, names)) {
        Resolution::Impossible(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(&["lost"]), ["lost needs nowhere>2, which nothing offers"]);
    assert_eq!(
        why(&["above"]),
        ["lost needs nowhere>2, which nothing offers", "above needs lost.so: that is lost, which cannot be installed"]
    );
    assert_eq!(why(&["newlib"]), ["lib would make way for newlib, and is needed by app"]);
    let Resolution::Unknown(missing) = ours.resolve(&order(Task::Install, &["nothing"])) else { panic!("known") };
    assert_eq!((missing[0].target.as_str(), missing[0].versions.len()), ("nothing", 0));
}

#[test]
fn file_conflicts_are_refused_whole() {
    let Some(world) = World::new("file_conflicts_are_refused_whole") else { return };
    const BIN: &[(&str, &str)] = &[("usr/bin/tool", "tool\n")];
    world.publish(&[made("one", "1-1", &[]).with(BIN), made("two", "1-1", &["depend = lib"]).with(BIN), LIB]);
    let (ours, theirs) = twins(&world, "", &["one"]);
    let reason = ours.refused(&ours.plan(&order(Task::Install, &["two"])));
    assert!(
        reason.contains("two: ") && reason.contains("usr/bin/tool exists in filesystem (owned by one)"),
        "{reason}"
    );
    assert!(!theirs.pacman_with(&["-S", "two"]).0);
    same(&ours, &theirs);
    ours.omg(&order(REMOVE, &["one"]));
    let reason = ours.refused(&ours.plan(&order(Task::Install, &["one", "two"])));
    assert!(
        reason.contains("usr/bin/tool is in one and in two") || reason.contains("is in two and in one"),
        "{reason}"
    );
}

#[test]
fn bad_signatures_and_altered_archives_change_nothing() {
    let Some(world) = World::new("bad_signatures_and_altered_archives_change_nothing") else { return };
    let all = [made("stranger", "1-1", &[])];
    world.publish_signed_by("stranger", &all);
    let (ours, theirs) = twins(&world, "", &[]);
    let install = |name: &str| ours.plan(&order(Task::Install, &[name]));
    let both_refuse = |name: &str| {
        let reason = ours.refused(&install(name));
        assert!(!theirs.pacman_with(&["-S", name]).0);
        same(&ours, &theirs);
        reason
    };
    // A key that nobody knows.
    let reason = both_refuse("stranger");
    assert!(reason.contains("the key ") && reason.contains(" is not trusted here"), "{reason}");
    // An archive that is not the one that was signed.
    world.publish(&[made("altered", "1-1", &[]), made("swapped", "1-1", &[])]);
    resync(&(world.root("ours", ""), world.root("theirs", "")));
    let path = world.at("repo").join("altered-1-1-any.pkg.tar.zst");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let reason = both_refuse("altered");
    assert!(reason.contains("altered: signature from") && reason.contains("is invalid"), "{reason}");
    // The right bytes under another's signature.
    let path = world.at("repo").join("swapped-1-1-any.pkg.tar.zst");
    fs::write(&path, made("other", "1-1", &[]).archive()).unwrap();
    both_refuse("swapped");
    // A truncated one.
    fs::write(&path, &made("swapped", "1-1", &[]).archive()[..100]).unwrap();
    both_refuse("swapped");
    // A database that a stranger signed is not taken, by neither.
    world.sign("stranger", &world.at("repo/test.db"));
    let (reply, ..) = ours.carry_out(Ask::Sync { force: true });
    let Err(EngineError::Failed(reason)) = reply else { panic!("{reply:?}") };
    assert!(reason.contains("the database of test cannot be trusted"), "{reason}");
    assert!(!theirs.pacman_with(&["-Syy"]).0);
}

#[test]
fn a_plan_that_no_longer_holds_is_refused() {
    let Some(world) = World::new("a_plan_that_no_longer_holds_is_refused") else { return };
    world.publish(&[APP, LIB]);
    let pair = twins(&world, "", &[]);
    let plan = pair.0.plan(&order(Task::Install, &["app"]));
    world.publish(&[APP, made("lib", "1.5-1", &[])]);
    resync(&pair);
    let (ours, _) = pair;
    assert_eq!(
        ours.refused(&plan),
        "the plan no longer holds: it would install lib 1.5-1 rather than install lib 1.0-1"
    );
    let plan = ours.plan(&order(Task::Install, &["app"]));
    for (change, said) in [
        (Box::new(|plan: &mut Plan| _ = plan.steps.pop()) as Box<dyn Fn(&mut Plan)>, "it would also install lib 1.5-1"),
        (Box::new(|plan: &mut Plan| plan.steps[0].sha256.clear()), "app differs: its archive is another one"),
        (Box::new(|plan: &mut Plan| plan.steps[1].reason = Reason::Explicit), "lib differs: what it counts as"),
        (Box::new(|plan: &mut Plan| plan.steps[0].name = "else".into()), "it would not install else 1.0-1 any more"),
    ] {
        let mut bent = plan.clone();
        change(&mut bent);
        assert_eq!(ours.refused(&bent), format!("the plan no longer holds: {said}"));
    }
    // Fetching beforehand changes nothing but what is left to fetch.
    let (reply, events, _) = ours.carry_out(Ask::Download(Box::new(plan.clone())));
    reply.unwrap();
    assert!(!events.contains(&Progress::Changing) && ours.installed().is_empty());
    assert!(ours.path().join("cache").join(APP.file()).exists());
    ours.apply(&plan);
    assert_eq!(ours.installed(), ["app 1.0-1", "lib 1.5-1"]);
    // A plan that only removes has nothing to fetch, and removes nothing meanwhile.
    let plan = ours.plan(&order(REMOVE, &["app"]));
    ours.carry_out(Ask::Download(Box::new(plan))).0.unwrap();
    assert_eq!(ours.installed().len(), 2);
}

#[test]
fn a_held_lock_is_named_and_stays() {
    let Some(world) = World::new("a_held_lock_is_named_and_stays") else { return };
    world.publish(&[LIB]);
    let (ours, _) = twins(&world, "", &[]);
    let plan = ours.plan(&order(Task::Install, &["lib"]));
    fs::write(ours.lock(), "").unwrap();
    for ask in [Ask::Apply(Box::new(plan)), Ask::Sync { force: false }] {
        let (engine, request) = ours.alpm().change(ask, "", None).unwrap();
        let Err(EngineError::Failed(reason)) = engine.apply(&request, &mut |_| {}, |_| {}) else { panic!("applied") };
        assert!(reason.contains("locked") && reason.contains("var/lib/pacman/db.lck"), "{reason}");
        assert!(ours.lock().exists(), "another's lock is gone");
    }
}

#[test]
fn where_no_engine_starts_pacman_does_it() {
    let Some(world) = World::new("where_no_engine_starts_pacman_does_it") else { return };
    world.publish(&[APP, LIB]);
    let (ours, theirs) = twins(&world, "", &[]);
    let without_engine = |words: &str| {
        let output = ours.command(words).env("OMG_ENGINE_DIR", "/nowhere").output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.code(), text)
    };
    let both = |words: &str, pacman: &[&str]| {
        let (code, text) = without_engine(words);
        assert_eq!(code, Some(0), "{words}: {text}");
        assert!(text.contains("so pacman plans and carries out this") || words.starts_with("sync"), "{words}: {text}");
        theirs.pacman(pacman);
        same(&ours, &theirs);
    };
    both("sync", &["-Sy"]);
    both("install --yes app", &["-S", "app"]);
    both("mark auto --yes app", &["-D", "--asdeps", "app"]);
    world.publish(&[Made { version: "2.0-1", ..APP }, Made { version: "2.0-1", ..LIB }]);
    both("sync --force", &["-Syy"]);
    let (_, shown) = without_engine("upgrade --dry-run");
    assert!(shown.contains("1.0-1 -> 2.0-1") && shown.contains("2 to upgrade"), "{shown}");
    both("upgrade --yes", &["-Su"]);
    let before = ours.state();
    for (words, code, sentence) in [
        ("install --yes nothing-such", 1, "no package nothing-such is offered or installed"),
        ("remove --yes lib", 3, "removing lib breaks dependency 'lib"),
        ("downgrade --yes app=1.0-1", 3, "pacman alone has no older version"),
    ] {
        let (found, text) = without_engine(words);
        assert_eq!(found, Some(code), "{words}: {text}");
        assert!(text.contains(sentence), "{words}: {text}");
        assert_eq!(ours.state(), before, "{words}");
    }
    both("remove --yes --recursive app", &["-Rs", "app"]);
}

/// The whole way: the command, its privileged half, journal, audit log, and back.
#[test]
fn commands_change_packages_and_take_it_back() {
    let Some(world) = World::new("commands_change_packages_and_take_it_back") else { return };
    world.publish(&[APP, LIB]);
    let root = world.root("ours", "");
    let omg = |words: &str| root.run(words);
    let done = |words: &str| root.done(words);
    done("sync");
    let nothing = root.state();
    let shown = done("install --dry-run app");
    assert!(shown.contains("needed by app") && shown.contains("2 to install"), "{shown}");
    assert_eq!(root.state(), nothing);
    done("install --yes app");
    assert_eq!(root.installed(), ["app 1.0-1", "lib 1.0-1"]);
    assert!(root.log().contains("omg install --yes app"), "{}", root.log());
    let installed = root.state();
    let blamed = done("blame lib");
    assert!(blamed.contains("by omg install --yes app") && blamed.contains("needed by app"), "{blamed}");
    world.publish(&[Made { version: "2.0-1", ..APP }, Made { version: "2.0-1", ..LIB }]);
    // Both databases may be of one second.
    done("sync --force");
    let (code, text) = omg("upgrade --yes lib");
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("partial upgrade"), "{text}");
    done("upgrade --yes");
    assert_eq!(root.installed(), ["app 2.0-1", "lib 2.0-1"]);
    done("rollback --yes");
    assert_eq!(root.state(), installed);
    done("remove --yes --recursive app");
    assert_eq!(root.installed(), Vec::<String>::new());
    done("rollback --yes");
    assert_eq!(root.state(), installed);
    let history = done("history");
    assert!(history.contains("upgrade") && history.contains("downgrade"), "{history}");
    let log = done("audit log");
    assert!(log.contains("rollback") && log.contains("plan-applied"), "{log}");
    done("audit verify");
    let (code, text) = omg("install --yes alp");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("did you mean app"), "{text}");
    assert_eq!(root.state(), installed);
}

/// The engine was asked, after it had removed a package, what the policy about that is now; libalpm reads every database whole for it, which
/// took four times as long as the removal.
#[test]
fn a_removal_reads_no_database_of_a_repository() {
    let Some(world) = World::new("a_removal_reads_no_database_of_a_repository") else { return };
    if !Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
        println!("skipped a_removal_reads_no_database_of_a_repository: no strace");
        return;
    }
    world.publish(&[APP, LIB]);
    let root = world.root("ours", "");
    root.done("sync");
    root.done("install --yes app");
    let (omg, trace) = (root.command("remove --yes --recursive app"), world.at("trace"));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=openat", "-o"]).arg(&trace).arg(omg.get_program()).args(omg.get_args());
    strace.env_clear().envs(omg.get_envs().filter_map(|(name, value)| Some((name, value?))));
    output(&mut strace);
    assert_eq!(root.installed(), Vec::<String>::new());
    let (trace, databases) = (fs::read_to_string(trace).unwrap(), root.lock().with_file_name("sync"));
    let database = databases.join("test.db\"");
    let opened: Vec<&str> = trace.lines().filter(|line| line.contains(database.to_str().unwrap())).collect();
    // Once for its signature, as the library does whatever it is asked.
    assert!(trace.contains("db.lck") && opened.len() == 1, "{opened:#?}");
}

#[test]
fn what_no_cache_has_comes_from_where_old_versions_are_kept_with_its_signature() {
    let Some(world) = World::new("what_no_cache_has_comes_from_where_old_versions_are_kept_with_its_signature") else {
        return;
    };
    let root = world.root("ours", "");
    world.publish(&[APP, LIB]);
    root.done("sync");
    root.done("install --yes app");
    let installed = root.state();
    let kept = world.at("kept");
    for (name, file) in [("app", APP.file()), ("lib", LIB.file())] {
        fs::create_dir_all(kept.join(&name[..1]).join(name)).unwrap();
        for file in [file.clone(), format!("{file}.sig")] {
            fs::copy(world.at("repo").join(&file), kept.join(&name[..1]).join(name).join(&file)).unwrap();
        }
    }
    world.publish(&[Made { version: "2.0-1", ..APP }, Made { version: "2.0-1", ..LIB }]);
    root.done("sync --force");
    root.done("upgrade --yes");
    let upgraded = root.state();
    fs::remove_dir_all(root.path().join("cache")).unwrap();
    fs::create_dir(root.path().join("cache")).unwrap();
    let keep = |address: &str| {
        fs::create_dir_all(root.home().join(".config/omg")).unwrap();
        let text = format!("[archives]\npacman = \"{address}\"\n");
        fs::write(root.home().join(".config/omg/config.toml"), text).unwrap();
    };
    let refused = |why: &str| {
        let (code, text) = root.run("rollback --yes");
        assert!(code != Some(0) && text.contains(why), "{why}: {code:?} {text}");
        assert_eq!(root.state(), upgraded, "{why}");
    };
    keep("");
    refused("not where old versions are kept");
    keep("file:///nowhere/{name}/{file}");
    refused("not where old versions are kept");
    keep(&format!("file://{}/{{letter}}/{{name}}/{{file}}", kept.display()));
    let archive = kept.join("l/lib").join(LIB.file());
    let signature = kept.join("l/lib").join(format!("{}.sig", LIB.file()));
    let (good, signed) = (fs::read(&archive).unwrap(), fs::read(&signature).unwrap());
    fs::write(&archive, [&good[..], b" "].concat()).unwrap();
    refused("lib");
    fs::write(&archive, &good).unwrap();
    world.sign("stranger", &archive);
    refused("lib");
    fs::remove_file(&signature).unwrap();
    refused("lib");
    fs::write(&signature, &signed).unwrap();
    // Another package of that version, which is signed as well.
    let app = kept.join("a/app").join(APP.file());
    for ending in ["", ".sig"] {
        fs::copy(format!("{}{ending}", app.display()), format!("{}{ending}", archive.display())).unwrap();
    }
    refused("the archive of lib");
    fs::write(&archive, &good).unwrap();
    fs::write(&signature, &signed).unwrap();
    // Where signatures of files are not looked at, none vouches for it.
    root.configure("LocalFileSigLevel = Never");
    refused("no trusted signature vouches for");
    assert!(root.audit().last().unwrap().contains("signature-rejected"), "{:?}", root.audit().last());
    root.configure("");
    root.done("rollback --yes");
    assert_eq!(root.state(), installed);
    // An administrator's own folder is taken for what any other file is.
    root.done("upgrade --yes");
    fs::remove_dir_all(root.home().join("index/archives")).unwrap();
    fs::write(
        root.home().join(".config/omg/config.toml"),
        format!("[archives]\nfolders = [{:?}, {:?}]\npacman = \"\"\n", kept.join("a/app"), kept.join("l/lib")),
    )
    .unwrap();
    root.done("downgrade --yes app=1.0-1 lib=1.0-1");
    assert_eq!(root.installed(), ["app 1.0-1", "lib 1.0-1"]);
}

#[test]
fn one_provider_that_two_repositories_have_is_no_choice() {
    let Some(world) = World::new("one_provider_that_two_repositories_have_is_no_choice") else { return };
    world.publish(&[made("a", "1-1", &["depend = virtual"]), made("b", "1-1", &["provides = virtual"])]);
    for ending in ["db", "db.sig"] {
        fs::copy(world.at(&format!("repo/test.{ending}")), world.at(&format!("repo/again.{ending}"))).unwrap();
    }
    let root = world.root("ours", "");
    let conf = fs::read_to_string(root.conf()).unwrap();
    let again = conf[conf.find("[test]").unwrap()..].replace("[test]", "[again]");
    fs::write(root.conf(), conf + &again).unwrap();
    root.done("sync");
    root.done("install --yes a");
    assert_eq!(root.installed(), ["a 1-1", "b 1-1"]);
}

/// Where a package came from stands in no database of pacman's.
#[test]
fn a_package_from_another_repository_than_before_is_named() {
    let Some(world) = World::new("a_package_from_another_repository_than_before_is_named") else { return };
    let root = world.root("ours", "");
    world.publish(&[made("a", "1-1", &[]), made("b", "1-1", &[])]);
    root.done("sync");
    root.done("install --yes a");
    // What pacman installed came from nobody knows where.
    root.pacman(&["-S", "b"]);
    let told = |root: &Root| root.done("upgrade --dry-run");
    world.publish(&[made("a", "2-1", &[]), made("b", "2-1", &[])]);
    for ending in ["db", "db.sig"] {
        fs::copy(world.at(&format!("repo/test.{ending}")), world.at(&format!("repo/again.{ending}"))).unwrap();
    }
    root.done("sync --force");
    assert!(!told(&root).contains("another repository"), "{}", told(&root));
    let conf = fs::read_to_string(root.conf()).unwrap();
    fs::write(root.conf(), conf.replace("[test]", "[again]")).unwrap();
    root.done("sync");
    assert!(told(&root).contains("these come from another repository: a (again, before test)\n"), "{}", told(&root));
    root.done("upgrade --yes");
    assert_eq!(root.installed(), ["a 2-1", "b 2-1"]);
}

#[test]
fn scriptlets_and_hooks() {
    let Some(world) = World::new("scriptlets_and_hooks") else { return };
    let script = "post_install() { echo said by $1; echo $1 >/installed; }\npre_remove() { echo $1 >/removed; }\n";
    let fails = "post_install() { echo failing; exit 3; }\n";
    world.publish(&[LIB.running(script), made("fails", "1-1", &["depend = lib"]).running(fails), APP]);
    let (ours, theirs) = twins(&world, "", &[]);
    for root in [&ours, &theirs] {
        root.add_shell();
        root.hook("after", "PostTransaction", "/bin/sh -c 'echo hooked >>/hooked; echo the hook speaks'");
    }
    let plan = ours.plan(&order(Task::Install, &["fails"]));
    let (reply, events, said) = ours.carry_out(Ask::Apply(Box::new(plan)));
    // As with pacman, a failing scriptlet stops nothing, and is told of.
    reply.unwrap();
    assert!(theirs.pacman_with(&["-S", "fails"]).0);
    same(&ours, &theirs);
    for word in ["said by 1.0-1", "failing", "the hook speaks", "command failed to execute correctly"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(ours.path().join("installed").exists() && ours.path().join("hooked").exists(), "{events:?}");
    ours.omg(&order(Task::Remove { purge: false, recursive: true }, &["fails"]));
    theirs.pacman(&["-Rs", "fails"]);
    same(&ours, &theirs);
    assert!(ours.path().join("removed").exists());
    // One that fails beforehand, and is told to stop everything, does.
    for root in [&ours, &theirs] {
        root.hook("before", "PreTransaction", "/bin/sh -c 'exit 1'\nAbortOnFail");
    }
    let reason = ours.refused(&ours.plan(&order(Task::Install, &["lib"])));
    assert!(reason.contains("failed to run transaction hooks"), "{reason}");
    assert!(!theirs.pacman_with(&["-S", "lib"]).0);
    same(&ours, &theirs);
}

/// The scriptlet and the downloader are children of whoever runs the transaction, so each can send it a signal just then.
#[test]
fn signals_leave_no_lock_and_nothing_half_done() {
    let Some(world) = World::new("signals_leave_no_lock_and_nothing_half_done") else { return };
    world.publish(&[APP, LIB.running("post_install() { kill -INT $PPID; }\n")]);
    let (ours, theirs) = twins(&world, "", &[]);
    for root in [&ours, &theirs] {
        root.add_shell();
    }
    let plan = ours.plan(&order(Task::Install, &["app"]));
    // While packages are fetched nothing has been changed, and nothing is.
    for signal in ["INT", "TERM", "HUP"] {
        ours.configure(&format!("XferCommand = /bin/sh -c 'kill -{signal} $PPID; exit 1'"));
        let reason = ours.refused(&plan);
        assert!(reason.contains("stopped by a signal before any package was changed"), "{reason}");
    }
    // While they are changed the one at hand is finished.
    ours.configure("");
    let (reply, events, _) = ours.carry_out(Ask::Apply(Box::new(plan)));
    let Err(EngineError::Failed(reason)) = reply else { panic!("{reply:?}") };
    assert!(reason.contains("stopped by a signal between two packages"), "{reason}");
    assert!(events.contains(&Progress::Changing));
    theirs.pacman_with(&["-S", "app"]);
    same(&ours, &theirs);
    assert_eq!(ours.installed(), ["lib 1.0-1"]);
    // Asked once more, the rest is done.
    ours.omg(&order(Task::Install, &["app"]));
    theirs.pacman(&["-S", "app"]);
    same(&ours, &theirs);
}

#[test]
fn the_users_own_downloader() {
    let Some(world) = World::new("the_users_own_downloader") else { return };
    world.publish(&[APP, LIB]);
    let script = world.at("fetch");
    fs::write(&script, "test \"$3\" = 'a word' && exec cp \"${1#file://}\" \"$2\"\n").unwrap();
    // pacman 6.0 does not ask it for a database's signature.
    let option = format!("SigLevel = DatabaseNever\nXferCommand = /bin/sh {} %u %o 'a word'", script.display());
    let (ours, theirs) = twins(&world, &option, &[]);
    ours.omg(&order(Task::Install, &["app"]));
    theirs.pacman(&["-S", "app"]);
    same(&ours, &theirs);
    // One that fails.
    fs::write(&script, "exit 7\n").unwrap();
    for root in [&ours, &theirs] {
        fs::remove_file(root.path().join("cache").join(APP.file())).unwrap();
    }
    let reason = ours.refused(&ours.plan(&order(Task::Reinstall, &["app"])));
    assert!(reason.contains("/bin/sh could not fetch file://") && reason.contains("exit status: 7"), "{reason}");
}

#[test]
fn a_plan_needs_no_privilege() {
    let test = "a_plan_needs_no_privilege";
    let Some(world) = World::new(test) else { return };
    let copy = world.at("omg-alpm");
    let built = option_env!("CARGO_BIN_EXE_omg-alpm").map(PathBuf::from).filter(|path| path.is_file());
    let (Some(built), true) = (built, Command::new("setpriv").arg("--version").output().is_ok()) else {
        println!("skipped {test}: no engine of this build, or no setpriv");
        return;
    };
    fs::copy(built, &copy).unwrap();
    let wrapper = world.at("as-nobody");
    let drop = "exec setpriv --reuid 65534 --regid 65534 --clear-groups";
    let text = format!("#!/bin/sh\n{drop} {}\n", copy.display());
    fs::write(&wrapper, text).unwrap();
    output(Command::new("chmod").arg("755").arg(&wrapper));
    world.publish(&[APP, LIB]);
    // As Arch has it: packages are signed, databases are not, and the keys are nobody's secret.
    let (ours, _) = twins(&world, "SigLevel = Required DatabaseNever", &["lib"]);
    let wanted = ours.plan(&order(Task::Install, &["app"]));
    let ask = Ask::Resolve(order(Task::Install, &["app"]));
    let (_, request) = ours.alpm().change(ask, "", None).unwrap();
    let reply = EngineCommand::at(&wrapper).ask(&request).unwrap();
    assert_eq!(reply.resolution, Some(Resolution::Plan(Box::new(wanted.clone()))));
    // And only a plan.
    let (_, request) = ours.alpm().change(Ask::Apply(Box::new(wanted)), "", None).unwrap();
    let Err(EngineError::Failed(reason)) = EngineCommand::at(&wrapper).apply(&request, &mut |_| {}, |_| {}) else {
        panic!("applied by nobody");
    };
    assert!(reason.contains("cannot make the lock file"), "{reason}");
}

/// What a rollback asks for: old versions from the cache, what was removed, what came to go, and every reason as it was.
#[test]
fn the_inverse_of_an_upgrade_in_one_transaction() {
    let Some(world) = World::new("the_inverse_of_an_upgrade_in_one_transaction") else { return };
    world.publish(&[APP, LIB, made("old-name", "1-1", &[])]);
    let pair = twins(&world, "", &["app", "old-name"]);
    let before = pair.0.state();
    world.publish(&[
        made("app", "2.0-1", &["depend = lib>=2", "depend = fresh"]),
        made("lib", "1:0.5-1", &["provides = lib=2"]),
        made("fresh", "1-1", &[]),
        made("new-name", "2-1", &["replaces = old-name", "conflict = old-name"]),
    ]);
    resync(&pair);
    let (ours, _) = pair;
    ours.omg(&order(UPGRADE, &[]));
    assert_eq!(ours.installed(), ["app 2.0-1", "fresh 1-1", "lib 1:0.5-1", "new-name 2-1"]);
    let mut back = order(Task::Install, &["app=1.0-1", "lib=1.0-1", "old-name=1-1"]);
    back.targets[1].reason = Some(Reason::Dependency);
    back.remove = vec![target("new-name"), target("fresh")];
    let plan = ours.omg(&back);
    assert_eq!((plan.steps.len(), plan.download_bytes), (5, 0));
    assert_eq!(before, ours.state());
    // What is there in that version needs no archive to be marked.
    fs::remove_file(ours.path().join("cache").join(LIB.file())).unwrap();
    let plan = ours.omg(&order(Task::Install, &["lib=1.0-1"]));
    assert_eq!((plan.steps.len(), plan.marks.len()), (0, 1));
    // What the cache has lost is named, with what there is.
    fs::remove_file(ours.path().join("cache").join(APP.file())).unwrap();
    ours.pacman(&["-S", "app"]);
    let Resolution::Unknown(missing) = ours.resolve(&back) else { panic!("known") };
    let lost: Vec<_> = missing.iter().map(|m| (m.target.as_str(), m.versions.join(" "))).collect();
    assert_eq!(lost[0], ("app=1.0-1", "2.0-1".to_owned()));
}

#[test]
fn a_mirror_that_lies_about_a_size() {
    let Some(world) = World::new("a_mirror_that_lies_about_a_size") else { return };
    world.publish(&[LIB]);
    let (ours, theirs) = twins(&world, "", &[]);
    let path = world.at("repo").join(LIB.file());
    let mut longer = fs::read(&path).unwrap();
    longer.resize(longer.len() + (1 << 20), 0);
    fs::write(&path, longer).unwrap();
    let reason = ours.refused(&ours.plan(&order(Task::Install, &["lib"])));
    assert!(reason.contains(&LIB.file()), "{reason}");
    assert!(!theirs.pacman_with(&["-S", "lib"]).0);
    same(&ours, &theirs);
    // None at all.
    fs::remove_file(&path).unwrap();
    let reason = ours.refused(&ours.plan(&order(Task::Install, &["lib"])));
    assert!(reason.contains("failed retrieving file") && reason.contains(&LIB.file()), "{reason}");
}

#[test]
fn an_expired_key_is_not_trusted() {
    let Some(world) = World::new("an_expired_key_is_not_trusted") else { return };
    world.add_expired_key();
    world.publish(&[LIB]);
    let path = world.at("repo").join(LIB.file());
    world.sign_with_expired_key(&path);
    world.publish_entries(&[LIB]);
    let (ours, theirs) = twins(&world, "", &[]);
    let reason = ours.refused(&ours.plan(&order(Task::Install, &["lib"])));
    // libalpm 16 takes it for a key that is not there.
    let (older, newer) = ("invalid or corrupted package", "required key missing from keyring");
    assert!(reason.contains(older) || reason.contains(newer), "{reason}");
    assert!(!theirs.pacman_with(&["-S", "lib"]).0);
    same(&ours, &theirs);
}

/// The two versions of the library differ in what they ask for then.
#[test]
fn signatures_where_the_configuration_is_silent() {
    let Some(world) = World::new("signatures_where_the_configuration_is_silent") else { return };
    world.publish(&[LIB]);
    fs::remove_file(world.at("repo/test.db.sig")).unwrap();
    let pair = (world.root("ours", ""), world.root("theirs", ""));
    for root in [&pair.0, &pair.1] {
        let text = fs::read_to_string(root.conf()).unwrap();
        let silent: Vec<&str> = text.lines().filter(|line| !line.contains("SigLevel")).collect();
        fs::write(root.conf(), silent.join("\n")).unwrap();
    }
    let (ours, theirs) = pair;
    let (synced, ..) = ours.carry_out(Ask::Sync { force: false });
    let (fine, _) = theirs.pacman_with(&["-Sy"]);
    assert_eq!(synced.is_ok(), fine, "{synced:?}");
    if fine {
        ours.omg(&order(Task::Install, &["lib"]));
        theirs.pacman(&["-S", "lib"]);
    }
    same(&ours, &theirs);
}

#[test]
fn the_policy_knows_what_is_open_against_the_very_version_and_what_vouches_for_it() {
    let test = "the_policy_knows_what_is_open_against_the_very_version_and_what_vouches_for_it";
    let Some(world) = World::new(test) else { return };
    world.publish(&[APP, LIB]);
    let (root, _) = twins(&world, "", &[]);
    let own = root.home().join(".config/omg");
    fs::create_dir_all(&own).unwrap();
    let tracker = world.at("tracker.json");
    let text = format!(
        "[advisories]\narch = \"file://{}\"\ndebian = \"off\"\nkev = \"off\"\nepss = \"off\"\n",
        tracker.display()
    );
    fs::write(own.join("config.toml"), text).unwrap();
    let policy = |text: &str| fs::write(own.join("policy.toml"), text).unwrap();
    let check = |words: &str, exit: i32, says: &str| {
        let (code, text) = root.run(words);
        assert_eq!(code, Some(exit), "{words}: {text}");
        assert!(text.contains(says), "{words}: {text}");
    };
    let group = |name: &str, package: &str, severity: &str, fixed: &str| {
        let fixed = if fixed.is_empty() { "null".to_owned() } else { format!("\"{fixed}\"") };
        format!(
            "{{\"name\": \"{name}\", \"packages\": [\"{package}\"], \"status\": \"Vulnerable\", \"severity\": \"{severity}\", \
             \"type\": \"x\", \"affected\": \"0-1\", \"fixed\": {fixed}, \"ticket\": null, \"issues\": [\"CVE-{name}\"], \
             \"advisories\": []}}"
        )
    };
    policy("max_severity = \"medium\"\n");
    check("install --dry-run lib", 5, "lib: its severity could not be checked: there are no advisories here");
    fs::write(&tracker, format!("[{}]", group("AVG-1", "lib", "Critical", "9-1"))).unwrap();
    check("refresh --advisories", 0, "");
    // Also where it comes along with another.
    check("install --dry-run app", 5, "lib: has an advisory of severity critical, above medium: AVG-1");
    fs::write(&tracker, format!("[{}]", group("AVG-1", "lib", "Medium", "9-1"))).unwrap();
    check("refresh --advisories", 0, "");
    check("install --dry-run app", 0, "2 to install");
    fs::write(&tracker, format!("[{}]", group("AVG-1", "lib", "Unknown", ""))).unwrap();
    check("refresh --advisories", 0, "");
    check("install --dry-run lib", 5, "AVG-1 is open, and nobody has rated it");
    policy("minimum_grade = \"verified\"\n");
    check("install --dry-run app", 5, "app: is of grade community, below verified");
    policy("minimum_grade = \"community\"\n");
    check("install --dry-run --why app", 0, "it comes from a repository that is not the distribution's");
    let archive = world.at("repo").join(APP.file());
    root.done("install --yes app");
    // A file with its signature, and without: `LocalFileSigLevel = Optional` takes both.
    let file = world.at("app-copy.pkg.tar.zst");
    fs::copy(&archive, &file).unwrap();
    let words = format!("install --dry-run {}", file.display());
    check(&words, 5, "app: is of grade risk, below community");
    fs::copy(archive.with_extension("zst.sig"), world.at("app-copy.pkg.tar.zst.sig")).unwrap();
    check(&words, 0, "");
}
