//! Machines that read a repository: current, behind, on what was rolled back, or refusing a signature; told by `serve` and by the logs of others.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use testkit::{Apt, Environment, Port, Server};

use crate::{configure, http, store};

const IN_RELEASE: &str = "/prod/dists/bookworm/InRelease";
const APT: &str = "User-Agent: Debian APT-HTTP/1.3 (2.6.1)\r\n";

fn serve_at(environment: &Environment, port: &Port) -> Server {
    Server::start(environment.command().args(["serve", "--listen", &port.address()]))
}

fn machines(environment: &Environment, more: &[&str]) -> Vec<serde_json::Value> {
    let arguments = [&["machines", "--json"], more].concat();
    let listed = environment.run(&arguments).succeeds();
    let document: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    document["machines"].as_array().unwrap().clone()
}

/// The state of a machine in `prod`, and how many publications it missed.
fn state(environment: &Environment, name: &str) -> (String, u64) {
    let all = machines(environment, &["prod"]);
    let machine =
        all.iter().find(|machine| machine["name"] == name).unwrap_or_else(|| panic!("{name}: {all:?}"));
    (machine["state"].as_str().unwrap().to_owned(), machine["missed"].as_u64().unwrap())
}

#[test]
fn real_machines_are_current_behind_on_what_was_rolled_back_or_refuse_a_signature() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    configure(&environment, "[repositories.prod]\naccess = [[\"tokens\"]]\n");
    // It stays the same when the server is restarted: clients know what they have by its address.
    let port = Port::take();
    let url = format!("http://{}", port.address());
    let names = ["web1", "db1", "old1"];
    let mut clients = Vec::new();
    for name in names {
        let Some(apt) = Apt::new(&environment, name) else { return };
        let made = environment.run(&["access", "add", "prod", name, "--url", &url]).succeeds();
        apt.auth("prod", &made.stdout);
        let arguments = ["client-config", "prod", "--suite", "bookworm", "--inline", "--url", &url];
        apt.source("prod", &environment.run(&arguments).succeeds().stdout);
        clients.push(apt);
    }
    let [web1, db1, old1] = &clients[..] else { panic!() };
    let round = |clients: &[&Apt<'_>]| {
        let server = serve_at(&environment, &port);
        for apt in clients {
            let _ = apt.update().succeeds();
        }
        assert_eq!(server.interrupt().0, Some(0));
    };
    round(&[web1, db1, old1]);
    for name in names {
        assert_eq!(state(&environment, name), ("current".to_owned(), 0), "{name}");
    }
    let web =
        machines(&environment, &["prod"]).into_iter().find(|machine| machine["name"] == "web1").unwrap();
    assert_eq!((&web["kind"], &web["address"]), (&"token".into(), &"127.0.0.1".into()), "{web}");
    assert!(web["apt"].as_str().unwrap().starts_with(|c: char| c.is_ascii_digit()), "{web}");
    let status = environment.run(&["status"]);
    assert!(status.stdout.contains("3 of 3 machines current"), "{status}");

    // Two publications: db1 gets the first of them, old1 none.
    environment.add("prod", &["hello=2.0"]);
    round(&[db1]);
    environment.add("prod", &["hello=3.0"]);
    round(&[web1]);
    assert_eq!(state(&environment, "web1"), ("current".to_owned(), 0));
    assert_eq!(state(&environment, "db1"), ("behind".to_owned(), 1));
    assert_eq!(state(&environment, "old1"), ("behind".to_owned(), 2));
    assert_eq!(machines(&environment, &["--behind"]).len(), 2);
    let shown = environment.run(&["machines", "show", "old1"]).succeeds();
    assert!(shown.stdout.contains("old1: behind in prod"), "{shown}");
    assert!(shown.stdout.contains("never fetched prod-archive-keyring"), "{shown}");
    // Signing again changes nothing that a machine lacks.
    let _ = environment.run(&["sign", "again", "prod"]).succeeds();
    assert_eq!(state(&environment, "web1"), ("current".to_owned(), 0));

    // The last state is taken back: who has it stays on it until its next update.
    let _ = environment.run(&["undo", "prod"]).succeeds();
    assert_eq!(state(&environment, "web1"), ("rolled-back".to_owned(), 1));
    assert_eq!(state(&environment, "db1"), ("current".to_owned(), 0), "it never had what was taken back");
    assert_eq!(state(&environment, "old1").0, "behind");
    round(&[web1, db1]);
    assert_eq!(state(&environment, "web1").0, "current");

    // A key that the machines do not know: one that updates refuses it, as apt does, with status 0.
    let first = environment.run(&["key", "list", "--json"]).succeeds().stdout;
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let first = first["keys"][0]["fingerprint"].as_str().unwrap().to_owned();
    let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
    let _ = environment.run(&["key", "retire", &first, "--force"]).succeeds();
    environment.add("prod", &["hello=4.0"]);
    for _ in 0..4 {
        let server = serve_at(&environment, &port);
        // Its status is 0 where nothing is set, as apt does not take a warning for an error.
        let refused = web1.update();
        assert!(refused.stderr.contains("signature verification"), "{refused}");
        assert_eq!(server.interrupt().0, Some(0));
    }
    assert_eq!(state(&environment, "web1").0, "refusing", "{:?}", machines(&environment, &["prod"]));
    assert_eq!(machines(&environment, &["--refusing"]).len(), 1);
    let status = environment.run(&["status"]).ends_with(3);
    assert!(status.stdout.contains("the signature is not accepted by web1"), "{status}");
}

