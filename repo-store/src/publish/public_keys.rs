//! The public keys in a published tree: `key.asc` and `key.gpg` at the root of the repository.
//!
//! They stand beside the `dists` of the publication, and the root has symbolic links to them through its link `dists`: so one rename
//! switches clients to a new key and to what it signed.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use apt_index::release::ReleaseFile;
use apt_sign::PublicKeys;
use camino::Utf8Path;
use deb_parse::checksum::Sha256;

use super::layout;
use super::publication::Publication;
use super::target::target_of;
use crate::error::Error;
use crate::model::name::RepositoryName;
use crate::store::Store;

/// The public keys of a publication. Both files are also index files under the names of their digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublishedKeys {
    pub(super) armored: ReleaseFile,
    pub(super) binary: ReleaseFile,
}

impl PublishedKeys {
    /// The names of the files; in the record of a publication, of the fields too.
    pub(super) const NAMES: [&str; 2] = ["key.asc", "key.gpg"];

    /// Returns the files that these keys are published as.
    pub(super) fn of(keys: &PublicKeys) -> Self {
        let file = |bytes: &[u8]| ReleaseFile { size: bytes.len() as u64, sha256: Sha256::of(bytes) };
        Self { armored: file(keys.armored.as_bytes()), binary: file(&keys.binary) }
    }

    /// Returns each file with its name.
    pub(crate) fn by_name(&self) -> [(&'static str, ReleaseFile); 2] {
        let [armored, binary] = Self::NAMES;
        [(armored, self.armored), (binary, self.binary)]
    }
}

/// Returns whether a symbolic link at the root of a repository is the one of that name to a public key.
pub(super) fn is_key_link(name: &str, target: &Utf8Path) -> bool {
    PublishedKeys::NAMES.contains(&name) && target == layout::key_link_target(name)
}

impl Publication {
    /// Returns the symbolic links at the root of the repository, by name: to the public keys and to the flat form.
    pub(crate) fn root_links(&self) -> BTreeMap<String, String> {
        let mut links = self.flat_links();
        let keys = self.public_keys.iter().flat_map(PublishedKeys::by_name);
        links.extend(keys.map(|(name, _)| (name.to_owned(), layout::key_link_target(name))));
        links
    }
}

/// See [`Store::published_keys`].
pub(crate) fn published_keys(store: &Store, repository: &RepositoryName) -> Result<Option<Vec<u8>>, Error> {
    let current = Publication::current(store, repository)?;
    let Some(keys) = current.and_then(|current| current.public_keys) else { return Ok(None) };
    let index = layout::index(&keys.binary.sha256);
    let path = store.public(repository).join(&index);
    let lost = || Error::io("read", &path)(ErrorKind::NotFound.into());
    let file = target_of(store, repository).open(&index)?.ok_or_else(lost)?;
    let bytes = file.read().map_err(Error::io("read", &path))?;
    if Sha256::of(&bytes) != keys.binary.sha256 {
        return Err(Error::damaged("public key", &path, "it is not what was published"));
    }
    Ok(Some(bytes))
}
