//! The files that the configuration names, and whether a backup holds each.

use camino::Utf8Path;
use repo_store::maintenance::backup::{NamedFile, NamedFileKind};

use crate::config::Config;
use crate::error::ConfigError;
use crate::file::{
    BundleTable, File, HookTable, IncomingTable, RepositoryTable, ServeTable, SignerTable, SigningTable,
    SuiteTable, TlsTable,
};
use crate::texts::{self, Reading, Source};
use crate::value::Text;
use crate::ways_in::Condition;

impl Config {
    /// Returns every file that the configuration consists of or names: the one list that a backup goes by.
    ///
    /// The tables are taken apart field by field, so that a developer who adds a setting has to say here whether it names a file, and whether
    /// a backup holds the file. It holds what the store could not be used without, or would be open to others without. It only names
    /// passphrases, TLS keys, secrets of hooks, and programs.
    #[must_use]
    pub fn named_files(&self) -> Vec<NamedFile> {
        Self::named_in(&self.root, &self.sources, &self.file)
    }

    /// Returns what the configuration in a root names, as far as it can be understood, also where files that it names are not in their
    /// place yet.
    ///
    /// # Errors
    /// [`ConfigError::Io`] when `repo.toml` cannot be read.
    pub fn files_named_in(root: &Utf8Path) -> Result<Vec<NamedFile>, ConfigError> {
        let (sources, _) = texts::readable_sources(root)?;
        Ok(Self::named_in(root, &sources, &Reading::of(&sources).file))
    }

    #[expect(clippy::too_many_lines, reason = "it names every setting, so that a new one is not forgotten")]
    fn named_in(root: &Utf8Path, sources: &[Source], file: &File) -> Vec<NamedFile> {
        let mut found = Vec::new();
        let mut saved = |setting: String, path: &Utf8Path| {
            found.push(NamedFile { setting, path: path.to_owned(), kind: NamedFileKind::Saved });
        };
        for (path, _) in sources {
            // A drop-in may be a link to where another program writes it.
            saved("repo.toml".to_owned(), path.strip_prefix(root).unwrap_or(path));
        }
        let File {
            suites_file,
            architectures_file,
            uploaders,
            repositories,
            suite,
            signing: SigningTable { passphrase: _, passphrase_file, signer },
            serve:
                ServeTable {
                    listen: _,
                    trusted_proxies: _,
                    redirect_to_https: _,
                    pages: _,
                    api: _,
                    max_upload: _,
                    tls,
                    metrics: _,
                    // What is written there is about the installation, which is another one after a restore.
                    access_log: _,
                },
            origin: _,
            url: _,
            suites: _,
            architectures: _,
            components: _,
            compress: _,
            compress_index: _,
            translations: _,
            contents: _,
            unknown_release: _,
            valid_for: _,
            pdiffs: _,
            pdiffs_from: _,
            publish: _,
            log: _,
            channels: _,
            route: _,
            incoming,
            retention: _,
            freeze: _,
            gc: _,
            gate: _,
            // What was read of it is in the store.
            base: _,
            hook,
            bundle: BundleTable { site: _, keyring },
            // A backup does not hold itself.
            schedule: _,
            limits: _,
            profile: _,
            machine: _,
        } = file;
        let lists = [("suites_file", suites_file), ("architectures_file", architectures_file)];
        for (setting, path) in
            lists.into_iter().chain([("uploaders", uploaders), ("bundle.keyring", keyring)])
        {
            if let Some(path) = path {
                saved(setting.to_owned(), path);
            }
        }
        for (Text(name), table) in repositories {
            let RepositoryTable {
                users,
                uploaders,
                url: _,
                label: _,
                suites: _,
                flat: _,
                translations: _,
                contents: _,
                unknown_release: _,
                valid_for: _,
                pdiffs: _,
                allow: _,
                access,
                keep_history: _,
                keys: _,
            } = table;
            for (setting, path) in [("users", users), ("uploaders", uploaders)] {
                if let Some(path) = path {
                    saved(format!("repositories.{name}.{setting}"), path);
                }
            }
            for Text(condition) in access.iter().flatten() {
                if let Condition::Users(path) = condition {
                    saved(format!("repositories.{name}.access"), path);
                }
            }
        }
        for SignerTable { gpg: _, command: _, offline: _, public_key } in signer {
            // Without it nobody knows by which key the published files are signed. The command is a program.
            if let Some(path) = public_key {
                saved("signing.signer.public_key".to_owned(), path);
            }
        }
        for IncomingTable {
            uploaders,
            folder: _,
            repository: _,
            suites: _,
            component: _,
            names: _,
            owners: _,
            // What was taken is in the store.
            after: _,
        } in incoming
        {
            if let Some(path) = uploaders {
                saved("incoming.uploaders".to_owned(), path);
            }
        }
        for table in suite.values() {
            let SuiteTable {
                architectures: _,
                architecture_all: _,
                components: _,
                markers: _,
                only_routed: _,
                alias: _,
                suite: _,
                codename: _,
                origin: _,
                label: _,
                version: _,
                changelogs: _,
                description: _,
                not_automatic: _,
                but_automatic_upgrades: _,
            } = table;
        }
        // In a backup the passphrase would lie beside the keys that it protects; and a certificate comes anew.
        let TlsTable { certificate, key, authority } = tls;
        if let Some(path) = authority {
            found.push(NamedFile {
                setting: "serve.tls.authority".to_owned(),
                path: path.clone(),
                kind: NamedFileKind::Saved,
            });
        }
        let named_only = [
            ("signing.passphrase_file", passphrase_file),
            ("serve.tls.certificate", certificate),
            ("serve.tls.key", key),
        ];
        for (setting, path) in named_only {
            let Some(path) = path.clone() else { continue };
            found.push(NamedFile { setting: setting.to_owned(), path, kind: NamedFileKind::NamedOnly });
        }
        for HookTable {
            secret_file,
            name: _,
            on: _,
            url: _,
            // A program.
            command: _,
            mail: _,
            format: _,
            allow_private: _,
            timeout: _,
            repositories: _,
        } in hook
        {
            let Some(path) = secret_file.clone() else { continue };
            let setting = "hook.secret_file".to_owned();
            found.push(NamedFile { setting, path, kind: NamedFileKind::NamedOnly });
        }
        found
    }
}
