//! Signing with one or more keys, wherever their secret parts are.

use super::{
    Certificate, Keyring, SecretKey,
    key_signer::{KeySignatures, KeySigner, OpenKey, SignatureForm},
};
use crate::{Error, Fingerprint, KeyProblem, PublicKeys, Signed, Signer, check_text};
use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, SystemTime},
};

/// Signs with one or more keys.
///
/// Two keys are what a rotation needs: sign with the old and the new one until every client has the new
/// certificate. What the keys return is verified before anybody gets it.
pub struct OpenPgpSigner {
    keys: Vec<Box<dyn KeySigner>>,
    keyring: Keyring,
    /// What clients are given, if that is more than the certificates of the keys.
    served: Option<Keyring>,
}

impl OpenPgpSigner {
    /// Takes the keys that are to sign, in order, which are open in this process.
    ///
    /// # Errors
    ///
    /// Those of [`OpenPgpSigner::of_signers`].
    pub fn new(keys: Vec<SecretKey>) -> Result<Self, Error> {
        Self::of_signers(open(keys))
    }

    /// Takes the keys that are to sign, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Keys`] without any key, with one given twice, or with version 4 and version 6 keys together:
    /// gpgv 2.2 refuses the whole message then. Whether a key may sign is a question of time, so
    /// [`Signer::sign`] answers it; see [`OpenPgpSigner::problems`].
    pub fn of_signers(keys: Vec<Box<dyn KeySigner>>) -> Result<Self, Error> {
        let Some(first) = keys.first() else {
            return Err(Error::Keys { rule: "there is none" });
        };
        let version = first.certificate().version();
        if keys.iter().any(|key| key.certificate().version() != version) {
            return Err(Error::Keys {
                rule: "gpgv refuses signatures by version 4 and version 6 keys together",
            });
        }
        let different: BTreeSet<_> = keys.iter().map(|key| key.certificate().fingerprint()).collect();
        if different.len() != keys.len() {
            return Err(Error::Keys { rule: "a key is there twice" });
        }
        let keyring = Keyring::new(keys.iter().map(|key| key.certificate().clone()).collect());
        Ok(Self { keys, keyring, served: None })
    }

    /// Takes those of the keys that can sign at `time`, in order, and returns the others with what speaks against them: clients refuse
    /// what an expired or revoked key signs, so it is of no use beside a good one.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] when none of them can sign, [`Error::Time`] when no signature can have that time, and those of
    /// [`OpenPgpSigner::new`].
    pub fn of_usable(
        keys: Vec<SecretKey>,
        time: SystemTime,
    ) -> Result<(Self, Vec<(Fingerprint, KeyProblem)>), Error> {
        Self::of_usable_signers(open(keys), time)
    }

    /// Does the same for keys wherever their secret parts are, which are not touched.
    ///
    /// # Errors
    ///
    /// Those of [`OpenPgpSigner::of_usable`].
    pub fn of_usable_signers(
        keys: Vec<Box<dyn KeySigner>>,
        time: SystemTime,
    ) -> Result<(Self, Vec<(Fingerprint, KeyProblem)>), Error> {
        // Said before anything rests on it.
        sequoia_openpgp::types::Timestamp::try_from(time).map_err(|_| Error::Time)?;
        let (mut usable, mut skipped) = (Vec::with_capacity(keys.len()), Vec::new());
        for key in keys {
            match key.problem(time) {
                None => usable.push(key),
                Some(problem) => skipped.push((key.certificate().fingerprint(), problem)),
            }
        }
        match skipped.first() {
            Some((fingerprint, problem)) if usable.is_empty() => {
                Err(Error::Key { fingerprint: fingerprint.clone(), problem: problem.clone() })
            }
            _ => Ok((Self::of_signers(usable)?, skipped)),
        }
    }

    /// Gives clients these certificates instead of those of the keys: a key that signs beside a good one may be revoked already.
    #[must_use]
    pub fn serving(self, served: Keyring) -> Self {
        Self { served: Some(served), ..self }
    }

    /// Finds out what can be found out before anything is signed, such as a missing passphrase.
    ///
    /// # Errors
    ///
    /// What [`Signer::sign`] would fail with.
    pub fn prepare(&self) -> Result<(), Error> {
        self.keys.iter().try_for_each(|key| key.prepare())
    }

    /// Returns whether one of the keys can still sign at `time`, by the ends that the keys have.
    #[must_use]
    pub fn outlasts(&self, time: SystemTime) -> bool {
        let ends = self.keyring.certificates().iter().map(Certificate::signing_ends);
        ends.into_iter().any(|end| end.is_none_or(|end| end > time))
    }

