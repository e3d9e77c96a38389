//! What is remembered of a publication: which content it shows, and how its indices are laid out, so that the next one
//! costs only the change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use apt_index::index::Layout;
use apt_index::pdiff::PatchHistory;
use apt_index::release::ReleaseFile;
use apt_index::{Encoding, RelPath};
use apt_sign::Signed;
use deb_parse::checksum::{Blake3, Sha256};
use deb_parse::{SuiteName, deb822};
use jiff::Timestamp;
use sha2::Digest as _;

use super::kind::SOURCES;
use super::layout;
use super::place::Place;
use super::public_keys::PublishedKeys;
use super::target::PublicationTarget;
use super::target::target_of;
use crate::error::Error;
use crate::model::id::{CommitId, SnapshotId};
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::storage::{Key, StorageError};
use crate::store::Store;

/// The form in which the stanzas of records are listed, counted up when it changes. In the first form, and in publications that
/// tell of none, they were listed as they are kept. In the second, they are [canonical](apt_index::stanza::Stanza::canonical). In the third, this also
/// leaves out fields that make some apt crash.
pub(super) const STANZA_FORM: u32 = 3;

/// The name of the `Release` file beside an index.
pub(super) const COMPONENT_RELEASE: &str = "Release";

/// The last line of a record, with the BLAKE3 of everything above the empty line before it.
const CHECK: &str = "BLAKE3: ";

/// A publication of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) id: PublicationId,
    pub(crate) commit: Option<CommitId>,
    /// The publication that clients saw before. It need not have a lower id: the clock may have been ahead when it was made.
    pub(crate) replaces: Option<PublicationId>,
    /// The fingerprints of the keys that signed it. Empty in records of older versions.
    pub(crate) keys: Vec<String>,
    /// The certificates of these keys as clients find them. `None` in records of older versions.
    pub(crate) public_keys: Option<PublishedKeys>,
    pub(crate) suites: BTreeMap<Place, PublishedSuite>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedSuite {
    pub(crate) snapshot: Option<SnapshotId>,
    /// A digest of everything besides the content that decided what the suite looks like.
    pub(crate) settings: String,
    /// The form in which the stanzas of records were listed: see [`STANZA_FORM`].
    pub(crate) stanza_form: u32,
    /// The `Date` of its Release file.
    pub(crate) date: Timestamp,
    pub(crate) valid_until: Option<Timestamp>,
    /// Its other name below `dists`, a symbolic link.
    pub(crate) alias: Option<SuiteName>,
    /// The publication it was made and signed in; those after it that changed nothing show the same files.
    pub(crate) made_in: PublicationId,
    /// The signed files.
    pub(crate) signed: SignedFiles,
    /// By path without the compression's ending, such as `main/binary-amd64/Packages`.
    pub(crate) indices: BTreeMap<String, PublishedIndex>,
}

impl Publication {
    /// The other names of suites below `dists`, each with the directory that it stands for.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = (&SuiteName, String)> {
        let suites = self.suites.iter().filter(|(place, _)| matches!(place, Place::Suite(_)));
        suites.filter_map(|(place, suite)| Some((suite.alias.as_ref()?, place.directory().to_owned())))
    }

    /// The latest `Date` that it tells clients.
    pub(crate) fn latest_date(&self) -> Option<Timestamp> {
        self.suites.values().map(|suite| suite.date).max()
    }

    /// Whether any of its indices, with their patches, or public keys has a file of that digest.
    pub(crate) fn names(&self, digest: &Sha256) -> bool {
        let indices = self.suites.values().flat_map(|suite| suite.indices.values());
        let keys = self.public_keys.iter().flat_map(PublishedKeys::by_name).map(|(_, file)| file);
        indices
            .flat_map(|index| index.files_at("").map(|(_, file)| file))
            .chain(keys)
            .any(|file| file.sha256 == *digest)
    }

    /// What clients find below `dists` under that name: a suite or its alias, or the flat form.
    pub(super) fn named(&self, name: &str) -> Option<(&Place, &PublishedSuite)> {
        let is_alias = |place: &Place, suite: &PublishedSuite| {
            matches!(place, Place::Suite(_))
                && suite.alias.as_ref().is_some_and(|alias| alias.as_str() == name)
        };
        self.suites.iter().find(|(place, suite)| place.directory() == name || is_alias(place, suite))
    }
}

