//! The secret keys of a store: `keys/<fingerprint>.asc`, readable by their owner only.
//!
//! A [`KeyDirectory`] makes keys, as a [`NewKey`] says, and gives the signer that publishing needs. A [`PassphraseSource`] says where the passphrase of
//! protected keys comes from; an [`ExternalKey`] is kept elsewhere.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use apt_sign::{
    Certificate, DeferredKey, Fingerprint, KeyFileFault, KeyProblem, KeySigner, Keyring, OpenPgpSigner,
    PublicPart, SecretKey, Signer as _, StoredKey,
};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use repo_store::storage::permissions::EntryKind;
use repo_store::storage::{Obstacle, ObstacleKind};

pub use crate::external_key::{ExternalKey, ExternalSigner};
pub use crate::key_error::{KeyError, KeyWarning};
pub use crate::key_life::NewKey;
pub use crate::passphrase::{Passphrase, PassphrasePlace, PassphraseSource};

/// A key with its secret part in the directory.
#[derive(Debug)]
pub(crate) struct FileKey {
    /// Its file, and others with copies of it.
    pub(crate) paths: Vec<Utf8PathBuf>,
    pub(crate) public: PublicPart,
    /// What is in these files.
    stored: Vec<StoredKey>,
}

impl FileKey {
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.public.certificate().fingerprint()
    }

    /// Opens all copies of the key together, with the passphrase where one is needed.
    pub(crate) fn open(&self, passphrase: &PassphraseSource) -> Result<SecretKey, apt_sign::Error> {
        let mut copies = self.stored.iter().map(|copy| match copy.open(None) {
            Err(error @ apt_sign::Error::Locked { .. }) => match passphrase.get()? {
                Some(passphrase) => copy.open(Some(&passphrase)),
                None => Err(error),
            },
            opened => opened,
        });
        let first = copies.next().ok_or(apt_sign::Error::Keys { rule: "there is none" })?;
        copies.try_fold(first?, |mut key, copy| {
            key.merge(copy?);
            Ok(key)
        })
    }
}

/// The keys of one store. Every key in its directory signs, but those that were set aside: their files end in `.retired`. Keys that the
/// configuration names and that are kept elsewhere sign too.
///
/// Nothing secret is read before something is signed.
#[derive(Clone, Debug)]
pub struct KeyDirectory {
    store: Utf8PathBuf,
    pub(crate) directory: Utf8PathBuf,
    pub(crate) passphrase: PassphraseSource,
    pub(crate) external: Arc<Vec<ExternalKey>>,
    /// The keys that count, if that is not all of them.
    pub(crate) only: Option<Vec<Fingerprint>>,
}

impl KeyDirectory {
    /// Names the directory of the store in `root`, and looks at nothing yet.
    #[must_use]
    pub fn new(root: &Utf8Path) -> Self {
        Self {
            store: root.join("store"),
            directory: root.join("keys"),
            passphrase: PassphraseSource::default(),
            external: Arc::default(),
            only: None,
        }
    }

    /// Takes the passphrase of protected keys from there. New keys are protected by it too.
    #[must_use]
    pub fn with_passphrase(self, passphrase: PassphraseSource) -> Self {
        Self { passphrase, ..self }
    }

    /// Lets these keys, whose secret parts are kept elsewhere, sign as well.
    #[must_use]
    pub fn with_external(self, external: Vec<ExternalKey>) -> Self {
        Self { external: Arc::new(external), ..self }
    }

    /// Returns the same with these keys alone, and those that were made to succeed them; with all keys when nothing is listed.
    #[must_use]
    pub fn limited_to(&self, only: Option<Vec<Fingerprint>>) -> Self {
        Self { only, ..self.clone() }
    }

