//! Which files are served, as what, and which never.

use super::super::tree::Tree;
use super::*;

#[test]
fn a_file_of_the_pool() {
    let served = Served::new();
    let reply = served.get(DEB);
    assert_eq!(reply.status, 200);
    assert!(reply.body == std::fs::read(served.path("prod/pool/main/h/hello/hello_1.0_all.deb")).unwrap());
    assert_eq!(reply.header("content-type"), "application/vnd.debian.binary-package");
    assert_eq!(reply.header("content-length"), "2000000");
    assert_eq!(reply.header("last-modified"), MODIFIED_DATE);
    assert_eq!(reply.header("accept-ranges"), "bytes");
    assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(reply.header("etag").starts_with('"'), "{reply:?}");
}

#[test]
fn an_index_through_the_symlinks_of_a_publication() {
    let served = Served::new();
    let reply = served.get(IN_RELEASE);
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"Origin: Test\n"[..]));
    assert_eq!(reply.header("cache-control"), "no-cache");
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert!(reply.header("etag").starts_with("W/\""), "{reply:?}");
    let reply = served.get("/prod/dists/trixie/main/binary-amd64/by-hash/SHA256/0f");
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"index by hash"[..]));
    assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
}

#[test]
fn head_has_the_headers_of_get() {
    let served = Served::new();
    for path in [DEB, IN_RELEASE, "/prod/pool/empty", "/prod/none", "/prod/%00"] {
        let (mut get, mut head) = (served.get(path), served.request("HEAD", path, &[]));
        get.headers.remove("date");
        head.headers.remove("date");
        assert_eq!((get.status, get.headers), (head.status, head.headers), "{path}");
        assert!(head.body.is_empty());
    }
}

#[test]
fn a_plus_may_be_encoded() {
    let served = Served::new();
    for path in ["/prod/pool/main/g/g++/g++_1+2_all.deb", "/prod/pool/main/g/g%2b%2B/g%2b%2b_1%2b2_all.deb"] {
        assert_eq!(served.get(path).body, b"plus", "{path}");
    }
}

#[test]
fn harmless_spellings_of_a_path() {
    let served = Served::new();
    for path in [
        "//prod//dists/trixie/InRelease",
        "/prod/./dists/./trixie/InRelease",
        "/prod/dists/trixie/InRelease?x=/../../",
        "http://repo/prod/dists/trixie/InRelease",
    ] {
        assert_eq!(served.get(path).body, b"Origin: Test\n", "{path}");
    }
}

