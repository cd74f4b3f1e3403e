//! What a root says of the distribution that it is, in os-release(5).

use std::fs;
use std::path::Path;

/// All empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    pub id: String,
    /// Those it was made from.
    pub id_like: Vec<String>,
    pub version: String,
    pub code_name: String,
}

impl OsRelease {
    pub fn read(root: &Path) -> OsRelease {
        let text =
            ["etc/os-release", "usr/lib/os-release"].iter().find_map(|below| fs::read_to_string(root.join(below)).ok());
        let mut release = OsRelease::default();
        for (key, value) in text.as_deref().unwrap_or_default().lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim().trim_matches(['"', '\'']);
            match key {
                "ID" => release.id = value.to_owned(),
                "ID_LIKE" => release.id_like = value.split_whitespace().map(str::to_owned).collect(),
                "VERSION_ID" => release.version = value.to_owned(),
                "VERSION_CODENAME" => release.code_name = value.to_owned(),
                _ => {}
            }
        }
        release
    }

    /// Whether it is that distribution or was made from it.
    pub fn is(&self, id: &str) -> bool {
        self.ids().any(|own| own.eq_ignore_ascii_case(id))
    }

    /// Its own name and those of what it was made from.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        [self.id.as_str()].into_iter().chain(self.id_like.iter().map(String::as_str)).filter(|id| !id.is_empty())
    }
}
