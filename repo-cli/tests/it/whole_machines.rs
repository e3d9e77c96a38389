//! Whole Debian systems: set up by one pasted line, taken off again, and led from one key to the next.
//!
//! They run where `REPO_TEST_CHROOT` names a system, as `.ci/run` does for each release.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;

use serde_json::Value;
use testkit::{Environment, Machine, Output, Server};

use crate::{PROGRAM, configure};

/// A store with a suite for each release whose apt is known, and a package for all.
fn store_of_all() -> Environment {
    let environment = Environment::with_store(PROGRAM, &["bullseye", "bookworm", "trixie"]);
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["key", "publish"]).succeeds();
    environment
}

/// What `client-config` prints for `prod`.
fn printed(environment: &Environment, server: &Server, more: &[&str]) -> String {
    let url = server.url();
    let words = [&["client-config", "prod", "--url", &url], more].concat();
    environment.run(&words).succeeds().stdout
}

fn key(environment: &Environment) -> String {
    let listed: Value = serde_json::from_str(&environment.json(&["key", "list"])).unwrap();
    listed["keys"][0]["fingerprint"].as_str().unwrap().to_owned()
}

/// Leaves out the inodes: a file that was put back is another one.
fn without_inodes(files: &BTreeSet<String>) -> BTreeSet<String> {
    let shorten = |line: &String| {
        let words: Vec<&str> = line.split(' ').collect();
        words
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != 5)
            .map(|(_, word)| format!("{word} "))
            .collect()
    };
    files.iter().map(shorten).collect()
}

#[track_caller]
fn same(before: &BTreeSet<String>, now: &BTreeSet<String>, what: &str) {
    let gone: Vec<_> = before.difference(now).collect();
    let new: Vec<_> = now.difference(before).collect();
    assert!(gone.is_empty() && new.is_empty(), "{what}: gone {gone:#?}, new {new:#?}");
}

/// `apt-get update` as a machine runs it every day: it ends with 0 though it refused something.
fn refuses(machine: &Machine<'_>) -> Output {
    let said = machine.run("apt-get update").succeeds();
    assert!(said.stderr.contains("W: An error occurred during the signature verification"), "{said}");
    let strict = machine.run("apt-get update -o APT::Update::Error-Mode=any").ends_with(100);
    assert!(strict.stderr.contains("ignature"), "{strict}");
    said
}

#[track_caller]
fn accepts(machine: &Machine<'_>) {
    let said = machine.run("apt-get update -o APT::Update::Error-Mode=any").succeeds();
    assert!(!said.stderr.contains("W:"), "{said}");
}

#[test]
fn one_line_sets_a_bare_machine_up_twice_and_takes_it_off_again() {
    let environment = store_of_all();
    let Some(machine) = Machine::new(&environment, "bare") else { return };
    let server = environment.serve();
    let line = printed(&environment, &server, &["--script"]);
    assert_eq!(line.trim_end().lines().count(), 1);
    let before = machine.files();
    let _ = machine.run(&line).succeeds();
    assert_eq!(machine.candidate("hello").as_deref(), Some("1.0"));
    let first = machine.files();
    let _ = machine.run(&line).succeeds();
    same(&first, &machine.files(), "a second run");
    let _ = machine.run("apt-get install -qq -y hello prod-archive-keyring").succeeds();
    accepts(&machine);
    let installed = machine.files();
    let _ = machine.run(&line).succeeds();
    same(&installed, &machine.files(), "a run beside the package of keys");

    let removal = printed(&environment, &server, &["--script", "--remove"]);
    let kept = machine.run(&removal).succeeds();
    assert!(kept.stdout.contains("apt-get purge prod-archive-keyring removes it"), "{kept}");
    let _ = machine.run("apt-get purge -qq -y hello prod-archive-keyring").succeeds();
    let left = machine.files();
    let _ = machine.run(&removal).succeeds();
    same(&left, &machine.files(), "a second removal");
    let changed = |line: &&String| line.contains("/etc/apt") || line.contains("/keyrings");
    let of = |files: &BTreeSet<String>| files.iter().filter(changed).cloned().collect::<BTreeSet<_>>();
    same(&of(&before), &of(&left), "the removal");
}

