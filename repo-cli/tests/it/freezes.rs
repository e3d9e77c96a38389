//! Freezes: nothing changes for a while, going back is never stopped, and a freeze ends by itself.

use serde_json::Value;

use crate::store;

const FREEZE: [&str; 6] = ["freeze", "prod", "--until", "1h", "--reason", "end of the year"];
const DESPITE: [&str; 4] = ["--override", "freeze", "--reason", "an outage"];

#[test]
fn nothing_comes_and_goes_in_a_frozen_repository_and_going_back_works() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["other=1.0"]);
    environment.add("preprod", &["hello=2.0"]);
    let _ = environment.run(&[&FREEZE[..], &["--dry-run"]].concat()).succeeds();
    let _ =
        environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod", "--dry-run"]).succeeds();
    let frozen = environment.run(&FREEZE).succeeds();
    assert!(frozen.stdout.starts_with("froze prod until 20"), "{frozen}");
    let commits = environment.run(&["history", "prod"]).stdout;
    // Each of them says who froze it and why.
    let why = "by tester: end of the year";
    let file = environment.package("new", "1.0", "amd64");
    for verb in [
        &["add", "prod", file.as_str()][..],
        &["promote", "hello", "--from", "preprod", "--to", "prod"],
        &["promote", "hello", "--from", "preprod", "--to", "prod", "--dry-run"],
        &["release", "prod", "--from", "preprod"],
        &["remove", "prod", "other", "--yes"],
        &["remove", "prod", "other", "--yes", "--dry-run"],
    ] {
        let refused = environment.run(verb).ends_with(1);
        assert!(refused.stderr.contains(why) && refused.stderr.contains("--override freeze"), "{refused}");
    }
    std::fs::create_dir(environment.path("drop")).unwrap();
    std::fs::copy(&file, environment.path("drop/new.deb")).unwrap();
    let drop = environment.path("drop");
    let waits = environment.run(&["incoming", "prod", drop.as_str(), "--once", "--patience", "0"]).succeeds();
    assert!(waits.stdout.contains(why) && environment.path("drop/new.deb").exists(), "{waits}");
    let waits = environment.json(&["incoming", "prod", drop.as_str(), "--once", "--patience", "0"]);
    let waits: Value = serde_json::from_str(&waits).unwrap();
    assert_eq!(waits["frozen"][0]["repository"], "prod", "{waits}");
    assert_eq!(waits["frozen"][0]["reason"], "end of the year", "{waits}");
    assert_eq!(environment.run(&["history", "prod"]).stdout, commits);
    let status = environment.run(&["status"]);
    assert!(status.stdout.contains(why), "{status}");
    // Others are not concerned, and going back is not.
    environment.add("preprod", &["more=1.0"]);
    let _ = environment.run(&["rollback", "prod", "--to", "1", "--yes"]).succeeds();
    let _ = environment.run(&["undo", "prod", "--yes"]).succeeds();
    let _ = environment.run(&["publish", "prod"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
    // What cannot wait is let in, and the history keeps that.
    for verb in [
        &["promote", "hello", "--from", "preprod", "--to", "prod"][..],
        &["add", "prod", file.as_str()],
        &["remove", "prod", "other", "--yes"],
    ] {
        let _ = environment.run(&[verb, &DESPITE].concat()).succeeds();
        let history: Value = serde_json::from_str(&environment.json(&["history", "prod"])).unwrap();
        assert_eq!(history["history"][0]["override"], "freeze: an outage", "{verb:?}");
    }
    let _ = environment.run(&["remove", "prod", "other", "--undo"]).succeeds();
    let thawed = environment.run(&["thaw", "prod"]).succeeds();
    assert!(thawed.stdout.contains("thawed prod") && thawed.stdout.contains(why), "{thawed}");
    assert_eq!(environment.run(&["thaw", "prod"]).succeeds().stdout, "prod is not frozen\n");
    let _ = environment.run(&["remove", "prod", "other", "--yes"]).succeeds();
}

#[test]
fn a_freeze_ends_by_itself_and_is_in_backups() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(&FREEZE).succeeds();
    let _ = environment.run(&["backup", "backup"]).succeeds();
    let restored = environment.path("restored");
    let _ = environment.run(&["restore", "backup", restored.as_str()]).succeeds();
    let promote = ["promote", "hello", "--from", "preprod", "--to", "prod"];
    let _ = environment.run(&[&["--root", restored.as_str()][..], &promote].concat()).ends_with(1);
    if let Some(mut later) = environment.with_clock("+2h") {
        let _ = environment.finish(later.args(promote).arg("--dry-run")).succeeds();
    }
    // A later one replaces it, and a time that is over is none.
    let shorter = ["freeze", "prod", "--until", "1s", "--reason", "no longer"];
    let _ = environment.run(&shorter).succeeds();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let _ = environment.run(&promote).succeeds();
    for wrong in ["2020-01-01", "soon", "0"] {
        let _ = environment.run(&["freeze", "prod", "--until", wrong, "--reason", "x"]).ends_with(2);
    }
    let _ = environment.run(&["freeze", "prod", "--until", "1h"]).ends_with(2);
    let _ = environment.run(&["freeze", "prod", "--until", "1h", "--reason", " "]).ends_with(2);
}

