//! The access log: one entry per answer, handed to a callback. Nothing is printed here.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// One answered request. Texts that clients chose are escaped and cut, so that they fit a line and a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Where the client is.
    pub peer: IpAddr,
    /// Who logged in, if a password was asked and right.
    pub user: Option<String>,
    /// Such as `GET`.
    pub method: String,
    /// The path asked for, as sent. Queries are left out, as they may carry secrets.
    pub path: String,
    /// The `User-Agent`, if any.
    pub agent: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the body handed to the connection; a client that went away may have received fewer.
    pub bytes: u64,
    /// From the request's head to the end of the answer.
    pub duration: Duration,
    /// What went wrong on our side, for answers 500 and 503.
    pub problem: Option<String>,
}

/// Longest text of a client that is kept, in bytes before escaping.
const TEXT_LIMIT: usize = 512;

/// Escapes what is not printable ASCII, quotes and backslashes included, and cuts at 512 bytes.
pub(crate) fn escape(text: &[u8]) -> String {
    let (kept, mark) = text.split_at_checked(TEXT_LIMIT).map_or((text, ""), |(kept, _)| (kept, "…"));
    format!("{}{mark}", kept.escape_ascii())
}

/// One line without a time: `192.0.2.1 - "GET /prod/dists/trixie/InRelease" 304 0 0.2ms "Debian APT-HTTP/1.3 (3.0.3)"`.
impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_deref().unwrap_or("-");
        let agent = self.agent.as_deref().unwrap_or("-");
        let milliseconds = self.duration.as_secs_f64() * 1000.0;
        write!(f, "{} {user} \"{} {}\" {} {} ", self.peer, self.method, self.path, self.status, self.bytes)?;
        write!(f, "{milliseconds:.1}ms \"{agent}\"")?;
        match &self.problem {
            Some(problem) => write!(f, " {problem}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_on_its_line() {
        assert_eq!(escape(b"/a\x1b[2J\r\n\"\\\xe2\x80\xae"), r#"/a\x1b[2J\r\n\"\\\xe2\x80\xae"#);
        assert_eq!(escape(&[b'x'; 600]), format!("{}…", "x".repeat(512)));
    }

    #[test]
    fn one_entry_is_one_line() {
        let entry = LogEntry {
            peer: "192.0.2.1".parse().unwrap(),
            user: None,
            method: "GET".into(),
            path: "/prod/dists/trixie/InRelease".into(),
            agent: Some("Debian APT-HTTP/1.3 (3.0.3)".into()),
            status: 304,
            bytes: 0,
            duration: Duration::from_micros(230),
            problem: None,
        };
        assert_eq!(
            entry.to_string(),
            r#"192.0.2.1 - "GET /prod/dists/trixie/InRelease" 304 0 0.2ms "Debian APT-HTTP/1.3 (3.0.3)""#
        );
    }
}
