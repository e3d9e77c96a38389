//! `--remote`: verbs on a server read as they do where the store is.

use std::fs;
use std::time::{Duration, Instant};

use testkit::Output;

use crate::api::{Interface, SCOPES};
use crate::store;

/// A served store, and a machine elsewhere with a token for it.
struct Remote {
    api: Interface,
    token: String,
}

impl Remote {
    fn new(api: Interface, repository: &str, scopes: &[&str]) -> Self {
        let token = api.token(repository, "remote", scopes);
        let file = api.environment.write("token", format!("{token}\n"));
        Self { api, token: file.into_string() }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.api.environment.command();
        command.args(arguments).env_remove("REPO_ROOT");
        command
            .env("REPO_REMOTE", format!("http://{}", self.api.address))
            .env("REPO_TOKEN_FILE", &self.token);
        self.api.environment.finish(&mut command)
    }
}

#[test]
fn what_is_read_reads_the_same_here_and_there() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "shop=1.0"]);
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["hello=2.0"]);
    let remote = Remote::new(Interface::new(environment), "prod", &["read", "promote"]);
    for arguments in [
        &["list", "prod"][..],
        &["list", "prod@1", "hello", "--columns", "package,version"],
        &["versions", "hello", "--repository", "prod"],
        &["show", "prod", "hello"],
        &["show", "prod", "nosuch"],
        &["diff", "preprod", "prod"],
        &["diff", "prod@1", "prod"],
        &["history", "prod", "--limit", "1"],
        &["history", "prod", "hello"],
        &["holds", "prod"],
        &["approvals", "prod"],
        &["tag", "prod"],
        &["key", "export", "--repository", "prod"],
        &["status", "--repository", "prod"],
        &["promote", "--from", "preprod", "--to", "prod", "shop", "--dry-run"],
    ] {
        let printed = |output: Output| (output.status, output.stdout, output.stderr);
        let here = || printed(remote.api.environment.run(arguments));
        let there = || {
            printed(match arguments[0] {
                // The token decides which repositories that is about.
                "status" => remote.run(&["status"]),
                _ => remote.run(arguments),
            })
        };
        // `status` prints how long ago things were: what is the same before and after is so in between as well. After a minute the ages
        // are minutes.
        let begun = Instant::now();
        loop {
            let (before, there, after) = (here(), there(), here());
            if before == after {
                assert_eq!(there, before, "{arguments:?}");
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(200), "{before:?}, {after:?}");
        }
        let with_json =
            |output: Output| -> serde_json::Value { serde_json::from_str(&output.stdout).unwrap() };
        if arguments[0] != "status" {
            let arguments = [arguments, &["--json"]].concat();
            assert_eq!(with_json(remote.run(&arguments)), with_json(remote.api.environment.run(&arguments)));
        }
    }
}

