//! The targets of a makefile that stand for something to do.
//!
//! GNU make's language is read as far as it is plain text: variables whose values are text, files that are included by a plain name, both
//! branches of a condition. What a function, a pattern or a command makes is not seen. A target counts as a task where `.PHONY` names it
//! or its name does not look like a file's: one with a slash or a dot in it is made, not done.

use super::{Found, Open, beginning, is_name};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Variables that are made of variables that are made of variables.
const MAX_DEPTH: usize = 16;
/// What a line may come to.
const MAX_LENGTH: usize = 64 << 10;
/// What all lines together may come to: a short line can ask for a long one again and again.
const MAX_EXPANDED: usize = 8 << 20;
const MAX_TARGETS: usize = 20_000;
/// Of one target. Of an object's hundred headers nobody wants to know.
const MAX_NEEDS: usize = 100;

/// What may stand before a variable's name.
const MODIFIERS: [&str; 3] = ["export", "override", "private"];

pub(super) fn tasks(text: &str, open: &mut Open) -> Vec<Found> {
    let mut makefile = Makefile { left: MAX_EXPANDED, prefix: '\t', ..Makefile::default() };
    makefile.read(text, None, open, 0);
    let Makefile { targets, phony, .. } = makefile;
    let is_task = |found: &Found| phony.contains(&found.name) || !found.name.contains(['/', '.']);
    targets.into_iter().filter(is_task).collect()
}

#[derive(Default)]
struct Makefile {
    targets: Vec<Found>,
    places: HashMap<String, usize>,
    phony: HashSet<String>,
    variables: HashMap<String, String>,
    /// What recipe lines begin with.
    prefix: char,
    /// How much more may come of variables.
    left: usize,
}

impl Makefile {
    fn read(&mut self, text: &str, file: Option<&Path>, open: &mut Open, depth: usize) {
        let mut lines = (1..).zip(text.lines()).peekable();
        // Those whose recipe is being read; a pattern's is nobody's.
        let mut current: Option<Vec<usize>> = None;
        let mut defines = 0;
        let mut comment = "";
        while let Some((number, line)) = lines.next() {
            let words = directive(line);
            if defines > 0 {
                defines = match words {
                    "define" => defines + 1,
                    "endef" => defines - 1,
                    _ => defines,
                };
                continue;
            }
            if let Some(current) = &current
                && let Some(recipe) = line.strip_prefix(self.prefix)
            {
                self.recipe(current, recipe.trim());
                // A line that goes on is of the recipe, whatever it begins with.
                let mut ended = !goes_on(line);
                while !ended {
                    ended = lines.next().is_none_or(|(_, line)| !goes_on(line));
                }
                continue;
            }
            let mut whole = line.to_owned();
            while goes_on(&whole) {
                whole.pop();
                match lines.next() {
                    Some((_, next)) if whole.len() < MAX_LENGTH => whole += &format!(" {}", next.trim_start()),
                    _ => break,
                }
            }
            let (code, remark) = without_comment(&whole);
            let above = std::mem::take(&mut comment);
            match directive(code) {
                "" => comment = remark.map_or("", |_| line.trim().trim_start_matches('#').trim()),
                _ if is_definition(code) => defines = 1,
                "ifeq" | "ifneq" | "ifdef" | "ifndef" | "else" | "endif" | "endef" | "vpath" | "undefine"
                | "unexport" | "load" => {}
                "include" | "-include" | "sinclude" if !is_rule(code) => self.include(code, file, open, depth),
                _ => current = self.statement(code, remark, above, number, file),
            }
        }
    }

    fn recipe(&mut self, targets: &[usize], line: &str) {
        let command = beginning(line.trim_start_matches(['@', '-', '+']).trim());
        for target in targets {
            if self.targets[*target].command.is_empty() && !command.is_empty() && !command.starts_with('#') {
                self.targets[*target].command = command.to_owned();
            }
        }
    }

    fn include(&mut self, code: &str, file: Option<&Path>, open: &mut Open, depth: usize) {
        if depth >= MAX_DEPTH {
            return;
        }
        let names = code.trim_start().split_once(char::is_whitespace).map_or("", |(_, names)| names);
        for name in self.expanded(names).split_whitespace() {
            // make looks from the folder it was started in, not from that of the file.
            let path = PathBuf::from(name);
            if file != Some(&path)
                && let Some(text) = open(&path)
            {
                self.read(&text, Some(&path), open, depth + 1);
            }
        }
    }

