//! The strict reader: every rule of the syntax is checked, and an error says where it was broken.

use super::scan::{Paragraph, is_name_byte};
use crate::LimitKind;
use crate::error::{Error, Quoted};
use crate::limits::Limits;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::combinator::{eof, rest};
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
///
/// # Errors
/// [`Error::Syntax`] for the first rule that is broken; [`Error::Limit`] for more than [`Limits::text`], [`Limits::stanza`]
/// or [`Limits::fields`] allow.
pub fn parse<'a>(text: &'a [u8], limits: &Limits) -> Result<Vec<Paragraph<'a>>, Error> {
    check_length(text, limits)?;
    let mut paragraphs = Vec::new();
    let mut checker = Checker::new(limits);
    let mut offset = 0;
    while let Some((paragraph, next)) = checker.paragraph(text, offset)? {
        paragraphs.push(paragraph);
        offset = next;
    }
    Ok(paragraphs)
}

/// Reads the only paragraph of a text before which `lines` lines stand in its file.
pub(crate) fn parse_one<'a>(lines: u64, text: &'a [u8], limits: &Limits) -> Result<Paragraph<'a>, Error> {
    check_length(text, limits)?;
    let mut checker = Checker::new(limits);
    checker.line = lines;
    let refused =
        |line| Error::Syntax { line, column: 1, field: None, rule: "there must be exactly one paragraph" };
    let (paragraph, next) = checker.paragraph(text, 0)?.ok_or_else(|| refused(lines + 1))?;
    match checker.paragraph(text, next)? {
        None => Ok(paragraph),
        Some((second, _)) => Err(refused(second.line().unwrap_or_default())),
    }
}

fn check_length(text: &[u8], limits: &Limits) -> Result<(), Error> {
    if text.len() > limits.text() {
        return Err(Error::Limit { what: LimitKind::Text, limit: limits.text() as u64 });
    }
    Ok(())
}

/// Checks one paragraph after the other and counts lines.
pub(super) struct Checker<'l> {
    limits: &'l Limits,
    line: u64,
    crlf: Option<bool>,
    names: Names,
}

enum Line<'a> {
    Blank,
    Comment,
    Field { name: &'a [u8] },
    Continuation(&'a [u8]),
}

impl<'l> Checker<'l> {
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self { limits, line: 0, crlf: None, names: Names::default() }
    }

    /// Reads the paragraph that starts at or after `start`; gives it and where to go on.
    pub(super) fn paragraph<'a>(
        &mut self,
        text: &'a [u8],
        start: usize,
    ) -> Result<Option<(Paragraph<'a>, usize)>, Error> {
        // Offset and line.
        let mut begin: Option<(usize, u64)> = None;
        let mut offset = start;
        let mut field: Option<&'a [u8]> = None;
        self.names.clear();
        while let Some(rest) = text.get(offset..).filter(|rest| !rest.is_empty()) {
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            self.line += 1;
            let line = self.strip_end(rest.get(..length).unwrap_or_default())?;
            match self.line(line)? {
                Line::Blank => {
                    if field.is_some() {
                        break;
                    }
                    begin = None;
                }
                Line::Comment => {
                    begin.get_or_insert((offset, self.line));
                    self.check_bytes(line, None)?;
                }
                Line::Field { name } => {
                    begin.get_or_insert((offset, self.line));
                    if self.names.len() == self.limits.fields() {
                        return Err(Error::Limit {
                            what: LimitKind::Fields,
                            limit: self.limits.fields() as u64,
                        });
                    }
                    if !self.names.insert(name) {
                        return Err(self.error(0, Some(name), "the field occurs twice in this paragraph"));
                    }
                    field = Some(name);
                    self.check_bytes(line, field)?;
                }
                Line::Continuation(value) => {
                    if field.is_none() {
                        return Err(self.error(
                            0,
                            None,
                            "the first line of a paragraph must not be indented",
                        ));
                    }
                    if value.iter().all(|c| matches!(c, b' ' | b'\t')) {
                        let rule = "a line must not be of blanks alone: programs differ in whether it ends the paragraph";
                        return Err(self.error(0, None, rule));
                    }
                    self.check_bytes(line, field)?;
                }
            }
            offset += length;
            if begin.is_some_and(|(begin, _)| offset - begin > self.limits.stanza()) {
                return Err(Error::Limit { what: LimitKind::Stanza, limit: self.limits.stanza() as u64 });
            }
        }
        let (Some((begin, line)), Some(_)) = (begin, field) else { return Ok(None) };
        let paragraph = Paragraph::new(text.get(begin..offset).unwrap_or_default(), begin, line);
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
            (take_while1(is_name_byte), tag(&b":"[..])).map(|(name, _)| Line::Field { name }),
            (alt((tag(&b" "[..]), tag(&b"\t"[..]))), rest).map(|(_, value)| Line::Continuation(value)),
            eof.map(|_| Line::Blank),
            tag(&b"#"[..]).map(|_| Line::Comment),
        ))
        .parse_complete(line);
        match grammar {
            Ok((_, Line::Field { name: [b'#', ..] })) => Ok(Line::Comment),
            Ok((_, Line::Field { name: [b'-', ..] })) => {
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

    /// Checks that `line` has no character that a program may take for the end of a line or of the text.
    fn check_bytes(&self, line: &[u8], field: Option<&[u8]>) -> Result<(), Error> {
        match forbidden(line) {
            None => Ok(()),
            Some((at, rule)) => Err(self.error(at, field, rule)),
        }
    }

    fn error(&self, column: usize, field: Option<&[u8]>, rule: &'static str) -> Error {
        Error::Syntax { line: self.line, column: column as u64 + 1, field: field.map(Quoted::new), rule }
    }
}

/// The names of a paragraph's fields, as hashes of 64 bits.
#[derive(Default)]
struct Names {
    /// One bit for each hash: most names are seen to be new without a look at the others.
    bits: [u64; 4],
    few: Vec<u64>,
    /// Used once there are more than [`Self::FEW`], so that the work stays in proportion to the text.
    many: HashSet<u64>,
}

impl Names {
    const FEW: usize = 64;

    fn clear(&mut self) {
        self.bits = [0; 4];
        self.few.clear();
        self.many.clear();
    }

    fn len(&self) -> usize {
        self.few.len() + self.many.len()
    }

    /// Adds a name; whether it is new.
    fn insert(&mut self, name: &[u8]) -> bool {
        let hash = name.iter().fold(name.len() as u64, |hash, c| {
            (hash ^ u64::from(c.to_ascii_lowercase())).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        let bit = 1 << (hash >> 58);
        let is_new = match usize::try_from(hash >> 56 & 3).ok().and_then(|at| self.bits.get_mut(at)) {
            Some(bits) => std::mem::replace(bits, *bits | bit) & bit == 0,
            None => false,
        };
        if !is_new && self.few.contains(&hash) {
            return false;
        }
        if self.few.len() < Self::FEW {
            self.few.push(hash);
            return true;
        }
        self.many.insert(hash)
    }
}

/// Finds the first character of a line that must not be in it.
pub(super) fn forbidden(line: &[u8]) -> Option<(usize, &'static str)> {
    let is_suspect = |c: u8| (c < b' ' && c != b'\t') | (c == 0x7f) | (c == 0xc2) | (c == 0xe2);
    // Without a branch inside, this becomes vector code; hardly a line needs the second look.
    if !line.iter().fold(false, |found, c| found | is_suspect(*c)) {
        return None;
    }
    let mut from = 0;
    while let Some(at) = line.get(from..)?.iter().position(|c| is_suspect(*c)) {
        let at = from + at;
        match line.get(at..)? {
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
