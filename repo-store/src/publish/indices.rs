//! Rendering the indices of suites, each from the change since it was published last where that is known.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use apt_index::{
    Builder, Change, Encoding, IndexOptions, Item, PackageKind, PatchHistory, PreviousFiles, parallel_map,
    update,
};
use deb_parse::PackageName;

use super::Wanted;
use super::draft::Draft;
use super::kind::{Extent, Kind, installer_components, shows_every_component};
use super::layout;
use super::place::Place;
use super::publication::{PublishedDiff, PublishedIndex, PublishedSuite};
use super::target::PublishedFile;
use super::unlisted::{Unlisted, UnlistedPackages};
use crate::context::Context;
use crate::error::{Error, PublishError};
use crate::model::difference::Difference;
use crate::model::index_kind::IndexKind;
use crate::model::publication_id::PublicationId;
use crate::model::record::Record;
use crate::model::snapshot::Snapshot;
use crate::progress::{Amount, Phase, Progress};
use crate::settings::RepositorySettings;
use crate::store::Store;

/// The indices of one suite, by path without the compression's ending.
type Indices = BTreeMap<String, PublishedIndex>;

/// Renders all indices of all wanted suites, writes their files to the target, and links the packages they list into the pool.
/// Returns the packages that were left out as well.
pub(super) fn render(
    store: &Store,
    repository: &RepositorySettings,
    wanted: &[Wanted<'_>],
    draft: &Draft<'_>,
    context: &Context,
) -> Result<(Vec<Indices>, Vec<Unlisted>), Error> {
    // Suites that show the same content on top of the same content render alike, and most packages go to every suite.
    let mut contents: Vec<Content<'_>> = Vec::new();
    let mut places = Vec::with_capacity(wanted.len());
    for suite in wanted {
        let known = contents.iter().position(|content| content.serves(suite));
        places.push(known.unwrap_or(contents.len()));
        if known.is_none() {
            let content = Content::load(store, repository, suite, draft, &context.progress)?;
            if repository.contents {
                content.make_manifests(store, context)?;
            }
            contents.push(content);
        }
    }
    let jobs: Vec<Job<'_>> = contents.iter().enumerate().flat_map(Content::jobs).collect();
    let threads = NonZeroUsize::new(context.threads.get() / jobs.len().max(1)).unwrap_or(NonZeroUsize::MIN);
    let unlisted = UnlistedPackages::default();
    let phase = context.progress.begin(Phase::Rendering, Amount::items(jobs.len()));
    let results = parallel_map(&jobs, context.threads, |job| {
        phase.check()?;
        let mut options = IndexOptions::new(repository.encodings_of(job.kind.index_kind()).to_vec());
        options.threads = threads;
        let index =
            job.run(&Workshop { store, draft, options, pdiffs: repository.pdiffs, unlisted: &unlisted })?;
        phase.advance(1, 0)?;
        Ok::<_, Error>(index)
    });
    phase.finish();
    let mut by_content: Vec<Indices> = contents.iter().map(|_| Indices::new()).collect();
    for (job, result) in jobs.iter().zip(results) {
        if let Some(indices) = by_content.get_mut(job.place) {
            indices.insert(job.path.clone(), result?);
        }
    }
    let indices = places.into_iter().filter_map(|place| by_content.get(place).cloned()).collect();
    Ok((indices, unlisted.finish()))
}

/// What every index is made with.
struct Workshop<'a> {
    store: &'a Store,
    draft: &'a Draft<'a>,
    options: IndexOptions,
    /// From how many earlier states clients can come to the present one by a patch.
    pdiffs: usize,
    unlisted: &'a UnlistedPackages,
}

/// An index that takes fewer bytes is fetched faster than its patches are looked for.
const WORTH_PATCHING: u64 = 64 << 10;

/// What a suite will show, and on top of what.
struct Content<'a> {
    wanted: &'a Wanted<'a>,
    snapshot: Snapshot,
    /// What was published before and what differs; `None` when everything is new.
    before: Option<(&'a PublishedSuite, Difference)>,
    /// Which indices it has.
    extent: Extent,
}

impl<'a> Content<'a> {
    /// Reads what a suite will show, and links what is new of it into the pool.
    fn load(
        store: &Store,
        repository: &RepositorySettings,
        wanted: &'a Wanted<'a>,
        draft: &Draft<'_>,
        progress: &Progress,
    ) -> Result<Self, Error> {
        let snapshot = store.empty_or(wanted.snapshot)?;
        let before = match wanted.built_upon() {
            None => None,
            Some(before) => {
                let old = store.empty_or(before.snapshot)?;
                Some((before, store.difference(&old, &snapshot)?))
            }
        };
        let sources = wanted.before.is_some_and(PublishedSuite::has_sources);
        let extent = Extent { sources, contents: repository.contents, ..Extent::default() };
        let mut content = Self { wanted, snapshot, before, extent };
        content.take_in(store, draft, progress)?;
        Ok(content)
    }

