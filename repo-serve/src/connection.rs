//! One connection: a socket as hyper wants it, and a watch over clients that do nothing.

use std::future::Future as _;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::header::{CONNECTION, HeaderValue};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio_rustls::server::TlsStream;

use super::respond::{Peer, Shared, respond, respond_to_monitor};
use super::server::{Purpose, Serves, Stop};
use super::tls::Certificate;

/// Largest head of a request, in bytes; and with it, what an idle connection may hold.
const HEAD_LIMIT: usize = 16 * 1024;
/// Most bytes taken from the socket in one read.
const READ_SIZE: usize = 4096;

/// What a connection did last, and when: the one place that its timeouts are decided from.
///
/// A timer that is armed again for each request and each write would cost more than a small answer does. So the events only
/// leave the time here, and one timer per connection looks at it now and then.
#[derive(Debug)]
pub(crate) struct Pulse {
    born: Instant,
    beat: AtomicU64,
    busy: AtomicBool,
    /// Whether a request came in.
    used: AtomicBool,
    /// Whether the client is to make room for others.
    leaving: AtomicBool,
    /// Wakes the connection for that.
    leave: Notify,
    /// Whether a line feed without a carriage return before it came in.
    bare_line_feed: AtomicBool,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self {
            born: Instant::now(),
            beat: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            used: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            leave: Notify::new(),
            bare_line_feed: AtomicBool::new(false),
        }
    }

    /// How long the connection has waited for a request; `None` while one is answered.
    pub(crate) fn idle(&self) -> Option<Duration> {
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed));
        (!self.busy.load(Ordering::Relaxed)).then(|| self.born.elapsed().saturating_sub(beat))
    }

    /// Ends the connection, unless a request has come in meanwhile.
    pub(crate) fn give_way(&self) {
        self.leaving.store(true, Ordering::Relaxed);
        self.leave.notify_one();
    }

    /// Whether a line of what came in ended in a line feed alone. Requests here have no bodies, so all that comes in are heads.
    pub(crate) fn has_bare_line_feed(&self) -> bool {
        self.bare_line_feed.load(Ordering::Relaxed)
    }

    /// The client is not idle, or waits for the server.
    pub(crate) fn beat(&self) {
        let since = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(since, Ordering::Relaxed);
    }

    /// A request's head has come in whole.
    pub(crate) fn work(&self) {
        self.busy.store(true, Ordering::Relaxed);
        self.used.store(true, Ordering::Relaxed);
        self.beat();
    }

    /// Returns whether a client may still send its first request to a server that stops: it has sent none, and has not had the time to.
    fn may_begin(&self, limits: Timeouts) -> bool {
        self.born.elapsed() < limits.first_request && !self.used.load(Ordering::Relaxed)
    }

    /// An answer is done with; the next request may begin.
    pub(crate) fn rest(&self) {
        self.busy.store(false, Ordering::Relaxed);
        self.beat();
    }

    /// How long the client may still do nothing; `None` when its time is up.
    ///
    /// Bytes of a request's head do not count as doing something, or one byte a minute would hold a connection for ever.
    fn patience(&self, limits: Timeouts) -> Option<Duration> {
        let limit = if self.busy.load(Ordering::Relaxed) { limits.stall } else { limits.request };
        let last = Duration::from_millis(self.beat.load(Ordering::Relaxed));
        (last + limit).checked_sub(self.born.elapsed()).filter(|left| !left.is_zero())
    }
}

/// How long a client may do nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// From the start or the last answer until the next request has come in whole.
    pub(crate) request: Duration,
    /// Without taking a single byte of an answer.
    pub(crate) stall: Duration,
    /// From the start until the first request, while the server stops: the client could not know that.
    pub(crate) first_request: Duration,
}

