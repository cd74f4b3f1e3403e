//! What looks for credentials in files and in git's objects.

use crate::audit::secrets::git::{self, Cache, Pack};
use crate::audit::secrets::{Baseline, Scanner};
use std::io::Write;
use std::sync::LazyLock;

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner::new().expect("the rules are good"));

/// Findings lie within the text, stand in order, show at most a part, and are the same by whatever windows it is read.
pub fn scan(data: &[u8]) {
    let mut buffer = Vec::new();
    let mut told = |window, data: &[u8]| {
        let scanned = SCANNER.scan_by(window, data, &mut buffer).expect("memory can be read");
        assert_eq!(scanned.bytes, data.len() as u64);
        let lines = data.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        for finding in &scanned.findings {
            assert!((1..=lines).contains(&finding.line) && finding.length <= data.len());
            assert!(finding.begins.len() * 4 <= finding.length);
        }
        scanned
            .findings
            .into_iter()
            .map(|finding| (finding.line, finding.column, finding.fingerprint))
            .collect::<Vec<_>>()
    };
    let whole = told(1 << 20, data);
    assert!(whole.is_sorted_by_key(|(line, column, _)| (*line, *column)));
    assert_eq!(told(0, data), whole);
}

/// What is read as one is written as one.
pub fn baseline(data: &[u8]) {
    let _ = Baseline::parse(&super::text(data)).map(|known| known.unexplained());
}

/// The first two bytes say how long the index is that comes before the pack. And all of it as a difference.
pub fn pack(data: &[u8]) {
    git::apply(data, data);
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let (index, pack) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
    let mut file = tempfile::tempfile().expect("a file can be made");
    file.write_all(pack).expect("a file can be written");
    let Ok(pack) = Pack::new("fuzz".into(), file, index, 20) else { return };
    let mut cache = Cache::default();
    for at in pack.order() {
        assert_eq!(pack.find(&pack.id(at)).map(|at| pack.id(at)), Some(pack.id(at)));
        let _ = pack.whole(at, &mut cache);
    }
}
