//! The hot path: finds paragraphs and fields in a byte slice without copying, allocating or checking.

use super::lines::LineStarts;
use crate::place::{Place, line_and_column, offset_in};
use memchr::memmem;

/// Iterates over the paragraphs of `text`, which must be valid deb822 to be understood; no bytes make it panic.
///
/// Paragraphs are split at empty lines. Use [`parse`](super::parse) for text that nobody has checked yet.
///
/// ```
/// use deb_parse::deb822;
/// let text = b"Package: a\nVersion: 1\n\nPackage: b\nVersion: 2\n";
/// let versions: Vec<_> = deb822::paragraphs(text).filter_map(|p| p.get_str("version")).collect();
/// assert_eq!(versions, ["1", "2"]);
/// ```
pub fn paragraphs(text: &[u8]) -> Paragraphs<'_> {
    // All lines end alike, so the first one tells.
    let first = memchr::memchr(b'\n', text).and_then(|at| text.get(..at)).unwrap_or_default();
    let end: &[u8] = if first.ends_with(b"\r") { b"\n\r\n" } else { b"\n\n" };
    Paragraphs { text, offset: 0, end: memmem::Finder::new(end) }
}

/// Iterator over the paragraphs of a text; made by [`paragraphs`].
///
/// ```
/// let mut paragraphs = deb_parse::deb822::paragraphs(b"A: 1\n\nA: 2\n");
/// assert_eq!(paragraphs.next().unwrap().get("A"), Some(&b"1"[..]));
/// assert_eq!(paragraphs.count(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Paragraphs<'a> {
    text: &'a [u8],
    offset: usize,
    /// Finds the end of the last line of a paragraph and the empty line after it.
    end: memmem::Finder<'static>,
}

impl<'a> Iterator for Paragraphs<'a> {
    type Item = Paragraph<'a>;

    fn next(&mut self) -> Option<Paragraph<'a>> {
        loop {
            let rest = self.text.get(self.offset..)?;
            let start = self.offset + blank_lines(rest);
            let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
            let length = self.end.find(rest).map_or(rest.len(), |at| at + 1);
            self.offset = start + length;
            let paragraph = Paragraph { text: rest.get(..length)?, offset: start, line: 0 };
            // Comments that stand alone are no paragraph.
            if rest.first() != Some(&b'#') || paragraph.fields().next().is_some() {
                return Some(paragraph);
            }
        }
    }
}

/// Length of the empty lines that `text` starts with.
fn blank_lines(text: &[u8]) -> usize {
    let mut length = 0;
    loop {
        match text.get(length..) {
            Some([b'\n', ..]) => length += 1,
            Some([b'\r', b'\n', ..]) => length += 2,
            _ => return length,
        }
    }
}

/// One paragraph (stanza): a slice of the text it was found in.
///
/// ```
/// let paragraph = deb_parse::deb822::paragraphs(b"\nPackage: a\nSize: 7\n\n").next().unwrap();
/// assert_eq!((paragraph.as_bytes(), paragraph.offset()), (&b"Package: a\nSize: 7\n"[..], 1));
/// assert_eq!(paragraph.get_str("size"), Some("7"));
/// ```
#[derive(Clone, Copy)]
pub struct Paragraph<'a> {
    text: &'a [u8],
    offset: usize,
    /// Number of the first line; 0 if nobody has counted.
    line: u64,
}

/// Two paragraphs are equal if their bytes and offsets are; it does not matter which reader found them.
impl PartialEq for Paragraph<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.text, self.offset) == (other.text, other.offset)
    }
}

impl Eq for Paragraph<'_> {}

impl<'a> Paragraph<'a> {
    pub(crate) fn new(text: &'a [u8], offset: usize, line: u64) -> Self {
        Self { text, offset, line }
    }

    /// In which line the paragraph starts, counted from 1. The strict readers count lines, the fast one does not.
    pub fn line(&self) -> Option<u64> {
        (self.line > 0).then_some(self.line)
    }

    /// Where the paragraph starts.
    pub(crate) fn place(&self) -> Place {
        self.place_at(0)
    }

    /// Where the byte `at` of `part`, a slice of this paragraph, stands.
    pub(crate) fn place_of(&self, part: &[u8], at: usize) -> Place {
        self.place_at(offset_in(self.text, part) + at)
    }

    fn place_at(&self, offset: usize) -> Place {
        let Some(before) = self.line.checked_sub(1) else { return Place::Byte(self.offset + offset) };
        // A paragraph starts where a line does.
        let (line, column) = line_and_column(self.text, offset);
        Place::Line { line: before + line, column }
    }

