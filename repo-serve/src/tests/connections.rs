//! Keep-alive, pipelines, slow clients, crowds, and the end.

use std::net::Shutdown;

use super::*;

fn quick(limits: Limits) -> Served {
    Served::with(BTreeMap::from([("prod".to_owned(), Access::default())]), limits)
}

/// apt writes ten requests before it reads an answer.
#[test]
fn a_pipeline_is_answered_in_order() {
    let served = Served::new();
    let mut client = served.connect();
    let paths = [IN_RELEASE, DEB, "/prod/none", "/prod/pool/main/g/g%2b%2b/g++_1+2_all.deb", "/prod/%00"];
    let batch: Vec<_> = paths.iter().cycle().take(10).collect();
    for round in 0..3 {
        let text: String =
            batch.iter().map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
        client.write(text.as_bytes());
        for path in &batch {
            let reply = client.reply("GET");
            let expected = match **path {
                IN_RELEASE => (200, 13),
                DEB => (200, 2_000_000),
                "/prod/none" => (404, 10),
                "/prod/%00" => (400, 15),
                _ => (200, 4),
            };
            assert_eq!((reply.status, reply.body.len()), expected, "{round} {path}");
        }
    }
}

#[test]
fn a_connection_is_kept_or_closed_as_asked() {
    let served = Served::new();
    let mut client = served.connect();
    for _ in 0..3 {
        client.send("GET", IN_RELEASE, &[]);
        assert_eq!(client.reply("GET").status, 200);
    }
    client.send("GET", IN_RELEASE, &["Connection: close"]);
    assert_eq!(client.reply("GET").status, 200);
    assert_eq!(client.rest(), b"");
    let mut old = served.connect();
    old.write(format!("GET {IN_RELEASE} HTTP/1.0\r\n\r\n").as_bytes());
    assert!(old.rest().ends_with(b"\r\n\r\nOrigin: Test\n"));
    let mut kept = served.connect();
    for _ in 0..2 {
        kept.write(format!("GET {IN_RELEASE} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").as_bytes());
        assert_eq!(kept.reply("GET").status, 200);
    }
}

#[test]
fn a_client_may_close_its_side_first() {
    let served = Served::new();
    let mut client = served.connect();
    client.send("GET", DEB, &[]);
    client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.reply("GET").body.len(), 2_000_000);
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    let limit = Duration::from_secs(4);
    let served = quick(Limits { request_timeout: limit, ..Limits::default() });
    let start = Instant::now();
    let mut loris = served.connect();
    // Each byte comes well within the timeout; the whole head does not.
    loris.write(b"GET / HTTP/1.1\r\n");
    soon("it is closed", || loris.stream.get_mut().write_all(b"X").is_err());
    assert!(start.elapsed() >= limit, "{:?}", start.elapsed());
    // An idle connection ends in the same way, after its answers.
    let mut idle = served.connect();
    for _ in 0..4 {
        std::thread::sleep(limit * 3 / 10);
        idle.send("GET", IN_RELEASE, &[]);
        assert_eq!(idle.reply("GET").status, 200);
    }
    assert_eq!(idle.rest(), b"");
}

#[test]
fn a_huge_head_is_refused() {
    let served = Served::new();
    let mut client = served.connect();
    let _ = client
        .stream
        .get_mut()
        .write_all(format!("GET / HTTP/1.1\r\nX: {}\r\n", "y".repeat(40_000)).as_bytes());
    assert_eq!(client.reply("GET").status, 431);
    let many: String = (0..2000).map(|n| format!("X{n}: y\r\n")).collect();
    let mut client = served.connect();
    let _ = client.stream.get_mut().write_all(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes());
    assert_eq!(client.reply("GET").status, 431);
}

#[test]
fn ambiguous_framing_closes_the_connection() {
    let served = Served::new();
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1",
        "Transfer-Encoding: gzip",
    ] {
        let mut client = served.connect();
        client.send("GET", IN_RELEASE, &[fields]);
        client.write(b"0\r\n\r\nGET /prod/none HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(client.reply("GET").status, 400, "{fields}");
        assert_eq!(client.rest(), b"", "{fields}");
    }
    assert_eq!(served.get(IN_RELEASE).status, 200);
}

#[test]
fn what_proxies_may_read_in_another_way_is_refused() {
    let served = Served::new();
    for head in [
        "GET PATH HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET PATH HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
        "GET PATH HTTP/1.1\nHost: a\n\n",
        "GET PATH HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "GET PATH HTTP/1.1\r\nHost: a\r\n\n",
        "\nGET PATH HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET PATH HTTP/1.1\r\nUser-Agent: a\r\n\r\n",
    ] {
        let mut client = served.connect();
        client.write(head.replace("PATH", IN_RELEASE).as_bytes());
        let reply = client.reply("GET");
        assert_eq!((reply.status, reply.header("connection")), (400, "close"), "{head:?}");
        assert_eq!(client.rest(), b"", "{head:?}");
    }
    // A line that comes in two pieces, and an empty line before a request, are as they should be.
    let mut client = served.connect();
    client.write(format!("\r\nGET {IN_RELEASE} HTTP/1.1\r").as_bytes());
    std::thread::sleep(Duration::from_millis(100));
    client.write(b"\nHost: a\r\n\r\n");
    assert_eq!(client.reply("GET").status, 200);
}

