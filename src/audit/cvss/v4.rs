//! Version 4.0, by section 8 of its specification: the score of the vector's class (its macro vector), less a part of the distance to
//! the next lower classes, as far as the vector is below the worst of its own.

use super::{Known, Metrics, rounded, tenths};

const KNOWN: [Known; 32] = [
    ("AV", &["N", "A", "L", "P"]),
    ("AC", &["L", "H"]),
    ("AT", &["N", "P"]),
    ("PR", &["N", "L", "H"]),
    ("UI", &["N", "P", "A"]),
    ("VC", &["H", "L", "N"]),
    ("VI", &["H", "L", "N"]),
    ("VA", &["H", "L", "N"]),
    ("SC", &["H", "L", "N"]),
    ("SI", &["H", "L", "N"]),
    ("SA", &["H", "L", "N"]),
    ("E", &["X", "A", "P", "U"]),
    ("CR", &["X", "H", "M", "L"]),
    ("IR", &["X", "H", "M", "L"]),
    ("AR", &["X", "H", "M", "L"]),
    ("MAV", &["X", "N", "A", "L", "P"]),
    ("MAC", &["X", "L", "H"]),
    ("MAT", &["X", "N", "P"]),
    ("MPR", &["X", "N", "L", "H"]),
    ("MUI", &["X", "N", "P", "A"]),
    ("MVC", &["X", "H", "L", "N"]),
    ("MVI", &["X", "H", "L", "N"]),
    ("MVA", &["X", "H", "L", "N"]),
    ("MSC", &["X", "H", "L", "N"]),
    ("MSI", &["X", "S", "H", "L", "N"]),
    ("MSA", &["X", "S", "H", "L", "N"]),
    ("S", &["X", "N", "P"]),
    ("AU", &["X", "N", "Y"]),
    ("R", &["X", "A", "U", "I"]),
    ("V", &["X", "D", "C"]),
    ("RE", &["X", "L", "M", "H"]),
    ("U", &["X", "Clear", "Green", "Amber", "Red"]),
];
const MANDATORY: usize = 11;

/// Ten times the score of each class, as the specification lists them: a row for each pair of the first two classes, in it the five
/// pairs of the third and the sixth that there are, of those each fourth, of those each fifth.
#[rustfmt::skip]
const SCORES: [[u8; 45]; 6] = [
    [100, 98, 95, 100, 93, 91, 93, 89, 81, 99, 95, 92, 96, 87, 81, 90, 80, 68, 98, 95, 90, 93, 89, 81, 88, 78, 69, 95, 92, 84, 92, 81, 65, 80, 70, 48, 92, 82, 72, 79, 69, 50, 69, 55, 27],
    [99, 95, 92, 95, 90, 84, 92, 82, 72, 97, 92, 85, 91, 83, 71, 81, 71, 53, 95, 92, 85, 92, 80, 70, 84, 71, 50, 93, 85, 73, 82, 72, 59, 70, 52, 30, 86, 75, 52, 71, 52, 29, 63, 29, 17],
    [98, 94, 91, 94, 86, 77, 87, 74, 63, 95, 87, 81, 89, 74, 64, 75, 63, 49, 94, 88, 76, 86, 74, 59, 72, 57, 52, 89, 77, 67, 76, 58, 50, 57, 52, 25, 83, 70, 54, 65, 58, 26, 53, 21, 13],
    [95, 88, 76, 90, 75, 61, 77, 68, 52, 90, 76, 70, 77, 62, 53, 66, 59, 30, 89, 76, 62, 74, 57, 47, 61, 57, 24, 78, 67, 58, 59, 57, 23, 52, 29, 16, 71, 59, 30, 58, 26, 15, 23, 13, 6],
    [93, 86, 75, 86, 74, 56, 70, 52, 40, 87, 72, 58, 74, 61, 34, 54, 40, 22, 85, 74, 62, 72, 55, 46, 53, 34, 19, 75, 55, 51, 57, 41, 19, 36, 19, 8, 64, 51, 20, 47, 21, 11, 24, 9, 4],
    [88, 73, 60, 73, 59, 41, 54, 45, 20, 75, 53, 50, 55, 40, 20, 43, 22, 11, 75, 58, 40, 61, 48, 20, 46, 17, 8, 55, 45, 21, 51, 18, 9, 18, 7, 2, 53, 24, 14, 24, 12, 5, 10, 3, 1],
];

/// A vector's class: the six numbers of the specification's macro vector.
#[derive(Clone, Copy)]
struct Class([usize; 6]);

impl Class {
    /// Its score; `None` where there is no such class.
    fn score(self) -> Option<f64> {
        let [one, two, three, four, five, six] = self.0;
        let pair = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 1)].iter().position(|pair| *pair == (three, six))?;
        let is_known = one < 3 && two < 2 && four < 3 && five < 3;
        is_known.then(|| f64::from(SCORES[one * 2 + two][pair * 9 + four * 3 + five]) / 10.0)
    }

    fn lower(self, steps: &[usize]) -> Option<f64> {
        let mut next = self;
        steps.iter().for_each(|step| next.0[*step] += 1);
        next.score()
    }

    /// The best score of the next lower classes by the third and the sixth, which go together.
    fn lower_third(self) -> Option<f64> {
        match (self.0[2], self.0[5]) {
            (0, 0) => self.lower(&[5]).into_iter().chain(self.lower(&[2])).reduce(f64::max),
            (_, 1) => self.lower(&[2]),
            _ => self.lower(&[5]),
        }
    }
}

