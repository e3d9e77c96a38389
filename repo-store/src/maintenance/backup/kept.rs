//! What of a backup stays as it is, because the store lost it or has it damaged.
//!
//! What can be told of a small file is told before its copy is replaced or removed: the good copy may be the only one.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::PackageName;

use super::plan::{Plan, files_below, mutable_areas, reference_of};
use crate::access::machines::Machines;
use crate::access::tokens::Tokens;
use crate::document::{self, Area};
use crate::error::Error;
use crate::history::horizon::Ends;
use crate::history::keyring_versions::KeyringVersions;
use crate::intent::Intent;
use crate::maintenance::backup::{FORMAT, LOG};
use crate::maintenance::fsck::head;
use crate::maintenance::hook_spool::HookSpool;
use crate::maintenance::upkeep::Upkeep;
use crate::model::commit::Commit;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::{HolderName, RepositoryName, TagName};
use crate::model::operation::Operation;
use crate::operations::approvals::Approvals;
use crate::operations::bases::KeptBases;
use crate::operations::freezes::LastFreeze;
use crate::publish::layout;
use crate::publish::promotion_attestations::PromotionAttestations;
use crate::storage::beneath::StorePaths;
use crate::storage::format::Format;
use crate::storage::{files, log};
use crate::store::Store;

/// What the operation log of a store tells.
#[derive(Default)]
struct Told {
    commits: BTreeSet<CommitId>,
    /// Whether the last word about each tag is that it stands for a state.
    tags: BTreeMap<(RepositoryName, TagName), bool>,
    /// Who has a token.
    holders: BTreeSet<(RepositoryName, HolderName)>,
    published: BTreeSet<RepositoryName>,
}

impl Told {
    fn by(log: &[u8]) -> Self {
        let mut told = Self::default();
        let lines = log::lines(log).filter(|line| line.intact);
        for entry in lines.filter_map(|line| LogEntry::parse(line.text)) {
            let unchanged = entry.is_unchanged();
            told.commits.extend(entry.after);
            match entry.operation {
                Operation::Publish(_) if unchanged => drop(told.published.insert(entry.repository)),
                Operation::Tag(tag) if unchanged => {
                    told.tags.insert((entry.repository, tag), true);
                }
                Operation::DeleteTag(tag) if unchanged => {
                    told.tags.insert((entry.repository, tag), false);
                }
                Operation::GiveToken(holder) => drop(told.holders.insert((entry.repository, holder))),
                Operation::RevokeToken(holder) => drop(told.holders.remove(&(entry.repository, holder))),
                Operation::RenameToken { from, to } => {
                    told.holders.remove(&(entry.repository.clone(), from));
                    told.holders.insert((entry.repository, to));
                }
                _ => {}
            }
        }
        told
    }
}

/// Whether every line of a log is what was written.
pub(super) fn is_intact(log: &[u8]) -> bool {
    log::lines(log).all(|line| line.intact)
}

/// Whether two logs are those of one store, of which one may be damaged.
///
/// A log that was mended says the same in other lines. So a store whose objects have every state that the references of a backup lead to is
/// the one that was backed up: a state is named by all that was done before it.
pub(super) fn is_of_one_store(store: &Store, ours: &[u8], (theirs, backup): (&[u8], &StorePaths)) -> bool {
    if theirs.starts_with(ours) || ours.starts_with(theirs) {
        return true;
    }
    let intact = |log| log::lines(log).filter(|line| line.intact).map(|line| line.text);
    let known: BTreeSet<&str> = intact(theirs).collect();
    if !(is_intact(ours) && is_intact(theirs)) && intact(ours).any(|line| known.contains(line)) {
        return true;
    }
    let references = files_below(backup, Utf8Path::new("store/refs")).unwrap_or_default();
    let states = references.iter().map(|path| {
        let bytes = files::read_if_present(backup.at(path)).ok().flatten()?;
        Commit::read(&store.objects(), head(&bytes)?).ok()
    });
    let states: Option<Vec<Commit>> = states.collect();
    // Those without a state may have come to be in one second, by one person.
    states.is_some_and(|states| states.iter().any(|state| state.sequence > 0))
}

