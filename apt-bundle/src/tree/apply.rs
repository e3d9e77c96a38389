//! The way of a bundle into a tree. Each function is a step, and what a client can reach changes in one of them only: [`switch`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::time::SystemTime;

use apt_sign::Keyring;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;

use super::disk::{Disk, INCOMING};
use super::state::{self, CURRENT, INDICES, NEW_STATE, STATES, State};
use super::{Applied, TreeError, prune};
use crate::error::Error;
use crate::manifest::{ListedFile, Manifest};
use crate::name::Name;
use crate::read::Bundle;

/// See [`Tree::apply`](super::Tree::apply).
pub(super) fn apply(
    disk: &Disk,
    input: impl Read,
    (keyring, now): (&Keyring, SystemTime),
    site: Option<&Name>,
) -> Result<Applied, TreeError> {
    // What nobody vouches for does not even make a directory.
    let bundle = Bundle::open(input, keyring, now)?;
    let _lock = disk.lock()?;
    let current = state::current(disk)?;
    let new = NewState::of(&bundle, current.as_ref(), site)?;
    check_packages(disk, &new.manifest, current.as_ref())?;
    prune::clear(disk, current.as_ref())?;
    let applied = bring_in(disk, bundle, &new, current.as_ref());
    if applied.is_err() {
        // What this does not reach, the next one does.
        let _ = state::current(disk).and_then(|current| prune::clear(disk, current.as_ref()));
    }
    applied
}

/// Receives a bundle that belongs on top of the present state, and shows its state.
fn bring_in(
    disk: &Disk,
    mut bundle: Bundle<impl Read>,
    new: &NewState,
    current: Option<&State>,
) -> Result<Applied, TreeError> {
    disk.make_directories(INCOMING.into())?;
    let received = receive(disk, &mut bundle)?;
    let manifest = bundle.finish()?;
    check_kept(disk, &manifest, current)?;
    // From here on it is known which packages are to go if this process ends.
    begin(disk, new, current)?;
    disk.sync()?;
    store_files(disk, &manifest)?;
    let id = build(disk, new, current)?;
    disk.sync()?;
    show_repositories(disk, &manifest)?;
    disk.sync()?;
    switch(disk, &id)?;
    // The bundle is applied. What cannot be removed now goes with the next one.
    let removed = state::read(disk, &id).and_then(|present| prune::prune(disk, &present));
    Ok(Applied { manifest, received, removed: removed.unwrap_or_default() })
}

/// What a state that is to be built consists of.
struct NewState {
    manifest: Manifest,
    signed: Vec<u8>,
    site: Option<Name>,
}

impl NewState {
    /// Returns the state that a bundle leads to, if it may be applied at the site. A site keeps its name when a bundle for any site comes.
    fn of<R: Read>(
        bundle: &Bundle<R>,
        current: Option<&State>,
        site: Option<&Name>,
    ) -> Result<Self, TreeError> {
        let site = check_order(bundle.manifest(), current, site)?;
        Ok(Self { manifest: bundle.manifest().clone(), signed: bundle.signed().to_vec(), site })
    }
}

/// Checks that a manifest belongs on top of the present state at a site, by the name that is given or that the tree has. Returns that name.
fn check_order(
    manifest: &Manifest,
    current: Option<&State>,
    site: Option<&Name>,
) -> Result<Option<Name>, TreeError> {
    let site = site.or_else(|| current?.site.as_ref());
    manifest.check_order(current.map(|state| &state.manifest), site)?;
    Ok(site.cloned())
}

/// See [`Tree::check`](super::Tree::check).
pub(super) fn check(disk: &Disk, manifest: &Manifest, site: Option<&Name>) -> Result<(), TreeError> {
    let current = state::current(disk)?;
    check_order(manifest, current.as_ref(), site)?;
    check_packages(disk, manifest, current.as_ref())?;
    check_kept(disk, manifest, current.as_ref())
}

