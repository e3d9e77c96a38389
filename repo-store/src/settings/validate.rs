//! Which settings can be used. Every operation that is given settings checks them here first, wherever they come from.

use apt_index::Encoding;
use deb_parse::SuiteName;
use jiff::SignedDuration;

use crate::error::{Error, RouteFault, SettingsError};
use crate::model::index_kind::IndexKind;
use crate::settings::{RepositorySettings, RoutingRule, SuiteSettings};

/// Longer is not a limit, and the dates that come of it have no room in files.
const LONGEST_VALIDITY: SignedDuration = SignedDuration::from_hours(36_525 * 24);

impl RepositorySettings {
    /// Checks that the settings can be used: every operation that takes settings calls this, so wrong ones are refused before anything
    /// is read or written.
    ///
    /// ```
    /// use deb_parse::{Architecture, SuiteName};
    /// use repo_store::{RepositoryName, RepositorySettings, SuiteSettings};
    /// use repo_store::error::SettingsError;
    ///
    /// let suite = SuiteSettings::new(SuiteName::parse("bookworm")?, vec![Architecture::parse("amd64")?]);
    /// let mut settings = RepositorySettings::new(RepositoryName::parse("prod")?, vec![suite]);
    /// assert_eq!(settings.validate(), Ok(()));
    /// settings.suites[0].architectures.clear();
    /// assert!(matches!(settings.validate(), Err(SettingsError::NoArchitectures { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A [`SettingsError`] for the first mistake.
    pub fn validate(&self) -> Result<(), SettingsError> {
        first(self.mistakes())
    }

    /// Returns everything that [`validate`](Self::validate) refuses.
    #[must_use]
    pub fn mistakes(&self) -> Vec<SettingsError> {
        let repository = || self.name.clone();
        let mut mistakes = Vec::new();
        if self.suites.is_empty() {
            mistakes.push(SettingsError::NoSuites { repository: repository() });
        }
        if let Some(suite) = first_repeated(self.suites.iter().map(|suite| &suite.name)) {
            mistakes.push(SettingsError::RepeatedSuite { repository: repository(), suite: suite.clone() });
        }
        mistakes.extend(SuiteSettings::mistaken_aliases(&self.suites));
        mistakes.extend(self.suites.iter().flat_map(SuiteSettings::mistakes));
        if let Some(suite) = self.flat.as_ref().filter(|flat| self.suite(flat).is_none()) {
            mistakes.push(SettingsError::UnknownFlat { repository: repository(), suite: suite.clone() });
        }
        mistakes.extend(self.mistaken_encodings());
        mistakes.extend(self.routing.iter().filter_map(|rule| self.validate_rule(rule).err()));
        let texts = [("origin", &self.origin), ("label", &self.label), ("url", &self.url)];
        mistakes.extend(
            texts.iter().filter_map(|(field, text)| validate_line(field, None, text.as_deref()).err()),
        );
        if self.valid_for.is_some_and(|time| time <= SignedDuration::ZERO || time > LONGEST_VALIDITY) {
            mistakes.push(SettingsError::Validity { repository: repository() });
        }
        mistakes
    }

    /// [`validate`](Self::validate), for operations.
    pub(crate) fn check(&self) -> Result<(), Error> {
        Ok(self.validate()?)
    }

    fn mistaken_encodings(&self) -> Vec<SettingsError> {
        if self.encodings.is_empty() {
            return vec![SettingsError::NoEncoding { kind: None }];
        }
        let empty = self.encodings_by_kind.iter().filter(|(_, encodings)| encodings.is_empty());
        let mut mistakes: Vec<_> =
            empty.map(|(kind, _)| SettingsError::NoEncoding { kind: Some(*kind) }).collect();
        let of_packages = self.encodings_of(IndexKind::Packages);
        let is_common = |encoding: &Encoding| matches!(encoding, Encoding::Xz | Encoding::Gz);
        if !of_packages.is_empty() && !of_packages.iter().any(is_common) {
            mistakes.push(SettingsError::NoCommonEncoding);
        }
        mistakes
    }

