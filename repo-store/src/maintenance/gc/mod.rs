//! Removing what nothing refers to any more.
//!
//! # What is kept
//!
//! Everything that can be reached from the current state of any repository, from every state its history still
//! [reaches](crate::history::KeepHistory), from a tag, from a state the operation log mentions within the grace period (so a tag deleted by
//! mistake can be made again), and from a publication that is kept: the current one of each repository, those that were replaced
//! within the grace period, and those of tagged states. Every version of the keyring package of a repository is kept, in the pool too. Also everything that came to the store within the grace period, and all
//! that came since the oldest process that is writing at the moment began: its commit may still be on the way.
//!
//! # Why this is safe while others work
//!
//! * The time and the files are taken down *before* the references are read. A change that is committed later refers to objects
//!   of the state it was made from, which is found, and to objects it wrote itself, which are young; a rollback also to those of
//!   an older state, which its history or a tag reached when it began, so that they stay for the grace period at least.
//! * A writer of an object that is there already touches it (its change time, not the modification time, which clients of the
//!   pool see as `Last-Modified`), and so makes it young. Touching and removing lock the file itself for a moment: either the
//!   remover sees that the file is young and leaves it, or the writer sees that it is gone and writes it again. No lock is held on
//!   anything else than the file that goes, so adding never waits for a collection.
//! * A history is shortened in one collection and what it no longer reaches removed by a later one, after the grace period.
//! * Files of a published tree go under that repository's publishing lock. A link in the pool goes before the blob it shows, both
//!   under the lock of the file, so no pool ever shows what the store does not have.
//! * The manifest of a package file goes with it. Should the file stay after all, its manifest is made again when it is needed.
//!
//! An error while references or directories are read ends the collection before anything is removed: what cannot be read is
//! never taken for absent.
//!
//! Nothing is quarantined. What is removed was out of reach for the whole grace period, in which a rollback, a new tag or a longer
//! history would have brought it back without a copy from elsewhere; a second waiting room would only double that time.

mod history;
mod mark;
pub(super) mod plan;
mod published;
mod sweep;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use camino::Utf8PathBuf;
use deb_parse::checksum::Blake3;
use jiff::{SignedDuration, Timestamp};

use self::mark::Marks;
pub use self::plan::GcPlan;
use self::published::Survey;
use self::sweep::{Sweep, Unreached};
use crate::context::Context;
use crate::document::Kept;
use crate::error::Error;
use crate::history::announced::Announced;
use crate::history::horizon::{Ends, KeepHistory};
use crate::history::keyring_versions::KeyringVersions;
use crate::intent;
use crate::manifest;
use crate::manifest::keep::manifest_key;
use crate::model::id::{BlobId, CommitId};
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::operations::bases;
use crate::progress::{Amount, Phase};
use crate::publish::promotion_attestations::PromotionAttestations;
use crate::storage::own_directories;
use crate::storage::{COLLECTION, Key, StorageError, object_store};
use crate::store::Store;

/// How garbage is collected.
#[derive(Clone, Debug)]
pub struct GcOptions {
    /// For how long what nothing refers to is kept. It must be longer than any operation takes, and than clients take from
    /// reading an `InRelease` to fetching the last file it leads to.
    pub grace: SignedDuration,
    /// How much of the history of each repository is kept; all of those not named.
    pub keep_history: BTreeMap<RepositoryName, KeepHistory>,
}

impl Default for GcOptions {
    /// A grace period of seven days, every history for ever.
    fn default() -> Self {
        Self { grace: SignedDuration::from_hours(7 * 24), keep_history: BTreeMap::new() }
    }
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct GcReport {
    /// The files, in the order in which they go.
    pub removed: Vec<Garbage>,
    /// How many bytes that frees on disk: a file with several names counts when its last name goes.
    pub freed: u64,
    /// Histories that are shorter from now on, and the number of the oldest state that stays in each. What is before it goes
    /// when the grace period is over.
    #[serde(serialize_with = "plan::as_list")]
    pub shortened: BTreeMap<RepositoryName, u64>,
}

/// A file that nothing refers to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Garbage {
    /// The file, below the root of the store.
    pub path: Utf8PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Why it may go.
    pub why: GarbageReason,
}

/// Why a file may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GarbageReason {
    /// No state that is kept leads to it.
    Unreachable,
    /// It belongs to a publication that was replaced long enough ago.
    Replaced(PublicationId),
    /// It belongs to a publication that was never shown.
    NeverShown,
    /// No publication that is kept lists this package file.
    Unlisted,
    /// No publication that is kept names this index file.
    Unnamed,
}

