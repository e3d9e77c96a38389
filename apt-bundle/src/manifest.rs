//! What a bundle leads to, and which files it carries.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use apt_index::RelPath;
use deb_parse::checksum::Sha256;
use jiff::Timestamp;
use sha2::Digest as _;

use crate::name::Name;
use crate::publication_time::PublicationTime;

/// The most bytes of a manifest with its signature: some 200,000 files.
pub const MAX_MANIFEST: usize = 32 << 20;

/// The most repositories in a bundle.
const MAX_REPOSITORIES: usize = 64;

/// The files of a repository that lie beside `dists` and `pool`: its public keys.
const KEYS: [&str; 2] = ["key.asc", "key.gpg"];

/// The rule of the format that a manifest breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid manifest of a bundle: {}{rule}", line.map_or(String::new(), |line| format!("line {line}: ")))]
#[non_exhaustive]
pub struct ManifestError {
    /// The line of the text, from 1; `None` when the values break a rule together.
    pub line: Option<usize>,
    /// The rule.
    pub rule: &'static str,
}

impl ManifestError {
    pub(crate) fn of(rule: &'static str) -> Self {
        Self { line: None, rule }
    }

    fn at(mut self, line: usize) -> Self {
        self.line.get_or_insert(line);
        self
    }
}

/// What a bundle leads to: for each repository a publication with all of its files. Its rules have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    site: Option<Name>,
    made: Timestamp,
    repositories: Vec<RepositoryState>,
}

/// A publication of a repository, as far as a bundle has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryState {
    /// The repository.
    pub name: Name,
    /// The number of the commit in the history of the repository. It rises with each change.
    pub commit: u64,
    /// The publication.
    pub publication: PublicationTime,
    /// The publication that the receiver must have; `None` when the bundle carries everything. It may be [`publication`](Self::publication), unless
    /// all repositories stay where they are.
    pub since: Option<PublicationTime>,
    /// Other names of suites, ordered by path.
    pub links: Vec<LinkedName>,
    /// All files of the publication, ordered by path.
    pub files: Vec<ListedFile>,
}

/// Another name of a directory below `dists`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkedName {
    /// Its path, such as `dists/stable`.
    pub path: RelPath,
    /// The name of the directory beside it that it stands for, such as `bookworm`.
    pub target: String,
}

/// A file of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Its path below the root of the repository: in `dists` or `pool`, or `key.asc` or `key.gpg`.
    pub path: RelPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// Whether the bundle carries it; otherwise the receiver has it.
    pub carried: bool,
}

impl ListedFile {
    /// Lists a file with that content.
    ///
    /// # Errors
    /// [`apt_index::Error::Path`] when no file can have the path.
    pub fn of_bytes(path: &str, bytes: &[u8], carried: bool) -> Result<Self, apt_index::Error> {
        let sha256 = Sha256::from_bytes(sha2::Sha256::digest(bytes).into());
        Ok(Self { path: RelPath::parse(path)?, size: bytes.len() as u64, sha256, carried })
    }
}

/// A file as a bundle carries it: each content once, however many paths have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The repository that has it first.
    pub repository: &'a Name,
    /// The first path that has it.
    pub path: &'a RelPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
}

impl Member<'_> {
    /// Returns its name in the archive.
    #[must_use]
    pub fn name(&self) -> String {
        format!("sha256/{}", self.sha256)
    }
}

