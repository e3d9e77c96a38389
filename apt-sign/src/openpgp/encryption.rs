//! Encryption of files to the holders of keys, and back.

use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime};

use sequoia_openpgp::{
    Cert, KeyHandle, Profile,
    cert::{CertBuilder, CipherSuite},
    crypto::SessionKey,
    packet::{PKESK, SKESK},
    parse::{
        Parse as _,
        stream::{DecryptionHelper, DecryptorBuilder, MessageStructure, VerificationHelper},
    },
    serialize::stream::{Encryptor, LiteralWriter, Message},
    types::{KeyFlags, SymmetricAlgorithm},
};

use super::{Certificate, SecretKey, policy};
use crate::error::BoxError;
use crate::{Error, Fingerprint, UserId};

/// How much of a message is held back until the rest shows that it was not changed, where the message can show that only at its end.
const HELD_BACK: usize = 1 << 20;

/// What can keep a file from being encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptionError {
    /// Nobody is to be able to read the file.
    #[error("a file must be encrypted to at least one key")]
    NoRecipient,
    /// A certificate has no key that can be encrypted to at that time.
    #[error("cannot encrypt to key {fingerprint}: it has no valid encryption key")]
    NoEncryptionKey {
        /// The certificate.
        fingerprint: Fingerprint,
    },
    /// The message is encrypted to other keys.
    #[error("encrypted to other keys ({})", recipients.join(", "))]
    NotARecipient {
        /// The identifiers of the keys that the message names; an unverified claim.
        recipients: Vec<String>,
    },
    /// The bytes are not an encrypted message, or not all of one.
    #[error("not an OpenPGP message that can be decrypted")]
    Malformed {
        /// What the parser says.
        #[source]
        source: BoxError,
    },
    /// The output cannot be written: a full disk is not a fault of the encryption.
    #[error("cannot write the encrypted message")]
    Write {
        /// What the output says.
        #[source]
        source: io::Error,
    },
    /// The cryptographic library failed.
    #[error("cannot encrypt")]
    Crypto {
        /// What the library says.
        #[source]
        source: BoxError,
    },
}

/// Those who are to read a file: certificates that can all be encrypted to.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipients {
    certificates: Vec<Certificate>,
    time: SystemTime,
}

impl Recipients {
    /// Takes certificates as they are at a time.
    ///
    /// # Errors
    /// [`EncryptionError::NoRecipient`] and [`EncryptionError::NoEncryptionKey`].
    pub fn new(certificates: Vec<Certificate>, time: SystemTime) -> Result<Self, EncryptionError> {
        if certificates.is_empty() {
            return Err(EncryptionError::NoRecipient);
        }
        let policy = policy::at(time);
        for certificate in &certificates {
            let valid = certificate.cert().with_policy(&policy, time);
            let usable = valid.is_ok_and(|valid| {
                let keys = valid.keys().supported().alive().revoked(false);
                keys.for_transport_encryption().for_storage_encryption().next().is_some()
            });
            if !usable {
                return Err(EncryptionError::NoEncryptionKey { fingerprint: certificate.fingerprint() });
            }
        }
        Ok(Self { certificates, time })
    }

    /// Encrypts what `write` writes, as it comes. A message that `write` left unfinished is finished, and is for the caller to throw away.
    ///
    /// # Errors
    /// [`EncryptionError::Write`] when `output` fails, [`EncryptionError::Crypto`] when the library does.
    pub fn encrypt<T>(
        &self,
        output: &mut (dyn Write + Send + Sync),
        write: impl FnOnce(&mut dyn Write) -> T,
    ) -> Result<T, EncryptionError> {
        let failed = |e: sequoia_openpgp::anyhow::Error| EncryptionError::Crypto { source: e.into() };
        let policy = policy::at(self.time);
        let mut keys = Vec::new();
        for certificate in &self.certificates {
            let valid = certificate.cert().with_policy(&policy, self.time).map_err(failed)?;
            let usable = valid.keys().supported().alive().revoked(false);
            keys.extend(usable.for_transport_encryption().for_storage_encryption());
        }
        let mut output = Watched { output, failure: None };
        let encrypt = || {
            let message = Message::new(&mut output);
            let message = Encryptor::for_recipients(message, keys).build()?;
            let mut message = LiteralWriter::new(message).build()?;
            let result = write(&mut message);
            message.finalize()?;
            Ok(result)
        };
        let result = encrypt();
        match output.failure {
            Some(source) => Err(EncryptionError::Write { source }),
            None => result.map_err(failed),
        }
    }
}

