//! Places that are reached by other means than the file system: each is asked for one file at a time, by path.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Blake3;

use super::graph::Wanted;
use crate::error::Error;
use crate::model::id::BlobId;
use crate::model::name::RepositoryName;
use crate::model::objects;
use crate::publish::layout::KEYS;
use crate::publish::{FLAT, File};
use crate::storage::beneath::At;
use crate::storage::copy::{Copied, Digest, copy_from};
use crate::storage::files::mode;
use crate::storage::{Key, sealed};
use crate::store::Store;

/// A place with files that may be true copies, such as a web server.
///
/// It may show a whole root or a backup, known by its `store/format`, or what clients see: the tree of one repository
/// or of several, each under its name.
///
/// ```
/// struct InMemory(std::collections::BTreeMap<String, Vec<u8>>);
///
/// impl repo_store::maintenance::fsck::RepairSource for InMemory {
///     fn name(&self) -> &str {
///         "memory"
///     }
///     fn fetch(
///         &self,
///         path: &str,
///         _limit: u64,
///     ) -> Result<Option<Box<dyn std::io::Read + '_>>, repo_store::maintenance::fsck::FetchError> {
///         Ok(self.0.get(path).map(|bytes| Box::new(&**bytes) as _))
///     }
/// }
/// ```
pub trait RepairSource {
    /// How messages call it: without a password.
    fn name(&self) -> &str;

    /// The file at a path: relative, `/` between names, nothing encoded. `None` when there is none. No more than `limit`
    /// bytes are wanted of it: what is longer need not be sent.
    ///
    /// # Errors
    /// When it cannot be found out what is there.
    fn fetch(&self, path: &str, limit: u64) -> Result<Option<Box<dyn Read + '_>>, FetchError>;
}

/// Why a file cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// The reason, in words that follow the name of the place and a colon.
    pub what: String,
    /// Nothing else can be had there either: it is not asked again.
    pub is_final: bool,
}

/// A place that gave no answer, or not the one that was hoped for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct FailedSource {
    /// The name of the place.
    pub place: String,
    /// The first thing that went wrong.
    pub what: String,
}

/// What an object's file may have. The largest are of a few MB.
const LARGEST_OBJECT: u64 = 64 << 20;
/// How many failures in a row are borne before a place is given up: files that were refused, or not sent to their end.
const PATIENCE: u32 = 5;

/// What a place turned out to show.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Root,
    Tree,
}

/// A place, and what was learnt of it.
pub(super) struct Remote<'a> {
    copies: &'a dyn RepairSource,
    kind: Option<Kind>,
    /// What went wrong since a file was had from there: of interest only if one is not.
    suspected: Option<String>,
    first_failure: Option<String>,
    failures_in_a_row: u32,
    given_up: bool,
}

impl<'a> Remote<'a> {
    pub(super) fn new(copies: &'a dyn RepairSource) -> Self {
        Self {
            copies,
            kind: None,
            suspected: None,
            first_failure: None,
            failures_in_a_row: 0,
            given_up: false,
        }
    }

    pub(super) fn name(&self) -> String {
        self.copies.name().to_owned()
    }

    pub(super) fn unhelpful(&self) -> Option<FailedSource> {
        let what = self.first_failure.clone()?;
        Some(FailedSource { place: self.name(), what })
    }

    /// A new file in the store with the content of a blob.
    pub(super) fn blob(
        &mut self,
        store: &Store,
        id: BlobId,
        wanted: &Wanted,
    ) -> Result<Option<Utf8PathBuf>, Error> {
        let Some(kind) = self.kind() else { return Ok(None) };
        let mut paths = Vec::new();
        if kind == Kind::Root {
            paths.push(format!("store/{}", Store::blob_key(id)));
        }
        let names = wanted.names.iter();
        paths.extend(names.flat_map(|(repository, path)| published_at(kind, repository, path.as_str())));
        self.copy(store, &paths, wanted.size, Digest::Blake3(id.0))
    }

    /// A new file in the store with the content of a published one. `names` are where clients find it.
    pub(super) fn published(
        &mut self,
        store: &Store,
        repository: &RepositoryName,
        names: &[String],
        file: File,
    ) -> Result<Option<Utf8PathBuf>, Error> {
        let Some(kind) = self.kind() else { return Ok(None) };
        let paths: Vec<String> = names.iter().flat_map(|name| published_at(kind, repository, name)).collect();
        self.copy(store, &paths, file.size, Digest::Sha256(file.sha256))
    }

