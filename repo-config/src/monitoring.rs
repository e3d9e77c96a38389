//! What those have who watch `serve`: a line for each request, and numbers.

use camino::{Utf8Path, Utf8PathBuf};

use crate::config::Config;
use crate::error::InvalidValue;
use crate::value::{FromText, Listen, Text};

/// Where a line for each request goes, as `serve.access_log` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// The journal of systemd, as fields.
    Journald,
    /// Standard error, as text.
    Stderr,
    /// Standard error, as JSON.
    Json,
    /// A file in the combined format.
    CombinedFile(Utf8PathBuf),
    /// A file with a JSON object on each line.
    JsonFile(Utf8PathBuf),
}

impl FromText for AccessLog {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let file =
            |prefix: &str| text.strip_prefix(prefix).filter(|path| !path.is_empty()).map(Utf8PathBuf::from);
        match text {
            "journald" => Ok(Self::Journald),
            "stderr" => Ok(Self::Stderr),
            "json" => Ok(Self::Json),
            _ => file("combined:")
                .map(Self::CombinedFile)
                .or_else(|| file("json:").map(Self::JsonFile))
                .ok_or_else(|| {
                    format!(
                        "`{}` is none of journald, stderr, json, combined:FILE and json:FILE, for example \
                         combined:/var/log/repo-cli/access.log",
                        text.escape_debug()
                    )
                    .into()
                }),
        }
    }
}

/// Where the metrics are: an address and a port, without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricsAddress(String);

impl FromText for MetricsAddress {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let listen = Listen::from_text(text)?;
        if listen.is_tls() {
            return Err("metrics are not served over TLS; use ADDRESS:PORT, for example 127.0.0.1:9100"
                .to_owned()
                .into());
        }
        Ok(Self(listen.address().to_owned()))
    }
}

impl Config {
    /// Returns where a line for each request goes, if anywhere. Paths begin at the [root](Self::root).
    #[must_use]
    pub fn access_log(&self) -> Option<AccessLog> {
        let at = |path: &Utf8Path| self.root().join(path);
        let Text(log) = self.file.serve.access_log.as_ref()?;
        Some(match log {
            AccessLog::CombinedFile(path) => AccessLog::CombinedFile(at(path)),
            AccessLog::JsonFile(path) => AccessLog::JsonFile(at(path)),
            other => other.clone(),
        })
    }

    /// Returns the address and the port of the metrics, if they are asked for.
    #[must_use]
    pub fn metrics_address(&self) -> Option<&str> {
        self.file.serve.metrics.as_ref().map(|Text(MetricsAddress(address))| address.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_a_word_or_a_form_with_a_file() {
        for (text, expected) in [
            ("journald", Some(AccessLog::Journald)),
            ("json", Some(AccessLog::Json)),
            ("json:/a b", Some(AccessLog::JsonFile("/a b".into()))),
            ("combined:log/access", Some(AccessLog::CombinedFile("log/access".into()))),
            ("combined", None),
            ("combined:", None),
            ("/var/log/x", None),
        ] {
            assert_eq!(AccessLog::from_text(text).ok(), expected, "{text}");
        }
        assert!(MetricsAddress::from_text("127.0.0.1:9100").is_ok());
        for bad in ["https://127.0.0.1:9100", "9100", ""] {
            assert!(MetricsAddress::from_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_of_the_log_begins_at_the_root() {
        let text = "suites = ['a']\narchitectures = ['amd64']\n[repositories.prod]\n[serve]\naccess_log = 'json:log/access'\n";
        let config = Config::of("/r".into(), &[("/r/repo.toml".into(), text.to_owned())]).unwrap();
        assert_eq!(config.access_log(), Some(AccessLog::JsonFile("/r/log/access".into())));
    }
}
