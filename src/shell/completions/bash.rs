//! For bash 4 and later, with or without the package bash-completion.

use super::{Level, tables};
use crate::shell::quoted;

pub(super) fn script(levels: &[Level]) -> String {
    let mut lists = String::new();
    for level in levels {
        let commands: Vec<&str> = level.commands.iter().flat_map(|c| &c.names).map(String::as_str).collect();
        let options: Vec<&str> = level.options.iter().flat_map(|o| &o.names).map(String::as_str).collect();
        lists += &format!(
            "        {}) commands={} options={} ;;\n",
            quoted(&level.path),
            quoted(&commands.join(" ")),
            quoted(&options.join(" "))
        );
    }
    TEMPLATE.replace("@TABLES@\n", &tables(levels)).replace("@LISTS@\n", &lists)
}

/// bash splits the words at the characters of COMP_WORDBREAKS as well (`libc6:i386` is three words), so they are put
/// together again by the blanks between them, and a reply leaves out what stands before the last such character.
/// `compgen -W` is not used, since it expands what it is given.
const TEMPLATE: &str = r#"# shellcheck shell=bash
# Completes omg in bash. Made by `omg completions bash`.

@TABLES@

# Sets commands and options: the words that may follow command $1.
_omg_lists() {
    commands='' options=''
    case "$1" in
@LISTS@
    esac
}

# Adds those of the words $1 that begin with $current, each behind $before.
_omg_words() {
    local all word
    read -ra all <<<"$1"
    for word in "${all[@]}"; do
        [[ $word == "$current"* ]] && COMPREPLY+=("$before$word")
    done
}

_omg_replies() {
    case $1 in
        names | installed | tasks)
            mapfile -t COMPREPLY < <(command omg complete "--$1" "$current" 2>/dev/null)
            ;;
        files)
            files=1
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            ;;
        folders)
            files=1
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            ;;
        'words '*)
            _omg_words "${1#words }"
            return
            ;;
    esac
    [[ -n $before ]] && ((${#COMPREPLY[@]})) && COMPREPLY=("${COMPREPLY[@]/#/"$before"}")
}

_omg() {
    COMPREPLY=()
    local line=${COMP_LINE:0:COMP_POINT} words=() last=-1 i word
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == 0)); then
            words[++last]=
        elif [[ $line == [[:space:]]* ]]; then
            line=${line#"${line%%[![:space:]]*}"}
            words[++last]=
        fi
        if ((i == COMP_CWORD)); then
            word=$line
        fi
        words[last]+=$word
        line=${line#*"$word"}
    done

    local command='' pending='' rest='' positionals=0 entered kind commands options
    for ((i = 1; i < last; i++)); do
        word=${words[i]//[\"\'\\]/}
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

    local current=${words[last]} before='' files='' quote='' whole
    case $current in
        [\"\']*)
            quote=${current:0:1}
            current=${current:1}
            ;;
        *) current=${current//\\/} ;;
    esac
    whole=$current

    if [[ -n $pending ]]; then
        _omg_replies "$pending"
    elif [[ -z $rest && $current == --*=* ]]; then
        _omg_option "$command" "${current%%=*}"
        before=${current%%=*}=
        current=${current#*=}
        _omg_replies "$kind"
    elif [[ -z $rest && $current == -* ]]; then
        _omg_lists "$command"
        _omg_words "$options"
    else
        if [[ -z $rest ]] && ((positionals == 0)); then
            _omg_lists "$command"
            _omg_words "$commands"
        fi
        if ((${#COMPREPLY[@]} == 0)); then
            _omg_positional "$command" "$positionals"
            _omg_replies "$kind"
        fi
    fi
    ((${#COMPREPLY[@]})) || return 0

    # What readline takes to stand before the word is not repeated.
    local breaks='' head=''
    if [[ -z $quote ]]; then
        for word in @ = :; do
            [[ $COMP_WORDBREAKS == *"$word"* ]] && breaks+=$word
        done
        if [[ -n $breaks ]]; then
            head=${whole%"${whole##*["$breaks"]}"}
            # Of these, readline takes an at sign (of a host name) to belong to the word behind it.
            head=${head%@}
            COMPREPLY=("${COMPREPLY[@]#"$head"}")
        fi
    fi

    # A name the shell would act upon is inserted quoted; inside a quote it is not offered. Files readline quotes itself.
    local IFS=/
    if [[ -z $files && "${COMPREPLY[*]}" == *[!A-Za-z0-9@=:.,_+/-]* ]]; then
        local plain=()
        for word in "${COMPREPLY[@]}"; do
            if [[ $word != *[!A-Za-z0-9@=:.,_+/-]* ]]; then
                plain+=("$word")
            elif [[ -z $quote ]]; then
                plain+=("$(printf %q "$word")")
            fi
        done
        COMPREPLY=("${plain[@]}")
    fi
}

complete -F _omg omg
"#;
