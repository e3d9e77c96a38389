//! What the library is told of the world around it.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::Timestamp;

use crate::progress::Progress;

/// Signs what a person or a job does, with a key of theirs. The store knows nothing of the kind of signature.
pub trait ActorSigner: Send + Sync + fmt::Debug {
    /// Returns a signature over a text, as text in lines without control characters. `time` is the time of the signature.
    ///
    /// # Errors
    /// When the key cannot sign.
    fn sign(&self, text: &[u8], time: Timestamp) -> Result<String, apt_sign::Error>;
}

/// Judges signatures that an [`ActorSigner`] made.
pub trait ActorVerifier {
    /// Returns by whom a text was signed, as the verifier names them; at least one.
    ///
    /// # Errors
    /// [`apt_sign::Error::UnknownSigner`] when none of the signatures is by somebody the verifier knows; any other error when the signature
    /// does not hold.
    fn verify(&self, text: &[u8], signature: &str, time: Timestamp) -> Result<Vec<String>, apt_sign::Error>;
}

/// Who does something, and when.
#[derive(Clone, Debug)]
pub struct Context {
    /// The person or job, as the history shows it.
    pub actor: String,
    /// The key of the actor, by which the commits are signed; `None` for none.
    pub signer: Option<Arc<dyn ActorSigner>>,
    /// The present time. The libraries know no clock.
    pub now: Timestamp,
    /// How many threads may be used.
    pub threads: NonZeroUsize,
    /// Who is told how far an operation is, and may cancel it.
    pub progress: Progress,
}

impl Context {
    /// Makes a context for one thread that nobody watches, without a key.
    #[must_use]
    pub fn new(actor: impl Into<String>, now: Timestamp) -> Self {
        let (actor, threads, progress) = (actor.into(), NonZeroUsize::MIN, Progress::silent());
        Self { actor, signer: None, now, threads, progress }
    }
}
