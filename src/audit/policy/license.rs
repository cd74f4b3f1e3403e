//! Whether a licence is allowed: an SPDX expression, or an older spelling that is compared as it is.

use super::rule::matches;

/// Deeper brackets are no licence.
const MAX_DEPTH: usize = 32;

/// Whether what a package states is allowed. Case is none. An exception (`WITH`) only adds permissions, so a licence that is allowed
/// is so with any.
pub(super) fn allows(allowed: &[String], stated: &str) -> bool {
    let allowed: Vec<String> = allowed.iter().map(|pattern| pattern.to_lowercase()).collect();
    let stated = stated.trim().to_lowercase();
    if stated.starts_with("custom") {
        return allowed.iter().any(|pattern| matches(pattern, &stated));
    }
    // Not as a pattern: `MIT*` is not to allow `MIT AND whatever`.
    allowed.contains(&stated) || Expression::of(&allowed, &stated).is_some_and(|allowed| allowed)
}

/// An expression that is read and judged in one go.
struct Expression<'e> {
    allowed: &'e [String],
    tokens: Vec<&'e str>,
    at: usize,
}

impl<'e> Expression<'e> {
    /// `None` where it is no expression.
    fn of(allowed: &'e [String], text: &'e str) -> Option<bool> {
        let mut expression = Expression { allowed, tokens: tokens(text), at: 0 };
        let is_allowed = expression.any(0)?;
        (expression.at == expression.tokens.len()).then_some(is_allowed)
    }

    fn any(&mut self, depth: usize) -> Option<bool> {
        let mut is_allowed = self.every(depth)?;
        while self.takes("or") {
            is_allowed |= self.every(depth)?;
        }
        Some(is_allowed)
    }

    fn every(&mut self, depth: usize) -> Option<bool> {
        let mut is_allowed = self.one(depth)?;
        while self.takes("and") {
            is_allowed &= self.one(depth)?;
        }
        Some(is_allowed)
    }

    fn one(&mut self, depth: usize) -> Option<bool> {
        if self.takes("(") {
            let is_allowed = self.any(Some(depth + 1).filter(|depth| *depth < MAX_DEPTH)?)?;
            return self.takes(")").then_some(is_allowed);
        }
        let license = self.word()?;
        let listed = |license: &str| self.allowed.iter().any(|pattern| matches(pattern, license));
        let is_allowed = listed(license);
        if !self.takes("with") {
            return Some(is_allowed);
        }
        let whole = format!("{license} with {}", self.word()?);
        Some(is_allowed || self.allowed.contains(&whole))
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_next = self.tokens.get(self.at) == Some(&token);
        self.at += usize::from(is_next);
        is_next
    }

    fn word(&mut self) -> Option<&'e str> {
        let word = *self.tokens.get(self.at)?;
        self.at += 1;
        (!["and", "or", "with", "(", ")"].contains(&word)).then_some(word)
    }
}

fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        // Brackets are tokens also where they touch a word.
        tokens.extend(word.split_inclusive(['(', ')']).flat_map(|piece| match piece.strip_suffix(['(', ')']) {
            Some(before) => [before, &piece[before.len()..]],
            None => [piece, ""],
        }));
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

#[cfg(test)]
mod tests {
    use super::allows;

    #[test]
    fn expressions_are_judged_by_their_operators() {
        let allowed: Vec<String> =
            ["MIT", "GPL-2.0-or-later", "BSD-*", "Zlib WITH x-exception"].map(str::to_owned).into();
        for good in [
            "MIT",
            " mit ",
            "MIT OR Evil",
            "Evil or MIT",
            "MIT AND BSD-3-Clause",
            "(MIT)",
            "( (MIT AND BSD-2-Clause) OR Evil)",
            "Evil AND Worse OR MIT",
            "GPL-2.0-or-later WITH Classpath-exception-2.0",
            "Zlib with X-Exception",
        ] {
            assert!(allows(&allowed, good), "{good}");
        }
        for bad in [
            "",
            "Evil",
            "MIT AND Evil",
            "MIT AND (Evil OR Worse)",
            "(MIT",
            "MIT)",
            "MIT OR",
            "OR MIT",
            "MIT MIT",
            "()",
            "MIT WITH",
            "MIT WITH AND",
            "Zlib",
            "Zlib WITH y-exception",
            "BSD-3-Clause AND Evil",
            "GPL-2.0-only",
        ] {
            assert!(!allows(&allowed, bad), "{bad}");
        }
    }

    #[test]
    fn a_pattern_does_not_reach_over_operators() {
        assert!(!allows(&["MIT*".to_owned()], "MIT AND Evil"));
        assert!(allows(&["*".to_owned()], "MIT AND Evil"));
    }

    #[test]
    fn old_spellings_are_compared_as_they_are() {
        let allowed: Vec<String> = ["GPL2", "custom:Old One", "GPL2 or any later version"].map(str::to_owned).into();
        assert!(allows(&allowed, "GPL2") && allows(&allowed, "custom:Old One"));
        assert!(allows(&allowed, "GPL2 or any later version"));
        assert!(!allows(&allowed, "GPL2 or any earlier version"), "no expression, so not evaluated");
        assert!(!allows(&allowed, "GPL") && !allows(&allowed, "custom") && !allows(&allowed, "custom:Old"));
        assert!(!allows(&allowed, "custom:x OR GPL2"), "what is custom has no operators");
        assert!(allows(&["custom:*".to_owned()], "custom:x y"));
    }

    #[test]
    fn brackets_without_end_are_no_licence() {
        assert!(!allows(&["MIT".to_owned()], &"(".repeat(100_000)));
        assert!(!allows(&["MIT".to_owned()], &("(".repeat(100) + "MIT" + &")".repeat(100))));
    }
}
