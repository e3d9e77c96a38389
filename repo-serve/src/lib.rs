//! Serves published APT repositories over HTTP/1.1, with TLS where it is given a certificate, read-only, as apt clients of all ages like it.
//!
//! ```text
//! request ─▶ Server ─▶ Site: which repository, who may ─▶ file below the root ─▶ answer
//!                   ├▶ /api/v1 ─▶ api
//!                   └▶ /, /-/ ─▶ PageRenderer
//! ```
//!
//! A request walks down these modules: `connection` (socket, `tls`, timeouts) → `respond` (the order of the rules) → `client`
//! (behind proxies too), `path`, `address` (virtual hosts), `site` (who may), `token_file`, `user_file`, `users`, `logins` (whose turn it is) and `password` → `tree` (open beneath the repository) → `conditional` (304, ranges) → `body`.
//!
//! Requests below `/api/v1` that come in where the interface for programs is served go to [`api`] instead.
//!
//! Pages for people, at `/` and below `/-/`, come from a [`renderer::PageRenderer`] where there is one.
//!
//! What it does not do: compression, directory listings. Sites with more than plain needs put a proxy in front.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use repo_serve::Server;
//! use repo_serve::site::{Access, Site};
//!
//! # let directory = tempfile::tempdir()?;
//! # let root = camino::Utf8PathBuf::try_from(directory.path().to_owned())?;
//! // `root` holds `prod/dists`, `prod/pool`: everybody may read the repository.
//! let access = BTreeMap::from([("prod".to_owned(), Access::default())]);
//! let site = Site {
//!     root,
//!     access,
//!     addresses: BTreeMap::new(),
//!     callers: BTreeMap::new(),
//!     pages: BTreeMap::new(),
//!     renderer: None,
//!     trusted_proxies: Vec::new(),
//! };
//! let server = Server::bind("127.0.0.1:0", site)?;
//! let (address, handle) = (server.local_addr()?, server.shutdown_handle());
//! let running = std::thread::spawn(move || server.run());
//! assert!(std::net::TcpStream::connect(address).is_ok());
//! handle.shutdown();
//! running.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as repo_serve;

mod address;
pub mod api;
mod body;
mod buffer;
mod changing_file;
mod client;
mod conditional;
mod connection;
mod connection_count;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod kind;
pub mod log;
mod logged_request;
mod logins;
mod metrics;
mod network;
mod other_servers;
mod pages;
mod password;
mod path;
mod random;
pub mod renderer;
mod respond;
mod server;
pub mod site;
#[cfg(test)]
mod tests;
pub mod tls;
mod token_file;
mod tree;
mod unconfined;
mod user_file;
mod users;

pub use address::Address;
pub use kind::cache_control;
pub use network::{IpNetwork, IpNetworkError};
pub use other_servers::hashes_for_other_servers;
pub use pages::Page;
pub use server::{Entrance, Event, Limits, ReloadHandle, Server, Serves, ShutdownHandle};
pub use token_file::{ReadTokens, TokenFile, TokenHolders};
pub use user_file::UserFile;
