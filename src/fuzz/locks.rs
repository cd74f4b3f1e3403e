//! Lock files, the versions in them, and the ranges of advisories.

use super::text;
use crate::audit::ecosystem::range::{Verdict, is_affected};
use crate::audit::ecosystem::{Ecosystem, Version};
use crate::audit::locks::{Format, Lock, read};
use crate::model::{Affected, Range, Turn};
use std::cmp::Ordering;

const FORMATS: [Format; 13] = [
    Format::Bun,
    Format::BunBinary,
    Format::Cargo,
    Format::Composer,
    Format::Gemfile,
    Format::Go,
    Format::Npm,
    Format::Pipfile,
    Format::Pnpm,
    Format::Poetry,
    Format::Requirements,
    Format::Uv,
    Format::Yarn,
];

/// Every reader reads it, whatever file it is of; what lies beside it is the same text again.
pub fn locks(data: &[u8]) {
    let text = text(data);
    for format in FORMATS {
        if let Ok(lock) = read(format, &text, &mut |_| Some(text.to_string())) {
            check(&lock, &text);
        }
    }
}

fn check(lock: &Lock, text: &str) {
    let is_place = |place: &usize| *place < lock.packages.len();
    let ascends = |places: &[usize]| places.is_sorted_by(|a, b| a < b) && places.iter().all(is_place);
    assert!(ascends(&lock.roots), "{:?}", lock.format);
    // YAML counts a carriage return alone, too.
    let lines = text.matches(['\n', '\r']).count() as u32 + 1;
    for package in &lock.packages {
        assert!(ascends(&package.depends_on), "{package:?}");
        assert!(package.line <= lines, "{package:?}");
        assert_eq!(package.ecosystem, lock.format.ecosystem());
    }
    assert!(lock.problems.iter().all(|problem| problem.line <= lines && !problem.message.is_empty()));
}

/// Three versions, a line each, in every registry's order; then events of a range, each a letter and a version.
pub fn versions(data: &[u8]) {
    let text = text(data);
    let mut lines = text.split('\n');
    let [a, b, c] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let event = |line: &str| {
        let (first, rest) = line.split_at_checked(1)?;
        let event = match first {
            "i" => Turn::Introduced,
            "f" => Turn::Fixed,
            "l" => Turn::LastAffected,
            _ => Turn::Limit,
        };
        Some((event, rest.to_owned()))
    };
    let events: Range = lines.filter_map(event).collect();
    for ecosystem in Ecosystem::ALL {
        let [a, b, c] = [a, b, c].map(|text| Version::parse(ecosystem, text));
        let order = |a: &Option<Version>, b: &Option<Version>| a.as_ref()?.compare(b.as_ref()?);
        assert_eq!(order(&a, &a).is_some(), a.is_some());
        assert!(order(&a, &a).is_none_or(Ordering::is_eq), "{a:?} is not itself");
        assert_eq!(order(&a, &b), order(&b, &a).map(Ordering::reverse), "{a:?} {b:?}");
        if let (Some(first), Some(second)) = (order(&a, &b), order(&b, &c)) {
            let whole = if first.is_eq() { second } else { first };
            assert!(
                first.is_ne() && second.is_ne() && first != second || order(&a, &c) == Some(whole),
                "{a:?} {b:?} {c:?}"
            );
        }
        ranges(ecosystem, text.split('\n').next().unwrap_or_default(), &events);
    }
    let name = text.split('\n').next().unwrap_or_default();
    for ecosystem in Ecosystem::ALL {
        let normal = ecosystem.normal_name(name);
        assert_eq!(ecosystem.normal_name(&normal), normal);
    }
}

/// The events' order is nothing, and what is no version is never good.
fn ranges(ecosystem: Ecosystem, version: &str, events: &[(Turn, String)]) {
    let affected = |events: Range| Affected { ranges: vec![events], versions: vec![] };
    let verdict = is_affected(ecosystem, &affected(events.to_vec()), version);
    let reversed = is_affected(ecosystem, &affected(events.iter().rev().cloned().collect()), version);
    let kind = std::mem::discriminant::<Verdict>;
    assert_eq!(kind(&verdict), kind(&reversed), "{version:?} {events:?}");
    assert!(verdict != Verdict::Good || ecosystem.is_version(version), "{version:?}");
    if let Verdict::Bad { fixed: Some(fixed) } = &verdict {
        assert_eq!(is_affected(ecosystem, &affected(events.to_vec()), fixed), Verdict::Good, "{version:?} {events:?}");
    }
}
