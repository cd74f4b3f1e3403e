//! How pacman words what it knows of a package, so that its answers can be held against omg's field by field.

use omg::model::Field;
use std::collections::BTreeMap;

/// Which of its databases pacman shows a package of.
#[derive(Clone, Copy, PartialEq)]
pub enum Of {
    Sync,
    Local,
}

/// What omg knows of a package.
pub struct Known<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub summary: &'a str,
    pub repository: &'a str,
    pub explicit: bool,
    /// Empty for one that it lacks.
    pub field: &'a dyn Fn(Field) -> &'a str,
}

/// A package the way `pacman -Si` and `-Qi` show it.
pub fn shown(package: &Known<'_>, of: Of) -> BTreeMap<String, String> {
    let list = |field| {
        let words: Vec<_> = (package.field)(field).lines().collect();
        if words.is_empty() { "None".to_owned() } else { words.join("  ") }
    };
    let text = |text: &str| if text.is_empty() { "None".to_owned() } else { text.to_owned() };
    let mut block: BTreeMap<String, String> = BTreeMap::new();
    let mut put = |key: &str, value: String| _ = block.insert(key.to_owned(), value);
    put("Name", package.name.to_owned());
    put("Version", package.version.to_owned());
    put("Description", text(package.summary));
    put("Architecture", text((package.field)(Field::Architecture)));
    put("URL", text((package.field)(Field::Homepage)));
    put("Licenses", list(Field::License));
    put("Groups", list(Field::Groups));
    put("Provides", list(Field::Provides));
    put("Depends On", list(Field::Depends));
    let optional: Vec<_> = (package.field)(Field::OptDepends).lines().collect();
    put("Optional Deps", if optional.is_empty() { "None".to_owned() } else { optional.join("\n") });
    put("Conflicts With", list(Field::Conflicts));
    put("Replaces", list(Field::Replaces));
    // pacman shows both sizes of a package that is not here in the same unit.
    let (download, unit) = size((package.field)(Field::DownloadSize), None);
    put("Installed Size", size((package.field)(Field::InstalledSize), (of == Of::Sync).then_some(unit)).0);
    put("Packager", text((package.field)(Field::Maintainer)));
    put("Build Date", date((package.field)(Field::BuildDate)));
    let checks = (package.field)(Field::Validation).lines().map(|check| match check {
        "md5" => "MD5 Sum",
        "sha256" => "SHA-256 Sum",
        "pgp" => "Signature",
        "none" => "None",
        other => panic!("{other}"),
    });
    let checks: Vec<_> = checks.collect();
    put("Validated By", if checks.is_empty() { "Unknown".to_owned() } else { checks.join("  ") });
    match of {
        Of::Sync => {
            put("Repository", package.repository.to_owned());
            put("Download Size", download);
        }
        Of::Local => {
            put("Install Date", date((package.field)(Field::InstallDate)));
            let reason =
                if package.explicit { "Explicitly installed" } else { "Installed as a dependency for another package" };
            put("Install Reason", reason.to_owned());
        }
    }
    block
}

/// The blocks of `-Si` and `-Qi`. Optional dependencies come one a line; whether one is installed is taken off.
pub fn blocks(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut blocks = Vec::new();
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let mut block: BTreeMap<String, String> = BTreeMap::new();
        let mut last = String::new();
        for line in paragraph.lines() {
            match line.split_once(" : ").filter(|_| !line.starts_with(' ')) {
                Some((key, value)) => {
                    last = key.trim_end().to_owned();
                    block.insert(last.clone(), value.trim_end().to_owned());
                }
                None => {
                    let value = block.get_mut(&last).unwrap_or_else(|| panic!("{line:?}"));
                    value.push('\n');
                    value.push_str(line.trim());
                }
            }
        }
        if let Some(optional) = block.get_mut("Optional Deps") {
            *optional = optional
                .lines()
                .map(|line| line.trim_end_matches(" [installed]").trim_end())
                .collect::<Vec<_>>()
                .join("\n");
        }
        blocks.push(block);
    }
    blocks
}

/// A size and its unit: the given one, or the largest that leaves more than 2048 of the next smaller one.
pub fn size(bytes: &str, unit: Option<&'static str>) -> (String, &'static str) {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value: f64 = bytes.parse().unwrap_or(0.0);
    let mut at = 0;
    while at + 1 < UNITS.len() && unit.map_or(value > 2048.0, |unit| unit != UNITS[at]) {
        value /= 1024.0;
        at += 1;
    }
    (format!("{value:.2} {}", UNITS[at]), UNITS[at])
}

/// `%c` in the C locale, universal time.
fn date(secs: &str) -> String {
    let Ok(secs) = secs.parse::<i64>() else { return "None".to_owned() };
    if secs == 0 {
        return "None".to_owned();
    }
    let (days, rest) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][days.rem_euclid(7) as usize];
    let (mut year, mut left) = (1970, days);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while left >= 365 + i64::from(leap(year)) {
        left -= 365 + i64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month];
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{weekday} {month} {:>2} {hour:02}:{minute:02}:{second:02} {year}", left + 1)
}
