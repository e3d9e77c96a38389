//! What is done to the keys of a store from their making to their end.
//!
//! ```text
//! keys/<fingerprint>.asc              a key that signs
//! keys/<fingerprint>.asc.retired      a key that was set aside: it signs no more
//! keys/<fingerprint>.succeeds         the fingerprints of the keys that it was made to replace, where a repository lists its keys
//! keys/<fingerprint>.revocation       the certificate of a revoked key, which clients are given as long as the key signs
//! ```

use std::ffi::OsStr;
use std::time::{Duration, SystemTime};

use apt_sign::{
    Certificate, Fingerprint, KeyAlgorithm, KeySigner as _, RevocationReason, SecretKey, StoredKey, UserId,
};
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
    /// The keys that it is to replace: it signs for every repository that lists one of them.
    pub succeeds: Vec<Fingerprint>,
}

impl NewKey {
    /// An Ed25519 key without an end.
    #[must_use]
    pub fn named(user_id: UserId) -> Self {
        Self { user_id, algorithm: KeyAlgorithm::default(), validity: None, succeeds: Vec::new() }
    }
}

/// How the name of the file of a key that was set aside ends.
const RETIRED: &str = "retired";

/// How the name of the file ends that says which keys a key was made to replace.
const SUCCEEDS: &str = "succeeds";

/// How the name of the file of a revocation ends.
const REVOCATION: &str = "revocation";

impl KeyDirectory {
    /// Makes a key, as of `now`, and keeps it. From then on it signs too.
    ///
    /// # Errors
    /// [`KeyError::Key`], when `now` is a time that OpenPGP cannot write, or the directory is open to others or cannot be written.
    pub fn generate(&self, new: &NewKey, now: SystemTime) -> Result<SecretKey, KeyError> {
        let key = SecretKey::generate_with(new.algorithm, &new.user_id, now, new.validity)?;
        self.note_succession(&key.fingerprint(), &new.succeeds)?;
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
        let key = secret_key(bytes, passphrase, now)?;
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

    /// Reads a key as [`import`](Self::import) would take it, and changes nothing. Returns it, and whether it is new.
    ///
    /// # Errors
    /// As there, but for what cannot be written.
    pub fn plan_import(
        &self,
        bytes: &[u8],
        passphrase: Option<&str>,
        now: SystemTime,
    ) -> Result<(SecretKey, bool), KeyError> {
        let key = secret_key(bytes, passphrase, now)?;
        let is_new = self.find(&key.fingerprint())?.is_none();
        Ok((key, is_new))
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
        let (keys, _) = self.read(StoredKey::load)?;
        let Some(key) = keys.into_iter().find(|key| key.fingerprint() == *fingerprint) else {
            return Ok(None);
        };
        let path = key.paths.first().cloned().unwrap_or_else(|| self.directory.clone());
        match key.open(&self.passphrase) {
            Ok(key) => Ok(Some((path, key))),
            Err(source @ apt_sign::Error::Locked { .. }) => Err(KeyError::BadKey { path, source }),
            Err(error) => Err(error.into()),
        }
    }

    fn known(&self, fingerprint: &Fingerprint) -> Result<(Utf8PathBuf, SecretKey), KeyError> {
        match self.find(fingerprint)? {
            Some(known) => Ok(known),
            None if self.is_external(fingerprint)? => {
                Err(KeyError::Elsewhere { fingerprint: fingerprint.clone() })
            }
            None => Err(KeyError::UnknownKey { fingerprint: fingerprint.clone() }),
        }
    }

    /// Returns whether the secret part of a key that signs is kept elsewhere.
    ///
    /// # Errors
    /// [`KeyError::Key`] when the public part of such a key is not to be had.
    pub fn is_external(&self, fingerprint: &Fingerprint) -> Result<bool, KeyError> {
        for key in self.external.iter() {
            if key.signer(&self.passphrase)?.certificate().fingerprint() == *fingerprint {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes down which keys a new one is to replace.
    fn note_succession(&self, new: &Fingerprint, succeeds: &[Fingerprint]) -> Result<(), KeyError> {
        if succeeds.is_empty() {
            return Ok(());
        }
        let lines: String = succeeds.iter().map(|fingerprint| format!("{fingerprint}\n")).collect();
        let path = self.directory.join(format!("{new}.{SUCCEEDS}"));
        Ok(SecretKey::write_beside_keys(path.as_std_path(), lines.as_bytes())?)
    }

    /// Returns whether a key was made to replace another one, or one that was made for that.
    pub(crate) fn succeeds(&self, new: &Fingerprint, old: &Fingerprint) -> Result<bool, KeyError> {
        let (mut seen, mut next) = (Vec::new(), vec![new.clone()]);
        while let Some(key) = next.pop() {
            if seen.contains(&key) {
                continue;
            }
            let path = self.directory.join(format!("{key}.{SUCCEEDS}"));
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                Err(error) => return Err(KeyError::io("read", &path)(error)),
            };
            next.extend(text.lines().filter_map(|line| Fingerprint::parse(line).ok()));
            if next.contains(old) {
                return Ok(true);
            }
            seen.push(key);
        }
        Ok(false)
    }

    /// Returns whether a key is among those that sign here.
    pub(crate) fn counts(&self, fingerprint: &Fingerprint) -> Result<bool, KeyError> {
        let Some(only) = &self.only else { return Ok(true) };
        for listed in only {
            if listed == fingerprint || self.succeeds(fingerprint, listed)? {
                return Ok(true);
            }
        }
        Ok(false)
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

    pub(crate) fn revocation_path(&self, fingerprint: &Fingerprint) -> Utf8PathBuf {
        self.directory.join(format!("{fingerprint}.{REVOCATION}"))
    }

    /// Returns whether a revocation of the key goes to clients.
    #[must_use]
    pub fn is_revoked(&self, fingerprint: &Fingerprint) -> bool {
        self.revocation_path(fingerprint).exists()
    }

    /// Returns the files of revocations that hold none, and what is wrong with each.
    pub(crate) fn damaged_revocations(&self) -> Vec<(Utf8PathBuf, apt_sign::Error)> {
        let files = self.files_ending_in(REVOCATION).unwrap_or_default().into_iter();
        let fault = |path: Utf8PathBuf| {
            let bytes = crate::regular_file::read(&path).ok()?;
            Certificate::parse(&bytes).err().map(|error| (path, error))
        };
        files.filter_map(fault).collect()
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
        let (keys, _) = self.read(StoredKey::load)?;
        let (ours, others): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|key| key.fingerprint() == *fingerprint);
        if ours.is_empty() {
            if self.is_external(fingerprint)? {
                return Err(KeyError::Elsewhere { fingerprint: fingerprint.clone() });
            }
            let unknown = || KeyError::UnknownKey { fingerprint: fingerprint.clone() };
            return if self.is_retired(fingerprint)? { Ok(false) } else { Err(unknown()) };
        }
        let mut signs = others.iter().any(|other| other.public.problem(now).is_none());
        for other in self.external.iter() {
            signs |= other.signer(&self.passphrase)?.problem(now).is_none();
        }
        if !signs {
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

/// Reads a key that can sign now.
fn secret_key(bytes: &[u8], passphrase: Option<&str>, now: SystemTime) -> Result<SecretKey, KeyError> {
    let key = SecretKey::from_bytes(bytes, passphrase)?;
    match key.certificate().problems(now).into_iter().find(apt_sign::KeyProblem::is_fatal) {
        Some(problem) => Err(apt_sign::Error::Key { fingerprint: key.fingerprint(), problem }.into()),
        None => Ok(key),
    }
}
