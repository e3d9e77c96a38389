//! Processes that read packages: what they are kept from, and that they find out what a process finds out that is kept from nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{self, Read};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

use deb_parse::checksum::HashKinds;
use deb_parse::deb::{self, Compression, Data, Options, tarball};
use deb_parse::{LimitKind, Limits};
use deb_sandbox::{Fault, Program, ReadError, Readers, memory};
use rustix::process::{Pid, Signal, kill_process};
use testkit::package::{archive, builder, tar, tar_member};

const CONFINED: &str = env!("CARGO_BIN_EXE_confined");
const PATIENCE: Duration = Duration::from_secs(60);

fn readers() -> Readers {
    readers_with(memory(&Limits::default()))
}

fn readers_with(memory: u64) -> Readers {
    Readers::new(Program::new(CONFINED, ["--read-packages"]), memory, PATIENCE)
}

/// What a confined process says of trying things, a line for each.
fn tried(attempts: &[(&str, &str)]) -> Vec<String> {
    let arguments = attempts.iter().flat_map(|(what, target)| [*what, *target]);
    let output = Command::new(CONFINED).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_process_that_reads_packages_reaches_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("store"), "x").unwrap();
    let (store, new, local) = (at("store"), at("new"), at("socket"));
    let _local = UnixListener::bind(&local).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let attempts = [
        ("read", "/etc/shadow"),
        ("read", "/etc/passwd"),
        ("read", "/proc/self/environ"),
        ("read", CONFINED),
        ("read", &store),
        ("write", &store),
        ("write", &new),
        ("remove", &store),
        ("list", "/"),
        ("run", "/bin/true"),
        ("connect", &address),
        ("connect-local", &local),
        ("listen", "127.0.0.1:0"),
        ("send", &address),
    ];
    // Without a confinement all of this can be done, as far as the user may.
    assert!(std::fs::read("/etc/passwd").is_ok() && Command::new("/bin/true").status().is_ok());
    let said = tried(&attempts);
    if said[0] != "by Landlock and seccomp" {
        testkit::skipped(&format!("this system confines processes {}", said[0]));
        return;
    }
    assert_eq!(said.len(), attempts.len() + 1, "{said:?}");
    for line in &said[1..] {
        assert!(line.ends_with(": permission denied"), "{line}");
    }
    assert_eq!(std::fs::read(&store).unwrap(), b"x");
    assert!(!std::fs::exists(&new).unwrap());
}

#[test]
fn a_process_that_reads_packages_has_a_bound_on_memory() {
    let said = tried(&[("memory", "1000000"), ("memory", "2000000000")]);
    assert_eq!(said[1..], ["memory 1000000: done", "memory 2000000000: out of memory"]);
}

/// Packages of many kinds: sound ones, and some that are refused.
fn packages() -> Vec<(&'static str, Vec<u8>)> {
    let changelog = "hello (1.0) sid; urgency=low\n\n  * New.\n\n -- A <a@example.org>  Sat, 01 Jan 2022 10:00:00 +0000\n";
    let full = || {
        builder("hello", "1.0", "amd64")
            .file("etc/hello.conf", "x=1\n", 0o644)
            .conffile("etc/hello.conf")
            .file("usr/share/doc/hello/changelog", changelog, 0o644)
            .symlink("usr/bin/hi", "hello")
            .maintainer_script("postinst", "#!/bin/sh\n")
    };
    let noise: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let kinds = [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd];
    let mut packages: Vec<(&str, Vec<u8>)> =
        kinds.into_iter().map(|kind| ("sound", full().compression(kind).build().unwrap())).collect();
    packages.push(("large", full().file("usr/lib/hello/noise", noise, 0o644).build().unwrap()));
    let sound = packages[1].1.clone();
    packages.push(("cut", sound[..sound.len() - 9].to_vec()));
    packages.push(("none", b"no package".to_vec()));
    packages.push(("empty", Vec::new()));
    packages.push(("with more behind it", [&sound[..], b"more"].concat()));
    packages.push((
        "not unpackable",
        builder("hello", "1.0", "amd64").file("opt/x/y", "", 0o644).build().unwrap(),
    ));
    packages
}

