//! The aliases that a `mix.exs` names, and what mix does in every project.
//!
//! A `mix.exs` is a program in Elixir. The list that its `aliases` function gives is read by its looks; tasks of dependencies are typed in
//! full: `omg run mix:ecto.migrate`.

use super::Found;
use std::collections::HashSet;

const ALWAYS: [(&str, &str); 5] = [
    ("compile", "Compile the sources"),
    ("test", "Run the tests"),
    ("format", "Format the sources"),
    ("deps.get", "Fetch the dependencies"),
    ("run", "Start the application"),
];

pub(super) fn tasks(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut seen = HashSet::new();
    let mut inside = false;
    // Brackets that are open in the list, its own included.
    let mut depth = 0usize;
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.trim();
        if !inside {
            let function = code.strip_prefix("defp ").or_else(|| code.strip_prefix("def ")).map(str::trim_start);
            let rest = function.and_then(|name| name.strip_prefix("aliases"));
            inside = rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
            if !inside {
                continue;
            }
        }
        // Whether an entry of the list may begin here; one may be the first of its line.
        let mut is_start = depth == 1;
        let mut rest = code;
        while let Some(next) = rest.chars().next() {
            if is_start
                && !next.is_whitespace()
                && let Some((name, value)) = key(rest)
            {
                if seen.insert(name) {
                    let command = value.trim_start_matches(['[', ' ']).strip_prefix('"');
                    let command = command.and_then(|text| text.split('"').next());
                    all.push(Found::new(name, number, command.unwrap_or("")));
                }
                (is_start, rest) = (false, value);
                continue;
            }
            match next {
                '#' => break,
                '[' => depth += 1,
                ']' => {
                    depth = depth.saturating_sub(1);
                    inside = depth > 0;
                }
                _ => {}
            }
            if !inside {
                break;
            }
            is_start = depth == 1 && (matches!(next, '[' | ',') || is_start && next.is_whitespace());
            rest = &rest[if next == '"' { string_length(rest) } else { next.len_utf8() }..];
        }
        // A function that gives no list.
        inside &= code != "end" || depth > 0;
    }
    for (name, description) in ALWAYS {
        if seen.insert(name) {
            all.push(Found::implied(name, description));
        }
    }
    all
}

/// `setup: ...`, `"ecto.setup": ...`.
fn key(code: &str) -> Option<(&str, &str)> {
    if let Some(rest) = code.strip_prefix('"') {
        let (name, rest) = rest.split_once('"')?;
        return rest.strip_prefix(':').map(|rest| (name, rest));
    }
    let end = code.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '?' | '!')))?;
    let value = code[end..].strip_prefix(':').filter(|rest| rest.is_empty() || rest.starts_with(' '));
    value.filter(|_| end > 0).map(|value| (&code[..end], value))
}

/// With its quotes; to the end of the line where it does not end.
fn string_length(code: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in code.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_read_off_the_function_that_gives_them() {
        let text = "defmodule X do\n  def project do\n    [app: :x, aliases: aliases()]\n  end\n  defp aliases do\n    [\n      setup: [\"deps.get\", \"ecto.setup\"], # all\n      \"ecto.reset\": [\n        \"ecto.drop\",\n        \"x: y\"\n      ],\n      test: \"test --trace\"\n    ]\n  end\n  defp deps do\n    [no: 1]\n  end\nend\n";
        let found = tasks(text);
        let known: Vec<_> = found.iter().map(|found| (&*found.name, found.line, &*found.command)).collect();
        assert_eq!(
            known,
            [
                ("setup", 7, "deps.get"),
                ("ecto.reset", 8, ""),
                ("test", 12, "test --trace"),
                ("compile", 0, ""),
                ("format", 0, ""),
                ("deps.get", 0, ""),
                ("run", 0, "")
            ]
        );
    }

    #[test]
    fn a_lists_end_is_not_looked_for_in_texts_and_comments() {
        let text = "defp aliases do\n  [\n    a: [\"cmd echo #x\", \"credo [y\"], # ]\n    b: \"x \\\" [\",\n    c:\n      \"y\"\n  ]\nend\ndef no, do: [d: 1]\n";
        let found = tasks(text);
        let known: Vec<_> = found.iter().map(|found| (&*found.name, found.line)).take(4).collect();
        assert_eq!(known, [("a", 3), ("b", 4), ("c", 5), ("compile", 0)]);
    }

    #[test]
    fn a_list_on_one_line_ends_with_it() {
        let text = "defp aliases, do: [a: \"x\", b: [\"y\", \"z\"], \"c.d\": &e/1]\ndefp deps, do: [no: 1]\n";
        let found = tasks(text);
        let known: Vec<_> = found.iter().map(|found| (&*found.name, &*found.command)).take(4).collect();
        assert_eq!(known, [("a", "x"), ("b", "y"), ("c.d", ""), ("compile", "")]);
    }
}
