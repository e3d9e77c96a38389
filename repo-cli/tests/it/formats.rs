//! Stores of every format that was ever landed: each opens, is whole, publishes and can be changed.
//!
//! `tests/formats/<format>.tar.xz` was made by the last version that wrote this format, with `DEFAULT_PDIFFS_FROM` in
//! `repo-store/src/settings/mod.rs` lowered to 1, so that small indices have patches too. Before the format changes, make the one
//! of the old version:
//!
//! ```sh
//! cargo test -p repo-cli --test it formats::make -- --ignored
//! ```

use std::fs;

use testkit::package::with_control;
use testkit::{Apt, Environment, Source, Tree};

use crate::PROGRAM;

/// Where the stores are kept.
const FORMATS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats");

/// Settings that make every part of a store appear.
const SETTINGS: &str = r#"
origin = "In-house packages"
url = "http://packages.example.org"
suites = ["bookworm", "trixie"]
architectures = ["amd64"]
components = ["main", "extra"]
translations = true

[repositories.preprod]
contents = true
[repositories.prod]
[repositories.big]
suites = ["bookworm"]
[repositories.site]
suites = ["trixie"]
flat = "trixie"
valid_for = "14d"

[suite.bookworm]
alias = "oldstable"

[[route]]
packages = ["*-dbgsym"]
component = "extra"
"#;

/// Relations and fields that apt cannot read though dpkg does.
const ODD: [&str; 4] = ["Provides:", "Depends: hello (=1)", "Breaks: hello (<9)", "Replaces: hello(>1)"];

#[test]
#[ignore = "makes a store to be kept; see the top of this file"]
fn make() {
    let environment = Environment::new(PROGRAM);
    fill(&environment);
    let format = fs::read_to_string(environment.root().join("store/format")).unwrap();
    let archive = format!("{FORMATS}/{}.tar.xz", format.lines().next().unwrap());
    let mut tar =
        environment.other(&["tar", "-cJf", &archive, "--sort=name", "--numeric-owner", "--owner=0"]);
    tar.args(["--group=0", "-C", environment.path("").as_str(), "store"]);
    let _ = environment.finish(&mut tar).succeeds();
    let size = fs::metadata(&archive).unwrap().len();
    assert!(size < 100 << 10, "{archive} has {size} bytes");
}

/// A store with several repositories, routed packages, sources, tags, a rollback, a removal, patches and a flat form.
fn fill(environment: &Environment) {
    let run = |arguments: &[&str]| drop(environment.run(arguments).succeeds());
    run(&["init", "--suite", "bookworm", "--suite", "trixie", "--architecture", "amd64"]);
    environment.write("store/repo.toml", SETTINGS);
    fs::create_dir(environment.root().join("repo.d")).unwrap();
    environment.write("store/repo.d/compress.toml", "compress = [\"xz\", \"gz\"]\n");

    environment.add("preprod", &["hello=1.0", "hello=2.0", "hello-dbgsym=2.0", "only-there=1.0+deb12u1"]);
    for (number, odd) in ODD.iter().enumerate() {
        let control = format!(
            "Package: odd{number}\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\n{odd}\nDescription: odd\n"
        );
        let file = environment.write(format!("files/odd{number}.deb").as_str(), with_control(&control));
        run(&["add", "preprod", file.as_str(), "--no-publish"]);
    }
    run(&["promote", "--all", "--from", "preprod", "--to", "prod"]);
    run(&["tag", "prod", "release-1"]);
    environment.add("preprod", &["hello=3.0"]);
    run(&["promote", "hello", "--from", "preprod", "--to", "prod"]);
    run(&["rollback", "prod", "--to", "release-1"]);
    run(&["remove", "preprod", "hello=2.0"]);

    let source =
        Source::new(&environment.path("files"), "tool", "1.0-1").field("Build-Depends", "hello (=1)");
    let native = Source::new(&environment.path("files"), "small", "1.0");
    run(&["add", "preprod", source.quilt().as_str(), native.native().as_str()]);

    for number in 0..7 {
        let file = environment.package(&format!("many{number}"), "1", "all");
        run(&["add", "big", file.as_str(), "--no-publish"]);
    }
    run(&["publish", "big"]);
    environment.add("big", &["more=1"]);
    run(&["remove", "big", "many3"]);

    let udeb = environment.package("for-installer", "1", "amd64");
    let renamed = udeb.with_extension("udeb");
    fs::rename(udeb, &renamed).unwrap();
    run(&["add", "site", renamed.as_str()]);
    environment.add("site", &["shop=1.4"]);
    run(&["tag", "site", "opening"]);
    run(&["fsck"]);
}

