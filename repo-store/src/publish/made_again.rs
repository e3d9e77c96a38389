//! Making a file of a published index again, to the byte.
//!
//! The text of an index comes from another form of the same index, or from the records of the snapshot. The recorded layout tells how it
//! was cut and compressed. The digest of the file tells whether the result is what was published: an index that grew by one change
//! after the other lists its records in another order than they are kept in, and then only another form helps.

use std::collections::HashMap;

use apt_index::Encoding;
use apt_index::contents::ContentsLines;
use apt_index::index::Item as _;
use apt_index::reading::text_of;
use apt_index::release::{ComponentRelease, ReleaseFile};
use apt_index::stanza::Stanza;
use deb_parse::checksum::Sha256;
use deb_parse::{Architecture, Component, deb822};

use super::draft;
use super::kind::Kind;
use super::layout;
use super::patch_proof::InMemory;
use super::place::Place;
use super::proof::{each_item, kinds_of, settings_of};
use super::publication::{Publication, PublishedIndex, PublishedSuite};
use super::target::target_of;
use crate::model::id::SnapshotId;
use crate::model::name::RepositoryName;
use crate::store::Store;

/// Makes files of indices of one repository again.
pub(crate) struct MakeAgain<'a> {
    store: &'a Store,
    repository: &'a RepositoryName,
    /// The texts that were looked for, by what decides them: many publications have the same.
    texts: HashMap<(Sha256, String, Option<SnapshotId>), Option<Vec<u8>>>,
}

impl<'a> MakeAgain<'a> {
    /// Starts with nothing known.
    pub(crate) fn new(store: &'a Store, repository: &'a RepositoryName) -> Self {
        Self { store, repository, texts: HashMap::new() }
    }

    /// Returns the content of the file with that digest, which some of these publications name. Returns `None` when it cannot be made
    /// again.
    pub(crate) fn file<'p>(
        &mut self,
        publications: impl Iterator<Item = &'p Publication>,
        digest: &Sha256,
    ) -> Option<Vec<u8>> {
        for publication in publications {
            for (place, suite) in &publication.suites {
                for (path, index) in &suite.indices {
                    if index.files_at(path).any(|(_, file)| file.sha256 == *digest)
                        && let Some(bytes) = self.make((publication, place, suite), (path, index), digest)
                        && Sha256::of(&bytes) == *digest
                    {
                        return Some(bytes);
                    }
                }
            }
        }
        None
    }

    fn make(
        &mut self,
        of: (&Publication, &Place, &PublishedSuite),
        (path, index): (&str, &PublishedIndex),
        digest: &Sha256,
    ) -> Option<Vec<u8>> {
        let own = index.files.iter().find(|(_, file)| file.sha256 == *digest);
        if own.is_some() && path.ends_with("/Release") {
            return self.component_release(of, path);
        }
        let text = self.text(of, (path, index))?;
        match own {
            Some((encoding, _)) => index.layout.encode(*encoding, text).ok()?,
            None => patch(index, text, digest),
        }
    }

    /// The text of an index: that of another of its files, or what the records say.
    fn text(
        &mut self,
        (publication, place, suite): (&Publication, &Place, &PublishedSuite),
        (path, index): (&str, &PublishedIndex),
    ) -> Option<&[u8]> {
        let key = (index.plain.sha256, path.to_owned(), suite.snapshot);
        let store = self.store;
        let target = &*target_of(store, self.repository);
        let text = self.texts.entry(key).or_insert_with(|| {
            let is_it = |text: &Vec<u8>| Sha256::of(text) == index.plain.sha256;
            let read = |(encoding, file): (&Encoding, &ReleaseFile)| {
                let bytes = target.open(&layout::index(&file.sha256)).ok()??.read().ok()?;
                text_of(*encoding, &bytes[..], index.plain.size).ok().filter(is_it)
            };
            let rendered = || rendered(store, (publication, place, suite), path).filter(is_it);
            index.files.iter().find_map(read).or_else(rendered)
        });
        text.as_deref()
    }

    /// The `Release` beside an index; the signed one of the suite says who publishes it.
    fn component_release(
        &self,
        (publication, place, suite): (&Publication, &Place, &PublishedSuite),
        path: &str,
    ) -> Option<Vec<u8>> {
        let target = &*target_of(self.store, self.repository);
        let [_, release, _] = suite.signed.by_name();
        let signed = draft::signed_file(target, publication, place, release).ok()??;
        let fields = deb822::paragraphs(&signed).next()?;
        let (directory, last) = path.strip_suffix("/Release")?.rsplit_once('/')?;
        let component = directory.strip_suffix("/debian-installer").unwrap_or(directory);
        let architecture = match last.strip_prefix("binary-") {
            Some(architecture) => Some(Architecture::parse(architecture).ok()?),
            None => None,
        };
        let release = ComponentRelease {
            suite: place.suite(),
            origin: fields.get_str("Origin"),
            label: fields.get_str("Label"),
            component: &Component::parse(component).ok()?,
            architecture: architecture.as_ref(),
        };
        release.render().ok().map(String::into_bytes)
    }
}

/// The text of an index whose items stand in the order of the records.
fn rendered(
    store: &Store,
    (publication, place, suite): (&Publication, &Place, &PublishedSuite),
    path: &str,
) -> Option<Vec<u8>> {
    let settings = settings_of(publication, place)?;
    let kind = kinds_of(&settings, place, suite).into_iter().find(|kind| kind.path() == path)?;
    let separator = match kind {
        Kind::Contents(_) => ContentsLines::SEPARATOR,
        _ => Stanza::SEPARATOR,
    };
    let mut text = Vec::new();
    let take = |item: &[u8]| {
        text.extend_from_slice(item);
        text.extend_from_slice(separator);
    };
    each_item(store, (&kind, suite.snapshot), take).ok()?;
    Some(text)
}

/// The list of patches beside an index, or one of the patches.
fn patch(index: &PublishedIndex, text: &[u8], digest: &Sha256) -> Option<Vec<u8>> {
    let diff = index.diff.as_ref()?;
    // Their names hold the publication that they lead to.
    let (to, _) = diff.patches.keys().next()?.strip_prefix("T-")?.split_once("-F-")?;
    let encoded = index
        .files
        .keys()
        .map(|encoding| Some((*encoding, index.layout.encode(*encoding, text).ok()??)))
        .collect::<Option<_>>()?;
    let made = diff.history.patches(to, index.plain, &index.layout, &InMemory(encoded)).ok()??;
    let patches = made.patches.into_iter().map(|(_, bytes)| bytes);
    patches.chain([made.index]).find(|bytes| Sha256::of(bytes) == *digest)
}
