use std::sync::Arc;

use deb_parse::SuiteName;
use repo_store::{ChangePlan, CommitId, PromoteOptions, Record, Selector};

use super::list::ListedJson;
use crate::args::ChangeArguments;
use crate::error::{Failure, Outcome};
use crate::output::{Output, count, joined};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PromoteArguments {
    /// Names or patterns; of each package the newest version, or the one named with =VERSION. A source package of that
    /// name is meant as well as a binary one
    #[arg(value_name = "PACKAGE[=VERSION]", required_unless_present = "all")]
    selectors: Vec<Selector>,
    /// All that the other repository lacks
    #[arg(long, conflicts_with = "selectors")]
    all: bool,
    /// The repository to take them from
    #[arg(long, value_name = "REPOSITORY")]
    from: String,
    /// The repository to bring them to
    #[arg(long, value_name = "REPOSITORY")]
    to: String,
    /// Only in this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// Take along the source package, and all packages built from the same version of it, in whatever suite they are
    #[arg(long)]
    whole_source: bool,
    #[command(flatten)]
    change: ChangeArguments,
}

impl PromoteArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }
}

pub(crate) fn run(
    arguments: &PromoteArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let from = session.repository(&arguments.from)?;
    let to = session.repository_to_change(&arguments.to, arguments.change)?;
    let options = PromoteOptions {
        selectors: arguments.selectors.clone(),
        everything: arguments.all,
        suites: arguments.suites.clone(),
        whole_source: arguments.whole_source,
    };
    let plan = session.store.plan_promotion(from, to, &options)?;
    check_matched(&plan)?;
    let moved = plan.by_record();
    let mut commit = None;
    if !plan.is_empty() {
        let (dry_run, context) = (arguments.change.dry_run, session.context());
        commit = session.store.promote(&plan, &from.name, &to.name, dry_run, &context)?.commit;
    }
    print_plan(&plan, commit, arguments.change.dry_run, output);
    for (record, suites) in plan.left_out_by_record() {
        let (key, suites) = (record.key(), joined(&suites));
        output.note(&format!("warning: {key} stays behind: {} has no suite {suites}", to.name));
    }
    let what = count(moved.len(), "package");
    output.say(&match (moved.is_empty(), arguments.change.dry_run) {
        (true, _) if !plan.left_out.is_empty() => format!("nothing else to promote: {} has it", to.name),
        (true, _) => format!("nothing to promote: {} has it all", to.name),
        (false, true) => format!("would promote {what} from {} to {}", from.name, to.name),
        (false, false) => format!("promoted {what} from {} to {}", from.name, to.name),
    });
    session.publish_after(to, commit, arguments.change, output)?;
    Ok(Outcome::Done)
}

/// A name that matches nothing is a slip of the pen: nothing is done then.
pub(crate) fn check_matched(plan: &ChangePlan) -> Result<(), Failure> {
    if plan.unmatched.is_empty() {
        return Ok(());
    }
    Err(Failure::NoMatch(plan.unmatched.iter().map(ToString::to_string).collect()))
}

/// The records of a plan as a table or in JSON, there with those left out if there are any.
pub(crate) fn print_plan(plan: &ChangePlan, commit: Option<CommitId>, dry_run: bool, output: &Output) {
    let records = plan.by_record();
    let listed = |records: &[(Arc<Record>, Vec<SuiteName>)]| -> Vec<ListedJson> {
        records.iter().map(|(record, suites)| ListedJson::new(record, suites)).collect()
    };
    let mut document = serde_json::json!({
        "packages": listed(&records), "commit": commit.map(|id| id.to_string()), "dry_run": dry_run,
    });
    if let Some(fields) = document.as_object_mut().filter(|_| !plan.left_out.is_empty()) {
        fields.insert("left_out".to_owned(), serde_json::json!(listed(&plan.left_out_by_record())));
    }
    output.result(&document, || {
        if !output.shows_change(dry_run) {
            return;
        }
        let rows: Vec<[String; 4]> = records
            .iter()
            .map(|(record, suites)| {
                let key = record.key();
                [
                    key.package.to_string(),
                    key.version.to_string(),
                    key.architecture.to_string(),
                    joined(suites),
                ]
            })
            .collect();
        output.table(["PACKAGE", "VERSION", "ARCHITECTURE", "SUITES"], &rows);
    });
}
