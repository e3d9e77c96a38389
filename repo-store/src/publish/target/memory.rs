//! A target in memory, for tests: it records the calls, and notes each switch to something that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, MutexGuard};

use apt_index::Part;
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::{IndexContent, PublicationTarget, PublishedFile};
use crate::error::Error;
use crate::model::id::BlobId;
use crate::model::record::RecordKey;
use crate::publish::entry::File;
use crate::publish::layout;
use crate::store::Store;

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A file, with its time when a target has to keep that.
    File { bytes: Arc<[u8]>, modified: Option<i64> },
    /// A link.
    Link(String),
}

/// A call that changes a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    PutIndex(Utf8PathBuf),
    PutPool(Utf8PathBuf),
    PutSigned(Utf8PathBuf),
    PutName(Utf8PathBuf),
    PutLink(Utf8PathBuf),
    Switch(Utf8PathBuf),
    Remove(Utf8PathBuf),
    Sync,
}

#[derive(Debug, Default)]
struct State {
    items: BTreeMap<Utf8PathBuf, Item>,
    directories: BTreeSet<Utf8PathBuf>,
    calls: Vec<Call>,
    broken_promises: Vec<String>,
}

/// A published tree in memory. The package files come from a store.
pub(super) struct MemoryTarget<'a> {
    store: &'a Store,
    state: Mutex<State>,
}

impl<'a> MemoryTarget<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn items(&self) -> BTreeMap<Utf8PathBuf, Item> {
        self.state().items.clone()
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Returns what was not there although a link was switched to it.
    pub(super) fn broken_promises(&self) -> Vec<String> {
        self.state().broken_promises.clone()
    }

    fn put(&self, call: Call, path: &Utf8Path, item: Item) {
        let mut state = self.state();
        state.calls.push(call);
        state.items.insert(path.to_owned(), item);
    }
}

impl State {
    /// Follows all links on the way to a path. `None` when it leads nowhere.
    fn resolve(&self, path: &Utf8Path) -> Option<Utf8PathBuf> {
        let mut found = Utf8PathBuf::new();
        let mut left: Vec<String> = path.components().rev().map(|part| part.to_string()).collect();
        while let Some(part) = left.pop() {
            if part == ".." {
                found.pop();
                continue;
            }
            found.push(&part);
            if let Some(Item::Link(target)) = self.items.get(&found) {
                found.pop();
                left.extend(
                    Utf8Path::new(target).components().rev().map(|part: Utf8Component<'_>| part.to_string()),
                );
            }
        }
        (self.items.contains_key(&found) || self.is_directory(&found)).then_some(found)
    }

    fn is_directory(&self, path: &Utf8Path) -> bool {
        let is_below = |other: &Utf8PathBuf| other != path && other.starts_with(path);
        self.directories.iter().any(|other| other.starts_with(path)) || self.items.keys().any(is_below)
    }

    fn text(&self, path: &Utf8Path) -> Option<String> {
        match self.items.get(&self.resolve(path)?)? {
            Item::File { bytes, .. } => String::from_utf8(bytes.to_vec()).ok(),
            Item::Link(_) => None,
        }
    }

    /// Returns what clients miss below the `dists` that a path stands for.
    fn missed(&self, dists: &Utf8Path) -> Vec<String> {
        let Some(root) = self.resolve(dists) else { return vec![dists.to_string()] };
        let mut missed = Vec::new();
        for (path, item) in self.items.iter().filter(|(path, _)| path.starts_with(&root)) {
            if matches!(item, Item::Link(_)) && self.resolve(path).is_none() {
                missed.push(path.to_string());
            }
            let directory = path.parent().unwrap();
            if path.file_name() == Some("InRelease") {
                let text = self.text(&directory.join("Release")).unwrap_or_default();
                let files = text.lines().skip_while(|line| *line != "SHA256:").skip(1);
                for line in files.take_while(|line| line.starts_with(' ')) {
                    let [hash, _, name] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                        panic!("{line}")
                    };
                    let below = directory.join(name);
                    for file in [below.parent().unwrap().join("by-hash/SHA256").join(hash), below] {
                        missed.extend(self.resolve(&file).is_none().then(|| file.to_string()));
                    }
                }
            }
            if path.file_name() == Some("Packages") {
                let text = self.text(path).unwrap_or_default();
                let files = text.lines().filter_map(|line| line.strip_prefix("Filename: "));
                missed.extend(
                    files.filter(|file| !self.items.contains_key(Utf8Path::new(file))).map(str::to_owned),
                );
            }
        }
        missed
    }
}

