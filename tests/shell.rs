//! The completion scripts in real shells. A script plays omg: it answers `omg complete`, and writes down what it was asked
//! and what it was run with. bash and zsh are typed at through a terminal, so that what counts is the word they insert.
//! A shell that is not installed is said to be missing.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use clap::{Arg, ArgAction, Command, ValueHint};
use omg::shell::Shell;
use omg::shell::completions::script;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use tempfile::TempDir;

/// Each begins with letters of its own. Real ones first, then what a hostile repository might offer.
const NAMES: [&str; 14] = [
    "firefox",
    "firefox-esr",
    "g++-12",
    "libc6:i386",
    "scope@next",
    "tilde~x",
    "x=y",
    "apo'strophe",
    "bang!bang",
    "dollar$(touch$IFS'PWNED')",
    "joker*?[a]",
    "quote\"q\\n`touch PWNED`",
    "semi;touch PWNED",
    "\u{fc}ber",
];
const INSTALLED: [&str; 2] = ["installed-one", "vim"];

/// A command line with one of everything.
fn sample() -> Command {
    let global = Arg::new("root").long("root").value_name("DIR").value_hint(ValueHint::DirPath).global(true);
    Command::new("omg")
        .about("one command")
        .arg(global)
        .arg(Arg::new("config").long("config").value_name("FILE").global(true))
        .arg(Arg::new("secret").long("secret").hide(true).action(ArgAction::SetTrue))
        .subcommand(
            Command::new("search")
                .visible_alias("find")
                .about("Search: names and 'descriptions' [fast]")
                .arg(Arg::new("terms").value_name("TERM").num_args(1..))
                .arg(Arg::new("limit").short('n').long("limit").value_name("N"))
                .arg(Arg::new("source").long("source").value_parser(["apt", "pacman", "aur"]))
                .arg(
                    Arg::new("json")
                        .long("json")
                        .help("Print `JSON` for $programs: \"all\"")
                        .action(ArgAction::SetTrue),
                ),
        )
        .subcommand(Command::new("info").about("Show packages").arg(Arg::new("names").value_name("NAME").num_args(1..)))
        .subcommand(
            Command::new("files").arg(Arg::new("INSTALLED").value_name("NAME")).arg(Arg::new("out").value_name("PATH")),
        )
        .subcommand(Command::new("owner").arg(Arg::new("paths").value_name("PATH").num_args(1..)))
        .subcommand(Command::new("completions").arg(Arg::new("shell").value_parser(["bash", "zsh", "fish"])))
        .subcommand(Command::new("pool").subcommand(Command::new("join").arg(Arg::new("name"))))
        .subcommand(Command::new("hidden").hide(true))
}

struct Stage {
    dir: TempDir,
}

