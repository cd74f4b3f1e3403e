//! Tests of the journal.

use super::*;
use crate::model::{Step, Task, Why};

fn run(started: i64, names: &[&str]) -> Transaction {
    let change = |name: &&str| Change {
        name: (*name).to_owned(),
        arch: String::new(),
        action: Action::Install,
        old: String::new(),
        new: "1".to_owned(),
        reason: Some(Reason::Dependency),
    };
    Transaction {
        source: Source::Apt,
        started,
        ended: Some(started + 1),
        command: "apt install".to_owned(),
        user: String::new(),
        failure: String::new(),
        changes: names.iter().map(change).collect(),
    }
}

/// Read from the begin of a log.
fn whole(transactions: &[&Transaction]) -> News {
    let transactions = transactions.iter().map(|one| ((*one).clone(), true)).collect();
    News { transactions, logs: Vec::new(), anew: true }
}

#[test]
fn the_same_thrice_within_a_second_is_recorded_thrice_and_once_more_for_no_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&folder.path().join("journal.db")).unwrap();
    let one = run(100, &["a"]);
    assert_eq!(journal.record(Source::Apt, &whole(&[&one, &one])).unwrap(), Some(2));
    let appended = News { anew: false, ..whole(&[&one]) };
    assert_eq!(journal.record(Source::Apt, &appended).unwrap(), Some(1));
    assert_eq!(journal.record(Source::Apt, &whole(&[&one, &one, &one])).unwrap(), Some(0), "the log was rotated");
    assert_eq!(journal.record(Source::Apt, &whole(&[&one, &one, &one, &one])).unwrap(), Some(1));
}

#[test]
fn what_two_read_at_once_is_recorded_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let (mut journal, mut other) = (Journal::open(&path).unwrap(), Journal::open(&path).unwrap());
    let log = Log { inode: 1, done_bytes: 7, size_bytes: 7 };
    let mut news = News { anew: false, ..whole(&[&run(100, &["a"])]) };
    news.logs.push(("l".to_owned(), None, log));
    assert_eq!(journal.record(Source::Apt, &news).unwrap(), Some(1));
    assert_eq!(other.record(Source::Apt, &news).unwrap(), None);
    assert_eq!(other.latest(None, None, 10).unwrap().len(), 1);
}

#[test]
fn a_plan_is_kept_with_its_own_transaction_and_not_with_that_of_whoever_was_next() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&folder.path().join("journal.db")).unwrap();
    journal.record(Source::Apt, &whole(&[&run(100, &["a"]), &run(200, &["b", "a"]), &run(200, &["c"])])).unwrap();
    let step = |name: &str| Step {
        action: Action::Install,
        name: name.to_owned(),
        arch: String::new(),
        old: String::new(),
        new: "1".to_owned(),
        repository: String::new(),
        why: Why::Asked,
        reason: Reason::Explicit,
        download_bytes: 0,
        sha256: String::new(),
        signed: None,
    };
    let plan = |name| Plan { steps: vec![step(name)], ..Plan::simple(Source::Apt, "/".into(), Task::Install) };
    assert!(journal.attach(Source::Apt, 200, &plan("a"), "1", &[]).unwrap());
    assert!(!journal.attach(Source::Apt, 200, &plan("d"), "2", &[]).unwrap(), "nothing was done of it");
    assert_eq!([1, 2, 3].map(|id| journal.plan(id).unwrap()), [None, Some(plan("a")), None]);
}

#[test]
fn what_is_recorded_comes_back_newest_first_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut journal = Journal::open(&path).unwrap();
    let log = Log { inode: u64::MAX, done_bytes: 7, size_bytes: 9 };
    let (old, new) = (run(100, &["a", "b"]), run(200, &["b"]));
    let mut news = whole(&[&old, &new]);
    news.logs.push(("l".to_owned(), None, log));
    assert_eq!(journal.record(Source::Apt, &news).unwrap(), Some(2));
    assert_eq!(journal.record(Source::Apt, &whole(&[&old])).unwrap(), Some(0), "the same again is no news");
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!((journal.log("l").unwrap(), journal.log("m").unwrap()), (Some(log), None));
    let told = |name, limit| -> Vec<Transaction> {
        journal.latest(name, None, limit).unwrap().into_iter().map(|recorded| recorded.transaction).collect()
    };
    assert_eq!(told(Some("a"), 10), told(None, 10)[1..]);
    assert_eq!(told(None, 1), told(None, 10)[..1]);
    assert_eq!(told(None, 10), [new, old.clone()]);
    assert!(told(Some("c"), 10).is_empty());
    assert_eq!(journal.latest(None, Some(Source::Pacman), 10).unwrap(), []);
    assert_eq!(journal.transaction(1).unwrap().map(|recorded| recorded.transaction), Some(old));
    assert_eq!(journal.transaction(3).unwrap(), None);
    assert_eq!(journal.came(Source::Apt, "b", "", "1").unwrap(), Some(200));
    assert_eq!(journal.came(Source::Apt, "b", "", "2").unwrap(), None);
    assert_eq!(journal.came(Source::Pacman, "b", "", "1").unwrap(), None);
}

