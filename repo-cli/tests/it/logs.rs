//! A line for each operation, and no secret in any.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use serde_json::Value;
use testkit::Environment;

use crate::{PROGRAM, configure, store};

/// The lines of the log that a command wrote to standard error as JSON.
fn lines(environment: &Environment, arguments: &[&str]) -> Vec<Value> {
    let output = environment.run(arguments);
    output.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn text<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_else(|| panic!("{name}: {line}"))
}

#[test]
fn text_log_history_and_json_count_a_change_alike() {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    let _ = environment.run(&["config", "set", "architectures", "amd64,arm64"]).succeeds();
    configure(&environment, "log = \"json\"\n");
    let files = [("hello", "amd64"), ("hello", "arm64"), ("agent", "all")]
        .map(|(name, architecture)| environment.package(name, "1.0", architecture));
    let mut add = vec!["add", "preprod"];
    add.extend(files.iter().map(|file| file.as_str()));
    let added = environment.run(&add).succeeds();
    assert!(added.stdout.contains("\nadded 2 packages (3 files) to preprod (commit 1)"), "{added}");
    let promote = ["promote", "--all", "--from", "preprod", "--to", "prod"];
    let json: Value =
        serde_json::from_str(&environment.json(&[&promote[..], &["--dry-run"]].concat())).unwrap();
    assert_eq!(json["count"], serde_json::json!({ "packages": 2, "files": 3 }));
    let output = environment.run(&promote).succeeds();
    assert!(output.stdout.contains("\npromoted 2 packages (3 files) from preprod to prod"), "{output}");
    let log: Value = serde_json::from_str(output.stderr.lines().next().unwrap()).unwrap();
    assert_eq!([&log["added"], &log["added_files"], &log["removed"], &log["removed_files"]], [2, 3, 0, 0]);
    let history: Value = serde_json::from_str(&environment.json(&["history", "prod"])).unwrap();
    assert_eq!(history["history"][0]["count"]["added"], serde_json::json!({ "packages": 2, "files": 3 }));
    assert!(environment.run(&["history", "prod"]).stdout.contains("  +2 -0  "));
}

#[test]
fn each_change_has_a_line_with_what_it_did() {
    let environment = store();
    configure(&environment, "log = \"json\"\n");
    let file = environment.package("hello", "1.0", "all");
    let added = lines(&environment, &["add", "preprod", file.as_str(), "--actor", "eve"]);
    assert_eq!(added.len(), 2, "the commit and its publication: {added:?}");
    let [add, publish] = &*added else { panic!("{added:?}") };
    assert_eq!((text(add, "verb"), text(add, "actor"), text(add, "repository")), ("add", "eve", "preprod"));
    assert_eq!((&add["added"], &add["removed"]), (&Value::from(1), &Value::from(0)));
    assert_ne!(text(add, "commit_before"), text(add, "commit_after"));
    assert!(add["duration_ms"].is_u64() && text(add, "result") == "done");
    assert!(text(publish, "operation").starts_with("publish "), "{publish}");
    assert_eq!(text(publish, "commit_after"), text(add, "commit_after"));
    // The whole verb is named, and what goes on says when it began and ended.
    for verb in [
        &["suite", "add", "sid"][..],
        &["suite", "remove", "sid"],
        &["config", "unset", "pdiffs"],
        &["repository", "add", "dev"],
    ] {
        let line = lines(&environment, verb);
        assert_eq!((line.len(), text(&line[0], "verb")), (1, &*verb[..2].join(" ")), "{line:?}");
    }
    let _ = environment.run(&["repository", "remove", "dev"]).succeeds();
    let copy = environment.path("copy");
    let backup = environment.path("backup");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let restored = lines(&environment, &["restore", backup.as_str(), copy.as_str()]);
    assert_eq!(
        (text(restored.last().unwrap(), "verb"), text(restored.last().unwrap(), "result")),
        ("restore", "done")
    );
    // What changes no repository, what fails, and what changes nothing.
    let set = lines(&environment, &["config", "set", "pdiffs", "3"]);
    assert_eq!((set.len(), text(&set[0], "verb")), (1, "config set"));
    let failed = lines(&environment, &["remove", "preprod", "nosuch"]);
    let last = failed.last().unwrap();
    assert_eq!((text(last, "result"), text(last, "error")), ("failed", "E-NO-MATCH"), "{failed:?}");
    // What is refused file by file is a failure too.
    fs::create_dir(environment.path("drop")).unwrap();
    let bad = environment.write("drop/bad.deb", "no package");
    for arguments in
        [&["add", "preprod", bad.as_str()][..], &["incoming", "preprod", "drop", "--once", "--patience", "0"]]
    {
        let refused = lines(&environment, arguments);
        let last = refused.last().unwrap();
        assert_eq!(
            (text(last, "result"), text(last, "error")),
            ("failed", "E-INVALID-PACKAGE"),
            "{refused:?}"
        );
    }
    for arguments in
        [&["list", "preprod"][..], &["promote", "--all", "--from", "preprod", "--to", "prod", "--dry-run"]]
    {
        assert!(lines(&environment, arguments).is_empty(), "{arguments:?}");
    }
    // The document stays the only thing on standard output.
    let output = environment.run(&["--json", "publish", "prod"]).succeeds();
    assert!(serde_json::from_str::<Value>(&output.stdout).is_ok(), "{output}");
}

