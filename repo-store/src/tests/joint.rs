//! Changes of several repositories: as a whole or not at all, also when others come in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apt_sign::{OpenPgpSigner, SecretKey};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use jiff::{SignedDuration, Timestamp};

use crate::context::{ActorSigner, ActorVerifier, Context};
use crate::document::Kept;
use crate::error::{ChangeError, Error, HistoryError};
use crate::intent::{self, End, Intent, RefChange};
use crate::joint::{Step, transact_jointly};
use crate::maintenance::fsck::{CopySource, FsckOptions, ProblemKind};
use crate::maintenance::gc::GcOptions;
use crate::model::commit::Commit;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::operations::import::AddOptions;
use crate::operations::keyring::KeyringContent;
use crate::operations::promotion::PromoteOptions;
use crate::operations::retention::RetentionRule;
use crate::publish::PublishOptions;
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::store::Store;
use crate::tests::packages;
use crate::transaction::Transaction;

fn context(seconds: i64) -> Context {
    Context::new("tester", Timestamp::from_second(1_790_000_000 + seconds).unwrap())
}

fn name(name: &str) -> RepositoryName {
    RepositoryName::parse(name).unwrap()
}

fn settings(repository: &str) -> RepositorySettings {
    let suite = SuiteSettings::new(suite(), vec![Architecture::parse("amd64").unwrap()]);
    RepositorySettings::new(name(repository), vec![suite])
}

fn suite() -> SuiteName {
    SuiteName::parse("trixie").unwrap()
}

/// A store with `beta`, which has hello 2.0, and `stable`, which has hello 1.0.
struct World {
    directory: tempfile::TempDir,
    store: Store,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&Utf8Path::from_path(directory.path()).unwrap().join("root")).unwrap();
        let world = Self { directory, store };
        world.add("stable", "hello", "1.0", 0);
        world.add("beta", "hello", "2.0", 1);
        world
    }

    fn top(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    fn add(&self, repository: &str, package: &str, version: &str, seconds: i64) {
        let files = [packages::package(self.top(), package, version)];
        let options = AddOptions::default();
        let added = self.store.add(&settings(repository), &files, &options, &context(seconds)).unwrap();
        added.into_result().unwrap();
    }

    fn release(&self, seconds: i64) -> Result<BTreeMap<RepositoryName, CommitId>, Error> {
        let (beta, stable, old) = (settings("beta"), settings("stable"), settings("oldstable"));
        self.store.complete_begun(&stable.name)?;
        let plan = self.store.plan_release(&beta, &stable, Some(&old))?;
        plan.apply(&self.store, None, &context(seconds))
    }

    /// What each of the repositories that a release changes holds.
    fn held(&self) -> BTreeMap<String, Vec<String>> {
        let held = |repository: &str| {
            let head = self.store.head(&name(repository)).unwrap();
            let holds = head.map(|head| head.holds().unwrap()).unwrap_or_default();
            holds.iter().map(|hold| format!("{} in {:?}", hold.key, hold.suites)).collect()
        };
        ["stable", "oldstable"].map(|repository| (repository.to_owned(), held(repository))).into()
    }

    fn state(&self) -> BTreeMap<String, Vec<String>> {
        state(&self.store)
    }

    /// Writes down what a release is to do, and does nothing of it.
    fn begin(&self) -> Intent {
        self.begin_as(true)
    }

    /// The same. Earlier versions did not write the commit that takes a change back beforehand.
    fn begin_as(&self, has_way_back: bool) -> Intent {
        let before = |repository| self.store.head(&name(repository)).unwrap();
        let (stable, beta) = (before("stable").unwrap(), before("beta").unwrap());
        let objects = self.store.objects();
        let together = BTreeMap::from([(name("oldstable"), None), (name("stable"), Some(stable.id()))]);
        let commit = |parent, sequence, suites: &Commit| Commit {
            parent: Some(parent),
            sequence,
            date: context(9).now,
            actor: "tester".to_owned(),
            operation: Operation::parse("release from beta: hello 2.0 amd64"),
            holds: None,
            together: together.clone(),
            gates_met: Vec::new(),
            gate_override: None,
            approved: Vec::new(),
            suites: suites.suites.clone(),
            signature: None,
        };
        let root = Commit::root(&context(9)).write(&objects).unwrap();
        let first = commit(root, 1, stable.commit()).write(&objects).unwrap();
        let second = commit(stable.id(), 2, beta.commit()).write(&objects).unwrap();
        let back = intent::taking_back(&self.store, first, &Commit::read(&objects, first).unwrap()).unwrap();
        let back = back.filter(|_| has_way_back).map(|back| back.write(&objects).unwrap());
        let first = RefChange { repository: name("oldstable"), before: None, after: first, back };
        let (before, repository) = (Some(stable.id()), name("stable"));
        let second = RefChange { repository, before, after: second, back: None };
        self.store.storage().objects().sync().unwrap();
        let intent = Intent { changes: vec![first, second] };
        let id = intent.changes[0].after.to_string();
        let mut kept = Kept::<Intent>::load(self.store.storage(), &id).unwrap();
        kept.changes.clone_from(&intent.changes);
        assert!(kept.save(self.store.storage()).unwrap());
        intent
    }

    fn assert_settled(&self) {
        assert!(intent::announced(&self.store).unwrap().is_empty(), "an intent is left");
        let report = self.store.fsck(&FsckOptions::default(), &context(99)).unwrap();
        assert!(report.is_clean(), "{:?}", report.problems);
    }
}

