//! `repo.toml`: what the administrator decided. Everything in it is text that belongs in version control.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use repo_store::error::SettingsError;
use repo_store::settings::profile::Profile;
use repo_store::settings::{ArchitectureAll, Markers, UnknownRelease};
use repo_store::{RepositoryName, RepositorySettings, SuiteSettings};

use crate::error::{ConfigError, Contradiction, Place};
use crate::file::{self, All, File, OnUnknownRelease, RepositoryTable, SuiteTable};
use crate::network::Network;
use crate::place;
use crate::regular_file;
use crate::release_names::release_names;
use crate::reliance::relies_on;
use crate::texts::{self, Reading, Source};
use crate::url::Url;
use crate::value::{FromText, Line, Listen, Text, plain};
use crate::ways_in::{self, Login, WayIn};

/// The configuration, checked.
#[derive(Debug)]
pub struct Config {
    pub(crate) root: Utf8PathBuf,
    /// What it was read from.
    pub(crate) sources: Vec<Source>,
    pub(crate) file: File,
    /// Texts of files with lists that count instead of the files.
    lists: BTreeMap<Utf8PathBuf, String>,
    /// The suites and architectures, from the lists or from their files.
    pub(crate) suite_names: Vec<SuiteName>,
    pub(crate) architectures: Vec<Architecture>,
    pub(crate) repositories: BTreeMap<RepositoryName, RepositorySettings>,
    pub(crate) profiles: Vec<Profile>,
}

/// Where `serve` listens when nothing else is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

impl Config {
    /// Reads `repo.toml` in `root`, and on top of it every `repo.d/*.toml` in the order of their names. Nothing in it is left unchecked for
    /// the operation that uses it, but the files of users and the keyrings, which are read when they are used.
    ///
    /// # Errors
    /// The first mistake: [`ConfigError::Text`] for what breaks the rules of a text; [`ConfigError::Settings`] for what
    /// [`RepositorySettings::validate`] refuses; [`ConfigError::Contradiction`] for what does not go together;
    /// [`ConfigError::Ownership`] for drop-ins of others; [`ConfigError::Io`] for what cannot be read.
    pub fn load(root: &Utf8Path) -> Result<Self, ConfigError> {
        Self::of(root, &texts::sources(root)?)
    }

    /// Reads the same files, and finds everything that is wrong with them. What has a mistake is left out of the configuration returned.
    ///
    /// # Errors
    /// [`ConfigError::Io`] when `repo.toml` cannot be read.
    pub fn examine(root: &Utf8Path) -> Result<(Self, Vec<ConfigError>), ConfigError> {
        let (sources, refused) = texts::readable_sources(root)?;
        let is_partial = !refused.is_empty();
        let (config, mistakes) = Self::judged(root, &sources, is_partial);
        Ok((config, refused.into_iter().chain(mistakes).collect()))
    }

    /// The configuration that such texts make.
    pub(crate) fn of(root: &Utf8Path, sources: &[Source]) -> Result<Self, ConfigError> {
        let (config, mistakes) = Self::judged(root, sources, false);
        mistakes.into_iter().next().map_or(Ok(config), Err)
    }

    /// The configuration that such texts make, without what is wrong in it, and the mistakes in the order of the texts.
    pub(crate) fn judged(root: &Utf8Path, sources: &[Source], is_partial: bool) -> (Self, Vec<ConfigError>) {
        Self::judged_with(root, sources, &BTreeMap::new(), is_partial)
    }

