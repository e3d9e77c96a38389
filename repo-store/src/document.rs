//! Small durable state has one home: typed documents, each a reference of the storage that is replaced as a whole.
//!
//! A document is a few lines of text that guard themselves and their order as those of the operation log do. It is changed by
//! compare-and-swap, so of two who change it at once the second starts from what the first wrote. One that says nothing is not there.
//!
//! Backups, restores and checks go by [`Area`]: a new kind of document is a new area, and the compiler names every place that has to know
//! of it. What may be lost at any time lies in `store/cache/` instead.

use std::ops::{Deref, DerefMut};

use camino::Utf8Path;

use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::storage::{Key, Storage, StorageError, Swap, Version, log};

/// Where documents of one kind are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    /// Where the history of each repository ends.
    Histories,
    /// The keyring packages of each repository.
    Keyrings,
    /// What was last done to look after the store.
    Upkeep,
    /// The tokens that may read each repository.
    Tokens,
    /// The events that are still to be delivered to each hook.
    Hooks,
    /// What is to become of several repositories as a whole.
    Intents,
    /// The machines that were seen reading each repository.
    Machines,
    /// What was approved in each repository.
    Approvals,
    /// The last freeze of each repository.
    Freezes,
    /// What clients have besides the repositories.
    Bases,
    /// The statements about promotions into each repository.
    Attestations,
}

impl Area {
    pub(crate) const ALL: [Self; 11] = [
        Self::Histories,
        Self::Keyrings,
        Self::Upkeep,
        Self::Tokens,
        Self::Hooks,
        Self::Intents,
        Self::Machines,
        Self::Approvals,
        Self::Freezes,
        Self::Bases,
        Self::Attestations,
    ];

    /// Returns its name in a storage.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Histories => "history",
            Self::Keyrings => "keyrings",
            Self::Upkeep => "upkeep",
            Self::Tokens => "tokens",
            Self::Hooks => "hooks",
            Self::Intents => "intents",
            Self::Machines => "machines",
            Self::Approvals => "approvals",
            Self::Freezes => "freezes",
            Self::Bases => "bases",
            Self::Attestations => "attestations",
        }
    }

    /// Returns the area that a file below the root of a store belongs to.
    pub(crate) fn of(path: &Utf8Path) -> Option<Self> {
        let mut names = path.strip_prefix("store").ok()?.iter();
        let name = names.next()?;
        Self::ALL.into_iter().find(|area| area.as_str() == name)
    }

    /// Returns whether a document of this kind is called like the repository that it is about.
    pub(crate) fn is_by_repository(self) -> bool {
        match self {
            Self::Histories
            | Self::Keyrings
            | Self::Tokens
            | Self::Machines
            | Self::Approvals
            | Self::Freezes
            | Self::Attestations => true,
            Self::Upkeep | Self::Hooks | Self::Intents | Self::Bases => false,
        }
    }

    /// Returns whether backups hold documents of this kind: not those about the installation, which is another one after a restore, nor events
    /// that would be told again.
    pub(crate) fn is_saved(self) -> bool {
        match self {
            Self::Histories
            | Self::Keyrings
            | Self::Tokens
            | Self::Intents
            | Self::Approvals
            | Self::Freezes
            | Self::Bases
            | Self::Attestations => true,
            // Machines that go on reading are seen again within a day.
            Self::Upkeep | Self::Hooks | Self::Machines => false,
        }
    }

    /// Returns the key of a document.
    pub(crate) fn key(self, name: &str) -> Key {
        Key::named(self.as_str(), name)
    }
}

/// A kind of document.
pub(crate) trait Document: Default {
    /// Where documents of this kind are kept.
    const AREA: Area;
    /// What a document of this kind is called in messages, before its name.
    const KIND: &'static str;

    /// Reads the lines of a document; `None` when they are not what was written.
    fn from_lines(lines: &[&str]) -> Option<Self>;

    /// Returns the lines of the document; none when it says nothing.
    fn to_lines(&self) -> Vec<String>;
}

/// Reads a document; `None` when it is not what was written.
pub(crate) fn parse<D: Document>(bytes: &[u8]) -> Option<D> {
    let lines: Option<Vec<&str>> = log::lines(bytes).map(|line| line.intact.then_some(line.text)).collect();
    D::from_lines(&lines?)
}

/// Writes a document as [`parse`] reads it.
pub(crate) fn to_text<D: Document>(document: &D) -> String {
    document.to_lines().iter().fold(String::new(), |mut text, line| {
        let line = log::seal(text.as_bytes(), line);
        text.push_str(&line);
        text
    })
}

/// A document as it was read, to be changed and saved.
#[derive(Debug)]
pub(crate) struct Kept<D> {
    document: D,
    key: Key,
    version: Option<Version>,
}

impl<D: Document> Kept<D> {
    /// Reads a document, which says nothing where there is none.
    pub(crate) fn load(storage: &Storage, name: &str) -> Result<Self, Error> {
        let key = D::AREA.key(name);
        let (bytes, version) = storage.refs().get(&key)?.unzip();
        let document = parse(&bytes.unwrap_or_default())
            .ok_or_else(|| Error::damaged(D::KIND, &name, "it is malformed"))?;
        Ok(Self { document, key, version })
    }

