//! The strict reader: what `Dpkg::Changelog::Debian` reads without a complaint.

use super::line::{Line, classify, is_space, trim, trim_end};
use super::{Changes, Entry, Lines};
use crate::error::Error;
use crate::place::offset_in;

/// Reads `text` as strictly as dpkg does: what `dpkg-parsechangelog` reports as a parse error is an error here, and nothing
/// else is.
///
/// Comments (`# …`, `/* … */`), keywords of version control systems (`$Id: … $`) and, after the last entry, the settings of
/// editors and whatever follows the first line of a format of the past are passed over. The date of an entry need not have
/// a day of the week.
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
    let mut lines = Lines::of(text);
    let mut entries = Vec::new();
    let mut open: Option<(Entry<'_>, Changes)> = None;
    while let Some(line) = lines.next() {
        let wrong = |(part, rule): Wrong<'_>| {
            let column = offset_in(line.text.as_bytes(), part.as_bytes()) as u64 + 1;
            Error::Syntax { line: line.number, column, field: None, rule }
        };
        let error = |rule| wrong((line.text, rule));
        match (classify(line.text), open.take()) {
            (Line::Ignored, kept) => open = kept,
            (Line::Blank, None) if entries.is_empty() => {
                return Err(error("a changelog must start with an entry, without empty lines before it"));
            }
            (Line::Blank, kept) => open = kept,
            (Line::Tail, None) if !entries.is_empty() => return Ok(entries),
            (Line::Header(entry), None) => {
                check_header(line.text, &entry).map_err(wrong)?;
                open = Some((entry, Changes::default()));
            }
            (Line::Change, Some((entry, mut changes))) => {
                changes.extend(&line);
                open = Some((entry, changes));
            }
            (Line::Trailer { maintainer, date }, Some((entry, changes))) => {
                if changes.is_empty() {
                    return Err(error("an entry must have a line of changes (deb-changelog(5))"));
                }
                check_trailer(line.text, date).map_err(wrong)?;
                entries.push(Entry { changes: changes.within(text), maintainer, date, ..entry });
            }
            (Line::Header(_) | Line::Tail, Some(_)) => {
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
    let rule = match open {
        Some(_) => "the last entry must end with a line that starts with ` -- ` (deb-changelog(5))",
        None if entries.is_empty() => "a changelog must have an entry (deb-changelog(5))",
        None => return Ok(entries),
    };
    Err(Error::Syntax { line: lines.number.max(1), column: 1, field: None, rule })
}

/// The part of a line that is wrong, and the rule that it breaks.
type Wrong<'a> = (&'a str, &'static str);

fn check_header<'a>(line: &'a str, entry: &Entry<'a>) -> Result<(), Wrong<'a>> {
    if line.get(entry.source.len()..).is_none_or(|rest| !rest.starts_with(" (")) {
        return Err((line, "there must be one blank between package and version (deb-changelog(5))"));
    }
    check_version(entry.version).map_err(|rule| (entry.version, rule))?;
    let mut keys: Vec<&str> = Vec::new();
    // dpkg splits as Perl does: empty values at the end do not count.
    let mut metadata = entry.metadata;
    while let Some(rest) = metadata.strip_suffix(',') {
        metadata = trim_end(rest);
    }
    let pairs = metadata.split(',').map(trim);
    for pair in pairs.filter(|_| !metadata.is_empty()) {
        let key = check_pair(pair).map_err(|rule| (pair, rule))?;
        if keys.iter().any(|known| known.eq_ignore_ascii_case(key)) {
            return Err((pair, "a key must not occur twice (deb-changelog(5))"));
        }
        keys.push(key);
    }
    Ok(())
}

/// `version_check` of `Dpkg::Version`, which is not as strict as Policy.
fn check_version(version: &str) -> Result<(), &'static str> {
    let is_epoch = |epoch: &str| !epoch.is_empty() && epoch.bytes().all(|c| c.is_ascii_digit());
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if !rest.is_empty() => (epoch, rest),
        _ => ("0", version),
    };
    if !is_epoch(epoch) {
        return Err("the epoch before `:` must be a number (Policy 5.6.12)");
    }
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    if !upstream.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("the upstream version must start with a digit (Policy 5.6.12)");
    }
    if revision.is_empty() {
        return Err("the revision after `-` must not be empty (Policy 5.6.12)");
    }
    if !version.bytes().all(|c| c.is_ascii_alphanumeric() || b".+-:~".contains(&c)) {
        return Err("the version must be letters, digits and `.+-:~` (Policy 5.6.12)");
    }
    Ok(())
}

