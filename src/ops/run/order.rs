//! From names that were typed to the steps that do it, each task once and behind what it depends on.
//!
//! Dependencies are followed for tasks of `omg.toml` alone; those of the others are their tools' business.

use super::Step;
use super::command::{command, own};
use crate::error::{Exit, Hinted};
use crate::project::{Choice, Project, Source, Task, near};
use anyhow::{Result, anyhow, ensure};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

/// Tasks that wait for tasks that wait for tasks.
const MAX_DEPTH: usize = 100;

/// The steps for these tasks; `arguments` go to the one that is named, or to none. `here` is the folder one is in.
pub fn order(project: &Project, here: &Path, names: &[String], arguments: &[OsString]) -> Result<Vec<Step>> {
    if let ([_, second, ..], false) = (names, arguments.is_empty()) {
        let message = format!("arguments are for one task, and {second} is another");
        return Err(Hinted::new(Exit::Usage, message, "run the one that takes them by itself").into());
    }
    let mut ordering = Ordering { project, here, steps: Vec::new(), places: HashMap::new(), open: Vec::new() };
    for (at, name) in names.iter().enumerate() {
        ordering.add(name, 0, arguments).map_err(|error| match (at, names) {
            // Other runners take arguments so.
            (1.., [first, ..]) if is_unknown(&error) => {
                let rest = names[1..].join(" ");
                let hint = format!("arguments of a task stand behind two hyphens: `omg run {first} -- {rest}`");
                Hinted::new(Exit::NothingFound, error.to_string(), hint).into()
            }
            _ => error,
        })?;
    }
    Ok(with_names_of_their_own(ordering.steps))
}

fn is_unknown(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Hinted>().is_some_and(|hinted| hinted.exit == Exit::NothingFound)
}

struct Ordering<'p> {
    project: &'p Project,
    here: &'p Path,
    steps: Vec<Step>,
    places: HashMap<String, usize>,
    /// The tasks whose dependencies are being looked at, outermost first.
    open: Vec<(String, String)>,
}

impl Ordering<'_> {
    /// The place of the step for a name that is meant as in the folder at `level`.
    fn add(&mut self, typed: &str, level: usize, arguments: &[OsString]) -> Result<usize> {
        let project = self.project;
        match project.choose(typed, level) {
            Choice::One(task) => self.task(task, arguments),
            Choice::PassedOn(source, name, folder) => {
                let file = folder.tasks.iter().find(|task| task.source == source).map(|task| task.file.clone());
                let step = Step {
                    command: command(project, source, &name, &folder.path, arguments),
                    name,
                    source,
                    file: file.unwrap_or_else(|| folder.path.clone()),
                    line: None,
                    folder: folder.path.clone(),
                    variables: Vec::new(),
                    after: Vec::new(),
                };
                Ok(self.push(format!("{}\0{}", step.source.name(), step.name), step))
            }
            Choice::Many(tasks) => Err(ambiguous(typed, &tasks).into()),
            Choice::Unsure(problem) => Err(unsure(project, typed, problem).into()),
            Choice::Unknown => Err(unknown(project, self.here, typed).into()),
        }
    }

    fn task(&mut self, task: &Task, arguments: &[OsString]) -> Result<usize> {
        let level =
            self.project.folders.iter().position(|folder| folder.tasks.iter().any(|one| std::ptr::eq(one, task)));
        let level = level.unwrap_or(0);
        let key = format!("{level}\0{}\0{}\0{}", task.source.name(), task.file.display(), task.name);
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        let at = task.line.map_or(String::new(), |line| format!(" (line {line})"));
        if let Some(begin) = self.open.iter().position(|(known, _)| *known == key) {
            let circle: Vec<&str> = self.open[begin..].iter().map(|(_, shown)| &**shown).collect();
            let message = format!("{} waits for itself: {} -> {}{at}", task.name, circle.join(" -> "), task.name);
            let hint = format!("take one of these out of the other's `depends` in {}", task.file.display());
            return Err(Hinted::new(Exit::Failed, message, hint).into());
        }
        ensure!(self.open.len() < MAX_DEPTH, "{} depends on tasks more than {MAX_DEPTH} deep", task.file.display());
        let folder = &self.project.folders[level].path;
        let mut after = Vec::new();
        let (words, folder, variables) = match &task.own {
            None => (command(self.project, task.source, &task.name, folder, arguments), folder.clone(), Vec::new()),
            Some(its) => {
                self.open.push((key.clone(), format!("{}{at}", task.name)));
                for need in &task.dependencies {
                    let place = self.add(need, level, &[]).map_err(|error| needed(error, task))?;
                    if !after.contains(&place) {
                        after.push(place);
                    }
                }
                self.open.pop();
                (own(its, &task.name, arguments), its.folder_in(folder), its.variables.clone())
            }
        };
        let step = Step {
            name: task.name.clone(),
            source: task.source,
            file: task.file.clone(),
            line: task.line,
            folder,
            command: words,
            variables,
            after,
        };
        Ok(self.push(key, step))
    }

    fn push(&mut self, key: String, step: Step) -> usize {
        *self.places.entry(key).or_insert_with(|| {
            self.steps.push(step);
            self.steps.len() - 1
        })
    }
}

