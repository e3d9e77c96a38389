//! What is done to the keys of a store from their making to their end.
//!
//! ```text
//! keys/<fingerprint>.asc              a key that signs
//! keys/<fingerprint>.asc.retired      a key that was set aside: it signs no more
//! keys/<fingerprint>.revocation       the certificate of a revoked key, which clients are given as long as the key signs
//! ```

use std::ffi::OsStr;
use std::time::{Duration, SystemTime};

use apt_sign::{Certificate, Fingerprint, KeyAlgorithm, RevocationReason, SecretKey, UserId};
use camino::Utf8PathBuf;

use crate::key_error::KeyError;
use crate::keys::KeyDirectory;
use crate::passphrase::Passphrase;

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose key it is, as clients see it.
    pub user_id: UserId,
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
    /// How long it is valid; without an end when `None`.
    pub validity: Option<Duration>,
}

impl NewKey {
    /// An Ed25519 key without an end.
    #[must_use]
    pub fn named(user_id: UserId) -> Self {
        Self { user_id, algorithm: KeyAlgorithm::default(), validity: None }
    }
}

/// How the name of the file of a key that was set aside ends.
const RETIRED: &str = "retired";

impl KeyDirectory {
    /// Makes a key, as of `now`, and keeps it. From then on it signs too.
    ///
    /// # Errors
    /// [`KeyError::Key`], when `now` is a time that OpenPGP cannot write, or the directory is open to others or cannot be written.
    pub fn generate(&self, new: &NewKey, now: SystemTime) -> Result<SecretKey, KeyError> {
        let key = SecretKey::generate_with(new.algorithm, &new.user_id, now, new.validity)?;
        self.save(&key)?;
        Ok(key)
    }

    fn save(&self, key: &SecretKey) -> Result<(), KeyError> {
        let path = self.directory.join(format!("{}.asc", key.fingerprint()));
        let passphrase = self.passphrase.of_new_keys()?;
        Ok(key.save_new_with(path.as_std_path(), passphrase.as_deref())?)
    }

    /// Takes over a secret key, armored or binary, from the bytes of a file that this passphrase opens. Returns the key and whether it is
    /// new: a key that is there already gets the self-signatures that it lacks.
    ///
    /// # Errors
    /// [`KeyError::Key`] for what is not one secret key, a wrong or missing passphrase, a key that cannot sign at `now`, and when it
    /// cannot be written.
    pub fn import(
        &self,
        bytes: &[u8],
        passphrase: Option<&str>,
        now: SystemTime,
    ) -> Result<(SecretKey, bool), KeyError> {
        let key = SecretKey::from_bytes(bytes, passphrase)?;
        let certificate = key.certificate();
        if let Some(problem) = certificate.problems(now).into_iter().find(apt_sign::KeyProblem::is_fatal) {
            let fingerprint = key.fingerprint();
            return Err(apt_sign::Error::Key { fingerprint, problem }.into());
        }
        let Some((path, mut known)) = self.find(&key.fingerprint())? else {
            self.save(&key)?;
            return Ok((key, true));
        };
        let before = known.certificate();
        known.merge(key);
        if known.certificate() != before {
            self.save_over(&path, &known)?;
        }
        Ok((known, false))
    }

    /// Returns the passphrase of protected keys; `None` when there is none to be had.
    ///
    /// # Errors
    /// [`KeyError::Key`] when it cannot be read.
    pub fn passphrase(&self) -> Result<Option<Passphrase>, KeyError> {
        Ok(self.passphrase.get()?)
    }

