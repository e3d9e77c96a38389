//! What gates do with a promotion.

use std::sync::Arc;

use deb_parse::{PackageName, Version};
use repo_store::error::RuleError;
use repo_store::model::record::{Build, Record};
use repo_store::operations::promotion::PromotionPlan;
use repo_store::settings::gate::{GateOverride, GateViolation};
use serde::Serialize;

use crate::error::Failure;
use crate::json_value::Text;
use crate::output::{Column, Output, RowLimit};

/// A rule that a version does not meet, and what becomes of the version.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct GateJson {
    /// What the file is built for
    architecture: Text<Build>,
    /// The number of the gate in the configuration; null for a freeze or a reissue
    gate: Option<usize>,
    /// The name of the package
    package: Text<PackageName>,
    /// Why the version does not meet the rule
    reason: String,
    /// `refused` for what was named, `skipped` for what a pattern means, `overridden` for what comes all the same
    result: &'static str,
    /// The name of the rule, `freeze` or `reissue`
    rule: &'static str,
    /// The version of the package
    version: Text<Version>,
}

impl GateJson {
    fn new(record: &Record, violation: &GateViolation, result: &'static str) -> Self {
        let key = record.key().clone();
        Self {
            package: Text(key.package),
            version: Text(key.version),
            architecture: Text(key.architecture),
            gate: violation.gate,
            rule: violation.rule.as_str(),
            reason: violation.reason.clone(),
            result,
        }
    }
}

/// Returns every rule that a version of a promotion does not meet.
pub(super) fn violations(plan: &PromotionPlan) -> Vec<GateJson> {
    let of = |(record, violations): &(Arc<Record>, Vec<GateViolation>), is_gated: bool| {
        let result = match is_gated {
            false => "overridden",
            true if plan.asks_for(record) => "refused",
            true => "skipped",
        };
        violations.iter().map(|violation| GateJson::new(record, violation, result)).collect::<Vec<_>>()
    };
    let gated = plan.gated().iter().flat_map(|one| of(one, true));
    gated.chain(plan.overridden().iter().flat_map(|one| of(one, false))).collect()
}

/// Returns every rule that a version of a release does not meet.
pub(super) fn violations_of_release(
    gated: &[(Arc<Record>, Vec<GateViolation>)],
    gate_override: Option<&GateOverride>,
) -> Vec<GateJson> {
    let result =
        |violation: &GateViolation| match gate_override.is_some_and(|given| given.lifts(violation.rule)) {
            true => "overridden",
            false => "refused",
        };
    let of = |(record, violations): &(Arc<Record>, Vec<GateViolation>)| -> Vec<GateJson> {
        violations.iter().map(|violation| GateJson::new(record, violation, result(violation))).collect()
    };
    gated.iter().flat_map(of).collect()
}

/// Prints them as one table, and reports what was named and is refused.
pub(super) fn print(plan: &PromotionPlan, dry_run: bool, limit: RowLimit, output: &Output) {
    if output.shows_change(dry_run) {
        print_table(&violations(plan), limit, output);
    }
    let refused = plan.gated().iter().filter(|(record, _)| plan.asks_for(record));
    let reports = refused.map(|(record, violations)| {
        let gated = RuleError::Gated {
            key: Box::new(record.key().clone()),
            repository: plan.repository().clone(),
            violations: violations.clone(),
        };
        Failure::Store(gated.into()).report()
    });
    output.report_each(limit, reports.collect(), "refusal");
}

/// Prints rules that are not met as one table.
pub(super) fn print_table(all: &[GateJson], limit: RowLimit, output: &Output) {
    if all.is_empty() {
        return;
    }
    let row = |one: &GateJson| {
        let Text(package) = &one.package;
        let (Text(version), Text(architecture)) = (&one.version, &one.architecture);
        [package.as_str(), version.as_str(), architecture.as_str(), one.result, one.rule, &one.reason]
            .map(str::to_owned)
    };
    let rows: Vec<[String; 6]> = all.iter().map(row).collect();
    let head = [
        Column::text("PACKAGE"),
        Column::whole("VERSION"),
        Column::whole("ARCHITECTURE"),
        Column::whole("RESULT"),
        Column::whole("RULE"),
        Column::text("REASON"),
    ];
    output.table(&head, &rows, limit);
}