impl Manifest {
    /// Puts a manifest together. Repositories, files and links are brought into order.
    ///
    /// # Errors
    /// [`ManifestError`] when the values break a rule of the format, such as two files with one path.
    pub fn new(
        site: Option<Name>,
        made: Timestamp,
        mut repositories: Vec<RepositoryState>,
    ) -> Result<Self, ManifestError> {
        repositories.sort_by(|a, b| a.name.cmp(&b.name));
        for repository in &mut repositories {
            repository.links.sort();
            repository.files.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));
        }
        // The text has whole seconds.
        let made = Timestamp::from_second(made.as_second()).unwrap_or(made);
        let manifest = Self { site, made, repositories };
        manifest.check()?;
        Ok(manifest)
    }

    /// Returns the site that the bundle is for; `None` for any.
    #[must_use]
    pub fn site(&self) -> Option<&Name> {
        self.site.as_ref()
    }

    /// Returns when the bundle was made, by the clock of its maker.
    #[must_use]
    pub fn made(&self) -> Timestamp {
        self.made
    }

    /// Returns the repositories, ordered by name; at least one.
    #[must_use]
    pub fn repositories(&self) -> &[RepositoryState] {
        &self.repositories
    }

    /// Returns a repository by its name.
    #[must_use]
    pub fn repository(&self, name: &Name) -> Option<&RepositoryState> {
        self.repositories.iter().find(|repository| repository.name == *name)
    }

    /// Returns the files that the bundle carries, in the order in which it does: by repository and path, so the signed indices come before
    /// the packages, and each content once.
    #[must_use]
    pub fn members(&self) -> Vec<Member<'_>> {
        let mut seen = BTreeSet::new();
        let files = self.files().filter(|(_, file)| file.carried);
        files
            .filter(|(_, file)| seen.insert(*file.sha256.as_bytes()))
            .map(|(repository, file)| Member {
                repository: &repository.name,
                path: &file.path,
                size: file.size,
                sha256: file.sha256,
            })
            .collect()
    }

    /// Returns how many bytes the files have that the bundle carries.
    #[must_use]
    pub fn carried_bytes(&self) -> u64 {
        self.members().iter().fold(0, |sum, member| sum.saturating_add(member.size))
    }

    /// Returns all files, each with its repository, in order.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&RepositoryState, &ListedFile)> {
        self.repositories
            .iter()
            .flat_map(|repository| repository.files.iter().map(move |file| (repository, file)))
    }

    fn check(&self) -> Result<(), ManifestError> {
        let broken = |rule| Err(ManifestError::of(rule));
        if self.repositories.is_empty() || self.repositories.len() > MAX_REPOSITORIES {
            return broken("a bundle has 1 to 64 repositories");
        }
        if self.repositories.windows(2).any(|pair| matches!(pair, [a, b] if a.name >= b.name)) {
            return broken("repositories are ordered by name, and each is named once");
        }
        if self.repositories.iter().all(|repository| repository.since == Some(repository.publication)) {
            return broken("a bundle does not lead to the publication that it begins with");
        }
        let mut contents = BTreeMap::new();
        let mut sum = 0_u64;
        for (repository, file) in self.files() {
            let known = contents.entry(*file.sha256.as_bytes()).or_insert((file.size, file.carried));
            if *known != (file.size, file.carried) {
                return broken("files with one digest have one size, and are all carried or all not");
            }
            if repository.since.is_none() && !file.carried {
                return broken("a bundle that needs nothing carries every file");
            }
            sum = sum.checked_add(file.size).ok_or(ManifestError::of("the sizes of its files overflow"))?;
        }
        self.repositories.iter().try_for_each(RepositoryState::check)
    }
}

impl RepositoryState {
    fn check(&self) -> Result<(), ManifestError> {
        let broken = |rule| Err(ManifestError::of(rule));
        let ordered = |pair: &[ListedFile]| matches!(pair, [a, b] if a.path.as_str() < b.path.as_str());
        if !self.files.windows(2).all(ordered) {
            return broken("files are ordered by path, and each is listed once");
        }
        if !self.links.windows(2).all(|pair| matches!(pair, [a, b] if a.path < b.path)) {
            return broken("links are ordered by path, and each is listed once");
        }
        let files: BTreeSet<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
        let directories: BTreeSet<&str> = files.iter().flat_map(|path| ancestors(path)).collect();
        for file in &self.files {
            check_path(&file.path)?;
            if directories.contains(file.path.as_str()) {
                return broken("a path is that of a file and of a directory");
            }
        }
        for link in &self.links {
            check_path(&link.path)?;
            let path = link.path.as_str();
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            if !parent.starts_with("dists") || link.target.contains('/') {
                return broken("a link lies below `dists` and leads to a directory beside it");
            }
            if !directories.contains(format!("{parent}/{}", link.target).as_str()) {
                return broken("a link leads to a directory that has files");
            }
            let in_a_link =
                ancestors(path).any(|above| self.links.iter().any(|link| link.path.as_str() == above));
            if files.contains(path) || directories.contains(path) || in_a_link {
                return broken("the path of a link is that of something else");
            }
            if ancestors(path).any(|above| files.contains(above)) {
                return broken("a path is that of a file and of a directory");
            }
        }
        Ok(())
    }
}

/// Returns the directories above a path, the nearest first.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(path.rsplit_once('/').map(|(above, _)| above), |path| {
        path.rsplit_once('/').map(|(above, _)| above)
    })
}

fn check_path(path: &RelPath) -> Result<(), ManifestError> {
    path.check_names().map_err(|_| ManifestError::of("a name in a path is longer than 255 bytes"))?;
    let path = path.as_str();
    if path.split('/').any(|element| element.starts_with('.') || element == "by-hash") {
        return Err(ManifestError::of("a path has an element that is `by-hash` or begins with `.`"));
    }
    match path.split_once('/') {
        Some(("dists" | "pool", _)) => Ok(()),
        None if KEYS.contains(&path) => Ok(()),
        _ => Err(ManifestError::of("files lie below `dists` or `pool`, or are `key.asc` or `key.gpg`")),
    }
}
