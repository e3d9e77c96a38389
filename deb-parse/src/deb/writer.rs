//! Writes packages piece by piece, so that their files need not fit into memory.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};

use super::codec::Encoder;
use super::compression::Compression;
use super::tar::Owner;
use super::{ar, codec, tar};
use crate::error::Error;

/// Writes a package whose files come one after the other.
///
/// The control archive comes first in a package, so its files are given at the beginning; [`Builder`](super::Builder) makes them for a package
/// that fits into memory. The caller gives the entries in the order in which dpkg is to unpack them, each directory before what is in it.
/// What is written depends on what is given and on nothing else. Memory goes to the compression alone: with xz a little under 100 MiB.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::io::Cursor;
/// use deb_parse::deb::{self, Compression, Owner, Writer};
///
/// let control = "Package: hello\nVersion: 1.0\nArchitecture: all\nDescription: greets\n";
/// let files = BTreeMap::from([("control".to_owned(), (control.as_bytes().to_vec(), 0o644))]);
/// let mut writer = Writer::new(Cursor::new(Vec::new()), Compression::None, 0, &files)?;
/// writer.directory("etc", 0o755, &Owner::root())?;
/// writer.file("etc/hello", (0o644, &Owner::root()), 3, &b"hi\n"[..])?;
/// let package = writer.finish()?.into_inner();
/// assert_eq!(deb::read(&package[..], &deb::Options::default())?.control.package().as_str(), "hello");
/// # Ok::<(), deb_parse::Error>(())
/// ```
pub struct Writer<W: Write + Seek> {
    tar: tar::Writer<Encoder<W>>,
    /// The name of the data archive.
    name: String,
    /// Where the header of the data archive is, which has its size.
    header: u64,
    mtime: u64,
}

impl<W: Write + Seek> Writer<W> {
    /// Starts a package with these files in its control archive, each with its mode. `mtime` is the time of everything, in seconds since 1970.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if this build lacks the compression, [`Error::Value`] if dpkg takes it for data archives only, or for a time that
    /// does not fit; [`Error::Io`] for what `output` gives.
    pub fn new(
        mut output: W,
        compression: Compression,
        mtime: u64,
        control_files: &BTreeMap<String, (Vec<u8>, u32)>,
    ) -> Result<Self, Error> {
        let root = Owner::root();
        let mut control = tar::Writer::new(Vec::new(), mtime);
        control.directory("", 0o755, &root)?;
        for (name, (content, mode)) in control_files {
            control.file(name, (*mode, &root), content.len() as u64, &mut &**content)?;
        }
        let control = codec::compress(compression, &control.finish()?)?;
        let suffix = compression.suffix();
        output.write_all(ar::MAGIC)?;
        ar::write_member(&mut output, "debian-binary", mtime, b"2.0\n")?;
        ar::write_member(&mut output, &format!("control.tar{suffix}"), mtime, &control)?;
        let (name, header) = (format!("data.tar{suffix}"), output.stream_position()?);
        output.write_all(&ar::header(&name, mtime, 0)?)?;
        let mut tar = tar::Writer::new(Encoder::new(compression, output)?, mtime);
        tar.directory("", 0o755, &root)?;
        Ok(Self { tar, name, header, mtime })
    }

    /// Adds a directory. `path` is below the root, such as `usr/bin`.
    ///
    /// # Errors
    /// [`Error::Value`] for a path that a package cannot hold; [`Error::Io`] for what the output gives.
    pub fn directory(&mut self, path: &str, mode: u32, owner: &Owner) -> Result<(), Error> {
        self.tar.directory(checked_path(path)?, mode, owner)
    }

    /// Adds a file of `size` bytes.
    ///
    /// # Errors
    /// As for [`directory`](Self::directory), and [`Error::Value`] when `content` has another size.
    pub fn file(
        &mut self,
        path: &str,
        (mode, owner): (u32, &Owner),
        size: u64,
        mut content: impl Read,
    ) -> Result<(), Error> {
        self.tar.file(checked_path(path)?, (mode, owner), size, &mut content)
    }

    /// Adds a symbolic link that points to `target`.
    ///
    /// # Errors
    /// As for [`directory`](Self::directory).
    pub fn symlink(&mut self, path: &str, target: &str, owner: &Owner) -> Result<(), Error> {
        self.tar.symlink(checked_path(path)?, target, owner)
    }

    /// Ends the package and returns what it was written to. Without this call, what was written is not a package.
    ///
    /// # Errors
    /// [`Error::Value`] for a data archive of more than ten digits of bytes; [`Error::Io`] for what the output gives.
    pub fn finish(self) -> Result<W, Error> {
        let mut output = self.tar.finish()?.finish()?;
        let end = output.stream_position()?;
        let size = end.saturating_sub(self.header + ar::HEADER_LEN as u64);
        if size % 2 == 1 {
            output.write_all(b"\n")?;
        }
        output.seek(SeekFrom::Start(self.header))?;
        output.write_all(&ar::header(&self.name, self.mtime, size)?)?;
        output.seek(SeekFrom::End(0))?;
        Ok(output)
    }
}

/// The path without a `/` before it; each element must be a name.
pub(super) fn checked_path(path: &str) -> Result<&str, Error> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let plain = |element: &str| !matches!(element, "" | "." | "..");
    if !path.split('/').all(plain) || path.contains(['\0', '\n']) {
        return Err(Error::value("path", path, "must be elements that are neither empty nor `.` nor `..`"));
    }
    Ok(path)
}
