//! A plan as a person reads it.

use crate::audit::grade::{Grade, Graded};
use crate::commands::reply::Remark;
use crate::commands::{full_name, versions};
use crate::model::{Action, Archive, Kept, Mark, Marked, Plan, Reason, Settled, Settling, Source, Step, Task, Why};
use crate::ops::conf::endings_for_old;
use crate::ui::{Cell, Style, Ui, clean, human, table};
use serde::Serialize;

/// `grades` has one for each step, or nothing where nobody asked.
pub fn text(ui: &Ui, plan: &Plan, grades: &[Option<Graded>]) -> String {
    let mut out = String::new();
    for action in Action::ALL {
        let steps: Vec<&Step> = plan.steps.iter().filter(|step| step.action == action).collect();
        if steps.is_empty() {
            continue;
        }
        out.push_str(&format!("{}\n", ui.styled(Style::Name, heading(action))));
        let rows: Vec<Vec<Cell<'_>>> = steps.iter().map(|step| row(step)).collect();
        table(ui, &rows).lines().for_each(|line| out.push_str(&format!("  {line}\n")));
    }
    if !plan.archives.is_empty() {
        out.push_str(&format!("{}\n", ui.styled(Style::Name, "Delete from the cache")));
        let row = |archive: &Archive| {
            vec![
                Cell::styled(Style::Name, archive.name.clone()),
                Cell::styled(Style::Version, archive.version.clone()),
                Cell::plain(human(archive.bytes)),
            ]
        };
        let rows: Vec<Vec<Cell<'_>>> = plan.archives.iter().map(row).collect();
        table(ui, &rows).lines().for_each(|line| out.push_str(&format!("  {line}\n")));
        out.push_str(&format!(
            "{} archives; {} less on disk\n",
            plan.archives.len(),
            human(plan.disk_bytes.unsigned_abs())
        ));
        return out;
    }
    for file in &plan.files {
        let (path, leftover) = (file.path.display(), file.leftover.display());
        let line = match &file.by {
            Settling::Keep => format!("{path} stays as it is, and {leftover} is deleted"),
            Settling::Use if file.sha256.is_empty() => format!("{leftover} becomes {path}"),
            Settling::Use => {
                let ending = endings_for_old(&file.leftover).next().unwrap_or_default();
                format!("{leftover} becomes {path}, and what is there now is kept beside it under {ending}")
            }
            Settling::Merge { .. } => format!("{path} becomes what you made of it, and {leftover} is deleted"),
        };
        out.push_str(&format!("{}\n", clean(&line).replace('\n', "?")));
    }
    if !plan.files.is_empty() {
        return out;
    }
    for marked in &plan.marks {
        let what = match marked.mark {
            Mark::Explicit => "counts as installed by hand from now on",
            Mark::Auto => "counts as installed for others from now on",
            Mark::Held => "is held in its version from now on",
            Mark::Unheld => "is held no longer",
        };
        out.push_str(&format!("{} {what}\n", full_name(&marked.name, &marked.arch)));
    }
    if !plan.kept.is_empty() {
        out.push_str(&format!("{}\n", ui.styled(Style::Name, "Kept as it is")));
        let rows: Vec<Vec<Cell<'_>>> = (plan.kept.iter())
            .map(|kept| {
                let versions = format!("{} -> {}", kept.installed, kept.candidate);
                vec![
                    Cell::styled(Style::Name, full_name(&kept.name, &kept.arch)),
                    Cell::styled(Style::Version, versions),
                    Cell::plain(kept.why.as_str()),
                ]
            })
            .collect();
        table(ui, &rows).lines().for_each(|line| out.push_str(&format!("  {line}\n")));
    }
    for (step, graded) in plan.steps.iter().zip(grades) {
        let Some(Graded { grade, evidence }) = graded else { continue };
        let style = if *grade == Grade::Risk { Style::Warning } else { Style::Name };
        let name = full_name(&step.name, &step.arch);
        out.push_str(&format!("{}: {}\n", clean(&name), ui.styled(style, grade.name())));
        for found in evidence {
            out.push_str(&format!("  {}\n", ui.wrapped(&clean(found), 2)));
        }
    }
    if plan.steps.is_empty() {
        if plan.marks.is_empty() {
            out.push_str(nothing(&plan.order.task));
        }
        return out;
    }
    out.push_str(&summary(plan));
    if plan.order.fetch_only {
        return out + "of all this, nothing but the download is done\n";
    }
    if !plan.orphaned.is_empty() && !matches!(plan.order.task, Task::Autoremove { .. }) {
        let (count, names) = (plan.orphaned.len(), plan.orphaned.join(" "));
        let line = format!("{count} that nothing needs any more: {names}");
        out.push_str(&format!("{}\n", ui.fitted(&line, 0)));
    }
    out
}