#[test]
fn what_has_not_ended_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&folder.path().join("journal.db")).unwrap();
    let open = News { transactions: vec![(run(100, &["a"]), false)], ..News::default() };
    journal.record(Source::Apt, &open).unwrap();
    let of_the_other = News { transactions: Vec::new(), ..News::default() };
    journal.record(Source::Pacman, &of_the_other).unwrap();
    assert_eq!(journal.latest(None, None, 10).unwrap().len(), 1);
    journal.record(Source::Apt, &whole(&[&run(100, &["a", "b"])])).unwrap();
    let all = journal.latest(None, None, 10).unwrap();
    assert_eq!(all.iter().map(|recorded| recorded.transaction.changes.len()).collect::<Vec<_>>(), [2]);
}

fn head(seq: u64, hash: &str) -> AuditHead {
    AuditHead { seq, hash: hash.to_owned() }
}

/// As the omg of the first version left it.
fn first_version(path: &Path, transaction: &Transaction) {
    let db = Connection::open(path).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.execute_batch(TABLES).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    let mut news = whole(&[transaction]);
    news.logs.push(("l".to_owned(), None, Log::default()));
    Journal { db }.record(Source::Apt, &news).unwrap();
}

#[test]
fn a_journal_of_the_first_version_keeps_all_it_has_and_takes_heads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let old = run(100, &["a", "b"]);
    first_version(&path, &old);
    assert_eq!(Journal::audit_heads(&path).unwrap(), [], "to look changes nothing");
    for _ in 0..2 {
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.latest(None, None, 10).unwrap()[0].transaction, old);
        assert_eq!(journal.log("l").unwrap(), Some(Log::default()));
        assert!(journal.keep_audit_head(&head(1, "x")).unwrap());
    }
    assert_eq!(Journal::audit_heads(&path).unwrap(), [head(1, "x")]);
    let begun_anew = folder.path().join("new.db");
    drop(Journal::open(&begun_anew).unwrap());
    let shape = |path: &Path| -> Vec<String> {
        let db = Connection::open(path).unwrap();
        let mut query = db.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(shape(&path), shape(&begun_anew));
}

#[test]
fn many_at_once_bring_a_journal_to_the_present_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    first_version(&path, &run(100, &["a"]));
    std::thread::scope(|scope| {
        let open = |_| scope.spawn(|| Journal::open(&path).unwrap().latest(None, None, 10).unwrap().len());
        let all: Vec<_> = (0..8).map(open).collect();
        assert!(all.into_iter().all(|one| one.join().unwrap() == 1));
    });
}

#[test]
fn a_head_that_is_known_is_not_forgotten_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a #%?journal.db");
    assert_eq!(Journal::audit_heads(&path).unwrap(), [], "no journal knows none");
    let journal = Journal::open(&path).unwrap();
    assert!(journal.keep_audit_head(&head(1, "a")).unwrap() && journal.keep_audit_head(&head(3, "c")).unwrap());
    assert!(journal.keep_audit_head(&head(3, "c")).unwrap());
    assert!(!journal.keep_audit_head(&head(3, "other")).unwrap());
    // Seen by another connection while the first is open, and after.
    let known = [head(1, "a"), head(3, "c")];
    assert_eq!(Journal::audit_heads(&path).unwrap(), known);
    drop(journal);
    assert_eq!(Journal::audit_heads(&path).unwrap(), known);
    std::fs::write(&path, "no journal").unwrap();
    assert!(Journal::audit_heads(&path).is_err());
}

#[test]
fn another_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    drop(Journal::open(&path).unwrap());
    let next = STEPS.len() as i64 + 1;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", next).unwrap();
    let error = Journal::open(&path).map(|_| ()).unwrap_err();
    assert!(format!("{error:#}").contains("another omg"), "{error:#}");
}

#[test]
fn what_is_no_journal_is_an_error_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    std::fs::write(&path, "not a database, whatever it is called".repeat(50)).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(Journal::open(&path).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn several_that_make_the_journal_at_the_same_moment_all_have_it() {
    for _ in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let start = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            let open = || {
                start.wait();
                Journal::open(&path).map(drop)
            };
            let all: Vec<_> = (0..6).map(|_| scope.spawn(open)).collect();
            all.into_iter().for_each(|one| one.join().unwrap().unwrap());
        });
    }
}
