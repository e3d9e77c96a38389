//! The texts that can be clear-signed and come back unchanged.
//!
//! The cleartext framework ([RFC 9580, section 7](https://www.rfc-editor.org/rfc/rfc9580.html#section-7))
//! signs lines, not bytes: white space at the end of a line is not covered by the signature, line ends are
//! normalised, and the last one belongs to the frame. A text whose bytes must survive therefore avoids all
//! three.

use crate::Error;

/// The longest line that can be signed, in bytes, its newline not counted.
///
/// GnuPG 2.2 cuts off what goes beyond some 20,000 bytes and then finds the signature bad.
pub const MAX_LINE: usize = 16_384;

/// Checks that a text can be clear-signed so that every verifier gives back the same bytes.
///
/// The text is UTF-8; it is one or more lines, each ended by a line feed; no line is longer than [`MAX_LINE`]
/// or ends in white space; the only control character is the tab.
///
/// # Errors
///
/// [`Error::Text`] with the first line that breaks a rule.
///
/// ```
/// assert!(apt_sign::check_text(b"Origin: Example\n- dashes are fine\n").is_ok());
/// assert!(apt_sign::check_text(b"Label: \n").is_err());
/// ```
pub fn check_text(text: &[u8]) -> Result<(), Error> {
    if let Err(error) = std::str::from_utf8(text) {
        let before = text.get(..error.valid_up_to()).unwrap_or_default();
        return Err(Error::Text { line: line_number(before), rule: "it is not UTF-8" });
    }
    let Some(body) = text.strip_suffix(b"\n") else {
        return Err(Error::Text { line: line_number(text), rule: "the last line has no newline" });
    };
    for (index, line) in body.split(|b| *b == b'\n').enumerate() {
        if let Some(rule) = broken_rule(line) {
            return Err(Error::Text { line: index + 1, rule });
        }
    }
    Ok(())
}

fn broken_rule(line: &[u8]) -> Option<&'static str> {
    if line.len() > MAX_LINE {
        return Some("it is longer than 16384 bytes");
    }
    if line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Some("it has a control character");
    }
    if line.ends_with(b" ") || line.ends_with(b"\t") {
        return Some("it ends in white space");
    }
    None
}

fn line_number(before: &[u8]) -> usize {
    before.iter().filter(|b| **b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &[u8]) -> String {
        check_text(text).unwrap_err().to_string()
    }

    #[test]
    fn refusals_name_line_and_rule() {
        insta::assert_snapshot!(
            [
                &b""[..], b"a", b"a\nb \n", b"a\t\n", b"a\r\n", b"a\x0c\n", b"a\n\xff\n", b"a\0b\n",
            ]
            .map(rule)
            .join("\n"),
            @r"
        line 1: text cannot be clear-signed: the last line has no newline
        line 1: text cannot be clear-signed: the last line has no newline
        line 2: text cannot be clear-signed: it ends in white space
        line 1: text cannot be clear-signed: it ends in white space
        line 1: text cannot be clear-signed: it has a control character
        line 1: text cannot be clear-signed: it has a control character
        line 2: text cannot be clear-signed: it is not UTF-8
        line 1: text cannot be clear-signed: it has a control character
        "
        );
        assert!(check_text(&[&[b'x'; MAX_LINE][..], b"\n"].concat()).is_ok());
        assert!(check_text(&[&[b'x'; MAX_LINE + 1][..], b"\n"].concat()).is_err());
    }
}
