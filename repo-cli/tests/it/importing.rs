//! `import`: what was published elsewhere moves in, and clients see no difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use apt_sign::{OpenPgpSigner, SecretKey, Signer as _};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{HashKinds, Hasher, Hashes};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use testkit::{Apt, Environment, Output};

use crate::PROGRAM;

/// An archive that is made by hand, and the key that signs it.
struct Archive {
    environment: Environment,
    tree: Utf8PathBuf,
    secret: Utf8PathBuf,
    public: Utf8PathBuf,
    signer: OpenPgpSigner,
    /// The text of each index, by the suite and the path in it.
    indices: BTreeMap<(String, String), String>,
}

fn hashes(bytes: &[u8]) -> Hashes {
    let mut hasher = Hasher::new(HashKinds { md5: true, ..HashKinds::default() }).unwrap();
    hasher.update(bytes);
    hasher.finish()
}

fn date(from_now: SignedDuration) -> String {
    (Timestamp::now() + from_now).strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

impl Archive {
    fn new() -> Self {
        let environment = Environment::new(PROGRAM);
        let made = SystemTime::now() - Duration::from_secs(86_400);
        let key = SecretKey::generate("old archive", made, None).unwrap();
        let public = environment.write("old.asc", key.certificate().armored().unwrap());
        let secret = environment.write("old.secret", key.to_armored().unwrap().as_bytes());
        let tree = environment.path("old");
        fs::create_dir(&tree).unwrap();
        let signer = OpenPgpSigner::new(vec![key]).unwrap();
        Self { environment, tree, secret, public, signer, indices: BTreeMap::new() }
    }

    /// Puts a package at a path of the tree. Returns its stanza.
    fn put(&self, path: &str, name: &str, version: &str, shape: &[(&str, &str)]) -> String {
        let file = self.environment.build(name, version, "amd64", |builder| {
            shape.iter().fold(builder, |builder, (field, value)| builder.field(*field, *value))
        });
        let bytes = fs::read(file).unwrap();
        let target = self.tree.join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, &bytes).unwrap();
        stanza(path, name, version, &hashes(&bytes))
    }

    /// Lists a stanza in an index.
    fn list(&mut self, suite: &str, path: &str, stanza: &str) {
        let text = self.indices.entry((suite.to_owned(), path.to_owned())).or_default();
        text.push_str(stanza);
        text.push('\n');
    }

    /// Writes the indices of a suite and its Release, whose head has these fields.
    fn publish(&self, suite: &str, head: &str) {
        self.publish_with(suite, head, true);
    }

    fn publish_with(&self, suite: &str, head: &str, signed: bool) {
        let directory = match suite {
            "./" => self.tree.clone(),
            suite => self.tree.join("dists").join(suite),
        };
        let mut text = format!("{head}Date: {}\nSHA256:\n", date(SignedDuration::ZERO));
        for ((_, path), index) in self.indices.iter().filter(|((own, _), _)| own == suite) {
            let file = directory.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, index).unwrap();
            let _ = writeln!(text, " {} {} {path}", hashes(index.as_bytes()).sha256, index.len());
        }
        fs::create_dir_all(&directory).unwrap();
        let _ = fs::remove_file(directory.join("InRelease"));
        if signed {
            let signed = self.signer.sign(text.as_bytes(), SystemTime::now()).unwrap();
            fs::write(directory.join("InRelease"), signed.inline()).unwrap();
        } else {
            fs::write(directory.join("Release"), text).unwrap();
        }
    }

    /// Two suites with a package that stands in both.
    fn with_two_suites() -> Self {
        let mut archive = Self::new();
        let hello = archive.put("pool/h/hello_1.deb", "hello", "1.0", &[]);
        let newer = archive.put("pool/h/hello_2.deb", "hello", "2.0", &[]);
        let extra = archive.put("pool/x/extra_1%2b1.deb", "extra", "1:1.0+1", &[]);
        archive.list("bookworm", "main/binary-amd64/Packages", &hello);
        archive.list("bookworm", "contrib/binary-amd64/Packages", &extra);
        let windows = archive.put("pool/w/windows.deb", "windows", "3.11", &[]);
        archive.list("sid", "main/binary-amd64/Packages", &hello);
        archive.list("sid", "main/binary-amd64/Packages", &windows.replace('\n', "\r\n"));
        archive.list("sid", "main/binary-amd64/Packages", &newer);
        let head = "Origin: Old Ltd\nLabel: . bookworm\nSuite: stable\nCodename: bookworm\nVersion: 12\n\
                    Architectures: amd64\nComponents: main contrib\nDescription: Old packages\n";
        archive.publish("bookworm", head);
        let head = "Origin: Old Ltd\nLabel: . sid\nSuite: unstable\nCodename: sid\nNotAutomatic: yes\n\
                    ButAutomaticUpgrades: yes\nArchitectures: amd64 source\nComponents: main\nSigned-By: 0123\n";
        archive.publish("sid", head);
        archive
    }

    fn import(&self, more: &[&str]) -> Output {
        self.import_from(self.tree.as_str(), more)
    }

    fn import_from(&self, place: &str, more: &[&str]) -> Output {
        let mut arguments = vec!["import", "tree", place, "--repository", "prod"];
        arguments.extend(more);
        self.environment.run(&arguments)
    }

    /// Imports it with its key.
    fn move_in(&self, more: &[&str]) -> Output {
        let key = ["--key", self.secret.as_str()];
        self.import(&[&key, more].concat())
    }

    fn verify(&self, more: &[&str]) -> Output {
        let arguments = [
            "import",
            "verify",
            self.tree.as_str(),
            "--repository",
            "prod",
            "--keyring",
            self.public.as_str(),
        ];
        self.environment.run(&[&arguments, more].concat())
    }

    /// A client that knows suites of the archive, each with its components, by an address that can lead to another place.
    fn client(&self, suites: &[(&str, &str)]) -> Option<Apt<'_>> {
        let apt = Apt::new(&self.environment, "client")?;
        let (address, key) = (self.environment.path("address"), &self.public);
        lead(&address, &self.tree);
        for (number, (suite, components)) in suites.iter().enumerate() {
            let components = match *components {
                "" => String::new(),
                components => format!("Components: {components}\n"),
            };
            let source =
                format!("Types: deb\nURIs: file:{address}\nSuites: {suite}\n{components}Signed-By: {key}\n");
            apt.source(&format!("old-{number}"), &source);
        }
        Some(apt)
    }
}

