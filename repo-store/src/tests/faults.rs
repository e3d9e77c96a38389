//! Every operation, with a fault at each of its calls: an error, the death of the process, a power cut.
//!
//! Whatever happens: what was acknowledged is there, the check finds nothing wrong, and the operation can be given again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, SystemTime};

use apt_sign::{OpenPgpSigner, SecretKey};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use jiff::{SignedDuration, Timestamp};
use rustix::io::Errno;

use crate::context::Context;
use crate::error::{Error, HistoryError};
use crate::history::horizon::KeepHistory;
use crate::intent;
use crate::maintenance::fsck::{FsckOptions, Problem};
use crate::maintenance::gc::GcOptions;
use crate::model::name::{RepositoryName, TagName};
use crate::operations::import::AddOptions;
use crate::operations::incoming::IncomingOptions;
use crate::operations::keyring::KeyringContent;
use crate::operations::promotion::PromoteOptions;
use crate::operations::retention::RetentionRule;
use crate::publish::{Publication, Source};
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::storage::faults::plan::{Fault, Seen, with};
use crate::storage::faults::power::{Disk, Unsynced};
use crate::store::Store;
use crate::tests::packages;

const DAY: i64 = 24 * 60 * 60;

fn context(day: i64) -> Context {
    // In one thread the calls come in one order.
    Context::new("tester", Timestamp::from_second(1_790_000_000 + day * DAY).unwrap())
}

fn settings(name: &str) -> RepositorySettings {
    let suites = ["bookworm", "trixie"].map(|name| {
        SuiteSettings::new(SuiteName::parse(name).unwrap(), vec![Architecture::parse("amd64").unwrap()])
    });
    RepositorySettings::new(RepositoryName::parse(name).unwrap(), suites.to_vec())
}

/// A store as it is before an operation, and all that the operation needs.
struct World {
    directory: tempfile::TempDir,
    /// The store being operated on.
    root: Utf8PathBuf,
    preprod: RepositorySettings,
    prod: RepositorySettings,
    signer: OpenPgpSigner,
    /// What `root` is put back to.
    before: Option<Disk>,
    /// Of so many calls one is tried in an ordinary run.
    step: usize,
    /// What the next command does before anything else: it completes what is begun.
    next: fn(&World),
    /// What must hold at the end besides.
    last: fn(&World),
}

/// What a store holds: the records of every suite, the tags, and what clients see.
type State = BTreeMap<String, Vec<String>>;

impl World {
    fn new() -> Self {
        // In memory where there is such a place: syncing takes no time there.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().join("root");
        let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
        let signer = OpenPgpSigner::new(vec![SecretKey::generate("Test", created, None).unwrap()]).unwrap();
        Store::create(&root).unwrap();
        let (preprod, prod) = (settings("preprod"), settings("prod"));
        let world = Self {
            directory,
            root,
            preprod,
            prod,
            signer,
            before: None,
            step: 1,
            next: |_| {},
            last: |_| {},
        };
        world.add(0, "hello", "1.0").unwrap();
        world.promote(0).unwrap();
        world.add(1, "hello", "2.0").unwrap();
        world.add(2, "other", "1.0+deb12u1").unwrap();
        world
    }

