//! What one client can do to others.

use super::access::{LOCKED, basic, user_file};
use super::*;
use crate::UserFile;

/// No client is exempt for being on this machine.
fn strict(limits: Limits) -> Limits {
    Limits { exempt_loopback: false, ..limits }
}

fn locked(limits: Limits, proxies: &[&str]) -> Served {
    let access = Access::both(Vec::new(), Some(user_file()));
    let access = [("prod".to_owned(), Access::default()), ("locked".to_owned(), access)];
    Served::behind(proxies, BTreeMap::from(access), limits)
}

/// Lets many wrong passwords wait, and then a right one of another user: it is not checked after all of them.
#[track_caller]
fn a_good_login_waits_for_few(served: &Served, guesser: u8, good: u8, field: &str) {
    let mut guesses: Vec<_> = (0..100)
        .map(|number| {
            let mut client = served.connect_from(guesser);
            client.send("GET", LOCKED, &[&basic(&format!("bcrypt:wrong{number}")), field]);
            client
        })
        .collect();
    // Each is in the queue, or was turned away.
    std::thread::sleep(Duration::from_millis(300));
    let mut client = served.connect_from(good);
    client.send("GET", LOCKED, &[&basic("sha512:open sesame")]);
    assert_eq!(client.reply("GET").status, 200);
    // Since the server had the request, however long that took to come.
    let checked = {
        let log = served.log.lock().unwrap();
        let (ended, entry) = log.iter().find(|(_, entry)| entry.status == 200).unwrap();
        let begun = *ended - entry.duration;
        log.iter().filter(|(time, entry)| entry.status == 401 && *time > begun && time < ended).count()
    };
    assert!(checked <= 8, "{checked} guesses were checked before");
    // None of the guesses is without an answer.
    for guess in &mut guesses {
        assert!(matches!(guess.reply("GET").status, 401 | 503));
    }
}

#[test]
fn guessing_does_not_shut_out_clients_at_another_address() {
    a_good_login_waits_for_few(&locked(strict(Limits::default()), &[]), 2, 3, "X: y");
}

#[test]
fn guessing_does_not_shut_out_others_at_the_same_address() {
    a_good_login_waits_for_few(&locked(strict(Limits::default()), &[]), 2, 2, "X: y");
    a_good_login_waits_for_few(&locked(Limits::default(), &[]), 2, 2, "X: y");
}

#[test]
fn guessing_through_a_proxy_does_not_shut_out_its_other_clients() {
    let served = locked(strict(Limits::default()), &["127.0.0.2"]);
    a_good_login_waits_for_few(&served, 2, 2, "X-Forwarded-For: 203.0.113.9");
    let log = served.logged(1);
    assert!(log.iter().any(|entry| entry.peer.to_string() == "203.0.113.9"));
    assert!(log.iter().any(|entry| entry.peer.to_string() == "127.0.0.2"));
}

#[test]
fn idle_connections_of_one_address_leave_room_for_others() {
    let limits = strict(Limits { connections: 64, ..Limits::default() });
    let served = locked(limits, &["127.0.0.9"]);
    let mut idle: Vec<_> = (0..80).map(|_| served.connect_from(2)).collect();
    // Those above three quarters are ended at once.
    for refused in idle.drain(48..) {
        let mut refused = refused;
        assert_eq!(refused.rest(), b"");
    }
    let mut others: Vec<_> = (3..7).map(|last| served.connect_from(last)).collect();
    for other in &mut others {
        other.send("GET", IN_RELEASE, &[]);
        assert_eq!(other.reply("GET").status, 200);
    }
    // A proxy has many clients, and may have all that is left.
    let mut proxied: Vec<_> = (0..10).map(|_| served.connect_from(9)).collect();
    for client in &mut proxied {
        client.send("GET", IN_RELEASE, &[]);
        assert_eq!(client.reply("GET").status, 200);
    }
    // Where there is room again, nobody is limited.
    drop((idle, proxied));
    let is_answered = |client: &mut Client| {
        let request = format!("GET {IN_RELEASE} HTTP/1.1\r\nHost: x\r\n\r\n");
        client.stream.get_mut().write_all(request.as_bytes()).is_ok()
            && client.stream.fill_buf().is_ok_and(|answer| !answer.is_empty())
    };
    // The server notices soon that they are gone.
    soon("there is room again", || {
        let mut again: Vec<_> = (0..20).map(|_| served.connect_from(3)).collect();
        again.iter_mut().all(is_answered)
    });
}

