//! How states of a repository are named on the command line.

use testkit::Environment;

use crate::{configure, store};

#[test]
fn a_state_is_named_by_its_place_before_the_current_one_or_by_a_time() {
    testkit::on_one_day();
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["hello=2.0"]);
    let held = |revision: &str| {
        let output = environment.run(&["diff", "prod@0", &format!("prod@{revision}"), "--json"]);
        output.stdout.matches("\"version\"").count()
    };
    assert_eq!((held("-1"), held("-2"), held("-0"), held("2")), (1, 0, 2, 2));
    for revision in ["yesterday", "2 hours ago", "-7", "2020-01-01 10:00"] {
        let _ = environment.run(&["rollback", "prod", "--to", revision]).ends_with(1);
    }
    assert_eq!(held("2099-01-01 10:00"), 2);
    let rolled = environment.run(&["rollback", "prod", "--to", "@-1"]).succeeds().stdout;
    assert!(rolled.contains("rolled prod back to 1 (commit "), "{rolled}");
    let _ = environment.run(&["rollback", "prod", "--to", "-1"]).succeeds();
    assert_eq!(held("-0"), 2);
}

#[test]
fn a_state_is_shown_with_all_its_packages() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["other=1.0"]);
    let shown = |state: &str| environment.run(&["show", state]).succeeds().stdout;
    for (state, other) in [("prod", true), ("prod@2", true), ("prod@-1", false), ("prod/bookworm@1", false)] {
        let text = shown(state);
        assert!(text.contains("\nhello "), "{text}");
        assert_eq!(text.contains("\nother "), other, "{text}");
        assert!(text.contains(" by tester: add "), "{text}");
    }
    let document: serde_json::Value = serde_json::from_str(&environment.json(&["show", "prod@1"])).unwrap();
    assert_eq!(document["sequence"], 1);
    assert_eq!(document["packages"].as_array().unwrap().len(), 1);
    let _ = environment.run(&["show", "prod@1", "other"]).ends_with(1);
    let _ = environment.run(&["show", "prod@-1", "hello"]).succeeds();
}

#[test]
fn the_changes_of_a_commit_are_in_json_for_all_packages() {
    let environment = store();
    environment.add("prod", &["hello=1.0", "other=1.0"]);
    let document: serde_json::Value = serde_json::from_str(&environment.json(&["history", "prod"])).unwrap();
    let newest = &document["history"][0];
    assert_eq!(newest["added"], 2);
    let named: Vec<_> = newest["changes"].as_array().unwrap().iter().map(|one| &one["package"]).collect();
    assert_eq!(named, ["hello", "other"]);
}

#[test]
fn adding_by_hand_says_which_hold_ends_and_an_undo_of_nothing_says_so() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let refused = environment.run(&["remove", "prod", "hello", "--undo"]).ends_with(1);
    assert!(
        refused.stderr.contains("no removal from prod took out hello: there is nothing to undo"),
        "{refused}"
    );
    let _ = environment.run(&["remove", "prod", "hello=1.0", "--yes"]).succeeds();
    let file = environment.package("hello", "1.0", "all");
    let arguments = ["add", "prod", file.as_str()];
    let planned = environment.run(&[&arguments[..], &["--dry-run"]].concat()).succeeds();
    assert!(planned.stdout.contains("would end the hold since "), "{planned}");
    let added: serde_json::Value = serde_json::from_str(&environment.json(&arguments)).unwrap();
    let operation = added["added"][0]["ended_hold"]["operation"].as_str().unwrap();
    assert!(operation.starts_with("remove"), "{operation}");
    assert!(!environment.run(&["holds", "prod"]).succeeds().stdout.contains("hello"));
    let again = environment.run(&arguments).succeeds();
    assert!(!again.stdout.contains("hold"), "{again}");
}

/// A listing of an earlier state, and of one suite of it.
#[test]
fn a_state_and_a_suite_can_be_listed() {
    let environment = crate::store();
    for version in ["1.0", "2.0"] {
        let file = environment.package("hello", version, "all");
        let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    }
    for state in ["preprod@-1", "preprod@1", "preprod/bookworm@1"] {
        let listed = environment.run(&["list", state]).succeeds().stdout;
        assert!(listed.contains(" 1.0 ") && !listed.contains("2.0"), "{state}: {listed}");
    }
    let nothing = environment.run(&["list", "preprod@1", "nothing*"]).succeeds();
    assert_eq!(nothing.stderr, "no packages match nothing* in preprod@1\n");
    assert!(environment.run(&["list", "preprod/nowhere"]).ends_with(1).stderr.contains("nowhere"));
}

