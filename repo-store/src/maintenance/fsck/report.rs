//! What a check found.

use std::fmt;

use camino::Utf8PathBuf;
use deb_parse::SuiteName;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::model::name::RepositoryName;
use crate::model::record::RecordKey;
use crate::publish::layout::BY_HASH;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Which sort of thing is wrong.
    pub kind: ProblemKind,
    /// Where, from the root of the store.
    pub path: Utf8PathBuf,
    /// What is wrong, in words.
    pub what: String,
    /// What cannot be relied on because of it. Empty when nothing refers to it.
    pub affects: Vec<Affected>,
}

impl Problem {
    /// Whether a file of a published index is gone or damaged. [`Store::repair`](crate::Store::repair) puts a damaged one aside when it
    /// finds no true copy, and [`Store::publish`](crate::Store::publish) makes again what is missing of the indices that clients see now.
    #[must_use]
    pub fn is_of_an_index(&self) -> bool {
        self.path.starts_with("public") && self.path.components().any(|part| part.as_str() == BY_HASH)
    }
}

/// The sorts of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// It is not there.
    Missing,
    /// It is there, and is not what was written.
    Damaged,
    /// It lies where a directory of the store belongs. [`Store::repair`](crate::Store::repair) moves it to `store/damaged/`.
    InTheWay,
    /// The system cannot read it.
    Unreadable,
    /// Nothing of the store's belongs there.
    Stray,
    /// Clients would refuse the signature.
    Signature,
    /// An index does not list what the records say.
    Forged,
    /// None of the keys that signed what clients see is there, or a key cannot sign.
    Key,
    /// Clients refuse what is dated in the future.
    Date,
    /// A modification time that clients go by.
    Time,
    /// Its mode.
    Mode,
    /// Its owner.
    Owner,
}

impl ProblemKind {
    /// One word for it, as in the JSON report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::InTheWay => "in-the-way",
            Self::Unreadable => "unreadable",
            Self::Stray => "stray",
            Self::Signature => "signature",
            Self::Forged => "forged",
            Self::Key => "key",
            Self::Date => "date",
            Self::Time => "time",
            Self::Mode => "mode",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.path, self.what)
    }
}

/// A part of a repository that a problem makes unreliable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Affected {
    /// The repository.
    pub repository: RepositoryName,
    /// The suite; `None` for all of the repository.
    pub suite: Option<SuiteName>,
    /// The package; `None` for all of the suite.
    pub package: Option<RecordKey>,
    /// Whether the present state or a publication that clients can read is affected, and not only older history.
    pub current: bool,
}

impl Serialize for Affected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { repository, suite, package, current } = self;
        let mut fields = serializer.serialize_struct("Affected", 6)?;
        fields.serialize_field("repository", repository.as_str())?;
        fields.serialize_field("suite", &suite.as_ref().map(ToString::to_string))?;
        fields.serialize_field("package", &package.as_ref().map(|key| key.package.to_string()))?;
        fields.serialize_field("version", &package.as_ref().map(|key| key.version.to_string()))?;
        fields.serialize_field("architecture", &package.as_ref().map(|key| key.architecture.to_string()))?;
        fields.serialize_field("current", current)?;
        fields.end()
    }
}

impl fmt::Display for Affected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(suite) = &self.suite {
            write!(f, " {suite}")?;
        }
        if let Some(package) = &self.package {
            write!(f, " {package}")?;
        }
        if self.current { Ok(()) } else { f.write_str(" (in its history)") }
    }
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct FsckReport {
    /// Everything that is not as it should be, in the order of paths.
    pub problems: Vec<Problem>,
    /// What is worth a word and is not a problem: a publication that was announced and is not shown.
    pub notes: Vec<String>,
    /// Package files that were read to their end.
    pub blobs: u64,
    /// Objects that were read to their end.
    pub objects: u64,
    /// Files of publications that were compared.
    pub published: u64,
    /// Bytes that were read.
    pub bytes: u64,
}

impl FsckReport {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

crate::model::serialized::written!(ProblemKind);
