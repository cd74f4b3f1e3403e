//! Versions 3.0 and 3.1, by the equations of their specifications, section 7 and appendix A.

use super::{Known, Metrics, tenths, weight};

const KNOWN: [Known; 22] = [
    ("AV", &["N", "A", "L", "P"]),
    ("AC", &["L", "H"]),
    ("PR", &["N", "L", "H"]),
    ("UI", &["N", "R"]),
    ("S", &["U", "C"]),
    ("C", &["H", "L", "N"]),
    ("I", &["H", "L", "N"]),
    ("A", &["H", "L", "N"]),
    ("E", &["X", "H", "F", "P", "U"]),
    ("RL", &["X", "U", "W", "T", "O"]),
    ("RC", &["X", "C", "R", "U"]),
    ("CR", &["X", "H", "M", "L"]),
    ("IR", &["X", "H", "M", "L"]),
    ("AR", &["X", "H", "M", "L"]),
    ("MAV", &["X", "N", "A", "L", "P"]),
    ("MAC", &["X", "L", "H"]),
    ("MPR", &["X", "N", "L", "H"]),
    ("MUI", &["X", "N", "R"]),
    ("MS", &["X", "U", "C"]),
    ("MC", &["X", "H", "L", "N"]),
    ("MI", &["X", "H", "L", "N"]),
    ("MA", &["X", "H", "L", "N"]),
];
const MANDATORY: usize = 8;
const ENVIRONMENTAL: [&str; 11] = ["CR", "IR", "AR", "MAV", "MAC", "MPR", "MUI", "MS", "MC", "MI", "MA"];

/// Which of the two: they differ in how they round, and in one equation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Minor {
    Zero,
    One,
}

impl Minor {
    /// The next tenth above. Version 3.1 says exactly how near an exact one counts as that.
    fn round_up(self, score: f64) -> f64 {
        match self {
            Minor::Zero => (score * 10.0 - 1e-9).ceil() / 10.0,
            Minor::One => ((score * 100_000.0).round() / 10_000.0).ceil() / 10.0,
        }
    }
}

/// Ten times the score.
pub fn score(text: &str, minor: Minor) -> Option<u8> {
    let metrics = Metrics::parse(text, &KNOWN, MANDATORY)?;
    let of = |name: &str, table: &[(&str, f64)]| weight(metrics.value(name), table);
    let time = of("E", &[("F", 0.97), ("P", 0.94), ("U", 0.91)])
        * of("RL", &[("W", 0.97), ("T", 0.96), ("O", 0.95)])
        * of("RC", &[("R", 0.96), ("U", 0.92)]);
    let is_environmental = metrics.has_any(&ENVIRONMENTAL);
    let product = |required: [f64; 3], value: &dyn Fn(&str) -> String| {
        let impacts = ["C", "I", "A"].map(|name| weight(&value(name), &[("H", 0.56), ("L", 0.22), ("N", 0.0)]));
        1.0 - (0..3).map(|at| 1.0 - required[at] * impacts[at]).product::<f64>()
    };
    if !is_environmental {
        let value = |name: &str| metrics.value(name).to_owned();
        let impact = product([1.0; 3], &value);
        let base = together(impact, (impact - 0.02).powi(15), &value, minor);
        return Some(tenths(minor.round_up(base * time)));
    }
    let value = |name: &str| match metrics.value(&format!("M{name}")) {
        "X" => metrics.value(name).to_owned(),
        modified => modified.to_owned(),
    };
    let required = ["CR", "IR", "AR"].map(|name| of(name, &[("H", 1.5), ("L", 0.5)]));
    let impact = product(required, &value).min(0.915);
    let tail = match minor {
        Minor::Zero => (impact - 0.02).powi(15),
        Minor::One => (impact * 0.9731 - 0.02).powi(13),
    };
    Some(tenths(minor.round_up(together(impact, tail, &value, minor) * time)))
}

/// Impact and exploitability in one, rounded up.
fn together(impact: f64, tail: f64, value: &dyn Fn(&str) -> String, minor: Minor) -> f64 {
    let is_changed = value("S") == "C";
    let impact = if is_changed { 7.52 * (impact - 0.029) - 3.25 * tail } else { 6.42 * impact };
    let privileges = match (&*value("PR"), is_changed) {
        ("L", false) => 0.62,
        ("L", true) => 0.68,
        ("H", false) => 0.27,
        ("H", true) => 0.5,
        _ => 0.85,
    };
    let exploitability = 8.22
        * weight(&value("AV"), &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])
        * weight(&value("AC"), &[("L", 0.77), ("H", 0.44)])
        * privileges
        * weight(&value("UI"), &[("N", 0.85), ("R", 0.62)]);
    let factor = if is_changed { 1.08 } else { 1.0 };
    if impact <= 0.0 { 0.0 } else { minor.round_up((factor * (impact + exploitability)).min(10.0)) }
}
