//! A task that runs omg again, which runs the task again: told after a few rounds, before the machine is full of them.

use super::Step;
use crate::error::{Exit, Hinted};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The tasks that this omg was started from, outermost first.
pub(super) const VARIABLE: &str = "OMG_TASKS";
/// One task may start itself with other arguments, and end.
const MOST: usize = 8;
/// Between tasks, and between a task's folder and its name.
const BETWEEN: [u8; 2] = [0x1e, 0x1f];

fn known() -> Vec<u8> {
    std::env::var_os(VARIABLE).unwrap_or_default().as_bytes().to_vec()
}

fn key(step: &Step) -> Vec<u8> {
    [step.folder.as_os_str().as_bytes(), &BETWEEN[1..], step.source.name().as_bytes(), b":", step.name.as_bytes()]
        .concat()
}

/// The variable for what a step starts.
pub(super) fn with(step: &Step) -> OsString {
    OsStr::from_bytes(&[&known()[..], &key(step), &BETWEEN[..1]].concat()).to_owned()
}

pub(super) fn check(step: &Step) -> Result<(), Hinted> {
    let (known, key) = (known(), key(step));
    let all: Vec<&[u8]> = known.split(|byte| *byte == BETWEEN[0]).collect();
    if all.iter().filter(|one| **one == key).count() < MOST {
        return Ok(());
    }
    let first = all.iter().position(|one| *one == key).unwrap_or(0);
    let names = all[first..].iter().filter_map(|one| one.rsplit(|byte| *byte == BETWEEN[1]).next());
    let mut circle: Vec<String> = names.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let again = circle.iter().skip(1).position(|name| *name == circle[0]).map_or(circle.len(), |at| at + 2);
    circle.truncate(again);
    let message = format!("{} runs itself again and again: {}", step.name, circle.join(" -> "));
    let hint = "a task of omg.toml is what its name means; another is named with its tool, as make:build";
    Err(Hinted::new(Exit::Failed, message, hint))
}
