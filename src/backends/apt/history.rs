//! apt's `history.log` and dpkg's `dpkg.log`: what was installed, upgraded and removed, and who asked for it.
//!
//! apt tells of its own runs, with the command and the user. dpkg tells of every step of everybody's runs, apt's too, so that
//! of its log only what no run of apt covers is news. Both write the machine's local time without saying which that is.

use super::version;
use crate::model::{Action, Change, Reason, Source, Transaction};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What the readers need to know of the machine.
pub struct Machine<'a> {
    /// Its own architecture.
    pub native: &'a str,
    pub zone: &'a TimeZone,
}

/// How far a log has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Bytes that need not be read again.
    pub bytes: usize,
    /// When the run began that has not ended yet, if there is one.
    pub running_since: Option<i64>,
}

/// Reads both logs: apt's runs, and those of dpkg that are no part of one. How many bytes of each are done with.
pub fn read_both(
    history: &str,
    dpkg: &str,
    machine: &Machine<'_>,
    each: &mut dyn FnMut(Transaction, bool),
) -> [usize; 2] {
    let mut of_apt: Vec<(i64, i64)> = Vec::new();
    let of_history = read_history(history, machine, &mut |run| {
        of_apt.push((run.started, run.ended.unwrap_or(run.started)));
        each(run, true);
    });
    of_apt.sort_unstable();
    let is_apts = |run: &Transaction| {
        // apt runs one at a time: only the last that began before may go on.
        let begun = of_apt.partition_point(|(start, _)| *start <= run.started);
        begun > 0 && run.started <= of_apt[begun - 1].1
    };
    // What belongs to a run of apt that goes on is told when that has ended.
    let waits = |run: &Transaction| of_history.running_since.is_some_and(|since| run.started >= since);
    let mut last_is_apts = false;
    let mut waiting = None;
    let of_dpkg = read_dpkg(dpkg, machine, &mut |at, run, ended| {
        last_is_apts = is_apts(&run);
        if waiting.is_some() || waits(&run) && !last_is_apts {
            waiting.get_or_insert(at);
        } else if !last_is_apts {
            each(run, ended);
        }
    });
    let of_dpkg = match waiting {
        Some(at) => of_dpkg.bytes.min(at),
        None if last_is_apts => dpkg.rfind('\n').map_or(0, |end| end + 1),
        None => of_dpkg.bytes,
    };
    [of_history.bytes, of_dpkg]
}

/// Hands every run in a piece of `history.log` to `each`, but for one at the end that has not ended.
pub fn read_history(text: &str, machine: &Machine<'_>, each: &mut dyn FnMut(Transaction)) -> Done {
    let mut done = Done::default();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let blanks = rest.len() - rest.trim_start_matches('\n').len();
        let stanza = &rest[blanks..];
        let (stanza, ended) = match stanza.find("\n\n") {
            Some(end) => (&stanza[..end + 1], true),
            None => (stanza, false),
        };
        at += blanks + stanza.len();
        let run = transaction(stanza, machine);
        let complete = ended || stanza.ends_with('\n') && run.as_ref().is_some_and(|run| run.ended.is_some());
        if !complete {
            done.running_since = run.map(|run| run.started);
            return done;
        }
        done.bytes = at;
        if let Some(run) = run.filter(|run| !run.changes.is_empty()) {
            each(run);
        }
    }
    done
}

fn transaction(stanza: &str, machine: &Machine<'_>) -> Option<Transaction> {
    let field = |name: &str| {
        stanza.lines().find_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(": "))).unwrap_or("")
    };
    let mut changes = Vec::new();
    for (name, action) in [
        ("Install", Action::Install),
        ("Reinstall", Action::Reinstall),
        ("Upgrade", Action::Upgrade),
        ("Downgrade", Action::Downgrade),
        ("Remove", Action::Remove),
        ("Purge", Action::Purge),
    ] {
        changes.extend(field(name).split_inclusive(')').filter_map(|entry| change(entry, action, machine.native)));
    }
    Some(Transaction {
        source: Source::Apt,
        started: seconds(field("Start-Date"), machine.zone)?,
        ended: seconds(field("End-Date"), machine.zone),
        command: field("Commandline").to_owned(),
        user: field("Requested-By").to_owned(),
        failure: field("Error").to_owned(),
        changes,
    })
}