    /// The same with texts of files with lists that are not written yet.
    pub(crate) fn judged_with(
        root: &Utf8Path,
        sources: &[Source],
        lists: &BTreeMap<Utf8PathBuf, String>,
        is_partial: bool,
    ) -> (Self, Vec<ConfigError>) {
        let Reading { file, mut mistakes, spoiled, is_partial: lacks_text } = Reading::of(sources);
        let (root, sources) = (root.to_owned(), sources.to_vec());
        let mut found = Vec::new();
        let mut config = Self { root, sources, file, lists: lists.clone(), ..Self::empty() };
        config.suite_names =
            config.names("suites", &config.file.suites, config.file.suites_file.as_deref(), &mut found);
        config.architectures = config.names(
            "architectures",
            &config.file.architectures,
            config.file.architectures_file.as_deref(),
            &mut found,
        );
        let suites = config.suites(&mut found);
        let profiles = config.read_profiles(&mut found);
        for (Text(name), table) in &config.file.repositories {
            let mut settings = config.repository_settings(name, table, &suites, &mut found);
            settings.profiles.clone_from(&profiles);
            config.repositories.insert(name.clone(), settings);
        }
        config.profiles = profiles;
        config.check_channels(&mut found);
        config.check_drop_folders(&mut found);
        config.check_schedule(&mut found);
        config.check_routes(&mut found);
        config.check_retention(&mut found);
        config.check_addresses(&mut found);
        config.check_ways_in(&mut found);
        config.check_tls(&mut found);
        config.check_signers(&mut found);
        config.check_hooks(&mut found);
        config.check_gates(&mut found);
        config.check_freezes(&mut found);
        config.check_bases(&mut found);
        config.check_machines(&mut found);
        if !is_partial && !lacks_text {
            let stands = |error: &ConfigError| !relies_on(error).iter().any(|key| spoiled.contains(*key));
            mistakes.extend(found.into_iter().filter(stands));
        }
        let place = |error: &ConfigError| {
            let path = error.path();
            let file = config.sources.iter().position(|(source, _)| path == Some(source.as_path()));
            (file.unwrap_or(config.sources.len()), error.line(), error.place().and_then(|place| place.column))
        };
        mistakes.sort_by_key(place);
        let mut told = BTreeSet::new();
        mistakes.retain(|error| told.insert(format!("{error:?}")));
        (config, mistakes)
    }

    fn check_channels(&self, found: &mut Vec<ConfigError>) {
        let channels = self.channels();
        for (place, repository) in channels.iter().enumerate() {
            let repository = repository.clone();
            if channels.iter().take(place).any(|earlier| *earlier == repository) {
                found.push(self.contradiction(Contradiction::ChannelTwice { repository }));
            } else if !self.repositories.contains_key(&repository) {
                let known = self.repositories.keys().map(ToString::to_string).collect();
                found.push(self.contradiction(Contradiction::ChannelWithoutRepository { repository, known }));
            }
        }
    }

    /// Two repositories with one address: a request for it would be for neither, or for the wrong one.
    fn check_addresses(&self, found: &mut Vec<ConfigError>) {
        let mut seen: BTreeMap<String, &RepositoryName> = BTreeMap::new();
        for name in self.repositories.keys() {
            let Some(url) = self.configured_url(name) else { continue };
            if let Some(other) = seen.insert(url.identity(), name) {
                let (first, second) = (other.clone(), name.clone());
                found.push(self.contradiction(Contradiction::SameAddress {
                    first,
                    second,
                    address: url.to_string(),
                }));
            }
        }
    }

    /// What is asked for of TLS must be there.
    fn check_tls(&self, found: &mut Vec<ConfigError>) {
        let serve = &self.file.serve;
        let all = self.listen();
        for (place, second) in all.iter().enumerate() {
            if let Some(first) = all.iter().take(place).find(|first| first.excludes(second)) {
                let (first, second) = (first.to_string(), second.to_string());
                found.push(self.contradiction(Contradiction::ListensTwice { first, second }));
            }
        }
        let listens = self.listen().iter().any(Listen::is_tls);
        if (listens || self.api().iter().any(Listen::is_tls)) && self.tls().is_none() {
            found.push(self.contradiction(Contradiction::NoCertificate));
        }
        if serve.redirect_to_https && !listens {
            found.push(self.contradiction(Contradiction::NothingToRedirectTo));
        }
        if serve.redirect_to_https {
            for repository in self.repositories.keys().filter(|name| self.needs_password(name)) {
                let url =
                    self.configured_url(repository).filter(|url| url.to_string().starts_with("http://"));
                let repository = repository.clone();
                found.extend(url.map(|_| self.contradiction(Contradiction::LoginBeforeTls { repository })));
            }
        }
    }

