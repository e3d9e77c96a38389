//! Memory for the pieces of files on their way to clients: large pieces while there is room, small ones in a crowd.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A piece for one of few readers. With reads of 128 KiB files of 1 MB went out at two thirds of this speed.
const LARGE: usize = 512 * 1024;
/// A piece for one of many readers: a thousand slow ones hold 32 MB then.
const SMALL: usize = 32 * 1024;
/// Pieces are large until this much is held by all connections together.
const PLENTY: usize = 24 * 1024 * 1024;
/// Buffers kept for the next piece: memory that is in the processor's cache already is worth more than fresh memory.
const KEPT: usize = 8;

/// The buffers of one server.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    held: AtomicUsize,
    free: Mutex<Vec<Vec<u8>>>,
}

/// A block of memory whose first `filled` bytes are in use; it goes back where it came from.
#[derive(Debug)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    filled: usize,
    home: Arc<Buffers>,
}

impl Buffers {
    /// Gives a buffer for a piece of a body that has `left` bytes left.
    pub(crate) fn take(self: &Arc<Self>, left: u64) -> Buffer {
        let crowded = self.held.load(Ordering::Relaxed) >= PLENTY;
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(if crowded { SMALL } else { LARGE });
        let memory = match size {
            // A small piece may well have a large buffer that lies free.
            _ if crowded || size <= SMALL => vec![0; size],
            _ => self
                .free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()
                .unwrap_or_else(|| vec![0; LARGE]),
        };
        self.held.fetch_add(memory.len(), Ordering::Relaxed);
        Buffer { memory, filled: size, home: Arc::clone(self) }
    }
}

impl Buffer {
    /// Fills the buffer by one call of `read`, which tells how many bytes it wrote, and keeps just these.
    pub(crate) fn fill<E>(&mut self, read: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<usize, E> {
        let read = read(self.memory.get_mut(..self.filled).unwrap_or_default())?;
        self.filled = self.filled.min(read);
        Ok(self.filled)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.filled).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.held.fetch_sub(self.memory.len(), Ordering::Relaxed);
        if self.memory.len() == LARGE {
            let mut free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < KEPT {
                free.push(std::mem::take(&mut self.memory));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_gets_small_pieces_and_memory_stays_bounded() {
        let buffers = Arc::new(Buffers::default());
        let crowd: Vec<_> = (0..1000).map(|_| buffers.take(u64::MAX)).collect();
        let held: usize = crowd.iter().map(|buffer| buffer.as_ref().len()).sum();
        assert_eq!(held, buffers.held.load(Ordering::Relaxed));
        assert!(held <= PLENTY + LARGE + 1000 * SMALL, "{held}");
        assert_eq!(crowd.last().unwrap().as_ref().len(), SMALL);
        drop(crowd);
        assert_eq!(buffers.held.load(Ordering::Relaxed), 0);
        assert_eq!(buffers.free.lock().unwrap().len(), KEPT);
        assert_eq!(buffers.take(u64::MAX).as_ref().len(), LARGE);
    }

    #[test]
    fn a_buffer_shows_what_was_read() {
        let buffers = Arc::new(Buffers::default());
        let mut buffer = buffers.take(100_000);
        assert_eq!(buffer.as_ref().len(), 100_000);
        let read: Result<usize, ()> = buffer.fill(|memory| {
            memory[..3].copy_from_slice(b"abc");
            Ok(3)
        });
        assert_eq!((read, buffer.as_ref()), (Ok(3), &b"abc"[..]));
    }
}
