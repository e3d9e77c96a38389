//! Plans are for the states that they were made from.

use repo_store::error::ChangeError;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::transaction::Committed;
use repo_store::{AddOptions, Error, RepositorySettings, Selector};

use crate::fixture::{Fixture, context, settings};

fn is_outdated(result: &Result<Committed, Error>) -> bool {
    matches!(result, Err(Error::Change(ChangeError::Outdated { .. })))
}

fn prod() -> RepositorySettings {
    settings("prod", &["bookworm"])
}

fn selectors(names: &[&str]) -> Vec<Selector> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn add(fixture: &Fixture, name: &str, version: &str) {
    let file = fixture.package(name, version, "amd64", version);
    fixture.add(&[file]);
}

fn promotion_of_everything() -> PromoteOptions {
    PromoteOptions { everything: true, ..PromoteOptions::default() }
}

#[test]
fn what_was_withdrawn_meanwhile_is_not_promoted() {
    let fixture = Fixture::new();
    let (store, prod) = (&fixture.store, prod());
    add(&fixture, "hello", "1.0");
    let plan = store.plan_promotion(&fixture.preprod, &prod, &promotion_of_everything()).unwrap();
    let removal = store.plan_removal(&fixture.preprod, &selectors(&["hello"]), &[]).unwrap();
    removal.apply(store, &context(1)).unwrap();

    assert!(is_outdated(&plan.apply(store, &context(2))));
    assert!(store.head(&prod.name).unwrap().is_none(), "nothing came to prod");
    assert!(plan.rebase(store).unwrap().changes().is_empty(), "and nothing is left to promote");
}

#[test]
fn a_plan_is_refused_when_its_repository_changed_and_can_be_made_again() {
    let fixture = Fixture::new();
    let (store, prod) = (&fixture.store, prod());
    add(&fixture, "hello", "1.0");
    let first = store.head(&fixture.preprod.name).unwrap().unwrap();
    let promotion = store.plan_promotion(&fixture.preprod, &prod, &promotion_of_everything()).unwrap();
    let removal = store.plan_removal(&fixture.preprod, &selectors(&["hello"]), &[]).unwrap();
    let rollback = store.plan_rollback(&first.parent().unwrap().unwrap(), &[]).unwrap();

    add(&fixture, "hello", "2.0");
    assert!(is_outdated(&promotion.apply(store, &context(2))));
    assert!(is_outdated(&removal.apply(store, &context(2))));
    assert!(is_outdated(&rollback.apply(store, &context(2))));

    let promotion = promotion.rebase(store).unwrap();
    assert_eq!(promotion.changes().iter().count(), 2, "both versions");
    promotion.apply(store, &context(3)).unwrap();
    let removal = removal.rebase(store).unwrap();
    assert_eq!(removal.changes().by_record().len(), 2);
    removal.apply(store, &context(4)).unwrap();
    let undo = store.plan_undo_removal(&fixture.preprod, &selectors(&["hello"]), &[]).unwrap();
    add(&fixture, "world", "1.0");
    assert!(is_outdated(&undo.apply(store, &context(6))));
    undo.rebase(store).unwrap().apply(store, &context(7)).unwrap();
    rollback.rebase(store).unwrap().apply(store, &context(8)).unwrap();
}

#[test]
fn plans_are_values_that_can_be_written_down() {
    let fixture = Fixture::new();
    add(&fixture, "hello", "1.0");
    let removal = fixture.store.plan_removal(&fixture.preprod, &selectors(&["hello"]), &[]).unwrap();
    let text = serde_json::to_value(&removal).unwrap();
    let base = fixture.store.head(&fixture.preprod.name).unwrap().unwrap().id();
    assert_eq!(text["repository"], "preprod");
    assert_eq!(text["base"], base.to_string());
    assert_eq!(text["changes"]["bookworm"][0]["version"], "1.0");
    let promotion =
        fixture.store.plan_promotion(&fixture.preprod, &prod(), &promotion_of_everything()).unwrap();
    let text = serde_json::to_value(&promotion).unwrap();
    assert_eq!((&text["from"], &text["base"]), (&"preprod".into(), &serde_json::Value::Null));
    let file = fixture.package("world", "1.0", "amd64", "1.0");
    let import =
        fixture.store.plan_import(&fixture.preprod, &[file], &AddOptions::default(), &context(1)).unwrap();
    let text = serde_json::to_value(&import).unwrap();
    assert_eq!((&text["repository"], &text["base"]), (&"preprod".into(), &base.to_string().into()));
    assert_eq!(text["changes"]["bookworm"][0]["package"], "world");
}

#[test]
fn what_was_planned_to_be_added_is_added_unless_the_repository_or_a_file_changed() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let outdated = |result: Result<repo_store::operations::import::AddReport, Error>| match result {
        Err(Error::Change(ChangeError::Outdated { repository })) => repository == fixture.preprod.name,
        other => panic!("{other:?}"),
    };
    let files = [fixture.package("hello", "1.0", "amd64", "1.0")];
    let plan = store.plan_import(&fixture.preprod, &files, &AddOptions::default(), &context(0)).unwrap();
    assert!(store.head(&fixture.preprod.name).unwrap().is_none(), "nothing is changed");

    add(&fixture, "world", "1.0");
    assert!(outdated(plan.apply(store, &context(1)).map_err(Error::from)));
    let plan = plan.rebase(store, &context(2)).unwrap();
    assert_eq!(plan.base(), store.head(&fixture.preprod.name).unwrap().map(|head| head.id()));
    // The plan is for the content that the file had, not for its name.
    let other = fixture.package("hello", "1.0", "amd64", "other");
    if other != files[0] {
        std::fs::copy(&other, &files[0]).unwrap();
    }
    assert!(outdated(plan.apply(store, &context(3)).map_err(Error::from)));
    let plan = plan.rebase(store, &context(4)).unwrap();
    let report = plan.apply(store, &context(5)).unwrap();
    assert!(report.committed.commit.is_some());
    assert_eq!(report.into_result().unwrap().len(), 1);
    // What is there already is not to come, and one refused file keeps the others out.
    let plan = plan.rebase(store, &context(6)).unwrap();
    assert!(plan.changes().is_empty());
    let files = [fixture.package("new", "1.0", "amd64", "1.0"), files[0].with_file_name("missing.deb")];
    let plan = store.plan_import(&fixture.preprod, &files, &AddOptions::default(), &context(7)).unwrap();
    assert_eq!((plan.report().added.len(), plan.report().refused.len()), (1, 1));
    assert!(plan.changes().is_empty());
    assert!(matches!(
        plan.apply(store, &context(8)),
        Err(repo_store::operations::import::AddError::Refused(_))
    ));
    assert_eq!(store.head(&fixture.preprod.name).unwrap().map(|head| head.id()), plan.base());
}
