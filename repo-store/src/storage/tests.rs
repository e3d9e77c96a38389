//! The storages of this crate.

use camino::{Utf8Path, Utf8PathBuf};

use crate::storage::format::Format;
use crate::storage::{
    Directory, Fault, Faulty, Key, Memory, ObjectStore, Request, StorageError, conformance, object_store,
};

#[test]
fn memory_conforms() {
    let memory = Memory::default();
    conformance::check(|| memory.clone().into());
}

#[test]
fn directory_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
    Directory::create(&path).unwrap();
    conformance::check(|| Directory::open(&path, Format::NEWEST).unwrap().into());
}

#[test]
fn a_wrapper_without_faults_conforms() {
    let memory = Memory::default();
    conformance::check(|| Faulty::new(memory.clone().into(), |_, _| None).into());
}

#[test]
fn a_store_that_swaps_what_was_true_before_does_not_conform() {
    let memory = Memory::default();
    let stale = |_, request| (request == Request::ReadReference).then_some(Fault::Stale);
    let check = || conformance::check(|| Faulty::new(memory.clone().into(), stale).into());
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err());
}

#[test]
fn a_file_that_lost_its_content_is_replaced_by_the_next_that_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
    let storage = Directory::create(&path).unwrap();
    let key = Key::object("objects", &"abcdef");
    std::fs::create_dir_all(path.join("objects/ab")).unwrap();
    std::fs::write(path.join("objects/ab/cdef"), "").unwrap();
    storage.put(&key, b"content").unwrap();
    storage.sync().unwrap();
    assert_eq!(
        ObjectStore::get(&Directory::open(&path, Format::NEWEST).unwrap(), &key).unwrap().unwrap(),
        b"content"
    );
}

#[test]
fn whoever_starts_takes_nobody_elses_directory_for_abandoned() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
    Directory::create(&path).unwrap();
    for round in 0..30 {
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let (storage, start) = (Directory::open(&path, Format::NEWEST).unwrap(), &start);
                scope.spawn(move || {
                    start.wait();
                    for object in 0..3 {
                        let key = Key::named("objects", &format!("{round}-{writer}-{object}"));
                        storage.put(&key, b"content").unwrap();
                    }
                    storage.sync().unwrap();
                });
            }
        });
    }
    let storage = Directory::open(&path, Format::NEWEST).unwrap();
    assert_eq!(object_store::list(&storage, "objects").unwrap().len(), 30 * 8 * 3);
    assert_eq!(object_store::list(&storage, "tmp").unwrap(), [], "nothing is left behind");
}

#[test]
fn a_link_that_was_put_in_place_of_a_directory_meanwhile_is_not_written_through() {
    let directory = tempfile::tempdir().unwrap();
    let top = Utf8Path::from_path(directory.path()).unwrap();
    let storage = Directory::create(&top.join("store")).unwrap();
    let objects: &dyn ObjectStore = &storage;
    let (first, second) = (Key::parse("objects/ab/c").unwrap(), Key::parse("objects/ab/d").unwrap());
    let put = |key: &Key| {
        objects.stage().and_then(|staged| staged.keep(key))?;
        objects.sync()
    };
    put(&first).unwrap();
    let linked = top.join("store/objects/ab");
    std::fs::rename(&linked, top.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(top.join("elsewhere"), &linked).unwrap();
    for result in [put(&second), objects.touch(&first).map(drop), objects.delete(&first)] {
        assert!(matches!(result, Err(StorageError::UnsafePath { path, .. }) if path == linked));
    }
    assert_eq!(std::fs::read_dir(top.join("elsewhere")).unwrap().count(), 1);
}
