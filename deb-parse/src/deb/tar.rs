//! The inner layer of a package: tar archives (POSIX ustar, and GNU tar's long names), read as dpkg reads them.
//!
//! Nothing is ever extracted; entries are looked at one by one in constant memory.

use super::unpacked::Unpacked;
use crate::checksum::Sha256;
use crate::error::{Error, Quoted};
use std::fmt;
use std::io::Read;
use std::sync::Arc;

const BLOCK: usize = 512;

/// What an entry of a tar archive is.
///
/// ```
/// # use deb_parse::{Architecture, PackageName, Version, deb};
/// # let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
/// #     .symlink("usr/bin/hi", "hello").build()?;
/// let files = deb::read(&bytes[..], &deb::Options::default())?.files.unwrap();
/// assert_eq!(files.last().map(|file| file.kind), Some(deb::EntryKind::Symlink));
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A file with content.
    File,
    /// Another name of an earlier file.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
}

/// To whom an entry of a tar archive belongs.
///
/// dpkg goes by the names where the system knows them and by the numbers otherwise.
///
/// ```
/// use deb_parse::deb::Owner;
/// let games = Owner { uid: 0, gid: 60, user: "root".into(), group: "games".into() };
/// assert_eq!(games.to_string(), "root:games");
/// assert_eq!(Owner { group: String::new(), ..games }.to_string(), "root:60");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Number of the user.
    pub uid: u32,
    /// Number of the group.
    pub gid: u32,
    /// Name of the user; empty if none is written. Bytes that are no UTF-8 are replaced.
    pub user: String,
    /// Name of the group; empty if none is written. Bytes that are no UTF-8 are replaced.
    pub group: String,
}

/// `user:group`, with the number where there is no name.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.user.as_str() {
            "" => write!(f, "{}:", self.uid)?,
            user => write!(f, "{user}:")?,
        }
        match self.group.as_str() {
            "" => write!(f, "{}", self.gid),
            group => f.write_str(group),
        }
    }
}

/// An entry's header.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) kind: EntryKind,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) owner: Arc<Owner>,
    pub(super) target: Vec<u8>,
}

/// Reads the entries of an archive.
pub(super) struct Tar<'a, R> {
    input: Unpacked<'a, R>,
    /// Bytes of the current entry's content that were not read.
    left: u64,
    padding: usize,
    started: bool,
    long_names: bool,
    path_limit: usize,
    /// Takes in the content, a piece at a time.
    scratch: Box<[u8]>,
    /// Of the entry before: mostly they all have one.
    owner: Arc<Owner>,
}

impl<'a, R: Read> Tar<'a, R> {
    /// Starts to read. `long_names` says whether GNU tar's records for long names are allowed.
    pub(super) fn new(input: Unpacked<'a, R>, long_names: bool, path_limit: usize) -> Self {
        Self {
            input,
            left: 0,
            padding: 0,
            started: false,
            long_names,
            path_limit,
            scratch: vec![0; 32 * 1024].into(),
            owner: Arc::new(Owner { uid: 0, gid: 0, user: "root".into(), group: "root".into() }),
        }
    }

