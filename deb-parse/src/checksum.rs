//! Checksums as Debian's formats hold them: typed, of fixed size, in lower-case hexadecimal.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;

macro_rules! checksum {
    ($(#[$doc:meta])* $name:ident, $len:literal, $what:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Size in bytes.
            pub const LEN: usize = $len;

            /// Makes a checksum of its bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Reads the checksum from exactly
            #[doc = concat!(stringify!($len), " times two hexadecimal digits of either case.")]
            pub fn parse(text: &str) -> Result<Self, Error> {
                Self::parse_bytes(text.as_bytes())
            }

            /// As [`parse`](Self::parse), from bytes.
            pub fn parse_bytes(text: &[u8]) -> Result<Self, Error> {
                let mut bytes = [0; $len];
                if text.len() != 2 * $len || decode_hex(text, &mut bytes).is_none() {
                    return Err(Error::value($what, text, $rule));
                }
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut hex = [0; 2 * $len];
                encode_hex(&self.0, &mut hex);
                f.write_str(std::str::from_utf8(&hex).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    };
}

checksum!(
    /// A SHA-256 checksum, the one that APT relies on.
    ///
    /// ```
    /// use deb_parse::checksum::Sha256;
    /// let empty = Sha256::of(b"");
    /// assert!(empty.to_string().starts_with("e3b0c442"));
    /// assert_eq!(empty.to_string().parse::<Sha256>().ok(), Some(empty));
    /// ```
    Sha256, 32, "SHA-256", "must be 64 hexadecimal digits"
);
checksum!(
    /// A BLAKE3 checksum.
    ///
    /// ```
    /// use deb_parse::checksum::Blake3;
    /// assert!(Blake3::of(b"").to_string().starts_with("af1349b9"));
    /// ```
    Blake3, 32, "BLAKE3", "must be 64 hexadecimal digits"
);
checksum!(
    /// An MD5 checksum. It proves nothing; old formats still carry it.
    ///
    /// ```
    /// use deb_parse::checksum::Md5;
    /// assert_eq!(Md5::of(b"").to_string(), "d41d8cd98f00b204e9800998ecf8427e");
    /// ```
    Md5, 16, "MD5", "must be 32 hexadecimal digits"
);
checksum!(
    /// A SHA-1 checksum. It proves nothing; old formats still carry it.
    ///
    /// ```
    /// use deb_parse::checksum::Sha1;
    /// assert_eq!(Sha1::from_bytes([0xab; 20]).to_string(), "ab".repeat(20));
    /// ```
    Sha1, 20, "SHA-1", "must be 40 hexadecimal digits"
);
checksum!(
    /// A SHA-512 checksum.
    ///
    /// ```
    /// use deb_parse::checksum::Sha512;
    /// assert!(Sha512::of(b"").to_string().starts_with("cf83e135"));
    /// ```
    Sha512, 64, "SHA-512", "must be 128 hexadecimal digits"
);

impl Sha256 {
    /// Computes the checksum of `data`.
    pub fn of(data: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(data).into())
    }
}

impl Sha512 {
    /// Computes the checksum of `data`.
    pub fn of(data: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha512::digest(data).into())
    }
}

impl Md5 {
    /// Computes the checksum of `data`.
    pub fn of(data: &[u8]) -> Self {
        use md5::Digest;
        Self(md5::Md5::digest(data).into())
    }
}

impl Blake3 {
    /// Computes the checksum of `data`.
    pub fn of(data: &[u8]) -> Self {
        Self(*blake3::hash(data).as_bytes())
    }
}

fn decode_hex(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    const NO_DIGIT: u8 = 0x10;
    let digit = |c: u8| match c {
        b'0'..=b'9' => c - b'0',
        b'a'..=b'f' => c - b'a' + 10,
        b'A'..=b'F' => c - b'A' + 10,
        _ => NO_DIGIT,
    };
    // One look at the end is cheaper than one at each digit: lists name objects by thousands of these.
    let mut all = 0;
    for (pair, byte) in text.chunks_exact(2).zip(bytes) {
        let &[high, low] = pair else { return None };
        let (high, low) = (digit(high), digit(low));
        *byte = high << 4 | low;
        all |= high | low;
    }
    (all < NO_DIGIT).then_some(())
}

fn encode_hex(bytes: &[u8], hex: &mut [u8]) {
    let digit = |d: u8| if d < 10 { b'0' + d } else { b'a' + d - 10 };
    for (byte, pair) in bytes.iter().zip(hex.chunks_exact_mut(2)) {
        if let [high, low] = pair {
            *high = digit(byte >> 4);
            *low = digit(byte & 15);
        }
    }
}

/// Which checksums to compute besides SHA-256 and BLAKE3, which are always computed.
///
/// SHA-1 needs the cargo feature `sha1`; asking for it where the build lacks it is an [`Error::Unsupported`]. MD5 and SHA-1
/// cost more time than all the rest together.
///
/// ```
/// use deb_parse::checksum::{HashKinds, Hasher};
/// let set = HashKinds { md5: true, ..HashKinds::default() };
/// assert!(Hasher::new(set)?.finish().md5.is_some());
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashKinds {
    /// Compute MD5.
    pub md5: bool,
    /// Compute SHA-1.
    pub sha1: bool,
    /// Compute SHA-512.
    pub sha512: bool,
}

/// What a [`Hasher`] found out about the bytes it was given.
///
/// ```
/// use deb_parse::checksum::{Blake3, HashKinds, Hasher};
/// let mut hasher = Hasher::new(HashKinds::default())?;
/// hasher.update(b"abc");
/// let hashes = hasher.finish();
/// assert_eq!((hashes.size, hashes.blake3, hashes.md5), (3, Blake3::of(b"abc"), None));
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hashes {
    /// Number of bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: Sha256,
    /// BLAKE3.
    pub blake3: Blake3,
    /// MD5, if it was asked for.
    pub md5: Option<Md5>,
    /// SHA-1, if it was asked for.
    pub sha1: Option<Sha1>,
    /// SHA-512, if it was asked for.
    pub sha512: Option<Sha512>,
}

/// Computes several checksums in one pass.
///
/// ```
/// use deb_parse::checksum::{HashKinds, Hasher, Sha256};
/// let mut hasher = Hasher::new(HashKinds::default())?;
/// hasher.update(b"two ");
/// hasher.update(b"pieces");
/// let hashes = hasher.finish();
/// assert_eq!((hashes.size, hashes.sha256), (10, Sha256::of(b"two pieces")));
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone)]
pub struct Hasher {
    size: u64,
    sha256: sha2::Sha256,
    blake3: blake3::Hasher,
    md5: Option<md5::Md5>,
    #[cfg(feature = "sha1")]
    sha1: Option<sha1::Sha1>,
    sha512: Option<sha2::Sha512>,
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Hasher {
    /// Starts to compute SHA-256, BLAKE3 and those in `set`.
    pub fn new(set: HashKinds) -> Result<Self, Error> {
        if set.sha1 && !cfg!(feature = "sha1") {
            return Err(Error::Unsupported { format: "SHA-1", feature: "sha1" });
        }
        Ok(Self {
            size: 0,
            sha256: sha2::Sha256::default(),
            blake3: blake3::Hasher::new(),
            md5: set.md5.then(md5::Md5::default),
            #[cfg(feature = "sha1")]
            sha1: set.sha1.then(sha1::Sha1::default),
            sha512: set.sha512.then(sha2::Sha512::default),
        })
    }

    /// Takes in the next piece.
    pub fn update(&mut self, data: &[u8]) {
        use sha2::Digest;
        self.size += data.len() as u64;
        // Small steps: the second hash finds the bytes still in the nearest cache.
        for piece in data.chunks(16 * 1024) {
            self.sha256.update(piece);
            self.blake3.update(piece);
            if let Some(md5) = &mut self.md5 {
                md5.update(piece);
            }
            #[cfg(feature = "sha1")]
            if let Some(sha1) = &mut self.sha1 {
                sha1.update(piece);
            }
            if let Some(sha512) = &mut self.sha512 {
                sha512.update(piece);
            }
        }
    }

    /// Gives the checksums of all that was taken in.
    pub fn finish(self) -> Hashes {
        use sha2::Digest;
        Hashes {
            size: self.size,
            sha256: Sha256(self.sha256.finalize().into()),
            blake3: Blake3(*self.blake3.finalize().as_bytes()),
            md5: self.md5.map(|md5| Md5(md5.finalize().into())),
            #[cfg(feature = "sha1")]
            sha1: self.sha1.map(|sha1| Sha1(sha1.finalize().into())),
            #[cfg(not(feature = "sha1"))]
            sha1: None,
            sha512: self.sha512.map(|sha512| Sha512(sha512.finalize().into())),
        }
    }
}
