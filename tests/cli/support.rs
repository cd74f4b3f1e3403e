//! Runs omg with an index folder of its own.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder for one test's index and home.
pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    pub fn index(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    #[must_use]
    pub fn omg(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("OMG_INDEX_DIR", self.index())
            .env("OMG_STATE_DIR", self.folder.path().join("state"));
        command
    }

    /// Exit codes and answers of many queries put to one process.
    pub fn batch(&self, flags: &[&str], questions: &[Vec<&str>]) -> Vec<(i64, Value)> {
        let mut child =
            self.command(&[&["batch"], flags].concat()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let line =
            |question: &Vec<&str>| format!("{}\n", serde_json::json!({ "query": question[0], "args": question[1..] }));
        let text: String = questions.iter().map(line).collect();
        let mut pipe = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        let answers = String::from_utf8(output.stdout).unwrap();
        let answers = answers.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let answers: Vec<_> = answers.map(|mut line| (line["exit"].as_i64().unwrap(), line["answer"].take())).collect();
        assert_eq!(answers.len(), questions.len());
        answers
    }

    /// Standard output of a call that must end with 0.
    pub fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.omg(arguments);
        assert!(output.status.success(), "omg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.stdout(arguments)).unwrap()
    }
}

/// Lines of another tool's output, sorted.
pub fn lines_of(program: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Whether this machine is kept by apt, with lists to read; says so where not.
pub fn has_apt(test: &str) -> bool {
    let has = Path::new("/var/lib/dpkg/status").exists()
        && Path::new("/usr/bin/apt-cache").exists()
        && std::fs::read_dir("/var/lib/apt/lists").is_ok_and(|lists| lists.count() > 3);
    if !has {
        println!("skipped {test}: no apt with lists here");
    }
    has
}

/// Whether a program is on this machine; says so where not.
pub fn has_program(test: &str, program: &str) -> bool {
    let has = ["/usr/bin", "/bin"].iter().any(|folder| Path::new(folder).join(program).exists());
    if !has {
        println!("skipped {test}: no {program} here");
    }
    has
}
