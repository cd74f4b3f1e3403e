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
        let code = line.split('#').next().unwrap_or("").trim();
        if !inside {
            let function = code.strip_prefix("defp ").or_else(|| code.strip_prefix("def ")).map(str::trim_start);
            inside = function.and_then(|name| name.strip_prefix("aliases")).is_some_and(|rest| !rest.starts_with('_'));
            if !inside {
                continue;
            }
        }
        let outer = depth;
        let list = if outer == 0 { code.split_once('[').map_or("", |(_, list)| list) } else { code };
        depth = (depth + code.matches('[').count()).saturating_sub(code.matches(']').count());
        if outer <= 1
            && let Some((name, rest)) = key(list.trim_start())
            && seen.insert(name)
        {
            let command = rest.trim_start_matches(['[', ' ']).strip_prefix('"').and_then(|text| text.split('"').next());
            all.push(Found::new(name, number, command.unwrap_or("")));
        }
        if code == "end" || (outer > 0 && depth == 0) {
            inside = false;
        }
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
    code[end..].strip_prefix(": ").filter(|_| end > 0).map(|rest| (&code[..end], rest))
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
}
