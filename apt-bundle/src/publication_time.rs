use std::fmt;

use jiff::Timestamp;

use crate::manifest::ManifestError;

const FORM: &str = "%Y%m%dT%H%M%SZ";

/// The id of a publication: the moment at which it was made, in UTC, to the second.
///
/// ```
/// use apt_bundle::PublicationTime;
/// assert_eq!(PublicationTime::parse("20261129T014000Z")?.to_string(), "20261129T014000Z");
/// assert!(PublicationTime::parse("2026-11-29").is_err());
/// # Ok::<(), apt_bundle::ManifestError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicationTime(Timestamp);

impl PublicationTime {
    /// Reads an id such as `20261129T014000Z`.
    ///
    /// # Errors
    /// [`ManifestError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let refused = || ManifestError::of("the id of a publication is a time such as 20261129T014000Z");
        let time = jiff::civil::DateTime::strptime(FORM, text).map_err(|_| refused())?;
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| refused())?;
        let id = Self(time.timestamp());
        if id.to_string() == text { Ok(id) } else { Err(refused()) }
    }

    /// Returns the moment.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for PublicationTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime(FORM))
    }
}
