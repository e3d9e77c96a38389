//! What a person reads.

use super::access::{basic, user_file};
use super::*;

fn served() -> Served {
    let network = |network: &str| IpNetwork::parse(network).unwrap();
    let access = |allow: &[&str], users| Access::both(allow.iter().map(|of| network(of)).collect(), users);
    Served::with(
        BTreeMap::from([
            ("prod".to_owned(), access(&[], None)),
            ("locked".to_owned(), access(&[], Some(user_file()))),
            ("elsewhere".to_owned(), access(&["192.0.2.1"], None)),
        ]),
        Limits::default(),
    )
}

#[test]
fn the_list_names_what_one_may_read() {
    let served = served();
    let list = served.get("/");
    assert_eq!(list.status, 200);
    assert_eq!(list.body, b"APT repositories:\n\n    /prod/\n");
    assert_eq!(list.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(list.header("cache-control"), "private, no-cache");
    let with = |login: &str| served.request("GET", "/", &[&basic(login)]);
    assert_eq!(with("bcrypt:open sesame").body, b"APT repositories:\n\n    /locked/\n    /prod/\n");
    assert_eq!(with("bcrypt:wrong").body, list.body);
}

#[test]
fn a_repository_tells_of_its_suites_and_keys() {
    let served = served();
    for path in ["/prod", "/prod/", "//prod/./"] {
        let page = served.get(path);
        assert_eq!(page.status, 200, "{path}");
        let text = String::from_utf8(page.body.clone()).unwrap();
        for part in ["trixie", "amd64", "/prod/key.asc\n", "/prod/key.gpg\n", "repo-cli client-config prod\n"]
        {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(page.header("content-length"), text.len().to_string());
    }
    let head = served.request("HEAD", "/prod/", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), served.get("/prod/").header("content-length"));
    for (path, status) in [
        ("/locked/", 401),
        ("/elsewhere/", 403),
        ("/unlisted/", 404),
        ("/none", 404),
        ("/..", 404),
        ("/prod/dists/", 404),
        ("/prod/pool", 404),
        ("/prod/.secret", 404),
        ("/prod/..", 404),
        ("/.secret/", 404),
    ] {
        assert_eq!(served.get(path).status, status, "{path}");
    }
    assert_eq!(served.request("GET", "/locked/", &[&basic("apr1:open sesame")]).status, 200);
}