/// Who takes nothing of an answer is let go; who takes it slowly is not.
#[test]
fn stalled_and_slow_readers() {
    let limit = Duration::from_secs(4);
    let served = quick(Limits { stall_timeout: limit, ..Limits::default() });
    let large = served.path("prod/pool/large");
    std::fs::File::create(&large).unwrap().set_len(64 << 20).unwrap();
    let mut slow = served.connect();
    slow.send("GET", "/prod/pool/large", &[]);
    let mut stalled = served.connect();
    stalled.send("GET", "/prod/pool/large", &[]);
    let mut piece = vec![0; 4 << 20];
    for _ in 0..16 {
        slow.stream.read_exact(&mut piece).unwrap();
        std::thread::sleep(limit / 12);
    }
    assert!(slow.stream.read(&mut piece).unwrap() > 0, "the head and the end are left");
    let log = served.logged(2);
    assert!(log.iter().any(|entry| entry.bytes < 64 << 20), "{log:?}");
    assert!(stalled.rest().len() < 64 << 20);
}

/// More clients than connections, and all are answered: they wait, and none is turned away.
#[test]
fn a_crowd_waits_its_turn() {
    let served = quick(Limits { connections: 2, ..Limits::default() });
    std::fs::File::create(served.path("prod/pool/large")).unwrap().set_len(64 << 20).unwrap();
    let busy = || {
        let mut client = served.connect();
        client.send("GET", "/prod/pool/large", &[]);
        client.stream.fill_buf().unwrap();
        client
    };
    let (first, second) = (busy(), busy());
    std::thread::sleep(Duration::from_millis(600));
    let mut third = served.connect();
    third.send("GET", IN_RELEASE, &[]);
    third.stream.get_ref().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(third.stream.fill_buf().is_err(), "two connections are open already");
    drop((first, second));
    third.stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(third.reply("GET").status, 200);
}

#[test]
fn stopping_finishes_what_was_begun() {
    let mut served = Served::new();
    std::fs::File::create(served.path("prod/pool/large")).unwrap().set_len(64 << 20).unwrap();
    let mut idle = served.connect();
    idle.send("GET", IN_RELEASE, &[]);
    idle.reply("GET");
    let mut busy = served.connect();
    busy.send("GET", "/prod/pool/large", &[]);
    busy.stream.fill_buf().unwrap();
    served.handle.shutdown();
    assert_eq!(idle.rest(), b"", "idle connections end at once");
    assert_eq!(busy.reply("GET").body.len(), 64 << 20);
    assert_eq!(busy.rest(), b"");
    let start = Instant::now();
    served.stop();
    // Well before the end of the grace.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(TcpStream::connect(served.address).is_err());
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let mut served = quick(Limits { shutdown_grace: Duration::from_millis(200), ..Limits::default() });
    std::fs::File::create(served.path("prod/pool/large")).unwrap().set_len(64 << 20).unwrap();
    let mut stalled = served.connect();
    stalled.send("GET", "/prod/pool/large", &[]);
    stalled.stream.fill_buf().unwrap();
    let start = Instant::now();
    served.stop();
    // Well before the client that stalls would be let go.
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    drop(stalled);
}

#[test]
fn a_second_request_to_stop_counts_while_somebody_waits_for_a_connection() {
    let mut served = quick(Limits { connections: 1, ..Limits::default() });
    std::fs::File::create(served.path("prod/pool/large")).unwrap().set_len(1 << 30).unwrap();
    let mut stalled = served.connect();
    stalled.send("GET", "/prod/pool/large", &[]);
    stalled.stream.fill_buf().unwrap();
    let _waiting = served.connect();
    std::thread::sleep(Duration::from_millis(300));
    served.handle.shutdown();
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    served.stop();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn stopping_before_it_began() {
    let site = Site {
        root: "/".into(),
        access: BTreeMap::new(),
        addresses: BTreeMap::new(),
        callers: BTreeMap::new(),
        pages: BTreeMap::new(),
        renderer: None,
        trusted_proxies: Vec::new(),
    };
    let server = Server::bind("127.0.0.1:0", site).unwrap();
    server.shutdown_handle().shutdown();
    server.run().unwrap();
}

#[test]
fn two_hundred_connections_at_once() {
    let served = Served::new();
    let mut clients: Vec<_> = (0..200).map(|_| served.connect()).collect();
    for _ in 0..2 {
        for client in &mut clients {
            client.send("GET", IN_RELEASE, &[]);
        }
        for client in &mut clients {
            assert_eq!(client.reply("GET").status, 200);
        }
    }
}
