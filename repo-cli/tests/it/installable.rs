//! `[[gate]] installable = true`: nothing that makes anything uninstallable comes in, or goes, without somebody's word.

use serde_json::Value;
use testkit::{Apt, Environment, Output};

use crate::attestations::predicate;
use crate::client::sources;
use crate::{configure, store};

const GATE: &str = "[[gate]]\nto = [\"prod\"]\ninstallable = true\n";

/// Adds packages with these fields to a repository, as one change.
fn add(environment: &Environment, repository: &str, packages: &[(&str, &str, &str)]) {
    let mut arguments = vec!["add".to_owned(), repository.to_owned()];
    arguments.extend(packages.iter().map(|package| file(environment, *package)));
    let _ = environment.run(&arguments).succeeds();
}

fn file(environment: &Environment, (name, version, fields): (&str, &str, &str)) -> String {
    let file = environment.build(name, version, "amd64", |builder| {
        fields
            .split("; ")
            .filter_map(|field| field.split_once(": "))
            .fold(builder, |builder, (name, value)| builder.field(name, value))
    });
    file.into_string()
}

/// A store whose clients have these packages besides, and that has the gate.
fn store_with_base(packages: &str) -> Environment {
    let environment = store();
    environment.write("store/base.Packages", packages);
    configure(
        &environment,
        &format!("{GATE}[[base]]\nsuite = \"bookworm\"\nsource = \"base.Packages\"\nmax_age = \"7d\"\n"),
    );
    let _ = environment.run(&["base", "update"]).succeeds();
    environment
}

fn promote(environment: &Environment, arguments: &[&str]) -> Output {
    environment.run(&[&["promote", "--from", "preprod", "--to", "prod"], arguments].concat())
}

