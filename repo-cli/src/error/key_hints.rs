//! What to do about keys that do not sign.

use apt_sign::{KeyFileFault, KeyProblem};
use repo_config::KeyError;

/// What to do about the keys of the store.
pub(super) fn key_hint(error: &KeyError) -> Option<String> {
    Some(match error {
        KeyError::Key(apt_sign::Error::KeyFile { path, fault }) => key_file_hint(path, *fault),
        KeyError::Key(apt_sign::Error::Locked { .. })
        | KeyError::BadKey { source: apt_sign::Error::Locked { .. }, .. } => UNLOCK.to_owned(),
        KeyError::Key(apt_sign::Error::Offline { .. }) => EXPORT.to_owned(),
        KeyError::BadKey { .. } => {
            "put a copy of the key there from the backup, or remove the file if it is not a key".to_owned()
        }
        KeyError::NoKey { is_published: true, .. } => {
            "restore keys/ from the backup. If the keys are lost: `repo-cli key generate`, give clients the new key, \
             then `repo-cli publish --allow-key-change`"
                .to_owned()
        }
        KeyError::NoKey { .. } => "make one with `repo-cli key generate`".to_owned(),
        KeyError::ClockBeforeKey { .. } => {
            "set the clock; or `repo-cli publish --accept clock` signs as of that time".to_owned()
        }
        KeyError::Unusable { fingerprint, problem: KeyProblem::Expired { .. }, .. } => {
            format!("run repo-cli key extend {fingerprint} --expires 3y, then give clients the new public key (repo-cli client-config)")
        }
        KeyError::UnknownKey { .. } => "run repo-cli key list".to_owned(),
        KeyError::Elsewhere { .. } => {
            "it is changed where it is kept; then run repo-cli key publish. To end signing with it, take its [[signing.signer]] out of \
             repo.toml once clients have another key"
                .to_owned()
        }
        KeyError::LastKey { .. } => "first run repo-cli key rotate --all".to_owned(),
        KeyError::EndsTooSoon { .. } => {
            "run repo-cli key list, then repo-cli key extend FINGERPRINT --expires 3y".to_owned()
        }
        KeyError::Unusable { problem: KeyProblem::NotYetValid { .. }, .. } => SET_THE_CLOCK.to_owned(),
        KeyError::Unusable { .. } => NEW_KEY.to_owned(),
        _ => return None,
    })
}

/// What to do when a key is protected by a passphrase that is not known.
pub(super) const UNLOCK: &str =
    "set passphrase_file in [signing] of repo.toml, or run the command on a terminal";

/// What to do when a person signs on another machine.
pub(super) const EXPORT: &str = "run repo-cli sign export DIR, sign there, then run repo-cli sign attach DIR";

/// What to do when signatures that were made elsewhere do not fit.
pub(super) const EXPORT_AGAIN: &str =
    "clients see what they saw before; run repo-cli sign export with a new directory, and sign again";

/// What to do when a key was made later than the clock says.
pub(crate) const SET_THE_CLOCK: &str = "set the clock: the key is good";

/// What to do when no key can sign any more.
pub(crate) const NEW_KEY: &str = "make a new key: `repo-cli key generate`, give it to clients (`repo-cli client-config`), then \
                                  `repo-cli publish --allow-key-change`";

/// What to do when a key has expired.
pub(crate) const EXTEND_KEY: &str = "extend the expired key with `repo-cli key extend FINGERPRINT --expires 3y` and give clients the \
                                     new public key (`repo-cli client-config`)";

/// Returns what to do about a key file that others could read or replace.
fn key_file_hint(path: &std::path::Path, fault: KeyFileFault) -> String {
    let path = path.display();
    match fault {
        KeyFileFault::FileMode => {
            format!(
                "run `chmod 600 {path}`, or `repo-cli fsck --repair`; make a new key if others may have read it"
            )
        }
        KeyFileFault::DirectoryMode => {
            format!(
                "run `chmod 700 {path}`, or `repo-cli fsck --repair`; make a new key if others may have read one"
            )
        }
        KeyFileFault::SymbolicLink => "put the key itself in the place of the link".to_owned(),
        _ => "keys are files of mode 0600 in a directory of mode 0700, owned by the one who signs".to_owned(),
    }
}
