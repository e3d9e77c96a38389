//! `serve` over TLS: real clients, a certificate that is renewed, and what leads from plain HTTP to it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use testkit::{Apt, Environment, Server};

use crate::{configure, http, store};

/// Makes a certificate for localhost that signs itself, and its key. Returns `false` when there is no openssl.
fn certificate(environment: &Environment, name: &str) -> bool {
    certificate_by(environment, name, &[])
}

/// The same, with openssl run by a program that gives it another clock.
fn certificate_by(environment: &Environment, name: &str, wrapper: &[&str]) -> bool {
    if !testkit::all_installed(&["openssl"]) || !testkit::all_installed(wrapper.get(..1).unwrap_or_default())
    {
        return false;
    }
    let (certificate, key) =
        (environment.path(format!("{name}.crt")), environment.path(format!("{name}.key")));
    let words = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"];
    let mut command = environment.other(&[wrapper, &words].concat());
    command.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=localhost"]);
    command.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    command.args(["-out", certificate.as_str(), "-keyout", key.as_str()]);
    assert!(command.stderr(Stdio::null()).status().unwrap().success());
    true
}

/// Takes the certificate of that name into use.
fn install(environment: &Environment, name: &str) {
    for end in ["crt", "key"] {
        fs::copy(environment.path(format!("{name}.{end}")), environment.path(format!("used.{end}"))).unwrap();
    }
}

fn settings(environment: &Environment, more: &str) -> String {
    let (certificate, key) = (environment.path("used.crt"), environment.path("used.key"));
    format!(
        "[serve]\nlisten = [\"https://127.0.0.1:0\", \"127.0.0.1:0\"]\n\
         tls = {{ certificate = \"{certificate}\", key = \"{key}\" }}\n{more}"
    )
}

/// A server with plain HTTP and TLS, and the address of the latter.
fn serve(environment: &Environment) -> (Server, String) {
    let talk = File::create(environment.path("talk")).unwrap();
    let server = Server::start(environment.command().args(["serve"]).stderr(talk));
    let line = server.printed().lines().find(|line| line.contains("https://")).unwrap().to_owned();
    let address = line.strip_prefix("serving ").unwrap().rsplit_once('/').unwrap().0.to_owned();
    (server, address)
}

