//! What the advisories of a registry make of one package of it.
//!
//! Records of one fault by several publishers, which name each other or the same CVE, are one finding.

use super::report::{Finding, Fix, Hushed, Report, Request, Spot, Unknown, hush, left_out};
use crate::audit::ecosystem::Ecosystem;
use crate::audit::ecosystem::range::{Verdict, is_affected};
use crate::audit::locks::{Locked, judge};
use crate::audit::vex::Verdicts;
use crate::config::IgnoredAdvisory;
use crate::index::advisories::Advisories;
use crate::model::{Advisory, Affected};
use anyhow::Result;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What is said of a package: the advisories with their numbers, and what each affects.
pub struct Said {
    advisories: Vec<(u32, Advisory)>,
    affected: Vec<(usize, Affected)>,
}

impl Said {
    pub fn about(advisories: &Advisories, registry: Ecosystem, name: &str) -> Result<Said> {
        let mut all = advisories.about((registry.purl(), name))?;
        let affected = all.iter_mut().map(|(_, advisory)| std::mem::take(&mut advisory.affected));
        let affected = affected.enumerate().collect();
        Ok(Said { advisories: all, affected })
    }

    fn names(&self, place: usize) -> impl Iterator<Item = &String> {
        let advisory = &self.advisories[place].1;
        std::iter::once(&advisory.id).chain(&advisory.aliases)
    }

    /// The faults of a version, each with its records and the version that mends all of these.
    fn faults(&self, package: &Locked, bad: Vec<(usize, Option<String>)>) -> Vec<(Vec<usize>, Option<String>)> {
        let groups = self.of_one_fault(bad);
        let mends_all = |places: &[usize], version: &str| {
            let verdict = |place: &usize| is_affected(package.ecosystem, &self.affected[*place].1, version);
            places.iter().all(|place| verdict(place) == Verdict::Good)
        };
        let fault = |group: Vec<(usize, Option<String>)>| {
            let (places, fixes): (Vec<usize>, Vec<Option<String>>) = group.into_iter().unzip();
            let fixed = fixes.into_iter().flatten().filter(|version| mends_all(&places, version));
            let is_first = |a: &str, b: &str| package.ecosystem.compare(a, b).is_none_or(|order| order.is_le());
            let fixed = fixed.reduce(|a, b| if is_first(&a, &b) { a } else { b });
            (places, fixed)
        };
        groups.into_iter().map(fault).collect()
    }

    /// Records that share a name with another of them, or with one that does.
    fn of_one_fault<T>(&self, all: Vec<(usize, T)>) -> Vec<Vec<(usize, T)>> {
        // Each record's group is that of the first that has one of its names; `first` leads from group to group.
        let (mut first, mut by_name): (Vec<usize>, HashMap<&str, usize>) = (Vec::new(), HashMap::new());
        let root = |first: &[usize], mut at: usize| {
            while first[at] != at {
                at = first[at];
            }
            at
        };
        for (at, (place, _)) in all.iter().enumerate() {
            first.push(at);
            for name in self.names(*place) {
                let (own, other) = (root(&first, at), root(&first, *by_name.entry(name.as_str()).or_insert(at)));
                let (low, high) = (own.min(other), own.max(other));
                first[high] = low;
            }
        }
        let mut groups: BTreeMap<usize, Vec<(usize, T)>> = BTreeMap::new();
        for (at, one) in all.into_iter().enumerate() {
            groups.entry(root(&first, at)).or_default().push(one);
        }
        groups.into_values().collect()
    }

    /// One advisory of several records: the one that rates it highest, with the names of all.
    fn joined(&self, places: &[usize]) -> (u32, Advisory) {
        let rating = |place: &&usize| {
            let (_, advisory) = &self.advisories[**place];
            (advisory.severity, advisory.score)
        };
        // The first of equals.
        let first = *places.iter().rev().max_by_key(rating).expect("each fault has a record");
        let (number, mut joined) = self.advisories[first].clone();
        for name in places.iter().flat_map(|place| self.names(*place)) {
            if *name != joined.id && !joined.aliases.contains(name) {
                joined.aliases.push(name.clone());
            }
        }
        for (_, Advisory { ranking, .. }) in places.iter().map(|place| &self.advisories[*place]) {
            joined.ranking.exploited |= ranking.exploited;
            joined.ranking.ransomware |= ranking.ransomware;
            joined.ranking.epss = joined.ranking.epss.max(ranking.epss);
        }
        (number, joined)
    }
}

