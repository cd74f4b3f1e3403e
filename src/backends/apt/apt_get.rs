//! apt-get in place of the engine: its simulation becomes the plan, and the same words without the simulation carry it out.
//!
//! It says neither why a package is part of a plan nor whether a signature vouches for it, so neither is told here: the policy takes
//! what is not known for not fulfilled, and apt-get refuses what is not signed by itself.

use super::version;
use crate::backends::tool::{Present, Said, run};
use crate::model::{Action, Mark, Marked, Missing, Order, Plan, Reason, Resolution, Source, Step, Target, Task, Why};
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// apt-get as this order wants it; `more` may make it a simulation.
pub fn command(config: Option<&Path>, order: &Order, more: &[&str]) -> Result<Command> {
    let mut command = Command::new("apt-get");
    command.args(["-q", "-y", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]);
    if let Some(config) = config {
        command.env("APT_CONFIG", config);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive");
    if order.force {
        command.arg("--allow-remove-essential");
    }
    if order.fetch_only {
        command.arg("--download-only");
    }
    let verb: &[&str] = match order.task {
        Task::Install | Task::Downgrade => &["--allow-downgrades", "install"],
        Task::Reinstall => &["--reinstall", "install"],
        Task::Remove { purge: true, recursive: true } => &["--auto-remove", "purge"],
        Task::Remove { purge: true, recursive: false } => &["purge"],
        Task::Remove { purge: false, recursive: true } => &["--auto-remove", "remove"],
        Task::Remove { purge: false, recursive: false } => &["remove"],
        Task::Upgrade { .. } if !order.targets.is_empty() => &["--only-upgrade", "install"],
        Task::Upgrade { full: true } => &["dist-upgrade"],
        Task::Upgrade { full: false } => &["upgrade"],
        Task::Autoremove { purge: true } => &["--purge", "autoremove"],
        Task::Autoremove { purge: false } => &["autoremove"],
        Task::Sync { .. } => &["update"],
        Task::Mark(_) | Task::Clean { .. } | Task::Configure => bail!("apt-get has no part in this"),
    };
    command.args(more).args(verb).arg("--");
    for target in &order.targets {
        command.arg(word(target)?);
    }
    command.args(order.remove.iter().map(|target| format!("{}-", full_name(target))));
    Ok(command)
}

/// A target in apt-get's words.
fn word(target: &Target) -> Result<String> {
    if let Some(file) = &target.file {
        return Ok(file.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?.to_owned());
    }
    let name = full_name(target);
    Ok(match (&target.version, &target.repository) {
        (Some(version), _) => format!("{name}={version}"),
        // A repository of omg's is the release and its component.
        (None, Some(repository)) => format!("{name}/{}", repository.split('/').next().unwrap_or_default()),
        (None, None) => name,
    })
}

fn full_name(target: &Target) -> String {
    match &target.arch {
        Some(arch) => format!("{}:{arch}", target.name),
        None => target.name.clone(),
    }
}

/// What apt-get would do.
pub fn plan(config: Option<&Path>, root: &Path, native: &str, order: &Order, present: &Present) -> Result<Resolution> {
    let mut plan = Plan::simple(Source::Apt, root.to_owned(), order.task);
    (plan.order, plan.decider) = (order.clone(), "apt-get".to_owned());
    let is_there = |target: &&Target| {
        target.file.is_some() || present.keys().any(|(name, arch)| *name == target.name && is_arch(target, arch))
    };
    let wanted = order.remove.iter().chain(order.targets.iter().filter(|_| order.task.needs_installed()));
    let absent: Vec<Missing> = (wanted.filter(|target| !is_there(target)))
        .map(|target| Missing { target: target.to_string(), versions: Vec::new(), not_installed: true })
        .collect();
    if !absent.is_empty() {
        return Ok(Resolution::Unknown(absent));
    }
    if let Task::Mark(mark) = order.task {
        plan.marks = order.targets.iter().map(|target| marked(target, mark)).collect();
        return Ok(Resolution::Plan(Box::new(plan)));
    }
    let said = run(&mut command(config, order, &["--simulate"])?)?;
    if !said.is_done {
        return Ok(refusal(order, &said));
    }
    let sizes = run(&mut command(config, order, &["-qq", "--print-uris"])?)?;
    let sizes: HashMap<String, u64> = sizes.out.lines().filter_map(archive).collect();
    plan.steps = said.out.lines().filter_map(|line| step(line, native, order, present, &sizes)).collect();
    plan.steps.sort_by(|a, b| (a.action, &a.name, &a.arch).cmp(&(b.action, &b.name, &b.arch)));
    plan.download_bytes = plan.steps.iter().map(|step| step.download_bytes).sum();
    // A reason that somebody asked for is set afterwards, as apt-get takes what is named for explicit.
    let counts = |target: &Target| match target.reason? {
        Reason::Explicit => Some(marked(target, Mark::Explicit)),
        Reason::Dependency => Some(marked(target, Mark::Auto)),
    };
    plan.marks = order.targets.iter().filter_map(counts).chain(order.holds.iter().cloned()).collect();
    Ok(Resolution::Plan(Box::new(plan)))
}

fn is_arch(target: &Target, arch: &str) -> bool {
    target.arch.as_deref().is_none_or(|wanted| wanted == arch || arch.is_empty())
}

fn marked(target: &Target, mark: Mark) -> Marked {
    Marked { name: target.name.clone(), arch: target.arch.clone().unwrap_or_default(), mark }
}

/// `Inst NAME[:ARCH] [OLD] (NEW ORIGIN:SUITE [ARCH])`, `Remv NAME [OLD]`, `Purg NAME [OLD]`; other lines are no steps.
fn step(line: &str, native: &str, order: &Order, present: &Present, sizes: &HashMap<String, u64>) -> Option<Step> {
    let (what, rest) = line.split_once(' ')?;
    let is_installed = match what {
        "Inst" => true,
        "Remv" | "Purg" => false,
        _ => return None,
    };
    let full = rest.split(' ').next()?;
    let (name, arch) = full.split_once(':').unwrap_or((full, ""));
    let arch = if arch == native { "" } else { arch };
    let (old, reason) =
        present.get(&(name.to_owned(), arch.to_owned())).cloned().unwrap_or((String::new(), Reason::Explicit));
    let about = rest.split_once('(').filter(|_| is_installed).map(|(_, about)| about);
    let new = about.and_then(|about| about.split([' ', ')']).next()).unwrap_or_default();
    let release = about.and_then(|about| about.split(' ').nth(1)).unwrap_or_default();
    let of_archive = about.and_then(|about| about.rsplit_once('[')?.1.split(']').next()).unwrap_or(native);
    let target = order.targets.iter().chain(&order.remove).find(|target| target.name == name && is_arch(target, arch));
    let action = match (is_installed, old.as_str()) {
        (false, _) => {
            if what == "Purg" {
                Action::Purge
            } else {
                Action::Remove
            }
        }
        (true, "") => Action::Install,
        (true, old) => Action::by_order(version::compare(new, old)),
    };
    let why = match (target, action, order.task) {
        (Some(_), ..) => Why::Asked,
        (None, Action::Upgrade, Task::Upgrade { .. }) => Why::Newer,
        (None, _, Task::Autoremove { .. }) => Why::Unneeded,
        _ => Why::Unexplained,
    };
    let reason = match (target, old.is_empty()) {
        (Some(target), true) => target.reason.unwrap_or(Reason::Explicit),
        (None, true) => Reason::Dependency,
        (_, false) => reason,
    };
    Some(Step {
        action,
        name: name.to_owned(),
        arch: arch.to_owned(),
        old,
        new: new.to_owned(),
        repository: release.trim_end_matches(',').to_owned(),
        why,
        reason,
        download_bytes: sizes
            .get(&format!("{name}_{}_{of_archive}.deb", new.replace(':', "%3a")))
            .copied()
            .unwrap_or(0),
        sha256: String::new(),
        signed: None,
    })
}

/// `'ADDRESS' FILE BYTES HASH`.
fn archive(line: &str) -> Option<(String, u64)> {
    let mut words = line.split(' ').skip(1);
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

fn refusal(order: &Order, said: &Said) -> Resolution {
    let errors: Vec<&str> = said.err.lines().filter_map(|line| line.strip_prefix("E: ")).collect();
    let missing: Vec<Missing> = (order.targets.iter())
        .filter(|target| errors.contains(&format!("Unable to locate package {}", target.name).as_str()))
        .map(|target| Missing { target: target.to_string(), versions: Vec::new(), not_installed: false })
        .collect();
    if !missing.is_empty() {
        return Resolution::Unknown(missing);
    }
    let unmet = said.out.lines().skip_while(|line| !line.contains("unmet dependencies")).skip(1);
    let unmet = unmet.filter(|line| line.starts_with(' ')).map(|line| line.trim().to_owned());
    Resolution::Impossible(unmet.chain(errors.iter().map(|error| (*error).to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_what_a_simulation_says() {
        let present: Present = [("beta", "1.0"), ("gone", "3")]
            .map(|(name, version)| ((name.to_owned(), String::new()), (version.to_owned(), Reason::Dependency)))
            .into();
        let order = Order::new(Task::Install, vec![Target { name: "alpha".into(), ..Target::default() }]);
        let sizes: HashMap<String, u64> =
            archive("'copy:/a' alpha_1%3a2.0_all.deb 614 SHA256:00").into_iter().collect();
        let told = |line: &str| step(line, "amd64", &order, &present, &sizes);
        let alpha = told("Inst alpha (1:2.0 T:stable [all])").unwrap();
        assert_eq!((alpha.action, alpha.new.as_str(), alpha.download_bytes), (Action::Install, "1:2.0", 614));
        assert_eq!((alpha.why, alpha.reason, alpha.repository.as_str()), (Why::Asked, Reason::Explicit, "T:stable"));
        let beta = told("Inst beta [1.0] (2.0 T:stable, U:other [amd64]) []").unwrap();
        assert_eq!((beta.action, beta.old.as_str(), beta.new.as_str()), (Action::Upgrade, "1.0", "2.0"));
        assert_eq!(
            (beta.why, beta.reason, beta.repository.as_str()),
            (Why::Unexplained, Reason::Dependency, "T:stable")
        );
        let gone = told("Remv gone [3] [needy:amd64 ]").unwrap();
        assert_eq!((gone.action, gone.old.as_str(), gone.new.as_str()), (Action::Remove, "3", ""));
        assert_eq!(told("Inst libc6:i386 (2 D:s [i386])").unwrap().arch, "i386");
        for other in ["Conf alpha (2.0 T:stable [all])", "Reading package lists...", "Inst", ""] {
            assert_eq!(told(other), None, "{other:?}");
        }
    }
}
