//! What package managers write of themselves. Read again from where a reader says it is done, a log tells the rest.

use super::text;
use crate::backends::alpm::log;
use crate::backends::apt::history::{Machine, read_both, read_dpkg, read_history};
use crate::model::Transaction;
use jiff::tz::TimeZone;

pub fn apt(data: &[u8]) {
    let text = text(data);
    let machine = Machine { native: "amd64", zone: &TimeZone::UTC };
    let mut told = 0;
    let done = read_history(&text, &machine, &mut |run| told += whole(&run));
    assert!(done.bytes <= text.len() && text.is_char_boundary(done.bytes));
    let mut rest = 0;
    assert_eq!(read_history(&text[done.bytes..], &machine, &mut |run| rest += whole(&run)).bytes, 0, "it was not done");
    assert_eq!(rest, 0, "told twice");
    let done = read_dpkg(&text, &machine, &mut |at, run, _| assert!(at <= text.len() && whole(&run) == 1));
    assert!(done.bytes <= text.len() && text.is_char_boundary(done.bytes));
    let [history, dpkg] = read_both(&text, &text, &machine, &mut |run, _| told += whole(&run));
    assert!(history <= text.len() && dpkg <= text.len());
}

pub fn pacman(data: &[u8]) {
    let mut told = Vec::new();
    let done = log::read(data, &TimeZone::UTC, &mut |run| {
        whole(&run);
        told.push(run);
    });
    assert!(done <= data.len());
    let mut rest = 0;
    log::read(&data[done..], &TimeZone::UTC, &mut |run| rest += whole(&run));
    assert_eq!(rest, 0, "told twice");
}

/// What is told says of something what became of it.
fn whole(run: &Transaction) -> usize {
    assert!(!run.changes.is_empty());
    for change in &run.changes {
        assert!(!(change.old.is_empty() && change.new.is_empty()), "{change:?}");
    }
    1
}
