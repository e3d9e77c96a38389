//! The folders from which packages are taken.

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Component, SuiteName};
use repo_store::settings::WildPattern;
use repo_store::{RepositoryName, SuiteSettings};

use crate::config::{Config, without_repeats};
use crate::error::{ConfigError, Contradiction, InvalidValue};
use crate::value::{FromText, Text};

/// A folder from which packages are taken: `[[incoming]]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DropFolder {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// Where the packages go.
    pub repository: RepositoryName,
    /// The suites they go to, whatever their versions say; those that follow from their versions when empty.
    pub suites: Vec<SuiteName>,
    /// The component they go to, whatever their sections say.
    pub component: Option<Component>,
    /// The names of packages that are taken; any when empty.
    pub names: Vec<WildPattern>,
    /// The users whose files are taken; anybody's when empty.
    pub owners: Vec<String>,
    /// The keyring of those who may upload here, where that is not that of the repository.
    pub uploaders: Option<Utf8PathBuf>,
    /// The directory that files are moved to when they were taken; they are deleted without one.
    pub archive: Option<Utf8PathBuf>,
}

/// What becomes of files that were taken: `delete`, or `archive:DIR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AfterTaking {
    Delete,
    Archive(Utf8PathBuf),
}

impl FromText for AfterTaking {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        match text.strip_prefix("archive:").filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::Archive(path.into())),
            None if text == "delete" => Ok(Self::Delete),
            None => {
                let shown = text.escape_debug();
                Err(format!("`{shown}` is neither delete nor archive:DIR").into())
            }
        }
    }
}

impl Config {
    /// Returns the configured drop folders, in the order of the configuration.
    #[must_use]
    pub fn drop_folders(&self) -> Vec<DropFolder> {
        let folder = |table: &crate::file::IncomingTable| DropFolder {
            path: self.root().join(&table.folder),
            repository: table.repository.0.clone(),
            suites: table.suites.iter().map(|Text(suite)| suite.clone()).collect(),
            component: table.component.as_ref().map(|Text(component)| component.clone()),
            names: table.names.iter().map(|name| WildPattern::new(name)).collect(),
            owners: table.owners.clone(),
            uploaders: table.uploaders.as_ref().map(|path| self.root().join(path)),
            archive: table.after.as_ref().and_then(|Text(after)| match after {
                AfterTaking::Delete => None,
                AfterTaking::Archive(path) => Some(self.root().join(path)),
            }),
        };
        self.file.incoming.iter().map(folder).collect()
    }

    pub(crate) fn check_drop_folders(&self, found: &mut Vec<ConfigError>) {
        let folders = self.drop_folders();
        for (place, folder) in folders.iter().enumerate() {
            let number = place + 1;
            found.extend(self.destination_faults(number, folder).map(|fault| self.contradiction(fault)));
            let inside = ["store", "public", "keys", "repo.d"].map(|part| self.root().join(part));
            let is_root = |path: &Utf8Path| path.components().eq(self.root().components());
            let is_in_store =
                |path: &Utf8Path| is_root(path) || inside.iter().any(|part| path.starts_with(part));
            if let Some(path) =
                folder.archive.clone().filter(|path| is_in_store(path) || *path == folder.path)
            {
                found.push(self.contradiction(Contradiction::ArchiveInStore { number, path }));
            }
            let path = folder.path.clone();
            if is_in_store(&path) {
                found.push(self.contradiction(Contradiction::FolderInStore { number, path }));
            } else if folders.iter().take(place).any(|earlier| earlier.path == path) {
                // Whichever looks first would decide where a package goes.
                found.push(self.contradiction(Contradiction::FolderTwice { number, path }));
            }
        }
    }

    /// What is wrong with where the packages of a folder go.
    fn destination_faults(
        &self,
        number: usize,
        folder: &DropFolder,
    ) -> impl Iterator<Item = Contradiction> + use<> {
        let mut faults = Vec::new();
        let Some(settings) = self.repositories().find(|repository| repository.name == folder.repository)
        else {
            let repository = folder.repository.clone();
            let known = self.repositories().map(|repository| repository.name.to_string()).collect();
            faults.push(Contradiction::FolderOfNoRepository { number, repository, known });
            return faults.into_iter();
        };
        for suite in folder.suites.iter().filter(|suite| settings.suite(suite).is_none()) {
            let known = settings.suites.iter().map(|suite| suite.name.to_string()).collect();
            faults.push(Contradiction::FolderOfNoSuite { number, suite: suite.clone(), known });
        }
        if let Some(component) = folder.component.as_ref().filter(|_| faults.is_empty()) {
            let is_meant =
                |suite: &&SuiteSettings| folder.suites.is_empty() || folder.suites.contains(&suite.name);
            let components = settings.suites.iter().filter(is_meant).flat_map(|suite| &suite.components);
            let known = without_repeats(components.map(ToString::to_string).collect());
            if !known.iter().any(|known| known == component.as_str()) {
                let component = component.clone();
                faults.push(Contradiction::FolderOfNoComponent { number, component, known });
            }
        }
        faults.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(incoming: &str) -> Result<Config, ConfigError> {
        let text = format!(
            "origin = 'us'\nsuites = ['bookworm', 'trixie']\narchitectures = ['amd64']\n[repositories.preprod]\n\
             [repositories.prod]\nsuites = ['trixie']\n{incoming}"
        );
        Config::of("/root".into(), &[("/root/repo.toml".into(), text)])
    }

    #[test]
    fn folders_are_read_and_relative_ones_begin_at_the_root() {
        let config = config(
            "[[incoming]]\nfolder = '/srv/ci'\nrepository = 'preprod'\nsuites = ['bookworm']\ncomponent = 'main'\n\
             [[incoming]]\nfolder = 'drop'\nrepository = 'prod'\n",
        );
        let folders = config.unwrap().drop_folders();
        let paths: Vec<&str> = folders.iter().map(|folder| folder.path.as_str()).collect();
        assert_eq!(paths, ["/srv/ci", "/root/drop"]);
        assert_eq!(folders[0].suites.len(), 1);
        assert_eq!(folders[1].component, None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = [
            "[[incoming]]\nfolder = 'a'\nrepository = 'prodd'\n",
            "[[incoming]]\nfolder = 'a'\nrepository = 'prod'\nsuites = ['bookworm']\n",
            "[[incoming]]\nfolder = 'a'\nrepository = 'prod'\n[[incoming]]\nfolder = '/root/a'\nrepository = 'preprod'\n",
            "[[incoming]]\nfolder = 'a'\n",
            "[[incoming]]\nfolder = 'a'\nrepository = 'prod'\ncomponent = 'nope'\n",
            "[[incoming]]\nfolder = 'public/preprod'\nrepository = 'prod'\n",
            "[[incoming]]\nfolder = '.'\nrepository = 'prod'\n",
            "[[incoming]]\nfolder = 'a'\nrepository = 'prod'\nafter = 'burn'\n",
            "[[incoming]]\nfolder = 'a'\nrepository = 'prod'\nafter = 'archive:a'\n",
            "[[incoming]]\nfolder = 'a'\nrepository = 'prod'\nafter = 'archive:public/x'\n",
            "[[incoming]]\nfolder = 'a'\nrepository = 'prod'\nnames = []\n",
            "[[incoming]]\nfolder = 'a'\nrepository = 'prod'\nowners = ['']\n",
        ];
        let errors: Vec<String> = refused.iter().map(|text| config(text).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(errors.join("\n"));
    }
}
