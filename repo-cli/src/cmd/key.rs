//! Signing keys, from their making to their end.

pub(crate) mod certify;
pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod rotate;
pub(crate) mod serve;

use std::time::SystemTime;

use self::serve::KeyringPackageJson;
use apt_sign::{Certificate, Fingerprint, KeyAlgorithm, SecretKey, UserId};
use clap::Subcommand;
use repo_config::keys::NewKey;
use serde::Serialize;

use self::certify::CertifyArguments;
pub(crate) use self::change::KeyFile;
use self::change::{Expiry, ExtendArguments, ImportArguments, RevokeArguments};
use self::rotate::{RetireArguments, RotateArguments};
use crate::clock::{self, Hazard};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, RowLimit};
use crate::session::{Publishing, Session};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct KeyArguments {
    #[command(subcommand)]
    command: KeyCommand,
}

impl KeyArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        match &self.command {
            KeyCommand::Rotate(arguments) => !arguments.dry_run,
            KeyCommand::Retire(arguments) => !arguments.dry_run,
            KeyCommand::Publish { dry_run, .. } => !dry_run,
            KeyCommand::Extend(arguments) => !arguments.dry_run,
            KeyCommand::Revoke(arguments) => !arguments.dry_run,
            KeyCommand::Generate { .. }
            | KeyCommand::List
            | KeyCommand::Export { .. }
            | KeyCommand::Import(_)
            | KeyCommand::Certify(_)
            | KeyCommand::Check => false,
        }
    }

    /// Returns whether the verb changes the store or the keys beside it.
    pub(crate) fn changes(&self) -> bool {
        match &self.command {
            KeyCommand::Generate { dry_run, .. } => !dry_run,
            KeyCommand::Import(arguments) => !arguments.dry_run,
            KeyCommand::Certify(_) => true,
            _ => self.writes(),
        }
    }
}

#[derive(Clone, Debug, Subcommand)]
enum KeyCommand {
    /// Make another key: from the next publication on every key signs
    Generate {
        #[command(flatten)]
        key: GenerateArguments,
        /// Show what would be done and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List the keys
    List,
    /// Print the public keys, as clients need them
    Export {
        /// In binary, for a file that ends in .gpg
        #[arg(long)]
        binary: bool,
        /// Only those that sign this repository
        #[arg(long, value_name = "NAME")]
        repository: Option<String>,
    },
    /// Import a secret key from a file
    Import(ImportArguments),
    /// Make the public key of a command that signs, from what the key service gives
    Certify(CertifyArguments),
    /// Publish the keyring packages, by which machines get new keys
    Publish {
        /// The repositories [default: all]; a failure does not stop the others
        #[arg(value_name = "REPOSITORY")]
        repositories: Vec<String>,
        /// Show what would be done and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Make a new key, sign with both, and bring the new key to clients; given again, completes what was interrupted
    Rotate(RotateArguments),
    /// Stop signing with a key, once clients have another
    Retire(RetireArguments),
    /// Change when a key expires
    Extend(ExtendArguments),
    /// Revoke a key, and sign with another as well
    Revoke(RevokeArguments),
    /// Check the keys; exit status 3 when something needs a person
    Check,
}

/// What a new key is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct GenerateArguments {
    /// Whose key it is, as clients see it [default: as the newest key says]
    #[arg(long, value_name = "TEXT", value_parser = UserId::parse)]
    name: Option<UserId>,
    /// Make an RSA key of 4096 bits instead of an Ed25519 key
    #[arg(long)]
    rsa4096: bool,
    /// When the key expires: a date, a time from now such as 3y or 400d [default: never]
    #[arg(long, value_name = "WHEN", value_parser = Expiry::parse)]
    expires: Option<Expiry>,
    /// Accept this hazard
    #[arg(long, value_name = "HAZARD")]
    accept: Vec<Hazard>,
}

/// Going on without evidence.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct ForceArguments {
    /// Stop signing with the key although machines may not have another
    #[arg(long)]
    force: bool,
}

impl GenerateArguments {
    /// Makes the key, named like the newest one unless a name is given.
    fn make(
        &self,
        session: &Session,
        newest: Option<&Certificate>,
        succeeds: Vec<Fingerprint>,
    ) -> Result<SecretKey, Failure> {
        let new = self.plan(session, newest, succeeds)?;
        Ok(session.keys().generate(&new, session.context().now.into())?)
    }

