//! Values as they stand in the configuration, checked where they are read: so a mistake is told with its line.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;

use apt_index::Encoding;
use deb_parse::{Architecture, Component, PackageName, SuiteName};
use jiff::SignedDuration;
use repo_store::RepositoryName;
use repo_store::model::{HolderName, ProfileName};
use repo_store::settings::profile::{InvalidPackageRange, PackageRange};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::error::InvalidValue;

/// A value that is written as a text, in the configuration or as an argument.
pub trait FromText: Sized {
    /// Reads what the text means.
    ///
    /// # Errors
    /// [`InvalidValue`] with the rule that the text breaks.
    fn from_text(text: &str) -> Result<Self, InvalidValue>;
}

/// A value of the configuration that is written as a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T> Borrow<T> for Text<T> {
    fn borrow(&self) -> &T {
        &self.0
    }
}

impl<'de, T: FromText> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of<T>(PhantomData<T>);
        impl<T: FromText> Visitor<'_> for Of<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<T>, E> {
                T::from_text(text).map(Text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Of(PhantomData))
    }
}

/// The values themselves.
pub(crate) fn plain<T: Clone>(texts: &[Text<T>]) -> Vec<T> {
    texts.iter().map(|text| text.0.clone()).collect()
}

impl FromText for apt_sign::Fingerprint {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(text).map_err(|error| error.to_string().into())
    }
}

impl FromText for SuiteName {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(text).map_err(|error| error.to_string().into())
    }
}

impl FromText for PackageName {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(text).map_err(|error| error.to_string().into())
    }
}

impl FromText for PackageRange {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        text.parse().map_err(|error: InvalidPackageRange| error.to_string().into())
    }
}

impl FromText for ProfileName {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(text).map_err(|error| error.to_string().into())
    }
}

impl FromText for HolderName {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(text).map_err(|error| error.to_string().into())
    }
}

impl FromText for Component {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(text).map_err(|error| error.to_string().into())
    }
}

impl FromText for Architecture {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        match Self::parse(text).map_err(|error| error.to_string())? {
            all if all.is_all() => {
                let rule = format!("`{all}` is implied; remove it from the list");
                Err(rule.into())
            }
            one => Ok(one),
        }
    }
}

impl FromText for RepositoryName {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(text).map_err(|_| {
            let shown: String = text.escape_debug().take(100).collect();
            format!(
                "`{shown}` cannot be the name of a repository: that has lower-case letters, digits, `-`, `_` and `.`, begins \
                 with a letter or digit, and is no longer than 64 bytes"
            )
            .into()
        })
    }
}

impl FromText for Encoding {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        Self::from_name(text)
            .ok_or_else(|| format!("`{}` is none of xz, gz, zst, bz2, none", text.escape_debug()).into())
    }
}

/// One line for people: not empty, and without control characters, as it becomes a field of Release files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl FromText for Line {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        if text.trim().is_empty() {
            return Err("there is nothing in it: leave it out".to_owned().into());
        }
        if text.chars().any(char::is_control) {
            return Err(format!("`{}` is not one line of text", text.escape_debug()).into());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value, or none where the text is empty: a field of Release files that may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrNone<T>(pub(crate) Option<T>);

impl<T: FromText> FromText for OrNone<T> {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        if text.is_empty() { Ok(Self(None)) } else { T::from_text(text).map(Some).map(Self) }
    }
}

/// Where to listen: a host or address, and a port; perhaps over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    address: String,
    is_tls: bool,
}

impl Listen {
    /// Returns the host or address and the port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns whether clients speak TLS there.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or_default()
    }

    fn host(&self) -> &str {
        self.address.rsplit_once(':').map_or("", |(host, _)| host)
    }

    /// Returns whether a program that listens here cannot listen there as well: the host is the same or one of them stands for every
    /// address. Any free port (0) is another each time.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        let (one, two) = (self.host(), other.host());
        let is_every = |every: &str, host: &str| match every {
            "0.0.0.0" => host.parse::<Ipv4Addr>().is_ok(),
            // Linux takes IPv4 there too.
            "[::]" => host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok(),
            _ => false,
        };
        self.port() != 0
            && self.port() == other.port()
            && (one.eq_ignore_ascii_case(two) || is_every(one, two) || is_every(two, one))
    }
}

/// Returns whether a text is an address, an IPv6 one in brackets, or a name of a host (RFC 1123).
fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[') {
        let inner =
            inner.strip_suffix(']').map(|inner| inner.split_once('%').map_or(inner, |(address, _)| address));
        return inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    }
    let is_label = |label: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // `0.0.0` does not count as a name: the system would take it for an address of another form.
    let is_number = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_number {
        text.parse::<Ipv4Addr>().is_ok()
    } else {
        text.len() <= 253 && text.split('.').all(is_label)
    }
}

