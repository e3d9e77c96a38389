//! Who may read and write what: one table, which making, checking and repairing all go by.

use std::fmt;

use camino::Utf8Path;

/// The modes of what the store makes.
pub mod mode {
    /// Directories that a web server or another user of the machine may read.
    pub const DIRECTORY: u32 = 0o755;
    /// Files that never change: blobs, objects, everything published.
    pub const IMMUTABLE: u32 = 0o444;
    /// Files that are replaced or appended to: references, logs.
    pub const MUTABLE: u32 = 0o644;
    /// The directory of secret keys, and of files that nobody should see yet.
    pub const SECRET_DIRECTORY: u32 = 0o700;
    /// A secret key.
    pub const SECRET: u32 = 0o600;
    /// The widest that directories of the administrator may be: writable by a group of administrators.
    pub const ADMINISTRATION_DIRECTORY: u32 = 0o775;
    /// The widest that files of the administrator may be.
    pub const ADMINISTRATION: u32 = 0o664;
}

/// What a line of the table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
}

/// Which modes are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeRule {
    /// This one.
    Exactly(u32),
    /// This one, or one with fewer rights.
    AtMost(u32),
}

/// Who must own an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerRule {
    /// The owner of `store/`: the one user that runs `repo-cli`.
    Store,
    /// Anybody: what the administrator writes may come from configuration management.
    Anybody,
}

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The path from the root. `*` stands for any one name, a final `**` for everything below.
    pub path: &'static str,
    /// What lies there.
    pub kind: EntryKind,
    /// Its mode.
    pub mode: ModeRule,
    /// Its owner.
    pub owner: OwnerRule,
}

/// Every directory and file of a store; the first line that fits counts. Symbolic links have no mode of their own.
pub const PERMISSIONS: &[Permission] = {
    use EntryKind::{Directory, File};
    use ModeRule::{AtMost, Exactly};
    use OwnerRule::{Anybody, Store};
    const fn line(path: &'static str, kind: EntryKind, mode: ModeRule, owner: OwnerRule) -> Permission {
        Permission { path, kind, mode, owner }
    }
    &[
        line(".", Directory, AtMost(mode::ADMINISTRATION_DIRECTORY), Anybody),
        line("repo.toml", File, AtMost(mode::ADMINISTRATION), Anybody),
        line("repo.d", Directory, AtMost(mode::ADMINISTRATION_DIRECTORY), Anybody),
        line("repo.d/*", File, AtMost(mode::ADMINISTRATION), Anybody),
        line("keys", Directory, Exactly(mode::SECRET_DIRECTORY), Store),
        line("keys/*", File, AtMost(mode::SECRET), Store),
        line("store", Directory, Exactly(mode::DIRECTORY), Store),
        line("store/format", File, Exactly(mode::MUTABLE), Store),
        line("store/blobs/**", File, Exactly(mode::IMMUTABLE), Store),
        line("store/objects/**", File, Exactly(mode::IMMUTABLE), Store),
        line("store/manifests/**", File, Exactly(mode::IMMUTABLE), Store),
        line("store/publications/**", File, Exactly(mode::IMMUTABLE), Store),
        line("store/tmp", Directory, Exactly(mode::DIRECTORY), Store),
        line("store/tmp/*", Directory, Exactly(mode::SECRET_DIRECTORY), Store),
        line("store/tmp/**", File, AtMost(mode::MUTABLE), Store),
        line("store/tmp/**", Directory, AtMost(mode::DIRECTORY), Store),
        line("store/cache/api", Directory, Exactly(mode::SECRET_DIRECTORY), Store),
        line("store/cache/api/*", Directory, Exactly(mode::SECRET_DIRECTORY), Store),
        line("store/cache/api/**", File, AtMost(mode::MUTABLE), Store),
        line("store/damaged", Directory, Exactly(mode::SECRET_DIRECTORY), Store),
        line("store/damaged/**", File, AtMost(mode::MUTABLE), Store),
        line("store/trash/**", File, AtMost(mode::MUTABLE), Store),
        line("store/**", File, Exactly(mode::MUTABLE), Store),
        line("store/**", Directory, Exactly(mode::DIRECTORY), Store),
        line("public", Directory, Exactly(mode::DIRECTORY), Store),
        line("public/**", Directory, Exactly(mode::DIRECTORY), Store),
        line("public/**", File, Exactly(mode::IMMUTABLE), Store),
    ]
};

impl Permission {
    /// The line for a path from the root; `None` for what is no part of a store.
    ///
    /// ```
    /// use repo_store::storage::permissions::{EntryKind, ModeRule, Permission};
    /// let line = Permission::of("store/blobs/ab/cdef".into(), EntryKind::File).unwrap();
    /// assert_eq!(line.mode, ModeRule::Exactly(0o444));
    /// assert!(Permission::of("notes.txt".into(), EntryKind::File).is_none());
    /// ```
    #[must_use]
    pub fn of(path: &Utf8Path, kind: EntryKind) -> Option<&'static Self> {
        PERMISSIONS.iter().find(|line| line.kind == kind && line.fits(path))
    }

    fn fits(&self, path: &Utf8Path) -> bool {
        if self.path == "." {
            return path.as_str().is_empty() || path.as_str() == ".";
        }
        let mut names = path.as_str().split('/');
        let mut pattern = self.path.split('/');
        loop {
            match (pattern.next(), names.next()) {
                (Some("**"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(_)) => {}
                (Some(wanted), Some(name)) if wanted == name => {}
                _ => return false,
            }
        }
    }
}

impl ModeRule {
    /// Whether a mode (its last nine bits) is right.
    #[must_use]
    pub fn allows(self, mode: u32) -> bool {
        let mode = mode & 0o777;
        match self {
            Self::Exactly(wanted) => mode == wanted,
            Self::AtMost(widest) => mode & !widest == 0,
        }
    }

    /// The right mode in place of one that is not.
    #[must_use]
    pub fn corrected(self, mode: u32) -> u32 {
        match self {
            Self::Exactly(wanted) => wanted,
            Self::AtMost(widest) => mode & widest,
        }
    }
}

impl fmt::Display for ModeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(mode) => write!(f, "{mode:04o}"),
            Self::AtMost(mode) => write!(f, "{mode:04o} or less"),
        }
    }
}

impl EntryKind {
    /// Returns what it is, in the words of messages about what lies in its place.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "regular file",
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "directory",
            Self::File => "file",
        })
    }
}

impl fmt::Display for OwnerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => "owner of `store`",
            Self::Anybody => "anybody",
        })
    }
}
