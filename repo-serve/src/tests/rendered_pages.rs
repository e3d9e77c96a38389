//! Pages that are rendered elsewhere: who gets to see which, and how they are sent.

use std::sync::atomic::{AtomicUsize, Ordering};

use repo_serve::renderer::{Document, PageRequest, Reads};

use super::access::{basic, user_file};
use super::*;

/// Renders what it was asked for.
#[derive(Debug, Default)]
struct Echo {
    rendered: AtomicUsize,
}

impl PageRenderer for Echo {
    fn reads(&self, path: &[&str]) -> Option<Reads> {
        match *path {
            [] | ["search"] => Some(Reads::Listed),
            ["style.css"] => Some(Reads::Nothing),
            [name, ""] => Some(Reads::Repository {
                name: name.to_owned(),
                beside: vec!["locked".to_owned(), "none".to_owned()],
            }),
            [_, "broken" | "gone"] => Some(Reads::Repository { name: "prod".to_owned(), beside: Vec::new() }),
            _ => None,
        }
    }

    fn render(&self, request: &PageRequest) -> Result<Option<Document>, String> {
        self.rendered.fetch_add(1, Ordering::Relaxed);
        let PageRequest { path, query, readable, may_log_in } = request;
        match path.last().map(String::as_str) {
            Some("broken") => Err("a disk is broken".to_owned()),
            Some("gone") => Ok(None),
            _ => {
                let text = format!("{path:?} {query:?} {readable:?} {may_log_in}");
                Ok(Some(Document::new("text/html; charset=utf-8", "default-src 'none'", text)))
            }
        }
    }
}

fn access() -> BTreeMap<String, Access> {
    let network = IpNetwork::parse("192.0.2.1").unwrap();
    BTreeMap::from([
        ("prod".to_owned(), Access::default()),
        ("locked".to_owned(), Access::both(Vec::new(), Some(user_file()))),
        ("elsewhere".to_owned(), Access::both(vec![network], None)),
        ("setup".to_owned(), Access { unlisted: true, ..Access::default() }),
    ])
}

