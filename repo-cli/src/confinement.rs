//! What a process gives up that has to do with files of strangers: it goes on to change the store, what is published and the drop folders that
//! it empties, and nothing else; so neither the configuration nor the keys.
//!
//! It guards against a mistake of ours about a path. The packages themselves are read by processes that can do nothing at all
//! (`package_readers`).

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Failure;
use crate::output::Output;
use crate::programs;

/// The directories that a process goes on to change.
#[derive(Debug)]
pub(crate) struct Places(BTreeSet<Utf8PathBuf>);

impl Places {
    /// What a store in a root consists of, without what is published.
    pub(crate) fn of_data(root: &Utf8Path) -> Self {
        Self([nearest(root, "store")].into())
    }

    /// A store in a root, and what is published.
    pub(crate) fn of_store(root: &Utf8Path) -> Self {
        Self::of_data(root).and([nearest(root, "public")])
    }

    pub(crate) fn and(mut self, more: impl IntoIterator<Item = Utf8PathBuf>) -> Self {
        self.0.extend(more);
        self
    }

    /// Has the process change nothing outside from now on: this thread, and the threads and programs that it starts. `starts_programs`:
    /// whether it is to start others, which are not bound to it.
    pub(crate) fn keep_to(&self, starts_programs: bool) -> Result<Confined, Failure> {
        let failed = |error: io::Error| Failure::io("confine", "this process")(error);
        if starts_programs {
            programs::begin().map_err(failed)?;
        }
        // A directory that is replaced meanwhile is another one.
        let directories = self.directories();
        let is_kept = deb_sandbox::keep_writes_to(self.0.iter().map(|path| path.as_std_path()));
        Ok(Confined { directories: is_kept.map_err(failed)?.then_some(directories) })
    }

    fn directories(&self) -> BTreeSet<Directory> {
        self.0.iter().filter_map(|path| Directory::at(path)).collect()
    }
}

/// Returns a directory in a root, or the root itself if the directory is still to be made.
fn nearest(root: &Utf8Path, name: &str) -> Utf8PathBuf {
    let path = root.join(name);
    if path.is_dir() { path } else { root.to_owned() }
}

/// A directory that is there, under whatever name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Directory {
    device: u64,
    number: u64,
}

impl Directory {
    fn at(path: &Utf8Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self { device: found.dev(), number: found.ino() })
    }
}

/// What a process can still change.
#[derive(Debug)]
pub(crate) struct Confined {
    /// `None` where the system cannot keep it from anything.
    directories: Option<BTreeSet<Directory>>,
}

impl Confined {
    /// Warns when the system does not keep the process to its places: for services, which tell it once.
    pub(crate) fn warn_of_lack(&self, output: &Output) {
        if self.directories.is_none() {
            let lack = "this process can write wherever its user can: only Linux 5.19 and later with Landlock keep it from that";
            output.warn("W-CONFINEMENT", lack.to_owned());
        }
    }

    /// Returns whether the process can change everything in these places, as far as they are there.
    pub(crate) fn reaches(&self, places: &Places) -> bool {
        self.directories.as_ref().is_none_or(|kept| places.directories().is_subset(kept))
    }
}
