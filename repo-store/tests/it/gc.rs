//! Garbage collection: everything that is reached stays, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime};

use apt_sign::{OpenPgpSigner, SecretKey};
use camino::Utf8PathBuf;
use jiff::SignedDuration;
use proptest::prelude::*;
use repo_store::error::{HistoryError, MaintenanceError};
use repo_store::history::KeepHistory;
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::maintenance::gc::{Garbage, GarbageReason, GcOptions, GcReport};
use repo_store::model::TagName;
use repo_store::{AddOptions, Error, Store};

use crate::fixture::{Fixture, context, files_below, suite};

const DAY: i64 = 86_400;

fn signer() -> OpenPgpSigner {
    let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
    OpenPgpSigner::new(vec![SecretKey::generate("Test", created, None).unwrap()]).unwrap()
}

/// The file system stamps files by a clock that ticks every few milliseconds.
fn let_the_clock_tick() {
    std::thread::sleep(Duration::from_millis(20));
}

fn without_grace(fixture: &Fixture, keep: KeepHistory) -> GcOptions {
    GcOptions {
        grace: SignedDuration::ZERO,
        keep_history: BTreeMap::from([(fixture.preprod.name.clone(), keep)]),
    }
}

fn collect(fixture: &Fixture, options: &GcOptions, day: i64) -> GcReport {
    let_the_clock_tick();
    fixture.store.collect_garbage(options, &context(day * DAY)).unwrap()
}

fn add(fixture: &Fixture, day: i64, file: Utf8PathBuf) {
    fixture
        .store
        .add(&fixture.preprod, &[file], &AddOptions::default(), &context(day * DAY))
        .unwrap()
        .into_result()
        .unwrap();
}

fn remove(fixture: &Fixture, day: i64, package: &str) {
    let selectors = [package.parse().unwrap()];
    let plan = fixture.store.plan_removal(&fixture.preprod, &selectors, &[]).unwrap();
    plan.apply(&fixture.store, &context(day * DAY)).unwrap();
}

fn publish(fixture: &Fixture, signer: &OpenPgpSigner, day: i64) {
    fixture.store.publish(&fixture.preprod, signer, &context(day * DAY)).unwrap();
}

fn text_of(store: &Store, id: &str) -> String {
    let path = store.root().join("store/objects").join(&id[..2]).join(&id[2..]);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    String::from_utf8(zstd::decode_all(&*bytes).unwrap()).unwrap()
}

fn present(store: &Store, area: &str) -> BTreeSet<String> {
    let root = store.root().join("store").join(area);
    let id = |path: Utf8PathBuf| path.strip_prefix(&root).unwrap().as_str().replace('/', "");
    files_below(&root).into_iter().map(id).collect()
}

/// What must be there, computed from the files alone: objects, blobs, and paths in the pool.
fn reachable(fixture: &Fixture) -> (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>) {
    let (store, name) = (&fixture.store, &fixture.preprod.name);
    let (mut objects, mut blobs, mut pool) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut commits: Vec<String> =
        store.history(name).map(|revision| revision.unwrap().id().to_string()).collect();
    commits.extend(store.tags(name).unwrap().iter().map(|tag| tag.commit.to_string()));
    let mut snapshots = BTreeSet::new();
    for commit in commits {
        let text = text_of(store, &commit);
        let suites = text.lines().filter(|line| line.starts_with(' '));
        snapshots.extend(suites.map(|line| line.rsplit(' ').next().unwrap().to_owned()));
        objects.extend(text.lines().filter_map(|line| line.strip_prefix("Holds: ")).map(str::to_owned));
        objects.insert(commit);
    }
    let mut published = BTreeSet::new();
    for record in files_below(&store.root().join("store/publications")) {
        let text = fs::read_to_string(record).unwrap();
        published.extend(text.lines().filter_map(|line| line.strip_prefix("Snapshot: ")).map(str::to_owned));
    }
    for snapshot in snapshots.union(&published) {
        let listed = |id: &str| -> Vec<String> {
            let text = text_of(store, id);
            let lines = text.lines().filter_map(|line| line.strip_prefix(' '));
            lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
        };
        let pages = listed(snapshot);
        let chunks: Vec<String> = pages.iter().flat_map(|page| listed(page)).collect();
        objects.extend(pages);
        for chunk in chunks {
            let text = text_of(store, &chunk);
            blobs
                .extend(text.lines().filter_map(|line| line.strip_prefix("Store-Blob: ")).map(str::to_owned));
            if published.contains(snapshot) {
                let files = text.lines().filter_map(|line| line.strip_prefix("Filename: "));
                pool.extend(files.map(str::to_owned));
            }
            objects.insert(chunk);
        }
        objects.insert(snapshot.clone());
    }
    (objects, blobs, pool)
}

