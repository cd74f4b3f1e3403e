//! What is executed for a task: the tool's own way to run one, and where further arguments go in it.

use crate::project::omg_toml::{Action, Own};
use crate::project::{Project, Source};
use std::ffi::OsString;
use std::path::Path;

/// The command for a task of a tool that lies in `folder`, with what it is to be given.
pub fn command(project: &Project, source: Source, name: &str, folder: &Path, arguments: &[OsString]) -> Vec<OsString> {
    let words: &[&str] = match source {
        // omg has commands of its own; see `own`.
        Source::Omg => &[],
        Source::Make => &["make"],
        Source::Just => &["just"],
        Source::Task => &["task"],
        Source::Npm => &["npm", "run"],
        Source::Pnpm => &["pnpm", "run"],
        Source::Yarn => &["yarn", "run"],
        Source::Bun => &["bun", "run"],
        Source::Deno => &["deno", "task"],
        Source::Cargo => &["cargo"],
        Source::Uv => &["uv", "run"],
        Source::Poetry => &["poetry", "run"],
        Source::Pdm => &["pdm", "run"],
        Source::Hatch => &["hatch", "run"],
        Source::Pipenv => &["pipenv", "run"],
        Source::Composer => &["composer", "run-script"],
        Source::Maven => &["mvn"],
        Source::Gradle => &["gradle"],
        Source::Rake => &["rake"],
        Source::Mix => &["mix"],
    };
    let mut all: Vec<OsString> = words.iter().map(OsString::from).collect();
    // A project that brings its tool is built with that one.
    if let Some(wrapper) = wrapper(project, source, folder)
        && let Some(first) = all.first_mut()
    {
        *first = wrapper;
    }
    all.push(name.into());
    // These take what stands before a double hyphen for themselves.
    if matches!(source, Source::Npm | Source::Task | Source::Composer) && !arguments.is_empty() {
        all.push("--".into());
    }
    all.extend_from_slice(arguments);
    all
}

/// `mvnw` or `gradlew`, of the folder or of one above it that has the same tool's files.
fn wrapper(project: &Project, source: Source, folder: &Path) -> Option<OsString> {
    let name = match source {
        Source::Maven => "mvnw",
        Source::Gradle => "gradlew",
        _ => return None,
    };
    let folders = project.folders.iter().filter(|one| folder.starts_with(&one.path) && one.sources.contains(&source));
    let mut wrappers = folders.map(|one| one.path.join(name));
    wrappers.find(|path| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()).map(Into::into)
}

/// The command of a task of `omg.toml`; empty for one that only depends on others.
pub(super) fn own(own: &Own, name: &str, arguments: &[OsString]) -> Vec<OsString> {
    match &own.action {
        Action::Nothing => Vec::new(),
        Action::Program(words) => words.iter().map(OsString::from).chain(arguments.iter().cloned()).collect(),
        Action::Shell(text) => {
            let asks = ["$@", "$*", "${@", "${*", "$1", "${1"].iter().any(|form| text.contains(form));
            // The arguments stay words of their own: the shell is never given them as text.
            let text = if asks || arguments.is_empty() { text.clone() } else { format!("{} \"$@\"", text.trim_end()) };
            let words = ["/bin/sh".into(), "-c".into(), text.into(), name.into()];
            words.into_iter().chain(arguments.iter().cloned()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[OsString]) -> Vec<&str> {
        words.iter().map(|word| word.to_str().unwrap()).collect()
    }

    #[test]
    fn arguments_go_where_the_tool_hands_them_on() {
        let project = Project::default();
        let run = |source, arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            shown(&command(&project, source, "t", Path::new("/"), &arguments)).join(" ")
        };
        assert_eq!(run(Source::Npm, &["-a", "b"]), "npm run t -- -a b");
        assert_eq!(run(Source::Npm, &[]), "npm run t");
        assert_eq!(run(Source::Pnpm, &["-a"]), "pnpm run t -a");
        assert_eq!(run(Source::Task, &["-a"]), "task t -- -a");
        assert_eq!(run(Source::Make, &["A=1"]), "make t A=1");
    }

    #[test]
    fn arguments_are_never_text_for_a_shell() {
        let arguments: Vec<OsString> = vec!["a b".into(), "$(touch x)".into()];
        let shell = |text: &str| Own { action: Action::Shell(text.into()), ..Own::default() };
        let words = own(&shell("echo hi\n"), "t", &arguments);
        assert_eq!(shown(&words), ["/bin/sh", "-c", "echo hi \"$@\"", "t", "a b", "$(touch x)"]);
        assert_eq!(shown(&own(&shell("f $1; g"), "t", &arguments))[2], "f $1; g");
        assert_eq!(shown(&own(&shell("f"), "t", &[])), ["/bin/sh", "-c", "f", "t"]);
        assert!(own(&Own::default(), "t", &arguments).is_empty());
    }
}
