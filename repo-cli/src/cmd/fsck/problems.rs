//! The documents of `fsck`: what is wrong with a store, and how it is put right.

use deb_parse::{PackageName, SuiteName, Version};
use repo_store::RepositoryName;
use repo_store::maintenance::fsck::{Affected, FailedSource, Problem, RepairMeans, RepairStep, Withdrawn};
use repo_store::model::record::Build;
use repo_store::model::{PublicationId, TagName};
use serde::Serialize;

use crate::json_value::{JsonDocument, Text};

/// The document of `fsck` and `fsck --repair`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckedStoreJson<'a> {
    /// How many package files were read
    pub(super) blobs: u64,
    /// How many bytes were read
    pub(super) bytes: u64,
    /// Whether the store is free of problems
    pub(super) clean: bool,
    /// What is worth a word and is not a problem
    pub(super) notes: &'a [String],
    /// How many objects were read
    pub(super) objects: u64,
    /// The problems that there are now
    pub(super) problems: Vec<ProblemJson<'a>>,
    /// How many published files were read
    pub(super) published: u64,
    /// The problems that were put right
    pub(super) repaired: Vec<ProblemJson<'a>>,
    /// The places that true copies could not be taken from
    pub(super) unhelpful: Vec<UnhelpfulJson<'a>>,
    /// The publications that were withdrawn, as a part of them is lost
    pub(super) withdrawn: Vec<WithdrawnJson<'a>>,
}

impl JsonDocument for CheckedStoreJson<'_> {}

/// The document of `fsck --repair --dry-run`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RepairPlanJson<'a> {
    /// Whether nothing was changed: true
    pub(super) dry_run: bool,
    /// The problems that would stay
    pub(super) left: Vec<ProblemJson<'a>>,
    /// The problems that would be put right
    pub(super) steps: Vec<RepairStepJson<'a>>,
}

impl JsonDocument for RepairPlanJson<'_> {
    const IS_SORTED: bool = true;
}

/// Something that is not as it should be.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ProblemJson<'a> {
    /// What cannot be relied on because of it; empty when nothing refers to it
    affects: Vec<AffectedJson<'a>>,
    /// The sort of problem, such as `missing` or `damaged`
    kind: &'static str,
    /// The path below the root of the store
    path: &'a str,
    /// What is wrong, in words
    what: &'a str,
}

/// A part of a repository that a problem makes unreliable.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AffectedJson<'a> {
    /// What the package file is built for; null like the package
    architecture: Option<Text<&'a Build>>,
    /// Whether the present state or a publication that clients can read is affected, and not only older history
    current: bool,
    /// The package; null for all of the suite
    package: Option<Text<&'a PackageName>>,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// The suite; null for all of the repository
    suite: Option<Text<&'a SuiteName>>,
    /// The version of the package; null like the package
    version: Option<Text<&'a Version>>,
}

/// A problem, and how it is put right.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RepairStepJson<'a> {
    #[serde(flatten)]
    #[cfg_attr(test, schemars(with = "RepairMeansJson"))]
    means: &'a RepairMeans,
    /// The problem
    problem: ProblemJson<'a>,
}

/// How a problem is put right, as the library serializes it.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "it is there for its schema")]
struct RepairMeansJson {
    /// With `copy`, the file or place that has a true copy
    #[schemars(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// `copy`, `make-again`, `link`, `move-aside`, `point-at`, `set-mode`, `set-time`, `publish` or `withdraw`
    means: String,
    /// With `withdraw`, the publication
    #[schemars(skip_serializing_if = "Option::is_none")]
    publication: Option<Text<PublicationId>>,
    /// With `point-at`, the number of the state that a reference is to lead to
    #[schemars(skip_serializing_if = "Option::is_none")]
    state: Option<u64>,
}

/// A place that a true copy could not be taken from.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UnhelpfulJson<'a> {
    /// The place
    place: &'a str,
    /// What is wrong with it
    what: &'a str,
}

/// A publication that clients no longer find.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WithdrawnJson<'a> {
    /// The publication
    publication: Text<&'a PublicationId>,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// The tags that led to it
    tags: Vec<WithdrawnTagJson<'a>>,
}

/// A tag that led to a withdrawn publication.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WithdrawnTagJson<'a> {
    /// The publication that the tag leads to now; null when no other shows the tagged state
    publication: Option<Text<&'a PublicationId>>,
    /// The tag
    tag: Text<&'a TagName>,
}

impl<'a> ProblemJson<'a> {
    pub(crate) fn new(problem: &'a Problem) -> Self {
        Self {
            affects: problem.affects.iter().map(AffectedJson::new).collect(),
            kind: problem.kind.name(),
            path: problem.path.as_str(),
            what: &problem.what,
        }
    }
}

impl<'a> AffectedJson<'a> {
    fn new(Affected { repository, suite, package, current, .. }: &'a Affected) -> Self {
        Self {
            architecture: package.as_ref().map(|key| Text(&key.architecture)),
            current: *current,
            package: package.as_ref().map(|key| Text(&key.package)),
            repository: Text(repository),
            suite: suite.as_ref().map(Text),
            version: package.as_ref().map(|key| Text(&key.version)),
        }
    }
}

impl<'a> RepairStepJson<'a> {
    pub(super) fn new(RepairStep { problem, means, .. }: &'a RepairStep) -> Self {
        Self { means, problem: ProblemJson::new(problem) }
    }
}

impl<'a> UnhelpfulJson<'a> {
    pub(super) fn new(FailedSource { place, what, .. }: &'a FailedSource) -> Self {
        Self { place, what }
    }
}

impl<'a> WithdrawnJson<'a> {
    pub(super) fn new(Withdrawn { repository, publication, tags, .. }: &'a Withdrawn) -> Self {
        let tags = tags.iter();
        let tags = tags.map(|(tag, leads_to)| WithdrawnTagJson {
            publication: leads_to.as_ref().map(Text),
            tag: Text(tag),
        });
        Self { publication: Text(publication), repository: Text(repository), tags: tags.collect() }
    }
}
