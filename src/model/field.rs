//! The facts about a package that only a person, never a query, reads. They are carried as text in the family's own
//! syntax and stored compressed.

/// What a piece of text in [`Available::fields`](super::Available) or [`Installed::fields`](super::Installed) says.
///
/// The discriminants are part of the index format: append, never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// The source package (apt `Source`, without its version) or package base (pacman, AUR), where it has another name.
    Base = 1,
    /// Version of the source package where it differs from the package's own.
    BaseVersion = 2,
    Section = 3,
    Priority = 4,
    /// Groups (pacman) or tasks (apt), one a line.
    Groups = 5,
    Homepage = 6,
    /// Maintainer (apt, AUR) or packager (pacman).
    Maintainer = 7,
    /// Licences, one a line.
    License = 8,
    /// Relations. apt: the control field's text. pacman and AUR: one dependency string a line.
    Depends = 9,
    PreDepends = 10,
    Recommends = 11,
    Suggests = 12,
    Enhances = 13,
    /// pacman and AUR: `name: reason`, one a line.
    OptDepends = 14,
    MakeDepends = 15,
    CheckDepends = 16,
    Provides = 17,
    Conflicts = 18,
    Breaks = 19,
    Replaces = 20,
    /// Bytes, decimal.
    DownloadSize = 21,
    /// Bytes, decimal (apt's KiB are multiplied).
    InstalledSize = 22,
    /// Seconds since 1970, decimal; so are all dates.
    BuildDate = 23,
    InstallDate = 24,
    FirstSubmitted = 25,
    LastModified = 26,
    OutOfDate = 27,
    Votes = 28,
    Popularity = 29,
    /// Debtags, AUR keywords: comma and space separated.
    Tags = 30,
    MultiArch = 31,
    Essential = 32,
    /// The part of the description below the summary, as plain paragraphs.
    LongDescription = 33,
    /// pacman: how the package was validated when installed, one a line.
    Validation = 34,
    /// Percentage of machines a phased update is offered to.
    Phased = 35,
    /// Files whose changes are kept, one a line.
    Backup = 36,
    /// The tracker for bugs, when the package names one.
    Bugs = 37,
    /// What was recorded as the built-for architecture, where that is worth showing (`all`, `any`, `amd64`, ...).
    Architecture = 38,
    /// apt: the priority that a pin for this package gives the version.
    Pin = 39,
}

impl Field {
    /// The field of that number; `None` for one of a later omg.
    pub fn from_tag(tag: u8) -> Option<Field> {
        ALL.get(usize::from(tag).checked_sub(1)?).copied()
    }

    /// The name in `--json`.
    pub fn key(self) -> &'static str {
        match self {
            Field::Base => "base",
            Field::BaseVersion => "base_version",
            Field::Section => "section",
            Field::Priority => "priority",
            Field::Groups => "groups",
            Field::Homepage => "homepage",
            Field::Maintainer => "maintainer",
            Field::License => "license",
            Field::Depends => "depends",
            Field::PreDepends => "pre_depends",
            Field::Recommends => "recommends",
            Field::Suggests => "suggests",
            Field::Enhances => "enhances",
            Field::OptDepends => "opt_depends",
            Field::MakeDepends => "make_depends",
            Field::CheckDepends => "check_depends",
            Field::Provides => "provides",
            Field::Conflicts => "conflicts",
            Field::Breaks => "breaks",
            Field::Replaces => "replaces",
            Field::DownloadSize => "download_size",
            Field::InstalledSize => "installed_size",
            Field::BuildDate => "build_date",
            Field::InstallDate => "install_date",
            Field::FirstSubmitted => "first_submitted",
            Field::LastModified => "last_modified",
            Field::OutOfDate => "out_of_date",
            Field::Votes => "votes",
            Field::Popularity => "popularity",
            Field::Tags => "tags",
            Field::MultiArch => "multi_arch",
            Field::Essential => "essential",
            Field::LongDescription => "long_description",
            Field::Validation => "validation",
            Field::Phased => "phased",
            Field::Backup => "backup",
            Field::Bugs => "bugs",
            Field::Architecture => "architecture",
            Field::Pin => "pin",
        }
    }

    /// The name a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Field::Base => "Source package",
            Field::BaseVersion => "Source version",
            Field::Section => "Section",
            Field::Priority => "Priority",
            Field::Groups => "Groups",
            Field::Homepage => "Homepage",
            Field::Maintainer => "Maintainer",
            Field::License => "Licences",
            Field::Depends => "Depends",
            Field::PreDepends => "Pre-depends",
            Field::Recommends => "Recommends",
            Field::Suggests => "Suggests",
            Field::Enhances => "Enhances",
            Field::OptDepends => "Optional",
            Field::MakeDepends => "Make depends",
            Field::CheckDepends => "Check depends",
            Field::Provides => "Provides",
            Field::Conflicts => "Conflicts",
            Field::Breaks => "Breaks",
            Field::Replaces => "Replaces",
            Field::DownloadSize => "Download",
            Field::InstalledSize => "Installed size",
            Field::BuildDate => "Built",
            Field::InstallDate => "Installed on",
            Field::FirstSubmitted => "Submitted",
            Field::LastModified => "Modified",
            Field::OutOfDate => "Out of date",
            Field::Votes => "Votes",
            Field::Popularity => "Popularity",
            Field::Tags => "Tags",
            Field::MultiArch => "Multi-arch",
            Field::Essential => "Essential",
            Field::LongDescription => "Long",
            Field::Validation => "Validation",
            Field::Phased => "Phased",
            Field::Backup => "Backup files",
            Field::Bugs => "Bugs",
            Field::Architecture => "Architecture",
            Field::Pin => "Pin",
        }
    }
}

/// Every field, each at the place of its number less one.
const ALL: [Field; 39] = [
    Field::Base,
    Field::BaseVersion,
    Field::Section,
    Field::Priority,
    Field::Groups,
    Field::Homepage,
    Field::Maintainer,
    Field::License,
    Field::Depends,
    Field::PreDepends,
    Field::Recommends,
    Field::Suggests,
    Field::Enhances,
    Field::OptDepends,
    Field::MakeDepends,
    Field::CheckDepends,
    Field::Provides,
    Field::Conflicts,
    Field::Breaks,
    Field::Replaces,
    Field::DownloadSize,
    Field::InstalledSize,
    Field::BuildDate,
    Field::InstallDate,
    Field::FirstSubmitted,
    Field::LastModified,
    Field::OutOfDate,
    Field::Votes,
    Field::Popularity,
    Field::Tags,
    Field::MultiArch,
    Field::Essential,
    Field::LongDescription,
    Field::Validation,
    Field::Phased,
    Field::Backup,
    Field::Bugs,
    Field::Architecture,
    Field::Pin,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_names_its_field() {
        for (place, field) in ALL.iter().enumerate() {
            assert_eq!(*field as usize, place + 1);
            assert_eq!(Field::from_tag(*field as u8), Some(*field));
        }
        assert_eq!(Field::from_tag(0), None);
        assert_eq!(Field::from_tag(255), None);
    }
}