fn heading(action: Action) -> &'static str {
    match action {
        Action::Install => "Install",
        Action::Upgrade => "Upgrade",
        Action::Downgrade => "Downgrade",
        Action::Reinstall => "Install again",
        Action::Remove => "Remove",
        Action::Purge => "Remove with its configuration",
    }
}

fn nothing(task: &Task) -> &'static str {
    match task {
        Task::Upgrade { .. } => "everything is up to date\n",
        Task::Autoremove { .. } => "nothing is there that nothing needs\n",
        Task::Clean { .. } => "nothing to clean\n",
        _ => "nothing to do: it is so already\n",
    }
}

fn row(step: &Step) -> Vec<Cell<'_>> {
    let bytes = if step.download_bytes == 0 { String::new() } else { human(step.download_bytes) };
    vec![
        Cell::styled(Style::Name, full_name(&step.name, &step.arch)),
        Cell::styled(Style::Version, versions(&step.old, &step.new)),
        Cell::styled(Style::Dim, step.repository.as_str()),
        Cell::plain(bytes),
        Cell::plain(why(step)),
    ]
}

/// What goes without saying is left out.
fn why(step: &Step) -> String {
    match &step.why {
        Why::Asked if step.reason == Reason::Dependency && step.old.is_empty() => {
            "asked for, as a dependency".to_owned()
        }
        Why::Asked | Why::Newer | Why::Unexplained => String::new(),
        why => because(why),
    }
}

pub fn because(why: &Why) -> String {
    match why {
        Why::Asked => "asked for".to_owned(),
        Why::Newer => "a newer version was there".to_owned(),
        Why::NeededBy(name) => format!("needed by {name}"),
        Why::RecommendedBy(name) => format!("recommended by {name}"),
        Why::Needs(name) => format!("needs {name}"),
        Why::ConflictsWith(name) => format!("conflicts with {name}"),
        Why::ReplacedBy(name) => format!("replaced by {name}"),
        Why::Unneeded => "nothing needs it".to_owned(),
        Why::Unexplained => "the package manager chose it".to_owned(),
    }
}

