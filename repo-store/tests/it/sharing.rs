//! Snapshots are canonical, share what they have in common, and a change writes only what it touches.

use std::collections::BTreeMap;
use std::fs;

use deb_parse::PackageName;
use proptest::prelude::*;
use repo_store::RepositorySettings;
use repo_store::maintenance::fsck::{FsckOptions, ProblemKind};
use repo_store::transaction::Transaction;

use crate::fixture::{Fixture, context, files_below, record, settings, suite};

fn insert(fixture: &Fixture, versions: impl IntoIterator<Item = (String, String)>) {
    let records: Vec<_> = versions.into_iter().map(|(name, version)| record(&name, &version)).collect();
    fixture
        .store
        .transact(&fixture.preprod.name, &context(0), |transaction| {
            for record in &records {
                transaction.insert(&suite("bookworm"), record)?;
            }
            Ok((repo_store::history::Operation::Other("insert".to_owned()), ()))
        })
        .unwrap();
}

fn remove(fixture: &Fixture, name: &str, version: &str) {
    let gone = record(name, version);
    fixture
        .store
        .transact(&fixture.preprod.name, &context(0), |transaction| {
            assert!(transaction.remove(&suite("bookworm"), gone.key())?);
            Ok((repo_store::history::Operation::Other("remove".to_owned()), ()))
        })
        .unwrap();
}

fn names(count: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(|number| (format!("package{number:05}"), format!("1.{number}")))
}

#[test]
fn adding_one_to_a_large_suite_writes_a_chunk_a_page_a_snapshot_and_a_commit() {
    let fixture = Fixture::new();
    insert(&fixture, names(5000));
    let objects = fixture.store.root().join("store/objects");
    let before = files_below(&objects);
    for (number, place) in ["aaa", "package02500x", "zzz"].into_iter().enumerate() {
        insert(&fixture, [(place.to_owned(), "1.0".to_owned())]);
        let after = files_below(&objects).len() - before.len();
        // The new record may itself end a chunk, which then becomes two, and so may their page.
        let allowed = 4 * (number + 1)..=6 * (number + 1);
        assert!(allowed.contains(&after), "{after} objects after {} additions", number + 1);
    }
}

#[test]
fn a_damaged_object_is_replaced_by_whoever_writes_it_again() {
    let fixture = Fixture::new();
    let hello = record("hello", "1.0");
    let insert_into = |repository: &RepositorySettings| {
        let change = |transaction: &mut Transaction<'_>| {
            transaction.insert(&suite("bookworm"), &hello)?;
            Ok((repo_store::history::Operation::Other("insert".to_owned()), ()))
        };
        fixture.store.transact(&repository.name, &context(0), change).unwrap();
    };
    insert_into(&fixture.preprod);
    for object in files_below(&fixture.store.root().join("store/objects")) {
        let mut bytes = fs::read(&object).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::remove_file(&object).unwrap();
        fs::write(&object, bytes).unwrap();
    }
    let prod = settings("prod", &["bookworm"]);
    insert_into(&prod);
    let head = fixture.store.head(&prod.name).unwrap().unwrap();
    assert_eq!(head.records(&suite("bookworm")).unwrap(), std::slice::from_ref(&hello));
    let report = fixture.store.fsck(&FsckOptions::default(), &context(1)).unwrap();
    let damaged = report.problems.iter().filter(|problem| problem.kind == ProblemKind::Damaged);
    // Even the commits: both repositories did the same at the same time.
    assert_eq!(damaged.count(), 0, "{report:?}");
}

