//! How a repository and its suites are set up.

use std::collections::BTreeMap;

use apt_index::Encoding;
use deb_parse::{Architecture, Component, SuiteName};
use jiff::SignedDuration;

use crate::error::Error;
use crate::model::class::PackageClass;
use crate::model::freeze::WeeklyFreeze;
use crate::model::index_kind::IndexKind;
use crate::model::name::RepositoryName;
use crate::settings::base::Base;
use crate::settings::gate::Gate;
use crate::settings::markers::Markers;
use crate::settings::profile::Profile;
use crate::settings::release_names::ReleaseNames;
use crate::settings::uploaders::Uploaders;

/// How a repository is set up: what the administrator decided, as values.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RepositorySettings {
    /// Its name.
    pub name: RepositoryName,
    /// Its suites, in the order in which they are listed.
    pub suites: Vec<SuiteSettings>,
    /// The suite that is published flat as well, at the root of the repository.
    pub flat: Option<SuiteName>,
    /// Who publishes it (`Origin` in Release). Clients refuse a later change.
    pub origin: Option<String>,
    /// What it is called (`Label` in Release). Clients refuse a later change.
    pub label: Option<String>,
    /// The address under which clients reach the repository itself, without a slash at the end.
    pub url: Option<String>,
    /// The compressed files made of each index.
    pub encodings: Vec<Encoding>,
    /// The compressed files made of indices of some kinds, in place of those.
    pub encodings_by_kind: BTreeMap<IndexKind, Vec<Encoding>>,
    /// Which packages go elsewhere than their sections and versions say; the first rule for a package decides.
    pub routing: Vec<RoutingRule>,
    /// What must be so before a version comes in.
    pub gates: Vec<Gate>,
    /// What clients of its suites have besides, for checks.
    pub bases: Vec<Base>,
    /// When nothing changes, every week.
    pub freezes: Vec<WeeklyFreeze>,
    /// What machines of a role run.
    pub profiles: Vec<Profile>,
    /// Whether `Contents` indices are published: which files each package has. It costs the unpacking of every package that is
    /// added.
    pub contents: bool,
    /// What becomes of a package whose version or upload names a release that has no suite.
    pub unknown_release: UnknownRelease,
    /// How long clients accept what is published now (`Valid-Until`); for ever when not set.
    pub valid_for: Option<SignedDuration>,
    /// From how many earlier states of a large index clients can come to the present one by a patch; 0 for none.
    pub pdiffs: usize,
    /// From how many bytes on an index is large: the size of the smallest of its files. A smaller one is fetched faster as a whole than by
    /// patches, which are made again at every publication.
    pub pdiffs_from: u64,
    /// For how long one publication of each day is kept after clients were shown another one. The next publications take away the others:
    /// see [`Store::publish`](crate::Store::publish).
    pub keep_past: SignedDuration,
    /// Who may upload; anybody when not set. Whatever can be signed must then be signed by one of them.
    pub uploaders: Option<Uploaders>,
}

/// Sends a class of packages elsewhere than their sections and versions would. Of several rules the first whose class a package
/// belongs to counts, and no other; what the person who adds a package says comes before any rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoutingRule {
    /// Its number in the configuration, for messages.
    pub number: usize,
    /// The packages it is for.
    pub class: PackageClass,
    /// The component they go to, in place of the one their section names.
    pub component: Option<Component>,
    /// The suites they go to. A package whose version names a release goes to those of them that are for that release. When
    /// empty, the version alone decides.
    pub suites: Vec<SuiteName>,
}

/// What becomes of a package that is added and whose version names a release that no suite is for, such as `1.2-1+deb11u1` where
/// there is only bookworm. A suite that a person, a rule or an upload names is always taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownRelease {
    /// It goes to every suite, like a package that names no release.
    #[default]
    Everywhere,
    /// It is refused, with [an error of its own](crate::error::ImportError::UnknownRelease).
    Refuse,
}

/// Where packages for all architectures are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArchitectureAll {
    /// In the index of each architecture, as every client expects.
    #[default]
    Folded,
    /// In an index of their own, `binary-all`. apt reads it beside that of its architecture; debootstrap does not.
    Apart,
}

