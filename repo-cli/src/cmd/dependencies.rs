//! What comes along with a promotion, or would have to.

use std::collections::BTreeSet;
use std::sync::Arc;

use deb_parse::{PackageName, Version};
use repo_store::model::record::{Build, Record};
use repo_store::operations::promotion::PromotionPlan;
use serde::Serialize;

use crate::json_value::Text;
use crate::output::{Column, Output, RowLimit};

/// A package that comes along.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DependencyJson {
    /// What the file is built for
    architecture: Text<Build>,
    /// The name of the package
    package: Text<PackageName>,
    /// The version of the package
    version: Text<Version>,
    /// What could not be installed without it
    why: String,
}

/// Returns what comes along.
pub(super) fn of(plan: &PromotionPlan) -> Vec<DependencyJson> {
    let json = |(record, why): &(Arc<Record>, String)| {
        let key = record.key().clone();
        DependencyJson {
            architecture: Text(key.architecture),
            package: Text(key.package),
            version: Text(key.version),
            why: why.clone(),
        }
    };
    plan.dependencies().iter().map(json).collect()
}

/// Prints what comes along, with why each.
pub(super) fn print(plan: &PromotionPlan, dry_run: bool, limit: RowLimit, output: &Output) {
    if plan.dependencies().is_empty() || !output.shows_change(dry_run) {
        return;
    }
    let row = |one: &DependencyJson| {
        let (Text(package), Text(version), Text(architecture)) =
            (&one.package, &one.version, &one.architecture);
        [package.as_str(), version.as_str(), architecture.as_str(), &one.why].map(str::to_owned)
    };
    let rows: Vec<[String; 4]> = of(plan).iter().map(row).collect();
    let head =
        [Column::text("ALONG"), Column::whole("VERSION"), Column::whole("ARCHITECTURE"), Column::text("WHY")];
    output.table(&head, &rows, limit);
}

/// Names the set that a gate would let in together.
pub(super) fn propose(plan: &PromotionPlan, output: &Output) {
    if plan.proposed().is_empty() {
        return;
    }
    let gated = plan.gated().iter().map(|(record, _)| record);
    let all = gated.chain(plan.proposed()).map(|record| (&record.key().package, &record.key().version));
    let names: Vec<String> = all
        .collect::<BTreeSet<_>>()
        .iter()
        .map(|(package, version)| format!("{package} {version}"))
        .collect();
    let Some((last, first)) = names.split_last().filter(|(_, first)| !first.is_empty()) else { return };
    output.note(&format!(
        "{} and {last} must go together: promote all of them, or give --with-dependencies",
        first.join(", ")
    ));
}
