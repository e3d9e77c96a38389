use std::collections::BTreeMap;

use deb_parse::SuiteName;
use repo_store::PublishOptions;

use super::diff;
use crate::args::ChangeArguments;
use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RollbackArguments {
    /// The repository
    repository: String,
    /// The state to go back to: a number or commit as `history` shows them, or a time
    #[arg(long, value_name = "REVISION")]
    to: String,
    /// Only this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    #[command(flatten)]
    change: ChangeArguments,
}

impl RollbackArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }
}

pub(crate) fn run(
    arguments: &RollbackArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository_to_change(&arguments.repository, arguments.change)?;
    let target = session.store.resolve(&repository.name, &arguments.to)?;
    let mut differences = BTreeMap::new();
    if let Some(head) = session.store.head(&repository.name)? {
        let known: Vec<SuiteName> =
            head.commit().suites.keys().chain(target.commit().suites.keys()).cloned().collect();
        for suite in
            known.iter().filter(|suite| arguments.suites.is_empty() || arguments.suites.contains(suite))
        {
            let difference = session.store.difference(&head.snapshot(suite)?, &target.snapshot(suite)?)?;
            if !difference.is_empty() {
                differences.insert(suite.clone(), difference);
            }
        }
    }
    let mut commit = None;
    if !arguments.change.dry_run {
        commit = session.store.roll_back(&target, &arguments.suites, &session.context())?.commit;
    }
    let document = serde_json::json!({
        "to": target.id().to_string(),
        "commit": commit.map(|id| id.to_string()),
        "dry_run": arguments.change.dry_run,
        "differences": diff::json(&differences),
    });
    output.result(&document, || {
        if output.shows_change(arguments.change.dry_run) {
            diff::print(&differences, "goes", "comes back", output);
        }
    });
    let (sequence, id) = (target.commit().sequence, target.id().short());
    output.say(&match (differences.is_empty(), arguments.change.dry_run) {
        (true, _) => format!("nothing to roll back: {} is as it was in {sequence} ({id})", repository.name),
        (false, true) => format!("would roll {} back to {sequence} ({id})", repository.name),
        (false, false) => format!("rolled {} back to {sequence} ({id})", repository.name),
    });
    // What clients go back to must be whole, also where it is taken over.
    let options = PublishOptions { check_all: true, ..PublishOptions::default() };
    session.publish_after_with(options, (repository, commit), arguments.change, output)?;
    Ok(Outcome::Done)
}