    /// Returns what the key is to be.
    fn plan(
        &self,
        session: &Session,
        newest: Option<&Certificate>,
        succeeds: Vec<Fingerprint>,
    ) -> Result<NewKey, Failure> {
        let now = session.context().now;
        if !self.accept.contains(&Hazard::Clock) {
            clock::check_for_key(&session.store, session.keys(), now)?;
        }
        // The newest key may come from elsewhere, with a name that gpgv does not read.
        let of_newest =
            || newest.and_then(|newest| newest.user_ids().iter().find_map(|name| UserId::parse(name).ok()));
        let user_id = match self.name.clone().or_else(of_newest) {
            Some(user_id) => user_id,
            None => UserId::parse("Archive signing key")?,
        };
        let expires = self.expires.map(|expires| expires.moment(now)).transpose()?.flatten();
        Ok(NewKey {
            user_id,
            algorithm: if self.rsa4096 { KeyAlgorithm::Rsa4096 } else { KeyAlgorithm::Ed25519 },
            validity: expires.and_then(|end| end.duration_since(now.into()).ok()),
            succeeds,
        })
    }
}

/// The document of `key generate`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct GeneratedKeyJson {
    /// Whether nothing was changed
    dry_run: bool,
    /// The new key; null with `--dry-run`
    fingerprint: Option<Text<Fingerprint>>,
    /// The name that the key would have; absent without `--dry-run`
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl JsonDocument for GeneratedKeyJson {}

/// The document of `key export`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ExportedKeysJson<'a> {
    /// The public keys, armored
    keys: &'a str,
}

impl JsonDocument for ExportedKeysJson<'_> {}

/// The document of `key publish`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PublishedKeysJson {
    /// Whether nothing was changed
    dry_run: bool,
    /// The repositories that failed
    failed: Vec<String>,
    /// The keyring packages of the others
    keyrings: Vec<KeyringPackageJson>,
}

impl JsonDocument for PublishedKeysJson {}

/// A key that signs.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct KeyJson {
    /// The algorithm, such as `ed25519`
    algorithm: String,
    /// The day on which it was made, as `2026-11-26`
    created: String,
    /// Whether the secret key is kept elsewhere
    elsewhere: bool,
    /// The day on which it expires, as `2026-11-26`; null when it never does
    expires: Option<String>,
    /// The fingerprint
    fingerprint: Text<Fingerprint>,
    /// What is wrong with it, in words
    problems: Vec<String>,
    /// `signs`, `unusable` or `revoked`
    state: &'static str,
    /// The names of the key
    user_ids: Vec<String>,
}

/// The document of `key list`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KeysJson<'a> {
    /// The keys, the oldest first
    keys: &'a [KeyJson],
    /// The fingerprints of the keys that are retired
    retired: &'a [String],
}

impl JsonDocument for KeysJson<'_> {}

