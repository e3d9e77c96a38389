//! Conditional and partial requests, as tables.

use super::*;

const EARLIER: &str = "Tue, 31 Dec 2024 23:59:59 GMT";
const LATER: &str = "Wed, 01 Jan 2025 00:00:01 GMT";

#[test]
fn if_modified_since() {
    let served = Served::new();
    for (date, status) in [
        (MODIFIED_DATE, 304),
        // Not what we said of it.
        (LATER, 200),
        (EARLIER, 200),
        ("Wednesday, 01-Jan-25 00:00:00 GMT", 304),
        ("Wed Jan  1 00:00:00 2025", 304),
        // No clock that is right can have said so.
        ("Fri, 01 Jan 2100 00:00:00 GMT", 200),
        ("yesterday", 200),
        ("", 200),
    ] {
        for method in ["GET", "HEAD"] {
            let reply = served.request(method, IN_RELEASE, &[&format!("If-Modified-Since: {date}")]);
            assert_eq!(reply.status, status, "{method} {date}");
        }
    }
}

/// Publications of a burst have times that run ahead of the clock.
#[test]
fn a_file_that_is_ahead_of_the_clock_is_as_old_as_the_answer_and_never_unmodified() {
    let served = Served::new();
    let file = std::fs::File::options().write(true).open(served.path("prod/dists/trixie/InRelease")).unwrap();
    let ahead = SystemTime::now() + Duration::from_secs(3600);
    file.set_modified(ahead).unwrap();
    let reply = served.get(IN_RELEASE);
    assert_eq!(reply.status, 200);
    let shown = httpdate::parse_http_date(reply.header("last-modified")).unwrap();
    // The second of the answer may be that of the file that takes its place. The field `Date` may be of the second before.
    assert!(shown + Duration::from_secs(1) <= SystemTime::now(), "{reply:?}");
    for date in [reply.header("last-modified"), &httpdate::fmt_http_date(ahead)] {
        let reply = served.request("GET", IN_RELEASE, &[&format!("If-Modified-Since: {date}")]);
        assert_eq!(reply.status, 200, "{date}");
        let fields = ["Range: bytes=1-", &format!("If-Range: {date}")];
        assert_eq!(served.request("GET", IN_RELEASE, &fields).status, 200, "{date}");
    }
    // The tag says more than the time.
    let tag = reply.header("etag").to_owned();
    assert_eq!(served.request("GET", IN_RELEASE, &[&format!("If-None-Match: {tag}")]).status, 304);
    // Once the clock has come there, the time is its own.
    file.set_modified(ahead - Duration::from_secs(7200)).unwrap();
    let date = served.get(IN_RELEASE).header("last-modified").to_owned();
    assert_eq!(served.request("GET", IN_RELEASE, &[&format!("If-Modified-Since: {date}")]).status, 304);
}

/// What apt sends to a suite it knows, and what it may rely on in the answer.
#[test]
fn a_304_carries_the_validators() {
    let served = Served::new();
    let fields = [&format!("If-Modified-Since: {MODIFIED_DATE}"), "Cache-Control: max-age=0"];
    let reply = served.request("GET", IN_RELEASE, &fields);
    assert_eq!((reply.status, reply.body.len()), (304, 0));
    assert_eq!(reply.header("last-modified"), MODIFIED_DATE);
    assert_eq!(reply.header("etag"), served.get(IN_RELEASE).header("etag"));
    assert_eq!(reply.header("cache-control"), "no-cache");
    assert!(!reply.headers.contains_key("content-length"), "{reply:?}");
}

