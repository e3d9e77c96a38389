//! `add` on a server: each file is uploaded, and the server adds those that come together in one commit.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::Limits;
use deb_parse::control::{Changes, Dsc, FileEntry};
use repo_store::storage::{FileFault, StorageError};
use serde::Serialize;
use serde_json::Value;

use super::connection::{Connection, Reply};
use super::reports;
use super::request::Request;
use crate::cmd::add::AddArguments;
use crate::error::{Failure, Outcome, Report};
use crate::json_value::JsonDocument;
use crate::output::{Output, count};

/// So many files are uploaded at a time.
const AT_A_TIME: usize = 8;

/// What became of the files.
#[derive(Default)]
struct Results {
    added: Vec<Value>,
    refused: Vec<RefusedJson>,
    warnings: Vec<Value>,
    commit: Value,
    reports: Vec<Report>,
}

pub(super) fn run(
    arguments: &AddArguments,
    prepared: &Request,
    connection: &Connection,
    output: &Output,
) -> Result<Outcome, Failure> {
    let files = arguments.named_files(output)?;
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (results, failure) = (Mutex::new(Results::default()), Mutex::new(None));
    let threads = files.len().min(AT_A_TIME);
    std::thread::scope(|scope| {
        let send = || {
            while !failed.load(Ordering::Relaxed)
                && let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed))
            {
                match upload(file, prepared, connection)
                    .and_then(|reply| Ok((reply.is_good(), reply.document()?)))
                {
                    Ok((is_good, document)) => {
                        if !is_good && !arguments.keeps_going() {
                            failed.store(true, Ordering::Relaxed);
                        }
                        lock(&results).take_in(file, document);
                    }
                    // All threads meet it, and it is told once.
                    Err(error @ Failure::Server { .. }) => {
                        failed.store(true, Ordering::Relaxed);
                        lock(&failure).get_or_insert(error);
                    }
                    Err(error) => {
                        if !arguments.keeps_going() {
                            failed.store(true, Ordering::Relaxed);
                        }
                        lock(&results).refuse(file, error.report());
                    }
                }
            }
        };
        for _ in 1..threads {
            // Fewer are enough where the system gives no more.
            if std::thread::Builder::new().spawn_scoped(scope, send).is_err() {
                break;
            }
        }
        send();
    });
    let mut results = std::mem::take(&mut *lock(&results));
    if let Some(failure) = lock(&failure).take() {
        if results.added.is_empty() && results.refused.is_empty() {
            return Err(failure);
        }
        // What was done before the server failed is told as well.
        results.reports.push(failure.report());
    }
    Ok(print(results, prepared.is_set("dry_run"), output))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Uploads a file, after those that it lists and that lie beside it.
fn upload(file: &Utf8Path, prepared: &Request, connection: &Connection) -> Result<Reply, Failure> {
    // A named pipe would be waited for.
    if !file.metadata().map_err(Failure::io("open", file))?.is_file() {
        let (file, fault) = (file.to_owned(), FileFault::NotRegular);
        return Err(repo_store::Error::from(StorageError::NotAFile { file, fault }).into());
    }
    let is_upload = file.extension() == Some("changes");
    for part in parts(file)? {
        let name = part.file_name().unwrap_or_default();
        let reply = connection.upload(&prepared.for_file(name, true), &part)?;
        if !reply.is_good() {
            return Ok(reply);
        }
    }
    connection.upload(&prepared.for_file(file.file_name().unwrap_or_default(), is_upload), file)
}

/// The files that a source package or an upload lists and that are there. What is missing, the repository may have.
fn parts(file: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Failure> {
    let read = || std::fs::read(file).map_err(Failure::io("read", file));
    let names =
        |files: &[FileEntry]| -> BTreeSet<String> { files.iter().map(|entry| entry.path.clone()).collect() };
    // What is wrong with it, the server says.
    let listed = match file.extension() {
        Some("changes") => {
            names(Changes::parse(&read()?, &Limits::default()).as_ref().map_or(&[], Changes::files))
        }
        Some("dsc") => names(Dsc::parse(&read()?, &Limits::default()).as_ref().map_or(&[], Dsc::files)),
        _ => BTreeSet::new(),
    };
    let directory = file.parent().unwrap_or(Utf8Path::new(""));
    let is_name = |name: &String| !name.contains('/') && Some(name.as_str()) != file.file_name();
    let there = listed.into_iter().filter(is_name).map(|name| directory.join(name));
    Ok(there.filter(|path| path.is_file()).collect())
}

/// The document of `add` where it uploads the files to a server.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UploadedJson<'a> {
    /// The files that the server has, as it describes them
    added: &'a [Value],
    /// The new state of the repository; null when nothing changed
    commit: Value,
    /// Whether nothing was changed
    dry_run: bool,
    /// The files that were refused
    refused: Vec<RefusedJson>,
    /// What the server warned of; absent when there is nothing
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [Value],
}

impl JsonDocument for UploadedJson<'_> {}

/// A file that was refused.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RefusedJson {
    /// Why it was refused
    error: String,
    /// The file, as it was given
    file: String,
}

impl Results {
    fn take_in(&mut self, file: &Utf8Path, mut document: Value) {
        let mut list = |name: &str| match document.get_mut(name).map(Value::take) {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        };
        let (added, warnings) = (list("added"), list("warnings"));
        self.added.extend(added);
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        let errors = reports(&document);
        for report in errors {
            self.refused.push(RefusedJson { error: report.message.clone(), file: file.to_string() });
            // A message about a file begins with its name.
            let message = match report.file {
                Some(_) => report.message,
                None => format!("{file}: {}", report.message),
            };
            self.reports.push(Report { message, file: Some(file.to_string()), ..report });
        }
        if document.get("commit").is_some_and(Value::is_string) {
            self.commit = document.get("commit").cloned().unwrap_or_default();
        }
    }

    /// Notes a file that was not sent.
    fn refuse(&mut self, file: &Utf8Path, report: Report) {
        self.refused.push(RefusedJson { error: report.message.clone(), file: file.to_string() });
        self.reports.push(Report { file: Some(file.to_string()), ..report });
    }
}

fn print(results: Results, dry_run: bool, output: &Output) -> Outcome {
    let Results { mut added, refused, warnings, commit, reports } = results;
    let text =
        |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let key = |entry: &Value| ["package", "version", "architecture"].map(|name| text(entry, name));
    added.sort_by_key(key);
    let is_new = |entry: &Value| entry.get("new") == Some(&Value::Bool(true));
    let verb = if dry_run { "would add" } else { "added" };
    let document = UploadedJson { added: &added, commit, dry_run, refused, warnings: &warnings };
    output.result(&document, || {
        for entry in &added {
            let suites = entry.get("suites").and_then(Value::as_array).into_iter().flatten();
            let suites: Vec<&str> = suites.filter_map(Value::as_str).collect();
            let verb = if is_new(entry) { verb } else { "already there:" };
            output.line(&format!("{verb} {} -> {}", key(entry).join(" "), suites.join(", ")));
        }
        for warning in &warnings {
            output.note(&format!("warning: {}", text(warning, "message")));
        }
    });
    let outcome = Outcome::of(reports.is_empty());
    let new = added.iter().filter(|entry| is_new(entry)).count();
    if reports.is_empty() || new > 0 {
        output.say(&format!("{verb} {}", count(new, "package file")));
    }
    reports.into_iter().for_each(|report| output.report(report));
    outcome
}
