//! The tasks that a Gradle build file names, and those that its best-known plug-ins bring.
//!
//! A build file is a program in Groovy or Kotlin. What stands in it as `task x`, `tasks.register("x")` and the like is found by its looks;
//! any other task is typed in full: `omg run gradle:bootRun`.

use super::Found;

/// A task's name, and what it does.
type Brought = (&'static str, &'static str);

const BASE: [Brought; 4] = [
    ("assemble", "Build the archives"),
    ("build", "Build and check everything"),
    ("check", "Run all checks"),
    ("clean", "Remove what was built"),
];

const JAVA: [Brought; 2] = [("test", "Run the tests"), ("jar", "Build the archive of the main classes")];

/// By what a plug-in's name begins with: whether it is one for the JVM, and what else it brings.
const PLUGINS: [(&str, bool, &[Brought]); 12] = [
    ("base", false, &[]),
    ("java", true, &[]),
    ("groovy", true, &[]),
    ("scala", true, &[]),
    ("jvm", true, &[]),
    ("kotlin", true, &[]),
    ("org.jetbrains.kotlin.jvm", true, &[]),
    ("application", true, &[("run", "Run the program")]),
    ("war", true, &[("war", "Build the web archive")]),
    (
        "org.springframework.boot",
        true,
        &[("bootRun", "Run the application"), ("bootJar", "Build the application's archive")],
    ),
    ("com.android.application", false, &[]),
    ("com.android.library", false, &[]),
];

pub(super) fn tasks(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut in_comment = false;
    // The task whose braces are open, and how many.
    let mut current: Option<(usize, usize)> = None;
    // How many braces are open in `tasks { ... }`, its own included.
    let mut block = 0usize;
    for (number, line) in (1..).zip(text.lines()) {
        let code = without_comments(line, &mut in_comment);
        let code = code.trim();
        if let Some((name, rest)) = defined(code, block == 1) {
            all.push(Found::new(name, number, ""));
            current = Some((all.len() - 1, 0));
            step(&mut current, rest);
        } else {
            if let Some((task, _)) = current
                && let Some(text) = code.strip_prefix("description").and_then(first_string)
                && all[task].description.is_empty()
            {
                all[task].description = text.to_owned();
            }
            step(&mut current, code);
        }
        if block > 0 || code.strip_prefix("tasks").is_some_and(|rest| rest.trim_start().starts_with('{')) {
            block = depth_behind(code, block);
        }
    }
    let named: Vec<&str> = plugins(text);
    let mut implied: Vec<Brought> = Vec::new();
    for (_, is_java, more) in PLUGINS.iter().filter(|(known, ..)| named.iter().any(|name| is_plugin(name, known))) {
        implied.extend(BASE);
        implied.extend(if *is_java { &JAVA[..] } else { &[] });
        implied.extend(*more);
    }
    for (name, description) in implied {
        if all.iter().all(|found| found.name != name) {
            all.push(Found::implied(name, description));
        }
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|found| seen.insert(found.name.clone()));
    all
}

/// `java-library` is one of java's.
fn is_plugin(name: &str, known: &str) -> bool {
    name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The task ends with its braces, or with its line where it opens none.
fn step(current: &mut Option<(usize, usize)>, code: &str) {
    let Some((_, depth)) = current else { return };
    *depth = depth_behind(code, *depth);
    if *depth == 0 {
        *current = None;
    }
}

fn depth_behind(code: &str, depth: usize) -> usize {
    (depth + code.matches('{').count()).saturating_sub(code.matches('}').count())
}

/// `task x`, `task x(type: Y)`, `task("x")`, `tasks.register("x")`, `tasks.register<Y>("x")`, `tasks.create 'x'`,
/// `val x by tasks.registering`; in the block of `tasks` without `tasks.`.
fn defined(code: &str, is_in_block: bool) -> Option<(&str, &str)> {
    for form in ["register", "create"] {
        let rest = if is_in_block { code.strip_prefix(form) } else { None };
        let rest = rest.or_else(|| code.split_once("tasks.")?.1.strip_prefix(form));
        if let Some(rest) = rest.and_then(behind_type) {
            let rest = rest.trim_start().trim_start_matches('(');
            return first_string(rest).filter(|_| rest.trim_start().starts_with(['"', '\''])).map(|name| (name, rest));
        }
    }
    if let Some((before, rest)) = code.split_once(" by ")
        && let rest = if is_in_block { rest } else { rest.strip_prefix("tasks.").unwrap_or("") }
        && let Some(rest) = rest.strip_prefix("registering").or_else(|| rest.strip_prefix("creating"))
    {
        return before.trim().strip_prefix("val ").map(|name| (name.trim(), rest));
    }
    let rest = code.strip_prefix("task")?;
    if let Some(rest) = rest.strip_prefix('(').or_else(|| behind_type(rest)?.strip_prefix('(')) {
        return first_string(rest).filter(|_| rest.trim_start().starts_with(['"', '\''])).map(|name| (name, rest));
    }
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let name = rest.trim_start_matches(['"', '\'']);
    let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(name.len());
    let behind = name[end..].trim_start_matches(['"', '\'']).trim_start();
    // `task = x` and `task.y` define none.
    (end > 0 && (behind.is_empty() || behind.starts_with(['{', '(', '<']))).then(|| (&name[..end], behind))
}

/// Behind `<Copy>` or `<Sync<X>>`, if that is there.
fn behind_type(code: &str) -> Option<&str> {
    if code.starts_with(['(', ' ']) {
        return Some(code);
    }
    code.strip_prefix('<')?.split_once('>').map(|(_, rest)| rest.trim_start_matches('>'))
}

fn first_string(code: &str) -> Option<&str> {
    let start = code.find(['"', '\''])?;
    let quote = code[start..].chars().next()?;
    code[start + 1..].split_once(quote).map(|(text, _)| text)
}

/// The names in `plugins { ... }` and behind `apply plugin:`.
fn plugins(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        let mut code = line;
        if let Some(rest) = line.strip_prefix("plugins").map(str::trim_start).and_then(|rest| rest.strip_prefix('{')) {
            (inside, code) = (true, rest);
        } else if let Some(rest) = line.strip_prefix("apply") {
            all.extend(first_string(rest).filter(|_| rest.contains("plugin")));
            continue;
        }
        if inside {
            for one in code.split(';').map(|one| one.trim().trim_end_matches('}').trim()) {
                if one.contains("apply false") || one.contains("apply(false)") || one.starts_with("//") {
                    continue;
                }
                all.extend(match first_string(one) {
                    Some(name) => Some(name),
                    // Kotlin: java, `java-library`.
                    None => Some(one.trim_matches('`')).filter(|name| !name.is_empty()),
                });
            }
            inside = !code.contains('}');
        }
    }
    all
}

