//! The paths of a published tree, all of them relative to the public directory of its repository.
//!
//! No other module puts such a path together: publishing, checking, collecting and restoring ask here.

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;

use super::place::Place;
use crate::model::id::CommitId;
use crate::model::name::TagName;
use crate::model::publication_id::PublicationId;
use crate::model::record::{ATTESTATIONS, BUILDINFO};

/// The link that clients follow to the publication that they see.
pub(crate) const DISTS: &str = "dists";
/// The directory with the package files.
pub(crate) use crate::store::POOL;
/// The directories with files that records lead to. Only [`POOL`] is always there.
pub(crate) const OF_RECORDS: [&str; 3] = [POOL, BUILDINFO, ATTESTATIONS];
/// The directory with the statements about promotions. No source package has a prefix of that name.
pub(crate) const PROMOTIONS: &str = "attestations/promotions";
/// The directory with the publications.
pub(crate) const PUBLICATIONS: &str = ".publications";
/// The directory with an archive root for each publication and a link for each tag.
pub(crate) const SNAPSHOTS: &str = "snapshot";
/// The directory with the index files of all publications.
pub(crate) const BY_HASH: &str = ".by-hash";
/// The directory of index files that are named by their SHA-256.
pub(crate) const INDICES: &str = ".by-hash/SHA256";
/// The directory of the public keys in that of a publication.
pub(crate) const KEYS: &str = "keys";

/// Returns the path of the statement about the promotion that made a state.
pub(crate) fn attestation(sequence: u64, commit: CommitId) -> Utf8PathBuf {
    Utf8Path::new(PROMOTIONS).join(format!("{sequence}-{}.dsse.json", commit.short()))
}

/// Returns the path of an index file.
pub(crate) fn index(digest: &Sha256) -> Utf8PathBuf {
    Utf8Path::new(INDICES).join(digest.to_string())
}

/// Returns the directory of a publication.
pub(crate) fn publication(id: PublicationId) -> Utf8PathBuf {
    Utf8Path::new(PUBLICATIONS).join(id.to_string())
}

/// Returns the `dists` of a publication.
pub(crate) fn dists_of(id: PublicationId) -> Utf8PathBuf {
    publication(id).join(DISTS)
}

/// Returns the publication whose [`dists_of`] a path is.
pub(crate) fn id_of_dists(target: &Utf8Path) -> Option<PublicationId> {
    let id = PublicationId::parse(target.parent()?.file_name()?)?;
    (target == dists_of(id)).then_some(id)
}

/// Returns the directory of a suite of a publication.
pub(crate) fn suite_directory(id: PublicationId, place: &Place) -> Utf8PathBuf {
    dists_of(id).join(place.directory())
}

/// Returns the path of a public key of a publication.
pub(crate) fn key(id: PublicationId, name: &str) -> Utf8PathBuf {
    publication(id).join(KEYS).join(name)
}

/// Returns where the link to a public key in the root leads. `dists` is a link into the publication, so above it is the
/// publication.
pub(crate) fn key_link_target(name: &str) -> String {
    format!("{DISTS}/../{KEYS}/{name}")
}

/// Returns the archive root of a publication.
pub(crate) fn archive_root(id: PublicationId) -> Utf8PathBuf {
    Utf8Path::new(SNAPSHOTS).join(id.to_string())
}

/// Returns the link of a tag. It leads to the archive root of a publication beside it.
pub(crate) fn tag_link(tag: &TagName) -> Utf8PathBuf {
    Utf8Path::new(SNAPSHOTS).join(tag.as_str())
}

/// Returns where the link `by-hash` in a directory of a suite leads.
pub(crate) fn by_hash_link_target(directory: &Utf8Path) -> String {
    // Up from the directory: its own elements, the suite, `dists`, the publication, `.publications`.
    from_depth(directory.components().count() + 4, BY_HASH)
}

/// Returns where a link in an archive root leads that stands for a path of the public directory.
pub(crate) fn from_archive_root(path: &str) -> String {
    from_depth(2, path)
}

fn from_depth(depth: usize, path: &str) -> String {
    format!("{}{path}", "../".repeat(depth))
}
