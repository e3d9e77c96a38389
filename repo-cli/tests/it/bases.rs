//! `[[base]]`: what clients have besides is read, verified, kept, and named by each check.

use std::fs;

use serde_json::Value;
use testkit::Environment;

use crate::client::sources;
use crate::{configure, store};

const PACKAGES: &str = "Package: libfoo\nVersion: 2.1\nArchitecture: amd64\n";

/// The bases as programs read them.
fn listed(environment: &Environment) -> Vec<Value> {
    let document: Value = serde_json::from_str(&environment.run(&["base", "list", "--json"]).stdout).unwrap();
    document["bases"].as_array().unwrap().clone()
}

fn needs_libfoo(environment: &Environment) {
    let file =
        environment.build("hello", "2.10", "amd64", |builder| builder.field("Depends", "libfoo (>= 2)"));
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
}

#[test]
fn a_file_is_kept_and_the_check_goes_by_what_is_kept() {
    let environment = store();
    needs_libfoo(&environment);
    let file = environment.write("files/Packages", PACKAGES);
    configure(&environment, &format!("[[base]]\nsuite = \"bookworm\"\nsource = \"{file}\"\n"));
    assert_eq!(listed(&environment)[0]["state"], "missing");
    let before = environment.run(&["check", "preprod"]).ends_with(3);
    assert!(before.stderr.contains("was never updated"), "{before}");
    let updated = environment.run(&["base", "update"]).succeeds();
    assert!(updated.stdout.contains("updated 1 of 1 base"), "{updated}");
    let base = &listed(&environment)[0];
    assert_eq!((&base["state"], &base["source"]), (&"current".into(), &file.as_str().into()));
    assert_eq!(base["archives"][0]["indices"][0]["packages"], 1);
    let check: Value = serde_json::from_str(&environment.json(&["check", "preprod"])).unwrap();
    let digest = &base["archives"][0]["indices"][0]["digest"];
    assert_eq!(&check["checked"][0]["bases"][0]["digests"][0], digest);
    // What lies there now does not count before the next update.
    fs::write(&file, PACKAGES.replace("2.1", "1.9")).unwrap();
    let _ = environment.run(&["check", "preprod"]).succeeds();
    let _ = environment.run(&["check", "preprod", "--no-base"]).ends_with(3);
    let _ = environment.run(&["base", "update", "--suite", "bookworm"]).succeeds();
    let found = environment.run(&["check", "preprod"]).ends_with(3);
    assert!(found.stdout.contains("libfoo 1.9 is there"), "{found}");
    // It is an object of the store: a collection of garbage leaves the present one, and fsck knows it.
    let _ = environment.run(&["gc"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
    // A directory with a list that cannot be read is refused: the other lists would pass for all.
    environment.write("files/other_Packages.lz4", "x");
    let folder = environment.path("files");
    configure(&environment, &format!("[[base]]\nsuite = \"bookworm\"\nsource = \"{folder}\"\n"));
    let refused = environment.run(&["base", "update"]).ends_with(1);
    assert!(refused.stderr.contains("no list with this compression can be read"), "{refused}");
    // A base that left the configuration is forgotten.
    configure(&environment, "");
    let _ = environment.run(&["base", "update"]).succeeds();
    assert!(!environment.root().join("store/bases/store").exists());
    let refused = environment.run(&["base", "update", "--suite", "trixie"]).ends_with(1);
    assert!(refused.stderr.contains("no [[base]] in repo.toml is for the suite trixie"), "{refused}");
}

#[test]
fn an_archive_is_verified_and_one_that_fails_leaves_what_was_read_last() {
    let upstream = store();
    let library = upstream.build("libfoo", "2.1", "amd64", |builder| builder);
    let _ = upstream.run(&["add", "prod", library.as_str()]).succeeds();
    let environment = store();
    needs_libfoo(&environment);
    let server = upstream.serve();
    let entry = sources(&upstream, &server, "prod");
    let file = environment.write("store/upstream.sources", &entry);
    configure(
        &environment,
        "[[base]]\nsuite = \"bookworm\"\nsource = \"upstream.sources\"\nmax_age = \"7d\"\n",
    );
    let _ = environment.run(&["base", "update"]).succeeds();
    let first = listed(&environment)[0].clone();
    assert!(first["archives"][0]["date"].is_string(), "{first}");
    let _ = environment.run(&["check", "preprod"]).succeeds();
    let again: Value = serde_json::from_str(&environment.json(&["base", "update"])).unwrap();
    assert_eq!(again["bases"][0]["result"], "unchanged");
    // What the store has lost is fetched again, whatever upstream says.
    let id = again["bases"][0]["archives"][0]["indices"][0]["digest"].as_str().unwrap().to_owned();
    let object = environment.root().join("store/objects").join(&id[..2]).join(&id[2..]);
    fs::remove_file(&object).unwrap();
    let _ = environment.run(&["base", "update"]).succeeds();
    assert!(object.exists());
    let _ = environment.run(&["check", "preprod"]).succeeds();
    // A later state is taken, an older one never.
    let newer = upstream.build("libfoo", "2.2", "amd64", |builder| builder);
    let _ = upstream.run(&["add", "prod", newer.as_str()]).succeeds();
    let third: Value = serde_json::from_str(&environment.json(&["base", "update"])).unwrap();
    assert_eq!(third["bases"][0]["result"], "new");
    assert_eq!(third["bases"][0]["archives"][0]["indices"][0]["packages"], 2);
    // Nobody vouches for it any more: what was read last stays.
    let other = store();
    let strange = sources(&other, &server, "prod");
    fs::write(&file, strange).unwrap();
    let kept = listed(&environment)[0]["archives"].clone();
    let failed = environment.run(&["base", "update"]).ends_with(1);
    assert!(failed.stderr.contains("error: base of bookworm: "), "{failed}");
    assert_eq!(listed(&environment)[0]["archives"], kept);
    let _ = environment.run(&["check", "preprod"]).succeeds();
    // Neither does a source without a key.
    fs::write(&file, format!("deb {}/prod bookworm main\n", server.url())).unwrap();
    let failed = environment.run(&["base", "update"]).ends_with(1);
    assert!(failed.stderr.contains("without Signed-By"), "{failed}");
    drop(server);
    fs::write(&file, entry).unwrap();
    let failed = environment.run(&["base", "update"]).ends_with(1);
    assert!(failed.stderr.contains("what was last read of an archive that failed stays"), "{failed}");
    assert_eq!(listed(&environment)[0]["archives"], kept);
}

#[test]
fn a_suite_of_the_store_is_a_base_without_being_read() {
    let environment = store();
    needs_libfoo(&environment);
    configure(&environment, "[[base]]\nsuite = \"bookworm\"\nsource = \"prod/bookworm\"\n");
    let _ = environment.run(&["check", "preprod"]).ends_with(3);
    let library = environment.build("libfoo", "2.1", "amd64", |builder| builder);
    let _ = environment.run(&["add", "prod", library.as_str()]).succeeds();
    let _ = environment.run(&["check", "preprod"]).succeeds();
    assert_eq!(listed(&environment)[0]["state"], "suite");
    let _ = environment.run(&["base", "update"]).succeeds();
}

#[test]
fn a_backup_brings_the_bases_back() {
    let environment = store();
    needs_libfoo(&environment);
    let file = environment.write("files/Packages", PACKAGES);
    configure(&environment, &format!("[[base]]\nsuite = \"bookworm\"\nsource = \"{file}\"\n"));
    let _ = environment.run(&["base", "update"]).succeeds();
    let (backup, restored) = (environment.path("backup"), environment.path("restored"));
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let _ = environment.run(&["restore", backup.as_str(), restored.as_str()]).succeeds();
    let _ = environment.run(&["--root", restored.as_str(), "check", "preprod"]).succeeds();
    let _ = environment.run(&["--root", restored.as_str(), "fsck"]).succeeds();
    // Damaged, it is moved aside, and read again.
    let document = restored.join("store/bases/store");
    fs::remove_file(&document).unwrap();
    fs::write(&document, "nonsense\n").unwrap();
    let _ = environment.run(&["--root", restored.as_str(), "fsck"]).ends_with(1);
    let _ = environment.run(&["--root", restored.as_str(), "fsck", "--repair"]);
    let _ = environment.run(&["--root", restored.as_str(), "base", "update"]).succeeds();
    let _ = environment.run(&["--root", restored.as_str(), "check", "preprod"]).succeeds();
}

#[test]
fn only_what_got_worse_is_found_against_another_state_and_junit_names_it() {
    let environment = store();
    let broken = environment.build("old", "1", "amd64", |builder| builder.field("Depends", "nothing"));
    let _ = environment.run(&["add", "preprod", broken.as_str()]).succeeds();
    let _ = environment.run(&["check", "preprod", "--against", "preprod@-1"]).ends_with(3);
    needs_libfoo(&environment);
    insta::assert_snapshot!(
        environment.run(&["check", "preprod", "--against", "preprod@-1", "--format", "junit"]).ends_with(3),
        @r#"
    status: 3
    ---- stdout
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites>
      <testsuite name="preprod bookworm amd64" tests="2" failures="1">
        <testcase classname="preprod bookworm amd64" name="0 packages can be installed"/>
        <testcase classname="preprod bookworm amd64" name="hello 2.10">
          <failure message="hello 2.10 needs libfoo (&gt;= 2), which nothing provides"/>
        </testcase>
      </testsuite>
    </testsuites>
    "#
    );
    let library = environment.build("libfoo", "2.1", "amd64", |builder| builder);
    let _ = environment.run(&["add", "preprod", library.as_str()]).succeeds();
    let _ = environment.run(&["check", "preprod", "--against", "preprod@-1"]).succeeds();
    let _ = environment.run(&["check", "preprod"]).ends_with(3);
    let _ = environment.run(&["check", "preprod", "--against", "prod"]).ends_with(2);
}
