//! What indices say is read by every apt as dpkg reads the packages.
//!
//! With `REPO_TEST_CHROOT` the apt of another Debian release is asked: see [`Apt`].

mod generator;
mod oracle;

use std::fs;

use camino::Utf8Path;
use testkit::{Apt, Environment, Server, Source};

use crate::{PROGRAM, configure, store};

/// The fields of a binary package that dpkg and apt read, but for `Provides`, where apt knows no operator but `=`.
const FIELDS: [&str; 8] =
    ["Depends", "Pre-Depends", "Recommends", "Suggests", "Enhances", "Breaks", "Conflicts", "Replaces"];

/// A client of `preprod`. It asks for no signature: apt 2.2 takes no key in an entry.
fn client<'e>(environment: &'e Environment, server: &Server) -> Option<Apt<'e>> {
    let apt = Apt::new(environment, "client")?;
    let entry = format!(
        "Types: deb deb-src\nURIs: {}/preprod/\nSuites: bookworm\nComponents: main\nTrusted: yes\n",
        server.url()
    );
    apt.source("preprod", &entry);
    Some(apt)
}

/// An index of `bookworm`, uncompressed.
fn index(environment: &Environment, repository: &str, path: &str) -> String {
    let path = environment.public(repository).join("dists/bookworm/main").join(path);
    environment.finish(environment.other(&["zcat"]).arg(path)).succeeds().stdout
}

/// The fields that tell the packages of the tests apart.
fn fields(index: &str) -> String {
    let names = ["Package", "Provides", "Depends", "Multi-Arch", "Build-Depends"];
    let is_told = |line: &&str| line.split_once(':').is_some_and(|(name, _)| names.contains(&name));
    index.lines().filter(is_told).collect::<Vec<_>>().join("\n")
}

