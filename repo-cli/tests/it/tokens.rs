//! Tokens of machines and jobs: made, shown once, checked by `serve`, revoked; and several ways into one repository.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::{Apt, Environment, Server};

use crate::http;
use crate::{configure, store};

/// A published repository that takes tokens from everywhere, and `more` ways in.
fn with_tokens(more: &str) -> Environment {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    configure(&environment, &format!("[repositories.prod]\naccess = [[\"tokens\"]{more}]\n"));
    environment
}

fn token_for(environment: &Environment, holder: &str, more: &[&str]) -> String {
    let arguments = [&["access", "add", "prod", holder, "--json"], more].concat();
    let made: serde_json::Value =
        serde_json::from_str(&environment.run(&arguments).succeeds().stdout).unwrap();
    made["token"].as_str().unwrap().to_owned()
}

/// The status that a client with this login gets.
fn status(server: &Server, login: Option<(&str, &str)>) -> u16 {
    let field = login.map_or_else(String::new, |(user, password)| {
        format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")))
    });
    http::get_with(server, "/prod/dists/bookworm/InRelease", &field).0
}

/// Waits until a change counts, which takes two seconds at most.
#[track_caller]
fn soon(server: &Server, login: Option<(&str, &str)>, expected: u16) {
    let begun = Instant::now();
    while status(server, login) != expected {
        assert!(begun.elapsed() < Duration::from_secs(60), "not {expected} but {}", status(server, login));
        sleep(Duration::from_millis(50));
    }
}

/// What a server asks for when a token makes another one.
#[test]
fn a_token_that_would_outlive_its_maker_is_refused() {
    let environment = with_tokens("");
    let in_a_month = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(30 * 24);
    let by = format!("--ends-by={in_a_month}");
    let add = |more: &[&str]| environment.run(&[&["access", "add", "prod", "web1", &by], more].concat());
    for more in [&[][..], &["--expires", "90d"]] {
        let refused = add(more).ends_with(2);
        assert!(refused.stderr.contains("counts longer than itself"), "{refused}");
    }
    let _ = add(&["--expires", "29d"]).succeeds();
}

#[test]
fn a_token_that_nobody_has_seen_is_revoked() {
    let environment = with_tokens("");
    for arguments in [&["access", "add", "prod", "web1"][..], &["access", "add", "prod", "web1", "--json"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = environment.command();
        let output =
            command.args(arguments).stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("the token of web1 could not be shown, so it was revoked"), "{said}");
        assert!(!said.contains("it is not shown again"), "{said}");
        let list = environment.run(&["access", "list", "prod"]).succeeds();
        assert!(list.stderr.contains("no tokens"), "{list}");
    }
    // A reader that went away has not seen it either.
    let mut command = environment.command();
    command.args(["access", "add", "prod", "web1"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    // The name is free.
    let _ = token_for(&environment, "web1", &[]);
}

#[test]
fn a_token_opens_the_repository_until_it_is_revoked() {
    let environment = with_tokens("");
    let first = token_for(&environment, "web1", &["--group", "web"]);
    let server = environment.serve();
    assert_eq!(status(&server, None), 401);
    assert_eq!(status(&server, Some(("web1", &first))), 200);
    assert_eq!(status(&server, Some(("anything", &first))), 200, "the name does not matter");
    assert_eq!(status(&server, Some(("web1", "repo_0123456789abcdef_secret"))), 401);
    assert_eq!(status(&server, Some(("web1", &first.to_uppercase()))), 401);
    // Made and revoked while it is served.
    let second = token_for(&environment, "db1", &[]);
    soon(&server, Some(("db1", &second)), 200);
    let _ = environment.run(&["access", "rename", "prod", "db1", "db2"]).succeeds();
    let _ = environment.run(&["access", "revoke", "prod", "web1"]).succeeds();
    soon(&server, Some(("web1", &first)), 401);
    assert_eq!(status(&server, Some(("db1", &second))), 200, "it has another name, and is the same token");
    let _ = environment.run(&["access", "revoke", "prod", "db2"]).succeeds();
    soon(&server, Some(("db1", &second)), 401);
    // A list that was changed by hand lets nobody in.
    let third = token_for(&environment, "ci", &[]);
    soon(&server, Some(("ci", &third)), 200);
    let list = environment.root().join("store/tokens/prod");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace("\tci\t", "\troot\t")).unwrap();
    soon(&server, Some(("ci", &third)), 503);
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("store/tokens/prod"), "{found}");
    let status_of_all = environment.run(&["status"]).ends_with(3);
    assert!(status_of_all.stdout.contains("no token lets anybody in"), "{status_of_all}");
    fs::write(&list, text).unwrap();
    soon(&server, Some(("ci", &third)), 200);
}

