//! omg's own account of what libalpm would do: which version of a package an upgrade or an installation takes, and which
//! package replaces it. Used where the engine cannot be asked, and held against it by the tests.
//!
//! Each package is judged by itself. libalpm's upgrade goes through them by name and lets one package's replacement
//! stand for a second one; the answer differs only where two packages are replaced by one that two repositories offer.

use super::conf::{Conf, RepositorySection};
use super::vercmp;
use crate::model::{Choice, Source, relation};
use std::cmp::Ordering;
use std::collections::HashMap;

/// One package as one repository offers it, as far as policy cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// Name of the repository.
    pub repository: &'a str,
    /// The package's name.
    pub name: &'a str,
    /// The version offered.
    pub version: &'a str,
    /// One a line.
    pub groups: &'a str,
    /// `%REPLACES%`, one a line.
    pub replaces: &'a str,
}

/// One installed package, as far as policy cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The package's name.
    pub name: String,
    /// The installed version.
    pub version: String,
    /// One a line.
    pub groups: String,
}

/// The choices about `names`, or where that is `None` about all packages for which there is more to say than that the
/// first repository has them. `offers` may be in any order.
pub fn choose(conf: &Conf, present: &[Present], offers: &[Offer<'_>], names: Option<&[&str]>) -> Vec<Choice> {
    let rules = Rules::new(conf, present, offers);
    match names {
        Some(names) => names.iter().map(|name| rules.choice(name)).collect(),
        None => {
            let installed = present.iter().map(|package| package.name.as_str());
            // Where every repository installs, the first one has the candidate, which goes without saying.
            let barred = conf.repositories.iter().any(|repository| !repository.usage.installs());
            let others = rules.by_name.iter().filter(|(name, offers)| {
                barred && !rules.present.contains_key(*name) && !rules.section(offers[0]).usage.installs()
            });
            installed.chain(others.map(|(name, _)| *name)).map(|name| rules.choice(name)).collect()
        }
    }
}

struct Rules<'a> {
    conf: &'a Conf,
    present: HashMap<&'a str, &'a Present>,
    /// In the order of repositories.
    by_name: HashMap<&'a str, Vec<Ranked<'a>>>,
    /// By the name that is replaced, in the order of repositories, then of replacers' names.
    replacers: HashMap<&'a str, Vec<(Ranked<'a>, relation::Relation<'a>)>>,
}

/// An offer and the rank of its repository.
type Ranked<'a> = (usize, Offer<'a>);

