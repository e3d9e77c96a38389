//! Typed views of the paragraphs that Policy chapter 5 describes.
//!
//! Each kind of paragraph has a type that makes sure that the fields are there and valid which it must have. The
//! accessors of all other fields come from the trait [`Fields`] and are the same for all kinds.
//!
//! # Errors
//! Of all that is read here: [`Error::Missing`] for a field that is not there, [`Error::Field`] for a value that breaks its
//! grammar, [`Error::Limit`] for what is too large, and where a file is read [`Error::Syntax`] for text that is not one
//! well-formed paragraph.

mod binary;
mod binary_rules;
mod canonical;
mod changes;
mod fields;
mod files;
mod index;
mod relations;
mod release;
mod source;
mod text;

pub use binary::BinaryControl;
pub use canonical::{is_left_out, looks_canonical};
pub use changes::{Buildinfo, Changes};
pub use fields::{Fields, MultiArch};
pub use files::{ChangesFile, FileEntry};
pub use index::{PackagesStanza, SourcesStanza};
pub use release::Release;
pub use source::Dsc;

use crate::LimitKind;
use crate::clearsign;
use crate::deb822::{self, Paragraph};
use crate::error::Error;
use crate::limits::Limits;
use text::Text;

/// Fields that an archive's index adds to a package's control paragraph. What a package brings along under these names
/// says nothing about it and must be dropped before the index's own are written.
pub const INDEX_FIELDS: [&str; 9] =
    ["Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "BLAKE3", "Conffiles", "Description-md5"];

/// Whether an archive's index, and not the package, has the say about the field `name`; see [`INDEX_FIELDS`].
///
/// ```
/// assert!(deb_parse::control::is_index_field("filename"));
/// assert!(!deb_parse::control::is_index_field("Section"));
/// ```
pub fn is_index_field(name: &str) -> bool {
    INDEX_FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name))
}

/// Reads a field that must be there.
fn require<T>(
    paragraph: Paragraph<'_>,
    field: &'static str,
    parse: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<T, Error> {
    present(paragraph, field, paragraph.get(field), parse)
}

/// Reads a field that may be absent.
fn optional<T>(
    paragraph: Paragraph<'_>,
    field: &'static str,
    parse: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    match paragraph.get(field) {
        None => Ok(None),
        value => present(paragraph, field, value, parse).map(Some),
    }
}

/// Reads a field of `paragraph` from its value, which must be there.
fn present<T>(
    paragraph: Paragraph<'_>,
    field: &'static str,
    value: Option<&[u8]>,
    parse: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<T, Error> {
    let value = value.ok_or_else(|| Error::Missing { field, place: paragraph.place() })?;
    utf8(value).and_then(parse).map_err(|error| error.in_field(paragraph, field, value))
}

fn utf8(value: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(value).map_err(|error| {
        let (_, wrong) = value.split_at_checked(error.valid_up_to()).unwrap_or_default();
        Error::part(value, "value", wrong, "must be UTF-8")
    })
}

/// Reads the one paragraph of a file that may be clear-signed.
fn signed_paragraph(text: &[u8], limits: &Limits) -> Result<Text, Error> {
    if text.len() > limits.text() {
        return Err(Error::Limit { what: LimitKind::Text, limit: limits.text() as u64 });
    }
    let (before, payload) =
        if clearsign::is_signed(text) { clearsign::numbered_payload(text)? } else { (0, text.into()) };
    Ok(Text::new(deb822::parse_one(before, &payload, limits)?))
}
