//! Which packages of a bill need which others of it.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::relation::{Operator, Relation, Relations};
use deb_parse::{Limits, Version};
use repo_store::model::record::{Build, Record};

use super::Listed;

/// What can meet a relation to a name.
struct Offer {
    place: usize,
    /// `None`: it is provided without a version.
    version: Option<Version>,
}

/// Finds for each package those that meet its `Depends` and `Pre-Depends`: of each relation the first alternative that any package of one of its
/// suites meets, and the newest of these. What only the distribution has is not in the bill.
pub(super) fn needs(packages: &[Listed]) -> Vec<BTreeSet<usize>> {
    let mut offers: BTreeMap<&str, Vec<Offer>> = BTreeMap::new();
    let mut provided: Vec<(Box<str>, Offer)> = Vec::new();
    for (place, listed) in packages.iter().enumerate() {
        let key = listed.record.key();
        if key.architecture.is_source() {
            continue;
        }
        offers
            .entry(key.package.as_str())
            .or_default()
            .push(Offer { place, version: Some(key.version.clone()) });
        for relation in relations(&listed.record, "Provides").into_iter().flatten() {
            let version = relation.version.map(|(_, version)| version);
            provided.push((relation.name, Offer { place, version }));
        }
    }
    let mut virtual_offers: BTreeMap<Box<str>, Vec<Offer>> = BTreeMap::new();
    for (name, offer) in provided {
        virtual_offers.entry(name).or_default().push(offer);
    }
    let find = |listed: &Listed, relation: &Relation| {
        let real = offers.get(&*relation.name);
        let all = real.into_iter().chain(virtual_offers.get(&relation.name)).flatten();
        let fitting = all.filter(|offer| fits(offer, relation, listed, packages));
        fitting.max_by(|a, b| a.version.cmp(&b.version)).map(|offer| offer.place)
    };
    let of = |(place, listed): (usize, &Listed)| {
        if listed.record.key().architecture.is_source() {
            return BTreeSet::new();
        }
        let fields = ["Pre-Depends", "Depends"].into_iter();
        let groups = fields.flat_map(|field| relations(&listed.record, field));
        let met = groups.filter_map(|group| group.iter().find_map(|relation| find(listed, relation)));
        met.filter(|found| *found != place).collect()
    };
    packages.iter().enumerate().map(of).collect()
}

/// Returns what a field asks for; nothing where it breaks the grammar, which no package that was taken in does.
fn relations(record: &Record, field: &str) -> Vec<Vec<Relation>> {
    let text = record.field(field).unwrap_or_default();
    Relations::parse(text, &Limits::default()).map(|relations| relations.all().to_vec()).unwrap_or_default()
}

fn fits(offer: &Offer, relation: &Relation, asker: &Listed, packages: &[Listed]) -> bool {
    let Some(other) = packages.get(offer.place) else { return false };
    let shares_suite = other.suites.iter().any(|suite| asker.suites.contains(suite));
    let allows = match &relation.version {
        None => true,
        Some((operator, wanted)) => {
            offer.version.as_ref().is_some_and(|version| is_met(*operator, version, wanted))
        }
    };
    shares_suite
        && allows
        && is_for_same_machines(&asker.record.key().architecture, &other.record.key().architecture)
}

fn is_met(operator: Operator, version: &Version, wanted: &Version) -> bool {
    operator.allows(version.cmp(wanted))
}

fn is_for_same_machines(a: &Build, b: &Build) -> bool {
    let is_all = |build: &Build| matches!(build, Build::For(architecture) if architecture.is_all());
    a == b || is_all(a) || is_all(b)
}