    /// `access` says all of it: with `allow` or `users` beside it, it would not be clear which counts.
    fn check_ways_in(&self, found: &mut Vec<ConfigError>) {
        for (Text(name), table) in &self.file.repositories {
            let has_both = !table.allow.is_empty() || table.users.is_some();
            if !table.access.is_empty() && has_both {
                found.push(self.contradiction(Contradiction::AccessTwice { repository: name.clone() }));
            }
        }
    }

    /// Makes the configuration of a store that has no `repo.toml`, for what only reads: its repositories, of whose settings nothing is known.
    #[must_use]
    pub fn without_file(root: &Utf8Path, repositories: impl IntoIterator<Item = RepositoryName>) -> Self {
        let settings = |name: RepositoryName| (name.clone(), RepositorySettings::new(name, Vec::new()));
        let repositories = repositories.into_iter().map(settings).collect();
        Self { root: root.to_owned(), repositories, ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            root: Utf8PathBuf::new(),
            sources: Vec::new(),
            file: File::default(),
            lists: BTreeMap::new(),
            suite_names: Vec::new(),
            architectures: Vec::new(),
            repositories: BTreeMap::new(),
            profiles: Vec::new(),
        }
    }

    /// Returns the settings of every configured repository, in the order of their names.
    pub fn repositories(&self) -> impl Iterator<Item = &RepositorySettings> {
        self.repositories.values()
    }