/// Each of these is 400 or 404, and shows nothing of any file.
#[test]
fn nothing_outside_is_reached() {
    let served = Served::new();
    for (path, status) in [
        ("/unlisted", 404),
        ("/unlisted/", 404),
        ("/prod/dists", 404),
        ("/prod/dists/", 404),
        ("/prod/dists/trixie/InRelease/", 404),
        ("/prod/dists/trixie/InRelease/x", 404),
        ("/prod/none", 404),
        ("/unlisted/dists/trixie/InRelease", 404),
        ("/PROD/dists/trixie/InRelease", 404),
        ("/../secret", 404),
        ("/prod/../../secret", 404),
        ("/prod/../unlisted/dists/trixie/InRelease", 404),
        ("/prod/%2e%2e/%2e%2e/secret", 404),
        ("/prod/.%2E/.%2e/secret", 404),
        ("/prod/%252e%252e/secret", 404),
        ("/prod/..%5c..%5csecret", 400),
        ("/prod/..\\..\\secret", 400),
        ("/prod/..%2f..%2fsecret", 400),
        ("/prod%2fdists/trixie/InRelease", 400),
        ("//etc/passwd", 404),
        ("/prod//etc/passwd", 404),
        ("/prod/etc/passwd", 404),
        ("/prod/magic/etc/passwd", 404),
        ("/prod/escape", 404),
        ("/prod/neighbour", 404),
        ("/prod/loop", 404),
        ("/prod/fifo", 404),
        ("/prod/.secret", 404),
        ("/prod/%2esecret", 404),
        ("/prod/.publications/7/dists/trixie/InRelease", 404),
        ("/prod/.by-hash/SHA256/0f", 404),
        ("/prod/dists/trixie/InRelease%00", 400),
        ("/prod/%00", 400),
        ("/prod/x%0d%0aSet-Cookie:%20a", 400),
        ("/prod/%", 400),
        ("/prod/%g0", 400),
        ("*", 400),
    ] {
        let reply = served.get(path);
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        assert!(!String::from_utf8_lossy(&reply.body).contains("secret"), "{path}: {reply:?}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
    }
    let long = format!("/prod/{}", "a".repeat(5000));
    assert_eq!(served.get(&long).status, 404);
}

#[test]
fn a_control_byte_in_the_request_line_is_refused() {
    let served = Served::new();
    for byte in [0u8, 1, 0x1b, 0x7f] {
        let mut client = served.connect();
        client.write(&[b"GET /prod/", &[byte][..], b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat());
        assert_eq!(client.reply("GET").status, 400, "{byte}");
    }
}

#[test]
fn only_reading() {
    let served = Served::new();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND"] {
        let reply = served.request(method, IN_RELEASE, &[]);
        assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD"), "{method}");
    }
    // A body cannot be told from the next request by one who will not read it.
    let mut client = served.connect();
    client.send("GET", IN_RELEASE, &["Content-Length: 4"]);
    client.write(b"oopsGET /prod/none HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.reply("GET").status, 400);
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_new_publication_is_seen_at_once() {
    let served = Served::new();
    let old = served.get(IN_RELEASE);
    std::fs::create_dir_all(served.path("prod/.publications/8/dists/trixie")).unwrap();
    std::fs::write(served.path("prod/.publications/8/dists/trixie/InRelease"), "Origin: New\n").unwrap();
    symlink(".publications/8/dists", served.path("prod/new")).unwrap();
    std::fs::rename(served.path("prod/new"), served.path("prod/dists")).unwrap();
    let new = served.get(IN_RELEASE);
    assert_eq!(new.body, b"Origin: New\n");
    assert_ne!(old.header("etag"), new.header("etag"));
}

/// The directory is kept open for a second, no longer.
#[test]
fn a_replaced_repository_is_seen_soon() {
    let served = Served::new();
    assert_eq!(served.get(IN_RELEASE).status, 200);
    std::fs::rename(served.path("prod"), served.path("gone")).unwrap();
    std::fs::create_dir_all(served.path("prod/dists/trixie")).unwrap();
    std::fs::write(served.path("prod/dists/trixie/InRelease"), "Origin: Restored\n").unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(served.get(IN_RELEASE).body, b"Origin: Restored\n");
}

/// It would lead around the access rules of the other one.
#[test]
fn a_repository_that_is_a_link_to_another_is_not_served() {
    let served = Served::new();
    std::fs::rename(served.path("prod"), served.path("other")).unwrap();
    symlink("other", served.path("prod")).unwrap();
    assert_eq!(served.get(IN_RELEASE).status, 404);
}

/// As after a restore to the same place, or when the store is mounted again.
#[test]
fn another_directory_under_the_same_name_is_served() {
    let served = Served::new();
    let root = served.path("");
    let names = || ["prod".to_owned()].into_iter();
    let copy = tempfile::tempdir().unwrap();
    let name = Utf8Path::from_path(copy.path()).unwrap().join("public");
    symlink(&root, &name).unwrap();
    let tree = Tree::open(&name, names()).unwrap();
    let size = || tree.file("prod", b"dists/trixie/InRelease").unwrap().map(|file| file.size);
    let first = size();
    assert!(first.is_some());
    std::fs::remove_file(&name).unwrap();
    tree.follow();
    assert_eq!(size(), first, "there is no other one");
    std::fs::create_dir_all(name.join("prod/dists/trixie")).unwrap();
    std::fs::write(name.join("prod/dists/trixie/InRelease"), "x").unwrap();
    assert_eq!(size(), first, "nobody has looked");
    tree.follow();
    assert_eq!(size(), Some(1));
}

/// openat2(2) gives up lookups through `..` whenever anything is renamed; the server must not.
#[test]
fn by_hash_is_found_while_things_are_renamed() {
    let served = Served::new();
    let tree = Tree::open(&served.path(""), ["prod".to_owned()].into_iter()).unwrap();
    let until = Instant::now() + Duration::from_millis(700);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let (here, there) =
                (served.path("prod").join(name), served.path("prod").join(format!("{name}{name}")));
            std::fs::create_dir(&here).unwrap();
            scope.spawn(move || {
                while Instant::now() < until {
                    std::fs::rename(&here, &there).unwrap();
                    std::fs::rename(&there, &here).unwrap();
                }
            });
        }
        while Instant::now() < until {
            let found = tree.file("prod", b"dists/trixie/main/binary-amd64/by-hash/SHA256/0f");
            assert_eq!(found.unwrap().unwrap().size, 13);
        }
    });
}

