//! `omg run`: a project's tasks, listed or run, whatever tool they are written for.

use super::env;
use super::reply::{Remark, Reply};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::environment::of_folder;
use crate::ops::run::{Event, Manner, Outcome, Output, Said, Step, When, carry_out, folder, order, watch};
use crate::ops::run::{command as command_of, project};
use crate::project::{Project, Source, Task, omg_toml};
use crate::runtimes::active::Person;
use crate::sys::signals::Incoming;
use crate::ui::{Cell, Style, Ui, clean, table};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde::Serialize;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("run")
        .about("Run tasks of the project one is in, whatever tool they are written for")
        .arg(Arg::new("TASK").num_args(0..).help("A task, or with its tool `npm:build` [default: list them]"))
        .arg(
            Arg::new("ARGS")
                .last(true)
                .num_args(0..)
                .value_parser(value_parser!(OsString))
                .help("What the task is given"),
        )
        .arg(flag("list", "List the tasks there are").short('l').conflicts_with_all(["TASK", "ARGS"]))
        .arg(flag("dry-run", "Show what would be run").requires("TASK"))
        .arg(flag("parallel", "Run the tasks side by side").short('p').requires("TASK"))
        .arg(flag("watch", "Run them again after each change to the project's files").short('w').requires("TASK"))
        .arg(flag("restart", "With --watch: end what runs, and begin again, at once").requires("watch"))
        .arg(
            Arg::new("directory")
                .long("directory")
                .short('C')
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("The project around this folder"),
        )
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let here = folder(matches.get_one::<PathBuf>("directory").map(PathBuf::as_path))?;
    let project = project(&here);
    let names: Vec<String> = matches.get_many("TASK").into_iter().flatten().cloned().collect();
    let arguments: Vec<OsString> = matches.get_many("ARGS").into_iter().flatten().cloned().collect();
    if names.is_empty() {
        if !arguments.is_empty() {
            return Err(Hinted::new(Exit::Usage, "no task is named", "a task stands before the two hyphens").into());
        }
        return list(&project, &here);
    }
    let mut steps = order(&project, &here, &names, &arguments)?;
    if matches.get_flag("dry-run") {
        let planned: Vec<Planned> = steps.iter().map(|step| Planned::of(step, &steps)).collect();
        return Ok(Reply::new(planned, |ui, steps| steps.iter().map(|step| step.line(ui)).collect(), Exit::Found));
    }
    if ctx.json {
        let hint = "--list and --dry-run have JSON; what a task prints is its own";
        return Err(Hinted::new(Exit::Usage, "a task that is run gives no JSON", hint).into());
    }
    give_environments(ctx, &mut steps);
    let manner = Manner { side_by_side: matches.get_flag("parallel"), is_watched: matches.get_flag("watch") };
    let incoming = Incoming::open(manner != Manner::default()).context("cannot note signals")?;
    let screen = Screen::new(&ctx.ui, &steps);
    let mut report = |event: Event| screen.show(event);
    let code = if manner.is_watched {
        // The projects' folders, of which each but the first is above the one before. A task may be run elsewhere in them.
        let projects = steps.iter().filter_map(|step| step.file.parent().filter(|_| step.file.is_file()));
        let folders = projects.chain(steps.iter().map(|step| &*step.folder));
        let outermost = folders.min_by_key(|folder| folder.components().count()).context("there is no step")?;
        let restarts = matches.get_flag("restart");
        watch(&steps, manner, restarts, outermost, &incoming, &mut report, &mut |when| screen.tell(when))?
    } else {
        match carry_out(&steps, manner, &incoming, None, &mut report)? {
            Outcome::Ended(code) | Outcome::Interrupted(code) => code,
            Outcome::Broken => Exit::Failed.into(),
        }
    };
    Ok(Reply::new((), |_, ()| String::new(), Exit::Task(code)))
}

/// Puts each step into the environment that its folder asks for, behind what the task sets itself; says once what is not there.
fn give_environments(ctx: &Ctx, steps: &mut [Step]) {
    // Without a home nothing can be asked for.
    let Some(person) = Person::of_environment() else { return };
    let mut said: Vec<Remark> = Vec::new();
    let mut known: HashMap<PathBuf, Vec<(String, String)>> = HashMap::new();
    for step in steps {
        // Most steps are of one folder.
        let given = known.entry(step.folder.clone()).or_insert_with(|| {
            let environment = of_folder(&person, &step.folder, &env::variable);
            for remark in env::remarks(&person, &environment) {
                if !said.contains(&remark) {
                    remark.say(&ctx.ui);
                    said.push(remark);
                }
            }
            env::assigned(&environment).into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
        });
        step.variables.splice(0..0, given.iter().cloned());
    }
}

