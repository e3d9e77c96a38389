//! Whether clients know a key that signs: they refuse what is signed by others alone.

use std::time::{Duration, SystemTime};

use apt_sign::Signer;
use jiff::Timestamp;

use super::publication::{Publication, SignedFiles};
use super::target::PublicationTarget;
use super::{draft, layout, place};
use crate::error::{Error, PublishError};
use crate::model::name::RepositoryName;

/// Refuses keys when none of them signed what clients see now.
///
/// Records of older versions do not name the keys. Then the signed file is asked that clients see, provided that it is the one that was
/// recorded: one of its signatures must be by one of the keys.
pub(super) fn check(
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
    current: Option<&Publication>,
    (signer, now): (&dyn Signer, Timestamp),
) -> Result<(), Error> {
    let refused = |keys: &[String]| {
        let keys = keys.to_vec();
        Err(Error::Publish(PublishError::KeyChange { repository: repository.clone(), keys }))
    };
    let Some(current) = current else {
        let shown = shown_without_record(target)?;
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
        let signed = draft::signed_file(target, current, place, in_release)?;
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

/// The signed files that clients see of a repository whose record is lost.
fn shown_without_record(target: &dyn PublicationTarget) -> Result<Vec<Vec<u8>>, Error> {
    let Some(shown) = Publication::shown(target)? else { return Ok(Vec::new()) };
    let dists = layout::dists_of(shown);
    let mut found = Vec::new();
    let names = target.list(&dists)?;
    for name in names.iter().map(String::as_str).chain([place::FLAT]) {
        let path = dists.join(name).join(SignedFiles::IN_RELEASE);
        // What does not lie there as a file was not signed for clients.
        if target.size(&path).is_ok_and(|size| size.is_some_and(|size| size <= LARGEST))
            && let Some(file) = target.open(&path)?
        {
            found.push(file.read().map_err(Error::io("read", &path))?);
        }
    }
    Ok(found)
}

pub(super) fn system_time(time: Timestamp) -> SystemTime {
    let seconds = u64::try_from(time.as_second()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
