//! Operations on a store that is not a directory, also one whose answers get lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::deb::Builder;
use deb_parse::{Architecture, PackageName, SuiteName, Version};
use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::error::Error;
use crate::maintenance::fsck::FsckOptions;
use crate::maintenance::gc::GcOptions;
use crate::model::name::{RepositoryName, TagName};
use crate::operations::import::AddOptions;
use crate::operations::promotion::PromoteOptions;
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::storage::{self, Key, Memory, RefStore, Storage, StorageError, Swap};
use crate::store::Store;

fn context() -> Context {
    Context { actor: "tester".into(), now: Timestamp::UNIX_EPOCH, threads: std::num::NonZeroUsize::MIN }
}

fn settings(name: &str) -> RepositorySettings {
    let suite = SuiteName::parse("trixie").unwrap();
    let suite = SuiteSettings::new(suite, vec![Architecture::parse("amd64").unwrap()]);
    RepositorySettings::new(RepositoryName::parse(name).unwrap(), vec![suite])
}

fn package(directory: &Utf8Path, version: &str) -> Utf8PathBuf {
    let file = directory.join(format!("hello_{version}.deb"));
    let (name, version) = (PackageName::parse("hello").unwrap(), Version::parse(version).unwrap());
    let bytes = Builder::new(name, version, Architecture::parse("amd64").unwrap()).build().unwrap();
    std::fs::write(&file, bytes).unwrap();
    file
}

fn versions(store: &Store, settings: &RepositorySettings) -> Vec<String> {
    let head = store.head(&settings.name).unwrap().unwrap();
    let records = head.records(&SuiteName::parse("trixie").unwrap()).unwrap();
    records.iter().map(|record| record.key().version.to_string()).collect()
}

fn every_operation(storage: Storage) -> Result<Store, Error> {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap();
    let store = Store::with_storage(&root.join("none"), storage);
    let (preprod, prod, context) = (settings("preprod"), settings("prod"), context());
    let add = |version| {
        let files = [package(root, version)];
        store.add(&preprod, &files, &AddOptions::default(), &context)?.into_result()
    };
    add("1.0")?;
    let before = TagName::parse("before").unwrap();
    store.tag(&store.head(&preprod.name)?.unwrap(), &before, &context)?;
    add("2.0")?;
    let promoted = PromoteOptions { everything: true, ..PromoteOptions::default() };
    store.plan_promotion(&preprod, &prod, &promoted)?.apply(&store, &context)?;
    assert_eq!(versions(&store, &prod), ["1.0", "2.0"]);
    store.plan_removal(&preprod, &["hello=2.0".parse().unwrap()], &[])?.apply(&store, &context)?;
    assert_eq!(versions(&store, &preprod), ["1.0"]);
    let head = store.head(&preprod.name)?.unwrap();
    assert_eq!(head.commit().sequence, 3, "each change was made once");

    let blob = head.records(&SuiteName::parse("trixie").unwrap())?[0].blob();
    store.manifest(blob)?;
    assert!(matches!(store.blob_path(blob), Err(Error::Storage(StorageError::NotLocal))));
    assert_eq!(store.tags(&preprod.name)?.len(), 1);
    store.delete_tag(&preprod.name, &before, &context)?;
    assert!(store.operations()?.len() >= 6);
    let report = store.fsck(&FsckOptions::default(), &context)?;
    assert!(report.is_clean(), "{:?}", report.problems);
    assert_eq!(report.blobs, 2);
    Ok(store)
}

#[test]
fn a_store_in_memory_adds_promotes_removes_tags_and_collects() {
    let memory = Memory::default();
    let store = every_operation(memory.clone().into()).unwrap();
    let garbage = Key::named("blobs", &format!("00/{}", "1".repeat(62)));
    store.storage().objects().put(&garbage, b"nothing leads here").unwrap();
    let options = GcOptions { grace: SignedDuration::from_hours(1), ..GcOptions::default() };
    let collect = || store.collect_garbage(&options, &context()).unwrap();
    assert_eq!(collect().removed, [], "it is young");
    memory.advance(SignedDuration::from_hours(2));
    let other = Store::with_storage("other".into(), memory.clone());
    other.storage().objects().touch(&garbage).unwrap();
    memory.advance(SignedDuration::from_hours(2));
    assert_eq!(collect().removed, [], "another writer touched it and is still at work");
    drop(other);
    let collected = collect();
    assert_eq!((collected.removed.len(), collected.freed), (1, 18));
    assert!(store.fsck(&FsckOptions::default(), &context()).unwrap().is_clean());
}

#[test]
fn a_lost_package_is_found_missing_in_a_store_in_memory() {
    let store = every_operation(Memory::default().into()).unwrap();
    let blobs = storage::object_store::list(store.storage().objects(), "blobs").unwrap();
    store.storage().objects().delete(&blobs[0].0).unwrap();
    let report = store.fsck(&FsckOptions::default(), &context()).unwrap();
    assert_eq!(report.problems[0].path, format!("store/{}", blobs[0].0));
}

/// References whose changes are made while the answer to every second one is lost.
#[derive(Debug)]
struct Lossy {
    memory: Memory,
    calls: AtomicU32,
}

impl Lossy {
    fn answer(&self, swap: Swap) -> Swap {
        if self.calls.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            return swap;
        }
        let source = std::io::ErrorKind::TimedOut.into();
        Swap::Unknown(StorageError::Io { verb: "reach", path: "the store".into(), source })
    }
}

impl RefStore for Lossy {
    fn get(&self, key: &Key) -> Result<Option<(Vec<u8>, storage::Version)>, StorageError> {
        RefStore::get(&self.memory, key)
    }

    fn compare_and_swap(
        &self,
        key: &Key,
        expected: Option<&storage::Version>,
        new: &[u8],
        before: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<Swap, StorageError> {
        Ok(self.answer(self.memory.compare_and_swap(key, expected, new, before)?))
    }

    fn delete(&self, key: &Key, version: &storage::Version) -> Result<Swap, StorageError> {
        Ok(self.answer(RefStore::delete(&self.memory, key, version)?))
    }

    fn settle(&self, key: &Key) -> Result<(), StorageError> {
        self.memory.settle(key)
    }

    fn list(&self, area: &str) -> Result<Vec<Key>, StorageError> {
        self.memory.list(area)
    }
}

#[test]
fn a_lost_answer_neither_loses_a_change_nor_makes_it_twice() {
    for first in [0, 1] {
        let memory = Memory::default();
        let all = Arc::new(memory.clone());
        let refs = Arc::new(Lossy { memory, calls: AtomicU32::new(first) });
        every_operation(Storage::new(all.clone(), refs.clone(), all.clone(), all)).unwrap();
        assert!(refs.calls.load(Ordering::Relaxed) >= 6);
    }
}