/// The packages of each repository.
fn state(store: &Store) -> BTreeMap<String, Vec<String>> {
    let packages = |repository: &str| {
        let head = store.head(&name(repository)).unwrap();
        let records = head.map(|head| head.records(&suite()).unwrap()).unwrap_or_default();
        records.iter().map(|record| format!("{} {}", record.key().package, record.key().version)).collect()
    };
    ["beta", "stable", "oldstable"].map(|repository| (repository.to_owned(), packages(repository))).into()
}

fn expected(beta: &[&str], stable: &[&str], oldstable: &[&str]) -> BTreeMap<String, Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    [("beta", beta), ("stable", stable), ("oldstable", oldstable)]
        .map(|(name, packages)| (name.to_owned(), words(packages)))
        .into()
}

#[test]
fn a_release_moves_two_repositories_and_an_undo_of_either_takes_back_both() {
    for undone in ["stable", "oldstable"] {
        let world = World::new();
        let before = world.state();
        let commits = world.release(10).unwrap();
        assert_eq!(commits.len(), 2);
        assert_eq!(world.state(), expected(&["hello 2.0"], &["hello 2.0"], &["hello 1.0"]));
        assert!(world.release(11).unwrap().is_empty(), "there is nothing left to release");
        let plan = world.store.plan_undo(&name(undone)).unwrap();
        assert_eq!(plan.together().len(), 1);
        assert_eq!(plan.apply(&world.store, &context(12)).unwrap().len(), 2);
        assert_eq!(world.state(), before, "{undone}");
        // To undo the undo is to release again.
        let plan = world.store.plan_undo(&name("stable")).unwrap();
        assert_eq!(plan.apply(&world.store, &context(13)).unwrap().len(), 2);
        assert_eq!(world.state(), expected(&["hello 2.0"], &["hello 2.0"], &["hello 1.0"]));
        world.assert_settled();
    }
}

#[test]
fn the_undo_of_a_release_holds_in_each_repository_what_it_takes_out_there() {
    let world = World::new();
    world.release(10).unwrap();
    assert_eq!(world.held(), BTreeMap::from(["oldstable", "stable"].map(|name| (name.to_owned(), vec![]))));
    let undo = |seconds| {
        let plan = world.store.plan_undo(&name("stable")).unwrap();
        let told = plan.holds(&context(seconds));
        plan.apply(&world.store, &context(seconds)).unwrap();
        (told.0.len(), told.1.len())
    };
    assert_eq!(undo(11), (1, 0));
    let held = |version| vec![format!("hello {version} amd64 in {:?}", BTreeSet::from([suite()]))];
    assert_eq!(world.held()["stable"], held("2.0"));
    assert_eq!(world.held()["oldstable"], held("1.0"));
    // A promotion does not bring it back.
    for (from, to) in [("beta", "stable"), ("stable", "oldstable")] {
        let options = PromoteOptions { everything: true, ..PromoteOptions::default() };
        let plan = world.store.plan_promotion(&settings(from), &settings(to), &options).unwrap();
        assert_eq!((plan.changes().iter().count(), plan.held().len()), (0, 1), "{to}");
    }
    // Undoing the undo lifts the holds, and so does the next release.
    assert_eq!(undo(12), (0, 1));
    assert!(world.held().values().all(Vec::is_empty), "{:?}", world.held());
    assert_eq!(undo(13), (1, 0));
    assert_eq!(world.release(14).unwrap().len(), 2);
    assert_eq!(world.state(), expected(&["hello 2.0"], &["hello 2.0"], &["hello 1.0"]));
    assert!(world.held().values().all(Vec::is_empty), "{:?}", world.held());
    world.assert_settled();
}

