//! Verbs of `key` that are killed at any system call: every client accepts what it finds at once, and the same command given again
//! completes them.
//!
//! A few moments are tried in an ordinary run, all of them with `REPO_TEST_EXHAUSTIVE=1`.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use apt_sign::{Keyring, SecretKey};
use camino::Utf8PathBuf;
use testkit::{Environment, Output};

use crate::crashes::{CALLS, moments};
use crate::key_life::{DAY, only_key, secret_file, served};
use crate::key_rotation::{accepts, accepts_of, exported, fingerprints, unpacked, versions};
use crate::published::Published;
use crate::{store, traces};

/// A verb of `key` about to be given to a store that stands as prepared.
struct Scene {
    environment: Environment,
    command: Vec<String>,
    /// What must hold after a kill.
    at_once: fn(&Environment),
    /// What must hold when the command was given again.
    given_again: fn(&Environment),
}

impl Scene {
    /// Puts the store back to how it was prepared.
    fn restore(&self) {
        let (root, template) = (self.environment.root(), self.environment.path("template"));
        let _ = fs::remove_dir_all(&root);
        let mut copy = self.environment.other(&["cp", "-a", template.as_str(), root.as_str()]);
        let _ = self.environment.finish(&mut copy).succeeds();
    }

    /// Runs the command under strace, on one processor, so that its calls come in one order.
    fn traced(&self, options: &[&str]) -> Output {
        let wrapper = [&["taskset", "-c", "0", "strace", "-f", "-qq"], options, &["--"]].concat();
        self.environment.finish(self.environment.wrapped(&wrapper).args(&self.command))
    }

    /// The system calls of the command, each with how many of its kind there were by then.
    fn calls(&self) -> Vec<(String, usize)> {
        let log = self.environment.path("strace.log");
        let _ = self.traced(&["-o", log.as_str(), "-e", &format!("trace={CALLS}")]).succeeds();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let log = traces::calls(&log);
        let names = log.iter().filter_map(|line| line.split_once('(')?.0.split_whitespace().last());
        names
            .map(|name| {
                let count = seen.entry(name.to_owned()).or_default();
                *count += 1;
                (name.to_owned(), *count)
            })
            .collect()
    }

