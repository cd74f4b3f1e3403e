//! Version 2.0, by the equations of its guide, section 3.2.

use super::{Known, Metrics, rounded, tenths, weight};

const KNOWN: [Known; 14] = [
    ("AV", &["L", "A", "N"]),
    ("AC", &["H", "M", "L"]),
    ("Au", &["M", "S", "N"]),
    ("C", &["N", "P", "C"]),
    ("I", &["N", "P", "C"]),
    ("A", &["N", "P", "C"]),
    ("E", &["U", "POC", "F", "H", "ND"]),
    ("RL", &["OF", "TF", "W", "U", "ND"]),
    ("RC", &["UC", "UR", "C", "ND"]),
    ("CDP", &["N", "L", "LM", "MH", "H", "ND"]),
    ("TD", &["N", "L", "M", "H", "ND"]),
    ("CR", &["L", "M", "H", "ND"]),
    ("IR", &["L", "M", "H", "ND"]),
    ("AR", &["L", "M", "H", "ND"]),
];
const MANDATORY: usize = 6;

const IMPACT: [(&str, f64); 3] = [("N", 0.0), ("P", 0.275), ("C", 0.66)];
const REQUIREMENT: [(&str, f64); 2] = [("L", 0.5), ("H", 1.51)];

/// Ten times the score.
pub fn score(text: &str) -> Option<u8> {
    let metrics = Metrics::parse(text, &KNOWN, MANDATORY)?;
    let of = |name: &str, table: &[(&str, f64)]| weight(metrics.value(name), table);
    let impacts = ["C", "I", "A"].map(|name| of(name, &IMPACT));
    let exploitability = 20.0
        * of("AV", &[("L", 0.395), ("A", 0.646)])
        * of("AC", &[("H", 0.35), ("M", 0.61), ("L", 0.71)])
        * of("Au", &[("M", 0.45), ("S", 0.56), ("N", 0.704)]);
    let base = |impacts: [f64; 3]| {
        let impact = (10.41 * (1.0 - impacts.iter().map(|impact| 1.0 - impact).product::<f64>())).min(10.0);
        let factor = if impact == 0.0 { 0.0 } else { 1.176 };
        rounded((0.6 * impact + 0.4 * exploitability - 1.5) * factor)
    };
    let temporal = |base: f64| {
        rounded(
            base * of("E", &[("U", 0.85), ("POC", 0.9), ("F", 0.95)])
                * of("RL", &[("OF", 0.87), ("TF", 0.9), ("W", 0.95)])
                * of("RC", &[("UC", 0.9), ("UR", 0.95)]),
        )
    };
    if !metrics.has_any(&["CDP", "TD", "CR", "IR", "AR"]) {
        return Some(tenths(temporal(base(impacts))));
    }
    let required = ["CR", "IR", "AR"].map(|name| of(name, &REQUIREMENT));
    let adjusted = temporal(base([0, 1, 2].map(|at| impacts[at] * required[at])));
    let damage = match metrics.value("CDP") {
        "L" => 0.1,
        "LM" => 0.3,
        "MH" => 0.4,
        "H" => 0.5,
        _ => 0.0,
    };
    let targets = of("TD", &[("N", 0.0), ("L", 0.25), ("M", 0.75)]);
    Some(tenths(rounded((adjusted + (10.0 - adjusted) * damage) * targets)))
}
