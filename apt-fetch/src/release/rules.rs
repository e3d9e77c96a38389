//! The rules that a Release is judged by, in the order in which they are looked at.

use std::time::{Duration, SystemTime};

use apt_sign::{Keyring, SignedBy};
use deb_parse::{Limits, Quoted, clearsign, control};
use jiff::Timestamp;

use super::{Release, ReleaseError, ReleaseFiles, ReleaseForm};
use crate::date;
use crate::sources::Options;
use crate::url::Url;

/// Who vouches for a Release.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'k> {
    /// One of these keys.
    Keys(&'k Keyring),
    /// Nobody: what comes is taken, signed or not (`Trusted: yes`).
    Anything,
}

/// What was seen of the last Release of the same source. A caller keeps it from one run to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it was made.
    pub date: Timestamp,
    /// Until when it counts.
    pub valid_until: Option<Timestamp>,
    /// Its field `Origin`.
    pub origin: Option<String>,
    /// Its field `Label`.
    pub label: Option<String>,
    /// Its field `Suite`.
    pub suite: Option<String>,
    /// Its field `Codename`.
    pub codename: Option<String>,
    /// In which files it was.
    pub form: Option<ReleaseForm>,
    /// When the server says that it was changed, as it spelled that.
    pub last_modified: Option<String>,
}

/// What a Release must be to count.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// Who vouches for it.
    pub trust: Trust<'a>,
    /// The time of the judgement.
    pub now: Timestamp,
    /// What was seen of the last one; nothing the first time.
    pub seen: Option<&'a Seen>,
    /// Whether one that has expired is taken: archives that are closed have such ones.
    pub allow_expired: bool,
    /// Whether one that is older than the last one is taken.
    pub allow_older: bool,
    /// Whether another Origin, Label or Codename is taken.
    pub allow_renamed: bool,
    /// How far ahead of `now` it may be dated; `None` for as far as it likes.
    pub max_future: Option<Duration>,
    /// For how long after its date it counts at most, whatever it says.
    pub valid_at_most: Option<Duration>,
    /// For how long after its date it counts at least, whatever it says.
    pub valid_at_least: Option<Duration>,
}

impl<'a> Rules<'a> {
    /// apt's own rules and no exceptions, for a source that is seen for the first time.
    #[must_use]
    pub fn new(trust: Trust<'a>, now: Timestamp) -> Self {
        Self {
            trust,
            now,
            seen: None,
            allow_expired: false,
            allow_older: false,
            allow_renamed: false,
            max_future: Some(Duration::from_secs(10)),
            valid_at_most: None,
            valid_at_least: None,
        }
    }

    /// Adds what the options of a source say of dates: `Check-Valid-Until`, `Check-Date` and those about lengths of time. Whose signatures
    /// count is the caller's decision.
    #[must_use]
    pub fn with_options(mut self, options: &Options) -> Self {
        self.allow_expired |= options.check_valid_until == Some(false);
        if let Some(seconds) = options.date_max_future {
            self.max_future = Some(Duration::from_secs(seconds));
        }
        if options.check_date == Some(false) {
            self.max_future = None;
            self.allow_expired = true;
        }
        self.valid_at_most = options.valid_until_max.map(Duration::from_secs).or(self.valid_at_most);
        self.valid_at_least = options.valid_until_min.map(Duration::from_secs).or(self.valid_at_least);
        self
    }

    /// Looks at the last Release again, which the server says has not changed.
    pub(super) fn check_unchanged(&self, url: &Url, seen: &Seen) -> Result<(), ReleaseError> {
        self.check_expiry(url, seen.valid_until)
    }

