//! For fish 3.1 and later.

use super::{Level, Takes};
use crate::shell::Shell;

pub(super) fn script(levels: &[Level]) -> String {
    let (mut enters, mut option, mut positional, mut lists) =
        (String::new(), String::new(), String::new(), String::new());
    for level in levels {
        let path = &level.path;
        let at = |name: &str| quoted(&format!("{path} {name}"));
        for command in &level.commands {
            let patterns: Vec<String> = command.names.iter().map(|name| at(name)).collect();
            enters += &format!("        case {}\n            echo {}\n", patterns.join(" "), at(&command.names[0]));
        }
        for choice in &level.options {
            let Some(takes) = &choice.takes else { continue };
            let patterns: Vec<String> = choice.names.iter().map(|name| at(name)).collect();
            option += &format!("        case {}\n            echo {}\n", patterns.join(" "), kind(takes));
        }
        for (index, (takes, many)) in level.positionals.iter().enumerate() {
            let pattern = if *many { at("*") } else { at(&index.to_string()) };
            positional += &format!("        case {pattern}\n            echo {}\n", kind(takes));
            if *many {
                break;
            }
        }
        for (what, rows) in [
            ("commands", level.commands.iter().map(|c| (&c.names, &c.help)).collect::<Vec<_>>()),
            ("options", level.options.iter().map(|o| (&o.names, &o.help)).collect()),
        ] {
            if rows.is_empty() {
                continue;
            }
            lists += &format!("        case {}\n            printf '%s\\t%s\\n'", quoted(&format!("{what}{path}")));
            for (names, help) in rows {
                for name in names {
                    lists += &format!(" \\\n                {} {}", quoted(name), quoted(help));
                }
            }
            lists.push('\n');
        }
    }
    TEMPLATE
        .replace("@ENTERS@\n", &enters)
        .replace("@OPTION@\n", &option)
        .replace("@POSITIONAL@\n", &positional)
        .replace("@LISTS@\n", &lists)
}

fn kind(takes: &Takes) -> String {
    quoted(&takes.word())
}

fn quoted(text: &str) -> String {
    Shell::Fish.quoted(text)
}

/// fish takes each line of a command's output as it is, and escapes it when it inserts it.
const TEMPLATE: &str = r#"# Completes omg in fish. Made by `omg completions fish`.

# The command that a word leads to from another.
function __omg_enters --argument-names command word
    switch "$command $word"
@ENTERS@
    end
end

# What an option of a command takes; nothing for a flag.
function __omg_option --argument-names command option
    switch "$command $option"
@OPTION@
    end
end

# What an argument of a command is, by its number.
function __omg_positional --argument-names command number
    switch "$command $number"
@POSITIONAL@
    end
end

# What may follow a command, with descriptions.
function __omg_lists --argument-names what command
    switch "$what$command"
@LISTS@
    end
end

function __omg_replies --argument-names kind current before
    switch "$kind"
        case names installed tasks
            command omg complete --$kind $current 2>/dev/null | string replace -r '^' -- "$before"
        case files
            __fish_complete_path $current | string replace -r '^' -- "$before"
        case folders
            __fish_complete_directories $current '' | string replace -r '^' -- "$before"
        case 'words *'
            printf '%s\n' $before(string split ' ' -- (string replace 'words ' '' -- $kind))
    end
end

function __omg_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct | string replace -ra '[\\\\\'"]' '')
    set -q current[1]; or set current ''
    set -l command ''
    set -l pending ''
    set -l rest 0
    set -l positionals 0
    for word in $words[2..-1]
        if test -n "$pending"
            set pending ''
        else if test $rest = 0; and test "x$word" = x--
            set rest 1
        else if test $rest = 0; and string match -q -- '-?*' $word
            set pending (__omg_option "$command" $word)
            set -q pending[1]; or set pending ''
        else
            set -l entered
            if test $rest = 0; and test $positionals = 0
                set entered (__omg_enters "$command" $word)
            end
            if set -q entered[1]
                set command $entered
            else
                set positionals (math $positionals + 1)
            end
        end
    end

    if test -n "$pending"
        __omg_replies "$pending" "$current" ''
    else if test $rest = 0; and string match -q -- '--*=*' $current
        set -l parts (string split -m 1 = -- $current)
        __omg_replies (__omg_option "$command" $parts[1]; or true) "$parts[2]" "$parts[1]="
    else if test $rest = 0; and string match -q -- '-*' $current
        __omg_lists options "$command"
    else
        set -l commands
        if test $rest = 0; and test $positionals = 0
            set commands (__omg_lists commands "$command")
        end
        if set -q commands[1]
            printf '%s\n' $commands
        else
            set -l kind (__omg_positional "$command" $positionals)
            set -q kind[1]; and __omg_replies "$kind" "$current" ''
        end
    end
end

complete -c omg -f -a '(__omg_complete)'
"#;
