//! Who asks: servers or this machine, again if need be.

use std::fmt;
use std::io::{self, Read as _, Write};
use std::thread;
use std::time::Duration;

use deb_parse::checksum::Hashes;

use crate::auth::Logins;
use crate::digest::{Expected, HashingWriter};
use crate::error::{Error, Problem};
use crate::limits::Limits;
use crate::proxy::Proxies;
use crate::sources::Address;
use crate::transport::http::explain_io;
use crate::transport::{Answer, AnswerKind, Conditions, HttpAgent, open_local};
use crate::url::Url;

/// What a client is made of. Nothing is taken from the environment.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// How it calls itself; `apt-fetch/VERSION` when it is empty.
    pub user_agent: String,
    /// The authorities whose certificates count for `https:`, in DER.
    pub authorities: Vec<Vec<u8>>,
    /// Users and passwords.
    pub logins: Logins,
    /// Proxies.
    pub proxies: Proxies,
    /// Limits on sizes, times and redirects.
    pub limits: Limits,
}

/// Fetches files. Threads can share one, and then share its connections.
pub struct Client {
    http: HttpAgent,
    limits: Limits,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A try that brings so many bytes does not count as one.
const PROGRESS: u64 = 64 << 10;
/// The longest time that a server can ask to wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Client {
    /// Makes a client.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let ClientOptions { user_agent, authorities, logins, proxies, limits } = options;
        let own_name = concat!("apt-fetch/", env!("CARGO_PKG_VERSION"));
        let user_agent = if user_agent.is_empty() { own_name } else { &user_agent };
        Self { http: HttpAgent::new(user_agent, &authorities, logins, proxies, limits), limits }
    }

    /// Returns the limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Asks once for a file that is to have at most `most` bytes; redirects are followed. Nothing of the answer is verified, and more
    /// bytes may come.
    ///
    /// # Errors
    /// [`Error`] names the address.
    pub fn open(&self, address: &Address, conditions: &Conditions, most: u64) -> Result<Answer, Error> {
        let url = &address.url;
        let answer = if url.scheme().is_local() {
            open_local(url, conditions)
        } else {
            self.http.open(url, address.login.as_ref(), conditions, most)
        };
        answer.map_err(|problem| problem.at(url))
    }

    /// Fetches a small file whole into memory, again from its start when the connection breaks. The answer tells what is known of it, and
    /// its body is empty.
    ///
    /// # Errors
    /// [`Error`]; [`Problem::TooLong`] for more than `most` bytes.
    pub fn read(
        &self,
        address: &Address,
        conditions: &Conditions,
        most: u64,
    ) -> Result<(Answer, Vec<u8>), Error> {
        let mut tries = Tries::new(&self.limits);
        loop {
            let once = self.open(address, conditions, most).and_then(|mut answer| {
                let mut bytes = Vec::new();
                let body = std::mem::replace(&mut answer.body, Box::new(io::empty()));
                match body.take(most.saturating_add(1)).read_to_end(&mut bytes) {
                    Ok(read) if read as u64 > most => Err(Problem::TooLong { limit: most }.at(&address.url)),
                    Ok(_) => Ok((answer, bytes)),
                    Err(error) => Err(broken(&address.url, error).at(&address.url)),
                }
            });
            match once {
                Ok(done) => return Ok(done),
                Err(error) => tries.again(error, 0)?,
            }
        }
    }

    /// Fetches a file and writes it to `output` as it comes, from where it broke off when the connection breaks.
    ///
    /// `known` are bytes of its start that were fetched earlier: they are hashed, not written, and not fetched again. Only when this returns
    /// without an error is what was written the file that was to come.
    ///
    /// # Errors
    /// [`Error`]; no more than the expected size was written.
    pub fn fetch(
        &self,
        address: &Address,
        expected: &Expected,
        known: &mut dyn io::Read,
        output: &mut dyn Write,
    ) -> Result<Hashes, Error> {
        let fault = |problem: Problem| problem.at(&address.url);
        if expected.size() > self.limits.file {
            return Err(fault(Problem::TooLong { limit: self.limits.file }));
        }
        let mut transfer = Transfer { expected, received: 0, validator: None };
        let mut writer = HashingWriter::new(output, expected.hasher());
        transfer.skip_known(known, &mut writer).map_err(fault)?;
        let mut tries = Tries::new(&self.limits);
        while transfer.received < expected.size() {
            let before = transfer.received;
            match self.transfer(address, &mut transfer, &mut writer) {
                Ok(()) => break,
                Err(error) => tries.again(error, transfer.received - before)?,
            }
        }
        let found = writer.hasher.finish();
        expected.check(&found).map_err(fault)?;
        Ok(found)
    }

    /// Gets what is missing, or as much of it as one connection brings.
    fn transfer(
        &self,
        address: &Address,
        transfer: &mut Transfer<'_>,
        writer: &mut HashingWriter<'_>,
    ) -> Result<(), Error> {
        let from = transfer.received;
        let conditions = Conditions { from, if_range: transfer.validator.clone(), ..Conditions::default() };
        let fault = |problem: Problem| problem.at(&address.url);
        let expected = transfer.expected.size();
        let mut answer = match self.open(address, &conditions, expected - from) {
            // There is nothing behind what came so far.
            Err(Error { problem: Problem::Status { status: 416, .. }, .. }) if from > 0 => {
                return Err(fault(Problem::TooShort { expected, found: from }));
            }
            answer => answer?,
        };
        // Without one, the digest shows in the end whether all pieces are of one file.
        transfer.validator = answer.validator();
        let mut skip = if answer.kind == AnswerKind::Rest { 0 } else { from };
        if answer.length.is_some_and(|length| length > expected - from + skip) {
            return Err(fault(Problem::TooLong { limit: expected }));
        }
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = match answer.body.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(fault(broken(&address.url, error))),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
            skip -= skipped as u64;
            let bytes = bytes.get(skipped..).unwrap_or_default();
            if transfer.received + bytes.len() as u64 > expected {
                return Err(fault(Problem::TooLong { limit: expected }));
            }
            writer.take(bytes).map_err(|error| fault(Problem::Write(error)))?;
            transfer.received += bytes.len() as u64;
        }
        let found = transfer.received;
        match answer.length {
            _ if found == expected => Ok(()),
            // All that the server has has come.
            Some(_) => Err(fault(Problem::TooShort { expected, found })),
            None => {
                let what = format!("it ended after {found} of {expected} bytes");
                Err(fault(Problem::Connection { what }))
            }
        }
    }
}