    /// The certificates of the keys: what clients need.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Everything that speaks against signing at `time`, by key; [`KeyProblem::is_fatal`] tells what will be
    /// refused.
    #[must_use]
    pub fn problems(&self, time: SystemTime) -> Vec<(Fingerprint, KeyProblem)> {
        let of = |c: &Certificate| {
            let fingerprint = c.fingerprint();
            c.problems(time).into_iter().map(move |problem| (fingerprint.clone(), problem))
        };
        self.keyring.certificates().iter().flat_map(of).collect()
    }

    /// The signatures of all keys over `text`.
    fn signatures(&self, text: &[u8], form: SignatureForm, time: SystemTime) -> Result<KeySignatures, Error> {
        let mut signatures = KeySignatures::default();
        for key in &self.keys {
            signatures.extend(key.sign(text, form, time)?);
        }
        Ok(signatures)
    }
}

fn open(keys: Vec<SecretKey>) -> Vec<Box<dyn KeySigner>> {
    keys.into_iter().map(|key| Box::new(OpenKey::new(key)) as Box<dyn KeySigner>).collect()
}

impl Signer for OpenPgpSigner {
    fn fingerprints(&self) -> Vec<Fingerprint> {
        self.keyring.fingerprints()
    }

    fn public_keys(&self) -> Result<PublicKeys, Error> {
        self.served.as_ref().unwrap_or(&self.keyring).public_keys()
    }

    /// Signs as [`Signer::sign`] has it, but that a program goes by its own clock, which may be ahead of
    /// `time`, or of the clock of this machine when it has signed, by no more than ten seconds.
    fn sign(&self, text: &[u8], time: SystemTime) -> Result<Signed, Error> {
        check_text(text)?;
        // Before any program runs: clients would refuse what it returns.
        for key in &self.keys {
            if let Some(problem) = key.problem(time) {
                return Err(Error::Key { fingerprint: key.certificate().fingerprint(), problem });
            }
        }
        // The newline before the signature belongs to the frame. With our own as well, gpgv would give back one
        // too many.
        let framed = text.strip_suffix(b"\n").unwrap_or(text);
        let inline = inline(framed, &self.signatures(framed, SignatureForm::Text, time)?)?;
        let detached = self.signatures(text, SignatureForm::Binary, time)?.armored()?;
        let tolerance = self.keys.iter().map(|key| key.clock_tolerance()).max().unwrap_or_default();
        // It may have taken long to come here from `time`, to wait for others and to make the text.
        let latest = if tolerance == Duration::ZERO { time } else { time.max(SystemTime::now()) };
        let verified_at = latest.checked_add(tolerance).unwrap_or(latest);
        Signed::verify(text.to_vec(), inline, detached, &self.keyring, verified_at)
    }

    fn has_signed(&self, inline: &[u8], time: SystemTime) -> bool {
        self.keyring.verify_inline(inline, time).is_ok()
    }
}

impl fmt::Debug for OpenPgpSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenPgpSigner").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

/// Puts a text into the frame of a clear-signed message.
fn inline(text: &[u8], signatures: &KeySignatures) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(text.len() + 4096);
    bytes.extend_from_slice(b"-----BEGIN PGP SIGNED MESSAGE-----\n");
    for hash in signatures.hashes() {
        bytes.extend_from_slice(format!("Hash: {hash}\n").as_bytes());
    }
    bytes.push(b'\n');
    for line in text.split(|byte| *byte == b'\n') {
        // Of these only the dash must be escaped; programs for mail change the other.
        if line.starts_with(b"-") || line.starts_with(b"From ") {
            bytes.extend_from_slice(b"- ");
        }
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    bytes.extend(signatures.armored()?);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sequoia_openpgp::cert::{CertBuilder, CipherSuite};
    use sequoia_openpgp::serialize::SerializeInto as _;
    use std::time::Duration;

    #[test]
    fn a_key_whose_signing_part_is_kept_elsewhere_does_not_stop_a_good_one() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
        let builder = CertBuilder::new().set_cipher_suite(CipherSuite::Cv25519).set_creation_time(time);
        let (cert, _) = builder.add_userid("apart").add_signing_subkey().generate().unwrap();
        let bytes = cert.as_tsk().set_filter(|key| key.fingerprint() == cert.fingerprint()).to_vec().unwrap();
        let apart = SecretKey::from_bytes(&bytes, None).unwrap();
        assert_eq!(apart.certificate().problems(time), []);
        let good = SecretKey::generate("good", time, None).unwrap();
        let fingerprint = good.fingerprint();
        let (signer, skipped) = OpenPgpSigner::of_usable(vec![apart, good], time).unwrap();
        assert_eq!(signer.fingerprints(), [fingerprint]);
        assert!(matches!(&*skipped, [(_, KeyProblem::NoSigningKey)]), "{skipped:?}");
        assert!(signer.sign(b"text\n", time).is_ok());
    }
}
