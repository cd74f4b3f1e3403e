//! pacman.log, read into transactions. It is read only: neither found nor opened here, nor followed as it grows.
//!
//! What its lines have looked like, by pacman's sources, its list of changes, and logs that people showed:
//!
//! | since | stamp | category | a transaction |
//! |---|---|---|---|
//! | 3.0 and before | `[03/25/07 12:00]`, month first | none | is not marked |
//! | later | `[2012-03-25 12:00]` | none | is not marked |
//! | 4.1 (2013) | the same | `[PACMAN]` | is not marked; `Running 'pacman -Syu'` tells the command |
//! | 4.2 (2014) | the same | `[ALPM]`, and `[PACMAN]` for the command | `transaction started` and how it ended |
//! | 5.2 (2019) | `[2021-03-25T12:00:00+0100]` | the same | the same |
//!
//! Times without an offset are the machine's local ones. Where clocks went back, the same time came twice, and it is
//! read as the first of them.
//!
//! **Transactions that are not marked** are told apart by what libalpm has always done: it removes before it installs, and it
//! touches a package once. So a removal after an installation begins another transaction, and so does a package's second
//! entry. A new run of pacman does too, as far as the log shows it: its command, or that it looks for newer packages.
//! Beyond that, only time can tell. Entries of the same minute would be too narrow: a system upgrade writes for many. So
//! what is no further apart than `GAP_SECS` belongs together, or `COMMAND_GAP_SECS` where a command announced it. The
//! log does not say when such a transaction ended, and the last of a log is only told once a later line ends it.
//!
//! **A command** belongs to the first transaction that follows it. There is none where another run is told of in between,
//! where a program other than pacman logs something, or more than `WAIT_SECS` later. While a transaction goes on, other
//! commands fail at pacman's lock and leave their trace in its midst: they do not end it. They are the next one's if it
//! turns out that nothing ended this one, because the machine went down.

use super::conf::{self, Conf};
use super::vercmp;
use crate::model::{Action, Change, Source, Transaction};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Of a longer line the rest is not looked at. Commands that name a thousand packages take some 20 KB.
const MAX_LINE_BYTES: usize = 256 << 10;
/// Between entries of a transaction that is not marked.
const GAP_SECS: i64 = 2 * 60;
/// The same where its command is known, which the next one's ends.
const COMMAND_GAP_SECS: i64 = 30 * 60;
/// How long a command may wait for the user's answer and for downloads.
const WAIT_SECS: i64 = 24 * 60 * 60;

/// Where pacman writes its log. `base` is what the paths in the configuration lie below, `root` where packages go.
pub fn path(conf: &Conf, base: &Path, root: &Path) -> PathBuf {
    match &conf.log_file {
        Some(path) => conf::below(base, path),
        None => root.join("var/log/pacman.log"),
    }
}

/// Hands every whole transaction of a piece of pacman.log to `each`, and returns how many bytes of `text` are done with:
/// what stands behind is a transaction that has not ended, to be read again when there is more.
///
/// The same goes for a line without its end, and for a command whose transaction is still to come. `text` begins where a
/// line does. `zone` is for times that come without their offset. A transaction that changed nothing is not told.
pub fn read(text: &[u8], zone: &TimeZone, each: &mut dyn FnMut(Transaction)) -> usize {
    let mut reader = Reader { zone, each, state: State::Idle };
    let mut at = 0;
    while let Some(length) = memchr::memchr(b'\n', &text[at..]) {
        reader.line(at, &text[at..at + length]);
        at += length + 1;
    }
    match reader.state {
        State::Idle => at,
        State::Called(command) => command.from,
        State::Open(open) => open.from,
    }
}

struct Reader<'a> {
    zone: &'a TimeZone,
    each: &'a mut dyn FnMut(Transaction),
    state: State,
}

/// Whoever reads again from where the state began comes to the same state: nothing before that line may matter.
enum State {
    Idle,
    Called(Command),
    Open(Box<Open>),
}

struct Command {
    /// Where its line begins.
    from: usize,
    time: i64,
    text: String,
}

/// A transaction that has not ended.
struct Open {
    /// Where its first line begins: its command's, if that is known.
    from: usize,
    transaction: Transaction,
    /// `None` where `transaction started` announced it.
    guess: Option<Guess>,
    /// The last `error:` line.
    error: String,
    /// A command that came since.
    later: Option<Command>,
}

/// What shows that an entry is not of the same transaction any more.
struct Guess {
    last: i64,
    names: HashSet<String>,
    installs: bool,
}

impl Guess {
    fn includes(&self, time: i64, change: Option<&Change>, gap: i64) -> bool {
        let fits = |change: &Change| {
            let too_late = self.installs && change.action == Action::Remove;
            !too_late && !self.names.contains(&change.name)
        };
        // Where clocks go back by an hour, the log does.
        let near = self.last.saturating_sub(3600 + gap)..=self.last.saturating_add(gap);
        near.contains(&time) && change.is_none_or(fits)
    }
}

