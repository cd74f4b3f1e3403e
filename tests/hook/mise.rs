//! Tools that are left to mise, with the real mise and a plugin of three lines: what a folder that asks for one gets, and that mise is
//! not started elsewhere.

use super::{Home, OMG, each, each_prompt, shells};
use omg::shell::Shell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

/// A home with mise and the plugin `mytool`, of which there are 1.0.0, 1.7.2 and 2.0.0; `None`, which is said, where there is no mise.
fn home(test: &str) -> Option<Home> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).map(|folder| folder.join("mise")).find(|path| path.is_file());
    let Some(mise) = found.and_then(|path| path.canonicalize().ok()) else {
        println!("skipped {test}: no mise here");
        return None;
    };
    let home = Home::new();
    symlink(mise, home.at("programs/mise")).unwrap();
    for name in ["mkdir", "chmod"] {
        symlink(Path::new("/bin").join(name), home.at("programs").join(name)).unwrap();
    }
    script(&home, "plugin/bin/list-all", "echo 1.0.0 1.7.2 2.0.0");
    script(
        &home,
        "plugin/bin/install",
        "mkdir -p \"$ASDF_INSTALL_PATH/bin\"; program=$ASDF_INSTALL_PATH/bin/mytool
         printf '#!/bin/sh\\necho mytool %s\\n' \"$ASDF_INSTALL_VERSION\" >\"$program\"; chmod +x \"$program\"",
    );
    script(
        &home,
        "plugin/bin/exec-env",
        "export MYTOOL_HOME=\"$ASDF_INSTALL_PATH\" MYTOOL_LIST=\"${MYTOOL_LIST-}:x y\" OMG_ENV=taken",
    );
    home.write("c/.tool-versions", "nodejs 22\nmytool 1.7\n");
    let mut link = Command::new(home.at("programs/mise"));
    home.settle(&mut link);
    let linked = link.args(["plugin", "link", "mytool"]).arg(home.at("plugin")).output().unwrap();
    assert!(linked.status.success(), "{linked:?}");
    Some(home)
}

