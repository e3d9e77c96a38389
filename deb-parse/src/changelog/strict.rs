//! The strict reader.

use super::{Entry, Line, Lines, classify, without_blank_lines};
use crate::error::Error;
use crate::name::SourceName;
use crate::place::offset_in;
use crate::version::VersionRef;

/// Reads `text` strictly by the grammar of deb-changelog(5).
///
/// ```
/// use deb_parse::changelog;
/// let text = "hello (1.0) bookworm; urgency=low\n\n* New.\n\n -- A <a@example.org>  Sat, 01 Jan 2022 10:00:00 +0000\n";
/// let error = changelog::parse(text).unwrap_err();
/// assert_eq!(error.to_string(), "line 3, column 1: a line of changes must be indented by two blanks (deb-changelog(5))");
/// assert_eq!(changelog::parse(&text.replace("* ", "  * "))?.len(), 1);
/// # Ok::<(), deb_parse::Error>(())
/// ```
///
/// # Errors
/// [`Error::Syntax`] for the first line that breaks the grammar.
pub fn parse(text: &str) -> Result<Vec<Entry<'_>>, Error> {
    let mut lines = Lines { text, offset: 0, number: 0 };
    let mut entries = Vec::new();
    let mut open: Option<(Entry<'_>, usize)> = None;
    while let Some(line) = lines.next() {
        let wrong = |(part, rule): Wrong<'_>| {
            let column = offset_in(line.text.as_bytes(), part.as_bytes()) as u64 + 1;
            Error::Syntax { line: line.number, column, field: None, rule }
        };
        let error = |rule| wrong((line.text, rule));
        match (classify(line.text), open.take()) {
            (Line::Blank, kept) => open = kept,
            (Line::Header(entry), None) => {
                check_header(&entry).map_err(wrong)?;
                open = Some((entry, lines.offset));
            }
            (Line::Change, kept @ Some(_)) => open = kept,
            (Line::Trailer { maintainer, date }, Some((entry, start))) => {
                check_trailer(line.text, maintainer, date).map_err(wrong)?;
                let changes = without_blank_lines(text.get(start..line.offset).unwrap_or_default());
                entries.push(Entry { changes, maintainer, date, ..entry });
            }
            (Line::Header(_), Some(_)) => {
                return Err(error(
                    "an entry must end with a line that starts with ` -- ` (deb-changelog(5))",
                ));
            }
            (_, None) => {
                return Err(error(
                    "an entry must start with `package (version) suites; urgency=…` (deb-changelog(5))",
                ));
            }
            (Line::Other, Some(_)) => {
                return Err(error("a line of changes must be indented by two blanks (deb-changelog(5))"));
            }
        }
    }
    match open {
        None => Ok(entries),
        Some(_) => {
            let rule = "the last entry must end with a line that starts with ` -- ` (deb-changelog(5))";
            Err(Error::Syntax { line: lines.number, column: 1, field: None, rule })
        }
    }
}

/// The part of a line that is wrong, and the rule that it breaks.
type Wrong<'a> = (&'a str, &'static str);

fn check_header<'a>(entry: &Entry<'a>) -> Result<(), Wrong<'a>> {
    if SourceName::parse(entry.source).is_err() {
        return Err((entry.source, "an entry must name a source package (Policy 5.6.1)"));
    }
    VersionRef::check(entry.version).map_err(|rule| (entry.version, rule))?;
    if entry.distributions.is_empty() {
        return Err((entry.distributions, "an entry must name a suite (deb-changelog(5))"));
    }
    let is_key = |key: &str| !key.is_empty() && key.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    let is_pair = |pair: &str| {
        pair.split_once('=')
            .is_some_and(|(key, value)| is_key(key.trim_ascii()) && !value.trim_ascii().is_empty())
    };
    let rule = "what follows the semicolon must be `key=value`, with commas between (deb-changelog(5))";
    match entry.metadata.split(',').find(|pair| !is_pair(pair)) {
        None => Ok(()),
        Some(pair) => Err((pair.trim_ascii_start(), rule)),
    }
}

fn check_trailer<'a>(line: &'a str, maintainer: &'a str, date: &'a str) -> Result<(), Wrong<'a>> {
    let is_maintainer =
        maintainer.ends_with('>') && maintainer.split_once('<').is_some_and(|(name, _)| name.ends_with(' '));
    let parts = line.strip_prefix(" -- ").and_then(|rest| rest.strip_prefix(maintainer));
    if !is_maintainer || parts.and_then(|rest| rest.strip_prefix("  ")) != Some(date) {
        let rule = "the last line of an entry must be ` -- Name <address>`, two blanks and a date (deb-changelog(5))";
        return Err((line, rule));
    }
    if !is_date(date) {
        return Err((date, "a date must be like `Sat, 01 Jan 2022 10:00:00 +0000` (deb-changelog(5))"));
    }
    Ok(())
}

fn is_date(date: &str) -> bool {
    const DAYS: [&str; 7] = ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit())
    };
    let words: Vec<&str> = date.split_ascii_whitespace().take(7).collect();
    let &[weekday, day, month, year, time, zone] = words.as_slice() else { return false };
    DAYS.contains(&weekday)
        && number(day, 1..=2)
        && MONTHS.contains(&month)
        && number(year, 4..=4)
        && time.split(':').count() == 3
        && time.split(':').all(|part| number(part, 2..=2))
        && zone.strip_prefix(['+', '-']).is_some_and(|zone| number(zone, 4..=4))
}
