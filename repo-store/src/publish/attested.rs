//! Statements about promotions, signed and published with what was promoted.
//!
//! A promotion is attested when clients are shown what it made: then keys are at hand. The statement is kept before that, so none is missing
//! for what clients saw.

use std::collections::BTreeSet;

use apt_sign::Signer;

use super::decision::Ground;
use super::target::PublicationTarget;
use super::{PublishOptions, known_keys, layout};
use crate::context::Context;
use crate::error::{Error, PublishError};
use crate::history::promotion_statement::{is_promotion, promotion_statement};
use crate::history::revision::Revision;
use crate::model::envelope::Envelope;
use crate::model::id::{BlobId, CommitId};
use crate::publish::promotion_attestations::{KeptEnvelope, PromotionAttestations};
use crate::storage::StorageError;
use crate::store::Store;

/// Attests the promotions between the state that clients see and the one that they are to see, and publishes the statements.
///
/// # Errors
/// When the store cannot be read or written to, or the signer refuses.
pub(super) fn attest(
    (store, target): (&Store, &dyn PublicationTarget),
    ground: &Ground<'_>,
    (signer, options): (&dyn Signer, &PublishOptions),
    context: &Context,
) -> Result<(), Error> {
    // Where signatures were made elsewhere, no key is at hand.
    let Some(head) = ground.head.as_ref().filter(|_| options.exported.is_none()) else { return Ok(()) };
    let shown = ground.current.as_ref().and_then(|current| current.commit);
    let mut promotions = promotions_since(head, |_, id| Some(id) == shown)?;
    if promotions.is_empty() && shown.is_some() {
        return Ok(());
    }
    let mut kept = match PromotionAttestations::load(store, head.repository()) {
        // A damaged list is for a check to tell of. Clients get their packages all the same.
        Err(Error::Storage(StorageError::Damaged { .. })) => return Ok(()),
        kept => kept?,
    };
    let before = kept.clone();
    if !before.is_empty() {
        // Also those that were published when no key was at hand.
        promotions = promotions_since(head, |sequence, id| before.contains(sequence, id))?;
    }
    for id in promotions.into_iter().rev() {
        let state = store.revision(head.repository(), id)?;
        if before.of(&state).is_some() {
            continue;
        }
        let Some(statement) = promotion_statement(&state)? else { continue };
        let envelope = Envelope::of_statement(&statement, signer, known_keys::system_time(context.now))
            .map_err(|source| PublishError::Attest { sequence: state.commit().sequence, source })?;
        let line = envelope.to_line();
        let (blob, size) = (BlobId::of(line.as_bytes()), line.len() as u64);
        store.storage().objects().put(&Store::blob_key(blob), line.as_bytes())?;
        kept.insert(&state, KeptEnvelope { blob, size });
    }
    // Who publishes holds the lock of the repository, and nobody else writes the list. It never names what a crash may take away.
    if *kept != before {
        store.storage().objects().sync()?;
        kept.save(store.storage())?;
    }
    let there: BTreeSet<String> = target.list(layout::PROMOTIONS.into())?.into_iter().collect();
    for (path, file) in kept.files() {
        if path.file_name().is_some_and(|name| !there.contains(name)) {
            match target.put_blob(&path, (file.blob, file.size)) {
                // A proof that is lost is for a check to tell of. Clients get their packages all the same.
                Err(Error::Storage(StorageError::Missing { .. } | StorageError::Damaged { .. })) | Ok(()) => {
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Returns the states that a promotion made, newest first, from `head` back to the first state that is an end, which does not count. An end is
/// known by its number and id.
fn promotions_since(
    head: &Revision<'_>,
    is_end: impl Fn(u64, CommitId) -> bool,
) -> Result<Vec<CommitId>, Error> {
    let mut promotions = Vec::new();
    let mut earlier: Option<Revision<'_>> = None;
    loop {
        let state = earlier.as_ref().unwrap_or(head);
        let commit = state.commit();
        if is_end(commit.sequence, state.id()) {
            break;
        }
        if is_promotion(&commit.operation) {
            promotions.push(state.id());
        }
        // Mostly the state before is the end, and need not be read.
        if commit.parent.is_none_or(|parent| is_end(commit.sequence.saturating_sub(1), parent)) {
            break;
        }
        let Some(parent) = state.parent()? else { break };
        earlier = Some(parent);
    }
    Ok(promotions)
}
