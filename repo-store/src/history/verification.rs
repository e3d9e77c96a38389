//! Who signed the states of a repository.

use jiff::Timestamp;

use crate::context::ActorVerifier;
use crate::error::Error;
use crate::history::revision::history;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::store::Store;

/// The states of a repository, and who signed each. [`Store::verify_history`] makes it.
#[derive(Debug, serde::Serialize)]
#[non_exhaustive]
pub struct HistoryVerification {
    /// The commits, newest first, as far back as the history is kept. Each names the one before it by the digest of its bytes.
    pub commits: Vec<VerifiedCommit>,
    /// Whether the last of them is the first state of the repository: its history was not shortened.
    pub is_whole: bool,
}

/// A commit, and who signed it.
#[derive(Debug, serde::Serialize)]
#[non_exhaustive]
pub struct VerifiedCommit {
    /// Its id.
    pub id: CommitId,
    /// Its number.
    pub sequence: u64,
    /// When it was made, as it says.
    pub date: Timestamp,
    /// Who made it, as it says.
    pub actor: String,
    /// What was done, in words.
    pub operation: String,
    /// What is known of its signature.
    pub signature: CommitSignature,
}

/// What is known of the signature of a commit.
#[derive(Debug)]
#[non_exhaustive]
pub enum CommitSignature {
    /// It has none.
    Missing,
    /// It was signed by these, as the verifier names them.
    Good(Vec<String>),
    /// It has one by somebody whom the verifier does not know.
    Unknown(apt_sign::Error),
    /// It has one that does not hold.
    Bad(apt_sign::Error),
    /// It does not follow the commit that it names as the one before it: their numbers say so.
    OutOfOrder,
}

impl HistoryVerification {
    /// Returns whether every commit since the first that is signed has a good signature. What was done before keys were used need not be
    /// signed; a commit without a signature among signed ones was made by somebody else.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let oldest_first = self.commits.iter().rev().map(|commit| &commit.signature);
        let mut signed = oldest_first.skip_while(|signature| matches!(signature, CommitSignature::Missing));
        signed.all(|signature| matches!(signature, CommitSignature::Good(_)))
    }
}

/// See [`Store::verify_history`].
pub(crate) fn verify_history(
    store: &Store,
    repository: &RepositoryName,
    verifier: &dyn ActorVerifier,
) -> Result<HistoryVerification, Error> {
    let mut found = HistoryVerification { commits: Vec::new(), is_whole: true };
    for revision in history(store, repository) {
        let revision = revision?;
        let commit = revision.commit();
        found.is_whole = commit.parent.is_none();
        let follows = match found.commits.last() {
            Some(next) => commit.sequence.checked_add(1) == Some(next.sequence),
            None => true,
        };
        if let Some(next) = found.commits.last_mut().filter(|_| !follows) {
            next.signature = CommitSignature::OutOfOrder;
        }
        let signature = match &commit.signature {
            None => CommitSignature::Missing,
            Some(signature) => {
                let text = commit.signed_text(repository);
                match verifier.verify(text.as_bytes(), signature, commit.date) {
                    Ok(by) => CommitSignature::Good(by),
                    Err(error @ apt_sign::Error::UnknownSigner { .. }) => CommitSignature::Unknown(error),
                    Err(error) => CommitSignature::Bad(error),
                }
            }
        };
        found.commits.push(VerifiedCommit {
            id: revision.id(),
            sequence: commit.sequence,
            date: commit.date,
            actor: commit.actor.clone(),
            operation: commit.operation.to_string(),
            signature,
        });
    }
    Ok(found)
}

/// Written with the word for it, and with who signed or what is wrong with the signature.
impl serde::Serialize for CommitSignature {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;

        let (kind, signers, error) = match self {
            Self::Missing => ("missing", &[][..], None),
            Self::Good(signers) => ("good", &signers[..], None),
            Self::Unknown(error) => ("unknown", &[][..], Some(error.to_string())),
            Self::Bad(error) => ("bad", &[][..], Some(error.to_string())),
            Self::OutOfOrder => ("out-of-order", &[][..], None),
        };
        let mut fields = serializer.serialize_struct("CommitSignature", 3)?;
        fields.serialize_field("kind", kind)?;
        fields.serialize_field("signers", signers)?;
        fields.serialize_field("error", &error)?;
        fields.end()
    }
}
