//! Signing by a person on another machine: the `Release` files go there in a directory, and come back with their signatures.
//!
//! ```text
//! DIR/<repository>/export             the state and the time that the files are for
//! DIR/<repository>/<suite>/Release    what is to be signed; `.flat` stands for the flat form
//! DIR/<repository>/<suite>/InRelease, Release.gpg    what comes back
//! DIR/sign.sh                         signs everything with GnuPG
//! ```

use std::fs;
use std::io::ErrorKind;

use apt_sign::{AttachedSigner, Signer as _};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{SuiteName, deb822};
use repo_store::error::PublishError;
use repo_store::publish::{Exported, UnsignedRelease};
use repo_store::storage::StorageError;
use repo_store::{PublishOptions, RepositoryName, RepositorySettings};
use serde::Serialize;

use super::publish;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Output, count};
use crate::session::Session;

const MANIFEST: &str = "export";

/// Signs what lies beside it. The suites of a directory that begins with a dot are the flat form's.
const SCRIPT: &str = r#"#!/bin/sh
# Signs with GnuPG what `repo-cli sign export` wrote: sh sign.sh FINGERPRINT
set -eu
[ "$#" = 1 ] || { echo "usage: sh sign.sh FINGERPRINT" >&2; exit 2; }
cd "$(dirname "$0")"
find . -name Release | while read -r release; do
    gpg --yes --local-user "$1!" --digest-algo SHA512 --clearsign --output "${release%Release}InRelease" "$release" </dev/null
    gpg --yes --local-user "$1!" --digest-algo SHA512 --armor --detach-sign --output "$release.gpg" "$release" </dev/null
done
"#;

pub(super) fn export(
    directory: &Utf8Path,
    repositories: &[String],
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let mut chosen = session.repositories(repositories)?;
    if repositories.is_empty() {
        chosen.retain(|repository| session.signs_offline(repository));
    }
    if let Some(repository) = chosen.iter().find(|repository| !session.signs_offline(repository)) {
        return Err(Failure::NotOffline { repository: repository.name.clone() });
    }
    match fs::read_dir(directory) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                let path = directory.to_owned();
                return Err(repo_store::Error::from(StorageError::NotEmpty { path }).into());
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(directory).map_err(Failure::io("make", directory))?;
        }
        Err(error) => return Err(Failure::io("list", directory)(error)),
    }
    let mut written = Vec::new();
    for repository in chosen {
        let (exported, unsigned) = session.export_unsigned(repository)?;
        let name = &repository.name;
        if unsigned.is_empty() {
            output.say(&format!("{name}: nothing to sign"));
            continue;
        }
        write(&directory.join(name.as_str()), &exported, &unsigned)?;
        let suites: Vec<&str> = unsigned.iter().map(|release| release.directory.as_str()).collect();
        let commit = exported.commit.map(|commit| session.sequence(repository, commit)).transpose()?;
        let commit = commit.map_or_else(String::new, |commit| format!(" (commit {commit})"));
        output.say(&format!(
            "{name}{commit}: {} to sign: {}",
            count(suites.len(), "file"),
            suites.join(", ")
        ));
        let suites = unsigned.iter().map(|release| release.directory.clone()).collect();
        written.push(ExportedRepositoryJson { repository: Text(name), suites });
    }
    if !written.is_empty() {
        let script = directory.join("sign.sh");
        fs::write(&script, SCRIPT).map_err(Failure::io("write", &script))?;
        output.say(&format!("when all are signed: repo-cli sign attach {directory}"));
    }
    output.result(&ExportedJson { directory, exported: written }, || {});
    Ok(Outcome::Done)
}

/// The document of `sign export`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ExportedJson<'a> {
    /// The directory
    #[cfg_attr(test, schemars(with = "String"))]
    directory: &'a Utf8Path,
    /// The repositories that have something to sign
    exported: Vec<ExportedRepositoryJson<'a>>,
}

impl JsonDocument for ExportedJson<'_> {}

/// A repository with something to sign.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ExportedRepositoryJson<'a> {
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// The suites to sign; `.flat` for the flat form
    suites: Vec<String>,
}

/// The document of `sign attach`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AttachedJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The repositories that could not be published
    failed: Vec<String>,
    /// What became of the others
    published: Vec<AttachedRepositoryJson<'a>>,
}

impl JsonDocument for AttachedJson<'_> {}

/// A repository that was published with the signatures from elsewhere.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AttachedRepositoryJson<'a> {
    /// The new publication; null when none was made
    publication: Option<String>,
    /// The repository
    repository: Text<&'a RepositoryName>,
}

