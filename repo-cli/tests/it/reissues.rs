//! `reissue`: an old version that comes out again above a bad one.

use std::fs;

use camino::Utf8PathBuf;
use testkit::{Apt, Environment, Output};

use crate::client::sources;
use crate::{PROGRAM, store};

fn reissue(environment: &Environment, arguments: &[&str]) -> Output {
    environment.run(&[&["reissue", "prod"], arguments].concat())
}

/// Adds a source with a library, a program that needs exactly that library, and documentation, built from source version `version`.
fn add_set(environment: &Environment, version: &str, rebuilt: &str) {
    let library = environment.build("liba1", version, "amd64", |builder| {
        builder.field("Source", "foo").field("Multi-Arch", "same")
    });
    let program = environment.build("foob", &format!("{version}{rebuilt}"), "amd64", |builder| {
        builder
            .field("Source", format!("foo ({version})"))
            .field("Depends", format!("liba1 (= {version}), libc6"))
    });
    let documentation =
        environment.build("foo-doc", version, "all", |builder| builder.field("Source", "foo"));
    add(environment, &[library, program, documentation]);
}

fn add(environment: &Environment, files: &[Utf8PathBuf]) {
    let files = files.iter().map(|file| file.as_str());
    let arguments: Vec<&str> = ["add", "prod"].into_iter().chain(files).collect();
    let _ = environment.run(&arguments).succeeds();
}

/// The content of a member of a package file.
fn member(bytes: &[u8], prefix: &str) -> Vec<u8> {
    let mut at = 8;
    while at + 60 <= bytes.len() {
        let header = std::str::from_utf8(&bytes[at..at + 60]).unwrap();
        let size: usize = header[48..58].trim().parse().unwrap();
        if header.starts_with(prefix) {
            return bytes[at + 60..at + 60 + size].to_vec();
        }
        at += 60 + size.next_multiple_of(2);
    }
    panic!("no {prefix}")
}

/// The file of a package in the published pool.
fn pool_file(environment: &Environment, name: &str) -> Vec<u8> {
    fs::read(environment.public("prod").join("pool/main/f/foo").join(name)).unwrap()
}