#[test]
fn equal_suites_share_every_object() {
    let fixture = Fixture::new();
    let records: Vec<_> = names(300).map(|(name, version)| record(&name, &version)).collect();
    fixture
        .store
        .transact(&fixture.preprod.name, &context(0), |transaction| {
            for record in &records {
                transaction.insert(&suite("bookworm"), record)?;
                transaction.insert(&suite("trixie"), record)?;
            }
            Ok((repo_store::history::Operation::Other("insert".to_owned()), ()))
        })
        .unwrap();
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let snapshots: Vec<_> = head.commit().suites.values().collect();
    assert_eq!(snapshots[0], snapshots[1]);
    assert_eq!(head.records(&suite("trixie")).unwrap(), records);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn a_change_in_many_pages_gives_what_making_it_at_once_gives(
        gone in prop::collection::btree_set(0_usize..4000, 0..200),
        new in prop::collection::btree_set(0_usize..4000, 0..200),
    ) {
        let named = |number: &usize| (format!("package{number:05}x"), "1.0".to_owned());
        let changed = Fixture::new();
        insert(&changed, names(4000));
        let all: Vec<_> = names(4000).collect();
        changed
            .store
            .transact(&changed.preprod.name, &context(0), |transaction| {
                for number in &gone {
                    assert!(transaction.remove(&suite("bookworm"), record(&all[*number].0, &all[*number].1).key())?);
                }
                for number in &new {
                    let (name, version) = named(number);
                    transaction.insert(&suite("bookworm"), &record(&name, &version))?;
                }
                Ok((repo_store::history::Operation::Other("change".to_owned()), ()))
            })
            .unwrap();
        let at_once = Fixture::new();
        let kept = all.iter().enumerate().filter(|(number, _)| !gone.contains(number));
        insert(&at_once, kept.map(|(_, key)| key.clone()).chain(new.iter().map(named)));

        let head = |fixture: &Fixture| fixture.store.head(&fixture.preprod.name).unwrap().unwrap().commit().suites.clone();
        prop_assert_eq!(head(&changed), head(&at_once));
        for number in gone.iter().chain(&new) {
            let name = PackageName::parse(&all[*number].0).unwrap();
            let head = changed.store.head(&changed.preprod.name).unwrap().unwrap();
            let found = head.versions(&suite("bookworm"), &name).unwrap();
            prop_assert_eq!(found.len(), usize::from(!gone.contains(number)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_way_to_a_content_leaves_no_trace_in_its_snapshot(
        steps in prop::collection::vec((0_u32..400, 0_u32..4, any::<bool>()), 1..60),
        start in prop::collection::btree_set(0_u32..400, 0..300),
    ) {
        let name = |number: u32| format!("p{number:03}");
        let step_by_step = Fixture::new();
        let mut content: BTreeMap<(String, String), ()> =
            start.iter().map(|number| ((name(*number), "1.0".to_owned()), ())).collect();
        insert(&step_by_step, content.keys().cloned());
        for (number, version, adding) in steps {
            let key = (name(number), format!("1.{version}"));
            if adding {
                content.insert(key.clone(), ());
                insert(&step_by_step, [key]);
            } else if content.remove(&key).is_some() {
                remove(&step_by_step, &key.0, &key.1);
            }
        }
        let at_once = Fixture::new();
        insert(&at_once, content.keys().cloned());

        let suites = |fixture: &Fixture| {
            let head = fixture.store.head(&fixture.preprod.name).unwrap();
            head.map(|head| (head.commit().suites.clone(), head.records(&suite("bookworm")).unwrap()))
        };
        let (by_step, direct) = (suites(&step_by_step), suites(&at_once));
        let held = by_step.as_ref().map_or(0, |(_, records)| records.len());
        prop_assert_eq!(held, content.len());
        if !content.is_empty() {
            prop_assert_eq!(by_step, direct);
        }
    }

    #[test]
    fn a_difference_is_what_one_side_lacks(
        first in prop::collection::btree_set(0_u32..300, 0..200),
        second in prop::collection::btree_set(0_u32..300, 0..200),
    ) {
        let fixture = Fixture::new();
        let load = |suite_name: &str, numbers: &std::collections::BTreeSet<u32>| {
            fixture.store.transact(&fixture.preprod.name, &context(0), |transaction| {
                for number in numbers {
                    transaction.insert(&suite(suite_name), &record(&format!("p{number}"), "1.0"))?;
                }
                Ok((repo_store::history::Operation::Other("insert".to_owned()), ()))
            }).unwrap();
        };
        load("bookworm", &first);
        load("trixie", &second);
        let Some(head) = fixture.store.head(&fixture.preprod.name).unwrap() else { return Ok(()) };
        let snapshot = |name| head.snapshot(&suite(name)).unwrap();
        let difference = fixture.store.difference(&snapshot("bookworm"), &snapshot("trixie")).unwrap();
        prop_assert_eq!(difference.only_first.len(), first.difference(&second).count());
        prop_assert_eq!(difference.only_second.len(), second.difference(&first).count());
    }
}

#[test]
fn writers_that_race_lose_nothing() {
    let fixture = Fixture::new();
    let root = fixture.store.root().to_owned();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (root, name) = (&root, &fixture.preprod.name);
            scope.spawn(move || {
                // Each opens the store itself, as separate processes do.
                let store = repo_store::Store::open(root).unwrap();
                for number in 0..10 {
                    let record = record(&format!("w{writer}n{number}"), "1.0");
                    store
                        .transact(name, &context(0), |transaction| {
                            transaction.insert(&suite("bookworm"), &record)?;
                            Ok((repo_store::history::Operation::Other("insert".to_owned()), ()))
                        })
                        .unwrap();
                }
            });
        }
    });
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    assert_eq!(head.records(&suite("bookworm")).unwrap().len(), 40);
    assert_eq!(head.commit().sequence, 40);
    assert_eq!(fixture.store.operations().unwrap().len(), 40);
}
