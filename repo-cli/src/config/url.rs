//! The address under which clients reach the repositories.

use std::fmt;

use hyper::Uri;

use super::value::FromText;

/// An address that apt can take as the beginning of a line in its sources: `http://` or `https://`, a host, and perhaps a port
/// and a path. It stands in Release files and is handed out, so no password is in it: clients have theirs in `auth.conf.d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url(String);

impl Url {
    /// The one of a server at this address.
    pub(crate) fn of_server(address: impl fmt::Display) -> Self {
        Self(format!("http://{address}"))
    }
}

impl FromText for Url {
    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = |rule| format!("`{}` is no address for clients: {rule}", text.escape_debug());
        let uri: Uri =
            text.parse().map_err(|_| wrong("it begins with http:// or https:// and has no spaces"))?;
        // In small letters: apt takes the word as the name of a program.
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Err(wrong("it begins with http:// or https://"));
        }
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
            return Err(wrong("it names no host"));
        };
        let behind_host = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        // `@` would be a password, or what apt replaces by the id of a snapshot.
        if text.contains('@') {
            return Err(wrong("it has an `@`; passwords go to auth.conf.d, see `client-config --auth`"));
        }
        if !behind_host.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(wrong("the port is none"));
        }
        if !text.is_ascii() {
            return Err(wrong(
                "it has letters beyond ASCII, which are written as %XX or, in a host, as xn--",
            ));
        }
        if text.contains(['?', '#']) {
            return Err(wrong("what stands behind it is a path, and `?` or `#` would end it"));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// Without a slash at the end.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_can_use() {
        for (text, shown) in [
            ("http://packages.example.org", "http://packages.example.org"),
            ("https://packages.example.org:8443/apt/", "https://packages.example.org:8443/apt"),
            ("http://192.0.2.1", "http://192.0.2.1"),
            ("http://[2001:db8::1]:8080/a%20b//", "http://[2001:db8::1]:8080/a%20b"),
        ] {
            assert_eq!(Url::from_text(text).map(|url| url.to_string()), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn what_they_cannot() {
        for text in [
            "",
            "not a url",
            "packages.example.org",
            "/srv/packages",
            "ftp://h/",
            "HTTP://h/",
            "http://",
            "http:///x",
            "http://:80/",
            "http://h/x y",
            "http://h/x\ny",
            "http://h/\u{e4}",
            "http://h:/",
            "http://h:0/",
            "http://h:99999/",
            "http://u:p@h/",
            "http://h/@SNAPSHOTID@/",
            "http://h/?x",
            "http://h/#x",
        ] {
            assert!(Url::from_text(text).is_err(), "{text}");
        }
    }
}
