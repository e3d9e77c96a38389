//! Laws of the crate `deb-parse`: plain functions that panic where one is broken.

use deb_parse::checksum::{Blake3, HashKinds, Hasher, Hashes, Sha256};
use deb_parse::control::{BinaryControl, Buildinfo, Changes, Dsc, Release};
use deb_parse::deb::tarball::{self, Tarball};
use deb_parse::deb::transfer::{self, Question};
use deb_parse::deb::{self, Compression, Data, FileEntry, Options, Package};
use deb_parse::deb822::{self, Paragraph, ParagraphBuf, Reader};
use deb_parse::relation::{self, Relations};
use deb_parse::version::{compare, sort_by};
use deb_parse::{Error, FilePath, LimitKind, Limits, Place, Version, changelog, clearsign};

use std::io::{self, Read};

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[
    ("deb822_readers_agree", deb822_readers_agree),
    ("deb822_round_trip", deb822_round_trip),
    ("version_total_order", version_total_order),
    ("relation_round_trip", relation_round_trip),
    ("control_read", control_read),
    ("release_read", release_read),
    ("clearsign_payload", clearsign_payload),
    ("changelog_read", changelog_read),
    ("deb_read", deb_read),
    ("deb_control_archive", deb_control_archive),
    ("deb_data_archive", deb_data_archive),
    ("deb_transfer", deb_transfer),
    ("tarball_read", tarball_read),
    ("transfer_read", transfer_read),
    ("decompressed_read", decompressed_read),
];

/// Small enough that no input takes long.
fn limits() -> Limits {
    Limits::default()
        .with_control_unpacked(4 << 20)
        .with_data_unpacked(16 << 20)
        .with_xz_memory(32 << 20)
        .with_zstd_window_log(23)
}

/// The place that an error gives is one in the text.
fn check_place(error: &Error, text: &[u8]) {
    check_line(error);
    let (Error::Syntax { line, column, .. }
    | Error::Field { place: Place::Line { line, column }, .. }
    | Error::Missing { place: Place::Line { line, column }, .. }) = error
    else {
        return;
    };
    let line = text.split(|c| *c == b'\n').nth(usize::try_from(line - 1).unwrap());
    assert!(line.is_some_and(|line| *column >= 1 && column - 1 <= line.len() as u64), "{error}");
}

type Fields = Vec<(String, Vec<u8>)>;

fn fields(paragraph: Paragraph<'_>) -> Fields {
    paragraph.fields().map(|field| (field.name().to_owned(), field.value().to_vec())).collect()
}

