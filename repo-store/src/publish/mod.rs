//! From a commit to a signed tree that clients read.
//!
//! ```text
//! public/<repository>/
//!   dists -> .publications/<id>/dists        switched by one rename
//!   pool/…                                   hard links to the store's blobs
//!   snapshot/<id>/dists, pool                every publication kept, as an archive root of its own
//!   snapshot/<tag> -> <id>                   the newest publication of a state that has a tag
//!   .publications/<id>/dists/<suite>/        InRelease, Release, Release.gpg, indices under their plain names
//!   InRelease, Packages.xz, … -> dists/.flat/…  where a suite is published flat as well
//!   .by-hash/SHA256/<digest>                 every index file; the `by-hash` of each directory is a link to it
//! ```
//!
//! A publication is built where nobody looks, synced, and then shown by renaming one symbolic link. Index files are named by
//! their digest in one directory for all publications: a client that read an older `InRelease` still finds what it names, also
//! after going back, and an unchanged index costs a hard link.

mod contents;
mod expected;
mod flat;
mod indices;
mod kind;
mod place;
mod publication;
mod release_info;
mod removed;
mod tagged;
mod tree;
mod unlisted;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use apt_index::{ComponentRelease, PackageKind, RelPath, Release};
use apt_sign::Signer;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::SuiteName;
pub(crate) use expected::{Entry, Expected, File};
use jiff::Timestamp;
pub(crate) use place::FLAT;
use place::Place;
pub(crate) use publication::Publication;
pub use publication::PublicationId;
use publication::{PublishedIndex, PublishedSuite, STANZA_FORM, SignedFiles};
pub(crate) use tagged::link_of;
pub(crate) use tree::{BY_HASH, PUBLICATIONS, SNAPSHOTS};
pub use unlisted::Unlisted;

use crate::beneath::{At, PathFault, StorePaths};
use crate::{Context, Error, RepositoryName, RepositorySettings, Revision, Store, SuiteSettings, files};

/// How a repository is published.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishOptions {
    /// Publish also what clients refuse until somebody allows it on each machine: another `Origin`, `Label`, `Codename` or
    /// default priority (`NotAutomatic`) of a suite that they know.
    pub allow_release_info_change: bool,
    /// Publish also when what clients read is no longer there: a suite, an alias or the flat form that left the settings.
    pub allow_removal: bool,
}

/// What a publication did.
#[derive(Clone, Debug)]
pub struct PublishReport {
    /// The new publication; `None` when clients already see exactly that.
    pub publication: Option<PublicationId>,
    /// The suites that were rendered and signed anew.
    pub suites: Vec<SuiteName>,
    /// The suites, aliases and `./` that clients found before and no longer find.
    pub removed: Vec<String>,
    /// Packages that an index leaves out because they cannot be listed. An index that is made from the one before names only
    /// packages that were added since.
    pub unlisted: Vec<Unlisted>,
    /// Of how many bytes of indices and patches SHA-256 was computed. What an index shares with the one before it hardly counts.
    pub hashed: u64,
}

/// With less than this share of its validity left, a suite is signed anew even though nothing changed.
const RESIGN_BELOW: i32 = 2;

impl Store {
    /// Shows clients the current state of a repository.
    ///
    /// When this returns, the publication is durable. When clients see that state already, nothing is written. Several may call
    /// this at once: they take turns, and whoever comes late finds nothing left to do.
    ///
    /// # Errors
    /// When a record cannot be rendered, the result cannot be signed or written; clients keep seeing the state before.
    pub fn publish(
        &self,
        repository: &RepositorySettings,
        signer: &dyn Signer,
        context: &Context,
    ) -> Result<PublishReport, Error> {
        self.publish_with(repository, signer, PublishOptions::default(), context)
    }

