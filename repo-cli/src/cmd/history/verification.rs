//! Who signed each state of a repository.

use repo_store::RepositoryName;
use repo_store::history::{CommitSignature, HistoryVerification, VerifiedCommit};
use repo_store::model::CommitId;
use serde::Serialize;

use super::HistoryArguments;
use crate::actor_key::KnownActors;
use crate::args::RowLimits as _;
use crate::clock;
use crate::error::{Failure, Outcome, chain};
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Column, Output, count};
use crate::session::Session;

pub(super) fn run(
    arguments: &HistoryArguments,
    repository: &RepositoryName,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let known = KnownActors::load(arguments.keyring.as_deref())?;
    let found = session.store.verify_history(repository, &known)?;
    let document = VerificationJson {
        history: found.commits.iter().map(VerifiedJson::new).collect(),
        sound: found.is_sound(),
        whole: found.is_whole,
    };
    output.result(&document, || print(&found, arguments, output));
    output.say(&format!("{repository}: {}", summary(&found)));
    Ok(if found.is_sound() { Outcome::Done } else { Outcome::Different })
}

/// Returns how many commits there are of each kind. Only a good signature verifies a commit.
fn summary(found: &HistoryVerification) -> String {
    let number = |is_such: fn(&CommitSignature) -> bool| {
        found.commits.iter().filter(|commit| is_such(&commit.signature)).count()
    };
    let others = [
        (number(|signature| matches!(signature, CommitSignature::Missing)), "unsigned"),
        (number(|signature| matches!(signature, CommitSignature::Unknown(_))), "with an unknown signer"),
        (number(|signature| matches!(signature, CommitSignature::Bad(_))), "with a bad signature"),
        (number(|signature| matches!(signature, CommitSignature::OutOfOrder)), "out of order"),
    ];
    let others = others.into_iter().filter(|(number, _)| *number > 0);
    let others: String = others.map(|(number, words)| format!(", {number} {words}")).collect();
    let end = if found.is_whole { "back to the first" } else { "back to where the history was shortened" };
    let all = count(found.commits.len(), "commit");
    let verified = number(|signature| matches!(signature, CommitSignature::Good(_)));
    format!("{verified} of {all} verified{others}, {end}")
}

/// Returns the word for programs, and what is told to people.
fn verdict(commit: &VerifiedCommit) -> (&'static str, String) {
    match &commit.signature {
        CommitSignature::Missing => ("unsigned", "unsigned".to_owned()),
        CommitSignature::Good(by) => ("good", by.join(", ")),
        CommitSignature::Unknown(error) => ("unknown", chain(error)),
        CommitSignature::Bad(error) => ("bad", format!("bad: {}", chain(error))),
        CommitSignature::OutOfOrder => ("out-of-order", "does not follow the commit before".to_owned()),
        _ => ("unknown", "unknown".to_owned()),
    }
}

/// The document of `history --verify`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VerificationJson<'a> {
    /// The states, the newest first
    history: Vec<VerifiedJson<'a>>,
    /// Whether all was signed by somebody known since the first signed change
    sound: bool,
    /// Whether the history goes back to the first state; false where it was shortened
    whole: bool,
}

impl JsonDocument for VerificationJson<'_> {}

/// A state and its signature.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VerifiedJson<'a> {
    /// Who made the state
    actor: &'a str,
    /// The state
    commit: Text<CommitId>,
    /// When the state was made
    date: Time,
    /// What was done
    operation: &'a str,
    /// The number of the state
    sequence: u64,
    /// `good`, `unsigned`, `unknown` (the signer), `bad` or `out-of-order`
    signature: &'static str,
    /// Who signed it; empty without a good signature
    signed_by: &'a [String],
}

impl<'a> VerifiedJson<'a> {
    fn new(commit: &'a VerifiedCommit) -> Self {
        Self {
            actor: &commit.actor,
            commit: Text(commit.id),
            date: Time(commit.date),
            operation: &commit.operation,
            sequence: commit.sequence,
            signature: verdict(commit).0,
            signed_by: match &commit.signature {
                CommitSignature::Good(by) => by,
                _ => &[],
            },
        }
    }
}

fn print(found: &HistoryVerification, arguments: &HistoryArguments, output: &Output) {
    let rows: Vec<[String; 6]> = found
        .commits
        .iter()
        .map(|commit| {
            let (number, id) = (commit.sequence.to_string(), commit.id.short());
            let (date, actor) = (clock::minute(commit.date), commit.actor.clone());
            [number, id, date, actor, verdict(commit).1, commit.operation.clone()]
        })
        .collect();
    output.table(
        &[
            Column::whole("NUMBER"),
            Column::whole("COMMIT").expendable(),
            Column::whole("TIME"),
            Column::text("BY").expendable(),
            Column::text("SIGNED BY"),
            Column::text("OPERATION").expendable(),
        ],
        &rows,
        arguments.rows.limit(output),
    );
}