fn assert_exact(fixture: &Fixture) {
    let (objects, blobs, pool) = reachable(fixture);
    assert_eq!(present(&fixture.store, "objects"), objects);
    assert_eq!(present(&fixture.store, "blobs"), blobs);
    let public = fixture.store.public(&fixture.preprod.name);
    let in_pool = if public.join("pool").is_dir() { files_below(&public.join("pool")) } else { Vec::new() };
    let in_pool: BTreeSet<String> =
        in_pool.iter().map(|path| path.strip_prefix(&public).unwrap().to_string()).collect();
    assert_eq!(in_pool, pool);
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8),
    Remove(u8),
    RollBack(u8),
    Tag(u8),
    Untag(u8),
    Publish,
    Collect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..6).prop_map(Step::Add),
        3 => (0_u8..6).prop_map(Step::Remove),
        1 => any::<u8>().prop_map(Step::RollBack),
        1 => (0_u8..2).prop_map(Step::Tag),
        1 => (0_u8..2).prop_map(Step::Untag),
        1 => Just(Step::Publish),
        1 => Just(Step::Collect),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 40, ..ProptestConfig::default() })]
    #[test]
    fn what_is_left_is_what_can_be_reached(
        steps in prop::collection::vec(step(), 1..14),
        keep in prop_oneof![
            Just(KeepHistory::Forever),
            (1_u64..4).prop_map(KeepHistory::States),
            (1_i64..6).prop_map(|days| KeepHistory::For(SignedDuration::from_hours(24 * days))),
        ],
    ) {
        let (fixture, signer) = (Fixture::new(), signer());
        let (store, name) = (&fixture.store, &fixture.preprod.name);
        let options = without_grace(&fixture, keep);
        let tag = |number: u8| TagName::parse(&format!("tag-{number}")).unwrap();
        for (day, step) in steps.iter().enumerate() {
            let day = day as i64;
            match step {
                Step::Add(number) => {
                    add(&fixture, day, fixture.package(&format!("p{number}"), "1.0", "amd64", "x"));
                }
                Step::Remove(number) => remove(&fixture, day, &format!("p{number}")),
                Step::RollBack(number) => {
                    let states: Vec<_> = store.history(name).map(Result::unwrap).collect();
                    if let Some(state) = states.get(usize::from(*number) % states.len().max(1)) {
                        store.plan_rollback(state, &[]).unwrap().apply(store, &context(day * DAY)).unwrap();
                    }
                }
                Step::Tag(number) => {
                    if let Some(head) = store.head(name).unwrap() {
                        let _ = store.tag(&head, &tag(*number), &context(day * DAY));
                    }
                }
                Step::Untag(number) => drop(store.delete_tag(name, &tag(*number), &context(day * DAY))),
                Step::Publish => publish(&fixture, &signer, day),
                Step::Collect => drop(collect(&fixture, &options, day)),
            }
        }
        let head = |store: &Store| store.head(name).unwrap().map(|head| head.id());
        let before = head(store);
        collect(&fixture, &options, 100);
        collect(&fixture, &options, 101);
        prop_assert_eq!(head(store), before);
        assert_exact(&fixture);
        let report = collect(&fixture, &options, 102);
        prop_assert_eq!(report, GcReport::default(), "nothing is left to do");
        add(&fixture, 103, fixture.package("later", "1.0", "amd64", "x"));
        publish(&fixture, &signer, 103);
        publish(&fixture, &signer, 104);
        for revision in store.history(name) {
            revision.unwrap().changes().unwrap();
        }
    }
}

/// A store that had the packages `hello` and `world`, and lost the first: its history was shortened since, and its file may go.
fn without_hello() -> (Fixture, OpenPgpSigner, GcOptions) {
    let (fixture, signer) = (Fixture::new(), signer());
    for name in ["hello", "world"] {
        add(&fixture, 0, fixture.package(name, "1.0", "amd64", name));
    }
    publish(&fixture, &signer, 0);
    remove(&fixture, 1, "hello");
    publish(&fixture, &signer, 1);
    let options = without_grace(&fixture, KeepHistory::States(1));
    collect(&fixture, &options, 2);
    let_the_clock_tick();
    (fixture, signer, options)
}

fn blobs_among(files: &[Garbage]) -> usize {
    files.iter().filter(|file| file.path.starts_with("store/blobs")).count()
}

