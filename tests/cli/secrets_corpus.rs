//! Planted secrets and what looks like some, counted: how many of them `omg audit secrets` finds, and how much of what it finds is none.
//! Beside it gitleaks and detect-secrets, where they are installed.
//!
//! The forms are those that publishers describe, written down here and not taken from omg's rules. Nothing of it is a secret: each is
//! thrown with dice when the test runs, the same in every run.

use crate::support::Place;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const EACH: usize = 12;
const HEX: &str = "0123456789abcdef";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALL: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";

struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % most
    }

    fn of(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| char::from(alphabet.as_bytes()[self.below(alphabet.len())])).collect()
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }

    /// As GitHub and npm check their own.
    fn with_checksum(&mut self, before: &str) -> String {
        let random = self.of(ALL, 30);
        let mut sum = !random.bytes().fold(!0u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(byte), |sum, _| sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
        });
        let mut digits = Vec::new();
        (0..6).for_each(|_| {
            digits.insert(0, ALL.as_bytes()[sum as usize % 62]);
            sum /= 62;
        });
        format!("{before}{random}{}", String::from_utf8(digits).unwrap())
    }

    fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|length| self.of(HEX, length)).join("-")
    }

    /// A secret, in a line as people have it in their files; `None` behind the last kind.
    fn secret(&mut self, kind: usize) -> Option<String> {
        let named = |dice: &mut Dice, name: &str, value: &str| match dice.below(4) {
            0 => format!("export {}=\"{value}\"", name.to_uppercase()),
            1 => format!("{name}: {value}"),
            2 => format!("    \"{name}\": \"{value}\","),
            _ => format!("{name} = '{value}'"),
        };
        let digit = |dice: &mut Dice, length| dice.of(DIGITS, length);
        Some(match kind {
            0 => {
                let t = self.with_checksum("ghp_");
                named(self, "github_token", &t)
            }
            1 => {
                let t = format!("github_pat_{}_{}", self.of(ALL, 22), self.of(ALL, 59));
                named(self, "token", &t)
            }
            2 => {
                let t = self.with_checksum("npm_");
                format!("//registry.npmjs.org/:_authToken={t}")
            }
            3 => {
                let t = format!("glpat-{}", self.of(ALL, 20));
                named(self, "gitlab", &t)
            }
            4 => {
                let t = format!("AKIA{}", self.of(UPPER, 16));
                named(self, "aws_access_key_id", &t)
            }
            5 => {
                let t = self.of(ALL, 40);
                named(self, "aws_secret_access_key", &t)
            }
            6 => {
                let t = format!("xoxb-{}-{}-{}", digit(self, 12), digit(self, 12), self.of(ALL, 24));
                named(self, "slack", &t)
            }
            7 => format!(
                "curl -X POST https://hooks.slack.com/services/T{}/B{}/{}",
                self.of(UPPER, 8),
                self.of(UPPER, 10),
                self.of(ALL, 24)
            ),
            8 => {
                let t = format!("sk_live_{}", self.of(ALL, 24));
                named(self, "stripe_key", &t)
            }
            9 => {
                let t = format!("AIza{}", self.of(ALL, 35));
                named(self, "google", &t)
            }
            10 => {
                let t = format!("SG.{}.{}", self.of(ALL, 22), self.of(ALL, 43));
                named(self, "sendgrid_api_key", &t)
            }
            11 => {
                let t = format!("dop_v1_{}", self.of(HEX, 64));
                named(self, "do_token", &t)
            }
            12 => {
                let t = format!("hf_{}", self.of(&ALL[10..], 34));
                named(self, "hub", &t)
            }
            13 => {
                let t = format!("sk-ant-api03-{}AA", self.of(ALL, 93));
                named(self, "anthropic", &t)
            }
            14 => {
                let t = format!("sk-proj-{}T3BlbkFJ{}", self.of(ALL, 74), self.of(ALL, 74));
                named(self, "openai", &t)
            }
            15 => {
                let t = format!("{}:AA{}", digit(self, 10), self.of(ALL, 33));
                named(self, "telegram_bot_token", &t)
            }
            16 => format!("DATABASE_URL=postgres://app:{}@db.internal:5432/app", self.of(ALL, 18)),
            17 => {
                let t = self.of(HEX, 40);
                named(self, "api_key", &t)
            }
            18 => {
                let t = self.of(ALL, 32);
                named(self, "client_secret", &t)
            }
            19 => {
                let t = format!("{}!{}", self.of(ALL, 9), self.of(ALL, 6));
                named(self, "db_password", &t)
            }
            20 => {
                let t = format!("AccountKey={}==;", self.of(ALL, 86));
                format!("conn = \"DefaultEndpointsProtocol=https;AccountName=x;{t}\"")
            }
            21 => {
                let t = format!("dckr_pat_{}", self.of(ALL, 27));
                named(self, "docker", &t)
            }
            22 => {
                let t = format!("key-{}", self.of(HEX, 32));
                named(self, "mailgun_api_key", &t)
            }
            23 => {
                let t = format!("hvs.{}", self.of(ALL, 95));
                named(self, "vault_token", &t)
            }
            24 => {
                let t = format!("shpat_{}", self.of(HEX, 32));
                named(self, "shop", &t)
            }
            25 => format!("https://discord.com/api/webhooks/{}/{}", digit(self, 18), self.of(ALL, 68)),
            26 => format!("Authorization: Bearer {}", self.of(ALL, 48)),
            _ => return None,
        })
    }

    /// What is none, however it looks; `None` behind the last kind.
    fn look_alike(&mut self, kind: usize) -> Option<String> {
        Some(match kind {
            0 => format!("sha256 = \"{}\"", self.of(HEX, 64)),
            1 => format!("      \"integrity\": \"sha512-{}==\",", self.of(ALL, 86)),
            2 => format!("commit {}", self.of(HEX, 40)),
            3 => format!("request_id: {}", self.uuid()),
            4 => format!("api_key = os.environ[\"{}_API_KEY\"]", self.of(UPPER, 6)),
            5 => format!("password: ${{{{ secrets.{}_PASSWORD }}}}", self.of(UPPER, 5)),
            6 => "aws_access_key_id = AKIAIOSFODNN7EXAMPLE".to_owned(),
            7 => "api_key: your-api-key-goes-here".to_owned(),
            8 => format!("ghp_{}", "x".repeat(36)),
            9 => "token = get_token_from_vault(client, \"production\")".to_owned(),
            10 => format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} someone@host", self.of(ALL, 43)),
            11 => format!("data:image/png;base64,{}", self.of(ALL, 300)),
            12 => format!(
                "const secretSantaTitle = \"{} {}\";",
                self.pick(&["Merry", "Happy"]),
                self.pick(&["holidays", "season"])
            ),
            13 => format!("etag: \"{}\"", self.of(HEX, 32)),
            14 => format!(
                "<link rel=\"preload\" href=\"/static/{}.{}.js\">",
                self.pick(&["app", "vendor"]),
                self.of(HEX, 20)
            ),
            15 => "password = input(\"password: \")".to_owned(),
            16 => "postgres://user:password@localhost:5432/dev".to_owned(),
            17 => "DATABASE_URL=postgres://app:${DB_PASSWORD}@db/app".to_owned(),
            18 => format!("checksum = \"{}\"", self.of(HEX, 64)),
            19 => format!("public_key = \"{}=\"", self.of(ALL, 43)),
            20 => "secret_key_base: <%= ENV[\"SECRET_KEY_BASE\"] %>".to_owned(),
            21 => format!("token_type_ids = [{}]", ["101"; 12].join(", ")),
            22 => "def test_token_is_refreshed_when_it_expires(self):".to_owned(),
            23 => format!("image: registry.example.org/app@sha256:{}", self.of(HEX, 64)),
            24 => "password_reset_url = \"https://example.org/accounts/reset\"".to_owned(),
            25 => "Authorization: Bearer <token>".to_owned(),
            26 => format!("nonce=\"{}\"", self.of(HEX, 16)),
            27 => format!("go.example.org/x v1.2.3 h1:{}=", self.of(ALL, 43)),
            _ => return None,
        })
    }
}

