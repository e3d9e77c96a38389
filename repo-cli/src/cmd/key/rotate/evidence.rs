//! Which machines have a new key, as far as they were seen to fetch the keyring package that has it.

use apt_sign::Fingerprint;
use jiff::SignedDuration;
use repo_store::RepositorySettings;
use repo_store::access::Machine;

use super::SHORTEST_WAIT;
use crate::clock;
use crate::error::Failure;
use crate::output::{count, first_of, joined};
use crate::session::Session;

/// A machine that was not seen for so long is taken to be gone.
const GONE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// So many machines are named; `machines` lists more.
const NAMED: usize = 50;

/// What becomes of a machine without the new key.
const STAYS: &str =
    "stays silently on the state of today: its `apt-get update` prints a warning and ends with 0";

/// Returns what is not known, for each repository, or which machines did not fetch the keyring package.
pub(super) fn lacking(
    session: &Session,
    repositories: &[&RepositorySettings],
    newest: &Fingerprint,
) -> Result<Vec<String>, Failure> {
    let now = session.context().now;
    let (mut reasons, mut unknown) = (Vec::new(), Vec::new());
    for repository in repositories {
        let (name, package) = (&repository.name, repository.name.keyring_package());
        if !session.store.keyring_service(name, newest)?.is_published {
            continue;
        }
        let versions = session.store.keyring_versions(name)?;
        let with_key =
            versions.iter().filter(|version| version.keys.iter().any(|key| key == newest.as_str()));
        let first = with_key.map(|version| &version.version).min();
        let machines = session.store.machines(name)?;
        let Some(since) = machines.all().map(|machine| machine.first_seen).min() else {
            unknown.push(name.to_string());
            continue;
        };
        if now.duration_since(since) < SHORTEST_WAIT {
            let days = SHORTEST_WAIT.as_hours() / 24;
            reasons.push(format!(
                "{name}: machines are recorded only since {}; those that update less often than every {days} days are not known",
                clock::minute(since)
            ));
        }
        let has_key = |machine: &&Machine| {
            first.is_some_and(|first| machine.keyring.as_ref().is_some_and(|own| own >= first))
        };
        let awake = machines.all().filter(|machine| now.duration_since(machine.last_seen) <= GONE);
        let without: Vec<String> =
            awake.filter(|machine| !has_key(machine)).map(|machine| machine.name.clone()).collect();
        if !without.is_empty() {
            reasons.push(format!(
                "{name}: {} did not fetch {package} with the new key: {}; a machine without it {STAYS}",
                count(without.len(), "machine"),
                if without.len() > NAMED { first_of(&without) } else { joined(&without) }
            ));
        }
    }
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        reasons.push(format!(
            "{names}: which machines have the new key is not known; a machine without it {STAYS}"
        ));
    }
    Ok(reasons)
}
