//! The last change of a repository is taken back, with the holds that it made and ended.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use repo_store::error::{ChangeError, RuleError};
use repo_store::history::Operation;
use repo_store::operations::retention::RetentionRule;
use repo_store::operations::undo::UndoPlan;
use repo_store::transaction::Transaction;
use repo_store::{AddOptions, Error, Selector, Store};

use crate::fixture::{Fixture, context, suite};

const SUITES: [&str; 2] = ["bookworm", "trixie"];

/// What users see of a state: the packages of each suite, and what is held out of which suites.
type Picture = (BTreeMap<String, BTreeSet<String>>, BTreeMap<String, BTreeSet<String>>);

fn picture(fixture: &Fixture) -> Picture {
    let Some(head) = fixture.store.head(&fixture.preprod.name).unwrap() else { return Picture::default() };
    let records = |name: &str| {
        let records = head.records(&suite(name)).unwrap();
        (name.to_owned(), records.iter().map(|record| record.key().to_string()).collect())
    };
    let hold = |hold: repo_store::model::Hold| {
        let suites = hold.suites.iter().map(ToString::to_string).collect();
        (format!("{} {}", hold.key.package, hold.key.version), suites)
    };
    (SUITES.map(records).into(), head.holds().unwrap().into_iter().map(hold).collect())
}

fn plan(store: &Store, fixture: &Fixture) -> UndoPlan {
    store.plan_undo(&fixture.preprod.name).unwrap()
}

fn undo(fixture: &Fixture, seconds: i64) {
    let committed = plan(&fixture.store, fixture).apply(&fixture.store, &context(seconds)).unwrap();
    assert!(committed.contains_key(&fixture.preprod.name), "an undo is a change");
}

/// Puts a version in, or takes it out, in one suite or both.
#[derive(Clone, Debug)]
enum Step {
    Add(usize),
    Remove(usize),
    RollBack(prop::sample::Index),
    Hold(usize),
    Unhold(usize),
    Retention,
}

const VERSIONS: [&str; 3] = ["1", "2", "3+deb12u1"];

fn step() -> impl Strategy<Value = Step> {
    let version = || 0..VERSIONS.len();
    prop_oneof![
        3 => version().prop_map(Step::Add),
        2 => version().prop_map(Step::Remove),
        2 => any::<prop::sample::Index>().prop_map(Step::RollBack),
        1 => version().prop_map(Step::Hold),
        1 => version().prop_map(Step::Unhold),
        1 => Just(Step::Retention),
    ]
}

