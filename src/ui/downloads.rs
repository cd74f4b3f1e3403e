//! Several downloads at once: what there is to tell of them, and how it looks. What draws them on a terminal is
//! [`Stages`](super::Stages); nothing here does.

use super::human;
use super::progress::{BAR, bar, cut};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is that of so much time. Shorter, and it jumps; longer, and it does not tell of a network that has died.
const WINDOW: Duration = Duration::from_secs(5);
/// Before that neither a rate nor the time left can be told.
const FIRST: Duration = Duration::from_secs(1);
const BETWEEN_SAMPLES: Duration = Duration::from_millis(100);
/// More lines than these at once help nobody.
const MOST: usize = 10;
/// A name is not cut shorter than this as long as something else can go.
const NAME: usize = 16;

/// The downloads of one change.
pub struct Downloads {
    running: Vec<Running>,
    fetched: u64,
    fetched_bytes: u64,
    /// How many there will be and how much that is; 0 where nobody knows.
    files: u64,
    bytes: u64,
    /// Nothing was planned: what there will be is what has begun, and nobody knows how much that is once one does not tell.
    grows: bool,
    /// When how much had come.
    samples: VecDeque<(Instant, u64)>,
}

struct Running {
    name: String,
    done: u64,
    /// 0 where it is not known.
    total: u64,
}

impl Downloads {
    /// So many files and bytes are to come; 0 where that is not known.
    pub fn of(files: u64, bytes: u64) -> Downloads {
        let (running, samples) = (Vec::new(), VecDeque::new());
        Downloads { running, fetched: 0, fetched_bytes: 0, files, bytes, grows: false, samples }
    }

    /// How many there will be and how much is learnt from each as it begins.
    pub fn as_they_come() -> Downloads {
        Downloads { grows: true, ..Downloads::of(0, 0) }
    }

    pub fn are_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// So much of a file has come.
    pub fn fetching(&mut self, name: &str, done: u64, total: u64) {
        match self.running.iter_mut().find(|running| running.name == name) {
            Some(running) => (running.done, running.total) = (done, total),
            None => {
                self.running.push(Running { name: name.to_owned(), done, total });
                if self.grows {
                    let is_known = total > 0 && (self.files == 0 || self.bytes > 0);
                    self.files += 1;
                    self.bytes = if is_known { self.bytes.saturating_add(total) } else { 0 };
                }
            }
        }
    }

    /// A file has come whole.
    pub fn fetched(&mut self, name: &str, bytes: u64) {
        self.running.retain(|running| running.name != name);
        self.fetched += 1;
        self.fetched_bytes = self.fetched_bytes.saturating_add(bytes);
    }

    /// Nothing more comes of a file.
    pub fn not_fetched(&mut self, name: &str) {
        self.running.retain(|running| running.name != name);
    }

    /// No download runs any more, whatever became of it.
    pub fn end(&mut self) {
        self.running.clear();
    }

