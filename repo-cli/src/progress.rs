//! What people see of a long operation, and how Ctrl-C ends it.
//!
//! Nothing is shown in the first second. Then a terminal has a bar, and anything else a line every ten seconds; with `--quiet` or `--json`
//! nothing is shown. The first Ctrl-C asks the operation to stop where it safely can, the second ends the program at once.

mod text;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use repo_store::history::LogEntry;
use repo_store::progress::{Amount, Observer, Phase, Progress};
use tokio::signal::unix::{SignalKind, signal};

use crate::output::Talk;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Nothing,
    /// Lines on something that is not a terminal, such as the log of a job.
    Lines,
    Bar,
}

/// What ends the program when it was interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

/// Before that time nothing is shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// The time between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// The time between two looks at what is done.
const TICK: Duration = Duration::from_millis(100);

/// Watches the operations of a command.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Shared>);

struct Shared {
    shown: Shown,
    talk: Talk,
    /// When the first operation began.
    started: Mutex<Option<Instant>>,
    display: Mutex<Display>,
    items: AtomicU64,
    bytes: AtomicU64,
    interrupts: Interrupts,
    thread: Once,
    /// What the operation log got.
    entries: Mutex<Vec<LogEntry>>,
}

/// What is being shown.
#[derive(Default)]
struct Display {
    current: Option<Current>,
    bar: Option<ProgressBar>,
    /// When the last line was written, since the start.
    last_line: Duration,
}

/// A phase under way.
struct Current {
    phase: Phase,
    total: Amount,
    began: Instant,
}

impl Watch {
    pub(crate) fn new(shown: Shown, talk: Talk) -> Self {
        Self(Arc::new(Shared {
            shown,
            talk,
            started: Mutex::default(),
            display: Mutex::default(),
            items: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            interrupts: Interrupts::default(),
            thread: Once::new(),
            entries: Mutex::default(),
        }))
    }

    /// Returns what operations report to.
    pub(crate) fn progress(&self) -> Progress {
        let watch: Arc<dyn Observer> = Arc::new(self.clone());
        Progress::watched(watch)
    }

    /// Returns what the operation log got since it was asked last.
    pub(crate) fn take_entries(&self) -> Vec<LogEntry> {
        std::mem::take(&mut *self.0.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a bar away, so that something else can be written; it comes back with the next tick.
    pub(crate) fn make_room(&self) {
        self.0.lock().take_bar_away();
    }

    /// Asks a person something: Ctrl-C is an answer then, and ends the program.
    pub(crate) fn ask<T>(&self, question: impl FnOnce() -> T) -> T {
        self.0.interrupts.is_asking.store(true, Ordering::Relaxed);
        let answer = question();
        self.0.interrupts.is_asking.store(false, Ordering::Relaxed);
        answer
    }

    /// Leaves Ctrl-C to somebody else from now on.
    pub(crate) fn leave_interrupts(&self) {
        self.0.interrupts.is_over.store(true, Ordering::Relaxed);
    }

    /// Starts the thread that shows what is done and waits for Ctrl-C. Without one, Ctrl-C kills the program, and nothing is shown.
    fn start(&self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let context = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        drop(context);
        let shared = Arc::clone(&self.0);
        std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            runtime.block_on(async move {
                if shared.shown != Shown::Nothing {
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        loop {
                            tokio::time::sleep(TICK).await;
                            shared.tick(Instant::now());
                        }
                    });
                }
                while interrupt.recv().await.is_some() {
                    shared.interrupt();
                }
            });
        })?;
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Display> {
        self.display.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what is done by now, if it is time to.
    fn tick(&self, now: Instant) {
        let started = *self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let since = started.map_or(Duration::ZERO, |started| now.saturating_duration_since(started));
        let done =
            Amount { items: self.items.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) };
        let mut display = self.lock();
        let Some(Current { phase, total, began }) = &display.current else { return };
        let text = text::describe(*phase, done, *total, now.saturating_duration_since(*began));
        let (done, whole) = match total.bytes {
            0 => (done.items, total.items),
            bytes => (done.bytes, bytes),
        };
        match self.shown {
            Shown::Bar if since >= PATIENCE => display.draw(done, whole, text),
            Shown::Lines if display.is_line_due(since) => {
                drop(display);
                self.talk.say(&text);
            }
            _ => {}
        }
    }

    fn interrupt(&self) {
        match self.interrupts.react() {
            Reaction::Nothing => {}
            Reaction::Stop => {
                self.lock().take_bar_away();
                self.talk.say("stopping; press Ctrl-C again to end at once");
            }
            Reaction::End => {
                self.lock().take_bar_away();
                #[allow(clippy::exit, reason = "the person does not want to wait for the other threads")]
                std::process::exit(i32::from(INTERRUPTED));
            }
        }
    }
}

