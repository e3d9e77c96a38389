//! The published tree as data: everything that a publication consists of, in an order in which it can be made.
//!
//! Publishing makes these entries, a check compares them with what lies there, and a restored tree is made of them.

use std::collections::BTreeSet;

use apt_index::release::ReleaseFile;
use camino::{Utf8Path, Utf8PathBuf};

use super::layout;
use super::public_keys::PublishedKeys;
use super::publication::Publication;
use crate::model::id::BlobId;
use crate::model::name::TagName;
use crate::model::publication_id::PublicationId;
use crate::model::record::Record;
use crate::storage::StorageError;

/// An entry of a published tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TreeEntry {
    /// When the entry is made.
    pub(crate) rank: Rank,
    /// The path below the public directory of the repository.
    pub(crate) path: Utf8PathBuf,
    /// What the entry is made of.
    pub(crate) source: Source,
}

/// The order in which entries are made: whatever a client can reach through an entry has a lower rank. So a process that dies between
/// two of them leaves nothing that leads nowhere.
///
/// The links of [`Root`](Self::Root) are the exception: they lead through [`Dists`](Self::Dists), which shows all of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Package files, and files that say how packages were built.
    Pool,
    /// Index files under the names of their digests.
    Index,
    /// Links in the root that lead through `dists`.
    Root,
    /// Other names of index files in the directories of suites, and the links there.
    Name,
    /// Signed files.
    Signed,
    /// The archive root of the publication.
    Archive,
    /// The links of tags.
    Tag,
    /// The link that clients follow.
    Dists,
}

/// What an entry is made of. That says as well whether it is a file or a symbolic link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A package file of the store, or one that says how packages were built.
    Blob { blob: BlobId, size: u64 },
    /// An index file, rendered by publishing or copied from a backup.
    Index(File),
    /// The index file at another path of the tree.
    Name { of: Utf8PathBuf, file: File },
    /// A signed file. `made_in` gives its modification time, and `first` is where the publication of that id has it.
    Signed { file: File, made_in: PublicationId, first: Utf8PathBuf },
    /// A symbolic link.
    Link { target: String },
}

/// The size and the digest of a file.
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

impl Source {
    /// Returns the file of an index or a signed file, whichever name it has.
    pub(crate) fn file(&self) -> Option<&File> {
        match self {
            Self::Index(file) | Self::Name { file, .. } | Self::Signed { file, .. } => Some(file),
            Self::Blob { .. } | Self::Link { .. } => None,
        }
    }
}

impl TreeEntry {
    /// Returns the files of a package in the pool, and those that say how it was built. A package whose files cannot be there has none, and no index lists it.
    ///
    /// # Errors
    /// When the record does not name its files in a usable way.
    pub(crate) fn of_record(record: &Record) -> Result<Vec<Self>, StorageError> {
        if record.check_paths().is_err() {
            return Ok(Vec::new());
        }
        let files = record.kept_files()?.into_iter();
        let entries = files.map(|file| Self {
            rank: Rank::Pool,
            path: file.path.as_path().to_owned(),
            source: Source::Blob { blob: file.blob, size: file.size },
        });
        Ok(entries.collect())
    }

    /// Returns the link of a tag to a publication.
    pub(crate) fn of_tag(tag: &TagName, id: PublicationId) -> Self {
        Self { rank: Rank::Tag, path: layout::tag_link(tag), source: Source::Link { target: id.to_string() } }
    }

    /// Returns the link that shows clients a publication.
    pub(crate) fn of_dists(id: PublicationId) -> Self {
        let target = layout::dists_of(id).into_string();
        Self { rank: Rank::Dists, path: layout::DISTS.into(), source: Source::Link { target } }
    }
}

impl Publication {
    /// Returns everything that belongs to this publication alone or that it shares with other publications, in the order in which it
    /// is made. The package files are those [of its records](TreeEntry::of_record).
    pub(crate) fn entries(&self) -> BTreeSet<TreeEntry> {
        let mut entries = BTreeSet::new();
        let mut insert = |rank, path: Utf8PathBuf, source| {
            entries.insert(TreeEntry { rank, path, source });
        };
        for (place, suite) in &self.suites {
            let directory = layout::suite_directory(self.id, place);
            for (file_name, file) in suite.signed.by_name() {
                let first = layout::suite_directory(suite.made_in, place).join(file_name);
                let source = Source::Signed { file: file.into(), made_in: suite.made_in, first };
                insert(Rank::Signed, directory.join(file_name), source);
            }
            for (path, file) in suite.indices.iter().flat_map(|(path, index)| index.files_at(path)) {
                let of = layout::index(&file.sha256);
                insert(Rank::Index, of.clone(), Source::Index(file.into()));
                insert(Rank::Name, directory.join(&path), Source::Name { of, file: file.into() });
                let parent = Utf8Path::new(&path).parent().unwrap_or(Utf8Path::new(""));
                let target = layout::by_hash_link_target(parent);
                insert(Rank::Name, directory.join(parent).join("by-hash"), Source::Link { target });
            }
        }
        for (alias, target) in self.aliases() {
            insert(Rank::Name, layout::dists_of(self.id).join(alias.as_str()), Source::Link { target });
        }
        for (name, file) in self.public_keys.iter().flat_map(PublishedKeys::by_name) {
            let of = layout::index(&file.sha256);
            insert(Rank::Index, of.clone(), Source::Index(file.into()));
            insert(Rank::Name, layout::key(self.id, name), Source::Name { of, file: file.into() });
        }
        let root = layout::archive_root(self.id);
        let own = [
            (layout::DISTS, layout::from_archive_root(layout::dists_of(self.id).as_str())),
            (layout::POOL, layout::from_archive_root(layout::POOL)),
        ];
        let own = own.into_iter().map(|(name, target)| (name.to_owned(), target));
        for (name, target) in own.chain(self.flat_links()) {
            insert(Rank::Archive, root.join(name), Source::Link { target });
        }
        entries
    }

    /// Returns the links in the root besides `dists` while clients see this publication: to the public keys and to the flat form.
    pub(crate) fn root_entries(&self) -> Vec<TreeEntry> {
        let links = self.root_links().into_iter();
        let entry = |(name, target): (String, String)| TreeEntry {
            rank: Rank::Root,
            path: name.into(),
            source: Source::Link { target },
        };
        links.map(entry).collect()
    }
}