impl PublishedSuite {
    /// Whether it has indices of source packages.
    pub(crate) fn has_sources(&self) -> bool {
        self.indices.keys().any(|path| path.rsplit('/').next() == Some(SOURCES))
    }

    /// Returns its indices that are rendered from records. The `Release` beside an index names the suite, so it differs between suites
    /// that are otherwise equal.
    pub(super) fn rendered(&self) -> impl Iterator<Item = (&String, &PublishedIndex)> {
        self.indices.iter().filter(|(path, _)| path.rsplit('/').next() != Some(COMPONENT_RELEASE))
    }
}

/// What lies beside the indices of a suite. A signature can be changed in places that no verification looks at, so these are
/// remembered to the byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedFiles {
    pub(crate) in_release: ReleaseFile,
    pub(crate) release: ReleaseFile,
    pub(crate) release_gpg: ReleaseFile,
}

impl SignedFiles {
    pub(super) const IN_RELEASE: &str = "InRelease";
    pub(super) const NAMES: [&str; 3] = [Self::IN_RELEASE, "Release", "Release.gpg"];

    pub(crate) fn of(signed: &Signed) -> Self {
        let file = |bytes: &[u8]| ReleaseFile {
            size: bytes.len() as u64,
            sha256: Sha256::from_bytes(sha2::Sha256::digest(bytes).into()),
        };
        Self {
            in_release: file(signed.inline()),
            release: file(signed.text()),
            release_gpg: file(signed.detached()),
        }
    }

    /// Each with its name in the directory of the suite.
    pub(crate) fn by_name(&self) -> [(&'static str, ReleaseFile); 3] {
        let [in_release, release, release_gpg] = Self::NAMES;
        [(in_release, self.in_release), (release, self.release), (release_gpg, self.release_gpg)]
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedIndex {
    pub(crate) plain: ReleaseFile,
    pub(crate) files: BTreeMap<Encoding, ReleaseFile>,
    pub(crate) layout: Layout,
    /// What it was made from. `None` in records of older versions, for small files, and when a package was left out.
    pub(crate) made_from: Option<MadeFrom>,
    /// How clients come to it from what they have.
    pub(crate) diff: Option<PublishedDiff>,
}

/// Digests of what an index was made from and how. Indices that share one of them list the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MadeFrom {
    /// The digest of the snapshot, of the choice that the index makes from it, and of the settings.
    pub(crate) snapshot: Blake3,
    /// The digest of the records that the index lists, in order, and of the settings. `None` when the index was made from the one before
    /// it: then not all records were read.
    pub(crate) records: Option<Blake3>,
}

impl MadeFrom {
    /// Returns the digests.
    pub(super) fn digests(self) -> impl Iterator<Item = Blake3> {
        [self.snapshot].into_iter().chain(self.records)
    }

    fn to_field(self) -> String {
        let digests: Vec<String> = self.digests().map(|digest| digest.to_string()).collect();
        format!("Made-From: {}\n", digests.join(" "))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut digests = text.split(' ').map(|digest| Blake3::parse(digest).ok());
        Some(Self { snapshot: digests.next()??, records: digests.next().flatten() })
    }
}

/// The patches beside an index, in the directory with its name and `.diff`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedDiff {
    /// The file `Index`.
    pub(crate) index: ReleaseFile,
    /// The patches by name.
    pub(crate) patches: BTreeMap<String, ReleaseFile>,
    pub(crate) history: PatchHistory,
}

impl PublishedIndex {
    /// A small file that is made from scratch each time, and in one form only.
    pub(crate) fn whole(file: ReleaseFile) -> Self {
        let files = BTreeMap::from([(Encoding::Plain, file)]);
        Self { plain: file, files, layout: Layout::default(), made_from: None, diff: None }
    }

