//! Looking at drop folders again whenever something changes in them.
//!
//! The system tells of changes (inotify). Because it does not where a folder lies on a network file system, and because an event may be
//! lost, the folders are looked at once a minute as well; then the configuration is read again, too. What goes wrong in one round is said
//! and ends nothing: the next round tries again.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use super::{Batch, IncomingArguments, batches, look, show};
use crate::confinement;
use crate::error::{Failure, Outcome};
use crate::hooks;
use crate::output::{Output, count};
use crate::package_readers;
use crate::session::Session;
use crate::signals;

/// The time between two looks when nothing is heard.
const SCAN: Duration = Duration::from_secs(60);

/// So long nothing may change before a round begins: files that come together are published together.
const QUIET: Duration = Duration::from_millis(500);

/// A round begins after that time even when files keep coming.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Why a round begins, or none does any more.
enum Event {
    /// Something changed in a folder.
    Changed,
    /// Somebody asked for a look now.
    Asked,
    /// The program was asked to end.
    End,
}

pub(super) fn run(
    arguments: &IncomingArguments,
    open: &dyn Fn() -> Result<Session, Failure>,
    output: &Output,
) -> Result<Outcome, Failure> {
    // What is wrong from the start is told at once.
    let session = open()?;
    let folders = folders(arguments, &session)?;
    output.watch().leave_interrupts();
    hooks::deliver_in_background(session.root.clone())?;
    let (sender, events) = channel();
    listen_to_signals(&sender)?;
    let mut watched = Watched::new(sender)?;
    drop(session);
    package_readers::warn_of_lack(output);
    confinement::warn_of_lack(output)?;
    output.say(&format!("watching {}; SIGTERM or Ctrl-C ends it", count(folders.len(), "folder")));
    output.flush();
    let mut told = BTreeSet::new();
    let mut unfinished = true;
    loop {
        // Each round begins with nothing said: what a long one collects would only grow.
        let talk = output.again();
        let problems = round(arguments, open, &mut watched, &mut unfinished, (&talk, output));
        // What was wrong in the last round as well is in the log already.
        problems.iter().filter(|problem| !told.contains(*problem)).for_each(|problem| talk.note(problem));
        told = problems;
        talk.flush();
        if !wait(&events) {
            output.say("stopped");
            return Ok(Outcome::Done);
        }
    }
}

/// The folders that are named or configured.
fn folders(arguments: &IncomingArguments, session: &Session) -> Result<Vec<Utf8PathBuf>, Failure> {
    let batches = batches(arguments, session)?;
    Ok(batches.into_iter().flat_map(|batch| batch.folders).map(|folder| folder.path).collect())
}

/// Looks at every folder once, and returns what went wrong.
fn round(
    arguments: &IncomingArguments,
    open: &dyn Fn() -> Result<Session, Failure>,
    watched: &mut Watched,
    unfinished: &mut bool,
    (output, watched_output): (&Output, &Output),
) -> BTreeSet<String> {
    let mut problems = BTreeSet::new();
    let mut problem = |failure: &Failure| {
        let report = failure.report();
        let hint = report.hint.map_or_else(String::new, |hint| format!("\nhint: {hint}"));
        problems.insert(format!("error: {}{hint}", report.message));
    };
    let session = match open() {
        Ok(session) => session,
        Err(failure) => {
            problem(&failure);
            return problems;
        }
    };
    let batches = match batches(arguments, &session) {
        Ok(batches) => batches,
        Err(failure) => {
            problem(&failure);
            return problems;
        }
    };
    watched.watch(batches.iter().flat_map(|batch| &batch.folders).map(|folder| &folder.path));
    let (log, told) = (session.operation_log("incoming"), output.failures_told());
    let mut all_done = true;
    for batch in &batches {
        let done = take(batch, arguments, &session, *unfinished, output);
        let found = done.unwrap_or_else(|failure| {
            all_done = false;
            vec![failure]
        });
        found.iter().for_each(&mut problem);
    }
    *unfinished = !all_done;
    let refused = output.failure_after(told);
    let entries = watched_output.watch().take_entries();
    if let Some(log) = log {
        log.end_round(&session.root, refused.as_ref(), &entries, watched_output);
    }
    if let Some(observer) = session.observer_of_rounds() {
        observer.end_round(&entries, refused.as_ref(), output);
    }
    problems
}

/// Takes what lies in the folders of a batch and publishes it. Returns why a folder could not be emptied.
fn take(
    batch: &Batch,
    arguments: &IncomingArguments,
    session: &Session,
    unfinished: bool,
    output: &Output,
) -> Result<Vec<Failure>, Failure> {
    let repository = session.repository_to_add_to(batch.repository.as_str(), arguments.change)?;
    let taken = look(batch, &repository, arguments, session)?;
    let is_news = !taken.report.added.is_empty()
        || !taken.report.refused.is_empty()
        || taken.left.iter().any(|left| !left.is_known);
    // What an earlier round or process committed and did not publish is published now.
    if is_news || unfinished {
        show(&taken, &repository, arguments, session, output)?;
    }
    Ok(taken.problems)
}

/// Waits until a round should begin; returns whether one should.
fn wait(events: &Receiver<Event>) -> bool {
    match events.recv_timeout(SCAN) {
        Ok(Event::Changed) => {}
        Ok(Event::Asked) | Err(RecvTimeoutError::Timeout) => return true,
        Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return false,
    }
    let began = Instant::now();
    loop {
        match events.recv_timeout(QUIET) {
            Ok(Event::Changed) if began.elapsed() < LONGEST_WAIT => {}
            Ok(Event::Changed | Event::Asked) | Err(RecvTimeoutError::Timeout) => return true,
            Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// SIGINT and SIGTERM end it after the round under way, SIGHUP asks for a look now.
fn listen_to_signals(sender: &Sender<Event>) -> Result<(), Failure> {
    let (end, ask) = (sender.clone(), sender.clone());
    // Nobody listens any more: it is over.
    let end = move || drop(end.send(Event::End));
    let ask = move || drop(ask.send(Event::Asked));
    signals::watch(end, ask).map_err(Failure::Signals)
}

/// The folders of whose changes the system tells.
struct Watched {
    inotify: std::sync::Arc<std::os::fd::OwnedFd>,
}

impl Watched {
    fn new(sender: Sender<Event>) -> Result<Self, Failure> {
        let failed = Failure::io("watch", "the drop folders");
        let inotify = match inotify::init(CreateFlags::CLOEXEC) {
            Ok(inotify) => std::sync::Arc::new(inotify),
            Err(error) => return Err(failed(error.into())),
        };
        let events = std::sync::Arc::clone(&inotify);
        let listen = move || {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = inotify::Reader::new(&events, &mut buffer);
            while reader.next().is_ok_and(|_| sender.send(Event::Changed).is_ok()) {}
        };
        std::thread::Builder::new().name("folders".to_owned()).spawn(listen).map_err(failed)?;
        Ok(Self { inotify })
    }

    /// Watches these folders too. One that is watched already stays so; one that cannot be watched is looked at once a minute all the same.
    fn watch<'a>(&mut self, folders: impl Iterator<Item = &'a Utf8PathBuf>) {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::CREATE
            | WatchFlags::ATTRIB
            | WatchFlags::ONLYDIR;
        for folder in folders {
            let _ = inotify::add_watch(&*self.inotify, folder.as_std_path(), flags);
        }
    }
}
