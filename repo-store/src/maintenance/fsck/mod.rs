//! Checking everything a store holds, and putting right what can be.
//!
//! The check reads every file to its end on all threads, follows every reference, and compares every published file with what
//! its publication's record says of it. It takes no lock that makes others wait longer than the reading of the references
//! takes, and may run while others add and publish.
//!
//! A repair never overwrites: what it replaces is moved to `store/damaged/`. Copies are taken from directories, and by hash
//! from whatever the caller can reach ([`RepairSource`]).
//!
//! Not checked: what the administrator writes (`repo.toml`, `repo.d/`), except for its modes; the content of the secret
//! keys, which the caller looks at ([`FsckOptions::keys`]); and what may be lost at any time: `store/locks/`, `store/tmp/`, `store/cache/`,
//! `store/damaged/`.

mod changes;
mod contents;
mod graph;
mod inventory;
mod journal;
mod last_seen;
mod mend_log;
mod plan;
mod published;
mod remote;
pub(super) mod repair;
mod report;
mod republish;
mod sources;
mod view;
mod withdrawal;

pub(super) use journal::head;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use apt_sign::Fingerprint;
use camino::{Utf8Path, Utf8PathBuf};
use contents::Subject;
use deb_parse::checksum::{Blake3, Sha256};
use graph::{Graph, Wanted};
use inventory::{Inventory, in_place};
use journal::Journal;
pub use plan::{RepairMeans, RepairPlan, RepairStep};
use published::{Published, Records, Remedy};
pub use remote::{FailedSource, FetchError, RepairSource};
pub use repair::RepairReport;
pub use report::{Affected, FsckReport, Problem, ProblemKind};
pub use sources::CopySource;
use view::View;
pub use withdrawal::Withdrawn;

use crate::context::Context;
use crate::document::Area;
use crate::error::Error;
use crate::model::id::{BlobId, CommitId};
use crate::model::name::{RepositoryName, TagName};
use crate::model::publication_id::PublicationId;
use crate::progress::{Amount, Phase};
use crate::publish;
use crate::publish::going::going;
use crate::publish::layout;
use crate::publish::{Forged, Publication, target_of};
use crate::storage::beneath::StorePaths;
use crate::storage::format::Format;
use crate::storage::obstacle::Obstacle;
use crate::storage::own_directories::all_linked;
use crate::storage::{COLLECTION, files};
use crate::store::Store;

/// The signed files of one suite as clients get them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignedSuite<'a> {
    /// `InRelease`
    pub in_release: &'a [u8],
    /// `Release`
    pub release: &'a [u8],
    /// `Release.gpg`
    pub release_gpg: &'a [u8],
}

/// Says whether clients would accept the signatures of a suite.
pub type SignatureCheck<'a> = dyn Fn(SignedSuite<'_>) -> Result<(), apt_sign::Error> + 'a;

/// Looks at the secret keys; `None` when they cannot be listed.
pub type KeyCheck<'a> = dyn Fn() -> Option<KeysFound> + 'a;

/// What lies in the directory of the secret keys.
#[derive(Clone, Debug, Default)]
pub struct KeysFound {
    /// The fingerprints of the keys that are there, whether they can sign now or not.
    pub fingerprints: Vec<Fingerprint>,
    /// What is wrong with the files. Their modes and owners are looked at anyway.
    pub problems: Vec<Problem>,
}

/// How a store is checked.
#[derive(Clone, Copy, Default)]
pub struct FsckOptions<'a> {
    /// Judges the signatures that clients see. Without it they are compared with what was signed, to the byte, and not
    /// verified.
    pub signatures: Option<&'a SignatureCheck<'a>>,
    /// Looks at the secret keys, which the store itself does not read. A published repository is a problem when none of the keys that are
    /// there signed it: nothing more can be published that clients take. A repair asks again when it is done.
    pub keys: Option<&'a KeyCheck<'a>>,
    /// What the caller found in files that the store does not read; it becomes part of the report.
    pub problems: &'a [Problem],
    /// Renders and signs a repository again ([`Store::sign_again`]) and returns whether it did. A repair asks for that when clients see a
    /// forged index, before it takes that away; without it they miss the index until somebody publishes.
    pub sign_again: Option<&'a SignAgain<'a>>,
    /// Renders and signs what some tags of a repository lead to again ([`Store::sign_tags_again`]) and returns whether it did. A repair asks
    /// for that before it withdraws a damaged publication that these tags lead to; without it they lead nowhere until
    /// [`Store::sign_again`].
    pub sign_tags: Option<&'a SignTags<'a>>,
    /// Publishes a repository ([`Store::publish`]) and returns whether it did. A repair asks for that when a part of what clients see is lost,
    /// and they see the present state; without it they miss that part until somebody publishes.
    pub publish: Option<&'a SignAgain<'a>>,
}

