//! Tests of the protocol and of engines as processes.

use super::*;

fn request() -> Request {
    let mut request = Request::new(Path::new("/mnt"), Scope::Only(&[("zlib", ""), ("glibc", "i386")]));
    request.set("repository", "core");
    request.set("repository", "extra");
    request
}

fn conversation(answer: impl FnOnce(&Request, &mut Answer<&mut Vec<u8>>) -> io::Result<()>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut question = serde_json::to_vec(&request()).unwrap();
    question.push(b'\n');
    converse("libtest 1.2", io::Cursor::new(question), &mut out, answer).unwrap();
    out
}

fn three(_: &Request, answer: &mut Answer<&mut Vec<u8>>) -> io::Result<()> {
    answer.choice("zlib", "", "1.3-1", "core", "")?;
    answer.choice("glibc", "i386", "", "", "")?;
    answer.choice("old", "", "1-1", "", "new")
}

#[test]
fn both_ends_understand_each_other() {
    let out = conversation(|asked, answer| {
        assert_eq!(*asked, request());
        assert_eq!(asked.values("repository").collect::<Vec<_>>(), ["core", "extra"]);
        three(asked, answer)
    });
    let reply = hear(&out[..], &mut |_| {}).unwrap();
    assert_eq!(reply.decider, "libtest 1.2");
    assert_eq!(reply.choices.len(), 3);
    assert_eq!(reply.choices[0].candidate.as_deref(), Some("1.3-1"));
    assert_eq!((reply.choices[1].arch.as_str(), &reply.choices[1].candidate), ("i386", &None));
    assert_eq!(reply.choices[2].replaced_by.as_deref(), Some("new"));
}

#[test]
fn an_answer_cut_anywhere_is_never_taken_for_a_shorter_one() {
    let out = conversation(three);
    for cut in 0..out.len() {
        assert!(hear(&out[..cut], &mut |_| {}).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_never_panics() {
    let out = conversation(three);
    for bit in 0..out.len() * 8 {
        let mut damaged = out.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let _ = hear(&damaged[..], &mut |_| {});
    }
}

#[test]
fn names_that_would_break_the_lines_are_refused() {
    let out = conversation(|_, answer| answer.choice("a\tb", "", "1", "", ""));
    assert!(matches!(hear(&out[..], &mut |_| {}), Err(Silence::Refused(m)) if m.contains("a tab")));
}

/// An engine in shell: what matters here is the process, not the library.
fn script(body: &str) -> (tempfile::TempDir, EngineCommand) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("omg-test");
    // Written by another process: a descriptor of ours, inherited by some other test's child, would make it busy.
    let status = Command::new("sh")
        .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$2\" && chmod 755 \"$2\"", "sh", body])
        .arg(&program)
        .status();
    assert!(status.unwrap().success());
    (folder, EngineCommand::at(program))
}

#[test]
fn a_process_answers() {
    let (_folder, engine) =
        script("echo omg-engine 5 libtest 3; read q; printf 'choice\\tzlib\\t\\t1\\tcore\\t\\nend\\t1\\n'");
    let reply = engine.ask(&request()).unwrap();
    assert_eq!((reply.decider.as_str(), reply.choices.len()), ("libtest 3", 1));
}

#[test]
fn a_missing_file_or_library_or_another_protocol_cannot_start() {
    let missing = EngineCommand::at("/nonexistent/omg-test").ask(&request());
    assert!(matches!(missing, Err(EngineError::CannotStart(_))), "{missing:?}");
    let (_folder, engine) = script("echo 'libtest.so.13: cannot open shared object file' >&2; exit 127");
    let Err(EngineError::CannotStart(reason)) = engine.ask(&request()) else { panic!("started") };
    assert_eq!(reason, "omg-test cannot start: libtest.so.13: cannot open shared object file");
    let (_folder, engine) = script("echo omg-engine 1 libtest 3");
    let Err(EngineError::CannotStart(reason)) = engine.ask(&request()) else { panic!("started") };
    assert!(reason.contains("speaks protocol 1"), "{reason}");
}

#[test]
fn a_refusal_and_a_death_are_failures_with_a_reason() {
    let (_folder, engine) = script("echo omg-engine 5 libtest 3; printf 'error\\tno database\\n'");
    assert_eq!(engine.ask(&request()), Err(EngineError::Failed("omg-test: no database".to_owned())));
    let (_folder, engine) = script("echo omg-engine 5 libtest 3; exit 3");
    let Err(EngineError::Failed(reason)) = engine.ask(&request()) else { panic!("answered") };
    assert!(reason.contains("exit status: 3"), "{reason}");
}

/// Its last word was given as the reason.
#[test]
fn an_engine_that_was_killed_is_told_as_killed() {
    let (_folder, engine) = script("echo omg-engine 5 libtest 3; echo Setting up beta >&2; kill -9 $$");
    let Err(EngineError::Failed(reason)) = engine.apply(&request(), &mut |_| {}, |_| {}) else { panic!("done") };
    assert_eq!(reason, "omg-test was killed (signal: 9 (SIGKILL))");
}

