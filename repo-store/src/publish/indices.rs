//! Rendering the indices of suites, each from the change since it was published last where that is known.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use apt_index::Encoding;
use apt_index::index::{Builder, Change, IndexOptions, Item, PreviousFiles, update};
use apt_index::parallel::parallel_map;
use apt_index::pdiff::PatchHistory;
use apt_index::pool::PackageKind;
use deb_parse::PackageName;
use deb_parse::checksum::Blake3;

use super::draft::Draft;
use super::kind::{Extent, Kind, installer_components, shows_every_component};
use super::layout;
use super::place::Place;
use super::publication::{MadeFrom, PublishedDiff, PublishedIndex, PublishedSuite};
use super::recipe::{ListedRecords, Recipe};
use super::reuse::Equal;
use super::target::PublishedFile;
use super::unlisted::{Unlisted, UnlistedPackages};
use super::{Start, Wanted, recipe, reuse};
use crate::context::Context;
use crate::error::{Error, PublishError};
use crate::manifest::keep::make_missing_manifests;
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
    let jobs: Vec<Job<'_>> =
        contents.iter().enumerate().flat_map(|(number, content)| content.jobs(number, repository)).collect();
    let recipes = recipes((store, context), &contents, &jobs)?;
    // Indices with the same recipe are made once.
    let mut firsts: Vec<(&Job<'_>, Recipe)> = Vec::new();
    let mut numbers: BTreeMap<Recipe, usize> = BTreeMap::new();
    for (job, recipe) in jobs.iter().zip(&recipes) {
        numbers.entry(*recipe).or_insert_with(|| {
            firsts.push((job, *recipe));
            firsts.len() - 1
        });
    }
    let published = published_already(store, &firsts);
    let work: Vec<_> = firsts.iter().zip(&published).collect();
    let threads = NonZeroUsize::new(context.threads.get() / work.len().max(1)).unwrap_or(NonZeroUsize::MIN);
    let unlisted = UnlistedPackages::default();
    let phase = context.progress.begin(Phase::Rendering, Amount::items(work.len()));
    let made = parallel_map(&work, context.threads, |((job, recipe), equal)| {
        phase.check()?;
        let mut options = IndexOptions::new(job.encodings.to_vec());
        options.threads = threads;
        let workshop = Workshop { store, draft, options, repository, unlisted: UnlistedPackages::default() };
        let mut made = job.run(&workshop, *recipe, equal.as_ref())?;
        made.is_complete &= workshop.unlisted.is_empty();
        unlisted.absorb(workshop.unlisted);
        phase.advance(1, 0)?;
        Ok(made)
    });
    phase.finish();
    let made: Vec<Made> = made.into_iter().collect::<Result<_, Error>>()?;
    let mut by_content: Vec<Indices> = contents.iter().map(|_| Indices::new()).collect();
    for (job, recipe) in jobs.iter().zip(&recipes) {
        let made = numbers.get(recipe).and_then(|number| made.get(*number));
        if let Some((made, indices)) = made.zip(by_content.get_mut(job.place)) {
            // What others take over must not hide from them what is left out.
            let made_from =
                made.is_complete.then(|| MadeFrom { snapshot: job.of_snapshot(), records: made.records });
            indices.insert(job.path.clone(), PublishedIndex { made_from, ..made.index.clone() });
        }
    }
    let indices = places.into_iter().filter_map(|place| by_content.get(place).cloned()).collect();
    Ok((indices, unlisted.finish()))
}

/// An index that was made.
struct Made {
    index: PublishedIndex,
    /// The digest of the records that it lists, where all were read.
    records: Option<Blake3>,
    /// Whether it is known to list every package that it should.
    is_complete: bool,
}

