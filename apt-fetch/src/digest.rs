//! What a file must be: its size and its digests, as somebody who is trusted told them.

use std::fmt;
use std::io::{self, Write};

use deb_parse::checksum::{HashKinds, Hasher, Hashes, Sha256, Sha512};
use deb_parse::control::FileEntry;

use crate::error::Problem;

/// A digest that nobody can make another file for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Returns the name as fields and by-hash directories have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Size and digests of a file that is to come. There is at least one strong digest: MD5 and SHA-1 prove nothing, and are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expected {
    size: u64,
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
}

impl Expected {
    /// Returns what a file must be; nothing without a strong digest.
    #[must_use]
    pub fn new(size: u64, sha256: Option<Sha256>, sha512: Option<Sha512>) -> Option<Self> {
        (sha256.is_some() || sha512.is_some()).then_some(Self { size, sha256, sha512 })
    }

    /// Returns what an entry of a list of files tells.
    #[must_use]
    pub fn of_entry(entry: &FileEntry) -> Option<Self> {
        Self::new(entry.size, entry.sha256, entry.sha512)
    }

    /// Returns the size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns SHA-256, if it was told.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256> {
        self.sha256
    }

    /// Returns SHA-512, if it was told.
    #[must_use]
    pub fn sha512(&self) -> Option<Sha512> {
        self.sha512
    }

    /// Returns the strongest digest in hexadecimal: clients ask for indices by it.
    #[must_use]
    pub fn strongest(&self) -> (Algorithm, String) {
        match (self.sha512, self.sha256) {
            (Some(digest), _) => (Algorithm::Sha512, digest.to_string()),
            (None, Some(digest)) => (Algorithm::Sha256, digest.to_string()),
            // The constructor lets none through without.
            (None, None) => (Algorithm::Sha256, String::new()),
        }
    }

    /// Compares these with a file.
    pub(crate) fn check(&self, found: &Hashes) -> Result<(), Problem> {
        if found.size > self.size {
            return Err(Problem::TooLong { limit: self.size });
        }
        if found.size < self.size {
            return Err(Problem::TooShort { expected: self.size, found: found.size });
        }
        let differs = |algorithm, expected: String, found: String| {
            if expected == found { Ok(()) } else { Err(Problem::Digest { algorithm, expected, found }) }
        };
        if let Some(expected) = self.sha256 {
            differs(Algorithm::Sha256, expected.to_string(), found.sha256.to_string())?;
        }
        match (self.sha512, found.sha512) {
            (Some(expected), Some(found)) => {
                differs(Algorithm::Sha512, expected.to_string(), found.to_string())
            }
            (Some(expected), None) => Err(Problem::Digest {
                algorithm: Algorithm::Sha512,
                expected: expected.to_string(),
                found: String::new(),
            }),
            (None, _) => Ok(()),
        }
    }

    /// Starts to compute the digests that are told.
    pub(crate) fn hasher(&self) -> Hasher {
        hasher(self.sha512.is_some())
    }
}

/// Starts to compute SHA-256 and BLAKE3, and SHA-512 on demand.
pub(crate) fn hasher(sha512: bool) -> Hasher {
    let kinds = HashKinds { sha512, ..HashKinds::default() };
    // Only SHA-1 is missing in some builds.
    Hasher::new(kinds).unwrap_or_else(|_| unreachable!("SHA-512 is part of every build"))
}

/// Passes on what is written, and hashes it.
pub(crate) struct HashingWriter<'w> {
    output: &'w mut dyn Write,
    pub(crate) hasher: Hasher,
}

impl<'w> HashingWriter<'w> {
    pub(crate) fn new(output: &'w mut dyn Write, hasher: Hasher) -> Self {
        Self { output, hasher }
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }
}