#[test]
fn a_hung_engine_is_killed() {
    let (_folder, engine) = script("echo omg-engine 5 libtest 3; exec sleep 600");
    let outcome = engine.timeout(Duration::from_millis(100)).ask(&request());
    let Err(EngineError::Failed(reason)) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("was killed"), "{reason}");
}

#[test]
fn a_large_question_to_an_engine_that_does_not_read_it() {
    let (_folder, engine) = script("echo omg-engine 5 libtest 3; printf 'end\\t0\\n'");
    let mut request = request();
    request.set("filler", "x".repeat(4 << 20));
    assert_eq!(engine.ask(&request).unwrap().choices, []);
}

#[test]
fn a_plan_stays_prepared_until_it_is_carried_out_or_nobody_wants_it() {
    let order = Order::new(crate::model::Task::Install, Vec::new());
    let plan = Plan {
        source: crate::model::Source::Apt,
        root: PathBuf::from("/"),
        order,
        decider: String::new(),
        steps: Vec::new(),
        marks: Vec::new(),
        archives: Vec::new(),
        files: Vec::new(),
        kept: Vec::new(),
        orphaned: Vec::new(),
        download_bytes: 0,
        disk_bytes: 0,
        warnings: Vec::new(),
    };
    let prepared = Resolution::Plan(Box::new(plan.clone()));
    let json = serde_json::to_string(&prepared).unwrap();
    let lock = tempfile::NamedTempFile::new().unwrap();
    let has_lock = || !std::fs::read_to_string(lock.path()).unwrap().is_empty();
    // It talks meanwhile, more than a pipe holds.
    let (_folder, engine) = script(&format!(
        "echo omg-engine {PROTOCOL} libtest 3; read q; echo locked >{0}; head -c 100000 /dev/zero | tr '\\0' '\\n' >&2
        printf 'resolution\\t%s\\n' '{json}'; read q && echo done >&2; : >{0}; printf 'end\\t0\\n'",
        lock.path().display()
    ));
    assert_eq!(engine.prepare(&request()).unwrap(), prepared);
    assert!(engine.is_prepared() && has_lock());
    // It is asked for nothing else, and nothing else is started in its place.
    engine.get_ready();
    assert!(engine.is_prepared());
    engine.stand_down();
    assert!(!engine.is_prepared() && !has_lock());
    engine.prepare(&request()).unwrap();
    let said = Arc::new(Mutex::new(String::new()));
    let heard = said.clone();
    let go_on = Request::about_change(Path::new("/"), Ask::Apply(Box::new(plan)));
    engine.apply(&go_on, &mut |_| {}, move |line| *heard.lock().unwrap() = line.to_owned()).unwrap();
    assert_eq!(*said.lock().unwrap(), "done");
    assert!(!engine.is_prepared() && !has_lock());
    // What is no plan is not kept.
    let (_folder, engine) = script(&format!(
        "echo omg-engine {PROTOCOL} libtest 3; read q; printf 'resolution\\t{{\"unknown\":[]}}\\n'; read q"
    ));
    assert_eq!(engine.prepare(&request()).unwrap(), Resolution::Unknown(Vec::new()));
    assert!(!engine.is_prepared());
    let (_folder, engine) = script(&format!("echo omg-engine {PROTOCOL} libtest 3; printf 'error\\tno database\\n'"));
    assert_eq!(engine.prepare(&request()), Err(EngineError::Failed("no database".to_owned())));
    assert!(!engine.is_prepared());
}

#[test]
fn an_engine_that_is_ready_is_asked_once_and_can_be_sent_away() {
    // Each process leaves a line, so that they can be counted.
    let counts = tempfile::NamedTempFile::new().unwrap();
    let started = || std::fs::read_to_string(counts.path()).unwrap().lines().count();
    let body = format!(
        "echo one >>{}; printf 'omg-engine {PROTOCOL} libtest 1\\n'; read line && printf 'end\\t0\\n'",
        counts.path().display()
    );
    let (_folder, engine) = script(&body);
    engine.get_ready();
    engine.get_ready();
    // The copy that a backend gives away is the same engine.
    assert!(engine.clone().ask(&request()).is_ok());
    assert_eq!(started(), 1);
    assert!(engine.ask(&request()).is_ok());
    assert_eq!(started(), 2);
    engine.get_ready();
    engine.stand_down();
    engine.stand_down();
    assert!(engine.ask(&request()).is_ok());
    // The one that was sent away may not even have come to its line.
    assert!((3..=4).contains(&started()), "{}", started());
    let missing = EngineCommand::at("/nonexistent/omg-test");
    missing.get_ready();
    assert!(matches!(missing.ask(&request()), Err(EngineError::CannotStart(_))));
}
