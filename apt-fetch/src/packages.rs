//! What indices list: packages, source packages, and the files of both.

use std::fmt;
use std::io::{self, Read};

use apt_index::RelPath;
use deb_parse::control::{PackagesStanza, SourcesStanza};
use deb_parse::deb822;
use deb_parse::{Architecture, PackageName, SourceName, Version};

use crate::digest::Expected;
use crate::error::Problem;

/// A file of the pool, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolFile {
    /// Its path, relative to the root of the archive; it never leaves that.
    pub path: RelPath,
    /// What it must be.
    pub expected: Expected,
}

/// A package that an index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Package {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Its architecture.
    pub architecture: Architecture,
    /// Its file.
    pub file: PoolFile,
    /// The stanza as it stands in the index, without the empty line behind it.
    pub stanza: Vec<u8>,
}

/// A source package that an index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourcePackage {
    /// Its name.
    pub name: SourceName,
    /// Its version.
    pub version: Version,
    /// Its files.
    pub files: Vec<PoolFile>,
    /// The stanza as it stands in the index, without the empty line behind it.
    pub stanza: Vec<u8>,
}

/// A stanza that cannot be used. The ones behind it can be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedStanza {
    /// A field is missing or wrong: a path that would leave the archive is one of these.
    #[error("stanza {number}")]
    Field {
        /// Which one of the index it is, counted from 1.
        number: u64,
        /// What is wrong.
        #[source]
        source: deb_parse::Error,
    },
    /// Its path is not one that a file of the archive can have.
    #[error("stanza {number}")]
    Path {
        /// Which one of the index it is, counted from 1.
        number: u64,
        /// What is wrong.
        #[source]
        source: apt_index::Error,
    },
    /// It has no digest that proves anything, neither SHA-256 nor SHA-512.
    #[error("stanza {number}: {path} has neither SHA256 nor SHA512")]
    NoDigest {
        /// Which one of the index it is, counted from 1.
        number: u64,
        /// The file.
        path: RelPath,
    },
}

/// Reads the packages of an index, a stanza at a time.
///
/// An error of the text itself ends it: nothing that was read of an index may be used if the whole of it is not what was listed.
pub struct Packages<'i>(Stanzas<'i>);

/// Reads the source packages of an index, a stanza at a time; see [`Packages`].
pub struct Sources<'i>(Stanzas<'i>);

impl fmt::Debug for Packages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packages").field("read", &self.0.number).finish_non_exhaustive()
    }
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("read", &self.0.number).finish_non_exhaustive()
    }
}

impl<'i> Packages<'i> {
    pub(crate) fn new(text: Box<dyn Read + 'i>, limit: usize) -> Self {
        Self(Stanzas::new(text, limit))
    }
}

impl<'i> Sources<'i> {
    pub(crate) fn new(text: Box<dyn Read + 'i>, limit: usize) -> Self {
        Self(Stanzas::new(text, limit))
    }
}

impl Iterator for Packages<'_> {
    /// A package, or what is wrong with its stanza; or else what is wrong with the text, which is the end.
    type Item = Result<Result<Package, RefusedStanza>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let stanza = self.0.next()?;
        Some(stanza.map(|(number, stanza)| read_package(number, stanza)))
    }
}

impl Iterator for Sources<'_> {
    /// A source package, or what is wrong with its stanza; or else what is wrong with the text, which is the end.
    type Item = Result<Result<SourcePackage, RefusedStanza>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let stanza = self.0.next()?;
        Some(stanza.map(|(number, stanza)| read_source(number, stanza)))
    }
}

fn read_package(number: u64, stanza: Vec<u8>) -> Result<Package, RefusedStanza> {
    let field = |source| RefusedStanza::Field { number, source };
    let paragraph = only_paragraph(&stanza).map_err(field)?;
    let fields = PackagesStanza::new(paragraph);
    let (name, version) = (fields.package().map_err(field)?, fields.version().map_err(field)?);
    let architecture = fields.architecture().map_err(field)?;
    // apt takes one with a slash before it for the same path.
    let filename = match paragraph.get_str("Filename").and_then(|path| path.strip_prefix('/')) {
        Some(path) => path,
        None => fields.filename().map_err(field)?,
    };
    let size = fields.size().map_err(field)?;
    let (sha256, sha512) = (fields.sha256().map_err(field)?, fields.sha512().map_err(field)?);
    let file = pool_file(number, filename, Expected::new(size, sha256, sha512))?;
    Ok(Package { name, version, architecture, file, stanza })
}

