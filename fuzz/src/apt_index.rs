//! Laws of the crate `apt-index`: plain functions that panic where one is broken.

use std::io::{Error as IoError, ErrorKind, Read as _};
use std::ops::Range;

use apt_index::contents::ContentsLines;
use apt_index::digest::{HashState, ResumableSha256};
use apt_index::index::{Builder, Change, IndexOptions, Item, Layout, Part, PreviousFiles, Rendered, update};
use apt_index::pdiff::PatchHistory;
use apt_index::reading::{read_items, read_text};
use apt_index::release::ReleaseFile;
use apt_index::stanza::Stanza;
use apt_index::{Encoding, RelPath};
use deb_parse::checksum::{Blake3, Sha256};
use deb_parse::{FilePath, PackageName, deb822};

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[
    ("layout_read", layout_read),
    ("index_update", index_update),
    ("index_read", index_read),
    ("patch_history_read", patch_history_read),
    ("hash_state_read", hash_state_read),
    ("rel_path_read", rel_path_read),
    ("contents_lines", contents_lines),
];

const ENCODINGS: [Encoding; 5] = [Encoding::Plain, Encoding::Xz, Encoding::Gz, Encoding::Zst, Encoding::Bz2];

/// The first byte chooses; the rest is left.
fn encoding(bytes: &[u8]) -> Option<(Encoding, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((ENCODINGS[usize::from(*first) % ENCODINGS.len()], rest))
}

/// A layout reads back as it is written, and its sums and places stay in their bounds.
pub fn layout_read(text: &[u8]) {
    for paragraph in deb822::paragraphs(text) {
        let layout = match Layout::parse(&paragraph) {
            Ok(layout) => layout,
            Err(error) => {
                check_line(&error);
                continue;
            }
        };
        let written = layout.to_fields();
        let again = deb822::paragraphs(written.as_bytes()).next().unwrap();
        assert_eq!(Layout::parse(&again).unwrap(), layout);
        assert!(layout.items() <= 1 << 48 && layout.lines() <= 1 << 48);
        for encoding in ENCODINGS {
            for turn in [0, 1, layout.segments() as u64, u64::MAX] {
                if let Some((range, _)) = layout.segment_of(encoding, turn) {
                    assert!(range.start <= range.end);
                }
            }
        }
    }
}

/// One file, whatever it is called.
struct OneFile<'a>(&'a [u8]);

impl PreviousFiles for OneFile<'_> {
    fn read(&self, _: Encoding, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        let bytes = range.and_then(|(start, end)| self.0.get(start..end));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| IoError::from(ErrorKind::UnexpectedEof))
    }
}

fn whole(rendered: &Rendered, previous: &[u8]) -> Vec<(Encoding, Vec<u8>)> {
    let file = |file: &apt_index::index::RenderedFile| {
        let mut bytes = Vec::new();
        for part in file.parts() {
            match part {
                Part::Bytes(new) => bytes.extend_from_slice(new),
                Part::Previous { range, crc32 } => {
                    let kept = OneFile(previous).read(file.encoding(), range.clone()).unwrap();
                    assert_eq!(crc32fast::hash(&kept), *crc32);
                    bytes.extend(kept);
                }
            }
        }
        assert_eq!((bytes.len() as u64, Sha256::of(&bytes)), (file.size(), file.sha256()));
        (file.encoding(), bytes)
    };
    rendered.files().iter().map(file).collect()
}

fn stanza(name: &str) -> Stanza<'static> {
    Stanza::parse(format!("Package: {name}\nVersion: 1\n").as_bytes()).unwrap().into_owned()
}

