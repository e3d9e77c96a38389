//! Copies that share nothing with their original, checked while they are made.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use deb_parse::checksum::{Blake3, Sha256};
use sha2::Digest as _;

use crate::storage::beneath::At;
use crate::storage::{StorageError, files, sealed};

/// What a copy must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Digest {
    Blake3(Blake3),
    Sha256(Sha256),
    /// An object with a text of that digest.
    Sealed(Blake3),
}

enum Hasher {
    Blake3(Box<blake3::Hasher>),
    Sha256(sha2::Sha256),
    None,
}

const PIECE: usize = 256 << 10;

/// Is told how many bytes more of a file were read. When it fails so does the copy.
pub(crate) type Tell<'a> = dyn Fn(u64) -> std::io::Result<()> + 'a;

/// Tells of what is read.
struct Told<'a> {
    input: File,
    tell: &'a Tell<'a>,
    untold: u64,
}

/// After so many bytes.
const TOLD: u64 = 1 << 20;

impl Read for Told<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.untold >= TOLD {
            (self.tell)(std::mem::take(&mut self.untold))?;
        }
        let count = self.input.read(buffer)?;
        self.untold += count as u64;
        Ok(count)
    }
}

/// Writes a new file at `to` with the bytes and the modification time of `from`; not yet synced. Says whether the bytes
/// have that digest: when not, nothing is left at `to`.
///
/// The bytes are read and written, never cloned by the file system: a clone shares the blocks, and so their decay.
pub(crate) fn copy<'a>(
    from: impl Into<At<'a>>,
    to: &At<'_>,
    digest: Digest,
    mode: u32,
) -> Result<bool, StorageError> {
    copy_told(from, to, digest, mode, &|_| Ok(()))
}

/// [`copy`] that tells how far it is.
pub(crate) fn copy_told<'a>(
    from: impl Into<At<'a>>,
    to: &At<'_>,
    digest: Digest,
    mode: u32,
    tell: &Tell<'_>,
) -> Result<bool, StorageError> {
    let at = from.into();
    let from = &*at.full();
    if let Digest::Sealed(id) = digest {
        let bytes = files::read(at.clone()).map_err(StorageError::io("read", from))?;
        let text = sealed::decompress(&bytes).unwrap_or_default();
        if blake3::hash(&text).as_bytes() != id.as_bytes() || !sealed::is_sealed(&bytes) {
            return Ok(false);
        }
    }
    let input = at.open_file().map_err(StorageError::io("open", from))?;
    let metadata = input.metadata().map_err(StorageError::io("look at", from))?;
    let mut input = Told { input, tell, untold: 0 };
    let output = match copy_from(&mut input, metadata.len(), to, digest, mode)? {
        Copied::Whole(output) => output,
        Copied::Different => return Ok(false),
        Copied::Unread(error) => return Err(StorageError::io("read", from)(error)),
    };
    let modified = metadata.modified().map_err(StorageError::io("look at", from))?;
    output.set_modified(modified).map_err(StorageError::io("set the time of", &*to.full()))?;
    Ok(true)
}

/// How a copy went.
pub(crate) enum Copied {
    Whole(File),
    /// Its bytes have another digest.
    Different,
    /// The original could not be read to its end.
    Unread(std::io::Error),
}

/// Writes a new file at `to` with the bytes of `input`, about `size` of them; not yet synced. Nothing is left when they cannot
/// be read or have another digest.
pub(crate) fn copy_from(
    input: &mut dyn Read,
    size: u64,
    to: &At<'_>,
    digest: Digest,
    mode: u32,
) -> Result<Copied, StorageError> {
    let mut output = files::create_new(to.clone(), 0o600)?;
    let full = &*to.full();
    let mut hasher = match digest {
        Digest::Blake3(_) => Hasher::Blake3(Box::default()),
        Digest::Sha256(_) => Hasher::Sha256(sha2::Sha256::new()),
        Digest::Sealed(_) => Hasher::None,
    };
    let size = usize::try_from(size).unwrap_or(PIECE);
    let mut buffer = vec![0; size.clamp(1, PIECE)];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                files::remove_if_present(to.clone())?;
                return Ok(Copied::Unread(error));
            }
        };
        let piece = buffer.get(..count).unwrap_or_default();
        match &mut hasher {
            Hasher::Blake3(hasher) => {
                hasher.update(piece);
            }
            Hasher::Sha256(hasher) => hasher.update(piece),
            Hasher::None => {}
        }
        output.write_all(piece).map_err(StorageError::io("write", full))?;
    }
    let good = match (digest, hasher) {
        (Digest::Blake3(wanted), Hasher::Blake3(hasher)) => hasher.finalize().as_bytes() == wanted.as_bytes(),
        (Digest::Sha256(wanted), Hasher::Sha256(hasher)) => {
            Sha256::from_bytes(hasher.finalize().into()) == wanted
        }
        _ => true,
    };
    if !good {
        files::remove_if_present(to.clone())?;
        return Ok(Copied::Different);
    }
    output
        .set_permissions(fs::Permissions::from_mode(mode))
        .map_err(StorageError::io("set the mode of", full))?;
    Ok(Copied::Whole(output))
}
