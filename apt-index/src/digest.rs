//! SHA-256 that goes on where it stopped: [`ResumableSha256`] computes, a [`HashState`] is kept.

use std::fmt;

use deb_parse::checksum::Sha256;
use sha2::Digest as _;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};

/// The state of a SHA-256 computation after some prefix of a file, kept so that a file which only changes behind that
/// prefix need not be hashed again from its start.
///
/// Written as lower-case hexadecimal. It is tied to the hash library's major version; a state of another length is
/// refused when parsed, and the caller hashes from the start.
#[derive(Clone, PartialEq, Eq)]
pub struct HashState(Vec<u8>);

/// Where the number of blocks stands, behind the words of the state.
const WORDS: usize = 32;
/// The blocks of 64 bytes in 2^48 bytes, which is more than any index has.
const MOST_BLOCKS: u64 = 1 << 42;

impl HashState {
    /// Reads back what [`Display`](fmt::Display) wrote; `None` when `text` is no such state.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if !digits.len().is_multiple_of(2) {
            return None;
        }
        let bytes: Option<Vec<u8>> = digits
            .chunks_exact(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let state = Self(bytes?);
        ResumableSha256::resume(&state).filter(|_| state.is_plausible()).map(|_| state)
    }

    /// Whether it counts no more blocks than any index has. From a greater number on, counting the bits that were hashed overflows.
    fn is_plausible(&self) -> bool {
        let count = self.0.get(WORDS..).and_then(<[u8]>::first_chunk);
        count.is_some_and(|count| u64::from_le_bytes(*count) <= MOST_BLOCKS)
    }
}

impl fmt::Display for HashState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for HashState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashState({self})")
    }
}

/// SHA-256 that counts what it hashes and whose state can be saved and taken up again.
///
/// ```
/// use apt_index::digest::ResumableSha256;
///
/// let mut whole = ResumableSha256::default();
/// whole.update(b"base");
/// let state = whole.state();
/// whole.update(b"tail");
///
/// let mut resumed = ResumableSha256::resume(&state).unwrap();
/// resumed.update(b"tail");
/// assert_eq!(whole.finish(), resumed.finish());
/// ```
#[derive(Clone, Debug, Default)]
pub struct ResumableSha256 {
    state: sha2::Sha256,
    hashed: u64,
}

impl ResumableSha256 {
    /// Takes up a saved state; `None` when it was not written by this version of the hash library.
    #[must_use]
    pub fn resume(state: &HashState) -> Option<Self> {
        let serialized = SerializedState::<sha2::Sha256>::try_from(state.0.as_slice()).ok()?;
        sha2::Sha256::deserialize(&serialized).ok().map(|state| Self { state, hashed: 0 })
    }

    /// Hashes `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.hashed += bytes.len() as u64;
    }

    /// The state after what was hashed so far.
    #[must_use]
    pub fn state(&self) -> HashState {
        HashState(self.state.serialize().to_vec())
    }

    /// How many bytes were hashed since it was new or resumed.
    #[must_use]
    pub fn hashed(&self) -> u64 {
        self.hashed
    }

    /// The digest of all that was hashed.
    #[must_use]
    pub fn finish(self) -> Sha256 {
        Sha256::from_bytes(self.state.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_being_written_down() {
        let mut hash = ResumableSha256::default();
        hash.update(&[7; 1000]);
        let state = HashState::parse(&hash.state().to_string()).unwrap();
        hash.update(b"end");
        let mut other = ResumableSha256::resume(&state).unwrap();
        other.update(b"end");
        assert_eq!((hash.hashed(), other.hashed()), (1003, 3));
        assert_eq!(other.finish(), hash.finish());
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for bad in ["", "0", "zz", "00", &"0".repeat(4000)] {
            assert!(HashState::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_state_that_counts_more_than_there_can_be_is_refused() {
        let mut hash = ResumableSha256::default();
        hash.update(&[7; 1000]);
        let HashState(bytes) = hash.state();
        let with_blocks = |count: u64| {
            let mut bytes = bytes.clone();
            bytes[WORDS..WORDS + 8].copy_from_slice(&count.to_le_bytes());
            HashState::parse(&HashState(bytes).to_string())
        };
        assert_eq!(with_blocks(1000 / 64), Some(hash.state()));
        for too_many in [MOST_BLOCKS + 1, u64::MAX / 64, u64::MAX] {
            assert_eq!(with_blocks(too_many), None, "{too_many}");
        }
        let mut largest = ResumableSha256::resume(&with_blocks(MOST_BLOCKS).unwrap()).unwrap();
        largest.update(&[7; 1000]);
        let _ = largest.finish();
    }
}
