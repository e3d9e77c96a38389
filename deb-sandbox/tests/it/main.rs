//! What a process may answer that somebody else has taken over: a shell stands in for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Read as _;
use std::time::{Duration, Instant};

use deb_parse::checksum::Sha256;
use deb_parse::deb::transfer::Question;
use deb_parse::deb::{Builder, Options};
use deb_parse::{Architecture, PackageName, Version};
use deb_sandbox::{Fault, Program, ReadError, Readers};

const PATIENT: Duration = Duration::from_secs(60);

/// Takes in what is sent, to its end.
const TAKE_ALL: &str = "exec /bin/cat >/dev/null";

/// Memory enough for a shell.
const MEMORY: u64 = 1 << 30;

fn package() -> Vec<u8> {
    let (name, version) = (PackageName::parse("hello").unwrap(), Version::parse("1.0").unwrap());
    Builder::new(name, version, Architecture::all()).build().unwrap()
}

/// Reads a package by a process that only does what a shell script says.
fn read_by(script: &str, patience: Duration) -> ReadError {
    let readers = Readers::new(Program::new("/bin/sh", ["-c", script]), MEMORY, patience);
    let read = readers.read_package(&mut &package()[..], &Options::default());
    read.map(|package| package.size).expect_err("no package was read")
}

/// What a process that does as it should answers about the package.
fn answer() -> String {
    let mut answer = Vec::new();
    Question::Package(Options::default()).answer(&package()[..], &mut answer).unwrap();
    octal(&answer)
}

/// Bytes as `printf` of a shell takes them.
fn octal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:03o}")).collect()
}

#[test]
fn a_process_that_ends_is_told_of_with_how_it_ended() {
    let said = |script: &str| read_by(script, PATIENT).to_string();
    let ended = "the process that reads packages ended while it read this one";
    assert_eq!(said(r"printf '\1\1'; kill -9 $$"), format!("{ended} (signal: 9 (SIGKILL))"));
    assert_eq!(said(r"printf '\1\1'; exit 1"), format!("{ended} (exit status: 1)"));
    assert_eq!(said(r"printf '\1\1af'; exit 1"), format!("{ended} (exit status: 1)"));
}

#[test]
fn a_process_that_ends_before_it_is_confined_says_nothing_of_the_package() {
    for (script, ended) in [("exit 3", "exit status: 3"), ("kill -9 $$", "signal: 9 (SIGKILL)")] {
        let ReadError::Fault(Fault::NotStarted(error)) = read_by(script, PATIENT) else {
            panic!("{script}");
        };
        assert_eq!(error.to_string(), format!("it ended before it was confined ({ended})"));
    }
}

#[test]
fn a_process_that_does_nothing_is_not_waited_for() {
    let begun = Instant::now();
    for script in ["exec /bin/sleep 600", r"printf '\1\1a'; exec /bin/sleep 600"] {
        let error = read_by(script, Duration::from_millis(500));
        assert!(matches!(error, ReadError::Fault(Fault::TooSlow(_))), "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(300));
}

#[test]
fn an_answer_byte_by_byte_takes_no_longer_than_a_whole_one_may() {
    let script = r"printf '\1\1af'; while :; do printf '\0'; /bin/sleep 0.1; done";
    let error = read_by(script, Duration::from_secs(1));
    let is_told = matches!(error, ReadError::Fault(Fault::TooSlow(_) | Fault::WrongAnswer(_)));
    assert!(is_told, "{error}");
    // A name as long as it may be, which never comes to its end.
    let script = r"printf '\1\1af\377\0\0\0\0\0\0\0'; while :; do printf 'x'; /bin/sleep 0.1; done";
    let error = read_by(script, Duration::from_secs(1));
    assert!(matches!(error, ReadError::Fault(Fault::TooSlow(_))), "{error}");
}

#[test]
fn an_answer_that_no_package_has_is_refused() {
    let answer = answer();
    for (script, what) in [
        ("printf 'zz'".to_owned(), "it does not begin as it should"),
        (r"printf '\1\1z'".to_owned(), "it does not begin as an answer does"),
        (r"printf '\1\1az'".to_owned(), "it is neither what was found nor an error"),
        (r"printf '\1\1af\377\377\377\377\377\377\377\377'".to_owned(), "something is longer than it can be"),
        (
            r"printf '\1\1af\377\377\377\377\377\377\377\377'; /bin/cat /dev/zero".to_owned(),
            "something is longer than it can be",
        ),
        (r"printf '\1\1ammm'".to_owned(), "it is neither what was found nor an error"),
        (r"printf '\1\1mm'".to_owned(), "it asks for more of the file than there is"),
        (format!(r"printf '\1\1a{answer}x'"), "it goes on behind its end"),
        (r"printf '\1\1ar\0\3\0\0\0\0\0\0\0\033[m'".to_owned(), "an error cannot be printed"),
    ] {
        match read_by(&format!("{script}; {TAKE_ALL}"), PATIENT) {
            ReadError::Fault(Fault::WrongAnswer(said)) => assert_eq!(said, what, "{script}"),
            error => panic!("{script}: {error}"),
        }
    }
}

#[test]
fn an_answer_that_is_whole_is_taken_and_has_the_checksums_of_what_was_sent() {
    let script = format!("printf '\\1\\1a{}'; {TAKE_ALL}", answer());
    let readers = Readers::new(Program::new("/bin/sh", ["-c", &script]), MEMORY, PATIENT);
    let other = [&package()[..], b"and what belongs to no package"].concat();
    let read = readers.read_package(&mut &other[..], &Options::default()).unwrap();
    assert_eq!(read.sha256, Sha256::of(&other));
}

#[test]
fn an_answer_about_a_part_of_a_file_is_refused() {
    let script = format!("printf '\\1\\1a{}'; {TAKE_ALL}", answer());
    let readers = Readers::new(Program::new("/bin/sh", ["-c", &script]), MEMORY, PATIENT);
    let read = readers.read_package(&mut std::io::repeat(0).take(64 << 20), &Options::default());
    match read.map(|package| package.size) {
        Err(ReadError::Fault(Fault::WrongAnswer(said))) => assert_eq!(said, "it is about a part of the file"),
        read => panic!("{read:?}"),
    }
}

#[test]
fn a_program_that_is_not_there_says_nothing_of_the_package() {
    let readers = Readers::new(Program::new("/nowhere/reader", ["x"]), MEMORY, PATIENT);
    let error = readers.read_package(&mut &package()[..], &Options::default());
    assert!(matches!(error, Err(ReadError::Fault(Fault::NotStarted(_)))));
}

#[test]
fn a_process_has_nothing_of_the_environment() {
    let script = r#"case "$HOME$CARGO_MANIFEST_DIR" in "") exit 3;; *) exit 4;; esac"#;
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let ReadError::Fault(Fault::NotStarted(error)) = read_by(script, PATIENT) else { panic!() };
    assert!(error.to_string().ends_with("(exit status: 3)"), "{error}");
}
