//! Why data about vulnerabilities could not be read.

/// Why a file was not read. What was read of it before is forgotten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It could not be read at all.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// It is not JSON, or in neither of the two formats.
    #[error("document {document}: {source}")]
    Format {
        /// Which of the documents in the file, from 1.
        document: usize,
        /// What is wrong; its message names line and column in that document.
        source: serde_json::Error,
    },
}
