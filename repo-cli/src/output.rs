//! What people and programs see: results on standard output, talk on standard error.

mod color;
mod escape;
mod json;
mod suites;
mod table;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind as UsageKind;

use crate::json_value::JsonDocument;
pub(crate) use color::{ColorChoice, Style};
pub(crate) use escape::escape_for_terminal;
use json::Document;
pub(crate) use repo_store::model::{duration_in_words as duration, size_in_words as bytes};
use serde::Serialize;
pub(crate) use suites::{release_of_suite, suite_list, suites_in_order};
use table::Surface;
pub(crate) use table::{Column, Grouped, RowLimit, grouped, package_rows};

use crate::args::Global;
use crate::error::{Failure, Report};
use crate::hooks::Note;
use crate::nearest;
use crate::operation_log::Fault;
use crate::progress::{Shown, Watch};

/// Something that a command went on in spite of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Warning {
    /// The code, such as `W-CLOCK`, which stays the same in every later version
    pub(crate) code: &'static str,
    /// What the warning is about, for people
    pub(crate) message: String,
}

/// The document of `--help`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HelpJson {
    /// The help, for people
    help: String,
}

impl JsonDocument for HelpJson {}

/// The document of `--version`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VersionJson<'a> {
    /// The name of the program and its version
    version: &'a str,
}

impl JsonDocument for VersionJson<'_> {}

/// Where everything is printed. Only this module writes to the terminal.
///
/// With `--json` standard output gets one document: what the command gave as its result, and the errors that were reported.
pub(crate) struct Output {
    quiet: bool,
    color: ColorChoice,
    /// The document, with `--json`.
    json: Option<RefCell<Document>>,
    /// What failed.
    failures: RefCell<Vec<Report>>,
    /// What was warned of.
    warnings: RefCell<Vec<Warning>>,
    /// Collects lines so that a long listing is not written line by line.
    lines: RefCell<io::BufWriter<io::Stdout>>,
    /// Why not all of a result is where it was meant to go.
    incomplete: RefCell<Option<io::Error>>,
    /// Whether the reader went away before everything was written.
    is_cut: Cell<bool>,
    watch: Watch,
    /// What hooks are told of besides the entries of the operation log.
    hook_notes: RefCell<Vec<Note>>,
}

/// Prints what the reading of the arguments ended with: what is wrong with them, or the help or version asked for.
///
/// `json`: whether `--json` is among the arguments; `color`: what `--color` among them says.
pub(crate) fn usage(message: &clap::Error, json: bool, color: ColorChoice) -> ExitCode {
    let status = ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2));
    if json {
        let output = Output::new(true, false, ColorChoice::Never);
        match message.kind() {
            UsageKind::DisplayHelp => {
                output.result(&HelpJson { help: message.to_string() }, || {});
            }
            UsageKind::DisplayVersion => {
                output.result(&VersionJson { version: message.to_string().trim_end() }, || {});
            }
            _ => {
                output.talk().note(usage_text(message).trim_end());
                output.record(Report::of_usage(&usage_text(message)));
            }
        }
        return output.finish(status);
    }
    if message.use_stderr() {
        Talk::new(false, color).note(usage_text(message).trim_end());
        return status;
    }
    match message.print() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr().lock(), "error: cannot write standard output: {error}");
            ExitCode::FAILURE
        }
        _ => status,
    }
}

/// Returns what is wrong with the arguments, with what it quotes of them as it was given.
fn usage_text(message: &clap::Error) -> String {
    // Without `ansi` escape sequences in the arguments would be taken for colours and left out.
    let text = message.render().ansi().to_string();
    let wrong = text.split('\'').nth(1).unwrap_or_default();
    let lines: Vec<String> = text.lines().filter_map(|line| hint_of_tip(wrong, line)).collect();
    // What to do stands right below what is wrong, as for every other error.
    lines.join("\n").replace("\n\nhint: ", "\nhint: ")
}

