//! Files on their way into the store, which writes only those that it lacks.
//!
//! A build adds the same packages again and again. Whether the store has a file is known when its hash is, which is at
//! its end. So a small file waits in memory. A large one is written while it is read, unless a package of that name and size was published
//! before: then it is only read, and read once more should the store lack it after all. Where the file system can share blocks, a large
//! file is cloned instead of written, and it is the clone that is read: what is hashed is what is stored, whatever others do to theirs.
//! What comes from a reader can be read only once, so a large one is always written.

use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::sync::OnceLock;

use camino::Utf8Path;
use deb_parse::PackageName;

use crate::error::Error;
use crate::model::id::BlobId;
use crate::model::lookup::Lookup;
use crate::model::snapshot::Snapshot;
use crate::progress::{Cancelled, Running};
use crate::storage::{FileFault, Staged, StorageError};
use crate::store::Store;

use super::Request;

/// A file up to this size waits in memory, one for each thread.
const SMALL: u64 = 1 << 20;

/// What the repositories of a store hold at the moment: a hint at which files the store has.
#[derive(Default)]
pub(super) struct KnownPackages(OnceLock<Vec<Snapshot>>);

impl KnownPackages {
    /// Returns whether a file of that size is known of the package that the name of the file begins with. What cannot be read is not known.
    fn has(&self, store: &Store, path: &Utf8Path, size: u64) -> bool {
        let name = path.file_name().and_then(|name| name.split('_').next());
        let Some(package) = name.and_then(|name| PackageName::parse(name).ok()) else { return false };
        let mut lookup = Lookup::new(store.objects());
        self.0.get_or_init(|| snapshots(store)).iter().any(|snapshot| {
            let versions = lookup.versions(snapshot, &package).unwrap_or_default();
            let mut files = versions.iter().filter_map(|record| record.files().ok()).flatten();
            files.any(|file| file.size == size)
        })
    }
}

/// The snapshots of all suites of all repositories, each once.
pub(super) fn snapshots(store: &Store) -> Vec<Snapshot> {
    let mut ids = std::collections::BTreeSet::new();
    for repository in store.repositories().unwrap_or_default() {
        if let Ok(Some(head)) = store.head(&repository) {
            ids.extend(head.commit().suites.values().copied());
        }
    }
    ids.into_iter().filter_map(|id| store.empty_or(Some(id)).ok()).collect()
}

/// Reads a file and keeps what was read, as far as the store may lack it.
pub(super) struct Intake<'f, 's> {
    store: &'s Store,
    input: Input<'f>,
    copy: Copy<'f, 's>,
    /// Why the copy could not be written: the store's trouble, not the package's.
    failed: Option<Failed>,
    phase: &'f Running<'f>,
    /// What was read and not told of yet.
    untold: u64,
    cancelled: Option<Cancelled>,
}

