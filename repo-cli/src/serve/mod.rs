//! The server of `repo-cli serve`: published trees over plain HTTP/1.1, read-only, as apt clients of all ages like it.
//!
//! A request walks down these modules: `connection` (socket, timeouts) → `respond` (the order of the rules) → `client`
//! (behind proxies too), `path`, `site` (who may), `user_file`, `users`, `logins` (whose turn it is) and `password` → `tree` (open beneath the repository) → `conditional` (304, ranges) → `body`.
//!
//! What it does not do: TLS, compression, directory listings, uploads. Sites with more than plain needs put a proxy in front.

mod body;
mod buffer;
mod client;
mod conditional;
mod connection;
mod connection_count;
mod kind;
mod log;
mod logins;
mod network;
mod pages;
mod password;
mod path;
mod respond;
mod server;
mod site;
#[cfg(test)]
mod tests;
mod tree;
mod user_file;
mod users;

pub(crate) use log::LogEntry;
pub(crate) use network::IpNetwork;
pub(crate) use pages::Page;
#[cfg(test)]
use server::Limits;
pub(crate) use server::{ReloadHandle, Server, ShutdownHandle};
pub(crate) use site::{Access, OpenSite, Site};
pub(crate) use user_file::UserFile;