type Lines = BTreeSet<(String, u64)>;

/// Files of both, and the lines that hold secrets.
fn plant(folder: &Path) -> (Lines, usize) {
    let mut dice = Dice(0x0dd_ba11);
    let (mut truth, mut lines) = (Lines::new(), 0);
    let mut put = |name: String, line: &str, is_secret: bool| {
        fs::write(folder.join(&name), format!("# settings\n# of the service\n{line}\n")).unwrap();
        lines += 1;
        if is_secret {
            truth.insert((name, 3));
        }
    };
    for at in 0..EACH {
        let ending = ["env", "yaml", "py", "txt"][at % 4];
        for kind in 0.. {
            let Some(line) = dice.secret(kind) else { break };
            put(format!("a{kind}-{at}.{ending}"), &line, true);
        }
        for kind in 0.. {
            let Some(line) = dice.look_alike(kind) else { break };
            put(format!("b{kind}-{at}.{ending}"), &line, false);
        }
    }
    (truth, lines)
}

fn file(path: &str) -> String {
    Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The share of what was found that is a secret, and of the secrets that were found.
fn told(name: &str, found: &Lines, truth: &Lines) -> (f64, f64) {
    let right = found.intersection(truth).count() as f64;
    let (precision, recall) = (right / found.len().max(1) as f64, right / truth.len() as f64);
    println!("{name:<16} precision {precision:.3}, recall {recall:.3}: {} found of {}", found.len(), truth.len());
    (precision, recall)
}

fn run(program: &str, words: &[&str], folder: &Path) -> Option<Value> {
    let output = Command::new(program).args(words).current_dir(folder).stdin(Stdio::null()).output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

#[test]
fn planted_secrets_are_found_and_look_alikes_are_not() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let (truth, lines) = plant(folder.path());
    let output = place.omg(&["audit", "secrets", "--json", folder.path().to_str().unwrap()]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = answer["findings"].as_array().unwrap().iter();
    let found: Lines =
        findings.map(|one| (file(one["path"].as_str().unwrap()), one["line"].as_u64().unwrap())).collect();
    println!("{lines} files, {} with a secret", truth.len());
    let (precision, recall) = told("omg", &found, &truth);
    println!(
        "missed: {:?}",
        truth.difference(&found).map(|(name, _)| name.split('-').next().unwrap()).collect::<BTreeSet<_>>()
    );
    println!(
        "false:  {:?}",
        found.difference(&truth).map(|(name, _)| name.split('-').next().unwrap()).collect::<BTreeSet<_>>()
    );

    // It writes its report to a file and to nothing else.
    let report = place.folder.path().join("gitleaks.json");
    let words = ["dir", ".", "--no-banner", "--log-level", "error", "--report-format", "json", "--report-path"];
    let words = [&words[..], &[report.to_str().unwrap()]].concat();
    _ = Command::new("gitleaks").args(words).current_dir(folder.path()).output();
    match fs::read(&report) {
        Ok(theirs) => {
            let theirs: Value = serde_json::from_slice(&theirs).unwrap();
            let one = |one: &Value| (file(one["File"].as_str().unwrap()), one["StartLine"].as_u64().unwrap());
            told("gitleaks", &theirs.as_array().unwrap().iter().map(one).collect(), &truth);
        }
        Err(_) => println!("no gitleaks here to count beside"),
    }
    match run("detect-secrets", &["scan", "--all-files", "."], folder.path()) {
        Some(theirs) => {
            let of = |(name, found): (&String, &Value)| {
                let lines = found.as_array().unwrap().iter().map(|one| one["line_number"].as_u64().unwrap());
                lines.map(|line| (file(name), line)).collect::<Vec<_>>()
            };
            told("detect-secrets", &theirs["results"].as_object().unwrap().iter().flat_map(of).collect(), &truth);
        }
        None => println!("no detect-secrets here to count beside"),
    }
    assert!(precision > 0.97 && recall > 0.95, "{precision} {recall}");
}
