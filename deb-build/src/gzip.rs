//! gzip as Policy 12.7 wants it: the best compression, without a name and a time.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
