//! A plain file server on the loopback interface, which tells what it was asked for.
//!
//! It stands for nginx or Apache without any setting: `Last-Modified` is the time of the file, and a file that is not newer than what
//! the client has is answered with 304. A case may put something before a request, or answer in the server's place.

use std::fmt;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use camino::{Utf8Path, Utf8PathBuf};

/// One request: the decoded path, and the status of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) status: u16,
}

/// What is run before the first request whose path holds a text.
type Before = (String, Box<dyn FnOnce() + Send>);
/// Whether a path is answered from another directory; with nothing there, with 404.
type Elsewhere = (fn(&str) -> bool, Option<Utf8PathBuf>);

#[derive(Default)]
struct Shared {
    log: Mutex<Vec<Asked>>,
    before: Mutex<Option<Before>>,
    elsewhere: Mutex<Option<Elsewhere>>,
    is_over: AtomicBool,
}

/// A running server; it ends when dropped.
pub(crate) struct Server {
    address: String,
    shared: Arc<Shared>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Serves a directory on a free port.
    pub(crate) fn start(root: &Utf8Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let shared = Arc::new(Shared::default());
        let (root, for_thread) = (root.to_owned(), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if for_thread.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let (root, shared) = (root.clone(), Arc::clone(&for_thread));
                std::thread::spawn(move || {
                    // A client may hang up at any moment.
                    let _ = converse(&stream, &root, &shared);
                });
            }
        });
        Ok(Self { address, shared })
    }

    /// Returns the address of the served directory.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs something before the first request whose path holds a text is answered.
    pub(crate) fn before(&self, text: &str, run: impl FnOnce() + Send + 'static) {
        *locked(&self.shared.before) = Some((text.to_owned(), Box::new(run)));
    }

    /// Answers some paths from another directory, as an outdated cache does, or with 404.
    pub(crate) fn elsewhere(&self, paths: fn(&str) -> bool, root: Option<&Utf8Path>) {
        *locked(&self.shared.elsewhere) = Some((paths, root.map(Utf8Path::to_owned)));
    }

    /// Returns what was asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *locked(&self.shared.log))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that listens.
        let _ = TcpStream::connect(&self.address);
    }
}

fn converse(stream: &TcpStream, root: &Utf8Path, shared: &Shared) -> io::Result<()> {
    let mut lines = BufReader::new(stream);
    let mut output = stream;
    loop {
        let mut request = String::new();
        if lines.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut since = None;
        loop {
            let mut header = String::new();
            if lines.read_line(&mut header)? == 0 || header.trim_end().is_empty() {
                break;
            }
            match header.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("If-Modified-Since") => {
                    since = httpdate::parse_http_date(value.trim()).ok();
                }
                _ => {}
            }
        }
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), decoded(words.next().unwrap_or_default()));
        let run = {
            let mut before = locked(&shared.before);
            if before.as_ref().is_some_and(|(text, _)| path.contains(text.as_str())) {
                before.take()
            } else {
                None
            }
        };
        if let Some((_, run)) = run {
            run();
        }
        let root = match locked(&shared.elsewhere).as_ref() {
            Some((paths, other)) if paths(&path) => other.clone(),
            _ => Some(root.to_owned()),
        };
        let file =
            root.filter(|_| !path.contains("/../")).map(|root| root.join(path.trim_start_matches('/')));
        let found = file.and_then(|file| content(&file, &path));
        let status = match &found {
            None => 404,
            Some((_, Some(time))) if since.is_some_and(|since| *time <= since) => 304,
            Some(_) => 200,
        };
        locked(&shared.log).push(Asked { path, status });
        let (bytes, time) = found.unwrap_or_default();
        let date = time
            .map_or(String::new(), |time| format!("Last-Modified: {}\r\n", httpdate::fmt_http_date(time)));
        let length =
            if status == 304 { String::new() } else { format!("Content-Length: {}\r\n", bytes.len()) };
        write!(output, "HTTP/1.1 {status} -\r\n{date}{length}Connection: keep-alive\r\n\r\n")?;
        if status == 200 && method == "GET" {
            output.write_all(&bytes)?;
        }
    }
}

/// Returns the bytes and the time of a file, or the list of a directory.
fn content(file: &Utf8Path, path: &str) -> Option<(Vec<u8>, Option<std::time::SystemTime>)> {
    if file.is_dir() {
        if !path.ends_with('/') {
            return None;
        }
        let mut list = "<html>\n".to_owned();
        for entry in file.read_dir_utf8().ok()?.map_while(Result::ok) {
            let name = entry.file_name();
            let slash = if entry.path().is_dir() { "/" } else { "" };
            if !name.starts_with('.') {
                list += &format!(
                    "<a href=\"{}{slash}\">{name}</a>\n",
                    name.replace('%', "%25").replace('+', "%2b")
                );
            }
        }
        return Some((list.into_bytes(), None));
    }
    let time = fs::metadata(file).ok()?.modified().ok()?;
    // HTTP counts whole seconds.
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some((fs::read(file).ok()?, Some(UNIX_EPOCH + std::time::Duration::from_secs(seconds))))
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
