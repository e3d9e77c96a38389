//! The folder that a package is built from. No file outside of it is read, not even when somebody changes the folder meanwhile.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use glob::{MatchOptions, Pattern};
use rustix::fs::{Mode, OFlags};
use walkdir::WalkDir;

use crate::error::{Error, PathFault};
use crate::spec::At;

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: Utf8PathBuf,
    /// Where it lies without symbolic links on the way.
    canonical: Utf8PathBuf,
    /// What the files are opened from.
    directory: Arc<OwnedFd>,
}

/// How a directory is opened that is only gone through.
const PASSAGE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What is found below a path or by a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Relative to the folder.
    pub(crate) path: Utf8PathBuf,
    /// Relative to the part of the pattern without wildcards; empty for a file that is named by itself.
    pub(crate) below: Utf8PathBuf,
    pub(crate) kind: FoundKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FoundKind {
    /// A file, with its size and whether its owner may run it.
    File {
        size: u64,
        is_executable: bool,
    },
    Directory,
    Link(String),
}

const MATCH: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// The most that is read of a file that is kept in memory: manual pages, scripts, units.
const IN_MEMORY: u64 = 16 << 20;

impl Folder {
    pub(crate) fn new(root: &Utf8Path) -> io::Result<Self> {
        let canonical = root.canonicalize_utf8()?;
        let directory = rustix::fs::open(canonical.as_std_path(), PASSAGE, Mode::empty())?;
        Ok(Self { root: root.to_owned(), canonical, directory: Arc::new(directory) })
    }

    /// Finds the file that is named, everything below a directory, or what a pattern matches. It is sorted by path.
    pub(crate) fn find(&self, from: &At<String>, exclude: &[At<Pattern>]) -> Result<Vec<Found>, Error> {
        let path = inside(from)?;
        let fixed: Utf8PathBuf = path.components().take_while(|part| !is_pattern(part.as_str())).collect();
        let is_pattern = fixed != path;
        let full = self.checked(&fixed, from)?;
        let metadata = fs::metadata(&full).map_err(|source| read_error(from, &fixed, source))?;
        if !metadata.is_dir() {
            if is_pattern {
                return Err(path_error(from, &path, PathFault::NothingFound));
            }
            let below = Utf8PathBuf::new();
            let kind = self.kind((&full, &fixed, &below), &metadata, from)?;
            return Ok(vec![Found { path: fixed, below, kind }]);
        }
        let pattern = Pattern::new(path.as_str()).map_err(|error| from.error(error.msg))?;
        let mut found = Vec::new();
        let walk = WalkDir::new(&full).min_depth(1).sort_by_file_name();
        for entry in walk {
            let entry = entry.map_err(|error| {
                let at = error.path().and_then(Utf8Path::from_path).unwrap_or(&full).to_owned();
                let at = at.strip_prefix(&self.root).map(Utf8Path::to_owned).unwrap_or(at);
                read_error(from, &at, error.into())
            })?;
            let below = Utf8Path::from_path(entry.path()).and_then(|path| path.strip_prefix(&full).ok());
            let Some(below) = below.filter(|below| !below.as_str().contains('\n')) else {
                let name = entry.path().to_string_lossy().replace('\n', "\\n");
                return Err(path_error(from, Utf8Path::new(&name), PathFault::Name));
            };
            let path = fixed.join(below);
            let is_matched = !is_pattern || pattern.matches_with(path.as_str(), MATCH);
            if !is_matched || is_excluded(&path, exclude) {
                continue;
            }
            // `bin/*` means the files there; only what ends with `**` means directories too, the empty ones.
            if entry.file_type().is_dir() && is_pattern && !from.value.ends_with("**") {
                continue;
            }
            let metadata = entry.metadata().map_err(|error| read_error(from, &path, error.into()))?;
            let kind = self.kind((&self.root.join(&path), &path, below), &metadata, from)?;
            found.push(Found { below: below.to_owned(), path, kind });
        }
        if found.is_empty() {
            return Err(path_error(from, &path, PathFault::NothingFound));
        }
        Ok(found)
    }

    /// Reads a file that is needed whole.
    pub(crate) fn read(&self, named: &At<String>) -> Result<Vec<u8>, Error> {
        let path = inside(named)?;
        self.checked(&path, named)?;
        let file = self.open(&path).map_err(|source| read_error(named, &path, source))?;
        let metadata = file.metadata().map_err(|source| read_error(named, &path, source))?;
        if metadata.is_dir() {
            return Err(path_error(named, &path, PathFault::Directory));
        }
        if !metadata.is_file() {
            return Err(path_error(named, &path, PathFault::Special));
        }
        let mut bytes = Vec::new();
        file.take(IN_MEMORY + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| read_error(named, &path, source))?;
        if bytes.len() as u64 > IN_MEMORY {
            return Err(path_error(named, &path, PathFault::TooLarge));
        }
        Ok(bytes)
    }

    /// Reads a file of text that is needed whole.
    pub(crate) fn read_text(&self, named: &At<String>) -> Result<String, Error> {
        let bytes = self.read(named)?;
        String::from_utf8(bytes)
            .map_err(|_| path_error(named, Utf8Path::new(&named.value), PathFault::NotText))
    }