    /// Returns the public part of every key, the oldest first, and what is wrong with files that hold none. Root reads those of whom the
    /// store belongs to as well.
    ///
    /// # Errors
    /// [`KeyError::Key`] for a key that others can read or replace, and for one kept elsewhere whose public part is not to be had;
    /// [`KeyError::BadKey`] when there are files and none is a key; [`KeyError::Io`].
    pub fn certificates(&self) -> Result<(Vec<Certificate>, Vec<KeyWarning>), KeyError> {
        let owner = self.owner()?;
        let (keys, warnings) = self.read(|path| StoredKey::load_of(path, owner))?;
        let of_files = keys.into_iter().map(|key| Ok(key.public.into_certificate()));
        let elsewhere =
            self.external.iter().map(|key| Ok(key.signer(&self.passphrase)?.certificate().clone()));
        let all: Vec<Certificate> = of_files.chain(elsewhere).collect::<Result<_, KeyError>>()?;
        let mut found = Vec::with_capacity(all.len());
        for certificate in all {
            if self.counts(&certificate.fingerprint())? {
                found.push(self.with_revocation(certificate)?);
            }
        }
        found.sort_by_key(|key| (key.created(), key.fingerprint()));
        Ok((found, warnings))
    }

    fn owner(&self) -> Result<u32, KeyError> {
        Ok(self.store.metadata().map_err(KeyError::io("look at", &self.store))?.uid())
    }

    /// The files that can be keys, in order.
    pub(crate) fn files(&self) -> Result<Vec<Utf8PathBuf>, KeyError> {
        self.files_ending_in("asc")
    }

