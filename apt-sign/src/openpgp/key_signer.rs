//! One key, and what makes its signatures: a secret key in a file, another program, a device.

use super::{Certificate, SecretKey, armor};
use crate::{Error, KeyProblem};
use sequoia_openpgp::{
    Packet, anyhow,
    crypto::Signer,
    packet::{Signature, signature::SignatureBuilder},
    parse::{PacketParser, PacketParserResult, Parse},
    serialize::SerializeInto as _,
    types::{HashAlgorithm, SignatureType},
};
use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

/// What a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureForm {
    /// The lines of a text, as in a clear-signed message.
    Text,
    /// The bytes as they are, as in a detached signature.
    Binary,
}

impl SignatureForm {
    pub(super) fn signature_type(self) -> SignatureType {
        match self {
            Self::Text => SignatureType::Text,
            Self::Binary => SignatureType::Binary,
        }
    }
}

/// One key that signs.
///
/// The public part is known from the start. The secret part is not touched before [`sign`](Self::sign) or [`prepare`](Self::prepare) is
/// called: it may lie on a device, be slow, ask a person, or fail.
pub trait KeySigner: Send + Sync {
    /// Returns the certificate of the key.
    fn certificate(&self) -> &Certificate;

    /// Returns what speaks against signing with the key at `time`, if it is fatal.
    fn problem(&self, time: SystemTime) -> Option<KeyProblem> {
        self.certificate().problems(time).into_iter().find(KeyProblem::is_fatal)
    }

    /// Finds out what can be found out before anything is to be signed, such as a missing passphrase.
    ///
    /// # Errors
    ///
    /// What [`sign`](Self::sign) would fail with.
    fn prepare(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Signs `text`, which for [`SignatureForm::Text`] has no newline at its end.
    ///
    /// # Errors
    ///
    /// Whatever keeps the key from signing.
    fn sign(&self, text: &[u8], form: SignatureForm, time: SystemTime) -> Result<KeySignatures, Error>;

    /// Returns how far ahead of the clock of this machine the signatures may be dated: a program goes by its own clock.
    fn clock_tolerance(&self) -> Duration {
        Duration::ZERO
    }
}

impl<K: KeySigner + ?Sized> KeySigner for std::sync::Arc<K> {
    fn certificate(&self) -> &Certificate {
        (**self).certificate()
    }

    fn problem(&self, time: SystemTime) -> Option<KeyProblem> {
        (**self).problem(time)
    }

    fn prepare(&self) -> Result<(), Error> {
        (**self).prepare()
    }

    fn sign(&self, text: &[u8], form: SignatureForm, time: SystemTime) -> Result<KeySignatures, Error> {
        (**self).sign(text, form, time)
    }

