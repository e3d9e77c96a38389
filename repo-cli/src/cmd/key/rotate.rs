//! From one key to the next: both sign for a while, and the old one goes when clients have the new one.

mod evidence;

use std::collections::BTreeMap;
use std::time::SystemTime;

use apt_sign::{Certificate, Fingerprint, KeyProblem, Keyring};
use jiff::{SignedDuration, Timestamp};
use repo_config::keys::{KeyDirectory, KeyError};
use repo_store::{PublishOptions, RepositorySettings};
use serde::Serialize;

use super::serve::{self, Content, KeyringPackageJson};
use super::{ForceArguments, GenerateArguments};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Output, count};
use crate::session::{Publishing, Session};

#[derive(Clone, Debug, clap::Args)]
pub(super) struct RotateArguments {
    /// The repository whose keys are rotated: with them the keys of every repository that they sign
    #[arg(value_name = "REPOSITORY", required_unless_present = "all", conflicts_with = "all")]
    repository: Option<String>,
    /// Rotate the keys of all repositories
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    key: GenerateArguments,
    /// Show what would be done and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct RetireArguments {
    /// The key, as `key list` names it
    #[arg(value_name = "FINGERPRINT", value_parser = Fingerprint::parse)]
    fingerprint: Fingerprint,
    #[command(flatten)]
    force: ForceArguments,
    /// Show what would be done and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// The keys that can sign from now on, the oldest first. One that is revoked signs on beside a good one, but nothing can rest on it.
///
/// A key that was made later than the clock says is no reason to make another one.
pub(super) fn usable(
    keys: &KeyDirectory,
    session: &Session,
    output: &Output,
) -> Result<Vec<Certificate>, Failure> {
    let (mut certificates, warnings) = keys.certificates()?;
    // After they were read: another rotation may make a key meanwhile.
    let now = SystemTime::from(session.context().now);
    warnings.into_iter().for_each(|warning| output.warn(warning.code(), warning.to_string()));
    if let Some(created) = certificates.iter().map(Certificate::created).find(|created| *created > now) {
        let created = Timestamp::try_from(created).unwrap_or(Timestamp::MAX);
        return Err(KeyError::ClockBeforeKey { now: session.context().now, created }.into());
    }
    certificates.retain(|certificate| !certificate.problems(now).iter().any(KeyProblem::is_fatal));
    Ok(certificates)
}

/// Repositories that the same keys sign.
pub(super) struct Group<'a> {
    pub(super) keys: KeyDirectory,
    pub(super) repositories: Vec<&'a RepositorySettings>,
}

/// Returns the groups of repositories that a key signs, or could sign.
pub(super) fn groups_signed_by<'a>(
    fingerprint: &Fingerprint,
    session: &'a Session,
) -> Result<Vec<Group<'a>>, Failure> {
    let mut signed = Vec::new();
    for group in groups(session, &session.repositories(&[])?) {
        let (of_group, _) = group.keys.certificates()?;
        if of_group.iter().any(|certificate| certificate.fingerprint() == *fingerprint) {
            signed.push(group);
        }
    }
    Ok(signed)
}

/// Puts those together that have the same list of keys, or none.
fn groups<'a>(session: &Session, repositories: &[&'a RepositorySettings]) -> Vec<Group<'a>> {
    let mut lists: BTreeMap<Option<Vec<Fingerprint>>, Vec<&'a RepositorySettings>> = BTreeMap::new();
    for repository in repositories {
        let mut list = session.config.keys_of(&repository.name);
        list.iter_mut().for_each(|list| list.sort_unstable());
        lists.entry(list).or_default().push(repository);
    }
    let groups = lists.into_iter();
    groups.map(|(list, repositories)| Group { keys: session.keys().limited_to(list), repositories }).collect()
}

pub(super) fn rotate(
    arguments: &RotateArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let all = session.repositories(&[])?;
    let mut groups = groups(session, &all);
    if let Some(name) = &arguments.repository {
        let name = &session.repository(name)?.name;
        groups.retain(|group| group.repositories.iter().any(|repository| repository.name == *name));
    }
    let mut done = Rotated::default();
    for group in &groups {
        rotate_group(arguments, group, session, output, &mut done)?;
    }
    let document = RotatedJson {
        dry_run: arguments.dry_run,
        failed: &done.failed,
        fingerprint: done.fingerprints.first().and_then(Option::as_deref),
        fingerprints: Some(done.fingerprints.as_slice()).filter(|all| all.len() > 1),
        keyrings: &done.keyrings,
    };
    output.result(&document, || {});
    Ok(Outcome::of(done.failed.is_empty()))
}

/// What became of a rotation.
#[derive(Default)]
struct Rotated {
    /// The new keys, one for each group.
    fingerprints: Vec<Option<String>>,
    keyrings: Vec<serve::KeyringPackageJson>,
    failed: Vec<String>,
}