/// What the strict reader takes, the fast one and the stream read alike; what it refuses, the stream refuses alike.
pub fn deb822_readers_agree(text: &[u8]) {
    let limits = limits();
    let fast: Vec<Paragraph<'_>> = deb822::paragraphs(text).collect();
    for paragraph in &fast {
        assert_eq!(paragraph.as_bytes(), &text[paragraph.offset()..][..paragraph.as_bytes().len()]);
    }
    let mut streamed = Vec::new();
    let mut reader = Reader::new(text, &limits);
    let end = loop {
        match reader.next() {
            Ok(Some(paragraph)) => streamed.push((paragraph.offset(), fields(paragraph))),
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    match deb822::parse(text, &limits) {
        Ok(strict) => {
            assert_eq!(strict, fast);
            assert_eq!(end, None);
            assert_eq!(streamed, strict.iter().map(|p| (p.offset(), fields(*p))).collect::<Vec<_>>());
            for paragraph in strict {
                assert!(paragraph.fields().next().is_some());
                for field in paragraph.fields() {
                    assert_eq!(paragraph.get(&field.name().to_ascii_uppercase()), Some(field.value()));
                }
            }
        }
        Err(error) => {
            check_place(&error, text);
            assert_eq!(end, Some(error.to_string()));
        }
    }
}

/// What the writer takes reads back as it was given.
pub fn deb822_round_trip(text: &[u8]) {
    let limits = limits();
    if let Ok(strict) = deb822::parse(text, &limits) {
        for paragraph in strict {
            // Comments and a blank first line are not kept, so not everything that is read can be written.
            if let Ok(owned) = ParagraphBuf::from_paragraph(paragraph) {
                let written = owned.to_bytes();
                assert_eq!(
                    deb822::parse(&written, &limits).unwrap().iter().map(|p| fields(*p)).collect::<Vec<_>>(),
                    [fields(paragraph)]
                );
            }
        }
    }
    let mut owned = ParagraphBuf::new();
    let mut expected = Fields::new();
    for pair in text.split(|c| *c == 0xfe) {
        let (name, value) = pair.split_at(pair.iter().position(|c| *c == 0xff).unwrap_or(pair.len()));
        let (Ok(name), value) = (std::str::from_utf8(name), value.get(1..).unwrap_or_default()) else {
            continue;
        };
        match owned.push(name, value) {
            Ok(()) => expected.push((name.to_owned(), value.to_vec())),
            Err(error) => check_line(&error),
        }
    }
    if !expected.is_empty() {
        let written = owned.to_bytes();
        let read = deb822::parse(&written, &Limits::default()).unwrap();
        assert_eq!(read.iter().map(|p| fields(*p)).collect::<Vec<_>>(), [expected]);
        assert_eq!(ParagraphBuf::parse(&written, &Limits::default()).unwrap(), owned);
    }
}

/// The order of versions is total, and sort keys, equality and sorting many follow it.
pub fn version_total_order(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let all: Vec<&str> = text.split('\n').take(6).collect();
    let (mut one, mut other) = (all.clone(), all.clone());
    one.sort_by(|a, b| compare(a, b));
    sort_by(&mut other, |text| text);
    assert_eq!(one, other);
    for a in &all {
        assert!(compare(a, a).is_eq());
        if let Err(error) = Version::parse(a) {
            check_line(&error);
        }
        for b in &all {
            assert_eq!(compare(a, b), compare(b, a).reverse());
            if let (Ok(x), Ok(y)) = (Version::parse(a), Version::parse(b)) {
                assert_eq!(x.cmp(&y), compare(a, b));
                assert_eq!(x.parts().cmp(&y.parts()), compare(a, b));
                assert_eq!(x.sort_key().cmp(&y.sort_key()), compare(a, b));
            }
            for c in &all {
                if compare(a, b).is_le() && compare(b, c).is_le() {
                    assert!(compare(a, c).is_le());
                }
            }
        }
    }
}

/// Relations that are taken are printed in a form that reads back the same; the canonical form is its own.
pub fn relation_round_trip(text: &[u8]) {
    for field in ["Depends", "Build-Depends", "Built-Using"] {
        if let Ok(Some(canonical)) = relation::canonical(field, text)
            && !canonical.is_empty()
        {
            assert_eq!(
                relation::canonical(field, canonical.as_bytes()).unwrap(),
                None,
                "{field}: {canonical}"
            );
        }
    }
    let Ok(text) = std::str::from_utf8(text) else { return };
    match text.parse::<Relations>() {
        Ok(relations) => {
            let printed = relations.to_string();
            let again: Relations = printed.parse().unwrap();
            assert_eq!(again, relations);
            assert_eq!(again.to_string(), printed);
            assert_eq!(relation::iter(text).count(), relations.all().iter().map(Vec::len).sum::<usize>());
        }
        Err(error) => {
            check_line(&error);
            assert!(!matches!(error, Error::Value { at, .. } if !text.is_char_boundary(at)));
        }
    }
}

fn check_control(control: &BinaryControl) {
    let text = control.as_bytes();
    let again = BinaryControl::parse(text, &Limits::default()).unwrap();
    assert_eq!(
        (again.as_bytes(), again.package(), again.version()),
        (text, control.package(), control.version())
    );
    assert!(text.ends_with(b"\n") && !text.ends_with(b"\n\n") && !text.starts_with(b"\n"));
    assert!(text.iter().all(|c| *c >= b' ' || matches!(c, b'\n' | b'\t')));
    assert_eq!(deb822::paragraphs(text).count(), 1);
    for name in [
        control.package().as_str(),
        control.source().0.as_str(),
        control.version().as_str(),
        control.architecture().as_str(),
    ] {
        assert!(
            !name.is_empty() && !name.contains(['/', '\\', ' ', '\n']) && !name.starts_with('.'),
            "{name}"
        );
    }
}

/// Control files are refused or hold nothing that could spoil an index.
pub fn control_read(text: &[u8]) {
    let limits = limits();
    match BinaryControl::parse(text, &limits) {
        Ok(control) => check_control(&control),
        Err(error) => check_place(&error, text),
    }
    let files =
        match (Dsc::parse(text, &limits), Changes::parse(text, &limits), Buildinfo::parse(text, &limits)) {
            (Ok(dsc), _, _) => dsc.files().to_vec(),
            (_, Ok(changes), _) => changes.files().to_vec(),
            (_, _, Ok(info)) => info.files().to_vec(),
            (Err(a), Err(b), Err(c)) => {
                return [a, b, c].iter().for_each(|error| check_place(error, text));
            }
        };
    assert!(files.iter().all(|file| !file.path.contains('/') && file.path != ".."));
}

/// The paths of a Release stay below it.
pub fn release_read(text: &[u8]) {
    match Release::parse(text, &limits()) {
        Ok(release) => {
            for file in release.files() {
                assert!(
                    !file.path.starts_with('/')
                        && !file.path.split('/').any(|element| matches!(element, "" | "." | ".."))
                );
            }
        }
        Err(error) => check_place(&error, text),
    }
}

/// A payload is a run of the text's lines, and nothing may be added around the message.
pub fn clearsign_payload(text: &[u8]) {
    match clearsign::payload(text) {
        Ok(payload) => {
            assert!(clearsign::is_signed(text));
            assert!(payload.len() < text.len());
            assert!(clearsign::payload(&[b"A: 1\n", text].concat()).is_err());
            assert!(clearsign::payload(&[text, b"\nA: 1\n"].concat()).is_err());
            assert!(payload.is_empty() || payload.ends_with(b"\n"));
        }
        Err(error) => check_place(&error, text),
    }
}

/// What the strict reader takes, the forgiving one reads alike; all that it gives are runs of the text.
pub fn changelog_read(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let entries: Vec<changelog::Entry<'_>> = changelog::entries(&text).collect();
    match changelog::parse(&text) {
        Ok(strict) => assert_eq!(strict, entries),
        Err(error) => check_place(&error, text.as_bytes()),
    }
    let mut rest = &*text;
    for entry in entries {
        for part in [entry.source, entry.version, entry.changes, entry.maintainer, entry.date] {
            assert!(part.trim_ascii_end() == part);
            let (_, after) = rest.split_at(rest.find(part).expect("parts come in the order of the text"));
            rest = &after[part.len()..];
        }
        for numbers in [entry.closes(), entry.launchpad_bugs()] {
            assert!(numbers.is_sorted_by(|a, b| a < b));
        }
        assert!(entry.cves().iter().all(|cve| entry.changes.contains(cve) && cve.starts_with("CVE-")));
    }
}

const CHANGELOG: usize = 1000;

fn options(data: Data) -> Options {
    let file_hashes = Some(HashKinds { md5: true, ..HashKinds::default() });
    let control_contents = Some(4096);
    Options {
        limits: limits(),
        data,
        changelog: Some(CHANGELOG),
        file_hashes,
        control_contents,
        ..Options::default()
    }
}

fn read(bytes: &[u8], data: Data) -> Option<Package> {
    match deb::read(bytes, &options(data)) {
        Ok(package) => Some(package),
        Err(error) => {
            check_line(&error);
            None
        }
    }
}

/// A package is refused or read whole, and every part cut off is missed.
pub fn deb_read(bytes: &[u8]) {
    let Some(package) = read(bytes, Data::List) else { return };
    check_control(&package.control);
    assert_eq!(
        (package.size, package.sha256, package.blake3),
        (bytes.len() as u64, Sha256::of(bytes), Blake3::of(bytes))
    );
    package.files.iter().flatten().for_each(check_path);
    if let Some(own) = &package.changelog {
        // What is no UTF-8 grows by being replaced.
        assert!(own.text.len() <= 3 * CHANGELOG);
    }
    let mut shown = Vec::new();
    let visited = deb::read_with(bytes, &options(Data::List), |_, content| {
        let mut whole = Vec::new();
        content.read_to_end(&mut whole)?;
        shown.push(Sha256::of(&whole));
        Ok(())
    });
    assert_eq!(visited.expect("a visitor changes nothing").files, package.files);
    let hashes = package.files.iter().flatten().filter_map(|file| file.hashes.as_ref());
    assert!(hashes.map(|hashes| hashes.sha256).eq(shown));
    for problem in package.md5sums_problems().into_iter().flatten() {
        check_line(&problem);
    }
    let skipped = read(bytes, Data::Skip).expect("skipping the data refuses no more than listing it");
    assert_eq!((skipped.control.as_bytes(), skipped.sha256), (package.control.as_bytes(), package.sha256));
    let lines =
        |package: &Package| package.conffiles.iter().map(|file| file.line.clone()).collect::<Vec<_>>();
    assert_eq!(lines(&skipped), lines(&package));
    assert!(skipped.conffiles.iter().all(|file| file.sha256.is_none()));
}

/// Any bytes are unpacked or refused, however many come at a time. The first of the input chooses the format.
pub fn decompressed_read(bytes: &[u8]) {
    use Compression::{Bzip2, Gzip, Lzma, None, Xz, Zstd};
    const MOST: u64 = 1 << 20;
    let unpacked = |reader: &mut dyn Read| {
        let mut whole = Vec::new();
        let read = reader.take(MOST).read_to_end(&mut whole);
        // Damage behind the limit may be noticed or not.
        (read.is_ok() || whole.len() as u64 == MOST).then_some(whole)
    };
    let Some((first, bytes)) = bytes.split_first() else { return };
    let format = [None, Gzip, Xz, Zstd, Bzip2, Lzma][usize::from(first % 6)];
    let reader = |input| format.reader(input, &limits()).expect("every format is part of the build");
    let (mut slice, mut trickle) = (bytes, Trickle(bytes));
    let whole: &mut dyn Read = &mut slice;
    let pieces: &mut dyn Read = &mut trickle;
    assert_eq!(unpacked(&mut reader(whole)), unpacked(&mut reader(pieces)), "{format:?}");
}

/// Gives a byte at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}

/// Whatever a file of a source package holds, it is hashed to its end, and the paths in it stay inside the tree.
pub fn tarball_read(bytes: &[u8]) {
    let read = tarball::read(bytes, bytes.len() as u64, HashKinds::default(), &limits())
        .expect("memory can be read");
    assert_eq!((read.hashes.size, read.hashes.sha256), (bytes.len() as u64, Sha256::of(bytes)));
    match read.files {
        Ok(files) => files.iter().for_each(check_path),
        Err(error) => check_line(&error),
    }
}

/// What one process finds out about a file arrives in another one as it would have found it out itself.
pub fn deb_transfer(bytes: &[u8]) {
    for data in [Data::List, Data::Skip] {
        let options = options(data);
        let mut answer = Vec::new();
        let question = through_bytes(&Question::Package(options.clone()));
        question.answer(bytes, &mut answer).expect("memory can be read and written");
        let taken = transfer::read_package(&answer[..], &options, &hashes(bytes, options.hashes));
        match (taken.expect("what was written can be read"), deb::read(bytes, &options)) {
            (Ok(taken), Ok(read)) => assert_eq!(format!("{taken:?}"), format!("{read:?}")),
            (Err(taken), Err(read)) => check_same(&taken, &read),
            (taken, read) => panic!("{taken:?} is not {read:?}"),
        }
    }
    let size = bytes.len() as u64;
    let mut answer = Vec::new();
    let question = through_bytes(&Question::Tarball { size, limits: limits() });
    question.answer(bytes, &mut answer).expect("memory can be read and written");
    let hashes = hashes(bytes, HashKinds::default());
    let taken =
        transfer::read_tarball(&answer[..], &limits(), &hashes).expect("what was written can be read");
    let read = tarball::read(bytes, size, HashKinds::default(), &limits()).expect("memory can be read");
    assert_eq!(taken.hashes, read.hashes);
    match (taken.files, read.files) {
        (Ok(taken), Ok(read)) => assert_eq!(taken, read),
        (Err(taken), Err(read)) => check_same(&taken, &read),
        (taken, read) => panic!("{taken:?} is not {read:?}"),
    }
}

fn through_bytes(question: &Question) -> Question {
    let mut written = Vec::new();
    question.write(&mut written).expect("memory can be written");
    Question::read(&written[..]).expect("what was written can be read")
}

fn hashes(bytes: &[u8], set: HashKinds) -> Hashes {
    let mut hasher = Hasher::new(set).expect("this build has all checksums");
    hasher.update(bytes);
    hasher.finish()
}

/// Errors say the same, and the same limit is behind them.
fn check_same(taken: &Error, read: &Error) {
    fn limit(error: &Error) -> Option<(LimitKind, u64)> {
        match error {
            Error::Limit { what, limit } => Some((*what, *limit)),
            Error::Within { error, .. } => limit(error),
            _ => None,
        }
    }
    assert_eq!((taken.to_string(), limit(taken)), (read.to_string(), limit(read)));
}

/// Whatever a process answers, it is refused or is what a package can be, and takes no more memory than is allowed.
pub fn transfer_read(answer: &[u8]) {
    let is_refusal = |error: io::Error| {
        assert!(matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof), "{error}");
    };
    let hashes = hashes(b"", HashKinds::default());
    for data in [Data::List, Data::Skip] {
        match transfer::read_package(answer, &options(data), &hashes) {
            Ok(Ok(package)) => {
                check_control(&package.control);
                assert_eq!(package.files.is_some(), data == Data::List);
                package.files.iter().flatten().for_each(check_path);
            }
            Ok(Err(error)) => check_line(&error),
            Err(error) => is_refusal(error),
        }
    }
    match transfer::read_tarball(answer, &limits(), &hashes) {
        Ok(Tarball { files: Ok(files), .. }) => files.iter().for_each(check_path),
        Ok(Tarball { files: Err(error), .. }) => check_line(&error),
        Err(error) => is_refusal(error),
    }
}

fn check_path(file: &FileEntry) {
    assert!(FilePath::parse(&file.path).is_ok());
    assert!(
        !file.path.starts_with(b"/")
            && !file.path.split(|c| *c == b'/').any(|element| matches!(element, b"" | b"." | b".."))
    );
    assert!(!file.path.contains(&b'\n') && !file.path.contains(&0));
}

fn member(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = format!("{name:<16}0           0     0     100644  {:<10}`\n", content.len()).into_bytes();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(2), b'\n');
    out
}

/// The same for bytes in the place of the control archive.
pub fn deb_control_archive(tar: &[u8]) {
    let data = member("data.tar", &[0; 1024]);
    deb_read(
        &[b"!<arch>\n", &member("debian-binary", b"2.0\n")[..], &member("control.tar", tar), &data].concat(),
    );
}

/// The same for bytes in the place of the data archive.
pub fn deb_data_archive(tar: &[u8]) {
    let control = member("control.tar", include_bytes!("../seeds/deb_control_archive/plain.tar"));
    deb_read(
        &[b"!<arch>\n", &member("debian-binary", b"2.0\n")[..], &control, &member("data.tar", tar)].concat(),
    );
}
