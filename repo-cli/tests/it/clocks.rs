//! A clock that is wrong: what is said and refused, what clients make of it, and the way back.

use std::io::Write as _;
use std::process::Stdio;

use testkit::{Apt, Environment, Output};

use crate::store;

/// Runs the program with another clock; `None` when that cannot be done here.
fn at(environment: &Environment, clock: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = environment.with_clock(clock)?;
    Some(environment.finish(command.args(arguments)))
}

fn client<'e>(environment: &'e Environment, url: &str, name: &str) -> Option<Apt<'e>> {
    let apt = Apt::new(environment, name)?;
    let arguments = ["client-config", "--inline", "preprod", "--suite", "bookworm", "--url", url];
    apt.source("preprod", &environment.run(&arguments).succeeds().stdout);
    Some(apt)
}

#[test]
fn clients_refuse_what_is_from_the_future_until_it_is_signed_again() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let server = environment.serve();
    let Some(old) = client(&environment, &server.url(), "old") else { return };
    let _ = old.update().succeeds();
    let package = environment.package("hello", "2.0", "all");
    let Some(added) = at(&environment, "+4y", &["add", "preprod", package.as_str()]) else { return };
    let added = added.succeeds();
    assert!(added.stderr.contains("4 years after the last entry"), "{added}");

    let refused = old.update().ends_with(100);
    assert!(refused.stderr.contains("not valid yet"), "{refused}");
    assert_eq!(old.versions("hello"), ["1.0"]);
    // One whose apt does not look at dates has taken it.
    let Some(lax) = client(&environment, &server.url(), "lax") else { return };
    let taken = ["update", "-o", "Acquire::Check-Date=false", "-o", "APT::Update::Error-Mode=any"];
    let _ = lax.get(&taken).succeeds();
    assert_eq!(lax.versions("hello"), ["2.0", "1.0"]);

    environment.run(&["fsck"]).ends_with(1).stdout.lines().find(|line| line.starts_with("date ")).unwrap();
    let package = environment.package("hello", "3.0", "all");
    let told = environment.run(&["add", "preprod", package.as_str()]).succeeds();
    assert!(told.stderr.contains("before the last entry"), "{told}");
    assert!(told.stderr.contains("`repo-cli sign again preprod`"), "{told}");
    let _ = old.update().ends_with(100);

    let signed = environment.run(&["sign", "again", "preprod"]).succeeds();
    assert!(signed.stderr.contains("rm -r /var/lib/apt/lists/*"), "{signed}");
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = old.update().succeeds();
    assert_eq!(old.versions("hello"), ["3.0", "2.0", "1.0"]);
    // A client that took the other one keeps it, without a word, until its lists are removed.
    let _ = lax.update();
    assert_eq!(lax.versions("hello"), ["2.0", "1.0"]);
    std::fs::remove_dir_all(lax.path("var/lib/apt/lists")).unwrap();
    std::fs::create_dir_all(lax.path("var/lib/apt/lists/partial")).unwrap();
    let _ = lax.update().succeeds();
    assert_eq!(lax.versions("hello"), ["3.0", "2.0", "1.0"]);

    let quiet = environment.run(&["publish"]).succeeds();
    assert!(!quiet.stderr.contains("Date"), "{quiet}");
    environment.add("preprod", &["hello=4.0"]);
    let _ = old.update().succeeds();
    assert_eq!(old.candidate("hello").as_deref(), Some("4.0"));
}

