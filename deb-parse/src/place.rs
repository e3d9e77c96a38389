//! Places in texts: how an error says where the wrong part stands.

use std::fmt;

/// Where in a text something lies.
///
/// The strict readers count lines. The fast one does not, and gives the byte; [`Error::in_text`](crate::Error::in_text)
/// turns that into line and column for a caller that still has the text.
///
/// ```
/// use deb_parse::{Error, Limits, Place, control::PackagesStanza, deb822};
/// let text = b"Package: a1\n\nPackage: b1\nVersion: 1_2\n";
/// let place = |paragraph| match PackagesStanza::new(paragraph).version() {
///     Err(Error::Field { place, .. }) => place,
///     other => panic!("{other:?}"),
/// };
/// let at = Place::Line { line: 4, column: 10 };
/// assert_eq!(place(deb822::parse(text, &Limits::default())?[1]), at);
/// let fast = place(deb822::paragraphs(text).nth(1).unwrap());
/// assert_eq!((fast, fast.in_text(text)), (Place::Byte(34), at));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a line of what a strict reader read. Of clear-signed text, lines are counted in the whole file, and columns
    /// without the two bytes by which a line that starts with a hyphen is escaped.
    Line {
        /// Line, counted from 1.
        line: u64,
        /// Column in bytes, counted from 1.
        column: u64,
    },
    /// At this byte of what the fast reader read, counted from 0.
    Byte(usize),
}

impl Place {
    /// Gives the line and column of a byte in `text`, which must be the whole of what the fast reader was given.
    #[must_use]
    pub fn in_text(self, text: &[u8]) -> Self {
        match self {
            Self::Byte(byte) => {
                let (line, column) = line_and_column(text, byte);
                Self::Line { line, column }
            }
            line => line,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, column } => write!(f, "line {line}, column {column}"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}

/// Line and column of the byte at `offset`, both counted from 1.
pub(crate) fn line_and_column(text: &[u8], offset: usize) -> (u64, u64) {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    (memchr::memchr_iter(b'\n', before).count() as u64 + 1, column as u64 + 1)
}

/// Where in `whole` its slice `part` starts; 0 for what is no slice of it.
///
/// Texts are read as slices of slices, so where one lies need not be handed along: its address says it. A search would
/// find the first of several equal ones.
pub(crate) fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    let offset = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    let end = offset.saturating_add(part.len());
    if end <= whole.len() { offset } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_equal_parts_is_told_from_the_first() {
        let whole = b"aa aa";
        let parts: Vec<_> = whole.split(|c| *c == b' ').map(|part| offset_in(whole, part)).collect();
        assert_eq!(parts, [0, 3]);
        assert_eq!(offset_in(whole, &whole[5..]), 5);
        assert_eq!(offset_in(whole, b"elsewhere"), 0);
    }

    #[test]
    fn lines_and_columns_are_counted_from_one() {
        let at = |offset| line_and_column(b"ab\n\ncd", offset);
        assert_eq!([at(0), at(2), at(3), at(4), at(6)], [(1, 1), (1, 3), (2, 1), (3, 1), (3, 3)]);
        assert_eq!(at(100), (3, 3));
    }
}