/// A previous file that is damaged below its hashes spoils nothing: it is refused, or the new index is what it says it is.
///
/// The input is the encoding, how much text the one segment is said to hold, and the segment as it stands in the file.
pub fn index_update(bytes: &[u8]) {
    let Some((encoding, rest)) = encoding(bytes) else { return };
    let Some((plain, piece)) = rest.split_first_chunk::<4>() else { return };
    let plain = match u32::from_le_bytes(*plain) {
        u32::MAX => (1 << 48) - 1,
        plain => u64::from(plain),
    };
    // What one encodes stands behind the header of its file, if it has one.
    let header = Builder::new(&IndexOptions::new(vec![Encoding::Xz])).finish().unwrap();
    let header = if encoding == Encoding::Xz { &whole(&header, b"")[0].1[..12] } else { &[] };
    let file = [header, piece].concat();
    let (check, hash) = (crc32fast::hash(piece), Blake3::of(piece));
    let size = piece.len();
    let text =
        format!("Encodings: {}\nSegments:\n a z 1 3 {plain} {size}/{check:08x}/{hash}\n", encoding.name());
    let layout = Layout::parse(&deb822::paragraphs(text.as_bytes()).next().unwrap()).unwrap();
    let mut options = IndexOptions::new(vec![encoding]);
    // So that the segment is opened again, or kept.
    for (tail, removed) in [(usize::MAX, vec![]), (0, vec![]), (0, vec![stanza("hello")])] {
        options.tail = tail;
        let change = Change { removed, added: vec![stanza("new")] };
        let rendered = match update(&layout, &OneFile(&file), &change, &options) {
            Ok(rendered) => rendered,
            Err(error) => {
                check_line(&error);
                continue;
            }
        };
        for (encoding, bytes) in whole(&rendered, &file) {
            // A segment that was kept is not looked into, and this one is not what its layout says.
            if tail > 0 || !change.removed.is_empty() {
                let read = read_text(encoding, &bytes[..]).unwrap();
                assert_eq!((read.size, read.sha256), rendered.plain());
            }
        }
    }
}

/// What is read of an index, item by item, is all of its text.
pub fn index_read(bytes: &[u8]) {
    fn check<I: Item>(encoding: Encoding, bytes: &[u8]) {
        let mut found = Vec::new();
        let items = read_items::<I>(encoding, bytes, |package, item| {
            assert!(!item.is_empty() || I::SEPARATOR.is_empty(), "{package}");
            found.extend_from_slice(item);
            found.extend_from_slice(I::SEPARATOR);
        });
        let text = read_text(encoding, bytes);
        match items {
            Ok(read) => {
                assert_eq!((read.size, read.sha256), (found.len() as u64, Sha256::of(&found)));
                assert_eq!(text.unwrap(), read);
            }
            Err(error) => check_line(&error),
        }
    }
    let Some((encoding, rest)) = encoding(bytes) else { return };
    check::<Stanza<'_>>(encoding, rest);
    check::<ContentsLines>(encoding, rest);
}

/// A script of ed as apt reads it: commands go from the last line to the first, and stay within the text.
fn apply(script: &[u8], text: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut rest = script.split_inclusive(|byte| *byte == b'\n');
    while let Some(command) = rest.next() {
        let command = std::str::from_utf8(command).unwrap().trim_end();
        let (place, verb) = command.split_at(command.len() - 1);
        let (first, last) = place.split_once(',').unwrap_or((place, place));
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        assert!(first <= last && last <= lines.len(), "{command} of {}", lines.len());
        match verb {
            "a" => {
                let added: Vec<&[u8]> = rest.by_ref().take_while(|line| *line != b".\n").collect();
                lines.splice(last..last, added);
            }
            "d" => {
                assert!(first > 0, "{command}");
                lines.drain(first - 1..last);
            }
            _ => panic!("{command}"),
        }
    }
    lines.concat()
}