#[test]
fn a_release_is_not_undone_in_part() {
    let world = World::new();
    world.release(10).unwrap();
    world.add("oldstable", "other", "1.0", 11);
    let refused = world.store.plan_undo(&name("stable")).unwrap_err();
    let Error::History(HistoryError::ChangedSince { other, .. }) = refused else { panic!("{refused}") };
    assert_eq!(other, name("oldstable"));
}

#[test]
fn what_a_repository_holds_out_is_not_released() {
    let world = World::new();
    world.add("beta", "other", "1.0", 5);
    world.add("stable", "other", "1.0", 6);
    let selector = ["other".parse().unwrap()];
    world
        .store
        .plan_removal(&settings("stable"), &selector, &[])
        .unwrap()
        .apply(&world.store, &context(7))
        .unwrap();
    let plan = world.store.plan_release(&settings("beta"), &settings("stable"), None).unwrap();
    assert_eq!(plan.moves()[0].held().len(), 1);
    assert_eq!(plan.apply(&world.store, None, &context(8)).unwrap().len(), 1);
    assert_eq!(world.state(), expected(&["hello 2.0", "other 1.0"], &["hello 2.0"], &[]));
    world.assert_settled();
}

#[test]
fn a_plan_that_is_outdated_releases_nothing() {
    for changed in ["beta", "stable", "oldstable"] {
        let world = World::new();
        let old = settings("oldstable");
        let plan = world.store.plan_release(&settings("beta"), &settings("stable"), Some(&old)).unwrap();
        world.add(changed, "other", "1.0", 5);
        let before = world.state();
        let refused = plan.apply(&world.store, None, &context(10)).unwrap_err();
        assert!(matches!(refused, Error::Change(ChangeError::Outdated { .. })), "{changed}: {refused}");
        assert_eq!(world.state(), before, "{changed}");
        plan.rebase(&world.store).unwrap().apply(&world.store, None, &context(11)).unwrap();
        assert_eq!(world.state()["stable"], world.state()["beta"]);
        world.assert_settled();
    }
}

#[test]
fn whoever_comes_next_completes_what_was_begun() {
    type Next = fn(&World);
    let steps: [(&str, Next); 2] = [
        ("adding to one of them", |world| world.add("oldstable", "other", "1.0", 20)),
        ("releasing", |world| drop(world.release(20))),
    ];
    for (what, step) in steps {
        let world = World::new();
        world.begin();
        step(&world);
        assert_eq!(world.state()["stable"], ["hello 2.0"], "{what}");
        assert!(world.state()["oldstable"].contains(&"hello 1.0".to_owned()), "{what}");
        world.assert_settled();
    }
    // Who has nothing to do with it does not touch it.
    let world = World::new();
    world.begin();
    world.add("beta", "other", "1.0", 20);
    assert_eq!(world.state()["stable"], ["hello 1.0"]);
}

/// Every file and link of the store, with its content or where it leads. Locks are left out: looking takes some.
fn files(world: &World) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
    let (mut files, mut directories) = (BTreeMap::new(), vec![world.store.root().to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            let kind = path.symlink_metadata().unwrap().file_type();
            match () {
                () if kind.is_symlink() => {
                    drop(
                        files.insert(path.clone(), path.read_link_utf8().unwrap().into_string().into_bytes()),
                    );
                }
                () if kind.is_dir() && !path.ends_with("store/locks") => {
                    files.insert(path.clone(), b"directory".to_vec());
                    directories.push(path);
                }
                () if kind.is_dir() => {}
                () => drop(files.insert(path.clone(), std::fs::read(&path).unwrap())),
            }
        }
    }
    files
}