#[test]
fn retention_waits_for_the_end_of_a_freeze() {
    let environment = store();
    crate::configure(&environment, "[[retention]]\nkeep_versions = 1\n");
    environment.add("prod", &["hello=1.0", "hello=2.0", "hello=3.0"]);
    let _ = environment.run(&FREEZE).succeeds();
    let waits = environment.run(&["retention", "prod", "--yes"]).succeeds();
    assert!(
        waits.stdout.contains("nothing is removed") && waits.stdout.contains("end of the year"),
        "{waits}"
    );
    let foretold = environment.run(&["retention", "prod", "--yes", "--dry-run"]).succeeds();
    assert!(foretold.stdout.contains("nothing is removed"), "{foretold}");
    for more in [&["--dry-run"][..], &[]] {
        let told = environment.json(&[&["retention", "prod", "--yes"], more].concat());
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["retention"][0]["count"]["packages"], 0, "{told}");
        assert_eq!(told["retention"][0]["frozen"]["reason"], "end of the year", "{told}");
    }
    let _ = environment.run(&["thaw", "prod"]).succeeds();
    let list = || environment.run(&["list", "prod"]).succeeds().stdout;
    assert!(list().contains("1.0"), "{}", list());
    let _ = environment.run(&["retention", "prod", "--yes"]).succeeds();
    assert!(!list().contains("1.0"), "{}", list());
}

#[test]
fn a_release_that_only_removes_is_stopped_too() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "hello=2.0"]);
    let release = ["release", "prod", "--from", "preprod"];
    let _ = environment.run(&release).succeeds();
    let _ = environment.run(&["remove", "preprod", "hello=1.0", "--yes"]).succeeds();
    let _ = environment.run(&FREEZE).succeeds();
    for more in [&[][..], &["--dry-run"]] {
        let refused = environment.run(&[&release[..], more].concat()).ends_with(1);
        assert!(
            refused.stderr.contains("prod is frozen") && refused.stderr.contains("thaw prod"),
            "{refused}"
        );
    }
    let _ = environment.run(&[&release[..], &DESPITE].concat()).succeeds();
    let history: Value = serde_json::from_str(&environment.json(&["history", "prod"])).unwrap();
    assert_eq!(history["history"][0]["override"], "freeze: an outage");
    // A release that has nothing left to do is not stopped.
    let _ = environment.run(&release).succeeds();
}

#[test]
fn a_repository_can_be_frozen_every_week() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    environment.add("prod", &["other=1.0"]);
    let moment = |hours: i64| {
        let time = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        time.strftime("%a %H:%M").to_string()
    };
    let weekly = |from, to| {
        let days = format!("{} .. {}", moment(from), moment(to));
        format!("[[freeze]]\nrepositories = [\"prod\"]\ndays = \"{days}\"\nreason = \"the weekend\"\n")
    };
    let text = std::fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    let write = |freeze: String| {
        std::fs::write(environment.root().join("repo.toml"), text.clone() + &freeze).unwrap();
    };
    write(weekly(-1, 2));
    let why = "by repo.toml: the weekend";
    let promote = ["promote", "hello", "--from", "preprod", "--to", "prod"];
    let file = environment.package("new", "1.0", "amd64");
    for verb in [
        &promote[..],
        &["add", "prod", file.as_str()],
        &["release", "prod", "--from", "preprod"],
        &["remove", "prod", "other", "--yes"],
    ] {
        let refused = environment.run(verb).ends_with(1);
        assert!(refused.stderr.contains(why) && refused.stderr.contains("--override freeze"), "{refused}");
        assert!(!refused.stderr.contains("thaw"), "{refused}");
    }
    assert!(environment.run(&["status"]).stdout.contains(why));
    // Nobody ends by hand what the configuration says, and a longer freeze may come on top.
    let thaw = environment.run(&["thaw", "prod"]).succeeds();
    assert!(thaw.stdout.contains(why) && thaw.stdout.contains("thaw ends only what freeze began"), "{thaw}");
    let _ = environment.run(&["freeze", "prod", "--until", "9h", "--reason", "an audit"]).succeeds();
    assert!(environment.run(&promote).ends_with(1).stderr.contains("an audit"));
    let thaw = environment.run(&["thaw", "prod"]).succeeds();
    assert!(thaw.stdout.contains("thawed prod") && thaw.stdout.contains(why), "{thaw}");
    let _ = environment.run(&["rollback", "prod", "--to", "0", "--yes"]).succeeds();
    let _ = environment.run(&[&promote[..], &DESPITE].concat()).succeeds();
    let _ = environment.run(&["remove", "prod", "hello", "--yes"]).ends_with(1);
    write(weekly(2, 1));
    let _ = environment.run(&["remove", "prod", "hello", "--yes"]).ends_with(1);
    write(weekly(2, -1));
    let _ = environment.run(&["remove", "prod", "hello", "--yes"]).succeeds();
}
