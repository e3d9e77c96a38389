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
//! Thirty years of hands have written them, so there are two readers: [`entries`] makes the best of any text, [`parse`] says
//! in which line the grammar is broken. Neither copies.

mod references;
mod strict;

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
    /// The lines in between with their indentation, without empty lines before and after them.
    pub changes: &'a str,
    /// Name and address of who made the version; empty where [`entries`] finds no such line.
    pub maintainer: &'a str,
    /// When it was made, in the form of RFC 5322 if the grammar was kept; empty where [`entries`] finds none.
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
            .find(|(key, _)| key.trim_ascii().eq_ignore_ascii_case("urgency"))
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

/// Gives the entries of `text`, whatever else is in it, such as settings of editors and the formats of the past.
///
/// An entry starts with a line that names a package, a version in parentheses and, before a semicolon, suites. It ends with a
/// line that starts with ` --`, or where the next one starts.
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
    Entries { lines: Lines { text, offset: 0, number: 0 } }
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
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let mut entry = loop {
            if let Line::Header(entry) = classify(self.lines.next()?.text) {
                break entry;
            }
        };
        let start = self.lines.offset;
        let mut end = start;
        let mut ahead = self.lines.clone();
        while let Some(line) = ahead.next() {
            match classify(line.text) {
                Line::Header(_) => break,
                Line::Trailer { maintainer, date } => {
                    (entry.maintainer, entry.date) = (maintainer, date);
                    self.lines = ahead;
                    break;
                }
                _ => end = ahead.offset,
            }
            self.lines = ahead.clone();
        }
        entry.changes = without_blank_lines(self.lines.text.get(start..end).unwrap_or_default());
        Some(entry)
    }
}

#[derive(Clone, Debug)]
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    number: u64,
}

struct NumberedLine<'a> {
    text: &'a str,
    offset: usize,
    number: u64,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<NumberedLine<'a>> {
        let rest = self.text.get(self.offset..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
        let offset = self.offset;
        self.offset += length;
        self.number += 1;
        Some(NumberedLine {
            text: rest.get(..length).unwrap_or_default().trim_ascii_end(),
            offset,
            number: self.number,
        })
    }
}

enum Line<'a> {
    Blank,
    Header(Entry<'a>),
    Change,
    Trailer { maintainer: &'a str, date: &'a str },
    Other,
}

fn classify(line: &str) -> Line<'_> {
    if line.is_empty() {
        Line::Blank
    } else if let Some(rest) = line.strip_prefix(" --") {
        let end = rest.rfind('>').map_or(rest.len(), |at| at + 1);
        let (maintainer, date) = rest.split_at_checked(end).unwrap_or((rest, ""));
        Line::Trailer { maintainer: maintainer.trim_ascii(), date: date.trim_ascii() }
    } else if line.starts_with([' ', '\t']) {
        let indented = line.starts_with("  ") || line.starts_with('\t') || line.starts_with(" \t");
        if indented { Line::Change } else { Line::Other }
    } else {
        header(line).map_or(Line::Other, Line::Header)
    }
}

/// Reads `package (version) suites; metadata`.
fn header(line: &str) -> Option<Entry<'_>> {
    let (source, rest) = line.split_once('(')?;
    let (version, rest) = rest.split_once(')')?;
    let (distributions, metadata) = rest.split_once(';')?;
    let (source, blanks) = source.split_at_checked(source.trim_ascii_end().len())?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
    let is_header = source.starts_with(|c: char| c.is_ascii_alphanumeric())
        && source.chars().all(is_name)
        && !blanks.is_empty()
        && !version.is_empty()
        && !version.contains(|c: char| c == '(' || c.is_ascii_whitespace())
        && distributions.starts_with([' ', '\t'])
        && distributions.split_ascii_whitespace().all(|suite| suite.chars().all(is_name));
    is_header.then_some(Entry {
        source,
        version,
        distributions: distributions.trim_ascii(),
        metadata: metadata.trim_ascii(),
        changes: "",
        maintainer: "",
        date: "",
    })
}

fn without_blank_lines(text: &str) -> &str {
    let text = text.trim_ascii_end();
    let blank = text.len() - text.trim_ascii_start().len();
    let start = text.get(..blank).and_then(|blank| blank.rfind('\n')).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}
