//! Packages that can be installed together and that have files at the same paths: dpkg refuses to unpack the second one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use apt_solve::{Checker, Label, Limits, PackageId, Universe, Verdict, View};
use deb_parse::{Architecture, PackageName, Version};
use repo_store::model::record::{Build, Record};

use super::problem::{Problem, ProblemKind};
use super::scope::{Target, add_records};
use crate::error::Failure;

/// Returns the conflicts of files that machines of this kind can meet with the newest versions of a suite.
pub(super) fn problems(target: &Target<'_>, architecture: &Architecture) -> Result<Vec<Problem>, Failure> {
    let records = newest(target.records, architecture);
    let shared = target.bases.session.store.shared_paths(&records)?;
    if shared.is_empty() {
        return Ok(Vec::new());
    }
    let name = &target.state.text;
    let mut builder = Universe::builder(architecture);
    let own = builder.add_source(name);
    add_records(&mut builder, own, &records, name)?;
    target.bases.add_to(&mut builder, target.suite, architecture)?;
    let universe = builder.build();
    let labels = universe.packages_of(own).filter_map(|id| Some((id, universe.label(id)?)));
    let known: HashMap<(String, Version), (PackageId, Label)> =
        labels.map(|(id, label)| ((label.name.clone(), label.version.clone()), (id, label))).collect();
    let find = |record: &Record| {
        let key = record.key();
        known.get(&(key.package.to_string(), key.version.clone()))
    };
    let checker = Checker::new(&universe, View::Newest, Limits::default());
    let mut problems = Vec::new();
    for one in shared {
        let (Some((first, label)), Some((second, other))) = (find(&one.first), find(&one.second)) else {
            continue;
        };
        // Those that are never installed together meet nowhere.
        if !matches!(checker.set(&[*first, *second]), Verdict::Installable | Verdict::NotDecided) {
            continue;
        }
        let more = match one.paths {
            1 => String::new(),
            paths => format!(" and {} more paths", paths - 1),
        };
        let reason = format!("{other} also has {}{more}, and neither replaces the other", one.path);
        problems.push(Problem::new(label, ProblemKind::FileConflict, reason).with(other));
    }
    Ok(problems)
}

/// Returns the newest version of each package for such machines.
fn newest(records: &[Arc<Record>], architecture: &Architecture) -> Vec<Arc<Record>> {
    let mut newest: BTreeMap<&PackageName, &Arc<Record>> = BTreeMap::new();
    for record in records {
        let key = record.key();
        let is_for_them = matches!(&key.architecture, Build::For(own) if own.is_all() || own == architecture);
        if !is_for_them {
            continue;
        }
        let known = newest.entry(&key.package).or_insert(record);
        if known.key().version < key.version {
            *known = record;
        }
    }
    newest.into_values().cloned().collect()
}