/// The certificate that a server shows, as openssl prints it, and whether a client that knows `authority` takes it.
fn shown(environment: &Environment, address: &str, authority: &str, version: &str) -> Option<String> {
    let host = address.strip_prefix("https://").unwrap();
    let file = environment.path(format!("{authority}.crt"));
    let mut command =
        environment.other(&["openssl", "s_client", version, "-connect", host, "-verify_return_error"]);
    command.args(["-servername", "localhost", "-CAfile", file.as_str()]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_certificate_is_shown_and_renewed_without_a_restart() {
    let environment = store();
    if !certificate(&environment, "first") || !certificate(&environment, "second") {
        return;
    }
    install(&environment, "first");
    configure(&environment, &settings(&environment, ""));
    let (_server, address) = serve(&environment);
    for version in ["-tls1_2", "-tls1_3"] {
        assert!(shown(&environment, &address, "first", version).is_some(), "{version}");
        assert!(shown(&environment, &address, "second", version).is_none(), "{version}");
    }
    assert!(shown(&environment, &address, "first", "-tls1_1").is_none());
    install(&environment, "second");
    soon("the new one", || shown(&environment, &address, "second", "-tls1_3").is_some());
    // A key that does not go with it, and no certificate at all: the one before is shown, and the log says so.
    let talk = || fs::read_to_string(environment.path("talk")).unwrap();
    fs::copy(environment.path("first.key"), environment.path("used.key")).unwrap();
    soon("a mismatch is told", || talk().contains("used.key does not go with"));
    fs::write(environment.path("used.crt"), "none").unwrap();
    sleep(Duration::from_secs(2));
    assert!(shown(&environment, &address, "second", "-tls1_3").is_some());
    install(&environment, "first");
    soon("the first again", || shown(&environment, &address, "first", "-tls1_3").is_some());
    // At the start nothing is before it.
    fs::write(environment.path("used.key"), "none").unwrap();
    let refused = environment.run(&["serve"]).ends_with(1);
    assert!(refused.stderr.contains("used.key holds no private key in PEM"), "{refused}");
    let saved = environment.run(&["backup", "saved"]).succeeds();
    assert!(saved.stderr.contains("used.key, which `serve.tls.key` names"), "{saved}");
    // Also where every other file of the administrator is saved.
    fs::copy(environment.path("first.key"), environment.root().join("tls.key")).unwrap();
    fs::copy(environment.path("first.crt"), environment.root().join("other.txt")).unwrap();
    configure(&environment, "[serve]\ntls = { certificate = 'tls.crt', key = 'tls.key' }\n");
    let saved = environment.run(&["backup", "again"]).succeeds();
    assert!(saved.stderr.contains("tls.key, which `serve.tls.key` names"), "{saved}");
    assert!(environment.path("again/other.txt").exists() && !environment.path("again/tls.key").exists());
    let checked = environment.run(&["config", "check"]).ends_with(1);
    assert!(checked.stderr.contains("tls.crt"), "{checked}");
}

#[test]
fn plain_requests_are_led_to_tls() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    if !certificate(&environment, "only") {
        return;
    }
    install(&environment, "only");
    configure(&environment, &settings(&environment, "redirect_to_https = true\n"));
    let (server, address) = serve(&environment);
    let head = http::head_with(&server, "/prod/pool/a?b", "");
    let port = address.rsplit_once(':').unwrap().1;
    let expected = format!("location: https://127.0.0.1:{port}/prod/pool/a?b");
    assert!(head.starts_with("HTTP/1.1 301 ") && head.contains(&expected), "{head}");
    assert_eq!(http::get(&server, "/setup/x.sh").0, 404, "scripts are fetched without TLS");
    for (text, said) in [
        ("[serve]\nlisten = \"https://127.0.0.1:0\"\n", "https:// needs a certificate and its key"),
        ("[serve]\nredirect_to_https = true\n", "redirect_to_https needs an address with https://"),
        ("[serve]\nlisten = []\n", "an empty list listens nowhere"),
        (
            "url = 'http://h'\n[serve]\nlisten = 'https://127.0.0.1:0'\ntls = { certificate = 'a', key = 'b' }\n\
             redirect_to_https = true\n[repositories.prod]\naccess = [['tokens']]\n",
            "its `url` begins with http://, where redirect_to_https leads clients on",
        ),
    ] {
        configure(&environment, text);
        let refused = environment.run(&["serve"]).ends_with(1);
        assert!(refused.stderr.contains(said), "{text}: {refused}");
    }
}

#[test]
fn apt_reads_over_tls_with_a_token() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    if !certificate(&environment, "only") {
        return;
    }
    install(&environment, "only");
    configure(&environment, &settings(&environment, "[repositories.prod]\naccess = [[\"tokens\"]]\n"));
    let (_server, address) = serve(&environment);
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let entry = environment.run(&["access", "add", "prod", "web1", "--url", &address]).succeeds();
    assert!(!entry.stderr.contains("everybody on the way"), "{entry}");
    let arguments = ["client-config", "prod", "--suite", "bookworm", "--inline", "--url", &address];
    apt.source("prod", &environment.run(&arguments).succeeds().stdout);
    // A token is sent over TLS alone when the entry says https.
    apt.auth("prod", &entry.stdout);
    let refused = apt.update().ends_with(100);
    assert!(refused.stderr.contains("certificate"), "{refused}");
    let authority: Utf8PathBuf = environment.path("only.crt");
    let configuration = format!("Acquire::https::CaInfo \"{authority}\";\n");
    fs::write(apt.path("etc/apt/apt.conf.d/ca"), configuration).unwrap();
    soon("the token counts", || apt.update().status == Some(0));
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"));
    assert_eq!(apt.download("hello"), fs::read(environment.path("files/hello_1.0_all.deb")).unwrap());
}

