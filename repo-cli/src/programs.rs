//! Programs that may do what the user may, started by a process that has given much of that up.
//!
//! A process that keeps its writes to the store (`confinement`) does so for its main thread and those that come from it. What signs, what the
//! schedule runs and what delivers to hooks write where they like, so a thread that was there before starts them.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

type Order = Box<dyn FnOnce() + Send>;

/// Where orders go, once there is a thread for them.
static ORDERS: OnceLock<Sender<Order>> = OnceLock::new();

/// Begins a thread that starts programs for the others. It takes no part in what the calling thread gives up later.
pub(crate) fn begin() -> io::Result<()> {
    let (orders, received) = channel::<Order>();
    let carry_out = move || received.into_iter().for_each(|order| order());
    let _ = std::thread::Builder::new().name("programs".to_owned()).spawn(carry_out)?;
    // A second one would do the same, and ends when nobody can give it orders.
    let _ = ORDERS.set(orders);
    Ok(())
}

/// Starts a program with all that this process began with.
pub(crate) fn start(mut command: Command) -> io::Result<Child> {
    ask(move || command.spawn())?
}

/// Has this process begin anew, with its arguments and all that it could do then. Returns only what went wrong.
pub(crate) fn start_over() -> io::Error {
    let mut arguments = std::env::args_os();
    // As it was started, whatever has been installed since.
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments);
    ask(move || command.exec()).unwrap_or_else(|error| error)
}

/// Does something on the thread for that, or on this one if there is none.
fn ask<T: Send + 'static>(order: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let Some(orders) = ORDERS.get() else { return Ok(order()) };
    let (answer, answered) = channel();
    let order = move || drop(answer.send(order()));
    let has_ended = || io::Error::other("the thread that starts programs has ended");
    orders.send(Box::new(order)).map_err(|_| has_ended())?;
    answered.recv().map_err(|_| has_ended())
}