/// Makes each plan that there is, and returns those that are refused because something is begun.
fn unfinished_plans(world: &World, signer: &OpenPgpSigner, backup: &Utf8Path) -> BTreeSet<&'static str> {
    let (store, context) = (&world.store, context(50));
    let [beta, stable, old] = ["beta", "stable", "oldstable"].map(settings);
    let all = PromoteOptions { everything: true, ..PromoteOptions::default() };
    let hello = ["hello".parse().unwrap()];
    let rules = [RetentionRule { keep_versions: Some(1), ..RetentionRule::default() }];
    let first = store.resolve(&stable.name, "0").unwrap();
    let keyring = signer.keyring();
    let (binary, keys) = (keyring.binary().unwrap(), keyring.fingerprints());
    let content = KeyringContent { binary: &binary, keys: &keys };
    let publishing = PublishOptions::default();
    let fresh = world.top().join("fresh");
    let file = [packages::package(world.top(), "new", "1.0")];
    let plans = [
        ("import", store.plan_import(&stable, &file, &AddOptions::default(), &context).map(drop)),
        ("promotion", store.plan_promotion(&beta, &stable, &all).map(drop)),
        ("removal", store.plan_removal(&stable, &hello, &[]).map(drop)),
        ("undo of a removal", store.plan_undo_removal(&stable, &hello, &[]).map(drop)),
        ("retention", store.plan_retention(&stable, &rules, context.now).map(drop)),
        ("rollback", store.plan_rollback(&first, &[]).map(drop)),
        ("approval", store.plan_approval(&stable.name, &hello, false).map(drop)),
        ("keyring", store.plan_keyring(&stable, content, &context).map(drop)),
        ("publication", store.plan_publication(&stable, signer, publishing, &context).map(drop)),
        ("signing", store.plan_signing_again(&stable, signer, publishing, &context).map(drop)),
        ("gc", store.plan_gc(&GcOptions::default(), &context).map(drop)),
        ("backup", store.plan_backup(&fresh, &[]).map(drop)),
        ("restoration", Store::plan_restore(backup, &fresh).map(drop)),
        ("release", store.plan_release(&beta, &stable, Some(&old)).map(drop)),
        ("undo", store.plan_undo(&stable.name).map(drop)),
    ];
    let refused = plans.into_iter().filter_map(|(name, plan)| match plan {
        Ok(()) => None,
        Err(Error::History(HistoryError::Unfinished { .. })) => Some(name),
        Err(error) => panic!("{name}: {error}"),
    });
    let refused = refused.collect();
    assert!(!fresh.exists());
    refused
}

#[test]
fn no_plan_writes_anything_even_if_a_change_is_not_complete() {
    let created = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_780_000_000);
    let signer = OpenPgpSigner::new(vec![SecretKey::generate("Test", created, None).unwrap()]).unwrap();
    for done in 0..=2 {
        let world = World::new();
        world.store.publish(&settings("stable"), &signer, &context(2)).unwrap();
        world.add("stable", "other", "1.0", 3);
        let begun = world.begin();
        // So many references were replaced when the process died.
        let part = Intent { changes: begun.changes[..done].to_vec() };
        assert_eq!(part.complete(&world.store, "none").unwrap(), End::Done);
        let backup = world.top().join("backup");
        world.store.backup(&backup, &context(4)).unwrap();

        let before = files(&world);
        assert!(before.keys().any(|path| path.as_str().contains("store/intents/")), "{done}");
        let refused = unfinished_plans(&world, &signer, &backup);
        assert_eq!(refused, BTreeSet::from(["release", "undo"]), "{done}");
        let after = files(&world);
        let changed = before.iter().chain(&after).filter(|(path, _)| before.get(*path) != after.get(*path));
        assert_eq!(changed.map(|(path, _)| path).collect::<Vec<_>>(), Vec::<&Utf8PathBuf>::new(), "{done}");

        assert!(world.store.complete_begun(&name("stable")).unwrap());
        assert!(!world.store.complete_begun(&name("stable")).unwrap());
        assert!(unfinished_plans(&world, &signer, &backup).is_empty(), "{done}");
        assert_eq!(world.state()["stable"], ["hello 2.0"], "{done}");
    }
}

