//! What a promotion did, as an in-toto statement that others can verify once somebody signed it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::attestation::STATEMENT;
use crate::model::commit::Commit;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;

/// The type of the predicate of statements about promotions.
pub const PROMOTION_PREDICATE: &str = "urn:repo-cli:promotion:v1";

#[derive(Serialize)]
struct Statement<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    predicate: Predicate<'a>,
}

#[derive(Serialize)]
struct Subject {
    name: String,
    digest: Digest,
}

#[derive(Serialize)]
struct Digest {
    sha256: String,
}

#[derive(Serialize)]
struct Predicate<'a> {
    from: &'a str,
    to: &'a str,
    suites: BTreeSet<&'a str>,
    sequence: u64,
    commit: String,
    date: String,
    actor: &'a str,
    /// The rules of gates that everything which came in met.
    gates: Vec<&'static str>,
    /// The rules of gates that did not count for some of it.
    r#override: Option<Override<'a>>,
    approvals: Vec<GivenApproval<'a>>,
}

#[derive(Serialize)]
struct Override<'a> {
    rules: Vec<&'static str>,
    reason: &'a str,
}

#[derive(Serialize)]
struct GivenApproval<'a> {
    approver: String,
    name: &'a str,
    date: String,
    packages: &'a [String],
}

/// Returns whether an operation brought content from another repository: those are attested.
pub(crate) fn is_promotion(operation: &Operation) -> bool {
    matches!(operation, Operation::Promote { .. } | Operation::Release { .. })
}

/// Returns what the promotion or release that made a state did, as the text of an in-toto statement; `None` when the state was made by something else, or
/// the state before it is not kept any more. The same state always gives the same bytes.
///
/// The subjects are the files that came in: of a source package its `.dsc`.
///
/// # Errors
/// When the store cannot be read.
pub fn promotion_statement(revision: &Revision<'_>) -> Result<Option<String>, Error> {
    let commit = revision.commit();
    let (Operation::Promote { from, .. } | Operation::Release { from, .. }) = &commit.operation else {
        return Ok(None);
    };
    if revision.is_cut_off()? {
        return Ok(None);
    }
    let changes = revision.changes()?;
    // A package that comes into several suites is one file.
    let mut files = BTreeMap::new();
    for record in changes.values().flat_map(|change| &change.only_second) {
        if let Some(sha256) = record.sha256() {
            files.insert(record.pool_path()?.to_string(), sha256.to_string());
        }
    }
    let subject = files.into_iter().map(|(name, sha256)| Subject { name, digest: Digest { sha256 } });
    let suites = changes.iter().filter(|(_, change)| !change.only_second.is_empty());
    let suites = suites.map(|(suite, _)| suite.as_str()).collect();
    let predicate = predicate(revision, commit, (from, suites));
    let statement = Statement {
        kind: STATEMENT,
        subject: subject.collect(),
        predicate_type: PROMOTION_PREDICATE,
        predicate,
    };
    // Strings and numbers can always be written.
    Ok(serde_json::to_string_pretty(&statement).ok().map(|text| text + "\n"))
}

fn predicate<'a>(
    revision: &'a Revision<'_>,
    commit: &'a Commit,
    (from, suites): (&'a RepositoryName, BTreeSet<&'a str>),
) -> Predicate<'a> {
    let given = commit.gate_override.as_ref();
    let approvals = commit.approved.iter().map(|approved| GivenApproval {
        approver: approved.approver.id.to_string(),
        name: &approved.approver.name,
        date: approved.time.to_string(),
        packages: &approved.packages,
    });
    Predicate {
        from: from.as_str(),
        to: revision.repository().as_str(),
        suites,
        sequence: commit.sequence,
        commit: revision.id().to_string(),
        date: commit.date.to_string(),
        actor: &commit.actor,
        gates: commit.gates_met.iter().map(|rule| rule.as_str()).collect(),
        r#override: given.map(|given| Override {
            rules: given.rules.iter().map(|rule| rule.as_str()).collect(),
            reason: &given.reason,
        }),
        approvals: approvals.collect(),
    }
}
