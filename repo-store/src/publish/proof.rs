//! Whether the indices of publications list what the records of their snapshots say, and nothing else.
//!
//! What an index must list is known without rendering it again each time: most of it is what the publication before listed, and a
//! [`Multiset`] takes what came and went since. What it does list is read from each of its files once, however many publications have it.
//! So memory holds two kilobytes for an index and the largest item of one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::Arc;

use apt_index::Encoding;
use apt_index::contents::ContentsLines;
use apt_index::index::Item;
use apt_index::parallel::parallel_map;
use apt_index::reading::{read_items, read_text};
use apt_index::release::ReleaseFile;
use apt_index::stanza::Stanza;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{Blake3, Sha256};
use deb_parse::{Architecture, Component};

use super::indices::{NAMES_AT_ONCE, touched, versions_of};
use super::kind::{Extent, Kind};
use super::layout;
use super::multiset::Multiset;
use super::place::Place;
use super::publication::{Publication, PublishedIndex, PublishedSuite, STANZA_FORM};
use super::target::{Reader, target_of};
use super::unlisted::UnlistedPackages;
use crate::context::Context;
use crate::error::Error;
use crate::manifest::keep::manifest_unkept;
use crate::model::id::SnapshotId;
use crate::model::name::RepositoryName;
use crate::model::record::Record;
use crate::model::snapshot::Snapshot;
use crate::settings::{ArchitectureAll, SuiteSettings};
use crate::store::Store;

/// A file of an index that does not list what the records say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forged {
    /// Below the public directory of the repository.
    pub(crate) path: Utf8PathBuf,
    pub(crate) digest: Sha256,
    pub(crate) place: Place,
    pub(crate) what: String,
}

/// Compares all indices of some publications of one repository with the records. Files that are not what their names say
/// (`is_whole` is false) and records that cannot be read are skipped: they are problems of their own.
pub(crate) fn forged<'p>(
    store: &Store,
    repository: &RepositoryName,
    publications: impl Iterator<Item = &'p Publication>,
    is_whole: impl Fn(&Utf8Path) -> bool + Sync,
    context: &Context,
) -> Vec<Forged> {
    let publications: Vec<&Publication> = publications.collect();
    let suites: Vec<(&Publication, &Place, &PublishedSuite, Option<SuiteSettings>)> = publications
        .iter()
        .flat_map(|publication| {
            let of = |place: &Place| settings_of(publication, place);
            publication.suites.iter().map(move |(place, suite)| (*publication, place, suite, of(place)))
        })
        .collect();
    let mut chains: BTreeMap<(&Place, String), Vec<Link<'_>>> = BTreeMap::new();
    for (publication, place, suite, settings) in &suites {
        let Some(settings) = settings else { continue };
        for kind in kinds_of(settings, place, suite) {
            let path = kind.path();
            if let Some(index) = suite.indices.get(&path) {
                let form = match kind {
                    Kind::Contents(_) => ItemForm::Lines,
                    _ if suite.stanza_form < STANZA_FORM => ItemForm::OlderStanzas,
                    _ => ItemForm::Stanzas,
                };
                let link = Link { publication, snapshot: suite.snapshot, kind, index, form };
                chains.entry((place, path)).or_default().push(link);
            }
        }
    }

    let target = &*target_of(store, repository);
    let open = |digest: &Sha256| Reader::open(target, &layout::index(digest));
    let Texts { other_text, content } = read_texts(chains.values().flatten(), &is_whole, &open, context);

    let chains: Vec<_> = chains.into_iter().collect();
    let found = parallel_map(&chains, context.threads, |((place, path), links)| {
        let mut forged = Vec::new();
        let mut last: Option<Expected> = None;
        for link in links {
            for (encoding, file) in &link.index.files {
                if other_text.contains(&file.sha256) {
                    let what = format!(
                        "the text of {path}{} is not the one that Release lists",
                        encoding.extension()
                    );
                    forged.push((link.publication.id, file.sha256, (*place).clone(), what));
                }
            }
            let Some(items) = content.get(&link.list()) else { continue };
            let expected = match Expected::of(store, link, last.take()) {
                Ok(expected) => last.insert(expected),
                // What of the store cannot be read is told elsewhere.
                Err(_) => continue,
            };
            if items.as_ref() == Some(&expected.items) {
                continue;
            }
            let what = difference(store, link, |file| open(file));
            let what = format!("{path} is not what the records say: {what}");
            for file in link.index.files.values().filter(|file| is_whole(&layout::index(&file.sha256))) {
                forged.push((link.publication.id, file.sha256, (*place).clone(), what.clone()));
            }
        }
        forged
    });
    let mut told: BTreeMap<Sha256, Forged> = BTreeMap::new();
    for (_, digest, place, what) in found.into_iter().flatten() {
        told.entry(digest).or_insert_with(|| Forged { path: layout::index(&digest), digest, place, what });
    }
    told.into_values().collect()
}

