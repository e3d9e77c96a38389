//! `doctor`: published repositories as clients see them, with faults planted in them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::time::{Duration, SystemTime};

use apt_sign::{OpenPgpSigner, SecretKey, Signer as _};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use jiff::{SignedDuration, Timestamp};
use testkit::{Apt, Environment, Output};

use crate::{PROGRAM, store};

const PACKAGES: &str = "dists/bookworm/main/binary-amd64/Packages";

/// A store with a published package, and the file of its key.
fn published() -> (Environment, Utf8PathBuf) {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "world=2.0+really1~x"]);
    let key = environment.run(&["key", "export"]).succeeds().stdout;
    let path = environment.write("key.asc", key);
    (environment, path)
}

fn doctor(environment: &Environment, place: &Utf8Path, more: &[&str]) -> Output {
    let mut arguments = vec!["doctor", place.as_str()];
    arguments.extend(more);
    environment.run(&arguments)
}

/// The names of the checks that found something, with how bad it is.
fn found(output: &Output) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let mut found: Vec<String> = findings
        .iter()
        .map(|finding| {
            format!("{} {}", finding["severity"].as_str().unwrap(), finding["check"].as_str().unwrap())
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// What is found in a tree whose keys are in that file.
fn checks(environment: &Environment, tree: &Utf8Path, key: &Utf8Path) -> Vec<String> {
    let output = doctor(environment, tree, &["--json", "--keyring", key.as_str()]);
    let found = found(&output);
    let is_well = found.iter().all(|one| one.starts_with("note "));
    let _ = output.ends_with(if is_well { 0 } else { 3 });
    found
}

fn change(path: &Utf8Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Published files are links; a copy can be changed.
fn copy(from: &Utf8Path, to: &Utf8Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(entry.path(), &target);
        } else {
            let _ = fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of what is published, to be damaged.
fn tree(environment: &Environment, name: &str) -> Utf8PathBuf {
    let tree = environment.path(name);
    copy(&environment.public("preprod"), &tree);
    tree
}

/// The files under the digests of an index.
fn by_hash(tree: &Utf8Path) -> Vec<Utf8PathBuf> {
    let directory = tree.join(PACKAGES).parent().unwrap().join("by-hash/SHA256");
    directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect()
}

#[test]
fn what_we_publish_is_well() {
    let (environment, key) = published();
    let output = doctor(&environment, &environment.public("preprod"), &["--all", "--keyring", key.as_str()]);
    let output = output.succeeds();
    assert_eq!(output.stdout, "checked 1 suite, 3 indices, 2 of 2 package files: all is well\n", "{output}");
    let server = environment.serve();
    let url = Utf8PathBuf::from(format!("{}/preprod", server.url()));
    let output = doctor(&environment, &url, &["--suite", "bookworm", "--keyring", key.as_str()]).succeeds();
    assert!(output.stdout.ends_with("all is well\n"), "{output}");
    let output = doctor(&environment, &url, &["--suite", "bookworm", "--format", "nagios"]).succeeds();
    assert!(output.stdout.starts_with("OK - "), "{output}");
    // Over the network its size is compared.
    let named = environment.public("preprod").join(format!("{PACKAGES}.xz"));
    fs::remove_file(&named).unwrap();
    fs::write(&named, "another").unwrap();
    let told = doctor(&environment, &url, &["--json", "--suite", "bookworm", "--keyring", key.as_str()]);
    assert_eq!(found(&told.ends_with(3)), ["warning name-differs"]);
    // A server does not list its suites.
    let output = doctor(&environment, &url, &[]).ends_with(2);
    assert!(output.stderr.contains("--suite"), "{output}");
}

#[test]
fn a_signature_is_judged_by_the_keys_that_clients_have() {
    let (environment, key) = published();
    let tree = tree(&environment, "tree");
    let output = doctor(&environment, &tree, &["--json"]).succeeds();
    assert_eq!(found(&output), ["note signature-unchecked"]);
    let other =
        SecretKey::generate("other", SystemTime::now(), None).unwrap().certificate().armored().unwrap();
    let other = environment.write("other.asc", other);
    assert_eq!(checks(&environment, &tree, &other), ["error unknown-key"]);
    let output = doctor(&environment, &tree, &["--keyring", other.as_str()]).ends_with(3);
    assert!(output.stdout.contains("NO_PUBKEY") && output.stdout.contains("to mend it:"), "{output}");

    let release = tree.join("dists/bookworm/InRelease");
    let text = fs::read_to_string(&release).unwrap();
    fs::remove_file(&release).unwrap();
    fs::write(&release, text.replacen("Suite: bookworm", "Suite: trixie", 1)).unwrap();
    assert_eq!(checks(&environment, &tree, &key), ["error bad-signature", "warning release-differs"]);
    fs::write(&release, format!("Suite: trixie\n{text}")).unwrap();
    assert!(checks(&environment, &tree, &key).contains(&"error unsigned".to_owned()));
    fs::write(&release, "<html>log in</html>").unwrap();
    assert!(checks(&environment, &tree, &key).contains(&"error release-unreadable".to_owned()));
    fs::remove_file(&release).unwrap();
    assert_eq!(checks(&environment, &tree, &key), ["warning no-inrelease"]);
    let detached = tree.join("dists/bookworm/Release.gpg");
    let armor = fs::read(&detached).unwrap();
    fs::write(&detached, [armor.clone(), armor].concat()).unwrap();
    assert!(checks(&environment, &tree, &key).contains(&"warning several-blocks".to_owned()));
    fs::remove_file(detached).unwrap();
    assert!(checks(&environment, &tree, &key).contains(&"error unsigned".to_owned()));
    fs::remove_file(tree.join("dists/bookworm/Release")).unwrap();
    let output = doctor(&environment, &tree, &["--json", "--suite", "bookworm"]).ends_with(3);
    assert_eq!(found(&output), ["error no-release"]);
}

#[test]
fn every_index_is_compared_under_each_of_its_names() {
    let (environment, key) = published();
    let one = tree(&environment, "one");
    by_hash(&one).iter().for_each(|path| change(path));
    assert_eq!(checks(&environment, &one, &key), ["error by-hash-differs"]);
    let two = tree(&environment, "two");
    change(&two.join(format!("{PACKAGES}.xz")));
    assert_eq!(checks(&environment, &two, &key), ["warning name-differs"]);
    by_hash(&two).iter().for_each(|path| fs::remove_file(path).unwrap());
    let found = checks(&environment, &two, &key);
    assert!(found.contains(&"error index-differs".to_owned()), "{found:?}");
    assert!(found.contains(&"warning by-hash-missing".to_owned()), "{found:?}");
    for entry in two.join(PACKAGES).parent().unwrap().read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    let found = checks(&environment, &two, &key);
    assert!(found.contains(&"error no-index".to_owned()), "{found:?}");
}

#[test]
fn package_files_are_compared_with_the_index() {
    let (environment, key) = published();
    let tree = tree(&environment, "tree");
    let files = files(&tree.join("pool"));
    assert_eq!(files.len(), 2);
    change(&files[0]);
    assert_eq!(checks(&environment, &tree, &key), ["error file-differs"]);
    let output = doctor(&environment, &tree, &["--format", "nagios"]).ends_with(2);
    assert!(
        output.stdout.starts_with("CRITICAL - bookworm: is not what the index lists: SHA256 is "),
        "{output}"
    );
    // Whether a file is there, and its size, cost nothing to see.
    fs::remove_file(&files[1]).unwrap();
    let none =
        doctor(&environment, &tree, &["--json", "--sample", "0", "--keyring", key.as_str()]).ends_with(3);
    assert_eq!(found(&none), ["error file-missing"]);
    let all = doctor(&environment, &tree, &["--json", "--all", "--keyring", key.as_str()]).ends_with(3);
    assert_eq!(found(&all), ["error file-differs", "error file-missing"]);
}

fn files(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A tree of a few lines, signed by a key of its own.
struct Crafted {
    environment: Environment,
    key: Utf8PathBuf,
    signer: OpenPgpSigner,
    tree: Utf8PathBuf,
}

impl Crafted {
    fn new() -> Self {
        let environment = Environment::new(PROGRAM);
        let made = SystemTime::now() - Duration::from_secs(86_400 * 400);
        let secret = SecretKey::generate("crafted", made, Some(Duration::from_secs(86_400 * 460))).unwrap();
        let key = environment.write("crafted.asc", secret.certificate().armored().unwrap());
        let signer = OpenPgpSigner::new(vec![secret]).unwrap();
        let tree = environment.path("tree");
        Self { environment, key, signer, tree }
    }

    /// Writes the tree, and returns what is found in it. `head` stands before the list of the files.
    fn checks(&self, head: &str, index: &BTreeMap<&str, &[u8]>, tail: &str) -> Vec<String> {
        let _ = fs::remove_dir_all(&self.tree);
        let suite = self.tree.join("dists/sid");
        let mut text = head.to_owned();
        for (path, bytes) in index {
            let path = suite.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
        }
        if !index.is_empty() {
            text += "SHA256:\n";
        }
        for (path, bytes) in index {
            text += &format!(" {} {} {path}\n", Sha256::of(bytes), bytes.len());
        }
        text += tail;
        fs::create_dir_all(&suite).unwrap();
        let signed = self.signer.sign(text.as_bytes(), SystemTime::now()).unwrap();
        fs::write(suite.join("InRelease"), signed.inline()).unwrap();
        // An error that no key of this world would end with is not among them.
        checks(&self.environment, &self.tree, &self.key)
            .into_iter()
            .filter(|found| found != "warning key")
            .collect()
    }
}

fn date(from_now: SignedDuration) -> String {
    (Timestamp::now() + from_now).strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

/// The head of a Release with nothing wrong in it.
fn head() -> String {
    head_at(SignedDuration::ZERO)
}

/// The same with another date.
fn head_at(from_now: SignedDuration) -> String {
    format!("Suite: sid\nCodename: sid\nDate: {}\nAcquire-By-Hash: yes\n", date(from_now))
}

#[test]
fn dates_and_names_of_a_release_are_checked() {
    let crafted = Crafted::new();
    let none = BTreeMap::new();
    let empty = "warning empty-release";
    let hours = SignedDuration::from_hours;
    assert_eq!(crafted.checks(&head(), &none, ""), [empty]);
    let until = |hours_on: i64| format!("{}Valid-Until: {}\n", head(), date(hours(hours_on)));
    assert_eq!(crafted.checks(&until(-1), &none, ""), ["error expired", empty]);
    assert_eq!(crafted.checks(&until(1), &none, ""), [empty, "warning expires-soon"]);
    assert_eq!(crafted.checks(&until(100), &none, ""), [empty]);
    let ahead = head_at(hours(2));
    assert_eq!(crafted.checks(&ahead, &none, ""), ["error from-the-future", empty]);
    let output = doctor(&crafted.environment, &crafted.tree, &[]).ends_with(3);
    assert!(output.stdout.contains("is not valid yet (invalid for another 1h 5"), "{output}");
    let other = head().replace("sid", "trixie");
    assert_eq!(crafted.checks(&other, &none, ""), [empty, "warning other-name"]);
    assert_eq!(crafted.checks(&format!("{}Signed-By: x\n", head()), &none, ""), [empty, "warning signed-by"]);
    assert_eq!(
        crafted.checks(&head().replace("Acquire-By-Hash: yes\n", ""), &none, ""),
        ["note no-by-hash", empty]
    );
    assert_eq!(crafted.checks("Suite: sid\nDate: yesterday\n", &none, ""), ["error release-unreadable"]);
    let weak = format!("{}MD5Sum:\n {} 7 main/binary-amd64/Packages\n", head(), "0".repeat(32));
    let found = crafted.checks(&weak, &none, "Description: x\n");
    assert!(found.contains(&"error weak-digests".to_owned()), "{found:?}");
    // The key of all of these ends within 90 days.
    let output =
        doctor(&crafted.environment, &crafted.tree, &["--keyring", crafted.key.as_str()]).ends_with(3);
    assert!(output.stdout.contains("it expires in 59 days"), "{output}");
}

#[test]
fn what_indices_list_is_checked() {
    let crafted = Crafted::new();
    let sound = "Package: aa\nVersion: 1\nArchitecture: all\nFilename: pool/a.deb\nSize: 1\nSHA256: ";
    let digest = Sha256::of(b"a").to_string();
    let checks = |texts: &[&str], names: &[&str]| {
        let text = texts.join("\n");
        let index = names.iter().map(|name| (*name, text.as_bytes())).collect();
        let mut found =
            crafted.checks(&head().replace("Acquire-By-Hash: yes\n", ""), &index, "Description: x\n");
        found.retain(|one| one != "note no-by-hash" && one != "error file-missing");
        found
    };
    let plain = ["main/binary-amd64/Packages"];
    let good = format!("{sound}{digest}\n");
    assert_eq!(checks(&[&good], &plain), Vec::<String>::new());
    let path = good.replace("pool/a.deb", "../../a.deb");
    assert_eq!(checks(&[&path, &good], &plain), ["error bad-stanza"]);
    let weak = good.replace(&format!("SHA256: {digest}"), "MD5sum: 0cc175b9c0f1b6a831c399e269772661");
    assert_eq!(checks(&[&weak], &plain), ["error bad-stanza"]);
    let other = good.replace(&digest, &"0".repeat(64));
    assert_eq!(checks(&[&good, &other], &plain), ["error two-contents", "error two-digests"]);
    let elsewhere = other.replace("pool/a.deb", "pool/b.deb");
    assert_eq!(checks(&[&good, &elsewhere], &plain), ["error two-contents"]);
    // A name with the ending of a compression that the bytes do not have.
    let found = checks(&[&good], &["main/binary-amd64/Packages.xz"]);
    assert_eq!(found, ["error plain-not-listed", "error text-differs"]);
    let found = checks(&[&good], &["main/binary-amd64/Packages", "main/binary-amd64/Packages.zst"]);
    assert!(found.contains(&"warning only-zstd".to_owned()), "{found:?}");
    let index = [("main/binary-amd64/Packages", good.as_bytes())].into();
    let found = crafted.checks(&head(), &index, "");
    assert!(found.contains(&"warning last-line".to_owned()), "{found:?}");
    // debootstrap reads SHA-256 alone, so the end of another list is no matter.
    let behind = format!("MD5Sum:\n {} {} main/binary-amd64/Packages\n", "0".repeat(32), good.len());
    let found = crafted.checks(&head(), &index, &behind);
    assert!(!found.contains(&"warning last-line".to_owned()), "{found:?}");
}

#[test]
fn what_a_web_server_does_not_do_is_told() {
    let (environment, key) = published();
    let public = environment.public("preprod");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else { continue };
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let path = first.split(' ').nth(1).unwrap();
            let (old, cdn) = (path.strip_prefix("/old/"), path.strip_prefix("/cdn/"));
            let head = match (old, path.strip_prefix("/new/").or(cdn)) {
                (Some(path), _) => format!("302 Found\r\nLocation: /new/{path}\r\nContent-Length: 0"),
                (None, Some(path)) => {
                    let bytes = fs::read(public.join(path.replace("%2B", "+"))).unwrap_or_default();
                    if bytes.is_empty() {
                        "404 Not Found\r\nContent-Length: 0".to_owned()
                    } else {
                        let an_hour_ago = date(SignedDuration::from_secs(-3600)).replace("UTC", "GMT");
                        let head = match cdn {
                            Some(_) => format!("200 OK\r\nCache-Control: no-cache, max-age=86400\r\nAge: 3600\r\nDate: {an_hour_ago}"),
                            None => "200 OK\r\nCache-Control: max-age=86400\r\nAge: 4000\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT".to_owned(),
                        };
                        let _ = write!(
                            connection,
                            "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                            bytes.len()
                        );
                        let _ = connection.write_all(&bytes);
                        continue;
                    }
                }
                _ => "401 Unauthorized\r\nContent-Length: 0".to_owned(),
            };
            let _ = write!(connection, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
        }
    });
    let arguments = ["--json", "--suite", "bookworm", "--keyring", key.as_str()];
    let output = doctor(&environment, Utf8Path::new(&format!("{url}/old")), &arguments).ends_with(3);
    assert_eq!(
        found(&output),
        [
            "note redirect",
            "warning cached",
            "warning clock",
            "warning no-last-modified",
            "warning no-ranges",
            "warning stale"
        ]
    );
    // The clock of a server behind a cache is right when the copy is as old as its date; what is asked about each time may be old.
    let output = doctor(&environment, Utf8Path::new(&format!("{url}/cdn")), &arguments).ends_with(3);
    assert_eq!(found(&output), ["warning no-last-modified", "warning no-ranges", "warning stale"]);
    let output = doctor(&environment, Utf8Path::new(&url), &arguments).ends_with(3);
    assert_eq!(found(&output), ["error not-fetched"]);
    let output = doctor(&environment, Utf8Path::new("http://me:secret@127.0.0.1:1"), &arguments).ends_with(3);
    assert!(!output.text().contains("secret"), "{output}");
    // A monitoring system hears of what cannot be looked at, with the status for that.
    for place in ["http://127.0.0.1:1", "nothing/here", "gopher://h/"] {
        let output = doctor(&environment, Utf8Path::new(place), &["--format", "nagios"]).ends_with(3);
        assert!(output.stdout.starts_with("UNKNOWN - "), "{place}: {output}");
    }
}

/// The next state is published when the first index is read.
#[test]
fn a_suite_that_is_published_meanwhile_is_looked_at_again() {
    let (environment, key) = published();
    let mut current = tree(&environment, "before");
    environment.add("preprod", &["later=1.0"]);
    let next = tree(&environment, "after");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else { continue };
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let path = first.split(' ').nth(1).unwrap().trim_start_matches('/').replace("%2B", "+");
            if path.contains("by-hash") {
                current.clone_from(&next);
            }
            let bytes = fs::read(current.join(&path)).unwrap_or_default();
            let status = if bytes.is_empty() { "404 Not Found" } else { "200 OK" };
            let length = bytes.len();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = connection.write_all(head.as_bytes());
            if first.starts_with("GET ") {
                let _ = connection.write_all(&bytes);
            }
        }
    });
    let arguments = ["--json", "--suite", "bookworm", "--keyring", key.as_str()];
    let output = doctor(&environment, Utf8Path::new(&url), &arguments).ends_with(3);
    // Only what this server never does.
    assert_eq!(found(&output), ["warning no-last-modified", "warning no-ranges"]);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["checked"]["listed"], 3, "the later package is there: {output}");
}

