//! How likely a fault is to be used: CISA's list of those that have been, and EPSS's estimates. Both are by CVE, and rank what others say.

use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::BufRead;

/// Whether each exploited CVE is known to have been used for ransom.
pub type Exploited = HashMap<String, bool>;

#[derive(Deserialize)]
struct Catalog<'t> {
    #[serde(borrow)]
    vulnerabilities: Vec<Known<'t>>,
}

#[derive(Deserialize)]
struct Known<'t> {
    #[serde(borrow, rename = "cveID")]
    id: Cow<'t, str>,
    #[serde(borrow, default, rename = "knownRansomwareCampaignUse")]
    ransom: Cow<'t, str>,
}

/// CISA's known exploited vulnerabilities.
pub fn read_exploited(text: &[u8]) -> Result<Exploited, String> {
    let catalog: Catalog<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if catalog.vulnerabilities.is_empty() {
        return Err("nothing in it".to_owned());
    }
    let known = catalog.vulnerabilities.into_iter();
    Ok(known.map(|known| (known.id.into_owned(), known.ransom == "Known")).collect())
}

/// EPSS's table: calls back with CVE and probability, in hundred thousandths, of each line. How many there were.
pub fn each_estimate(input: impl BufRead, mut each: impl FnMut(&str, u32)) -> Result<usize, String> {
    let mut count = 0;
    for (number, line) in input.lines().enumerate() {
        let line = line.map_err(|error| error.to_string())?;
        if line.starts_with('#') || line.starts_with("cve,") || line.is_empty() {
            continue;
        }
        let mut cells = line.split(',');
        let (id, estimate) = (cells.next().unwrap_or_default(), cells.next().and_then(|cell| cell.parse::<f64>().ok()));
        match estimate.filter(|estimate| (0.0..=1.0).contains(estimate) && id.starts_with("CVE-")) {
            Some(estimate) => each(id, (estimate * 100_000.0).round() as u32),
            None => return Err(format!("line {} makes no sense", number + 1)),
        }
        count += 1;
    }
    if count == 0 { Err("nothing in it".to_owned()) } else { Ok(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exploited_ones_and_those_used_for_ransom() {
        let text = br#"{"title": "x", "count": 2, "vulnerabilities": [
            {"cveID": "CVE-2021-1", "knownRansomwareCampaignUse": "Known"}, {"cveID": "CVE-2021-2", "vendorProject": "v"}]}"#;
        let known = read_exploited(text).unwrap();
        assert_eq!((known["CVE-2021-1"], known["CVE-2021-2"], known.len()), (true, false, 2));
        assert!(read_exploited(b"{\"vulnerabilities\": []}").is_err() && read_exploited(&text[..50]).is_err());
    }

    #[test]
    fn estimates_by_cve() {
        let text = "#model_version:v2025,score_date:2026-01-01\ncve,epss,percentile\nCVE-1999-1,0.01053,0.76\nCVE-1999-2,1,1\n";
        let mut seen = Vec::new();
        assert_eq!(each_estimate(text.as_bytes(), |id, estimate| seen.push((id.to_owned(), estimate))), Ok(2));
        assert_eq!(seen, [("CVE-1999-1".to_owned(), 1053), ("CVE-1999-2".to_owned(), 100_000)]);
        for bad in ["", "cve,epss,percentile\n", "CVE-1\n", "CVE-1,2,1\n", "CVE-1,NaN,1\n", "x,0.1,1\n"] {
            assert!(each_estimate(bad.as_bytes(), |_, _| ()).is_err(), "{bad}");
        }
    }
}
