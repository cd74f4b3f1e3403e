//! Which task a typed name means.
//!
//! The nearest folder that has it counts. Within a folder `omg.toml` says what a name means, and a task that a file names comes before
//! one that such a project has anyway; beyond that nothing is preferred. A source's name before a colon says whose task is meant
//! (`make:build`), and so does the file's (`Makefile:build`); a name that has a colon in itself (`build:prod`) is also tried as it is.

use super::{Folder, Problem, Project, Source, Task};
use crate::model::distance;
use std::collections::HashMap;

/// What a name turned out to mean.
#[derive(Debug, PartialEq)]
pub enum Choice<'p> {
    One(&'p Task),
    /// Several, of which none counts more.
    Many(Vec<&'p Task>),
    /// Found, or not; but a file of the same folder could not be read and may have it as well.
    Unsure(&'p Problem),
    /// No file has it, and its source has more tasks than can be seen: the name is its source's business.
    PassedOn(Source, String, &'p Folder),
    Unknown,
}

impl Project {
    /// The task that is meant by what was typed in the folder at `level`, or named there as a dependency.
    pub fn choose(&self, typed: &str, level: usize) -> Choice<'_> {
        let folders = || self.folders.iter().skip(level);
        for folder in folders() {
            let mut hits: Vec<&Task> = folder.tasks.iter().filter(|task| task.answers_to(typed)).collect();
            let plain = hits.iter().any(|task| task.name == typed) || hits.is_empty() && !is_qualified(typed);
            let doubt = folder.problems.iter().find(|_| plain);
            if hits.iter().any(|task| task.source == Source::Omg && task.name == typed) {
                hits.retain(|task| task.source == Source::Omg);
                // Nothing that could be in another file counts more.
                return one_or_many(hits);
            }
            if hits.iter().any(|task| task.line.is_some()) {
                hits.retain(|task| task.line.is_some());
            }
            match doubt {
                Some(problem) => return Choice::Unsure(problem),
                None if hits.is_empty() => {}
                None => return one_or_many(hits),
            }
        }
        let Some((source, rest)) = qualified(typed) else { return Choice::Unknown };
        if source.sees_all() || !super::is_name(rest) {
            return Choice::Unknown;
        }
        match folders().find(|folder| folder.sources.contains(&source)) {
            Some(folder) => Choice::PassedOn(source, rest.to_owned(), folder),
            None => Choice::Unknown,
        }
    }

    /// How each task of a folder is typed from there: by its name where that means it, else with its source.
    pub fn typed(&self, level: usize) -> Vec<String> {
        let mut by_name: HashMap<&str, Vec<&Task>> = HashMap::new();
        for task in &self.folders[level].tasks {
            by_name.entry(&task.name).or_default().push(task);
        }
        let is_meant = |task: &Task| {
            let others = &by_name[&*task.name];
            let rank = |task: &Task| (task.source != Source::Omg, task.line.is_none());
            let best = others.iter().map(|task| rank(task)).min();
            let best = best.filter(|best| others.iter().filter(|task| rank(task) == *best).count() == 1);
            // Another's name with its source before it reads the same.
            let reads_twice = qualified(&task.name).is_some_and(|(source, rest)| {
                by_name.get(rest).is_some_and(|all| all.iter().any(|t| t.source == source))
            });
            best == Some(rank(task)) && !reads_twice
        };
        self.folders[level]
            .tasks
            .iter()
            .map(|task| if is_meant(task) { task.name.clone() } else { task.qualified() })
            .collect()
    }
}

impl Task {
    /// `make:build`.
    pub fn qualified(&self) -> String {
        format!("{}:{}", self.source.name(), self.name)
    }

    fn answers_to(&self, typed: &str) -> bool {
        let by = |before: &str| typed.strip_prefix(before).and_then(|rest| rest.strip_prefix(':')) == Some(&self.name);
        typed == self.name
            || by(self.source.name())
            || self.file.file_name().and_then(|name| name.to_str()).is_some_and(by)
    }
}

fn one_or_many(hits: Vec<&Task>) -> Choice<'_> {
    match hits.as_slice() {
        [one] => Choice::One(one),
        _ => Choice::Many(hits),
    }
}

fn qualified(typed: &str) -> Option<(Source, &str)> {
    let (source, rest) = typed.split_once(':')?;
    Source::named(source).map(|source| (source, rest))
}

fn is_qualified(typed: &str) -> bool {
    qualified(typed).is_some()
}

/// At most three names of a list that were perhaps meant, nearest first.
pub fn near(names: impl Iterator<Item = String>, typed: &str) -> Vec<String> {
    let most = (typed.chars().count() / 3).clamp(1, 3);
    let mut all: Vec<(usize, String)> = Vec::new();
    for name in names {
        let plain =
            name.split_once(':').filter(|(source, _)| Source::named(source).is_some()).map_or(&*name, |(_, n)| n);
        let edits = distance(name.as_bytes(), typed.as_bytes(), most);
        let edits = edits.or_else(|| distance(plain.as_bytes(), typed.as_bytes(), most));
        if let Some(edits) = edits
            && !all.iter().any(|(_, known)| *known == name)
        {
            all.push((edits, name));
        }
    }
    all.sort();
    all.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn task(source: Source, name: &str, file: &str, line: Option<u32>) -> Task {
        let (name, file) = (name.to_owned(), Path::new("/p").join(file));
        let (command, description, dependencies) = Default::default();
        Task { name, source, file, line, command, description, dependencies, own: None }
    }

    fn project(tasks: Vec<Task>) -> Project {
        let sources = tasks.iter().map(|task| task.source).collect();
        Project { folders: vec![Folder { path: "/p".into(), tasks, sources, problems: Vec::new() }] }
    }

    fn name(choice: Choice<'_>) -> String {
        match choice {
            Choice::One(task) => task.qualified(),
            Choice::Many(tasks) => tasks.iter().map(|task| task.qualified()).collect::<Vec<_>>().join(" | "),
            Choice::PassedOn(source, name, _) => format!("{} {name}", source.name()),
            Choice::Unsure(problem) => problem.message.clone(),
            Choice::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn nothing_is_guessed_between_two_files() {
        let mut project = project(vec![
            task(Source::Make, "build", "Makefile", Some(1)),
            task(Source::Npm, "build", "package.json", Some(2)),
            task(Source::Npm, "make:clean", "package.json", Some(3)),
            task(Source::Npm, "build:prod", "package.json", Some(4)),
            task(Source::Make, "clean", "Makefile", Some(5)),
            task(Source::Cargo, "clean", "Cargo.toml", None),
        ]);
        let meant = |project: &Project, typed: &str| name(project.choose(typed, 0));
        assert_eq!(meant(&project, "build"), "make:build | npm:build");
        assert_eq!(meant(&project, "npm:build"), "npm:build");
        assert_eq!(meant(&project, "Makefile:build"), "make:build");
        assert_eq!(meant(&project, "build:prod"), "npm:build:prod");
        assert_eq!(meant(&project, "clean"), "make:clean", "what cargo has anyway comes behind");
        assert_eq!(meant(&project, "cargo:clean"), "cargo:clean");
        assert_eq!(meant(&project, "make:clean"), "npm:make:clean | make:clean");
        assert_eq!(meant(&project, "Makefile:clean"), "make:clean");
        assert_eq!(meant(&project, "make:%"), "make %");
        assert_eq!(meant(&project, "make:--eval=x"), "unknown");
        assert_eq!(meant(&project, "npm:gone"), "unknown");
        assert_eq!(meant(&project, "rake:x"), "unknown", "there is no Rakefile");
        let typed = project.typed(0);
        assert_eq!(typed, ["make:build", "npm:build", "npm:make:clean", "build:prod", "clean", "cargo:clean"]);
        project.folders[0].tasks.push(task(Source::Omg, "build", "omg.toml", Some(1)));
        assert_eq!(meant(&project, "build"), "omg:build");
        assert_eq!(project.typed(0).last().unwrap(), "build");
    }

    #[test]
    fn a_file_that_cannot_be_read_may_have_it_too() {
        let mut project = project(vec![task(Source::Make, "build", "Makefile", Some(1))]);
        project.folders[0].problems.push(Problem { file: "/p/package.json".into(), message: "bad".into() });
        assert_eq!(name(project.choose("build", 0)), "bad");
        assert_eq!(name(project.choose("other", 0)), "bad");
        assert_eq!(name(project.choose("make:build", 0)), "make:build");
    }

    #[test]
    fn the_nearest_folder_counts() {
        let mut project = project(vec![task(Source::Make, "build", "Makefile", Some(1))]);
        project.folders.push(Folder {
            path: "/".into(),
            tasks: vec![
                task(Source::Just, "build", "justfile", Some(1)),
                task(Source::Just, "lint", "justfile", Some(2)),
            ],
            sources: vec![Source::Just],
            problems: Vec::new(),
        });
        assert_eq!(name(project.choose("build", 0)), "make:build");
        assert_eq!(name(project.choose("build", 1)), "just:build");
        assert_eq!(name(project.choose("lint", 0)), "just:lint");
        assert_eq!(name(project.choose("just:build", 0)), "just:build");
    }

    #[test]
    fn misspelt_names_find_their_neighbours() {
        let names = || ["build", "npm:test", "lint"].map(str::to_owned).into_iter();
        assert_eq!(near(names(), "biuld"), ["build"]);
        assert_eq!(near(names(), "tset"), ["npm:test"]);
        assert_eq!(near(names(), "deploy"), [""; 0]);
    }
}
