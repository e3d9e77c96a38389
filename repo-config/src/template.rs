//! The `repo.toml` of a new store.

use std::fmt;
use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use repo_store::RepositoryName;

use crate::config::{Config, without_repeats};
use crate::error::ConfigError;
use crate::file::OnUnknownRelease;
use crate::url::Url;
use crate::value::Line;

/// With every setting there is. `@WORD@` is filled in; a `#` with a letter or bracket behind it begins a setting that is not set.
pub(crate) const TEXT: &str = include_str!("template.toml");

/// What the `repo.toml` of a new store says. It names every other setting in a comment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Template {
    /// Who publishes, as clients see it.
    pub origin: Line,
    /// The address under which clients reach all repositories.
    pub url: Option<Url>,
    /// What becomes of packages for releases without a suite.
    pub unknown_release: OnUnknownRelease,
    /// The suites.
    pub suites: Vec<SuiteName>,
    /// The architectures.
    pub architectures: Vec<Architecture>,
    /// The repositories.
    pub repositories: Vec<RepositoryName>,
}

impl Template {
    /// Starts from who publishes; packages for releases without a suite are refused. At least one suite, one architecture and one
    /// repository have to be added.
    #[must_use]
    pub fn new(origin: Line) -> Self {
        Self {
            origin,
            url: None,
            unknown_release: OnUnknownRelease::Refuse,
            suites: Vec::new(),
            architectures: Vec::new(),
            repositories: Vec::new(),
        }
    }

    /// Writes the text. Repeated names stand in it once.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let url = match &self.url {
            Some(url) => format!("url = {}", quoted(url)),
            None => "#url = \"https://packages.example.org\"".to_owned(),
        };
        let unknown_release = match self.unknown_release {
            OnUnknownRelease::Refuse => "refuse",
            OnUnknownRelease::Everywhere => "everywhere",
        };
        let repositories = without_repeats(self.repositories.clone());
        let tables: Vec<String> = repositories.iter().map(repository_table).collect();
        let channels = if repositories.len() > 1 { list(&repositories) } else { String::new() };
        let channels = format!("{}channels = [{channels}]", if repositories.len() > 1 { "" } else { "#" });
        TEXT.replace("@ORIGIN@", &quoted(&self.origin))
            .replace("@URL@", &url)
            .replace("@UNKNOWN_RELEASE@", &quoted(unknown_release))
            .replace("@SUITES@", &list(&self.suites))
            .replace("@ARCHITECTURES@", &list(&self.architectures))
            .replace("@CHANNELS@", &channels)
            .replace("@REPOSITORIES@", &tables.join("\n"))
    }

    /// Checks what the text would say as the `repo.toml` in `root`, and writes nothing.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn check(&self, root: &Utf8Path) -> Result<Config, ConfigError> {
        Config::of(root, &[(path_in(root), self.to_toml())])
    }

    /// Writes the `repo.toml` in `root`, which must have none, so that it survives a power cut, and returns its path.
    ///
    /// # Errors
    /// [`ConfigError::Io`], also when there is one.
    pub fn save_new(&self, root: &Utf8Path) -> Result<Utf8PathBuf, ConfigError> {
        let path = path_in(root);
        write_durably(&path, &self.to_toml()).map_err(ConfigError::io("write", &path))?;
        let mode = Permissions::from_mode(repo_store::storage::permissions::mode::MUTABLE);
        std::fs::set_permissions(&path, mode).map_err(ConfigError::io("set the mode of", &path))?;
        Ok(path)
    }
}

fn path_in(root: &Utf8Path) -> Utf8PathBuf {
    root.join("repo.toml")
}

fn write_durably(path: &Utf8Path, text: &str) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

fn quoted(value: impl fmt::Display) -> String {
    toml::Value::from(value.to_string()).to_string()
}

fn list<T: Clone + PartialEq + fmt::Display>(names: &[T]) -> String {
    without_repeats(names.to_vec()).iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// The table of a repository; a name with a dot needs quotes.
fn repository_table(name: &RepositoryName) -> String {
    if name.as_str().contains('.') {
        format!("[repositories.\"{name}\"]\n")
    } else {
        format!("[repositories.{name}]\n")
    }
}