    /// An assignment or a rule; gives the targets whose recipe follows, `None` where none does.
    fn statement(
        &mut self,
        code: &str,
        remark: Option<&str>,
        above: &str,
        line: u32,
        file: Option<&Path>,
    ) -> Option<Vec<usize>> {
        match split(code)? {
            Split::Assignment { name, operator, value } => {
                self.assign(name, operator, value);
                None
            }
            Split::Rule { rest, .. } if is_variable(rest) => None,
            Split::Rule { targets, rest } => {
                let (rest, recipe) = rest.split_once(';').map_or((rest, None), |(rest, recipe)| (rest, Some(recipe)));
                // Of a static pattern the prerequisites are a pattern, too.
                let is_static = matches!(split(rest), Some(Split::Rule { .. }));
                let prerequisites = if is_static { String::new() } else { unescaped(&self.expanded(rest)) };
                let names: Vec<&str> = prerequisites.split_whitespace().filter(|word| *word != "|").collect();
                let targets = unescaped(&self.expanded(targets));
                if targets.split_whitespace().any(|target| target == ".PHONY") {
                    self.phony.extend(names.iter().map(|name| (*name).to_owned()));
                }
                let description = remark.and_then(|remark| remark.strip_prefix('#')).map(str::trim);
                let description = beginning(description.filter(|text| !text.is_empty()).unwrap_or(above));
                let mut places = Vec::new();
                for name in targets.split_whitespace().filter(|name| !name.starts_with('.') && !name.contains('%')) {
                    places.extend(self.target(name, line, description, &names, file));
                }
                if let Some(recipe) = recipe {
                    self.recipe(&places, recipe.trim());
                }
                Some(places)
            }
        }
    }

    fn target(
        &mut self,
        name: &str,
        line: u32,
        description: &str,
        needs: &[&str],
        file: Option<&Path>,
    ) -> Option<usize> {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if self.targets.len() >= MAX_TARGETS => return None,
            None => {
                let found = Found { file: file.map(Path::to_owned), ..Found::new(name, line, "") };
                self.targets.push(found);
                self.places.insert(name.to_owned(), self.targets.len() - 1);
                self.targets.len() - 1
            }
        };
        let found = &mut self.targets[place];
        if found.description.is_empty() && description.contains(char::is_alphabetic) {
            found.description = description.to_owned();
        }
        for need in needs {
            let has_room = found.dependencies.len() < MAX_NEEDS && is_name(need);
            if has_room && !found.dependencies.iter().any(|known| known == need) {
                found.dependencies.push((*need).to_owned());
            }
        }
        Some(place)
    }

    fn assign(&mut self, name: &str, operator: &str, value: &str) {
        let name = name.split_whitespace().find(|word| !MODIFIERS.contains(word)).unwrap_or("");
        if name == ".RECIPEPREFIX" {
            self.prefix = value.chars().next().unwrap_or('\t');
        }
        match operator {
            "?" if self.variables.contains_key(name) => {}
            "+" => {
                let known = self.variables.entry(name.to_owned()).or_default();
                if known.len() + value.len() < MAX_LENGTH {
                    known.push(' ');
                    known.push_str(value);
                }
            }
            // What a command says is not known.
            "!" => drop(self.variables.insert(name.to_owned(), "$(shell)".to_owned())),
            _ => drop(self.variables.insert(name.to_owned(), value.to_owned())),
        }
    }

    /// The words of a text whose variables are known; the others are left out.
    fn expanded(&mut self, text: &str) -> String {
        if !text.contains('$') {
            return text.to_owned();
        }
        let mut out = String::new();
        for word in words(text) {
            let before = out.len();
            if expand(&self.variables, &mut self.left, word, &mut out, 0).is_none() {
                out.truncate(before);
            }
            out.push(' ');
        }
        out
    }
}

/// `None` where something in it cannot be known, or comes to too much. `left` is how much more may be read of variables: one of nothing
/// that is made of others of nothing can ask for as many as there are atoms.
fn expand(
    variables: &HashMap<String, String>,
    left: &mut usize,
    text: &str,
    out: &mut String,
    depth: usize,
) -> Option<()> {
    /// What it takes to look a variable up, in bytes of its value.
    const LOOK: usize = 16;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let first = after.chars().next()?;
        let end = match first {
            '$' => {
                out.push('$');
                rest = &after[1..];
                continue;
            }
            '(' => after.find(')')?,
            '{' => after.find('}')?,
            _ => first.len_utf8() - 1,
        };
        let name = if matches!(first, '(' | '{') { &after[1..end] } else { &after[..=end] };
        let value = variables.get(name)?;
        if depth >= MAX_DEPTH || out.len() + value.len() > MAX_LENGTH {
            return None;
        }
        *left = left.checked_sub(value.len() + LOOK)?;
        expand(variables, left, value, out, depth + 1)?;
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    Some(())
}