/// Whether a file is what the store writes there.
fn is_sound(path: &Utf8Path, bytes: &[u8]) -> bool {
    match Area::of(path) {
        Some(Area::Histories) => document::parse::<Ends>(bytes).is_some_and(|ends| !ends.0.is_empty()),
        Some(Area::Keyrings) => {
            document::parse::<KeyringVersions>(bytes).is_some_and(|known| !known.all.is_empty())
        }
        Some(Area::Tokens) => {
            document::parse::<Tokens>(bytes).is_some_and(|tokens| !tokens.entries().is_empty())
        }
        Some(Area::Approvals) => {
            document::parse::<Approvals>(bytes).is_some_and(|approvals| !approvals.is_empty())
        }
        Some(Area::Attestations) => {
            document::parse::<PromotionAttestations>(bytes).is_some_and(|known| !known.is_empty())
        }
        Some(Area::Freezes) => document::parse::<LastFreeze>(bytes).is_some_and(|last| last.0.is_some()),
        Some(Area::Bases) => document::parse::<KeptBases>(bytes).is_some_and(|bases| !bases.is_empty()),
        Some(Area::Hooks) => document::parse::<HookSpool>(bytes).is_some(),
        Some(Area::Machines) => document::parse::<Machines>(bytes).is_some(),
        Some(Area::Upkeep) => document::parse::<Upkeep>(bytes).is_some(),
        Some(Area::Intents) => {
            document::parse::<Intent>(bytes).is_some_and(|intent| !intent.changes.is_empty())
        }
        None => head(bytes).is_some(),
    }
}

/// Looks at what a plan has captured of a store, and puts in its place what `backup` has of what is lost or damaged, which is noted in
/// the plan as well.
pub(super) fn keep_lost(store: &Store, plan: &mut Plan, backup: &StorePaths) -> Result<(), Error> {
    let theirs = |path: &Utf8Path| files::read_if_present(backup.at(path)).ok().flatten();
    let mut damaged: BTreeSet<Utf8PathBuf> = std::mem::take(&mut plan.damaged).into_iter().collect();
    damaged.extend(plan.lost.iter().map(reference_of));

    let mut captured = BTreeMap::new();
    let mut own_log = Vec::new();
    for (path, bytes) in std::mem::take(&mut plan.captured) {
        if path == LOG {
            own_log = bytes;
        } else if path == FORMAT {
            // The store may have come to a later format since it was opened.
            let format = Format::parse(&bytes, &path).unwrap_or(store.format()).to_file();
            if bytes != format {
                damaged.insert(path.clone());
            }
            captured.insert(path, format);
        } else if is_sound(&path, &bytes) {
            captured.insert(path, bytes);
        } else {
            damaged.insert(path.clone());
            let copy = theirs(&path).filter(|copy| is_sound(&path, copy));
            captured.extend(copy.map(|copy| (path, copy)));
        }
    }

    damaged.extend(keep_later(store, backup, (&mut captured, &own_log)));
    let told = Told::by(&own_log);
    let repositories: BTreeSet<RepositoryName> = captured
        .keys()
        .filter_map(|path| RepositoryName::parse(path.strip_prefix("store/refs").ok()?.as_str()).ok())
        .chain(plan.lost.iter().cloned())
        .collect();
    let log = keep_log(store, &captured, (&own_log, &told), theirs(LOG.into()), &mut damaged);
    captured.extend(log.map(|log| (LOG.into(), log)));

    // What the user deleted is told by the log, and with a repository all of it goes.
    let is_deleted = |path: &Utf8Path| {
        let mut names = path.iter().skip(2);
        let Some(repository) = names.next().and_then(|name| RepositoryName::parse(name).ok()) else {
            return true;
        };
        if !repositories.contains(&repository) {
            return !files::is_taken(&store.root().join(reference_of(&repository)));
        }
        match Area::of(path) {
            Some(Area::Tokens) => {
                is_intact(&own_log) && !told.holders.iter().any(|(of, _)| *of == repository)
            }
            // The last approval may have been withdrawn, and the freeze ended.
            Some(Area::Approvals | Area::Freezes) => true,
            Some(_) => false,
            None if path.starts_with("store/tags") => names
                .next()
                .and_then(|name| TagName::parse(name).ok())
                .is_none_or(|tag| told.tags.get(&(repository, tag)) == Some(&false)),
            None => false,
        }
    };
    for area in mutable_areas() {
        damaged.extend(in_the_place_of_files(store, &area)?);
        for path in files_below(backup, &area)? {
            if captured.contains_key(&path) || is_deleted(&path) {
                continue;
            }
            captured.extend(theirs(&path).map(|copy| (path.clone(), copy)));
            damaged.insert(path);
        }
    }
    for (repository, tag) in told.tags.iter().filter(|(_, is_there)| **is_there).map(|(name, _)| name) {
        let path = Utf8Path::new("store/tags").join(repository.as_str()).join(tag.as_str());
        if repositories.contains(repository) && !captured.contains_key(&path) {
            damaged.insert(path);
        }
    }
    damaged.extend(lost_documents(store, (&captured, &told), &repositories));
    for repository in &repositories {
        let is_published = told.published.contains(repository);
        let lost = lost_dists(store, &plan.links, repository, (is_published, &damaged))?;
        damaged.extend(lost);
    }
    plan.captured = captured.into_iter().collect();
    plan.damaged = damaged.into_iter().collect();
    Ok(())
}

