//! Whose uploads are taken.

use apt_sign::Keyring;
use repo_store::{RepositoryName, Uploaders};

use super::Config;
use crate::error::Failure;

impl Config {
    /// Who may upload to a repository, when that is configured. The keyring is read now.
    pub(crate) fn uploaders(&self, repository: &RepositoryName) -> Result<Option<Uploaders>, Failure> {
        let own = self.file.repositories.get(repository).and_then(|table| table.uploaders.as_ref());
        let Some(path) = own.or(self.file.uploaders.as_ref()) else { return Ok(None) };
        let path = self.root.join(path);
        let bytes = super::regular_file::read(&path).map_err(Failure::io("read", &path))?;
        let keyring = Keyring::parse(&bytes).map_err(|error| Failure::Config {
            path,
            drop_ins: false,
            line: None,
            what: crate::error::chain(&error),
        })?;
        let judge = move |message: &[u8], time| Ok(keyring.verify_inline(message, time)?.into_text());
        Ok(Some(Uploaders::new(judge)))
    }
}