#[test]
fn entity_tags() {
    let served = Served::new();
    let (strong, weak) =
        (served.get(DEB).header("etag").to_owned(), served.get(IN_RELEASE).header("etag").to_owned());
    let other = "\"other\"";
    for (path, field, status) in [
        (DEB, format!("If-None-Match: {strong}"), 304),
        (DEB, format!("If-None-Match: {other}, W/{strong}"), 304),
        (DEB, "If-None-Match: *".into(), 304),
        (DEB, format!("If-None-Match: {other}"), 200),
        // If-None-Match counts, and not the date beside it.
        (DEB, format!("If-None-Match: {other}\r\nIf-Modified-Since: {LATER}"), 200),
        (IN_RELEASE, format!("If-None-Match: {weak}"), 304),
        (DEB, format!("If-Match: {strong}"), 200),
        (DEB, "If-Match: *".into(), 200),
        (DEB, format!("If-Match: {other}"), 412),
        (IN_RELEASE, format!("If-Match: {weak}"), 412),
        (DEB, format!("If-Unmodified-Since: {EARLIER}"), 412),
        (DEB, format!("If-Unmodified-Since: {MODIFIED_DATE}"), 200),
    ] {
        assert_eq!(served.request("GET", path, &[&field]).status, status, "{field}");
    }
}

#[test]
fn ranges() {
    let served = Served::new();
    let whole = std::fs::read(served.path("prod/pool/main/h/hello/hello_1.0_all.deb")).unwrap();
    let size = whole.len();
    for (range, expected) in [
        ("bytes=0-0", Some(0..1)),
        ("bytes=10-19", Some(10..20)),
        ("bytes=1999990-", Some(1_999_990..size)),
        ("bytes=-7", Some(size - 7..size)),
        ("bytes=-99999999", Some(0..size)),
        ("bytes=1-99999999999999999999999", Some(1..size)),
        ("Bytes=5-600000", Some(5..600_001)),
        ("bytes=0-1,5-6", None),
        ("bytes=9-8", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("lines=1-2", None),
        ("", None),
    ] {
        let reply = served.request("GET", DEB, &[&format!("Range: {range}")]);
        let Some(expected) = expected else {
            assert_eq!((reply.status, reply.body.len()), (200, size), "{range}");
            continue;
        };
        assert_eq!(reply.status, 206, "{range}");
        let shown = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
        assert_eq!(reply.header("content-range"), shown, "{range}");
        assert!(reply.body == whole[expected], "{range}");
    }
    // A bomb of a thousand ranges is one whole file.
    let bomb = format!("Range: bytes={}", vec!["0-"; 1000].join(","));
    assert_eq!(served.request("GET", DEB, &[&bomb]).status, 200);
    assert_eq!(served.request("GET", DEB, &["Range: bytes=0-1", "Range: bytes=3-4"]).status, 200);
    assert_eq!(served.request("HEAD", DEB, &["Range: bytes=0-1"]).header("content-length"), "2000000");
}

#[test]
fn ranges_behind_the_end() {
    let served = Served::new();
    for (path, range, shown) in [
        (DEB, "bytes=2000000-", "bytes */2000000"),
        (DEB, "bytes=99999999999999999999-", "bytes */2000000"),
        (DEB, "bytes=18446744073709551615-18446744073709551615", "bytes */2000000"),
        (DEB, "bytes=-0", "bytes */2000000"),
        ("/prod/pool/empty", "bytes=0-", "bytes */0"),
    ] {
        let reply = served.request("GET", path, &[&format!("Range: {range}")]);
        assert_eq!((reply.status, reply.header("content-range")), (416, shown), "{range}");
    }
}

/// apt resumes with the date it got; the wrong state must come whole, or the file is spoilt.
#[test]
fn if_range() {
    let served = Served::new();
    let etag = served.get(DEB).header("etag").to_owned();
    for (validator, status) in [
        (MODIFIED_DATE, 206),
        (EARLIER, 200),
        (LATER, 200),
        (etag.as_str(), 206),
        ("\"other\"", 200),
        (format!("W/{etag}").as_str(), 200),
        ("nonsense", 200),
    ] {
        let fields = ["Range: bytes=1999000-", &format!("If-Range: {validator}")];
        let reply = served.request("GET", DEB, &fields);
        assert_eq!(reply.status, status, "{validator}");
        assert_eq!(reply.body.len(), if status == 206 { 1000 } else { 2_000_000 }, "{validator}");
    }
    // Weak tags never vouch for a part.
    let weak = served.get(IN_RELEASE).header("etag").to_owned();
    let reply = served.request("GET", IN_RELEASE, &["Range: bytes=1-", &format!("If-Range: {weak}")]);
    assert_eq!(reply.status, 200);
}
