//! `check`: packages that cannot be installed.

use std::io::Write as _;

use serde_json::Value;
use testkit::Environment;

use crate::store;

/// Adds packages with these dependencies to `preprod`.
fn add(environment: &Environment, repository: &str, packages: &[(&str, &str, &str)]) {
    for (name, version, depends) in packages {
        let file = environment.build(name, version, "amd64", |builder| match *depends {
            "" => builder,
            depends => builder.field("Depends", depends),
        });
        let _ = environment.run(&["add", repository, file.as_str()]).succeeds();
    }
}

#[test]
fn what_cannot_be_installed_is_found_with_the_reason() {
    let environment = store();
    add(
        &environment,
        "preprod",
        &[
            ("hello", "2.10", "libfoo (>= 2)"),
            ("libfoo", "1.9", ""),
            ("app", "1.0", "hello"),
            ("alone", "1.0", ""),
        ],
    );
    insta::assert_snapshot!(environment.run(&["check", "preprod"]), @"
    status: 3
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    REASON
    app      1.0      amd64         bookworm  app 1.0 needs hello; hello 2.10 needs libfoo (>= 2), which nothing provides; libfoo 1.9 is there
    hello    2.10     amd64         bookworm  hello 2.10 needs libfoo (>= 2), which nothing provides; libfoo 1.9 is there
    2 packages cannot be installed, 2 packages can (newest versions)
    ");
    let json = environment.run(&["check", "preprod", "--json"]).ends_with(3).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["view"], "newest");
    assert_eq!(json["checked"][0]["installable"], 2);
    assert_eq!(json["findings"][1]["package"], "hello");
    assert_eq!(json["findings"][1]["verdict"], "broken");
}

#[test]
fn what_clients_have_besides_comes_from_files_plain_or_compressed() {
    let environment = store();
    add(&environment, "preprod", &[("hello", "2.10", "libfoo (>= 2)")]);
    let index = "Package: libfoo\nVersion: 2.1\nArchitecture: amd64\n";
    let plain = environment.write("files/Packages", index);
    let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(index.as_bytes()).unwrap();
    let packed = environment.write("files/Packages.xz", encoder.finish().unwrap());
    for base in [&plain, &packed] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(environment.run(&["check", "preprod", "--base", base.as_str()]), @"
            status: 0
            ---- stdout
            1 package can be installed (newest versions)
            ");
        }
    }
    let wrong = environment.write("files/wrong", "Package: libfoo\nVersion: x\nArchitecture: amd64\n");
    let refused = environment.run(&["check", "preprod", "--base", wrong.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("files/wrong: line 2, column 10, field Version"), "{}", refused.stderr);
    let missing = environment.run(&["check", "preprod", "--base", "nowhere"]).ends_with(1);
    assert!(missing.stderr.contains("cannot read nowhere"), "{}", missing.stderr);
}

#[test]
fn what_clients_have_besides_comes_from_another_repository_of_the_store() {
    let environment = store();
    add(&environment, "preprod", &[("hello", "2.10", "libfoo (>= 2)")]);
    add(&environment, "prod", &[("libfoo", "2.0", "")]);
    for base in ["prod", "prod/bookworm"] {
        let _ = environment.run(&["check", "preprod", "--base-suite", base]).succeeds();
    }
    let _ = environment.run(&["check", "preprod", "--base-suite", "nothing"]).ends_with(1);
}

