//! How indices are compressed.

use apt_index::Encoding;
use repo_store::{IndexKind, RepositorySettings};

use super::value::{Text, plain};
use super::{Config, without_repeats};
use crate::error::Failure;

impl Config {
    pub(super) fn compress(&self, settings: &mut RepositorySettings) -> Result<(), Failure> {
        if let Some(names) = &self.file.compress {
            settings.encodings = self.encodings("compress", names)?;
        }
        let table = &self.file.compress_index;
        for (kind, key, names) in [
            (IndexKind::Packages, "packages", &table.packages),
            (IndexKind::Sources, "sources", &table.sources),
            (IndexKind::Contents, "contents", &table.contents),
            (IndexKind::Translation, "translation", &table.translation),
        ] {
            if let Some(names) = names {
                let encodings = self.encodings(&format!("compress_index.{key}"), names)?;
                settings.encodings_by_kind.insert(kind, encodings);
            }
        }
        let packages = settings.encodings_of(IndexKind::Packages);
        if !packages.iter().any(|encoding| matches!(encoding, Encoding::Xz | Encoding::Gz)) {
            return Err(self.wrong("compress: without xz or gz debootstrap finds no package"));
        }
        Ok(())
    }

    fn encodings(&self, key: &str, listed: &[Text<Encoding>]) -> Result<Vec<Encoding>, Failure> {
        if listed.is_empty() {
            return Err(self.wrong(&format!("{key}: name at least one, `none` for the plain file")));
        }
        Ok(without_repeats(plain(listed)))
    }
}
