//! Writing tar archives.

use super::BLOCK;
use crate::error::Error;

/// Writes an archive in GNU tar's form, as dpkg-deb does. Paths get a `./` before them; all entries belong to root.
pub(in crate::deb) struct Writer {
    out: Vec<u8>,
    mtime: u64,
}

impl Writer {
    pub(in crate::deb) fn new(mtime: u64) -> Self {
        Self { out: Vec::new(), mtime }
    }

    /// Adds a directory; the root has the empty path.
    pub(in crate::deb) fn directory(&mut self, path: &str, mode: u32) -> Result<(), Error> {
        let slash = if path.is_empty() { "" } else { "/" };
        self.entry(b'5', &format!("./{path}{slash}"), mode, "", &[])
    }

    pub(in crate::deb) fn file(&mut self, path: &str, content: &[u8], mode: u32) -> Result<(), Error> {
        self.entry(b'0', &format!("./{path}"), mode, "", content)
    }

    pub(in crate::deb) fn symlink(&mut self, path: &str, target: &str) -> Result<(), Error> {
        if target.is_empty() || target.contains('\0') {
            return Err(Error::value("link target", target, "must be a path"));
        }
        self.entry(b'2', &format!("./{path}"), 0o777, target, &[])
    }

    pub(in crate::deb) fn finish(mut self) -> Vec<u8> {
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
