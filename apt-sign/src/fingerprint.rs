//! Fingerprints of certificates and keys.

use crate::Error;
use std::{fmt, str::FromStr};

/// The fingerprint of an OpenPGP certificate or key, in upper-case hexadecimal digits.
///
/// 40 digits for version 4 keys (RFC 4880), 64 for version 6 (RFC 9580).
///
/// ```
/// use apt_sign::Fingerprint;
/// let f: Fingerprint = "6ed0 e7b8 2643 e131 78ec  c8de 6b90 1d5f 3a8a 55f0".parse()?;
/// assert_eq!(f.to_string(), "6ED0E7B82643E13178ECC8DE6B901D5F3A8A55F0");
/// assert_eq!(f.short(), "6B901D5F3A8A55F0");
/// # Ok::<(), apt_sign::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Reads a fingerprint; spaces between digits and lower case are accepted, as `gpg` prints and people
    /// type them.
    ///
    /// # Errors
    ///
    /// [`Error::Fingerprint`] for anything but 40 or 64 hexadecimal digits. Key identifiers (8 or 16 digits)
    /// are refused, since two keys can be made to share one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits: String = text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect();
        let good = matches!(digits.len(), 40 | 64) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if good { Ok(Self(digits)) } else { Err(Error::Fingerprint) }
    }

    #[cfg(feature = "openpgp")]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02X}")).collect())
    }

    /// All digits, upper case, without spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 16 digits of the key identifier, which `gpgv` and apt print: the last 16 of a version 4
    /// fingerprint, the first 16 of a version 6 one.
    #[must_use]
    pub fn short(&self) -> &str {
        let start = if self.0.len() == 40 { 24 } else { 0 };
        self.0.get(start..start + 16).unwrap_or(&self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_identifier_is_no_fingerprint() {
        for text in ["", "6B901D5F3A8A55F0", "3A8A55F0", "zz", &"g".repeat(40), &"a".repeat(41)] {
            assert!(matches!(Fingerprint::parse(text), Err(Error::Fingerprint)), "{text}");
        }
    }

    #[test]
    fn version_six_identifiers_come_first() {
        let f = Fingerprint::parse(&format!("{}{}", "1".repeat(16), "2".repeat(48))).unwrap();
        assert_eq!(f.short(), "1".repeat(16));
    }
}
