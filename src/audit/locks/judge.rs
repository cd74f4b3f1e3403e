//! What advisories say of the packages of a lock file. It knows no advisory: whoever asks brings those that name a package.

use super::{Lock, Locked, Source};
use crate::audit::ecosystem::Ecosystem;
use crate::audit::ecosystem::range::{Affected, Verdict, is_affected};

/// What was found out of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged<A> {
    /// In [`Lock::packages`].
    pub place: usize,
    /// The advisories that it is affected by, with the first version that is fixed.
    pub bad: Vec<(A, Option<String>)>,
    /// Why it is not known to be good, with the advisory where one leaves it open.
    pub unknown: Vec<(Option<A>, String)>,
}

impl<A> Judged<A> {
    pub fn is_good(&self) -> bool {
        self.bad.is_empty() && self.unknown.is_empty()
    }
}

/// Judges every package but the project's own, of which no advisory speaks. `advisories` gives those for a name as
/// [`Ecosystem::normal_name`] spells it.
pub fn judge<A, S: AsRef<str>>(
    lock: &Lock,
    mut advisories: impl FnMut(Ecosystem, &str) -> Vec<(A, Affected<S>)>,
) -> Vec<Judged<A>> {
    let foreign = lock.packages.iter().enumerate().filter(|(_, package)| !matches!(package.source, Source::Path(_)));
    foreign
        .map(|(place, package)| {
            let named = advisories(package.ecosystem, &package.ecosystem.normal_name(&package.name));
            judge_one(place, package, named)
        })
        .collect()
}

fn judge_one<A, S: AsRef<str>>(place: usize, package: &Locked, advisories: Vec<(A, Affected<S>)>) -> Judged<A> {
    let mut judged = Judged { place, bad: Vec::new(), unknown: Vec::new() };
    let Some(version) = &package.version else {
        judged.unknown.push((None, "no version of it is fixed".to_owned()));
        return judged;
    };
    for (advisory, affected) in advisories {
        match is_affected(package.ecosystem, &affected, version) {
            Verdict::Good => {}
            Verdict::Bad { fixed } => judged.bad.push((advisory, fixed)),
            Verdict::Unknown(reason) => judged.unknown.push((Some(advisory), reason)),
        }
    }
    // The number is that of a release, and what is inside may be anything.
    if matches!(package.source, Source::Git(_) | Source::Url(_)) {
        judged.unknown.push((None, "it does not come from the registry that advisories speak of".to_owned()));
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::super::{Format, read};
    use super::*;
    use crate::audit::ecosystem::range::{Event, Range};

    #[test]
    fn bad_good_and_unknown() {
        let text = "Jinja2==2.10\nmarkupsafe==1.0\nidna>=2\nsix==odd\ntool @ git+https://git.example/tool@1.0\n./own\n";
        let lock = read(Format::Requirements, text, &mut |_| None).unwrap();
        let mut asked = Vec::new();
        let judged = judge(&lock, |ecosystem, name| {
            assert_eq!(ecosystem, Ecosystem::PyPi);
            asked.push(name.to_owned());
            let events = vec![(Event::Introduced, "0"), (Event::Fixed, "2.10.1")];
            let affected = Affected { ranges: vec![Range { is_git: false, events }], versions: vec![] };
            if ["jinja2", "six"].contains(&name) { vec![("ADV-1", affected)] } else { vec![] }
        });
        assert_eq!(asked, ["jinja2", "markupsafe", "idna", "six", "tool"]);
        assert_eq!(judged[0].bad, [("ADV-1", Some("2.10.1".to_owned()))]);
        assert!(judged[1].is_good());
        assert_eq!(judged[2].unknown[0].0, None);
        assert_eq!(judged[3].unknown[0].0, Some("ADV-1"));
        assert!(!judged[4].is_good() && judged[4].bad.is_empty());
    }
}
