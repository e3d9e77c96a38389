//! From a commit to a signed tree that clients read.
//!
//! [`Store::publish`](crate::Store::publish) does it, [`Store::plan_publication`](crate::Store::plan_publication) tells what it would do, and
//! [`Store::export_unsigned`](crate::Store::export_unsigned) gives what is to be signed elsewhere.
//!
//! ```text
//! public/<repository>/
//!   dists -> .publications/<id>/dists        switched by one rename
//!   pool/…                                   hard links to the store's blobs
//!   snapshot/<id>/dists, pool                every publication kept, as an archive root of its own
//!   snapshot/<tag> -> <id>                   the newest publication of a state that has a tag
//!   .publications/<id>/dists/<suite>/        InRelease, Release, Release.gpg, indices under their plain names
//!   key.asc, key.gpg -> dists/../keys/…      the public keys of those that signed
//!   InRelease, Packages.xz, … -> dists/.flat/…  where a suite is published flat as well
//!   .by-hash/SHA256/<digest>                 every index file; the `by-hash` of each directory is a link to it
//! ```
//!
//! A publication is built where nobody looks, synced, and then shown by renaming one symbolic link. Index files are named by
//! their digest in one directory for all publications: a client that read an older `InRelease` still finds what it names, also
//! after going back, and an unchanged index costs a hard link.

pub(crate) mod aside;
mod attested;
mod carried;
mod contents;
mod decision;
mod draft;
pub(crate) mod earlier_state;
mod entry;
mod export;
mod flat;
pub(crate) mod going;
mod indices;
mod kind;
mod known_keys;
pub(crate) mod last_shown;
pub(crate) mod layout;
mod made_again;
mod missing;
mod multiset;
pub(crate) mod options;
mod past;
mod patch_proof;
mod place;
mod plan;
pub(crate) mod promotion_attestations;
mod proof;
mod public_keys;
mod publication;
mod published_files;
mod recipe;
mod refresh;
mod release_info;
mod removed;
mod restored;
mod reuse;
pub(crate) mod shown;
mod store_methods;
pub(crate) mod tagged;
mod tagged_again;
mod target;
mod thinning;
mod unlisted;
pub(crate) mod unlisted_in_pool;

use std::collections::BTreeMap;

use apt_index::RelPath;
use apt_index::pool::PackageKind;
use apt_index::release::{ComponentRelease, Release};
use apt_sign::{Signed, Signer};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::SuiteName;
pub use decision::PublicationReason;
use decision::{Decision, Ground, check_for_clients};
use draft::{Draft, Signatures};
pub(crate) use entry::{File, Source, TreeEntry};
pub use export::{Exported, UnsignedRelease};
use jiff::{SignedDuration, Timestamp};
pub(crate) use made_again::MakeAgain;
pub(crate) use options::PublishOptions;
pub(crate) use patch_proof::forged_patches;
pub(crate) use place::FLAT;
use place::Place;
pub use plan::{PlannedSuite, PublicationPlan};
pub use promotion_attestations::{AttestationFault, AttestationFinding, AttestationReport};
pub(crate) use proof::{Forged, forged};
pub(crate) use publication::Publication;
use publication::{COMPONENT_RELEASE, PublishedIndex, PublishedSuite, STANZA_FORM, SignedFiles};
pub use published_files::{PublicationOf, PublishedFiles, TreeFile};
pub use refresh::DueSuite;
pub use shown::CurrentPublication;
pub(crate) use tagged::hide_tag;
pub(crate) use target::{FileNames, InTree, PublicationTarget, target_of};
pub use unlisted::Unlisted;