/// `, libc6:amd64 (2.36-8, 2.36-9)` or `curl:amd64 (7.88.1-10, automatic)`.
fn change(entry: &str, action: Action, native: &str) -> Option<Change> {
    let (full_name, rest) = entry.trim_start_matches([',', ' ']).split_once(" (")?;
    let (name, arch) = full_name.split_once(':').unwrap_or((full_name, ""));
    let mut inside: Vec<&str> = rest.strip_suffix(')')?.split(", ").collect();
    let automatic = inside.last() == Some(&"automatic");
    if automatic {
        inside.pop();
    }
    let (old, new) = match (action, inside.as_slice()) {
        (Action::Install, [new]) => ("", *new),
        (Action::Reinstall, [version]) => (*version, *version),
        (Action::Upgrade | Action::Downgrade, [old, new]) => (*old, *new),
        (Action::Remove | Action::Purge, [old]) => (*old, ""),
        _ => return None,
    };
    let reason = (action == Action::Install).then_some(if automatic { Reason::Dependency } else { Reason::Explicit });
    Some(Change {
        name: name.to_owned(),
        arch: shown_arch(arch, native).to_owned(),
        action,
        old: old.to_owned(),
        new: new.to_owned(),
        reason,
    })
}

fn shown_arch<'a>(arch: &'a str, native: &str) -> &'a str {
    if arch == native || arch == "all" { "" } else { arch }
}

/// Hands every run of dpkg in a piece of `dpkg.log` to `each`, with where it begins and whether it is known to have ended. One
/// that is not stands behind what is done.
pub fn read_dpkg(text: &str, machine: &Machine<'_>, each: &mut dyn FnMut(usize, Transaction, bool)) -> Done {
    let mut done = Done::default();
    let mut run: Option<(usize, Transaction)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if !line.ends_with('\n') {
            break;
        }
        let Some((time, words)) = line.trim_end().split_at_checked(19) else { continue };
        let words: Vec<&str> = words.split_whitespace().collect();
        match words.as_slice() {
            // dpkg says so whenever it begins.
            ["startup", ..] => {
                if let Some((begin, ended)) = run.take() {
                    each(begin, ended, true);
                }
                done.bytes = start;
            }
            [verb, full_name, old, new] => {
                let Some(started) = seconds(time, machine.zone) else { continue };
                let Some(change) = step(verb, full_name, old, new, machine.native) else { continue };
                let (_, run) = run.get_or_insert_with(|| (start, plain_run(started)));
                run.ended = Some(started);
                // A purge removes first.
                if change.action == Action::Purge {
                    run.changes.retain(|known| (&known.name, &known.arch) != (&change.name, &change.arch));
                }
                run.changes.push(change);
            }
            _ => {}
        }
    }
    match run {
        Some((start, open)) => {
            done.bytes = done.bytes.min(start);
            done.running_since = Some(open.started);
            each(start, open, false);
        }
        None => done.bytes = done.bytes.max(text.rfind('\n').map_or(0, |end| end + 1)),
    }
    done
}

fn plain_run(started: i64) -> Transaction {
    Transaction {
        source: Source::Apt,
        started,
        ended: None,
        command: String::new(),
        user: String::new(),
        failure: String::new(),
        changes: Vec::new(),
    }
}

fn step(verb: &str, full_name: &str, old: &str, new: &str, native: &str) -> Option<Change> {
    let known = |version: &str| if version == "<none>" { String::new() } else { version.to_owned() };
    let (name, arch) = full_name.split_once(':').unwrap_or((full_name, ""));
    let action = match verb {
        "install" => Action::Install,
        "upgrade" => Action::by_order(version::compare(new, old)),
        "remove" => Action::Remove,
        "purge" => Action::Purge,
        _ => return None,
    };
    let arch = shown_arch(arch, native).to_owned();
    // What a new installation finds are the configuration files of an old one.
    let old = if action == Action::Install { String::new() } else { known(old) };
    Some(Change { name: name.to_owned(), arch, action, old, new: known(new), reason: None })
}

