//! The hook in real bash, zsh, fish and Nushell: what it sets on entering a folder, that leaving brings everything back, and that an ordinary
//! prompt starts no process. The versions are folders with a script in them. A shell that is not installed is said to be missing.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod mise;
mod nushell;
mod peers;
mod tmux;

use omg::shell::Shell;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const OMG: &str = env!("CARGO_BIN_EXE_omg");

struct Home(tempfile::TempDir);

impl Home {
    /// With node 20.1.0 and 22.1.0, java 21.0.5+11, and a project that asks for each of the first.
    fn new() -> Home {
        let home = Home(tempfile::tempdir().unwrap());
        for version in ["node/20.1.0", "node/22.1.0", "java/21.0.5+11"] {
            let (runtime, number) = version.split_once('/').unwrap();
            let program = home.at(".local/share/omg/versions").join(version).join("bin").join(runtime);
            fs::create_dir_all(program.parent().unwrap()).unwrap();
            fs::write(&program, format!("#!/bin/sh\necho {number}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        home.write("a/.nvmrc", "22\n");
        home.write("b/.nvmrc", "20\n");
        home.write("b/.java-version", "21\n");
        fs::create_dir_all(home.at("none/deep")).unwrap();
        // No node of the machine that runs this.
        fs::create_dir(home.at("programs")).unwrap();
        for name in ["sh", "env", "rm", "touch", "id", "grep", "bash", "zsh", "fish", "strace", "script"] {
            let found =
                ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(name)).into_iter().find(|path| path.exists());
            if let Some(path) = found {
                std::os::unix::fs::symlink(path, home.at("programs").join(name)).unwrap();
            }
        }
        home
    }

    /// The search path without omg, and with `more` behind it, as this shell prints it: fish prints a list with spaces.
    fn path(&self, shell: Shell, more: &str) -> String {
        format!("{}:/nowhere{more}", self.at("programs").display()).replace(':', each(shell, ":", " "))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), text).unwrap();
    }

    fn settle(&self, command: &mut Command) {
        command
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", self.path(Shell::Bash, ""));
        command.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").env("OMG_INDEX_DIR", self.at("index"));
    }

    /// Runs a script in which the hook is. `prompt` in it stands for what the shell does before a prompt.
    fn run(&self, shell: Shell, script: &str) -> Output {
        let load = match shell {
            Shell::Bash | Shell::Zsh => format!("eval \"$('{OMG}' hook {})\"", shell.name()),
            Shell::Fish => format!("'{OMG}' hook fish | source"),
            Shell::Nushell => unreachable!("see nushell.rs"),
        };
        let script = format!("{load}\n{}", script.replace("prompt", each_prompt(shell)));
        let mut command = Command::new(shell.name());
        self.settle(&mut command);
        if shell == Shell::Zsh {
            command.arg("-f");
        }
        command.arg("-c").arg(script).output().unwrap()
    }

