//! A line for each request that `serve` answers. Requests never wait for it: a thread of its own writes what they leave in a queue.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};
use repo_config::AccessLog;
use repo_serve::log::LogEntry;

use crate::error::Failure;
use crate::journal;
use crate::output::Talk;

/// How many lines wait at most. Later ones are lost, which is told.
const QUEUE: usize = 8192;

/// How often it is told that lines were lost.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How long the end of the process waits for lines that are not written yet.
const LAST_LINES: Duration = Duration::from_secs(5);

enum Item {
    Line(Box<LogEntry>, Timestamp),
    Reopen,
    End(SyncSender<()>),
}

/// The queue of an access log.
#[derive(Clone)]
pub(crate) struct AccessLogQueue {
    items: SyncSender<Item>,
    lost: Arc<AtomicU64>,
}

impl AccessLogQueue {
    /// Opens the log, and writes from now on what comes into the queue.
    ///
    /// # Errors
    /// When its file cannot be opened, or the system gives no thread.
    pub(crate) fn open(target: &AccessLog, talk: Talk) -> Result<Self, Failure> {
        let sink = match target {
            AccessLog::Journald => Sink::Journald,
            AccessLog::Stderr => Sink::Stderr,
            AccessLog::Json => Sink::Json,
            AccessLog::CombinedFile(path) => Sink::File(LogFile::open(path, false)?),
            AccessLog::JsonFile(path) => Sink::File(LogFile::open(path, true)?),
        };
        let (items, queue) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { sink, talk, lost: Arc::clone(&lost), told: None, is_failing: false };
        let thread = std::thread::Builder::new().name("access log".to_owned());
        thread
            .spawn(move || writer.run(&queue))
            .map_err(Failure::io("start", "the thread of the access log"))?;
        Ok(Self { items, lost })
    }

    /// Leaves an entry for the writer.
    pub(crate) fn put(&self, entry: &LogEntry) {
        let now = crate::clock::now();
        let began = SignedDuration::try_from(entry.duration).ok().and_then(|took| now.checked_sub(took).ok());
        if let Err(TrySendError::Full(_)) =
            self.items.try_send(Item::Line(Box::new(entry.clone()), began.unwrap_or(now)))
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens the file again, as another program has moved it away.
    pub(crate) fn reopen(&self) {
        // A queue that is full is written to the old file first, and the program that rotates logs asks again.
        let _ = self.items.try_send(Item::Reopen);
    }

    /// Waits a moment until all is written.
    pub(crate) fn end(&self) {
        let (done, written) = sync_channel(1);
        if self.items.try_send(Item::End(done)).is_ok() {
            let _ = written.recv_timeout(LAST_LINES);
        }
    }
}

enum Sink {
    Journald,
    Stderr,
    Json,
    File(LogFile),
}

struct LogFile {
    path: Utf8PathBuf,
    is_json: bool,
    file: BufWriter<File>,
}

impl LogFile {
    fn open(path: &Utf8Path, is_json: bool) -> Result<Self, Failure> {
        let file = Self::open_file(path).map_err(Failure::io("open", path))?;
        Ok(Self { path: path.to_owned(), is_json, file })
    }

    fn open_file(path: &Utf8Path) -> std::io::Result<BufWriter<File>> {
        // Addresses and names are not for everybody.
        OpenOptions::new().append(true).create(true).mode(0o640).open(path).map(BufWriter::new)
    }
}

struct Writer {
    sink: Sink,
    talk: Talk,
    lost: Arc<AtomicU64>,
    /// When it was last told that lines were lost.
    told: Option<Instant>,
    is_failing: bool,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Item>) {
        loop {
            let mut item = match queue.recv_timeout(TELL_EVERY) {
                Ok(item) => Some(item),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut end = None;
            // What waits is written in one go.
            while let Some(next) = item {
                match next {
                    Item::Line(entry, time) => self.write(&entry, time),
                    Item::Reopen => self.reopen(),
                    Item::End(done) => end = Some(done),
                }
                item = queue.try_recv().ok();
            }
            self.flush();
            self.tell_of_lost_lines();
            if let Some(done) = end {
                let _ = done.try_send(());
            }
        }
    }

    fn write(&mut self, entry: &LogEntry, time: Timestamp) {
        match &mut self.sink {
            Sink::Journald => journal::write(&entry.to_string(), 6, &fields(entry)),
            Sink::Stderr => self.talk.note(&entry.to_string()),
            Sink::Json => self.talk.note(&entry.json(time)),
            Sink::File(log) => {
                let line = if log.is_json { entry.json(time) } else { entry.combined(time) };
                let written = writeln!(log.file, "{line}");
                self.note_result(written);
            }
        }
    }

    fn flush(&mut self) {
        if let Sink::File(log) = &mut self.sink {
            let flushed = log.file.flush();
            self.note_result(flushed);
        }
    }

    fn reopen(&mut self) {
        self.flush();
        let Sink::File(log) = &mut self.sink else { return };
        match LogFile::open_file(&log.path) {
            Ok(file) => log.file = file,
            Err(error) => {
                let path = &log.path;
                self.talk.note(&format!(
                    "warning: cannot open {path} again: {error}; the file before is written on"
                ));
            }
        }
    }

    /// Reports a failure once, until writing works again.
    fn note_result(&mut self, result: std::io::Result<()>) {
        let Sink::File(log) = &mut self.sink else { return };
        match result {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    let path = &log.path;
                    self.talk.note(&format!(
                        "warning: cannot write {path}: {error}; lines of the access log are lost"
                    ));
                }
                // What could not be written would be tried again and again, ahead of what comes.
                if let Ok(again) = log.file.get_ref().try_clone() {
                    let _ = std::mem::replace(&mut log.file, BufWriter::new(again)).into_parts();
                }
            }
        }
    }

    fn tell_of_lost_lines(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.told = Some(Instant::now());
            self.talk.note(&format!(
                "warning: {lost} lines of the access log were lost: they come faster than they can be written"
            ));
        }
    }
}

fn fields(entry: &LogEntry) -> Vec<(&'static str, String)> {
    let LogEntry { peer, user, repository, agent, status, bytes, method, path, .. } = entry;
    let mut fields = vec![
        ("ADDRESS", peer.to_string()),
        ("METHOD", method.clone()),
        ("PATH", path.clone()),
        ("STATUS", status.to_string()),
        ("BYTES", bytes.to_string()),
        ("DURATION_MS", entry.milliseconds().to_string()),
    ];
    let texts = [("USER", user), ("REPOSITORY", repository), ("AGENT", agent)];
    fields.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
    fields
}
