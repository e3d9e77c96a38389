//! The first minute: one command, and what it prints is what a client needs.

use testkit::{Apt, Environment, Output, Server};

use crate::PROGRAM;

fn quickstart(environment: &Environment, arguments: &[&str]) -> Server {
    let mut command = environment.command();
    command.env_remove("REPO_ROOT").args(["quickstart", "--listen", "127.0.0.1:0", "demo"]).args(arguments);
    Server::start(&mut command)
}

/// The text between `<<'END'` and `END`: what is to be pasted.
fn pasted(printed: &str) -> &str {
    let start = printed.find("<<'END'\n").unwrap() + "<<'END'\n".len();
    let end = printed[start..].find("\nEND\n").unwrap();
    &printed[start..=start + end]
}

#[test]
fn what_it_prints_is_all_a_client_needs() {
    let environment = Environment::new(PROGRAM);
    let server = quickstart(&environment, &[]);
    let Some(apt) = Apt::new(&environment, "client") else { return };
    apt.source("pasted", pasted(server.printed()));
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("example-greeter"), ["1.1-1", "1.0-1"]);
    assert_eq!(apt.versions("example-agent"), ["0.9-1+deb12u1"]);
    let _ = apt.get(&["install", "--yes", "--download-only", "example-greeter=1.0-1"]).succeeds();
}

#[test]
fn ctrl_c_ends_it_with_status_0() {
    let environment = Environment::new(PROGRAM);
    let server = quickstart(&environment, &[]);
    let (status, rest) = server.interrupt();
    assert_eq!(status, Some(0), "{rest}");
}

#[test]
fn ctrl_c_ends_serve_with_status_0() {
    let environment = crate::store();
    let (status, rest) = environment.serve().interrupt();
    assert_eq!(status, Some(0), "{rest}");
}

fn without_serving(environment: &Environment, arguments: &[&str]) -> Output {
    let mut command = environment.command();
    command.env_remove("REPO_ROOT").args(["quickstart", "--no-serve", "demo"]).args(arguments);
    environment.finish(&mut command)
}

#[test]
fn the_whole_text() {
    let environment = Environment::new(PROGRAM);
    insta::assert_snapshot!(without_serving(&environment, &[]), @"
    status: 0
    ---- stdout
    made a store in demo: configure it in demo/repo.toml
    made a signing key: <FINGERPRINT>
    added example-greeter 1.0-1 all -> bookworm, trixie (every suite)
    added example-greeter 1.1-1 all -> bookworm, trixie (every suite)
    added example-clock 2.4-1 all -> bookworm, trixie (every suite)
    added example-agent 0.9-1+deb12u1 all -> bookworm (built for deb12u1)
    published preprod <PUBLICATION>: bookworm, trixie
    published prod <PUBLICATION>: bookworm, trixie

    # On a client, as root (for another release, change `Suites`):

    cat > /etc/apt/sources.list.d/preprod.sources <<'END'
    Types: deb
    URIs: http://127.0.0.1:<PORT>/preprod
    Suites: bookworm
    Components: main
    Signed-By:
     -----BEGIN PGP PUBLIC KEY BLOCK-----
     <KEY>
     -----END PGP PUBLIC KEY BLOCK-----
    END
    apt update

    # Here, in another terminal:

    export REPO_ROOT=<DIR>/demo
    repo-cli list preprod
    repo-cli diff preprod prod
    repo-cli promote --all --from preprod --to prod
    repo-cli history prod
    ");
}

#[test]
fn it_adds_the_packages_it_is_given() {
    let environment = Environment::new(PROGRAM);
    let file = environment.package("hello", "1.0", "all");
    let _ = without_serving(&environment, &[file.as_str()]).succeeds();
    let output = environment.run(&["--root", "demo", "list", "preprod"]).succeeds();
    assert!(output.stdout.contains("hello"), "{output}");
    assert!(!output.stdout.contains("example"), "{output}");
}

#[test]
fn a_store_that_is_there_is_used_as_it_is() {
    let environment = Environment::new(PROGRAM);
    let _ = without_serving(&environment, &[]).succeeds();
    let keys = environment.run(&["--root", "demo", "key", "list"]).succeeds().stdout;
    let _ = without_serving(&environment, &[]).succeeds();
    assert_eq!(environment.run(&["--root", "demo", "key", "list"]).succeeds().stdout, keys);
    let history = environment.run(&["--root", "demo", "history", "preprod"]).succeeds().stdout;
    assert_eq!(history.lines().count(), 3, "{history}");
}

#[test]
fn two_at_once_take_different_ports() {
    let environment = Environment::new(PROGRAM);
    let first = quickstart(&environment, &[]);
    let address = first.url();
    let mut command = environment.command();
    let listen = address.strip_prefix("http://").unwrap();
    command.env_remove("REPO_ROOT").args(["quickstart", "--listen", listen, "demo"]);
    command.stderr(std::process::Stdio::null());
    let second = Server::start(&mut command);
    assert_ne!(second.url(), address);
}

#[test]
fn a_refused_file_stops_it_before_anything_is_published() {
    let environment = testkit::Environment::new(crate::PROGRAM);
    let good = environment.package("good", "1.0", "all");
    let bad = environment.write("bad.deb", "no package");
    let arguments = ["quickstart", "demo", "--no-serve", good.as_str(), bad.as_str()];
    let output = environment.run(&arguments).ends_with(1);
    assert!(output.stderr.contains("bad.deb") && !output.stdout.contains("published"), "{output}");
    assert!(!environment.path("demo/public/preprod/dists").exists());
}
