//! Files from a web server, one at a time: what `fsck --repair --from URL` takes true copies with. And what all clients of HTTP share.

use std::io::Read;
use std::time::Duration;

use apt_fetch::{
    Address, AnswerKind, Client, ClientOptions, Conditions, Limits, Problem, Proxies, Scheme, Url,
};
use repo_store::maintenance::fsck::{FetchError, RepairSource};
use ureq::http::StatusCode;
use ureq::{Agent, Error};

use crate::error::{Failure, chain};

/// For a name to be resolved, for a connection, for the head of an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes a second: who sends a file slower than that on the whole is not waited for.
const SLOWEST: u64 = 64 << 10;
const REDIRECTS: u32 = 4;

/// How this program calls itself.
pub(crate) const USER_AGENT: &str = concat!("repo-cli/", env!("CARGO_PKG_VERSION"));

/// A web server, or a directory on one.
pub(crate) struct WebServer {
    /// Without user, password and the slash at the end.
    name: String,
    address: Address,
    client: Client,
}

impl WebServer {
    /// Whether that is a URL and not the name of a directory.
    pub(crate) fn is_url(text: &str) -> bool {
        text.split_once("://")
            .is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    }

    /// `http://[USER[:PASSWORD]@]HOST[:PORT][/PATH]`, or `https://`; user and password percent-encoded where they need it,
    /// as in apt's sources.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let address = parse_url(text)?;
        let name = address.url.to_string().trim_end_matches('/').to_owned();
        let limits =
            Limits { patience: PATIENCE, slowest: SLOWEST, redirects: REDIRECTS, ..Limits::default() };
        let options = ClientOptions {
            user_agent: USER_AGENT.to_owned(),
            authorities: authorities(),
            proxies: proxies()?,
            limits,
            ..ClientOptions::default()
        };
        Ok(Self { name, address, client: Client::new(options) })
    }
}

/// Opens one file on a web server; it may have so many bytes at most.
pub(crate) fn open(url: &str, most: u64) -> Result<Box<dyn Read>, Failure> {
    let (directory, file) = url.rsplit_once('/').unwrap_or((url, ""));
    let server = WebServer::parse(directory)?;
    let failed = |what: String| Failure::Url(format!("{}/{file}: {what}", server.name));
    let address = Address { url: server.address.url.join(file), login: server.address.login.clone() };
    match server.client.open(&address, &Conditions::default(), most) {
        Ok(answer) => Ok(Box::new(answer.into_body())),
        Err(error) => Err(match explain(&error.problem, file) {
            Ok(_) => failed("there is no such file".to_owned()),
            Err(error) => failed(error.what),
        }),
    }
}

/// Returns the proxies that the environment names.
pub(crate) fn proxies() -> Result<Proxies, Failure> {
    let proxies = Proxies::of_environment(|name| std::env::var(name).ok());
    proxies.map_err(|error| Failure::Url(format!("the proxy of the environment: {error}")))
}

/// Reads the URL of a directory on a web server. The error does not show what may be a password.
pub(crate) fn parse_url(text: &str) -> Result<Address, Failure> {
    let (url, login) = Url::parse_with_login(text).map_err(|error| Failure::Url(error.to_string()))?;
    let refuse = |what: &str| Err(Failure::Url(format!("{url}: {what}")));
    if !matches!(url.scheme(), Scheme::Http | Scheme::Https) {
        return refuse("only http:// and https:// are understood");
    }
    if text.contains(['?', '#']) {
        return refuse("it is not the address of a directory");
    }
    Ok(Address { url, login })
}

/// A client that waits so long for the head of an answer, and follows no redirect.
pub(crate) fn agent(patience: Duration) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(USER_AGENT)
        .timeout_resolve(Some(PATIENCE))
        .timeout_connect(Some(PATIENCE))
        .timeout_send_request(Some(PATIENCE))
        .timeout_recv_response(Some(patience));
    let certificate = |der: &Vec<u8>| ureq::tls::Certificate::from_der(der).to_owned();
    let trusted: ureq::tls::RootCerts = authorities().iter().map(certificate).into();
    let config = config.tls_config(ureq::tls::TlsConfig::builder().root_certs(trusted).build());
    config.build().into()
}

