//! The format of `desc`, `depends` and `files`: a line `%KEY%`, then its value's lines, then an empty line. The same in
//! sync and local databases. Nothing is copied.

use crate::model::Field;

/// Every `(KEY, value)` of `text` in order. A value of several lines keeps its newlines; the last one is off. Keys that
/// libalpm gives one line have one line, whatever follows.
pub fn entries(text: &str) -> Entries<'_> {
    Entries { rest: text }
}

/// See [`entries`].
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        while !self.rest.is_empty() {
            let line = self.line();
            let Some(key) = line.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')) else { continue };
            let value = if is_list(key) { self.lines() } else { self.line() };
            return Some((key, value));
        }
        None
    }
}

impl<'a> Entries<'a> {
    fn line(&mut self) -> &'a str {
        let bytes = self.rest.as_bytes();
        let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or("");
        line
    }

    /// All up to an empty line or the end.
    fn lines(&mut self) -> &'a str {
        if let Some(rest) = self.rest.strip_prefix('\n') {
            self.rest = rest;
            return "";
        }
        let bytes = self.rest.as_bytes();
        let mut from = 0;
        while let Some(at) = memchr::memchr(b'\n', &bytes[from..]) {
            from += at + 1;
            if bytes.get(from) == Some(&b'\n') {
                let value = &self.rest[..from - 1];
                self.rest = &self.rest[from + 1..];
                return value;
            }
        }
        let value = self.rest.strip_suffix('\n').unwrap_or(self.rest);
        self.rest = "";
        value
    }
}

fn is_list(key: &str) -> bool {
    matches!(
        key,
        "GROUPS"
            | "LICENSE"
            | "REPLACES"
            | "DEPENDS"
            | "OPTDEPENDS"
            | "MAKEDEPENDS"
            | "CHECKDEPENDS"
            | "CONFLICTS"
            | "PROVIDES"
            | "VALIDATION"
            | "FILES"
            | "BACKUP"
            | "XDATA"
    )
}

/// What omg keeps of a package's `desc` and `depends`.
#[derive(Clone, Debug, Default)]
pub struct Desc<'a> {
    /// `%NAME%`, to be compared with the entry's name.
    pub name: &'a str,
    /// `%DESC%`
    pub summary: &'a str,
    /// `%GROUPS%`, one a line.
    pub groups: &'a str,
    /// `%REPLACES%`, one a line.
    pub replaces: &'a str,
    /// Whether `%REASON%` says that it came as a dependency.
    pub is_dependency: bool,
    /// All that is only shown.
    pub fields: Vec<(Field, &'a str)>,
    sums: Sums,
}

/// Which checks a sync database makes possible.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    md5: bool,
    sha256: bool,
    pgp: bool,
}

impl<'a> Desc<'a> {
    /// Forgets all, keeps the allocation.
    pub fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Desc { fields, ..Desc::default() };
    }

    /// Adds what one file says; of two values for a key the later one counts.
    pub fn read(&mut self, text: &'a str, package: &str) {
        for (key, value) in entries(text) {
            if value.is_empty() {
                continue;
            }
            match key {
                "NAME" => self.name = value,
                "DESC" => self.summary = value,
                "REASON" => self.is_dependency = value.trim() == "1",
                "MD5SUM" => self.sums.md5 = true,
                "SHA256SUM" => self.sums.sha256 = true,
                "PGPSIG" => self.sums.pgp = true,
                "BASE" if value == package => {}
                _ => {
                    if let Some(field) = field(key) {
                        self.put(field, value);
                    }
                }
            }
        }
    }

    /// Says in the fields what the sums of a sync database allow to check.
    pub fn put_sums(&mut self) {
        let Sums { md5, sha256, pgp } = self.sums;
        let text = match (md5, sha256, pgp) {
            (false, false, false) => "none",
            (true, false, false) => "md5",
            (false, true, false) => "sha256",
            (true, true, false) => "md5\nsha256",
            (false, false, true) => "pgp",
            (true, false, true) => "md5\npgp",
            (false, true, true) => "sha256\npgp",
            (true, true, true) => "md5\nsha256\npgp",
        };
        self.put(Field::Validation, text);
    }

    fn put(&mut self, field: Field, value: &'a str) {
        // Numbers that are none would be shown as if they were.
        if is_number(field) && !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        match field {
            Field::Groups => self.groups = value,
            Field::Replaces => self.replaces = value,
            _ => {}
        }
        match self.fields.iter_mut().find(|(there, _)| *there == field) {
            Some(there) => there.1 = value,
            None => self.fields.push((field, value)),
        }
    }
}

fn is_number(field: Field) -> bool {
    matches!(field, Field::DownloadSize | Field::InstalledSize | Field::BuildDate | Field::InstallDate)
}