    pub(super) fn name(&self) -> &'a str {
        self.input.name()
    }

    /// Reads the next header, passing over what is left of the entry before it. At the end of the archive gives nothing,
    /// having made sure that nothing follows.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Error> {
        let mut long_path = None;
        let mut long_target = None;
        loop {
            self.skip_content()?;
            let mut block = [0; BLOCK];
            match self.input.read_full(&mut block)? {
                BLOCK => {}
                // As for dpkg, the end of the input will do as the end mark, but an archive of nothing will not.
                0 if self.started && long_path.is_none() && long_target.is_none() => return Ok(None),
                _ => return Err(self.error("the tar archive is cut short")),
            }
            self.started = true;
            if block.iter().all(|c| *c == 0) {
                if long_path.is_some() || long_target.is_some() {
                    return Err(self.error("a long name must be followed by its entry"));
                }
                self.check_end()?;
                return Ok(None);
            }
            let header = RawHeader::parse(&block).map_err(|rule| self.error(&rule))?;
            self.left = if header.has_content() { header.size } else { 0 };
            self.padding = padding(self.left);
            let slot = match header.kind_byte {
                b'L' => &mut long_path,
                b'K' => &mut long_target,
                _ => {
                    let path = long_path.unwrap_or_else(|| header.path.clone());
                    let kind = header.kind(&path).map_err(|rule| self.error(&rule))?;
                    let owner = self.owner(&block, &header);
                    let target = long_target.unwrap_or(header.target);
                    if path.len() > self.path_limit {
                        let limit = self.path_limit as u64;
                        return Err(Error::Limit { what: "bytes of a path name", limit }.within(self.name()));
                    }
                    return Ok(Some(Entry { path, kind, size: self.left, mode: header.mode, owner, target }));
                }
            };
            if !self.long_names {
                return Err(self.error("long-name records are not allowed in the control archive"));
            }
            if slot.is_some() {
                return Err(self.error("an entry must not have two long names"));
            }
            let limit = self.path_limit as u64;
            if header.size > limit + 1 {
                return Err(Error::Limit { what: "bytes of a path name", limit }.within(self.name()));
            }
            let mut name = self.read_content(self.path_limit + 1)?;
            if name.last() == Some(&0) {
                name.pop();
            }
            if name.is_empty() || name.contains(&0) {
                return Err(self.error("a long name must be text without NUL bytes"));
            }
            *slot = Some(name);
        }
    }

    /// Reads the content of the current entry, which may be `limit` bytes.
    pub(super) fn read_content(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let Some(size) = usize::try_from(self.left).ok().filter(|size| *size <= limit) else {
            let limit = limit as u64;
            return Err(
                Error::Limit { what: "bytes of a file in the control archive", limit }.within(self.name())
            );
        };
        // The size is only a claim: memory is taken as the bytes come.
        let mut content = Vec::new();
        while content.len() < size {
            content.extend_from_slice(self.next_piece()?);
        }
        Ok(content)
    }

    /// Reads on in the content of the current entry; gives nothing at its end.
    pub(super) fn next_piece(&mut self) -> Result<&[u8], Error> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.scratch.len());
        let piece = self.scratch.get_mut(..want).unwrap_or_default();
        if self.input.read_full(piece)? < want {
            return Err(self.error("the tar archive is cut short inside an entry"));
        }
        self.left -= want as u64;
        Ok(self.scratch.get(..want).unwrap_or_default())
    }

    /// Reads the content of the current entry to its end and hashes it.
    pub(super) fn hash_content(&mut self) -> Result<Sha256, Error> {
        use sha2::Digest;
        let mut sha256 = sha2::Sha256::new();
        loop {
            match self.next_piece()? {
                [] => return Ok(Sha256::from_bytes(sha256.finalize().into())),
                piece => sha256.update(piece),
            }
        }
    }

    fn owner(&mut self, block: &[u8; BLOCK], header: &RawHeader) -> Arc<Owner> {
        let name = |from: usize, to: usize| match block.get(257..262) {
            Some(b"ustar") => text(block.get(from..to).unwrap_or_default()),
            _ => &[],
        };
        let (user, group) = (name(265, 297), name(297, 329));
        let last = &*self.owner;
        if (last.uid, last.gid, last.user.as_bytes(), last.group.as_bytes())
            != (header.uid, header.gid, user, group)
        {
            let text = |name| String::from_utf8_lossy(name).into_owned();
            let (user, group) = (text(user), text(group));
            self.owner = Arc::new(Owner { uid: header.uid, gid: header.gid, user, group });
        }
        self.owner.clone()
    }

    fn skip_content(&mut self) -> Result<(), Error> {
        let mut left = self.left + self.padding as u64;
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(self.scratch.len());
            if self.input.read_full(self.scratch.get_mut(..want).unwrap_or_default())? < want {
                return Err(self.error("the tar archive is cut short inside an entry"));
            }
            left -= want as u64;
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// Makes sure that nothing but zeros follows the end mark: what does would be read by some programs only.
    fn check_end(&mut self) -> Result<(), Error> {
        loop {
            let length = self.input.read_full(&mut self.scratch)?;
            if self.scratch.iter().take(length).any(|c| *c != 0) {
                return Err(self.error("nothing may follow the end mark of the tar archive"));
            }
            if length < self.scratch.len() {
                return Ok(());
            }
        }
    }

    pub(super) fn error(&self, rule: &str) -> Error {
        Error::archive(self.name(), rule)
    }
}

fn padding(size: u64) -> usize {
    usize::try_from(size.next_multiple_of(BLOCK as u64) - size).unwrap_or_default()
}

/// The fields of a header block.
struct RawHeader {
    path: Vec<u8>,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
    kind_byte: u8,
    target: Vec<u8>,
}

