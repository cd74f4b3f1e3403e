//! A shell in a terminal, as a person uses it: tmux answers what a line editor asks of its terminal.

use super::Home;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub struct Terminal<'h> {
    home: &'h Home,
    tmux: PathBuf,
    /// Of its own: a server that was told to end may still hold the one before.
    socket: PathBuf,
}

impl<'h> Terminal<'h> {
    /// `None` where there is no tmux, which is said.
    pub fn start(test: &str, home: &'h Home, shell: &str) -> Option<Terminal<'h>> {
        let tmux = ["/usr/bin/tmux", "/bin/tmux"].map(PathBuf::from).into_iter().find(|path| path.exists());
        let Some(tmux) = tmux else {
            println!("skipped {test}: no tmux here");
            return None;
        };
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let socket = home.at(&format!("tmux-{}", STARTED.fetch_add(1, Ordering::Relaxed)));
        let terminal = Terminal { home, tmux, socket };
        // Behind a pipe of its own a shell would be no person's.
        let output = terminal.tell(&["-f", "/dev/null", "new-session", "-d", "-x", "160", "-y", "50", shell]);
        assert!(output.status.success(), "{output:?}");
        Some(terminal)
    }

    fn tell(&self, words: &[&str]) -> std::process::Output {
        let mut command = Command::new(&self.tmux);
        self.home.settle(&mut command);
        command.env("ZDOTDIR", self.home.0.path()).arg("-S").arg(&self.socket).args(words).output().unwrap()
    }

    /// Types a line at a prompt, which ends with such an arrow, and waits until `file` has so many lines.
    pub fn type_until(&self, line: &str, file: &Path, lines: usize) {
        let at_prompt = || self.screen().trim_end().ends_with(['>', '❯', '\u{e0b0}']);
        self.wait(line, &at_prompt);
        self.tell(&["send-keys", "-l", line]);
        // Some editors take what comes in one piece for pasted.
        self.wait(line, &|| !at_prompt());
        self.tell(&["send-keys", "Enter"]);
        self.wait(line, &|| std::fs::read_to_string(file).is_ok_and(|text| text.lines().count() >= lines));
    }

    fn wait(&self, line: &str, is_so: &dyn Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            assert!(Instant::now() < end, "{line:?} came to nothing:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tell(&["capture-pane", "-p"]).stdout).into_owned()
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tell(&["kill-server"]);
    }
}
