//! What a process gives up before it reads anything of strangers.

use std::fmt;
use std::io;

use deb_parse::Limits;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::system_calls;

/// How far a process is confined. The rest depends on the system.
///
/// ```
/// let confinement = deb_sandbox::Confinement { files: true, system_calls: false };
/// assert_eq!(confinement.to_string(), "by Landlock, without seccomp");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Whether Landlock keeps it from every file, and from as much of the network as the kernel knows to keep from it.
    pub files: bool,
    /// Whether seccomp keeps it from every system call but the few it needs.
    pub system_calls: bool,
}

impl Confinement {
    /// Returns whether the system confines it in both ways.
    #[must_use]
    pub fn is_full(self) -> bool {
        self.files && self.system_calls
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.files, self.system_calls) {
            (true, true) => "by Landlock and seccomp",
            (true, false) => "by Landlock, without seccomp",
            (false, true) => "by seccomp, without Landlock",
            (false, false) => "by neither Landlock nor seccomp",
        })
    }
}

/// Returns the memory that reading a package within these limits can take, in bytes.
///
/// ```
/// assert!(deb_sandbox::memory(&deb_parse::Limits::default()) < 4 << 30);
/// ```
#[must_use]
pub fn memory(limits: &Limits) -> u64 {
    /// The program itself, its stack, buffers and windows of compression formats that have no limit of their own.
    const PROGRAM: u64 = 512 << 20;
    /// What an entry of a list takes besides its texts, twice while the list grows.
    const ENTRY: u64 = 512;
    let number = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    let lists = number(limits.list_bytes()).saturating_mul(2);
    let entries = number(limits.data_entries()).saturating_mul(ENTRY);
    let control = limits.control_unpacked().saturating_mul(2);
    let window = 1_u64.checked_shl(limits.zstd_window_log()).unwrap_or(u64::MAX);
    [lists, entries, control, window, limits.xz_memory()].into_iter().fold(PROGRAM, u64::saturating_add)
}

/// Confines the calling thread for good: it can open nothing, start nothing and connect to nothing, has at most so many bytes of memory,
/// and of the descriptors that it has only standard input and output are of use to it.
///
/// Where the system lacks Landlock or seccomp the rest is done, and the result tells so. Other threads of the process are not confined, so
/// this belongs before any is started.
///
/// # Errors
/// When a limit cannot be set, or Landlock fails though the system has it.
pub fn confine(memory: u64) -> io::Result<Confinement> {
    for (resource, most) in
        [(Resource::Core, 0), (Resource::Fsize, 0), (Resource::Nproc, 0), (Resource::As, memory)]
    {
        limit(resource, most)?;
    }
    let files = give_up_files().map_err(io::Error::other)?;
    // Landlock needed a descriptor. Nothing needs a new one from here on.
    limit(Resource::Nofile, 0)?;
    Ok(Confinement { files, system_calls: system_calls::give_up() })
}

/// Lowers a limit. One that is lower already stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let now = rustix::process::getrlimit(resource);
    let lower = |known: Option<u64>| known.map_or(most, |known| known.min(most));
    let (current, maximum) = (lower(now.current), lower(now.maximum));
    Ok(setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })?)
}

/// Gives up every file and the network, as far as this kernel knows how. Returns whether it knows anything of that.
fn give_up_files() -> Result<bool, RulesetError> {
    // The newest that the crate knows; of what this kernel does not know nothing is asked.
    let abi = ABI::V10;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{ErrorKind, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;

    /// Landlock confines a thread.
    #[test]
    fn landlock_alone_keeps_a_thread_from_files_and_ports() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let own = std::env::current_exe().unwrap();
        let tried = thread::spawn(move || {
            let is_confined = give_up_files().unwrap();
            let of_file =
                ["/etc/shadow", "/etc/passwd", own.to_str().unwrap()].map(|path| File::open(path).err());
            (is_confined, of_file, std::fs::read_dir("/").err(), TcpStream::connect(address).err())
        });
        let (is_confined, of_files, of_directory, of_port) = tried.join().unwrap();
        if !is_confined {
            let _ = writeln!(std::io::stderr().lock(), "SKIPPED: the kernel has no Landlock");
            return;
        }
        for error in of_files.into_iter().chain([of_directory]) {
            assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::PermissionDenied));
        }
        // Kernels before 6.7 do not know of ports.
        if let Some(error) = of_port {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        }
    }

    #[test]
    fn seccomp_alone_keeps_a_thread_from_other_system_calls() {
        let tried = thread::spawn(|| {
            let is_confined = system_calls::give_up();
            (is_confined, File::open("/etc/passwd").err(), TcpListener::bind(("127.0.0.1", 0)).err())
        });
        let (is_confined, of_file, of_socket) = tried.join().unwrap();
        if !is_confined {
            let _ = writeln!(
                std::io::stderr().lock(),
                "SKIPPED: the kernel lacks seccomp, or no filter is written for this architecture"
            );
            return;
        }
        for error in [of_file, of_socket] {
            assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::PermissionDenied));
        }
    }

    #[test]
    fn what_is_allowed_to_be_large_is_allowed_memory() {
        let usual = memory(&Limits::default());
        let large = memory(&Limits::default().with_xz_memory(4 << 30));
        assert!(usual >= 1 << 30 && large >= usual + (3 << 30));
        assert_eq!(memory(&Limits::default().with_control_unpacked(u64::MAX)), u64::MAX);
    }
}