impl RepairSource for WebServer {
    fn name(&self) -> &str {
        &self.name
    }

    fn fetch(&self, path: &str, limit: u64) -> Result<Option<Box<dyn Read + '_>>, FetchError> {
        let address = Address { url: self.address.url.join(path), login: self.address.login.clone() };
        let answer = match self.client.open(&address, &Conditions::default(), limit) {
            Ok(answer) if answer.kind == AnswerKind::Whole => answer,
            Ok(_) => return Ok(None),
            Err(error) => return explain(&error.problem, path),
        };
        let is_longer = answer.length.is_some_and(|length| length > limit);
        Ok((!is_longer).then(|| answer.into_body() as Box<dyn Read>))
    }
}

/// Returns what it means for a repair that a file cannot be had.
fn explain(problem: &Problem, path: &str) -> Result<Option<Box<dyn Read + 'static>>, FetchError> {
    let answers = |status: u16| match StatusCode::from_u16(status) {
        Ok(status) => format!("it answers {status}"),
        Err(_) => format!("it answers {status}"),
    };
    let (what, is_final) = match problem {
        Problem::NotFound => return Ok(None),
        Problem::Denied { status: 401, had_login: false } => {
            ("it asks for a user and a password: write them as http://USER:PASSWORD@…".to_owned(), true)
        }
        Problem::Denied { status: 401, .. } => ("it does not take this user and password".to_owned(), true),
        Problem::Status { status: status @ (503 | 429), .. } => (answers(*status), true),
        Problem::Status { status, .. } | Problem::Denied { status, .. } => {
            (format!("{} to {path}", answers(*status)), false)
        }
        problem => (problem.to_string(), true),
    };
    Err(FetchError { what, is_final })
}

/// Returns the certificates, in DER, that the system trusts: a server of one's own often has a certificate of one's own authority. What cannot be read of
/// them is not trusted.
pub(crate) fn authorities() -> Vec<Vec<u8>> {
    let known = rustls_native_certs::load_native_certs().certs;
    known.iter().map(|certificate| certificate.to_vec()).collect()
}

pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::Io(error) => error.to_string(),
        Error::Timeout(_) => "it does not answer in time".to_owned(),
        Error::HostNotFound => "host not found".to_owned(),
        Error::TlsRequired => {
            "it redirects to https://, and this repo-cli was built without https".to_owned()
        }
        error => chain(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Option<(String, String)>) {
        let server = WebServer::parse(text).unwrap();
        let login = server.address.login.map(|login| (login.user().to_owned(), login.password().to_owned()));
        (server.name, login)
    }

    fn refused(text: &str) -> String {
        WebServer::parse(text).err().unwrap().to_string()
    }

    #[test]
    fn a_password_is_taken_out_of_the_url() {
        assert_eq!(parsed("http://host"), ("http://host".to_owned(), None));
        assert_eq!(parsed("HTTP://host:8080/a/b/"), ("http://host:8080/a/b".to_owned(), None));
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(parsed("http://me:p%40ss@host/prod"), ("http://host/prod".to_owned(), pair("me", "p@ss")));
        assert_eq!(parsed("http://me:p@ss@[::1]:80"), ("http://[::1]".to_owned(), pair("me", "p@ss")));
        assert_eq!(parsed("http://me@host"), ("http://host".to_owned(), pair("me", "")));
    }

    #[test]
    fn what_is_no_address_of_a_directory_is_refused_without_the_password() {
        for text in [
            "ftp://me:secret@host/",
            "http://me:secret@",
            "http://me:secret@host/?a",
            "http://me:secret@ho st/",
            "http://me:sec/secret@host/",
            "http://me:1/secret@host/",
        ] {
            let said = refused(text);
            assert!(!said.contains("secret"), "{said}");
        }
        insta::assert_snapshot!(refused("ftp://me:secret@host/"), @"scheme \"ftp\" is not supported: only http, https, file and copy are");
    }

    #[test]
    fn a_directory_is_no_url() {
        for directory in ["backup", "/srv/backup", "./a://b", "C:/x", "a b://c"] {
            assert!(!WebServer::is_url(directory), "{directory}");
        }
        assert!(WebServer::is_url("ftp://host"));
    }
}