/// Judges a package, and adds what is found. `name` is the registry's spelling of its name.
pub fn look_up(
    advisories: &Advisories,
    (package, name, places): (&Locked, &str, &[Spot]),
    said: &Said,
    request: &Request<'_>,
    ignored: &[&IgnoredAdvisory],
    report: &mut Report,
) -> Result<()> {
    let registry = package.ecosystem;
    let version = package.version.as_deref().unwrap_or_default();
    let names = [name, &package.name];
    let verdicts = Verdicts::new(request.vex, registry.purl(), &names, &[version]);
    let judged = judge(package, &said.affected);
    let faults = said.faults(package, judged.bad);
    let told: HashSet<&str> = faults
        .iter()
        .flat_map(|(records, _)| records)
        .flat_map(|place| said.names(*place))
        .map(String::as_str)
        .collect();
    let mut open: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (place, reason) in judged.unknown {
        let Some(place) = place else {
            // What is known to be bad is that, wherever it comes from.
            if faults.is_empty() {
                open.entry(reason).or_default();
            }
            continue;
        };
        let advisory = &said.advisories[place].1;
        let is_told = said.names(place).any(|name| told.contains(name.as_str()));
        if !is_told && hush(advisory, &names, ignored, &verdicts).is_none() && !left_out(advisory, request, report) {
            open.entry(reason).or_default().push(advisory.id.clone());
        }
    }
    let source = registry.name();
    let unknown = |(reason, ids)| Unknown {
        source,
        name: package.name.clone(),
        version: package.version.clone(),
        places: places.to_vec(),
        ids,
        reason,
    };
    report.unknown.extend(open.into_iter().map(unknown));
    for (records, fixed) in faults {
        let (number, mut advisory) = said.joined(&records);
        if left_out(&advisory, request, report) {
            continue;
        }
        if request.texts {
            advisories.complete(number, &mut advisory)?;
        }
        let why = hush(&advisory, &names, ignored, &verdicts);
        let finding = Finding {
            source,
            name: package.name.clone(),
            version: version.to_owned(),
            packages: Vec::new(),
            places: places.to_vec(),
            advisory,
            fix: fixed.map_or(Fix::None, Fix::Registry),
        };
        match why {
            Some(why) => report.hushed.push(Hushed { finding, why }),
            None => report.findings.push(finding),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::advisory::plain;

    fn said(names: &[&[&str]]) -> Said {
        let advisory = |names: &&[&str]| Advisory {
            aliases: names[1..].iter().map(|name| (*name).to_owned()).collect(),
            ..plain("npm", "p", names[0])
        };
        let advisories = names.iter().map(advisory).enumerate().map(|(at, one)| (at as u32, one)).collect();
        Said { advisories, affected: Vec::new() }
    }

    fn grouped(said: &Said) -> Vec<Vec<usize>> {
        let all = (0..said.advisories.len()).map(|at| (at, ())).collect();
        let groups = said.of_one_fault(all).into_iter();
        groups.map(|group| group.into_iter().map(|(place, ())| place).collect()).collect()
    }

    #[test]
    fn records_of_one_fault_are_together_however_they_name_each_other() {
        let names: &[&[&str]] =
            &[&["A", "1"], &["B"], &["C", "2"], &["D", "1", "2"], &["E", "B"], &["F", "3"], &["G"], &["3"]];
        assert_eq!(grouped(&said(names)), [vec![0, 2, 3], vec![1, 4], vec![5, 7], vec![6]]);
    }

    /// Each pair of them was compared, name by name: 20,000 records took minutes.
    #[test]
    fn many_records_of_one_package_are_grouped_by_their_names_and_not_in_pairs() {
        let names: Vec<[String; 2]> = (0..20_000).map(|at| [format!("A-{at}"), format!("CVE-{}", at / 2)]).collect();
        let names: Vec<[&str; 2]> = names.iter().map(|pair| pair.each_ref().map(String::as_str)).collect();
        let names: Vec<&[&str]> = names.iter().map(|pair| &pair[..]).collect();
        let groups = grouped(&said(&names));
        assert_eq!((groups.len(), groups[0].len()), (10_000, 2));
    }
}
