//! Packages are read in confined processes.

use std::fs;

use testkit::Environment;

use crate::store;

/// Adds two packages under strace, which does more as it is told by `options`. Returns what was printed, and what strace saw.
fn add_under_strace(environment: &Environment, options: &[&str]) -> (testkit::Output, String) {
    let files = ["hello", "agent"].map(|name| environment.package(name, "1.0", "all"));
    let log = environment.path("strace.log");
    let traced = "trace=execve,openat,openat2,socket,connect,prctl,landlock_restrict_self,seccomp";
    let mut wrapper = vec!["strace", "-f", "-qq", "-y", "-o", log.as_str(), "-e", traced];
    wrapper.extend(options);
    let mut command = environment.wrapped(&wrapper);
    command.args(["--json", "add", "preprod"]).args(files);
    (environment.finish(&mut command), fs::read_to_string(&log).unwrap())
}

#[test]
fn the_process_that_reads_packages_gives_everything_up_and_opens_none() {
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    let environment = store();
    let (output, seen) = add_under_strace(&environment, &[]);
    let _ = output.succeeds();
    let started: Vec<&str> = seen.lines().filter(|line| line.contains("\"--read-packages\"")).collect();
    assert!(!started.is_empty(), "{seen}");
    assert!(started.iter().all(|line| line.contains("/* 0 vars */")), "it has an environment: {started:?}");
    for process in started.iter().map(|line| line.split(' ').next().unwrap()) {
        let process = format!("{process} ");
        let own: Vec<&str> = seen.lines().filter(|line| line.starts_with(&process)).collect();
        let did = |call: &str| own.iter().position(|line| line.contains(call));
        assert!(did("prctl(PR_SET_PDEATHSIG").is_some(), "{own:?}");
        assert!(own.iter().all(|line| !line.contains(".deb") && !line.contains("socket(")), "{own:?}");
        match (did("landlock_restrict_self("), did("seccomp(SECCOMP_SET_MODE_FILTER")) {
            // What it opens are its own libraries, before that.
            (Some(landlock), Some(seccomp)) => {
                assert!(landlock < seccomp);
                assert!(own.iter().skip(landlock).all(|line| !line.contains("openat")), "{own:?}");
            }
            lacks => {
                testkit::skipped(&format!("this system does not confine processes in both ways: {lacks:?}"));
            }
        }
    }
}

#[test]
fn a_reader_that_ends_before_it_is_confined_is_not_held_against_the_packages() {
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    let environment = store();
    let (output, _) = add_under_strace(&environment, &["-e", "inject=seccomp:signal=KILL"]);
    let document: serde_json::Value = serde_json::from_str(&output.ends_with(1).stdout).unwrap();
    assert_eq!(document["error"]["code"], "E-IO", "{document}");
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains("cannot start the process that reads packages"), "{message}");
    assert!(message.contains("it ended before it was confined (signal: 9 (SIGKILL))"), "{message}");
    assert_eq!(environment.run(&["list", "preprod"]).succeeds().stdout, "");
}
