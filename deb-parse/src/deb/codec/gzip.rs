//! gzip.

use super::{Decode, Error, Limits, Step};
use flate2::{Decompress, FlushDecompress, Status};

struct Decoder(Decompress);

pub(super) fn decoder(_: &Limits) -> Result<Box<dyn Decode>, Error> {
    /// The largest window of the format: 32 KiB.
    const WINDOW_BITS: u8 = 15;
    Ok(Box::new(Decoder(Decompress::new_gzip(WINDOW_BITS))))
}

impl Decode for Decoder {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        let counts = |decoder: &Decompress| (decoder.total_in(), decoder.total_out());
        let before = counts(&self.0);
        let status =
            self.0.decompress(input, output, FlushDecompress::None).map_err(|error| error.to_string())?;
        Ok(Step::between(before, counts(&self.0), status == Status::StreamEnd))
    }
}
