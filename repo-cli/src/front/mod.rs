//! Web servers in front of the repositories: what each of them is to serve, to whom, and what it passes on to `serve`; and how that is written
//! for nginx, Apache, Caddy and HAProxy.
//!
//! [`Front`] is the one description, made of the configuration. Each writer prints it and decides nothing about access.

mod admission;
mod apache;
mod caddy;
pub(crate) mod credentials;
mod description;
mod error;
mod haproxy;
mod nginx;
mod printable;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use admission::{Admission, Admissions};
pub(crate) use description::{Door, Front, Host, Mount, PassedOn};
pub(crate) use error::FrontError;
pub(crate) use printable::Printable;

/// A web server that can stand in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FrontServer {
    Nginx,
    Apache,
    Caddy,
    Haproxy,
}

impl FrontServer {
    /// Returns the word for it on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
        }
    }

    /// Returns the directory of its credentials, if no other is named.
    pub(crate) fn credentials(self) -> &'static str {
        match self {
            Self::Nginx => "/etc/nginx/repo-cli",
            Self::Apache => "/etc/apache2/repo-cli",
            Self::Caddy => "/etc/caddy/repo-cli",
            Self::Haproxy => "/etc/haproxy/repo-cli",
        }
    }

    /// Returns whether it serves the files itself, and so decides who may read them.
    pub(crate) fn serves_files(self) -> bool {
        self != Self::Haproxy
    }

    /// Returns the whole configuration.
    pub(crate) fn configuration(self, front: &Front) -> String {
        match self {
            Self::Nginx => nginx::configuration(front),
            Self::Apache => apache::configuration(front),
            Self::Caddy => caddy::configuration(front),
            Self::Haproxy => haproxy::configuration(front),
        }
    }
}