/// Has an address lead to a directory.
fn lead(address: &Utf8Path, to: &Utf8Path) {
    let _ = fs::remove_file(address);
    symlink(to, address).unwrap();
}

fn stanza(path: &str, name: &str, version: &str, hashes: &Hashes) -> String {
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: A <a@example.org>\nFilename: {path}\nSize: {}\n\
         MD5sum: {}\nSHA256: {}\nDescription: x\n",
        hashes.size,
        hashes.md5.unwrap(),
        hashes.sha256
    )
}

fn checks(output: &Output) -> Vec<String> {
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
}

fn codes(output: &Output) -> Vec<String> {
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let errors = document["errors"].as_array().cloned().unwrap_or_else(|| vec![document["error"].clone()]);
    errors.iter().map(|error| error["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_client_notices_nothing_when_its_archive_moves_in() {
    let archive = Archive::with_two_suites();
    let Some(apt) = archive.client(&[("bookworm", "main contrib"), ("sid", "main")]) else { return };
    let update = || {
        let output = apt.update().succeeds();
        let text = output.text();
        assert!(!text.contains("\nW: ") && !text.contains("\nE: ") && !text.contains("\nN: "), "{output}");
    };
    update();
    let before = (apt.policies(), apt.versions("hello"), apt.versions("extra"));
    assert_eq!(before.1, ["2.0", "1.0", "1.0"]);

    let dry = archive.move_in(&["--dry-run", "--json"]).succeeds();
    let found = checks(&dry);
    assert_eq!(found, ["signed-by", "moved"], "{dry}");
    assert!(!archive.environment.root().exists());

    let output = archive.move_in(&[]).succeeds();
    assert!(output.stdout.contains("imported 4 packages to prod (commit 1), published"), "{output}");
    let history = archive.environment.run(&["history", "prod"]).succeeds();
    assert!(history.stdout.contains(&format!("import from file:{} (", archive.tree)), "{history}");

    lead(&archive.environment.path("address"), &archive.environment.public("prod"));
    update();
    assert_eq!((apt.policies(), apt.versions("hello"), apt.versions("extra")), before);
    let downloaded = apt.download("hello=1.0");
    assert_eq!(downloaded, fs::read(archive.tree.join("pool/h/hello_1.deb")).unwrap());
    let verified = archive.verify(&[]).succeeds();
    assert!(verified.stdout.contains("no difference: clients see the same 5 packages"), "{verified}");
}

#[test]
fn a_flat_archive_goes_on_at_its_root() {
    let mut archive = Archive::new();
    let hello = archive.put("sub/hello.deb", "hello", "1.0", &[]);
    archive.list("./", "Packages", &hello.replace("sub/", "./sub/"));
    archive.publish("./", "Origin: Flat\n");
    let Some(apt) = archive.client(&[("./", "")]) else { return };
    let _ = apt.update().succeeds();
    let before = apt.policies();
    let refused = archive.move_in(&["--json"]).ends_with(1);
    assert_eq!(codes(&refused), ["E-IMPORT-SUITE"], "{refused}");
    let _ = archive.move_in(&["--as", "stable"]).succeeds();
    lead(&archive.environment.path("address"), &archive.environment.public("prod"));
    let output = apt.update().succeeds();
    assert!(!output.text().contains("changed its"), "{output}");
    assert_eq!(apt.policies(), before);
    assert_eq!(apt.versions("hello"), ["1.0"]);
    let _ = archive.verify(&["--as", "stable"]).succeeds();
}

#[test]
fn a_directory_of_packages_becomes_a_suite() {
    let archive = Archive::new();
    let control = "Package: hello\nVersion: 1.0\nArchitecture: amd64\nMaintainer: A <a@example.org>\nSection: contrib/net\nDescription: x\n";
    fs::write(archive.tree.join("hello.deb"), testkit::package::with_control(control)).unwrap();
    let _ = archive.put("deep/er/hello_2.deb", "hello", "2.0", &[]);
    let _ = testkit::Source::new(&archive.tree.join("deep"), "greet", "1.0-1").native();
    let _ = archive.import(&["--as", "stable"]).succeeds();
    let listed = archive.environment.run(&["list", "prod"]).succeeds();
    for one in ["hello    1.0", "hello    2.0", "greet    1.0-1"] {
        assert!(listed.stdout.contains(one), "{one}: {listed}");
    }
    assert!(archive.environment.public("prod").join("pool/contrib/h/hello/hello_1.0_amd64.deb").is_file());

    // The same version with another content is refused by name.
    let other = Archive::new();
    let _ = other.put("a.deb", "hello", "1.0", &[]);
    let _ = other.put("b.deb", "hello", "1.0", &[("Homepage", "https://example.org")]);
    let refused = other.import(&["--as", "stable", "--json"]).ends_with(1);
    assert_eq!(codes(&refused), ["E-IMPORT-CONFLICT"]);
    assert!(refused.stdout.contains("a.deb") && refused.stdout.contains("b.deb"), "{refused}");
    assert!(!other.environment.root().exists());
}

#[test]
fn a_second_name_of_a_suite_stays() {
    let mut archive = Archive::new();
    let hello = archive.put("pool/hello.deb", "hello", "1.0", &[]);
    archive.list("bookworm", "main/binary-amd64/Packages", &hello);
    archive
        .publish("bookworm", "Suite: stable\nCodename: bookworm\nArchitectures: amd64\nComponents: main\n");
    symlink("bookworm", archive.tree.join("dists/stable")).unwrap();
    let Some(apt) = archive.client(&[("stable", "main")]) else { return };
    let _ = apt.update().succeeds();
    let before = apt.policies();
    let output = archive.move_in(&["--json"]).succeeds();
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["suites"].as_array().unwrap().len(), 1, "{output}");
    assert_eq!(document["suites"][0]["alias"], "stable");
    lead(&archive.environment.path("address"), &archive.environment.public("prod"));
    let output = apt.update().succeeds();
    assert!(!output.text().contains("\nW: ") && !output.text().contains("\nN: "), "{output}");
    assert_eq!((apt.policies(), apt.versions("hello")), (before, vec!["1.0".to_owned()]));
}

#[test]
fn an_index_is_found_where_clients_find_it() {
    let mut archive = Archive::new();
    let hello = archive.put("pool/hello.deb", "hello", "1.0", &[]);
    let bytes = fs::read(archive.tree.join("pool/hello.deb")).unwrap();
    // SHA-512 proves as much as SHA-256.
    let mut hasher = Hasher::new(HashKinds { sha512: true, ..HashKinds::default() }).unwrap();
    hasher.update(&bytes);
    let (sha256, sha512) = (hashes(&bytes).sha256, hasher.finish().sha512.unwrap());
    let stanza = hello.replace(&format!("SHA256: {sha256}"), &format!("SHA512: {sha512}"));
    archive.list("sid", "main/binary-amd64/Packages", &stanza);
    archive.publish("sid", "Codename: sid\nAcquire-By-Hash: yes\n");
    let directory = archive.tree.join("dists/sid/main/binary-amd64");
    let index = fs::read(directory.join("Packages")).unwrap();
    fs::create_dir_all(directory.join("by-hash/SHA256")).unwrap();
    let by_hash = directory.join(format!("by-hash/SHA256/{}", hashes(&index).sha256));
    fs::rename(directory.join("Packages"), by_hash).unwrap();
    let output = archive.move_in(&[]).succeeds();
    assert!(output.stdout.contains("imported 1 package to prod"), "{output}");
    assert!(!archive.environment.root().join("import").exists());
}

#[test]
fn a_gate_of_a_repository_is_one_for_what_moves_in_too() {
    let archive = Archive::with_two_suites();
    let environment = &archive.environment;
    let root = environment.root();
    let init = ["init", root.as_str(), "--repository", "prod", "--suite", "sid", "--architecture", "amd64"];
    let _ = environment.run(&init).succeeds();
    fs::create_dir(root.join("repo.d")).unwrap();
    fs::write(root.join("repo.d/gate.toml"), "[[gate]]\nforbid_versions = [\"2.*\"]\n").unwrap();
    let part = ["--keyring", archive.public.as_str(), "--suite", "sid", "--json"];
    let output = archive.import(&part).ends_with(1);
    assert_eq!(codes(&output), ["E-GATED"], "{output}");
    let passes = ["--override", "forbid_versions", "--reason", "they were there"];
    let _ = archive.import(&[&part[..], &passes].concat()).succeeds();
}

#[test]
fn what_nobody_vouches_for_is_refused_by_name() {
    let mut archive = Archive::new();
    let good = archive.put("pool/good.deb", "good", "1.0", &[]);
    let head = "Origin: Old\nCodename: sid\n";
    let refused = |archive: &mut Archive, stanzas: &[&str], more: &[&str]| -> Vec<String> {
        archive.indices.clear();
        stanzas.iter().for_each(|stanza| archive.list("sid", "main/binary-amd64/Packages", stanza));
        archive.publish("sid", head);
        let output = archive.move_in(&[&["--json"], more].concat()).ends_with(1);
        assert!(!archive.environment.root().exists(), "{output}");
        codes(&output)
    };
    let escaping = good.replace("pool/good.deb", "../good.deb");
    assert_eq!(refused(&mut archive, &[&good, &escaping], &[]), ["E-IMPORT-STANZA"]);
    let url = good.replace("pool/good.deb", "https://example.org/good.deb");
    assert_eq!(refused(&mut archive, &[&url], &[]), ["E-IMPORT-STANZA"]);
    let weak: String =
        good.lines().filter(|line| !line.starts_with("SHA256")).map(|line| format!("{line}\n")).collect();
    assert_eq!(refused(&mut archive, &[&weak], &[]), ["E-IMPORT-STANZA"]);
    let missing = good.replace("good", "gone");
    assert_eq!(refused(&mut archive, &[&good, &missing], &[]), ["E-IMPORT-MISSING"]);
    let other = archive.put("pool/other.deb", "good", "1.0", &[("Homepage", "https://example.org")]);
    assert_eq!(refused(&mut archive, &[&good, &other], &[]), ["E-IMPORT-CONFLICT"]);
    let size = good.lines().find(|line| line.starts_with("Size: ")).unwrap();
    let longer = good.replace(size, &format!("{size}0"));
    assert_eq!(refused(&mut archive, &[&longer], &[]), ["E-IMPORT-FILE"]);

    // The Release itself.
    archive.indices.clear();
    archive.list("sid", "main/binary-amd64/Packages", &good);
    let old = format!("{head}Valid-Until: {}\n", date(SignedDuration::from_hours(-1)));
    archive.publish("sid", &old);
    let output = archive.move_in(&["--json"]).ends_with(1);
    assert_eq!(codes(&output), ["E-IMPORT-RELEASE"]);
    assert!(output.stdout.contains("--allow-expired"), "{output}");
    let _ = archive.move_in(&["--dry-run", "--allow-expired"]).succeeds();
    let other =
        SecretKey::generate("other", SystemTime::now(), None).unwrap().certificate().armored().unwrap();
    let other = archive.environment.write("other.asc", other);
    archive.publish("sid", head);
    let output = archive.import(&["--json", "--keyring", other.as_str()]).ends_with(1);
    assert_eq!(codes(&output), ["E-IMPORT-RELEASE"]);
    archive.publish_with("sid", head, false);
    let output = archive.move_in(&["--json"]).ends_with(1);
    assert_eq!(codes(&output), ["E-IMPORT-RELEASE"]);
    assert!(output.stdout.contains("--allow-unsigned"), "{output}");
    let _ = archive.import(&[]).ends_with(2);
    let output = archive.import(&["--allow-unsigned"]).succeeds();
    assert!(output.stdout.contains("imported 1 package to prod"), "{output}");
}

#[test]
fn a_file_with_other_bytes_never_enters_a_suite() {
    let mut archive = Archive::new();
    let good = archive.put("pool/good.deb", "good", "1.0", &[]);
    let bad = archive.put("pool/bad.deb", "bad", "1.0", &[]);
    archive.list("sid", "main/binary-amd64/Packages", &good);
    archive.list("sid", "main/binary-amd64/Packages", &bad);
    archive.publish("sid", "Codename: sid\n");
    // Another package of the same size.
    let size = fs::metadata(archive.tree.join("pool/bad.deb")).unwrap().len();
    let mut bytes = fs::read(archive.tree.join("pool/good.deb")).unwrap();
    bytes.resize(usize::try_from(size).unwrap(), b'\n');
    fs::write(archive.tree.join("pool/bad.deb"), bytes).unwrap();
    let output = archive.move_in(&["--json"]).ends_with(1);
    assert!(["E-CHECKSUM-MISMATCH", "E-INVALID-PACKAGE"].contains(&codes(&output)[0].as_str()), "{output}");
    let listed = archive.environment.run(&["list", "prod"]).succeeds();
    assert!(!listed.stdout.contains("good"), "{listed}");
    assert!(!archive.environment.public("prod").join("dists").exists());
    // The same command goes on once the file is the right one.
    let _ = archive.put("pool/bad.deb", "bad", "1.0", &[]);
    let output = archive.move_in(&[]).succeeds();
    assert!(output.stdout.contains("imported 2 packages to prod"), "{output}");
}

#[test]
fn missing_files_are_left_out_when_that_is_asked_for() {
    let archive = Archive::with_two_suites();
    fs::remove_file(archive.tree.join("pool/h/hello_2.deb")).unwrap();
    let output = archive.move_in(&["--allow-missing", "--json"]).succeeds();
    assert!(checks(&output).contains(&"missing".to_owned()), "{output}");
    let output = archive.verify(&["--json"]).ends_with(3);
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let differences = document["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 1, "{output}");
    assert_eq!((&differences[0]["version"], &differences[0]["after"]), (&"2.0".into(), &Value::Null));
}

#[test]
fn a_repository_that_is_there_takes_what_it_has_a_place_for() {
    let archive = Archive::with_two_suites();
    let root = archive.environment.root();
    let init =
        ["init", root.as_str(), "--repository", "prod", "--suite", "bookworm", "--architecture", "amd64"];
    let _ = archive.environment.run(&init).succeeds();
    let keyring = ["--keyring", archive.public.as_str()];
    let output = archive.import(&[&keyring[..], &["--json"]].concat()).ends_with(1);
    assert_eq!(codes(&output), ["E-IMPORT-SUITE", "E-IMPORT-SUITE"], "no contrib, and no sid");
    let part = [&keyring[..], &["--suite", "bookworm", "--component", "main", "--json"]].concat();
    let output = archive.import(&part).succeeds();
    let found = checks(&output);
    assert!(found.contains(&"key".to_owned()) && found.contains(&"release-info".to_owned()), "{found:?}");
    let output = archive.import(&part).succeeds();
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["commit"], Value::Null, "nothing is new");
}

/// A web server for a tree, which fails where it is told to.
struct WebServer {
    url: String,
    /// What was asked for, and what is wrong with which paths.
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    asked: Vec<String>,
    /// Paths that end with this are answered so often with the half of their file.
    cut: Option<(String, usize)>,
    /// Paths that end with this are not answered.
    refused: Option<String>,
}

impl WebServer {
    fn start(tree: &Utf8Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let (tree, shared) = (tree.to_owned(), Arc::clone(&state));
        // It ends with the test.
        let _ = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tree, shared) = (tree.clone(), Arc::clone(&shared));
                let _ = std::thread::spawn(move || answer(stream, &tree, &shared));
            }
        });
        Self { url, state }
    }

    fn packages_asked_for(&self) -> Vec<String> {
        let mut state = self.state.lock().unwrap();
        let asked = std::mem::take(&mut state.asked);
        asked.into_iter().filter(|path| path.ends_with(".deb")).collect()
    }
}

