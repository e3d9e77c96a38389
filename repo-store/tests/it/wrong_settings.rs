//! Settings that cannot be used are refused by every operation that takes them, wherever they come from.

use apt_index::Encoding;
use deb_parse::{Architecture, Component, SuiteName};
use jiff::SignedDuration;
use repo_store::error::{RouteFault, SettingsError};
use repo_store::history::Operation;
use repo_store::operations::incoming::IncomingOptions;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::settings::{IndexKind, PackageClass, RoutingRule};
use repo_store::{AddOptions, Error, RepositorySettings, SuiteSettings};

use crate::fixture::{Fixture, context, settings};

fn suite(name: &str) -> SuiteName {
    SuiteName::parse(name).unwrap()
}

/// What is wrong with sound settings after they were changed.
#[track_caller]
fn refused(change: impl FnOnce(&mut RepositorySettings)) -> SettingsError {
    let mut settings = settings("prod", &["bookworm", "trixie"]);
    assert_eq!(settings.validate(), Ok(()));
    change(&mut settings);
    settings.validate().unwrap_err()
}

fn rule(component: Option<&str>, suites: &[&str]) -> RoutingRule {
    RoutingRule {
        number: 1,
        class: PackageClass::default(),
        component: component.map(|name| Component::parse(name).unwrap()),
        suites: suites.iter().map(|name| suite(name)).collect(),
    }
}

#[test]
fn each_mistake_has_its_own_refusal() {
    assert!(matches!(refused(|s| s.suites.clear()), SettingsError::NoSuites { .. }));
    assert!(matches!(refused(|s| s.suites[1].name = suite("bookworm")), SettingsError::RepeatedSuite { .. }));
    for alias in ["trixie", "bookworm"] {
        let taken = refused(|s| s.suites[0].alias = Some(suite(alias)));
        assert!(matches!(taken, SettingsError::AliasTaken { .. }), "{alias}");
    }
    let twice = refused(|s| s.suites.iter_mut().for_each(|one| one.alias = Some(suite("stable"))));
    assert!(matches!(twice, SettingsError::AliasTaken { .. }));
    let none = refused(|s| s.suites[1].architectures.clear());
    assert!(matches!(none, SettingsError::NoArchitectures { .. }));
    let all = refused(|s| s.suites[1].architectures.push(Architecture::all()));
    assert!(matches!(all, SettingsError::NotAMachine { .. }));
    assert!(matches!(refused(|s| s.suites[0].components.clear()), SettingsError::NoComponents { .. }));
    let installer = Component::parse("main/debian-installer").unwrap();
    let installer = refused(|s| s.suites[0].components.push(installer));
    assert!(matches!(installer, SettingsError::InstallerComponent { .. }));
    let twice = refused(|s| s.suites[0].components.push(Component::parse("main").unwrap()));
    assert!(matches!(twice, SettingsError::Repeated { .. }));
    let twice = refused(|s| {
        let first = s.suites[0].architectures[0].clone();
        s.suites[0].architectures.push(first);
    });
    assert!(matches!(twice, SettingsError::Repeated { .. }));
    assert!(matches!(refused(|s| s.flat = Some(suite("sid"))), SettingsError::UnknownFlat { .. }));
    assert_eq!(refused(|s| s.encodings.clear()), SettingsError::NoEncoding { kind: None });
    let empty = refused(|s| drop(s.encodings_by_kind.insert(IndexKind::Sources, Vec::new())));
    assert_eq!(empty, SettingsError::NoEncoding { kind: Some(IndexKind::Sources) });
    assert_eq!(refused(|s| s.encodings = vec![Encoding::Zst]), SettingsError::NoCommonEncoding);
    let route = |rule| match refused(|s| s.routing.push(rule)) {
        SettingsError::Route { number: 1, fault } => fault,
        other => panic!("{other}"),
    };
    assert_eq!(route(rule(None, &[])), RouteFault::Nowhere);
    assert!(matches!(route(rule(None, &["sid"])), RouteFault::UnknownSuite { .. }));
    assert!(matches!(route(rule(Some("debug"), &["trixie"])), RouteFault::UnknownComponent { .. }));
    for text in ["", " ", "two\nlines"] {
        let origin = refused(|s| s.origin = Some(text.to_owned()));
        assert!(matches!(origin, SettingsError::NotALine { field: "origin", suite: None, .. }), "{text:?}");
        let version = refused(|s| s.suites[0].version = Some(text.to_owned()));
        assert!(matches!(version, SettingsError::NotALine { field: "version", suite: Some(_), .. }));
    }
    for time in [SignedDuration::ZERO, SignedDuration::from_hours(-1), SignedDuration::MAX] {
        assert!(matches!(refused(|s| s.valid_for = Some(time)), SettingsError::Validity { .. }), "{time}");
    }
}

#[test]
fn every_operation_that_takes_settings_refuses_wrong_ones() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let file = fixture.package("hello", "1.0", "all", "x");
    let good = &fixture.preprod;
    let mut wrong = good.clone();
    wrong.suites[0].architectures.clear();
    let wrong = &wrong;
    let folder = file.parent().unwrap();
    let now = context(0);
    let (add, promote) =
        (AddOptions::default(), PromoteOptions { everything: true, ..PromoteOptions::default() });
    let signer = crate::fixture::signer();
    for (operation, error) in [
        ("add", store.add(wrong, std::slice::from_ref(&file), &add, &now).err().map(Error::from)),
        ("incoming", store.take_incoming(wrong, folder, &IncomingOptions::default(), &now).err()),
        ("promote from", store.plan_promotion(wrong, good, &promote).err()),
        ("promote to", store.plan_promotion(good, wrong, &promote).err()),
        ("remove", store.plan_removal(wrong, &[], &[]).err()),
        ("undo", store.plan_undo_removal(wrong, &[], &[]).err()),
        ("publish", store.publish(wrong, &signer, &now).err()),
        ("sign again", store.sign_again(wrong, &signer, repo_store::PublishOptions::default(), &now).err()),
        ("transact", store.transact_in(wrong, &now, |_| Ok((Operation::Add(Default::default()), ()))).err()),
    ] {
        let is_refused = matches!(error, Some(Error::Settings(SettingsError::NoArchitectures { .. })));
        assert!(is_refused, "{operation}: {error:?}");
    }
    assert!(store.head(&good.name).unwrap().is_none() && file.exists());
}

#[test]
fn a_suite_that_the_settings_lack_is_not_created() {
    let fixture = Fixture::new();
    fixture.add(&[fixture.package("hello", "1.0", "all", "x")]);
    let (store, settings) = (&fixture.store, &fixture.preprod);
    let head = store.head(&settings.name).unwrap().unwrap();
    let record = head.records(&suite("bookworm")).unwrap().remove(0);
    let insert = |settings: &RepositorySettings, name: &str| {
        store.transact_in(settings, &context(1), |transaction| {
            transaction.insert(&suite(name), &record)?;
            Ok((Operation::Add(Default::default()), ()))
        })
    };
    let error = insert(settings, "nosuchsuite").unwrap_err();
    assert!(matches!(error, Error::UnknownSuite { .. }), "{error}");
    assert!(
        !store.head(&settings.name).unwrap().unwrap().commit().suites.contains_key(&suite("nosuchsuite"))
    );
    // A suite that left the settings is still there, and can be changed.
    let fewer = RepositorySettings::new(
        settings.name.clone(),
        vec![SuiteSettings::new(suite("trixie"), vec![Architecture::parse("amd64").unwrap()])],
    );
    assert!(insert(&fewer, "bookworm").is_ok());
}