enum Event {
    Running(String),
    /// pacman looks for what is newer, before it resolves anything.
    Looking,
    Started,
    Ended(Outcome),
    Changed(Change),
    Error(String),
    /// Something of another program.
    Foreign,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Completed,
    Failed,
    Interrupted,
}

impl Reader<'_> {
    fn line(&mut self, from: usize, line: &[u8]) {
        // What a crash had not written yet comes back as zeros.
        let zeros = line.iter().take_while(|byte| **byte == 0).count();
        let line = &line[zeros..line.len().min(zeros.saturating_add(MAX_LINE_BYTES))];
        let Some((time, message)) = stamp(line, self.zone) else { return };
        let event = event(message);
        self.pass_time(time, &event);
        match event {
            Event::Running(text) => self.running(Command { from, time, text }),
            Event::Looking => {
                if matches!(&self.state, State::Open(open) if open.guess.is_some()) {
                    self.close(None, "");
                }
            }
            Event::Started => self.open(from, time, None),
            Event::Ended(outcome) => self.ended(time, outcome),
            Event::Changed(change) => {
                if !matches!(self.state, State::Open(_)) {
                    let guess = Guess { last: time, names: HashSet::new(), installs: false };
                    self.open(from, time, Some(guess));
                }
                if let State::Open(open) = &mut self.state {
                    open.add(change);
                }
            }
            Event::Error(text) => {
                if let State::Open(open) = &mut self.state {
                    open.error = text;
                }
            }
            Event::Foreign => {
                if matches!(self.state, State::Called(_)) {
                    self.state = State::Idle;
                }
            }
            Event::Other => {}
        }
    }

    /// Ends what cannot go on until `time`.
    fn pass_time(&mut self, time: i64, event: &Event) {
        match &mut self.state {
            State::Called(command) if time.saturating_sub(command.time) > WAIT_SECS => self.state = State::Idle,
            State::Open(open) => {
                let Open { guess: Some(guess), transaction, .. } = &mut **open else { return };
                let gap = if transaction.command.is_empty() { GAP_SECS } else { COMMAND_GAP_SECS };
                let change = match event {
                    Event::Changed(change) => Some(change),
                    _ => None,
                };
                if guess.includes(time, change, gap) {
                    guess.last = time;
                } else {
                    self.close(None, "");
                }
            }
            State::Idle | State::Called(_) => {}
        }
    }

    fn running(&mut self, command: Command) {
        match &mut self.state {
            State::Open(open) if open.guess.is_none() => open.later = Some(command),
            _ => {
                self.close(None, "");
                self.state = State::Called(command);
            }
        }
    }

    fn ended(&mut self, time: i64, outcome: Outcome) {
        let State::Open(open) = &mut self.state else {
            // A transaction of which nothing is left but its end.
            self.state = State::Idle;
            return;
        };
        let failure = match outcome {
            Outcome::Completed => String::new(),
            Outcome::Interrupted => "transaction interrupted".to_owned(),
            Outcome::Failed if open.error.is_empty() => "transaction failed".to_owned(),
            Outcome::Failed => std::mem::take(&mut open.error),
        };
        // A command that came since met the lock.
        open.later = None;
        self.close(Some(time), &failure);
    }

    fn open(&mut self, from: usize, time: i64, guess: Option<Guess>) {
        self.close(None, "");
        let (from, command) = match std::mem::replace(&mut self.state, State::Idle) {
            State::Called(command) => (command.from, command.text),
            _ => (from, String::new()),
        };
        let transaction = Transaction {
            source: Source::Pacman,
            started: time,
            ended: None,
            command,
            user: String::new(),
            failure: String::new(),
            changes: Vec::new(),
        };
        self.state = State::Open(Box::new(Open { from, transaction, guess, error: String::new(), later: None }));
    }

    /// Hands on the open transaction, if there is one, and goes back to the command that came since.
    fn close(&mut self, ended: Option<i64>, failure: &str) {
        let (mut transaction, later) = match std::mem::replace(&mut self.state, State::Idle) {
            State::Open(open) => (open.transaction, open.later),
            other => {
                self.state = other;
                return;
            }
        };
        self.state = later.map_or(State::Idle, State::Called);
        if !transaction.changes.is_empty() {
            transaction.ended = ended;
            failure.clone_into(&mut transaction.failure);
            (self.each)(transaction);
        }
    }
}

impl Open {
    fn add(&mut self, change: Change) {
        if let Some(guess) = &mut self.guess {
            guess.names.insert(change.name.clone());
            guess.installs |= change.action != Action::Remove;
        }
        self.transaction.changes.push(change);
    }
}

