//! The statements about promotions that were signed and published.
//!
//! A document for each repository has a line for each promotion, in the order of the history:
//!
//! ```text
//! <number of the state> <commit> <blob of the envelope> <size> TAB <check, as in the operation log>
//! ```
//!
//! The envelopes stay as they are when the history is shortened or keys change: they prove what was done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use apt_sign::Keyring;
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use crate::document::{self, Area, Document, Kept};
use crate::error::Error;
use crate::history::promotion_statement::{is_promotion, promotion_statement};
use crate::history::revision::Revision;
use crate::model::envelope::{Envelope, EnvelopeError};
use crate::model::id::{BlobId, CommitId};
use crate::model::name::RepositoryName;
use crate::publish::{Publication, layout, target_of};
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

    /// Returns whether the promotion that made a state is attested.
    pub(crate) fn contains(&self, sequence: u64, commit: CommitId) -> bool {
        self.by_state.contains_key(&(sequence, commit))
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
        self.files_up_to(u64::MAX)
    }

    /// Returns the envelopes about states up to that number, as [`files`](Self::files) does.
    pub(crate) fn files_up_to(&self, last: u64) -> impl Iterator<Item = (Utf8PathBuf, KeptEnvelope)> {
        let states = self.by_state.iter().take_while(move |((sequence, _), _)| *sequence <= last);
        states.map(|((sequence, commit), file)| (layout::attestation(*sequence, *commit), *file))
    }

    /// Returns what the statements that clients find are about, as these say themselves.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(crate) fn of_tree(store: &Store, repository: &RepositoryName) -> Result<Self, Error> {
        Self::default().lacking(store, repository)
    }

    /// Returns the same for the statements that this list does not have; the others are not read.
    ///
    /// # Errors
    /// As for [`of_tree`](Self::of_tree).
    pub(crate) fn lacking(&self, store: &Store, repository: &RepositoryName) -> Result<Self, Error> {
        let listed: BTreeSet<Utf8PathBuf> = self.files().map(|(path, _)| path).collect();
        let target = target_of(store, repository);
        let mut found = Self::default();
        for name in target.list(layout::PROMOTIONS.into())? {
            let path = Utf8Path::new(layout::PROMOTIONS).join(name);
            if listed.contains(&path) {
                continue;
            }
            // What cannot be read is not a statement.
            let Ok(Some(file)) = target.open(&path) else { continue };
            let Ok(bytes) = file.read() else { continue };
            let state = Envelope::parse(&bytes).ok().and_then(|envelope| attested_state(&envelope.claim()?));
            let is_its_name =
                |(sequence, commit): &(u64, CommitId)| layout::attestation(*sequence, *commit) == path;
            if let Some(state) = state.filter(is_its_name) {
                let file = KeptEnvelope { blob: BlobId::of(&bytes), size: bytes.len() as u64 };
                found.by_state.insert(state, file);
            }
        }
        Ok(found)
    }

    /// Adds what another list has and this one lacks.
    pub(crate) fn complete_with(&mut self, other: Self) {
        for (state, file) in other.by_state {
            self.by_state.entry(state).or_insert(file);
        }
    }

    /// Returns whether all that another list has stands here too.
    pub(crate) fn has_all_of(&self, other: &Self) -> bool {
        other.by_state.keys().all(|state| self.by_state.contains_key(state))
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
    /// How many promotions have a statement that is signed and matches the history.
    pub good: u64,
    /// How many have none, because they were published before statements were kept, or signed on another machine.
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
    /// The statement is signed, and the history has something else.
    #[error("its statement is signed and does not match the history")]
    Differs,
    /// Clients find the statement, and the list of the store lacks it.
    #[error("its statement is published, and the store has lost track of it: run `repo-cli fsck --repair`")]
    Unlisted,
    /// Clients find something else in its place, or nothing.
    #[error(
        "its statement is kept, and what clients find in its place is something else: run `repo-cli fsck --repair`"
    )]
    NotServed,
    /// The state is attested, and the history does not have it.
    #[error("it is attested, and the history does not have it")]
    NotInHistory,
}

