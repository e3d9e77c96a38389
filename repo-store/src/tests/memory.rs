//! Every operation but those of a directory, on a store in memory: as it is, and with requests that fail, answers that get lost and stale
//! reads. Nothing is lost, nothing is made twice, and clients see all of a state or all of the one before.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apt_index::Encoding;
use apt_sign::Signer as _;
use camino::Utf8Path;
use deb_parse::{Architecture, PackageName, SourceName, SuiteName, Version};
use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::error::{Error, HistoryError};
use crate::history::revision::Revision;
use crate::maintenance::fsck::FsckOptions;
use crate::maintenance::gc::GcOptions;
use crate::model::approval::Approver;
use crate::model::hold::HoldKey;
use crate::model::name::{RepositoryName, TagName};
use crate::model::operation::{Operation, PackageSummary};
use crate::operations::import::AddOptions;
use crate::operations::incoming::IncomingOptions;
use crate::operations::keyring::KeyringContent;
use crate::operations::promotion::PromoteOptions;
use crate::operations::reissue::ReissueRequest;
use crate::operations::retention::RetentionRule;
use crate::publish::{Publication, PublishOptions, layout, target_of};
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::storage::{self, Fault, Faulty, Key, Memory, Request, Storage, StorageError};
use crate::store::Store;
use crate::tests::faults::exhaustive;
use crate::tests::packages;
use crate::tests::signer::RememberingSigner;

fn context(seconds: i64) -> Context {
    let now = Timestamp::from_second(seconds).unwrap();
    Context::new("tester", now)
}

fn settings(name: &str) -> RepositorySettings {
    let suite = SuiteName::parse("trixie").unwrap();
    let suite = SuiteSettings::new(suite, vec![Architecture::parse("amd64").unwrap()]);
    let mut settings = RepositorySettings::new(RepositoryName::parse(name).unwrap(), vec![suite]);
    // The other compressions take the most time by far.
    settings.encodings = vec![Encoding::Plain, Encoding::Gz];
    settings
}

/// A store and the packages to take in.
struct World {
    store: Store,
    directory: tempfile::TempDir,
    preprod: RepositorySettings,
    prod: RepositorySettings,
    signer: RememberingSigner,
}

/// One operation, at a time of its own.
type Step = fn(&World, i64) -> Result<(), Error>;

const STEPS: [Step; 29] = [
    |world, time| world.add("1.0", time),
    World::publish,
    |world, time| world.tag(time),
    |world, time| world.add("2.0", time),
    World::promote,
    World::publish,
    World::hold,
    World::lift_hold,
    World::remove,
    World::publish,
    World::undo_removal,
    World::add_upload,
    World::take_incoming,
    World::publish,
    World::roll_back,
    World::publish,
    World::reissue,
    World::publish,
    World::retain,
    World::release,
    World::undo_release,
    World::publish,
    World::delete_tag,
    World::collect,
    World::refresh,
    World::sign_again,
    World::approve_and_freeze,
    World::export_unsigned,
    World::add_keyring,
];

impl World {
    fn new(storage: impl Into<Storage>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        packages::upload(Utf8Path::from_path(directory.path()).unwrap());
        let (preprod, prod) = (settings("preprod"), settings("prod"));
        let store = Store::with_storage("none".into(), storage);
        Self { store, directory, preprod, prod, signer: RememberingSigner::new(0) }
    }

    /// The same packages, and an empty store.
    fn with(&mut self, storage: impl Into<Storage>) {
        self.store = Store::with_storage("none".into(), storage);
    }