fn write(directory: &Utf8Path, exported: &Exported, unsigned: &[UnsignedRelease]) -> Result<(), Failure> {
    let put = |path: &Utf8Path, text: &str| fs::write(path, text).map_err(Failure::io("write", path));
    for release in unsigned {
        let of_suite = directory.join(&release.directory);
        fs::create_dir_all(&of_suite).map_err(Failure::io("make", &of_suite))?;
        put(&of_suite.join("Release"), &release.text)?;
    }
    let mut text = format!("Date: {}\n", exported.date);
    text.extend(exported.commit.map(|commit| format!("Commit: {commit}\n")));
    text.extend(exported.replaces.map(|id| format!("Replaces: {id}\n")));
    put(&directory.join(MANIFEST), &text)
}

pub(super) fn attach(
    directory: &Utf8Path,
    dry_run: bool,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let mut found = Vec::new();
    for repository in session.repositories(&[])? {
        let of_repository = directory.join(repository.name.as_str());
        if of_repository.join(MANIFEST).is_file() {
            found.push((repository, of_repository));
        }
    }
    if found.is_empty() {
        return Err(Failure::NotAnExport { path: directory.to_owned() });
    }
    let (mut published, mut failed) = (Vec::new(), Vec::new());
    for (repository, of_repository) in found {
        match attach_one(repository, &of_repository, dry_run, session, output) {
            Ok(publication) => {
                published.push(AttachedRepositoryJson { publication, repository: Text(&repository.name) });
            }
            Err(failure) if failure.is_cancellation() => return Err(failure),
            Err(failure) => {
                output.failed(&repository.name, &failure);
                failed.push(repository.name.to_string());
            }
        }
    }
    let outcome = Outcome::of(failed.is_empty());
    output.result(&AttachedJson { dry_run, failed, published }, || {});
    Ok(outcome)
}

fn attach_one(
    repository: &RepositorySettings,
    directory: &Utf8Path,
    dry_run: bool,
    session: &Session,
    output: &Output,
) -> Result<Option<String>, Failure> {
    let exported = manifest(directory)?;
    let mut attached = Vec::new();
    for entry in directory.read_dir_utf8().map_err(Failure::io("list", directory))? {
        let of_suite = entry.map_err(Failure::io("list", directory))?.into_path();
        if of_suite.join("Release").is_file() {
            attached.push((signature(&of_suite, "InRelease")?, signature(&of_suite, "Release.gpg")?));
        }
    }
    let keys = session.keys_of(&repository.name).keyring()?.0;
    let signer = AttachedSigner::new(keys, attached);
    let options = PublishOptions { exported: Some(exported), ..PublishOptions::default() };
    if dry_run {
        // The signatures are of what was exported, whatever lies beside them now.
        let (_, unsigned) =
            session.store.export_unsigned(repository, &signer, options, &session.context())?;
        for release in unsigned {
            signer.sign(release.text.as_bytes(), session.context().now.into()).map_err(|source| {
                match SuiteName::parse(&release.directory) {
                    Ok(suite) => Failure::Store(PublishError::Sign { suite, source }.into()),
                    Err(_) => Failure::Key(source),
                }
            })?;
        }
        let plan = session.store.plan_publication(repository, &signer, options, &session.context())?;
        publish::say_plan(&plan, output);
        return Ok(None);
    }
    let report = session.store.publish_with(repository, &signer, options, &session.context())?;
    let publication = report.publication.map(|id| id.to_string());
    if let Some(id) = &publication {
        output.say(&format!("published {} {id}", repository.name));
    }
    session.store.note_published_keyring(&repository.name, &session.context())?;
    Ok(publication)
}

/// More than any signed file of a repository.
const LARGEST: u64 = 64 << 20;

fn signature(directory: &Utf8Path, name: &str) -> Result<Vec<u8>, Failure> {
    let path: Utf8PathBuf = directory.join(name);
    let read = || {
        let metadata = path.symlink_metadata()?;
        if !metadata.is_file() || metadata.len() > LARGEST {
            return Err(std::io::Error::new(ErrorKind::InvalidInput, "it is not a signed file"));
        }
        fs::read(&path)
    };
    read().map_err(Failure::io("read", &path))
}

fn manifest(directory: &Utf8Path) -> Result<Exported, Failure> {
    let path = directory.join(MANIFEST);
    let text = fs::read(&path).map_err(Failure::io("read", &path))?;
    let parse = || {
        let paragraph = deb822::paragraphs(&text).next()?;
        let optional = |field: &str| paragraph.get_str(field).map(str::to_owned);
        Some(Exported {
            date: paragraph.get_str("Date")?.parse().ok()?,
            commit: optional("Commit").map(|commit| commit.parse()).transpose().ok()?,
            replaces: match optional("Replaces") {
                Some(id) => Some(repo_store::model::PublicationId::parse(&id)?),
                None => None,
            },
        })
    };
    parse().ok_or(Failure::NotAnExport { path: path.clone() })
}