#[test]
fn what_is_found_out_and_refused_does_not_depend_on_who_reads() {
    let readers = readers();
    for (name, bytes) in packages() {
        for data in [Data::List, Data::Skip] {
            let hashes = HashKinds { md5: true, sha1: true, sha512: true };
            let changelog = Some(1000);
            let options =
                Options { data, hashes, changelog, control_contents: Some(100), ..Options::default() };
            match (readers.read_package(&mut &bytes[..], &options), deb::read(&bytes[..], &options)) {
                (Ok(there), Ok(here)) => assert_eq!(format!("{there:?}"), format!("{here:?}"), "{name}"),
                (Err(ReadError::Refused(there)), Err(here)) => {
                    assert_eq!(there.to_string(), here.to_string());
                }
                (there, here) => panic!("{name}: {there:?} is not {here:?}"),
            }
        }
    }
    let files = tar(["a/b", "a/c"].into_iter().flat_map(|name| tar_member(name, b"x")).collect());
    for bytes in [&files[..], b"no tarball"] {
        let (size, set, limits) = (bytes.len() as u64, HashKinds::default(), Limits::default());
        let there = readers.read_tarball(&mut &bytes[..], size, set, &limits).unwrap();
        let here = tarball::read(bytes, size, set, &limits).unwrap();
        assert_eq!(format!("{there:?}"), format!("{here:?}"));
    }
}

#[test]
fn a_limit_that_is_passed_is_told_as_such() {
    let options = Options { limits: Limits::default().with_members(2), ..Options::default() };
    let bytes = builder("hello", "1.0", "amd64").build().unwrap();
    let refused = readers().read_package(&mut &bytes[..], &options);
    let Err(ReadError::Refused(deb_parse::Error::Limit { what, limit })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((what, limit), (LimitKind::Members, 2));
}

#[test]
fn a_large_file_is_refused_at_its_start_and_the_same_process_reads_the_next() {
    if !is_alone("a_large_file_is_refused_at_its_start_and_the_same_process_reads_the_next") {
        return;
    }
    let readers = readers();
    let sound = builder("hello", "1.0", "amd64").build().unwrap();
    readers.read_package(&mut &sound[..], &Options::default()).unwrap();
    let before = children();
    let mut read = 0;
    let mut file = Counted { input: io::repeat(b'x').take(1 << 30), read: &mut read };
    assert!(matches!(readers.read_package(&mut file, &Options::default()), Err(ReadError::Refused(_))));
    assert!(read < 4 << 20, "{read} bytes were read of what does not begin as a package");
    readers.read_package(&mut &sound[..], &Options::default()).unwrap();
    assert!(before.iter().all(|child| children().contains(child)));
}

struct Counted<'a, R> {
    input: R,
    read: &'a mut u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        *self.read += length as u64;
        Ok(length)
    }
}

/// The processes that tests of this program have started, in whichever thread.
fn children() -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_task = |task: io::Result<std::fs::DirEntry>| {
        let children = std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
        children.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>()
    };
    tasks.flat_map(of_task).collect()
}

/// Kills the processes that were not there before, when a part of the file was read.
struct Killing {
    input: io::Cursor<Vec<u8>>,
    before: Vec<i32>,
}

impl Read for Killing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.position() > 1 << 20 {
            for child in children().into_iter().filter(|child| !self.before.contains(child)) {
                kill_process(Pid::from_raw(child).unwrap(), Signal::KILL)?;
            }
        }
        self.input.read(buffer)
    }
}

