//! ASCII armor: splitting a file into blocks, and writing a block that every apt can read.

use crate::Error;
use sequoia_openpgp::armor::{Kind, Writer};
use std::io::Write;

const BEGIN: &[u8] = b"-----BEGIN PGP ";
const END: &[u8] = b"-----END PGP ";

/// Cuts a file into the pieces that each hold one run of packets: every armor block, or the whole file when
/// it is binary. Text between blocks is skipped, as comments are common there.
pub(super) fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    // The first octet of a packet always has its top bit set; no armor has.
    if bytes.first().is_some_and(|b| b & 0x80 != 0) {
        return vec![bytes];
    }
    let mut blocks = Vec::new();
    let mut begin = None;
    let mut offset = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let end = offset + line.len();
        if line.starts_with(BEGIN) {
            begin = Some(offset);
        } else if line.starts_with(END)
            && let Some(start) = begin.take()
        {
            blocks.extend(bytes.get(start..end));
        }
        offset = end;
    }
    blocks
}

/// Writes one armor block without headers.
///
/// apt 2.6 strips the armor of an `.asc` with a filter that takes header lines of any block but the first for
/// data, so there must be none.
pub(super) fn write(kind: Kind, packets: &[u8]) -> Result<Vec<u8>, Error> {
    let failed =
        |source: Box<dyn std::error::Error + Send + Sync>| Error::Crypto { verb: "write armor", source };
    // Room for everything at once: growing would leave copies of a secret key behind.
    let sink = Vec::with_capacity(packets.len() * 3 / 2 + 256);
    let mut writer = Writer::new(sink, kind).map_err(|e| failed(e.into()))?;
    writer.write_all(packets).map_err(|e| failed(e.into()))?;
    writer.finalize().map_err(|e| failed(e.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_armor_and_binary() {
        let text = b"comment\n-----BEGIN PGP X-----\n\na\n-----END PGP X-----\nmore\n-----BEGIN PGP Y-----\nb\n-----END PGP Y-----";
        let found = blocks(text);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with(b"-----BEGIN PGP X") && found[1].ends_with(b"Y-----"));
        assert_eq!(blocks(b"\x98\x33"), [b"\x98\x33"]);
        assert!(blocks(b"").is_empty());
        assert!(blocks(b"-----END PGP X-----\n-----BEGIN PGP X-----\n").is_empty());
    }
}
