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
