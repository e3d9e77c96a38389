//! What every storage must do, for implementations to run in their own tests.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::storage::{
    Fault, Faulty, Key, ObjectStore, Request, Storage, StorageError, Swap, Version, log, object_store,
};

/// Checks a storage: objects, references, the log and locks, writers whose knowledge is stale, whose answers get lost and who race.
/// Each call of `open` opens the same storage, which is empty at first, as another process would.
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
    what_a_writer_knew_decides_nothing(&open(), &open());
    one_clock_dates_what_all_write(&open(), &open());
    for fault in [Fault::Refused, Fault::AnswerLost] {
        lost_answers(&open, fault);
    }
    race(&open);
    race_without_answers(&open);
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
    assert!(locks.try_acquire("gc").unwrap().is_none());
    held.mark(Timestamp::UNIX_EPOCH).unwrap();
    drop(held);
    let state = locks.state("gc");
    assert_eq!((state.is_held, state.marked), (false, Some(Timestamp::UNIX_EPOCH)));
    let shared = [locks.share("gc"), locks.share("gc")];
    assert!(shared.iter().all(Option::is_some));
    assert!(locks.try_acquire("gc").unwrap().is_none());
    let held = locks.try_acquire("hooks").unwrap();
    assert!(held.is_some() && locks.try_acquire("hooks").unwrap().is_none());
    drop(held);
    assert!(locks.try_acquire("hooks").unwrap().is_some());
}

