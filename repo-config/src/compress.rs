//! How indices are compressed.

use repo_store::RepositorySettings;
use repo_store::settings::IndexKind;

use crate::config::{Config, without_repeats};
use crate::value::plain;

impl Config {
    pub(crate) fn compress(&self, settings: &mut RepositorySettings) {
        if let Some(names) = &self.file.compress {
            settings.encodings = without_repeats(plain(names));
        }
        let table = &self.file.compress_index;
        for (kind, names) in [
            (IndexKind::Packages, &table.packages),
            (IndexKind::Sources, &table.sources),
            (IndexKind::Contents, &table.contents),
            (IndexKind::Translation, &table.translation),
        ] {
            if let Some(names) = names {
                settings.encodings_by_kind.insert(kind, without_repeats(plain(names)));
            }
        }
    }
}

/// The key in the table `[compress_index]`.
pub(crate) fn key_of(kind: IndexKind) -> Option<&'static str> {
    match kind {
        IndexKind::Packages => Some("packages"),
        IndexKind::Sources => Some("sources"),
        IndexKind::Contents => Some("contents"),
        IndexKind::Translation => Some("translation"),
        _ => None,
    }
}
