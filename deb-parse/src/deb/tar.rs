//! The inner layer of a package: tar archives (POSIX ustar, and GNU tar's long names), read as dpkg reads them; and those of
//! source packages, which dpkg leaves to GNU tar.
//!
//! Nothing is ever extracted; entries are looked at one by one in constant memory.

mod header;
mod number;
mod pax;
mod writer;

use self::header::text;
use super::unpacked::Unpacked;
use crate::LimitKind;
use crate::checksum::Sha256;
use crate::error::Error;
use std::fmt;
use std::io::Read;
use std::sync::Arc;

pub(super) use header::RawHeader;
pub(super) use writer::Writer;

pub(super) const BLOCK: usize = 512;

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

impl Owner {
    /// Returns `root:root`, to which almost everything in a package belongs.
    ///
    /// ```
    /// assert_eq!(deb_parse::deb::Owner::root().to_string(), "root:root");
    /// ```
    pub fn root() -> Self {
        Self { uid: 0, gid: 0, user: "root".to_owned(), group: "root".to_owned() }
    }
}

/// `user:group`, with the number in place of a missing name.
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

/// Who must be able to read an archive, and so what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// dpkg, and every other reader of control archives.
    Control,
    /// dpkg, of data archives: long names are allowed.
    Data,
    /// GNU tar, which takes what any tar ever wrote: pax records, sparse files, headers without a mark, rubbish at the end.
    Gnu,
}

/// Reads the entries of an archive.
pub(super) struct Tar<'a, R> {
    input: Unpacked<'a, R>,
    /// Bytes of the current entry's content that were not read.
    left: u64,
    padding: usize,
    started: bool,
    dialect: Dialect,
    path_limit: usize,
    /// Takes in the content, a piece at a time.
    scratch: Box<[u8]>,
    /// Of the entry before: mostly they all have one.
    owner: Arc<Owner>,
}

impl<'a, R: Read> Tar<'a, R> {
    /// Starts to read.
    pub(super) fn new(input: Unpacked<'a, R>, dialect: Dialect, path_limit: usize) -> Self {
        Self {
            input,
            left: 0,
            padding: 0,
            started: false,
            dialect,
            path_limit,
            scratch: vec![0; 32 * 1024].into(),
            owner: Arc::new(Owner { uid: 0, gid: 0, user: "root".into(), group: "root".into() }),
        }
    }