use crate::context::Context;
use crate::error::{Error, PublishError};
use crate::history::last_shown::note_shown;
use crate::history::revision::Revision;
use crate::intent;
use crate::model::log_entry::LogEntry;
use crate::model::name::{RepositoryName, TagName};
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::progress::Phase;
use crate::publish::missing::PoolLook;
use crate::publish::restored::restore_archive_roots;
use crate::publish::tagged::{restore_tags, tags_ahead_in};
use crate::publish::tagged_again::sign_tagged_again;
use crate::publish::thinning::thin;
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::storage::StorageError;
use crate::storage::beneath::PathFault;
use crate::store::Store;

/// What a publication did.
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct PublishReport {
    /// The new publication; `None` when clients already see exactly that.
    pub publication: Option<PublicationId>,
    /// The suites that were rendered and signed again.
    pub suites: Vec<SuiteName>,
    /// The suites, aliases and `./` that clients found before and no longer find.
    pub removed: Vec<String>,
    /// Packages that an index leaves out because they cannot be listed. An index that is made from the one before names only
    /// packages that were added since.
    pub unlisted: Vec<Unlisted>,
    /// How many files and links that clients were told of had gone or been replaced, and were put back.
    pub restored: u64,
    /// Package files that clients are told of and cannot fetch, below the public directory: the store does not have them whole either. Each
    /// publication looks at some of the packages, and at all when one of these lacks a file.
    pub lacking: Vec<Utf8PathBuf>,
    /// Of how many bytes of indices and patches SHA-256 was computed. What an index shares with the one before it hardly counts.
    pub hashed: u64,
    /// How many indices were rendered, as a whole or from the one before. Indices that list the same records in the same form are rendered
    /// once, and not at all when a repository of the store has published such an index.
    pub rendered: u64,
    /// How many pieces of indices were compressed. A large index has several in each of its files.
    pub compressed: u64,
    /// How many bytes of files that were published before were read to see whether they are whole.
    pub checked: u64,
    /// The latest `Date` that clients are told. When it is ahead of the present time by more than ten seconds they refuse it until then;
    /// [`Store::sign_again`] gives the right one.
    pub date: Option<Timestamp>,
    /// The latest `Date` that clients were told before and that was ahead of the present time, if this publication set it right.
    pub corrected: Option<Timestamp>,
    /// The tags of earlier states whose publications were rendered and signed again, by [`Store::sign_again`] alone.
    pub signed_tags: Vec<TagName>,
    /// The tags whose publications have a `Date` that clients refuse until then; [`Store::sign_again`] gives them the right one.
    pub tags_ahead: Vec<(TagName, Timestamp)>,
}

/// What clients of a repository saw last, as it was read before a change: see [`Store::check_keys`].
#[derive(Debug)]
pub struct LastPublication {
    repository: RepositoryName,
    publication: Option<Publication>,
}

/// How far the `Date` of a signed file may be ahead of a client's clock: `Acquire::Max-FutureTime` of apt.
pub const MOST_AHEAD: SignedDuration = SignedDuration::from_secs(10);

/// By so much the ids of publications made in a burst may run ahead of the clock.
const LONGEST_BURST: SignedDuration = SignedDuration::from_hours(1);

/// With less than this share of its validity left, a suite is signed again even though nothing changed.
const RESIGN_BELOW: i32 = 2;

/// See [`Store::publish_with`].
pub(crate) fn publish_with(
    store: &Store,
    repository: &RepositorySettings,
    signer: &dyn Signer,
    options: PublishOptions,
    context: &Context,
) -> Result<PublishReport, Error> {
    publish_from(store, Beginning::of(Start::Published), repository, signer, options, context)
}

/// See [`Store::sign_again`].
pub(crate) fn sign_again(
    store: &Store,
    repository: &RepositorySettings,
    signer: &dyn Signer,
    options: PublishOptions,
    context: &Context,
) -> Result<PublishReport, Error> {
    publish_from(store, Beginning::of(Start::Records), repository, signer, options, context)
}

