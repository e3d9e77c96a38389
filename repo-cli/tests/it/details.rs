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
            .file("etc/hello.conf", "a = b\n", 0o644)
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
    insta::assert_snapshot!(two_states().run(&["diff", "prod", "preprod", "--details"]), @r"
    status: 3
    ---- stdout
    bookworm: prod -> preprod

    gone 3 (removed)
      package gone amd64 3 (removed)
        files: 0 added, 1 removed
          - usr/share/gone/content

    hello 1.0-1 -> 1.2-1
      mentions CVE-2024-12345, #12, #13, LP: #99
      1.2-1 (high) A <a@example.org> Sat, 01 Jan 2022 10:00:00 +0000
        * Fix CVE-2024-12345 <script>alert(1)</script> & \u{1b}[31mred. (Closes: #12, #13)
      1.1-1 (high) A <a@example.org> Sat, 01 Jan 2022 10:00:00 +0000
        * Greet. (LP: #99)
          - in ünicode
      package hello amd64 1.0-1 -> 1.2-1
        file size: 30.1 KiB (+10.0 KiB)
        installed size: 10.0 KiB (-1.0 KiB)
        maintainer scripts: + preinst, - prerm, ~ postinst
        conffiles: + /etc/hello-<b>.conf, ~ /etc/hello.conf
        Depends: + libc6 (>= 2.36), + libhello1 (= 1.2-1), - libc6 (>= 2.31)
        new set-user-id or set-group-id: usr/bin/hello (4755 root:root)
        files: 13 added, 1 removed
          + etc/hello-<b>.conf
          + usr/share/hello/00
          + usr/share/hello/01
          + usr/share/hello/02
          + usr/share/hello/03
          + usr/share/hello/04
          + usr/share/hello/05
          + usr/share/hello/06
          + usr/share/hello/07
          + usr/share/hello/08
          … and 4 more files
      package libhello1 amd64 1.0-1 -> 1.2-1
        also added: 1.1-1

    2 source packages: 0 new, 1 removed, 1 changed
    ");
}

#[expect(clippy::too_many_lines, reason = "most of it is what is printed")]
#[test]
fn for_programs() {
    let environment = two_states();
    let output = environment.run(&["diff", "prod", "preprod", "--details", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
    {
      "a": "prod",
      "b": "preprod",
      "details": [
        {
          "sources": [
            {
              "after": null,
              "before": "3",
              "changelog": [],
              "changelog_complete": true,
              "packages": [
                {
                  "after": null,
                  "also_added": [],
                  "also_removed": [],
                  "architecture": "amd64",
                  "before": {
                    "installed_size_kib": 4,
                    "maintainer": "Test <test@example.org>",
                    "size": 20672,
                    "version": "3"
                  },
                  "conffiles": {
                    "added": [],
                    "changed": [],
                    "removed": []
                  },
                  "files": {
                    "added": [],
                    "removed": [
                      "usr/share/gone/content"
                    ]
                  },
                  "package": "gone",
                  "privileged": [],
                  "relations": {},
                  "scripts": {
                    "added": [],
                    "removed": []
                  },
                  "scripts_changed": []
                }
              ],
              "source": "gone"
            },
            {
              "after": "1.2-1",
              "before": "1.0-1",
              "changelog": [
                {
                  "changes": "  * Fix CVE-2024-12345 <script>alert(1)</script> & \u001b[31mred. (Closes: #12, #13)",
                  "closes": [
                    12,
                    13
                  ],
                  "cves": [
                    "CVE-2024-12345"
                  ],
                  "date": "Sat, 01 Jan 2022 10:00:00 +0000",
                  "launchpad": [],
                  "maintainer": "A <a@example.org>",
                  "urgency": "high",
                  "version": "1.2-1"
                },
                {
                  "changes": "  * Greet. (LP: #99)\n    - in ünicode",
                  "closes": [],
                  "cves": [],
                  "date": "Sat, 01 Jan 2022 10:00:00 +0000",
                  "launchpad": [
                    99
                  ],
                  "maintainer": "A <a@example.org>",
                  "urgency": "high",
                  "version": "1.1-1"
                }
              ],
              "changelog_complete": true,
              "packages": [
                {
                  "after": {
                    "installed_size_kib": 10,
                    "maintainer": "Test <test@example.org>",
                    "size": 30912,
                    "version": "1.2-1"
                  },
                  "also_added": [],
                  "also_removed": [],
                  "architecture": "amd64",
                  "before": {
                    "installed_size_kib": 11,
                    "maintainer": "Test <test@example.org>",
                    "size": 20672,
                    "version": "1.0-1"
                  },
                  "conffiles": {
                    "added": [
                      "/etc/hello-<b>.conf"
                    ],
                    "changed": [
                      "/etc/hello.conf"
                    ],
                    "removed": []
                  },
                  "files": {
                    "added": [
                      "etc/hello-<b>.conf",
                      "usr/share/hello/00",
                      "usr/share/hello/01",
                      "usr/share/hello/02",
                      "usr/share/hello/03",
                      "usr/share/hello/04",
                      "usr/share/hello/05",
                      "usr/share/hello/06",
                      "usr/share/hello/07",
                      "usr/share/hello/08",
                      "usr/share/hello/09",
                      "usr/share/hello/10",
                      "usr/share/hello/11"
                    ],
                    "removed": [
                      "usr/bin/goodbye"
                    ]
                  },
                  "package": "hello",
                  "privileged": [
                    {
                      "mode": "4755",
                      "owner": "root:root",
                      "path": "usr/bin/hello"
                    }
                  ],
                  "relations": {
                    "Depends": {
                      "added": [
                        "libc6 (>= 2.36)",
                        "libhello1 (= 1.2-1)"
                      ],
                      "removed": [
                        "libc6 (>= 2.31)"
                      ]
                    }
                  },
                  "scripts": {
                    "added": [
                      "preinst"
                    ],
                    "removed": [
                      "prerm"
                    ]
                  },
                  "scripts_changed": [
                    "postinst"
                  ]
                },
                {
                  "after": {
                    "installed_size_kib": 4,
                    "maintainer": "Test <test@example.org>",
                    "size": 20672,
                    "version": "1.2-1"
                  },
                  "also_added": [
                    "1.1-1"
                  ],
                  "also_removed": [],
                  "architecture": "amd64",
                  "before": {
                    "installed_size_kib": 4,
                    "maintainer": "Test <test@example.org>",
                    "size": 20672,
                    "version": "1.0-1"
                  },
                  "conffiles": {
                    "added": [],
                    "changed": [],
                    "removed": []
                  },
                  "files": {
                    "added": [],
                    "removed": []
                  },
                  "package": "libhello1",
                  "privileged": [],
                  "relations": {},
                  "scripts": {
                    "added": [],
                    "removed": []
                  },
                  "scripts_changed": []
                }
              ],
              "source": "hello"
            }
          ],
          "suites": [
            "bookworm"
          ]
        }
      ],
      "format": 1
    }
    "#);
    assert_eq!(environment.run(&["--json", "diff", "prod", "preprod", "--details"]).stdout, output.stdout);
}

#[test]
fn for_release_notes() {
    let page = two_states().run(&["diff", "prod", "preprod", "--details", "--format", "html"]).stdout;
    let body = page.split("<body>").nth(1).unwrap();
    insta::assert_snapshot!(body, @r#"

    <h1>Changes from prod to preprod</h1>
    <h2>bookworm</h2>
    <p>2 source packages changed.</p>
    <h3>gone 3 (removed)</h3>
    <h4>gone amd64 3 (removed)</h4>
    <details><summary>0 files added, 1 removed</summary>
    <pre>- usr/share/gone/content</pre></details>
    <h3>hello 1.0-1 → 1.2-1</h3>
    <p>Mentions <a href="https://www.cve.org/CVERecord?id=CVE-2024-12345">CVE-2024-12345</a>, <a href="https://bugs.debian.org/12">#12</a>, <a href="https://bugs.debian.org/13">#13</a>, <a href="https://bugs.launchpad.net/bugs/99">LP: #99</a>.</p>
    <h4>1.2-1 (high)</h4>
    <pre>  * Fix CVE-2024-12345 &lt;script&gt;alert(1)&lt;/script&gt; &amp; \u{1b}[31mred. (Closes: #12, #13)</pre>
    <p>A &lt;a@example.org&gt; Sat, 01 Jan 2022 10:00:00 +0000</p>
    <h4>1.1-1 (high)</h4>
    <pre>  * Greet. (LP: #99)
        - in ünicode</pre>
    <p>A &lt;a@example.org&gt; Sat, 01 Jan 2022 10:00:00 +0000</p>
    <h4>hello amd64 1.0-1 → 1.2-1</h4>
    <dl>
    <dt>file size</dt><dd>30.1 KiB (+10.0 KiB)</dd>
    <dt>installed size</dt><dd>10.0 KiB (-1.0 KiB)</dd>
    <dt>maintainer scripts</dt><dd>+ preinst, - prerm, ~ postinst</dd>
    <dt>conffiles</dt><dd>+ /etc/hello-&lt;b&gt;.conf, ~ /etc/hello.conf</dd>
    <dt>Depends</dt><dd>+ libc6 (&gt;= 2.36), + libhello1 (= 1.2-1), - libc6 (&gt;= 2.31)</dd>
    <dt>new set-user-id or set-group-id</dt><dd class="warning">usr/bin/hello (4755 root:root)</dd>
    </dl>
    <details><summary>13 files added, 1 removed</summary>
    <pre>+ etc/hello-&lt;b&gt;.conf
    + usr/share/hello/00
    + usr/share/hello/01
    + usr/share/hello/02
    + usr/share/hello/03
    + usr/share/hello/04
    + usr/share/hello/05
    + usr/share/hello/06
    + usr/share/hello/07
    + usr/share/hello/08
    + usr/share/hello/09
    + usr/share/hello/10
    + usr/share/hello/11
    - usr/bin/goodbye</pre></details>
    <h4>libhello1 amd64 1.0-1 → 1.2-1</h4>
    <dl>
    <dt>also added</dt><dd>1.1-1</dd>
    </dl>
    </body>
    </html>
    "#);
    assert!(page.starts_with("<!DOCTYPE html>"));
    for foreign in ["<script", "\u{1b}", "hello-<b>", " src=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn nothing_changed() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    insta::assert_snapshot!(environment.run(&["diff", "preprod", "preprod", "--details"]), @"
    status: 0
    ---- stderr
    no differences between preprod and preprod
    ");
    insta::assert_snapshot!(environment.run(&["diff", "preprod", "preprod", "--format", "html"]), @"
    status: 2
    ---- stderr
    error: the following required arguments were not provided:
      --details

    Usage: repo-cli diff --details --format <FORM> --root <DIR> --actor <NAME> <A> <B>

    For more information, try '--help'.
    ");
}
