//! The owned paragraph, which can be changed and written.

use super::scan::Paragraph;
use super::strict::{self, forbidden};
use crate::error::Error;
use crate::limits::Limits;
use std::fmt;

/// A paragraph that owns its fields, in order.
///
/// It never holds what could be read as another field or another paragraph: a value with a newline must have its
/// further lines indented, as they are written.
///
/// ```
/// use deb_parse::deb822::ParagraphBuf;
/// let mut paragraph = ParagraphBuf::new();
/// paragraph.push("Package", "hello")?;
/// paragraph.push("Description", "greets\n A longer text.\n .\n And more.")?;
/// paragraph.set("package", "hello2")?;
/// assert_eq!(paragraph.to_string(), "Package: hello2\nDescription: greets\n A longer text.\n .\n And more.\n");
/// assert!(paragraph.push("Homepage", "x\nFilename: /etc/passwd").is_err());
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParagraphBuf {
    fields: Vec<(String, Vec<u8>)>,
}

impl ParagraphBuf {
    /// Makes a paragraph without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads exactly one paragraph, as strictly as [`parse`](super::parse).
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Error> {
        Self::from_paragraph(strict::parse_one(0, text, limits)?)
    }

    /// Takes over the fields of a borrowed paragraph.
    pub fn from_paragraph(paragraph: Paragraph<'_>) -> Result<Self, Error> {
        let mut owned = Self::new();
        for field in paragraph.fields() {
            owned.push(field.name(), field.value())?;
        }
        Ok(owned)
    }

    /// Adds a field at the end. It is an error if there is one of that name already.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        check_name(name)?;
        check_value(value.as_ref())?;
        if self.position(name).is_some() {
            return Err(Error::value("field name", name, "occurs twice in this paragraph"));
        }
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        Ok(())
    }

    /// Gives the field `name` a new value; adds it at the end if it is not there.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        check_value(value.as_ref())?;
        match self.position(name).and_then(|at| self.fields.get_mut(at)) {
            None => self.push(name, value),
            Some((_, old)) => {
                *old = value.as_ref().to_vec();
                Ok(())
            }
        }
    }

    /// Takes the field `name` away; gives its value if it was there.
    pub fn remove(&mut self, name: &str) -> Option<Vec<u8>> {
        let at = self.position(name)?;
        Some(self.fields.remove(at).1)
    }

    /// The value of the field `name`, whose case does not matter.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        Some(&self.fields.get(self.position(name)?)?.1)
    }

    /// As [`get`](Self::get), for text: nothing if the field is absent or no UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Names and values in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Whether the paragraph is empty.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The paragraph as it is written, with a newline at its end and no empty line after it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in &self.fields {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            if value.first().is_some_and(|c| *c != b'\n') {
                out.push(b' ');
            }
            out.extend_from_slice(value);
            out.push(b'\n');
        }
        out
    }

    /// Writes what [`to_bytes`](Self::to_bytes) gives.
    pub fn write_to(&self, mut output: impl std::io::Write) -> Result<(), Error> {
        Ok(output.write_all(&self.to_bytes())?)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|(other, _)| other.eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for ParagraphBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let rule = if name.is_empty() {
        "must not be empty"
    } else if name.starts_with(['#', '-']) {
        "must not start with `#` or `-` (Policy 5.1)"
    } else if !name.bytes().all(|c| c.is_ascii_graphic() && c != b':') {
        "must be of visible ASCII characters without `:` (Policy 5.1)"
    } else {
        return Ok(());
    };
    Err(Error::value("field name", name, rule))
}

/// A value must read back as itself: no blanks around it, and every further line indented and not blank.
fn check_value(value: &[u8]) -> Result<(), Error> {
    let error = |rule| Err(Error::value("field value", value, rule));
    if matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t' | b'\n']) {
        return error("must not have blanks at its start or end");
    }
    for (number, line) in value.split(|c| *c == b'\n').enumerate() {
        if let Some((_, rule)) = forbidden(line) {
            return error(rule);
        }
        if number > 0 {
            match line {
                [b' ' | b'\t', rest @ ..] if rest.iter().any(|c| !matches!(c, b' ' | b'\t')) => {}
                [b' ' | b'\t', ..] | [] => return error("must not have blank lines; write ` .`"),
                _ => return error("must have its further lines indented"),
            }
        }
    }
    Ok(())
}
