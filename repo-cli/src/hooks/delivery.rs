//! Gives events to their hooks.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};
use repo_config::Config;
use repo_config::hook::{Hook, HookFormat, HookTarget};
use repo_config::keys::Passphrase;
use repo_hooks::schedule::{self, Next};
use repo_hooks::{Client, DeliveryError, Format, Mail, Payload, Program, Request, run};
use repo_store::Store;
use repo_store::maintenance::hook_spool::{DeliveryState, HookDelivery};
use repo_store::model::HookName;
use rustix::rand::{GetRandomFlags, getrandom};

use super::IN_A_HOOK;
use crate::error::{Failure, chain};
use crate::fetch;
use crate::passphrase;

/// Besides the time of a hook, a process may need so long until it notes how a delivery ended. After that another one tries.
const SLACK: Duration = Duration::from_secs(60);

/// For so long an event is remembered after its delivery when it may be noticed again.
const NOTICED_AGAIN: &str = "key.expires";

/// Delivers the events of a store.
pub(crate) struct Deliverer<'a> {
    store: &'a Store,
    /// From the root of the file system, as commands run in it.
    root: Utf8PathBuf,
    hooks: Vec<Hook>,
    /// Who vouches for web servers; looked up when one is met first.
    authorities: OnceLock<Vec<Vec<u8>>>,
}

/// How some deliveries ended.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// How many events each hook took.
    pub(crate) delivered: BTreeMap<HookName, usize>,
    /// Why a hook did not take one. It is given no further event then, until it is tried again.
    pub(crate) failed: BTreeMap<HookName, Failure>,
}

impl<'a> Deliverer<'a> {
    pub(crate) fn new(store: &'a Store, root: &'a Utf8Path, config: &Config) -> Self {
        let root = root.canonicalize_utf8().unwrap_or_else(|_| root.to_owned());
        Self { store, root, hooks: config.hooks(), authorities: OnceLock::new() }
    }

    pub(crate) fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    /// Delivers what is due: to each hook on a thread of its own, so that one that hangs delays no other.
    pub(crate) fn deliver_due(&self) -> Result<Attempts, Failure> {
        let mut waiting = by_hook(self.store.hook_deliveries()?);
        let now = crate::clock::now();
        for all in waiting.values_mut() {
            let due = due(all, now);
            let is_due = |delivery: &HookDelivery| due.contains(delivery);
            let waits = |delivery: &HookDelivery| {
                delivery.state == DeliveryState::Waiting && !is_claimed(delivery, now)
            };
            // Once a receiver has taken one, it gets the rest as well.
            let (first, rest): (Vec<_>, Vec<_>) = all.drain(..).filter(waits).partition(is_due);
            if !first.is_empty() {
                all.extend(first);
                all.extend(rest);
            }
        }
        self.deliver(&waiting)
    }

    /// Delivers what waits for these hooks, also what is not due yet and what was given up.
    pub(crate) fn deliver_all(&self, hooks: &BTreeSet<HookName>) -> Result<Attempts, Failure> {
        let mut waiting = by_hook(self.store.hook_deliveries()?);
        waiting.retain(|hook, _| hooks.contains(hook));
        let now = crate::clock::now();
        let is_left = |delivery: &HookDelivery| {
            delivery.state != DeliveryState::Delivered && !is_claimed(delivery, now)
        };
        waiting.values_mut().for_each(|all| all.retain(is_left));
        self.deliver(&waiting)
    }

    fn deliver(&self, waiting: &BTreeMap<HookName, Vec<HookDelivery>>) -> Result<Attempts, Failure> {
        let mut attempts = Attempts::default();
        let mut failed = None;
        std::thread::scope(|scope| {
            let threads: Vec<_> = waiting
                .iter()
                .filter_map(|(name, waiting)| {
                    let hook = self.hooks.iter().find(|hook| hook.name == *name)?;
                    let deliver = move || self.deliver_to(hook, waiting);
                    // What is not delivered now waits for the next attempt.
                    Some((name, std::thread::Builder::new().spawn_scoped(scope, deliver).ok()?))
                })
                .collect();
            for (name, thread) in threads {
                // A thread that panicked has delivered nothing that is known.
                let Ok((delivered, failure)) = thread.join() else { continue };
                attempts.delivered.insert(name.clone(), delivered);
                match failure {
                    Some(Ended::OfHook(failure)) => drop(attempts.failed.insert(name.clone(), failure)),
                    Some(Ended::OfStore(error)) => failed = Some(error),
                    None => {}
                }
            }
        });
        for (name, waiting) in waiting {
            if self.hooks.iter().all(|hook| hook.name != *name) {
                self.forget_old(waiting)?;
            }
        }
        failed.map_or(Ok(attempts), Err)
    }

