//! What a shell evaluates to come into the environment of a folder, and the function by which it notices, without a process, that
//! this is no longer the one.

use super::{Shell, nushell};

/// What the hook keeps, beside the variables.
#[derive(Clone, Debug, Default)]
pub struct Kept<'k> {
    /// Folders that are to be on the search path, one after the other.
    pub path: &'k [String],
    /// Files, and beside each one that has its time.
    pub files: &'k [(String, String)],
    /// Names that are not in the folder.
    pub absent: &'k [&'static str],
    /// A file with the folder's own time: while it has that, none of these names has come.
    pub folder: Option<&'k str>,
    /// The file with the counts for the prompt, in one line.
    pub line: Option<&'k str>,
    /// The versions, for the prompt; empty or with a space behind it.
    pub runtimes: &'k str,
    /// For a shell that compares contents: files, and the SHA-256 of each.
    pub contents: &'k [(String, String)],
    /// For the same: files that are not there.
    pub missing: &'k [String],
}

/// All that a hook has to evaluate or, in Nushell, to load.
pub fn environment(shell: Shell, variables: &[(String, Option<String>)], kept: &Kept<'_>) -> String {
    match shell {
        Shell::Nushell => nushell::environment(variables, kept),
        Shell::Bash | Shell::Zsh | Shell::Fish => assign(shell, variables) + &keep(shell, kept),
    }
}

/// Sets variables, or takes them away.
pub fn assign(shell: Shell, variables: &[(String, Option<String>)]) -> String {
    if shell == Shell::Nushell {
        return nushell::assign(variables);
    }
    let line = |(name, value): &(String, Option<String>)| match (shell, value) {
        (Shell::Fish, Some(value)) => format!("set -gx {name} {}\n", shell.quoted(value)),
        (Shell::Fish, None) => format!("set -e {name}\n"),
        (_, Some(value)) => format!("export {name}={}\n", shell.quoted(value)),
        (_, None) => format!("unset {name}\n"),
    };
    variables.iter().map(line).collect()
}

/// What the hook compares before each prompt. Its parts are the shell's own `test`; nothing is expanded.
fn keep(shell: Shell, kept: &Kept<'_>) -> String {
    let quoted = |text: &str| shell.quoted(text);
    let (or, and) = if shell == Shell::Fish { (" -o ", "; and ") } else { (" || ", " && ") };
    let times = kept.files.iter().flat_map(|(file, stamp)| {
        let (file, stamp) = (quoted(file), quoted(stamp));
        let mut tests = vec![format!("{file} -nt {stamp}"), format!("{file} -ot {stamp}")];
        if shell == Shell::Zsh {
            // There a file that is missing is neither newer nor older.
            tests.extend([format!("! -e {file}"), format!("! -e {stamp}")]);
        }
        tests
    });
    let mut changed: Vec<String> = times.collect();
    let new: Vec<String> = kept.absent.iter().map(|name| format!("-e {name}")).collect();
    match kept.folder.filter(|_| shell != Shell::Fish && !new.is_empty()) {
        Some(stamp) => {
            let stamp = quoted(stamp);
            let gone = if shell == Shell::Zsh { format!(" || ! -e {stamp}") } else { String::new() };
            changed.push(format!("( . -nt {stamp} || . -ot {stamp}{gone} ) && ( {} )", new.join(or)));
        }
        None => changed.extend(new),
    }
    let changed = changed.join(or);
    let mut same = vec![match shell {
        Shell::Fish => "test \"$__omg_folder\" = \"$PWD\"".to_owned(),
        _ => "$PWD == \"$__omg_folder\"".to_owned(),
    }];
    match shell {
        // Another program may have put the search path back as it was.
        Shell::Fish => same.extend(kept.path.iter().map(|folder| format!("contains -- {} $PATH", quoted(folder)))),
        _ if kept.path.is_empty() => {}
        _ => same.push(format!("\":$PATH:\" == *{}*", quoted(&format!(":{}:", kept.path.join(":"))))),
    }
    if !changed.is_empty() {
        same.push(if shell == Shell::Fish { format!("not test {changed}") } else { format!("! ( {changed} )") });
    }
    let same = same.join(and);
    let line = quoted(kept.line.unwrap_or_default());
    match shell {
        Shell::Fish => {
            format!(
                "function __omg_is_same\n    {same}\nend\nset -g __omg_line {line}\nset -g __omg_runtimes {}\n",
                quoted(kept.runtimes)
            )
        }
        _ => {
            // zsh reads a percent sign of a prompt as the beginning of something.
            let runtimes = kept.runtimes.replace('%', if shell == Shell::Zsh { "%%" } else { "%" });
            format!("__omg_is_same() {{ [[ {same} ]]; }}\n__omg_line={line}\n__omg_runtimes={}\n", quoted(&runtimes))
        }
    }
}