/// Returns how each index is made. The records of a snapshot are read once for all its indices.
fn recipes(
    (store, context): (&Store, &Context),
    contents: &[Content<'_>],
    jobs: &[Job<'_>],
) -> Result<Vec<Recipe>, Error> {
    let changes = parallel_map(jobs, context.threads, |job| job.recipe_of_change(store));
    let changes: Vec<Option<Recipe>> = changes.into_iter().collect::<Result<_, _>>()?;
    let numbered: Vec<(usize, &Content<'_>)> = contents.iter().enumerate().collect();
    let lists = parallel_map(&numbered, context.threads, |(number, content)| {
        let whole =
            jobs.iter().zip(&changes).filter(|(job, change)| job.place == *number && change.is_none());
        let mut lists: Vec<(&Kind<'_>, ListedRecords)> =
            whole.map(|(job, _)| (&job.kind, ListedRecords::new(&job.kind, job.encodings))).collect();
        if !lists.is_empty() {
            for record in content.snapshot.iterate(store.objects()) {
                let record = record?;
                let listing = lists.iter_mut().filter(|(kind, _)| kind.lists(&record));
                listing.for_each(|(_, list)| list.push(&record));
            }
        }
        Ok(lists.into_iter().map(|(_, list)| list.finish()).collect())
    });
    let lists: Vec<Vec<Recipe>> = lists.into_iter().collect::<Result<_, Error>>()?;
    // The jobs of a content follow each other.
    let mut lists = lists.into_iter().flatten();
    Ok(changes.into_iter().filter_map(|change| change.or_else(|| lists.next())).collect())
}

/// An index that lists fewer packages is rendered faster than looked for.
const WORTH_LOOKING_FOR: u64 = 32;

/// Looks for the indices to make among those that a repository of the store has published.
fn published_already(store: &Store, firsts: &[(&Job<'_>, Recipe)]) -> Vec<Option<Equal>> {
    let wanted = firsts.iter().enumerate().filter_map(|(number, (job, recipe))| {
        let Recipe::Records(_, records) = recipe else { return None };
        // What is to be made from records alone takes nothing over.
        let may_be = *records >= WORTH_LOOKING_FOR && job.content.wanted.start == Start::Published;
        may_be.then(|| (number, MadeFrom { snapshot: job.of_snapshot(), records: recipe.records() }))
    });
    let (numbers, wanted): (Vec<usize>, Vec<MadeFrom>) = wanted.unzip();
    let mut published: Vec<Option<Equal>> = firsts.iter().map(|_| None).collect();
    if !wanted.is_empty() {
        for (number, equal) in numbers.into_iter().zip(reuse::find(store, &wanted)) {
            if let Some(place) = published.get_mut(number) {
                *place = equal;
            }
        }
    }
    published
}

/// What every index is made with.
struct Workshop<'a> {
    store: &'a Store,
    draft: &'a Draft<'a>,
    options: IndexOptions,
    repository: &'a RepositorySettings,
    unlisted: UnlistedPackages,
}

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
            (Some(own), Some(before)) => {
                own.snapshot == before.snapshot && own.rendered().eq(before.rendered())
            }
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
                for record in &difference.other_provenance {
                    draft.put_pool(record)?;
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
                make_missing_manifests(store, difference.only_second.iter().cloned().map(Ok), context)
            }
            _ => make_missing_manifests(store, self.snapshot.iterate(store.objects()), context),
        }
    }

    fn jobs(&'a self, place: usize, repository: &'a RepositorySettings) -> impl Iterator<Item = Job<'a>> {
        self.kinds().into_iter().map(move |kind| Job {
            place,
            content: self,
            path: kind.path(),
            encodings: repository.encodings_of(kind.index_kind()),
            kind,
        })
    }
}

/// One index to render.
struct Job<'a> {
    /// The number of the content.
    place: usize,
    content: &'a Content<'a>,
    kind: Kind<'a>,
    path: String,
    encodings: &'a [Encoding],
}