/// Gives the key of `key=value`.
fn check_pair(pair: &str) -> Result<&str, &'static str> {
    let is_key = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    let pair = pair.split_once('=').map(|(key, value)| (key, trim(value)));
    let Some((key, value)) =
        pair.filter(|(key, value)| !key.is_empty() && key.bytes().all(is_key) && !value.is_empty())
    else {
        return Err("what follows the semicolon must be `key=value`, with commas between (deb-changelog(5))");
    };
    // dpkg drops hyphens at the end of a key.
    let key = key.trim_end_matches('-');
    if key.eq_ignore_ascii_case("urgency") {
        let word = value.bytes().take_while(|c| is_key(*c)).count();
        let is_urgency = word > 0 && value.as_bytes().get(word).is_none_or(|c| is_space(*c));
        return if is_urgency { Ok(key) } else { Err("an urgency must be a word (deb-changelog(5))") };
    }
    if key.eq_ignore_ascii_case("binary-only") {
        return if value == "yes" { Ok(key) } else { Err("binary-only must be `yes` (deb-changelog(5))") };
    }
    // `XB-Name`, `XCS-Name` and so on: fields of one's own.
    let own = key.strip_prefix(['x', 'X']).unwrap_or_default();
    let letters = own.bytes().take_while(|c| b"bcsBCS".contains(c)).count();
    if letters > 0 && own.as_bytes().get(letters) == Some(&b'-') {
        return Ok(key);
    }
    Err("only `urgency`, `binary-only` and keys such as `XB-Name` are known (deb-changelog(5))")
}

fn check_trailer<'a>(line: &'a str, date: &'a str) -> Result<(), Wrong<'a>> {
    let line = trim_end(line);
    let parts = line.strip_prefix(" -- ").and_then(|rest| rest.rsplit_once('>'));
    let is_maintainer = parts.is_some_and(|(maintainer, _)| maintainer.contains(" <"));
    if !is_maintainer || parts.and_then(|(_, rest)| rest.strip_prefix("  ")) != Some(date) {
        let rule = "the last line of an entry must be ` -- Name <address>`, two blanks and a date (deb-changelog(5))";
        return Err((line, rule));
    }
    if !is_date(date) {
        return Err((date, "a date must be like `Sat, 01 Jan 2022 10:00:00 +0000` (deb-changelog(5))"));
    }
    Ok(())
}

/// `[day of the week,] day month year time zone`, as `Time::Piece` reads it for dpkg.
fn is_date(date: &str) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        let is_number = lengths.contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
        text.parse::<u32>().ok().filter(|_| is_number)
    };
    let date = match date.split_once(',') {
        Some((day, rest)) if DAYS.contains(&day) => trim(rest),
        Some(_) => return false,
        None => date,
    };
    let words = date.split(|c: char| u8::try_from(c).is_ok_and(is_space)).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.take(6).collect();
    let &[day, month, year, time, zone] = words.as_slice() else { return false };
    let time: Vec<&str> = time.split(':').take(4).collect();
    let &[hour, minute, second] = time.as_slice() else { return false };
    number(day, 1..=2).is_some_and(|day| day <= 31)
        && MONTHS.iter().any(|name| month.eq_ignore_ascii_case(name))
        && number(year, 4..=4).is_some_and(|year| year >= 1900)
        && number(hour, 1..=2).is_some_and(|hour| hour < 24)
        && [minute, second].iter().all(|part| number(part, 2..=2).is_some_and(|part| part < 60))
        && zone.strip_prefix(['+', '-']).is_some_and(|zone| number(zone, 4..=4).is_some())
}
