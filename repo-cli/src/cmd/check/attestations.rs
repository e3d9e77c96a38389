//! `check --attestations`: whether the statements about promotions are signed and match the history.

use std::fs;

use apt_sign::{Certificate, Keyring};
use camino::Utf8Path;
use repo_store::RepositoryName;
use repo_store::model::CommitId;
use repo_store::publish::{AttestationFault, AttestationFinding, AttestationReport};
use serde::Serialize;

use crate::args::{RowArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, count};
use crate::session::Session;

/// The document of `check --attestations`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AttestationCheckJson<'a> {
    /// How many promotions have no statement, because they were published before statements were kept, or signed on another machine
    earlier: u64,
    /// The promotions whose statements prove nothing, newest first
    findings: Vec<AttestationFindingJson>,
    /// How many promotions have a statement that is signed and matches the history
    good: u64,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// How many promotions are not published yet, and so not attested
    unpublished: u64,
}

impl JsonDocument for AttestationCheckJson<'_> {}

/// A promotion whose statement proves nothing.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AttestationFindingJson {
    /// The state that the promotion made
    commit: Text<CommitId>,
    /// `missing`, `lost`, `signature`, `differs`, `unlisted`, `not-served` or `not-in-history`
    fault: &'static str,
    /// What is wrong, in words
    reason: String,
    /// The number of the state in the history
    sequence: u64,
}

impl AttestationFindingJson {
    fn new(finding: &AttestationFinding) -> Self {
        let fault = match &finding.fault {
            AttestationFault::Missing => "missing",
            AttestationFault::Lost => "lost",
            AttestationFault::Signature(_) => "signature",
            AttestationFault::Unlisted => "unlisted",
            AttestationFault::NotServed => "not-served",
            AttestationFault::NotInHistory => "not-in-history",
            _ => "differs",
        };
        let AttestationFinding { commit, sequence, .. } = finding;
        Self { commit: Text(*commit), fault, reason: finding.fault.to_string(), sequence: *sequence }
    }
}

const HEAD: [Column<'_>; 3] = [Column::whole("STATE"), Column::whole("COMMIT"), Column::text("REASON")];

pub(super) fn run(
    repository: &RepositoryName,
    (keyring, rows): (Option<&Utf8Path>, RowArguments),
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let keyring = match keyring {
        Some(path) => read(path)?,
        None => keys_of(repository, session)?,
    };
    let report = session.store.check_attestations(repository, &keyring, session.context().now)?;
    let AttestationReport { good, earlier, unpublished, findings, .. } = &report;
    let findings: Vec<_> = findings.iter().map(AttestationFindingJson::new).collect();
    let is_sound = findings.is_empty();
    let document = AttestationCheckJson {
        earlier: *earlier,
        findings,
        good: *good,
        repository: Text(repository),
        unpublished: *unpublished,
    };
    output.result(&document, || {
        let row = |one: &AttestationFindingJson| {
            [one.sequence.to_string(), one.commit.0.short(), one.reason.clone()]
        };
        if !is_sound {
            let table: Vec<_> = document.findings.iter().map(row).collect();
            output.table(&HEAD, &table, rows.limit(output));
        }
        output.line(&format!("{}: {}", repository, summary(&document)));
    });
    Ok(if is_sound { Outcome::Done } else { Outcome::Different })
}

/// The numbers in words.
fn summary(document: &AttestationCheckJson<'_>) -> String {
    let mut parts = vec![format!("{} attested", count_of(document.good))];
    if !document.findings.is_empty() {
        parts.push(format!("{} not proven", document.findings.len()));
    }
    if document.unpublished > 0 {
        parts.push(format!("{} not published yet", document.unpublished));
    }
    if document.earlier > 0 {
        parts.push(format!(
            "{} without a statement (published before statements were kept, or signed on another machine)",
            document.earlier
        ));
    }
    parts.join(", ")
}

fn count_of(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "promotion")
}

/// Reads the keys that a person trusts.
fn read(path: &Utf8Path) -> Result<Keyring, Failure> {
    let bytes = fs::read(path);
    let bytes = bytes.map_err(|source| Failure::Io { verb: "read", path: path.to_string(), source })?;
    Keyring::parse(&bytes)
        .map_err(|error| Failure::UnusableFile { path: path.to_owned(), what: error.to_string() })
}

/// Returns the keys of a repository, with those that sign no more: they signed what is old.
fn keys_of(repository: &RepositoryName, session: &Session) -> Result<Keyring, Failure> {
    let keys = session.keys_of(repository);
    let (keyring, _) = keys.keyring()?;
    let mut certificates: Vec<Certificate> = keyring.certificates().to_vec();
    certificates.extend(keys.retired()?);
    Ok(Keyring::new(certificates))
}
