//! Signing by GnuPG: keys of its agent, on smart cards, and behind PKCS#11.

use super::{
    Certificate,
    key_signer::{KeySignatures, KeySigner, SignatureForm},
    program::{Program, ProgramOutput, STATUS},
};
use crate::{Error, Fingerprint};
use sequoia_openpgp::crypto::mem::Protected;
use std::{
    ffi::OsString,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How far gpg's clock may run ahead: about what apt grants a `Date` in the future.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10);

/// The largest certificate and the largest signature that are read, in bytes.
const MAX_OUTPUT: usize = 1024 * 1024;

/// Gives the passphrase or PIN, if there is one to be had.
type Ask = dyn Fn() -> Result<Option<Arc<str>>, Error> + Send + Sync;

/// A key that gpg signs with. It runs in the environment of the calling process, which may name its home (`GNUPGHOME`).
///
/// gpg never asks a person: when its agent has no passphrase or PIN in store, that of the source given here is used, and
/// without one signing fails.
pub struct GpgKey {
    program: Program,
    fingerprint: Fingerprint,
    certificate: Certificate,
    passphrase: Box<Ask>,
}

impl GpgKey {
    /// Asks gpg for the public part of a key, by the fingerprint of the primary key or of the subkey that is to sign.
    ///
    /// # Errors
    ///
    /// [`Error::Program`] when gpg fails or knows no such key; [`Error::Malformed`] when what it gives is not one certificate.
    pub fn find(
        fingerprint: Fingerprint,
        passphrase: impl Fn() -> Result<Option<Arc<str>>, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let program = Program::new("gpg", ["--batch", "--yes", "--no-tty"]);
        let arguments = ["--export", fingerprint.as_str()].map(OsString::from);
        let bytes = program.output(&arguments, Protected::new(0), MAX_OUTPUT)?;
        if bytes.is_empty() {
            return Err(program.failed(format!("it knows no key {fingerprint}")));
        }
        let certificate = Certificate::parse(&bytes)?;
        Ok(Self { program, fingerprint, certificate, passphrase: Box::new(passphrase) })
    }

    /// Sets how long one run of gpg may take; 60 seconds if it is not set.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { program: self.program.with_timeout(timeout), ..self }
    }

    fn run(
        &self,
        form: SignatureForm,
        text: &[u8],
        passphrase: Option<&str>,
    ) -> Result<ProgramOutput, Error> {
        let user = format!("{}!", self.fingerprint);
        let mut arguments =
            vec!["--local-user", &user, "--digest-algo", "SHA512", "--status-fd", "2", "--no-armor"];
        let mut input = Vec::with_capacity(text.len() + passphrase.map_or(0, str::len) + 1);
        arguments.extend(match passphrase {
            // Its first line.
            Some(passphrase) => {
                input.extend_from_slice(passphrase.as_bytes());
                input.push(b'\n');
                &["--pinentry-mode", "loopback", "--passphrase-fd", "0"][..]
            }
            None => &["--pinentry-mode", "error"],
        });
        input.extend_from_slice(text);
        if form == SignatureForm::Text {
            arguments.push("--textmode");
        }
        arguments.push("--detach-sign");
        let arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
        self.program.run(&arguments, Protected::from(input), MAX_OUTPUT)
    }

    fn is_signed(&self, output: &ProgramOutput) -> bool {
        let is_ours = |words: &[String]| {
            words.first().is_some_and(|word| word == "SIG_CREATED")
                && words.last().is_some_and(|word| word.eq_ignore_ascii_case(self.fingerprint.as_str()))
        };
        output.status.success() && status_lines(output).iter().any(|words| is_ours(words))
    }
}

/// The lines for programs, in words.
fn status_lines(output: &ProgramOutput) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().filter_map(|line| line.strip_prefix(STATUS));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// Whether gpg failed only because it would have had to ask for a passphrase or a PIN.
fn lacks_passphrase(output: &ProgramOutput) -> bool {
    /// The low half of the number is the error: bad passphrase, no pinentry, no passphrase given.
    const CODES: [u32; 3] = [11, 85, 177];
    status_lines(output).iter().any(|words| {
        let code = words.last().and_then(|code| code.parse::<u32>().ok());
        words.first().is_some_and(|word| word == "FAILURE")
            && code.is_some_and(|code| CODES.contains(&(code & 0xffff)))
    })
}

impl KeySigner for GpgKey {
    fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    fn sign(&self, text: &[u8], form: SignatureForm, _: SystemTime) -> Result<KeySignatures, Error> {
        // An agent that knows the passphrase, and a key without one, need nothing.
        let mut output = self.run(form, text, None)?;
        if !output.status.success() && lacks_passphrase(&output) {
            let locked = |given| Error::Locked { fingerprint: self.certificate.fingerprint(), given };
            let Some(passphrase) = (self.passphrase)()? else { return Err(locked(false)) };
            output = self.run(form, text, Some(&passphrase))?;
            if !output.status.success() && lacks_passphrase(&output) {
                return Err(locked(true));
            }
        }
        if !self.is_signed(&output) {
            return Err(match output.status.success() {
                true => self.program.failed(format!("it made no signature by {}", self.fingerprint)),
                false => self.program.complaint(&output),
            });
        }
        KeySignatures::parse(&output.stdout)
    }

    fn clock_tolerance(&self) -> Duration {
        CLOCK_TOLERANCE
    }
}

impl fmt::Debug for GpgKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GpgKey").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}
