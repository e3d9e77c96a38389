//! Why a package was not read.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a package was not read.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What [`deb_parse`] refuses, or a failure of the input.
    #[error(transparent)]
    Refused(#[from] deb_parse::Error),
    /// The process that was to read it.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What went wrong with a process that was to read a package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No process can be started: that says nothing of the package.
    #[error("cannot start the process that reads packages")]
    NotStarted(#[source] io::Error),
    /// It ended before it answered.
    #[error("the process that reads packages ended while it read this one{}", status(.0.as_ref()))]
    Ended(Option<ExitStatus>),
    /// For that long it neither took a piece of the package nor answered.
    #[error("the process that reads packages needed more than {} seconds for a part of this one", .0.as_secs())]
    TooSlow(Duration),
    /// It gave an answer that no package has.
    #[error("the process that reads packages gave an invalid answer: {0}")]
    WrongAnswer(String),
}

fn status(status: Option<&ExitStatus>) -> String {
    status.map_or_else(String::new, |status| format!(" ({status})"))
}
