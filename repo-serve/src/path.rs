//! The path of a request: percent-decoded once, checked, split into the repository and what lies inside it.
//!
//! What comes out can be opened beneath a directory without another look: it holds no `..`, no dot file, no NUL or
//! control byte, no backslash, no slash that was hidden behind percent-encoding. Bytes beyond ASCII pass through.

/// A request path of well-formed syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestPath {
    /// The elements, decoded, with a slash between each two.
    path: Vec<u8>,
    /// Where each element starts.
    starts: Vec<usize>,
    /// Whether nothing below it may be served.
    is_hidden: bool,
    /// Whether it ends with a slash.
    is_directory: bool,
}

/// The path breaks a rule that every client who means well keeps: broken percent-encoding, control bytes,
/// backslashes, percent-encoded slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed request path")]
pub(crate) struct MalformedPath;

impl RequestPath {
    /// Reads the path of a request target (what stands before any `?`), as it came over the wire.
    ///
    /// Empty and `.` elements vanish, as apt asks for `/prod/./Packages` of a flat repository (sources.list(5)).
    pub(crate) fn parse(raw: &str) -> Result<Self, MalformedPath> {
        let rest = raw.strip_prefix('/').ok_or(MalformedPath)?;
        let (mut path, mut starts, mut is_hidden) = (Vec::with_capacity(rest.len()), Vec::new(), false);
        for element in rest.split('/') {
            let decoded = decode(element)?;
            if decoded.is_empty() || decoded == b"." {
                continue;
            }
            // Publications and shared by-hash directories live in dot directories, reached through symlinks only.
            is_hidden |= decoded.starts_with(b".");
            if starts.is_empty() {
                std::str::from_utf8(&decoded).map_err(|_| MalformedPath)?;
            } else {
                path.push(b'/');
            }
            starts.push(path.len());
            path.extend_from_slice(&decoded);
        }
        Ok(Self { path, starts, is_hidden, is_directory: rest.ends_with('/') })
    }

    /// The first element: the repository, on hosts that are of no repository; empty for `/`.
    pub(crate) fn repository(&self) -> &str {
        self.elements().next().and_then(|first| std::str::from_utf8(first).ok()).unwrap_or_default()
    }

    /// Returns the elements behind the first one, with an empty last one where the path ends in a slash; `None` when the path is hidden or an
    /// element is not text.
    pub(crate) fn behind_first(&self) -> Option<Vec<&str>> {
        let elements = self.elements().skip(1).chain(self.is_directory.then_some(&b""[..]));
        let texts: Option<Vec<&str>> = elements.map(|element| std::str::from_utf8(element).ok()).collect();
        texts.filter(|_| !self.is_hidden)
    }

    fn elements(&self) -> impl Iterator<Item = &[u8]> {
        self.path.split(|byte| *byte == b'/').filter(|element| !element.is_empty())
    }

    /// Returns whether the path begins with these elements.
    pub(crate) fn is_below(&self, prefix: &[Vec<u8>]) -> bool {
        let mut elements = self.elements();
        prefix.iter().all(|element| elements.next() == Some(element))
    }

    /// Returns whether the path is that of a repository itself, whose address is the first `depth` elements.
    pub(crate) fn names_repository(&self, depth: usize) -> bool {
        !self.is_hidden && self.starts.len() == depth
    }

    /// The path below the repository's directory, behind the first `depth` elements; `None` when nothing can ever be served under this path.
    pub(crate) fn inner(&self, depth: usize) -> Option<&[u8]> {
        let start = self.starts.get(depth).filter(|_| !self.is_hidden && !self.is_directory)?;
        self.path.get(*start..)
    }
}

pub(super) fn decode(element: &str) -> Result<Vec<u8>, MalformedPath> {
    let mut decoded = Vec::with_capacity(element.len());
    let mut bytes = element.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            plain => plain,
        };
        if byte < 0x20 || byte == 0x7f || byte == b'\\' || byte == b'/' {
            return Err(MalformedPath);
        }
        decoded.push(byte);
    }
    Ok(decoded)
}

fn hex(digit: Option<u8>) -> Result<u8, MalformedPath> {
    match digit {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(MalformedPath),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn parsed(raw: &str) -> (String, Option<String>) {
        let path = RequestPath::parse(raw).unwrap();
        let inner = path.inner(1).map(|inner| String::from_utf8(inner.to_vec()).unwrap());
        (path.repository().to_owned(), inner)
    }

    #[test]
    fn paths_that_name_a_file() {
        for (raw, repository, inner) in [
            ("/prod/dists/trixie/InRelease", "prod", "dists/trixie/InRelease"),
            ("/prod/pool/main/g/g%2b%2B/g++_1%2b2_amd64.deb", "prod", "pool/main/g/g++/g++_1+2_amd64.deb"),
            ("//prod//./pool/x", "prod", "pool/x"),
            ("/prod/%252e%252e/x", "prod", "%2e%2e/x"),
            ("/prod/a%20b~c", "prod", "a b~c"),
        ] {
            assert_eq!(parsed(raw), (repository.to_owned(), Some(inner.to_owned())), "{raw}");
        }
    }

    #[test]
    fn paths_that_name_nothing() {
        for raw in [
            "/",
            "//",
            "/prod",
            "/prod/",
            "/prod/dists/",
            "/prod/.publications/1/dists/x",
            "/prod/dists/%2egit/x",
            "/prod/../etc/passwd",
            "/prod/%2e%2e/%2E%2e/etc/passwd",
            "/..",
            "/../etc/passwd",
            "/.hidden/x",
            "/prod/dists/...",
            "/prod/.",
        ] {
            assert_eq!(parsed(raw).1, None, "{raw}");
        }
    }

    #[test]
    fn malformed_paths() {
        for raw in [
            "",
            "prod/x",
            "*",
            "/prod/%",
            "/prod/%2",
            "/prod/%zz",
            "/prod/%+1",
            "/prod/%00",
            "/prod/x%00.deb",
            "/prod/%0a",
            "/prod/%7f",
            "/prod/..%5c..%5cx",
            "/prod/a\\b",
            "/prod/%2f",
            "/prod%2fx",
            "/prod/..%2f..%2fetc/passwd",
            "/%ff/x",
        ] {
            assert_eq!(RequestPath::parse(raw), Err(MalformedPath), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn nothing_leads_outside(raw in "/(%(2e|2E|2f|5c|00|25|41)|[./a\\\\])*") {
            if let Ok(path) = RequestPath::parse(&raw) && let Some(inner) = path.inner(1) {
                let safe = |element: &[u8]| !element.is_empty() && element[0] != b'.' && !element.contains(&b'\\');
                prop_assert!(inner.split(|byte| *byte == b'/').all(safe));
                prop_assert!(safe(path.repository().as_bytes()) && !path.repository().contains('/'));
            }
        }
    }
}
