//! Which indices a suite has, and what each lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apt_index::RelPath;
use apt_index::index::Item as _;
use apt_index::pool::PackageKind;
use apt_index::stanza::Stanza;
use deb_parse::{Architecture, Component};

use super::Wanted;
use super::contents::Contents;
use super::flat::Flat;
use super::publication::{PublishedIndex, PublishedSuite};
use super::unlisted::UnlistedPackages;
use crate::model::index_kind::IndexKind;
use crate::model::record::{Build, Record};
use crate::settings::{ArchitectureAll, SuiteSettings};

/// What the indices of source packages are called.
pub(super) const SOURCES: &str = "Sources";

/// What decides which indices a suite has.
#[derive(Clone, Debug, Default)]
pub(super) struct Extent {
    /// The components with packages for installers.
    pub(super) installer: BTreeSet<Component>,
    /// Whether it has source packages, or had some when it was published before: clients that ask for their index go on asking.
    pub(super) sources: bool,
    /// Whether the files of packages are listed.
    pub(super) contents: bool,
}

/// One of the indices of a suite.
#[derive(Clone, Debug)]
pub(super) enum Kind<'a> {
    Packages(Packages<'a>),
    Sources(Sources<'a>),
    Contents(Contents<'a>),
    Translation(Translation<'a>),
    /// Of the flat form.
    Flat(Flat<'a>),
}

impl<'a> Kind<'a> {
    /// Every index of the flat form of a suite.
    pub(super) fn of_flat(suite: &'a SuiteSettings, Extent { sources, .. }: &Extent) -> Vec<Self> {
        let sources = sources.then_some(Self::Flat(Flat { suite, sources: true }));
        [Self::Flat(Flat { suite, sources: false })].into_iter().chain(sources).collect()
    }

    /// Every index that a suite publishes.
    pub(super) fn of_suite(
        suite: &'a SuiteSettings,
        Extent { installer, sources, contents }: &Extent,
    ) -> Vec<Self> {
        let mut kinds = Vec::new();
        for component in &suite.components {
            for architecture in suite.published_architectures() {
                let packages = Packages::of(suite, component, architecture, PackageKind::Deb);
                kinds.extend(contents.then(|| Self::Contents(Contents::Packages(packages.clone()))));
                kinds.push(Self::Packages(packages));
            }
            for architecture in suite.architectures.iter().filter(|_| installer.contains(component)) {
                let architecture = architecture.clone();
                let packages = Packages::of(suite, component, architecture, PackageKind::Udeb);
                kinds.extend(contents.then(|| Self::Contents(Contents::Packages(packages.clone()))));
                kinds.push(Self::Packages(packages));
            }
            if *sources {
                let sources = Sources { component };
                kinds.extend(contents.then_some(Self::Contents(Contents::Sources(sources))));
                kinds.push(Self::Sources(sources));
            }
            if suite.translations {
                kinds.push(Self::Translation(Translation { component }));
            }
        }
        kinds
    }

    /// Its path below the directory of the suite, without the compression's ending.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Packages(Packages { component, architecture, kind, .. }) => {
                format!("{}/Packages", RelPath::packages_directory(component, architecture, *kind))
            }
            Self::Sources(Sources { component }) => {
                format!("{}/{SOURCES}", RelPath::source_directory(component))
            }
            Self::Contents(Contents::Packages(Packages { component, architecture, kind, .. })) => {
                RelPath::contents(component, architecture, *kind).to_string()
            }
            Self::Contents(Contents::Sources(Sources { component })) => {
                RelPath::source_contents(component).to_string()
            }
            Self::Translation(Translation { component }) => translation_path(component),
            Self::Flat(flat) => flat.path().to_owned(),
        }
    }

    /// Which of the configured compressions it is for.
    pub(super) fn index_kind(&self) -> IndexKind {
        match self {
            Self::Packages(_) | Self::Flat(Flat { sources: false, .. }) => IndexKind::Packages,
            Self::Sources(_) | Self::Flat(Flat { sources: true, .. }) => IndexKind::Sources,
            Self::Contents(_) => IndexKind::Contents,
            Self::Translation(_) => IndexKind::Translation,
        }
    }

    /// Returns whether the index lists something of a record.
    pub(super) fn lists(&self, record: &Record) -> bool {
        match self {
            Self::Packages(packages) => packages.lists(record),
            Self::Contents(contents) => contents.lists(record),
            Self::Translation(translation) => translation.lists(record),
            Self::Sources(sources) => sources.lists(record),
            Self::Flat(flat) => flat.lists(record),
        }
    }

    /// Returns what the index makes of the records that it lists. Indices of the same form that list the same records are equal.
    pub(super) fn form(&self) -> &'static str {
        match self {
            Self::Packages(Packages { short: true, .. }) => "short stanzas",
            Self::Packages(_) | Self::Sources(_) | Self::Flat(_) => "stanzas",
            Self::Contents(Contents::Packages(_)) => "files",
            Self::Contents(Contents::Sources(_)) => "files of sources",
            Self::Translation(_) => "descriptions",
        }
    }

    /// Returns the stanzas of some records of one package; none in an index that lists files.
    pub(super) fn stanzas(
        &self,
        records: &[Arc<Record>],
        unlisted: &UnlistedPackages,
    ) -> Vec<Stanza<'static>> {
        match self {
            Self::Packages(kind) => kind.items(records, unlisted),
            Self::Translation(kind) => kind.items(records, unlisted),
            Self::Sources(kind) => kind.items(records, unlisted),
            Self::Flat(kind) => kind.items(records, unlisted),
            Self::Contents(_) => Vec::new(),
        }
    }

    /// Whether its items are made of all versions of a package together, and not of each record alone.
    pub(super) fn joins_versions(&self) -> bool {
        match self {
            Self::Packages(_) | Self::Sources(_) | Self::Flat(_) => false,
            Self::Contents(_) | Self::Translation(_) => true,
        }
    }

    /// Whether the items of the suite's indices were made alike when these were published. Only then can this one be made from
    /// the one before.
    pub(super) fn is_made_alike(
        &self,
        Wanted { suite, settings, .. }: &Wanted<'_>,
        PublishedSuite { indices: published, settings: settings_before, .. }: &PublishedSuite,
    ) -> bool {
        let is_apart = |component: &Component| {
            let all = RelPath::binary_directory(component, &Architecture::all());
            published.contains_key(&format!("{all}/Packages"))
        };
        match self {
            // What it lists depends on the components and architectures, which nothing beside it tells.
            Self::Flat(_) => settings == settings_before,
            Self::Packages(Packages { component, kind: PackageKind::Deb, .. }) => {
                published.contains_key(&translation_path(component)) == suite.translations
                    && is_apart(component) == suite.lists_all_apart()
            }
            Self::Contents(Contents::Packages(Packages { component, kind: PackageKind::Deb, .. })) => {
                is_apart(component) == suite.lists_all_apart()
            }
            Self::Packages(_) | Self::Sources(_) | Self::Contents(_) | Self::Translation(_) => true,
        }
    }
}

