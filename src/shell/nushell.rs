//! Nushell's hook. Nushell evaluates no text while it runs, so the hook is a file that it reads at its start, and what a folder asks for
//! comes as JSON, which the hook loads.
//!
//! What Nushell can ask of a file without a process is whether it is there (4 µs) and what is in it (65 µs); its time costs 500 µs. So
//! version files are compared by their content, and the folders above are looked at for new ones as well.

use super::script::Kept;
use serde::Serialize;
use std::collections::BTreeMap;

/// The hook's text; `@OMG@` is left in it.
pub fn hook(variables: &[String]) -> String {
    let asked: Vec<String> = variables.iter().map(|name| format!("($env.{name}?)")).collect();
    HOOK.replace("@ASKED@", &format!("$\"{}\"", asked.join(":")))
}

/// `@OMG@` stands for the path of omg; a version file counts as far as omg reads it.
const HOOK: &str = r#"# omg in Nushell: omg hook nushell | save --force ($nu.user-autoload-dirs.0 | path join omg.nu)
def __omg_is_same [] {
    let kept = $env.__omg
    if $kept.folder != $env.PWD or $kept.asked != @ASKED@ { return false }
    # Another program may have put the search path back as it was.
    if not ($":([$env.PATH?] | flatten | str join ':'):" | str contains $kept.path) { return false }
    if ($kept.absent | path exists | any { $in }) { return false }
    for file in $kept.files {
        let now = try { open --raw $file.name | first 1048576 | hash sha256 } catch { '' }
        if $now != $file.sha256 { return false }
    }
    true
}
def --env __omg_load [set: record] {
    for name in ($set | columns) {
        let value = $set | get $name
        if $value == null { hide-env --ignore-errors $name } else { load-env { $name: $value } }
    }
}
# Each `try` has a scope of its own, since it sets the last command's code, which is the person's.
def --env __omg_hook [] {
    if not (__omg_is_same) {
        $env.__omg.folder = $env.PWD
        $env.__omg.asked = @ASKED@
        let asked = do { try { ^@OMG@ env --shell nushell | from json } catch { null } }
        if $asked != null {
            __omg_load $asked.set
            $env.__omg = ($env.__omg | merge $asked.kept)
        }
    }
    let line = do { try { open --raw $env.__omg.line | lines | first } catch { '' } }
    let shown = $"($line) ($env.__omg.runtimes)"
    if $shown != $env.__omg.shown {
        $env.__omg.shown = $shown
        let counts = [[name sign]; [updates ↑] [security !] [attention ×]] | each {|part|
            let found = $line | parse --regex ('\b' + $part.name + '=(?P<count>[1-9][0-9]*)')
            if ($found | is-empty) { '' } else { $"($part.sign)($found.0.count) " }
        }
        $env.OMG_PROMPT = ($counts | append $env.__omg.runtimes | str join)
    }
}
def --env --wrapped "omg use" [...args] {
    if '--shell' in $args {
        let set = with-env { OMG_SHELL: nushell } { ^@OMG@ use ...$args | from json }
        __omg_load $set
    } else {
        ^@OMG@ use ...$args
    }
    $env.__omg.folder = ''
    __omg_hook
}
if $env.__omg? == null {
    $env.config.hooks.pre_prompt = ($env.config.hooks.pre_prompt? | default [] | append {|| __omg_hook })
    # What others do on a change of folder, they do after what they do before a prompt.
    $env.config.hooks.env_change.PWD = ($env.config.hooks.env_change.PWD? | default [] | append {|| __omg_hook })
    # What was installed meanwhile is asked for anew.
    $env.config.hooks.pre_execution = ($env.config.hooks.pre_execution? | default [] | append {||
        if (commandline) =~ '\bomg\b' { $env.__omg.folder = '' }
    })
}
$env.__omg = { folder: '', asked: '', path: '', absent: [], files: [], line: '', runtimes: '', shown: '' }
$env.OMG_PROMPT = ''
"#;

/// What the hook loads to come into the environment of a folder, in one line.
pub fn environment(variables: &[(String, Option<String>)], kept: &Kept<'_>) -> String {
    #[derive(Serialize)]
    struct Asked<'k> {
        set: BTreeMap<&'k str, Option<Value<'k>>>,
        kept: Comparison<'k>,
    }
    #[derive(Serialize)]
    struct Comparison<'k> {
        path: String,
        absent: &'k [String],
        files: Vec<File<'k>>,
        line: &'k str,
        runtimes: &'k str,
    }
    #[derive(Serialize)]
    struct File<'k> {
        name: &'k str,
        sha256: &'k str,
    }
    let path = match kept.path {
        [] => String::new(),
        path => format!(":{}:", path.join(":")),
    };
    let files = kept.contents.iter().map(|(name, sha256)| File { name, sha256 }).collect();
    let (line, runtimes) = (kept.line.unwrap_or_default(), kept.runtimes);
    let comparison = Comparison { path, absent: kept.missing, files, line, runtimes };
    json(&Asked { set: set(variables), kept: comparison })
}

/// Variables alone.
pub fn assign(variables: &[(String, Option<String>)]) -> String {
    json(&set(variables))
}

/// Nushell has the search path as a list.
#[derive(Serialize)]
#[serde(untagged)]
enum Value<'v> {
    Text(&'v str),
    List(Vec<&'v str>),
}

fn set(variables: &[(String, Option<String>)]) -> BTreeMap<&str, Option<Value<'_>>> {
    let value = |name: &str, value| match name {
        "PATH" => Value::List(str::split(value, ':').collect()),
        _ => Value::Text(value),
    };
    variables.iter().map(|(name, text)| (&**name, text.as_deref().map(|text| value(name, text)))).collect()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it is plain text") + "\n"
}
