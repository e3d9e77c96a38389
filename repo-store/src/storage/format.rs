//! The format of a store: which ones can be read, how a store comes to the newest, and the way back.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::storage::obstacle::Obstacle;
use crate::storage::{StorageError, files};

/// The number of a store's format. `docs/store-format.md` describes each.
///
/// Every format that was ever landed can be read. A store older than [`WRITTEN`](Self::WRITTEN) is upgraded before its first change, by
/// [`Store::upgrade`](crate::Store::upgrade). It comes to a later format when something is first kept that only that format has, so
/// that earlier versions go on reading a store for as long as they understand all that is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Format(u32);

impl Format {
    /// The oldest format that can be read.
    pub const OLDEST: Self = Self(1);
    /// The format that a store has at least once something is written.
    pub const WRITTEN: Self = Self(2);
    /// The first format in which a store keeps files that say how packages were built.
    pub(crate) const WITH_PROVENANCE: Self = Self(3);
    /// The newest format that can be read.
    pub const NEWEST: Self = Self::WITH_PROVENANCE;

    /// Returns the format as a number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// Returns what a store of this format cannot record until it is upgraded, a sentence for each format after it.
    #[must_use]
    pub fn lacks(self) -> &'static [&'static str] {
        let first = usize::try_from(self.0 - Self::OLDEST.0).unwrap_or(0);
        ADDED.get(first..).unwrap_or_default()
    }

    /// Reads the content of the format file.
    ///
    /// From format 3 on a second line names the first version that reads the format, for older versions to show.
    pub(crate) fn parse(text: &[u8], path: &Utf8Path) -> Result<Self, StorageError> {
        let damaged = || StorageError::damaged("format file", &path, "it holds no number");
        let text = std::str::from_utf8(text).map_err(|_| damaged())?;
        let mut lines = text.lines();
        let number: u32 = lines.next().and_then(|line| line.parse().ok()).ok_or_else(damaged)?;
        if number > Self::NEWEST.0 {
            let reader = lines.next().unwrap_or("a newer version").chars().filter(|c| !c.is_control());
            return Err(StorageError::NewerFormat {
                found: number,
                known: Self::NEWEST.0,
                reader: reader.take(100).collect(),
            });
        }
        if number < Self::OLDEST.0 { Err(damaged()) } else { Ok(Self(number)) }
    }

    /// Returns the content of the format file.
    pub(crate) fn to_file(self) -> Vec<u8> {
        match self.0 {
            ..=2 => format!("{self}\n"),
            _ => format!("{self}\n{READER_OF_3}\n"),
        }
        .into_bytes()
    }

    /// Reads the format of the store in `root`.
    pub(crate) fn of(root: &Utf8Path) -> Result<Self, StorageError> {
        let path = file(root);
        let Some(text) = files::read_kept(&path)? else {
            return Err(match Obstacle::at(&root.join("store")) {
                Some(obstacle) => StorageError::io("read", path)(obstacle.into_error()),
                None => StorageError::NoStore { path: root.to_owned() },
            });
        };
        Self::parse(&text, &path)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The first version that reads format 3.
const READER_OF_3: &str = "repo-cli 0.1.0 that keeps .buildinfo files";

/// What each format after the oldest can record that the one before could not, up to the one that is written in any case.
const ADDED: [&str; 1] = [
    "what is removed or rolled back from now on stays out of drop folders, and index segments are proven by a cryptographic hash",
];

pub(crate) fn file(root: &Utf8Path) -> Utf8PathBuf {
    root.join("store/format")
}

/// The format before an upgrade, for as long as nothing was written after it.
pub(crate) fn way_back(root: &Utf8Path) -> Utf8PathBuf {
    root.join("store/format.before")
}

/// Closes the way back to the format before: something is about to be written that it may not understand. `storage` is the
/// directory with the format file.
pub(crate) fn close_way_back(storage: &Utf8Path) -> Result<(), StorageError> {
    let path = storage.join("format.before");
    if !files::is_taken(&path) {
        return Ok(());
    }
    files::remove_if_present(&path)?;
    files::sync_path(storage)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn parse(text: &str) -> Result<Format, StorageError> {
        Format::parse(text.as_bytes(), Utf8Path::new("format"))
    }

    #[test]
    fn every_format_reads_back_and_a_newer_one_names_who_reads_it() {
        for number in Format::OLDEST.0..=Format::NEWEST.0 {
            let text = Format(number).to_file();
            assert_eq!(Format::parse(&text, Utf8Path::new("format")).unwrap(), Format(number));
        }
        let error = parse("4\nrepo-cli 0.9.0\n").unwrap_err();
        assert!(
            matches!(&error, StorageError::NewerFormat { found: 4, reader, .. } if reader == "repo-cli 0.9.0")
        );
        assert!(matches!(parse("4\n"), Err(StorageError::NewerFormat { found: 4, .. })));
        for bad in ["", "\n", "0\n", "-1\n", "one\n", " 1\n"] {
            assert!(matches!(parse(bad), Err(StorageError::Damaged { .. })), "{bad:?}");
        }
    }

    #[test]
    fn each_format_says_what_it_lacks() {
        assert_eq!([Format::WRITTEN, Format::NEWEST].map(Format::lacks), [[""; 0]; 2]);
        assert_eq!(Format::OLDEST.lacks(), ADDED);
        assert_eq!(ADDED.len(), usize::try_from(Format::WRITTEN.0 - Format::OLDEST.0).unwrap());
    }
}
