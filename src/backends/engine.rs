//! How omg speaks with an engine: a small executable linked to one native library. The protocol, both ends of it, and
//! the process. Which questions are asked and what they mean is each family's own business; nothing here knows a package
//! family, and no user interface passes through.
//!
//! One question a process, and behind [`Ask::Prepare`] one order to go on. Lines of UTF-8, ended by `\n`:
//!
//! | from | line | meaning |
//! |---|---|---|
//! | engine | `omg-engine 5 libalpm 13.0.2` | written before anything else: protocol, library. Not seen: the engine cannot start |
//! | omg | a [`Request`] as JSON | then end of file, unless a plan is prepared |
//! | engine | `choice` TAB name TAB arch TAB candidate TAB repository TAB replaced by | any number; empty for none |
//! | engine | `event` TAB a [`Progress`] as JSON | any number, while a plan is carried out |
//! | engine | `resolution` TAB a [`Resolution`] as JSON | one, where a plan was asked for |
//! | omg | a [`Request`] with [`Ask::Apply`] as JSON | where a plan is prepared: it is to be carried out. End of file: it is not |
//! | engine | `end` TAB number of choices | or else `error` TAB message; nothing follows |
//!
//! Choices are not JSON because there are 63,000 of them on an ordinary Debian. What the library or a maintainer's script prints goes
//! to the engine's standard error, and never between these lines.

mod running;

use self::running::{Hearing, Running, capture, pipes, send, word};
use crate::backends::embedded;
use crate::model::{Choice, Order, Plan, Resolution, Scope};
use crate::sys::signals;
use std::borrow::Borrow;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const PROTOCOL: u32 = 5;
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
    /// The same under the package manager's lock, which is kept until it is said whether the plan is carried out.
    Prepare(Order),
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

impl Progress {
    /// Whether it is to be known at once. The rest is for the eye.
    pub fn is_urgent(&self) -> bool {
        use Progress::{Fetched, Fetching, NotFetched, Working};
        !matches!(self, Working { .. } | Fetching { .. } | Fetched { .. } | NotFetched { .. })
    }
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
    /// One that runs already; for the first that asks.
    ready: Arc<Mutex<Option<Ready>>>,
}

