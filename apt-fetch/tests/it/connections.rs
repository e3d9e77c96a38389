//! Servers that are slow, busy, or speak something else.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apt_fetch::{Address, Client, ClientOptions, Conditions, Limits, Problem, Url};

use crate::repository::{client, limits};
use crate::server::{Reply, Server};

fn read(client: &Client, url: &str) -> Result<Vec<u8>, Problem> {
    let address = Address::from(Url::parse(url).unwrap());
    client.read(&address, &Conditions::default(), 1000).map(|(_, bytes)| bytes).map_err(|error| error.problem)
}

#[test]
fn a_busy_server_is_asked_again() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::status(503).with("Retry-After", "0"),
        1 => Reply::status(429),
        2 => Reply::ok("abc").cut(1),
        _ => Reply::ok("abc"),
    });
    assert_eq!(read(&client(), &server.url()).unwrap(), b"abc");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_refusal_is_not_asked_for_again() {
    for (status, is_final) in [(404, true), (410, true), (403, true), (400, true), (500, false)] {
        let server = Server::start(move |_| Reply::status(status));
        read(&client(), &server.url()).unwrap_err();
        assert_eq!(server.requests().len() == 1, is_final, "{status}");
    }
}

#[test]
fn a_body_that_drips_is_given_up() {
    let server =
        Server::start(|_| Reply { drip: Some(Duration::from_millis(100)), ..Reply::ok(vec![0; 900]) });
    let limits = Limits { patience: Duration::from_millis(300), slowest: 1 << 20, tries: 1, ..limits() };
    let client = Client::new(ClientOptions { limits, ..ClientOptions::default() });
    let begun = Instant::now();
    let problem = read(&client, &server.url()).unwrap_err();
    assert!(matches!(problem, Problem::TimedOut), "{problem:?}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_head_that_drips_or_never_comes_is_given_up() {
    for is_silent in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nX: ");
                while is_silent || connection.write_all(b"x").is_ok() {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        });
        let limits = Limits { patience: Duration::from_millis(300), tries: 1, ..limits() };
        let client = Client::new(ClientOptions { limits, ..ClientOptions::default() });
        let begun = Instant::now();
        let problem = read(&client, &url).unwrap_err();
        assert!(matches!(problem, Problem::TimedOut), "{problem:?}");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn what_is_not_http_is_a_connection_that_failed() {
    for answer in [
        &b"220 mail.example.org ESMTP\r\n"[..],
        b"",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let _ = connection.read(&mut [0; 1000]);
                let _ = connection.write_all(answer);
            }
        });
        let problem = read(&client(), &url).unwrap_err();
        assert!(matches!(problem, Problem::Connection { .. }), "{answer:?}: {problem:?}");
        assert!(!problem.to_string().contains(char::is_control), "{problem}");
    }
}

#[test]
fn a_port_where_nobody_listens_is_a_connection_that_failed() {
    // Another test may be given any port above 1023.
    assert!(matches!(read(&client(), "http://127.0.0.1:1/").unwrap_err(), Problem::Connection { .. }));
}

#[test]
fn a_directory_is_not_a_file_and_a_pipe_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file:{}", directory.path().display());
    assert!(matches!(read(&client(), &url).unwrap_err(), Problem::NotFound));
    assert!(matches!(read(&client(), &format!("{url}/x")).unwrap_err(), Problem::NotFound));
    std::fs::write(directory.path().join("x"), "abc").unwrap();
    assert_eq!(read(&client(), &format!("{url}/x")).unwrap(), b"abc");
    assert!(matches!(read(&client(), &format!("{url}/x/y")).unwrap_err(), Problem::NotFound));
    assert!(matches!(read(&client(), "file:/dev/zero").unwrap_err(), Problem::NotFound));
}

#[test]
fn an_address_that_ran_out_is_asked_for_again_where_it_came_from() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.path.as_str() {
        "/" => Reply::redirect(format!("/signed-{}", count.fetch_add(1, Ordering::Relaxed))),
        "/signed-0" => Reply::status(403),
        _ => Reply::ok("abc"),
    });
    assert_eq!(read(&client(), &server.url()).unwrap(), b"abc");
    assert_eq!(server.take_paths(), ["/", "/signed-0", "/", "/signed-1"]);
}
