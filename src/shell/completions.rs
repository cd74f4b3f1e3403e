//! Completion scripts for bash, zsh and fish, made from the command line's own description.
//!
//! All three work alike: a small walk over the words finds the subcommand and which of its arguments is being typed, and
//! tables made here say what that argument is. Package names come live from `omg complete`, one a line:
//!
//! - `omg complete --names PREFIX`: every known package;
//! - `omg complete --installed PREFIX`: the installed ones;
//! - `omg complete --tasks PREFIX`: the tasks of the project one is in.
//!
//! Names are data to a script: no shell expands or evaluates them, and what a shell would act upon is quoted when inserted.
//! clap_complete's own scripts are not used: they know no live values, and each walks the words differently.

mod bash;
mod fish;
mod zsh;

use super::{Shell, quoted};
use clap::{Arg, Command, ValueHint};

/// The script for `shell`. What an argument takes is read off its value name, or else its id: `NAME` and `TERM` any
/// package, `INSTALLED` (as the id, whatever the value's name) an installed one, `TASK` a task of the project, `PATH` and `FILE` files, `DIR` folders; clap's own hints and lists of values
/// count as well. Hidden commands and options are left out. There is none for Nushell.
pub fn script(shell: Shell, command: &mut Command) -> Option<String> {
    command.build();
    let mut levels = Vec::new();
    level("", command, &mut levels);
    match shell {
        Shell::Bash => Some(bash::script(&levels)),
        Shell::Zsh => Some(zsh::script(&levels)),
        Shell::Fish => Some(fish::script(&levels)),
        Shell::Nushell => None,
    }
}

/// What may be typed after omg itself, or after one of its subcommands.
struct Level {
    /// Each subcommand's name behind a space: empty for omg itself, ` search`, ` pool join`.
    path: String,
    commands: Vec<Subcommand>,
    options: Vec<Choice>,
    /// What each argument takes. `true`: any number of them from here on.
    positionals: Vec<(Takes, bool)>,
}

struct Subcommand {
    /// The first is the one its level's path has.
    names: Vec<String>,
    help: String,
}

struct Choice {
    /// `-n`, `--names`.
    names: Vec<String>,
    help: String,
    /// `None` for a flag.
    takes: Option<Takes>,
}

enum Takes {
    Names,
    Installed,
    Tasks,
    Files,
    Folders,
    Words(Vec<String>),
    Unknown,
}

impl Takes {
    /// As the scripts' tables have it.
    fn word(&self) -> String {
        match self {
            Takes::Names => "names".into(),
            Takes::Installed => "installed".into(),
            Takes::Tasks => "tasks".into(),
            Takes::Files => "files".into(),
            Takes::Folders => "folders".into(),
            Takes::Words(words) => format!("words {}", words.join(" ")),
            Takes::Unknown => "unknown".into(),
        }
    }
}

fn level(path: &str, command: &Command, levels: &mut Vec<Level>) {
    let mut this = Level { path: path.into(), commands: Vec::new(), options: Vec::new(), positionals: Vec::new() };
    let visible: Vec<&Command> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    for inner in &visible {
        let names = std::iter::once(inner.get_name()).chain(inner.get_visible_aliases()).map(str::to_owned).collect();
        this.commands.push(Subcommand { names, help: one_line(inner.get_about()) });
    }
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let many = argument.get_num_args().is_some_and(|range| range.max_values() > 1)
            || matches!(argument.get_action(), clap::ArgAction::Append);
        if argument.is_positional() {
            this.positionals.push((takes(argument), many));
            continue;
        }
        let short = argument.get_short_and_visible_aliases().unwrap_or_default().into_iter().map(|c| format!("-{c}"));
        let long = argument.get_long_and_visible_aliases().unwrap_or_default().into_iter().map(|l| format!("--{l}"));
        // An option whose value may be left out takes none from the next word.
        let has_value =
            argument.get_action().takes_values() && argument.get_num_args().is_none_or(|n| n.min_values() > 0);
        let takes = has_value.then(|| takes(argument));
        this.options.push(Choice { names: short.chain(long).collect(), help: one_line(argument.get_help()), takes });
    }
    levels.push(this);
    for inner in &visible {
        let inner_path = format!("{path} {}", inner.get_name());
        if inner.get_name() == "help" {
            // clap repeats the whole tree below `help`; the names of its first level will do.
            let names = visible.iter().map(|command| command.get_name().to_owned()).collect();
            let positionals = vec![(Takes::Words(names), false)];
            levels.push(Level { path: inner_path, commands: Vec::new(), options: Vec::new(), positionals });
        } else {
            level(&inner_path, inner, levels);
        }
    }
}

