//! Events that are still to be delivered to hooks.
//!
//! One document for each hook has a line for each event, the oldest first:
//!
//! ```text
//! <state> <id> <event> <when> <attempts> <next attempt> TAB <what went wrong, or nothing> TAB <payload> TAB <check, as in the operation log>
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::document::{Area, Document, Kept};
use crate::error::Error;
use crate::model::commit::one_line;
use crate::model::name::HookName;
use crate::storage::StorageError;
use crate::storage::locks::HeldLock;
use crate::store::Store;

/// The most events that wait for one hook. The oldest are dropped for newer ones.
pub const MOST_WAITING: usize = 1000;

/// How long a delivered event is remembered, so that it is not delivered twice.
const REMEMBERED: Duration = Duration::from_secs(10 * 24 * 3600);

/// An event that is to be delivered to a hook.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct HookDelivery {
    /// The hook.
    pub hook: HookName,
    /// The id of the event: letters, digits, `.`, `_` and `-`. A hook is not given an event that it has already.
    pub id: String,
    /// The name of the event, one word such as `promote.success`.
    pub event: String,
    /// When it happened.
    pub date: Timestamp,
    /// What the hook is told, in one line.
    pub payload: String,
    /// How far the delivery is.
    pub state: DeliveryState,
    /// How often it was begun.
    pub attempts: u32,
    /// When it is tried next, for one that waits.
    pub next: Timestamp,
    /// Why it failed last.
    pub error: Option<String>,
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// It is still to be made.
    Waiting,
    /// It failed too long, and waits for a person.
    GivenUp,
    /// It was made, and is remembered because the event may happen again.
    Delivered,
}

impl DeliveryState {
    const ALL: [Self; 3] = [Self::Waiting, Self::GivenUp, Self::Delivered];

    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::GivenUp => "failed",
            Self::Delivered => "delivered",
        }
    }
}

impl HookDelivery {
    /// Makes a delivery of an event that happens now.
    #[must_use]
    pub fn new(hook: HookName, id: &str, event: &str, date: Timestamp, payload: &str) -> Self {
        Self {
            hook,
            id: id.to_owned(),
            event: event.to_owned(),
            date,
            payload: payload.replace(char::is_control, " "),
            state: DeliveryState::Waiting,
            attempts: 0,
            next: date,
            error: None,
        }
    }

    /// Returns whether it is to be tried at a time.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.state == DeliveryState::Waiting && self.next <= now
    }

    fn line(&self) -> String {
        let Self { id, event, date, payload, state, attempts, next, error, .. } = self;
        let error = error.as_deref().map(one_line).unwrap_or_default();
        format!("{} {id} {event} {date} {attempts} {next}\t{error}\t{payload}", state.as_str())
    }

    fn parse(line: &str) -> Option<Self> {
        let (words, rest) = line.split_once('\t')?;
        let (error, payload) = rest.split_once('\t')?;
        let mut words = words.split(' ');
        let mut word = || words.next().filter(|word| !word.is_empty());
        let state = word()?;
        let delivery = Self {
            // The name of the document, which the line does not repeat.
            hook: HookName::unnamed(),
            state: DeliveryState::ALL.into_iter().find(|known| known.as_str() == state)?,
            id: word()?.to_owned(),
            event: word()?.to_owned(),
            date: word()?.parse().ok()?,
            attempts: word()?.parse().ok()?,
            next: word()?.parse().ok()?,
            error: (!error.is_empty()).then(|| error.to_owned()),
            payload: payload.to_owned(),
        };
        words.next().is_none().then_some(delivery)
    }
}

/// The events of one hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HookSpool(Vec<HookDelivery>);

impl HookSpool {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an event, and forgets what need not be known any more. Returns how many events are dropped for it; `None` when the event is
    /// there already.
    fn add(&mut self, new: &HookDelivery) -> Option<usize> {
        if self.0.iter().any(|known| known.id == new.id) {
            return None;
        }
        let forgotten = |delivery: &HookDelivery| {
            delivery.state == DeliveryState::Delivered
                && new.date.duration_since(delivery.date).unsigned_abs() > REMEMBERED
        };
        self.0.retain(|delivery| !forgotten(delivery));
        let mut dropped = 0;
        while self.0.len() >= MOST_WAITING {
            let state = |state| self.0.iter().position(|delivery| delivery.state == state);
            let known = state(DeliveryState::Delivered);
            dropped += usize::from(known.is_none());
            self.0.remove(known.or_else(|| state(DeliveryState::GivenUp)).unwrap_or(0));
        }
        self.0.push(new.clone());
        Some(dropped)
    }
}

