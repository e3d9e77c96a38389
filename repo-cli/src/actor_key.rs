//! The key of a person or a job, which signs what they do to a repository.

use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::SystemTime;

use apt_sign::{Keyring, OpenPgpSigner, SecretKey, Signer as _};
use camino::Utf8Path;
use jiff::Timestamp;
use repo_store::history::{ActorSigner, ActorVerifier};

use crate::error::Failure;
use crate::passphrase;

/// More than any key needs.
const LONGEST: u64 = 1 << 20;

/// An OpenPGP key of an actor.
struct ActorKey(OpenPgpSigner);

impl fmt::Debug for ActorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActorKey").field(&self.0.fingerprints()).finish()
    }
}

impl ActorSigner for ActorKey {
    fn sign(&self, text: &[u8], time: Timestamp) -> Result<String, apt_sign::Error> {
        let signed = self.0.sign(text, SystemTime::from(time))?;
        Ok(String::from_utf8_lossy(signed.detached()).into_owned())
    }
}

/// Reads the secret key of the actor, which nobody else may be able to read.
pub(crate) fn load(path: &Utf8Path) -> Result<Arc<dyn ActorSigner>, Failure> {
    Ok(Arc::new(ActorKey(OpenPgpSigner::new(vec![read_secret_key(path)?])?)))
}

/// Reads a secret key, which nobody else may be able to read. A passphrase is asked for where somebody can be asked.
pub(crate) fn read_secret_key(path: &Utf8Path) -> Result<SecretKey, Failure> {
    let file = std::fs::File::open(path).map_err(Failure::io("open", path))?;
    let mode = file.metadata().map_err(Failure::io("look at", path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("mode {mode:04o} lets others read it; it must be 0600 or less");
        return Err(Failure::UnusableFile { path: path.to_owned(), what });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).map_err(Failure::io("read", path))?;
    let key = match SecretKey::from_bytes(&bytes, None) {
        Err(apt_sign::Error::Locked { .. }) => {
            let passphrase = passphrase::source(None).get()?;
            SecretKey::from_bytes(&bytes, passphrase.as_deref())
        }
        result => result,
    };
    Ok(key?)
}

/// The keys of the people and jobs that are known.
pub(crate) struct KnownActors(Keyring);

impl KnownActors {
    /// Reads a keyring; without one nobody is known.
    pub(crate) fn load(path: Option<&Utf8Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self(Keyring::new(Vec::new()))) };
        let bytes = std::fs::read(path).map_err(Failure::io("read", path))?;
        Ok(Self(Keyring::parse(&bytes)?))
    }
}

impl ActorVerifier for KnownActors {
    fn verify(&self, text: &[u8], signature: &str, time: Timestamp) -> Result<Vec<String>, apt_sign::Error> {
        let verified = self.0.verify_detached(text, signature.as_bytes(), SystemTime::from(time))?;
        let name = |fingerprint: &apt_sign::Fingerprint| {
            let certificates = self.0.certificates().iter();
            let mut own = certificates.filter(|certificate| certificate.fingerprint() == *fingerprint);
            let user = own.find_map(|certificate| certificate.user_ids().into_iter().next());
            user.map_or_else(|| fingerprint.to_string(), |user| format!("{user} ({})", fingerprint.short()))
        };
        Ok(verified.signers().iter().map(|by| name(&by.certificate)).collect())
    }
}