    /// Reads a document about a repository.
    pub(crate) fn of(storage: &Storage, repository: &RepositoryName) -> Result<Self, Error> {
        Self::load(storage, repository.as_str())
    }

    /// Returns the document alone.
    pub(crate) fn into_document(self) -> D {
        self.document
    }

    /// Returns another document to be saved in place of this one.
    pub(crate) fn replaced_by(&self, document: D) -> Self {
        Self { document, key: self.key.clone(), version: self.version.clone() }
    }

    /// Replaces what is kept, unless somebody else did since it was read; returns whether it was replaced.
    pub(crate) fn save(&self, storage: &Storage) -> Result<bool, Error> {
        self.save_announced(storage, || Ok(()))
    }

    /// The same, after `announce`, which runs once at most. Somebody may have replaced the document all the same.
    pub(crate) fn save_announced(
        &self,
        storage: &Storage,
        announce: impl FnOnce() -> Result<(), StorageError>,
    ) -> Result<bool, Error> {
        let text = to_text(&self.document);
        let swap = match &self.version {
            None if text.is_empty() => return Ok(storage.refs().get(&self.key)?.is_none()),
            Some(version) if text.is_empty() => {
                announce()?;
                storage.delete_ref(&self.key, version)?
            }
            version => storage.swap(&self.key, version.as_ref(), text.as_bytes(), announce)?,
        };
        match swap {
            Swap::Done => Ok(true),
            Swap::Changed => Ok(false),
            Swap::Unknown(error) => Err(error.into()),
        }
    }
}

impl<D> Deref for Kept<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.document
    }
}

impl<D> DerefMut for Kept<D> {
    fn deref_mut(&mut self) -> &mut D {
        &mut self.document
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;
    use crate::storage::own_directories::FOLDERS;

    #[derive(Debug, Default, PartialEq)]
    struct Words(Vec<String>);

    impl Document for Words {
        const AREA: Area = Area::Upkeep;
        const KIND: &'static str = "words of";

        fn from_lines(lines: &[&str]) -> Option<Self> {
            let words = lines.iter().map(|line| (!line.contains(' ')).then(|| (*line).to_owned()));
            words.collect::<Option<_>>().map(Self)
        }

        fn to_lines(&self) -> Vec<String> {
            self.0.clone()
        }
    }

    fn load(storage: &Storage) -> Kept<Words> {
        Kept::load(storage, "x").unwrap()
    }

    #[test]
    fn every_area_is_a_directory_that_no_link_stands_for() {
        for area in Area::ALL {
            assert!(FOLDERS.contains(&area.as_str()), "{area:?}");
        }
    }

    #[test]
    fn only_what_is_told_of_machines_is_apart() {
        let apart = Area::ALL.into_iter().filter(|area| area.key("x").is_apart());
        assert_eq!(apart.collect::<Vec<_>>(), [Area::Machines]);
    }

    #[test]
    fn of_two_who_change_a_document_the_second_has_to_look_again() {
        let storage = Storage::from(Memory::default());
        let (mut first, mut second) = (load(&storage), load(&storage));
        first.0.push("one".to_owned());
        second.0.push("two".to_owned());
        assert!(first.save(&storage).unwrap());
        assert!(!second.save(&storage).unwrap());
        assert_eq!(load(&storage).0, ["one"]);
        let mut third = load(&storage);
        third.0.push("two".to_owned());
        assert!(third.save(&storage).unwrap());
        assert!(!first.save(&storage).unwrap(), "it was read before anything was written");
        assert_eq!(load(&storage).0, ["one", "two"]);
    }

    #[test]
    fn a_document_that_says_nothing_is_not_there() {
        let storage = Storage::from(Memory::default());
        let empty = load(&storage);
        assert!(empty.save(&storage).unwrap(), "nothing was there before either");
        let full = empty.replaced_by(Words(vec!["one".to_owned()]));
        assert!(full.save(&storage).unwrap());
        assert!(!empty.save(&storage).unwrap(), "it would be lost");
        assert!(load(&storage).replaced_by(Words::default()).save(&storage).unwrap());
        assert_eq!(storage.refs().get(&Area::Upkeep.key("x")).unwrap(), None);
    }

    #[test]
    fn a_document_that_was_changed_by_hand_is_not_read() {
        let text = to_text(&Words(vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(parse::<Words>(text.as_bytes()).unwrap().0, ["one", "two"]);
        for damaged in [text.replace("one", "ten"), text.trim_end().to_owned(), format!("{text}three\n")] {
            assert_eq!(parse::<Words>(damaged.as_bytes()), None, "{damaged}");
        }
        let lines: Vec<&str> = text.lines().rev().collect();
        assert_eq!(parse::<Words>(format!("{}\n", lines.join("\n")).as_bytes()), None);
    }
}
