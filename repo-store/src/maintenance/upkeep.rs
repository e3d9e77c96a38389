//! What was last done to look after a store, to see whether all is well.
//!
//! One document for the whole store has a line for each kind of run:
//!
//! ```text
//! <kind> <when> <what was found> <actor> [TAB <where to>] TAB <check, as in the operation log>
//! ```

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use crate::context::Context;
use crate::document::{Area, Document, Kept};
use crate::error::Error;
use crate::model::commit::one_line;
use crate::store::Store;

/// The last runs of what looks after a store.
///
/// The operations themselves note nothing, so that a store that is only read stays as it is: who runs them for the owner of the store notes
/// it with [`Store::note_upkeep`].
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Upkeep {
    /// The last check by [`Store::fsck`] or [`Store::repair`].
    pub check: Option<UpkeepRun>,
    /// The last backup by [`Store::backup`].
    pub backup: Option<UpkeepRun>,
    /// The last garbage collection by [`Store::collect_garbage`].
    pub collection: Option<UpkeepRun>,
    /// Lines of a newer version, which stay as they are.
    #[serde(skip)]
    others: Vec<String>,
}

/// A run of what looks after a store.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct UpkeepRun {
    /// When it ended.
    pub date: Timestamp,
    /// Who began it.
    pub actor: String,
    /// What it found: the problems that a check left, the files that a backup could not save, or the files that a collection removed.
    pub found: u64,
    /// Where a backup went.
    pub place: Option<Utf8PathBuf>,
}

/// A kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum UpkeepKind {
    /// A check of the whole store.
    Check,
    /// A backup.
    Backup,
    /// A garbage collection.
    Collection,
}

impl UpkeepKind {
    const ALL: [Self; 3] = [Self::Check, Self::Backup, Self::Collection];

    fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Backup => "backup",
            Self::Collection => "collection",
        }
    }
}

impl UpkeepRun {
    /// Describes a run that ends now and found so many things.
    #[must_use]
    pub fn now(context: &Context, found: u64) -> Self {
        Self { date: context.now, actor: context.actor.clone(), found, place: None }
    }

    /// Says where a backup went.
    #[must_use]
    pub fn to(mut self, place: &Utf8Path) -> Self {
        self.place = Some(place.to_owned());
        self
    }

    fn line(&self, kind: UpkeepKind) -> String {
        let Self { date, actor, found, place } = self;
        let line = format!("{} {date} {found} {}", kind.word(), one_line(actor));
        // A path with a control character in it is told apart by nobody who reads it in a terminal either.
        place.as_ref().map_or(line.clone(), |place| format!("{line}\t{}", one_line(place.as_str())))
    }

    fn parse(line: &str) -> Option<Self> {
        let (words, place) = match line.split_once('\t') {
            Some((words, place)) => (words, Some(place.into())),
            None => (line, None),
        };
        let mut words = words.splitn(3, ' ');
        Some(Self {
            date: words.next()?.parse().ok()?,
            found: words.next()?.parse().ok()?,
            actor: words.next()?.to_owned(),
            place,
        })
    }
}

impl Upkeep {
    fn slot(&mut self, kind: UpkeepKind) -> &mut Option<UpkeepRun> {
        match kind {
            UpkeepKind::Check => &mut self.check,
            UpkeepKind::Backup => &mut self.backup,
            UpkeepKind::Collection => &mut self.collection,
        }
    }
}

impl Document for Upkeep {
    const AREA: Area = Area::Upkeep;
    const KIND: &'static str = "record of upkeep of the";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        let mut upkeep = Self::default();
        for line in lines {
            let (word, rest) = line.split_once(' ')?;
            match UpkeepKind::ALL.into_iter().find(|kind| kind.word() == word) {
                Some(kind) => *upkeep.slot(kind) = Some(UpkeepRun::parse(rest)?),
                None => upkeep.others.push((*line).to_owned()),
            }
        }
        Some(upkeep)
    }

    fn to_lines(&self) -> Vec<String> {
        let Self { check, backup, collection, others } = self;
        let runs = UpkeepKind::ALL.into_iter().zip([check, backup, collection]);
        let lines = runs.filter_map(|(kind, run)| Some(run.as_ref()?.line(kind)));
        lines.chain(others.iter().cloned()).collect()
    }
}

/// The name of the one document of its kind.
const NAME: &str = "store";

/// See [`Store::upkeep`].
pub(crate) fn upkeep(store: &Store) -> Result<Upkeep, Error> {
    Ok(Kept::<Upkeep>::load(store.storage(), NAME)?.into_document())
}

/// See [`Store::note_upkeep`].
pub(crate) fn note_upkeep(store: &Store, kind: UpkeepKind, run: &UpkeepRun) -> Result<(), Error> {
    // Each time that it has to look again, somebody else has noted a run.
    loop {
        let mut upkeep = Kept::<Upkeep>::load(store.storage(), NAME)?;
        *upkeep.slot(kind) = Some(run.clone());
        if upkeep.save(store.storage())? {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use crate::storage::Memory;

    fn run(second: i64, place: Option<&str>) -> UpkeepRun {
        let date = Timestamp::from_second(second).unwrap();
        UpkeepRun { date, actor: "alice b".to_owned(), found: 2, place: place.map(Into::into) }
    }

    #[test]
    fn the_last_run_of_each_kind_is_kept() {
        let store = Store::with_storage("archive".into(), Memory::default());
        assert_eq!(store.upkeep().unwrap(), Upkeep::default());
        store.note_upkeep(UpkeepKind::Check, &run(1, None)).unwrap();
        store.note_upkeep(UpkeepKind::Backup, &run(2, Some("/mnt/a disk"))).unwrap();
        store.note_upkeep(UpkeepKind::Check, &run(3, None)).unwrap();
        let expected = Upkeep {
            check: Some(run(3, None)),
            backup: Some(run(2, Some("/mnt/a disk"))),
            ..Upkeep::default()
        };
        assert_eq!(store.upkeep().unwrap(), expected);
    }

    #[test]
    fn what_a_newer_version_notes_stays() {
        let lines = ["check 1970-01-01T00:00:01Z 2 alice b", "drill 7 of something new"];
        let upkeep = Upkeep::from_lines(&lines).unwrap();
        assert_eq!(upkeep.check, Some(run(1, None)));
        assert_eq!(upkeep.to_lines(), lines);
        assert_eq!(document::parse::<Upkeep>(document::to_text(&upkeep).as_bytes()), Some(upkeep));
        assert_eq!(Upkeep::from_lines(&["check yesterday 2 alice"]), None);
    }
}
