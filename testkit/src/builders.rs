//! Packages with the headers that the tools of other ecosystems write, byte for byte.
//!
//! The archives are not compressed: what differs between the tools is how they write the headers of tar entries. On 2026-11-27 the
//! headers were compared with those of packages that cargo-deb 3.8.0, nfpm 2.48.0 and CPack 3.25.1 had built. A package that
//! jdeb had built was not at hand: its headers follow the sources of jdeb and of Commons Compress.

use crate::package::archive;

/// How a tool writes the headers of tar entries.
struct Style {
    /// Name of the tool.
    name: &'static str,
    magic: &'static [u8; 8],
    /// The type of an entry that is a file.
    file_type: u8,
    /// How a number is written into a field of that many bytes.
    number: fn(u64, usize) -> Vec<u8>,
    /// How the checksum is written.
    checksum: fn(u32) -> Vec<u8>,
    /// Number of user and group; nothing where the fields are left NUL.
    id: Option<u64>,
    /// Name of user and group in the data archive.
    owner: &'static str,
    /// The same in the control archive.
    control_owner: &'static str,
    /// Whether the fields for the numbers of devices are written.
    has_devices: bool,
    /// What stands before paths in the control archive.
    control_prefix: &'static str,
}

/// The crate `tar` with the old form of headers (cargo-deb): what is not set stays NUL, which is the owner, the mark and the
/// type of files.
const RUST: Style = Style {
    name: "cargo-deb",
    magic: &[0; 8],
    file_type: 0,
    number: digits_and_nul,
    checksum: |sum| digits_and_nul(sum.into(), 8),
    id: None,
    owner: "",
    control_owner: "",
    has_devices: false,
    control_prefix: "./",
};

/// `archive/tar` of Go in GNU's form (nfpm).
const GO: Style = Style {
    name: "nfpm",
    magic: b"ustar  \0",
    file_type: b'0',
    number: digits_and_nul,
    checksum: six_digits,
    id: Some(0),
    owner: "root",
    control_owner: "",
    has_devices: true,
    control_prefix: "./",
};

/// Apache Commons Compress, with which jdeb writes both archives, as its sources say (`TarUtils.formatLongOctalBytes`): a blank ends each number
/// and fills the field, with no NUL after it. In jdeb's sources the control files are owned by `root` and their paths begin with `./`
/// (`ControlBuilder`).
const JAVA: Style = Style {
    name: "jdeb",
    magic: b"ustar\x0000",
    file_type: b'0',
    number: |value, width| format!("{value:0digits$o} ", digits = width - 1).into_bytes(),
    checksum: six_digits,
    id: Some(0),
    owner: "root",
    control_owner: "root",
    has_devices: true,
    control_prefix: "./",
};

/// libarchive in GNU's form (CPack).
const LIBARCHIVE: Style = Style { name: "cpack", control_owner: "root", has_devices: false, ..GO };

/// `tarfile` of Python in GNU's form (Bazel's `pkg_deb`), without names.
const PYTHON: Style = Style { name: "bazel", owner: "", has_devices: true, ..GO };

/// GNU tar, for a user whose number does not fit into seven digits: in base 256.
const LARGE_UID: Style = Style {
    name: "large-uid",
    number: |value, width| match width {
        8 if value >= 1 << 21 => [&[0x80][..], &value.to_be_bytes()[1..]].concat(),
        _ => digits_and_nul(value, width),
    },
    id: Some(3_000_000_000),
    owner: "",
    has_devices: false,
    ..GO
};

/// The tars of the time before POSIX: no mark, blanks before numbers.
const OLD: Style = Style {
    name: "old-tar",
    magic: &[0; 8],
    file_type: b'0',
    number: |value, width| format!("{value:>digits$o} \0", digits = width - 2).into_bytes(),
    checksum: six_digits,
    id: Some(0),
    owner: "",
    control_owner: "",
    has_devices: false,
    control_prefix: "",
};

fn digits_and_nul(value: u64, width: usize) -> Vec<u8> {
    format!("{value:0digits$o}\0", digits = width - 1).into_bytes()
}

fn six_digits(sum: u32) -> Vec<u8> {
    format!("{sum:06o}\0 ").into_bytes()
}

impl Style {
    fn entry(&self, path: &str, kind: u8, owner: &str, content: &[u8]) -> Vec<u8> {
        let mode = if kind == b'5' { 0o755 } else { 0o644 };
        let mut header = vec![0; 512];
        let mut put =
            |at: usize, bytes: &[u8]| drop(header.splice(at..at + bytes.len(), bytes.iter().copied()));
        put(0, path.as_bytes());
        put(100, &(self.number)(mode, 8));
        if let Some(id) = self.id {
            put(108, &(self.number)(id, 8));
            put(116, &(self.number)(id, 8));
        }
        put(124, &(self.number)(content.len() as u64, 12));
        put(136, &(self.number)(1_700_000_000, 12));
        put(156, &[kind]);
        put(257, self.magic);
        put(265, owner.as_bytes());
        put(297, owner.as_bytes());
        if self.has_devices {
            put(329, &(self.number)(0, 8));
            put(337, &(self.number)(0, 8));
        }
        put(148, &[b' '; 8]);
        let sum = header.iter().map(|byte| u32::from(*byte)).sum();
        header.splice(148..156, (self.checksum)(sum));
        header.extend(content);
        header.resize(header.len().next_multiple_of(512), 0);
        header
    }

    fn package(&self) -> Foreign {
        let Self { name, owner, control_prefix, .. } = self;
        let control = format!(
            "Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Test <test@example.org>\n\
             Description: as {name} builds it\n"
        );
        let control = self.entry(
            &format!("{control_prefix}control"),
            self.file_type,
            self.control_owner,
            control.as_bytes(),
        );
        let share = format!("./usr/share/{name}/");
        let data = ["./usr/", "./usr/share/", &share].map(|path| self.entry(path, b'5', owner, b""));
        let file = self.entry(&format!("{share}content"), self.file_type, owner, name.as_bytes());
        let bytes = archive(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &crate::package::tar(control)),
            ("data.tar", &crate::package::tar([data.concat(), file].concat())),
        ]);
        Foreign { name: (*name).to_owned(), bytes }
    }
}

/// A package as a tool of another ecosystem builds it. It installs `usr/share/NAME/content`, which holds the name.
#[derive(Debug)]
pub struct Foreign {
    /// Name of the package, which is that of the tool.
    pub name: String,
    /// The package file.
    pub bytes: Vec<u8>,
}

/// Makes one package for each way in which tools write headers.
#[must_use]
pub fn foreign_packages() -> Vec<Foreign> {
    [RUST, GO, JAVA, LIBARCHIVE, PYTHON, LARGE_UID, OLD].iter().map(Style::package).collect()
}
