//! The real `scp` and `rsync` into a watched drop folder, cut short and tried again.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use testkit::Environment;

use crate::store;
use crate::watching::{Watching, folder, watching};

/// A package that takes a while to copy: seconds at `FAST`, half a minute at `SLOW`.
fn big_package(environment: &Environment, name: &str) -> Utf8PathBuf {
    // Bytes that no compression makes smaller.
    let mut state = 1_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(3 << 20)
    .collect();
    environment.build(name, "1.0", "all", |builder| builder.file("usr/share/random", bytes, 0o644))
}

/// Rates of a copy, in kilobytes a second: of one that comes to its end, and of one that is killed before that.
const FAST: u32 = 2000;
const SLOW: u32 = 100;

/// What `scp` runs in place of `ssh`: the command for the other machine, on this one.
fn no_network(environment: &Environment) -> Utf8PathBuf {
    let script = environment.path("ssh");
    testkit::script(&script, "for last; do :; done\nexec sh -c \"$last\"");
    script
}

/// Copies a file, is killed before it is there, and tried again. It must be taken whole, once, and nothing refused.
#[track_caller]
fn is_taken_once(
    environment: &Environment,
    watching: &Watching,
    name: &str,
    copy: impl Fn(&Utf8Path, u32) -> Command,
) {
    let package = big_package(environment, name);
    let start = |rate| {
        let mut command = copy(&package, rate);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for part in [300, 900] {
        let mut cut = start(SLOW);
        sleep(Duration::from_millis(part));
        cut.kill().unwrap();
        cut.wait().unwrap();
        sleep(Duration::from_millis(700));
    }
    assert!(!watching.said().contains(&format!("added {name} ")), "{}", watching.said());
    assert!(start(FAST).wait().unwrap().success());
    let begun = Instant::now();
    while !watching.said().contains(&format!("added {name} 1.0 all")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{name}: {}", watching.said());
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_scp_and_rsync_copy_in_pieces_is_taken_whole_and_once() {
    if !testkit::all_installed(&["scp", "rsync"]) {
        return;
    }
    let environment = store();
    let drop = folder(&environment, "drop");
    let ssh = no_network(&environment);
    let watching = watching(&environment, &["preprod", drop.as_str()]);
    is_taken_once(&environment, &watching, "by-scp", |package, rate| {
        // It counts bits.
        let rate = (rate * 8).to_string();
        let mut command = environment.other(&["scp", "-O", "-q", "-l", &rate, "-S", ssh.as_str()]);
        command.args([package.as_str(), &format!("host:{drop}/")]);
        command
    });
    let to_folder = format!("{drop}/");
    for (name, option) in [("by-rsync", None), ("in-place", Some("--inplace"))] {
        is_taken_once(&environment, &watching, name, |package, rate| {
            let mut command = environment.other(&["rsync", "-t", &format!("--bwlimit={rate}")]);
            command.args(option).args([package.as_str(), &to_folder]);
            command
        });
    }
    let said = watching.said();
    assert!(!said.contains("refused") && !said.contains("rejected"), "{said}");
    assert_eq!(watching.end(), Some(0));
    let _ = environment.run(&["fsck"]).succeeds();
    let history = environment.run(&["history", "preprod", "--all"]).succeeds();
    for name in ["by-scp", "by-rsync", "in-place"] {
        assert_eq!(history.stdout.matches(&format!("{name} 1.0 all")).count(), 1, "{history}");
    }
    // What is left are pieces of files that rsync named for itself, which are nobody's package.
    let left: Vec<String> =
        drop.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    assert!(left.iter().all(|name| name.starts_with('.')), "{left:?}");
}
