//! Addresses, and what stands in them besides: user and password.

use std::fmt;

use deb_parse::Quoted;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What is never sent as it is. A `%` is: indices spell paths the way in which they are to be asked for. A `+` is sent as `%2b`, as
/// apt sends it, because servers of objects take it for a blank.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// How the files of an address are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `http:`
    Http,
    /// `https:`
    Https,
    /// `file:`, a directory of this machine.
    File,
    /// `copy:`, the same here; apt copies the files before it reads them.
    Copy,
}

impl Scheme {
    const ALL: [Self; 4] = [Self::Http, Self::Https, Self::File, Self::Copy];

    /// Returns the name, without the colon.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::File => "file",
            Self::Copy => "copy",
        }
    }

    /// Returns whether the files are those of this machine.
    #[must_use]
    pub fn is_local(self) -> bool {
        matches!(self, Self::File | Self::Copy)
    }

    /// Returns the port that is meant when none is named.
    fn default_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::File | Self::Copy => None,
        }
    }
}

/// Why a text is not an address that files can be fetched from.
///
/// The address itself is not in it: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It has no scheme.
    #[error("not an address: it must start with a scheme such as https://")]
    NoScheme,
    /// It has a scheme that is not read here.
    #[error("scheme {0} is not supported: only http, https, file and copy are")]
    Scheme(Quoted),
    /// The host, or its port, is missing or wrong.
    #[error(
        "the host of an address must be a name or an IP address, with a port from 1 to 65535 behind a colon"
    )]
    Host,
    /// The path cannot be one.
    #[error(
        "the path of an address must have no blank, control character or `..`, and no `@` unless written %40"
    )]
    Path,
    /// It is longer than 4096 bytes.
    #[error("an address must not be longer than 4096 bytes")]
    TooLong,
}

/// User and password for a server. [`Debug`](fmt::Debug) shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    user: String,
    password: String,
}

impl Login {
    /// Takes user and password as they are, without any encoding.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// Returns the user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns the password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// The address of a file or a directory, without user and password: it can be shown to anybody.
///
/// ```
/// use apt_fetch::Url;
///
/// let (url, login) = Url::parse_with_login("https://me:p%40ss@deb.example.org/debian")?;
/// assert_eq!(url.to_string(), "https://deb.example.org/debian");
/// assert_eq!(login.map(|login| login.password().to_owned()).as_deref(), Some("p@ss"));
/// let file = url.join("pool/main/h/hello/hello_1.0+b1_all.deb");
/// assert_eq!(file.to_string(), "https://deb.example.org/debian/pool/main/h/hello/hello_1.0%2Bb1_all.deb");
/// # Ok::<(), apt_fetch::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url {
    scheme: Scheme,
    /// In lower case; empty for files of this machine.
    host: String,
    port: Option<u16>,
    /// It starts with a slash. As it is sent to a server; plain for files of this machine.
    path: String,
    /// With its question mark.
    query: String,
}

const LONGEST: usize = 4096;

