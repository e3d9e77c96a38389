//! Who a client is: its address, behind proxies too, and whom limits count as one client.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hyper::HeaderMap;

use super::IpNetwork;

/// A client as limits count them: an IPv4 address, or the first 64 bits of an IPv6 address, as one machine has all that begin
/// with these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey(IpAddr);

impl ClientKey {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            v4 @ IpAddr::V4(_) => v4,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        })
    }
}

/// More proxies in a row than anybody has.
const MOST_HOPS: usize = 32;

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Debug, Default)]
pub(crate) struct TrustedProxies(pub(crate) Vec<IpNetwork>);

impl TrustedProxies {
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Returns the address of the client whose request came from `peer`.
    ///
    /// Each proxy adds the address it was asked from at the right end, so the rightmost address that is none of a trusted proxy is the
    /// client's; what stands to the left of it was written by the client. If an address cannot be read, the peer itself counts.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.contains(peer) {
            return peer;
        }
        let fields = headers.get_all("x-forwarded-for").iter().rev();
        let hops = fields.flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','));
        let mut nearest = peer;
        for (number, hop) in hops.enumerate() {
            let Some(address) = address_of(hop).filter(|_| number < MOST_HOPS) else { return peer };
            nearest = address;
            if !self.contains(address) {
                break;
            }
        }
        nearest
    }
}

/// Reads an address, perhaps with a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address_of(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bare {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => hop.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip())),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn client(peer: &str, fields: &[&[u8]]) -> String {
        let networks = ["10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1"];
        let proxies =
            TrustedProxies(networks.iter().map(|network| IpNetwork::parse(network).unwrap()).collect());
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append("X-Forwarded-For", HeaderValue::from_bytes(field).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_rightmost_address_of_no_proxy_is_the_client() {
        let of = |fields: &[&str]| {
            client("10.0.0.1", &fields.iter().map(|field| field.as_bytes()).collect::<Vec<_>>())
        };
        for (fields, expected) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["192.0.2.1, 203.0.113.9"], "203.0.113.9"),
            (&["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
            (&["192.0.2.1", "203.0.113.9 ,\t10.1.2.3"], "203.0.113.9"),
            (&["203.0.113.9", "10.1.2.3"], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["2001:db8:2::7"], "2001:db8:2::7"),
            (&["[2001:db8:2::7]"], "2001:db8:2::7"),
            (&["[2001:db8:2::7]:80, 2001:db8:1::1"], "2001:db8:2::7"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            // Written by the client, whatever it is.
            (&["<script>, ,, 203.0.113.9"], "203.0.113.9"),
            // A proxy that asks for itself.
            (&["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
            (&["127.0.0.1"], "127.0.0.1"),
        ] {
            assert_eq!(of(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_the_proxy_itself() {
        let many = vec!["10.0.0.2"; 40].join(",");
        for field in [
            "",
            " ",
            "unknown",
            "203.0.113.9,",
            "203.0.113.9, 999.1.1.1",
            "203.0.113.9, [::1",
            "::1%eth0",
            &many,
        ] {
            assert_eq!(client("10.0.0.1", &[field.as_bytes()]), "10.0.0.1", "{field}");
        }
        assert_eq!(client("10.0.0.1", &[b"203.0.113.9, \xff"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn nobody_else_is_believed() {
        assert_eq!(client("203.0.113.1", &[b"192.0.2.1"]), "203.0.113.1");
        assert_eq!(client("2001:db8:2::1", &[b"10.0.0.1"]), "2001:db8:2::1");
    }

    #[test]
    fn one_machine_is_one_client() {
        let key = |address: &str| ClientKey::of(address.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    }
}
