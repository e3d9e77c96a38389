//! Hooks: other systems are told what happens, whatever they do, and no verb waits for them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::receiver::{Answer, Received, Receiver};
use testkit::{Environment, Server};

use crate::{configure, store};

/// A hook for a receiver, with more settings.
fn hook(receiver: &Receiver, on: &str, more: &str) -> String {
    let url = receiver.url("/T0PSECRET/path");
    format!(
        "[[hook]]\nname = \"ci\"\non = {on}\nurl = \"{url}\"\nallow_private = true\ntimeout = \"60s\"\n{more}\n"
    )
}

/// What a receiver was told, as event and repository.
fn events(received: &[Received]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    received
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap())
        .map(|payload| (text(&payload["event"]), text(&payload["repository"])))
        .collect()
}

fn payload(received: &Received) -> Value {
    serde_json::from_slice(&received.body).unwrap()
}

/// The hook `ci`, as `hooks list` shows it.
fn listed(environment: &Environment) -> Value {
    let list = environment.run(&["--json", "hooks", "list"]).succeeds();
    serde_json::from_str::<Value>(&list.stdout).unwrap()["hooks"][0].clone()
}

#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(100));
    }
}

/// Runs a verb without anything left behind that would deliver its events.
fn spool(environment: &Environment, arguments: &[&str]) -> testkit::Output {
    environment.finish(environment.command().args(arguments).env("REPO_HOOKS", "spool"))
}

const ALL: &str = "[\"add.start\", \"add\", \"promote\", \"remove\", \"rollback\", \"undo\", \"publish\", \"retention\", \"gc\", \"fsck\", \"backup\"]";

#[test]
fn a_receiver_is_told_what_was_done_with_a_signature() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(200)]);
    let secret = environment.write("hook.secret", "s3cret words\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    configure(&environment, &hook(&receiver, ALL, &format!("secret_file = \"{secret}\"")));
    let file = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "preprod", file.as_str(), "--actor", "eve"]).succeeds();
    let received = receiver.wait_for(3);
    let mut told = events(&received);
    told.sort();
    let pair = |event: &str| (event.to_owned(), "preprod".to_owned());
    assert_eq!(told, [pair("add.start"), pair("add.success"), pair("publish.success")]);
    for request in &received {
        let expected = repo_hooks_signature(&request.body);
        assert_eq!(request.header("x-signature"), Some(&*expected));
        assert_eq!(request.header("x-repo-delivery"), payload(request)["id"].as_str());
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
    let of = |event: &str| received.iter().map(payload).find(|payload| payload["event"] == event).unwrap();
    let (added, published) = (of("add.success"), of("publish.success"));
    assert_eq!((&added["format"], added["actor"].as_str()), (&Value::from(1), Some("eve")));
    assert_eq!(added["operation"], "add hello 1.0 all");
    assert_eq!(added["text"], "preprod: add hello 1.0 all by eve (commit 1)");
    assert_eq!((&added["change"]["added"], &added["change"]["number"]), (&Value::from(1), &Value::from(1)));
    assert!(published["publication"].as_str().unwrap().ends_with('Z'), "{published}");
    let documented = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/hooks.md")).unwrap();
    for (field, value) in received.iter().flat_map(|request| payload(request).as_object().unwrap().clone()) {
        assert!(documented.contains(&format!("| `{field}` | ")), "{field}");
        for inner in value.as_object().into_iter().flat_map(|object| object.keys()) {
            assert!(documented.contains(&format!("`{inner}`")), "{field}.{inner}");
        }
    }
    soon("what was delivered is still there", || listed(&environment)["waiting"] == 0);
}

/// The signature of a body by the secret of these tests, as another implementation computes it.
fn repo_hooks_signature(body: &[u8]) -> String {
    use std::io::Write as _;
    let mut openssl = std::process::Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", "s3cret words", "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(body).unwrap();
    let output = openssl.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256={}", text.split(' ').next().unwrap())
}

