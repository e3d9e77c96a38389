//! What the tree of a publication consists of, known from its record alone: what a check compares with and what a restored
//! tree is made of.

use std::collections::BTreeSet;

use apt_index::ReleaseFile;
use camino::{Utf8Path, Utf8PathBuf};

use super::publication::Publication;
use super::tree::{BY_HASH, PUBLICATIONS};
use super::{by_hash_from, way_up};
use crate::model::publication_id::PublicationId;

/// One entry, with its path below the public directory of its repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expected {
    pub(crate) path: Utf8PathBuf,
    pub(crate) entry: Entry,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    /// A file of an index under the name of its digest: it can be had from a backup or by publishing anew.
    Stored(File),
    /// Another name of such a file.
    Link { to: Utf8PathBuf, file: File },
    /// A signed file. `made_in` is its time in seconds since 1970, and the publication with the first copy of it.
    Signed { file: File, made_in: PublicationId, first: Utf8PathBuf },
    /// A symbolic link.
    Symbolic { target: String },
}

/// Size and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct File {
    pub(crate) size: u64,
    pub(crate) sha256: deb_parse::checksum::Sha256,
}

impl From<ReleaseFile> for File {
    fn from(file: ReleaseFile) -> Self {
        Self { size: file.size, sha256: file.sha256 }
    }
}

impl Publication {
    /// The directory of this publication below the public one.
    pub(crate) fn directory(&self) -> Utf8PathBuf {
        Utf8Path::new(PUBLICATIONS).join(self.id.to_string())
    }

    /// What `dists` leads to when this is the publication that clients see.
    pub(crate) fn dists_target(&self) -> String {
        format!("{}/dists", self.directory())
    }

    /// Everything that is this publication's, besides the pool and the link `dists`, in an order in which it can be made.
    pub(crate) fn expected(&self) -> BTreeSet<(u8, Expected)> {
        let mut expected = BTreeSet::new();
        let mut insert = |rank, path: Utf8PathBuf, entry| {
            expected.insert((rank, Expected { path, entry }));
        };
        for (place, suite) in &self.suites {
            let below = |id: PublicationId| {
                Utf8Path::new(PUBLICATIONS).join(id.to_string()).join("dists").join(place.directory())
            };
            for (file_name, file) in suite.signed.by_name() {
                let first = below(suite.made_in).join(file_name);
                let entry = Entry::Signed { file: file.into(), made_in: suite.made_in, first };
                insert(0, below(self.id).join(file_name), entry);
            }
            for (path, file) in suite.indices.iter().flat_map(|(path, index)| index.files_at(path)) {
                let to = Utf8Path::new(BY_HASH).join("SHA256").join(file.sha256.to_string());
                insert(0, to.clone(), Entry::Stored(file.into()));
                insert(1, below(self.id).join(&path), Entry::Link { to, file: file.into() });
                let parent = Utf8Path::new(&path).parent().unwrap_or(Utf8Path::new(""));
                let link = below(self.id).join(parent).join("by-hash");
                insert(1, link, Entry::Symbolic { target: by_hash_from(parent) });
            }
        }
        for (alias, target) in self.aliases() {
            insert(1, self.directory().join("dists").join(alias.as_str()), Entry::Symbolic { target });
        }
        let snapshot = Utf8Path::new("snapshot").join(self.id.to_string());
        let dists = way_up(2, &self.dists_target());
        insert(1, snapshot.join("dists"), Entry::Symbolic { target: dists });
        insert(1, snapshot.join("pool"), Entry::Symbolic { target: way_up(2, "pool") });
        for (name, target) in self.flat_links() {
            insert(1, snapshot.join(name), Entry::Symbolic { target });
        }
        expected
    }
}
