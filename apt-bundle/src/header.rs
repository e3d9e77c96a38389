//! The headers of the tar archive: one form only, so that a reader compares instead of parsing.
//!
//! The form is `ustar` of POSIX.1-1988, with the base-256 sizes of GNU tar where eleven octal digits do not do.

/// Everything in a tar archive is a multiple of this many bytes long.
pub(crate) const BLOCK: usize = 512;

/// A block of a tar archive.
pub(crate) type Block = [u8; BLOCK];

/// The name of the first member.
pub(crate) const MANIFEST: &str = "manifest";

/// Sizes from here on do not fit into eleven octal digits.
const OCTAL_END: u64 = 1 << 33;

/// Returns the header of a regular file of that size. The name is cut at 100 bytes; ours are shorter.
pub(crate) fn of(name: &str, size: u64) -> Block {
    let mut block = [0; BLOCK];
    put(&mut block, 0, name.as_bytes().get(..100).unwrap_or(name.as_bytes()));
    put(&mut block, 100, b"0000644\0");
    put(&mut block, 108, b"0000000\0");
    put(&mut block, 116, b"0000000\0");
    if size < OCTAL_END {
        put(&mut block, 124, format!("{size:011o}\0").as_bytes());
    } else {
        put(&mut block, 124, &[0x80, 0, 0, 0]);
        put(&mut block, 128, &size.to_be_bytes());
    }
    put(&mut block, 136, b"00000000000\0");
    put(&mut block, 148, b"        ");
    put(&mut block, 156, b"0");
    put(&mut block, 257, b"ustar\x0000");
    put(&mut block, 265, b"root");
    put(&mut block, 297, b"root");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    block
}

fn put(block: &mut Block, offset: usize, bytes: &[u8]) {
    if let Some(place) = block.get_mut(offset..offset + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Returns the size of the manifest from its header; `None` when that is not exactly the header of a manifest.
pub(crate) fn manifest_size(block: &Block) -> Option<u64> {
    let digits = std::str::from_utf8(block.get(124..135)?).ok()?;
    let size = u64::from_str_radix(digits, 8).ok()?;
    (of(MANIFEST, size) == *block).then_some(size)
}

/// Returns how many zero bytes follow a file of that size.
pub(crate) fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    if over == 0 { 0 } else { BLOCK - over }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_header_of_a_manifest_has_its_size_read() {
        assert_eq!(manifest_size(&of(MANIFEST, 4_711)), Some(4_711));
        assert_eq!(manifest_size(&of("manifest2", 4_711)), None);
        let header = of(MANIFEST, 4_711);
        for position in 0..BLOCK {
            for bit in 0..8 {
                let mut changed = header;
                changed[position] ^= 1 << bit;
                assert_eq!(manifest_size(&changed), None, "bit {bit} of byte {position}");
            }
        }
        assert_eq!(manifest_size(&of(MANIFEST, OCTAL_END)), None, "no manifest is that large");
    }

    #[test]
    fn files_are_padded_to_whole_blocks() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
