//! Whose password is checked next, when many wait: hashing a password is slow on purpose, and no client may take all of it.
//!
//! Clients take turns, and the user names that one client gives take turns as well. So a client that guesses passwords delays
//! another one by the check under way and no more, and behind one address a user is delayed by the other names and not by guesses.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::client::ClientKey;

/// Most that wait for one user name at one client. There is one right password, so more are guesses.
const WAITING_FOR_A_NAME: usize = 16;
/// Most that wait at one client.
const WAITING: usize = 64;

/// The checks of passwords that run and wait.
#[derive(Debug)]
pub(crate) struct Logins {
    state: Mutex<State>,
    names: RandomState,
    /// Most checks that run for one client, where others may come.
    for_one: usize,
}

#[derive(Debug)]
struct State {
    /// Checks that may begin.
    free: usize,
    clients: HashMap<ClientKey, Client>,
    /// The clients with somebody waiting, the next one first.
    turns: VecDeque<ClientKey>,
}

/// What one client asks for. One without a check that runs or waits is forgotten.
#[derive(Debug, Default)]
struct Client {
    running: usize,
    waiting: usize,
    exempt: bool,
    /// By the hash of the user name, the next name first.
    names: VecDeque<(u64, VecDeque<oneshot::Sender<Permit>>)>,
}

/// The right to check one password. Dropping it lets the next one begin.
#[derive(Debug)]
pub(crate) struct Permit {
    logins: Arc<Logins>,
    client: ClientKey,
}

/// Too many wait already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crowded;

impl Logins {
    /// Lets so many checks run at a time.
    pub(crate) fn new(at_a_time: usize) -> Arc<Self> {
        let state = State { free: at_a_time.max(1), clients: HashMap::new(), turns: VecDeque::new() };
        let for_one = at_a_time.saturating_sub(1).max(1);
        Arc::new(Self { state: Mutex::new(state), names: RandomState::new(), for_one })
    }

    /// Waits for the client's turn. `exempt`: the client stands for many, such as a proxy, and no number of its own holds for it.
    pub(crate) async fn permit(
        self: &Arc<Self>,
        client: ClientKey,
        exempt: bool,
        user: &str,
    ) -> Result<Permit, Crowded> {
        let wait = {
            let mut state = self.lock();
            let entry = state.clients.entry(client).or_default();
            entry.exempt = exempt;
            let wait = entry.wait(self.names.hash_one(user))?;
            if !state.turns.contains(&client) {
                state.turns.push_back(client);
            }
            wait
        };
        self.go_on();
        wait.await.map_err(|_| Crowded)
    }

