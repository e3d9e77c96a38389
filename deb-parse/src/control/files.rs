//! The lists of files in `.dsc`, `.changes`, `Sources` and `Release` (Policy 5.6.21, 5.6.24).

use super::binary::parse_size;
use super::utf8;
use crate::checksum::{Md5, Sha1, Sha256, Sha512};
use crate::deb822::Paragraph;
use crate::error::Error;
use std::collections::HashMap;

/// One file of a `.dsc`, `.changes`, `.buildinfo`, `Sources` or `Release` paragraph, with all checksums given for it.
///
/// ```
/// use deb_parse::{Limits, control::Release};
/// let text = b"Suite: stable\nMD5Sum:\n 0123456789abcdef0123456789abcdef 7 main/binary-amd64/Packages\n";
/// let release = Release::parse(text, &Limits::default())?;
/// let file = &release.files()[0];
/// assert_eq!((file.path.as_str(), file.size), ("main/binary-amd64/Packages", 7));
/// assert!(file.md5.is_some() && file.sha256.is_none());
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileEntry {
    /// Path; a plain file name except in a Release, where it is relative to the Release.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// MD5, if it is given.
    pub md5: Option<Md5>,
    /// SHA-1, if it is given.
    pub sha1: Option<Sha1>,
    /// SHA-256, if it is given.
    pub sha256: Option<Sha256>,
    /// SHA-512, if it is given.
    pub sha512: Option<Sha512>,
}

/// What the `Files` field of a `.changes` says of one file besides its checksum.
///
/// ```
/// use deb_parse::{Limits, control::Changes};
/// let text = b"Source: a1\nVersion: 1\nFiles:\n 0123456789abcdef0123456789abcdef 7 misc optional a1_1_all.deb\n";
/// let details = Changes::parse(text, &Limits::default())?.file_details()?;
/// assert_eq!((details[0].section.as_str(), details[0].priority.as_str()), ("misc", "optional"));
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangesFile {
    /// Name of the file.
    pub name: String,
    /// Section, with the component before a `/` unless that is `main`.
    pub section: String,
    /// Priority.
    pub priority: String,
}

/// Whether a path is allowed in a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Paths {
    /// File names alone.
    Names,
    /// Relative paths.
    Relative,
}

/// Names of the fields for MD5, SHA-1, SHA-256 and SHA-512.
pub(super) type Names = [&'static str; 4];
pub(super) const SOURCE: Names = ["Files", "Checksums-Sha1", "Checksums-Sha256", "Checksums-Sha512"];
pub(super) const BUILDINFO: Names =
    ["Checksums-Md5", "Checksums-Sha1", "Checksums-Sha256", "Checksums-Sha512"];
pub(super) const RELEASE: Names = ["MD5Sum", "SHA1", "SHA256", "SHA512"];

/// Joins the lists of one paragraph. A file must have the same size in all of them.
pub(super) fn read(paragraph: Paragraph<'_>, names: Names, paths: Paths) -> Result<Vec<FileEntry>, Error> {
    let mut files: Vec<FileEntry> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (number, (field, value)) in names.into_iter().zip(paragraph.get_many(names)).enumerate() {
        let place = |part: &str, error: Error| error.in_field(paragraph, field, part.as_bytes());
        let bad = |part: &str, rule| place(part, Error::value("file", part, rule));
        for line in lines(paragraph, field, value)? {
            let mut words = line.split_ascii_whitespace();
            let (Some(hash), Some(size), Some(path)) = (words.next(), words.next(), words.next_back()) else {
                return Err(bad(line, "must have a checksum, a size and a name"));
            };
            // The list `Files` of a .changes has section and priority before the name.
            let between = words.count();
            if between != 0 && (field, between) != ("Files", 2) {
                return Err(bad(line, "must have a checksum, a size and a name without blanks"));
            }
            if !is_safe(path, paths) {
                return Err(bad(path, "must be a name without directories, or a relative path in a Release"));
            }
            let size = parse_size(size).map_err(|error| place(size, error))?;
            let at = *places.entry(path).or_insert(files.len());
            if at == files.len() {
                files.push(FileEntry {
                    path: path.into(),
                    size,
                    md5: None,
                    sha1: None,
                    sha256: None,
                    sha512: None,
                });
            }
            let Some(file) = files.get_mut(at) else { continue };
            if file.size != size {
                return Err(bad(path, "must have the same size in all lists"));
            }
            let twice = match number {
                0 => file.md5.replace(Md5::parse(hash).map_err(|error| place(hash, error))?).is_some(),
                1 => file.sha1.replace(Sha1::parse(hash).map_err(|error| place(hash, error))?).is_some(),
                2 => file.sha256.replace(Sha256::parse(hash).map_err(|error| place(hash, error))?).is_some(),
                _ => file.sha512.replace(Sha512::parse(hash).map_err(|error| place(hash, error))?).is_some(),
            };
            if twice {
                return Err(bad(path, "must not be listed twice"));
            }
        }
    }
    Ok(files)
}

/// Reads sections and priorities from the `Files` field of a `.changes`.
pub(super) fn read_changes(paragraph: Paragraph<'_>) -> Result<Vec<ChangesFile>, Error> {
    let mut files = Vec::new();
    for line in lines(paragraph, "Files", paragraph.get("Files"))? {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[_, _, section, priority, name] = words.as_slice() else {
            let rule = "must have a checksum, a size, a section, a priority and a name";
            return Err(Error::value("file", line, rule).in_field(paragraph, "Files", line.as_bytes()));
        };
        files.push(ChangesFile { name: name.into(), section: section.into(), priority: priority.into() });
    }
    Ok(files)
}

fn lines<'a>(
    paragraph: Paragraph<'_>,
    field: &'static str,
    value: Option<&'a [u8]>,
) -> Result<impl Iterator<Item = &'a str> + use<'a>, Error> {
    let value = value.unwrap_or_default();
    let text = utf8(value).map_err(|error| error.in_field(paragraph, field, value))?;
    Ok(text.lines().map(str::trim_ascii).filter(|line| !line.is_empty()))
}

pub(super) fn is_safe(path: &str, paths: Paths) -> bool {
    let plain = |element: &str| !matches!(element, "" | "." | "..") && !element.contains('\0');
    match paths {
        Paths::Names => plain(path) && !path.contains('/'),
        Paths::Relative => path.split('/').all(plain),
    }
}
