//! The indices that a Release lists, and their text once they are here.

use std::io::{self, ErrorKind, Read};

use deb_parse::checksum::Hasher;
use deb_parse::control::FileEntry;
use deb_parse::deb::Compression;

use crate::digest::{self, Expected};
use crate::error::Problem;
use crate::limits::Limits;
use crate::packages::{Packages, Sources};
use crate::url::Url;

/// An index, and the forms in which the Release lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    path: String,
    plain: Option<Expected>,
    forms: Vec<IndexForm>,
}

/// One file of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexForm {
    /// How it is compressed.
    pub compression: Compression,
    /// Its path, relative to the Release.
    pub path: String,
    /// What it must be; nothing if the Release has no strong digest of it, and then it is never fetched.
    pub expected: Option<Expected>,
}

/// From what is best to fetch to what is worst: small ones first, and of these those that are unpacked soonest.
const PREFERENCE: [Compression; 6] = [
    Compression::Xz,
    Compression::Zstd,
    Compression::Bzip2,
    Compression::Lzma,
    Compression::Gzip,
    Compression::None,
];

impl Index {
    pub(crate) fn new(path: &str) -> Self {
        Self { path: path.to_owned(), plain: None, forms: Vec::new() }
    }

    /// Returns the path of the plain file of an index, from that of any of its files.
    pub(crate) fn plain_path(path: &str) -> &str {
        path.strip_suffix(Compression::of_name(path).suffix()).unwrap_or(path)
    }

    pub(crate) fn add(&mut self, entry: &FileEntry) {
        let expected = Expected::of_entry(entry);
        let compression = Compression::of_name(&entry.path);
        if compression == Compression::None {
            self.plain = expected;
        }
        let rank = |compression| PREFERENCE.iter().position(|known| *known == compression);
        let at = self.forms.partition_point(|form| rank(form.compression) <= rank(compression));
        self.forms.insert(at, IndexForm { compression, path: entry.path.clone(), expected });
    }

    /// Returns the path of its plain file, relative to the Release, whether that is listed or not.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what its text must be, if the plain file is listed. apt passes over an index whose plain file is not.
    #[must_use]
    pub fn plain(&self) -> Option<&Expected> {
        self.plain.as_ref()
    }

    /// Returns the files that are listed, the best one to fetch first.
    #[must_use]
    pub fn forms(&self) -> &[IndexForm] {
        &self.forms
    }
}

/// A file of an index that was fetched: its bytes are those that the Release lists.
#[derive(Clone, Debug)]
pub struct FetchedIndex {
    pub(crate) url: Url,
    pub(crate) compression: Compression,
    pub(crate) bytes: Vec<u8>,
    pub(crate) plain: Option<Expected>,
    pub(crate) limits: Limits,
}

impl FetchedIndex {
    /// Returns where it was fetched from.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns how it is compressed.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Returns the file as it was fetched.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns its text, unpacked as it is read. It ends in an error where it is not the text that the Release lists, or where it becomes
    /// longer than that or than [`Limits::index_text`].
    ///
    /// # Errors
    /// [`Problem::Unpack`] when this build cannot unpack it.
    pub fn text(&self) -> Result<impl Read + '_, Problem> {
        let limits = deb_parse::Limits::default();
        let reader = self.compression.reader(&self.bytes[..], &limits);
        let reader = reader.map_err(|error| Problem::Unpack { what: error.to_string() })?;
        let most =
            self.plain.map_or(self.limits.index_text, |plain| plain.size().min(self.limits.index_text));
        let hasher = self.plain.map(|plain| digest::hasher(plain.sha512().is_some()));
        Ok(CheckedText { reader, most, read: 0, check: self.plain.zip(hasher) })
    }

    /// Returns the packages that it lists, if it is a `Packages` index.
    ///
    /// # Errors
    /// [`Problem::Unpack`] when this build cannot unpack it.
    pub fn packages(&self) -> Result<Packages<'_>, Problem> {
        Ok(Packages::new(Box::new(self.text()?), self.limits.stanza))
    }

    /// Returns the source packages that it lists, if it is a `Sources` index.
    ///
    /// # Errors
    /// [`Problem::Unpack`] when this build cannot unpack it.
    pub fn sources(&self) -> Result<Sources<'_>, Problem> {
        Ok(Sources::new(Box::new(self.text()?), self.limits.stanza))
    }
}

/// A text that ends in an error unless it is the one that was told.
struct CheckedText<R> {
    reader: R,
    most: u64,
    read: u64,
    check: Option<(Expected, Hasher)>,
}

impl<R: Read> Read for CheckedText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let refuse = |problem: Problem| io::Error::new(ErrorKind::InvalidData, problem.to_string());
        let read = self.reader.read(buffer)?;
        self.read += read as u64;
        if self.read > self.most {
            return Err(refuse(Problem::TooLong { limit: self.most }));
        }
        if read == 0 && !buffer.is_empty() {
            if let Some((expected, hasher)) = self.check.take() {
                expected.check(&hasher.finish()).map_err(refuse)?;
            }
        } else if let Some((_, hasher)) = &mut self.check {
            hasher.update(buffer.get(..read).unwrap_or_default());
        }
        Ok(read)
    }
}