/// What was read of the texts of indices.
struct Texts {
    /// The files whose text is not the one that `Release` lists.
    other_text: BTreeSet<Sha256>,
    /// What each text lists; `None` for one that cannot be read.
    content: HashMap<ListKey, Option<Multiset>>,
}

/// Reads the sound files of indices.
fn read_texts<'a>(
    links: impl Iterator<Item = &'a Link<'a>>,
    is_whole: &(impl Fn(&Utf8Path) -> bool + Sync),
    open: &(impl Fn(&Sha256) -> io::Result<Reader> + Sync),
    context: &Context,
) -> Texts {
    // Each file once: most are those of several publications.
    let mut read: BTreeMap<Sha256, (Encoding, ReleaseFile)> = BTreeMap::new();
    let mut lists: BTreeMap<ListKey, (Sha256, Encoding)> = BTreeMap::new();
    for link in links {
        let sound = link.index.files.iter().filter(|(_, file)| is_whole(&layout::index(&file.sha256)));
        for (nth, (encoding, file)) in sound.enumerate() {
            if nth == 0 && !lists.contains_key(&link.list()) {
                lists.insert(link.list(), (file.sha256, *encoding));
            } else {
                read.insert(file.sha256, (*encoding, link.index.plain));
            }
        }
    }
    let lists: Vec<(ListKey, (Sha256, Encoding))> = lists.into_iter().collect();
    let listed = parallel_map(&lists, context.threads, |((plain, form), (digest, encoding))| {
        let listed = open(digest).and_then(|file| Listed::read(*encoding, *form, file));
        listed.map(|(text, listed)| (text.sha256 == *plain).then_some(listed))
    });
    let files: Vec<_> = read.into_iter().collect();
    let texts = parallel_map(&files, context.threads, |(digest, (encoding, plain))| {
        open(digest).and_then(|file| read_text(*encoding, file)).is_ok_and(|text| text == *plain)
    });
    let mut other_text: BTreeSet<Sha256> = BTreeSet::new();
    other_text.extend(files.iter().zip(texts).filter(|(_, same)| !same).map(|((digest, _), _)| *digest));
    let mut content: HashMap<ListKey, Option<Multiset>> = HashMap::new();
    for ((list, (digest, _)), listed) in lists.iter().zip(listed) {
        match listed {
            Ok(Some(Listed(items))) => drop(content.insert(*list, Some(items))),
            // What its text is not, or is no list at all.
            Ok(None) => drop(other_text.insert(*digest)),
            Err(_) => drop(content.insert(*list, None)),
        }
    }
    Texts { other_text, content }
}

/// A text, by its digest, and how it is read.
type ListKey = (Sha256, ItemForm);

/// What the items of an index are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum ItemForm {
    Lines,
    Stanzas,
    /// Stanzas as older versions listed them, which mean the same as those of today.
    OlderStanzas,
}

