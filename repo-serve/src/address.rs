//! Repositories that have an address of their own: a virtual host, perhaps with a path.

use std::collections::BTreeMap;

use super::path::{RequestPath, decode};

/// The address under which clients reach a repository, which need not end with the name of the repository.
///
/// Any port is taken for the one it names, as a server in front may listen on another; only where two repositories have the same host
/// and path does the port decide.
///
/// ```
/// use repo_serve::Address;
/// assert!(Address::of_url("https://deb.example.org").is_some());
/// assert!(Address::of_url("https://example.org:8443/debian").is_some());
/// assert!(Address::of_url("file:/srv/public/prod").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: Option<u16>,
    path: Vec<Vec<u8>>,
}

impl Address {
    /// Reads a URL; `None` when it is not one of the web.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = host_and_port(authority)?;
        let path = path.split('/').map(decode).collect::<Result<Vec<_>, _>>().ok()?;
        Some(Self { host, port, path: path.into_iter().filter(|element| !element.is_empty()).collect() })
    }

    /// Returns the host in small letters, without a point at its end; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, if one is named.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns the elements of the path, percent-decoded; none is empty.
    #[must_use]
    pub fn path(&self) -> &[Vec<u8>] {
        &self.path
    }
}

/// A host in small letters, without a point at its end, and a port if there is one.
fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let name_ends = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority.get(name_ends..)?.rfind(':') {
        Some(colon) => {
            let (host, port) = authority.split_at_checked(name_ends + colon)?;
            (host, Some(port.strip_prefix(':')?.parse().ok()?))
        }
        None => (authority, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    (!host.is_empty()).then_some((host, port))
}

/// What stands at the root of a published repository: on a host of its own, these are no names of repositories.
const AT_ROOT: [&str; 5] = ["attestations", "buildinfo", "dists", "pool", "snapshot"];

/// Finds the repository that a request is for by the host it was sent to, and how many elements of the path belong to the address.
/// `None` where the path begins with the name of a repository as on any other host.
pub(super) fn find<'a>(
    addresses: &'a BTreeMap<String, Address>,
    authority: &str,
    path: &RequestPath,
    is_repository: impl Fn(&str) -> bool,
) -> Option<(&'a str, usize)> {
    let (host, port) = host_and_port(authority)?;
    let of_host =
        || addresses.iter().filter(|(_, address)| address.host == host && path.is_below(&address.path));
    let rank = |address: &Address| (address.path.len(), address.port == port);
    let best = of_host().map(|(_, address)| rank(address)).max()?;
    let mut found = of_host().filter(|(_, address)| rank(address) == best);
    let (name, address) = found.next()?;
    let named = path.repository();
    let is_plain = address.path.is_empty() && is_repository(named) && !AT_ROOT.contains(&named);
    // Of two repositories with one address neither is meant.
    (found.next().is_none() && !is_plain).then_some((name.as_str(), address.path.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_and_the_longest_path_decide() {
        let addresses = [
            ("prod", "https://deb.example.org"),
            ("next", "https://deb.example.org/next/debian"),
            ("six", "http://[2001:db8::1]:8080/six"),
            ("a", "http://ports.example.org:81"),
            ("b", "http://ports.example.org:82"),
            ("twin", "https://twin.example.org"),
            ("twin2", "https://twin.example.org"),
        ];
        let addresses = addresses.map(|(name, url)| (name.to_owned(), Address::of_url(url).unwrap()));
        let addresses = BTreeMap::from(addresses);
        for (authority, path, expected) in [
            ("deb.example.org", "/dists/x", Some(("prod", 0))),
            ("DEB.Example.ORG.:8443", "/", Some(("prod", 0))),
            ("deb.example.org", "/next/debian/dists/x", Some(("next", 2))),
            ("deb.example.org", "/next/debian", Some(("next", 2))),
            ("deb.example.org", "/ne%78t/./debian//dists/x", Some(("next", 2))),
            ("deb.example.org", "/nextdebian/x", Some(("prod", 0))),
            // The name of a repository works on each host.
            ("deb.example.org", "/next/dists/x", None),
            ("deb.example.org", "/prod/dists/x", None),
            ("example.org", "/dists/x", None),
            ("xdeb.example.org", "/dists/x", None),
            ("[2001:DB8::1]:8080", "/six/dists/x", Some(("six", 1))),
            ("[2001:db8::1]", "/six/dists/x", Some(("six", 1))),
            ("ports.example.org:82", "/dists/x", Some(("b", 0))),
            ("ports.example.org", "/dists/x", None),
            ("twin.example.org", "/dists/x", None),
            ("", "/dists/x", None),
            ("deb.example.org:99999", "/dists/x", None),
        ] {
            let path = RequestPath::parse(path).unwrap();
            let found = find(&addresses, authority, &path, |name| addresses.contains_key(name));
            assert_eq!(found, expected, "{authority} {path:?}");
        }
        for url in ["file:/srv", "https://", "https://:80/", "tor+https://h/"] {
            assert_eq!(Address::of_url(url), None, "{url}");
        }
    }

    #[test]
    fn a_repository_that_is_called_like_a_directory_does_not_hide_it() {
        let addresses = BTreeMap::from([("prod".to_owned(), Address::of_url("http://h").unwrap())]);
        let path = RequestPath::parse("/pool/x").unwrap();
        assert_eq!(find(&addresses, "h", &path, |_| true), Some(("prod", 0)));
    }
}
