//! The listening socket, the threads, and the end of it all.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::connection::{self, Timeouts};
use super::respond::Shared;
use super::{LogEntry, OpenSite, Site};

/// A static file server for published repositories, over plain HTTP/1.1.
///
/// Bind, then [`Server::run`]; another thread, such as one that waits for a signal, ends it through a [`ShutdownHandle`].
pub(crate) struct Server {
    listener: TcpListener,
    shared: Shared,
    limits: Limits,
    stop: watch::Sender<bool>,
    renew: Option<Renew>,
}

/// Tells what is served from now on, when that is something else.
type Renew = Box<dyn FnMut() -> Option<OpenSite> + Send>;

/// How often that is asked.
const RENEW_EVERY: Duration = Duration::from_secs(1);

/// What clients may claim of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at a time; further ones wait in the system's queue. Lowered to what the open-file limit allows.
    pub(crate) connections: usize,
    /// How long a connection may take to send its next request, idle time included. The default is 60 s.
    pub(crate) request_timeout: Duration,
    /// How long a client may go without taking a single byte of an answer. The default is 60 s.
    pub(crate) stall_timeout: Duration,
    /// How long answers in progress may take once the server is told to stop. The default is 5 s.
    pub(crate) shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            request_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

/// Ends a running [`Server`], from any thread.
#[derive(Clone, Debug)]
pub(crate) struct ShutdownHandle(watch::Sender<bool>);

impl ShutdownHandle {
    /// Tells the server to take no more connections, to finish the answers in progress, and to return. May come before
    /// [`Server::run`], and more than once.
    pub(crate) fn shutdown(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Listens at `address` (port 0: any free port) and opens the site's directory. Nothing is answered before [`Server::run`].
    pub(crate) fn bind(address: impl ToSocketAddrs, site: Site) -> io::Result<Self> {
        let site = RwLock::new(Arc::new(site.open()?));
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let logins = Semaphore::new((processors / 2).max(1));
        let shared = Shared { site, log: None, buffers: Arc::default(), logins };
        Ok(Self { listener, shared, limits: Limits::default(), stop: watch::Sender::new(false), renew: None })
    }

    /// Sets other limits than the default ones.
    #[cfg(test)]
    pub(crate) fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Calls `log` after each answer, from the serving threads: it should return soon.
    pub(crate) fn with_log(mut self, log: impl Fn(&LogEntry) + Send + Sync + 'static) -> Self {
        self.shared.log = Some(Arc::new(log));
        self
    }

    /// Calls `renew` each second, and serves what it gives from then on. It may block.
    pub(crate) fn renewed_by(mut self, renew: impl FnMut() -> Option<OpenSite> + Send + 'static) -> Self {
        self.renew = Some(Box::new(renew));
        self
    }

    /// Where the server listens.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What ends [`Server::run`].
    pub(crate) fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(self.stop.clone())
    }

    /// Serves until told to stop. Raises the process's soft limit of open files to the hard one.
    pub(crate) fn run(self) -> io::Result<()> {
        let Self { listener, shared, limits, stop, renew } = self;
        let connections = limits.connections.min(affordable_connections()).max(1);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("serve").build()?;
        let slots = Arc::new(Semaphore::new(connections));
        let grace = limits.shutdown_grace;
        let result = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let shared = Arc::new(shared);
            if let Some(renew) = renew {
                tokio::spawn(keep_current(Arc::clone(&shared), renew));
            }
            let accepting = accept(listener, shared, limits, Arc::clone(&slots), stop.subscribe());
            let accepting = tokio::spawn(accepting);
            let _ = stop.subscribe().wait_for(|stop| *stop).await;
            accepting.abort();
            let all = u32::try_from(connections).unwrap_or(u32::MAX);
            let _ = tokio::time::timeout(grace, slots.acquire_many(all)).await;
            Ok(())
        });
        runtime.shutdown_background();
        result
    }
}

async fn keep_current(shared: Arc<Shared>, mut renew: Renew) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let asked = tokio::task::spawn_blocking(move || {
            let site = renew();
            (renew, site)
        });
        let Ok((again, site)) = asked.await else { return };
        renew = again;
        if let Some(site) = site {
            *shared.site.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
        }
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    limits: Limits,
    slots: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
) {
    let timeouts = Timeouts { request: limits.request_timeout, stall: limits.stall_timeout };
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let served = connection::serve(
                    stream,
                    peer.ip().to_canonical(),
                    Arc::clone(&shared),
                    timeouts,
                    stop.clone(),
                );
                tokio::spawn(async move {
                    served.await;
                    drop(slot);
                });
            }
            // The client is gone already, or files have run out: those that end will free some.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Each connection needs a socket and, while it is answered, a file; a few are kept for the rest of the process.
fn affordable_connections() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum;
    let soft = std::mem::replace(&mut limit.current, hard);
    // Not being allowed to raise it is no failure.
    let files = if setrlimit(Resource::Nofile, limit).is_ok() { hard } else { soft };
    files.map_or(usize::MAX, |files| usize::try_from(files.saturating_sub(64) / 2).unwrap_or(usize::MAX))
}
