//! Eight refreshes and a thousand readers at once, while the sources go to and fro between two states: each answer is
//! wholly of one.

use crate::machine::{Answer, Machine, QUERIES, State, is_root};
use omg::index::Index;
use omg::model::{Event, Observer};
use omg::ops::{Outcome, Place, Request, refresh};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const REFRESHES: usize = 8;
const READERS: usize = 1000;
/// One reader in so many may refresh itself; the others have no right to, and answer from what there is.
const OWN: usize = 20;

#[test]
fn eight_refreshes_and_a_thousand_readers_at_once() {
    let machine = Machine::new();
    machine.refresh();
    let a = machine.answers();
    machine.enter(State::B);
    machine.refresh();
    let b = machine.answers();
    assert!(a.iter().zip(&b).filter(|(a, b)| a.text != b.text).count() > 8, "the states do not differ");

    let (done, refreshed) = (AtomicBool::new(false), AtomicUsize::new(0));
    // They refresh until the last reader is done, and at least until the sources have changed a few times.
    std::thread::scope(|scope| {
        for _ in 0..REFRESHES {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = Answer::of(&machine.omg(&["refresh", "--force"]));
                    let changing = answer.code == Some(3) && answer.errors.contains("kept changing");
                    assert!(answer.code == Some(0) || changing, "{answer:?}");
                    refreshed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            let mut turn = 0;
            while !done.load(Ordering::Relaxed) {
                machine.enter([State::A, State::B][turn % 2]);
                turn += 1;
                let seen = refreshed.load(Ordering::Relaxed);
                while refreshed.load(Ordering::Relaxed) < seen + 3 && !done.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            }
        });
        let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read_all(&machine, &a, &b)));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = read {
            std::panic::resume_unwind(panic);
        }
    });
    machine.enter(State::A);
    machine.refresh();
    assert_eq!(machine.answers(), a);
}

/// All at once, then each answer.
fn read_all(machine: &Machine, a: &[Answer], b: &[Answer]) {
    let omg = machine.copy_for_everybody();
    let folder = machine.folder.path();
    // In files: a thousand pairs of pipes are more than a process may have open.
    let start = |reader: usize| -> Child {
        let mut command = Command::new(&omg);
        machine.settle(&mut command);
        if is_root() && !reader.is_multiple_of(OWN) {
            command.uid(65534).gid(65534);
        }
        let file = |kind: &str| File::create(folder.join(format!("reader-{reader}.{kind}"))).unwrap();
        command.args(QUERIES[reader % QUERIES.len()]).stdout(file("out")).stderr(file("err")).spawn().unwrap()
    };
    let readers: Vec<Child> = (0..READERS).map(start).collect();
    let mut of_state = [0; 2];
    for (reader, mut child) in readers.into_iter().enumerate() {
        let status = child.wait().unwrap();
        let read = |kind: &str| fs::read(folder.join(format!("reader-{reader}.{kind}"))).unwrap();
        let answer = Answer::of(&std::process::Output { status, stdout: read("out"), stderr: read("err") });
        let query = reader % QUERIES.len();
        assert_eq!(answer.code, Some(0), "{:?}: {answer:?}", QUERIES[query]);
        let which = [&a[query], &b[query]].iter().position(|right| fits(&answer.text, &right.text));
        let Some(which) = which else { panic!("{:?}: neither of A nor of B: {answer:?}", QUERIES[query]) };
        if a[query].text != b[query].text {
            of_state[which] += 1;
        }
    }
    assert!(of_state.iter().all(|count| *count > 0), "the readers saw one state alone: {of_state:?}");
}

/// The same answer; that it is stale, a status may say as well.
fn fits(found: &str, right: &str) -> bool {
    found.replace("\"stale\": true", "\"stale\": false") == right
}

/// Changes the sources at a certain stage of a refresh, so many times.
struct Meddler<'a> {
    machine: &'a Machine,
    stage: &'static str,
    times: usize,
    done: AtomicUsize,
}

impl Observer for Meddler<'_> {
    fn event(&self, event: Event<'_>) {
        if matches!(event, Event::Stage { what, .. } if what == self.stage)
            && self.done.load(Ordering::Relaxed) < self.times
        {
            let turn = self.done.fetch_add(1, Ordering::Relaxed);
            self.machine.enter([State::B, State::A][turn % 2]);
        }
    }
}

/// A refresh of a machine in state A that somebody meddles with.
fn meddled(machine: &Machine, stage: &'static str, times: usize) -> anyhow::Result<Outcome> {
    let place = Place { root: machine.root(), ..Place::default() };
    let meddler = Meddler { machine, stage, times, done: AtomicUsize::new(0) };
    refresh(&place, &machine.index(), Request { force: true }, &meddler)
}

/// Every version, installed or on offer.
fn versions(machine: &Machine) -> Vec<String> {
    let index = Index::open(&machine.index()).unwrap();
    let mut all = Vec::new();
    index
        .local
        .scan(|_, row| {
            all.extend([row.version, row.candidate]);
            Ok(())
        })
        .unwrap();
    let ids: Vec<u32> = (0..index.catalogue.len()).collect();
    all.extend(index.catalogue.rows_of(&ids).unwrap().into_iter().map(|row| row.version));
    assert!(all.len() > 300, "{}", all.len());
    all
}

#[test]
fn sources_replaced_while_they_are_read_are_read_again() {
    for stage in ["reading the repositories", "writing the catalogue", "writing what is installed"] {
        let machine = Machine::new();
        let outcome = meddled(&machine, stage, 1).unwrap();
        assert!(!outcome.status.staleness().any(), "{stage}");
        let of_a: Vec<_> = versions(&machine).into_iter().filter(|version| version.contains('a')).collect();
        assert!(of_a.is_empty(), "{stage}: {of_a:?}");
    }
}

#[test]
fn sources_that_keep_changing_leave_the_old_index() {
    let machine = Machine::new();
    meddled(&machine, "", 0).unwrap();
    let error = meddled(&machine, "writing what is installed", usize::MAX).unwrap_err();
    assert!(error.to_string().contains("kept changing"), "{error:#}");
    assert!(versions(&machine).iter().all(|version| version.contains('a')));
}
