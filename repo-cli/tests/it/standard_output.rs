//! Where results go: to standard output, whole, or the verb fails.

use testkit::{Environment, Output};

use crate::{configure, store};

fn shell(environment: &Environment, script: &str, arguments: &[&str]) -> Output {
    environment.finish(environment.wrapped(&["sh", "-c", script]).args(arguments))
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    for arguments in [
        &["list", "preprod"][..],
        &["list", "preprod", "--json"],
        &["client-config", "prod", "--url", "http://packages.example.org"],
        &["key", "export"],
        &["key", "export", "--binary"],
        &["diff", "preprod", "prod", "--details", "--format", "html"],
        &["tag", "preprod", "first"],
    ] {
        let full = shell(&environment, r#"exec "$0" "$@" >/dev/full"#, arguments).ends_with(1);
        assert_eq!(full.stdout, "");
        assert_eq!(
            full.stderr,
            "error: cannot write standard output: No space left on device (os error 28)\n\
             hint: make room there, and give the command again\n",
            "{arguments:?}"
        );
    }
}

#[test]
fn help_that_cannot_be_written_is_a_failure() {
    let environment = store();
    for arguments in [["--help"], ["--version"]] {
        let full = shell(&environment, r#"exec "$0" "$@" >/dev/full"#, &arguments).ends_with(1);
        assert!(full.stderr.starts_with("error: cannot write standard output: "), "{full}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let script = r#"{ "$0" "$@"; echo $? >status; } | true"#;
    let quiet = shell(&environment, script, &["key", "export"]).succeeds();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    assert_eq!(std::fs::read_to_string(environment.path("status")).unwrap(), "0\n");
}

#[test]
fn quiet_changes_show_nothing_but_what_a_dry_run_would_do() {
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    configure(&environment, "[[retention]]\nkeep_versions = 1\n");
    let newer = environment.package("hello", "2.0", "all");
    for (arguments, planned) in [
        (&["add", "preprod", file.as_str(), newer.as_str()][..], 2),
        (&["promote", "hello", "--from", "preprod", "--to", "prod"], 2),
        (&["remove", "prod", "hello", "--yes"], 2),
        (&["rollback", "prod", "--to", "1"], 2),
        (&["retention", "preprod"], 2),
    ] {
        let dry = environment.run(&[arguments, &["--quiet", "--dry-run"]].concat()).succeeds();
        assert_eq!(dry.stdout.lines().count(), planned, "{arguments:?}: {dry}");
        let quiet = environment.run(&[arguments, &["--quiet"]].concat()).succeeds();
        assert_eq!(quiet.text(), "", "{arguments:?}");
    }
}

#[test]
fn json_is_json_or_refused() {
    let environment = store();
    let keys: serde_json::Value = serde_json::from_str(&environment.json(&["key", "export"])).unwrap();
    let printed = environment.run(&["key", "export"]).succeeds().stdout;
    assert_eq!(keys["keys"].as_str().unwrap(), printed.trim_end());
    insta::assert_snapshot!(environment.run(&["key", "export", "--json", "--binary"]), @r#"
    status: 2
    ---- stdout
    {"format":1,"ok":false,"error":{"code":"E-USAGE","message":"--json and --binary exclude each other","hint":null,"file":null,"line":null}}
    ---- stderr
    error: --json and --binary exclude each other
    "#);
    let page = ["diff", "preprod", "prod", "--json", "--details", "--format", "html"];
    insta::assert_snapshot!(environment.run(&page), @r#"
    status: 2
    ---- stdout
    {"format":1,"ok":false,"error":{"code":"E-USAGE","message":"--json and --format html exclude each other","hint":null,"file":null,"line":null}}
    ---- stderr
    error: --json and --format html exclude each other
    "#);
}
