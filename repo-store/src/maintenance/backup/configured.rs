//! Files that the configuration names: which of them a backup holds, and where.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::{INCOMPLETE, Target};
use crate::error::Error;
use crate::storage::beneath::{At, DirectoryHandle, Refusal};
use crate::storage::{faults, files};

/// Where a backup, and a store made from it, holds files that lie outside the root.
pub(super) const OUTSIDE: &str = "outside";

/// A file that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct NamedFile {
    /// The setting that names it, such as `repositories.prod.users`.
    pub setting: String,
    /// Its path as the configuration gives it: from the root, or absolute.
    pub path: Utf8PathBuf,
    /// Whether a backup holds it.
    pub kind: NamedFileKind,
}

/// Whether a backup holds a file that the configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedFileKind {
    /// It does: without the file the restored store is another one.
    Saved,
    /// It only names it, as secrets of other services and programs are not its business: passphrases, TLS keys, secrets of hooks.
    NamedOnly,
    /// It keeps the copy that it has, and names the file: the caller looked and found it damaged or gone.
    Damaged,
}

/// A file that the configuration names and that a backup could not save.
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct UnsavedFile {
    /// The file.
    pub file: NamedFile,
    /// Why it could not be saved.
    #[serde(serialize_with = "shared_error")]
    pub error: Arc<Error>,
}

/// A file outside the root, in a backup or in a store made from it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OutsideFile {
    /// Its absolute path, where it belongs.
    pub path: Utf8PathBuf,
    /// Its path in the backup.
    pub saved_as: Utf8PathBuf,
}

impl OutsideFile {
    /// Reads the path of a file in a backup. `None` when it is not one of outside the root.
    pub(super) fn of(saved_as: &Utf8Path) -> Option<Self> {
        let path = Utf8Path::new("/").join(saved_as.strip_prefix(OUTSIDE).ok()?);
        Some(Self { path, saved_as: saved_as.to_owned() })
    }
}

/// A file to be saved.
pub(super) struct Configured {
    pub(super) file: NamedFile,
    /// As it is opened.
    pub(super) source: Utf8PathBuf,
    /// From the root of the backup.
    pub(super) saved_as: Utf8PathBuf,
}

/// The files that the caller found damaged.
pub(super) fn spoiled(named: &[NamedFile]) -> BTreeSet<&Utf8Path> {
    let spoiled = named.iter().filter(|file| file.kind == NamedFileKind::Damaged);
    spoiled.map(|file| file.path.as_path()).collect()
}

/// The files to be saved besides the others, each once.
pub(super) fn configured(
    root: &Utf8Path,
    named: &[NamedFile],
    others: &[Utf8PathBuf],
) -> Result<Vec<Configured>, Error> {
    let real_root = files::canonical(root).map_err(Error::io("find", root))?;
    let spoiled = spoiled(named);
    let mut found: Vec<Configured> = Vec::new();
    for file in named.iter().filter(|file| file.kind == NamedFileKind::Saved) {
        let saved_as = place(&real_root, &file.path);
        if !spoiled.contains(file.path.as_path())
            && found.iter().map(|one| &one.saved_as).chain(others).all(|other| *other != saved_as)
        {
            found.push(Configured { file: file.clone(), source: root.join(&file.path), saved_as });
        }
    }
    Ok(found)
}

/// Where a backup holds the files that the configuration names, damaged ones among them.
pub(super) fn places(root: &Utf8Path, named: &[NamedFile]) -> Result<Vec<Utf8PathBuf>, Error> {
    let root = files::canonical(root).map_err(Error::io("find", root))?;
    let saved = named.iter().filter(|file| file.kind == NamedFileKind::Saved);
    Ok(saved.map(|file| place(&root, &file.path)).collect())
}

/// Where a backup holds a file: at the same path if it lies in the root, beside the store's own files; else below [`OUTSIDE`].
fn place(root: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
    let absolute = without_dots(&root.join(path));
    let reserved = ["store", "public", OUTSIDE, INCOMPLETE];
    match absolute.strip_prefix(root) {
        Ok(inside) if inside.iter().next().is_some_and(|first| !reserved.contains(&first)) => {
            inside.to_owned()
        }
        _ => Utf8Path::new(OUTSIDE).join(absolute.strip_prefix("/").unwrap_or(&absolute)),
    }
}

/// The absolute path without `.` and `..`.
fn without_dots(path: &Utf8Path) -> Utf8PathBuf {
    let mut plain = Utf8PathBuf::from("/");
    for component in path.components() {
        match component {
            Utf8Component::Normal(name) => plain.push(name),
            Utf8Component::ParentDir => {
                plain.pop();
            }
            Utf8Component::Prefix(_) | Utf8Component::RootDir | Utf8Component::CurDir => {}
        }
    }
    plain
}