#[test]
fn a_flat_directory_is_a_repository_too() {
    let environment = Environment::new(PROGRAM);
    let tree = environment.path("flat");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("Release"), head()).unwrap();
    let output = doctor(&environment, &tree, &["--json"]).ends_with(3);
    assert_eq!(found(&output), ["error unsigned", "warning empty-release", "warning no-inrelease"]);
    let output = doctor(&environment, &environment.path("nothing"), &[]).ends_with(1);
    assert!(output.stderr.contains("nothing"), "{output}");
}

#[test]
fn clients_print_what_is_told() {
    let crafted = Crafted::new();
    let hours = SignedDuration::from_hours;
    let text = b"Package: aa\nVersion: 1\nArchitecture: all\nFilename: a.deb\nSize: 1\nMaintainer: a <a@b>\nDescription: x\n";
    let index: BTreeMap<&str, &[u8]> = [("main/binary-amd64/Packages", &text[..])].into();
    let end = "Description: x\n";
    let weak = format!("{}MD5Sum:\n {} 7 main/binary-amd64/Packages\n", head(), "0".repeat(32));
    let other = head().replace("sid", "trixie");
    let none = BTreeMap::new();
    for (check, head, index, phrase) in [
        // Minutes go on between what is told and what is printed.
        (
            "expired",
            &format!("{}Valid-Until: {}\n", head(), date(hours(-30))),
            &index,
            "is expired (invalid since 1d 6h ",
        ),
        ("from-the-future", &head_at(hours(2)), &index, "is not valid yet (invalid for another 1h "),
        ("weak-digests", &weak, &none, "which is considered strong enough for security purposes"),
        ("other-name", &other, &index, "(expected sid but got trixie)"),
    ] {
        let found = crafted.checks(head, index, end);
        assert!(found.iter().any(|found| found.ends_with(check)), "{check}: {found:?}");
        compare_with_apt(&crafted, check, phrase, &crafted.key);
    }
    let _ = crafted.checks(&head(), &index, end);
    let stranger =
        SecretKey::generate("other", SystemTime::now(), None).unwrap().certificate().armored().unwrap();
    let stranger = crafted.environment.write("stranger.asc", stranger);
    // From 3.0 on apt asks sqv, which says it in other words.
    if is_apt_before(3) {
        let phrase = "couldn't be verified because the public key is not available: NO_PUBKEY";
        compare_with_apt(&crafted, "unknown-key", phrase, &stranger);
    }
    change(&crafted.tree.join("dists/sid/main/binary-amd64/Packages"));
    compare_with_apt(&crafted, "index-differs", "Hash Sum mismatch", &crafted.key);
    fs::remove_file(crafted.tree.join("dists/sid/main/binary-amd64/Packages")).unwrap();
    compare_with_apt(&crafted, "no-index", "Failed to fetch", &crafted.key);
    let suite = crafted.tree.join("dists/sid");
    let text = fs::read_to_string(suite.join("InRelease")).unwrap();
    fs::write(suite.join("Release"), deb_parse::clearsign::payload(text.as_bytes()).unwrap()).unwrap();
    fs::remove_file(suite.join("InRelease")).unwrap();
    compare_with_apt(&crafted, "unsigned", "is not signed.", &crafted.key);
    fs::remove_file(suite.join("Release")).unwrap();
    compare_with_apt(&crafted, "no-release", "sid Release' does not have a Release file.", &crafted.key);
}

