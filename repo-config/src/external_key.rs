//! Keys that sign and whose secret parts are kept elsewhere, as `[[signing.signer]]` names them.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use apt_sign::{Certificate, CommandKey, Fingerprint, GpgKey, KeySignatures, KeySigner, SignatureForm};
use camino::{Utf8Path, Utf8PathBuf};

use crate::config::Config;
use crate::error::Contradiction;
use crate::file::SignerTable;
use crate::passphrase::PassphraseSource;
use crate::value::Text;

/// What signs with a key that is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalSigner {
    /// GnuPG: its agent, a smart card, PKCS#11. The key is named by its fingerprint.
    Gpg(Fingerprint),
    /// A command, for a key management service or a hardware module.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
        /// The file of the public key.
        public_key: Utf8PathBuf,
    },
    /// A person, on another machine, who brings the signatures. The key is known by the file of its public part.
    Offline(Utf8PathBuf),
}

/// A key that is kept elsewhere. Its public part is fetched when it is needed first, and once.
pub struct ExternalKey {
    kind: ExternalSigner,
    found: OnceLock<Arc<dyn KeySigner>>,
}

impl ExternalKey {
    /// Names a key, and looks at nothing yet.
    #[must_use]
    pub fn new(kind: ExternalSigner) -> Self {
        Self { kind, found: OnceLock::new() }
    }

    /// Returns what signs with the key.
    #[must_use]
    pub fn kind(&self) -> &ExternalSigner {
        &self.kind
    }

    /// Fetches the public part.
    pub(crate) fn signer(
        &self,
        passphrase: &PassphraseSource,
    ) -> Result<Arc<dyn KeySigner>, apt_sign::Error> {
        if let Some(found) = self.found.get() {
            return Ok(found.clone());
        }
        let found: Arc<dyn KeySigner> = match &self.kind {
            ExternalSigner::Gpg(fingerprint) => {
                let passphrase = passphrase.clone();
                let ask = move || Ok(passphrase.get()?.map(|passphrase| Arc::from(&*passphrase)));
                Arc::new(GpgKey::find(fingerprint.clone(), ask)?)
            }
            ExternalSigner::Command { command, public_key } => {
                let certificate = certificate(public_key)?;
                let (program, arguments) =
                    command.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
                Arc::new(CommandKey::new(program, arguments, certificate))
            }
            ExternalSigner::Offline(public_key) => Arc::new(OfflineKey(certificate(public_key)?)),
        };
        Ok(self.found.get_or_init(|| found).clone())
    }

    /// Where the key is, for messages.
    pub(crate) fn place(&self) -> Utf8PathBuf {
        match &self.kind {
            ExternalSigner::Gpg(_) => "gpg".into(),
            ExternalSigner::Command { public_key, .. } | ExternalSigner::Offline(public_key) => {
                public_key.clone()
            }
        }
    }
}

/// A key that a person signs with elsewhere.
struct OfflineKey(Certificate);

impl KeySigner for OfflineKey {
    fn certificate(&self) -> &Certificate {
        &self.0
    }

    fn prepare(&self) -> Result<(), apt_sign::Error> {
        Err(apt_sign::Error::Offline { fingerprint: self.0.fingerprint() })
    }

    fn sign(&self, _: &[u8], _: SignatureForm, _: SystemTime) -> Result<KeySignatures, apt_sign::Error> {
        Err(apt_sign::Error::Offline { fingerprint: self.0.fingerprint() })
    }
}

fn certificate(path: &Utf8Path) -> Result<Certificate, apt_sign::Error> {
    let bytes = crate::regular_file::read(path).map_err(|source| apt_sign::Error::Io {
        verb: "read public key",
        path: path.as_std_path().to_owned(),
        source,
    })?;
    Certificate::parse(&bytes)
}

impl fmt::Debug for ExternalKey {
    /// Leaves out the arguments of a command, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalKey").field("place", &self.place()).finish_non_exhaustive()
    }
}

