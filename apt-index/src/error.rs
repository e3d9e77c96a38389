use crate::{Encoding, RelPath};

/// What can go wrong while rendering.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path that could leave the published tree or that a client could not ask for.
    #[error("`{path}` cannot be a path of a published tree: {rule}")]
    Path {
        /// The path as given, control characters escaped.
        path: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A stanza that would break the index it goes into.
    #[error("a stanza of the index is broken: {rule}")]
    Stanza {
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A field of a stanza that has no form that every apt can read.
    #[error("the field `{field}` cannot be listed in an index")]
    Field {
        /// The field.
        field: Box<str>,
        /// What is wrong with its value.
        #[source]
        source: Box<deb_parse::Error>,
    },
    /// A field of `Release` whose value would break the file.
    #[error("the Release field `{field}` cannot hold {value:?}")]
    ReleaseField {
        /// The field.
        field: &'static str,
        /// The refused value.
        value: String,
    },
    /// A package of a component or an architecture that the release lacks, so that no client would see it.
    #[error("the release does not list `{value}` in its field `{field}`")]
    Unlisted {
        /// The field.
        field: &'static str,
        /// What is missing in it.
        value: String,
    },
    /// A file of a tree that cannot be written or removed.
    #[error("cannot write or remove {path}")]
    Write {
        /// The file, relative to the root of the archive.
        path: RelPath,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A compressor or decompressor failed.
    #[error("cannot process {encoding} data")]
    Encoding {
        /// The compression concerned.
        encoding: Encoding,
        /// What the compressor said.
        #[source]
        source: std::io::Error,
    },
    /// A recorded [`Layout`](crate::index::Layout) that cannot be read.
    #[error("the recorded layout of an index cannot be read: {what}")]
    Layout {
        /// What is wrong with it.
        what: String,
    },
    /// The files a [`Layout`](crate::index::Layout) describes could not be read back.
    #[error("cannot read the previous {encoding} index")]
    Previous {
        /// The compression of the file concerned.
        encoding: Encoding,
        /// What reading it said.
        #[source]
        source: std::io::Error,
    },
    /// The previous index is not what its layout says, so it cannot be built upon: render it from scratch.
    #[error("the previous index does not match its recorded layout: {what}")]
    Diverged {
        /// What differs.
        what: &'static str,
    },
}
