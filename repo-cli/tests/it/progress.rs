//! Long operations show how far they are, and Ctrl-C ends them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use testkit::{Environment, Output, all_installed};

use crate::store;

/// So many packages are saved, so that a backup has something to do.
const PACKAGES: usize = 4;

fn filled() -> Environment {
    let environment = store();
    let names: Vec<String> = (0..PACKAGES).map(|number| format!("package{number}=1.0")).collect();
    environment.add("preprod", &names.iter().map(String::as_str).collect::<Vec<_>>());
    environment
}

/// A backup in which something happens at each `rename` of a file into its place, as strace says it.
fn backup_with(environment: &Environment, options: &[&str], what: &str) -> Option<std::process::Command> {
    if !all_installed(&["strace", "taskset"]) {
        return None;
    }
    let calls = "rename,renameat,renameat2";
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:{what}"));
    // On one processor it works in one thread, and the calls come one after the other.
    let wrapper =
        ["taskset", "-c", "0", "strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    let mut command = environment.wrapped(&wrapper);
    command.args(options).args(["backup", environment.path("backup").as_str()]);
    Some(command)
}

/// The backup goes on and is complete.
fn goes_on(environment: &Environment) {
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["backup", environment.path("backup").as_str()]).succeeds();
    let restored = environment.path("restored");
    let _ = environment.run(&["restore", environment.path("backup").as_str(), restored.as_str()]).succeeds();
}

#[test]
fn ctrl_c_stops_at_a_safe_point_and_says_in_which_state_things_are() {
    let environment = filled();
    let Some(mut command) = backup_with(&environment, &[], "signal=INT:when=3") else { return };
    let output = environment.finish(&mut command).ends_with(130);
    assert_eq!(
        output.stderr,
        "stopping; press Ctrl-C again to end at once\n\
         error: cancelled\n\
         hint: the copy is not complete; give the same command again to go on\n"
    );
    goes_on(&environment);

    let environment = filled();
    let mut command = backup_with(&environment, &["--json"], "signal=INT:when=3").unwrap();
    let output = environment.finish(&mut command).ends_with(130);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["error"]["code"], "E-CANCELLED");
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let environment = filled();
    // The next safe point is behind the call that takes so long.
    let Some(mut command) = backup_with(&environment, &[], "delay_enter=30s") else { return };
    let began = Instant::now();
    let mut strace = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let place = environment.path("backup/.incomplete");
    while !place.exists() || place.read_dir_utf8().unwrap().count() == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = strace.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let child = Pid::from_raw(children.split_whitespace().next().unwrap().parse().unwrap()).unwrap();
    kill_process(child, Signal::INT).unwrap();
    // Two that come before the first was seen are one.
    let mut stderr = BufReader::new(strace.stderr.take().unwrap());
    let mut told = String::new();
    stderr.read_line(&mut told).unwrap();
    assert_eq!(told, "stopping; press Ctrl-C again to end at once\n");
    kill_process(child, Signal::INT).unwrap();
    stderr.read_to_string(&mut told).unwrap();
    assert_eq!(strace.wait().unwrap().code(), Some(130));
    assert!(!told.contains("error:"), "it waited for a safe point: {told}");
    goes_on(&environment);
}

/// The same backup on a terminal, slow enough to be seen.
fn on_terminal(environment: &Environment, options: &[&str]) -> Option<Output> {
    if !all_installed(&["script"]) {
        return None;
    }
    let command = backup_with(environment, options, "delay_enter=150ms")?;
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
    let mut command = environment.other(&["script", "-qec", &line.join(" "), "/dev/null"]);
    Some(environment.finish(command.env("TERM", "xterm").env("COLUMNS", "120")).succeeds())
}

#[test]
fn a_terminal_shows_a_bar_after_a_second() {
    let environment = filled();
    let Some(output) = on_terminal(&environment, &[]) else { return };
    let lines: Vec<&str> = output.stdout.trim_end().split(['\r', '\n']).collect();
    let shown = lines.iter().find(|line| line.contains('['));
    let shown = shown.unwrap_or_else(|| panic!("no bar: {:?}", lines.last()));
    let shown = shown.trim_start_matches("\u{1b}[2K");
    assert!(shown.starts_with("copying files: "), "{shown:?}");
    for part in [" of ", " files, ", "/s, ", " left ["] {
        assert!(shown.contains(part), "{part}: {shown:?}");
    }
    assert!(lines.last().unwrap().starts_with("\u{1b}[2Kcopied "), "{:?}", lines.last());
    for option in ["--quiet", "--json"] {
        let environment = filled();
        let output = on_terminal(&environment, &[option]).unwrap();
        assert!(!output.stdout.contains("copying files"), "{option}: {:?}", output.stdout);
    }
}

#[test]
fn what_is_done_within_a_second_shows_nothing() {
    let environment = filled();
    let output = environment.run(&["backup", environment.path("backup").as_str()]).succeeds();
    assert_eq!(output.stderr, "");
}