    /// Its files, with their paths below the directory of the suite; `path` is its own.
    pub(crate) fn files_at(&self, path: &str) -> impl Iterator<Item = (String, ReleaseFile)> {
        let encoded =
            self.files.iter().map(move |(encoding, file)| (format!("{path}{}", encoding.extension()), *file));
        let patches = self.diff.iter().flat_map(|diff| &diff.patches);
        let patches = patches.map(move |(name, file)| (format!("{path}.diff/{name}"), *file));
        encoded.chain(self.diff_index_at(path)).chain(patches)
    }

    /// What `Release` lists: the plain form, whether it is published or not, and all that clients fetch by hash.
    pub(crate) fn listed_at(&self, path: &str) -> impl Iterator<Item = (String, ReleaseFile)> {
        let encoded =
            self.files.iter().map(move |(encoding, file)| (format!("{path}{}", encoding.extension()), *file));
        encoded.chain([(path.to_owned(), self.plain)]).chain(self.diff_index_at(path))
    }

    fn diff_index_at(&self, path: &str) -> Option<(String, ReleaseFile)> {
        self.diff.as_ref().map(|diff| (format!("{path}.diff/Index"), diff.index))
    }
}

impl PublishedDiff {
    fn to_fields(&self) -> String {
        let mut text = format!("Diff-Index: {} {}\nDiff-Patches:\n", self.index.size, self.index.sha256);
        for (name, ReleaseFile { size, sha256 }) in &self.patches {
            // Writing to a String cannot fail.
            let _ = writeln!(text, " {name} {size} {sha256}");
        }
        text.push_str("Diff-History:\n");
        self.history.to_lines().iter().for_each(|line| text.extend([" ", line, "\n"]));
        text
    }

    fn parse(paragraph: &deb822::Paragraph<'_>) -> Option<Self> {
        let lines = |field: &str| paragraph.get_str(field).unwrap_or_default().lines().map(str::trim);
        let lines = |field: &str| lines(field).filter(|line| !line.is_empty());
        let patches = lines("Diff-Patches").map(|line| {
            let (name, file) = line.split_once(' ')?;
            Some((name.to_owned(), release_file(file)?))
        });
        Some(Self {
            index: release_file(paragraph.get_str("Diff-Index")?)?,
            patches: patches.collect::<Option<_>>()?,
            history: PatchHistory::parse(lines("Diff-History"))?,
        })
    }
}

impl Publication {
    pub(crate) fn key(repository: &RepositoryName, id: PublicationId) -> Key {
        Key::named("publications", &format!("{repository}/{id}"))
    }

    /// The publication that clients see. `None` when there is none or its record is gone: then nothing can be built upon, and
    /// everything is rendered from scratch.
    pub(crate) fn current(store: &Store, repository: &RepositoryName) -> Result<Option<Self>, Error> {
        Self::current_in(&*target_of(store, repository), store, repository)
    }

    /// The publication that clients of a target see. `None` as with [`current`](Self::current).
    pub(super) fn current_in(
        target: &dyn PublicationTarget,
        store: &Store,
        repository: &RepositoryName,
    ) -> Result<Option<Self>, Error> {
        Self::current_or(None, target, store, repository)
    }

    /// The same; `known` was read before, and is the one if clients still see it. A record never changes.
    pub(super) fn current_or(
        known: Option<Self>,
        target: &dyn PublicationTarget,
        store: &Store,
        repository: &RepositoryName,
    ) -> Result<Option<Self>, Error> {
        let Some(id) = Self::shown(target)? else { return Ok(None) };
        if !target.is_directory(&layout::dists_of(id))? {
            return Ok(None);
        }
        if let Some(known) = known.filter(|known| known.id == id) {
            return Ok(Some(known));
        }
        let bytes = store.storage().objects().get(&Self::key(repository, id))?;
        Ok(bytes.and_then(|bytes| Self::parse(&bytes)).filter(|publication| publication.id == id))
    }

    /// The id of the publication that `dists` leads to.
    pub(crate) fn shown(target: &dyn PublicationTarget) -> Result<Option<PublicationId>, Error> {
        let leads_to = target.leads_to(layout::DISTS.into())?;
        Ok(leads_to.and_then(|path| layout::id_of_dists(&path)))
    }

