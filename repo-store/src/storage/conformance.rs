//! What every storage must do, for implementations to run in their own tests.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Barrier;

use jiff::{SignedDuration, Timestamp};

use crate::storage::{Key, ObjectStore, Storage, StorageError, Swap, Version, log, object_store};

/// Checks a storage: objects, references, the log and locks, and writers that race. Each call of `open` opens the same storage, which
/// is empty at first, as another process would.
///
/// ```
/// use repo_store::storage::{Memory, conformance};
///
/// let memory = Memory::default();
/// conformance::check(|| memory.clone().into());
/// ```
///
/// # Panics
/// When the storage does anything else than it must.
pub fn check(open: impl Fn() -> Storage) {
    conformance(&open());
    race(open);
}

fn objects_conform(objects: &dyn ObjectStore) {
    let (key, other) = (Key::object("objects", &"abcdef"), Key::object("objects", &"ff00"));
    assert_eq!(Key::parse("objects/ab/cdef"), Some(key.clone()));
    assert_eq!(Key::parse("objects/../x"), None);
    assert_eq!((objects.get(&key).unwrap(), objects.head(&key).unwrap()), (None, None));
    let before = objects.now().unwrap();
    objects.put(&key, b"first").unwrap();
    objects.put(&key, b"other").unwrap();
    assert_eq!(objects.get(&key).unwrap().unwrap(), b"first", "what is kept never changes");
    for (start, length, bytes) in [(1, 2, "ir"), (3, 9, "st"), (9, 9, "")] {
        assert_eq!(objects.get_range(&key, start, length).unwrap().unwrap(), bytes.as_bytes());
    }
    assert!(objects.touch(&key).unwrap());
    assert!(!objects.touch(&Key::object("objects", &"012345")).unwrap());
    let mut dropped = objects.stage().unwrap();
    dropped.write_all(b"never kept").unwrap();
    drop(dropped);
    objects.put(&other, b"kept").unwrap();
    assert!(objects.contains(&other).unwrap(), "its writer sees it at once");
    objects.sync().unwrap();
    let keys: Vec<Key> =
        object_store::list(objects, "objects").unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [key.clone(), other.clone()]);

    let info = objects.head(&key).unwrap().unwrap();
    assert_eq!(info.size, 5);
    assert!(info.changed >= before && info.changed <= objects.now().unwrap());
    let mut ran = 0;
    let later = info.changed + SignedDuration::from_secs(1);
    let mut delete = |than, refused: bool| {
        objects.delete_if_older(&key, than, &mut || {
            ran += 1;
            if refused { Err(StorageError::NotLocal) } else { Ok(()) }
        })
    };
    assert!(!delete(info.changed, false).unwrap(), "it is not older than itself");
    assert!(delete(later, true).is_err());
    assert!(objects.contains(&key).unwrap());
    assert!(delete(later, false).unwrap());
    assert!(!delete(later, false).unwrap());
    assert_eq!(ran, 2);
    objects.delete(&other).unwrap();
    objects.delete(&other).unwrap();
    assert_eq!(objects.get(&other).unwrap(), None);
}

fn conformance(storage: &Storage) {
    objects_conform(storage.objects());
    let (refs, head) = (storage.refs(), Key::named("refs", "prod"));
    let swap = |expected: Option<&Version>, new: &[u8]| {
        let swap = refs.compare_and_swap(&head, expected, new, &mut || Ok(()));
        matches!(swap.unwrap(), Swap::Done)
    };
    assert!(!swap(Some(&Version::new(*b"never given")), b"a"));
    assert!(swap(None, b"a"));
    assert!(!swap(None, b"b"));
    let (_, first) = refs.get(&head).unwrap().unwrap();
    assert!(swap(Some(&first), b"b"));
    assert!(!swap(Some(&first), b"c"));
    assert!(matches!(refs.delete(&head, &first).unwrap(), Swap::Changed));
    let (_, now) = refs.get(&head).unwrap().unwrap();
    let refused = refs.compare_and_swap(&head, Some(&now), b"c", &mut || Err(StorageError::NotLocal));
    assert!(refused.is_err());
    assert_eq!(refs.get(&head).unwrap().unwrap().0, b"b", "what was not announced is not done");
    assert_eq!(refs.list("refs").unwrap(), std::slice::from_ref(&head));
    refs.settle(&head).unwrap();
    assert!(matches!(refs.delete(&head, &now).unwrap(), Swap::Done));
    assert!(matches!(refs.delete(&head, &now).unwrap(), Swap::Changed));
    assert_eq!(refs.get(&head).unwrap(), None);

    let (log, locks) = (storage.log(), storage.locks());
    assert_eq!(log.read().unwrap(), None);
    log.append("one").unwrap();
    log.append("two").unwrap();
    let bytes = log.read().unwrap().unwrap();
    let lines: Vec<_> = log::lines(&bytes).map(|line| (line.text, line.intact)).collect();
    assert_eq!(lines, [("one", true), ("two", true)]);
    assert!(bytes.ends_with(&log.end(5).unwrap().unwrap()));
    assert_eq!(log.end(5).unwrap().unwrap().len(), 5);

    let held = locks.acquire("gc").unwrap();
    assert!(locks.state("gc").is_held);
    held.mark(Timestamp::UNIX_EPOCH).unwrap();
    drop(held);
    let state = locks.state("gc");
    assert_eq!((state.is_held, state.marked), (false, Some(Timestamp::UNIX_EPOCH)));
    let shared = [locks.share("gc"), locks.share("gc")];
    assert!(shared.iter().all(Option::is_some));
}

/// Writers count up a reference; each has its own handle, as separate processes do.
fn race(open: impl Fn() -> Storage) {
    let (head, start) = (Key::named("refs", "prod"), Barrier::new(4));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (storage, head, start) = (open(), &head, &start);
            scope.spawn(move || {
                start.wait();
                let mut done = 0;
                while done < 25 {
                    let (old, version) = storage.refs().get(head).unwrap().unzip();
                    let count: u32 =
                        old.map_or(0, |bytes| String::from_utf8(bytes).unwrap().parse().unwrap());
                    let new = (count + 1).to_string();
                    let swap =
                        storage
                            .refs()
                            .compare_and_swap(head, version.as_ref(), new.as_bytes(), &mut || Ok(()));
                    done += u32::from(matches!(swap.unwrap(), Swap::Done));
                }
            });
        }
    });
    assert_eq!(open().refs().get(&head).unwrap().unwrap().0, b"100");
}
