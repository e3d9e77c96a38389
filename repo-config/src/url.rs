//! The address under which clients reach the repositories.

use std::fmt;

use http::Uri;
use repo_store::RepositoryName;
use repo_store::model::TagName;

use crate::error::InvalidValue;
use crate::value::{FromText, Listen};

/// An address that apt can take as the beginning of a line in its sources: `http://` or `https://`, a host, and perhaps a port
/// and a path; or `file:` or `copy:` and a path; all of them perhaps behind a prefix such as `tor+`. It is handed out, and stands in
/// Release files if it is one of the web, so no password is in it: clients have theirs in `auth.conf.d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// Makes the one of a server at this address and port.
    pub fn of_server(address: impl fmt::Display) -> Self {
        Self(format!("http://{address}"))
    }

    /// Makes the one of a server that listens there.
    #[must_use]
    pub fn of_listener(listen: &Listen) -> Self {
        Self(listen.to_string())
    }

    /// Returns the address of a repository below this one.
    #[must_use]
    pub fn of_repository(&self, name: &RepositoryName) -> Self {
        Self(format!("{self}/{name}"))
    }

    /// Returns the address of a tagged state of the repository at this address.
    #[must_use]
    pub fn of_tagged_state(&self, tag: &TagName) -> Self {
        Self(format!("{self}/snapshot/{tag}"))
    }

    /// Returns whether any client reaches it as it stands: not through a method that only some have, nor in its own files.
    #[must_use]
    pub fn is_of_the_web(&self) -> bool {
        self.0.starts_with("http://") || self.0.starts_with("https://")
    }

    /// Returns whether it leads to the machine that asks: what is sent there passes no network.
    #[must_use]
    pub fn is_of_this_machine(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    /// Returns whether clients reach it over TLS.
    #[must_use]
    pub fn is_of_tls(&self) -> bool {
        self.0.split(':').next().and_then(|scheme| scheme.rsplit('+').next()) == Some("https")
    }

    /// Returns the name or the address of the server, without a port and brackets; empty where there is none.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        match authority.strip_prefix('[') {
            Some(address) => address.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        }
    }
}

impl Url {
    /// Returns what two addresses have in common that mean the same place to clients: without the letter case of the host, a default port,
    /// and the scheme, as one server answers for all of them.
    pub(crate) fn identity(&self) -> String {
        let (scheme, rest) = self.0.split_once(':').unwrap_or(("", &self.0));
        let default_port = match scheme.rsplit('+').next() {
            Some("http") => ":80",
            Some("https") => ":443",
            _ => return rest.trim_start_matches('/').to_owned(),
        };
        let rest = rest.trim_start_matches('/');
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let authority = authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase();
        let authority = authority.strip_suffix('.').unwrap_or(&authority);
        let path: Vec<&str> = path.split('/').filter(|element| !element.is_empty()).collect();
        format!("//{authority}/{}", path.join("/"))
    }
}

impl FromText for Url {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let wrong = |rule| format!("`{}` is not an address for clients: {rule}", text.escape_debug()).into();
        // In small letters: apt takes the words as the names of programs.
        let is_word = |word: &str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        let parts = text.split_once(':').filter(|(scheme, _)| scheme.split('+').all(is_word));
        let rule = match parts.and_then(|(scheme, rest)| Some((scheme.split('+').next_back()?, rest))) {
            Some((scheme @ ("http" | "https"), rest)) => web_rule(scheme, rest),
            Some(("file" | "copy", rest)) => path_rule(rest),
            _ => Some(
                "it begins with http://, https://, file:/ or copy:/, perhaps behind a prefix such as tor+",
            ),
        };
        if let Some(rule) = rule {
            return Err(wrong(rule));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// The rule that is broken by what follows `http:` or `https:`.
fn web_rule(scheme: &str, rest: &str) -> Option<&'static str> {
    let Ok(uri) = format!("{scheme}:{rest}").parse::<Uri>() else {
        return Some("two slashes, a host, and perhaps a port and a path without spaces follow the colon");
    };
    let Some(authority) =
        uri.authority().filter(|authority| rest.starts_with("//") && !authority.host().is_empty())
    else {
        return Some("it names no host");
    };
    let behind_host = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    // `@` would be a password, or what apt replaces by the id of a snapshot.
    if rest.contains('@') {
        return Some("it has an `@`; passwords go to auth.conf.d, see `client-config --auth`");
    }
    if !behind_host.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
        return Some("the port is none");
    }
    if !rest.is_ascii() {
        return Some("it has letters beyond ASCII, which are written as %XX or, in a host, as xn--");
    }
    rest.contains(['?', '#']).then_some("what stands behind it is a path, and `?` or `#` would end it")
}

