//! How much of a package file is read before it is refused.

use deb_parse::Limits;

use crate::config::Config;
use crate::file::LimitsTable;
use crate::value::Text;

impl Config {
    /// Returns the limits of the table `[limits]`, with the defaults of [`Limits`] for what is not set.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let LimitsTable { control_unpacked, data_unpacked, data_entries, xz_memory } = &self.file.limits;
        let mut limits = Limits::default();
        if let Some(Text(size)) = control_unpacked {
            limits = limits.with_control_unpacked(size.0);
        }
        if let Some(Text(size)) = data_unpacked {
            limits = limits.with_data_unpacked(size.0);
        }
        if let Some(entries) = data_entries {
            limits = limits.with_data_entries(entries.get());
        }
        if let Some(Text(size)) = xz_memory {
            limits = limits.with_xz_memory(size.0);
        }
        limits
    }
}
