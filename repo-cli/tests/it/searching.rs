//! Finding packages, and lists with the columns that were asked for.

use camino::Utf8PathBuf;
use serde_json::Value;
use testkit::{Environment, Output};

use crate::{PROGRAM, configure, store};

/// A package with a home page, a long description and one file.
fn package(environment: &Environment, name: &str, version: &str, file: &str) -> Utf8PathBuf {
    environment.build(name, version, "amd64", |builder| {
        builder
            .field("Homepage", format!("https://{name}.example.org"))
            .description(format!("greets people\n in the manner of {name}, which is\n older than they are"))
            .file(file, "content", 0o755)
    })
}

fn filled() -> Environment {
    let environment = store();
    configure(&environment, "[repositories.preprod]\ncontents = true\n");
    for (name, version, file) in [
        ("hello", "1.9", "usr/bin/hello"),
        ("hello", "1.10", "usr/bin/hello"),
        ("goodbye", "1.0", "usr/sbin/goodbye"),
    ] {
        let file = package(&environment, name, version, file);
        let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    }
    let _ = environment.run(&["promote", "hello=1.9", "--from", "preprod", "--to", "prod"]).succeeds();
    environment
}

#[test]
fn names_and_descriptions_are_searched_and_the_newest_versions_found() {
    let environment = filled();
    let search = |arguments: &[&str]| environment.run(&[&["search"], arguments].concat());
    insta::assert_snapshot!(search(&["GREETS", "manner"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  REPOSITORY  SUITES    DESCRIPTION
    goodbye  1.0      amd64         preprod     bookworm  greets people
    hello    1.9      amd64         prod        bookworm  greets people
    hello    1.10     amd64         preprod     bookworm  greets people
    ");
    insta::assert_snapshot!(search(&["hello", "--all", "--names-only"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  REPOSITORY  SUITES    DESCRIPTION
    hello    1.9      amd64         preprod     bookworm  greets people
    hello    1.9      amd64         prod        bookworm  greets people
    hello    1.10     amd64         preprod     bookworm  greets people
    ");
    insta::assert_snapshot!(search(&["older", "--repository", "preprod/bookworm", "--columns", "package"]), @"
    status: 0
    ---- stdout
    PACKAGE
    goodbye
    hello
    ");
    insta::assert_snapshot!(search(&["--regex", "^g.*e$", "--names-only"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  REPOSITORY  SUITES    DESCRIPTION
    goodbye  1.0      amd64         preprod     bookworm  greets people
    ");
    insta::assert_snapshot!(search(&["test@EXAMPLE", "--field", "maintainer", "--repository", "prod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  REPOSITORY  SUITES    DESCRIPTION
    hello    1.9      amd64         prod        bookworm  greets people
    ");
    // Nothing is found: that is no failure.
    insta::assert_snapshot!(search(&["helo"]), @"
    status: 0
    ---- stderr
    no packages match helo
    hint: did you mean `hello`?
    ");
    insta::assert_snapshot!(search(&["misc"]), @"
    status: 0
    ---- stderr
    no packages match misc
    ");
    insta::assert_snapshot!(search(&["x", "--suite", "bokworm"]), @"
    status: 1
    ---- stderr
    error: preprod has no suite `bokworm`
    hint: did you mean `bookworm`? (suites: bookworm)
    ");
    insta::assert_snapshot!(search(&["--regex", "("]), @"
    status: 1
    ---- stderr
    error: invalid regular expression `(`: found open group without closing ')'
    hint: leave out --regex to look for the text as it is
    ");
    let json: Value = serde_json::from_str(&environment.json(&["search", "goodbye"])).unwrap();
    assert_eq!(json["packages"][0]["repository"], "preprod");
    assert_eq!(json["packages"][0]["entry"]["package"], "goodbye");
    assert_eq!(json["packages"][0]["description"], "greets people");
}

#[test]
fn files_are_found_where_the_content_of_packages_is_known() {
    let environment = filled();
    let search = |arguments: &[&str]| environment.run(&[&["search"], arguments].concat());
    for path in ["usr/bin/hello", "/usr/bin/hello", "bin/hello", "hello", "usr/*/h?llo"] {
        let found = search(&["--file", path, "--repository", "preprod", "--columns", "version,file"]);
        assert_eq!(found.succeeds().stdout, "VERSION  FILE\n1.10     usr/bin/hello\n", "{path}");
    }
    for path in ["ello", "usr/bin", "usr/bin/hello/", "hell?o"] {
        assert_eq!(search(&["--file", path]).succeeds().stdout, "", "{path}");
    }
    assert_eq!(search(&["greets", "--file", "nothing"]).succeeds().stdout, "");
    let json: Value = serde_json::from_str(&environment.json(&["search", "--file", "sbin/goodbye"])).unwrap();
    assert_eq!(json["packages"][0]["files"], serde_json::json!(["usr/sbin/goodbye"]));
    // A store that keeps no content knows of no file, and says so.
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    insta::assert_snapshot!(environment.run(&["search", "--file", "usr/bin/hello"]), @"
    status: 0
    ---- stderr
    warning: preprod: the content of 1 package file is not known; set `contents = true` in [repositories.preprod] of repo.toml, then run repo-cli publish preprod
    no packages match usr/bin/hello
    ");
}

#[test]
fn a_list_has_the_columns_that_are_asked_for() {
    let environment = filled();
    let list =
        |arguments: &[&str]| -> Output { environment.run(&[&["list", "preprod"], arguments].concat()) };
    insta::assert_snapshot!(list(&["--columns", "package,version,maintainer"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  MAINTAINER
    goodbye  1.0      Test <test@example.org>
    hello    1.9      Test <test@example.org>
    hello    1.10     Test <test@example.org>
    ");
    // What is not shown makes no row.
    insta::assert_snapshot!(list(&["--columns", "Maintainer"]), @"
    status: 0
    ---- stdout
    MAINTAINER
    Test <test@example.org>
    ");
    insta::assert_snapshot!(list(&["hello=1.9", "--columns", "size,component,suites,architecture,essential"]), @"
    status: 0
    ---- stdout
    SIZE  COMPONENT  SUITES    ARCHITECTURE  ESSENTIAL
    828   main       bookworm  amd64
    ");
    insta::assert_snapshot!(list(&["--columns", "package,homepage", "--format", "tsv", "--limit", "1"]), @"
    status: 0
    ---- stdout
    package	homepage
    goodbye	https://goodbye.example.org
    ");
    insta::assert_snapshot!(list(&["goodbye", "--columns", "package,description", "--format", "csv"]), @r#"
    status: 0
    ---- stdout
    package,description
    goodbye,"greets people
     in the manner of goodbye, which is
     older than they are"
    "#);
    insta::assert_snapshot!(list(&["--columns", "package,mantainer"]), @"
    status: 1
    ---- stderr
    error: no column named `mantainer`
    hint: did you mean `maintainer`?
    ");
    insta::assert_snapshot!(list(&["--columns", "file"]), @"
    status: 1
    ---- stderr
    error: no column named `file`
    hint: a column is one of those that --help lists, or a field of the packages
    ");
    let versions = environment.run(&["versions", "hello", "--columns", "version,repository,source"]);
    insta::assert_snapshot!(versions, @"
    status: 0
    ---- stdout
    VERSION  REPOSITORY  SOURCE
    1.9      preprod     hello
    1.9      prod        hello
    1.10     preprod     hello
    ");
    let json = list(&["hello=1.9", "--columns", "homepage", "--format", "json"]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["packages"][0]["fields"], serde_json::json!({ "homepage": "https://hello.example.org" }));
    let _ = environment.run(&["--json", "list", "preprod", "--format", "csv"]).ends_with(2);
    let _ = environment.run(&["versions", "hello", "--columns", "nothing"]).ends_with(1);
}

/// A pattern and a version condition mean the same to every verb that takes packages.
#[test]
fn patterns_and_version_conditions_work_in_every_verb() {
    let environment = Environment::with_store(PROGRAM, &["bookworm"]);
    environment.add("preprod", &["pkg-a=1.0", "pkg-a=1.9", "pkg-a=1.10", "pkg-b=2.0", "other=1.9"]);
    for (selector, meant, newest) in [
        (
            "pkg*",
            &["pkg-a 1.0", "pkg-a 1.9", "pkg-a 1.10", "pkg-b 2.0"][..],
            &["pkg-a 1.10", "pkg-b 2.0"][..],
        ),
        ("pkg-a (>= 1.9)", &["pkg-a 1.9", "pkg-a 1.10"], &["pkg-a 1.10"]),
        ("pkg-* (<< 1.10)", &["pkg-a 1.0", "pkg-a 1.9"], &["pkg-a 1.9"]),
        ("* (= 1.9)", &["other 1.9", "pkg-a 1.9"], &["other 1.9", "pkg-a 1.9"]),
        ("pkg-a=1.0", &["pkg-a 1.0"], &["pkg-a 1.0"]),
    ] {
        let named = |arguments: &[&str], list: &str| -> Vec<String> {
            let json: Value = serde_json::from_str(&environment.json(arguments)).unwrap();
            let mut all: Vec<String> = json[list]
                .as_array()
                .unwrap_or_else(|| panic!("{arguments:?}: {json}"))
                .iter()
                .flat_map(|item| match item.get("changes") {
                    Some(changes) => changes.as_array().unwrap().clone(),
                    None => vec![item.get("entry").unwrap_or(item).clone()],
                })
                .map(|item| {
                    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
                    format!("{} {}", text("package"), text("version"))
                })
                .collect();
            all.sort();
            all.dedup();
            all
        };
        let sorted = |names: &[&str]| {
            let mut names: Vec<String> = names.iter().map(ToString::to_string).collect();
            names.sort();
            names
        };
        let (all, newest) = (sorted(meant), sorted(newest));
        assert_eq!(named(&["list", "preprod", selector], "packages"), all, "list {selector}");
        assert_eq!(named(&["versions", selector], "versions"), all, "versions {selector}");
        assert_eq!(named(&["history", "preprod", selector], "history"), all, "history {selector}");
        assert_eq!(
            named(&["remove", "preprod", selector, "--dry-run"], "packages"),
            all,
            "remove {selector}"
        );
        assert_eq!(named(&["show", "preprod", selector], "packages"), newest, "show {selector}");
        let promote = ["promote", selector, "--from", "preprod", "--to", "prod", "--dry-run"];
        assert_eq!(named(&promote, "packages"), newest, "promote {selector}");
    }
    for version in ["pkg-a=1.0", "pkg-a=3.0"] {
        let _ = environment.run(&["hold", "prod", version]).succeeds();
    }
    let lifted = environment.run(&["unhold", "prod", "pkg* (>> 1.0)", "--dry-run"]).succeeds();
    assert!(lifted.text().contains("pkg-a 3.0") && !lifted.text().contains("pkg-a 1.0"), "{lifted}");
    insta::assert_snapshot!(environment.run(&["versions", "pkg-*", "none"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  REPOSITORY  SUITES
    pkg-a    1.0      all           preprod     bookworm
    pkg-a    1.9      all           preprod     bookworm
    pkg-a    1.10     all           preprod     bookworm
    pkg-b    2.0      all           preprod     bookworm
    ---- stderr
    no packages match none
    ");
    insta::assert_snapshot!(environment.run(&["history", "preprod", "pkg-b*"]), @"
    status: 0
    ---- stdout
    NUMBER  TIME                  BY      CHANGE          SUITES    OPERATION
    1       <DAY> <MINUTE> UTC  tester  +pkg-b 2.0 all  bookworm  add other 1.9 all and 4 more
    ");
    insta::assert_snapshot!(environment.run(&["list", "preprod", "pkg-a (> 1)"]), @"
    status: 2
    ---- stderr
    error: invalid value 'pkg-a (> 1)' for '[PACKAGE]...': `(> 1)` is not a version condition such as `(>= 1.0)`; operators are <<, <=, =, >= and >>

    For more information, try '--help'.
    ");
}
