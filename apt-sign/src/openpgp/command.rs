//! Signing by a command that reaches a key which never leaves its place: a key management service, a hardware module.
//!
//! The command knows nothing of OpenPGP. It gets a digest, as a key management service does, and returns the bare signature; the packet
//! around it is made here.

use super::{
    Certificate, certificate,
    key_signer::{KeySignatures, KeySigner, SignatureForm},
    policy,
    program::Program,
    public_key_info,
};
use crate::{Error, Fingerprint, KeyProblem};
use base64::Engine as _;
use sequoia_openpgp::{
    Cert, Packet, anyhow,
    crypto::{
        Signer,
        mem::Protected,
        mpi::{self, MPI, PublicKey},
    },
    packet::{Key, UserID, key, signature::SignatureBuilder},
    types::{Curve, HashAlgorithm, KeyFlags, SignatureType},
};
use std::{
    ffi::OsString,
    fmt,
    time::{Duration, SystemTime},
};

/// More than any signature needs, also in base64, in bytes.
const MAX_OUTPUT: usize = 16 * 1024;

/// A key that a command signs with.
///
/// The command is run for each signature. On its standard input it gets the digest: that of SHA-512, but for keys on the curves P-256 and
/// P-384 that of SHA-256 and SHA-384. It writes the signature to its standard output, as bytes or in base64, and exits with
/// status 0:
///
/// | key | signature |
/// |---|---|
/// | RSA | PKCS #1 version 1.5, as long as the modulus |
/// | P-256, P-384, P-521 | ECDSA, in DER or as the two numbers in full length |
/// | Ed25519 | of the digest as the message, 64 bytes |
pub struct CommandKey {
    program: Program,
    certificate: Certificate,
}

impl CommandKey {
    /// Names the program with its arguments, and the certificate of its key.
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
        certificate: Certificate,
    ) -> Self {
        Self { program: Program::new(program, arguments), certificate }
    }

    /// Makes the certificate of a key from its bare public part in PEM (`BEGIN PUBLIC KEY`), by letting the command sign it.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a public key that is not RSA, ECDSA on a NIST curve, or Ed25519, and for a bad `user_id`;
    /// [`Error::Program`] when the command fails; [`Error::BadSignature`] when what it returns is not a signature by that key.
    pub fn certify<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
        pem: &[u8],
        user_id: &str,
        created: SystemTime,
    ) -> Result<Certificate, Error> {
        if user_id.trim().is_empty() || user_id.chars().any(char::is_control) {
            return Err(Error::Malformed { expected: "a user ID: one line of text", source: None });
        }
        let public = public_key_info::parse(pem, created)?;
        let program = Program::new(program, arguments);
        let mut signer = RemoteKey { program: &program, public: public.clone().role_into_unspecified() };
        let primary = public.role_into_primary();
        let user_id = UserID::from(user_id);
        let made = SignatureBuilder::new(SignatureType::PositiveCertification)
            .set_hash_algo(hash_of(signer.public.mpis()))
            .set_signature_creation_time(created)
            .and_then(|builder| builder.set_key_flags(KeyFlags::empty().set_certification().set_signing()))
            .and_then(|builder| builder.sign_userid_binding(&mut signer, Some(&primary), &user_id));
        let signature = made.map_err(failed)?;
        let bad = |e: anyhow::Error| Error::BadSignature { source: Some(e.into()) };
        signature.verify_userid_binding(&primary, &primary, &user_id).map_err(bad)?;
        let packets = [Packet::from(primary), user_id.into(), signature.into()];
        let cert = Cert::from_packets(packets.into_iter()).map_err(bad)?;
        let certificate = Certificate::of(cert);
        match certificate.problems(created).into_iter().find(KeyProblem::is_fatal) {
            Some(problem) => Err(Error::Key { fingerprint: certificate.fingerprint(), problem }),
            None => Ok(certificate),
        }
    }

    /// Sets how long one run of the command may take; 60 seconds if it is not set.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { program: self.program.with_timeout(timeout), ..self }
    }

    /// The part of the certificate that signs: of several the newest, as gpg chooses.
    fn signing_part(&self, time: SystemTime) -> Result<Key<key::PublicParts, key::UnspecifiedRole>, Error> {
        let policy = policy::at(time);
        let fingerprint = || self.certificate.fingerprint();
        let unusable = |problem| Error::Key { fingerprint: fingerprint(), problem };
        let valid = self
            .certificate
            .cert()
            .with_policy(&policy, time)
            .map_err(|error| unusable(KeyProblem::Unusable { reason: error.root_cause().to_string() }))?;
        let parts = valid.keys().supported().alive().revoked(false).for_signing();
        let newest = parts.max_by_key(|part| part.key().creation_time());
        newest.map(|part| part.key().clone()).ok_or_else(|| unusable(KeyProblem::NoSigningKey))
    }
}

