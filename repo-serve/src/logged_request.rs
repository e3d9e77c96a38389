//! Reading what other servers wrote into their access logs: the combined format of nginx and Apache, and the JSON of Caddy and of this server.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;

use super::log::escape;
use super::path::RequestPath;

/// A longer line is not read.
pub const LONGEST_LOG_LINE: usize = 16 * 1024;

/// One request as an access log tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Where it came from.
    pub address: IpAddr,
    /// Who logged in.
    pub user: Option<String>,
    /// When it was, in whole seconds.
    pub time: Timestamp,
    /// Such as `GET`.
    pub method: String,
    /// The status of the answer.
    pub status: u16,
    /// The `User-Agent`, if any.
    pub agent: Option<String>,
    path: RequestPath,
}

impl LoggedRequest {
    /// Reads a line; `None` when it is of another format, longer than [`LONGEST_LOG_LINE`], or of a request that no server answers with a file.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        if line.len() > LONGEST_LOG_LINE {
            return None;
        }
        let line = std::str::from_utf8(line).ok()?.trim();
        if line.starts_with('{') { Self::of_json(line) } else { Self::of_combined(line) }
    }

    /// Returns the name of the repository and the path of the file below it, for servers where the first element of a path names a repository.
    #[must_use]
    pub fn in_repository(&self) -> Option<(String, String)> {
        Some((self.path.repository().to_owned(), escape(self.path.inner(1)?)))
    }

    /// Returns the path of the file, for servers with one repository at their root.
    #[must_use]
    pub fn at_root(&self) -> Option<String> {
        self.path.inner(0).map(escape)
    }

    fn of_combined(line: &str) -> Option<Self> {
        let (head, rest) = line.split_once(" [")?;
        let mut words = head.split(' ');
        // Some logs begin with the name of the virtual host.
        let first = words.next()?;
        let address = match first.parse() {
            Ok(address) => address,
            Err(_) => words.next()?.parse().ok()?,
        };
        let user = words.skip(1).collect::<Vec<_>>().join(" ");
        let (time, rest) = rest.split_once("] ")?;
        let time = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", time).ok()?.to_timestamp().ok()?;
        let (request, rest) = quoted(rest)?;
        let mut words = request.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let mut rest = rest.trim_start().splitn(3, ' ');
        let status = rest.next()?;
        let agent = rest.nth(1).and_then(|rest| quoted(quoted(rest)?.1.trim_start())).map(|(agent, _)| agent);
        Self::new(address, Some(&user), time, (method, target, status.parse().ok()?), agent)
    }

    fn of_json(line: &str) -> Option<Self> {
        let entry: Value = serde_json::from_str(line).ok()?;
        let status = u16::try_from(entry.get("status")?.as_u64()?).ok()?;
        let text = |value: Option<&'_ Value>| value.and_then(Value::as_str).map(str::to_owned);
        let Some(request) = entry.get("request") else {
            let field = |name: &str| text(entry.get(name));
            let (method, path, agent) = (field("method")?, field("path")?, field("agent"));
            let (address, time) = (field("address")?.parse().ok()?, field("time")?.parse().ok()?);
            return Self::new(
                address,
                field("user").as_deref(),
                time,
                (&method, &path, status),
                agent.as_deref(),
            );
        };
        let field = |name: &str| text(request.get(name));
        let address = field("client_ip").or_else(|| field("remote_ip"))?.parse().ok()?;
        let time = match entry.get("ts")? {
            Value::String(time) => time.parse().ok()?,
            number => Timestamp::from_second(seconds(number.as_f64()?)?).ok()?,
        };
        let agent = text(request.get("headers").and_then(|headers| headers.get("User-Agent")?.get(0)));
        let user = text(entry.get("user_id"));
        let (method, target) = (field("method")?, field("uri")?);
        Self::new(address, user.as_deref(), time, (&method, &target, status), agent.as_deref())
    }

    fn new(
        address: IpAddr,
        user: Option<&str>,
        time: Timestamp,
        (method, target, status): (&str, &str, u16),
        agent: Option<&str>,
    ) -> Option<Self> {
        let path = target.split('?').next()?;
        let path = match path.split_once("://") {
            Some((_, rest)) => rest.get(rest.find('/')?..)?,
            None => path,
        };
        let is_given = |text: &&str| !text.is_empty() && *text != "-";
        let user = user.filter(is_given).map(|user| escape(user.as_bytes()));
        let agent = agent.filter(is_given).map(|agent| escape(agent.as_bytes()));
        let time = Timestamp::from_second(time.as_second()).ok()?;
        let (method, path) = (escape(method.as_bytes()), RequestPath::parse(path).ok()?);
        Some(Self { address: address.to_canonical(), user, time, method, status, agent, path })
    }
}

