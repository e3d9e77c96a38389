//! Where versions stand on their way: what is started, finished and released.

use serde_json::Value;
use testkit::Environment;

use crate::store;

/// A store in which prod takes what one person approved and no release candidates.
fn with_gates() -> Environment {
    let environment = store();
    let gate =
        "\n[[gate]]\nfrom = [\"preprod\"]\nto = [\"prod\"]\napprovals = 1\nforbid_versions = [\"*~rc*\"]\n";
    let settings = std::fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    std::fs::write(environment.root().join("repo.toml"), settings + gate).unwrap();
    environment
}

/// The rows of the table without the times, and what stands below.
fn shown(environment: &Environment, arguments: &[&str]) -> String {
    let output = environment.run(&[&["pipeline"], arguments].concat()).succeeds();
    let rows = output.stdout.lines().skip(1).map(|line| {
        let words = line.split_whitespace().filter(|word| *word != "UTC" && !word.starts_with("20"));
        words.filter(|word| !word.contains(':') || word.ends_with(':')).collect::<Vec<_>>().join(" ")
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_version_is_shown_where_it_stands_and_with_what_keeps_it_out() {
    let environment = with_gates();
    environment.add("preprod", &["hello=1.0", "other=1.0", "fresh=0.1"]);
    let approve = |version: &str| {
        let _ = environment.run(&["approve", "preprod", version]).succeeds();
    };
    let promote = |name: &str| {
        let _ = environment.run(&["promote", "--from", "preprod", "--to", "prod", name]).succeeds();
    };
    approve("hello=1.0");
    promote("hello");
    environment.add("preprod", &["hello=1.1", "hello=2.0~rc1"]);
    approve("other=1.0");
    insta::assert_snapshot!(shown(&environment, &[]), @"
    fresh 0.1 started preprod (prod has none) tester nobody approved it in preprod, and prod takes what somebody approved
    hello 2.0~rc1 started preprod (prod has 1.0) tester nobody approved it in preprod, and prod takes what somebody approved; prod takes no version like *~rc*
    hello 1.1 started preprod (prod has 1.0) tester nobody approved it in preprod, and prod takes what somebody approved
    hello 1.0 released prod tester
    other 1.0 finished preprod (prod has none) tester
    ");
    // A version that is overtaken is on no way any more.
    approve("hello=1.1");
    environment.add("preprod", &["hello=1.0.5"]);
    insta::assert_snapshot!(shown(&environment, &["hello"]), @"
    hello 2.0~rc1 started preprod (prod has 1.0) tester nobody approved it in preprod, and prod takes what somebody approved; prod takes no version like *~rc*
    hello 1.1 finished preprod (prod has 1.0) tester
    hello 1.0 released prod tester
    ");
    insta::assert_snapshot!(shown(&environment, &["hel*", "--all"]), @"
    hello 2.0~rc1 started preprod (prod has 1.0) tester nobody approved it in preprod, and prod takes what somebody approved; prod takes no version like *~rc*
    hello 1.1 finished preprod (prod has 1.0) tester
    hello 1.0.5 superseded preprod (prod has 1.0) tester nobody approved it in preprod, and prod takes what somebody approved
    hello 1.0 released prod tester
    ");
    let _ = environment.run(&["freeze", "prod", "--until", "5d", "--reason", "holidays"]).succeeds();
    let frozen = environment.run(&["pipeline", "other"]).succeeds();
    assert!(frozen.stdout.contains("started") && frozen.stdout.contains("by tester: holidays"), "{frozen}");
    let _ = environment.run(&["thaw", "prod"]).succeeds();
    // What was taken out again does not come back by itself.
    promote("hello=1.1");
    let _ = environment.run(&["undo", "prod", "--yes"]).succeeds();
    let document: Value = serde_json::from_str(&environment.json(&["pipeline", "hello"])).unwrap();
    assert_eq!(document["channels"], serde_json::json!(["preprod", "prod"]));
    let held = &document["versions"][1];
    assert_eq!((&held["version"], &held["state"]), (&"1.1".into(), &"started".into()), "{document}");
    assert_eq!(held["blocked_by"][0]["rule"], "hold", "{document}");
    assert_eq!(held["next_has"], "1.0", "{document}");
    assert_eq!((&held["actor"], &held["change"]), (&"tester".into(), &2.into()), "{document}");
}

#[test]
fn each_release_has_a_version_of_its_own() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    environment.add("preprod", &["hello=1.0+deb12u1", "hello=1.0+deb13u1"]);
    insta::assert_snapshot!(shown(&environment, &[]), @"
    hello 1.0+deb13u1 finished preprod (prod has none) tester
    hello 1.0+deb12u1 finished preprod (prod has none) tester
    ");
    let _ = environment.run(&["promote", "--from", "preprod", "--to", "prod", "--all"]).succeeds();
    environment.add("preprod", &["hello=1.1+deb13u1"]);
    insta::assert_snapshot!(shown(&environment, &[]), @"
    hello 1.1+deb13u1 finished preprod (prod has 1.0+deb13u1) tester
    hello 1.0+deb13u1 released prod tester
    hello 1.0+deb12u1 released prod tester
    ");
}

#[test]
fn what_was_released_long_ago_is_shown_on_request() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(&["promote", "--from", "preprod", "--to", "prod", "--all"]).succeeds();
    let Some(mut later) = environment.with_clock("+8d") else { return };
    let later = environment.finish(later.arg("pipeline")).succeeds();
    assert_eq!(
        (later.stdout.as_str(), later.stderr.trim_end()),
        ("", "nothing is on its way in preprod -> prod")
    );
    for arguments in [&["pipeline", "--all"][..], &["pipeline", "hello"]] {
        let mut command = environment.with_clock("+8d").unwrap();
        let shown = environment.finish(command.args(arguments)).succeeds();
        assert!(shown.stdout.contains("hello   1.0      released  prod"), "{shown}");
    }
}

#[test]
fn without_an_order_of_repositories_there_is_no_way_to_show() {
    let environment = store();
    let settings = std::fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    let settings: String = settings
        .lines()
        .filter(|line| !line.starts_with("channels"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(environment.root().join("repo.toml"), settings).unwrap();
    let refused = environment.run(&["pipeline"]).ends_with(2);
    assert!(refused.stderr.contains("`channels` in repo.toml names no two repositories"), "{refused}");
}

#[test]
fn a_version_goes_along_the_channels() {
    let environment = store();
    let settings = std::fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    let settings = settings
        .replace("channels = [\"preprod\", \"prod\"]", "channels = [\"preprod\", \"beta\", \"prod\"]");
    std::fs::write(environment.root().join("repo.toml"), settings + "\n[repositories.beta]\n").unwrap();
    environment.add("preprod", &["hello=1.0", "other=1.0"]);
    let along = |from: &str, rest: &[&str]| {
        environment.run(&[&["promote", "--from", from, "--along"], rest].concat())
    };
    let has = |repository: &str| {
        let listed = environment.run(&["list", repository]).succeeds();
        listed.stdout.lines().filter(|line| line.contains("1.0")).count()
    };
    let dry_run = along("preprod", &["hello", "--dry-run"]).succeeds();
    assert!(dry_run.stdout.contains("would promote 1 package from preprod to beta"), "{}", dry_run.stdout);
    assert_eq!(has("beta"), 0);
    let _ = along("preprod", &["--all"]).succeeds();
    let _ = along("beta", &["hello"]).succeeds();
    assert_eq!((has("beta"), has("prod")), (2, 1));
    // Nothing comes after the last, and what stands in no list is on no way.
    let refused = along("prod", &["hello"]).ends_with(2);
    assert!(
        refused.stderr.starts_with("error: --along goes to what comes after --from in `channels`"),
        "{refused}"
    );
    let both =
        environment.run(&["promote", "hello", "--from", "preprod", "--along", "--to", "prod"]).ends_with(2);
    assert!(both.stderr.contains("cannot be used with"), "{}", both.stderr);
}
