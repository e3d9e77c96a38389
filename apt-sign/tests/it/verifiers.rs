//! Debian's own verifiers read what we sign. A verifier that is not installed is named and skipped.

use crate::{DAY, TEXT, key, now, sign};
use apt_sign::{Error, Keyring, SecretKey, Signed, UserId};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::SystemTime,
};
use tempfile::TempDir;

/// Whether a program is there; says so if it is not.
pub(crate) fn installed(program: &str) -> bool {
    let found =
        ["/usr/bin", "/usr/local/bin", "/bin"].iter().any(|dir| Path::new(dir).join(program).exists());
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

/// A directory with the keyring, the text and both signed forms as files.
pub(crate) struct Files {
    dir: TempDir,
}

impl Files {
    pub(crate) fn new(signed: &Signed, keyring: &Keyring) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("keyring.gpg"), keyring.binary().unwrap()).unwrap();
        fs::write(dir.path().join("keyring.asc"), keyring.armored().unwrap()).unwrap();
        fs::write(dir.path().join("Release"), signed.text()).unwrap();
        fs::write(dir.path().join("Release.gpg"), signed.detached()).unwrap();
        fs::write(dir.path().join("InRelease"), signed.inline()).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a verifier here, or says that it is not there.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Option<Output> {
        if !installed(program) {
            return None;
        }
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.dir.path())
            .env("LC_ALL", "C")
            .env("GNUPGHOME", self.dir.path())
            .output()
            .unwrap();
        Some(output)
    }
}

fn good(output: &Output) -> usize {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said.matches("Good signature").count()
}

fn keyring(keys: &[&SecretKey]) -> Keyring {
    Keyring::new(keys.iter().map(|key| key.certificate()).collect())
}

#[test]
fn gpgv_accepts_one_and_two_keys() {
    let (one, two) = (key("one"), key("two"));
    let both = keyring(&[&one, &two]);
    for (count, keys) in [(1, vec![one]), (2, vec![key("third"), two])] {
        let ring = Keyring::new(
            [both.certificates(), &keys.iter().map(SecretKey::certificate).collect::<Vec<_>>()].concat(),
        );
        let files = Files::new(&sign(keys, TEXT), &ring);
        let ring = files.path("keyring.gpg");
        let ring = ring.to_str().unwrap();
        let Some(output) = files.run("gpgv", &["--keyring", ring, "--output", "text", "InRelease"]) else {
            return;
        };
        assert_eq!(good(&output), count);
        assert_eq!(fs::read(files.path("text")).unwrap(), TEXT);
        let output = files.run("gpgv", &["--keyring", ring, "Release.gpg", "Release"]).unwrap();
        assert_eq!(good(&output), count);
    }
}

