//! Secret keys in files; the only module that touches the file system.
//!
//! A key file is a regular file of mode 0600 or less, in a directory of mode 0700 or less, both owned by the
//! user that runs us; root may also read those of a user it names. Everything is checked on what is opened, not on a
//! name that could be exchanged in between.

use super::{Certificate, SecretKey, StoredKey};
use crate::{Error, KeyFileFault};
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, RawMode, Stat},
    io::Errno,
};
use sequoia_openpgp::crypto::mem::Protected;
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// More than any key needs; keeps a wrong path from filling the memory.
const MAX_SIZE: u64 = 1024 * 1024;

impl SecretKey {
    /// Reads a key file; see [`SecretKey::from_bytes`] for its content.
    ///
    /// # Errors
    ///
    /// [`Error::KeyFile`] when others could read or exchange the file: a mode wider than 0600 (its directory:
    /// 0700), another owner, a symbolic link, not a regular file. [`Error::Io`] when it cannot be read, and
    /// what [`SecretKey::from_bytes`] finds.
    pub fn load(path: &Path, password: Option<&str>) -> Result<Self, Error> {
        Self::from_bytes(&read(path, Some(us()))?, password)
    }

    /// Writes the key to a *new* file of mode 0600, protected by a password if there is one; when this returns, the file
    /// is on the disk. The directory is made, with mode 0700, when it is missing and its parent is there.
    ///
    /// The file appears whole or not at all, and never in place of another; a crash may leave a draft beside
    /// it, as private as the key, whose name ends in `.new`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also when there is a file of that name; [`Error::KeyFile`] for a directory that is open
    /// to others.
    pub fn save_new_with(&self, path: &Path, password: Option<&str>) -> Result<(), Error> {
        make_parent(path)?;
        // Unlike a rename, a link never replaces what is there.
        let armor = self.to_armored_with(password)?;
        write(path, armor.as_bytes(), |directory, draft, name| {
            rustix::fs::linkat(directory, draft, directory, name, AtFlags::empty())?;
            rustix::fs::unlinkat(directory, draft, AtFlags::empty())
        })
    }

    /// Writes the key to a new file as [`SecretKey::save_new_with`] does, not protected by a password.
    ///
    /// # Errors
    ///
    /// Those of [`SecretKey::save_new_with`].
    pub fn save_new(&self, path: &Path) -> Result<(), Error> {
        self.save_new_with(path, None)
    }

    /// Writes the key in place of the same key in an older state, such as one that was prolonged. With a password, which must
    /// open the file that is there, the file stays protected by it. Otherwise like [`SecretKey::save_new_with`].
    ///
    /// # Errors
    ///
    /// [`Error::KeyFile`] when another key lies there; [`Error::Io`], also when there is none; and those of
    /// [`SecretKey::load`].
    pub fn save_over(&self, path: &Path, password: Option<&str>) -> Result<(), Error> {
        // A locked key is refused without its password too: it would lose the password.
        if Self::load(path, password)?.fingerprint() != self.fingerprint() {
            return Err(refused(path, KeyFileFault::OtherKey));
        }
        let armor = self.to_armored_with(password)?;
        write(path, armor.as_bytes(), |directory, draft, name| {
            rustix::fs::renameat(directory, draft, directory, name)
        })
    }

    /// Writes what is not secret to a file of mode 0600 beside the secret keys, in place of what is there; when this returns, the file is
    /// on the disk. The directory is made, with mode 0700, when it is missing and its parent is there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::KeyFile`] for a directory that is open to others.
    pub fn write_beside_keys(path: &Path, bytes: &[u8]) -> Result<(), Error> {
        make_parent(path)?;
        write(path, bytes, |directory, draft, name| rustix::fs::renameat(directory, draft, directory, name))
    }

    /// Gives a key file another name in the same directory, durably, in place of what has that name. The file keeps its content and its
    /// mode.
    ///
    /// # Errors
    ///
    /// [`Error::KeyFile`] for a directory that is open to others, and for a `name` that is not one of a file; [`Error::Io`] when there is
    /// no such file.
    pub fn rename_file(path: &Path, name: &OsStr) -> Result<(), Error> {
        if Path::new(name).file_name() != Some(name) {
            return Err(refused(Path::new(name), KeyFileFault::NoName));
        }
        let (directory, old) = open_directory(path, Some(us()))?;
        rustix::fs::renameat(&directory, old, &directory, name)
            .and_then(|()| rustix::fs::fsync(&directory))
            .map_err(io("rename key file", path))
    }
}

fn make_parent(path: &Path) -> Result<(), Error> {
    let parent = parent(path);
    match rustix::fs::mkdir(parent, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(io("make directory", parent)(errno)),
    }
}

/// Writes a draft beside the file, gives it its name by `place`, and waits until all is on the disk.
fn write(
    path: &Path,
    bytes: &[u8],
    place: impl FnOnce(&OwnedFd, &OsStr, &OsStr) -> Result<(), Errno>,
) -> Result<(), Error> {
    let (directory, name) = open_directory(path, Some(us()))?;
    let draft = draft_name(name)?;
    let written = write_draft(&directory, &draft, bytes, path)
        .and_then(|()| place(&directory, &draft, name).map_err(io("create key file", path)));
    if let Err(error) = written {
        // It may not be there, and the first error tells more than this one could.
        let _ = rustix::fs::unlinkat(&directory, &draft, AtFlags::empty());
        return Err(error);
    }
    rustix::fs::fsync(&directory).map_err(io("sync the directory of key file", path))
}

