//! The secret keys of a store: `keys/<fingerprint>.asc`, readable by their owner only.

use std::time::SystemTime;

use apt_sign::{Keyring, OpenPgpSigner, SecretKey};
use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Failure;

/// The directory of keys of one store. Every key in it signs.
pub(crate) struct Keys {
    directory: Utf8PathBuf,
}

impl Keys {
    pub(crate) fn new(root: &Utf8Path) -> Self {
        Self { directory: root.join("keys") }
    }

    /// Makes a key and keeps it.
    pub(crate) fn generate(&self, user_id: &str) -> Result<SecretKey, Failure> {
        let key = SecretKey::generate(user_id, SystemTime::now(), None)?;
        key.save_new(self.directory.join(format!("{}.asc", key.fingerprint())).as_std_path())?;
        Ok(key)
    }

    /// Every key, the oldest first.
    pub(crate) fn load(&self) -> Result<Vec<SecretKey>, Failure> {
        let mut keys = Vec::new();
        let entries = match self.directory.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(keys),
            Err(error) => return Err(Failure::io("list", &self.directory)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Failure::io("list", &self.directory))?;
            if entry.path().extension() == Some("asc") && !entry.file_name().starts_with('.') {
                keys.push(SecretKey::load(entry.path().as_std_path(), None)?);
            }
        }
        keys.sort_by_key(|key| (key.certificate().created(), key.fingerprint()));
        Ok(keys)
    }

    /// Signs with every key.
    pub(crate) fn signer(&self) -> Result<OpenPgpSigner, Failure> {
        let keys = self.load()?;
        if keys.is_empty() {
            return Err(Failure::NoKey { path: self.directory.clone() });
        }
        Ok(OpenPgpSigner::new(keys)?)
    }

    /// What clients need to check the signatures.
    pub(crate) fn keyring(&self) -> Result<Keyring, Failure> {
        let keys = self.load()?;
        if keys.is_empty() {
            return Err(Failure::NoKey { path: self.directory.clone() });
        }
        Ok(Keyring::new(keys.iter().map(SecretKey::certificate).collect()))
    }
}
