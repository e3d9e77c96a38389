//! What a real apt makes of it, through the project's own server.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8Path;
use testkit::{Apt, Environment, Server, Tree};

use crate::{PROGRAM, configure, http, store};

/// The entry for a client of one repository, as `client-config` prints it, with the key in a file of the test: no apt before 2.4 takes a
/// key in the entry.
pub(crate) fn sources(environment: &Environment, server: &Server, repository: &str) -> String {
    let url = server.url();
    let printed = environment.json(&["client-config", repository, "--suite", "bookworm", "--url", &url]);
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let key = printed["keyring"]["armored"].as_str().unwrap();
    let name = printed["keyring"]["sha256"].as_str().unwrap();
    let file = environment.write(&format!("{name}.asc"), key);
    let path = printed["keyring"]["path"].as_str().unwrap();
    printed["clients"][0]["sources"].as_str().unwrap().replace(path, file.as_str())
}

/// An apt that has one repository as its only source and was not updated yet.
fn client<'e>(environment: &'e Environment, server: &Server, repository: &str) -> Option<Apt<'e>> {
    let apt = Apt::new(environment, &format!("client-of-{repository}"))?;
    apt.source(repository, &sources(environment, server, repository));
    Some(apt)
}

/// Changes one bit in the middle of a file, also where it is read-only and has other names.
fn flip_a_bit(path: &Utf8Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let metadata = path.metadata().unwrap();
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
    fs::File::open(path).unwrap().set_modified(metadata.modified().unwrap()).unwrap();
}

#[test]
fn every_version_is_offered_and_arrives_as_it_was_added() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "hello=1.2", "hello=1.1+deb12u1", "hello=1:0.5~rc1"]);
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "preprod") else { return };
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("hello"), ["1:0.5~rc1", "1.2", "1.1+deb12u1", "1.0"]);
    assert_eq!(apt.candidate("hello").as_deref(), Some("1:0.5~rc1"));
    let policy = apt.policy("hello");
    for version in ["1:0.5~rc1", "1.2", "1.1+deb12u1", "1.0"] {
        assert!(policy.lines().any(|line| line.trim().starts_with(version)), "{version} in\n{policy}");
        let original = environment.path(format!("files/hello_{}_all.deb", version.replace(':', "%3a")));
        assert_eq!(apt.download(&format!("hello={version}")), fs::read(original).unwrap(), "{version}");
    }
}

#[test]
fn dependencies_are_fetched_together() {
    let environment = store();
    let library = environment.package("libgreet1", "2.0", "amd64");
    let program =
        environment.build("greet", "1.0", "amd64", |builder| builder.field("Depends", "libgreet1 (>= 2.0)"));
    let _ = environment.run(&["add", "preprod", program.as_str(), library.as_str()]).succeeds();
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "preprod") else { return };
    let _ = apt.update().succeeds();
    let _ = apt.get(&["install", "--yes", "--download-only", "greet"]).succeeds();
    let names: Vec<String> = Tree::of(&apt.path("var/cache/apt/archives"))
        .paths()
        .filter(|path| path.extension() == Some("deb"))
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["greet_1.0_amd64.deb", "libgreet1_2.0_amd64.deb"]);
}

/// `Date` and modification time of what clients fetch first.
fn published_at(environment: &Environment, repository: &str) -> (String, i64) {
    let path = environment.public(repository).join("dists/bookworm/InRelease");
    let text = fs::read_to_string(&path).unwrap();
    let date = text.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap();
    (date.to_owned(), path.metadata().unwrap().mtime())
}

#[test]
fn what_is_promoted_reaches_clients_and_a_rollback_takes_it_away() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]).succeeds();
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "prod") else { return };
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("hello"), ["1.0"]);

    environment.add("preprod", &["hello=2.0"]);
    let _ = apt.update().succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"), "not promoted yet");

    let before = published_at(&environment, "prod");
    let _ = environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]).succeeds();
    let promoted = published_at(&environment, "prod");
    assert!(promoted.1 > before.1, "{before:?} {promoted:?}");
    let _ = apt.update().succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("2.0"));

    let _ = environment.run(&["rollback", "prod", "--to", "1"]).succeeds();
    let rolled_back = published_at(&environment, "prod");
    assert!(rolled_back.1 > promoted.1, "{promoted:?} {rolled_back:?}");
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("hello"), ["1.0"]);
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"));
}

#[test]
fn after_a_rollback_to_the_beginning_nothing_is_offered() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "prod") else { return };
    let _ = apt.update().succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"));
    let _ = environment.run(&["rollback", "prod", "--to", "0", "--yes"]).succeeds();
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("hello"), [""; 0]);
    let _ = environment.run(&["rollback", "prod", "--to", "1"]).succeeds();
    let _ = apt.update().succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"));
}

#[test]
fn an_empty_repository_is_a_valid_one() {
    let environment = store();
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "prod") else { return };
    let output = apt.update().succeeds();
    assert!(!output.text().contains("W:"), "{output}");
}

