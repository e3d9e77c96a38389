//! Which indices a suite has, and what each lists.

use std::sync::Arc;

use apt_index::{Error, RelPath, Stanza};
use deb_parse::{Architecture, Component};

use crate::{Build, Record, SuiteSettings};

/// How the paths of indices of source packages end.
pub(super) const SOURCES: &str = "/Sources";

/// One of the indices of a suite.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    Packages(Packages<'a>),
    Sources(Sources<'a>),
}

impl<'a> Kind<'a> {
    /// Every index that a suite publishes; those of source packages only when it `has_sources`: clients ask for what is listed.
    pub(super) fn of_suite(suite: &'a SuiteSettings, has_sources: bool) -> Vec<Self> {
        let pairs = suite.components.iter().flat_map(|c| suite.architectures.iter().map(move |a| (c, a)));
        let packages = pairs.map(|(component, architecture)| Packages { component, architecture });
        let sources = suite.components.iter().filter(|_| has_sources).map(|component| Sources { component });
        packages.map(Self::Packages).chain(sources.map(Self::Sources)).collect()
    }

    /// Its path below the directory of the suite, without the compression's ending.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Packages(Packages { component, architecture }) => {
                format!("{}/Packages", RelPath::binary_directory(component, architecture))
            }
            Self::Sources(Sources { component }) => {
                format!("{}{SOURCES}", RelPath::source_directory(component))
            }
        }
    }

    /// Whether its items are made of all versions of a package together, and not of each record alone.
    pub(super) fn joins_versions(&self) -> bool {
        match self {
            Self::Packages(_) | Self::Sources(_) => false,
        }
    }
}

/// The binary packages of one component for one architecture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packages<'a> {
    component: &'a Component,
    architecture: &'a Architecture,
}

impl Packages<'_> {
    pub(super) fn items(&self, records: &[Arc<Record>]) -> Result<Vec<Stanza<'static>>, Error> {
        let listed = records.iter().filter(|record| self.lists(record));
        listed.map(|record| Stanza::parse(record.stanza()).map(Stanza::into_owned)).collect()
    }

    fn lists(&self, record: &Record) -> bool {
        let Build::For(architecture) = &record.key().architecture else { return false };
        record.component() == self.component && (architecture.is_all() || architecture == self.architecture)
    }
}

/// The source packages of one component.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'a> {
    component: &'a Component,
}

impl Sources<'_> {
    pub(super) fn items(&self, records: &[Arc<Record>]) -> Result<Vec<Stanza<'static>>, Error> {
        let listed = |record: &&Arc<Record>| {
            record.key().architecture.is_source() && record.component() == self.component
        };
        let listed = records.iter().filter(listed);
        listed.map(|record| Stanza::parse(record.stanza()).map(Stanza::into_owned)).collect()
    }
}
