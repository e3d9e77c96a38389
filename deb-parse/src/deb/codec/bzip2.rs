//! bzip2, which is only read.

use super::{Decode, Error, Limits, Step};
use ::bzip2::{Decompress, Status};

struct Decoder(Decompress);

pub(super) fn decoder(_: &Limits) -> Result<Box<dyn Decode>, Error> {
    Ok(Box::new(Decoder(Decompress::new(false))))
}

impl Decode for Decoder {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        let counts = |decoder: &Decompress| (decoder.total_in(), decoder.total_out());
        let before = counts(&self.0);
        let status = self.0.decompress(input, output).map_err(|error| error.to_string())?;
        Ok(Step::between(before, counts(&self.0), status == Status::StreamEnd))
    }
}