    /// Removes what waits for a hook that is not configured any more, once it would be given up.
    fn forget_old(&self, waiting: &[HookDelivery]) -> Result<(), Failure> {
        for delivery in waiting {
            if age(delivery) >= schedule::GIVE_UP {
                self.store.replace_hook_delivery(delivery, None)?;
            }
        }
        Ok(())
    }

    /// Gives a hook one event after another, until one fails: a receiver that does not answer would be waited for with each.
    fn deliver_to(&self, hook: &Hook, waiting: &[HookDelivery]) -> (usize, Option<Ended>) {
        let mut delivered = 0;
        for delivery in waiting {
            match self.claim_and_deliver(hook, delivery) {
                Ok(true) => delivered += 1,
                // Another process has it.
                Ok(false) => {}
                Err(ended) => return (delivered, Some(ended)),
            }
        }
        (delivered, None)
    }

    /// Delivers an event unless another process does, and notes how that ended.
    fn claim_and_deliver(&self, hook: &Hook, delivery: &HookDelivery) -> Result<bool, Ended> {
        let of_store = |error: repo_store::Error| Ended::OfStore(error.into());
        let mut claimed = delivery.clone();
        claimed.attempts = claimed.attempts.saturating_add(1);
        claimed.state = DeliveryState::Waiting;
        claimed.error = None;
        claimed.next = later(hook.timeout.unsigned_abs() + SLACK);
        if !self.store.replace_hook_delivery(delivery, Some(&claimed)).map_err(of_store)? {
            return Ok(false);
        }
        let result = self.tell(hook, &claimed.payload);
        let mut ended = claimed.clone();
        let kept = match &result {
            Ok(()) if claimed.event == NOTICED_AGAIN => {
                ended.state = DeliveryState::Delivered;
                Some(&ended)
            }
            Ok(()) => None,
            Err(failure) => {
                ended.error = Some(chain(failure));
                let retry_after = match failure {
                    Failure::Hook { source, .. } => source.retry_after(),
                    _ => None,
                };
                match schedule::next(claimed.attempts, age(&claimed), retry_after, chance()) {
                    Next::Retry(wait) => ended.next = later(wait),
                    Next::GiveUp => ended.state = DeliveryState::GivenUp,
                }
                Some(&ended)
            }
        };
        self.store.replace_hook_delivery(&claimed, kept).map_err(of_store)?;
        result.map(|()| true).map_err(Ended::OfHook)
    }

    /// Sends an event to a hook, once.
    pub(crate) fn tell(&self, hook: &Hook, payload: &str) -> Result<(), Failure> {
        let failed = |source| Failure::Hook { hook: hook.name.clone(), source };
        let protocol = |what: &str| failed(DeliveryError::Protocol { what: what.to_owned() });
        let payload = Payload::from_json(payload).ok_or_else(|| protocol("the event cannot be read"))?;
        let timeout = hook.timeout.unsigned_abs();
        match &hook.target {
            HookTarget::Web { url, format, secret_file, allow_private } => {
                let secret = secret_file.as_ref().map(|path| secret_of(hook, path)).transpose()?;
                let secret = secret.as_ref().map(|secret| secret.as_bytes());
                let request = Request::new(&payload, format_of(*format), url.expose(), secret);
                let agent = concat!("repo-cli/", env!("CARGO_PKG_VERSION"));
                let authorities = self.authorities.get_or_init(fetch::authorities);
                let client = Client::new(authorities, timeout, *allow_private, agent);
                request.and_then(|request| client.send(&request)).map_err(failed)
            }
            HookTarget::Command(command) => {
                let (program, arguments) = command.split_first().ok_or_else(|| protocol("no command"))?;
                // A name without a slash is looked for in the search path.
                let place = if program.contains('/') { self.root.join(program) } else { program.into() };
                let variables = [
                    (IN_A_HOOK, hook.name.as_str()),
                    ("REPO_EVENT", &*payload.event),
                    ("REPO_REPOSITORY", payload.repository.as_deref().unwrap_or_default()),
                    ("REPO_ROOT", self.root.as_str()),
                ];
                run(&Program {
                    program: OsStr::new(place.as_str()),
                    arguments,
                    variables: &variables,
                    directory: self.root.as_std_path(),
                    input: format!("{}\n", payload.to_json()).as_bytes(),
                    timeout,
                })
                .map_err(failed)
            }
            HookTarget::Mail(address) => {
                let program = sendmail().unwrap_or_else(|| "sendmail".into());
                let mail = Mail::new(&payload, address.as_str());
                mail.send(program.as_os_str(), self.root.as_std_path(), timeout).map_err(failed)
            }
            _ => Err(protocol("the receiver is of an unknown kind")),
        }
    }
}