    fn validate_rule(&self, rule: &RoutingRule) -> Result<(), SettingsError> {
        let wrong = |fault| Err(SettingsError::Route { number: rule.number, fault });
        if rule.suites.is_empty() && rule.component.is_none() {
            return wrong(RouteFault::Nowhere);
        }
        let repository = self.name.clone();
        if let Some(suite) = rule.suites.iter().find(|name| self.suite(name).is_none()) {
            return wrong(RouteFault::UnknownSuite { repository, suite: suite.clone() });
        }
        let Some(component) = &rule.component else { return Ok(()) };
        let mut suites = self.suites.iter();
        let leads_to = |suite: &SuiteSettings| rule.suites.is_empty() || rule.suites.contains(&suite.name);
        if suites.any(|suite| leads_to(suite) && suite.components.contains(component)) {
            return Ok(());
        }
        wrong(RouteFault::UnknownComponent { repository, component: component.clone() })
    }
}

impl SuiteSettings {
    /// Checks what can be said of a suite alone.
    ///
    /// # Errors
    /// A [`SettingsError`] for the first mistake.
    pub fn validate(&self) -> Result<(), SettingsError> {
        first(self.mistakes())
    }

    /// Returns everything that [`validate`](Self::validate) refuses.
    #[must_use]
    pub fn mistakes(&self) -> Vec<SettingsError> {
        let suite = || self.name.clone();
        let mut mistakes = Vec::new();
        if self.architectures.is_empty() {
            mistakes.push(SettingsError::NoArchitectures { suite: suite() });
        }
        for architecture in self.architectures.iter().filter(|listed| listed.is_all()) {
            mistakes.push(SettingsError::NotAMachine { suite: suite(), architecture: architecture.clone() });
        }
        if self.components.is_empty() {
            mistakes.push(SettingsError::NoComponents { suite: suite() });
        }
        for component in &self.components {
            let parent = component.as_str().strip_suffix("/debian-installer");
            let parent = self.components.iter().find(|other| Some(other.as_str()) == parent);
            if let Some(parent) = parent {
                let (component, parent) = (component.clone(), parent.clone());
                mistakes.push(SettingsError::InstallerComponent { suite: suite(), component, parent });
            }
        }
        let architecture = first_repeated(&self.architectures).map(ToString::to_string);
        let component = first_repeated(&self.components).map(ToString::to_string);
        let repeated = architecture.into_iter().chain(component);
        mistakes.extend(repeated.map(|name| SettingsError::Repeated { suite: suite(), name }));
        let texts = [
            ("origin", self.names.origin.value()),
            ("label", self.names.label.value()),
            ("version", self.version.as_ref()),
            ("changelogs", self.changelogs.as_ref()),
            ("description", self.description.as_ref()),
        ];
        let wrong = |(field, text): &(&'static str, Option<&String>)| {
            validate_line(field, Some(&self.name), text.map(String::as_str)).err()
        };
        mistakes.extend(texts.iter().filter_map(wrong));
        mistakes
    }

    /// Checks that each alias in a list of suites is neither the name nor the alias of another: both are directories below `dists/`.
    ///
    /// # Errors
    /// [`SettingsError::AliasTaken`] for the first that is.
    pub fn validate_aliases(suites: &[Self]) -> Result<(), SettingsError> {
        first(Self::mistaken_aliases(suites))
    }

    /// Returns everything that [`validate_aliases`](Self::validate_aliases) refuses.
    #[must_use]
    pub fn mistaken_aliases(suites: &[Self]) -> Vec<SettingsError> {
        let mut mistakes = Vec::new();
        for (place, suite) in suites.iter().enumerate() {
            let Some(alias) = &suite.alias else { continue };
            let is_taken = |(other_place, other): (usize, &Self)| {
                other.name == *alias || (other_place != place && other.alias.as_ref() == Some(alias))
            };
            if suites.iter().enumerate().any(is_taken) {
                mistakes.push(SettingsError::AliasTaken { suite: suite.name.clone(), alias: alias.clone() });
            }
        }
        mistakes
    }
}

fn first(mistakes: Vec<SettingsError>) -> Result<(), SettingsError> {
    mistakes.into_iter().next().map_or(Ok(()), Err)
}

fn validate_line(
    field: &'static str,
    suite: Option<&SuiteName>,
    text: Option<&str>,
) -> Result<(), SettingsError> {
    match text {
        Some(text) if text.trim().is_empty() || text.chars().any(char::is_control) => {
            Err(SettingsError::NotALine { field, suite: suite.cloned(), value: text.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Returns the first item that equals one before it.
fn first_repeated<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Option<T> {
    let mut seen = Vec::new();
    items.into_iter().find_map(|item| {
        if seen.contains(&item) {
            return Some(item);
        }
        seen.push(item);
        None
    })
}
