use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use rustix::process::Signal;

/// The program serving on a port of its own, killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// What it has printed until it said where it serves.
    printed: String,
    address: String,
    rest: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts a command that prints a line with `serving http://ADDRESS`, and waits for it.
    ///
    /// # Panics
    /// When it ends without.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server");
        let mut lines = BufReader::new(child.stdout.take().expect("its standard output"));
        let mut printed = String::new();
        let address = loop {
            let mut line = String::new();
            if lines.read_line(&mut line).expect("a line") == 0 {
                let _ = child.kill();
                panic!("the server has ended: {:?}; it printed:\n{printed}", child.wait());
            }
            printed.push_str(&line);
            if let Some(rest) = line.strip_prefix("serving http://") {
                break rest.split(['/', ' ', '\n']).next().unwrap_or_default().to_owned();
            }
        };
        // Read on, or the server would wait for somebody to do so.
        let rest = std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = lines.read_to_string(&mut rest);
            rest
        });
        Self { child, printed, address, rest: Some(rest) }
    }

    /// The address clients use, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it printed before it served.
    #[must_use]
    pub fn printed(&self) -> &str {
        &self.printed
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        let process = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(process.expect("a process"), signal).expect("a signal");
    }

    /// Ends it as Ctrl-C does; returns its status and what it printed since it served.
    ///
    /// # Panics
    /// When it cannot be told to end.
    #[must_use]
    pub fn interrupt(mut self) -> (Option<i32>, String) {
        self.signal(Signal::INT);
        let status = self.child.wait().expect("an end");
        let rest = self.rest.take().map(|rest| rest.join().expect("its output"));
        (status.code(), rest.unwrap_or_default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(rest) = self.rest.take() {
            let _ = rest.join();
        }
    }
}