fn served() -> Served {
    Served::rendering(&[], access(), Limits::default(), Some(Arc::new(Echo::default())))
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

#[test]
fn a_page_obeys_the_rules_of_its_repository() {
    let served = served();
    let login = basic("bcrypt:open sesame");
    let wrong = basic("bcrypt:wrong");
    for (path, anonymous, known) in [
        ("/", 200, 200),
        ("/-/search?q=x", 200, 200),
        ("/-/style.css", 200, 200),
        ("/-/prod/", 200, 200),
        ("/-/locked/", 401, 200),
        ("/-/elsewhere/", 403, 403),
        ("/-/none/", 404, 404),
        ("/-/none", 404, 404),
        ("/-/prod/nothing", 404, 404),
        ("/-/prod/gone", 404, 404),
        ("/-/.hidden/", 404, 404),
        ("/-/prod/%2e%2e/", 404, 404),
        ("/-/%ff/", 404, 404),
        ("/-/prod%2f", 400, 400),
    ] {
        assert_eq!(served.get(path).status, anonymous, "{path}");
        assert_eq!(served.request("GET", path, &[&login]).status, known, "{path}");
        assert_eq!(served.request("GET", path, &[&wrong]).status, anonymous, "{path}");
    }
    assert_eq!(served.request("POST", "/-/prod/", &["Content-Length: 0"]).status, 405);
    let locked = served.get("/-/locked/");
    assert_eq!(locked.header("www-authenticate"), "Basic realm=\"locked\", charset=\"UTF-8\"");
    let entries = served.logged(43);
    let of_login = entries.iter().find(|entry| entry.path == "/-/locked/" && entry.status == 200).unwrap();
    assert_eq!((of_login.user.as_deref(), of_login.repository.as_deref()), (Some("bcrypt"), Some("locked")));
}

#[test]
fn what_a_page_shows_of_others_is_what_the_reader_may_read() {
    let served = served();
    let login = basic("bcrypt:open sesame");
    assert_eq!(text(&served.get("/")), "[] None {\"prod\"} true");
    assert_eq!(text(&served.request("GET", "/", &[&login])), "[] None {\"locked\", \"prod\"} false");
    assert_eq!(text(&served.get("/-/search?q=a+b")), "[\"search\"] Some(\"q=a+b\") {\"prod\"} true");
    assert_eq!(text(&served.get("/-/prod/")), "[\"prod\", \"\"] None {\"prod\"} false");
    let both = served.request("GET", "/-/prod/", &[&login]);
    assert_eq!(text(&both), "[\"prod\", \"\"] None {\"locked\", \"prod\"} false");
}

#[test]
fn behind_a_proxy_the_client_is_the_one_that_the_proxy_names() {
    let renderer = || Some(Arc::new(Echo::default()) as Arc<dyn PageRenderer>);
    let served = Served::rendering(&["127.0.0.1"], access(), Limits::default(), renderer());
    let ask = |field: &str| served.request("GET", "/-/elsewhere/", &[field]).status;
    assert_eq!(ask("X-Forwarded-For: 192.0.2.1"), 200);
    assert_eq!(ask("X-Forwarded-For: 192.0.2.2"), 403);
    let list = served.request("GET", "/", &["X-Forwarded-For: 192.0.2.1"]);
    assert_eq!(text(&list), "[] None {\"elsewhere\", \"prod\"} true");
    // A stranger cannot name itself.
    let direct = Served::rendering(&[], access(), Limits::default(), renderer());
    assert_eq!(direct.request("GET", "/-/elsewhere/", &["X-Forwarded-For: 192.0.2.1"]).status, 403);
}

#[test]
fn a_browser_is_asked_for_a_login_at_the_list() {
    let served = served();
    let asked = served.get("/?login");
    assert_eq!(asked.status, 401);
    assert_eq!(asked.header("www-authenticate"), "Basic realm=\"repositories\", charset=\"UTF-8\"");
    assert_eq!(served.request("GET", "/?login", &[&basic("bcrypt:wrong")]).status, 401);
    let known = served.request("GET", "/?login", &[&basic("bcrypt:open sesame")]);
    assert_eq!((known.status, known.header("location")), (302, "./"));
}

#[test]
fn ways_that_are_nearly_right_lead_to_the_page() {
    let served = served();
    for (path, location) in
        [("/prod", "-/prod/"), ("/prod/", "../-/prod/"), ("/-/prod", "prod/"), ("/-/", "../"), ("/-", "./")]
    {
        let reply = served.get(path);
        assert_eq!((reply.status, reply.header("location")), (302, location), "{path}");
    }
    // The root of a host of its own.
    let mut client = served.connect();
    client.send("GET", "/", &["Host: prod.example.org"]);
    let reply = client.reply("GET");
    assert_eq!((reply.status, reply.header("location")), (302, "-/prod/"));
    assert_eq!(served.get("/locked/").status, 401);
}

#[test]
fn a_page_that_is_known_is_not_sent_again() {
    let served = served();
    let page = served.get("/-/prod/");
    let etag = page.header("etag").to_owned();
    for name in ["content-security-policy", "x-content-type-options", "referrer-policy", "content-length"] {
        assert!(!page.header(name).is_empty(), "{name}");
    }
    assert_eq!(page.header("cache-control"), "private, no-cache");
    let again = served.request("GET", "/-/prod/", &[&format!("If-None-Match: \"x\", {etag}")]);
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, etag.as_str()));
    assert_eq!(served.request("GET", "/-/prod/", &["If-None-Match: \"x\""]).status, 200);
    let head = served.request("HEAD", "/-/prod/", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), page.header("content-length"));
    let all = BTreeMap::from([("prod".to_owned(), Access::default())]);
    let public = Served::rendering(&[], all, Limits::default(), Some(Arc::new(Echo::default())));
    assert_eq!(public.get("/-/prod/").header("cache-control"), "no-cache");
    assert_eq!(public.get("/?login").header("location"), "./");
}

#[test]
fn a_page_that_cannot_be_made_tells_the_log_why_and_nobody_else() {
    let served = served();
    let reply = served.get("/-/prod/broken");
    assert_eq!((reply.status, text(&reply)), (500, "the server cannot make this page\n".to_owned()));
    let problem = served.logged(1)[0].problem.clone();
    assert_eq!(problem.as_deref(), Some("a disk is broken"));
}

#[test]
fn a_repository_of_that_name_comes_first() {
    let all = BTreeMap::from([("-".to_owned(), Access::default()), ("prod".to_owned(), Access::default())]);
    let served = Served::rendering(&[], all, Limits::default(), Some(Arc::new(Echo::default())));
    assert_eq!(served.get("/-/prod/").status, 404);
}

#[test]
fn without_a_renderer_there_is_nothing_below_the_minus_sign() {
    let served = Served::new();
    assert_eq!(served.get("/-/prod/").status, 404);
    assert_eq!(served.get("/").header("content-type"), "text/plain; charset=utf-8");
}
