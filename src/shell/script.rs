//! What a shell evaluates to come into the environment of a folder, and the function by which it notices, without a process, that
//! this is no longer the one.

use super::{Shell, nushell};

/// What the hook keeps, beside the variables.
#[derive(Clone, Debug, Default)]
pub struct Kept<'k> {
    /// The variables that ask for versions.
    pub variables: &'k [String],
    /// Folders that are to be on the search path, one after the other.
    pub path: &'k [String],
    /// Files, and beside each one that has its time.
    pub files: &'k [(String, String)],
    /// Folders that version files may come into, none of which has all of them.
    pub folders: &'k [Folder],
    /// The file with the counts for the prompt, in one line.
    pub line: Option<&'k str>,
    /// A file with the time of that one.
    pub line_stamp: Option<&'k str>,
    /// The versions, for the prompt; empty or with a space behind it.
    pub runtimes: &'k str,
    /// For a shell that compares contents: files, and the SHA-256 of each.
    pub contents: &'k [(String, String)],
    /// For the same: files that are not there.
    pub missing: &'k [String],
}

/// A folder, and what would make it ask for something else.
#[derive(Clone, Debug)]
pub struct Folder {
    /// [`HERE`], or from `/` on.
    pub path: String,
    /// Names that are not in it.
    pub absent: Vec<&'static str>,
    /// A file with the folder's own time: while it has that, none of these names has come.
    pub stamp: Option<String>,
}

/// The folder that the shell is in.
pub const HERE: &str = ".";