/// The rule that is broken by what follows `file:` or `copy:`. With two slashes apt takes what follows as a host.
fn path_rule(rest: &str) -> Option<&'static str> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if !path.starts_with('/') || path.starts_with("//") || path.trim_end_matches('/').is_empty() {
        return Some("the path of a directory, from the root on, follows the colon");
    }
    let usable = path.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '@' | '?' | '#'));
    (!usable).then_some("the path has a space, `@`, `?`, `#` or a letter beyond ASCII")
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
            ("tor+https://packages.example.org/apt/", "tor+https://packages.example.org/apt"),
            ("mirror+https://packages.example.org/list", "mirror+https://packages.example.org/list"),
            ("mirror+file:/etc/apt/mirrors", "mirror+file:/etc/apt/mirrors"),
            ("file:/srv/packages/public/", "file:/srv/packages/public"),
            ("file:///srv/packages/public", "file:///srv/packages/public"),
            ("copy:/srv/packages/public", "copy:/srv/packages/public"),
        ] {
            let url = Url::from_text(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.is_of_the_web(), text.starts_with("http"), "{text}");
        }
    }

    #[test]
    fn what_passes_no_network() {
        for (text, expected) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080/prod", true),
            ("http://[::1]:8080", true),
            ("http://127.0.0.1.example.org", false),
            ("http://10.0.0.1:8080", false),
            ("https://localhost.example.org", false),
        ] {
            assert_eq!(Url::from_text(text).unwrap().is_of_this_machine(), expected, "{text}");
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
            "http:/h/x",
            "http:h",
            "tor+http:/h/x",
            "tor+http://h:0/",
            "tor+http://u:p@h/",
            "+http://h/",
            "tor++http://h/",
            "Tor+http://h/",
            "tor://h/",
            "http+tor://h/",
            "file:",
            "file:/",
            "file:///",
            "file:srv",
            "file://h/srv",
            "file:////srv",
            "file:/srv/a b",
            "file:/srv/a\nb",
            "file:/srv/@SNAPSHOTID@",
            "copy:/srv/\u{e4}",
        ] {
            assert!(Url::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn why_not() {
        let texts = [
            "h",
            "http:/h",
            "http://h/x y",
            "http://:80/",
            "http://h:0/",
            "tor+http://u:p@h/",
            "http://h/?x",
            "file://h/srv",
            "copy:/a b",
        ];
        let said = texts.map(|text| Url::from_text(text).unwrap_err().to_string());
        insta::assert_snapshot!(said.join("\n"), @"
        `h` is not an address for clients: it begins with http://, https://, file:/ or copy:/, perhaps behind a prefix such as tor+
        `http:/h` is not an address for clients: two slashes, a host, and perhaps a port and a path without spaces follow the colon
        `http://h/x y` is not an address for clients: two slashes, a host, and perhaps a port and a path without spaces follow the colon
        `http://:80/` is not an address for clients: it names no host
        `http://h:0/` is not an address for clients: the port is none
        `tor+http://u:p@h/` is not an address for clients: it has an `@`; passwords go to auth.conf.d, see `client-config --auth`
        `http://h/?x` is not an address for clients: what stands behind it is a path, and `?` or `#` would end it
        `file://h/srv` is not an address for clients: the path of a directory, from the root on, follows the colon
        `copy:/a b` is not an address for clients: the path has a space, `@`, `?`, `#` or a letter beyond ASCII
        ");
    }
}
