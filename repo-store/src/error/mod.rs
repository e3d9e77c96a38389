//! What can go wrong, by families.
//!
//! Every operation returns an [`Error`] that holds one of these. Match on the family and its kind; a caller that only tells
//! what happened prints the chain of sources and [`Error::code`].

mod access;
mod change;
pub(crate) mod families;
mod history;
mod import;
mod maintenance;
mod profile;
mod publish;
mod reissue;
mod rule;
mod settings;

pub use access::AccessError;
pub use change::ChangeError;
pub(crate) use families::Error;
pub use history::HistoryError;
pub use import::ImportError;
pub use maintenance::MaintenanceError;
pub use profile::ProfileError;
pub use publish::PublishError;
pub use reissue::ReissueError;
pub use rule::RuleError;
pub use settings::{RouteFault, SettingsError};
