//! Sends requests.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{StatusCode, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use crate::address::is_public;
use crate::error::DeliveryError;
use crate::request::Request;

/// Sends requests to one receiver. It uses no proxy, follows no redirect, and keeps no connection.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    timeout: Duration,
}

impl Client {
    /// Makes a client that has so much time for each request, from the look-up of the name to the head of the answer.
    ///
    /// Receivers are trusted over TLS when one of the `authorities`, certificates in DER, vouches for them. Private addresses are connected to
    /// only with `allow_private`: what counts is the address that the name has at that moment, and that is connected to.
    #[must_use]
    pub fn new(authorities: &[Vec<u8>], timeout: Duration, allow_private: bool, user_agent: &str) -> Self {
        let authorities = authorities.iter().map(|der| Certificate::from_der(der).to_owned());
        let roots = RootCerts::from(authorities);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            // One of the environment would look the name up itself, and the address would not be checked.
            .proxy(None)
            .user_agent(user_agent)
            .timeout_global(Some(timeout))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        let resolver = CheckedResolver { allow_private, resolver: DefaultResolver::default() };
        Self { agent: Agent::with_parts(config, DefaultConnector::new(), resolver), timeout }
    }

    /// Sends a request, and returns when the receiver has taken the event.
    ///
    /// # Errors
    /// Every [`DeliveryError`] of a receiver: an answer that is not a success above all.
    pub fn send(&self, request: &Request) -> Result<(), DeliveryError> {
        let mut prepared =
            if request.is_put { self.agent.put(&request.url) } else { self.agent.post(&request.url) };
        for (name, value) in request.headers() {
            prepared = prepared.header(name, value);
        }
        let answer = prepared.send(&request.body[..]).map_err(|error| self.explain(error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            return Err(DeliveryError::Redirect { status: status.as_u16() });
        }
        let seconds = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        Err(DeliveryError::Status { status: status.as_u16(), retry_after: seconds.map(Duration::from_secs) })
    }

    /// Returns what went wrong without the address of the receiver, which the error may quote.
    fn explain(&self, error: Error) -> DeliveryError {
        match error {
            Error::BadUri(_) | Error::Http(_) => DeliveryError::Address,
            Error::HostNotFound => DeliveryError::HostNotFound,
            Error::Timeout(_) => DeliveryError::TimedOut { after: self.timeout },
            // What TLS refuses comes as an answer that makes no sense.
            Error::Io(source) if source.kind() == ErrorKind::InvalidData => {
                DeliveryError::Tls { what: source.to_string() }
            }
            Error::Io(source) => DeliveryError::Connection { source },
            Error::Rustls(error) => DeliveryError::Tls { what: error.to_string() },
            Error::Tls(what) => DeliveryError::Tls { what: what.to_owned() },
            Error::Other(other) => match other.downcast::<PrivateAddress>() {
                Ok(private) => DeliveryError::PrivateAddress { address: private.0 },
                Err(_) => DeliveryError::Protocol { what: "the request failed".to_owned() },
            },
            Error::Protocol(error) => DeliveryError::Protocol { what: error.to_string() },
            _ => DeliveryError::Protocol { what: "the request failed".to_owned() },
        }
    }
}

/// Finds the addresses of a name, and leaves out those that must not be connected to.
#[derive(Debug)]
struct CheckedResolver {
    allow_private: bool,
    resolver: DefaultResolver,
}

/// The first of the addresses of a name that has private ones alone.
#[derive(Debug, thiserror::Error)]
#[error("a private address")]
struct PrivateAddress(IpAddr);

impl Resolver for CheckedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        if self.allow_private {
            return Ok(found);
        }
        let mut checked = self.empty();
        let public = |address: &&SocketAddr| is_public(address.ip());
        found.iter().filter(public).for_each(|address| checked.push(*address));
        match found.first() {
            Some(first) if checked.is_empty() => Err(Error::Other(Box::new(PrivateAddress(first.ip())))),
            _ => Ok(checked),
        }
    }
}
