//! `omg audit export`: what an auditor wants, as files: decisions, transactions, findings and rules, as the commands that show them tell
//! them, and what is missing. Nothing is summed up, scored or made up.

use super::super::reply::{Remark, Reply};
use super::super::{history, list, policy};
use super::{log, scan};
use crate::audit::sha256;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let output = Arg::new("output").long("output").short('o').value_name("DIR").value_hint(ValueHint::DirPath);
    Command::new("export")
        .about("Write the evidence there is for an auditor, and say what is missing")
        .arg(flag("csv", "Write tables, one file each (with --output)"))
        .arg(Arg::new("since").long("since").value_name("TIME").help("Only decisions and transactions from then on"))
        .arg(output.value_parser(value_parser!(PathBuf)).help("Write files into a new folder [default: one document]"))
}

/// A question that is answered by another command; its answer is a part of the evidence.
struct Part {
    name: &'static str,
    command: fn() -> Command,
    run: fn(&Ctx, &ArgMatches) -> Result<Reply>,
    arguments: &'static [&'static str],
    /// What there is to say where the answer is empty.
    empty: &'static str,
}

const PARTS: &[Part] = &[
    Part {
        name: "decisions",
        command: log::command,
        run: log::run,
        arguments: &["--all"],
        empty: "no decision is logged",
    },
    Part {
        name: "logs",
        command: log::verify_command,
        run: log::run_verify,
        arguments: &[],
        empty: "there is no log to verify",
    },
    Part {
        name: "transactions",
        command: history::command,
        run: history::run,
        arguments: &["--all"],
        empty: "no transaction is recorded",
    },
    Part { name: "scan", command: scan::command, run: scan::run, arguments: &["--all"], empty: "" },
    Part { name: "rules", command: policy::command, run: policy::run, arguments: &[], empty: "there are no rules" },
    Part { name: "installed", command: list::command, run: list::run, arguments: &[], empty: "nothing is installed" },
];

/// The columns of each table, so that one without rows has them too; as omg-json(5) has the keys.
const COLUMNS: &[(&str, &str)] = &[
    ("decisions", "details event hash log prev seq time uid user"),
    ("logs", "entries fault head known log recovered"),
    ("transactions", "changes command ended failure fs_snapshots id source started user"),
    ("scan-files", "own packages path source"),
    (
        "scan-findings",
        "aliases description epss exploited fix_offered fixed id name packages places ransomware score severity source standing \
         vector version",
    ),
    ("scan-publishers", "checked count name"),
    (
        "scan-suppressed",
        "aliases by description epss exploited fix_offered fixed id name packages places ransomware reason score severity source \
         standing until vector version",
    ),
    ("scan-unknown", "ids name places reason source version"),
    ("rules", "file layer line locked rule values"),
    (
        "installed",
        "candidate description foreign held installed_version name orphan reason replaced_by repository security size source \
         version",
    ),
];

/// The whole. Each part has the shape of the command that gave it.
#[derive(Serialize)]
struct Evidence {
    made: String,
    omg: &'static str,
    root: String,
    since: Option<String>,
    missing: Vec<String>,
    #[serde(flatten)]
    parts: Map<String, Value>,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    folder: String,
    files: Vec<WrittenFile>,
    missing: Vec<String>,
}

#[derive(Serialize)]
struct WrittenFile {
    name: String,
    sha256: String,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let since = matches.get_one::<String>("since").map(|text| time(text)).transpose()?;
    let output = matches.get_one::<PathBuf>("output");
    let as_tables = matches.get_flag("csv");
    if as_tables && output.is_none() {
        let hint = "`omg audit export --csv --output DIR`";
        return Err(Hinted::new(Exit::Usage, "tables are files, and need a folder", hint).into());
    }
    let evidence = gather(ctx, since)?;
    let missing: Vec<Remark> =
        evidence.missing.iter().map(|what| Remark::Warning(format!("missing: {what}"))).collect();
    let exit = if missing.is_empty() { Exit::Found } else { Exit::Partial };
    let Some(folder) = output else {
        let text = |_: &Ui, evidence: &Evidence| {
            serde_json::to_string_pretty(evidence).expect("what was read as JSON can be written") + "\n"
        };
        return Ok(Reply::new(evidence, text, exit).with(missing));
    };
    let files = files(&evidence, as_tables)?;
    let files = write(folder, &files)?;
    let written = Written { folder: folder.display().to_string(), files, missing: evidence.missing };
    let text = |_: &Ui, written: &Written| format!("{}: {} files\n", log::line(&written.folder), written.files.len());
    Ok(Reply::new(written, text, exit).with(missing))
}

