//! The text of one paragraph, checked and owned.

use crate::deb822::Paragraph;
use std::fmt;

/// Exactly one paragraph, at offset 0.
#[derive(Clone)]
pub(super) struct Text {
    text: Box<[u8]>,
    /// Where it started in its file.
    line: u64,
}

impl Text {
    pub(super) fn new(paragraph: Paragraph<'_>) -> Self {
        Self { text: paragraph.as_bytes().into(), line: paragraph.line().unwrap_or_default() }
    }

    /// As [`new`](Self::new), with a newline at the end.
    pub(super) fn with_newline(paragraph: Paragraph<'_>) -> Self {
        let mut text = paragraph.as_bytes().to_vec();
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        Self { text: text.into(), line: paragraph.line().unwrap_or_default() }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn paragraph(&self) -> Paragraph<'_> {
        Paragraph::new(&self.text, 0, self.line)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.paragraph().fmt(f)
    }
}