    fn sample(&mut self, now: Instant) {
        let done = self.done();
        match self.samples.back() {
            Some((then, _)) if now.duration_since(*then) < BETWEEN_SAMPLES => return,
            // A server gave up, and another begins from nothing.
            Some((_, before)) if done < *before => self.samples.clear(),
            _ => {}
        }
        self.samples.push_back((now, done));
        // The last that is older stays: from there on the window is whole.
        while self.samples.get(1).is_some_and(|(then, _)| now.duration_since(*then) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    fn done(&self) -> u64 {
        self.running.iter().fold(self.fetched_bytes, |sum, running| sum.saturating_add(running.done))
    }

    /// Bytes a second.
    fn rate(&self) -> Option<f64> {
        let ((begin, before), (end, after)) = (self.samples.front()?, self.samples.back()?);
        let span = end.duration_since(*begin);
        (span >= FIRST).then(|| after.saturating_sub(*before) as f64 / span.as_secs_f64())
    }

    /// A line for each download that runs, and one for all, at most so wide and together so high. The rate is told from frame to frame,
    /// so that a network that stands still is seen too.
    pub fn frame(&mut self, now: Instant, width: usize, height: usize) -> Vec<String> {
        self.sample(now);
        self.lines(width, height)
    }

    fn lines(&self, width: usize, height: usize) -> Vec<String> {
        let room = height.saturating_sub(2).min(MOST);
        // A line that says how many are not shown takes the place of one.
        let shown = if self.running.len() > room { room.saturating_sub(1) } else { self.running.len() };
        let longest = self.running[..shown].iter().map(|running| running.name.chars().count()).max().unwrap_or(0);
        let mut lines: Vec<String> = self.running[..shown].iter().map(|one| one.line(width, longest)).collect();
        if shown < self.running.len() && room > 0 {
            lines.push(cut(&format!("and {} more", self.running.len() - shown), width));
        }
        lines.push(self.total_line(width));
        lines
    }

    fn total_line(&self, width: usize) -> String {
        let (done, running) = (self.done(), self.running.len() as u64);
        // What was planned is not always what comes: part of a file can be there from before.
        let (files, bytes) = (self.files.max(self.fetched + running), self.bytes.max(done));
        let (is_known, rate) = (self.bytes > 0, self.rate());
        let mut parts = vec![match self.files {
            0 => format!("{} fetched", count(self.fetched)),
            _ => format!("{} of {}", self.fetched, count(files)),
        }];
        parts.push(amount(done, if is_known { bytes } else { 0 }));
        parts.extend(rate.map(|rate| format!("{}/s", human(rate as u64))));
        let left = rate.filter(|_| is_known && done < bytes).and_then(|rate| clock((bytes - done) as f64 / rate));
        parts.extend(left.map(|left| format!("{left} left")));
        let mut line = parts.remove(0);
        for part in parts {
            if line.len() + 2 + part.len() <= width {
                line = format!("{line}  {part}");
            }
        }
        match is_known && BAR + 1 + line.len() <= width {
            true => format!("{} {line}", bar(percent(done, bytes))),
            false => cut(&line, width),
        }
    }
}

impl Running {
    fn line(&self, width: usize, longest: usize) -> String {
        // Its width is then known, and nothing in it turns the line around. Real names have no other letters.
        let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        let name: String = self.name.chars().map(plain).collect();
        let amount = amount(self.done, self.total);
        let with_bar = BAR + 1 + NAME.min(longest) + 2 + amount.len() <= width;
        let front = match (with_bar, self.total) {
            (false, _) => String::new(),
            (true, 0) => " ".repeat(BAR + 1),
            (true, total) => bar(percent(self.done, total)) + " ",
        };
        let room = width.saturating_sub(front.len() + 2 + amount.len());
        match room {
            0..8 => cut(&name, width),
            room => {
                let room = room.min(longest);
                format!("{front}{:<room$}  {amount}", cut(&name, room))
            }
        }
    }
}

fn percent(done: u64, total: u64) -> u64 {
    (u128::from(done) * 100).checked_div(total.into()).map_or(0, |percent| percent.min(100) as u64)
}

fn count(files: u64) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

/// `1.5 of 20.0 MiB`: both in the unit of the whole.
fn amount(done: u64, total: u64) -> String {
    let whole = human(total);
    let (_, unit) = whole.split_once(' ').unwrap_or_default();
    match unit {
        _ if total == 0 => human(done),
        "B" => format!("{done} of {whole}"),
        unit => {
            let power = ["KiB", "MiB", "GiB"].iter().position(|known| *known == unit).unwrap_or(3) as i32 + 1;
            format!("{:.1} of {whole}", done as f64 / 1024f64.powi(power))
        }
    }
}

/// `0:07`, `12:30`, `1:02:03`; nothing where it would be days.
fn clock(secs: f64) -> Option<String> {
    if !secs.is_finite() || secs >= 100.0 * 3600.0 {
        return None;
    }
    let secs = secs.ceil() as u64;
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    Some(match hours {
        0 => format!("{minutes}:{secs:02}"),
        _ => format!("{hours}:{minutes:02}:{secs:02}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Three files of 10 MiB: one is there, two run, at 1 MiB/s for two seconds.
    fn downloads() -> Downloads {
        let mut all = Downloads::of(3, 30 * MIB);
        let start = Instant::now();
        for tenth in 0..=20 {
            let now = start + Duration::from_millis(100 * tenth);
            all.fetching("first-1.0-1-any.pkg.tar.zst", tenth * MIB / 20, 10 * MIB);
            all.fetching("second-lib-2.0-1-any.pkg.tar.zst", tenth * MIB / 20, 10 * MIB);
            all.sample(now);
        }
        all.fetching("third", 0, 10 * MIB);
        all
    }

    #[test]
    fn a_frame_is_a_line_for_each_download_and_one_for_all() {
        assert_eq!(
            downloads().lines(80, 24),
            [
                "[##                  ] first-1.0-1-any.pkg.tar.zst       1.0 of 10.0 MiB",
                "[##                  ] second-lib-2.0-1-any.pkg.tar.zst  1.0 of 10.0 MiB",
                "[                    ] third                             0.0 of 10.0 MiB",
                "[#                   ] 0 of 3 files  2.0 of 30.0 MiB  1.0 MiB/s  0:28 left",
            ]
        );
    }

    #[test]
    fn what_was_not_planned_is_counted_as_it_begins() {
        let mut all = Downloads::as_they_come();
        all.fetching("node 22.11.0", MIB, 4 * MIB);
        all.fetching("go 1.24.0", MIB, 4 * MIB);
        all.fetched("node 22.11.0", 4 * MIB);
        assert_eq!(
            all.lines(80, 24),
            ["[#####               ] go 1.24.0  1.0 of 4.0 MiB", "[############        ] 1 of 2 files  5.0 of 8.0 MiB"]
        );
        all.fetching("of unknown size", MIB, 0);
        all.fetching("python 3.13.0", 0, 4 * MIB);
        assert_eq!(all.lines(80, 24)[3], "1 of 4 files  6.0 MiB");
    }

    #[test]
    fn what_has_come_leaves_its_line_and_counts() {
        let mut all = downloads();
        all.fetched("first-1.0-1-any.pkg.tar.zst", 10 * MIB);
        all.not_fetched("third");
        assert_eq!(
            all.lines(60, 24),
            [
                "[##                  ] second-lib-2.0-1-an…  1.0 of 10.0 MiB",
                "1 of 3 files  11.0 of 30.0 MiB  1.0 MiB/s  0:19 left",
            ]
        );
    }

    #[test]
    fn no_frame_is_wider_or_higher_than_the_terminal() {
        let mut all = downloads();
        all.fetching("of unknown size", 5 * MIB, 0);
        for number in 0..20 {
            all.fetching(&format!("{number}-\u{202e}\x1b[2J\u{6f22}-{}", "x".repeat(number)), 1, u64::MAX);
        }
        for width in 0..200 {
            for height in 0..40 {
                let frame = all.lines(width, height);
                let is_good = |line: &String| {
                    line.chars().count() <= width && line.chars().all(|c| c.is_ascii_graphic() || " …".contains(c))
                };
                assert!(frame.iter().all(is_good), "{width}: {frame:#?}");
                assert!(frame.len() < height.max(2) && frame.len() <= MOST + 1, "{height}: {frame:#?}");
            }
        }
        let frame = all.lines(80, 6);
        assert_eq!(frame[3], "and 21 more");
        assert_eq!(frame.len(), 5);
    }

    #[test]
    fn on_a_narrow_terminal_the_bar_goes_first_and_the_name_last() {
        let all = downloads();
        assert_eq!(all.lines(45, 24)[1], "second-lib-2.0-1-any.pkg.ta…  1.0 of 10.0 MiB");
        assert_eq!(all.lines(45, 24)[3], "0 of 3 files  2.0 of 30.0 MiB  1.0 MiB/s");
        assert_eq!(all.lines(20, 24), ["first-1.0-1-any.pkg…", "second-lib-2.0-1-an…", "third", "0 of 3 files"]);
    }

    #[test]
    fn neither_rate_nor_time_is_told_before_it_can_be() {
        let (mut all, start) = (Downloads::of(1, 10 * MIB), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let total = |all: &mut Downloads, ms| all.frame(at(ms), 100, 24).pop().unwrap();
        all.fetching("a", 0, 10 * MIB);
        total(&mut all, 0);
        all.fetching("a", MIB, 10 * MIB);
        assert_eq!(total(&mut all, 900), "[##                  ] 0 of 1 file  1.0 of 10.0 MiB");
        let line = total(&mut all, 1000);
        assert!(line.ends_with("1.0 of 10.0 MiB  1.0 MiB/s  0:09 left"), "{line}");
        // The network stands still: within the window the rate falls to nothing.
        let line = (11..=58).map(|tenth| total(&mut all, tenth * 100)).last().unwrap();
        assert!(line.ends_with("  176.6 KiB/s  0:53 left"), "{line}");
        let line = total(&mut all, 5900);
        assert!(line.ends_with("  0 B/s"), "{line}");
        // Another server begins from nothing.
        all.fetching("a", 0, 10 * MIB);
        assert_eq!(total(&mut all, 6300), "[                    ] 0 of 1 file  0.0 of 10.0 MiB");
    }

    #[test]
    fn where_nobody_knows_how_much_comes_no_time_is_told() {
        let (mut all, start) = (Downloads::of(0, 0), Instant::now());
        all.fetching("core.db", 0, 0);
        all.frame(start, 80, 24);
        all.fetching("core.db", 300 << 10, 0);
        assert_eq!(
            all.frame(start + Duration::from_secs(2), 80, 24),
            ["                       core.db  300.0 KiB", "0 files fetched  300.0 KiB  150.0 KiB/s"]
        );
    }

    #[test]
    fn more_than_was_planned_is_no_more_than_all() {
        let mut all = Downloads::of(1, 10);
        all.fetched("a", 15);
        all.fetched("b", u64::MAX);
        all.fetching("c", 9, 3);
        assert!(all.lines(80, 24)[1].starts_with("[####################] 2 of 3 files  "), "{:?}", all.lines(80, 24));
    }

    #[test]
    fn times() {
        let of = |secs: f64| clock(secs).unwrap_or_default();
        assert_eq!(of(0.2), "0:01");
        assert_eq!(of(59.5), "1:00");
        assert_eq!(of(3723.0), "1:02:03");
        assert_eq!((of(360_000.0), of(f64::INFINITY), of(f64::NAN)), (String::new(), String::new(), String::new()));
    }
}
