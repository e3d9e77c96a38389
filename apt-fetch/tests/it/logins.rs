//! Passwords go where they belong, and redirects where they may.

use apt_fetch::{
    Address, Archive, Client, ClientOptions, Conditions, Logins, Problem, Proxies, Proxy, RedirectRule,
    Source, Suite, Url,
};

use crate::repository::{client, limits};
use crate::server::{Reply, Server};

/// `me:secret` in the form in which it is sent.
const SENT: &str = "Basic bWU6c2VjcmV0";

fn open(client: &Client, url: &str) -> Result<apt_fetch::Answer, apt_fetch::Error> {
    let (url, login) = Url::parse_with_login(url).unwrap();
    client.open(&Address { url, login }, &Conditions::default(), 1000)
}

fn authorizations(server: &Server) -> Vec<Option<String>> {
    server.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect()
}

#[test]
fn a_password_in_the_address_is_never_sent_to_another_server() {
    let other = Server::start(|_| Reply::ok("x"));
    let to = format!("{}/x", other.url());
    let first = Server::start(move |request| match request.path.as_str() {
        "/away" => Reply::redirect(&to),
        "/here" => Reply::redirect("there"),
        _ => Reply::ok("y"),
    });
    let client = client();
    let with_login = |path: &str| first.url().replace("http://", "http://me:secret@") + path;
    let answer = open(&client, &with_login("/away")).unwrap();
    assert_eq!(answer.url.to_string(), format!("{}/x", other.url()));
    assert_eq!(answer.redirects.len(), 1);
    // The same host on another port is another server.
    assert_eq!(authorizations(&other), [None]);
    open(&client, &with_login("/here")).unwrap();
    assert_eq!(authorizations(&first), vec![Some(SENT.to_owned()); 3]);
}

#[test]
fn a_login_of_a_file_is_looked_up_for_each_server_on_the_way() {
    let other = Server::start(|_| Reply::ok("x"));
    let to = format!("{}/x", other.url());
    let first = Server::start(move |_| Reply::redirect(&to));
    let text = format!("machine {} login me password secret", other.url());
    let logins = Logins::parse(&text).unwrap();
    let client = Client::new(ClientOptions { logins, limits: limits(), ..ClientOptions::default() });
    open(&client, &first.url()).unwrap();
    assert_eq!((authorizations(&first), authorizations(&other)), (vec![None], vec![Some(SENT.to_owned())]));
}

#[test]
fn whether_a_login_was_sent_is_part_of_the_refusal() {
    let server = Server::start(|_| Reply::status(401));
    let client = client();
    let error = open(&client, &server.url()).unwrap_err();
    assert!(matches!(error.problem, Problem::Denied { status: 401, had_login: false }));
    let error = open(&client, &server.url().replace("http://", "http://me:secret@")).unwrap_err();
    assert!(matches!(error.problem, Problem::Denied { had_login: true, .. }));
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn redirects_end() {
    let server = Server::start(|request| match request.path.as_str() {
        "/self" => Reply::redirect("/self"),
        "/a" => Reply::redirect("/b"),
        "/b" => Reply::redirect("/a"),
        "/file" => Reply::redirect("file:///etc/passwd"),
        "/none" => Reply::status(302),
        path => Reply::redirect(format!("{path}x")),
    });
    let client = client();
    let rule = |path: &str| match open(&client, &format!("{}{path}", server.url())).unwrap_err().problem {
        Problem::Redirect { rule, .. } => rule,
        other => panic!("{other:?}"),
    };
    for path in ["/self", "/a", "/longer"] {
        assert_eq!(rule(path), RedirectRule::TooMany, "{path}");
    }
    for path in ["/file", "/none"] {
        assert_eq!(rule(path), RedirectRule::Address, "{path}");
    }
    assert!(server.requests().len() < 30);
}

#[test]
fn a_proxy_is_asked_for_the_server() {
    let proxy = Server::start(|_| Reply::status(403));
    let proxies = Proxies { http: Some(Proxy::parse(&proxy.url()).unwrap()), ..Proxies::default() };
    let mut options = ClientOptions { proxies, limits: limits(), ..ClientOptions::default() };
    let error = open(&Client::new(options.clone()), "http://deb.example.org/x").unwrap_err();
    assert!(matches!(error.problem, Problem::Connection { .. }), "{error:?}");
    let requests = proxy.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("CONNECT", "deb.example.org:80"));
    let direct = Server::start(|_| Reply::ok("x"));
    options.proxies.direct = vec!["127.0.0.1".to_owned()];
    open(&Client::new(options), &direct.url()).unwrap();
}

#[test]
fn the_login_of_a_source_is_used_for_all_its_files() {
    let server = Server::start(|_| Reply::status(404));
    let (url, login) = Url::parse_with_login(&server.url().replace("http://", "http://me:secret@")).unwrap();
    let client = client();
    let archive = Archive::new(&client, Source::new(Address { url, login }, Suite::parse("./").unwrap()));
    archive.fetch_release(&crate::repository::rules()).unwrap_err();
    assert_eq!(authorizations(&server), vec![Some(SENT.to_owned()); 2]);
    assert_eq!(server.take_paths(), ["/InRelease", "/Release"]);
}