    fn top(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    fn open(&self) -> Store {
        Store::open(&self.root).unwrap()
    }

    fn package(&self, name: &str, version: &str) -> Utf8PathBuf {
        packages::package(self.top(), name, version)
    }

    fn add(&self, day: i64, name: &str, version: &str) -> Result<(), Error> {
        let files = [self.package(name, version)];
        let _ = Store::open(&self.root)?.add(&self.preprod, &files, &AddOptions::default(), &context(day))?;
        Ok(())
    }

    fn write_upload(&self) {
        packages::upload(self.top());
    }

    fn add_upload(&self, day: i64) -> Result<(), Error> {
        self.write_upload();
        let files = [self.top().join("greeter.changes")];
        let _ = Store::open(&self.root)?.add(&self.preprod, &files, &AddOptions::default(), &context(day))?;
        Ok(())
    }

    fn promote(&self, day: i64) -> Result<(), Error> {
        let store = Store::open(&self.root)?;
        let options = PromoteOptions { everything: true, ..PromoteOptions::default() };
        let plan = store.plan_promotion(&self.preprod, &self.prod, &options)?;
        plan.apply(&store, &context(day)).map(drop)
    }

    fn remove(&self, day: i64) -> Result<(), Error> {
        let store = Store::open(&self.root)?;
        let plan = store.plan_removal(&self.preprod, &["hello=2.0".parse().unwrap()], &[])?;
        plan.apply(&store, &context(day)).map(drop)
    }

    fn publish(&self, day: i64) -> Result<(), Error> {
        Store::open(&self.root)?.publish(&self.preprod, &self.signer, &context(day)).map(drop)
    }

    fn collect(&self, day: i64) -> Result<(), Error> {
        let keep_history = BTreeMap::from([(self.preprod.name.clone(), KeepHistory::States(1))]);
        let options = GcOptions { grace: SignedDuration::ZERO, keep_history };
        Store::open(&self.root)?.collect_garbage(&options, &context(day)).map(drop)
    }

    fn state(&self) -> State {
        let store = self.open();
        let mut state = State::new();
        for settings in [&self.preprod, &self.prod, &settings("old")] {
            let name = &settings.name;
            if let Some(head) = store.head(name).unwrap() {
                for suite in head.commit().suites.keys() {
                    let records = head.records(suite).unwrap();
                    let keys = records.iter().map(|record| {
                        for file in record.kept_files().expect("what a record says can be read") {
                            store.blob_path(file.blob).expect("what is listed is there");
                        }
                        record.key().to_string()
                    });
                    state.insert(format!("{name}/{suite}"), keys.collect());
                }
            }
            let tags = store.tags(name).unwrap();
            let tags = tags.iter().map(|tag| format!("{} {}", tag.name, tag.commit)).collect();
            state.insert(format!("{name} tags"), tags);
            let shown = Publication::current(&store, name).unwrap();
            let commit = shown.iter().map(|shown| format!("{:?}", shown.commit));
            state.insert(format!("{name} shown"), commit.collect());
        }
        state
    }

    fn check(&self, moment: &str) {
        let store = self.open();
        for revision in store.history(&self.preprod.name) {
            let changes = revision.unwrap().changes();
            assert!(changes.is_ok(), "{moment}: {changes:?}");
        }
        let report = store.fsck(&FsckOptions::default(), &context(1000)).unwrap();
        // An index file gets its name before it is durable: it is read before it is used, even if this process made it.
        let garbage =
            |problem: &&Problem| problem.path.as_str().contains("/.by-hash/") && problem.affects.is_empty();
        let problems = report.problems.iter().filter(|problem| !garbage(problem));
        let problems: Vec<String> = problems.map(ToString::to_string).collect();
        assert_eq!(problems, [""; 0], "{moment}");
    }

    fn restore(&self) {
        self.put(self.before.as_ref().unwrap());
    }

    /// Makes the store what is durable of `disk`, and lets some time pass: what is as young as a collection stays.
    fn put(&self, disk: &Disk) {
        fs::remove_dir_all(&self.root).unwrap();
        disk.copy(&self.root);
        // The clock of the file system ticks every few milliseconds.
        let probe = self.root.with_extension("probe");
        let stamp = || {
            fs::write(&probe, "").unwrap();
            probe.metadata().unwrap().modified().unwrap()
        };
        let first = stamp();
        while stamp() <= first {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

type Operation = fn(&World) -> Result<(), Error>;

/// Lets every fault happen at every call of an operation.
fn survives(mut world: World, operation: Operation) {
    let step = if exhaustive() { 1 } else { world.step };
    world.before = Some(Disk::of(&world.root));
    let old = world.state();
    let (result, Seen { calls, .. }) = with(usize::MAX, Fault::Killed, None, || operation(&world));
    result.unwrap();
    let new = world.state();
    world.check("without a fault");

    for at in (0..calls).step_by(step) {
        for errno in some_of([Errno::IO, Errno::NOSPC], 1, at) {
            world.restore();
            let (result, seen) = with(at, Fault::Fails(errno), None, || operation(&world));
            let moment = format!("{errno:?} at {at} of {calls}, {:?}: {result:?}", seen.chosen);
            settled(&world, operation, &old, &new, result.is_ok(), &moment);
        }
    }
    // The call behind the last one is the end: all that was promised by then holds.
    for at in (0..calls).step_by(step).chain([calls]) {
        world.restore();
        let disk = Some(Disk::of(&world.root));
        let (result, seen) = with(at, Fault::Killed, disk, || operation(&world));
        let moment = format!("killed at {at} of {calls}, {:?}", seen.chosen);
        let disk = seen.disk.unwrap();
        let mixed = [1, 2, 3].map(|seed| Unsynced::Mixed(seed << 32 | at as u64));
        let cuts = [Unsynced::Lost, mixed[0], Unsynced::Empty, mixed[1], mixed[2]];
        let copies = some_of(cuts, 2, at).map(|unsynced| {
            let copy = world.top().join("cut");
            disk.after_a_cut(&copy, unsynced);
            let copied = Disk::of(&copy);
            fs::remove_dir_all(&copy).unwrap();
            (unsynced, copied)
        });
        let copies: Vec<_> = copies.collect();
        settled(&world, operation, &old, &new, result.is_ok(), &moment);
        for (unsynced, copy) in copies {
            world.put(&copy);
            let moment = format!("{moment}, then a power cut: {unsynced:?}");
            settled(&world, operation, &old, &new, result.is_ok(), &moment);
        }
    }
}

pub(super) fn exhaustive() -> bool {
    std::env::var_os("REPO_TEST_EXHAUSTIVE").is_some_and(|value| value == "1")
}

/// So many of these in turn; all of them with `REPO_TEST_EXHAUSTIVE=1`.
fn some_of<T, const N: usize>(all: [T; N], count: usize, turn: usize) -> impl Iterator<Item = T> {
    let chosen = move |place: usize| exhaustive() || (place + N - turn * count % N) % N < count;
    all.into_iter().enumerate().filter(move |(place, _)| chosen(*place)).map(|(_, one)| one)
}

/// What must hold after a fault, and after the operation was given again.
fn settled(world: &World, operation: Operation, old: &State, new: &State, done: bool, moment: &str) {
    world.check(moment);
    (world.next)(world);
    let state = world.state();
    assert!(state == *new || (state == *old && !done), "{moment}: {state:#?}");
    world.check(moment);
    operation(world).unwrap_or_else(|error| panic!("{moment}, then again: {error}"));
    assert_eq!(world.state(), *new, "{moment}, then again");
    world.check(&format!("{moment}, then again"));
    (world.last)(world);
}

#[test]
fn adding_survives_every_fault() {
    survives(World::new(), |world| world.add(5, "hello", "3.0"));
}

#[test]
fn adding_an_upload_survives_every_fault() {
    survives(World::new(), |world| world.add_upload(5));
}

#[test]
fn promoting_survives_every_fault() {
    survives(World::new(), |world| world.promote(5));
}

/// The package and its list are there before the commit that needs them, and a version that was begun is not passed over.
#[test]
fn bringing_a_keyring_survives_every_fault() {
    let bring = |world: &World| {
        let keyring = world.signer.keyring();
        let (binary, keys) = (keyring.binary().unwrap(), keyring.fingerprints());
        let content = KeyringContent { binary: &binary, keys: &keys };
        let store = Store::open(&world.root)?;
        let (plan, _) = store.add_keyring(&world.preprod, content, &context(5))?;
        assert_eq!(plan.version.as_str(), "2026.1");
        assert_eq!(store.keyring_versions(&world.preprod.name)?.len(), 1);
        Ok(())
    };
    // Building the package takes its time in a build for tests.
    let mut world = World::new();
    world.step = 7;
    survives(world, bring);
}

/// What is begun with one repository is completed with all of them, or with none.
#[test]
fn releasing_survives_every_fault() {
    let mut world = World::new();
    world.next = |world| _ = intent::complete_of(&world.open(), &world.prod.name).unwrap();
    survives(world, |world| {
        let store = Store::open(&world.root)?;
        let plan = store.plan_release(&world.preprod, &world.prod, Some(&settings("old")))?;
        plan.apply(&store, None, &context(5)).map(drop)
    });
}

#[test]
fn undoing_a_release_survives_every_fault() {
    let mut world = World::new();
    world.next = |world| _ = intent::complete_of(&world.open(), &world.prod.name).unwrap();
    let store = world.open();
    let plan = store.plan_release(&world.preprod, &world.prod, Some(&settings("old"))).unwrap();
    plan.apply(&store, None, &context(4)).unwrap();
    drop(store);
    survives(world, |world| {
        let store = Store::open(&world.root)?;
        // Given again, it has nothing left to undo.
        let is_undone = store.head(&world.prod.name)?.is_some_and(|head| head.commit().sequence == 3);
        if is_undone {
            Ok(())
        } else {
            store.plan_undo(&world.prod.name)?.apply(&store, &context(5)).map(drop)
        }
    });
}

#[test]
fn removing_survives_every_fault() {
    survives(World::new(), |world| world.remove(5));
}

#[test]
fn rolling_back_survives_every_fault() {
    survives(World::new(), |world| {
        let store = Store::open(&world.root)?;
        let target = store.resolve(&world.preprod.name, "1")?;
        store.plan_rollback(&target, &[])?.apply(&store, &context(5)).map(drop)
    });
}

#[test]
fn retention_survives_every_fault() {
    survives(World::new(), |world| {
        let rule = RetentionRule { keep_versions: Some(1), ..RetentionRule::default() };
        let store = Store::open(&world.root)?;
        let plan = store.plan_retention(&world.preprod, &[rule], context(5).now)?;
        plan.apply(&store, &context(5)).map(drop)
    });
}

#[test]
fn tagging_survives_every_fault() {
    survives(World::new(), |world| {
        let store = Store::open(&world.root)?;
        let revision = store.resolve(&world.preprod.name, "2")?;
        store.tag(&revision, &TagName::parse("second").unwrap(), &context(5)).map(drop)
    });
}

#[test]
fn deleting_a_tag_survives_every_fault() {
    let world = World::new();
    let tag = || TagName::parse("second").unwrap();
    let store = world.open();
    store.tag(&store.resolve(&world.preprod.name, "2").unwrap(), &tag(), &context(4)).unwrap();
    drop(store);
    survives(world, |world| {
        let tag = TagName::parse("second").unwrap();
        match Store::open(&world.root)?.delete_tag(&world.preprod.name, &tag, &context(5)) {
            Err(Error::History(HistoryError::UnknownTag { .. })) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    });
}

#[test]
fn publishing_survives_every_fault() {
    // Signing takes its time in a build for tests.
    let mut world = World::new();
    world.step = 7;
    world.publish(3).unwrap();
    world.remove(4).unwrap();
    survives(world, |world| world.publish(5));
}

/// What clients see was attested before, and what was attested and not shown is nothing that they miss.
#[test]
fn publishing_a_promotion_survives_every_fault() {
    fn publish(world: &World, day: i64) -> Result<(), Error> {
        Store::open(&world.root)?.publish(&world.prod, &world.signer, &context(day)).map(drop)
    }
    let mut world = World::new();
    world.step = 7;
    publish(&world, 3).unwrap();
    world.promote(4).unwrap();
    world.last = |world| {
        let report =
            world.open().check_attestations(&world.prod.name, world.signer.keyring(), context(6).now);
        let report = report.unwrap();
        assert!(report.findings.is_empty() && report.unpublished == 0 && report.good > 0, "{report:?}");
    };
    survives(world, |world| publish(world, 5));
}

/// Many publications are older than an hour, one of them has a tag, and clients see the present state. Whatever goes wrong, what may go is
/// gone in the end.
#[test]
fn taking_past_publications_away_survives_every_fault() {
    let mut world = World::new();
    world.step = 9;
    world.publish(3).unwrap();
    let store = world.open();
    let tag = TagName::parse("third").unwrap();
    store.tag(&store.resolve(&world.preprod.name, "3").unwrap(), &tag, &context(3)).unwrap();
    drop(store);
    world.add(3, "hello", "3.0").unwrap();
    for number in 0..26 {
        // Other settings make another publication.
        world.preprod.pdiffs = number;
        world.publish(3).unwrap();
    }
    let recorded = |world: &World| Publication::recorded(&world.open(), &world.preprod.name).unwrap();
    assert_eq!(recorded(&world).len(), 27);
    world.last = |world| {
        let (store, name) = (world.open(), &world.preprod.name);
        let recorded = Publication::recorded(&store, name).unwrap();
        let names = |path: &str| -> BTreeSet<String> {
            let entries = store.public(name).join(path).read_dir_utf8().unwrap();
            entries.map(|entry| entry.unwrap().file_name().to_owned()).collect()
        };
        let ids: BTreeSet<String> = recorded.iter().map(ToString::to_string).collect();
        assert_eq!(ids.len(), 17);
        assert_eq!(names(".publications"), ids);
        assert_eq!(names("snapshot"), ids.into_iter().chain(["third".to_owned()]).collect());
        assert!(store.public(name).join("snapshot/third/dists/trixie/InRelease").exists());
        let publications = recorded.iter().map(|id| Publication::read(&store, name, *id).unwrap().unwrap());
        let entries = publications.flat_map(|publication| publication.entries());
        let named = entries.filter(|entry| matches!(entry.source, Source::Index(_)));
        let named: BTreeSet<_> = named.map(|entry| entry.path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names(".by-hash/SHA256"), named);
    };
    survives(world, |world| world.publish(5));
}

#[test]
fn beginning_to_publish_flat_survives_every_fault() {
    let mut world = World::new();
    world.step = 7;
    world.publish(3).unwrap();
    world.preprod.flat = Some(SuiteName::parse("bookworm").unwrap());
    survives(world, |world| world.publish(5));
}

/// The folder lies beside the store and is put back with it.
#[test]
fn taking_an_upload_out_of_a_drop_folder_survives_every_fault() {
    let world = World::new();
    world.write_upload();
    let folder = world.root.join("drop");
    fs::create_dir(&folder).unwrap();
    for file in world.top().read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned()) {
        let name = file.file_name().unwrap();
        if name.starts_with("greeter") {
            fs::rename(&file, folder.join(name)).unwrap();
        }
    }
    survives(world, |world| {
        let options = IncomingOptions { patience: Duration::ZERO, ..IncomingOptions::default() };
        let folder = world.root.join("drop");
        let store = Store::open(&world.root)?;
        let taken = store.take_incoming(&world.preprod, &folder, &options, &context(1000))?;
        taken.report.refused.into_iter().try_for_each(|refused| Err(refused.error))?;
        let left: Vec<_> = folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap()).collect();
        assert!(left.is_empty() && taken.left.is_empty(), "{left:?} {:?}", taken.left);
        Ok(())
    });
}

#[test]
fn collecting_garbage_survives_every_fault() {
    let world = World::new();
    world.publish(3).unwrap();
    world.remove(4).unwrap();
    world.publish(5).unwrap();
    world.collect(10).unwrap();
    survives(world, |world| world.collect(20));
}
