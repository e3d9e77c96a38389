//! Signing by another program: gpg with its agent and cards, or whatever speaks to a key that never leaves
//! its device.

use super::Keyring;
use crate::{Error, Fingerprint, KeyProblem, PublicKeys, Signed, Signer, check_text};
use std::{
    ffi::OsString,
    fmt,
    io::{Read, Write as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant, SystemTime},
};

/// How far a program's clock may run ahead: about what apt grants a `Date` in the future.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10);

/// What a program may write in excess of the text itself, in bytes: its signatures.
const MAX_SIGNATURES: usize = 1024 * 1024;

/// What is kept of a program's complaints, in bytes.
const MAX_COMPLAINT: u64 = 4096;

/// Signs by running a program, whose output is verified before it is used.
///
/// The program is run twice with the text on its standard input: once with the further argument
/// `--clear-sign`, once with `--detach-sign`. It writes the armored result to its standard output, one block
/// with the signatures of all keys, and exits with status 0. That is how `gpg --armor --local-user …`
/// behaves. It runs in the environment of the calling process.
///
/// ```no_run
/// # fn signer(token: &[u8]) -> Result<(), apt_sign::Error> {
/// use apt_sign::{CommandSigner, Keyring};
/// let signer = CommandSigner::new("/usr/local/bin/sign-on-token", ["--slot", "1"], Keyring::parse(token)?)?;
/// # Ok(()) }
/// ```
pub struct CommandSigner {
    program: OsString,
    arguments: Vec<OsString>,
    keyring: Keyring,
    timeout: Duration,
}

impl CommandSigner {
    /// Names the program, and the certificates by which *all* its output must be signed.
    ///
    /// # Errors
    ///
    /// [`Error::Keys`] for an empty keyring: nothing could be verified then.
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
        keyring: Keyring,
    ) -> Result<Self, Error> {
        if keyring.certificates().is_empty() {
            return Err(Error::Keys { rule: "there is none" });
        }
        let arguments = arguments.into_iter().map(Into::into).collect();
        Ok(Self { program: program.into(), arguments, keyring, timeout: Duration::from_secs(60) })
    }

    /// Signs with `gpg`, which finds the secret keys of these certificates in `home` (by default, in its own
    /// home), asks its agent, and speaks to smart cards.
    ///
    /// # Errors
    ///
    /// [`Error::Keys`] for an empty keyring.
    pub fn gpg(home: Option<&Path>, keyring: Keyring) -> Result<Self, Error> {
        let mut arguments: Vec<OsString> =
            ["--batch", "--no-tty", "--armor", "--digest-algo", "SHA512"].map(OsString::from).to_vec();
        if let Some(home) = home {
            arguments.extend(["--homedir".into(), home.into()]);
        }
        for fingerprint in keyring.fingerprints() {
            arguments.extend(["--local-user".into(), fingerprint.as_str().into()]);
        }
        Self::new("gpg", arguments, keyring)
    }

    /// Sets how long one run of the program may take; 60 seconds if it is not set.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    fn run(&self, mode: &str, text: &[u8]) -> Result<Vec<u8>, Error> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.failed(format!("cannot be started: {error}")))?;
        let result = self.converse(&mut child, text);
        if result.is_err() {
            // It may have ended by itself; either way nothing of it must stay behind.
            let _ = child.kill();
        }
        let _ = child.wait();
        result
    }

    /// Feeds the text to the program and takes what it writes, until it ends or its time is over.
    fn converse(&self, child: &mut Child, text: &[u8]) -> Result<Vec<u8>, Error> {
        let deadline = Instant::now() + self.timeout;
        if let Some(mut input) = child.stdin.take() {
            let text = text.to_vec();
            // A program that does not read everything fails by its status or by its output.
            thread::spawn(move || drop(input.write_all(&text)));
        }
        let limit = text.len().saturating_mul(2).saturating_add(MAX_SIGNATURES);
        let output = child.stdout.take().map(|pipe| collect(pipe, limit as u64 + 1));
        let complaint = child.stderr.take().map(|pipe| collect(pipe, MAX_COMPLAINT));
        let output = self.await_until(deadline, output)?;
        if output.len() > limit {
            return Err(self.failed("writes too much".to_owned()));
        }
        let status = self.await_end(deadline, child)?;
        if !status.success() {
            let complaint = self.await_until(deadline, complaint)?;
            let complaint = String::from_utf8_lossy(&complaint);
            let complaint: String =
                complaint.trim().lines().map(|line| format!(": {}", line.trim())).collect();
            return Err(self.failed(format!("{status}{complaint}")));
        }
        Ok(output)
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

    fn failed(&self, reason: String) -> Error {
        Error::Program { program: self.program.to_string_lossy().into_owned(), reason }
    }
}

/// Keeps the first `limit` bytes of a pipe, read in a thread of its own: a grandchild may hold it open for
/// ever.
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

impl Signer for CommandSigner {
    fn fingerprints(&self) -> Vec<Fingerprint> {
        self.keyring.fingerprints()
    }

    fn public_keys(&self) -> Result<PublicKeys, Error> {
        self.keyring.public_keys()
    }

    /// Signs as [`Signer::sign`] has it, but that the program goes by its own clock, which may be ahead of
    /// `time` by no more than what the call takes and ten seconds.
    fn sign(&self, text: &[u8], time: SystemTime) -> Result<Signed, Error> {
        check_text(text)?;
        for certificate in self.keyring.certificates() {
            if let Some(problem) = certificate.problems(time).into_iter().find(KeyProblem::is_fatal) {
                return Err(Error::Key { fingerprint: certificate.fingerprint(), problem });
            }
        }
        let start = Instant::now();
        let inline = self.run("--clear-sign", text)?;
        let detached = self.run("--detach-sign", text)?;
        let verified_at = time.checked_add(start.elapsed() + CLOCK_TOLERANCE).unwrap_or(time);
        Signed::verify(text.to_vec(), inline, detached, &self.keyring, verified_at)
    }

    fn has_signed(&self, inline: &[u8], time: SystemTime) -> bool {
        self.keyring.verify_inline(inline, time).is_ok()
    }
}

impl fmt::Debug for CommandSigner {
    /// Leaves out the arguments, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSigner")
            .field("program", &self.program)
            .field("keyring", &self.keyring)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
