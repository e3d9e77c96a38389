//! Taking keys in, and changing those that are there.

use std::time::SystemTime;

use apt_sign::{Certificate, Fingerprint, RevocationReason};
use camino::Utf8PathBuf;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use repo_config::FromText as _;
use repo_config::keys::{KeyDirectory, KeyError};
use repo_store::RepositorySettings;
use serde::Serialize;

use super::serve::KeyringPackageJson;
use super::{ForceArguments, GenerateArguments, rotate, serve};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::Output;
use crate::passphrase;
use crate::session::{Publishing, Session};

/// A file with a secret key.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct KeyFile {
    /// A file with one secret key: one of keys/, or what `gpg --export-secret-keys` writes, armored or binary
    #[arg(value_name = "FILE")]
    file: Utf8PathBuf,
    /// The file whose first line is the passphrase of the key
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<Utf8PathBuf>,
}

impl std::fmt::Display for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)
    }
}

impl KeyFile {
    /// Names a file.
    pub(crate) fn new(file: Utf8PathBuf, passphrase_file: Option<Utf8PathBuf>) -> Self {
        Self { file, passphrase_file }
    }

    /// Takes the key into a directory of keys, or finds out with `dry_run` whether it could. Returns its fingerprint, and whether it is new
    /// there.
    pub(crate) fn take(
        &self,
        keys: &KeyDirectory,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<(Fingerprint, bool), Failure> {
        let Self { file, passphrase_file } = self;
        let bytes = std::fs::read(file).map_err(Failure::io("read", file))?;
        let failed = |path: &Utf8PathBuf| {
            let place = path.to_string();
            move |source| apt_sign::Error::Passphrase { place, source }
        };
        let now = SystemTime::from(now);
        let import = |passphrase: Option<&str>| match dry_run {
            true => keys.plan_import(&bytes, passphrase, now),
            false => keys.import(&bytes, passphrase, now),
        };
        let imported = match passphrase_file {
            Some(path) => {
                let passphrase = passphrase::read(path).map_err(failed(path))?;
                import(Some(&passphrase))
            }
            None => match import(None) {
                // Another tool protected it, perhaps with the passphrase of our keys; or a person knows it.
                Err(KeyError::Key(error @ apt_sign::Error::Locked { .. })) => match keys.passphrase()? {
                    Some(passphrase) => import(Some(&passphrase)),
                    None => Err(error.into()),
                },
                imported => imported,
            },
        };
        let (key, is_new) = imported.map_err(|error| match error {
            KeyError::Key(source @ apt_sign::Error::Malformed { .. }) => {
                KeyError::BadKey { path: file.clone(), source }
            }
            error => error,
        })?;
        Ok((key.fingerprint(), is_new))
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ImportArguments {
    #[command(flatten)]
    file: KeyFile,
    /// Show what would be done and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ExtendArguments {
    /// The key, as `key list` names it
    #[arg(value_name = "FINGERPRINT", value_parser = Fingerprint::parse)]
    fingerprint: Fingerprint,
    /// When the key expires: a date, a time from now such as 3y or 400d, or never
    #[arg(long, value_name = "WHEN", value_parser = Expiry::parse)]
    expires: Expiry,
    /// Show what would be done and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct RevokeArguments {
    /// The key, as `key list` names it
    #[arg(value_name = "FINGERPRINT", value_parser = Fingerprint::parse)]
    fingerprint: Fingerprint,
    /// Why: others may have the secret key, or another key replaces it
    #[arg(long, value_enum, default_value = "compromised")]
    reason: Reason,
    #[command(flatten)]
    force: ForceArguments,
    #[command(flatten)]
    key: GenerateArguments,
    /// Show what would be done and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Reason {
    /// Others may have the secret key
    Compromised,
    /// Another key replaces it
    Superseded,
}

/// When a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    Never,
    On(jiff::civil::Date),
    Years(i64),
    In(SignedDuration),
}

/// No key is made for longer.
const MOST_YEARS: i64 = 100;

impl Expiry {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        if let Ok(date) = text.parse::<jiff::civil::Date>() {
            return Ok(Self::On(date));
        }
        let years = text.strip_suffix('y').and_then(|years| years.trim_end().parse::<i64>().ok());
        if let Some(years) = years {
            let is_good = (1..=MOST_YEARS).contains(&years);
            return is_good.then_some(Self::Years(years)).ok_or_else(|| "expected 1y to 100y".to_owned());
        }
        SignedDuration::from_text(text).map(Self::In).map_err(|_| {
            format!("invalid time `{}`; use for example 2029-11-27, 3y, 400d or never", text.escape_debug())
        })
    }

    /// Returns the moment, which is the beginning of a day: the same words given again on that day mean the same.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a moment that is not to come, or too far away for a signature.
    pub(super) fn moment(self, now: Timestamp) -> Result<Option<SystemTime>, Failure> {
        let utc = jiff::tz::TimeZone::UTC;
        let today = now.to_zoned(utc.clone()).date();
        let date = match self {
            Self::Never => return Ok(None),
            Self::On(date) => Some(date),
            Self::Years(years) => today.checked_add(years.years()).ok(),
            Self::In(time) => now.checked_add(time).ok().map(|then| then.to_zoned(utc.clone()).date()),
        };
        let time = date.and_then(|date| date.to_zoned(utc).ok()).map(|zoned| zoned.timestamp());
        match time.filter(|time| *time > now && time.as_second() < i64::from(u32::MAX)) {
            Some(time) => Ok(Some(SystemTime::from(time))),
            None => Err(Failure::Usage("--expires must be a day to come, before 2106")),
        }
    }
}

/// The document of `key import`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ImportedKeyJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The fingerprint of the key
    fingerprint: Text<&'a Fingerprint>,
    /// Whether the store did not have it before
    new: bool,
}

