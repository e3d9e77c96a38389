//! How a bundle is opened: pieces are joined, and what is encrypted is decrypted while it is read.

use std::io::{BufRead as _, BufReader, Read};

use apt_bundle::is_plain;
use apt_bundle::parts::{CurrentPart, PartError, PartReader};
use apt_bundle::tree::TreeError;
use apt_sign::{Keyring, SecretKey};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use repo_config::Config;
use repo_config::bundle::BundleSettings;
use repo_store::progress::Amount;

use super::failure::BundleFailure;
use super::watched::{Counted, watched};
use crate::actor_key;
use crate::args::Global;
use crate::error::Failure;
use crate::progress::Watch;
use crate::published_archive::read_keyrings;
use crate::session::find_root;

/// Which bundle, and by which keys.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct BundleFile {
    /// The bundle, or the first of its pieces; `-` for standard input, such as from a pipe
    #[arg(value_name = "FILE")]
    file: Utf8PathBuf,
    /// The public keys of those whose bundles are taken, armored or binary; may be given several times [default: `keyring` of `[bundle]` in repo.toml]
    #[arg(long = "keyring", value_name = "FILE")]
    keyrings: Vec<Utf8PathBuf>,
    /// The secret key that the bundle is encrypted to
    #[arg(long, value_name = "FILE")]
    secret_key: Option<Utf8PathBuf>,
}

impl BundleFile {
    /// Returns what `[bundle]` of repo.toml says, where there is one: neither it nor a store is needed.
    pub(super) fn settings(global: &Global) -> Result<BundleSettings, Failure> {
        match find_root(global) {
            Ok(root) => Ok(Config::load(&root)?.bundle()),
            Err(_) if global.root.is_none() => Ok(BundleSettings::default()),
            Err(failure) => Err(failure),
        }
    }

    /// Reads the bundle, as it is without encryption, by `read`.
    pub(super) fn read<T>(
        &self,
        settings: &BundleSettings,
        now: Timestamp,
        watch: &Watch,
        read: impl FnOnce(&mut dyn Read, &Keyring) -> Result<T, TreeError>,
    ) -> Result<T, Failure> {
        let configured: Vec<Utf8PathBuf> = settings.keyring.iter().cloned().collect();
        let keyrings = if self.keyrings.is_empty() { &configured } else { &self.keyrings };
        let keyring = read_keyrings(keyrings)?.ok_or(BundleFailure::NoKeyring)?;
        let (input, part, size): (Box<dyn Read + Send + Sync>, _, _) = if self.file == "-" {
            (Box::new(std::io::stdin()), None, 0)
        } else {
            let reader = PartReader::open(&self.file).map_err(|problem| match problem {
                PartError::Io { path, source } => Failure::io("open", &path)(source),
                problem => BundleFailure::Parts(problem).into(),
            })?;
            let part = reader.current();
            let size = reader.size().map_err(Failure::io("open", &self.file))?;
            (Box::new(reader), Some(part), size)
        };
        let file =
            || part.as_ref().map_or_else(|| Utf8Path::new("standard input").to_owned(), CurrentPart::path);
        let following = || part.as_ref().and_then(CurrentPart::following);
        let mut input = BufReader::with_capacity(1 << 16, Counted::new(input, watch));
        let is_plain = is_plain(input.fill_buf().map_err(Failure::io("read", &self.file))?);
        let key = if is_plain { None } else { Some(self.read_secret_key(&file())?) };
        watched(watch, Amount { items: 1, bytes: size }, || {
            let result = match key {
                None => read(&mut input, &keyring),
                Some(key) => {
                    let decrypted = key.decrypt(input, now.into(), |input| read(input, &keyring));
                    decrypted.map_err(|problem| BundleFailure::Decrypt {
                        file: file(),
                        following: following(),
                        problem,
                    })?
                }
            };
            Ok(result.map_err(|problem| match problem {
                // The directory is at fault then, and not the bundle.
                problem @ (TreeError::Io { .. } | TreeError::Busy { .. }) => BundleFailure::Tree(problem),
                problem => BundleFailure::Read { file: file(), following: following(), problem },
            })?)
        })
    }

    /// Reads the key that the bundle is encrypted to.
    fn read_secret_key(&self, bundle: &Utf8Path) -> Result<SecretKey, Failure> {
        let path = self.secret_key.as_ref();
        let path = path.ok_or_else(|| BundleFailure::NoSecretKey { file: bundle.to_owned() })?;
        actor_key::read_secret_key(path)
    }
}
