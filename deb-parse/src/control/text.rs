//! The text of one paragraph, checked and owned.

use crate::deb822::Paragraph;
use std::fmt;

/// Exactly one paragraph, at offset 0.
#[derive(Clone)]
pub(super) struct Text(Box<[u8]>);

impl Text {
    pub(super) fn new(paragraph: Paragraph<'_>) -> Self {
        Self(paragraph.as_bytes().into())
    }

    /// As [`new`](Self::new), with a newline at the end.
    pub(super) fn with_newline(paragraph: Paragraph<'_>) -> Self {
        let mut text = paragraph.as_bytes().to_vec();
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        Self(text.into())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn paragraph(&self) -> Paragraph<'_> {
        Paragraph::new(&self.0, 0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.paragraph().fmt(f)
    }
}