/// `2025-06-24  14:36:25`, one blank or two, in the machine's own time.
fn seconds(text: &str, zone: &TimeZone) -> Option<i64> {
    let (day, time) = text.trim().split_once(' ')?;
    let civil: DateTime = format!("{day}T{}", time.trim_start()).parse().ok()?;
    Some(zone.to_zoned(civil).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine<'_> = Machine { native: "amd64", zone: &TimeZone::UTC };

    const HISTORY: &str = "\n\
        Start-Date: 2025-06-24  14:36:25\n\
        Commandline: apt-get install curl\n\
        Requested-By: ada (1000)\n\
        Install: curl:amd64 (7.88.1-10), libcurl4:amd64 (7.88.1-10, automatic), old:i386 (1:2~x)\n\
        Upgrade: libc6:amd64 (2.36-8, 2.36-9)\n\
        Purge: gone:amd64 (3)\n\
        End-Date: 2025-06-24  14:36:29\n\
        \n\
        Start-Date: 2025-06-24  15:00:00\n\
        Commandline: apt-get install bad\n\
        Install: bad:amd64 (1)\n\
        Error: Sub-process /usr/bin/dpkg returned an error code (1)\n\
        End-Date: 2025-06-24  15:00:01\n";

    fn histories(text: &str) -> (Vec<Transaction>, Done) {
        let mut all = Vec::new();
        let done = read_history(text, &MACHINE, &mut |run| all.push(run));
        (all, done)
    }

    fn told(change: &Change) -> String {
        let Change { name, arch, action, old, new, reason } = change;
        format!("{} {name} {arch}|{old}|{new}|{reason:?}", action.key())
    }

    #[test]
    fn apt_tells_who_did_what() {
        let (all, done) = histories(HISTORY);
        assert_eq!((all.len(), done), (2, Done { bytes: HISTORY.len(), running_since: None }));
        assert_eq!((all[0].started, all[0].ended), (1_750_775_785, Some(1_750_775_789)));
        assert_eq!((all[0].command.as_str(), all[0].user.as_str()), ("apt-get install curl", "ada (1000)"));
        assert_eq!(
            all[0].changes.iter().map(told).collect::<Vec<_>>(),
            [
                "install curl ||7.88.1-10|Some(Explicit)",
                "install libcurl4 ||7.88.1-10|Some(Dependency)",
                "install old i386||1:2~x|Some(Explicit)",
                "upgrade libc6 |2.36-8|2.36-9|None",
                "purge gone |3||None",
            ]
        );
        assert_eq!(all[1].failure, "Sub-process /usr/bin/dpkg returned an error code (1)");
    }

    #[test]
    fn a_log_that_is_cut_anywhere_goes_on_where_it_was_left() {
        let (whole, _) = histories(HISTORY);
        for cut in 0..HISTORY.len() {
            let (mut all, done) = histories(&HISTORY[..cut]);
            assert!(done.bytes <= cut);
            let (rest, _) = histories(&HISTORY[done.bytes..]);
            all.extend(rest);
            assert_eq!(all, whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_run_that_was_killed_is_told_when_another_follows() {
        let text = HISTORY.replace("End-Date: 2025-06-24  14:36:29\n", "");
        let (all, _) = histories(&text);
        assert_eq!((all.len(), all[0].ended), (2, None));
    }

    const DPKG: &str = "\
        2025-06-24 14:00:00 startup archives install\n\
        2025-06-24 14:00:01 upgrade a:amd64 1 2\n\
        2025-06-24 14:00:01 status half-installed a:amd64 1\n\
        2025-06-24 14:00:02 upgrade b:all 2 1\n\
        2025-06-24 14:00:02 upgrade c:i386 2 2\n\
        2025-06-24 14:00:03 install d:amd64 0.9 1\n\
        2025-06-24 15:00:00 startup packages purge\n\
        2025-06-24 15:00:00 remove a:amd64 2 <none>\n\
        2025-06-24 15:00:01 purge a:amd64 2 <none>\n";

    fn runs(text: &str) -> (Vec<(Transaction, bool)>, Done) {
        let mut all = Vec::new();
        let done = read_dpkg(text, &MACHINE, &mut |_, run, ended| all.push((run, ended)));
        (all, done)
    }

    #[test]
    fn dpkg_tells_its_steps() {
        let (all, done) = runs(DPKG);
        let changes: Vec<Vec<String>> = all.iter().map(|(run, _)| run.changes.iter().map(told).collect()).collect();
        assert_eq!(
            changes,
            [
                vec!["upgrade a |1|2|None", "downgrade b |2|1|None", "reinstall c i386|2|2|None", "install d ||1|None"],
                vec!["purge a |2||None"],
            ]
        );
        assert_eq!((all[0].1, all[1].1), (true, false));
        assert_eq!(&DPKG[done.bytes..][..39], "2025-06-24 15:00:00 startup packages pu");
    }

    #[test]
    fn a_dpkg_log_that_is_cut_anywhere_goes_on_where_it_was_left() {
        let (whole, _) = runs(DPKG);
        for cut in 0..DPKG.len() {
            let (all, done) = runs(&DPKG[..cut]);
            let mut all: Vec<_> = all.into_iter().filter(|(_, ended)| *ended).collect();
            all.extend(runs(&DPKG[done.bytes..]).0);
            assert_eq!(all, whole, "cut at {cut}");
        }
    }

    #[test]
    fn what_dpkg_did_for_apt_is_told_once_however_the_logs_are_met() {
        // A plain dpkg, apt with two runs of dpkg, a plain dpkg; and every state in which an import may find the logs.
        let plain = |hour: u32, name: &str| {
            format!(
                "2025-06-24 {hour}:00:00 startup archives install\n2025-06-24 {hour}:00:01 install {name}:amd64 <none> 1\n"
            )
        };
        let dpkg = plain(10, "first")
            + "2025-06-24 14:36:26 startup archives unpack\n2025-06-24 14:36:26 install curl:amd64 <none> 7.88.1-10\n\
               2025-06-24 14:36:28 startup packages purge\n2025-06-24 14:36:28 purge gone:amd64 3 <none>\n"
            + &plain(20, "last");
        let history = &HISTORY[..HISTORY.find("\n\nStart-Date: 2025-06-24  15").unwrap() + 2];
        let states = [(0, 0), (0, 120), (50, 200), (150, 260), (history.len(), dpkg.len())];
        for (first, (history_cut, dpkg_cut)) in states.into_iter().enumerate() {
            let mut told = Vec::new();
            let mut at = [0, 0];
            for (history_end, dpkg_end) in
                [(history_cut, dpkg_cut), (history.len(), dpkg.len()), (history.len(), dpkg.len())]
            {
                let pieces = [&history[at[0]..history_end], &dpkg[at[1]..dpkg_end]];
                let mut open = Vec::new();
                let done = read_both(pieces[0], pieces[1], &MACHINE, &mut |run, ended| {
                    if ended { told.push(run.changes[0].name.clone()) } else { open.push(run.changes[0].name.clone()) }
                });
                at = [at[0] + done[0], at[1] + done[1]];
                assert!(open.iter().all(|name| !told.contains(name)), "{first}: {open:?}");
                if (history_end, dpkg_end) == (history.len(), dpkg.len()) {
                    assert_eq!(open, ["last"], "state {first}");
                }
            }
            told.sort();
            assert_eq!(told, ["curl", "first"], "state {first}");
        }
    }

    #[test]
    fn nonsense_is_passed_over() {
        for text in [
            "",
            "\n\n\n",
            "Start-Date: x\n\n",
            "Install: (\n\n",
            "\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600} a b c d\n",
        ] {
            assert!(histories(text).0.is_empty() && runs(text).0.is_empty(), "{text:?}");
        }
    }
}
