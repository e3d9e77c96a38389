//! Whose uploads are taken.

use apt_sign::Keyring;
use camino::Utf8Path;
use repo_store::RepositoryName;
use repo_store::settings::Uploaders;

use crate::config::Config;
use crate::error::ConfigError;
use crate::regular_file;

impl Config {
    /// Returns who may upload to a repository, when that is configured, for
    /// [`RepositorySettings::uploaders`](repo_store::RepositorySettings). The keyring is read now.
    ///
    /// # Errors
    /// [`ConfigError::Io`] and [`ConfigError::Keyring`].
    pub fn uploaders(&self, repository: &RepositoryName) -> Result<Option<Uploaders>, ConfigError> {
        let own = self.file.repositories.get(repository).and_then(|table| table.uploaders.as_ref());
        let Some(path) = own.or(self.file.uploaders.as_ref()) else { return Ok(None) };
        self.uploaders_in(path).map(Some)
    }

    /// Returns who may upload to a drop folder that has a keyring of its own, which is read now.
    ///
    /// # Errors
    /// [`ConfigError::Io`] and [`ConfigError::Keyring`].
    pub fn uploaders_in(&self, path: &Utf8Path) -> Result<Uploaders, ConfigError> {
        let path = self.root.join(path);
        let bytes = regular_file::read(&path).map_err(ConfigError::io("read", &path))?;
        let keyring = Keyring::parse(&bytes).map_err(|source| ConfigError::Keyring { path, source })?;
        let judge = move |message: &[u8], time| Ok(keyring.verify_inline(message, time)?.into_text());
        Ok(Uploaders::new(judge))
    }
}