impl SecretKey {
    /// Makes a key that files can be encrypted to: as [`generate`](Self::generate), with a subkey for encryption.
    ///
    /// # Errors
    /// Those of [`generate`](Self::generate).
    pub fn generate_for_encryption(
        user_id: &str,
        created: SystemTime,
        validity: Option<Duration>,
    ) -> Result<Self, Error> {
        let user_id = UserId::parse(user_id)?;
        sequoia_openpgp::types::Timestamp::try_from(created).map_err(|_| Error::Time)?;
        let flags = KeyFlags::empty().set_transport_encryption().set_storage_encryption();
        CertBuilder::new()
            .set_profile(Profile::RFC4880)
            .and_then(|builder| {
                builder
                    .set_cipher_suite(CipherSuite::Cv25519)
                    .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
                    .add_subkey(flags, None, None)
                    .set_creation_time(created)
                    .set_validity_period(validity)
                    .add_userid(user_id.as_str())
                    .generate()
            })
            .map(|(cert, _revocation)| Self::of(cert))
            .map_err(|e| Error::Crypto { verb: "make a key", source: e.into() })
    }

    /// Decrypts a message, armored or binary, while `read` reads it. What `read` sees can be trusted only after it has seen the end without an
    /// error: a message that was changed or cut off may show that there. Some 1 MiB is held in memory.
    ///
    /// # Errors
    /// [`EncryptionError::NotARecipient`] when the message is encrypted to other keys, [`EncryptionError::Malformed`] when it is not an
    /// encrypted message. What is found later is an [`io::Error`](std::io::Error) of the reader.
    pub fn decrypt<T>(
        &self,
        input: impl Read + Send + Sync,
        time: SystemTime,
        read: impl FnOnce(&mut dyn Read) -> T,
    ) -> Result<T, EncryptionError> {
        let policy = policy::at(time);
        let malformed = |e: sequoia_openpgp::anyhow::Error| match e.downcast::<NotARecipient>() {
            Ok(NotARecipient { recipients }) => EncryptionError::NotARecipient { recipients },
            Err(e) => EncryptionError::Malformed { source: e.into() },
        };
        let builder = DecryptorBuilder::from_reader(input).map_err(malformed)?.buffer_size(HELD_BACK);
        let mut decryptor = builder.with_policy(&policy, time, Helper(self)).map_err(malformed)?;
        Ok(read(&mut decryptor))
    }
}

/// Remembers why an output failed, which the library wraps in errors of its own.
struct Watched<'a> {
    output: &'a mut (dyn Write + Send + Sync),
    failure: Option<io::Error>,
}

impl Watched<'_> {
    fn remember<T>(&mut self, error: io::Error) -> io::Result<T> {
        let kind = error.kind();
        if kind != io::ErrorKind::Interrupted {
            self.failure.get_or_insert(error);
        }
        Err(kind.into())
    }
}

impl Write for Watched<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes).or_else(|error| self.remember(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush().or_else(|error| self.remember(error))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("encrypted to other keys")]
struct NotARecipient {
    recipients: Vec<String>,
}

/// Answers what the library asks while it decrypts.
struct Helper<'a>(&'a SecretKey);

impl VerificationHelper for Helper<'_> {
    fn get_certs(&mut self, _ids: &[KeyHandle]) -> sequoia_openpgp::Result<Vec<Cert>> {
        Ok(Vec::new())
    }

    /// Signatures around the content say nothing here: what is inside has its own.
    fn check(&mut self, _structure: MessageStructure<'_>) -> sequoia_openpgp::Result<()> {
        Ok(())
    }
}

impl DecryptionHelper for Helper<'_> {
    fn decrypt(
        &mut self,
        pkesks: &[PKESK],
        _skesks: &[SKESK],
        algorithm: Option<SymmetricAlgorithm>,
        decrypt: &mut dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool,
    ) -> sequoia_openpgp::Result<Option<Cert>> {
        for message_key in pkesks {
            for key in self.0.cert().keys().unencrypted_secret() {
                let handle = key.key().key_handle();
                if message_key.recipient().is_some_and(|recipient| !recipient.aliases(&handle)) {
                    continue;
                }
                let Ok(mut pair) = key.key().clone().into_keypair() else { continue };
                let session_key = message_key.decrypt(&mut pair, algorithm);
                if session_key.is_some_and(|(algorithm, key)| decrypt(algorithm, &key)) {
                    return Ok(Some(self.0.cert().clone()));
                }
            }
        }
        let recipients =
            pkesks.iter().filter_map(|key| key.recipient().map(|recipient| recipient.to_string()));
        Err(NotARecipient { recipients: recipients.collect() }.into())
    }
}