impl Job<'_> {
    /// Makes the index, or takes over one that is equal.
    fn run(&self, workshop: &Workshop<'_>, recipe: Recipe, equal: Option<&Equal>) -> Result<Made, Error> {
        if let Some(Equal { repository, index }) = equal
            && workshop.draft.take_over(index, repository)?
        {
            return Ok(Made { index: index.clone(), records: recipe.records(), is_complete: true });
        }
        match &self.kind {
            Kind::Contents(kind) => self.render(workshop, recipe, |records, unlisted| {
                kind.items(&|blob| workshop.store.manifest(blob), records, unlisted)
            }),
            kind => self.render(workshop, recipe, |records, unlisted| Ok(kind.stanzas(records, unlisted))),
        }
    }

    /// Returns the digest by which publications with the same snapshot know the index.
    fn of_snapshot(&self) -> Blake3 {
        recipe::of_snapshot(&self.kind, self.encodings, self.content.wanted.snapshot)
    }

    /// Returns the index to change into this one; `None` when none was published, or when more would be new in it than stay.
    fn changes(&self) -> Option<(&PublishedSuite, &Difference, &PublishedIndex)> {
        let (before, difference) = self.content.before.as_ref()?;
        let index = before.indices.get(&self.path)?;
        let listed =
            |records: &[Arc<Record>]| records.iter().filter(|record| self.kind.lists(record)).count() as u64;
        let (removed, added) = (listed(&difference.only_first), listed(&difference.only_second));
        let can_change = self.kind.is_made_alike(self.content.wanted, before)
            && added <= index.layout.items().saturating_sub(removed);
        can_change.then_some((before, difference, index))
    }

    /// Returns the recipe of an index that is made from the one before; `None` for others.
    fn recipe_of_change(&self, store: &Store) -> Result<Option<Recipe>, Error> {
        match &self.kind {
            Kind::Contents(kind) => self.recipe_with(store, |records, unlisted| {
                kind.items(&|blob| store.manifest(blob), records, unlisted)
            }),
            kind => self.recipe_with(store, |records, unlisted| Ok(kind.stanzas(records, unlisted))),
        }
    }

    fn recipe_with<I: Item>(
        &self,
        store: &Store,
        items: impl Fn(&[Arc<Record>], &UnlistedPackages) -> Result<Vec<I>, Error>,
    ) -> Result<Option<Recipe>, Error> {
        let Some((before, difference, index)) = self.changes() else { return Ok(None) };
        let change = self.change((store, &UnlistedPackages::default()), before, difference, &items)?;
        let change = (&*change.removed, &*change.added);
        Ok(Some(Recipe::change((&self.kind, self.encodings), index, change)))
    }

    /// Renders the index; `items` are those of some records of one package, and take note of those that are left out.
    fn render<I: Item>(
        &self,
        workshop: &Workshop<'_>,
        recipe: Recipe,
        items: impl Fn(&[Arc<Record>], &UnlistedPackages) -> Result<Vec<I>, Error>,
    ) -> Result<Made, Error> {
        if let Some((before, difference, index)) = self.changes() {
            let change = self.change((workshop.store, &workshop.unlisted), before, difference, &items)?;
            let is_complete = index.made_from.is_some();
            let is_same = change.removed.is_empty() && change.added.is_empty();
            let records = index.made_from.and_then(|made_from| made_from.records).filter(|_| is_same);
            if let Some(index) = self.updated(workshop, before.made_in, index, &change)? {
                return Ok(Made { index, records, is_complete });
            }
        }
        let mut builder = Builder::new(&workshop.options);
        let mut package: Vec<Arc<Record>> = Vec::new();
        for record in self.content.snapshot.iterate(workshop.store.objects()) {
            let record = record?;
            if package.first().is_some_and(|first| first.key().package != record.key().package) {
                self.push_all(&mut builder, items(&package, &workshop.unlisted))?;
                package.clear();
            }
            package.push(record);
        }
        self.push_all(&mut builder, items(&package, &workshop.unlisted))?;
        let rendered = builder.finish().map_err(|source| self.error(source))?;
        let index = workshop
            .draft
            .put_index(rendered, None)?
            .ok_or_else(|| Error::damaged("index", &self.path, "it changed while it was written"))?;
        Ok(Made { index, records: recipe.records(), is_complete: true })
    }

    fn push_all<I: Item>(&self, builder: &mut Builder, items: Result<Vec<I>, Error>) -> Result<(), Error> {
        items?.iter().try_for_each(|item| builder.push(item)).map_err(|source| self.error(source))
    }

    /// What differs from the index that was published before.
    fn change<I: Item>(
        &self,
        (store, unlisted): (&Store, &UnlistedPackages),
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
        Workshop { draft, repository, .. }: &Workshop<'_>,
        (id, before): (PublicationId, &PublishedIndex),
        (present, removed): (&PublishedIndex, &[Range<u64>]),
    ) -> Result<Option<PublishedDiff>, Error> {
        let fetched = present.files.values().map(|file| file.size).min().unwrap_or(0);
        if repository.pdiffs == 0 || fetched < repository.pdiffs_from {
            return Ok(None);
        }
        let Some(files) = OpenFiles::open(present, draft) else { return Ok(None) };
        let none = PatchHistory::default();
        let history = before.diff.as_ref().map_or(&none, |diff| &diff.history);
        let before = (&*id.to_string(), before.plain, &before.layout);
        let history = history.advance(before, (&present.layout, removed), repository.pdiffs);
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

/// Whether the files of the previous index are to blame: then the index is rendered from scratch.
fn is_of_previous(error: &apt_index::Error) -> bool {
    matches!(error, apt_index::Error::Diverged { .. } | apt_index::Error::Previous { .. })
}

/// The versions of packages that are at hand at a time, by name: each chunk is read once for all that it holds.
pub(super) type ByName = BTreeMap<PackageName, Vec<Arc<Record>>>;

pub(super) const NAMES_AT_ONCE: usize = 4096;

/// The names of the packages that differ in something, in order.
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
