//! Everything that can be done to a log, and what is found of it.

use super::*;
use crate::audit::sha256;
use crate::model::{AuditHead, Source};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn change() -> Changed {
    let (old, new) = ("1".to_owned(), "2 \"ü\"\n".to_owned());
    Changed { action: "upgrade", name: "libc6:i386".to_owned(), old, new, signed: Some(true) }
}

fn events() -> Vec<Event> {
    let (plan, backend, command) = ("ab".repeat(32), Source::Apt, "omg install libc6".to_owned());
    let refusal = crate::audit::policy::Refusal {
        package: "nano".to_owned(),
        rule: "banned",
        message: "banned by \"na*\"".to_owned(),
        file: "/etc/omg/policy.toml".into(),
        line: 3,
    };
    vec![
        Event::PlanApplied { plan: plan.clone(), backend, command: command.clone(), changes: vec![change()] },
        Event::PlanFailed {
            plan: plan.clone(),
            backend,
            command: command.clone(),
            changes: vec![],
            error: "no space".into(),
        },
        Event::PlanRefused { plan: plan.clone(), backend, command, refusals: vec![refusal] },
        Event::SignatureRejected { package: "nano".into(), key: "AB12".into(), why: "expired".into() },
        Event::SignatureRejected { package: "nano".into(), key: String::new(), why: "unknown key".into() },
        Event::PolicyChanged { before: "1".into(), after: "2".into() },
        Event::Rollback { transaction: 7, plan },
    ]
}

struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Folder {
        Folder { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state").join(FILE_NAME)
    }

    fn append(&self, event: &Event) -> AuditHead {
        AuditLog::open(&self.path()).unwrap().append(event).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    fn write(&self, bytes: &[u8]) {
        fs::create_dir_all(self.path().parent().unwrap()).unwrap();
        fs::write(self.path(), bytes).unwrap();
        fs::set_permissions(self.path(), fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn fault(&self, heads: &[AuditHead]) -> Option<u64> {
        verify(&self.path(), heads).unwrap().fault.map(|fault| fault.line)
    }

    fn said(&self) -> Vec<String> {
        let (mut entries, bad) = latest(&self.path(), usize::MAX).unwrap();
        assert_eq!(bad, 0);
        entries.reverse();
        entries.into_iter().map(|entry| entry.event).collect()
    }
}

/// A log of a few entries, and its head.
fn written() -> (Vec<u8>, Vec<AuditHead>) {
    let folder = Folder::new();
    let heads = events()[..5].iter().map(|event| folder.append(event)).collect();
    (folder.bytes(), heads)
}

fn fault(bytes: &[u8], heads: &[AuditHead]) -> Option<u64> {
    verify_lines(bytes, heads).unwrap().fault.map(|fault| fault.line)
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

#[test]
fn what_is_appended_stands_there_in_the_documented_form() {
    let folder = Folder::new();
    let heads: Vec<_> = events().iter().map(|event| folder.append(event)).collect();
    let text = String::from_utf8(folder.bytes()).unwrap();
    let mut prev = "0".repeat(64);
    for ((line, head), seq) in text.lines().zip(&heads).zip(1..) {
        // By what the manual says of the hash, not by our own reader.
        let at = line.rfind(",\"hash\":\"").unwrap();
        let hash = sha256(format!("{}}}", &line[..at]).as_bytes());
        assert_eq!((head.seq, &head.hash), (seq, &hash));
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&value["seq"], &value["prev"], &value["hash"]), (&seq.into(), &prev.into(), &hash.clone().into()));
        assert!(line.starts_with(&format!("{{\"seq\":{seq},\"time\":\"20")), "{line}");
        assert!(value["time"].as_str().unwrap().len() == 20 && value["time"].as_str().unwrap().ends_with('Z'));
        assert_eq!(value["uid"], crate::audit::Who::of_process().uid);
        prev = hash;
    }
    let names = ["plan-applied", "plan-failed", "plan-refused", "signature-rejected", "signature-rejected"];
    assert_eq!(folder.said(), [&names[..], &["policy-changed", "rollback"]].concat());
    let changes =
        r#""changes":[{"action":"upgrade","name":"libc6:i386","old":"1","new":"2 \"ü\"\n","signed":true}],"prev""#;
    assert!(text.lines().next().unwrap().contains(changes), "{text}");
    let verdict = verify(&folder.path(), &heads).unwrap();
    assert_eq!(verdict, Verdict { entries: 7, head: heads.last().cloned(), recovered: 0, fault: None });
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn the_latest_come_from_the_end() {
    let folder = Folder::new();
    assert_eq!(latest(&folder.path(), 9).unwrap(), (vec![], 0), "no log is no entries");
    let long = Event::PolicyChanged { before: "x".repeat(100_000), after: String::new() };
    let events = events();
    for at in 0..40 {
        folder.append(if at % 13 == 0 { &long } else { &events[at % 7] });
    }
    let all = latest(&folder.path(), usize::MAX).unwrap().0;
    let numbers: Vec<u64> = all.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, (1..=40).rev().collect::<Vec<_>>());
    for most in [0, 1, 2, 13, 14, 15, 40, 41] {
        assert_eq!(latest(&folder.path(), most).unwrap().0, all[..most.min(40)]);
    }
}

#[test]
fn the_last_of_a_kind_is_found_and_words_that_look_like_it_are_not() {
    let folder = Folder::new();
    let changed = |after: &str| Event::PolicyChanged { before: String::new(), after: after.to_owned() };
    let of = |name| latest_of(&folder.path(), name).unwrap().map(|entry| entry.seq);
    assert_eq!(of("policy-changed"), None);
    folder.append(&changed("1"));
    folder.append(&changed("2"));
    let why = r#"x","event":"policy-changed","after":"3"#.to_owned();
    folder.append(&Event::SignatureRejected { package: String::new(), key: String::new(), why });
    assert_eq!((of("policy-changed"), of("signature-rejected"), of("rollback")), (Some(2), Some(3), None));
}

#[test]
fn every_bit_of_every_byte_is_under_guard() {
    let (good, heads) = written();
    assert_eq!(fault(&good, &heads), None);
    let line_of = |at: usize| 1 + good[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert_eq!(fault(&bad, &[]), Some(line_of(at)), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn every_removed_repeated_and_swapped_line_is_found() {
    let (good, heads) = written();
    let (lines, head) = (lines(&good), &heads[4..]);
    for first in 0..lines.len() {
        let mut removed = lines.clone();
        removed.remove(first);
        assert_eq!(fault(&removed.concat(), head), Some(first as u64 + 1), "without {first}");
        for second in 0..lines.len() {
            let mut repeated = lines.clone();
            repeated.insert(second, lines[first]);
            let bad = fault(&repeated.concat(), head).unwrap_or(0);
            let expected = if first == second { first + 2 } else { second + 1 };
            assert_eq!(bad, expected as u64, "{first} again at {second}");
            if first != second {
                let mut swapped = lines.clone();
                swapped.swap(first, second);
                assert_eq!(fault(&swapped.concat(), head), Some(first.min(second) as u64 + 1), "{first} for {second}");
            }
        }
    }
    for at in 0..=lines.len() {
        for put_in in [&b"\n"[..], b"{}\n", b"x\n", b"\0\n"] {
            let mut more = lines.clone();
            more.insert(at, put_in);
            assert_eq!(fault(&more.concat(), head), Some(at as u64 + 1));
        }
    }
}

#[test]
fn every_cut_is_found_with_the_head_and_without_it_all_but_those_between_lines() {
    let (good, heads) = written();
    for end in 0..good.len() {
        let cut = &good[..end];
        let whole = cut.iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(fault(cut, &heads[4..]), Some(whole + 1), "cut at {end}");
        let is_between = end == 0 || cut.ends_with(b"\n");
        assert_eq!(fault(cut, &[]), Some(whole + 1).filter(|_| !is_between), "cut at {end}");
    }
    let folder = Folder::new();
    assert_eq!((folder.fault(&[]), folder.fault(&heads)), (None, Some(1)), "a log that is gone");
}

/// Somebody who makes the hashes anew passes for good, but for what is known elsewhere.
#[test]
fn a_log_written_anew_does_not_have_the_heads_that_are_known() {
    let (_, heads) = written();
    let (other, _) = written_with("omg install something else");
    assert_eq!((fault(&other, &[]), fault(&other, &heads[4..]), fault(&other, &heads)), (None, Some(5), Some(1)));
}

#[test]
fn a_line_or_the_rest_of_another_good_log_does_not_follow() {
    let ((one, _), (other, _)) = (written(), written_with("omg install something else"));
    let (one, other) = (lines(&one), lines(&other));
    for at in 0..5 {
        let mut mixed = one.clone();
        mixed[at] = other[at];
        // The first of a log follows nothing; what stands behind it follows another.
        assert_eq!(fault(&mixed.concat(), &[]), Some(at.max(1) as u64 + 1), "line {at} of another");
        let rest = [&one[..at], &other[at..]].concat().concat();
        assert_eq!(fault(&rest, &[]), Some(at as u64 + 1).filter(|_| at > 0), "from line {at} on another");
    }
}

fn written_with(command: &str) -> (Vec<u8>, AuditHead) {
    let folder = Folder::new();
    let mut last = None;
    for _ in 0..5 {
        let (plan, backend) = (String::new(), Source::Pacman);
        last = Some(folder.append(&Event::PlanApplied { plan, backend, command: command.to_owned(), changes: vec![] }));
    }
    (folder.bytes(), last.unwrap())
}

#[test]
fn a_log_may_be_ahead_of_the_journal() {
    let (good, heads) = written();
    for known in 0..=heads.len() {
        assert_eq!(fault(&good, &heads[..known]), None);
    }
}

/// Killed in its last write, at each byte of it; then the next entry is appended.
#[test]
fn what_a_killed_writer_left_is_put_aside_and_told() {
    let (good, heads) = written();
    let last = good.len() - lines(&good)[4].len();
    for end in last..good.len() {
        let folder = Folder::new();
        folder.write(&good[..end]);
        let head = folder.append(&events()[5]);
        let side = folder.path().with_file_name("audit.torn-5");
        let names = folder.said();
        match end {
            // Nothing of it was written, or only its line end was not.
            _ if end == last => {
                assert_eq!((names[4].as_str(), names.len(), side.exists()), ("policy-changed", 5, false))
            }
            _ if end + 1 == good.len() => {
                assert_eq!(
                    (&names[4..], side.exists()),
                    (&["signature-rejected".into(), "policy-changed".into()][..], false)
                );
                assert_eq!(folder.bytes()[..good.len()], good);
            }
            _ => {
                assert_eq!(names[4..], ["recovered", "policy-changed"], "{end}");
                let kept = fs::read(&side).unwrap();
                assert_eq!(kept, good[last..end]);
                let (entries, _) = latest(&folder.path(), 2).unwrap();
                assert_eq!(entries[1].details["sha256"], sha256(&kept));
                assert_eq!(
                    (&entries[1].details["bytes"], &entries[1].details["kept_in"]),
                    (&kept.len().into(), &"audit.torn-5".into())
                );
            }
        }
        assert_eq!(folder.fault(&[&heads[..4], &[head]].concat()), None, "{end}");
        // What the journal knew of stays known: this was no crash.
        assert_eq!(folder.fault(&heads).is_none(), end + 1 == good.len(), "{end}");
    }
}

/// The file grew and its content did not come to the disk.
#[test]
fn zeros_at_the_end_are_put_aside() {
    let (good, _) = written();
    for zeros in [1, 10, 5_000, 100_000] {
        let folder = Folder::new();
        folder.write(&[&good[..], &vec![0; zeros]].concat());
        folder.append(&events()[5]);
        assert_eq!(folder.said()[5..], ["recovered", "policy-changed"]);
        assert_eq!(folder.fault(&[]), None);
        let whole = fs::read(folder.path().with_file_name("audit.torn-6")).unwrap();
        assert_eq!(whole, vec![0; zeros]);
    }
}

/// Killed at each byte of the write that tells of what was put aside; and before it, when that was put aside already.
#[test]
fn a_writer_killed_while_it_mends_leaves_what_the_next_one_mends() {
    let (good, _) = written();
    let torn = good.len() - 40;
    let mended = Folder::new();
    mended.write(&good[..torn]);
    mended.append(&events()[5]);
    let after = mended.bytes();
    let before = good.len() - lines(&good)[4].len();
    for end in before..after.len() {
        let folder = Folder::new();
        folder.write(&after[..end]);
        let side = folder.path().with_file_name("audit.torn-5");
        fs::write(&side, &good[before..torn]).unwrap();
        folder.append(&events()[6]);
        assert_eq!(folder.fault(&[]), None, "{end}");
        assert_eq!(folder.said()[4], "recovered", "{end}");
        assert_eq!(folder.said().last().unwrap(), "rollback");
        // Nothing that ever stood there is lost.
        let kept = fs::read(&side).unwrap();
        assert!(kept.starts_with(&good[before..torn]));
        let told: BTreeSet<String> = latest(&folder.path(), 9)
            .unwrap()
            .0
            .into_iter()
            .filter_map(|entry| Some(entry.details.get("sha256")?.as_str()?.to_owned()))
            .collect();
        assert!(told.contains(&sha256(&kept)), "{end}");
    }
}

#[test]
fn a_damaged_end_that_no_power_cut_makes_is_an_error_and_stays() {
    let folder = Folder::new();
    let bad = [written().0, vec![b'x'; 2 * MAX_LINE_BYTES + 2]].concat();
    folder.write(&bad);
    let error = AuditLog::open(&folder.path()).unwrap().append(&events()[0]).unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error:#}");
    assert!(folder.bytes() == bad && folder.fault(&[]) == Some(6));
    let (entries, bad) = latest(&folder.path(), 3).unwrap();
    assert_eq!((entries.len(), bad), (2, 1), "and what stands before is still read");
}

#[test]
fn a_long_text_is_clipped_and_an_entry_that_is_too_long_is_an_error_that_leaves_the_log_alone() {
    let folder = Folder::new();
    let why = "ü".repeat(1 << 20);
    folder.append(&Event::SignatureRejected { package: String::new(), key: String::new(), why: why.clone() });
    let kept = latest(&folder.path(), 1).unwrap().0.remove(0).details["why"].as_str().unwrap().to_owned();
    assert!(kept.len() < 70_000 && kept.ends_with("ü…"));
    let before = folder.bytes();
    let event = Event::PolicyChanged { before: "x".repeat(MAX_LINE_BYTES), after: String::new() };
    let error = AuditLog::open(&folder.path()).unwrap().append(&event).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error:#}");
    assert_eq!(folder.bytes(), before);
}

#[test]
fn many_writers_at_once_make_one_chain() {
    const WRITERS: usize = 8;
    const EACH: usize = 20;
    let folder = Folder::new();
    let mut heads: Vec<AuditHead> = std::thread::scope(|scope| {
        let write = |_| {
            scope.spawn(|| {
                let log = AuditLog::open(&folder.path()).unwrap();
                (0..EACH).map(|at| log.append(&events()[at % 7]).unwrap()).collect::<Vec<_>>()
            })
        };
        let writers: Vec<_> = (0..WRITERS).map(write).collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    heads.sort_by_key(|head| head.seq);
    let verdict = verify(&folder.path(), &heads).unwrap();
    assert_eq!((verdict.entries, verdict.fault, verdict.recovered), ((WRITERS * EACH) as u64, None, 0));
    assert_eq!(verdict.head.as_ref(), heads.last());
}

#[test]
fn a_log_that_was_moved_away_is_begun_anew_also_by_who_has_it_open() {
    let folder = Folder::new();
    let log = AuditLog::open(&folder.path()).unwrap();
    log.append(&events()[0]).unwrap();
    fs::rename(folder.path(), folder.path().with_file_name("old")).unwrap();
    assert_eq!(log.append(&events()[1]).unwrap().seq, 1);
    assert_eq!(folder.fault(&[]), None);
}

#[test]
fn a_log_that_others_may_write_or_that_is_no_file_is_refused() {
    let folder = Folder::new();
    folder.append(&events()[0]);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o666)).unwrap();
    let refused = |what: &str| {
        let error = AuditLog::open(&folder.path()).map(drop).unwrap_err();
        assert!(format!("{error:#}").contains(what), "{error:#}");
    };
    refused("others may write it");
    fs::remove_file(folder.path()).unwrap();
    std::os::unix::fs::symlink("/dev/null", folder.path()).unwrap();
    refused("cannot open");
    fs::remove_file(folder.path()).unwrap();
    fs::create_dir(folder.path()).unwrap();
    refused("cannot open");
    assert!(verify(&folder.path(), &[]).is_err());
}

/// Whoever can read a log could lock it, and keep its writers waiting.
#[test]
fn a_reader_cannot_lock_writers_out() {
    let folder = Folder::new();
    folder.append(&events()[0]);
    let reader = fs::File::open(folder.path()).unwrap();
    rustix::fs::flock(&reader, rustix::fs::FlockOperation::LockExclusive).unwrap();
    folder.append(&events()[1]);
    let lock = fs::metadata(folder.path().with_extension("lock")).unwrap();
    assert_eq!(lock.permissions().mode() & 0o777, 0o600);
}
