//! Running another program that signs, which may be slow, talk nonsense, or never end.

use crate::Error;
use rustix::process::{Pid, Signal, kill_process_group};
use sequoia_openpgp::crypto::mem::Protected;
use std::{
    ffi::OsString,
    io::{Read, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

/// What is read of a program's complaints, in bytes.
const MAX_COMPLAINT: u64 = 64 * 1024;

/// What of a program's complaints is shown, in characters.
const SHOWN: usize = 2000;

/// For so long one run of a program may take, if nothing else is said.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A program with its arguments.
#[derive(Clone)]
pub(super) struct Program {
    program: OsString,
    arguments: Vec<OsString>,
    timeout: Duration,
}

/// What a program left.
pub(super) struct ProgramOutput {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Program {
    pub(super) fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program: program.into(), arguments, timeout: PATIENCE }
    }

    pub(super) fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Runs the program with further arguments. It gets `input`, and may write as much as `limit`.
    pub(super) fn run(
        &self,
        arguments: &[OsString],
        input: Protected,
        limit: usize,
    ) -> Result<ProgramOutput, Error> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, which ends with it: a script may have started others.
            .process_group(0)
            .spawn()
            .map_err(|error| self.failed(format!("cannot be started: {error}")))?;
        let result = self.converse(&mut child, input, limit);
        if result.is_err() {
            // It may have ended by itself; either way nothing of it must stay behind. Its number is its own until it is waited for.
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        }
        let _ = child.wait();
        result
    }

    /// Runs it, and takes what it wrote if it ended well.
    pub(super) fn output(
        &self,
        arguments: &[OsString],
        input: Protected,
        limit: usize,
    ) -> Result<Vec<u8>, Error> {
        let output = self.run(arguments, input, limit)?;
        if output.status.success() { Ok(output.stdout) } else { Err(self.complaint(&output)) }
    }

    /// Feeds the input to the program and takes what it writes, until it ends or its time is over.
    fn converse(&self, child: &mut Child, input: Protected, limit: usize) -> Result<ProgramOutput, Error> {
        let deadline = Instant::now() + self.timeout;
        if let Some(mut pipe) = child.stdin.take() {
            // A program that does not read everything fails by its status or by its output.
            thread::spawn(move || drop(pipe.write_all(&input)));
        }
        let output = child.stdout.take().map(|pipe| collect(pipe, limit as u64 + 1));
        let complaint = child.stderr.take().map(|pipe| collect(pipe, MAX_COMPLAINT));
        let stdout = self.await_until(deadline, output)?;
        if stdout.len() > limit {
            return Err(self.failed("writes too much".to_owned()));
        }
        let status = self.await_end(deadline, child)?;
        let stderr = self.await_until(deadline, complaint)?;
        Ok(ProgramOutput { status, stdout, stderr })
    }

    fn await_until(&self, deadline: Instant, bytes: Option<Receiver<Vec<u8>>>) -> Result<Vec<u8>, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        match bytes.map(|bytes| bytes.recv_timeout(left)) {
            Some(Ok(bytes)) => Ok(bytes),
            _ => Err(self.too_late()),
        }
    }

    fn await_end(&self, deadline: Instant, child: &mut Child) -> Result<ExitStatus, Error> {
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
                Ok(None) => return Err(self.too_late()),
                Err(error) => return Err(self.failed(format!("cannot be waited for: {error}"))),
            }
        }
    }

    fn too_late(&self) -> Error {
        self.failed(format!("took longer than {} seconds", self.timeout.as_secs_f32()))
    }

    /// The error of a program that ended badly, with what it wrote to standard error.
    pub(super) fn complaint(&self, output: &ProgramOutput) -> Error {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines = said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(STATUS));
        let said: String = lines.map(|line| format!(": {line}")).collect();
        // What it wrote goes to terminals and logs.
        let said: String = said.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        self.failed(format!("{}{said}", output.status))
    }

    pub(super) fn failed(&self, reason: String) -> Error {
        Error::Program { program: self.program.to_string_lossy().into_owned(), reason }
    }

    /// Its name: arguments may hold a secret.
    pub(super) fn name(&self) -> &OsString {
        &self.program
    }
}

/// How the lines begin that gpg writes for programs.
pub(super) const STATUS: &str = "[GNUPG:] ";

/// Keeps the first `limit` bytes of a pipe, read in a thread of its own: a grandchild may hold it open
/// forever.
fn collect(mut pipe: impl Read + Send + 'static, limit: u64) -> Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error shows as a signature that does not verify.
        let _ = pipe.by_ref().take(limit).read_to_end(&mut bytes);
        let _ = send.send(bytes);
        // A program that has more to say must not die of it.
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_takes_too_long_ends_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let mark = directory.path().join("mark");
        // The inner one would write after the time is over; the outer one waits for it.
        let script = format!("(sleep 5; echo alive > {}) & wait", mark.display());
        let program = Program::new("sh", ["-c", &script]).with_timeout(Duration::from_millis(500));
        let error = program.output(&[], Protected::from(Vec::new()), 100).unwrap_err();
        assert!(error.to_string().contains("took longer than 0.5 seconds"), "{error}");
        thread::sleep(Duration::from_secs(6));
        assert!(!mark.exists(), "it lives on");
    }
}