/// See [`Tree::undo`](super::Tree::undo).
pub(super) fn undo(disk: &Disk) -> Result<Manifest, TreeError> {
    // Where there is no tree, there is nothing to lock.
    previous(disk)?;
    let _lock = disk.lock()?;
    let previous = previous(disk)?;
    show_files(disk, &previous.manifest)?;
    disk.show(&state::directory(&previous.id))?;
    switch(disk, &previous.id)?;
    Ok(previous.manifest)
}

/// Returns the state before the present one, if all of it is there.
pub(super) fn previous(disk: &Disk) -> Result<State, TreeError> {
    let none = || TreeError::NoPrevious { root: disk.root().to_owned() };
    let current = state::current(disk)?.ok_or_else(none)?;
    let id = current.previous.ok_or_else(none)?;
    // After an undo the state before that one is gone.
    if disk.size(&state::directory(&id).join(state::MANIFEST))?.is_none() {
        return Err(none());
    }
    let previous = state::read(disk, &id)?;
    for (repository, file) in previous.manifest.files() {
        let path = state::stored_at(&repository.name, file);
        if disk.size(&path)? != Some(file.size) {
            return Err(TreeError::Missing { path });
        }
    }
    Ok(previous)
}

/// Writes each file of the bundle below `.incoming`, under its digest. Returns how many those are.
fn receive(disk: &Disk, bundle: &mut Bundle<impl Read>) -> Result<usize, TreeError> {
    let names: Vec<Sha256> = bundle.manifest().members().iter().map(|member| member.sha256).collect();
    for sha256 in &names {
        let path = incoming(sha256);
        let mut file = disk.create(&path)?;
        bundle.receive(&mut file).map_err(|error| match error {
            Error::Write { source, .. } => disk.failed("write", &path)(source),
            error => error.into(),
        })?;
    }
    Ok(names.len())
}

fn incoming(sha256: &Sha256) -> Utf8PathBuf {
    Utf8Path::new(INCOMING).join(sha256.to_string())
}

/// Checks that the tree has all files that the bundle does not carry: the present state lists them, and they have their size.
fn check_kept(disk: &Disk, manifest: &Manifest, current: Option<&State>) -> Result<(), TreeError> {
    let listed = current.iter().flat_map(|state| state.manifest.files());
    let listed: BTreeSet<(Utf8PathBuf, [u8; 32])> = listed
        .map(|(repository, file)| (state::stored_at(&repository.name, file), *file.sha256.as_bytes()))
        .collect();
    for (repository, file) in manifest.files().filter(|(_, file)| !file.carried) {
        let path = state::stored_at(&repository.name, file);
        let known = listed.contains(&(path.clone(), *file.sha256.as_bytes()));
        if !known || disk.size(&path)? != Some(file.size) {
            return Err(TreeError::Missing { path });
        }
    }
    Ok(())
}

/// Checks that no package would be replaced by another one of the same name: clients may be about to fetch it.
fn check_packages(disk: &Disk, manifest: &Manifest, current: Option<&State>) -> Result<(), TreeError> {
    let previous = current.and_then(|state| state::previous(disk, state));
    let states = [current, previous.as_ref()];
    let listed = states.into_iter().flatten().flat_map(|state| state.manifest.files());
    let packages = listed.filter(|(_, file)| state::is_package(file));
    let packages: BTreeMap<(&Name, &str), &ListedFile> =
        packages.map(|(repository, file)| ((&repository.name, file.path.as_str()), file)).collect();
    for (repository, file) in manifest.files() {
        let known = packages.get(&(&repository.name, file.path.as_str()));
        if known.is_some_and(|known| known.sha256 != file.sha256) {
            let path = state::stored_at(&repository.name, file);
            return Err(TreeError::State { path, rule: "the bundle has another file of that name" });
        }
    }
    Ok(())
}

/// Puts the files that were received where they stay; nothing that clients see names them yet. What has the path already is the same file,
/// or a damaged one.
fn store_files(disk: &Disk, manifest: &Manifest) -> Result<(), TreeError> {
    for (repository, file) in manifest.files().filter(|(_, file)| file.carried) {
        let path = state::stored_at(&repository.name, file);
        disk.make_directories(path.parent().unwrap_or(Utf8Path::new("")))?;
        disk.place(&incoming(&file.sha256), &path)?;
    }
    Ok(())
}