/// Writers count up a reference; each has its own handle, as separate processes do.
fn race(open: &impl Fn() -> Storage) {
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

/// What one writer saw before the other changed it.
fn what_a_writer_knew_decides_nothing(first: &Storage, second: &Storage) {
    let head = Key::named("refs", "stale");
    let swap = |storage: &Storage, expected: Option<&Version>, new: &[u8]| {
        let swap = storage.refs().compare_and_swap(&head, expected, new, &mut || Ok(()));
        matches!(swap.unwrap(), Swap::Done)
    };
    assert!(swap(second, None, b"a"));
    assert!(!swap(first, None, b"b"), "another writer made it");
    let (_, known) = first.refs().get(&head).unwrap().unwrap();
    assert!(swap(second, Some(&known), b"c"));
    assert!(!swap(first, Some(&known), b"d"));
    assert!(matches!(first.refs().delete(&head, &known).unwrap(), Swap::Changed));
    let (bytes, last) = first.refs().get(&head).unwrap().unwrap();
    assert_eq!(bytes, b"c");
    assert!(matches!(second.refs().delete(&head, &last).unwrap(), Swap::Done));
    assert!(!swap(first, Some(&last), b"e"), "another writer removed it");
    assert_eq!(second.refs().get(&head).unwrap(), None);

    let key = Key::object("objects", &"57a1e0");
    first.objects().put(&key, b"old").unwrap();
    first.objects().sync().unwrap();
    let than = first.objects().now().unwrap();
    assert!(second.objects().touch(&key).unwrap());
    let deleted = first.objects().delete_if_older(&key, than, &mut || Ok(())).unwrap();
    assert!(!deleted, "another writer touched it");
    second.objects().delete(&key).unwrap();
    assert!(!first.objects().touch(&key).unwrap(), "another writer removed it");
    first.objects().put(&key, b"new").unwrap();
    first.objects().sync().unwrap();
    assert_eq!(second.objects().get(&key).unwrap().unwrap(), b"new");
    first.objects().delete(&key).unwrap();
}

/// The clocks of the machines that write may differ: the storage has one.
fn one_clock_dates_what_all_write(first: &Storage, second: &Storage) {
    for (number, storage) in [second, first, second].into_iter().enumerate() {
        let key = Key::object("objects", &format!("c10c{number}"));
        let before = first.objects().now().unwrap();
        storage.objects().put(&key, b"content").unwrap();
        storage.objects().sync().unwrap();
        let dated = second.objects().head(&key).unwrap().unwrap().changed;
        assert!(before <= dated && dated <= first.objects().now().unwrap());
        assert!(storage.objects().touch(&key).unwrap());
        let touched = first.objects().head(&key).unwrap().unwrap().changed;
        assert!(dated <= touched && touched <= second.objects().now().unwrap());
        storage.objects().delete(&key).unwrap();
    }
}

/// Each change goes wrong once, before or after it is made, and is made again.
fn lost_answers(open: &impl Fn() -> Storage, fault: Fault) {
    let due = std::sync::Arc::new(AtomicBool::new(false));
    let is_due = due.clone();
    let storage = Storage::from(Faulty::new(open(), move |_, request| {
        let is_change = !matches!(request, Request::ReadObject | Request::ReadReference | Request::ReadLog);
        (is_change && is_due.swap(false, Ordering::Relaxed)).then_some(fault)
    }));
    let fail_next = || due.store(true, Ordering::Relaxed);
    let is_made = fault == Fault::AnswerLost;
    let was_asked = || assert!(!due.load(Ordering::Relaxed), "the request came through to the storage");

    let (objects, key) = (storage.objects(), Key::object("objects", &"105700"));
    fail_next();
    objects.put(&key, b"content").unwrap_err();
    objects.put(&key, b"content").unwrap();
    fail_next();
    objects.touch(&key).unwrap_err();
    assert!(objects.touch(&key).unwrap());
    fail_next();
    objects.sync().unwrap_err();
    objects.sync().unwrap();
    assert_eq!(objects.get(&key).unwrap().unwrap(), b"content");
    fail_next();
    objects.delete(&key).unwrap_err();
    assert_eq!(open().objects().contains(&key).unwrap(), !is_made);
    objects.delete(&key).unwrap();
    objects.delete(&key).unwrap();
    assert_eq!(objects.head(&key).unwrap(), None);

    let head = Key::named("refs", "lost");
    let mut announced = 0;
    let mut swap = |expected: Option<&Version>, new: &[u8]| {
        fail_next();
        let swap = storage.swap(&head, expected, new, || {
            announced += 1;
            Ok(())
        });
        was_asked();
        assert!(matches!(swap.unwrap(), Swap::Done));
        storage.refs().get(&head).unwrap().unwrap()
    };
    let (_, first) = swap(None, b"a");
    let (bytes, second) = swap(Some(&first), b"b");
    assert_eq!((bytes.as_slice(), announced), (&b"b"[..], 2), "each was announced once");
    fail_next();
    assert!(matches!(storage.swap(&head, Some(&first), b"c", || Ok(())).unwrap(), Swap::Unknown(_)));
    assert_eq!(open().refs().get(&head).unwrap().unwrap().0, b"b");
    fail_next();
    assert!(matches!(storage.delete_ref(&head, &second).unwrap(), Swap::Done));
    was_asked();
    assert_eq!(open().refs().get(&head).unwrap(), None);

    let lines = || log::lines(&storage.log().read().unwrap().unwrap_or_default()).count();
    let before = lines();
    fail_next();
    storage.log().append("lost").unwrap_err();
    assert_eq!(lines(), before + usize::from(is_made));
    storage.log().append("again").unwrap();
    let log = open().log().read().unwrap().unwrap();
    assert!(log::lines(&log).all(|line| line.intact));
}

/// Writers whose answers get lost add a line each to a reference, again and again.
fn race_without_answers(open: &impl Fn() -> Storage) {
    const WRITERS: u64 = 4;
    const LINES: u64 = 12;
    let (head, start) = (Key::named("refs", "lines"), Barrier::new(4));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let lost = move |number: u64, request| {
                let faults = [Fault::AnswerLost, Fault::Refused, Fault::Stale];
                let is_hit = (number + writer).is_multiple_of(3);
                let is_reference = matches!(request, Request::ReadReference | Request::ChangeReference);
                let fault = faults.into_iter().cycle().nth(usize::try_from(number % 7).unwrap_or(0));
                fault.filter(|_| is_hit && is_reference)
            };
            let (storage, head, start) = (Storage::from(Faulty::new(open(), lost)), &head, &start);
            scope.spawn(move || {
                start.wait();
                for line in 0..LINES {
                    let own = format!("{writer}-{line}\n");
                    let mut is_in_doubt = false;
                    loop {
                        let Ok(found) = storage.refs().get(head) else { continue };
                        let (old, version) = found.unzip();
                        let mut text = String::from_utf8(old.unwrap_or_default()).unwrap();
                        if text.contains(&own) {
                            assert!(is_in_doubt, "{own} is there and was refused");
                            break;
                        }
                        text.push_str(&own);
                        match storage.swap(head, version.as_ref(), text.as_bytes(), || Ok(())) {
                            Ok(Swap::Done) => break,
                            Ok(Swap::Changed) => {}
                            Ok(Swap::Unknown(_)) | Err(_) => is_in_doubt = true,
                        }
                    }
                }
            });
        }
    });
    let text = String::from_utf8(open().refs().get(&head).unwrap().unwrap().0).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), text.lines().count(), "no line is there twice");
    assert_eq!(lines.len() as u64, WRITERS * LINES, "no line is lost");
}