/// The first word of a line.
fn directive(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or("")
}

/// `define X`, `override define X`.
fn is_definition(code: &str) -> bool {
    code.split_whitespace().find(|word| !MODIFIERS.contains(word)) == Some("define")
}

/// Behind a target: `NAME = value` says what a variable is while the target is made. A command behind a semicolon does not.
fn is_variable(rest: &str) -> bool {
    let Some(Split::Assignment { name, .. }) = split(rest) else { return false };
    let mut words = name.split_whitespace().filter(|word| !MODIFIERS.contains(word));
    words.next().is_some_and(|name| !name.contains(';')) && words.next().is_none()
}

/// What `a\:b` and `a\#b` are called.
fn unescaped(names: &str) -> String {
    names.replace("\\#", "#").replace("\\:", ":")
}

/// An odd number of backslashes at the end.
fn goes_on(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// A line before its comment, and the comment behind its first `#`.
fn without_comment(line: &str) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'#' if !escaped => return (&line[..at], Some(&line[at + 1..])),
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    (line, None)
}

/// `include: x` is a rule of that name.
fn is_rule(code: &str) -> bool {
    let rest = code.trim_start().trim_start_matches(|c: char| !c.is_whitespace() && c != ':').trim_start();
    rest.starts_with(':') && matches!(split(code), Some(Split::Rule { .. }))
}

enum Split<'t> {
    Assignment { name: &'t str, operator: &'t str, value: &'t str },
    Rule { targets: &'t str, rest: &'t str },
}

/// At the first colon or equals sign that is not inside of a variable's brackets, nor behind a backslash.
fn split(code: &str) -> Option<Split<'_>> {
    let bytes = code.as_bytes();
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate() {
        let dollar = at > 0 && bytes[at - 1] == b'$';
        let escaped = at > 0 && bytes[at - 1] == b'\\';
        match byte {
            b'(' | b'{' if dollar || depth > 0 => depth += 1,
            b')' | b'}' => depth = depth.saturating_sub(1),
            b'=' if depth == 0 => {
                let before = &code[..at];
                let name = before.trim_end_matches(['?', '+', '!']);
                let operator = &before[name.len()..];
                return Some(Split::Assignment { name: name.trim(), operator, value: code[at + 1..].trim() });
            }
            b':' if depth == 0 && !escaped => {
                let behind = code[at..].trim_start_matches(':');
                if let Some(value) = behind.strip_prefix('=') {
                    return Some(Split::Assignment { name: code[..at].trim(), operator: ":", value: value.trim() });
                }
                // Grouped targets: `a b &: c`.
                let targets = code[..at].trim_end().trim_end_matches('&');
                return Some(Split::Rule { targets, rest: behind });
            }
            _ => {}
        }
    }
    None
}

