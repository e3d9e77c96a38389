//! The strict reader: every rule of the syntax is checked, and an error says where it was broken.

use super::scan::Paragraph;
use crate::error::{Error, Quoted};
use crate::limits::Limits;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::combinator::eof;
use nom::{IResult, Parser};
use std::collections::HashSet;

/// Reads `text` strictly; errors say in which line, column and field which rule is broken.
///
/// The rules, beyond what [`paragraphs`](super::paragraphs) needs to find its way:
///
/// - A field name is visible ASCII without `:` and starts neither with `#` nor with `-`; no blank comes before the `:`.
/// - No name occurs twice in a paragraph, in whatever case.
/// - Values have no control characters but tabs, and neither of the line separators of Unicode. They need not be UTF-8.
/// - A line after the first one of a field has something in it besides blanks.
/// - Lines end with a newline, or all of them with a carriage return and a newline.
/// - Lines that start with `#` are comments.
///
/// ```
/// use deb_parse::{Limits, deb822};
/// let error = deb822::parse(b"Package: a\nVersion 1\n", &Limits::default()).unwrap_err();
/// assert_eq!(error.to_string(), "line 2, column 8: a field name must be followed by a colon");
/// ```
pub fn parse<'a>(text: &'a [u8], limits: &Limits) -> Result<Vec<Paragraph<'a>>, Error> {
    if text.len() > limits.text() {
        return Err(Error::Limit { what: "bytes of the text", limit: limits.text() as u64 });
    }
    let mut paragraphs = Vec::new();
    let mut checker = Checker::new(limits);
    let mut offset = 0;
    while let Some((paragraph, next)) = checker.paragraph(text, offset)? {
        paragraphs.push(paragraph);
        offset = next;
    }
    Ok(paragraphs)
}

/// Checks one paragraph after the other and counts lines.
pub(super) struct Checker<'l> {
    limits: &'l Limits,
    line: u64,
    crlf: Option<bool>,
}

enum Line<'a> {
    Blank,
    Comment,
    Field { name: &'a [u8], value: &'a [u8] },
    Continuation(&'a [u8]),
}

