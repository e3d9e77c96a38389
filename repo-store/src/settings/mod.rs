//! How a repository is set up: what the administrator decided, as values.
//!
//! [`RepositorySettings`] and [`SuiteSettings`], at the root of the crate, hold all of these. A
//! program fills them in itself, or reads them from `repo.toml` with the crate `repo-config`.

pub(crate) mod base;
pub mod gate;
pub(crate) mod markers;
pub mod profile;
pub(crate) mod release_mark;
pub(crate) mod release_name;
pub(crate) mod release_names;
pub(crate) mod repository;
pub(crate) mod route;
pub(crate) mod uploaders;
mod validate;

pub use base::{Base, BaseSource};
pub use markers::Markers;
pub use release_name::{Distribution, ReleaseName};
pub use release_names::{ReleaseField, ReleaseNames};
pub use repository::{ArchitectureAll, RoutingRule, UnknownRelease};
pub(crate) use repository::{RepositorySettings, SuiteSettings};
pub use route::{Route, route};
pub use uploaders::Uploaders;

pub use crate::model::class::{PackageClass, WildPattern};
pub use crate::model::freeze::WeeklyFreeze;
pub use crate::model::index_kind::IndexKind;
