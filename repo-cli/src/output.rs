//! What people and programs see: results on standard output, talk on standard error.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use serde::Serialize;

use crate::args::Global;
use crate::error::{self, Failure};

/// Where everything is printed. Only this module writes to the terminal.
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// Collects lines so that a long listing is not written line by line.
    lines: RefCell<io::BufWriter<io::Stdout>>,
    /// Why not all of a result is where it was meant to go.
    incomplete: RefCell<Option<io::Error>>,
}

/// The number of the JSON form. Fields may be added to it; none is removed or changes its meaning.
const JSON_FORMAT: u32 = 1;

#[derive(Serialize)]
struct Document<'a, T: Serialize> {
    format: u32,
    #[serde(flatten)]
    content: &'a T,
}

/// Prints what the reading of the arguments ended with: what is wrong with them, or the help or version asked for.
pub(crate) fn usage(message: &clap::Error) -> ExitCode {
    match message.print() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr().lock(), "error: cannot write standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2)),
    }
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let lines = RefCell::new(io::BufWriter::with_capacity(64 << 10, io::stdout()));
        Self { json: global.json, quiet: global.quiet, lines, incomplete: RefCell::default() }
    }

    /// One JSON document on standard output, if that was asked for, or else what `text` prints.
    pub(crate) fn result<T: Serialize>(&self, content: &T, text: impl FnOnce()) {
        if self.json { self.document(content) } else { text() }
    }

    /// One JSON document on standard output.
    pub(crate) fn document<T: Serialize>(&self, content: &T) {
        let document = Document { format: JSON_FORMAT, content };
        if let Ok(json) = serde_json::to_string(&document) {
            self.line(&json);
        }
    }

    /// Whether the result is one JSON document.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// One line of a result.
    pub(crate) fn line(&self, text: &str) {
        let text = &*harmless(text);
        self.write(|out| out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")));
    }

    /// Bytes that are no text.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        self.write(|out| out.write_all(bytes));
    }

    fn write(&self, write: impl FnOnce(&mut io::BufWriter<io::Stdout>) -> io::Result<()>) {
        match write(&mut self.lines.borrow_mut()) {
            // A reader that has seen enough, such as `head`, is no reason to fail.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                self.incomplete.borrow_mut().get_or_insert(error);
            }
            _ => {}
        }
    }

    /// The status to end with, once everything is printed: a result that could not be written is a failure.
    pub(crate) fn finish(&self, status: ExitCode) -> ExitCode {
        self.flush();
        let Some(error) = self.incomplete.borrow_mut().take() else { return status };
        let failure = Failure::io("write", "standard output")(error);
        self.error(&failure);
        failure.exit_code()
    }

    /// A line about what was done; not with `--quiet` nor in JSON.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet && !self.json {
            self.line(text);
        }
    }

    /// Whether what a change does is shown: with `--quiet` only when it was asked for, by `--dry-run`.
    pub(crate) fn shows_change(&self, dry_run: bool) -> bool {
        !self.json && (dry_run || !self.quiet)
    }

    /// Makes sure that everything printed so far is seen.
    pub(crate) fn flush(&self) {
        self.write(io::Write::flush);
    }

    /// A line of talk on standard error.
    pub(crate) fn note(&self, text: &str) {
        self.flush();
        let _ = writeln!(io::stderr().lock(), "{}", harmless(text));
    }

    /// A question on standard error, to be answered on the same line.
    pub(crate) fn ask(&self, text: &str) {
        self.flush();
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{}", harmless(text)).and_then(|()| stderr.flush());
    }

    /// A failure, and what to do about it.
    pub(crate) fn error(&self, failure: &Failure) {
        self.problem(&error::chain(failure), failure.hint().as_deref());
    }

    /// The failure of one of several things.
    pub(crate) fn failed(&self, thing: impl fmt::Display, failure: &Failure) {
        self.problem(&format!("{thing}: {}", error::chain(failure)), failure.hint().as_deref());
    }

    /// Something refused, and what to do about it.
    pub(crate) fn problem(&self, what: &str, hint: Option<&str>) {
        self.note(&format!("error: {what}"));
        if let Some(hint) = hint {
            self.note(&format!("hint: {hint}"));
        }
    }

    /// Rows under a head, each column as wide as its longest cell.
    pub(crate) fn table<const N: usize>(&self, head: [&str; N], rows: &[[String; N]]) {
        if rows.is_empty() {
            return;
        }
        let head = head.map(str::to_owned);
        let all = || std::iter::once(&head).chain(rows);
        let width = |column: usize| {
            all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..N).map(width).collect();
        for row in all() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            self.line(cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }
}

/// The text without what a terminal would obey or show in another order: file names and package fields are others' words.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let escaped =
        text.chars().map(|c| if obeyed(c) { c.escape_unicode().to_string() } else { c.to_string() });
    Cow::Owned(escaped.collect())
}

/// A number of things in words: `1 package`, `2 packages`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// A number of bytes for people.
pub(crate) fn bytes(number: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(size, _)| number >= *size) {
        Some((size, unit)) => format!("{}.{} {unit}", number / size, number % size * 10 / size),
        None => count(usize::try_from(number).unwrap_or(usize::MAX), "byte"),
    }
}

/// Names in one line.
pub(crate) fn joined<T: ToString>(names: &[T]) -> String {
    names.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_words_do_not_move_the_cursor() {
        assert_eq!(harmless("a\tb\nc"), "a\tb\nc");
        assert_eq!(harmless("\u{1b}]0;x\u{7}\u{202e}gnp"), "\\u{1b}]0;x\\u{7}\\u{202e}gnp");
    }
}