impl GarbageReason {
    /// Returns the kind of the reason, in words: the same for all publications.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable => "no kept state leads to it",
            Self::Replaced(_) => "its publication was replaced",
            Self::NeverShown => "its publication was never shown",
            Self::Unlisted => "no kept publication lists it",
            Self::Unnamed => "no kept publication names it",
        }
    }
}

impl fmt::Display for GarbageReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced(id) => write!(f, "publication {id} was replaced"),
            other => f.write_str(other.kind()),
        }
    }
}

/// See [`Store::is_collecting_garbage`].
#[must_use]
pub(crate) fn is_collecting_garbage(store: &Store) -> bool {
    store.storage().locks().state(COLLECTION).is_held
}

/// See [`Store::collect_garbage`].
pub(crate) fn collect_garbage(
    store: &Store,
    options: &GcOptions,
    context: &Context,
) -> Result<GcReport, Error> {
    collect(store, options, Mode::Remove, context)
}

/// What a collection does with what it finds.
#[derive(Clone, Copy)]
enum Mode<'a> {
    /// Nothing.
    Look,
    /// Removes it.
    Remove,
    /// Removes it, if all of it was planned.
    RemovePlanned(&'a GcPlan),
}

impl Mode<'_> {
    fn is_dry(self) -> bool {
        matches!(self, Self::Look)
    }

    /// How often all that may go is gone through.
    fn passes(self) -> usize {
        if matches!(self, Self::RemovePlanned(_)) { 2 } else { 1 }
    }
}

fn collect(store: &Store, options: &GcOptions, mode: Mode<'_>, context: &Context) -> Result<GcReport, Error> {
    let storage = store.storage().objects();
    if store.storage().is_local() {
        own_directories::refuse_all_linked(&store.root().join("store"))?;
    }
    let only_one = store.storage().locks().acquire(COLLECTION)?;
    let now = storage.now()?;
    if !mode.is_dry() {
        // A check that runs meanwhile sees that a collection began, even if it is killed.
        only_one.mark(now)?;
    }
    let settled = earlier(now, options.grace);
    // One that began in the future began before the clock was set right.
    let began = storage.oldest_other_writer()?.map(|began| if began > now { Timestamp::MIN } else { began });
    let settled = began.map_or(settled, |began| began.min(settled));
    let horizon = earlier(context.now, options.grace);

    // Before the blobs: a manifest comes after its blob.
    let ids = |area| object_store::ids(storage, area);
    let manifests = ids(manifest::AREA)?;
    let blobs = ids("blobs")?;
    let mut of_no_blob: Vec<Blake3> = manifests.difference(&blobs).copied().collect();
    let mut marks = Marks::new(store, context, ids("objects")?, blobs);
    let repositories = store.repositories()?;
    let histories = mark_histories(store, &mut marks, (&repositories, options), (horizon, context))?;
    marks.commit_ids(&histories.tagged)?;
    marks.base_indices(bases::indices(store)?);
    let locks = repositories.iter().map(|repository| store.publishing_lock(repository));
    let _locks = locks.collect::<Result<Vec<_>, _>>()?;
    // After the locks: what is published meanwhile is announced first.
    let announced = Announced::read(store)?;
    let surveys = repositories.iter().map(|name| Survey::of(store, name, (&announced, horizon)));
    let mut surveys = surveys.collect::<Result<Vec<_>, _>>()?;
    marks.snapshots(surveys.iter().flat_map(Survey::snapshots).collect())?;
    // Last: what these cannot read is passed over, and nothing that is needed may be.
    for survey in &mut surveys {
        survey.mark_shown_lately(store, &mut marks)?;
    }
    for commit in history::logged_since(store, (horizon, context.now))? {
        match marks.commit_ids(&HashSet::from([commit])) {
            // The log is no reference: what it mentions may be gone since a collection with a shorter grace period.
            Err(Error::Storage(StorageError::Missing { .. })) => {}
            result => result?,
        }
    }

    let (objects, blobs) = marks.unreached();
    of_no_blob.extend(blobs.iter().filter(|id| manifests.contains(id)));
    of_no_blob.sort_unstable();
    let unreached = OutOfReach { objects, blobs, manifests: of_no_blob };
    let going: usize = surveys.iter().map(Survey::going).sum();
    let phase =
        context.progress.begin(Phase::Removing, Amount::items((unreached.count() + going) * mode.passes()));
    let sweep = |is_dry| {
        let sweep = Sweep::new(store, (settled, now), &phase, is_dry);
        clear(store, &surveys, &unreached, sweep)
    };
    let shortened =
        histories.shortened.iter().filter_map(|(name, ends)| Some((name.clone(), ends.oldest()?)));
    let shortened: BTreeMap<RepositoryName, u64> = shortened.collect();
    if let Mode::RemovePlanned(plan) = mode {
        plan.check(&sweep(true)?.0, &shortened)?;
    }
    if !mode.is_dry() {
        for ends in histories.shortened.values() {
            ends.save(store.storage())?;
        }
    }
    let (removed, freed) = sweep(mode.is_dry())?;
    phase.finish();
    Ok(GcReport { removed, freed, shortened })
}

