//! Debian changelogs (deb-changelog(5), Policy 4.4): what each version of a package changed, the newest first.
//!
//! ```text
//! hello (2.10-3) unstable; urgency=medium
//!
//!   * Fix the greeting. (Closes: #1234, #1235)
//!
//!  -- Some Body <somebody@example.org>  Sat, 01 Jan 2022 10:00:00 +0000
//! ```
//!
//! People have written them for thirty years, so there are two readers: [`entries`] makes the best of any text, [`parse`]
//! reports the first line that dpkg would complain about. Neither copies. What [`parse`] accepts, both read alike.

mod ancient;
mod line;
mod references;
mod strict;

use line::{Line, classify, trim_end};

pub use strict::parse;

/// What one version changed. All texts are as written.
///
/// ```
/// use deb_parse::changelog;
/// let text = "hello (1.0) bookworm; urgency=low\n\n  * New.\n\n -- A <a@example.org>  Sat, 01 Jan 2022 10:00:00 +0000\n";
/// let entry = changelog::parse(text)?[0];
/// assert_eq!((entry.source, entry.version, entry.distributions), ("hello", "1.0", "bookworm"));
/// assert_eq!(entry.maintainer, "A <a@example.org>");
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// Name of the source package.
    pub source: &'a str,
    /// The version. In an old entry it need not be valid; [`version::compare`](crate::version::compare) takes it as it is.
    pub version: &'a str,
    /// The suites that the version was meant for, separated by blanks.
    pub distributions: &'a str,
    /// What follows the semicolon, such as `urgency=medium`.
    pub metadata: &'a str,
    /// The lines in between with their indentation, without empty lines and comments before and after them.
    pub changes: &'a str,
    /// Name and address of who made the version; empty where [`entries`] finds no such line.
    pub maintainer: &'a str,
    /// When it was made, in the form of RFC 5322 if the grammar was kept, mostly with the day of the week; empty where
    /// [`entries`] finds none.
    pub date: &'a str,
}

impl<'a> Entry<'a> {
    /// The suites that the version was meant for.
    pub fn distributions(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.distributions.split_ascii_whitespace()
    }

    /// How important the version is, such as `medium`, in the case that was written.
    pub fn urgency(&self) -> Option<&'a str> {
        self.metadata
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            // dpkg drops hyphens at the end of a key.
            .find(|(key, _)| key.trim_ascii().trim_end_matches('-').eq_ignore_ascii_case("urgency"))
            .and_then(|(_, value)| value.split_ascii_whitespace().next())
    }

    /// The bugs of Debian that the version closes (`Closes: #1234, #1235`, in every spelling that the archive takes),
    /// sorted.
    ///
    /// ```
    /// # let text = "a (1) sid; urgency=low\n\n  * x (closes: Bug#7, 5)\n    LP: #9, CVE-2024-12345\n\n -- A <a@b>  Sat, 01 Jan 2022 10:00:00 +0000\n";
    /// let entry = deb_parse::changelog::entries(text).next().unwrap();
    /// assert_eq!(entry.changes, "  * x (closes: Bug#7, 5)\n    LP: #9, CVE-2024-12345");
    /// assert_eq!((entry.closes(), entry.launchpad_bugs(), entry.cves()), (vec![5, 7], vec![9], vec!["CVE-2024-12345"]));
    /// ```
    pub fn closes(&self) -> Vec<u64> {
        references::closes(self.changes)
    }

    /// The bugs of Launchpad that the version closes (`LP: #1234, #1235`), sorted.
    pub fn launchpad_bugs(&self) -> Vec<u64> {
        references::launchpad(self.changes)
    }

    /// The vulnerabilities that are named (`CVE-2024-12345`), sorted.
    pub fn cves(&self) -> Vec<&'a str> {
        references::cves(self.changes)
    }
}

/// Gives the entries of `text`, whatever else is in it, such as comments, settings of editors and the formats of the past.
///
/// An entry starts with a line that names a package, a version in parentheses and, before a semicolon, suites. It ends with a
/// line that starts with ` --`, or where the next one starts. Where dpkg stops to read after an entry, because the settings
/// of an editor or an older format follow, this reader stops too.
///
/// ```
/// use deb_parse::changelog;
/// let text = "hello (1.1) bookworm; urgency=high\n\n  * Fix it.\n\n -- A <a@example.org>  Sun, 02 Jan 2022 10:00:00 +0000\n\n\
///     hello (1.0) bookworm; urgency=low\n\n  * New.\n\n -- A <a@example.org>  Sat, 01 Jan 2022 10:00:00 +0000\n\n\
///     Local variables:\nmode: debian-changelog\nEnd:\n";
/// let newer: Vec<_> = changelog::entries(text).take_while(|entry| entry.version != "1.0").collect();
/// assert_eq!(newer.len(), 1);
/// assert_eq!((newer[0].changes, newer[0].urgency()), ("  * Fix it.", Some("high")));
/// ```
pub fn entries(text: &str) -> Entries<'_> {
    Entries { lines: Lines::of(text), after_entry: false }
}

/// Iterator over the entries of a changelog; made by [`entries`].
///
/// ```
/// let mut entries = deb_parse::changelog::entries("a (2) sid; urgency=low\na (1) sid; urgency=low\n");
/// assert_eq!(entries.next().unwrap().version, "2");
/// assert_eq!(entries.next().unwrap().version, "1");
/// assert!(entries.next().is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    lines: Lines<'a>,
    /// Whether the line before was the last one of an entry.
    after_entry: bool,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let mut entry = loop {
            match classify(self.lines.next()?.text) {
                Line::Header(entry) => break entry,
                Line::Tail if self.after_entry => {
                    self.lines.offset = self.lines.text.len();
                    return None;
                }
                _ => {}
            }
        };
        self.after_entry = false;
        let mut changes = Changes::default();
        let mut ahead = self.lines.clone();
        while let Some(line) = ahead.next() {
            match classify(line.text) {
                Line::Header(_) => break,
                Line::Trailer { maintainer, date } => {
                    (entry.maintainer, entry.date) = (maintainer, date);
                    self.after_entry = true;
                }
                Line::Blank | Line::Ignored => {}
                Line::Change | Line::Tail | Line::Other => changes.extend(&line),
            }
            self.lines = ahead.clone();
            if self.after_entry {
                break;
            }
        }
        entry.changes = changes.within(self.lines.text);
        Some(entry)
    }
}

/// Where the changes of an entry start and end: from the first to the last line that is neither blank nor a comment.
#[derive(Default)]
struct Changes {
    start: Option<usize>,
    end: usize,
}

impl Changes {
    fn extend(&mut self, line: &NumberedLine<'_>) {
        self.start.get_or_insert(line.offset);
        self.end = line.offset + trim_end(line.text).len();
    }

    fn is_empty(&self) -> bool {
        self.start.is_none()
    }

    fn within<'a>(&self, text: &'a str) -> &'a str {
        self.start.and_then(|start| text.get(start..self.end)).unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    number: u64,
}

/// A line without its newline.
struct NumberedLine<'a> {
    text: &'a str,
    offset: usize,
    number: u64,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, offset: 0, number: 0 }
    }

    fn next(&mut self) -> Option<NumberedLine<'a>> {
        let rest = self.text.get(self.offset..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let offset = self.offset;
        self.offset = self.text.len().min(offset + length + 1);
        self.number += 1;
        Some(NumberedLine { text: rest.get(..length).unwrap_or_default(), offset, number: self.number })
    }
}
