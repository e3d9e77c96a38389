//! What is printed for a store, and what is refused.

use camino::{Utf8Path, Utf8PathBuf};
use repo_config::Config;
use repo_store::RepositoryName;

use super::{Front, FrontError, FrontServer};

const START: &str = "origin = 'Example Ltd'\nsuites = ['bookworm']\narchitectures = ['amd64']\n";

fn config(text: &str) -> (tempfile::TempDir, Config) {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::try_from(directory.path().to_owned()).unwrap();
    std::fs::write(root.join("repo.toml"), format!("{START}{text}")).unwrap();
    let config = Config::load(&root).unwrap();
    (directory, config)
}

fn front(text: &str, server: FrontServer, chosen: &[&str]) -> Result<Front, FrontError> {
    let (_directory, config) = config(text);
    let chosen: Vec<RepositoryName> =
        chosen.iter().map(|name| RepositoryName::parse(name).unwrap()).collect();
    let credentials = Utf8Path::new(server.credentials());
    Front::of(&config, Utf8Path::new("/srv/packages"), (server, credentials), &chosen)
}

fn printed(text: &str, server: FrontServer) -> String {
    server.configuration(&front(text, server, &[]).unwrap())
}

/// TLS, pages, the interface for programs, a repository with an address of its own, and access by networks and logins.
const WHOLE: &str = r#"
url = "https://packages.example.org"
[serve]
listen = "127.0.0.1:8080"
api = "127.0.0.1:8081"
trusted_proxies = ["127.0.0.1"]
pages = true
tls = { certificate = "/etc/repo/tls.crt", key = "/etc/repo/tls.key" }
[repositories.preprod]
[repositories.prod]
access = [["10.0.0.0/8", "users:prod.htpasswd"], ["10.1.0.0/16"], ["2001:db8::/32", "tokens"], ["users:prod.htpasswd", "10.2.0.0/16"]]
[repositories.shop]
url = "https://shop.example.org/debian"
access = [["tokens"]]
[repositories.tools]
url = "https://shop.example.org"
allow = ["192.0.2.0/24"]
"#;

/// As `init` makes it.
const PLAIN: &str = "[repositories.preprod]\n[repositories.prod]\n";

#[test]
fn nginx() {
    insta::assert_snapshot!("nginx-whole", printed(WHOLE, FrontServer::Nginx));
    insta::assert_snapshot!("nginx-plain", printed(PLAIN, FrontServer::Nginx));
}

#[test]
fn apache() {
    insta::assert_snapshot!("apache-whole", printed(WHOLE, FrontServer::Apache));
    insta::assert_snapshot!("apache-plain", printed(PLAIN, FrontServer::Apache));
}

#[test]
fn caddy() {
    insta::assert_snapshot!("caddy-whole", printed(WHOLE, FrontServer::Caddy));
    insta::assert_snapshot!("caddy-plain", printed(PLAIN, FrontServer::Caddy));
}

#[test]
fn haproxy() {
    insta::assert_snapshot!("haproxy-whole", printed(WHOLE, FrontServer::Haproxy));
    insta::assert_snapshot!("haproxy-plain", printed(PLAIN, FrontServer::Haproxy));
}

#[test]
fn without_a_certificate_the_lines_for_it_are_left_to_be_filled_in() {
    let text = "url = 'https://packages.example.org'\n[repositories.prod]\n";
    for (server, line) in [
        (FrontServer::Nginx, "    # ssl_certificate \""),
        (FrontServer::Apache, "    # SSLCertificateFile \""),
        (FrontServer::Caddy, "\t# tls \""),
        (FrontServer::Haproxy, "    # bind :::443 v4v6 ssl crt "),
    ] {
        let printed = printed(text, server);
        assert!(printed.contains(line) && printed.contains("# Name the certificate"), "{printed}");
    }
}

#[test]
fn only_the_repositories_that_are_named_are_spoken_of() {
    let front = front(WHOLE, FrontServer::Nginx, &["preprod"]).unwrap();
    let printed = FrontServer::Nginx.configuration(&front);
    assert!(printed.contains("config proxy nginx --repository preprod\n") && printed.contains("/preprod/"));
    assert!(!printed.contains("prod.htpasswd") && !printed.contains("shop"), "{printed}");
}

#[test]
fn sets_of_logins_have_files_that_no_other_repository_has() {
    let text = "[repositories.a]\naccess = [['10.0.0.0/8', 'tokens'], ['users:u']]\n[repositories.a-2]\naccess = [['tokens']]\n";
    let front = front(text, FrontServer::Nginx, &[]).unwrap();
    let mounts = front.hosts.iter().flat_map(|host| &host.mounts);
    let files: Vec<String> = mounts
        .flat_map(|mount| (0..mount.admissions.logins.len()).map(|set| mount.credentials(set)))
        .collect();
    assert_eq!(files, ["a-2", "a", "a+2"]);
}

#[test]
fn what_cannot_be_said_is_refused() {
    let repository = |url: &str| format!("[repositories.prod]\nurl = {url:?}\n");
    let behind =
        |text: &str| format!("[serve]\npages = true\n{text}\n[repositories.prod]\nallow = ['10.0.0.0/8']\n");
    let texts = [
        repository("file:/srv/packages/public/prod"),
        repository("tor+https://example.org/prod"),
        repository("http://example.org/a;b"),
        repository("http://example.org/%22%0a"),
        repository("http://example.org/.well-known"),
        repository("http://a$b.example.org/"),
        repository("http://example.org:8080/"),
        behind(
            "listen = 'https://0.0.0.0:8443'\ntls = { certificate = 'c', key = 'k' }\ntrusted_proxies = ['127.0.0.1']",
        ),
        behind("listen = '127.0.0.1:80'"),
        behind(""),
        "[serve]\napi = '127.0.0.1:8081'\n[repositories.prod]\nurl = 'http://example.org/api'\n".to_owned(),
        "[serve]\npages = true\n[repositories.prod]\nurl = 'http://example.org/-/prod'\n".to_owned(),
        "[serve]\ntls = { certificate = \"/etc/a\\\"b\", key = 'k' }\n[repositories.prod]\n".to_owned(),
    ];
    let mut said = Vec::new();
    for text in &texts {
        // What is passed on counts for HAProxy alone in one of them.
        let server = if text.contains(":8080/") { FrontServer::Haproxy } else { FrontServer::Nginx };
        let error = front(text, server, &[]).unwrap_err();
        said.push(format!("{error}\n  {}", error.hint()));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn no_path_breaks_out_of_what_is_printed() {
    for path in [
        "/srv/a\"b",
        "/srv/a;\n}",
        "/srv/$a",
        "/srv/{a}",
        "/srv/a\\",
        "/srv/%{a}",
        "/srv/a*",
        "/srv/a#b",
        "/srv/'a",
    ] {
        let (_directory, config) = config(PLAIN);
        for server in [FrontServer::Nginx, FrontServer::Apache, FrontServer::Caddy, FrontServer::Haproxy] {
            let (good, bad) = (Utf8Path::new("/srv/some packages"), Utf8Path::new(path));
            assert!(matches!(
                Front::of(&config, bad, (server, good), &[]),
                Err(FrontError::Unprintable { .. })
            ));
            assert!(matches!(
                Front::of(&config, good, (server, bad), &[]),
                Err(FrontError::Unprintable { .. })
            ));
            assert!(Front::of(&config, good, (server, good), &[]).is_ok());
        }
    }
}
