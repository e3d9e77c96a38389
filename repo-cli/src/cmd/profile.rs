//! `profile`: what machines of a role run.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod list;
pub(crate) mod pins;
pub(crate) mod show;
mod state;

use deb_parse::{PackageName, SuiteName, Version};
use repo_store::model::ProfileName;
use repo_store::settings::profile::Profile;
use repo_store::{RepositorySettings, Store};

use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ProfileArguments {
    #[command(subcommand)]
    command: ProfileCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum ProfileCommand {
    /// List the profiles of repo.toml, and where each is built
    List(list::ListArguments),
    /// Show the packages of a profile, and which profile brings each
    Show(show::ShowArguments),
    /// Build the metapackage of a profile, which pins what a repository has now
    ///
    /// The metapackage of the profile web of the repository prod is prod-profile-web. Its version is the number of the commit that brings it in. Suites
    /// that have the same versions share one; otherwise each gets its own. A suite that has the same metapackage already keeps it.
    Build(build::BuildArguments),
    /// Show where what is pinned differs from what the repository has, or two states from each other (exit status 3 when something does)
    Diff(diff::DiffArguments),
    /// Find out whether machines can install the metapackage, with what they have besides (exit status 3 when one cannot)
    Check(check::CheckArguments),
}

impl ProfileArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        match &self.command {
            ProfileCommand::Build(arguments) => arguments.writes(),
            _ => false,
        }
    }

    /// Returns the repository that it changes, as far as it is named.
    pub(crate) fn repository(&self) -> Option<&str> {
        match &self.command {
            ProfileCommand::Build(arguments) => arguments.repository(),
            _ => None,
        }
    }
}

pub(crate) fn run(
    arguments: &ProfileArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    match &arguments.command {
        ProfileCommand::List(arguments) => list::run(arguments, session, output),
        ProfileCommand::Show(arguments) => show::run(arguments, session, output),
        ProfileCommand::Build(arguments) => build::run(arguments, session, output),
        ProfileCommand::Diff(arguments) => diff::run(arguments, session, output),
        ProfileCommand::Check(arguments) => check::run(arguments, session, output),
    }
}

/// The repository that a profile is asked about.
#[derive(Clone, Debug, clap::Args)]
struct InRepository {
    /// The repository [default: the only one, or the last in `channels` of repo.toml]
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
}

impl InRepository {
    /// Returns the name of the repository.
    fn name(&self, session: &Session) -> Result<String, Failure> {
        let only = || {
            let mut all = session.config.repositories().map(|settings| settings.name.to_string());
            all.next().filter(|_| all.next().is_none())
        };
        let last = || session.config.channels().last().map(ToString::to_string);
        let found = self.repository.clone().or_else(only).or_else(last);
        found.ok_or(Failure::Usage("there are several repositories: give --repository"))
    }
}

/// Returns a profile of the configuration.
pub(crate) fn find<'a>(session: &'a Session, name: &ProfileName) -> Result<&'a Profile, Failure> {
    let profiles = session.config.profiles();
    profiles.iter().find(|profile| profile.name == *name).ok_or_else(|| {
        let known = profiles.iter().map(|profile| profile.name.clone()).collect();
        let unknown = repo_store::error::ProfileError::Unknown { name: name.clone(), known };
        Failure::Store(repo_store::error::RuleError::from(unknown).into())
    })
}

/// Returns the failure about a profile that a repository has no metapackage of.
pub(crate) fn not_built(repository: &RepositorySettings, profile: &ProfileName) -> Failure {
    let (profile, repository) = (profile.clone(), repository.name.clone());
    let unbuilt = repo_store::error::ProfileError::NotBuilt { profile, repository };
    Failure::Store(repo_store::error::RuleError::from(unbuilt).into())
}

/// Returns the name of the metapackage of a profile.
fn package_of(repository: &RepositorySettings, profile: &ProfileName) -> Result<PackageName, Failure> {
    let name = repository.name.profile_package(profile);
    PackageName::parse(&name).map_err(|source| Failure::Argument { argument: name, source })
}

/// Returns the newest version of the metapackage in each suite that has one, in the order in which the suites are listed.
pub(crate) fn built(
    store: &Store,
    repository: &RepositorySettings,
    profile: &ProfileName,
) -> Result<Vec<(SuiteName, Version)>, Failure> {
    let package = package_of(repository, profile)?;
    let Some(head) = store.head(&repository.name)? else { return Ok(Vec::new()) };
    let mut built = Vec::new();
    for suite in &repository.suites {
        if let Some(record) = head.versions(&suite.name, &package)?.last() {
            built.push((suite.name.clone(), record.key().version.clone()));
        }
    }
    Ok(built)
}
