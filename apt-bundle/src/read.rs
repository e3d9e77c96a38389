use std::io::{self, BufReader, Read, Write};
use std::time::SystemTime;

use apt_index::RelPath;
use apt_sign::{Keyring, SignedBy};
use deb_parse::checksum::Sha256;
use sha2::Digest as _;

use crate::error::{Error, Part};
use crate::header::{self, BLOCK, Block};
use crate::manifest::{MAX_MANIFEST, Manifest, Member};
use crate::write::PIECE;

/// How far back a frame may refer, as a power of two: 8 MiB, more than the level that bundles are written with.
const WINDOW_LOG: u32 = 23;

/// The first bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A bundle that is being read, from front to back.
///
/// It exists only if its manifest is signed by a key of the keyring. [`receive`](Self::receive) gives the files one by one, each compared
/// with the manifest; nothing of them is to be used before [`finish`](Self::finish) has seen the end.
pub struct Bundle<R: Read> {
    archive: zstd::stream::read::Decoder<'static, BufReader<R>>,
    manifest: Manifest,
    signed: Vec<u8>,
    signers: Vec<SignedBy>,
    /// The members, in order.
    members: Vec<Expected>,
    received: usize,
}

impl<R: Read> Bundle<R> {
    /// Reads the manifest of a bundle that is not encrypted. `now` decides which algorithms are good enough.
    ///
    /// Memory is bounded by [`MAX_MANIFEST`] and 8 MiB, whatever the input says of itself.
    ///
    /// # Errors
    /// [`Error::NotABundle`] and [`Error::Truncated`]; [`Error::Signature`] when no key of the keyring signed the manifest, or the manifest
    /// was changed; [`Error::Manifest`] when it breaks a rule of the format.
    pub fn open(input: R, keyring: &Keyring, now: SystemTime) -> Result<Self, Error> {
        Self::open_with(input, |signed| {
            let verified =
                keyring.verify_inline(signed, now).map_err(|source| Error::Signature { source })?;
            let signers = verified.signers().to_vec();
            Ok((verified.into_text(), signers))
        })
    }

    /// Reads the manifest; `verify` returns the text of the first member, and who signed it.
    pub(crate) fn open_with(
        input: R,
        verify: impl FnOnce(&[u8]) -> Result<(Vec<u8>, Vec<SignedBy>), Error>,
    ) -> Result<Self, Error> {
        let reading = |source| Error::reading(Part::Manifest, source);
        let mut input = BufReader::new(input);
        check_magic(&mut input)?;
        let mut archive = zstd::stream::read::Decoder::with_buffer(input).map_err(reading)?.single_frame();
        archive.window_log_max(WINDOW_LOG).map_err(reading)?;
        let mut block: Block = [0; BLOCK];
        archive.read_exact(&mut block).map_err(reading)?;
        let refused = |rule| Error::NotABundle { rule };
        let size = header::manifest_size(&block)
            .ok_or_else(|| refused("the archive does not begin with a manifest"))?;
        let length = usize::try_from(size).ok().filter(|length| *length <= MAX_MANIFEST);
        let length = length.ok_or_else(|| refused("the manifest is larger than 32 MiB"))?;
        let mut signed = Vec::new();
        (&mut archive).take(size).read_to_end(&mut signed).map_err(reading)?;
        if signed.len() != length {
            return Err(Error::Truncated { part: Part::Manifest });
        }
        let (text, signers) = verify(&signed)?;
        let manifest = Manifest::parse(&text)?;
        let members = manifest.members().iter().map(Expected::of).collect();
        let mut bundle = Self { archive, manifest, signed, signers, members, received: 0 };
        bundle.skip_padding(size, &Part::Manifest)?;
        Ok(bundle)
    }

    /// Returns the manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the manifest as it was signed: the clear-signed form.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// Returns who signed the manifest; at least one key of the keyring did.
    #[must_use]
    pub fn signers(&self) -> &[SignedBy] {
        &self.signers
    }