    /// The publication that clients knew last: the one they see, or, when others took that away, the newest one with a record.
    /// What a publication may not change goes by it.
    pub(crate) fn last_known(
        store: &Store,
        repository: &RepositoryName,
        current: Option<&Self>,
    ) -> Result<Option<Self>, Error> {
        if let Some(current) = current {
            return Ok(Some(current.clone()));
        }
        for id in Self::recorded(store, repository)?.into_iter().rev() {
            match Self::read(store, repository, id) {
                Ok(Some(publication)) => return Ok(Some(publication)),
                // A damaged record says nothing, and the one before it does.
                Ok(None)
                | Err(Error::Storage(StorageError::Damaged { .. } | StorageError::UnsafePath { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The ids of all publications of a repository that have a record, oldest first.
    pub(crate) fn recorded(
        store: &Store,
        repository: &RepositoryName,
    ) -> Result<BTreeSet<PublicationId>, Error> {
        let mut ids = BTreeSet::new();
        store.storage().objects().each(&format!("publications/{repository}"), &mut |key, _| {
            ids.extend(key.rsplit('/').next().and_then(PublicationId::parse));
        })?;
        Ok(ids)
    }

    /// A publication by its id; `None` when it has no record.
    pub(crate) fn read(
        store: &Store,
        repository: &RepositoryName,
        id: PublicationId,
    ) -> Result<Option<Self>, Error> {
        let Some(bytes) = store.storage().objects().get(&Self::key(repository, id))? else { return Ok(None) };
        let damaged = || Error::damaged("record of the publication", &id, "it is malformed");
        Self::parse(&bytes).filter(|publication| publication.id == id).map(Some).ok_or_else(damaged)
    }

    /// Writes it down, durably.
    pub(crate) fn write(&self, store: &Store, repository: &RepositoryName) -> Result<(), Error> {
        let key = Self::key(repository, self.id);
        // A publication of that id that was never switched to may have been left behind by a crash.
        store.storage().objects().delete(&key)?;
        store.storage().objects().put(&key, self.to_text().as_bytes())?;
        Ok(store.storage().objects().sync()?)
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("Publication: {}\n", self.id);
        // Writing to a String cannot fail.
        if let Some(commit) = self.commit {
            let _ = writeln!(text, "Commit: {commit}");
        }
        if let Some(replaces) = self.replaces {
            let _ = writeln!(text, "Replaces: {replaces}");
        }
        if !self.keys.is_empty() {
            let _ = writeln!(text, "Keys: {}", self.keys.join(" "));
        }
        for (name, ReleaseFile { size, sha256 }) in self.public_keys.iter().flat_map(PublishedKeys::by_name) {
            let _ = writeln!(text, "{name}: {size} {sha256}");
        }
        for (place, suite) in &self.suites {
            let _ = match place {
                Place::Suite(name) => writeln!(text, "\nSuite: {name}"),
                Place::Flat(name) => writeln!(text, "\nFlat: {name}"),
            };
            if let Some(snapshot) = suite.snapshot {
                let _ = writeln!(text, "Snapshot: {snapshot}");
            }
            let PublishedSuite { settings, stanza_form, date, made_in, .. } = suite;
            let _ = writeln!(
                text,
                "Settings: {settings}\nStanza-Form: {stanza_form}\nDate: {date}\nMade-In: {made_in}"
            );
            for (name, ReleaseFile { size, sha256 }) in suite.signed.by_name() {
                let _ = writeln!(text, "{name}: {size} {sha256}");
            }
            if let Some(until) = suite.valid_until {
                let _ = writeln!(text, "Valid-Until: {until}");
            }
            if let Some(alias) = &suite.alias {
                let _ = writeln!(text, "Alias: {alias}");
            }
            for (path, index) in &suite.indices {
                let ReleaseFile { size, sha256 } = index.plain;
                let _ = writeln!(text, "\nIndex: {path}\nPlain: {size} {sha256}\nFiles:");
                for (encoding, ReleaseFile { size, sha256 }) in &index.files {
                    let _ = writeln!(text, " {encoding} {size} {sha256}");
                }
                text.push_str(&index.layout.to_fields());
                text.extend(index.made_from.map(MadeFrom::to_field));
                text.extend(index.diff.iter().map(PublishedDiff::to_fields));
            }
        }
        let check = blake3::hash(text.as_bytes());
        let _ = writeln!(text, "\n{CHECK}{check}");
        text
    }

    /// Reads what [`write`](Self::write) wrote; `None` when it was changed since.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (content, check) = text.rsplit_once(&format!("\n{CHECK}"))?;
        if check != format!("{}\n", blake3::hash(content.as_bytes())) {
            return None;
        }
        let mut paragraphs = deb822::paragraphs(content.as_bytes());
        let first = paragraphs.next()?;
        let mut publication = Self {
            id: PublicationId::parse(first.get_str("Publication")?)?,
            commit: first.get_str("Commit").map(str::parse).transpose().ok()?,
            replaces: match first.get_str("Replaces") {
                Some(id) => Some(PublicationId::parse(id)?),
                None => None,
            },
            keys: first
                .get_str("Keys")
                .map(|keys| keys.split_ascii_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
            public_keys: match PublishedKeys::NAMES.map(|name| first.get_str(name)) {
                [Some(armored), Some(binary)] => {
                    Some(PublishedKeys { armored: release_file(armored)?, binary: release_file(binary)? })
                }
                _ => None,
            },
            suites: BTreeMap::new(),
        };
        let mut open: Option<(Place, PublishedSuite)> = None;
        for paragraph in paragraphs {
            let suite = paragraph.get_str("Suite").map(|name| SuiteName::parse(name).map(Place::Suite));
            let flat = || paragraph.get_str("Flat").map(|name| SuiteName::parse(name).map(Place::Flat));
            if let Some(place) = suite.or_else(flat) {
                let suite = PublishedSuite {
                    snapshot: paragraph.get_str("Snapshot").map(str::parse).transpose().ok()?,
                    settings: paragraph.get_str("Settings")?.to_owned(),
                    stanza_form: paragraph
                        .get_str("Stanza-Form")
                        .map_or(Some(1), |form| form.parse().ok())?,
                    date: paragraph.get_str("Date")?.parse().ok()?,
                    valid_until: paragraph.get_str("Valid-Until").map(str::parse).transpose().ok()?,
                    alias: paragraph.get_str("Alias").map(SuiteName::parse).transpose().ok()?,
                    made_in: PublicationId::parse(paragraph.get_str("Made-In")?)?,
                    signed: SignedFiles {
                        in_release: release_file(paragraph.get_str("InRelease")?)?,
                        release: release_file(paragraph.get_str("Release")?)?,
                        release_gpg: release_file(paragraph.get_str("Release.gpg")?)?,
                    },
                    indices: BTreeMap::new(),
                };
                publication.suites.extend(open.replace((place.ok()?, suite)));
            } else {
                let path = paragraph.get_str("Index")?.to_owned();
                let mut files = BTreeMap::new();
                for line in paragraph.get_str("Files")?.lines().filter(|line| !line.trim().is_empty()) {
                    let (encoding, file) = line.trim().split_once(' ')?;
                    files.insert(Encoding::from_name(encoding)?, release_file(file)?);
                }
                let plain = release_file(paragraph.get_str("Plain")?)?;
                let layout = Layout::parse(&paragraph).ok()?;
                let diff = PublishedDiff::parse(&paragraph);
                let made_from = paragraph.get_str("Made-From").and_then(MadeFrom::parse);
                let index = PublishedIndex { plain, files, layout, made_from, diff };
                // They become paths: a record may come from a backup that somebody else made.
                if index.files_at(&path).any(|(path, _)| RelPath::parse(&path).is_err()) {
                    return None;
                }
                open.as_mut()?.1.indices.insert(path, index);
            }
        }
        publication.suites.extend(open);
        Some(publication)
    }
}

fn release_file(text: &str) -> Option<ReleaseFile> {
    let (size, sha256) = text.split_once(' ')?;
    Some(ReleaseFile { size: size.parse().ok()?, sha256: sha256.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::publish::entry::{Source, TreeEntry};

    fn id(seconds: i64) -> PublicationId {
        PublicationId::next(Timestamp::from_second(seconds).unwrap(), None, &BTreeSet::new())
    }

    #[test]
    fn a_publication_reads_back_as_it_was_written() {
        let options = apt_index::index::IndexOptions::new(vec![Encoding::Xz, Encoding::Gz]);
        let mut builder = apt_index::index::Builder::new(&options);
        builder.push(&apt_index::stanza::Stanza::parse(b"Package: a\nVersion: 1\n").unwrap()).unwrap();
        let rendered = builder.finish().unwrap();
        let file = ReleaseFile { size: 7, sha256: rendered.plain().1 };
        let index = PublishedIndex {
            plain: file,
            files: BTreeMap::from([(Encoding::Xz, file), (Encoding::Gz, file)]),
            layout: rendered.into_layout(),
            made_from: Some(MadeFrom { snapshot: Blake3::of(b"s"), records: Some(Blake3::of(b"r")) }),
            diff: Some(PublishedDiff {
                index: file,
                patches: BTreeMap::from([("T-b-F-a.gz".to_owned(), file)]),
                history: PatchHistory::parse([format!("a 1 {} 9 1-3 7-8", file.sha256).as_str()].into_iter())
                    .unwrap(),
            }),
        };
        let suite = |indices| PublishedSuite {
            snapshot: Some(SnapshotId::of(b"s")),
            settings: "abc".to_owned(),
            stanza_form: STANZA_FORM,
            date: Timestamp::UNIX_EPOCH,
            valid_until: None,
            alias: SuiteName::parse("stable").ok(),
            made_in: id(1_780_000_000),
            signed: SignedFiles { in_release: file, release: file, release_gpg: file },
            indices,
        };
        let publication = Publication {
            id: id(1_790_000_000),
            commit: Some(CommitId::of(b"c")),
            replaces: Some(id(1_780_000_000)),
            keys: vec!["A1".to_owned(), "B2".to_owned()],
            public_keys: Some(PublishedKeys { armored: file, binary: file }),
            suites: BTreeMap::from([
                (Place::Suite(SuiteName::parse("a").unwrap()), suite(BTreeMap::new())),
                (Place::Flat(SuiteName::parse("b").unwrap()), suite(BTreeMap::new())),
                (
                    Place::Suite(SuiteName::parse("b").unwrap()),
                    suite(BTreeMap::from([
                        ("main/binary-amd64/Packages".to_owned(), index.clone()),
                        ("main/binary-arm64/Packages".to_owned(), index),
                    ])),
                ),
            ]),
        };
        let text = publication.to_text();
        assert_eq!(Publication::parse(text.as_bytes()).unwrap(), publication);
        // What an entry of its tree is made of comes before the entry.
        let entries = publication.entries();
        let names = entries.iter().filter_map(|entry| match &entry.source {
            Source::Name { of, .. } => Some((entry, of)),
            _ => None,
        });
        let mut looked_at = 0;
        for (entry, of) in names {
            let before = entries.iter().take_while(|before| before.rank < entry.rank);
            assert!(before.into_iter().any(|before| before.path == *of), "{entry:?}");
            looked_at += 1;
        }
        // Four files of each of two indices, and two keys.
        assert_eq!(looked_at, 10);
        let last = entries.last().unwrap();
        assert!(last.rank < TreeEntry::of_dists(publication.id).rank, "{last:?}");
        // It is whole, and would lead somewhere else.
        for of in ["main/binary-amd64/Packages", "T-b-F-a.gz"] {
            for bad in ["../../x", "/etc/x", "a/../../x"] {
                let (content, _) = text.rsplit_once("\nBLAKE3: ").unwrap();
                let content = content.replace(of, bad);
                let check = blake3::hash(content.as_bytes());
                let text = format!("{content}\nBLAKE3: {check}\n");
                assert_eq!(Publication::parse(text.as_bytes()), None, "{bad}");
            }
        }
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] ^= 1;
            assert_eq!(Publication::parse(&changed), None, "byte {position}");
        }
    }
}
