use deb_parse::{SuiteName, Version};
use repo_store::RepositoryName;
use repo_store::model::{HolderName, ProfileName};
use serde::Serialize;

use super::built;
use crate::args::{LimitArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, joined, suite_list};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    rows: LimitArguments,
}

/// The document of `profile list`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ProfilesJson {
    /// The profiles, in the order of their names
    profiles: Vec<ProfileJson>,
}

impl JsonDocument for ProfilesJson {}

/// A profile.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ProfileJson {
    /// Where it is built
    built: Vec<SuiteWithProfileJson>,
    /// The machines that are to have it by the configuration
    machines: Vec<Text<HolderName>>,
    /// How many packages it names, with those of the profiles that it includes
    packages: usize,
    /// `exact` or `at-least`
    pin: &'static str,
    /// Its name
    profile: Text<ProfileName>,
}

/// A suite that has the metapackage of a profile.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct SuiteWithProfileJson {
    /// The repository
    repository: Text<RepositoryName>,
    /// The suite
    suite: Text<SuiteName>,
    /// The newest version of the metapackage
    version: Text<Version>,
}

/// Returns every suite that has the metapackage of a profile.
pub(super) fn everywhere(
    session: &Session,
    profile: &ProfileName,
) -> Result<Vec<SuiteWithProfileJson>, Failure> {
    let mut everywhere = Vec::new();
    for repository in session.config.repositories() {
        for (suite, version) in built(&session.store, repository, profile)? {
            let repository = Text(repository.name.clone());
            everywhere.push(SuiteWithProfileJson { repository, suite: Text(suite), version: Text(version) });
        }
    }
    Ok(everywhere)
}

/// Returns where a profile is built: `prod 42 (bookworm, trixie)`.
pub(super) fn in_words(built: &[SuiteWithProfileJson]) -> String {
    let same = |a: &SuiteWithProfileJson, b: &SuiteWithProfileJson| {
        a.repository == b.repository && a.version == b.version
    };
    let words = built.chunk_by(same).filter_map(|group| {
        let first = group.first()?;
        let suites = suite_list(group.iter().map(|one| &one.suite.0));
        Some(format!("{} {} ({suites})", first.repository.0, first.version.0))
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

pub(super) fn run(arguments: &ListArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let mut profiles = Vec::new();
    for profile in session.config.profiles() {
        let mut names: Vec<_> = profile.packages.iter().map(|package| package.range.package()).collect();
        names.sort_unstable();
        names.dedup();
        profiles.push(ProfileJson {
            built: everywhere(session, &profile.name)?,
            machines: session.config.machines_with(&profile.name).cloned().map(Text).collect(),
            packages: names.len(),
            pin: profile.pin.as_str(),
            profile: Text(profile.name.clone()),
        });
    }
    let document = ProfilesJson { profiles };
    let row = |profile: &ProfileJson| {
        let machines: Vec<String> = profile.machines.iter().map(|name| name.0.to_string()).collect();
        [
            profile.profile.0.to_string(),
            profile.packages.to_string(),
            profile.pin.to_owned(),
            in_words(&profile.built),
            if machines.is_empty() { "-".to_owned() } else { joined(&machines) },
        ]
    };
    output.result(&document, || {
        let rows: Vec<[String; 5]> = document.profiles.iter().map(row).collect();
        let head = [
            Column::names("PROFILE"),
            Column::whole("PACKAGES"),
            Column::whole("PIN"),
            Column::text("BUILT"),
            Column::words("MACHINES"),
        ];
        if !rows.is_empty() {
            output.table(&head, &rows, arguments.rows.limit(output));
        }
    });
    if document.profiles.is_empty() {
        output.found_nothing("no [profile.NAME] in repo.toml");
    }
    Ok(Outcome::Done)
}
