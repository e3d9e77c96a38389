//! What comes in is read once.

use crate::{store, traces};

#[test]
fn a_package_is_read_once_and_what_was_written_is_not_read_back() {
    if !testkit::traces_files(&[]) {
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
    let log = traces::calls(&log);
    let calls = |name: &str, path: &str| {
        log.iter().filter(|line| line.contains(&format!(" {name}(")) && line.contains(path)).count()
    };
    for file in &files {
        assert_eq!(calls("openat", file.as_str()), 1, "{log:#?}");
        assert!(calls("read", file.as_str()) > 0, "{log:#?}");
    }
    for written in ["store/tmp/", "store/blobs/"] {
        assert!(calls("openat", written) > 0, "{log:#?}");
        assert_eq!(calls("read", written) + calls("pread64", written), 0, "{log:#?}");
    }
}

#[test]
fn nothing_is_written_of_files_that_the_store_has() {
    if !testkit::traces_files(&[]) {
        return;
    }
    let environment = store();
    // More than what waits in memory.
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + u8::try_from(state >> 26).unwrap())
    };
    let noise: String = (0..3 << 20).map(|_| noise()).collect();
    let large =
        environment.build("large", "1.0", "all", |builder| builder.file("usr/share/noise", noise, 0o644));
    assert!(large.metadata().unwrap().len() > 2 << 20);
    let small = environment.package("small", "1.0", "all");
    let log = environment.path("strace.log");
    let wrapper = ["strace", "-f", "-qq", "-y", "-o", log.as_str(), "-e", "trace=openat,write,ioctl", "--"];
    // The bytes of package files that are written to the directory of files on their way.
    let staged = |repository: &str| {
        let add = ["add", repository, small.as_str(), large.as_str(), "--no-publish"];
        if environment.finish(environment.wrapped(&wrapper).args(add)).status != Some(0) {
            testkit::skipped("strace cannot trace here");
            return None;
        }
        let log = traces::calls(&log);
        // The length that is asked for stands last, before the result.
        let written = |line: &str| {
            let is_copy = line.contains(" write(") && line.contains("/store/tmp/");
            let length = line.rsplit(", ").next()?.split(|c: char| !c.is_ascii_digit()).next()?;
            is_copy.then(|| length.parse::<u64>().unwrap())
        };
        Some(log.iter().filter_map(|line| written(line)).sum::<u64>())
    };
    let Some(first) = staged("preprod") else { return };
    // Where blocks can be shared the large one is cloned.
    assert!(first > 0);
    // Nothing at all where nothing changes, and in another repository only the objects that lead to them.
    assert_eq!(staged("preprod"), Some(0));
    let second = staged("prod").unwrap();
    assert!(second < 4096, "{second} bytes written");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn the_record_of_what_clients_see_is_read_once_for_a_change() {
    if !testkit::traces_files(&[]) {
        return;
    }
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    environment.add("prod", &["hello=0.9"]);
    let log = environment.path("strace.log");
    let package = environment.package("world", "1.0", "all");
    for (repository, arguments) in [
        ("preprod", &["add", "preprod", package.as_str()][..]),
        ("preprod", &["remove", "preprod", "world"]),
        ("prod", &["promote", "hello", "--from", "preprod", "--to", "prod"]),
    ] {
        let shown = environment.public(repository).join("dists").read_link_utf8().unwrap();
        let record = format!("publications/{repository}/{}", shown.parent().unwrap().file_name().unwrap());
        let wrapper = ["strace", "-f", "-qq", "-y", "-o", log.as_str(), "-e", "trace=openat,openat2", "--"];
        if environment.finish(environment.wrapped(&wrapper).args(arguments)).status != Some(0) {
            testkit::skipped("strace cannot trace here");
            return;
        }
        let log = traces::calls(&log);
        let opened = log.iter().filter(|line| line.contains(&record)).count();
        assert_eq!(opened, 1, "{arguments:?}: {log:#?}");
    }
}

#[test]
fn what_a_promotion_replaces_is_not_looked_up_for_each_package() {
    const PACKAGES: usize = 150;
    if !testkit::traces_files(&[]) {
        return;
    }
    let environment = store();
    for (repository, version) in [("prod", "1.0"), ("preprod", "2.0")] {
        let directory = environment.path("files");
        for number in 0..PACKAGES {
            let _ = environment.package(&format!("package-{number:03}"), version, "all");
        }
        let _ = environment.run(&["add", repository, "--no-publish", directory.as_str()]).succeeds();
        std::fs::remove_dir_all(&directory).unwrap();
        std::fs::create_dir(directory).unwrap();
    }
    let log = environment.path("strace.log");
    let wrapper = ["strace", "-f", "-qq", "-y", "-o", log.as_str(), "-e", "trace=openat,openat2", "--"];
    let promote = ["promote", "--all", "--from", "preprod", "--to", "prod", "--dry-run"];
    let output = environment.finish(environment.wrapped(&wrapper).args(promote));
    if output.status != Some(0) {
        testkit::skipped("strace cannot trace here");
        return;
    }
    assert!(output.stdout.contains("1.0 -> 2.0"), "{output}");
    let log = traces::calls(&log);
    let opened = log.iter().filter(|line| line.contains("store/objects")).count();
    assert!((1..PACKAGES).contains(&opened), "{opened} objects opened for {PACKAGES} packages");
}
