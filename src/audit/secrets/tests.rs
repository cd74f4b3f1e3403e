//! Planted secrets and look-alikes. None stands here: each is made when the tests run, with the checksum it has to have.

use super::check::{base62, crc32};
use super::rules::{Check, RULES, Rule, Shape};
use super::*;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % most
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| char::from(alphabet.as_bytes()[self.below(alphabet.len())])).collect()
    }

    /// A text that a pattern fits.
    fn fitting(&mut self, hir: &Hir) -> String {
        match hir.kind() {
            HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).unwrap(),
            HirKind::Class(class) => self.one_of(class).to_string(),
            HirKind::Repetition(many) => {
                let most = many.max.unwrap_or(many.min + 40).min(many.min + 40);
                let count = many.min as usize + self.below((most - many.min) as usize + 1);
                (0..count).map(|_| self.fitting(&many.sub)).collect()
            }
            HirKind::Capture(group) => self.fitting(&group.sub),
            HirKind::Concat(parts) => parts.iter().map(|part| self.fitting(part)).collect(),
            HirKind::Alternation(parts) => {
                let at = self.below(parts.len());
                self.fitting(&parts[at])
            }
            HirKind::Empty | HirKind::Look(_) => String::new(),
        }
    }

    fn one_of(&mut self, class: &Class) -> char {
        let Class::Bytes(class) = class else { panic!("patterns are of bytes") };
        let all: Vec<u8> = class.iter().flat_map(|range| range.start()..=range.end()).collect();
        // Letters and digits, where a pattern takes nearly anything.
        let plain: Vec<u8> = all.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
        let from = if plain.is_empty() { all } else { plain };
        char::from(from[self.below(from.len())])
    }
}

const ANY: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = chunk.iter().zip([16, 8, 0]).fold(0u32, |bits, (byte, shift)| bits | u32::from(*byte) << shift);
        (0..=chunk.len()).map(|at| char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize])).collect::<String>()
    };
    let text: String = bytes.chunks(3).map(group).collect();
    text.clone() + &"=".repeat((4 - text.len() % 4) % 4)
}

/// A private key that decodes, and means nothing.
fn private_key(dice: &mut Dice) -> String {
    let body: Vec<u8> = (0..300).map(|_| dice.below(256) as u8).collect();
    let key = base64(&[&[0x30, 0x82, 1, 44][..], &body].concat());
    let lines: Vec<&str> = key.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END", lines.join("\n"))
}

fn jwt(dice: &mut Dice) -> String {
    let part = |json: String| base64(json.as_bytes()).trim_end_matches('=').to_owned();
    let claims = format!("{{\"sub\":\"{}\",\"iat\":1}}", dice.text("0123456789", 9));
    format!("{}.{}.{}", part("{\"alg\":\"HS256\",\"typ\":\"JWT\"}".to_owned()), part(claims), dice.text(ANY, 43))
}

/// What the rule is about: the text around it, with the secret in it.
fn planted(rule: &Rule, dice: &mut Dice) -> String {
    let literals: Vec<&str> = rule.literals().collect();
    let literal = literals[dice.below(literals.len())];
    let pattern = match rule.shape {
        Shape::After(pattern) | Shape::Around(pattern) | Shape::Value(pattern) => pattern,
    };
    let parsed = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap();
    let mut fitting = dice.fitting(&parsed);
    match rule.check {
        Check::Crc62 => {
            let random = dice.text(ANY, 30);
            fitting = format!("{random}{}", String::from_utf8(base62(crc32(random.as_bytes()), 6)).unwrap());
        }
        Check::Crc36 => {
            let before = format!("{}.01.0w", dice.text(ANY, 32));
            let mut sum = crc32(format!("{literal}{before}").as_bytes());
            let mut digits = Vec::new();
            (0..7).for_each(|_| {
                digits.push(char::from_digit(sum % 36, 36).unwrap());
                sum /= 36;
            });
            fitting = before + &digits.iter().rev().collect::<String>();
        }
        Check::PrivateKey => return private_key(dice) + " PRIVATE KEY-----\n",
        Check::Jwt => return jwt(dice),
        Check::DiscordBot => {
            let id = base64(format!("1{}", dice.text("0123456789", 17)).as_bytes());
            fitting = format!("{id}.{}.{}", dice.text(ANY, 6), dice.text(ANY, 27));
        }
        Check::BasicAuth => {
            let auth = base64(format!("someone:{}", dice.text(ANY, 14)).as_bytes());
            let quote = if literal.contains('"') { "\": \"".split_at(1).1 } else { "" };
            return format!("{literal}{quote}{auth}{}", if quote.is_empty() { "" } else { "\"" });
        }
        // An account's number that is not too large.
        Check::AwsKeyId => fitting.replace_range(..1, "A"),
        Check::Bech32 => return String::new(),
        _ => {}
    }
    match rule.shape {
        Shape::After(_) => format!("x = {literal}{fitting}\n"),
        Shape::Around(_) => format!("x =\n{fitting}\n"),
        Shape::Value(_) => format!("export {}_API_TOKEN=\"{fitting}\"\n", literal.trim_end_matches('_').to_uppercase()),
    }
}

