//! The suites that the configuration lists.

use clap::Subcommand;
use deb_parse::{Architecture, Component, SuiteName};
use repo_config::Config;
use repo_config::edit::Edit;
use serde::Serialize;

use super::configured::{self, EditArguments};
use crate::args::{Global, argument};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, RowLimit, joined};
use crate::session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SuiteArguments {
    #[command(subcommand)]
    command: SuiteCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum SuiteCommand {
    /// Add suites
    Add(AddArguments),
    /// List the suites, and which repositories have them
    List,
    /// Remove a suite
    ///
    /// It is taken out of the lists of the repositories too, and what the configuration says of it goes. Its packages stay in the store,
    /// and clients see it until `repo-cli publish --allow-removal`.
    Remove(RemoveArguments),
}

#[derive(Clone, Debug, clap::Args)]
struct AddArguments {
    /// The suites
    #[arg(required = true, value_name = "SUITE", value_parser = argument::<SuiteName>)]
    suites: Vec<SuiteName>,
    /// A second name of the suite
    #[arg(long, value_name = "SUITE", value_parser = argument::<SuiteName>)]
    alias: Option<SuiteName>,
    #[command(flatten)]
    edit: EditArguments,
}

#[derive(Clone, Debug, clap::Args)]
struct RemoveArguments {
    /// The suite
    #[arg(value_parser = argument::<SuiteName>)]
    suite: SuiteName,
    /// Remove it even if it has packages
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    edit: EditArguments,
}

impl SuiteArguments {
    /// Returns whether the verb writes to the configuration.
    pub(crate) fn writes(&self) -> bool {
        match &self.command {
            SuiteCommand::Add(arguments) => !arguments.edit.is_dry_run(),
            SuiteCommand::Remove(arguments) => !arguments.edit.is_dry_run(),
            SuiteCommand::List => false,
        }
    }
}

pub(crate) fn run(arguments: &SuiteArguments, global: &Global, output: &Output) -> Result<Outcome, Failure> {
    let root = session::find_root(global)?;
    match &arguments.command {
        SuiteCommand::List => {
            list(&Config::load(&root)?, output);
            Ok(Outcome::Done)
        }
        SuiteCommand::Add(AddArguments { suites, alias, edit: arguments }) => {
            if alias.is_some() && suites.len() > 1 {
                return Err(Failure::Usage("--alias is for one suite"));
            }
            let mut edit = Edit::new(&root)?;
            for suite in suites {
                edit.add_suite(suite)?;
                if let Some(alias) = alias {
                    edit.set(&format!("suite.\"{suite}\".alias"), &format!("\"{alias}\""))?;
                }
            }
            let config = edit.check()?;
            let outcome = configured::carry_out(
                &edit,
                &format!("added {}", joined(suites)),
                *arguments,
                &root,
                output,
            )?;
            for repository in config.repositories() {
                if suites.iter().all(|suite| repository.suite(suite).is_none()) {
                    let name = &repository.name;
                    output.say(&format!(
                        "{name} lists its own suites; run repo-cli config set repositories.{name}.suites SUITES"
                    ));
                }
            }
            if !arguments.is_dry_run() {
                output.say("run repo-cli publish to show it");
            }
            Ok(outcome)
        }
        SuiteCommand::Remove(RemoveArguments { suite, yes, edit: arguments }) => {
            let before = Config::load(&root)?;
            let mut edit = Edit::new(&root)?;
            edit.remove_suite(suite)?;
            edit.check()?;
            configured::check_losses(
                (&root, &before),
                |_, taken| taken == suite,
                (*yes, *arguments),
                output,
            )?;
            let outcome =
                configured::carry_out(&edit, &format!("removed {suite}"), *arguments, &root, output)?;
            if !arguments.is_dry_run() {
                let next = "clients still find it: run repo-cli publish --allow-removal to take it away";
                output.say(next);
            }
            Ok(outcome)
        }
    }
}

/// The document of `suite list`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SuitesJson {
    /// The suites
    suites: Vec<SuiteJson>,
}

impl JsonDocument for SuitesJson {}

/// A suite in the configuration.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SuiteJson {
    /// Another name under which clients find the suite; null when it has none
    alias: Option<String>,
    /// The architectures of the suite
    architectures: Vec<Text<Architecture>>,
    /// The components of the suite
    components: Vec<Text<Component>>,
    /// The repositories that have the suite
    repositories: Vec<String>,
    /// The name of the suite
    suite: Text<SuiteName>,
}

fn list(config: &Config, output: &Output) {
    let mut suites = Vec::new();
    for suite in config.suites_of_all() {
        let has_it = config.repositories().filter(|repository| repository.suite(&suite.name).is_some());
        let repositories: Vec<String> = has_it.map(|repository| repository.name.to_string()).collect();
        suites.push((suite, repositories));
    }
    let of_one = |(suite, repositories): &(repo_store::SuiteSettings, Vec<String>)| SuiteJson {
        alias: suite.alias.as_ref().map(ToString::to_string),
        architectures: suite.architectures.iter().cloned().map(Text).collect(),
        components: suite.components.iter().cloned().map(Text).collect(),
        repositories: repositories.clone(),
        suite: Text(suite.name.clone()),
    };
    output.result(&SuitesJson { suites: suites.iter().map(of_one).collect() }, || {
        let row = |(suite, repositories): &(repo_store::SuiteSettings, Vec<String>)| {
            let alias = suite.alias.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            [
                suite.name.to_string(),
                alias,
                joined(&suite.architectures),
                joined(&suite.components),
                joined(repositories),
            ]
        };
        let rows: Vec<[String; 5]> = suites.iter().map(row).collect();
        let head = [
            Column::whole("SUITE"),
            Column::whole("ALIAS"),
            Column::words("ARCHITECTURES"),
            Column::words("COMPONENTS"),
            Column::words("REPOSITORIES"),
        ];
        output.table(&head, &rows, RowLimit::NONE);
    });
}
