//! What clients would notice of a repository that takes over from an archive.

use repo_store::RepositorySettings;

use super::plan::{Finding, ImportPlan, PlannedSuite, ReleaseFacts};

/// Returns what clients would notice once they are given the new address. `keys` are the fingerprints of the keys that will sign.
pub(super) fn notices(plan: &ImportPlan, repository: &RepositorySettings, keys: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for suite in &plan.suites {
        let Some(release) = &suite.release else { continue };
        findings.extend(of_release(suite, release, repository));
        let signers = &release.signers;
        if !signers.is_empty() && !signers.iter().any(|signer| keys.contains(signer)) {
            let what = format!(
                "{}: signed by another key than before: clients refuse it until they have the new one (repo-cli client-config {})",
                suite.name, repository.name
            );
            findings.push(Finding::new("key", what));
        }
    }
    findings
}

/// Compares the fields that apt compares.
fn of_release(suite: &PlannedSuite, release: &ReleaseFacts, repository: &RepositorySettings) -> Vec<Finding> {
    let Some(settings) = repository.suite(&suite.name) else { return Vec::new() };
    let names = &settings.names;
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let priority = |not_automatic: bool, upgrades: bool| match (not_automatic, upgrades) {
        (false, _) => "500",
        (true, false) => "1",
        (true, true) => "100",
    };
    let told = |value: &Option<String>| value.clone().unwrap_or_default();
    let codename = names.codename.or(Some(&settings.name)).map(ToString::to_string).unwrap_or_default();
    let fields = [
        ("Origin", told(&release.origin), text(names.origin.or(repository.origin.as_ref()))),
        ("Label", told(&release.label), text(names.label.or(repository.label.as_ref()))),
        ("Codename", told(&release.codename), codename),
        (
            "the default priority",
            priority(release.not_automatic, release.but_automatic_upgrades).to_owned(),
            priority(settings.not_automatic, settings.but_automatic_upgrades).to_owned(),
        ),
    ];
    let differs = fields.into_iter().filter(|(_, before, after)| before != after);
    let mut findings: Vec<Finding> = differs
        .map(|(field, before, after)| {
            let what = format!(
                "{}: {field} changes from `{before}` to `{after}`: apt-get update fails until it is given --allow-releaseinfo-change",
                suite.name
            );
            Finding::new("release-info", what)
        })
        .collect();
    let suite_here = names.suite.or(Some(settings.alias.as_ref().unwrap_or(&settings.name)));
    let suite_here = suite_here.map(ToString::to_string).unwrap_or_default();
    let suite_there = told(&release.suite);
    if suite_there != suite_here {
        let what =
            format!("{}: Suite changes from `{suite_there}` to `{suite_here}`, which apt notes", suite.name);
        findings.push(Finding::new("release-info", what));
    }
    findings
}