fn read_source(number: u64, stanza: Vec<u8>) -> Result<SourcePackage, RefusedStanza> {
    let field = |source| RefusedStanza::Field { number, source };
    let fields = SourcesStanza::new(only_paragraph(&stanza).map_err(field)?);
    let (name, version) = (fields.package().map_err(field)?, fields.version().map_err(field)?);
    let directory = fields.directory().map_err(field)?;
    let mut files = Vec::new();
    for entry in fields.files().map_err(field)? {
        let path = match directory {
            "." => entry.path.clone(),
            directory => format!("{directory}/{}", entry.path),
        };
        files.push(pool_file(number, &path, Expected::of_entry(&entry))?);
    }
    Ok(SourcePackage { name, version, files, stanza })
}

fn only_paragraph(stanza: &[u8]) -> Result<deb822::Paragraph<'_>, deb_parse::Error> {
    let missing = || deb_parse::Error::Missing { field: "Package", place: deb_parse::Place::Byte(0) };
    deb822::paragraphs(stanza).next().ok_or_else(missing)
}

fn pool_file(number: u64, path: &str, expected: Option<Expected>) -> Result<PoolFile, RefusedStanza> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let path = RelPath::parse(path).map_err(|source| RefusedStanza::Path { number, source })?;
    match expected {
        Some(expected) => Ok(PoolFile { path, expected }),
        None => Err(RefusedStanza::NoDigest { number, path }),
    }
}

/// Cuts a text into stanzas. Lines may end with a carriage return besides.
struct Stanzas<'i> {
    text: Box<dyn Read + 'i>,
    limit: usize,
    buffer: Vec<u8>,
    /// Where the stanza starts that comes next.
    start: usize,
    /// Up to where the buffer was searched for its end.
    searched: usize,
    number: u64,
    is_end: bool,
}

const AT_ONCE: u64 = 256 << 10;

impl<'i> Stanzas<'i> {
    fn new(text: Box<dyn Read + 'i>, limit: usize) -> Self {
        Self { text, limit, buffer: Vec::new(), start: 0, searched: 0, number: 0, is_end: false }
    }

    fn next(&mut self) -> Option<Result<(u64, Vec<u8>), Problem>> {
        loop {
            if let Some(end) = self.find_end() {
                let stanza = self.buffer.get(self.start..end).unwrap_or_default();
                (self.start, self.searched) = (end, end);
                if stanza.iter().all(|c| matches!(c, b'\n' | b'\r')) {
                    continue;
                }
                self.number += 1;
                return Some(Ok((self.number, trimmed(stanza).to_vec())));
            }
            if self.is_end {
                return None;
            }
            if let Err(problem) = self.fill() {
                self.is_end = true;
                self.buffer.clear();
                (self.start, self.searched) = (0, 0);
                return Some(Err(problem));
            }
        }
    }

    /// Returns where the stanza ends that starts at `start`: behind its empty line, or at the end of the text.
    fn find_end(&mut self) -> Option<usize> {
        while let Some(rest) = self.buffer.get(self.searched..)
            && let Some(length) = rest.iter().position(|c| *c == b'\n')
        {
            let is_empty = matches!(rest.get(..length), Some(b"" | b"\r"));
            self.searched += length + 1;
            if is_empty {
                return Some(self.searched);
            }
        }
        (self.is_end && self.start < self.buffer.len()).then_some(self.buffer.len())
    }

