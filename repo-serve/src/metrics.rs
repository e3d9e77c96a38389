//! What a server counts, in the text format of Prometheus.
//!
//! Labels are bounded: the repositories of the configuration, and the statuses that this server answers with.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use super::log::LogEntry;

/// The media type of the text.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is counted from the start of the server on.
#[derive(Debug)]
pub(crate) struct Metrics {
    started: SystemTime,
    connections: AtomicU64,
    open: AtomicU64,
    refused: AtomicU64,
    failed_handshakes: AtomicU64,
    /// By the name of a repository, which is empty for other requests, and by status. It is only locked against others for the first
    /// answer of each kind.
    answers: RwLock<BTreeMap<String, BTreeMap<u16, Answers>>>,
}

#[derive(Debug, Default)]
struct Answers {
    number: AtomicU64,
    bytes: AtomicU64,
}

impl Answers {
    fn count(&self, bytes: u64) {
        self.number.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What is looked at when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// How long ago clients of each repository were first shown what they see now.
    pub(crate) publications: Vec<(String, Duration)>,
    /// When each certificate ends, by the address where it is shown.
    pub(crate) certificates: Vec<(String, SystemTime)>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            started: SystemTime::now(),
            connections: AtomicU64::new(0),
            open: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failed_handshakes: AtomicU64::new(0),
            answers: RwLock::default(),
        }
    }

    pub(crate) fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_end_of_connection(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a connection that was closed at once, because its client has too many.
    pub(crate) fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failed_handshake(&self) {
        self.failed_handshakes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_answer(&self, entry: &LogEntry) {
        let repository = entry.repository.as_deref().unwrap_or_default();
        // Numbers are as good after a panic as before it.
        let answers = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counted) = answers.get(repository).and_then(|by_status| by_status.get(&entry.status)) {
            return counted.count(entry.bytes);
        }
        drop(answers);
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        let by_status = answers.entry(repository.to_owned()).or_default();
        by_status.entry(entry.status).or_default().count(entry.bytes);
    }

    /// Returns the text that Prometheus reads.
    pub(crate) fn text(&self, observed: &Observed) -> String {
        let mut text = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, values: Vec<(String, String)>| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP repo_serve_{name} {help}\n# TYPE repo_serve_{name} {kind}");
            for (labels, value) in values {
                let _ = writeln!(text, "repo_serve_{name}{labels} {value}");
            }
        };
        let alone = |value: u64| vec![(String::new(), value.to_string())];
        let load = |counter: &AtomicU64| alone(counter.load(Ordering::Relaxed));
        let answers = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        let (mut numbers, mut bytes) = (Vec::new(), Vec::new());
        for (repository, by_status) in answers.iter() {
            let mut sent = 0_u64;
            for (status, counted) in by_status {
                let labels = labels(&[("repository", repository), ("status", status)]);
                numbers.push((labels, counted.number.load(Ordering::Relaxed).to_string()));
                sent = sent.saturating_add(counted.bytes.load(Ordering::Relaxed));
            }
            bytes.push((labels(&[("repository", repository)]), sent.to_string()));
        }
        metric("requests_total", "counter", "Answered requests.", numbers);
        metric("sent_bytes_total", "counter", "Bytes of bodies that were sent.", bytes);
        metric("connections", "gauge", "Open connections.", load(&self.open));
        metric("connections_total", "counter", "Connections that were taken.", load(&self.connections));
        let help = "Connections that were closed at once, as their client has too many.";
        metric("refused_connections_total", "counter", help, load(&self.refused));
        let help = "Connections that ended before both sides agreed on keys.";
        metric("failed_handshakes_total", "counter", help, load(&self.failed_handshakes));
        let ages = observed
            .publications
            .iter()
            .map(|(repository, age)| (labels(&[("repository", repository)]), age.as_secs().to_string()));
        metric(
            "publication_age_seconds",
            "gauge",
            "How long clients have been shown the present publication.",
            ages.collect(),
        );
        let ends = observed
            .certificates
            .iter()
            .map(|(address, end)| (labels(&[("listen", address)]), seconds(*end).to_string()));
        let help = "When a certificate ends, in seconds since 1970.";
        metric("certificate_end_seconds", "gauge", help, ends.collect());
        let help = "When the server started, in seconds since 1970.";
        metric("start_seconds", "gauge", help, alone(seconds(self.started)));
        text
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn labels(labels: &[(&str, &dyn Display)]) -> String {
    let escaped = |value: &dyn Display| {
        value.to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
    };
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(*value))).collect();
    format!("{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(status: u16) -> LogEntry {
        LogEntry {
            peer: "192.0.2.1".parse().unwrap(),
            user: None,
            has_token: false,
            method: "GET".into(),
            path: "/prod/dists/trixie/InRelease".into(),
            protocol: "HTTP/1.1",
            repository: Some("prod".into()),
            file: None,
            agent: None,
            status,
            bytes: 3,
            duration: Duration::ZERO,
            problem: None,
        }
    }

    #[test]
    fn many_count_at_once_and_nothing_is_lost() {
        let metrics = Metrics::new();
        let count = || {
            let each = || (0..1000).for_each(|number| metrics.count_answer(&entry(200 + number % 3)));
            std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(each))));
        };
        count();
        // A kind that was seen before is counted even while somebody else reads the numbers.
        let reader = metrics.answers.read().unwrap();
        count();
        drop(reader);
        let text = metrics.text(&Observed::default());
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("repo_serve_{name}")));
            line.and_then(|value| value.trim().parse::<u64>().ok())
        };
        let of = |status| value(&format!("requests_total{{repository=\"prod\",status=\"{status}\"}}"));
        let numbers: u64 = [200, 201, 202].into_iter().filter_map(of).sum();
        assert_eq!((numbers, value("sent_bytes_total{repository=\"prod\"}")), (8000, Some(24_000)), "{text}");
    }
}
