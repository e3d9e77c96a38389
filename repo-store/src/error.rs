use std::fmt;

use apt_index::RelPath;
use camino::Utf8PathBuf;
use deb_parse::{Architecture, Component, SuiteName};

use crate::beneath::{PathFault, Refusal};
use crate::hold::Hold;
use crate::{RecordKey, RepositoryName, TagName};

/// What can go wrong in the store.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something.
    #[error("cannot {verb} {path}")]
    Io {
        /// What was tried: `read`, `create`, `link`…
        verb: &'static str,
        /// On which file or directory.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something below a directory in which others may write is not what the store made there.
    #[error("{path} {fault}")]
    UnsafePath {
        /// The directory or file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        fault: PathFault,
    },
    /// There is no store at that place.
    #[error("{path} is not the root of a store")]
    NoStore {
        /// The place.
        path: Utf8PathBuf,
    },
    /// There is a store already.
    #[error("{path} is the root of a store already")]
    StoreExists {
        /// The place.
        path: Utf8PathBuf,
    },
    /// The store was written by a newer version.
    #[error("the store has format {found}, which {reader} reads; this version reads formats up to {known}")]
    NewerFormat {
        /// The format found.
        found: u32,
        /// The newest format known.
        known: u32,
        /// The first version that reads it, as the store says, or `a newer version`.
        reader: String,
    },
    /// A store of an older format, which is read and not written.
    #[error("the store has format {found}; changes need format {needed}")]
    OlderFormat {
        /// The format found.
        found: u32,
        /// The format that is written.
        needed: u32,
    },
    /// A backup that would lie in the store.
    #[error("{path} is in the store in {root}, which is to be backed up")]
    BackupInStore {
        /// Where the backup was to be.
        path: Utf8PathBuf,
        /// The root of the store.
        root: Utf8PathBuf,
    },
    /// A directory that holds the backup of another store.
    #[error("{path} is the backup of another store")]
    OtherBackup {
        /// The directory.
        path: Utf8PathBuf,
    },
    /// An upgrade that cannot be taken back.
    #[error("format {format} cannot be left: the store was changed after its upgrade, or never upgraded")]
    NoWayBack {
        /// The format of the store.
        format: u32,
    },
    /// Another process is writing to the store.
    #[error("another process is writing to the store in {path}")]
    InUse {
        /// The root of the store.
        path: Utf8PathBuf,
    },
    /// An object of the store is not what its name says, or cannot be read as what it should be.
    #[error("the store's {kind} {id} is damaged: {what}")]
    Damaged {
        /// Which kind of object.
        kind: &'static str,
        /// Its id or key.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// An object that another one refers to is not there.
    #[error("the store's {kind} {id} is missing")]
    Missing {
        /// Which kind of object.
        kind: &'static str,
        /// Its id or key.
        id: String,
    },
    /// A name that cannot be a repository's, or the name of no repository.
    #[error("`{name}` is not a repository here")]
    UnknownRepository {
        /// The name, control characters escaped.
        name: String,
    },
    /// The repository has no such suite.
    #[error("{repository} has no suite `{suite}`")]
    UnknownSuite {
        /// The repository.
        repository: RepositoryName,
        /// The suite asked for.
        suite: SuiteName,
    },
    /// No commit of the repository is meant by that.
    #[error("{repository} has no commit `{revision}`")]
    UnknownRevision {
        /// The repository.
        repository: RepositoryName,
        /// What was asked for, as written.
        revision: String,
    },
    /// A name that cannot be a tag's.
    #[error(
        "`{name}` cannot be the name of a tag: letters, digits, `.`, `_`, `-`, a letter first, no commit id"
    )]
    InvalidTag {
        /// The name, control characters escaped.
        name: String,
    },
    /// The tag stands for another state already.
    #[error("{repository} has a tag `{tag}` for another state")]
    TagExists {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: TagName,
    },
    /// The repository has no such tag.
    #[error("{repository} has no tag `{tag}`")]
    UnknownTag {
        /// The repository.
        repository: RepositoryName,
        /// The tag asked for.
        tag: TagName,
    },
    /// A file that is not an acceptable package.
    #[error("{file}")]
    Package {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// Which rule it breaks, and where.
        #[source]
        source: deb_parse::Error,
    },
    /// A package of which every part is sound, but that dpkg cannot unpack.
    #[error("{file}: {problem}")]
    NotUnpackable {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// The first entry that dpkg cannot unpack, and why.
        problem: deb_parse::deb::UnpackProblem,
    },
    /// Something that cannot be taken, whatever is in it: it is not a regular file, or changed while it was read.
    #[error("{file} {fault}")]
    NotAFile {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// What is wrong with it.
        fault: FileFault,
    },
    /// Two repositories between which nothing can be promoted.
    #[error("{from} and {to} have no suite in common")]
    NoCommonSuite {
        /// Where packages would come from.
        from: RepositoryName,
        /// Where they would go.
        to: RepositoryName,
    },
    /// A repository in which no suite can take a package.
    #[error("{key}: {repository} has no suite to put it into")]
    NoSuite {
        /// The package.
        key: RecordKey,
        /// The repository.
        repository: RepositoryName,
    },
    /// A package for a release that none of the suites is for which its routing rule lists.
    #[error("{key}: routing rule {rule} lists no suite for {marker}")]
    NoRoutedSuite {
        /// The package.
        key: RecordKey,
        /// The number of the rule.
        rule: usize,
        /// What in its version names the release.
        marker: String,
    },
    /// A package for a release that no suite of the repository is for, where [such are refused](crate::UnknownRelease::Refuse).
    #[error("{key}: {repository} has no suite for `{marker}`")]
    UnknownRelease {
        /// The package.
        key: RecordKey,
        /// The repository.
        repository: RepositoryName,
        /// What in its version names the release.
        marker: String,
    },
    /// A package for an architecture that the suite does not publish.
    #[error("{key}: {suite} does not publish the architecture {architecture}")]
    UnlistedArchitecture {
        /// The package.
        key: RecordKey,
        /// The suite.
        suite: SuiteName,
        /// The package's architecture.
        architecture: Architecture,
    },
    /// A package for a component that the suite does not have.
    #[error("{key}: {suite} has no component `{component}`")]
    UnlistedComponent {
        /// The package.
        key: RecordKey,
        /// The suite.
        suite: SuiteName,
        /// The component asked for.
        component: Component,
    },
    /// The same name, version and architecture with another content: clients could not tell them apart.
    #[error("{key} is in {repository} already{place}, with another content")]
    Conflict {
        /// The package.
        key: RecordKey,
        /// The repository.
        repository: RepositoryName,
        /// Where it stands, as words that continue the sentence.
        place: String,
    },
    /// A version that is to be held out of a repository and is in it.
    #[error("{key} is in {repository} ({suite})")]
    Present {
        /// The package.
        key: RecordKey,
        /// The repository.
        repository: RepositoryName,
        /// A suite that has it.
        suite: SuiteName,
    },
    /// A package that was taken out and is to stay out.
    #[error(
        "{key} is held out of {repository} since {} ({}: {})",
        .hold.cause.date.strftime("%Y-%m-%d %H:%M UTC"), .hold.cause.actor, .hold.cause.operation
    )]
    Held {
        /// The package.
        key: Box<RecordKey>,
        /// The repository.
        repository: RepositoryName,
        /// Since when, by whom, and which suites.
        hold: Box<Hold>,
    },
    /// Two source packages with different files of one name: in the pool there is room for one.
    #[error("{key} has another `{path}` than {other}, which is in {repository} already")]
    PathConflict {
        /// The package.
        key: Box<RecordKey>,
        /// The file's place in the published tree.
        path: RelPath,
        /// The package that has the place.
        other: Box<RecordKey>,
        /// The repository.
        repository: RepositoryName,
    },
    /// A file of an upload or a source package is not there, neither beside what lists it nor in the store.
    #[error("{file} lists {name}, which is not beside it")]
    Incomplete {
        /// The file that lists it, as given by the caller.
        file: Utf8PathBuf,
        /// Its name, control characters escaped.
        name: String,
    },
    /// A file is not what an upload or a source package says it is.
    #[error("{file} lists {name} with another {what}")]
    OtherThanListed {
        /// The file that lists it, as given by the caller.
        file: Utf8PathBuf,
        /// Its name, control characters escaped.
        name: String,
        /// What differs: `size`, `SHA-256`…
        what: &'static str,
    },
    /// Something in an upload that does not belong together.
    #[error("{file}: {what}")]
    Misfit {
        /// The file that puts it together, as given by the caller.
        file: Utf8PathBuf,
        /// What does not fit.
        what: String,
    },
    /// An upload that nobody signed who may upload.
    #[error("{file} is not signed by an uploader")]
    NotSigned {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// What is wrong with the signature.
        #[source]
        source: apt_sign::Error,
    },
    /// The very file is in the suite, in another component than the one asked for.
    #[error(
        "{key} is in {repository} already ({suite}), in the component `{component}` and not in `{asked}`"
    )]
    OtherComponent {
        /// The package.
        key: Box<RecordKey>,
        /// The repository.
        repository: RepositoryName,
        /// The suite.
        suite: SuiteName,
        /// The component it is in.
        component: Component,
        /// The component asked for.
        asked: Component,
    },
    /// Others changed the repository again and again while this change was being made.
    #[error("{repository} changed {times} times while this change was being committed")]
    Contended {
        /// The repository.
        repository: RepositoryName,
        /// How often the change was tried.
        times: u32,
    },
    /// The repository changed after a plan for it was made.
    #[error("{repository} has changed since this was planned")]
    Outdated {
        /// The repository.
        repository: RepositoryName,
    },
    /// An index could not be rendered.
    #[error("cannot render the indices of {suite}")]
    Index {
        /// The suite.
        suite: SuiteName,
        /// Why.
        #[source]
        source: apt_index::Error,
    },
    /// A stanza could not be made of a package.
    #[error("{file} cannot be listed in an index")]
    Stanza {
        /// The file as given by the caller.
        file: Utf8PathBuf,
        /// Why.
        #[source]
        source: apt_index::Error,
    },
    /// A suite that clients know would say something of itself that they refuse when it changes.
    #[error("{suite} would change its {field} from `{old}` to `{new}`: clients refuse that")]
    ReleaseInfoChange {
        /// The suite.
        suite: SuiteName,
        /// Which field, or the default priority that two of them make.
        field: &'static str,
        /// What clients know.
        old: String,
        /// What they would be told.
        new: String,
    },
    /// What clients read would no longer be published.
    #[error("{} would no longer be published: clients would find nothing there (404)", .names.join(", "))]
    Removal {
        /// The suites and aliases, and `./` for the flat form.
        names: Vec<String>,
    },
    /// None of the keys that sign signed what clients see: they would refuse it.
    #[error("no key that signed {repository} so far would sign it: clients would refuse it{}", list(" (signed so far by ", .keys))]
    KeyChange {
        /// The repository.
        repository: RepositoryName,
        /// The fingerprints of the keys that signed it, where they are known.
        keys: Vec<String>,
    },
    /// The certificates of the signing keys could not be written.
    #[error("cannot write the public keys")]
    PublicKeys {
        /// Why.
        #[source]
        source: apt_sign::Error,
    },
    /// The metadata could not be signed.
    #[error("cannot sign the Release file of {suite}")]
    Sign {
        /// The suite.
        suite: SuiteName,
        /// Why.
        #[source]
        source: apt_sign::Error,
    },
}