    /// The text of an object.
    pub(super) fn object(&mut self, id: Blake3) -> Option<Vec<u8>> {
        if self.kind()? != Kind::Root {
            // It may be one that would not say so.
            self.report();
            return None;
        }
        let path = format!("store/{}", Key::object(objects::AREA, &id));
        let Some(bytes) = self.read(&path, LARGEST_OBJECT) else {
            self.report();
            return None;
        };
        let text = sealed::decompress(&bytes).ok()?;
        (blake3::hash(&text).as_bytes() == id.as_bytes()).then_some(text)
    }

    /// `None` when it cannot be known, as the place is of no use.
    fn kind(&mut self) -> Option<Kind> {
        if self.kind.is_none() {
            let format = self.read("store/format", 64);
            // The number does not matter: what is taken has the right hash.
            let is_root = format.is_some_and(|text| {
                text.split_last().is_some_and(|(end, number)| {
                    *end == b'\n' && !number.is_empty() && number.iter().all(u8::is_ascii_digit)
                })
            });
            if !self.given_up {
                self.kind = Some(if is_root { Kind::Root } else { Kind::Tree });
            }
        }
        self.kind.filter(|_| !self.given_up)
    }

    /// The first of the files that has that digest, written to a new file in the store.
    fn copy(
        &mut self,
        store: &Store,
        paths: &[String],
        limit: u64,
        digest: Digest,
    ) -> Result<Option<Utf8PathBuf>, Error> {
        for path in paths {
            let Some(input) = self.fetch(path, limit) else { continue };
            let temporary = store.storage().temporary()?;
            match copy_from(&mut input.take(limit), limit, &At::from(&temporary), digest, mode::IMMUTABLE)? {
                Copied::Whole(_) => {
                    self.succeeded();
                    return Ok(Some(temporary));
                }
                Copied::Different => self.failures_in_a_row = 0,
                Copied::Unread(error) => self.broke_off(path, &error),
            }
        }
        self.report();
        Ok(None)
    }

    fn read(&mut self, path: &str, limit: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.fetch(path, limit)?.take(limit).read_to_end(&mut bytes) {
            Ok(_) => {
                self.succeeded();
                Some(bytes)
            }
            Err(error) => {
                self.broke_off(path, &error);
                None
            }
        }
    }

    fn fetch(&mut self, path: &str, limit: u64) -> Option<Box<dyn Read + 'a>> {
        if self.given_up {
            return None;
        }
        match self.copies.fetch(path, limit) {
            Ok(found) => found,
            Err(FetchError { what, is_final }) => {
                self.failed(what, is_final);
                None
            }
        }
    }

    fn succeeded(&mut self) {
        self.failures_in_a_row = 0;
        self.suspected = None;
    }

    fn failed(&mut self, what: String, is_final: bool) {
        self.suspected.get_or_insert(what);
        if is_final {
            self.give_up();
        }
    }

    /// A file that was begun and not sent to its end costs time, each of them.
    fn broke_off(&mut self, path: &str, error: &std::io::Error) {
        self.failed(format!("{path}: {error}"), false);
        self.count();
    }

    /// Something is not to be had there under any of its names: what went wrong may be why.
    fn report(&mut self) {
        if self.suspected.is_some() {
            self.count();
        }
        if let Some(what) = self.suspected.take() {
            self.first_failure.get_or_insert(what);
        }
    }

    fn count(&mut self) {
        self.failures_in_a_row += 1;
        if self.failures_in_a_row == PATIENCE {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.given_up = true;
        if let Some(what) = self.suspected.take() {
            self.first_failure.get_or_insert(what);
        }
    }
}

/// Where a file of a repository's public tree may be. A mirror may be of one repository, or of all.
fn published_at(kind: Kind, repository: &RepositoryName, path: &str) -> Vec<String> {
    match kind {
        Kind::Root => vec![format!("public/{repository}/{path}")],
        Kind::Tree => vec![format!("{repository}/{path}"), path.to_owned()],
    }
}

/// How many names of a published file are asked for: more are of older publications, which fewer mirrors have.
const NAMES: usize = 12;