impl Stage {
    fn new(shell: Shell) -> Stage {
        let stage = Stage { dir: TempDir::new().unwrap() };
        fs::create_dir_all(stage.path("bin")).unwrap();
        fs::create_dir_all(stage.path("work/some folder")).unwrap();
        fs::write(stage.path("work/some file.txt"), "").unwrap();
        fs::write(stage.path("names"), NAMES.join("\n") + "\n").unwrap();
        fs::write(stage.path("installed"), INSTALLED.join("\n") + "\n").unwrap();
        fs::write(stage.path("script"), script(shell, &mut sample()).unwrap()).unwrap();
        let here = stage.dir.path().display();
        let omg = format!(
            "#!/bin/sh\n\
             if [ \"$1\" = complete ]; then\n\
             printf '%s\\n' \"$*\" >>'{here}/asked'\n\
             while IFS= read -r name; do case $name in \"$3\"*) printf '%s\\n' \"$name\" ;; esac; done <\"{here}/${{2#--}}\"\n\
             exit\n\
             fi\n\
             {{ printf '<%s>' \"$@\"; echo; }} >>'{here}/ran'\n"
        );
        fs::write(stage.path("bin/omg"), omg).unwrap();
        fs::set_permissions(stage.path("bin/omg"), fs::Permissions::from_mode(0o755)).unwrap();
        stage
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn command(&self, program: &str) -> process::Command {
        let mut command = process::Command::new(program);
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.current_dir(self.path("work")).env_clear().env("PATH", path).env("HOME", self.dir.path());
        command.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").stderr(Stdio::piped());
        command
    }

    fn lines(&self, file: &str) -> Vec<String> {
        fs::read_to_string(self.path(file)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Types at a shell in a terminal of its own.
    fn type_at(&self, shell: &str, keys: &str) -> String {
        let mut command = self.command("script");
        command.args(["-qec", shell, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
        String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
    }

    fn nothing_was_run_by_a_name(&self) {
        for folder in ["", "work", "bin"] {
            for entry in fs::read_dir(self.path(folder)).unwrap() {
                let name = entry.unwrap().file_name();
                assert!(!name.to_string_lossy().contains("PWNED"), "{name:?} in {folder}");
            }
        }
    }
}

fn installed(program: &str) -> bool {
    let found =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join(program).exists());
    if !found {
        // The harness names its threads after the tests.
        let test = std::thread::current().name().unwrap_or("shell").to_owned();
        eprintln!("skipped {test}: {program} is not installed");
    }
    found
}

/// What is typed, and what omg is then run with. The tab stands for itself.
fn typed_cases() -> Vec<(String, String)> {
    let mut cases: Vec<(String, String)> = [
        ("omg inf\t fir\t-\t", "<info><firefox-esr>"),
        ("omg info g++\t", "<info><g++-12>"),
        ("omg info li\t", "<info><libc6:i386>"),
        ("omg info libc6:\t", "<info><libc6:i386>"),
        ("omg info libc6:i3\t", "<info><libc6:i386>"),
        ("omg info vim libc6:i\t g+\t", "<info><vim><libc6:i386><g++-12>"),
        ("omg info scope@n\t", "<info><scope@next>"),
        ("omg info x=\t", "<info><x=y>"),
        ("omg info \"fire\tfox\"", "<info><firefoxfox>"),
        ("omg info 'libc6:\t", "<info><libc6:i386>"),
        ("omg search -n 3 --json g\t", "<search><-n><3><--json><g++-12>"),
        ("omg find --lim\t 3 g+\t", "<find><--limit><3><g++-12>"),
        ("omg search --source pac\t x", "<search><--source><pacman><x>"),
        ("omg search --source=pac\t x", "<search><--source=pacman><x>"),
        ("omg --config x info g\t", "<--config><x><info><g++-12>"),
        ("omg info -- g\t", "<info><--><g++-12>"),
        ("omg files ins\t", "<files><installed-one>"),
        ("omg files vim some\\ fi\t", "<files><vim><some file.txt>"),
        ("omg owner some\\ fo\t", "<owner><some folder>"),
        ("omg --root some\t info g\t", "<--root><some folder><info><g++-12>"),
        ("omg --root=some\t info g\t", "<--root=some folder><info><g++-12>"),
        ("omg completions z\t", "<completions><zsh>"),
        ("omg poo\t jo\t x", "<pool><join><x>"),
        ("omg help sea\t", "<help><search>"),
        ("omg hidd\tX", "<hiddX>"),
        ("omg --secr\tX", "<--secrX>"),
    ]
    .map(|(typed, ran)| (typed.to_owned(), ran.to_owned()))
    .to_vec();
    for name in &NAMES[1..] {
        let start: String = name.chars().take(if name.starts_with("firefox") { 8 } else { 3 }).collect();
        let start = start.trim_end_matches(['=', '\'']);
        cases.push((format!("omg info {start}\t"), format!("<info><{name}>")));
    }
    cases
}

fn check_typed(stage: &Stage, shell: &str, setup: &str) {
    let cases = typed_cases();
    let mut keys = format!("stty cols 200 rows 50\n{setup}\n");
    for (typed, _) in &cases {
        keys += &format!("{typed}\n");
    }
    keys += "exit\n";
    let screen = stage.type_at(shell, &keys);
    // zsh takes the slash behind a folder away again when a blank follows.
    let ran: Vec<String> = stage.lines("ran").iter().map(|line| line.replace("/>", ">")).collect();
    for (index, (typed, expected)) in cases.iter().enumerate() {
        assert_eq!(ran.get(index), Some(expected), "{shell}: typed {typed:?}\n{screen}");
    }
    assert_eq!(ran.len(), cases.len(), "{screen}");
    stage.nothing_was_run_by_a_name();
    let asked = stage.lines("asked");
    for call in ["complete --names g++", "complete --names libc6:i3", "complete --installed ins"] {
        assert!(asked.iter().any(|line| line == call), "{call} is not in {asked:?}");
    }
}

#[test]
fn bash_inserts_what_was_meant() {
    if !installed("bash") || !installed("script") {
        return;
    }
    let stage = Stage::new(Shell::Bash);
    check_typed(&stage, "bash --norc --noprofile -i", "source ../script");
}

#[test]
fn bash_with_bash_completion_inserts_what_was_meant() {
    let library = "/usr/share/bash-completion/bash_completion";
    if !installed("bash") || !installed("script") || !Path::new(library).exists() {
        return eprintln!("skipped bash_with_bash_completion_inserts_what_was_meant: no bash-completion");
    }
    let stage = Stage::new(Shell::Bash);
    check_typed(&stage, "bash --norc --noprofile -i", &format!("source {library}; source ../script"));
}

#[test]
fn zsh_inserts_what_was_meant() {
    if !installed("zsh") || !installed("script") {
        return;
    }
    let stage = Stage::new(Shell::Zsh);
    check_typed(&stage, "zsh -f -i", "autoload -Uz compinit; compinit -u -D; source ../script; unsetopt beep");
}

#[test]
fn fish_inserts_what_was_meant() {
    if !installed("fish") || !installed("script") {
        return;
    }
    let stage = Stage::new(Shell::Fish);
    check_typed(&stage, "fish --no-config -i", "source ../script");
}

#[test]
fn bash_lists_every_choice() {
    if !installed("bash") {
        return;
    }
    let stage = Stage::new(Shell::Bash);
    let replies = |words: &[&str]| {
        let code = "source ../script; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMP_LINE=\"$*\"; COMP_POINT=${#COMP_LINE}; \
                    _omg; printf '%s\\n' \"${COMPREPLY[@]}\"";
        let output = stage.command("bash").args(["-u", "-c", code, "bash"]).args(words).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let commands = replies(&["omg", ""]);
    assert_eq!(commands, ["search", "find", "info", "files", "owner", "completions", "pool", "help"]);
    assert_eq!(replies(&["omg", "info", "fire"]), ["firefox", "firefox-esr"]);
    assert_eq!(replies(&["omg", "search", "--"]), ["--limit", "--source", "--json", "--root", "--config", "--help"]);
    assert_eq!(replies(&["omg", "search", "--limit", ""]), [""]);
    assert_eq!(replies(&["omg", "completions", "bash", ""]), [""]);
    assert_eq!(replies(&["omg", "info", "no-such"]), [""]);
}

#[test]
fn fish_lists_every_choice() {
    if !installed("fish") {
        return;
    }
    let stage = Stage::new(Shell::Fish);
    let replies = |line: &str| {
        let code = "source ../script; complete -C $argv[1]";
        let output = stage.command("fish").args(["--no-config", "-c", code, line]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let sorted = |words: &[&str]| {
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        words.sort();
        words
    };
    let check = |line: &str, expected: &[&str]| {
        let mut found = replies(line);
        found.sort();
        assert_eq!(found, sorted(expected), "{line}");
    };
    check("omg ", &["search", "find", "info", "files", "owner", "completions", "pool", "help"]);
    check("omg info fire", &["firefox", "firefox-esr"]);
    check("omg info libc6:", &["libc6:i386"]);
    check("omg info g++", &["g++-12"]);
    check("omg find -n 3 scope@", &["scope@next"]);
    check("omg --config x info -- g+", &["g++-12"]);
    check("omg search --", &["--limit", "--source", "--json", "--root", "--config", "--help"]);
    check("omg search --source ", &["apt", "pacman", "aur"]);
    check("omg search --source=p", &["--source=pacman"]);
    check("omg files in", &["installed-one"]);
    check("omg owner some", &["some file.txt", "some folder/"]);
    check("omg --root some", &["some folder/"]);
    check("omg pool ", &["join", "help"]);
    check("omg pool join x", &["x=y"]);
    check("omg completions bash x", &[]);
    check("omg help se", &["search"]);
    check("omg info no-such", &[]);
    for name in &NAMES[1..] {
        let start: String = name.chars().take(if name.starts_with("firefox") { 8 } else { 3 }).collect();
        check(&format!("omg info {}", start.trim_end_matches('\'')), &[name]);
    }
    stage.nothing_was_run_by_a_name();
    assert!(stage.lines("asked").contains(&"complete --names fire".to_owned()));
}

#[test]
fn shellcheck_finds_no_fault() {
    if !installed("shellcheck") {
        return;
    }
    let stage = Stage::new(Shell::Bash);
    let output = stage.command("shellcheck").args(["-s", "bash"]).arg(stage.path("script")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn zsh_and_fish_read_the_scripts() {
    for (program, arguments, shell) in
        [("zsh", "-n", Shell::Zsh), ("fish", "--no-execute", Shell::Fish), ("bash", "-n", Shell::Bash)]
    {
        if !installed(program) {
            continue;
        }
        let stage = Stage::new(shell);
        let output = stage.command(program).arg(arguments).arg(stage.path("script")).output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
