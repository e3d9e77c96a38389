//! `repo.toml`: what the administrator decided. Everything in it is text that belongs in version control.

mod compress;
mod file;
mod keeping;
mod limits;
mod named_files;
mod ownership;
mod regular_file;
mod restrictions;
mod routing;
mod uploaders;
mod url;
mod value;
mod watch;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use file::{All, File, OnUnknownRelease, RepositoryTable, Source, SuiteTable};
use repo_store::{
    ArchitectureAll, Markers, RepositoryName, RepositorySettings, SuiteSettings, UnknownRelease,
};

pub(crate) use url::Url;
pub(crate) use value::{FromText, Line, argument};
use value::{Text, plain};
pub(crate) use watch::Watch;

use crate::error::Failure;
use repo_serve::{Access, IpNetwork, UserFile};

/// The configuration, checked.
#[derive(Debug)]
pub(crate) struct Config {
    root: Utf8PathBuf,
    /// What it was read from.
    sources: Vec<Source>,
    file: File,
    repositories: BTreeMap<RepositoryName, RepositorySettings>,
}

/// Where `serve` listens when nothing else is said.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

impl Config {
    /// Reads `repo.toml` in `root`, and on top of it every `repo.d/*.toml` in the order of their names.
    pub(crate) fn load(root: &Utf8Path) -> Result<Self, Failure> {
        Self::of(root, &file::sources(root)?)
    }

    /// The configuration that such texts make. Nothing in it is left unchecked for the verb that uses it.
    pub(crate) fn of(root: &Utf8Path, sources: &[Source]) -> Result<Self, Failure> {
        let file = File::of(sources)?;
        let (root, sources) = (root.to_owned(), sources.to_vec());
        let mut config = Self { root, sources, repositories: BTreeMap::new(), file };
        let suites = config.suites()?;
        for (Text(name), table) in &config.file.repositories {
            let settings = config.repository_settings(name, table, &suites)?;
            config.repositories.insert(name.clone(), settings);
        }
        config.check_retention()?;
        Ok(config)
    }

    /// The configuration of a store that has no `repo.toml`, for what only reads: its repositories, of whose settings nothing is known.
    pub(crate) fn without_file(
        root: &Utf8Path,
        repositories: impl IntoIterator<Item = RepositoryName>,
    ) -> Self {
        let settings = |name: RepositoryName| (name.clone(), RepositorySettings::new(name, Vec::new()));
        let repositories = repositories.into_iter().map(settings).collect();
        Self { root: root.to_owned(), sources: Vec::new(), file: File::default(), repositories }
    }

    /// Every configured repository.
    pub(crate) fn repositories(&self) -> impl Iterator<Item = &RepositorySettings> {
        self.repositories.values()
    }

    /// The settings of one repository.
    pub(crate) fn repository(&self, name: &str) -> Result<&RepositorySettings, Failure> {
        let found = RepositoryName::parse(name).ok().and_then(|name| self.repositories.get(&name));
        found.ok_or_else(|| Failure::UnknownRepository {
            name: name.escape_debug().take(100).collect(),
            known: self.repositories.keys().map(ToString::to_string).collect(),
        })
    }

    /// Whether a change is published at once.
    pub(crate) fn publishes_at_once(&self) -> bool {
        self.file.publish != file::Publish::Manual
    }

    /// The address to listen on.
    pub(crate) fn listen(&self) -> &str {
        self.file.serve.listen.as_ref().map_or(DEFAULT_LISTEN, |Text(listen)| listen.0.as_str())
    }

    /// Returns the proxies that are believed about where a request comes from.
    pub(crate) fn trusted_proxies(&self) -> Vec<IpNetwork> {
        plain(&self.file.serve.trusted_proxies)
    }

    /// Returns the address under which clients reach all repositories, if it is configured.
    pub(crate) fn url(&self) -> Option<&Url> {
        self.file.url.as_ref().map(|Text(url)| url)
    }

    /// Returns the address under which clients reach a repository: its own, or below that of all repositories, or below that of `serve`.
    pub(crate) fn url_of(&self, repository: &RepositorySettings) -> Url {
        let name = &repository.name;
        self.configured_url(name).unwrap_or_else(|| Url::of_server(self.listen()).of_repository(name))
    }

