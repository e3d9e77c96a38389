use std::cmp::Ordering;
use std::fmt;

use deb_parse::Architecture;

/// What a package is built for; of a source package, that it is one.
///
/// Ordered by its text, as a chunk is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Build {
    /// A binary package for this architecture, which may be `all`.
    For(Architecture),
    /// A source package, shown as `source`: no architecture can be called that.
    Source,
}

const SOURCE: &str = "source";

impl Build {
    /// Reads what [`as_str`](Self::as_str) gives.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == SOURCE { Some(Self::Source) } else { Architecture::parse(text).ok().map(Self::For) }
    }

    /// The name of the architecture, or `source`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::For(architecture) => architecture.as_str(),
            Self::Source => SOURCE,
        }
    }

    /// Whether this is a source package.
    #[must_use]
    pub fn is_source(&self) -> bool {
        *self == Self::Source
    }
}

impl Ord for Build {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for Build {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