impl Target<'_> {
    /// Copies what the configuration names, as far as it can be read: a file that cannot keeps nothing else from being saved. Returns with
    /// those the paths of the files that are empty and not copied over what the copy has.
    pub(super) fn copy_configured(
        &self,
        all: &[Configured],
    ) -> Result<(Vec<UnsavedFile>, Vec<Utf8PathBuf>), Error> {
        let (mut unsaved, mut emptied) = (Vec::new(), Vec::new());
        for Configured { file, source, saved_as } in all {
            let opened =
                files::open_regular(source).map_err(Error::from).and_then(|opened| content(opened, source));
            match opened {
                Ok((bytes, _)) if is_emptied(&bytes, self.copy.at(saved_as)) => {
                    emptied.push(file.path.clone());
                }
                Ok((bytes, metadata)) => self.copy_content(&bytes, &metadata, saved_as)?,
                Err(error) => unsaved.push(UnsavedFile { file: file.clone(), error: Arc::new(error) }),
            }
        }
        Ok((unsaved, emptied))
    }

    /// Copies a file whose name says nothing of its content, by its path from the root. No link is followed. Returns whether nothing is
    /// missing: what is gone was removed since it was listed, but what is no regular file, cannot be read or has lost its content is missing
    /// in the copy.
    pub(super) fn copy_changed(&self, path: &Utf8Path) -> Result<bool, Error> {
        let from = self.from.join(path);
        let directory = DirectoryHandle::new(self.from.to_owned());
        let opened = match faults::before("open", &from).and_then(|()| directory.at(path).open_file()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
            Err(error) if Refusal::of(&error).is_some() || is_unreadable(&error) => return Ok(false),
            opened => opened.map_err(Error::io("open", &from))?,
        };
        let (bytes, metadata) = content(opened, &from)?;
        if is_emptied(&bytes, self.copy.at(path)) {
            return Ok(false);
        }
        self.copy_content(&bytes, &metadata, path)?;
        Ok(true)
    }

    fn copy_content(&self, bytes: &[u8], metadata: &Metadata, path: &Utf8Path) -> Result<(), Error> {
        if files::read_if_present(self.copy.at(path)).ok().flatten().as_deref() == Some(bytes) {
            self.note_kept();
            return Ok(());
        }
        self.parent(path)?;
        let temporary = self.temporary();
        let mode = self.mode_of_copy(path, metadata.permissions().mode());
        let copy = files::write_new(temporary.clone(), bytes, mode)?;
        let modified = metadata.modified().map_err(Error::io("look at", path))?;
        copy.set_modified(modified).map_err(Error::io("set the time of", &*temporary.full()))?;
        self.place(temporary, path)
    }

    /// Removes from the backup what the configuration no longer has: a restored store would obey a drop-in that is gone. What lies there and
    /// cannot be read, and what lies `OUTSIDE` while the configuration is not known as a whole, stays.
    pub(super) fn forget_all_but(&self, kept: &[&Utf8Path], is_whole: bool) -> Result<(), Error> {
        for area in ["repo.d"].into_iter().chain(is_whole.then_some(OUTSIDE)) {
            for path in super::plan::files_below(&self.copy, Utf8Path::new(area))? {
                if !kept.contains(&path.as_path()) && !files::is_taken(&self.from.join(&path)) {
                    let full = self.to.join(&path);
                    files::remove_if_present(self.copy.at(&path))?;
                    self.note(full.parent().map(Utf8Path::to_owned));
                }
            }
        }
        // A restored store would sign with a key that was retired. The backup has it under its new name.
        for path in kept.iter().filter(|path| path.starts_with("keys")) {
            let before = path.as_str().strip_suffix(".retired").map(Utf8Path::new);
            let Some(before) = before.filter(|before| !kept.contains(before)) else { continue };
            if self.has(path)? {
                files::remove_if_present(self.copy.at(before))?;
                self.note(self.to.join(before).parent().map(Utf8Path::to_owned));
            }
        }
        Ok(())
    }
}

/// Whether a file has lost the content that a copy of it has.
pub(super) fn is_emptied(bytes: &[u8], copy: At<'_>) -> bool {
    bytes.trim_ascii().is_empty()
        && files::read_if_present(copy)
            .is_ok_and(|copy| copy.is_some_and(|copy| !copy.trim_ascii().is_empty()))
}

/// Whether the system does not let a file be read, or there is nothing in it to read: a socket, a device.
fn is_unreadable(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied
        || error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error())
}

fn content(mut file: File, path: &Utf8Path) -> Result<(Vec<u8>, Metadata), Error> {
    let metadata = file.metadata().map_err(Error::io("look at", path))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok((bytes, metadata))
}

/// Writes an error that several results share.
fn shared_error<S: serde::Serializer>(error: &Arc<Error>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&**error, serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_their_place_in_a_backup() {
        for (path, saved_as) in [
            ("suites.list", "suites.list"),
            ("./lists/../lists/suites", "lists/suites"),
            ("/srv/apt/users", "users"),
            ("keys/uploaders.gpg", "keys/uploaders.gpg"),
            ("../lists/suites", "outside/srv/lists/suites"),
            ("../../../../etc/x", "outside/etc/x"),
            ("/etc/repo/users", "outside/etc/repo/users"),
            ("/srv/apt2/users", "outside/srv/apt2/users"),
            // These names are the store's own.
            ("store/format", "outside/srv/apt/store/format"),
            ("public/x", "outside/srv/apt/public/x"),
            ("outside/etc/x", "outside/srv/apt/outside/etc/x"),
            (".incomplete/x", "outside/srv/apt/.incomplete/x"),
            ("", "outside/srv/apt"),
        ] {
            assert_eq!(place("/srv/apt".into(), path.into()), saved_as, "{path}");
        }
    }

    #[test]
    fn what_was_outside_belongs_where_it_was() {
        let file = OutsideFile::of("outside/etc/repo/users".into()).unwrap();
        assert_eq!(file.path, "/etc/repo/users");
        assert_eq!(OutsideFile::of("outsider/x".into()), None);
    }
}
