//! How the package files of others are read: by this process, unless a store is given another way.

use std::fmt;
use std::io::Read;

use deb_parse::Limits;
use deb_parse::checksum::HashKinds;
use deb_parse::deb::tarball::{self, Tarball};
use deb_parse::deb::{self, Options, Package};

/// Reads package files of others. A store asks for nothing else about them, so it can leave that to a process that may do nothing else; see
/// [`Store::with_package_reader`](crate::Store::with_package_reader).
pub trait PackageReader: Send + Sync + fmt::Debug {
    /// Reads a package from its first to its last byte, as [`deb::read`] does.
    ///
    /// # Errors
    /// [`PackageError::Invalid`] for those of [`deb::read`], among them what `file` gives.
    fn read_package(&self, file: &mut dyn Read, options: &Options) -> Result<Package, PackageError>;

    /// Reads a tarball or a diff of `size` bytes to its end, as [`tarball::read`] does.
    ///
    /// # Errors
    /// [`PackageError::Invalid`] for those of [`tarball::read`], among them what `file` gives.
    fn read_tarball(
        &self,
        file: &mut dyn Read,
        size: u64,
        hashes: HashKinds,
        limits: &Limits,
    ) -> Result<Tarball, PackageError>;
}

/// Reads package files in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct InThisProcess;

impl PackageReader for InThisProcess {
    fn read_package(&self, file: &mut dyn Read, options: &Options) -> Result<Package, PackageError> {
        Ok(deb::read(file, options)?)
    }

    fn read_tarball(
        &self,
        file: &mut dyn Read,
        size: u64,
        hashes: HashKinds,
        limits: &Limits,
    ) -> Result<Tarball, PackageError> {
        Ok(tarball::read(file, size, hashes, limits)?)
    }
}

/// Why a package file was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The package breaks a rule: which one, and where. Or the file could not be read at all.
    #[error(transparent)]
    Invalid(#[from] deb_parse::Error),
    /// The reader failed at this package, which another reader may find nothing wrong with.
    #[error(transparent)]
    ReaderFailed(Box<dyn std::error::Error + Send + Sync>),
    /// A reader is missing, which says nothing of the package.
    #[error(transparent)]
    NoReader(std::io::Error),
}