fn takes(argument: &Arg) -> Takes {
    let words: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set() && !value.get_name().contains(char::is_whitespace))
        .map(|value| value.get_name().to_owned())
        .collect();
    if !words.is_empty() {
        return Takes::Words(words);
    }
    match argument.get_value_hint() {
        ValueHint::AnyPath | ValueHint::FilePath | ValueHint::ExecutablePath => return Takes::Files,
        ValueHint::DirPath => return Takes::Folders,
        _ => {}
    }
    // People read `NAME` for either; the id then tells which.
    if argument.get_id() == "INSTALLED" {
        return Takes::Installed;
    }
    let named = argument.get_value_names().and_then(|names| names.first()).map(|name| name.to_string());
    match named.unwrap_or_else(|| argument.get_id().as_str().to_uppercase()).as_str() {
        "NAME" | "TERM" => Takes::Names,
        "INSTALLED" => Takes::Installed,
        "TASK" => Takes::Tasks,
        "PATH" | "FILE" => Takes::Files,
        "DIR" => Takes::Folders,
        _ => Takes::Unknown,
    }
}

fn one_line(help: Option<&clap::builder::StyledStr>) -> String {
    let text = help.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect()
}

/// The functions that bash and zsh have in common.
const TABLES: &str = r#"# Sets entered: the command that word $2 leads to from command $1.
_omg_enters() {
    entered=
    case "$1 $2" in
@ENTERS@
    esac
}

# Sets kind: what option $2 of command $1 takes; empty for a flag.
_omg_option() {
    kind=
    case "$1 $2" in
@OPTION@
    esac
}

# Sets kind: what argument number $2 of command $1 is.
_omg_positional() {
    kind=
    case "$1 $2" in
@POSITIONAL@
    esac
}
"#;

/// [`TABLES`] filled in: which command a word enters, what an option takes, what an argument takes.
fn tables(levels: &[Level]) -> String {
    let (mut enters, mut option, mut positional) = (String::new(), String::new(), String::new());
    for Level { path, commands, options, positionals } in levels {
        for Subcommand { names, .. } in commands {
            let patterns: Vec<String> = names.iter().map(|name| quoted(&format!("{path} {name}"))).collect();
            let to = quoted(&format!("{path} {}", names[0]));
            enters += &format!("        {}) entered={to} ;;\n", patterns.join(" | "));
        }
        for Choice { names, takes, .. } in options {
            let Some(takes) = takes else { continue };
            let patterns: Vec<String> = names.iter().map(|name| quoted(&format!("{path} {name}"))).collect();
            option += &format!("        {}) kind={} ;;\n", patterns.join(" | "), quoted(&takes.word()));
        }
        for (index, (takes, many)) in positionals.iter().enumerate() {
            let kind = quoted(&takes.word());
            let pattern =
                if *many { format!("{}*", quoted(&format!("{path} "))) } else { quoted(&format!("{path} {index}")) };
            positional += &format!("        {pattern}) kind={kind} ;;\n");
            if *many {
                break;
            }
        }
    }
    let cases = [("@ENTERS@\n", enters), ("@OPTION@\n", option), ("@POSITIONAL@\n", positional)];
    cases.iter().fold(TABLES.to_owned(), |text, (mark, cases)| {
        text.replace(mark, if cases.is_empty() { "        *) ;;\n" } else { cases })
    })
}
