//! What a removal or a rollback takes out stays out until somebody puts it back.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use proptest::prelude::*;
use repo_store::maintenance::gc::GcOptions;
use repo_store::operations::incoming::{IncomingOptions, IncomingReport};
use repo_store::{Error, Selector, Store};

use crate::fixture::{Fixture, context, suite};

const SUITES: [&str; 2] = ["bookworm", "trixie"];
const VERSIONS: [&str; 3] = ["1", "2", "3+deb12u1"];

/// What is held, as `package version` with its suites.
fn held(fixture: &Fixture) -> BTreeMap<String, BTreeSet<String>> {
    let head = fixture.store.head(&fixture.preprod.name).unwrap();
    let holds = head.map_or_else(Vec::new, |head| head.holds().unwrap());
    let entry = |hold: repo_store::model::Hold| {
        let suites = hold.suites.iter().map(ToString::to_string).collect();
        (format!("{} {}", hold.key.package, hold.key.version), suites)
    };
    holds.into_iter().map(entry).collect()
}

fn remove(fixture: &Fixture, selector: &str, suites: &[&str], seconds: i64) {
    let suites: Vec<_> = suites.iter().map(|name| suite(name)).collect();
    let selectors = [selector.parse::<Selector>().unwrap()];
    let plan = fixture.store.plan_removal(&fixture.preprod, &selectors, &suites).unwrap();
    plan.apply(&fixture.store, &context(seconds)).unwrap();
}

fn roll_back(fixture: &Fixture, to: u64, seconds: i64) {
    let target = fixture.store.resolve(&fixture.preprod.name, &to.to_string()).unwrap();
    fixture.store.plan_rollback(&target, &[]).unwrap().apply(&fixture.store, &context(seconds)).unwrap();
}

/// Drops a file into a folder and takes it from there.
fn take(fixture: &Fixture, file: &Utf8PathBuf, options: &IncomingOptions) -> IncomingReport {
    let folder = fixture.file("marker", b"").with_file_name("drop");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(file, folder.join(file.file_name().unwrap())).unwrap();
    fixture.store.take_incoming(&fixture.preprod, &folder, options, &context(900)).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Add(usize),
    Remove(usize, usize),
    RollBack(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..VERSIONS.len()).prop_map(Step::Add),
        (0..VERSIONS.len(), 0..3_usize).prop_map(|(version, suites)| Step::Remove(version, suites)),
        any::<prop::sample::Index>().prop_map(|index| Step::RollBack(index.index(usize::MAX))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_held_is_what_was_taken_out_and_not_put_back(steps in prop::collection::vec(step(), 1..14)) {
        let fixture = Fixture::in_memory();
        let files = VERSIONS.map(|version| fixture.package("hello", version, "amd64", version));
        // What each state holds, and what is held now, as pairs of suite and version.
        let mut states: Vec<BTreeSet<(usize, usize)>> = vec![BTreeSet::new()];
        let mut expected: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (number, step) in steps.iter().enumerate() {
            let seconds = i64::try_from(number).unwrap();
            let before = states.last().unwrap().clone();
            let mut after = before.clone();
            match *step {
                Step::Add(version) => {
                    fixture.add(&files[version..=version]);
                    // A version that names bookworm goes nowhere else.
                    after.extend((0..SUITES.len()).filter(|suite| version < 2 || *suite == 0).map(|suite| (suite, version)));
                }
                Step::Remove(version, suites) => {
                    let chosen = SUITES.get(suites).map_or(&SUITES[..], std::slice::from_ref);
                    remove(&fixture, &format!("hello={}", VERSIONS[version]), chosen, seconds);
                    after.retain(|(suite, other)| *other != version || !chosen.contains(&SUITES[*suite]));
                }
                Step::RollBack(target) => {
                    let target = target % states.len();
                    if states.len() > 1 {
                        roll_back(&fixture, u64::try_from(target).unwrap(), seconds);
                    }
                    after = states[target].clone();
                }
            }
            expected.extend(before.difference(&after).copied());
            expected.retain(|place| !after.contains(place));
            if after != before {
                states.push(after);
            }
            let mut model: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (suite, version) in &expected {
                model.entry(format!("hello {}", VERSIONS[*version])).or_default().insert(SUITES[*suite].to_owned());
            }
            prop_assert_eq!(held(&fixture), model, "after {:?}", step);
        }
    }
}

#[test]
fn a_drop_folder_does_not_bring_back_what_was_rolled_back() {
    let fixture = Fixture::new();
    let old = fixture.package("hello", "1", "amd64", "old");
    let bad = fixture.package("hello", "2", "amd64", "bad");
    fixture.add(std::slice::from_ref(&old));
    fixture.add(std::slice::from_ref(&bad));
    roll_back(&fixture, 1, 60);

    let report = take(&fixture, &bad, &IncomingOptions::default());
    assert_eq!(report.report.added.len(), 0);
    let [refused] = report.report.refused.as_slice() else { panic!("{report:?}") };
    assert!(
        matches!(&refused.error, Error::Rule(repo_store::error::RuleError::Held { key, .. }) if key.to_string() == "hello 2 amd64")
    );
    let said = refused.error.to_string();
    assert!(
        said.starts_with(
            "hello 2 amd64 is held out of preprod since 2026-09-21 14:14 UTC (tester: roll back to 1 ("
        ),
        "{said}"
    );
    // The same version for another architecture was not there, and is held as well.
    let other = fixture.package("hello", "2", "arm64", "bad");
    assert_eq!(take(&fixture, &other, &IncomingOptions::default()).report.refused.len(), 1);
    // Another version is not.
    let good = fixture.package("hello", "3", "amd64", "good");
    assert_eq!(take(&fixture, &good, &IncomingOptions::default()).report.added.len(), 1);

    let despite = IncomingOptions { despite_hold: true, ..IncomingOptions::default() };
    assert_eq!(take(&fixture, &bad, &despite).report.added.len(), 1);
    assert_eq!(held(&fixture), BTreeMap::new());
    assert_eq!(take(&fixture, &other, &IncomingOptions::default()).report.added.len(), 1);
}

#[test]
fn an_architecture_that_was_removed_alone_holds_no_other_back() {
    let fixture = Fixture::new();
    let [amd64, arm64] = ["amd64", "arm64"].map(|name| fixture.package("hello", "1", name, name));
    fixture.add(&[amd64.clone(), arm64]);
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let key = head.records(&suite("trixie")).unwrap()[0].key().clone();
    assert_eq!(key.architecture.as_str(), "amd64");
    let withdraw = |transaction: &mut repo_store::transaction::Transaction<'_>| {
        for name in SUITES {
            assert!(transaction.withdraw(&suite(name), &key)?);
        }
        Ok((repo_store::history::Operation::Other("remove".to_owned()), ()))
    };
    fixture.store.transact(&fixture.preprod.name, &context(1), withdraw).unwrap();
    assert_eq!(take(&fixture, &amd64, &IncomingOptions::default()).report.refused.len(), 1);
    let third = fixture.package("hello", "1", "all", "third");
    assert_eq!(take(&fixture, &third, &IncomingOptions::default()).report.added.len(), 1);
}

