//! Why packages could not be read.

use crate::package::SourceId;

/// Why a paragraph could not be added to a universe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The paragraph is not that of a package, or a relation in it breaks its grammar.
    #[error("{source_name}: {source}")]
    Paragraph {
        /// Name of the source that the paragraph belongs to.
        source_name: String,
        /// What is wrong, and where.
        source: deb_parse::Error,
    },
    /// The universe would have more than 4,000,000 packages or 40,000,000 relations.
    #[error("{source_name}: more packages or relations than one check can hold")]
    TooLarge {
        /// Name of the source that was being read.
        source_name: String,
    },
    /// The source is not one of this universe.
    #[error("no source with the number {}", .0.index())]
    UnknownSource(SourceId),
}