#[test]
fn where_somebody_else_was_faster_everything_goes_back() {
    everything_goes_back(true);
}

#[test]
fn what_an_earlier_version_began_goes_back_as_well() {
    everything_goes_back(false);
}

fn everything_goes_back(has_way_back: bool) {
    let world = World::new();
    let begun = world.begin_as(has_way_back);
    assert_eq!(begun.changes[0].back.is_some(), has_way_back);
    // Somebody who had begun before commits to the second repository; the first is changed by now.
    let first = Intent { changes: begun.changes[..1].to_vec() };
    assert_eq!(first.complete(&world.store, "none").unwrap(), End::Done);
    let head = world.store.head(&name("stable")).unwrap().unwrap();
    let mut faster = head.commit().clone();
    (faster.parent, faster.sequence) = (Some(head.id()), 2);
    faster.operation = Operation::parse("hold nothing 1");
    let id = faster.write(&world.store.objects()).unwrap();
    world.store.storage().objects().sync().unwrap();
    let key = Store::ref_key(&name("stable"));
    let (_, version) = world.store.storage().refs().get(&key).unwrap().unzip();
    let entry = crate::model::log_entry::LogEntry::of_commit(&faster, &name("stable"), id).to_line();
    let announce = || world.store.storage().log().append(&entry);
    let text = format!("{id}\n");
    drop(world.store.storage().swap(&key, version.as_ref(), text.as_bytes(), announce).unwrap());

    assert_eq!(
        begun.complete(&world.store, &begun.changes[0].after.to_string()).unwrap(),
        End::TakenBack(name("stable"))
    );
    assert_eq!(world.state(), expected(&["hello 2.0"], &["hello 1.0"], &[]));
    let history: Vec<String> = world
        .store
        .history(&name("oldstable"))
        .map(|revision| revision.unwrap().commit().operation.to_string())
        .collect();
    assert!(history[0].starts_with("undo 1 ("), "{history:?}");
    let head = world.store.head(&name("oldstable")).unwrap().unwrap();
    assert!(begun.changes[0].back.is_none_or(|back| back == head.id()));
    // Who comes late finds the same end.
    assert_eq!(
        begun.complete(&world.store, &begun.changes[0].after.to_string()).unwrap(),
        End::TakenBack(name("stable"))
    );
    assert_eq!(world.state(), expected(&["hello 2.0"], &["hello 1.0"], &[]));
    world.assert_settled();
}

/// Signs with a word.
#[derive(Debug)]
struct Key;

impl ActorSigner for Key {
    fn sign(&self, text: &[u8], _: Timestamp) -> Result<String, apt_sign::Error> {
        Ok(blake3::hash(text).to_string())
    }
}

impl ActorVerifier for Key {
    fn verify(&self, text: &[u8], signature: &str, _: Timestamp) -> Result<Vec<String>, apt_sign::Error> {
        assert_eq!(signature, blake3::hash(text).to_string());
        Ok(vec!["tester".to_owned()])
    }
}

#[test]
fn what_takes_a_change_back_is_signed_by_who_signed_the_change() {
    let world = World::new();
    let (store, key) = (&world.store, || Some(Arc::new(Key) as Arc<dyn ActorSigner>));
    let signed = Context { signer: key(), ..context(10) };
    let record = store.head(&name("beta")).unwrap().unwrap().records(&suite()).unwrap().remove(0);
    let (oldstable, stable) = (name("oldstable"), name("stable"));
    let insert = |transaction: &mut Transaction<'_>| {
        transaction.insert(&suite(), &record)?;
        Ok(Operation::parse("release from beta: hello 2.0 amd64"))
    };
    let insert_late = |transaction: &mut Transaction<'_>| {
        // Somebody is faster.
        world.add("stable", "other", "1.0", 9);
        insert(transaction)
    };
    let steps = [
        Step { repository: &oldstable, known: None, change: Box::new(insert) },
        Step { repository: &stable, known: None, change: Box::new(insert_late) },
    ];
    let refused = transact_jointly(store, &signed, &steps).unwrap_err();
    assert!(matches!(refused, Error::Change(ChangeError::Outdated { .. })), "{refused}");
    assert_eq!(world.state(), expected(&["hello 2.0"], &["hello 1.0", "other 1.0"], &[]));
    let verified = store.verify_history(&oldstable, &Key).unwrap();
    assert_eq!(verified.commits.len(), 3, "the first state, the change and its undo");
    assert!(verified.is_sound(), "{verified:?}");
    world.assert_settled();
}

