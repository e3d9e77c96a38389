//! Bringing the keys to clients: the keyring package of each repository, and what the keys sign.

use apt_sign::{Fingerprint, Keyring};
use repo_store::RepositorySettings;
use repo_store::model::CommitId;
use repo_store::operations::keyring::{KeyringContent, KeyringPlan};
use serde::Serialize;

use crate::error::Failure;
use crate::output::{Column, Output, RowLimit, count, suite_list};
use crate::session::{Publishing, Session};

/// The keyring package of one repository, as it is now or would be.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct KeyringPackageJson {
    /// The name of the keyring package
    package: String,
    /// The new publication; null when none was made
    publication: Option<String>,
    /// The repository
    repository: String,
    /// The suites that got it by this command
    suites: Vec<String>,
    /// The version of the keyring package
    version: String,
}

/// The keys that clients of a repository are to have.
pub(super) struct Content {
    binary: Vec<u8>,
    keys: Vec<Fingerprint>,
}

impl Content {
    pub(super) fn of(keyring: &Keyring) -> Result<Self, Failure> {
        Ok(Self { binary: keyring.binary()?, keys: keyring.fingerprints() })
    }

    fn borrowed(&self) -> KeyringContent<'_> {
        KeyringContent { binary: &self.binary, keys: &self.keys }
    }
}

/// Tells for each repository which keys its clients are to have.
pub(super) type ContentOf<'a> = dyn Fn(&RepositorySettings) -> Result<Content, Failure> + 'a;

/// What became of the repositories.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub(super) keyrings: Vec<KeyringPackageJson>,
    pub(super) failed: Vec<String>,
}

/// Shows the version of the keyring package that each repository would get.
pub(super) fn foretell(
    session: &Session,
    repositories: &[&RepositorySettings],
    content: &ContentOf<'_>,
    output: &Output,
) -> Result<Vec<KeyringPackageJson>, Failure> {
    let (mut plans, mut rows) = (Vec::new(), Vec::new());
    for repository in repositories {
        let content = content(repository)?;
        let plan = session.store.plan_keyring(repository, content.borrowed(), &session.context())?;
        let action = if plan.suites.is_empty() { "keep" } else { "add" };
        let suites = if plan.suites.is_empty() { "as before".to_owned() } else { suite_list(&plan.suites) };
        rows.push([
            repository.name.to_string(),
            plan.package.to_string(),
            plan.version.to_string(),
            suites,
            action.to_owned(),
        ]);
        plans.push(document(repository, &plan));
    }
    if !output.is_json() {
        output.table(
            &[
                Column::text("REPOSITORY"),
                Column::names("PACKAGE"),
                Column::whole("VERSION"),
                Column::words("SUITES"),
                Column::actions("ACTION"),
            ],
            &rows,
            RowLimit::NONE,
        );
    }
    Ok(plans)
}

/// Shows what [`bring`] would do with the keys as they are.
pub(super) fn foretell_present(
    session: &Session,
    repositories: &[&RepositorySettings],
    output: &Output,
) -> Result<Brought, Failure> {
    let content =
        |repository: &RepositorySettings| Content::of(&session.keys_of(&repository.name).keyring()?.0);
    let keyrings = foretell(session, repositories, &content, output)?;
    Ok(Brought { keyrings, failed: Vec::new() })
}

/// Shows what [`bring`] would do with keys that are about to change: other keys than those of the last version make a new version, whatever
/// they are.
pub(super) fn foretell_changed(
    session: &Session,
    repositories: &[&RepositorySettings],
    output: &Output,
) -> Result<Brought, Failure> {
    let content = |_: &RepositorySettings| Content::of(&Keyring::default());
    let keyrings = foretell(session, repositories, &content, output)?;
    Ok(Brought { keyrings, failed: Vec::new() })
}