/// Reads a key file. With an `owner`, refuses a file that other users can read or replace.
fn read(path: &Path, owner: Option<u32>) -> Result<Protected, Error> {
    let (directory, name) = open_directory(path, owner)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::openat(&directory, name, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::LOOP => refused(path, KeyFileFault::SymbolicLink),
        other => io("open key file", path)(other),
    })?;
    let stat = rustix::fs::fstat(&file).map_err(io("examine key file", path))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(refused(path, KeyFileFault::NotRegular));
    }
    if let Some(owner) = owner {
        check(&stat, (owner, KeyFileFault::FileOwner), (0o177, KeyFileFault::FileMode), path)?;
    }
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    if size > MAX_SIZE {
        return Err(refused(path, KeyFileFault::TooLarge));
    }
    // Room for all of it, so that no copy is left behind by growing; wiped once it is `Protected`.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    let read = File::from(file).take(MAX_SIZE).read_to_end(&mut bytes);
    let bytes = Protected::from(bytes);
    read.map_err(|source| Error::Io { verb: "read key file", path: path.to_owned(), source })?;
    Ok(bytes)
}

impl StoredKey {
    /// Reads a key file, which is guarded as [`SecretKey::load`] demands. No passphrase is needed.
    ///
    /// # Errors
    ///
    /// Those of [`SecretKey::load`], but for what a passphrase opens.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(&read(path, Some(us()))?)
    }

    /// Does the same for a key of another user, by its number, whom root trusts as much as itself: the owner of what is
    /// signed, say. Anybody but root must own the file all the same.
    ///
    /// # Errors
    ///
    /// Those of [`StoredKey::load`].
    pub fn load_of(path: &Path, owner: u32) -> Result<Self, Error> {
        // The directory and the file belong to the same one of the two.
        match Self::load(path) {
            Err(Error::KeyFile { .. }) if us() == 0 => Self::parse(&read(path, Some(owner))?),
            result => result,
        }
    }
}

impl Certificate {
    /// Writes the certificate, armored, to a file of mode 0600 beside the secret keys, in place of what is there; when this returns, the
    /// file is on the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::KeyFile`] for a directory that is open to others.
    pub fn save_beside_keys(&self, path: &Path) -> Result<(), Error> {
        SecretKey::write_beside_keys(path, self.armored()?.as_bytes())
    }

    /// Reads the public part of a key file, whatever its mode and owner and those of its directory are, also of a key that is protected by a
    /// password: to check signatures, and to say what is wrong with the file.
    ///
    /// # Errors
    ///
    /// [`Error::KeyFile`] for a symbolic link, and for what is not a regular file or too large; [`Error::Io`] when it cannot be read;
    /// [`Error::Malformed`] for anything but one key with a secret part.
    pub fn of_key_file(path: &Path) -> Result<Self, Error> {
        SecretKey::parse(&read(path, None)?).map(Self::of)
    }
}

/// A name that no other draft has: not that of another thread, nor of one that a crash left behind.
fn draft_name(name: &OsStr) -> Result<OsString, Error> {
    let mut random = [0; 8];
    sequoia_openpgp::crypto::random(&mut random)
        .map_err(|e| Error::Crypto { verb: "draw a random name", source: e.into() })?;
    let mut draft = OsString::from(".");
    draft.push(name);
    draft.push(format!(".{:016x}.new", u64::from_ne_bytes(random)));
    Ok(draft)
}

fn write_draft(directory: &OwnedFd, draft: &OsStr, bytes: &[u8], path: &Path) -> Result<(), Error> {
    let mode = Mode::RUSR | Mode::WUSR;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::openat(directory, draft, flags, mode).map_err(io("create key file", path))?;
    rustix::fs::fchmod(&file, mode).map_err(io("set the mode of key file", path))?;
    let mut file = File::from(file);
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|source| Error::Io { verb: "write key file", path: path.to_owned(), source })
}

/// Opens the directory of a key file, and checks that nobody else can put something else there.
fn open_directory(path: &Path, owner: Option<u32>) -> Result<(OwnedFd, &OsStr), Error> {
    let name = path.file_name().ok_or_else(|| refused(path, KeyFileFault::NoName))?;
    let parent = parent(path);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory =
        rustix::fs::open(parent, flags, Mode::empty()).map_err(io("open the directory of key file", path))?;
    let stat = rustix::fs::fstat(&directory).map_err(io("examine the directory of key file", path))?;
    if let Some(owner) = owner {
        check(&stat, (owner, KeyFileFault::DirectoryOwner), (0o077, KeyFileFault::DirectoryMode), parent)?;
    }
    Ok((directory, name))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The user that runs us.
fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn check(
    stat: &Stat,
    (owner, other_owner): (u32, KeyFileFault),
    (forbidden, wide_mode): (RawMode, KeyFileFault),
    path: &Path,
) -> Result<(), Error> {
    if stat.st_uid != owner {
        return Err(refused(path, other_owner));
    }
    if stat.st_mode & forbidden != 0 {
        return Err(refused(path, wide_mode));
    }
    Ok(())
}

fn refused(path: &Path, fault: KeyFileFault) -> Error {
    Error::KeyFile { path: path.to_owned(), fault }
}

fn io(verb: &'static str, path: &Path) -> impl FnOnce(Errno) -> Error {
    let path: PathBuf = path.to_owned();
    move |errno| Error::Io { verb, path, source: errno.into() }
}
