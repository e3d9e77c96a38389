//! A server that goes on while what it serves, and to whom, changes.

use std::fs::{self, File};
use std::thread::sleep;
use std::time::Duration;

use testkit::{Environment, Server};

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
    let tries = 300;
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

    // One that cannot be used changes nothing, also when only a file it names is missing.
    for (text, said) in [
        (
            "[repositories.prod]\nallow = [\"192.0.2.0\", 7]\n",
            "line 2: repositories.prod.allow: invalid type",
        ),
        ("[repositories.prod]\nallow = [\"127.0.0.0/8\"]\nusers = \"none\"\n", "cannot read"),
    ] {
        configure(&environment, text);
        wait_until(said, || talk().contains(said));
        assert_eq!((status("preprod"), status("prod"), status("staging")), (200, 403, 200));
    }
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
    warning: <DIR>/store/repo.d/test.toml: line 2: repositories.prod.allow: invalid type: integer `7`, expected a text; the configuration stays as it was
    warning: cannot read <DIR>/store/none: No such file or directory (os error 2); the configuration stays as it was
    the configuration has changed and was read again
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
