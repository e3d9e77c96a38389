//! Retention: what goes, what stays, and why.

use std::fmt::Write as _;

use insta::assert_snapshot;
use jiff::SignedDuration;
use repo_store::model::TagName;
use repo_store::operations::retention::{RetentionPlan, RetentionRule};
use repo_store::settings::{PackageClass, WildPattern};
use repo_store::{AddOptions, Error, RepositoryName};

use crate::fixture::{Fixture, context, record, suite};

const DAY: i64 = 86_400;

/// Puts synthetic packages into `bookworm` some days after the start.
fn insert(fixture: &Fixture, repository: &str, day: i64, packages: &[(&str, &str)]) {
    let name = RepositoryName::parse(repository).unwrap();
    fixture
        .store
        .transact(&name, &context(day * DAY), |transaction| {
            for (package, version) in packages {
                transaction.insert(&suite("bookworm"), &record(package, version))?;
            }
            Ok((repo_store::history::Operation::Other("insert".to_owned()), ()))
        })
        .unwrap();
}

fn plan(fixture: &Fixture, rules: &[RetentionRule], day: i64) -> RetentionPlan {
    fixture.store.plan_retention(&fixture.preprod, rules, context(day * DAY).now).unwrap()
}

fn table(plan: &RetentionPlan) -> String {
    let mut text = String::new();
    for (suite, verdicts) in plan.verdicts() {
        for verdict in verdicts {
            let key = verdict.record.key();
            let what = if verdict.stays() { "stays" } else { "goes " };
            writeln!(text, "{suite} {} {} {what} {}", key.package, key.version, verdict.reason).unwrap();
        }
    }
    text
}

fn keep_versions(number: usize) -> RetentionRule {
    RetentionRule { keep_versions: Some(number), ..RetentionRule::default() }
}

fn keep_days(number: i64) -> RetentionRule {
    RetentionRule { keep_for: Some(SignedDuration::from_hours(24 * number)), ..RetentionRule::default() }
}

/// `hello` in four versions, one for each ten days, and `other` in two.
fn filled() -> Fixture {
    let fixture = Fixture::new();
    insert(&fixture, "preprod", 0, &[("hello", "1.0"), ("other", "1.0")]);
    insert(&fixture, "preprod", 10, &[("hello", "2.0")]);
    insert(&fixture, "preprod", 20, &[("hello", "3.0"), ("other", "2.0")]);
    insert(&fixture, "preprod", 30, &[("hello", "4.0")]);
    fixture
}