/// Returns whether the test of that name runs in a process where nobody else starts processes. Otherwise it has been run in one.
fn is_alone(name: &str) -> bool {
    const ALONE: &str = "TESTKIT_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut alone = Command::new(std::env::current_exe().unwrap());
    assert!(alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").status().unwrap().success());
    false
}

#[test]
fn a_process_that_is_killed_in_the_middle_costs_one_package() {
    if !is_alone("a_process_that_is_killed_in_the_middle_costs_one_package") {
        return;
    }
    let readers = readers();
    let noise: Vec<u8> = (0..4_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let large = builder("large", "1.0", "amd64").file("usr/lib/large/noise", noise, 0o644);
    let large = large.compression(Compression::None).build().unwrap();
    let before = children();
    let mut killing = Killing { input: io::Cursor::new(large.clone()), before };
    match readers.read_package(&mut killing, &Options::default()) {
        Err(ReadError::Fault(fault @ Fault::Ended(_))) => {
            let said = "the process that reads packages ended while it read this one (signal: 9 (SIGKILL))";
            assert_eq!(fault.to_string(), said);
        }
        read => panic!("{read:?}"),
    }
    readers.read_package(&mut &large[..], &Options::default()).unwrap();
    drop(readers);
    assert_eq!(children(), Vec::<i32>::new(), "processes are left");
}

/// `systemctl stop` asks every process of a service to end, and Ctrl-C every one of a terminal.
#[test]
fn what_asks_the_program_to_end_does_not_end_the_reading_of_a_package() {
    if !is_alone("what_asks_the_program_to_end_does_not_end_the_reading_of_a_package") {
        return;
    }
    let readers = readers();
    let sound = builder("hello", "1.0", "amd64").build().unwrap();
    readers.read_package(&mut &sound[..], &Options::default()).unwrap();
    let before = children();
    assert!(!before.is_empty());
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        before.iter().for_each(|child| kill_process(Pid::from_raw(*child).unwrap(), signal).unwrap());
        readers.read_package(&mut &sound[..], &Options::default()).unwrap();
    }
    assert_eq!(children(), before);
}

#[test]
fn a_package_that_takes_too_much_memory_costs_no_other() {
    // What is far within the limits, for a process that may take less than these allow.
    let readers = readers_with(30 << 20);
    let entries: Vec<u8> =
        (0..150_000).flat_map(|n| tar_member(&format!("a{n:06}/{}", "x".repeat(80)), b"")).collect();
    let control = tar(tar_member("./control", b"Package: many\nVersion: 1\nArchitecture: all\n"));
    let many =
        archive(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", &tar(entries))]);
    assert!(deb::read(&many[..], &Options::default()).is_ok());
    let read = readers.read_package(&mut &many[..], &Options::default());
    assert!(matches!(read, Err(ReadError::Fault(Fault::Ended(_)))), "{:?}", read.map(|package| package.size));
    let sound = builder("hello", "1.0", "amd64").build().unwrap();
    readers.read_package(&mut &sound[..], &Options::default()).unwrap();
}

#[test]
fn an_input_that_fails_says_so_and_costs_no_other() {
    struct Failing(u64);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let left = self.0.min(buffer.len() as u64);
            self.0 -= left;
            if left == 0 { Err(io::Error::other("the disk is gone")) } else { Ok(left as usize) }
        }
    }
    let readers = readers();
    for length in [0, 1, 1 << 20] {
        let read = readers.read_package(&mut Failing(length), &Options::default());
        match (length, read) {
            // What does not begin as a package may be refused before.
            (_, Err(ReadError::Refused(deb_parse::Error::Io(error)))) => {
                assert_eq!(error.to_string(), "the disk is gone");
            }
            (1_048_576, Err(ReadError::Refused(_))) => {}
            (_, read) => panic!("{read:?}"),
        }
    }
    let sound = builder("hello", "1.0", "amd64").build().unwrap();
    readers.read_package(&mut &sound[..], &Options::default()).unwrap();
}

#[test]
fn many_threads_read_at_once() {
    let readers = readers();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let readers = &readers;
            scope.spawn(move || {
                for number in 0..20 {
                    let name = format!("p{thread}x{number}");
                    let bytes = builder(&name, "1.0", "amd64").build().unwrap();
                    let package = readers.read_package(&mut &bytes[..], &Options::default()).unwrap();
                    assert_eq!(package.control.package().as_str(), name);
                }
            });
        }
    });
}
