//! apt's preferences: which packages, versions and archives a pin means, and its priority. What follows from them is
//! for `rules`.
//!
//! Releases are matched by their Release files as `release` read them. A record that apt would refuse ends its file, as
//! in apt, and is told as a problem.

use super::config::{Config, parts};
use super::control::{Stanzas, text, value};
use super::release::Release;
use crate::model::Problem;
use regex::{Regex, RegexBuilder};
use std::path::Path;

/// `Pin-Priority: never`: below any number that can be written.
pub const NEVER: i32 = i16::MIN as i32;

/// Every pin in the order apt reads them.
#[derive(Default)]
pub struct Pins {
    pub all: Vec<Pin>,
    pub problems: Vec<Problem>,
}

/// One pin for one name.
pub struct Pin {
    /// `None` for `Package: *`, which is about archives.
    pub name: Option<Name>,
    pub what: What,
    pub priority: i32,
}

/// What a package list (or dpkg's status file) is known by.
pub struct Place<'a> {
    /// `None` for the status file.
    pub release: Option<&'a Release>,
    pub host: &'a str,
    pub component: &'a str,
    /// `None` where apt has none.
    pub architecture: Option<&'a str>,
}

/// Packages a pin is for.
pub struct Name {
    pattern: Pattern,
    /// The pattern is for the source package's name.
    pub of_source: bool,
    architecture: String,
}

/// Versions or archives a pin is for.
pub enum What {
    Version(VersionIs),
    Release(Box<ReleaseIs>),
    Origin(Pattern),
}

pub struct VersionIs {
    start: String,
    is_prefix: bool,
    pattern: Pattern,
}

/// What has to be so at once of `Pin: release`.
#[derive(Default)]
pub struct ReleaseIs {
    everything: bool,
    version: Option<VersionIs>,
    origin: Option<Pattern>,
    suite: Option<Pattern>,
    codename: Option<Pattern>,
    suite_or_codename: Option<Pattern>,
    label: Option<Pattern>,
    component: Option<Pattern>,
    architecture: Option<Pattern>,
}

/// Text, a shell pattern, or a regular expression between slashes; none of them minds case.
pub enum Pattern {
    Text(String),
    Regex(Regex),
    /// No regular expression at all: apt warns and matches nothing.
    Nothing,
}

impl Pins {
    /// Reads `preferences`, then `preferences.d`.
    pub fn read(config: &Config) -> Pins {
        let mut pins = Pins::default();
        let main = config.path("Dir::Etc::preferences").filter(|path| path.is_file());
        let folder = config.path("Dir::Etc::preferencesparts");
        for file in main.into_iter().chain(folder.iter().flat_map(|folder| parts(folder, &["", "pref"]))) {
            if let Err(message) = pins.read_file(&file) {
                pins.problems.push(Problem { path: file, message });
            }
        }
        pins
    }

    /// Whether some version or archive may be forbidden altogether.
    pub fn may_forbid(&self) -> bool {
        self.all.iter().any(|pin| pin.priority <= 0)
    }

    /// Whether some name is a pattern that names no architecture: what [`super::qualified`] knows matters to those alone.
    pub fn have_patterns(&self) -> bool {
        self.all.iter().filter_map(|pin| pin.name.as_ref()).any(Name::is_open_pattern)
    }

    /// Whether it matters for which architecture a list is.
    pub fn tell_architectures_apart(&self) -> bool {
        let of_release = |pin: &Pin| matches!(&pin.what, What::Release(wanted) if wanted.architecture.is_some());
        self.all.iter().any(of_release)
    }

    fn read_file(&mut self, file: &Path) -> Result<(), String> {
        let bytes = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
        self.parse(&text(&bytes))
    }

    pub(crate) fn parse(&mut self, content: &str) -> Result<(), String> {
        let (mut stanzas, mut stanza) = (Stanzas::with_comments(content), Vec::new());
        while stanzas.read_into(&mut stanza) {
            let names = value(&stanza, "Package");
            if names.is_empty() {
                return Err("a record without Package".into());
            }
            let pin = value(&stanza, "Pin");
            let (kind, data) = pin.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((pin, ""));
            let data = data.trim_ascii();
            let of_archives = names == "*";
            let known = ["release", "origin"].iter().any(|known| known.eq_ignore_ascii_case(kind));
            if !known && (of_archives || !kind.eq_ignore_ascii_case("version")) {
                continue;
            }
            let priority = priority(value(&stanza, "Pin-Priority"), of_archives)?;
            for name in if of_archives { vec!["*"] } else { names.split_ascii_whitespace().collect() } {
                let name = if of_archives { None } else { Some(Name::parse(name)) };
                self.all.push(Pin { name, what: What::parse(kind, data), priority });
            }
        }
        Ok(())
    }
}