    /// [`publish`](Self::publish), with choices.
    ///
    /// # Errors
    /// As there, [`Error::ReleaseInfoChange`] unless that is [allowed](PublishOptions::allow_release_info_change), and
    /// [`Error::Removal`] unless that [is](PublishOptions::allow_removal).
    pub fn publish_with(
        &self,
        repository: &RepositorySettings,
        signer: &dyn Signer,
        options: PublishOptions,
        context: &Context,
    ) -> Result<PublishReport, Error> {
        let _lock = self.publishing_lock(&repository.name)?;
        let head = self.head(&repository.name)?;
        let current = Publication::current(self, &repository.name)?;
        let (paths, public) = (self.paths(), self.public(&repository.name));
        let keys = signer.fingerprints().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");

        let mut kept = BTreeMap::new();
        let mut wanted = Vec::new();
        let flat = repository.flat.as_ref().and_then(|name| repository.suite(name));
        let flat = flat.map(|suite| (Place::Flat(suite.name.clone()), suite));
        let suites = repository.suites.iter().map(|suite| (Place::Suite(suite.name.clone()), suite));
        for (place, suite) in suites.chain(flat) {
            let snapshot = head.as_ref().and_then(|head| head.commit().suites.get(&suite.name).copied());
            let settings = settings_digest(repository, suite, &place, &keys);
            let before = current.as_ref().and_then(|current| current.suites.get(&place));
            let unchanged = before.filter(|before| {
                before.snapshot == snapshot
                    && before.settings == settings
                    && before.stanza_form == STANZA_FORM
                    && !expires_soon(before, repository, context.now)
            });
            let is_shown = match (unchanged, &current) {
                (Some(before), Some(current)) => {
                    tree::shows_all(&paths, &public, current.id, &place, before)?
                }
                _ => false,
            };
            match before {
                Some(before) if is_shown => {
                    kept.insert(place, before.clone());
                }
                _ => wanted.push(Wanted { place, suite, snapshot, settings, before }),
            }
        }
        if let Some(current) = &current
            && wanted.is_empty()
            && kept.len() == current.suites.len()
            // A state that looks like the one before has a publication of its own, which a tag can name.
            && current.commit == head.as_ref().map(Revision::id)
        {
            // Whoever showed it may not have lived to make that durable.
            files::sync_path(paths.place(&public))?;
            return Ok(PublishReport {
                publication: None,
                suites: Vec::new(),
                removed: Vec::new(),
                unlisted: Vec::new(),
                hashed: 0,
            });
        }

        let removed = current.as_ref().map_or_else(Vec::new, |current| removed::names(current, repository));
        if !removed.is_empty() && !options.allow_removal {
            return Err(Error::Removal { names: removed });
        }
        if let Some(shown) = Publication::shown(&paths, &public)?
            && !options.allow_release_info_change
        {
            let dists = public.join(PUBLICATIONS).join(shown.to_string()).join("dists");
            for Wanted { place, suite, .. } in &wanted {
                let release = release_of(repository, suite, context.now);
                // A name that led to another suite counts as well.
                let alias = suite.alias.as_ref().filter(|_| matches!(place, Place::Suite(_)));
                for name in [Some(place.directory()), alias.map(SuiteName::as_str)].into_iter().flatten() {
                    let directory = shown_as(&paths, &dists, name)?;
                    release_info::check(&suite.name, paths.place(directory.join("Release")), &release)?;
                }
            }
        }

        let tree = tree::Tree::new(self, &repository.name, context.now)?;
        let (rendered, unlisted) = indices::render(self, repository, &wanted, &tree, context)?;
        let mut suites = kept.clone();
        let mut names: Vec<SuiteName> = Vec::with_capacity(wanted.len());
        for Wanted { suite, .. } in &wanted {
            if !names.contains(&suite.name) {
                names.push(suite.name.clone());
            }
        }
        for (wanted, indices) in wanted.into_iter().zip(rendered) {
            let published = sign_suite(repository, &wanted, indices, &tree, signer, context)?;
            suites.insert(wanted.place, published);
        }
        for place in kept.keys() {
            let previous = current.as_ref().map(|current| current.id);
            tree.keep_suite(place, previous)?;
        }
        let commit = head.as_ref().map(Revision::id);
        let publication = Publication { id: tree.id(), commit, suites };
        let commit = commit.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let (now, actor) = (context.now, crate::commit::one_line(&context.actor));
        let line =
            format!("{now}\t{actor}\t{}\t{commit}\t{commit}\tpublish {}", repository.name, publication.id);
        let hashed = tree.hashed();
        tree.show(&publication, &line)?;
        Ok(PublishReport { publication: Some(publication.id), suites: names, removed, unlisted, hashed })
    }
}

impl Store {
    /// Whether clients find indices of source packages in all of these suites of a repository, as it is published now.
    ///
    /// # Errors
    /// When the record of the publication cannot be read.
    pub fn publishes_sources(
        &self,
        repository: &RepositoryName,
        suites: &[SuiteName],
    ) -> Result<bool, Error> {
        let current = Publication::current(self, repository)?;
        let has_sources = |suite: &SuiteName| {
            let published =
                current.as_ref().and_then(|current| current.suites.get(&Place::Suite(suite.clone())));
            published.is_some_and(PublishedSuite::has_sources)
        };
        Ok(!suites.is_empty() && suites.iter().all(has_sources))
    }
}

