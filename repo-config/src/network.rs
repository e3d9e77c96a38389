//! Networks of IP addresses, as the configuration names them: what is asked of addresses is the server's matter.

use std::fmt;
use std::net::IpAddr;

use crate::error::InvalidValue;
use crate::value::FromText;

/// A network such as `192.0.2.0/24` or `2001:db8::/32`; an address alone is a network of one.
///
/// No bit is set behind the prefix: `192.0.2.7/24` is far more often a slip than a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Returns the first address of the network.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns how many bits all addresses of the network have in common: at most 32 for IPv4 and 128 for IPv6.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }
}

impl FromText for Network {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        network(text).map_err(|rule| {
            let shown: String = text.escape_debug().take(64).collect();
            format!("`{shown}` is not a network: {rule}").into()
        })
    }
}

fn network(text: &str) -> Result<Network, &'static str> {
    let (address, prefix) =
        text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().map_err(|_| "the address is neither IPv4 nor IPv6")?;
    let (bits, longest) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let number = |digits: &str| {
        // `parse` takes a sign too.
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u8>().ok().filter(|_| is_number)
    };
    let prefix = prefix.map_or(Some(longest), number).filter(|prefix| *prefix <= longest);
    let prefix = prefix.ok_or("the length of the prefix must be a number up to 32, or 128 for IPv6")?;
    if bits.checked_shl(prefix.into()).unwrap_or(0) != 0 {
        return Err("bits are set behind the prefix");
    }
    Ok(Network { address, prefix })
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.128/25", "192.0.2.128/25"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::1", "::1/128"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(Network::from_text(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "x",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0.1/8",
            "192.0.2.1/31",
            "192.0.2.7/24",
            "::/129",
            "::1/127",
            "10.0.0.0/256",
            "10.0.0.0/8/8",
            " 10.0.0.0/8",
        ] {
            assert!(Network::from_text(text).is_err(), "{text}");
        }
    }
}
