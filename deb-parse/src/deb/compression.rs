//! The compression formats of a package's members (deb(5)).

/// How a member is compressed.
///
/// ```
/// use deb_parse::deb::Compression;
/// assert_eq!(format!("data.tar{}", Compression::Zstd.suffix()), "data.tar.zst");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all: `.tar`.
    None,
    /// gzip: `.tar.gz`.
    Gzip,
    /// xz: `.tar.xz`.
    Xz,
    /// zstd: `.tar.zst`.
    Zstd,
    /// bzip2: `.tar.bz2`, for the data archive only.
    Bzip2,
    /// The old lzma format: `.tar.lzma`, for the data archive only.
    Lzma,
}

impl Compression {
    /// What follows `.tar` in the name of the member.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Bzip2 => ".bz2",
            Self::Lzma => ".lzma",
        }
    }

    /// Returns the format that the ending of a file's name tells: that of no compression if it is none of the others.
    ///
    /// ```
    /// use deb_parse::deb::Compression;
    /// assert_eq!(Compression::of_name("main/binary-amd64/Packages.xz"), Compression::Xz);
    /// assert_eq!(Compression::of_name("Packages"), Compression::None);
    /// ```
    pub fn of_name(name: &str) -> Self {
        let packed = [Self::Gzip, Self::Xz, Self::Zstd, Self::Bzip2, Self::Lzma];
        packed.into_iter().find(|format| name.ends_with(format.suffix())).unwrap_or(Self::None)
    }

    pub(super) fn for_control(suffix: &str) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Xz, Self::Zstd].into_iter().find(|format| format.suffix() == suffix)
    }

    pub(super) fn for_data(suffix: &str) -> Option<Self> {
        Self::for_control(suffix)
            .or_else(|| [Self::Bzip2, Self::Lzma].into_iter().find(|format| format.suffix() == suffix))
    }

    /// The format that a file starts as; the old lzma format has no mark, but its first bytes are seldom others.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let marked = [Self::Gzip, Self::Xz, Self::Zstd, Self::Bzip2, Self::None];
        let lzma = || start.starts_with(b"\x5d\0\0").then_some(Self::Lzma);
        marked.into_iter().find(|format| format.matches(start)).or_else(lzma)
    }

    /// How many of the first bytes of a member tell its format.
    pub(super) const MAGIC_LEN: usize = 262;

    /// Whether `start`, the first bytes of a member, can be of this format.
    pub(super) fn matches(self, start: &[u8]) -> bool {
        match self {
            Self::None => start.get(257..262) == Some(b"ustar") || start.get(257..262) == Some(&[0; 5]),
            Self::Gzip => start.starts_with(b"\x1f\x8b\x08"),
            Self::Xz => start.starts_with(b"\xfd7zXZ\0"),
            Self::Zstd => start.starts_with(b"\x28\xb5\x2f\xfd"),
            Self::Bzip2 => start.starts_with(b"BZh"),
            Self::Lzma => start.first().is_some_and(|properties| *properties < 225),
        }
    }
}