/// A server that takes connections and never answers.
fn silent_server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[test]
fn what_fails_leaves_the_whole_machine_as_it_was() {
    let environment = store_of_all();
    configure(&environment, "[repositories.prod]\naccess = [[\"tokens\"]]\n");
    let Some(machine) = Machine::new(&environment, "failing") else { return };
    let server = environment.serve();
    let url = server.url();
    let invite =
        |name: &str| environment.run(&["access", "invite", "prod", name, "--url", &url]).succeeds().stdout;
    let line = invite("web1").lines().find(|line| line.contains("apt-helper")).unwrap().to_owned();
    let script = printed(&environment, &server, &[]);
    let _ = machine.shell("cat > /root/script", &script).succeeds();
    let release = machine.run(". /etc/os-release; echo \"$VERSION_CODENAME\"").succeeds().stdout;
    let before = without_inodes(&machine.files());
    let unchanged = |what: &str| same(&before, &without_inodes(&machine.files()), what);

    let wrong = machine.shell("sh /root/script", "robot\nwrong\n").ends_with(1);
    assert!(wrong.stderr.contains("The server refused the login"), "{wrong}");
    unchanged("a wrong login");
    let name = line.split("/setup/").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let file = environment.root().join("public/setup").join(name);
    let text = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, text.replace("set -eu", "touch /owned")).unwrap();
    let tampered = machine.run(&line);
    assert!(tampered.status != Some(0), "{tampered}");
    unchanged("a script that was changed on the way");
    fs::remove_file(&file).unwrap();
    fs::write(&file, text).unwrap();

    // Ctrl-C while the server does not answer.
    let (listener, silent) = silent_server();
    let hanging = script.replace(&url, &silent);
    let _ = machine.shell("cat > /root/script", &hanging).succeeds();
    let before = without_inodes(&machine.files());
    let stopped = machine.shell("timeout --signal=INT 3 sh /root/script", "robot\nsecret\n").ends_with(124);
    same(&before, &without_inodes(&machine.files()), &format!("an interruption: {stopped}"));
    drop(listener);

    // An entry of another name for the same address, with another key: apt would refuse every source of the machine.
    let other = format!(
        "Types: deb\nURIs: {url}/prod\nSuites: {}\nComponents: main\nSigned-By: /etc/other.gpg\n",
        release.trim()
    );
    let _ = machine.shell("cat > /etc/apt/sources.list.d/acme.sources", &other).succeeds();
    let with_other = without_inodes(&machine.files());
    let conflict = machine.run(&line).ends_with(1);
    assert!(conflict.stderr.contains("Conflicting values set for option Signed-By"), "{conflict}");
    assert!(conflict.stderr.contains("/etc/apt/sources.list.d/acme.sources"), "{conflict}");
    same(&with_other, &without_inodes(&machine.files()), "a conflict");
    let _ = machine.run("rm /etc/apt/sources.list.d/acme.sources").succeeds();

    // The right one; then a run that fails on a machine that is set up.
    let done = machine.run(&line).succeeds();
    assert_eq!(machine.candidate("hello").as_deref(), Some("1.0"), "{done}");
    let set_up = without_inodes(&machine.files());
    let _ = environment.run(&["access", "revoke", "prod", "web1"]).succeeds();
    let again = invite("web2").lines().find(|line| line.contains("apt-helper")).unwrap().to_owned();
    let _ = environment.run(&["access", "revoke", "prod", "web2"]).succeeds();
    let refused = machine.run(&again).ends_with(1);
    assert!(refused.stderr.contains("The server refused the login"), "{refused}");
    same(&set_up, &without_inodes(&machine.files()), "a login that was revoked");
}