#[test]
fn a_clock_before_the_keys_is_refused_until_it_is_accepted() {
    let environment = store();
    let package = environment.package("hello", "1.0", "all");
    let Some(refused) = at(&environment, "-2d", &["add", "preprod", package.as_str()]) else { return };
    let refused = refused.ends_with(1);
    assert!(refused.stderr.contains("the oldest signing key was made at"), "{refused}");
    assert!(environment.run(&["list", "preprod"]).succeeds().stdout.is_empty(), "nothing was added");
    let _ =
        at(&environment, "-2d", &["add", "preprod", package.as_str(), "--no-publish"]).unwrap().succeeds();
    let _ = at(&environment, "-2d", &["publish"]).unwrap().ends_with(1);
    let accepted = at(&environment, "-2d", &["publish", "--accept", "clock"]).unwrap().succeeds();
    assert!(accepted.stdout.contains("published preprod"), "{accepted}");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn no_key_is_dated_by_a_clock_that_is_behind_unless_that_is_accepted() {
    let environment = store();
    let Some(refused) = at(&environment, "-2d", &["key", "generate"]) else { return };
    let refused = refused.ends_with(1);
    assert!(refused.stderr.contains("the newest signing key was made at"), "{refused}");
    assert!(refused.stderr.contains("hint: set the clock; if it is right, give --accept clock"), "{refused}");
    let json = at(&environment, "-2d", &["key", "generate", "--json"]).unwrap().ends_with(1);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["error"]["code"], "E-CLOCK");
    let keys = environment.root().join("keys");
    assert_eq!(keys.read_dir_utf8().unwrap().count(), 1);
    let _ = at(&environment, "-2d", &["key", "generate", "--accept", "clock"]).unwrap().succeeds();
    assert_eq!(keys.read_dir_utf8().unwrap().count(), 2);

    // The new key can sign by that clock, and clients know only the other one.
    let package = environment.package("hello", "1.0", "all");
    for arguments in [&["publish"][..], &["add", "preprod", package.as_str()], &["sign", "again"]] {
        let refused = at(&environment, "-1d", arguments).unwrap().ends_with(1);
        assert!(refused.stderr.contains("no key that signed preprod so far would sign it"), "{refused}");
        assert!(refused.stderr.contains("hint: set the clock: key"), "{refused}");
        assert!(!refused.stderr.contains("--allow-key-change"), "{refused}");
    }
    environment.add("preprod", &["hello=1.0"]);
    // Without any key the log tells.
    std::fs::remove_dir_all(&keys).unwrap();
    std::fs::create_dir(&keys).unwrap();
    std::fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let refused = at(&environment, "-2d", &["key", "generate"]).unwrap().ends_with(1);
    assert!(refused.stderr.contains("the last entry of the operation log was written at"), "{refused}");
}

#[test]
fn a_store_that_was_begun_is_not_finished_with_a_clock_that_is_behind() {
    for verb in [&["init"][..], &["quickstart", "--no-serve"]] {
        let environment = store();
        std::fs::remove_file(environment.root().join("repo.toml")).unwrap();
        let root = environment.root();
        let begin = |more: &[&str]| {
            at(&environment, "-2d", &[&verb[..1], &[root.as_str()], &verb[1..], more].concat())
        };
        let Some(refused) = begin(&[]) else { return };
        let refused = refused.ends_with(1);
        assert!(refused.stderr.contains("the newest signing key was made at"), "{refused}");
        let told = begin(&["--accept", "clock"]).unwrap();
        assert!(!told.stderr.contains("the newest signing key was made at"), "{told}");
        assert_eq!(environment.root().join("keys").read_dir_utf8().unwrap().count(), 2, "{told}");
    }
}