    pub(crate) fn files_ending_in(&self, extension: &str) -> Result<Vec<Utf8PathBuf>, KeyError> {
        if self.directory.is_symlink() && self.directory.is_dir() {
            // `fsck` does not look through it, and `backup` would save nothing of it.
            let (path, kind) = (self.directory.clone(), ObstacleKind::Link);
            let obstacle = Obstacle { path, kind, belongs: EntryKind::Directory };
            return Err(KeyError::io("list", &self.directory)(obstacle.into_error()));
        }
        let entries = match self.directory.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) => match Obstacle::explain_directory(&self.directory, error) {
                error if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
                error => return Err(KeyError::io("list", &self.directory)(error)),
            },
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(KeyError::io("list", &self.directory))?.into_path();
            let is_hidden = path.file_name().is_none_or(|name| name.starts_with('.'));
            if path.extension() == Some(extension) && !is_hidden {
                files.push(path);
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Every key that can be read with its file, the oldest first, and what is wrong with the others: one of these does not keep a good
    /// one from signing. What others could read or exchange stops everything, as clients may know just that key.
    pub(crate) fn read(
        &self,
        load: impl Fn(&Path) -> Result<StoredKey, apt_sign::Error>,
    ) -> Result<(Vec<FileKey>, Vec<KeyWarning>), KeyError> {
        let mut keys: Vec<FileKey> = Vec::new();
        let (mut unusable, mut warnings) = (Vec::new(), Vec::new());
        for path in self.files()? {
            match load(path.as_std_path()) {
                Ok(stored) => {
                    let fingerprint = stored.public().certificate().fingerprint();
                    match keys.iter_mut().find(|known| known.fingerprint() == fingerprint) {
                        Some(known) => {
                            warnings.extend(known.paths.first().map(|first| doubled(first, &path)));
                            known.public.merge(stored.public());
                            known.paths.push(path);
                            known.stored.push(stored);
                        }
                        None => {
                            let public = stored.public().clone();
                            keys.push(FileKey { paths: vec![path], public, stored: vec![stored] });
                        }
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
        keys.sort_by_key(|key| (key.public.certificate().created(), key.fingerprint()));
        warnings.extend(unusable.into_iter().map(KeyWarning::LeftOut));
        Ok((keys, warnings))
    }

    /// Returns what signs with every key that can sign at `now`, and tells of the others. They belong to who signs: what root signs would
    /// belong to root, and whose store it is could not go on from there.
    ///
    /// The secret parts are loaded when something is signed, and once.
    ///
    /// # Errors
    /// As [`certificates`](Self::certificates), and [`KeyError::NoKey`], [`KeyError::UnknownKey`] for a key that a list names and that is not
    /// there, [`KeyError::Unusable`] and [`KeyError::ClockBeforeKey`].
    pub fn signer(&self, now: SystemTime) -> Result<(OpenPgpSigner, Vec<KeyWarning>), KeyError> {
        let (of_files, mut warnings) = self.read(StoredKey::load)?;
        let mut found: Vec<(Option<Utf8PathBuf>, Box<dyn KeySigner>)> = Vec::new();
        for key in of_files {
            if self.counts(&key.fingerprint())? {
                let (path, public, passphrase) =
                    (key.paths.first().cloned(), key.public.clone(), self.passphrase.clone());
                found.push((path, Box::new(DeferredKey::new(public, move || key.open(&passphrase)))));
            }
        }
        for key in self.external.iter() {
            let signer = key.signer(&self.passphrase)?;
            if self.counts(&signer.certificate().fingerprint())? {
                found.push((None, Box::new(signer)));
            }
        }
        found.sort_by_key(|(_, key)| (key.certificate().created(), key.certificate().fingerprint()));
        let Some(created) = found.first().map(|(_, key)| key.certificate().created()) else {
            return Err(self.no_key());
        };
        let fingerprint = |key: &dyn KeySigner| key.certificate().fingerprint();
        let present: Vec<Fingerprint> = found.iter().map(|(_, key)| fingerprint(&**key)).collect();
        self.check_list(&present)?;
        let paths: Vec<Option<Utf8PathBuf>> = found.iter().map(|(path, _)| path.clone()).collect();
        let keys = found.into_iter().map(|(_, key)| key).collect();
        let (signer, skipped) = OpenPgpSigner::of_usable_signers(keys, now).map_err(|error| match error {
            apt_sign::Error::Key { .. } if created > now => {
                KeyError::ClockBeforeKey { now: timestamp(now), created: timestamp(created) }
            }
            apt_sign::Error::Key { fingerprint, problem } => {
                let mut files = paths.iter().zip(&present);
                let path = files.find(|(_, of)| **of == fingerprint).and_then(|(path, _)| path.clone());
                let path = path.unwrap_or_else(|| self.directory.clone());
                KeyError::Unusable { path, fingerprint, problem }
            }
            error => error.into(),
        })?;
        self.check_revocations(&signer.fingerprints())?;
        let does_not_sign = |(fingerprint, problem)| KeyWarning::DoesNotSign { fingerprint, problem };
        warnings.extend(skipped.into_iter().map(does_not_sign));
        let about = |(fingerprint, problem)| KeyWarning::Problem { fingerprint, problem };
        warnings.extend(signer.problems(now).into_iter().map(about));
        let served = signer.keyring().certificates().iter().cloned();
        let served = served.map(|certificate| self.with_revocation(certificate)).collect::<Result<_, _>>()?;
        Ok((signer.serving(Keyring::new(served)), warnings))
    }

    /// Refuses to sign with revoked keys alone: clients that have heard of it accept nothing of that.
    fn check_revocations(&self, signing: &[Fingerprint]) -> Result<(), KeyError> {
        match signing.first() {
            Some(first) if signing.iter().all(|key| self.is_revoked(key)) => {
                let (path, fingerprint) = (self.revocation_path(first), first.clone());
                Err(KeyError::Unusable { path, fingerprint, problem: KeyProblem::Revoked })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a list with a key that does not sign any more, and that no other one succeeds.
    fn check_list(&self, present: &[Fingerprint]) -> Result<(), KeyError> {
        for listed in self.only.iter().flatten() {
            let stands_for =
                |key: &Fingerprint| Ok::<_, KeyError>(key == listed || self.succeeds(key, listed)?);
            let mut is_there = false;
            for key in present {
                is_there |= stands_for(key)?;
            }
            if !is_there && !self.is_retired(listed)? {
                return Err(KeyError::UnknownKey { fingerprint: listed.clone() });
            }
        }
        Ok(())
    }

    /// Returns whether a key signs where nothing of this system reaches.
    ///
    /// # Errors
    /// [`KeyError::Key`] when the public part of such a key cannot be read; [`KeyError::Io`].
    pub fn signs_offline(&self) -> Result<bool, KeyError> {
        for key in self.external.iter().filter(|key| matches!(key.kind(), ExternalSigner::Offline(_))) {
            if self.counts(&key.signer(&self.passphrase)?.certificate().fingerprint())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns what clients need to check the signatures, and what is wrong with files that hold no key.
    ///
    /// # Errors
    /// As [`certificates`](Self::certificates), and [`KeyError::NoKey`].
    pub fn keyring(&self) -> Result<(Keyring, Vec<KeyWarning>), KeyError> {
        let (certificates, warnings) = self.certificates()?;
        if certificates.is_empty() {
            return Err(self.no_key());
        }
        Ok((Keyring::new(certificates), warnings))
    }

    /// Returns when the newest key was made, whether it can sign or not; `None` when there is none.
    ///
    /// # Errors
    /// [`KeyError::Io`] when the directory cannot be listed. A file that is not a key is passed over.
    pub fn newest(&self) -> Result<Option<Timestamp>, KeyError> {
        let keys = self.files()?.into_iter();
        let certificates = keys.filter_map(|path| Certificate::of_key_file(path.as_std_path()).ok());
        Ok(certificates.map(|certificate| timestamp(certificate.created())).max())
    }

    /// Returns whether no file is there that could be a key, and no key is kept elsewhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.external.is_empty() && self.files().is_ok_and(|files| files.is_empty())
    }

    /// Looks at all key files, whatever their modes and owners are; `None` when they cannot be listed.
    #[must_use]
    pub fn inspect(&self, now: SystemTime) -> Option<Inspection> {
        let files = self.files().ok()?;
        let faults = self.damaged_revocations();
        let mut found = Inspection { no_file: self.is_empty(), faults, ..Inspection::default() };
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
            // Without the passphrase the key may be good; with a wrong one it cannot sign.
            let stored =
                self.owner().ok().and_then(|owner| StoredKey::load_of(path.as_std_path(), owner).ok());
            if stored.is_some_and(|stored| stored.public().is_locked()) && !self.passphrase.is_configured() {
                let error = apt_sign::Error::Locked { fingerprint: certificate.fingerprint(), given: false };
                found.faults.push((path.clone(), error));
            } else {
                let problem = certificate.problems(now).into_iter().find(KeyProblem::is_fatal);
                judged.push((path.clone(), certificate.fingerprint(), problem));
            }
            certificates.push((path, certificate));
        }
        for key in self.external.iter() {
            match key.signer(&self.passphrase) {
                Ok(signer) => {
                    let certificate = signer.certificate().clone();
                    judged.push((key.place(), certificate.fingerprint(), signer.problem(now)));
                    certificates.push((key.place(), certificate));
                }
                Err(error) => found.faults.push((key.place(), error)),
            }
        }
        // One that signs is enough; the others are left out then.
        let signs = judged.iter().any(|(_, _, problem)| problem.is_none());
        for (path, fingerprint, problem) in judged {
            let Some(problem) = problem else { continue };
            if signs {
                found.warnings.push(KeyWarning::DoesNotSign { fingerprint, problem });
            } else {
                found.faults.push((path, apt_sign::Error::Key { fingerprint, problem }));
            }
        }
        found.keyring = Keyring::new(certificates.into_iter().map(|(_, certificate)| certificate).collect());
        Some(found)
    }

    /// Returns whether [no key](Self::is_empty) is left though clients see what one signed.
    #[must_use]
    pub fn are_gone(&self) -> bool {
        self.is_empty() && self.is_published()
    }

    /// Returns whether one of these keys is in the directory, also as one that was retired, by the public parts of the files.
    #[must_use]
    pub fn has_any_of(&self, fingerprints: &[String]) -> bool {
        let files = ["asc", "retired"].map(|end| self.files_ending_in(end).unwrap_or_default());
        files.iter().flatten().any(|path| {
            let bytes = crate::regular_file::read(path).unwrap_or_default();
            PublicPart::parse(&bytes).is_ok_and(|key| {
                let fingerprint = key.certificate().fingerprint().to_string();
                fingerprints.contains(&fingerprint)
            })
        })
    }

    fn is_published(&self) -> bool {
        self.store.with_file_name("public").read_dir_utf8().is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.path().join("dists").symlink_metadata().is_ok())
        })
    }

    fn no_key(&self) -> KeyError {
        KeyError::NoKey { path: self.directory.clone(), is_published: self.is_published() }
    }
}

/// What was found in the directory of keys.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Inspection {
    /// The public parts of all keys.
    pub keyring: Keyring,
    /// Files that hold no key, or no revocation, and keys that cannot sign.
    pub faults: Vec<(Utf8PathBuf, apt_sign::Error)>,
    /// What is worth a word about the others.
    pub warnings: Vec<KeyWarning>,
    /// Whether no file could be a key.
    pub no_file: bool,
}

/// A file among the keys that cannot be used. Some errors name it themselves.
fn bad_key(path: Utf8PathBuf, source: apt_sign::Error) -> KeyError {
    match source {
        apt_sign::Error::KeyFile { .. } | apt_sign::Error::Io { .. } => source.into(),
        source => KeyError::BadKey { path, source },
    }
}

fn doubled(first: &Utf8Path, second: &Utf8Path) -> KeyWarning {
    KeyWarning::Doubled { first: first.to_owned(), second: second.to_owned() }
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::key_life::NewKey;

    fn named(user_id: &str) -> NewKey {
        NewKey::named(apt_sign::UserId::parse(user_id).unwrap())
    }

    #[test]
    fn a_key_is_made_as_of_the_time_that_is_given_and_signs_from_then_on() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::create_dir(root.join("store")).unwrap();
        let keys = KeyDirectory::new(root);
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert!(keys.is_empty() && keys.newest().unwrap().is_none());
        assert!(matches!(keys.signer(made), Err(KeyError::NoKey { is_published: false, .. })));
        let key = keys.generate(&named("Example"), made).unwrap();
        assert_eq!(key.certificate().created(), made);
        assert_eq!(keys.newest().unwrap(), Some(timestamp(made)));
        let earlier = made - Duration::from_secs(60);
        assert!(matches!(
            keys.signer(earlier),
            Err(KeyError::ClockBeforeKey { now, created }) if now == timestamp(earlier) && created == timestamp(made)
        ));
        assert!(keys.signer(made).is_ok_and(|(_, warnings)| warnings.is_empty()));
        assert_eq!(keys.keyring().unwrap().0.fingerprints(), [key.fingerprint()]);
    }

    #[test]
    fn a_key_that_no_passphrase_opens_stops_signing_beside_a_good_one_and_is_listed() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::create_dir(root.join("store")).unwrap();
        let (plain, now) =
            (KeyDirectory::new(root), SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        plain.generate(&named("plain"), now).unwrap();
        let passphrase = |line: &'static [u8]| {
            let source = move || Ok(Some(crate::passphrase::Passphrase::from_line(line).unwrap()));
            KeyDirectory::new(root).with_passphrase(PassphraseSource::configured(source))
        };
        let right = passphrase(b"correct horse");
        right.generate(&named("locked"), now).unwrap();
        assert_eq!(right.signer(now).unwrap().0.keyring().fingerprints().len(), 2);
        for wrong in [passphrase(b"battery staple"), plain] {
            let signer = wrong.signer(now).unwrap().0;
            assert!(matches!(signer.prepare(), Err(apt_sign::Error::Locked { .. })));
            assert!(matches!(signer.sign(b"text\n", now), Err(apt_sign::Error::Locked { .. })));
            assert_eq!(wrong.keyring().unwrap().0.fingerprints().len(), 2);
        }
        let signed = right.signer(now).unwrap().0.sign(b"text\n", now).unwrap();
        assert_eq!(
            right.keyring().unwrap().0.verify_inline(signed.inline(), now).unwrap().signers().len(),
            2
        );
    }

    #[test]
    fn a_file_that_is_no_key_is_left_out_where_there_is_one_and_an_error_alone() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::create_dir(root.join("store")).unwrap();
        let (keys, now) =
            (KeyDirectory::new(root), SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        keys.generate(&named("Example"), now).unwrap();
        let [first, bad] = ["keys/a.asc", "keys/b.asc"].map(|name| root.join(name));
        let made = keys.files().unwrap().remove(0);
        std::fs::copy(&made, &first).unwrap();
        std::fs::write(&bad, "no key").unwrap();
        std::fs::set_permissions(&bad, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let (_, warnings) = keys.signer(now).unwrap();
        assert!(
            matches!(&warnings[..], [KeyWarning::Doubled { .. }, KeyWarning::LeftOut(KeyError::BadKey { path, .. })] if *path == bad),
            "{warnings:?}"
        );
        std::fs::remove_file(first).unwrap();
        std::fs::remove_file(made).unwrap();
        assert!(matches!(keys.certificates(), Err(KeyError::BadKey { path, .. }) if path == bad));
    }
}