/// The documents that are gone though what was given out, or is published, proves that they were there.
fn lost_documents(
    store: &Store,
    (captured, told): (&BTreeMap<Utf8PathBuf, Vec<u8>>, &Told),
    repositories: &BTreeSet<RepositoryName>,
) -> Vec<Utf8PathBuf> {
    let has_tokens = |repository: &&RepositoryName| told.holders.iter().any(|(of, _)| of == *repository);
    let has_keyring = |repository: &&RepositoryName| {
        let reference = captured.get(&reference_of(repository)).and_then(|bytes| head(bytes));
        reference.is_some_and(|reference| has_keyring_package(store, repository, reference))
    };
    let tokens = repositories.iter().filter(has_tokens).map(|repository| (Area::Tokens, repository));
    let keyrings = repositories.iter().filter(has_keyring).map(|repository| (Area::Keyrings, repository));
    tokens.chain(keyrings).filter_map(|(area, of)| missing_document(captured, area, of)).collect()
}

/// The path of a document that was not captured.
fn missing_document(
    captured: &BTreeMap<Utf8PathBuf, Vec<u8>>,
    area: Area,
    repository: &RepositoryName,
) -> Option<Utf8PathBuf> {
    let path = Utf8Path::new("store").join(area.as_str()).join(repository.as_str());
    (!captured.contains_key(&path)).then_some(path)
}

/// Whether a state has the keyring package of its repository. What cannot be read is named elsewhere.
fn has_keyring_package(store: &Store, repository: &RepositoryName, state: CommitId) -> bool {
    let Ok(package) = PackageName::parse(&repository.keyring_package()) else { return false };
    let Ok(state) = store.revision(repository, state) else { return false };
    let mut suites = state.commit().suites.keys();
    suites.any(|suite| state.versions(suite, &package).is_ok_and(|versions| !versions.is_empty()))
}

/// Puts the references of a backup in place of captured ones that lead to earlier states, and returns their paths.
fn keep_later(
    store: &Store,
    backup: &StorePaths,
    (captured, own_log): (&mut BTreeMap<Utf8PathBuf, Vec<u8>>, &[u8]),
) -> Vec<Utf8PathBuf> {
    let theirs = |path: &Utf8Path| files::read_if_present(backup.at(path)).ok().flatten();
    let saved = Store::at(backup.root());
    let is_told =
        is_intact(own_log) && theirs(LOG.into()).is_none_or(|theirs| goes_on_from(own_log, &theirs));
    let mut later = Vec::new();
    for (path, bytes) in captured.iter_mut().filter(|(path, _)| path.starts_with("store/refs")) {
        let (Some(ours), Some(copy)) = (head(bytes), theirs(path)) else { continue };
        if head(&copy).is_some_and(|theirs| is_later(store, &saved, (ours, theirs), is_told)) {
            later.push(path.clone());
            *bytes = copy;
        }
    }
    later
}

/// Whether a log tells of all that another one does: it goes on where that ends, or was mended and has other dates and actors.
fn goes_on_from(ours: &[u8], theirs: &[u8]) -> bool {
    let done =
        |log| log::lines(log).filter(|line| line.intact).filter_map(|line| line.text.splitn(3, '\t').nth(2));
    let told: BTreeSet<&str> = if ours.starts_with(theirs) { return true } else { done(ours).collect() };
    done(theirs).all(|line| told.contains(line))
}