impl Url {
    /// Reads an address without user and password.
    ///
    /// # Errors
    /// [`UrlError`]; one with user or password is a [`UrlError::Host`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        match Self::parse_with_login(text)? {
            (url, None) => Ok(url),
            (_, Some(_)) => Err(UrlError::Host),
        }
    }

    /// Reads an address as sources of apt have it, with user and password before the host. These are percent-encoded there.
    ///
    /// # Errors
    /// [`UrlError`] names the part that is wrong.
    pub fn parse_with_login(text: &str) -> Result<(Self, Option<Login>), UrlError> {
        if text.len() > LONGEST {
            return Err(UrlError::TooLong);
        }
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::NoScheme)?;
        let known = Scheme::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(scheme));
        match known {
            Some(scheme) if scheme.is_local() => Ok((Self::local(scheme, rest)?, None)),
            Some(scheme) => Self::remote(scheme, rest.strip_prefix("//").ok_or(UrlError::Host)?),
            None if is_scheme(scheme) => Err(UrlError::Scheme(Quoted::new(scheme))),
            None => Err(UrlError::NoScheme),
        }
    }

    fn local(scheme: Scheme, rest: &str) -> Result<Self, UrlError> {
        // `file:/path`, `file:///path` and `file://localhost/path`.
        let path = match rest.strip_prefix("//") {
            Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
            None => rest,
        };
        let path = percent_decode_str(path).decode_utf8().map_err(|_| UrlError::Path)?;
        if !path.starts_with('/') || path.contains(char::is_control) || has_parent(&path) {
            return Err(UrlError::Path);
        }
        Ok(Self { scheme, host: String::new(), port: None, path: path.into_owned(), query: String::new() })
    }

    fn remote(scheme: Scheme, rest: &str) -> Result<(Self, Option<Login>), UrlError> {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(read_login(login)?), host),
            None => (None, authority),
        };
        let (host, port) = read_host(host)?;
        let path = path.split('#').next().unwrap_or_default();
        let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
        // It may be the end of a password with a slash in it, and must not be shown then.
        if path.contains('@') && login.is_none() {
            return Err(UrlError::Path);
        }
        let is_bad = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if path.contains(is_bad) || query.contains(is_bad) || !query.is_ascii() || has_parent(path) {
            return Err(UrlError::Path);
        }
        let path =
            if path.is_empty() { "/".to_owned() } else { utf8_percent_encode(path, ENCODED).to_string() };
        let port = port.filter(|port| Some(*port) != scheme.default_port());
        Ok((Self { scheme, host, port, path, query: query.to_owned() }, login))
    }

    /// Returns the scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the host in lower case, without a port; nothing for files of this machine.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, unless it is the usual one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns the path: as it is sent for `http:` and `https:`, and as the file system knows it for the others.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns whether both are of one scheme, host and port: what may be told to one may be told to the other.
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }

    /// Returns the address of a file below this directory. The path is taken as indices spell it: only what cannot be sent is encoded.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        let path = path.trim_start_matches('/');
        let path =
            if self.scheme.is_local() { path.into() } else { utf8_percent_encode(path, ENCODED).to_string() };
        let below = self.path.trim_end_matches('/');
        Self { path: format!("{below}/{path}"), query: String::new(), ..self.clone() }
    }

    /// Returns where a redirect leads that was answered to this address.
    ///
    /// # Errors
    /// [`UrlError`] when it is not an address of `http:` or `https:`, or has user and password.
    pub(crate) fn redirect(&self, location: &str) -> Result<Self, UrlError> {
        if location.len() > LONGEST {
            return Err(UrlError::TooLong);
        }
        if let Some((scheme, _)) = location.split_once(':')
            && is_scheme(scheme)
        {
            let url = Self::parse(location)?;
            return if url.scheme.is_local() { Err(UrlError::Scheme(Quoted::new(scheme))) } else { Ok(url) };
        }
        let origin = format!("{}://{}", self.scheme.name(), self.authority());
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme.name()));
        }
        if location.starts_with('/') {
            return Self::parse(&format!("{origin}{location}"));
        }
        if location.starts_with('?') {
            return Self::parse(&format!("{origin}{}{location}", self.path));
        }
        let directory = self.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        Self::parse(&format!("{origin}{directory}/{location}"))
    }

    /// Returns host and port as they stand in an address.
    pub(crate) fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme.is_local() {
            // A name can hold what does not belong into a message.
            return write!(f, "{}:{}", self.scheme.name(), utf8_percent_encode(&self.path, CONTROLS));
        }
        write!(f, "{}://{}{}{}", self.scheme.name(), self.authority(), self.path, self.query)
    }
}

/// Whether that is the name of a scheme (RFC 3986, section 3.1) or of one of apt's methods such as `tor+http`.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c))
}

/// Whether an element of the path leads upwards, spelled out or encoded.
fn has_parent(path: &str) -> bool {
    let path: Vec<u8> = percent_decode_str(path).collect();
    path.split(|c| *c == b'/').any(|element| element == b"..")
}