fn scanned(text: &[u8]) -> Vec<Finding> {
    let scanner = Scanner::new().unwrap();
    scanner.scan(text, &mut Vec::new()).unwrap().findings
}

#[test]
fn every_rule_finds_what_it_describes() {
    let (scanner, mut dice) = (Scanner::new().unwrap(), Dice(0x5eed));
    let mut buffer = Vec::new();
    let mut missed = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.check != Check::Bech32) {
        let found = (0..50).filter(|_| {
            let text = planted(rule, &mut dice);
            !scanner.scan(text.as_bytes(), &mut buffer).unwrap().findings.is_empty()
        });
        let found = found.count();
        // Chance makes a few that look like words, and passwords without a digit.
        let is_password = matches!(rule.check, Check::Password | Check::BasicAuth);
        if found < if is_password { 36 } else { 44 } {
            missed.push(format!("{} {found}: {}", rule.id, planted(rule, &mut dice)));
        }
    }
    assert!(missed.is_empty(), "of 50 each:\n{}", missed.join("\n"));
}

#[test]
fn a_checksum_that_does_not_fit_is_no_token() {
    let mut dice = Dice(3);
    for id in ["github-pat", "npm-token", "gitlab-routable"] {
        let rule = RULES.iter().find(|rule| rule.id == id).unwrap();
        let good = planted(rule, &mut dice);
        let found = scanned(good.as_bytes());
        assert_eq!((found.len(), found[0].sure), (1, Sure::Proven), "{id}");
        let at = good.len() - 12;
        let other = if good.as_bytes()[at] == b'q' { "r" } else { "q" };
        let bad = format!("{}{other}{}", &good[..at], &good[at + 1..]);
        assert!(scanned(bad.as_bytes()).is_empty(), "{id}");
    }
}

#[test]
fn an_age_key_is_held_against_its_checksum() {
    // BIP 173's own sample of a valid text, and one letter of it changed.
    assert!(check::check(Check::Bech32, b"A12UEL5L", check::By::Shape).is_some());
    assert!(check::check(Check::Bech32, b"A12UEL5Q", check::By::Shape).is_none());
}

#[test]
fn look_alikes_are_none() {
    let mut dice = Dice(77);
    let hex = "0123456789abcdef";
    let lines = [
        format!("sha256 = \"{}\"", dice.text(hex, 64)),
        format!("token_hash = \"{}\"", dice.text(hex, 40)),
        format!("commit = \"{}\"", dice.text(hex, 40)),
        format!("integrity: sha512-{}==", dice.text(ANY, 86)),
        format!("public_key = \"{}\"", dice.text(ANY, 44)),
        format!("api_key_id = \"{}\"", dice.text(ANY, 20)),
        format!("\"client_id\": \"{}\"", dice.text(ANY, 32)),
        "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE".to_owned(),
        format!("AWS_SECRET_ACCESS_KEY={}EXAMPLEKEY", dice.text(ANY, 30)),
        "api_key = \"your_api_key_goes_here_12345\"".to_owned(),
        "api_key: ${API_KEY_12345_ABCDEF}".to_owned(),
        "api_key: {{ lookup_secret_1234567 }}".to_owned(),
        "token = process.env.TOKEN_ABCDEF_123".to_owned(),
        "token = next_token_of_stream2(input1)".to_owned(),
        "let access_token = self.read_access_token_v2;".to_owned(),
        "password = \"changeme123\"".to_owned(),
        "password = get_password_from_vault1()".to_owned(),
        "password: \"********12\"".to_owned(),
        "postgres://user:${DB_PASSWORD1}@host/db".to_owned(),
        "postgres://user:password@localhost/db".to_owned(),
        format!("ghp_{}", "x".repeat(36)),
        format!("sk_test_{}", "1234567890".repeat(3)),
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC...\n-----END PRIVATE KEY-----".to_owned(),
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", dice.text(ANY, 64)),
        format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", dice.text(ANY, 64)),
        "eyJhbGciOiJub25lIn0.not-json-at-all-really.signature-that-is-none".to_owned(),
        "Authorization: Basic <credentials>".to_owned(),
        "secret_name = \"projects/example/secrets/db1\"".to_owned(),
        "tokenizer = \"bert-base-uncased-2018-english\"".to_owned(),
        "monkey = \"some-long-value-0123-with-digits\"".to_owned(),
    ];
    for line in &lines {
        let found: Vec<&str> = scanned(line.as_bytes()).iter().map(|finding| finding.rule.id).collect();
        assert!(found.is_empty(), "{line}: {found:?}");
    }
}

