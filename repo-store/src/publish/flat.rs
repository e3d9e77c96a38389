//! The indices of a suite in its flat form.

use std::sync::Arc;

use apt_index::pool::PackageKind;
use apt_index::stanza::Stanza;

use super::kind::SOURCES;
use super::unlisted::UnlistedPackages;
use crate::model::index_kind::IndexKind;
use crate::model::record::{Build, Record};
use crate::settings::SuiteSettings;

/// All binary packages of a suite, or all its source packages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flat<'a> {
    pub(super) suite: &'a SuiteSettings,
    pub(super) sources: bool,
}

impl Flat<'_> {
    pub(super) fn path(self) -> &'static str {
        if self.sources { SOURCES } else { "Packages" }
    }

    pub(super) fn items(self, records: &[Arc<Record>], unlisted: &UnlistedPackages) -> Vec<Stanza<'static>> {
        let index = if self.sources { IndexKind::Sources } else { IndexKind::Packages };
        let listed = records.iter().filter(|record| self.lists(record));
        listed.filter_map(|record| unlisted.stanza(record, index)).collect()
    }

    pub(super) fn lists(self, record: &Record) -> bool {
        let Self { suite, sources } = self;
        suite.components.contains(record.component())
            && match &record.key().architecture {
                Build::Source => sources,
                Build::For(architecture) => {
                    !sources
                        && record.kind() == PackageKind::Deb
                        && (architecture.is_all() || suite.architectures.contains(architecture))
                }
            }
    }
}
