//! Which files of the administrator cannot be what was written: a backup keeps the copies that it has of them.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::time::SystemTime;

use apt_sign::{Fingerprint, KeyProblem, Keyring, StoredKey};
use camino::{Utf8Path, Utf8PathBuf};
use repo_store::maintenance::backup::{NamedFile, NamedFileKind};

use crate::armor_checksum;
use crate::config::Config;
use crate::keys::KeyDirectory;
use crate::regular_file;

impl Config {
    /// Finds the files that are damaged: a `repo.toml` that is gone, empty or not TOML, drop-ins that are not TOML, keyrings of uploaders
    /// without a certificate, and files in `keys/` that hold no key or no revocation. A store without `repo.toml` that has no keys either never had one, unless `backup` has one.
    #[must_use]
    pub fn damaged_files(root: &Utf8Path, backup: Option<&Utf8Path>, now: SystemTime) -> Vec<NamedFile> {
        let keys = KeyDirectory::new(root);
        let owner = root.metadata().map(|found| found.uid()).unwrap_or_default();
        let is_toml = |path: &Utf8Path| match regular_file::read_to_string(path) {
            Ok(text) => text.parse::<toml::Table>().is_ok(),
            // What is no text is no TOML; what cannot be read is told of by whoever copies it.
            Err(error) => error.kind() != std::io::ErrorKind::InvalidData,
        };
        let mut damaged: Vec<Utf8PathBuf> = Vec::new();
        let main = root.join("repo.toml");
        let is_sound = match main.symlink_metadata() {
            // A link may lead nowhere.
            Ok(_) => match main.metadata() {
                Ok(found) => (!found.is_file() || found.len() > 0) && is_toml(&main),
                Err(error) => error.kind() != std::io::ErrorKind::NotFound,
            },
            Err(_) => keys.is_empty() && !backup.is_some_and(|backup| backup.join("repo.toml").exists()),
        };
        damaged.extend((!is_sound).then_some(main));
        let drop_ins = root.join("repo.d").read_dir_utf8().into_iter().flatten().flatten();
        let drop_ins = drop_ins.map(|entry| entry.path().to_owned());
        damaged.extend(drop_ins.filter(|path| path.extension() == Some("toml") && !is_toml(path)));
        let named = Self::files_named_in(root).unwrap_or_default();
        let keyrings = named.iter().filter(|file| file.setting.ends_with("uploaders"));
        let keyrings: BTreeSet<Utf8PathBuf> = keyrings.map(|file| root.join(&file.path)).collect();
        damaged.extend(keyrings.into_iter().filter(|path| is_no_keyring(path)));
        let key_files = ["asc", "retired"].map(|end| keys.files_ending_in(end).unwrap_or_default());
        damaged.extend(key_files.into_iter().flatten().filter(|path| is_no_key(path, (owner, now))));
        damaged.extend(keys.damaged_revocations().into_iter().map(|(path, _)| path));
        let named = damaged.into_iter().map(|path| NamedFile {
            setting: String::new(),
            path: path.strip_prefix(root).unwrap_or(&path).to_owned(),
            kind: NamedFileKind::Damaged,
        });
        named.collect()
    }
}

/// Whether a file can be read and holds no certificate.
fn is_no_keyring(path: &Utf8Path) -> bool {
    let is_one =
        |bytes: Vec<u8>| Keyring::parse(&bytes).is_ok_and(|keyring| !keyring.certificates().is_empty());
    regular_file::read(path).is_ok_and(|bytes| !is_one(bytes))
}

/// Whether a file can be read and holds no key that can be used at any time: one of another fingerprint than it is named after, or one that does
/// not bind itself, counts as none. Where a passphrase opens it, only its public part is looked at.
fn is_no_key(path: &Utf8Path, (owner, now): (u32, SystemTime)) -> bool {
    let stored = match StoredKey::load_of(path.as_std_path(), owner) {
        Ok(stored) => stored,
        // What is wrong with its mode or its owner says nothing of its content.
        Err(apt_sign::Error::KeyFile { .. }) => {
            let Ok(text) = regular_file::read_to_string(path) else { return false };
            return !text.contains("-----END PGP") || armor_checksum::contradicts(&text);
        }
        Err(error) => return matches!(error, apt_sign::Error::Malformed { .. }),
    };
    let armored = regular_file::read_to_string(path).unwrap_or_default();
    if armor_checksum::contradicts(&armored)
        || matches!(stored.open(None), Err(apt_sign::Error::Malformed { .. }))
    {
        return true;
    }
    let certificate = stored.public().certificate();
    let named_after = path.file_stem().and_then(|name| Fingerprint::parse(name).ok());
    named_after.is_some_and(|fingerprint| fingerprint != certificate.fingerprint())
        || certificate
            .problems(now)
            .iter()
            .any(|problem| matches!(problem, KeyProblem::NoSigningKey | KeyProblem::Unusable { .. }))
}