fn priority(field: &str, of_archives: bool) -> Result<i32, String> {
    if field == "never" {
        return if of_archives { Ok(NEVER) } else { Err("Pin-Priority: never is for Package: * alone".into()) };
    }
    let digits = field.char_indices().find(|&(at, c)| !(c.is_ascii_digit() || (at == 0 && "+-".contains(c))));
    match field[..digits.map_or(field.len(), |(at, _)| at)].parse::<i32>() {
        Ok(0) | Err(_) => Err(format!("no priority in Pin-Priority: {field}")),
        Ok(NEVER) => Ok(NEVER + 1),
        Ok(number) if i16::try_from(number).is_ok() => Ok(number),
        Ok(number) => Err(format!("Pin-Priority {number} is out of range")),
    }
}

impl Name {
    fn parse(text: &str) -> Name {
        let (of_source, text) = match text.strip_prefix("src:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (text, architecture) = text.rsplit_once(':').unwrap_or((text, ""));
        Name { pattern: Pattern::parse(text), of_source, architecture: architecture.to_string() }
    }

    /// Whether the pin is for the package (or the source package) `name` of `architecture`. `qualifiers` are what stands behind that name's
    /// colon somewhere: a pattern is compared with these names too, and apt then reads the one it found with its architecture.
    pub fn is_for<'q>(
        &self,
        name: &str,
        architecture: &str,
        native: &str,
        qualifiers: impl Iterator<Item = &'q str>,
    ) -> bool {
        let own = if self.architecture.is_empty() { native } else { &self.architecture };
        let mut qualifiers = qualifiers.filter(|_| self.is_open_pattern());
        (covers(own, architecture) && self.pattern.matches(name))
            || qualifiers.any(|found| covers(found, architecture) && self.pattern.matches(&format!("{name}:{found}")))
    }

    fn is_open_pattern(&self) -> bool {
        self.architecture.is_empty() && !matches!(self.pattern, Pattern::Text(_))
    }
}

/// Whether what stands behind a name's colon means an architecture.
fn covers(wanted: &str, architecture: &str) -> bool {
    wanted == "any" || wanted == architecture || wanted.strip_prefix("any-") == Some(architecture)
}

impl What {
    /// `kind` is one of apt's three words.
    fn parse(kind: &str, data: &str) -> What {
        if kind.eq_ignore_ascii_case("version") {
            return What::Version(VersionIs::parse(data));
        }
        if kind.eq_ignore_ascii_case("origin") {
            let bare = data.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(data);
            return What::Origin(Pattern::parse(bare));
        }
        What::Release(Box::new(ReleaseIs::parse(data)))
    }

    /// What `APT::Default-Release` stands for.
    pub fn release(data: &str) -> What {
        What::Release(Box::new(ReleaseIs::parse(data)))
    }

    /// Whether a list is meant. A pin of versions means none.
    pub fn matches_place(&self, place: &Place<'_>) -> bool {
        match self {
            What::Version(_) => false,
            What::Origin(host) => place.release.is_some() && host.matches(place.host),
            What::Release(wanted) => wanted.matches(place),
        }
    }
}

impl VersionIs {
    fn parse(data: &str) -> VersionIs {
        let (start, is_prefix) = match data.strip_suffix('*') {
            Some(start) => (start, true),
            None => (data, false),
        };
        VersionIs { start: start.to_string(), is_prefix, pattern: Pattern::parse(start) }
    }

    pub fn matches(&self, version: &str) -> bool {
        let start = version.as_bytes().get(..self.start.len());
        let starts = start.is_some_and(|start| start.eq_ignore_ascii_case(self.start.as_bytes()));
        (starts && (self.is_prefix || version.len() == self.start.len())) || self.pattern.matches(version)
    }
}

impl ReleaseIs {
    fn parse(data: &str) -> ReleaseIs {
        let mut wanted = ReleaseIs::default();
        if data == "*" {
            wanted.everything = true;
        } else if !data.contains('=') {
            if data.starts_with(|c: char| c.is_ascii_digit()) {
                wanted.version = Some(VersionIs::parse(data));
            } else if !data.is_empty() {
                wanted.suite_or_codename = Some(Pattern::parse(data));
            }
        } else {
            for part in data.split(',').map(str::trim_ascii) {
                let Some((key, text)) = part.split_once('=').filter(|(_, text)| !text.is_empty()) else { continue };
                let pattern = Some(Pattern::parse(text));
                match key.to_ascii_lowercase().as_str() {
                    "v" => wanted.version = Some(VersionIs::parse(text)),
                    "o" => wanted.origin = pattern,
                    "a" => wanted.suite = pattern,
                    "n" => wanted.codename = pattern,
                    "l" => wanted.label = pattern,
                    "c" => wanted.component = pattern,
                    "b" => wanted.architecture = pattern,
                    _ => {}
                }
            }
        }
        wanted
    }

