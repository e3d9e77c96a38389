//! What the tests of this workspace share: a place of their own to run in, small packages, a server, a real apt.
//!
//! Everything here panics when it fails: it is called by tests only.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod apt;
pub mod builders;
mod environment;
mod faketime;
mod machine;
mod one_day;
mod output;
pub mod package;
mod port;
pub mod receiver;
mod schema;
mod script;
mod server;
mod source;
mod tree;

pub use apt::Apt;
pub use environment::Environment;
pub use machine::Machine;
pub use one_day::on_one_day;
pub use output::{Output, normalised};
pub use port::Port;
pub use rustix::process::Signal;
pub use schema::Schema;
pub use script::script;
pub use server::Server;
pub use source::Source;
pub use tree::Tree;

/// Whether a program is installed.
#[must_use]
pub fn is_installed(program: &str) -> bool {
    let directories = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
    directories.iter().any(|directory| std::path::Path::new(directory).join(program).exists())
}

/// Whether all these programs are installed. If not, says so where it is seen even though the test passes.
#[must_use]
pub fn all_installed(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| !is_installed(program));
    if let Some(program) = missing {
        skipped(&format!("{program} is not installed"));
    }
    missing.is_none()
}

/// Whether strace, and these programs, are installed and strace can tell which files the program of the tests opens: the program lets nobody
/// but root look into its memory. If not, says so where it is seen even though the test passes.
#[must_use]
pub fn traces_files(programs: &[&str]) -> bool {
    if !rustix::process::geteuid().is_root() {
        skipped("only root can trace which files are opened");
        return false;
    }
    all_installed(&["strace"]) && all_installed(programs)
}

/// Says that a test could not be run, where it is seen even though the test passes.
pub fn skipped(why: &str) {
    note(&format!("SKIPPED: {why}"));
}

/// Prints a line where it is seen even though the test passes.
pub fn note(text: &str) {
    use std::io::Write as _;
    let thread = std::thread::current();
    // Not `eprintln!`, which the test harness keeps to itself.
    let _ = writeln!(std::io::stderr().lock(), "{text} ({})", thread.name().unwrap_or("test"));
}
