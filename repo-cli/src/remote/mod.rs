//! Verbs on a server: `--remote URL` sends what was asked for to its interface for programs.
//!
//! What was given on the command line becomes the request of the first route of that verb that has a place for all of it. The server runs
//! the verb and answers with what it printed, so that a verb reads the same here and there.

mod connection;
mod request;
mod upload;

use std::borrow::Cow;

use clap::CommandFactory as _;
use clap::parser::ValueSource;
use serde_json::Value;

use self::connection::{Connection, Reply};
use crate::args::{Arguments, Command};
use crate::error::{Failure, Outcome, Report};
use crate::json_value::ForeignJson;
use crate::output::Output;

/// Runs the verb on the server at that address.
pub(crate) fn run(url: &str, arguments: &Arguments, output: &Output) -> Result<Outcome, Failure> {
    let command = Arguments::command();
    // They were read before, so they can be read again.
    let matches = command.clone().try_get_matches_from(std::env::args_os());
    let matches = matches.map_err(|_| Failure::Usage("the arguments cannot be read"))?;
    if matches.value_source("actor_key") == Some(ValueSource::CommandLine) {
        return Err(Failure::NotRemote { what: "`--actor-key` is not available".to_owned() });
    }
    if let Command::Add(add) = &arguments.command {
        let prepared = request::of_upload(&matches, &command)?;
        let connection = Connection::to(url, &arguments.global)?;
        return upload::run(add, &prepared, &connection, output);
    }
    let request = request::of(&matches, &command)?;
    let connection = Connection::to(url, &arguments.global)?;
    let reply = connection.send(&request, output.is_json())?;
    print(&reply, output)
}

/// Prints what the verb printed, and returns how it ended.
fn print(reply: &Reply, output: &Output) -> Result<Outcome, Failure> {
    if let (Some((text, talk)), Some(status)) = (reply.printed(), reply.exit_status) {
        text.lines().for_each(|line| output.line(line));
        talk.lines().for_each(|line| output.note(line));
        return Ok(outcome(status));
    }
    let mut document = reply.document()?;
    let reports = reports(&document);
    if !output.is_json() || reply.exit_status.is_none() {
        // The server refused it, before any verb ran.
        let first = reports.into_iter().next();
        let unknown = || reply.failure("it answers with something else than a document of the interface");
        return Err(first.map_or_else(unknown, |report| Failure::Remote(Box::new(report))));
    }
    if let Some(fields) = document.as_object_mut() {
        for name in ["format", "ok", "error", "errors"] {
            fields.remove(name);
        }
    }
    output.result(&ForeignJson(&document), || {});
    reports.into_iter().for_each(|report| output.record(report));
    Ok(outcome(reply.exit_status.unwrap_or(1)))
}

fn outcome(status: i32) -> Outcome {
    match status {
        0 => Outcome::Done,
        2 => Outcome::Critical,
        3 => Outcome::Different,
        _ => Outcome::Refused,
    }
}

/// The errors in a document.
fn reports(document: &Value) -> Vec<Report> {
    let one = |error: &Value| {
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Report {
            code: Cow::Owned(text("code")?),
            message: text("message")?,
            hint: text("hint"),
            file: text("file"),
            line: error.get("line").and_then(Value::as_u64),
            column: error.get("column").and_then(Value::as_u64),
            excerpt: None,
        })
    };
    match document.get("errors").and_then(Value::as_array) {
        Some(errors) => errors.iter().filter_map(one).collect(),
        None => document.get("error").and_then(one).into_iter().collect(),
    }
}