#[test]
fn a_tampered_index_is_refused() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let public = environment.public("preprod");
    let indices: Vec<_> = Tree::of(&public)
        .paths()
        .filter(|path| path.as_str().contains("/Packages") || path.as_str().starts_with(".by-hash/SHA256/"))
        .map(|path| public.join(path))
        .collect();
    assert!(indices.len() > 4, "{indices:?}");
    indices.iter().for_each(|path| flip_a_bit(path));
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "preprod") else { return };
    let output = apt.update().ends_with(100);
    assert!(output.stderr.contains("Hash Sum mismatch"), "{output}");
    assert_eq!(apt.versions("hello"), [""; 0]);
}

#[test]
fn a_tampered_release_is_refused() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    for name in ["InRelease", "Release"] {
        let path = environment.public("preprod").join("dists/bookworm").join(name);
        let text = fs::read_to_string(&path).unwrap().replace("Label: preprod", "Label: prebad");
        fs::remove_file(&path).unwrap();
        fs::write(&path, text).unwrap();
    }
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "preprod") else { return };
    let output = apt.update().ends_with(100);
    // As gpgv and sqv say it.
    let words = ["BADSIG", "Bad signature", "manipulated"];
    assert!(words.iter().any(|word| output.stderr.contains(word)), "{output}");
    assert_eq!(apt.versions("hello"), [""; 0]);
}

#[test]
fn a_tampered_package_is_refused() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    flip_a_bit(&environment.public("preprod").join("pool/main/h/hello/hello_1.0_all.deb"));
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "preprod") else { return };
    let _ = apt.update().succeeds();
    let output = apt.get(&["download", "hello"]).ends_with(100);
    assert!(output.stderr.contains("Hash Sum mismatch"), "{output}");
}

#[test]
fn a_wrong_key_is_refused() {
    let (environment, other) = (store(), store());
    environment.add("preprod", &["hello=1.0"]);
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    apt.source("preprod", &sources(&other, &server, "preprod"));
    let output = apt.update().ends_with(100);
    assert!(output.stderr.contains("NO_PUBKEY") || output.stderr.contains("Missing key"), "{output}");
    assert_eq!(apt.versions("hello"), [""; 0]);
}

#[test]
fn after_a_new_key_was_made_clients_that_know_either_are_served() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let server = environment.serve();
    let Some(old_client) = client(&environment, &server, "preprod") else { return };
    let old = fs::read_dir(environment.root().join("keys")).unwrap().next().unwrap().unwrap().path();
    let _ = environment.run(&["key", "generate"]).succeeds();
    let _ = environment.run(&["publish"]).succeeds();
    let _ = old_client.update().succeeds();
    assert_eq!(old_client.candidate("hello").as_deref(), Some("1.0"));
    // A client that was given only the new key.
    let hidden = environment.path("old.asc");
    fs::rename(&old, &hidden).unwrap();
    let new_only = sources(&environment, &server, "preprod");
    fs::rename(&hidden, &old).unwrap();
    let new_client = Apt::new(&environment, "new-client").unwrap();
    new_client.source("preprod", &new_only);
    let _ = new_client.update().succeeds();
    assert_eq!(new_client.candidate("hello").as_deref(), Some("1.0"));
}

#[test]
fn a_password_opens_a_repository_that_has_users() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    // The user `robot` with the password `password`, hashed as `htpasswd -s` does.
    environment.write("store/prod.htpasswd", "robot:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
    configure(&environment, "[repositories.prod]\nusers = \"prod.htpasswd\"\n");
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "prod") else { return };
    let output = apt.update().ends_with(100);
    assert!(output.stderr.contains("401"), "{output}");

    let url = server.url();
    let entry = environment.run(&["client-config", "prod", "--auth", "--url", &url]).succeeds().stdout;
    apt.auth("prod", &entry.replace("USER", "robot").replace("PASSWORD", "wrong"));
    let output = apt.update().ends_with(100);
    assert!(output.stderr.contains("401"), "{output}");

    apt.auth("prod", &entry.replace("USER", "robot").replace("PASSWORD", "password"));
    let _ = apt.update().succeeds();
    assert_eq!(apt.download("hello"), fs::read(environment.path("files/hello_1.0_all.deb")).unwrap());

    assert_eq!(
        http::get(&server, "/preprod/dists/bookworm/InRelease").0,
        200,
        "the other repository is open"
    );
    assert_eq!(http::get(&server, "/prod/pool/main/h/hello/hello_1.0_all.deb").0, 401);
}

#[test]
fn an_address_that_is_not_allowed_gets_nothing() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    configure(
        &environment,
        "[repositories.prod]\nallow = [\"192.0.2.0/24\"]\n[repositories.preprod]\nallow = [\"127.0.0.0/8\"]\n",
    );
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "prod") else { return };
    let output = apt.update().ends_with(100);
    assert!(output.stderr.contains("403"), "{output}");
    let Some(allowed) = client(&environment, &server, "preprod") else { return };
    let _ = allowed.update().succeeds();
}

