//! Relations that are true of one of two versions and not of the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deb_parse::relation::{Operator, Relation, Relations};
use deb_parse::{Limits, SourceName, SuiteName, Version};

use super::control::{Sibling, Siblings, mapped_version};
use super::hazard::{Hazard, Undone};
use super::releases::Release;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::record::Record;
use crate::model::reissue::HazardKind;

/// The fields by which packages are installed, kept back and removed.
const FIELDS: [&str; 5] = ["Pre-Depends", "Depends", "Recommends", "Breaks", "Conflicts"];

/// What packages provide: each name with the versions, where there are any.
type Provides = BTreeMap<String, BTreeSet<Option<Version>>>;

/// Returns the relations among the packages that come out again which the new versions change.
pub(super) fn between_siblings(good: &Release, siblings: &Siblings) -> Vec<Hazard> {
    let mut found = Vec::new();
    for placed in good.packages() {
        let record = &placed.record;
        for (field, relation) in relations(record) {
            let Some(sibling) = siblings.get(&relation.name) else { continue };
            let Some((operator, version)) = &relation.version else { continue };
            let after = mapped_version(siblings, &relation).unwrap_or(version);
            found.extend(difference(record, (field, &relation), sibling, |truth, tried| match truth {
                Truth::Old => operator.allows(tried.cmp(version)),
                Truth::New => operator.allows(tried.cmp(after)),
            }));
        }
    }
    found
}

/// Returns the relations of the other packages in these suites that the reissue makes true or false.
pub(super) fn of_others(
    head: &Revision<'_>,
    suites: &BTreeSet<SuiteName>,
    source: &SourceName,
    (good, bad, siblings): (&Release, &Release, &Siblings),
) -> Result<Vec<Hazard>, Error> {
    let (old, new) = (provides(good), provides(bad));
    let names = siblings.iter().map(|(name, _)| name.to_string()).chain(new.keys().cloned());
    let words: Vec<String> = names.collect();
    let mut found = BTreeSet::new();
    for suite in suites {
        for record in head.records_that_say(suite, &words, None)? {
            if record.key().architecture.is_source() || record.source().0 == *source {
                continue;
            }
            let mut own = Vec::new();
            for (field, relation) in relations(&record) {
                match siblings.get(&relation.name) {
                    Some(sibling) => {
                        let Some((operator, version)) = &relation.version else { continue };
                        let test = |_, tried: &Version| operator.allows(tried.cmp(version));
                        own.extend(difference(&record, (field, &relation), sibling, test));
                    }
                    None => own.extend(lost_provision(&record, (field, &relation), (&old, &new))),
                }
            }
            if !own.is_empty() && is_newest(head, suite, &record)? {
                found.extend(own);
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Of which versions the truth of a relation is asked.
#[derive(Clone, Copy)]
enum Truth {
    Old,
    New,
}

/// Returns a hazard when a relation is true of only one of the two versions of a sibling.
fn difference(
    record: &Arc<Record>,
    (field, relation): (&str, &Relation),
    sibling: &Sibling,
    is_true: impl Fn(Truth, &Version) -> bool,
) -> Option<Hazard> {
    let old = sibling.good.iter().any(|version| is_true(Truth::Old, version));
    let new = is_true(Truth::New, &sibling.reissue);
    let good = sibling.good.last()?;
    let reissue = &sibling.reissue;
    let what = match (old, new) {
        (true, false) => format!("true of {good}, but not of {reissue}"),
        (false, true) => format!("true of {reissue}, but not of what it contains, {good}"),
        _ => return None,
    };
    Some(hazard(record, (field, relation), &what))
}

/// Returns a hazard when only the bad version provides what a package needs.
fn lost_provision(
    record: &Arc<Record>,
    (field, relation): (&str, &Relation),
    (old, new): (&Provides, &Provides),
) -> Option<Hazard> {
    let meets = |provides: &Provides| {
        let versions = provides.get(&*relation.name).into_iter().flatten();
        versions.into_iter().any(|provided| match (&relation.version, provided) {
            (None, _) => true,
            (Some((operator, wanted)), Some(provided)) => operator.allows(provided.cmp(wanted)),
            (Some(_), None) => false,
        })
    };
    let is_needed = !matches!(field, "Breaks" | "Conflicts");
    (is_needed && meets(new) && !meets(old))
        .then(|| hazard(record, (field, relation), "met by the bad version alone"))
}

fn hazard(record: &Record, (field, relation): (&str, &Relation), what: &str) -> Hazard {
    let key = record.key();
    let what = format!("{field}: {relation} of {} {} is {what}", key.package, key.version);
    Hazard { undone: Undone::Cannot, kind: HazardKind::Relations, package: key.package.clone(), what }
}

/// Returns every relation of a package, each with its field.
fn relations(record: &Record) -> Vec<(&'static str, Relation)> {
    let mut found = Vec::new();
    for field in FIELDS {
        let Some(text) = record.field(field) else { continue };
        // Records are made of control files that were checked.
        let relations = Relations::parse(text, &Limits::default()).unwrap_or_default();
        found.extend(relations.all().iter().flatten().map(|relation| (field, relation.clone())));
    }
    found
}

fn provides(release: &Release) -> Provides {
    let mut found = Provides::new();
    for placed in release.packages() {
        let Some(text) = placed.record.field("Provides") else { continue };
        let relations = Relations::parse(text, &Limits::default()).unwrap_or_default();
        for relation in relations.all().iter().flatten() {
            let version = relation.version.as_ref().filter(|(operator, _)| *operator == Operator::Equal);
            let version = version.map(|(_, version)| version.clone());
            found.entry(relation.name.to_string()).or_default().insert(version);
        }
    }
    found
}

/// Returns whether machines would install a record: it is the newest of its package for its architecture.
fn is_newest(head: &Revision<'_>, suite: &SuiteName, record: &Record) -> Result<bool, Error> {
    let key = record.key();
    let versions = head.versions(suite, &key.package)?;
    let alike =
        versions.iter().map(|other| other.key()).filter(|other| other.architecture == key.architecture);
    Ok(alike.map(|other| &other.version).max().is_none_or(|newest| *newest <= key.version))
}
