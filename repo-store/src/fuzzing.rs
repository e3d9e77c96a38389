//! The readers of the store's own formats, which are private otherwise, for the laws in `fuzz`: each reads bytes and returns what it
//! would write for what it read.

use deb_parse::deb822;

use crate::access::machines::Machines;
use crate::access::tokens::Tokens;
use crate::document::{self, Document};
use crate::history::horizon::Ends;
use crate::history::keyring_versions::KeyringVersions;
use crate::intent::Intent;
use crate::maintenance::hook_spool::HookSpool;
use crate::maintenance::upkeep::Upkeep;
use crate::manifest::Manifest;
use crate::model::attestation::Attestation;
use crate::model::chunk::Chunk;
use crate::model::class::{PackageClass, WildPattern};
use crate::model::commit::Commit;
use crate::model::hold::Holds;
use crate::model::id::{BlobId, ChunkId, PageId};
use crate::model::log_entry::LogEntry;
use crate::model::objects::Objects;
use crate::model::record::{Record, RecordKey};
use crate::model::snapshot::Snapshot;
use crate::model::{chunk, page, run};
use crate::operations::approvals::Approvals;
use crate::operations::bases::KeptBases;
use crate::operations::freezes::LastFreeze;
use crate::publish::promotion_attestations::PromotionAttestations;
use crate::publish::{Publication, Source};
use crate::storage::format::Format;
use crate::storage::{Memory, StorageError, log, sealed};

/// Reads a page of chunks.
#[must_use]
pub fn page(text: &[u8]) -> Option<Vec<u8>> {
    let chunks = page::parse(text)?;
    let _ = run::ids::<ChunkId>(text);
    Some(run::write("Chunks", &chunks).into_bytes())
}

/// Reads a snapshot.
#[must_use]
pub fn snapshot(text: &[u8]) -> Option<Vec<u8>> {
    let _ = run::ids::<PageId>(text);
    Snapshot::parse(text).map(|snapshot| snapshot.to_text().into_bytes())
}

/// Reads a commit.
#[must_use]
pub fn commit(text: &[u8]) -> Option<Vec<u8>> {
    Commit::parse(text).map(|commit| commit.to_text().into_bytes())
}

/// Reads a list of holds.
#[must_use]
pub fn holds(text: &[u8]) -> Option<Vec<u8>> {
    Holds::parse(text).map(|holds| holds.to_text().into_bytes())
}

/// Reads a statement about packages, or an envelope; gives the digests of what it is about.
#[must_use]
pub fn attestation(text: &[u8]) -> Option<Vec<String>> {
    let read = Attestation::parse(text).ok()?;
    Some(read.subjects.iter().map(ToString::to_string).collect())
}

/// Reads a record, and every fact that is looked up in it later.
#[must_use]
pub fn record(text: &[u8]) -> Option<Vec<u8>> {
    let paragraph = deb822::paragraphs(text).next()?;
    let record = Record::parse(&paragraph)?;
    look_at(&record);
    Some(record.as_bytes().to_vec())
}

fn look_at(record: &Record) {
    let _ = (record.files(), record.pool_path(), record.size(), record.source(), record.check_paths());
    let _ = (record.kept_files(), record.provenance().map(|told| record.with_provenance(&told)));
    let _ = (record.published(), record.kind(), record.component(), record.field("Section"));
}

/// Reads a chunk from a store, in each way there is; gives the keys of its records. `None` when a record cannot be read.
#[must_use]
pub fn chunk(text: &[u8]) -> Option<Vec<String>> {
    let memory = Memory::default();
    let objects = Objects(&memory);
    let id = chunk::write(&objects, text).ok()?;
    let chunk = Chunk::read(&objects, id).ok()?;
    let _ = chunk::blobs(&objects, id);
    let mut keys = Vec::new();
    for (place, record) in chunk.records().enumerate() {
        let (record, key) = (record.ok()?, chunk.key(place).ok()?);
        look_at(&record);
        let _ = (chunk.versions(&key.package).count(), chunk.find(&key), chunk.text(place));
        keys.push(key.to_string());
    }
    Some(keys)
}

/// Reads the key of a record.
#[must_use]
pub fn record_key(text: &str) -> Option<String> {
    RecordKey::parse(text).map(|key| key.to_string())
}