fn without_comments<'l>(line: &'l str, in_comment: &mut bool) -> std::borrow::Cow<'l, str> {
    if !*in_comment && !line.contains("/*") {
        // An address in a string is no comment.
        let end = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':')).map_or(line.len(), |(at, _)| at);
        return line[..end].into();
    }
    let mut out = String::new();
    let mut rest = line;
    loop {
        if *in_comment {
            let Some((_, behind)) = rest.split_once("*/") else { return out.into() };
            (*in_comment, rest) = (false, behind);
        } else {
            let Some((before, behind)) = rest.split_once("/*") else { return (out + rest).into() };
            out.push_str(before);
            (*in_comment, rest) = (true, behind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        tasks(text).into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn tasks_of_groovy_and_kotlin() {
        let groovy = "task hello {\n  description = 'Greet'\n  doLast { println 'x' }\n}\ntask copy(type: Copy) {\n}\n\
                      tasks.register('dist', Zip) {\n  description 'Zip it'\n}\ntask 'a-b'\n/* task no {} */\n// task never\ntask.dependsOn x\n";
        let found = tasks(groovy);
        let known: Vec<_> = found.iter().map(|found| (&*found.name, found.line, &*found.description)).collect();
        assert_eq!(known, [("hello", 1, "Greet"), ("copy", 5, ""), ("dist", 7, "Zip it"), ("a-b", 10, "")]);
        let kotlin = "val gen by tasks.registering(Copy::class) {}\ntasks.register<Jar>(\"fat\") {\n}\ntask<Copy>(\"c\")\ntasks.named(\"test\") {}\n";
        assert_eq!(names(kotlin), ["gen", "fat", "c"]);
    }

    #[test]
    fn tasks_in_the_block_of_tasks() {
        let kotlin = "tasks {\n  test {\n    register(\"no\")\n  }\n  register<Copy>(\"copyIt\") {\n    description = \"Copy\"\n  }\n  val gen by registering {\n  }\n}\n\
                      publications {\n  create<Maven>(\"no\")\n}\ntasks.register<Sync<X>>(\"sync\")\nval x by lazy {}\n";
        let found = tasks(kotlin);
        let known: Vec<_> = found.iter().map(|found| (&*found.name, found.line, &*found.description)).collect();
        assert_eq!(known, [("copyIt", 5, "Copy"), ("gen", 8, ""), ("sync", 14, "")]);
    }

    #[test]
    fn tasks_of_plugins() {
        let all = ["assemble", "build", "check", "clean", "test", "jar"];
        assert_eq!(names("plugins {\n  id 'java-library'\n}\n"), all);
        assert_eq!(names("plugins { `java-library` }"), all);
        assert_eq!(names("apply plugin: 'java'\n"), all);
        assert_eq!(
            names("plugins {\n  kotlin(\"jvm\") version \"2\"\n  application\n}\n"),
            [&all[..], &["run"]].concat()
        );
        assert_eq!(names("plugins {\n  id(\"java\") apply false\n}\n"), [""; 0]);
    }
}
