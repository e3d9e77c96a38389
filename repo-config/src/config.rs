//! `repo.toml`: what the administrator decided. Everything in it is text that belongs in version control.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use repo_store::{
    ArchitectureAll, Markers, RepositoryName, RepositorySettings, SettingsError, SuiteSettings,
    UnknownRelease,
};

use crate::error::{ConfigError, Contradiction, Place};
use crate::file::{self, All, File, OnUnknownRelease, RepositoryTable, Source, SuiteTable};
use crate::network::Network;
use crate::place;
use crate::regular_file;
use crate::url::Url;
use crate::value::{FromText, Line, Text, plain};

/// The configuration, checked.
#[derive(Debug)]
pub struct Config {
    pub(crate) root: Utf8PathBuf,
    /// What it was read from.
    pub(crate) sources: Vec<Source>,
    pub(crate) file: File,
    pub(crate) repositories: BTreeMap<RepositoryName, RepositorySettings>,
}

/// Where `serve` listens when nothing else is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

impl Config {
    /// Reads `repo.toml` in `root`, and on top of it every `repo.d/*.toml` in the order of their names. Nothing in it is left unchecked for
    /// the operation that uses it, but the files of users and the keyrings, which are read when they are used.
    ///
    /// # Errors
    /// [`ConfigError::Text`] for what breaks the rules of a text; [`ConfigError::Settings`] for what
    /// [`RepositorySettings::validate`] refuses; [`ConfigError::Contradiction`] for what does not go together;
    /// [`ConfigError::Ownership`] for drop-ins of others; [`ConfigError::Io`] for what cannot be read.
    pub fn load(root: &Utf8Path) -> Result<Self, ConfigError> {
        Self::of(root, &file::sources(root)?)
    }

    /// The configuration that such texts make.
    pub(crate) fn of(root: &Utf8Path, sources: &[Source]) -> Result<Self, ConfigError> {
        let file = File::of(sources)?;
        let (root, sources) = (root.to_owned(), sources.to_vec());
        let mut config = Self { root, sources, repositories: BTreeMap::new(), file };
        let suites = config.suites()?;
        for (Text(name), table) in &config.file.repositories {
            let settings = config.repository_settings(name, table, &suites)?;
            config.repositories.insert(name.clone(), settings);
        }
        config.check_channels()?;
        config.check_drop_folders()?;
        config.check_retention()?;
        config.check_addresses()?;
        config.check_signers()?;
        Ok(config)
    }

    fn check_channels(&self) -> Result<(), ConfigError> {
        let channels = self.channels();
        for (place, repository) in channels.iter().enumerate() {
            let repository = repository.clone();
            if !self.repositories.contains_key(&repository) {
                let known = self.repositories.keys().map(ToString::to_string).collect();
                return Err(self.contradiction(Contradiction::ChannelWithoutRepository { repository, known }));
            }
            if channels.iter().take(place).any(|earlier| *earlier == repository) {
                return Err(self.contradiction(Contradiction::ChannelTwice { repository }));
            }
        }
        Ok(())
    }

    /// Two repositories with one address: a request for it would be for neither, or for the wrong one.
    fn check_addresses(&self) -> Result<(), ConfigError> {
        let mut seen: BTreeMap<String, &RepositoryName> = BTreeMap::new();
        for name in self.repositories.keys() {
            let Some(url) = self.configured_url(name) else { continue };
            if let Some(other) = seen.insert(url.identity(), name) {
                let (first, second) = (other.clone(), name.clone());
                return Err(self.contradiction(Contradiction::SameAddress {
                    first,
                    second,
                    address: url.to_string(),
                }));
            }
        }
        Ok(())
    }

