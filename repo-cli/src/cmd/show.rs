use std::str::FromStr as _;

use apt_index::index::Item as _;
use deb_parse::{SuiteName, Version};
use repo_store::history::{Envelope, Operation, promotion_statement};
use repo_store::model::record::{Provenance, Record, RecordFile};
use repo_store::model::{BlobId, CommitId};
use repo_store::operations::reissue::Reissue;
use repo_store::{RepositoryName, Revision, Selector};
use serde::Serialize;

use super::list::{self, Found, ListedJson, find};
use crate::args::{RowArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Output, suite_list};
use crate::package_count::PackageCount;
use crate::package_names;
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShowArguments {
    /// A repository or one suite of it, in the present state or another: `prod`, `prod/bookworm`, `prod@41`, `prod@-1`
    #[arg(value_name = "REPOSITORY[/SUITE][@STATE]", value_parser = RevisionSpec::from_str)]
    state: RevisionSpec,
    /// The packages: a name or pattern; the newest version for each architecture, that named with =VERSION, or the newest that
    /// 'hello (<< 2.10)' allows [default: the state, with all its packages]
    #[arg(value_name = "PACKAGE")]
    selector: Option<Selector>,
    /// Print what the promotion that made the state did, as an in-toto statement in a DSSE envelope: as it was signed and published, or, where it
    /// was not, signed now
    #[arg(long, conflicts_with = "selector")]
    attestations: bool,
    #[command(flatten)]
    rows: RowArguments,
}

pub(crate) fn run(arguments: &ShowArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let (repository, revision) = arguments.state.resolve(session)?;
    arguments.state.check_suites(repository, revision.as_ref(), &[])?;
    let suites = arguments.state.suites(repository, revision.as_ref());
    if arguments.attestations {
        return show_attestations(&repository.name, revision.as_ref(), session, output);
    }
    let Some(selector) = &arguments.selector else {
        return show_state(&repository.name, revision.as_ref(), &suites, arguments.rows, output);
    };
    let mut found = Found::new();
    if let Some(revision) = &revision {
        for suite in revision.commit().suites.keys().filter(|suite| suites.contains(suite)) {
            let settings = repository.suite(suite);
            let architectures = settings.map(|suite| suite.architectures.as_slice()).unwrap_or_default();
            for record in selector.newest_in(revision, suite, architectures)? {
                let entry = found.entry(record.key().clone()).or_insert_with(|| (record, Vec::new()));
                entry.1.push(suite.clone());
            }
        }
    }
    if found.is_empty() {
        return Err(package_names::no_match(session, &repository.name, vec![selector.to_string()], false));
    }
    let packages = found.values().map(|(record, suites)| ShownPackageJson::new(record, suites)).collect();
    output.result(&ShownPackagesJson { packages }, || {
        for (place, (record, suites)) in found.values().enumerate() {
            if place > 0 {
                output.line("");
            }
            output.line(&format!("# {} in {}: {}", record.key(), repository.name, suite_list(suites)));
            if let Some(reissue) = Reissue::of_record(record) {
                output.line(&format!(
                    "# reissue {}: the content of {}, above {}",
                    reissue.version.number(),
                    reissue.of,
                    reissue.version.above()
                ));
            }
            if record.key().architecture.is_source() {
                for file in record.files().unwrap_or_default() {
                    output.line(&format!("# {} ({} bytes)", file.path, file.size));
                }
            }
            for file in record.provenance_files().unwrap_or_default() {
                output.line(&format!("# {} ({} bytes)", file.path, file.size));
            }
            output.line(stanza(record).trim_end());
        }
    });
    Ok(Outcome::Done)
}

/// Shows what the promotion that made a state did, signed.
fn show_attestations(
    repository: &RepositoryName,
    revision: Option<&Revision<'_>>,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let Some(revision) = revision else {
        return Err(Failure::NoHistory { repository: repository.clone() });
    };
    let envelope = match session.store.promotion_attestation(revision)? {
        None => promotion_statement(revision)?
            .map(|statement| session.attest(repository, &statement))
            .transpose()?,
        kept => kept,
    };
    let envelopes: Vec<Envelope> = envelope.into_iter().collect();
    output.result(&AttestationsJson { attestations: &envelopes }, || {
        envelopes.iter().for_each(|envelope| output.line(envelope.to_line().trim_end()));
    });
    if envelopes.is_empty() {
        let sequence = revision.commit().sequence;
        output.note(&format!(
            "{repository} {sequence} was not made by a promotion, or the state before it is not kept"
        ));
    }
    Ok(Outcome::Done)
}