/// What the names of tasks are that begin so, for a shell's completion. A file that cannot be read has none.
pub fn names(prefix: &str) -> Vec<String> {
    let Ok(here) = folder(None) else { return Vec::new() };
    let project = project(&here);
    let mut all: Vec<String> = listed(&project).into_iter().map(|(_, _, typed)| typed).collect();
    // What was begun with a tool's name goes on with it.
    if prefix.contains(':') {
        all.extend(project.folders.iter().flat_map(|folder| &folder.tasks).map(Task::qualified));
    }
    all.retain(|name| name.starts_with(prefix));
    all.sort();
    all.dedup();
    all
}

/// Each task that a name means from here, with that name: of the nearest folder all, of those above what is not nearer as well.
fn listed(project: &Project) -> Vec<(usize, &Task, String)> {
    let mut all: Vec<(usize, &Task, String)> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (level, folder) in project.folders.iter().enumerate() {
        let of_folder: Vec<_> = folder.tasks.iter().zip(project.typed(level)).collect();
        let new = of_folder.into_iter().filter(|(_, typed)| !known.contains(typed)).collect::<Vec<_>>();
        known.extend(new.iter().map(|(_, typed)| typed.clone()));
        all.extend(new.into_iter().map(|(task, typed)| (level, task, typed)));
    }
    all
}

/// A task of a listing.
#[derive(Serialize)]
struct Listed {
    /// What to type.
    typed: String,
    name: String,
    source: Source,
    file: String,
    line: Option<u32>,
    folder: String,
    command: String,
    description: String,
    dependencies: Vec<String>,
    runs: Vec<String>,
    /// The file as it is shown: below the folder one is in, or above it.
    #[serde(skip)]
    place: String,
}

fn list(project: &Project, here: &Path) -> Result<Reply> {
    let listed = listed(project).into_iter();
    let all: Vec<Listed> = listed.map(|(level, task, typed)| shown(project, level, task, typed, here)).collect();
    let problems = project.folders.iter().flat_map(|folder| &folder.problems);
    let remarks: Vec<Remark> =
        problems.map(|problem| Remark::Warning(format!("{}: {}", problem.file.display(), problem.message))).collect();
    if all.is_empty() && remarks.is_empty() {
        let message = format!("no project here: no file in {} or above it has tasks", here.display());
        let hint = "`omg man run` lists the files that can have some";
        return Err(Hinted::new(Exit::NothingFound, message, hint).into());
    }
    let exit = match (all.is_empty(), remarks.is_empty()) {
        (_, false) => Exit::Partial,
        (true, true) => Exit::NothingFound,
        (false, true) => Exit::Found,
    };
    Ok(Reply::new(all, |ui, all| table(ui, &all.iter().map(row).collect::<Vec<_>>()), exit).with(remarks))
}

fn shown(project: &Project, level: usize, task: &Task, typed: String, here: &Path) -> Listed {
    let folder = &project.folders[level].path;
    let (folder, runs) = match &task.own {
        Some(own) => (own.folder_in(folder), omg_words(own)),
        None => {
            let words = command_of(project, task.source, &task.name, folder, &[]);
            (folder.clone(), words.iter().map(|word| word.to_string_lossy().into_owned()).collect())
        }
    };
    let place = match (task.file.strip_prefix(here), task.file.strip_prefix(&project.folders[0].path)) {
        (Ok(below), _) | (_, Ok(below)) => below.display().to_string(),
        _ => task.file.display().to_string(),
    };
    Listed {
        typed,
        name: task.name.clone(),
        source: task.source,
        file: task.file.display().to_string(),
        line: task.line,
        folder: folder.display().to_string(),
        command: task.command.clone(),
        description: task.description.clone(),
        dependencies: task.dependencies.clone(),
        runs,
        place,
    }
}

fn omg_words(own: &omg_toml::Own) -> Vec<String> {
    match &own.action {
        omg_toml::Action::Nothing => Vec::new(),
        omg_toml::Action::Shell(text) => ["/bin/sh", "-c", text].map(str::to_owned).into(),
        omg_toml::Action::Program(words) => words.clone(),
    }
}

