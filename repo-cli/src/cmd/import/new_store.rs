//! The configuration of a store that an import makes: what clients compare is right before anything is published.

use apt_fetch::Suite;
use deb_parse::{Architecture, Component, SuiteName};
use repo_config::{FromText as _, Line, Template};
use repo_store::settings::{ReleaseField, ReleaseNames};
use repo_store::{RepositoryName, SuiteSettings};

use super::plan::{Finding, ImportPlan, PlannedSuite, ReleaseFacts};

/// Returns what `repo.toml` is to say so that clients see no difference, and what it cannot say.
pub(super) fn template(plan: &ImportPlan, repository: &RepositoryName) -> (Template, Vec<Finding>) {
    let mut findings = Vec::new();
    let line = |text: &String| Line::from_text(text).ok();
    let first = plan.suites.iter().find_map(|suite| suite.release.as_ref()?.origin.as_ref().and_then(line));
    // A name of a repository is a line of text.
    let origin = first.or_else(|| line(&repository.to_string()));
    let origin = origin.unwrap_or_else(|| unreachable!("the name of a repository is a line"));
    let mut template = Template::new(origin.clone());
    template.repositories.push(repository.clone());
    for suite in &plan.suites {
        let settings = suite_settings(suite, (&origin, repository), &mut findings);
        if matches!(&suite.was, Suite::Flat(_)) && template.flat.is_none() {
            template.flat = Some(suite.name.clone());
        }
        for architecture in &settings.architectures {
            if !template.architectures.contains(architecture) {
                template.architectures.push(architecture.clone());
            }
        }
        template.suites.push(suite.name.clone());
        template.suite_settings.push(settings);
    }
    (template, findings)
}

fn suite_settings(
    suite: &PlannedSuite,
    (origin, repository): (&Line, &RepositoryName),
    findings: &mut Vec<Finding>,
) -> SuiteSettings {
    let mut architectures = suite.architectures.clone();
    if architectures.is_empty() {
        // Packages for `all` alone: somebody installs them.
        architectures.extend(Architecture::parse("amd64"));
    }
    let mut settings = SuiteSettings::new(suite.name.clone(), architectures);
    settings.components.clone_from(&suite.components);
    if settings.components.is_empty() {
        settings.components.extend(Component::parse("main"));
    }
    settings.alias.clone_from(&suite.alias);
    let Some(release) = &suite.release else { return settings };
    let name = &suite.name;
    let mut lost = |field: &str, value: &str| {
        let what = format!("{name}: {field} cannot be `{}` here", value.escape_debug());
        findings.push(Finding::new("release-field", what));
    };
    settings.names = names(release, suite, (origin, repository), &mut lost);
    let mut text = |field: &str, value: &Option<String>| {
        let value = value.as_ref()?;
        let line = Line::from_text(value).ok();
        if line.is_none() {
            lost(field, value);
        }
        line.map(|line| line.to_string())
    };
    settings.version = text("Version", &release.version);
    settings.description = text("Description", &release.description);
    settings.changelogs = text("Changelogs", &release.changelogs);
    settings.not_automatic = release.not_automatic;
    settings.but_automatic_upgrades = release.but_automatic_upgrades;
    settings
}

fn names(
    release: &ReleaseFacts,
    suite: &PlannedSuite,
    (origin, repository): (&Line, &RepositoryName),
    lost: &mut impl FnMut(&str, &str),
) -> ReleaseNames {
    let mut names = ReleaseNames::default();
    let mut line = |field: &str, value: &Option<String>, inherited: &str| match value {
        None => ReleaseField::Omitted,
        Some(value) if value == inherited => ReleaseField::Inherited,
        Some(value) if Line::from_text(value).is_ok() => ReleaseField::Value(value.clone()),
        Some(value) => {
            lost(field, value);
            ReleaseField::Inherited
        }
    };
    names.origin = line("Origin", &release.origin, &origin.to_string());
    names.label = line("Label", &release.label, repository.as_str());
    let mut word = |field: &str, value: &Option<String>, inherited: &SuiteName| match value {
        None => ReleaseField::Omitted,
        Some(value) if value == inherited.as_str() => ReleaseField::Inherited,
        Some(value) => match SuiteName::parse(value) {
            Ok(word) => ReleaseField::Value(word),
            Err(_) => {
                lost(field, value);
                ReleaseField::Inherited
            }
        },
    };
    names.codename = word("Codename", &release.codename, &suite.name);
    names.suite = word("Suite", &release.suite, suite.alias.as_ref().unwrap_or(&suite.name));
    names
}
