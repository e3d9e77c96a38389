//! The checksum of a key in armor (RFC 9580, section 6.1.1), which tells damage that would pass for a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Whether an armored text has a checksum that is not that of its content. One without a checksum, or without armor, says nothing.
pub(crate) fn contradicts(armored: &str) -> bool {
    let lines = armored.lines().map(str::trim_end).skip_while(|line| !line.is_empty()).skip(1);
    let (mut body, mut checksum) = (String::new(), None);
    for line in lines.take_while(|line| !line.starts_with("-----")) {
        match line.strip_prefix('=') {
            Some(digits) => checksum = Some(digits.to_owned()),
            None => body.push_str(line),
        }
    }
    let Some(checksum) = checksum else { return false };
    let decode = |text: &str| STANDARD.decode(text).ok();
    decode(&body).map(|bytes| crc24(&bytes).to_vec()) != decode(&checksum)
}

fn crc24(bytes: &[u8]) -> [u8; 3] {
    let mut crc: u32 = 0x00b7_04ce;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
        }
    }
    let [_, first, second, third] = crc.to_be_bytes();
    [first, second, third]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_that_of_the_content_or_tells_of_damage() {
        // The check value that catalogues of such sums give.
        assert_eq!(crc24(b"123456789"), [0x21, 0xcf, 0x02]);
        let armored = "-----BEGIN X-----\n\nMTIzNDU2Nzg5\n=Ic8C\n-----END X-----\n";
        assert!(!contradicts(armored) && !contradicts("no armor") && !contradicts(""));
        assert!(!contradicts(&armored.replace("=Ic8C\n", "")));
        for (from, to) in [("MTIz", "MTIy"), ("=Ic8C", "=Ic8D"), ("NDU2", "ND U")] {
            assert!(contradicts(&armored.replace(from, to)), "{from}");
        }
    }
}
