//! The readers of what clients send, which are private otherwise, for the laws in `fuzz`.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use super::api::call::{Lookup, look_up};
use super::api::scope::Names;
use super::client::TrustedProxies;
use super::conditional::{Selection, Validators, select};
use super::kind::{is_immutable, media_type};
use super::log::escape;
use super::network::IpNetwork;
use super::password::PasswordHash;
use super::path::RequestPath;
use super::respond::credentials;
use super::users::Users;

/// Reads the path of a request; gives the repository, and the path in it of a file that may be served.
#[must_use]
pub fn request_path(raw: &str) -> Option<(String, Option<Vec<u8>>)> {
    let path = RequestPath::parse(raw).ok()?;
    let inner = path.inner(1).map(<[u8]>::to_vec);
    if let Some(inner) = &inner {
        let _ = (is_immutable(inner), media_type(inner));
    }
    Some((path.repository().to_owned(), inner))
}

/// Reads a request to the interface for programs; gives the command line of its verb.
#[must_use]
pub fn api_request(method: &str, target: &str, body: &[u8]) -> Option<Vec<String>> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let Ok(Lookup::Found(matched)) = look_up(method, path) else { return None };
    let request = matched.read(query, body).ok()?;
    let file = request.route.file().map(|_| "/uploads/file".to_owned());
    Some(request.arguments(&Names::Any, None, None).into_words(file))
}

/// Escapes what goes to the log.
#[must_use]
pub fn log_text(text: &[u8]) -> String {
    escape(text)
}

/// Makes headers of lines `Name: value`; what no header can hold is left out.
fn headers(text: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n').take(100) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// What an answer sends of a file of that size, by the headers of a request: the status, and which part.
#[must_use]
pub fn selection(text: &[u8], is_get: bool, etag: &str, modified: u64, size: u64) -> (u16, u64, u64) {
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(modified);
    let validators =
        Validators { etag: etag.to_owned(), modified, now: modified + Duration::from_secs(3600) };
    match select(&headers(text), is_get, &validators, size) {
        Selection::Whole => (200, 0, size),
        Selection::Part { start, length } => (206, start, length),
        Selection::NotModified => (304, 0, 0),
        Selection::PreconditionFailed => (412, 0, 0),
        Selection::Unsatisfiable => (416, 0, 0),
    }
}

/// The user and the password in the headers of a request.
#[must_use]
pub fn login(text: &[u8]) -> Option<(String, Vec<u8>)> {
    credentials(&headers(text))
}

/// The client whose request a proxy of a trusted network passed on.
#[must_use]
pub fn client(text: &[u8], peer: IpAddr, trusted: IpNetwork) -> IpAddr {
    TrustedProxies(vec![trusted]).client(peer, &headers(text))
}

/// Reads a file of users; gives in one line what is wrong with it, and looks whether a user with that password may log in.
///
/// # Errors
/// What is wrong with it.
pub fn user_file(text: &str, name: &str, password: &[u8]) -> Result<bool, String> {
    let users = Users::parse(text, Utf8Path::new("users")).map_err(|error| error.explanation())?;
    Ok(users.known(name, password).is_some())
}

/// Compares a password with a hash of a file of users; `None` when it is none, or one that takes long.
#[must_use]
pub fn password(hash: &str, password: &[u8]) -> Option<bool> {
    let hash = PasswordHash::parse(hash).ok()?;
    match hash {
        PasswordHash::Bcrypt { cost, .. } if cost > 4 => None,
        PasswordHash::Sha256Crypt { rounds, .. } | PasswordHash::Sha512Crypt { rounds, .. }
            if rounds > 1000 =>
        {
            None
        }
        hash => Some(hash.verify(password)),
    }
}