/// What no state that is kept leads to.
struct OutOfReach {
    objects: Vec<Blake3>,
    blobs: Vec<Blake3>,
    /// Of blobs that go, or are gone.
    manifests: Vec<Blake3>,
}

impl OutOfReach {
    fn count(&self) -> usize {
        self.objects.len() + self.blobs.len() + self.manifests.len()
    }
}

/// Goes through all that may go, in the order in which it goes.
fn clear(
    store: &Store,
    surveys: &[Survey<'_>],
    unreached: &OutOfReach,
    mut sweep: Sweep<'_>,
) -> Result<(Vec<Garbage>, u64), Error> {
    let blobs = sweep.settled(unreached.blobs.iter().map(|id| Store::blob_key(BlobId(*id))))?;
    let objects = sweep.settled(unreached.objects.iter().map(|id| Key::object("objects", id)))?;
    // Walking a pool of many files takes its time, and nothing in it can have become garbage unless a publication goes; or
    // a blob, when something was put there that was never shown.
    let shown = blobs.iter().any(Unreached::may_be_published);
    let mut unlisted = Vec::new();
    for survey in surveys {
        if shown || survey.loses_something() {
            unlisted.extend(survey.unlisted(store)?);
        }
    }
    // Before their files go, publications are marked as going: a check would miss these otherwise if this process died.
    for survey in surveys {
        survey.begin(store, &mut sweep)?;
    }
    let unlisted = sweep.pool_files_of_others(unlisted, &blobs)?;
    for blob in blobs {
        let names = blob.identity().and_then(|file| unlisted.get(&file)).map_or(&[][..], Vec::as_slice);
        sweep.remove_settled(&blob, names)?;
    }
    let manifests = unreached.manifests.iter().map(|id| manifest_key(BlobId(*id)));
    for file in objects.into_iter().chain(sweep.settled(manifests)?) {
        sweep.remove_settled(&file, &[])?;
    }
    for survey in surveys {
        survey.remove(store, &mut sweep)?;
    }
    Ok(sweep.finish())
}

/// What was found in the histories of repositories.
#[derive(Default)]
struct Histories {
    /// The states that have a tag or are to come.
    tagged: HashSet<CommitId>,
    /// Where the histories that are shortened end from now on.
    shortened: BTreeMap<RepositoryName, Kept<Ends>>,
}

/// Marks what histories lead to.
fn mark_histories(
    store: &Store,
    marks: &mut Marks<'_>,
    (repositories, options): (&BTreeSet<RepositoryName>, &GcOptions),
    (horizon, context): (Timestamp, &Context),
) -> Result<Histories, Error> {
    let mut found = Histories { tagged: intent::announced(store)?, ..Histories::default() };
    for repository in repositories {
        let keep = options.keep_history.get(repository).copied().unwrap_or_default();
        let walk = history::walk(store, repository, keep, context.now, horizon)?;
        marks.commits(walk.commits)?;
        if let Some(ends) = walk.shortened {
            found.shortened.insert(repository.clone(), walk.ends.replaced_by(ends));
        }
        found.tagged.extend(store.tags(repository)?.into_iter().map(|tag| tag.commit));
        let keyrings = KeyringVersions::load(store, repository)?;
        marks.keep_blobs(keyrings.all.iter().map(|version| version.blob));
        // Also those of a list that somebody took away: a repair finds them by what is published.
        let mut attestations = PromotionAttestations::load(store, repository)?.into_document();
        attestations.complete_with(attestations.lacking(store, repository)?);
        marks.keep_blobs(attestations.files().map(|(_, file)| file.blob));
    }
    Ok(found)
}

/// A moment before `now`; the beginning of time when there is none so long ago.
fn earlier(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}

crate::model::serialized::written!(GarbageReason);
