//! The secret keys of a store: `keys/<fingerprint>.asc`, readable by their owner only.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use apt_sign::{Certificate, Keyring, OpenPgpSigner, SecretKey};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use crate::error::{Failure, chain};

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

    /// The public part of every key, the oldest first, and what is wrong with files that hold none. Root reads those of whom the store
    /// belongs to as well.
    pub(crate) fn certificates(&self) -> Result<(Vec<Certificate>, Vec<String>), Failure> {
        let owner = self.store.metadata().map_err(Failure::io("look at", &self.store))?.uid();
        let (keys, warnings) = self.read(|path| SecretKey::load_of(path, None, owner))?;
        Ok((keys.iter().map(SecretKey::certificate).collect(), warnings))
    }

    /// Every key that can be read, the oldest first, and what is wrong with the others: one of these does not keep a good one from
    /// signing. A file that others could read or exchange stops everything, as clients may know just that key.
    fn read(
        &self,
        load: impl Fn(&Path) -> Result<SecretKey, apt_sign::Error>,
    ) -> Result<(Vec<SecretKey>, Vec<String>), Failure> {
        let (mut keys, mut unusable) = (Vec::new(), Vec::new());
        let entries = match self.directory.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((keys, Vec::new())),
            Err(error) => return Err(Failure::io("list", &self.directory)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Failure::io("list", &self.directory))?;
            let path = entry.path();
            if path.extension() != Some("asc") || entry.file_name().starts_with('.') {
                continue;
            }
            match load(path.as_std_path()) {
                Ok(key) => keys.push(key),
                // These name the file themselves.
                Err(error @ (apt_sign::Error::KeyFile { .. } | apt_sign::Error::Io { .. })) => {
                    return Err(error.into());
                }
                Err(source) => unusable.push(Failure::BadKey { path: path.to_owned(), source }),
            }
        }
        if keys.is_empty()
            && let Some(first) = unusable.pop()
        {
            return Err(first);
        }
        keys.sort_by_key(|key| (key.certificate().created(), key.fingerprint()));
        let warnings = unusable.iter().map(|failure| format!("warning: {}: it is left out", chain(failure)));
        Ok((keys, warnings.collect()))
    }

    /// Signs with every key that can sign at `now`, and tells of the others. They belong to who signs: what root signs would belong to
    /// root, and whose store it is could not go on from there.
    pub(crate) fn signer(&self, now: SystemTime) -> Result<(OpenPgpSigner, Vec<String>), Failure> {
        let (keys, mut warnings) = self.read(|path| SecretKey::load(path, None))?;
        if keys.is_empty() {
            return Err(self.no_key());
        }
        let created = keys.iter().map(|key| key.certificate().created()).min();
        let (signer, skipped) =
            OpenPgpSigner::of_usable(keys, now).map_err(|error| match (error, created) {
                (apt_sign::Error::Key { .. }, Some(created)) if created > now => {
                    Failure::ClockBeforeKey { now: timestamp(now), created: timestamp(created) }
                }
                (error, _) => error.into(),
            })?;
        let skipped = skipped.iter().map(|(fingerprint, problem)| {
            format!("warning: key {} does not sign: {problem}", fingerprint.short())
        });
        warnings.extend(skipped);
        for (fingerprint, problem) in signer.problems(now) {
            warnings.push(format!("warning: key {}: {problem}", fingerprint.short()));
        }
        Ok((signer, warnings))
    }

    /// What clients need to check the signatures, and what is wrong with files that hold no key.
    pub(crate) fn keyring(&self) -> Result<(Keyring, Vec<String>), Failure> {
        let (certificates, warnings) = self.certificates()?;
        if certificates.is_empty() {
            return Err(self.no_key());
        }
        Ok((Keyring::new(certificates), warnings))
    }

    fn no_key(&self) -> Failure {
        let public = self.store.with_file_name("public");
        let is_published = public.read_dir_utf8().is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.path().join("dists").symlink_metadata().is_ok())
        });
        Failure::NoKey { path: self.directory.clone(), is_published }
    }
}

pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}
