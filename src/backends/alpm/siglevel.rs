//! `SigLevel` of pacman.conf(5): which signatures have to be there and who may have made them. Numbers as libalpm has them.
//!
//! Nothing is verified here; libalpm does that with the levels it is told.

const PACKAGE: u32 = 1;
const PACKAGE_OPTIONAL: u32 = 1 << 1;
const PACKAGE_MARGINAL: u32 = 1 << 2;
const PACKAGE_UNKNOWN: u32 = 1 << 3;
/// A database's bits stand so much higher than those of packages.
const DATABASE_SHIFT: u32 = 10;
const USE_DEFAULT: u32 = 1 << 30;
/// What counts where nothing is said at all: with libalpm 13 signatures are checked where there are any, with libalpm 16 they have to
/// be there.
pub const BUILT_IN: [u32; 2] = [
    (PACKAGE | PACKAGE_OPTIONAL) | ((PACKAGE | PACKAGE_OPTIONAL) << DATABASE_SHIFT),
    PACKAGE | PACKAGE << DATABASE_SHIFT,
];

/// Whether a signature is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Never,
    WhereThereIsOne,
    Always,
}

/// Of which signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signatures {
    pub packages: Wanted,
    pub database: Wanted,
}

/// What the lines of one section said: which bits they touched, and how they left these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SigLevel {
    bits: u32,
    touched: u32,
}

impl SigLevel {
    /// Takes one line's words. A word that pacman would not know leaves all as it was and is returned.
    pub fn add<'a>(&mut self, words: impl Iterator<Item = &'a str>) -> Result<(), &'a str> {
        let mut next = *self;
        for word in words {
            let (rest, shifts): (&str, &[u32]) = match (word.strip_prefix("Package"), word.strip_prefix("Database")) {
                (Some(rest), _) => (rest, &[0]),
                (_, Some(rest)) => (rest, &[DATABASE_SHIFT]),
                _ => (word, &[0, DATABASE_SHIFT]),
            };
            let (set, unset) = match rest {
                "Never" => (0, PACKAGE),
                "Optional" => (PACKAGE | PACKAGE_OPTIONAL, 0),
                "Required" => (PACKAGE, PACKAGE_OPTIONAL),
                "TrustedOnly" => (0, PACKAGE_MARGINAL | PACKAGE_UNKNOWN),
                "TrustAll" => (PACKAGE_MARGINAL | PACKAGE_UNKNOWN, 0),
                _ => return Err(word),
            };
            for shift in shifts {
                next.bits = (next.bits | set << shift) & !(unset << shift);
                next.touched |= (set | unset) << shift;
            }
        }
        *self = next;
        Ok(())
    }

    /// The level of `[options]`, as libalpm's number, where that is what counts without it.
    pub fn global(self, built_in: u32) -> u32 {
        self.over(built_in)
    }

    /// The level of a section below `base`, which counts for what the section does not say.
    pub fn below(self, base: u32) -> u32 {
        if self.touched == 0 { USE_DEFAULT } else { self.over(base) }
    }

    /// The same level as what it asks for.
    pub fn wanted_below(self, base: u32) -> Signatures {
        let level = self.over(base);
        let wanted = |level: u32| match (level & PACKAGE, level & PACKAGE_OPTIONAL) {
            (0, _) => Wanted::Never,
            (_, 0) => Wanted::Always,
            _ => Wanted::WhereThereIsOne,
        };
        Signatures { packages: wanted(level), database: wanted(level >> DATABASE_SHIFT) }
    }

    fn over(self, base: u32) -> u32 {
        (self.bits & self.touched) | (base & !self.touched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(lines: &[&'static str]) -> SigLevel {
        let mut level = SigLevel::default();
        lines.iter().for_each(|line| level.add(line.split(' ')).unwrap());
        level
    }

    #[test]
    fn words_touch_what_they_name_and_the_rest_comes_from_above() {
        let [older, newer] = BUILT_IN;
        assert_eq!((level(&[]).global(older), level(&[]).global(newer)), (0xc03, 0x401));
        // As Arch ships it.
        let global = level(&["Required DatabaseOptional"]).global(older);
        assert_eq!(global, 0xc01);
        assert_eq!(level(&["Optional TrustAll"]).below(global), 0x3c0f);
        assert_eq!(level(&["PackageNever"]).below(global), 0xc00);
        assert_eq!(level(&["Required", "TrustedOnly"]).below(global), 0x401);
        assert_eq!(level(&["TrustedOnly"]).below(0x3c0f), 0xc03);
        assert_eq!(level(&[]).below(global), USE_DEFAULT);
        let wanted = |packages, database| Signatures { packages, database };
        assert_eq!(level(&[]).wanted_below(global), wanted(Wanted::Always, Wanted::WhereThereIsOne));
        assert_eq!(level(&["Never"]).wanted_below(global), wanted(Wanted::Never, Wanted::Never));
        // The later line wins, as with pacman.
        assert_eq!(level(&["Never", "DatabaseRequired"]).global(older), 0x402);
    }

    #[test]
    fn an_unknown_word_changes_nothing_and_is_named() {
        let mut found = level(&["Required"]);
        assert_eq!(found.add("Never Sometimes".split(' ')), Err("Sometimes"));
        assert_eq!(found, level(&["Required"]));
    }
}