/// Adds the keyring package to each repository, which clients see with the next publication.
pub(super) fn add(
    session: &Session,
    repositories: &[&RepositorySettings],
    content: &ContentOf<'_>,
    output: &Output,
) -> Brought {
    let mut brought = Brought::default();
    for repository in repositories {
        let added = content(repository).and_then(|content| {
            let added = session.store.add_keyring(repository, content.borrowed(), &session.context())?;
            Ok((added, content.keys.len()))
        });
        match added {
            Ok(((plan, committed), keys)) => {
                say(session, repository, (&plan, committed.commit), keys, output);
                brought.keyrings.push(document(repository, &plan));
            }
            Err(failure) => {
                output.failed(&repository.name, &failure);
                brought.failed.push(repository.name.to_string());
            }
        }
    }
    brought
}

/// Publishes each repository, signed by all keys, and notes since when clients find the keyring package. With `again`, tagged states are
/// signed again too, where other keys signed what clients see.
pub(super) fn publish(
    session: &Session,
    repositories: &[&RepositorySettings],
    publishing: Publishing,
    brought: &mut Brought,
    output: &Output,
) {
    for repository in repositories {
        if brought.failed.iter().any(|failed| failed == repository.name.as_str()) {
            continue;
        }
        match publish_one(session, repository, publishing, output) {
            Ok(publication) => {
                let name = repository.name.as_str();
                let of_repository = brought.keyrings.iter_mut().find(|one| one.repository == name);
                of_repository.into_iter().for_each(|one| one.publication.clone_from(&publication));
            }
            Err(failure) => {
                output.failed(&repository.name, &failure);
                brought.failed.push(repository.name.to_string());
            }
        }
    }
}

fn publish_one(
    session: &Session,
    repository: &RepositorySettings,
    publishing: Publishing,
    output: &Output,
) -> Result<Option<String>, Failure> {
    if session.signs_offline(repository) {
        session.say_unpublished(repository, output);
        return Ok(None);
    }
    let mut signed_by = session.store.publication_keys(&repository.name)?;
    let mut signing = session.signing_fingerprints(&repository.name)?;
    signed_by.sort_unstable();
    signing.sort_unstable();
    let again = publishing.again && !signed_by.is_empty() && signed_by != signing;
    let report = session.publish(repository, Publishing { again, ..publishing }, output)?;
    session.store.note_published_keyring(&repository.name, &session.context())?;
    Ok(report.publication.map(|id| id.to_string()))
}

/// Adds and publishes.
pub(super) fn bring(
    session: &Session,
    repositories: &[&RepositorySettings],
    publishing: Publishing,
    output: &Output,
) -> Result<Brought, Failure> {
    let (_, warnings) = session.keys().keyring()?;
    warnings.into_iter().for_each(|warning| output.warn(warning.code(), warning.to_string()));
    let content =
        |repository: &RepositorySettings| Content::of(&session.keys_of(&repository.name).keyring()?.0);
    let mut brought = add(session, repositories, &content, output);
    publish(session, repositories, publishing, &mut brought, output);
    Ok(brought)
}

fn document(repository: &RepositorySettings, plan: &KeyringPlan) -> KeyringPackageJson {
    KeyringPackageJson {
        repository: repository.name.to_string(),
        package: plan.package.to_string(),
        version: plan.version.to_string(),
        suites: plan.suites.iter().map(ToString::to_string).collect(),
        publication: None,
    }
}

fn say(
    session: &Session,
    repository: &RepositorySettings,
    (plan, commit): (&KeyringPlan, Option<CommitId>),
    keys: usize,
    output: &Output,
) {
    let what = format!("{} {} ({})", plan.package, plan.version, count(keys, "key"));
    let number = commit.and_then(|commit| session.sequence(repository, commit).ok());
    match number {
        Some(number) => output.say(&format!("added {what} to {} (commit {number})", repository.name)),
        None => output.say(&format!("{} already has {what}", repository.name)),
    }
}