impl JsonDocument for ImportedKeyJson<'_> {}

/// The document of `key extend`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ExtendedKeyJson<'a> {
    /// Whether the key ended at another time before
    changed: bool,
    /// Whether nothing was changed
    dry_run: bool,
    /// The repositories that failed
    failed: &'a [String],
    /// The fingerprint of the key
    fingerprint: Text<&'a Fingerprint>,
    /// The keyring packages of the others
    keyrings: &'a [KeyringPackageJson],
}

impl JsonDocument for ExtendedKeyJson<'_> {}

/// The document of `key revoke`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RevokedKeyJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The repositories that failed
    failed: &'a [String],
    /// The fingerprint of the key
    fingerprint: Text<&'a Fingerprint>,
    /// The keyring packages of the others
    keyrings: &'a [KeyringPackageJson],
    /// The key that signs besides it; null when there is none
    signs_too: Option<Text<&'a Fingerprint>>,
}

impl JsonDocument for RevokedKeyJson<'_> {}

pub(super) fn import(
    arguments: &ImportArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let ImportArguments { file: KeyFile { passphrase_file, .. }, dry_run } = arguments;
    let (fingerprint, is_new) = arguments.file.take(session.keys(), session.context().now, *dry_run)?;
    let document = ImportedKeyJson { dry_run: *dry_run, fingerprint: Text(&fingerprint), new: is_new };
    output.result(&document, || output.line(&fingerprint.to_string()));
    if is_new && passphrase_file.is_some() && session.keys().passphrase()?.is_none() {
        let what = "the key is kept without a passphrase: none is configured for the keys of the store (`passphrase_file` in [signing])";
        output.warn("W-KEY-OPEN", what.to_owned());
    }
    if is_new && *dry_run {
        output.say("would import the key, which would sign from the next publication on");
    } else if is_new {
        output.say("imported the key; it signs from the next publication on. To bring it to clients: repo-cli key publish");
    } else {
        output.say("the key is already there");
    }
    Ok(Outcome::Done)
}

