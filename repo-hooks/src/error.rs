//! Why something could not be delivered.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// Why an event could not be delivered. No message has the address of a receiver in it: that often holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The address of the receiver cannot be used.
    #[error("the address of the hook is not a usable URL")]
    Address,
    /// A message for Matrix without the access token that it is sent with.
    #[error("Matrix takes a message only with an access token")]
    NoToken,
    /// The name of the receiver leads to no address.
    #[error("host not found")]
    HostNotFound,
    /// The name of the receiver leads to private addresses alone, and these are not allowed.
    #[error("{address} is a private address, which `allow_private` does not allow")]
    PrivateAddress {
        /// The first of them.
        address: IpAddr,
    },
    /// The receiver answered something else than that it took the event.
    #[error("the receiver answered {status}")]
    Status {
        /// The status of HTTP.
        status: u16,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The receiver sent the request elsewhere.
    #[error("the receiver answered {status}: redirects are not followed")]
    Redirect {
        /// The status of HTTP.
        status: u16,
    },
    /// The receiver did not answer in time, or a command did not end.
    #[error("no answer within {} s", .after.as_secs_f32())]
    TimedOut {
        /// The time that it had.
        after: Duration,
    },
    /// The connection broke, or there was none.
    #[error("no connection")]
    Connection {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The receiver could not prove who it is, or spoke no TLS.
    #[error("no secure connection: {what}")]
    Tls {
        /// What is wrong.
        what: String,
    },
    /// The receiver did not speak HTTP.
    #[error("the answer is not HTTP: {what}")]
    Protocol {
        /// What is wrong.
        what: String,
    },
    /// A command could not be started.
    #[error("cannot run {program}")]
    NotStarted {
        /// The program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A command failed.
    #[error("{program} ended with {status}")]
    Failed {
        /// The program.
        program: String,
        /// Its exit status, or the signal that killed it.
        status: std::process::ExitStatus,
    },
}

impl DeliveryError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address | Self::NoToken => "E-HOOK-SETTINGS",
            Self::PrivateAddress { .. } => "E-HOOK-PRIVATE",
            Self::HostNotFound
            | Self::Status { .. }
            | Self::Redirect { .. }
            | Self::TimedOut { .. }
            | Self::Connection { .. }
            | Self::Tls { .. }
            | Self::Protocol { .. }
            | Self::NotStarted { .. }
            | Self::Failed { .. } => "E-HOOK-FAILED",
        }
    }

    /// Returns how long the receiver asks to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