impl ItemForm {
    /// Calls `take` with an item as it would be listed today.
    fn take_as_today(self, item: &[u8], take: &mut dyn FnMut(&[u8])) {
        let older = if self == Self::OlderStanzas {
            Stanza::parse(item).and_then(Stanza::canonical).ok()
        } else {
            None
        };
        take(older.as_ref().map_or(item, Stanza::as_bytes));
    }
}

/// An index of one publication.
struct Link<'a> {
    publication: &'a Publication,
    snapshot: Option<SnapshotId>,
    kind: Kind<'a>,
    index: &'a PublishedIndex,
    form: ItemForm,
}

impl Link<'_> {
    fn list(&self) -> ListKey {
        (self.index.plain.sha256, self.form)
    }
}

/// The items of a text.
struct Listed(Multiset);

impl Listed {
    fn read(encoding: Encoding, form: ItemForm, file: Reader) -> io::Result<(ReleaseFile, Self)> {
        let mut items = Multiset::default();
        let mut take = |_: &str, item: &[u8]| form.take_as_today(item, &mut |item| items.insert(item));
        let text = match form {
            ItemForm::Lines => read_items::<ContentsLines>(encoding, file, &mut take)?,
            ItemForm::Stanzas | ItemForm::OlderStanzas => {
                read_items::<Stanza<'_>>(encoding, file, &mut take)?
            }
        };
        Ok((text, Self(items)))
    }
}

/// What an index has to list.
struct Expected {
    snapshot: Option<SnapshotId>,
    /// How its items are made.
    made: String,
    items: Multiset,
}

impl Expected {
    /// From what the index of the publication before had to list, where its items were made alike.
    fn of(store: &Store, link: &Link<'_>, last: Option<Self>) -> Result<Self, Error> {
        let made = format!("{:?}", link.kind);
        if let Some(mut last) = last.filter(|last| last.made == made) {
            if last.snapshot != link.snapshot {
                let (old, new) = (store.empty_or(last.snapshot)?, store.empty_or(link.snapshot)?);
                change(store, &link.kind, (&old, &new), &mut last.items)?;
                last.snapshot = link.snapshot;
            }
            return Ok(last);
        }
        let mut items = Multiset::default();
        each_item(store, (&link.kind, link.snapshot), |item| items.insert(item))?;
        Ok(Self { snapshot: link.snapshot, made, items })
    }
}

