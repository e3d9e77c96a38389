//! `release`: one repository gets the content of another, and a third what it had; `undo` takes back both.

use testkit::{Environment, Output, Tree};

use crate::published::Published;
use crate::{killed_at, store};

/// A store in which preprod has hello 2.0, prod has hello 1.0, and oldprod nothing.
fn world() -> Environment {
    let environment = store();
    let _ = environment.run(&["repository", "add", "oldprod"]).succeeds();
    environment.add("preprod", &["hello=1.0", "tool=1.0"]);
    let promote = ["promote", "--all", "--from", "preprod", "--to", "prod"];
    let _ = environment.run(&promote).succeeds();
    environment.add("preprod", &["hello=2.0"]);
    let _ = environment.run(&["remove", "preprod", "hello=1.0"]).succeeds();
    environment
}

fn release(environment: &Environment, arguments: &[&str]) -> Output {
    environment.run(&[&["release", "prod", "--from", "preprod"], arguments].concat())
}

fn versions(environment: &Environment, repository: &str) -> Vec<String> {
    let published = Published::of(environment, repository).read().unwrap();
    published["bookworm"].clone().into_iter().collect()
}

#[test]
fn a_release_moves_the_old_content_on_and_is_undone_as_a_whole() {
    let environment = world();
    insta::assert_snapshot!(release(&environment, &["--tag", "v2026.11", "--dry-run"]), @"
    status: 0
    ---- stdout
    oldprod:
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    1.0      all           bookworm  add
    tool     1.0      all           bookworm  add
    prod:
    PACKAGE  VERSION     ARCHITECTURE  SUITES    ACTION
    hello    1.0 -> 2.0  all           bookworm  replace
    would release prod to oldprod: 2 package files added, 0 removed
    would release preprod to prod: 1 package file added, 1 removed
    ");
    insta::assert_snapshot!(release(&environment, &["--tag", "v2026.11"]), @"
    status: 0
    ---- stdout
    oldprod:
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    1.0      all           bookworm  add
    tool     1.0      all           bookworm  add
    prod:
    PACKAGE  VERSION     ARCHITECTURE  SUITES    ACTION
    hello    1.0 -> 2.0  all           bookworm  replace
    released prod to oldprod: 2 package files added, 0 removed (commit 1), published <PUBLICATION>
    released preprod to prod: 1 package file added, 1 removed (commit 2), published <PUBLICATION>
    tagged state 2 of prod as v2026.11
    undo with: repo-cli undo prod --yes
    ");
    assert_eq!(versions(&environment, "prod"), versions(&environment, "preprod"));
    insta::assert_snapshot!(environment.run(&["list", "oldprod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES
    hello    1.0      all           bookworm
    tool     1.0      all           bookworm
    ");
    insta::assert_snapshot!(environment.run(&["tag", "prod"]), @"
    status: 0
    ---- stdout
    TAG       NUMBER  COMMIT        TIME                  OPERATION
    v2026.11  2       <ID>  <DAY> <MINUTE> UTC  release from preprod: hello 2.0 all
    ");
}

#[test]
fn an_undo_takes_back_the_release_of_both_and_not_of_one() {
    let environment = world();
    let _ = release(&environment, &["--tag", "v2026.11"]).succeeds();
    insta::assert_snapshot!(release(&environment, &["--tag", "v2026.11"]), @"
    status: 0
    ---- stdout
    nothing to release: prod already has what preprod has
    tagged state 2 of prod as v2026.11
    ");
    insta::assert_snapshot!(environment.run(&["undo", "prod", "--yes"]), @"
    status: 0
    ---- stdout
    prod:
    PACKAGE  VERSION     ARCHITECTURE  SUITES    ACTION
    hello    2.0 -> 1.0  all           bookworm  replace
    oldprod:
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    1.0      all           bookworm  remove
    tool     1.0      all           bookworm  remove
    undid 2 of prod: release from preprod: hello 2.0 all (commit 3), published <PUBLICATION>
    held from now on: hello 2.0 all
    undid 1 of oldprod: release from prod: hello 1.0 all, tool 1.0 all (commit 2), published <PUBLICATION>
    held from now on: hello 1.0 all, tool 1.0 all
    undo with: repo-cli undo prod
    machines (bookworm) that already upgraded keep hello 2.0; to bring one back: repo-cli client-config prod --pin hello=1.0
    to bring all of them back with their next upgrade: repo-cli reissue prod hello=2.0 --as 1.0
    machines (bookworm) that already installed hello 1.0 keep it
    machines (bookworm) that already installed tool 1.0 keep it
    ");
    insta::assert_snapshot!(environment.run(&["list", "prod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES
    hello    1.0      all           bookworm
    tool     1.0      all           bookworm
    ");
    insta::assert_snapshot!(environment.run(&["list", "oldprod"]), @"
    status: 0
    ---- stderr
    no packages in oldprod
    ");
    insta::assert_snapshot!(release(&environment, &["--tag", "v2026.11"]), @"
    status: 1
    ---- stderr
    error: prod has a tag `v2026.11` for another state
    hint: choose another name, or first run repo-cli tag prod v2026.11 --delete
    ");
    insta::assert_snapshot!(release(&environment, &["--tag", "v2026.12"]), @"
    status: 0
    ---- stdout
    oldprod:
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    1.0      all           bookworm  add
    tool     1.0      all           bookworm  add
    prod:
    PACKAGE  VERSION     ARCHITECTURE  SUITES    ACTION
    hello    1.0 -> 2.0  all           bookworm  replace
    released prod to oldprod: 2 package files added, 0 removed (commit 3), published <PUBLICATION>
    released preprod to prod: 1 package file added, 1 removed (commit 4), published <PUBLICATION>
    tagged state 4 of prod as v2026.12
    undo with: repo-cli undo prod --yes
    ");
    environment.add("oldprod", &["other=1.0"]);
    insta::assert_snapshot!(environment.run(&["undo", "prod"]), @"
    status: 1
    ---- stderr
    error: the last change of prod was made together with one of oldprod, which has changed since
    hint: run repo-cli history prod, then repo-cli rollback prod --to NUMBER for this repository alone
    ");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn what_the_undo_of_a_release_takes_out_comes_back_by_no_promotion_and_no_drop_folder() {
    let environment = world();
    let _ = release(&environment, &[]).succeeds();
    let _ = environment.run(&["undo", "prod", "--yes"]).succeeds();
    insta::assert_snapshot!(environment.run(&["holds", "prod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    SINCE                 BECAUSE
    hello    2.0      every         bookworm  <DAY> <MINUTE> UTC  undo 2 (<ID>) (tester)
    ");
    insta::assert_snapshot!(environment.run(&["holds", "oldprod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    SINCE                 BECAUSE
    hello    1.0      every         bookworm  <DAY> <MINUTE> UTC  undo 1 (<ID>) (tester)
    tool     1.0      every         bookworm  <DAY> <MINUTE> UTC  undo 1 (<ID>) (tester)
    ");
    insta::assert_snapshot!(environment.run(&["promote", "--all", "--from", "preprod", "--to", "prod"]), @"
    status: 0
    ---- stdout
    nothing promoted (take held versions with --despite-hold)
    ---- stderr
    skipped hello 2.0 (held since <DAY> <MINUTE> UTC: undo 2 (<ID>): release from preprod: hello 2.0 all)
    ");
    std::fs::create_dir(environment.root().join("incoming")).unwrap();
    let file = environment.package("hello", "2.0", "all");
    std::fs::copy(&file, environment.root().join("incoming/hello.deb")).unwrap();
    insta::assert_snapshot!(environment.run(&["incoming", "prod", "store/incoming", "--once"]), @"
    status: 1
    ---- stderr
    error: store/incoming/hello.deb: hello 2.0 all is held out of prod since <DAY> <MINUTE> UTC (tester: undo 2 (<ID>): release from preprod: hello 2.0 all)
    hint: to accept it anyway, run repo-cli add prod --despite-hold store/incoming/rejected/hello.deb
    1 of 1 file refused
    ");
    insta::assert_snapshot!(environment.run(&["release", "prod", "--from", "preprod"]), @"
    status: 0
    ---- stdout
    oldprod:
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    1.0      all           bookworm  add
    tool     1.0      all           bookworm  add
    prod:
    PACKAGE  VERSION     ARCHITECTURE  SUITES    ACTION
    hello    1.0 -> 2.0  all           bookworm  replace
    released prod to oldprod: 2 package files added, 0 removed (commit 3), published <PUBLICATION>
    released preprod to prod: 1 package file added, 1 removed (commit 4), published <PUBLICATION>
    undo with: repo-cli undo prod --yes
    ");
    insta::assert_snapshot!(environment.run(&["holds", "prod"]), @"
    status: 0
    ---- stderr
    no held versions in prod
    ");
}

/// A store in which a release died when it had replaced the first of two references; `None` where no program can be killed like that.
fn half_released() -> Option<Environment> {
    if !testkit::all_installed(&["strace"]) {
        return None;
    }
    for number in 1..50 {
        let environment = world();
        let mut command = killed_at(&environment, "?rename,?renameat,?renameat2", number);
        let release = ["release", "prod", "--from", "preprod", "--no-publish"];
        let output = environment.finish(command.args(release));
        if output.status.is_some_and(|status| status != 0) {
            testkit::skipped("strace cannot trace here");
            return None;
        }
        assert_eq!(output.status, None, "no moment lies between the two references");
        let is_there = |path: &str| environment.root().join(path).exists();
        if is_there("store/intents") && is_there("store/refs/oldprod") {
            return Some(environment);
        }
    }
    panic!("a release has fewer steps")
}

#[test]
fn a_dry_run_does_not_complete_a_release_that_was_killed_and_the_command_does() {
    let Some(environment) = half_released() else { return };
    let before = Tree::of(&environment.root());
    insta::assert_snapshot!(release(&environment, &["--dry-run"]), @"
    status: 1
    ---- stderr
    error: a change of prod together with other repositories was begun and is not complete
    hint: run repo-cli publish, which completes it, or the same command without --dry-run
    ");
    insta::assert_snapshot!(environment.run(&["undo", "oldprod", "--dry-run"]), @"
    status: 1
    ---- stderr
    error: a change of oldprod together with other repositories was begun and is not complete
    hint: run repo-cli publish, which completes it, or the same command without --dry-run
    ");
    let file = environment.package("new", "1.0", "all");
    for arguments in [
        &["add", "prod", file.as_str()][..],
        &["promote", "hello", "--from", "preprod", "--to", "prod"],
        &["remove", "prod", "hello", "--yes"],
        &["hold", "prod", "hello=9"],
        &["rollback", "prod", "--to", "0", "--yes"],
        &["publish", "prod"],
    ] {
        let _ = environment.run(&[arguments, &["--dry-run"]].concat()).succeeds();
    }
    before.is_still(&Tree::of(&environment.root()), "dry runs");
    insta::assert_snapshot!(release(&environment, &[]), @"
    status: 0
    ---- stdout
    nothing to release: prod already has what preprod has
    published prod <PUBLICATION>: bookworm
    ");
    assert_eq!(versions(&environment, "prod"), versions(&environment, "preprod"));
    let _ = environment.run(&["fsck"]).succeeds();

    let Some(environment) = half_released() else { return };
    insta::assert_snapshot!(environment.run(&["undo", "oldprod"]), @"
    status: 1
    ---- stderr
    error: oldprod has changed since this was planned
    ");
    let _ = environment.run(&["undo", "oldprod", "--yes"]).succeeds();
    insta::assert_snapshot!(environment.run(&["list", "prod", "hello"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES
    hello    1.0      all           bookworm
    ");
}

#[test]
fn a_release_needs_different_repositories() {
    let environment = world();
    insta::assert_snapshot!(environment.run(&["release", "prod", "--from", "oldprod"]), @"
    status: 2
    ---- stderr
    error: a release needs different repositories
    ");
}

#[test]
fn the_base_of_an_undo_is_the_state_of_every_repository_that_it_changes() {
    let environment = world();
    let _ = release(&environment, &["--tag", "v2026.11"]).succeeds();
    let plan = || -> serde_json::Value {
        serde_json::from_str(&environment.json(&["undo", "prod", "--yes", "--dry-run"])).unwrap()
    };
    let planned = plan();
    let base = planned["base"].as_str().unwrap();
    let (own, other) = base.split_once('+').unwrap();
    assert_eq!(
        (planned["undone"]["commit"].as_str(), planned["together"][0]["undone"]["commit"].as_str()),
        (Some(own), Some(other))
    );
    let refused = environment.run(&["undo", "prod", "--yes", "--base", own]).ends_with(1);
    assert!(refused.stderr.contains("changed"), "{refused}");
    assert_eq!(plan(), planned);
    let refused = environment.run(&["undo", "prod", "--yes", "--alone"]).ends_with(1);
    insta::assert_snapshot!(refused, @"
    status: 1
    ---- stderr
    error: the last change of prod was made together with that of another repository
    hint: run repo-cli undo prod where the store is, or go back to an earlier state with rollback
    ");
    assert_eq!(plan(), planned);
    let _ = environment.run(&["undo", "prod", "--yes", "--base", base]).succeeds();
}

#[test]
fn all_rules_that_stop_a_release_stand_in_one_table() {
    let environment = store();
    let gate = "[[gate]]\nto = [\"prod\"]\nforbid_versions = [\"*~dev*\"]\nrequire_fields = [\"Vcs-Git\"]\n";
    crate::configure(&environment, gate);
    environment.add("preprod", &["hello=1.0", "tool=2.0~dev1"]);
    let release = ["release", "prod", "--from", "preprod"];
    let refused = environment.run(&[&release[..], &["--dry-run"]].concat()).ends_with(1);
    insta::assert_snapshot!(refused.stdout, @"
    PACKAGE  VERSION   ARCHITECTURE  RESULT   RULE             REASON
    hello    1.0       all           refused  require_fields   it has no field Vcs-Git
    tool     2.0~dev1  all           refused  forbid_versions  prod takes no version like *~dev*
    tool     2.0~dev1  all           refused  require_fields   it has no field Vcs-Git
    ");
    let refused = environment.run(&release).ends_with(1);
    assert!(refused.stdout.contains("tool     2.0~dev1"), "{refused}");
    let despite = ["--override", "require_fields", "--override", "forbid_versions", "--reason", "the fair"];
    let done = environment.run(&[&release[..], &despite].concat()).succeeds();
    assert_eq!(done.stdout.matches("overridden").count(), 3, "{done}");
}