impl Display {
    fn draw(&mut self, done: u64, whole: u64, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(text);
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(whole), ProgressDrawTarget::stderr());
        let bar = bar.with_position(done).with_message(text);
        let bar = match ProgressStyle::with_template("{msg} [{wide_bar}]") {
            Ok(style) => bar.with_style(style.progress_chars("=> ")),
            Err(_) => bar,
        };
        bar.tick();
        self.bar = Some(bar);
    }

    fn take_bar_away(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Returns whether it is time for another line, that long after the start, and takes note of it.
    fn is_line_due(&mut self, since: Duration) -> bool {
        let is_due = since.saturating_sub(self.last_line) >= BETWEEN_LINES;
        if is_due {
            self.last_line = since;
        }
        is_due
    }
}

impl Observer for Watch {
    fn begin(&self, phase: Phase, total: Amount) {
        let shared = &*self.0;
        let now = Instant::now();
        shared.started.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
        shared.items.store(0, Ordering::Relaxed);
        shared.bytes.store(0, Ordering::Relaxed);
        shared.lock().current = Some(Current { phase, total, began: now });
        // An operation does not fail because nothing can be shown of it.
        shared.thread.call_once(|| drop(self.start()));
    }

    fn advance(&self, done: Amount) {
        self.0.items.fetch_add(done.items, Ordering::Relaxed);
        self.0.bytes.fetch_add(done.bytes, Ordering::Relaxed);
    }

    fn end(&self) {
        let mut display = self.0.lock();
        display.current = None;
        display.take_bar_away();
    }

    fn logged(&self, line: &str) {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner).extend(LogEntry::parse(line));
    }

    fn is_cancelled(&self) -> bool {
        self.0.interrupts.is_cancelled.load(Ordering::Relaxed)
    }
}

/// What Ctrl-C means.
#[derive(Debug, Default)]
struct Interrupts {
    is_cancelled: AtomicBool,
    /// Whether a person is being asked something.
    is_asking: AtomicBool,
    /// Whether Ctrl-C is for somebody else.
    is_over: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Nothing,
    /// The operation is asked to stop where it safely can.
    Stop,
    /// The program ends at once.
    End,
}

impl Interrupts {
    fn react(&self) -> Reaction {
        if self.is_over.load(Ordering::Relaxed) {
            return Reaction::Nothing;
        }
        let was_cancelled = self.is_cancelled.swap(true, Ordering::Relaxed);
        if was_cancelled || self.is_asking.load(Ordering::Relaxed) { Reaction::End } else { Reaction::Stop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_interrupt_asks_and_the_second_ends() {
        let interrupts = Interrupts::default();
        assert_eq!([interrupts.react(), interrupts.react()], [Reaction::Stop, Reaction::End]);
        let asking = Interrupts { is_asking: true.into(), ..Interrupts::default() };
        assert_eq!(asking.react(), Reaction::End);
        let over = Interrupts { is_over: true.into(), ..Interrupts::default() };
        assert_eq!([over.react(), over.react()], [Reaction::Nothing; 2]);
        assert!(!over.is_cancelled.into_inner());
    }

    #[test]
    fn a_line_comes_every_ten_seconds() {
        let mut display = Display::default();
        let seconds = [0, 1, 9, 10, 11, 19, 20, 35, 44, 45];
        let due = seconds.map(|second| display.is_line_due(Duration::from_secs(second)));
        assert_eq!(due, [false, false, false, true, false, false, true, true, false, true]);
    }
}
