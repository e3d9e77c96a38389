//! Why a package file or an upload cannot be taken in.

use camino::Utf8PathBuf;
use deb_parse::PackageName;

use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;
use crate::package_reader::PackageError;

/// Why a package file or an upload cannot be taken in.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file that is not an acceptable package.
    #[error("{file}")]
    Package {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// Which rule it breaks, and where; or why that is not known.
        #[source]
        source: PackageError,
    },
    /// A file that cannot be opened, or not even be looked at.
    #[error("cannot open {file}")]
    Unreadable {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A package whose name is none of those that a drop folder takes.
    #[error("{file}: packages named {package} are not taken here")]
    NameNotAllowed {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// The name.
        package: PackageName,
    },
    /// A package whose parts are all sound, but that dpkg cannot unpack.
    #[error("{file}: {problem}")]
    NotUnpackable {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// The first entry that dpkg cannot unpack, and why.
        problem: deb_parse::deb::UnpackProblem,
    },
    /// A repository in which no suite can take a package.
    #[error("{key}: {repository} has no suite to put it into")]
    NoSuite {
        /// The package.
        key: RecordKey,
        /// The repository.
        repository: RepositoryName,
    },
    /// A package for a release without a suite among those that its routing rule lists.
    #[error("{key}: routing rule {rule} lists no suite for {marker}")]
    NoRoutedSuite {
        /// The package.
        key: RecordKey,
        /// The number of the rule.
        rule: usize,
        /// What in its version names the release.
        marker: String,
    },
    /// A package for a release that no suite of the repository is for, where [such are refused](crate::settings::UnknownRelease::Refuse).
    #[error("{key}: {repository} has no suite for `{marker}`")]
    UnknownRelease {
        /// The package.
        key: RecordKey,
        /// The repository.
        repository: RepositoryName,
        /// What in its version names the release.
        marker: String,
    },
    /// A file of an upload or a source package is not there, neither beside what lists it nor in the store.
    #[error("{file} lists {name}, which is not beside it")]
    Incomplete {
        /// The file that lists it, as given by the caller.
        file: Utf8PathBuf,
        /// Its name, control characters escaped.
        name: String,
    },
    /// A file is not what an upload or a source package says it is.
    #[error("{file} lists {name} with another {what}")]
    ChecksumMismatch {
        /// The file that lists it, as given by the caller.
        file: Utf8PathBuf,
        /// Its name, control characters escaped.
        name: String,
        /// What differs: `size`, `SHA-256`…
        what: &'static str,
    },
    /// Something in an upload that does not belong together.
    #[error("{file}: {what}")]
    InconsistentUpload {
        /// The file that puts it together, as given by the caller.
        file: Utf8PathBuf,
        /// What does not fit.
        what: String,
    },
    /// An upload that nobody signed who may upload.
    #[error("{file} is not signed by an uploader")]
    NotSigned {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// What is wrong with the signature.
        #[source]
        source: apt_sign::Error,
    },
    /// A stanza could not be made of a package.
    #[error("{file} cannot be listed in an index")]
    Stanza {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// Why.
        #[source]
        source: apt_index::Error,
    },
}

impl ImportError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Package { source: PackageError::Invalid(_), .. } => "E-INVALID-PACKAGE",
            Self::Package { .. } => "E-PACKAGE-READER",
            Self::Unreadable { .. } => "E-UNREADABLE",
            Self::NotUnpackable { .. } => "E-NOT-UNPACKABLE",
            Self::NoSuite { .. } => "E-NO-SUITE",
            Self::NoRoutedSuite { .. } => "E-NO-ROUTED-SUITE",
            Self::UnknownRelease { .. } => "E-UNKNOWN-RELEASE",
            Self::Incomplete { .. } => "E-INCOMPLETE-UPLOAD",
            Self::ChecksumMismatch { .. } => "E-CHECKSUM-MISMATCH",
            Self::InconsistentUpload { .. } => "E-INCONSISTENT-UPLOAD",
            Self::NotSigned { .. } => "E-NOT-SIGNED",
            Self::Stanza { .. } => "E-STANZA",
            Self::NameNotAllowed { .. } => "E-NAME-NOT-ALLOWED",
        }
    }
}
