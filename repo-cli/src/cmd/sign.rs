//! Signatures apart from publishing.

pub(crate) mod offline;
pub(crate) mod refresh;

use camino::Utf8PathBuf;
use clap::Subcommand;
use repo_store::RepositoryName;
use repo_store::model::{PublicationId, TagName};
use serde::Serialize;

use super::publish::{self, TagAheadJson, tags_ahead};
use crate::clock::{self, Hazard};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Output, count, joined};
use crate::session::{Publishing, Session};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SignArguments {
    #[command(subcommand)]
    command: SignCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum SignCommand {
    /// Render and sign everything from the records, dated now
    ///
    /// Nothing is taken over from what clients see. This mends a published index that was forged, and a Date that is ahead of the clock.
    Again {
        /// The repositories [default: all]; a failure does not stop the others
        #[arg(value_name = "REPOSITORY")]
        repositories: Vec<String>,
        /// Accept this hazard
        #[arg(long, value_name = "HAZARD")]
        accept: Vec<Hazard>,
        /// Show what would be signed and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Sign what clients see again where half of the validity of its signatures is over
    ///
    /// The indices stay as they are: clients fetch the signed file alone. What is committed and not published stays so.
    Refresh {
        /// The repositories [default: all]; a failure does not stop the others
        #[arg(value_name = "REPOSITORY")]
        repositories: Vec<String>,
        /// Show what would be signed and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write what waits to be signed on another machine to a directory
    Export {
        /// A new or an empty directory
        #[arg(value_name = "DIR")]
        directory: Utf8PathBuf,
        /// The repositories [default: all that are signed offline]
        #[arg(value_name = "REPOSITORY")]
        repositories: Vec<String>,
    },
    /// Publish what was exported, with the signatures that were put beside it
    Attach {
        /// The directory, with an InRelease and a Release.gpg beside each Release
        #[arg(value_name = "DIR")]
        directory: Utf8PathBuf,
        /// Check the signatures, show what would be published and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

impl SignArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !matches!(
            self.command,
            SignCommand::Again { dry_run: true, .. }
                | SignCommand::Refresh { dry_run: true, .. }
                | SignCommand::Attach { dry_run: true, .. }
        )
    }

    /// Returns the repositories that it was given.
    pub(crate) fn repositories(&self) -> Vec<&str> {
        let repositories = match &self.command {
            SignCommand::Again { repositories, .. }
            | SignCommand::Refresh { repositories, .. }
            | SignCommand::Export { repositories, .. } => repositories.as_slice(),
            SignCommand::Attach { .. } => &[],
        };
        repositories.iter().map(String::as_str).collect()
    }
}

pub(crate) fn run(arguments: &SignArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    match &arguments.command {
        SignCommand::Again { repositories, accept, dry_run } => {
            again(repositories, accept, *dry_run, session, output)
        }
        SignCommand::Refresh { repositories, dry_run } => {
            refresh::run(repositories, *dry_run, session, output)
        }
        SignCommand::Export { directory, repositories } => {
            offline::export(directory, repositories, session, output)
        }
        SignCommand::Attach { directory, dry_run } => offline::attach(directory, *dry_run, session, output),
    }
}

fn again(
    repositories: &[String],
    accept: &[Hazard],
    dry_run: bool,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    clock::warn(&session.store, session.context().now, output)?;
    let repositories = session.repositories(repositories)?;
    let publishing =
        Publishing { again: true, accept_clock: accept.contains(&Hazard::Clock), ..Publishing::default() };
    if dry_run {
        return publish::show_signing_plans(repositories, publishing, session, output);
    }
    let (mut signed, mut failed) = (Vec::new(), Vec::new());
    for result in session.publish_each(repositories, publishing, output)? {
        let (repository, report) = result?;
        let Some(report) = report else {
            failed.push(repository.name.as_str());
            continue;
        };
        if let Some(date) = report.corrected {
            output.note(&format!(
                "{}: clients that took the Date {} keep what they have until then, unless their lists are removed: \
                 `rm -r /var/lib/apt/lists/*` and `apt-get update`. All others take the new one with their next update.",
                repository.name,
                clock::seconds(date)
            ));
        }
        if !report.signed_tags.is_empty() {
            output.say(&format!(
                "signed {} of {} again: {}",
                count(report.signed_tags.len(), "tagged state"),
                repository.name,
                joined(&report.signed_tags)
            ));
        }
        signed.push(SignedRepositoryJson {
            corrected: report.corrected.map(Time),
            publication: report.publication.map(Text),
            repository: Text(&repository.name),
            suites: report.suites.iter().map(ToString::to_string).collect(),
            tags: report.signed_tags.iter().cloned().map(Text).collect(),
            tags_ahead: tags_ahead(&report),
        });
    }
    let outcome = Outcome::of(failed.is_empty());
    output.result(&SignedJson { dry_run: false, failed, signed }, || {});
    Ok(outcome)
}

/// The document of `sign again`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SignedJson<'a> {
    /// Whether nothing was changed: false
    dry_run: bool,
    /// The repositories that could not be signed
    failed: Vec<&'a str>,
    /// What became of the others
    signed: Vec<SignedRepositoryJson<'a>>,
}

impl JsonDocument for SignedJson<'_> {}

/// A repository that was signed again.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SignedRepositoryJson<'a> {
    /// The `Date` in the future that clients may have taken, null when there was none
    corrected: Option<Time>,
    /// The new publication; null when none was made
    publication: Option<Text<PublicationId>>,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// The suites that were signed
    suites: Vec<String>,
    /// The tags whose publications were signed
    tags: Vec<Text<TagName>>,
    /// The tags whose publications clients refuse for now
    tags_ahead: Vec<TagAheadJson>,
}