/// What is wrong with a dependency, told with who has it; a circle tells that itself.
fn needed(error: anyhow::Error, task: &Task) -> anyhow::Error {
    match error.downcast::<Hinted>() {
        Ok(hinted) if hinted.exit == Exit::Failed => hinted.into(),
        Ok(hinted) => {
            let line = task.line.map_or(String::new(), |line| format!(" line {line}:"));
            let message = format!(
                "{}:{line} {} depends on what cannot be run: {}",
                task.file.display(),
                task.name,
                hinted.message
            );
            Hinted::new(hinted.exit, message, hinted.hint).into()
        }
        Err(error) => anyhow!(error),
    }
}

fn ambiguous(typed: &str, tasks: &[&Task]) -> Hinted {
    let place = |task: &&Task| {
        let name = task.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        task.line.map_or(name.clone(), |line| format!("{name} line {line}"))
    };
    // One name read in two ways is told apart by the files.
    let mut names: Vec<String> = tasks.iter().map(|task| task.qualified()).collect();
    for (at, task) in tasks.iter().enumerate() {
        if names[at] == typed {
            let file = task.file.file_name().unwrap_or_default().to_string_lossy();
            names[at] = format!("{file}:{}", task.name);
        }
    }
    let ways: Vec<String> = names.iter().map(|name| format!("`omg run {name}`")).collect();
    let of_one_file = tasks.iter().all(|task| task.file == tasks[0].file);
    if of_one_file {
        let tools: Vec<&str> = tasks.iter().map(|task| task.source.name()).collect();
        let message = format!("{typed} of {} may be for {}: nothing says which", place(&tasks[0]), tools.join(" or "));
        let settles = match tasks[0].source {
            Source::Npm | Source::Pnpm | Source::Yarn | Source::Bun => {
                "; \"packageManager\" in package.json settles it"
            }
            _ => "",
        };
        return Hinted::new(Exit::Usage, message, format!("say {}{settles}", ways.join(" or ")));
    }
    let places: Vec<String> = tasks.iter().map(place).collect();
    let message = format!("{typed} is a task of {}", places.join(" and of "));
    Hinted::new(Exit::Usage, message, format!("say {}; a task {typed} in omg.toml settles it", ways.join(" or ")))
}

fn unsure(project: &Project, typed: &str, problem: &crate::project::Problem) -> Hinted {
    let hits = project.folders.iter().flat_map(|folder| &folder.tasks).filter(|task| task.name == typed);
    let ways: Vec<String> = hits.map(|task| format!("`omg run {}`", task.qualified())).take(3).collect();
    let message = format!("{}: {}", problem.file.display(), problem.message);
    let hint = match ways.as_slice() {
        [] => "without that file nobody can tell what the project's tasks are".to_owned(),
        ways => format!("that file may have a task {typed} as well; to pass it over, say {}", ways.join(" or ")),
    };
    Hinted::new(Exit::Failed, message, hint)
}

fn unknown(project: &Project, here: &Path, typed: &str) -> Hinted {
    if let Some(problem) = project.folders.iter().flat_map(|folder| &folder.problems).next() {
        return unsure(project, typed, problem);
    }
    if project.folders.is_empty() {
        let message = format!("no project here: no file in {} or above it has tasks", here.display());
        return Hinted::new(Exit::NothingFound, message, "`omg man run` lists the files that can have some");
    }
    let names = (0..project.folders.len()).flat_map(|level| project.typed(level));
    let hint = match near(names, typed).as_slice() {
        [] => "`omg run --list` shows what there is".to_owned(),
        near => format!("did you mean {}?", near.join(", ")),
    };
    Hinted::new(Exit::NothingFound, format!("no task {typed} in {}", project.folders[0].path.display()), hint)
}

/// Two steps of one name get their source before it.
fn with_names_of_their_own(mut steps: Vec<Step>) -> Vec<Step> {
    let mut count: HashMap<String, usize> = HashMap::new();
    steps.iter().for_each(|step| *count.entry(step.name.clone()).or_default() += 1);
    for step in steps.iter_mut().filter(|step| count[&step.name] > 1) {
        step.name = format!("{}:{}", step.source.name(), step.name);
    }
    steps
}