#[test]
fn a_certificate_that_ends_is_told_by_status_by_serve_and_among_the_metrics() {
    let environment = store();
    if !certificate(&environment, "first") {
        return;
    }
    install(&environment, "first");
    configure(&environment, &settings(&environment, "metrics = \"127.0.0.1:0\"\n"));
    // It is valid for two days.
    let good = environment.run(&["status", "--json"]);
    let good: serde_json::Value = serde_json::from_str(&good.stdout).unwrap();
    let of_certificate = |document: &serde_json::Value| {
        let subjects = document["subjects"].as_array().unwrap();
        subjects.iter().find(|subject| subject["kind"] == "certificate").unwrap().clone()
    };
    assert_eq!(of_certificate(&good)["state"], "ok", "{good}");
    for (clock, said) in [("-46h", "expires within a day, on 20"), ("-3d", "expired on 20")] {
        if !certificate_by(&environment, "old", &["faketime", "-f", clock]) {
            return;
        }
        install(&environment, "old");
        let path = environment.path("used.crt");
        let told = environment.run(&["status"]).ends_with(3);
        assert!(told.stdout.contains(&format!("{path} {said}")), "{clock}: {told}");
        let (server, _) = serve(&environment);
        let talk = || fs::read_to_string(environment.path("talk")).unwrap();
        soon(said, || talk().contains(&format!("warning: the certificate {path} {said}")));
        sleep(Duration::from_millis(1500));
        assert_eq!(talk().matches("the certificate").count(), 1, "once: {}", talk());
        let printed = server.printed();
        let at = printed.lines().find_map(|line| line.strip_prefix("metrics at http://")).unwrap();
        let mut stream = TcpStream::connect(at.strip_suffix("/metrics").unwrap()).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.contains("repo_serve_certificate_end_seconds{listen=\"127.0.0.1:"), "{text}");
    }
}

#[test]
fn the_script_brings_the_authority_that_the_machine_does_not_know() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    if !certificate(&environment, "only") {
        return;
    }
    install(&environment, "only");
    let (certificate, key) = (environment.path("used.crt"), environment.path("used.key"));
    let settings = |authority: &str| {
        format!(
            "[serve]\nlisten = [\"https://127.0.0.1:0\", \"127.0.0.1:0\"]\n\
             tls = {{ certificate = \"{certificate}\", key = \"{key}\", authority = \"{authority}\" }}\n"
        )
    };
    configure(&environment, &settings(certificate.as_str()));
    let (_server, address) = serve(&environment);
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let script = environment.run(&["client-config", "prod", "--url", &address]).succeeds().stdout;
    let _ = apt.set_up(&script, "bookworm", "").succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"));
    let _ = apt.update().succeeds();
    let removal =
        environment.run(&["client-config", "prod", "--url", &address, "--remove"]).succeeds().stdout;
    let _ = apt.set_up(&removal, "bookworm", "").succeeds();
    assert!(!apt.path("etc/apt/prod-ca.crt").exists() && !apt.path("etc/apt/apt.conf.d/50prod").exists());
    // The line trusts the script by its hash, and so needs no authority.
    let arguments = ["client-config", "prod", "--script", "--url", &address];
    let line = environment.run(&arguments).succeeds().stdout;
    let fetched = line.trim_end().replace("&& sh \"$d/s\")", "&& cat \"$d/s\")");
    let mut fetch = environment.other(&["sh", "-c", &fetched]);
    let fetched = environment.finish(fetch.env("APT_CONFIG", apt.path("etc/apt/apt.conf"))).succeeds();
    assert_eq!(fetched.stdout.trim_end(), script.trim_end());
    // A key is never handed out.
    configure(&environment, &settings(key.as_str()));
    let refused = environment.run(&["client-config", "prod", "--url", &address]).ends_with(1);
    assert!(refused.stderr.contains("holds no certificate in PEM, or a key"), "{refused}");
}

#[test]
fn an_expired_certificate_of_the_server_is_seen_by_the_script_though_apt_ends_with_0() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    if !certificate_by(&environment, "old", &["faketime", "-f", "-10d"]) {
        return;
    }
    install(&environment, "old");
    let authority = environment.path("used.crt");
    let with_authority =
        settings(&environment, "").replace(" }", &format!(", authority = \"{authority}\" }}"));
    configure(&environment, &with_authority);
    let (_server, address) = serve(&environment);
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let script = environment.run(&["client-config", "prod", "--url", &address]).succeeds().stdout;
    let refused = apt.set_up(&script, "bookworm", "").ends_with(1);
    assert!(refused.stderr.contains("ertificate"), "{refused}");
    assert!(refused.stderr.contains("everything is as it was before"), "{refused}");
    for left in ["etc/apt/sources.list.d/prod.sources", "etc/apt/prod-ca.crt", "etc/apt/apt.conf.d/50prod"] {
        assert!(!apt.path(left).exists(), "{left}");
    }
}