impl Document for HookSpool {
    const AREA: Area = Area::Hooks;
    const KIND: &'static str = "list of events for the hook";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        lines.iter().map(|line| HookDelivery::parse(line)).collect::<Option<_>>().map(Self)
    }

    fn to_lines(&self) -> Vec<String> {
        self.0.iter().map(HookDelivery::line).collect()
    }
}

/// Who holds it tries again what failed, so that not everybody waits for it.
#[derive(Debug)]
#[must_use]
pub struct RetryLock(#[expect(dead_code, reason = "it is held")] Box<dyn HeldLock>);

const RETRIES: &str = "hooks";

fn load(store: &Store, hook: &HookName) -> Result<Kept<HookSpool>, Error> {
    let mut spool = Kept::<HookSpool>::load(store.storage(), hook.as_str())?;
    spool.0.iter_mut().for_each(|delivery| delivery.hook.clone_from(hook));
    Ok(spool)
}

/// See [`Store::hook_deliveries`].
pub(crate) fn hook_deliveries(store: &Store) -> Result<Vec<HookDelivery>, Error> {
    let mut found = Vec::new();
    for key in store.storage().refs().list(Area::Hooks.as_str())? {
        let name = key.as_str().rsplit('/').next().unwrap_or_default();
        // Anything else is told of by a check.
        let Ok(hook) = HookName::parse(name) else { continue };
        match load(store, &hook) {
            Ok(mut spool) => found.append(&mut spool.0),
            // The events of other hooks are delivered all the same, and a check tells of this.
            Err(Error::Storage(StorageError::Damaged { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// See [`Store::spool_for_hooks`].
pub(crate) fn spool(store: &Store, new: &[HookDelivery]) -> Result<usize, Error> {
    let mut by_hook: BTreeMap<&HookName, Vec<&HookDelivery>> = BTreeMap::new();
    for delivery in new {
        by_hook.entry(&delivery.hook).or_default().push(delivery);
    }
    let (mut dropped, mut failed) = (0, None);
    for (hook, deliveries) in by_hook {
        match add_all(store, hook, &deliveries) {
            Ok(lost) => dropped += lost,
            // Other hooks are told all the same.
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(dropped), Err)
}

/// Adds events for one hook by one durable change. Returns how many older events were dropped for them.
fn add_all(store: &Store, hook: &HookName, new: &[&HookDelivery]) -> Result<usize, Error> {
    loop {
        let mut spool = load(store, hook)?;
        let dropped: Vec<usize> = new.iter().filter_map(|delivery| spool.add(delivery)).collect();
        if dropped.is_empty() || spool.save(store.storage())? {
            return Ok(dropped.iter().sum());
        }
    }
}

/// See [`Store::replace_hook_delivery`].
pub(crate) fn replace(store: &Store, seen: &HookDelivery, new: Option<&HookDelivery>) -> Result<bool, Error> {
    loop {
        let mut spool = load(store, &seen.hook)?;
        let Some(at) = spool.0.iter().position(|delivery| delivery == seen) else { return Ok(false) };
        match (new, spool.0.get_mut(at)) {
            (Some(new), Some(known)) => new.clone_into(known),
            _ => drop(spool.0.remove(at)),
        }
        if spool.save(store.storage())? {
            return Ok(true);
        }
    }
}

/// See [`Store::lock_hook_retries`].
pub(crate) fn lock_retries(store: &Store) -> Result<Option<RetryLock>, Error> {
    Ok(store.storage().locks().try_acquire(RETRIES)?.map(RetryLock))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::document;
    use crate::storage::{Faulty, Memory, Request};

    fn store() -> Store {
        Store::with_storage("archive".into(), Memory::default())
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn delivery(hook: &str, id: &str) -> HookDelivery {
        HookDelivery::new(HookName::parse(hook).unwrap(), id, "add.success", time(5), "{\"a\":\"b c\"}")
    }

    fn ids(store: &Store) -> Vec<String> {
        let all = store.hook_deliveries().unwrap();
        all.iter().map(|delivery| format!("{} {}", delivery.hook, delivery.id)).collect()
    }

    #[test]
    fn events_wait_for_each_hook_until_they_are_replaced() {
        let store = store();
        let (first, second) = (delivery("chat", "1"), delivery("ci", "1"));
        assert_eq!(
            store.spool_for_hooks(&[first.clone(), second.clone(), delivery("chat", "2")]).unwrap(),
            0
        );
        assert_eq!(ids(&store), ["chat 1", "chat 2", "ci 1"]);
        // The same event again is the same event.
        assert_eq!(store.spool_for_hooks(std::slice::from_ref(&first)).unwrap(), 0);
        assert_eq!(ids(&store).len(), 3);
        let mut claimed = first.clone();
        (claimed.attempts, claimed.next, claimed.error) = (1, time(60), Some("no\tway\n".to_owned()));
        assert!(store.replace_hook_delivery(&first, Some(&claimed)).unwrap());
        assert!(!store.replace_hook_delivery(&first, None).unwrap(), "somebody else has it");
        let found = store.hook_deliveries().unwrap().remove(0);
        assert_eq!((found.attempts, found.next), (1, time(60)));
        assert!(!found.is_due(time(59)) && found.is_due(time(60)));
        assert!(store.replace_hook_delivery(&found, None).unwrap());
        assert!(store.replace_hook_delivery(&second, None).unwrap());
        assert_eq!(ids(&store), ["chat 2"]);
    }

    #[test]
    fn the_events_of_a_hook_are_kept_by_one_write() {
        let writes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&writes);
        let count = move |_, request: Request| {
            counted.fetch_add(usize::from(matches!(request, Request::ChangeReference)), Ordering::SeqCst);
            None
        };
        let store = Store::with_storage("archive".into(), Faulty::new(Memory::default().into(), count));
        let _ = store
            .spool_for_hooks(&[delivery("chat", "1"), delivery("ci", "1"), delivery("chat", "2")])
            .unwrap();
        assert_eq!(ids(&store), ["chat 1", "chat 2", "ci 1"]);
        assert_eq!(writes.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn only_so_many_events_wait_and_the_oldest_are_dropped() {
        let store = store();
        let all: Vec<_> = (0..MOST_WAITING + 3).map(|number| delivery("chat", &number.to_string())).collect();
        assert_eq!(store.spool_for_hooks(&all).unwrap(), 3);
        let left = ids(&store);
        assert_eq!((left.len(), left[0].as_str()), (MOST_WAITING, "chat 3"));
        // What was delivered goes first, then what was given up.
        for (number, state) in [(10, DeliveryState::GivenUp), (20, DeliveryState::Delivered)] {
            let seen = delivery("chat", &number.to_string());
            let new = HookDelivery { state, ..seen.clone() };
            assert!(store.replace_hook_delivery(&seen, Some(&new)).unwrap());
        }
        assert_eq!(store.spool_for_hooks(&[delivery("chat", "x")]).unwrap(), 0);
        assert_eq!(store.spool_for_hooks(&[delivery("chat", "y")]).unwrap(), 1);
        let left = ids(&store);
        assert!(left.contains(&"chat 3".to_owned()));
        assert!(!left.contains(&"chat 10".to_owned()) && !left.contains(&"chat 20".to_owned()));
    }

    #[test]
    fn what_was_delivered_is_remembered_for_a_while() {
        let store = store();
        let seen = delivery("chat", "key");
        let _ = store.spool_for_hooks(std::slice::from_ref(&seen)).unwrap();
        let new = HookDelivery { state: DeliveryState::Delivered, ..seen.clone() };
        assert!(store.replace_hook_delivery(&seen, Some(&new)).unwrap());
        let _ = store.spool_for_hooks(&[seen]).unwrap();
        assert_eq!(store.hook_deliveries().unwrap()[0].state, DeliveryState::Delivered);
        let later = HookDelivery { date: time(11 * 24 * 3600), ..delivery("chat", "other") };
        let _ = store.spool_for_hooks(&[later]).unwrap();
        assert_eq!(ids(&store), ["chat other"]);
    }

    #[test]
    fn one_at_a_time_tries_again() {
        let store = store();
        let held = store.lock_hook_retries().unwrap();
        assert!(held.is_some() && store.lock_hook_retries().unwrap().is_none());
        drop(held);
        assert!(store.lock_hook_retries().unwrap().is_some());
    }

    #[test]
    fn a_list_that_was_damaged_is_not_read() {
        let spool = HookSpool(vec![delivery("chat", "1")]);
        let text = document::to_text(&spool);
        assert!(document::parse::<HookSpool>(text.as_bytes()).is_some());
        for damaged in [text.replace("waiting", "pending"), text.replace(" 0 ", " x "), format!("{text}x\n")]
        {
            assert_eq!(document::parse::<HookSpool>(damaged.as_bytes()), None, "{damaged}");
        }
        assert_eq!(HookSpool::from_lines(&["waiting 1 add 1970-01-01T00:00:01Z 0\t\t{}"]), None);
    }
}
