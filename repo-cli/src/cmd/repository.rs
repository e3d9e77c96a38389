//! The repositories that the configuration has.

use clap::Subcommand;
use deb_parse::SuiteName;
use repo_config::Config;
use repo_config::edit::Edit;
use repo_store::RepositoryName;
use serde::Serialize;

use super::configured::{self, EditArguments};
use crate::args::{Global, argument};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, RowLimit, joined};
use crate::session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RepositoryArguments {
    #[command(subcommand)]
    command: RepositoryCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum RepositoryCommand {
    /// Add a repository
    Add(AddArguments),
    /// List the repositories, their suites and their addresses
    List,
    /// Remove a repository from the configuration
    ///
    /// It leaves the order of promotion too. Its packages stay in the store, and its published files stay where they are:
    /// docs/administration.md describes how they are deleted.
    Remove(RemoveArguments),
}

#[derive(Clone, Debug, clap::Args)]
struct AddArguments {
    /// Its name
    #[arg(value_parser = argument::<RepositoryName>)]
    repository: RepositoryName,
    /// A suite that it has, if it does not have all; may be given several times
    #[arg(long = "suite", value_name = "SUITE", value_parser = argument::<SuiteName>)]
    suites: Vec<SuiteName>,
    #[command(flatten)]
    edit: EditArguments,
}

#[derive(Clone, Debug, clap::Args)]
struct RemoveArguments {
    /// Its name
    repository: String,
    /// Remove it even if it has packages
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    edit: EditArguments,
}

impl RepositoryArguments {
    /// Returns whether the verb writes to the configuration.
    pub(crate) fn writes(&self) -> bool {
        match &self.command {
            RepositoryCommand::Add(arguments) => !arguments.edit.is_dry_run(),
            RepositoryCommand::Remove(arguments) => !arguments.edit.is_dry_run(),
            RepositoryCommand::List => false,
        }
    }
}

pub(crate) fn run(
    arguments: &RepositoryArguments,
    global: &Global,
    output: &Output,
) -> Result<Outcome, Failure> {
    let root = session::find_root(global)?;
    match &arguments.command {
        RepositoryCommand::List => {
            list(&Config::load(&root)?, output);
            Ok(Outcome::Done)
        }
        RepositoryCommand::Add(AddArguments { repository, suites, edit: arguments }) => {
            let mut edit = Edit::new(&root)?;
            edit.add_repository(repository, suites)?;
            let done = format!("added {repository}");
            let outcome = configured::carry_out(&edit, &done, *arguments, &root, output)?;
            if !arguments.is_dry_run() {
                output.say(&format!(
                    "anyone can read {repository}; run repo-cli publish {repository} to show it"
                ));
            }
            Ok(outcome)
        }
        RepositoryCommand::Remove(RemoveArguments { repository, yes, edit: arguments }) => {
            let before = Config::load(&root)?;
            let mut edit = Edit::new(&root)?;
            edit.remove_repository(repository)?;
            edit.check()?;
            let is_taken = |name: &RepositoryName, _: &SuiteName| name.as_str() == repository;
            configured::check_losses((&root, &before), is_taken, (*yes, *arguments), output)?;
            configured::carry_out(&edit, &format!("removed {repository}"), *arguments, &root, output)
        }
    }
}

/// The document of `repository list`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RepositoriesJson<'a> {
    /// The repositories
    repositories: Vec<RepositoryJson<'a>>,
}

impl JsonDocument for RepositoriesJson<'_> {}

/// A repository in the configuration.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RepositoryJson<'a> {
    /// The name of the repository
    repository: Text<&'a RepositoryName>,
    /// The suites of the repository
    suites: Vec<String>,
    /// The address for clients
    url: String,
}

fn list(config: &Config, output: &Output) {
    let suites = |repository: &repo_store::RepositorySettings| -> Vec<String> {
        repository.suites.iter().map(|suite| suite.name.to_string()).collect()
    };
    let all: Vec<_> = config
        .repositories()
        .map(|repository| {
            let url = config.url_of(repository).to_string();
            RepositoryJson { repository: Text(&repository.name), suites: suites(repository), url }
        })
        .collect();
    output.result(&RepositoriesJson { repositories: all }, || {
        let row = |repository: &repo_store::RepositorySettings| {
            let url = config.url_of(repository).to_string();
            [repository.name.to_string(), joined(&suites(repository)), url]
        };
        let rows: Vec<[String; 3]> = config.repositories().map(row).collect();
        let head = [Column::whole("REPOSITORY"), Column::words("SUITES"), Column::whole("URL")];
        output.table(&head, &rows, RowLimit::NONE);
    });
}
