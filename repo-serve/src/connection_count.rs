//! How many connections each client has: in a crowd one client cannot take what is left.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::client::ClientKey;
use super::connection::Pulse;

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct ConnectionCount {
    total: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    /// The number of the next connection.
    next: u64,
    of_client: HashMap<ClientKey, BTreeMap<u64, Arc<Pulse>>>,
}

/// So long a connection may wait for its first or next request before it has to give way: clients need a moment to send it.
const LEAST_IDLE: Duration = Duration::from_millis(500);

/// One open connection; dropping it counts it no more.
#[derive(Debug)]
pub(crate) struct Counted {
    count: Arc<ConnectionCount>,
    client: ClientKey,
    number: u64,
}

impl ConnectionCount {
    /// Counts connections: at most `total` at a time.
    pub(crate) fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total, state: Mutex::default() })
    }

    /// What a client may have once three quarters of all connections are in use.
    pub(crate) fn in_a_crowd(&self) -> usize {
        (self.total / 64).max(2)
    }

    /// Counts another connection of a client. `None` when it has too many: three quarters of all are in use, and it has its part.
    /// `exempt`: the client stands for many, such as a proxy.
    pub(crate) fn admit(
        self: &Arc<Self>,
        client: ClientKey,
        exempt: bool,
        pulse: &Arc<Pulse>,
    ) -> Option<Counted> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_crowd = state.open >= self.total - self.total / 4;
        let has = state.of_client.get(&client).map_or(0, BTreeMap::len);
        if is_crowd && !exempt && has >= self.in_a_crowd() {
            return None;
        }
        state.open += 1;
        let number = state.next;
        state.next += 1;
        state.of_client.entry(client).or_default().insert(number, Arc::clone(pulse));
        Some(Counted { count: Arc::clone(self), client, number })
    }

    /// Ends the connection that has waited longest for a request, of the client that has most. Returns whether there is one.
    pub(crate) fn make_room(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut clients: Vec<_> = state.of_client.values().collect();
        clients.sort_by_key(|connections| Reverse(connections.len()));
        let longest = |connections: &BTreeMap<u64, Arc<Pulse>>| {
            let idle = connections.values().filter_map(|pulse| Some((pulse.idle()?, Arc::clone(pulse))));
            idle.filter(|(idle, _)| *idle >= LEAST_IDLE).max_by_key(|(idle, _)| *idle)
        };
        let found = clients.into_iter().find_map(longest);
        drop(state);
        found.inspect(|(_, pulse)| pulse.give_way()).is_some()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = self.count.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open = state.open.saturating_sub(1);
        if let Some(connections) = state.of_client.get_mut(&self.client) {
            connections.remove(&self.number);
            if connections.is_empty() {
                state.of_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> ClientKey {
        ClientKey::of([192, 0, 2, last].into())
    }

    fn admit(count: &Arc<ConnectionCount>, last: u8, exempt: bool) -> Option<Counted> {
        count.admit(client(last), exempt, &Arc::new(Pulse::new()))
    }

    #[test]
    fn the_limit_bites_when_three_quarters_are_in_use() {
        let count = ConnectionCount::new(4096);
        let mut greedy: Vec<_> = (0..4200).filter_map(|_| admit(&count, 1, false)).collect();
        assert_eq!(greedy.len(), 3072);
        let others: Vec<_> = (0..64).filter_map(|_| admit(&count, 2, false)).collect();
        assert_eq!(others.len(), 64);
        assert!(admit(&count, 2, false).is_none());
        let proxied: Vec<_> = (0..900).filter_map(|_| admit(&count, 3, true)).collect();
        assert_eq!(proxied.len(), 900);
        drop((others, proxied));
        assert!(admit(&count, 1, false).is_none());
        greedy.pop();
        assert!(admit(&count, 1, false).is_some());
        drop(greedy);
        assert!(count.state.lock().unwrap().of_client.is_empty());
        assert_eq!(count.state.lock().unwrap().open, 0);
    }
}