/// When a line was written, and what stands behind.
fn stamp<'l>(line: &'l [u8], zone: &TimeZone) -> Option<(i64, &'l [u8])> {
    let line = line.strip_prefix(b"[")?;
    let (stamp, rest) = line.split_at_checked(memchr::memchr(b']', &line[..line.len().min(32)])?)?;
    let number = |from: usize, digits: usize| {
        stamp
            .get(from..from + digits)?
            .iter()
            .try_fold(0_i16, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i16::from(byte - b'0')))
    };
    let small = |from: usize| Some(number(from, 2)? as i8);
    let time = match shape(stamp).get(..stamp.len())? {
        b"0000-00-00 00:00" => {
            let time = DateTime::new(number(0, 4)?, small(5)?, small(8)?, small(11)?, small(14)?, 0, 0).ok()?;
            zone.to_timestamp(time).ok()?
        }
        b"00/00/00 00:00" => {
            let time = DateTime::new(2000 + number(6, 2)?, small(0)?, small(3)?, small(9)?, small(12)?, 0, 0).ok()?;
            zone.to_timestamp(time).ok()?
        }
        b"0000-00-00T00:00:00+0000" => {
            // A leap second is one more of the minute.
            let second = small(17)?.min(59);
            let time = DateTime::new(number(0, 4)?, small(5)?, small(8)?, small(11)?, small(14)?, second, 0).ok()?;
            let secs = i32::from(number(20, 2)?) * 3600 + i32::from(number(22, 2)?) * 60;
            let offset = Offset::from_seconds(if stamp[19] == b'-' { -secs } else { secs }).ok()?;
            offset.to_timestamp(time).ok()?
        }
        _ => return None,
    };
    Some((time.as_second(), rest.strip_prefix(b"] ")?))
}

/// `stamp` with every digit as 0, and either sign of an offset as +.
fn shape(stamp: &[u8]) -> [u8; 32] {
    let mut shape = [0; 32];
    for (at, (to, from)) in shape.iter_mut().zip(stamp).enumerate() {
        *to = match from {
            b'0'..=b'9' => b'0',
            b'-' if at == 19 => b'+',
            other => *other,
        };
    }
    shape
}

fn event(message: &[u8]) -> Event {
    let (category, message) = category(message);
    match category {
        // The last is omg itself, by whose engine the library was driven.
        b"" | b"PACMAN" | b"ALPM" | b"OMG" => {}
        // Other programs that use libalpm write what it did once more under their own name: it counts once.
        b"ALPM-SCRIPTLET" | b"ALPM-HOOK" => return Event::Other,
        _ => return Event::Foreign,
    }
    if let (b"PACMAN" | b"OMG", Some(command)) = (category, message.strip_prefix(b"Running '")) {
        let command = command.strip_suffix(b"'").unwrap_or(command);
        return Event::Running(String::from_utf8_lossy(command).into_owned());
    }
    match message {
        b"synchronizing package lists" | b"starting full system upgrade" => Event::Looking,
        b"transaction started" => Event::Started,
        b"transaction completed" => Event::Ended(Outcome::Completed),
        b"transaction failed" => Event::Ended(Outcome::Failed),
        b"transaction interrupted" => Event::Ended(Outcome::Interrupted),
        _ => match message.strip_prefix(b"error: ") {
            Some(text) => Event::Error(String::from_utf8_lossy(text).into_owned()),
            None => change(message).map_or(Event::Other, Event::Changed),
        },
    }
}

/// The name in brackets before a message; none in logs of before pacman 4.1.
fn category(message: &[u8]) -> (&[u8], &[u8]) {
    let name_end = message.strip_prefix(b"[").and_then(|rest| memchr::memmem::find(rest, b"] "));
    match name_end {
        Some(end) if message[1..=end].iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)) => {
            (&message[1..=end], &message[end + 3..])
        }
        _ => (b"", message),
    }
}

/// `installed NAME (VERSION)` and its like.
fn change(message: &[u8]) -> Option<Change> {
    let message = std::str::from_utf8(message).ok()?;
    let (word, rest) = message.split_once(' ')?;
    let (name, versions) = rest.strip_suffix(')')?.split_once(" (")?;
    let (old, new) = match (word, versions.split_once(" -> ")) {
        ("upgraded" | "downgraded", Some(pair)) => pair,
        ("installed", None) => ("", versions),
        ("reinstalled", None) => (versions, versions),
        ("removed", None) => (versions, ""),
        _ => return None,
    };
    let action = match word {
        "installed" => Action::Install,
        "reinstalled" => Action::Reinstall,
        "removed" => Action::Remove,
        // Old pacmans called all three an upgrade. The later ones compare, as here.
        _ => Action::by_order(vercmp::compare(new, old)),
    };
    let is_word = |word: &str| !word.contains(|c: char| c.is_whitespace() || c.is_control());
    let is_whole = !name.is_empty() && !versions.is_empty() && (word == "installed" || !old.is_empty());
    (is_whole && (word == "removed" || !new.is_empty()) && [name, old, new].into_iter().all(is_word)).then(|| Change {
        name: name.to_owned(),
        arch: String::new(),
        action,
        old: old.to_owned(),
        new: new.to_owned(),
        reason: None,
    })
}

#[cfg(test)]
#[allow(clippy::print_stdout, reason = "a test says that it was skipped")]
mod tests;
