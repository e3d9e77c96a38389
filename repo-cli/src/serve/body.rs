//! Bodies of answers: nothing, a short text, or a part of a file read piece by piece.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use hyper::body::{Bytes, Frame, SizeHint};

use super::LogEntry;
use super::connection::Pulse;

/// A function that takes each entry of the access log.
pub(crate) type Log = dyn Fn(&LogEntry) + Send + Sync;

/// The body of one answer. Dropping it ends the request: it is logged then.
pub(crate) struct Body {
    content: Content,
    sent: u64,
    request: Option<InFlight>,
}

/// What a body consists of.
pub(crate) enum Content {
    Empty,
    Text(&'static str),
    File { file: File, offset: u64, left: u64 },
}

/// The request that a body answers.
pub(crate) struct InFlight {
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) started: Instant,
    /// The entry so far, where somebody listens.
    pub(crate) log: Option<(Arc<Log>, LogEntry)>,
}

/// Bytes read from a file at a time. Large enough to hide the system calls, small enough that a thousand slow readers
/// hold no more than 128 MiB and that one read from a cold disk delays its neighbours little.
const PIECE: u64 = 128 * 1024;

impl Body {
    pub(crate) fn new(content: Content, request: InFlight) -> Self {
        Self { content, sent: 0, request: Some(request) }
    }

    fn left(&self) -> u64 {
        match &self.content {
            Content::Empty => 0,
            Content::Text(text) => text.len() as u64,
            Content::File { left, .. } => *left,
        }
    }

    fn next_piece(&mut self) -> io::Result<Option<Bytes>> {
        match &mut self.content {
            Content::Empty => Ok(None),
            Content::Text(text) => {
                let text = Bytes::from_static(text.as_bytes());
                self.content = Content::Empty;
                Ok(Some(text))
            }
            Content::File { left: 0, .. } => Ok(None),
            Content::File { file, offset, left } => {
                let mut piece = Vec::with_capacity(usize::try_from(PIECE.min(*left)).unwrap_or_default());
                let read = rustix::io::pread(&*file, rustix::buffer::spare_capacity(&mut piece), *offset)?;
                if read == 0 {
                    // Published files never shrink; the length is promised already, so the connection has to break.
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                *offset += read as u64;
                *left -= read as u64;
                Ok(Some(piece.into()))
            }
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = self.next_piece();
        if let Ok(Some(piece)) = &piece {
            self.sent += piece.len() as u64;
        }
        Poll::Ready(piece.transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let Some(request) = self.request.take() else { return };
        request.pulse.rest();
        if let Some((log, mut entry)) = request.log {
            entry.bytes = self.sent;
            entry.duration = request.started.elapsed();
            log(&entry);
        }
    }
}
