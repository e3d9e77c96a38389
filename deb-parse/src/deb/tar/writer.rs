//! Writing tar archives.

use std::io::{Read, Write};

use super::{BLOCK, Owner};
use crate::error::Error;

/// Writes an archive in GNU tar's form, as dpkg-deb does. Paths get a `./` before them.
pub(in crate::deb) struct Writer<W> {
    output: W,
    /// How many bytes were written.
    length: u64,
    mtime: u64,
}

/// What the header of an entry says, besides its size and time.
#[derive(Clone, Copy)]
struct Header<'a> {
    kind: u8,
    path: &'a str,
    mode: u32,
    owner: &'a Owner,
    target: &'a str,
}

impl<W: Write> Writer<W> {
    pub(in crate::deb) fn new(output: W, mtime: u64) -> Self {
        Self { output, length: 0, mtime }
    }

    /// Adds a directory; the root has the empty path.
    pub(in crate::deb) fn directory(&mut self, path: &str, mode: u32, owner: &Owner) -> Result<(), Error> {
        let slash = if path.is_empty() { "" } else { "/" };
        let path = format!("./{path}{slash}");
        self.entry(Header { kind: b'5', path: &path, mode, owner, target: "" }, 0, &mut std::io::empty())
    }

    /// Adds a file of `size` bytes.
    ///
    /// # Errors
    /// [`Error::Value`] when `content` has another size.
    pub(in crate::deb) fn file(
        &mut self,
        path: &str,
        (mode, owner): (u32, &Owner),
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        let path = format!("./{path}");
        self.entry(Header { kind: b'0', path: &path, mode, owner, target: "" }, size, content)
    }

    pub(in crate::deb) fn symlink(&mut self, path: &str, target: &str, owner: &Owner) -> Result<(), Error> {
        if target.is_empty() || target.contains('\0') {
            return Err(Error::value("link target", target, "must be a path"));
        }
        let path = format!("./{path}");
        self.entry(Header { kind: b'2', path: &path, mode: 0o777, owner, target }, 0, &mut std::io::empty())
    }

    /// Ends the archive and returns what it was written to.
    pub(in crate::deb) fn finish(mut self) -> Result<W, Error> {
        // Two blocks of zeros end the archive; tar fills up to 20 blocks, as the old tapes wanted it.
        let end = (self.length + 2 * BLOCK as u64).next_multiple_of(20 * BLOCK as u64);
        self.fill(end)?;
        Ok(self.output)
    }

    fn entry(&mut self, header: Header<'_>, size: u64, content: &mut dyn Read) -> Result<(), Error> {
        const FIELD: usize = 100;
        let root = Owner::root();
        for (kind, long) in [(b'K', header.target), (b'L', header.path)] {
            if long.len() > FIELD {
                let mut record = long.as_bytes().to_vec();
                record.push(0);
                let header = Header { kind, path: "././@LongLink", mode: 0, owner: &root, target: "" };
                self.block(header, record.len() as u64, &mut &*record)?;
            }
        }
        self.block(header, size, content)
    }

    fn block(&mut self, entry: Header<'_>, size: u64, content: &mut dyn Read) -> Result<(), Error> {
        let Header { kind, path, mode, owner, target } = entry;
        let mtime = self.mtime;
        if owner.uid > MOST_OWNER || owner.gid > MOST_OWNER {
            return Err(Error::value("path", path, "the number of its owner does not fit into a tar header"));
        }
        let mut header = Vec::with_capacity(BLOCK);
        let mut put = |text: &[u8], width: usize| {
            let end = header.len() + width;
            header.extend_from_slice(text.get(..width).unwrap_or(text));
            header.resize(end, 0);
        };
        put(path.as_bytes(), 100);
        put(format!("{:07o}", mode & 0o7777).as_bytes(), 8);
        put(format!("{:07o}", owner.uid).as_bytes(), 8);
        put(format!("{:07o}", owner.gid).as_bytes(), 8);
        put(format!("{size:011o}").as_bytes(), 12);
        put(format!("{mtime:011o}").as_bytes(), 12);
        put(b"        ", 8);
        put(&[kind], 1);
        put(target.as_bytes(), 100);
        put(b"ustar  \0", 8);
        put(owner.user.as_bytes(), 32);
        put(owner.group.as_bytes(), 32);
        put(b"", 183);
        let sum: u32 = header.iter().map(|c| u32::from(*c)).sum();
        let sum = format!("{sum:06o}\0 ");
        for (to, from) in header.iter_mut().skip(148).zip(sum.bytes()) {
            *to = from;
        }
        if size >= 1 << 33 || mtime >= 1 << 33 {
            return Err(Error::value("path", path, "its size or time does not fit into a tar header"));
        }
        self.output.write_all(&header)?;
        let copied = std::io::copy(&mut content.take(size.saturating_add(1)), &mut self.output)?;
        if copied != size {
            return Err(Error::value("path", path, "its size changed while the package was built"));
        }
        self.length += BLOCK as u64 + size;
        self.fill(self.length.next_multiple_of(BLOCK as u64))
    }

    /// Writes zeros up to this length, which is less than 22 blocks away.
    fn fill(&mut self, end: u64) -> Result<(), Error> {
        let missing = end.saturating_sub(self.length);
        std::io::copy(&mut std::io::repeat(0).take(missing), &mut self.output)?;
        self.length = end;
        Ok(())
    }
}

/// The largest number of seven octal digits.
const MOST_OWNER: u32 = 0o7_777_777;
