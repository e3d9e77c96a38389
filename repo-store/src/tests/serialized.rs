//! What serde writes of values that a program keeps or prints.

use camino::Utf8Path;
use deb_parse::{Architecture, SuiteName};
use jiff::Timestamp;
use serde_json::{Value, json, to_value};

use crate::access::scope::TokenScope;
use crate::access::sighting::{SeenRequest, Sighting};
use crate::access::tokens::NewToken;
use crate::context::Context;
use crate::history::selector::Selector;
use crate::model::approval::Approver;
use crate::model::name::{HolderName, RepositoryName};
use crate::operations::import::AddOptions;
use crate::operations::pipeline::PipelineOptions;
use crate::operations::retention::RetentionRule;
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::store::Store;
use crate::tests::packages;

const START: &str = "2026-09-21T14:13:20Z";

fn context() -> Context {
    Context::new("tester", START.parse().unwrap())
}

fn settings(name: &str) -> RepositorySettings {
    let suite = SuiteName::parse("trixie").unwrap();
    let suite = SuiteSettings::new(suite, vec![Architecture::parse("amd64").unwrap()]);
    RepositorySettings::new(RepositoryName::parse(name).unwrap(), vec![suite])
}

/// A store whose `preprod` has two versions of a package.
fn with_store(test: impl FnOnce(&Store, &RepositorySettings)) {
    let directory = tempfile::tempdir().unwrap();
    let top = Utf8Path::from_path(directory.path()).unwrap();
    let store = Store::create(&top.join("root")).unwrap();
    let preprod = settings("preprod");
    let files = ["1.0", "2.0"].map(|version| packages::package(top, "hello", version));
    assert_eq!(store.add(&preprod, &files, &AddOptions::default(), &context()).unwrap().added.len(), 2);
    test(&store, &preprod);
}

#[test]
fn a_token_is_written_without_anything_that_leads_to_its_secret() {
    with_store(|store, preprod| {
        let mut new = NewToken::new(HolderName::parse("ci").unwrap());
        new.scopes = vec![TokenScope::parse("add:hello*").unwrap()];
        new.hashes = |_| Ok(vec!["$5$of-the-secret".to_owned()]);
        let token = store.add_token(&preprod.name, &new, &context()).unwrap();
        let written = to_value(store.tokens(&preprod.name).unwrap()).unwrap();
        let expected = json!([{
            "id": token.id(),
            "holder": "ci",
            "made": START,
            "made_by": "tester",
            "expires": null,
            "groups": [],
            "scopes": ["add:hello*"],
        }]);
        assert_eq!(written, expected);
        let scope: TokenScope = serde_json::from_value(json!("add:hello*")).unwrap();
        assert_eq!(scope, new.scopes[0]);
        assert!(serde_json::from_value::<TokenScope>(json!("everything")).is_err());
    });
}

#[test]
fn machines_are_written_with_names_addresses_and_times_as_text() {
    with_store(|store, preprod| {
        let now: Timestamp = START.parse().unwrap();
        let request = SeenRequest {
            address: [192, 0, 2, 7].into(),
            user: None,
            has_token: false,
            agent: Some("Debian APT-HTTP/1.3 (3.0.3)"),
            path: "dists/trixie/InRelease",
            status: 200,
            time: now,
            publication: None,
        };
        let sighting = Sighting::of(&request, &preprod.name).unwrap();
        store.note_machines(&preprod.name, &[sighting], now).unwrap();
        let expected = json!([{
            "kind": "address",
            "name": "192.0.2.7",
            "first_seen": START,
            "last_seen": START,
            "address": "192.0.2.7",
            "apt": "3.0.3",
            "keyring": null,
            "suites": {"trixie": {"last_asked": START, "sent": null, "accepted": null, "not_accepted": 0}},
        }]);
        assert_eq!(to_value(store.machines(&preprod.name).unwrap()).unwrap(), expected);
    });
}

#[test]
fn approvals_and_what_they_are_planned_for_name_packages() {
    with_store(|store, preprod| {
        let selectors: [Selector; 2] = ["hello=2.0", "absent"].map(|text| text.parse().unwrap());
        let plan = store.plan_approval(&preprod.name, &selectors, false).unwrap();
        let written = to_value(&plan).unwrap();
        assert_eq!(written["repository"], "preprod");
        assert_eq!(written["records"][0]["version"], "2.0");
        assert_eq!(written["unmatched"], json!(["absent"]));
        let again: Selector = serde_json::from_value(written["unmatched"][0].clone()).unwrap();
        assert_eq!(again.to_string(), "absent");
        plan.apply(store, &Approver::user(1000, "tester"), &context()).unwrap();
        let written = to_value(store.approvals(&preprod.name).unwrap()).unwrap();
        assert_eq!(written[0]["approver"], json!({"id": "user 1000", "name": "tester"}));
        assert_eq!(written[0]["key"]["architecture"], "amd64");
    });
}

#[test]
fn what_is_on_its_way_is_written_with_its_blockers_as_a_list() {
    with_store(|store, preprod| {
        let mut prod = settings("prod");
        let until: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
        store.freeze(&prod.name, until, "trial", &context()).unwrap();
        prod.label = Some("Prod".to_owned());
        let all = store.pipeline(&[preprod, &prod], &PipelineOptions::default(), context().now).unwrap();
        let written = to_value(&all).unwrap();
        let entries = written.as_array().unwrap();
        let blocked: Vec<&Value> = entries.iter().filter(|entry| entry["stage"] == "started").collect();
        assert!(!blocked.is_empty(), "{written}");
        assert_eq!(blocked[0]["source"], "hello");
        assert_eq!(blocked[0]["blockers"][0]["blocker"]["gate"]["rule"], "freeze");
        assert_eq!(blocked[0]["blockers"][0]["packages"][0]["package"], "hello");
    });
}

#[test]
fn a_verdict_of_retention_gives_its_reason_in_words() {
    with_store(|store, preprod| {
        let rule = RetentionRule { keep_versions: Some(1), ..RetentionRule::default() };
        let plan = store.plan_retention(preprod, &[rule], context().now).unwrap();
        let verdicts: Vec<Value> =
            plan.verdicts().values().flatten().map(|verdict| to_value(verdict).unwrap()).collect();
        assert_eq!(verdicts.len(), 2);
        for verdict in verdicts {
            assert_eq!(verdict["record"]["package"], "hello");
            assert!(verdict["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{verdict}");
        }
    });
}

#[test]
fn changes_between_two_states_are_written_with_what_came_and_went() {
    with_store(|store, preprod| {
        let head = store.head(&preprod.name).unwrap().unwrap();
        let suite = &preprod.suites[0].name;
        let after = head.snapshot(suite).unwrap();
        let changes =
            store.details(&crate::model::snapshot::Snapshot::default(), &after, &context()).unwrap();
        let written = to_value(changes).unwrap();
        assert_eq!(written[0]["source"], "hello");
        assert_eq!(written[0]["after"], "2.0");
        assert_eq!(written[0]["packages"][0]["contents"]["files"]["removed"], json!([]));
    });
}
