//! The secret keys of a store: `keys/<fingerprint>.asc`, readable by their owner only.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use apt_sign::{Certificate, Fingerprint, KeyFileFault, KeyProblem, Keyring, OpenPgpSigner, SecretKey};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use crate::error::{Failure, chain};
use crate::output::Warning;

/// A key and the file that it is in.
type KeyInFile = (Utf8PathBuf, SecretKey);

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
    pub(crate) fn certificates(&self) -> Result<(Vec<Certificate>, Vec<Warning>), Failure> {
        let owner = self.owner()?;
        let (keys, warnings) = self.read(|path| SecretKey::load_of(path, None, owner))?;
        Ok((keys.iter().map(|(_, key)| key.certificate()).collect(), warnings))
    }

    fn owner(&self) -> Result<u32, Failure> {
        Ok(self.store.metadata().map_err(Failure::io("look at", &self.store))?.uid())
    }

    /// The files that can be keys, in order.
    fn files(&self) -> Result<Vec<Utf8PathBuf>, Failure> {
        let entries = match self.directory.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::io("list", &self.directory)(error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(Failure::io("list", &self.directory))?.into_path();
            let is_hidden = path.file_name().is_none_or(|name| name.starts_with('.'));
            if path.extension() == Some("asc") && !is_hidden {
                files.push(path);
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Every key that can be read with its file, the oldest first, and what is wrong with the others: one of these does not keep a good
    /// one from signing. What others could read or exchange stops everything, as clients may know just that key.
    fn read(
        &self,
        load: impl Fn(&Path) -> Result<SecretKey, apt_sign::Error>,
    ) -> Result<(Vec<KeyInFile>, Vec<Warning>), Failure> {
        let mut keys: Vec<KeyInFile> = Vec::new();
        let (mut unusable, mut warnings) = (Vec::new(), Vec::new());
        for path in self.files()? {
            match load(path.as_std_path()) {
                Ok(key) => {
                    match keys.iter_mut().find(|(_, known)| known.fingerprint() == key.fingerprint()) {
                        Some((first, known)) => {
                            warnings.push(doubled(first, &path));
                            known.merge(key);
                        }
                        None => keys.push((path, key)),
                    }
                }
                Err(
                    error @ apt_sign::Error::KeyFile {
                        fault:
                            KeyFileFault::FileMode | KeyFileFault::DirectoryMode | KeyFileFault::DirectoryOwner,
                        ..
                    },
                ) => return Err(error.into()),
                Err(error) => unusable.push(bad_key(path, error)),
            }
        }
        if keys.is_empty() && !unusable.is_empty() {
            return Err(unusable.swap_remove(0));
        }
        keys.sort_by_key(|(_, key)| (key.certificate().created(), key.fingerprint()));
        let skipped = unusable.iter().map(|failure| key_file(format!("{}: it is left out", chain(failure))));
        warnings.extend(skipped);
        Ok((keys, warnings))
    }

    /// Signs with every key that can sign at `now`, and tells of the others. They belong to who signs: what root signs would belong to
    /// root, and whose store it is could not go on from there.
    pub(crate) fn signer(&self, now: SystemTime) -> Result<(OpenPgpSigner, Vec<Warning>), Failure> {
        let (keys, mut warnings) = self.read(|path| SecretKey::load(path, None))?;
        let Some(created) = keys.iter().map(|(_, key)| key.certificate().created()).min() else {
            return Err(self.no_key());
        };
        let (paths, keys): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
        let fingerprints: Vec<Fingerprint> = keys.iter().map(SecretKey::fingerprint).collect();
        let (signer, skipped) = OpenPgpSigner::of_usable(keys, now).map_err(|error| match error {
            apt_sign::Error::Key { .. } if created > now => Failure::ClockBeforeKey {
                now: timestamp(now),
                created: timestamp(created),
                only_publishes: true,
            },
            apt_sign::Error::Key { fingerprint, problem } => {
                let mut files = paths.iter().zip(&fingerprints);
                let path = files.find(|(_, of)| **of == fingerprint).map(|(path, _)| path.clone());
                let path = path.unwrap_or_else(|| self.directory.clone());
                Failure::UnusableKey { path, fingerprint, problem }
            }
            error => error.into(),
        })?;
        for (fingerprint, problem) in &skipped {
            warnings.push(key(format!("key {} does not sign: {problem}", fingerprint.short())));
        }
        for (fingerprint, problem) in signer.problems(now) {
            warnings.push(key(format!("key {}: {problem}", fingerprint.short())));
        }
        Ok((signer, warnings))
    }

    /// What clients need to check the signatures, and what is wrong with files that hold no key.
    pub(crate) fn keyring(&self) -> Result<(Keyring, Vec<Warning>), Failure> {
        let (certificates, warnings) = self.certificates()?;
        if certificates.is_empty() {
            return Err(self.no_key());
        }
        Ok((Keyring::new(certificates), warnings))
    }

    /// Whether no file is there that could be a key.
    pub(crate) fn is_empty(&self) -> bool {
        self.files().is_ok_and(|files| files.is_empty())
    }

    /// Looks at all key files, whatever their modes and owners are; `None` when they cannot be listed.
    pub(crate) fn inspect(&self, now: SystemTime) -> Option<Inspection> {
        let files = self.files().ok()?;
        let mut found = Inspection { no_file: files.is_empty(), ..Inspection::default() };
        let (mut judged, mut certificates) = (Vec::new(), Vec::<(Utf8PathBuf, Certificate)>::new());
        for path in files {
            let certificate = match Certificate::of_key_file(path.as_std_path()) {
                Ok(certificate) => certificate,
                Err(error) => {
                    found.faults.push((path, error));
                    continue;
                }
            };
            let is_same =
                |(_, known): &&(Utf8PathBuf, Certificate)| known.fingerprint() == certificate.fingerprint();
            if let Some((first, _)) = certificates.iter().find(is_same) {
                found.warnings.push(doubled(first, &path));
            }
            let locked = self.owner().ok().map(|owner| SecretKey::load_of(path.as_std_path(), None, owner));
            if let Some(Err(error @ apt_sign::Error::Locked { .. })) = locked {
                found.faults.push((path.clone(), error));
            } else {
                let problem = certificate.problems(now).into_iter().find(KeyProblem::is_fatal);
                judged.push((path.clone(), certificate.fingerprint(), problem));
            }
            certificates.push((path, certificate));
        }
        // One that signs is enough; the others are left out then.
        let signs = judged.iter().any(|(_, _, problem)| problem.is_none());
        for (path, fingerprint, problem) in judged {
            let Some(problem) = problem else { continue };
            if signs {
                let what = format!("key {} does not sign: {problem}", fingerprint.short());
                found.warnings.push(key(what));
            } else {
                found.faults.push((path, apt_sign::Error::Key { fingerprint, problem }));
            }
        }
        found.keyring = Keyring::new(certificates.into_iter().map(|(_, certificate)| certificate).collect());
        Some(found)
    }

    fn no_key(&self) -> Failure {
        let public = self.store.with_file_name("public");
        let is_published = public.read_dir_utf8().is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.path().join("dists").symlink_metadata().is_ok())
        });
        Failure::NoKey { path: self.directory.clone(), is_published }
    }
}

/// What was found in the directory of keys.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    /// The public parts of all keys.
    pub(crate) keyring: Keyring,
    /// Files that hold no key, and keys that cannot sign.
    pub(crate) faults: Vec<(Utf8PathBuf, apt_sign::Error)>,
    pub(crate) warnings: Vec<Warning>,
    /// Whether there is no file that could be a key.
    pub(crate) no_file: bool,
}

/// A file among the keys that cannot be used. Some errors name it themselves.
fn bad_key(path: Utf8PathBuf, source: apt_sign::Error) -> Failure {
    match source {
        apt_sign::Error::KeyFile { .. } | apt_sign::Error::Io { .. } => source.into(),
        source => Failure::BadKey { path, source },
    }
}

fn doubled(first: &Utf8Path, second: &Utf8Path) -> Warning {
    key_file(format!("{first} and {second} hold the same key: one of them is enough"))
}

fn key_file(message: String) -> Warning {
    Warning { code: "W-KEY-FILE", message }
}

fn key(message: String) -> Warning {
    Warning { code: "W-KEY", message }
}

pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}
