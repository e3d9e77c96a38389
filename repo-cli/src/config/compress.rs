//! How indices are compressed.

use apt_index::Encoding;
use repo_store::{IndexKind, RepositorySettings};

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

    fn encodings(&self, key: &str, names: &[String]) -> Result<Vec<Encoding>, Failure> {
        let encoding = |name: &String| {
            let unknown = || {
                let name = name.escape_debug();
                self.wrong(&format!("{key}: `{name}` is none of xz, gz, zst, bz2, none"))
            };
            Encoding::from_name(name).ok_or_else(unknown)
        };
        let encodings = without_repeats(names.iter().map(encoding).collect::<Result<Vec<_>, _>>()?);
        if encodings.is_empty() {
            return Err(self.wrong(&format!("{key}: name at least one, `none` for the plain file")));
        }
        Ok(encodings)
    }
}