#[derive(Debug)]
enum Ready {
    /// It waits for its question.
    Started(Child),
    /// It has the package manager's lock and a plan, and waits for the order to carry that out.
    Prepared(Running),
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
        let mut ready = self.ready();
        if ready.is_none() {
            *ready = self.start().ok().map(Ready::Started);
        }
    }

    /// Asks for a plan under the package manager's lock. Where there is one, engine and lock wait for [`EngineCommand::apply`].
    pub fn prepare(&self, request: &Request) -> Result<Resolution, EngineError> {
        let mut running = Running::new(self.spawn()?);
        match running.prepare(request) {
            Ok(resolution) => {
                if let Resolution::Plan(_) = resolution {
                    *self.ready() = Some(Ready::Prepared(running));
                } else {
                    running.end();
                }
                Ok(resolution)
            }
            Err(silence) => {
                running.end();
                let (Silence::NoGreeting(what) | Silence::Refused(what) | Silence::Broken(what)) = silence;
                Err(EngineError::Failed(what))
            }
        }
    }

    /// Whether a plan waits for being carried out, under the lock.
    pub fn is_prepared(&self) -> bool {
        matches!(*self.ready(), Some(Ready::Prepared(_)))
    }

    /// Ends one that is ready: nobody has a use for it, or the library it has loaded may not be the machine's any more.
    pub fn stand_down(&self) {
        match self.ready().take() {
            Some(Ready::Started(mut child)) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            // By itself, with its lock.
            Some(Ready::Prepared(running)) => running.end(),
            None => {}
        }
    }

    fn ready(&self) -> MutexGuard<'_, Option<Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the engine, asks, waits for the whole answer.
    pub fn ask(&self, request: &Request) -> Result<Reply, EngineError> {
        let deadline = Instant::now() + self.timeout;
        let line = word(request)
            .map_err(|e| EngineError::Failed(format!("cannot put the question to {}: {e}", self.name())))?;
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
        let line =
            word(request).map_err(|e| EngineError::Failed(format!("cannot put the plan to {}: {e}", self.name())))?;
        let prepared = self.ready().take_if(|ready| matches!(ready, Ready::Prepared(_)));
        let mut running = match prepared {
            Some(Ready::Prepared(running)) => running,
            _ => Running::new(self.spawn()?),
        };
        signals::pass_on_to(Some(running.child.id()));
        if let Some(stdin) = running.stdin.take() {
            thread::spawn(move || send(stdin, &line));
        }
        let talk = running.talk;
        let listener = thread::spawn(move || {
            let mut last = String::new();
            for line in talk {
                said(&line);
                last = line;
            }
            last
        });
        let heard = running.hearing.rest(&mut |progress| {
            // Who began to change packages ends by itself: dpkg's children must not be left alone.
            if progress == Progress::Changing {
                signals::pass_on_to(None);
            }
            event(progress);
        });
        signals::pass_on_to(None);
        let talk = listener.join().unwrap_or_default();
        let mut child = running.child;
        let silence = match heard {
            Ok(reply) => {
                // It has said all, and given up what it held; nobody needs to see it end.
                thread::spawn(move || drop(child.wait()));
                return Ok(reply);
            }
            Err(silence) => silence,
        };
        let status = child.wait();
        let signal = status.as_ref().ok().and_then(ExitStatusExt::signal);
        let status = status.map_or_else(|e| e.to_string(), |status| status.to_string());
        let was_stopped = signal.is_some() && signals::was_interrupted();
        Err(match silence {
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
        match self.ready().take_if(|ready| matches!(ready, Ready::Started(_))) {
            Some(Ready::Started(child)) => Ok(child),
            _ => self.start(),
        }
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

/// Why the pipe gave no reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    NoGreeting(String),
    Refused(String),
    Broken(String),
}

/// The whole answer of an engine that is asked once.
pub(crate) fn hear(stdout: impl Read, event: &mut dyn FnMut(Progress)) -> Result<Reply, Silence> {
    Hearing::new(stdout).rest(event)
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
    from: Box<dyn BufRead + Send>,
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

    /// Tells what is prepared, and waits for the plan that is to be carried out; `None` where none is.
    pub fn prepared(&mut self, resolution: &Resolution) -> io::Result<Option<Box<Plan>>> {
        self.resolution(resolution)?;
        self.to.flush()?;
        let mut line = String::new();
        // An order that was cut short is none.
        match self.from.read_line(&mut line) {
            Ok(_) if line.ends_with('\n') => {}
            _ => return Ok(None),
        }
        match serde_json::from_str::<Request>(&line)?.change {
            Some(Ask::Apply(plan)) => Ok(Some(plan)),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "no plan where one is to be carried out")),
        }
    }
}

/// The whole life of an engine: greets, hears the question, answers it. `library` is a name and a version.
pub fn serve<E: fmt::Display>(
    library: &str,
    answer: impl FnOnce(&Request, &mut Answer<File>) -> Result<(), E>,
) -> ExitCode {
    let answer = |request: &Request, to: &mut Answer<File>| {
        let outcome = answer(request, to);
        // Whoever listens to scripts and the library has heard all of it, before the last word and not when this process is gone.
        end_of_talk();
        outcome
    };
    match private_stdout().and_then(|out| converse(library, BufReader::new(io::stdin()), out, answer)) {
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

/// Standard error leads nowhere from now on, and so does the other number that led there.
fn end_of_talk() {
    if let Ok(nowhere) = File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stderr(&nowhere);
        let _ = rustix::stdio::dup2_stdout(&nowhere);
    }
}

fn converse<W: Write, E: fmt::Display>(
    library: &str,
    from: impl BufRead + Send + 'static,
    to: W,
    answer: impl FnOnce(&Request, &mut Answer<W>) -> Result<(), E>,
) -> io::Result<()> {
    let mut reply = Answer { from: Box::new(from), to: BufWriter::with_capacity(1 << 16, to), choices: 0 };
    writeln!(reply.to, "{GREETING} {PROTOCOL} {library}")?;
    reply.to.flush()?;
    let mut line = String::new();
    reply.from.read_line(&mut line)?;
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