/// Returns the text of a list that was lost or damaged, from what is published and from a copy; `path` is its own.
///
/// # Errors
/// When what is published cannot be listed.
pub(crate) fn restored(store: &Store, path: &Utf8Path, copy: PromotionAttestations) -> Result<String, Error> {
    let mut found = match RepositoryName::parse(path.file_name().unwrap_or_default()) {
        Ok(repository) => PromotionAttestations::of_tree(store, &repository)?,
        Err(_) => PromotionAttestations::default(),
    };
    found.complete_with(copy);
    Ok(document::to_text(&found))
}

/// See [`Store::promotion_attestation`].
pub(crate) fn promotion_attestation(store: &Store, state: &Revision<'_>) -> Result<Option<Envelope>, Error> {
    let kept = PromotionAttestations::load(store, state.repository())?;
    let Some(file) = kept.of(state) else { return Ok(None) };
    let envelope = read(store, file)?.and_then(|bytes| Envelope::parse(&bytes).ok());
    let damaged = || {
        Error::damaged("statement about the promotion", &state.commit().sequence, "it is lost or was changed")
    };
    envelope.ok_or_else(damaged).map(Some)
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
    let in_tree = PromotionAttestations::of_tree(store, repository)?;
    let (mut is_published, mut seen, mut first) = (false, BTreeSet::new(), u64::MAX);
    for state in store.history(repository) {
        let state = state?;
        seen.insert((state.commit().sequence, state.id()));
        first = first.min(state.commit().sequence);
        is_published |= Some(state.id()) == published;
        if !is_promotion(&state.commit().operation) {
            continue;
        }
        // What the first state of a shortened history changed is not known any more.
        let statement = promotion_statement(&state)?;
        let sequence = state.commit().sequence;
        let fault = match kept.of(&state) {
            Some(file) => {
                let fault = judge(store, file, (statement.as_deref(), keyring), now)?;
                let is_served = !is_published || in_tree.of(&state) == Some(file);
                fault.or((!is_served).then_some(AttestationFault::NotServed))
            }
            None if in_tree.of(&state).is_some() => Some(AttestationFault::Unlisted),
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
    let mut attested = kept.into_document();
    attested.complete_with(in_tree);
    let gone = attested.by_state.into_keys().filter(|state| state.0 >= first && !seen.contains(state));
    report.findings.extend(gone.map(|(sequence, commit)| AttestationFinding {
        commit,
        sequence,
        fault: AttestationFault::NotInHistory,
    }));
    report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.sequence));
    Ok(report)
}

/// Returns the state that a statement says it is about.
fn attested_state(statement: &[u8]) -> Option<(u64, CommitId)> {
    #[derive(serde::Deserialize)]
    struct Statement {
        predicate: Predicate,
    }
    #[derive(serde::Deserialize)]
    struct Predicate {
        sequence: u64,
        commit: String,
    }
    let statement: Statement = serde_json::from_slice(statement).ok()?;
    Some((statement.predicate.sequence, statement.predicate.commit.parse().ok()?))
}

/// Returns what is wrong with an envelope that is to hold a statement.
fn judge(
    store: &Store,
    file: KeptEnvelope,
    (statement, keyring): (Option<&str>, &Keyring),
    now: Timestamp,
) -> Result<Option<AttestationFault>, Error> {
    let Some(bytes) = read(store, file)? else { return Ok(Some(AttestationFault::Lost)) };
    let verified =
        Envelope::parse(&bytes).and_then(|envelope| envelope.verify(keyring, SystemTime::from(now)));
    Ok(match verified {
        Ok(signed) if statement.is_none_or(|statement| signed == statement.as_bytes()) => None,
        Ok(_) => Some(AttestationFault::Differs),
        Err(error) => Some(AttestationFault::Signature(error)),
    })
}

/// Reads the file of an envelope; `None` when it is gone, or not what was kept.
fn read(store: &Store, file: KeptEnvelope) -> Result<Option<Vec<u8>>, Error> {
    let bytes = store.storage().objects().get(&Store::blob_key(file.blob))?;
    Ok(bytes.filter(|bytes| BlobId::of(bytes) == file.blob))
}