#[test]
fn every_operation_has_its_events_and_a_preview_has_none() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(200)]);
    configure(&environment, &format!("{}[[retention]]\nkeep_versions = 1\n", hook(&receiver, ALL, "")));
    let told_of = |arguments: &[&str], expected: &[&str]| {
        let before = receiver.received().len();
        let output = spool(&environment, arguments);
        let _ = environment.run(&["hooks", "retry"]).succeeds();
        let all = receiver.received();
        let mut told: Vec<String> = events(&all[before..])
            .into_iter()
            .map(|(event, repository)| format!("{event} {repository}").trim_end().to_owned())
            .collect();
        told.sort();
        assert_eq!(told, expected, "{arguments:?}: {output}");
        all[before..].to_vec()
    };
    let (one, two) = (environment.package("hello", "1.0", "all"), environment.package("hello", "2.0", "all"));
    told_of(&["add", "preprod", one.as_str(), "--dry-run"], &[]);
    let added = ["add.start preprod", "add.success preprod", "publish.success preprod"];
    told_of(&["add", "preprod", one.as_str()], &added);
    told_of(&["add", "preprod", one.as_str()], &["add.start preprod"]);
    told_of(&["add", "preprod", two.as_str()], &added);
    let to_prod = ["promote.success prod", "publish.success prod"];
    told_of(&["promote", "--all", "--from", "preprod", "--to", "prod", "--dry-run"], &[]);
    told_of(&["promote", "--all", "--from", "preprod", "--to", "prod"], &to_prod);
    told_of(&["retention", "preprod"], &["publish.success preprod", "retention.success preprod"]);
    told_of(
        &["rollback", "preprod", "--to", "1", "--yes"],
        &["publish.success preprod", "rollback.success preprod"],
    );
    told_of(&["undo", "preprod", "--yes"], &["publish.success preprod", "undo.success preprod"]);
    told_of(&["remove", "prod", "hello", "--yes"], &["publish.success prod", "remove.success prod"]);
    told_of(&["remove", "--undo", "prod", "hello"], &["publish.success prod", "undo.success prod"]);
    told_of(&["gc", "--dry-run"], &[]);
    told_of(&["gc"], &["gc.success"]);
    told_of(&["fsck"], &["fsck.success"]);
    let backup = environment.path("backup");
    told_of(&["backup", "--list"], &[]);
    told_of(&["backup", backup.as_str()], &["backup.success"]);
    told_of(&["list", "prod"], &[]);
    told_of(&["publish", "prod"], &[]);
    // What fails, with a code and a sentence.
    let failed = told_of(&["remove", "prod", "nosuch"], &["remove.failure prod"]);
    let failed = payload(&failed[0]);
    assert_eq!(failed["error"]["code"], "E-NO-MATCH");
    assert!(failed["text"].as_str().unwrap().starts_with("prod: remove by "), "{failed}");
    let bad = environment.write("bad.deb", "no package");
    told_of(&["add", "preprod", bad.as_str()], &["add.failure preprod", "add.start preprod"]);
    told_of(&["promote", "nosuch", "--from", "preprod", "--to", "prod"], &["promote.failure prod"]);
    let backup = environment.root().join("store/backup");
    told_of(&["backup", backup.as_str()], &["backup.failure"]);
}

#[test]
fn a_change_that_cannot_be_published_is_a_success_and_a_failure() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(200)]);
    configure(&environment, &hook(&receiver, ALL, ""));
    let first = environment.package("first", "1.0", "all");
    let _ = spool(&environment, &["add", "preprod", first.as_str()]).succeeds();
    let _ = environment.run(&["hooks", "retry"]).succeeds();
    let before = receiver.received().len();
    assert_eq!(before, 3);
    // The publication cannot be written: something else lies where it belongs.
    let place = environment.root().join("public/preprod/.by-hash");
    fs::rename(&place, environment.path("aside")).unwrap();
    fs::write(&place, "in the way").unwrap();
    let file = environment.package("hello", "1.0", "all");
    let output = spool(&environment, &["add", "preprod", file.as_str()]);
    assert_eq!(output.status, Some(1), "{output}");
    let _ = environment.run(&["hooks", "retry"]).succeeds();
    let mut told: Vec<String> =
        events(&receiver.received()[before..]).into_iter().map(|(event, _)| event).collect();
    told.sort();
    assert_eq!(told, ["add.start", "add.success", "publish.failure"], "{output}");
}

