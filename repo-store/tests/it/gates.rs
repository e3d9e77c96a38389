//! Gates are asked of what would come now, whatever was there before under the same name.

use camino::Utf8PathBuf;
use jiff::SignedDuration;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::settings::gate::{Gate, GateRule};
use repo_store::{RepositorySettings, Selector};

use crate::fixture::{Fixture, context, settings};

const HOUR: i64 = 3600;

/// A repository that takes what has been in another one for a day.
fn prod() -> RepositorySettings {
    let mut prod = settings("prod", &["bookworm", "trixie"]);
    let mut gate = Gate::default();
    gate.minimum_age = Some(SignedDuration::from_hours(24));
    prod.gates.push(gate);
    prod
}

/// Whether a promotion of hello would be stopped because it is too young.
fn is_too_young(fixture: &Fixture, seconds: i64) -> bool {
    let options = PromoteOptions {
        selectors: vec!["hello".parse().unwrap()],
        now: Some(context(seconds).now),
        ..PromoteOptions::default()
    };
    let plan = fixture.store.plan_promotion(&fixture.preprod, &prod(), &options).unwrap();
    let rules: Vec<GateRule> =
        plan.gated().iter().flat_map(|(_, violations)| violations).map(|violation| violation.rule).collect();
    assert!(rules.iter().all(|rule| *rule == GateRule::MinimumAge), "{rules:?}");
    assert_eq!(plan.changes().is_empty(), !rules.is_empty());
    !rules.is_empty()
}

fn add(fixture: &Fixture, file: &Utf8PathBuf, seconds: i64) {
    let options = repo_store::AddOptions::default();
    let added =
        fixture.store.add(&fixture.preprod, std::slice::from_ref(file), &options, &context(seconds)).unwrap();
    added.into_result().unwrap();
}

fn remove(fixture: &Fixture, seconds: i64) {
    let selectors = ["hello".parse::<Selector>().unwrap()];
    let plan = fixture.store.plan_removal(&fixture.preprod, &selectors, &[]).unwrap();
    plan.apply(&fixture.store, &context(seconds)).unwrap();
}

#[test]
fn other_content_does_not_inherit_the_age_of_what_was_removed() {
    let fixture = Fixture::new();
    let [first, second] =
        ["first", "second"].map(|content| fixture.package("hello", "1.0", "amd64", content));
    add(&fixture, &first, 0);
    assert!(is_too_young(&fixture, 23 * HOUR));
    assert!(!is_too_young(&fixture, 25 * HOUR));
    remove(&fixture, 25 * HOUR);
    add(&fixture, &second, 26 * HOUR);
    for hours in [26, 27, 49] {
        assert!(is_too_young(&fixture, hours * HOUR), "{hours}");
    }
    assert!(!is_too_young(&fixture, 50 * HOUR));
    // Nor does what somebody brought back inherit the time before that.
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let before = head.parent().unwrap().unwrap().parent().unwrap().unwrap();
    fixture.store.plan_rollback(&before, &[]).unwrap().apply(&fixture.store, &context(60 * HOUR)).unwrap();
    assert!(is_too_young(&fixture, 61 * HOUR));
    assert!(!is_too_young(&fixture, 84 * HOUR));
}

/// Statements are kept for years and compared with the history to the byte: another form needs another type beside this one.
#[test]
fn a_statement_about_a_promotion_always_has_the_same_bytes() {
    let fixture = Fixture::new();
    add(&fixture, &fixture.package("hello", "1.0", "amd64", "content"), 0);
    let options =
        PromoteOptions { everything: true, now: Some(context(25 * HOUR).now), ..PromoteOptions::default() };
    let plan = fixture.store.plan_promotion(&fixture.preprod, &prod(), &options).unwrap();
    plan.apply(&fixture.store, &context(25 * HOUR)).unwrap();
    let head = fixture.store.head(&prod().name).unwrap().unwrap();
    let statement = repo_store::history::promotion_statement(&head).unwrap().unwrap();
    let records = head.records(&crate::fixture::suite("bookworm")).unwrap();
    // The digest of the package goes by the compressor.
    let digest = records[0].sha256().unwrap().to_string();
    let statement = statement.replace(&digest, "<digest>").replace(&head.id().to_string(), "<commit>");
    insta::assert_snapshot!(statement, @r#"
    {
      "_type": "https://in-toto.io/Statement/v1",
      "subject": [
        {
          "name": "pool/main/h/hello/hello_1.0_amd64.deb",
          "digest": {
            "sha256": "<digest>"
          }
        }
      ],
      "predicateType": "urn:repo-cli:promotion:v1",
      "predicate": {
        "from": "preprod",
        "to": "prod",
        "suites": [
          "bookworm",
          "trixie"
        ],
        "sequence": 1,
        "commit": "<commit>",
        "date": "2026-09-22T15:13:20Z",
        "actor": "tester",
        "gates": [
          "minimum_age"
        ],
        "override": null,
        "approvals": []
      }
    }
    "#);
}
