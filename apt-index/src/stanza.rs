//! The stanza of a package in `Packages` or `Sources`.
//!
//! [`Stanza::render`] makes it from a control file and [`FileFacts`], [`Stanza::render_source`] from a `.dsc` and [`SourceFacts`].

use std::borrow::Cow;

use deb_parse::checksum::{Md5, Sha1, Sha256};
use deb_parse::control::BinaryControl;
use deb_parse::{Limits, deb822};

use crate::item::Item;
use crate::{Error, RelPath};

pub use crate::source_stanza::{IndexedFile, SourceFacts};

/// Fields that describe the archive file and not the package: only we may write them, whatever a package's own control
/// file says. `Status` belongs to dpkg's database, `Description-md5` to an index whose descriptions are kept apart.
const OURS: [&str; 11] = [
    "Filename",
    "Size",
    "MD5sum",
    "SHA1",
    "SHA224",
    "SHA256",
    "SHA384",
    "SHA512",
    "MSDOS-Filename",
    "Status",
    "Description-md5",
];

/// One paragraph of a `Packages` or `Sources` index, checked: adding it to an index cannot break the index.
///
/// It starts with `Package`, ends with one newline, and holds neither an empty line nor a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza<'a> {
    bytes: Cow<'a, [u8]>,
    package: std::ops::Range<usize>,
}

/// What an index says of the archive file itself.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FileFacts {
    /// Where the file lies, relative to the archive root.
    pub filename: RelPath,
    /// Size in bytes.
    pub size: u64,
    /// Its SHA-256, which every apt in use checks.
    pub sha256: Sha256,
    /// Its MD5, for tools that want no other.
    pub md5: Option<Md5>,
    /// Its SHA-1, for tools that want no other.
    pub sha1: Option<Sha1>,
}

impl Stanza<'static> {
    /// The stanza of a binary package: its control file as shipped, then the fields that describe the file.
    ///
    /// The fields of the control file keep their order and their bytes, unless some apt could not read them: see
    /// [`canonical`](Stanza::canonical). What describes the file stands last, so that a move in the pool changes a single line.
    ///
    /// # Errors
    /// [`Error::Stanza`] and [`Error::Field`] when the control file holds something an index cannot.
    pub fn render(control: &BinaryControl, facts: &FileFacts) -> Result<Self, Error> {
        use std::io::Write as _;
        let mut bytes = Vec::with_capacity(control.as_bytes().len() + 256);
        let paragraph = control.paragraph();
        // `Package` leads every stanza of every index; in a control file it may stand anywhere.
        let (first, rest): (Vec<_>, Vec<_>) =
            paragraph.fields().partition(|field| field.name().eq_ignore_ascii_case("Package"));
        for field in first.into_iter().chain(rest) {
            if !OURS.iter().any(|ours| ours.eq_ignore_ascii_case(field.name())) {
                bytes.extend_from_slice(field.as_bytes());
                if !field.as_bytes().ends_with(b"\n") {
                    bytes.push(b'\n');
                }
            }
        }
        let FileFacts { filename, size, sha256, md5, sha1 } = facts;
        // Writing to a Vec cannot fail.
        let _ = writeln!(bytes, "Filename: {filename}\nSize: {size}");
        if let Some(md5) = md5 {
            let _ = writeln!(bytes, "MD5sum: {md5}");
        }
        if let Some(sha1) = sha1 {
            let _ = writeln!(bytes, "SHA1: {sha1}");
        }
        let _ = writeln!(bytes, "SHA256: {sha256}");
        Self::from_bytes(bytes)
    }

    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        Stanza::check(Cow::Owned(bytes))?.canonical()
    }
}