/// Cuts the fraction off a time in seconds that is of this age of the world.
fn seconds(time: f64) -> Option<i64> {
    let whole = time.trunc();
    // A number of this size has no fraction, so the text has nothing else.
    (0.0..253_402_300_799.0).contains(&whole).then(|| format!("{whole:.0}").parse().ok())?
}

/// Takes a text in quotes off the front, as it stands, and returns what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The address, the user, the repository with the path, the status, the agent and the time.
    type Fields = (String, Option<String>, String, u16, Option<String>, i64);

    fn parsed(line: &str) -> Option<Fields> {
        let request = LoggedRequest::parse(line.as_bytes())?;
        let (repository, path) = request.in_repository()?;
        let time = request.time.as_second();
        Some((
            request.address.to_string(),
            request.user,
            format!("{repository} {path}"),
            request.status,
            request.agent,
            time,
        ))
    }

    #[test]
    fn lines_of_nginx_apache_caddy_and_of_this_server_are_read() {
        let expected = |user: Option<&str>| {
            let agent = Some("Debian APT-HTTP/1.3 (2.6.1)".to_owned());
            Some((
                "192.0.2.7".to_owned(),
                user.map(str::to_owned),
                "prod dists/a/InRelease".to_owned(),
                200,
                agent,
                1_795_000_000,
            ))
        };
        let combined = r#"192.0.2.7 - web1 [18/Nov/2026:12:06:40 +0100] "GET /prod/dists/a/InRelease?x HTTP/1.1" 200 1432 "-" "Debian APT-HTTP/1.3 (2.6.1)""#;
        assert_eq!(parsed(combined), expected(Some("web1")));
        assert_eq!(parsed(&format!("deb.example.org:443 {combined}")), expected(Some("web1")));
        assert_eq!(parsed(&combined.replace("web1", "-")), expected(None));
        let caddy = r#"{"level":"info","ts":1795000000.123,"msg":"handled request","request":{"remote_ip":"192.0.2.7","proto":"HTTP/1.1","method":"GET","host":"x","uri":"/prod/dists/a/InRelease","headers":{"User-Agent":["Debian APT-HTTP/1.3 (2.6.1)"]}},"user_id":"web1","status":200}"#;
        assert_eq!(parsed(caddy), expected(Some("web1")));
        let own = r#"{"address":"192.0.2.7","agent":"Debian APT-HTTP/1.3 (2.6.1)","bytes":1,"method":"GET","path":"/prod/dists/a/InRelease","status":200,"time":"2026-11-18T11:06:40Z","user":null}"#;
        assert_eq!(parsed(own), expected(None));
        let root = LoggedRequest::parse(combined.replace("/prod", "").as_bytes()).unwrap();
        assert_eq!(root.at_root().as_deref(), Some("dists/a/InRelease"));
        // The quotes of a client stay in its field.
        let odd = combined.replace("Debian", r#"x\"y \\"#);
        assert_eq!(parsed(&odd).unwrap().4.unwrap(), r#"x\\\"y \\\\ APT-HTTP/1.3 (2.6.1)"#);
    }

    #[test]
    fn other_lines_are_not_read() {
        let line = r#"192.0.2.7 - - [18/Nov/2026:12:06:40 +0100] "GET /prod/x HTTP/1.1" 200 1 "-" "a""#;
        assert!(parsed(line).is_some());
        for bad in [
            "".to_owned(),
            "Nov 18 12:06:40 host sshd[1]: x".to_owned(),
            line.replace("192.0.2.7", "host"),
            line.replace("Nov", "Nov2"),
            line.replace("200", "abc"),
            line.replace("/prod/x", "/prod/%zz"),
            line.replace("GET /prod/x HTTP/1.1", r"\x16\x03\x01"),
            format!("{line}{}", " ".repeat(LONGEST_LOG_LINE)),
            format!("{}{}", "{\"a\":".repeat(200), "1"),
            r#"{"status":200,"request":{}}"#.to_owned(),
            r#"{"ts":1e300,"status":200,"request":{"remote_ip":"::1","method":"GET","uri":"/prod/x"}}"#
                .to_owned(),
        ] {
            assert_eq!(parsed(&bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(line in proptest::collection::vec(any::<u8>(), 0..200), tail in ".*") {
            let _ = LoggedRequest::parse(&line);
            let _ = LoggedRequest::parse(format!("::1 - - [18/Nov/2026:12:06:40 +0100] \"{tail}").as_bytes());
        }
    }
}
