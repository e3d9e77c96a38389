//! The hot path: finds paragraphs and fields in a byte slice without copying, allocating or checking.

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
    Paragraphs { text, offset: 0 }
}

/// Iterator over the paragraphs of a text; made by [`paragraphs`].
#[derive(Clone, Debug)]
pub struct Paragraphs<'a> {
    text: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for Paragraphs<'a> {
    type Item = Paragraph<'a>;

    fn next(&mut self) -> Option<Paragraph<'a>> {
        loop {
            let rest = self.text.get(self.offset..)?;
            let start = self.offset + blank_lines(rest);
            let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
            let length = paragraph_length(rest);
            self.offset = start + length;
            let paragraph = Paragraph { text: rest.get(..length)?, offset: start };
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

/// Length of the lines up to the next empty one, including their last newline.
fn paragraph_length(text: &[u8]) -> usize {
    memmem::find(text, b"\n\n").map_or(text.len(), |at| at + 1)
}

/// One paragraph (stanza): a slice of the text it was found in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Paragraph<'a> {
    text: &'a [u8],
    offset: usize,
}

impl<'a> Paragraph<'a> {
    pub(crate) fn new(text: &'a [u8], offset: usize) -> Self {
        Self { text, offset }
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
        let mut missing = N;
        for field in self.fields() {
            for (name, value) in names.iter().zip(&mut values) {
                if value.is_none() && field.has_name(name) {
                    *value = Some(field.value());
                    missing -= 1;
                }
            }
            if missing == 0 {
                break;
            }
        }
        values
    }
}

impl std::fmt::Debug for Paragraph<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.fields().map(|field| (field.name(), String::from_utf8_lossy(field.value()))))
            .finish()
    }
}

/// Iterator over the fields of a paragraph; made by [`Paragraph::fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        loop {
            let line = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at + 1);
            let mut end = line;
            // A comment line belongs to the field before it: the field may go on after the comment.
            while let Some(b' ' | b'\t' | b'#') = self.rest.get(end) {
                let rest = self.rest.get(end..).unwrap_or_default();
                end += memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            }
            let (field, rest) = self.rest.split_at_checked(end)?;
            if field.is_empty() {
                return None;
            }
            self.rest = rest;
            let first = field.get(..line).unwrap_or(field);
            // What is no field (a comment, or a line without a colon in text that is not valid) is passed over.
            if let Some(colon) = memchr::memchr(b':', first)
                && let Some(name) = first.get(..colon)
                && name.iter().all(u8::is_ascii_graphic)
                && !matches!(first.first(), Some(b'#' | b'-' | b':'))
                && let Ok(name) = std::str::from_utf8(name)
            {
                return Some(Field { name, text: field });
            }
        }
    }
}

/// One field: a name and a value, borrowed from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    name: &'a str,
    text: &'a [u8],
}

impl<'a> Field<'a> {
    /// The name as written.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Whether the field has this name, whose case does not matter.
    pub fn has_name(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value without the blanks around it; lines after the first keep their indentation and newlines.
    pub fn value(&self) -> &'a [u8] {
        trim_value(self.text.get(self.name.len() + 1..).unwrap_or_default())
    }

    /// The value as text, unless it is no UTF-8.
    pub fn value_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.value()).ok()
    }

    /// The lines of the field as they are, with their newlines.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.text
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