pub(super) fn extend(
    arguments: &ExtendArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let now = session.context().now;
    let expires = arguments.expires.moment(now)?;
    let certificates = session.keys().certificates()?.0;
    let known = known(&arguments.fingerprint, &certificates, session)?;
    if known.created() > SystemTime::from(now) {
        let created = Timestamp::try_from(known.created()).unwrap_or(Timestamp::MAX);
        return Err(KeyError::ClockBeforeKey { now, created }.into());
    }
    let changed = if arguments.dry_run {
        known.expires() != expires
    } else {
        session.keys().extend(&arguments.fingerprint, expires, now.into())?
    };
    let end = expires.and_then(|time| Timestamp::try_from(time).ok());
    let end = end.map_or_else(|| "never".to_owned(), |time| format!("on {}", time.strftime("%Y-%m-%d")));
    let fingerprint = &arguments.fingerprint;
    let expires = |end: &str, verb: &str| match end {
        "never" => format!("{verb} never expire"),
        end => format!("{verb} expire {end}"),
    };
    output.say(&match (changed, arguments.dry_run) {
        (true, true) => format!("key {fingerprint} {}", expires(&end, "would")),
        (true, false) => format!("key {fingerprint} {}", expires(&end, "will")),
        (false, _) => format!("key {fingerprint} already expires {end}"),
    });
    let repositories = session.repositories(&[])?;
    let brought = match (arguments.dry_run, changed) {
        (false, _) => serve::bring(session, &repositories, Publishing::default(), output)?,
        (true, true) => serve::foretell_changed(session, &repositories, output)?,
        (true, false) => serve::foretell_present(session, &repositories, output)?,
    };
    let document = ExtendedKeyJson {
        changed,
        dry_run: arguments.dry_run,
        failed: &brought.failed,
        fingerprint: Text(fingerprint),
        keyrings: &brought.keyrings,
    };
    output.result(&document, || {});
    Ok(Outcome::of(brought.failed.is_empty()))
}

/// Returns a key that is kept here, and so can be changed.
fn known<'a>(
    fingerprint: &Fingerprint,
    certificates: &'a [Certificate],
    session: &Session,
) -> Result<&'a Certificate, Failure> {
    let known = certificates.iter().find(|certificate| certificate.fingerprint() == *fingerprint);
    let known = known.ok_or_else(|| KeyError::UnknownKey { fingerprint: fingerprint.clone() })?;
    if session.keys().is_external(fingerprint)? {
        return Err(KeyError::Elsewhere { fingerprint: fingerprint.clone() }.into());
    }
    Ok(known)
}

pub(super) fn revoke(
    arguments: &RevokeArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (now, fingerprint) = (session.context().now, &arguments.fingerprint);
    let (certificates, _) = session.keys().certificates()?;
    if arguments.force.force && session.keys().is_retired(fingerprint)? {
        // What an interrupted command left to do is done.
        return rotate::retire_key(fingerprint, true, arguments.dry_run, session, output);
    }
    let known = known(fingerprint, &certificates, session)?;
    let signed = Signed::by(fingerprint, session, output)?;
    if arguments.dry_run {
        return foretell_revocation(arguments, &signed, session, output);
    }
    // The new key first: a repository with a revoked key alone would be lost.
    let other = if signed.needs_key {
        let succeeded = rotate::succeeded(session, std::slice::from_ref(known));
        let key = arguments.key.make(session, Some(known), succeeded)?;
        output.say(&format!("made key {}", key.fingerprint()));
        Some(key.fingerprint())
    } else {
        signed.other
    };
    let reason = match arguments.reason {
        Reason::Compromised => RevocationReason::Compromised,
        Reason::Superseded => RevocationReason::Superseded,
    };
    let changed = session.keys().revoke(fingerprint, reason, now.into())?;
    let was = if changed { "revoked" } else { "already revoked" };
    let how = if arguments.force.force { "instead of it" } else { "with it" };
    output.say(&match &other {
        Some(other) => format!("key {fingerprint} is {was}; key {other} signs {how}"),
        None => format!("key {fingerprint} is {was}; it signs nothing"),
    });
    if arguments.force.force {
        return rotate::retire_key(fingerprint, true, false, session, output);
    }
    let publishing = Publishing { again: true, ..Publishing::default() };
    let brought = serve::bring(session, &signed.repositories, publishing, output)?;
    let document = RevokedKeyJson {
        dry_run: false,
        failed: &brought.failed,
        fingerprint: Text(fingerprint),
        keyrings: &brought.keyrings,
        signs_too: other.as_ref().map(Text),
    };
    output.result(&document, || {});
    if !brought.failed.is_empty() {
        return Ok(Outcome::Refused);
    }
    output.say(&format!(
        "the revoked key signs on until machines have the other one; then: repo-cli key retire {fingerprint}"
    ));
    Ok(Outcome::Done)
}