/// Whether the apt of this computer is of an earlier generation.
fn is_apt_before(generation: u32) -> bool {
    let printed = std::process::Command::new("apt-get").arg("--version").output();
    let text = printed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let version = text.split_whitespace().nth(1).and_then(|version| version.split('.').next()?.parse().ok());
    version.is_some_and(|own: u32| own < generation)
}

/// Both what is told of clients and what apt prints must have the phrase.
fn compare_with_apt(crafted: &Crafted, check: &str, phrase: &str, key: &Utf8Path) {
    let arguments = ["--json", "--suite", "sid", "--keyring", key.as_str()];
    let output = doctor(&crafted.environment, &crafted.tree, &arguments).ends_with(3);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let finding = document["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == check);
    let told = finding.unwrap_or_else(|| panic!("{check}: {output}"))["client"].as_str().unwrap().to_owned();
    assert!(told.contains(phrase), "{check}: {told}");
    let Some(apt) = Apt::new(&crafted.environment, &format!("client-{check}")) else { return };
    let tree = &crafted.tree;
    apt.source(
        "it",
        &format!("Types: deb\nURIs: file:{tree}\nSuites: sid\nComponents: main\nSigned-By: {key}\n"),
    );
    let printed = apt.update();
    assert!(printed.text().contains(phrase), "{check}: {printed}");
}

#[test]
fn trees_of_other_tools_are_read() {
    let environment = Environment::new(PROGRAM);
    let package = environment.package("hello", "1.0", "all");
    let unsigned = ["error unsigned", "note no-by-hash", "warning no-inrelease"];
    if testkit::all_installed(&["reprepro"]) {
        let base = environment.path("reprepro");
        fs::create_dir_all(base.join("conf")).unwrap();
        let distributions = "Codename: sid\nArchitectures: amd64\nComponents: main\n";
        fs::write(base.join("conf/distributions"), distributions).unwrap();
        let words = ["reprepro", "-b", base.as_str(), "includedeb", "sid", package.as_str()];
        let _ = environment.finish(&mut environment.other(&words)).succeeds();
        let output = doctor(&environment, &base, &["--json", "--all"]).ends_with(3);
        assert_eq!(found(&output), unsigned);
        change(&files(&base.join("pool"))[0]);
        let output = doctor(&environment, &base, &["--json"]).ends_with(3);
        assert_eq!(found(&output), [&["error file-differs"], &unsigned[..]].concat());
    }
    if testkit::all_installed(&["aptly"]) {
        let root = environment.path("aptly");
        let configuration = format!("{{\"rootDir\": \"{root}\", \"architectures\": [\"amd64\"]}}");
        let configuration = format!("-config={}", environment.write("aptly.conf", configuration));
        for arguments in [
            &["repo", "create", "r"][..],
            &["repo", "add", "r", package.as_str()],
            &["publish", "repo", "-skip-signing", "-distribution=sid", "r"],
        ] {
            let words = [&["aptly", &configuration], arguments].concat();
            let _ = environment.finish(&mut environment.other(&words)).succeeds();
        }
        let output = doctor(&environment, &root.join("public"), &["--json", "--all"]).ends_with(3);
        assert_eq!(found(&output), unsigned);
    }
}