#[test]
fn no_verb_waits_for_a_receiver_and_none_fails_because_of_one() {
    for answer in [
        Answer::Hang,
        Answer::Drop,
        Answer::Status(500),
        Answer::Slow(Duration::from_secs(600)),
        Answer::With(302, "Location: http://127.0.0.1:1/".to_owned()),
    ] {
        let environment = store();
        let receiver = Receiver::start(std::slice::from_ref(&answer));
        configure(&environment, &hook(&receiver, ALL, ""));
        let file = environment.package("hello", "1.0", "all");
        let begun = Instant::now();
        let output = environment.run(&["add", "preprod", file.as_str()]).succeeds();
        let took = begun.elapsed();
        assert!(!output.stderr.contains("hook"), "{output}");
        // Far longer than it takes, and less than it took if it waited for one that hangs.
        assert!(took < Duration::from_secs(60), "{answer:?} took {took:?}");
        soon("nothing was tried", || {
            receiver.hang_up();
            listed(&environment)["error"].is_string()
        });
        let hook = listed(&environment);
        assert_eq!(
            (hook["waiting"].as_u64(), hook["failed"].as_u64()),
            (Some(3), Some(0)),
            "{answer:?}: {hook}"
        );
        // The receiver works again, and gets what it missed in the order in which it happened.
        let before = receiver.received().len();
        receiver.answer(Answer::Status(200));
        soon("it was not tried again", || {
            receiver.hang_up();
            let _ = environment.run(&["hooks", "retry"]);
            listed(&environment)["waiting"] == 0
        });
        let told = events(&receiver.received()[before..]);
        assert!(told.iter().any(|(event, _)| event == "publish.success"), "{answer:?}: {told:?}");
        let status = environment.run(&["status", "--json"]);
        assert!(status.stdout.contains("\"kind\":\"hooks\""), "{status}");
    }
}

#[test]
fn a_receiver_that_hangs_is_waited_for_as_long_as_its_hook_says() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Hang]);
    configure(&environment, &hook(&receiver, ALL, "").replace("timeout = \"60s\"", "timeout = \"2s\""));
    let tested = environment.run(&["hooks", "test", "ci"]).ends_with(1);
    assert!(tested.stderr.contains("no answer within 2 s"), "{tested}");
}

#[test]
fn what_waits_survives_and_is_delivered_by_the_next_verb_or_the_server() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(200)]);
    configure(&environment, &hook(&receiver, "[\"add.success\"]", ""));
    let file = environment.package("hello", "1.0", "all");
    let _ = spool(&environment, &["add", "preprod", file.as_str()]).succeeds();
    assert_eq!((listed(&environment)["waiting"].as_u64(), receiver.received().len()), (Some(1), 0));
    // Any verb that changes something brings it on its way.
    let _ = environment.run(&["tag", "preprod", "named"]).succeeds();
    let first = receiver.wait_for(1);
    let file = environment.package("hello", "2.0", "all");
    let _ = spool(&environment, &["add", "preprod", file.as_str()]).succeeds();
    let server = Server::start(environment.command().args(["serve", "--listen", "127.0.0.1:0"]));
    let all = receiver.wait_for(2);
    assert_ne!(payload(&all[1])["id"], payload(&first[0])["id"]);
    drop(server);
}

#[test]
fn a_failed_event_is_tried_again_by_itself_and_has_the_same_id() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(500), Answer::Drop, Answer::Status(200)]);
    configure(&environment, &hook(&receiver, "[\"add.success\"]", ""));
    environment.add("preprod", &["hello=1.0"]);
    let received = receiver.wait_for(2);
    assert_eq!(payload(&received[0])["id"], payload(&received[1])["id"]);
    soon("it was delivered and still waits", || listed(&environment)["waiting"] == 0);
}

#[test]
fn a_hook_is_for_its_repositories_and_its_events() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(200)]);
    let settings = hook(&receiver, "[\"publish.success\", \"gc\"]", "repositories = [\"prod\"]");
    configure(&environment, &settings);
    environment.add("preprod", &["hello=1.0"]);
    let _ = spool(&environment, &["promote", "--all", "--from", "preprod", "--to", "prod"]).succeeds();
    let _ = spool(&environment, &["gc"]).succeeds();
    let _ = environment.run(&["hooks", "retry"]).succeeds();
    let told = events(&receiver.received());
    assert_eq!(
        told,
        [("publish.success".to_owned(), "prod".to_owned()), ("gc.success".to_owned(), String::new())]
    );
}

#[test]
fn a_private_address_needs_to_be_allowed() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(200)]);
    let settings = hook(&receiver, ALL, "").replace("allow_private = true\n", "");
    let settings = settings.replace("127.0.0.1", "localhost");
    configure(&environment, &settings);
    let refused = environment.run(&["hooks", "test", "ci"]);
    assert_eq!(refused.status, Some(1), "{refused}");
    assert!(
        refused.stderr.contains("private address") && refused.stderr.contains("allow_private"),
        "{refused}"
    );
    assert!(receiver.received().is_empty());
    let check = environment.run(&["config", "check"]);
    assert!(check.status == Some(1) && check.stderr.contains("allow_private"), "{check}");
}

