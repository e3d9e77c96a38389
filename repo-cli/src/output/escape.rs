//! Characters that a terminal obeys, or that change how the text around them is shown.

use std::borrow::Cow;

/// Returns whether a character is escaped wherever the text of others is printed: control characters (DEL and C1 included),
/// bidirectional controls, and the separators of lines and paragraphs.
pub(super) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Returns the text with hostile characters written as Rust escapes. File names and package fields are written by others.
pub(crate) fn escape_for_terminal(text: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| is_hostile(c) && !matches!(c, '\n' | '\t');
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let escaped =
        text.chars().map(|c| if is_escaped(c) { c.escape_unicode().to_string() } else { c.to_string() });
    Cow::Owned(escaped.collect())
}

/// Returns the text as a part of one line: as [`escape_for_terminal`] does, and line breaks and tabs too.
pub(super) fn escape_in_line(text: &str) -> Cow<'_, str> {
    match escape_for_terminal(text) {
        escaped if escaped.contains(['\n', '\t']) => {
            Cow::Owned(escaped.replace('\n', "\\n").replace('\t', "\\t"))
        }
        escaped => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_others_does_not_move_the_cursor() {
        assert_eq!(escape_for_terminal("a\tb\nc"), "a\tb\nc");
        assert_eq!(
            escape_for_terminal("\u{1b}]0;x\u{7}\u{202e}gnp\u{2028}\u{7f}\u{9b}"),
            "\\u{1b}]0;x\\u{7}\\u{202e}gnp\\u{2028}\\u{7f}\\u{9b}"
        );
    }
}