#[test]
fn a_set_comes_out_again_with_its_old_content_and_mapped_relations() {
    let environment = store();
    add_set(&environment, "2.0-1", "+b1");
    add_set(&environment, "2.1-1", "");
    insta::assert_snapshot!(reissue(&environment, &["foo", "--as", "2.0-1", "--dry-run"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION           CONTENT   ARCHITECTURE  SUITES
    foo-doc  2.1-1+0~reissue1  2.0-1     all           bookworm
    foob     2.1-1+0~reissue1  2.0-1+b1  amd64         bookworm
    liba1    2.1-1+0~reissue1  2.0-1     amd64         bookworm
    PACKAGE  ON MACHINES     KIND   WHAT
    foo      will be undone  files  3 packages with the files of 2.0-1 again
    would reissue foo 2.0-1 as 2.1-1+0~reissue1 in prod
    the next version of foo must be above 2.1-1+0~reissue1; its scripts must compare with that version itself (lt NEXT~), as machines come to it from 2.1-1+0~reissue1
    ");
    insta::assert_snapshot!(reissue(&environment, &["foo", "--as", "2.0-1", "--reason", "2.1 crashes: badly"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION           CONTENT   ARCHITECTURE  SUITES
    foo-doc  2.1-1+0~reissue1  2.0-1     all           bookworm
    foob     2.1-1+0~reissue1  2.0-1+b1  amd64         bookworm
    liba1    2.1-1+0~reissue1  2.0-1     amd64         bookworm
    PACKAGE  ON MACHINES     KIND   WHAT
    foo      will be undone  files  3 packages with the files of 2.0-1 again
    reissued foo 2.0-1 as 2.1-1+0~reissue1 in prod (commit 3), published <PUBLICATION>
    the next version of foo must be above 2.1-1+0~reissue1; its scripts must compare with that version itself (lt NEXT~), as machines come to it from 2.1-1+0~reissue1
    undo with: repo-cli undo prod
    ");
    let old = fs::read(environment.path("files/foob_2.0-1+b1_amd64.deb")).unwrap();
    let new = pool_file(&environment, "foob_2.1-1+0~reissue1_amd64.deb");
    assert_eq!(member(&old, "data.tar"), member(&new, "data.tar"));
    let shown = environment.run(&["show", "prod", "foob"]).succeeds().stdout;
    let shown: Vec<&str> =
        shown.lines().filter(|line| !line.starts_with("SHA256") && !line.starts_with("Size")).collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    # foob 2.1-1+0~reissue1 amd64 in prod: bookworm
    # reissue 1: the content of 2.0-1+b1, above 2.1-1
    Package: foob
    Version: 2.1-1+0~reissue1
    Architecture: amd64
    Installed-Size: 4
    Maintainer: Test <test@example.org>
    Section: misc
    Priority: optional
    Source: foo (2.0-1)
    Depends: liba1 (= 2.1-1+0~reissue1), libc6
    Description: a package of the tests
    X-Reissue-Of: 2.0-1+b1
    X-Reissue-Over: 2.1-1
    Filename: pool/main/f/foo/foob_2.1-1+0~reissue1_amd64.deb
    ");
    let history = environment.run(&["history", "prod", "--limit", "1"]).succeeds().stdout;
    assert!(history.contains("reissue foo 2.0-1 as 2.1-1+0~reissue1: 2.1 crashes: badly"), "{history}");
    insta::assert_snapshot!(reissue(&environment, &["foo=2.1-1", "--as", "2.0-1"]), @"
    status: 0
    ---- stdout
    nothing to reissue: prod already has foo 2.0-1 as 2.1-1+0~reissue1
    ");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn the_same_verb_elsewhere_makes_the_same_file_and_no_number_is_used_twice() {
    let (first, second) = (store(), store());
    for environment in [&first, &second] {
        add_set(environment, "2.0-1", "");
        add_set(environment, "2.1-1", "");
        let _ = reissue(environment, &["foo", "--as", "2.0-1"]).succeeds();
    }
    let name = "liba1_2.1-1+0~reissue1_amd64.deb";
    assert_eq!(pool_file(&first, name), pool_file(&second, name));
    // Also when it was taken back, and its files are gone.
    let _ = first.run(&["undo", "prod"]).succeeds();
    let again = reissue(&first, &["foo", "--as", "2.0-1"]).succeeds();
    assert!(again.stdout.contains("reissued foo 2.0-1 as 2.1-1+0~reissue2"), "{again}");
    // Another old version, above the reissue.
    add_set(&second, "1.9-1", "");
    let other = reissue(&second, &["foo", "--as", "1.9-1"]).succeeds();
    assert!(other.stdout.contains("reissued foo 1.9-1 as 2.1-1+0~reissue2"), "{other}");
}

#[test]
fn it_goes_to_the_suites_of_the_bad_version_also_after_a_rollback() {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    let old = environment.package("hello", "2.0-1+deb12u1", "amd64");
    let new = environment.package("hello", "2.1-1", "amd64");
    add(&environment, &[old]);
    let _ = environment.run(&["add", "prod", "--suite", "trixie", new.as_str()]).succeeds();
    let _ = environment.run(&["freeze", "prod", "--until", "2100-01-01", "--reason", "busy"]).succeeds();
    let plan = reissue(&environment, &["hello", "--as", "2.0-1+deb12u1", "--dry-run"]).succeeds();
    assert!(plan.stdout.contains("amd64         trixie\n"), "{plan}");
    let _ = environment.run(&["rollback", "prod", "--to", "1", "--yes"]).succeeds();
    insta::assert_snapshot!(reissue(&environment, &["hello", "--as", "2.0-1+deb12u1"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION           CONTENT        ARCHITECTURE  SUITES
    hello    2.1-1+0~reissue1  2.0-1+deb12u1  amd64         trixie
    PACKAGE  ON MACHINES     KIND   WHAT
    hello    will be undone  files  1 package with the files of 2.0-1+deb12u1 again
    reissued hello 2.0-1+deb12u1 as 2.1-1+0~reissue1 in prod (commit 4), published <PUBLICATION>
    the next version of hello must be above 2.1-1+0~reissue1; its scripts must compare with that version itself (lt NEXT~), as machines come to it from 2.1-1+0~reissue1
    undo with: repo-cli undo prod --yes
    ");
}

#[test]
fn what_cannot_be_undone_on_machines_is_refused_unless_it_is_accepted() {
    let environment = store();
    let script = "#!/bin/sh\nset -e\ndpkg-maintscript-helper mv_conffile /etc/foo/one /etc/foo/two 2.1-1~ -- \"$@\"\n\
        if dpkg --compare-versions \"$2\" lt 2.1-1~; then touch /var/lib/foo; fi\n";
    let old = environment.build("foo", "2.0-1", "amd64", |builder| {
        builder.file("etc/foo/one", "1", 0o644).conffile("/etc/foo/one").field("Provides", "virt (= 2.0)")
    });
    let new = environment.build("foo", "2.1-1", "amd64", |builder| {
        builder
            .file("etc/foo/two", "1", 0o644)
            .conffile("/etc/foo/two")
            .file("usr/lib/systemd/system/foo-new.service", "[Unit]\n", 0o644)
            .maintainer_script("postinst", script)
            .maintainer_script("preinst", "#!/bin/sh\ndpkg-divert --package foo --add --rename /usr/bin/x\n")
            .field("Provides", "virt (= 2.1)")
    });
    let extra = environment.build("foo-extra", "2.1-1", "amd64", |builder| builder.field("Source", "foo"));
    let needs = environment
        .build("app", "1.0", "all", |builder| builder.field("Depends", "foo (>= 2.1), virt (>= 2.1)"));
    add(&environment, &[old]);
    add(&environment, &[new, extra, needs]);
    insta::assert_snapshot!(reissue(&environment, &["foo", "--as", "2.0-1"]), @"
    status: 1
    ---- stdout
    PACKAGE    ON MACHINES       KIND        WHAT
    foo-extra  cannot be undone  packages    2.0-1 has no foo-extra: machines keep it as it is
    app        cannot be undone  relations   Depends: foo (>= 2.1) of app 1.0 is true of 2.1-1+0~reissue1, but not of what it contains, 2.0-1
    app        cannot be undone  relations   Depends: virt (>= 2.1) of app 1.0 is met by the bad version alone
    foo        cannot be undone  conffiles   /etc/foo/two is new in it, and stays on machines as an obsolete configuration file
    foo        cannot be undone  conffiles   postinst renamed /etc/foo/one: it does not come back, and stays under its new name
    foo        cannot be undone  diversions  preinst changed a diversion: dpkg-divert --package foo --add --rename /usr/bin/x
    foo        cannot be undone  thresholds  postinst did something once for versions before 2.1-1~: it is not taken back
    foo        cannot be undone  units       foo-new.service is new in it: its file goes, and what it started runs on
    foo        will be undone    files       1 package with the files of 2.0-1 again
    ---- stderr
    error: foo 2.0-1 cannot undo all of 2.1-1 on machines: packages, relations, conffiles, diversions, thresholds, units
    hint: to go on all the same, add --accept packages --accept relations --accept conffiles --accept diversions --accept thresholds --accept units; docs/undoing.md tells what remains
    ");
    let refused = environment.run(&["reissue", "prod", "foo", "--as", "2.0-1", "--json"]).ends_with(1);
    assert!(refused.stdout.contains("E-REISSUE-HAZARD"), "{refused}");
    let accept = ["packages", "relations", "conffiles", "diversions", "thresholds", "units"];
    let mut arguments = vec!["foo", "--as", "2.0-1"];
    arguments.extend(accept.iter().flat_map(|kind| ["--accept", kind]));
    let _ = reissue(&environment, &arguments).succeeds();
}

#[test]
fn what_is_not_there_is_said() {
    let environment = store();
    add(
        &environment,
        &[environment.package("hello", "2.0-1", "amd64"), environment.package("hello", "2.1-1", "amd64")],
    );
    for arguments in [
        &["nosuch", "--as", "1"][..],
        &["hello", "--as", "1.0-1"],
        &["hello=3.0-1", "--as", "2.0-1"],
        &["hello=2.0-1", "--as", "2.1-1"],
        &["hello", "--as", "2.1-1"],
    ] {
        insta::allow_duplicates! {
            let refused = reissue(&environment, arguments).ends_with(1);
            assert!(refused.stderr.starts_with("error: ") && refused.stderr.contains("\nhint: "), "{refused}");
        }
    }
    assert!(
        reissue(&environment, &["hello", "--as", "2.0-1", "--accept", "all"])
            .ends_with(2)
            .stderr
            .contains("the kinds are")
    );
    // Retention or a removal may have taken the old version; its file goes with the garbage.
    let _ = environment.run(&["remove", "prod", "hello=2.0-1"]).succeeds();
    let _ = reissue(&environment, &["hello", "--as", "2.0-1"]).succeeds();
}

/// What dpkg says of a machine that has these packages.
fn installed(apt: &Apt<'_>, packages: &[(&str, &str, &str)]) {
    let stanza = |(name, version, more): &(&str, &str, &str)| {
        format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: T\nArchitecture: amd64\nVersion: {version}\n{more}Description: x\n\n"
        )
    };
    fs::write(apt.path("var/lib/dpkg/status"), packages.iter().map(stanza).collect::<String>()).unwrap();
}

#[test]
fn an_ordinary_upgrade_takes_machines_back() {
    let environment = store();
    add_set(&environment, "2.0-1", "+b1");
    add_set(&environment, "2.1-1", "");
    let _ = reissue(&environment, &["foo", "--as", "2.0-1"]).succeeds();
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "machine") else { return };
    apt.source("prod", &sources(&environment, &server, "prod"));
    let _ = apt.update().succeeds();
    installed(
        &apt,
        &[
            ("libc6", "2.36", ""),
            ("liba1", "2.1-1", "Multi-Arch: same\nSource: foo\n"),
            ("foob", "2.1-1", "Source: foo\nDepends: liba1 (= 2.1-1), libc6\n"),
        ],
    );
    for verb in ["upgrade", "dist-upgrade"] {
        let upgrade = apt.get(&["-s", verb]).succeeds().stdout;
        for name in ["liba1", "foob"] {
            assert!(upgrade.contains(&format!("Inst {name} [2.1-1] (2.1-1+0~reissue1")), "{upgrade}");
        }
        assert!(
            upgrade.contains("2 upgraded, 0 newly installed, 0 to remove and 0 not upgraded"),
            "{upgrade}"
        );
    }
    // The next true version is above it.
    add_set(&environment, "2.1-2", "");
    let _ = apt.update().succeeds();
    assert_eq!(apt.candidate("foob").as_deref(), Some("2.1-2"));
}

#[test]
fn a_version_between_the_bad_one_and_the_reissue_is_kept_out() {
    let environment = store();
    let package = |version: &str| environment.package("hello", version, "amd64");
    add(&environment, &[package("2.0-1")]);
    add(&environment, &[package("2.1-1")]);
    let _ = reissue(&environment, &["hello", "--as", "2.0-1"]).succeeds();
    let between = package("2.1-1acme1");
    insta::assert_snapshot!(environment.run(&["add", "prod", between.as_str()]), @"
    status: 1
    ---- stderr
    error: <DIR>/files/hello_2.1-1acme1_amd64.deb: prod does not take hello 2.1-1acme1 amd64: prod has 2.1-1+0~reissue1, a reissue of 2.0-1: 2.1-1acme1 is below it and reaches no machine (reissue)
    hint: to let it in all the same, give --override reissue --reason TEXT
    1 of 1 file refused
    ");
    let _ = environment.run(&["add", "preprod", between.as_str()]).succeeds();
    insta::assert_snapshot!(environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]), @"
    status: 1
    ---- stdout
    PACKAGE  VERSION     ARCHITECTURE  RESULT   RULE     REASON
    hello    2.1-1acme1  amd64         refused  reissue  prod has 2.1-1+0~reissue1, a reissue of 2.0-1: 2.1-1acme1 is below it and reaches no machine
    ---- stderr
    error: prod does not take hello 2.1-1acme1 amd64: prod has 2.1-1+0~reissue1, a reissue of 2.0-1: 2.1-1acme1 is below it and reaches no machine (reissue)
    hint: to let it in all the same, give --override reissue --reason TEXT
    ");
    // What is older than the content of the reissue, or above the reissue, is as ever; and what is there already, too.
    add(&environment, &[package("1.9-1"), package("2.1-1"), package("2.1-1+deb12u1")]);
    // The reissue is not the newest any more.
    let _ = environment.run(&["add", "prod", between.as_str()]).succeeds();
}

#[test]
fn a_rollback_tells_how_machines_come_back_and_can_bring_them_back_itself() {
    let environment = store();
    add_set(&environment, "2.0-1", "");
    add(&environment, &[environment.package("tool", "1.0", "amd64")]);
    add_set(&environment, "2.1-1", "");
    add(
        &environment,
        &[environment.package("tool", "1.1", "amd64"), environment.package("new", "1", "amd64")],
    );
    insta::assert_snapshot!(environment.run(&["rollback", "prod", "--to", "2", "--reissue", "--dry-run"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    foo-doc  2.1-1    all           bookworm  remove
    foob     2.1-1    amd64         bookworm  remove
    liba1    2.1-1    amd64         bookworm  remove
    new      1        amd64         bookworm  remove
    tool     1.1      amd64         bookworm  remove
    reissue foo 2.0-1 as 2.1-1+0~reissue1:
    PACKAGE  VERSION           CONTENT  ARCHITECTURE  SUITES
    foo-doc  2.1-1+0~reissue1  2.0-1    all           bookworm
    foob     2.1-1+0~reissue1  2.0-1    amd64         bookworm
    liba1    2.1-1+0~reissue1  2.0-1    amd64         bookworm
    PACKAGE  ON MACHINES     KIND   WHAT
    foo      will be undone  files  3 packages with the files of 2.0-1 again
    reissue tool 1.0 as 1.1-0+0~reissue1:
    PACKAGE  VERSION           CONTENT  ARCHITECTURE  SUITES
    tool     1.1-0+0~reissue1  1.0      amd64         bookworm
    PACKAGE  ON MACHINES     KIND   WHAT
    tool     will be undone  files  1 package with the files of 1.0 again
    would roll prod back to 2 (<ID>)
    would be held from now on: foo-doc 2.1-1 all and 4 more
    the next version of foo must be above 2.1-1+0~reissue1; its scripts must compare with that version itself (lt NEXT~), as machines come to it from 2.1-1+0~reissue1
    the next version of tool must be above 1.1-0+0~reissue1; its scripts must compare with that version itself (lt NEXT~), as machines come to it from 1.1-0+0~reissue1
    ");
    insta::assert_snapshot!(environment.run(&["rollback", "prod", "--to", "2", "--suite", "bookworm"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    foo-doc  2.1-1    all           bookworm  remove
    foob     2.1-1    amd64         bookworm  remove
    liba1    2.1-1    amd64         bookworm  remove
    new      1        amd64         bookworm  remove
    tool     1.1      amd64         bookworm  remove
    rolled prod back to 2 (commit 5), published <PUBLICATION>
    held from now on: foo-doc 2.1-1 all and 4 more
    undo with: repo-cli undo prod
    machines (bookworm) that already upgraded keep foo-doc 2.1-1; to bring one back: repo-cli client-config prod --pin foo-doc=2.0-1
    machines (bookworm) that already upgraded keep foob 2.1-1; to bring one back: repo-cli client-config prod --pin foob=2.0-1
    machines (bookworm) that already upgraded keep liba1 2.1-1; to bring one back: repo-cli client-config prod --pin liba1=2.0-1
    machines (bookworm) that already installed new 1 keep it
    machines (bookworm) that already upgraded keep tool 1.1; to bring one back: repo-cli client-config prod --pin tool=1.0
    to bring all of them back with their next upgrade: repo-cli reissue prod foo=2.1-1 --as 2.0-1
    to bring all of them back with their next upgrade: repo-cli reissue prod tool=1.1 --as 1.0
    ");
    let _ = environment.run(&["undo", "prod"]).succeeds();
    let done = environment.run(&["rollback", "prod", "--to", "2", "--reissue"]).succeeds();
    assert!(done.stdout.contains("rolled prod back to 2 (commit 7), published"), "{done}");
    insta::assert_snapshot!(environment.run(&["list", "prod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION           ARCHITECTURE  SUITES
    foo-doc  2.0-1             all           bookworm
    foo-doc  2.1-1+0~reissue1  all           bookworm
    foob     2.0-1             amd64         bookworm
    foob     2.1-1+0~reissue1  amd64         bookworm
    liba1    2.0-1             amd64         bookworm
    liba1    2.1-1+0~reissue1  amd64         bookworm
    tool     1.0               amd64         bookworm
    tool     1.1-0+0~reissue1  amd64         bookworm
    ");
    let history = environment.run(&["history", "prod", "--limit", "1"]).succeeds().stdout;
    assert!(
        history.contains("), reissue foo 2.0-1 as 2.1-1+0~reissue1, tool 1.0 as 1.1-0+0~reissue1"),
        "{history}"
    );
    let _ = environment.run(&["fsck"]).succeeds();
    // One change: one undo takes it back.
    let _ = environment.run(&["undo", "prod"]).succeeds();
    let versions = environment.run(&["versions", "prod", "tool"]).succeeds().stdout;
    assert!(versions.contains("1.1") && !versions.contains("reissue"), "{versions}");
}

/// What takes away a reissue strands the machines that have it as much as those that have what it is above.
#[test]
fn a_rollback_over_a_reissue_brings_machines_back_once_more() {
    let environment = store();
    add_set(&environment, "2.0-1", "");
    add_set(&environment, "2.1-1", "");
    let _ = reissue(&environment, &["foo", "--as", "2.0-1"]).succeeds();
    let back = ["rollback", "prod", "--to", "1", "--reissue", "--yes"];
    let json = environment.json(&[&back[..], &["--dry-run", "--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["count"]["added"], serde_json::json!({ "files": 3, "packages": 3 }), "{json}");
    assert_eq!(json["count"]["removed"]["packages"], 6, "{json}");
    let _ = environment.run(&back).succeeds();
    let versions = environment.run(&["list", "prod"]).succeeds().stdout;
    assert!(versions.contains("2.1-1+0~reissue2") && versions.contains("2.0-1"), "{versions}");
    assert!(!versions.contains("2.1-1+0~reissue1"), "{versions}");
}

#[test]
fn a_reissue_that_no_machine_would_take_is_refused() {
    let environment = store();
    for version in ["1-1", "2-1", "3-1"] {
        add(&environment, &[environment.package("qq", version, "all")]);
    }
    insta::assert_snapshot!(reissue(&environment, &["qq=2-1", "--as", "1-1"]), @"
    status: 1
    ---- stderr
    error: bookworm of prod has qq 3-1, which machines take before any reissue of 1-1 above 2-1
    hint: to bring machines back to 1-1: repo-cli reissue prod qq=3-1 --as 1-1
    ");
    let _ = reissue(&environment, &["qq=3-1", "--as", "1-1"]).succeeds();
}

#[test]
fn what_a_reissue_is_above_counts_for_the_next_one_too() {
    let environment = store();
    add_set(&environment, "2.0-1", "");
    add_set(&environment, "2.1-1", "");
    let more = environment.build("foo-more", "2.1-1", "all", |builder| builder.field("Source", "foo"));
    add(&environment, &[more]);
    let accepted = reissue(&environment, &["foo", "--as", "2.0-1", "--accept", "packages"]);
    let _ = accepted.succeeds();
    let _ = environment.run(&["rollback", "prod", "--to", "1", "--yes"]).succeeds();
    let refused = reissue(&environment, &["foo", "--as", "2.0-1"]).ends_with(1);
    assert!(refused.stderr.contains("foo 2.0-1 cannot undo all of"), "{refused}");
    assert!(refused.stdout.contains("2.0-1 has no foo-more: machines keep it as it is"), "{refused}");
}

#[test]
fn machines_that_the_old_version_was_not_built_for_are_named() {
    let environment = store();
    let text = fs::read_to_string(environment.path("store/repo.toml")).unwrap();
    let text = text.replace("architectures = [\"amd64\"]", "architectures = [\"amd64\", \"arm64\"]");
    environment.write("store/repo.toml", text);
    add(&environment, &[environment.package("am", "1-1", "amd64")]);
    add(&environment, &[environment.package("am", "2-1", "all")]);
    let refused = reissue(&environment, &["am", "--as", "1-1"]).ends_with(1);
    assert!(refused.stdout.contains("1-1 has no build for arm64: machines keep the bad one"), "{refused}");
    assert!(!refused.stdout.contains("no build for amd64"), "{refused}");
}

#[test]
fn a_signature_at_the_end_of_the_old_file_is_named_too() {
    let environment = store();
    let signed = environment.package("sg", "1-1", "all");
    let mut bytes = fs::read(&signed).unwrap();
    if bytes.len() % 2 == 1 {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(b"_gpgorigin      1790000000  0     0     100644  4         `\nsig\n");
    fs::write(&signed, bytes).unwrap();
    add(&environment, &[signed]);
    add(&environment, &[environment.package("sg", "2-1", "all")]);
    let done = reissue(&environment, &["sg", "--as", "1-1"]).succeeds();
    assert!(done.stdout.contains("sg 1-1 all loses its inner signature (_gpgorigin)"), "{done}");
}

#[test]
fn one_version_never_has_two_contents_in_a_store() {
    let environment = store();
    for repository in ["preprod", "prod"] {
        for version in ["1.0-1", "1.1-1", "1.2-1"] {
            let package = environment.package("zz", version, "all");
            let _ = environment.run(&["add", repository, package.as_str()]).succeeds();
        }
    }
    let reissue = |repository: &str, good: &str| {
        environment.run(&["reissue", repository, "zz", "--as", good]).succeeds().stdout
    };
    assert!(reissue("prod", "1.0-1").contains("as 1.2-1+0~reissue1"));
    assert!(reissue("preprod", "1.1-1").contains("as 1.2-1+0~reissue2"));
    assert!(
        reissue("prod", "1.1-1").contains("as 1.2-1+0~reissue2"),
        "the same content has the same version"
    );
}
