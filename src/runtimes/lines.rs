//! Version files that are read line by line: one-word files, `.tool-versions`, `.sdkmanrc`, `go.mod`, `Gemfile`.
//!
//! A `Gemfile` is a program; only a literal `ruby "..."` at the start of a line is understood.

use super::Runtime;
use super::pin::Found;
use super::tools::Tool;

/// A file that holds a version and perhaps comments. Of several (pyenv allows them) the first is the one in use; Node's may be a range.
pub(super) fn only(runtime: Runtime, text: &str) -> Vec<Found> {
    let version = |line| if runtime == Runtime::Node { Some(line) } else { str::split_whitespace(line).next() };
    uncommented(text)
        .filter_map(|(number, line)| Found::new(runtime, unquoted(version(line)?), number))
        .take(1)
        .collect()
}

/// asdf: a tool and its versions on each line, the first being the one in use.
pub(super) fn tool_versions(text: &str) -> Vec<Found> {
    uncommented(text)
        .filter_map(|(number, line)| {
            let mut words = line.split_whitespace();
            Found::new(Runtime::named(words.next()?)?, unquoted(words.next()?), number)
        })
        .collect()
}

/// The same, of the tools that are no runtimes of ours.
pub(super) fn other_tools(text: &str) -> Vec<Tool> {
    uncommented(text)
        .filter_map(|(line, text)| {
            let mut words = text.split_whitespace();
            Tool::new(words.next()?, unquoted(words.next()?), line)
        })
        .collect()
}

/// SDKMAN: `java=21.0.2-tem`; its other candidates are no runtimes of ours.
pub(super) fn sdkmanrc(text: &str) -> Vec<Found> {
    uncommented(text)
        .filter_map(|(number, line)| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == "java").then(|| Found::new(Runtime::Java, unquoted(value.trim()), number))?
        })
        .collect()
}

/// The `toolchain` line where there is one (it is what developers are to use), then the `go` line, which any later Go meets: the go
/// command itself looks for another only where it is older.
pub(super) fn go_mod(text: &str) -> Vec<Found> {
    let (mut toolchain, mut language) = (None, None);
    let mut in_block = false;
    for (number, line) in numbered(text) {
        let line = line.split("//").next().unwrap_or_default().trim();
        if in_block {
            in_block = line != ")";
            continue;
        }
        in_block = line.ends_with('(');
        let mut words = line.split_whitespace();
        match (words.next(), words.next().map(unquoted)) {
            (Some("go"), Some(version)) if !in_block => {
                let is_number = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                let at_least = if is_number { format!(">={version}") } else { version.to_owned() };
                language = Found::new(Runtime::Go, &at_least, number);
            }
            // `default` asks for what the go line says.
            (Some("toolchain"), Some(version)) if !in_block && version != "default" => {
                toolchain = Found::new(Runtime::Go, version, number);
            }
            _ => {}
        }
    }
    toolchain.into_iter().chain(language).collect()
}

/// Bundler: `ruby "3.3.0"`, `ruby '>= 3.1', '< 3.4'`, `ruby("3.3.0")`. `ruby file: ".ruby-version"` names a file that is
/// looked at by itself.
pub(super) fn gemfile(text: &str) -> Vec<Found> {
    numbered(text)
        .filter_map(|(number, line)| {
            let rest = line.trim_start().strip_prefix("ruby")?;
            let mut rest = rest.strip_prefix([' ', '\t', '('])?.trim_start_matches([' ', '\t', '(']);
            let mut requirements = Vec::new();
            while let Some(quote) = rest.chars().next().filter(|&c| matches!(c, '"' | '\'')) {
                let (requirement, after) = rest[1..].split_once(quote)?;
                // An interpolation would have to be run to be known.
                if requirement.contains("#{") {
                    return None;
                }
                requirements.push(requirement);
                match after.trim_start().strip_prefix(',') {
                    Some(after) => rest = after.trim_start(),
                    None => break,
                }
            }
            Found::new(Runtime::Ruby, &requirements.join(", "), number)
        })
        .take(1)
        .collect()
}

/// Lines with their numbers; a lone carriage return ends no line.
fn numbered(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1..).zip(text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)))
}

/// The lines that say something, without the comment a `#` starts and without the blanks around them.
fn uncommented(text: &str) -> impl Iterator<Item = (u32, &str)> {
    numbered(text)
        .map(|(number, line)| (number, line.split('#').next().unwrap_or_default().trim()))
        .filter(|(_, line)| !line.is_empty())
}

fn unquoted(word: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inside) = word.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inside;
        }
    }
    word
}