#[test]
fn the_newest_versions_stay() {
    let fixture = filled();
    assert_snapshot!(table(&plan(&fixture, &[keep_versions(2)], 31)), @r"
    bookworm hello 1.0 goes  version 4, beyond the newest 2
    bookworm hello 2.0 goes  version 3, beyond the newest 2
    bookworm hello 3.0 stays version 2 of the newest 2
    bookworm hello 4.0 stays the newest version
    bookworm other 1.0 stays version 2 of the newest 2
    bookworm other 2.0 stays the newest version
    ");
}

#[test]
fn what_came_lately_stays() {
    let fixture = filled();
    assert_snapshot!(table(&plan(&fixture, &[keep_days(15)], 31)), @r"
    bookworm hello 1.0 goes  here since 2026-10-01 or before, beyond 15 days
    bookworm hello 2.0 goes  here since 2026-10-01 or before, beyond 15 days
    bookworm hello 3.0 stays here since 2026-10-11
    bookworm hello 4.0 stays the newest version
    bookworm other 1.0 goes  here since 2026-10-01 or before, beyond 15 days
    bookworm other 2.0 stays the newest version
    ");
}

#[test]
fn tagged_states_and_other_repositories_hold_what_they_have() {
    let fixture = filled();
    insert(&fixture, "prod", 15, &[("hello", "2.0")]);
    let first = fixture.store.resolve(&fixture.preprod.name, "1").unwrap();
    fixture.store.tag(&first, &TagName::parse("first").unwrap(), &context(0)).unwrap();
    let rule = RetentionRule { kept_by: vec![RepositoryName::parse("prod").unwrap()], ..keep_versions(1) };
    assert_snapshot!(table(&plan(&fixture, &[rule], 31)), @r"
    bookworm hello 1.0 stays tagged first
    bookworm hello 2.0 stays in prod
    bookworm hello 3.0 goes  version 2, beyond the newest 1
    bookworm hello 4.0 stays the newest version
    bookworm other 1.0 stays tagged first
    bookworm other 2.0 stays the newest version
    ");
}

#[test]
fn the_first_rule_that_matches_decides() {
    let fixture = filled();
    let names = |name: &str| PackageClass { names: vec![WildPattern::new(name)], ..PackageClass::default() };
    let rules = [
        RetentionRule { class: names("oth*"), ..RetentionRule::default() },
        RetentionRule { suites: vec![suite("trixie")], ..keep_versions(1) },
        RetentionRule { class: names("*"), ..keep_versions(3) },
    ];
    assert_snapshot!(table(&plan(&fixture, &rules, 31)), @r"
    bookworm hello 1.0 goes  version 4, beyond the newest 3
    bookworm hello 2.0 stays version 3 of the newest 3
    bookworm hello 3.0 stays version 2 of the newest 3
    bookworm hello 4.0 stays the newest version
    bookworm other 1.0 stays no limit
    bookworm other 2.0 stays the newest version
    ");
    let description = PackageClass {
        fields: vec![("Description".to_owned(), WildPattern::new("real*"))],
        ..PackageClass::default()
    };
    let section = PackageClass { sections: vec![WildPattern::new("debug")], ..PackageClass::default() };
    for class in [description, section] {
        let plan = plan(&fixture, &[RetentionRule { class, ..keep_versions(1) }], 31);
        assert!(plan.is_empty() && plan.verdicts().values().all(Vec::is_empty));
    }
}

#[test]
fn a_clock_that_jumps_ahead_leaves_the_newest_and_is_noticed() {
    let fixture = filled();
    let plan = plan(&fixture, &[keep_days(90)], 80 * 365);
    assert_snapshot!(table(&plan), @r"
    bookworm hello 1.0 goes  here since 2026-10-21 or before, beyond 90 days
    bookworm hello 2.0 goes  here since 2026-10-21 or before, beyond 90 days
    bookworm hello 3.0 goes  here since 2026-10-21 or before, beyond 90 days
    bookworm hello 4.0 stays the newest version
    bookworm other 1.0 goes  here since 2026-10-21 or before, beyond 90 days
    bookworm other 2.0 stays the newest version
    ");
    assert_eq!(plan.drastic(), [suite("bookworm")]);
    assert_eq!(self::plan(&fixture, &[keep_days(25)], 31).drastic(), []);
}

#[test]
fn a_plan_is_for_one_state_only_and_its_removal_can_be_undone() {
    let fixture = filled();
    let (store, name) = (&fixture.store, &fixture.preprod.name);
    let old = plan(&fixture, &[keep_versions(1)], 31);
    insert(&fixture, "preprod", 32, &[("third", "1.0")]);
    assert!(matches!(
        old.apply(store, &context(0)),
        Err(Error::Change(repo_store::error::ChangeError::Outdated { .. }))
    ));

    let plan = plan(&fixture, &[keep_versions(1)], 33);
    plan.apply(store, &context(33 * DAY)).unwrap();
    let held = || {
        let head = store.head(name).unwrap().unwrap();
        let records = head.records(&suite("bookworm")).unwrap();
        records.iter().map(|record| record.key().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(held(), ["hello 4.0 amd64", "other 2.0 amd64", "third 1.0 amd64"]);
    let head = store.head(name).unwrap().unwrap();
    assert_eq!(head.commit().operation, repo_store::history::Operation::Retention { files: 4 });

    let selectors = ["hello=2.0", "other", "third"].map(|text| text.parse().unwrap());
    let back = store.plan_undo_removal(&fixture.preprod, &selectors, &[]).unwrap();
    assert_eq!(back.unmatched(), [selectors[2].clone()], "what was never removed");
    back.apply(store, &context(34 * DAY)).unwrap();
    assert_eq!(
        held(),
        ["hello 2.0 amd64", "hello 4.0 amd64", "other 1.0 amd64", "other 2.0 amd64", "third 1.0 amd64"]
    );
}

#[test]
fn files_of_one_version_for_other_architectures_are_counted_apart() {
    let fixture = Fixture::new();
    let files = [("1.0", "amd64"), ("1.0", "arm64"), ("2.0", "amd64")]
        .map(|(version, architecture)| fixture.package("hello", version, architecture, version));
    fixture
        .store
        .add(&fixture.preprod, &files, &AddOptions::default(), &context(0))
        .unwrap()
        .into_result()
        .unwrap();
    let plan = plan(&fixture, &[keep_versions(1)], 1);
    let going: Vec<String> =
        plan.going().map(|(suite, verdict)| format!("{suite} {}", verdict.record.key())).collect();
    assert_eq!(going, ["bookworm hello 1.0 amd64", "trixie hello 1.0 amd64"]);
}

#[test]
fn what_came_while_the_clock_was_ahead_grows_old_like_all_else() {
    let fixture = Fixture::new();
    insert(&fixture, "preprod", 0, &[("hello", "1.0")]);
    insert(&fixture, "preprod", 4000, &[("hello", "2.0")]);
    insert(&fixture, "preprod", 10, &[("hello", "3.0")]);
    insert(&fixture, "preprod", 100, &[("hello", "4.0")]);
    let going = |day| {
        let plan = plan(&fixture, &[RetentionRule { keep_versions: Some(1), ..keep_days(30) }], day);
        plan.going().map(|(_, verdict)| verdict.record.key().version.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(going(20), ["1.0"; 0]);
    assert_eq!(going(101), ["1.0", "2.0", "3.0"]);
}