    /// Makes the configuration of a store that has no `repo.toml`, for what only reads: its repositories, of whose settings nothing is known.
    #[must_use]
    pub fn without_file(root: &Utf8Path, repositories: impl IntoIterator<Item = RepositoryName>) -> Self {
        let settings = |name: RepositoryName| (name.clone(), RepositorySettings::new(name, Vec::new()));
        let repositories = repositories.into_iter().map(settings).collect();
        Self { root: root.to_owned(), sources: Vec::new(), file: File::default(), repositories }
    }

    /// Returns the settings of every configured repository, in the order of their names.
    pub fn repositories(&self) -> impl Iterator<Item = &RepositorySettings> {
        self.repositories.values()
    }

    /// Returns the settings of one repository.
    ///
    /// # Errors
    /// [`ConfigError::UnknownRepository`] when it is not configured.
    pub fn repository(&self, name: &str) -> Result<&RepositorySettings, ConfigError> {
        let found = RepositoryName::parse(name).ok().and_then(|name| self.repositories.get(&name));
        found.ok_or_else(|| ConfigError::UnknownRepository {
            name: name.escape_debug().take(100).collect(),
            known: self.repositories.keys().cloned().collect(),
        })
    }

    /// Returns the repositories through which packages are promoted, in that order; empty when there is no such order.
    #[must_use]
    pub fn channels(&self) -> Vec<RepositoryName> {
        plain(&self.file.channels)
    }

    /// Returns whether a change is published at once.
    #[must_use]
    pub fn publishes_at_once(&self) -> bool {
        self.file.publish != file::Publish::Manual
    }

    /// Returns the address to listen on: a host or address, and a port.
    #[must_use]
    pub fn listen(&self) -> &str {
        self.file.serve.listen.as_ref().map_or(DEFAULT_LISTEN, |Text(listen)| listen.0.as_str())
    }

    /// Returns the proxies that are believed about where a request comes from.
    #[must_use]
    pub fn trusted_proxies(&self) -> Vec<Network> {
        plain(&self.file.serve.trusted_proxies)
    }

