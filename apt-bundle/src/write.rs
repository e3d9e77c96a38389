use std::io::{self, Read, Write};

use sha2::Digest as _;

use crate::error::{Error, Part};
use crate::header;
use crate::manifest::{MAX_MANIFEST, Manifest, ManifestError, Member};

/// Indices come compressed and packages as well, so a higher level would cost time and gain nothing.
const LEVEL: i32 = 1;

/// How many bytes of a file are in memory at a time.
pub(crate) const PIECE: usize = 64 << 10;

/// Writes a bundle in one pass: the manifest as it was signed (the clear-signed form), then each of its [members](Manifest::members), which
/// `open` gives.
///
/// Nothing is made durable; a file to write to is to be synced and renamed by the caller.
///
/// # Errors
/// [`Error::Manifest`] when the manifest is larger than [`MAX_MANIFEST`]; [`Error::Source`] and [`Error::Changed`] when a file cannot be read or is not what the manifest lists; [`Error::Write`].
pub fn write_bundle(
    manifest: &Manifest,
    signed: &[u8],
    open: &mut dyn FnMut(&Member<'_>) -> io::Result<Box<dyn Read>>,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let writing = |part: &Part| {
        let part = part.clone();
        move |source| Error::Write { part, source }
    };
    let part = Part::Manifest;
    let mut archive = zstd::stream::write::Encoder::new(output, LEVEL).map_err(writing(&part))?;
    archive.include_checksum(true).map_err(writing(&part))?;
    if signed.len() > MAX_MANIFEST {
        return Err(ManifestError::of("with its signature it is larger than 32 MiB").into());
    }
    let size = signed.len() as u64;
    archive.write_all(&header::of(header::MANIFEST, size)).map_err(writing(&part))?;
    archive.write_all(signed).map_err(writing(&part))?;
    pad(&mut archive, size).map_err(writing(&part))?;
    let members = manifest.members();
    for (index, member) in members.iter().enumerate() {
        let part = Part::Member { number: index + 1, of: members.len(), path: member.path.clone() };
        archive.write_all(&header::of(&member.name(), member.size)).map_err(writing(&part))?;
        let source = |source| Error::Source { path: member.path.clone(), source };
        let input = open(member).map_err(source)?;
        copy(member, input, &mut archive, &part)?;
        pad(&mut archive, member.size).map_err(writing(&part))?;
    }
    archive.write_all(&[0; 2 * header::BLOCK]).map_err(writing(&Part::End))?;
    let output = archive.finish().map_err(writing(&Part::End))?;
    output.flush().map_err(writing(&Part::End))
}

/// Copies a file that must be what the manifest lists.
fn copy(member: &Member<'_>, input: Box<dyn Read>, output: &mut dyn Write, part: &Part) -> Result<(), Error> {
    let mut hasher = sha2::Sha256::new();
    let mut left = member.size;
    // One byte more than expected, so that a file that grew is noticed.
    let mut input = input.take(member.size.saturating_add(1));
    let mut buffer = vec![0; PIECE];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(Error::Source { path: member.path.clone(), source }),
        };
        let changed = || Error::Changed { path: member.path.clone() };
        left = left.checked_sub(count as u64).ok_or_else(changed)?;
        let piece = buffer.get(..count).unwrap_or_default();
        hasher.update(piece);
        output.write_all(piece).map_err(|source| Error::Write { part: part.clone(), source })?;
    }
    if left == 0 && hasher.finalize().as_slice() == member.sha256.as_bytes() {
        Ok(())
    } else {
        Err(Error::Changed { path: member.path.clone() })
    }
}

fn pad(output: &mut dyn Write, size: u64) -> io::Result<()> {
    output.write_all([0; header::BLOCK].get(..header::padding(size)).unwrap_or_default())
}
