//! `incoming` that goes on: what is dropped is taken as soon as it is there.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::Environment;

use crate::{configure, store};

/// The program while it watches, and what it says.
pub(crate) struct Watching {
    child: Child,
    said: Utf8PathBuf,
}

impl Watching {
    fn start(environment: &Environment, command: &mut Command) -> Self {
        let said = environment.path("said");
        let file = File::create(&said).unwrap();
        let child =
            command.stdout(file.try_clone().unwrap()).stderr(file).stdin(Stdio::null()).spawn().unwrap();
        let watching = Self { child, said };
        watching.wait_for("watching ");
        watching
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    /// Waits until it has said something.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let began = Instant::now();
        while !self.said().contains(text) {
            assert!(began.elapsed() < Duration::from_secs(60), "no `{text}`: {}", self.said());
            sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Asks it to end, and returns its exit status.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn watching(environment: &Environment, arguments: &[&str]) -> Watching {
    Watching::start(environment, environment.command().arg("incoming").args(arguments))
}

pub(crate) fn folder(environment: &Environment, name: &str) -> Utf8PathBuf {
    let folder = environment.path(name);
    fs::create_dir(&folder).unwrap();
    folder
}

/// Puts a package into a folder as `scp` does: under its own name, in two pieces.
fn drop_slowly(environment: &Environment, folder: &Utf8Path, name: &str) {
    use std::io::Write as _;

    let package = environment.package(name, "1.0", "all");
    let bytes = fs::read(&package).unwrap();
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    let mut file = File::create(folder.join(package.file_name().unwrap())).unwrap();
    file.write_all(first).unwrap();
    file.sync_all().unwrap();
    sleep(Duration::from_millis(900));
    file.write_all(rest).unwrap();
}

fn publications(environment: &Environment) -> usize {
    fs::read_dir(environment.root().join("store/publications/preprod")).unwrap().count()
}

#[test]
fn what_is_dropped_is_taken_at_once_and_what_comes_together_is_published_together() {
    let environment = store();
    let drop = folder(&environment, "drop");
    let watching = watching(&environment, &["preprod", drop.as_str()]);
    let before = publications(&environment);
    // It sees all three at once, however slowly they are written.
    watching.signal(Signal::STOP);
    for name in ["hello", "jq", "curl"] {
        let package = environment.package(name, "1.0", "all");
        fs::copy(&package, drop.join(package.file_name().unwrap())).unwrap();
    }
    watching.signal(Signal::CONT);
    watching.wait_for("added 3 packages to preprod");
    assert_eq!(publications(&environment), before + 1);
    assert_eq!(fs::read_dir(&drop).unwrap().count(), 0);
    drop_slowly(&environment, &drop, "slow");
    watching.wait_for("added 1 package to preprod");
    assert!(!watching.said().contains("refused"), "{}", watching.said());
    assert_eq!(watching.end(), Some(0));
}

#[test]
fn folders_and_configuration_may_come_and_go() {
    let environment = store();
    let ci = environment.path("ci");
    let table =
        |folder: &Utf8Path| format!("[[incoming]]\nfolder = \"{folder}\"\nrepository = \"preprod\"\n");
    configure(&environment, &table(&ci));
    let watching = watching(&environment, &[]);
    // A folder that is not there yet is said once, not in each round.
    watching.wait_for("cannot list");
    watching.signal(Signal::HUP);
    watching.signal(Signal::HUP);
    fs::create_dir(&ci).unwrap();
    let package = environment.package("hello", "1.0", "all");
    fs::copy(&package, ci.join("hello.deb")).unwrap();
    watching.signal(Signal::HUP);
    watching.wait_for("added 1 package to preprod");
    assert_eq!(watching.said().matches("cannot list").count(), 1, "{}", watching.said());

    // A mistake in the configuration ends nothing, and another folder counts without a restart.
    configure(&environment, "[[incoming]]\nfolder = 7\n");
    watching.signal(Signal::HUP);
    watching.wait_for("expected a path");
    let people = folder(&environment, "people");
    configure(&environment, &format!("{}{}", table(&ci), table(&people)));
    let package = environment.package("jq", "1.0", "all");
    fs::copy(&package, people.join("jq.deb")).unwrap();
    watching.signal(Signal::HUP);
    watching.wait_for("added jq 1.0 all");
    assert_eq!(watching.end(), Some(0));
}

#[test]
fn killed_again_and_again_it_loses_nothing_and_takes_nothing_twice() {
    let environment = store();
    let drop = folder(&environment, "drop");
    let names: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        let mut watching = watching(&environment, &["preprod", drop.as_str()]);
        let package = environment.package(name, "1.0", "all");
        fs::copy(&package, drop.join(package.file_name().unwrap())).unwrap();
        // Before, within and behind the round that takes it.
        sleep(Duration::from_millis(350 + 60 * number as u64));
        watching.child.kill().unwrap();
        watching.child.wait().unwrap();
    }
    let _ = environment.run(&["incoming", "preprod", drop.as_str(), "--once"]).succeeds();
    assert_eq!(fs::read_dir(&drop).unwrap().count(), 0);
    let listed = environment.run(&["list", "preprod"]).succeeds();
    for name in &names {
        assert_eq!(listed.stdout.matches(&format!("{name} ")).count(), 1, "{name}: {listed}");
    }
    let _ = environment.run(&["fsck"]).succeeds();
    let history: Value =
        serde_json::from_str(&environment.json(&["history", "preprod", "--limit", "0"])).unwrap();
    let commits = history["history"].as_array().unwrap().iter();
    let changes = commits.flat_map(|commit| commit["changes"].as_array().unwrap());
    let mut changed: Vec<&str> = changes.map(|change| change["package"].as_str().unwrap()).collect();
    changed.sort_unstable();
    let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(changed, expected, "{history}");
}

#[test]
fn without_folders_it_says_how_they_are_named() {
    let environment = store();
    let output = environment.run(&["incoming"]).ends_with(1);
    assert!(output.stderr.contains("repo.toml has no [[incoming]]"), "{output}");
    let output = environment.run(&["incoming", "preprod"]).ends_with(2);
    assert!(output.stderr.contains("DIR"), "{output}");
}
