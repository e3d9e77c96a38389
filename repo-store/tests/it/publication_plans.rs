//! What a publication would do is known before, and only that is done.

use repo_store::error::{ChangeError, PublishError};
use repo_store::publish::{PublicationPlan, PublicationReason};
use repo_store::{Error, PublishOptions, RepositorySettings};

use crate::fixture::{Fixture, context, everything_below, publish, signer, suite};

fn reasons(plan: &PublicationPlan) -> Vec<(&str, PublicationReason)> {
    plan.suites().iter().map(|suite| (suite.directory.as_str(), suite.reason)).collect()
}

fn is_outdated(error: &Error) -> bool {
    matches!(error, Error::Change(ChangeError::Outdated { .. }))
}

#[test]
fn a_plan_tells_what_is_published_and_changes_nothing() {
    let (fixture, signer) = (Fixture::new(), signer());
    let plan = |settings: &RepositorySettings, seconds| {
        let before = everything_below(fixture.store.root());
        let options = PublishOptions::default();
        let plan = fixture.store.plan_publication(settings, &signer, options, &context(seconds)).unwrap();
        assert_eq!(everything_below(fixture.store.root()), before);
        plan
    };
    fixture.add(&[fixture.package("hello", "1.0+deb12u1", "amd64", "a")]);
    let first = plan(&fixture.preprod, 0);
    assert_eq!(reasons(&first), [("bookworm", PublicationReason::New), ("trixie", PublicationReason::New)]);
    assert_eq!(first.repository(), &fixture.preprod.name);
    assert_eq!(first.replaces(), None);
    let changes = &first.changes()[&suite("bookworm")];
    assert_eq!((changes.only_first.len(), changes.only_second.len()), (0, 1));
    let report = first.apply(&fixture.store, &signer, &context(0)).unwrap();
    assert_eq!(report.suites, [suite("bookworm"), suite("trixie")]);

    let unchanged = plan(&fixture.preprod, 1);
    assert!(unchanged.is_up_to_date() && unchanged.suites().is_empty() && unchanged.changes().is_empty());
    assert_eq!(unchanged.replaces(), report.publication);
    assert_eq!(unchanged.apply(&fixture.store, &signer, &context(1)).unwrap().publication, None);

    fixture.add(&[fixture.package("world", "1.0+deb12u1", "amd64", "b")]);
    let content = plan(&fixture.preprod, 2);
    assert_eq!(reasons(&content), [("bookworm", PublicationReason::Content)]);
    let json = serde_json::to_value(&content).unwrap();
    assert_eq!(json["suites"][0]["reason"], "its packages changed");
    assert_eq!(json["added"]["bookworm"][0]["package"], "world");
    assert_eq!(json["replaces"], report.publication.unwrap().to_string());
    assert_eq!(content.apply(&fixture.store, &signer, &context(2)).unwrap().suites, [suite("bookworm")]);

    let mut described = fixture.preprod.clone();
    described.suites[1].description = Some("newer".to_owned());
    assert_eq!(reasons(&plan(&described, 3)), [("trixie", PublicationReason::Settings)]);

    let public = fixture.store.public(&fixture.preprod.name);
    std::fs::remove_file(public.join("dists/trixie/Release")).unwrap();
    let missing = plan(&fixture.preprod, 4);
    assert_eq!(reasons(&missing), [("trixie", PublicationReason::MissingFiles)]);
    assert!(missing.missing() > 0);
    let report = missing.apply(&fixture.store, &signer, &context(4)).unwrap();
    assert_eq!(report.restored, missing.missing());
    assert!(public.join("dists/trixie/Release").is_file());
}

#[test]
fn archive_roots_that_are_missing_make_no_suite_new() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    let id = publish(&fixture, &signer, 0).publication.unwrap();
    let snapshots = fixture.store.public(&fixture.preprod.name).join("snapshot");
    std::fs::remove_dir_all(snapshots.join(id.to_string())).unwrap();
    let options = PublishOptions::default();
    let plan = fixture.store.plan_publication(&fixture.preprod, &signer, options, &context(1)).unwrap();
    assert!(plan.is_up_to_date(), "{plan:?}");
    assert!(plan.missing() > 0);
    let report = plan.apply(&fixture.store, &signer, &context(1)).unwrap();
    assert_eq!((report.publication, report.restored), (None, plan.missing()));
}

#[test]
fn a_plan_is_refused_when_the_repository_or_what_clients_see_has_changed() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    let options = PublishOptions::default();
    let plan = || fixture.store.plan_publication(&fixture.preprod, &signer, options, &context(1)).unwrap();
    let first = plan();
    fixture.add(&[fixture.package("world", "1.0", "amd64", "b")]);
    assert!(is_outdated(&first.apply(&fixture.store, &signer, &context(2)).unwrap_err()));
    assert_eq!(fixture.store.current_publication(&fixture.preprod.name).unwrap(), None);

    let rebased = first.rebase(&fixture.store, &signer, &context(2)).unwrap();
    assert_eq!(rebased.changes()[&suite("bookworm")].only_second.len(), 2);
    publish(&fixture, &signer, 3);
    assert!(is_outdated(&rebased.apply(&fixture.store, &signer, &context(4)).unwrap_err()));
    assert!(plan().is_up_to_date());
}

#[test]
fn what_publishing_refuses_has_no_plan() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let mut smaller = fixture.preprod.clone();
    smaller.suites.pop();
    let plan = |options| fixture.store.plan_publication(&smaller, &signer, options, &context(1));
    let refused = plan(PublishOptions::default()).unwrap_err();
    assert!(matches!(refused, Error::Publish(PublishError::Removal { .. })), "{refused}");
    let allowed = plan(PublishOptions { allow_removal: true, ..PublishOptions::default() }).unwrap();
    assert_eq!(allowed.removed(), ["trixie"]);
    allowed.apply(&fixture.store, &signer, &context(1)).unwrap();
}

#[test]
fn signing_again_has_a_plan_of_all_suites() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let options = PublishOptions::default();
    let plan = fixture.store.plan_signing_again(&fixture.preprod, &signer, options, &context(1)).unwrap();
    assert_eq!(
        reasons(&plan),
        [("bookworm", PublicationReason::Records), ("trixie", PublicationReason::Records)]
    );
    assert!(!plan.is_up_to_date() && plan.changes().is_empty());
    let report = plan.apply(&fixture.store, &signer, &context(1)).unwrap();
    assert_eq!(report.suites.len(), 2);
}
