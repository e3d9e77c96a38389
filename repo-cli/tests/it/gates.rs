//! Gates: what must not come into a repository does not, by the right rule, with a sentence that anybody understands.

use std::fs;

use serde_json::Value;
use testkit::{Environment, package};

use crate::{configure, store};

const GATES: &str = "[[gate]]\nto = [\"prod\"]\nnever_backwards = true\nforbid_versions = [\"*~dev*\", \"*+dirty*\"]\n\
    forbid_maintainers = [\"*@gmail.example\"]\nrequire_fields = [\"Vcs-Git\"]\nmax_size = \"1 MiB\"\n";

/// Adds a package with these fields to preprod.
fn add(environment: &Environment, name: &str, version: &str, fields: &str) {
    let file = file(environment, name, version, fields);
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
}

/// Writes a package. Without other fields it has everything that the gates of these tests ask for.
fn file(environment: &Environment, name: &str, version: &str, fields: &str) -> camino::Utf8PathBuf {
    let maintainer = if fields.contains("Maintainer") { "" } else { "Maintainer: Ann <ann@example.org>\n" };
    let source = if fields.contains("Homepage") { "" } else { "Vcs-Git: https://git.example.org/x\n" };
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\n{maintainer}{source}{fields}Description: d\n"
    );
    environment.write(&format!("files/{name}_{version}.deb"), package::with_control(&control))
}

/// The rules that a promotion to prod breaks, and what became of each package, by a preview.
fn foreseen(environment: &Environment, arguments: &[&str]) -> Vec<(String, String, String)> {
    let all = [&["--json", "promote", "--from", "preprod", "--to", "prod", "--dry-run"], arguments].concat();
    let document: Value = serde_json::from_str(&environment.run(&all).stdout).unwrap();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let gates = document["gates"].as_array().cloned().unwrap_or_default();
    gates.iter().map(|one| (text(one, "package"), text(one, "rule"), text(one, "result"))).collect()
}

