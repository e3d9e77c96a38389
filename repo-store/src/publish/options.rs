//! How a repository is published.

use crate::publish::export::Exported;

/// How a repository is published.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishOptions {
    /// Publish also what clients refuse until somebody allows it on each machine: another `Origin`, `Label`, `Codename` or
    /// default priority (`NotAutomatic`) of a suite that they know.
    pub allow_release_info_change: bool,
    /// Publish even if something that clients read was removed: a suite, an alias or the flat form that left the settings.
    pub allow_removal: bool,
    /// Publish also when none of the keys that sign signed what clients see: they refuse it until they are given one of these keys.
    pub allow_key_change: bool,
    /// Publish also a state that was not built upon the one that clients saw last: for them the repository goes back.
    pub allow_earlier_state: bool,
    /// Read every published file of an index that is taken over, or that a part is taken from, to its end, and not only a share of them;
    /// render the index again when the file is damaged. Going back to an older state asks for this.
    pub check_all: bool,
    /// Publish what was exported to be signed elsewhere, and not the current state.
    pub exported: Option<Exported>,
}
