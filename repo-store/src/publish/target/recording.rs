//! A target that records what it is told and notes each switch to something that is not there, for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::stored::StoredTarget;
use super::{InTree, IndexContent, PublicationTarget, PublishedFile};
use crate::error::Error;
use crate::model::id::BlobId;
use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;
use crate::publish::entry::File;
use crate::publish::layout;
use crate::storage::StorageError;
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
    /// The times of signed files, and of what is another name of one.
    times: BTreeMap<Utf8PathBuf, i64>,
    calls: Vec<Call>,
    broken_promises: Vec<String>,
}

/// The published tree of a store in memory.
pub(super) struct RecordingTarget<'a> {
    target: StoredTarget<'a>,
    state: Mutex<State>,
}

/// Everything in a tree.
struct Items(BTreeMap<Utf8PathBuf, Item>);

impl<'a> RecordingTarget<'a> {
    pub(super) fn new(store: &'a Store, repository: &'a RepositoryName) -> Self {
        assert!(!store.storage().is_local(), "it is for stores in memory");
        Self { target: StoredTarget::new(store, repository), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn record(&self, call: Call) {
        self.state().calls.push(call);
    }

    pub(super) fn items(&self) -> BTreeMap<Utf8PathBuf, Item> {
        let item = |file: InTree| {
            let item = match self.leads_to(&file.path).unwrap() {
                Some(target) => Item::Link(target.into_string()),
                None => Item::File {
                    bytes: self.open(&file.path).unwrap().unwrap().read().unwrap().into(),
                    modified: self.state().times.get(&file.path).copied(),
                },
            };
            (file.path, item)
        };
        self.below("".into()).unwrap().into_iter().map(item).collect()
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Returns what was not there although a link was switched to it.
    pub(super) fn broken_promises(&self) -> Vec<String> {
        self.state().broken_promises.clone()
    }
}

impl Items {
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
            if let Some(Item::Link(target)) = self.0.get(&found) {
                found.pop();
                left.extend(
                    Utf8Path::new(target).components().rev().map(|part: Utf8Component<'_>| part.to_string()),
                );
            }
        }
        let is_directory = self.0.keys().any(|other| *other != found && other.starts_with(&found));
        (self.0.contains_key(&found) || is_directory).then_some(found)
    }

    fn text(&self, path: &Utf8Path) -> Option<String> {
        match self.0.get(&self.resolve(path)?)? {
            Item::File { bytes, .. } => String::from_utf8(bytes.to_vec()).ok(),
            Item::Link(_) => None,
        }
    }

    /// Returns what clients miss below the `dists` that a path stands for.
    fn missed(&self, dists: &Utf8Path) -> Vec<String> {
        let Some(root) = self.resolve(dists) else { return vec![dists.to_string()] };
        let mut missed = Vec::new();
        for (path, item) in self.0.iter().filter(|(path, _)| path.starts_with(&root)) {
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
                    files.filter(|file| !self.0.contains_key(Utf8Path::new(file))).map(str::to_owned),
                );
            }
        }
        missed
    }
}

impl PublicationTarget for RecordingTarget<'_> {
    fn begin(&self) -> Result<(), Error> {
        self.target.begin()
    }

    fn make_directory(&self, path: &Utf8Path) -> Result<(), Error> {
        self.target.make_directory(path)
    }

    fn put_index(&self, file: &File, content: IndexContent<'_>) -> Result<bool, Error> {
        self.record(Call::PutIndex(layout::index(&file.sha256)));
        self.target.put_index(file, content)
    }

    fn take_index(&self, path: &Utf8Path, from: &RepositoryName) -> Result<bool, Error> {
        self.record(Call::PutIndex(path.to_owned()));
        self.target.take_index(path, from)
    }

    fn put_pool(&self, key: &RecordKey, path: &Utf8Path, blob: (BlobId, u64)) -> Result<bool, Error> {
        self.record(Call::PutPool(path.to_owned()));
        self.target.put_pool(key, path, blob)
    }

    fn put_blob(&self, path: &Utf8Path, blob: (BlobId, u64)) -> Result<(), Error> {
        self.record(Call::PutPool(path.to_owned()));
        self.target.put_blob(path, blob)
    }

    fn put_signed(&self, path: &Utf8Path, bytes: &[u8], modified: i64) -> Result<(), Error> {
        self.record(Call::PutSigned(path.to_owned()));
        self.state().times.insert(path.to_owned(), modified);
        self.target.put_signed(path, bytes, modified)
    }

    fn put_name(&self, path: &Utf8Path, of: &Utf8Path) -> Result<(), Error> {
        self.record(Call::PutName(path.to_owned()));
        let time = self.state().times.get(of).copied();
        self.state().times.extend(time.map(|time| (path.to_owned(), time)));
        self.target.put_name(path, of)
    }

    fn put_link(&self, path: &Utf8Path, target: &str) -> Result<(), Error> {
        self.record(Call::PutLink(path.to_owned()));
        self.target.put_link(path, target)
    }

    fn switch(&self, path: &Utf8Path, target: &str) -> Result<(), Error> {
        self.record(Call::Switch(path.to_owned()));
        self.target.switch(path, target)?;
        let items = Items(self.items());
        let missed = match path.parent() {
            _ if path == layout::DISTS => items.missed(path),
            Some(parent) if parent == layout::SNAPSHOTS => items.missed(&path.join(layout::DISTS)),
            // The links in the root lead through `dists`.
            _ => Vec::new(),
        };
        self.state().broken_promises.extend(missed);
        Ok(())
    }

    fn keep(&self, path: &Utf8Path) {
        self.target.keep(path);
    }

    fn sync(&self) -> Result<(), Error> {
        self.record(Call::Sync);
        self.target.sync()
    }

    fn list(&self, directory: &Utf8Path) -> Result<Vec<String>, Error> {
        self.target.list(directory)
    }

    fn leads_to(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, Error> {
        self.target.leads_to(path)
    }

    fn is_directory(&self, path: &Utf8Path) -> Result<bool, Error> {
        self.target.is_directory(path)
    }

    fn exists(&self, path: &Utf8Path) -> Result<bool, Error> {
        self.target.exists(path)
    }

    fn size(&self, path: &Utf8Path) -> Result<Option<u64>, Error> {
        self.target.size(path)
    }

    fn has(&self, path: &Utf8Path, size: u64) -> Result<bool, Error> {
        self.target.has(path, size)
    }

    fn open(&self, path: &Utf8Path) -> Result<Option<Box<dyn PublishedFile>>, Error> {
        self.target.open(path)
    }

    fn below(&self, directory: &Utf8Path) -> Result<Vec<InTree>, Error> {
        self.target.below(directory)
    }

    fn look(&self, path: &Utf8Path) -> Result<Option<InTree>, Error> {
        self.target.look(path)
    }

    fn remove(&self, path: &Utf8Path) -> Result<(), StorageError> {
        self.record(Call::Remove(path.to_owned()));
        self.target.remove(path)
    }

    fn remove_tree(&self, path: &Utf8Path) -> Result<(), Error> {
        self.record(Call::Remove(path.to_owned()));
        self.target.remove_tree(path)
    }
}