/// See [`Store::check_keys`].
pub(crate) fn check_keys(
    store: &Store,
    repository: &RepositoryName,
    signer: &dyn Signer,
    context: &Context,
) -> Result<LastPublication, Error> {
    let target = &*target_of(store, repository);
    let current = Publication::current_in(target, store, repository)?;
    let known = Publication::last_known(store, repository, current.as_ref())?;
    known_keys::check(target, repository, known.as_ref(), (signer, context.now))?;
    let head = store.head(repository)?;
    earlier_state::check(target, (store, repository), current.as_ref(), head.as_ref())?;
    Ok(LastPublication { repository: repository.clone(), publication: current })
}

/// See [`Store::publish_after`].
pub(crate) fn publish_after(
    store: &Store,
    last: LastPublication,
    repository: &RepositorySettings,
    signer: &dyn Signer,
    options: PublishOptions,
    context: &Context,
) -> Result<PublishReport, Error> {
    let last = last.publication.filter(|_| last.repository == repository.name);
    let beginning = Beginning { last, ..Beginning::of(Start::Published) };
    publish_from(store, beginning, repository, signer, options, context)
}

fn publish_from(
    store: &Store,
    beginning: Beginning<'_>,
    repository: &RepositorySettings,
    signer: &dyn Signer,
    options: PublishOptions,
    context: &Context,
) -> Result<PublishReport, Error> {
    repository.check()?;
    store.check_file_systems(&repository.name)?;
    let target = &*target_of(store, &repository.name);
    publish_to(store, target, beginning, (repository, options), (signer, None), context)
}

/// Publishes to a target.
fn publish_to(
    store: &Store,
    target: &dyn PublicationTarget,
    beginning: Beginning<'_>,
    (repository, options): (&RepositorySettings, PublishOptions),
    (signer, export): (&dyn Signer, Option<&mut Vec<UnsignedRelease>>),
    context: &Context,
) -> Result<PublishReport, Error> {
    let _lock = store.publishing_lock(&repository.name)?;
    context.progress.check(Phase::Rendering)?;
    intent::complete_of(store, &repository.name)?;
    let start = beginning.start;
    let mut ground = Ground::read((store, target), (repository, &options), (signer, beginning), context)?;
    let roots = restore_archive_roots(store, target, &repository.name)?;
    ground.look_for_missing(target)?;
    let mut look = missing::fill_pool((store, target), ground.current.as_ref(), context.now)?;
    look.filled += roots + ground.missing();
    let Decision { kept, wanted, is_up_to_date } = ground.decide(repository, start);
    let Ground { current, head, dated, keys, public_keys, shown_after, .. } = &ground;
    if let Some(current) = current.as_ref().filter(|_| is_up_to_date) {
        return go_on_showing(store, target, (repository, current), look, context);
    }

    ground.check_state((store, target), (repository, &options))?;
    let known = Publication::last_known(store, &repository.name, current.as_ref())?;
    let mut wanted: Vec<Wanted<'_>> = wanted.into_iter().map(|(wanted, _)| wanted).collect();
    let removed =
        check_for_clients(target, (repository, &options), known.as_ref(), wanted.iter(), (signer, context))?;

    let mut last = last_id(store, target, &repository.name, (current.as_ref(), start), context.now)?;
    last = last.max((*shown_after).filter(|id| !is_from_the_future(*id, context.now)));
    let mut signed_tags = Vec::new();
    if start == Start::Records {
        // Before what clients see, which then has the highest id.
        let every: &dyn Fn(&TagName) -> bool = &|_| true;
        let again = sign_tagged_again(store, target, (repository, every), (signer, keys), last, context)?;
        last = again.last;
        signed_tags = again.tags;
    }
    let mut draft = Draft::new((store, &repository.name), target, (context.now, last))?;
    if let Some(current) = current.as_ref().filter(|_| start == Start::Published) {
        look_at_published(&mut draft, target, current, &options);
    }
    let (whole, incomplete) = by_completeness(&draft, kept)?;
    wanted.extend(incomplete);
    let is_export = export.is_some();
    let rendered = render(&draft, (store, repository, *dated), wanted, (signer, export), context)?;
    let Rendered { names, mut suites, mut signatures, unlisted } = rendered;
    if is_export {
        let report = current.as_ref().map_or_else(PublishReport::nothing, PublishReport::unchanged);
        let (restored, lacking) = (look.filled, look.lacking);
        return Ok(PublishReport { suites: names, removed, unlisted, restored, lacking, ..report });
    }
    for Wanted { place, before, .. } in whole {
        let Some((before, current)) = before.zip(current.as_ref()) else { continue };
        signatures.insert(place.clone(), Signatures::Of(current.id));
        suites.insert(place, before.clone());
    }
    let commit = head.as_ref().map(Revision::id);
    // When somebody took away what clients saw, it is the last that is known.
    let known = known.filter(|known| !is_from_the_future(known.id, context.now)).map(|known| known.id);
    let replaces = shown_id(store, target, &repository.name, context.now)?.or(known);
    let (keys, public_keys) = (keys.clone(), Some(draft.put_keys(public_keys)?));
    let publication = Publication { id: draft.id(), commit, replaces, keys, public_keys, suites };
    let published = Operation::Publish(publication.id);
    let line = LogEntry::unchanged(&repository.name, commit, published, context).to_line();
    let (hashed, checked) = (draft.hashed(), draft.checked());
    let (rendered, compressed) = (draft.rendered(), draft.compressed());
    attested::attest((store, target), &ground, (signer, &options), context)?;
    // The last moment at which nothing is to be seen of it.
    context.progress.check(Phase::Rendering)?;
    draft.show(&publication, &signatures, &line)?;
    context.progress.logged(&line);
    note_shown(store, &repository.name, publication.id);
    thin(store, target, (repository, publication.id), context.now);
    let before = current.as_ref().and_then(Publication::latest_date);
    Ok(PublishReport {
        publication: Some(publication.id),
        suites: names,
        removed,
        unlisted,
        restored: look.filled,
        lacking: look.lacking,
        hashed,
        rendered,
        compressed,
        checked,
        date: publication.latest_date(),
        corrected: before.filter(|date| start == Start::Records && is_ahead(*date, context.now)),
        signed_tags,
        tags_ahead: tags_ahead_in(store, target, &repository.name, context.now)?,
    })
}