#[test]
fn what_an_older_release_names_stays_while_others_are_published() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let server = environment.serve();
    let (_, text) = http::get(&server, "/prod/dists/bookworm/InRelease");
    let text = String::from_utf8(text).unwrap();
    let listed: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix(' '))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.nth(1)?))
        })
        .filter(|(_, path)| path.ends_with(".xz") || path.ends_with(".gz"))
        .collect();
    assert_eq!(listed.len(), 2, "{text}");
    let pool = "/prod/pool/main/h/hello/hello_1.0_all.deb";
    let package = http::get(&server, pool);
    let check = |after: &str| {
        for (digest, path) in &listed {
            let directory = path.rsplit_once('/').unwrap().0;
            let (status, body) =
                http::get(&server, &format!("/prod/dists/bookworm/{directory}/by-hash/SHA256/{digest}"));
            assert_eq!(status, 200, "{path} after {after}");
            let sha256 = deb_parse::checksum::Sha256::of(&body).to_string();
            assert_eq!(sha256, **digest, "{path} after {after}");
        }
        assert_eq!(http::get(&server, pool), package, "the package after {after}");
    };
    check("its own publication");
    environment.add("prod", &["hello=2.0"]);
    check("another publication");
    let _ = environment.run(&["rollback", "prod", "--to", "0", "--yes"]).succeeds();
    check("a rollback");
    let _ = environment.run(&["rollback", "prod", "--to", "2"]).succeeds();
    let _ = environment.run(&["remove", "prod", "hello", "--yes"]).succeeds();
    check("a removal");
}

#[test]
fn updates_succeed_while_others_publish() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "prod") else { return };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for version in 1..=10 {
                environment.add("prod", &[format!("hello=2.{version}").as_str()]);
                let _ = environment.run(&["rollback", "prod", "--to", "1"]).succeeds();
            }
        });
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = apt.update().succeeds();
                let _ = apt.download("hello");
            }
        });
        let written = writer.join();
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
        written.unwrap();
    });
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("hello"), ["1.0"]);
}

#[test]
fn a_kept_publication_is_an_archive_of_its_own() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let dists = environment.public("prod").join("dists").read_link_utf8().unwrap();
    let id = dists.parent().unwrap().file_name().unwrap().to_owned();
    environment.add("prod", &["hello=2.0"]);
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let text = sources(&environment, &server, "prod").replace("/prod\n", &format!("/prod/snapshot/{id}\n"));
    apt.source("prod", &text);
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("hello"), ["1.0"]);
    assert_eq!(apt.download("hello"), fs::read(environment.path("files/hello_1.0_all.deb")).unwrap());
}

#[test]
fn real_packages_are_served_as_they_are() {
    let environment = Environment::with_store(PROGRAM, &["bookworm"]);
    let downloads = environment.path("files");
    if !testkit::all_installed(&["apt-get"]) {
        return;
    }
    // The machine's own sources: where these lead is not this test's business.
    let mut command = environment.other(&["timeout", "20", "apt-get", "download", "hello", "cowsay"]);
    let fetched = environment.finish(command.current_dir(&downloads));
    if fetched.status != Some(0) {
        testkit::skipped("`apt-get download hello cowsay` fetches nothing here");
        return;
    }
    let files: Vec<_> = downloads.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
    let mut arguments = vec!["add", "preprod", "--suite", "bookworm"];
    arguments.extend(files.iter().map(|file| file.as_str()));
    let _ = environment.run(&arguments).succeeds();
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "preprod") else { return };
    let _ = apt.update().succeeds();
    for name in ["hello", "cowsay"] {
        let original = files.iter().find(|file| file.file_name().unwrap().starts_with(name)).unwrap();
        assert!(apt.candidate(name).is_some());
        assert_eq!(apt.download(name), fs::read(original).unwrap());
    }
}

#[test]
fn a_suite_can_be_known_by_a_second_name() {
    let environment = store();
    let fields = "version = '12'\nchangelogs = 'http://localhost/@CHANGEPATH@.changelog'";
    configure(&environment, &format!("[suite.bookworm]\nalias = 'stable'\n{fields}\n"));
    environment.add("preprod", &["hello=1.0"]);
    let server = environment.serve();
    let entry = sources(&environment, &server, "preprod");
    for name in ["bookworm", "stable"] {
        let Some(apt) = Apt::new(&environment, &format!("client-of-{name}")) else { return };
        apt.source("preprod", &entry.replace("Suites: bookworm", &format!("Suites: {name}")));
        let _ = apt.update().succeeds();
        assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"), "{name}");
        assert!(
            apt.policy("").contains("v=12,o=preprod") || apt.policies().contains("a=stable,n=bookworm"),
            "{}",
            apt.policy("")
        );
    }
    let _ = environment.run(&["fsck"]).succeeds();
    configure(&environment, "[suite.bookworm]\nalias = 'bookworm'\n");
    let output = environment.run(&["publish"]).ends_with(1);
    assert!(output.stderr.contains("`bookworm` is the name of another suite"), "{output}");
}