    /// Returns the address under which clients reach all repositories, if it is configured.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.file.url.as_ref().map(|Text(url)| url)
    }

    /// Returns the address under which clients reach a repository: its own, or below that of all repositories, or below that of `serve`.
    #[must_use]
    pub fn url_of(&self, repository: &RepositorySettings) -> Url {
        let name = &repository.name;
        self.configured_url(name).unwrap_or_else(|| Url::of_server(self.listen()).of_repository(name))
    }

    /// Returns the configured address of a repository.
    #[must_use]
    pub fn configured_url(&self, name: &RepositoryName) -> Option<Url> {
        let own = self.file.repositories.get(name).and_then(|table| table.url.as_ref());
        let below = || self.url().map(|url| url.of_repository(name));
        own.map(|Text(url)| url.clone()).or_else(below)
    }

    /// Returns whether clients of a repository need a password.
    #[must_use]
    pub fn needs_password(&self, repository: &RepositoryName) -> bool {
        self.users_file(repository).is_some()
    }

    /// Returns whether the configuration says what becomes of packages for releases without a suite.
    #[must_use]
    pub fn decides_on_unknown_releases(&self, repository: &RepositoryName) -> bool {
        let tables = self.file.repositories.iter();
        let table =
            tables.filter(|(Text(name), _)| name == repository).find_map(|(_, table)| table.unknown_release);
        table.or(self.file.unknown_release).is_some()
    }

    /// Returns the networks whose addresses may read a repository; none stands for every address.
    #[must_use]
    pub fn allowed_networks(&self, repository: &RepositoryName) -> Vec<Network> {
        self.file.repositories.get(repository).map_or_else(Vec::new, |table| plain(&table.allow))
    }

    /// Returns the file of the users who may read a repository, as it is configured: its path begins at the [root](Self::root).
    #[must_use]
    pub fn users_file(&self, repository: &RepositoryName) -> Option<&Utf8Path> {
        self.file.repositories.get(repository).and_then(|table| table.users.as_deref())
    }

    /// Returns the files that it was read from: `repo.toml` and its drop-ins, in the order in which they count.
    pub fn files(&self) -> impl Iterator<Item = &Utf8Path> {
        self.sources.iter().map(|(path, _)| path.as_path())
    }

    /// Returns the directory that `repo.toml` is in, at which the paths in it begin.
    #[must_use]
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    pub(crate) fn contradiction(&self, fault: Contradiction) -> ConfigError {
        let place = Place::of(&self.sources, &place::contradicting(&fault));
        ConfigError::Contradiction { place, fault }
    }

    /// What the store refuses, with its place.
    fn refused(&self, source: SettingsError) -> ConfigError {
        let place = Place::of(&self.sources, &place::refused(&source));
        ConfigError::Settings { place, source }
    }

    /// The suites of every repository, in the order in which they are listed.
    fn suites(&self) -> Result<Vec<SuiteSettings>, ConfigError> {
        let names = self.names("suites", &self.file.suites, self.file.suites_file.as_deref())?;
        let architectures =
            self.names("architectures", &self.file.architectures, self.file.architectures_file.as_deref())?;
        if let Some(Text(unknown)) = self.file.suite.keys().find(|Text(name)| !names.contains(name)) {
            let known = names.iter().map(ToString::to_string).collect();
            return Err(
                self.contradiction(Contradiction::TableWithoutSuite { suite: unknown.clone(), known })
            );
        }
        let defaults = SuiteTable::default();
        let settings = |name: &SuiteName| {
            self.suite_settings(name, self.file.suite.get(name).unwrap_or(&defaults), &architectures)
        };
        let suites: Vec<_> = names.iter().map(settings).collect();
        // Here too, as no repository need have them all.
        SuiteSettings::validate_aliases(&suites).map_err(|refusal| self.refused(refusal))?;
        for suite in &suites {
            suite.validate().map_err(|refusal| self.refused(refusal))?;
        }
        Ok(suites)
    }

    fn suite_settings(
        &self,
        name: &SuiteName,
        table: &SuiteTable,
        architectures: &[Architecture],
    ) -> SuiteSettings {
        let own = table.architectures.as_ref().map(|listed| without_repeats(plain(listed)));
        let architectures = own.unwrap_or_else(|| architectures.to_vec());
        let mut settings = SuiteSettings::new(name.clone(), architectures);
        settings.architecture_all = match table.architecture_all {
            All::Folded => ArchitectureAll::Folded,
            All::Apart => ArchitectureAll::Apart,
        };
        if let Some(components) = table.components.as_ref().or(self.file.components.as_ref()) {
            settings.components = without_repeats(plain(components));
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
        settings
    }

    fn repository_settings(
        &self,
        name: &RepositoryName,
        table: &RepositoryTable,
        suites: &[SuiteSettings],
    ) -> Result<RepositorySettings, ConfigError> {
        let mut chosen = Vec::with_capacity(suites.len());
        match &table.suites {
            None => chosen.extend_from_slice(suites),
            Some(names) => {
                for wanted in without_repeats(plain(names)) {
                    let found = suites.iter().find(|suite| suite.name == wanted);
                    let unknown = || {
                        let (repository, suite) = (name.clone(), wanted.clone());
                        let known = suites.iter().map(|suite| suite.name.to_string()).collect();
                        self.contradiction(Contradiction::UnknownSuite { repository, suite, known })
                    };
                    chosen.push(found.ok_or_else(unknown)?.clone());
                }
            }
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
        self.compress(&mut settings);
        settings.pdiffs = table.pdiffs.or(self.file.pdiffs).unwrap_or(RepositorySettings::DEFAULT_PDIFFS);
        settings.pdiffs_from = self
            .file
            .pdiffs_from
            .as_ref()
            .map_or(RepositorySettings::DEFAULT_PDIFFS_FROM, |Text(size)| size.0);
        settings.flat = table.flat.as_ref().map(|Text(flat)| flat.clone());
        settings.routing = self.routing(&settings)?;
        settings.valid_for =
            table.valid_for.as_ref().or(self.file.valid_for.as_ref()).map(|Text(time)| *time);
        settings.validate().map_err(|refusal| self.refused(refusal))?;
        Ok(settings)
    }

    /// Names from the configuration itself, or from a file with one in each line.
    fn names<T: FromText + Clone + PartialEq>(
        &self,
        key: &'static str,
        listed: &[Text<T>],
        path: Option<&Utf8Path>,
    ) -> Result<Vec<T>, ConfigError> {
        let Some(path) = path else { return Ok(without_repeats(plain(listed))) };
        if !listed.is_empty() {
            return Err(self.contradiction(Contradiction::ListedTwice { key }));
        }
        let path = self.root.join(path);
        let text = regular_file::read_to_string(&path).map_err(ConfigError::io("read", &path))?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let names = lines.enumerate().filter(|(_, name)| !name.is_empty()).map(|(place, name)| {
            T::from_text(name).map_err(|rule| ConfigError::Text {
                place: Place::in_file(&path, Some(place + 1)),
                key: None,
                what: rule.to_string(),
                unknown: None,
            })
        });
        Ok(without_repeats(names.collect::<Result<_, _>>()?))
    }
}

fn text_of(line: Option<&Text<Line>>) -> Option<String> {
    line.map(|Text(line)| line.to_string())
}

/// Returns the items in their order, each once: a drop-in may list again what is there.
#[must_use]
pub fn without_repeats<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str =
        "suites = ['a', 'b']\narchitectures = ['amd64']\ncomponents = ['main']\n[repositories.prod]\n";

    /// What is said of a drop-in over the base.
    fn refused(drop_in: &str) -> ConfigError {
        let sources = [("repo.toml".into(), BASE.to_owned()), ("repo.d/x.toml".into(), drop_in.to_owned())];
        Config::of(Utf8Path::new("."), &sources).expect_err(drop_in)
    }

    #[test]
    fn what_the_store_refuses_is_told_with_the_place_of_the_setting() {
        for (drop_in, line, is) in [
            (
                "[suite.a]\nalias = 'b'",
                2,
                (|e| matches!(e, SettingsError::AliasTaken { .. })) as fn(&_) -> bool,
            ),
            ("\n[suite.a]\n\narchitectures = []", 4, |e| matches!(e, SettingsError::NoArchitectures { .. })),
            ("[suite.b]\ncomponents = []", 2, |e| matches!(e, SettingsError::NoComponents { .. })),
            ("components = ['main/debian-installer']", 1, |e| {
                matches!(e, SettingsError::InstallerComponent { .. })
            }),
            ("[repositories.prod]\nsuites = []", 2, |e| matches!(e, SettingsError::NoSuites { .. })),
            ("[repositories.prod]\nflat = 'c'", 2, |e| matches!(e, SettingsError::UnknownFlat { .. })),
            ("compress = []", 1, |e| matches!(e, SettingsError::NoEncoding { kind: None })),
            ("[compress_index]\ncontents = []", 2, |e| matches!(e, SettingsError::NoEncoding { .. })),
            ("compress = ['zst']", 1, |e| matches!(e, SettingsError::NoCommonEncoding)),
            ("[[route]]\nsuites = ['a']\n[[route]]", 3, |e| matches!(e, SettingsError::Route { .. })),
            ("[[route]]\ncomponent = 'x'", 1, |e| matches!(e, SettingsError::Route { .. })),
        ] {
            let error = refused(drop_in);
            let ConfigError::Settings { place, source } = &error else { panic!("{drop_in}: {error:?}") };
            assert!(is(source), "{drop_in}: {source:?}");
            assert_eq!(*place, Place::in_file("repo.d/x.toml".into(), Some(line)), "{drop_in}");
            assert_eq!(error.code(), "E-CONFIG");
        }
    }

    #[test]
    fn what_does_not_go_together_is_told_with_its_place() {
        let said = [
            "suites_file = 'x'",
            "[suite.c]",
            "[repositories.prod]\nsuites = ['c']",
            "[[route]]\ncomponent = 'main'\nrepositories = ['x']",
            "[[route]]\nsuites = ['c']",
            "[[retention]]\nkeep_versions = 1\n[[retention]]\nrepositories = ['x']",
            "[[retention]]\nsuites = ['c']",
            "[[retention]]\nkept_by = ['prod']",
        ]
        .map(|drop_in| match refused(drop_in) {
            error @ ConfigError::Contradiction { .. } => error.to_string(),
            error => panic!("{drop_in}: {error:?}"),
        });
        insta::assert_snapshot!(said.join("\n"), @"
        repo.d/x.toml: line 1: `suites` and `suites_file` exclude each other
        repo.d/x.toml: line 1: [suite.c]: `suites` has no such name
        repo.d/x.toml: line 2: repositories.prod.suites: `suites` has no `c`
        repo.d/x.toml: line 1: routing rule 1: no repository named `x`
        repo.d/x.toml: line 1: routing rule 1: prod has none of its suites: limit the rule with `repositories`
        repo.d/x.toml: line 3: retention rule 2: no repository named `x`
        repo.d/x.toml: line 1: retention rule 1: no suite named `c`
        repo.d/x.toml: line 1: retention rule 1: kept_by adds to keep_versions or keep_for: set one of them
        ");
    }

    #[test]
    fn lists_that_cannot_mean_their_letter_are_refused_with_their_line() {
        for (drop_in, line, rule) in [
            ("[repositories.prod]\nallow = []", 2, "an empty list allows nobody"),
            ("suites = ['c', 'c']", 1, "`c` is listed twice"),
            ("[suite.a]\nmarkers = ['']", 2, "an empty marker"),
        ] {
            let error = refused(drop_in);
            assert!(error.to_string().contains(rule), "{error}");
            assert_eq!((error.line(), error.path()), (Some(line), Some("repo.d/x.toml".into())), "{error}");
        }
        let again =
            [("repo.toml".into(), BASE.to_owned()), ("repo.d/x.toml".into(), "suites = ['a']".to_owned())];
        assert!(Config::of(Utf8Path::new("."), &again).is_ok(), "a drop-in may list again what is there");
    }

    #[test]
    fn two_repositories_have_two_addresses() {
        for drop_in in [
            "[repositories.prod]\nurl = 'http://h.example'\n[repositories.t1]\nurl = 'http://H.example/'",
            "[repositories.prod]\nurl = 'http://h.example:80'\n[repositories.t1]\nurl = 'http://h.example'",
            "[repositories.prod]\nurl = 'http://h.example'\n[repositories.t1]\nurl = 'https://h.example:443'",
            "url = 'http://h.example'\n[repositories.t1]\n\nurl = 'http://h.example/prod'",
        ] {
            let error = refused(drop_in);
            assert!(error.to_string().contains("prod and t1 have the same address"), "{error}");
            assert_eq!(error.line(), Some(4), "{error}");
        }
        let other = "url = 'http://h.example'\n[repositories.t1]\nurl = 'http://h.example:81/prod'";
        let sources = [("repo.toml".into(), BASE.to_owned()), ("repo.d/x.toml".into(), other.to_owned())];
        assert!(Config::of(Utf8Path::new("."), &sources).is_ok());
    }

    #[test]
    fn a_suite_that_no_repository_has_is_checked_too() {
        let drop_in = "[suite.b]\ncomponents = []\n[repositories.prod]\nsuites = ['a']";
        let is_told = matches!(
            refused(drop_in),
            ConfigError::Settings { source: SettingsError::NoComponents { suite }, .. } if suite.as_str() == "b"
        );
        assert!(is_told);
    }
}
