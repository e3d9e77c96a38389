//! The first lines of the formats that changelogs had before 1996, at which dpkg stops to read.

use super::line::{has_prefix, is_space, is_word, trim_end};

/// Whether dpkg takes `line`, which has no blanks at its end and is not the header of an entry, for the start of an older
/// format (`$ancient_delimiter_re` in `Dpkg::Changelog::Debian`).
pub(super) fn is_delimiter(line: &str) -> bool {
    let bytes = line.as_bytes();
    is_gnu(bytes)
        || is_header_without_metadata(bytes)
        || is_header_with_revision(line)
        || is_change_heading(line)
        || is_one_word(bytes)
}

/// `Tue Jan 20 12:00:00 MET 1998  Name <address>` and `Tue Jan 20, 1998  Name (address)`.
fn is_gnu(line: &[u8]) -> bool {
    let day = word(line).and_then(blanks).and_then(word).and_then(blanks);
    day.is_some_and(|day| {
        [1, 2].into_iter().filter_map(|length| digits(day, length)).any(|rest| {
            let with_time = rest
                .strip_prefix(b" ")
                .and_then(one_or_two_digits)
                .and_then(|rest| one_or_two_digits(rest.strip_prefix(b":")?))
                .and_then(|rest| one_or_two_digits(rest.strip_prefix(b":")?))
                .and_then(blanks);
            with_time.is_some_and(is_zone_and_year)
                || digits(skip_blanks(rest.strip_prefix(b",").unwrap_or(rest)), 4)
                    .is_some_and(is_name_and_address)
        })
    })
}

/// `MET DST 1998  Name <address>`.
fn is_zone_and_year(line: &[u8]) -> bool {
    let zone = line.iter().take_while(|c| is_word(**c) || is_space(**c)).count();
    // Of several years the first will do: more follows it than the others.
    let after_year =
        |at: usize| digits(line.get(at..)?, 4).filter(|rest| rest.first().is_some_and(|c| is_space(*c)));
    (0..=zone).find_map(after_year).is_some_and(is_name_and_address)
}

/// Two blanks or more with a name between them, `<` or `(`, and the other one of these later.
fn is_name_and_address(line: &[u8]) -> bool {
    if !line.first().is_some_and(|c| is_space(*c)) {
        return false;
    }
    let starts = |pair: &[u8]| matches!(pair, [blank, b'<' | b'('] if is_space(*blank));
    let at = line.get(1..).and_then(|rest| rest.windows(2).position(starts));
    at.and_then(|at| line.get(at + 3..)).is_some_and(|rest| rest.iter().any(|c| matches!(c, b'>' | b')')))
}

/// `hello (1.0)`.
fn is_header_without_metadata(line: &[u8]) -> bool {
    let Some((first, rest)) = line.split_first() else { return false };
    let name = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || b"-+.".contains(c)).count();
    let version = rest.get(name..).and_then(|rest| rest.strip_prefix(b" ("));
    is_word(*first)
        && version.is_some_and(|version| {
            let length = version.iter().take_while(|c| !b"() \t".contains(c)).count();
            length > 0 && version.get(length) == Some(&b')')
        })
}

/// `hello 1.0 Debian 3` and `hello-1.0 Debian 3`.
fn is_header_with_revision(line: &str) -> bool {
    // There may be one blank between name and version, and none in either.
    let mut ends = line.bytes().enumerate().filter(|(_, c)| *c == b' ').map(|(at, _)| at).take(2);
    ends.any(|end| {
        let Some((start, rest)) = line.split_at_checked(end) else { return false };
        let has_revision =
            has_prefix(rest, " debian ") && rest.as_bytes().get(8).is_some_and(|c| !is_space(*c));
        let start = start.as_bytes();
        let name = start.iter().take_while(|c| is_name(**c)).count();
        let version_at = match start.get(name) {
            Some(b' ') => (name > 0).then_some(name + 1),
            // A hyphen is part of names too; the first one will do.
            _ => start
                .iter()
                .skip(1)
                .position(|c| *c == b'-')
                .map(|at| at + 1)
                .filter(|at| *at < name)
                .map(|at| at + 1),
        };
        let version = version_at.and_then(|at| start.get(at..));
        has_revision
            && version.is_some_and(|version| !version.is_empty() && !version.iter().any(|c| is_space(*c)))
    })
}

/// `Changes from version 1 to 2:`, `Changes for hello-1:` and `Old Changelog:`.
fn is_change_heading(line: &str) -> bool {
    let after = |prefix: &str| line.get(prefix.len()..).filter(|_| has_prefix(line, prefix));
    let is_from_to = |rest: &str| {
        let at = rest.as_bytes().windows(4).position(|four| four.eq_ignore_ascii_case(b" to "));
        at.and_then(|at| rest.get(at + 4..)).is_some_and(|rest| rest.contains(':'))
    };
    let is_version = |rest: &str| {
        let name = rest.strip_suffix(':').unwrap_or(rest).as_bytes();
        let inside = name.get(1..name.len().saturating_sub(1)).unwrap_or_default();
        name.iter().all(|c| is_name(*c)) && inside.contains(&b'-')
    };
    after("changes from version ").is_some_and(is_from_to)
        || after("changes for ").is_some_and(is_version)
        || after("old changelog:").is_some_and(|rest| trim_end(rest).is_empty())
}

/// A version or a name alone, such as `1:2.0` or `hello:`.
fn is_one_word(line: &[u8]) -> bool {
    let is_rest = |word: &[u8]| {
        let word = word.strip_suffix(b":").unwrap_or(word);
        word.split_first()
            .is_some_and(|(first, rest)| is_word(*first) && rest.iter().all(|c| is_name(*c) || *c == b'~'))
    };
    let epoch = line.iter().take_while(|c| c.is_ascii_digit()).count();
    let after_epoch = line.get(epoch..).filter(|_| epoch > 0).and_then(|rest| rest.strip_prefix(b":"));
    is_rest(line) || after_epoch.is_some_and(is_rest)
}

/// `[\w.+-]`
fn is_name(byte: u8) -> bool {
    is_word(byte) || b".+-".contains(&byte)
}

fn skip(text: &[u8], matches: fn(u8) -> bool) -> &[u8] {
    text.get(text.iter().take_while(|c| matches(**c)).count()..).unwrap_or_default()
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    skip(text, is_space)
}

/// What follows one byte of the kind or more.
fn after(text: &[u8], matches: fn(u8) -> bool) -> Option<&[u8]> {
    Some(skip(text, matches)).filter(|rest| rest.len() < text.len())
}

fn word(text: &[u8]) -> Option<&[u8]> {
    after(text, is_word)
}

fn blanks(text: &[u8]) -> Option<&[u8]> {
    after(text, is_space)
}

fn digits(text: &[u8], count: usize) -> Option<&[u8]> {
    let (digits, rest) = text.split_at_checked(count)?;
    digits.iter().all(u8::is_ascii_digit).then_some(rest)
}

/// As many as there are: what has to follow is not a digit.
fn one_or_two_digits(text: &[u8]) -> Option<&[u8]> {
    digits(text, 2).or_else(|| digits(text, 1))
}
