//! What must be so before a version comes into a repository.
//!
//! [`Gate`]s are settings of a repository. A [`GateViolation`] tells which [`GateRule`] a version does not meet, and a [`GateOverride`] in the
//! options of an operation names the rules that do not count this time.

use std::num::NonZeroUsize;
use std::sync::Arc;

use deb_parse::Version;
use jiff::SignedDuration;

use crate::error::Error;
use crate::model::approval::Approval;
use crate::model::class::WildPattern;
use crate::model::freeze::Freeze;
use crate::model::in_words::{different_sizes_in_words, duration_in_words};
use crate::model::name::{RepositoryName, TagName};
use crate::model::record::Record;
use crate::model::reissue::Reissue;

pub use crate::model::gate_rule::{GateOverride, GateRule, GateViolation};

/// What must be so before a version comes into a repository. All that is set must be met.
///
/// It is asked of what a person or a job adds and promotes. Going back to an earlier state, undoing and the keyring package are never stopped.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Gate {
    /// Its number in the configuration, for messages.
    pub number: usize,
    /// The repositories that a version comes from, for one that is asked of promotions from these alone; any way in when empty.
    pub from: Vec<RepositoryName>,
    /// For how long a version must have been in the repository that it is promoted from.
    pub minimum_age: Option<SignedDuration>,
    /// Whether no version may come that is older than the newest of its package and architecture in the suite.
    pub never_backwards: bool,
    /// Versions that may not come.
    pub forbid_versions: Vec<GatePattern>,
    /// Maintainers whose packages may not come: their names and addresses, or the addresses alone. Upper and lower case are alike.
    pub forbid_maintainers: Vec<GatePattern>,
    /// Fields that a package must have.
    pub require_fields: Vec<String>,
    /// The most bytes that the files of a package may have together.
    pub max_size: Option<u64>,
    /// How many people must have approved it in the repository that it is promoted from. What is added nobody can approve before.
    pub approvals: Option<NonZeroUsize>,
    /// Whether nothing may come, or go, that leaves a package which cannot be installed any more. Every change meets this rule but a freeze, a hold
    /// and the keyring package; [`from`](Self::from) limits it for promotions alone.
    pub installable: bool,
    /// Whether all that the repository it is promoted from has of a version of a source comes together, or nothing of it. It is not asked of what
    /// is added.
    pub whole_sources: bool,
    /// Whether a file must [say how it was built](Record::provenance).
    pub attested_build: bool,
    /// Tags of the repository that it is promoted from: one of these must name a state that has it, with this content, in the suite. What is added
    /// no tag can name before.
    pub tagged: Vec<GatePattern>,
}

/// A pattern as it stands in the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct GatePattern {
    text: String,
    pattern: WildPattern,
    /// The same in lower case.
    folded: WildPattern,
}

impl GatePattern {
    /// Reads a pattern, in which `*` stands for any characters and `?` for one; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            pattern: WildPattern::new(text),
            folded: WildPattern::new(&text.to_lowercase()),
        }
    }
}

/// A version on its way into a suite.
pub(crate) struct Arrival<'a> {
    pub(crate) record: &'a Record,
    /// The repository that it goes to.
    pub(crate) to: &'a RepositoryName,
    /// Where it is promoted from; `None` for what is added.
    pub(crate) source: Option<ArrivalSource<'a>>,
    /// The freeze of the repository that it goes to.
    pub(crate) freeze: Option<&'a Freeze>,
}

/// Where a version is promoted from.
pub(crate) struct ArrivalSource<'a> {
    pub(crate) repository: &'a RepositoryName,
    /// For how long it has been there; zero where nobody knows.
    pub(crate) age: SignedDuration,
    /// Its approvals there, if a gate asks for some.
    pub(crate) approvals: Vec<&'a Approval>,
    /// The tags there that name a state which has it, as far as gates ask for some.
    pub(crate) tags: Vec<TagName>,
}

/// What the rules compare.
struct Facts<'a> {
    /// The newest version of the package for the architecture in the suite.
    newest: Option<&'a Version>,
    /// The bytes of all files.
    size: u64,
}

/// Returns the rules that an arrival does not meet. `there` finds the versions of its package in the suite.
///
/// # Errors
/// Those of `there`, and when the record does not tell its files.
pub(crate) fn judge(
    gates: &[Gate],
    arrival: &Arrival<'_>,
    there: impl FnOnce() -> Result<Vec<Arc<Record>>, Error>,
) -> Result<Vec<GateViolation>, Error> {
    let key = arrival.record.key();
    let there = there()?;
    let alike = there.iter().map(|other| other.key()).filter(|other| other.architecture == key.architecture);
    let newest = alike.map(|other| &other.version).max();
    let size = arrival.record.files()?.iter().map(|file| file.size).sum();
    let facts = Facts { newest, size };
    let of_gates = gates.iter().flat_map(|gate| gate.violations(arrival, &facts));
    let of_freeze = arrival.freeze.map(|freeze| freeze.violation(arrival.to));
    let of_reissue = Reissue::keeps_out(arrival.record, &there, arrival.to);
    Ok(of_gates.chain(of_freeze).chain(of_reissue).collect())
}

