//! The tasks that a Rakefile names.
//!
//! A Rakefile is a program in Ruby. Lines that begin with `task`, `namespace` and `desc` are found by their looks, and blocks by the words
//! that open and end them; tasks made in a loop, by a library or in another file are typed in full: `omg run rake:release`.

use super::{Found, is_name};
use std::collections::{HashMap, HashSet};

/// Classes whose objects are tasks, and what one is called that is given no name.
const CLASSES: [(&str, &str); 5] = [
    ("Rake::TestTask.new", "test"),
    ("Minitest::TestTask.create", "test"),
    ("RSpec::Core::RakeTask.new", "spec"),
    ("RuboCop::RakeTask.new", "rubocop"),
    ("Cucumber::Rake::Task.new", "cucumber"),
];

pub(super) fn tasks(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut seen = HashSet::new();
    let mut description = String::new();
    // For each open block the length of the namespace outside of it.
    let mut blocks: Vec<usize> = Vec::new();
    let mut namespace = String::new();
    // Where each line of one word last stands.
    let words = text.lines().map(str::trim).zip(1u32..).filter(|(line, _)| heredoc_end(line) == Some(line));
    let words: HashMap<&str, u32> = if text.contains("<<") { words.collect() } else { HashMap::new() };
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
        } else if let Some(task) = defined(code) {
            if let Some((name, needs)) = task {
                // Before it is put together: namespaces in namespaces may come to a name of any length.
                let is_short = is_name(&namespace) || namespace.is_empty();
                let name = if is_short { format!("{namespace}{name}") } else { String::new() };
                let dependencies = needs.into_iter().map(str::to_owned).collect();
                if is_name(&name) && seen.insert(name.clone()) {
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
        // One that does not end is none: `<<` has another meaning.
        if let Some(end) = heredoc(code).filter(|end| words.get(end).is_some_and(|last| *last > number)) {
            lines.by_ref().find(|(_, line)| line.trim() == end);
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

/// The task that a line is about with what it needs, if those can be told; `None` where it is about none.
fn defined(code: &str) -> Option<Option<(&str, Vec<&str>)>> {
    if let Some(rest) = call(code, "task").or_else(|| call(code, "multitask")) {
        return Some(task(rest));
    }
    let (class, unnamed) = CLASSES.into_iter().find(|(class, _)| code.starts_with(class))?;
    let rest = &code[class.len()..];
    let is_block = |rest: &str| matches!(rest.split_whitespace().next(), None | Some("do" | "{"));
    match call(code, class) {
        Some(named) if !is_block(named) => Some(task(named)),
        None if !rest.is_empty() => None,
        _ => Some(Some((unnamed, Vec::new()))),
    }
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
    // `"a #{b}"` is no comment.
    let comment = code.match_indices(" #").map(|(at, _)| at).find(|at| !code[at + 2..].starts_with('{'));
    let code = code[..comment.unwrap_or(code.len())].trim_end();
    let first = code.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
    let closes_itself = code.ends_with(" end");
    // `def a(b) = c` has no end.
    let is_endless = code.split_whitespace().nth(2) == Some("=") || code.contains(") = ");
    let closes_itself = closes_itself || first == "def" && is_endless;
    let by_word = ["if", "unless", "while", "until", "case", "def", "class", "module", "begin", "for"].contains(&first);
    let by_block = code.ends_with(" do") || (code.contains(" do |") && code.ends_with('|'));
    let by_value = ["= if ", "= case ", "= begin", "= unless "].iter().any(|form| code.contains(form));
    (by_word || by_block || by_value) && !closes_itself
}

/// What ends the text that a line begins: `puts <<~EOS`.
fn heredoc(code: &str) -> Option<&str> {
    let (_, rest) = code.split_once("<<~").or_else(|| code.split_once("<<-"))?;
    heredoc_end(rest.trim_start_matches(['"', '\'', '`']))
}

fn heredoc_end(code: &str) -> Option<&str> {
    let end = code.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(code.len());
    (end > 0).then(|| &code[..end])
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

    fn names(text: &str) -> Vec<String> {
        tasks(text).into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn a_text_with_a_value_in_it_is_no_comment() {
        let text = "namespace :a do\n  task :b do\n    sh \"git push #{x}\" do |ok, res|\n      y # {z}\n    end\n  end\n  task :c\nend\ntask :d\n";
        assert_eq!(names(text), ["a:b", "a:c", "d"]);
    }

    #[test]
    fn what_stands_in_a_text_of_several_lines_is_no_task() {
        let text = "desc <<~X\n  task :no\nX\nnamespace :a do\n  task :b do\n    puts <<-'EOS'.strip, 1\n      if so\n      end\n    EOS\n  end\n  task :c\nend\nx <<~GONE\ntask :d\n";
        assert_eq!(names(text), ["a:b", "a:c", "d"]);
    }

    #[test]
    fn a_method_without_an_end_opens_nothing() {
        assert_eq!(
            names("namespace :a do\n  def x(y = 1) = y\n  def z = 1\n  def w(v = 1)\n  end\nend\ntask :b\n"),
            ["b"]
        );
    }

    #[test]
    fn tasks_of_well_known_classes() {
        let text = "Rake::TestTask.new(:unit) do |t|\n  t.x\nend\nRake::TestTask.new do |t|\nend\ndesc 'Specs'\nRSpec::Core::RakeTask.new(:spec)\nRuboCop::RakeTask.new\n\
                    Minitest::TestTask.create\nRake::TestTask.new(x)\nRake::TestTask.new 'it' => [:compile]\nRake::ExtensionTask.new(:no)\nRake::TestTask.newer\ntask :z\n";
        assert_eq!(names(text), ["unit", "test", "spec", "rubocop", "it", "z"]);
        assert_eq!(tasks(text)[2].description, "Specs");
    }

    #[test]
    fn namespaces_without_an_end_come_to_no_name() {
        let text = format!("{}{}", "namespace :abcdefgh do\n".repeat(50_000), "task :a\n".repeat(100_000));
        assert_eq!(names(&text), [""; 0]);
    }
}
