//! The content of a file in a data archive, which goes by but once, for everybody who wants it.

use super::own_changelog::Changelog;
use super::tar::Tar;
use crate::checksum::{Hasher, Hashes, Sha256};
use crate::error::Error;
use sha2::Digest as _;
use std::io::{self, Read};

/// Who looks at the content of a file while it goes by.
#[derive(Default)]
pub(super) struct Watchers {
    /// The digest of a conffile.
    pub(super) conffile: Option<sha2::Sha256>,
    /// The package's own changelog.
    pub(super) changelog: Option<Changelog>,
    /// The checksums that the caller asked for.
    pub(super) hasher: Option<Hasher>,
}

/// What they saw.
pub(super) struct Seen {
    pub(super) conffile: Option<Sha256>,
    pub(super) changelog: Option<Changelog>,
    pub(super) hashes: Option<Hashes>,
}

impl Watchers {
    fn is_empty(&self) -> bool {
        self.conffile.is_none() && self.changelog.is_none() && self.hasher.is_none()
    }

    fn update(&mut self, piece: &[u8]) {
        if let Some(conffile) = &mut self.conffile {
            conffile.update(piece);
        }
        if let Some(changelog) = &mut self.changelog {
            changelog.update(piece);
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(piece);
        }
    }

    fn finish(self) -> Seen {
        let conffile = self.conffile.map(|conffile| Sha256::from_bytes(conffile.finalize().into()));
        Seen { conffile, changelog: self.changelog, hashes: self.hasher.map(Hasher::finish) }
    }
}

/// The content of the current entry of an archive.
pub(super) struct Content<'t, 'a, R> {
    tar: &'t mut Tar<'a, R>,
    watchers: Watchers,
    /// Why the archive could not be read on.
    error: Option<Error>,
}

impl<'t, 'a, R: Read> Content<'t, 'a, R> {
    pub(super) fn new(tar: &'t mut Tar<'a, R>, watchers: Watchers) -> Self {
        Self { tar, watchers, error: None }
    }

    /// Lets `visit` read it, as far as that wants to.
    pub(super) fn show(&mut self, visit: impl FnOnce(&mut dyn Read) -> io::Result<()>) -> Result<(), Error> {
        let visited = visit(self);
        // The visitor saw the same as an error of input, if it passed it on at all.
        self.error.take().map_or(Ok(()), Err)?;
        Ok(visited?)
    }

    /// Reads what is left, if somebody looks at it.
    pub(super) fn finish(mut self) -> Result<Seen, Error> {
        while !self.watchers.is_empty() {
            match self.tar.next_piece()? {
                [] => break,
                piece => self.watchers.update(piece),
            }
        }
        Ok(self.watchers.finish())
    }
}

impl<R: Read> Read for Content<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.error.is_some() {
            return Err(io::Error::other("the archive cannot be read on"));
        }
        match self.tar.read_on(buffer) {
            Ok(length) => {
                self.watchers.update(buffer.get(..length).unwrap_or_default());
                Ok(length)
            }
            Err(error) => {
                let shown = io::Error::other(error.to_string());
                self.error = Some(error);
                Err(shown)
            }
        }
    }
}
