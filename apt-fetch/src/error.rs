//! What goes wrong while a file is fetched.

use std::io;
use std::time::Duration;

use crate::digest::Algorithm;
use crate::url::{Url, UrlError};

/// A file could not be fetched, or is not the one that was to come.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {problem}")]
#[non_exhaustive]
pub struct Error {
    /// The address that was asked for. Where a redirect led from there is told by [`Problem::Redirect`].
    pub url: Box<Url>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a file, or with the answer to the question for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is not there (404, 410).
    #[error("not found")]
    NotFound,
    /// The server does not give it to this user (401, 402, 403, 407).
    #[error("the server refuses access (HTTP {status}){}", if *.had_login { "" } else { "; no login for it is known" })]
    Denied {
        /// The status.
        status: u16,
        /// Whether user and password were sent.
        had_login: bool,
    },
    /// The server answers that something else is wrong, or nothing that makes sense. A 403 stands here when it comes from where a redirect led.
    #[error("the server answers HTTP {status}")]
    Status {
        /// The status.
        status: u16,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// A redirect is not followed.
    #[error("redirected {}: {rule}", .to.as_ref().map_or_else(|| "to nowhere".to_owned(), |to| format!("to {to}")))]
    Redirect {
        /// Where it leads, if that is an address.
        to: Option<Box<Url>>,
        /// Why it is not followed.
        rule: RedirectRule,
    },
    /// The connection failed, ended too early, or carried something other than HTTP.
    #[error("connection failed: {what}")]
    Connection {
        /// What went wrong, in a line.
        what: String,
    },
    /// The server is slower than allowed.
    #[error("the server is too slow: no answer, or less than the lowest rate, within the time limit")]
    TimedOut,
    /// A file of this machine cannot be read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    /// More bytes would come than are allowed.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The size that was told by who vouches for the file, or the limit for files of this kind.
        limit: u64,
    },
    /// Fewer bytes came than were told.
    #[error("{found} bytes instead of {expected}")]
    TooShort {
        /// The size that was told.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The bytes are others.
    #[error("{algorithm} is {found} instead of {expected}")]
    Digest {
        /// Which digest differs.
        algorithm: Algorithm,
        /// What was told.
        expected: String,
        /// That of what came.
        found: String,
    },
    /// The compressed file cannot be unpacked.
    #[error("cannot be unpacked: {what}")]
    Unpack {
        /// What is wrong with it.
        what: String,
    },
    /// What came cannot be written to where the caller wants it.
    #[error("cannot write it")]
    Write(#[source] io::Error),
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectRule {
    /// From `https:` to `http:`, where everybody on the way could change it.
    #[error("not from https to http")]
    Downgrade,
    /// It leads in a circle, or over too many stations.
    #[error("too many redirects")]
    TooMany,
    /// It does not name an address.
    #[error("not an address that can be followed")]
    Address,
}

impl Error {
    /// Puts an address and what is wrong there together, for callers that look at answers themselves.
    #[must_use]
    pub fn new(url: &Url, problem: Problem) -> Self {
        problem.at(url)
    }
}

impl Problem {
    /// Returns whether the same question may have a better answer later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            // One of these that is not a denial comes from where a redirect led, by an address that runs out.
            Self::Status { status: 403, .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429 || *status == 408,
            Self::Connection { .. } | Self::TimedOut => true,
            _ => false,
        }
    }

    /// Returns whether what came is not what was to come: after a change in the middle, another copy may be the right one.
    #[must_use]
    pub fn is_mismatch(&self) -> bool {
        matches!(
            self,
            Self::TooLong { .. } | Self::TooShort { .. } | Self::Digest { .. } | Self::Unpack { .. }
        )
    }

    pub(crate) fn at(self, url: &Url) -> Error {
        Error { url: Box::new(url.clone()), problem: self }
    }

    pub(crate) fn address(_: UrlError) -> Self {
        Self::Redirect { to: None, rule: RedirectRule::Address }
    }
}
