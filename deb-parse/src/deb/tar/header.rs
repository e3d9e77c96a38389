//! The header block before each entry of a tar archive.

use super::number::{number, octal};
use super::{BLOCK, Dialect, EntryKind};
use crate::error::Quoted;

/// The fields of a header block.
pub(in crate::deb) struct RawHeader {
    pub(in crate::deb) path: Vec<u8>,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(in crate::deb) size: u64,
    pub(super) kind_byte: u8,
    pub(super) target: Vec<u8>,
}

impl RawHeader {
    pub(in crate::deb) fn parse(block: &[u8; BLOCK], dialect: Dialect) -> Result<Self, String> {
        let is_gnu = dialect == Dialect::Gnu;
        let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        let name = text(field(0, 100));
        let wrong = |rule: &str| format!("{}: {rule}", Quoted::new(name));
        let number = |from: usize, to: usize| number(field(from, to), dialect);

        let stored = if is_gnu { number(148, 156) } else { octal(field(148, 156)) };
        // What such a header names are the bytes of something else, as where the compressed data is damaged: it is not quoted.
        let stored = stored.ok_or("damaged tar header (its checksum is not a number)")?;
        if stored != checksum(block) && !(is_gnu && stored == signed_checksum(block)) {
            return Err("damaged tar header (its checksum is wrong)".to_owned());
        }
        let mut path = Vec::new();
        // Only POSIX archives have a prefix; dpkg takes any other mark for one of the time before marks.
        if field(257, 263) == b"ustar\0" && !text(field(345, 500)).is_empty() {
            path.extend_from_slice(text(field(345, 500)));
            path.push(b'/');
        }
        path.extend_from_slice(name);
        let size = number(124, 136).and_then(|size| u64::try_from(size).ok());
        // Sizes are added up later; no archive has an entry of that size.
        let size = size.filter(|size| *size <= i64::MAX as u64 / 2);
        let size = size.ok_or_else(|| wrong("the size is not a number, negative or too large"))?;
        let (uid, gid) = (number(108, 116), number(116, 124));
        let id = |number: Option<i128>| number.and_then(|id| u32::try_from(id).ok());
        let mode = number(100, 108);
        let (uid, gid) = match dialect {
            // GNU tar reports a wrong owner, mode or time, and unpacks the file.
            Dialect::Gnu => (id(uid).unwrap_or_default(), id(gid).unwrap_or_default()),
            Dialect::Control | Dialect::Data => {
                if number(136, 148).is_none_or(|time| i64::try_from(time).is_err()) {
                    return Err(wrong("the modification time is not a number or too large"));
                }
                // GNU tar reads the control archive for dpkg, and fails where dpkg does not look.
                if dialect == Dialect::Control && mode.is_none() {
                    return Err(wrong("the mode is not a number"));
                }
                let rule = "the owner or group is not a number or too large";
                id(uid).zip(id(gid)).ok_or_else(|| wrong(rule))?
            }
        };
        // dpkg reads a mode that is not a number as 0, and one that is too large as the largest.
        let mode = mode.map_or(0, |mode| u32::try_from(mode).unwrap_or(u32::MAX));
        let kind_byte = block.get(156).copied().unwrap_or_default();
        let target = text(field(157, 257)).to_vec();
        Ok(Self { path, mode: mode & 0o7777, uid, gid, size, kind_byte, target })
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
            // A contiguous file, for GNU tar a file as any other. dpkg refuses it in the data archive.
            b'7' if dialect == Dialect::Control => EntryKind::File,
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
            b'x' | b'X' | b'g' | b'V' => dialect == Dialect::Gnu,
            _ => false,
        }
    }

    pub(in crate::deb) fn has_content(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Gnu => self.kind_byte != b'1',
            Dialect::Control => matches!(self.kind_byte, 0 | b'0' | b'7' | b'L' | b'K'),
            Dialect::Data => matches!(self.kind_byte, 0 | b'0' | b'L' | b'K'),
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

/// The sum of the bytes of a header, with blanks in place of the sum itself.
fn checksum(block: &[u8; BLOCK]) -> i128 {
    let sum = |bytes: &[u8]| bytes.iter().map(|c| i64::from(*c)).sum::<i64>();
    i128::from(sum(block) - sum(block.get(148..156).unwrap_or_default()) + 8 * i64::from(b' '))
}

/// The same of the programs of the eighties, which took bytes for signed.
fn signed_checksum(block: &[u8; BLOCK]) -> i128 {
    let negative = |bytes: &[u8]| bytes.iter().filter(|c| **c >= 0x80).count() as i128;
    checksum(block) - 256 * (negative(block) - negative(block.get(148..156).unwrap_or_default()))
}
