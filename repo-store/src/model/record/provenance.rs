//! Files that say how a package was built, kept beside it: the `.buildinfo` of its upload, and what its builder attests.

use std::fmt::Write as _;

use apt_index::{LONGEST_NAME, RelPath};
use deb_parse::checksum::Sha256;
use deb_parse::control::Buildinfo;
use deb_parse::{Architecture, SourceName, Version, deb822};

use super::source::without_epoch;
use super::{Record, RecordFile};
use crate::model::attestation::Attestation;
use crate::model::id::BlobId;
use crate::storage::StorageError;

/// The field with the files that say how a package was built. Only records that have such files have it, and it is the last.
const PROVENANCE: &str = "Store-Provenance";

/// The directory of `.buildinfo` files in a published tree.
pub(crate) const BUILDINFO: &str = "buildinfo";

/// The directory of statements in a published tree.
pub(crate) const ATTESTATIONS: &str = "attestations";

/// So many files that say how it was built may be kept with a package.
pub(crate) const MOST_PROVENANCE: usize = 32;

/// So many digits of the SHA-256 are a directory of a published tree.
const DIGITS: usize = 32;

/// How the name of an in-toto statement ends.
const STATEMENT: &str = ".intoto.json";
/// How the name of a DSSE envelope ends.
const ENVELOPE: &str = ".dsse.json";

/// What kind of file says how a package was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum ProvenanceKind {
    /// A `.buildinfo` (deb-buildinfo(5)).
    Buildinfo,
    /// An in-toto statement.
    Statement,
    /// An in-toto statement in a DSSE envelope. Its signatures are not verified.
    Envelope,
}

impl ProvenanceKind {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buildinfo => "buildinfo",
            Self::Statement => "statement",
            Self::Envelope => "envelope",
        }
    }
}

/// A file that says how a package was built.
///
/// It belongs to the content of the package and lives as long as a record of it. Several packages of one build lead to the same file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Provenance {
    /// Its content.
    pub blob: BlobId,
    /// Its size in bytes.
    pub size: u64,
    /// What others know it by.
    pub sha256: Sha256,
    /// Its name, without directories. It follows from the content of the file and not from the name that the file arrived under.
    pub name: String,
}

impl Provenance {
    /// A `.buildinfo` of that content, called as dpkg-buildpackage calls it, whatever it was called when it arrived. `None` when that can
    /// be no name of a file.
    pub(crate) fn of_buildinfo(bytes: &[u8], info: &Buildinfo) -> Option<Self> {
        let version = without_epoch(info.version());
        let listed = || info.paragraph().get_str("Architecture").unwrap_or_default().split_ascii_whitespace();
        let is_machine = |word: &&str| Architecture::parse(word).is_ok_and(|known| !known.is_all());
        let builds_all = || listed().find(|word| *word == "all");
        let kind = listed().filter(|word| *word != "source").find(is_machine).or_else(builds_all);
        Self::called(bytes, format!("{}_{version}_{}.buildinfo", info.source(), kind.unwrap_or("source")))
    }

    /// A statement of that content about packages that were built from that version of a source. `None` when no file can be called so.
    pub(crate) fn of_attestation(
        bytes: &[u8],
        attestation: &Attestation,
        (source, version): (&SourceName, &Version),
    ) -> Option<Self> {
        let ending = if attestation.is_envelope { ENVELOPE } else { STATEMENT };
        Self::called(bytes, format!("{source}_{}{ending}", without_epoch(version)))
    }

    fn called(bytes: &[u8], name: String) -> Option<Self> {
        let (blob, size, sha256) = (BlobId::of(bytes), bytes.len() as u64, Sha256::of(bytes));
        is_name(&name).then_some(Self { blob, size, sha256, name })
    }

    /// Returns what kind of file it is.
    #[must_use]
    pub fn kind(&self) -> ProvenanceKind {
        match &self.name {
            name if name.ends_with(STATEMENT) => ProvenanceKind::Statement,
            name if name.ends_with(ENVELOPE) => ProvenanceKind::Envelope,
            _ => ProvenanceKind::Buildinfo,
        }
    }

