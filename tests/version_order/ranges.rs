//! Which versions an advisory affects: every record at hand with every version it names and some beside these, against a plain walk
//! over the sorted events in the registries' own code.

use crate::ecosystems::{NODE, PYTHON};
use crate::pairs::data;
use omg::audit::ecosystem::Ecosystem;
use omg::audit::ecosystem::range::{Verdict, is_affected};
use omg::model::{Affected, Range, Turn};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::rc::Rc;

/// Of one of the files with real records; none where it is not there.
pub fn records(name: &str) -> Vec<Value> {
    let Ok(bytes) = std::fs::read(data(&format!("osv/vulnfeed-2026-01-29-{name}.json.zst"))) else { return Vec::new() };
    let text = zstd::decode_all(&bytes[..]).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// With what tests of their own make: events without order, limits, several at one place.
fn made() -> Vec<Value> {
    let record = |name: &str, ranges: Value, versions: Value| json!({"affected": [{"package": {"ecosystem": name}, "ranges": ranges, "versions": versions}]});
    let mixed = json!([{"type": "SEMVER", "events": [
        {"fixed": "2.1.0"}, {"introduced": "2.0.0"}, {"fixed": "1.0.5"}, {"introduced": "0"}, {"introduced": "3.0.0-rc.1"},
        {"last_affected": "3.4.0"}, {"limit": "3.3.0"}]}]);
    let several = json!([
        {"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}, {"last_affected": "1.0"}]},
        {"type": "ECOSYSTEM", "events": [{"introduced": "1.5"}, {"fixed": "1.5"}, {"introduced": "1.7"}]},
        {"type": "GIT", "events": [{"introduced": "0"}]}]);
    let both =
        |ranges: &Value, versions: Value| ["npm", "PyPI"].map(|name| record(name, ranges.clone(), versions.clone()));
    [both(&mixed, json!(["9.9.9"])), both(&several, json!([])), both(&json!([]), json!(["1.0.0", "2.0.0"]))].concat()
}

const NAMES: [(Turn, &str); 4] = [
    (Turn::Introduced, "introduced"),
    (Turn::Fixed, "fixed"),
    (Turn::LastAffected, "last_affected"),
    (Turn::Limit, "limit"),
];

/// What a record says of each registry's packages that we know.
pub fn affected(record: &Value) -> Vec<(Ecosystem, Affected<String>)> {
    let texts = |value: &Value| value.as_str().map(str::to_owned);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let event = |value: Value| {
        let (name, text) = value.as_object()?.iter().next().map(|(name, text)| (name.clone(), text.clone()))?;
        let (turn, _) = NAMES.into_iter().find(|(_, known)| *known == name)?;
        Some((turn, texts(&text)?))
    };
    let range = |value: Value| list(&value["events"]).into_iter().filter_map(event).collect();
    let is_of_versions = |value: &Value| value["type"] != "GIT";
    let one = |value: &Value| {
        let ecosystem = Ecosystem::named(value["package"]["ecosystem"].as_str()?)?;
        let ranges = list(&value["ranges"]).into_iter().filter(is_of_versions).map(range).collect();
        Some((ecosystem, Affected { ranges, versions: list(&value["versions"]).iter().filter_map(texts).collect() }))
    };
    list(&record["affected"]).iter().filter_map(one).collect()
}

/// The versions it names, and those just before, behind and between the ends of its ranges.
fn versions(affected: &Affected<String>) -> BTreeSet<String> {
    let ends = affected.ranges.iter().flatten().map(|(_, text)| text);
    let beside = ends.chain(affected.versions.iter().take(20)).flat_map(|text| {
        ["-0", "-rc.1", ".1", ".post1", "rc1", ".dev0", "+local.1", ""].map(|end| format!("{text}{end}"))
    });
    let always = ["0", "0.0.1", "1.0.0", "2.0.0", "3.3.5", "99999.0.0"].map(str::to_owned);
    beside.chain(affected.versions.iter().cloned()).chain(always).collect()
}

/// Made plain for the oracles: no one of them knows our types.
fn plain(affected: &Affected<String>) -> Value {
    let event = |(turn, text): &(Turn, String)| {
        let (_, name) = NAMES.into_iter().find(|(known, _)| known == turn).unwrap();
        json!([name, text])
    };
    let ranges = affected.ranges.iter().map(|range: &Range| range.iter().map(event).collect());
    json!({"ranges": ranges.collect::<Vec<Vec<_>>>(), "versions": affected.versions})
}

const NODE_WALK: &str = "
const version = (text) => semver.parse(text.replace(/^(\\d+)$/, '$1.0.0').replace(/^(\\d+\\.\\d+)$/, '$1.0'));
const rank = { fixed: 0, introduced: 1, last_affected: 2 };
const verdict = (ranges, versions, text) => {
  if (versions.includes(text)) return '+';
  const at = version(text);
  if (!at) return '!';
  if (versions.some((other) => version(other) && semver.eq(version(other), at))) return '+';
  let answer = '-';
  for (const events of ranges) {
    const limits = events.filter(([name]) => name === 'limit').map(([, text]) => text);
    if (limits.length && !limits.some((text) => text === '*' || semver.lt(at, version(text)))) continue;
    const walk = events.filter(([name]) => name !== 'limit').map(([name, text]) => ({ name, zero: name === 'introduced' && text === '0', at: version(text) }));
    if (walk.some((event) => !event.at)) { answer = '!'; continue; }
    walk.sort((a, b) => (b.zero - a.zero) || (a.zero ? 0 : semver.compare(a.at, b.at)) || rank[a.name] - rank[b.name]);
    let inside = false;
    for (const event of walk) {
      if (event.name === 'introduced' && (event.zero || semver.gte(at, event.at))) inside = true;
      if (event.name === 'fixed' && semver.gte(at, event.at)) inside = false;
      if (event.name === 'last_affected' && semver.gt(at, event.at)) inside = false;
    }
    if (inside) return '+';
  }
  return answer;
};
process.stdout.write(lines.map((line) => {
  const { ranges, versions, asked } = JSON.parse(line);
  return asked.map((text) => verdict(ranges, versions, text)).join('');
}).join(''));
";

const PYTHON_WALK: &str = "
from functools import lru_cache
RANK = {'fixed': 0, 'introduced': 1, 'last_affected': 2}
@lru_cache(None)
def version(text):
    try: return Version(text)
    except InvalidVersion: return None
def verdict(ranges, versions, listed, text):
    if text in versions: return '+'
    at = version(text)
    if at is None: return '!'
    if at in listed: return '+'
    answer = '-'
    for events in ranges:
        limits = [text == '*' or at < version(text) for name, text in events if name == 'limit']
        if limits and not any(limits): continue
        events = [(name, name == 'introduced' and text == '0', version(text)) for name, text in events if name != 'limit']
        if any(event is None for _, _, event in events):
            answer = '!'
            continue
        inside = False
        for name, zero, event in sorted(events, key=lambda e: (not e[1], version('0.dev0') if e[1] else e[2], RANK[e[0]])):
            if name == 'introduced' and (zero or at >= event): inside = True
            if name == 'fixed' and at >= event: inside = False
            if name == 'last_affected' and at > event: inside = False
        if inside: return '+'
    return answer
for line in sys.stdin:
    record = json.loads(line)
    versions = set(record['versions'])
    listed = set(map(version, versions))
    print(''.join(verdict(record['ranges'], versions, listed, text) for text in record['asked']), end='')
";

/// What the oracle says of each version that a line asks about, a sign each; `None` where it cannot be run.
fn asked(program: &str, arguments: [&str; 2], lines: String) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut pipe = child.stdin.take()?;
    let writer = std::thread::spawn(move || pipe.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    output.status.success().then_some(output.stdout)
}

fn held_against(name: &str, program: &str, arguments: [&str; 2], is_asked: fn(Ecosystem) -> bool, records: &[Value]) {
    let mut questions = Vec::new();
    let mut lines = String::new();
    for (ecosystem, affected) in records.iter().flat_map(affected).filter(|(ecosystem, _)| is_asked(*ecosystem)) {
        let says_nothing = affected.versions.is_empty() && affected.ranges.is_empty();
        if says_nothing {
            assert!(matches!(is_affected(ecosystem, &affected, "1.0.0"), Verdict::Unknown(_)));
            continue;
        }
        let plain = plain(&affected);
        let versions = versions(&affected);
        let mut line = plain.clone();
        line["asked"] = versions.iter().cloned().collect();
        lines += &format!("{line}\n");
        let plain = Rc::new(plain);
        let answers =
            versions.into_iter().map(|version| (plain.clone(), is_affected(ecosystem, &affected, &version), version));
        questions.extend(answers);
    }
    let Some(theirs) = asked(program, arguments, lines) else {
        return println!("skipped {name}: no {program} with it");
    };
    assert_eq!(theirs.len(), questions.len());
    let (mut good, mut bad, mut unknown) = (0, 0, 0);
    for ((affected, verdict, version), sign) in questions.into_iter().zip(theirs) {
        let ours = match verdict {
            Verdict::Bad { .. } => b'+',
            Verdict::Good => b'-',
            Verdict::Unknown(_) => b'!',
        };
        assert_eq!(char::from(ours), char::from(sign), "{program}: {version:?} of {affected}");
        let count = [&mut good, &mut bad, &mut unknown].into_iter().zip(b"-+!").find(|(_, own)| **own == sign);
        *count.unwrap().0 += 1;
    }
    assert!(good > 0 && bad > 0 && unknown > 0, "{good} {bad} {unknown}");
    println!("{program}: {good} good, {bad} bad, {unknown} unknown");
}

#[test]
fn records_of_semver_affect_what_npms_order_says() {
    let mut records: Vec<Value> = ["npm", "crates-io", "go", "pypi"].into_iter().flat_map(self::records).collect();
    if records.is_empty() {
        println!("skipped records_of_semver_affect_what_npms_order_says: no advisories, but those of our own making");
    }
    records.extend(made());
    let script = NODE.to_owned() + NODE_WALK;
    let is_asked = |ecosystem| matches!(ecosystem, Ecosystem::Npm | Ecosystem::CratesIo | Ecosystem::Go);
    held_against("records_of_semver_affect_what_npms_order_says", "node", ["-e", &script], is_asked, &records);
}

#[test]
fn records_of_pypi_affect_what_pythons_order_says() {
    let mut records: Vec<Value> = ["npm", "crates-io", "go", "pypi"].into_iter().flat_map(self::records).collect();
    // The Python Packaging Authority's own, made into JSON by whoever wants them asked about.
    if let Some(more) = std::env::var_os("OMG_TEST_PYSEC") {
        records.extend(serde_json::from_slice::<Vec<Value>>(&std::fs::read(more).unwrap()).unwrap());
    }
    records.extend(made());
    let script = PYTHON.to_owned() + PYTHON_WALK;
    let is_asked = |ecosystem| ecosystem == Ecosystem::PyPi;
    held_against("records_of_pypi_affect_what_pythons_order_says", "python3", ["-c", &script], is_asked, &records);
}
