//! Writes a request into a file of omg's own form, and leaves every other byte of it as it was.

use super::{Runtime, tables};
use toml::de::{DeTable, DeValue};

/// The text with `NAME = "VERSION"` in its `[runtimes]`; an error says why that cannot be done without understanding more.
/// `NAME` is a runtime's or a tool's.
pub fn with_version(text: &str, name: &str, version: &str) -> Result<String, String> {
    if version.contains(['"', '\\']) || version.chars().any(char::is_control) {
        return Err(format!("{version:?} is no version"));
    }
    let new = edited(text, name, version)?;
    // Whatever was done, it is believed only if it says what was meant.
    let runtimes = tables::omg(&new).into_iter().map(|found| (found.runtime.name().to_owned(), found.version));
    let tools = tables::other_tools(&new, "runtimes").into_iter().map(|tool| (tool.name, tool.version));
    let says = runtimes.chain(tools).filter(|(found, _)| found == name).map(|(_, version)| version);
    let is_so = says.eq([version.to_owned()]) && toml::from_str::<toml::Table>(&new).is_ok();
    is_so.then_some(new).ok_or_else(|| "its [runtimes] is written in a way that is not understood".to_owned())
}

fn edited(text: &str, name: &str, version: &str) -> Result<String, String> {
    let value = format!("\"{version}\"");
    let table =
        DeTable::parse(text).map_err(|error| format!("it is no TOML: {}", error.message().replace('\n', " ")))?;
    let mut has_table = false;
    if let Some(runtimes) = table.get_ref().get("runtimes") {
        let DeValue::Table(known) = runtimes.get_ref() else { return Err("`runtimes` is no table".to_owned()) };
        let means = |spelt: &str| Runtime::named(spelt).map_or(spelt == name, |runtime| runtime.name() == name);
        let there = known.iter().find(|(spelt, _)| means(spelt.get_ref()));
        if let Some((_, there)) = there {
            // Of a list or a table of options the whole is replaced, since one version is asked for.
            let span = there.span();
            return Ok(format!("{}{value}{}", &text[..span.start], &text[span.end..]));
        }
        has_table = true;
    }
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let line = if is_bare { format!("{name} = {value}\n") } else { format!("\"{name}\" = {value}\n") };
    if !has_table {
        let gap = match text {
            "" => "",
            text if text.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        return Ok(format!("{text}{gap}[runtimes]\n{line}"));
    }
    // Behind the line that begins the table.
    let mut at = 0;
    for whole in text.split_inclusive('\n') {
        at += whole.len();
        let head = whole.split('#').next().unwrap_or_default().trim();
        if head.strip_prefix('[').and_then(|head| head.strip_suffix(']')).is_some_and(|name| name.trim() == "runtimes")
        {
            let end = if whole.ends_with('\n') { "" } else { "\n" };
            return Ok(format!("{}{end}{line}{}", &text[..at], &text[at..]));
        }
    }
    Err("its [runtimes] is written in a way that is not understood".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_value_changes() {
        for (before, after) in [
            ("", "[runtimes]\nnode = \"22\"\n"),
            ("# mine\n[tasks]\nx = 1", "# mine\n[tasks]\nx = 1\n\n[runtimes]\nnode = \"22\"\n"),
            ("[runtimes]\n", "[runtimes]\nnode = \"22\"\n"),
            ("[runtimes]", "[runtimes]\nnode = \"22\"\n"),
            ("[ runtimes ] # all\ngo = \"1.22\"\n", "[ runtimes ] # all\nnode = \"22\"\ngo = \"1.22\"\n"),
            ("[runtimes]\nnode = '20' # old\n[x]\n", "[runtimes]\nnode = \"22\" # old\n[x]\n"),
            ("[runtimes]\nnodejs = \"20\"\n", "[runtimes]\nnodejs = \"22\"\n"),
            ("runtimes.node = \"20\"\n", "runtimes.node = \"22\"\n"),
            ("runtimes = { node = \"20\" }\n", "runtimes = { node = \"22\" }\n"),
            ("[runtimes]\nnode = [\"20\", \"18\"]\n", "[runtimes]\nnode = \"22\"\n"),
        ] {
            assert_eq!(with_version(before, "node", "22").as_deref(), Ok(after), "{before:?}");
        }
    }

    #[test]
    fn a_tool_is_written_as_a_runtime_is() {
        let before = "[runtimes]\nnode = \"22\"\njq = \"1.6\"\n";
        assert_eq!(with_version(before, "jq", "1.7").as_deref(), Ok("[runtimes]\nnode = \"22\"\njq = \"1.7\"\n"));
        let quoted = with_version("", "npm:@scope/name", "3");
        assert_eq!(quoted.as_deref(), Ok("[runtimes]\n\"npm:@scope/name\" = \"3\"\n"));
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        for bad in ["[runtimes\n", "runtimes = 1\n", "runtimes = { go = \"1\" }\n", "runtimes.go = \"1\"\n"] {
            assert!(with_version(bad, "node", "22").is_err(), "{bad:?}");
        }
        assert!(with_version("", "node", "2\"\n[x]").is_err());
    }
}
