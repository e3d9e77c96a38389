//! xz.

use super::{Decode, Error, Limits, Step};
use xz2::stream::{Action, Status, Stream};

struct Decoder(Stream);

pub(super) fn decoder(limits: &Limits) -> Result<Box<dyn Decode>, Error> {
    // No flags: the decoder ends with the first stream, and verifies its checks.
    let stream = Stream::new_stream_decoder(limits.xz_memory(), 0).map_err(std::io::Error::from)?;
    Ok(Box::new(Decoder(stream)))
}

impl Decode for Decoder {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        let counts = |stream: &Stream| (stream.total_in(), stream.total_out());
        let before = counts(&self.0);
        let status = self.0.process(input, output, Action::Run).map_err(|error| error.to_string())?;
        Ok(Step::between(before, counts(&self.0), status == Status::StreamEnd))
    }
}
