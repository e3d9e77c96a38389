//! Plans are for the states that they were made from.

use repo_store::{ChangeError, Committed, Error, PromoteOptions, RepositorySettings, Selector};

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
}
