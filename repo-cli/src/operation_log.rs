//! A line for each operation, for the journal of systemd, syslog or standard error. What cannot be written keeps nothing from being done.

use std::path::Path;
use std::time::Instant;

use camino::Utf8Path;
use jiff::Timestamp;
use repo_config::{Config, LogTarget};
use repo_store::Store;
use repo_store::history::LogEntry;

use crate::error::{Failure, Outcome, Report};
use crate::journal;
use crate::output::Output;
use crate::package_count::ChangeCount;

/// Where syslog listens.
const SYSLOG: &str = "/dev/log";

/// What is longer is cut: no field has to be.
const LONGEST: usize = 2000;

/// Writes the lines of a command.
pub(crate) struct OperationLog {
    target: LogTarget,
    verb: String,
    actor: String,
    began: Instant,
}

/// The fields of a line, with the priority of syslog.
#[derive(Debug, Default)]
struct Record {
    message: String,
    is_error: bool,
    fields: Vec<(&'static str, String)>,
}

impl Record {
    fn field(&mut self, name: &'static str, value: &impl ToString) {
        self.fields.push((name, value.to_string().chars().take(LONGEST).collect()));
    }

    /// 3 is an error, 6 tells of what was done.
    fn priority(&self) -> u8 {
        if self.is_error { 3 } else { 6 }
    }
}

/// Why a verb did not do all that it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    code: String,
    message: String,
}

impl Fault {
    /// The one that a report tells of.
    pub(crate) fn of(report: &Report) -> Self {
        Self { code: report.code.to_string(), message: report.message.clone() }
    }

    /// One that nothing was reported of.
    fn untold() -> Self {
        Self { code: "E-REFUSED".to_owned(), message: "not all of it was done".to_owned() }
    }

    /// Returns what is wrong with how a verb ended, if anything is.
    pub(crate) fn of_result(result: &Result<Outcome, Failure>, output: &Output) -> Option<Self> {
        match result {
            Ok(Outcome::Refused) => Some(output.failure_after(0).unwrap_or_else(Self::untold)),
            Ok(_) => None,
            Err(failure) => Some(Self::of(&failure.report())),
        }
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Returns whether it is this one, which may be told of one of several things.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        self.code == other.code && self.message.ends_with(&other.message)
    }
}

/// Counts what an entry took out of suites, and what it brought in.
pub(crate) fn counted_changes(entry: &LogEntry, store: Option<&Store>) -> Option<ChangeCount> {
    let commit = entry.after.filter(|_| !entry.is_unchanged())?;
    Some(ChangeCount::of(&store?.revision(&entry.repository, commit).ok()?.changes().ok()?))
}

impl OperationLog {
    /// Begins the line of a verb; `None` when the configuration asks for none.
    pub(crate) fn begin(config: &Config, verb: String, actor: String) -> Option<Self> {
        Some(Self { target: config.log()?, verb, actor, began: Instant::now() })
    }

    /// Returns the log of a verb that began earlier.
    pub(crate) fn since(self, began: Instant) -> Self {
        Self { began, ..self }
    }

    /// Writes that a verb begins that goes on.
    pub(crate) fn begin_service(&self, output: &Output) {
        let mut record = self.record(format!("{} begun by {}", self.verb, self.actor));
        record.field("RESULT", &"begun");
        self.write(&record, output);
    }

    /// Writes a line for each change that was made, or one for the whole verb when it changed no repository or failed.
    pub(crate) fn end(
        &self,
        root: &Utf8Path,
        result: &Result<Outcome, Failure>,
        entries: &[LogEntry],
        output: &Output,
    ) {
        self.end_with(root, Fault::of_result(result, output).as_ref(), entries, output);
    }

    fn end_with(&self, root: &Utf8Path, failure: Option<&Fault>, entries: &[LogEntry], output: &Output) {
        let store = if entries.is_empty() { None } else { Store::open(root).ok() };
        for entry in entries {
            self.write(&self.of_entry(entry, store.as_ref()), output);
        }
        if entries.is_empty() || failure.is_some() {
            self.write(&self.of_verb(failure), output);
        }
    }

    /// Writes the lines of a round in which something changed, for a verb that goes on.
    pub(crate) fn end_round(
        &self,
        root: &Utf8Path,
        refused: Option<&Fault>,
        entries: &[LogEntry],
        output: &Output,
    ) {
        if !entries.is_empty() || refused.is_some() {
            self.end_with(root, refused, entries, output);
        }
    }

    fn record(&self, message: String) -> Record {
        let mut record = Record { message, ..Record::default() };
        record.field("VERB", &self.verb);
        record.field("ACTOR", &self.actor);
        record
    }