#[test]
fn adding_by_hand_ends_a_hold() {
    let fixture = Fixture::new();
    let file = fixture.package("hello", "1", "amd64", "x");
    fixture.add(std::slice::from_ref(&file));
    remove(&fixture, "hello", &[], 1);
    assert_eq!(held(&fixture).len(), 1);
    assert_eq!(fixture.try_add(&[file]).added.len(), 1);
    assert_eq!(held(&fixture).len(), 0);
}

#[test]
fn holds_survive_collection_checks_backup_and_restore() {
    let fixture = Fixture::new();
    fixture.add(&[fixture.package("hello", "1", "amd64", "x")]);
    remove(&fixture, "hello", &[], 1);
    let options = GcOptions { grace: jiff::SignedDuration::ZERO, ..GcOptions::default() };
    fixture.store.collect_garbage(&options, &context(100_000_000)).unwrap();
    assert_eq!(held(&fixture).len(), 1);
    let check = |store: &Store| {
        store.fsck(&repo_store::maintenance::fsck::FsckOptions::default(), &context(2)).unwrap()
    };
    assert_eq!(check(&fixture.store).problems, []);

    let backup = fixture.file("marker", b"").with_file_name("backup");
    let restored = backup.with_file_name("restored");
    fixture.store.backup(&backup, &context(3)).unwrap();
    let (store, _) = Store::restore(&backup, &restored, &context(4)).unwrap();
    assert_eq!(store.head(&fixture.preprod.name).unwrap().unwrap().holds().unwrap().len(), 1);

    // Without the list, the state is damaged, and a backup says so.
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let id = head.commit().holds.unwrap().to_string();
    let (first, rest) = id.split_at(2);
    std::fs::remove_file(fixture.store.root().join("store/objects").join(first).join(rest)).unwrap();
    assert_eq!(check(&fixture.store).problems.len(), 1);
    assert!(matches!(head.holds(), Err(Error::Storage(repo_store::storage::StorageError::Missing { .. }))));
}
