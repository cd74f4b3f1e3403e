//! The hook in Nushell. It reads its hook from a file; what a folder asks for it loads.

use super::tmux::Terminal;
use super::{Home, OMG};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The program; `None`, which is said, where there is none.
fn nu(test: &str) -> Option<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).map(|folder| folder.join("nu")).find(|path| path.is_file());
    if found.is_none() {
        println!("skipped {test}: no nu here");
    }
    found.and_then(|path| path.canonicalize().ok())
}

/// Runs a script behind the hook.
fn run(home: &Home, nu: &PathBuf, script: &str) -> Output {
    let mut hook = Command::new(OMG);
    home.settle(&mut hook);
    let hook = hook.args(["hook", "nushell"]).output().unwrap();
    assert!(hook.status.success(), "{hook:?}");
    fs::write(home.at("hook.nu"), hook.stdout).unwrap();
    home.write("script.nu", &format!("source {:?}\n{script}", home.at("hook.nu")));
    let mut command = Command::new(nu);
    home.settle(&mut command);
    command.arg("--no-config-file").arg(home.at("script.nu")).output().unwrap()
}

/// What a script says, which must go well and say nothing else.
fn says(home: &Home, nu: &PathBuf, script: &str) -> Vec<String> {
    let output = run(home, nu, script);
    assert!(output.status.success() && output.stderr.is_empty(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn nushell_a_folders_versions_come_and_go_and_everything_is_as_before() {
    let Some(nu) = nu("nushell_a_folders_versions_come_and_go_and_everything_is_as_before") else { return };
    let home = Home::new();
    let script = "$env.JAVA_HOME = '/old'
let before = $env.PATH
cd ~/a; __omg_hook; ^node; cd ~/b; __omg_hook; ^node; ^java; print $env.JAVA_HOME ($env.PATH | length)
cd ~/none/deep; __omg_hook; print $env.JAVA_HOME ($env.PATH == $before) (which --all node | length) ($env.OMG_ENV? | default gone)";
    let java = home.at(".local/share/omg/versions/java/21.0.5+11").display().to_string();
    assert_eq!(says(&home, &nu, script), ["22.1.0", "20.1.0", "21.0.5+11", &java, "4", "/old", "true", "0", "gone"]);
}

#[test]
fn nushell_a_variable_that_asks_for_a_version_is_noticed_without_a_change_of_folder() {
    let Some(nu) = nu("nushell_a_variable_that_asks_for_a_version_is_noticed_without_a_change_of_folder") else {
        return;
    };
    let home = Home::new();
    let script = "__omg_hook; $env.OMG_NODE_VERSION = '20'; __omg_hook; ^node; hide-env OMG_NODE_VERSION; __omg_hook
print (which node | length) $\"($env.OMG_PROMPT).\"";
    assert_eq!(says(&home, &nu, script), ["20.1.0", "0", "."]);
}

#[test]
fn nushell_a_version_file_that_changes_comes_or_goes_is_noticed_and_another_search_path() {
    let Some(nu) = nu("nushell_a_version_file_that_changes_comes_or_goes_is_noticed_and_another_search_path") else {
        return;
    };
    let home = Home::new();
    let script = "cd ~/a; __omg_hook; ^node; '20' | save --force .nvmrc; __omg_hook; ^node; rm .nvmrc; __omg_hook; print (which node | length)
'22' | save .node-version; __omg_hook; ^node; cd ~/none/deep; __omg_hook; '20' | save ../.nvmrc; __omg_hook; ^node
$env.PATH = ['/mine']; __omg_hook; ^node; cd ~; __omg_hook; print ($env.PATH | to json --raw)
'20' | save ~/.nvmrc; cd ~/none; __omg_hook; ^node";
    let said = says(&home, &nu, script);
    assert_eq!(said, ["22.1.0", "20.1.0", "0", "22.1.0", "20.1.0", "20.1.0", "[\"/mine\"]", "20.1.0"]);
}

#[test]
fn nushell_hostile_names_of_folders_and_files_stay_words() {
    let Some(nu) = nu("nushell_hostile_names_of_folders_and_files_stay_words") else { return };
    for name in
        ["a b", "it's", "\"q\"", "$(touch PWNED)", "(^touch PWNED)", "new\nline", "-n", "[x]*?", "back\\slash", "~"]
    {
        let home = Home::new();
        home.write(&format!("{name}/.nvmrc"), "22\n");
        home.write("folder", home.at(name).to_str().unwrap());
        let script =
            "cd (open --raw folder); __omg_hook; ^node; __omg_hook; cd ..; __omg_hook; print (which node | length)";
        assert_eq!(says(&home, &nu, script), ["22.1.0", "0"], "{name:?}");
        let left = fs::read_dir(home.0.path()).unwrap().flatten().any(|entry| entry.file_name() == "PWNED");
        assert!(!left && !home.at(name).join("PWNED").exists(), "{name:?}");
    }
}

#[test]
fn nushell_says_once_what_is_missing_or_untrusted_and_sets_what_is_trusted() {
    let Some(nu) = nu("nushell_says_once_what_is_missing_or_untrusted_and_sets_what_is_trusted") else { return };
    let home = Home::new();
    home.write("c/.nvmrc", "lts/*\n");
    home.write("c/omg.toml", "[env]\nGREETING = \"it's $(touch PWNED)\"\n");
    home.write("index/status.txt", "updates=12 security=2 attention=0 installed=9 built=1\n");
    let script = format!(
        "cd ~/c; __omg_hook; __omg_hook; print ($env.GREETING? | default none) $env.OMG_PROMPT
^{OMG:?} trust --yes | ignore; cd ~; __omg_hook; cd ~/c; __omg_hook; print $env.GREETING; cd ~; __omg_hook; print ($env.GREETING? | default none) $env.OMG_PROMPT"
    );
    let output = run(&home, &nu, &script);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "none\n↑12 !2 node lts/* \nit's $(touch PWNED)\nnone\n↑12 !2 \n", "{output:?}");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(errors.matches("is not trusted").count(), 1, "{errors}");
    assert_eq!(errors.matches("which is not installed").count(), 2, "at each coming in: {errors}");
}

#[test]
fn nushell_a_version_for_this_shell_counts_before_files_and_for_it_alone() {
    let Some(nu) = nu("nushell_a_version_for_this_shell_counts_before_files_and_for_it_alone") else { return };
    let home = Home::new();
    let script = "cd ~/a; __omg_hook; ^node; omg use --shell node@20; ^node; cd ~/none; __omg_hook; ^node
hide-env OMG_NODE_VERSION; cd ~/a; __omg_hook; ^node";
    assert_eq!(says(&home, &nu, script), ["22.1.0", "20.1.0", "20.1.0", "22.1.0"]);
    assert!(!home.at("a/omg.toml").exists());
}

#[test]
fn nushell_an_ordinary_prompt_starts_no_process() {
    let test = "nushell_an_ordinary_prompt_starts_no_process";
    let Some(nu) = nu(test) else { return };
    if !Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
        return println!("skipped {test}: no strace that works here");
    }
    let home = Home::new();
    home.write("index/status.txt", "updates=3 security=- attention=0 installed=9 built=1\n");
    assert!(run(&home, &nu, "").status.success());
    home.write("mark", "");
    let mark = "open --raw ~/mark | ignore";
    let script = format!(
        "source {:?}\ncd ~/b; __omg_hook; {mark}; __omg_hook; __omg_hook; __omg_hook; {mark}",
        home.at("hook.nu")
    );
    home.write("script.nu", &script);
    let mut command = Command::new("strace");
    home.settle(&mut command);
    command.args(["-f", "-qq", "-e", "trace=open,openat,fork,vfork,clone,clone3,execve", "-o"]).arg(home.at("trace"));
    let output = command.arg(&nu).arg("--no-config-file").arg(home.at("script.nu")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let log = fs::read_to_string(home.at("trace")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let marked: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains("/mark\"")).collect();
    // It opens a file twice to read it once.
    assert_eq!(marked.len(), 4, "{log}");
    let between = &lines[marked[1] + 1..marked[2]];
    // A thread is no process.
    let begun = |line: &&&str| {
        let clones = line.contains("clone") && !line.contains("CLONE_THREAD");
        clones || ["fork(", "execve("].iter().any(|call| line.contains(call))
    };
    assert_eq!(between.iter().find(begun), None);
    assert_eq!(between.iter().filter(|line| line.contains("status.txt")).count(), 6, "{between:?}");
    assert_eq!(log.lines().filter(|line| line.contains("execve(") && line.contains("\"env\"")).count(), 1, "{log}");
}

#[test]
fn nushell_in_a_terminal_follows_folders_and_what_was_installed_and_keeps_the_last_commands_code() {
    let test = "nushell_in_a_terminal_follows_folders_and_what_was_installed_and_keeps_the_last_commands_code";
    let Some(nu) = nu(test) else { return };
    let home = Home::new();
    assert!(run(&home, &nu, "").status.success());
    fs::create_dir_all(home.at(".config/nushell/autoload")).unwrap();
    fs::copy(home.at("hook.nu"), home.at(".config/nushell/autoload/omg.nu")).unwrap();
    home.write(
        ".config/nushell/config.nu",
        "$env.config.show_banner = false\n$env.PROMPT_COMMAND = {|| $env.OMG_PROMPT}\n$env.PROMPT_COMMAND_RIGHT = ''\n",
    );
    home.write(".config/nushell/env.nu", "");
    std::os::unix::fs::symlink(OMG, home.at("programs/omg")).unwrap();
    let Some(terminal) = Terminal::start(test, &home, nu.to_str().unwrap()) else { return };
    home.write("said", "");
    let said = home.at("said");
    terminal.type_until("cd ~/a", &said, 0);
    terminal.type_until("^node o>> ~/said", &said, 1);
    terminal.type_until("cd ~/b", &said, 0);
    terminal.type_until("^node o>> ~/said", &said, 2);
    // A code that is not zero comes through a change of folder, of which the prompt is asked after.
    terminal.type_until("^sh -c 'cd; exit 7'", &said, 0);
    terminal.type_until("$\"code ($env.LAST_EXIT_CODE)\\n\" | save --append ~/said", &said, 3);
    // What omg was typed for may have changed what is there.
    terminal.type_until(
        "mv ~/.local/share/omg/versions/node/20.1.0 ~/.local/share/omg/versions/node/20.2.0; omg env o> /dev/null",
        &said,
        3,
    );
    terminal.type_until("$env.PATH.0 | str contains '20.2.0' | $\"($in)\\n\" | save --append ~/said", &said, 4);
    terminal.type_until("cd ~", &said, 0);
    terminal.type_until("which node | length | $\"($in)\\n\" | save --append ~/said", &said, 5);
    let text = fs::read_to_string(&said).unwrap();
    assert_eq!(text, "22.1.0\n20.1.0\ncode 7\ntrue\n0\n", "{}", terminal.screen());
    assert!(!terminal.screen().contains("Error"), "{}", terminal.screen());
}
