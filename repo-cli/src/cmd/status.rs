//! One screen that answers whether all is well.

mod formats;
mod machines;
mod subjects;

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Column, Output, RowLimit, Style, count};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StatusArguments {
    /// Print it for a monitoring system
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    format: Option<Format>,
    /// Only this repository; may be given several times [default: everything]
    #[arg(long = "repository", value_name = "NAME")]
    repositories: Vec<String>,
}

/// What a monitoring system reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line with performance data, as plugins of Nagios and Icinga print it, and their exit status
    Nagios,
    /// Metrics for the textfile collector of Prometheus
    Prometheus,
}

/// Whether something needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Attention,
}

/// What is known of one thing that can need a person.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Subject {
    /// What to do; null when nothing needs a person
    action: Option<String>,
    /// Numbers that a monitoring system keeps, by the name of a metric without what all have in common. The unit stands at its end;
    /// times are in seconds since 1970
    figures: BTreeMap<&'static str, i64>,
    /// The kind of subject
    kind: Kind,
    /// What was found, in words; what needs a person first
    messages: Vec<String>,
    /// Whether it needs a person
    state: State,
    /// The name of a repository, or of the kind
    subject: String,
    /// How many of the messages need a person: these are the first.
    #[serde(skip)]
    needing: usize,
}

/// A kind of subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Kind {
    Repository,
    Channel,
    Incoming,
    Keys,
    Backup,
    Check,
    Hooks,
    Store,
    Clock,
    Certificate,
    Machines,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Channel => "channel",
            Self::Incoming => "incoming",
            Self::Keys => "keys",
            Self::Backup => "backup",
            Self::Check => "check",
            Self::Hooks => "hooks",
            Self::Store => "store",
            Self::Clock => "clock",
            Self::Certificate => "certificate",
            Self::Machines => "machines",
        }
    }
}

/// The document of `status`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StatusJson<'a> {
    /// How many subjects need a person
    attention: usize,
    /// Whether one of them does
    state: State,
    /// What was looked at
    subjects: &'a [Subject],
}

impl JsonDocument for StatusJson<'_> {}

impl Subject {
    fn new(kind: Kind, subject: &str) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            state: State::Ok,
            messages: Vec::new(),
            action: None,
            figures: BTreeMap::new(),
            needing: 0,
        }
    }

    /// Adds what is only good to know.
    fn say(&mut self, message: impl Into<String>) {
        self.messages.push(message.into());
    }

    /// Adds what needs a person, and what to do about it.
    fn attention(&mut self, message: impl Into<String>, action: Option<String>) {
        self.messages.insert(self.needing, message.into());
        self.needing += 1;
        self.state = State::Attention;
        self.action = self.action.take().or(action);
    }

    fn figure(&mut self, name: &'static str, value: impl TryInto<i64>) {
        self.figures.insert(name, value.try_into().unwrap_or(i64::MAX));
    }

    fn needs_a_person(&self) -> bool {
        self.state == State::Attention
    }

    /// Returns its messages and what to do in one line.
    fn summary(&self) -> String {
        let messages = self.messages.join(", ");
        self.action.as_ref().map_or(messages.clone(), |action| format!("{messages} ({action})"))
    }
}

pub(crate) fn run(
    arguments: &StatusArguments,
    open: &dyn Fn() -> Result<Session, Failure>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let session = match open() {
        Ok(session) => session,
        // A monitoring system must hear of that, and not nothing.
        Err(failure) => return nothing_known(arguments.format, failure, output),
    };
    let subjects = match arguments.repositories.as_slice() {
        [] => subjects::all(&session),
        names => subjects::of_repositories(&session.repositories(names)?, &session),
    };
    let attention = subjects.iter().filter(|subject| subject.needs_a_person()).count();
    match arguments.format {
        Some(Format::Nagios) => {
            output.line(&formats::nagios(&subjects));
            return Ok(Outcome::of(attention == 0));
        }
        Some(Format::Prometheus) => formats::prometheus(&subjects).iter().for_each(|line| output.line(line)),
        None => {
            let state = if attention == 0 { State::Ok } else { State::Attention };
            let document = StatusJson { attention, state, subjects: &subjects };
            output.result(&document, || {
                let row = |subject: &Subject| {
                    let state = if subject.needs_a_person() { "attention" } else { "ok" };
                    [subject.subject.clone(), state.to_owned(), subject.summary()]
                };
                let rows: Vec<[String; 3]> = subjects.iter().map(row).collect();
                let head = [
                    Column::words("SUBJECT"),
                    Column::whole("STATE").styled(style_of_state),
                    Column::text("WHAT"),
                ];
                output.table(&head, &rows, RowLimit::NONE);
            });
            if attention > 0 {
                let need = if attention == 1 { "needs" } else { "need" };
                output.say(&format!("{} {need} attention", count(attention, "thing")));
            }
        }
    }
    Ok(if attention == 0 { Outcome::Done } else { Outcome::Different })
}

/// Returns the colour of a state.
fn style_of_state(state: &str, _: &[&str]) -> Style {
    if state == "ok" { Style::New } else { Style::Changed }
}

/// Reports to a monitoring system that the store cannot be opened.
fn nothing_known(format: Option<Format>, failure: Failure, output: &Output) -> Result<Outcome, Failure> {
    let mut store = Subject::new(Kind::Store, "store");
    store.attention(failure.report().message, None);
    match format {
        Some(Format::Nagios) => {
            output.line(&formats::nagios_critical(&store));
            Ok(Outcome::Critical)
        }
        Some(Format::Prometheus) => {
            formats::prometheus(&[store]).iter().for_each(|line| output.line(line));
            Err(failure)
        }
        None => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_person_is_said_first_and_the_first_action_counts() {
        let mut subject = Subject::new(Kind::Repository, "prod");
        subject.say("published 3 hours ago");
        subject.attention("clients refuse it", Some("repo-cli publish prod".to_owned()));
        subject.attention("nobody can log in", Some("repo-cli fsck".to_owned()));
        subject.say("3 package files");
        assert_eq!(
            subject.summary(),
            "clients refuse it, nobody can log in, published 3 hours ago, 3 package files (repo-cli publish prod)"
        );
    }
}