    /// Begins what may begin. Permits are given out without the lock: one that nobody waits for any more comes back at once.
    fn go_on(self: &Arc<Self>) {
        let next = || self.lock().next(self.for_one);
        while let Some((client, waiting)) = next() {
            let _ = waiting.send(Permit { logins: Arc::clone(self), client });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    fn wait(&mut self, name: u64) -> Result<oneshot::Receiver<Permit>, Crowded> {
        self.forget_the_gone();
        let of_name = self.names.iter().find(|(other, _)| *other == name);
        let is_crowded = of_name.is_some_and(|(_, waiting)| waiting.len() >= WAITING_FOR_A_NAME);
        if !self.exempt && (is_crowded || self.waiting >= WAITING) {
            return Err(Crowded);
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting += 1;
        match self.names.iter_mut().find(|(other, _)| *other == name) {
            Some((_, waiting)) => waiting.push_back(sender),
            None => self.names.push_back((name, VecDeque::from([sender]))),
        }
        Ok(receiver)
    }

    /// Those who gave up do not count.
    fn forget_the_gone(&mut self) {
        for (_, waiting) in &mut self.names {
            waiting.retain(|sender| !sender.is_closed());
        }
        self.names.retain(|(_, waiting)| !waiting.is_empty());
        self.waiting = self.names.iter().map(|(_, waiting)| waiting.len()).sum();
    }

    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        self.forget_the_gone();
        let (name, mut waiting) = self.names.pop_front()?;
        let next = waiting.pop_front();
        if !waiting.is_empty() {
            self.names.push_back((name, waiting));
        }
        self.waiting = self.waiting.saturating_sub(1);
        next
    }
}

impl State {
    fn next(&mut self, for_one: usize) -> Option<(ClientKey, oneshot::Sender<Permit>)> {
        if self.free == 0 {
            return None;
        }
        for _ in 0..self.turns.len() {
            let key = self.turns.pop_front()?;
            let Some(client) = self.clients.get_mut(&key) else { continue };
            if !client.exempt && client.running >= for_one {
                self.turns.push_back(key);
                continue;
            }
            let next = client.next();
            if client.waiting > 0 {
                self.turns.push_back(key);
            }
            if let Some(next) = next {
                client.running += 1;
                self.free -= 1;
                return Some((key, next));
            }
            self.forget_if_idle(key);
        }
        None
    }

    fn forget_if_idle(&mut self, key: ClientKey) {
        if self.clients.get(&key).is_some_and(|client| client.running == 0 && client.waiting == 0) {
            self.clients.remove(&key);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut state = self.logins.lock();
            state.free += 1;
            if let Some(client) = state.clients.get_mut(&self.client) {
                client.running = client.running.saturating_sub(1);
            }
            state.forget_if_idle(self.client);
        }
        self.logins.go_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    type Waiting = Pin<Box<dyn Future<Output = Result<Permit, Crowded>>>>;

    fn client(last: u8) -> ClientKey {
        ClientKey::of([192, 0, 2, last].into())
    }

    fn poll(waiting: &mut Waiting) -> Option<Result<Permit, Crowded>> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// Asks, as far as the queue.
    fn ask(logins: &Arc<Logins>, last: u8, exempt: bool, user: &str) -> (Waiting, Option<Permit>) {
        let (logins, user) = (Arc::clone(logins), user.to_owned());
        let mut waiting: Waiting = Box::pin(async move { logins.permit(client(last), exempt, &user).await });
        let permit = poll(&mut waiting).map(Result::unwrap);
        (waiting, permit)
    }

    #[test]
    fn clients_take_turns() {
        let logins = Logins::new(1);
        let (_, running) = ask(&logins, 1, false, "anna");
        let mut greedy: Vec<_> = (0..10).map(|_| ask(&logins, 1, false, "anna").0).collect();
        let mut others: Vec<_> = (2..5).map(|last| ask(&logins, last, false, "bob").0).collect();
        let mut running = running;
        // The first of the greedy one was there before the others.
        drop(running.take());
        running = poll(&mut greedy[0]).unwrap().ok();
        for other in &mut others {
            drop(running.take());
            running = Some(poll(other).unwrap().unwrap());
            assert!(greedy[1..].iter_mut().all(|waiting| poll(waiting).is_none()));
        }
        drop(running);
        assert!(poll(&mut greedy[1]).is_some());
    }

    #[test]
    fn names_behind_one_address_take_turns() {
        for exempt in [false, true] {
            let logins = Logins::new(1);
            let (_, running) = ask(&logins, 1, exempt, "anna");
            let guesses: Vec<_> = (0..16).map(|_| ask(&logins, 1, exempt, "anna").0).collect();
            let mut good = ask(&logins, 1, exempt, "bob").0;
            drop(running);
            let mut answered = 0;
            for mut guess in guesses {
                let Some(permit) = poll(&mut guess) else { break };
                answered += 1;
                drop(permit);
                if let Some(permit) = poll(&mut good) {
                    drop(permit);
                    break;
                }
            }
            assert_eq!(answered, 1);
        }
    }

    #[test]
    fn what_waits_is_bounded() {
        let logins = Logins::new(1);
        let (_, _running) = ask(&logins, 1, false, "anna");
        let crowded = |last, exempt, user: &str| {
            let (logins, user) = (Arc::clone(&logins), user.to_owned());
            let mut waiting: Waiting =
                Box::pin(async move { logins.permit(client(last), exempt, &user).await });
            matches!(poll(&mut waiting), Some(Err(Crowded)))
        };
        let of_name: Vec<_> = (0..WAITING_FOR_A_NAME).map(|_| ask(&logins, 1, false, "anna").0).collect();
        assert!(crowded(1, false, "anna") && !crowded(1, false, "bob") && !crowded(2, false, "anna"));
        let names: Vec<_> = (0..WAITING - WAITING_FOR_A_NAME)
            .map(|number| ask(&logins, 1, false, &number.to_string()).0)
            .collect();
        assert!(crowded(1, false, "bob") && !crowded(2, false, "bob"));
        let proxied: Vec<_> = (0..200).map(|_| ask(&logins, 3, true, "anna").0).collect();
        // Those who went away are not counted.
        drop((of_name, names, proxied));
        assert!(!crowded(1, false, "anna"));
    }

    #[test]
    fn one_client_leaves_a_check_to_others() {
        let logins = Logins::new(3);
        let (_, first) = ask(&logins, 1, false, "anna");
        let (_, second) = ask(&logins, 1, false, "bob");
        let (mut third, none) = ask(&logins, 1, false, "carl");
        assert!(first.is_some() && second.is_some() && none.is_none());
        let (_, other) = ask(&logins, 2, false, "anna");
        assert!(other.is_some());
        drop(first);
        assert!(poll(&mut third).is_some());
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let logins = Logins::new(2);
        for last in 0..100 {
            let (waiting, permit) = ask(&logins, last, false, "anna");
            let more: Vec<_> = (0..4).map(|_| ask(&logins, last, false, "anna")).collect();
            drop((waiting, permit, more));
        }
        let (_, permit) = ask(&logins, 200, false, "anna");
        drop(permit);
        let state = logins.lock();
        assert_eq!((state.free, state.clients.len(), state.turns.len()), (2, 0, 0));
    }
}