impl RawHeader {
    fn parse(block: &[u8; BLOCK]) -> Result<Self, String> {
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
        let owner = |from: usize, to: usize| octal(field(from, to)).and_then(|id| u32::try_from(id).ok());
        let (Some(uid), Some(gid)) = (owner(108, 116), owner(116, 124)) else {
            return Err(format!("{}: owner or group is no number", quoted()));
        };
        let mode = octal(field(100, 108)).ok_or_else(|| format!("{}: the mode is no number", quoted()))?;
        let mode = u32::try_from(mode & 0o7777).unwrap_or_default();
        let kind_byte = block.get(156).copied().unwrap_or_default();
        Ok(Self { path, mode, uid, gid, size, kind_byte, target: text(field(157, 257)).to_vec() })
    }

    /// The kind of the entry, whose path may be longer than this header can hold.
    fn kind(&self, path: &[u8]) -> Result<EntryKind, String> {
        let quoted = || Quoted::new(path);
        Ok(match self.kind_byte {
            // Before POSIX, such a file was a directory. GNU tar still reads it as one, dpkg does not.
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
            b'x' | b'g' => return Err(format!("{}: pax records are not supported by dpkg", quoted())),
            kind => return Err(format!("{}: entry type {} is unknown", quoted(), Quoted::new([kind]))),
        })
    }

    fn has_content(&self) -> bool {
        matches!(self.kind_byte, 0 | b'0' | b'L' | b'K')
    }
}

/// The bytes before the first NUL.
fn text(field: &[u8]) -> &[u8] {
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

/// Writes an archive in GNU tar's form, as dpkg-deb does. Paths get a `./` before them; all entries belong to root.
pub(super) struct Writer {
    out: Vec<u8>,
    mtime: u64,
}

impl Writer {
    pub(super) fn new(mtime: u64) -> Self {
        Self { out: Vec::new(), mtime }
    }

    /// Adds a directory; the root has the empty path.
    pub(super) fn directory(&mut self, path: &str, mode: u32) -> Result<(), Error> {
        let slash = if path.is_empty() { "" } else { "/" };
        self.entry(b'5', &format!("./{path}{slash}"), mode, "", &[])
    }

    pub(super) fn file(&mut self, path: &str, content: &[u8], mode: u32) -> Result<(), Error> {
        self.entry(b'0', &format!("./{path}"), mode, "", content)
    }

    pub(super) fn symlink(&mut self, path: &str, target: &str) -> Result<(), Error> {
        if target.is_empty() || target.contains('\0') {
            return Err(Error::value("link target", target, "must be a path"));
        }
        self.entry(b'2', &format!("./{path}"), 0o777, target, &[])
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        // Two blocks of zeros end the archive; tar fills up to 20 blocks, as the old tapes wanted it.
        let length = (self.out.len() + 2 * BLOCK).next_multiple_of(20 * BLOCK);
        self.out.resize(length, 0);
        self.out
    }

    fn entry(&mut self, kind: u8, path: &str, mode: u32, target: &str, content: &[u8]) -> Result<(), Error> {
        const FIELD: usize = 100;
        for (kind, long) in [(b'K', target), (b'L', path)] {
            if long.len() > FIELD {
                let mut record = long.as_bytes().to_vec();
                record.push(0);
                self.block(kind, "././@LongLink", 0, "", &record)?;
            }
        }
        self.block(kind, path, mode, target, content)
    }

    fn block(&mut self, kind: u8, path: &str, mode: u32, target: &str, content: &[u8]) -> Result<(), Error> {
        let (size, mtime) = (content.len(), self.mtime);
        let mut header = Vec::with_capacity(BLOCK);
        let mut put = |text: &[u8], width: usize| {
            let end = header.len() + width;
            header.extend_from_slice(text.get(..width).unwrap_or(text));
            header.resize(end, 0);
        };
        put(path.as_bytes(), 100);
        put(format!("{:07o}", mode & 0o7777).as_bytes(), 8);
        put(b"0000000", 8);
        put(b"0000000", 8);
        put(format!("{size:011o}").as_bytes(), 12);
        put(format!("{mtime:011o}").as_bytes(), 12);
        put(b"        ", 8);
        put(&[kind], 1);
        put(target.as_bytes(), 100);
        put(b"ustar  \0", 8);
        put(b"root", 32);
        put(b"root", 32);
        put(b"", 183);
        let sum: u32 = header.iter().map(|c| u32::from(*c)).sum();
        let sum = format!("{sum:06o}\0 ");
        for (to, from) in header.iter_mut().skip(148).zip(sum.bytes()) {
            *to = from;
        }
        if size >= 1 << 33 || mtime >= 1 << 33 {
            return Err(Error::value("path", path, "its size or time does not fit into a tar header"));
        }
        self.out.extend_from_slice(&header);
        self.out.extend_from_slice(content);
        self.out.resize(self.out.len().next_multiple_of(BLOCK), 0);
        Ok(())
    }
}