    fn top(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    fn add(&self, version: &str, time: i64) -> Result<(), Error> {
        let files = [packages::package(self.top(), "hello", version)];
        self.store.add(&self.preprod, &files, &AddOptions::default(), &context(time))?.into_result()?;
        Ok(())
    }

    fn add_upload(&self, time: i64) -> Result<(), Error> {
        let files = [self.top().join("greeter.changes")];
        self.store.add(&self.preprod, &files, &AddOptions::default(), &context(time))?.into_result()?;
        Ok(())
    }

    /// Publishes each repository that has a state.
    fn publish(&self, time: i64) -> Result<(), Error> {
        for settings in [&self.preprod, &self.prod, &settings("old")] {
            if self.store.head(&settings.name)?.is_some() {
                self.store.publish(settings, &self.signer, &context(time))?;
            }
        }
        Ok(())
    }

    fn refresh(&self, time: i64) -> Result<(), Error> {
        let short = Some(SignedDuration::from_hours(1));
        let settings = RepositorySettings { valid_for: short, ..self.preprod.clone() };
        self.store.publish(&settings, &self.signer, &context(time))?;
        self.store.refresh_signatures(&settings, &self.signer, &context(time + 3000)).map(drop)
    }

    fn sign_again(&self, time: i64) -> Result<(), Error> {
        let options = PublishOptions::default();
        self.store.sign_again(&self.preprod, &self.signer, options, &context(time + 5000)).map(drop)
    }

    fn reissue(&self, time: i64) -> Result<(), Error> {
        let request = ReissueRequest {
            source: SourceName::parse("hello").unwrap(),
            bad: Some(Version::parse("2.0").unwrap()),
            good: Version::parse("1.0").unwrap(),
            suites: Vec::new(),
            accept: BTreeSet::new(),
            reason: None,
        };
        let plan = self.store.plan_reissue(&self.preprod, &request)?;
        if !plan.packages().is_empty() {
            plan.apply(&self.store, &context(time))?;
        }
        Ok(())
    }

    fn approve_and_freeze(&self, time: i64) -> Result<(), Error> {
        let selectors = ["hello".parse().unwrap()];
        let plan = self.store.plan_approval(&self.preprod.name, &selectors, false)?;
        plan.apply(&self.store, &Approver::user(1000, "tester"), &context(time))?;
        self.store.freeze(&self.prod.name, context(time + 1000).now, "trial", &context(time))?;
        self.store.thaw(&self.prod.name, &context(time)).map(drop)
    }

    /// What somebody else is to sign, of a state that clients do not see.
    fn export_unsigned(&self, time: i64) -> Result<(), Error> {
        let label = Some("Label".to_owned());
        let settings = RepositorySettings { label, ..self.preprod.clone() };
        let options = PublishOptions { allow_release_info_change: true, ..PublishOptions::default() };
        let (_, releases) =
            self.store.export_unsigned(&settings, &self.signer, options, &context(time + 5000))?;
        assert_eq!(releases.len(), 1);
        Ok(())
    }

    fn add_keyring(&self, time: i64) -> Result<(), Error> {
        let binary = self.signer.public_keys().unwrap().binary;
        let keys = self.signer.fingerprints();
        let content = KeyringContent { binary: &binary, keys: &keys };
        self.store.add_keyring(&self.prod, content, &context(time + 5000))?;
        self.store.publish(&self.prod, &self.signer, &context(time + 6000))?;
        self.store.note_published_keyring(&self.prod.name, &context(time + 7000))
    }

    /// One package in a drop folder. What was taken is gone from there when this is tried again.
    fn take_incoming(&self, time: i64) -> Result<(), Error> {
        let folder = self.top().join("incoming");
        let file = packages::package(self.top(), "dropped", "1.0");
        std::fs::create_dir_all(&folder).unwrap();
        let is_there = self.store.head(&self.preprod.name)?.is_some_and(|head| {
            let records = head.records(&self.preprod.suites[0].name).unwrap_or_default();
            records.iter().any(|record| record.key().package.as_str() == "dropped")
        });
        if !is_there {
            std::fs::copy(file, folder.join("dropped_1.0.deb")).unwrap();
        }
        let options = IncomingOptions { patience: Duration::ZERO, ..IncomingOptions::default() };
        let taken = self.store.take_incoming(&self.preprod, &folder, &options, &context(time))?;
        taken.report.into_result().map(drop)
    }

    fn tag(&self, time: i64) -> Result<(), Error> {
        let first = self.store.resolve(&self.preprod.name, "1")?;
        self.store.tag(&first, &TagName::parse("before").unwrap(), &context(time)).map(drop)
    }

    fn delete_tag(&self, time: i64) -> Result<(), Error> {
        let name = TagName::parse("before").unwrap();
        self.store.delete_tag(&self.preprod.name, &name, &context(time)).map(drop)
    }

    fn promote(&self, time: i64) -> Result<(), Error> {
        let options = PromoteOptions { everything: true, ..PromoteOptions::default() };
        let plan = self.store.plan_promotion(&self.preprod, &self.prod, &options)?;
        plan.apply(&self.store, &context(time)).map(drop)
    }

    fn hold(&self, time: i64) -> Result<(), Error> {
        let (package, version) = (PackageName::parse("hello").unwrap(), Version::parse("9").unwrap());
        let operation =
            Operation::Hold { packages: PackageSummary::new(&["hello 9".to_owned()]), reason: None };
        let (_, ()) = self.store.transact(&self.preprod.name, &context(time), |transaction| {
            let (package, version) = (package.clone(), version.clone());
            transaction.hold(HoldKey { package, version, architecture: None })?;
            Ok((operation.clone(), ()))
        })?;
        Ok(())
    }

    fn lift_hold(&self, time: i64) -> Result<(), Error> {
        let operation = Operation::Unhold(PackageSummary::new(&["hello 9".to_owned()]));
        let (_, _) = self.store.transact(&self.preprod.name, &context(time), |transaction| {
            Ok((operation.clone(), transaction.lift_holds(|_| true)))
        })?;
        Ok(())
    }

    fn remove(&self, time: i64) -> Result<(), Error> {
        let plan = self.store.plan_removal(&self.preprod, &["hello=2.0".parse().unwrap()], &[])?;
        plan.apply(&self.store, &context(time)).map(drop)
    }

    fn undo_removal(&self, time: i64) -> Result<(), Error> {
        let plan = self.store.plan_undo_removal(&self.preprod, &["hello".parse().unwrap()], &[])?;
        plan.apply(&self.store, &context(time)).map(drop)
    }

    fn roll_back(&self, time: i64) -> Result<(), Error> {
        let first = self.store.resolve(&self.preprod.name, "1")?;
        self.store.plan_rollback(&first, &[])?.apply(&self.store, &context(time)).map(drop)
    }

    fn retain(&self, time: i64) -> Result<(), Error> {
        let rules = [RetentionRule { keep_versions: Some(1), ..RetentionRule::default() }];
        let plan = self.store.plan_retention(&self.prod, &rules, context(time).now)?;
        plan.apply(&self.store, &context(time)).map(drop)
    }

    /// What it is made of is one change, so it is there as a whole or not at all.
    fn release(&self, time: i64) -> Result<(), Error> {
        self.store.complete_begun(&self.prod.name)?;
        let plan = self.store.plan_release(&self.preprod, &self.prod, Some(&settings("old")))?;
        plan.apply(&self.store, None, &context(time)).map(drop)
    }

    fn undo_release(&self, time: i64) -> Result<(), Error> {
        self.store.complete_begun(&self.prod.name)?;
        let is_released = |head: Revision<'_>| matches!(head.commit().operation, Operation::Release { .. });
        // Given again, it finds the undo, which is not to be undone.
        match self.store.head(&self.prod.name)?.is_some_and(is_released) {
            true => self.store.plan_undo(&self.prod.name)?.apply(&self.store, &context(time)).map(drop),
            false => Ok(()),
        }
    }

    fn collect(&self, time: i64) -> Result<(), Error> {
        let options = GcOptions { grace: SignedDuration::from_hours(1), ..GcOptions::default() };
        self.store.collect_garbage(&options, &context(time)).map(drop)
    }

    /// What users see: the number of commits, the packages, holds and tags.
    fn state(store: &Store) -> Vec<String> {
        let mut state = Vec::new();
        for settings in ["preprod", "prod", "old"].map(settings) {
            let Some(head) = store.head(&settings.name).unwrap() else { continue };
            let records = head.records(&settings.suites[0].name).unwrap();
            let keys = records.iter().map(|record| record.key());
            let packages = keys.map(|key| format!("{} {} {}", key.package, key.version, key.architecture));
            let holds = head.holds().unwrap();
            let holds = holds.iter().map(|hold| format!("hold {} {}", hold.key.package, hold.key.version));
            let tags = store.tags(&settings.name).unwrap().into_iter().map(|tag| tag.name.to_string());
            let words: Vec<String> = packages.chain(holds).chain(tags).collect();
            let seen = Self::seen(store, &settings);
            state.push(format!("{} {}: {}{seen}", settings.name, head.commit().sequence, words.join(", ")));
        }
        state
    }

    /// What clients see of a repository. Everything that they are told of is there.
    fn seen(store: &Store, settings: &RepositorySettings) -> String {
        let target = &*target_of(store, &settings.name);
        let Some(id) = Publication::shown(target).unwrap() else { return String::new() };
        let shown = Publication::current(store, &settings.name).unwrap().unwrap();
        assert!(target.missing(&shown).unwrap().count() == 0, "{} {id}", settings.name);
        let path = layout::dists_of(id).join("trixie/main/binary-amd64/Packages");
        let text = String::from_utf8(target.open(&path).unwrap().unwrap().read().unwrap()).unwrap();
        let field = |name: &str| text.lines().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>();
        for (file, size) in field("Filename: ").into_iter().zip(field("Size: ")) {
            assert!(target.has(file.into(), size.parse().unwrap()).unwrap(), "{file}");
        }
        let versions = field("Package: ").into_iter().zip(field("Version: "));
        let versions: Vec<String> = versions.map(|(name, version)| format!("{name} {version}")).collect();
        format!(" -> {}", if versions.is_empty() { "nothing".to_owned() } else { versions.join(", ") })
    }

    /// Takes every step, again as long as it fails, and compares what users see after it with what they saw when nothing went wrong.
    fn go(&self, memory: &Memory, expected: &[Vec<String>], fault: &str) {
        for (number, (step, expected)) in STEPS.iter().zip(expected).enumerate() {
            let time = i64::try_from(number).unwrap() * 1000;
            // Somebody who tries again does so later.
            let undisturbed = Store::with_storage("none".into(), memory.clone());
            let is_done = (0..200).any(|attempt| match step(self, time + attempt) {
                Err(Error::History(HistoryError::UnknownTag { .. })) => attempt > 0,
                Err(_) => {
                    Self::state(&undisturbed);
                    false
                }
                Ok(()) => true,
            });
            assert!(is_done, "step {number} with {fault}");
            let state = Self::state(&undisturbed);
            assert_eq!(&state, expected, "after step {number} with {fault}");
        }
        let store = Store::with_storage("none".into(), memory.clone());
        let report = store.fsck(&FsckOptions::default(), &context(100_000)).unwrap();
        assert!(report.is_clean(), "{fault}: {:?}", report.problems);
        let announced: BTreeSet<_> =
            store.operations().unwrap().iter().filter_map(|line| line.after).collect();
        for settings in [&self.preprod, &self.prod] {
            for revision in store.history(&settings.name) {
                let revision = revision.unwrap();
                let is_root = revision.commit().parent.is_none();
                assert!(is_root || announced.contains(&revision.id()), "{fault}: a commit is not in the log");
            }
        }
    }
}

/// What users see after each step when nothing goes wrong, and how many requests that takes.
fn undisturbed(world: &mut World) -> (Vec<Vec<String>>, u64) {
    let memory = Memory::default();
    let faulty = Faulty::new(memory.clone().into(), |_, _| None);
    world.with(faulty.clone());
    let mut states = Vec::new();
    for (number, step) in STEPS.iter().enumerate() {
        step(world, i64::try_from(number).unwrap() * 1000).unwrap();
        states.push(World::state(&Store::with_storage("none".into(), memory.clone())));
    }
    (states, faulty.requests())
}

#[test]
fn a_store_in_memory_runs_every_operation_and_collects() {
    let memory = Memory::default();
    let mut world = World::new(memory.clone());
    let (expected, _) = undisturbed(&mut world);
    // Of each state, what the step changed.
    let before = [Vec::new()].into_iter().chain(expected.iter().cloned());
    let changed = expected.iter().zip(before).map(|(state, before)| {
        let new: Vec<&str> = state.iter().filter(|one| !before.contains(one)).map(String::as_str).collect();
        if new.is_empty() { "the same".to_owned() } else { new.join("; ") }
    });
    insta::assert_snapshot!(changed.collect::<Vec<_>>().join("\n"));
    world.with(memory.clone());
    world.go(&memory, &expected, "no fault");
    let store = world.store;
    let options = GcOptions { grace: SignedDuration::from_hours(1), ..GcOptions::default() };
    let collect = || store.collect_garbage(&options, &context(0)).unwrap();
    memory.advance(SignedDuration::from_hours(2));
    let removed = collect().removed;
    let count = |area: &str| removed.iter().filter(|gone| gone.path.starts_with(area)).count();
    assert_eq!(
        (count("store/objects"), count("public/preprod/.by-hash"), removed.len()),
        (2, 2, 4),
        "by which the release and its undo could have been taken back, and what was exported: {removed:?}"
    );
    let garbage = Key::named("blobs", &format!("00/{}", "1".repeat(62)));
    store.storage().objects().put(&garbage, b"nothing leads here").unwrap();
    assert_eq!(collect().removed, [], "it is young");
    memory.advance(SignedDuration::from_hours(2));
    let other = Store::with_storage("other".into(), memory.clone());
    other.storage().objects().touch(&garbage).unwrap();
    memory.advance(SignedDuration::from_hours(2));
    assert_eq!(collect().removed, [], "another writer touched it and is still at work");
    drop(other);
    let collected = collect();
    assert_eq!((collected.removed.len(), collected.freed), (1, 18));
    assert!(store.fsck(&FsckOptions::default(), &context(100_000)).unwrap().is_clean());
}

#[test]
fn a_lost_package_is_found_missing_in_a_store_in_memory() {
    let world = World::new(Memory::default());
    world.add("1.0", 0).unwrap();
    let store = world.store;
    let blob =
        store.head(&world.preprod.name).unwrap().unwrap().records(&world.preprod.suites[0].name).unwrap()[0]
            .blob();
    store.manifest(blob).unwrap();
    assert!(matches!(store.blob_path(blob), Err(Error::Storage(StorageError::NotLocal))));
    let blobs = storage::object_store::list(store.storage().objects(), "blobs").unwrap();
    store.storage().objects().delete(&blobs[0].0).unwrap();
    let report = store.fsck(&FsckOptions::default(), &context(0)).unwrap();
    assert_eq!(report.problems[0].path, format!("store/{}", blobs[0].0));
}

#[test]
fn what_is_lost_or_damaged_of_a_published_tree_in_memory_is_found_and_published_again() {
    let memory = Memory::default();
    let world = World::new(memory.clone());
    world.add("1.0", 0).unwrap();
    world.publish(1).unwrap();
    let problems = || {
        let report = world.store.fsck(&FsckOptions::default(), &context(10)).unwrap();
        report
            .problems
            .iter()
            .map(|problem| format!("{:?} {}", problem.kind, problem.path))
            .collect::<Vec<_>>()
    };
    assert_eq!(problems(), [""; 0]);
    let target = &*target_of(&world.store, &world.preprod.name);
    let is_index =
        |path: &Utf8Path| target.open(path).unwrap().unwrap().read().unwrap().starts_with(b"Package: ");
    let indices = target.below(layout::INDICES.into()).unwrap();
    let index = indices.into_iter().map(|file| file.path).find(|path| is_index(path)).unwrap();
    let pool = target.below(layout::POOL.into()).unwrap()[0].path.clone();
    let key = |path: &Utf8Path| Key::published("preprod", path);
    let objects = world.store.storage().objects();
    let bytes = objects.get(&key(&index)).unwrap().unwrap();
    objects.delete(&key(&index)).unwrap();
    objects.put(&key(&index), &vec![b'x'; bytes.len()]).unwrap();
    objects.delete(&key(&pool)).unwrap();
    objects.put(&key("pool/main/s/stray_1_all.deb".into()), b"nobody put it there").unwrap();
    insta::assert_snapshot!(problems().join("\n").replace(index.as_str(), "INDEX"), @"
    Damaged public/preprod/INDEX
    Missing public/preprod/pool/main/h/hello/hello_1.0_amd64.deb
    Stray public/preprod/pool/main/s/stray_1_all.deb
    ");
    let changed = RepositorySettings { label: Some("Label".to_owned()), ..world.preprod.clone() };
    let options =
        PublishOptions { check_all: true, allow_release_info_change: true, ..PublishOptions::default() };
    world.store.publish_with(&changed, &world.signer, options, &context(20)).unwrap();
    assert_eq!(problems(), ["Stray public/preprod/pool/main/s/stray_1_all.deb"]);
    // Garbage collection walks the pool when a publication goes.
    memory.advance(SignedDuration::from_hours(2));
    let options = GcOptions { grace: SignedDuration::from_hours(1), ..GcOptions::default() };
    let collected = world.store.collect_garbage(&options, &context(7200)).unwrap();
    let gone: Vec<&str> = collected.removed.iter().map(|gone| gone.path.as_str()).collect();
    assert!(gone.contains(&"public/preprod/pool/main/s/stray_1_all.deb"), "{gone:?}");
    assert!(gone.contains(&"store/publications/preprod/19700101T000001Z"), "{gone:?}");
    assert_eq!(problems(), [""; 0]);
}

#[test]
fn one_fault_at_any_request_loses_nothing_and_makes_nothing_twice() {
    let mut world = World::new(Memory::default());
    let (expected, requests) = undisturbed(&mut world);
    assert!(requests > 100, "only {requests} requests");
    let step = if exhaustive() { 1 } else { usize::try_from(requests).unwrap() / 40 };
    for fault in [Fault::Refused, Fault::AnswerLost] {
        for at in (0..requests).step_by(step) {
            let memory = Memory::default();
            let choose = move |number, _| (number == at).then_some(fault);
            world.with(Faulty::new(memory.clone().into(), choose));
            world.go(&memory, &expected, &format!("{fault:?} at {at}"));
        }
    }
}

/// A number that looks random and is always the same (SplitMix64). Without the mixing, an attempt with an unlucky number of requests would
/// meet the same faults each time.
fn random(number: u64, seed: u64) -> u64 {
    let mut mixed = (number + 1 + seed * 1_000_003).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)) >> 33
}

