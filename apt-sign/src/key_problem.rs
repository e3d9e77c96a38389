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
    /// This build cannot compute the algorithm.
    UnsupportedAlgorithm {
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
    /// The key expires within 90 days.
    ExpiresSoon {
        /// When.
        at: SystemTime,
        /// How many whole days are left.
        days: u64,
    },
    /// An RSA key shorter than 3072 bits, which apt refuses from February 2030.
    ShortRsa {
        /// Its length.
        bits: usize,
    },
    /// A version 6 key (RFC 9580), which gpgv, and so apt before version 3, refuses.
    VersionSix,
    /// A user ID longer than [`UserId::MOST_BYTES`](crate::UserId::MOST_BYTES): gpgv, and so apt before version 3, does not read the key.
    LongUserId {
        /// Its length.
        bytes: usize,
    },
}

impl KeyProblem {
    /// Whether no signature may be made in spite of it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Self::ExpiresSoon { .. } | Self::ShortRsa { .. } | Self::VersionSix | Self::LongUserId { .. }
        )
    }
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYetValid { created } => write!(f, "it was made only at {}", utc(*created)),
            Self::Expired { at } => write!(f, "it expired at {}", utc(*at)),
            Self::Revoked => f.write_str("it is revoked"),
            Self::WeakSelfSignature { hash } => {
                write!(f, "its self-signature rests on {hash}, which apt refuses")
            }
            Self::WeakAlgorithm { algorithm } => write!(f, "apt refuses {algorithm} keys"),
            Self::UnsupportedAlgorithm { algorithm } => write!(f, "this build cannot use {algorithm} keys"),
            Self::NoSigningKey => f.write_str("no part of it may sign"),
            Self::Unusable { reason } => f.write_str(reason),
            Self::ExpiresSoon { at, days: 0 } => write!(f, "it expires within a day, at {}", utc(*at)),
            Self::ExpiresSoon { at, days: 1 } => write!(f, "it expires in 1 day, at {}", utc(*at)),
            Self::ExpiresSoon { at, days } => write!(f, "it expires in {days} days, at {}", utc(*at)),
            Self::ShortRsa { bits } => write!(f, "apt refuses RSA keys of {bits} bits from February 2030"),
            Self::VersionSix => f.write_str("it is a version 6 key, which apt before version 3 refuses"),
            Self::LongUserId { bytes } => {
                write!(f, "it has a user ID of {bytes} bytes, which apt before version 3 cannot read")
            }
        }
    }
}

/// A moment in UTC as ISO 8601 writes it. OpenPGP times are 32 bits of seconds, so no calendar crate is
/// needed.
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{:02}Z", days + 1, second % 60)
}

#[cfg(test)]
mod tests {
    use super::utc;
    use std::time::{Duration, SystemTime};

    #[test]
    fn moments_as_date_prints_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_780_000_000, "2026-05-28T20:26:40Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
