//! A store from a backup.

use camino::{Utf8Path, Utf8PathBuf};

use super::configured::OutsideFile;
use super::plan::Plan;
use super::{FORMAT, INCOMPLETE, Target};
use crate::context::Context;
use crate::document::{self, Area};
use crate::error::Error;
use crate::history::promotion_attestations::PromotionAttestations;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::model::snapshot::Snapshot;
use crate::progress::{Amount, Phase, Running};
use crate::publish::{File, Publication, Source, TreeEntry, layout};
use crate::storage::beneath::{At, StorePaths};
use crate::storage::copy::Digest;
use crate::storage::format::Format;
use crate::storage::{StorageError, files};
use crate::store::Store;

/// What a restoration did.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Files that were copied.
    pub copied: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Publications whose trees were made again.
    pub publications: u64,
    /// Files of the backup that are not what their names say, or not there.
    pub damaged: Vec<Utf8PathBuf>,
    /// Files that lay outside the root of the first store: they are in `outside` of this one, and belong elsewhere.
    pub outside: Vec<OutsideFile>,
}

/// See [`Store::restore`].
pub(crate) fn restore(
    from: &Utf8Path,
    to: &Utf8Path,
    context: &Context,
) -> Result<(Store, RestoreReport), Error> {
    check_place(to)?;
    Format::of(from)?;
    let plan = Plan::of_backup(from)?;
    let target = Target::new((from, StorePaths::of_backup(from)), to)?;
    for area in ["blobs", "objects", "refs", "ops", "publications", "tmp", "locks"] {
        files::create_directories(&to.join("store").join(area))?;
    }
    files::create_directories(&to.join("public"))?;
    let mut total = Amount::default();
    plan.named.iter().for_each(|original| total.add(original.size));
    let phase = context.progress.begin(Phase::Copying, total);
    let mut damaged = target.copy_all(&plan.named, (context, &phase))?;
    for path in &plan.plain {
        if !target.copy_changed(path)? {
            damaged.push(path.clone());
        }
    }
    phase.finish();
    let mut total = Amount::default();
    for published in &plan.publications {
        total.add(published.files.iter().map(|original| original.size).sum());
    }
    let phase = context.progress.begin(Phase::Restoring, total);
    let store = Store::at(to);
    let (mut records, mut restored) = (Vec::new(), Vec::new());
    for published in &plan.publications {
        let (path, bytes) = &published.record;
        let Some(publication) = Publication::parse(bytes) else { continue };
        let repository = path.parent().and_then(Utf8Path::file_name).unwrap_or_default();
        let repository = RepositoryName::parse(repository)?;
        let missing = tree(&store, &target, (&repository, &publication), &phase)?;
        if missing.is_empty() {
            records.push(published.record.clone());
            let dists = Utf8Path::new("public").join(repository.as_str()).join(layout::DISTS);
            if plan.links.contains(&(dists, layout::dists_of(publication.id))) {
                root_links(&store, &target, &repository, &publication)?;
            }
            restored.push((repository, publication.id, publication.commit));
        }
        damaged.extend(missing);
        phase.advance(1, 0)?;
    }
    phase.finish();
    attestations(&store, &target, &plan)?;
    for (repository, tag, commit) in plan.tags() {
        let shows = |(of, _, shown): &&(RepositoryName, PublicationId, Option<CommitId>)| {
            *of == repository && *shown == Some(commit)
        };
        // What has a higher id than what clients see was made while the clock was ahead.
        let dists = Utf8Path::new("public").join(repository.as_str()).join(layout::DISTS);
        let shown = plan.links.iter().find(|(path, _)| *path == dists);
        let shown = shown.and_then(|(_, target)| layout::id_of_dists(target));
        let order = |id: PublicationId| (shown.is_none_or(|shown| id <= shown), id);
        if let Some((_, id, _)) = restored.iter().filter(shows).max_by_key(|(_, id, _)| order(*id)) {
            let link = store.public(&repository).join(layout::tag_link(&tag));
            files::point(target.copy.place(&link), &id.to_string(), target.temporary())?;
            target.note(link.parent().map(Utf8Path::to_owned));
        }
    }
    target.sync()?;
    target.write_captured(&plan, &records)?;
    target.write_format(&plan)?;
    let report = target.finish(damaged)?;
    let publications = records.len() as u64;
    let outside = plan.plain.iter().filter_map(|path| OutsideFile::of(path)).collect();
    let super::BackupReport { copied, bytes, damaged, .. } = report;
    Ok((Store::open(to)?, RestoreReport { copied, bytes, publications, damaged, outside }))
}