/// All that a hook has to evaluate or, in Nushell, to load.
pub fn environment(shell: Shell, variables: &[(String, Option<String>)], kept: &Kept<'_>) -> String {
    match shell {
        Shell::Nushell => nushell::environment(variables, kept),
        Shell::Bash | Shell::Zsh => assign(shell, variables) + &bourne(shell, kept),
        Shell::Fish => assign(shell, variables) + &fish(kept),
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

/// What the hook compares before each prompt, in the words of the shell's own `test`; nothing is expanded.
struct Comparison {
    or: &'static str,
    /// True where a file is another.
    files: Vec<String>,
    /// True where something has come into a folder; `None` where that is not to be told of each.
    guards: Option<Vec<String>>,
    /// True where a version file has.
    came: Vec<String>,
    /// True where the status' line is another; empty where that is not to be told.
    line: String,
}

fn comparison(shell: Shell, kept: &Kept<'_>) -> Comparison {
    let quoted = |text: &str| shell.quoted(text);
    let or = if shell == Shell::Fish { " -o " } else { " || " };
    // In zsh a file that is missing is neither newer nor older.
    let gone = |file: &str| if shell == Shell::Zsh { format!("{or}! -e {file}") } else { String::new() };
    let is_newer = |file: &str, stamp: &str| format!("{file} -nt {stamp}{}", gone(stamp));
    let differs = |file: &str, stamp: &str| format!("{file} -ot {stamp}{or}{}{}", is_newer(file, stamp), gone(file));
    let names = |folder: &Folder| {
        let is_there = |name: &&str| match &*folder.path {
            HERE => format!("-e {name}"),
            above => format!("-e {}", quoted(&format!("{above}/{name}"))),
        };
        folder.absent.iter().map(is_there).collect::<Vec<_>>().join(or)
    };
    // Any new file makes a folder newer. That one above is given an older time, as by unpacking, is not worth 3 µs at each prompt.
    let guard = |folder: &Folder| {
        let (path, stamp) = (quoted(&folder.path), quoted(folder.stamp.as_ref()?));
        Some(if folder.path == HERE { differs(HERE, &stamp) } else { is_newer(&path, &stamp) })
    };
    // Of several folders the one that has changed.
    let is_one_of_many = |folder: &Folder| shell != Shell::Fish && folder.path != HERE;
    let came = |folder: &Folder| match guard(folder).filter(|_| is_one_of_many(folder)) {
        Some(guard) => format!("( {guard} ) && ( {} )", names(folder)),
        None => names(folder),
    };
    Comparison {
        or,
        files: kept.files.iter().map(|(file, stamp)| differs(&quoted(file), &quoted(stamp))).collect(),
        guards: kept.folders.iter().map(guard).collect(),
        came: kept.folders.iter().map(came).collect(),
        line: match (kept.line, kept.line_stamp) {
            (Some(line), Some(stamp)) => differs(&quoted(line), &quoted(stamp)),
            _ => String::new(),
        },
    }
}

fn fish(kept: &Kept<'_>) -> String {
    let quoted = |text: &str| Shell::Fish.quoted(text);
    let Comparison { or, files, guards, came, .. } = comparison(Shell::Fish, kept);
    let asked: Vec<String> = kept.variables.iter().map(|name| format!("${name}")).collect();
    let asked = asked.join(":");
    let mut same = vec![format!("test \"$__omg_folder:$__omg_asked\" = \"$PWD:{asked}\"")];
    // Another program may have put the search path back as it was.
    same.extend(kept.path.iter().map(|folder| format!("contains -- {} $PATH", quoted(folder))));
    if !files.is_empty() {
        same.push(format!("not test {}", files.join(or)));
    }
    if !came.is_empty() {
        same.push(match guards {
            Some(guards) => format!("begin; not test {}; or not __omg_came; end", guards.join(or)),
            None => "not __omg_came".to_owned(),
        });
    }
    format!(
        "function __omg_came\n    test {}\nend\nfunction __omg_is_same\n    {}\nend\nset -g __omg_asked \"{asked}\"\nset -g __omg_line {}\nset -g __omg_runtimes {}\n",
        came.join(or),
        same.join("; and "),
        quoted(kept.line.unwrap_or_default()),
        quoted(kept.runtimes)
    )
}

/// For bash and zsh. bash makes a copy of a function whenever it is called, so what is rarely called has one of its own.
fn bourne(shell: Shell, kept: &Kept<'_>) -> String {
    let quoted = |text: &str| shell.quoted(text);
    let Comparison { or, files, guards, came, line } = comparison(shell, kept);
    let asked: Vec<String> = kept.variables.iter().map(|name| format!("${{{name}-}}")).collect();
    let asked = asked.join(":");
    let mut same = format!("$PWD:{asked} == \"$__omg_folder:$__omg_asked\"");
    if !kept.path.is_empty() {
        same += &format!(" && \":$PATH:\" == *{}*", quoted(&format!(":{}:", kept.path.join(":"))));
    }
    if !files.is_empty() {
        same += &format!(" && ! ( {} )", files.join(or));
    }
    // What changes is mostly the folder itself, which comes first: then the others cost no more than before.
    let mut asks = String::new();
    let mut functions = String::new();
    for (at, name) in [(0..1, "__omg_came"), (1..came.len(), "__omg_came_above")] {
        let Some(came) = came.get(at.clone()).filter(|came| !came.is_empty()) else { continue };
        functions += &format!("{name}() {{ [[ {} ]]; }}\n", came.join(or));
        asks += &match &guards {
            Some(guards) => format!(" && {{ [[ ! ( {} ) ]] || ! {name}; }}", guards[at].join(or)),
            None => format!(" && ! {name}"),
        };
    }
    let show = match kept.line {
        Some(_) if line.is_empty() => "\n    __omg_show".to_owned(),
        Some(_) => format!("\n    [[ ! ( {line} ) ]] || __omg_show"),
        None => String::new(),
    };
    // zsh reads a percent sign of a prompt as the beginning of something.
    let runtimes = kept.runtimes.replace('%', if shell == Shell::Zsh { "%%" } else { "%" });
    format!(
        "{functions}__omg_hook() {{\n    [[ {same} ]]{asks} || __omg_enter{show}\n}}\n__omg_asked={asked}\n__omg_line={}\n__omg_runtimes={}\n",
        quoted(kept.line.unwrap_or_default()),
        quoted(&runtimes)
    )
}