    /// Returns the settings of every suite in the order in which they are listed, also of those that no repository has.
    #[must_use]
    pub fn suites_of_all(&self) -> Vec<SuiteSettings> {
        let defaults = SuiteTable::default();
        let settings = |name: &SuiteName| {
            let table = self.file.suite.get(name).unwrap_or(&defaults);
            self.suite_settings(name, table, &self.architectures)
        };
        self.suite_names.iter().map(settings).collect()
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

    /// Returns the repositories through which packages are promoted, in that order; empty when none is configured.
    #[must_use]
    pub fn channels(&self) -> Vec<RepositoryName> {
        plain(&self.file.channels)
    }

    /// Returns the repository that comes next in [`Config::channels`], if there is one.
    #[must_use]
    pub fn channel_after(&self, repository: &str) -> Option<RepositoryName> {
        let mut rest = self.channels().into_iter().skip_while(|name| name.as_str() != repository);
        rest.nth(1)
    }

    /// Returns whether a change is published at once.
    #[must_use]
    pub fn publishes_at_once(&self) -> bool {
        self.file.publish != file::Publish::Manual
    }

    /// Returns the address to listen on: a host or address, and a port.
    #[must_use]
    pub fn listen(&self) -> Vec<Listen> {
        match plain(&self.file.serve.listen) {
            none if none.is_empty() => Listen::from_text(DEFAULT_LISTEN).into_iter().collect(),
            several => several,
        }
    }

    /// Returns the addresses of the interface for programs; none when it is off.
    #[must_use]
    pub fn api(&self) -> Vec<Listen> {
        plain(&self.file.serve.api)
    }

    /// Returns the size of the largest file that may be uploaded, in bytes.
    #[must_use]
    pub fn max_upload(&self) -> u64 {
        self.file.serve.max_upload.as_ref().map_or(4 << 30, |Text(size)| size.0)
    }

    /// Returns the files of the certificate and of its key, as they are configured: their paths begin at the [root](Self::root).
    #[must_use]
    pub fn tls(&self) -> Option<(&Utf8Path, &Utf8Path)> {
        let tls = &self.file.serve.tls;
        tls.certificate.as_deref().zip(tls.key.as_deref())
    }

    /// Returns the file of the certificate of the authority that clients are to trust for the server, as it is configured.
    #[must_use]
    pub fn authority(&self) -> Option<&Utf8Path> {
        self.file.serve.tls.authority.as_deref()
    }

    /// Returns whether requests without TLS are led to it.
    #[must_use]
    pub fn redirects_to_tls(&self) -> bool {
        self.file.serve.redirect_to_https
    }

    /// Returns whether the server shows pages for people.
    #[must_use]
    pub fn shows_pages(&self) -> bool {
        self.file.serve.pages
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
        let of_server =
            || self.listen().first().map_or_else(|| Url::of_server(DEFAULT_LISTEN), Url::of_listener);
        self.configured_url(name).unwrap_or_else(|| of_server().of_repository(name))
    }

    /// Returns the configured address of a repository.
    #[must_use]
    pub fn configured_url(&self, name: &RepositoryName) -> Option<Url> {
        let own = self.file.repositories.get(name).and_then(|table| table.url.as_ref());
        let below = || self.url().map(|url| url.of_repository(name));
        own.map(|Text(url)| url.clone()).or_else(below)
    }

    /// Returns whether clients of a repository need a password or a token, wherever they are.
    #[must_use]
    pub fn needs_password(&self, repository: &RepositoryName) -> bool {
        self.ways_in(repository).iter().all(|way| way.login.is_some())
    }

    /// Returns whether the configuration says what becomes of packages for releases without a suite.
    #[must_use]
    pub fn decides_on_unknown_releases(&self, repository: &RepositoryName) -> bool {
        let tables = self.file.repositories.iter();
        let table =
            tables.filter(|(Text(name), _)| name == repository).find_map(|(_, table)| table.unknown_release);
        table.or(self.file.unknown_release).is_some()
    }

    /// Returns the ways into a repository. A client needs one of them.
    #[must_use]
    pub fn ways_in(&self, repository: &RepositoryName) -> Vec<WayIn> {
        self.file.repositories.get(repository).map_or_else(|| vec![WayIn::default()], ways_in::of)
    }

    /// Returns the files of the users who may read a repository, as they are configured: their paths begin at the [root](Self::root).
    #[must_use]
    pub fn users_files(&self, repository: &RepositoryName) -> Vec<Utf8PathBuf> {
        let logins = self.ways_in(repository).into_iter().filter_map(|way| way.login);
        let files = logins.filter_map(|login| if let Login::Users(path) = login { Some(path) } else { None });
        without_repeats(files.collect())
    }

    /// Returns whether a token lets clients into a repository.
    #[must_use]
    pub fn takes_tokens(&self, repository: &RepositoryName) -> bool {
        self.ways_in(repository).iter().any(|way| way.login == Some(Login::Tokens))
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
        ConfigError::Contradiction { place: place.into(), fault }
    }

    /// What the store refuses, with its place.
    fn refused(&self, source: SettingsError) -> ConfigError {
        let place = Place::of(&self.sources, &place::refused(&source));
        ConfigError::Settings { place: place.into(), source }
    }

    /// The suites of every repository, in the order in which they are listed.
    fn suites(&self, found: &mut Vec<ConfigError>) -> Vec<SuiteSettings> {
        let names = &self.suite_names;
        for Text(unknown) in self.file.suite.keys().filter(|Text(name)| !names.contains(name)) {
            let known = names.iter().map(ToString::to_string).collect();
            let suite = unknown.clone();
            found.push(self.contradiction(Contradiction::TableWithoutSuite { suite, known }));
        }
        let suites = self.suites_of_all();
        // Here too, as no repository need have them all.
        let aliases = SuiteSettings::mistaken_aliases(&suites);
        let of_each = suites.iter().flat_map(SuiteSettings::mistakes);
        found.extend(aliases.into_iter().chain(of_each).map(|refusal| self.refused(refusal)));
        suites
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
        settings.names = release_names(table);
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
        found: &mut Vec<ConfigError>,
    ) -> RepositorySettings {
        let mut chosen = Vec::with_capacity(suites.len());
        match &table.suites {
            None => chosen.extend_from_slice(suites),
            Some(names) => {
                for wanted in without_repeats(plain(names)) {
                    if let Some(suite) = suites.iter().find(|suite| suite.name == wanted) {
                        chosen.push(suite.clone());
                        continue;
                    }
                    let (repository, suite) = (name.clone(), wanted);
                    let known = suites.iter().map(|suite| suite.name.to_string()).collect();
                    found.push(self.contradiction(Contradiction::UnknownSuite { repository, suite, known }));
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
        let pdiffs_from = self.file.pdiffs_from.as_ref().map(|Text(size)| size.0);
        settings.pdiffs_from = pdiffs_from.unwrap_or(RepositorySettings::DEFAULT_PDIFFS_FROM);
        settings.keep_past = self.grace();
        settings.flat = table.flat.as_ref().map(|Text(flat)| flat.clone());
        settings.routing = self.routing(&settings, found);
        settings.gates = self.gates(name);
        settings.freezes = self.freezes(name);
        settings.bases = self.bases(&settings);
        settings.valid_for =
            table.valid_for.as_ref().or(self.file.valid_for.as_ref()).map(|Text(time)| *time);
        let refusals = settings.mistakes().into_iter();
        // One that lists only suites that do not exist was told so.
        let lacks_all = |refusal: &SettingsError| {
            matches!(refusal, SettingsError::NoSuites { .. })
                && table.suites.as_ref().is_some_and(|listed| !listed.is_empty())
        };
        found.extend(refusals.filter(|refusal| !lacks_all(refusal)).map(|refusal| self.refused(refusal)));
        settings
    }

    /// Names from the configuration itself, or from a file with one in each line.
    fn names<T: FromText + Clone + PartialEq>(
        &self,
        key: &'static str,
        listed: &[Text<T>],
        path: Option<&Utf8Path>,
        found: &mut Vec<ConfigError>,
    ) -> Vec<T> {
        let mut names = plain(listed);
        if let Some(path) = path {
            if !listed.is_empty() {
                found.push(self.contradiction(Contradiction::ListedTwice { key }));
            }
            let path = self.root.join(path);
            let text = self.lists.get(&path).map(|text| Ok(text.clone()));
            match text.unwrap_or_else(|| regular_file::read_to_string(&path)) {
                Err(error) => found.push(ConfigError::io("read", &path)(error)),
                Ok(text) => names_in(&path, &text, &mut names, found),
            }
        }
        without_repeats(names)
    }
}

/// Adds the names in a list of one in each line.
fn names_in<T: FromText>(path: &Utf8Path, text: &str, names: &mut Vec<T>, found: &mut Vec<ConfigError>) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let name = line.split('#').next().unwrap_or_default();
        let begin = start + name.len() - name.trim_start().len();
        start += line.len();
        let name = name.trim();
        match T::from_text(name) {
            _ if name.is_empty() => {}
            Ok(name) => names.push(name),
            Err(rule) => found.push(ConfigError::Text {
                place: Box::new(Place::in_text(path, text, &(begin..begin + name.len()))),
                key: None,
                what: rule.to_string(),
                unknown: None,
            }),
        }
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
    fn the_next_channel_is_the_one_after() {
        let text = "channels = ['dev', 'beta', 'prod']\n".to_owned()
            + BASE
            + "[repositories.dev]\n[repositories.beta]\n";
        let config = Config::of(Utf8Path::new("."), &[("repo.toml".into(), text)]).unwrap();
        let after = |name| config.channel_after(name).map(|next| next.to_string());
        assert_eq!(
            ["dev", "beta", "prod", "other"].map(after),
            [Some("beta".into()), Some("prod".into()), None, None]
        );
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
            ("[[route]]\ncomponent = 'x'", 2, |e| matches!(e, SettingsError::Route { .. })),
        ] {
            let error = refused(drop_in);
            let ConfigError::Settings { place, source } = &error else { panic!("{drop_in}: {error:?}") };
            assert!(is(source), "{drop_in}: {source:?}");
            assert_eq!((place.path.as_str(), place.line), ("repo.d/x.toml", Some(line)), "{drop_in}");
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
        repo.d/x.toml:1:15: `suites` and `suites_file` exclude each other
        repo.d/x.toml:1:8: [suite.c]: not listed in `suites`
        repo.d/x.toml:2:11: repositories.prod.suites: `suites` has no `c`
        repo.d/x.toml:3:17: routing rule 1: no repository named `x`
        repo.d/x.toml:2:10: routing rule 1: prod has none of its suites: limit the rule with `repositories`
        repo.d/x.toml:4:17: retention rule 2: no repository named `x`
        repo.d/x.toml:2:11: retention rule 1: no suite named `c`
        repo.d/x.toml:2:11: retention rule 1: kept_by adds to keep_versions or keep_for: set one of them
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

    /// Everything that is said of texts.
    fn mistakes(texts: &[&str]) -> Vec<String> {
        let name =
            |number| if number == 0 { "repo.toml".into() } else { format!("repo.d/{number}.toml").into() };
        let sources: Vec<Source> =
            texts.iter().enumerate().map(|(number, text)| (name(number), (*text).to_owned())).collect();
        let (_, mistakes) = Config::judged(Utf8Path::new("/r"), &sources, false);
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        let found = mistakes(&[
            "suites = ['a', '../b', 'c', 'by-hash']\narchitectures = ['amd64']\nchannels = ['prod', 'x', 'y']\n\
             pdiffs = 'many'\n[repositories.prod]\nlable = 'x'\nvalid_for = 'soon'\n[repositories.t]\nallow = []\n",
            "origin = 7\n[[incoming]]\nfolder = 'a'\n[[incoming]]\nfolder = 'b'\nrepository = 'z'\n[gc]\ngrace = 'x'\n\
             [[retention]]\nkept_by = ['q']\n[[signing.signer]]\n",
        ]);
        insta::assert_snapshot!(found.join("\n"), @r#"
        repo.toml:1:16: suites: suite "../b": must be one path element of letters, digits and `+._-`, and not `by-hash`
        repo.toml:1:29: suites: suite "by-hash": must be one path element of letters, digits and `+._-`, and not `by-hash`
        repo.toml:3:21: channels: no repository named `x`
        repo.toml:3:26: channels: no repository named `y`
        repo.toml:4:10: pdiffs: invalid type: string "many", expected a number from 0 on
        repo.toml:6:1: repositories.prod: unknown field `lable`, expected one of `url`, `label`, `suites`, `flat`, `translations`, `contents`, `unknown_release`, `valid_for`, `pdiffs`, `uploaders`, `allow`, `users`, `access`, `keep_history`, `keys`
        repo.toml:7:13: repositories.prod.valid_for: invalid duration `soon`; use for example 14d or 36h
        repo.toml:9:9: repositories.t.allow: an empty list allows nobody; leave it out to allow all, or name a network such as 10.0.0.0/8
        repo.d/1.toml:1:10: origin: invalid type: integer `7`, expected a text
        repo.d/1.toml:2:1: incoming: missing field `repository`
        repo.d/1.toml:8:9: gc.grace: invalid duration `x`; use for example 14d or 36h
        repo.d/1.toml:10:11: retention rule 1: kept_by adds to keep_versions or keep_for: set one of them
        repo.d/1.toml:10:12: retention rule 1: no repository named `q`
        repo.d/1.toml:11:1: signer 1: set gpg to a fingerprint, or set command and public_key, or offline = true and public_key
        "#);
    }

    #[test]
    fn a_mistake_is_not_told_again_in_what_comes_of_it() {
        for (text, number) in [
            // Without suites there would be no suite to route, to keep or to drop into.
            ("sutes = ['a']\narchitectures = ['amd64']\n[repositories.prod]\nsuites = ['a']\n[suite.a]\n", 1),
            (
                "suites = 'a'\narchitectures = ['amd64']\n[repositories.prod]\n[[retention]]\nsuites = ['a']\nkeep_versions = 1",
                1,
            ),
            ("suites = ['a']\narchitectures = ['amd64']\nchannels = ['prod']\n[repositories]\nprod = 7", 1),
            ("suites = ['a']\narchitectures = ['all']\n[repositories.prod]\n", 1),
            ("suites = ['a']\narchitectures = ['amd64'\n[repositories.prod]\n", 1),
            ("suites = ['a']\narchitectures = ['amd64']\n[repositories.prod]\nsuites = ['b']", 1),
            ("suites = ['a']\narchitectures = ['amd64']\n[repositories.prod]\nallow = ['x']", 1),
            (
                "suites = ['a']\narchitectures = ['amd64']\n[repositories.prod]\n[[incoming]]\nfolder = 7\nrepository = 'x'",
                1,
            ),
        ] {
            assert_eq!(mistakes(&[text]).len(), number, "{text}: {:#?}", mistakes(&[text]));
        }
    }
}