    /// Whether the indices of this content are those of `other` too.
    fn serves(&self, other: &Wanted<'_>) -> bool {
        let same_start = match (self.wanted.built_upon(), other.built_upon()) {
            (None, None) => true,
            (Some(own), Some(before)) => own.snapshot == before.snapshot && own.indices == before.indices,
            _ => false,
        };
        let (own, suite) = (self.wanted.suite, other.suite);
        let is_flat = |wanted: &Wanted<'_>| matches!(wanted.place, Place::Flat(_));
        same_start
            && !is_flat(self.wanted)
            && !is_flat(other)
            && self.wanted.snapshot == other.snapshot
            && self.wanted.before.map(PublishedSuite::has_sources)
                == other.before.map(PublishedSuite::has_sources)
            && own.architectures == suite.architectures
            && own.components == suite.components
            && own.architecture_all == suite.architecture_all
            && own.translations == suite.translations
    }

    /// Looks at every package that was not shown before.
    fn take_in(&mut self, store: &Store, draft: &Draft<'_>, progress: &Progress) -> Result<(), Error> {
        // What clients were told to fetch they go on asking for.
        let known = self.wanted.before.map(|before| installer_components(self.wanted.suite, &before.indices));
        let mut installer: BTreeSet<_> = known.into_iter().flatten().cloned().collect();
        let mut sources = self.extent.sources;
        let mut note = |record: &Record| {
            sources |= record.key().architecture.is_source();
            if record.kind() == PackageKind::Udeb && !installer.contains(record.component()) {
                installer.insert(record.component().clone());
            }
        };
        let new = match &self.before {
            Some((_, difference)) => Amount::items(difference.only_second.len()),
            None => Amount { items: self.snapshot.records(), bytes: 0 },
        };
        let phase = progress.begin(Phase::Linking, new);
        match &self.before {
            // Packages shown before are in the pool already.
            Some((before, difference)) => {
                for record in &difference.only_second {
                    note(record);
                    draft.put_pool(record)?;
                    phase.advance(1, 0)?;
                }
                // Of a component that is new here, packages may have been waiting for it.
                let knows_all = match self.wanted.place {
                    Place::Suite(_) => shows_every_component(self.wanted.suite, &before.indices),
                    Place::Flat(_) => self.wanted.settings == before.settings,
                };
                if !knows_all {
                    for record in self.snapshot.iterate(store.objects()) {
                        note(&*record?);
                    }
                }
            }
            None => {
                for record in self.snapshot.iterate(store.objects()) {
                    let record = record?;
                    note(&record);
                    draft.put_pool(&record)?;
                    phase.advance(1, 0)?;
                }
            }
        }
        phase.finish();
        self.extent.installer = installer;
        self.extent.sources = sources;
        Ok(())
    }

    /// Every index it has.
    fn kinds(&self) -> Vec<Kind<'a>> {
        match self.wanted.place {
            Place::Suite(_) => Kind::of_suite(self.wanted.suite, &self.extent),
            Place::Flat(_) => Kind::of_flat(self.wanted.suite, &self.extent),
        }
    }

    /// Makes on all threads what `Contents` will be made of, as far as it is not there yet.
    fn make_manifests(&self, store: &Store, context: &Context) -> Result<(), Error> {
        let kinds = self.kinds();
        let mut paths = kinds.iter().filter(|kind| kind.index_kind() == IndexKind::Contents).map(Kind::path);
        match &self.before {
            Some((before, difference)) if paths.all(|path| before.indices.contains_key(&path)) => {
                store.make_missing_manifests(difference.only_second.iter().cloned().map(Ok), context)
            }
            _ => store.make_missing_manifests(self.snapshot.iterate(store.objects()), context),
        }
    }

    fn jobs((place, content): (usize, &'a Self)) -> Vec<Job<'a>> {
        let kinds = content.kinds();
        kinds.into_iter().map(|kind| Job { place, content, path: kind.path(), kind }).collect()
    }
}

/// One index to render.
struct Job<'a> {
    /// The number of the content.
    place: usize,
    content: &'a Content<'a>,
    kind: Kind<'a>,
    path: String,
}

