//! Readers that are private otherwise, for the laws in `fuzz`.

use jiff::Timestamp;

use crate::{Packages, Sources, Url, UrlError, date};

/// Reads the text of an index of packages, whose stanzas have at most so many bytes.
#[must_use]
pub fn packages(text: &[u8], limit: usize) -> Packages<'_> {
    Packages::new(Box::new(text), limit)
}

/// Reads the text of an index of source packages, whose stanzas have at most so many bytes.
#[must_use]
pub fn source_packages(text: &[u8], limit: usize) -> Sources<'_> {
    Sources::new(Box::new(text), limit)
}

/// Returns where a redirect leads.
///
/// # Errors
/// [`UrlError`] when it is not an address that may be followed.
pub fn redirect(from: &Url, location: &str) -> Result<Url, UrlError> {
    from.redirect(location)
}

/// Reads a date of a Release.
#[must_use]
pub fn date(text: &str) -> Option<Timestamp> {
    date::parse(text)
}
