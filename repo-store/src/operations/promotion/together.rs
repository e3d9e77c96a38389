//! Sources that would be torn: some packages built from a version of them would come, and others stay behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use deb_parse::SuiteName;

use super::siblings;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::gate_rule::{GateRule, GateViolation};
use crate::model::name::RepositoryName;
use crate::model::record::{Record, RecordKey};
use crate::settings::gate::Gate;

/// Returns what a gate that asks for whole sources does not let in, of all that is `coming`. What is left behind counts as far as `from`
/// has it in the suites that other packages of its source come from.
pub(crate) fn torn(
    gates: &[Gate],
    (from, to): (&Revision<'_>, &RepositoryName),
    coming: &BTreeMap<SuiteName, Vec<Arc<Record>>>,
    target: Option<&Revision<'_>>,
) -> Result<BTreeMap<RecordKey, GateViolation>, Error> {
    let mut torn = BTreeMap::new();
    let Some(gate) = gates.iter().find(|gate| gate.whole_sources) else { return Ok(torn) };
    let of = |record: &Record| {
        let (source, version) = record.source();
        (source, version.to_string())
    };
    let mut behind = BTreeMap::new();
    for record in siblings::left_behind(from, coming, target)? {
        behind.entry(of(&record)).or_insert_with(Vec::new).push(record.key().clone());
    }
    if behind.is_empty() {
        return Ok(torn);
    }
    for record in coming.values().flatten() {
        let source = of(record);
        let Some(rest) = behind.get(&source) else { continue };
        let (name, version) = source;
        let mut first = rest.first().map_or_else(String::new, ToString::to_string);
        if rest.len() > 1 {
            first = format!("{first} and {} more", rest.len() - 1);
        }
        let reason = format!(
            "{first} from the same source {name} {version} would stay behind, and {to} takes all of a source or nothing"
        );
        let violation = GateViolation { gate: Some(gate.number), rule: GateRule::Together, reason };
        torn.insert(record.key().clone(), violation);
    }
    Ok(torn)
}
