//! Why the status of a machine could not be read.

use deb_parse::Architecture;

/// Why the status of a machine could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// The text cannot be read, or a paragraph is not that of a package.
    #[error(transparent)]
    Paragraph(#[from] deb_parse::Error),
    /// A paragraph has no field `Status`, so the file is not a status file: a `Packages` file has none.
    #[error("{}a package without the field Status: not a status file of dpkg", at(*line))]
    NoStatus {
        /// Where the paragraph begins, from 1.
        line: Option<u64>,
    },
    /// The field `Status` says what dpkg never writes.
    #[error("{}unknown Status `{}`", at(*line), text.escape_debug())]
    UnknownStatus {
        /// What it says.
        text: String,
        /// Where the paragraph begins, from 1.
        line: Option<u64>,
    },
    /// A package is listed twice.
    #[error("{}{name}:{architecture} is listed twice", at(*line))]
    Duplicate {
        /// The name of the package.
        name: String,
        /// Its architecture.
        architecture: Architecture,
        /// Where the second paragraph begins, from 1.
        line: Option<u64>,
    },
    /// Nothing is installed.
    #[error("no package is installed")]
    Empty,
    /// All packages are for `all`, so that the architecture of the machine is not known.
    #[error("all packages are for `all`: the architecture of the machine is not known")]
    NoArchitecture,
    /// More than [`Status::MAX_BYTES`](super::Status::MAX_BYTES) or 200,000 packages.
    #[error("more than 64 MiB or 200000 packages")]
    TooLarge,
}

fn at(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}