/// The sentences of the gate about a promotion, by a preview.
fn reasons(environment: &Environment, arguments: &[&str]) -> Vec<String> {
    let all = [&["--json", "promote", "--from", "preprod", "--to", "prod", "--dry-run"], arguments].concat();
    let document: Value = serde_json::from_str(&environment.run(&all).stdout).unwrap();
    let gates = document["gates"].as_array().cloned().unwrap_or_default();
    gates
        .iter()
        .filter(|one| one["rule"] == "installable")
        .map(|one| one["reason"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_promotion_that_lacks_something_is_refused_in_words_and_goes_through_by_somebodys_word() {
    let environment = store_with_base("Package: libc6\nVersion: 2.36\nArchitecture: amd64\n");
    add(&environment, "prod", &[("libfoo", "1.9", "Depends: libc6")]);
    add(
        &environment,
        "preprod",
        &[("hello", "2.10", "Depends: libfoo (>= 2), libc6"), ("libfoo", "2.0", "Depends: libc6")],
    );
    insta::assert_snapshot!(promote(&environment, &["hello"]), @"
    status: 1
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  RESULT   RULE         REASON
    hello    2.10     amd64         refused  installable  hello 2.10 needs libfoo (>= 2), which only preprod has; prod has 1.9
    ---- stderr
    error: prod does not take hello 2.10 amd64: hello 2.10 needs libfoo (>= 2), which only preprod has; prod has 1.9 (installable)
    hint: to let it in all the same, give --override installable --reason TEXT
    hello 2.10 and libfoo 2.0 must go together: promote all of them, or give --with-dependencies
    ");
    insta::assert_snapshot!(promote(&environment, &["hello", "--dry-run"]).stdout, @"
    PACKAGE  VERSION  ARCHITECTURE  RESULT   RULE         REASON
    hello    2.10     amd64         refused  installable  hello 2.10 needs libfoo (>= 2), which only preprod has; prod has 1.9
    ");
    let lifted = promote(&environment, &["hello", "--override", "installable", "--reason", "libfoo follows"])
        .succeeds();
    assert!(lifted.stdout.contains("overridden"), "{lifted}");
    let history = environment.run(&["history", "prod", "--json"]).succeeds().stdout;
    let history: Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history["history"][0]["override"], "installable: libfoo follows");
    // What is broken already is not made worse by the rest.
    add(&environment, "preprod", &[("other", "1.0", "Depends: libc6")]);
    let _ = promote(&environment, &["other"]).succeeds();
    let _ = promote(&environment, &["libfoo"]).succeeds();
    let _ = environment.run(&["check", "prod"]).succeeds();
}

#[test]
fn both_together_come_in_and_the_rest_of_a_pattern_is_skipped() {
    let environment = store_with_base("Package: base-files\nVersion: 12\nArchitecture: all\n");
    add(
        &environment,
        "preprod",
        &[
            ("hello", "2.10", "Depends: libfoo (>= 2)"),
            ("libfoo", "2.0", ""),
            ("stray", "1.0", "Depends: nowhere"),
            ("needs-stray", "1.0", "Depends: stray"),
        ],
    );
    let promoted = promote(&environment, &["*"]).succeeds();
    assert!(promoted.stdout.contains("promoted 2 packages"), "{promoted}");
    let mut reasons = reasons(&environment, &["*"]);
    reasons.sort();
    insta::assert_snapshot!(reasons.join("\n"), @"
    needs-stray 1.0 needs stray; stray 1.0 needs nowhere, which nothing provides
    stray 1.0 needs nowhere, which nothing provides
    ");
}

#[test]
fn what_is_there_already_is_not_broken_by_what_comes() {
    let environment = store_with_base(
        "Package: tool\nVersion: 1\nArchitecture: amd64\nDepends: libbar (<< 2)\n\nPackage: libbar\nVersion: 1\nArchitecture: amd64\n",
    );
    add(&environment, "prod", &[("helper", "1.0", "Depends: hello (<< 2)"), ("hello", "1.0", "")]);
    add(
        &environment,
        "preprod",
        &[
            ("hello", "2.0", ""),
            ("libbar", "2.0", ""),
            ("enemy", "1.0", "Conflicts: hello"),
            ("fan", "1.0", "Depends: enemy, hello"),
        ],
    );
    insta::assert_snapshot!(reasons(&environment, &["hello"]).join("\n"), @"helper 1.0 needs hello (<< 2), which nothing provides; hello 2.0 is there; hello 1.0 would do, but is not the newest");
    insta::assert_snapshot!(reasons(&environment, &["libbar"]).join("\n"), @"tool 1 of base.Packages cannot be installed: tool 1 needs libbar (<< 2), which nothing provides; libbar 2.0 is there; libbar 1 would do, but is not the newest");
    insta::assert_snapshot!(reasons(&environment, &["enemy", "fan"]).join("\n"), @"fan 1.0 needs enemy; fan 1.0 needs hello; enemy 1.0 conflicts with hello 1.0");
    let _ = promote(&environment, &["enemy"]).succeeds();
}

#[test]
fn a_base_that_is_missing_or_too_old_vouches_for_nothing() {
    let environment = store();
    environment.write("store/base.Packages", "Package: libc6\nVersion: 2.36\nArchitecture: amd64\n");
    configure(
        &environment,
        &format!("{GATE}[[base]]\nsuite = \"bookworm\"\nsource = \"base.Packages\"\nmax_age = \"7d\"\n"),
    );
    add(&environment, "preprod", &[("hello", "1.0", "")]);
    let refused = promote(&environment, &["hello"]).ends_with(1);
    assert!(
        refused.stderr.contains("of bookworm was never updated; update it with `repo-cli base update`"),
        "{refused}"
    );
    let _ = environment.run(&["base", "update"]).succeeds();
    let Some(mut later) = environment.with_clock("+9d") else { return };
    let old = environment
        .finish(later.args(["promote", "--from", "preprod", "--to", "prod", "hello"]))
        .ends_with(1);
    assert!(old.stderr.contains("was last updated 9 days ago, and counts for 7 days"), "{old}");
    let _ = promote(&environment, &["hello"]).succeeds();
    let mut later = environment.with_clock("+9d").unwrap();
    let old = environment.finish(later.args(["remove", "prod", "hello", "--yes"])).ends_with(1);
    assert!(old.stderr.contains("counts for 7 days"), "{old}");
}

#[test]
fn nothing_is_taken_away_that_others_need() {
    let environment = store_with_base("Package: base-files\nVersion: 12\nArchitecture: all\n");
    add(&environment, "prod", &[("libfoo", "1.0", "")]);
    add(&environment, "prod", &[("hello", "1.0", "Depends: libfoo"), ("alone", "1.0", "")]);
    insta::assert_snapshot!(environment.run(&["remove", "prod", "libfoo", "--yes"]), @"
    status: 1
    ---- stderr
    error: a gate of prod asks that everything stays installable: hello 1.0 needs libfoo, which only the present state has (installable)
    hint: to do it all the same, give --override installable --reason TEXT
    ");
    let dry = environment.run(&["remove", "prod", "libfoo", "--yes", "--dry-run"]).ends_with(1);
    assert!(dry.stderr.contains("hello 1.0 needs libfoo"), "{dry}");
    let _ = environment.run(&["remove", "prod", "alone", "--yes"]).succeeds();
    let _ = environment.run(&["remove", "prod", "libfoo", "hello", "--yes"]).succeeds();
    // Bringing back one of the two breaks as much as removing the other.
    let refused = environment.run(&["remove", "--undo", "prod", "hello"]).ends_with(1);
    assert!(refused.stderr.contains("hello 1.0 needs libfoo"), "{refused}");
    let _ = environment.run(&["remove", "--undo", "prod", "hello", "libfoo"]).succeeds();
    let given = ["--override", "installable", "--reason", "hello goes tomorrow"];
    let _ = environment.run(&[&["remove", "prod", "libfoo", "--yes"][..], &given].concat()).succeeds();
    let history = environment.run(&["history", "prod", "--limit", "1", "--json"]).succeeds().stdout;
    assert!(history.contains("hello goes tomorrow"), "{history}");
}

#[test]
fn going_back_meets_the_gate_too() {
    let environment = store_with_base("Package: base-files\nVersion: 12\nArchitecture: all\n");
    add(&environment, "prod", &[("libfoo", "1.0", "")]);
    add(&environment, "prod", &[("libfoo", "2.0", "")]);
    add(&environment, "prod", &[("hello", "1.0", "Depends: libfoo (>= 2)")]);
    let first = ["rollback", "prod", "--to", "1", "--yes"];
    // All of it goes back: nothing is left that needs the new library.
    let _ = environment.run(&[&first[..], &["--dry-run"]].concat()).succeeds();
    add(&environment, "prod", &[("libfoo", "3.0", "")]);
    configure(&environment, &format!("{GATE}[[retention]]\nkeep_versions = 1\n"));
    add(&environment, "prod", &[("strict", "1.0", "Depends: libfoo (>= 3)")]);
    let _ = environment.run(&["remove", "prod", "libfoo=3.0", "--yes"]).ends_with(1);
    let given = ["--override", "installable", "--reason", "it is bad"];
    let _ = environment.run(&[&["remove", "prod", "libfoo=3.0", "--yes"][..], &given].concat()).succeeds();
    // Undoing mends it; undoing that would break it again.
    let _ = environment.run(&["undo", "prod", "--yes"]).succeeds();
    let undone = environment.run(&["undo", "prod", "--yes"]).ends_with(1);
    assert!(undone.stderr.contains("strict 1.0 needs libfoo (>= 3)"), "{undone}");
    let dry = environment.run(&["undo", "prod", "--yes", "--dry-run"]).ends_with(1);
    assert!(dry.stderr.contains("strict 1.0 needs libfoo (>= 3)"), "{dry}");
    let back = environment.run(&["rollback", "prod", "--to", "@-1", "--yes"]).ends_with(1);
    assert!(back.stderr.contains("strict 1.0 needs libfoo (>= 3)"), "{back}");
    let _ = environment.run(&[&["rollback", "prod", "--to", "@-1", "--yes"][..], &given].concat()).succeeds();
}

#[test]
fn what_is_added_and_dropped_meets_the_gate() {
    let environment = store_with_base("Package: base-files\nVersion: 12\nArchitecture: all\n");
    let broken = file(&environment, ("hello", "1.0", "Depends: nowhere"));
    let good = file(&environment, ("good", "1.0", ""));
    let refused = environment.run(&["add", "prod", &broken, &good]).ends_with(1);
    assert!(refused.stderr.contains("hello 1.0 needs nowhere, which nothing provides"), "{refused}");
    let kept = environment.run(&["add", "prod", "--keep-going", &broken, &good]).ends_with(1);
    assert!(kept.stdout.contains("good"), "{kept}");
    let listed = environment.run(&["list", "prod"]).succeeds().stdout;
    assert!(listed.contains("good") && !listed.contains("hello"), "{listed}");
    let _ = environment.run(&["add", "preprod", &broken]).succeeds();
    let given = ["--override", "installable", "--reason", "nowhere comes with the image"];
    let _ = environment.run(&[&["add", "prod", &broken][..], &given].concat()).succeeds();
    let folder = environment.path("drop");
    std::fs::create_dir(&folder).unwrap();
    let other = file(&environment, ("other", "1.0", "Depends: missing"));
    std::fs::copy(other, folder.join("other_1.0_amd64.deb")).unwrap();
    let dropped = environment.run(&["incoming", "prod", folder.as_str(), "--once"]);
    assert!(dropped.stderr.contains("other 1.0 needs missing"), "{dropped}");
}

#[test]
fn what_is_needed_comes_along_and_nothing_else() {
    let environment = store_with_base("Package: libc6\nVersion: 2.36\nArchitecture: amd64\n");
    add(&environment, "prod", &[("app", "1.0", "Depends: hello (<< 2)"), ("hello", "1.0", "")]);
    add(
        &environment,
        "preprod",
        &[
            ("hello", "2.0", "Depends: libfoo (>= 2), libc6"),
            ("libfoo", "2.0", "Depends: libdeep"),
            ("libdeep", "1.0", ""),
            ("app", "2.0", "Depends: hello (>= 2)"),
            ("bystander", "1.0", ""),
        ],
    );
    insta::assert_snapshot!(promote(&environment, &["hello"]).ends_with(1).stderr, @"
    error: prod does not take hello 2.0 amd64: app 1.0 needs hello (<< 2), which nothing provides; hello 2.0 is there; hello 1.0 would do, but is not the newest (installable); hello 2.0 needs libfoo (>= 2), which only preprod has (installable)
    hint: to let it in all the same, give --override installable --reason TEXT
    app 2.0, hello 2.0, libdeep 1.0 and libfoo 2.0 must go together: promote all of them, or give --with-dependencies
    ");
    insta::assert_snapshot!(promote(&environment, &["hello", "--with-dependencies"]).succeeds(), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION     ARCHITECTURE  SUITES    ACTION
    app      1.0 -> 2.0  amd64         bookworm  upgrade
    hello    1.0 -> 2.0  amd64         bookworm  upgrade
    libdeep  1.0         amd64         bookworm  add
    libfoo   2.0         amd64         bookworm  add
    ALONG    VERSION  ARCHITECTURE  WHY
    app      2.0      amd64         app 1.0 needs hello (<< 2), which nothing provides; hello 2.0 is there; hello 1.0 would do, but is not the newest
    libdeep  1.0      amd64         app 2.0 needs hello (>= 2); hello 2.0 needs libfoo (>= 2); libfoo 2.0 needs libdeep, which only preprod has
    libfoo   2.0      amd64         hello 2.0 needs libfoo (>= 2), which only preprod has
    promoted 4 packages from preprod to prod (commit 2), published <PUBLICATION>
    undo with: repo-cli undo prod
    ");
    let _ = environment.run(&["check", "prod"]).succeeds();
    let listed = environment.run(&["list", "prod"]).succeeds().stdout;
    assert!(!listed.contains("bystander"), "{listed}");
}

#[test]
fn config_check_names_a_gate_without_a_base() {
    let environment = store();
    configure(&environment, GATE);
    let checked = environment.run(&["config", "check"]).succeeds();
    assert!(checked.stderr.contains("no [[base]] is for bookworm"), "{checked}");
}

#[test]
fn apt_installs_what_the_gate_lets_in() {
    let upstream = store();
    add(&upstream, "prod", &[("libc6", "2.36", ""), ("libssl3", "3.0", "Depends: libc6")]);
    let environment = store();
    let base = upstream.serve();
    let entry = sources(&upstream, &base, "prod");
    environment.write("store/upstream.sources", &entry);
    configure(
        &environment,
        &format!("{GATE}[[base]]\nsuite = \"bookworm\"\nsource = \"upstream.sources\"\n"),
    );
    let _ = environment.run(&["base", "update"]).succeeds();
    add(
        &environment,
        "preprod",
        &[
            ("hello", "2.10", "Depends: libfoo (>= 2), libssl3"),
            ("libfoo", "2.0", "Depends: libc6"),
            ("broken", "1.0", "Depends: libssl3 (>= 4)"),
        ],
    );
    let _ = promote(&environment, &["hello", "--with-dependencies"]).succeeds();
    let refused = promote(&environment, &["broken"]).ends_with(1);
    assert!(refused.stderr.contains("broken 1.0 needs libssl3 (>= 4)"), "{refused}");
    let given = ["broken", "--override", "installable", "--reason", "to see what apt says"];
    let _ = promote(&environment, &given).succeeds();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    apt.source("upstream", &entry);
    let server = environment.serve();
    apt.source("prod", &sources(&environment, &server, "prod"));
    let _ = apt.update().succeeds();
    let _ = apt.get(&["install", "-s", "hello"]).succeeds();
    let _ = apt.get(&["install", "-s", "broken"]).ends_with(100);
}

#[test]
fn a_base_that_is_lost_stops_nobody_who_decides_that_it_does_not_count() {
    let environment = store_with_base("Package: libc6\nVersion: 2.36\nArchitecture: amd64\n");
    add(&environment, "prod", &[("libfoo", "1.9", "Depends: libc6")]);
    add(&environment, "preprod", &[("libfoo", "2.0", "Depends: libc6"), ("tool", "1.0", "Depends: libc6")]);
    let _ = promote(&environment, &["libfoo"]).succeeds();
    let bases: Value = serde_json::from_str(&environment.json(&["base", "list"])).unwrap();
    let id = bases["bases"][0]["archives"][0]["indices"][0]["digest"].as_str().unwrap().to_owned();
    let object = environment.root().join("store/objects").join(&id[..2]).join(&id[2..]);
    std::fs::remove_file(object).unwrap();
    // Nothing passes unjudged by itself.
    let _ = promote(&environment, &["tool"]).ends_with(1);
    let _ = environment.run(&["undo", "prod"]).ends_with(1);
    let despite = ["--override", "installable", "--reason", "the base is lost"];
    let _ = promote(&environment, &[&["tool"][..], &despite].concat()).succeeds();
    for verb in [&["remove", "prod", "tool"][..], &["rollback", "prod", "--to", "1"]] {
        let _ = environment.run(&[verb, &despite].concat()).succeeds();
    }
    let history = environment.run(&["history", "prod"]).succeeds();
    assert!(history.stdout.contains("the base is lost"), "{history}");
    // An update brings it back.
    let _ = environment.run(&["base", "update"]).succeeds();
    let _ = promote(&environment, &["tool", "--despite-hold"]).succeeds();
}

#[test]
fn a_version_that_was_asked_for_is_never_overtaken_by_what_comes_along() {
    let environment = store_with_base("Package: libc6\nVersion: 2.36\nArchitecture: amd64\n");
    add(&environment, "prod", &[("lib", "1", ""), ("cli", "1", "Depends: lib (= 1)")]);
    let versions = [("lib", "2", ""), ("lib", "3", ""), ("cli", "3", "Depends: lib (>= 3)")];
    add(&environment, "preprod", &versions);
    let refused = promote(&environment, &["lib=2", "--with-dependencies"]).ends_with(1);
    assert!(!refused.stdout.contains("promoted"), "{refused}");
    let list = environment.run(&["list", "prod"]).succeeds();
    assert!(!list.stdout.contains(" 3 "), "{list}");
    let _ = promote(&environment, &["lib=3", "--with-dependencies"]).succeeds();
    let attested = environment.run(&["show", "prod", "--attestations"]).succeeds().stdout;
    assert_eq!(predicate(&attested)["gates"].to_string(), r#"["installable"]"#);
}
