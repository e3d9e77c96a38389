//! What comes in is read once.

use crate::store;

#[test]
fn a_package_is_read_once_and_what_was_written_is_not_read_back() {
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    let environment = store();
    let files = [environment.package("hello", "1.0", "all"), environment.package("world", "1.0", "all")];
    let log = environment.path("strace.log");
    let wrapper = ["strace", "-f", "-qq", "-y", "-o", log.as_str(), "-e", "trace=openat,read,pread64", "--"];
    let add = ["add", "preprod", files[0].as_str(), files[1].as_str(), "--no-publish"];
    if environment.finish(environment.wrapped(&wrapper).args(add)).status != Some(0) {
        testkit::skipped("strace cannot trace here");
        return;
    }
    let log = std::fs::read_to_string(log).unwrap();
    let calls = |name: &str, path: &str| {
        log.lines().filter(|line| line.contains(&format!(" {name}(")) && line.contains(path)).count()
    };
    for file in &files {
        assert_eq!(calls("openat", file.as_str()), 1, "{log}");
        assert!(calls("read", file.as_str()) > 0, "{log}");
    }
    for written in ["store/tmp/", "store/blobs/"] {
        assert!(calls("openat", written) > 0, "{log}");
        assert_eq!(calls("read", written) + calls("pread64", written), 0, "{log}");
    }
}