#[test]
fn apt_reads_every_form_that_is_printed() {
    let environment = store_of_all();
    let _ = environment.run(&["tag", "prod", "first"]).succeeds();
    configure(&environment, "[repositories.prod]\nflat = \"bookworm\"\n");
    let _ = environment.run(&["publish"]).succeeds();
    environment.add("prod", &["hello=2.0"]);
    let server = environment.serve();
    let Some(machine) = Machine::new(&environment, "forms") else { return };
    let apply = |script: &str| machine.shell("sh", script).succeeds();
    let remove = || drop(apply(&printed(&environment, &server, &["--remove"])));

    let _ = apply(&printed(&environment, &server, &[]));
    assert_eq!(machine.candidate("hello").as_deref(), Some("2.0"));
    let _ = machine.run("apt-get install -qq -y hello").succeeds();
    let pins = apply(&printed(&environment, &server, &["--pin", "hello=1.0"]));
    let installed = machine.run("dpkg-query -W -f '${Version}' hello").succeeds().stdout;
    assert_eq!((installed.as_str(), machine.candidate("hello").as_deref()), ("1.0", Some("1.0")), "{pins}");
    let _ = machine.run("rm /etc/apt/preferences.d/*").succeeds();
    remove();

    let _ = apply(&printed(&environment, &server, &["--flat"]));
    assert_eq!(machine.candidate("hello").as_deref(), Some("2.0"));
    let _ = apply(&printed(&environment, &server, &["--flat", "--remove"]));

    let _ = apply(&printed(&environment, &server, &["--snapshot", "first"]));
    assert_eq!(machine.candidate("hello").as_deref(), Some("1.0"));
    accepts(&machine);
    let _ = apply(&printed(&environment, &server, &["--snapshot", "first", "--remove"]));

    let release = machine.run(". /etc/os-release; echo \"$VERSION_CODENAME\"").succeeds().stdout;
    let document: Value = serde_json::from_str(&environment.json(&["client-config", "prod"])).unwrap();
    let keyring = document["keyring"]["base64"].as_str().unwrap();
    let _ = machine.shell("base64 -d > /usr/share/keyrings/prod-archive-keyring.gpg", keyring).succeeds();
    let list = printed(&environment, &server, &["--one-line", "--suite", release.trim()]);
    let _ = machine.shell("cat > /etc/apt/sources.list.d/prod.list", &list).succeeds();
    accepts(&machine);
    assert_eq!(machine.candidate("hello").as_deref(), Some("2.0"));
    let _ = machine.run("rm /etc/apt/sources.list.d/prod.list").succeeds();

    let entry = printed(&environment, &server, &["--inline"]);
    let of_release = entry.split("\n\n").find(|entry| entry.contains(release.trim())).unwrap();
    let _ = machine.shell("cat > /etc/apt/sources.list.d/prod.sources", of_release).succeeds();
    // Debian 11 takes no key in an entry, which the warning says.
    if release.trim() == "bullseye" {
        let refused = machine.run("apt-get update").ends_with(100);
        assert!(refused.stderr.contains("Invalid value set for option Signed-By"), "{refused}");
    } else {
        accepts(&machine);
        assert_eq!(machine.candidate("hello").as_deref(), Some("2.0"));
    }
}

#[test]
fn a_rotation_reaches_machines_that_are_awake_that_slept_and_that_never_saw_it() {
    let environment = store_of_all();
    let server = environment.serve();
    let line = printed(&environment, &server, &["--script"]);
    let mut machines = Vec::new();
    for name in ["awake", "sleeper", "absent"] {
        let Some(machine) = Machine::new(&environment, name) else { return };
        let _ = machine.run(&line).succeeds();
        let _ = machine.run("apt-get install -qq -y hello prod-archive-keyring").succeeds();
        machines.push(machine);
    }
    let [awake, sleeper, absent] = &machines[..] else { panic!() };
    let first = key(&environment);
    let year = jiff::Timestamp::now().strftime("%Y").to_string();
    let keyring = |machine: &Machine<'_>| {
        machine.run("dpkg-query -W -f '${Version}' prod-archive-keyring").succeeds().stdout
    };

    let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
    for machine in [awake, sleeper] {
        accepts(machine);
    }
    let _ = awake.run("apt-get upgrade -qq -y").succeeds();
    assert_eq!(keyring(awake), format!("{year}.2"));
    accepts(awake);

    let _ = environment.run(&["key", "retire", &first, "--force"]).succeeds();
    environment.add("prod", &["hello=2.0"]);
    accepts(awake);
    let _ = awake.run("apt-get upgrade -qq -y").succeeds();
    assert_eq!((keyring(awake), awake.candidate("hello").as_deref()), (format!("{year}.3"), Some("2.0")));
    accepts(awake);

    // It has read the lists of the overlap, and installed nothing: it repairs itself.
    let _ = refuses(sleeper);
    assert_eq!(sleeper.candidate("hello").as_deref(), Some("1.0"), "it stays on what it had");
    let _ = sleeper.run("apt-get install -qq -y prod-archive-keyring").succeeds();
    assert_eq!(keyring(sleeper), format!("{year}.2"));
    accepts(sleeper);
    let _ = sleeper.run("apt-get upgrade -qq -y").succeeds();
    assert_eq!((keyring(sleeper), sleeper.candidate("hello").as_deref()), (format!("{year}.3"), Some("2.0")));

    // It never saw the overlap: the line sets it up again, though its keys belong to a package.
    let _ = refuses(absent);
    let _ = absent.run("apt-get install -qq -y prod-archive-keyring").succeeds();
    let _ = refuses(absent);
    let again = absent.run(&printed(&environment, &server, &["--script"])).succeeds();
    assert!(again.stdout.contains("replacing /usr/share/keyrings/prod-archive-keyring.gpg"), "{again}");
    accepts(absent);
    let _ = absent.run("apt-get upgrade -qq -y").succeeds();
    assert_eq!((keyring(absent), absent.candidate("hello").as_deref()), (format!("{year}.3"), Some("2.0")));
    accepts(absent);

    // A script of before the rotation does no harm to keys that are newer.
    let now = absent.files();
    let _ = absent.run(&line).succeeds();
    same(&now, &absent.files(), "an old script");
}