fn field(key: &str) -> Option<Field> {
    Some(match key {
        "BASE" => Field::Base,
        "GROUPS" => Field::Groups,
        "URL" => Field::Homepage,
        "LICENSE" => Field::License,
        "ARCH" => Field::Architecture,
        "BUILDDATE" => Field::BuildDate,
        "INSTALLDATE" => Field::InstallDate,
        "PACKAGER" => Field::Maintainer,
        "CSIZE" => Field::DownloadSize,
        // The same thing, in sync and in local databases.
        "ISIZE" | "SIZE" => Field::InstalledSize,
        "VALIDATION" => Field::Validation,
        "REPLACES" => Field::Replaces,
        "DEPENDS" => Field::Depends,
        "OPTDEPENDS" => Field::OptDepends,
        "MAKEDEPENDS" => Field::MakeDepends,
        "CHECKDEPENDS" => Field::CheckDepends,
        "CONFLICTS" => Field::Conflicts,
        "PROVIDES" => Field::Provides,
        _ => return None,
    })
}

/// Name and version of a database's entry `NAME-VERSION-PKGREL`; `None` where it has no two hyphens or no name.
pub fn split_entry(entry: &str) -> Option<(&str, &str)> {
    let pkgrel = entry.rfind('-')?;
    let version = entry[..pkgrel].rfind('-')?;
    (version > 0).then(|| (&entry[..version], &entry[version + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESC: &str = "%FILENAME%\nacl-2.3.1-2-x86_64.pkg.tar.zst\n\n%NAME%\nacl\n\n%BASE%\nacl\n\n%VERSION%\n2.3.1-2\n\n\
        %DESC%\nAccess control lists\n\n%GROUPS%\nbase\nsystem\n\n%CSIZE%\n139\n\n%ISIZE%\nmany\n\n%MD5SUM%\nab\n\n\
        %REPLACES%\nxfsacl\n\n%DEPENDS%\nattr>=2.4\nlibattr.so\n\n%OPTDEPENDS%\nperl: for %this%\n";

    fn desc(text: &str) -> Desc<'_> {
        let mut desc = Desc::default();
        desc.read(text, "acl");
        desc
    }

    #[test]
    fn values_of_one_and_of_many_lines() {
        let desc = desc(DESC);
        assert_eq!((desc.name, desc.summary, desc.groups), ("acl", "Access control lists", "base\nsystem"));
        assert_eq!(desc.replaces, "xfsacl");
        let of = |field| desc.fields.iter().find(|(f, _)| *f == field).map(|(_, value)| *value);
        assert_eq!(of(Field::Depends), Some("attr>=2.4\nlibattr.so"));
        assert_eq!(of(Field::OptDepends), Some("perl: for %this%"));
        assert_eq!(of(Field::DownloadSize), Some("139"));
        assert_eq!(of(Field::InstalledSize), None, "not a number");
        assert_eq!(of(Field::Base), None, "the same as the name");
    }

    #[test]
    fn a_key_right_behind_a_value_of_one_line() {
        assert_eq!(
            entries("%NAME%\na\n%DESC%\n\n%URL%\nu").collect::<Vec<_>>(),
            [("NAME", "a"), ("DESC", ""), ("URL", "u")]
        );
    }

    #[test]
    fn an_empty_list_does_not_swallow_what_follows() {
        assert_eq!(entries("%GROUPS%\n\n%NAME%\na\n").collect::<Vec<_>>(), [("GROUPS", ""), ("NAME", "a")]);
    }

    #[test]
    fn a_separate_depends_adds_to_desc() {
        let mut desc = desc("%DESC%\nx\n\n%DEPENDS%\nold\n\n");
        desc.read("%DEPENDS%\nglibc\n\n%PROVIDES%\nacl=1\n\n", "acl");
        assert_eq!(desc.fields, [(Field::Depends, "glibc"), (Field::Provides, "acl=1")]);
    }

    #[test]
    fn names_with_hyphens() {
        assert_eq!(split_entry("gtk-doc-tools-1:1.0-2"), Some(("gtk-doc-tools", "1:1.0-2")));
        for bad in ["", "-", "--", "-1-1", "a-1", "a"] {
            assert_eq!(split_entry(bad), None, "{bad}");
        }
    }

    #[test]
    fn cut_or_bent_text_never_panics() {
        for cut in 0..DESC.len() {
            desc(&DESC[..cut]);
        }
        for bit in 0..DESC.len() * 8 {
            let mut bent = DESC.as_bytes().to_vec();
            bent[bit / 8] ^= 1 << (bit % 8);
            desc(&String::from_utf8_lossy(&bent));
        }
    }
}
