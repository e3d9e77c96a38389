use crate::LimitKind;
use crate::deb822::Paragraph;
use crate::place::{Place, line_and_column, offset_in};
use std::fmt;

/// A piece of foreign text, made safe to print.
///
/// Control characters, invisible and bidirectional characters and bytes that are no UTF-8 are written as escapes,
/// and the text is cut after 80 characters, so that a message can go to a terminal or a log as it is.
///
/// ```
/// assert_eq!(deb_parse::Quoted::new("x".repeat(100)).to_string().chars().count(), 83);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Quoted(Box<str>);

impl Quoted {
    const MAX_CHARS: usize = 80;

    /// Quotes `text` in double quotes.
    ///
    /// ```
    /// assert_eq!(deb_parse::Quoted::new(b"a\x1b[31m\n").to_string(), r#""a\u{1b}[31m\n""#);
    /// ```
    pub fn new(text: impl AsRef<[u8]>) -> Self {
        let mut out = String::from("\"");
        let mut left = Self::MAX_CHARS;
        for chunk in text.as_ref().utf8_chunks() {
            for c in chunk.valid().chars().take(left) {
                match c {
                    '"' | '\\' => out.extend(['\\', c]),
                    ' '..='~' => out.push(c),
                    _ if c.is_alphanumeric() => out.push(c),
                    _ => out.extend(c.escape_default()),
                }
            }
            let valid = chunk.valid().chars().take(left + 1).count();
            for byte in chunk.invalid().iter().take(left.saturating_sub(valid)) {
                out.push_str(&format!("\\x{byte:02x}"));
            }
            match left.checked_sub(valid + chunk.invalid().len()) {
                Some(rest) => left = rest,
                None => {
                    out.push('…');
                    break;
                }
            }
        }
        out.push('"');
        Self(out.into())
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why something was refused.
///
/// The text of an error is one line and names what was read, where, and the rule that was broken.
///
/// ```
/// use deb_parse::{Error, Version};
/// match Version::parse("x") {
///     Err(error @ Error::Value { .. }) => {
///         let said = r#"version "x": the upstream version must start with a digit (Policy 5.6.12)"#;
///         assert_eq!(error.to_string(), said);
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name (package, architecture, suite and so on), version, checksum or relation breaks its grammar.
    #[error("{what} {value}: {rule}")]
    Value {
        /// What the text was meant to be, such as `package name`.
        what: &'static str,
        /// The text, or the part of it that is wrong.
        value: Quoted,
        /// The rule that it breaks.
        rule: &'static str,
        /// Where in the text that was to be read the wrong part starts, in bytes.
        at: usize,
    },
    /// Text is no deb822, no clear-signed message, or none of another format that is read line by line.
    #[error("line {line}, column {column}{}: {rule}", in_field(.field.as_ref()))]
    Syntax {
        /// Line, counted from 1.
        line: u64,
        /// Column in bytes, counted from 1.
        column: u64,
        /// The field in which the error lies, if it lies in one.
        field: Option<Quoted>,
        /// The rule that is broken.
        rule: &'static str,
    },
    /// A field that must be there is missing.
    #[error("{place}: field {field} is missing")]
    Missing {
        /// Name of the field.
        field: &'static str,
        /// Where the paragraph starts.
        place: Place,
    },
    /// The value of a field breaks the grammar of that field.
    #[error("{place}, field {field}: {what} {value}: {rule}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// Where the wrong part starts.
        place: Place,
        /// What the text was meant to be.
        what: &'static str,
        /// The part of the value that is wrong.
        value: Quoted,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A `.deb` file is not built as deb(5) says, or in a way that programs read differently.
    #[error("{}{rule}", .place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default())]
    Archive {
        /// The member or file within the archive, such as `control.tar.xz: "./postinst"`; none if it is the archive as
        /// a whole.
        place: Option<String>,
        /// The rule that is broken.
        rule: String,
    },
    /// The error lies in a file inside the archive.
    #[error("{place}: {error}")]
    Within {
        /// The member or file within the archive.
        place: String,
        /// What is wrong there. It is part of this error's text, and so it is no `source()`.
        error: Box<Error>,
    },
    /// Something is larger than the limit set for it in [`Limits`](crate::Limits).
    #[error("more than {limit} {what}, which is the limit")]
    Limit {
        /// What there is too much of.
        what: LimitKind,
        /// The limit.
        limit: u64,
    },
    /// This build lacks the cargo feature that reads or writes a compression format.
    #[error("{format} compression is not part of this build (cargo feature `{feature}`)")]
    Unsupported {
        /// The format.
        format: &'static str,
        /// The cargo feature of this crate that adds it.
        feature: &'static str,
    },
    /// The reader or writer passed in by the caller failed.
    #[error("input or output failed")]
    Io(#[from] std::io::Error),
}

fn in_field(field: Option<&Quoted>) -> String {
    field.map_or_else(String::new, |name| format!(", field {name}"))
}

impl Error {
    /// Says line and column instead of the byte, if that is all that is known: `text` must be the whole text in which
    /// the fast reader found the paragraph. Each call counts the lines of `text` again.
    ///
    /// ```
    /// use deb_parse::{control::PackagesStanza, deb822};
    /// let text = b"Package: a1\n\nPackage: b1\n";
    /// let paragraph = deb822::paragraphs(text).nth(1).unwrap();
    /// let error = PackagesStanza::new(paragraph).version().unwrap_err();
    /// assert_eq!(error.to_string(), "byte 13: field Version is missing");
    /// assert_eq!(error.in_text(text).to_string(), "line 3, column 1: field Version is missing");
    /// ```
    #[must_use]
    pub fn in_text(mut self, text: &[u8]) -> Self {
        if let Self::Field { place, .. } | Self::Missing { place, .. } = &mut self {
            *place = place.in_text(text);
        }
        self
    }

    pub(crate) fn value(what: &'static str, value: impl AsRef<[u8]>, rule: &'static str) -> Self {
        Self::Value { what, value: Quoted::new(value), rule, at: 0 }
    }

    /// Says that `part`, a slice of the text `whole` that was to be read, is wrong.
    pub(crate) fn part(
        whole: impl AsRef<[u8]>,
        what: &'static str,
        part: impl AsRef<[u8]>,
        rule: &'static str,
    ) -> Self {
        Self::value(what, &part, rule).part_of(whole, part)
    }

    /// Says that what was read is `part`, a slice of the text `whole`.
    pub(crate) fn part_of(mut self, whole: impl AsRef<[u8]>, part: impl AsRef<[u8]>) -> Self {
        if let Self::Value { at, .. } = &mut self {
            *at += offset_in(whole.as_ref(), part.as_ref());
        }
        self
    }

    /// Says that a rule is broken at `offset` of `text`.
    pub(crate) fn syntax(text: &[u8], offset: usize, rule: &'static str) -> Self {
        let (line, column) = line_and_column(text, offset);
        Self::Syntax { line, column, field: None, rule }
    }

    pub(crate) fn archive(place: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Archive { place: Some(place.into()), rule: rule.into() }
    }

    pub(crate) fn whole_archive(rule: impl Into<String>) -> Self {
        Self::Archive { place: None, rule: rule.into() }
    }

    /// Says that `text`, a slice of the value of `field` in `paragraph`, could not be read. Where that is, is only looked
    /// up now.
    #[cold]
    pub(crate) fn in_field(self, paragraph: Paragraph<'_>, field: &'static str, text: &[u8]) -> Self {
        match self {
            Self::Value { what, value, rule, at } => {
                Self::Field { field, place: paragraph.place_of(text, at), what, value, rule }
            }
            other @ Self::Limit { .. } => {
                other.within(format!("{}, field {field}", paragraph.place_of(text, 0)))
            }
            other => other,
        }
    }

    /// Says where in an archive the error lies. Failures of the caller's reader are passed on as they are.
    pub(crate) fn within(self, place: impl Into<String>) -> Self {
        match self {
            Self::Io(_) | Self::Archive { .. } => self,
            other => Self::Within { place: place.into(), error: Box::new(other) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_safe_to_print() {
        let text = b"a\x1b]0;x\x07\xff\xe2\x80\xae\xc3\xa9\n\"";
        assert_eq!(Quoted::new(text).to_string(), r#""a\u{1b}]0;x\u{7}\xff\u{202e}é\n\"""#);
        assert_eq!(Quoted::new([b'a'; 1000]).to_string().chars().count(), 83);
        assert_eq!(Quoted::new([0xff; 1000]).to_string().len(), 80 * 4 + "…".len() + 2);
        assert_eq!(Quoted::new([b'a'; 80]).to_string().len(), 82);
    }
}
