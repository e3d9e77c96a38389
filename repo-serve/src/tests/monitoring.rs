//! What those see who watch the server, and how it ends.

use std::net::TcpListener;

use super::*;
use crate::Event;

/// A running server, where its metrics are, what happened to it, and its end.
struct Watched {
    directory: tempfile::TempDir,
    clients: SocketAddr,
    metrics: SocketAddr,
    events: Arc<Mutex<Vec<Event>>>,
    handle: ShutdownHandle,
    thread: JoinHandle<std::io::Result<()>>,
}

fn watched() -> Watched {
    watched_within(Limits::default())
}

fn watched_within(limits: Limits) -> Watched {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap().join("public");
    plant(&root);
    let access = BTreeMap::from([("prod".to_owned(), Access::default())]);
    let site = Site {
        root,
        access,
        addresses: BTreeMap::new(),
        callers: BTreeMap::new(),
        pages: BTreeMap::new(),
        renderer: None,
        trusted_proxies: Vec::new(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = listener.local_addr().unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&events);
    let server = Server::bind("127.0.0.1:0", site).unwrap().with_limits(limits);
    let server = server.with_metrics(listener).unwrap();
    let server = server.with_events(move |event| noted.lock().unwrap().push(event));
    let (clients, handle) = (server.local_addr().unwrap(), server.shutdown_handle());
    let thread = std::thread::spawn(|| server.run());
    Watched { directory, clients, metrics, events, handle, thread }
}

fn connect(address: SocketAddr) -> Client {
    Client::of(TcpStream::connect(address).unwrap())
}

fn get(address: SocketAddr, path: &str) -> Reply {
    let mut client = connect(address);
    client.send("GET", path, &["Connection: close"]);
    client.reply("GET")
}

fn value(text: &str, metric: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '))?;
    line.parse().ok()
}

#[test]
fn metrics_count_what_was_answered_with_bounded_labels() {
    let server = watched();
    assert_eq!(get(server.clients, IN_RELEASE).status, 200);
    assert_eq!(get(server.clients, "/prod/nothing").status, 404);
    assert_eq!(get(server.clients, "/nobody/knows/this").status, 404);
    assert_eq!(get(server.clients, "/metrics").status, 404, "not where clients are");
    let mut text = String::new();
    soon("both are counted", || {
        let reply = get(server.metrics, "/metrics");
        assert_eq!((reply.status, reply.header("content-type")), (200, crate::metrics::MEDIA_TYPE));
        text = String::from_utf8(reply.body).unwrap();
        // An answer is counted when its connection is done with it.
        value(&text, "repo_serve_requests_total{repository=\"\",status=\"404\"}") == Some(2)
    });
    assert_eq!(value(&text, "repo_serve_requests_total{repository=\"prod\",status=\"200\"}"), Some(1));
    assert_eq!(value(&text, "repo_serve_requests_total{repository=\"prod\",status=\"404\"}"), Some(1));
    let bytes = value(&text, "repo_serve_sent_bytes_total{repository=\"prod\"}");
    assert_eq!(bytes, Some(("Origin: Test\n".len() + "not found\n".len()) as u64));
    assert!(value(&text, "repo_serve_connections_total") >= Some(5), "{text}");
    assert!(value(&text, "repo_serve_publication_age_seconds{repository=\"prod\"}").is_some(), "{text}");
    assert!(!text.contains("nobody"), "{text}");
    // Each line is what the format knows.
    for line in text.lines() {
        let is_value = line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<u64>().is_ok());
        assert!(line.starts_with("# HELP repo_serve_") || line.starts_with("# TYPE repo_serve_") || is_value);
    }
    assert_eq!(get(server.metrics, IN_RELEASE).status, 404, "nothing else is served there");
}

#[test]
fn health_is_told_on_both_sockets_and_ends_with_the_directory() {
    let server = watched();
    for address in [server.clients, server.metrics] {
        let reply = get(address, "/healthz");
        assert_eq!((reply.status, &reply.body[..]), (200, &b"ok\n"[..]));
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    std::fs::remove_dir_all(server.directory.path().join("public")).unwrap();
    assert_eq!(get(server.clients, "/healthz").status, 503);
}

#[test]
fn a_connection_that_was_taken_before_the_stop_gets_its_first_answer() {
    let server = watched_within(Limits { first_request: PATIENCE, ..Limits::default() });
    let mut fresh = connect(server.clients);
    let mut used = connect(server.clients);
    used.send("GET", IN_RELEASE, &[]);
    assert_eq!(used.reply("GET").status, 200);
    // The server has taken the connection once it answers one that came later.
    assert_eq!(get(server.clients, "/healthz").status, 200);
    let happens = |event| soon(&format!("{event:?}"), || server.events.lock().unwrap().contains(&event));
    happens(Event::Alive);
    server.handle.shutdown();
    happens(Event::Stopping);
    assert_eq!(used.rest(), b"", "it has had an answer and waits for none");
    fresh.send("GET", IN_RELEASE, &[]);
    let reply = fresh.reply("GET");
    assert_eq!((reply.status, reply.header("connection")), (200, "close"));
    server.thread.join().unwrap().unwrap();
    let events = server.events.lock().unwrap();
    assert_eq!(events.first(), Some(&Event::Started));
}

#[test]
fn a_second_request_to_stop_waits_for_no_answer() {
    let server = watched();
    let mut slow = connect(server.clients);
    // Nothing of the answer is taken, and no buffer holds all of it.
    let large = std::fs::File::create(server.directory.path().join("public/prod/pool/large")).unwrap();
    large.set_len(1 << 30).unwrap();
    slow.send("GET", "/prod/pool/large", &[]);
    assert_eq!(slow.stream.get_ref().peek(&mut [0]).unwrap(), 1);
    assert_eq!(get(server.clients, "/healthz").status, 200);
    server.handle.shutdown();
    std::thread::sleep(Duration::from_millis(300));
    assert!(!server.thread.is_finished());
    let begun = Instant::now();
    server.handle.shutdown();
    server.thread.join().unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
}
