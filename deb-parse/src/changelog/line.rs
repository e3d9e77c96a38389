//! The lines of a changelog, and what dpkg takes each of them for (`Dpkg::Changelog::Debian`).

use super::Entry;
use super::ancient;

/// What a line is.
pub(super) enum Line<'a> {
    Blank,
    /// A comment, or a keyword of a version control system: dpkg passes over it.
    Ignored,
    Header(Entry<'a>),
    /// Indented by two blanks or more.
    Change,
    Trailer {
        maintainer: &'a str,
        date: &'a str,
    },
    /// Settings of an editor, or the first line of an older format: nothing that follows is read.
    Tail,
    Other,
}

/// Takes a line without its newline.
pub(super) fn classify(raw: &str) -> Line<'_> {
    let line = trim_end(raw);
    if line.is_empty() {
        return Line::Blank;
    }
    if let Some(rest) = line.strip_prefix(" --") {
        let end = rest.rfind('>').map_or(rest.len(), |at| at + 1);
        let (maintainer, date) = rest.split_at_checked(end).unwrap_or((rest, ""));
        return Line::Trailer { maintainer: trim(maintainer), date: trim(date) };
    }
    if let [first, second, ..] = line.as_bytes()
        && is_space(*first)
    {
        return if is_space(*second) { Line::Change } else { Line::Other };
    }
    match header(line) {
        Some(entry) => Line::Header(entry),
        None if ends_the_entries(line) => Line::Tail,
        None if is_ignored(raw) => Line::Ignored,
        None => Line::Other,
    }
}

/// Reads `package (version) suites; metadata`.
fn header(line: &str) -> Option<Entry<'_>> {
    let (source, rest) = line.split_once('(')?;
    let (version, rest) = rest.split_once(')')?;
    let (distributions, metadata) = rest.split_once(';')?;
    let (source, blanks) = source.split_at_checked(trim_end(source).len())?;
    let is_name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'+' | b'.');
    let (first, others) = source.as_bytes().split_first()?;
    let is_header = is_word(*first)
        && others.iter().all(|c| is_name(*c))
        && !blanks.is_empty()
        && !version.is_empty()
        && !version.contains(['(', ' ', '\t'])
        && distributions.bytes().next().is_some_and(is_space)
        && distributions.bytes().all(|c| is_space(c) || is_name(c))
        && distributions.bytes().next_back().is_some_and(is_name);
    is_header.then_some(Entry {
        source,
        version,
        distributions: trim(distributions),
        metadata: trim(metadata),
        changes: "",
        maintainer: "",
        date: "",
    })
}

fn ends_the_entries(line: &str) -> bool {
    let settings = line.strip_prefix(";;").map_or(line, trim_start);
    has_prefix(settings, "local variables:") || has_prefix(line, "vim:") || ancient::is_delimiter(line)
}

/// `# comment`, `/* comment */` and `$Keyword: value $`.
fn is_ignored(line: &str) -> bool {
    let is_keyword = |rest: &str| {
        let name = rest.bytes().take_while(|c| is_word(*c)).count();
        name > 0
            && rest.get(name..).and_then(|rest| rest.strip_prefix(':')).is_some_and(|rest| rest.contains('$'))
    };
    line.starts_with("# ")
        || line.strip_prefix("/*").is_some_and(|rest| rest.contains("*/"))
        || line.strip_prefix('$').is_some_and(is_keyword)
}

/// Whether `text` starts with `prefix`, which is in lower case, in any case.
pub(super) fn has_prefix(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// `\s` of Perl for a byte.
pub(super) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// `\w` of Perl for a byte.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_space_char(c: char) -> bool {
    c.is_ascii() && u8::try_from(c).is_ok_and(is_space)
}

pub(super) fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_space_char)
}

pub(super) fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space_char)
}

pub(super) fn trim(text: &str) -> &str {
    trim_start(trim_end(text))
}