/// Where the bytes come from.
enum Input<'f> {
    File(&'f File),
    /// The store's own clone of the file, which is read in place of it.
    Clone(File),
    Reader(&'f mut dyn Read),
}

/// Why a copy could not be written.
enum Failed {
    Begin(StorageError),
    Write(std::io::Error),
}

/// After so many bytes of a file an observer is told of them.
const TOLD: u64 = 1 << 20;

/// Where the bytes go that are read.
enum Copy<'f, 's> {
    /// Nothing is to be kept.
    None,
    /// The store is expected to have this file.
    Expected(&'f File),
    Memory(Vec<u8>),
    Staged(Box<dyn Staged + 's>),
    /// The clone has them already.
    Cloned(Box<dyn Staged + 's>),
}

impl<'f, 's> Intake<'f, 's> {
    /// Begins to read a file of that size, to keep it if that is asked for.
    pub(super) fn begin(
        store: &'s Store,
        request: &Request<'f>,
        (path, file, size): (&Utf8Path, &'f File, u64),
    ) -> Result<Self, Error> {
        let mut input = Input::File(file);
        let linked = if request.links { Self::link(store, file)? } else { None };
        let copy = if !request.keeps {
            Copy::None
        } else if let Some((own, staged)) = linked {
            input = Input::Clone(own);
            Copy::Cloned(staged)
        } else if size <= SMALL {
            Copy::Memory(Vec::with_capacity(usize::try_from(size).unwrap_or(0)))
        } else if request.known.has(store, path, size) {
            Copy::Expected(file)
        } else {
            let mut staged = store.storage().objects().stage()?;
            match staged.clone_from(file)? {
                Some(clone) => {
                    input = Input::Clone(clone);
                    Copy::Cloned(staged)
                }
                None => Copy::Staged(staged),
            }
        };
        Ok(Self::new(store, request, input, copy))
    }

    /// Makes the store's file a clone of a file, or another name of it; `None` where neither can be done.
    #[expect(clippy::type_complexity, reason = "a file and what keeps it")]
    fn link(store: &'s Store, file: &File) -> Result<Option<(File, Box<dyn Staged + 's>)>, Error> {
        let mut staged = store.storage().objects().stage()?;
        let own = match staged.clone_from(file)? {
            Some(clone) => Some(clone),
            None => staged.link_from(file)?,
        };
        Ok(own.map(|own| (own, staged)))
    }

    /// Begins to read what a reader gives, to keep it.
    pub(super) fn begin_reader(store: &'s Store, request: &Request<'f>, reader: &'f mut dyn Read) -> Self {
        Self::new(store, request, Input::Reader(reader), Copy::Memory(Vec::new()))
    }

    fn new(store: &'s Store, request: &Request<'f>, input: Input<'f>, copy: Copy<'f, 's>) -> Self {
        let phase = request.phase;
        Self { store, input, copy, failed: None, phase, untold: 0, cancelled: None }
    }

    /// Returns the store that it reads into.
    pub(super) fn store(&self) -> &'s Store {
        self.store
    }

    /// Ends the reading. An error when it was cancelled, or when the copy could not be written.
    pub(super) fn ended(&mut self, path: &Utf8Path) -> Result<(), Error> {
        if let Some(cancelled) = self.cancelled {
            return Err(cancelled.into());
        }
        match self.failed.take() {
            Some(Failed::Begin(error)) => return Err(error.into()),
            Some(Failed::Write(error)) => return Err(Error::io("write a copy of", path)(error)),
            None => {}
        }
        self.phase.advance(1, std::mem::take(&mut self.untold))?;
        Ok(())
    }

    /// Keeps bytes that were read. Those of a reader, whose size nobody knew, go to disk when they are too many for memory.
    fn keep(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        match &mut self.copy {
            Copy::None | Copy::Expected(_) | Copy::Cloned(_) => Ok(()),
            Copy::Memory(memory) if (memory.len() + bytes.len()) as u64 <= SMALL => {
                memory.extend_from_slice(bytes);
                Ok(())
            }
            Copy::Memory(memory) => {
                let mut staged = self.store.storage().objects().stage().map_err(Failed::Begin)?;
                staged.write_all(memory).and_then(|()| staged.write_all(bytes)).map_err(Failed::Write)?;
                self.copy = Copy::Staged(staged);
                Ok(())
            }
            Copy::Staged(staged) => staged.write_all(bytes).map_err(Failed::Write),
        }
    }

    /// Ends with what was read, which is the blob. Returns what is to be kept; `None` when the store has it, which then counts as new.
    pub(super) fn finish(self, path: &Utf8Path, blob: BlobId) -> Result<Option<Box<dyn Staged + 's>>, Error> {
        let objects = self.store.storage().objects();
        let key = Store::blob_key(blob);
        let mut staged = match self.copy {
            Copy::None => return Ok(None),
            Copy::Memory(bytes) => return stage_unless_present(self.store, path, &bytes, blob),
            Copy::Expected(file) => {
                let size = file.metadata().map_err(Error::io("look at", path))?.len();
                if objects.head(&key)?.is_some_and(|found| found.size == size) && objects.touch(&key)? {
                    return Ok(None);
                }
                let mut staged = objects.stage()?;
                copy_again(file, &mut *staged, path, blob)?;
                staged
            }
            Copy::Staged(staged) | Copy::Cloned(staged) => staged,
        };
        staged.finish()?;
        Ok(Some(staged))
    }
}

/// Stages the bytes of a blob; `None` when the store has them, which then counts as new. A damaged blob is not taken for these bytes.
pub(super) fn stage_unless_present<'s>(
    store: &'s Store,
    path: &Utf8Path,
    bytes: &[u8],
    blob: BlobId,
) -> Result<Option<Box<dyn Staged + 's>>, Error> {
    let (objects, key) = (store.storage().objects(), Store::blob_key(blob));
    let is_present = objects.get(&key).is_ok_and(|found| found.is_some_and(|found| found == bytes));
    if is_present && objects.touch(&key)? {
        return Ok(None);
    }
    let mut staged = objects.stage()?;
    staged.write_all(bytes).map_err(Error::io("write a copy of", path))?;
    staged.finish()?;
    Ok(Some(staged))
}

/// Copies a file that was read before and must not have changed.
fn copy_again(mut file: &File, staged: &mut dyn Staged, path: &Utf8Path, blob: BlobId) -> Result<(), Error> {
    file.seek(SeekFrom::Start(0)).map_err(Error::io("read", path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = file.read(&mut buffer).map_err(Error::io("read", path))?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        hasher.update(piece);
        staged.write_all(piece).map_err(Error::io("write a copy of", path))?;
    }
    if hasher.finalize().as_bytes() == blob.0.as_bytes() {
        return Ok(());
    }
    Err(StorageError::NotAFile { file: path.to_owned(), fault: FileFault::Changed }.into())
}

impl Read for Intake<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.untold >= TOLD {
            self.phase.advance(0, std::mem::take(&mut self.untold)).map_err(|cancelled| {
                self.cancelled = Some(cancelled);
                std::io::Error::other(cancelled)
            })?;
        }
        let count = match &mut self.input {
            Input::File(file) => file.read(buffer)?,
            Input::Clone(file) => file.read(buffer)?,
            Input::Reader(reader) => reader.read(buffer)?,
        };
        self.untold += count as u64;
        if let Err(failed) = self.keep(buffer.get(..count).unwrap_or_default()) {
            let copy = match &failed {
                Failed::Begin(error) => std::io::Error::other(error.to_string()),
                Failed::Write(error) => error.kind().into(),
            };
            self.failed = Some(failed);
            return Err(copy);
        }
        Ok(count)
    }
}