/// Serves one connection until it ends, its client does nothing for too long, or the server stops: then the answer in
/// progress is finished and no further request is read.
pub(crate) async fn serve(
    stream: TcpStream,
    (peer, pulse, purpose): (IpAddr, Arc<Pulse>, Arc<Purpose>),
    shared: Arc<Shared>,
    timeouts: Timeouts,
    mut stop: watch::Receiver<Stop>,
) {
    // Answers are written whole; waiting to fill segments would only delay the last one.
    let _ = stream.set_nodelay(true);
    let (tls, redirect_to, serves) = match &*purpose {
        Purpose::Clients(entrance) => (entrance.tls.as_ref(), entrance.redirect_to, entrance.serves),
        Purpose::Metrics(_) => (None, None, Serves::Files),
    };
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(certificate) => match shake_hands(stream, certificate, &pulse, timeouts.request).await {
            Some(stream) => Stream::Tls(Box::new(stream)),
            None => {
                shared.metrics.count_failed_handshake();
                return;
            }
        },
    };
    let socket = Socket { stream, pulse: Arc::clone(&pulse), last: 0 };
    let peer = Peer { address: peer, redirect_to, is_tls: tls.is_some(), serves };
    let stopping = stop.clone();
    let service = service_fn(|request| {
        let (shared, pulse, purpose) = (Arc::clone(&shared), Arc::clone(&pulse), Arc::clone(&purpose));
        let stopping = stopping.clone();
        async move {
            let answered = match &*purpose {
                Purpose::Clients(_) => respond(shared, pulse, peer, request).await,
                Purpose::Metrics(certificates) => {
                    respond_to_monitor(shared, pulse, peer, certificates, request).await
                }
            };
            answered.map(|mut response| {
                if stopping.borrow().is_asked() {
                    // The client sends its next request elsewhere, and not to a connection that ends.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response
            })
        }
    });
    let connection = http1::Builder::new()
        .half_close(true)
        .max_buf_size(HEAD_LIMIT)
        .header_read_timeout(None)
        .serve_connection(socket, service);
    let mut connection = pin!(connection);
    // Which timeout counts can change until the next look, so the longer one must not be slept through.
    let look = timeouts.request.min(timeouts.stall);
    let mut watch = pin!(tokio::time::sleep(look));
    let mut stopped = pin!(stop.wait_for(|stop| stop.is_asked()));
    let mut wait_for_first = pin!(tokio::time::sleep(timeouts.first_request));
    let mut leave = pin!(pulse.leave.notified());
    let (mut told, mut registered) = (false, false);
    std::future::poll_fn(|cx| {
        // A task's waker stays the same for its life, so registering for the stop once is enough; each poll of that
        // future would take a lock that all connections share.
        if !registered {
            registered = true;
            let _ = stopped.as_mut().poll(cx);
            let _ = leave.as_mut().poll(cx);
        }
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !told && stopping.borrow().is_asked() {
            told = !pulse.may_begin(timeouts) || wait_for_first.as_mut().poll(cx).is_ready();
            if told {
                connection.as_mut().graceful_shutdown();
                if connection.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
            }
        }
        if pulse.leaving.load(Ordering::Relaxed) && pulse.idle().is_some() {
            return Poll::Ready(());
        }
        while watch.as_mut().poll(cx).is_ready() {
            match pulse.patience(timeouts) {
                None => return Poll::Ready(()),
                Some(left) => watch.as_mut().reset(tokio::time::Instant::now() + left.min(look)),
            }
        }
        Poll::Pending
    })
    .await;
}

/// Agrees with a client on keys; `None` when it goes, takes too long, or has to make room for others before that.
async fn shake_hands(
    stream: TcpStream,
    certificate: &Certificate,
    pulse: &Pulse,
    limit: Duration,
) -> Option<TlsStream<TcpStream>> {
    let mut shaking = pin!(tokio::time::timeout(limit, certificate.acceptor().accept(stream)));
    let mut leave = pin!(pulse.leave.notified());
    std::future::poll_fn(|cx| {
        if let Poll::Ready(shaken) = shaking.as_mut().poll(cx) {
            return Poll::Ready(shaken.ok().and_then(Result::ok));
        }
        leave.as_mut().poll(cx).map(|()| None)
    })
    .await
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A stream that keeps the pulse.
struct Socket {
    stream: Stream,
    pulse: Arc<Pulse>,
    /// The last byte that came in.
    last: u8,
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buffer = [0; READ_SIZE];
        let wanted = into.remaining().min(READ_SIZE);
        let space = buffer.get_mut(..wanted).unwrap_or_default();
        let read = match &mut self.stream {
            Stream::Plain(stream) => {
                ready!(poll_ready(|cx| stream.poll_read_ready(cx), cx, || stream.try_read(space)))?
            }
            Stream::Tls(stream) => {
                let mut space = ReadBuf::new(space);
                ready!(Pin::new(stream.as_mut()).poll_read(cx, &mut space))?;
                space.filled().len()
            }
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        self.look_for_bare_line_feeds(bytes);
        into.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

/// Does something with a socket as soon as that does not block.
fn poll_ready(
    is_ready: impl Fn(&mut Context<'_>) -> Poll<io::Result<()>>,
    cx: &mut Context<'_>,
    mut act: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(is_ready(cx))?;
        match act() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

impl Socket {
    fn look_for_bare_line_feeds(&mut self, bytes: &[u8]) {
        let before = std::iter::once(&self.last).chain(bytes);
        if before.zip(bytes).any(|(before, byte)| *byte == b'\n' && *before != b'\r') {
            self.pulse.bare_line_feed.store(true, Ordering::Relaxed);
        }
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// A client that takes bytes is not idle.
    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(_)) = written {
            self.pulse.beat();
        }
        written
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let written = match &mut self.stream {
            Stream::Plain(stream) => {
                poll_ready(|cx| stream.poll_write_ready(cx), cx, || stream.try_write(buffer))
            }
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buffer),
        };
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.stream {
            Stream::Plain(stream) => {
                poll_ready(|cx| stream.poll_write_ready(cx), cx, || stream.try_write_vectored(buffers))
            }
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, buffers),
        };
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => {
                let result = rustix::net::shutdown(&*stream, rustix::net::Shutdown::Write);
                Poll::Ready(result.map_err(Into::into))
            }
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
