use std::fmt;
use std::str::FromStr;

use deb_parse::checksum::Blake3;

/// Each kind of object has an id type of its own, the BLAKE3 of the object's bytes, so that one cannot be taken for another.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) Blake3);

        impl $name {
            /// What such an object is called in messages.
            pub(crate) const KIND: &'static str = $kind;

            /// The id of an object with these bytes.
            #[must_use]
            pub fn of(bytes: &[u8]) -> Self {
                Self(Blake3::from_bytes(*blake3::hash(bytes).as_bytes()))
            }

            /// The first twelve digits: enough for people, and for looking it up again.
            #[must_use]
            pub fn short(&self) -> String {
                let mut digits = self.0.to_string();
                digits.truncate(12);
                digits
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = deb_parse::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// The id of a package file.
    BlobId,
    "package file"
);
id!(
    /// The id of a run of records.
    ChunkId,
    "chunk"
);
id!(
    /// The id of a part of the list of a suite's chunks.
    PageId,
    "page"
);
id!(
    /// The id of the whole content of one suite.
    SnapshotId,
    "snapshot"
);
id!(
    /// The id of a list of what a repository holds back.
    HoldsId,
    "list of holds"
);
id!(
    /// The id of a list of packages that clients have besides a suite.
    BaseIndexId,
    "index of a base"
);
id!(
    /// The id of a commit. No other kind of id can stand for one:
    ///
    /// ```compile_fail
    /// fn wants_a_commit(_: repo_store::model::CommitId) {}
    /// fn has_a_snapshot(id: repo_store::model::SnapshotId) { wants_a_commit(id) }
    /// ```
    CommitId,
    "commit"
);