/// Reads the record of a publication, without the line at its end that proves it. Gives what it would write, again without that
/// line, and every path that it names.
#[must_use]
pub fn publication(content: &[u8]) -> Option<(Vec<u8>, Vec<String>)> {
    let sealed = [content, b"\nBLAKE3: ", blake3::hash(content).to_hex().as_bytes(), b"\n"].concat();
    let publication = Publication::parse(&sealed)?;
    let mut paths = Vec::new();
    for entry in publication.entries().into_iter().chain(publication.root_entries()) {
        paths.push(entry.path.into_string());
        match entry.source {
            Source::Name { of, .. } => paths.push(of.into_string()),
            Source::Signed { first, .. } => paths.push(first.into_string()),
            Source::Blob { .. } | Source::Index(_) | Source::Link { .. } => {}
        }
    }
    let _ = (publication.latest_date(), publication.aliases().count());
    let text = publication.to_text();
    let (content, _) = text.rsplit_once("\nBLAKE3: ")?;
    Some((content.as_bytes().to_vec(), paths))
}

/// Reads a line of the operation log.
#[must_use]
pub fn log_entry(line: &str) -> Option<String> {
    LogEntry::parse(line).map(|entry| entry.to_line())
}

/// Reads the operation log as it is; gives how many of its lines are intact.
#[must_use]
pub fn log_lines(bytes: &[u8]) -> usize {
    log::lines(bytes).filter(|line| line.intact).count()
}

/// Writes lines to an operation log, each with what proves it and the line before it.
#[must_use]
pub fn log(lines: &[&str]) -> Vec<u8> {
    lines.iter().fold(Vec::new(), |log, line| [&log[..], log::seal(&log, line).as_bytes()].concat())
}

/// Reads where a history ends, from lines that are proven already.
#[must_use]
pub fn history_ends(bytes: &[u8]) -> Option<Vec<u8>> {
    rewritten::<Ends>(bytes)
}

/// Reads the tokens of a repository, from lines that are proven already.
#[must_use]
pub fn tokens(bytes: &[u8]) -> Option<Vec<u8>> {
    rewritten::<Tokens>(bytes)
}

/// Reads the machines of a repository, from lines that are proven already.
#[must_use]
pub fn machines(bytes: &[u8]) -> Option<Vec<u8>> {
    rewritten::<Machines>(bytes)
}

/// Reads and writes a document of one kind; `None` when it is not one.
type Rewrite = fn(&[u8]) -> Option<Vec<u8>>;

/// The readers of the kinds of documents that have no reader here of their own.
pub const DOCUMENTS: [Rewrite; 8] = [
    rewritten::<KeyringVersions>,
    rewritten::<Intent>,
    rewritten::<Upkeep>,
    rewritten::<HookSpool>,
    rewritten::<Approvals>,
    rewritten::<LastFreeze>,
    rewritten::<KeptBases>,
    rewritten::<PromotionAttestations>,
];

fn rewritten<D: Document>(bytes: &[u8]) -> Option<Vec<u8>> {
    document::parse::<D>(bytes).map(|document| document::to_text(&document).into_bytes())
}

/// Reads the file that says which format a store has.
///
/// # Errors
/// [`StorageError`], when it holds no number, or a newer one.
pub fn format(bytes: &[u8]) -> Result<(), StorageError> {
    Format::parse(bytes, "format".into()).map(drop)
}

/// Reads a manifest from what stands in it behind its first two lines; gives the paths that it lists.
#[must_use]
pub fn manifest(rest: &[u8]) -> Option<Vec<Vec<u8>>> {
    let blob = BlobId::of(b"package");
    let text = [format!("Manifest: 2\nBlob: {blob}\n").as_bytes(), rest].concat();
    let manifest = Manifest::read(&sealed::compress(&text).ok()?, blob).ok()??;
    let _ = (manifest.conffiles().count(), manifest.scripts().count(), manifest.changelog());
    Some(manifest.files().map(|file| file.path.to_vec()).collect())
}

/// Reads the file of a manifest as it is; gives whether it is one.
#[must_use]
pub fn manifest_file(bytes: &[u8]) -> bool {
    Manifest::read(bytes, BlobId::of(b"package")).is_ok()
}

/// Unpacks an object.
///
/// # Errors
/// What is wrong with it.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    sealed::decompress(bytes)
}

/// Packs an object as [`unpack`] reads it.
///
/// # Errors
/// [`StorageError`], when the compressor fails.
pub fn pack(text: &[u8]) -> Result<Vec<u8>, StorageError> {
    sealed::compress(text)
}

/// Whether a pattern of retention or routing takes a text.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    PackageClass { names: vec![WildPattern::new(pattern)], ..PackageClass::default() }.fits(text, |_| None)
}