#[test]
fn idle_connections_of_many_addresses_give_way_to_a_new_client() {
    let served = locked(strict(Limits { connections: 64, ..Limits::default() }), &["127.0.0.9"]);
    // One that is answered, and one that waits between two requests, both of an address with few connections.
    std::fs::File::create(served.path("prod/pool/large")).unwrap().set_len(64 << 20).unwrap();
    let mut busy = served.connect_from(200);
    busy.send("GET", "/prod/pool/large", &[]);
    busy.stream.fill_buf().unwrap();
    let mut kept = served.connect_from(201);
    kept.send("GET", IN_RELEASE, &[]);
    assert_eq!(kept.reply("GET").status, 200);
    let five_of_each = |addresses: std::ops::Range<u8>| -> Vec<_> {
        addresses.flat_map(|last| (0..5).map(move |_| last)).map(|last| served.connect_from(last)).collect()
    };
    let answered = |last| {
        let mut client = served.connect_from(last);
        client.send("GET", IN_RELEASE, &[]);
        assert_eq!(client.reply("GET").status, 200);
        client
    };
    // Up to 48 an address has as many as it wants, and then two: these take all but one. The server has taken them once it answers somebody
    // who came later, and a moment after that each of them can give way.
    let few = five_of_each(10..27);
    drop(answered(202));
    std::thread::sleep(Duration::from_millis(600));
    let many = five_of_each(27..40);
    let proxied: Vec<_> = (0..4).map(|_| answered(9)).collect();
    let start = Instant::now();
    for last in 100..110 {
        drop(answered(last));
    }
    // Long before the timeout of idle connections.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    kept.send("GET", IN_RELEASE, &[]);
    assert_eq!(kept.reply("GET").status, 200, "the address with the most connections gives way first");
    assert_eq!(busy.reply("GET").body.len(), 64 << 20, "an answer is finished");
    drop((few, many, proxied));
}

#[test]
fn idle_connections_end_in_time_whoever_holds_them() {
    let limits = Limits { connections: 16, request_timeout: Duration::from_millis(500), ..Limits::default() };
    let served = locked(limits, &[]);
    // These are exempt: they fill the server, and only for so long.
    let mut idle: Vec<_> = (0..16).map(|_| served.connect()).collect();
    let mut late = served.connect();
    late.send("GET", IN_RELEASE, &[]);
    assert_eq!(late.reply("GET").status, 200);
    assert!(idle.iter_mut().all(|client| client.rest().is_empty()));
}

#[test]
fn a_trusted_proxy_says_where_a_request_comes_from() {
    let access = || {
        let allow = vec![IpNetwork::parse("203.0.113.0/24").unwrap()];
        BTreeMap::from([("prod".to_owned(), Access::both(allow, None))])
    };
    let served = Served::behind(&["127.0.0.1"], access(), Limits::default());
    let status = |from: u8, fields: &[&str]| {
        let mut client = served.connect_from(from);
        client.send("GET", IN_RELEASE, fields);
        client.reply("GET").status
    };
    for (field, expected) in [
        ("X-Forwarded-For: 203.0.113.9", 200),
        ("x-forwarded-for: 192.0.2.1, 203.0.113.9", 200),
        ("X-Forwarded-For: 203.0.113.9, 192.0.2.1", 403),
        ("X-Forwarded-For: 203.0.113.9, nonsense", 403),
        ("X-Real-IP: 203.0.113.9", 403),
    ] {
        assert_eq!(status(1, &[field]), expected, "{field}");
        assert_eq!(status(2, &[field]), 403, "not a trusted proxy: {field}");
    }
    assert_eq!(status(1, &["X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 192.0.2.1"]), 403);
    let log = served.logged(11);
    let passed = log.iter().filter(|entry| entry.status == 200);
    assert!(passed.map(|entry| entry.peer.to_string()).eq(["203.0.113.9", "203.0.113.9"]), "{log:?}");
    // Each request on a connection has its own client.
    let mut client = served.connect_from(1);
    for (address, expected) in [("203.0.113.9", 200), ("192.0.2.1", 403), ("203.0.113.10", 200)] {
        client.send("GET", IN_RELEASE, &[&format!("X-Forwarded-For: {address}")]);
        assert_eq!(client.reply("GET").status, expected);
    }
}

#[test]
fn logins_stay_when_other_users_change() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(directory.path()).unwrap().join("users");
    // `{SHA}` of one and two letters `a`.
    let [one, two] = ["hvfkN/qlp/zhXR3cuerq6jd2Z7g=", "4MkDWJjdUvxlxBRUzsnE0mEb+zc="];
    let write = |anna: &str, others: &str| {
        std::fs::write(&path, format!("anna:{{SHA}}{anna}\nbob:{{SHA}}{one}\n{others}")).unwrap();
    };
    write(one, "");
    let file = UserFile::load(&path);
    let known = |file: &UserFile, name: &str| file.users().unwrap().known(name, b"a").is_some();
    assert!(file.users().unwrap().verify("anna", b"a") && file.users().unwrap().verify("bob", b"a"));
    write(one, &format!("carl:{{SHA}}{one}\n"));
    assert_eq!(file.refresh(), None);
    assert!(known(&file, "anna") && known(&file, "bob") && !known(&file, "carl"));
    write(two, "");
    assert_eq!(file.refresh(), None);
    assert!(!known(&file, "anna") && known(&file, "bob"), "the hash of one has changed");
    assert!(!file.users().unwrap().verify("anna", b"a") && file.users().unwrap().verify("anna", b"aa"));
    // A configuration that is read again has new files.
    let again = UserFile::load(&path);
    assert!(!known(&again, "bob"));
    again.keep_verified(&file);
    assert!(known(&again, "bob") && again.users().unwrap().known("anna", b"aa").is_some());
    std::fs::write(&path, format!("anna:{{SHA}}{two}\n")).unwrap();
    assert_eq!(again.refresh(), None);
    assert!(!again.users().unwrap().verify("bob", b"a"), "who is gone is gone");
}