/// See [`FsckOptions::sign_again`] and [`FsckOptions::publish`].
pub type SignAgain<'a> = dyn Fn(&RepositoryName) -> bool + 'a;

/// See [`FsckOptions::sign_tags`].
pub type SignTags<'a> = dyn Fn(&RepositoryName, &[TagName]) -> bool + 'a;

impl std::fmt::Debug for FsckOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { signatures, keys, problems, sign_again, sign_tags, publish } = self;
        f.debug_struct("FsckOptions")
            .field("signatures", &signatures.is_some())
            .field("keys", &keys.is_some())
            .field("problems", problems)
            .field("sign_again", &sign_again.is_some())
            .field("sign_tags", &sign_tags.is_some())
            .field("publish", &publish.is_some())
            .finish()
    }
}

/// A problem, and what is known of a way out.
struct Finding {
    problem: Problem,
    remedy: Fix,
}

/// What has to be put right.
#[derive(Clone, Debug)]
enum Fix {
    Blob(BlobId),
    Object(Blake3),
    Manifest(BlobId),
    Published(Remedy),
    /// A file of an index that lists what no record says.
    Forged(RepositoryName, Sha256),
    /// A damaged file of an index that a publication may name.
    Index,
    Record,
    Reference(RepositoryName),
    Tag,
    Document(Area),
    Log,
    /// A repository was published, and nothing of that is there.
    Unpublished,
    Mode,
    /// Something lies where a directory of the store belongs.
    Area,
    /// Something lies where a file of the store belongs.
    Obstacle,
    /// A person has to look at it.
    Nothing,
}

/// All findings, and what a repair needs to know besides.
struct Findings {
    report: FsckReport,
    findings: Vec<Finding>,
    journal: Journal,
    wanted: HashMap<BlobId, Wanted>,
    /// Whether every reference and object could be followed, so that what was not reached is not needed.
    is_complete: bool,
}

impl Findings {
    fn of_linked(problems: Vec<Problem>) -> Self {
        let findings = problems.iter().cloned().map(|problem| Finding { problem, remedy: Fix::Nothing });
        Self {
            findings: findings.collect(),
            report: FsckReport { problems, ..FsckReport::default() },
            journal: Journal::default(),
            wanted: HashMap::new(),
            is_complete: false,
        }
    }
}

/// See [`Store::fsck`].
pub(crate) fn fsck(store: &Store, options: &FsckOptions<'_>, context: &Context) -> Result<FsckReport, Error> {
    examine_whole(store, options, context).map(|found| found.report)
}

/// Examines a store from which nothing is collected meanwhile.
fn examine_whole(store: &Store, options: &FsckOptions<'_>, context: &Context) -> Result<Findings, Error> {
    let collection = || store.storage().locks().state(COLLECTION);
    let before = collection();
    let found = examine(store, options, context)?;
    if found.report.is_clean() || (before == collection() && !before.is_held) {
        return Ok(found);
    }
    // What garbage collection took away meanwhile looks like damage. So once more, without it.
    let _none_runs = store.storage().locks().share(COLLECTION);
    examine(store, options, context)
}

/// The links that lie where directories of the store belong. What they lead to was put there by nobody but a person, who has to undo it: below
/// them everything would be taken for lost.
fn linked_directories(store: &Store, options: &FsckOptions<'_>) -> Result<Vec<Problem>, Error> {
    if !store.storage().is_local() {
        return Ok(Vec::new());
    }
    let linked = all_linked(store.root())?.into_iter().map(|path| Problem {
        kind: ProblemKind::InTheWay,
        path: path.strip_prefix(store.root()).map(Utf8Path::to_owned).unwrap_or(path),
        what: "it is a symbolic link, which is not followed there: put the directory itself in its place; nothing else was checked"
            .to_owned(),
        affects: Vec::new(),
    });
    let linked: Vec<Problem> = linked.collect();
    let others = options.problems.iter().filter(|_| !linked.is_empty()).cloned();
    Ok(others.chain(linked.iter().cloned()).collect())
}