    /// The bytes of the paragraph as they are, with the newline of the last line if it has one, without the empty
    /// line after it.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.text
    }

    /// Where in the text the paragraph starts, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The fields in their order.
    pub fn fields(&self) -> Fields<'a> {
        Fields { rest: self.text }
    }

    /// The value of the field `name`, whose case does not matter.
    ///
    /// Blanks around the value are taken off; lines after the first keep their indentation and newlines.
    ///
    /// ```
    /// let paragraph = deb_parse::deb822::paragraphs(b"Depends: a,\n b\nSize: 7\n").next().unwrap();
    /// assert_eq!(paragraph.get("DEPENDS"), Some(&b"a,\n b"[..]));
    /// assert_eq!(paragraph.get("Section"), None);
    /// ```
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        let [value] = self.get_many([name]);
        value
    }

    /// As [`get`](Self::get), for text: nothing if the field is absent or no UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Reads several fields in one pass over the paragraph; each as [`get`](Self::get) would.
    ///
    /// ```
    /// let paragraph = deb_parse::deb822::paragraphs(b"Package: a\nSize: 7\n").next().unwrap();
    /// let [size, package, section] = paragraph.get_many(["Size", "Package", "Section"]);
    /// assert_eq!((size, package, section), (Some(&b"7"[..]), Some(&b"a"[..]), None));
    /// ```
    pub fn get_many<const N: usize>(&self, names: [&str; N]) -> [Option<&'a [u8]>; N] {
        let mut values = [None; N];
        self.find(&names, &mut values);
        values
    }

    /// Not generic, so that all of it is compiled as one piece here and not in the crate that uses it.
    fn find(&self, names: &[&str], values: &mut [Option<&'a [u8]>]) {
        let mut missing = names.len();
        // One bit for the first two letters of each name turns most lines away.
        let starts = names.iter().fold(0, |bits, name| match name.as_bytes() {
            &[only] => bits | start_bit(&[only, b':']),
            name => bits | start_bit(name),
        });
        // The field that was found and whose end was not.
        let mut found: Option<Found> = None;
        for start in std::iter::once(0).chain(LineStarts::new(self.text)) {
            let line = self.text.get(start..).unwrap_or_default();
            if let Some(field) = &mut found {
                match line.first() {
                    Some(b' ' | b'\t') => continue,
                    Some(b'#') => {
                        field.comments = true;
                        continue;
                    }
                    _ => {}
                }
                field.put(self.text.get(field.start..start), names, values);
                missing -= 1;
                if missing == 0 {
                    return;
                }
                found = None;
            }
            if start_bit(line) & starts != 0 {
                let number = names.iter().position(|name| has_name(line, name));
                found = number
                    .filter(|number| values.get(*number).is_some_and(Option::is_none))
                    .map(|number| Found { number, start, comments: false });
            }
        }
        if let Some(field) = found {
            field.put(self.text.get(field.start..), names, values);
        }
        // A name that was given twice was found for the first of the two.
        for (number, name) in names.iter().enumerate().skip(1) {
            let same = names.iter().take(number).position(|other| other.eq_ignore_ascii_case(name));
            if let Some(value) = same.and_then(|same| values.get(same).copied())
                && let Some(second) = values.get_mut(number)
            {
                *second = value;
            }
        }
    }
}

/// A field that [`Paragraph::get_many`] looks for.
struct Found {
    /// Which of the names it has.
    number: usize,
    start: usize,
    comments: bool,
}

impl Found {
    fn put<'a>(&self, text: Option<&'a [u8]>, names: &[&str], values: &mut [Option<&'a [u8]>]) {
        if let (Some(text), Some(name), Some(value)) =
            (text, names.get(self.number), values.get_mut(self.number))
        {
            *value = Some(RawField { text, comments: self.comments }.value(name.len()));
        }
    }
}

/// One of 64 bits, chosen by the first two letters in either case.
#[inline]
fn start_bit(text: &[u8]) -> u64 {
    match text {
        [a, b, ..] => 1 << ((a & 31) ^ (b & 31) << 1),
        _ => 0,
    }
}

/// The lines of a field, or of what stands where one should.
#[derive(Clone, Copy, PartialEq, Eq)]
struct RawField<'a> {
    text: &'a [u8],
    /// Whether one of the lines is a comment.
    comments: bool,
}