    fn kill_anywhere(&self) {
        if !testkit::all_installed(&["strace", "taskset", "gpgv"]) {
            return;
        }
        fs::rename(self.environment.root(), self.environment.path("template")).unwrap();
        self.restore();
        let calls = self.calls();
        let mut killed = 0;
        for place in moments(calls.len()) {
            self.restore();
            let (name, number) = &calls[place];
            let inject = format!("inject={name}:signal=KILL:when={number}");
            let output = self.traced(&["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject]);
            killed += usize::from(output.status != Some(0));
            (self.at_once)(&self.environment);
            let again = self.environment.run(&self.command);
            assert_eq!(again.status, Some(0), "killed at {name} {number}, then again: {again}");
            (self.given_again)(&self.environment);
            let _ = self.environment.run(&["fsck"]).succeeds();
        }
        assert!(killed > 0, "nothing was killed");
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Clients of before, and clients that installed a keyring package that they find, or take the keys as they are published.
fn every_client_accepts(environment: &Environment) {
    accepts(environment, &environment.path("old.gpg"));
    updated_clients_accept(environment);
}

fn updated_clients_accept(environment: &Environment) {
    for repository in ["preprod", "prod"] {
        accepts_of(environment, repository, &environment.public(repository).join("key.gpg"));
        let package = format!("{repository}-archive-keyring");
        // What the indices name: the pool may have more already.
        let content = Published::with_its_keys(environment, repository).read().unwrap();
        let versions =
            content["bookworm"].iter().filter_map(|line| line.strip_prefix(&format!("{package} ")));
        let version = versions.max().map(|rest| rest.replace(" all", ""));
        let keyring = version.and_then(|version| unpacked(environment, repository, &version));
        keyring.iter().for_each(|keyring| accepts_of(environment, repository, keyring));
    }
}

fn first_version() -> String {
    format!("{}.1", jiff::Timestamp::now().strftime("%Y"))
}

/// The keyring of a client that got the new key alone.
fn new_key(environment: &Environment) -> Utf8PathBuf {
    let old = Keyring::parse(&fs::read(environment.path("old.gpg")).unwrap()).unwrap();
    let now = served(environment);
    let mut certificates = now.certificates().iter();
    let new = certificates.find(|new| !old.fingerprints().contains(&new.fingerprint())).unwrap();
    let path = environment.path("new.gpg");
    fs::write(&path, new.binary().unwrap()).unwrap();
    path
}

/// A store whose clients have the keyring `old.gpg`.
fn with_clients() -> (Environment, String) {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = exported(&environment, "old.gpg");
    let key = fingerprints(&environment).remove(0);
    (environment, key)
}

#[test]
fn a_rotation_that_is_killed_is_completed_by_the_same_command() {
    let (environment, _) = with_clients();
    let given_again = |environment: &Environment| {
        every_client_accepts(environment);
        accepts(environment, &new_key(environment));
        assert_eq!(fingerprints(environment).len(), 2, "one key was made");
        for repository in ["preprod", "prod"] {
            assert_eq!(versions(environment, repository), [first_version()]);
        }
    };
    let command = words(&["key", "rotate", "--all"]);
    Scene { environment, command, at_once: every_client_accepts, given_again }.kill_anywhere();
}

#[test]
fn a_retirement_that_is_killed_leaves_what_updated_clients_accept() {
    let (environment, first) = with_clients();
    let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
    let _ = exported(&environment, "both.gpg");
    let at_once = |environment: &Environment| {
        accepts(environment, &environment.path("both.gpg"));
        updated_clients_accept(environment);
    };
    let given_again = |environment: &Environment| {
        accepts(environment, &environment.path("both.gpg"));
        accepts(environment, &exported(environment, "new.gpg"));
        updated_clients_accept(environment);
        assert_eq!(fingerprints(environment).len(), 1);
    };
    let command = words(&["key", "retire", &first, "--force"]);
    Scene { environment, command, at_once, given_again }.kill_anywhere();
}

#[test]
fn an_extension_that_is_killed_leaves_the_key_whole() {
    let environment = store();
    let key = SecretKey::generate("short", SystemTime::now() - DAY, Some(20 * DAY)).unwrap();
    only_key(&environment, &key);
    let _ = environment.run(&["publish", "--allow-key-change"]).succeeds();
    let _ = exported(&environment, "old.gpg");
    let given_again = |environment: &Environment| {
        every_client_accepts(environment);
        let now = served(environment);
        let [certificate] = now.certificates() else { panic!("{now:?}") };
        assert_eq!(certificate.expires(), None);
        assert_eq!(versions(environment, "prod"), [first_version()]);
    };
    let command = words(&["key", "extend", &key.fingerprint().to_string(), "--expires", "never"]);
    Scene { environment, command, at_once: every_client_accepts, given_again }.kill_anywhere();
}

#[test]
fn an_import_that_is_killed_leaves_the_key_out_or_in() {
    let (environment, _) = with_clients();
    let key = SecretKey::generate("from elsewhere", SystemTime::now() - DAY, None).unwrap();
    let file = secret_file(&environment, "other.asc", key.to_armored().unwrap().as_bytes());
    let at_once = |environment: &Environment| {
        every_client_accepts(environment);
        let _ = environment.run(&["publish"]).succeeds();
        every_client_accepts(environment);
    };
    let given_again = |environment: &Environment| {
        let _ = environment.run(&["key", "publish"]).succeeds();
        every_client_accepts(environment);
        accepts(environment, &new_key(environment));
        assert_eq!(fingerprints(environment).len(), 2);
    };
    let command = words(&["key", "import", file.as_str()]);
    Scene { environment, command, at_once, given_again }.kill_anywhere();
}

#[test]
fn a_revocation_that_is_killed_locks_nobody_out() {
    let (environment, first) = with_clients();
    let _ = environment.run(&["key", "publish"]).succeeds();
    let given_again = |environment: &Environment| {
        every_client_accepts(environment);
        accepts(environment, &new_key(environment));
        assert_eq!(fingerprints(environment).len(), 2, "one key was made");
    };
    let command = words(&["key", "revoke", &first]);
    Scene { environment, command, at_once: every_client_accepts, given_again }.kill_anywhere();
}

#[test]
fn a_forced_revocation_that_is_killed_is_completed_by_the_same_command() {
    let (environment, first) = with_clients();
    let given_again = |environment: &Environment| {
        updated_clients_accept(environment);
        accepts(environment, &exported(environment, "new.gpg"));
        assert_eq!(fingerprints(environment).len(), 1, "one key was made");
    };
    let command = words(&["key", "revoke", &first, "--force"]);
    Scene { environment, command, at_once: updated_clients_accept, given_again }.kill_anywhere();
}