#[test]
fn forms_that_dpkg_takes_and_some_apt_does_not_reach_no_client() {
    let environment = store();
    let mut files = vec![
        environment.package("tester", "1", "all"),
        environment.package("fine", "1", "amd64"),
        environment.package("build-essential", "1", "all"),
    ];
    let mut names = vec!["fine".to_owned()];
    let mut package = |field: &str, value: &str| {
        let name = format!("odd{}", names.len());
        files.push(environment.build(&name, "1", "amd64", |builder| builder.field(field, value)));
        names.push(name);
    };
    for value in ["", "aa (=1)", "aa(1)", "aa (= 1), bb ( 2 )"] {
        package("Provides", value);
    }
    for field in FIELDS {
        for value in
            ["", "aa (=1)", "aa(>1)", "aa (<9)", "aa (1)", "aa (12)", "bb, aa:any\t(=\t1 ),\n cc(<1)"]
        {
            package(field, value);
        }
    }
    for field in ["Essential", "Multi-Arch", "Homepage", "Tag", "Built-Using", "Bugs", "X-Empty"] {
        package(field, "");
    }
    package("Multi-Arch", "Foreign");
    let arguments: Vec<&str> =
        ["add", "preprod"].into_iter().chain(files.iter().map(|file| file.as_str())).collect();
    let _ = environment.run(&arguments).succeeds();
    let needs = Source::new(&environment.path("files"), "needs", "1")
        .field("Build-Depends", "tester < !nocheck >, fine [i386\n amd64], fine (=1)");
    let _ = environment.run(&["add", "preprod", needs.native().as_str()]).succeeds();

    let packages = index(&environment, "preprod", "binary-amd64/Packages.gz");
    let empty = packages.lines().find(|line| line.ends_with(':'));
    assert_eq!(empty, None);
    assert!(packages.contains("\nProvides: aa (= 1), bb (= 2)\n"), "{packages}");
    assert!(packages.contains("\nSuggests: bb, aa:any (= 1), cc (<= 1)\n"), "{packages}");
    insta::assert_snapshot!(fields(&index(&environment, "preprod", "source/Sources.gz")), @"
    Package: needs
    Build-Depends: tester <!nocheck>, fine [i386 amd64], fine (= 1)
    ");
    let show = environment.run(&["show", "preprod", "odd2"]).succeeds();
    assert!(show.stdout.contains("\nProvides: aa (= 1)\n"), "{show}");
    let _ = environment.run(&["fsck"]).succeeds();

    let server = environment.serve();
    let Some(apt) = client(&environment, &server) else { return };
    let _ = apt.update().succeeds();
    let known = apt.cache(&["pkgnames"]).succeeds().stdout;
    for name in names {
        assert!(known.lines().any(|known| known == name), "apt does not know {name}");
    }
    let output = apt.get(&["build-dep", "--simulate", "needs"]).succeeds();
    assert!(["Inst fine (1", "Inst tester (1"].iter().all(|line| output.stdout.contains(line)), "{output}");
}

#[test]
fn relations_that_dpkg_refuses_are_refused_with_their_place() {
    let environment = store();
    let bad = environment.build("bad", "1", "amd64", |builder| builder.field("Depends", "aa,\n bb (=> 1)"));
    let source =
        Source::new(&environment.path("files"), "bad", "1").field("Build-Depends", "aa, bb ((1)").native();
    insta::assert_snapshot!(environment.run(&["add", "preprod", bad.as_str(), source.as_str()]), @r#"
    status: 1
    ---- stderr
    error: <DIR>/files/bad_1_amd64.deb: control.tar.gz: "./control": line 9, column 6, field Depends: relation "=>": it is none of the operators `<<`, `<=`, `=`, `>=` and `>>`
    error: <DIR>/files/bad_1.dsc: line 7, column 24, field Build-Depends: relation "(1)": parentheses must start with `<<`, `<=`, `=`, `>=` or `>>`
    2 of 2 files refused
    "#);
}

/// A store that an earlier version made: see `tests/fixtures/README.md`.
fn earlier_store() -> Environment {
    let environment = Environment::new(PROGRAM);
    let fixture = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/unreadable-stanzas.tar.gz");
    let target = environment.path("");
    let _ = environment
        .finish(environment.other(&["tar", "-xzf"]).args([fixture.as_str(), "-C", target.as_str()]))
        .succeeds();
    environment
}

#[test]
fn a_store_of_an_earlier_version_is_published_in_a_form_that_every_apt_reads() {
    let environment = earlier_store();
    let untouched = environment.public("prod").join("dists/bookworm/main/binary-amd64/Packages.xz");
    let before = fs::read(&untouched).unwrap();
    let _ = environment.run(&["publish", "preprod", "prod"]).succeeds();
    insta::assert_snapshot!(fields(&index(&environment, "preprod", "binary-amd64/Packages.gz")), @"
    Package: empty
    Package: fine
    Depends: libc6
    Package: short
    Depends: fine (= 1)
    Multi-Arch: foreign
    ");
    insta::assert_snapshot!(fields(&index(&environment, "preprod", "source/Sources.gz")), @"
    Package: needs
    Build-Depends: fine (= 1)
    ");
    assert_eq!(fs::read(&untouched).unwrap(), before, "there is nothing to change in prod");
    let _ = environment.run(&["fsck"]).succeeds();
    insta::assert_snapshot!(environment.run(&["publish", "preprod", "prod"]), @"
    status: 0
    ---- stdout
    preprod: already up to date
    prod: already up to date
    ");

    // The record is another than today's version would make, the package is not.
    let short = environment.public("preprod").join("pool/main/s/short/short_1_amd64.deb");
    fs::copy(short, environment.path("files/short_1_amd64.deb")).unwrap();
    let short = environment.path("files/short_1_amd64.deb");
    insta::assert_snapshot!(environment.run(&["add", "preprod", short.as_str()]), @"
    status: 0
    ---- stdout
    already there: short 1 amd64 -> bookworm (every suite)
    nothing to add: preprod already has what was given
    ");
    let _ = environment.run(&["add", "prod", short.as_str()]).succeeds();
    insta::assert_snapshot!(environment.run(&["diff", "preprod", "prod"]), @"
    status: 3
    ---- stdout
    PACKAGE  ONLY IN preprod  ONLY IN prod  ARCHITECTURE  SUITES
    empty    1                -             amd64         bookworm
    needs    1                -             source        bookworm
    ");
    let _ = environment.run(&["remove", "preprod", "short", "needs"]).succeeds();
    assert_eq!(fields(&index(&environment, "preprod", "source/Sources.gz")), "");
    let _ = environment.run(&["add", "preprod", short.as_str()]).succeeds();
    let _ = environment.run(&["remove", "preprod", "empty"]).succeeds();
    insta::assert_snapshot!(fields(&index(&environment, "preprod", "binary-amd64/Packages.gz")), @"
    Package: fine
    Depends: libc6
    Package: short
    Depends: fine (= 1)
    Multi-Arch: foreign
    ");
    let _ = environment.run(&["fsck"]).succeeds();

    let server = environment.serve();
    let Some(apt) = client(&environment, &server) else { return };
    let _ = apt.update().succeeds();
    assert_eq!(apt.candidate("short").as_deref(), Some("1"));
}

#[test]
fn what_an_earlier_version_could_not_publish_is_left_out_by_name() {
    let environment = earlier_store();
    insta::assert_snapshot!(environment.run(&["--json", "publish", "files"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"dry_run":false,"failed":[],"published":[{"date":"<TIME>","publication":"<PUBLICATION>","removed":[],"repository":"files","suites":["bookworm"],"tags_ahead":[],"unlisted":[{"index":"Contents","package":"odd 1-1 source","reason":"path \"debian/\\u{0}rules\": a path must not have a NUL"}]}],"warnings":[{"code":"W-UNLISTED","message":"odd 1-1 source: its files could not be listed: path \"debian/\\u{0}rules\": a path must not have a NUL"}]}
    ---- stderr
    upgraded the store from format 1 to format 2; older versions of repo-cli can no longer open it
    warning: odd 1-1 source: its files could not be listed: path "debian/\u{0}rules": a path must not have a NUL
    "#);
    assert_eq!(index(&environment, "files", "Contents-source.gz"), "");
    assert_eq!(fields(&index(&environment, "files", "source/Sources.gz")), "Package: odd");
    let _ = environment.run(&["remove", "files", "odd"]).succeeds();
    assert_eq!(fields(&index(&environment, "files", "source/Sources.gz")), "");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn an_upload_with_a_path_that_no_index_can_hold_keeps_nobody_from_publishing() {
    let environment = store();
    configure(&environment, "contents = true");
    let odd = Source::new(&environment.path("files"), "odd", "1.0-1");
    let _ = odd.with_diff();
    let diff =
        "--- odd-1.0.orig/debian/rules\n+++ odd-1.0/debian/\0rules\n@@ -0,0 +1 @@\n+#!/usr/bin/make -f\n";
    let plain = environment.write("files/odd_1.0-1.diff", diff);
    let _ = environment.finish(environment.other(&["gzip", "-fn"]).arg(&plain)).succeeds();
    let files = ["odd_1.0.orig.tar.gz", "odd_1.0-1.diff.gz"];
    let _ = odd.dsc("1.0", &files);
    let changes = odd.changes("unstable", "source", &["odd_1.0-1.dsc", files[0], files[1]]);
    insta::assert_snapshot!(environment.run(&["add", "preprod", changes.as_str()]), @r#"
    status: 0
    ---- stdout
    added odd 1.0-1 source -> bookworm (every suite)
    added 1 package to preprod (commit 1), published <PUBLICATION>
    ---- stderr
    warning: odd 1.0-1 source: its files could not be listed: tarball: "odd-1.0/debian/\u{0}rules": a path must not have a NUL
    "#);
    environment.add("preprod", &["good=1"]);
    assert_eq!(index(&environment, "preprod", "Contents-source.gz"), "");
    assert_eq!(index(&environment, "preprod", "Contents-amd64.gz"), "usr/share/good/content\tmisc/good\n");
    assert_eq!(fields(&index(&environment, "preprod", "source/Sources.gz")), "Package: odd");
    let _ = environment.run(&["remove", "preprod", "odd"]).succeeds();
    environment.add("preprod", &["good=2"]);
    let _ = environment.run(&["fsck"]).succeeds();
}