impl PublicationTarget for MemoryTarget<'_> {
    fn begin(&self) -> Result<(), Error> {
        Ok(())
    }

    fn make_directory(&self, path: &Utf8Path) -> Result<(), Error> {
        self.state().directories.insert(path.to_owned());
        Ok(())
    }

    fn put_index(&self, file: &File, content: IndexContent<'_>) -> Result<bool, Error> {
        let path = layout::index(&file.sha256);
        let mut bytes = Vec::new();
        match content {
            IndexContent::Bytes(content) => bytes.extend_from_slice(content),
            IndexContent::Rendered { file, previous } => {
                for part in file.parts() {
                    match part {
                        Part::Bytes(content) => bytes.extend_from_slice(content),
                        Part::Previous { range, .. } => {
                            let previous = previous.map(|previous| self.open(&layout::index(&previous)));
                            let Some(Some(previous)) = previous.transpose()? else { return Ok(false) };
                            let Ok(part) = previous.read_range(range.start, range.end) else {
                                return Ok(false);
                            };
                            bytes.extend(part);
                        }
                    }
                }
            }
        }
        self.put(Call::PutIndex(path.clone()), &path, Item::File { bytes: bytes.into(), modified: None });
        Ok(true)
    }

    fn put_pool(&self, _: &RecordKey, path: &Utf8Path, (blob, _): (BlobId, u64)) -> Result<bool, Error> {
        if self.exists(path)? {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        self.store.open_blob(blob)?.read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        self.put(Call::PutPool(path.to_owned()), path, Item::File { bytes: bytes.into(), modified: None });
        Ok(true)
    }

    fn put_signed(&self, path: &Utf8Path, bytes: &[u8], modified: i64) -> Result<(), Error> {
        let item = Item::File { bytes: bytes.into(), modified: Some(modified) };
        self.put(Call::PutSigned(path.to_owned()), path, item);
        Ok(())
    }

    fn put_name(&self, path: &Utf8Path, of: &Utf8Path) -> Result<(), Error> {
        let item = self.state().items.get(of).cloned();
        let item = item.ok_or(io::ErrorKind::NotFound.into()).map_err(Error::io("copy", of))?;
        self.put(Call::PutName(path.to_owned()), path, item);
        Ok(())
    }

    fn put_link(&self, path: &Utf8Path, target: &str) -> Result<(), Error> {
        if self.exists(path)? {
            return Err(Error::io("create", path)(io::ErrorKind::AlreadyExists.into()));
        }
        self.put(Call::PutLink(path.to_owned()), path, Item::Link(target.to_owned()));
        Ok(())
    }

    fn switch(&self, path: &Utf8Path, target: &str) -> Result<(), Error> {
        self.put(Call::Switch(path.to_owned()), path, Item::Link(target.to_owned()));
        let mut state = self.state();
        let missed = match path.parent() {
            _ if path == layout::DISTS => state.missed(path),
            Some(parent) if parent == layout::SNAPSHOTS => state.missed(&path.join(layout::DISTS)),
            // The links in the root lead through `dists`.
            _ => Vec::new(),
        };
        state.broken_promises.extend(missed);
        Ok(())
    }

    fn keep(&self, _: &Utf8Path) {}

    fn sync(&self) -> Result<(), Error> {
        self.state().calls.push(Call::Sync);
        Ok(())
    }

    fn list(&self, directory: &Utf8Path) -> Result<Vec<String>, Error> {
        let state = self.state();
        let below = state.items.keys().chain(&state.directories);
        let names =
            below.filter_map(|path| path.strip_prefix(directory).ok()?.iter().next().map(str::to_owned));
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn leads_to(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, Error> {
        Ok(match self.state().items.get(path) {
            Some(Item::Link(target)) => Some(target.into()),
            _ => None,
        })
    }

    fn is_directory(&self, path: &Utf8Path) -> Result<bool, Error> {
        Ok(self.state().is_directory(path))
    }

    fn exists(&self, path: &Utf8Path) -> Result<bool, Error> {
        let state = self.state();
        Ok(state.items.contains_key(path) || state.is_directory(path))
    }

    fn size(&self, path: &Utf8Path) -> Result<Option<u64>, Error> {
        Ok(self.open(path)?.map(|file| file.size()))
    }

    fn has(&self, path: &Utf8Path, size: u64) -> Result<bool, Error> {
        Ok(self.size(path)? == Some(size))
    }

    fn open(&self, path: &Utf8Path) -> Result<Option<Box<dyn PublishedFile>>, Error> {
        Ok(match self.state().items.get(path) {
            Some(Item::File { bytes, .. }) => Some(Box::new(MemoryFile(Arc::clone(bytes)))),
            _ => None,
        })
    }

    fn remove(&self, path: &Utf8Path) -> Result<(), Error> {
        let mut state = self.state();
        state.calls.push(Call::Remove(path.to_owned()));
        state.items.remove(path);
        Ok(())
    }

    fn remove_tree(&self, path: &Utf8Path) -> Result<(), Error> {
        let mut state = self.state();
        state.calls.push(Call::Remove(path.to_owned()));
        state.items.retain(|other, _| !other.starts_with(path));
        state.directories.retain(|other| !other.starts_with(path));
        Ok(())
    }
}

struct MemoryFile(Arc<[u8]>);

impl PublishedFile for MemoryFile {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let bytes = self.0.get(start..start + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}
