//! Whether the files of a package are those that its `md5sums` names (deb-md5sums(5)).

use super::package::Package;
use super::tar::EntryKind;
use crate::checksum::Md5;
use crate::error::Quoted;
use std::collections::HashMap;
use std::fmt;

/// What is wrong about a line of `md5sums`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Md5sumsProblem {
    /// It is not a checksum, two blanks and a path.
    Line {
        /// The line, counted from 1.
        number: usize,
    },
    /// The package has no file at the path.
    Missing {
        /// The path, without a slash before it.
        path: Vec<u8>,
    },
    /// The file has another content.
    Differs {
        /// The path, without a slash before it.
        path: Vec<u8>,
    },
}

impl fmt::Display for Md5sumsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { number } => {
                write!(f, "line {number} of md5sums must be a checksum, two blanks and a path")
            }
            Self::Missing { path } => {
                write!(f, "{}: md5sums names it, and it is not in the package", Quoted::new(path))
            }
            Self::Differs { path } => {
                write!(f, "{}: its content is not the one that md5sums names", Quoted::new(path))
            }
        }
    }
}

impl Package {
    /// Compares the files with `md5sums`; returns nothing if the package has no such file, or was not read with MD5 among
    /// [`Options::file_hashes`](super::Options::file_hashes). Files that it does not name are not looked at: it need not name all.
    ///
    /// ```
    /// # use deb_parse::{Architecture, PackageName, Version};
    /// use deb_parse::{checksum::HashKinds, deb};
    /// # let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
    /// #     .file("usr/bin/hello", "x", 0o755).build()?;
    /// let file_hashes = Some(HashKinds { md5: true, ..HashKinds::default() });
    /// let package = deb::read(&bytes[..], &deb::Options { file_hashes, ..deb::Options::default() })?;
    /// assert_eq!(package.md5sums_problems(), Some(Vec::new()));
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    pub fn md5sums_problems(&self) -> Option<Vec<Md5sumsProblem>> {
        let text = self.md5sums.as_deref()?;
        let mut known: HashMap<&[u8], Md5> = HashMap::new();
        for file in self.files.as_deref()? {
            let digest = match file.kind {
                EntryKind::File => Some(file.hashes.as_ref()?.md5?),
                EntryKind::HardLink => known.get(file.target.as_slice()).copied(),
                _ => None,
            };
            // Of several at one path dpkg installs the last.
            match digest {
                Some(digest) => known.insert(&file.path, digest),
                None => known.remove(file.path.as_slice()),
            };
        }
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            if line.is_empty() {
                continue;
            }
            let Some((digest, path)) = parse(line) else {
                problems.push(Md5sumsProblem::Line { number });
                continue;
            };
            match known.get(path) {
                None => problems.push(Md5sumsProblem::Missing { path: path.to_vec() }),
                Some(found) if *found != digest => {
                    problems.push(Md5sumsProblem::Differs { path: path.to_vec() });
                }
                Some(_) => {}
            }
        }
        Some(problems)
    }
}

fn parse(line: &[u8]) -> Option<(Md5, &[u8])> {
    let (digest, rest) = line.split_at_checked(2 * Md5::LEN)?;
    let path = rest.strip_prefix(b"  ").filter(|path| !path.is_empty())?;
    Some((Md5::parse_bytes(digest).ok()?, path.strip_prefix(b"./").unwrap_or(path)))
}
