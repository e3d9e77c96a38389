//! `repo.toml`: what the administrator decided. Everything in it is text that belongs in version control.

mod compress;
mod file;
mod keeping;
mod routing;
mod uploaders;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, Component, SuiteName};
pub(crate) use file::duration as parse_duration;
use file::{All, File, RepositoryTable, SuiteTable};
use repo_store::{ArchitectureAll, Markers, RepositoryName, RepositorySettings, SuiteSettings};

use crate::error::Failure;
use crate::serve::{Access, IpNetwork, UserFile};

/// The configuration, checked.
#[derive(Debug)]
pub(crate) struct Config {
    path: Utf8PathBuf,
    root: Utf8PathBuf,
    file: File,
    repositories: BTreeMap<RepositoryName, RepositorySettings>,
}

/// Where `serve` listens when nothing else is said.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

impl Config {
    /// Reads `repo.toml` in `root`, and on top of it every `repo.d/*.toml` in the order of their names.
    pub(crate) fn load(root: &Utf8Path) -> Result<Self, Failure> {
        let path = root.join("repo.toml");
        let file = File::load(root)?;
        let mut config = Self { path, root: root.to_owned(), repositories: BTreeMap::new(), file };
        let suites = config.suites()?;
        for (name, table) in &config.file.repositories {
            let name = RepositoryName::parse(name).map_err(|_| {
                config.wrong(&format!("`{}` cannot be the name of a repository", name.escape_debug()))
            })?;
            let settings = config.repository_settings(&name, table, &suites)?;
            config.repositories.insert(name, settings);
        }
        Ok(config)
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
        self.file.serve.listen.as_deref().unwrap_or(DEFAULT_LISTEN)
    }

    /// The address under which clients reach the repositories, if it is configured.
    pub(crate) fn url(&self) -> Option<String> {
        self.file.url.as_ref().map(|url| url.trim_end_matches('/').to_owned())
    }

    /// Whether clients of a repository need a password.
    pub(crate) fn needs_password(&self, repository: &RepositoryName) -> bool {
        self.file.repositories.get(repository.as_str()).is_some_and(|table| table.users.is_some())
    }

    /// Who may read which repository. Files of users are read now.
    pub(crate) fn access(&self) -> Result<BTreeMap<String, Access>, Failure> {
        let mut access = BTreeMap::new();
        for (name, table) in &self.file.repositories {
            let networks = table.allow.iter().map(|text| {
                IpNetwork::parse(text)
                    .map_err(|error| self.wrong(&format!("repositories.{name}.allow: {error}")))
            });
            let allow = networks.collect::<Result<Vec<_>, _>>()?;
            let users = table.users.as_ref().map(|path| UserFile::load(&self.root.join(path))).transpose()?;
            access.insert(name.clone(), Access { allow, users });
        }
        Ok(access)
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::Config { path: self.path.clone(), what: what.to_owned() }
    }

    /// The suites of every repository, in the order in which they are listed.
    fn suites(&self) -> Result<Vec<SuiteSettings>, Failure> {
        let names = self.names("suites", &self.file.suites, self.file.suites_file.as_deref())?;
        let architectures =
            self.names("architectures", &self.file.architectures, self.file.architectures_file.as_deref())?;
        if let Some(unknown) = self.file.suite.keys().find(|name| !names.contains(name)) {
            return Err(self.wrong(&format!("[suite.{unknown}]: `suites` has no such name")));
        }
        let defaults = SuiteTable::default();
        names
            .iter()
            .map(|name| {
                let table = self.file.suite.get(name).unwrap_or(&defaults);
                self.suite_settings(name, table, &architectures)
            })
            .collect()
    }

