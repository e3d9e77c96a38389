//! The folders out of which packages are taken.

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Component, SuiteName};
use repo_store::{RepositoryName, SuiteSettings};

use crate::config::{Config, without_repeats};
use crate::error::{ConfigError, Contradiction};
use crate::value::Text;

/// A folder out of which packages are taken: `[[incoming]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
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
            let path = folder.path.clone();
            if is_root(&path) || inside.iter().any(|part| path.starts_with(part)) {
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
        ];
        let errors: Vec<String> = refused.iter().map(|text| config(text).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(errors.join("\n"));
    }
}