/// What a key signs, and what signs beside it.
struct Signed<'a> {
    repositories: Vec<&'a RepositorySettings>,
    /// Another key that signs, where there is one.
    other: Option<Fingerprint>,
    /// Whether some repository has no other key.
    needs_key: bool,
}

impl<'a> Signed<'a> {
    fn by(fingerprint: &Fingerprint, session: &'a Session, output: &Output) -> Result<Self, Failure> {
        let mut signed = Self { repositories: Vec::new(), other: None, needs_key: false };
        for group in rotate::groups_signed_by(fingerprint, session)? {
            let usable = rotate::usable(&group.keys, session, output)?;
            let mut fingerprints = usable.iter().rev().map(Certificate::fingerprint);
            let other = fingerprints.find(|other| other != fingerprint);
            signed.needs_key |= other.is_none();
            signed.other = signed.other.or(other);
            signed.repositories.extend(group.repositories);
        }
        Ok(signed)
    }
}

/// Shows what a revocation would do.
fn foretell_revocation(
    arguments: &RevokeArguments,
    signed: &Signed<'_>,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let fingerprint = &arguments.fingerprint;
    let is_revoked = session.keys().is_revoked(fingerprint);
    let other = signed.other.as_ref().filter(|_| !signed.needs_key);
    let besides = match other {
        Some(other) => format!("key {other}"),
        None if signed.needs_key => "a new key".to_owned(),
        None => "nothing".to_owned(),
    };
    let how = if arguments.force.force { "instead of it" } else { "with it" };
    output.say(&match is_revoked {
        true => format!("key {fingerprint} is already revoked; {besides} would sign {how}"),
        false => format!("would revoke key {fingerprint}; {besides} would sign {how}"),
    });
    let is_same = is_revoked && !signed.needs_key && !arguments.force.force;
    let brought = if is_same {
        serve::foretell_present(session, &signed.repositories, output)?
    } else {
        serve::foretell_changed(session, &signed.repositories, output)?
    };
    let document = RevokedKeyJson {
        dry_run: true,
        failed: &brought.failed,
        fingerprint: Text(fingerprint),
        keyrings: &brought.keyrings,
        signs_too: other.map(Text),
    };
    output.result(&document, || {});
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_an_end_mean_the_beginning_of_a_day_to_come() {
        let now: Timestamp = "2026-11-27T09:00:00Z".parse().unwrap();
        let of = |text: &str| Expiry::parse(text).unwrap().moment(now);
        let day = |text: &str| {
            let end = of(text).unwrap().unwrap();
            Timestamp::try_from(end).unwrap().to_string()
        };
        assert_eq!(of("never").unwrap(), None);
        assert_eq!(day("2029-11-27"), "2029-11-27T00:00:00Z");
        assert_eq!(day("3y"), "2029-11-27T00:00:00Z");
        assert_eq!(day("400d"), "2028-01-01T00:00:00Z");
        for gone in ["2026-11-27", "2020-01-01", "1h", "2106-03-01"] {
            assert!(matches!(of(gone), Err(Failure::Usage(_))), "{gone}");
        }
        for bad in ["", "0y", "101y", "soon", "-3y", "3 years"] {
            assert!(Expiry::parse(bad).is_err(), "{bad}");
        }
    }
}
