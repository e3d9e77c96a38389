use deb_parse::SuiteName;
use jiff::SignedDuration;
use wildmatch::WildMatch;

use crate::{Record, RepositoryName};

/// Which versions of some packages stay in some suites. Of several rules the first that matches a package file decides; what
/// no rule matches stays.
///
/// A version stays when any limit of the rule says so; a rule without a limit keeps everything it matches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetentionRule {
    /// The suites it is for; all when empty.
    pub suites: Vec<SuiteName>,
    /// The packages it is for.
    pub class: PackageClass,
    /// Keep that many versions of each package and architecture, the newest.
    pub keep_versions: Option<usize>,
    /// Keep what is in the suite for less than that.
    pub keep_for: Option<SignedDuration>,
    /// Keep what any of these repositories holds at the moment: what `prod` installs stays in `preprod`.
    pub kept_by: Vec<RepositoryName>,
}

impl RetentionRule {
    pub(super) fn is_for(&self, suite: &SuiteName) -> bool {
        self.suites.is_empty() || self.suites.contains(suite)
    }

    /// Whether it keeps everything it matches.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.keep_versions.is_none() && self.keep_for.is_none()
    }
}

/// A class of packages: those that fit every condition there is. Without conditions, all.
///
/// In each pattern `*` stands for any run of characters and `?` for one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackageClass {
    /// The package's name fits one of these.
    pub names: Vec<WildPattern>,
    /// Its section fits one of these. A package without a section has the empty one.
    pub sections: Vec<WildPattern>,
    /// Each of these fields of its stanza is there and fits.
    pub fields: Vec<(String, WildPattern)>,
}

impl PackageClass {
    /// Whether a package file belongs to it.
    #[must_use]
    pub fn contains(&self, record: &Record) -> bool {
        let fits = |patterns: &[WildPattern], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.0.matches(text))
        };
        fits(&self.names, record.key().package.as_str())
            && (self.sections.is_empty() || fits(&self.sections, record.field("Section").unwrap_or_default()))
            && self
                .fields
                .iter()
                .all(|(name, pattern)| record.field(name).is_some_and(|value| pattern.0.matches(value)))
    }
}

/// A pattern with `*` for any run of characters and `?` for one.
#[derive(Clone, Debug, PartialEq)]
pub struct WildPattern(WildMatch);

impl WildPattern {
    /// A pattern; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(WildMatch::new(text))
    }
}