/// Words parted at blanks that stand in no variable's brackets.
fn words(text: &str) -> Vec<&str> {
    let (mut all, mut start, mut depth) = (Vec::new(), 0, 0usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth = depth.saturating_sub(1),
            b' ' | b'\t' if depth == 0 => {
                all.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    all.push(&text[start..]);
    all.retain(|word| !word.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        tasks(text, &mut |_| None).into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn targets_with_what_is_known_of_them() {
        let text = "CC := gcc\n.PHONY: all clean x.y\n\nall: build test ## Everything\n\n# Compile it\nbuild: main.o | dir\n\t@$(CC) -o x\n\
                    main.o: main.c\n\tcc\nx.y: ; echo hi\nclean::\n\t-rm -f x\n";
        let found = tasks(text, &mut |_| None);
        let names: Vec<_> = found.iter().map(|found| (&*found.name, found.line, &*found.command)).collect();
        assert_eq!(
            names,
            [("all", 4, ""), ("build", 7, "$(CC) -o x"), ("x.y", 11, "echo hi"), ("clean", 12, "rm -f x")]
        );
        assert_eq!((&*found[0].description, &*found[1].description), ("Everything", "Compile it"));
        assert_eq!(found[0].dependencies, ["build", "test"]);
        assert_eq!(found[1].dependencies, ["main.o", "dir"]);
    }

    #[test]
    fn what_looks_like_a_rule_and_is_none() {
        assert_eq!(
            names("a := b:c\nb ::= x\nc ?= d: e\nall: CFLAGS = -g\nall: private X := y\n%.o: %.c\n.SUFFIXES: a\n"),
            [""; 0]
        );
        assert_eq!(names("define X\na: b\ndefine Y\nendef\nb: c\nendef\nc:\n"), ["c"]);
        assert_eq!(names("a:\n\techo b: \\\nc: d\n\techo\ne: \\\n  f\n"), ["a", "e"]);
        assert_eq!(names("$(foreach x,a b,$(x)): y\n$(shell ls): z\nu: $(wildcard *.c)\n"), ["u"]);
    }

    #[test]
    fn variables_of_plain_text_are_put_in() {
        assert_eq!(names("A = b $(C)\nC := c d\n$(A) ${C} $C: e\n"), ["b", "c", "d"]);
        assert_eq!(names("A = $(A)\n$(A) x: y\n"), ["x"]);
    }

    #[test]
    fn a_short_line_that_asks_for_a_long_one_comes_to_nothing() {
        let mut text = "A = aaaaaaaaaaaaaaaa\n".to_owned();
        for (from, to) in ('A'..'Y').zip('B'..='Y') {
            text += &format!("{to} = $({from})$({from})$({from})$({from})\n");
        }
        text += &"$(Y) $(F) x: $(Y) $(F)\n".repeat(3000);
        let found = tasks(&text, &mut |_| None);
        assert_eq!(found.last().unwrap().name, "x");
    }

    #[test]
    fn variables_of_nothing_that_are_made_of_each_other_end() {
        let mut text = "A =\n".to_owned();
        for (from, to) in ('A'..'M').zip('B'..='M') {
            text += &format!("{to} = {}\n", format!("$({from})").repeat(1000));
        }
        assert_eq!(names(&(text + "$(M) x:\n")), ["x"]);
    }

    #[test]
    fn what_many_targets_share_is_kept_short() {
        let targets = (0..10_000).map(|n| format!("t{n} ")).collect::<String>();
        let long = "x".repeat(1 << 20);
        let found = tasks(&format!("{targets}: {long} ## {long}\n\t{long}\n"), &mut |_| None);
        assert_eq!(found.len(), 10_000);
        let most = found.iter().map(|found| found.command.len() + found.description.len()).max();
        assert_eq!((most, found[0].dependencies.len()), (Some(2000), 0));
    }

    #[test]
    fn a_patterns_recipe_is_no_rule() {
        assert_eq!(names("%.o: %.c\n\t@echo \"cc: $<\"\n$(OBJ): x\n\techo in: y\n.DEFAULT:\n\techo d: e\na:\n"), ["a"]);
    }

    #[test]
    fn a_target_may_hold_a_colon() {
        let found = tasks(".PHONY: docker\\:push\ndocker\\:push: docker\\:build\n\tpush\n", &mut |_| None);
        assert_eq!((&*found[0].name, &*found[0].command), ("docker:push", "push"));
        assert_eq!(found[0].dependencies, ["docker:build"]);
    }

    #[test]
    fn a_command_on_the_rules_line_may_set_variables() {
        let found = tasks("cov: build ; GO=1 go test\nrun: ; @X=1 y\nno: X = 1\nalso: export X ?= 1\n", &mut |_| None);
        let known: Vec<_> = found.iter().map(|found| (&*found.name, &*found.command)).collect();
        assert_eq!(known, [("cov", "GO=1 go test"), ("run", "X=1 y")]);
    }

    #[test]
    fn a_definition_with_a_modifier_is_one() {
        assert_eq!(names("override define X\na: b\nendef\nexport define Y\nc: d\nendef\ne:\n"), ["e"]);
    }

    #[test]
    fn included_files_are_read_from_where_make_is_started() {
        let mut asked = Vec::new();
        let mut open = |path: &Path| {
            asked.push(path.to_owned());
            Some(if path == Path::new("sub/a.mk") { "a:\ninclude b.mk\n" } else { "b:\ninclude b.mk\n" }.to_owned())
        };
        let found = tasks("DIR = sub\ninclude $(DIR)/a.mk\n-include $(wildcard *.mk)\n", &mut open);
        assert_eq!(found.iter().map(|found| &*found.name).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(found[1].file.as_deref(), Some(Path::new("b.mk")));
        assert_eq!(asked, [Path::new("sub/a.mk"), Path::new("b.mk")]);
    }

    #[test]
    fn another_recipe_prefix() {
        assert_eq!(names(".RECIPEPREFIX = >\na:\n> echo b: c\nd:\n"), ["a", "d"]);
    }
}
