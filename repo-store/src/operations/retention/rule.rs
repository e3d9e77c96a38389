use deb_parse::SuiteName;
use jiff::SignedDuration;

use crate::model::class::PackageClass;
use crate::model::name::RepositoryName;

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