/// A place with a store of that format; `None`, said aloud, without a program that unpacks it.
fn unpacked(format: &str) -> Option<Environment> {
    if !testkit::all_installed(&["tar", "xz"]) {
        return None;
    }
    let environment = Environment::new(PROGRAM);
    let archive = format!("{FORMATS}/{format}.tar.xz");
    let mut tar = environment.other(&["tar", "-xJf", &archive, "--no-same-owner", "--warning=no-timestamp"]);
    let _ = environment.finish(tar.arg("-p")).succeeds();
    Some(environment)
}

fn format_of(environment: &Environment) -> String {
    fs::read_to_string(environment.root().join("store/format")).unwrap()
}

/// Every format but the newest.
const OLD: [&str; 1] = ["1"];

#[test]
fn reading_an_old_store_leaves_it_as_it_is() {
    for format in OLD {
        let Some(environment) = unpacked(format) else { return };
        // Locks and temporary directories come and go.
        let areas =
            ["public", "store/blobs", "store/objects", "store/refs", "store/publications", "store/ops"];
        let look = || areas.map(|area| Tree::of(&environment.root().join(area)));
        let before = look();
        let backup = environment.path("backup");
        for (status, verb) in [
            (0, &["list", "preprod"][..]),
            (0, &["versions", "hello"]),
            (0, &["show", "preprod", "hello"]),
            (3, &["diff", "preprod", "prod"]),
            (0, &["history", "prod"]),
            (0, &["tag", "prod"]),
            (0, &["client-config", "prod", "--suite", "bookworm", "--url", "http://example.org"]),
            (0, &["key", "list"]),
            (0, &["gc", "--dry-run"]),
            (0, &["remove", "preprod", "hello", "--dry-run"]),
            (0, &["rollback", "prod", "--to", "1", "--dry-run"]),
            (0, &["backup", backup.as_str()]),
            (0, &["store", "upgrade", "--dry-run"]),
        ] {
            let output = environment.run(verb).ends_with(status);
            assert!(!output.stderr.contains("upgraded"), "{output}");
        }
        for (before, after) in before.iter().zip(&look()) {
            before.is_still(after, "reading");
        }
        assert_eq!(format_of(&environment), format!("{format}\n"));

        // A backup of it is restored as what it is.
        let restored = environment.path("restored");
        let _ = environment.run(&["restore", backup.as_str(), restored.as_str()]).succeeds();
        assert_eq!(fs::read_to_string(restored.join("store/format")).unwrap(), format!("{format}\n"));
    }
}