    fn suite_settings(
        &self,
        name: &str,
        table: &SuiteTable,
        architectures: &[String],
    ) -> Result<SuiteSettings, Failure> {
        let suite = self.checked(name, SuiteName::parse)?;
        let architectures = table.architectures.as_deref().unwrap_or(architectures);
        if architectures.is_empty() {
            return Err(
                self.wrong(&format!("the suite {name} has no architectures: list them in `architectures`"))
            );
        }
        let mut settings = SuiteSettings::new(suite, self.all(architectures, Architecture::parse)?);
        if let Some(all) = settings.architectures.iter().find(|architecture| architecture.is_all()) {
            let what = format!("`{all}` is no architecture to list: such packages are in every index anyway");
            return Err(self.wrong(&what));
        }
        settings.architecture_all = match table.architecture_all {
            All::Folded => ArchitectureAll::Folded,
            All::Apart => ArchitectureAll::Apart,
        };
        let components = table.components.as_deref().or(self.file.components.as_deref());
        if let Some(components) = components {
            settings.components = self.all(components, Component::parse)?;
        }
        if settings.components.is_empty() {
            return Err(self.wrong(&format!("the suite {name} has no components")));
        }
        if let Some(markers) = &table.markers {
            settings.markers = Markers::new(markers.clone());
        }
        settings.only_routed = table.only_routed;
        if let Some(alias) = &table.alias {
            let others = || self.file.suite.iter().filter(|(other, _)| *other != name);
            let taken = self.file.suites.contains(alias)
                || self.file.suite.contains_key(alias)
                || others().any(|(_, table)| table.alias.as_ref() == Some(alias));
            if taken {
                return Err(self.wrong(&format!("[suite.{name}]: `{alias}` is the name of another suite")));
            }
            settings.alias = Some(self.checked(alias, SuiteName::parse)?);
        }
        settings.version.clone_from(&table.version);
        settings.changelogs.clone_from(&table.changelogs);
        settings.description.clone_from(&table.description);
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
        let mut chosen = match &table.suites {
            None => suites.to_vec(),
            Some(names) => names
                .iter()
                .map(|wanted| {
                    let found = suites.iter().find(|suite| suite.name.as_str() == wanted);
                    let unknown =
                        || self.wrong(&format!("repositories.{name}.suites: `suites` has no `{wanted}`"));
                    found.cloned().ok_or_else(unknown)
                })
                .collect::<Result<_, _>>()?,
        };
        if chosen.is_empty() {
            let listed = self.file.suites_file.as_ref().map_or("`suites`", |path| path.as_str());
            let listed = if table.suites.is_some() { "`suites`" } else { listed };
            return Err(self.wrong(&format!("repositories.{name} has no suites: list them in {listed}")));
        }
        for suite in &mut chosen {
            suite.translations = table.translations.unwrap_or(self.file.translations);
        }
        let mut settings = RepositorySettings::new(name.clone(), chosen);
        settings.origin.clone_from(&self.file.origin);
        settings.label = Some(table.label.clone().unwrap_or_else(|| name.to_string()));
        settings.url = self.url();
        settings.contents = table.contents.unwrap_or(self.file.contents);
        self.compress(&mut settings)?;
        settings.pdiffs = table.pdiffs.or(self.file.pdiffs).unwrap_or(RepositorySettings::DEFAULT_PDIFFS);
        if let Some(flat) = &table.flat {
            let suite = settings.suites.iter().find(|suite| suite.name.as_str() == flat);
            let unknown = || {
                self.wrong(&format!("repositories.{name}.flat: it has no suite `{}`", flat.escape_debug()))
            };
            settings.flat = Some(suite.ok_or_else(unknown)?.name.clone());
        }
        settings.routing = self.routing(&settings)?;
        if let Some(text) = table.valid_for.as_ref().or(self.file.valid_for.as_ref()) {
            settings.valid_for =
                Some(file::duration(text).ok_or_else(|| {
                    self.wrong(&format!("valid_for: `{text}` is no time such as 14d or 36h"))
                })?);
        }
        Ok(settings)
    }

    /// Names from the configuration itself, or from a file with one in each line.
    fn names(&self, what: &str, listed: &[String], path: Option<&Utf8Path>) -> Result<Vec<String>, Failure> {
        let Some(path) = path else { return Ok(without_repeats(listed.to_vec())) };
        if !listed.is_empty() {
            return Err(self.wrong(&format!("`{what}` and `{what}_file` exclude each other")));
        }
        let path = self.root.join(path);
        let text = std::fs::read_to_string(&path).map_err(Failure::io("read", &path))?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        Ok(without_repeats(lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()))
    }

    fn all<T>(
        &self,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, deb_parse::Error>,
    ) -> Result<Vec<T>, Failure> {
        without_repeats(texts.to_vec()).iter().map(|text| self.checked(text, &parse)).collect()
    }

    fn checked<T>(
        &self,
        text: &str,
        parse: impl Fn(&str) -> Result<T, deb_parse::Error>,
    ) -> Result<T, Failure> {
        parse(text).map_err(|error| self.wrong(&error.to_string()))
    }
}

/// The items in their order, each once: a drop-in may list again what is there.
fn without_repeats<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}
