//! Reading every file to its end and comparing it with its name, on all threads.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;

use apt_index::parallel::parallel_map;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{Blake3, Sha256};

use super::graph::Object;
use super::inventory::{Found, Inventory};
use super::report::{Problem, ProblemKind};
use super::view::View;
use crate::context::Context;
use crate::manifest::Manifest;
use crate::model::id::BlobId;
use crate::progress::{Amount, Cancelled, Phase};
use crate::storage::beneath::{At, StorePaths};
use crate::storage::{Key, StorageError, files, sealed};
use crate::store::Store;

/// What was learnt by reading everything.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Every blob that is what its name says.
    pub(super) blobs: HashSet<BlobId>,
    /// Every object whose text is what its name says.
    pub(super) objects: HashMap<Blake3, Object>,
    /// The paths of by-hash files that are what their names say.
    pub(super) indices: HashSet<Utf8PathBuf>,
    pub(super) problems: Vec<(Subject, Problem)>,
    pub(super) counts: (u64, u64),
    pub(super) bytes: u64,
}

/// What a file claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Blob(BlobId),
    Object(Blake3),
    /// What is inside that package file.
    Manifest(BlobId),
    /// A file of an index, named by its SHA-256.
    Index,
}

/// What reading a file may find besides its content.
pub(super) enum Fault {
    /// It went since it was seen.
    Gone,
    Unreadable(String),
    Damaged(&'static str),
}

impl Fault {
    pub(super) fn read(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Gone,
            _ => Self::Unreadable(error.to_string()),
        }
    }

    /// The problem; `None` when a file went that was free to go.
    pub(super) fn problem(self, path: &Utf8Path) -> Option<Problem> {
        let (kind, what) = match self {
            Self::Gone => return None,
            Self::Unreadable(what) => (ProblemKind::Unreadable, what),
            Self::Damaged(what) => (ProblemKind::Damaged, what.to_owned()),
        };
        Some(Problem { kind, path: path.to_owned(), what, affects: Vec::new() })
    }
}

enum Read {
    Blob,
    Object(Object),
    /// Its text is right and its file is not.
    Unsealed(Object),
    /// A manifest, or a file of an index.
    Other,
}

/// The id that a path in an area of content-addressed files stands for.
fn id_of(path: &Utf8Path, area: &str) -> Option<Blake3> {
    let (first, rest) = path.as_str().strip_prefix(area)?.strip_prefix('/')?.split_once('/')?;
    let id: Blake3 = format!("{first}{rest}").parse().ok()?;
    // Only one spelling of the digits is ours.
    (crate::storage::Key::object(area, &id).as_str() == path && first.len() == 2).then_some(id)
}

/// What a path below `store/` or `public/` claims to be; `Err` for what lies where nothing of the kind belongs.
fn subject(path: &Utf8Path) -> Result<Option<Subject>, ()> {
    if path.starts_with("store/blobs") {
        return id_of(path, "store/blobs").map(|id| Some(Subject::Blob(BlobId(id)))).ok_or(());
    }
    if path.starts_with("store/objects") {
        return id_of(path, "store/objects").map(|id| Some(Subject::Object(id))).ok_or(());
    }
    if path.starts_with("store/manifests") {
        return id_of(path, "store/manifests").map(|id| Some(Subject::Manifest(BlobId(id)))).ok_or(());
    }
    let mut names = path.as_str().split('/');
    match (names.next(), names.next(), names.next(), names.next(), names.next(), names.next()) {
        (Some("public"), Some(_), Some(".by-hash"), Some("SHA256"), Some(name), None) => {
            let digest = name.parse::<Sha256>().ok().filter(|digest| digest.to_string() == name);
            digest.map(|_| Some(Subject::Index)).ok_or(())
        }
        _ => Ok(None),
    }
}

pub(super) fn read_all(
    store: &Store,
    paths: &StorePaths,
    inventory: &Inventory,
    context: &Context,
) -> Result<Contents, Cancelled> {
    let mut contents = Contents::default();
    let mut jobs: Vec<(&Utf8Path, &Found, Subject)> = Vec::new();
    for (path, found) in
        inventory.below(Utf8Path::new("store")).chain(inventory.below(Utf8Path::new("public")))
    {
        let mut report = |subject, kind, what: &str| {
            let problem = Problem { kind, path: path.to_owned(), what: what.to_owned(), affects: Vec::new() };
            contents.problems.push((subject, problem));
        };
        match subject(path) {
            Ok(Some(subject)) if found.is_file() => jobs.push((path, found, subject)),
            Ok(Some(subject)) => report(subject, ProblemKind::Damaged, "it is not a regular file"),
            Err(()) if !found.is_directory() => {
                report(Subject::Index, ProblemKind::Stray, "no such file belongs here");
            }
            _ => {}
        }
    }
    // The largest first, so that no thread is left alone with one in the end.
    jobs.sort_by_key(|(path, found, _)| (std::cmp::Reverse(found.size), *path));
    let mut total = Amount::default();
    jobs.iter().for_each(|(_, found, _)| total.add(found.size));
    let phase = context.progress.begin(Phase::Checking, total);
    let results = parallel_map(&jobs, context.threads, |(path, found, subject)| {
        if phase.check().is_err() {
            return Err(Fault::Gone);
        }
        let told = Cell::new(0);
        let result = match path.strip_prefix("store").ok().and_then(|key| Key::parse(key.as_str())) {
            Some(key) if !store.storage().is_local() => read_object(store, &key, *subject),
            None if !store.storage().is_local() => read_index(View::of(store, paths), path),
            _ => read(&paths.at(path), *subject, &|bytes| {
                told.set(told.get() + bytes);
                // The file is read to its end: whether more is wanted is asked before the next.
                let _ = phase.advance(0, bytes);
            }),
        };
        let _ = phase.advance(1, found.size.saturating_sub(told.get()));
        result
    });
    phase.check()?;
    phase.finish();
    for ((path, found, subject), result) in jobs.into_iter().zip(results) {
        match subject {
            Subject::Blob(_) => contents.counts.0 += 1,
            Subject::Object(_) => contents.counts.1 += 1,
            Subject::Manifest(_) | Subject::Index => {}
        }
        contents.bytes += found.size;
        let mut damaged = None;
        match (result, subject) {
            (Ok(Read::Blob), Subject::Blob(id)) => drop(contents.blobs.insert(id)),
            (Ok(Read::Object(object)), Subject::Object(id)) => drop(contents.objects.insert(id, object)),
            (Ok(Read::Unsealed(object)), Subject::Object(id)) => {
                contents.objects.insert(id, object);
                damaged = Some(Fault::Damaged("the file changed, though the text in it did not"));
            }
            (Ok(_), Subject::Index) => drop(contents.indices.insert(path.to_owned())),
            (Ok(_), _) => {}
            (Err(fault), _) => damaged = Some(fault),
        }
        contents.problems.extend(damaged.and_then(|fault| fault.problem(path)).map(|p| (subject, p)));
    }
    Ok(contents)
}