fn is_port(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

impl FromText for Listen {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let (is_tls, address) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(address), _) => (true, address),
            (None, plain) => (false, plain.unwrap_or(text)),
        };
        match address.rsplit_once(':').filter(|(host, port)| is_host(host) && is_port(port)) {
            Some(_) => Ok(Self { address: address.to_owned(), is_tls }),
            _ => Err(format!(
                "invalid address `{}`; use ADDRESS:PORT, for example 127.0.0.1:8080, or https://ADDRESS:PORT",
                text.escape_debug()
            )
            .into()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.is_tls { "https" } else { "http" }, self.address)
    }
}

/// Longer is no limit, and the dates that come of it have no room in files.
const LONGEST: SignedDuration = SignedDuration::from_hours(36_525 * 24);

/// A time such as `14d`, `36h`, `90m` or `30s`; at most a hundred years.
impl FromText for SignedDuration {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let shown = text.escape_debug();
        match duration(text) {
            Some(time) if time > LONGEST => Err(format!("`{shown}` is longer than a hundred years").into()),
            Some(time) => Ok(time),
            None => Err(format!("invalid duration `{shown}`; use for example 14d or 36h").into()),
        }
    }
}

fn duration(text: &str) -> Option<SignedDuration> {
    let unit_starts = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit_starts)?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    let number: i64 = number.parse().ok()?;
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).map(SignedDuration::from_secs)
}

/// A number of bytes such as `4 GiB`; at most 1024 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromText for Size {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let invalid =
            || format!("invalid size `{}`; use for example 512 MiB or 4 GiB", text.escape_debug()).into();
        size(text).map(Self).ok_or_else(invalid)
    }
}

fn size(text: &str) -> Option<u64> {
    const LARGEST: u64 = 1 << 40;
    let unit_starts = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit_starts)?;
    let unit = match unit.trim() {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let bytes = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=LARGEST).contains(&bytes).then_some(bytes)
}

/// How much of a history is kept: so many states, or those of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HistoryLength {
    States(NonZeroU64),
    Time(SignedDuration),
}

impl<'de> Deserialize<'de> for HistoryLength {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Length;
        impl Visitor<'_> for Length {
            type Value = HistoryLength;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of states or a time such as \"365d\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<HistoryLength, E> {
                let states = u64::try_from(number).ok().and_then(NonZeroU64::new);
                let few = || E::custom("it is at least 1: the current state always stays");
                states.map(HistoryLength::States).ok_or_else(few)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HistoryLength, E> {
                SignedDuration::from_text(text).map(HistoryLength::Time).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let parse = SignedDuration::from_text;
        assert_eq!(parse("14d"), Ok(SignedDuration::from_hours(14 * 24)));
        assert_eq!(parse("90m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(parse("36525d"), Ok(LONGEST));
        for bad in ["", "d", "14", "-1d", "0h", "1y", "36526d", "9000000d", "99999999999999999999d"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        let parse = |text| Size::from_text(text).map(|size| size.0);
        assert_eq!(
            (parse("512 MiB"), parse("4GiB"), parse("1024 GiB")),
            (Ok(512 << 20), Ok(4 << 30), Ok(1 << 40))
        );
        for bad in
            ["", "512", "0 MiB", "-1 GiB", "1.5 GiB", "1 GB", "1025 GiB", "GiB", "99999999999999999999 GiB"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lines() {
        assert!(Line::from_text("In-house packages").is_ok());
        for bad in ["", " ", "two\nlines", "a\u{7}"] {
            assert!(Line::from_text(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_port_is_listened_on_once() {
        let excludes = |one: &str, two: &str| {
            let [one, two] = [one, two].map(|text| Listen::from_text(text).unwrap());
            assert_eq!(one.excludes(&two), two.excludes(&one), "{one} {two}");
            one.excludes(&two)
        };
        for (one, two, are_exclusive) in [
            ("127.0.0.1:80", "http://127.0.0.1:80", true),
            ("127.0.0.1:443", "https://127.0.0.1:443", true),
            ("Host:80", "host:80", true),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("[::]:80", "[::1]:80", true),
            ("[::]:80", "0.0.0.0:80", true),
            ("[::1]:80", "127.0.0.1:80", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("0.0.0.0:80", "host:80", false),
        ] {
            assert_eq!(excludes(one, two), are_exclusive, "{one} {two}");
        }
    }

    #[test]
    fn places_to_listen_at() {
        for (good, shown) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::]:80", "http://[::]:80"),
            ("https://0.0.0.0:443", "https://0.0.0.0:443"),
            ("localhost:0", "http://localhost:0"),
        ] {
            assert_eq!(Listen::from_text(good).unwrap().to_string(), shown);
        }
        for bad in [
            "",
            "8080",
            ":80",
            "127.0.0.1",
            "127.0.0.1:http",
            "127.0.0.1:70000",
            "https://:443",
            "ftp://x:21/",
            "127.0.0.1:+80",
            "127.0.0:80",
            "127.0.0.256:80",
            "1:80",
            "::1:80",
            "[::1:80",
            "[x]:80",
            "http://a/b:80",
            "a b:80",
            "user@host:80",
            "-a:80",
            "a..b:80",
            "*:80",
            "https://http://a:80",
        ] {
            assert!(Listen::from_text(bad).is_err(), "{bad}");
        }
    }
}
