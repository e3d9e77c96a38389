//! The passphrase of the keys: from a file, from the service manager, or from a person. Never from an argument or a variable, which others
//! can see.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use repo_config::keys::{Passphrase, PassphrasePlace, PassphraseSource};
use rustix::termios::{self, LocalModes, OptionalActions};

/// More than any passphrase needs.
const LONGEST: u64 = 64 * 1024;

/// Returns where the passphrase comes from: as the configuration says, or from a person.
pub(crate) fn source(place: Option<PassphrasePlace>) -> PassphraseSource {
    match place {
        Some(PassphrasePlace::File(path)) => {
            PassphraseSource::configured(move || read(&path).map(Some).map_err(failed(path.as_str())))
        }
        Some(PassphrasePlace::Credential(name)) => PassphraseSource::configured(move || {
            let place = format!("the credential {name} of the service manager");
            credential(&name).map(Some).map_err(failed(&place))
        }),
        None => PassphraseSource::interactive(|| ask().map_err(failed("the terminal"))),
    }
}

fn failed(place: &str) -> impl FnOnce(io::Error) -> apt_sign::Error + use<> {
    let place = place.to_owned();
    move |source| apt_sign::Error::Passphrase { place, source }
}

/// Reads a file that nobody else can read.
pub(crate) fn read(path: &Utf8Path) -> io::Result<Passphrase> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("mode {mode:04o} lets others read it; it must be 0600 or less");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    }
    first_line(file)
}

fn first_line(file: File) -> io::Result<Passphrase> {
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Passphrase::from_line(&bytes)
}

/// Reads a credential, which the service manager guards.
fn credential(name: &str) -> io::Result<Passphrase> {
    // The variable holds the directory, and nothing secret.
    let Some(directory) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
        let what =
            "there is none: this process was not started with credentials (LoadCredential= in systemd.exec)";
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    };
    let directory = Utf8PathBuf::try_from(std::path::PathBuf::from(directory)).map_err(io::Error::other)?;
    first_line(File::open(directory.join(name))?)
}

/// Asks a person, if there is one.
fn ask() -> io::Result<Option<Passphrase>> {
    if !io::stderr().is_terminal() {
        return Ok(None);
    }
    let Ok(mut terminal) = File::options().read(true).write(true).open("/dev/tty") else { return Ok(None) };
    let before = termios::tcgetattr(&terminal)?;
    let mut silent = before.clone();
    // Ctrl-C comes as a character too, at once: the signal would leave the terminal without its echo.
    silent.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG | LocalModes::ICANON);
    termios::tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
    let answer =
        terminal.write_all(b"passphrase of the signing keys: ").and_then(|()| line_of(&mut terminal));
    termios::tcsetattr(&terminal, OptionalActions::Flush, &before)?;
    terminal.write_all(b"\n")?;
    Passphrase::from_line(&answer?).map(Some)
}

/// Ctrl-C, the keys that take back one character and the whole line, and Ctrl-D.
const INTERRUPT: u8 = 3;
const ERASE: [u8; 2] = [8, 127];
const KILL: u8 = 21;
const END: u8 = 4;

/// Reads to the end of the line, and not beyond it.
fn line_of(terminal: &mut impl Read) -> io::Result<Vec<u8>> {
    let (mut line, mut byte) = (Vec::with_capacity(256), [0]);
    while terminal.read(&mut byte)? == 1 {
        let [typed] = byte;
        match typed {
            b'\n' | END => break,
            INTERRUPT => return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted")),
            KILL => line.clear(),
            // A character of several bytes goes as a whole.
            erase if ERASE.contains(&erase) => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            other => line.push(other),
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_can_be_corrected_and_broken_off() {
        let read = |typed: &str| line_of(&mut typed.as_bytes());
        assert_eq!(read("correct\nnot this").unwrap(), b"correct");
        assert_eq!(read("corw\x7frekä\x08\x7fct\n").unwrap(), b"correct");
        assert_eq!(read("wrong\x15correct\x04").unwrap(), b"correct");
        assert_eq!(read("half\x03\n").unwrap_err().kind(), io::ErrorKind::Interrupted);
    }
}