    /// What a script says, which must go well and say nothing else.
    fn says(&self, shell: Shell, script: &str) -> Vec<String> {
        let output = self.run(shell, script);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{shell:?}: {script}: {output:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Nushell's words are others; its tests are in a file of their own.
fn shells(test: &str) -> impl Iterator<Item = Shell> {
    [Shell::Bash, Shell::Zsh, Shell::Fish].into_iter().filter(move |shell| {
        let there = Command::new(shell.name()).args(["-c", "true"]).status().is_ok_and(|status| status.success());
        if !there {
            println!("skipped {test}: no {} here", shell.name());
        }
        there
    })
}

/// The same line for bash and zsh, and for fish.
fn each<'t>(shell: Shell, bourne: &'t str, fish: &'t str) -> &'t str {
    if shell == Shell::Fish { fish } else { bourne }
}

#[test]
fn a_folders_versions_come_and_go_and_everything_is_as_before() {
    for shell in shells("a_folders_versions_come_and_go_and_everything_is_as_before") {
        let home = Home::new();
        let script =
            "echo $PATH $JAVA_HOME; cd ~/a; prompt; node; echo $PATH; cd ~/b; prompt; node; java; echo $JAVA_HOME
cd ~/none/deep; prompt; echo $PATH $JAVA_HOME; command -v node; env | grep OMG_ENV; true";
        let set = each(shell, "export JAVA_HOME=/old", "set -gx JAVA_HOME /old");
        let said = home.says(shell, &format!("{set}\n{script}"));
        let versions = home.at(".local/share/omg/versions");
        let path = home.path(shell, "");
        let node = versions.join("node/22.1.0/bin").display().to_string();
        assert_eq!(said[0], format!("{path} /old"), "{shell:?}");
        assert_eq!(said[1..3], ["22.1.0".to_owned(), node + each(shell, ":", " ") + &path], "{shell:?}");
        let java = versions.join("java/21.0.5+11").display().to_string();
        assert_eq!(said[3..6], ["20.1.0".to_owned(), "21.0.5+11".to_owned(), java], "{shell:?}");
        assert_eq!(said[6..], [format!("{path} /old")], "{shell:?}: nothing is left behind");
    }
}

#[test]
fn a_version_file_that_changes_comes_or_goes_is_noticed() {
    for shell in shells("a_version_file_that_changes_comes_or_goes_is_noticed") {
        let home = Home::new();
        let script = "cd ~/a; prompt; node; echo 20 >.nvmrc; prompt; node; rm .nvmrc; prompt; command -v node
echo 22 >.node-version; prompt; node; cd ../none/deep; echo 20 >../.nvmrc; cd .; cd ../deep; cd ..; prompt; node";
        assert_eq!(home.says(shell, script), ["22.1.0", "20.1.0", "22.1.0", "20.1.0"], "{shell:?}");
    }
}

#[test]
fn a_new_version_file_in_a_folder_long_unchanged_is_noticed_and_other_files_are_no_matter() {
    for shell in shells("a_new_version_file_in_a_folder_long_unchanged_is_noticed_and_other_files_are_no_matter") {
        let home = Home::new();
        // Its time counts from here on, since it is not of this very moment.
        let settled = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        fs::File::open(home.at("none")).unwrap().set_modified(settled).unwrap();
        let seen = each(
            shell,
            "{ functions __omg_hook 2>/dev/null || declare -f __omg_hook; } >~/same",
            "functions __omg_is_same >~/same",
        );
        let script = format!(
            "cd ~/none; prompt; {seen}; echo x >built; prompt; echo 22 >.nvmrc; prompt; node; rm .nvmrc; prompt; command -v node; echo end"
        );
        assert_eq!(home.says(shell, &script), ["22.1.0", "end"], "{shell:?}");
        let same = fs::read_to_string(home.at("same")).unwrap();
        assert!(same.contains("1700000000.000000000"), "{shell:?} {same}");
    }
}

#[test]
fn a_version_file_that_comes_into_a_folder_above_is_noticed_without_a_change_of_folder() {
    for shell in shells("a_version_file_that_comes_into_a_folder_above_is_noticed_without_a_change_of_folder") {
        for is_old in [true, false] {
            let home = Home::new();
            fs::create_dir_all(home.at("none/it's deep/er")).unwrap();
            let settled = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
            for folder in ["none", "none/it's deep", "none/it's deep/er"].into_iter().filter(|_| is_old) {
                fs::File::open(home.at(folder)).unwrap().set_modified(settled).unwrap();
            }
            let script = "cd ~/none/it*/er; prompt; echo x >../built; prompt; command -v node; echo 22 >../../.nvmrc; prompt; node
echo x >../../built; prompt; echo 20 >../.node-version; prompt; node; rm ../.node-version; prompt; node; rm ../../.nvmrc; prompt
command -v node; echo end";
            assert_eq!(home.says(shell, script), ["22.1.0", "20.1.0", "22.1.0", "end"], "{shell:?} {is_old}");
        }
    }
}

#[test]
fn a_variable_that_asks_for_a_version_is_noticed_without_a_change_of_folder() {
    for shell in shells("a_variable_that_asks_for_a_version_is_noticed_without_a_change_of_folder") {
        let home = Home::new();
        let set = each(shell, "export OMG_NODE_VERSION=20", "set -gx OMG_NODE_VERSION 20");
        let unset = each(shell, "unset OMG_NODE_VERSION", "set -e OMG_NODE_VERSION");
        let show = "command -v node; echo \"$OMG_PROMPT.\"";
        let script = format!(
            "prompt; {set}; prompt; node; {unset}; prompt; {show}; cd ~/a; {set}; prompt; node; {unset}; prompt; node"
        );
        assert_eq!(home.says(shell, &script), ["20.1.0", ".", "20.1.0", "22.1.0"], "{shell:?}");
        if shell != Shell::Fish {
            let kept = starts(&home, shell, "none", &format!("prompt; {set}; prompt; node; {unset}; prompt; {show}"));
            assert_eq!(kept, ["20.1.0", "."], "{shell:?}");
            let again = starts(&home, shell, "none", &format!("prompt; {set}; prompt; node; {unset}; prompt; {show}"));
            assert_eq!(again, kept, "{shell:?}: read from the file");
        }
    }
}

#[test]
fn the_counts_follow_the_status_while_one_stays_in_a_folder() {
    for shell in shells("the_counts_follow_the_status_while_one_stays_in_a_folder") {
        let home = Home::new();
        home.write("index/status.txt", "updates=3 security=- attention=0 installed=9 built=1\n");
        let script = "cd ~/a; prompt; echo \"$OMG_PROMPT\"; echo updates=5 attention=1 >~/index/status.txt; prompt; echo \"$OMG_PROMPT\"
rm ~/index/status.txt; prompt; echo \"$OMG_PROMPT\"";
        assert_eq!(home.says(shell, script), ["↑3 node 22 ", "↑5 ×1 node 22 ", "node 22 "], "{shell:?}");
    }
}

#[test]
fn a_search_path_that_another_program_put_back_is_noticed() {
    for shell in shells("a_search_path_that_another_program_put_back_is_noticed") {
        let home = Home::new();
        let late = home.path(shell, each(shell, ":/late", " /late"));
        let back = format!("{}{late}", each(shell, "export PATH=", "set -gx PATH "));
        let script = format!("cd ~/a; prompt; {back}; prompt; node; cd ~; prompt; echo $PATH");
        assert_eq!(home.says(shell, &script), ["22.1.0", &late], "{shell:?}");
    }
}

#[test]
fn a_shell_in_a_shell_takes_back_what_it_inherited() {
    for shell in shells("a_shell_in_a_shell_takes_back_what_it_inherited") {
        let home = Home::new();
        let inner = each(shell, "eval \"$(OMG hook SHELL)\"", "OMG hook SHELL | source");
        let inner = inner.replace("OMG", &format!("\"{OMG}\"")).replace("SHELL", shell.name());
        let plain = if shell == Shell::Zsh { "zsh -f" } else { shell.name() };
        let script = format!("cd ~/a; prompt; {plain} -c '{inner}; node; cd ~; PROMPT; echo $PATH'");
        let hook = "__omg_hook";
        let said = home.says(shell, &script.replace("PROMPT", hook));
        assert_eq!(said, ["22.1.0", &home.path(shell, "")], "{shell:?}");
    }
}

#[test]
fn hostile_names_of_folders_stay_words() {
    for shell in shells("hostile_names_of_folders_stay_words") {
        for name in [
            "a b",
            "it's",
            "\"q\"",
            "$(touch PWNED)",
            "`touch PWNED`",
            "new\nline",
            "-n",
            "[x]*?",
            "back\\slash",
            "%n%{",
        ] {
            let home = Home::new();
            home.write(&format!("{name}/.nvmrc"), "22\n");
            let script = "cd $FOLDER; prompt; node; cd ..; prompt; command -v node; echo end";
            let folder = home.at(name).to_str().unwrap().to_owned();
            let enter = each(shell, "cd -- \"$FOLDER\"", "cd -- $FOLDER");
            let load = format!("{}\n{}", each(shell, "FOLDER=@", "set FOLDER @"), script.replace("cd $FOLDER", enter));
            let said = home.says(shell, &load.replace('@', &shell.quoted(&folder)));
            assert_eq!(said, ["22.1.0", "end"], "{shell:?} {name:?}");
            let left = fs::read_dir(home.0.path()).unwrap().flatten().any(|entry| entry.file_name() == "PWNED");
            assert!(!left && !home.at(name).join("PWNED").exists(), "{shell:?} {name:?}");
        }
    }
}

#[test]
fn strict_shells_are_not_ended_by_it() {
    for shell in shells("strict_shells_are_not_ended_by_it").filter(|shell| *shell != Shell::Fish) {
        let home = Home::new();
        home.write("index/status.txt", "updates=3 security=- attention=0 installed=9 built=1\n");
        let script = "set -eu\ncd ~/a; prompt; node; prompt; echo \"$OMG_PROMPT\"; cd ~; prompt; echo \"$OMG_PROMPT.\"";
        assert_eq!(home.says(shell, script), ["22.1.0", "↑3 node 22 ", "↑3 ."], "{shell:?}");
        // The hook itself evaluated by a strict shell.
        let mut command = Command::new(shell.name());
        home.settle(&mut command);
        let script = format!("set -eu; eval \"$('{OMG}' hook {})\"; cd ~/a; __omg_hook; node", shell.name());
        let output = command.arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "22.1.0\n", "{shell:?} {output:?}");
    }
}

#[test]
fn the_prompts_text_is_read_without_a_process_and_is_no_format() {
    for shell in shells("the_prompts_text_is_read_without_a_process_and_is_no_format") {
        let home = Home::new();
        home.write("index/status.txt", "updates=12 security=2 attention=0 installed=9 built=1\n");
        home.write("odd/.nvmrc", "%n-$(id)\n");
        let script = "cd ~/odd; prompt; echo \"$OMG_PROMPT\"";
        let output = home.run(shell, script);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let percent = if shell == Shell::Zsh { "%%" } else { "%" };
        assert_eq!(said, format!("↑12 !2 node {percent}n-$(id) \n"), "{shell:?}: {output:?}");
    }
}

#[test]
fn an_ordinary_prompt_starts_no_process() {
    let test = "an_ordinary_prompt_starts_no_process";
    if !Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
        return println!("skipped {test}: no strace that works here");
    }
    for shell in shells(test) {
        let home = Home::new();
        home.write("index/status.txt", "updates=3 security=- attention=0 installed=9 built=1\n");
        home.write("mark", "");
        fs::create_dir(home.at("b/c")).unwrap();
        let log = home.at("trace");
        let load = each(shell, "eval \"$(OMG hook SHELL)\"", "OMG hook SHELL | source");
        let load = load.replace("OMG", &format!("'{OMG}'")).replace("SHELL", shell.name());
        let mark = each(shell, "read -r x <~/mark || :", "read x <~/mark; true");
        // Something comes into a folder above, and later the counts are others.
        let counts = "echo updates=4 >~/index/status.txt";
        let script = format!(
            "{load}; cd ~/b/c; __omg_hook; echo x >../built; {mark}; __omg_hook; __omg_hook; __omg_hook; {mark}; {counts}; {mark}; __omg_hook; {mark}"
        );
        let mut command = Command::new("strace");
        home.settle(&mut command);
        command
            .args(["-f", "-qq", "-e", "trace=openat,open,fork,vfork,clone,clone3,execve", "-o"])
            .arg(&log)
            .arg(shell.name());
        let output =
            command.args(if shell == Shell::Zsh { &["-f", "-c"][..] } else { &["-c"] }).arg(script).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let log = fs::read_to_string(log).unwrap();
        let marked: Vec<usize> =
            log.lines().enumerate().filter(|(_, line)| line.contains("/mark\"")).map(|(at, _)| at).collect();
        assert_eq!(marked.len(), 4, "{shell:?}: {log}");
        let begun = |line: &&&str| ["fork(", "clone(", "clone3(", "execve("].iter().any(|call| line.contains(call));
        for (prompts, (from, to)) in [(3, (marked[0], marked[1])), (1, (marked[2], marked[3]))] {
            let between: Vec<&str> = log.lines().take(to).skip(from + 1).collect();
            assert_eq!(between.iter().find(begun), None, "{shell:?}");
            let read = between.iter().filter(|line| line.contains("status.txt")).count();
            // fish reads it each time, the others where it is another.
            let expected = if shell == Shell::Fish || prompts == 1 { prompts } else { 0 };
            assert_eq!(read, expected, "{shell:?}: {between:?}");
        }
    }
}

/// The hook in a file: what it is read by in a shell's own file, in the folder that the shell starts in.
fn starts(home: &Home, shell: Shell, folder: &str, script: &str) -> Vec<String> {
    let name = shell.name();
    let load = format!(". ~/.cache/omg/hook.{name} 2>/dev/null || eval \"$('{OMG}' hook {name} --keep)\"");
    let prompt = each_prompt(shell);
    let mut command = Command::new(name);
    home.settle(&mut command);
    if shell == Shell::Zsh {
        command.arg("-f");
    }
    let script = format!("{load}\n{}", script.replace("prompt", prompt));
    let output = command.current_dir(home.at(folder)).arg("-c").arg(script).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{shell:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn each_prompt(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => "eval \"$PROMPT_COMMAND\"",
        Shell::Zsh => "for hook in $precmd_functions; do $hook; done",
        // Its own event would have fish set up the terminal as well.
        Shell::Fish | Shell::Nushell => "__omg_hook",
    }
}

#[test]
fn a_hook_that_is_kept_starts_no_process_where_nothing_asks_and_is_renewed() {
    for shell in shells("a_hook_that_is_kept_starts_no_process_where_nothing_asks_and_is_renewed") {
        let home = Home::new();
        if shell == Shell::Fish {
            let refused =
                Command::new(OMG).args(["hook", "fish", "--keep"]).env("HOME", home.0.path()).output().unwrap();
            assert_eq!(refused.status.code(), Some(2));
            continue;
        }
        let file = home.at(".cache/omg").join(format!("hook.{}", shell.name()));
        // The first start writes it, the others read it.
        assert_eq!(starts(&home, shell, "a", "prompt; node"), ["22.1.0"], "{shell:?}");
        let text = fs::read_to_string(&file).unwrap();
        let quiet = format!("{text}\n__omg_enter() {{ __omg_folder=$PWD; echo asked; }}\n");
        fs::write(&file, &quiet).unwrap();
        assert_eq!(starts(&home, shell, "none/deep", "prompt; prompt; echo end"), ["end"], "{shell:?}");
        assert_eq!(starts(&home, shell, "", "prompt; cd none; prompt"), ["asked"], "{shell:?}");
        for asks in ["a", "b"] {
            assert_eq!(starts(&home, shell, asks, "prompt"), ["asked"], "{shell:?}: {asks}");
        }
        for asks in ["echo 22 >.nvmrc; prompt", "OMG_ENV=x; . ~/.cache/omg/hook.*; prompt"] {
            assert_eq!(starts(&home, shell, "none/deep", asks), ["asked"], "{shell:?}: {asks}");
        }
        fs::remove_file(home.at("none/deep/.nvmrc")).unwrap();
        home.write("none/.nvmrc", "22\n");
        assert_eq!(starts(&home, shell, "none/deep", "prompt"), ["asked"], "{shell:?}: above");
        fs::remove_file(home.at("none/.nvmrc")).unwrap();
        home.write(".config/omg/omg.toml", "[runtimes]\nnode = \"20\"\n");
        assert_eq!(starts(&home, shell, "none/deep", "prompt"), ["asked"], "{shell:?}: everywhere");
        // Another omg would have written another file: what is asked for writes it anew.
        fs::write(&file, text.clone() + "# old\n").unwrap();
        assert_eq!(starts(&home, shell, "none", "prompt; node"), ["20.1.0"], "{shell:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "{shell:?}");
    }
}

#[test]
fn what_is_missing_is_said_once_with_what_helps() {
    for shell in shells("what_is_missing_is_said_once_with_what_helps") {
        let home = Home::new();
        home.write("c/.nvmrc", "lts/*\n");
        let output = home.run(shell, "cd ~/c; prompt; prompt; prompt; echo end");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(errors.matches("which is not installed").count(), 1, "{shell:?} {errors}");
        assert!(
            errors.contains("c/.nvmrc line 1 asks for node lts/*")
                && errors.contains("hint: `omg install 'node@lts/*'`"),
            "{errors}"
        );
        assert_eq!(String::from_utf8_lossy(&output.stdout), "end\n");
    }
}

#[test]
fn a_file_sets_variables_only_when_it_is_trusted_as_it_is() {
    for shell in shells("a_file_sets_variables_only_when_it_is_trusted_as_it_is") {
        let home = Home::new();
        home.write("c/omg.toml", "[env]\nGREETING = \"it's $(touch PWNED)\"\n");
        let show = each(shell, "echo \"${GREETING-none}\"", "set -q GREETING; and echo $GREETING; or echo none");
        let script = format!(
            "cd ~/c; prompt; {show}; omg trust --yes >/dev/null; prompt; {show}; cd ..; prompt; {show}\necho 'GREETING = \"new\"' >>c/omg.toml; echo '[env]' >c/omg.toml; echo 'GREETING = \"new\"' >>c/omg.toml; cd c; prompt; {show}"
        );
        let output = home.run(shell, &script);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said, "none\nit's $(touch PWNED)\nnone\nnone\n", "{shell:?} {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).matches("is not trusted").count(), 2, "{output:?}");
        assert!(!home.at("c/PWNED").exists() && !home.at("PWNED").exists());
    }
}

#[test]
fn a_version_for_this_shell_counts_before_files_and_for_it_alone() {
    for shell in shells("a_version_for_this_shell_counts_before_files_and_for_it_alone") {
        let home = Home::new();
        let unset = each(shell, "unset OMG_NODE_VERSION", "set -e OMG_NODE_VERSION");
        let script = format!(
            "cd ~/a; prompt; node; omg use --shell node@20; node; cd ~/none; prompt; node; {unset}; cd ~/a; prompt; node"
        );
        assert_eq!(home.says(shell, &script), ["22.1.0", "20.1.0", "20.1.0", "22.1.0"], "{shell:?}");
        assert!(!home.at("a/omg.toml").exists());
    }
}

/// Types at a shell in a terminal, as a person does.
fn typed(home: &Home, shell: &str, keys: &str) -> String {
    let mut command = Command::new("script");
    home.settle(&mut command);
    command
        .args(["-qec", shell, "/dev/null"])
        .env("ZDOTDIR", home.0.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

#[test]
fn a_hook_that_cannot_be_kept_is_printed_all_the_same() {
    for shell in [Shell::Bash, Shell::Zsh] {
        let home = Home::new();
        // Whoever is root may write into any folder, and into no file.
        home.write(".cache", "");
        let mut command = Command::new(OMG);
        home.settle(&mut command);
        let output = command.args(["hook", shell.name(), "--keep"]).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        let hint = format!("hint: eval \"$(omg hook {})\" needs no file", shell.name());
        assert!(said.contains("cannot write ") && said.contains(&hint), "{said}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("__omg_hook()"), "{output:?}");
    }
}

#[test]
fn in_a_terminal_the_prompt_keeps_the_last_commands_code_and_other_hooks() {
    let test = "in_a_terminal_the_prompt_keeps_the_last_commands_code_and_other_hooks";
    for shell in shells(test).filter(|shell| *shell != Shell::Fish) {
        let home = Home::new();
        let bash = format!(
            "PROMPT_COMMAND='echo other >>~/others;'\nPS1='[$?] '\neval \"$('{OMG}' hook bash)\"\neval \"$('{OMG}' hook bash)\"\n"
        );
        home.write(".bashrc", &bash);
        let zsh = format!(
            "precmd() {{ echo other >>~/others }}\nPS1='[%?] '\neval \"$('{OMG}' hook zsh)\"\neval \"$('{OMG}' hook zsh)\"\n"
        );
        home.write(".zshrc", &zsh);
        let start = if shell == Shell::Bash { "bash --noprofile -i" } else { "zsh -i" };
        let keys = "cd ~/a\nnode >~/said\nsh -c 'exit 7'\necho $? >>~/said\ncd ~\ncommand -v node >>~/said\necho ${PROMPT_COMMAND-} $precmd_functions >~/hooks\nexit\n";
        let screen = typed(&home, start, keys);
        assert_eq!(fs::read_to_string(home.at("said")).unwrap_or_default(), "22.1.0\n7\n", "{shell:?} {screen}");
        assert!(screen.contains("[7] "), "{shell:?} {screen}");
        assert!(fs::read_to_string(home.at("others")).unwrap().lines().count() >= 6, "{shell:?}");
        let hooks = fs::read_to_string(home.at("hooks")).unwrap();
        assert_eq!(hooks.matches("__omg_hook").count(), 1, "{shell:?} {hooks}: loaded twice, called once");
    }
}

#[test]
fn beside_direnv_both_come_and_both_go() {
    let test = "beside_direnv_both_come_and_both_go";
    let Some(direnv) = ["/usr/bin/direnv", "/bin/direnv"].into_iter().find(|path| Path::new(path).exists()) else {
        return println!("skipped {test}: no direnv here");
    };
    for shell in shells(test) {
        let home = Home::new();
        std::os::unix::fs::symlink(direnv, home.at("programs/direnv")).unwrap();
        for name in ["mkdir", "dirname", "cat"] {
            std::os::unix::fs::symlink(Path::new("/bin").join(name), home.at("programs").join(name)).unwrap();
        }
        for project in ["a", "b"] {
            home.write(&format!("{project}/.envrc"), &format!("export PROJECT={project}\nPATH_add tools\n"));
            let mut allow = Command::new(direnv);
            home.settle(&mut allow);
            assert!(allow.args(["allow", "."]).current_dir(home.at(project)).status().unwrap().success());
        }
        // direnv puts itself before the others. Of fish's events only its prompt's counts for both.
        let load =
            each(shell, "eval \"$(direnv hook SHELL)\"", "direnv hook fish | source").replace("SHELL", shell.name());
        let both = each(shell, "prompt", "__direnv_export_eval; prompt");
        let quiet = each(shell, "export DIRENV_LOG_FORMAT=", "set -gx DIRENV_LOG_FORMAT ''");
        let show = each(shell, "echo ${PROJECT-none}", "set -q PROJECT; and echo $PROJECT; or echo none");
        let script = format!(
            "{quiet}; {load}; cd ~/a; {both}; node; {show}; cd ~/b; {both}; node; {show}; cd ~; {both}; {show}; echo $PATH"
        );
        let said = home.says(shell, &script);
        assert_eq!(said, ["22.1.0", "a", "20.1.0", "b", "none", &home.path(shell, "")], "{shell:?}");
    }
}

#[test]
fn odd_homes_leave_a_prompt_that_works() {
    for shell in shells("odd_homes_leave_a_prompt_that_works") {
        let home = Home::new();
        // No home, a folder that is gone, a version file that is a folder, one of hostile bytes, one of 100 MB.
        home.write("gone/x", "");
        fs::create_dir_all(home.at("folder/.nvmrc")).unwrap();
        home.write("bytes/keep", "");
        fs::write(home.at("bytes/.nvmrc"), b"\xff\x1b]0;x\x07\n").unwrap();
        home.write("large/keep", "");
        fs::File::create(home.at("large/.tool-versions")).unwrap().set_len(100 << 20).unwrap();
        let script = "cd ~/folder; prompt; cd ~/bytes; prompt; cd ~/large; prompt; cd ~/gone; rm -r ~/gone; prompt; cd ~/a; prompt; node";
        let output = home.run(shell, script);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "22.1.0\n", "{shell:?} {output:?}");
        assert!(!output.stderr.contains(&0x1b), "{shell:?} {output:?}");
        let mut command = Command::new(shell.name());
        home.settle(&mut command);
        let load = each(
            shell,
            "eval \"$(OMG hook SHELL)\"; __omg_hook; echo end",
            "OMG hook SHELL | source; __omg_hook; echo end",
        );
        let load = load.replace("OMG", &format!("'{OMG}'")).replace("SHELL", shell.name());
        let output = command.env_remove("HOME").arg("-c").arg(load).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).ends_with("end\n"), "{shell:?} {output:?}");
    }
}

#[test]
fn shims_run_what_the_folder_asks_for() {
    let home = Home::new();
    let run = |folder: &str, program: &Path, words: &[&str]| {
        let mut command = Command::new(program);
        home.settle(&mut command);
        command.args(words).current_dir(home.at(folder)).output().unwrap()
    };
    let made = run("none", Path::new(OMG), &["shims"]);
    let folder = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert_eq!(folder, home.at(".local/share/omg/shims").to_str().unwrap());
    let node = Path::new(&folder).join("node");
    for (folder, version) in [("a", "22.1.0\n"), ("b", "20.1.0\n")] {
        assert_eq!(String::from_utf8(run(folder, &node, &[]).stdout).unwrap(), version);
    }
    let nothing = run("none", &node, &[]);
    assert_eq!(nothing.status.code(), Some(127), "{nothing:?}");
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("omg use node@VERSION"), "{nothing:?}");
    let made: serde_json::Value =
        serde_json::from_slice(&run("none", Path::new(OMG), &["shims", "--json"]).stdout).unwrap();
    assert_eq!(made.as_object().unwrap().keys().collect::<Vec<_>>(), ["folder", "programs"]);
    assert_eq!(made["programs"], serde_json::json!(["java", "node"]));
    // A program that is gone has none any more, and what somebody else put there stays.
    fs::write(Path::new(&folder).join("mine"), "").unwrap();
    std::os::unix::fs::symlink("/bin/sh", Path::new(&folder).join("my-link")).unwrap();
    fs::remove_dir_all(home.at(".local/share/omg/versions/java")).unwrap();
    assert!(run("none", Path::new(OMG), &["shims"]).status.success());
    assert!(!Path::new(&folder).join("java").exists() && Path::new(&folder).join("mine").exists() && node.exists());
    assert!(Path::new(&folder).join("my-link").exists(), "a link that somebody else made stays");
    // Reached by another name, a shim is no program of the system, or it would call itself for ever.
    std::os::unix::fs::symlink(&folder, home.at("other")).unwrap();
    let mut command = Command::new(home.at("other/node"));
    home.settle(&mut command);
    let path = format!("{}:{}", home.at("other").display(), home.path(Shell::Bash, ""));
    assert_eq!(command.env("PATH", path).current_dir(home.at("none")).status().unwrap().code(), Some(127));
    // The search path of what it starts has the version's own programs first, and omg itself is no shim.
    home.write(".local/share/omg/versions/node/22.1.0/bin/tool", "#!/bin/sh\ncommand -v node\n");
    let tool = home.at(".local/share/omg/versions/node/22.1.0/bin/tool");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(run("none", Path::new(OMG), &["shims"]).status.success());
    let found = run("a", &Path::new(&folder).join("tool"), &[]);
    assert_eq!(String::from_utf8(found.stdout).unwrap().trim(), tool.with_file_name("node").to_str().unwrap());
}

#[test]
fn a_task_runs_with_the_versions_and_variables_of_its_folder() {
    let home = Home::new();
    home.write("a/omg.toml", "[env]\nGREETING = \"hello\"\n[tasks]\nsay = \"node; echo $GREETING\"\n");
    fs::create_dir_all(home.at("a/below")).unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(OMG);
        home.settle(&mut command);
        command.args(words).current_dir(home.at("a/below")).output().unwrap()
    };
    let untrusted = run(&["run", "say"]);
    assert_eq!(String::from_utf8_lossy(&untrusted.stdout), "22.1.0\n\n", "{untrusted:?}");
    assert!(String::from_utf8_lossy(&untrusted.stderr).contains("is not trusted"), "{untrusted:?}");
    let trust: serde_json::Value = serde_json::from_slice(&run(&["trust", "--yes", "--json"]).stdout).unwrap();
    assert_eq!(trust.as_object().unwrap().keys().collect::<Vec<_>>(), ["file", "trusted", "variables"]);
    assert_eq!((&trust["trusted"], &trust["variables"]["GREETING"]), (&true.into(), &"hello".into()));
    let trusted = run(&["run", "say"]);
    assert_eq!(String::from_utf8_lossy(&trusted.stdout), "22.1.0\nhello\n", "{trusted:?}");
    let command = run(&["exec", "--", "sh", "-c", "node; echo $GREETING"]);
    assert_eq!(String::from_utf8_lossy(&command.stdout), "22.1.0\nhello\n", "{command:?}");
    assert!(run(&["trust", "--revoke"]).status.success());
    let untrusted = run(&["exec", "--", "sh", "-c", "node; echo $GREETING"]);
    assert_eq!(String::from_utf8_lossy(&untrusted.stdout), "22.1.0\n\n", "{untrusted:?}");
    assert!(String::from_utf8_lossy(&untrusted.stderr).contains("is not trusted"), "{untrusted:?}");
    assert_eq!(run(&["trust", "--revoke"]).status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&run(&["run", "say"]).stdout), "22.1.0\n\n");
    // One that cannot be understood sets nothing, and that is said.
    let text = fs::read_to_string(home.at("a/omg.toml")).unwrap();
    home.write("a/omg.toml", &text.replace("GREETING", "PATH"));
    let wrong = run(&["env"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("omg.toml cannot set \"PATH\""), "{wrong:?}");
    home.write("a/omg.toml", &text);
    home.write("a/.nvmrc", "18\n");
    let missing = run(&["run", "say"]);
    assert!(
        String::from_utf8_lossy(&missing.stderr).contains("asks for node 18, which is not installed"),
        "{missing:?}"
    );
}

#[test]
fn what_cannot_be_run_ends_as_in_a_shell() {
    let home = Home::new();
    home.write("plain", "");
    for (command, code, said) in [
        ("nosuchprog", 127, "there is no program nosuchprog"),
        ("./nowhere", 127, "hint: what has a slash in it is a path"),
        ("./plain", 126, "hint: `ls -l ./plain`"),
    ] {
        let mut omg = Command::new(OMG);
        home.settle(&mut omg);
        let output = omg.args(["exec", "--", command]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{output:?}");
    }
}

#[test]
fn pin_writes_the_exact_versions_that_are_in_use() {
    let home = Home::new();
    let run = |folder: &str, words: &[&str]| {
        let mut command = Command::new(OMG);
        home.settle(&mut command);
        command.args(words).current_dir(home.at(folder)).output().unwrap()
    };
    assert_eq!(run("none", &["pin"]).status.code(), Some(1));
    assert_eq!(run("b", &["pin", "node@22"]).status.code(), Some(2));
    let unknown = run("b", &["pin", "go"]);
    assert!(unknown.status.code() == Some(1) && !home.at("b/omg.toml").exists(), "{unknown:?}");
    let pinned: serde_json::Value = serde_json::from_slice(&run("b", &["pin", "--json"]).stdout).unwrap();
    let keys: Vec<&String> = pinned[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["file", "new", "requested", "runtime", "version"]);
    let text = fs::read_to_string(home.at("b/omg.toml")).unwrap();
    assert!(text.contains("node = \"20.1.0\"") && text.contains("java = \"21.0.5+11\""), "{text}");
    // One that is not there is no reason to write the others.
    home.write("c/.nvmrc", "22\n");
    home.write("c/.go-version", "1.22\n");
    let missing = run("c", &["pin"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("omg install go@1.22"), "{missing:?}");
    assert!(!home.at("c/omg.toml").exists());
    assert!(run("c", &["pin", "node"]).status.success() && home.at("c/omg.toml").exists());
}