impl Config {
    /// Returns what signs with keys that are kept elsewhere.
    #[must_use]
    pub fn external_signers(&self) -> Vec<ExternalSigner> {
        self.file.signing.signer.iter().filter_map(|table| self.external_signer(table)).collect()
    }

    fn external_signer(&self, table: &SignerTable) -> Option<ExternalSigner> {
        let SignerTable { gpg, command, offline, public_key } = table;
        match (gpg, command, public_key) {
            (None, None, Some(path)) if *offline => Some(ExternalSigner::Offline(self.root.join(path))),
            _ if *offline => None,
            (Some(Text(fingerprint)), None, None) => Some(ExternalSigner::Gpg(fingerprint.clone())),
            (None, Some(command), Some(path))
                if command.first().is_some_and(|program| !program.is_empty()) =>
            {
                let public_key = self.root.join(path);
                Some(ExternalSigner::Command { command: command.clone(), public_key })
            }
            _ => None,
        }
    }

    /// Finds tables that name no key, or more than one.
    pub(crate) fn check_signers(&self, found: &mut Vec<crate::error::ConfigError>) {
        for (place, table) in self.file.signing.signer.iter().enumerate() {
            if self.external_signer(table).is_none() {
                found.push(self.contradiction(Contradiction::Signer { number: place + 1 }));
            }
        }
    }

    /// Returns the keys that sign a repository, if it does not leave that to all keys.
    #[must_use]
    pub fn keys_of(&self, repository: &repo_store::RepositoryName) -> Option<Vec<Fingerprint>> {
        let table = self.file.repositories.get(repository)?;
        table.keys.as_ref().map(|keys| crate::value::plain(keys))
    }

    /// Returns whether a repository names the keys that sign it.
    #[must_use]
    pub fn has_lists_of_keys(&self) -> bool {
        self.file.repositories.values().any(|table| table.keys.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_names_one_key_in_one_way() {
        let base = "suites = ['a']\narchitectures = ['amd64']\n[repositories.prod]\n";
        let of = |table: &str| {
            let sources = [("repo.toml".into(), format!("{base}{table}"))];
            Config::of(Utf8Path::new("/r"), &sources)
        };
        let key = "0123456789ABCDEF0123456789ABCDEF01234567";
        let good = of(&format!(
            "[[signing.signer]]\ngpg = '{key}'\n[[signing.signer]]\ncommand = ['kms', '--sign']\npublic_key = 'kms.asc'\n\
             [[signing.signer]]\noffline = true\npublic_key = 'offline.asc'"
        ));
        let command = vec!["kms".to_owned(), "--sign".to_owned()];
        assert_eq!(
            good.unwrap().external_signers(),
            [
                ExternalSigner::Gpg(Fingerprint::parse(key).unwrap()),
                ExternalSigner::Command { command, public_key: "/r/kms.asc".into() },
                ExternalSigner::Offline("/r/offline.asc".into())
            ]
        );
        for bad in [
            String::new(),
            format!("gpg = '{key}'\ncommand = ['x']"),
            format!("gpg = '{key}'\npublic_key = 'x'"),
            "command = ['x']".to_owned(),
            "command = []\npublic_key = 'x'".to_owned(),
            "public_key = 'x'".to_owned(),
            "offline = true".to_owned(),
            format!("gpg = '{key}'\noffline = true\npublic_key = 'x'"),
        ] {
            let refused = of(&format!("[[signing.signer]]\n{bad}")).unwrap_err();
            assert!(refused.to_string().contains("signer 1"), "{bad}: {refused}");
            assert_eq!(refused.line(), Some(4), "{refused}");
        }
        for bad in ["gpg = 'short'", "[repositories.t]\nkeys = []", "[repositories.t]\nkeys = ['x']"] {
            let table =
                if bad.starts_with('[') { bad.to_owned() } else { format!("[[signing.signer]]\n{bad}") };
            assert!(of(&table).is_err(), "{bad}");
        }
    }
}
