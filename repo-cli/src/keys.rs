//! The secret keys of a store: `keys/<fingerprint>.asc`, readable by their owner only.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use apt_sign::{Certificate, Keyring, OpenPgpSigner, SecretKey};
use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Failure;

/// The directory of keys of one store. Every key in it signs.
pub(crate) struct Keys {
    store: Utf8PathBuf,
    directory: Utf8PathBuf,
}

impl Keys {
    pub(crate) fn new(root: &Utf8Path) -> Self {
        Self { store: root.join("store"), directory: root.join("keys") }
    }

    /// Makes a key and keeps it.
    pub(crate) fn generate(&self, user_id: &str) -> Result<SecretKey, Failure> {
        let key = SecretKey::generate(user_id, SystemTime::now(), None)?;
        key.save_new(self.directory.join(format!("{}.asc", key.fingerprint())).as_std_path())?;
        Ok(key)
    }

    /// Every key, the oldest first, to sign with. They belong to who signs: what root signs would belong to root, and whose
    /// store it is could not go on from there.
    fn load(&self) -> Result<Vec<SecretKey>, Failure> {
        self.read(|path| SecretKey::load(path, None))
    }

    /// The public part of every key, the oldest first. Root reads those of whom the store belongs to as well.
    pub(crate) fn certificates(&self) -> Result<Vec<Certificate>, Failure> {
        let owner = self.store.metadata().map_err(Failure::io("look at", &self.store))?.uid();
        let keys = self.read(|path| SecretKey::load_of(path, None, owner))?;
        Ok(keys.iter().map(SecretKey::certificate).collect())
    }

    fn read(
        &self,
        load: impl Fn(&Path) -> Result<SecretKey, apt_sign::Error>,
    ) -> Result<Vec<SecretKey>, Failure> {
        let mut keys = Vec::new();
        let entries = match self.directory.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(keys),
            Err(error) => return Err(Failure::io("list", &self.directory)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Failure::io("list", &self.directory))?;
            let path = entry.path();
            if path.extension() == Some("asc") && !entry.file_name().starts_with('.') {
                keys.push(load(path.as_std_path()).map_err(|error| match error {
                    // These name the file themselves.
                    apt_sign::Error::KeyFile { .. } | apt_sign::Error::Io { .. } => error.into(),
                    source => Failure::BadKey { path: path.to_owned(), source },
                })?);
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
        let certificates = self.certificates()?;
        if certificates.is_empty() {
            return Err(Failure::NoKey { path: self.directory.clone() });
        }
        Ok(Keyring::new(certificates))
    }
}
