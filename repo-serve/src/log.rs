//! The access log: one [`LogEntry`] per answer, handed to a callback. Nothing is printed here.
//!
//! A [`LoggedRequest`] is read from the log of another server.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

pub use crate::logged_request::{LONGEST_LOG_LINE, LoggedRequest};

/// One answered request. Texts that clients chose are escaped and cut, so that they fit a line and a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Where the client is.
    pub peer: IpAddr,
    /// Who logged in, if a password was asked and right.
    pub user: Option<String>,
    /// Whether that is the holder of a token, and not the name of a user.
    pub has_token: bool,
    /// Such as `GET`.
    pub method: String,
    /// The path asked for, as sent. Queries are left out, as they may carry secrets.
    pub path: String,
    /// The version of the protocol, such as `HTTP/1.1`.
    pub protocol: &'static str,
    /// The repository that was asked, if there is such a repository.
    pub repository: Option<String>,
    /// The published file that the answer is about.
    pub file: Option<LoggedFile>,
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

/// A published file that an answer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedFile {
    /// Its path below the directory of the repository, decoded and escaped.
    pub path: String,
    /// The time of the file, by which publications are told apart.
    pub modified: SystemTime,
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

impl LogEntry {
    /// Returns the line of the combined format, which most programs for access logs read. A query and a referrer are never in it.
    #[must_use]
    pub fn combined(&self, time: Timestamp) -> String {
        let user = self.user.as_deref().filter(|user| !user.is_empty()).unwrap_or("-").replace(' ', "\\x20");
        let agent = self.agent.as_deref().unwrap_or("-");
        let Self { peer, method, path, protocol, status, bytes, .. } = self;
        let time = time.strftime("%d/%b/%Y:%H:%M:%S +0000");
        format!("{peer} - {user} [{time}] \"{method} {path} {protocol}\" {status} {bytes} \"-\" \"{agent}\"")
    }

    /// Returns the entry as one line of JSON.
    #[must_use]
    pub fn json(&self, time: Timestamp) -> String {
        let seconds = Timestamp::from_second(time.as_second()).unwrap_or(time);
        let mut object = serde_json::json!({
            "time": seconds.to_string(),
            "address": self.peer.to_string(),
            "user": self.user,
            "method": self.method,
            "path": self.path,
            "protocol": self.protocol,
            "repository": self.repository,
            "status": self.status,
            "bytes": self.bytes,
            "duration_ms": self.milliseconds(),
            "agent": self.agent,
        });
        if let (Some(problem), Some(object)) = (&self.problem, object.as_object_mut()) {
            object.insert("problem".to_owned(), problem.clone().into());
        }
        object.to_string()
    }

    /// Returns how long the answer took.
    #[must_use]
    pub fn milliseconds(&self) -> u64 {
        u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> LogEntry {
        LogEntry {
            peer: "192.0.2.1".parse().unwrap(),
            user: None,
            has_token: false,
            method: "GET".into(),
            path: "/prod/dists/trixie/InRelease".into(),
            protocol: "HTTP/1.1",
            repository: Some("prod".into()),
            file: None,
            agent: Some("Debian APT-HTTP/1.3 (3.0.3)".into()),
            status: 304,
            bytes: 0,
            duration: Duration::from_micros(2300),
            problem: None,
        }
    }

    #[test]
    fn other_programs_read_the_lines() {
        let time = Timestamp::from_millisecond(1_795_000_000_123).unwrap();
        let mut entry = entry();
        entry.user = Some("web 1".into());
        assert_eq!(
            entry.combined(time),
            r#"192.0.2.1 - web\x201 [18/Nov/2026:11:06:40 +0000] "GET /prod/dists/trixie/InRelease HTTP/1.1" 304 0 "-" "Debian APT-HTTP/1.3 (3.0.3)""#
        );
        let json: serde_json::Value = serde_json::from_str(&entry.json(time)).unwrap();
        assert_eq!(json["time"], "2026-11-18T11:06:40Z");
        assert_eq!((&json["status"], &json["duration_ms"]), (&304.into(), &2.into()));
        assert_eq!(json.get("problem"), None);
    }

    #[test]
    fn hostile_text_stays_on_its_line() {
        assert_eq!(escape(b"/a\x1b[2J\r\n\"\\\xe2\x80\xae"), r#"/a\x1b[2J\r\n\"\\\xe2\x80\xae"#);
        assert_eq!(escape(&[b'x'; 600]), format!("{}…", "x".repeat(512)));
    }

    #[test]
    fn one_entry_is_one_line() {
        let entry = LogEntry { duration: Duration::from_micros(230), ..entry() };
        assert_eq!(
            entry.to_string(),
            r#"192.0.2.1 - "GET /prod/dists/trixie/InRelease" 304 0 0.2ms "Debian APT-HTTP/1.3 (3.0.3)""#
        );
    }
}
