//! The states that a tree keeps: what each is called, and what it consists of.

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use sha2::Digest as _;

use super::TreeError;
use super::disk::Disk;
use crate::manifest::{ListedFile, MAX_MANIFEST, Manifest};
use crate::name::Name;

/// The link that clients follow.
pub(super) const CURRENT: &str = ".current";
/// The directory of the states.
pub(super) const STATES: &str = ".states";
/// Where a state is built.
pub(super) const NEW_STATE: &str = ".states/.new";
/// The directory of the indices.
pub(super) const INDICES: &str = ".by-hash/SHA256";
/// What a state consists of, in its directory; no repository can be called that.
pub(super) const MANIFEST: &str = ".manifest";
/// The manifest as it was signed, beside it.
pub(super) const SIGNED: &str = ".manifest.asc";
/// The state before, beside it.
pub(super) const PREVIOUS: &str = ".previous";
/// The name of the site, beside it; there is none where neither a bundle nor a command ever named one.
pub(super) const SITE: &str = ".site";

/// More bytes than the name of a site has.
const MAX_SITE: usize = 256;

/// A state of a tree.
#[derive(Debug)]
pub(super) struct State {
    pub(super) id: String,
    pub(super) manifest: Manifest,
    /// The state before it.
    pub(super) previous: Option<String>,
    /// The site that the tree is at.
    pub(super) site: Option<Name>,
}

/// Returns what the state of a signed manifest is called.
pub(super) fn id_of(signed: &[u8]) -> String {
    let digest = Sha256::from_bytes(sha2::Sha256::digest(signed).into()).to_string();
    digest.chars().take(16).collect()
}

/// Returns the directory of a state.
pub(super) fn directory(id: &str) -> Utf8PathBuf {
    Utf8Path::new(STATES).join(id)
}

/// Returns the state that clients see.
pub(super) fn current(disk: &Disk) -> Result<Option<State>, TreeError> {
    let Some(target) = disk.leads_to(CURRENT.into())? else { return Ok(None) };
    let id = target.strip_prefix(STATES).ok().filter(|id| is_id(id.as_str()));
    let id = id.ok_or(TreeError::State { path: CURRENT.into(), rule: "it does not lead to a state" })?;
    read(disk, id.as_str()).map(Some)
}

/// Reads a state.
pub(super) fn read(disk: &Disk, id: &str) -> Result<State, TreeError> {
    read_at(disk, &directory(id), id)
}

/// Reads the state that a process began to build and did not show, if one was left.
pub(super) fn unfinished(disk: &Disk) -> Option<State> {
    read_at(disk, NEW_STATE.into(), "").ok()
}

fn read_at(disk: &Disk, directory: &Utf8Path, id: &str) -> Result<State, TreeError> {
    let path = directory.join(MANIFEST);
    let damaged = |rule| TreeError::State { path: path.clone(), rule };
    let text = disk.read(&path, MAX_MANIFEST)?.ok_or(damaged("it is missing"))?;
    let manifest = Manifest::parse(&text).map_err(|_| damaged("it is not a manifest"))?;
    let previous = disk.read(&directory.join(PREVIOUS), 64)?;
    let previous = previous.and_then(|id| String::from_utf8(id).ok()).filter(|id| is_id(id));
    let site = disk.read(&directory.join(SITE), MAX_SITE)?.and_then(|name| String::from_utf8(name).ok());
    let site = site.map(|name| Name::parse(&name).map_err(|_| damaged("the name of the site is invalid")));
    // Trees of before had the site of the bundle alone.
    let site = site.transpose()?.or_else(|| manifest.site().cloned());
    Ok(State { id: id.to_owned(), manifest, previous, site })
}

/// Returns the state before another one; `None` when it has none, or others damaged it.
pub(super) fn previous(disk: &Disk, state: &State) -> Option<State> {
    state.previous.as_ref().and_then(|id| read(disk, id).ok())
}

/// Returns whether a state can be called that.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns where a file lies in the tree, whichever states list it: packages under their names, all else by its digest.
pub(super) fn stored_at(repository: &Name, file: &ListedFile) -> Utf8PathBuf {
    if is_package(file) {
        Utf8Path::new(repository.as_str()).join(file.path.as_str())
    } else {
        Utf8Path::new(INDICES).join(file.sha256.to_string())
    }
}

/// Returns whether a file belongs into the pool.
pub(super) fn is_package(file: &ListedFile) -> bool {
    file.path.as_str().starts_with("pool/")
}