#[test]
fn versions_are_listed_in_any_state_and_suite() {
    let environment = testkit::Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["hello=2.0"]);
    let versions = |states: &[&str]| {
        let states = states.iter().flat_map(|state| ["--repository", state]);
        let arguments: Vec<&str> = ["versions", "hello"].into_iter().chain(states).collect();
        environment.run(&arguments)
    };
    insta::assert_snapshot!(versions(&["prod@-1", "prod"]), @"
    status: 0
    ---- stdout
    VERSION  ARCHITECTURE  REPOSITORY  SUITES
    1.0      all           prod        bookworm, trixie
    1.0      all           prod@-1     bookworm, trixie
    2.0      all           prod        bookworm, trixie
    ");
    insta::assert_snapshot!(versions(&["prod/trixie@1"]), @"
    status: 0
    ---- stdout
    VERSION  ARCHITECTURE  REPOSITORY  SUITES
    1.0      all           prod@1      trixie
    ");
    insta::assert_snapshot!(versions(&["prod/sid"]).ends_with(1), @"
    status: 1
    ---- stderr
    error: prod has no suite `sid`
    hint: the suites are bookworm, trixie
    ");
    insta::assert_snapshot!(versions(&["prud"]).ends_with(1), @"
    status: 1
    ---- stderr
    error: no repository named `prud`
    hint: did you mean `prod`? (repositories: preprod, prod)
    ");
    insta::assert_snapshot!(versions(&["preprod"]), @"
    status: 0
    ---- stderr
    no packages match hello
    ");
}

#[test]
fn a_tag_that_reads_as_a_time_is_refused_and_an_old_one_is_reached() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["hello=2.0"]);
    for name in ["yesterday", "Today", "now", "tomorrow"] {
        for options in [&[][..], &["--dry-run"]] {
            let refused = environment.run(&[&["tag", "prod", name, "1"], options].concat()).ends_with(1);
            assert!(refused.stderr.contains("it reads as a time"), "{refused}");
        }
    }
    for name in ["@3", "2026-11-26", "3"] {
        assert!(environment.run(&["tag", "prod", name, "1"]).ends_with(2).stderr.contains("number or time"));
    }
    // As an earlier version made it.
    let _ = environment.run(&["tag", "prod", "older", "1"]).succeeds();
    let tags = environment.root().join("store/tags/prod");
    std::fs::rename(tags.join("older"), tags.join("yesterday")).unwrap();
    for state in ["prod@tag:yesterday", "prod@@tag:yesterday"] {
        let shown = environment.run(&["list", state]).succeeds().stdout;
        assert!(shown.contains("1.0") && !shown.contains("2.0"), "{shown}");
    }
    let _ = environment.run(&["rollback", "prod", "--to", "tag:yesterday"]).succeeds();
    let _ = environment.run(&["tag", "prod", "yesterday", "--delete"]).succeeds();
}

#[test]
fn states_and_names_that_are_not_understood_are_answered_with_what_is() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    environment.add("prod", &["hello=1.0"]);
    environment.add("preprod", &["hello=1.0", "tool=1", "tool=2"]);
    let error = |words: &[&str]| environment.run(words).ends_with(1).stderr;
    insta::assert_snapshot!(error(&["rollback", "prod", "--to", "last tuesday"]), @"
    error: prod has no commit `last tuesday`
    hint: run repo-cli history prod; a state is a number, `@-1`, eight digits of an id, a tag (`tag:NAME`) or a time: `2026-11-26`, `2026-11-26 20:16`, `2026-11-26T20:16:00Z`, `yesterday`, `2 hours ago`
    ");
    insta::assert_snapshot!(error(&["rollback", "prod/trixie", "--to", "1"]), @"
    error: no repository named `prod/trixie`
    hint: name the repository alone, prod; where a verb takes a suite, it is --suite trixie
    ");
    insta::assert_snapshot!(error(&["show", "tool"]), @"
    error: `tool` is not a repository but a package
    hint: run repo-cli versions tool, or repo-cli show preprod tool
    ");
    insta::assert_snapshot!(error(&["list", "hello"]), @"
    error: `hello` is not a repository but a package
    hint: run repo-cli versions hello, or repo-cli show preprod hello or repo-cli show prod hello
    ");
    let promote = |what: &str| {
        environment.run(&["promote", what, "--from", "preprod", "--to", "prod"]).succeeds().stdout
    };
    let _ = promote("tool=2");
    let _ = promote("tool=1");
    insta::assert_snapshot!(promote("tool=1"), @"nothing to promote: prod already has tool=1");
    insta::assert_snapshot!(promote("tool"), @"nothing to promote: prod already has the newest version of every match");
}

#[test]
fn a_time_before_the_first_state_is_answered_with_the_time_of_that() {
    testkit::on_one_day();
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    for arguments in [
        &["rollback", "prod", "--to", "yesterday"][..],
        &["rollback", "prod", "--to", "@2 days ago"],
        &["rollback", "prod", "--to", "2001-02-03"],
        &["diff", "prod", "prod@yesterday"],
    ] {
        let refused = environment.run(arguments).ends_with(1).stderr;
        let asked = arguments.last().unwrap().trim_start_matches("prod@");
        let first = refused.lines().next().unwrap();
        assert!(first.starts_with("error: the history of prod begins at 2"), "{refused}");
        assert!(first.ends_with(&format!(" UTC, after `{asked}`")), "{refused}");
        assert!(refused.ends_with("hint: run repo-cli history prod\n"), "{refused}");
    }
    let unknown = environment.run(&["rollback", "prod", "--to", "soon"]).ends_with(1).stderr;
    assert!(unknown.starts_with("error: prod has no commit `soon`\n"), "{unknown}");
}

#[test]
fn what_a_state_changed_is_unknown_when_the_one_before_it_is_not_kept() {
    let environment = store();
    configure(&environment, "[gc]\nkeep_history = 2\n");
    for version in ["1.0", "2.0", "3.0"] {
        environment.add("preprod", &[&format!("hello={version}")]);
    }
    let _ = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
    let history = environment.run(&["history", "preprod"]).succeeds().stdout;
    let lines: Vec<&str> = history.lines().collect();
    assert!(lines.len() == 4 && lines[1].contains(" +1 ") && lines[2].contains(" ? "), "{history}");
    assert_eq!(lines[3], "... what changed up to 2 is not kept any more");
    let json = environment.json(&["history", "preprod"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let [newest, oldest] = &json["history"].as_array().unwrap()[..] else { panic!("{json}") };
    assert!(newest.get("cut_off").is_none() && oldest["cut_off"] == true, "{json}");
    assert_eq!((&oldest["added"], &newest["added"]), (&0.into(), &1.into()), "{json}");
    let of_hello = environment.run(&["history", "preprod", "hello"]).succeeds().stdout;
    assert!(of_hello.contains("+3.0") && !of_hello.contains("+2.0"), "{of_hello}");
}