#[test]
fn an_old_store_is_whole_publishes_and_goes_on() {
    for format in OLD {
        let Some(environment) = unpacked(format) else { return };
        let history = environment.run(&["history", "prod"]).succeeds().stdout;
        let upgraded = environment.run(&["publish"]).succeeds();
        let said = format!(
            "upgraded the store from format {format} to format {}",
            repo_store::storage::Format::WRITTEN
        );
        assert!(upgraded.stderr.contains(&said), "{upgraded}");
        let _ = environment.run(&["fsck"]).succeeds();
        assert_eq!(environment.run(&["history", "prod"]).succeeds().stdout, history);

        environment.add("preprod", &["later=1.0"]);
        let promoted = environment.run(&["promote", "later", "--from", "preprod", "--to", "prod"]).succeeds();
        assert!(!promoted.stderr.contains("upgraded"), "{promoted}");
        let _ = environment.run(&["rollback", "prod", "--to", "release-1"]).succeeds();
        let _ = environment.run(&["remove", "preprod", "hello=2.0", "--undo"]).succeeds();
        environment.add("big", &["large=2"]);
        // Nobody wrote to the store since it was packed, which may be years ago.
        let _ = environment.run(&["gc", "--accept", "clock"]).succeeds();
        let _ = environment.run(&["fsck"]).succeeds();

        let server = environment.serve();
        let Some(apt) = Apt::new(&environment, "client") else { return };
        for repository in ["big", "preprod", "prod"] {
            let arguments =
                ["client-config", "--inline", repository, "--suite", "bookworm", "--url", &server.url()];
            apt.source(repository, &environment.run(&arguments).succeeds().stdout);
        }
        let _ = apt.update().succeeds();
        for (package, version) in [("large", "2"), ("later", "1.0"), ("odd0", "1"), ("odd3", "1")] {
            assert_eq!(apt.candidate(package).as_deref(), Some(version), "{package}");
        }
    }
}

#[test]
fn an_upgrade_can_be_taken_back_until_something_is_written() {
    let Some(environment) = unpacked("1") else { return };
    let would = environment.run(&["store", "upgrade", "--dry-run"]).succeeds().stdout;
    assert!(would.starts_with("would upgrade the store from format 1 to format 2\n"), "{would}");
    let _ = environment.run(&["store", "upgrade", "--undo"]).ends_with(1);
    let _ = environment.run(&["store", "upgrade"]).succeeds();
    assert_eq!(format_of(&environment), "2\n");
    let _ = environment.run(&["list", "prod"]).succeeds();
    let _ = environment.run(&["store", "upgrade", "--undo"]).succeeds();
    assert_eq!(format_of(&environment), "1\n");
    let _ = environment.run(&["list", "prod"]).succeeds();

    let _ = environment.run(&["store", "upgrade"]).succeeds();
    let _ = environment.run(&["tag", "preprod", "first"]).succeeds();
    let refused = environment.run(&["store", "upgrade", "--undo"]).ends_with(1);
    assert!(refused.stderr.contains("cannot return from format 2"), "{refused}");
    assert_eq!(format_of(&environment), "2\n");
    let again = environment.run(&["store", "upgrade"]).succeeds().stdout;
    assert_eq!(again, "the store needs no upgrade: it has format 2\n");
}

#[test]
fn a_newer_store_is_refused_with_the_version_that_reads_it() {
    let environment = crate::store();
    environment.write("store/store/format", "99\nrepo-cli 9.1.0\n");
    for verb in [&["list", "prod"][..], &["publish"], &["fsck"], &["store", "upgrade"]] {
        let refused = environment.run(verb).ends_with(1);
        let said = "error: the store has format 99, which repo-cli 9.1.0 reads; this version reads formats up to 3\n";
        assert!(refused.stderr.starts_with(said), "{refused}");
    }
}

#[test]
fn an_upgrade_killed_at_any_call_leaves_a_store_of_one_format_or_the_other() {
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    let calls = "openat,mkdir,rename,renameat,unlink,unlinkat,rmdir,write,fsync,fchmod,chmod,fchmodat";
    for number in 1.. {
        // An upgrade rewrites the number and nothing else.
        let environment = crate::store();
        environment.write("store/store/format", "1\n");
        let mut command = crate::killed_at(&environment, calls, number);
        let output = environment.finish(command.args(["store", "upgrade"]));
        assert!(["1\n", "2\n"].contains(&format_of(&environment).as_str()), "killed at {number}");
        let _ = environment.run(&["store", "upgrade"]).succeeds();
        assert_eq!(format_of(&environment), "2\n");
        let _ = environment.run(&["store", "upgrade", "--undo"]).succeeds();
        assert_eq!(format_of(&environment), "1\n");
        if output.status == Some(0) {
            break;
        }
        assert!(number < 1000, "it never ends");
    }
}
