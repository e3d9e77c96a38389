//! Whether clients know a key that signs: they refuse what is signed by others alone.

use std::time::{Duration, SystemTime};

use apt_sign::Signer;
use jiff::Timestamp;

use super::publication::{Publication, SignedFiles};
use super::{layout, place, tree};
use crate::error::{Error, PublishError};
use crate::model::name::RepositoryName;
use crate::storage::files;
use crate::store::Store;

/// Refuses keys of which none signed what clients see now.
///
/// Records of older versions do not name the keys. Then the signed file is asked that clients see, provided that it is the one that was
/// recorded: one of its signatures must be by one of the keys.
pub(super) fn check(
    store: &Store,
    repository: &RepositoryName,
    current: Option<&Publication>,
    (signer, now): (&dyn Signer, Timestamp),
) -> Result<(), Error> {
    let refused = |keys: &[String]| {
        let keys = keys.to_vec();
        Err(Error::Publish(PublishError::KeyChange { repository: repository.clone(), keys }))
    };
    let (paths, public) = (store.paths(), store.public(repository));
    let Some(current) = current else {
        let shown = shown_without_record(store, repository)?;
        let is_known =
            shown.is_empty() || shown.iter().any(|bytes| signer.has_signed(bytes, system_time(now)));
        return if is_known { Ok(()) } else { refused(&[]) };
    };
    if !current.keys.is_empty() {
        let ours = signer.fingerprints();
        let is_known = ours.iter().any(|key| current.keys.contains(&key.to_string()));
        return if is_known { Ok(()) } else { refused(&current.keys) };
    }
    if current.suites.is_empty() {
        return Ok(());
    }
    for (place, suite) in &current.suites {
        let [in_release, ..] = suite.signed.by_name();
        let signed = tree::signed_file((&paths, &public), current, place, in_release)?;
        // The clock may have been ahead when it was signed.
        let time = system_time(suite.date.max(now));
        if signed.is_some_and(|bytes| signer.has_signed(&bytes, time)) {
            return Ok(());
        }
    }
    refused(&[])
}

/// No signed file is larger.
const LARGEST: u64 = 64 << 20;

/// The signed files that clients see of a repository of which the record is lost.
fn shown_without_record(store: &Store, repository: &RepositoryName) -> Result<Vec<Vec<u8>>, Error> {
    let (paths, public) = (store.paths(), store.public(repository));
    let Some(shown) = Publication::shown(&paths, &public)? else { return Ok(Vec::new()) };
    let dists = public.join(layout::dists_of(shown));
    let mut found = Vec::new();
    let names = files::names_in(paths.place(&dists))?;
    for name in names.iter().map(String::as_str).chain([place::FLAT]) {
        let at = paths.place(dists.join(name).join(SignedFiles::IN_RELEASE));
        if at.status().is_ok_and(|found| found.is_file() && found.size <= LARGEST) {
            found.extend(files::read_if_present(at)?);
        }
    }
    Ok(found)
}

pub(super) fn system_time(time: Timestamp) -> SystemTime {
    let seconds = u64::try_from(time.as_second()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