#[test]
fn a_token_expires() {
    let environment = with_tokens("");
    let short = token_for(&environment, "short", &["--expires", "2s"]);
    let server = environment.serve();
    soon(&server, Some(("short", &short)), 401);
    let listed = environment.run(&["access", "list", "prod"]).succeeds();
    assert!(listed.stdout.contains("expired"), "{listed}");
    // One that has expired gives its name away.
    let again = token_for(&environment, "short", &["--expires", "90d"]);
    soon(&server, Some(("short", &again)), 200);
    for bad in ["0", "-1d", "9999999d"] {
        let refused =
            environment.run(&["access", "add", "prod", "x", &format!("--expires={bad}")]).ends_with(2);
        assert!(refused.stderr.contains("--expires"), "{refused}");
    }
}

#[test]
fn what_is_kept_and_printed_later_has_nothing_of_a_token() {
    let environment = with_tokens("");
    let token = token_for(&environment, "web1", &[]);
    // It may have an underscore itself.
    let secret = token.splitn(3, '_').nth(2).unwrap();
    for verb in [
        &["access", "list"][..],
        &["access", "list", "--json"],
        &["history", "prod", "--json"],
        &["status"],
        &["fsck", "--json"],
        &["backup", "saved"],
        &["access", "add", "prod", "web1"],
        &["config", "show"],
    ] {
        let output = environment.run(verb);
        assert!(!format!("{}{}", output.stdout, output.stderr).contains(secret), "{verb:?}");
    }
    let mut places = vec![environment.root(), environment.path("saved")];
    let mut files = 0;
    while let Some(place) = places.pop() {
        for entry in place.read_dir_utf8().unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                places.push(entry.path().to_owned());
            } else if entry.file_type().unwrap().is_file() {
                let bytes = fs::read(entry.path()).unwrap();
                assert!(
                    !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
                    "{}",
                    entry.path()
                );
                files += 1;
            }
        }
    }
    assert!(files > 20);
    // It is known again after a restoration, and so is who made it.
    let _ = environment.run(&["restore", "saved", "again"]).succeeds();
    let root = environment.path("again");
    let listed = environment.run(&["--root", root.as_str(), "access", "list", "prod"]).succeeds();
    assert!(listed.stdout.contains("web1"), "{listed}");
    let log = fs::read_to_string(environment.root().join("store/ops/log")).unwrap();
    assert!(log.contains("give web1 a token"), "{log}");
}

#[test]
fn who_gets_and_loses_a_token_is_logged() {
    let environment = with_tokens("");
    configure(&environment, "log = \"json\"\n[repositories.prod]\naccess = [[\"tokens\"]]\n");
    let made = environment.run(&["access", "add", "prod", "web1"]).succeeds();
    let token = made.stdout.find("repo_").map(|at| made.stdout[at..].trim_end()).unwrap();
    let secret = token.splitn(3, '_').nth(2).unwrap();
    assert!(made.stderr.contains("give web1 a token") && !made.stderr.contains(secret), "{made}");
    let revoked = environment.run(&["access", "revoke", "prod", "web1"]).succeeds();
    assert!(revoked.stderr.contains("revoke the token of web1"), "{revoked}");
}

