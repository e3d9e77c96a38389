//! The listening socket, the threads, and the end of it all.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use camino::Utf8Path;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};

use super::api::{Api, ApiSettings, Verbs};
use super::client::ClientKey;
use super::connection::{self, Pulse, Timeouts};
use super::connection_count::ConnectionCount;
use super::log::LogEntry;
use super::logins::Logins;
use super::metrics::{Metrics, Observed};
use super::respond::Shared;
use super::site::{OpenSite, Site};
use super::tls::Certificate;
use super::unconfined::Confine;

/// Where clients come in, and how.
#[derive(Debug, Default)]
pub struct Entrance {
    /// The certificate with which they speak TLS; `None`: they speak plain HTTP.
    pub tls: Option<Certificate>,
    /// The port over TLS to which requests are led that come in here, but those that may be [read without](super::site::Access::without_tls).
    pub redirect_to: Option<u16>,
    /// What is served here.
    pub serves: Serves,
}

/// What is served at an [`Entrance`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serves {
    /// The files of the repositories.
    #[default]
    Files,
    /// The interface for programs.
    Api,
    /// Both.
    Both,
}

/// What happens to a running [`Server`], for who looks after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Requests are answered from now on.
    Started,
    /// The server has looked at what it serves, as it does each second: its threads are not stuck.
    Alive,
    /// Somebody asked to read everything again, and that begins.
    Reloading,
    /// That is done.
    Reloaded,
    /// No further connection is taken; answers in progress are finished.
    Stopping,
}

/// A static file server for published repositories, over HTTP/1.1, with TLS where an [`Entrance`] has a certificate.
///
/// Bind, then [`Server::run`]; another thread, such as one that waits for a signal, ends it through a [`ShutdownHandle`].
pub struct Server {
    entrances: Vec<(TcpListener, Arc<Entrance>)>,
    metrics: Option<TcpListener>,
    shared: Shared,
    limits: Limits,
    stop: watch::Sender<Stop>,
    reload: Arc<Notify>,
    renew: Option<Renew>,
    warn: Arc<Warn>,
    events: Arc<Events>,
    confine: Arc<Confine>,
    api: Option<(Arc<dyn Verbs>, ApiSettings)>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<_> =
            self.entrances.iter().filter_map(|(listener, _)| listener.local_addr().ok()).collect();
        f.debug_struct("Server")
            .field("addresses", &addresses)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Whether and how a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    No,
    /// Answers in progress are finished.
    Gently,
    /// Nothing is waited for.
    AtOnce,
}

impl Stop {
    pub(crate) fn is_asked(self) -> bool {
        self != Self::No
    }
}

/// A function that is told what happens.
type Events = dyn Fn(Event) + Send + Sync;

/// A function that takes what the administrator should know, a line each.
type Warn = dyn Fn(&str) + Send + Sync;

/// Tells what is served from now on, when that is something else.
///
/// It is told whether somebody asked for that: then it says so if nothing has changed, and does not wait until a file that changed stays
/// as it is.
type Renew = Box<dyn FnMut(bool) -> Option<OpenSite> + Send>;

/// How often it is said, at most, that clients are refused.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// How often a full server looks for connections that have become idle.
const LOOK_FOR_IDLE_EVERY: Duration = Duration::from_millis(50);

/// How many connections those have who read the metrics. They are not taken from the clients.
const METRICS_CONNECTIONS: usize = 16;

/// How often that is asked.
const RENEW_EVERY: Duration = Duration::from_secs(1);