impl Job<'_> {
    fn run(&self, workshop: &Workshop<'_>) -> Result<PublishedIndex, Error> {
        match &self.kind {
            Kind::Packages(kind) => {
                self.render(workshop, |records, unlisted| Ok(kind.items(records, unlisted)))
            }
            Kind::Contents(kind) => self.render(workshop, |records, unlisted| {
                kind.items(&|blob| workshop.store.manifest(blob), records, unlisted)
            }),
            Kind::Translation(kind) => {
                self.render(workshop, |records, unlisted| Ok(kind.items(records, unlisted)))
            }
            Kind::Sources(kind) => {
                self.render(workshop, |records, unlisted| Ok(kind.items(records, unlisted)))
            }
            Kind::Flat(kind) => self.render(workshop, |records, unlisted| Ok(kind.items(records, unlisted))),
        }
    }

    /// Renders the index; `items` are those of some records of one package, and take note of those that are left out.
    fn render<I: Item>(
        &self,
        workshop: &Workshop<'_>,
        items: impl Fn(&[Arc<Record>], &UnlistedPackages) -> Result<Vec<I>, Error>,
    ) -> Result<PublishedIndex, Error> {
        if let Some((before, difference)) = &self.content.before
            && self.kind.is_made_alike(self.content.wanted, before)
            && let Some(index) = before.indices.get(&self.path)
        {
            let change = self.change(workshop, before, difference, &items)?;
            if let Some(index) = self.updated(workshop, before.made_in, index, &change)? {
                return Ok(index);
            }
        }
        let mut builder = Builder::new(&workshop.options);
        let mut package: Vec<Arc<Record>> = Vec::new();
        for record in self.content.snapshot.iterate(workshop.store.objects()) {
            let record = record?;
            if package.first().is_some_and(|first| first.key().package != record.key().package) {
                self.push_all(&mut builder, items(&package, workshop.unlisted))?;
                package.clear();
            }
            package.push(record);
        }
        self.push_all(&mut builder, items(&package, workshop.unlisted))?;
        let rendered = builder.finish().map_err(|source| self.error(source))?;
        workshop
            .draft
            .put_index(rendered, None)?
            .ok_or_else(|| Error::damaged("index", &self.path, "it changed while it was written"))
    }

    fn push_all<I: Item>(&self, builder: &mut Builder, items: Result<Vec<I>, Error>) -> Result<(), Error> {
        items?.iter().try_for_each(|item| builder.push(item)).map_err(|source| self.error(source))
    }

    /// What differs from the index that was published before.
    fn change<I: Item>(
        &self,
        Workshop { store, unlisted, .. }: &Workshop<'_>,
        before: &PublishedSuite,
        difference: &Difference,
        items: &impl Fn(&[Arc<Record>], &UnlistedPackages) -> Result<Vec<I>, Error>,
    ) -> Result<Change<I>, Error> {
        // What was left out before was told then.
        let told = UnlistedPackages::default();
        if !self.kind.joins_versions() {
            return Ok(Change {
                removed: items(&difference.only_first, &told)?,
                added: items(&difference.only_second, unlisted)?,
            });
        }
        let names = touched(difference);
        let old = store.empty_or(before.snapshot)?;
        let mut change = Change { removed: Vec::new(), added: Vec::new() };
        for names in names.chunks(NAMES_AT_ONCE) {
            let names = names.iter().copied().cloned().collect();
            let versions = |snapshot: &Snapshot| versions_of(store, snapshot, &names);
            let (old, new) = (versions(&old)?, versions(&self.content.snapshot)?);
            for name in &names {
                let items = |versions: &ByName, unlisted| {
                    items(versions.get(name).map_or(&[], Vec::as_slice), unlisted)
                };
                let (mut was, mut is) = (items(&old, &told)?, items(&new, unlisted)?);
                let same =
                    |item: &I, others: &[I]| others.iter().any(|other| other.as_bytes() == item.as_bytes());
                is.retain(|item| {
                    let kept = same(item, &was);
                    was.retain(|old| old.as_bytes() != item.as_bytes());
                    !kept
                });
                change.removed.extend(was);
                change.added.extend(is);
            }
        }
        Ok(change)
    }

    /// The patches that lead from earlier states to an index that was just written.
    fn patches(
        &self,
        Workshop { draft, pdiffs, .. }: &Workshop<'_>,
        (id, before): (PublicationId, &PublishedIndex),
        (present, removed): (&PublishedIndex, &[Range<u64>]),
    ) -> Result<Option<PublishedDiff>, Error> {
        let fetched = present.files.values().map(|file| file.size).min().unwrap_or(0);
        let Some(files) = OpenFiles::open(present, draft) else { return Ok(None) };
        if *pdiffs == 0 || fetched < WORTH_PATCHING {
            return Ok(None);
        }
        let none = PatchHistory::default();
        let history = before.diff.as_ref().map_or(&none, |diff| &diff.history);
        let before = (&*id.to_string(), before.plain, &before.layout);
        let history = history.advance(before, (&present.layout, removed), *pdiffs);
        let made = history.patches(&draft.id().to_string(), present.plain, &present.layout, &files);
        let Some(made) = made.map_err(|source| self.error(source))? else { return Ok(None) };
        let index = draft.put_small(&made.index)?;
        let patches = made.patches.into_iter().map(|(name, bytes)| Ok((name, draft.put_small(&bytes)?)));
        Ok(Some(PublishedDiff { index, patches: patches.collect::<Result<_, Error>>()?, history }))
    }

    /// The index as a change of the one before; `None` when that one cannot be built upon.
    fn updated<I: Item>(
        &self,
        workshop: &Workshop<'_>,
        id: PublicationId,
        before: &PublishedIndex,
        change: &Change<I>,
    ) -> Result<Option<PublishedIndex>, Error> {
        let Workshop { draft, options, .. } = workshop;
        let Some(files) = OpenFiles::open(before, draft) else { return Ok(None) };
        if !before.files.keys().copied().eq(sorted(&options.encodings)) {
            return Ok(None);
        }
        if !before.layout.is_provable() {
            return Ok(None);
        }
        if change.removed.is_empty() && change.added.is_empty() {
            return Ok(draft.holds(before)?.then(|| before.clone()));
        }
        match update(&before.layout, &files, change, options) {
            Ok(rendered) => {
                let removed = rendered.removed_lines().unwrap_or_default().to_vec();
                let Some(mut index) = draft.put_index(rendered, Some(before))? else { return Ok(None) };
                match self.patches(workshop, (id, before), (&index, &removed)) {
                    Ok(diff) => index.diff = diff,
                    // A part that was taken over is damaged.
                    Err(Error::Publish(PublishError::Index { source, .. })) if is_of_previous(&source) => {
                        return Ok(None);
                    }
                    Err(error) => return Err(error),
                }
                Ok(Some(index))
            }
            Err(source) if is_of_previous(&source) => Ok(None),
            Err(source) => Err(self.error(source)),
        }
    }

    fn error(&self, source: apt_index::Error) -> Error {
        Error::Publish(PublishError::Index { suite: self.content.wanted.suite.name.clone(), source })
    }
}

