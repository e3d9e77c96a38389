//! The passphrase of the keys: from a file, from the service manager, or from a person. Never from an argument or a variable, which others
//! can see.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use repo_config::{Passphrase, PassphrasePlace, PassphraseSource};
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
    silent.local_modes.remove(LocalModes::ECHO);
    termios::tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
    let answer =
        terminal.write_all(b"passphrase of the signing keys: ").and_then(|()| line_of(&mut terminal));
    termios::tcsetattr(&terminal, OptionalActions::Flush, &before)?;
    terminal.write_all(b"\n")?;
    Passphrase::from_line(&answer?).map(Some)
}

/// Reads to the end of the line, and not beyond it.
fn line_of(terminal: &mut File) -> io::Result<Vec<u8>> {
    let (mut line, mut byte) = (Vec::with_capacity(256), [0]);
    while terminal.read(&mut byte)? == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    Ok(line)
}