/// Returns the suites whose files the target has all, and the others.
fn by_completeness<'a>(
    draft: &Draft<'_>,
    kept: Vec<Wanted<'a>>,
) -> Result<(Vec<Wanted<'a>>, Vec<Wanted<'a>>), Error> {
    let (mut whole, mut incomplete) = (Vec::with_capacity(kept.len()), Vec::new());
    for suite in kept {
        if draft.holds_all(suite.before)? { whole.push(suite) } else { incomplete.push(suite) }
    }
    Ok((whole, incomplete))
}

/// Leaves what clients see as it is, and makes sure that it stays.
fn go_on_showing(
    store: &Store,
    target: &dyn PublicationTarget,
    (repository, current): (&RepositorySettings, &Publication),
    PoolLook { filled, lacking }: PoolLook,
    context: &Context,
) -> Result<PublishReport, Error> {
    // The process that showed it may have died before that was durable.
    target.keep("".into());
    target.sync()?;
    note_shown(store, &repository.name, current.id);
    let restored = filled + restore_tags(store, target, &repository.name, current)?;
    let tags_ahead = tags_ahead_in(store, target, &repository.name, context.now)?;
    thin(store, target, (repository, current.id), context.now);
    Ok(PublishReport { restored, lacking, tags_ahead, ..PublishReport::unchanged(current) })
}

/// Finds out which published files are damaged, so that nothing is made from them.
fn look_at_published(
    draft: &mut Draft<'_>,
    target: &dyn PublicationTarget,
    current: &Publication,
    options: &PublishOptions,
) {
    if options.check_all {
        draft.check_all();
    } else {
        let found = carried::look_at_some(target, current, draft.id());
        draft.count_checked(found.read);
        draft.distrust(found.broken);
    }
}

