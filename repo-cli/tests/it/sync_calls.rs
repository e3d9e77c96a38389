//! How often the disk is waited for: counted, not timed.

use crate::store;

#[test]
fn an_addition_and_its_publication_wait_for_the_disk_a_few_times() {
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    let environment = store();
    let first = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "preprod", first.as_str()]).succeeds();
    let second = environment.package("hello", "2.0", "all");
    let log = environment.path("strace.log");
    let wrapper = ["strace", "-f", "-qq", "-o", log.as_str(), "-e", "trace=fsync,fdatasync,syncfs", "--"];
    if environment.finish(environment.wrapped(&wrapper).args(["add", "preprod", second.as_str()])).status
        != Some(0)
    {
        testkit::skipped("strace cannot trace here");
        return;
    }
    let log = std::fs::read_to_string(log).unwrap();
    let count = |name: &str| log.lines().filter(|line| line.contains(&format!("{name}("))).count();
    let syncs = count("fsync") + count("fdatasync") + count("syncfs");
    assert!((3..=MOST).contains(&syncs), "{syncs} calls:\n{log}");
}

/// The objects and their names, the reference and its directory, two lines of the log, the index in two forms, the publication and its record
/// with their names, and the link that shows it.
const MOST: usize = 16;