    /// Opens a file that [`find`](Self::find) found, if it is still in the folder. A pipe that has come in its place is not waited for.
    pub(crate) fn open(&self, path: &Utf8Path) -> io::Result<File> {
        let canonical = self.root.join(path).canonicalize_utf8()?;
        match canonical.strip_prefix(&self.canonical) {
            Ok(path) => self.open_without_links(path),
            Err(_) => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// Opens a file of the folder by a path without symbolic links. One that has come there since the path was resolved is not followed, wherever in
    /// the path it is: openat2(2) would do that by one call, but not on kernels before Linux 5.6.
    fn open_without_links(&self, path: &Utf8Path) -> io::Result<File> {
        let mut directory = rustix::fs::openat(&self.directory, ".", PASSAGE, Mode::empty())?;
        for part in path.parent().into_iter().flat_map(Utf8Path::components) {
            directory = rustix::fs::openat(&directory, part.as_str(), PASSAGE, Mode::empty())?;
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let name = path.file_name().unwrap_or(".");
        Ok(File::from(rustix::fs::openat(&directory, name, flags, Mode::empty())?))
    }

    /// Returns the full path of what is named, unless a symbolic link on the way leads out of the folder.
    fn checked(&self, path: &Utf8Path, named: &At<String>) -> Result<Utf8PathBuf, Error> {
        let full = self.root.join(path);
        match full.canonicalize_utf8() {
            Ok(canonical) if canonical.starts_with(&self.canonical) => Ok(full),
            Ok(_) => Err(path_error(named, path, PathFault::LinkLeavesFolder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(path_error(named, path, PathFault::NothingFound))
            }
            Err(source) => Err(read_error(named, path, source)),
        }
    }

    /// Returns what is at a path, which is given in full, from the folder, and from what is packaged with it.
    fn kind(
        &self,
        (full, path, below): (&Utf8Path, &Utf8Path, &Utf8Path),
        metadata: &fs::Metadata,
        named: &At<String>,
    ) -> Result<FoundKind, Error> {
        if metadata.is_dir() {
            return Ok(FoundKind::Directory);
        }
        if metadata.is_file() {
            let is_executable = metadata.permissions().mode() & 0o100 != 0;
            return Ok(FoundKind::File { size: metadata.len(), is_executable });
        }
        if !metadata.is_symlink() {
            return Err(path_error(named, path, PathFault::Special));
        }
        let target = full.read_link_utf8().map_err(|source| read_error(named, path, source))?;
        if !stays_inside(path, &target) {
            return Err(path_error(named, path, PathFault::LinkLeavesFolder));
        }
        // Only what is packaged with it lies on a machine as it does here.
        if !stays_inside(below, &target) {
            return Err(path_error(named, path, PathFault::LinkLeavesTarget));
        }
        Ok(FoundKind::Link(target.into_string()))
    }
}

/// Whether the target of a link lies in the directory that its path begins in, by its text.
fn stays_inside(path: &Utf8Path, target: &Utf8Path) -> bool {
    let mut depth = path.components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Utf8Component::Normal(_) => depth += 1,
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return false,
            },
            Utf8Component::RootDir | Utf8Component::Prefix(_) => return false,
        }
    }
    true
}

/// Reads a path that must stay in the folder.
fn inside(named: &At<String>) -> Result<Utf8PathBuf, Error> {
    let mut path = Utf8PathBuf::new();
    for part in Utf8Path::new(&named.value).components() {
        match part {
            Utf8Component::Normal(part) => path.push(part),
            Utf8Component::CurDir => {}
            _ => return Err(path_error(named, Utf8Path::new(&named.value), PathFault::LeavesFolder)),
        }
    }
    Ok(path)
}

fn is_pattern(part: &str) -> bool {
    part.contains(['*', '?', '['])
}

/// Whether a path or a directory that it is in is excluded.
fn is_excluded(path: &Utf8Path, exclude: &[At<Pattern>]) -> bool {
    exclude
        .iter()
        .any(|pattern| path.ancestors().any(|path| pattern.value.matches_with(path.as_str(), MATCH)))
}

pub(crate) fn path_error(named: &At<String>, path: &Utf8Path, fault: PathFault) -> Error {
    Error::Path { position: named.position, path: path.to_owned(), fault }
}

fn read_error(named: &At<String>, path: &Utf8Path, source: io::Error) -> Error {
    Error::Read { position: named.position, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_that_comes_into_a_path_after_it_was_resolved_is_not_followed() {
        let top = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(top.path()).unwrap();
        for directory in ["folder/a/b", "outside/b"] {
            fs::create_dir_all(top.join(directory)).unwrap();
            fs::write(top.join(directory).join("x"), directory).unwrap();
        }
        let folder = Folder::new(&top.join("folder")).unwrap();
        let content = |path: &str| folder.open_without_links(path.into()).and_then(io::read_to_string);
        assert_eq!(content("a/b/x").unwrap(), "folder/a/b");

        for (replaced, target) in
            [("a/b/x", "../../../outside/b/x"), ("a/b", "../../outside/b"), ("a", "../outside")]
        {
            let (at, aside) = (top.join("folder").join(replaced), top.join("aside"));
            fs::rename(&at, &aside).unwrap();
            symlink(target, &at).unwrap();
            assert_eq!(fs::read_to_string(top.join("folder/a/b/x")).unwrap(), "outside/b");
            content("a/b/x").unwrap_err();
            fs::remove_file(&at).unwrap();
            fs::rename(&aside, &at).unwrap();
        }

        // The folder itself is the one that was opened.
        fs::rename(top.join("folder"), top.join("aside")).unwrap();
        symlink("outside", top.join("folder")).unwrap();
        assert_eq!(content("a/b/x").unwrap(), "folder/a/b");
        assert_eq!(folder.open("b/x".into()).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
