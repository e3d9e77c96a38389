//! What a running `serve` does by itself: `[schedule]`.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use testkit::Environment;

use crate::{configure, store};

/// A `serve` with a schedule, and what it says.
struct Serving {
    child: Child,
    said: Utf8PathBuf,
}

impl Serving {
    fn start(environment: &Environment, command: &mut Command) -> Self {
        let said = environment.path("said");
        let file = File::create(&said).unwrap();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        // A group of its own: what it began ends with it when a test fails.
        command.stdout(file.try_clone().unwrap()).stderr(file).stdin(Stdio::null()).process_group(0);
        let child = command.spawn().unwrap();
        let serving = Self { child, said };
        serving.wait_until("it serves", |said| said.contains("serving http://"));
        serving
    }

    #[track_caller]
    fn wait_until(&self, what: &str, mut is_so: impl FnMut(&str) -> bool) {
        let began = Instant::now();
        loop {
            let said = fs::read_to_string(&self.said).unwrap();
            if is_so(&said) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "not so: {what}: {said}");
            sleep(Duration::from_millis(50));
        }
    }

    fn end(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// The state of a repository that a backup holds.
fn saved(backup: &Utf8Path, repository: &str) -> Option<String> {
    fs::read_to_string(backup.join("store/refs").join(repository)).ok()
}

#[test]
fn a_backup_follows_each_change() {
    let environment = store();
    let backup = environment.path("backup");
    configure(
        &environment,
        &format!("[schedule]\nbackup = {{ to = \"{backup}\", when = \"after-change\" }}\n"),
    );
    environment.add("prod", &["hello=1.0"]);
    let serving = Serving::start(&environment, &mut environment.command());
    let current = || Some(fs::read_to_string(environment.root().join("store/refs/prod")).unwrap());
    serving.wait_until("a backup when it begins", |_| saved(&backup, "prod") == current());
    environment.add("prod", &["hello=2.0"]);
    serving.wait_until("a backup after the change", |_| saved(&backup, "prod") == current());
    let _ = environment.run(&["status"]).succeeds();
    assert_eq!(serving.end(), Some(0));
    let target = environment.path("restored");
    let _ = environment.run(&["restore", backup.as_str(), target.as_str()]).succeeds();
}

#[test]
fn a_backup_that_fails_is_told_and_tried_again_later() {
    let environment = store();
    environment.write("occupied", "");
    let place = environment.path("occupied");
    configure(
        &environment,
        &format!("[schedule]\nbackup = {{ to = \"{place}\", when = \"after-change\" }}\n"),
    );
    let serving = Serving::start(&environment, &mut environment.command());
    let told = format!(
        "warning: `repo-cli backup -- {place}`, run by [schedule], ended with exit status: 1; it is tried again in 60 s"
    );
    serving.wait_until("it is told", |said| said.contains(&told));
    assert_eq!(serving.end(), Some(0));
}

#[test]
fn drop_folders_are_watched_as_soon_as_the_schedule_says_so() {
    let environment = store();
    let folder = environment.path("drop");
    fs::create_dir(&folder).unwrap();
    let incoming = format!("[[incoming]]\nfolder = \"{folder}\"\nrepository = \"preprod\"\n");
    configure(&environment, &incoming);
    let serving = Serving::start(&environment, &mut environment.command());
    let file = environment.package("hello", "1.0", "all");
    fs::copy(&file, folder.join("hello.deb")).unwrap();
    sleep(Duration::from_secs(2));
    assert!(folder.join("hello.deb").exists(), "nobody asked for it");
    // A schedule that comes while it runs counts.
    configure(&environment, &format!("{incoming}[schedule]\nincoming = true\n"));
    serving.wait_until("the package is taken", |_| !folder.join("hello.deb").exists());
    let listed = environment.run(&["list", "preprod"]).succeeds();
    assert!(listed.stdout.contains("hello"), "{listed}");
    assert_eq!(serving.end(), Some(0));
    // With the server ends what it began.
    let file = environment.package("later", "1.0", "all");
    fs::copy(&file, folder.join("later.deb")).unwrap();
    sleep(Duration::from_secs(2));
    assert!(folder.join("later.deb").exists());
}

#[test]
fn verbs_run_at_their_times() {
    let environment = store();
    configure(&environment, "[schedule]\nfsck = \"daily 03:00\"\n");
    // Some seconds before three in the morning, for the server and for what it starts: it must serve by then.
    let now = jiff::Timestamp::now();
    let day = jiff::SignedDuration::from_hours(24);
    let night = (now + day).strftime("%FT03:00").to_string();
    let just_before: jiff::Timestamp = format!("{night}:00Z").parse().unwrap();
    let ahead = just_before.as_second() - 30 - now.as_second();
    let Some(mut command) = environment.with_clock(&format!("+{ahead}")) else { return };
    // The system counts how long a thread sleeps by its own clock.
    let serving = Serving::start(&environment, command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1"));
    let upkeep = environment.root().join("store/upkeep/store");
    serving.wait_until("it was checked", |_| {
        fs::read_to_string(&upkeep).is_ok_and(|text| text.contains(&format!("check {night}")))
    });
    drop(serving);
}

#[test]
fn signatures_are_renewed_by_the_server() {
    let environment = store();
    configure(&environment, "valid_for = \"14d\"\n[schedule]\nrefresh = \"hourly\"\n");
    let _ = environment.run(&["publish"]).succeeds();
    let signed = || fs::read_to_string(environment.public("prod").join("dists/bookworm/InRelease")).unwrap();
    let before = signed();
    // Ten days later, some seconds before the full hour.
    let now = jiff::Timestamp::now().as_second();
    let then = (now + 10 * 24 * 3600) / 3600 * 3600 - 30;
    let Some(mut command) = environment.with_clock(&format!("+{}", then - now)) else { return };
    let serving = Serving::start(&environment, command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1"));
    serving.wait_until("they were renewed", |_| signed() != before);
    drop(serving);
}

#[test]
fn what_a_killed_server_started_ends_with_it() {
    let environment = store();
    let folder = environment.path("drop");
    fs::create_dir(&folder).unwrap();
    let incoming = format!("[[incoming]]\nfolder = \"{folder}\"\nrepository = \"preprod\"\n");
    configure(&environment, &format!("{incoming}[schedule]\nincoming = true\n"));
    let mut serving = Serving::start(&environment, &mut environment.command());
    let file = environment.package("hello", "1.0", "all");
    fs::copy(&file, folder.join("hello.deb")).unwrap();
    serving.wait_until("the package is taken", |_| !folder.join("hello.deb").exists());
    serving.child.kill().unwrap();
    serving.child.wait().unwrap();
    sleep(Duration::from_secs(2));
    let file = environment.package("later", "1.0", "all");
    fs::copy(&file, folder.join("later.deb")).unwrap();
    sleep(Duration::from_secs(2));
    assert!(folder.join("later.deb").exists(), "it is taken by nobody's process");
}