#[test]
fn a_log_that_nobody_takes_keeps_nothing_from_being_done() {
    let environment = store();
    let directory = fs::create_dir(environment.path("drop"));
    assert!(directory.is_ok());
    for target in ["journald", "syslog:local3", "stderr"] {
        configure(&environment, &format!("log = \"{target}\"\n"));
        environment.add("preprod", &[&format!("hello=1.{}", target.len())]);
    }
    let output = environment.run(&["publish"]).succeeds();
    assert!(output.stderr.contains("operation: verb=publish"), "{output}");
}

#[test]
fn no_secret_is_in_a_log_or_an_error() {
    let secrets = ["correct-horse", "battery-staple", "hunter2-hash"];
    let environment = store();
    environment.write("store/passphrase", format!("{}\n", secrets[0]));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(environment.root().join("passphrase"), mode).unwrap();
    environment.write("store/users", format!("anna:{}\n", secrets[2]));
    let mut said = String::new();
    let mut run = |arguments: &[&str]| {
        let output = environment.run(arguments);
        said.push_str(&output.to_string());
    };
    for target in ["json", "stderr"] {
        configure(
            &environment,
            &format!(
                "log = \"{target}\"\n[signing]\npassphrase_file = \"passphrase\"\n[repositories.prod]\nusers = \"users\"\n"
            ),
        );
        let file = environment.package("hello", &format!("1.{}", target.len()), "all");
        run(&["add", "preprod", file.as_str()]);
        run(&["key", "generate"]);
        run(&["key", "list"]);
        run(&["publish"]);
        run(&["promote", "--all", "--from", "preprod", "--to", "prod"]);
        run(&["sign", "again"]);
        run(&["config", "check"]);
        run(&["config", "show"]);
        run(&["config", "set", "signing.passphrase", secrets[1]]);
        run(&["status"]);
        run(&["fsck"]);
        run(&["backup", "saved"]);
    }
    configure(
        &environment,
        &format!(
            "log = \"json\"\n[signing]\npassphrase = \"{}\"\npassword = \"{}\"\n",
            secrets[1], secrets[1]
        ),
    );
    for verb in
        [&["config", "check"][..], &["publish"], &["status"], &["key", "list"], &["incoming", "--once"]]
    {
        run(verb);
    }
    configure(&environment, &format!("[signing]\npassphrase = {}\n", secrets[1]));
    run(&["config", "check"]);
    // What was said is what is looked at.
    assert!(said.contains("added 1 package") && said.contains("operation: verb=add"));
    for secret in secrets {
        let line = said.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[test]
fn what_goes_on_is_logged_when_it_begins_and_when_it_ends() {
    let environment = store();
    configure(&environment, "log = \"json\"\n[[incoming]]\nfolder = \"drop\"\nrepository = \"preprod\"\n");
    fs::create_dir(environment.root().join("drop")).unwrap();
    for (arguments, ready) in
        [(&["serve", "--listen", "127.0.0.1:0"][..], "serving "), (&["incoming"], "watching ")]
    {
        let mut command = environment.command();
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(ready) {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "{arguments:?} ended");
        }
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        let mut rest = String::new();
        let _ = said.read_to_string(&mut rest);
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<Value> = told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let results: Vec<_> = lines.iter().map(|line| (text(line, "verb"), text(line, "result"))).collect();
        assert_eq!(results, [(arguments[0], "begun"), (arguments[0], "done")], "{told}");
    }
}