#[test]
fn a_plan_removes_nothing_that_was_not_planned() {
    let (fixture, signer, options) = without_hello();
    let plan = fixture.store.plan_gc(&options, &context(3 * DAY)).unwrap();
    assert_eq!(blobs_among(plan.removed()), 1);

    remove(&fixture, 3, "world");
    publish(&fixture, &signer, 3);
    let_the_clock_tick();
    let before = files_below(fixture.store.root());
    let refused = plan.apply(&fixture.store, &context(4 * DAY)).unwrap_err();
    let Error::Maintenance(MaintenanceError::OutdatedCollection { files, histories }) = refused else {
        panic!("{refused}");
    };
    assert!(files > 0);
    assert_eq!(histories, 1);
    assert_eq!(files_below(fixture.store.root()), before);

    let plan = plan.rebase(&fixture.store, &context(4 * DAY)).unwrap();
    let report = plan.apply(&fixture.store, &context(4 * DAY)).unwrap();
    assert_eq!(report.removed, plan.removed());
    assert_eq!((report.freed, &report.shortened), (plan.freed(), plan.shortened()));
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["removed"].as_array().map(Vec::len), Some(report.removed.len()));
    assert_eq!(json["shortened"][0]["repository"], fixture.preprod.name.as_str());
}

#[test]
fn what_is_needed_again_stays_although_it_was_planned_to_go() {
    let (fixture, _, options) = without_hello();
    let options = GcOptions { keep_history: BTreeMap::new(), ..options };
    let plan = fixture.store.plan_gc(&options, &context(3 * DAY)).unwrap();
    assert_eq!(blobs_among(plan.removed()), 1);
    add(&fixture, 3, fixture.package("hello", "1.0", "amd64", "hello"));
    let_the_clock_tick();
    let report = plan.apply(&fixture.store, &context(4 * DAY)).unwrap();
    assert_eq!(blobs_among(&report.removed), 0);
    assert!(fixture.store.fsck(&FsckOptions::default(), &context(4 * DAY)).unwrap().problems.is_empty());
}

#[test]
fn what_is_young_stays_and_a_plan_says_what_a_collection_does() {
    let (fixture, signer) = (Fixture::new(), signer());
    add(&fixture, 0, fixture.package("hello", "1.0", "amd64", "a"));
    publish(&fixture, &signer, 0);
    remove(&fixture, 1, "hello");
    publish(&fixture, &signer, 1);
    let everything = files_below(fixture.store.root());
    let keep = KeepHistory::States(1);
    let options = GcOptions { grace: SignedDuration::from_hours(24), ..without_grace(&fixture, keep) };
    assert_eq!(collect(&fixture, &options, 1).removed, [], "all of it is young");
    let report = collect(&fixture, &without_grace(&fixture, keep), 2);
    assert_eq!(report.shortened.values().collect::<Vec<_>>(), [&2]);
    let files = report.removed.iter().map(|file| file.path.as_str()).collect::<Vec<_>>();
    let of_the_first = |path: &&str| path.contains("20260921T141320Z");
    assert!(files.iter().any(of_the_first), "the publication that was replaced: {files:?}");
    assert!(
        report
            .removed
            .iter()
            .any(|file| file.why == GarbageReason::Unlisted && file.path.ends_with("hello_1.0_amd64.deb"))
    );
    assert_eq!(present(&fixture.store, "blobs").len(), 1, "the history still holds it for the grace period");

    let options = without_grace(&fixture, keep);
    let before = files_below(fixture.store.root());
    let planned = fixture.store.plan_gc(&options, &context(3 * DAY)).unwrap();
    assert_eq!(files_below(fixture.store.root()), before);
    let done = collect(&fixture, &options, 3);
    assert_eq!(done.removed, planned.removed());
    assert_eq!((done.freed, &done.shortened), (planned.freed(), planned.shortened()));
    assert!(done.removed.iter().any(|file| file.path.starts_with("store/blobs")));
    let freed: u64 = done.removed.iter().map(|file| file.size).sum();
    assert_eq!(done.freed, freed, "each was the last name of its file");
    assert_exact(&fixture);
    assert!(files_below(fixture.store.root()).len() < everything.len());
}

