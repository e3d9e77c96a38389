//! Exit status 0 means durable: what was done is there after the power is cut in the very next moment.
//!
//! The store lies on a file system of its own in a file, and `xfs_io`'s shutdown drops everything that was not synced. That
//! needs root, loop devices and the tools; elsewhere the test says that it was skipped.

use testkit::Environment;

use crate::disk::Disk;
use crate::published::Published;
use crate::{PROGRAM, killed_at};

fn what_is_done_stays_done(format: &[&str]) {
    if !testkit::all_installed(&["mount", "umount", "truncate", "xfs_io", format[0]]) {
        return;
    }
    let environment = Environment::new(PROGRAM);
    let Some(disk) = Disk::new(&environment, format) else { return };
    let init = ["init", "store", "--suite", "bookworm", "--architecture", "amd64"];
    let _ = environment.run(&init).succeeds();
    let old = environment.package("hello", "1.0", "amd64");
    let new = environment.package("hello", "2.0", "amd64");
    let commands: [&[&str]; 6] = [
        &["add", "preprod", old.as_str()],
        &["promote", "hello", "--from", "preprod", "--to", "prod"],
        &["add", "preprod", new.as_str()],
        &["promote", "--all", "--from", "preprod", "--to", "prod"],
        &["rollback", "prod", "--to", "1"],
        &["remove", "preprod", "hello=1.0"],
    ];
    let look = || {
        ["preprod", "prod"].map(|repository| {
            let history = environment.run(&["history", repository, "--json"]).succeeds().stdout;
            let content = Published::of(&environment, repository).read();
            (history, content.unwrap_or_else(|wrong| panic!("{repository}: {wrong}")))
        })
    };
    for command in commands {
        let _ = environment.run(command).succeeds();
        let before = look();
        disk.cut();
        assert_eq!(look(), before, "after {command:?}");
    }
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    // Killed before it made everything durable, then the power goes: the same command again must not build upon files that
    // have their names and lost their content.
    for call in 1..=12 {
        let file = environment.package("late", &format!("1.{call}"), "amd64");
        let mut killed = killed_at(&environment, "fsync,fdatasync,syncfs", call);
        let _ = environment.finish(killed.args(["add", "preprod", file.as_str()]));
        disk.cut();
        let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
        let [(_, content), _] = look();
        assert!(
            content["bookworm"].iter().any(|package| package.contains(&format!("late 1.{call} "))),
            "{call}"
        );
    }
}

#[test]
fn what_is_done_stays_done_on_ext4() {
    what_is_done_stays_done(&["mkfs.ext4", "-q"]);
}

#[test]
fn what_is_done_stays_done_on_xfs() {
    what_is_done_stays_done(&["mkfs.xfs", "-q"]);
}