fn answer(mut stream: TcpStream, tree: &Utf8Path, state: &Mutex<State>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    while !lines.next()?.ok()?.is_empty() {}
    let mut state = state.lock().unwrap();
    state.asked.push(path.clone());
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
    };
    if state.refused.as_ref().is_some_and(|end| path.ends_with(end)) {
        return stream.write_all(head("500 Broken", 0).as_bytes()).ok();
    }
    let Ok(bytes) = fs::read(tree.join(&path)) else {
        return stream.write_all(head("404 Not Found", 0).as_bytes()).ok();
    };
    let mut sent = bytes.len();
    if let Some((end, times)) = &mut state.cut
        && path.ends_with(end.as_str())
        && *times > 0
    {
        *times -= 1;
        sent /= 2;
    }
    drop(state);
    stream.write_all(head("200 OK", bytes.len()).as_bytes()).ok()?;
    stream.write_all(&bytes[..sent]).ok()
}

#[test]
fn an_interrupted_import_over_the_network_goes_on_where_it_stopped() {
    let archive = Archive::with_two_suites();
    let server = WebServer::start(&archive.tree);
    let arguments = ["--key", archive.secret.as_str(), "--suite", "bookworm", "--suite", "sid"];
    server.state.lock().unwrap().cut = Some(("hello_1.deb".to_owned(), 1));
    server.state.lock().unwrap().refused = Some("hello_2.deb".to_owned());
    let output = archive.import_from(&server.url, &[&arguments[..], &["--json"]].concat()).ends_with(1);
    assert_eq!(codes(&output), ["E-IMPORT-FILE"], "{output}");
    let asked = server.packages_asked_for();
    assert!(asked.contains(&"pool/x/extra_1%2b1.deb".to_owned()), "as the index has it: {asked:?}");
    assert!(!archive.environment.public("prod").join("dists").exists());

    server.state.lock().unwrap().refused = None;
    let output = archive.import_from(&server.url, &arguments).succeeds();
    assert!(output.stdout.contains("imported 4 packages to prod"), "{output}");
    assert_eq!(server.packages_asked_for(), ["pool/h/hello_2.deb"]);
    assert!(!archive.environment.root().join("import").exists());

    // What the store has is not fetched again.
    let _ = archive.import_from(&server.url, &arguments).succeeds();
    assert_eq!(server.packages_asked_for(), [""; 0]);
    let _ = archive.verify(&[]).succeeds();
    let _ = archive.environment.run(&["fsck"]).succeeds();
}

