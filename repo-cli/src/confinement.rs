//! What takes files of strangers, and what reads their requests, is kept to the directories that it is for.
//!
//! It guards against a mistake of ours about a path: no name of a file, no list and no address leads to the configuration or the keys. The packages
//! themselves are read by processes that can do nothing at all (`package_readers`).

use std::io;
use std::thread::Builder;

use camino::Utf8Path;

use crate::error::Failure;
use crate::output::Output;

/// As much as the main thread has, in bytes.
const STACK: usize = 8 << 20;

/// Does something where no file can be made, written, linked, moved or removed but below these directories. What is said afterwards, signed
/// and published is done by the thread that asks, which keeps all its rights.
///
/// Each time is a beginning: a directory that was mounted or replaced since the last one counts as it is now.
pub(crate) fn kept_to<T: Send>(
    directories: &[&Utf8Path],
    work: impl FnOnce() -> T + Send,
) -> Result<T, Failure> {
    apart(|| {
        keep_thread(directories).map_err(Failure::io("confine", "a thread"))?;
        Ok(work())
    })
}

/// Does something on a thread of its own, so that nobody else gives up what it gives up.
fn apart<T: Send>(work: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let thread = Builder::new().name("intake".to_owned()).stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(Failure::io("start", "a thread"))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Keeps the calling thread to these directories, for as long as it lives.
///
/// # Errors
/// When the system fails at it though it has what that takes.
pub(crate) fn keep_thread(directories: &[&Utf8Path]) -> io::Result<()> {
    keep(directories).map(|_| ())
}

/// Keeps the calling thread to these directories. Returns whether the system does that.
fn keep(directories: &[&Utf8Path]) -> io::Result<bool> {
    deb_sandbox::keep_writes_to(directories.iter().map(|path| path.as_std_path()))
}

/// Warns when the system keeps nothing to its directories: for services, which tell it once.
pub(crate) fn warn_of_lack(output: &Output) -> Result<(), Failure> {
    let is_kept = apart(|| keep(&[]).map_err(Failure::io("confine", "a thread")))?;
    if !is_kept {
        let lack = "what takes files can write wherever its user can: Linux 5.19 and later keep it from that, with Landlock";
        output.warn("W-CONFINEMENT", lack.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::mpsc::channel;

    use repo_serve::Server;
    use repo_serve::site::{Access, Site};

    use super::*;

    #[test]
    fn what_reads_requests_can_write_nothing() {
        let room = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(room.path()).unwrap().to_owned();
        std::fs::create_dir_all(root.join("prod")).unwrap();
        let site = Site {
            root: root.clone(),
            access: BTreeMap::from([("prod".to_owned(), Access::default())]),
            addresses: BTreeMap::new(),
            callers: BTreeMap::new(),
            pages: BTreeMap::new(),
            renderer: None,
            trusted_proxies: Vec::new(),
        };
        let (tried, results) = channel();
        let server = Server::bind("127.0.0.1:0", site).unwrap().confined_by(keep_thread);
        let server = server.with_log(move |_| {
            let _ = tried.send(std::fs::write(root.join("prod/made"), "text").is_err());
        });
        let (address, handle) = (server.local_addr().unwrap(), server.shutdown_handle());
        let running = std::thread::spawn(|| server.run());
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"GET /prod/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        let is_refused = results.recv().unwrap();
        handle.shutdown();
        running.join().unwrap().unwrap();
        assert_eq!(is_refused, apart(|| Ok(keep(&[]).unwrap())).unwrap(), "as the system can");
    }
}
