//! The managers that are known to the runner.

mod aptly;
mod ftparchive;
mod ours;
mod reprepro;

use crate::manager::Manager;

/// Returns every manager; ours is this program.
#[must_use]
pub fn all(repo_cli: &str) -> Vec<Box<dyn Manager>> {
    vec![
        Box::new(ours::Ours::new(repo_cli)),
        Box::new(aptly::Aptly),
        Box::new(reprepro::Reprepro),
        Box::new(ftparchive::FtpArchive),
    ]
}