#[test]
fn many_faults_lose_nothing_and_make_nothing_twice() {
    let mut world = World::new(Memory::default());
    let (expected, _) = undisturbed(&mut world);
    for seed in 0..16_u64 {
        let memory = Memory::default();
        let choose = move |number: u64, _| match random(number, seed) % 240 {
            0 => Some(Fault::Refused),
            1 => Some(Fault::AnswerLost),
            2 | 3 => Some(Fault::Stale),
            _ => None,
        };
        world.with(Faulty::new(memory.clone().into(), choose));
        world.go(&memory, &expected, &format!("seed {seed}"));
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_found_though_reading_shows_the_state_before() {
    let memory = Memory::default();
    let (change, stale) = (AtomicU64::new(0), AtomicU64::new(0));
    let armed = Arc::new(AtomicU64::new(0));
    let is_armed = armed.clone();
    let faulty = Faulty::new(memory.clone().into(), move |_, request| {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        match request {
            _ if is_armed.load(Ordering::Relaxed) == 0 => None,
            Request::ChangeReference => (count(&change) == 0).then_some(Fault::AnswerLost),
            Request::ReadReference if change.load(Ordering::Relaxed) > 0 => {
                (count(&stale) < 7).then_some(Fault::Stale)
            }
            _ => None,
        }
    });
    let world = World::new(faulty);
    world.add("1.0", 0).unwrap();
    world.add("2.0", 1).unwrap();
    let plan = world.store.plan_removal(&world.preprod, &["hello=2.0".parse().unwrap()], &[]).unwrap();
    armed.store(1, Ordering::Relaxed);
    let committed = plan.apply(&world.store, &context(2)).unwrap();
    let head = Store::with_storage("none".into(), memory);
    let head = head.head(&world.preprod.name).unwrap().unwrap();
    assert_eq!((Some(head.id()), head.commit().sequence), (committed.commit, 3));
}

#[test]
fn writers_whose_answers_get_lost_each_make_their_changes_once() {
    let memory = Memory::default();
    let files = World::new(memory.clone());
    let version = |writer: u64, change: u64| format!("{}.{change}", writer + 1);
    for writer in 0..3 {
        (0..6).for_each(|change| drop(packages::package(files.top(), "hello", &version(writer, change))));
    }
    let answers = std::thread::scope(|scope| {
        let writers = (0..3_u64).map(|writer| {
            let (memory, files) = (memory.clone(), &files);
            scope.spawn(move || {
                let choose = move |number: u64, request| match request {
                    Request::ChangeReference if !random(number, writer).is_multiple_of(3) => {
                        Some(Fault::AnswerLost)
                    }
                    Request::ReadReference if !random(number, writer).is_multiple_of(2) => Some(Fault::Stale),
                    _ => None,
                };
                let store = Store::with_storage("none".into(), Faulty::new(memory.into(), choose));
                let add = |change: u64| {
                    let files = [packages::package(files.top(), "hello", &version(writer, change))];
                    let settings = settings("preprod");
                    // What another writer keeps may be in doubt as well: a clean error, and again.
                    (0..50).find_map(|attempt| {
                        let time = i64::try_from(change * 100 + attempt).unwrap();
                        let report =
                            store.add(&settings, &files, &AddOptions::default(), &context(time)).ok()?;
                        report.into_result().ok()
                    })
                };
                (0..6).map(|change| add(change).is_some()).collect::<Vec<_>>()
            })
        });
        let writers: Vec<_> = writers.collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(answers, [true; 18]);
    let head = files.store.head(&files.preprod.name).unwrap().unwrap();
    assert_eq!(head.commit().sequence, 18, "each package came in one commit");
    assert_eq!(head.records(&files.preprod.suites[0].name).unwrap().len(), 18);
    assert!(files.store.fsck(&FsckOptions::default(), &context(0)).unwrap().is_clean());
}

#[test]
fn a_clock_that_is_wrong_lets_garbage_collection_take_nothing_that_is_needed() {
    let world = World::new(Memory::default());
    let years = 20 * 365 * 24;
    for by in [SignedDuration::from_hours(years), SignedDuration::from_hours(-years)] {
        let memory = Memory::default();
        memory.advance(SignedDuration::from_hours(2 * years));
        let skewed = move |_, request| (request == Request::Clock).then_some(Fault::Skewed(by));
        let collector = Store::with_storage("none".into(), Faulty::new(memory.clone().into(), skewed));
        let writer = Store::with_storage("none".into(), memory.clone());
        let file = [packages::package(world.top(), "hello", "1.0")];
        writer
            .add(&world.preprod, &file, &AddOptions::default(), &context(0))
            .unwrap()
            .into_result()
            .unwrap();
        let unreferenced = Key::object("blobs", &"1".repeat(64));
        writer.storage().objects().put(&unreferenced, b"not referred to yet").unwrap();
        for seconds in [0, 1_790_000_000] {
            let report = collector.collect_garbage(&GcOptions::default(), &context(seconds)).unwrap();
            assert_eq!(report.removed, [], "its writer is at work: {by}");
        }
        assert!(writer.storage().objects().contains(&unreferenced).unwrap());
        drop(writer);
        let store = Store::with_storage("none".into(), memory);
        assert_eq!(World::state(&store), ["preprod 1: hello 1.0 amd64"]);
    }
}
