//! Where a line for each operation goes.

use crate::config::Config;
use crate::error::InvalidValue;
use crate::value::{FromText, Text};

/// Where a line for each operation goes, as `log` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// The journal of systemd, as fields.
    Journald,
    /// The local syslog, with the number of a facility.
    Syslog(u8),
    /// Standard error, as text.
    Stderr,
    /// Standard error, as JSON.
    Json,
}

/// The facilities of RFC 5424 by their number.
const FACILITIES: [&str; 24] = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "solaris-cron",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
];

impl FromText for LogTarget {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let facility = |name: &str| FACILITIES.iter().position(|facility| *facility == name);
        match text {
            "journald" => Ok(Self::Journald),
            "stderr" => Ok(Self::Stderr),
            "json" => Ok(Self::Json),
            _ => {
                let number = text.strip_prefix("syslog:").and_then(facility);
                number.and_then(|number| u8::try_from(number).ok()).map(Self::Syslog).ok_or_else(|| {
                    let shown = text.escape_debug();
                    format!("`{shown}` is none of journald, stderr, json and syslog:FACILITY, for example syslog:local3")
                        .into()
                })
            }
        }
    }
}

impl Config {
    /// Returns where a line for each operation goes, if anywhere.
    #[must_use]
    pub fn log(&self) -> Option<LogTarget> {
        self.file.log.as_ref().map(|Text(target)| *target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facilities_have_their_numbers() {
        for (text, target) in [
            ("journald", Some(LogTarget::Journald)),
            ("syslog:daemon", Some(LogTarget::Syslog(3))),
            ("syslog:local3", Some(LogTarget::Syslog(19))),
            ("syslog", None),
            ("syslog:local8", None),
            ("file", None),
        ] {
            assert_eq!(LogTarget::from_text(text).ok(), target, "{text}");
        }
    }
}
