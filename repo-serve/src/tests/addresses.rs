//! Repositories at hosts of their own.

use super::access::{LOCKED, basic, user_file};
use super::*;

fn served() -> Served {
    let network = |network: &str| IpNetwork::parse(network).unwrap();
    Served::with(
        BTreeMap::from([
            ("prod".to_owned(), Access::default()),
            ("locked".to_owned(), Access::both(Vec::new(), Some(user_file()))),
            ("elsewhere".to_owned(), Access::both(vec![network("192.0.2.1")], None)),
        ]),
        Limits::default(),
    )
}

fn at(served: &Served, host: &str, path: &str, fields: &[&str]) -> Reply {
    served.request("GET", path, &[&[format!("Host: {host}").as_str()], fields].concat())
}

#[test]
fn a_repository_is_served_at_its_own_host_and_by_its_name() {
    let served = served();
    for host in ["prod.example.org", "PROD.example.org:8080", "repo"] {
        assert_eq!(at(&served, host, IN_RELEASE, &[]).status, 200, "{host}");
    }
    for (path, status) in [
        ("/dists/trixie/InRelease", 200),
        ("//dists/./trixie/InRelease", 200),
        ("/pool/main/h/hello/hello_1.0_all.deb", 200),
        ("/dists", 404),
        ("/dists/", 404),
        ("/none", 404),
        ("/.publications/7/dists/trixie/InRelease", 404),
        ("/../prod/dists/trixie/InRelease", 404),
    ] {
        assert_eq!(at(&served, "prod.example.org", path, &[]).status, status, "{path}");
        let elsewhere = at(&served, "other.example.org", path, &[]).status;
        assert_eq!(elsewhere, 404, "{path}");
    }
    let page = at(&served, "prod.example.org", "/", &[]);
    assert!(page.body.starts_with(b"prod: an APT repository"), "{page:?}");
    // What a proxy sends: the whole address in place of the path.
    assert_eq!(at(&served, "repo", "http://prod.example.org/dists/trixie/InRelease", &[]).status, 200);
}

#[test]
fn a_closed_repository_is_closed_at_every_host() {
    let served = served();
    let login = basic("bcrypt:open sesame");
    let inner = LOCKED.strip_prefix("/locked").unwrap();
    for host in ["locked.example.org", "LOCKED.EXAMPLE.ORG.", "prod.example.org", "repo"] {
        assert_eq!(at(&served, host, LOCKED, &[]).status, 401, "{host}");
        assert_eq!(at(&served, host, LOCKED, &[&login]).status, 200, "{host}");
        assert_eq!(at(&served, host, "/elsewhere/dists/trixie/InRelease", &[]).status, 403, "{host}");
    }
    assert_eq!(at(&served, "locked.example.org", inner, &[]).status, 401);
    assert_eq!(at(&served, "locked.example.org", "/none", &[]).status, 401, "the same whether it is there");
    assert_eq!(at(&served, "locked.example.org", "/", &[]).status, 401);
    assert_eq!(at(&served, "locked.example.org", inner, &[&login]).status, 200);
    assert_eq!(at(&served, "elsewhere.example.org", "/dists/trixie/InRelease", &[]).status, 403);
    assert_eq!(at(&served, "repo", "http://locked.example.org/dists/trixie/InRelease", &[]).status, 401);
    // The address in the request line counts, not the field.
    assert_eq!(
        at(&served, "prod.example.org", "http://locked.example.org/dists/trixie/InRelease", &[]).status,
        401
    );
}
