//! How omg speaks with an engine: a small executable linked to one native library. The protocol, both ends of it, and
//! the process. Which questions are asked and what they mean is each family's own business; nothing here knows a package
//! family, and no user interface passes through.
//!
//! One question a process. Lines of UTF-8, ended by `\n`:
//!
//! | from | line | meaning |
//! |---|---|---|
//! | engine | `omg-engine 4 libalpm 13.0.2` | written before anything else: protocol, library. Not seen: the engine cannot start |
//! | omg | a [`Request`] as JSON | then end of file |
//! | engine | `choice` TAB name TAB arch TAB candidate TAB repository TAB replaced by | any number; empty for none |
//! | engine | `event` TAB a [`Progress`] as JSON | any number, while a plan is carried out |
//! | engine | `resolution` TAB a [`Resolution`] as JSON | one, where a plan was asked for |
//! | engine | `end` TAB number of choices | or else `error` TAB message; nothing follows |
//!
//! Choices are not JSON because there are 63,000 of them on an ordinary Debian. What the library or a maintainer's script prints goes
//! to the engine's standard error, and never between these lines.

use crate::backends::embedded;
use crate::model::{Choice, Order, Plan, Resolution, Scope};
use crate::sys::signals;
use std::borrow::Borrow;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const PROTOCOL: u32 = 4;
const GREETING: &str = "omg-engine";
/// A library that waits for a lock or a dead network disk must not hang `omg refresh`.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Far above the largest real answer (63,000 choices are 5 MB).
const MAX_REPLY_BYTES: u64 = 512 << 20;
const MAX_STDERR_BYTES: u64 = 64 << 10;
const SYSTEM_DIR: &str = "/usr/lib/omg";

/// What an engine is asked.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Request {
    /// The root of the machine asked about.
    pub root: PathBuf,
    /// The family's own configuration in the order the engine is to apply it; keys may repeat.
    pub settings: Vec<(String, String)>,
    /// `(name, arch)` of the packages asked about; `None` for all.
    pub only: Option<Vec<(String, String)>>,
    /// Asks for a plan, or for one to be carried out, and for no choices.
    #[serde(default)]
    pub change: Option<Ask>,
}

/// What an engine is asked besides choices.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ask {
    Resolve(Order),
    /// Only if the library still comes to exactly this plan.
    Apply(Box<Plan>),
    /// Fetches the plan's archives and does no more.
    Download(Box<Plan>),
    /// Fetches the repositories' databases; forced, also those that have not changed.
    Sync {
        force: bool,
    },
}

/// What an engine tells while it carries out a plan.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "progress")]
pub enum Progress {
    /// So much of one file has come. Its size is 0 where it is not known.
    Fetching {
        what: String,
        done_bytes: u64,
        total_bytes: u64,
    },
    /// That file has come whole.
    Fetched {
        what: String,
        bytes: u64,
    },
    /// No more of that file comes from where it was asked for. There may be another place.
    NotFetched {
        what: String,
    },
    /// One of the steps of the library's own count.
    Working {
        what: String,
        done: u64,
        total: u64,
    },
    Warning {
        text: String,
    },
    /// What was fetched is not taken: its signature is missing, bad, or of a key that nobody here trusts; or it is not what a signed list
    /// says.
    Rejected {
        /// A package, a file or a repository.
        what: String,
        /// The key, as far as it is known.
        key: String,
        why: String,
    },
    /// A database was believed for this key's signature.
    Accepted {
        /// A repository.
        what: String,
        key: String,
    },
    /// Somebody else has the package manager's lock. An error follows.
    Locked,
    /// From here on packages are being changed.
    Changing,
}

impl Request {
    /// A question about `scope` with no settings yet.
    pub fn new(root: &Path, scope: Scope<'_>) -> Request {
        let only = match scope {
            Scope::All => None,
            Scope::Only(names) => Some(names.iter().map(|(n, a)| ((*n).to_owned(), (*a).to_owned())).collect()),
        };
        Request { root: root.to_owned(), settings: Vec::new(), only, change: None }
    }

    /// A question about a change, with no settings yet.
    pub fn about_change(root: &Path, ask: Ask) -> Request {
        Request { root: root.to_owned(), settings: Vec::new(), only: Some(Vec::new()), change: Some(ask) }
    }

    /// Adds a setting behind the others.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.settings.push((key.to_owned(), value.into()));
    }

    /// Every value of `key`, in order.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.settings.iter().filter(move |(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

/// What an engine answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The library and its version, for [`Authority::Engine`](crate::model::Authority::Engine).
    pub decider: String,
    /// As the engine gave them.
    pub choices: Vec<Choice>,
    pub resolution: Option<Resolution>,
}

