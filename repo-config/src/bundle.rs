//! What a site without network takes: `[bundle]`.

use camino::Utf8PathBuf;

use crate::config::Config;
use crate::value::Text;

/// What `bundle apply` goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BundleSettings {
    /// The name of this site; `None` when it has none.
    pub site: Option<String>,
    /// The file with the keys of those whose bundles are taken; `None` when nobody's are.
    pub keyring: Option<Utf8PathBuf>,
}

impl Config {
    /// Returns what `[bundle]` says. The keyring is not read.
    #[must_use]
    pub fn bundle(&self) -> BundleSettings {
        let table = &self.file.bundle;
        BundleSettings {
            site: table.site.as_ref().map(|Text(site)| site.to_string()),
            keyring: table.keyring.as_ref().map(|path| self.root.join(path)),
        }
    }
}