fn rotate_group(
    arguments: &RotateArguments,
    group: &Group<'_>,
    session: &Session,
    output: &Output,
    done: &mut Rotated,
) -> Result<(), Failure> {
    let Group { keys, repositories } = group;
    let usable = usable(keys, session, output)?;
    let Some(newest) = usable.last() else {
        // Says why. No client would accept what another key signs.
        keys.signer(session.context().now.into())?;
        return Ok(());
    };
    // What is kept elsewhere signs beside the keys here, and is replaced there.
    let mut signing = Vec::with_capacity(usable.len());
    for key in &usable {
        if !keys.is_external(&key.fingerprint())? {
            signing.push(key.clone());
        }
    }
    if signing.is_empty() {
        return Err(KeyError::Elsewhere { fingerprint: newest.fingerprint() }.into());
    }
    // Two keys: a rotation that was begun, and perhaps interrupted.
    let begun = signing.len() > 1;
    if arguments.dry_run {
        let key = signing.last().filter(|_| begun).map(|key| key.fingerprint().to_string());
        match &key {
            Some(key) => output.say(&format!("would go on with the rotation to key {key}")),
            None => output.say("would make a new key and sign with both from then on"),
        }
        let brought = if begun {
            let content = |_: &RepositorySettings| Content::of(&keys.keyring()?.0);
            serve::foretell(session, repositories, &content, output)?
        } else {
            serve::foretell_changed(session, repositories, output)?.keyrings
        };
        done.keyrings.extend(brought);
        done.fingerprints.push(key);
        return Ok(());
    }
    let fingerprint = match signing.last().filter(|_| begun) {
        Some(newest) => {
            output.say(&format!("a rotation to key {} is under way", newest.fingerprint()));
            newest.fingerprint()
        }
        None => {
            let key = arguments.key.make(session, signing.last(), succeeded(session, &signing))?;
            output.say(&format!("made key {}", key.fingerprint()));
            key.fingerprint()
        }
    };
    // Without a list the new key signs everywhere.
    let everywhere = session.repositories(&[])?;
    let signed = if session.config.has_lists_of_keys() { repositories } else { &everywhere };
    let publishing = Publishing { again: true, ..Publishing::default() };
    let brought = serve::bring(session, signed, publishing, output)?;
    for old in signing.iter().filter(|old| old.fingerprint() != fingerprint) {
        let (old, days) = (old.fingerprint(), longest_wait(signed).as_hours() / 24);
        output.say(&format!("both keys sign now; after {days} days: repo-cli key retire {old}"));
    }
    done.fingerprints.push(Some(fingerprint.to_string()));
    done.keyrings.extend(brought.keyrings);
    done.failed.extend(brought.failed);
    Ok(())
}

/// The keys that a new one is noted to replace: where no repository lists its keys, nobody needs to know.
pub(super) fn succeeded(session: &Session, keys: &[Certificate]) -> Vec<Fingerprint> {
    let lists = session.config.has_lists_of_keys();
    keys.iter().filter(|_| lists).map(Certificate::fingerprint).collect()
}

/// How long the keyring with a new key must have been there before the old one goes: for all repositories the longest.
fn longest_wait(repositories: &[&RepositorySettings]) -> SignedDuration {
    repositories.iter().map(|repository| wait(repository)).max().unwrap_or(SHORTEST_WAIT)
}

/// A machine that is off over the holidays still hears of the new key.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_hours(30 * 24);

fn wait(repository: &RepositorySettings) -> SignedDuration {
    let validity = repository.valid_for.unwrap_or_default();
    SHORTEST_WAIT.max(validity.saturating_add(validity))
}

pub(super) fn retire(
    arguments: &RetireArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    retire_key(&arguments.fingerprint, arguments.force.force, arguments.dry_run, session, output)
}

