//! What about the keys needs a person.

use std::time::{Duration, SystemTime};

use apt_sign::KeyProblem;
use repo_config::keys::KeyWarning;
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Column, Output, RowLimit, count};
use crate::session::Session;

/// So many days before its end a key needs a person.
const URGENT: u64 = 30;

/// Something about the keys.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Finding {
    /// What to do; null when there is nothing to do
    pub(crate) action: Option<String>,
    /// What was found, in words
    pub(crate) message: String,
    /// `attention` when a person has to do something, or else `note`
    severity: &'static str,
    /// The fingerprint of a key, the name of a repository, or a file
    pub(crate) subject: String,
}

/// The document of `key check`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KeyCheckJson<'a> {
    /// How many of them need a person
    attention: usize,
    /// What was found, what needs a person first
    findings: &'a [Finding],
}

impl JsonDocument for KeyCheckJson<'_> {}

impl Finding {
    pub(crate) fn needs_a_person(&self) -> bool {
        self.severity == "attention"
    }
}

/// Returns what there is to say about the keys, what needs a person first.
pub(crate) fn findings(session: &Session) -> Result<Vec<Finding>, Failure> {
    let mut findings = of_keys(session);
    findings.extend(of_repositories(session)?);
    findings.sort_by_key(|finding| !finding.needs_a_person());
    Ok(findings)
}

pub(super) fn check(session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let findings = findings(session)?;
    let attention = findings.iter().filter(|finding| finding.needs_a_person()).count();
    let rows: Vec<[String; 4]> = findings
        .iter()
        .map(|finding| {
            [
                finding.severity.to_owned(),
                finding.subject.clone(),
                finding.message.clone(),
                finding.action.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output.result(&KeyCheckJson { attention, findings: &findings }, || {
        output.table(
            &[
                Column::whole("SEVERITY"),
                Column::words("SUBJECT"),
                Column::text("FINDING"),
                Column::text("ACTION"),
            ],
            &rows,
            RowLimit::NONE,
        );
    });
    if attention == 0 {
        output.say("the keys are in order");
        return Ok(Outcome::Done);
    }
    output.say(&format!("{} for attention", count(attention, "finding")));
    Ok(Outcome::Different)
}

fn of_keys(session: &Session) -> Vec<Finding> {
    let now = SystemTime::from(session.context().now);
    let attention = |subject: String, message: String, action: Option<String>| Finding {
        severity: "attention",
        subject,
        message,
        action,
    };
    // What keeps anything from being signed, such as a mode that lets others read a key. Whatever is wrong with one of several is told below.
    let refused = session.keys().signer(now).err();
    let Some(found) = session.keys().inspect(now) else {
        let message = "the directory of keys cannot be read".to_owned();
        return vec![attention("keys".to_owned(), message, None)];
    };
    let mut findings = Vec::new();
    if let Some(refused) = refused.filter(|_| !found.no_file && found.faults.is_empty()) {
        let action = Some("repo-cli fsck --repair".to_owned());
        findings.push(attention("keys".to_owned(), crate::error::chain(&refused), action));
    }
    if found.no_file {
        let action = Some("repo-cli key generate".to_owned());
        findings.push(attention("keys".to_owned(), "the store has no signing key".to_owned(), action));
    }
    for (path, error) in &found.faults {
        let name = path.file_name().unwrap_or("keys").to_owned();
        let action = match error {
            apt_sign::Error::Key { fingerprint, problem: KeyProblem::Expired { .. } } => {
                Some(extend(fingerprint))
            }
            _ => None,
        };
        findings.push(attention(format!("keys/{name}"), crate::error::chain(error), action));
    }
    for warning in &found.warnings {
        let (subject, action) = match warning {
            KeyWarning::DoesNotSign { fingerprint, .. } => {
                // What is wrong with a key that cannot be read is told above.
                let is_external = session.keys().is_external(fingerprint).unwrap_or(false);
                let action = match is_external {
                    true => "take its [[signing.signer]] out of repo.toml".to_owned(),
                    false => format!("repo-cli key retire {fingerprint} --force"),
                };
                (fingerprint.to_string(), Some(action))
            }
            _ => ("keys".to_owned(), None),
        };
        findings.push(attention(subject, warning.to_string(), action));
    }
    for certificate in found.keyring.certificates() {
        let fingerprint = certificate.fingerprint();
        for problem in certificate.problems(now).into_iter().filter(|problem| !problem.is_fatal()) {
            let (severity, action) = match problem {
                KeyProblem::ExpiresSoon { days, .. } if days < URGENT => {
                    ("attention", Some(extend(&fingerprint)))
                }
                KeyProblem::ExpiresSoon { .. } => ("note", Some(extend(&fingerprint))),
                KeyProblem::ShortRsa { .. } if now < short_rsa_warned() => ("note", Some(rotate())),
                // Some apt in use refuses it, or warns of it.
                _ => ("attention", Some(rotate())),
            };
            let (subject, message) = (fingerprint.to_string(), problem.to_string());
            findings.push(Finding { severity, subject, message, action });
        }
        if session.keys().is_revoked(&fingerprint) {
            let action = Some(format!("repo-cli key retire {fingerprint}"));
            findings.push(attention(
                fingerprint.to_string(),
                "revoked, and still signing".to_owned(),
                action,
            ));
        }
    }
    findings
}

/// When apt begins to warn of short RSA keys: a year before it refuses them.
fn short_rsa_warned() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_864_598_400)
}

fn rotate() -> String {
    "repo-cli key rotate --all".to_owned()
}

fn extend(fingerprint: &apt_sign::Fingerprint) -> String {
    format!("repo-cli key extend {fingerprint} --expires 3y")
}

fn of_repositories(session: &Session) -> Result<Vec<Finding>, Failure> {
    let now = SystemTime::from(session.context().now);
    let mut findings = Vec::new();
    for repository in session.config.repositories() {
        let keys = session.keys_of(&repository.name).certificates();
        let mut keys = keys.map(|(certificates, _)| certificates).unwrap_or_default();
        // Clients need those that sign, and what is known of a revocation.
        let is_fatal = |problem: &KeyProblem| problem.is_fatal() && *problem != KeyProblem::Revoked;
        keys.retain(|key| !key.problems(now).iter().any(is_fatal));
        let package = repository.name.keyring_package();
        let mut without = Vec::new();
        let mut is_published = false;
        for key in &keys {
            let service = session.store.keyring_service(&repository.name, &key.fingerprint())?;
            is_published |= service.is_published;
            if service.is_published && !service.lacking.is_empty() {
                without.push(key.fingerprint().short().to_owned());
            }
        }
        if !is_published || without.is_empty() {
            continue;
        }
        // Without a keyring package machines cannot follow a rotation; with one that lacks a key that signs, one was interrupted.
        let has_package = !session.store.keyring_versions(&repository.name)?.is_empty();
        findings.push(Finding {
            severity: if has_package { "attention" } else { "note" },
            subject: repository.name.to_string(),
            message: format!("not every suite has {package} with key {}", without.join(", ")),
            action: Some("repo-cli key publish".to_owned()),
        });
    }
    Ok(findings)
}