/// The fault of the program that this one replaces: whatever had `123` or `abc` in it was dropped.
#[test]
fn a_secret_may_have_any_three_characters_in_it() {
    let mut dice = Dice(9);
    let scanner = Scanner::new().unwrap();
    for piece in ["123", "abc", "test", "xxx", "foo", "key"] {
        let random = format!("{}{piece}{}", dice.text(ANY, 13), dice.text(ANY, 17 - piece.len()));
        let token = format!("ghp_{random}{}", String::from_utf8(base62(crc32(random.as_bytes()), 6)).unwrap());
        let slack = format!("xoxb-1{0}-2{0}-{1}{piece}", dice.text("0123456789", 11), dice.text(ANY, 24 - piece.len()));
        for text in [token, slack] {
            assert_eq!(scanner.scan(text.as_bytes(), &mut Vec::new()).unwrap().findings.len(), 1, "{text}");
        }
    }
}

#[test]
fn windows_make_no_difference() {
    let (scanner, mut dice) = (Scanner::new().unwrap(), Dice(41));
    let mut text = Vec::new();
    while text.len() < 400 << 10 {
        let rule = &RULES[dice.below(RULES.len())];
        text.extend(planted(rule, &mut dice).as_bytes());
        let filler = dice.below(3000);
        text.extend(dice.text("abc \n=\"':", filler).as_bytes());
    }
    let told = |window| {
        let found = scanner.scan_by(window, &text[..], &mut Vec::new()).unwrap().findings;
        found.into_iter().map(|f| (f.line, f.column, f.rule.id, f.fingerprint)).collect::<Vec<_>>()
    };
    let whole = told(1 << 20);
    assert!(whole.len() > 100, "{}", whole.len());
    for window in [32 << 10, 40_001, 65_537, 100_000] {
        assert_eq!(told(window), whole, "{window}");
    }
}

#[test]
fn places_are_counted_from_one_and_comments_allow() {
    let mut dice = Dice(5);
    let token = planted(&RULES[0], &mut dice).trim_start_matches("x = ").trim().to_owned();
    let found = scanned(format!("a\nbb {token}\n").as_bytes());
    assert_eq!((found[0].line, found[0].column, found[0].length), (2, 4, 40));
    assert_eq!(found[0].begins, "ghp_");
    let scanner = Scanner::new().unwrap();
    let told = |text: String| {
        let scanned = scanner.scan(text.as_bytes(), &mut Vec::new()).unwrap();
        (scanned.findings.len(), scanned.allowed)
    };
    assert_eq!(told(format!("{token} # omg:allow-secret\n{token}\n")), (1, 1));
    assert_eq!(told(format!("{token}\n# omg:allow-secret\n")), (1, 0), "another line");
}

#[test]
fn what_is_told_gives_nothing_away() {
    let mut dice = Dice(6);
    for rule in RULES {
        for finding in scanned(planted(rule, &mut dice).as_bytes()) {
            assert!(finding.begins.len() <= 4 && finding.begins.len() * 4 <= finding.length, "{finding:?}");
            assert_eq!(finding.fingerprint.len(), 32);
        }
    }
}

#[test]
fn any_bytes_and_one_endless_line_are_read() {
    let mut dice = Dice(8);
    let token = planted(&RULES[0], &mut dice);
    let text = [&[0xff, 0xfe, 0x80][..], &vec![b'='; 3 << 20], token.as_bytes(), &[0xc3]].concat();
    assert_eq!(scanned(&text).len(), 1);
    // Binary files have no names and values, but they have tokens.
    let password = format!("\0\0password = \"{}!7\" ", dice.text(ANY, 9));
    assert_eq!(scanned(&password.as_bytes()[2..]).len(), 1);
    let text = [password.as_bytes(), token.as_bytes()].concat();
    assert_eq!(scanned(&text).iter().map(|finding| finding.rule.id).collect::<Vec<_>>(), ["github-pat"]);
}

#[test]
fn a_baseline_keeps_its_reasons_and_passes_over_what_it_knows() {
    let mut dice = Dice(10);
    let text = (0..3).map(|_| planted(&RULES[0], &mut dice)).collect::<String>();
    let mut report = Report::default();
    let place = Place { path: "a b#.txt".into(), origin: None };
    report.add(Report::of(Scanner::new().unwrap().scan(text.as_bytes(), &mut Vec::new()).unwrap(), &place));
    let (first, count) = Baseline::default().write(&report.findings);
    assert_eq!((count, first.lines().count()), (3, 4));
    let explained = first.replacen(":1\n", ":1 # a key # of tests\n", 1);
    let known = Baseline::parse(&explained).unwrap();
    assert_eq!(known.unexplained(), 2);
    assert_eq!(known.write(&report.findings).0, explained);
    assert_eq!((known.pass_over(&mut report), report.findings.len()), (3, 0));
    assert!(Baseline::parse("no fingerprint\n").unwrap_err().to_string().contains("line 1"));
}