#[test]
fn no_secret_is_shown_anywhere() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(500)]);
    let secret = environment.write("hook.secret", "HUNTER2\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let settings = hook(&receiver, ALL, &format!("secret_file = \"{secret}\""));
    configure(&environment, &format!("log = \"json\"\n{settings}"));
    let file = environment.package("hello", "1.0", "all");
    let all = [
        spool(&environment, &["add", "preprod", file.as_str()]),
        environment.run(&["hooks", "test", "ci"]),
        environment.run(&["hooks", "retry"]),
        environment.run(&["hooks", "list"]),
        environment.run(&["--json", "hooks", "list"]),
        environment.run(&["status"]),
        environment.run(&["config", "show"]),
        environment.run(&["config", "check"]),
        environment.run(&["hooks", "test", "cii"]),
    ];
    for output in &all {
        assert!(
            !format!("{output}").contains("T0PSECRET") && !format!("{output}").contains("HUNTER2"),
            "{output}"
        );
    }
    assert!(all[8].stderr.contains("did you mean `ci`"), "{}", all[8]);
    let spooled = fs::read_to_string(environment.root().join("store/hooks/ci")).unwrap();
    assert!(!spooled.contains("T0PSECRET") && !spooled.contains("HUNTER2"), "{spooled}");
    // A secret that others can read is not used.
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    for arguments in [&["hooks", "test", "ci"][..], &["config", "check"]] {
        let refused = environment.run(arguments);
        assert!(refused.status == Some(1) && refused.stderr.contains("0644"), "{refused}");
    }
}

/// Writes a program.
fn script(environment: &Environment, name: &str, text: &str) -> camino::Utf8PathBuf {
    let path = environment.path(name);
    testkit::script(&path, text);
    path
}

#[test]
fn a_command_and_mail_are_told_too_and_a_hook_starts_no_hooks() {
    let environment = store();
    let got = environment.path("got");
    // The command changes a repository itself: that is told to nobody, or it would go on forever.
    let program = environment.command().get_program().to_string_lossy().into_owned();
    let command = script(
        &environment,
        "purge",
        &format!(
            "cat >> {got}; echo \"$REPO_EVENT $REPO_REPOSITORY\" >> {got}; {program} tag prod seen || exit 1"
        ),
    );
    fs::create_dir(environment.path("bin")).unwrap();
    script(&environment, "bin/sendmail", &format!("cat > {got}.mail; echo \"$@\" >> {got}.mail"));
    configure(
        &environment,
        &format!(
            "[[hook]]\nname = \"purge\"\non = [\"publish.success\"]\ncommand = [\"{command}\"]\n\
             [[hook]]\nname = \"mail\"\non = [\"publish.success\"]\nmail = \"ops@example.org\"\n"
        ),
    );
    // Nothing is delivered before the path has the program that takes mail: that of the machine would send it.
    let package = environment.package("hello", "1.0", "all");
    let _ = spool(&environment, &["add", "preprod", package.as_str()]).succeeds();
    let _ = spool(&environment, &["promote", "--all", "--from", "preprod", "--to", "prod"]).succeeds();
    let path = format!("{}:{}", environment.path("bin"), std::env::var("PATH").unwrap());
    let retried = environment.finish(environment.command().args(["hooks", "retry"]).env("PATH", path));
    let _ = retried.succeeds();
    let text = fs::read_to_string(&got).unwrap();
    assert!(text.contains("publish.success prod\n"), "{text}");
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["event"], "publish.success");
    let mail = fs::read_to_string(environment.path("got.mail")).unwrap();
    assert!(mail.starts_with("To: ops@example.org\nSubject: [repo-cli] publish.success ("), "{mail}");
    assert!(mail.ends_with("-oi ops@example.org\n"), "{mail}");
    let log = fs::read_to_string(environment.root().join("store/ops/log")).unwrap();
    assert_eq!(log.matches("tag seen").count(), 1, "{log}");
}