    /// Returns a key that signs, and its file.
    pub(crate) fn find(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<(Utf8PathBuf, SecretKey)>, KeyError> {
        let (keys, _) = self.read(|path| self.load(path))?;
        Ok(keys.into_iter().find(|(_, key)| key.fingerprint() == *fingerprint))
    }

    fn known(&self, fingerprint: &Fingerprint) -> Result<(Utf8PathBuf, SecretKey), KeyError> {
        self.find(fingerprint)?.ok_or_else(|| KeyError::UnknownKey { fingerprint: fingerprint.clone() })
    }

    /// Writes a changed key in place of what is there, protected as before.
    fn save_over(&self, path: &Utf8PathBuf, key: &SecretKey) -> Result<(), KeyError> {
        let locked = SecretKey::load(path.as_std_path(), None);
        let passphrase = match locked {
            Err(apt_sign::Error::Locked { .. }) => self.passphrase.get()?,
            _ => None,
        };
        Ok(key.save_over(path.as_std_path(), passphrase.as_deref())?)
    }

    /// Gives a key another end, or none. Returns whether that changed the key: one that has this end already stays as it is.
    ///
    /// # Errors
    /// [`KeyError::UnknownKey`]; [`KeyError::Key`] when the key cannot be changed or written.
    pub fn extend(
        &self,
        fingerprint: &Fingerprint,
        expires: Option<SystemTime>,
        now: SystemTime,
    ) -> Result<bool, KeyError> {
        let (path, key) = self.known(fingerprint)?;
        if key.certificate().expires() == expires {
            return Ok(false);
        }
        self.save_over(&path, &key.with_expiry(expires, now)?)?;
        Ok(true)
    }

    /// Makes the revocation of a key, which goes to clients from then on. The key signs on until it is set aside: machines that have
    /// not heard of another key would be lost. Returns whether the key was not revoked before.
    ///
    /// # Errors
    /// [`KeyError::UnknownKey`]; [`KeyError::Key`] when the revocation cannot be made or written.
    pub fn revoke(
        &self,
        fingerprint: &Fingerprint,
        reason: RevocationReason,
        now: SystemTime,
    ) -> Result<bool, KeyError> {
        let (_, key) = self.known(fingerprint)?;
        let path = self.revocation_path(fingerprint);
        if path.exists() {
            return Ok(false);
        }
        key.revoke(reason, now)?.save_beside_keys(path.as_std_path())?;
        Ok(true)
    }

    fn revocation_path(&self, fingerprint: &Fingerprint) -> Utf8PathBuf {
        self.directory.join(format!("{fingerprint}.revocation"))
    }

    /// Returns whether a revocation of the key goes to clients.
    #[must_use]
    pub fn is_revoked(&self, fingerprint: &Fingerprint) -> bool {
        self.revocation_path(fingerprint).exists()
    }

    /// Returns a certificate with the revocation of its key, if there is one.
    pub(crate) fn with_revocation(&self, mut certificate: Certificate) -> Result<Certificate, KeyError> {
        let path = self.revocation_path(&certificate.fingerprint());
        match std::fs::read(&path) {
            Ok(bytes) => {
                let revoked = Certificate::parse(&bytes)
                    .map_err(|source| KeyError::BadKey { path: path.clone(), source })?;
                certificate.merge(&revoked);
                Ok(certificate)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(certificate),
            Err(error) => Err(KeyError::io("read", &path)(error)),
        }
    }

    /// Sets a key aside, so that it signs no more. Returns whether it signed until now: one that was set aside already stays so.
    ///
    /// # Errors
    /// [`KeyError::UnknownKey`]; [`KeyError::LastKey`] when no other key can sign at `now`; [`KeyError::Key`] when the file cannot be
    /// renamed.
    pub fn retire(&self, fingerprint: &Fingerprint, now: SystemTime) -> Result<bool, KeyError> {
        let (keys, _) = self.read(|path| self.load(path))?;
        let (ours, others): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|(_, key)| key.fingerprint() == *fingerprint);
        if ours.is_empty() {
            let unknown = || KeyError::UnknownKey { fingerprint: fingerprint.clone() };
            return if self.is_retired(fingerprint)? { Ok(false) } else { Err(unknown()) };
        }
        let (_, others): (Vec<_>, Vec<_>) = others.into_iter().unzip();
        if others.is_empty() || apt_sign::OpenPgpSigner::of_usable(others, now).is_err() {
            return Err(KeyError::LastKey { fingerprint: fingerprint.clone() });
        }
        // There may be copies of it under other names: all of them sign.
        for path in self.files()? {
            let is_this = Certificate::of_key_file(path.as_std_path())
                .is_ok_and(|certificate| certificate.fingerprint() == *fingerprint);
            if let Some(name) = path.file_name().filter(|_| is_this) {
                SecretKey::rename_file(path.as_std_path(), OsStr::new(&format!("{name}.{RETIRED}")))?;
            }
        }
        Ok(true)
    }

    /// Returns whether a key was set aside.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn is_retired(&self, fingerprint: &Fingerprint) -> Result<bool, KeyError> {
        let retired = self.retired()?;
        Ok(retired.iter().any(|certificate| certificate.fingerprint() == *fingerprint))
    }

    /// Returns the public part of every key that was set aside.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn retired(&self) -> Result<Vec<Certificate>, KeyError> {
        let files = self.files_ending_in(RETIRED)?;
        Ok(files.iter().filter_map(|path| Certificate::of_key_file(path.as_std_path()).ok()).collect())
    }
}
