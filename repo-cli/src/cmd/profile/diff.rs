use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use deb_parse::{Architecture, SuiteName};
use repo_store::model::ProfileName;
use serde::Serialize;

use super::state::{Machines, Needs, in_words, metapackages, needs_now, needs_of};
use super::{InRepository, find};
use crate::args::{LimitArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, joined, suite_list};
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct DiffArguments {
    /// The profile
    #[arg(value_parser = ProfileName::parse)]
    profile: ProfileName,
    /// A state, such as prod@41, and perhaps another one: what was pinned in the first and is pinned in the second [default: what is pinned now, and what
    /// would be if the profile were built]
    #[arg(value_name = "REPOSITORY@STATE", value_parser = RevisionSpec::from_str, num_args = 0..=2)]
    states: Vec<RevisionSpec>,
    #[command(flatten)]
    place: InRepository,
    #[command(flatten)]
    rows: LimitArguments,
}

/// The document of `profile diff`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ProfileDiffJson {
    /// What differs
    differences: Vec<PinDifferenceJson>,
    /// The profile
    profile: Text<ProfileName>,
}

impl JsonDocument for ProfileDiffJson {}

/// A package that machines need in other versions.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PinDifferenceJson {
    /// What is needed in the second state; null when the profile does not name the package there
    after: Option<String>,
    /// The architecture of the machines
    architecture: Text<Architecture>,
    /// What is needed in the first state; null when the profile does not name the package there
    before: Option<String>,
    /// The package
    package: String,
    /// The suite
    suite: Text<SuiteName>,
}

pub(super) fn run(arguments: &DiffArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let profile = &find(session, &arguments.profile)?.name;
    let of_state = |spec: &RevisionSpec| {
        let (repository, revision) = spec.resolve(session)?;
        let Some(revision) = revision else { return Ok::<_, Failure>(BTreeMap::new()) };
        let found = metapackages(&revision, repository, profile)?;
        Ok(found.into_iter().map(|(machines, record)| (machines, needs_of(&record))).collect())
    };
    let (before, after) = match arguments.states.as_slice() {
        [] => {
            let repository = session.repository(&arguments.place.name(session)?)?;
            let plan = session.store.plan_profile(repository, profile, &[])?;
            (of_state(&RevisionSpec::head_of(&repository.name))?, needs_now(plan.build()))
        }
        [one] => {
            let (repository, _) = one.resolve(session)?;
            (of_state(one)?, of_state(&RevisionSpec::head_of(&repository.name))?)
        }
        [one, other, ..] => (of_state(one)?, of_state(other)?),
    };
    let document =
        ProfileDiffJson { differences: differences(&before, &after), profile: Text(profile.clone()) };
    output.result(&document, || print(&document, arguments.rows.limit(output), output));
    if document.differences.is_empty() {
        output.say(&format!("profile {profile}: no differences"));
        return Ok(Outcome::Done);
    }
    Ok(Outcome::Different)
}

fn differences(
    before: &BTreeMap<Machines, Needs>,
    after: &BTreeMap<Machines, Needs>,
) -> Vec<PinDifferenceJson> {
    let nothing = Needs::new();
    let all: BTreeSet<&Machines> = before.keys().chain(after.keys()).collect();
    let mut found = Vec::new();
    for machines in all {
        let (old, new) = (before.get(machines).unwrap_or(&nothing), after.get(machines).unwrap_or(&nothing));
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
            found.push(PinDifferenceJson {
                after: new.get(name).map(|ranges| in_words(ranges)),
                architecture: Text(machines.1.clone()),
                before: old.get(name).map(|ranges| in_words(ranges)),
                package: name.clone(),
                suite: Text(machines.0.clone()),
            });
        }
    }
    found
}

fn print(document: &ProfileDiffJson, limit: crate::output::RowLimit, output: &Output) {
    type Row<'a> = (&'a str, String, String);
    let mut by_suite: BTreeMap<(&SuiteName, Row<'_>), Vec<&Architecture>> = BTreeMap::new();
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    for one in &document.differences {
        let row = (one.package.as_str(), shown(&one.before), shown(&one.after));
        by_suite.entry((&one.suite.0, row)).or_default().push(&one.architecture.0);
    }
    let mut rows: BTreeMap<(Row<'_>, Vec<&Architecture>), Vec<&SuiteName>> = BTreeMap::new();
    for ((suite, row), architectures) in by_suite {
        rows.entry((row, architectures)).or_default().push(suite);
    }
    let rows: Vec<[String; 5]> = rows
        .into_iter()
        .map(|(((package, before, after), architectures), suites)| {
            [package.to_owned(), before, after, joined(&architectures), suite_list(suites)]
        })
        .collect();
    let head = [
        Column::names("PACKAGE"),
        Column::text("BEFORE"),
        Column::text("AFTER"),
        Column::words("ARCHITECTURE"),
        Column::words("SUITES"),
    ];
    if !rows.is_empty() {
        output.table(&head, &rows, limit);
    }
}
