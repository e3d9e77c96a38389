use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};

/// Everything in a directory: kind, mode, inode and content of each entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree(BTreeMap<Utf8PathBuf, String>);

impl Tree {
    /// Looks at a directory now.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn of(path: &Utf8Path) -> Self {
        let mut tree = BTreeMap::new();
        let mut waiting = vec![path.to_owned()];
        while let Some(path_now) = waiting.pop() {
            let metadata = path_now.symlink_metadata().unwrap_or_else(|error| panic!("{path_now}: {error}"));
            let (mode, inode) = (metadata.permissions().mode() & 0o7777, metadata.ino());
            let what = if metadata.is_dir() {
                let entries = path_now.read_dir_utf8().expect("a directory");
                waiting.extend(entries.map(|entry| entry.expect("an entry").into_path()));
                format!("directory {mode:o}")
            } else if metadata.is_symlink() {
                format!("link to {}", path_now.read_link_utf8().expect("a link"))
            } else if metadata.is_file() {
                let content = std::fs::read(&path_now).unwrap_or_else(|error| panic!("{path_now}: {error}"));
                format!("file {mode:o} {} {} {inode}", content.len(), blake3::hash(&content))
            } else {
                format!("special {mode:o}")
            };
            tree.insert(path_now.strip_prefix(path).unwrap_or(&path_now).to_owned(), what);
        }
        Self(tree)
    }

    /// The paths in it.
    pub fn paths(&self) -> impl Iterator<Item = &Utf8Path> {
        self.0.keys().map(Utf8PathBuf::as_path)
    }

    /// Nothing may have changed since.
    ///
    /// # Panics
    /// When something has, naming it.
    #[track_caller]
    pub fn is_still(&self, now: &Self, after: &str) {
        let mut changes = String::new();
        for (path, what) in &self.0 {
            match now.0.get(path) {
                None => drop(writeln!(changes, "gone: {path}")),
                Some(other) if other != what => drop(writeln!(changes, "changed: {path}: {what} -> {other}")),
                Some(_) => {}
            }
        }
        for path in now.0.keys().filter(|path| !self.0.contains_key(*path)) {
            let _ = writeln!(changes, "new: {path}");
        }
        assert!(changes.is_empty(), "after {after}:\n{changes}");
    }
}
