//! `rollout`: versions that go to a share of the machines first.

use std::collections::BTreeSet;
use std::fs;

use testkit::{Apt, Environment};

use crate::client::sources;
use crate::{PROGRAM, store};

fn add(environment: &Environment, repository: &str, name: &str, version: &str) {
    let file = environment.build(name, version, "amd64", |builder| builder);
    let _ = environment.run(&["add", repository, file.as_str()]).succeeds();
}

#[test]
fn a_share_is_set_shown_raised_and_taken_back() {
    let environment = store();
    for version in ["2.0", "2.1"] {
        add(&environment, "preprod", "hello", version);
        let _ = environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]).succeeds();
    }
    insta::assert_snapshot!(environment.run(&["rollout", "phase", "prod", "hello", "--percent", "10", "--dry-run"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.1      amd64         bookworm  share all -> 10 %
    would let hello 2.1 in prod go to 10 % of the machines
    ---- stderr
    machines that have the version keep it: `reissue` brings them back
    ");
    insta::assert_snapshot!(environment.run(&["rollout", "phase", "prod", "hello=2.1", "--percent", "10"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.1      amd64         bookworm  share all -> 10 %
    hello 2.1 in prod goes to 10 % of the machines (commit 3), published <PUBLICATION>
    undo with: repo-cli undo prod
    ---- stderr
    machines that have the version keep it: `reissue` brings them back
    ");
    insta::assert_snapshot!(environment.run(&["rollout", "status"]), @"
    status: 0
    ---- stdout
    REPOSITORY  SOURCE  VERSION  MACHINES  SUITES
    prod        hello   2.1      10 %      bookworm
    ");
    insta::assert_snapshot!(environment.run(&["diff", "preprod", "prod"]), @"
    status: 0
    ---- stderr
    no differences between preprod and prod
    ");
    insta::assert_snapshot!(environment.run(&["diff", "prod@-1", "prod"]), @"
    status: 3
    ---- stdout
    PACKAGE  ONLY IN prod@-1  ONLY IN prod  ARCHITECTURE  SUITES
    hello    2.1              2.1 (10 %)    amd64         bookworm
    ");
    insta::assert_snapshot!(environment.run(&["rollout", "phase", "prod", "hello", "--percent", "0"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.1      amd64         bookworm  share 10 % -> 0 %
    hello 2.1 in prod goes to 0 % of the machines (commit 4), published <PUBLICATION>
    undo with: repo-cli undo prod
    ---- stderr
    machines that have the version keep it: `reissue` brings them back
    at 0 %, apt before 3.3 still lets one machine of 101 take it; `remove` and `rollback` take it from all that do not have it yet
    ");
    insta::assert_snapshot!(environment.run(&["undo", "prod", "--yes"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.1      amd64         bookworm  share 0 % -> 10 %
    undid 4 of prod: phase hello 2.1 amd64 to 0 % (commit 5), published <PUBLICATION>
    undo with: repo-cli undo prod
    ");
    insta::assert_snapshot!(environment.run(&["rollout", "phase", "prod", "hello=2.0", "--percent", "50"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.0      amd64         bookworm  share all -> 50 %
    hello 2.0 in prod goes to 50 % of the machines (commit 6), published <PUBLICATION>
    undo with: repo-cli undo prod
    ---- stderr
    warning: bookworm has 2.1, which machines take whatever the share of the older version is
    machines that have the version keep it: `reissue` brings them back
    ");
    insta::assert_snapshot!(environment.run(&["rollout", "phase", "prod", "hello=2.0", "--percent", "50"]), @"
    status: 0
    ---- stdout
    nothing to change: hello 2.0 in prod goes to 50 % of the machines
    ---- stderr
    warning: bookworm has 2.1, which machines take whatever the share of the older version is
    ");
}

#[test]
fn a_freeze_stops_larger_shares_alone_and_what_is_not_there_is_said() {
    let environment = store();
    add(&environment, "prod", "hello", "2.0");
    let _ = environment.run(&["rollout", "phase", "prod", "hello", "--percent", "10"]).succeeds();
    let later = environment.build("hello-data", "2.0", "all", |builder| builder.field("Source", "hello"));
    let _ = environment.run(&["add", "prod", later.as_str()]).succeeds();
    insta::assert_snapshot!(environment.run(&["rollout", "status", "prod"]), @"
    status: 0
    ---- stdout
    REPOSITORY  SOURCE  VERSION  MACHINES  SUITES
    prod        hello   2.0      10 %      bookworm
    ---- stderr
    warning: hello-data 2.0 all in bookworm goes to all machines, unlike other packages of hello 2.0: run rollout phase again
    ");
    let _ = environment.run(&["freeze", "prod", "--until", "24h", "--reason", "weekend"]).succeeds();
    insta::assert_snapshot!(environment.run(&["rollout", "phase", "prod", "hello", "--percent", "100"]), @"
    status: 1
    ---- stderr
    error: prod is frozen until <DAY> <MINUTE> UTC by tester: weekend
    hint: wait, give --override freeze --reason TEXT, or end the freeze with repo-cli thaw prod
    ");
    let _ = environment.run(&["rollout", "phase", "prod", "hello", "--percent", "5"]).succeeds();
    insta::assert_snapshot!(environment.run(&["rollout", "phase", "prod", "hello=3", "--percent", "5"]), @"
    status: 1
    ---- stderr
    error: no package matches hello=3 in prod
    hint: run repo-cli versions hello --repository prod
    ");
    insta::assert_snapshot!(environment.run(&["rollout", "phase", "prod", "hello", "--percent", "101"]), @"
    status: 2
    ---- stderr
    error: invalid value '101' for '--percent <NUMBER>': 101 is not in 0..=100

    For more information, try '--help'.
    ");
}

#[test]
fn apt_takes_what_is_foretold() {
    let environment = Environment::with_store(PROGRAM, &["bookworm"]);
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "machine") else { return };
    let names = ["aa", "bb", "cc", "dd", "ee", "ff", "gg", "hh"];
    for name in names {
        add(&environment, "prod", name, "1.0-1");
        add(&environment, "prod", name, "1:2.0-1+b1");
    }
    let printed = apt.get(&["--version"]).succeeds().stdout;
    let generation: Vec<u32> =
        printed.split(['.', ' ']).filter_map(|word| word.parse().ok()).take(2).collect();
    let takes = if generation >= vec![3, 3] { "takes_since_apt_3_3" } else { "takes_before_apt_3_3" };
    let stanza = |name: &&str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: T\nArchitecture: amd64\nVersion: 1.0-1\nDescription: x\n\n"
        )
    };
    fs::write(apt.path("var/lib/dpkg/status"), names.iter().map(stanza).collect::<String>()).unwrap();
    let machines: Vec<String> =
        (0..6_u32).map(|number| format!("{:032x}", number.wrapping_mul(0x9e37_79b9))).collect();
    let list = environment.write("machines", machines.join(" name\n"));
    apt.source("prod", &sources(&environment, &server, "prod"));
    let mut decisions = [0, 0];
    for percent in ["40", "0"] {
        let mut foretold = vec![BTreeSet::new(); machines.len()];
        for name in names {
            let _ = environment.run(&["rollout", "phase", "prod", name, "--percent", percent]).succeeds();
            let preview = environment.json(&[
                "rollout",
                "preview",
                "prod",
                name,
                "--percent",
                percent,
                "--machines",
                list.as_str(),
            ]);
            let preview: serde_json::Value = serde_json::from_str(&preview).unwrap();
            for (foretold, machine) in foretold.iter_mut().zip(preview["machines"].as_array().unwrap()) {
                if machine[takes] == true {
                    foretold.insert(name.to_owned());
                }
            }
        }
        let _ = apt.update().succeeds();
        for (machine, foretold) in machines.iter().zip(&foretold) {
            let id = format!("APT::Machine-ID={machine}");
            let upgrade = apt
                .get(&["-s", "upgrade", "-o", "Dir::Bin::ischroot=/bin/false", "-o", &id])
                .succeeds()
                .stdout;
            let taken = upgrade.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
            assert_eq!(&taken.map(str::to_owned).collect::<BTreeSet<_>>(), foretold, "{machine}: {upgrade}");
            decisions[0] += foretold.len();
            decisions[1] += names.len() - foretold.len();
        }
    }
    assert!(decisions.iter().all(|count| *count > 5), "{decisions:?}");
}