    fn check_expiry(&self, url: &Url, valid_until: Option<Timestamp>) -> Result<(), ReleaseError> {
        match valid_until {
            Some(valid_until) if valid_until < self.now && !self.allow_expired => {
                Err(ReleaseError::Expired { url: Box::new(url.clone()), valid_until })
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn accept(url: &Url, files: ReleaseFiles, rules: &Rules<'_>) -> Result<Release, ReleaseError> {
    let (text, signers) = verify(url, &files, rules)?;
    let at = || Box::new(url.clone());
    let parsed = control::Release::parse(&text, &Limits::default())
        .map_err(|source| ReleaseError::Malformed { url: at(), source })?;
    let read = |field, value: Option<&str>| {
        value.map(|value| {
            let value_shown = Some(Quoted::new(value));
            date::parse(value).ok_or_else(|| ReleaseError::Date { url: at(), field, value: value_shown })
        })
    };
    let made = read("Date", parsed.date()).transpose()?;
    let made = made.ok_or_else(|| ReleaseError::Date { url: at(), field: "Date", value: None })?;
    let told = read("Valid-Until", parsed.valid_until()).transpose()?;
    let valid_until = limited(made, told, rules);
    let ahead = rules.max_future.and_then(|future| rules.now.checked_add(future).ok());
    if ahead.is_some_and(|ahead| made > ahead) {
        return Err(ReleaseError::NotYetValid { url: at(), date: made });
    }
    rules.check_expiry(url, valid_until)?;
    if let Some(seen) = rules.seen {
        compare(url, &parsed, made, seen, rules)?;
    }
    Ok(Release { url: url.clone(), files, parsed, signers, date: made, valid_until, last_modified: None })
}

/// Returns what is vouched for, and by whom.
fn verify(
    url: &Url,
    files: &ReleaseFiles,
    rules: &Rules<'_>,
) -> Result<(Vec<u8>, Vec<SignedBy>), ReleaseError> {
    let at = || Box::new(url.clone());
    let now = SystemTime::from(rules.now);
    let keys = match rules.trust {
        Trust::Keys(keys) => keys,
        Trust::Anything => {
            let text = match files {
                ReleaseFiles::Inline(text) if clearsign::is_signed(text) => {
                    let payload = clearsign::payload(text);
                    payload.map_err(|source| ReleaseError::Malformed { url: at(), source })?.into_owned()
                }
                ReleaseFiles::Inline(text) | ReleaseFiles::Detached(text, _) => text.clone(),
            };
            return Ok((text, Vec::new()));
        }
    };
    let verified = match files {
        ReleaseFiles::Inline(text) if !clearsign::is_signed(text) => {
            return Err(match looks_like_release(text) {
                true => ReleaseError::Unsigned { url: at() },
                false => ReleaseError::NotARelease { url: at() },
            });
        }
        ReleaseFiles::Inline(text) => keys.verify_inline(text, now),
        ReleaseFiles::Detached(text, _) if !looks_like_release(text) => {
            return Err(ReleaseError::NotARelease { url: at() });
        }
        ReleaseFiles::Detached(_, None) => return Err(ReleaseError::Unsigned { url: at() }),
        ReleaseFiles::Detached(text, Some(signature)) => keys.verify_detached(text, signature, now),
    };
    let verified = verified.map_err(|source| ReleaseError::Signature { url: at(), source })?;
    let signers = verified.signers().to_vec();
    Ok((verified.into_text(), signers))
}

/// Whether a text starts with a field, as no page for people does.
fn looks_like_release(text: &[u8]) -> bool {
    let name = text.split(|c| *c == b':').next().unwrap_or_default();
    name.len() < text.len()
        && !name.is_empty()
        && name.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'-')
}

/// Returns until when a Release counts, by what it says and by the rules.
fn limited(made: Timestamp, told: Option<Timestamp>, rules: &Rules<'_>) -> Option<Timestamp> {
    let after = |length: Option<Duration>| made.checked_add(length?).ok();
    let most = after(rules.valid_at_most);
    let until = [told, most].into_iter().flatten().min()?;
    Some(after(rules.valid_at_least).map_or(until, |least| until.max(least)))
}

/// Compares a Release with the last one.
fn compare(
    url: &Url,
    parsed: &control::Release,
    made: Timestamp,
    seen: &Seen,
    rules: &Rules<'_>,
) -> Result<(), ReleaseError> {
    if made < seen.date && !rules.allow_older {
        return Err(ReleaseError::WentBack { url: Box::new(url.clone()), date: made, seen: seen.date });
    }
    if rules.allow_renamed {
        return Ok(());
    }
    for (field, before, now) in [
        ("Origin", &seen.origin, parsed.origin()),
        ("Label", &seen.label, parsed.label()),
        ("Codename", &seen.codename, parsed.codename()),
    ] {
        if before.as_deref() != now {
            let found = now.map(str::to_owned);
            return Err(ReleaseError::Renamed {
                url: Box::new(url.clone()),
                field,
                seen: before.clone(),
                found,
            });
        }
    }
    Ok(())
}
