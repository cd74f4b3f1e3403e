//! An engine that runs: its pipes, and what it says on them, word by word.

use super::{GREETING, MAX_REPLY_BYTES, MAX_STDERR_BYTES, PROTOCOL, Progress, Reply, Request, Silence};
use crate::model::{Choice, Resolution};
use std::io::{self, BufRead, BufReader, Read, Take, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// One that carries out a plan, or will.
#[derive(Debug)]
pub(super) struct Running {
    pub child: Child,
    /// None once all has been asked.
    pub stdin: Option<ChildStdin>,
    pub hearing: Hearing<ChildStdout>,
    /// What scripts and the library print, line by line, until the end.
    pub talk: Receiver<String>,
}

impl Running {
    pub fn new(mut child: Child) -> Running {
        let (stdin, stdout, stderr) = pipes(&mut child);
        let (said, talk) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(stderr).split(b'\n').map_while(io::Result::ok);
            // Read to the end, whoever listens: a full pipe would stop the engine.
            lines.for_each(|line| drop(said.send(String::from_utf8_lossy(&line).trim_end().to_owned())));
        });
        Running { child, stdin: Some(stdin), hearing: Hearing::new(stdout), talk }
    }

    /// Asks for a plan that is prepared, and keeps the pipe for what is said next.
    pub fn prepare(&mut self, request: &Request) -> Result<Resolution, Silence> {
        let line = word(request).map_err(|error| Silence::Broken(error.to_string()))?;
        if let Some(stdin) = &mut self.stdin {
            // One that does not listen says so on the other pipe.
            let _ = stdin.write_all(&line);
        }
        loop {
            match self.hearing.next()? {
                Said::Resolution(resolution) => return Ok(resolution),
                Said::End => return Err(Silence::Broken("it ended without a plan".to_owned())),
                Said::Choice(_) | Said::Event(_) => {}
            }
        }
    }

    /// Lets it end: whatever it holds it gives up once nobody can ask any more.
    pub fn end(mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// A request as the line that an engine reads.
pub(super) fn word(request: &Request) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    Ok(line)
}

pub(super) fn pipes(child: &mut Child) -> (ChildStdin, ChildStdout, ChildStderr) {
    (
        child.stdin.take().expect("asked for a pipe"),
        child.stdout.take().expect("asked for a pipe"),
        child.stderr.take().expect("asked for a pipe"),
    )
}

/// An engine that does not want the question will say so, or die: either is heard on the other pipes.
pub(super) fn send(mut stdin: ChildStdin, line: &[u8]) {
    let _ = stdin.write_all(line);
}

pub(super) fn capture(stderr: ChildStderr) -> String {
    let mut bytes = Vec::new();
    let mut stderr = stderr;
    let _ = (&mut stderr).take(MAX_STDERR_BYTES).read_to_end(&mut bytes);
    // The rest is thrown away, so that a talkative engine is not stopped by a full pipe.
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&bytes).trim().replace('\n', "; ")
}

/// What an engine says.
#[derive(Debug)]
pub(super) enum Said {
    Choice(Choice),
    Event(Progress),
    Resolution(Resolution),
    /// All has been said.
    End,
}

/// An engine's words as they come.
#[derive(Debug)]
pub(super) struct Hearing<R> {
    lines: BufReader<Take<R>>,
    line: String,
    /// Once it has greeted.
    decider: Option<String>,
    choices: usize,
}

impl<R: Read> Hearing<R> {
    pub fn new(stdout: R) -> Hearing<R> {
        let lines = BufReader::with_capacity(1 << 16, stdout.take(MAX_REPLY_BYTES));
        Hearing { lines, line: String::new(), decider: None, choices: 0 }
    }

    /// What it says next, behind its greeting.
    pub fn next(&mut self) -> Result<Said, Silence> {
        if self.decider.is_none() {
            self.decider = Some(match self.read_line() {
                Ok(_) => greeting(&self.line)?,
                Err(e) => return Err(Silence::NoGreeting(e.to_string())),
            });
        }
        match self.read_line() {
            Ok(0) => return Err(Silence::Broken(format!("the answer ends after {} choices", self.choices))),
            Ok(_) => {}
            Err(e) => return Err(Silence::Broken(e.to_string())),
        }
        let Some(whole) = self.line.strip_suffix('\n') else {
            return Err(Silence::Broken("the answer ends within a line".to_owned()));
        };
        match whole.split_once('\t') {
            Some(("choice", rest)) => {
                self.choices += 1;
                choice(rest).map(Said::Choice).ok_or_else(|| Silence::Broken(format!("not a choice: {rest:?}")))
            }
            Some(("event", json)) => {
                serde_json::from_str(json).map(Said::Event).map_err(|e| Silence::Broken(format!("not an event: {e}")))
            }
            Some(("resolution", json)) => serde_json::from_str(json)
                .map(Said::Resolution)
                .map_err(|e| Silence::Broken(format!("not a resolution: {e}"))),
            Some(("end", count)) if count.parse() == Ok(self.choices) => Ok(Said::End),
            Some(("error", message)) => Err(Silence::Refused(message.to_owned())),
            _ => Err(Silence::Broken(format!("not an answer: {whole:?}"))),
        }
    }

    /// All that is still to come.
    pub fn rest(mut self, event: &mut dyn FnMut(Progress)) -> Result<Reply, Silence> {
        let (mut choices, mut resolution) = (Vec::new(), None);
        loop {
            match self.next()? {
                Said::Choice(choice) => choices.push(choice),
                Said::Event(progress) => event(progress),
                Said::Resolution(found) => resolution = Some(found),
                Said::End => return Ok(Reply { decider: self.decider.unwrap_or_default(), choices, resolution }),
            }
        }
    }

    fn read_line(&mut self) -> io::Result<usize> {
        self.line.clear();
        self.lines.read_line(&mut self.line)
    }
}

fn greeting(line: &str) -> Result<String, Silence> {
    let mut words = line.strip_suffix('\n').unwrap_or_default().splitn(3, ' ');
    match (words.next(), words.next().map(str::parse), words.next()) {
        (Some(GREETING), Some(Ok(PROTOCOL)), Some(library)) => Ok(library.to_owned()),
        (Some(GREETING), Some(Ok(other)), _) => {
            Err(Silence::NoGreeting(format!("it speaks protocol {other}, this omg speaks {PROTOCOL}")))
        }
        _ if line.is_empty() => Err(Silence::NoGreeting("it ended without a word".to_owned())),
        _ => Err(Silence::NoGreeting(format!("it is not an engine of omg: it said {line:?}"))),
    }
}

fn choice(text: &str) -> Option<Choice> {
    let mut columns = text.split('\t');
    let mut column = || columns.next();
    let (name, arch, candidate, repository, replaced_by) = (column()?, column()?, column()?, column()?, column()?);
    if columns.next().is_some() || name.is_empty() {
        return None;
    }
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Some(Choice {
        name: name.to_owned(),
        arch: arch.to_owned(),
        candidate: some(candidate),
        repository: repository.to_owned(),
        replaced_by: some(replaced_by),
    })
}