/// Where a published file is in the trees of those who have it: a root has it at `path`, a mirror under one of the names
/// that clients know.
pub(super) fn names_for_clients(
    path: &Utf8Path,
    twins: &[Utf8PathBuf],
    by_hash: bool,
    file: &File,
) -> Vec<String> {
    let (mut hashed, mut plain, mut dated) = (Vec::new(), Vec::new(), Vec::new());
    for twin in twins {
        let mut parts = twin.iter();
        let (Some(_), Some(id), Some(kind)) = (parts.next(), parts.next(), parts.next()) else { continue };
        // Links at the root lead to the public keys.
        if kind == KEYS {
            plain.push(parts.as_path().to_owned());
        }
        if kind != "dists" {
            continue;
        }
        let inner = parts.as_path();
        let shown = match inner.strip_prefix(FLAT) {
            Ok(in_root) => in_root.to_owned(),
            Err(_) => Utf8Path::new("dists").join(inner),
        };
        if by_hash {
            let directory = shown.parent().unwrap_or(Utf8Path::new(""));
            hashed.push(directory.join("by-hash/SHA256").join(file.sha256.to_string()));
        }
        dated.push(Utf8Path::new("snapshot").join(id).join(&shown));
        plain.push(shown);
    }
    let mut names = vec![path.to_string()];
    for name in hashed.into_iter().chain(plain).chain(dated.into_iter().rev()) {
        if names.len() < NAMES && !names.contains(&name.to_string()) {
            names.push(name.into_string());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str, twins: &[&str], by_hash: bool) -> Vec<String> {
        let twins: Vec<Utf8PathBuf> = twins.iter().map(Utf8PathBuf::from).collect();
        let digest = "0123456789abcdef".repeat(4);
        let file = File { size: 1, sha256: digest.parse().unwrap() };
        let names = names_for_clients(path.into(), &twins, by_hash, &file);
        names.into_iter().map(|name| name.replace(&digest, "DIGEST")).collect()
    }

    #[test]
    fn an_index_is_looked_for_under_every_name_that_clients_know() {
        let twins = [
            ".by-hash/SHA256/DIGEST",
            ".publications/20260101T000000Z/dists/trixie/main/binary-amd64/Packages.xz",
            ".publications/20260102T000000Z/dists/trixie/main/binary-amd64/Packages.xz",
        ];
        insta::assert_debug_snapshot!(names(twins[0], &twins, true), @r#"
        [
            ".by-hash/SHA256/DIGEST",
            "dists/trixie/main/binary-amd64/by-hash/SHA256/DIGEST",
            "dists/trixie/main/binary-amd64/Packages.xz",
            "snapshot/20260102T000000Z/dists/trixie/main/binary-amd64/Packages.xz",
            "snapshot/20260101T000000Z/dists/trixie/main/binary-amd64/Packages.xz",
        ]
        "#);
        let flat = [".publications/20260101T000000Z/dists/.flat/Packages.xz"];
        insta::assert_debug_snapshot!(names(flat[0], &flat, true), @r#"
        [
            ".publications/20260101T000000Z/dists/.flat/Packages.xz",
            "by-hash/SHA256/DIGEST",
            "Packages.xz",
            "snapshot/20260101T000000Z/Packages.xz",
        ]
        "#);
    }

    #[test]
    fn a_public_key_is_looked_for_at_the_root() {
        let path = ".publications/20260101T000000Z/keys/key.asc";
        assert_eq!(names(path, &[path], true), [path, "key.asc"]);
    }

    #[test]
    fn a_signed_file_is_looked_for_where_it_is_shown_and_in_its_publication() {
        let twins = [".publications/20260101T000000Z/dists/trixie/InRelease"];
        insta::assert_debug_snapshot!(names(twins[0], &twins, false), @r#"
        [
            ".publications/20260101T000000Z/dists/trixie/InRelease",
            "dists/trixie/InRelease",
            "snapshot/20260101T000000Z/dists/trixie/InRelease",
        ]
        "#);
    }

    #[test]
    fn of_many_publications_the_newest_are_asked_for() {
        let twins: Vec<String> = (1..=28)
            .map(|day| format!(".publications/202602{day:02}T000000Z/dists/trixie/InRelease"))
            .collect();
        let twins: Vec<&str> = twins.iter().map(String::as_str).collect();
        let names = names(twins[0], &twins, false);
        assert_eq!(names.len(), NAMES);
        assert_eq!(names[1], "dists/trixie/InRelease");
        assert_eq!(names[2], "snapshot/20260228T000000Z/dists/trixie/InRelease");
    }
}
