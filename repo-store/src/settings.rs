use apt_index::Encoding;
use deb_parse::{Architecture, Component, SuiteName};
use jiff::SignedDuration;

use crate::{Error, Markers, RepositoryName, Uploaders};

/// How a repository is set up: what the administrator decided, as values.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RepositorySettings {
    /// Its name.
    pub name: RepositoryName,
    /// Its suites, in the order in which they are listed.
    pub suites: Vec<SuiteSettings>,
    /// Who publishes it (`Origin` in Release). Clients refuse a later change.
    pub origin: Option<String>,
    /// What it is called (`Label` in Release). Clients refuse a later change.
    pub label: Option<String>,
    /// The address under which clients reach `public/`, without a slash at the end.
    pub url: Option<String>,
    /// The compressed files made of each index.
    pub encodings: Vec<Encoding>,
    /// How long clients accept what is published now (`Valid-Until`); for ever when not set.
    pub valid_for: Option<SignedDuration>,
    /// Who may upload; anybody when not set. Whatever can be signed must then be signed by one of them.
    pub uploaders: Option<Uploaders>,
}

/// How one suite of a repository is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SuiteSettings {
    /// Its name: the directory below `dists/`.
    pub name: SuiteName,
    /// The architectures it publishes. Packages for `all` are listed in each.
    pub architectures: Vec<Architecture>,
    /// Its components; the first is where packages go that name no other.
    pub components: Vec<Component>,
    /// What in a version says that a package was built for this suite.
    pub markers: Markers,
    /// One line for people.
    pub description: Option<String>,
    /// Clients install from it only when told to.
    pub not_automatic: bool,
    /// Clients upgrade from it by themselves what was once installed from it.
    pub but_automatic_upgrades: bool,
}

impl RepositorySettings {
    /// A repository with these suites and defaults for all else.
    #[must_use]
    pub fn new(name: RepositoryName, suites: Vec<SuiteSettings>) -> Self {
        Self {
            name,
            suites,
            origin: None,
            label: None,
            url: None,
            encodings: Encoding::DEFAULT.to_vec(),
            valid_for: None,
            uploaders: None,
        }
    }

    /// Checks that the repository has all of these suites.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] names the first that it lacks.
    pub fn check_suites(&self, names: &[SuiteName]) -> Result<(), Error> {
        match names.iter().find(|name| self.suite(name).is_none()) {
            Some(unknown) => Err(crate::store::unknown_suite(&self.name, unknown)),
            None => Ok(()),
        }
    }

    /// The settings of one suite.
    #[must_use]
    pub fn suite(&self, name: &SuiteName) -> Option<&SuiteSettings> {
        self.suites.iter().find(|suite| suite.name == *name)
    }
}

impl SuiteSettings {
    /// A suite for these architectures with the single component `main`, its markers known from its name.
    #[must_use]
    pub fn new(name: SuiteName, architectures: Vec<Architecture>) -> Self {
        Self {
            markers: Markers::of_suite(&name),
            name,
            architectures,
            components: Component::parse("main").into_iter().collect(),
            description: None,
            not_automatic: false,
            but_automatic_upgrades: false,
        }
    }
}