const OTHER: Fault = Fault::Damaged("its content has another hash than its name says");

/// Reads what is not a file of a local disk.
fn read_object(store: &Store, key: &Key, subject: Subject) -> Result<Read, Fault> {
    let unreadable = |error: StorageError| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        Fault::Unreadable(source.unwrap_or_else(|| error.to_string()))
    };
    let objects = store.storage().objects();
    if let Subject::Blob(id) = subject {
        let mut hasher = blake3::Hasher::new();
        let mut reader = objects.open(key).map_err(unreadable)?.ok_or(Fault::Gone)?;
        std::io::copy(&mut reader, &mut hasher).map_err(|error| Fault::read(&error))?;
        return if hasher.finalize().as_bytes() == id.0.as_bytes() { Ok(Read::Blob) } else { Err(OTHER) };
    }
    parse(&objects.get(key).map_err(unreadable)?.ok_or(Fault::Gone)?, subject)
}

/// Reads a file of an index that is not on a local disk.
fn read_index(view: View<'_>, path: &Utf8Path) -> Result<Read, Fault> {
    let digest = view.sha256(path)?;
    if path.file_name() == Some(&digest.to_string()) { Ok(Read::Other) } else { Err(OTHER) }
}

/// `tell` is told how many bytes of a large file were read.
fn read(at: &At<'_>, subject: Subject, tell: &dyn Fn(u64)) -> Result<Read, Fault> {
    match subject {
        Subject::Blob(id) => {
            if blake3_told(at.clone(), tell)? == id.0 {
                Ok(Read::Blob)
            } else {
                Err(OTHER)
            }
        }
        Subject::Index => {
            let digest = sha256_of(at.clone())?;
            if at.full().file_name() == Some(&digest.to_string()) { Ok(Read::Other) } else { Err(OTHER) }
        }
        Subject::Manifest(_) | Subject::Object(_) => {
            parse(&files::read(at.clone()).map_err(|error| Fault::read(&error))?, subject)
        }
    }
}

/// Judges the bytes of an object or a manifest.
fn parse(bytes: &[u8], subject: Subject) -> Result<Read, Fault> {
    match subject {
        Subject::Blob(_) | Subject::Index => Ok(Read::Other),
        Subject::Manifest(id) => Manifest::read(bytes, id).map(|_| Read::Other).map_err(Fault::Damaged),
        Subject::Object(id) => {
            let text = sealed::decompress(bytes).map_err(Fault::Damaged)?;
            if blake3::hash(&text).as_bytes() != id.as_bytes() {
                return Err(OTHER);
            }
            let object = Object::parse(&text);
            Ok(if sealed::is_sealed(bytes) { Read::Object(object) } else { Read::Unsealed(object) })
        }
    }
}

/// After so many bytes of a file an observer is told of them.
const TOLD: u64 = 4 << 20;

/// The BLAKE3 of a file.
pub(super) fn blake3_of<'a>(at: impl Into<At<'a>>) -> Result<Blake3, Fault> {
    blake3_told(at, &|_| {})
}

fn blake3_told<'a>(at: impl Into<At<'a>>, tell: &dyn Fn(u64)) -> Result<Blake3, Fault> {
    let mut hasher = blake3::Hasher::new();
    let mut untold = 0;
    let take = |piece: &[u8]| {
        hasher.update(piece);
        untold += piece.len() as u64;
        if untold >= TOLD {
            tell(std::mem::take(&mut untold));
        }
    };
    files::each_piece(at, take).map_err(|error| Fault::read(&error))?;
    Ok(Blake3::from_bytes(*hasher.finalize().as_bytes()))
}

/// The SHA-256 of a file.
pub(super) fn sha256_of<'a>(at: impl Into<At<'a>>) -> Result<Sha256, Fault> {
    files::sha256(at).map_err(|error| Fault::read(&error))
}