fn examine(store: &Store, options: &FsckOptions<'_>, context: &Context) -> Result<Findings, Error> {
    let linked = linked_directories(store, options)?;
    if !linked.is_empty() {
        return Ok(Findings::of_linked(linked));
    }
    let mut findings: Vec<Finding> = Vec::new();
    // First what refers to something, so that whatever is added meanwhile is not missed below; and publications before
    // the references that they follow.
    let mut records: BTreeMap<RepositoryName, Records> = BTreeMap::new();
    for repository in published_repositories(store) {
        records.insert(repository.clone(), Records::read(store, &repository));
    }
    let mut journal = Journal::read(store);
    let paths = store.paths();
    let inventory = Inventory::take(store, &paths)?;
    let contents = contents::read_all(store, &paths, &inventory, context)?;
    // What garbage collection took away since was marked as going before.
    for (repository, records) in &mut records {
        let going = going(store, repository);
        let is_going = |known: &Publication| published::is_going(store, (repository, &going), known);
        records.readable.retain(|_, publication| !is_going(publication));
    }

    let mut graph = Graph::new(store, &contents);
    let Shown { published, replaced } = follow(&mut graph, &journal, &records);
    let has_records = records.iter().filter(|(_, of)| !of.readable.is_empty() || !of.problems.is_empty());
    let has_records = has_records.map(|(repository, _)| repository.clone()).collect();
    journal.check(store, &graph, &published, &replaced, &has_records);

    let keys = options.keys.and_then(|look| look());
    let trees = Trees {
        store,
        paths: &paths,
        inventory: &inventory,
        contents: &contents,
        graph: &graph,
        journal: &journal,
        records: &records,
        options,
        keys: keys.as_ref(),
    };
    let Compared { compared, notes } = trees.compare(&mut findings, context)?;

    let unusable = graph.unusable();
    let told: HashSet<Blake3> = contents.problems.iter().filter_map(|(subject, _)| subject.id()).collect();
    findings.extend(contents.problems.iter().map(|(subject, problem)| {
        let affects = unusable.affected_by(*subject);
        Finding { problem: Problem { affects, ..problem.clone() }, remedy: subject.fix() }
    }));
    let missing = unusable.missing(&told, &contents).into_iter();
    findings.extend(missing.map(|(subject, problem)| Finding { problem, remedy: subject.fix() }));
    findings.extend(journal.problems.drain(..).map(|problem| {
        let remedy = fix_of_reference(&problem);
        Finding { problem, remedy }
    }));
    check_places(store, &paths, &inventory, &mut findings);
    let of_keys = keys.into_iter().flat_map(|keys| keys.problems);
    findings.extend(
        of_keys
            .chain(options.problems.iter().cloned())
            .map(|problem| Finding { problem, remedy: Fix::Nothing }),
    );

    // A disk that is not mounted hides all that clients see, and nothing of that is lost.
    if let Some(obstacle) = Obstacle::at(&store.root().join("public")).filter(|_| store.storage().is_local())
    {
        findings.retain(|finding| !finding.problem.path.starts_with("public"));
        let problem = in_place(ProblemKind::InTheWay, Utf8Path::new("public"), &obstacle);
        findings.push(Finding { problem, remedy: Fix::Nothing });
    }
    tell_once(&mut findings);
    let report = FsckReport {
        problems: findings.iter().map(|finding| finding.problem.clone()).collect(),
        blobs: contents.counts.0,
        objects: contents.counts.1,
        published: compared,
        bytes: contents.bytes,
        notes,
    };
    let is_complete = unusable.objects.is_empty()
        && !findings.iter().any(|finding| {
            matches!(
                finding.remedy,
                Fix::Reference(_) | Fix::Tag | Fix::Document(_) | Fix::Record | Fix::Obstacle
            )
        });
    Ok(Findings { report, findings, journal, wanted: unusable.wanted, is_complete })
}

/// Sorts findings, and leaves out what another one tells better.
fn tell_once(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| (&a.problem.path, a.problem.kind).cmp(&(&b.problem.path, b.problem.kind)));
    // A damaged file of an index is found both when it is read and when a publication needs it: the latter knows more.
    let publications: HashSet<Utf8PathBuf> = findings
        .iter()
        .filter(|finding| matches!(finding.remedy, Fix::Published(_)))
        .map(|finding| finding.problem.path.clone())
        .collect();
    // What lies in the place of a directory has the mode of what it is.
    let in_the_way: HashSet<Utf8PathBuf> = findings
        .iter()
        .filter(|finding| matches!(finding.remedy, Fix::Published(Remedy::Directory(..))))
        .map(|finding| finding.problem.path.clone())
        .collect();
    findings.retain(|finding| {
        let path = &finding.problem.path;
        match finding.remedy {
            Fix::Published(_) | Fix::Forged(..) => true,
            Fix::Mode => !in_the_way.contains(path),
            _ => finding.problem.kind == ProblemKind::Owner || !publications.contains(path),
        }
    });
}