impl<'a> RawField<'a> {
    /// Splits the first field off. A comment belongs to the field before it: the field may go on after the comment.
    #[inline]
    fn split(text: &mut &'a [u8]) -> Self {
        let mut end = 0;
        let mut comments = false;
        loop {
            let line = text.get(end..).unwrap_or_default();
            let Some(length) = memchr::memchr(b'\n', line) else {
                end = text.len();
                break;
            };
            end += length + 1;
            match line.get(length + 1) {
                Some(b' ' | b'\t') => {}
                Some(b'#') => comments = true,
                _ => break,
            }
        }
        let (field, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
        *text = rest;
        Self { text: field, comments }
    }

    #[inline]
    fn value(&self, name: usize) -> &'a [u8] {
        let mut value = self.text.get(name + 1..).unwrap_or_default();
        if self.comments {
            value = without_last_comments(value);
        }
        trim_value(value)
    }
}

/// Whether `line` starts with `name`, whose case does not matter, and a colon.
#[inline]
pub(crate) fn has_name(line: &[u8], name: &str) -> bool {
    let name = name.as_bytes();
    line.get(name.len()) == Some(&b':')
        && line.get(..name.len()).is_some_and(|start| start == name || start.eq_ignore_ascii_case(name))
        && is_field_start(line)
}

/// Whether a line can be the first of a field by its first byte.
fn is_field_start(line: &[u8]) -> bool {
    !matches!(line.first(), None | Some(b'#' | b'-' | b':' | b' ' | b'\t'))
}

impl std::fmt::Debug for Paragraph<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.fields().map(|field| (field.name(), String::from_utf8_lossy(field.value()))))
            .finish()
    }
}

/// Iterator over the fields of a paragraph; made by [`Paragraph::fields`].
///
/// ```
/// let paragraph = deb_parse::deb822::paragraphs(b"Package: a\nSize: 7\n").next().unwrap();
/// assert_eq!(paragraph.fields().map(|field| field.name()).collect::<Vec<_>>(), ["Package", "Size"]);
/// ```
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        while !self.rest.is_empty() {
            let raw = RawField::split(&mut self.rest);
            // What is no field (a comment, or a line without a colon in text that is not valid) is passed over.
            let name = raw.text.iter().position(|c| !is_name_byte(*c)).unwrap_or_default();
            if is_field_start(raw.text) && raw.text.get(name) == Some(&b':') {
                return Some(Field { name, raw });
            }
        }
        None
    }
}

/// Whether a byte may be part of a field's name.
pub(super) fn is_name_byte(c: u8) -> bool {
    c.is_ascii_graphic() && c != b':'
}

/// One field: a name and a value, borrowed from the text.
///
/// ```
/// let paragraph = deb_parse::deb822::paragraphs(b"Depends: a,\n b\n").next().unwrap();
/// let field = paragraph.fields().next().unwrap();
/// assert_eq!((field.name(), field.value()), ("Depends", &b"a,\n b"[..]));
/// assert!(field.has_name("depends"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Length of the name, which is ASCII.
    name: usize,
    raw: RawField<'a>,
}

impl<'a> Field<'a> {
    /// The name as written.
    pub fn name(&self) -> &'a str {
        std::str::from_utf8(self.raw.text.get(..self.name).unwrap_or_default()).unwrap_or_default()
    }

    /// Whether the field has this name, whose case does not matter.
    pub fn has_name(&self, name: &str) -> bool {
        self.name == name.len() && has_name(self.raw.text, name)
    }

    /// The value without the blanks around it; lines after the first keep their indentation and newlines, and so do
    /// comments between them.
    pub fn value(&self) -> &'a [u8] {
        self.raw.value(self.name)
    }

    /// The value as text, unless it is no UTF-8.
    pub fn value_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.value()).ok()
    }

    /// The lines of the field as they are, with their newlines and the comments that follow them.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.raw.text
    }
}

impl std::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Field")
            .field("name", &self.name())
            .field("value", &String::from_utf8_lossy(self.value()))
            .finish()
    }
}

/// Takes comment lines off the end.
fn without_last_comments(mut value: &[u8]) -> &[u8] {
    loop {
        let last = value.strip_suffix(b"\n").unwrap_or(value);
        let start = memchr::memrchr(b'\n', last).map_or(0, |at| at + 1);
        match value.split_at_checked(start) {
            Some((before, [b'#', ..])) if start > 0 => value = before,
            _ => return value,
        }
    }
}

fn trim_value(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = value {
        value = rest;
    }
    value
}
