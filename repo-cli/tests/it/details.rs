//! `diff --details`: what is behind a difference, as text, as JSON and as a page.

use deb_parse::deb::{Builder, Compression};
use testkit::Environment;

use crate::store;

fn changelog(entries: &[(&str, &str)]) -> String {
    let entry = |(version, changes): &(&str, &str)| {
        let date = "Sat, 01 Jan 2022 10:00:00 +0000";
        format!("hello ({version}) bookworm; urgency=high\n\n{changes}\n\n -- A <a@example.org>  {date}\n")
    };
    entries.iter().map(entry).collect::<Vec<_>>().join("\n")
}

fn add(
    environment: &Environment,
    repository: &str,
    package: (&str, &str),
    shape: impl FnOnce(Builder) -> Builder,
) {
    let (name, version) = package;
    // Sizes that no change of a compression library changes.
    let file = environment.build(name, version, "amd64", |b| shape(b.compression(Compression::None)));
    let _ = environment.run(&["add", repository, file.as_str(), "--no-publish"]).succeeds();
}

/// `prod` has an older version than `preprod` of two packages of one source, and one that `preprod` does not have.
fn two_states() -> Environment {
    let environment = store();
    let old = changelog(&[("1.0-1", "  * First. (Closes: #1)")]);
    let new = changelog(&[
        ("1.2-1", "  * Fix CVE-2024-12345 <script>alert(1)</script> & \u{1b}[31mred. (Closes: #12, #13)"),
        ("1.1-1", "  * Greet. (LP: #99)\n    - in \u{fc}nicode"),
        ("1.0-1", "  * First. (Closes: #1)"),
    ]);
    let doc = "usr/share/doc/hello/changelog.Debian";
    add(&environment, "prod", ("hello", "1.0-1"), |builder| {
        builder
            .field("Depends", "libc6 (>= 2.31), adduser")
            .file("usr/bin/hello", "old", 0o755)
            .file("usr/bin/goodbye", "", 0o755)
            .file("etc/hello.conf", "", 0o644)
            .conffile("etc/hello.conf")
            .file(doc, old, 0o644)
            .maintainer_script("postinst", "#!/bin/sh\n")
            .maintainer_script("prerm", "#!/bin/sh\n")
    });
    add(&environment, "preprod", ("hello", "1.2-1"), |builder| {
        let builder = (0..12).fold(builder, |b, n| b.file(format!("usr/share/hello/{n:02}"), "", 0o644));
        builder
            .field("Depends", "libc6 (>= 2.36), adduser, libhello1 (= 1.2-1)")
            .file("usr/bin/hello", "new", 0o4755)
            .file("etc/hello.conf", "", 0o644)
            .file("etc/hello-<b>.conf", "", 0o644)
            .conffile("etc/hello.conf")
            .conffile("etc/hello-<b>.conf")
            .file(doc, new, 0o644)
            .maintainer_script("postinst", "#!/bin/sh\nset -e\n")
            .maintainer_script("preinst", "#!/bin/sh\n")
    });
    let of_hello = |builder: Builder| builder.field("Source", "hello");
    add(&environment, "prod", ("libhello1", "1.0-1"), of_hello);
    add(&environment, "preprod", ("libhello1", "1.2-1"), of_hello);
    add(&environment, "preprod", ("libhello1", "1.1-1"), of_hello);
    add(&environment, "prod", ("gone", "3"), |builder| builder);
    environment
}

#[test]
fn for_people() {
    insta::assert_snapshot!(two_states().run(&["diff", "prod", "preprod", "--details"]), @"");
}

#[test]
fn for_programs() {
    let environment = two_states();
    let output = environment.run(&["diff", "prod", "preprod", "--details", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @"");
    assert_eq!(environment.run(&["--json", "diff", "prod", "preprod", "--details"]).stdout, output.stdout);
}

#[test]
fn for_release_notes() {
    let page = two_states().run(&["diff", "prod", "preprod", "--details", "--format", "html"]).stdout;
    let body = page.split("<body>").nth(1).unwrap();
    insta::assert_snapshot!(body, @"");
    assert!(page.starts_with("<!DOCTYPE html>"));
    for foreign in ["<script", "\u{1b}", "hello-<b>", " src=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn nothing_changed() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    insta::assert_snapshot!(environment.run(&["diff", "preprod", "preprod", "--details"]), @"");
    insta::assert_snapshot!(environment.run(&["diff", "preprod", "preprod", "--format", "html"]), @"");
}
