//! The numbers in the header of a tar entry.

use super::Dialect;

/// Reads a number as the reader of the archive reads it. Returns nothing for what that reader refuses.
///
/// The fields have 8 or 12 bytes, so every number fits.
pub(super) fn number(field: &[u8], dialect: Dialect) -> Option<i128> {
    match dialect {
        Dialect::Data => of_dpkg(field),
        Dialect::Gnu => of_gnu(field),
        // dpkg has GNU tar unpack the control archive. Other programs read it as dpkg reads the data archive.
        Dialect::Control => of_dpkg(field).filter(|number| of_gnu(field) == Some(*number)),
    }
}

/// `tar_atol` of dpkg (lib/dpkg/tarfn.c).
fn of_dpkg(field: &[u8]) -> Option<i128> {
    base_256(field).or_else(|| octal(field))
}

/// Reads octal digits with blanks before them, and blanks or NUL bytes after them: `tar_atol8` of dpkg. NUL bytes alone are
/// 0, blanks alone are not a number.
pub(super) fn octal(field: &[u8]) -> Option<i128> {
    let start = field.iter().position(|c| *c != b' ')?;
    let digits = field.get(start..)?;
    let end = digits.iter().position(|c| matches!(c, 0 | b' ')).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end)?;
    rest.iter().all(|c| matches!(c, 0 | b' ')).then(|| digits_to_number(digits))?
}

/// `from_header` of GNU tar (src/list.c), without what only GNU tar of 1999 wrote.
fn of_gnu(field: &[u8]) -> Option<i128> {
    // Some programs write a NUL where the field before is full.
    let field = field.strip_prefix(&[0]).unwrap_or(field);
    let start = field.iter().position(|c| !is_space(*c))?;
    let digits = field.get(start..)?;
    base_256(digits).or_else(|| {
        let end = digits.iter().position(|c| *c == 0 || is_space(*c)).unwrap_or(digits.len());
        digits_to_number(digits.get(..end)?)
    })
}

/// Reads a number in two's complement, whose first byte is only a mark and the sign.
fn base_256(field: &[u8]) -> Option<i128> {
    let (start, rest) = match field {
        [0x80, rest @ ..] => (0, rest),
        [0xff, rest @ ..] => (-1, rest),
        _ => return None,
    };
    rest.iter().try_fold(start, |value: i128, c| value.checked_mul(256)?.checked_add(i128::from(*c)))
}

fn digits_to_number(digits: &[u8]) -> Option<i128> {
    digits.iter().try_fold(0i128, |value, c| {
        let digit = c.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value.checked_mul(8)?.checked_add(i128::from(digit))
    })
}

/// `isspace` of C.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_dpkg_and_gnu_tar_read_them() {
        let cases: [(&[u8], Option<i128>, Option<i128>); 16] = [
            (b"0000644\0", Some(0o644), Some(0o644)),
            (b"00000644", Some(0o644), Some(0o644)),
            (b"   644 \0", Some(0o644), Some(0o644)),
            (b"644\0  \0 ", Some(0o644), Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0), Some(0)),
            (b"  \0\0\0\0\0\0", Some(0), Some(0)),
            (b"        ", None, None),
            (b"\0       ", Some(0), None),
            (b"\x00000644\0", None, Some(0o644)),
            (b"\t000644\0", None, Some(0o644)),
            (b"644\0junk", None, Some(0o644)),
            (b"0000648\0", None, None),
            (b"-000001\0", None, None),
            (b"\x80\0\0\0\x01\0\0\0", Some(1 << 24), Some(1 << 24)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2), Some(-2)),
            (b"\x81\0\0\0\0\0\0\0", None, None),
        ];
        for (field, dpkg, gnu) in cases {
            let both = dpkg.filter(|number| gnu == Some(*number));
            let read = [Dialect::Data, Dialect::Gnu, Dialect::Control].map(|dialect| number(field, dialect));
            assert_eq!(read, [dpkg, gnu, both], "{}", field.escape_ascii());
        }
        assert_eq!(number(&[0x80; 12], Dialect::Data), Some(0x80_8080_8080_8080_8080_8080));
    }
}
