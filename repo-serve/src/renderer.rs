//! Pages that something else renders: a [`PageRenderer`] makes them, this crate decides who may read them, and sends them.

use std::collections::BTreeSet;
use std::fmt;

use hyper::body::Bytes;

/// Renders the pages at `/` and below `/-/`.
pub trait PageRenderer: Send + Sync + fmt::Debug {
    /// Returns what must be readable for a page; `None` when there is no such page. `path` is what stands behind `/-/`, decoded, in
    /// elements, with an empty last one when the path ends in a slash; nothing for `/`. Must return soon.
    fn reads(&self, path: &[&str]) -> Option<Reads>;

    /// Renders a page; `None` when there is none. May block.
    ///
    /// # Errors
    /// When what the page shows cannot be read; the text is for the log.
    fn render(&self, request: &PageRequest) -> Result<Option<Document>, String>;
}

/// What a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Nothing that anybody may not see.
    Nothing,
    /// A repository, which the reader must be allowed to read.
    Repository {
        /// Its name.
        name: String,
        /// Repositories of which the page shows something too, to those who may read them.
        beside: Vec<String>,
    },
    /// Something of each repository that the reader may read.
    Listed,
}

/// A request for a page, of a reader who may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// As [`PageRenderer::reads`] got it.
    pub path: Vec<String>,
    /// What stands behind the `?`, as it came.
    pub query: Option<String>,
    /// The repositories that the reader may read, of those that the page shows.
    pub readable: BTreeSet<String>,
    /// Whether a login may show the reader more.
    pub may_log_in: bool,
}

/// A rendered page.
#[derive(Clone, Debug)]
pub struct Document {
    pub(crate) media_type: &'static str,
    pub(crate) policy: &'static str,
    pub(crate) body: Bytes,
    pub(crate) etag: String,
}

impl Document {
    /// Returns a document of this media type, to be shown under this `Content-Security-Policy`.
    #[must_use]
    pub fn new(media_type: &'static str, policy: &'static str, text: String) -> Self {
        let etag = format!("\"{}\"", blake3::hash(text.as_bytes()).to_hex());
        Self { media_type, policy, body: Bytes::from(text), etag }
    }

    /// Returns its length in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.body.len()
    }
}
