//! A signer that makes runs of a test alike.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use apt_sign::{Fingerprint, OpenPgpSigner, PublicKeys, SecretKey, Signed, Signer};

/// A signer that gives the same signature for the same text and time.
pub(crate) struct RememberingSigner {
    signer: OpenPgpSigner,
    known: Mutex<BTreeMap<(Vec<u8>, SystemTime), Signed>>,
}

impl Signer for RememberingSigner {
    fn fingerprints(&self) -> Vec<Fingerprint> {
        self.signer.fingerprints()
    }

    fn public_keys(&self) -> Result<PublicKeys, apt_sign::Error> {
        self.signer.public_keys()
    }

    fn sign(&self, text: &[u8], time: SystemTime) -> Result<Signed, apt_sign::Error> {
        let mut known = self.known.lock().unwrap();
        if let Some(signed) = known.get(&(text.to_vec(), time)) {
            return Ok(signed.clone());
        }
        let signed = self.signer.sign(text, time)?;
        known.insert((text.to_vec(), time), signed.clone());
        Ok(signed)
    }

    fn has_signed(&self, inline: &[u8], time: SystemTime) -> bool {
        self.signer.has_signed(inline, time)
    }
}

impl RememberingSigner {
    /// A signer with a key that was made then, in seconds since 1970.
    pub(crate) fn new(created: u64) -> Self {
        let created = SystemTime::UNIX_EPOCH + Duration::from_secs(created);
        let key = SecretKey::generate("Test", created, None).unwrap();
        Self { signer: OpenPgpSigner::new(vec![key]).unwrap(), known: Mutex::default() }
    }
}