/// What publications show: states, and the publications that clients saw before.
#[derive(Default)]
struct Shown {
    published: BTreeMap<RepositoryName, BTreeSet<CommitId>>,
    replaced: BTreeMap<RepositoryName, BTreeSet<PublicationId>>,
}

/// Follows all that leads to states and snapshots: references, tags and publications.
fn follow(graph: &mut Graph<'_>, journal: &Journal, records: &BTreeMap<RepositoryName, Records>) -> Shown {
    for (repository, head) in &journal.heads {
        graph.follow(repository, *head, journal.oldest.get(repository).copied());
    }
    for ((repository, _), commit) in &journal.tags {
        graph.keep(repository, *commit);
    }
    for (repository, commit) in &journal.to_come {
        graph.keep(repository, *commit);
    }
    let mut shown = Shown::default();
    for (repository, records) in records {
        for publication in records.readable.values() {
            shown.published.entry(repository.clone()).or_default().extend(publication.commit);
            shown.replaced.entry(repository.clone()).or_default().extend(publication.replaces);
            for (place, suite) in &publication.suites {
                if let Some(snapshot) = suite.snapshot {
                    graph.show(repository, place.suite(), snapshot, true);
                }
            }
        }
    }
    shown
}

/// What the published trees are compared with.
struct Trees<'a> {
    store: &'a Store,
    paths: &'a StorePaths,
    inventory: &'a Inventory,
    contents: &'a contents::Contents,
    graph: &'a Graph<'a>,
    journal: &'a Journal,
    records: &'a BTreeMap<RepositoryName, Records>,
    options: &'a FsckOptions<'a>,
    keys: Option<&'a KeysFound>,
}

/// What came of comparing the published trees, besides problems.
#[derive(Default)]
struct Compared {
    /// How many files were compared.
    compared: u64,
    notes: Vec<String>,
}

impl Trees<'_> {
    /// Compares the tree of each repository with its publications.
    fn compare(&self, findings: &mut Vec<Finding>, context: &Context) -> Result<Compared, Error> {
        let phase = context.progress.begin(Phase::Comparing, Amount::items(self.records.len()));
        let mut all = Compared::default();
        for (repository, records) in self.records {
            let mut tree = Published {
                store: self.store,
                view: View::of(self.store, self.paths),
                repository,
                inventory: self.inventory,
                contents: self.contents,
                graph: self.graph,
                records,
                tags: self
                    .journal
                    .tags
                    .iter()
                    .filter(|((of, _), _)| of == repository)
                    .map(|((_, tag), commit)| (tag.clone(), *commit))
                    .collect(),
                journal: self.journal,
                options: self.options,
                keys: self.keys,
                now: context.now,
                problems: Vec::new(),
                notes: Vec::new(),
                compared: 0,
            };
            tree.check();
            all.compared += tree.compared;
            all.notes.append(&mut tree.notes);
            findings.extend(tree.problems.into_iter().map(|(remedy, problem)| {
                let or_else = if problem.path.starts_with("store/publications") {
                    Fix::Record
                } else if let Some(area) = Area::of(&problem.path) {
                    Fix::Document(area)
                } else if problem.path == "store/ops/log" {
                    Fix::Log
                } else if problem.path.file_name() == Some(layout::DISTS) && problem.path.iter().count() == 3
                {
                    Fix::Unpublished
                } else {
                    Fix::Nothing
                };
                Finding { problem, remedy: remedy.map_or(or_else, Fix::Published) }
            }));
            findings.extend(forged(self.store, repository, records, self.contents, context));
            let of_records = records.problems.iter().cloned();
            findings.extend(of_records.map(|problem| Finding { problem, remedy: Fix::Record }));
            phase.advance(1, 0)?;
        }
        phase.finish();
        Ok(all)
    }
}

/// Looks at the modes and owners of the files of the store, and for what lies where something else belongs.
fn check_places(store: &Store, paths: &StorePaths, inventory: &Inventory, findings: &mut Vec<Finding>) {
    findings.extend(inventory.check_permissions(paths).into_iter().map(|problem| {
        let remedy = if problem.kind == ProblemKind::Mode { Fix::Mode } else { Fix::Nothing };
        Finding { problem, remedy }
    }));
    // What lies there hides everything that belongs below it, and is told of once.
    let areas = inventory.check_areas(store.root());
    findings.retain(|finding| areas.iter().all(|area| area.path != finding.problem.path));
    findings.extend(areas.into_iter().map(|problem| Finding { problem, remedy: Fix::Area }));
    inventory.check_files(store.root()).into_iter().for_each(|obstacle| hide_behind(obstacle, findings));
    let unread = inventory.problems.iter().cloned();
    findings.extend(unread.map(|problem| Finding { problem, remedy: Fix::Nothing }));
    findings.extend(check_format(store).map(|problem| Finding { problem, remedy: Fix::Nothing }));
}

