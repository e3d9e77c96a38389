//! The package that brings the keys of a repository to its clients.
//!
//! It holds one file, a binary keyring, where the entries of clients look for it. It has no scripts and depends on nothing, so that a
//! machine of any age can install it. The same keys make the same package, to the byte.

use std::sync::Arc;

use apt_sign::Fingerprint;
use deb_parse::checksum::Sha256;
use deb_parse::{Architecture, PackageName, SuiteName, Version, deb};
use jiff::Timestamp;

use crate::context::Context;
use crate::error::{ChangeError, Error};
use crate::history::keyring_versions::{KeyringVersion, KeyringVersions};
use crate::model::id::BlobId;
use crate::model::lookup::Lookup;
use crate::model::name::RepositoryName;
use crate::model::operation::{Operation, PackageSummary};
use crate::model::record::{Build, Record, RecordKey};
use crate::operations::own_package;
use crate::publish::shown::shown;
use crate::settings::RepositorySettings;
use crate::storage::HeldLock;
use crate::store::Store;
use crate::transaction::{Committed, Inserted};

/// The keys that a keyring package is to hold.
#[derive(Clone, Copy, Debug)]
pub struct KeyringContent<'a> {
    /// The certificates, each once, as they are in a `.gpg` file.
    pub binary: &'a [u8],
    /// The fingerprints of the certificates.
    pub keys: &'a [Fingerprint],
}

/// The version of the keyring package that a repository is to have.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct KeyringPlan {
    /// The name of the package.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
    /// The suites that do not have the version yet.
    pub suites: Vec<SuiteName>,
    /// Whether the version was made already.
    #[serde(skip)]
    made: bool,
}

/// How far the clients of a repository can have a key by its keyring package.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct KeyringService {
    /// Whether anything is published.
    pub is_published: bool,
    /// The published suites without a version of the package that has the key; `.flat` is the flat form.
    pub lacking: Vec<String>,
    /// When clients first found such a version in every suite, as far as that was noted.
    pub since: Option<Timestamp>,
}

/// How often the list of versions is read again because somebody else changed it.
const ATTEMPTS: u32 = 10;

/// See [`Store::plan_keyring`].
pub(crate) fn plan_keyring(
    store: &Store,
    repository: &RepositorySettings,
    content: KeyringContent<'_>,
    context: &Context,
) -> Result<KeyringPlan, Error> {
    repository.check()?;
    let known = KeyringVersions::load(store, &repository.name)?;
    plan_with(store, &known, repository, content, context)
}

fn plan_with(
    store: &Store,
    known: &KeyringVersions,
    repository: &RepositorySettings,
    content: KeyringContent<'_>,
    context: &Context,
) -> Result<KeyringPlan, Error> {
    let package = package_of(&repository.name)?;
    let head = store.head(&repository.name)?;
    let mut there: Option<RecordKey> = None;
    for (head, suite) in
        head.iter().flat_map(|head| head.commit().suites.keys().map(move |suite| (head, suite)))
    {
        let versions = head.versions(suite, &package)?;
        let keys = versions.iter().map(|record| record.key().clone());
        there = keys.chain(there).max_by(|a, b| a.version.cmp(&b.version));
    }
    let digest = Sha256::of(content.binary);
    let is_newest = |own: &&KeyringVersion| there.as_ref().is_none_or(|there| there.version <= own.version);
    let made = known.all.last().filter(|own| own.keyring == digest).filter(is_newest);
    let made = match made {
        Some(own) if store.storage().objects().contains(&Store::blob_key(own.blob))? => Some(own),
        _ => None,
    };
    let suites = repository.suites.iter().map(|suite| suite.name.clone());
    let Some(own) = made else {
        let version = next_version(known, there, &repository.name, context.now)?;
        return Ok(KeyringPlan { package, version, suites: suites.collect(), made: false });
    };
    let architecture = Build::For(Architecture::all());
    let key = RecordKey { package: package.clone(), version: own.version.clone(), architecture };
    let mut lacking = Vec::new();
    for suite in suites {
        let record = head.as_ref().map(|head| head.get(&suite, &key)).transpose()?.flatten();
        if record.is_none() {
            lacking.push(suite);
        }
    }
    Ok(KeyringPlan { package, version: own.version.clone(), suites: lacking, made: true })
}

/// See [`Store::add_keyring`].
pub(crate) fn add_keyring(
    store: &Store,
    repository: &RepositorySettings,
    content: KeyringContent<'_>,
    context: &Context,
) -> Result<(KeyringPlan, Committed), Error> {
    repository.check()?;
    for _ in 0..ATTEMPTS {
        let mut known = KeyringVersions::load(store, &repository.name)?;
        let plan = plan_with(store, &known, repository, content, context)?;
        let bytes = if let Some(own) = known.all.last().filter(|_| plan.made) {
            let mut bytes = Vec::new();
            let mut blob = store.open_blob(own.blob)?;
            std::io::Read::read_to_end(&mut blob, &mut bytes)
                .map_err(Error::io("read", store.root().join("store/blobs")))?;
            bytes
        } else {
            let bytes = build(repository, &plan, content.binary)?;
            let blob = BlobId::of(&bytes);
            store.storage().objects().put(&Store::blob_key(blob), &bytes)?;
            store.storage().objects().sync()?;
            known.all.push(KeyringVersion {
                package: plan.package.clone(),
                version: plan.version.clone(),
                blob,
                keyring: Sha256::of(content.binary),
                keys: content.keys.iter().map(ToString::to_string).collect(),
                published: None,
            });
            if !known.save(store.storage())? {
                continue;
            }
            bytes
        };
        let committed = insert_keyring(store, repository, &bytes, context)?;
        return Ok((plan, committed));
    }
    Err(Error::Change(ChangeError::Contended { repository: repository.name.clone(), times: ATTEMPTS }))
}