/// Whether the reference of a backup leads to a later state than ours: ours leads back, and theirs may be the only one that does not.
/// `is_told`: the log tells how ours came to be.
fn is_later(store: &Store, backup: &Store, (ours, theirs): (CommitId, CommitId), is_told: bool) -> bool {
    let read = |id| Commit::read(&store.objects(), id).or_else(|_| Commit::read(&backup.objects(), id));
    let is_built_on = |mut later: CommitId, earlier: CommitId| {
        let Ok(wanted) = read(earlier) else { return false };
        while later != earlier {
            match read(later) {
                Ok(commit) if commit.sequence > wanted.sequence => match commit.parent {
                    Some(parent) => later = parent,
                    None => return false,
                },
                _ => return false,
            }
        }
        true
    };
    ours != theirs
        && read(theirs).is_ok()
        && (is_built_on(theirs, ours) || (!is_told && !is_built_on(ours, theirs)))
}

/// What lies in an area of small files where a file, or above one a directory, belongs.
fn in_the_place_of_files(store: &Store, area: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Error> {
    let (mut found, mut directories) = (Vec::new(), vec![area.to_owned()]);
    while let Some(directory) = directories.pop() {
        for name in files::names_in(&store.root().join(&directory))? {
            let path = directory.join(name);
            let kind = files::metadata_of_itself(&store.root().join(&path)).map(|found| found.file_type());
            match kind {
                // It went since it was listed.
                Err(_) => {}
                Ok(kind) if kind.is_file() => {}
                Ok(kind) if kind.is_dir() && directory == "store/tags" => directories.push(path),
                Ok(_) => found.push(path),
            }
        }
    }
    Ok(found)
}

/// Chooses the log that the backup is to have, and notes that of the store if it is damaged.
fn keep_log(
    store: &Store,
    captured: &BTreeMap<Utf8PathBuf, Vec<u8>>,
    (ours, told): (&[u8], &Told),
    theirs: Option<Vec<u8>>,
    damaged: &mut BTreeSet<Utf8PathBuf>,
) -> Option<Vec<u8>> {
    let objects = store.objects();
    // A commit that nothing was built upon is in no line.
    let is_told = |id: CommitId| {
        told.commits.contains(&id) || Commit::read(&objects, id).is_ok_and(|commit| commit.sequence == 0)
    };
    let mut heads = captured
        .iter()
        .filter(|(path, _)| path.starts_with("store/refs"))
        .filter_map(|(_, bytes)| head(bytes));
    let goes_on = theirs.as_deref().is_none_or(|theirs| goes_on_from(ours, theirs) || !is_intact(theirs));
    let is_whole = is_intact(ours) && goes_on;
    if !is_whole || !heads.all(is_told) {
        damaged.insert(LOG.into());
    }
    let log = if is_whole { None } else { theirs };
    log.or_else(|| (!ours.is_empty()).then(|| ours.to_vec()))
}

/// What is missing of what leads clients to what they see.
fn lost_dists(
    store: &Store,
    links: &[(Utf8PathBuf, Utf8PathBuf)],
    repository: &RepositoryName,
    (is_published, damaged): (bool, &BTreeSet<Utf8PathBuf>),
) -> Result<Option<Utf8PathBuf>, Error> {
    let path = Utf8Path::new("public").join(repository.as_str()).join(layout::DISTS);
    if links.iter().any(|(link, _)| *link == path) {
        return Ok(None);
    }
    let records = store.root().join("store/publications").join(repository.as_str());
    if !is_published && files::names_in(&records)?.is_empty() {
        return Ok(None);
    }
    // It may have come since it was looked for.
    let target = store.paths().at(&path).read_link_if_present().ok().flatten();
    let id = target.as_deref().and_then(layout::id_of_dists);
    Ok(match id {
        None => Some(path),
        Some(id) => {
            let record = Utf8Path::new("store/publications").join(repository.as_str()).join(id.to_string());
            let is_lost = damaged.contains(&record) || !files::is_taken(&store.root().join(&record));
            is_lost.then_some(record)
        }
    })
}