/// A suite to be rendered.
struct Wanted<'a> {
    place: Place,
    suite: &'a SuiteSettings,
    snapshot: Option<crate::SnapshotId>,
    settings: String,
    before: Option<&'a PublishedSuite>,
}

/// Everything besides the content that decides what a suite looks like, as a digest: when it changes the suite is rendered
/// anew.
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
    release.origin.clone_from(&repository.origin);
    release.label.clone_from(&repository.label);
    release.suite = suite.alias.as_ref().unwrap_or(&suite.name).clone();
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
    release.snapshots = url.map(|url| format!("{url}/{}/snapshot/@SNAPSHOTID@/", repository.name));
    release
}

fn sign_suite(
    repository: &RepositorySettings,
    wanted: &Wanted<'_>,
    mut indices: BTreeMap<String, PublishedIndex>,
    tree: &tree::Tree<'_>,
    signer: &dyn Signer,
    context: &Context,
) -> Result<PublishedSuite, Error> {
    let suite = wanted.suite;
    let index_error = |source| Error::Index { suite: suite.name.clone(), source };
    // Clients drop a Release older than the one they have, and refuse one from the future: when the clock was set back, the
    // last date is given again.
    let date = wanted.before.map_or(context.now, |before| before.date.max(context.now));
    let mut release = release_of(repository, suite, date);
    match wanted.place {
        Place::Suite(_) => indices.extend(component_releases(repository, suite, &indices, tree)?),
        Place::Flat(_) => release.components.clear(),
    }
    release.content = wanted.snapshot.map(|snapshot| snapshot.to_string());
    for (path, file) in indices.iter().flat_map(|(path, index)| index.listed_at(path)) {
        release.files.insert(RelPath::parse(&path).map_err(index_error)?, file);
    }
    let text = release.render().map_err(index_error)?;
    let seconds = u64::try_from(context.now.as_second()).unwrap_or(0);
    let signed = signer
        .sign(text.as_bytes(), SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .map_err(|source| Error::Sign { suite: suite.name.clone(), source })?;
    tree.write_suite(&wanted.place, &indices, &signed)?;
    Ok(PublishedSuite {
        snapshot: wanted.snapshot,
        settings: wanted.settings.clone(),
        stanza_form: STANZA_FORM,
        date,
        valid_until: release.valid_until,
        alias: suite.alias.clone(),
        made_in: tree.id(),
        signed: SignedFiles::of(&signed),
        indices,
    })
}

/// The `Release` files beside the indices of packages and sources.
fn component_releases(
    repository: &RepositorySettings,
    suite: &SuiteSettings,
    indices: &BTreeMap<String, PublishedIndex>,
    tree: &tree::Tree<'_>,
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
            origin: repository.origin.as_deref(),
            label: repository.label.as_deref(),
            component,
            architecture: architecture.as_ref(),
        };
        let text = release.render().map_err(|source| Error::Index { suite: suite.name.clone(), source })?;
        let release = PublishedIndex::whole(tree.write_small(text.as_bytes())?);
        releases.push((format!("{directory}/Release"), release));
    }
    Ok(releases)
}

/// The directory that clients find under a name in `dists`: an alias is a link to the directory of another suite beside it.
fn shown_as(paths: &StorePaths, dists: &Utf8Path, name: &str) -> Result<Utf8PathBuf, Error> {
    let path = dists.join(name);
    match paths.place(&path).read_link_if_present().map_err(Error::io("read", &path))? {
        None => Ok(path),
        Some(target) if SuiteName::parse(target.as_str()).is_ok() => Ok(dists.join(target)),
        Some(_) => Err(Error::UnsafePath { path, fault: PathFault::SymbolicLink }),
    }
}

/// Removes the directory of a publication that was never shown.
fn discard(at: &At<'_>) -> Result<(), Error> {
    match files::remove_tree(at.clone()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", &*at.full())(error))
        }
        _ => Ok(()),
    }
}

/// The symbolic link `by-hash` in a directory of a suite.
fn by_hash_from(directory: &Utf8Path) -> String {
    // Up from it: its own elements, the suite, `dists`, the publication, `.publications`.
    way_up(directory.components().count() + 4, BY_HASH)
}

/// The symbolic link that leads from a directory `depth` levels below the repository's root to one in the root.
fn way_up(depth: usize, name: &str) -> String {
    format!("{}{name}", "../".repeat(depth))
}