/// What suites were made, by their places.
struct Rendered {
    names: Vec<SuiteName>,
    suites: BTreeMap<Place, PublishedSuite>,
    signatures: BTreeMap<Place, Signatures>,
    unlisted: Vec<Unlisted>,
}

/// Renders suites, and has them signed unless they are exported.
fn render(
    draft: &Draft<'_>,
    (store, repository, dated): (&Store, &RepositorySettings, Timestamp),
    wanted: Vec<Wanted<'_>>,
    (signer, mut export): (&dyn Signer, Option<&mut Vec<UnsignedRelease>>),
    context: &Context,
) -> Result<Rendered, Error> {
    let (indices, unlisted) = indices::render(store, repository, &wanted, draft, context)?;
    let (mut suites, mut signatures) = (BTreeMap::new(), BTreeMap::new());
    let mut names: Vec<SuiteName> = Vec::with_capacity(wanted.len());
    for (wanted, indices) in wanted.into_iter().zip(indices) {
        if !names.contains(&wanted.suite.name) {
            names.push(wanted.suite.name.clone());
        }
        let unsigned = unsigned_suite(repository, &wanted, indices, draft, dated)?;
        if let Some(export) = &mut export {
            export.push(UnsignedRelease::of(&wanted.place, unsigned.text));
            continue;
        }
        let (published, signed) = unsigned.sign(&wanted, draft, signer, context)?;
        signatures.insert(wanted.place.clone(), Signatures::New(signed));
        suites.insert(wanted.place, published);
    }
    Ok(Rendered { names, suites, signatures, unlisted })
}

/// The id after which the next one has to come: clients compare the times of the signed files.
///
/// Only when everything is signed again, and what clients see is from the future, the ids begin again with the present time: most
/// clients never took it, and all ids to come would be from the future too.
fn last_id(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
    (current, start): (Option<&Publication>, Start),
    now: Timestamp,
) -> Result<Option<PublicationId>, Error> {
    let is_from_the_future = |id: PublicationId| is_from_the_future(id, now);
    let is_ahead = current.and_then(Publication::latest_date).is_some_and(|date| is_ahead(date, now));
    Ok(match shown_id(store, target, repository, now)? {
        Some(id) if start == Start::Records && (is_ahead || is_from_the_future(id)) => None,
        Some(id) => Some(id),
        None => {
            let recorded = Publication::recorded(store, repository)?;
            recorded.into_iter().filter(|id| !is_from_the_future(*id)).max()
        }
    })
}

/// The id of the publication that clients see.
///
/// Others may write where the link lies: a future time without a record in the store would move all that come after it there, so
/// it does not count.
fn shown_id(
    store: &Store,
    target: &dyn PublicationTarget,
    repository: &RepositoryName,
    now: Timestamp,
) -> Result<Option<PublicationId>, Error> {
    let Some(id) = Publication::shown(target)? else { return Ok(None) };
    let is_known = !is_from_the_future(id, now) || Publication::recorded(store, repository)?.contains(&id);
    Ok(is_known.then_some(id))
}

/// Whether clients refuse what has this `Date`.
fn is_ahead(date: Timestamp, now: Timestamp) -> bool {
    date.duration_since(now) > MOST_AHEAD
}

impl PublishReport {
    fn unchanged(current: &Publication) -> Self {
        Self { date: current.latest_date(), ..Self::nothing() }
    }

    fn nothing() -> Self {
        Self {
            publication: None,
            suites: Vec::new(),
            removed: Vec::new(),
            unlisted: Vec::new(),
            restored: 0,
            lacking: Vec::new(),
            hashed: 0,
            rendered: 0,
            compressed: 0,
            checked: 0,
            date: None,
            corrected: None,
            signed_tags: Vec::new(),
            tags_ahead: Vec::new(),
        }
    }
}