#[test]
fn what_a_running_server_saw_is_written_soon_and_forgotten_when_asked() {
    let environment = store();
    let server = environment.serve();
    assert_eq!(http::get_with(&server, IN_RELEASE, APT).0, 200);
    assert_eq!(http::get_with(&server, IN_RELEASE, "User-Agent: curl/8\r\n").0, 200);
    let begun = Instant::now();
    while machines(&environment, &[]).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(200));
    }
    let all = machines(&environment, &[]);
    assert_eq!(
        (all.len(), &all[0]["name"], &all[0]["apt"]),
        (1, &"127.0.0.1".into(), &"2.6.1".into()),
        "{all:?}"
    );
    // A writer that was stopped leaves this; the next one replaces it.
    fs::write(environment.root().join("store/machines/.new"), "machine\tto").unwrap();
    let _ = environment.run(&["fsck"]).succeeds();
    let unknown = environment.run(&["machines", "forget", "127.0.0.2"]).ends_with(1);
    assert!(unknown.stderr.contains("did you mean `127.0.0.1`?"), "{unknown}");
    let _ = environment.run(&["machines", "forget", "127.0.0.1", "--dry-run"]).succeeds();
    assert_eq!(machines(&environment, &[]).len(), 1);
    let _ = environment.run(&["machines", "forget", "127.0.0.1"]).succeeds();
    assert!(machines(&environment, &[]).is_empty());
    // A restore knows of no machine, and a damaged list is mended.
    assert_eq!(http::get_with(&server, IN_RELEASE, APT).0, 200);
    assert_eq!(server.interrupt().0, Some(0));
    let list = environment.root().join("store/machines/prod");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace("2.6.1", "9.9.9")).unwrap();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("store/machines/prod"), "{found}");
    let _ = environment.run(&["fsck", "--repair"]);
    let _ = environment.run(&["fsck"]).succeeds();
    assert!(machines(&environment, &[]).is_empty());
}

