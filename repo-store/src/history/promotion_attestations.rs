//! The statements about promotions that were signed and published.
//!
//! A document for each repository has a line for each promotion, in the order of the history:
//!
//! ```text
//! <number of the state> <commit> <blob of the envelope> <size> TAB <check, as in the operation log>
//! ```
//!
//! The envelopes stay as they are when the history is shortened or keys change: they prove what was done.

use std::collections::BTreeMap;
use std::time::SystemTime;

use apt_sign::Keyring;
use camino::Utf8PathBuf;
use jiff::Timestamp;

use crate::document::{Area, Document, Kept};
use crate::error::Error;
use crate::history::promotion_statement::promotion_statement;
use crate::history::revision::Revision;
use crate::model::envelope::{Envelope, EnvelopeError};
use crate::model::id::{BlobId, CommitId};
use crate::model::name::RepositoryName;
use crate::publish::{Publication, layout};
use crate::store::Store;

/// All statements about promotions into one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PromotionAttestations {
    by_state: BTreeMap<(u64, CommitId), KeptEnvelope>,
}

/// The file of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptEnvelope {
    pub(crate) blob: BlobId,
    pub(crate) size: u64,
}

impl Document for PromotionAttestations {
    const AREA: Area = Area::Attestations;
    const KIND: &'static str = "list of attested promotions into";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        let by_state: BTreeMap<_, _> = lines.iter().map(|line| parse(line)).collect::<Option<_>>()?;
        (by_state.len() == lines.len()).then_some(Self { by_state })
    }

    fn to_lines(&self) -> Vec<String> {
        let line = |((sequence, commit), file): (&(u64, CommitId), &KeptEnvelope)| {
            format!("{sequence} {commit} {} {}", file.blob, file.size)
        };
        self.by_state.iter().map(line).collect()
    }
}

fn parse(line: &str) -> Option<((u64, CommitId), KeptEnvelope)> {
    let mut words = line.split(' ');
    let state = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let file = KeptEnvelope { blob: words.next()?.parse().ok()?, size: words.next()?.parse().ok()? };
    words.next().is_none().then_some((state, file))
}

impl PromotionAttestations {
    pub(crate) fn load(store: &Store, repository: &RepositoryName) -> Result<Kept<Self>, Error> {
        Kept::of(store.storage(), repository)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_state.is_empty()
    }

    /// Returns the envelope about the promotion that made a state.
    pub(crate) fn of(&self, state: &Revision<'_>) -> Option<KeptEnvelope> {
        self.by_state.get(&(state.commit().sequence, state.id())).copied()
    }

    /// Adds an envelope.
    pub(crate) fn insert(&mut self, state: &Revision<'_>, file: KeptEnvelope) {
        self.by_state.insert((state.commit().sequence, state.id()), file);
    }

    /// Returns all envelopes, each with its path below the public directory of the repository.
    pub(crate) fn files(&self) -> impl Iterator<Item = (Utf8PathBuf, KeptEnvelope)> {
        self.by_state
            .iter()
            .map(|((sequence, commit), file)| (layout::attestation(*sequence, *commit), *file))
    }

    /// Returns the number of the oldest state that has one.
    fn oldest(&self) -> Option<u64> {
        self.by_state.first_key_value().map(|((sequence, _), _)| *sequence)
    }
}

/// What is known of the statements about promotions into a repository.
#[derive(Debug, serde::Serialize)]
#[non_exhaustive]
pub struct AttestationReport {
    /// How many promotions have a statement that is signed and tells what the history tells.
    pub good: u64,
    /// How many were done before statements were kept.
    pub earlier: u64,
    /// How many are not published yet, and so not signed.
    pub unpublished: u64,
    /// The others, newest first.
    pub findings: Vec<AttestationFinding>,
}

/// A promotion whose statement proves nothing.
#[derive(Debug, serde::Serialize)]
#[non_exhaustive]
pub struct AttestationFinding {
    /// The state that the promotion made.
    pub commit: CommitId,
    /// Its number.
    pub sequence: u64,
    /// What is wrong.
    pub fault: AttestationFault,
}

/// What is wrong with the statement about a promotion.
#[derive(Debug, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AttestationFault {
    /// It was published without one.
    #[error("no statement is kept")]
    Missing,
    /// The file is gone or damaged.
    #[error("its statement is lost or damaged")]
    Lost,
    /// The envelope cannot be read, or its signature does not hold.
    #[error("its statement proves nothing: {0}")]
    Signature(#[serde(skip)] EnvelopeError),
    /// The statement is signed, and the history tells something else.
    #[error("its statement is signed and differs from what the history tells")]
    Differs,
}

/// See [`Store::promotion_attestation`].
pub(crate) fn promotion_attestation(store: &Store, state: &Revision<'_>) -> Result<Option<Envelope>, Error> {
    let kept = PromotionAttestations::load(store, state.repository())?;
    let Some(file) = kept.of(state) else { return Ok(None) };
    Ok(read(store, file)?.and_then(|bytes| Envelope::parse(&bytes).ok()))
}

/// See [`Store::check_attestations`].
pub(crate) fn check_attestations(
    store: &Store,
    repository: &RepositoryName,
    keyring: &Keyring,
    now: Timestamp,
) -> Result<AttestationReport, Error> {
    let published = Publication::current(store, repository)?.and_then(|shown| shown.commit);
    let kept = PromotionAttestations::load(store, repository)?;
    let mut report = AttestationReport { good: 0, earlier: 0, unpublished: 0, findings: Vec::new() };
    let mut is_published = false;
    for state in store.history(repository) {
        let state = state?;
        is_published |= Some(state.id()) == published;
        let Some(statement) = promotion_statement(&state)? else { continue };
        let sequence = state.commit().sequence;
        let fault = match kept.of(&state) {
            Some(file) => judge(store, file, (&statement, keyring), now)?,
            None if !is_published => {
                report.unpublished += 1;
                continue;
            }
            None if kept.oldest().is_none_or(|oldest| sequence < oldest) => {
                report.earlier += 1;
                continue;
            }
            None => Some(AttestationFault::Missing),
        };
        match fault {
            Some(fault) => {
                report.findings.push(AttestationFinding { commit: state.id(), sequence, fault });
            }
            None => report.good += 1,
        }
    }
    Ok(report)
}

/// Returns what is wrong with an envelope that is to hold a statement.
fn judge(
    store: &Store,
    file: KeptEnvelope,
    (statement, keyring): (&str, &Keyring),
    now: Timestamp,
) -> Result<Option<AttestationFault>, Error> {
    let Some(bytes) = read(store, file)? else { return Ok(Some(AttestationFault::Lost)) };
    let verified =
        Envelope::parse(&bytes).and_then(|envelope| envelope.verify(keyring, SystemTime::from(now)));
    Ok(match verified {
        Ok(signed) if signed == statement.as_bytes() => None,
        Ok(_) => Some(AttestationFault::Differs),
        Err(error) => Some(AttestationFault::Signature(error)),
    })
}

/// Reads the file of an envelope; `None` when it is gone, or not what was kept.
fn read(store: &Store, file: KeptEnvelope) -> Result<Option<Vec<u8>>, Error> {
    let bytes = store.storage().objects().get(&Store::blob_key(file.blob))?;
    Ok(bytes.filter(|bytes| BlobId::of(bytes) == file.blob))
}
