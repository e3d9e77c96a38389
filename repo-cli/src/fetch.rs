//! Files from a web server, one at a time: what `fsck --repair --from URL` takes true copies with.

use std::io::Read;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use repo_store::maintenance::fsck::{FetchError, RepairSource};
use ureq::http::StatusCode;
use ureq::{Agent, Error};

use crate::error::{Failure, chain};

/// What a path keeps as it is (RFC 3986, section 2.3). A `+` is encoded, as servers of objects take it for a space.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// For a name to be resolved, for a connection, for the head of an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes a second: who sends a file slower than that on the whole is not waited for.
const SLOWEST: u64 = 64 << 10;
const REDIRECTS: u32 = 4;

/// A web server, or a directory on one.
pub(crate) struct WebServer {
    /// Without user, password and the slash at the end.
    url: String,
    authorization: Option<String>,
    agent: Agent,
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
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let scheme = scheme.to_ascii_lowercase();
        let path = path.trim_end_matches('/');
        if path.contains('@') {
            // It may be the end of a password, so it is not shown.
            let what = "in a URL a `/` in a password is written %2F, and a `@` behind the host %40";
            return Err(Failure::Url(what.to_owned()));
        }
        let url = format!("{scheme}://{host}{}{path}", if path.is_empty() { "" } else { "/" });
        let refuse = |what: &str| Err(Failure::Url(format!("{url}: {what}")));
        match scheme.as_str() {
            "http" | "https" => {}
            _ => return refuse("only http:// and https:// are understood"),
        }
        if host.is_empty() || path.contains(['?', '#']) {
            return refuse("it is not the address of a directory");
        }
        if url.parse::<ureq::http::Uri>().is_err() {
            return refuse("not a valid URL");
        }
        let authorization = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let mut pair: Vec<u8> = percent_decode_str(name).collect();
            pair.push(b':');
            pair.extend(percent_decode_str(password));
            format!("Basic {}", STANDARD.encode(pair))
        });
        Ok(Self { url, authorization, agent: agent(REDIRECTS, PATIENCE) })
    }
}

/// A client that follows so many redirects, and waits so long for the head of an answer.
pub(crate) fn agent(redirects: u32, patience: Duration) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(redirects)
        .max_redirects_will_error(redirects > 0)
        .redirect_auth_headers(ureq::config::RedirectAuthHeaders::SameHost)
        .user_agent(concat!("repo-cli/", env!("CARGO_PKG_VERSION")))
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
        &self.url
    }

    fn fetch(&self, path: &str, limit: u64) -> Result<Option<Box<dyn Read + '_>>, FetchError> {
        let url = format!("{}/{}", self.url, utf8_percent_encode(path, ENCODED));
        let mut request = self.agent.get(url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let for_body = PATIENCE + Duration::from_secs(limit / SLOWEST);
        let answer = request.config().timeout_recv_body(Some(for_body)).build().call();
        let answer = answer.map_err(|error| FetchError { what: reason(&error), is_final: true })?;
        let refuse = |what: String, is_final| Err(FetchError { what, is_final });
        match answer.status() {
            StatusCode::OK => {
                let body = answer.into_body();
                let is_longer = body.content_length().is_some_and(|length| length > limit);
                Ok((!is_longer).then(|| Box::new(body.into_reader()) as Box<dyn Read>))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            StatusCode::UNAUTHORIZED if self.authorization.is_none() => refuse(
                "it asks for a user and a password: write them as http://USER:PASSWORD@…".to_owned(),
                true,
            ),
            StatusCode::UNAUTHORIZED => refuse("it does not take this user and password".to_owned(), true),
            status @ (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) => {
                refuse(format!("it answers {status}"), true)
            }
            status => refuse(format!("it answers {status} to {path}"), false),
        }
    }
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
        Error::TooManyRedirects => format!("it redirects more than {REDIRECTS} times"),
        error => chain(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Option<String>) {
        let server = WebServer::parse(text).unwrap();
        let header = server.authorization.map(|value| {
            let digits = value.strip_prefix("Basic ").unwrap();
            String::from_utf8(STANDARD.decode(digits).unwrap()).unwrap()
        });
        (server.url, header)
    }

    fn refused(text: &str) -> String {
        WebServer::parse(text).err().unwrap().to_string()
    }

    #[test]
    fn a_password_is_taken_out_of_the_url() {
        assert_eq!(parsed("http://host"), ("http://host".to_owned(), None));
        assert_eq!(parsed("HTTP://host:8080/a/b/"), ("http://host:8080/a/b".to_owned(), None));
        let pair = |pair: &str| Some(pair.to_owned());
        assert_eq!(parsed("http://me:p%40ss@host/prod"), ("http://host/prod".to_owned(), pair("me:p@ss")));
        assert_eq!(parsed("http://me:p@ss@[::1]:80"), ("http://[::1]:80".to_owned(), pair("me:p@ss")));
        assert_eq!(parsed("http://me@host"), ("http://host".to_owned(), pair("me:")));
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
        insta::assert_snapshot!(refused("ftp://me:secret@host/"), @"ftp://host: only http:// and https:// are understood");
    }

    #[test]
    fn a_directory_is_no_url() {
        for directory in ["backup", "/srv/backup", "./a://b", "C:/x", "a b://c"] {
            assert!(!WebServer::is_url(directory), "{directory}");
        }
        assert!(WebServer::is_url("ftp://host"));
    }
}