#[test]
fn a_server_that_may_not_write_says_so_once_and_serves_on() {
    let environment = store();
    // A file where the directory belongs keeps the list from being written.
    fs::write(environment.root().join("store/machines"), "x").unwrap();
    let talk = fs::File::create(environment.path("talk")).unwrap();
    let server = Server::start(environment.command().args(["serve", "--listen", "127.0.0.1:0"]).stderr(talk));
    let said = || fs::read_to_string(environment.path("talk")).unwrap();
    let begun = Instant::now();
    while !said().contains("warning: machines are not recorded until this is mended") {
        assert_eq!(http::get_with(&server, IN_RELEASE, APT).0, 200);
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", said());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(http::get_with(&server, IN_RELEASE, APT).0, 200);
    assert_eq!(server.interrupt().0, Some(0));
    assert_eq!(said().matches("machines are not recorded").count(), 1, "{}", said());
}

#[test]
fn only_a_server_of_files_says_that_it_records_no_machines() {
    let environment = store();
    configure(&environment, "[serve]\napi = \"127.0.0.1:0\"\n");
    // The user nobody.
    if std::os::unix::fs::chown(environment.root().join("store"), Some(65534), None).is_err() {
        println!("SKIPPED: only root can give the store to somebody else");
        return;
    }
    for (more, is_told) in [(&["--listen", "127.0.0.1:0"][..], true), (&["--only", "api"], false)] {
        let talk = fs::File::create(environment.path("talk")).unwrap();
        let mut command = environment.command();
        command.args(["--json", "serve"]).args(more).stdout(Stdio::piped()).stderr(talk);
        let mut server = command.spawn().unwrap();
        // The document comes behind every warning.
        let mut line = String::new();
        let read = BufReader::new(server.stdout.take().unwrap()).read_line(&mut line);
        server.kill().unwrap();
        let _ = server.wait().unwrap();
        assert!(read.unwrap() > 0);
        let said = fs::read_to_string(environment.path("talk")).unwrap();
        assert_eq!(said.contains("machines are not recorded"), is_told, "{more:?}: {said}");
    }
}

#[test]
fn logs_of_other_servers_tell_of_machines_once() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    configure(&environment, "[repositories.prod]\naccess = [[\"tokens\"]]\n");
    let _ = environment.run(&["access", "add", "prod", "web1"]).succeeds();
    let line = |user: &str, second: u32, path: &str, status: u16| {
        let time = format!("[27/Nov/2036:10:00:{second:02} +0000]");
        format!(
            "192.0.2.7 - {user} {time} \"GET {path} HTTP/1.1\" {status} 100 \"-\" \"Debian APT-HTTP/1.3 (2.6.1)\"\n"
        )
    };
    let index = "/prod/dists/bookworm/main/binary-amd64/Packages.xz";
    let text = [
        line("web1", 1, IN_RELEASE, 200),
        line("web1", 1, index, 200),
        line("-", 2, IN_RELEASE, 200),
        line("-", 3, IN_RELEASE, 416),
        line("-", 4, IN_RELEASE, 200),
        line("-", 5, "/other/dists/bookworm/InRelease", 200),
        "not a line of a log\n".to_owned(),
    ]
    .concat();
    let log = environment.write("access.log", &text);
    let read = environment.run(&["machines", "import-log", log.as_str()]).succeeds();
    assert!(read.stdout.contains("read 7 lines, noted 5 requests"), "{read}");
    assert!(read.stderr.contains("1 line of another format skipped"), "{read}");
    assert_eq!(state(&environment, "web1").0, "current");
    assert_eq!(state(&environment, "192.0.2.7").0, "refusing");
    let again = environment.run(&["machines", "import-log", log.as_str()]).succeeds();
    assert!(again.stdout.contains("noted 0 requests"), "{again}");
    // The log of a virtual host has no name of a repository in its paths.
    let log = environment.write("host.log", line("-", 9, "/dists/bookworm/InRelease", 304));
    let _ = environment.run(&["machines", "import-log", log.as_str(), "--repository", "prod"]).succeeds();
    assert_eq!(state(&environment, "192.0.2.7").0, "current", "it has accepted it since");
    let nothing = environment.write("nothing.log", "x\ny\n");
    let _ = environment.run(&["machines", "import-log", nothing.as_str()]).ends_with(1);
}

#[test]
fn a_key_is_retired_when_every_machine_fetched_the_new_one() {
    let environment = store();
    // What follows happens forty days after the rotation.
    if !testkit::all_installed(&["faketime"]) {
        return;
    }
    let later = |arguments: &[&str]| {
        let mut command = environment.with_clock("+40d").unwrap();
        environment.finish(command.args(arguments))
    };
    let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
    let keys = environment.run(&["key", "list", "--json"]).succeeds().stdout;
    let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
    let keys = keys["keys"].as_array().unwrap();
    let (first, second) = (&keys[0], &keys[keys.len() - 1]);
    assert_ne!(first, second);
    let year = jiff::Timestamp::now().strftime("%Y").to_string();
    let day = |ago: i64| {
        let time = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * (ago - 40));
        time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
    };
    let line = |address: &str, ago: i64, path: &str| {
        let time = day(ago);
        format!(
            "{address} - - [{time}] \"GET {path} HTTP/1.1\" 200 100 \"-\" \"Debian APT-HTTP/1.3 (2.6.1)\"\n"
        )
    };
    let keyring = |repository: &str| {
        format!(
            "/{repository}/pool/main/p/{repository}-archive-keyring/{repository}-archive-keyring_{year}.9_all.deb"
        )
    };
    let mut text = String::new();
    for repository in ["preprod", "prod"] {
        let release = format!("/{repository}/dists/bookworm/InRelease");
        text += &line("192.0.2.1", 35, &release);
        text += &line("192.0.2.2", 3, &release);
        text += &line("192.0.2.1", 2, &keyring(repository));
        // Gone for long.
        text += &line("192.0.2.3", 95, &release);
    }
    let log = environment.write("access.log", &text);
    let _ = later(&["machines", "import-log", log.as_str()]).succeeds();
    let fingerprint = first["fingerprint"].as_str().unwrap();
    let refused = later(&["key", "retire", fingerprint]).ends_with(1);
    let said = "prod: 1 machine did not fetch prod-archive-keyring with the new key: 192.0.2.2";
    assert!(refused.stderr.contains(said), "{refused}");
    assert!(!refused.stderr.contains("192.0.2.3") && !refused.stderr.contains("is not known"), "{refused}");
    let late = line("192.0.2.2", 0, &keyring("prod")) + &line("192.0.2.2", 0, &keyring("preprod"));
    let log = environment.write("late.log", late);
    let _ = later(&["machines", "import-log", log.as_str()]).succeeds();
    let retired = later(&["key", "retire", fingerprint]).succeeds();
    assert!(retired.stdout.contains(&format!("set key {fingerprint} aside")), "{retired}");
}