/// How one suite of a repository is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SuiteSettings {
    /// Its name: the directory below `dists/`.
    pub name: SuiteName,
    /// The architectures it publishes, besides `all`.
    pub architectures: Vec<Architecture>,
    /// Where packages for `all` are listed.
    pub architecture_all: ArchitectureAll,
    /// Its components; the first is where packages go that name no other.
    pub components: Vec<Component>,
    /// What in a version says that a package was built for this suite.
    pub markers: Markers,
    /// Takes only what a routing rule or a person sends to it: for a suite of debug symbols, say.
    pub only_routed: bool,
    /// Whether descriptions are listed apart from packages, in `Translation-en`: a client that wants none loads less.
    pub translations: bool,
    /// A second name by which clients may know it, such as `stable`: `Suite` in Release, while its own name is the `Codename`.
    pub alias: Option<SuiteName>,
    /// The names in its Release file, where they are not those of the repository.
    pub names: ReleaseNames,
    /// The version of the distribution, such as `12`.
    pub version: Option<String>,
    /// Where clients find changelogs: an address with `@CHANGEPATH@` in it.
    pub changelogs: Option<String>,
    /// One line for people.
    pub description: Option<String>,
    /// Clients install from it only when told to.
    pub not_automatic: bool,
    /// Clients upgrade from it by themselves what was once installed from it.
    pub but_automatic_upgrades: bool,
}

impl RepositorySettings {
    /// A fortnight of daily publications.
    pub const DEFAULT_PDIFFS: usize = 14;

    /// A smaller file arrives about as soon as the list of its patches.
    pub const DEFAULT_PDIFFS_FROM: u64 = 1 << 20;

    /// A week, like the grace period of garbage collection.
    pub const DEFAULT_KEEP_PAST: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// A repository with these suites and defaults for all else.
    #[must_use]
    pub fn new(name: RepositoryName, suites: Vec<SuiteSettings>) -> Self {
        Self {
            name,
            suites,
            flat: None,
            origin: None,
            label: None,
            url: None,
            encodings: Encoding::DEFAULT.to_vec(),
            encodings_by_kind: BTreeMap::new(),
            routing: Vec::new(),
            gates: Vec::new(),
            bases: Vec::new(),
            freezes: Vec::new(),
            profiles: Vec::new(),
            contents: false,
            unknown_release: UnknownRelease::default(),
            valid_for: None,
            pdiffs: Self::DEFAULT_PDIFFS,
            pdiffs_from: Self::DEFAULT_PDIFFS_FROM,
            keep_past: Self::DEFAULT_KEEP_PAST,
            uploaders: None,
        }
    }

    /// The compressed files made of an index of that kind.
    #[must_use]
    pub fn encodings_of(&self, kind: IndexKind) -> &[Encoding] {
        self.encodings_by_kind.get(&kind).unwrap_or(&self.encodings)
    }

    /// Checks that the repository has all of these suites.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] names the first that it lacks.
    pub fn check_suites(&self, names: &[SuiteName]) -> Result<(), Error> {
        match names.iter().find(|name| self.suite(name).is_none()) {
            Some(unknown) => {
                let known = self.suites.iter().map(|suite| &suite.name);
                Err(Error::unknown_suite(&self.name, unknown, known))
            }
            None => Ok(()),
        }
    }

    /// Returns whether a package has the name of the metapackage of a [profile](Self::profiles).
    #[must_use]
    pub fn is_metapackage(&self, package: &str) -> bool {
        self.profiles.iter().any(|profile| self.name.profile_package(&profile.name) == package)
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
            architecture_all: ArchitectureAll::Folded,
            components: Component::parse("main").into_iter().collect(),
            only_routed: false,
            translations: false,
            alias: None,
            names: ReleaseNames::default(),
            version: None,
            changelogs: None,
            description: None,
            not_automatic: false,
            but_automatic_upgrades: false,
        }
    }

    /// The architectures that have an index of packages.
    pub(crate) fn published_architectures(&self) -> impl Iterator<Item = Architecture> {
        let all = self.lists_all_apart().then(Architecture::all);
        all.into_iter().chain(self.architectures.iter().cloned())
    }

    pub(crate) fn lists_all_apart(&self) -> bool {
        self.architecture_all == ArchitectureAll::Apart
    }
}
