//! Sets of packages, described by patterns.

use wildmatch::WildMatch;

use crate::model::record::Record;

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
        self.fits(record.key().package.as_str(), |name| record.field(name))
    }

    /// Whether a package of that name with these fields belongs to it.
    pub(crate) fn fits<'a>(&self, package: &str, field: impl Fn(&str) -> Option<&'a str>) -> bool {
        let any = |patterns: &[WildPattern], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.0.matches(text))
        };
        any(&self.names, package)
            && (self.sections.is_empty() || any(&self.sections, field("Section").unwrap_or_default()))
            && self
                .fields
                .iter()
                .all(|(name, pattern)| field(name).is_some_and(|value| pattern.0.matches(value)))
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

    /// Returns whether a whole text fits the pattern.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}
