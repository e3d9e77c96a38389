//! Rules that a version must meet, and the decision that it need not.

use std::fmt;

use crate::model::commit::one_line;

/// A rule that what comes into a repository must meet. It is called like the setting that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GateRule {
    /// It was in the repository that it comes from for some time.
    MinimumAge,
    /// No newer version is there already.
    NeverBackwards,
    /// Its version fits no pattern.
    ForbidVersions,
    /// Its maintainer fits no pattern.
    ForbidMaintainers,
    /// It has some fields.
    RequireFields,
    /// Its files are not larger than that.
    MaxSize,
    /// So many people approved it.
    Approvals,
    /// All that was built from its source comes with it.
    Together,
    /// A file says how it was built.
    Attested,
    /// A tag of the repository that it comes from names a state that has it.
    Tagged,
    /// It leaves nothing behind that cannot be installed any more.
    Installable,
    /// The repository is not frozen. No gate makes it: a [`Freeze`](crate::model::Freeze) does.
    Freeze,
    /// It is not below a [`Reissue`](crate::operations::reissue::Reissue) of its package, which machines have by now. No gate makes it: the reissue does.
    Reissue,
}

impl GateRule {
    /// Every rule.
    pub const ALL: [Self; 13] = [
        Self::MinimumAge,
        Self::NeverBackwards,
        Self::ForbidVersions,
        Self::ForbidMaintainers,
        Self::RequireFields,
        Self::MaxSize,
        Self::Approvals,
        Self::Together,
        Self::Attested,
        Self::Tagged,
        Self::Installable,
        Self::Freeze,
        Self::Reissue,
    ];

    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MinimumAge => "minimum_age",
            Self::NeverBackwards => "never_backwards",
            Self::ForbidVersions => "forbid_versions",
            Self::ForbidMaintainers => "forbid_maintainers",
            Self::RequireFields => "require_fields",
            Self::MaxSize => "max_size",
            Self::Approvals => "approvals",
            Self::Together => "together",
            Self::Attested => "attested",
            Self::Tagged => "tagged",
            Self::Installable => "installable",
            Self::Freeze => "freeze",
            Self::Reissue => "reissue",
        }
    }

    /// Reads the word for a rule; `None` for any other text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }
}

impl fmt::Display for GateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rule that a version does not meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[non_exhaustive]
pub struct GateViolation {
    /// The number of the gate in the configuration; `None` for a rule that no gate makes.
    pub gate: Option<usize>,
    /// The rule.
    pub rule: GateRule,
    /// One sentence for people.
    pub reason: String,
}

impl fmt::Display for GateViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.rule)
    }
}

/// Somebody's decision that some rules do not count for a change. The history keeps it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct GateOverride {
    /// The rules, in their order.
    pub rules: Vec<GateRule>,
    /// Why they do not count, in one line.
    pub reason: String,
}

impl GateOverride {
    /// Makes a decision about some rules.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = GateRule>, reason: &str) -> Self {
        let mut rules: Vec<GateRule> = rules.into_iter().collect();
        rules.sort_unstable();
        rules.dedup();
        Self { rules, reason: one_line(reason) }
    }

    /// Returns whether a rule does not count.
    #[must_use]
    pub fn lifts(&self, rule: GateRule) -> bool {
        self.rules.contains(&rule)
    }

    /// Reads what [`Display`](fmt::Display) writes. Rules of a later version are left out.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (rules, reason) = text.split_once(": ")?;
        Some(Self::new(rules.split(' ').filter_map(GateRule::from_name), reason))
    }
}

impl fmt::Display for GateOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<&str> = self.rules.iter().map(|rule| rule.as_str()).collect();
        write!(f, "{}: {}", rules.join(" "), self.reason)
    }
}