#[test]
fn an_older_version_counts_only_when_asked_for() {
    let environment = store();
    add(
        &environment,
        "preprod",
        &[("libfoo", "1.0", ""), ("libfoo", "2.0", ""), ("old", "1.0", "libfoo (<< 2)")],
    );
    insta::assert_snapshot!(environment.run(&["check", "preprod"]), @"
    status: 3
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    REASON
    old      1.0      amd64         bookworm  old 1.0 needs libfoo (<< 2), which nothing provides; libfoo 2.0 is there; libfoo 1.0 would do, but is not the newest
    1 package cannot be installed, 1 package can (newest versions)
    ");
    insta::assert_snapshot!(environment.run(&["check", "preprod", "--all-versions"]), @"
    status: 0
    ---- stdout
    3 packages can be installed (all versions)
    ");
}

#[test]
fn a_repository_without_packages_has_nothing_to_check() {
    insta::assert_snapshot!(store().run(&["check", "prod"]), @"
    status: 0
    ---- stderr
    no packages in prod
    ");
}

/// What would be read for the first architecture alone, or not at all, is refused.
#[test]
fn a_base_is_a_file_and_an_architecture_one_of_the_repository() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let pipe = environment.path("pipe");
    let _ = environment.other(&["mkfifo", pipe.as_str()]).status().unwrap();
    for base in [pipe.as_str(), "/dev/null", environment.root().as_str()] {
        let refused = environment.run(&["check", "prod", "--base", base]).ends_with(1);
        assert!(refused.stderr.contains("it is not a regular file"), "{refused}");
    }
    environment.write("Packages.xz", "no archive");
    let base = environment.path("Packages.xz");
    let refused = environment.run(&["check", "prod", "--base", base.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("Packages.xz: the compressed data is damaged"), "{refused}");
    let refused = environment.run(&["check", "prod", "--architecture", "amd46"]).ends_with(2);
    assert!(refused.stderr.contains("nothing for"), "{refused}");
}

#[test]
fn machines_that_nothing_is_built_for_are_checked_when_they_are_asked_for() {
    let environment = store();
    let text = std::fs::read_to_string(environment.path("store/repo.toml")).unwrap();
    environment.write(
        "store/repo.toml",
        text.replace("architectures = [\"amd64\"]", "architectures = [\"amd64\", \"arm64\"]"),
    );
    add(&environment, "prod", &[("greeter", "1.0", "")]);
    let hello = environment.build("hello", "1.0", "all", |builder| builder.field("Depends", "greeter"));
    let _ = environment.run(&["add", "prod", hello.as_str()]).succeeds();
    let _ = environment.run(&["check", "prod"]).succeeds();
    let found = environment.run(&["check", "prod", "--architecture", "arm64"]).ends_with(3);
    assert!(found.stdout.contains("hello 1.0 needs greeter, which nothing provides"), "{found}");
}

#[test]
fn an_upgrade_is_tried_from_another_repository_and_from_another_release() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    let add = |place: &str, packages: &[(&str, &str, &str)]| {
        let (repository, suite) = place.split_once('/').unwrap();
        for (name, version, depends) in packages {
            let file = environment.build(name, version, "amd64", |builder| match *depends {
                "" => builder,
                depends => builder.field("Depends", depends),
            });
            let _ = environment.run(&["add", repository, "--suite", suite, file.as_str()]).succeeds();
        }
    };
    add("prod/bookworm", &[("app", "1.0", "libfoo (<< 2)"), ("libfoo", "1.0", ""), ("hello", "2.10-3", "")]);
    add("prod/trixie", &[("hello", "2.10-2", "")]);
    add("preprod/bookworm", &[("libfoo", "2.0", ""), ("hello", "2.12", "nowhere")]);
    insta::assert_snapshot!(environment.run(&["check", "preprod", "--upgrade-from", "prod"]), @"
    status: 3
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    REASON
    hello    2.12     amd64         bookworm  hello 2.12 needs nowhere, which nothing provides
    PACKAGE  VERSION  FROM  ARCHITECTURE  SUITES    PROBLEM    REASON
    app      1.0      prod  amd64         bookworm  removed    app 1.0 needs libfoo (<< 2); only one of libfoo 2.0 and libfoo 1.0 can be installed
    hello    2.10-3   prod  amd64         bookworm  kept-back  hello 2.12 needs nowhere, which nothing provides
    1 package cannot be installed, 1 package can (newest versions)
    upgrade from prod: 2 problems
    ");
    insta::assert_snapshot!(environment.run(&["check", "prod/trixie", "--upgrade-from", "bookworm"]), @"
    status: 3
    ---- stdout
    PACKAGE  VERSION  FROM           ARCHITECTURE  SUITES  PROBLEM        REASON
    hello    2.10-3   prod/bookworm  amd64         trixie  older-version  prod/trixie has 2.10-2
    1 package can be installed (newest versions)
    upgrade from prod/bookworm: 1 problem
    ");
    let junit =
        environment.run(&["check", "prod/trixie", "--upgrade-from", "prod/bookworm", "--format", "junit"]);
    insta::assert_snapshot!(junit.ends_with(3).stdout, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites>
      <testsuite name="prod/trixie trixie amd64" tests="2" failures="1">
        <testcase classname="prod/trixie trixie amd64" name="1 package can be installed"/>
        <testcase classname="prod/trixie trixie amd64" name="hello 2.10-3: older-version">
          <failure message="prod/trixie has 2.10-2"/>
        </testcase>
      </testsuite>
    </testsuites>
    "#);
    let smooth = environment.run(&["check", "prod", "--upgrade-from", "prod@-1"]).succeeds();
    assert!(smooth.stdout.contains("upgrade from prod@-1: no problems"), "{smooth}");
    // The state before had the same problems.
    let against = ["check", "preprod", "--upgrade-from", "prod", "--against", "preprod"];
    let known = environment.run(&against).succeeds();
    assert!(known.stdout.contains("upgrade from prod: no problems"), "{known}");
    // A suite that the origin does not have is named, and it is an error if that is all.
    let partly = environment.run(&["check", "prod", "--upgrade-from", "preprod"]).ends_with(3);
    assert!(partly.stdout.contains("upgrade from preprod not tried for trixie (amd64)"), "{partly}");
    let untried = environment.run(&["check", "prod/trixie", "--upgrade-from", "preprod"]).ends_with(2);
    assert!(untried.stderr.contains("--upgrade-from names a state that has no packages"), "{untried}");
    let unknown = environment.run(&["check", "prod", "--upgrade-from", "sid"]).ends_with(1);
    assert!(unknown.stderr.contains("no repository named `sid`"), "{unknown}");
}

#[test]
fn files_that_two_packages_have_are_found_where_dpkg_would_refuse_them() {
    let environment = store();
    let tool = |name: &str, path: &str, fields: &[(&str, &str)]| {
        environment.build(name, "1.0", "amd64", |builder| {
            let builder = builder.file(path, b"x", 0o755);
            fields.iter().fold(builder, |builder, (field, value)| builder.field(*field, *value))
        })
    };
    let files = [
        tool("first", "usr/bin/tool", &[]),
        tool("second", "bin/tool", &[]),
        tool("third", "usr/bin/tool", &[("Replaces", "first (>= 1), second"), ("Breaks", "nothing")]),
        tool("rival", "usr/bin/tool", &[("Conflicts", "first, second, third")]),
        tool("other", "usr/bin/other", &[]),
    ];
    for file in &files {
        let _ = environment.run(&["add", "prod", file.as_str()]).succeeds();
    }
    insta::assert_snapshot!(environment.run(&["check", "prod", "--file-conflicts"]), @"
    status: 3
    ---- stdout
    PACKAGE  VERSION  FROM  ARCHITECTURE  SUITES    PROBLEM        REASON
    first    1.0      prod  amd64         bookworm  file-conflict  second 1.0 also has usr/bin/tool, and neither replaces the other
    5 packages can be installed (newest versions)
    file conflicts: 1 problem
    ");
    let diverting = environment.build("second", "1.1", "amd64", |builder| {
        let script = "#!/bin/sh\ndpkg-divert --package second --add --rename /usr/bin/tool\n";
        builder.maintainer_script("preinst", script).file("usr/bin/tool", b"x", 0o755)
    });
    let _ = environment.run(&["add", "prod", diverting.as_str()]).succeeds();
    let found = environment.run(&["check", "prod", "--file-conflicts"]).succeeds();
    assert!(found.stdout.contains("file conflicts: no problems"), "{found}");
    let _ = environment.run(&["check", "prod@-1", "--file-conflicts"]).ends_with(3);
    let _ = environment.run(&["check", "prod@-1", "--file-conflicts", "--against", "prod@-1"]).succeeds();
}

#[test]
fn sources_are_checked_for_what_builds_them_and_what_was_built_from_them() {
    let environment = store();
    let source = |name: &str, version: &str, needs: &str| {
        let source = testkit::Source::new(&environment.path("files"), name, version);
        source.field("Build-Depends", needs).native().into_string()
    };
    let package = |name: &str, version: &str, architecture: &str, source: &str| {
        let file = environment.build(name, version, architecture, |builder| builder.field("Source", source));
        file.into_string()
    };
    for file in [
        source(
            "greet",
            "2.0",
            "debhelper (>= 13), libacl-dev [linux-any], winsock [windows-any], check <!nocheck>",
        ),
        source("quiet", "1.0", "debhelper"),
        package("greet-data", "2.0", "all", "greet"),
        package("greet", "1.0", "amd64", "greet"),
        package("debhelper", "13.11", "all", "debhelper"),
        package("libacl-dev", "1.0", "amd64", "libacl-dev"),
    ] {
        let _ = environment.run(&["add", "prod", &file]).succeeds();
    }
    insta::assert_snapshot!(environment.run(&["check", "prod", "--sources"]), @"
    status: 3
    ---- stdout
    PACKAGE         VERSION  FROM  ARCHITECTURE  SUITES    PROBLEM           REASON
    src:debhelper   13.11    prod  source        bookworm  no-source         the suite has debhelper without it
    src:greet       1.0      prod  source        bookworm  no-source         the suite has greet without it
    src:greet       2.0      prod  amd64         bookworm  build-dependency  src:greet 2.0 needs check, which nothing provides
    src:greet       2.0      prod  amd64         bookworm  out-of-step       packages for all are from 2.0, those for amd64 from 1.0
    src:libacl-dev  1.0      prod  source        bookworm  no-source         the suite has libacl-dev without it
    src:quiet       1.0      prod  source        bookworm  no-binaries       no package of the suite was built from this version
    4 packages can be installed (newest versions)
    sources: 6 problems
    ");
    let junit = environment.run(&["check", "prod", "--sources", "--format", "junit"]).ends_with(3).stdout;
    assert!(
        junit.contains("<testsuite name=\"prod bookworm source\" tests=\"4\" failures=\"4\">"),
        "{junit}"
    );
    assert_eq!(junit.matches("<failure").count(), 6, "{junit}");
    // A repository without sources misses none.
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(&["check", "preprod", "--sources"]).succeeds();
}