/// Whether the files of the previous index are to blame: the index is rendered anew then.
fn is_of_previous(error: &apt_index::Error) -> bool {
    matches!(error, apt_index::Error::Diverged { .. } | apt_index::Error::Previous { .. })
}

/// The versions of packages that are at hand at a time, by name: each chunk is read once for all that it holds.
pub(super) type ByName = BTreeMap<PackageName, Vec<Arc<Record>>>;

pub(super) const NAMES_AT_ONCE: usize = 4096;

/// The names of the packages of which something differs, in order.
pub(super) fn touched(difference: &Difference) -> Vec<&PackageName> {
    let touched = difference.only_first.iter().chain(&difference.only_second);
    let names: BTreeSet<&PackageName> = touched.map(|record| &record.key().package).collect();
    names.into_iter().collect()
}

/// All versions of some packages.
pub(super) fn versions_of(
    store: &Store,
    snapshot: &Snapshot,
    names: &BTreeSet<PackageName>,
) -> Result<ByName, Error> {
    let mut versions = ByName::new();
    for record in snapshot.versions_of_all(&store.objects(), names)? {
        versions.entry(record.key().package.clone()).or_default().push(record);
    }
    Ok(versions)
}

fn sorted(encodings: &[Encoding]) -> Vec<Encoding> {
    let mut sorted = encodings.to_vec();
    sorted.sort_unstable();
    sorted
}

/// The files of the index that was published before.
struct OpenFiles(BTreeMap<Encoding, Box<dyn PublishedFile>>);

impl OpenFiles {
    /// `None` when one of them is not there as it was published.
    fn open(index: &PublishedIndex, draft: &Draft<'_>) -> Option<Self> {
        let files = index.files.iter().map(|(encoding, expected)| {
            if draft.is_broken(&expected.sha256) {
                return None;
            }
            let file = draft.target().open(&layout::index(&expected.sha256)).ok().flatten()?;
            (file.size() == expected.size).then_some((*encoding, file))
        });
        files.collect::<Option<_>>().map(Self)
    }
}

impl PreviousFiles for OpenFiles {
    fn read(&self, encoding: Encoding, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        let file = self.0.get(&encoding).ok_or(std::io::ErrorKind::NotFound)?;
        file.read_range(range.start, range.end)
    }
}