#[test]
fn an_expiring_key_is_told_of_once_for_each_day() {
    testkit::on_one_day();
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(200)]);
    configure(&environment, &hook(&receiver, "[\"key.expires\"]", ""));
    let list: Value =
        serde_json::from_str(&environment.run(&["--json", "key", "list"]).succeeds().stdout).unwrap();
    let fingerprint = list["keys"][0]["fingerprint"].as_str().unwrap().to_owned();
    // Of two signatures of one second it is not known which counts.
    sleep(Duration::from_millis(1100));
    let _ = environment.run(&["key", "extend", &fingerprint, "--expires", "4d"]).succeeds();
    environment.add("preprod", &["hello=1.0"]);
    let received = receiver.wait_for(1);
    let told = payload(&received[0]);
    assert_eq!(
        (told["event"].as_str(), told["key"]["fingerprint"].as_str()),
        (Some("key.expires"), Some(&*fingerprint))
    );
    soon("it is still to be delivered", || listed(&environment)["waiting"] == 0);
    environment.add("preprod", &["hello=2.0"]);
    let _ = environment.run(&["hooks", "retry"]).succeeds();
    assert_eq!(receiver.received().len(), 1, "one notice each day is enough");
}

#[test]
fn a_spool_that_cannot_be_written_keeps_nothing_from_being_done() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(200)]);
    configure(&environment, &hook(&receiver, ALL, ""));
    // A file where the directory belongs, which fails for every user as a full disk does.
    fs::write(environment.root().join("store/hooks"), "").unwrap();
    let file = environment.package("hello", "1.0", "all");
    let output = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    assert!(output.stderr.contains("warning: hooks are not told of this"), "{output}");
    assert!(environment.run(&["list", "preprod"]).succeeds().stdout.contains("hello"));
}

#[test]
fn a_damaged_spool_is_found_and_put_aside_and_a_backup_has_none() {
    let environment = store();
    let receiver = Receiver::start(&[Answer::Status(200)]);
    configure(&environment, &hook(&receiver, ALL, ""));
    let file = environment.package("hello", "1.0", "all");
    let _ = spool(&environment, &["add", "preprod", file.as_str()]).succeeds();
    let backup = environment.path("backup");
    let _ = spool(&environment, &["backup", backup.as_str()]).succeeds();
    assert!(!backup.join("store/hooks").exists());
    let path = environment.root().join("store/hooks/ci");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("preprod", "another", 1)).unwrap();
    let found = spool(&environment, &["fsck"]);
    assert!(found.status == Some(1) && found.stdout.contains("store/hooks/ci"), "{found}");
    let _ = spool(&environment, &["fsck", "--repair"]);
    let _ = spool(&environment, &["fsck"]).succeeds();
}

#[test]
fn the_server_of_a_hook_must_prove_who_it_is() {
    let environment = store();
    if !testkit::all_installed(&["openssl"]) {
        return;
    }
    let (certificate, key) = (environment.path("own.crt"), environment.path("own.key"));
    let mut command =
        environment.other(&["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
    command.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=localhost"]);
    command.args([
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]);
    command.args(["-out", certificate.as_str(), "-keyout", key.as_str()]);
    assert!(command.stderr(Stdio::null()).status().unwrap().success());
    // A server that takes any request: ours, which answers 405 to a POST.
    configure(
        &environment,
        &format!(
            "[serve]\nlisten = [\"https://127.0.0.1:0\", \"127.0.0.1:0\"]\ntls = {{ certificate = \"{certificate}\", key = \"{key}\" }}\n"
        ),
    );
    let server = Server::start(environment.command().args(["serve"]));
    let line = server.printed().lines().find(|line| line.contains("https://")).unwrap().to_owned();
    let address = line.strip_prefix("serving ").unwrap().rsplit_once('/').unwrap().0.to_owned();
    let url = address.replace("127.0.0.1", "localhost");
    let drop_in =
        format!("[[hook]]\nname = \"ci\"\non = [\"gc\"]\nurl = \"{url}/prod/\"\nallow_private = true\n");
    fs::create_dir_all(environment.root().join("repo.d")).unwrap();
    fs::write(environment.root().join("repo.d/hook.toml"), drop_in).unwrap();
    let stranger = environment.run(&["hooks", "test", "ci"]);
    assert!(stranger.status == Some(1) && stranger.stderr.contains("no secure connection"), "{stranger}");
    let mut trusting = environment.command();
    trusting.args(["hooks", "test", "ci"]).env("SSL_CERT_FILE", certificate.as_str());
    let known = environment.finish(&mut trusting);
    assert!(known.stderr.contains("the receiver answered 405"), "{known}");
}