impl<'l> Checker<'l> {
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self { limits, line: 0, crlf: None }
    }

    /// Reads the paragraph that starts at or after `start`; gives it and where to go on.
    pub(super) fn paragraph<'a>(
        &mut self,
        text: &'a [u8],
        start: usize,
    ) -> Result<Option<(Paragraph<'a>, usize)>, Error> {
        let mut begin = None;
        let mut offset = start;
        let mut field: Option<&'a [u8]> = None;
        let mut seen: HashSet<Vec<u8>> = HashSet::new();
        while let Some(rest) = text.get(offset..).filter(|rest| !rest.is_empty()) {
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let raw = rest.get(..length).unwrap_or_default();
            self.line += 1;
            let line = self.strip_end(raw)?;
            match self.line(line)? {
                Line::Blank => {
                    if begin.is_some() && field.is_some() {
                        break;
                    }
                    begin = None;
                }
                Line::Comment => {
                    begin.get_or_insert(offset);
                    self.check_bytes(line, 0, None)?;
                }
                Line::Field { name, value } => {
                    begin.get_or_insert(offset);
                    if seen.len() == self.limits.fields() {
                        return Err(Error::Limit { what: "fields of a paragraph", limit: seen.len() as u64 });
                    }
                    if !seen.insert(name.to_ascii_lowercase()) {
                        return Err(self.error(0, Some(name), "the field occurs twice in this paragraph"));
                    }
                    field = Some(name);
                    self.check_bytes(value, line.len() - value.len(), field)?;
                }
                Line::Continuation(value) => {
                    if field.is_none() {
                        return Err(self.error(
                            0,
                            None,
                            "the first line of a paragraph must not be indented",
                        ));
                    }
                    self.check_bytes(value, line.len() - value.len(), field)?;
                }
            }
            offset += length;
            if begin.is_some_and(|begin| offset - begin > self.limits.stanza()) {
                return Err(Error::Limit {
                    what: "bytes of a paragraph",
                    limit: self.limits.stanza() as u64,
                });
            }
        }
        let (Some(begin), Some(_)) = (begin, field) else { return Ok(None) };
        let paragraph = Paragraph::new(text.get(begin..offset).unwrap_or_default(), begin);
        // The empty line that ended the paragraph is read again at the start of the next one.
        if offset < text.len() {
            self.line -= 1;
        }
        Ok(Some((paragraph, offset)))
    }

    /// Takes off the end of the line, which must be the same in all lines.
    fn strip_end<'a>(&mut self, raw: &'a [u8]) -> Result<&'a [u8], Error> {
        let Some(line) = raw.strip_suffix(b"\n") else { return Ok(raw) };
        let stripped = line.strip_suffix(b"\r");
        if *self.crlf.get_or_insert(stripped.is_some()) != stripped.is_some() {
            return Err(self.error(
                line.len(),
                None,
                "lines must end alike, all with or all without a carriage return",
            ));
        }
        Ok(stripped.unwrap_or(line))
    }

    fn line<'a>(&self, line: &'a [u8]) -> Result<Line<'a>, Error> {
        let grammar: IResult<&[u8], Line<'_>> = alt((
            eof.map(|_| Line::Blank),
            tag(&b"#"[..]).map(|_| Line::Comment),
            (alt((tag(&b" "[..]), tag(&b"\t"[..]))), nom::combinator::rest)
                .map(|(_, rest)| Line::Continuation(rest)),
            (take_while1(is_name_byte), tag(&b":"[..]), nom::combinator::rest)
                .map(|(name, _, value)| Line::Field { name, value }),
        ))
        .parse_complete(line);
        match grammar {
            Ok((_, Line::Continuation(value))) if value.iter().all(|c| matches!(c, b' ' | b'\t')) => {
                Err(self.error(
                    0,
                    None,
                    "a line must not be of blanks alone: programs differ in whether it ends the paragraph",
                ))
            }
            Ok((_, Line::Field { name: [b'-', ..], .. })) => {
                Err(self.error(0, None, "a field name must not start with a hyphen (Policy 5.1)"))
            }
            Ok((_, line)) => Ok(line),
            Err(_) => {
                let named: IResult<&[u8], &[u8]> = take_while(is_name_byte).parse_complete(line);
                let name = named.map_or(0, |(_, name)| name.len());
                let rule = match line.get(name) {
                    Some(b':') => "a field must have a name before its colon",
                    None | Some(b' ' | b'\t') => "a field name must be followed by a colon",
                    Some(_) => "a field name must be of visible ASCII characters (Policy 5.1)",
                };
                Err(self.error(name, None, rule))
            }
        }
    }

    /// Checks that `value`, which starts at byte `column` of the line, has no character that a program may take for
    /// the end of a line or of the text.
    fn check_bytes(&self, value: &[u8], column: usize, field: Option<&[u8]>) -> Result<(), Error> {
        match forbidden(value) {
            None => Ok(()),
            Some((at, rule)) => Err(self.error(column + at, field, rule)),
        }
    }

    fn error(&self, column: usize, field: Option<&[u8]>, rule: &'static str) -> Error {
        Error::Syntax { line: self.line, column: column as u64 + 1, field: field.map(Quoted::new), rule }
    }
}

fn is_name_byte(c: u8) -> bool {
    c.is_ascii_graphic() && c != b':'
}

/// Finds the first character of a value's line that must not be there.
pub(super) fn forbidden(value: &[u8]) -> Option<(usize, &'static str)> {
    let suspect = |c: &u8| (*c < b' ' && *c != b'\t') || *c == 0x7f || *c == 0xc2 || *c == 0xe2;
    let mut from = 0;
    while let Some(at) = value.get(from..)?.iter().position(suspect) {
        let at = from + at;
        match value.get(at..)? {
            [0xc2, 0x80..=0x9f, ..] => return Some((at, "a value must not have control characters")),
            [0xe2, 0x80, 0xa8 | 0xa9, ..] => {
                return Some((at, "a value must not have Unicode line separators"));
            }
            [0xc2 | 0xe2, ..] => from = at + 1,
            _ => return Some((at, "a value must not have control characters")),
        }
    }
    None
}
