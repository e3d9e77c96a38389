use deb_parse::SuiteName;
use repo_store::model::record::{Build, RecordKey};
use repo_store::model::{CommitId, ProfileName};
use repo_store::operations::profiles::{ProfileBuild, ProfilePlan};
use serde::Serialize;

use super::{InRepository, find, pins};
use crate::args::{ChangeArguments, LimitArguments, OverrideArguments, RowLimits as _};
use crate::cmd::changes;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Output, count, suite_list};
use crate::planned::{BaseArguments, base, carry_out};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct BuildArguments {
    /// The profile
    #[arg(value_parser = ProfileName::parse)]
    profile: ProfileName,
    #[command(flatten)]
    place: InRepository,
    /// Only in this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl BuildArguments {
    pub(super) fn writes(&self) -> bool {
        !self.change.dry_run
    }

    pub(super) fn repository(&self) -> Option<&str> {
        self.place.repository.as_deref()
    }
}

/// The document of `profile build`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BuiltProfileJson {
    /// The state that the change was planned from: with `--base`, a change is made only from this one
    base: String,
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<CommitId>>,
    /// Whether nothing was changed
    dry_run: bool,
    /// The metapackages that came in
    packages: Vec<MetapackageJson>,
    /// The profile
    profile: Text<ProfileName>,
    /// What it pins in each suite
    suites: Vec<pins::PinnedSuiteJson>,
}

impl JsonDocument for BuiltProfileJson {}

/// A metapackage.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MetapackageJson {
    /// What it is built for
    architecture: Text<Build>,
    /// Its name
    package: String,
    /// The suites that it came into
    suites: Vec<Text<SuiteName>>,
    /// Its version
    version: String,
}

/// Returns the metapackages that come in.
pub(crate) fn metapackages(build: &ProfileBuild) -> Vec<MetapackageJson> {
    let json = |(key, suites): (&RecordKey, Vec<&SuiteName>)| MetapackageJson {
        architecture: Text(key.architecture.clone()),
        package: key.package.to_string(),
        suites: suites.into_iter().cloned().map(Text).collect(),
        version: key.version.to_string(),
    };
    build.packages().map(json).collect()
}

/// Returns the metapackages that come in: `prod-profile-web 42 (bookworm, trixie)`.
pub(crate) fn in_words(build: &ProfileBuild) -> String {
    let mut words: Vec<String> = Vec::new();
    for (key, suites) in build.packages() {
        let text = format!("{} {} ({})", key.package, key.version, suite_list(suites));
        // One for each architecture is one package.
        if !words.contains(&text) {
            words.push(text);
        }
    }
    words.join(", ")
}

pub(super) fn run(
    arguments: &BuildArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let profile = find(session, &arguments.profile)?;
    let name = arguments.place.name(session)?;
    let repository = session.repository_to_change(&name, arguments.change)?;
    let (dry_run, limit) = (arguments.change.dry_run, arguments.rows.limit(output));
    let make = || {
        let plan = session.store.plan_profile(repository, &profile.name, &arguments.suites)?;
        let plan = plan.despite(arguments.gates.gate_override());
        arguments.base.check(&repository.name, &[plan.base()])?;
        Ok(plan)
    };
    let (plan, commit) = carry_out(make, |plan: &ProfilePlan| {
        if dry_run || plan.build().packages().next().is_none() {
            return Ok(None);
        }
        Ok(plan.apply(&session.store, &session.context())?.commit)
    })?;
    let build = plan.build();
    let document = BuiltProfileJson {
        base: base(&[plan.base()]),
        commit: commit.map(Text),
        dry_run,
        packages: metapackages(build),
        profile: Text(profile.name.clone()),
        suites: pins::json(build),
    };
    output.result(&document, || {
        if output.shows_change(dry_run) {
            pins::print(build, limit, output);
        }
    });
    pins::warn(build, repository, &profile.name, limit, output);
    let done = match (build.packages().next().is_none(), dry_run) {
        (true, _) => {
            let suites = count(build.suites().len(), "suite");
            format!("profile {} is already built in {suites} of {}", profile.name, repository.name)
        }
        (false, true) => format!("would build {} in {}", in_words(build), repository.name),
        (false, false) => format!("built {} in {}", in_words(build), repository.name),
    };
    session.finish_change(&done, (repository, commit), arguments.change, output)?;
    changes::print_undo(repository, commit, session, output);
    Ok(Outcome::Done)
}