/// The components that have packages for installers among those published before: their indices stay, be they empty.
pub(super) fn installer_components<'a>(
    suite: &'a SuiteSettings,
    published: &'a BTreeMap<String, PublishedIndex>,
) -> impl Iterator<Item = &'a Component> {
    let path = |component: &Component, architecture: &Architecture| {
        format!("{}/Packages", RelPath::packages_directory(component, architecture, PackageKind::Udeb))
    };
    suite.components.iter().filter(move |component| {
        suite.architectures.iter().any(|architecture| published.contains_key(&path(component, architecture)))
    })
}

/// Whether each component of a suite is among those published.
pub(super) fn shows_every_component(
    suite: &SuiteSettings,
    published: &BTreeMap<String, PublishedIndex>,
) -> bool {
    let path = |component: &Component, architecture: &Architecture| {
        format!("{}/Packages", RelPath::binary_directory(component, architecture))
    };
    suite.components.iter().all(|component| {
        suite
            .published_architectures()
            .any(|architecture| published.contains_key(&path(component, &architecture)))
    })
}

fn translation_path(component: &Component) -> String {
    format!("{component}/i18n/Translation-en")
}

/// The binary packages of one component for one architecture.
#[derive(Clone, Debug)]
pub(super) struct Packages<'a> {
    component: &'a Component,
    architecture: Architecture,
    kind: PackageKind,
    /// Whether packages for all architectures are listed too.
    with_all: bool,
    /// Whether only the first line of each description is.
    short: bool,
}

impl<'a> Packages<'a> {
    fn of(
        suite: &SuiteSettings,
        component: &'a Component,
        architecture: Architecture,
        kind: PackageKind,
    ) -> Self {
        // Installers read the index of their architecture only, and no translations.
        let for_installers = kind == PackageKind::Udeb;
        let with_all = for_installers || suite.architecture_all == ArchitectureAll::Folded;
        Self { component, architecture, kind, with_all, short: suite.translations && !for_installers }
    }

    pub(super) fn items(&self, records: &[Arc<Record>], unlisted: &UnlistedPackages) -> Vec<Stanza<'static>> {
        let listed = records.iter().filter(|record| self.lists(record));
        let stanza = |record: &Record| {
            let stanza = record.published()?;
            if self.short { stanza.with_short_description() } else { Ok(stanza.into_owned()) }
        };
        listed
            .filter_map(|record| unlisted.listed(record.key(), IndexKind::Packages, stanza(record)))
            .collect()
    }

    pub(super) fn lists(&self, record: &Record) -> bool {
        let Build::For(architecture) = &record.key().architecture else { return false };
        record.component() == self.component
            && record.kind() == self.kind
            && (*architecture == self.architecture || (self.with_all && architecture.is_all()))
    }
}

/// The descriptions of the packages of one component: of each package every one that a version of it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Translation<'a> {
    component: &'a Component,
}

impl Translation<'_> {
    pub(super) fn items(&self, records: &[Arc<Record>], unlisted: &UnlistedPackages) -> Vec<Stanza<'static>> {
        let mut items: Vec<Stanza<'static>> = Vec::new();
        for record in records {
            if !self.lists(record) {
                continue;
            }
            let item = record.published().and_then(|stanza| stanza.translation());
            let item = unlisted.listed(record.key(), IndexKind::Translation, item).flatten();
            let is_new = |item: &Stanza<'_>| {
                !items
                    .iter()
                    .any(|known| known.package() == item.package() && known.as_bytes() == item.as_bytes())
            };
            items.extend(item.filter(is_new));
        }
        items
    }

    fn lists(&self, record: &Record) -> bool {
        record.component() == self.component && record.kind() == PackageKind::Deb
    }
}

/// The source packages of one component.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'a> {
    component: &'a Component,
}

impl Sources<'_> {
    pub(super) fn items(&self, records: &[Arc<Record>], unlisted: &UnlistedPackages) -> Vec<Stanza<'static>> {
        let listed = records.iter().filter(|record| self.lists(record));
        listed.filter_map(|record| unlisted.stanza(record, IndexKind::Sources)).collect()
    }

    pub(super) fn lists(&self, record: &Record) -> bool {
        record.key().architecture.is_source() && record.component() == self.component
    }
}
