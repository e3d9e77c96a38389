//! Packages that another archive lists, each with the suites and the component in which it stands there.

use std::collections::BTreeMap;
use std::sync::Arc;

use apt_index::parallel::parallel_map;
use camino::Utf8PathBuf;
use deb_parse::checksum::Sha256;
use deb_parse::{Component, SuiteName};

use super::intake::{KnownPackages, snapshots};
use super::{
    AddError, AddOptions, AddReport, Candidate, Origin, ReadFiles, Request, add_as, is_ours, read_argument,
};
use crate::context::Context;
use crate::error::{Error, ImportError};
use crate::model::archive_origin::ArchiveOrigin;
use crate::model::gate_rule::GateOverride;
use crate::model::lookup::Lookup;
use crate::model::operation::Operation;
use crate::model::record::{Record, RecordKey};
use crate::operations::placement::Placement;
use crate::progress::{Amount, Phase};
use crate::settings::RepositorySettings;
use crate::settings::route::Route;
use crate::store::Store;

/// A package that another archive lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivePackage {
    /// Which package it is.
    pub key: RecordKey,
    /// SHA-256 of its file as the archive lists it; of a source package, that of its `.dsc`.
    pub sha256: Sha256,
    /// The component in which it stands.
    pub component: Component,
    /// The suites in which it stands.
    pub suites: Vec<SuiteName>,
    /// Where its file lies; the other files of a source package lie beside it. It is not looked at where the store has the package.
    pub file: Utf8PathBuf,
    /// Whether the store may keep the files by giving them other names (hard links): those that it shares with nobody who writes to them. They
    /// are made read-only. A file of another user, or that others may write to, is copied all the same.
    pub links: bool,
    /// The index that lists it, for messages.
    pub listed_in: String,
}

/// How the packages of an archive are taken in.
#[derive(Clone, Debug)]
pub struct ArchiveOptions {
    /// The archive, as the history names it.
    pub origin: ArchiveOrigin,
    /// Rules of gates that do not count, and why.
    pub gate_override: Option<GateOverride>,
}

/// See [`Store::has_packages`].
pub(crate) fn has_packages(store: &Store, packages: &[ArchivePackage]) -> Result<Vec<bool>, Error> {
    Ok(find_known(store, packages)?.iter().map(Option::is_some).collect())
}

/// See [`Store::import_archive`].
pub(crate) fn import_archive(
    store: &Store,
    repository: &RepositorySettings,
    packages: &[ArchivePackage],
    options: &ArchiveOptions,
    context: &Context,
) -> Result<AddReport, AddError> {
    repository.check()?;
    for package in packages {
        repository.check_suites(&package.suites)?;
    }
    // The Release of the archive vouches for its source packages, not those who signed them.
    let repository = &RepositorySettings { uploaders: None, ..repository.clone() };
    let paths: Vec<Utf8PathBuf> = packages.iter().map(|package| package.file.clone()).collect();
    let phase = context.progress.begin(Phase::Reading, Amount::items(packages.len()));
    let known_packages = KnownPackages::default();
    let known = find_known(store, packages)?;
    let places: Vec<usize> = (0..packages.len()).collect();
    let read = parallel_map(&places, context.threads, |place| {
        phase.check()?;
        let Some(package) = packages.get(*place) else { return Ok(None) };
        if let Some(Some(record)) = known.get(*place) {
            let blobs = record.kept_files()?.iter().map(|file| file.blob).collect();
            let (component, route) = (package.component.clone(), Route::Chosen(package.suites.clone()));
            let placement = Placement { component, route, rule: None };
            phase.advance(1, 0)?;
            let record = Arc::clone(record);
            return Candidate::new(repository, &package.file, record, placement, Vec::new(), blobs).map(Some);
        }
        let own = AddOptions {
            suites: package.suites.clone(),
            component: Some(package.component.clone()),
            ..AddOptions::default()
        };
        let origin = Origin::paths(false);
        let request = Request {
            options: &own,
            origin,
            keeps: true,
            links: package.links,
            phase: &phase,
            known: &known_packages,
        };
        let mut candidates = read_argument(store, repository, &package.file, &request, context)?;
        let candidate = candidates.pop().filter(|_| candidates.is_empty());
        candidate.map(|candidate| check(package, candidate)).transpose()
    });
    let (mut refused, mut candidates) = (BTreeMap::new(), Vec::new());
    for (place, result) in read.into_iter().enumerate() {
        match result {
            Ok(found) => candidates.extend(found.map(|candidate| (place, candidate))),
            Err(error) if is_ours(&error) => return Err(error.into()),
            Err(error) => {
                refused.insert(place, error);
            }
        }
    }
    phase.finish();
    candidates.sort_by(|(_, a), (_, b)| a.record.key().cmp(b.record.key()));
    let read = ReadFiles { paths: &paths, candidates, refused };
    let add = AddOptions { gate_override: options.gate_override.clone(), ..AddOptions::default() };
    let from = options.origin.clone();
    let operation = move |packages| Operation::Import { from: from.clone(), packages };
    let report = add_as(store, repository, read, (&add, None), context, operation)?;
    AddError::of_report(report, &add)
}

/// Refuses a file that is not what the archive lists.
fn check<'a>(package: &ArchivePackage, candidate: Candidate<'a>) -> Result<Candidate<'a>, Error> {
    let wrong = |what| {
        let file = Utf8PathBuf::from(&package.listed_in);
        Error::Import(ImportError::ChecksumMismatch { file, name: package.file.to_string(), what })
    };
    if candidate.record.sha256() != Some(package.sha256) {
        return Err(wrong("SHA-256"));
    }
    if *candidate.record.key() != package.key {
        return Err(wrong("name, version or architecture"));
    }
    Ok(candidate)
}

/// Returns the records of those packages that any repository of the store has: the same file in the same component.
fn find_known(store: &Store, packages: &[ArchivePackage]) -> Result<Vec<Option<Arc<Record>>>, Error> {
    let snapshots = snapshots(store);
    let mut lookup = Lookup::new(store.objects());
    let mut known = vec![None; packages.len()];
    // The order of keys, in which looking up is fastest.
    let mut in_order: Vec<(usize, &ArchivePackage)> = packages.iter().enumerate().collect();
    in_order.sort_by(|(_, one), (_, other)| one.key.cmp(&other.key));
    for snapshot in &snapshots {
        for (place, package) in &in_order {
            let Some(slot @ None) = known.get_mut(*place) else { continue };
            let is_it = |record: &Arc<Record>| {
                record.sha256() == Some(package.sha256) && *record.component() == package.component
            };
            *slot = lookup.find(snapshot, &package.key)?.filter(is_it);
        }
    }
    Ok(known)
}
