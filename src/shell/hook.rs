//! The hook: a few functions that a shell evaluates when it starts, and calls before each prompt.
//!
//! At an ordinary prompt no process is started: the hook compares the folder, the variables that ask, the times of the version files,
//! of the folders that they may come into and of the status' one line, and the search path, with the shell's own built-ins. Where the
//! line has changed it is read; where anything else has, `omg env` is asked, once. What it answers has the comparison as well: in bash
//! and zsh as a new `__omg_hook`, since another function to call costs zsh 8 µs.
//!
//! It leaves alone what is the shell's: the last command's code, options such as `set -eu`, and other programs' hooks, behind which it
//! is put, since some of them set the search path anew.

use super::{Shell, nushell};

/// The hook for a shell; `program` is the path of omg, and `variables` are those that ask for versions.
pub fn script(shell: Shell, program: &str, variables: &[String]) -> String {
    let text = match shell {
        Shell::Bash => {
            let read = r#"IFS= read -r line <"$__omg_line""#;
            BASH.replace("@BOURNE@\n", &BOURNE.replace("@EMULATE@\n", "").replace("@READ@", read))
        }
        Shell::Zsh => {
            // zsh does this without a process, and its `read` byte by byte. Its options are the person's own.
            let read = r#"line=$(<"$__omg_line")"#;
            ZSH.replace("@BOURNE@\n", &BOURNE.replace("@EMULATE@", "    emulate -L zsh").replace("@READ@", read))
        }
        Shell::Fish => FISH.to_owned(),
        Shell::Nushell => nushell::hook(variables),
    };
    text.replace("@SHELL@", shell.name()).replace("@OMG@", &shell.quoted(program))
}

const BASH: &str = r#"# omg in bash: eval "$(omg hook bash)"
@BOURNE@
case ${PROMPT_COMMAND[*]-} in
*__omg_hook*) ;;
*) PROMPT_COMMAND="${PROMPT_COMMAND:+$PROMPT_COMMAND
}__omg_hook" ;;
esac
"#;

const ZSH: &str = r#"# omg in zsh: eval "$(omg hook zsh)"
@BOURNE@
typeset -ga precmd_functions chpwd_functions
[[ ${precmd_functions[(r)__omg_hook]-} == __omg_hook ]] || precmd_functions+=(__omg_hook)
[[ ${chpwd_functions[(r)__omg_hook]-} == __omg_hook ]] || chpwd_functions+=(__omg_hook)
"#;

/// What bash and zsh have in common; nothing of it runs at an ordinary prompt but the first function, which `omg env` makes anew.
const BOURNE: &str = r#"__omg_folder='' __omg_line='' __omg_runtimes='' __omg_shown='' OMG_PROMPT=''
__omg_hook() { [[ $PWD == "$__omg_folder" ]] || __omg_enter; }
__omg_enter() {
@EMULATE@
    __omg_folder=$PWD
    eval "$(@OMG@ env --shell @SHELL@)" || :
    __omg_show
}
__omg_show() {
    local line= part count
    [[ -r $__omg_line ]] && @READ@ || :
    [[ "$line $__omg_runtimes" != "$__omg_shown" ]] || return 0
@EMULATE@
    __omg_shown="$line $__omg_runtimes"
    OMG_PROMPT=
    for part in updates=↑ security=! attention=×; do
        count=" $line"
        count=${count#* "${part%%=*}"=}
        count=${count%% *}
        case $count in
        '' | 0 | *[!0-9]*) ;;
        *) OMG_PROMPT+="${part#*=}$count " ;;
        esac
    done
    OMG_PROMPT+=$__omg_runtimes
}
omg() {
@EMULATE@
    local code=0 text
    case "${1-} $* " in
    "use "*" --shell "*)
        text=$(OMG_SHELL=@SHELL@ @OMG@ "$@") || return
        eval "$text"
        __omg_folder=
        __omg_hook
        return
        ;;
    esac
    @OMG@ "$@" || code=$?
    case ${1-} in
    use | pin | install | uninstall | runtime | migrate-from | trust) __omg_folder= ;;
    esac
    return "$code"
}
"#;

const FISH: &str = r#"# omg in fish: omg hook fish | source
set -g __omg_folder
function __omg_is_same
    test "$__omg_folder" = "$PWD"
end
function __omg_hook --on-event fish_prompt
    if not __omg_is_same
        set -g __omg_folder $PWD
        @OMG@ env --shell fish | source
    end
    set -l line ''
    test -n "$__omg_line" -a -r "$__omg_line"; and read line <"$__omg_line"
    if test "$line $__omg_runtimes" != "$__omg_shown"
        set -g __omg_shown "$line $__omg_runtimes"
        set -g OMG_PROMPT ''
        for part in updates=↑ security=! attention=×
            set -l sign (string split = -- $part)
            set -l count (string match -rg -- "(?:^| )$sign[1]=([1-9][0-9]*)" "$line")
            and set -g OMG_PROMPT "$OMG_PROMPT$sign[2]$count "
        end
        set -g OMG_PROMPT "$OMG_PROMPT$__omg_runtimes"
    end
end
function omg
    if test "$argv[1]" = use; and contains -- --shell $argv
        set -l text (OMG_SHELL=fish @OMG@ $argv | string collect)
        or return
        eval $text
        set -g __omg_folder
        __omg_hook
        return
    end
    @OMG@ $argv
    set -l code $status
    contains -- "$argv[1]" use pin install uninstall runtime migrate-from trust; and set -g __omg_folder
    return $code
end
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_any_name_stays_one_word() {
        for shell in Shell::ALL {
            let text = script(shell, "/a b/o'm$(g)", &["OMG_NODE_VERSION".to_owned()]);
            assert!(
                ["@OMG@", "@SHELL@", "@BOURNE@", "@EMULATE@", "@READ@", "@ASKED@"]
                    .iter()
                    .all(|mark| !text.contains(mark)),
                "{text}"
            );
            assert!(text.contains(&shell.quoted("/a b/o'm$(g)")), "{text}");
        }
    }
}