/// Why there is no reply. Either way the caller's own rules answer, with this as the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineError {
    /// There is no such engine, or it did not get as far as its greeting: a missing file, a missing or changed library,
    /// another version of the protocol. It will not work until something is installed.
    CannotStart(String),
    /// It started, and then refused, broke the protocol, died or hung.
    Failed(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::CannotStart(reason) | EngineError::Failed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for EngineError {}

/// An engine that was found.
#[derive(Clone, Debug)]
pub struct EngineCommand {
    /// For messages: the program of an engine inside omg is a number below /proc.
    name: String,
    /// None for the one inside omg, which is put into a file when it is started.
    program: Option<PathBuf>,
    timeout: Duration,
    /// One that runs already and waits for its question; for the first that asks.
    ready: Arc<Mutex<Option<Child>>>,
}

impl EngineCommand {
    /// The engine in this very file.
    pub fn at(program: impl Into<PathBuf>) -> EngineCommand {
        let program = program.into();
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        EngineCommand { name, program: Some(program), timeout: TIMEOUT, ready: Arc::default() }
    }

    /// Looks for `name` (`omg-alpm`) in the folder `OMG_ENGINE_DIR` names and nowhere else if that is set; otherwise
    /// beside the running executable, then in `/usr/lib/omg`, then inside omg itself.
    pub fn find(name: &str) -> Result<EngineCommand, EngineError> {
        let mut folders = Vec::new();
        let named = std::env::var_os("OMG_ENGINE_DIR").filter(|v| !v.is_empty());
        if let Some(folder) = &named {
            folders.push(PathBuf::from(folder));
        } else {
            let executable = std::env::current_exe().ok();
            folders.extend(executable.as_deref().and_then(Path::parent).map(Path::to_owned));
            folders.push(PathBuf::from(SYSTEM_DIR));
        }
        if let Some(program) = folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file()) {
            return Ok(EngineCommand::at(program));
        }
        // Last, so that a file on disk can replace it.
        if named.is_none() && embedded::engine(name).is_some() {
            let name = name.to_owned();
            return Ok(EngineCommand { name, program: None, timeout: TIMEOUT, ready: Arc::default() });
        }
        let places: Vec<_> = folders.iter().map(|f| f.display().to_string()).collect();
        Err(EngineError::CannotStart(format!("no {name} in {}", places.join(" or "))))
    }

    /// Waits no longer than this for the whole answer (30 s unless told).
    pub fn timeout(mut self, timeout: Duration) -> EngineCommand {
        self.timeout = timeout;
        self
    }

    /// Starts the engine while its question is not known yet: to load the libraries takes as long as most answers. One that is never
    /// asked ends with this process, and whatever fails here fails again where somebody asks.
    pub fn get_ready(&self) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.is_none() {
            *ready = self.start().ok();
        }
    }

    /// Ends one that was to be ready: the library it has loaded may not be the machine's any more.
    pub fn stand_down(&self) {
        if let Some(mut child) = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts the engine, asks, waits for the whole answer.
    pub fn ask(&self, request: &Request) -> Result<Reply, EngineError> {
        let deadline = Instant::now() + self.timeout;
        let mut line = serde_json::to_vec(request)
            .map_err(|e| EngineError::Failed(format!("cannot put the question to {}: {e}", self.name())))?;
        line.push(b'\n');
        let mut child = self.spawn()?;
        let (stdin, stdout, stderr) = pipes(&mut child);

        // Threads, since each pipe can fill while another is waited for. They hold nothing of ours and end with the
        // engine, so that a hung one can be left behind.
        thread::spawn(move || send(stdin, &line));
        let (talk, heard_talk) = mpsc::channel();
        thread::spawn(move || talk.send(capture(stderr)));
        let (reply, heard_reply) = mpsc::channel();
        thread::spawn(move || reply.send(hear(stdout, &mut |_| {})));

        let heard = heard_reply.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        // An engine that answered has nothing more to do; one that broke off is given a moment to say why, and its pipe
        // ends when it does, so that its own exit status is what wait() finds.
        let talk = match heard {
            Ok(Ok(_)) | Err(_) => String::new(),
            Ok(Err(_)) => heard_talk.recv_timeout(Duration::from_secs(1)).unwrap_or_default(),
        };
        let _ = child.kill();
        let status = child.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
        match heard {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(Silence::NoGreeting(what))) => {
                Err(EngineError::CannotStart(format!("{} cannot start: {}", self.name(), or(&talk, &what, &status))))
            }
            Ok(Err(Silence::Refused(message))) => Err(EngineError::Failed(format!("{}: {message}", self.name()))),
            Ok(Err(Silence::Broken(what))) => {
                Err(EngineError::Failed(format!("{} broke off: {}", self.name(), or(&talk, &what, &status))))
            }
            Err(_) => {
                let secs = self.timeout.as_secs_f32();
                Err(EngineError::Failed(format!("{} gave no answer within {secs} s and was killed", self.name())))
            }
        }
    }

    /// Has a plan carried out, however long that takes. What scripts and the library print is told line by line through `said`.
    pub fn apply(
        &self,
        request: &Request,
        event: &mut dyn FnMut(Progress),
        said: impl Fn(&str) + Send + 'static,
    ) -> Result<Reply, EngineError> {
        let mut line = serde_json::to_vec(request)
            .map_err(|e| EngineError::Failed(format!("cannot put the plan to {}: {e}", self.name())))?;
        line.push(b'\n');
        let mut child = self.spawn()?;
        signals::pass_on_to(Some(child.id()));
        let (stdin, stdout, stderr) = pipes(&mut child);
        thread::spawn(move || send(stdin, &line));
        let listener = thread::spawn(move || {
            let mut last = String::new();
            for line in BufReader::new(stderr).split(b'\n').map_while(io::Result::ok) {
                last = String::from_utf8_lossy(&line).trim_end().to_owned();
                said(&last);
            }
            last
        });
        let heard = hear(stdout, &mut |progress| {
            // Who began to change packages ends by itself: dpkg's children must not be left alone.
            if progress == Progress::Changing {
                signals::pass_on_to(None);
            }
            event(progress);
        });
        signals::pass_on_to(None);
        let status = child.wait();
        let signal = status.as_ref().ok().and_then(ExitStatusExt::signal);
        let status = status.map_or_else(|e| e.to_string(), |status| status.to_string());
        let talk = listener.join().unwrap_or_default();
        let was_stopped = signal.is_some() && signals::was_interrupted();
        heard.map_err(|silence| match silence {
            Silence::NoGreeting(_) | Silence::Broken(_) if was_stopped => {
                EngineError::Failed("stopped by a signal".to_owned())
            }
            Silence::NoGreeting(what) => {
                EngineError::CannotStart(format!("{} cannot start: {}", self.name(), or(&talk, &what, &status)))
            }
            Silence::Refused(message) => EngineError::Failed(message),
            // What was said last is not why.
            Silence::Broken(_) if signal.is_some() => {
                EngineError::Failed(format!("{} was killed ({status})", self.name()))
            }
            Silence::Broken(what) => {
                EngineError::Failed(format!("{} broke off: {}", self.name(), or(&talk, &what, &status)))
            }
        })
    }

    fn spawn(&self) -> Result<Child, EngineError> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        ready.map_or_else(|| self.start(), Ok)
    }

    fn start(&self) -> Result<Child, EngineError> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => match embedded::program(&self.name) {
                Some(Ok(program)) => program,
                Some(Err(error)) => return Err(EngineError::CannotStart(format!("{error:#}"))),
                None => return Err(EngineError::CannotStart(format!("{} is not in this omg", self.name))),
            },
        };
        Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| EngineError::CannotStart(format!("cannot run {}: {e}", program.display())))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