/// A day, which begins in UTC, or a moment.
fn time(text: &str) -> Result<Timestamp> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    text.parse::<Timestamp>().ok().or_else(day).ok_or_else(|| {
        let message = format!("{text:?} is no time");
        Hinted::new(Exit::Usage, message, "a day as 2026-01-31, or a moment as 2026-01-31T12:00:00Z").into()
    })
}

fn gather(ctx: &Ctx, since: Option<Timestamp>) -> Result<Evidence> {
    let (mut parts, mut missing) = (Map::new(), Vec::new());
    for Part { name, command, run, arguments, empty } in PARTS {
        let matches =
            command().no_binary_name(true).try_get_matches_from(*arguments).context("omg asks itself rightly")?;
        let said =
            (run)(ctx, &matches).and_then(|reply| Ok((serde_json::from_str(&reply.json(false)?)?, reply.remarks)));
        let (mut value, remarks): (Value, Vec<Remark>) = match said {
            Ok(said) => said,
            Err(error) => {
                missing.push(format!("{name}: {error:#}"));
                parts.insert((*name).to_owned(), Value::Null);
                continue;
            }
        };
        let faults = remarks.into_iter().filter_map(|remark| match remark {
            Remark::Warning(text) | Remark::Error { message: text, .. } => Some(format!("{name}: {text}")),
            Remark::Note(_) | Remark::Hint(_) => None,
        });
        let before = missing.len();
        missing.extend(faults);
        if let (Some(since), Some(rows)) = (since, value.as_array_mut()) {
            rows.retain(|row| moment(row).is_none_or(|at| at >= since));
        }
        if value.as_array().is_some_and(Vec::is_empty) && missing.len() == before {
            let since = since.map_or(String::new(), |since| format!(" since {since}"));
            missing.push(format!("{name}: {empty}{since}"));
        }
        parts.insert((*name).to_owned(), value);
    }
    Ok(Evidence {
        made: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        omg: env!("CARGO_PKG_VERSION"),
        root: ctx.place.root.display().to_string(),
        since: since.map(|since| since.to_string()),
        missing,
        parts,
    })
}

/// When a decision was made or a transaction began; `None` for what has no time.
fn moment(row: &Value) -> Option<Timestamp> {
    match (&row["time"], &row["started"]) {
        (Value::String(time), _) => time.parse().ok(),
        (_, Value::Number(started)) => Timestamp::from_second(started.as_i64()?).ok(),
        _ => None,
    }
}

/// The files that the evidence is written as: one for each part, or one for each table.
fn files(evidence: &Evidence, as_tables: bool) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for (name, value) in &evidence.parts {
        if as_tables {
            let tables = tables(name, value).into_iter();
            files.extend(tables.map(|(name, rows)| (format!("{name}.csv"), csv(&rows).into_bytes())));
        } else if !value.is_null() {
            files.push((format!("{name}.json"), serde_json::to_vec_pretty(value)?));
        }
    }
    Ok(files)
}