    /// Returns the configured address of a repository.
    pub(crate) fn configured_url(&self, name: &RepositoryName) -> Option<Url> {
        let own = self.file.repositories.get(name).and_then(|table| table.url.as_ref());
        let below = || self.url().map(|url| url.of_repository(name));
        own.map(|Text(url)| url.clone()).or_else(below)
    }

    /// Whether clients of a repository need a password.
    pub(crate) fn needs_password(&self, repository: &RepositoryName) -> bool {
        self.file.repositories.get(repository).is_some_and(|table| table.users.is_some())
    }

    /// Returns whether the configuration says what becomes of packages for releases without a suite.
    pub(crate) fn decides_on_unknown_releases(&self, repository: &RepositoryName) -> bool {
        let tables = self.file.repositories.iter();
        let table =
            tables.filter(|(Text(name), _)| name == repository).find_map(|(_, table)| table.unknown_release);
        table.or(self.file.unknown_release).is_some()
    }

    /// Who may read which repository. Files of users are read now.
    pub(crate) fn access(&self) -> BTreeMap<String, Access> {
        let repositories = self.file.repositories.iter();
        let access = repositories.map(|(Text(name), table)| {
            let users = table.users.as_ref().map(|path| UserFile::load(&self.root.join(path)));
            (name.to_string(), Access { allow: plain(&table.allow), users })
        });
        access.collect()
    }

    /// The files of users that cannot be used, by repository, and what is wrong with each: `serve` closes these repositories.
    pub(crate) fn unusable_users(&self) -> Vec<(RepositoryName, Utf8PathBuf, String)> {
        let repositories = self.file.repositories.iter();
        let problems = repositories.filter_map(|(Text(name), table)| {
            let path = table.users.as_ref()?;
            let problem = UserFile::load(&self.root.join(path)).problem()?;
            Some((name.clone(), path.clone(), problem))
        });
        problems.collect()
    }

    fn wrong(&self, what: &str) -> Failure {
        let (path, drop_ins) = file::place(&self.sources);
        Failure::Config { path, drop_ins, line: None, what: what.to_owned() }
    }

    /// The suites of every repository, in the order in which they are listed.
    fn suites(&self) -> Result<Vec<SuiteSettings>, Failure> {
        let names = self.names("suites", &self.file.suites, self.file.suites_file.as_deref())?;
        let architectures =
            self.names("architectures", &self.file.architectures, self.file.architectures_file.as_deref())?;
        if let Some(Text(unknown)) = self.file.suite.keys().find(|Text(name)| !names.contains(name)) {
            return Err(self.wrong(&format!("[suite.{unknown}]: `suites` has no such name")));
        }
        let defaults = SuiteTable::default();
        let settings = |name: &SuiteName| {
            let table = self.file.suite.get(name).unwrap_or(&defaults);
            if let Some(Text(alias)) = &table.alias {
                let others = self.file.suite.iter().filter(|(Text(other), _)| other != name);
                let mut others = others.filter_map(|(_, table)| table.alias.as_ref());
                if names.contains(alias) || others.any(|Text(other)| other == alias) {
                    let what = format!("[suite.{name}]: `{alias}` is the name of another suite");
                    return Err(self.wrong(&what));
                }
            }
            self.suite_settings(name, table, &architectures)
        };
        names.iter().map(settings).collect()
    }

    fn suite_settings(
        &self,
        name: &SuiteName,
        table: &SuiteTable,
        architectures: &[Architecture],
    ) -> Result<SuiteSettings, Failure> {
        let own = table.architectures.as_ref().map(|listed| without_repeats(plain(listed)));
        let architectures = own.unwrap_or_else(|| architectures.to_vec());
        if architectures.is_empty() {
            return Err(
                self.wrong(&format!("the suite {name} has no architectures: list them in `architectures`"))
            );
        }
        let mut settings = SuiteSettings::new(name.clone(), architectures);
        settings.architecture_all = match table.architecture_all {
            All::Folded => ArchitectureAll::Folded,
            All::Apart => ArchitectureAll::Apart,
        };
        if let Some(components) = table.components.as_ref().or(self.file.components.as_ref()) {
            settings.components = without_repeats(plain(components));
        }
        if settings.components.is_empty() {
            return Err(self.wrong(&format!("the suite {name} has no components")));
        }
        for component in &settings.components {
            let parent = component.as_str().strip_suffix("/debian-installer");
            let parent = settings.components.iter().find(|other| Some(other.as_str()) == parent);
            if let Some(parent) = parent {
                let what = format!(
                    "the suite {name}: {component} is where the packages of {parent} for installers are listed"
                );
                return Err(self.wrong(&what));
            }
        }
        if let Some(markers) = &table.markers {
            settings.markers = Markers::new(markers);
        }
        settings.only_routed = table.only_routed;
        settings.alias = table.alias.as_ref().map(|Text(alias)| alias.clone());
        settings.version = text_of(table.version.as_ref());
        settings.changelogs = text_of(table.changelogs.as_ref());
        settings.description = text_of(table.description.as_ref());
        settings.not_automatic = table.not_automatic;
        settings.but_automatic_upgrades = table.but_automatic_upgrades;
        Ok(settings)
    }

