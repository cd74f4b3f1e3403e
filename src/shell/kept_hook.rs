//! The hook as a file, for bash and zsh to read at their start in place of the output of a process: a process costs a shell a
//! millisecond, and reading this a tenth of it.
//!
//! It cannot begin with the environment of the folder that a shell starts in, so it finds out with built-ins whether anything asks for
//! one there. Where something does, the first prompt asks `omg env`; where nothing does, no process is started until the folder
//! changes or gets a version file. Folders above are not looked at again so, since no stamp has their times.

use super::{Shell, hook};
use std::path::Path;

/// What the file holds. `names` are those of version files, `variables` those that ask for a version, `global` the person's own file
/// for everywhere and `line` the status' one line, as far as there are any.
pub fn script(
    shell: Shell,
    program: &str,
    names: &[&str],
    variables: &[String],
    global: Option<&Path>,
    line: Option<&Path>,
) -> Option<String> {
    let path = |path: Option<&Path>| Some(shell.quoted(path.map_or(Some(""), Path::to_str)?));
    let any: Vec<String> = names.iter().map(|name| format!("-e $1/{name}")).collect();
    let set: String = variables.iter().map(|name| format!("${{{name}-}}")).collect();
    let text = QUIET
        .replace("@ANY@", &any.join(" || "))
        .replace("@SET@", &set)
        .replace("@GLOBAL@", &path(global)?)
        .replace("@LINE@", &path(line)?);
    Some(hook::script(shell, program, variables) + &text)
}

const QUIET: &str = r#"# Kept in a file by `omg hook --keep`, and kept up to date by what the hook asks.
__omg_any() { [[ @ANY@ ]]; }
__omg_hook() {
    [[ $PWD@SET@ == "$__omg_folder" ]] && ! __omg_any "$PWD" || __omg_enter
    __omg_show
}
__omg_is_quiet() {
    [[ -z "${OMG_ENV-}@SET@" && ! -e @GLOBAL@ ]] || return 1
    local at=$PWD
    while ! __omg_any "$at"; do
        [[ -n $at && $at != "${HOME-}" ]] || return 0
        at=${at%/*}
    done
    return 1
}
__omg_line=@LINE@
if __omg_is_quiet; then __omg_folder=$PWD; fi
"#;