/// A history reads back as it is written, and its patches are scripts that every client can run.
pub fn patch_history_read(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Some(history) = PatchHistory::parse(text.lines()) else { return };
    let written = history.to_lines();
    assert_eq!(PatchHistory::parse(written.iter().map(String::as_str)).unwrap(), history);
    assert_eq!(history.is_empty(), written.is_empty());

    let mut builder = Builder::new(&IndexOptions::new(vec![Encoding::Plain]));
    ["hello", "other"].into_iter().for_each(|name| builder.push(&stanza(name)).unwrap());
    let rendered = builder.finish().unwrap();
    let file = whole(&rendered, b"").remove(0).1;
    let present = ReleaseFile { size: rendered.plain().0, sha256: rendered.plain().1 };
    let before = ReleaseFile { size: 0, sha256: Sha256::of(b"") };
    let layout = rendered.layout();
    for history in [
        history.clone(),
        history.advance(("20260101T000000Z", before, layout), (layout, &[]), 14),
        history.advance(("20260101T000000Z", before, layout), (layout, &[0..3, 5..6]), 2),
    ] {
        let lines = history.to_lines();
        assert_eq!(PatchHistory::parse(lines.iter().map(String::as_str)).unwrap(), history);
        let made = history.patches("20260102T000000Z", present, layout, &OneFile(&file));
        for (name, packed) in made.unwrap().into_iter().flat_map(|patches| patches.patches) {
            assert!(RelPath::parse(&name).is_ok() && !name.contains('/'), "{name}");
            let mut script = Vec::new();
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut script).unwrap();
            // A text of as many lines as the script was made for, if that many fit into memory.
            let of_state =
                lines.iter().find(|line| name.contains(&format!("-F-{}.", line.split(' ').next().unwrap())));
            let count = of_state.and_then(|line| line.split(' ').nth(3)?.parse::<usize>().ok());
            if let Some(count) = count.filter(|count| *count < 10_000) {
                apply(&script, &b"x\n".repeat(count));
            }
        }
    }
}

/// The state of a hash reads back as it is written, and can be gone on with.
pub fn hash_state_read(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Some(state) = HashState::parse(text) else { return };
    assert_eq!(HashState::parse(&state.to_string()).unwrap(), state);
    let mut hash = ResumableSha256::resume(&state).unwrap();
    assert_eq!(hash.state(), state);
    hash.update(&[b'x'; 200]);
    assert_eq!(hash.hashed(), 200);
    let _ = HashState::parse(&hash.state().to_string());
    let _ = hash.finish();
}

/// A path stays inside, and so does what is joined to it.
pub fn rel_path_read(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let inside = |path: &str| {
        !path.starts_with('/') && !path.split('/').any(|element| matches!(element, "" | "." | ".."))
    };
    let (first, second) = text.split_once('\n').unwrap_or((text, "x"));
    match RelPath::parse(first) {
        Ok(path) => {
            assert_eq!(path.as_str(), first);
            assert!(inside(first) && path.depth() == first.split('/').count());
            match path.join(second) {
                Ok(joined) => {
                    assert!(inside(joined.as_str()) && joined.as_path().starts_with(path.as_path()));
                }
                Err(error) => check_line(&error),
            }
            if let Err(error) = path.check_names() {
                check_line(&error);
            }
        }
        Err(error) => check_line(&error),
    }
}

/// Lines of `Contents` are one item of their package, whatever its paths hold.
///
/// The input is a package, a section and paths, separated by NUL.
pub fn contents_lines(bytes: &[u8]) {
    let mut words = bytes.split(|byte| *byte == 0);
    let mut text = || words.next().and_then(|word| std::str::from_utf8(word).ok());
    let (Some(package), Some(section)) = (text(), text()) else { return };
    let Ok(package) = PackageName::parse(package) else { return };
    let paths: Vec<FilePath<'_>> = words.filter_map(|path| FilePath::parse(path).ok()).collect();
    match ContentsLines::new(&package, Some(section), paths.iter()) {
        Ok(Some(lines)) => {
            assert_eq!(lines.package(), package.as_str());
            let split: Vec<_> = ContentsLines::split(lines.as_bytes()).collect();
            assert_eq!(split, [Some((package.as_str(), lines.as_bytes()))]);
            let mut items = 0;
            let read = read_items::<ContentsLines>(Encoding::Plain, lines.as_bytes(), |_, _| items += 1);
            assert_eq!((read.unwrap().sha256, items), (Sha256::of(lines.as_bytes()), 1));
        }
        Ok(None) => assert!(paths.is_empty()),
        Err(error) => check_line(&error),
    }
}
