//! What can speak against signing with a key.

use std::{fmt, time::SystemTime};

/// Something that speaks against signing with a key at a given time.
///
/// [`KeyProblem::is_fatal`] tells those that make apt refuse the signature from those that will.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyProblem {
    /// The key was made later than the time of the signature.
    NotYetValid {
        /// When it was made.
        created: SystemTime,
    },
    /// The key, or the only subkey that may sign, has expired.
    Expired {
        /// When.
        at: SystemTime,
    },
    /// The key is revoked.
    Revoked,
    /// A self-signature rests on SHA-1 or older, which apt 3 refuses since February 2026.
    WeakSelfSignature {
        /// The hash, as OpenPGP spells it: `SHA1`.
        hash: String,
    },
    /// apt 3 refuses the algorithm: DSA, RSA below 2048 bits, brainpool curves.
    WeakAlgorithm {
        /// The algorithm, as `Certificate::algorithm` spells it.
        algorithm: String,
    },
    /// No key of the certificate may sign.
    NoSigningKey,
    /// The certificate is broken in another way.
    Unusable {
        /// What the library says.
        reason: String,
    },
    /// The key expires within 30 days.
    ExpiresSoon {
        /// When.
        at: SystemTime,
    },
    /// An RSA key shorter than 3072 bits, which apt refuses from February 2030.
    ShortRsa {
        /// Its length.
        bits: usize,
    },
    /// A version 6 key (RFC 9580), which gpgv, and so apt before version 3, refuses.
    VersionSix,
}

impl KeyProblem {
    /// Whether no signature may be made in spite of it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::ExpiresSoon { .. } | Self::ShortRsa { .. } | Self::VersionSix)
    }
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYetValid { created } => write!(f, "it was made only at {}", unix(*created)),
            Self::Expired { at } => write!(f, "it expired at {}", unix(*at)),
            Self::Revoked => f.write_str("it is revoked"),
            Self::WeakSelfSignature { hash } => {
                write!(f, "its self-signature rests on {hash}, which apt refuses")
            }
            Self::WeakAlgorithm { algorithm } => write!(f, "apt refuses {algorithm} keys"),
            Self::NoSigningKey => f.write_str("no part of it may sign"),
            Self::Unusable { reason } => f.write_str(reason),
            Self::ExpiresSoon { at } => write!(f, "it expires at {}", unix(*at)),
            Self::ShortRsa { bits } => write!(f, "apt refuses RSA keys of {bits} bits from February 2030"),
            Self::VersionSix => f.write_str("it is a version 6 key, which apt before version 3 refuses"),
        }
    }
}

/// Seconds since 1970 the way `date -d` reads them; a calendar is more than this crate needs.
fn unix(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("@{seconds}")
}