#[test]
fn a_client_needs_one_of_the_ways_in() {
    // The user `robot` with the password `password`, hashed as `htpasswd -s` does.
    let users = "robot:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n";
    let environment = with_tokens(", [\"users:people\", \"127.0.0.0/8\"], [\"192.0.2.0/24\"]");
    environment.write("store/people", users);
    let token = token_for(&environment, "web1", &[]);
    let server = environment.serve();
    assert_eq!(status(&server, None), 401);
    assert_eq!(status(&server, Some(("robot", "password"))), 200);
    assert_eq!(status(&server, Some(("robot", "wrong"))), 401);
    assert_eq!(status(&server, Some(("web1", &token))), 200);
    // Who comes from an address that may read is asked for nothing, whatever it sends.
    configure(&environment, "[repositories.prod]\naccess = [[\"tokens\"], [\"127.0.0.1\"]]\n");
    let restarted = environment.serve();
    assert_eq!(status(&restarted, None), 200);
    assert_eq!(status(&restarted, Some(("robot", "wrong"))), 200);
    configure(&environment, "[repositories.prod]\naccess = [[\"192.0.2.0/24\", \"tokens\"]]\n");
    let elsewhere = environment.serve();
    assert_eq!(status(&elsewhere, Some(("web1", &token))), 403);
    for (text, said) in [
        ("access = []", "an empty list lets nobody in"),
        ("access = [[]]", "a way in has no condition"),
        ("access = [['tokens']]\nallow = ['10.0.0.0/8']", "prod has `access` beside `allow` or `users`"),
    ] {
        configure(&environment, &format!("[repositories.prod]\n{text}\n"));
        let refused = environment.run(&["list", "prod"]).ends_with(1);
        assert!(refused.stderr.contains(said), "{text}: {refused}");
    }
}

#[test]
fn names_are_checked_and_known_once() {
    let environment = with_tokens("");
    let _ = token_for(&environment, "web1", &[]);
    let taken = environment.run(&["access", "add", "prod", "web1"]).ends_with(1);
    assert!(taken.stderr.contains("repo-cli access revoke prod web1"), "{taken}");
    let dry = environment.run(&["access", "add", "prod", "web1", "--dry-run"]).ends_with(1);
    assert!(dry.stderr.contains("web1 already has a token for prod"), "{dry}");
    let dry = environment.run(&["access", "add", "prod", "web2", "--dry-run"]).succeeds();
    assert!(dry.stdout.contains("would make a token for web2"), "{dry}");
    let unknown = environment.run(&["access", "revoke", "prod", "web"]).ends_with(1);
    assert!(unknown.stderr.contains("did you mean `web1`?"), "{unknown}");
    let _ = environment.run(&["access", "revoke", "prod", "web1", "--dry-run"]).succeeds();
    assert!(environment.run(&["access", "list"]).succeeds().stdout.contains("web1"));
    let _ = environment.run(&["access", "add", "prod", "web 1"]).ends_with(2);
    configure(&environment, "");
    let open = environment.run(&["access", "add", "prod", "web3"]).succeeds();
    assert!(open.stderr.contains("prod does not ask for tokens; set access = [[\"tokens\"]]"), "{open}");
}

#[test]
fn apt_reads_with_the_entry_that_is_printed() {
    let environment = with_tokens("");
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let made = environment.run(&["access", "add", "prod", "web1", "--url", &server.url()]).succeeds();
    assert!(made.stdout.starts_with(&format!("machine {}/prod/\nlogin web1\npassword repo_", server.url())));
    assert!(made.stderr.contains("/etc/apt/auth.conf.d/prod.conf"), "{made}");
    let arguments = ["client-config", "prod", "--suite", "bookworm", "--inline", "--url", &server.url()];
    apt.source("prod", &environment.run(&arguments).succeeds().stdout);
    let refused = apt.update().ends_with(100);
    assert!(refused.stderr.contains("401"), "{refused}");
    soon(&server, Some(("web1", made.stdout.trim_end().rsplit_once(' ').unwrap().1)), 200);
    apt.auth("prod", &made.stdout);
    let _ = apt.update().succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"));
    let _ = environment.run(&["access", "revoke", "prod", "web1"]).succeeds();
    soon(&server, Some(("web1", made.stdout.trim_end().rsplit_once(' ').unwrap().1)), 401);
    let refused = apt.update().ends_with(100);
    assert!(refused.stderr.contains("401"), "{refused}");
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"), "the lists stay");
}

