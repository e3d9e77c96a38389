use std::fmt;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident / $with:ident: $type:ty = $default:expr;)*) => {
        /// How much of everything is read before an input is refused.
        ///
        /// Every size that an input can claim has a limit here; the defaults fit every package of Debian and Ubuntu
        /// with much room and keep the memory for reading one archive below 300 MiB.
        ///
        /// ```
        /// use deb_parse::Limits;
        /// let limits = Limits::default().with_control(64 * 1024).with_members(8);
        /// assert_eq!(limits.control(), 65_536);
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($name: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            $(
                $(#[$doc])*
                #[doc = concat!("\n\nDefault: `", stringify!($default), "`.")]
                pub fn $name(&self) -> $type {
                    self.$name
                }

                #[doc = concat!("Sets [`", stringify!($name), "`](Self::", stringify!($name), ").")]
                #[must_use]
                pub fn $with(mut self, limit: $type) -> Self {
                    self.$name = limit;
                    self
                }
            )*

            /// The limits as numbers, always in the same order.
            pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
                [$(u64::try_from(self.$name).unwrap_or(u64::MAX)),*].into_iter()
            }

            /// The limits that have these [`numbers`](Self::numbers), which `next` gives one after the other. What is too large for this
            /// machine is as large as can be.
            pub(crate) fn of_numbers<E>(mut next: impl FnMut() -> Result<u64, E>) -> Result<Self, E> {
                Ok(Self { $($name: <$type>::try_from(next()?).unwrap_or(<$type>::MAX),)* })
            }
        }
    };
}

limits! {
    /// Bytes of one deb822 paragraph.
    stanza / with_stanza: usize = 1 << 20;
    /// Fields of one deb822 paragraph.
    fields / with_fields: usize = 10_000;
    /// Bytes of a whole clear-signed or strictly parsed text.
    text / with_text: usize = 1 << 30;
    /// Bytes of the file `control` in a package.
    control / with_control: usize = 1 << 20;
    /// Bytes of the control archive of a package, unpacked.
    control_unpacked / with_control_unpacked: u64 = 64 << 20;
    /// Files and directories in the control archive of a package.
    control_entries / with_control_entries: usize = 10_000;
    /// Bytes of the data archive of a package, unpacked. A larger one is taken all the same if it is not larger than
    /// 20 times what it is packed: that is what honest data come to, and the time it takes is in proportion to the file.
    data_unpacked / with_data_unpacked: u64 = 2 << 30;
    /// Entries in the data archive of a package.
    data_entries / with_data_entries: usize = 2_000_000;
    /// Bytes of all path names in a file list.
    list_bytes / with_list_bytes: usize = 128 << 20;
    /// Bytes of a path name in the data archive.
    path / with_path: usize = 4096;
    /// Members of the `ar` archive.
    members / with_members: usize = 64;
    /// Window of a zstd frame, as a power of two; 27 is 128 MiB.
    zstd_window_log / with_zstd_window_log: u32 = 27;
    /// Bytes of memory that decoding xz or lzma may take.
    xz_memory / with_xz_memory: u64 = 256 << 20;
    /// Relations (alternatives counted one by one) in one relationship field.
    relations / with_relations: usize = 10_000;
}

/// What one of the [`Limits`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitKind {
    /// Bytes of a paragraph: [`Limits::stanza`].
    Stanza,
    /// Fields of a paragraph: [`Limits::fields`].
    Fields,
    /// Bytes of the text: [`Limits::text`].
    Text,
    /// Bytes of the control file: [`Limits::control`].
    Control,
    /// Bytes of a file in the control archive: [`Limits::control`].
    ControlFile,
    /// Bytes of the unpacked control archive: [`Limits::control_unpacked`].
    ControlUnpacked,
    /// Entries of the control archive: [`Limits::control_entries`].
    ControlEntries,
    /// Bytes of the unpacked data archive: [`Limits::data_unpacked`].
    DataUnpacked,
    /// Bytes of the unpacked tarball: [`Limits::data_unpacked`].
    TarballUnpacked,
    /// Entries of the data archive: [`Limits::data_entries`].
    DataEntries,
    /// Bytes of all path names of the data archive: [`Limits::list_bytes`].
    ListBytes,
    /// Bytes of a path name: [`Limits::path`].
    Path,
    /// Members of the ar archive: [`Limits::members`].
    Members,
    /// Relations in a field: [`Limits::relations`].
    Relations,
}

impl LimitKind {
    pub(crate) const ALL: [Self; 14] = [
        Self::Stanza,
        Self::Fields,
        Self::Text,
        Self::Control,
        Self::ControlFile,
        Self::ControlUnpacked,
        Self::ControlEntries,
        Self::DataUnpacked,
        Self::TarballUnpacked,
        Self::DataEntries,
        Self::ListBytes,
        Self::Path,
        Self::Members,
        Self::Relations,
    ];
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stanza => "bytes of a paragraph",
            Self::Fields => "fields of a paragraph",
            Self::Text => "bytes of the text",
            Self::Control => "bytes of the control file",
            Self::ControlFile => "bytes of a file in the control archive",
            Self::ControlUnpacked => "bytes of the unpacked control archive",
            Self::ControlEntries => "entries of the control archive",
            Self::DataUnpacked => "bytes of the unpacked data archive",
            Self::TarballUnpacked => "bytes of the unpacked tarball",
            Self::DataEntries => "entries of the data archive",
            Self::ListBytes => "bytes of all path names of the data archive",
            Self::Path => "bytes of a path name",
            Self::Members => "members of the ar archive",
            Self::Relations => "relations in a field",
        })
    }
}