pub(super) fn retire_key(
    fingerprint: &Fingerprint,
    force: bool,
    dry_run: bool,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let now = SystemTime::from(session.context().now);
    let repositories = session.repositories(&[])?;
    // A key that was made a moment ago may be all that is left.
    let options = PublishOptions { allow_key_change: force, ..PublishOptions::default() };
    let publishing = Publishing { options, ..Publishing::default() };
    let (certificates, _) = session.keys().certificates()?;
    if !certificates.iter().any(|certificate| certificate.fingerprint() == *fingerprint) {
        // Set aside already: what an interrupted command left to do is done.
        session.keys().retire(fingerprint, now)?;
        output.say(&format!("key {fingerprint} is already retired"));
        if dry_run {
            output.result(&document(fingerprint, true, &serve::Brought::default(), &[]), || {});
            return Ok(Outcome::Done);
        }
        let brought = serve::bring(session, &repositories, publishing, output)?;
        output.result(&document(fingerprint, false, &brought, &[]), || {});
        return Ok(Outcome::of(brought.failed.is_empty()));
    }
    // Those that it signs, and for each what is left.
    let mut signed = Vec::new();
    let mut lacking = Vec::new();
    for group in groups_signed_by(fingerprint, session)? {
        let mut others = usable(&group.keys, session, output)?;
        others.retain(|certificate| certificate.fingerprint() != *fingerprint);
        let Some(newest) = others.last() else {
            return Err(KeyError::LastKey { fingerprint: fingerprint.clone() }.into());
        };
        lacking.extend(unmet(session, &group.repositories, &newest.fingerprint())?);
        lacking.extend(evidence::lacking(session, &group.repositories, &newest.fingerprint())?);
        signed.extend(group.repositories);
    }
    let repositories = signed;
    if session.keys().is_external(fingerprint)? {
        return Err(KeyError::Elsewhere { fingerprint: fingerprint.clone() }.into());
    }
    if !force && !dry_run && !lacking.is_empty() {
        lacking.iter().for_each(|reason| output.note(reason));
        output.result(&document(fingerprint, false, &serve::Brought::default(), &lacking), || {});
        return Err(Failure::NotRetirable { fingerprint: fingerprint.clone(), unmet: lacking.len() });
    }
    lacking.iter().for_each(|reason| output.warn("W-RETIRE", reason.clone()));
    // All that are left, also those that cannot sign: a revocation is for clients.
    let content = |repository: &RepositorySettings| {
        let (certificates, _) = session.keys_of(&repository.name).certificates()?;
        let left = certificates.into_iter().filter(|certificate| certificate.fingerprint() != *fingerprint);
        Content::of(&Keyring::new(left.collect()))
    };
    if dry_run {
        output.say(&format!("would set key {fingerprint} aside"));
        serve::foretell(session, &repositories, &content, output)?;
        output.result(&document(fingerprint, true, &serve::Brought::default(), &lacking), || {});
        return Ok(Outcome::Done);
    }
    // The keyring first: should this be interrupted, both keys sign it.
    let mut brought = serve::add(session, &repositories, &content, output);
    if !brought.failed.is_empty() {
        output.result(&document(fingerprint, false, &brought, &lacking), || {});
        return Ok(Outcome::Refused);
    }
    session.keys().retire(fingerprint, now)?;
    output.say(&format!("set key {fingerprint} aside: it signs no more"));
    serve::publish(session, &repositories, publishing, &mut brought, output);
    output.result(&document(fingerprint, false, &brought, &lacking), || {});
    Ok(Outcome::of(brought.failed.is_empty()))
}

fn document<'a>(
    fingerprint: &'a Fingerprint,
    dry_run: bool,
    brought: &'a serve::Brought,
    unmet: &'a [String],
) -> RetiredJson<'a> {
    let (failed, keyrings) = (brought.failed.as_slice(), brought.keyrings.as_slice());
    RetiredJson { dry_run, failed, fingerprint: Text(fingerprint), keyrings, unmet }
}

/// The document of `key rotate`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RotatedJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The repositories that failed
    failed: &'a [String],
    /// The fingerprint of the new key, the first of several; null for one that would be made
    fingerprint: Option<&'a str>,
    /// The fingerprints of all new keys, null for those that would be made; absent when there is one
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprints: Option<&'a [Option<String>]>,
    /// The keyring packages of the others
    keyrings: &'a [KeyringPackageJson],
}

impl JsonDocument for RotatedJson<'_> {}

/// The document of `key retire`, and of `key revoke --force`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RetiredJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The repositories that failed
    failed: &'a [String],
    /// The fingerprint of the key
    fingerprint: Text<&'a Fingerprint>,
    /// The keyring packages of the others
    keyrings: &'a [KeyringPackageJson],
    /// What speaks against it, in words
    unmet: &'a [String],
}

impl JsonDocument for RetiredJson<'_> {}

/// What speaks against going on with this key alone, for each repository.
fn unmet(
    session: &Session,
    repositories: &[&RepositorySettings],
    newest: &Fingerprint,
) -> Result<Vec<String>, Failure> {
    let now = session.context().now;
    let mut reasons = Vec::new();
    for repository in repositories {
        let service = session.store.keyring_service(&repository.name, newest)?;
        let (name, package) = (&repository.name, repository.name.keyring_package());
        if !service.is_published {
            continue;
        }
        if !service.lacking.is_empty() {
            let suites = service.lacking.join(", ");
            reasons.push(format!(
                "{name}: no {package} with the new key in {suites} (run repo-cli key publish)"
            ));
            continue;
        }
        let wait = wait(repository);
        let days = count(usize::try_from(wait.as_hours() / 24).unwrap_or_default(), "day");
        match service.since {
            None => reasons.push(format!(
                "{name}: {package} with the new key was not noted as published (run repo-cli key publish)"
            )),
            Some(since) if now.duration_since(since) < wait => {
                let until = since.checked_add(wait).unwrap_or(Timestamp::MAX);
                reasons.push(format!(
                    "{name}: {package} with the new key is published since {}; it must be for {days}, until {}",
                    clock::minute(since),
                    clock::minute(until)
                ));
            }
            Some(_) => {}
        }
    }
    Ok(reasons)
}
