//! Runtimes end to end: the binary as a person runs it, a mirror of our own making, and everything that a mirror, a network or a
//! killed process can do wrong. The archives are laid out as Node's own are; their `node` is a shell script.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod attested;
mod hard;
mod lock;
mod ruby;
mod rust;
mod selection;
mod several;
mod signed;
#[path = "../support/sigstore.rs"]
mod sigstore;
mod world;

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use world::{World, err, out};

#[test]
fn node_from_the_list_to_the_running_program() {
    let world = World::new();
    world.publish("22.1.0");
    world.publish("22.11.0");
    world.publish("23.0.0");
    let offered: Value =
        serde_json::from_str(&out(world.omg(&["runtime", "list", "node", "--available", "--json"]))).unwrap();
    let versions: Vec<&str> = offered.as_array().unwrap().iter().map(|one| one["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["22.1.0", "22.11.0", "23.0.0"]);

    let dry = out(world.omg(&["install", "node@22", "--dry-run"]));
    assert!(dry.starts_with("node 22.11.0 would be installed in ") && world.versions().is_empty(), "{dry}");
    let installed: Value = serde_json::from_str(&out(world.omg(&["install", "node@22", "--json"]))).unwrap();
    let keys: Vec<&String> = installed[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["key", "new", "path", "runtime", "sha256", "unverified", "version"]);
    assert_eq!((&installed[0]["version"], &installed[0]["new"]), (&"22.11.0".into(), &true.into()));
    assert_eq!(installed[0]["sha256"], world.digest("22.11.0"));
    assert_eq!(installed[0]["unverified"].as_array().unwrap().len(), 1, "there are no keys: that is told");
    assert_eq!(world.versions(), ["22.11.0"]);
    let again = out(world.omg(&["install", "node@22.11.0"]));
    assert!(again.contains("is installed already"), "{again}");

    // The link of npm leads to its script, and the program can be run.
    let npm = out(world.omg(&["exec", "node@22", "--", "npm", "a b"]));
    assert_eq!(npm, "npm of 22.11.0: a b\n");
    let status = world.omg(&["exec", "node@22", "--", "sh", "-c", "node; exit 7"]);
    assert_eq!((status.status.code(), String::from_utf8_lossy(&status.stdout).as_ref()), (Some(7), "node 22.11.0\n"));
    let missing = world.omg(&["exec", "node@21", "--", "node"]);
    assert!(
        err(&missing).contains("node 21 is not installed") && err(&missing).contains("hint: `omg install node@21`")
    );

    let log = out(world.omg(&["audit", "log", "--json"]));
    let entry = &serde_json::from_str::<Value>(&log).unwrap()[0];
    assert_eq!((&entry["event"], &entry["details"]["version"]), (&"runtime-installed".into(), &"22.11.0".into()));
    assert_eq!(world.omg(&["audit", "verify"]).status.code(), Some(0));
}

#[test]
fn use_asks_and_which_says_who_asked() {
    let world = World::new();
    world.publish("22.11.0");
    world.publish("20.1.0");
    let nothing = world.omg(&["which", "node"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(err(&nothing).contains("omg use node@VERSION"), "{}", err(&nothing));

    let used = out(world.omg(&["use", "--global", "node@20"]));
    assert!(used.starts_with("node 20.1.0: ") && used.contains(".config/omg/omg.toml asks for 20"), "{used}");
    let program = world.omg(&["which", "node"]);
    assert_eq!(out(program.clone()).trim(), world.version("20.1.0").join("bin/node").to_str().unwrap());
    assert!(err(&program).contains("omg.toml line 2 asks for 20"), "{}", err(&program));

    let used: Value = serde_json::from_str(&out(world.omg(&["use", "node@^22", "--json"]))).unwrap();
    let keys: Vec<&String> = used[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["file", "new", "requested", "runtime", "version"]);
    assert_eq!(fs::read_to_string(world.project().join("omg.toml")).unwrap(), "[runtimes]\nnode = \"^22\"\n");
    let which: Value = serde_json::from_str(&out(world.omg(&["which", "npm", "--json"]))).unwrap();
    assert_eq!((&which["version"], &which["requested"], &which["line"]), (&"22.11.0".into(), &"^22".into(), &2.into()));
    // Without a version the folder says which.
    assert_eq!(out(world.omg(&["exec", "--", "node"])), "node 22.11.0\n");
    assert_eq!(out(world.omg(&["exec", "node", "--", "node"])), "node 22.11.0\n");
    assert_eq!(out(world.omg(&["exec", "node@20", "--", "node"])), "node 20.1.0\n");

    fs::write(world.project().join("omg.toml"), "[runtimes]\nnode = \"18\"\n").unwrap();
    let missing = world.omg(&["which", "node"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(err(&missing).contains("asks for node 18, which is not installed"), "{}", err(&missing));
    fs::write(world.project().join("omg.toml"), "[runtimes]\nnode = \"eighteen\"\n").unwrap();
    assert!(err(&world.omg(&["which", "node"])).contains("\"eighteen\" is no version of node"));
}

#[test]
fn a_program_of_a_version_is_found_and_lts_needs_no_network() {
    let world = World::new();
    world.publish("22.11.0");
    out(world.omg(&["use", "node@lts/jod"]));
    let tool = world.version("22.11.0").join("bin/tsc");
    fs::write(&tool, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir_all(world.mirror()).unwrap();
    assert_eq!(out(world.omg(&["which", "tsc"])).trim(), tool.to_str().unwrap());
    assert_eq!(out(world.omg(&["exec", "node@lts", "--", "node"])), "node 22.11.0\n");
}

#[test]
fn versions_go_and_new_ones_take_the_place_of_old_ones() {
    let world = World::new();
    for version in ["20.1.0", "22.1.0"] {
        world.publish(version);
        out(world.omg(&["install", &format!("node@{version}")]));
    }
    world.publish("22.11.0");
    assert!(out(world.omg(&["runtime", "upgrade", "--dry-run"])).contains("node 22.11.0 would be installed"));
    out(world.omg(&["runtime", "upgrade"]));
    assert_eq!(world.versions(), ["20.1.0", "22.1.0", "22.11.0"]);
    let unasked = world.omg(&["runtime", "prune"]);
    assert_eq!(unasked.status.code(), Some(2), "nobody is there to agree");
    let pruned: Value = serde_json::from_str(&out(world.omg(&["runtime", "prune", "--yes", "--json"]))).unwrap();
    let keys: Vec<&String> = pruned[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["path", "runtime", "version"]);
    assert_eq!(pruned.as_array().unwrap().len(), 1);
    assert_eq!(world.versions(), ["20.1.0", "22.11.0"]);
    out(world.omg(&["uninstall", "node@20", "--yes"]));
    assert_eq!(world.versions(), ["22.11.0"]);
    let gone = world.omg(&["runtime", "uninstall", "node@20", "--yes"]);
    assert_eq!(gone.status.code(), Some(1));
    assert_eq!(world.left_over(), 0);
    let listed = out(world.omg(&["runtime", "list"]));
    assert!(listed.starts_with("node 22.11.0 installed "), "{listed}");
}

#[test]
fn an_upgrade_takes_the_line_that_is_named_and_a_line_that_is_no_longer_offered_is_no_failure() {
    let world = World::new();
    for version in ["16.1.0", "20.1.0", "22.1.0"] {
        world.publish(version);
        out(world.omg(&["install", &format!("node@{version}")]));
    }
    // A list without node 16.
    let world = world.with_another_list();
    for version in ["20.1.0", "20.2.0", "22.1.0", "22.2.0"] {
        world.publish(version);
    }
    let one = world.omg(&["runtime", "upgrade", "node@20"]);
    assert!(!err(&one).contains("node 16"), "{}", err(&one));
    out(one);
    assert_eq!(world.versions(), ["16.1.0", "20.1.0", "20.2.0", "22.1.0"]);
    let all = world.omg(&["runtime", "upgrade"]);
    assert!(err(&all).contains("node 16 is not on offer any more: there is nothing newer of it"), "{}", err(&all));
    out(all);
    assert_eq!(world.versions(), ["16.1.0", "20.1.0", "20.2.0", "22.1.0", "22.2.0"]);
    let unknown = world.omg(&["runtime", "upgrade", "node@18"]);
    assert!(
        unknown.status.code() == Some(1) && err(&unknown).contains("node 18 is not installed"),
        "{}",
        err(&unknown)
    );
}

#[test]
fn of_several_that_uninstall_may_mean_the_others_are_named() {
    let world = World::new();
    for version in ["20.1.0", "20.2.0", "22.1.0"] {
        world.publish(version);
        out(world.omg(&["install", &format!("node@{version}")]));
    }
    let one = world.omg(&["uninstall", "node@20", "--yes"]);
    assert!(err(&one).contains("node 20 means the newest, 20.2.0, and not 20.1.0"), "{}", err(&one));
    out(one);
    assert_eq!(world.versions(), ["20.1.0", "22.1.0"]);
    let last = world.omg(&["uninstall", "node@20", "--yes"]);
    assert!(!err(&last).contains("means the newest"), "{}", err(&last));
    assert!(!err(&world.omg(&["uninstall", "node@latest", "--dry-run"])).contains("means the newest"));
}

#[test]
fn others_versions_are_used_and_left_alone() {
    let world = World::new();
    let nvm = world.home().join(".nvm/versions/node/v18.1.0/bin");
    fs::create_dir_all(&nvm).unwrap();
    fs::write(nvm.join("node"), "#!/bin/sh\necho nvm\n").unwrap();
    fs::set_permissions(nvm.join("node"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(out(world.omg(&["exec", "node@18", "--", "node"])), "nvm\n");
    let refused = world.omg(&["uninstall", "node@18", "--yes"]);
    assert!(err(&refused).contains("installed by nvm"), "{}", err(&refused));
    assert!(nvm.join("node").exists());
}

#[test]
fn what_nvm_installed_is_copied_and_nothing_of_it_changes() {
    let world = World::new();
    let nothing = world.omg(&["migrate-from", "nvm"]);
    assert!(nothing.status.code() == Some(1) && err(&nothing).contains("nvm has installed nothing here"));
    let nvm = world.home().join(".nvm/versions/node/v18.1.0");
    fs::create_dir_all(nvm.join("bin")).unwrap();
    fs::create_dir_all(nvm.join("lib/empty")).unwrap();
    fs::write(nvm.join("bin/node"), "#!/bin/sh\necho 18\n").unwrap();
    fs::set_permissions(nvm.join("bin/node"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("../lib/npm.js", nvm.join("bin/npm")).unwrap();
    fs::create_dir_all(world.home().join(".asdf/installs/python/3.12.1/bin")).unwrap();

    let dry = out(world.omg(&["migrate-from", "nvm", "--dry-run"]));
    assert!(dry.contains("node 18.1.0") && dry.contains("would be copied") && world.versions().is_empty(), "{dry}");
    // Some of these hold no node: each is named, and keeps none of the others from being copied.
    fs::create_dir_all(world.home().join(".nvm/versions/node/v15.0.0")).unwrap();
    fs::create_dir_all(world.home().join(".nvm/versions/node/v19.0.0")).unwrap();
    fs::create_dir_all(world.home().join(".nvm/alias")).unwrap();
    fs::write(world.home().join(".nvm/alias/default"), "v18.1.0\n").unwrap();
    for (words, what) in [(&["--dry-run"][..], "would be copied"), (&[], "copied")] {
        let broken = world.omg(&[&["migrate-from", "nvm"], words].concat());
        let said = err(&broken);
        for number in ["v15.0.0", "v19.0.0"] {
            let folder = world.home().join(".nvm/versions/node").join(number);
            assert!(
                said.contains(&format!("error: {} is not copied: it holds no program node", folder.display())),
                "{said}"
            );
        }
        assert!(broken.status.code() == Some(3) && said.contains("hint: `omg install node@15.0.0`"), "{said}");
        assert!(said.contains("hint: `omg use --global node@18.1.0` asks for nvm's default"), "{said}");
        assert!(String::from_utf8_lossy(&broken.stdout).ends_with(&format!(": {what}\n")), "{broken:?}");
    }
    assert_eq!((world.versions(), world.left_over()), (vec!["18.1.0".to_owned()], 0));
    fs::remove_dir(world.home().join(".nvm/versions/node/v15.0.0")).unwrap();
    fs::remove_dir(world.home().join(".nvm/versions/node/v19.0.0")).unwrap();
    let again: Value = serde_json::from_str(&out(world.omg(&["migrate-from", "nvm", "--json"]))).unwrap();
    let keys: Vec<&String> = again[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["from", "outcome", "runtime", "version", "why"]);
    assert_eq!(again[0]["outcome"], "there");
    let stays: Value = serde_json::from_str(&out(world.omg(&["migrate-from", "asdf", "--json"]))).unwrap();
    assert_eq!((&stays[0]["runtime"], &stays[0]["outcome"]), (&"python".into(), &"stays".into()));

    let own = world.version("18.1.0");
    assert_eq!(fs::read_link(own.join("bin/npm")).unwrap(), fs::read_link(nvm.join("bin/npm")).unwrap());
    assert!(own.join("lib/empty").is_dir());
    fs::remove_dir_all(world.home().join(".nvm")).unwrap();
    assert_eq!(out(world.omg(&["exec", "node@18", "--", "node"])), "18\n");
    let log: Value = serde_json::from_str(&out(world.omg(&["audit", "log", "--json"]))).unwrap();
    assert!(log.to_string().contains("a copy of what nvm installed"), "{log}");

    // A policy is asked before anything is copied.
    world.policy("banned = [\"node\"]\n");
    let other = world.home().join(".asdf/installs/nodejs/20.0.0/bin");
    fs::create_dir_all(&other).unwrap();
    fs::copy(own.join("bin/node"), other.join("node")).unwrap();
    let refused = world.omg(&["migrate-from", "asdf"]);
    assert_eq!((refused.status.code(), world.versions().len()), (Some(5), 1), "{}", err(&refused));
}

#[test]
fn what_makes_no_sense_is_told_in_a_sentence() {
    let world = World::new();
    world.publish("22.11.0");
    for (words, code, sentence) in [
        (&["install", "node@99"][..], 1, "there is no node 99 for this kind of machine"),
        (&["install", "node@twenty"], 2, "\"twenty\" is no version of node"),
        (&["install", "node@system"], 2, "what the distribution has"),
        (&["install", "java@liberica-21"], 2, "not those of \"liberica\""),
        (&["install", "ruby@3.3"], 3, "ruby is built by ruby-build, which is not here"),
        (&["install", "node@22", "nano"], 2, "are not installed by one command"),
        (&["use", "perl@5"], 1, "perl@5 is left to mise, and there is no mise here"),
        (&["uninstall", "node"], 2, "which version of node?"),
    ] {
        let output = world.omg(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", err(&output));
        assert!(err(&output).starts_with("error: ") && err(&output).contains(sentence), "{words:?}: {}", err(&output));
        assert!(world.versions().is_empty() && world.left_over() == 0, "{words:?}");
    }
}

#[test]
fn a_damaged_version_file_is_no_file_that_asks_for_nothing_in_silence() {
    let world = World::new();
    let file = world.project().join("omg.toml");
    fs::write(&file, "[runtimes").unwrap();
    let told = format!("{} line 1 is no TOML", file.display());
    for words in [
        &["which", "sh"][..],
        &["which", "node"],
        &["env"],
        &["env", "--shell", "bash"],
        &["exec", "--", "sh", "-c", ":"],
    ] {
        let error = String::from_utf8(world.omg(words).stderr).unwrap();
        assert_eq!(error.matches(&told).count(), 1, "{words:?}: {error}");
    }
    let error = String::from_utf8(world.omg(&["env", "--shell", "bash"]).stderr).unwrap();
    assert!(error.starts_with("omg: "), "{error}");
    let prompt = world.omg(&["prompt"]);
    assert!(prompt.status.success() && prompt.stderr.is_empty(), "{prompt:?}");
}

#[test]
fn a_request_that_is_no_version_is_told_by_env_and_refused_by_exec() {
    let world = World::new();
    fs::write(world.project().join(".nvmrc"), "default\n").unwrap();
    let told = ".nvmrc line 1 asks for node default, but \"default\" is no version of node\nhint: as in 22";
    for (words, code) in [(&["env"][..], 0), (&["env", "--shell", "fish"], 0), (&["exec", "--", "sh", "-c", ":"], 1)] {
        let output = world.omg(words);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(told), "{words:?}: {error}");
        assert_eq!(output.status.code(), Some(code), "{words:?}");
    }
}

#[test]
fn a_folder_too_deep_is_one_line() {
    let world = World::new();
    let deep =
        "cd \"$1\"; i=0; while [ $i -lt 30 ]; do mkdir -p $2 && cd -P $2 || exit; i=$((i + 1)); done; exec \"$0\" run";
    let name = "d".repeat(200);
    let mut command = std::process::Command::new("/bin/bash");
    command.args(["-c", deep, env!("CARGO_BIN_EXE_omg")]).arg(world.project()).arg(&name).env("HOME", world.home());
    let error = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(error.contains("lies too deep") && error.lines().count() == 1, "{error}");
}