/// The deliveries of each hook, in their order.
fn by_hook(deliveries: Vec<HookDelivery>) -> BTreeMap<HookName, Vec<HookDelivery>> {
    let mut all: BTreeMap<HookName, Vec<HookDelivery>> = BTreeMap::new();
    for delivery in deliveries {
        all.entry(delivery.hook.clone()).or_default().push(delivery);
    }
    all
}

/// Returns whether another process delivers it at the moment: it was begun, and how it ended is not known yet.
fn is_claimed(delivery: &HookDelivery, now: Timestamp) -> bool {
    delivery.attempts > 0 && delivery.error.is_none() && !delivery.is_due(now)
}

/// Whether so many events failed that the receiver is broken, and not an event that it does not like.
const BROKEN: usize = 3;

/// Returns the deliveries of one hook that are to be tried now. While its receiver seems to be broken, it is asked only with what it was asked
/// with before: otherwise each new event would be another request that fails.
fn due(deliveries: &[HookDelivery], now: Timestamp) -> Vec<HookDelivery> {
    let has_failed =
        |delivery: &&HookDelivery| delivery.state == DeliveryState::Waiting && delivery.error.is_some();
    let is_broken = deliveries.iter().filter(has_failed).count() >= BROKEN;
    let is_due = |delivery: &&HookDelivery| delivery.is_due(now) && (!is_broken || delivery.error.is_some());
    deliveries.iter().filter(is_due).cloned().collect()
}

/// Returns whether anything is to be tried now.
pub(super) fn is_any_due(deliveries: Vec<HookDelivery>, now: Timestamp) -> bool {
    by_hook(deliveries).values().any(|all| !due(all, now).is_empty())
}

/// Why the deliveries to a hook ended before all were made.
enum Ended {
    /// The hook did not take an event.
    OfHook(Failure),
    /// The store could not be read or written.
    OfStore(Failure),
}

/// Reads the secret of a hook.
pub(crate) fn secret_of(hook: &Hook, path: &Utf8Path) -> Result<Passphrase, Failure> {
    let unusable = |error: std::io::Error| Failure::UnusableFile {
        path: path.to_owned(),
        what: format!("the secret of hook {}: {error}", hook.name),
    };
    passphrase::read(path).map_err(unusable)
}

/// Finds the program that takes mail: in the search path, or where systems have it that is not in that of every user.
pub(crate) fn sendmail() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = ["/usr/sbin", "/usr/lib"].map(PathBuf::from);
    let mut places = std::env::split_paths(&path).chain(others).map(|directory| directory.join("sendmail"));
    places.find(|place| place.is_file())
}

fn format_of(format: HookFormat) -> Format {
    match format {
        HookFormat::Json => Format::Json,
        HookFormat::Slack => Format::Slack,
        HookFormat::Mattermost => Format::Mattermost,
        HookFormat::Matrix => Format::Matrix,
        HookFormat::Teams => Format::Teams,
    }
}

/// How long ago an event happened.
fn age(delivery: &HookDelivery) -> Duration {
    let age = crate::clock::now().duration_since(delivery.date);
    if age.is_negative() { Duration::ZERO } else { age.unsigned_abs() }
}

fn later(wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    crate::clock::now().checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Random bytes; fewer when the system gives none, which makes no difference but that several may wait equally long.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    bytes
}

fn chance() -> u32 {
    u32::from_ne_bytes(random())
}

/// Makes the id of an event.
pub(crate) fn new_id(now: Timestamp) -> String {
    format!("{}-{:016x}", now.strftime("%Y%m%dT%H%M%SZ"), u64::from_ne_bytes(random()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn delivery(id: &str, next: i64, error: Option<&str>) -> HookDelivery {
        let hook = HookName::parse("chat").unwrap();
        let mut delivery = HookDelivery::new(hook, id, "add.success", time(0), "{}");
        (delivery.next, delivery.error) = (time(next), error.map(str::to_owned));
        delivery
    }

    fn due_ids(deliveries: &[HookDelivery]) -> Vec<String> {
        due(deliveries, time(10)).into_iter().map(|delivery| delivery.id).collect()
    }

    #[test]
    fn a_broken_receiver_is_not_asked_with_each_new_event() {
        let failed = |id, next| delivery(id, next, Some("HTTP 500"));
        let two = [failed("1", 20), failed("2", 20), delivery("3", 0, None)];
        assert_eq!(due_ids(&two), ["3"], "one event that a receiver does not like keeps no other from it");
        let three = [failed("1", 20), failed("2", 5), failed("3", 20), delivery("4", 0, None)];
        assert_eq!(due_ids(&three), ["2"]);
        let mut given_up = failed("1", 0);
        given_up.state = DeliveryState::GivenUp;
        assert_eq!(due_ids(&[given_up, delivery("2", 0, None), delivery("3", 11, None)]), ["2"]);
    }
}