    /// Writes the next file, in the order of [`Manifest::members`], to `sink`. Its size and SHA-256 are those of the manifest when this
    /// returns without an error; until then the bytes are not to be trusted.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Damaged`] and [`Error::Read`] name the file; [`Error::Write`] when `sink` fails.
    pub fn receive(&mut self, sink: &mut dyn Write) -> Result<(), Error> {
        let Some(Expected { header, size, sha256, path }) = self.members.get(self.received) else {
            return Err(Error::Damaged { part: Part::End, rule: "no further file is listed" });
        };
        let (size, sha256) = (*size, *sha256);
        let part = Part::Member { number: self.received + 1, of: self.members.len(), path: path.clone() };
        let mut block: Block = [0; BLOCK];
        let reading = |source| Error::reading(part.clone(), source);
        self.archive.read_exact(&mut block).map_err(reading)?;
        if block != header::of(header, size) {
            let rule = "its header is not the one that the manifest asks for here";
            return Err(Error::Damaged { part, rule });
        }
        let mut hasher = sha2::Sha256::new();
        let mut left = size;
        let mut buffer = vec![0; PIECE];
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
            let piece = buffer.get_mut(..length).unwrap_or_default();
            let count = match self.archive.read(piece) {
                Ok(0) => return Err(Error::Truncated { part }),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(Error::reading(part, source)),
            };
            let piece = piece.get(..count).unwrap_or_default();
            hasher.update(piece);
            sink.write_all(piece).map_err(|source| Error::Write { part: part.clone(), source })?;
            left -= count as u64;
        }
        if hasher.finalize().as_slice() != sha256.as_bytes() {
            return Err(Error::Damaged { part, rule: "its SHA-256 is not the one in the manifest" });
        }
        self.skip_padding(size, &part)?;
        self.received += 1;
        Ok(())
    }

    /// Reads on to the end, through all files that were not received, and checks that nothing follows. A bundle is whole only when this
    /// returns without an error: an encrypted one shows only there that nothing was cut off.
    ///
    /// # Errors
    /// Those of [`receive`](Self::receive); [`Error::Trailing`] when something follows.
    pub fn finish(mut self) -> Result<Manifest, Error> {
        while self.received < self.members.len() {
            self.receive(&mut io::sink())?;
        }
        let reading = |source| Error::reading(Part::End, source);
        let mut end = [0; 2 * BLOCK];
        self.archive.read_exact(&mut end).map_err(reading)?;
        if end.iter().any(|byte| *byte != 0) {
            return Err(Error::Damaged {
                part: Part::End,
                rule: "more files follow than the manifest lists",
            });
        }
        // The checksum of the frame is compared here.
        if self.archive.read(&mut [0]).map_err(reading)? != 0 {
            return Err(Error::Trailing);
        }
        let mut behind = self.archive.finish();
        match behind.read(&mut [0]).map_err(reading)? {
            0 => Ok(self.manifest),
            _ => Err(Error::Trailing),
        }
    }

    fn skip_padding(&mut self, size: u64, part: &Part) -> Result<(), Error> {
        let mut block: Block = [0; BLOCK];
        let padding = block.get_mut(..header::padding(size)).unwrap_or_default();
        self.archive.read_exact(padding).map_err(|source| Error::reading(part.clone(), source))?;
        match padding.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(Error::Damaged { part: part.clone(), rule: "its padding is not zero" }),
        }
    }
}

/// What is to come of a member.
struct Expected {
    /// Its name in the header.
    header: String,
    size: u64,
    sha256: Sha256,
    /// The first path that has it.
    path: RelPath,
}

impl Expected {
    fn of(member: &Member<'_>) -> Self {
        Self { header: member.name(), size: member.size, sha256: member.sha256, path: member.path.clone() }
    }
}

/// Checks the first bytes without taking them.
fn check_magic<R: Read>(input: &mut BufReader<R>) -> Result<(), Error> {
    use std::io::BufRead as _;
    let reading = |source| Error::reading(Part::Manifest, source);
    let start = input.fill_buf().map_err(reading)?;
    let common = start.len().min(ZSTD.len());
    if start.is_empty() || start.get(..common) != ZSTD.get(..common) {
        return Err(Error::NotABundle { rule: "it is neither a zstd frame nor encrypted" });
    }
    Ok(())
}

/// Returns whether a file that begins with these bytes is a bundle that is not encrypted.
#[must_use]
pub fn is_plain(start: &[u8]) -> bool {
    start.starts_with(&ZSTD)
}