/// What clients may claim of the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; when all are in use, idle ones give way to new clients, and where none is idle these wait. Lowered to what the open-file limit allows.
    pub connections: usize,
    /// How long a connection may take to send its next request, idle time included. The default is 60 s.
    pub request_timeout: Duration,
    /// How long a client may go without taking a single byte of an answer. The default is 60 s.
    pub stall_timeout: Duration,
    /// How long after it was taken a connection may send its first request to a server that stops: its client could not know. The default is
    /// 1 s.
    pub first_request: Duration,
    /// How long answers in progress may take once the server is told to stop. The default is 30 s.
    pub shutdown_grace: Duration,
    /// Whether clients on this machine are exempt from limits per client, as a proxy may be one. They are by default.
    pub exempt_loopback: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            request_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(60),
            first_request: Duration::from_secs(1),
            shutdown_grace: Duration::from_secs(30),
            exempt_loopback: true,
        }
    }
}

/// Ends a running [`Server`], from any thread.
#[derive(Clone, Debug)]
pub struct ShutdownHandle(watch::Sender<Stop>);

impl ShutdownHandle {
    /// Makes the server take no more connections, finish the answers in progress and return. A second call makes it return without these
    /// answers. May come before [`Server::run`].
    pub fn shutdown(&self) {
        self.0.send_modify(|stop| *stop = if stop.is_asked() { Stop::AtOnce } else { Stop::Gently });
    }
}

/// Makes a running [`Server`] read its configuration and files of users again, from any thread.
#[derive(Clone, Debug)]
pub struct ReloadHandle(Arc<Notify>);

impl ReloadHandle {
    /// Asks for that; it happens soon.
    pub fn reload(&self) {
        self.0.notify_one();
    }
}

impl Server {
    /// Listens at `address` (port 0: any free port) and opens the site's directory. Nothing is answered before [`Server::run`].
    pub fn bind(address: impl ToSocketAddrs, site: Site) -> io::Result<Self> {
        Self::listening(TcpListener::bind(address)?, site)
    }

    /// Answers on a socket that listens already, such as one that the service manager opened, and opens the site's directory.
    pub fn listening(listener: TcpListener, site: Site) -> io::Result<Self> {
        Self::with_entrances(vec![(listener, Entrance::default())], site)
    }

    /// Answers on several sockets that listen already, each in its way, and opens the site's directory.
    pub fn with_entrances(entrances: Vec<(TcpListener, Entrance)>, site: Site) -> io::Result<Self> {
        let site = RwLock::new(Arc::new(site.open()?));
        for (listener, _) in &entrances {
            listener.set_nonblocking(true)?;
        }
        let shareable = |(listener, entrance)| (listener, Arc::new(entrance));
        let entrances = entrances.into_iter().map(shareable).collect();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let (limits, logins) = (Limits::default(), Logins::new(processors / 2));
        let exempt_loopback = limits.exempt_loopback;
        let metrics = Metrics::new();
        let shared = Shared {
            site,
            api: None,
            log: None,
            metrics,
            buffers: Arc::default(),
            logins,
            rendering: Arc::new(Semaphore::new((processors / 2).max(1))),
            exempt_loopback,
        };
        let (stop, warn) = (watch::Sender::new(Stop::No), Arc::new(|_: &str| {}));
        let (reload, events) = (Arc::default(), Arc::new(|_: Event| {}));
        Ok(Self {
            entrances,
            metrics: None,
            shared,
            api: None,
            limits,
            stop,
            reload,
            renew: None,
            warn,
            events,
            confine: Arc::new(|_: &[&Utf8Path]| Ok(())),
        })
    }

