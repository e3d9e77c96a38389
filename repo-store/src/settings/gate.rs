//! What must be so before a version comes into a repository.

use std::num::NonZeroUsize;

use deb_parse::Version;
use jiff::{SignedDuration, Timestamp};

use crate::model::approval::Approval;
use crate::model::class::WildPattern;
use crate::model::gate_rule::{GateRule, GateViolation};
use crate::model::name::RepositoryName;
use crate::model::record::Record;

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
    /// Maintainers whose packages may not come: their names and addresses, or the addresses alone.
    pub forbid_maintainers: Vec<GatePattern>,
    /// Fields that a package must have.
    pub require_fields: Vec<String>,
    /// The most bytes that the files of a package may have together.
    pub max_size: Option<u64>,
    /// How many people must have approved it in the repository that it is promoted from. What is added nobody can approve before.
    pub approvals: Option<NonZeroUsize>,
    /// Whether all that the repository it is promoted from has of a version of a source comes together, or nothing of it. It is not asked of what
    /// is added.
    pub whole_sources: bool,
}

/// A pattern as it stands in the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct GatePattern {
    text: String,
    pattern: WildPattern,
}

impl GatePattern {
    /// Reads a pattern, in which `*` stands for any characters and `?` for one; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), pattern: WildPattern::new(text) }
    }
}

/// What is known of a version on its way into a suite.
pub(crate) struct Arrival<'a> {
    pub(crate) record: &'a Record,
    /// The repository that it goes to.
    pub(crate) to: &'a RepositoryName,
    /// The newest version of its package and architecture in the suite.
    pub(crate) newest: Option<&'a Version>,
    /// The bytes of its files.
    pub(crate) size: u64,
    /// For a promotion: where it comes from, and since when it is there, if anybody asked.
    pub(crate) source: Option<(&'a RepositoryName, Option<Timestamp>)>,
    /// Its approvals in the repository that it comes from, if anybody asked.
    pub(crate) approvals: Vec<&'a Approval>,
    /// The present time, where it is known.
    pub(crate) now: Option<Timestamp>,
}

impl Gate {
    /// Returns whether it is asked of what comes from that repository, or of what is added.
    pub(crate) fn is_for(&self, source: Option<&RepositoryName>) -> bool {
        self.from.is_empty() || source.is_some_and(|source| self.from.contains(source))
    }

    /// Returns the rules that an arrival does not meet.
    pub(crate) fn violations(&self, arrival: &Arrival<'_>) -> Vec<GateViolation> {
        let Arrival { record, to, .. } = arrival;
        let key = record.key();
        let mut found = Vec::new();
        let mut breaks = |rule, reason| found.push(GateViolation { gate: Some(self.number), rule, reason });
        if let Some((least, (from, since))) = self.minimum_age.zip(arrival.source)
            && let Some(reason) = too_young(least, since, arrival.now)
        {
            breaks(
                GateRule::MinimumAge,
                format!("{reason} in {from}, and {to} takes what is {} old", length(least)),
            );
        }
        if let Some(newest) = arrival.newest.filter(|newest| self.never_backwards && **newest > key.version) {
            breaks(GateRule::NeverBackwards, format!("{to} already has the newer version {newest}"));
        }
        let version = key.version.to_string();
        if let Some(pattern) = first_match(&self.forbid_versions, &[&version]) {
            breaks(GateRule::ForbidVersions, format!("{to} takes no version like {pattern}"));
        }
        let maintainer = record.field("Maintainer").unwrap_or_default();
        let address = maintainer.rsplit_once('<').map_or("", |(_, rest)| rest.trim_end_matches('>'));
        if let Some(pattern) = first_match(&self.forbid_maintainers, &[maintainer, address]) {
            breaks(
                GateRule::ForbidMaintainers,
                format!("its maintainer is {maintainer}, and {to} takes nothing from {pattern}"),
            );
        }
        let lacks = |name: &&String| record.field(name).is_none_or(|value| value.trim().is_empty());
        for field in self.require_fields.iter().filter(lacks) {
            breaks(GateRule::RequireFields, format!("it has no field {field}"));
        }
        if let Some(most) = self.max_size.filter(|most| arrival.size > *most) {
            let (size, most) = (bytes(arrival.size), bytes(most));
            breaks(GateRule::MaxSize, format!("it has {size}, and {to} takes at most {most}"));
        }
        if let Some(reason) = self.approvals.and_then(|least| unapproved(least, arrival)) {
            breaks(GateRule::Approvals, reason);
        }
        found
    }
}

/// Returns why a version has too few approvals, if it does.
fn unapproved(least: NonZeroUsize, arrival: &Arrival<'_>) -> Option<String> {
    let Arrival { to, approvals, source, .. } = arrival;
    let number = least.get();
    if approvals.len() >= number {
        return None;
    }
    let people = if number == 1 { "somebody".to_owned() } else { format!("{number} people") };
    let wanted = format!("and {to} takes what {people} approved");
    let Some((from, _)) = source else {
        return Some(format!("it comes from no repository, {wanted} in one"));
    };
    let names: Vec<String> = approvals.iter().map(|approval| approval.approver.to_string()).collect();
    Some(match names.as_slice() {
        [] => format!("nobody approved it in {from}, {wanted}"),
        names => format!("only {} approved it in {from}, {wanted}", names.join(" and ")),
    })
}

/// Returns how long a version was there, when that is not long enough. What nobody knows the age of has none.
fn too_young(least: SignedDuration, since: Option<Timestamp>, now: Option<Timestamp>) -> Option<String> {
    let age = since.zip(now).map_or(SignedDuration::ZERO, |(since, now)| now.duration_since(since));
    (age < least).then(|| format!("it has been only {}", length(age.max(SignedDuration::ZERO))))
}

/// Returns the first pattern that one of the texts fits.
fn first_match<'a>(patterns: &'a [GatePattern], texts: &[&str]) -> Option<&'a str> {
    let fits = |pattern: &&GatePattern| texts.iter().any(|text| pattern.pattern.matches(text));
    patterns.iter().find(fits).map(|pattern| pattern.text.as_str())
}

/// A length of time in its largest whole unit.
fn length(time: SignedDuration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// A number of bytes in the largest unit that fits.
fn bytes(number: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(size, _)| number >= *size);
    unit.map_or_else(
        || format!("{number} bytes"),
        |(size, unit)| format!("{}.{} {unit}", number / size, number % size * 10 / size),
    )
}
