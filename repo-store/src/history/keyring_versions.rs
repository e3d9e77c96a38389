//! The versions of a repository's keyring package, as they were made.
//!
//! A document for each repository has a line for each version, oldest first:
//!
//! ```text
//! <package file> <package> <version> <SHA-256 of the keyring> <first published, or -> <fingerprint>,… TAB <check, as in the operation log>
//! ```
//!
//! What stands there is the repository's own: no other package of that name comes in, and retention and garbage collection leave these
//! alone. A machine that slept through a rotation repairs itself from them.

use deb_parse::checksum::Sha256;
use deb_parse::{PackageName, Version};
use jiff::Timestamp;

use crate::document::{Area, Document, Kept};
use crate::error::Error;
use crate::model::id::BlobId;
use crate::model::name::RepositoryName;
use crate::store::Store;

/// A version of the package that brings the keys of a repository to its clients.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct KeyringVersion {
    /// The name of the package.
    pub package: PackageName,
    /// Its version: the year and a number.
    pub version: Version,
    /// The package file.
    pub blob: BlobId,
    /// The digest of the keyring in it.
    pub keyring: Sha256,
    /// The fingerprints of the keys in the keyring.
    pub keys: Vec<String>,
    /// When clients first found it in every suite, as far as that was noted.
    pub published: Option<Timestamp>,
}

/// All versions of one repository.
#[derive(Debug, Default)]
pub(crate) struct KeyringVersions {
    pub(crate) all: Vec<KeyringVersion>,
}

impl Document for KeyringVersions {
    const AREA: Area = Area::Keyrings;
    const KIND: &'static str = "list of keyring packages of";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        let all = lines.iter().map(|line| parse(line)).collect::<Option<_>>()?;
        Some(Self { all })
    }

    fn to_lines(&self) -> Vec<String> {
        self.all.iter().map(line).collect()
    }
}

impl KeyringVersions {
    pub(crate) fn load(store: &Store, repository: &RepositoryName) -> Result<Kept<Self>, Error> {
        Kept::of(store.storage(), repository)
    }

    /// Returns whether this package file was made for the repository.
    pub(crate) fn contains(&self, blob: BlobId) -> bool {
        self.all.iter().any(|version| version.blob == blob)
    }
}

/// See [`Store::keyring_versions`].
pub(crate) fn keyring_versions(
    store: &Store,
    repository: &RepositoryName,
) -> Result<Vec<KeyringVersion>, Error> {
    Ok(KeyringVersions::load(store, repository)?.into_document().all)
}

impl KeyringVersion {
    /// Returns the name of the file in the pool.
    pub(crate) fn file_name(&self) -> String {
        format!("{}_{}_all.deb", self.package, self.version)
    }
}

fn line(version: &KeyringVersion) -> String {
    let KeyringVersion { package, version, blob, keyring, keys, published } = version;
    let published = published.map_or_else(|| "-".to_owned(), |time| time.to_string());
    format!("{blob} {package} {version} {keyring} {published} {}", keys.join(","))
}

fn parse(line: &str) -> Option<KeyringVersion> {
    let mut words = line.split(' ');
    let version = KeyringVersion {
        blob: words.next()?.parse().ok()?,
        package: PackageName::parse(words.next()?).ok()?,
        version: Version::parse(words.next()?).ok()?,
        keyring: words.next()?.parse().ok()?,
        published: match words.next()? {
            "-" => None,
            time => Some(time.parse().ok()?),
        },
        keys: words.next()?.split(',').map(str::to_owned).collect(),
    };
    words.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_and_one_that_was_changed_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let root = camino::Utf8Path::from_path(directory.path()).unwrap();
        let store = Store::create(root).unwrap();
        let prod = RepositoryName::parse("prod").unwrap();
        let version = |number: &str, published| KeyringVersion {
            package: PackageName::parse("prod-archive-keyring").unwrap(),
            version: Version::parse(number).unwrap(),
            blob: BlobId::of(number.as_bytes()),
            keyring: Sha256::of(number.as_bytes()),
            keys: vec!["A".repeat(40), "B".repeat(40)],
            published,
        };
        let all = vec![version("2026.1", Some(Timestamp::UNIX_EPOCH)), version("2026.2", None)];
        let mut list = KeyringVersions::load(&store, &prod).unwrap();
        assert!(list.all.is_empty());
        list.all.clone_from(&all);
        assert!(list.save(store.storage()).unwrap());
        assert!(!list.save(store.storage()).unwrap(), "it is there since");
        assert_eq!(store.keyring_versions(&prod).unwrap(), all);
        let path = root.join("store/keyrings/prod");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("2026.2", "2026.3")).unwrap();
        assert!(store.keyring_versions(&prod).is_err());
    }
}
