//! What a file system can share is not written twice.

use testkit::Environment;

use crate::disk::Disk;
use crate::{PROGRAM, pdiffs};

/// How many runs of blocks of a file are shared with another one, as the file system tells.
fn shared_runs(disk: &Disk<'_>, file: &str) -> usize {
    const SHARED: u32 = 0x2000;
    let map = disk.run(&["xfs_io", "-r", "-c", "fiemap -v", file]).succeeds().stdout;
    let flags =
        map.lines().filter_map(|line| line.split_whitespace().last()?.strip_prefix("0x").map(str::to_owned));
    flags.filter(|flags| u32::from_str_radix(flags, 16).unwrap() & SHARED != 0).count()
}

#[test]
fn an_index_shares_its_beginning_with_the_one_before_on_xfs() {
    if !testkit::all_installed(&["mount", "umount", "truncate", "xfs_io", "mkfs.xfs"]) {
        return;
    }
    let environment = Environment::new(PROGRAM);
    let Some(disk) = Disk::new(&environment, &["mkfs.xfs", "-q", "-m", "reflink=1"]) else { return };
    let init = ["init", "store", "--suite", "bookworm", "--architecture", "amd64"];
    let _ = environment.run(&init).succeeds();
    let many: Vec<String> = (0..70).map(|number| format!("many{number}=1")).collect();
    pdiffs::add(&environment, &many.iter().map(String::as_str).collect::<Vec<_>>());
    let index = "store/public/preprod/dists/bookworm/main/binary-amd64/Packages.xz";
    assert_eq!(shared_runs(&disk, index), 0);

    pdiffs::add(&environment, &["one=1"]);
    assert_eq!(shared_runs(&disk, index), 1);
    let _ = environment.run(&["fsck"]).succeeds();
}