    pub(super) fn name(&self) -> &'a str {
        self.input.name()
    }

    /// Reads the next header, passing over what is left of the entry before it. At the end of the archive gives nothing,
    /// having made sure that nothing follows unless that is allowed.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Error> {
        let is_gnu = self.dialect == Dialect::Gnu;
        let mut ahead = Ahead::default();
        loop {
            self.skip_content()?;
            let mut block = [0; BLOCK];
            match self.input.read_full(&mut block)? {
                BLOCK => {}
                // As for dpkg, the end of the input will do as the end mark, but an archive of nothing will not.
                0 if self.started && (is_gnu || ahead.is_empty()) => return Ok(None),
                _ => return Err(self.error("the tar archive is cut short")),
            }
            self.started = true;
            if block.iter().all(|c| *c == 0) {
                if is_gnu {
                    return Ok(None);
                }
                if !ahead.is_empty() {
                    return Err(self.error("a long name must be followed by its entry"));
                }
                self.check_end()?;
                return Ok(None);
            }
            let header = RawHeader::parse(&block, self.dialect).map_err(|rule| self.error(&rule))?;
            if self.dialect == Dialect::Gnu && header.is_extended(&block) {
                self.skip_sparse_map()?;
            }
            let is_record = header.is_record(self.dialect);
            let size = ahead.size.filter(|_| !is_record).unwrap_or(header.size);
            self.left = if header.has_content(self.dialect) { size } else { 0 };
            self.padding = padding(self.left);
            if is_record {
                self.read_record(&header, &mut ahead)?;
                continue;
            }
            let path = ahead.path.unwrap_or_else(|| header.path.clone());
            let kind = header.kind(&path, self.dialect).map_err(|rule| self.error(&rule))?;
            let owner = self.owner(&block, &header);
            let target = ahead.target.unwrap_or(header.target);
            if path.len() > self.path_limit {
                return Err(self.too_long());
            }
            let size = if kind == EntryKind::File { self.left } else { 0 };
            return Ok(Some(Entry { path, kind, size, mode: header.mode, owner, target }));
        }
    }

    /// Reads what stands before an entry to say what does not fit into its header.
    fn read_record(&mut self, header: &RawHeader, ahead: &mut Ahead) -> Result<(), Error> {
        let slot = match header.kind_byte {
            b'L' => &mut ahead.path,
            b'K' => &mut ahead.target,
            // `X` is that of Solaris.
            b'x' | b'X' => {
                let records = self.read_content(pax::LIMIT)?;
                return pax::read(&records, ahead).map_err(|rule| self.error(rule));
            }
            // A record for all entries names none of them.
            _ => return Ok(()),
        };
        match self.dialect {
            Dialect::Control => {
                return Err(self.error("long-name records are not allowed in the control archive"));
            }
            Dialect::Data if slot.is_some() => {
                return Err(self.error("an entry must not have two long names"));
            }
            _ => {}
        }
        if header.size > self.path_limit as u64 + 1 {
            return Err(self.too_long());
        }
        let mut name = self.read_content(self.path_limit + 1)?;
        while name.last() == Some(&0) {
            name.pop();
        }
        if name.is_empty() || name.contains(&0) {
            return Err(self.error("a long name must be text without NUL bytes"));
        }
        *slot = Some(name);
        Ok(())
    }

    /// Passes over the blocks behind the header of a sparse file that did not have room for its map.
    fn skip_sparse_map(&mut self) -> Result<(), Error> {
        loop {
            let mut block = [0; BLOCK];
            if self.input.read_full(&mut block)? < BLOCK {
                return Err(self.error("the tar archive is cut short inside the map of a sparse file"));
            }
            if block.get(504) == Some(&0) {
                return Ok(());
            }
        }
    }

    fn too_long(&self) -> Error {
        Error::Limit { what: LimitKind::Path, limit: self.path_limit as u64 }.within(self.name())
    }

    /// Reads the content of the current entry, which may be `limit` bytes.
    pub(super) fn read_content(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let Some(size) = usize::try_from(self.left).ok().filter(|size| *size <= limit) else {
            let limit = limit as u64;
            return Err(Error::Limit { what: LimitKind::ControlFile, limit }.within(self.name()));
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
        let mut scratch = std::mem::take(&mut self.scratch);
        let length = self.read_on(&mut scratch);
        self.scratch = scratch;
        Ok(self.scratch.get(..length?).unwrap_or_default())
    }

    /// As [`next_piece`](Self::next_piece), into a buffer, which is filled unless the content ends before.
    pub(super) fn read_on(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if self.input.read_full(buffer.get_mut(..want).unwrap_or_default())? < want {
            return Err(self.error("the tar archive is cut short inside an entry"));
        }
        self.left -= want as u64;
        Ok(want)
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
        let is_marked = block.get(257..262) == Some(b"ustar");
        let name = |from: usize, to: usize| match self.dialect {
            // dpkg reads the names whatever the mark of the header is.
            Dialect::Gnu if !is_marked => &[],
            _ => text(block.get(from..to).unwrap_or_default()),
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
            // An archive that is not unpacked is known to be cut by that.
            if length % BLOCK != 0 {
                return Err(self.error("the tar archive is cut short inside its end mark"));
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

/// What was said of an entry before its header.
#[derive(Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Ahead {
    fn is_empty(&self) -> bool {
        self.path.is_none() && self.target.is_none()
    }
}

/// Whether bytes start a tar archive; one may be empty.
pub(super) fn starts(block: &[u8]) -> bool {
    let Ok(block) = <&[u8; BLOCK]>::try_from(block) else { return false };
    block.iter().all(|c| *c == 0) || RawHeader::parse(block, Dialect::Gnu).is_ok()
}

fn padding(size: u64) -> usize {
    usize::try_from(size.next_multiple_of(BLOCK as u64) - size).unwrap_or_default()
}