/// See [`Store::latest_date`].
pub(crate) fn latest_date(store: &Store, repository: &RepositoryName) -> Result<Option<Timestamp>, Error> {
    Ok(Publication::current(store, repository)?.and_then(|current| current.latest_date()))
}

/// See [`Store::publishes_sources`].
pub(crate) fn publishes_sources(
    store: &Store,
    repository: &RepositoryName,
    suites: &[SuiteName],
) -> Result<bool, Error> {
    let current = Publication::current(store, repository)?;
    let has_sources = |suite: &SuiteName| {
        let published = current.as_ref().and_then(|current| current.suites.get(&Place::Suite(suite.clone())));
        published.is_some_and(PublishedSuite::has_sources)
    };
    Ok(!suites.is_empty() && suites.iter().all(has_sources))
}

/// What a publication is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// What clients see, changed by what the repository changed since.
    Published,
    /// The records alone.
    Records,
}

/// What a publication begins from.
struct Beginning<'a> {
    start: Start,
    /// What clients saw last, as it was read before.
    last: Option<Publication>,
    /// What was planned, and so is all that may be published.
    plan: Option<&'a PublicationPlan>,
}

impl Beginning<'_> {
    fn of(start: Start) -> Self {
        Self { start, last: None, plan: None }
    }
}

/// A suite as it is to be published.
struct Wanted<'a> {
    place: Place,
    suite: &'a SuiteSettings,
    snapshot: Option<crate::model::id::SnapshotId>,
    settings: String,
    /// What clients see of it.
    before: Option<&'a PublishedSuite>,
    start: Start,
}

impl<'a> Wanted<'a> {
    /// What clients see of it, if that counts.
    fn known(&self) -> Option<&'a PublishedSuite> {
        self.before.filter(|_| self.start == Start::Published)
    }

    /// What its indices can be made from: what was published before, and lists records in the form of today.
    fn built_upon(&self) -> Option<&'a PublishedSuite> {
        self.known().filter(|before| before.stanza_form == STANZA_FORM)
    }
}

/// All that a repository publishes.
fn all_wanted<'a>(
    repository: &'a RepositorySettings,
    head: Option<&Revision<'_>>,
    current: Option<&'a Publication>,
    (keys, start): (&str, Start),
) -> Vec<Wanted<'a>> {
    let flat = repository.flat.as_ref().and_then(|name| repository.suite(name));
    let flat = flat.map(|suite| (Place::Flat(suite.name.clone()), suite));
    let suites = repository.suites.iter().map(|suite| (Place::Suite(suite.name.clone()), suite));
    let wanted = suites.chain(flat).map(|(place, suite)| Wanted {
        suite,
        snapshot: head.and_then(|head| head.commit().suites.get(&suite.name).copied()),
        settings: settings_digest(repository, suite, &place, keys),
        before: current.and_then(|current| current.suites.get(&place)),
        place,
        start,
    });
    wanted.collect()
}

/// Refuses what clients refuse. What they know is read from the signed file that they see, provided that it is the one that was recorded;
/// of a publication without a record from what lies there, as that can only lead to a refusal.
fn check_release_info<'a>(
    target: &dyn PublicationTarget,
    repository: &RepositorySettings,
    current: Option<&Publication>,
    (wanted, now): (impl Iterator<Item = &'a Wanted<'a>>, Timestamp),
) -> Result<(), Error> {
    for Wanted { place, suite, .. } in wanted {
        let release = release_of(repository, suite, now);
        // A name that led to another suite counts as well.
        let alias = suite.alias.as_ref().filter(|_| matches!(place, Place::Suite(_)));
        for name in [Some(place.directory()), alias.map(SuiteName::as_str)].into_iter().flatten() {
            let known = match current {
                None => match Publication::shown(target)? {
                    Some(shown) => {
                        let path = shown_as(target, &layout::dists_of(shown), name)?.join("Release");
                        let file = target.open(&path)?;
                        file.map(|file| file.read()).transpose().map_err(Error::io("read", &path))?
                    }
                    None => None,
                },
                Some(current) => match current.named(name) {
                    Some((place, shown)) => {
                        let [_, release, _] = shown.signed.by_name();
                        draft::signed_file(target, current, place, release)?
                    }
                    None => None,
                },
            };
            known.map_or(Ok(()), |known| release_info::check(&suite.name, &known, &release))?;
        }
    }
    Ok(())
}

