//! For zsh with its completion system (`compinit`). The same text may lie in a folder of `fpath` as `_omg` or be sourced.

use super::{Level, tables};
use crate::shell::quoted;

pub(super) fn script(levels: &[Level]) -> String {
    let mut lists = String::new();
    for level in levels {
        let commands = described(level.commands.iter().map(|c| (&c.names, &c.help)));
        let options = described(level.options.iter().map(|o| (&o.names, &o.help)));
        lists += &format!("        {}) commands=({commands}) options=({options}) ;;\n", quoted(&level.path));
    }
    TEMPLATE.replace("@TABLES@\n", &tables(levels)).replace("@LISTS@\n", &lists)
}

/// `'name:help' ...`, as `_describe` takes them.
fn described<'a>(all: impl Iterator<Item = (&'a Vec<String>, &'a String)>) -> String {
    let mut out = Vec::new();
    for (names, help) in all {
        out.extend(names.iter().map(|name| quoted(&format!("{}:{help}", name.replace(':', "\\:")))));
    }
    out.join(" ")
}

/// `compadd -a` takes names as they are and quotes them when it inserts them.
const TEMPLATE: &str = r#"#compdef omg
# Completes omg in zsh. Made by `omg completions zsh`.

@TABLES@

# Sets commands and options: what may follow command $1.
_omg_lists() {
    commands=() options=()
    case "$1" in
@LISTS@
    esac
}

_omg_replies() {
    local -a found
    case $1 in
        (names|installed|tasks)
            found=("${(@f)$(command omg complete --$1 "${(Q)PREFIX}" 2>/dev/null)}")
            # Nothing printed is one empty line to the split.
            found=("${(@)found:#}")
            compadd -a found
            ;;
        (files) _files ;;
        (folders) _files -/ ;;
        ('words '*)
            found=(${=1#words })
            compadd -a found
            ;;
        (unknown) _message 'value' ;;
        (*) return 1 ;;
    esac
}

_omg() {
    local command= pending= rest= entered= kind= word=
    local -a commands options
    integer positionals=0 i
    for ((i = 2; i < CURRENT; i++)); do
        word=${(Q)words[i]}
        if [[ -n $pending ]]; then
            pending=
        elif [[ -z $rest && $word == -- ]]; then
            rest=1
        elif [[ -z $rest && $word == -?* ]]; then
            _omg_option "$command" "$word"
            pending=$kind
        else
            entered=
            if [[ -z $rest ]] && ((positionals == 0)); then
                _omg_enters "$command" "$word"
            fi
            if [[ -n $entered ]]; then
                command=$entered
            else
                ((++positionals))
            fi
        fi
    done

    if [[ -n $pending ]]; then
        _omg_replies $pending
    elif [[ -z $rest && $PREFIX == --*=* ]]; then
        _omg_option "$command" "${PREFIX%%=*}"
        compset -P 1 '*='
        _omg_replies "$kind"
    elif [[ -z $rest && $PREFIX == -* ]]; then
        _omg_lists "$command"
        _describe -o option options
    else
        if [[ -z $rest ]] && ((positionals == 0)); then
            _omg_lists "$command"
            (($#commands)) && _describe -t commands 'omg command' commands && return
        fi
        _omg_positional "$command" $positionals
        _omg_replies "$kind"
    fi
}

if [[ $funcstack[1] == _omg ]]; then
    _omg "$@"
else
    compdef _omg omg
fi
"#;