fn read_login(text: &str) -> Result<Login, UrlError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decode = |text| percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
    match (decode(user), decode(password)) {
        (Ok(user), Ok(password)) if !user.contains(':') => Ok(Login { user, password }),
        _ => Err(UrlError::Host),
    }
}

fn read_host(text: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address.
        Some((_, rest)) if rest.ends_with(']') => (text, None),
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let port = match port {
        Some(port) if !port.bytes().all(|c| c.is_ascii_digit()) => return Err(UrlError::Host),
        Some(port) => Some(port.parse().ok().filter(|port| *port > 0).ok_or(UrlError::Host)?),
        None => None,
    };
    let is_name = |c: u8| c.is_ascii_alphanumeric() || b"-._".contains(&c);
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.len() <= 253 && host.bytes().all(is_name),
    };
    if is_host { Ok((host.to_ascii_lowercase(), port)) } else { Err(UrlError::Host) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redirected(from: &str, to: &str) -> Result<String, UrlError> {
        Url::parse(from).unwrap().redirect(to).map(|url| url.to_string())
    }

    #[test]
    fn addresses_are_read_as_sources_spell_them() {
        let shown = |text: &str| Url::parse(text).unwrap().to_string();
        assert_eq!(shown("HTTP://Deb.Example.org:80/debian/"), "http://deb.example.org/debian/");
        assert_eq!(shown("https://[::1]:8443"), "https://[::1]:8443/");
        assert_eq!(shown("file:/srv/a%20b"), "file:/srv/a b");
        assert_eq!(shown("file:///srv"), "file:/srv");
        assert_eq!(shown("copy://localhost/srv"), "copy:/srv");
        assert_eq!(shown("http://h/ü?a=b#c"), "http://h/%C3%BC?a=b");
    }

    #[test]
    fn what_is_not_an_address_is_refused_without_showing_a_password() {
        for bad in [
            "",
            "/srv",
            "host/path",
            "http:/host",
            "http://",
            "http://ho st/",
            "http://h:0/",
            "http://h:99999/",
            "http://h:+1/",
            "http://[::g]/",
            "http://h/../x",
            "http://h/%2e%2E/x",
            "http://h/a%2f../b",
            "http://h/a b",
            "file:srv",
            "file:/a/../b",
            "file:/a%2f../b",
            "ftp://me:secret@h/",
            "mirror+http://h/",
            "http://me:sec/secret@host/",
            "http://h/\n",
            "http://h/?\u{fc}",
        ] {
            let error = Url::parse(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{bad:?}: {error}");
        }
    }

    #[test]
    fn a_redirect_is_resolved_like_a_link() {
        let from = "https://h:8443/a/b?x";
        assert_eq!(redirected(from, "/c").unwrap(), "https://h:8443/c");
        assert_eq!(redirected(from, "c?sig=1%2F2").unwrap(), "https://h:8443/a/c?sig=1%2F2");
        assert_eq!(redirected(from, "//cdn/x").unwrap(), "https://cdn/x");
        assert_eq!(redirected(from, "http://cdn/x").unwrap(), "http://cdn/x");
        for bad in
            ["file:/etc/passwd", "copy:/etc/passwd", "ftp://h/", "http://me:secret@h/", "../../x", "http://"]
        {
            assert!(redirected(from, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_same_origin_is_that_of_one_scheme_host_and_port() {
        let is_same =
            |one: &str, other: &str| Url::parse(one).unwrap().is_same_origin(&Url::parse(other).unwrap());
        assert!(is_same("http://h/a", "http://H:80/b"));
        for (one, other) in
            [("http://h/", "https://h/"), ("http://h/", "http://h:8080/"), ("http://h/", "http://i/")]
        {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_shown_so_that_it_reads_back(text in "(https?|file|copy):/{0,3}[a-zA-Z0-9.:@%/?#\\[\\] ü+~-]{0,40}") {
            if let Ok((url, _)) = Url::parse_with_login(&text) {
                let shown = url.to_string();
                prop_assert!(!shown.contains(char::is_control));
                if !url.scheme().is_local() {
                    prop_assert_eq!(Url::parse(&shown).unwrap(), url);
                }
            }
        }
    }
}
