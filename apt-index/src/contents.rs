//! The lines of a package in `Contents`, the index of paths: [`ContentsLines`] are items of an index, as stanzas are.

use std::ops::Range;

use deb_parse::{FilePath, PackageName};

use crate::Error;
use crate::item::Item;

/// The lines of one package in a `Contents` index: a path, a tab, and the package with its section before it, for each file.
///
/// Debian lists a path once, with all packages that have it; here each package has its own line. Readers search line by line, so
/// they find both, and a package can be taken out without touching the lines of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentsLines {
    bytes: Vec<u8>,
    package: Range<usize>,
}

impl ContentsLines {
    /// The lines for the files of a package; `None` when it has none.
    ///
    /// # Errors
    /// [`Error::Stanza`] for a section that is not one word.
    ///
    /// ```
    /// use apt_index::contents::ContentsLines;
    /// use apt_index::index::Item as _;
    /// use deb_parse::{FilePath, PackageName};
    ///
    /// let path = FilePath::parse("usr/bin/hello")?;
    /// let lines = ContentsLines::new(&PackageName::parse("hello")?, Some("devel"), [&path]).unwrap();
    /// assert_eq!(lines.unwrap().as_bytes(), b"usr/bin/hello\tdevel/hello\n");
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    pub fn new<'p>(
        package: &PackageName,
        section: Option<&str>,
        paths: impl IntoIterator<Item = &'p FilePath<'p>>,
    ) -> Result<Option<Self>, Error> {
        let broken = |rule| Error::Stanza { rule };
        let section = section.unwrap_or_default();
        if section.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',') {
            return Err(broken("a section of `Contents` is one word"));
        }
        let parted = if section.is_empty() { "" } else { "/" };
        let owner = format!("\t{section}{parted}{package}\n");
        let mut bytes = Vec::new();
        for path in paths {
            bytes.extend_from_slice(path.as_bytes());
            bytes.extend_from_slice(owner.as_bytes());
        }
        let end = bytes.len().saturating_sub(1);
        let package = end.saturating_sub(package.as_str().len())..end;
        Ok((!bytes.is_empty()).then_some(Self { bytes, package }))
    }
}

impl Item for ContentsLines {
    const SEPARATOR: &'static [u8] = b"";

    fn package(&self) -> &str {
        self.bytes
            .get(self.package.clone())
            .and_then(|name| std::str::from_utf8(name).ok())
            .unwrap_or_default()
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn split(text: &[u8]) -> impl Iterator<Item = Option<(&str, &[u8])>> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let owner = owner_of(rest.split_inclusive(|byte| *byte == b'\n').next()?);
            let same = rest.split_inclusive(|byte| *byte == b'\n').take_while(|line| owner_of(line) == owner);
            let length = same.map(<[u8]>::len).sum();
            let (item, behind) = rest.split_at_checked(length)?;
            rest = behind;
            let package =
                owner.and_then(|owner| std::str::from_utf8(owner.rsplit(|b| *b == b'/').next()?).ok());
            Some(package.map(|package| (package, item)))
        })
    }

    fn whole(text: &[u8]) -> usize {
        // More lines of the last package may follow.
        let mut end = memchr::memrchr(b'\n', text).map_or(0, |end| end + 1);
        let mut last = None;
        while let Some(lines) = text.get(..end).filter(|lines| !lines.is_empty()) {
            let start =
                memchr::memrchr(b'\n', lines.get(..end - 1).unwrap_or_default()).map_or(0, |end| end + 1);
            let owner = lines.get(start..).and_then(owner_of);
            if last.is_some_and(|last| last != owner) {
                break;
            }
            (last, end) = (Some(owner), start);
        }
        end
    }
}

/// What stands behind the last tab of a line.
fn owner_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let tab = memchr::memrchr(b'\t', line)?;
    line.get(tab + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(package: &str, section: Option<&str>, paths: &[&str]) -> Result<Option<ContentsLines>, Error> {
        let package = PackageName::parse(package).unwrap();
        let paths: Vec<FilePath<'_>> = paths.iter().map(|path| FilePath::parse(*path).unwrap()).collect();
        ContentsLines::new(&package, section, &paths)
    }

    #[test]
    fn an_index_is_taken_apart_into_its_packages() {
        let parts = [
            lines("aa", Some("net"), &["usr/bin/aa", "usr/share/a a"]),
            lines("ab", None, &["usr/bin/ab\t/odd"]),
            lines("aa2", Some("net"), &["usr/bin/aa"]),
        ];
        let parts = parts.map(|part| part.unwrap().unwrap());
        let text: Vec<u8> = parts.iter().flat_map(|part| part.as_bytes().to_vec()).collect();
        insta::assert_snapshot!(String::from_utf8_lossy(&text), @"
        usr/bin/aa	net/aa
        usr/share/a a	net/aa
        usr/bin/ab	/odd	ab
        usr/bin/aa	net/aa2
        ");
        let found: Vec<_> = ContentsLines::split(&text).collect::<Option<_>>().unwrap();
        let wanted: Vec<_> = parts.iter().map(|part| (part.package(), part.as_bytes())).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_section_of_several_words_is_refused() {
        assert!(lines("aa", Some("net\n"), &["a"]).is_err());
        assert_eq!(lines("aa", Some("net"), &[]).unwrap(), None);
    }

    #[test]
    fn a_broken_line_is_noticed() {
        for broken in [&b"no tab\n"[..], b"a\tnet/aa\nno newline\tnet/ab"] {
            assert!(ContentsLines::split(broken).any(|item| item.is_none()), "{broken:?}");
        }
    }
}
