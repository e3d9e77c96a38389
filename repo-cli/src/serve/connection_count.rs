//! How many connections each client has: in a crowd one client cannot take what is left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::client::ClientKey;

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct ConnectionCount {
    total: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    of_client: HashMap<ClientKey, usize>,
}

/// One open connection; dropping it counts it no more.
#[derive(Debug)]
pub(crate) struct Counted {
    count: Arc<ConnectionCount>,
    client: ClientKey,
}

impl ConnectionCount {
    /// Counts connections, of which there are at most `total` at a time.
    pub(crate) fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total, state: Mutex::default() })
    }

    /// What a client may have once three quarters of all connections are in use.
    pub(crate) fn in_a_crowd(&self) -> usize {
        (self.total / 64).max(2)
    }

    /// Counts another connection of a client. `None` when it has too many: three quarters of all are in use, and it has its part.
    /// `exempt`: the client stands for many, such as a proxy.
    pub(crate) fn admit(self: &Arc<Self>, client: ClientKey, exempt: bool) -> Option<Counted> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_crowd = state.open >= self.total - self.total / 4;
        let has = state.of_client.get(&client).copied().unwrap_or(0);
        if is_crowd && !exempt && has >= self.in_a_crowd() {
            return None;
        }
        state.open += 1;
        state.of_client.insert(client, has + 1);
        Some(Counted { count: Arc::clone(self), client })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = self.count.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open = state.open.saturating_sub(1);
        let left = state.of_client.get(&self.client).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            state.of_client.remove(&self.client);
        } else {
            state.of_client.insert(self.client, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> ClientKey {
        ClientKey::of([192, 0, 2, last].into())
    }

    #[test]
    fn the_limit_bites_when_three_quarters_are_in_use() {
        let count = ConnectionCount::new(4096);
        let mut greedy: Vec<_> = (0..4200).filter_map(|_| count.admit(client(1), false)).collect();
        assert_eq!(greedy.len(), 3072);
        let others: Vec<_> = (0..64).filter_map(|_| count.admit(client(2), false)).collect();
        assert_eq!(others.len(), 64);
        assert!(count.admit(client(2), false).is_none());
        let proxied: Vec<_> = (0..900).filter_map(|_| count.admit(client(3), true)).collect();
        assert_eq!(proxied.len(), 900);
        drop((others, proxied));
        assert!(count.admit(client(1), false).is_none());
        greedy.pop();
        assert!(count.admit(client(1), false).is_some());
        drop(greedy);
        assert!(count.state.lock().unwrap().of_client.is_empty());
        assert_eq!(count.state.lock().unwrap().open, 0);
    }
}