/// Returns a line of clap's about a `wrong` word, a tip in the words of our hints; `None` for one that names nothing similar.
fn hint_of_tip(wrong: &str, line: &str) -> Option<String> {
    let Some(tip) = line.strip_prefix("  tip: ") else { return Some(line.to_owned()) };
    let meant = tip.split_once(" exists: ").or_else(|| tip.split_once(" exist: "));
    let Some((_, meant)) = meant.filter(|(what, _)| what.contains("similar")) else {
        return Some(format!("hint: {tip}"));
    };
    // Clap is content with a letter or two; a word may be cut short as well.
    let wrong = wrong.trim_start_matches('-');
    let is_similar = |name: &&str| {
        let name = name.trim_start_matches('-');
        nearest::nearest(wrong, [name]).is_some() || wrong.len() > 2 && name.starts_with(wrong)
    };
    let names: Vec<String> =
        meant.split('\'').skip(1).step_by(2).filter(is_similar).map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| format!("hint: did you mean {}?", names.join(" or ")))
}

/// Writes talk to standard error, from any thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    quiet: bool,
    is_colored: bool,
}

impl Talk {
    fn new(quiet: bool, color: ColorChoice) -> Self {
        Self { quiet, is_colored: color.colors(&io::stderr()) }
    }

    /// Writes a line that is printed with `--quiet` too: a warning, or what was asked for.
    pub(crate) fn note(self, text: &str) {
        let text = escape_for_terminal(text);
        let text = if self.is_colored { color::paint_message(&text).into() } else { text };
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Writes a line, unless `--quiet` is given.
    pub(crate) fn say(self, text: &str) {
        if !self.quiet {
            self.note(text);
        }
    }
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool, color: ColorChoice) -> Self {
        let lines = RefCell::new(io::BufWriter::with_capacity(64 << 10, io::stdout()));
        // An object with one number cannot fail to be written.
        let json = json.then(|| RefCell::new(Document::empty().unwrap_or(Document::Printed)));
        let (failures, warnings) = (RefCell::default(), RefCell::default());
        let shown = match () {
            () if quiet || json.is_some() => Shown::Nothing,
            () if io::stderr().is_terminal() => Shown::Bar,
            () => Shown::Lines,
        };
        let watch = Watch::new(shown, Talk::new(quiet, color));
        let (incomplete, hook_notes) = (RefCell::default(), RefCell::default());
        let is_cut = Cell::default();
        Self { quiet, color, json, failures, warnings, lines, incomplete, is_cut, watch, hook_notes }
    }