/// Names in parentheses, if there are any.
fn list(start: &str, names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("{start}{})", names.join(", ")) }
}

impl Error {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    ///
    /// ```
    /// let error = repo_store::Error::NoStore { path: "/srv".into() };
    /// assert_eq!(error.code(), "E-NO-STORE");
    /// ```
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "E-IO",
            Self::UnsafePath { .. } => "E-UNSAFE-PATH",
            Self::NoStore { .. } => "E-NO-STORE",
            Self::StoreExists { .. } => "E-STORE-EXISTS",
            Self::NewerFormat { .. } => "E-NEWER-FORMAT",
            Self::OlderFormat { .. } => "E-OLDER-FORMAT",
            Self::NoWayBack { .. } => "E-NO-WAY-BACK",
            Self::InUse { .. } => "E-IN-USE",
            Self::BackupInStore { .. } => "E-BACKUP-IN-STORE",
            Self::OtherBackup { .. } => "E-OTHER-BACKUP",
            Self::Damaged { .. } => "E-DAMAGED",
            Self::Missing { .. } => "E-MISSING",
            Self::UnknownRepository { .. } => "E-UNKNOWN-REPOSITORY",
            Self::UnknownSuite { .. } => "E-UNKNOWN-SUITE",
            Self::UnknownRevision { .. } => "E-UNKNOWN-REVISION",
            Self::InvalidTag { .. } => "E-INVALID-TAG",
            Self::TagExists { .. } => "E-TAG-EXISTS",
            Self::UnknownTag { .. } => "E-UNKNOWN-TAG",
            Self::Package { .. } => "E-INVALID-PACKAGE",
            Self::NotAFile { .. } => "E-NOT-A-FILE",
            Self::NotUnpackable { .. } => "E-NOT-UNPACKABLE",
            Self::NoCommonSuite { .. } => "E-NO-COMMON-SUITE",
            Self::NoSuite { .. } => "E-NO-SUITE",
            Self::NoRoutedSuite { .. } => "E-NO-ROUTED-SUITE",
            Self::UnknownRelease { .. } => "E-UNKNOWN-RELEASE",
            Self::UnlistedArchitecture { .. } => "E-UNLISTED-ARCHITECTURE",
            Self::UnlistedComponent { .. } => "E-UNLISTED-COMPONENT",
            Self::Conflict { .. } => "E-CONFLICT",
            Self::Held { .. } => "E-HELD",
            Self::Present { .. } => "E-PRESENT",
            Self::PathConflict { .. } => "E-PATH-CONFLICT",
            Self::Incomplete { .. } => "E-INCOMPLETE-UPLOAD",
            Self::OtherThanListed { .. } => "E-CHECKSUM-MISMATCH",
            Self::Misfit { .. } => "E-INCONSISTENT-UPLOAD",
            Self::NotSigned { .. } => "E-NOT-SIGNED",
            Self::OtherComponent { .. } => "E-OTHER-COMPONENT",
            Self::Contended { .. } => "E-CONTENDED",
            Self::Outdated { .. } => "E-OUTDATED",
            Self::Index { .. } => "E-INDEX",
            Self::Stanza { .. } => "E-STANZA",
            Self::ReleaseInfoChange { .. } => "E-RELEASE-INFO-CHANGE",
            Self::Removal { .. } => "E-REMOVAL",
            Self::PublicKeys { .. } => "E-PUBLIC-KEYS",
            Self::Sign { .. } => "E-SIGN",
            Self::KeyChange { .. } => "E-KEY-CHANGE",
        }
    }

    /// For `map_err` on anything that touches a path.
    pub(crate) fn io(
        verb: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| match Refusal::of(&source) {
            Some(Refusal { path, fault }) => Self::UnsafePath { path: path.clone(), fault: *fault },
            None => Self::Io { verb, path, source },
        }
    }

    pub(crate) fn damaged(kind: &'static str, id: &impl ToString, what: impl Into<String>) -> Self {
        Self::Damaged { kind, id: id.to_string(), what: what.into() }
    }
}

/// Why a file cannot be taken, whatever is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFault {
    /// It is a symbolic link, in a folder that others can write to.
    SymbolicLink,
    /// It is a directory, a pipe, a device.
    NotRegular,
    /// It was written to while it was read.
    Changed,
    /// It has more names than one, in a folder that others can write to: it may be somebody else's file.
    HardLinks,
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SymbolicLink => "is a symbolic link",
            Self::NotRegular => "is not a regular file",
            Self::Changed => "changed while it was read",
            Self::HardLinks => "has another hard link, which may be a file of somebody else",
        })
    }
}