#[test]
fn each_planted_mistake_is_stopped_by_its_rule() {
    let environment = store();
    configure(&environment, GATES);
    add(&environment, "good", "1.0", "");
    add(&environment, "old", "2.0", "");
    let _ = environment.run(&["promote", "--all", "--from", "preprod", "--to", "prod"]).succeeds();
    let _ = environment.run(&["remove", "preprod", "old", "--yes"]).succeeds();
    for (name, version, fields) in [
        ("dev", "1.0~dev3", ""),
        ("dirty", "1.0+dirty", ""),
        ("stranger", "1.0", "Maintainer: Eve <eve@GMail.example > (at work)\n"),
        ("nowhere", "1.0", "Homepage: https://example.org/\n"),
        ("old", "1.0", ""),
        ("good", "1.1", ""),
    ] {
        add(&environment, name, version, fields);
    }
    let mut all = foreseen(&environment, &["--all"]);
    all.sort();
    let expected = [
        ("dev", "forbid_versions"),
        ("dirty", "forbid_versions"),
        ("nowhere", "require_fields"),
        ("old", "never_backwards"),
        ("stranger", "forbid_maintainers"),
    ];
    let skipped = expected.map(|(name, rule)| (name.to_owned(), rule.to_owned(), "skipped".to_owned()));
    assert_eq!(all, skipped);
    let shown =
        environment.run(&["promote", "--all", "--from", "preprod", "--to", "prod", "--dry-run"]).succeeds();
    insta::assert_snapshot!(shown.stdout, @"
    PACKAGE  VERSION     ARCHITECTURE  SUITES    ACTION
    good     1.0 -> 1.1  all           bookworm  upgrade
    PACKAGE   VERSION    ARCHITECTURE  RESULT   RULE                REASON
    dev       1.0~dev3   all           skipped  forbid_versions     prod takes no version like *~dev*
    dirty     1.0+dirty  all           skipped  forbid_versions     prod takes no version like *+dirty*
    nowhere   1.0        all           skipped  require_fields      it has no field Vcs-Git
    old       1.0        all           skipped  never_backwards     prod already has the newer version 2.0
    stranger  1.0        all           skipped  forbid_maintainers  its maintainer is Eve <eve@GMail.example > (at work), and prod takes nothing from *@gmail.example
    would promote 1 package from preprod to prod
    ");
    // What is named is refused, and nothing of it comes.
    for (name, rule) in expected {
        let refused = environment.run(&["promote", name, "--from", "preprod", "--to", "prod"]);
        assert_eq!(refused.status, Some(1), "{refused}");
        let hint = format!("give --override {rule} --reason TEXT");
        assert!(refused.stderr.contains(rule) && refused.stderr.contains(&hint), "{refused}");
        assert_eq!(foreseen(&environment, &[name])[0].2, "refused");
    }
    // The others come.
    let _ = environment.run(&["promote", "--all", "--from", "preprod", "--to", "prod"]).succeeds();
    let list = environment.run(&["list", "prod"]).succeeds().stdout;
    assert!(list.contains("1.1") && list.contains("2.0"), "{list}");
    assert!(!["dev", "dirty", "stranger", "nowhere"].iter().any(|name| list.contains(name)), "{list}");
    let status = environment.run(&["status"]);
    assert!(status.stdout.contains("5 package files stopped by gates"), "{status}");
}

#[test]
fn a_rule_is_lifted_with_a_reason_that_the_history_keeps() {
    let environment = store();
    configure(&environment, GATES);
    add(&environment, "dev", "1.0~dev3", "Homepage: https://example.org/\n");
    let promote = |more: &[&str]| {
        environment.run(&[&["promote", "dev", "--from", "preprod", "--to", "prod"], more].concat())
    };
    // One rule of two is not enough, a rule needs a reason, and a reason a rule.
    assert_eq!(promote(&["--override", "forbid_versions", "--reason", "urgent"]).status, Some(1));
    for wrong in [
        &["--override", "forbid_versions"][..],
        &["--reason", "urgent"],
        &["--override", "forbid_versions", "--reason", " "],
        &["--override", "age", "--reason", "urgent"],
    ] {
        assert_eq!(promote(wrong).status, Some(2), "{wrong:?}");
    }
    let both =
        ["--override", "forbid_versions", "--override", "require_fields", "--reason", "the outage\nof today"];
    let done = promote(&both).succeeds();
    assert!(done.stdout.contains("overridden"), "{done}");
    let history: Value =
        serde_json::from_str(&environment.run(&["--json", "history", "prod"]).succeeds().stdout).unwrap();
    assert_eq!(history["history"][0]["override"], "forbid_versions require_fields: the outage of today");
    let shown = environment.run(&["history", "prod"]).succeeds();
    assert!(shown.stdout.contains("the outage of today"), "{shown}");
    // An override that was not needed leaves no trace, and the store is sound.
    add(&environment, "good", "1.0", "");
    let _ = environment
        .run(&[
            "promote",
            "good",
            "--from",
            "preprod",
            "--to",
            "prod",
            "--override",
            "max_size",
            "--reason",
            "x",
        ])
        .succeeds();
    let history: Value =
        serde_json::from_str(&environment.run(&["--json", "history", "prod"]).succeeds().stdout).unwrap();
    assert_eq!(history["history"][0].get("override"), None);
    let _ = environment.run(&["fsck"]).succeeds();
    // Going back and forth is never stopped.
    let _ = environment.run(&["undo", "prod", "--yes"]).succeeds();
    let _ = environment.run(&["rollback", "prod", "--to", "0", "--yes"]).succeeds();
    let _ = environment.run(&["rollback", "prod", "--to", "1", "--yes"]).succeeds();
}

#[test]
fn a_version_must_have_been_in_the_source_for_some_time() {
    let environment = store();
    let gate =
        |age: &str| format!("[[gate]]\nto = [\"prod\"]\nfrom = [\"preprod\"]\nminimum_age = \"{age}\"\n");
    configure(&environment, &gate("24h"));
    add(&environment, "hello", "1.0", "");
    let promote = ["promote", "hello", "--from", "preprod", "--to", "prod"];
    let refused = environment.run(&promote);
    assert!(
        refused.status == Some(1)
            && refused.stderr.contains("in preprod, and prod takes what is 1 day old (minimum_age)"),
        "{refused}"
    );
    // What is added comes from no repository.
    let direct = file(&environment, "direct", "1.0", "");
    let _ = environment.run(&["add", "prod", direct.as_str()]).succeeds();
    if let Some(mut tomorrow) = environment.with_clock("+25h") {
        let _ = environment.finish(tomorrow.args(promote).args(["--dry-run"])).succeeds();
    }
    configure(&environment, &gate("1s"));
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let _ = environment.run(&promote).succeeds();
}

#[test]
fn what_is_added_meets_the_gates_as_well() {
    let environment = store();
    configure(&environment, GATES);
    let bad = file(&environment, "dev", "1.0~dev3", "");
    let refused = environment.run(&["--json", "add", "prod", bad.as_str()]);
    let document: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!((refused.status, document["error"]["code"].as_str()), (Some(1), Some("E-GATED")), "{refused}");
    let _ = environment.run(&["add", "preprod", bad.as_str()]).succeeds();
    // A drop folder has nobody who could lift a rule.
    fs::create_dir(environment.path("drop")).unwrap();
    fs::copy(&bad, environment.path("drop/dev.deb")).unwrap();
    let rejected = environment.run(&[
        "incoming",
        "prod",
        environment.path("drop").as_str(),
        "--once",
        "--patience",
        "0",
    ]);
    assert!(rejected.status == Some(1) && rejected.stderr.contains("forbid_versions"), "{rejected}");
    assert!(environment.path("drop/rejected").exists());
    let lifted = ["add", "prod", bad.as_str(), "--override", "forbid_versions", "--reason", "a test"];
    let _ = environment.run(&lifted).succeeds();
    let history: Value =
        serde_json::from_str(&environment.run(&["--json", "history", "prod"]).succeeds().stdout).unwrap();
    assert_eq!(history["history"][0]["override"], "forbid_versions: a test");
    // What is there already came in before.
    let _ = environment.run(&["add", "prod", bad.as_str()]).succeeds();
    // An older version than the newest, and a large one.
    let newer = file(&environment, "hello", "2.0", "");
    let older = file(&environment, "hello", "1.0", "");
    let _ = environment.run(&["add", "prod", newer.as_str()]).succeeds();
    let refused = environment.run(&["add", "prod", older.as_str()]);
    assert!(refused.stderr.contains("prod already has the newer version 2.0 (never_backwards)"), "{refused}");
    // Digits of a hash cannot be packed.
    let digits: String =
        (0..200_u32).map(|number| format!("{:08x}", number.wrapping_mul(2_654_435_761))).collect();
    configure(&environment, "[[gate]]\nto = [\"prod\"]\nmax_size = \"1 KiB\"\n");
    let large = file(&environment, "large", "1.0", &format!("X-Digits: {digits}\n"));
    let refused = environment.run(&["add", "prod", large.as_str()]);
    assert!(refused.stderr.contains("and prod takes at most 1.0 KiB (max_size)"), "{refused}");
}

#[test]
fn a_release_meets_the_gates_and_what_was_overridden_is_in_the_history() {
    let environment = store();
    configure(&environment, GATES);
    add(&environment, "good", "1.0", "");
    add(&environment, "dev", "1.0~dev3", "");
    let release = ["release", "prod", "--from", "preprod"];
    let before = environment.run(&["history", "prod"]).stdout;
    for more in [&["--dry-run"][..], &[]] {
        let refused = environment.run(&[&release, more].concat()).ends_with(1);
        assert!(refused.stderr.contains("prod does not take dev 1.0~dev3 all"), "{refused}");
        assert!(refused.stderr.contains("--override forbid_versions --reason TEXT"), "{refused}");
    }
    assert_eq!(environment.run(&["history", "prod"]).stdout, before);
    let despite = ["--override", "forbid_versions", "--reason", "asked for"];
    let _ = environment.run(&[&release[..], &despite].concat()).succeeds();
    let history = environment.run(&["history", "prod"]).succeeds();
    assert!(history.stdout.contains("override forbid_versions: asked for"), "{history}");
}

#[test]
fn what_was_built_from_a_source_comes_together_or_not_at_all() {
    let environment = store();
    configure(&environment, "[[gate]]\nto = [\"prod\"]\ntogether = \"source\"\nmax_size = \"8 KiB\"\n");
    for name in ["shop-web", "shop-worker"] {
        add(&environment, name, "1.0", "Source: shop\nHomepage: https://example.org/\n");
    }
    add(&environment, "alone", "1.0", "");
    let promote = |names: &[&str]| {
        environment.run(&[&["promote", "--from", "preprod", "--to", "prod"], names].concat())
    };
    let refused = promote(&["shop-web", "alone", "--dry-run"]).ends_with(1);
    let reason = "shop-worker 1.0 all from the same source shop 1.0 would stay behind";
    assert!(refused.stderr.contains(reason) && refused.stderr.contains("--whole-source"), "{refused}");
    assert!(refused.stdout.contains("alone"), "what is whole comes: {refused}");
    let _ = promote(&["shop-web", "shop-worker"]).succeeds();
    // The second is stopped by another rule, so the first stays as well; also when everything is asked for.
    let digits: String =
        (0..1200_u32).map(|number| format!("{:08x}", number.wrapping_mul(2_654_435_761))).collect();
    add(&environment, "shop-web", "2.0", "Source: shop\nHomepage: https://example.org/\n");
    let large = format!("Source: shop\nHomepage: https://example.org/\nX-Digits: {digits}\n");
    add(&environment, "shop-worker", "2.0", &large);
    let mut all = foreseen(&environment, &["--all"]);
    all.sort();
    let expected = [("shop-web", "together"), ("shop-worker", "max_size")];
    let skipped = expected.map(|(name, rule)| (name.to_owned(), rule.to_owned(), "skipped".to_owned()));
    assert_eq!(all, skipped);
    let _ = environment.run(&["release", "prod", "--from", "preprod", "--dry-run"]).ends_with(1);
    let _ = promote(&["shop-web", "--override", "together", "--reason", "urgent"]).succeeds();
    let list = environment.run(&["list", "prod", "shop-web"]).succeeds();
    assert!(list.stdout.contains("2.0"), "{list}");
    let history: Value = serde_json::from_str(&environment.json(&["history", "prod"])).unwrap();
    assert_eq!(history["history"][0]["override"], "together: urgent");
}

#[test]
fn only_what_a_tagged_state_has_comes_in() {
    let environment = store();
    configure(
        &environment,
        "[[gate]]\nto = [\"prod\"]\nfrom = [\"preprod\"]\ntagged = [\"tested-*\", \"qa\"]\n",
    );
    add(&environment, "good", "1.0", "");
    let run = |arguments: &[&str]| environment.run(arguments).succeeds();
    let _ = run(&["tag", "preprod", "before-the-test"]);
    let untagged = vec![("good".to_owned(), "tagged".to_owned(), "skipped".to_owned())];
    assert_eq!(foreseen(&environment, &["--all"]), untagged, "the tag has another name");
    let refused = environment.run(&["promote", "good", "--from", "preprod", "--to", "prod"]).ends_with(1);
    let reason = "no such tag of preprod names a state that has it, and prod takes what a tag like tested-* or qa names";
    assert!(refused.stderr.contains(reason), "{refused}");

    let _ = run(&["tag", "preprod", "tested-1"]);
    add(&environment, "late", "1.0", "");
    let _ = run(&["tag", "preprod", "tested-2"]);
    let _ = run(&["tag", "preprod", "tested-2", "--delete"]);
    assert_eq!(foreseen(&environment, &["good"]), []);
    let late = vec![("late".to_owned(), "tagged".to_owned(), "skipped".to_owned())];
    assert_eq!(foreseen(&environment, &["--all"]), late, "its tag is gone");
    let promoted = run(&["promote", "--all", "--from", "preprod", "--to", "prod"]);
    assert!(promoted.stdout.contains("promoted 1 package"), "{promoted}");
    // It holds for what a release brings, and can be set aside like every other rule.
    let release = environment.run(&["release", "prod", "--from", "preprod", "--dry-run"]).ends_with(1);
    assert!(release.stderr.contains("(tagged)"), "{release}");
    let all =
        ["promote", "--all", "--from", "preprod", "--to", "prod", "--override", "tagged", "--reason", "now"];
    let _ = run(&all);
}
