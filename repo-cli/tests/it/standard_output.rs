//! Where results go: to standard output, whole, or the verb fails.

use testkit::{Environment, Output};

use crate::store;

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
        &["client-config", "prod"],
        &["key", "export"],
        &["key", "export", "--binary"],
        &["diff", "preprod", "prod", "--details", "--format", "html"],
        &["tag", "preprod", "first"],
    ] {
        let full = shell(&environment, r#"exec "$0" "$@" >/dev/full"#, arguments).ends_with(1);
        assert_eq!(full.stdout, "");
        assert_eq!(
            full.stderr, "error: cannot write standard output: No space left on device (os error 28)\n",
            "{arguments:?}"
        );
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