/// Lets all read the files of a state, and come to them: who applied a bundle before may have hidden them.
fn show_files(disk: &Disk, manifest: &Manifest) -> Result<(), TreeError> {
    let mut directories = BTreeSet::new();
    for (repository, file) in manifest.files() {
        let path = state::stored_at(&repository.name, file);
        let directory = path.parent().unwrap_or(Utf8Path::new("")).to_owned();
        if !directories.contains(&directory) {
            disk.make_directories(&directory)?;
            directories.insert(directory);
        }
        disk.show(&path)?;
    }
    Ok(())
}

/// Writes what a state is, before anything of it lies where it stays.
fn begin(disk: &Disk, state: &NewState, current: Option<&State>) -> Result<(), TreeError> {
    let new = Utf8Path::new(NEW_STATE);
    disk.make_directories(new)?;
    disk.write(&new.join(state::MANIFEST), state.manifest.to_text().as_bytes())?;
    disk.write(&new.join(state::SIGNED), &state.signed)?;
    if let Some(current) = current {
        disk.write(&new.join(state::PREVIOUS), current.id.as_bytes())?;
    }
    if let Some(site) = &state.site {
        disk.write(&new.join(state::SITE), site.as_str().as_bytes())?;
    }
    Ok(())
}

/// Builds the state that was begun, beside the present one. Returns what it is called.
fn build(disk: &Disk, state: &NewState, current: Option<&State>) -> Result<String, TreeError> {
    let (id, manifest) = (state::id_of(&state.signed), &state.manifest);
    let new = Utf8Path::new(NEW_STATE);
    show_files(disk, manifest)?;
    for repository in manifest.repositories() {
        let root = new.join(repository.name.as_str());
        disk.make_directories(&root)?;
        let mut directories = BTreeSet::new();
        for file in repository.files.iter().filter(|file| !state::is_package(file)) {
            let path = root.join(file.path.as_str());
            let parent = path.parent().unwrap_or(new).to_owned();
            disk.make_directories(&parent)?;
            disk.place(&state::stored_at(&repository.name, file), &path)?;
            if file.path.as_str().starts_with("dists/") {
                directories.insert(parent);
            }
        }
        for directory in directories {
            // Clients ask for indices by their digests, in the directory where each has its name.
            let up = "../".repeat(directory.components().count());
            disk.link(&directory.join("by-hash"), &format!("{up}.by-hash"))?;
        }
        for link in &repository.links {
            let path = root.join(link.path.as_str());
            disk.make_directories(path.parent().unwrap_or(new))?;
            disk.link(&path, &link.target)?;
        }
    }
    // A state of that name was built before, and switched away from by an undo.
    let place = state::directory(&id);
    if current.is_none_or(|current| current.id != id) {
        disk.remove_tree(&place)?;
    }
    disk.make_directories(STATES.into())?;
    disk.make_directories(INDICES.into())?;
    disk.rename(new, &place)?;
    Ok(id)
}

/// Makes the links through which clients come to the present state, whichever it is.
fn show_repositories(disk: &Disk, manifest: &Manifest) -> Result<(), TreeError> {
    for repository in manifest.repositories() {
        let name = repository.name.as_str();
        disk.make_directories(name.into())?;
        for file in ["dists", "key.asc", "key.gpg"] {
            let path = Utf8Path::new(name).join(file);
            let target = format!("../{CURRENT}/{name}/{file}");
            if disk.leads_to(&path)?.as_deref() != Some(Utf8Path::new(&target)) {
                disk.link(&path, &target)?;
            }
        }
    }
    Ok(())
}

/// Shows clients a state, durably.
fn switch(disk: &Disk, id: &str) -> Result<(), TreeError> {
    disk.link(CURRENT.into(), state::directory(id).as_str())?;
    disk.sync()
}
