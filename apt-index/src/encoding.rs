use std::fmt;
use std::io::Read as _;

use crate::{Error, RelPath, xz};

/// How an index file is compressed.
///
/// apt asks for `.xz` first and for `.zst` last when several are listed, and debootstrap knows no zstd: so
/// [`Encoding::DEFAULT`] is xz for every client and gz for foreign tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// Not compressed. `Release` always lists this form, whether the file is published or not: without it apt silently
    /// ignores the index.
    Plain,
    /// xz: blocks of one stream, as apt reads only the first stream of a file.
    Xz,
    /// gzip: a member for every segment.
    Gz,
    /// Zstandard: a frame for every segment.
    Zst,
    /// bzip2, for tools that know nothing newer. apt reads only the first stream of a file, and blocks cannot be joined at
    /// the borders of bytes: so this form is compressed whole at every change.
    Bz2,
}

impl Encoding {
    /// What is published when nothing else is asked for.
    pub const DEFAULT: [Self; 2] = [Self::Xz, Self::Gz];

    /// Every encoding whose segments can be read back, in the order in which that is cheapest.
    pub(crate) const CHEAPEST_FIRST: [Self; 4] = [Self::Plain, Self::Zst, Self::Gz, Self::Xz];

    const ALL: [Self; 5] = [Self::Plain, Self::Xz, Self::Gz, Self::Zst, Self::Bz2];

    /// The ending of the file name, with its dot; empty for [`Encoding::Plain`].
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Xz => ".xz",
            Self::Gz => ".gz",
            Self::Zst => ".zst",
            Self::Bz2 => ".bz2",
        }
    }

    /// Returns where the file of this form lies, from the path of the plain one.
    ///
    /// # Errors
    /// [`Error::Path`] when that would be too long.
    pub(crate) fn path_of(self, plain: &RelPath) -> Result<RelPath, Error> {
        RelPath::parse(&format!("{plain}{}", self.extension()))
    }

    /// The name used in configurations: `none`, `xz`, `gz`, `zst`, `bz2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "none",
            Self::Xz => "xz",
            Self::Gz => "gz",
            Self::Zst => "zst",
            Self::Bz2 => "bz2",
        }
    }

    /// The encoding of that [`name`](Self::name), if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.name() == name)
    }

    /// Returns the encoding that the ending of a file name tells, and the name of the plain file: what a reader of `Release` needs.
    ///
    /// ```
    /// use apt_index::Encoding;
    ///
    /// assert_eq!(Encoding::of_file("main/source/Sources.zst"), (Encoding::Zst, "main/source/Sources"));
    /// assert_eq!(Encoding::of_file("main/source/Sources"), (Encoding::Plain, "main/source/Sources"));
    /// ```
    #[must_use]
    pub fn of_file(name: &str) -> (Self, &str) {
        let compressed = Self::ALL.into_iter().filter(|encoding| *encoding != Self::Plain);
        let mut fitting =
            compressed.filter_map(|encoding| Some((encoding, name.strip_suffix(encoding.extension())?)));
        fitting.next().unwrap_or((Self::Plain, name))
    }

    /// Whether a file is compressed whole, and none of its segments on its own.
    pub(crate) fn is_whole(self) -> bool {
        self == Self::Bz2
    }

    /// Compresses `text` on its own, ready to be joined to others of its kind; to nothing when the file
    /// [is compressed whole](Self::is_whole).
    pub(crate) fn encode(self, text: &[u8]) -> Result<Piece, Error> {
        let bytes = match self {
            Self::Plain => Ok(text.to_vec()),
            Self::Xz => return xz::encode_block(text).map_err(|source| self.error(source)),
            Self::Gz => Gzip::default().member(text),
            Self::Zst => zstd::bulk::compress(text, 19),
            Self::Bz2 => Ok(Vec::new()),
        }
        .map_err(|source| self.error(source))?;
        Ok(Piece { size: bytes.len() as u64, bytes })
    }

    /// Undoes [`encode`](Self::encode) for a piece that held `plain` bytes. Memory follows what the piece really holds.
    pub(crate) fn decode(self, piece: &[u8], plain: u64) -> Result<Vec<u8>, Error> {
        // One byte more than expected, so that a longer text is noticed and not cut.
        let limit = plain.saturating_add(1);
        match self {
            Self::Plain => Ok(piece.to_vec()),
            Self::Xz => xz::decode_block(piece, plain),
            Self::Zst => zstd::Decoder::new(piece).and_then(|decoder| read_all(decoder.take(limit))),
            Self::Bz2 => Err(std::io::ErrorKind::Unsupported.into()),
            Self::Gz => {
                let mut decoder = flate2::bufread::GzDecoder::new(piece);
                let text = read_all(decoder.by_ref().take(limit));
                // A second member is not part of the piece, and clients would read it.
                if text.is_ok() && !decoder.get_ref().is_empty() {
                    Err(std::io::ErrorKind::InvalidData.into())
                } else {
                    text
                }
            }
        }
        .map_err(|source| self.error(source))
    }

    /// Bytes that stand before the first piece of a file.
    pub(crate) fn header(self) -> &'static [u8] {
        match self {
            Self::Xz => &xz::STREAM_HEADER,
            Self::Plain | Self::Gz | Self::Zst | Self::Bz2 => &[],
        }
    }

    /// Bytes that stand behind the last piece of a file; `sizes` are each piece's own size and the size of its text.
    pub(crate) fn trailer(self, mut sizes: impl Iterator<Item = (u64, u64)>) -> Result<Vec<u8>, Error> {
        match self {
            Self::Xz => Ok(xz::stream_trailer(sizes)),
            Self::Plain | Self::Bz2 => Ok(Vec::new()),
            // A file of no bytes at all is no valid file of these kinds: an index without a segment needs an empty one.
            Self::Gz | Self::Zst if sizes.next().is_none() => self.encode(b"").map(|piece| piece.bytes),
            Self::Gz | Self::Zst => Ok(Vec::new()),
        }
    }

    /// How many bytes a piece of that size takes in the file.
    pub(crate) fn stored(self, size: u64) -> u64 {
        match self {
            Self::Xz => size.next_multiple_of(4),
            Self::Plain | Self::Gz | Self::Zst | Self::Bz2 => size,
        }
    }

    pub(crate) fn error(self, source: std::io::Error) -> Error {
        Error::Encoding { encoding: self, source }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One compressed segment.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// What stands in the file, padding included.
    pub(crate) bytes: Vec<u8>,
    /// The size without padding: what the xz index wants to know.
    pub(crate) size: u64,
}

