//! The server as a client sees it: raw requests over TCP against a bound server and a temporary tree.

mod access;
mod addresses;
mod api;
mod conditional;
mod connections;
mod fairness;
mod files;
mod fuzz_replay;
mod monitoring;
mod pages;
mod rendered_pages;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use super::log::LogEntry;
use super::renderer::PageRenderer;
use super::site::{Access, Site};
use super::{Address, IpNetwork, Limits, Page, Server, ShutdownHandle};

/// 2025-01-01 00:00:00 UTC, the mtime of every file of the tree.
const MODIFIED: u64 = 1_735_689_600;
const MODIFIED_DATE: &str = "Wed, 01 Jan 2025 00:00:00 GMT";
const DEB: &str = "/prod/pool/main/h/hello/hello_1.0_all.deb";
const IN_RELEASE: &str = "/prod/dists/trixie/InRelease";

/// How long a test waits for what must happen: a machine that does much else at the same time is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server over a tree of its own; ends when dropped.
struct Served {
    directory: tempfile::TempDir,
    address: SocketAddr,
    handle: ShutdownHandle,
    /// Each request that ended, and when that was.
    log: Arc<Mutex<Vec<(Instant, LogEntry)>>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Served {
    /// `prod` for everyone.
    fn new() -> Self {
        Self::with(BTreeMap::from([("prod".to_owned(), Access::default())]), Limits::default())
    }

    fn with(access: BTreeMap<String, Access>, limits: Limits) -> Self {
        Self::behind(&[], access, limits)
    }

    /// Behind proxies that are believed.
    fn behind(proxies: &[&str], access: BTreeMap<String, Access>, limits: Limits) -> Self {
        Self::rendering(proxies, access, limits, None)
    }

    /// With pages for people.
    fn rendering(
        proxies: &[&str],
        access: BTreeMap<String, Access>,
        limits: Limits,
        renderer: Option<Arc<dyn PageRenderer>>,
    ) -> Self {
        let trusted_proxies = proxies.iter().map(|network| IpNetwork::parse(network).unwrap()).collect();
        let directory = tempfile::tempdir().unwrap();
        let page = |name: &String| Page {
            address: format!("/{name}"),
            suites: vec!["trixie".to_owned()],
            architectures: vec!["amd64".to_owned()],
        };
        let pages = access.keys().map(|name| (name.clone(), page(name))).collect();
        // Each at the root of a host of its own as well.
        let address = |name: &String| Address::of_url(&format!("https://{name}.example.org")).unwrap();
        let addresses = access.keys().map(|name| (name.clone(), address(name))).collect();
        let root = Utf8Path::from_path(directory.path()).unwrap().join("public");
        plant(&root);
        let log = Arc::new(Mutex::new(Vec::new()));
        let entries = Arc::clone(&log);
        let server = Server::bind(
            "127.0.0.1:0",
            Site { root, access, callers: BTreeMap::new(), addresses, pages, renderer, trusted_proxies },
        )
        .unwrap()
        .with_limits(limits)
        .with_log(move |entry| entries.lock().unwrap().push((Instant::now(), entry.clone())));
        let (address, handle) = (server.local_addr().unwrap(), server.shutdown_handle());
        let thread = Some(std::thread::spawn(|| server.run()));
        Self { directory, address, handle, log, thread }
    }

    fn path(&self, inner: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.directory.path()).unwrap().join("public").join(inner)
    }

    fn connect(&self) -> Client {
        Client::of(TcpStream::connect(self.address).unwrap())
    }

    /// A connection from another address of the loopback network.
    fn connect_from(&self, last: u8) -> Client {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        connect(&socket, &self.address).unwrap();
        Client::of(TcpStream::from(socket))
    }

    /// One request on a connection of its own; `fields` are whole lines.
    fn request(&self, method: &str, path: &str, fields: &[&str]) -> Reply {
        let mut client = self.connect();
        client.send(method, path, fields);
        client.reply(method)
    }

    fn get(&self, path: &str) -> Reply {
        self.request("GET", path, &[])
    }

    /// The log, once it has this many entries.
    fn logged(&self, count: usize) -> Vec<LogEntry> {
        let log =
            || -> Vec<LogEntry> { self.log.lock().unwrap().iter().map(|(_, entry)| entry.clone()).collect() };
        soon(&format!("{count} entries"), || log().len() >= count);
        log()
    }

    fn stop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until it is so.
#[track_caller]
fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    fn send(&mut self, method: &str, path: &str, fields: &[&str]) {
        let host = if fields.iter().any(|field| field.starts_with("Host:")) { "" } else { "Host: repo\r\n" };
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        self.write(format!("{method} {path} HTTP/1.1\r\n{host}{fields}\r\n").as_bytes());
    }

    fn reply(&mut self, method: &str) -> Reply {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {line:?}")).parse().unwrap();
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; if method == "HEAD" || status == 304 { 0 } else { length }];
        self.stream.read_exact(&mut body).unwrap();
        Reply { status, headers, body }
    }

    /// Everything until the server closes the connection.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset counts as closed.
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A published tree as the store lays it out, with traps beside and inside it.
fn plant(root: &Utf8Path) {
    let file = |path: &str, content: &[u8]| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    };
    file("prod/.publications/7/dists/trixie/InRelease", b"Origin: Test\n");
    file("prod/.publications/7/dists/trixie/main/binary-amd64/Packages.xz", b"not really xz");
    file("prod/.by-hash/SHA256/0f", b"index by hash");
    file(
        "prod/pool/main/h/hello/hello_1.0_all.deb",
        &(0..2_000_000u32).map(|n| (n % 251) as u8).collect::<Vec<_>>(),
    );
    file("prod/pool/main/g/g++/g++_1+2_all.deb", b"plus");
    file("prod/pool/empty", b"");
    file("prod/.secret", b"secret");
    file("locked/dists/trixie/InRelease", b"Origin: Locked\n");
    file("unlisted/dists/trixie/InRelease", b"secret");
    file("../secret", b"secret");
    let link = |target: &str, path: &str| symlink(target, root.join(path)).unwrap();
    link(".publications/7/dists", "prod/dists");
    link("../../../../../../.by-hash", "prod/dists/trixie/main/binary-amd64/by-hash");
    link("../../secret", "prod/escape");
    link("/etc", "prod/etc");
    link("../locked/dists/trixie/InRelease", "prod/neighbour");
    link("loop", "prod/loop");
    link("/proc/self/root", "prod/magic");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("prod/fifo").as_std_path(),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
}