/// Returns whether it changed anything.
fn take(fixture: &Fixture, step: &Step, seconds: i64) -> bool {
    let (store, preprod, context) = (&fixture.store, &fixture.preprod, context(seconds));
    let selector = |version: usize| format!("hello={}", VERSIONS[version]).parse::<Selector>().unwrap();
    let key = |version: usize| repo_store::model::HoldKey {
        package: deb_parse::PackageName::parse("hello").unwrap(),
        version: deb_parse::Version::parse(VERSIONS[version]).unwrap(),
        architecture: None,
    };
    let committed = match step {
        Step::Add(version) => {
            let file = fixture.package("hello", VERSIONS[*version], "amd64", VERSIONS[*version]);
            let options = AddOptions { despite_hold: true, ..AddOptions::default() };
            let report = store.add(preprod, &[file], &options, &context).unwrap();
            assert!(report.refused.is_empty());
            report.committed
        }
        Step::Remove(version) => {
            let plan = store.plan_removal(preprod, &[selector(*version)], &[]).unwrap();
            plan.apply(store, &context).unwrap()
        }
        Step::RollBack(index) => {
            let states: Vec<_> = store.history(&preprod.name).map(Result::unwrap).collect();
            if states.is_empty() {
                return false;
            }
            let plan = store.plan_rollback(index.get(&states), &[]).unwrap();
            plan.apply(store, &context).unwrap()
        }
        Step::Hold(version) => {
            let change = |transaction: &mut Transaction<'_>| {
                transaction.hold(key(*version))?;
                Ok((Operation::Other("hold".to_owned()), ()))
            };
            match store.transact(&preprod.name, &context, change) {
                Err(Error::Change(ChangeError::Present { .. })) => return false,
                result => result.unwrap().0,
            }
        }
        Step::Unhold(version) => {
            let version = key(*version).version;
            let change = |transaction: &mut Transaction<'_>| {
                transaction.lift_holds(|hold| hold.key.version == version);
                Ok((Operation::Other("unhold".to_owned()), ()))
            };
            store.transact(&preprod.name, &context, change).unwrap().0
        }
        Step::Retention => {
            let rule = RetentionRule { keep_versions: Some(1), ..RetentionRule::default() };
            let plan = store.plan_retention(preprod, &[rule], context.now).unwrap();
            plan.apply(store, &context).unwrap()
        }
    };
    committed.commit.is_some()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// An undo brings the packages of the state before, and an undo of that everything of the state after. What was held before is held
    /// again; only what an addition brought is held besides.
    #[test]
    fn an_undo_leads_back_and_its_undo_forth(steps in prop::collection::vec(step(), 1..9)) {
        let fixture = Fixture::in_memory();
        let mut pictures = vec![picture(&fixture)];
        let mut seconds = 0;
        let mut last = None;
        for step in &steps {
            seconds += 10;
            if take(&fixture, step, seconds) {
                pictures.push(picture(&fixture));
                last = Some(step);
            }
        }
        let Some(last) = last else {
            let nothing = fixture.store.plan_undo(&fixture.preprod.name).unwrap_err();
            let is_right = matches!(nothing, Error::Change(ChangeError::NothingToUndo { .. }));
            prop_assert!(is_right);
            return Ok(());
        };
        let (before, after) = (&pictures[pictures.len() - 2], &pictures[pictures.len() - 1]);
        undo(&fixture, 1000);
        let undone = picture(&fixture);
        let is_empty = |suites: &BTreeMap<String, BTreeSet<String>>| suites.values().all(BTreeSet::is_empty);
        prop_assert!(undone.0 == before.0 || (is_empty(&undone.0) && is_empty(&before.0)));
        for (version, suites) in &before.1 {
            prop_assert!(undone.1.get(version).is_some_and(|held| held.is_superset(suites)), "{version}");
        }
        if !matches!(last, Step::Add(_)) {
            prop_assert_eq!(&undone.1, &before.1);
        } else {
            for (suite, packages) in &after.0 {
                let gone = packages.iter().filter(|key| !before.0.get(suite).is_some_and(|there| there.contains(*key)));
                for key in gone {
                    let version = key.rsplit_once(' ').unwrap().0;
                    let held = &undone.1[version];
                    prop_assert!(held.is_empty() || held.contains(suite), "{key} is not held out of {suite}");
                }
            }
        }
        undo(&fixture, 1010);
        prop_assert_eq!(&picture(&fixture), after);
        undo(&fixture, 1020);
        prop_assert_eq!(&picture(&fixture), &undone);
    }
}

#[test]
fn what_the_undo_of_an_addition_took_out_is_refused_until_somebody_wants_it() {
    let fixture = Fixture::new();
    fixture.add(&[fixture.package("hello", "1", "amd64", "1")]);
    let file = fixture.package("hello", "2", "amd64", "2");
    fixture.add(std::slice::from_ref(&file));
    let (added, lifted) = plan(&fixture.store, &fixture).holds(&context(10));
    assert_eq!(added.iter().map(ToString::to_string).collect::<Vec<_>>(), ["hello 2 amd64"]);
    assert_eq!(lifted, []);
    undo(&fixture, 10);
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let cause = head.holds().unwrap().remove(0).cause;
    assert!(
        matches!(&cause.operation, Operation::Undo { number: 2, what, .. } if what == "add hello 2 amd64")
    );
    assert_eq!(Operation::parse(&cause.operation.to_string()), cause.operation);
    let refused = AddOptions { refuse_held: true, ..AddOptions::default() };
    let error = fixture.store.add(&fixture.preprod, &[file], &refused, &context(20)).unwrap_err();
    assert!(matches!(error.into(), Error::Rule(RuleError::Held { .. })));
    undo(&fixture, 30);
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let words = head.commit().operation.to_string();
    assert!(words.starts_with("undo 3 (") && words.ends_with("): undo 2"), "{words}");
}

#[test]
fn an_undo_takes_back_only_the_change_that_was_seen() {
    let fixture = Fixture::new();
    fixture.add(&[fixture.package("hello", "1", "amd64", "1")]);
    let seen = plan(&fixture.store, &fixture);
    fixture.add(&[fixture.package("other", "1", "amd64", "1")]);
    let before = picture(&fixture);
    let refused = seen.apply(&fixture.store, &context(10)).unwrap_err();
    assert!(matches!(refused, Error::Change(ChangeError::Outdated { .. })), "{refused:?}");
    assert_eq!(picture(&fixture), before);
}