/// Returns what an error while reading a body means.
fn broken(url: &Url, error: io::Error) -> Problem {
    if url.scheme().is_local() { Problem::Read(error) } else { explain_io(error) }
}

/// How far a file has come.
struct Transfer<'e> {
    expected: &'e Expected,
    received: u64,
    validator: Option<String>,
}

impl Transfer<'_> {
    /// Hashes what was fetched earlier.
    fn skip_known(
        &mut self,
        known: &mut dyn io::Read,
        writer: &mut HashingWriter<'_>,
    ) -> Result<(), Problem> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = known.read(&mut buffer).map_err(Problem::Read)?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            self.received += bytes.len() as u64;
            if self.received > self.expected.size() {
                return Err(Problem::TooLong { limit: self.expected.size() });
            }
            writer.hasher.update(bytes);
        }
    }
}

/// How often something was tried.
struct Tries<'l> {
    limits: &'l Limits,
    count: u32,
}

impl<'l> Tries<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self { limits, count: 0 }
    }

    /// Waits until it may be tried again; returns the error when it may not.
    fn again(&mut self, error: Error, received: u64) -> Result<(), Error> {
        if received < PROGRESS {
            self.count += 1;
        }
        if !error.problem.is_temporary() || self.count >= self.limits.tries {
            return Err(error);
        }
        let asked = match error.problem {
            Problem::Status { retry_after: Some(asked), .. } => asked.min(LONGEST_PAUSE),
            _ => Duration::ZERO,
        };
        let doubled = self.limits.pause.saturating_mul(1 << self.count.min(6).saturating_sub(1));
        thread::sleep(doubled.max(asked));
        Ok(())
    }
}