impl KeySigner for CommandKey {
    fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    fn sign(&self, text: &[u8], form: SignatureForm, time: SystemTime) -> Result<KeySignatures, Error> {
        let public = self.signing_part(time)?;
        let hash = hash_of(public.mpis());
        let mut signer = RemoteKey { program: &self.program, public };
        KeySignatures::make(&mut signer, text, (form, hash), time).map_err(failed)
    }
}

impl fmt::Debug for CommandKey {
    /// Leaves out the arguments, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandKey")
            .field("program", self.program.name())
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// What the command said, or else the library.
fn failed(error: anyhow::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|e| Error::Crypto { verb: "sign", source: e.into() })
}

/// A digest that services sign with a key: they go by the size of the curve.
fn hash_of(key: &PublicKey) -> HashAlgorithm {
    match key {
        PublicKey::ECDSA { curve: Curve::NistP256, .. } => HashAlgorithm::SHA256,
        PublicKey::ECDSA { curve: Curve::NistP384, .. } => HashAlgorithm::SHA384,
        _ => HashAlgorithm::SHA512,
    }
}

/// A key in reach of a command.
struct RemoteKey<'a> {
    program: &'a Program,
    public: Key<key::PublicParts, key::UnspecifiedRole>,
}

impl Signer for RemoteKey<'_> {
    fn public(&self) -> &Key<key::PublicParts, key::UnspecifiedRole> {
        &self.public
    }

    fn sign(&mut self, _: HashAlgorithm, digest: &[u8]) -> anyhow::Result<mpi::Signature> {
        let output = self.program.output(&[], Protected::from(digest), MAX_OUTPUT)?;
        let key = self.public.mpis();
        let signature = as_signature(key, &output).or_else(|| as_signature(key, &base64(&output)?));
        signature.ok_or_else(|| {
            let (bytes, fingerprint) = (output.len(), certificate::fingerprint(&self.public.fingerprint()));
            self.program.failed(not_a_signature(bytes, key, &fingerprint)).into()
        })
    }
}

fn not_a_signature(bytes: usize, key: &PublicKey, fingerprint: &Fingerprint) -> String {
    let expected = match key {
        PublicKey::RSA { n, .. } => format!("{} bytes", n.value().len()),
        PublicKey::ECDSA { .. } => "one in DER, or two numbers in full length".to_owned(),
        _ => "64 bytes".to_owned(),
    };
    format!(
        "it wrote {bytes} bytes that are not a signature by {fingerprint}, as bytes or in base64 (expected {expected})"
    )
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Reads a bare signature.
fn as_signature(key: &PublicKey, bytes: &[u8]) -> Option<mpi::Signature> {
    match key {
        PublicKey::RSA { n, .. } => {
            (bytes.len() == n.value().len()).then(|| mpi::Signature::RSA { s: MPI::new(bytes) })
        }
        PublicKey::EdDSA { .. } => {
            let (r, s) = bytes.split_at_checked(32).filter(|(_, s)| s.len() == 32)?;
            Some(mpi::Signature::EdDSA { r: MPI::new(r), s: MPI::new(s) })
        }
        PublicKey::ECDSA { curve, .. } => {
            let size = curve.bits().ok()?.div_ceil(8);
            let (r, s) = match bytes.split_at_checked(size) {
                Some((r, s)) if s.len() == size => (r, s),
                _ => public_key_info::two_integers(bytes)?,
            };
            Some(mpi::Signature::ECDSA { r: MPI::new(r), s: MPI::new(s) })
        }
        _ => None,
    }
}
