//! Notifies other systems of what happens in an APT repository.
//!
//! ```text
//! Payload ─▶ Request ─▶ Client ─▶ web server or chat
//!         ├▶ run ─▶ command
//!         └▶ Mail ─▶ sendmail
//!                     └▶ DeliveryError ─▶ schedule::next
//! ```
//!
//! A [`Payload`] says what happened. [`Request::new`] makes the request for a web server, with the payload itself or with a message for a
//! chat; a [`Client`] sends it. [`run`] gives the payload to a command, and [`Mail`] hands it to `sendmail`. What could not be delivered is
//! a [`DeliveryError`], and [`schedule::next`] says when it is tried again.
//!
//! ```
//! use repo_hooks::{Format, Payload, Request};
//!
//! let payload = Payload::new("promote.success", "4f1d", "2026-11-27T20:16:00Z", "alice", "prod: promote hello 2.10-3 by alice");
//! let request = Request::new(&payload, Format::Json, "https://ci.example.org/hook?team=1", Some(b"secret"))?;
//! assert!(request.header("X-Signature").unwrap().starts_with("sha256="));
//! # Ok::<(), repo_hooks::DeliveryError>(())
//! ```

#![forbid(unsafe_code)]

// The laws of `fuzz` call the crate by its name.
#[cfg(test)]
extern crate self as repo_hooks;

mod address;
mod client;
mod error;
mod format;
#[cfg(test)]
mod fuzz_replay;
mod mail;
mod payload;
mod program;
mod request;
pub mod schedule;
mod signature;
#[cfg(test)]
mod tests;

pub use address::is_public;
pub use client::Client;
pub use error::DeliveryError;
pub use format::Format;
pub use mail::Mail;
pub use payload::{Change, Fault, Key, Payload};
pub use program::{Program, run};
pub use request::Request;
pub use signature::signature;