fn row(listed: &Listed) -> Vec<Cell<'_>> {
    let place = listed.line.map_or(listed.place.clone(), |line| format!("{}:{line}", listed.place));
    let about = if listed.description.is_empty() { &listed.command } else { &listed.description };
    vec![Cell::styled(Style::Name, &listed.typed), Cell::styled(Style::Dim, place), Cell::plain(about)]
}

/// A step of `--dry-run`.
#[derive(Serialize)]
struct Planned {
    name: String,
    source: Source,
    file: String,
    line: Option<u32>,
    folder: String,
    runs: Vec<String>,
    variables: Vec<String>,
    after: Vec<String>,
}

impl Planned {
    fn of(step: &Step, all: &[Step]) -> Planned {
        Planned {
            name: step.name.clone(),
            source: step.source,
            file: step.file.display().to_string(),
            line: step.line,
            folder: step.folder.display().to_string(),
            runs: step.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            variables: step.variables.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            after: step.after.iter().map(|place| all[*place].name.clone()).collect(),
        }
    }

    /// As a shell would be told.
    fn line(&self, ui: &Ui) -> String {
        let name = ui.styled(Style::Name, &clean(&self.name));
        if self.runs.is_empty() {
            return format!("{name}: nothing but {}\n", clean(&self.after.join(", ")));
        }
        let words = self.variables.iter().chain(&self.runs).map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        format!("{name}: cd {} && {}\n", clean(&quoted(&self.folder)), clean(&words.replace('\n', "?")))
    }
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-+./:=@,%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What runs, on one line: of a shell's task of omg's own what was written, else the words.
fn told(step: &Step) -> String {
    let text = match step.command.as_slice() {
        [shell, flag, text, ..] if step.source == Source::Omg && shell == "/bin/sh" && flag == "-c" => {
            text.to_string_lossy().trim().to_owned()
        }
        words => words.iter().map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" "),
    };
    text.replace('\n', "; ")
}

/// What a person sees of tasks that run.
struct Screen<'u> {
    ui: &'u Ui,
    /// The widest name of a step that runs something.
    width: usize,
    /// Whether there is more than one.
    are_many: bool,
}

impl Screen<'_> {
    fn new<'u>(ui: &'u Ui, steps: &[Step]) -> Screen<'u> {
        let run = || steps.iter().filter(|step| !step.command.is_empty());
        let width = run().map(|step| step.name.chars().count()).max().unwrap_or(0);
        Screen { ui, width, are_many: run().count() > 1 }
    }

    fn show(&self, event: Event) -> bool {
        match event {
            Event::Starts(step) if self.ui.watched() => {
                self.ui.note(&format!("> {}: {}", step.name, told(step)));
            }
            Event::Starts(_) => {}
            Event::Says(said) => return self.pass_on(&said),
            Event::Failed(step, code) if self.are_many => self.ui.note(&format!("{} ended with {code}", step.name)),
            Event::Failed(..) => {}
            Event::Stops(step) => self.ui.note(&format!("{} is ended", step.name)),
        }
        true
    }

    fn pass_on(&self, said: &Said) -> bool {
        const STYLES: [Style; 4] = [Style::Version, Style::Good, Style::Warning, Style::Bad];
        let name = clean(&said.step.name);
        let blanks = " ".repeat(self.width.saturating_sub(name.chars().count()));
        let prefix = format!("{}{blanks} | ", self.ui.styled(STYLES[said.place % STYLES.len()], &name));
        self.ui.pass_on(said.output == Output::Error, &prefix, said.bytes).unwrap_or(false)
    }

    fn tell(&self, when: When) {
        match when {
            When::Waits(0) => self.ui.note("done; waiting for a change"),
            When::Waits(code) => self.ui.note(&format!("ended with {code}; waiting for a change")),
            When::Changed("") => self.ui.note("many files changed"),
            When::Changed(path) => self.ui.note(&format!("{path} changed")),
            When::PassedOver(paths) => {
                let some = paths.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = if paths.len() > 3 { format!(" and {} more", paths.len() - 3) } else { String::new() };
                self.ui.warn(&format!("{some}{more}: changed by each run itself, and watched no more"));
                self.ui.hint("name what is built in .gitignore");
            }
        }
    }
}