    /// Reads a line of the field.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (blob, size) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let (sha256, name) = (Sha256::parse(words.next()?).ok()?, words.next()?.to_owned());
        (words.next().is_none() && is_name(&name)).then_some(Self { blob, size, sha256, name })
    }

    /// Where it lies in a published tree: below the name of its source package, in a directory of its content. So builds of the same
    /// version stand beside each other, and what has such a path never changes.
    fn path(&self, directory: &str) -> Result<RelPath, apt_index::Error> {
        let digest = self.sha256.to_string();
        let digits = digest.get(..DIGITS).unwrap_or(&digest);
        let area = if self.kind() == ProvenanceKind::Buildinfo { BUILDINFO } else { ATTESTATIONS };
        RelPath::parse(&format!("{area}/{directory}/{digits}/{}", self.name))
    }
}

/// Nothing that another program could misread, and no directory.
fn is_name(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'+' | b'~' | b'-' | b'_' | b':');
    name.len() <= LONGEST_NAME
        && [".buildinfo", STATEMENT, ENVELOPE].iter().any(|ending| name.ends_with(ending))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(plain)
}

impl Record {
    /// Returns the files that say how the package was built, in the order in which they came.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when the record does not name them in a usable way.
    pub fn provenance(&self) -> Result<Vec<Provenance>, StorageError> {
        let damaged = || StorageError::damaged("record", &self.key, "its provenance cannot be read");
        if !self.has_provenance() {
            return Ok(Vec::new());
        }
        let value = deb822::paragraphs(&self.text).next().and_then(|paragraph| paragraph.get_str(PROVENANCE));
        let lines = value.unwrap_or_default().lines().map(str::trim_start).filter(|line| !line.is_empty());
        lines.map(|line| Provenance::parse(line).ok_or_else(damaged)).collect()
    }

    /// Returns whether there is any file that says how the package was built.
    #[must_use]
    pub fn has_provenance(&self) -> bool {
        self.end_of_package() < self.text.len()
    }

    /// Returns where each of the [files that say how it was built](Self::provenance) lies in a published tree.
    ///
    /// # Errors
    /// Those of [`provenance`](Self::provenance).
    pub fn provenance_files(&self) -> Result<Vec<RecordFile>, StorageError> {
        let provenance = self.provenance()?;
        if provenance.is_empty() {
            return Ok(Vec::new());
        }
        let (source, _) = self.source();
        let directory = format!("{}/{source}", apt_index::pool::pool_prefix(&source));
        let file = |file: &Provenance| {
            let path = file.path(&directory);
            let path = path.map_err(|error| StorageError::damaged("record", &self.key, error.to_string()))?;
            Ok(RecordFile { blob: file.blob, path, size: file.size })
        };
        provenance.iter().map(file).collect()
    }

    /// Returns every file that is kept for the record: those of the package, and those that say how it was built.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when the record does not name them in a usable way.
    pub(crate) fn kept_files(&self) -> Result<Vec<RecordFile>, StorageError> {
        let mut files = self.files()?;
        files.append(&mut self.provenance_files()?);
        Ok(files)
    }

    /// Returns the record with these files that say how it was built, and no others.
    pub(crate) fn with_provenance(&self, provenance: &[Provenance]) -> Self {
        let mut text = self.text.get(..self.end_of_package()).unwrap_or_default().to_vec();
        if !provenance.is_empty() {
            let mut field = format!("{PROVENANCE}:\n");
            for Provenance { blob, size, sha256, name } in provenance {
                // Writing to a String cannot fail.
                let _ = writeln!(field, " {blob} {size} {sha256} {name}");
            }
            text.extend_from_slice(field.as_bytes());
        }
        text.shrink_to_fit();
        Self { text, ..self.clone() }
    }

    /// Returns the record with what another of the same package tells besides of how it was built; `None` when that is nothing new. A
    /// package that has a `.buildinfo` keeps the first, and 32 files are the most.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when one of them does not name its files in a usable way.
    pub(crate) fn with_provenance_of(&self, other: &Self) -> Result<Option<Self>, StorageError> {
        let own = self.provenance()?;
        let is_told = |file: &Provenance| {
            own.iter().any(|known| known.kind() == ProvenanceKind::Buildinfo && file.kind() == known.kind())
        };
        let mut all = own.clone();
        let news = other.provenance()?.into_iter().filter(|file| !own.contains(file) && !is_told(file));
        all.extend(news.take(MOST_PROVENANCE.saturating_sub(own.len())));
        Ok((all.len() > own.len()).then(|| self.with_provenance(&all)))
    }

    /// Where the text ends that tells of the package itself.
    fn end_of_package(&self) -> usize {
        let field = format!("\n{PROVENANCE}:\n");
        memchr::memmem::find(&self.text, field.as_bytes()).map_or(self.text.len(), |place| place + 1)
    }
}

