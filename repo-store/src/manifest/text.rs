//! The text of a manifest: a paragraph of fields, an empty line, and the changelog as it is.
//!
//! It is read with the few lines below rather than as deb822, which takes blanks off the ends of lines: a path may end in one.

use std::fmt::Write as _;

use deb_parse::deb::{EntryKind, FileEntry, Package};

use super::{ManifestChangelog, ManifestConffile, ManifestFile, ManifestScript};
use crate::model::id::BlobId;

pub(super) const CONFFILES: &str = "Conffiles:";
pub(super) const SCRIPTS: &str = "Scripts:";
pub(super) const FILES: &str = "Files:";
const CHANGELOG: &str = "Changelog: ";
const COMPLETE: &str = "complete";
const CUT: &str = "cut";

const KINDS: [(EntryKind, u8); 7] = [
    (EntryKind::File, b'-'),
    (EntryKind::HardLink, b'h'),
    (EntryKind::Symlink, b'l'),
    (EntryKind::CharacterDevice, b'c'),
    (EntryKind::BlockDevice, b'b'),
    (EntryKind::Directory, b'd'),
    (EntryKind::Fifo, b'p'),
];

/// The form that is written. A change of the form increases this number: manifests of another form are made again where they are needed.
pub(super) const FORM: u32 = 2;

const START: &str = "Manifest: ";

/// In place of a digest that there is none of.
const NONE: &str = "-";

/// What every text starts with.
fn head(blob: BlobId) -> String {
    format!("{START}{FORM}\n{}", of(blob))
}

fn of(blob: BlobId) -> String {
    format!("Blob: {blob}\n")
}

/// The form of a text, if it is a manifest of that package file.
pub(super) fn form(text: &[u8], blob: BlobId) -> Option<u32> {
    let rest = text.strip_prefix(START.as_bytes())?;
    let (form, rest) = rest.split_at_checked(memchr::memchr(b'\n', rest)?)?;
    let form = std::str::from_utf8(form).ok()?.parse().ok()?;
    rest.strip_prefix(b"\n")?.starts_with(of(blob).as_bytes()).then_some(form)
}

pub(super) fn write(package: &Package) -> Vec<u8> {
    let mut head = head(BlobId(package.blake3));
    // Writing to a String cannot fail.
    if !package.conffiles.is_empty() {
        let _ = writeln!(head, "{CONFFILES}");
        for conffile in &package.conffiles {
            let digest = conffile.sha256.map_or_else(|| NONE.to_owned(), |sha256| sha256.to_string());
            let _ = writeln!(head, " {digest} {}", conffile.line);
        }
    }
    if package.maintainer_scripts().next().is_some() {
        let _ = writeln!(head, "{SCRIPTS}");
        for file in package.maintainer_scripts() {
            let _ = writeln!(head, " {} {}", file.sha256, file.name);
        }
    }
    if let Some(changelog) = &package.changelog {
        let _ = writeln!(head, "{CHANGELOG}{}", if changelog.complete { COMPLETE } else { CUT });
    }
    let mut text = head.into_bytes();
    write_files(&mut text, package.files.as_deref().unwrap_or_default());
    if let Some(changelog) = &package.changelog {
        text.push(b'\n');
        text.extend_from_slice(changelog.text.as_bytes());
    }
    text
}

/// The text for a file of a source package.
pub(super) fn write_tarball(blob: BlobId, files: &[FileEntry]) -> Vec<u8> {
    let mut text = head(blob).into_bytes();
    write_files(&mut text, files);
    text
}

fn write_files(text: &mut Vec<u8>, files: &[FileEntry]) {
    if !files.is_empty() {
        text.extend_from_slice(format!("{FILES}\n").as_bytes());
    }
    for file in files {
        let kind =
            KINDS.iter().find(|(kind, _)| *kind == file.kind).map_or('?', |(_, letter)| char::from(*letter));
        let owner = file.owner.to_string().replace(|c: char| c.is_whitespace() || c.is_control(), "?");
        text.extend_from_slice(format!(" {kind} {:o} {owner} {} ", file.mode, file.size).as_bytes());
        text.extend_from_slice(&file.path);
        text.push(b'\n');
    }
}

/// The lines of the paragraph.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty())
}

/// The lines below a field, without the blank each starts with.
pub(super) fn section<'a>(text: &'a [u8], field: &'static str) -> impl Iterator<Item = &'a [u8]> {
    lines(text)
        .skip_while(move |line| *line != field.as_bytes())
        .skip(1)
        .map_while(|line| line.strip_prefix(b" "))
}

pub(super) fn file(line: &[u8]) -> Option<ManifestFile<'_>> {
    let mut words = line.splitn(5, |byte| *byte == b' ');
    let mut word = || words.next();
    let (kind, mode, owner, size, path) = (word()?, word()?, word()?, word()?, word()?);
    Some(ManifestFile {
        kind: KINDS.iter().find(|(_, letter)| kind == [*letter]).map(|(kind, _)| *kind)?,
        mode: u32::from_str_radix(std::str::from_utf8(mode).ok()?, 8).ok()?,
        owner: std::str::from_utf8(owner).ok()?,
        size: std::str::from_utf8(size).ok()?.parse().ok()?,
        path,
    })
}

pub(super) fn conffile(line: &[u8]) -> Option<ManifestConffile<'_>> {
    let (sha256, line) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    Some(ManifestConffile { line, sha256: Some(sha256).filter(|digest| *digest != NONE) })
}

pub(super) fn script(line: &[u8]) -> Option<ManifestScript<'_>> {
    let (sha256, name) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    Some(ManifestScript { name, sha256 })
}

pub(super) fn changelog(text: &[u8]) -> Option<ManifestChangelog<'_>> {
    let state = lines(text).find_map(|line| line.strip_prefix(CHANGELOG.as_bytes()))?;
    let start = memchr::memmem::find(text, b"\n\n")? + 2;
    let text = std::str::from_utf8(text.get(start..)?).ok()?;
    Some(ManifestChangelog { text, complete: state == COMPLETE.as_bytes() })
}