/// Calls `take` with each item that an index of a snapshot has to list, in the order of the records.
pub(super) fn each_item(
    store: &Store,
    (kind, snapshot): (&Kind<'_>, Option<SnapshotId>),
    mut take: impl FnMut(&[u8]),
) -> Result<(), Error> {
    let mut package: Vec<Arc<Record>> = Vec::new();
    for record in store.empty_or(snapshot)?.iterate(store.objects()) {
        let record = record?;
        if package.first().is_some_and(|first| first.key().package != record.key().package) {
            items_of(store, kind, &package, &mut take)?;
            package.clear();
        }
        package.push(record);
    }
    items_of(store, kind, &package, &mut take)
}

/// Takes the items out that went and puts those in that came.
fn change(
    store: &Store,
    kind: &Kind<'_>,
    (old, new): (&Snapshot, &Snapshot),
    items: &mut Multiset,
) -> Result<(), Error> {
    let difference = store.difference(old, new)?;
    if !kind.joins_versions() {
        items_of(store, kind, &difference.only_first, &mut |item| items.remove(item))?;
        return items_of(store, kind, &difference.only_second, &mut |item| items.insert(item));
    }
    for names in touched(&difference).chunks(NAMES_AT_ONCE) {
        let names = names.iter().copied().cloned().collect();
        for versions in versions_of(store, old, &names)?.values() {
            items_of(store, kind, versions, &mut |item| items.remove(item))?;
        }
        for versions in versions_of(store, new, &names)?.values() {
            items_of(store, kind, versions, &mut |item| items.insert(item))?;
        }
    }
    Ok(())
}

/// The items of some records of one package.
fn items_of(
    store: &Store,
    kind: &Kind<'_>,
    records: &[Arc<Record>],
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), Error> {
    // What is left out is told when it is published.
    let unlisted = UnlistedPackages::default();
    if let Kind::Contents(kind) = kind {
        let manifest = |blob| manifest_unkept(store, blob);
        kind.items(&manifest, records, &unlisted)?.iter().for_each(|lines| take(lines.as_bytes()));
    }
    kind.stanzas(records, &unlisted).iter().for_each(|stanza| take(stanza.as_bytes()));
    Ok(())
}

/// So many packages are named.
const NAMED: usize = 3;

/// What an index lists that it should not, and lacks.
fn difference(store: &Store, link: &Link<'_>, open: impl Fn(&Sha256) -> io::Result<Reader>) -> String {
    let mut expected: HashMap<Blake3, u64> = HashMap::new();
    let all = each_item(store, (&link.kind, link.snapshot), |item| {
        *expected.entry(Blake3::of(item)).or_default() += 1;
    });
    let (mut foreign, mut names) = (0_u64, BTreeSet::new());
    let mut take = |package: &str, item: &[u8]| {
        link.form.take_as_today(item, &mut |item| match expected.get_mut(&Blake3::of(item)) {
            Some(left) if *left > 0 => *left -= 1,
            _ => {
                foreign += 1;
                if names.len() < NAMED {
                    names.insert(package.escape_debug().to_string());
                }
            }
        });
    };
    let file = link.index.files.iter().next();
    let read = file.map(|(encoding, file)| match link.kind {
        Kind::Contents(_) => {
            open(&file.sha256).and_then(|file| read_items::<ContentsLines>(*encoding, file, &mut take))
        }
        _ => open(&file.sha256).and_then(|file| read_items::<Stanza<'_>>(*encoding, file, &mut take)),
    });
    if all.is_err() || !matches!(read, Some(Ok(_))) {
        return "it is not a list of items".to_owned();
    }
    let missing: u64 = expected.values().sum();
    let names: Vec<String> = names.into_iter().collect();
    let of = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    format!("{foreign} too many{of}, {missing} missing")
}

/// How the suite was set up whose indices a publication has, as far as that decides what they list: it follows from which there are.
pub(super) fn settings_of(publication: &Publication, place: &Place) -> Option<SuiteSettings> {
    // The flat form lists what the suite beside it does.
    let suite = publication.suites.get(&Place::Suite(place.suite().clone()))?;
    let (mut components, mut architectures) = (BTreeSet::new(), BTreeSet::new());
    for path in suite.indices.keys() {
        let directory = path.strip_suffix("/Packages").map(|path| path.rsplit_once("/binary-"));
        if let Some(Some((component, architecture))) = directory {
            let component = component.strip_suffix("/debian-installer").unwrap_or(component);
            components.insert(Component::parse(component).ok()?);
            architectures.insert(Architecture::parse(architecture).ok()?);
        }
    }
    let apart = architectures.remove(&Architecture::all());
    let mut settings = SuiteSettings::new(place.suite().clone(), architectures.into_iter().collect());
    settings.components = components.into_iter().collect();
    settings.translations = suite.indices.keys().any(|path| path.ends_with("/i18n/Translation-en"));
    settings.architecture_all = if apart { ArchitectureAll::Apart } else { ArchitectureAll::Folded };
    Some(settings)
}

/// The indices that a suite may have.
pub(super) fn kinds_of<'a>(
    settings: &'a SuiteSettings,
    place: &Place,
    suite: &PublishedSuite,
) -> Vec<Kind<'a>> {
    let extent = Extent {
        installer: settings.components.iter().cloned().collect(),
        sources: suite.has_sources(),
        contents: suite.indices.keys().any(|path| path.rsplit('/').next().is_some_and(is_contents)),
    };
    match place {
        Place::Suite(_) => Kind::of_suite(settings, &extent),
        Place::Flat(_) => Kind::of_flat(settings, &extent),
    }
}

fn is_contents(name: &str) -> bool {
    name.starts_with("Contents-")
}
