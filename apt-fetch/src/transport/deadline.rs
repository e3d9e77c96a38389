//! Ends a connection whose time is up.
//!
//! The client of HTTP waits for one more second whenever a time limit has passed: a server that sends a byte in every second would be listened
//! to forever.

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Wraps each connection.
#[derive(Debug)]
pub(super) struct DeadlineConnector;

impl<In: Transport> Connector<In> for DeadlineConnector {
    type Out = Deadline<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, connection: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(connection.map(Deadline))
    }
}

/// A connection that is not used any more when its time is up.
#[derive(Debug)]
pub(super) struct Deadline<T>(T);

fn check(timeout: NextTimeout) -> Result<(), Error> {
    if timeout.after.is_zero() { Err(Error::Timeout(timeout.reason)) } else { Ok(()) }
}

impl<T: Transport> Transport for Deadline<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        check(timeout)?;
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        check(timeout)?;
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}