/// Refuses a directory that has something else in it than a restoration that was cut short, which goes on.
pub(super) fn check_place(to: &Utf8Path) -> Result<(), Error> {
    let names = files::names_in(to)?;
    let is_cut_short =
        names.iter().any(|name| name == INCOMPLETE) && files::metadata(&to.join(FORMAT)).is_err();
    if names.is_empty() || is_cut_short {
        return Ok(());
    }
    let path = to.to_owned();
    let is_store = files::metadata(&to.join(FORMAT)).is_ok();
    Err(if is_store {
        Error::Storage(StorageError::StoreExists { path })
    } else {
        Error::Storage(StorageError::NotEmpty { path })
    })
}

/// Makes the links at the root of the repository to the public keys and the flat form of the publication that clients see.
fn root_links(
    store: &Store,
    target: &Target<'_>,
    repository: &RepositoryName,
    publication: &Publication,
) -> Result<(), Error> {
    let public = store.public(repository);
    for TreeEntry { path, source, .. } in publication.root_entries() {
        let Source::Link { target: leads_to } = source else { continue };
        files::point(target.copy.place(public.join(path)), &leads_to, target.temporary())?;
        target.note(Some(public.clone()));
    }
    Ok(())
}

/// Links the statements about promotions to where they were published.
fn attestations(store: &Store, target: &Target<'_>, plan: &Plan) -> Result<(), Error> {
    for (path, bytes) in &plan.captured {
        let is_list = Area::of(path) == Some(Area::Attestations);
        let list = is_list.then(|| document::parse::<PromotionAttestations>(bytes)).flatten();
        let Ok(repository) = RepositoryName::parse(path.file_name().unwrap_or_default()) else { continue };
        for (file, kept) in list.iter().flat_map(PromotionAttestations::files) {
            let Ok(blob) = store.blob_path(kept.blob) else { continue };
            let path = Utf8Path::new("public").join(repository.as_str()).join(file);
            target.parent(&path)?;
            files::link(&blob, target.copy.at(&path))?;
            target.note(target.to.join(&path).parent().map(Utf8Path::to_owned));
        }
    }
    Ok(())
}

/// Makes the tree of a publication again. Returns the files of it that the backup cannot give.
fn tree(
    store: &Store,
    target: &Target<'_>,
    (repository, publication): (&RepositoryName, &Publication),
    phase: &Running<'_>,
) -> Result<Vec<Utf8PathBuf>, Error> {
    let tell = |bytes| phase.advance(0, bytes).map_err(std::io::Error::other);
    let copy_named = |path: &Utf8Path, file: File| {
        let copied = target.copy_named(path, Digest::Sha256(file.sha256), &tell);
        // What a cancelled copy fails with is no fault of the file.
        phase.check()?;
        copied
    };
    let public = Utf8Path::new("public").join(repository.as_str());
    let mut missing = Vec::new();
    let dists = public.join(layout::dists_of(publication.id)).join("-");
    target.parent(&dists)?;
    for TreeEntry { path, source, .. } in publication.entries() {
        let path = public.join(path);
        let (full, at) = (target.to.join(&path), target.copy.at(&path));
        let exists = |at: &At<'_>| at.exists().map_err(Error::io("look at", &*at.full()));
        target.parent(&path)?;
        match source {
            // Package files follow, from the records.
            Source::Blob { .. } => {}
            Source::Index(file) => {
                if !copy_named(&path, file)? {
                    missing.push(path);
                }
            }
            Source::Signed { file, made_in, first } => {
                let first = target.copy.at(public.join(first));
                if first.full() != full && exists(&first)? {
                    files::link(first, at)?;
                } else if copy_named(&path, file)? {
                    files::set_modified(at, made_in.seconds())?;
                } else {
                    missing.push(path);
                }
            }
            Source::Name { of: to, .. } => {
                let original = target.copy.at(public.join(to));
                if exists(&original)? {
                    files::link(original, at)?;
                }
            }
            Source::Link { target: leads_to } => {
                files::point(at, &leads_to, target.temporary())?;
            }
        }
        target.note(full.parent().map(Utf8Path::to_owned));
    }
    let objects = store.objects();
    for snapshot in publication.suites.values().filter_map(|suite| suite.snapshot) {
        // What cannot be followed is damaged and was told of.
        let Ok(snapshot) = Snapshot::read(&objects, snapshot) else { continue };
        for record in snapshot.iterate(objects).filter_map(Result::ok) {
            for TreeEntry { path, source, .. } in TreeEntry::of_record(&record)? {
                let Source::Blob { blob, .. } = source else { continue };
                let path = public.join(path);
                let Ok(blob) = store.blob_path(blob) else { continue };
                target.parent(&path)?;
                files::link(&blob, target.copy.at(&path))?;
                target.note(target.to.join(&path).parent().map(Utf8Path::to_owned));
            }
        }
    }
    Ok(missing)
}
