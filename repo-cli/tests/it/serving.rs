//! A server that goes on while what it serves, and to whom, changes.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

use testkit::{Environment, Port, Server};

use crate::http::get;
use crate::{configure, store};

/// A server whose standard error goes to a file.
fn serve(environment: &Environment) -> Server {
    let talk = File::create(environment.path("talk")).unwrap();
    let mut command = environment.command();
    Server::start(command.args(["serve", "--listen", "127.0.0.1:0"]).stderr(talk))
}

/// Waits until it is so.
#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let tries = 600;
    for _ in 0..tries {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("not within {tries} tries: {what}");
}

#[test]
fn a_changed_configuration_counts_without_a_restart() {
    let environment = store();
    let server = serve(&environment);
    let status = |repository: &str| get(&server, &format!("/{repository}/dists/bookworm/InRelease")).0;
    let talk = || fs::read_to_string(environment.path("talk")).unwrap();
    assert_eq!((status("preprod"), status("prod"), status("staging")), (200, 200, 404));

    configure(&environment, "[repositories.prod]\nallow = [\"192.0.2.0/24\"]\n[repositories.staging]\n");
    let _ = environment.run(&["publish"]).succeeds();
    wait_until("the new network counts", || status("prod") == 403);
    assert_eq!((status("preprod"), status("staging")), (200, 200));

    // One that cannot be used changes nothing.
    configure(&environment, "[repositories.prod]\nallow = [\"192.0.2.0\", 7]\n");
    let said = ":2:23: repositories.prod.allow: invalid type";
    wait_until(said, || talk().contains(said));
    assert_eq!((status("preprod"), status("prod"), status("staging")), (200, 403, 200));
    // A file of users that is missing closes its repository alone.
    configure(&environment, "[repositories.prod]\nallow = [\"127.0.0.0/8\"]\nusers = \"none\"\n");
    wait_until("it is closed", || status("prod") == 503);
    assert_eq!(status("preprod"), 200);
    environment.write("store/none", "# nobody\n");
    wait_until("the file of users is there", || status("prod") == 401);
    assert_eq!(status("staging"), 404);

    // Without a word about it everyone may read: nothing a server decides by itself.
    fs::remove_file(environment.root().join("repo.d/test.toml")).unwrap();
    let said = "prod would be open to everyone: restart serve if that is meant";
    wait_until(said, || talk().contains(said));
    assert_eq!((status("preprod"), status("prod")), (200, 401));
    let restarted = environment.serve();
    assert_eq!(get(&restarted, "/prod/dists/bookworm/InRelease").0, 200);
    let place = environment.path("");
    insta::assert_snapshot!(talk().replace(place.as_str().trim_end_matches('/'), "<DIR>"), @"
    the configuration has changed and was read again
    warning: <DIR>/store/repo.d/test.toml:2:23: repositories.prod.allow: invalid type: integer `7`, expected a text; the configuration stays as it was
    the configuration has changed and was read again
    warning: cannot read <DIR>/store/none: No such file or directory (os error 2); prod is closed until that is mended
    warning: prod would be open to everyone: restart serve if that is meant; the configuration stays as it was
    ");
}

#[test]
fn a_stricter_configuration_counts_when_the_files_are_back() {
    let environment = store();
    let server = serve(&environment);
    let talk = || fs::read_to_string(environment.path("talk")).unwrap();
    let (public, away) = (environment.root().join("public"), environment.path("away"));
    fs::rename(&public, &away).unwrap();
    configure(&environment, "[repositories.prod]\nallow = [\"192.0.2.0/24\"]\n");
    wait_until("it cannot be served", || talk().contains("cannot open"));
    fs::rename(&away, &public).unwrap();
    wait_until("it counts", || get(&server, "/prod/dists/bookworm/InRelease").0 == 403);
    let place = environment.path("");
    insta::assert_snapshot!(talk().replace(place.as_str().trim_end_matches('/'), "<DIR>"), @"
    warning: <DIR>/store/public: cannot open the directory to serve: No such file or directory (os error 2); the configuration stays as it was
    the configuration has changed and was read again
    ");
}

/// The status of what a server answers to a request with this field.
fn status_with(server: &Server, field: &str) -> u16 {
    let url = server.url();
    let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let request = "GET /prod/dists/bookworm/InRelease HTTP/1.1\r\nHost: x\r\nConnection: close";
    write!(connection, "{request}\r\n{field}\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = connection.read_to_string(&mut answer);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[test]
fn proxies_that_are_trusted_say_where_requests_come_from() {
    let environment = store();
    let allow = "[repositories.prod]\nallow = [\"203.0.113.0/24\"]\n";
    configure(&environment, allow);
    let server = serve(&environment);
    let talk = || fs::read_to_string(environment.path("talk")).unwrap();
    assert_eq!(status_with(&server, "X-Forwarded-For: 203.0.113.9"), 403);
    configure(&environment, &format!("[serve]\ntrusted_proxies = [\"127.0.0.0/8\"]\n{allow}"));
    wait_until("the proxy is believed", || status_with(&server, "X-Forwarded-For: 203.0.113.9") == 200);
    assert_eq!(status_with(&server, "X-Forwarded-For: 203.0.113.9, 192.0.2.1"), 403);
    // Clients would come from where the proxy is.
    configure(&environment, allow);
    let said = "`trusted_proxies` would be empty: restart serve if that is meant";
    wait_until(said, || talk().contains(said));
    assert_eq!(status_with(&server, "X-Forwarded-For: 203.0.113.9"), 200);
    configure(&environment, "[serve]\ntrusted_proxies = [\"10.0.0.1/8\"]\n");
    wait_until("a slip is named", || {
        talk().contains("2:20: serve.trusted_proxies: `10.0.0.1/8` is not a network")
    });
}

/// The address under which this machine would talk to others. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

#[test]
fn idle_connections_of_one_address_block_nobody_else() {
    let Some(address) = own_address() else {
        testkit::skipped("this machine has no address but that of itself");
        return;
    };
    let environment = store();
    let talk = File::create(environment.path("talk")).unwrap();
    // With so few files it has 65 connections.
    let script = "ulimit -n 200; exec \"$@\" serve --listen 0.0.0.0:0";
    let server = Server::start(environment.wrapped(&["sh", "-c", script, "sh"]).stderr(talk));
    let port = server.url().rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    let idle: Vec<_> = (0..120).map(|_| TcpStream::connect((address, port)).unwrap()).collect();
    let talk = || fs::read_to_string(environment.path("talk")).unwrap();
    wait_until("some are refused", || {
        talk().contains(&format!("warning: {address} has 2 connections or more"))
    });
    let mut other = TcpStream::connect(("127.0.0.1", port)).unwrap();
    other.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(other, "GET /prod/dists/bookworm/InRelease HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(idle);
}

/// Replaces the file of users: a server that reads half of a file would let out those in the other half.
fn write_users(environment: &Environment, text: &str) {
    fs::rename(environment.write("store/users.new", text), environment.path("store/users")).unwrap();
}

#[test]
fn a_user_who_is_added_counts_without_a_restart() {
    let environment = store();
    // `{SHA}` of one letter `a`.
    let user = |name: &str| format!("{name}:{{SHA}}hvfkN/qlp/zhXR3cuerq6jd2Z7g=\n");
    environment.write("store/users", user("anna"));
    configure(&environment, "[repositories.prod]\nusers = \"users\"\n");
    let server = serve(&environment);
    let (anna, bob) = ("Authorization: Basic YW5uYTph", "Authorization: Basic Ym9iOmE=");
    assert_eq!((status_with(&server, anna), status_with(&server, bob)), (200, 401));
    write_users(&environment, &(user("anna") + &user("bob")));
    wait_until("the user counts", || status_with(&server, bob) == 200);
    write_users(&environment, "anna");
    let said = "a line reads NAME:HASH; the users stay as they were, but a restart closes the repository";
    let talk = || fs::read_to_string(environment.path("talk")).unwrap();
    wait_until(said, || talk().contains(said));
    assert_eq!((status_with(&server, anna), status_with(&server, bob)), (200, 200));
    // What `fsck` and `publish` say is what happens: not by a reload, but by a restart.
    let expected = "a running serve keeps the users it has read, but a restart closes prod";
    assert!(environment.run(&["fsck"]).ends_with(1).stdout.contains(expected));
    assert!(environment.run(&["publish", "prod"]).succeeds().stderr.contains(expected));
    server.signal(testkit::Signal::HUP);
    wait_until("it reloads", || talk().contains("asked to reload"));
    assert_eq!(status_with(&server, anna), 200);
    let restarted = environment.serve();
    assert_eq!(status_with(&restarted, anna), 503);
}

#[test]
fn hangup_reloads_and_does_not_end_the_server() {
    let environment = store();
    let server = serve(&environment);
    let status = |repository: &str| get(&server, &format!("/{repository}/dists/bookworm/InRelease")).0;
    let talk = || fs::read_to_string(environment.path("talk")).unwrap();
    server.signal(testkit::Signal::HUP);
    wait_until("it says so", || talk().contains("asked to reload: the configuration has not changed"));
    assert_eq!(status("prod"), 200);
    configure(&environment, "[repositories.prod]\nallow = [\"192.0.2.0/24\"]\n");
    server.signal(testkit::Signal::HUP);
    wait_until("it counts", || status("prod") == 403);
    configure(&environment, "[repositories.prod]\nallow = 7\n");
    server.signal(testkit::Signal::HUP);
    wait_until("the mistake is told", || talk().contains("the configuration stays as it was"));
    assert_eq!((status("prod"), status("preprod")), (403, 200));
    assert_eq!(server.interrupt().0, Some(0));
}

#[test]
fn a_socket_that_the_service_manager_opened_is_served() {
    if !testkit::all_installed(&["systemd-socket-activate"]) {
        eprintln!("SKIPPED: systemd-socket-activate is missing");
        return;
    }
    let environment = store();
    let port = Port::take();
    let address = port.address();
    let mut command = environment.other(&["systemd-socket-activate", "--listen", &address]);
    let root = format!("REPO_ROOT={}", environment.root());
    let mut activated = command
        .args(["--setenv", &root, crate::PROGRAM, "serve"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let answer = || {
        let mut stream = TcpStream::connect(&address).ok()?;
        write!(stream, "GET /prod/dists/bookworm/InRelease HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer).contains("200 OK"))
    };
    wait_until("it answers", || answer() == Some(true));
    activated.kill().unwrap();
    activated.wait().unwrap();
}

#[test]
fn a_bad_file_of_users_is_found_by_publish_and_fsck_and_closes_its_repository_alone() {
    let environment = store();
    environment.write("store/users", "\u{feff}anna\n");
    configure(&environment, "[repositories.prod]\nusers = \"users\"\n");
    let published = environment.run(&["publish", "prod"]).succeeds();
    assert!(
        published.stderr.contains("users:1: a line reads NAME:HASH; a running serve keeps"),
        "{published}"
    );
    let other = environment.run(&["publish", "preprod"]).succeeds();
    assert!(!other.stderr.contains("users"), "{other}");
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("damaged users: "), "{found}");
    assert!(found.stdout.contains("users:1: a line reads NAME:HASH; a running serve keeps"), "{found}");
    let server = serve(&environment);
    let status = |repository: &str| get(&server, &format!("/{repository}/dists/bookworm/InRelease")).0;
    assert_eq!((status("prod"), status("preprod")), (503, 200));
    let talk = fs::read_to_string(environment.path("talk")).unwrap();
    assert!(talk.contains("prod is closed until that is mended"), "{talk}");
    environment.write("store/users", "anna:{SHA}hvfkN/qlp/zhXR3cuerq6jd2Z7g=\n");
    wait_until("it is open", || status("prod") == 401);
}

#[test]
fn few_open_files_are_told_at_the_start() {
    let environment = store();
    let line = format!(
        "ulimit -n 200; exec {} serve --listen 127.0.0.1:0 2>{}",
        crate::PROGRAM,
        environment.path("talk")
    );
    let server = Server::start(&mut environment.other(&["sh", "-c", &line]));
    let talk = || fs::read_to_string(environment.path("talk")).unwrap();
    wait_until("it says so", || {
        talk().contains("warning: the limit of open files leaves room for 65 connections, not 4096")
    });
    assert_eq!(get(&server, "/prod/dists/bookworm/InRelease").0, 200);
}

#[test]
fn a_repository_is_served_at_its_own_url() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("preprod", &["hello=1.0"]);
    configure(
        &environment,
        "[repositories.prod]\nurl = \"https://deb.example.org\"\n\
         [repositories.preprod]\nurl = \"https://example.org/next\"\nallow = [\"192.0.2.0/24\"]\n",
    );
    let server = serve(&environment);
    for (url, status) in [
        ("http://deb.example.org/dists/bookworm/InRelease", 200),
        ("http://deb.example.org/key.asc", 200),
        ("http://deb.example.org/prod/dists/bookworm/InRelease", 200),
        ("/prod/dists/bookworm/InRelease", 200),
        ("/dists/bookworm/InRelease", 404),
        ("http://example.org/next/dists/bookworm/InRelease", 403),
        ("http://deb.example.org/preprod/dists/bookworm/InRelease", 403),
        ("/next/dists/bookworm/InRelease", 404),
    ] {
        assert_eq!(get(&server, url).0, status, "{url}");
    }
}