    fn repository_settings(
        &self,
        name: &RepositoryName,
        table: &RepositoryTable,
        suites: &[SuiteSettings],
    ) -> Result<RepositorySettings, Failure> {
        let mut chosen = Vec::with_capacity(suites.len());
        match &table.suites {
            None => chosen.extend_from_slice(suites),
            Some(names) => {
                for wanted in without_repeats(plain(names)) {
                    let found = suites.iter().find(|suite| suite.name == wanted);
                    let unknown =
                        || self.wrong(&format!("repositories.{name}.suites: `suites` has no `{wanted}`"));
                    chosen.push(found.ok_or_else(unknown)?.clone());
                }
            }
        }
        if chosen.is_empty() {
            let listed = self.file.suites_file.as_ref().map_or("`suites`", |path| path.as_str());
            let listed = if table.suites.is_some() { "`suites`" } else { listed };
            return Err(self.wrong(&format!("repositories.{name} has no suites: list them in {listed}")));
        }
        for suite in &mut chosen {
            suite.translations = table.translations.unwrap_or(self.file.translations);
        }
        let mut settings = RepositorySettings::new(name.clone(), chosen);
        settings.origin = text_of(self.file.origin.as_ref());
        settings.label = Some(text_of(table.label.as_ref()).unwrap_or_else(|| name.to_string()));
        // It goes into Release, which clients of any kind read.
        settings.url = self.configured_url(name).filter(Url::is_of_the_web).map(|url| url.to_string());
        settings.contents = table.contents.unwrap_or(self.file.contents);
        if table.unknown_release.or(self.file.unknown_release) == Some(OnUnknownRelease::Refuse) {
            settings.unknown_release = UnknownRelease::Refuse;
        }
        self.compress(&mut settings)?;
        settings.pdiffs = table.pdiffs.or(self.file.pdiffs).unwrap_or(RepositorySettings::DEFAULT_PDIFFS);
        if let Some(Text(flat)) = &table.flat {
            if settings.suite(flat).is_none() {
                return Err(self.wrong(&format!("repositories.{name}.flat: it has no suite `{flat}`")));
            }
            settings.flat = Some(flat.clone());
        }
        settings.routing = self.routing(&settings)?;
        settings.valid_for =
            table.valid_for.as_ref().or(self.file.valid_for.as_ref()).map(|Text(time)| *time);
        Ok(settings)
    }

    /// Names from the configuration itself, or from a file with one in each line.
    fn names<T: FromText + Clone + PartialEq>(
        &self,
        what: &str,
        listed: &[Text<T>],
        path: Option<&Utf8Path>,
    ) -> Result<Vec<T>, Failure> {
        let Some(path) = path else { return Ok(without_repeats(plain(listed))) };
        if !listed.is_empty() {
            return Err(self.wrong(&format!("`{what}` and `{what}_file` exclude each other")));
        }
        let path = self.root.join(path);
        let text = regular_file::read_to_string(&path).map_err(Failure::io("read", &path))?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let names = lines.enumerate().filter(|(_, name)| !name.is_empty()).map(|(place, name)| {
            T::from_text(name).map_err(|rule| Failure::Config {
                path: path.clone(),
                drop_ins: false,
                line: Some(place + 1),
                what: rule,
            })
        });
        Ok(without_repeats(names.collect::<Result<_, _>>()?))
    }
}

fn text_of(line: Option<&Text<Line>>) -> Option<String> {
    line.map(|Text(line)| line.to_string())
}

/// The items in their order, each once: a drop-in may list again what is there.
pub(crate) fn without_repeats<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}
