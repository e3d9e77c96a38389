//! Packages built byte by byte, so that every byte can be wrong.

use deb_parse::deb::{self, Options, Package};
use std::io::Write;

pub(crate) const CONTROL: &str =
    "Package: probe\nVersion: 1.0-1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: probe\n";

/// A tar header that can be changed before it gets its checksum.
#[derive(Clone)]
pub(crate) struct Header(pub(crate) [u8; 512]);

impl Header {
    pub(crate) fn new(path: &[u8], kind: u8, size: usize) -> Self {
        let mut header = Self([0; 512]);
        let mode = if kind == b'5' { 0o755 } else { 0o644 };
        header.put(0, path);
        header.put(100, format!("{mode:07o}\0").as_bytes());
        header.put(108, b"0000000\0");
        header.put(116, b"0000000\0");
        header.put(124, format!("{size:011o}\0").as_bytes());
        header.put(136, b"00000000000\0");
        header.put(156, &[kind]);
        header.put(257, b"ustar  \0");
        header.put(265, b"root");
        header.put(297, b"root");
        header
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.put(at, bytes);
        self
    }

    pub(crate) fn sealed(mut self) -> [u8; 512] {
        self.put(148, b"        ");
        let sum: u32 = self.0.iter().map(|c| u32::from(*c)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

/// A tar archive in the making.
#[derive(Clone, Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    pub(crate) fn new() -> Self {
        Self::default().raw(&Header::new(b"./", b'5', 0), b"")
    }

    pub(crate) fn raw(mut self, header: &Header, content: &[u8]) -> Self {
        self.0.extend(header.clone().sealed());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.raw(&Header::new(path.as_bytes(), b'0', content.len()), content)
    }

    pub(crate) fn dir(self, path: &str) -> Self {
        self.raw(&Header::new(path.as_bytes(), b'5', 0), b"")
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

pub(crate) fn control_tar(control: impl AsRef<[u8]>) -> Vec<u8> {
    Tar::new().file("./control", control).end()
}

pub(crate) fn data_tar() -> Vec<u8> {
    Tar::new().dir("./usr/").file("./usr/probe", "hello").end()
}

/// A compressor.
pub(crate) type Pack = fn(&[u8]) -> Vec<u8>;

pub(crate) fn gz(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A gzip stream of two members, the second from that byte on.
pub(crate) fn gz_members(data: &[u8], at: usize) -> Vec<u8> {
    [gz(&data[..at]), gz(&data[at..])].concat()
}

pub(crate) fn xz(data: &[u8]) -> Vec<u8> {
    let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn lzma(data: &[u8]) -> Vec<u8> {
    let options = xz2::stream::LzmaOptions::new_preset(1).unwrap();
    let stream = xz2::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut encoder = xz2::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zst(data: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn bz2(data: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(1));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A member's header with the fields as they are given.
pub(crate) fn ar_header(name: &[u8], size: &[u8]) -> Vec<u8> {
    let mut header = name.to_vec();
    header.resize(16, b' ');
    header.extend(b"0           0     0     100644  ");
    header.extend(size);
    header.resize(58, b' ');
    header.extend(b"`\n");
    header
}

pub(crate) fn member(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = ar_header(name.as_bytes(), content.len().to_string().as_bytes());
    out.extend(content);
    if content.len() % 2 == 1 {
        out.push(b'\n');
    }
    out
}

/// Name and content.
pub(crate) type Member<'a> = (&'a str, &'a [u8]);

/// An archive of these members.
pub(crate) fn ar(members: &[Member<'_>]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        out.extend(member(name, content));
    }
    out
}

pub(crate) const VERSION: Member<'static> = ("debian-binary", b"2.0\n");

/// A sound package around this control archive.
pub(crate) fn with_control_tar(tar: &[u8]) -> Vec<u8> {
    ar(&[VERSION, ("control.tar.gz", &gz(tar)), ("data.tar.gz", &gz(&data_tar()))])
}

/// A sound package around this data archive.
pub(crate) fn with_data_tar(tar: &[u8]) -> Vec<u8> {
    ar(&[VERSION, ("control.tar.gz", &gz(&control_tar(CONTROL))), ("data.tar.gz", &gz(tar))])
}

/// A sound package around this control file.
pub(crate) fn with_control(control: impl AsRef<[u8]>) -> Vec<u8> {
    with_control_tar(&control_tar(control))
}

/// The sound control file with `from` replaced, or `from` added if it is empty.
pub(crate) fn control_but(from: &str, to: &str) -> String {
    if from.is_empty() {
        return format!("{CONTROL}{to}\n");
    }
    assert!(CONTROL.contains(from));
    CONTROL.replace(from, to)
}

pub(crate) fn read(bytes: &[u8]) -> Result<Package, deb_parse::Error> {
    deb::read(bytes, &Options::default())
}

/// Says which of the cases are not refused with a message that holds the given words, on one line and safe to print.
pub(crate) fn assert_refused<N: AsRef<str>>(cases: impl IntoIterator<Item = (N, Vec<u8>, &'static str)>) {
    let mut wrong = Vec::new();
    for (name, bytes, words) in cases {
        let name = name.as_ref();
        match read(&bytes) {
            Ok(_) => wrong.push(format!("{name}: taken")),
            Err(error) => {
                let message = error.to_string();
                if !message.contains(words) || message.chars().any(char::is_control) || message.len() > 1000 {
                    wrong.push(format!("{name}: {message}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
