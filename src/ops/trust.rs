//! What vouches for a version of a package: its signature, where it comes from, and what is known to be wrong with it, from the index
//! and the compiled advisories. The policy and whoever shows a grade ask here.

use super::advisories::{Known, advised};
use crate::audit::grade::{Evidence, Graded, Origin};
use crate::config::{AdvisorySettings, Config};
use crate::index::Index;
use crate::index::build::StoredRepository;
use crate::index::details::VersionDetails;
use crate::model::{Field, Open, Source, Step};
use anyhow::Result;
use jiff::Timestamp;

/// Where facts are looked up.
pub struct Trust<'i> {
    index: Option<&'i Index>,
    known: Known,
}

/// What was found out of one version.
pub struct Vouched {
    pub signed: Option<bool>,
    pub open: Result<Open, String>,
    pub graded: Graded,
    /// What its repository states of its licences.
    pub licenses: Option<Vec<String>>,
}

impl<'i> Trust<'i> {
    /// For who asks. No settings are read: how old advisories may be stands with them.
    pub fn new(index: Option<&'i Index>) -> Trust<'i> {
        Trust::with(index, None)
    }

    /// For who decides: how old advisories may be, and which are ignored, is the machine's word, no user's and no other root's.
    pub fn by_machine(index: Option<&'i Index>) -> Result<Trust<'i>> {
        Ok(Trust::with(index, Some(&Config::of_machine()?.advisories)))
    }

    fn with(index: Option<&'i Index>, settings: Option<&AdvisorySettings>) -> Trust<'i> {
        let now = Timestamp::now().as_second();
        let known = match index {
            Some(index) => Known::open(&index.folder, now, settings),
            None => Known::nothing("there is no index to look it up in"),
        };
        Trust { index, known }
    }

    /// Of what a step of a plan would put in place.
    pub fn of_step(&self, source: Source, step: &Step) -> Result<Vouched> {
        let page = self.page(source, &step.name, &step.new)?;
        let (origin, signed) = match (step.repository.as_str(), self.repository(source, &step.repository)?) {
            ("", _) => (Origin::File, step.signed),
            (_, None) => (Origin::Elsewhere, step.signed),
            // To apt what it was told to trust unseen is as good as signed.
            (_, Some(known)) if source == Source::Apt && !known.signed => (origin(known), step.signed.and(Some(false))),
            (_, Some(known)) => (origin(known), step.signed),
        };
        let open = match &page {
            Some(page) => self.open(source, &step.name, page),
            None if source == Source::Pacman => self.known.against(source, &step.name, (&step.name, &step.new)),
            None => Err("what it was built from is not known".to_owned()),
        };
        let stated = page.iter().flat_map(|page| &page.fields).filter(|(field, _)| *field == Field::License);
        let licenses: Vec<String> = stated.map(|(_, value)| value.clone()).collect();
        let licenses = Some(licenses).filter(|stated| !stated.is_empty());
        Ok(Vouched { licenses, ..vouched(origin, signed, open) })
    }

    /// Of a version that a repository offers.
    pub fn of_offer(&self, source: Source, name: &str, repository: &str, page: &VersionDetails) -> Result<Graded> {
        let open = self.open(source, name, page);
        let known = self.repository(source, repository)?;
        let origin = match (source, known) {
            (Source::Aur, _) => Origin::Aur,
            (_, None) => Origin::File,
            (_, Some(known)) => origin(known),
        };
        Ok(vouched(origin, known.map(|known| known.signed), open).graded)
    }

    /// Of what is installed and offered by nobody.
    pub fn of_installed(&self, source: Source, name: &str, page: &VersionDetails) -> Graded {
        // What pacman noted when it was installed.
        let is_validated = |text: &str| text.lines().any(|line| line.trim() == "pgp");
        let signed = page.field(Field::Validation).map(is_validated);
        vouched(Origin::File, signed, self.open(source, name, page)).graded
    }

    fn open(&self, source: Source, name: &str, page: &VersionDetails) -> Result<Open, String> {
        self.known.against(source, name, advised(source, name, page))
    }

    /// What a repository says of the very version.
    fn page(&self, source: Source, name: &str, version: &str) -> Result<Option<VersionDetails>> {
        let Some(index) = self.index else { return Ok(None) };
        for id in index.catalogue.find(name)? {
            let row = index.catalogue.row(id)?;
            if row.source == source
                && let Some(page) = index.catalogue.details(&row)?.into_iter().find(|page| page.version == version)
            {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    fn repository(&self, source: Source, name: &str) -> Result<Option<&StoredRepository>> {
        let Some(index) = self.index else { return Ok(None) };
        let is_it = |known: &&StoredRepository| known.source == source as u8 && known.name == name;
        Ok(index.catalogue.meta()?.repositories.iter().find(is_it))
    }
}

fn origin(known: &StoredRepository) -> Origin {
    if known.own { Origin::Distribution } else { Origin::Elsewhere }
}

fn vouched(origin: Origin, signed: Option<bool>, open: Result<Open, String>) -> Vouched {
    let evidence = Evidence { origin, signed, open: open.as_ref().map_err(String::as_str) };
    let graded = Graded::of(&evidence);
    Vouched { signed, open, graded, licenses: None }
}