    fn matches(&self, place: &Place<'_>) -> bool {
        let stated = match place.release {
            Some(release) => self.everything || (self.says_anything() && self.matches_release(release)),
            None => self.matches_machine(place),
        };
        let is = |wanted: &Option<Pattern>, text| wanted.as_ref().is_none_or(|wanted| wanted.matches(text));
        let architecture = self
            .architecture
            .as_ref()
            .is_none_or(|wanted| place.architecture.is_some_and(|architecture| wanted.matches(architecture)));
        stated && is(&self.component, place.component) && architecture
    }

    fn says_anything(&self) -> bool {
        let patterns = [
            &self.origin,
            &self.suite,
            &self.codename,
            &self.suite_or_codename,
            &self.label,
            &self.component,
            &self.architecture,
        ];
        self.version.is_some() || patterns.iter().any(|pattern| pattern.is_some())
    }

    fn matches_release(&self, release: &Release) -> bool {
        // What a Release file does not state is no text that a pattern could match, not even `*`.
        let states = |wanted: &Pattern, text: &str| !text.is_empty() && wanted.matches(text);
        let is = |wanted: &Option<Pattern>, text| wanted.as_ref().is_none_or(|wanted| states(wanted, text));
        let either = |wanted: &Pattern| states(wanted, &release.suite) || states(wanted, &release.codename);
        self.version.as_ref().is_none_or(|wanted| !release.version.is_empty() && wanted.matches(&release.version))
            && is(&self.origin, &release.origin)
            && is(&self.suite, &release.suite)
            && is(&self.codename, &release.codename)
            && is(&self.label, &release.label)
            && self.suite_or_codename.as_ref().is_none_or(either)
    }

    /// The status file is the archive `now`, and nothing else is known of it.
    fn matches_machine(&self, place: &Place<'_>) -> bool {
        let now = |wanted: &Option<Pattern>| wanted.as_ref().is_none_or(|wanted| wanted.matches(place.component));
        now(&self.suite)
            && now(&self.suite_or_codename)
            && self.origin.is_none()
            && self.label.is_none()
            && self.codename.is_none()
            && self.version.is_none()
    }
}

impl Pattern {
    pub fn parse(text: &str) -> Pattern {
        let of_regex = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let source = match of_regex {
            Some(regex) => regex.to_string(),
            None if text.contains(['*', '?', '[', '\\']) => of_glob(text),
            None => return Pattern::Text(text.to_string()),
        };
        let built = RegexBuilder::new(&source).case_insensitive(true).dot_matches_new_line(true).build();
        built.map_or(Pattern::Nothing, Pattern::Regex)
    }

    pub fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Text(own) => own.eq_ignore_ascii_case(text),
            Pattern::Regex(regex) => regex.is_match(text),
            Pattern::Nothing => false,
        }
    }
}

/// A shell pattern as a regular expression.
fn of_glob(glob: &str) -> String {
    let mut regex = String::from("^");
    let mut rest = glob.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => match set(rest.as_str()) {
                Some((set, length)) => {
                    regex.push_str(&set);
                    rest = rest.as_str()[length..].chars();
                }
                None => regex.push_str("\\["),
            },
            '\\' => regex.push_str(&regex::escape(rest.next().unwrap_or('\\').encode_utf8(&mut [0; 4]))),
            c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex
}