fn pipes(child: &mut Child) -> (ChildStdin, ChildStdout, ChildStderr) {
    (
        child.stdin.take().expect("asked for a pipe"),
        child.stdout.take().expect("asked for a pipe"),
        child.stderr.take().expect("asked for a pipe"),
    )
}

/// An engine that does not want the question will say so, or die: either is heard on the other pipes.
fn send(mut stdin: ChildStdin, line: &[u8]) {
    let _ = stdin.write_all(line);
}

fn capture(stderr: ChildStderr) -> String {
    let mut bytes = Vec::new();
    let mut stderr = stderr;
    let _ = (&mut stderr).take(MAX_STDERR_BYTES).read_to_end(&mut bytes);
    // The rest is thrown away, so that a talkative engine is not stopped by a full pipe.
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&bytes).trim().replace('\n', "; ")
}

/// Why the pipe gave no reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    NoGreeting(String),
    Refused(String),
    Broken(String),
}

pub(crate) fn hear(stdout: impl Read, event: &mut dyn FnMut(Progress)) -> Result<Reply, Silence> {
    let mut lines = BufReader::with_capacity(1 << 16, stdout.take(MAX_REPLY_BYTES));
    let mut line = String::new();
    let decider = match lines.read_line(&mut line) {
        Ok(_) => greeting(&line)?,
        Err(e) => return Err(Silence::NoGreeting(e.to_string())),
    };
    let (mut choices, mut resolution) = (Vec::new(), None);
    loop {
        line.clear();
        match lines.read_line(&mut line) {
            Ok(0) => return Err(Silence::Broken(format!("the answer ends after {} choices", choices.len()))),
            Ok(_) => {}
            Err(e) => return Err(Silence::Broken(e.to_string())),
        }
        let Some(whole) = line.strip_suffix('\n') else {
            return Err(Silence::Broken("the answer ends within a line".to_owned()));
        };
        match whole.split_once('\t') {
            Some(("choice", rest)) => match choice(rest) {
                Some(choice) => choices.push(choice),
                None => return Err(Silence::Broken(format!("not a choice: {rest:?}"))),
            },
            Some(("event", json)) => match serde_json::from_str(json) {
                Ok(progress) => event(progress),
                Err(e) => return Err(Silence::Broken(format!("not an event: {e}"))),
            },
            Some(("resolution", json)) => match serde_json::from_str(json) {
                Ok(found) => resolution = Some(found),
                Err(e) => return Err(Silence::Broken(format!("not a resolution: {e}"))),
            },
            Some(("end", count)) if count.parse() == Ok(choices.len()) => {
                return Ok(Reply { decider, choices, resolution });
            }
            Some(("error", message)) => return Err(Silence::Refused(message.to_owned())),
            _ => return Err(Silence::Broken(format!("not an answer: {whole:?}"))),
        }
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

/// The engine's own words if it had any, else ours.
fn or(talk: &str, what: &str, status: &str) -> String {
    match talk {
        "" => format!("{what} ({status})"),
        _ => talk.to_owned(),
    }
}

/// The engine's end of the pipe.
pub struct Answer<W: Write> {
    to: BufWriter<W>,
    choices: usize,
}

impl<W: Write> Answer<W> {
    /// Writes one choice; `candidate` and `replaced_by` are empty for none.
    pub fn choice(
        &mut self,
        name: &str,
        arch: &str,
        candidate: &str,
        repository: &str,
        replaced_by: &str,
    ) -> io::Result<()> {
        let columns = [name, arch, candidate, repository, replaced_by];
        if columns.iter().any(|text| text.contains(['\t', '\n'])) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a tab or a new line in {columns:?}")));
        }
        self.to.write_all(b"choice")?;
        for text in columns {
            self.to.write_all(b"\t")?;
            self.to.write_all(text.as_bytes())?;
        }
        self.to.write_all(b"\n")?;
        self.choices += 1;
        Ok(())
    }
}

impl<W: Write> Answer<W> {
    /// Tells how far the work is. That nobody listens any more must not stop it.
    pub fn event(&mut self, progress: &Progress) {
        self.events([progress]);
    }

    /// The same of several at once.
    pub fn events(&mut self, all: impl IntoIterator<Item = impl Borrow<Progress>>) {
        for progress in all {
            if let Ok(json) = serde_json::to_string(progress.borrow()) {
                let _ = writeln!(self.to, "event\t{json}");
            }
        }
        let _ = self.to.flush();
    }

    pub fn resolution(&mut self, resolution: &Resolution) -> io::Result<()> {
        writeln!(self.to, "resolution\t{}", serde_json::to_string(resolution)?)
    }
}

/// The whole life of an engine: greets, hears the question, answers it. `library` is a name and a version.
pub fn serve<E: fmt::Display>(
    library: &str,
    answer: impl FnOnce(&Request, &mut Answer<File>) -> Result<(), E>,
) -> ExitCode {
    match private_stdout().and_then(|out| converse(library, io::stdin().lock(), out, answer)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Whether the person's process is gone: the other end of this one's standard output is closed.
pub fn nobody_listens() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = rustix::stdio::stdout();
    let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut ends, Some(&at_once)).is_ok() && ends[0].revents().contains(PollFlags::ERR)
}

/// Standard output under a number that no child gets; the number everybody prints to leads to standard error from now on.
fn private_stdout() -> io::Result<File> {
    let own = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(own.into())
}

fn converse<W: Write, E: fmt::Display>(
    library: &str,
    mut from: impl BufRead,
    to: W,
    answer: impl FnOnce(&Request, &mut Answer<W>) -> Result<(), E>,
) -> io::Result<()> {
    let mut reply = Answer { to: BufWriter::with_capacity(1 << 16, to), choices: 0 };
    writeln!(reply.to, "{GREETING} {PROTOCOL} {library}")?;
    reply.to.flush()?;
    let mut line = String::new();
    from.read_line(&mut line)?;
    let outcome = match serde_json::from_str(&line) {
        Ok(request) => answer(&request, &mut reply).map_err(|e| format!("{e:#}")),
        Err(e) => Err(format!("cannot read the question: {e}")),
    };
    match outcome {
        Ok(()) => writeln!(reply.to, "end\t{}", reply.choices)?,
        Err(message) => writeln!(reply.to, "error\t{}", message.replace('\n', "; "))?,
    }
    reply.to.flush()
}

#[cfg(test)]
mod tests;
