//! Untrusted packages are read in processes of their own, which may do nothing else.
//!
//! Such a process is this program once more, with an argument that no person gives. It lives as long as the store that it reads for is open.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use deb_parse::Limits;
use deb_parse::checksum::HashKinds;
use deb_parse::deb::tarball::Tarball;
use deb_parse::deb::{Options, Package};
use deb_sandbox::{Confinement, Fault, Program, ReadError, Readers};
use repo_store::Store;
use repo_store::package_reader::{InThisProcess, PackageError, PackageReader};

use crate::error::chain;
use crate::output::Output;

/// The first argument of a process that reads packages.
const ARGUMENT: &str = "--read-packages";

/// This program, also when its file was replaced since it was started.
const PROGRAM: &str = "/proc/self/exe";

/// So long reading a part of a package may take. What the limits allow takes less than a minute.
const PATIENCE: Duration = Duration::from_secs(300);

/// Reads packages if this process is there for that; it has nothing else to do then.
pub(crate) fn read_packages_if_asked() -> Option<ExitCode> {
    let is_asked = std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT);
    // The process that started this one sees that it ended.
    is_asked.then(|| if deb_sandbox::read_packages().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Has a store read packages within these limits, in processes of their own where there can be such processes.
pub(crate) fn confine(store: Store, limits: Limits) -> Store {
    let readers = readers(&limits);
    let store = store.with_limits(limits);
    match readers {
        Some(readers) => store.with_package_reader(Arc::new(Confined(readers))),
        None => store,
    }
}

/// Returns what reads packages within these limits, apart from any store.
pub(crate) fn reader(limits: &Limits) -> Arc<dyn PackageReader> {
    match readers(limits) {
        Some(readers) => Arc::new(Confined(readers)),
        None => Arc::new(InThisProcess),
    }
}

/// Returns `None` without `/proc`: this program cannot be started again then.
fn readers(limits: &Limits) -> Option<Readers> {
    let program = Program::new(PROGRAM, [ARGUMENT]);
    let memory = deb_sandbox::memory(limits);
    Path::new(PROGRAM).exists().then(|| Readers::new(program, memory, PATIENCE))
}

/// What the processes that read packages lack on this system.
pub(crate) enum Lack {
    /// They are not confined in every way.
    Confinement(Confinement),
    /// There are none: this process reads packages itself.
    Processes,
    /// None can be started, so no package can be read.
    Start(Fault),
}

impl Lack {
    /// Finds out what they lack by starting one; `None` when that is nothing.
    pub(crate) fn find() -> Option<Self> {
        match readers(&Limits::default()).map(|readers| readers.confinement()) {
            None => Some(Self::Processes),
            Some(Err(fault)) => Some(Self::Start(fault)),
            Some(Ok(confinement)) => (!confinement.is_full()).then_some(Self::Confinement(confinement)),
        }
    }

    /// Returns whether packages are read all the same.
    pub(crate) fn is_bearable(&self) -> bool {
        !matches!(self, Self::Start(_))
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confinement(confinement) => {
                write!(f, "the processes that read packages are confined {confinement}")
            }
            Self::Processes => {
                f.write_str("packages are read without confinement, because there is no /proc")
            }
            Self::Start(fault) => f.write_str(&chain(fault)),
        }
    }
}

/// Warns of what the processes that read packages lack: for services, which tell it once.
pub(crate) fn warn_of_lack(output: &Output) {
    if let Some(lack) = Lack::find() {
        output.warn("W-CONFINEMENT", lack.to_string());
    }
}

#[derive(Debug)]
struct Confined(Readers);

impl PackageReader for Confined {
    fn read_package(&self, file: &mut dyn Read, options: &Options) -> Result<Package, PackageError> {
        self.0.read_package(file, options).map_err(package_error)
    }

    fn read_tarball(
        &self,
        file: &mut dyn Read,
        size: u64,
        hashes: HashKinds,
        limits: &Limits,
    ) -> Result<Tarball, PackageError> {
        self.0.read_tarball(file, size, hashes, limits).map_err(package_error)
    }
}

fn package_error(error: ReadError) -> PackageError {
    match error {
        ReadError::Refused(error) => PackageError::Invalid(error),
        ReadError::Fault(ref fault @ Fault::NotStarted(ref error)) => {
            PackageError::NoReader(io::Error::new(error.kind(), chain(fault)))
        }
        ReadError::Fault(fault) => PackageError::ReaderFailed(Box::new(fault)),
    }
}