#[test]
fn a_tag_and_the_log_of_its_deletion_hold_a_state() {
    let fixture = Fixture::new();
    let (store, name) = (&fixture.store, &fixture.preprod.name);
    add(&fixture, 0, fixture.package("hello", "1.0", "amd64", "a"));
    let tag = TagName::parse("first").unwrap();
    store.tag(&store.head(name).unwrap().unwrap(), &tag, &context(0)).unwrap();
    remove(&fixture, 1, "hello");
    add(&fixture, 2, fixture.package("other", "1.0", "amd64", "b"));
    let options = without_grace(&fixture, KeepHistory::States(1));
    collect(&fixture, &options, 10);
    collect(&fixture, &options, 11);
    let sequences =
        || store.history(name).map(|revision| revision.unwrap().commit().sequence).collect::<Vec<_>>();
    assert_eq!(sequences(), [3]);
    assert!(matches!(store.resolve(name, "1"), Err(Error::History(HistoryError::UnknownRevision { .. }))));
    let first = store.resolve(name, "first").unwrap();
    assert_eq!(first.records(&suite("trixie")).unwrap().len(), 1);
    assert!(first.parent().unwrap().is_none(), "what came before it is gone, and that is no damage");
    assert_eq!(present(store, "blobs").len(), 2);
    let checked = store.fsck(&FsckOptions::default(), &context(12 * DAY)).unwrap();
    assert_eq!(checked.problems, [], "what was given up is not missed");

    store.delete_tag(name, &tag, &context(20 * DAY)).unwrap();
    let week = GcOptions { grace: SignedDuration::from_hours(7 * 24), ..options.clone() };
    collect(&fixture, &week, 26);
    let again = store.revision(name, first.id()).unwrap();
    store.tag(&again, &tag, &context(26 * DAY)).unwrap();
    store.delete_tag(name, &tag, &context(26 * DAY)).unwrap();
    collect(&fixture, &options, 40);
    assert_eq!(present(store, "blobs").len(), 1);
    assert_exact(&fixture);
}

#[test]
fn a_history_shortened_by_mistake_can_be_lengthened_within_the_grace_period() {
    let fixture = Fixture::new();
    let (store, name) = (&fixture.store, &fixture.preprod.name);
    for day in 0..4 {
        add(&fixture, day, fixture.package("hello", &format!("{day}"), "amd64", "a"));
    }
    let length = || store.history(name).count();
    assert_eq!(length(), 5);
    collect(&fixture, &without_grace(&fixture, KeepHistory::States(2)), 10);
    assert_eq!(length(), 2);
    let week =
        |keep| GcOptions { grace: SignedDuration::from_hours(7 * 24), ..without_grace(&fixture, keep) };
    collect(&fixture, &week(KeepHistory::Forever), 12);
    assert_eq!(length(), 5);
}

#[test]
fn what_cannot_be_read_ends_it_before_anything_goes() {
    let (fixture, signer) = (Fixture::new(), signer());
    add(&fixture, 0, fixture.package("hello", "1.0", "amd64", "a"));
    publish(&fixture, &signer, 0);
    let commit = fixture.store.head(&fixture.preprod.name).unwrap().unwrap().id();
    remove(&fixture, 1, "hello");
    publish(&fixture, &signer, 1);
    let id = commit.to_string();
    let root = fixture.store.root().to_owned();
    let record = files_below(&root.join("store/publications")).pop().unwrap();
    let files = || {
        let mut files = files_below(&root);
        files.retain(|file| !file.as_str().contains("/store/locks/"));
        files
    };
    for damaged in [root.join("store/objects").join(&id[..2]).join(&id[2..]), record] {
        let bytes = fs::read(&damaged).unwrap();
        fs::remove_file(&damaged).unwrap();
        fs::create_dir(&damaged).unwrap();
        let before = files();
        let_the_clock_tick();
        let options = without_grace(&fixture, KeepHistory::Forever);
        assert!(fixture.store.collect_garbage(&options, &context(9 * DAY)).is_err(), "{damaged}");
        assert_eq!(files(), before);
        fs::remove_dir(&damaged).unwrap();
        fs::write(&damaged, bytes).unwrap();
    }
}

#[test]
fn a_writer_keeps_what_came_since_it_began() {
    let fixture = Fixture::new();
    add(&fixture, 0, fixture.package("hello", "1.0", "amd64", "a"));
    // The fixture's store is still open and so is taken for one that writes.
    fixture
        .store
        .transact(&fixture.preprod.name, &context(DAY), |_| {
            Ok((repo_store::history::Operation::Other(String::new()), ()))
        })
        .unwrap();
    let blob = fixture.store.root().join("store/blobs/00").join("0".repeat(62));
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    fs::write(&blob, "a package whose commit is still on its way").unwrap();
    let_the_clock_tick();
    let other = Store::open(fixture.store.root()).unwrap();
    let options = without_grace(&fixture, KeepHistory::Forever);
    assert_eq!(other.collect_garbage(&options, &context(9 * DAY)).unwrap().removed, []);
    assert_eq!(collect(&fixture, &options, 9).removed.len(), 1, "it does not wait for itself");
}

