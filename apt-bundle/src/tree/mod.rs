//! A directory that apt reads through `file:` or any web server, and that bundles are applied to.
//!
//! ```text
//! DIR/
//!   prod/dists      -> ../.current/prod/dists        what clients see
//!   prod/key.gpg    -> ../.current/prod/key.gpg
//!   prod/pool/…                                      the packages of the present state and of the one before
//!   .current        -> .states/<id>                  switched by one rename, for all repositories at once
//!   .states/<id>/.manifest, .manifest.asc, .previous, .site
//!   .states/<id>/prod/dists/…                        hard links to the files below
//!   .by-hash/SHA256/<digest>                         the indices of the states that are kept
//!   .incoming/                                       what is being received
//!   .lock
//! ```
//!
//! Nothing that was received leaves `.incoming` before the whole bundle has been read and compared. Packages then go into the pool, where no
//! index names them yet; the state is built beside the present one and made durable; one rename switches. A process that dies, or a machine that
//! loses power, at any step leaves the old state or the new one, and the next [`Tree::apply`] clears away what it left, whichever bundle it has.
//!
//! The directory and everything in it belong to the caller: others must not be able to write there. They can read it, whatever the umask: directories
//! have mode 0755 and files 0644. Only a root that the caller made keeps its mode.

mod apply;
mod disk;
mod error;
mod prune;
mod state;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::time::SystemTime;

use apt_sign::Keyring;
use camino::{Utf8Path, Utf8PathBuf};

use crate::manifest::Manifest;
use crate::name::Name;
use crate::receipt::Receipt;
use disk::Disk;
pub use error::TreeError;

/// A directory that bundles are applied to.
#[derive(Debug)]
pub struct Tree {
    disk: Disk,
}

/// What applying a bundle did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The state that clients see now.
    pub manifest: Manifest,
    /// How many files the bundle brought.
    pub received: usize,
    /// How many files of older states were removed.
    pub removed: usize,
}

impl Tree {
    /// Names a directory. It is made by the first [`apply`](Self::apply).
    #[must_use]
    pub fn new(root: &Utf8Path) -> Self {
        Self { disk: Disk::new(root.to_owned()) }
    }

    /// Returns where a client finds a repository.
    #[must_use]
    pub fn repository_path(&self, repository: &Name) -> Utf8PathBuf {
        self.disk.root().join(repository.as_str())
    }

    /// Returns the manifest of the state that clients see; `None` when no bundle was ever applied.
    ///
    /// # Errors
    /// [`TreeError::State`] when the tree was changed by others.
    pub fn state(&self) -> Result<Option<Manifest>, TreeError> {
        Ok(state::current(&self.disk)?.map(|state| state.manifest))
    }

    /// Returns the receipt for the state that clients see, with the name of the site; `None` when no bundle was ever applied.
    ///
    /// # Errors
    /// [`TreeError::State`] when the tree was changed by others.
    pub fn receipt(&self) -> Result<Option<Receipt>, TreeError> {
        let receipt = |state: state::State| Receipt { site: state.site, ..Receipt::of(&state.manifest) };
        Ok(state::current(&self.disk)?.map(receipt))
    }

    /// Applies a bundle that is not encrypted: all of it, or nothing.
    ///
    /// `site` is the name of this site, which the tree keeps. Where it is not given, the name counts that the tree has. `now` decides which
    /// algorithms are good enough. When this returns, the new state is durable.
    ///
    /// # Errors
    /// [`TreeError::Bundle`] for a bundle that is damaged or that no key of the keyring signed; [`TreeError::Refused`] for one that does not
    /// belong on top of the present state; [`TreeError::Busy`] while another process applies one; [`TreeError::Missing`] when a file has gone that
    /// the bundle does not carry; [`TreeError::Io`]. Clients see the state before.
    pub fn apply(
        &self,
        input: impl Read,
        keyring: &Keyring,
        site: Option<&Name>,
        now: SystemTime,
    ) -> Result<Applied, TreeError> {
        apply::apply(&self.disk, input, (keyring, now), site)
    }

    /// Checks that a bundle with this manifest could be applied as it is now, and changes nothing. That the bundle is whole shows when it is read.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), but for what the bundle itself can be.
    pub fn check(&self, manifest: &Manifest, site: Option<&Name>) -> Result<(), TreeError> {
        apply::check(&self.disk, manifest, site)
    }

    /// Returns the manifest of the state that [`undo`](Self::undo) would show.
    ///
    /// # Errors
    /// [`TreeError::NoPrevious`], [`TreeError::Missing`] and [`TreeError::State`].
    pub fn previous(&self) -> Result<Manifest, TreeError> {
        Ok(apply::previous(&self.disk)?.manifest)
    }

    /// Shows clients the state before the present one again, and returns its manifest. Clients that have seen the newer state keep it,
    /// because apt takes no older `Release` file; those that have not are as if it had never been there.
    ///
    /// # Errors
    /// [`TreeError::NoPrevious`] when there is no state to go back to; as [`apply`](Self::apply).
    pub fn undo(&self) -> Result<Manifest, TreeError> {
        apply::undo(&self.disk)
    }
}