#[test]
fn what_is_changed_is_changed_on_the_server() {
    let remote = Remote::new(Interface::new(store()), "prod", &SCOPES);
    let environment = &remote.api.environment;
    let files = ["aa", "bb", "cc"].map(|name| environment.package(name, "1.0", "all").into_string());
    let added = remote.run(&["add", "prod", &files[0], &files[1], &files[2]]).succeeds();
    insta::assert_snapshot!(added.stdout, @r"
    added aa 1.0 all -> bookworm
    added bb 1.0 all -> bookworm
    added cc 1.0 all -> bookworm
    added 3 package files
    ");
    let bad = environment.write("files/bad_1.0_all.deb", "no package").into_string();
    let refused = remote.run(&["add", "prod", "--json", &bad, &files[0], "--keep-going"]).ends_with(1);
    let document: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(document["error"]["code"], "E-INVALID-PACKAGE", "{document}");
    assert_eq!(
        (document["refused"].as_array().unwrap().len(), &document["added"][0]["package"]),
        (1, &"aa".into())
    );
    // Which of the files came into which commit depends on when each arrived, so the state with all of them has a name.
    let _ = remote.run(&["tag", "prod", "all"]).succeeds();
    let removed = remote.run(&["remove", "prod", "aa", "--yes"]).succeeds();
    assert!(removed.stdout.contains("removed 1 package from prod"), "{removed}");
    let _ = remote.run(&["hold", "prod", "xx=1.0", "--reason=--yes"]).succeeds();
    let _ = remote.run(&["unhold", "prod", "xx=1.0"]).succeeds();
    let _ = remote.run(&["approve", "prod", "bb=1.0", "--whole-source"]).succeeds();
    let _ = remote.run(&["approve", "prod", "bb=1.0", "--withdraw"]).succeeds();
    let plan = remote.run(&["rollback", "prod", "--to", "all", "--dry-run", "--json"]).succeeds();
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let base = format!("--base={}", plan["base"].as_str().unwrap());
    let back = remote.run(&["rollback", "prod", "--to", "all", &base, "--yes"]).succeeds();
    assert!(back.stdout.contains("rolled prod back to "), "{back}\n{plan}");
    let outdated = remote.run(&["rollback", "prod", "--to", "all", &base, "--yes"]).ends_with(1);
    assert!(outdated.stderr.contains("has changed since"), "{outdated}");
    let _ = remote.run(&["undo", "prod", "--yes"]).succeeds();
    let _ = remote.run(&["access", "add", "prod", "new", "--scope", "add"]).succeeds();
    let _ = remote.run(&["access", "revoke", "prod", "new"]).succeeds();
    let history = environment.run(&["history", "prod"]).succeeds().stdout;
    assert!(history.contains("token remote") && !history.contains("tester"), "{history}");
}

#[test]
fn what_a_server_does_not_do_is_said_before_anything_is_sent() {
    let remote = Remote::new(Interface::new(store()), "prod", &["read"]);
    for (arguments, said) in [
        (&["gc"][..], "`gc` is not available with --remote"),
        (&["init", "x"], "`init` is not available with --remote"),
        (&["config", "show"], "`config show` is not available with --remote"),
        (&["key", "list"], "`key list` is not available with --remote"),
        (&["list", "prod/bookworm"], "takes no suite behind a repository"),
        (&["publish"], "needs a value for `repository`"),
    ] {
        let refused = remote.run(arguments).ends_with(1);
        assert!(refused.stderr.contains(said), "{refused}");
    }
    let scope = remote.run(&["publish", "prod"]).ends_with(1);
    assert!(scope.stderr.contains("this token does not have the scope `publish`"), "{scope}");
    let elsewhere = remote.run(&["list", "prod", "--remote", "http://192.0.2.1:1"]).ends_with(1);
    assert!(elsewhere.stderr.contains("use https://"), "{elsewhere}");
    let files = remote.run(&["list", "prod", "--remote", &remote.api.server.url()]).ends_with(1);
    assert!(files.stderr.contains("no document"), "{files}");
    let none = remote.run(&["list", "prod", "--token-file", "/nonexistent"]).ends_with(1);
    assert!(none.stderr.contains("/nonexistent"), "{none}");
    fs::write(&remote.token, "no token").unwrap();
    let bad = remote.run(&["list", "prod"]).ends_with(1);
    assert!(bad.stderr.contains("not a token") && !bad.stderr.contains("no token\n"), "{bad}");
}

#[test]
fn a_key_that_would_not_sign_is_refused() {
    let remote = Remote::new(Interface::new(store()), "prod", &["tag"]);
    let refused = remote.run(&["tag", "prod", "v1", "--actor-key", "key.asc"]).ends_with(1);
    assert!(refused.stderr.contains("`--actor-key` is not available with --remote"), "{refused}");
}

/// Nothing writes to the pipe, so reading it would block forever.
#[test]
fn a_named_pipe_is_not_sent() {
    let remote = Remote::new(Interface::new(store()), "prod", &["add"]);
    let pipe = remote.api.environment.path("hello_1.0_all.deb");
    let _ = remote.api.environment.other(&["mkfifo", pipe.as_str()]).status().unwrap();
    let refused = remote.run(&["add", "prod", pipe.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("is not a regular file"), "{refused}");
    assert!(remote.api.environment.run(&["list", "prod"]).succeeds().stderr.contains("no packages"));
    // It keeps no other file from being added, nor that from being told.
    let other = remote.api.environment.package("world", "1.0", "all");
    let both = remote.run(&["add", "prod", "--keep-going", pipe.as_str(), other.as_str()]).ends_with(1);
    assert!(both.stderr.contains("is not a regular file"), "{both}");
    assert!(both.stdout.contains("added world 1.0 all"), "{both}");
    assert!(remote.api.environment.run(&["list", "prod"]).succeeds().stdout.contains("world"));
}