impl<'a> Stanza<'a> {
    /// Checks that `bytes` are one stanza of a `Packages` or `Sources` index.
    ///
    /// # Errors
    /// [`Error::Stanza`] names what would break the index.
    ///
    /// ```
    /// use apt_index::index::Item as _;
    /// use apt_index::stanza::Stanza;
    /// assert_eq!(Stanza::parse(b"Package: hello\nVersion: 1\n")?.package(), "hello");
    /// assert!(Stanza::parse(b"Package: hello\n\nPackage: smuggled\n").is_err());
    /// # Ok::<(), apt_index::Error>(())
    /// ```
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::check(Cow::Borrowed(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn check(bytes: Cow<'a, [u8]>) -> Result<Self, Error> {
        let broken = |rule| Error::Stanza { rule };
        if bytes.last() != Some(&b'\n') || bytes.ends_with(b"\n\n") {
            return Err(broken("it does not end with exactly one newline"));
        }
        let paragraphs = deb822::parse(&bytes, &Limits::default())
            .map_err(|_| broken("it is not a well-formed paragraph"))?;
        let [paragraph] = paragraphs.as_slice() else {
            return Err(broken("it is not exactly one paragraph"));
        };
        if paragraph.as_bytes().len() != bytes.len() {
            return Err(broken("it has something before or behind the paragraph"));
        }
        let package = match paragraph.fields().next() {
            Some(field) if field.name().eq_ignore_ascii_case("Package") => field.value(),
            _ => return Err(broken("it does not start with the field `Package`")),
        };
        // apt keeps its length in 16 bits, and aborts.
        if paragraph.get("Section").is_some_and(|section| section.len() > LONGEST_SECTION) {
            return Err(broken("`Section` is longer than apt can read (65,534 bytes)"));
        }
        let start = subslice_start(&bytes, package).ok_or_else(|| broken("`Package` has no value"))?;
        let package = start..start + package.len();
        let text = bytes.get(package.clone()).map(std::str::from_utf8);
        if !matches!(text, Some(Ok(name)) if !name.is_empty() && !name.contains(char::is_whitespace)) {
            return Err(broken("`Package` has no usable value"));
        }
        Ok(Self { package, bytes })
    }

    /// The bytes, taken out.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_owned()
    }

    /// The same stanza with bytes of its own.
    #[must_use]
    pub fn into_owned(self) -> Stanza<'static> {
        Stanza { bytes: Cow::Owned(self.bytes.into_owned()), package: self.package }
    }
}

/// A longer section makes every apt from 2.2 to 3.0 abort.
const LONGEST_SECTION: usize = 65_534;

impl Item for Stanza<'_> {
    const SEPARATOR: &'static [u8] = b"\n";

    fn package(&self) -> &str {
        // Checked to be UTF-8 when the stanza was made.
        self.bytes
            .get(self.package.clone())
            .and_then(|name| std::str::from_utf8(name).ok())
            .unwrap_or_default()
    }

    /// The stanza, with its final newline and without the empty line that parts it from the next.
    fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn split(text: &[u8]) -> impl Iterator<Item = Option<(&str, &[u8])>> {
        deb822::paragraphs(text).map(|paragraph| Some((paragraph.get_str("Package")?, paragraph.as_bytes())))
    }

    fn whole(text: &[u8]) -> usize {
        memchr::memmem::rfind(text, b"\n\n").map_or(0, |end| end + 2)
    }
}

/// Where `part`, a slice of `whole`, starts in it.
fn subslice_start(whole: &[u8], part: &[u8]) -> Option<usize> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    (whole.get(start..start + part.len())? == part).then_some(start)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn facts() -> FileFacts {
        FileFacts {
            filename: RelPath::parse("pool/main/h/hello/hello_2.10-3_amd64.deb").unwrap(),
            size: 53080,
            sha256: Sha256::from_bytes([0xab; 32]),
            md5: None,
            sha1: None,
        }
    }

    #[test]
    fn the_control_file_is_kept_and_the_file_described_last() {
        let control =
            b"Version: 2.10-3\nPackage: hello\nArchitecture: amd64\nMaintainer: A <a@example.org>\n\
            X-Own: kept\nFilename: ../../etc/passwd\nsha256: 00\n\
            Description: greeting\n A long one.\n .\n With a paragraph.\n";
        let control = BinaryControl::parse(control, &Limits::default()).unwrap();
        let stanza = Stanza::render(&control, &facts()).unwrap();
        assert_eq!(stanza.package(), "hello");
        assert_snapshot!(String::from_utf8_lossy(stanza.as_bytes()), @"
        Package: hello
        Version: 2.10-3
        Architecture: amd64
        Maintainer: A <a@example.org>
        X-Own: kept
        Description: greeting
         A long one.
         .
         With a paragraph.
        Filename: pool/main/h/hello/hello_2.10-3_amd64.deb
        Size: 53080
        SHA256: abababababababababababababababababababababababababababababababab
        ");
    }

    #[test]
    fn a_stanza_cannot_break_an_index() {
        for bad in [
            &b""[..],
            b"\n",
            b"Package: a",
            b"Package: a\n\n",
            b"Package: a\n\nPackage: b\n",
            b"\nPackage: a\n",
            b"Version: 1\nPackage: a\n",
            b"Package: a\nno colon here\n",
            b"Package: a\nVersion: 1\nversion: 2\n",
            b"Package: a\n \nVersion: 1\n",
            b"Package:\nVersion: 1\n",
            b"Package: a b\n",
            b"Package: a\nVersion: 1\x00\n",
            b"Package: a\n\tfolded\r\n",
        ] {
            assert!(Stanza::parse(bad).is_err(), "{:?}", String::from_utf8_lossy(bad));
        }
    }
}
