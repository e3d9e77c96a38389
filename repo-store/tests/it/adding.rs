//! Package files go in whole or not at all.

use deb_parse::Component;
use repo_store::operations::import::AddError;
use repo_store::settings::Route;
use repo_store::transaction::Inserted;
use repo_store::{AddOptions, Error};

use crate::fixture::{Fixture, context, files_below, suite};

#[test]
fn a_package_goes_where_its_version_says() {
    let fixture = Fixture::new();
    let everywhere = fixture.package("hello", "1.0", "amd64", "a");
    let release = fixture.package("hello", "1.0+deb12u1", "amd64", "b");
    let report = fixture.try_add(&[release, everywhere]);
    let routes: Vec<_> = report.added.iter().map(|added| added.route.clone()).collect();
    assert_eq!(
        routes,
        [
            Route::Release { marker: "deb12u1".to_owned(), suites: vec![suite("bookworm")] },
            Route::Everywhere { suites: vec![suite("bookworm"), suite("trixie")], foreign: None },
        ]
    );
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    assert_eq!(head.records(&suite("bookworm")).unwrap().len(), 2);
    assert_eq!(head.records(&suite("trixie")).unwrap().len(), 1);
}

#[test]
fn the_same_file_again_changes_nothing() {
    let fixture = Fixture::new();
    let file = fixture.package("hello", "1.0", "amd64", "a");
    fixture.add(std::slice::from_ref(&file));
    let before = files_below(fixture.store.root());
    let report = fixture.try_add(&[file]);
    assert_eq!(report.committed.commit, None);
    assert!(report.added[0].suites.iter().all(|(_, inserted)| *inserted == Inserted::AlreadyThere));
    assert_eq!(files_below(fixture.store.root()), before);
}

#[test]
fn one_bad_file_keeps_the_others_out_unless_told_otherwise() {
    let fixture = Fixture::new();
    let good = fixture.package("hello", "1.0", "amd64", "a");
    let bad = good.with_file_name("bad.deb");
    std::fs::write(&bad, "no package").unwrap();
    let report = fixture.try_add(&[good.clone(), bad.clone()]);
    assert_eq!((report.refused.len(), report.committed.commit), (1, None));
    assert!(matches!(report.refused[0].error, Error::Import(repo_store::error::ImportError::Package { .. })));

    let before = files_below(fixture.store.root());
    let options = AddOptions { keep_going: true, ..AddOptions::default() };
    let files = [good.clone(), bad.clone()];
    let plan = fixture.store.plan_import(&fixture.preprod, &files, &options, &context(0)).unwrap();
    let report = plan.report();
    assert_eq!((report.added.len(), report.refused.len()), (1, 1), "as it would be");
    assert_eq!(files_below(fixture.store.root()), before, "nothing may have changed");

    let report = fixture.store.add(&fixture.preprod, &[good, bad], &options, &context(0)).unwrap();
    assert_eq!((report.added.len(), report.refused.len()), (1, 1));
    assert!(report.committed.commit.is_some());
}

#[test]
fn one_version_has_one_content_in_all_suites_of_a_repository() {
    let fixture = Fixture::new();
    let first = fixture.package("hello", "1.0+deb12u1", "amd64", "one");
    let other = fixture.package("hello", "1.0+deb12u1", "amd64", "other");
    fixture.add(&[first]);
    for suites in [vec![], vec![suite("trixie")]] {
        let options = AddOptions { suites, ..AddOptions::default() };
        let file = std::slice::from_ref(&other);
        let error = fixture.store.add(&fixture.preprod, file, &options, &context(0)).unwrap_err();
        assert_eq!(
            Error::from(error).to_string(),
            "hello 1.0+deb12u1 amd64 is already in preprod (bookworm) with different content"
        );
    }
}

#[test]
fn two_contents_of_one_version_in_one_go_are_refused() {
    let fixture = Fixture::new();
    let files = ["one", "other"].map(|content| fixture.package("hello", "1.0", "amd64", content));
    let report = fixture.try_add(&files);
    assert_eq!((report.added.len(), report.refused.len(), report.committed.commit), (1, 1, None));
}