fn insert_keyring(
    store: &Store,
    repository: &RepositorySettings,
    bytes: &[u8],
    context: &Context,
) -> Result<Committed, Error> {
    let records = repository.suites.iter().map(|suite| Ok((&suite.name, own_package::record(suite, bytes)?)));
    let records = records.collect::<Result<Vec<_>, Error>>()?;
    let (committed, ()) = store.transact_in(repository, context, |transaction| {
        let mut new: Vec<&RecordKey> = Vec::new();
        for (suite, record) in &records {
            if transaction.insert(suite, record)? == Inserted::New && !new.contains(&record.key()) {
                new.push(record.key());
            }
        }
        Ok((Operation::Add(PackageSummary::new(new)), ()))
    })?;
    Ok(committed)
}

/// See [`Store::lock_keys`].
pub(crate) fn lock_keys(store: &Store) -> Result<Box<dyn HeldLock>, Error> {
    Ok(store.storage().locks().acquire("keys")?)
}

/// See [`Store::note_published_keyring`].
pub(crate) fn note_published_keyring(
    store: &Store,
    repository: &RepositoryName,
    context: &Context,
) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let mut known = KeyringVersions::load(store, repository)?;
        let Some(last) = known.all.last_mut().filter(|last| last.published.is_none()) else {
            return Ok(());
        };
        let lacking = lacking(store, repository, std::slice::from_ref(last))?;
        if lacking.is_none_or(|lacking| !lacking.is_empty()) {
            return Ok(());
        }
        last.published = Some(context.now);
        if known.save(store.storage())? {
            return Ok(());
        }
    }
    Ok(())
}

/// See [`Store::keyring_service`].
pub(crate) fn keyring_service(
    store: &Store,
    repository: &RepositoryName,
    key: &Fingerprint,
) -> Result<KeyringService, Error> {
    let mut versions = KeyringVersions::load(store, repository)?.into_document().all;
    versions.retain(|version| version.keys.iter().any(|known| known == key.as_str()));
    let since = versions.iter().filter_map(|version| version.published).min();
    Ok(match lacking(store, repository, &versions)? {
        None => KeyringService::default(),
        Some(lacking) => KeyringService { is_published: true, lacking, since },
    })
}

/// The published suites that have none of these versions; `None` when nothing is published.
fn lacking(
    store: &Store,
    repository: &RepositoryName,
    versions: &[KeyringVersion],
) -> Result<Option<Vec<String>>, Error> {
    let Some(shown) = shown(store, repository)? else { return Ok(None) };
    let package = package_of(repository)?;
    let mut lookup = Lookup::new(store.objects());
    let mut lacking = Vec::new();
    for (suite, snapshot) in shown.suites {
        let records = lookup.versions(&store.empty_or(snapshot)?, &package)?;
        let is_own = |record: &Arc<Record>| versions.iter().any(|own| own.blob == record.blob());
        if !records.iter().any(is_own) {
            lacking.push(suite);
        }
    }
    Ok(Some(lacking))
}

fn package_of(repository: &RepositoryName) -> Result<PackageName, Error> {
    let name = repository.keyring_package();
    PackageName::parse(&name).map_err(|source| Error::package(name, source))
}

/// The version after all that there are: of this year, or of a later one when the clock was ahead.
fn next_version(
    known: &KeyringVersions,
    there: Option<RecordKey>,
    repository: &RepositoryName,
    now: Timestamp,
) -> Result<Version, Error> {
    let year: u32 = now.strftime("%Y").to_string().parse().unwrap_or(1970);
    let numbered = |version: &Version| {
        let (year, number) = version.as_str().split_once('.')?;
        Some((year.parse::<u32>().ok()?, number.parse::<u32>().ok()?))
    };
    let own = known.all.iter().map(|own| &own.version);
    let highest = own.chain(there.as_ref().map(|key| &key.version)).max();
    let next = match highest.and_then(numbered) {
        Some((last, number)) if last >= year => format!("{last}.{}", number.saturating_add(1)),
        _ => format!("{year}.1"),
    };
    let version = Version::parse(&next).map_err(|source| Error::package(next.clone(), source))?;
    match there.filter(|there| there.version >= version) {
        None => Ok(version),
        Some(key) => {
            let (key, repository) = (Box::new(key), repository.clone());
            Err(Error::Change(ChangeError::KeyringVersion { key, repository, version: next }))
        }
    }
}

/// Builds the package.
fn build(repository: &RepositorySettings, plan: &KeyringPlan, keyring: &[u8]) -> Result<Vec<u8>, Error> {
    let name = &repository.name;
    let path = name.keyring_path();
    let origin = repository.origin.as_deref().unwrap_or(name.as_str());
    let builder =
        deb::Builder::new(plan.package.clone(), plan.version.clone(), Architecture::all())
            .field("Maintainer", origin)
            .field("Section", "misc")
            .field("Priority", "optional")
            .field("Multi-Arch", "foreign")
            .description(format!(
                "keys of the package repository {name}\n apt checks the signatures of {name} with these keys. Machines that have this \
                 package follow\n a change of the keys by themselves."
            ))
            .file(path.trim_start_matches('/'), keyring, 0o644);
    builder.build().map_err(|source| Error::package(plan.package.as_str(), source))
}