    /// Sets other limits than the default ones.
    #[cfg(test)]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self.shared.exempt_loopback = limits.exempt_loopback;
        self
    }

    /// Calls `log` after each answer, from the serving threads: it should return soon.
    pub fn with_log(mut self, log: impl Fn(&LogEntry) + Send + Sync + 'static) -> Self {
        self.shared.log = Some(Box::new(log));
        self
    }

    /// Answers `/metrics` in the text format of Prometheus, and `/healthz`, on a socket of its own, which asks for no login.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn with_metrics(mut self, listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        self.metrics = Some(listener);
        Ok(self)
    }

    /// Calls `events` with what happens to the server, from its threads: it should return soon.
    pub fn with_events(mut self, events: impl Fn(Event) + Send + Sync + 'static) -> Self {
        self.events = Arc::new(events);
        self
    }

    /// Answers requests to the interface for programs at the entrances that [serve](Serves) it.
    pub fn with_api(mut self, verbs: Arc<dyn Verbs>, settings: ApiSettings) -> Self {
        self.api = Some((verbs, settings));
        self
    }

    /// Calls `confine` at the beginning of each thread that reads what clients send, and of each that keeps an upload or an answer of the interface
    /// for programs, with the directories in which that thread is to be able to write: none at all where requests are read. Everything
    /// else that this server is given to call may run on those threads too, but [`Verbs`] do not.
    ///
    /// A thread that cannot be confined changes no file, and is told of as a warning where it reads requests.
    pub fn confined_by(
        mut self,
        confine: impl Fn(&[&Utf8Path]) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.confine = Arc::new(confine);
        self
    }

    /// Calls `warn` with what the administrator should know.
    pub fn with_warnings(mut self, warn: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.warn = Arc::new(warn);
        self
    }

    /// Calls `renew` each second, and when a [`ReloadHandle`] asks for it, and serves what it gives from then on. It may block.
    pub fn renewed_by(mut self, renew: impl FnMut(bool) -> Option<OpenSite> + Send + 'static) -> Self {
        self.renew = Some(Box::new(renew));
        self
    }

    /// Where the server listens first.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let first = self.entrances.first().ok_or(io::ErrorKind::NotConnected)?;
        first.0.local_addr()
    }

    /// What makes the server read again what it serves.
    pub fn reload_handle(&self) -> ReloadHandle {
        ReloadHandle(Arc::clone(&self.reload))
    }

    /// What ends [`Server::run`].
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(self.stop.clone())
    }

    /// Serves until told to stop. Raises the process's soft limit of open files to the hard one.
    pub fn run(self) -> io::Result<()> {
        let Self { entrances, metrics, mut shared, api, limits, stop, reload, renew, warn, events, confine } =
            self;
        let repositories = shared.site().access.len();
        let affordable = affordable_connections(repositories);
        let connections = limits.connections.min(affordable).max(1);
        if affordable < limits.connections {
            warn(&format!(
                "warning: the limit of open files leaves room for {connections} connections, not {}: raise it (LimitNOFILE= in the \
                 unit, or ulimit -n)",
                limits.connections
            ));
        }
        for problem in shared.site().closed() {
            warn(&format!("warning: {problem}"));
        }
        shared.api = api.map(|(verbs, settings)| Api::new(verbs, settings, &confine)).transpose()?;
        let runtime = runtime(confine, Arc::clone(&warn))?;
        let slots = Arc::new(Semaphore::new(connections));
        let grace = limits.shutdown_grace;
        let result = runtime.block_on(async {
            let shared = Arc::new(shared);
            let with_tls: Vec<Arc<Entrance>> =
                entrances.iter().map(|(_, entrance)| Arc::clone(entrance)).collect();
            let of_metrics = metrics.map(|listener| {
                let certificates = certificates_of(&entrances);
                (listener, Arc::new(Purpose::Metrics(certificates)))
            });
            let told = (Arc::clone(&warn), Arc::clone(&events));
            tokio::spawn(keep_current(Arc::clone(&shared), with_tls, (renew, reload), told));
            let room = (Arc::clone(&slots), ConnectionCount::new(connections));
            let apart =
                (Arc::new(Semaphore::new(METRICS_CONNECTIONS)), ConnectionCount::new(METRICS_CONNECTIONS));
            let clients = entrances
                .into_iter()
                .map(|(listener, entrance)| (listener, Arc::new(Purpose::Clients(entrance)), room.clone()));
            let of_metrics =
                of_metrics.into_iter().map(|(listener, purpose)| (listener, purpose, apart.clone()));
            let mut accepting = Vec::new();
            for (listener, purpose, room) in clients.chain(of_metrics) {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let (shared, warn) = (Arc::clone(&shared), Arc::clone(&warn));
                let accept = accept((listener, purpose), shared, limits, room, stop.subscribe(), warn);
                accepting.push(tokio::spawn(accept));
            }
            events(Event::Started);
            let mut stop = stop.subscribe();
            let _ = stop.wait_for(|stop| stop.is_asked()).await;
            events(Event::Stopping);
            let all = u32::try_from(connections).unwrap_or(u32::MAX);
            let all_ended = std::pin::pin!(async {
                for accepting in accepting {
                    // Not aborted: a connection that was taken gets its answer.
                    let _ = accepting.await;
                }
                let _ = slots.acquire_many(all).await;
            });
            let asked_again = std::pin::pin!(stop.wait_for(|stop| *stop == Stop::AtOnce));
            let _ = tokio::time::timeout(grace, first_of(all_ended, asked_again)).await;
            Ok(())
        });
        runtime.shutdown_background();
        result
    }
}

