//! Networks of IP addresses: the allow lists of a site.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network in CIDR notation, such as `192.0.2.0/24` or `2001:db8::/32`; an address alone is a network of one.
///
/// Bits behind the prefix must be zero: `192.0.2.7/24` is far more often a slip than a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNetwork {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not an [`IpNetwork`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a network: {reason}")]
pub struct IpNetworkError {
    text: String,
    reason: &'static str,
}

impl IpNetwork {
    /// Reads `ADDRESS` or `ADDRESS/PREFIX`, IPv4 or IPv6.
    pub fn parse(text: &str) -> Result<Self, IpNetworkError> {
        let error = |reason| IpNetworkError { text: text.escape_debug().take(64).collect(), reason };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error("the address is neither IPv4 nor IPv6"))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| error("the prefix length is out of range"))?
            }
            Some(_) => return Err(error("the prefix length is not a number")),
        };
        if prefix > longest {
            return Err(error("the prefix length is out of range"));
        }
        if (Self { address, prefix }).masked(address) != address {
            return Err(error("bits are set behind the prefix"));
        }
        Ok(Self::around(address, prefix))
    }

    /// The network of all addresses that have the first `prefix` bits in common with this one; beyond the length of an address it is that
    /// address alone.
    ///
    /// ```
    /// use repo_serve::IpNetwork;
    ///
    /// let network = IpNetwork::around([192, 0, 2, 7].into(), 24);
    /// assert_eq!(network.to_string(), "192.0.2.0/24");
    /// ```
    #[must_use]
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        let prefix = prefix.min(if address.is_ipv4() { 32 } else { 128 });
        let network = Self { address, prefix };
        Self { address: network.masked(address), prefix }.canonical()
    }

    /// Returns how many bits all addresses of the network have in common.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Returns whether each address of the other network is one of this network.
    ///
    /// ```
    /// use repo_serve::IpNetwork;
    ///
    /// let network = IpNetwork::around([10, 0, 0, 0].into(), 8);
    /// assert!(network.includes(&IpNetwork::around([10, 1, 0, 0].into(), 16)));
    /// assert!(!network.includes(&IpNetwork::around([0, 0, 0, 0].into(), 0)));
    /// ```
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.address)
    }

    /// The IPv4 network that an IPv6 network of IPv4-mapped addresses (`::ffff:10.0.0.0/104`) stands for: clients count as what they are.
    fn canonical(self) -> Self {
        match (self.address.to_canonical(), self.prefix.checked_sub(96)) {
            (address @ IpAddr::V4(_), Some(prefix)) if self.address.is_ipv6() => Self { address, prefix },
            _ => self,
        }
    }

    /// Tells whether the address lies in this network. An IPv4 address seen through an IPv6 socket
    /// (`::ffff:192.0.2.1`) counts as the IPv4 address it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.masked(address.to_canonical()) == self.address
    }

    /// The address with every bit behind the prefix cleared. The family stays, so families never match each other.
    fn masked(&self, address: IpAddr) -> IpAddr {
        let prefix = u32::from(self.prefix);
        match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32u32.saturating_sub(prefix)).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() & mask).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128u32.saturating_sub(prefix)).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
        }
    }
}

impl fmt::Display for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_should() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.128/25", "::ffff:192.0.2.200", "192.0.2.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::1", "::1", "127.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.1"),
            ("::ffff:192.0.2.7", "::ffff:192.0.2.7", "192.0.2.6"),
            ("::ffff:0.0.0.0/96", "203.0.113.9", "2001:db8::1"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("::/0", "2001:db8::1", "203.0.113.9"),
            ("::/0", "2001:db8::1", "::ffff:203.0.113.9"),
        ] {
            let parsed = IpNetwork::parse(network).unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{inside} in {network}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{outside} not in {network}");
        }
    }

    #[test]
    fn slips_are_refused() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/008x",
            "10.0.0.1/8",
            "::1/129",
            "::1/64",
            "10.0.0/8",
            "example.org",
            "10.0.0.0/8 ",
            "10.0.0.0/8/8",
            "::ffff:10.0.0.1/999",
        ] {
            assert!(IpNetwork::parse(text).is_err(), "{text}");
        }
        assert_eq!(IpNetwork::parse("2001:db8::/32").unwrap().to_string(), "2001:db8::/32");
    }
}