/// Bytes that the page cache does not hold take another way through the server.
#[test]
fn a_file_that_only_the_disk_has() {
    let served = Served::new();
    let path = served.path("prod/pool/main/h/hello/hello_1.0_all.deb");
    let expected = std::fs::read(&path).unwrap();
    for _ in 0..4 {
        let file = std::fs::File::open(&path).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        assert!(served.get(DEB).body == expected);
    }
}

#[test]
fn a_file_cut_short_breaks_the_connection_rather_than_the_promise() {
    let served = Served::new();
    let path = served.path("prod/pool/large");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(64 << 20).unwrap();
    let mut client = served.connect();
    client.send("GET", "/prod/pool/large", &[]);
    client.stream.fill_buf().unwrap();
    file.set_len(0).unwrap();
    assert!(client.rest().len() < 64 << 20);
    assert_eq!(served.get(IN_RELEASE).status, 200);
}

#[test]
fn an_unreadable_file_is_our_trouble_and_logged() {
    let served = Served::new();
    let path = served.path("prod/pool/closed");
    std::fs::write(&path, "x").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        return; // Root reads everything.
    }
    assert_eq!(served.get("/prod/pool/closed").status, 500);
    assert!(served.logged(1)[0].problem.is_some());
}

#[test]
fn the_log_tells_what_was_asked_and_answered() {
    let served = Served::new();
    // What comes next may be logged before what was just answered.
    served.request("GET", "/prod/dists/trixie/InRelease?token=1", &["User-Agent: a\"b"]);
    served.logged(1);
    served.request("HEAD", DEB, &["User-Agent: Debian APT-HTTP/1.3"]);
    served.logged(2);
    served.request("GET", DEB, &["Range: bytes=0-9"]);
    let log = served.logged(3);
    let of = |entry: &LogEntry| (entry.method.clone(), entry.path.clone(), entry.status, entry.bytes);
    assert_eq!(of(&log[0]), ("GET".into(), IN_RELEASE.into(), 200, 13));
    assert_eq!(log[0].agent.as_deref(), Some("a\\\"b"));
    assert_eq!(of(&log[1]), ("HEAD".into(), DEB.into(), 200, 0));
    assert_eq!(of(&log[2]), ("GET".into(), DEB.into(), 206, 10));
    assert_eq!((log[2].peer.to_string(), log[2].user.as_deref()), ("127.0.0.1".into(), None));
}

#[test]
fn a_missing_directory_fails_at_once() {
    let site = Site {
        root: "/nonexistent/public".into(),
        access: BTreeMap::new(),
        addresses: BTreeMap::new(),
        callers: BTreeMap::new(),
        pages: BTreeMap::new(),
        renderer: None,
        trusted_proxies: Vec::new(),
    };
    let error = Server::bind("127.0.0.1:0", site).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().starts_with("/nonexistent/public: "), "{error}");
}