#[test]
fn what_no_suite_publishes_is_refused() {
    let fixture = Fixture::new();
    let refused = |file, options: &AddOptions| {
        let error = fixture.store.add(&fixture.preprod, &[file], options, &context(0)).unwrap_err();
        Error::from(error).to_string()
    };
    let usual = AddOptions::default();
    assert_eq!(
        refused(fixture.package("hello", "1.0", "riscv64", ""), &usual),
        "hello 1.0 riscv64: bookworm does not publish the architecture riscv64"
    );
    let contrib = AddOptions { component: Some(Component::parse("contrib").unwrap()), ..usual };
    assert_eq!(
        refused(fixture.package("hello", "1.0", "amd64", ""), &contrib),
        "hello 1.0 amd64: bookworm has no component `contrib`"
    );
}

#[test]
fn what_a_rollback_would_bring_back_beside_another_file_of_its_version_is_refused() {
    let fixture = Fixture::new();
    fixture.add(&[fixture.package("hello", "1.0+deb12u1", "amd64", "one")]);
    let selectors = ["hello".parse().unwrap()];
    let plan = fixture.store.plan_removal(&fixture.preprod, &selectors, &[]).unwrap();
    plan.apply(&fixture.store, &context(1)).unwrap();
    let other = fixture.package("hello", "1.0+deb12u1", "amd64", "other");
    let options = AddOptions { suites: vec![suite("trixie")], ..AddOptions::default() };
    let report = fixture.store.add(&fixture.preprod, &[other], &options, &context(2)).unwrap();
    assert!(report.committed.commit.is_some());
    let target = fixture.store.resolve(&fixture.preprod.name, "1").unwrap();
    let result = fixture
        .store
        .plan_rollback(&target, &[suite("bookworm")])
        .unwrap()
        .apply(&fixture.store, &context(3));
    assert!(
        matches!(result, Err(Error::Change(repo_store::error::ChangeError::Conflict { .. }))),
        "{result:?}"
    );
    let whole =
        fixture.store.plan_rollback(&target, &[]).unwrap().apply(&fixture.store, &context(3)).unwrap();
    assert!(whole.commit.is_some(), "the other file goes at the same time");
}

#[test]
fn a_repository_without_suites_takes_nothing() {
    let mut fixture = Fixture::new();
    fixture.preprod.suites.clear();
    let file = fixture.package("hello", "1.0", "all", "x");
    let error =
        fixture.store.add(&fixture.preprod, &[file], &AddOptions::default(), &context(0)).unwrap_err();
    let no_suites =
        |error: &Error| matches!(error, Error::Settings(repo_store::error::SettingsError::NoSuites { .. }));
    assert!(matches!(&error, AddError::Failed(failed) if no_suites(failed)), "{error}");
    assert!(fixture.store.head(&fixture.preprod.name).unwrap().is_none());
}

#[test]
fn versions_that_differ_in_the_epoch_stand_side_by_side() {
    let fixture = Fixture::new();
    let files = ["1.0", "1:1.0"].map(|version| fixture.package("hello", version, "amd64", version));
    assert_eq!(fixture.try_add(&files).added.len(), 2);
}

#[test]
fn a_refused_file_is_an_error_that_names_it_and_says_why() {
    let fixture = Fixture::new();
    let junk = ["one.deb", "two.deb"].map(|name| fixture.file(name, b"junk"));
    let good = fixture.package("hello", "1.0", "amd64", "a");
    let files = [good, junk[0].clone(), junk[1].clone()];
    let error = fixture.store.add(&fixture.preprod, &files, &AddOptions::default(), &context(0)).unwrap_err();
    let text = error.to_string();
    assert_eq!(text, format!("{} was refused (and another file was refused)", junk[0]));
    let chain = std::iter::successors(std::error::Error::source(&error), |error| error.source());
    let chain: Vec<String> = chain.map(ToString::to_string).collect();
    assert!(chain.iter().any(|cause| cause.contains("no ar header")), "it does not say why: {chain:?}");
    let AddError::Refused(refused) = error else { panic!("{error}") };
    assert_eq!(refused.first().file, junk[0]);
    let report = refused.into_report();
    assert_eq!((report.added.len(), report.committed.commit), (1, None));
    assert_eq!(report.refused.iter().map(|one| &one.file).collect::<Vec<_>>(), [&junk[0], &junk[1]]);
    let error = report.into_result().unwrap_err();
    assert!(matches!(error, Error::Import(repo_store::error::ImportError::Package { .. })), "{error}");
    assert!(fixture.store.head(&fixture.preprod.name).unwrap().is_none());
}