    /// Makes an output of the same kind that has said nothing yet, for the next round of a command that goes on and on.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.is_json(), self.quiet, self.color)
    }

    /// Makes an output of the kind that the arguments ask for.
    pub(crate) fn of(global: &Global, json: bool) -> Self {
        Self::new(global.json || json, global.quiet, global.color)
    }

    /// Gives the result: the content of the JSON document, if that was asked for, or else what `text` prints.
    ///
    /// The document is printed at the end of the command. A later result replaces the one before.
    pub(crate) fn result<T: JsonDocument>(&self, content: &T, text: impl FnOnce()) {
        let Some(document) = &self.json else { return text() };
        // Maps of this library are sorted.
        let made = if T::IS_SORTED {
            serde_json::to_value(content).and_then(|sorted| Document::of(&sorted))
        } else {
            Document::of(content)
        };
        match made {
            Ok(made) => document.borrow_mut().replace_by(made),
            Err(error) => self.cannot_write(error.into()),
        }
    }

    /// Prints the result now: the command goes on for long.
    pub(crate) fn print_result(&self) {
        let document = self
            .json
            .as_ref()
            .map(|document| document.borrow_mut().take(&self.failures.borrow(), &self.warnings.borrow()));
        match document {
            Some(Ok(Some(mut json))) => {
                json.push(b'\n');
                self.bytes(&json);
            }
            Some(Err(error)) => self.cannot_write(error.into()),
            Some(Ok(None)) | None => {}
        }
        self.flush();
    }

    /// Prints the result now, and returns whether all of it is where it was meant to go.
    pub(crate) fn is_shown(&self) -> bool {
        self.print_result();
        !self.is_cut.get() && self.incomplete.borrow().is_none()
    }

    /// Whether the result is one JSON document.
    pub(crate) fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// One line of a result.
    pub(crate) fn line(&self, text: &str) {
        self.safe_line(&escape_for_terminal(text));
    }

    /// One line of a result with coloured parts.
    pub(crate) fn styled_line(&self, parts: &[(Style, &str)]) {
        let is_colored = self.color.colors(&io::stdout());
        let paint = |(style, text): &(Style, &str)| {
            let style = if is_colored { *style } else { Style::Plain };
            style.paint(&escape_for_terminal(text))
        };
        let line: String = parts.iter().map(paint).collect();
        self.safe_line(&line);
    }

    /// Writes a line in which nothing is left to be escaped.
    fn safe_line(&self, line: &str) {
        self.write(|out| out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")));
    }

    /// Bytes that are no text.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        self.write(|out| out.write_all(bytes));
    }

    fn write(&self, write: impl FnOnce(&mut io::BufWriter<io::Stdout>) -> io::Result<()>) {
        match write(&mut self.lines.borrow_mut()) {
            // A reader that has seen enough, such as `head`, is no reason to fail.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.is_cut.set(true),
            Err(error) => self.cannot_write(error),
            Ok(()) => {}
        }
    }

    fn cannot_write(&self, error: io::Error) {
        self.incomplete.borrow_mut().get_or_insert(error);
    }

    /// The status to end with, once everything is printed: a result that could not be written is a failure.
    pub(crate) fn finish(&self, status: ExitCode) -> ExitCode {
        self.print_result();
        let Some(error) = self.incomplete.borrow_mut().take() else { return status };
        let failure = Failure::io("write", "standard output")(error);
        self.error(&failure);
        failure.exit_code()
    }

    /// A line about what was done; not with `--quiet` nor in JSON.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet && !self.is_json() {
            self.line(text);
        }
    }

    /// Whether what a change does is shown: with `--quiet` only when it was asked for, by `--dry-run`.
    pub(crate) fn shows_change(&self, dry_run: bool) -> bool {
        !self.is_json() && (dry_run || !self.quiet)
    }

    /// Makes sure that everything printed so far is seen.
    pub(crate) fn flush(&self) {
        self.write(io::Write::flush);
    }

    /// Returns what watches the operations of the command.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Keeps something that hooks are told of, each thing once.
    pub(crate) fn note_for_hooks(&self, note: Note) {
        let mut notes = self.hook_notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Returns what hooks are told of, which is told once.
    pub(crate) fn take_hook_notes(&self) -> Vec<Note> {
        self.hook_notes.take()
    }

    /// A line of talk on standard error.
    pub(crate) fn note(&self, text: &str) {
        self.watch.make_room();
        self.flush();
        self.talk().note(text);
    }

    /// Warns: on standard error, and in the document. A warning that was given before is not repeated.
    pub(crate) fn warn(&self, code: &'static str, message: impl Into<String>) {
        let warning = Warning { code, message: message.into() };
        if !self.warnings.borrow().contains(&warning) {
            // A warning is one line, whatever names are in it.
            self.note(&format!("warning: {}", escape::escape_in_line(&warning.message)));
            self.warnings.borrow_mut().push(warning);
        }
    }

    /// Warns of several things of one kind: on standard error of as many as `limit` allows, in the document of all.
    pub(crate) fn warn_of_each(&self, code: &'static str, limit: RowLimit, messages: Vec<String>) {
        let line = |message: &String| format!("warning: {}", escape::escape_in_line(message));
        let notes: Vec<String> = messages.iter().map(line).collect();
        self.notes(limit, &notes, "such warning");
        self.warnings.borrow_mut().extend(messages.into_iter().map(|message| Warning { code, message }));
    }

    /// Says on standard error that there is nothing to list; not with `--quiet`, and not in JSON, which shows it.
    pub(crate) fn found_nothing(&self, text: &str) {
        if !self.is_json() {
            self.talk().say(text);
        }
    }

    /// Asks a person on standard error; `None` when there is nobody to answer.
    pub(crate) fn confirm(&self, question: &str) -> Result<Option<bool>, Failure> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        self.flush();
        {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "{}", escape_for_terminal(question)).and_then(|()| stderr.flush());
        }
        let mut answer = String::new();
        let read = self.watch.ask(|| io::stdin().read_line(&mut answer));
        read.map_err(Failure::io("read", "the answer"))?;
        Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
    }

    /// Returns what other threads talk through.
    pub(crate) fn talk(&self) -> Talk {
        Talk::new(self.quiet, self.color)
    }

    /// Reports a failure, and what to do about it. The command ends with a status that says so.
    pub(crate) fn error(&self, failure: &Failure) {
        self.report(failure.report());
    }

    /// Reports the failure of one of several things.
    pub(crate) fn failed(&self, thing: impl std::fmt::Display, failure: &Failure) {
        let report = failure.report();
        self.report(Report { message: format!("{thing}: {}", report.message), ..report });
    }

    /// Reports what failed: on standard error, and in the document.
    pub(crate) fn report(&self, report: Report) {
        self.report_each(RowLimit::NONE, vec![report], "error");
    }

    /// Reports several failures of one kind: on standard error as many as `limit` allows, each hint once; in the document all.
    pub(crate) fn report_each(&self, limit: RowLimit, reports: Vec<Report>, thing: &str) {
        let limit = limit.of_notes();
        let mut hints = BTreeSet::new();
        for Report { message, hint, excerpt, .. } in reports.iter().take(limit.of(reports.len())) {
            // A file's name may hold a line break: what follows it must not pass for a line of ours.
            self.note(&format!("error: {}", message.replace('\n', "\\n")));
            excerpt.iter().for_each(|excerpt| self.note(excerpt));
            if let Some(hint) = hint.as_deref().filter(|hint| hints.insert(*hint)) {
                self.note(&format!("hint: {hint}"));
            }
        }
        if let Some(rest) = limit.rest(reports.len(), thing) {
            self.note(&rest);
        }
        self.failures.borrow_mut().extend(reports);
    }

    /// Returns how many failures were reported.
    pub(crate) fn failures_told(&self) -> usize {
        self.failures.borrow().len()
    }

    /// Returns the first failure that was reported after so many.
    pub(crate) fn failure_after(&self, told: usize) -> Option<Fault> {
        self.failures.borrow().get(told).map(Fault::of)
    }

    /// Adds a failure to the document, where standard error says it in other words.
    pub(crate) fn record(&self, report: Report) {
        self.failures.borrow_mut().push(report);
    }

    /// Prints rows under a head, and what is said of those that the limit leaves out.
    pub(crate) fn table<R: AsRef<[String]>>(&self, head: &[Column<'_>], rows: &[R], limit: RowLimit) {
        let shown = rows.get(..limit.of(rows.len())).unwrap_or(rows);
        let surface =
            Surface { width: table::terminal_width(), is_colored: self.color.colors(&io::stdout()) };
        table::each_line(head, shown, surface, |line| self.safe_line(line));
        self.rest(limit, rows.len(), "row");
    }

    /// Says how many things of `all` a limit leaves out.
    pub(crate) fn rest(&self, limit: RowLimit, all: usize, thing: &str) {
        if let Some(rest) = limit.rest(all, thing) {
            self.line(&rest);
        }
    }

    /// Notes on standard error what is known of several things, as far as the limit goes.
    pub(crate) fn notes(&self, limit: RowLimit, notes: &[String], thing: &str) {
        let limit = limit.of_notes();
        for note in notes.iter().take(limit.of(notes.len())) {
            self.note(note);
        }
        if let Some(rest) = limit.rest(notes.len(), thing) {
            self.note(&rest);
        }
    }

    /// Prints the total of a listing if it is so long that nobody counts it.
    pub(crate) fn total(&self, rows: usize, total: &str) {
        if rows > COUNTED && !self.quiet {
            self.line(total);
        }
    }

    /// Returns whether standard output is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Returns whether standard error is a terminal.
    pub(crate) fn talks_to_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }
}

/// The most rows that a reader counts without help.
const COUNTED: usize = 10;

/// A number of things in words: `1 package`, `2 packages`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// The first of several names in one line, and how many there are besides.
pub(crate) fn first_of(names: &[String]) -> String {
    const NAMED: usize = 3;
    match names.get(..NAMED).filter(|_| names.len() > NAMED + 1) {
        Some(first) => format!("{} and {} more", joined(first), names.len() - NAMED),
        None => joined(names),
    }
}

/// Names in one line.
pub(crate) fn joined<T: ToString>(names: &[T]) -> String {
    names.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