/// Whether an id is further ahead of the clock than those of a burst of publications are.
pub(crate) fn is_from_the_future(id: PublicationId, now: Timestamp) -> bool {
    id.seconds() > now.saturating_add(LONGEST_BURST).unwrap_or(now).as_second()
}

/// Everything besides the content that decides what a suite looks like, as a digest: when it changes, the suite is rendered
/// from scratch.
fn settings_digest(
    repository: &RepositorySettings,
    suite: &SuiteSettings,
    place: &Place,
    keys: &str,
) -> String {
    let RepositorySettings {
        name,
        origin,
        label,
        url,
        encodings,
        encodings_by_kind,
        contents,
        valid_for,
        pdiffs,
        ..
    } = repository;
    let text = format!(
        "{name:?} {origin:?} {label:?} {url:?} {encodings:?} {encodings_by_kind:?} {contents} {valid_for:?} {pdiffs:?} {suite:?} {place:?} {keys}"
    );
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn expires_soon(before: &PublishedSuite, repository: &RepositorySettings, now: Timestamp) -> bool {
    let (Some(until), Some(valid_for)) = (before.valid_until, repository.valid_for) else { return false };
    until.duration_since(now) < valid_for / RESIGN_BELOW
}

/// What a suite's Release file says besides its content.
fn release_of(repository: &RepositorySettings, suite: &SuiteSettings, date: Timestamp) -> Release {
    let mut release = Release::new(suite.name.clone(), date);
    let names = &suite.names;
    release.origin = names.origin.or(repository.origin.as_ref()).cloned();
    release.label = names.label.or(repository.label.as_ref()).cloned();
    release.suite = names.suite.or(Some(suite.alias.as_ref().unwrap_or(&suite.name))).cloned();
    release.codename = names.codename.or(Some(&suite.name)).cloned();
    release.version.clone_from(&suite.version);
    release.changelogs.clone_from(&suite.changelogs);
    release.description.clone_from(&suite.description);
    release.valid_until = repository.valid_for.and_then(|time| date.checked_add(time).ok());
    release.not_automatic = suite.not_automatic;
    release.but_automatic_upgrades = suite.but_automatic_upgrades;
    release.architectures = suite.published_architectures().collect();
    release.components.clone_from(&suite.components);
    // Clients refuse a snapshot whose validity is over: what is to expire is no snapshot to go back to.
    let url = repository.url.as_ref().filter(|_| repository.valid_for.is_none());
    release.snapshots = url.map(|url| format!("{url}/snapshot/@SNAPSHOTID@/"));
    release
}

/// A suite that is rendered and not signed yet.
struct Unsigned {
    text: String,
    date: Timestamp,
    valid_until: Option<Timestamp>,
    indices: BTreeMap<String, PublishedIndex>,
}

fn unsigned_suite(
    repository: &RepositorySettings,
    wanted: &Wanted<'_>,
    mut indices: BTreeMap<String, PublishedIndex>,
    draft: &Draft<'_>,
    now: Timestamp,
) -> Result<Unsigned, Error> {
    let suite = wanted.suite;
    let index_error = |source| Error::Publish(PublishError::Index { suite: suite.name.clone(), source });
    // Clients drop a Release older than the one they have, and refuse one from the future: when the clock was set back, the
    // last date is given again, unless everything is signed again.
    let date = wanted.known().map_or(now, |before| before.date.max(now));
    let mut release = release_of(repository, suite, date);
    match wanted.place {
        Place::Suite(_) => indices.extend(component_releases(repository, suite, &indices, draft)?),
        Place::Flat(_) => release.components.clear(),
    }
    release.content = wanted.snapshot.map(|snapshot| snapshot.to_string());
    for (path, file) in indices.iter().flat_map(|(path, index)| index.listed_at(path)) {
        release.files.insert(RelPath::parse(&path).map_err(index_error)?, file);
    }
    let text = release.render().map_err(index_error)?;
    Ok(Unsigned { text, date, valid_until: release.valid_until, indices })
}

impl Unsigned {
    fn sign(
        self,
        wanted: &Wanted<'_>,
        draft: &Draft<'_>,
        signer: &dyn Signer,
        context: &Context,
    ) -> Result<(PublishedSuite, Signed), Error> {
        let suite = wanted.suite;
        let signed = sign_release(&suite.name, self.text.as_bytes(), signer, context)?;
        let published = PublishedSuite {
            snapshot: wanted.snapshot,
            settings: wanted.settings.clone(),
            stanza_form: STANZA_FORM,
            date: self.date,
            valid_until: self.valid_until,
            alias: suite.alias.clone(),
            made_in: draft.id(),
            signed: SignedFiles::of(&signed),
            indices: self.indices,
        };
        Ok((published, signed))
    }
}

fn sign_release(
    suite: &SuiteName,
    text: &[u8],
    signer: &dyn Signer,
    context: &Context,
) -> Result<Signed, Error> {
    let signed = signer.sign(text, known_keys::system_time(context.now));
    signed.map_err(|source| Error::Publish(PublishError::Sign { suite: suite.clone(), source }))
}

/// The `Release` files beside the indices of packages and sources.
fn component_releases(
    repository: &RepositorySettings,
    suite: &SuiteSettings,
    indices: &BTreeMap<String, PublishedIndex>,
    draft: &Draft<'_>,
) -> Result<Vec<(String, PublishedIndex)>, Error> {
    let mut places = Vec::new();
    for component in &suite.components {
        for architecture in suite.published_architectures() {
            for kind in [PackageKind::Deb, PackageKind::Udeb] {
                let directory = RelPath::packages_directory(component, &architecture, kind).to_string();
                places.push((component, Some(architecture.clone()), directory, "Packages"));
            }
        }
        places.push((component, None, format!("{component}/source"), "Sources"));
    }
    let mut releases = Vec::new();
    for (component, architecture, directory, index) in places {
        if !indices.contains_key(&format!("{directory}/{index}")) {
            continue;
        }
        let release = ComponentRelease {
            suite: &suite.name,
            origin: suite.names.origin.or(repository.origin.as_ref()).map(String::as_str),
            label: suite.names.label.or(repository.label.as_ref()).map(String::as_str),
            component,
            architecture: architecture.as_ref(),
        };
        let text = release
            .render()
            .map_err(|source| Error::Publish(PublishError::Index { suite: suite.name.clone(), source }))?;
        let release = PublishedIndex::whole(draft.put_small(text.as_bytes())?);
        releases.push((format!("{directory}/{COMPONENT_RELEASE}"), release));
    }
    Ok(releases)
}

/// The directory that clients find under a name in `dists`: an alias is a link to the directory of another suite beside it.
fn shown_as(target: &dyn PublicationTarget, dists: &Utf8Path, name: &str) -> Result<Utf8PathBuf, Error> {
    let path = dists.join(name);
    match target.leads_to(&path)? {
        None => Ok(path),
        Some(suite) if SuiteName::parse(suite.as_str()).is_ok() => Ok(dists.join(suite)),
        Some(_) => Err(Error::Storage(StorageError::UnsafePath { path, fault: PathFault::SymbolicLink })),
    }
}
