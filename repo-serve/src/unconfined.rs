//! Work that the threads which read what clients send cannot do themselves.
//!
//! Those threads give up writing to files ([`Server::confined_by`](crate::Server::confined_by)), and whatever they start has given it up too.
//! So a thread that gives up nothing waits for work, and starts a thread for each piece of it.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::{Semaphore, oneshot};

/// Keeps the calling thread to writing below these directories.
pub(crate) type Confine = dyn Fn(&[&Utf8Path]) -> io::Result<()> + Send + Sync;

/// How often a thread is asked for, and how long after it was refused.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);
/// How many requests change files at a time.
const MOST_AT_A_TIME: usize = 64;

type Work = Box<dyn FnOnce() + Send>;

/// Threads that give up nothing. They end when this is dropped and their work is done.
#[derive(Clone, Debug)]
pub(crate) struct Unconfined(Sender<Work>);

impl Unconfined {
    /// Starts the thread that waits for work. To be called from a thread that gives up nothing.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, works) = channel::<Work>();
        let start_each = move || {
            for work in works {
                start(work);
            }
        };
        Builder::new().name("unconfined".to_owned()).spawn(start_each)?;
        Ok(Self(sender))
    }

    /// Does work that may block, and returns what it gives.
    ///
    /// # Errors
    /// When the system gives no thread, or the work panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (done, result) = oneshot::channel();
        self.run_later(move || {
            let _ = done.send(work());
        });
        result.await.map_err(|_| io::Error::other("a thread could not be started, or it ended early"))
    }

    /// Leaves work to be done, some time.
    pub(crate) fn run_later(&self, work: impl FnOnce() + Send + 'static) {
        let _ = self.0.send(Box::new(work));
    }
}

/// Starts a thread for a piece of work. Where the system has none for a while, the work is dropped, and who waits for it hears of that.
fn start(work: Work) {
    let work = Arc::new(Mutex::new(Some(work)));
    for _ in 0..ATTEMPTS {
        let own = Arc::clone(&work);
        let run = move || {
            let work = own.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(work) = work {
                work();
            }
        };
        if Builder::new().name("unconfined".to_owned()).spawn(run).is_ok() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// The files of the interface for programs: uploads, and answers that are kept.
///
/// Each piece of work is kept to their directories as these are when it begins, also where they were mounted since the last.
#[derive(Clone)]
pub(crate) struct Files {
    unconfined: Unconfined,
    confine: Arc<Confine>,
    uploads: Utf8PathBuf,
    answers: Utf8PathBuf,
    turns: Arc<Semaphore>,
}

impl Files {
    pub(crate) fn new(
        unconfined: Unconfined,
        confine: Arc<Confine>,
        (uploads, answers): (Utf8PathBuf, Utf8PathBuf),
    ) -> Self {
        Self { unconfined, confine, uploads, answers, turns: Arc::new(Semaphore::new(MOST_AT_A_TIME)) }
    }

    /// Changes files, and returns what that gives.
    ///
    /// # Errors
    /// When the system gives no thread, or the thread cannot be confined.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let files = self.clone();
        let _turn = self.turns.acquire().await.map_err(io::Error::other)?;
        self.unconfined.run(move || files.confine().map(|()| work())).await?
    }

    /// Leaves files to be changed, some time.
    pub(crate) fn run_later(&self, work: impl FnOnce() + Send + 'static) {
        let files = self.clone();
        self.unconfined.run_later(move || {
            if files.confine().is_ok() {
                work();
            }
        });
    }

    fn confine(&self) -> io::Result<()> {
        // Each may be removed at any time, but not what they are in: that is not there while the store is not mounted. What cannot be made is told by
        // the work that needs it.
        let _ = std::fs::create_dir(&self.uploads);
        let _ = self.answers.parent().map(std::fs::create_dir);
        let _ = DirBuilder::new().mode(0o700).create(&self.answers);
        (self.confine)(&[&self.uploads, &self.answers])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_on_other_threads_and_a_panic_is_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let unconfined = Unconfined::start().unwrap();
        let here = std::thread::current().id();
        let there = runtime.block_on(unconfined.run(|| std::thread::current().id())).unwrap();
        assert_ne!(here, there);
        let panicked = runtime.block_on(unconfined.run(|| assert_eq!(1, 2)));
        assert!(panicked.is_err());
        assert_eq!(runtime.block_on(unconfined.run(|| 3)).unwrap(), 3);
    }

    #[test]
    fn directories_are_made_again_but_not_the_store_that_they_are_in() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let store = Utf8Path::from_path(directory.path()).unwrap().join("store");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let free = Arc::new(|_: &[&Utf8Path]| Ok(()));
        let places = (store.join("tmp"), store.join("cache/api"));
        let files = Files::new(Unconfined::start().unwrap(), free, places);
        runtime.block_on(files.run(|| ())).unwrap();
        assert!(!store.exists(), "it may be mounted again later");
        std::fs::create_dir(&store).unwrap();
        runtime.block_on(files.run(|| ())).unwrap();
        let mode = |name: &str| std::fs::metadata(store.join(name)).unwrap().permissions().mode() & 0o777;
        assert!(store.join("tmp").is_dir());
        assert_eq!((mode("cache/api"), mode("cache")), (0o700, mode("")), "answers are for nobody else");
    }

    #[test]
    fn nothing_is_written_by_a_thread_that_cannot_be_confined() {
        let directory = tempfile::tempdir().unwrap();
        let room = |name: &str| Utf8Path::from_path(directory.path()).unwrap().join(name);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let refuse = Arc::new(|_: &[&Utf8Path]| Err(io::ErrorKind::PermissionDenied.into()));
        let files = Files::new(Unconfined::start().unwrap(), refuse, (room("uploads"), room("answers")));
        let result = runtime.block_on(files.run(|| unreachable!("it was done")));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
