//! `undo`: the last change of a repository, whatever it was.

use testkit::Output;

use crate::published::Published;
use crate::store;

fn undo(environment: &testkit::Environment, arguments: &[&str]) -> Output {
    environment.run(&[&["undo"], arguments].concat())
}

#[test]
fn the_last_change_is_undone_and_the_undo_as_well() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "tool=1.0"]);
    let promote = ["promote", "--all", "--from", "preprod", "--to", "prod"];
    let _ = environment.run(&promote).succeeds();
    environment.add("preprod", &["hello=2.0"]);
    let _ = environment.run(&promote).succeeds();
    insta::assert_snapshot!(undo(&environment, &["prod", "--dry-run"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.0      all           bookworm  remove
    would undo 2 of prod: promote from preprod: hello 2.0 all
    would be held from now on: hello 2.0 all
    ");
    insta::assert_snapshot!(undo(&environment, &["prod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.0      all           bookworm  remove
    undid 2 of prod: promote from preprod: hello 2.0 all (commit 3), published <PUBLICATION>
    held from now on: hello 2.0 all
    undo with: repo-cli undo prod
    machines (bookworm) that already upgraded keep hello 2.0; to bring one back: repo-cli client-config prod --pin hello=1.0
    to bring all of them back with their next upgrade: repo-cli reissue prod hello=2.0 --as 1.0
    ");
    let published = || Published::of(&environment, "prod").read().unwrap()["bookworm"].len();
    assert_eq!(published(), 2);
    insta::assert_snapshot!(environment.run(&promote), @"
    status: 0
    ---- stdout
    nothing promoted (take held versions with --despite-hold)
    ---- stderr
    skipped hello 2.0 (held since <DAY> <MINUTE> UTC: undo 2 (<ID>): promote from preprod: hello 2.0 all)
    ");
    insta::assert_snapshot!(undo(&environment, &["prod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.0      all           bookworm  restore
    undid 3 of prod: undo 2 (<ID>): promote from preprod: hello 2.0 all (commit 4), published <PUBLICATION>
    no longer held: hello 2.0 all
    undo with: repo-cli undo prod
    ");
    assert_eq!(published(), 3);
    insta::assert_snapshot!(environment.run(&["holds", "prod"]), @"
    status: 0
    ---- stderr
    no held versions in prod
    ");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn the_undo_of_a_removal_and_of_a_rollback_lets_the_packages_in_again() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "other=1.0", "third=1.0"]);
    environment.add("preprod", &["hello=2.0"]);
    let _ = environment.run(&["remove", "preprod", "hello=2.0"]).succeeds();
    insta::assert_snapshot!(undo(&environment, &["preprod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.0      all           bookworm  restore
    undid 3 of preprod: remove hello 2.0 all (commit 4), published <PUBLICATION>
    no longer held: hello 2.0 all
    undo with: repo-cli undo preprod
    ");
    let _ = environment.run(&["rollback", "preprod", "--to", "1"]).succeeds();
    insta::assert_snapshot!(undo(&environment, &["preprod", "--no-publish"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.0      all           bookworm  restore
    undid 5 of preprod: roll back to 1 (<ID>) (commit 6)
    not published yet; run repo-cli publish preprod
    no longer held: hello 2.0 all
    undo with: repo-cli undo preprod
    ");
    let _ = environment.run(&["hold", "preprod", "bad=9"]).succeeds();
    insta::assert_snapshot!(undo(&environment, &["preprod"]), @"
    status: 0
    ---- stdout
    undid 7 of preprod: hold bad 9 (commit 8), published <PUBLICATION>
    no longer held: bad 9
    undo with: repo-cli undo preprod
    ");
    assert_eq!(environment.run(&["holds", "preprod"]).succeeds().stdout, "");
}

#[test]
fn what_would_empty_a_suite_is_asked_for_and_nothing_to_undo_is_said() {
    let environment = store();
    insta::assert_snapshot!(undo(&environment, &["prod"]), @"
    status: 1
    ---- stderr
    error: nothing to undo in prod: no earlier state is kept
    ");
    environment.add("prod", &["hello=1.0"]);
    insta::assert_snapshot!(undo(&environment, &["prod"]), @"
    status: 1
    ---- stderr
    error: would remove 1 of 1 package file from bookworm (prod)
    hint: use --yes if that is intended
    ");
    insta::assert_snapshot!(undo(&environment, &["prod", "--yes"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    1.0      all           bookworm  remove
    undid 1 of prod: add hello 1.0 all (commit 2), published <PUBLICATION>
    held from now on: hello 1.0 all
    undo with: repo-cli undo prod
    machines (bookworm) that already installed hello 1.0 keep it
    ");
}
