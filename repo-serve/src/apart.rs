//! Work that the threads which read what clients send cannot do themselves.
//!
//! Those threads give up writing to files ([`Server::confined_by`](crate::Server::confined_by)), and whatever they start has given it up too.
//! So a thread that gives up nothing waits for work, and starts a thread for each piece of it.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::oneshot;

/// Keeps the calling thread to writing below these directories.
pub(crate) type Confine = dyn Fn(&[&Utf8Path]) -> io::Result<()> + Send + Sync;

type Work = Box<dyn FnOnce() + Send>;

/// Threads for such work. The threads end when this is dropped and their work is done.
#[derive(Clone, Debug)]
pub(crate) struct Apart(Sender<Work>);

impl Apart {
    /// Starts the thread that waits for work. To be called from a thread that gives up nothing.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, works) = channel::<Work>();
        let start_each = move || {
            for work in works {
                // Where there is no thread, the work is dropped, and who waits for it hears of that.
                let _ = Builder::new().name("apart".to_owned()).spawn(work);
            }
        };
        Builder::new().name("apart".to_owned()).spawn(start_each)?;
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
        self.leave(move || {
            let _ = done.send(work());
        });
        result.await.map_err(|_| io::Error::other("a thread could not be started, or it ended early"))
    }

    /// Leaves work to be done, some time.
    pub(crate) fn leave(&self, work: impl FnOnce() + Send + 'static) {
        let _ = self.0.send(Box::new(work));
    }
}

/// The files of the interface for programs: uploads, and answers that are kept.
///
/// Each piece of work is kept to their directories as these are when it begins, also where they were mounted since the last.
#[derive(Clone)]
pub(crate) struct Files {
    apart: Apart,
    confine: Arc<Confine>,
    uploads: Utf8PathBuf,
    answers: Utf8PathBuf,
}

impl Files {
    pub(crate) fn new(
        apart: Apart,
        confine: Arc<Confine>,
        (uploads, answers): (Utf8PathBuf, Utf8PathBuf),
    ) -> Self {
        Self { apart, confine, uploads, answers }
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
        self.apart.run(move || files.confine().map(|()| work())).await?
    }

    /// Leaves files to be changed, some time.
    pub(crate) fn leave(&self, work: impl FnOnce() + Send + 'static) {
        let files = self.clone();
        self.apart.leave(move || {
            if files.confine().is_ok() {
                work();
            }
        });
    }

    fn confine(&self) -> io::Result<()> {
        // Either may be removed at any time. What cannot be made is told by the work that needs it.
        let _ = std::fs::create_dir_all(&self.uploads);
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(&self.answers);
        (self.confine)(&[&self.uploads, &self.answers])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_on_other_threads_and_a_panic_is_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let apart = Apart::start().unwrap();
        let here = std::thread::current().id();
        let there = runtime.block_on(apart.run(|| std::thread::current().id())).unwrap();
        assert_ne!(here, there);
        let panicked = runtime.block_on(apart.run(|| assert_eq!(1, 2)));
        assert!(panicked.is_err());
        assert_eq!(runtime.block_on(apart.run(|| 3)).unwrap(), 3);
    }

    #[test]
    fn nothing_is_written_by_a_thread_that_cannot_be_confined() {
        let directory = tempfile::tempdir().unwrap();
        let room = |name: &str| Utf8Path::from_path(directory.path()).unwrap().join(name);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let refuse = Arc::new(|_: &[&Utf8Path]| Err(io::ErrorKind::PermissionDenied.into()));
        let files = Files::new(Apart::start().unwrap(), refuse, (room("uploads"), room("answers")));
        let result = runtime.block_on(files.run(|| unreachable!("it was done")));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
