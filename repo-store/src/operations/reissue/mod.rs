//! Publishing an old version of a source again above a bad one, so that machines go back with an ordinary upgrade.
//!
//! apt never goes back by itself. So the files of the old version come out again under a version above the bad one: the data archive is
//! the old one byte for byte, and only the control file tells the new version.

mod contents;
mod control;
mod file;
mod hazard;
mod pair;
mod plan;
mod relations;
mod releases;
mod scripts;
mod search;

pub use crate::model::reissue::{HazardKind, Reissue, ReissueVersion, Reissued, release_of};
pub(in crate::operations) use file::read as read_with_scripts;
pub use hazard::{Hazard, Undone};
pub(in crate::operations) use plan::NewFiles;
pub(crate) use plan::plan_reissue;
pub use plan::{ReissuePlan, ReissueRequest, ReissuedPackage};
pub(in crate::operations) use releases::goes_down;
pub(in crate::operations) use scripts::Scripts;
