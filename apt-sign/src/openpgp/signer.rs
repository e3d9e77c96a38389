//! Signing with keys held in this process.

use super::{Certificate, Keyring, SecretKey};
use crate::{Error, Fingerprint, KeyProblem, PublicKeys, Signed, Signer, check_text};
use sequoia_openpgp::{
    anyhow,
    armor::Kind,
    crypto::KeyPair,
    serialize::stream::{Armorer, Message, Signer as Stream},
    types::HashAlgorithm,
};
use std::{collections::BTreeSet, io::Write as _, time::SystemTime};

/// Signs with one or more keys held in memory.
///
/// Two keys are what a rotation needs: sign with the old and the new one until every client has the new
/// certificate.
#[derive(Debug)]
pub struct OpenPgpSigner {
    keys: Vec<SecretKey>,
    keyring: Keyring,
    /// What clients are given, if that is more than the certificates of the keys.
    served: Option<Keyring>,
}

impl OpenPgpSigner {
    /// Takes the keys that are to sign, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Keys`] without any key, with one given twice, or with version 4 and version 6 keys together:
    /// gpgv 2.2 refuses the whole message then. Whether a key may sign is a question of time, so
    /// [`Signer::sign`] answers it; see [`OpenPgpSigner::problems`].
    pub fn new(keys: Vec<SecretKey>) -> Result<Self, Error> {
        let Some(first) = keys.first() else {
            return Err(Error::Keys { rule: "there is none" });
        };
        if keys.iter().any(|key| key.version() != first.version()) {
            return Err(Error::Keys {
                rule: "gpgv refuses signatures by version 4 and version 6 keys together",
            });
        }
        let different: BTreeSet<_> = keys.iter().map(SecretKey::fingerprint).collect();
        if different.len() != keys.len() {
            return Err(Error::Keys { rule: "a key is there twice" });
        }
        let keyring = Keyring::new(keys.iter().map(SecretKey::certificate).collect());
        Ok(Self { keys, keyring, served: None })
    }

    /// Takes those of the keys that can sign at `time`, in order, and returns the others with what speaks against them: clients refuse
    /// what an expired or revoked key signs, so it is of no use beside a good one.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] when none of them can sign, and those of [`OpenPgpSigner::new`].
    pub fn of_usable(
        keys: Vec<SecretKey>,
        time: SystemTime,
    ) -> Result<(Self, Vec<(Fingerprint, KeyProblem)>), Error> {
        let (mut usable, mut skipped) = (Vec::with_capacity(keys.len()), Vec::new());
        for key in keys {
            match key.signing_pair(time) {
                Ok(_) => usable.push(key),
                Err(Error::Key { fingerprint, problem }) => skipped.push((fingerprint, problem)),
                Err(error) => return Err(error),
            }
        }
        match skipped.first() {
            Some((fingerprint, problem)) if usable.is_empty() => {
                Err(Error::Key { fingerprint: fingerprint.clone(), problem: problem.clone() })
            }
            _ => Ok((Self::new(usable)?, skipped)),
        }
    }

    /// Gives clients these certificates instead of those of the keys: a key that signs beside a good one may be revoked already.
    #[must_use]
    pub fn serving(self, served: Keyring) -> Self {
        Self { served: Some(served), ..self }
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

    fn pairs(&self, time: SystemTime) -> Result<Vec<KeyPair>, Error> {
        self.keys.iter().map(|key| key.signing_pair(time)).collect()
    }
}

impl Signer for OpenPgpSigner {
    fn fingerprints(&self) -> Vec<Fingerprint> {
        self.keyring.fingerprints()
    }

    fn public_keys(&self) -> Result<PublicKeys, Error> {
        self.served.as_ref().unwrap_or(&self.keyring).public_keys()
    }

    fn sign(&self, text: &[u8], time: SystemTime) -> Result<Signed, Error> {
        check_text(text)?;
        let failed = |e: anyhow::Error| Error::Crypto { verb: "sign", source: e.into() };
        let pairs = self.pairs(time)?;
        let inline = inline(text, pairs.clone(), time).map_err(failed)?;
        let detached = detached(text, pairs, time).map_err(failed)?;
        Signed::verify(text.to_vec(), inline, detached, &self.keyring, time)
    }

    fn has_signed(&self, inline: &[u8], time: SystemTime) -> bool {
        self.keyring.verify_inline(inline, time).is_ok()
    }
}

fn inline(text: &[u8], pairs: Vec<KeyPair>, time: SystemTime) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() + 4096);
    let mut stream = stack(Message::new(&mut bytes), pairs, time)?.cleartext().build()?;
    // The newline before the signature belongs to the frame. With our own as well, gpgv would give back one
    // too many.
    stream.write_all(text.strip_suffix(b"\n").unwrap_or(text))?;
    stream.finalize()?;
    Ok(bytes)
}

fn detached(text: &[u8], pairs: Vec<KeyPair>, time: SystemTime) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4096);
    let armor = Armorer::new(Message::new(&mut bytes)).kind(Kind::Signature).build()?;
    let mut stream = stack(armor, pairs, time)?.detached().build()?;
    stream.write_all(text)?;
    stream.finalize()?;
    Ok(bytes)
}

fn stack<'a>(sink: Message<'a>, pairs: Vec<KeyPair>, time: SystemTime) -> anyhow::Result<Stream<'a>> {
    let mut pairs = pairs.into_iter();
    let first = pairs.next().ok_or_else(|| anyhow::anyhow!("no key"))?;
    let mut stream = Stream::new(sink, first)?;
    for pair in pairs {
        stream = stream.add_signer(pair)?;
    }
    Ok(stream.hash_algo(HashAlgorithm::SHA512)?.creation_time(time))
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