/// How far each value is below the worst, in the order of a metric's values.
fn level(metric: &str, value: &str) -> i32 {
    let order = match metric {
        "AV" => "NALP",
        "AC" => "LH",
        "AT" => "NP",
        "PR" => "NLH",
        "UI" => "NPA",
        "VC" | "VI" | "VA" => "HLN",
        "CR" | "IR" | "AR" => "HML",
        "E" => "APU",
        _ => "SHLN",
    };
    order.find(value).unwrap_or(0) as i32
}

/// Ten times the score.
pub fn score(text: &str) -> Option<u8> {
    let metrics = Metrics::parse(text, &KNOWN, MANDATORY)?;
    let value = |name: &str| match (metrics.value(&format!("M{name}")), metrics.value(name)) {
        ("X", "X") if name == "E" => "A",
        // A requirement that nobody has stated is a high one.
        ("X", "X") => "H",
        ("X", own) => own,
        (modified, _) => modified,
    };
    if ["VC", "VI", "VA", "SC", "SI", "SA"].iter().all(|name| value(name) == "N") {
        return Some(0);
    }
    let class = class(&value);
    let levels = |names: &[&str]| names.iter().map(|name| level(name, value(name))).collect::<Vec<_>>();
    let parts = [
        (levels(&["AV", "PR", "UI"]), worst_of_the_first(class.0[0]), [1, 4, 5][class.0[0]], class.lower(&[0])),
        (levels(&["AC", "AT"]), worst_of_the_second(class.0[1]), [1, 2][class.0[1]], class.lower(&[1])),
        (
            levels(&["VC", "VI", "VA", "CR", "IR", "AR"]),
            worst_of_the_third(class.0[2], class.0[5]),
            [[7, 6], [8, 8], [10, 10]][class.0[2]][class.0[5]],
            class.lower_third(),
        ),
        (levels(&["SC", "SI", "SA"]), worst_of_the_fourth(class.0[3]), [6, 5, 4][class.0[3]], class.lower(&[3])),
        (vec![], &[&[]], 1, class.lower(&[4])),
    ];
    let own = class.score()?;
    let (mut sum, mut count) = (0.0, 0);
    for (levels, worst, depth, lower) in &parts {
        let Some(lower) = lower else { continue };
        let distance = |worst: &&[i32]| -> Option<i32> {
            let steps = levels.iter().zip(*worst).map(|(level, worst)| level - worst);
            steps.clone().all(|step| step >= 0).then(|| steps.sum())
        };
        let distance = worst.iter().find_map(distance)?;
        sum += (own - lower) * f64::from(distance) / f64::from(*depth);
        count += 1;
    }
    let mean = if count == 0 { 0.0 } else { sum / f64::from(count) };
    Some(tenths(rounded((own - mean).clamp(0.0, 10.0))))
}

fn class<'v>(value: &dyn Fn(&str) -> &'v str) -> Class {
    let is = |name: &str, wanted: &str| value(name) == wanted;
    let near = [is("AV", "N"), is("PR", "N"), is("UI", "N")];
    let one = match near {
        [true, true, true] => 0,
        _ if near.contains(&true) && !is("AV", "P") => 1,
        _ => 2,
    };
    let two = usize::from(!(is("AC", "L") && is("AT", "N")));
    let high = ["VC", "VI", "VA"].map(|name| is(name, "H"));
    let three = match high {
        [true, true, _] => 0,
        _ if high.contains(&true) => 1,
        _ => 2,
    };
    let four = match () {
        () if is("SI", "S") || is("SA", "S") => 0,
        () if ["SC", "SI", "SA"].iter().any(|name| is(name, "H")) => 1,
        () => 2,
    };
    let five = level("E", value("E")) as usize;
    let required = ["CR", "IR", "AR"].map(|name| is(name, "H"));
    let six = usize::from(!(0..3).any(|at| high[at] && required[at]));
    Class([one, two, three, four, five, six])
}

/// The levels of the worst vectors of a class, by `AV`, `PR`, `UI`.
fn worst_of_the_first(class: usize) -> &'static [&'static [i32]] {
    match class {
        0 => &[&[0, 0, 0]],
        1 => &[&[1, 0, 0], &[0, 1, 0], &[0, 0, 1]],
        _ => &[&[3, 0, 0], &[1, 1, 1]],
    }
}

/// By `AC`, `AT`.
fn worst_of_the_second(class: usize) -> &'static [&'static [i32]] {
    if class == 0 { &[&[0, 0]] } else { &[&[1, 0], &[0, 1]] }
}

/// By `VC`, `VI`, `VA`, `CR`, `IR`, `AR`.
fn worst_of_the_third(third: usize, sixth: usize) -> &'static [&'static [i32]] {
    match (third, sixth) {
        (0, 0) => &[&[0, 0, 0, 0, 0, 0]],
        (0, _) => &[&[0, 0, 1, 1, 1, 0], &[0, 0, 0, 1, 1, 1]],
        (1, 0) => &[&[1, 0, 0, 0, 0, 0], &[0, 1, 0, 0, 0, 0]],
        (1, _) => {
            &[&[1, 0, 1, 0, 1, 0], &[1, 0, 0, 0, 1, 1], &[0, 1, 0, 1, 0, 1], &[0, 1, 1, 1, 0, 0], &[1, 1, 0, 0, 0, 1]]
        }
        _ => &[&[1, 1, 1, 0, 0, 0]],
    }
}

/// By `SC`, `SI`, `SA`.
fn worst_of_the_fourth(class: usize) -> &'static [&'static [i32]] {
    match class {
        0 => &[&[1, 0, 0]],
        1 => &[&[1, 1, 1]],
        _ => &[&[2, 2, 2]],
    }
}
