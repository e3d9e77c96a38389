//! How one question is asked, and its answer: over HTTP, or of a file of this machine.

mod deadline;
pub(crate) mod http;
mod local;

use std::fmt;
use std::io::Read;

pub(crate) use http::HttpAgent;
pub(crate) use local::open as open_local;

use crate::url::Url;

/// What is asked for besides the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conditions {
    /// Skip so many bytes at the start. The server may send them all the same.
    pub from: u64,
    /// Skip them only if this is still the `ETag` or `Last-Modified` of the file.
    pub if_range: Option<String>,
    /// Send nothing if this is still the `Last-Modified` of the file.
    pub if_modified_since: Option<String>,
    /// Send nothing if this is still the `ETag` of the file.
    pub if_none_match: Option<String>,
    /// Caches on the way are to ask the server whether what they have still holds.
    pub is_fresh: bool,
    /// Send the head of the answer alone.
    pub head_only: bool,
}

impl Conditions {
    /// Asks for nothing if this is still the `Last-Modified` of the file.
    #[must_use]
    pub fn if_modified_since(date: &str) -> Self {
        Self { if_modified_since: Some(date.to_owned()), ..Self::default() }
    }

    /// Asks for what stands behind so many bytes.
    #[must_use]
    pub fn from(first: u64) -> Self {
        Self { from: first, ..Self::default() }
    }

    /// Asks for the head of the answer alone.
    #[must_use]
    pub fn head() -> Self {
        Self { head_only: true, ..Self::default() }
    }
}

/// What kind of answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// The whole file.
    Whole,
    /// The file without the bytes that were to be skipped.
    Rest,
    /// The file has not changed, so the answer has an empty body.
    Unchanged,
}

/// The head of an answer, and its body to be read. Nothing of it is verified.
pub struct Answer {
    /// Of what kind it is.
    pub kind: AnswerKind,
    /// Where it came from in the end.
    pub url: Url,
    /// The addresses that led there, the first one among them; empty without a redirect.
    pub redirects: Vec<Url>,
    /// The length of the body, if it was told.
    pub length: Option<u64>,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Box<dyn Read + Send>,
}

impl Answer {
    /// Returns a field of the head; its name is in lower case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body. Nothing of it is verified, and it has no end if the server gives it none.
    #[must_use]
    pub fn into_body(self) -> Box<dyn Read + Send> {
        self.body
    }

    /// Returns what the file can be recognised by: a strong `ETag`, or else when it was changed.
    pub(crate) fn validator(&self) -> Option<String> {
        let strong = self.field("etag").filter(|tag| tag.starts_with('"'));
        strong.or_else(|| self.field("last-modified")).map(str::to_owned)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("kind", &self.kind).field("url", &self.url).finish_non_exhaustive()
    }
}