/// The set that `text` begins with, behind its bracket, and how much of the text it is.
fn set(text: &str) -> Option<(String, usize)> {
    let negated = text.starts_with(['!', '^']);
    let from = usize::from(negated);
    // A bracket that comes first is one of the set.
    let skip = from + usize::from(text[from..].starts_with(']'));
    let end = skip + text[skip..].find(']')?;
    let mut set = String::from(if negated { "[^" } else { "[" });
    for c in text[from..end].chars() {
        if !c.is_alphanumeric() && c != '-' {
            set.push('\\');
        }
        set.push(c);
    }
    set.push(']');
    Some((set, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins(content: &str) -> (Pins, Result<(), String>) {
        let mut pins = Pins::default();
        let outcome = pins.parse(content);
        (pins, outcome)
    }

    #[test]
    fn patterns_of_all_three_kinds() {
        for (pattern, yes, no) in [
            ("Bash", "bash", "bash2"),
            ("lib*-dev", "libx-dev", "xlibx-dev"),
            ("a?[b-d]", "axc", "axe"),
            ("a[!b]", "ac", "ab"),
            ("a[]]", "a]", "a["),
            ("a[", "a[", "a"),
            ("g++*", "g++-12", "gg"),
            ("/^x(y|z)/", "xzz", "yx"),
        ] {
            assert!(Pattern::parse(pattern).matches(yes), "{pattern}");
            assert!(!Pattern::parse(pattern).matches(no), "{pattern}");
        }
        assert!(!Pattern::parse("/(/").matches("("));
    }

    #[test]
    fn a_pattern_means_the_architectures_that_the_name_is_known_with() {
        let (read, _) = pins("Package: p* src:p* /q$/ pq pq:amd64 p*:armhf\nPin: version *\nPin-Priority: 5\n");
        assert!(read.have_patterns());
        let is_for = |pin: usize, known: &[&'static str]| {
            read.all[pin].name.as_ref().unwrap().is_for("pq", "i386", "amd64", known.iter().copied())
        };
        for pin in [0, 1] {
            assert!(is_for(pin, &["any"]) && is_for(pin, &["armhf", "i386"]), "{pin}");
            assert!(!is_for(pin, &[]) && !is_for(pin, &["armhf"]), "{pin}");
        }
        // `pq:any` does not end in q.
        assert!((2..6).all(|pin| !is_for(pin, &["any", "i386"])));
    }

    #[test]
    fn records_names_and_priorities() {
        let (read, outcome) = pins(
            "Explanation: why\nPackage: a src:b:any\n c\nPin: version 1.*\nPin-Priority: 1001 # no\n\n# only this\n\n\
             Package: *\nPin: release a=x, n=y\nPin-Priority: never\n\nPackage: *\nPin: version 1\nPin-Priority: 5\n",
        );
        assert_eq!(outcome, Ok(()));
        assert_eq!(read.all.iter().map(|pin| pin.priority).collect::<Vec<_>>(), [1001, 1001, 1001, NEVER]);
        let name = read.all[1].name.as_ref().unwrap();
        let none = std::iter::empty;
        assert!(name.of_source && name.is_for("b", "i386", "amd64", none()));
        assert!(!read.all[0].name.as_ref().unwrap().is_for("a", "i386", "amd64", none()));
        assert!(!read.have_patterns());
        let What::Version(version) = &read.all[0].what else { panic!("not a version") };
        assert!(version.matches("1.2-3") && !version.matches("11"));
    }

    #[test]
    fn a_record_apt_refuses_ends_its_file() {
        let good = "Package: a\nPin: version 1\nPin-Priority: 5\n\n";
        for bad in [
            "Pin: version 1\nPin-Priority: 1\n",
            "Package: b\nPin: version 1\n",
            "Package: b\nPin: version 1\nPin-Priority: 40000\n",
            "Package: b\nPin: release a=x\nPin-Priority: never\n",
        ] {
            let (read, outcome) = pins(&format!("{good}{bad}\n{good}"));
            assert!(outcome.is_err() && read.all.len() == 1, "{bad}");
        }
    }

    #[test]
    fn releases_by_each_of_their_fields() {
        let release = Release {
            origin: "O".into(),
            label: "L".into(),
            suite: "stable".into(),
            codename: "x".into(),
            version: "12.5".into(),
            ..Release::default()
        };
        let list = Place { release: Some(&release), host: "h", component: "main", architecture: Some("amd64") };
        let machine = Place { release: None, host: "", component: "now", architecture: None };
        for (data, on_list, on_machine) in [
            ("*", true, true),
            ("stable", true, false),
            ("X", true, false),
            ("12.*", true, false),
            ("12", false, false),
            ("o=O,l=L,a=stable,n=x,v=12*,c=main,b=amd64", true, false),
            ("o=O,c=contrib", false, false),
            ("a=now", false, true),
            ("b=amd64", true, false),
            ("q=1", false, true),
        ] {
            assert_eq!(What::release(data).matches_place(&list), on_list, "{data}");
            assert_eq!(What::release(data).matches_place(&machine), on_machine, "{data}");
        }
        assert!(What::parse("origin", "\"h\"").matches_place(&list));
        assert!(!What::parse("origin", "").matches_place(&machine));
    }
}