fn script(home: &Home, name: &str, text: &str) {
    home.write(name, &format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(home.at(name), fs::Permissions::from_mode(0o755)).unwrap();
}

fn omg(home: &Home, folder: &str, words: &[&str]) -> Output {
    let mut command = Command::new(OMG);
    home.settle(&mut command);
    command.current_dir(home.at(folder)).args(words).output().unwrap()
}

/// What a command prints, which must go well.
fn prints(home: &Home, folder: &str, words: &[&str]) -> String {
    let output = omg(home, folder, words);
    assert!(output.status.success(), "{words:?} {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(home: &Home, folder: &str, words: &[&str]) -> (Option<i32>, String) {
    let output = omg(home, folder, words);
    assert!(!output.status.success() && output.stdout.is_empty(), "{words:?} {output:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn mises_tools_come_and_go_with_the_folder_beside_our_own_versions() {
    let test = "mises_tools_come_and_go_with_the_folder_beside_our_own_versions";
    for shell in shells(test) {
        let Some(home) = home(test) else { return };
        let before = home.run(shell, "cd ~/c; prompt; prompt; node; command -v mytool; true");
        let errors = String::from_utf8_lossy(&before.stderr).into_owned();
        assert_eq!(String::from_utf8_lossy(&before.stdout), "22.1.0\n", "{shell:?} {before:?}");
        assert_eq!(errors.matches("asks for mytool 1.7, which mise has not installed").count(), 1, "{errors}");
        assert!(errors.contains("hint: `omg install mytool@1.7`"), "{errors}");
        assert_eq!(prints(&home, "c", &["install", "mytool@1.7"]), "mytool 1.7 is installed by mise\n");
        let said = home.says(shell, "cd ~/c; prompt; mytool; node; cd ~; prompt; command -v mytool; echo $PATH");
        assert_eq!(said, ["mytool 1.7.2", "22.1.0", &home.path(shell, "")], "{shell:?}");
    }
}

#[test]
fn variables_of_mises_tools_come_and_go_and_do_not_grow() {
    let test = "variables_of_mises_tools_come_and_go_and_do_not_grow";
    for shell in shells(test) {
        let Some(home) = home(test) else { return };
        prints(&home, "c", &["install", "mytool@1.7"]);
        // What a file of mise's sets is not a tool's.
        home.write("c/mise.toml", "[env]\nOTHER = \"1\"\n");
        let mut trust = Command::new(home.at("programs/mise"));
        home.settle(&mut trust);
        assert!(trust.arg("trust").arg(home.at("c/mise.toml")).output().unwrap().status.success());
        let set = each(shell, "export MYTOOL_LIST=mine", "set -gx MYTOOL_LIST mine");
        let show = "echo \"$MYTOOL_HOME|$MYTOOL_LIST|$OTHER|\"";
        let said = home.says(
            shell,
            &format!("{set}; cd ~/c; prompt; {show}; echo system >.go-version; prompt; {show}; cd ~; prompt; {show}"),
        );
        let inside = format!("{}|mine:x y||", home.at(".local/share/mise/installs/mytool/1.7.2").display());
        assert_eq!(said, [&*inside, &*inside, "|mine||"], "{shell:?}");
    }
}

#[test]
fn mises_tools_run_in_tasks_commands_and_shims() {
    let Some(home) = home("mises_tools_run_in_tasks_commands_and_shims") else { return };
    home.write("c/omg.toml", "[tasks]\nsay = \"mytool; echo $MYTOOL_LIST\"\n");
    let folder = prints(&home, "c", &["shims"]);
    let shim = Path::new(folder.trim()).join("mytool");
    assert!(!shim.exists());
    prints(&home, "c", &["install", "mytool@1.7", "mytool@2"]);
    assert!(shim.is_symlink(), "installed since");
    assert_eq!(prints(&home, "c", &["run", "say"]), "mytool 1.7.2\n:x y\n");
    assert_eq!(prints(&home, "c", &["exec", "--", "sh", "-c", "mytool; echo $MYTOOL_LIST"]), "mytool 1.7.2\n:x y\n");
    let named = prints(&home, "c", &["exec", "mytool@2", "--", "sh", "-c", "mytool; echo $MYTOOL_HOME"]);
    assert_eq!(named, format!("mytool 2.0.0\n{}\n", home.at(".local/share/mise/installs/mytool/2.0.0").display()));
    let by_shim = |folder: &str| {
        let mut command = Command::new(&shim);
        home.settle(&mut command);
        command.current_dir(home.at(folder)).output().unwrap()
    };
    assert_eq!(String::from_utf8_lossy(&by_shim("c").stdout), "mytool 1.7.2\n");
    let elsewhere = by_shim("a");
    let said = String::from_utf8_lossy(&elsewhere.stderr).into_owned();
    assert!(elsewhere.status.code() == Some(127) && said.contains("there is no mytool here"), "{said}");
    prints(&home, "c", &["uninstall", "--yes", "mytool@1.7"]);
    let gone = by_shim("c");
    let said = String::from_utf8_lossy(&gone.stderr).into_owned();
    let expected = "error: mise has not installed mytool 1.7\nhint: `omg install mytool@1.7`\n";
    assert!(gone.status.code() == Some(127) && said == expected, "{said}");
    prints(&home, "c", &["uninstall", "--yes", "mytool@2"]);
    assert!(!shim.is_symlink(), "no tool has it any more");
}

#[test]
fn mises_tools_are_found_used_listed_and_removed() {
    let Some(home) = home("mises_tools_are_found_used_listed_and_removed") else { return };
    let (code, said) = refused(&home, "", &["exec", "mytool@2", "--", "mytool"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("error: mise has not installed mytool 2\nhint: `omg install mytool@2`, or --install"),
        "{said}"
    );
    assert_eq!(prints(&home, "", &["exec", "--install", "mytool@2", "--", "mytool"]), "mytool 2.0.0\n");
    fs::create_dir(home.at("d")).unwrap();
    let used = omg(&home, "d", &["use", "mytool@1"]);
    assert!(String::from_utf8_lossy(&used.stderr).contains("left to mise: install mytool@1\n"), "{used:?}");
    assert_eq!(fs::read_to_string(home.at("d/omg.toml")).unwrap(), "[runtimes]\nmytool = \"1\"\n");
    assert_eq!(prints(&home, "d", &["exec", "--", "mytool"]), "mytool 1.7.2\n");
    let program = prints(&home, "d", &["which", "mytool"]);
    assert!(program.contains("mise/installs/mytool/") && program.ends_with("/bin/mytool\n"), "{program}");
    let listed = prints(&home, "d", &["runtime", "list", "mytool", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let versions: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["1.7.2", "2.0.0"]);
    let offered = prints(&home, "d", &["runtime", "list", "mytool", "--available"]);
    assert_eq!(offered, "mytool  1.0.0\nmytool  1.7.2\nmytool  2.0.0\n");
    assert_eq!(refused(&home, "d", &["uninstall", "mytool@2.0.0"]).0, Some(2), "nobody agreed");
    assert_eq!(prints(&home, "d", &["uninstall", "--yes", "mytool@2.0.0"]), "mytool 2.0.0 was removed by mise\n");
    let (code, said) = refused(&home, "d", &["uninstall", "--yes", "mytool@2.0.0"]);
    assert!(code == Some(1) && said.contains("error: mise has not installed mytool 2.0.0"), "{said}");
    let (code, said) = refused(&home, "d", &["use", "--shell", "mytool@1"]);
    assert!(code == Some(2) && said.contains("are not asked for in one shell alone"), "{said}");
    let (_, said) = refused(&home, "d", &["install", "nosuchtoolatall@1"]);
    assert!(said.contains("error: mise could not install nosuchtoolatall@1\n"), "{said}");
}

#[test]
fn a_file_that_mise_does_not_trust_is_named_and_not_run() {
    let test = "a_file_that_mise_does_not_trust_is_named_and_not_run";
    for shell in shells(test) {
        let Some(home) = home(test) else { return };
        home.write(
            "u/mise.toml",
            "[env]\nA = \"{{ exec(command='touch PWNED') }}\"\n[tools]\nmytool = '1'\nnode = '20'\n",
        );
        let output = home.run(shell, "cd ~/u; prompt; prompt; node");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "20.1.0\n", "{shell:?} {output:?}");
        assert!(
            errors.matches("are not trusted").count() == 1 && errors.contains("`mise trust`"),
            "{shell:?} {errors}"
        );
        assert!(!home.at("u/PWNED").exists());
    }
}

#[test]
fn mise_is_started_only_where_a_file_names_a_tool_of_its_own() {
    let test = "mise_is_started_only_where_a_file_names_a_tool_of_its_own";
    for shell in shells(test) {
        let home = Home::new();
        script(
            &home,
            "programs/mise",
            "echo $MISE_OFFLINE $MISE_AUTO_INSTALL $* >>~/started; [ $1 != env ] && echo /nowhere/mytool || echo '{}'",
        );
        home.write("c/.tool-versions", "nodejs 22\nmytool 1.7\n");
        home.write("d/.tool-versions", "nodejs 22\njava 21\npython system\nyq system\n");
        home.write("started", "");
        let script = "cd ~/a; prompt; cd ~/b; prompt; cd ~/d; prompt; node; cd ~/c; prompt; prompt; prompt; node";
        assert_eq!(home.says(shell, script), ["22.1.0", "22.1.0"], "{shell:?}");
        let started = fs::read_to_string(home.at("started")).unwrap();
        let expected = "1 0 bin-paths -- mytool@1.7\n1 0 env --json-extended -- mytool@1.7\n";
        assert_eq!(started, expected, "{shell:?}: it looks up and installs nothing by itself");
        for words in [&["which", "node"][..], &["prompt"], &["exec", "--", "node"], &["env"]] {
            assert!(omg(&home, "d", words).status.success(), "{words:?}");
        }
        assert_eq!(fs::read_to_string(home.at("started")).unwrap(), started);
    }
}

#[test]
fn without_mise_one_sentence_says_so_and_the_rest_works() {
    let home = Home::new();
    home.write("c/.tool-versions", "nodejs 22\nmytool 1.7\n");
    let output = home.run(Shell::Bash, &format!("cd ~/c; {}; node", each_prompt(Shell::Bash)));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "22.1.0\n", "{output:?}");
    assert_eq!(errors.matches("mytool@1.7 is left to mise, and there is no mise here").count(), 1, "{errors}");
    let (code, said) = refused(&home, "c", &["install", "jq@1.7"]);
    assert!(
        code == Some(1) && said.starts_with("error: jq@1.7 is left to mise, and there is no mise here\nhint: "),
        "{said}"
    );
}
