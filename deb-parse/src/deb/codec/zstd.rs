//! zstd.

use super::{Decode, Error, Limits, Step};
use ::zstd::stream::raw::{self, Operation};
use ::zstd::zstd_safe::DParameter;

struct Decoder(raw::Decoder<'static>);

pub(super) fn decoder(limits: &Limits) -> Result<Box<dyn Decode>, Error> {
    let mut decoder = raw::Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(limits.zstd_window_log()))?;
    Ok(Box::new(Decoder(decoder)))
}

impl Decode for Decoder {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        let status = self.0.run_on_buffers(input, output).map_err(|error| error.to_string())?;
        Ok(Step { consumed: status.bytes_read, produced: status.bytes_written, ended: status.remaining == 0 })
    }
}