/// The files that say how the packages in the text of a chunk were built, without reading the records; `None` when an id cannot be
/// read.
pub(super) fn blobs_in(chunk: &[u8]) -> Option<Vec<BlobId>> {
    let mut blobs = Vec::new();
    let field = format!("\n{PROVENANCE}:\n");
    for place in memchr::memmem::find_iter(chunk, field.as_bytes()) {
        let list = chunk.get(place + field.len()..).unwrap_or_default();
        for line in list.split(|byte| *byte == b'\n').map_while(|line| line.strip_prefix(b" ")) {
            let id = line.split(|byte| *byte == b' ').next()?;
            blobs.push(std::str::from_utf8(id).ok()?.parse().ok()?);
        }
    }
    Some(blobs)
}

#[cfg(test)]
mod tests {
    use deb_parse::Limits;

    use super::*;

    fn record(provenance: &str) -> Option<Record> {
        let blob = BlobId::of(b"package");
        let text = format!(
            "Package: hello\nVersion: 1\nArchitecture: amd64\nFilename: pool/main/h/hello/hello_1_amd64.deb\nSize: 7\n\
             Store-Blob: {blob}\nStore-Component: main\n{provenance}"
        );
        Record::parse(&deb822::paragraphs(text.as_bytes()).next()?)
    }

    fn buildinfo(architecture: &str) -> Provenance {
        let text = format!("Source: hello\nVersion: 1:2-3\nArchitecture: {architecture}\n");
        let info = Buildinfo::parse(text.as_bytes(), &Limits::default()).unwrap();
        Provenance::of_buildinfo(text.as_bytes(), &info).unwrap()
    }

    #[test]
    fn a_record_reads_back_the_files_that_say_how_it_was_built() {
        let plain = record("").unwrap();
        assert_eq!((plain.provenance().unwrap(), plain.has_provenance()), (Vec::new(), false));
        let told = [buildinfo("amd64"), buildinfo("all")];
        let record = plain.with_provenance(&told);
        let read = Record::parse(&deb822::paragraphs(record.as_bytes()).next().unwrap()).unwrap();
        assert_eq!((&read, read.provenance().unwrap()), (&record, told.to_vec()));
        assert_eq!((read.stanza(), read.blob(), read.size()), (plain.stanza(), plain.blob(), 7));
        let blobs = super::super::blobs_in(record.as_bytes()).unwrap();
        assert_eq!(blobs, [plain.blob(), told[0].blob, told[1].blob]);
        let kept: Vec<BlobId> = read.kept_files().unwrap().iter().map(|file| file.blob).collect();
        assert_eq!(kept, blobs);
        assert_eq!(read.with_provenance(&[]), plain);
        let path = read.provenance_files().unwrap()[0].path.to_string();
        insta::assert_snapshot!(path, @"buildinfo/h/hello/a1f778f9b98ce5019fd6b20dca5c863d/hello_2-3_amd64.buildinfo");
    }

    #[test]
    fn a_name_follows_from_what_was_built() {
        let name = |architecture| buildinfo(architecture).name;
        assert_eq!(name("source amd64 all"), "hello_2-3_amd64.buildinfo");
        assert_eq!(name("all source"), "hello_2-3_all.buildinfo");
        assert_eq!(name("source"), "hello_2-3_source.buildinfo");
        assert_eq!(name("../x"), "hello_2-3_source.buildinfo");
    }

    #[test]
    fn a_list_that_is_not_ours_is_damaged() {
        let digest = "0".repeat(64);
        for line in [
            "x".to_owned(),
            format!("{digest} 1 {digest}"),
            format!("{digest} 1 {digest} a.buildinfo more"),
            format!("{digest} x {digest} a.buildinfo"),
            format!("{digest} 1 {digest} ../a.buildinfo"),
            format!("{digest} 1 {digest} a.deb"),
            format!("{} 1 {digest} a.buildinfo", &digest[1..]),
        ] {
            let record = record(&format!("Store-Provenance:\n {line}\n")).unwrap();
            assert!(matches!(record.provenance(), Err(StorageError::Damaged { .. })), "{line}");
        }
        let good = record(&format!("Store-Provenance:\n {digest} 1 {digest} a.buildinfo\n")).unwrap();
        assert_eq!(good.provenance().unwrap().len(), 1);
    }
}