#[test]
fn a_person_is_asked_whether_an_odd_clock_is_right() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    if !testkit::all_installed(&["faketime", "script"]) {
        return;
    }
    let ask = |answer: &str| {
        let program = crate::PROGRAM;
        let line = format!("faketime -f +3y {program} remove preprod hello --yes");
        let mut command = environment.other(&["script", "-qec", &line, "/dev/null"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (status, said) = ask("n\n");
    assert!(said.contains("Go on with that time? [y/N]"), "{said}");
    assert!(said.contains("stopped: nothing was changed"), "{said}");
    assert_eq!(status, Some(1), "{said}");
    assert!(environment.run(&["list", "preprod"]).succeeds().stdout.contains("hello"));
    let (status, said) = ask("y\n");
    assert_eq!(status, Some(0), "{said}");
    assert!(!environment.run(&["list", "preprod"]).succeeds().stdout.contains("hello"));
}

#[test]
fn a_tag_from_the_future_is_told_until_it_is_signed_again() {
    let environment = store();
    let package = environment.package("hello", "1.0", "all");
    let Some(added) = at(&environment, "+4y", &["add", "preprod", package.as_str()]) else { return };
    let _ = added.succeeds();
    let _ = environment.run(&["tag", "preprod", "early"]).succeeds();
    environment.add("preprod", &["hello=2.0"]);
    let warning = "warning: snapshot early of preprod: its Date is";
    let tagged = environment.run(&["tag", "preprod", "other", "1"]).succeeds();
    assert!(tagged.stderr.contains("warning: snapshot other of preprod: its Date is"), "{tagged}");
    let _ = environment.run(&["tag", "preprod", "other", "--delete"]).succeeds();
    let json = environment.run(&["publish", "preprod", "--json"]).succeeds();
    assert!(json.stderr.contains(warning), "{json}");
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let published = &json["published"][0];
    assert!(published["date"].as_str().unwrap() > "2030", "{json}");
    assert_eq!(published["tags_ahead"][0]["tag"], "early", "{json}");
    assert_eq!(json["warnings"][0]["code"], "W-DATE", "{json}");
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("date public/preprod/snapshot/early: its Date"), "{found}");

    let signed = environment.run(&["sign", "again", "preprod"]).succeeds();
    assert!(signed.stdout.contains("signed 1 tagged state of preprod again: early"), "{signed}");
    let _ = environment.run(&["fsck"]).succeeds();
    let quiet = environment.run(&["publish", "preprod"]).succeeds();
    assert!(!quiet.stderr.contains("Date"), "{quiet}");
    // A machine that never saw the future reads the tagged state.
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "tagged") else { return };
    let arguments = ["client-config", "preprod", "--suite", "bookworm", "--inline", "--url", &server.url()];
    let sources = environment.run(&arguments).succeeds().stdout;
    apt.source("preprod", &sources.replace("/preprod\n", "/preprod/snapshot/early\n"));
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("hello"), ["1.0"]);
}

#[test]
fn a_link_of_somebody_else_moves_no_publication_into_the_future() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let public = environment.public("preprod");
    let year = |path: &camino::Utf8Path| {
        let modified = std::fs::metadata(path).unwrap().modified().unwrap();
        modified
            .duration_since(std::time::SystemTime::now())
            .map_or(0, |ahead| ahead.as_secs() / (365 * 86400))
    };
    std::fs::create_dir_all(public.join(".publications/20991127T000000Z/dists")).unwrap();
    std::fs::remove_file(public.join("dists")).unwrap();
    std::os::unix::fs::symlink(".publications/20991127T000000Z/dists", public.join("dists")).unwrap();
    environment.add("preprod", &["hello=2.0"]);
    assert_eq!(year(&public.join("dists/bookworm/InRelease")), 0);
    let records = environment.root().join("store/publications/preprod");
    for record in records.read_dir_utf8().unwrap().map(Result::unwrap) {
        let text = std::fs::read_to_string(record.path()).unwrap();
        assert!(!text.contains("20991127T000000Z"), "{text}");
    }
}

#[test]
fn what_cannot_be_undone_is_not_done_by_a_clock_that_is_ahead() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    environment.add("preprod", &["hello=2.0"]);
    let Some(refused) = at(&environment, "+400d", &["gc"]) else { return };
    let refused = refused.ends_with(1);
    assert!(refused.stderr.contains("more than a year after the last entry"), "{refused}");
    let _ = at(&environment, "+400d", &["gc", "--dry-run"]).unwrap().succeeds();
    let _ = at(&environment, "+400d", &["gc", "--accept", "clock"]).unwrap().succeeds();
}

#[test]
fn nothing_is_committed_at_a_time_that_no_signature_can_have() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let package = environment.package("hello", "2.0", "all");
    let Some(refused) = at(&environment, "+100y", &["add", "preprod", package.as_str()]) else { return };
    let refused = refused.ends_with(1);
    assert!(refused.stderr.contains("cannot be dated before 1970 or after 2106-02-07"), "{refused}");
    let listed = environment.run(&["list", "preprod"]).succeeds();
    assert!(!listed.stdout.contains("2.0"), "{listed}");
}