pub(crate) fn run(arguments: &KeyArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let _lock = arguments.writes().then(|| session.store.lock_keys()).transpose()?;
    match &arguments.command {
        KeyCommand::Generate { key, dry_run: true } => {
            let (certificates, _) = session.keys().certificates().unwrap_or_default();
            let new = key.plan(session, certificates.last(), Vec::new())?;
            let algorithm = if key.rsa4096 { "RSA key of 4096 bits" } else { "Ed25519 key" };
            let end = match new.validity {
                Some(validity) => format!("expires in {} days", validity.as_secs().div_ceil(24 * 60 * 60)),
                None => "never expires".to_owned(),
            };
            let name = Some(new.user_id.to_string());
            let document = GeneratedKeyJson { dry_run: true, fingerprint: None, name };
            output.result(&document, || {});
            output.say(&format!("would make an {algorithm} named `{}` that {end}", new.user_id));
        }
        KeyCommand::Generate { key, dry_run: false } => {
            let (certificates, _) = session.keys().certificates().unwrap_or_default();
            let key = key.make(session, certificates.last(), Vec::new())?;
            let fingerprint = key.fingerprint();
            let document =
                GeneratedKeyJson { dry_run: false, fingerprint: Some(Text(fingerprint.clone())), name: None };
            output.result(&document, || output.line(&fingerprint.to_string()));
            output.say(
                "distribute the new key to clients (repo-cli key publish) before you retire the old one",
            );
        }
        KeyCommand::List => list(session, output)?,
        KeyCommand::Export { binary, repository } => {
            if *binary && output.is_json() {
                return Err(Failure::Usage("--json and --binary exclude each other"));
            }
            let (keyring, warnings) = match repository {
                Some(name) => session.keys_of(&session.repository(name)?.name).keyring()?,
                None => session.keys().keyring()?,
            };
            warnings.into_iter().for_each(|warning| output.warn(warning.code(), warning.to_string()));
            if *binary {
                output.bytes(&keyring.binary()?);
            } else {
                let armored = keyring.armored()?;
                let keys = armored.trim_end();
                output.result(&ExportedKeysJson { keys }, || output.line(keys));
            }
        }
        KeyCommand::Import(arguments) => return change::import(arguments, session, output),
        KeyCommand::Certify(arguments) => return certify::certify(arguments, session, output),
        KeyCommand::Publish { repositories, dry_run } => {
            let repositories = session.repositories(repositories)?;
            let brought = if *dry_run {
                serve::foretell_present(session, &repositories, output)?
            } else {
                serve::bring(session, &repositories, Publishing::default(), output)?
            };
            let is_complete = brought.failed.is_empty();
            let document =
                PublishedKeysJson { dry_run: *dry_run, failed: brought.failed, keyrings: brought.keyrings };
            output.result(&document, || {});
            return Ok(Outcome::of(is_complete));
        }
        KeyCommand::Rotate(arguments) => return rotate::rotate(arguments, session, output),
        KeyCommand::Retire(arguments) => return rotate::retire(arguments, session, output),
        KeyCommand::Extend(arguments) => return change::extend(arguments, session, output),
        KeyCommand::Revoke(arguments) => return change::revoke(arguments, session, output),
        KeyCommand::Check => return check::check(session, output),
    }
    Ok(Outcome::Done)
}

/// What a key does at the moment, in one word.
fn state(certificate: &Certificate, session: &Session, now: SystemTime) -> &'static str {
    let fingerprint: Fingerprint = certificate.fingerprint();
    if session.keys().is_revoked(&fingerprint) {
        return "revoked";
    }
    let is_refused = certificate.problems(now).iter().any(apt_sign::KeyProblem::is_fatal);
    if is_refused { "unusable" } else { "signs" }
}

fn list(session: &Session, output: &Output) -> Result<(), Failure> {
    let now = std::time::SystemTime::now();
    let day = |time| {
        let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        time.strftime("%Y-%m-%d").to_string()
    };
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    let mut json = Vec::new();
    let (certificates, warnings) = session.keys().certificates()?;
    warnings.into_iter().for_each(|warning| output.warn(warning.code(), warning.to_string()));
    for certificate in certificates {
        let problems: Vec<String> = certificate.problems(now).iter().map(ToString::to_string).collect();
        let expires = certificate.signing_ends().map(day);
        json.push(KeyJson {
            algorithm: certificate.signing_algorithm(now),
            created: day(certificate.created()),
            elsewhere: session.keys().is_external(&certificate.fingerprint())?,
            expires: expires.clone(),
            fingerprint: Text(certificate.fingerprint()),
            problems: problems.clone(),
            state: state(&certificate, session, now),
            user_ids: certificate.user_ids().iter().map(ToString::to_string).collect(),
        });
        rows.push([
            certificate.fingerprint().to_string(),
            certificate.signing_algorithm(now),
            expires.unwrap_or_else(|| "never".to_owned()),
            certificate.user_ids().join(", "),
        ]);
        let fingerprint = certificate.fingerprint();
        notes.extend(problems.into_iter().map(|problem| format!("{fingerprint}: {problem}")));
    }
    let retired = session.keys().retired()?.into_iter().map(|key| key.fingerprint().to_string());
    let retired: Vec<String> = retired.collect();
    notes.extend(retired.iter().map(|fingerprint| format!("{fingerprint}: it is retired and signs no more")));
    output.result(&KeysJson { keys: &json, retired: &retired }, || {
        output.table(
            &[
                Column::whole("FINGERPRINT"),
                Column::whole("ALGORITHM"),
                Column::whole("EXPIRES"),
                Column::text("NAME"),
            ],
            &rows,
            RowLimit::NONE,
        );
        notes.iter().for_each(|note| output.line(note));
    });
    if json.is_empty() {
        output.found_nothing("no keys");
    }
    Ok(())
}