fn summary(plan: &Plan) -> String {
    let count = |actions: &[Action]| plan.steps.iter().filter(|step| actions.contains(&step.action)).count();
    let counts = [
        (count(&[Action::Install]), "to install"),
        (count(&[Action::Upgrade]), "to upgrade"),
        (count(&[Action::Downgrade]), "to downgrade"),
        (count(&[Action::Reinstall]), "to install again"),
        (count(&[Action::Remove, Action::Purge]), "to remove"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let mut parts: Vec<String> = vec![counts.collect::<Vec<_>>().join(", ")];
    if plan.download_bytes > 0 {
        parts.push(format!("{} to fetch", human(plan.download_bytes)));
    }
    match plan.disk_bytes {
        // Also where nobody knows: apt-get and pacman in an engine's place do not tell.
        0 => {}
        more @ 1.. => parts.push(format!("{} more on disk", human(more.unsigned_abs()))),
        less => parts.push(format!("{} less on disk", human(less.unsigned_abs()))),
    }
    parts.join("; ") + "\n"
}

/// A plan as other programs see it: a stable shape, documented in omg-json(5), and not the one that the processes exchange.
#[derive(Serialize)]
pub struct Shown {
    source: Source,
    decider: String,
    steps: Vec<ShownStep>,
    marks: Vec<ShownMark>,
    archives: Vec<Archive>,
    files: Vec<ShownFile>,
    kept: Vec<ShownKept>,
    orphaned: Vec<String>,
    download_size: u64,
    disk_size_change: i64,
    warnings: Vec<String>,
    digest: String,
    applied: bool,
}

#[derive(Serialize)]
struct ShownStep {
    action: Action,
    name: String,
    old_version: Option<String>,
    new_version: Option<String>,
    repository: String,
    because: &'static str,
    of: Option<String>,
    reason: Reason,
    download_size: u64,
    sha256: String,
    signed: Option<bool>,
    /// Null for what is removed.
    grade: Option<Grade>,
    evidence: Vec<String>,
}

#[derive(Serialize)]
struct ShownMark {
    name: String,
    mark: Mark,
}

#[derive(Serialize)]
struct ShownFile {
    path: String,
    leftover: String,
    action: &'static str,
}

#[derive(Serialize)]
struct ShownKept {
    name: String,
    installed_version: String,
    candidate: String,
    why: String,
}

pub fn shown(plan: &Plan, grades: &[Option<Graded>], digest: &str, applied: bool) -> Shown {
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let step = |(at, step): (usize, &Step)| {
        let graded = grades.get(at).cloned().flatten();
        let (because, of) = key(&step.why);
        ShownStep {
            action: step.action,
            name: full_name(&step.name, &step.arch),
            old_version: some(&step.old),
            new_version: some(&step.new),
            repository: step.repository.clone(),
            because,
            of: of.map(str::to_owned),
            reason: step.reason,
            download_size: step.download_bytes,
            sha256: step.sha256.clone(),
            signed: step.signed,
            grade: graded.as_ref().map(|graded| graded.grade),
            evidence: graded.map(|graded| graded.evidence).unwrap_or_default(),
        }
    };
    let mark = |marked: &Marked| ShownMark { name: full_name(&marked.name, &marked.arch), mark: marked.mark };
    let file = |file: &Settled| ShownFile {
        path: file.path.display().to_string(),
        leftover: file.leftover.display().to_string(),
        action: file.by.key(),
    };
    let kept = |kept: &Kept| ShownKept {
        name: full_name(&kept.name, &kept.arch),
        installed_version: kept.installed.clone(),
        candidate: kept.candidate.clone(),
        why: kept.why.clone(),
    };
    Shown {
        source: plan.source,
        decider: plan.decider.clone(),
        steps: plan.steps.iter().enumerate().map(step).collect(),
        marks: plan.marks.iter().map(mark).collect(),
        archives: plan.archives.clone(),
        files: plan.files.iter().map(file).collect(),
        kept: plan.kept.iter().map(kept).collect(),
        orphaned: plan.orphaned.clone(),
        download_size: plan.download_bytes,
        disk_size_change: plan.disk_bytes,
        warnings: plan.warnings.clone(),
        digest: digest.to_owned(),
        applied,
    }
}

fn key(why: &Why) -> (&'static str, Option<&str>) {
    match why {
        Why::Asked => ("asked", None),
        Why::Newer => ("newer", None),
        Why::NeededBy(name) => ("needed-by", Some(name)),
        Why::RecommendedBy(name) => ("recommended-by", Some(name)),
        Why::Needs(name) => ("needs", Some(name)),
        Why::ConflictsWith(name) => ("conflicts-with", Some(name)),
        Why::ReplacedBy(name) => ("replaced-by", Some(name)),
        Why::Unneeded => ("unneeded", None),
        Why::Unexplained => ("unexplained", None),
    }
}

/// What is to be told once it is done.
pub fn afterwards(plan: &Plan) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if !plan.orphaned.is_empty() && !matches!(plan.order.task, Task::Autoremove { .. }) {
        remarks.push(Remark::Hint("`omg autoremove` removes what nothing needs any more".to_owned()));
    }
    match plan.order.task {
        Task::Sync { .. } => return vec![Remark::Note(format!("{}: up to date", plan.source.name()))],
        Task::Clean { .. } => return vec![Remark::Note(format!("{} archives: deleted", plan.archives.len()))],
        Task::Configure => {
            let done = |file: &Settled| Remark::Note(format!("{}: done", file.path.display()));
            return plan.files.iter().map(done).collect();
        }
        _ if plan.order.fetch_only => {
            return vec![Remark::Note(format!("{}: in the cache", human(plan.download_bytes)))];
        }
        _ => {}
    }
    let done = match (plan.steps.len(), plan.marks.len()) {
        (0, marked) => format!("{marked} marked"),
        (1, _) => format!("{}: done", clean(&plan.steps[0].name)),
        (steps, _) => format!("{steps} packages: done"),
    };
    remarks.insert(0, Remark::Note(done));
    remarks
}
