//! Why a Release does not count.

use jiff::Timestamp;

use crate::error::Error;
use crate::url::Url;

/// Why no Release could be had, or why the one that came does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// A file could not be fetched. What is not there is told for the last file that was tried.
    #[error(transparent)]
    Fetch(Error),
    /// It is not a Release at all; mostly, something on the way answers with a page of its own.
    #[error("{url}: not a Release file; does a login page answer in its place?")]
    NotARelease {
        /// The file.
        url: Box<Url>,
    },
    /// The Release is not signed.
    #[error("{url}: not signed")]
    Unsigned {
        /// The file.
        url: Box<Url>,
    },
    /// No signature of it counts.
    #[error("{url}: the signature does not count")]
    Signature {
        /// The file.
        url: Box<Url>,
        /// What is wrong with it. The variants tell an unknown key from a bad signature.
        #[source]
        source: apt_sign::Error,
    },
    /// It cannot be read.
    #[error("{url}: not a valid Release file")]
    Malformed {
        /// The file.
        url: Box<Url>,
        /// What is wrong with it.
        #[source]
        source: deb_parse::Error,
    },
    /// A date is missing or is not one that clients read.
    #[error("{url}: field {field} {}", .value.as_ref().map_or_else(|| "is missing".to_owned(), |value| format!("is not a date in UTC: {value}")))]
    Date {
        /// The file.
        url: Box<Url>,
        /// The field.
        field: &'static str,
        /// What stands there.
        value: Option<deb_parse::Quoted>,
    },
    /// It lost its value.
    #[error("{url}: expired at {valid_until}")]
    Expired {
        /// The file.
        url: Box<Url>,
        /// Until when it counted.
        valid_until: Timestamp,
    },
    /// It was made in the future.
    #[error("{url}: not valid before {date}")]
    NotYetValid {
        /// The file.
        url: Box<Url>,
        /// When it is said to be made.
        date: Timestamp,
    },
    /// It is older than the one that was seen last.
    #[error("{url}: dated {date}, older than the one of {seen} that was there before")]
    WentBack {
        /// The file.
        url: Box<Url>,
        /// When it was made.
        date: Timestamp,
        /// When the last one was made.
        seen: Timestamp,
    },
    /// A field says something else that clients do not let change.
    #[error("{url}: {field} changed from {} to {}", shown(.seen.as_deref()), shown(.found.as_deref()))]
    Renamed {
        /// The file.
        url: Box<Url>,
        /// The field.
        field: &'static str,
        /// What stood there.
        seen: Option<String>,
        /// What stands there.
        found: Option<String>,
    },
    /// There was an `InRelease`, and there is none any more: somebody may hold it back.
    #[error("{url}: gone; it was there before")]
    InReleaseGone {
        /// The file.
        url: Box<Url>,
    },
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| deb_parse::Quoted::new(value).to_string())
}
