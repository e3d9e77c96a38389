//! The outer layer of a package: an `ar` archive of the common form (deb(5)).
//!
//! Every field of a member's header has a fixed width and is filled with blanks:
//!
//! ```text
//! name 16 | mtime 12 | owner 6 | group 6 | mode 8 | size 10 | "`\n"
//! ```
//!
//! Only name and size mean anything in a package; as in dpkg, the others are not looked at.

use super::source::Source;
use crate::error::{Error, Quoted};
use nom::bytes::complete::{tag, take};
use nom::{IResult, Parser};
use std::io::{Read, Write};

pub(super) const MAGIC: &[u8] = b"!<arch>\n";
pub(super) const HEADER_LEN: usize = 60;

/// Name and size of a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) size: u64,
}

pub(super) fn read_magic<R: Read>(source: &mut Source<R>) -> Result<(), Error> {
    let mut magic = [0; MAGIC.len()];
    if source.read_full(&mut magic)? < magic.len() || magic != MAGIC {
        return Err(Error::whole_archive("not a .deb file: no ar header (deb(5))"));
    }
    Ok(())
}

/// Reads the next member's header; nothing at the end of the file.
pub(super) fn read_header<R: Read>(source: &mut Source<R>) -> Result<Option<Header>, Error> {
    Ok(read_header_bytes(source)?.map(|(header, _)| header))
}

/// The same, with the header as it stands in the file.
pub(super) fn read_header_bytes<R: Read>(
    source: &mut Source<R>,
) -> Result<Option<(Header, [u8; HEADER_LEN])>, Error> {
    let offset = source.position();
    let mut bytes = [0; HEADER_LEN];
    match source.read_full(&mut bytes)? {
        0 => Ok(None),
        HEADER_LEN => parse_header(&bytes)
            .map(|header| Some((header, bytes)))
            .map_err(|rule| Error::archive(format!("ar header at byte {offset}"), rule)),
        _ => Err(Error::archive(format!("ar header at byte {offset}"), "is cut short")),
    }
}

fn parse_header(bytes: &[u8; HEADER_LEN]) -> Result<Header, String> {
    type Fields<'a> = (&'a [u8], &'a [u8], &'a [u8], &'a [u8]);
    let fields: IResult<&[u8], Fields<'_>> =
        (take(16usize), take(32usize), take(10usize), tag(&b"`\n"[..])).parse(bytes);
    let (_, (name, _, size, _)) =
        fields.map_err(|_| "must end with a grave accent and a newline".to_owned())?;
    Ok(Header { name: parse_name(name)?, size: parse_size(size)? })
}

/// The name without the blanks after it, and without the one slash that GNU `ar` puts at its end.
fn parse_name(field: &[u8]) -> Result<String, String> {
    let name = field.trim_ascii_end();
    let name = name.strip_suffix(b"/").unwrap_or(name);
    match std::str::from_utf8(name) {
        Ok(text) if !name.is_empty() && name.iter().all(|c| c.is_ascii_graphic() && *c != b'/') => {
            Ok(text.to_owned())
        }
        _ => Err(format!("member name {} must be visible ASCII characters without `/`", Quoted::new(field))),
    }
}

/// Reads a size as dpkg reads it (`dpkg_ar_member_get_size`): blanks, digits, and whatever follows the next blank. Blanks
/// alone are 0.
fn parse_size(field: &[u8]) -> Result<u64, String> {
    let mut size = 0u64;
    let digits = field.iter().skip_while(|c| **c == b' ').take_while(|c| **c != b' ');
    for digit in digits {
        let value = digit.checked_sub(b'0').filter(|value| *value < 10);
        let value =
            value.ok_or_else(|| format!("member size {} must be a decimal number", Quoted::new(field)))?;
        // Ten digits fit.
        size = size.saturating_mul(10).saturating_add(value.into());
    }
    Ok(size)
}

/// Returns the header of a member whose content now has another size.
pub(super) fn with_size(bytes: &[u8; HEADER_LEN], size: usize) -> Result<[u8; HEADER_LEN], Error> {
    let field = format!("{size:<10}");
    let mut changed = *bytes;
    match changed.get_mut(48..58) {
        Some(place) if place.len() == field.len() => place.copy_from_slice(field.as_bytes()),
        _ => return Err(Error::whole_archive("a member is too large for an ar archive")),
    }
    Ok(changed)
}

/// Writes a member with its header.
pub(super) fn write_member(
    output: &mut impl Write,
    name: &str,
    mtime: u64,
    content: &[u8],
) -> Result<(), Error> {
    output.write_all(&header(name, mtime, content.len() as u64)?)?;
    output.write_all(content)?;
    if content.len() % 2 == 1 {
        output.write_all(b"\n")?;
    }
    Ok(())
}

/// Returns the header of a member.
pub(super) fn header(name: &str, mtime: u64, size: u64) -> Result<Vec<u8>, Error> {
    let header = format!("{name:<16}{mtime:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 100_644);
    if header.len() != HEADER_LEN {
        return Err(Error::value("ar member", name, "its name, time or size does not fit into the header"));
    }
    Ok(header.into_bytes())
}