/// The threads that read what clients send. They can write no file.
fn runtime(confine: Arc<Confine>, warn: Arc<Warn>) -> io::Result<tokio::runtime::Runtime> {
    let begin = move || {
        if let Err(error) = confine(&[]) {
            warn(&format!("warning: a thread that answers requests cannot be confined: {error}"));
        }
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("serve")
        .on_thread_start(begin)
        .build()
}

/// What a socket is for.
pub(crate) enum Purpose {
    /// Those who read repositories.
    Clients(Arc<Entrance>),
    /// Those who read the metrics, with the certificates that these tell of and where each is shown.
    Metrics(Vec<(String, Arc<Entrance>)>),
}

/// Returns the entrances that have a certificate, with their addresses.
fn certificates_of(entrances: &[(TcpListener, Arc<Entrance>)]) -> Vec<(String, Arc<Entrance>)> {
    let with_tls = entrances.iter().filter(|(_, entrance)| entrance.tls.is_some());
    let address =
        |listener: &TcpListener| listener.local_addr().map_or_else(|_| String::new(), |at| at.to_string());
    with_tls.map(|(listener, entrance)| (address(listener), Arc::clone(entrance))).collect()
}

/// Returns what the metrics tell besides what is counted. It may block for a moment.
pub(crate) fn observe(shared: &Shared, certificates: &[(String, Arc<Entrance>)]) -> Observed {
    let end = |(address, entrance): &(String, Arc<Entrance>)| {
        Some((address.clone(), entrance.tls.as_ref()?.validity()?.until))
    };
    let certificates = certificates.iter().filter_map(end).collect();
    Observed { publications: shared.site().ages_of_publications(), certificates }
}

/// Waits until one of two things has happened.
async fn first_of(one: impl Future + Unpin, other: impl Future + Unpin) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    std::future::poll_fn(|cx| {
        let is_ready = one.as_mut().poll(cx).is_ready() || other.as_mut().poll(cx).is_ready();
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Looks each second at the certificates, the files of users and tokens, and for another site. Requests never wait for that: they go by what was read last.
async fn keep_current(
    shared: Arc<Shared>,
    entrances: Vec<Arc<Entrance>>,
    (mut renew, reload): (Option<Renew>, Arc<Notify>),
    (warn, events): (Arc<Warn>, Arc<Events>),
) {
    let mut is_first = true;
    loop {
        // What is wrong at the start is told at once.
        let wait = if std::mem::take(&mut is_first) { Duration::ZERO } else { RENEW_EVERY };
        let is_asked = tokio::time::timeout(wait, reload.notified()).await.is_ok();
        if is_asked {
            events(Event::Reloading);
        }
        let (current, warn, entrances) = (shared.site(), Arc::clone(&warn), entrances.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let certificates = entrances.iter().filter_map(|entrance| entrance.tls.as_ref());
            for certificate in certificates {
                let problems = certificate.refresh().into_iter();
                for problem in problems.chain(certificate.age_problem(SystemTime::now())) {
                    warn(&format!("warning: {problem}"));
                }
            }
            for problem in current.refresh(is_asked) {
                warn(&format!("warning: {problem}"));
            }
            let site = renew.as_mut().and_then(|renew| renew(is_asked));
            if let Some(site) = &site {
                site.keep_verified(&current);
                for problem in site.closed() {
                    warn(&format!("warning: {problem}"));
                }
            }
            (renew, site)
        });
        let Ok((again, site)) = asked.await else { return };
        renew = again;
        if let Some(site) = site {
            *shared.site.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
        }
        events(if is_asked { Event::Reloaded } else { Event::Alive });
    }
}

async fn accept(
    (listener, purpose): (tokio::net::TcpListener, Arc<Purpose>),
    shared: Arc<Shared>,
    limits: Limits,
    (slots, count): (Arc<Semaphore>, Arc<ConnectionCount>),
    stop: watch::Receiver<Stop>,
    warn: Arc<Warn>,
) {
    let mut warned: Option<Instant> = None;
    let timeouts = Timeouts {
        request: limits.request_timeout,
        stall: limits.stall_timeout,
        first_request: limits.first_request,
    };
    let mut stopping = stop.clone();
    let mut stopped = std::pin::pin!(stopping.wait_for(|stop| stop.is_asked()));
    loop {
        let next = std::future::poll_fn(|cx| match stopped.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => listener.poll_accept(cx).map(Some),
        });
        match next.await {
            None => return,
            Some(Ok((stream, peer))) => {
                let (peer, pulse) = (peer.ip().to_canonical(), Arc::new(Pulse::new()));
                let Some(counted) = count.admit(ClientKey::of(peer), shared.exempts(peer), &pulse) else {
                    if warned.is_none_or(|then| then.elapsed() > WARN_EVERY) {
                        warned = Some(Instant::now());
                        let most = count.in_a_crowd();
                        warn(&format!(
                            "warning: {peer} has {most} connections or more, and three quarters of all are in use: it gets no other"
                        ));
                    }
                    shared.metrics.count_refusal();
                    continue;
                };
                let Some(slot) = slot(&slots, &count).await else { return };
                shared.metrics.count_connection();
                let served = connection::serve(
                    stream,
                    (peer, pulse, Arc::clone(&purpose)),
                    Arc::clone(&shared),
                    timeouts,
                    stop.clone(),
                );
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    served.await;
                    shared.metrics.count_end_of_connection();
                    drop((slot, counted));
                });
            }
            // The client is gone already, or files have run out: those that end will free some.
            Some(Err(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Waits for a slot for a client that has come. When there is none, idle connections give way, and nobody else does.
async fn slot(slots: &Arc<Semaphore>, count: &ConnectionCount) -> Option<OwnedSemaphorePermit> {
    loop {
        match Arc::clone(slots).try_acquire_owned() {
            Ok(slot) => return Some(slot),
            Err(TryAcquireError::Closed) => return None,
            Err(TryAcquireError::NoPermits) => {}
        }
        count.make_room();
        let next = Arc::clone(slots).acquire_owned();
        if let Ok(slot) = tokio::time::timeout(LOOK_FOR_IDLE_EVERY, next).await {
            return slot.ok();
        }
    }
}

/// Each connection needs a socket and, while it is answered, a file. A few are kept for the rest of the process, and for each repository
/// one, which there are two of while the configuration changes.
fn affordable_connections(repositories: usize) -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum;
    let soft = std::mem::replace(&mut limit.current, hard);
    // Not being allowed to raise it is no failure.
    let files = if setrlimit(Resource::Nofile, limit).is_ok() { hard } else { soft };
    let rest = 64 + 2 * u64::try_from(repositories).unwrap_or(u64::MAX / 4);
    files.map_or(usize::MAX, |files| usize::try_from(files.saturating_sub(rest) / 2).unwrap_or(usize::MAX))
}
