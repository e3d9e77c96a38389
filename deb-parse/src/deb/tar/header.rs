//! The header block before each entry of a tar archive.

use super::{BLOCK, Dialect, EntryKind};
use crate::error::Quoted;

/// The fields of a header block.
pub(super) struct RawHeader {
    pub(super) path: Vec<u8>,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) kind_byte: u8,
    pub(super) target: Vec<u8>,
}

impl RawHeader {
    pub(super) fn parse(block: &[u8; BLOCK], dialect: Dialect) -> Result<Self, String> {
        let is_gnu = dialect == Dialect::Gnu;
        let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        let name = text(field(0, 100));
        let quoted = || Quoted::new(name);

        let stored = octal(field(148, 156))
            .ok_or_else(|| format!("{}: the header checksum is no number", quoted()))?;
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, c)| if (148..156).contains(&at) { u64::from(b' ') } else { u64::from(*c) })
            .sum();
        if sum != stored {
            return Err(format!("{}: the header checksum is wrong", quoted()));
        }
        let prefix = match field(257, 265) {
            b"ustar\x0000" => text(field(345, 500)),
            b"ustar  \0" | [0, 0, 0, 0, 0, 0, 0, 0] => &b""[..],
            [b'u', b's', b't', b'a', b'r', 0, ..] if is_gnu => text(field(345, 500)),
            _ if is_gnu => &b""[..],
            _ => return Err(format!("{}: the header is neither of POSIX nor of GNU tar", quoted())),
        };
        let mut path = prefix.to_vec();
        if !prefix.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        let size = number(field(124, 136)).ok_or_else(|| format!("{}: the size is no number", quoted()))?;
        // Sizes are added up below; none of this size exists.
        if size > i64::MAX as u64 / 2 {
            return Err(format!("{}: the size is too large", quoted()));
        }
        // Whose a file is and what may be done with it is nothing that keeps GNU tar from unpacking it.
        let unread = is_gnu.then_some(0);
        let owner =
            |from: usize, to: usize| octal(field(from, to)).and_then(|id| u32::try_from(id).ok()).or(unread);
        let (Some(uid), Some(gid)) = (owner(108, 116), owner(116, 124)) else {
            return Err(format!("{}: owner or group is no number", quoted()));
        };
        let mode = octal(field(100, 108)).or(unread.map(u64::from));
        let mode = mode.ok_or_else(|| format!("{}: the mode is no number", quoted()))?;
        let mode = u32::try_from(mode & 0o7777).unwrap_or_default();
        let kind_byte = block.get(156).copied().unwrap_or_default();
        Ok(Self { path, mode, uid, gid, size, kind_byte, target: text(field(157, 257)).to_vec() })
    }

    /// The kind of the entry, whose path may be longer than this header can hold.
    pub(super) fn kind(&self, path: &[u8], dialect: Dialect) -> Result<EntryKind, String> {
        let quoted = || Quoted::new(path);
        let is_gnu = dialect == Dialect::Gnu;
        Ok(match self.kind_byte {
            // Before POSIX, such a file was a directory. GNU tar still reads it as one, dpkg does not.
            0 | b'0' if path.ends_with(b"/") && is_gnu => EntryKind::Directory,
            0 | b'0' if path.ends_with(b"/") => {
                return Err(format!("{}: a file's name must not end in `/`", quoted()));
            }
            0 | b'0' => EntryKind::File,
            b'1' => EntryKind::HardLink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::CharacterDevice,
            b'4' => EntryKind::BlockDevice,
            b'5' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            b'D' if is_gnu => EntryKind::Directory,
            // A kind that is unknown is a file (POSIX pax, "ustar Interchange Format").
            _ if is_gnu => EntryKind::File,
            b'x' | b'g' => return Err(format!("{}: pax records are not supported by dpkg", quoted())),
            kind => return Err(format!("{}: entry type {} is unknown", quoted(), Quoted::new([kind]))),
        })
    }

    /// Whether it is no entry, but says something of entries that follow.
    pub(super) fn is_record(&self, dialect: Dialect) -> bool {
        match self.kind_byte {
            b'L' | b'K' => true,
            b'x' | b'g' | b'V' => dialect == Dialect::Gnu,
            _ => false,
        }
    }

    pub(super) fn has_content(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Gnu => self.kind_byte != b'1',
            Dialect::Control | Dialect::Data => matches!(self.kind_byte, 0 | b'0' | b'L' | b'K'),
        }
    }

    /// Whether blocks follow that go on with the map of a sparse file.
    pub(super) fn is_extended(&self, block: &[u8; BLOCK]) -> bool {
        self.kind_byte == b'S' && block.get(482).is_some_and(|flag| *flag != 0)
    }
}

/// The bytes before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.iter().position(|c| *c == 0).and_then(|end| field.get(..end)).unwrap_or(field)
}

/// An octal number, with blanks before it and blanks or NUL after it.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|c| !matches!(c, b'0'..=b'7')).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end)?;
    if digits.is_empty() || !rest.iter().all(|c| matches!(c, b' ' | 0)) {
        return None;
    }
    digits.iter().try_fold(0u64, |value, c| value.checked_mul(8)?.checked_add(u64::from(c - b'0')))
}

/// An octal number, or a positive one in base 256 as GNU tar writes it.
fn number(field: &[u8]) -> Option<u64> {
    match field {
        [0x80, rest @ ..] => {
            rest.iter().try_fold(0u64, |value, c| value.checked_mul(256)?.checked_add(u64::from(*c)))
        }
        _ => octal(field),
    }
}