    fn fill(&mut self) -> Result<(), Problem> {
        if self.buffer.len() - self.start > self.limit {
            return Err(Problem::Unpack { what: format!("a stanza is longer than {} bytes", self.limit) });
        }
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let read = (&mut self.text).take(AT_ONCE).read_to_end(&mut self.buffer);
        let read = read.map_err(|error: io::Error| Problem::Unpack { what: error.to_string() })?;
        self.is_end = (read as u64) < AT_ONCE;
        Ok(())
    }
}

/// Returns a stanza without the empty lines around it.
fn trimmed(stanza: &[u8]) -> &[u8] {
    let start = stanza.iter().position(|c| !matches!(c, b'\n' | b'\r')).unwrap_or(0);
    let mut stanza = stanza.get(start..).unwrap_or_default();
    loop {
        stanza = match stanza {
            [rest @ .., b'\n', b'\r', b'\n'] => stanza.get(..rest.len() + 1).unwrap_or_default(),
            [rest @ .., b'\n', b'\n'] => stanza.get(..rest.len() + 1).unwrap_or_default(),
            _ => return stanza,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn read(text: &str) -> Vec<Result<Package, RefusedStanza>> {
        Packages::new(Box::new(text.as_bytes()), 1 << 20).map(Result::unwrap).collect()
    }

    fn stanza(filename: &str) -> String {
        format!(
            "Package: aa\nVersion: 1\nArchitecture: all\nFilename: {filename}\nSize: 7\nSHA256: {DIGEST}\n"
        )
    }

    #[test]
    fn paths_are_read_as_clients_read_them_and_never_leave_the_archive() {
        for (filename, path) in [
            ("pool/a.deb", "pool/a.deb"),
            ("./a.deb", "a.deb"),
            ("/a.deb", "a.deb"),
            ("a%2b.deb", "a%2b.deb"),
        ] {
            assert_eq!(read(&stanza(filename))[0].as_ref().unwrap().file.path.as_str(), path);
        }
        for bad in [
            "../a.deb",
            "pool/../../a.deb",
            "//a.deb",
            "https://h/a.deb",
            "a b.deb",
            "a\u{1}.deb",
            "",
            "a\\b",
        ] {
            let found = read(&stanza(bad));
            assert!(
                matches!(
                    found[..],
                    [Err(RefusedStanza::Field { number: 1, .. } | RefusedStanza::Path { number: 1, .. })]
                ),
                "{bad}: {found:?}"
            );
        }
    }

    #[test]
    fn a_stanza_that_is_refused_does_not_hide_the_others() {
        let weak = stanza("a.deb").replace("SHA256", "MD5sum").replace(DIGEST, &DIGEST[..32]);
        let text = format!("\n{}\n\n{weak}\r\n{}", stanza("../x"), stanza("b.deb"));
        let found = read(&text);
        assert!(matches!(found[0], Err(RefusedStanza::Path { .. } | RefusedStanza::Field { .. })));
        assert!(matches!(found[1], Err(RefusedStanza::NoDigest { number: 2, .. })));
        assert_eq!(found[2].as_ref().unwrap().stanza, stanza("b.deb").as_bytes());
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_stanza_without_an_end_is_not_read_forever() {
        let text = io::repeat(b'x');
        let found: Vec<_> = Packages::new(Box::new(text), 1 << 20).collect();
        assert!(matches!(found[..], [Err(Problem::Unpack { .. })]), "{}", found.len());
    }

    proptest! {
        #[test]
        fn stanzas_come_out_as_they_were_put_together(
            stanzas in proptest::collection::vec("(A: [a-z]{1,9}(\r)?\n){1,3}", 0..20),
            gap in "(\n|\r\n){1,3}",
        ) {
            let text = stanzas.join(&gap);
            let found: Vec<Vec<u8>> =
                Stanzas::new(Box::new(text.as_bytes()), 1 << 20).map_all();
            let expected: Vec<Vec<u8>> = stanzas.iter().map(|stanza| stanza.as_bytes().to_vec()).collect();
            prop_assert_eq!(found, expected);
        }
    }

    impl Stanzas<'_> {
        fn map_all(mut self) -> Vec<Vec<u8>> {
            std::iter::from_fn(|| self.next().map(|stanza| stanza.unwrap().1)).collect()
        }
    }
}
