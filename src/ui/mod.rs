//! The only place that prints: data to stdout, talk to stderr. Colour and width only where a person looks.

mod ask;
mod downloads;
mod fetches;
mod progress;
mod region;
mod table;

pub use downloads::Downloads;
pub use fetches::Fetches;
pub use progress::Stages;
pub use table::{Cell, table};

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

/// Where and how to print.
pub struct Ui {
    /// Colour on stdout.
    colour: bool,
    /// Columns of the terminal, where stdout is one.
    width: Option<usize>,
    /// Say nothing on stderr but errors.
    pub quiet: bool,
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Name,
    Version,
    Dim,
    Good,
    Bad,
    Warning,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Name => "1",
            Style::Version => "36",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Bad => "31",
            Style::Warning => "33",
        }
    }
}

impl Ui {
    pub fn new(quiet: bool) -> Ui {
        let terminal = io::stdout().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = terminal.then(|| rustix::termios::tcgetwinsize(io::stdout()).ok()).flatten();
        let width = width.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
        Ui { colour: terminal && !dumb && !set("NO_COLOR"), width, quiet }
    }

    /// `text` in a style, where there is colour.
    pub fn styled(&self, style: Style, text: &str) -> String {
        let mut out = String::new();
        self.push(&mut out, Some(style), text);
        out
    }

    /// Appends `text` in a style, where there is one and colour.
    pub fn push(&self, out: &mut String, style: Option<Style>, text: &str) {
        match style.filter(|_| self.colour) {
            Some(style) => out.extend(["\x1b[", style.code(), "m", text, "\x1b[0m"]),
            None => out.push_str(text),
        }
    }

    /// A text cut to the columns that are left on a line, where stdout is a terminal.
    pub fn fitted<'t>(&self, text: &'t str, used: usize) -> Cow<'t, str> {
        let Some(width) = self.width else { return text.into() };
        let room = width.saturating_sub(used);
        if text.chars().count() <= room || room < 8 {
            return text.into();
        }
        let mut cut: String = text.chars().take(room - 1).collect();
        cut.push('…');
        cut.into()
    }

    /// A text broken at its blanks where it would pass the terminal's edge, each line but the first behind `indent` blanks.
    /// As it is where stdout is no terminal.
    pub fn wrapped<'t>(&self, text: &'t str, indent: usize) -> Cow<'t, str> {
        let Some(room) = self.width.map(|width| width.saturating_sub(indent)).filter(|room| *room >= 16) else {
            return text.into();
        };
        let (mut out, mut used) = (String::new(), 0);
        for word in text.split(' ') {
            let length = word.chars().count();
            if used > 0 && used + 1 + length > room {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent));
                used = 0;
            } else if used > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += length;
        }
        out.into()
    }

    /// Whether [`Ui::wrapped`] breaks long lines.
    pub fn wraps(&self) -> bool {
        self.width.is_some()
    }

    /// Writes data to stdout. A reader that went away is no error: nobody wants the rest.
    pub fn print(&self, data: &str) -> io::Result<()> {
        self.print_line(data).map(drop)
    }

    /// The same, and says whether anybody is still reading.
    pub fn print_line(&self, data: &str) -> io::Result<bool> {
        print_line(data)
    }

    /// What another program wrote to one of its streams, to ours. Behind `prefix`, and with an end of line, where a person looks. Says
    /// whether anybody is still reading.
    pub fn pass_on(&self, is_error: bool, prefix: &str, bytes: &[u8]) -> io::Result<bool> {
        let is_seen = if is_error { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        let mut out = Vec::with_capacity(prefix.len() + bytes.len() + 1);
        if is_seen {
            out.extend_from_slice(prefix.as_bytes());
        }
        out.extend_from_slice(bytes);
        if is_seen && !bytes.ends_with(b"\n") {
            out.push(b'\n');
        }
        let written = if is_error {
            io::stderr().lock().write_all(&out)
        } else {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&out).and_then(|()| stdout.flush())
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Where words to a person go, for a program that speaks in omg's place.
    pub fn for_program(&self) -> std::io::Result<std::os::fd::OwnedFd> {
        Ok(rustix::io::fcntl_dupfd_cloexec(std::io::stderr(), 3)?)
    }

    /// A remark for the person at the terminal.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            talk(text);
        }
    }

    pub fn warn(&self, text: &str) {
        if !self.quiet {
            talk(&format!("warning: {text}"));
        }
    }

    /// With what helps, if anything does.
    pub fn error(&self, text: &str, hint: &str) {
        talk(&format!("error: {text}"));
        if !hint.is_empty() {
            talk(&format!("hint: {hint}"));
        }
    }

    pub fn hint(&self, text: &str) {
        if !self.quiet {
            talk(&format!("hint: {text}"));
        }
    }

    /// Whether data goes to a terminal.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether somebody looks at stderr, and sees lines there that change.
    pub fn watched(&self) -> bool {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        !self.quiet && !is_dumb && io::stderr().is_terminal()
    }
}

/// Bytes as a person reads them: `1.4 MiB`.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (0..UNITS.len() - 1).find(|power| bytes >> (10 * (power + 1)) == 0).unwrap_or(UNITS.len() - 1);
    match power {
        0 => format!("{bytes} B"),
        _ => format!("{:.1} {}", bytes as f64 / (1u64 << (10 * power)) as f64, UNITS[power]),
    }
}

/// Nobody may be listening on stderr, and that is not worth failing for.
fn talk(text: &str) {
    drop(writeln!(io::stderr(), "{}", clean(text)));
}

/// Text from files and arguments, safe on a terminal: control characters shown as `?`.
pub fn clean(text: &str) -> Cow<'_, str> {
    // Nearly all text is as it should be.
    let good = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n'));
    if good || !text.contains(bad) { text.into() } else { text.replace(bad, "?").into() }
}

fn bad(c: char) -> bool {
    c.is_control() && c != '\n'
}

/// Data to standard output from any thread; whether anybody is still reading.
pub fn print_line(data: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(data.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true),
    }
}