fn read_all(mut reader: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    reader.read_to_end(&mut text).map(|_| text)
}

/// Compresses texts to members of gzip files. Its tables are made once, which costs more than a small text.
pub(crate) struct Gzip(flate2::Compress);

impl Default for Gzip {
    /// Level 6: with this implementation level 9 makes `Packages` larger, not smaller.
    fn default() -> Self {
        Self(flate2::Compress::new(flate2::Compression::new(6), false))
    }
}

impl Gzip {
    /// What stands before the compressed text (RFC 1952): no name and no time, and no word about the system.
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

    /// Compresses a text to one member.
    pub(crate) fn member(&mut self, text: &[u8]) -> std::io::Result<Vec<u8>> {
        self.0.reset();
        let mut bytes = Vec::with_capacity(text.len() / 3 + 64);
        bytes.extend_from_slice(&Self::HEADER);
        loop {
            bytes.reserve(64);
            let consumed = usize::try_from(self.0.total_in()).unwrap_or(usize::MAX);
            let rest = text.get(consumed..).unwrap_or_default();
            if self.0.compress_vec(rest, &mut bytes, flate2::FlushCompress::Finish)?
                == flate2::Status::StreamEnd
            {
                break;
            }
            bytes.reserve(bytes.len());
        }
        bytes.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
        // The size is kept modulo 2^32.
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_gives_back_what_went_in() {
        for encoding in Encoding::CHEAPEST_FIRST {
            for text in [&b""[..], b"a", &b"Package: hello\n\n".repeat(5000)] {
                let piece = encoding.encode(text).unwrap();
                assert_eq!(encoding.stored(piece.size), piece.bytes.len() as u64, "{encoding}");
                assert_eq!(encoding.decode(&piece.bytes, text.len() as u64).unwrap(), text, "{encoding}");
            }
        }
    }

    #[test]
    fn one_encoder_makes_the_same_of_a_text_whatever_it_compressed_before() {
        let texts = [&b"Package: hello\n\n".repeat(5000)[..], b"", b"a", &b"Package: world\n\n".repeat(300)];
        let mut encoder = Gzip::default();
        for text in texts {
            let member = encoder.member(text).unwrap();
            assert_eq!(member, Gzip::default().member(text).unwrap());
            assert_eq!(Encoding::Gz.decode(&member, text.len() as u64).unwrap(), text);
        }
    }

    #[test]
    fn nothing_hides_behind_a_piece() {
        for encoding in [Encoding::Gz, Encoding::Zst, Encoding::Xz] {
            let mut piece = encoding.encode(b"Package: hello\n\n").unwrap().bytes;
            piece.extend(encoding.encode(b"Package: evil\n\n").unwrap().bytes);
            let text = encoding.decode(&piece, 16);
            assert!(text.is_err() || text.unwrap().len() != 16, "{encoding}");
        }
    }

    #[test]
    fn a_recorded_size_allocates_nothing() {
        for encoding in [Encoding::Gz, Encoding::Zst] {
            let piece = encoding.encode(b"Package: hello\n\n").unwrap().bytes;
            assert_eq!(encoding.decode(&piece, u64::MAX).unwrap(), b"Package: hello\n\n", "{encoding}");
        }
        let piece = Encoding::Xz.encode(b"Package: hello\n\n").unwrap().bytes;
        assert!(Encoding::Xz.decode(&piece, u64::MAX >> 1).is_err());
    }

    #[test]
    fn every_encoding_has_a_name_of_its_own() {
        for encoding in Encoding::ALL {
            assert_eq!(Encoding::from_name(encoding.name()), Some(encoding));
        }
    }

    #[test]
    fn a_damaged_piece_is_an_error() {
        for encoding in [Encoding::Xz, Encoding::Gz, Encoding::Zst] {
            let mut piece = encoding.encode(&b"Package: hello\n\n".repeat(50)).unwrap().bytes;
            let middle = piece.len() / 2;
            piece[middle] ^= 0xff;
            assert!(
                encoding.decode(&piece, 800).map_or(true, |text| text != b"Package: hello\n\n".repeat(50))
            );
            assert!(encoding.decode(&piece[..middle], 800).is_err(), "{encoding}");
        }
    }
}
