use std::fmt;
use std::io::Write as _;

use bzip2::write::BzEncoder;

use crate::{Encoding, Error};

/// A file that is compressed whole, because what was compressed apart cannot be joined in its format.
pub(crate) struct Whole {
    encoding: Encoding,
    encoder: BzEncoder<Vec<u8>>,
}

impl Whole {
    /// `None` for an encoding that is made from segments.
    pub(crate) fn new(encoding: Encoding) -> Option<Self> {
        let encoder = || BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoding.is_whole().then(|| Self { encoding, encoder: encoder() })
    }

    pub(crate) fn push(&mut self, text: &[u8]) -> Result<(), Error> {
        self.encoder.write_all(text).map_err(|source| self.encoding.error(source))
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        self.encoder.finish().map_err(|source| self.encoding.error(source))
    }
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}