#[test]
fn an_invitation_sets_a_machine_up_and_replaces_its_login() {
    let environment = with_tokens("");
    let server = environment.serve();
    let invite = |holder: &str| {
        let url = server.url();
        let arguments = ["access", "invite", "prod", holder, "--suite", "bookworm", "--url", &url];
        let line = environment.run(&arguments).succeeds().stdout;
        let typed =
            line.split_once("printf '%s\\n' ").unwrap().1.split_once(" | repo_login=stdin sh").unwrap().0;
        let name = line.split("/setup/").nth(1).unwrap().split(' ').next().unwrap();
        let script = String::from_utf8(http::get(&server, &format!("/setup/{name}")).1).unwrap();
        let (user, token) = typed.split_once(' ').unwrap();
        assert!(!script.contains(token));
        soon(&server, Some((user, token)), 200);
        (format!("repo_login=stdin\n{script}"), format!("{user}\n{token}\n"))
    };
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let (script, login) = invite("web1");
    let _ = apt.set_up(&script, "bookworm", &login).succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"));
    let entry = apt.path("etc/apt/auth.conf.d/prod.conf");
    let before = fs::read_to_string(&entry).unwrap();
    assert!(before.contains("login web1"));
    // A wrong token leaves the good one.
    let wrong = apt.set_up(&script, "bookworm", "web1\nrepo_0123456789abcdef_wrong\n").ends_with(1);
    assert!(wrong.stderr.contains("everything is as it was before"), "{wrong}");
    assert_eq!(fs::read_to_string(&entry).unwrap(), before);
    let (script, login) = invite("web2");
    let _ = apt.set_up(&script, "bookworm", &login).succeeds();
    assert!(fs::read_to_string(&entry).unwrap().contains("login web2"));
}

#[test]
fn a_repository_whose_name_begins_like_another_gets_its_own_token() {
    let environment = store();
    configure(
        &environment,
        "[repositories.prod]\naccess = [[\"tokens\"]]\n[repositories.prod-eu]\naccess = [[\"tokens\"]]\n",
    );
    environment.add("prod", &["hello=1.0", "servus=1.0"]);
    environment.add("prod-eu", &["bonjour=1.0"]);
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    for repository in ["prod", "prod-eu"] {
        let url = server.url();
        let made = environment.run(&["access", "add", repository, "web1", "--url", &url]).succeeds();
        apt.auth(repository, &made.stdout);
        let arguments = ["client-config", repository, "--suite", "bookworm", "--inline", "--url", &url];
        apt.source(repository, &environment.run(&arguments).succeeds().stdout);
    }
    let begun = Instant::now();
    while apt.update().status != Some(0) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", apt.update());
        sleep(Duration::from_millis(200));
    }
    // Revoked between two packages of an installation: with another token the rest is fetched.
    let _ = apt.get(&["download", "hello", "bonjour"]).succeeds();
    let _ = environment.run(&["access", "revoke", "prod", "web1"]).succeeds();
    let begun = Instant::now();
    while apt.update().status == Some(0) {
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(200));
    }
    let refused = apt.get(&["download", "servus", "bonjour"]).ends_with(100);
    assert!(refused.stderr.contains("401"), "{refused}");
    let made = environment.run(&["access", "add", "prod", "web2", "--url", &server.url()]).succeeds();
    apt.auth("prod", &made.stdout);
    soon(&server, Some(("web2", made.stdout.trim_end().rsplit_once(' ').unwrap().1)), 200);
    let _ = apt.get(&["download", "servus", "bonjour"]).succeeds();
}
