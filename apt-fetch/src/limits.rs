//! Limits on what is taken from servers, and on waiting for them.

use std::time::Duration;

/// How much is taken from a server, and how long it is waited for.
///
/// ```
/// use apt_fetch::Limits;
/// let limits = Limits { redirects: 2, ..Limits::default() };
/// assert_eq!(limits.release, 16 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a name may take to be resolved, a connection to be made, and the head of an answer to come: each of them.
    pub patience: Duration,
    /// Bytes a second: a body may take its size divided by this, and [`patience`](Self::patience) besides.
    pub slowest: u64,
    /// How many redirects are followed for one file.
    pub redirects: u32,
    /// How often a file is asked for in all. A try that brings 64 KiB or more does not count.
    pub tries: u32,
    /// The first pause between two tries; each further one is twice as long. A server that asks for more with `Retry-After` gets it, up to
    /// a minute.
    pub pause: Duration,
    /// Bytes of `InRelease`, `Release` and `Release.gpg`.
    pub release: u64,
    /// Bytes of an index as it is fetched. It is kept in memory.
    pub index: u64,
    /// Bytes of an index when it is unpacked. It is not kept in memory.
    pub index_text: u64,
    /// Bytes of one stanza of an index.
    pub stanza: usize,
    /// Bytes of a package, or of a file of a source package.
    pub file: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(20),
            slowest: 8 << 10,
            redirects: 10,
            tries: 4,
            pause: Duration::from_millis(500),
            release: 16 << 20,
            index: 512 << 20,
            index_text: 8 << 30,
            stanza: 1 << 20,
            file: 64 << 30,
        }
    }
}
