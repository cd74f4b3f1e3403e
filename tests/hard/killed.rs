//! A refresh that is killed at each system call with which it writes, renames or syncs, or that is refused that call; on a full
//! disk, a read-only one, and without permission. Whoever reads then finds the old index or the new one, whole.

use crate::machine::{Answer, Machine, State, is_root};
use omg::index::{Error, Index, Status, status};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// With which a file system is changed.
const CALLS: &str = "write,pwrite64,writev,rename,renameat,renameat2,fsync,fdatasync,ftruncate,fallocate,openat,mkdir,\
                     mkdirat,link,linkat,unlink,unlinkat,chmod,fchmod,fchmodat,flock";

/// One call of a refresh.
struct Site {
    call: String,
    /// How many of that name its thread had made by then.
    number: usize,
    /// As strace writes it.
    line: String,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} number {}:{}", self.call, self.number, self.line)
    }
}

/// What an index says, whatever its generation: every package with its page, and the counts.
fn content(folder: &Path) -> omg::index::Result<String> {
    let index = Index::open(folder)?;
    let mut out = format!("{:?} {}\n", index.status.families, index.status.problems.len());
    for row in index.catalogue.rows_of(&(0..index.catalogue.len()).collect::<Vec<_>>())? {
        out += &format!("{row:?} {:?}\n", index.catalogue.details(&row)?);
    }
    let mut local = Vec::new();
    index.local.scan(|rank, row| {
        local.push((rank, row));
        Ok(())
    })?;
    for (rank, row) in local {
        let needs = index.local.asked_by(rank)?;
        out += &format!("{row:?} {:?} {needs:?}\n", index.local.details(&row)?);
        out += &format!("{:?}\n", index.local.owners(format!("/usr/share/{}/file", row.name).as_bytes())?);
    }
    index.catalogue.verify()?;
    index.local.verify()?;
    Ok(out)
}

/// Which sources a change touches, and with it which files the refresh writes.
#[derive(Clone, Copy, Debug)]
enum Change {
    Everything,
    Installed,
}

impl Change {
    fn make(self, machine: &Machine, state: State) {
        match self {
            Change::Everything => machine.enter(state),
            Change::Installed => machine.enter_installed(state),
        }
    }
}

fn traced(machine: &Machine, arguments: &[&str]) -> Output {
    let mut strace = Command::new("strace");
    machine.settle(&mut strace);
    let output = strace.args(arguments).arg(env!("CARGO_BIN_EXE_omg")).arg("refresh").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("strace: "), "{output:?}");
    output
}

fn can_trace(test: &str) -> bool {
    let works = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status().is_ok_and(|s| s.success());
    if !works {
        println!("skipped {test}: no strace that works here");
    }
    works
}

/// The calls that a refresh makes, in its first thread, which does all of the writing.
fn sites(machine: &Machine) -> Vec<Site> {
    let log = machine.folder.path().join("trace");
    let output = traced(machine, &["-f", "-o", log.to_str().unwrap(), "-e", &format!("trace={CALLS}")]);
    assert!(output.status.success(), "{output:?}");
    let log = fs::read_to_string(log).unwrap();
    let main = log.split_ascii_whitespace().next().unwrap();
    let mut sites: Vec<Site> = Vec::new();
    let mut numbers = std::collections::HashMap::new();
    for line in log.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let Some((call, arguments)) = rest.trim_start().split_once('(') else { continue };
        if pid != main || !call.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            continue;
        }
        let number = numbers.entry(call.to_owned()).and_modify(|n| *n += 1).or_insert(1);
        // Reading is no matter here, nor is what it says to a person.
        let writes = if call == "openat" { arguments.contains("O_CREAT") } else { true };
        if writes && !(call == "write" && (arguments.starts_with("2,") || arguments.starts_with("1,"))) {
            sites.push(Site { call: call.to_owned(), number: *number, line: rest.to_owned() });
        }
    }
    assert!(sites.len() > 12 && sites.iter().filter(|site| site.call.starts_with("rename")).count() >= 3, "{sites:?}");
    sites
}

