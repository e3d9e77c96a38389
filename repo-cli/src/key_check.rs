//! The secret keys as a check of a store looks at them: what is wrong with one file hides nothing else.

use std::cell::RefCell;
use std::time::SystemTime;

use apt_sign::{Certificate, KeyProblem, Keyring};
use camino::{Utf8Path, Utf8PathBuf};
use repo_config::keys::{Inspection, KeyDirectory, KeyWarning};
use repo_store::maintenance::fsck::{FsckReport, KeysFound, Problem, ProblemKind, SignedSuite};

use crate::error::{EXTEND_KEY, NEW_KEY, SET_THE_CLOCK, chain};
use crate::output::Output;

/// The keys of a store while it is checked.
pub(crate) struct CheckedKeys<'a> {
    keys: KeyDirectory,
    output: &'a Output,
    /// What was found last: a repair may have made more of them readable.
    found: RefCell<Inspection>,
}

impl<'a> CheckedKeys<'a> {
    pub(crate) fn new(keys: KeyDirectory, output: &'a Output) -> Self {
        Self { keys, output, found: RefCell::default() }
    }

    /// Looks at all key files.
    pub(crate) fn look(&self) -> Option<KeysFound> {
        let now = SystemTime::now();
        let Some(mut found) = self.keys.inspect(now) else {
            let what = self.keys.certificates().err().map_or_else(String::new, |error| chain(&error));
            let problem = Problem { kind: ProblemKind::Key, path: "keys".into(), what, affects: Vec::new() };
            return Some(KeysFound { fingerprints: Vec::new(), problems: vec![problem] });
        };
        let of_readers =
            found.keyring.certificates().iter().flat_map(|certificate| unread_by_some(certificate, now));
        let of_readers: Vec<KeyWarning> = of_readers.collect();
        for warning in found.warnings.drain(..).chain(of_readers) {
            self.output.warn(warning.code(), warning.to_string());
        }
        let problems = found.faults.iter().map(|(path, error)| problem(path, error)).collect();
        let fingerprints = found.keyring.fingerprints();
        self.found.replace(found);
        Some(KeysFound { fingerprints, problems })
    }

    /// Whether clients that know these keys would accept a suite. Without any, nothing can be verified.
    pub(crate) fn verify(&self, suite: SignedSuite<'_>) -> Result<(), apt_sign::Error> {
        let found = self.found.borrow();
        if found.keyring == Keyring::default() {
            return Ok(());
        }
        let now = SystemTime::now();
        found.keyring.verify_inline(suite.in_release, now)?;
        found.keyring.verify_detached(suite.release, suite.release_gpg, now).map(drop)
    }

    /// What to do about problems with keys.
    pub(crate) fn hints(&self, report: &FsckReport) -> Vec<&'static str> {
        let of_keys = || report.problems.iter().filter(|problem| problem.path.starts_with("keys"));
        let found = self.found.borrow();
        let has_fault = |is: fn(&apt_sign::Error) -> bool| found.faults.iter().any(|(_, error)| is(error));
        let mut hints = Vec::new();
        if of_keys().any(|problem| problem.kind == ProblemKind::Key && problem.path == "keys") {
            hints.push(if found.no_file {
                "restore keys/ from the backup; if the keys are lost: `repo-cli key generate`, give clients the new key, then \
                 `repo-cli publish --allow-key-change`"
            } else if found.keyring == Keyring::default() {
                "restore the files named above in keys/ from the backup"
            } else {
                "put the keys that signed before back into keys/; or give clients the new key (`repo-cli client-config`), then \
                 `repo-cli publish --allow-key-change`"
            });
        } else if has_fault(|error| {
            matches!(error, apt_sign::Error::Malformed { .. } | apt_sign::Error::KeyFile { .. })
        }) {
            hints.push(
                "put a copy of the key there from the backup, or remove the file if another has the same key",
            );
        }
        if has_fault(is_expired) {
            hints.push(EXTEND_KEY);
        } else if has_fault(is_of_the_future) {
            hints.push(SET_THE_CLOCK);
        } else if has_fault(|error| matches!(error, apt_sign::Error::Key { .. })) {
            hints.push(NEW_KEY);
        }
        if of_keys().any(|problem| problem.kind == ProblemKind::Mode) {
            hints.push("`repo-cli fsck --repair` sets the modes of keys/ right; make a new key if others may have read one");
        }
        if of_keys().any(|problem| problem.kind == ProblemKind::Owner) {
            hints.push("give keys/ and what is in it to the owner of store/ (`chown -R`); make new keys if others may have read them");
        }
        hints
    }
}

fn is_expired(error: &apt_sign::Error) -> bool {
    matches!(error, apt_sign::Error::Key { problem: KeyProblem::Expired { .. }, .. })
}

/// Whether the clock is wrong, and not the key.
fn is_of_the_future(error: &apt_sign::Error) -> bool {
    matches!(error, apt_sign::Error::Key { problem: KeyProblem::NotYetValid { .. }, .. })
}

/// Returns the problems of a key that signs, and that some apt in use cannot read.
fn unread_by_some(certificate: &Certificate, now: SystemTime) -> Vec<KeyWarning> {
    let mut problems = certificate.problems(now);
    problems.retain(|problem| matches!(problem, KeyProblem::VersionSix | KeyProblem::LongUserId { .. }));
    let fingerprint = certificate.fingerprint();
    let warning = |problem| KeyWarning::Problem { fingerprint: fingerprint.clone(), problem };
    problems.into_iter().map(warning).collect()
}

/// The fault of a key file as a problem of the store.
fn problem(path: &Utf8Path, error: &apt_sign::Error) -> Problem {
    let path =
        path.file_name().map_or_else(|| "keys".into(), |name| Utf8PathBuf::from(format!("keys/{name}")));
    let (kind, what) = match error {
        apt_sign::Error::KeyFile { fault, .. } => (ProblemKind::Damaged, fault.to_string()),
        apt_sign::Error::Io { source, .. } => (ProblemKind::Unreadable, source.to_string()),
        apt_sign::Error::Malformed { .. } => (ProblemKind::Damaged, chain(error)),
        _ => (ProblemKind::Key, chain(error)),
    };
    Problem { kind, path, what, affects: Vec::new() }
}
