//! Laws of the crate `deb-parse` beside other programs that read the same: dpkg, GNU tar and apt. Where one is missing, its law says
//! SKIPPED and holds.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use deb_parse::checksum::HashKinds;
use deb_parse::deb::tarball;
use deb_parse::version::compare;
use deb_parse::{Limits, Version, deb822};

use super::checks::Law;

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[
    ("version_against_dpkg", version_against_dpkg),
    ("tarball_against_tar", tarball_against_tar),
    ("paragraph_against_apt", paragraph_against_apt),
];

/// A program that answers every line, or every block of bytes, with a line.
struct Judge {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Judge {
    /// Starts the first of the programs that answers `hello`.
    fn start(what: &str, programs: &[&str], arguments: &[&str]) -> Option<Mutex<Self>> {
        let judge = programs.iter().find_map(|program| {
            let mut child = Command::new(program)
                .args(arguments)
                .env("LC_ALL", "C")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .ok()?;
            let answers = BufReader::new(child.stdout.take()?);
            let mut judge = Self { child, answers };
            (judge.ask(b"hello\n")? == "hello").then_some(judge)
        });
        if judge.is_none() {
            eprintln!("SKIPPED: {what} is not installed");
        }
        judge.map(Mutex::new)
    }

    fn ask(&mut self, question: &[u8]) -> Option<String> {
        let input = self.child.stdin.as_mut()?;
        input.write_all(question).and_then(|()| input.flush()).ok()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).ok()?;
        answer.ends_with('\n').then(|| answer.trim_end().to_owned())
    }
}

const DPKG: &str = r#"
use strict; use Dpkg::Version; $| = 1; <STDIN>; print "hello\n";
while (my $line = <STDIN>) {
    chomp $line; my ($x, $y) = split /\t/, $line, -1;
    my ($one, $other) = (Dpkg::Version->new($x), Dpkg::Version->new($y));
    print(($one->is_valid() && $other->is_valid()) ? ($one <=> $other) : "invalid", "\n");
}
"#;

/// Versions are in the order in which dpkg has them.
///
/// The input is versions, line by line.
pub fn version_against_dpkg(bytes: &[u8]) {
    static JUDGE: LazyLock<Option<Mutex<Judge>>> =
        LazyLock::new(|| Judge::start("Dpkg::Version", &["perl"], &["-e", DPKG]));
    let Some(judge) = &*JUDGE else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let versions: Vec<&str> = text.lines().filter(|line| Version::parse(line).is_ok()).take(8).collect();
    for pair in versions.windows(2) {
        let answer = judge.lock().unwrap().ask(format!("{}\t{}\n", pair[0], pair[1]).as_bytes()).unwrap();
        assert_eq!((compare(pair[0], pair[1]) as i8).to_string(), answer, "{pair:?}");
    }
}

/// What is read of a plain tar archive is what GNU tar lists.
pub fn tarball_against_tar(bytes: &[u8]) {
    // tar would unpack a compressed one, and a diff is none.
    if bytes.len() < 1024 || bytes.get(257..262) != Some(b"ustar") {
        return;
    }
    let read = tarball::read(bytes, bytes.len() as u64, HashKinds::default(), &Limits::default()).unwrap();
    let Ok(files) = read.files else { return };
    let child = Command::new("tar")
        .args(["-t", "-f", "-", "--quoting-style=literal", "--absolute-names"])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return eprintln!("SKIPPED: tar is not installed") };
    let mut input = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // tar may stop reading.
        scope.spawn(move || input.write_all(bytes));
        child.wait_with_output().unwrap()
    });
    if !output.status.success() || !output.stderr.is_empty() {
        return;
    }
    let plain = |path: &[u8]| {
        let elements = path.split(|byte| *byte == b'/').filter(|element| !matches!(*element, b"" | b"."));
        elements.collect::<Vec<_>>().join(&b'/')
    };
    let mut theirs: Vec<Vec<u8>> = output.stdout.split(|byte| *byte == b'\n').map(plain).collect();
    let mut ours: Vec<Vec<u8>> = files.iter().map(|file| plain(&file.path)).collect();
    for list in [&mut theirs, &mut ours] {
        list.retain(|path| !path.is_empty());
        list.sort();
        list.dedup();
    }
    let shown =
        |list: &[Vec<u8>]| list.iter().map(|path| path.escape_ascii().to_string()).collect::<Vec<_>>();
    assert_eq!(shown(&ours), shown(&theirs));
}

const APT: &str = r#"
import sys, tempfile, apt_pkg
source = sys.stdin.buffer
source.readline(); print("hello", flush=True)
file = tempfile.TemporaryFile()
while True:
    line = source.readline()
    if not line: break
    file.seek(0); file.truncate(); file.write(source.read(int(line))); file.seek(0)
    try:
        # It gives an empty section for blank lines at the start.
        found = [[(key, section[key]) for key in section.keys()] for section in apt_pkg.TagFile(file)]
        found = [section for section in found if section]
        print(repr([len(section) for section in found]) + " " + repr(sorted(key.lower() for section in found for key, _ in section)), flush=True)
    except Exception as error:
        print("refused", flush=True)
"#;

/// Paragraphs of a text that the strict reader takes have the fields that apt reads of them.
pub fn paragraph_against_apt(bytes: &[u8]) {
    static JUDGE: LazyLock<Option<Mutex<Judge>>> =
        LazyLock::new(|| Judge::start("apt_pkg", &["/usr/bin/python3", "python3"], &["-c", APT]));
    let Some(judge) = &*JUDGE else { return };
    // apt passes over comments only where it is told to, and takes other bytes for ends of lines.
    if bytes.is_empty()
        || bytes.iter().any(|byte| !matches!(byte, b'\n' | b' '..=b'~'))
        || bytes.contains(&b'#')
    {
        return;
    }
    let Ok(paragraphs) = deb822::parse(bytes, &Limits::default()) else { return };
    let mut question = format!("{}\n", bytes.len() + 1).into_bytes();
    question.extend_from_slice(bytes);
    question.push(b'\n');
    let answer = judge.lock().unwrap().ask(&question).unwrap();
    let counts: Vec<usize> = paragraphs.iter().map(|paragraph| paragraph.fields().count()).collect();
    let mut names: Vec<String> = Vec::new();
    for paragraph in &paragraphs {
        names.extend(paragraph.fields().map(|field| field.name().to_ascii_lowercase()));
    }
    names.sort();
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    // Python writes a name with an apostrophe otherwise.
    if !names.iter().any(|name| name.contains(['\'', '\\'])) {
        assert_eq!(format!("{counts:?} [{}]", quoted.join(", ")), answer);
    }
}
