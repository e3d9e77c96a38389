//! The `repo.toml` of a new store.

use std::fmt;
use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use repo_store::settings::ReleaseField;
use repo_store::{RepositoryName, SuiteSettings};

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
    /// What suites have of their own: what clients are told of them, their architectures and their components.
    pub suite_settings: Vec<SuiteSettings>,
    /// The suite that the first repository publishes at its root as well.
    pub flat: Option<SuiteName>,
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
            suite_settings: Vec::new(),
            flat: None,
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
        let mut tables: Vec<String> = repositories.iter().map(repository_table).collect();
        if let (Some(table), Some(flat)) = (tables.first_mut(), &self.flat) {
            table.push_str(&format!("flat = {}\n", quoted(flat)));
        }
        let channels = if repositories.len() > 1 { list(&repositories) } else { String::new() };
        let channels = format!("{}channels = [{channels}]", if repositories.len() > 1 { "" } else { "#" });
        let suites: String = self.suite_settings.iter().map(suite_table).collect();
        let text = format!("{TEXT}{suites}");
        text.replace("@ORIGIN@", &quoted(&self.origin))
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

/// The table of what a suite has of its own.
fn suite_table(suite: &SuiteSettings) -> String {
    let mut text = format!("\n[suite.{}]\n", quoted(&suite.name));
    let mut set = |key: &str, value: String| text.push_str(&format!("{key} = {value}\n"));
    set("architectures", format!("[{}]", list(&suite.architectures)));
    set("components", format!("[{}]", list(&suite.components)));
    let names = &suite.names;
    let settings = [
        ("alias", suite.alias.as_ref().map(quoted)),
        ("suite", own_name(&names.suite)),
        ("codename", own_name(&names.codename)),
        ("origin", own_name(&names.origin)),
        ("label", own_name(&names.label)),
        ("version", suite.version.as_ref().map(quoted)),
        ("description", suite.description.as_ref().map(quoted)),
        ("changelogs", suite.changelogs.as_ref().map(quoted)),
        ("not_automatic", suite.not_automatic.then(|| true.to_string())),
        ("but_automatic_upgrades", suite.but_automatic_upgrades.then(|| true.to_string())),
    ];
    for (key, value) in settings {
        if let Some(value) = value {
            set(key, value);
        }
    }
    text
}

/// Returns what a suite calls itself in one field; nothing where it inherits the name.
fn own_name<T: fmt::Display>(field: &ReleaseField<T>) -> Option<String> {
    match field {
        ReleaseField::Inherited => None,
        ReleaseField::Omitted => Some(quoted("")),
        ReleaseField::Value(value) => Some(quoted(value)),
    }
}

#[cfg(test)]
mod tests {
    use deb_parse::Component;

    use super::*;
    use crate::value::FromText as _;

    #[test]
    fn what_suites_have_of_their_own_is_read_back_as_it_was_given() {
        let name = |name: &str| SuiteName::parse(name).unwrap();
        let mut template = Template::new(Line::from_text("Example").unwrap());
        let architectures = vec![Architecture::parse("amd64").unwrap()];
        let mut one = SuiteSettings::new(name("one.1"), architectures.clone());
        one.components = ["main", "contrib"].map(|name| Component::parse(name).unwrap()).to_vec();
        one.names.origin = ReleaseField::Value("\"O\" Ltd".to_owned());
        one.names.label = ReleaseField::Omitted;
        one.names.suite = ReleaseField::Value(name("stable"));
        one.names.codename = ReleaseField::Omitted;
        one.version = Some("12".to_owned());
        one.not_automatic = true;
        let mut two = SuiteSettings::new(name("two"), architectures.clone());
        two.alias = Some(name("testing"));
        two.names.codename = ReleaseField::Value(name("second"));
        template.suites = vec![one.name.clone(), two.name.clone()];
        template.architectures = architectures;
        template.repositories = vec![RepositoryName::parse("old").unwrap()];
        template.flat = Some(name("two"));
        template.suite_settings = vec![one.clone(), two.clone()];
        let config = template.check(Utf8Path::new("/none")).unwrap();
        let repository = config.repositories().next().unwrap();
        assert_eq!(repository.flat, Some(name("two")));
        for (read, given) in repository.suites.iter().zip([one, two]) {
            assert_eq!(format!("{read:?}"), format!("{given:?}"));
        }
    }
}
