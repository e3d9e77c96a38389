//! Configuration files, which dpkg does not overwrite unasked when the administrator changed them (deb-conffiles(5)).

use super::tar::EntryKind;
use crate::checksum::Sha256;
use crate::error::Error;
use crate::path;
use crate::place::offset_in;
use std::collections::HashMap;

/// A line of `conffiles`, and what the package installs there.
///
/// ```
/// use deb_parse::{Architecture, PackageName, Version, checksum::Sha256, deb};
/// let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
///     .file("etc/hello.conf", "x", 0o644)
///     .conffile("etc/hello.conf")
///     .build()?;
/// let conffiles = deb::read(&bytes[..], &deb::Options::default())?.conffiles;
/// assert_eq!(conffiles[0].line, "/etc/hello.conf");
/// assert_eq!(conffiles[0].sha256, Some(Sha256::of(b"x")));
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conffile {
    /// The line: an absolute path, or `remove-on-upgrade` and one. Bytes that are no UTF-8 are replaced.
    pub line: String,
    /// SHA-256 of the file's content, with [`Data::List`](super::Data::List); of a symbolic link that of its target.
    ///
    /// There is none when nothing is installed there, which is as it should be for what is removed on an upgrade, and none for
    /// what has no content, such as a directory. Of a hard link to a file that is no conffile itself it is not known: dpkg takes it
    /// for one, but the content went by before the link, unread.
    pub sha256: Option<Sha256>,
}

const REMOVED: &[u8] = b"remove-on-upgrade ";

/// The conffiles of a package, while its data archive goes by.
#[derive(Default)]
pub(super) struct Conffiles {
    /// Each line with the path in it, as [`path::plain`] writes it.
    lines: Vec<(String, Vec<u8>)>,
    /// What was found, by path.
    digests: HashMap<Vec<u8>, Option<Sha256>>,
}

impl Conffiles {
    /// Those in the text of `conffiles`.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut conffiles = Self::default();
        for line in lines(text) {
            // No entry of an archive has a path that is not plain.
            let path = path::plain(path_in(line)).unwrap_or_default();
            conffiles.digests.insert(path.clone(), None);
            conffiles.lines.push((String::from_utf8_lossy(line).into_owned(), path));
        }
        conffiles
    }

    /// Whether an entry at `path` is one.
    pub(super) fn contains(&self, path: &[u8]) -> bool {
        !self.digests.is_empty() && self.digests.contains_key(path)
    }

    /// Takes note of an entry at a path that is [contained](Self::contains); `content` is the digest of what is in it, if it is a
    /// file. Of several at one path the last counts: it is what dpkg installs.
    pub(super) fn found(&mut self, path: &[u8], kind: EntryKind, target: &[u8], content: Option<Sha256>) {
        let digest = match kind {
            EntryKind::File => content,
            EntryKind::Symlink => Some(Sha256::of(target)),
            EntryKind::HardLink => self.digests.get(target).copied().flatten(),
            _ => None,
        };
        if let Some(slot) = self.digests.get_mut(path) {
            *slot = digest;
        }
    }

    pub(super) fn finish(self) -> Vec<Conffile> {
        let digest = |path: &Vec<u8>| self.digests.get(path).copied().flatten();
        self.lines.into_iter().map(|(line, path)| Conffile { sha256: digest(&path), line }).collect()
    }
}

/// Checks what dpkg checks, so that a package that is taken can be installed.
pub(super) fn check(text: &[u8]) -> Result<(), Error> {
    if !text.is_empty() && !text.ends_with(b"\n") {
        return Err(Error::syntax(text, text.len(), "the file must end with a newline"));
    }
    for path in lines(text).map(path_in) {
        if !path.starts_with(b"/") {
            let rule = "a conffile must be an absolute path (deb-conffiles(5))";
            return Err(Error::syntax(text, offset_in(text, path), rule));
        }
    }
    Ok(())
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|c| *c == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

fn path_in(line: &[u8]) -> &[u8] {
    line.strip_prefix(REMOVED).map_or(line, <[u8]>::trim_ascii_start)
}