/// One of the threads that others work beside: they end when the last of these has, be it by a panic.
struct AtWork<'a>(&'a std::sync::atomic::AtomicUsize);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    }
}

/// The content of packages comes and goes while it is collected: what is committed and published is there at all times.
#[test]
fn adding_removing_and_publishing_while_collecting_loses_nothing() {
    let (fixture, signer) = (Fixture::new(), signer());
    let root = fixture.store.root().to_owned();
    let files: Vec<Utf8PathBuf> =
        (0..4).map(|number| fixture.package(&format!("p{number}"), "1.0", "amd64", "x")).collect();
    let preprod = &fixture.preprod;
    let rounds = 25;
    let running = std::sync::atomic::AtomicUsize::new(3);
    std::thread::scope(|scope| {
        for half in 0..2_usize {
            let (root, files, running) = (&root, &files, &running);
            scope.spawn(move || {
                let _at_work = AtWork(running);
                for round in 0..rounds {
                    let file = &files[half * 2 + round % 2];
                    // Each opens the store again, as processes do.
                    let store = Store::open(root).unwrap();
                    let added = store
                        .add(preprod, std::slice::from_ref(file), &AddOptions::default(), &context(0))
                        .unwrap();
                    assert!(added.refused.is_empty(), "{:?}", added.refused);
                    let head = store.head(&preprod.name).unwrap().unwrap();
                    let key = &added.added[0].key;
                    let record = head.get(&suite("trixie"), key).unwrap().expect("it was just added");
                    store.blob_path(record.blob()).expect("what is committed is there");
                    let selectors = [key.package.as_str().parse().unwrap()];
                    let mut plan = store.plan_removal(preprod, &selectors, &[]).unwrap();
                    while let Err(error) = plan.apply(&store, &context(0)) {
                        assert_eq!(error.code(), "E-OUTDATED", "{error}");
                        plan = plan.rebase(&store).unwrap();
                    }
                }
            });
        }
        let (root, signer, running) = (&root, &signer, &running);
        scope.spawn(move || {
            let _at_work = AtWork(running);
            for _ in 0..rounds {
                let store = Store::open(root).unwrap();
                store.publish(preprod, signer, &context(0)).unwrap();
            }
        });
        scope.spawn(move || {
            while running.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                let store = Store::open(root).unwrap();
                let report = store.fsck(&FsckOptions::default(), &context(0)).unwrap();
                assert!(report.is_clean(), "a check takes what is collected for damage: {report:?}");
            }
        });
        let options = without_grace(&fixture, KeepHistory::States(1));
        scope.spawn(move || {
            let mut day = 10;
            while running.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                let store = Store::open(root).unwrap();
                store.collect_garbage(&options, &context(day * DAY)).unwrap();
                day += 1;
            }
        });
    });
    publish(&fixture, &signer, 0);
    let options = without_grace(&fixture, KeepHistory::States(1));
    collect(&fixture, &options, 1000);
    collect(&fixture, &options, 1001);
    assert_exact(&fixture);
}

/// The bytes of all files that a collection may remove, each counted once whatever its names.
fn bytes_of_files(store: &Store) -> u64 {
    let areas = ["public", "store/blobs", "store/objects", "store/manifests", "store/publications"];
    let areas = areas.map(|area| store.root().join(area));
    let files = areas.iter().filter(|area| area.exists()).flat_map(|area| files_below(area));
    let sizes = files.map(|path| path.symlink_metadata().unwrap()).filter(fs::Metadata::is_file);
    sizes.map(|status| (status.ino(), status.len())).collect::<BTreeMap<_, _>>().values().sum()
}

#[test]
fn what_is_freed_is_what_the_disk_gains() {
    let signer = signer();
    // The `Release` of a component is one file with a name in each publication, and may stay when some of them go.
    for publications in 2..7 {
        let fixture = Fixture::new();
        let options = without_grace(&fixture, KeepHistory::States(2));
        for day in 0..publications {
            add(&fixture, day, fixture.package("hello", &format!("{day}.0"), "amd64", "hello"));
            publish(&fixture, &signer, day);
        }
        remove(&fixture, publications, "hello=0.0");
        publish(&fixture, &signer, publications);
        for day in publications..publications + 3 {
            let planned = fixture.store.plan_gc(&options, &context(day * DAY)).unwrap();
            let before = bytes_of_files(&fixture.store);
            let done = collect(&fixture, &options, day);
            let freed = before - bytes_of_files(&fixture.store);
            assert_eq!(
                (done.freed, planned.freed()),
                (freed, freed),
                "{publications} publications, day {day}"
            );
        }
    }
}