impl Gate {
    /// Returns the rules that it makes.
    pub(crate) fn rules(&self) -> impl Iterator<Item = GateRule> + use<> {
        let made = [
            (GateRule::MinimumAge, self.minimum_age.is_some()),
            (GateRule::NeverBackwards, self.never_backwards),
            (GateRule::ForbidVersions, !self.forbid_versions.is_empty()),
            (GateRule::ForbidMaintainers, !self.forbid_maintainers.is_empty()),
            (GateRule::RequireFields, !self.require_fields.is_empty()),
            (GateRule::MaxSize, self.max_size.is_some()),
            (GateRule::Approvals, self.approvals.is_some()),
            (GateRule::Together, self.whole_sources),
            (GateRule::Attested, self.attested_build),
            (GateRule::Tagged, !self.tagged.is_empty()),
            (GateRule::Installable, self.installable),
        ];
        made.into_iter().filter_map(|(rule, is_made)| is_made.then_some(rule))
    }

    /// Returns whether it asks for a tag, and that one would do.
    pub(crate) fn asks_for_tag(&self, name: &TagName) -> bool {
        self.tagged.iter().any(|pattern| pattern.pattern.matches(name.as_str()))
    }

    /// Returns whether it is asked of what comes from that repository, or of what is added.
    pub(crate) fn is_for(&self, source: Option<&RepositoryName>) -> bool {
        self.from.is_empty() || source.is_some_and(|source| self.from.contains(source))
    }

    fn violations(&self, arrival: &Arrival<'_>, facts: &Facts<'_>) -> Vec<GateViolation> {
        let Arrival { record, to, source, .. } = arrival;
        let key = record.key();
        let mut found = Vec::new();
        let mut breaks = |rule, reason| found.push(GateViolation { gate: Some(self.number), rule, reason });
        if let Some((least, source)) = self.minimum_age.zip(source.as_ref())
            && source.age < least
        {
            let (age, from) = (duration_in_words(source.age), source.repository);
            let least = duration_in_words(least);
            breaks(
                GateRule::MinimumAge,
                format!("it has been only {age} in {from}, and {to} takes what is {least} old"),
            );
        }
        if let Some(newest) = facts.newest.filter(|newest| self.never_backwards && **newest > key.version) {
            breaks(GateRule::NeverBackwards, format!("{to} already has the newer version {newest}"));
        }
        let version = key.version.to_string();
        if let Some(pattern) = self.forbid_versions.iter().find(|pattern| pattern.pattern.matches(&version)) {
            let pattern = &pattern.text;
            breaks(GateRule::ForbidVersions, format!("{to} takes no version like {pattern}"));
        }
        let maintainer = record.field("Maintainer").unwrap_or_default();
        let address = maintainer.rsplit_once('<').map_or("", |(_, rest)| rest);
        // Whatever stands behind the address is none of it.
        let address = address.split('>').next().unwrap_or_default().trim();
        // Mail reaches an address in any case.
        let folded = [maintainer.to_lowercase(), address.to_lowercase()];
        let is_theirs = |pattern: &&GatePattern| folded.iter().any(|text| pattern.folded.matches(text));
        if let Some(pattern) = self.forbid_maintainers.iter().find(is_theirs) {
            let pattern = &pattern.text;
            breaks(
                GateRule::ForbidMaintainers,
                format!("its maintainer is {maintainer}, and {to} takes nothing from {pattern}"),
            );
        }
        let lacks = |name: &&String| record.field(name).is_none_or(|value| value.trim().is_empty());
        for field in self.require_fields.iter().filter(lacks) {
            breaks(GateRule::RequireFields, format!("it has no field {field}"));
        }
        if let Some(most) = self.max_size.filter(|most| facts.size > *most) {
            let (size, most) = different_sizes_in_words(facts.size, most);
            breaks(GateRule::MaxSize, format!("it has {size}, and {to} takes at most {most}"));
        }
        if self.attested_build && !record.has_provenance() {
            breaks(
                GateRule::Attested,
                format!("no file says how it was built, and {to} takes nothing without one"),
            );
        }
        if let Some(reason) = self.untagged(arrival) {
            breaks(GateRule::Tagged, reason);
        }
        if let Some(reason) = self.approvals.and_then(|least| unapproved(least, arrival)) {
            breaks(GateRule::Approvals, reason);
        }
        found
    }
}

impl Gate {
    /// Returns why no tag names a version, if one must.
    fn untagged(&self, Arrival { to, source, .. }: &Arrival<'_>) -> Option<String> {
        let patterns: Vec<&str> = self.tagged.iter().map(|pattern| pattern.text.as_str()).collect();
        let wanted = match patterns.as_slice() {
            [] => return None,
            patterns => format!("and {to} takes what a tag like {} names", patterns.join(" or ")),
        };
        match source {
            None => Some(format!("it comes from no repository, {wanted} in one")),
            Some(source) if source.tags.iter().any(|name| self.asks_for_tag(name)) => None,
            Some(source) => {
                Some(format!("no such tag of {} names a state that has it, {wanted}", source.repository))
            }
        }
    }
}

/// Returns why a version has too few approvals, if it does.
fn unapproved(least: NonZeroUsize, Arrival { to, source, .. }: &Arrival<'_>) -> Option<String> {
    let number = least.get();
    let people = if number == 1 { "somebody".to_owned() } else { format!("{number} people") };
    let wanted = format!("and {to} takes what {people} approved");
    let Some(ArrivalSource { repository: from, approvals, .. }) = source else {
        return Some(format!("it comes from no repository, {wanted} in one"));
    };
    if approvals.len() >= number {
        return None;
    }
    let names: Vec<String> = approvals.iter().map(|approval| approval.approver.to_string()).collect();
    Some(match names.as_slice() {
        [] => format!("nobody approved it in {from}, {wanted}"),
        names => format!("only {} approved it in {from}, {wanted}", names.join(" and ")),
    })
}