/// Runs a program of the old manager, which knows the key of the archive.
fn run(archive: &Archive, words: &[&str]) {
    let environment = &archive.environment;
    // What others may write to is copied, whatever `--link` says.
    let mut command = Command::new("sh");
    let _ = command.args(["-c", "umask 022; exec \"$@\"", "sh"]).args(words);
    let command = command.current_dir(environment.path("")).env("HOME", environment.path("home"));
    let output = command.env("GNUPGHOME", environment.path("home")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {} {text}", String::from_utf8_lossy(&output.stdout));
}

/// Moves in what another program published into the tree, and compares what a client sees.
fn compare(archive: &Archive, suites: &[(&str, &str)], packages: &[&str]) -> Option<Output> {
    let apt = archive.client(suites)?;
    let _ = apt.update().succeeds();
    let seen = || packages.iter().map(|name| apt.versions(name)).collect::<Vec<_>>();
    let before = (apt.policies(), seen());
    let imported = archive.move_in(&["--link"]).succeeds();
    lead(&archive.environment.path("address"), &archive.environment.public("prod"));
    let output = apt.update().succeeds();
    assert!(!output.text().contains("\nW: ") && !output.text().contains("\nN: "), "{output}");
    assert_eq!((apt.policies(), seen()), before);
    let _ = archive.verify(&[]).succeeds();
    let _ = archive.environment.run(&["fsck"]).succeeds();
    Some(imported)
}

#[test]
fn what_reprepro_published_moves_in() {
    let archive = Archive::new();
    if !testkit::all_installed(&["reprepro", "gpg"]) {
        return;
    }
    let environment = &archive.environment;
    run(&archive, &["gpg", "--batch", "--quiet", "--import", "old.secret"]);
    let conf = "Origin: Reprepro\nLabel: in house\nSuite: stable\nCodename: bookworm\nArchitectures: amd64 source\n\
                Components: main contrib\nSignWith: yes\nDebIndices: Packages Release . .gz .xz\nDebOverride: override\n\n\
                Origin: Reprepro\nCodename: sid\nNotAutomatic: yes\nArchitectures: amd64\nComponents: main\nSignWith: yes\n";
    fs::create_dir(archive.tree.join("conf")).unwrap();
    let _ = environment.write("old/conf/distributions", conf);
    let _ = environment.write("old/conf/override", "hello Section net\n");
    for (suite, component, name, version) in [
        ("bookworm", "main", "hello", "1.0"),
        ("bookworm", "contrib", "extra", "1:1.0"),
        ("sid", "main", "hello", "2.0"),
    ] {
        let file = environment.package(name, version, "amd64");
        let words = ["reprepro", "-b", "old", "-C", component, "includedeb", suite, file.as_str()];
        run(&archive, &words);
    }
    let suites = [("bookworm", "main contrib"), ("sid", "main")];
    let Some(imported) = compare(&archive, &suites, &["hello", "extra"]) else { return };
    let overridden =
        "note: 1 field of stanzas differ, as the packages have them: hello 1.0 amd64 section: net -> misc";
    assert!(imported.stderr.contains(overridden), "{imported}");
    let conf = archive.tree.join("conf");
    let other = environment.path("other");
    let arguments = [
        "--root",
        other.as_str(),
        "import",
        "reprepro",
        conf.as_str(),
        "--repository",
        "prod",
        "--json",
        "--key",
        archive.secret.as_str(),
    ];
    let output = environment.run(&arguments).succeeds();
    let found = checks(&output);
    assert!(
        found.contains(&"no-counterpart".to_owned()) && found.contains(&"setting".to_owned()),
        "{output}"
    );
    assert!(other.join("public/prod/dists/sid/InRelease").is_file());
    // A file system that clones files shares none.
    let file = archive.tree.join("pool/main/h/hello/hello_1.0_amd64.deb");
    let clone = Command::new("cp").arg("--reflink=always").args([&file, &environment.path("clone")]).output();
    assert_eq!(file.metadata().unwrap().nlink() > 1, !clone.unwrap().status.success());
}

#[test]
fn what_aptly_published_moves_in() {
    let archive = Archive::new();
    if !testkit::all_installed(&["aptly", "gpg"]) {
        return;
    }
    let environment = &archive.environment;
    run(&archive, &["gpg", "--batch", "--quiet", "--import", "old.secret"]);
    let root = environment.path("aptly");
    let _ = environment.write("aptly.conf", format!("{{\"rootDir\": \"{root}\"}}"));
    let aptly = |words: &[&str]| run(&archive, &[&["aptly", "-config=aptly.conf"], words].concat());
    let one = environment.package("hello", "1.0", "amd64");
    let two = environment.package("hello", "2.0", "amd64");
    for (suite, files) in [("bookworm", vec![&one]), ("sid", vec![&one, &two])] {
        aptly(&["repo", "create", &format!("-distribution={suite}"), suite]);
        let files: Vec<&str> = files.iter().map(|file| file.as_str()).collect();
        aptly(&[&["repo", "add", suite], &files[..]].concat());
        aptly(&["publish", "repo", "-batch", "-architectures=amd64", suite]);
    }
    fs::remove_dir(&archive.tree).unwrap();
    symlink(root.join("public"), &archive.tree).unwrap();
    let _ = compare(&archive, &[("bookworm", "main"), ("sid", "main")], &["hello"]);
}
