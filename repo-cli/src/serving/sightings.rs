//! What `serve` remembers of machines. Requests leave it in a queue; a thread of its own writes it to the store, all of a minute at once.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use repo_serve::log::LogEntry;
use repo_store::access::{SeenRequest, Sighting};
use repo_store::model::PublicationId;
use repo_store::{RepositoryName, Store};

use crate::error::{Failure, chain};
use crate::output::{Output, Talk};
use crate::session::Session;

/// How many sightings wait at most; later ones are not remembered.
const QUEUE: usize = 16_384;

/// How many are kept until they are written.
const BATCH: usize = 50_000;

/// How often the store is written to, at most.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// How long a server that was quiet waits for what comes with a first sighting.
const SETTLE: Duration = Duration::from_secs(2);

/// How long the end of the process waits for what is not written yet.
const LAST_WRITE: Duration = Duration::from_secs(10);

enum Item {
    Seen(RepositoryName, Box<Sighting>),
    End(SyncSender<()>),
}

/// The queue of sightings.
#[derive(Clone)]
pub(crate) struct SightingQueue(SyncSender<Item>);

impl SightingQueue {
    /// Writes from now on what comes into the queue to the store of the session. Returns `None`, after a warning, when the store belongs to
    /// another user, who could not change what this one writes.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn of(session: &Session, output: &Output) -> Result<Option<Self>, Failure> {
        if !session.is_owner() {
            output.note("warning: machines are not recorded: run serve as the owner of the store");
            return Ok(None);
        }
        let (items, queue) = sync_channel(QUEUE);
        let recorder = Recorder {
            root: session.root.clone(),
            talk: output.talk(),
            pending: BTreeMap::new(),
            first: None,
            written: None,
            is_failing: false,
        };
        let thread = std::thread::Builder::new().name("machines".to_owned());
        thread
            .spawn(move || recorder.run(&queue))
            .map_err(Failure::io("start", "the thread that records machines"))?;
        Ok(Some(Self(items)))
    }

    /// Leaves what an answered request tells of a machine, if anything.
    pub(crate) fn put(&self, entry: &LogEntry) {
        let (Some(repository), Some(file)) = (&entry.repository, &entry.file) else { return };
        let Ok(repository) = RepositoryName::parse(repository) else { return };
        if entry.method != "GET" {
            return;
        }
        let time = Timestamp::try_from(file.modified).ok();
        let request = SeenRequest {
            address: entry.peer,
            user: entry.user.as_deref(),
            has_token: entry.has_token,
            agent: entry.agent.as_deref(),
            path: &file.path,
            status: entry.status,
            time: crate::clock::now(),
            publication: time.map(PublicationId::of_time),
        };
        if let Some(sighting) = Sighting::of(&request, &repository) {
            // When the queue is full, nobody waits: a machine that goes on reading is seen again.
            let _ = self.0.try_send(Item::Seen(repository, Box::new(sighting)));
        }
    }

    /// Waits a moment until all is written.
    pub(crate) fn end(&self) {
        let (done, written) = sync_channel(1);
        if self.0.try_send(Item::End(done)).is_ok() {
            let _ = written.recv_timeout(LAST_WRITE);
        }
    }
}

struct Recorder {
    root: Utf8PathBuf,
    talk: Talk,
    pending: BTreeMap<RepositoryName, Vec<Sighting>>,
    /// When the first of what is pending came.
    first: Option<Instant>,
    /// When the store was written to last.
    written: Option<Instant>,
    is_failing: bool,
}

impl Recorder {
    fn run(mut self, queue: &Receiver<Item>) {
        loop {
            match queue.recv_timeout(SETTLE / 2) {
                Ok(Item::Seen(repository, sighting)) => self.keep(repository, *sighting),
                Ok(Item::End(done)) => {
                    self.write();
                    let _ = done.try_send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let is_settled = self.first.is_some_and(|first| first.elapsed() >= SETTLE);
            let may_write = self.written.is_none_or(|written| written.elapsed() >= WRITE_EVERY);
            if is_settled && may_write {
                self.write();
            }
        }
    }

    fn keep(&mut self, repository: RepositoryName, sighting: Sighting) {
        if self.pending.values().map(Vec::len).sum::<usize>() >= BATCH {
            return;
        }
        self.first.get_or_insert_with(Instant::now);
        let pending = self.pending.entry(repository).or_default();
        // One update asks for many indices, and the first tells all.
        if !pending.last().is_some_and(|last| last.tells_the_same(&sighting)) {
            pending.push(sighting);
        }
    }

    fn write(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.first = None;
        if pending.is_empty() {
            return;
        }
        self.written = Some(Instant::now());
        let write = || {
            let store = Store::open(&self.root)?;
            for (repository, sightings) in &pending {
                store.note_machines(repository, sightings, crate::clock::now())?;
            }
            Ok::<(), repo_store::Error>(())
        };
        match write() {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    let problem = chain(&error);
                    self.talk
                        .note(&format!("warning: machines are not recorded until this is mended: {problem}"));
                }
            }
        }
    }
}