/// Shows who made a state, when and how, and everything that is in it.
fn show_state(
    repository: &RepositoryName,
    revision: Option<&Revision<'_>>,
    suites: &[SuiteName],
    rows: RowArguments,
    output: &Output,
) -> Result<Outcome, Failure> {
    let Some(revision) = revision else {
        return Err(Failure::NoHistory { repository: repository.clone() });
    };
    let commit = revision.commit();
    let found = find(revision, commit.suites.keys().filter(|suite| suites.contains(suite)), &[])?;
    let listed: Vec<ListedJson> =
        found.values().map(|(record, suites)| ListedJson::new(record, suites)).collect();
    let document = ShownStateJson {
        actor: &commit.actor,
        commit: Text(revision.id()),
        date: Time(commit.date),
        operation: Text(&commit.operation),
        packages: listed,
        repository: Text(repository),
        sequence: commit.sequence,
    };
    output.result(&document, || {
        output.line(&format!("# {repository} {} ({})", commit.sequence, revision.id()));
        output.line(&format!("# {} by {}: {}", clock::minute(commit.date), commit.actor, commit.operation));
        let rows = list::print_found(&found, rows.limit(output), output);
        output.total(rows, &PackageCount::of(found.keys()).to_string());
    });
    Ok(Outcome::Done)
}

/// The stanza as clients find it. One that is not listed is shown as it is kept.
fn stanza(record: &Record) -> String {
    let published = record.published();
    let bytes = published.as_ref().map_or_else(|_| record.stanza(), |stanza| stanza.as_bytes());
    String::from_utf8_lossy(bytes).into_owned()
}

/// The document of `show` for a package.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ShownPackagesJson {
    /// The package files
    packages: Vec<ShownPackageJson>,
}

impl JsonDocument for ShownPackagesJson {}

/// A package file with everything that is known of it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ShownPackageJson {
    /// The id of the package file, or of the .dsc file of a source package
    blob: Text<BlobId>,
    /// The package file, as `list` prints it
    entry: ListedJson,
    /// The files that clients fetch
    files: Vec<FileJson>,
    /// The files that say how the package was built
    provenance: Vec<ProvenanceJson>,
    /// The version whose content a reissue has; null for every other version
    reissue_of: Option<Text<Version>>,
    /// The stanza of the index
    stanza: String,
}

impl ShownPackageJson {
    fn new(record: &Record, suites: &[SuiteName]) -> Self {
        Self {
            blob: Text(record.blob()),
            entry: ListedJson::new(record, suites),
            files: files(record),
            provenance: provenance(record),
            reissue_of: Reissue::of_record(record).map(|reissue| Text(reissue.of)),
            stanza: stanza(record),
        }
    }
}

/// The document of `show` for a state.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ShownStateJson<'a> {
    /// Who made the state
    actor: &'a str,
    /// The state
    commit: Text<CommitId>,
    /// When the state was made
    date: Time,
    /// What was done
    operation: Text<&'a Operation>,
    /// The package files in the state
    packages: Vec<ListedJson>,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// The number of the state in the history
    sequence: u64,
}

impl JsonDocument for ShownStateJson<'_> {}

/// The document of `show --attestations`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AttestationsJson<'a> {
    /// An envelope of DSSE if the state was made by a promotion; empty if not
    #[cfg_attr(test, schemars(with = "Vec<EnvelopeJson>"))]
    attestations: &'a [Envelope],
}

impl JsonDocument for AttestationsJson<'_> {}

/// A statement with its signatures.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `Envelope` writes")]
struct EnvelopeJson {
    /// The statement (in-toto) in base64
    payload: String,
    /// The type of the statement
    payload_type: String,
    /// One entry, with the signatures of all keys
    signatures: Vec<EnvelopeSignatureJson>,
}

/// The signatures of all keys.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "it describes what `Envelope` writes")]
struct EnvelopeSignatureJson {
    /// The fingerprints of the keys, separated by blanks
    keyid: String,
    /// The armored OpenPGP message in base64
    sig: String,
}

/// A file of a package.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FileJson {
    /// The id of its content
    blob: Text<BlobId>,
    /// The path below the repository
    path: String,
    /// The size in bytes
    size: u64,
}

fn files(record: &Record) -> Vec<FileJson> {
    // A record that lists none that can be read is for `fsck` to tell of.
    let files = record.files().unwrap_or_default().into_iter();
    files
        .map(|file| FileJson { blob: Text(file.blob), path: file.path.to_string(), size: file.size })
        .collect()
}

/// A file that says how the package was built.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ProvenanceJson {
    /// The id of its content
    blob: Text<BlobId>,
    /// `buildinfo`, `statement` or `envelope`
    kind: &'static str,
    /// The name of the file
    name: String,
    /// The path below the repository
    path: String,
    /// The SHA-256 digest in hexadecimal digits
    sha256: String,
    /// The size in bytes
    size: u64,
}

fn provenance(record: &Record) -> Vec<ProvenanceJson> {
    let (kept, published) =
        (record.provenance().unwrap_or_default(), record.provenance_files().unwrap_or_default());
    let of = |(kept, published): (Provenance, RecordFile)| ProvenanceJson {
        kind: kept.kind().as_str(),
        name: kept.name,
        path: published.path.to_string(),
        size: kept.size,
        sha256: kept.sha256.to_string(),
        blob: Text(kept.blob),
    };
    kept.into_iter().zip(published).map(of).collect()
}
