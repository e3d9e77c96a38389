//! Rendering the indices of suites, each from the change since it was published last where that is known.

use std::collections::BTreeMap;
use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use apt_index::{
    Builder, Change, Encoding, IndexOptions, PreviousFiles, RelPath, Stanza, parallel_map, update,
};
use deb_parse::{Architecture, Component};

use super::Wanted;
use super::publication::{PublishedIndex, PublishedSuite};
use super::tree::Tree;
use crate::{Context, Difference, Error, Record, RepositorySettings, Snapshot, Store};

/// The indices of one suite, by path without the compression's ending.
type Indices = BTreeMap<String, PublishedIndex>;

/// Renders all indices of all wanted suites, writes their files to the tree, and links the packages they list into the pool.
pub(super) fn render(
    store: &Store,
    repository: &RepositorySettings,
    wanted: &[Wanted<'_>],
    tree: &Tree<'_>,
    context: &Context,
) -> Result<Vec<Indices>, Error> {
    // Suites that show the same content on top of the same content render alike, and most packages go to every suite.
    let mut contents: Vec<Content<'_>> = Vec::new();
    let mut places = Vec::with_capacity(wanted.len());
    for suite in wanted {
        let known = contents.iter().position(|content| content.serves(suite));
        places.push(known.unwrap_or(contents.len()));
        if known.is_none() {
            let content = Content::load(store, suite)?;
            content.link_pool(store, tree)?;
            contents.push(content);
        }
    }
    let jobs: Vec<Job<'_>> = contents.iter().enumerate().flat_map(Content::jobs).collect();
    let mut options = IndexOptions::new(repository.encodings.clone());
    options.threads =
        NonZeroUsize::new(context.threads.get() / jobs.len().max(1)).unwrap_or(NonZeroUsize::MIN);
    let results = parallel_map(&jobs, context.threads, |job| job.run(store, tree, &options));
    let mut by_content: Vec<Indices> = contents.iter().map(|_| Indices::new()).collect();
    for (job, result) in jobs.iter().zip(results) {
        if let Some(indices) = by_content.get_mut(job.place) {
            indices.insert(job.path.clone(), result?);
        }
    }
    Ok(places.into_iter().filter_map(|place| by_content.get(place).cloned()).collect())
}

/// What a suite will show, and on top of what.
struct Content<'a> {
    wanted: &'a Wanted<'a>,
    snapshot: Snapshot,
    /// What was published before and what differs; `None` when everything is new.
    before: Option<(&'a PublishedSuite, Difference)>,
}

impl<'a> Content<'a> {
    fn load(store: &Store, wanted: &'a Wanted<'a>) -> Result<Self, Error> {
        let snapshot = store.empty_or(wanted.snapshot)?;
        let before = match wanted.before {
            None => None,
            Some(before) => {
                let old = store.empty_or(before.snapshot)?;
                Some((before, store.difference(&old, &snapshot)?))
            }
        };
        Ok(Self { wanted, snapshot, before })
    }

    /// Whether the indices of this content are those of `other` too.
    fn serves(&self, other: &Wanted<'_>) -> bool {
        let start = |wanted: &Wanted<'a>| wanted.before.map(|before| (before.snapshot, &before.indices));
        let same_start = match (start(self.wanted), other.before) {
            (None, None) => true,
            (Some((snapshot, indices)), Some(before)) => {
                snapshot == before.snapshot && *indices == before.indices
            }
            _ => false,
        };
        let (own, suite) = (self.wanted.suite, other.suite);
        same_start
            && self.wanted.snapshot == other.snapshot
            && own.architectures == suite.architectures
            && own.components == suite.components
    }

    /// Packages shown before are in the pool already.
    fn link_pool(&self, store: &Store, tree: &Tree<'_>) -> Result<(), Error> {
        match &self.before {
            Some((_, difference)) => {
                difference.only_second.iter().try_for_each(|record| tree.link_pool(record))
            }
            None => self.snapshot.iterate(store.objects()).try_for_each(|record| tree.link_pool(&*record?)),
        }
    }

    fn jobs((place, content): (usize, &'a Self)) -> Vec<Job<'a>> {
        let suite = content.wanted.suite;
        let pairs = suite.components.iter().flat_map(|c| suite.architectures.iter().map(move |a| (c, a)));
        let job = |(component, architecture)| {
            let path = format!("{}/Packages", RelPath::binary_directory(component, architecture));
            Job { place, content, component, architecture, path }
        };
        pairs.map(job).collect()
    }
}

/// One index to render.
struct Job<'a> {
    /// The number of the content.
    place: usize,
    content: &'a Content<'a>,
    component: &'a Component,
    architecture: &'a Architecture,
    path: String,
}

impl Job<'_> {
    fn run(&self, store: &Store, tree: &Tree<'_>, options: &IndexOptions) -> Result<PublishedIndex, Error> {
        if let Some((before, difference)) = &self.content.before
            && let Some(index) = before.indices.get(&self.path)
            && let Some(index) = self.updated(index, difference, tree, options)?
        {
            return Ok(index);
        }
        let mut builder = Builder::new(options);
        for record in self.content.snapshot.iterate(store.objects()) {
            let record = record?;
            if self.lists(&record) {
                let stanza = Stanza::parse(record.stanza()).map_err(|source| self.error(source))?;
                builder.push(&stanza).map_err(|source| self.error(source))?;
            }
        }
        let rendered = builder.finish().map_err(|source| self.error(source))?;
        tree.write_index(rendered, None)?
            .ok_or_else(|| Error::damaged("index", &self.path, "it changed while it was written"))
    }

    /// The index as a change of the one before; `None` when that one cannot be built upon.
    fn updated(
        &self,
        before: &PublishedIndex,
        difference: &Difference,
        tree: &Tree<'_>,
        options: &IndexOptions,
    ) -> Result<Option<PublishedIndex>, Error> {
        let Some(files) = OpenFiles::open(before, tree) else { return Ok(None) };
        if !before.files.keys().copied().eq(sorted(&options.encodings)) {
            return Ok(None);
        }
        let removed = self.stanzas(&difference.only_first)?;
        let added = self.stanzas(&difference.only_second)?;
        if removed.is_empty() && added.is_empty() {
            return Ok(Some(before.clone()));
        }
        match update(&before.layout, &files, &Change { removed, added }, options) {
            Ok(rendered) => tree.write_index(rendered, Some(before)),
            Err(apt_index::Error::Diverged { .. } | apt_index::Error::Previous { .. }) => Ok(None),
            Err(source) => Err(self.error(source)),
        }
    }

    fn stanzas<'r>(&self, records: &'r [Arc<Record>]) -> Result<Vec<Stanza<'r>>, Error> {
        let listed = records.iter().filter(|record| self.lists(record));
        let stanzas = listed.map(|record| Stanza::parse(record.stanza()));
        stanzas.collect::<Result<_, _>>().map_err(|source| self.error(source))
    }

    fn lists(&self, record: &Record) -> bool {
        let architecture = &record.key().architecture;
        record.component() == self.component && (architecture.is_all() || architecture == self.architecture)
    }

    fn error(&self, source: apt_index::Error) -> Error {
        Error::Index { suite: self.content.wanted.suite.name.clone(), source }
    }
}

fn sorted(encodings: &[Encoding]) -> Vec<Encoding> {
    let mut sorted = encodings.to_vec();
    sorted.sort_unstable();
    sorted
}

/// The files of the index that was published before.
struct OpenFiles(BTreeMap<Encoding, File>);

impl OpenFiles {
    /// `None` when one of them is not there as it was published.
    fn open(index: &PublishedIndex, tree: &Tree<'_>) -> Option<Self> {
        let files = index.files.iter().map(|(encoding, expected)| {
            let file = File::open(tree.by_hash(&expected.sha256)).ok()?;
            (file.metadata().ok()?.len() == expected.size).then_some((*encoding, file))
        });
        files.collect::<Option<_>>().map(Self)
    }
}

impl PreviousFiles for OpenFiles {
    fn read(&self, encoding: Encoding, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        let file = self.0.get(&encoding).ok_or(std::io::ErrorKind::NotFound)?;
        let length =
            usize::try_from(range.end - range.start).map_err(|_| std::io::ErrorKind::InvalidInput)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }
}
