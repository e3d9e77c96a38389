//! The frame of a clear-signed message, read strictly.
//!
//! ```text
//! -----BEGIN PGP SIGNED MESSAGE-----
//! Hash: SHA512
//!
//! the text; a line that starts with a dash is written "- -like this"
//! -----BEGIN PGP SIGNATURE-----
//!
//! base64
//! -----END PGP SIGNATURE-----
//! ```
//!
//! Lax readers of this frame have let unsigned text into apt more than once (CVE-2013-1051), so nothing may
//! stand before or after it, `Hash` is the only header, and a dash must be escaped. This reader shares no
//! code with the writer.

use crate::Error;

const MESSAGE: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";

/// The two halves of a clear-signed message.
#[derive(Debug)]
pub(super) struct Cleartext<'a> {
    /// The text: escapes undone, white space at line ends removed, each line ended by a line feed.
    pub(super) text: Vec<u8>,
    /// The armored signature, from its first line to the end of the message.
    pub(super) signature: &'a [u8],
}

/// Takes a clear-signed message apart; verifies nothing.
pub(super) fn split(message: &[u8]) -> Result<Cleartext<'_>, Error> {
    let mut lines = Lines { rest: message, number: 0 };
    if lines.next() != Some(MESSAGE) {
        return Err(lines.broken("it does not start with the line of a signed message"));
    }
    loop {
        match lines.next() {
            Some(b"") => break,
            Some(header) if header.starts_with(b"Hash: ") => {}
            _ => return Err(lines.broken("only Hash headers and an empty line may stand before the text")),
        }
    }
    let mut text = Vec::with_capacity(lines.rest.len());
    let signature = loop {
        let here = lines.rest;
        let Some(line) = lines.next() else {
            return Err(lines.broken("the signature is missing"));
        };
        let line = match line.strip_prefix(b"- ") {
            Some(escaped) => escaped,
            None if line == SIGNATURE => break here,
            None if line.starts_with(b"-") => return Err(lines.broken("a dash at the start is not escaped")),
            None => line,
        };
        let line = trim_end(line);
        // Text signatures treat a lone CR as the end of a line: two texts would have one signature.
        if line.contains(&b'\r') {
            return Err(lines.broken("a carriage return stands within a line"));
        }
        text.extend_from_slice(line);
        text.push(b'\n');
    };
    if text.is_empty() {
        return Err(lines.broken("the text is missing"));
    }
    loop {
        match lines.next() {
            Some(END) => break,
            Some(line) if !line.starts_with(b"-") => {}
            _ => return Err(lines.broken("the signature has no end")),
        }
    }
    if lines.any(|line| !trim_end(line).is_empty()) {
        return Err(lines.broken("something follows the signature"));
    }
    Ok(Cleartext { text, signature })
}

/// Lines without their ends (LF or CR LF), counted.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl Lines<'_> {
    fn broken(&self, rule: &'static str) -> Error {
        Error::Framing { line: self.number.max(1), rule }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = self.rest.iter().position(|b| *b == b'\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

fn trim_end(mut line: &[u8]) -> &[u8] {
    while let Some(shorter) =
        line.strip_suffix(b" ").or_else(|| line.strip_suffix(b"\t")).or_else(|| line.strip_suffix(b"\r"))
    {
        line = shorter;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_line_ends_made_one() {
        let message = b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\nHash: SHA512\n\nplain \t\n- -dash\n- From\r\n\n\
            -----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n\n";
        let parts = split(message).unwrap();
        assert_eq!(parts.text, b"plain\n-dash\nFrom\n\n");
        assert!(parts.signature.starts_with(SIGNATURE) && parts.signature.ends_with(b"-----\n\n"));
    }

    #[test]
    fn refusals_name_the_line() {
        let begin = "-----BEGIN PGP SIGNED MESSAGE-----\n";
        let messages = [
            String::new(),
            format!("{begin}Comment: none\n\n"),
            format!("{begin}\n-----BEGIN PGP SIGNATURE-----\n"),
            format!("{begin}\na\nb\n-c\n"),
            format!("{begin}\na\n-----BEGIN PGP SIGNATURE-----\nAAAA\n-----END PGP MESSAGE-----\n"),
            format!("{begin}\na\n-----BEGIN PGP SIGNATURE-----\n-----END PGP SIGNATURE-----\n\nb\n"),
        ];
        let found = messages.map(|message| match split(message.as_bytes()) {
            Err(Error::Framing { line, rule }) => format!("{line}: {rule}"),
            other => panic!("{other:?}"),
        });
        insta::assert_snapshot!(found.join("\n"), @r"
        1: it does not start with the line of a signed message
        2: only Hash headers and an empty line may stand before the text
        3: the text is missing
        5: a dash at the start is not escaped
        6: the signature has no end
        7: something follows the signature
        ");
    }
}
