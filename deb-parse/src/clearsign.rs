//! Clear-signed text (RFC 9580, section 7): `.dsc`, `.changes`, `InRelease`.
//!
//! This finds what was signed and nothing else; it verifies no signature. Text before, after or between the parts of the
//! message is an error, since a reader that took it for signed could be given anything (CVE-2013-1051).

use crate::error::Error;
use std::borrow::Cow;

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";

/// Whether `text` starts as a clear-signed message does.
///
/// ```
/// assert!(deb_parse::clearsign::is_signed(b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n"));
/// assert!(!deb_parse::clearsign::is_signed(b"Origin: Debian\n"));
/// ```
pub fn is_signed(text: &[u8]) -> bool {
    text.strip_prefix(BEGIN).is_some_and(|rest| matches!(trim_end(first_line(rest).0), b""))
}

/// Gives the signed text of a clear-signed message, without its dash escapes.
///
/// The message must be the whole of `text`: one signed part and one block of signatures, and empty lines at most after
/// it. The result is borrowed unless a line was dash-escaped.
///
/// ```
/// use deb_parse::clearsign;
/// let text = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: x\n- -- y\n\
///     -----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";
/// assert_eq!(*clearsign::payload(text)?, b"Origin: x\n-- y\n"[..]);
/// # Ok::<(), deb_parse::Error>(())
/// ```
pub fn payload(text: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    numbered_payload(text).map(|(_, payload)| payload)
}

/// As [`payload`], with the number of lines before it.
pub(crate) fn numbered_payload(text: &[u8]) -> Result<(u64, Cow<'_, [u8]>), Error> {
    let mut lines = Lines { text, offset: 0, number: 0 };
    let Some((_, BEGIN)) = lines.next() else {
        return Err(
            lines.error("a clear-signed message must start with its BEGIN line, and nothing before it")
        );
    };
    loop {
        match lines.next() {
            Some((_, b"")) => break,
            Some((_, line)) if is_header(line) => {}
            _ => {
                return Err(
                    lines.error("only `Hash:` headers and one empty line may come before the signed text")
                );
            }
        }
    }
    let (before, start) = (lines.number, lines.offset);
    let mut escaped = false;
    let end = loop {
        match lines.next() {
            Some((at, SIGNATURE)) => break at,
            Some((_, [b'-', b' ', ..])) => escaped = true,
            Some((_, [b'-', ..])) => {
                return Err(lines.error("a signed line that starts with a hyphen must be escaped with `- `"));
            }
            Some(_) => {}
            None => return Err(lines.error("the signature is missing")),
        }
    };
    loop {
        match lines.next() {
            Some((_, END)) => break,
            Some((_, [b'-', ..])) => return Err(lines.error("the signature must be one block")),
            Some(_) => {}
            None => return Err(lines.error("the END line of the signature is missing")),
        }
    }
    while let Some((_, line)) = lines.next() {
        if !line.is_empty() {
            return Err(lines.error("nothing may come after the signature"));
        }
    }
    let signed = text.get(start..end).unwrap_or_default();
    Ok((before, if escaped { Cow::Owned(unescape(signed)) } else { Cow::Borrowed(signed) }))
}

fn is_header(line: &[u8]) -> bool {
    let Some(value) = line.strip_prefix(b"Hash:") else { return false };
    value.iter().all(|c| c.is_ascii_alphanumeric() || b" ,-".contains(c))
}

fn unescape(signed: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(signed.len());
    for line in signed.split_inclusive(|c| *c == b'\n') {
        out.extend_from_slice(line.strip_prefix(b"- ").unwrap_or(line));
    }
    out
}

/// Goes through the lines, without the blanks at their ends, which a signature does not cover.
struct Lines<'a> {
    text: &'a [u8],
    offset: usize,
    number: u64,
}

impl<'a> Lines<'a> {
    /// Gives the next line and where it starts.
    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let rest = self.text.get(self.offset..).filter(|rest| !rest.is_empty())?;
        let (line, length) = first_line(rest);
        let start = self.offset;
        self.offset += length;
        self.number += 1;
        Some((start, trim_end(line)))
    }

    fn error(&self, rule: &'static str) -> Error {
        Error::Syntax { line: self.number.max(1), column: 1, field: None, rule }
    }
}

/// The first line without its newline, and its length with it.
fn first_line(text: &[u8]) -> (&[u8], usize) {
    match memchr::memchr(b'\n', text) {
        Some(at) => (text.get(..at).unwrap_or(text), at + 1),
        None => (text, text.len()),
    }
}

fn trim_end(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t' | b'\r'] = line {
        line = rest;
    }
    line
}
