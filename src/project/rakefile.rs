//! The tasks that a Rakefile names.
//!
//! A Rakefile is a program in Ruby. Lines that begin with `task`, `namespace` and `desc` are found by their looks, and blocks by the words
//! that open and end them; tasks made in a loop, by a library or in another file are typed in full: `omg run rake:release`.

use super::Found;

pub(super) fn tasks(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut description = String::new();
    // For each open block the length of the namespace outside of it.
    let mut blocks: Vec<usize> = Vec::new();
    let mut namespace = String::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let code = line.trim();
        match code {
            "=begin" => drop(lines.by_ref().find(|(_, line)| line.trim_end() == "=end")),
            "__END__" => break,
            _ => {}
        }
        if code.starts_with('#') {
            continue;
        }
        let opens = opens(code);
        if let Some(rest) = call(code, "desc") {
            description = literal(rest).map_or(String::new(), |(text, _)| text.to_owned());
        } else if let Some(rest) = call(code, "task").or_else(|| call(code, "multitask")) {
            if let Some((name, needs)) = task(rest) {
                let name = format!("{namespace}{name}");
                let dependencies = needs.into_iter().map(str::to_owned).collect();
                if seen.insert(name.clone()) {
                    let description = std::mem::take(&mut description);
                    all.push(Found { description, dependencies, ..Found::new(name, number, "") });
                }
            }
            description.clear();
        } else if let Some((name, _)) = call(code, "namespace").and_then(literal)
            && opens
        {
            blocks.push(namespace.len());
            namespace += &format!("{name}:");
            continue;
        }
        if opens {
            blocks.push(namespace.len());
        } else if is_end(code)
            && let Some(length) = blocks.pop()
        {
            namespace.truncate(length);
        }
    }
    all
}

/// What a method is called with: `desc "x"`, `task(:x)`.
fn call<'l>(code: &'l str, method: &str) -> Option<&'l str> {
    let rest = code.strip_prefix(method)?;
    rest.strip_prefix(|c: char| c == '(' || c.is_whitespace()).map(str::trim_start)
}

/// A name or text that stands there as it is, and what follows: `:x`, `"x"`, `'x'`, `x:`.
fn literal(code: &str) -> Option<(&str, &str)> {
    let symbol = code.strip_prefix(':');
    let inside = symbol.unwrap_or(code);
    if let Some(quote) = inside.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let (text, rest) = inside[1..].split_once(quote)?;
        // An interpolation would have to be run to be known.
        return (!text.contains("#{")).then_some((text, rest));
    }
    let end = inside.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '?' | '!'))).unwrap_or(inside.len());
    let is_key = inside[end..].starts_with(':') && !inside[end..].starts_with("::");
    (end > 0 && (symbol.is_some() || is_key)).then(|| (&inside[..end], &inside[end..]))
}

/// `:name`, `:name => :other`, `name: [:a, "b"]`, `:name, [:argument] => [:a]`.
fn task(rest: &str) -> Option<(&str, Vec<&str>)> {
    let (name, rest) = literal(rest)?;
    let needs = match rest.split_once("=>") {
        Some((_, needs)) => Some(needs),
        None => rest.strip_prefix(':').or_else(|| rest.split_once("needs:").map(|(_, needs)| needs)),
    };
    let mut all = Vec::new();
    let mut rest = needs.unwrap_or("").trim_start().trim_start_matches('[').trim_start();
    if let Some(words) = rest.strip_prefix("%w") {
        let words = words.get(1..).unwrap_or("").split([']', ')', '}']).next().unwrap_or("");
        return Some((name, words.split_whitespace().collect()));
    }
    while let Some((need, behind)) = literal(rest) {
        all.push(need);
        match behind.trim_start().strip_prefix(',') {
            Some(behind) => rest = behind.trim_start(),
            None => break,
        }
    }
    Some((name, all))
}

/// Whether a line opens a block that `end` closes.
fn opens(code: &str) -> bool {
    let code = code.split(" #").next().unwrap_or(code).trim_end();
    let first = code.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
    let closes_itself = code.ends_with(" end");
    let by_word = ["if", "unless", "while", "until", "case", "def", "class", "module", "begin", "for"].contains(&first);
    let by_block = code.ends_with(" do") || (code.contains(" do |") && code.ends_with('|'));
    let by_value = ["= if ", "= case ", "= begin", "= unless "].iter().any(|form| code.contains(form));
    (by_word || by_block || by_value) && !closes_itself
}

fn is_end(code: &str) -> bool {
    code.strip_prefix("end").is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_in_namespaces_with_what_they_need() {
        let text = "require 'x'\ndesc 'Test it'\ntask :test, [:name] => [:build, 'lint'] do |t, args|\n  if x\n    sh 'y'\n  end\nend\n\n\
                    namespace :db do\n  desc \"Bring it up\"\n  task migrate: :environment do\n    puts 1 if x\n  end\n  task('seed')\nend\n\
                    task default: %w[test db:migrate]\ntask \"a#{b}\"\n=begin\ntask :no\n=end\n# task :never\nmultitask :both => [:a, :b]\n__END__\ntask :x\n";
        let found = tasks(text);
        let known: Vec<_> = found.iter().map(|found| (&*found.name, found.line, &*found.description)).collect();
        assert_eq!(
            known,
            [
                ("test", 3, "Test it"),
                ("db:migrate", 11, "Bring it up"),
                ("db:seed", 14, ""),
                ("default", 16, ""),
                ("both", 22, "")
            ]
        );
        assert_eq!(found[0].dependencies, ["build", "lint"]);
        assert_eq!(found[3].dependencies, ["test", "db:migrate"]);
    }
}