/// Rows of cells, the first of which names the columns. A list of objects is one; of an object each list of objects is one, and all
/// else of it another.
fn tables(name: &str, value: &Value) -> Vec<(String, Vec<Vec<String>>)> {
    match value {
        Value::Array(rows) => {
            let mut columns: Vec<&str> = columns(name).map_or(Vec::new(), |all| all.split(' ').collect());
            for key in rows.iter().filter_map(Value::as_object).flat_map(Map::keys) {
                if !columns.contains(&key.as_str()) {
                    columns.push(key);
                }
            }
            let head = columns.iter().map(|column| (*column).to_owned()).collect();
            let row = |row: &Value| columns.iter().map(|column| cell(&row[*column])).collect();
            vec![(name.to_owned(), [head].into_iter().chain(rows.iter().map(row)).collect())]
        }
        Value::Object(fields) => {
            let is_table = |key: &str, rows: &[Value]| match rows {
                [] => columns(&format!("{name}-{key}")).is_some(),
                rows => rows.iter().all(Value::is_object),
            };
            let is_table = |(key, value): &(&String, &Value)| value.as_array().is_some_and(|rows| is_table(key, rows));
            let (lists, rest): (Vec<_>, Vec<_>) = fields.iter().partition(is_table);
            let rest = rest.into_iter().map(|(key, value)| vec![key.clone(), cell(value)]);
            let head = vec!["key".to_owned(), "value".to_owned()];
            let own = (name.to_owned(), [head].into_iter().chain(rest).collect());
            [own]
                .into_iter()
                .chain(lists.into_iter().flat_map(|(key, list)| tables(&format!("{name}-{key}"), list)))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn columns(table: &str) -> Option<&'static str> {
    COLUMNS.iter().find(|(name, _)| *name == table).map(|(_, columns)| *columns)
}

/// What is no plain value stands in its cell as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// As RFC 4180 has it.
fn csv(rows: &[Vec<String>]) -> String {
    let cell = |cell: &String| match cell.contains([',', '"', '\r', '\n']) || cell.trim() != cell {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n").collect()
}

/// Writes a new folder, which is there whole or not at all, with a list of the files' digests as `sha256sum --check` reads it.
fn write(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<Vec<WrittenFile>> {
    let describe = || format!("cannot write {}", folder.display());
    ensure!(folder.symlink_metadata().is_err(), "{} is there already", folder.display());
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new = tempfile::Builder::new().prefix(".omg-export-").tempdir_in(parent).with_context(describe)?;
    let mut written = Vec::new();
    let put = |name: &str, bytes: &[u8]| -> Result<()> {
        let mut file = File::create_new(new.path().join(name)).with_context(describe)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).with_context(describe)
    };
    for (name, bytes) in files {
        put(name, bytes)?;
        written.push(WrittenFile { name: name.clone(), sha256: sha256(bytes) });
    }
    let sums: String = written.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect();
    put("SHA256SUMS", sums.as_bytes())?;
    fs::rename(new.path(), folder).with_context(describe)?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_hold_every_value_and_come_back_from_their_text() {
        let value = json!({
            "packages": 2,
            "faults": ["a", "b"],
            "others": [{"id": "CVE-1", "why": "a, \"b\"\nc"}, {"id": "CVE-2", "fix": null, "more": [1]}],
            "problems": [],
            "unknown": [],
        });
        let found = tables("scan", &value);
        let names = ["scan", "scan-others", "scan-unknown"];
        assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
        let own = "key,value\r\nfaults,\"[\"\"a\"\",\"\"b\"\"]\"\r\npackages,2\r\nproblems,[]\r\n";
        assert_eq!(csv(&found[0].1), own);
        assert_eq!(csv(&found[2].1), "ids,name,places,reason,source,version\r\n");
        assert_eq!(csv(&found[1].1), "id,why,fix,more\r\nCVE-1,\"a, \"\"b\"\"\nc\",,\r\nCVE-2,,,[1]\r\n");
        assert!(tables("x", &Value::Null).is_empty());
    }

    #[test]
    fn times_are_days_and_moments() {
        assert_eq!(time("2026-01-31").unwrap().as_second(), time("2026-01-31T00:00:00Z").unwrap().as_second());
        assert!(time("yesterday").is_err() && time("").is_err());
        assert_eq!(moment(&json!({"started": 5})).unwrap().as_second(), 5);
        assert_eq!(moment(&json!({"name": "x"})), None);
    }
}