impl<'a> Rules<'a> {
    fn new(conf: &'a Conf, present: &'a [Present], offers: &[Offer<'a>]) -> Rules<'a> {
        let ranks: HashMap<&str, usize> =
            conf.repositories.iter().enumerate().map(|(rank, section)| (section.name.as_str(), rank)).collect();
        let mut rules = Rules {
            conf,
            present: present.iter().map(|package| (package.name.as_str(), package)).collect(),
            by_name: HashMap::with_capacity(offers.len()),
            replacers: HashMap::new(),
        };
        for offer in offers {
            let Some(&rank) = ranks.get(offer.repository) else { continue };
            rules.by_name.entry(offer.name).or_default().push((rank, *offer));
            for replaced in relation::parse(Source::Pacman, offer.replaces).into_iter().flatten() {
                rules.replacers.entry(replaced.name).or_default().push(((rank, *offer), replaced));
            }
        }
        rules.by_name.values_mut().for_each(|offers| offers.sort_by_key(|(rank, _)| *rank));
        rules.replacers.values_mut().for_each(|all| all.sort_by_key(|((rank, offer), _)| (*rank, offer.name)));
        rules
    }

    fn section(&self, (rank, _): Ranked<'_>) -> &RepositorySection {
        &self.conf.repositories[rank]
    }

    fn choice(&self, name: &str) -> Choice {
        let offers = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let mut choice = Choice {
            name: name.to_owned(),
            arch: String::new(),
            candidate: None,
            repository: String::new(),
            replaced_by: None,
        };
        let Some(installed) = self.present.get(name) else {
            if let Some((_, offer)) = offers.iter().find(|offer| self.section(**offer).usage.installs()) {
                choice.candidate = Some(offer.version.to_owned());
                choice.repository = offer.repository.to_owned();
            }
            return choice;
        };
        // The first repository that has the name decides, even where a later one has a higher version.
        let offer = offers.iter().find(|offer| self.section(**offer).usage.upgrades()).map(|(_, offer)| offer);
        let order = offer.map_or(Ordering::Less, |offer| vercmp::compare(offer.version, &installed.version));
        match (offer, order) {
            (Some(offer), Ordering::Greater) => {
                choice.candidate = Some(offer.version.to_owned());
                choice.repository = offer.repository.to_owned();
            }
            (Some(offer), Ordering::Equal) => {
                choice.candidate = Some(installed.version.clone());
                choice.repository = offer.repository.to_owned();
            }
            _ => choice.candidate = Some(installed.version.clone()),
        }
        choice.replaced_by = self.replacer(installed, offer.map(|offer| offer.repository)).map(str::to_owned);
        choice
    }

    /// Replacers are looked for in each repository before the package's own name is, so not behind its own repository.
    fn replacer(&self, installed: &Present, own: Option<&str>) -> Option<&'a str> {
        let last = own.and_then(|own| self.conf.repositories.iter().position(|section| section.name == own));
        if self.conf.ignores(&installed.name, &installed.groups) {
            return None;
        }
        let replacers = self.replacers.get(installed.name.as_str())?;
        replacers
            .iter()
            .filter(|(ranked, _)| self.section(*ranked).usage.upgrades() && last.is_none_or(|last| ranked.0 <= last))
            .filter(|(_, relation)| satisfies(&installed.version, relation))
            .map(|((_, offer), _)| offer)
            .find(|offer| offer.name != installed.name && !self.conf.ignores(offer.name, offer.groups))
            .map(|offer| offer.name)
    }
}

/// Whether a version is what a relation asks for.
pub fn satisfies(version: &str, relation: &relation::Relation<'_>) -> bool {
    let order = vercmp::compare(version, relation.version);
    match relation.operator {
        "" => true,
        "=" => order == Ordering::Equal,
        ">=" => order != Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        "<" => order == Ordering::Less,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(text: &str) -> Conf {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Conf::read(file.path(), std::path::Path::new("/"))
    }

    fn offer<'a>(repository: &'a str, name: &'a str, version: &'a str, replaces: &'a str) -> Offer<'a> {
        Offer { repository, name, version, groups: "", replaces }
    }

    fn present(all: &[(&str, &str)]) -> Vec<Present> {
        let one = |(name, version): &(&str, &str)| Present {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            groups: String::new(),
        };
        all.iter().map(one).collect()
    }

    fn told(conf: &Conf, here: &[(&str, &str)], offers: &[Offer<'_>], name: &str) -> (String, String, String) {
        let choice = choose(conf, &present(here), offers, Some(&[name])).remove(0);
        (choice.candidate.unwrap_or_default(), choice.repository, choice.replaced_by.unwrap_or_default())
    }

    fn row(candidate: &str, repository: &str, replaced_by: &str) -> (String, String, String) {
        (candidate.to_owned(), repository.to_owned(), replaced_by.to_owned())
    }

    #[test]
    fn the_first_repository_decides_whatever_the_others_have() {
        let conf = conf("[core]\n[extra]\n");
        let offers = [offer("extra", "a", "3-1", ""), offer("core", "a", "2-1", "")];
        assert_eq!(told(&conf, &[("a", "1-1")], &offers, "a"), row("2-1", "core", ""));
        assert_eq!(told(&conf, &[("a", "2-1")], &offers, "a"), row("2-1", "core", ""));
        assert_eq!(told(&conf, &[("a", "2.5-1")], &offers, "a"), row("2.5-1", "", ""));
        assert_eq!(told(&conf, &[], &offers, "a"), row("2-1", "core", ""));
        assert_eq!(told(&conf, &[], &offers, "none"), row("", "", ""));
        assert_eq!(told(&conf, &[("own", "1-1")], &offers, "own"), row("1-1", "", ""));
    }

    #[test]
    fn usage_limits_upgrades_and_installations() {
        let conf = conf("[core]\nUsage = Search\n[extra]\nUsage = Install\n");
        let offers = [offer("core", "a", "3-1", ""), offer("extra", "a", "2-1", ""), offer("core", "b", "1-1", "")];
        assert_eq!(told(&conf, &[], &offers, "a"), row("2-1", "extra", ""));
        assert_eq!(told(&conf, &[], &offers, "b"), row("", "", ""));
        assert_eq!(told(&conf, &[("a", "1-1")], &offers, "a"), row("1-1", "", ""));
        let mut all: Vec<_> = choose(&conf, &[], &offers, None).into_iter().map(|c| (c.name, c.candidate)).collect();
        all.sort();
        assert_eq!(all, [("a".to_owned(), Some("2-1".to_owned())), ("b".to_owned(), None)]);
    }

    #[test]
    fn a_replacement_from_no_later_a_repository_than_the_package() {
        let conf = conf("[options]\nIgnorePkg = shy\n[core]\n[extra]\n");
        let here = [("old", "1-1")];
        let new = offer("core", "new", "1-1", "old<2");
        assert_eq!(told(&conf, &here, &[new], "old"), row("1-1", "", "new"));
        assert_eq!(told(&conf, &[("old", "2-1")], &[new], "old"), row("2-1", "", ""));
        let late = offer("extra", "new", "1-1", "old");
        let own = offer("core", "old", "1.5-1", "");
        assert_eq!(told(&conf, &here, &[late, own], "old"), row("1.5-1", "core", ""));
        assert_eq!(told(&conf, &here, &[offer("core", "shy", "1-1", "old")], "old"), row("1-1", "", ""));
        assert_eq!(told(&conf, &[("shy", "1-1")], &[offer("core", "new", "1-1", "shy")], "shy"), row("1-1", "", ""));
        assert_eq!(told(&conf, &here, &[offer("core", "old", "2-1", "old")], "old"), row("2-1", "core", ""));
    }
}