    fn of_entry(&self, entry: &LogEntry, store: Option<&Store>) -> Record {
        let LogEntry { repository, before, after, operation, .. } = entry;
        let mut record = self.record(format!("{repository}: {operation} by {}", self.actor));
        record.field("REPOSITORY", repository);
        record.field("OPERATION", operation);
        for (name, commit) in [("COMMIT_BEFORE", before), ("COMMIT_AFTER", after)] {
            if let Some(commit) = commit {
                record.field(name, commit);
            }
        }
        if let Some(ChangeCount { removed, added }) = counted_changes(entry, store) {
            record.field("REMOVED", &removed.packages());
            record.field("REMOVED_FILES", &removed.files());
            record.field("ADDED", &added.packages());
            record.field("ADDED_FILES", &added.files());
        }
        self.finish(record, None)
    }

    fn of_verb(&self, failure: Option<&Fault>) -> Record {
        let message = match failure {
            Some(failure) => format!("{} by {} failed: {}", self.verb, self.actor, failure.message),
            None => format!("{} by {}", self.verb, self.actor),
        };
        self.finish(self.record(message), failure)
    }

    fn finish(&self, mut record: Record, failure: Option<&Fault>) -> Record {
        record.field("DURATION_MS", &self.began.elapsed().as_millis());
        record.field("RESULT", &if failure.is_some() { "failed" } else { "done" });
        if let Some(failure) = failure {
            record.is_error = true;
            record.field("ERROR", &failure.code);
        }
        record.message = record.message.chars().take(LONGEST).collect();
        record
    }

    fn write(&self, record: &Record, output: &Output) {
        match self.target {
            LogTarget::Journald => journal::write(&record.message, record.priority(), &record.fields),
            LogTarget::Syslog(facility) => {
                journal::send(&for_syslog(record, facility, crate::clock::now()), Path::new(SYSLOG));
            }
            LogTarget::Stderr => output.note(&as_text(record)),
            LogTarget::Json => output.note(&as_json(record)),
        }
    }
}

/// RFC 5424 with the fields as structured data. 32473 is the number that RFC 5612 keeps for those who have none.
fn for_syslog(record: &Record, facility: u8, now: Timestamp) -> Vec<u8> {
    let escaped = |value: &str| {
        let plain = value.chars().map(|c| if c.is_control() { ' ' } else { c });
        plain.collect::<String>().replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
    };
    let fields: Vec<String> = record
        .fields
        .iter()
        .map(|(name, value)| format!(" {}=\"{}\"", name.to_ascii_lowercase(), escaped(value)))
        .collect();
    let message: String = record.message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let priority = u16::from(facility) * 8 + u16::from(record.priority());
    let (now, process) = (now.strftime("%Y-%m-%dT%H:%M:%SZ"), std::process::id());
    format!("<{priority}>1 {now} - repo-cli {process} - [repo@32473{}] {message}", fields.concat())
        .into_bytes()
}

/// One line of words and values.
fn as_text(record: &Record) -> String {
    let is_plain = |value: &str| {
        !value.is_empty()
            && !value.contains(|c: char| c.is_whitespace() || c.is_control() || "\"=\\".contains(c))
    };
    let field = |(name, value): &(&str, String)| {
        let name = name.to_ascii_lowercase();
        if is_plain(value) { format!("{name}={value}") } else { format!("{name}={value:?}") }
    };
    let mut words = vec!["operation:".to_owned()];
    words.extend(record.fields.iter().map(field));
    if record.is_error {
        words.push(format!("message={:?}", record.message));
    }
    words.join(" ")
}

/// One line of JSON.
fn as_json(record: &Record) -> String {
    let mut object = serde_json::Map::new();
    for (name, value) in &record.fields {
        // Counts are numbers; commits, which are digits too, are longer.
        let number = value.parse::<u64>().ok().filter(|_| value.len() < 16 && *name != "ACTOR");
        let value = number.map_or_else(|| value.clone().into(), serde_json::Value::from);
        object.insert(name.to_ascii_lowercase(), value);
    }
    object.insert("message".to_owned(), record.message.clone().into());
    serde_json::Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let mut record = Record { message: "prod: add a \"b\"]\nby eve".to_owned(), ..Record::default() };
        record.field("REPOSITORY", &"prod");
        record.field("OPERATION", &"add a \"b\"]\nc");
        record.field("ADDED", &2);
        record
    }

    #[test]
    fn syslog_gets_one_line_with_structured_data() {
        let bytes = for_syslog(&record(), 19, "2026-11-27T12:00:00Z".parse().unwrap());
        let text = String::from_utf8(bytes).unwrap().replace(&std::process::id().to_string(), "PID");
        insta::assert_snapshot!(text, @r#"<158>1 2026-11-27T12:00:00Z - repo-cli PID - [repo@32473 repository="prod" operation="add a \"b\"\] c" added="2"] prod: add a "b"] by eve"#);
    }

    #[test]
    fn standard_error_gets_one_line() {
        insta::assert_snapshot!(format!("{}\n{}", as_text(&record()), as_json(&record())), @r#"
        operation: repository=prod operation="add a \"b\"]\nc" added=2
        {"added":2,"message":"prod: add a \"b\"]\nby eve","operation":"add a \"b\"]\nc","repository":"prod"}
        "#);
    }
}
