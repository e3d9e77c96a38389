//! Gives a package another control file and leaves the rest of it as it is.

use super::ar::{self, Header};
use super::codec;
use super::compression::Compression;
use super::package::skip_padding;
use super::source::{Member, Source};
use super::tar::{BLOCK, Dialect, RawHeader};
use super::unpacked::Unpacked;
use crate::LimitKind;
use crate::deb822::ParagraphBuf;
use crate::error::Error;
use crate::limits::Limits;
use std::io::{Read, Write};

/// Copies a package from `input` to `output` with `control` as its control file, and returns the names of the members that were dropped.
///
/// Only the control archive is written again, in the compression that it had; its other files keep their bytes, modes and times. The data
/// archive is copied byte for byte. Signatures inside the package (members whose names start with `_gpg`) are dropped, because they
/// sign the control archive as it was. The same input gives the same bytes, always.
///
/// ```
/// use deb_parse::{Architecture, Limits, PackageName, Version, deb, deb822::ParagraphBuf};
/// let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
///     .file("usr/bin/hello", "#!/bin/sh\necho hello\n", 0o755)
///     .build()?;
/// let package = deb::read(&bytes[..], &deb::Options::default())?;
/// let mut control = ParagraphBuf::from_paragraph(package.control.paragraph())?;
/// control.set("Version", "1.1")?;
/// let mut changed = Vec::new();
/// assert!(deb::replace_control(&bytes[..], &control, &mut changed, &Limits::default())?.is_empty());
/// assert_eq!(deb::read(&changed[..], &deb::Options::default())?.control.version().as_str(), "1.1");
/// # Ok::<(), deb_parse::Error>(())
/// ```
///
/// # Errors
/// [`Error::Archive`] when `input` is not a package; [`Error::Limit`] for a control archive that is too large; [`Error::Io`] for what
/// `input` and `output` give. What was written by then is not a package.
pub fn replace_control(
    input: impl Read,
    control: &ParagraphBuf,
    mut output: impl Write,
    limits: &Limits,
) -> Result<Vec<String>, Error> {
    let mut source = Source::new(input);
    ar::read_magic(&mut source)?;
    output.write_all(ar::MAGIC)?;
    let mut dropped = Vec::new();
    let mut is_replaced = false;
    while let Some((header, bytes)) = ar::read_header_bytes(&mut source)? {
        let format = header.name.strip_prefix("control.tar").and_then(Compression::for_control);
        match format.filter(|_| !is_replaced) {
            Some(format) => {
                let tar = unpack(&mut source, &header, format, limits)?;
                let tar = with_control(&tar, &control.to_bytes(), &header.name)?;
                let packed = codec::compress(format, &tar)?;
                output.write_all(&ar::with_size(&bytes, packed.len())?)?;
                output.write_all(&packed)?;
                pad(&mut output, packed.len() as u64)?;
                is_replaced = true;
            }
            None if header.name.starts_with("_gpg") => {
                Member::new(&mut source, &header.name, header.size).read_to_end(|_| Ok(()))?;
                dropped.push(header.name.clone());
            }
            None => {
                output.write_all(&bytes)?;
                copy(&mut source, &header, &mut output)?;
                pad(&mut output, header.size)?;
            }
        }
        skip_padding(&mut source, header.size)?;
    }
    if !is_replaced {
        return Err(Error::whole_archive("the member `control.tar` is missing (deb(5))"));
    }
    Ok(dropped)
}

/// Members start at even bytes.
fn pad(output: &mut impl Write, size: u64) -> Result<(), Error> {
    Ok(if size % 2 == 1 { output.write_all(b"\n") } else { Ok(()) }?)
}

fn copy<R: Read>(source: &mut Source<R>, header: &Header, output: &mut impl Write) -> Result<(), Error> {
    let mut member = Member::new(source, &header.name, header.size);
    loop {
        let piece = member.fill()?;
        let length = piece.len();
        if length == 0 {
            return Ok(());
        }
        output.write_all(piece)?;
        member.consume(length);
    }
}

/// Returns the control archive, unpacked.
fn unpack<R: Read>(
    source: &mut Source<R>,
    header: &Header,
    format: Compression,
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    let member = Member::new(source, &header.name, header.size);
    let limit = limits.control_unpacked();
    let mut input = Unpacked::new(member, format, limits, limit, LimitKind::ControlUnpacked)?;
    let mut tar = Vec::new();
    let mut piece = vec![0; 64 * BLOCK];
    loop {
        let length = input.read_full(&mut piece)?;
        tar.extend_from_slice(piece.get(..length).unwrap_or_default());
        if length < piece.len() {
            return Ok(tar);
        }
    }
}

/// Returns a control archive with another file `control`.
fn with_control(tar: &[u8], control: &[u8], name: &str) -> Result<Vec<u8>, Error> {
    let cut_short = || Error::archive(name, "the tar archive is cut short");
    let mut out = Vec::with_capacity(tar.len() + control.len() + BLOCK);
    let mut rest = tar;
    let mut is_found = false;
    while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        let header = RawHeader::parse(block, Dialect::Control).map_err(|rule| Error::archive(name, rule))?;
        let size = if header.has_content(Dialect::Control) { header.size } else { 0 };
        let padded = size.checked_next_multiple_of(BLOCK as u64).and_then(|size| usize::try_from(size).ok());
        let (content, next) = padded.and_then(|size| behind.split_at_checked(size)).ok_or_else(cut_short)?;
        if matches!(header.path.as_slice(), b"control" | b"./control") {
            out.extend_from_slice(&resized(block, control.len()));
            out.extend_from_slice(control);
            out.resize(out.len().next_multiple_of(BLOCK), 0);
            is_found = true;
        } else {
            out.extend_from_slice(block);
            out.extend_from_slice(content);
        }
        rest = next;
    }
    if !is_found {
        return Err(Error::archive(name, "the file `control` is missing"));
    }
    // The end mark, filled up to 20 blocks as tar does.
    let length = (out.len() + 2 * BLOCK).next_multiple_of(20 * BLOCK);
    out.resize(length, 0);
    Ok(out)
}

/// Returns the header of an entry whose content now has another size.
fn resized(block: &[u8; BLOCK], size: usize) -> [u8; BLOCK] {
    let mut changed = *block;
    let mut put = |at: usize, text: &[u8]| {
        changed.iter_mut().skip(at).zip(text).for_each(|(place, byte)| *place = *byte);
        changed.iter().map(|byte| u32::from(*byte)).sum::<u32>()
    };
    put(124, format!("{size:011o}\0").as_bytes());
    // The sum counts its own place as blanks.
    let sum = put(148, b"        ");
    put(148, format!("{sum:06o}\0 ").as_bytes());
    changed
}
