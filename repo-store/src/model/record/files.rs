//! The files that a record leads to: one for a binary package, several for a source package.

use apt_index::{LONGEST_NAME, RelPath};
use deb_parse::checksum::Sha256;
use deb_parse::control::{PackagesStanza, SourcesStanza};
use deb_parse::deb822;

use super::{BLOB, FILES, Record, provenance};
use crate::model::id::BlobId;
use crate::storage::StorageError;

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct RecordFile {
    /// Its content.
    pub blob: BlobId,
    /// Where it lies in the published tree.
    pub path: RelPath,
    /// Its size in bytes.
    pub size: u64,
}

impl Record {
    /// Every file of the package: the package file, or the `.dsc` and behind it all that the `.dsc` lists.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when the record does not say so in a usable way.
    pub fn files(&self) -> Result<Vec<RecordFile>, StorageError> {
        let files = if self.key.architecture.is_source() { self.source_files() } else { self.package_file() };
        files.map_err(|what| StorageError::damaged("record", &self.key, what))
    }

    /// Checks that its files can lie in a published tree. A package whose files cannot is in no pool and in no index.
    ///
    /// # Errors
    /// [`apt_index::Error::Path`] names the file.
    pub(crate) fn check_paths(&self) -> Result<(), apt_index::Error> {
        // Of nearly all, no word is that long, and nothing needs to be parsed.
        if !has_longer_word(&self.text, LONGEST_NAME) {
            return Ok(());
        }
        // A record that does not say where its files lie is damaged, which is told where that matters.
        let files = self.files().unwrap_or_default();
        files.iter().try_for_each(|file| file.path.check_names())
    }

    /// Where the package file or the `.dsc` lies in the published tree.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when the record does not say so in a usable way.
    pub fn pool_path(&self) -> Result<RelPath, StorageError> {
        let first = self.files()?.into_iter().next();
        first
            .map(|file| file.path)
            .ok_or_else(|| StorageError::damaged("record", &self.key, "it lists no file"))
    }

    /// Returns the SHA-256 of the package file, or of the `.dsc`, which lists those of the others; `None` when a record does not tell it.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256> {
        if !self.key.architecture.is_source() {
            return Sha256::parse(self.field("SHA256")?).ok();
        }
        let stanza = SourcesStanza::new(deb822::paragraphs(self.stanza()).next()?);
        stanza.files().ok()?.into_iter().find(|file| file.path.ends_with(".dsc"))?.sha256
    }

    /// The size of all files of the package in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files().map_or(0, |files| files.iter().fold(0, |sum, file| sum.saturating_add(file.size)))
    }

    fn package_file(&self) -> Result<Vec<RecordFile>, String> {
        let Some(paragraph) = deb822::paragraphs(self.stanza()).next() else { return Ok(Vec::new()) };
        let stanza = PackagesStanza::new(paragraph);
        let filename = stanza.filename().map_err(|error| error.to_string())?;
        let path = RelPath::parse(filename).map_err(|error| error.to_string())?;
        let size = stanza.size().map_err(|error| error.to_string())?;
        Ok(vec![RecordFile { blob: self.blob, path, size }])
    }

    fn source_files(&self) -> Result<Vec<RecordFile>, String> {
        let Some(paragraph) = deb822::paragraphs(&self.text).next() else { return Ok(Vec::new()) };
        let stanza = SourcesStanza::new(paragraph);
        let directory = stanza.directory().map_err(|error| error.to_string())?;
        let directory = RelPath::parse(directory).map_err(|error| error.to_string())?;
        let mut others = parse_others(paragraph.get(FILES).unwrap_or_default()).ok_or("a file has no id")?;
        let listed = stanza.files().map_err(|error| error.to_string())?;
        let mut files = Vec::with_capacity(listed.len());
        for entry in listed {
            let other = others.iter().position(|(_, name)| *name == entry.path);
            let blob = other.map_or(self.blob, |place| others.swap_remove(place).0);
            let path = directory.join(&entry.path).map_err(|error| error.to_string())?;
            let file = RecordFile { blob, path, size: entry.size };
            // Lists may be in any order; the one that has no id of its own is the `.dsc`.
            if other.is_none() { files.insert(0, file) } else { files.push(file) }
        }
        let own = files.iter().filter(|file| file.blob == self.blob).count();
        if own == 1 && others.is_empty() {
            Ok(files)
        } else {
            Err("its lists of files do not agree".to_owned())
        }
    }
}

/// Returns whether more than `longest` bytes of a text lie between two of the bytes that end a word.
fn has_longer_word(text: &[u8], longest: usize) -> bool {
    let mut rest = text;
    // Words are short: the last end within reach is near its border, and what lies before it need not be looked at.
    while let Some(reach) = rest.get(..=longest) {
        let Some(end) = memchr::memrchr3(b'/', b' ', b'\n', reach) else { return true };
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    false
}

/// Reads the lines of `Store-Files`.
fn parse_others(value: &[u8]) -> Option<Vec<(BlobId, &str)>> {
    let lines = std::str::from_utf8(value).ok()?.lines().map(str::trim_start).filter(|line| !line.is_empty());
    lines.map(|line| line.split_once(' ').and_then(|(id, name)| Some((id.parse().ok()?, name)))).collect()
}

/// The files of all records in the text of a chunk, without reading the records; `None` when an id cannot be read.
///
/// No field of a stanza is called like ours, and no line of a value starts at the margin, so what stands there is ours.
pub(crate) fn blobs_in(chunk: &[u8]) -> Option<Vec<BlobId>> {
    let id = |line: &[u8]| {
        let word = line.split(|byte| matches!(byte, b' ' | b'\n')).next()?;
        std::str::from_utf8(word).ok()?.parse().ok()
    };
    let behind = |field: &str| -> Vec<&[u8]> {
        let places = memchr::memmem::find_iter(chunk, field);
        places.map(|place| chunk.get(place + field.len()..).unwrap_or_default()).collect()
    };
    let mut blobs: Vec<BlobId> = behind(&format!("\n{BLOB}: ")).into_iter().map(id).collect::<Option<_>>()?;
    for list in behind(&format!("\n{FILES}:\n")) {
        let lines = list.split(|byte| *byte == b'\n').map_while(|line| line.strip_prefix(b" "));
        blobs.extend(lines.map(id).collect::<Option<Vec<_>>>()?);
    }
    blobs.extend(provenance::blobs_in(chunk)?);
    Some(blobs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::has_longer_word;

    proptest! {
        #[test]
        fn a_longer_word_is_found_as_by_splitting(
            text in proptest::collection::vec(prop::sample::select(b"ab/ \n".to_vec()), 0..60),
            longest in 0_usize..6,
        ) {
            let mut words = text.split(|byte| matches!(byte, b'/' | b' ' | b'\n'));
            prop_assert_eq!(has_longer_word(&text, longest), words.any(|word| word.len() > longest));
        }
    }
}
