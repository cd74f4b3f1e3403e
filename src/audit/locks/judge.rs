//! What advisories say of a package of a lock file. It knows no advisory: whoever asks brings those that name a package.

use super::{Locked, Source};
use crate::audit::ecosystem::range::{Verdict, is_affected};
use crate::model::Affected;

/// What was found out of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged<A> {
    /// The advisories that it is affected by, with the first version that is fixed.
    pub bad: Vec<(A, Option<String>)>,
    /// Why it is not known to be good, with the advisory where one leaves it open.
    pub unknown: Vec<(Option<A>, String)>,
}

/// Judges a package by the advisories that name it as [`Ecosystem::normal_name`](crate::audit::ecosystem::Ecosystem::normal_name)
/// spells it. Of the project's own packages ([`Locked::is_own`]) none speaks.
pub fn judge<A: Clone, S: AsRef<str>>(package: &Locked, advisories: &[(A, Affected<S>)]) -> Judged<A> {
    let mut judged = Judged { bad: Vec::new(), unknown: Vec::new() };
    let Some(version) = &package.version else {
        judged.unknown.push((None, "no version of it is pinned".to_owned()));
        return judged;
    };
    for (advisory, affected) in advisories {
        match is_affected(package.ecosystem, affected, version) {
            Verdict::Good => {}
            Verdict::Bad { fixed } => judged.bad.push((advisory.clone(), fixed)),
            Verdict::Unknown(reason) => judged.unknown.push((Some(advisory.clone()), reason)),
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
    use crate::model::Turn;

    #[test]
    fn bad_good_and_unknown() {
        let text = "Jinja2==2.10\nmarkupsafe==1.0\nidna>=2\nsix==odd\ntool @ git+https://git.example/tool@1.0\n./own\n";
        let lock = read(Format::Requirements, text, &mut |_| None).unwrap();
        let range = vec![(Turn::Introduced, "0"), (Turn::Fixed, "2.10.1")];
        let affected = Affected { ranges: vec![range], versions: vec![] };
        let judged = |name: &str, is_named: bool| {
            let package = lock.packages.iter().find(|package| package.name == name).unwrap();
            assert!(!package.is_own());
            judge(package, &if is_named { vec![("ADV-1", affected.clone())] } else { vec![] })
        };
        assert_eq!(judged("Jinja2", true).bad, [("ADV-1", Some("2.10.1".to_owned()))]);
        let good = judged("markupsafe", false);
        assert!(good.bad.is_empty() && good.unknown.is_empty());
        assert_eq!(judged("idna", true).unknown[0].0, None);
        assert_eq!(judged("six", true).unknown[0].0, Some("ADV-1"));
        let tool = judged("tool", false);
        assert!(tool.bad.is_empty() && tool.unknown.len() == 1);
        assert!(lock.packages.last().unwrap().is_own());
    }
}