#[test]
fn gpgv_reads_a_key_with_the_longest_name() {
    let name = "x".repeat(UserId::MOST_BYTES);
    let key = SecretKey::generate(&name, now() - DAY, None).unwrap();
    let ring = keyring(&[&key]);
    let files = Files::new(&sign(vec![key], TEXT), &ring);
    let Some(output) = files.run("gpgv", &["--keyring", "./keyring.gpg", "InRelease"]) else { return };
    assert_eq!(good(&output), 1);
    let arguments = ["--keyring", "keyring.asc", "Release.gpg", "Release"];
    let Some(output) = files.run("sqv", &arguments) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn gpgv_refuses_a_changed_text_and_a_foreign_key() {
    let one = key("one");
    let ring = keyring(&[&one]);
    let files = Files::new(&sign(vec![one], TEXT), &ring);
    let changed =
        String::from_utf8(fs::read(files.path("InRelease")).unwrap()).unwrap().replace("abc 12", "abc 13");
    fs::write(files.path("changed"), changed).unwrap();
    let Some(output) = files.run("gpgv", &["--keyring", "./keyring.gpg", "changed"]) else { return };
    assert!(!output.status.success());

    fs::write(files.path("keyring.gpg"), keyring(&[&key("other")]).binary().unwrap()).unwrap();
    let output = files.run("gpgv", &["--keyring", "./keyring.gpg", "InRelease"]).unwrap();
    assert!(!output.status.success());
}

#[test]
fn sqv_accepts_the_detached_signature() {
    let (one, two) = (key("one"), key("two"));
    let ring = keyring(&[&one, &two]);
    let files = Files::new(&sign(vec![one, two], TEXT), &ring);
    let arguments = ["--keyring", "keyring.asc", "--signatures", "2", "Release.gpg", "Release"];
    let Some(output) = files.run("sqv", &arguments) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let signers = String::from_utf8(output.stdout).unwrap();
    let mut signers: Vec<_> = signers.lines().collect();
    signers.sort_unstable();
    let mut expected: Vec<_> = ring.fingerprints().iter().map(ToString::to_string).collect();
    expected.sort_unstable();
    assert_eq!(signers, expected);
}

/// apt itself, on a repository of one empty suite, with the key named in each of the three ways.
#[test]
fn apt_accepts_the_repository() {
    if !installed("apt-get") {
        return;
    }
    let release = "Origin: Example\nSuite: stable\nCodename: stable\nDate: Thu, 28 May 2026 20:26:40 UTC\n\
        Architectures: amd64\nComponents: main\nSHA256:\n \
        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages\nSnapshots: no\n";
    let (old, new) = (key("old"), key("new"));
    let known = keyring(&[&new]);
    let files = Files::new(&sign(vec![old, new], release.as_bytes()), &known);
    let root = files.dir.path();
    let repository = root.join("dists/stable");
    fs::create_dir_all(repository.join("main/binary-amd64")).unwrap();
    fs::write(repository.join("main/binary-amd64/Packages"), "").unwrap();
    for directory in ["lists/partial", "cache/archives/partial", "parts", "trusted"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::write(root.join("status"), "").unwrap();
    let at = root.display();
    let field = known.armored_for_sources().unwrap();
    let arguments: Vec<String> = [
        format!("Dir::State::lists={at}/lists"),
        format!("Dir::State::status={at}/status"),
        format!("Dir::Cache={at}/cache"),
        format!("Dir::Etc::sourcelist={at}/example.sources"),
        format!("Dir::Etc::sourceparts={at}/parts"),
        format!("Dir::Etc::trusted={at}/trusted.gpg"),
        format!("Dir::Etc::trustedparts={at}/trusted"),
        "APT::Architecture=amd64".to_owned(),
        "APT::Architectures=amd64".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
        "Acquire::Check-Date=false".to_owned(),
        "Acquire::Languages=none".to_owned(),
    ]
    .iter()
    .flat_map(|option| ["-o".to_owned(), option.clone()])
    .chain(["update".to_owned(), "--error-on=any".to_owned()])
    .collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let update = |signed_by: &str, form: &str| {
        let sources =
            format!("Types: deb\nURIs: file:{at}\nSuites: stable\nComponents: main\nSigned-By:{signed_by}\n");
        fs::write(root.join("example.sources"), sources).unwrap();
        for file in ["InRelease", "Release", "Release.gpg"] {
            let _ = fs::remove_file(repository.join(file));
        }
        for file in form.split(' ') {
            fs::copy(root.join(file), repository.join(file)).unwrap();
        }
        for left in fs::read_dir(root.join("lists")).unwrap() {
            let _ = fs::remove_file(left.unwrap().path());
        }
        files.run("apt-get", &arguments).unwrap()
    };
    for form in ["InRelease", "Release Release.gpg"] {
        for signed_by in [field.clone(), format!(" {at}/keyring.asc"), format!(" {at}/keyring.gpg")] {
            let output = update(&signed_by, form);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{form}, Signed-By:{signed_by}: {said}");
        }
    }
    let stranger = key("stranger").certificate().armored_for_sources().unwrap();
    assert!(!update(&stranger, "InRelease").status.success());
}

/// The other way round: we read what Debian signs, where this machine has it.
#[test]
fn we_accept_the_releases_of_debian() {
    let Ok(keyring) = fs::read("/usr/share/keyrings/debian-archive-keyring.gpg") else {
        eprintln!("SKIPPED: debian-archive-keyring is not installed");
        return;
    };
    let keyring = Keyring::parse(&keyring).unwrap();
    let lists = fs::read_dir("/var/lib/apt/lists").into_iter().flatten().flatten().map(|entry| entry.path());
    for path in lists.filter(|path| path.to_string_lossy().ends_with("_InRelease")) {
        let message = fs::read(&path).unwrap();
        match keyring.verify_inline(&message, SystemTime::now()) {
            Ok(verified) => assert!(verified.text().starts_with(b"Origin: Debian\n"), "{}", path.display()),
            Err(Error::UnknownSigner { .. }) => eprintln!("SKIPPED: {} is not Debian's", path.display()),
            Err(error) => panic!("{}: {error:?}", path.display()),
        }
        let with_junk = [b"junk\n".as_slice(), &message].concat();
        assert!(matches!(keyring.verify_inline(&with_junk, SystemTime::now()), Err(Error::Framing { .. })));
    }
}