/// What has to be there after a refresh that went well, and nothing else.
fn assert_tidy(machine: &Machine, what: &str) {
    let status = Status::read(&machine.index()).unwrap();
    let mut expected = vec![
        status::catalogue_name(status.catalogue_generation),
        status::local_name(status.local_generation),
        "lock".to_owned(),
        status::NAME.to_owned(),
        status::TEXT_NAME.to_owned(),
    ];
    let mut there: Vec<String> =
        fs::read_dir(machine.index()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    expected.sort();
    there.sort();
    assert_eq!(there, expected, "{what}");
    let line = fs::read_to_string(machine.index().join(status::TEXT_NAME)).unwrap();
    // Its time may be that of a refresh of the same sources that was killed later on.
    let counts = |line: &str| line.split(" built=").next().unwrap().to_owned();
    assert_eq!(counts(&line), counts(&status.line()), "{what}");
}

/// A machine with what its index says before and after a change. It goes to and fro between the two.
struct Pair {
    machine: Machine,
    change: Change,
    contents: [String; 2],
    turn: usize,
}

const STATES: [State; 2] = [State::A, State::B];

impl Pair {
    fn new(change: Change) -> Pair {
        let machine = Machine::new();
        let contents = [1, 0].map(|at| {
            change.make(&machine, STATES[at]);
            machine.refresh();
            content(&machine.index()).unwrap()
        });
        let [new, old] = contents;
        assert_ne!(old, new);
        Pair { machine, change, contents: [old, new], turn: 0 }
    }

    /// Changes the sources, lets `refresh` fail in its way, and looks at what readers find and what the next refresh does.
    /// True where the new index was already in force.
    fn fail(&mut self, what: &str, refresh: impl FnOnce(&Machine)) -> bool {
        let as_meant = |machine: &Machine| {
            refresh(machine);
            true
        };
        self.attempt(what, as_meant).expect("it failed as it was meant to")
    }

    /// As above; `None` where `refresh` says that it failed in another way than was meant, which readers may notice.
    fn attempt(&mut self, what: &str, refresh: impl FnOnce(&Machine) -> bool) -> Option<bool> {
        let (old, new) = (self.contents[self.turn].clone(), self.contents[1 - self.turn].clone());
        self.turn = 1 - self.turn;
        self.change.make(&self.machine, STATES[self.turn]);
        let published = refresh(&self.machine).then(|| {
            let found = content(&self.machine.index()).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(found == old || found == new, "{what}: neither the old index nor the new one");
            found == new
        });
        let next = self.machine.omg(&["refresh"]);
        assert!(next.status.success(), "{what}: {next:?}");
        assert!(content(&self.machine.index()).unwrap() == new, "{what}: not the new index after the next refresh");
        assert_tidy(&self.machine, what);
        published
    }
}

#[test]
fn a_refresh_killed_at_any_call_leaves_the_old_index_or_the_new_one() {
    if !can_trace("a_refresh_killed_at_any_call_leaves_the_old_index_or_the_new_one") {
        return;
    }
    for change in [Change::Everything, Change::Installed] {
        let mut pair = Pair::new(change);
        change.make(&pair.machine, State::B);
        let sites = sites(&pair.machine);
        pair.turn = 1;
        let mut published = Vec::new();
        for site in &sites {
            let inject = format!("inject={}:signal=KILL:when={}", site.call, site.number);
            let new = pair.fail(&format!("killed at {site:?}"), |machine| {
                let output = traced(machine, &["-f", "-qq", "-o", "/dev/null", "-e", &inject]);
                assert!(!output.status.success(), "not killed: {site:?} {output:?}");
            });
            published.push(new);
        }
        // It takes effect at one moment, neither at the first call nor behind the last.
        assert!(published.is_sorted() && !published[0] && published[published.len() - 1], "{published:?} {sites:?}");
    }
}

#[test]
fn a_first_refresh_killed_at_any_call_leaves_no_index_or_the_new_one() {
    if !can_trace("a_first_refresh_killed_at_any_call_leaves_no_index_or_the_new_one") {
        return;
    }
    let machine = Machine::new();
    let sites = sites(&machine);
    let new = content(&machine.index()).unwrap();
    for site in &sites {
        fs::remove_dir_all(machine.index()).unwrap();
        let inject = format!("inject={}:signal=KILL:when={}", site.call, site.number);
        assert!(!traced(&machine, &["-f", "-qq", "-o", "/dev/null", "-e", &inject]).status.success(), "{site:?}");
        match content(&machine.index()) {
            Ok(found) => assert!(found == new, "{site:?}"),
            Err(Error::Missing(_)) => {}
            Err(error) => panic!("{site:?}: {error}"),
        }
        assert!(machine.omg(&["refresh"]).status.success(), "{site:?}");
        assert!(content(&machine.index()).unwrap() == new, "{site:?}");
        assert_tidy(&machine, &format!("{site:?}"));
    }
}

#[test]
fn a_refresh_refused_any_call_says_so_and_leaves_a_whole_index() {
    if !can_trace("a_refresh_refused_any_call_says_so_and_leaves_a_whole_index") {
        return;
    }
    let mut pair = Pair::new(Change::Everything);
    pair.machine.enter(State::B);
    let sites = sites(&pair.machine);
    pair.turn = 1;
    let log = tempfile::NamedTempFile::new().unwrap();
    for (turn, site) in sites.iter().enumerate() {
        // Two of the four at each call, so that each kind of call meets all of them.
        for error in [["ENOSPC", "EIO"], ["EROFS", "EACCES"]][turn % 2] {
            // The first thread alone is refused. It shares the reading with others, so that what it makes as its call of that number
            // may be the reading of another file; then a call near by is the one.
            let met = [0, 1, -1, 2, -2, 3, -3, 4, -4].repeat(3).into_iter().any(|shift| {
                let inject =
                    format!("inject={}:error={error}:when={}", site.call, site.number.saturating_add_signed(shift));
                let arguments = ["-qq", "-o", log.path().to_str().unwrap(), "-e", &inject];
                let attempt = pair.attempt(&format!("{error} at {site:?}"), |machine| {
                    let answer = Answer::of(&traced(machine, &arguments));
                    let met = hit(site, &fs::read_to_string(log.path()).unwrap());
                    if met {
                        assert_refused(machine, site, &answer);
                    }
                    met
                });
                attempt.is_some()
            });
            assert!(met, "{error} at {site:?}: never met");
        }
    }
}

/// Whether the call that was refused, by what strace wrote, is of the kind that was meant.
fn hit(site: &Site, log: &str) -> bool {
    let mut refused = log.lines().filter(|line| line.contains("(INJECTED)"));
    refused.next().is_some_and(|line| site.call != "openat" || line.contains("O_CREAT"))
}

fn assert_refused(machine: &Machine, site: &Site, answer: &Answer) {
    // Refused to lock without waiting, it waits. And when it takes away what was the index before, the new one is in force; the
    // next refresh takes away what is left.
    if site.call.starts_with("unlink") || site.call == "flock" {
        assert!(answer.code == Some(0), "{site:?}: {answer:?}");
        return;
    }
    assert!(answer.code == Some(3) && answer.errors.starts_with("error: "), "{site:?}: {answer:?}");
    let names_it = answer.errors.contains(machine.index().to_str().unwrap());
    assert!(names_it && answer.errors.contains("os error"), "{site:?}: {answer:?}");
}

/// A file system of its own, gone when the test is.
struct Mount(PathBuf);

impl Mount {
    fn new(test: &str, at: &Path, size: &str) -> Option<Mount> {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={size},mode=755");
        let mounted = is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
                .arg(at)
                .status()
                .is_ok_and(|s| s.success());
        if !mounted {
            println!("skipped {test}: cannot mount a file system (needs root)");
            return None;
        }
        Some(Mount(at.to_owned()))
    }

    fn again(&self, options: &str) {
        assert!(
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status().unwrap().success()
        );
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_the_old_index() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::new("a_full_disk_leaves_the_old_index", folder.path(), "4m") else { return };
    let mut pair = Pair::new(Change::Everything);
    pair.machine.put_index(folder.path().join("index"));
    pair.machine.refresh();
    let filler = mount.0.join("filler");
    let mut full = 0;
    for free in [0, 1, 4, 8, 40, 100, 200, 400, 1000] {
        pair.fail(&format!("{free} KiB free"), |machine| {
            fs::write(&filler, vec![1; 8 << 20]).unwrap_err();
            let size = fs::metadata(&filler).unwrap().len();
            fs::File::options().write(true).open(&filler).unwrap().set_len(size - free * 1024).unwrap();
            let answer = Answer::of(&machine.omg(&["refresh"]));
            if answer.code != Some(0) {
                assert!(answer.code == Some(3) && answer.errors.contains("No space left"), "{free}: {answer:?}");
                full += 1;
                // It is answered from the old index, and that is said.
                let stale = Answer::of(&machine.omg(&["list", "--json"]));
                assert!(stale.code == Some(0) && stale.errors.contains("this answer is stale"), "{stale:?}");
            }
            fs::remove_file(&filler).unwrap();
        });
    }
    assert!(full >= 5, "the disk was full only {full} times");
}

#[test]
fn a_read_only_disk_leaves_the_old_index() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::new("a_read_only_disk_leaves_the_old_index", folder.path(), "8m") else { return };
    let mut pair = Pair::new(Change::Everything);
    pair.machine.put_index(folder.path().join("index"));
    pair.machine.refresh();
    let new = pair.fail("read-only", |machine| {
        mount.again("ro");
        let answer = Answer::of(&machine.omg(&["refresh"]));
        assert!(answer.code == Some(3) && answer.errors.contains("can be written"), "{answer:?}");
        let stale = Answer::of(&machine.omg(&["list", "--json"]));
        assert!(stale.code == Some(0) && stale.errors.contains("this answer is stale"), "{stale:?}");
        assert!(Answer::of(&machine.omg(&["status"])).text.contains("stale"));
        mount.again("rw");
    });
    assert!(!new);
}

#[test]
fn without_permission_the_old_index_answers_and_says_that_it_is_stale() {
    if !is_root() {
        return println!("skipped without_permission_the_old_index_answers_and_says_that_it_is_stale: needs root");
    }
    let mut pair = Pair::new(Change::Everything);
    let omg = pair.machine.copy_for_everybody();
    let new = pair.fail("no permission", |machine| {
        let as_nobody = |arguments: &[&str]| {
            let mut command = Command::new(&omg);
            machine.settle(&mut command);
            Answer::of(&command.args(arguments).uid(65534).gid(65534).output().unwrap())
        };
        let answer = as_nobody(&["refresh"]);
        assert!(answer.code == Some(3) && answer.errors.contains("hint: "), "{answer:?}");
        let stale = as_nobody(&["list", "--json"]);
        assert!(stale.code == Some(0) && stale.errors.contains("this answer is stale"), "{stale:?}");
        // A folder that lets nobody in: there is no index for this reader, and that is an error.
        let index = machine.index();
        fs::set_permissions(&index, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let refused = as_nobody(&["list", "--json"]);
        assert!(
            refused.code == Some(3) && refused.text.is_empty() && refused.errors.starts_with("error: "),
            "{refused:?}"
        );
        fs::set_permissions(&index, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    });
    assert!(!new);
}
