//! The one error type of the crate.

use crate::{Fingerprint, KeyProblem};
use std::fmt;
use std::path::PathBuf;

/// What went wrong while signing, verifying, or reading a key.
///
/// The message of a variant never repeats that of its source: print the whole chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text cannot be clear-signed so that every verifier gives back the same bytes; see
    /// [`check_text`](crate::check_text).
    #[error("line {line}: text cannot be clear-signed: {rule}")]
    Text {
        /// Line number, from 1.
        line: usize,
        /// The rule that the line breaks.
        rule: &'static str,
    },

    /// A fingerprint is not 40 (version 4) or 64 (version 6) hexadecimal digits.
    #[error("not an OpenPGP fingerprint: expected 40 or 64 hexadecimal digits")]
    Fingerprint,

    /// A signer was given no key, or the same key twice.
    #[error("unusable set of signing keys: {rule}")]
    Keys {
        /// The rule that the set breaks.
        rule: &'static str,
    },

    /// No signature can have that time: OpenPGP counts seconds since 1970 in 32 bits (RFC 9580, section 3.5).
    #[error("signatures cannot be dated before 1970 or after 2106-02-07")]
    Time,

    /// A key must not be used to sign at the time asked for.
    #[error("key {fingerprint} cannot sign: {problem}")]
    Key {
        /// The certificate of the key.
        fingerprint: Fingerprint,
        /// Why not.
        problem: KeyProblem,
    },

    /// The secret part of a key is protected by a passphrase, and none or the wrong one was given.
    #[error("key {fingerprint} is protected by {}", if *.given { "another passphrase" } else { "a passphrase" })]
    Locked {
        /// The certificate of the key.
        fingerprint: Fingerprint,
        /// Whether a password was given.
        given: bool,
    },

    /// The passphrase of a key cannot be had.
    #[error("cannot read the passphrase of the keys from {place}")]
    Passphrase {
        /// Where it was to come from.
        place: String,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },

    /// Bytes are not what they should be: a certificate, a secret key, a keyring, a signed message.
    #[error("not {expected}")]
    Malformed {
        /// What was expected, with its article.
        expected: &'static str,
        /// What the parser says.
        #[source]
        source: Option<BoxError>,
    },

    /// A clear-signed message is not framed as one, or has bytes outside the signed part.
    #[error("line {line}: not a well-formed clear-signed message: {rule}")]
    Framing {
        /// Line number, from 1.
        line: usize,
        /// The rule that the line breaks.
        rule: &'static str,
    },

    /// No signature was made by a key of the keyring.
    #[error("signed by none of the trusted keys (signatures by: {})", list(.issuers))]
    UnknownSigner {
        /// Key identifiers named by the signatures; an unverified claim.
        issuers: Vec<String>,
    },

    /// A trusted key is said to have made a signature, and it does not hold.
    #[error("bad signature")]
    BadSignature {
        /// Why it does not hold.
        #[source]
        source: Option<BoxError>,
    },

    /// What a signer returned is not a signature by this certificate over the text it was given.
    #[error("the signer's output is not signed by {fingerprint}")]
    NotSignedBy {
        /// The certificate whose signature is missing.
        fingerprint: Fingerprint,
    },

    /// What a signer returned holds another text than the one it was given.
    #[error("the signer's output holds another text than the one to be signed")]
    OtherText,

    /// No signature of a text was brought from where it is signed.
    #[error("no signature of it is there")]
    NotAttached,

    /// The secret part of a key is where nothing of this system reaches.
    #[error("key {fingerprint} signs offline")]
    Offline {
        /// The certificate of the key.
        fingerprint: Fingerprint,
    },

    /// A key file could not be read or written.
    #[error("cannot {verb} {}", .path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },

    /// A key file lies where others can read or replace it.
    #[error("refusing key file {}: {fault}", .path.display())]
    KeyFile {
        /// The file or its directory.
        path: PathBuf,
        /// The rule that it breaks.
        fault: KeyFileFault,
    },

    /// A signature was made with an algorithm that this build cannot compute.
    #[error("signed by key {fingerprint}: this build cannot verify {algorithm} signatures")]
    UnsupportedAlgorithm {
        /// The certificate of the key.
        fingerprint: Fingerprint,
        /// The algorithm, as `Certificate::algorithm` spells it.
        algorithm: String,
    },

    /// A program that signs for us failed.
    #[error("signing program {program}: {reason}")]
    Program {
        /// The program.
        program: String,
        /// What it did, with the end of what it wrote to standard error.
        reason: String,
    },

    /// The cryptographic library failed.
    #[error("cannot {verb}")]
    Crypto {
        /// What was tried.
        verb: &'static str,
        /// What the library says.
        source: BoxError,
    },
}

/// Which rule a key file breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFileFault {
    /// The path does not name a file.
    NoName,
    /// The file is a symbolic link.
    SymbolicLink,
    /// The file is a directory, a pipe or the like.
    NotRegular,
    /// The mode of the file is wider than 0600.
    FileMode,
    /// The file belongs to another user.
    FileOwner,
    /// The mode of the directory is wider than 0700.
    DirectoryMode,
    /// The directory belongs to another user.
    DirectoryOwner,
    /// The file is larger than any key needs.
    TooLarge,
    /// The file holds another key than the one that is to replace it.
    OtherKey,
}

impl fmt::Display for KeyFileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoName => "it names no file",
            Self::SymbolicLink => "it is a symbolic link",
            Self::NotRegular => "it is not a regular file",
            Self::FileMode => "its mode is wider than 0600",
            Self::FileOwner | Self::DirectoryOwner => "it belongs to another user",
            Self::DirectoryMode => "the mode of the directory is wider than 0700",
            Self::TooLarge => "it is larger than 1 MiB",
            Self::OtherKey => "it holds another key",
        })
    }
}

impl Error {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    ///
    /// ```
    /// assert_eq!(apt_sign::Error::OtherText.code(), "E-OTHER-TEXT");
    /// ```
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Text { .. } => "E-SIGN-TEXT",
            Self::Fingerprint => "E-FINGERPRINT",
            Self::Keys { .. } => "E-KEY-SET",
            Self::Time => "E-SIGNATURE-TIME",
            Self::Key { .. } => "E-KEY-UNUSABLE",
            Self::Locked { .. } => "E-KEY-LOCKED",
            Self::Passphrase { .. } => "E-PASSPHRASE",
            Self::Malformed { .. } => "E-MALFORMED-KEY",
            Self::Framing { .. } => "E-SIGNATURE-FRAMING",
            Self::UnknownSigner { .. } => "E-UNKNOWN-SIGNER",
            Self::BadSignature { .. } => "E-BAD-SIGNATURE",
            Self::NotSignedBy { .. } => "E-NOT-SIGNED-BY",
            Self::OtherText => "E-OTHER-TEXT",
            Self::NotAttached => "E-NOT-ATTACHED",
            Self::Offline { .. } => "E-OFFLINE",
            Self::Io { .. } => "E-IO",
            Self::KeyFile { .. } => "E-KEY-FILE",
            Self::UnsupportedAlgorithm { .. } => "E-UNSUPPORTED-ALGORITHM",
            Self::Program { .. } => "E-SIGNING-PROGRAM",
            Self::Crypto { .. } => "E-CRYPTO",
        }
    }
}

/// The error of a library below, as a source.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn list(issuers: &[String]) -> String {
    if issuers.is_empty() { "nobody".to_owned() } else { issuers.join(", ") }
}