#[test]
fn a_change_of_one_repository_writes_no_intent() {
    let world = World::new();
    let intents = world.store.root().join("store/intents");
    let plan = world.store.plan_release(&settings("beta"), &settings("stable"), None).unwrap();
    assert_eq!(plan.apply(&world.store, None, &context(8)).unwrap().len(), 1);
    assert!(!intents.exists());
    world.release(9).unwrap();
    world.add("beta", "other", "1.0", 10);
    assert_eq!(world.release(11).unwrap().len(), 2);
    assert!(intents.exists(), "a change of two writes one");
}

#[test]
fn what_is_begun_survives_a_collection_and_a_backup() {
    let world = World::new();
    let begun = world.begin();
    let options = GcOptions { grace: SignedDuration::ZERO, ..GcOptions::default() };
    world.store.collect_garbage(&options, &context(100_000)).unwrap();
    let (backup, restored) = (world.top().join("backup"), world.top().join("restored"));
    let report = world.store.backup(&backup, &context(100_001)).unwrap();
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    Store::restore(&backup, &restored, &context(100_002)).unwrap();
    for store in [&world.store, &Store::open(&restored).unwrap()] {
        for commit in begun.changes.iter().flat_map(RefChange::commits) {
            assert!(Commit::read(&store.objects(), commit).is_ok(), "{commit}");
        }
        intent::complete_of(store, &name("stable")).unwrap();
        assert_eq!(state(store), expected(&["hello 2.0"], &["hello 2.0"], &["hello 1.0"]));
        let report = store.fsck(&FsckOptions::default(), &context(100_003)).unwrap();
        assert!(report.is_clean(), "{:?}", report.problems);
    }
}

#[test]
fn an_intent_whose_commit_is_gone_is_told_of_and_repaired() {
    for has_backup in [true, false] {
        let world = World::new();
        let begun = world.begin();
        let backup = world.top().join("backup");
        world.store.backup(&backup, &context(10)).unwrap();
        let gone = begun.changes[1].after.to_string();
        std::fs::remove_file(world.store.root().join(format!("store/objects/{}/{}", &gone[..2], &gone[2..])))
            .unwrap();
        let intent = format!("store/intents/{}", begun.changes[0].after);
        let report = world.store.fsck(&FsckOptions::default(), &context(11)).unwrap();
        assert!(
            report.problems.iter().any(|found| found.path == *intent && found.kind == ProblemKind::Damaged),
            "{:?}",
            report.problems
        );
        let source = CopySource::Directory(&backup);
        let sources = if has_backup { std::slice::from_ref(&source) } else { &[] };
        let report = world.store.repair(&FsckOptions::default(), sources, &context(12)).unwrap();
        assert!(report.remaining.problems.is_empty(), "{:?}", report.remaining.problems);
        // The next who changes one of them is not stopped.
        world.add("oldstable", "other", "1.0", 13);
        let stable = if has_backup { "hello 2.0" } else { "hello 1.0" };
        assert_eq!(world.state()["stable"], [stable], "{has_backup}");
        world.assert_settled();
    }
}

#[test]
fn an_intent_that_is_damaged_is_moved_aside_by_a_repair() {
    let world = World::new();
    let begun = world.begin();
    let path = world.store.root().join("store/intents").join(begun.changes[0].after.to_string());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("oldstable", "oldstablf", 1)).unwrap();
    let refused = world.store.transact(&name("stable"), &context(20), |_| Ok((Operation::Create, ())));
    assert!(refused.is_err());
    let report = world.store.repair(&FsckOptions::default(), &[], &context(21)).unwrap();
    assert!(report.remaining.problems.is_empty(), "{:?}", report.remaining.problems);
    world.add("stable", "other", "1.0", 22);
    assert_eq!(world.state()["stable"], ["hello 1.0", "other 1.0"]);
}