    fn clock_tolerance(&self) -> Duration {
        (**self).clock_tolerance()
    }
}

/// Signatures over one text, not verified yet.
#[derive(Clone, Debug, Default)]
pub struct KeySignatures(Vec<Signature>);

impl KeySignatures {
    /// Reads detached signatures, armored or binary.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for anything else, and when there is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |source: Option<anyhow::Error>| Error::Malformed {
            expected: "an OpenPGP signature",
            source: source.map(Into::into),
        };
        let mut found = Vec::new();
        for block in armor::blocks(bytes) {
            let mut parser = PacketParser::from_bytes(block).map_err(|error| malformed(Some(error)))?;
            while let PacketParserResult::Some(packet) = parser {
                let (packet, next) = packet.next().map_err(|error| malformed(Some(error)))?;
                match packet {
                    Packet::Signature(signature) => found.push(signature),
                    Packet::Marker(_) => {}
                    _ => return Err(malformed(None)),
                }
                parser = next;
            }
        }
        if found.is_empty() { Err(malformed(None)) } else { Ok(Self(found)) }
    }

    /// Makes the signature of a key that this process can use, by itself or through another one.
    pub(super) fn make(
        signer: &mut dyn Signer,
        text: &[u8],
        (form, hash): (SignatureForm, HashAlgorithm),
        time: SystemTime,
    ) -> anyhow::Result<Self> {
        let builder = SignatureBuilder::new(form.signature_type())
            .set_hash_algo(hash)
            .set_signature_creation_time(time)?;
        let signature = match form {
            SignatureForm::Binary => builder.sign_message(signer, text),
            // Text signatures cover lines that end in CR LF.
            SignatureForm::Text => {
                let mut lines = Vec::with_capacity(text.len() + 1024);
                for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
                    if number > 0 {
                        lines.extend_from_slice(b"\r\n");
                    }
                    lines.extend_from_slice(line);
                }
                builder.sign_message(signer, lines)
            }
        };
        Ok(Self(vec![signature?]))
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns the names of the hashes that are signed, each once.
    pub(super) fn hashes(&self) -> Vec<String> {
        let mut hashes = Vec::new();
        for signature in &self.0 {
            let hash = signature.hash_algo().to_string();
            if !hashes.contains(&hash) {
                hashes.push(hash);
            }
        }
        hashes
    }

    /// Returns the packets in one armor block.
    pub(super) fn armored(&self) -> Result<Vec<u8>, Error> {
        let mut packets = Vec::new();
        for signature in &self.0 {
            let packet = Packet::from(signature.clone()).to_vec();
            packets
                .extend(packet.map_err(|e| Error::Crypto { verb: "write a signature", source: e.into() })?);
        }
        armor::write(sequoia_openpgp::armor::Kind::Signature, &packets)
    }
}

/// A key that is open in this process.
pub(super) struct OpenKey {
    key: SecretKey,
    certificate: Certificate,
}

impl OpenKey {
    pub(super) fn new(key: SecretKey) -> Self {
        Self { certificate: key.certificate(), key }
    }
}

impl KeySigner for OpenKey {
    fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    fn problem(&self, time: SystemTime) -> Option<KeyProblem> {
        match self.key.signing_pair(time) {
            Err(Error::Key { problem, .. }) => Some(problem),
            _ => None,
        }
    }

    fn sign(&self, text: &[u8], form: SignatureForm, time: SystemTime) -> Result<KeySignatures, Error> {
        sign_with(&self.key, text, form, time)
    }
}

fn sign_with(
    key: &SecretKey,
    text: &[u8],
    form: SignatureForm,
    time: SystemTime,
) -> Result<KeySignatures, Error> {
    let mut pair = key.signing_pair(time)?;
    KeySignatures::make(&mut pair, text, (form, HashAlgorithm::SHA512), time)
        .map_err(|e| Error::Crypto { verb: "sign", source: e.into() })
}

/// Loads a secret key when it is needed.
type Load = dyn Fn() -> Result<SecretKey, Error> + Send + Sync;

/// A key whose secret part is loaded once, when it signs first.
pub struct DeferredKey {
    public: super::PublicPart,
    load: Box<Load>,
    loaded: OnceLock<SecretKey>,
}

impl fmt::Debug for DeferredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl DeferredKey {
    /// Takes the public part of a key, and what loads the whole of it.
    pub fn new(
        public: super::PublicPart,
        load: impl Fn() -> Result<SecretKey, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { public, load: Box::new(load), loaded: OnceLock::new() }
    }

    fn key(&self) -> Result<&SecretKey, Error> {
        if let Some(key) = self.loaded.get() {
            return Ok(key);
        }
        let key = (self.load)()?;
        Ok(self.loaded.get_or_init(|| key))
    }
}

impl KeySigner for DeferredKey {
    fn certificate(&self) -> &Certificate {
        self.public.certificate()
    }

    fn problem(&self, time: SystemTime) -> Option<KeyProblem> {
        self.public.problem(time)
    }

    /// Opens the key if it is protected: one that is not opens whenever it is needed.
    fn prepare(&self) -> Result<(), Error> {
        if self.public.is_locked() { self.key().map(drop) } else { Ok(()) }
    }

    fn sign(&self, text: &[u8], form: SignatureForm, time: SystemTime) -> Result<KeySignatures, Error> {
        sign_with(self.key()?, text, form, time)
    }
}
