//! Where the passphrase of protected keys comes from.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use camino::Utf8PathBuf;

use crate::config::Config;
use crate::error::InvalidValue;
use crate::value::{FromText, Text};

/// The place of a passphrase, as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassphrasePlace {
    /// The first line of a file.
    File(Utf8PathBuf),
    /// A credential of that name, which the service manager puts into a directory for a service.
    Credential(String),
}

/// The name of a credential of the service manager, written as `credential:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Credential(pub(crate) String);

impl FromText for Credential {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let name = text
            .strip_prefix("credential:")
            .filter(|name| !matches!(*name, "" | "." | "..") && name.chars().all(is_plain));
        name.map(|name| Self(name.to_owned())).ok_or_else(|| {
            "expected credential:NAME; a passphrase itself never stands in the configuration"
                .to_owned()
                .into()
        })
    }
}

impl Config {
    /// Returns where the passphrase of the signing keys is, if the configuration says so.
    #[must_use]
    pub fn passphrase_place(&self) -> Option<PassphrasePlace> {
        let signing = &self.file.signing;
        let file = signing.passphrase_file.as_ref().map(|path| PassphrasePlace::File(self.root.join(path)));
        let credential = signing.passphrase.as_ref();
        file.or_else(|| credential.map(|Text(Credential(name))| PassphrasePlace::Credential(name.clone())))
    }
}

/// A passphrase. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Passphrase(Arc<str>);

impl Passphrase {
    /// Takes the first line of a file or of an answer, without its line end.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] for an empty line, and for bytes that are not UTF-8.
    pub fn from_line(bytes: &[u8]) -> io::Result<Self> {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let text = std::str::from_utf8(line).map_err(|_| invalid("the first line is not UTF-8"))?;
        if text.is_empty() {
            return Err(invalid("the first line is empty"));
        }
        Ok(Self(text.into()))
    }
}

impl std::ops::Deref for Passphrase {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// Gives the passphrase, or says where it could not be read.
type Ask = dyn Fn() -> Result<Option<Passphrase>, apt_sign::Error> + Send + Sync;

/// Where the passphrase of protected keys comes from. It is asked for when a protected key is met, once.
#[derive(Clone, Default)]
pub struct PassphraseSource {
    ask: Option<Arc<Ask>>,
    known: Arc<OnceLock<Option<Passphrase>>>,
    configured: bool,
}

impl PassphraseSource {
    /// A source that the configuration names: new keys are protected too.
    pub fn configured(
        ask: impl Fn() -> Result<Option<Passphrase>, apt_sign::Error> + Send + Sync + 'static,
    ) -> Self {
        Self { ask: Some(Arc::new(ask)), known: Arc::default(), configured: true }
    }

    /// A source that is asked for protected keys alone: a person.
    pub fn interactive(
        ask: impl Fn() -> Result<Option<Passphrase>, apt_sign::Error> + Send + Sync + 'static,
    ) -> Self {
        Self { ask: Some(Arc::new(ask)), known: Arc::default(), configured: false }
    }

    /// Returns the passphrase; `None` when there is none to be had.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn get(&self) -> Result<Option<Passphrase>, apt_sign::Error> {
        if let Some(known) = self.known.get() {
            return Ok(known.clone());
        }
        let found = self.ask.as_ref().map(|ask| ask()).transpose()?.flatten();
        Ok(self.known.get_or_init(|| found).clone())
    }

    /// Returns the passphrase that new keys are protected by; `None` when keys are kept without.
    pub(crate) fn of_new_keys(&self) -> Result<Option<Passphrase>, apt_sign::Error> {
        if self.configured { self.get() } else { Ok(None) }
    }

    /// Returns whether the configuration names a source.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.configured
    }
}

impl fmt::Debug for PassphraseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassphraseSource").field("configured", &self.configured).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_counts_and_nothing_of_it_is_shown() {
        for bytes in [&b"secret words"[..], b"secret words\n", b"secret words\r\nnot this"] {
            assert_eq!(&*Passphrase::from_line(bytes).unwrap(), "secret words");
        }
        for bytes in [&b""[..], b"\nsecond", b"\xff\n"] {
            assert_eq!(Passphrase::from_line(bytes).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        let known = Passphrase::from_line(b"secret words").unwrap();
        let source = PassphraseSource::configured(move || Ok(Some(known.clone())));
        assert!(!format!("{source:?} {:?}", source.get()).contains("secret words"));
    }
}