/// How a problem of a reference, of the log or of a document is put right.
fn fix_of_reference(problem: &Problem) -> Fix {
    let reference = problem.path.strip_prefix("store/refs").ok().map(|name| name.as_str().to_owned());
    let reference = reference.and_then(|name| RepositoryName::parse(&name).ok());
    match reference {
        Some(repository) => Fix::Reference(repository),
        None if problem.path.starts_with("store/tags") => Fix::Tag,
        None if problem.path == "store/ops/log" => Fix::Log,
        None if problem.path.starts_with("public") => Fix::Unpublished,
        None => match Area::of(&problem.path) {
            Some(area) => Fix::Document(area),
            None => Fix::Nothing,
        },
    }
}

/// The indices of a repository that do not list what the records say.
fn forged(
    store: &Store,
    repository: &RepositoryName,
    records: &Records,
    contents: &contents::Contents,
    context: &Context,
) -> Vec<Finding> {
    let public = Utf8Path::new("public").join(repository.as_str());
    let is_whole = |path: &Utf8Path| contents.indices.contains(&public.join(path));
    let publications = records.readable.values();
    let mut found = publish::forged(store, repository, publications.clone(), is_whole, context);
    found.extend(publish::forged_patches(store, repository, publications, is_whole));
    let shown = Publication::shown(&*target_of(store, repository)).unwrap_or_default();
    let current = shown.and_then(|id| records.readable.get(&id));
    let finding = |Forged { path, digest, place, what }| {
        let affects = vec![Affected {
            repository: repository.clone(),
            suite: Some(place.suite().clone()),
            package: None,
            current: current.is_some_and(|current| current.names(&digest)),
        }];
        let problem = Problem { kind: ProblemKind::Forged, path: public.join(path), what, affects };
        Finding { problem, remedy: Fix::Forged(repository.clone(), digest) }
    };
    found.into_iter().map(finding).collect()
}

/// The repositories that have a publication or what is left of one.
fn published_repositories(store: &Store) -> BTreeSet<RepositoryName> {
    // What cannot be listed is among the problems of the inventory.
    let mut found = store.published().unwrap_or_default();
    let mut names = Vec::new();
    if store.storage().is_local() {
        names = files::names_in(store.paths().at("store/publications")).unwrap_or_default();
    } else {
        let name = |key: &str| key.split('/').nth(1).map(str::to_owned);
        let _ = store.storage().objects().each("publications", &mut |key, _| names.extend(name(key)));
    }
    found.extend(names.iter().filter_map(|name| RepositoryName::parse(name).ok()));
    found
}

/// Opening a store only looks at the number.
fn check_format(store: &Store) -> Option<Problem> {
    let path = Utf8Path::new("store/format");
    if !store.storage().is_local() {
        return None;
    }
    let bytes = files::read_if_present(&store.root().join(path)).ok().flatten();
    // The store may have come to a later format since it was opened.
    let is_written =
        |bytes: &Vec<u8>| Format::parse(bytes, path).is_ok_and(|format| format.to_file() == *bytes);
    (!bytes.as_ref().is_some_and(is_written)).then(|| Problem {
        kind: ProblemKind::Damaged,
        path: path.to_owned(),
        what: "it is not what was written".to_owned(),
        affects: Vec::new(),
    })
}

/// Lets what lies where a file belongs be told of once, with what that affects.
fn hide_behind(mut obstacle: Problem, findings: &mut Vec<Finding>) {
    let path = obstacle.path.clone();
    findings.retain_mut(|Finding { problem, .. }| {
        let is_same = problem.path == path;
        if is_same {
            obstacle.affects.append(&mut problem.affects);
        }
        !is_same
    });
    findings.push(Finding { problem: obstacle, remedy: Fix::Obstacle });
}

impl Subject {
    fn id(self) -> Option<Blake3> {
        match self {
            Self::Blob(id) => Some(id.0),
            Self::Object(id) => Some(id),
            Self::Manifest(_) | Self::Index => None,
        }
    }

    fn fix(self) -> Fix {
        match self {
            Self::Blob(id) => Fix::Blob(id),
            Self::Object(id) => Fix::Object(id),
            Self::Manifest(id) => Fix::Manifest(id),
            Self::Index => Fix::Index,
        }
    }
}
