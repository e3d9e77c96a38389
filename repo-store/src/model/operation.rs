//! What was done to a repository, as a value.

use std::fmt;

use deb_parse::SuiteName;

use crate::model::archive_origin::ArchiveOrigin;
use crate::model::commit::one_line;
use crate::model::name::{HolderName, RepositoryName, TagName};
use crate::model::publication_id::PublicationId;
use crate::model::reissue::Reissued;

/// What was done to a repository.
///
/// Commits and the operation log keep it in words, which [`Display`](fmt::Display) writes and [`parse`](Self::parse) reads back: each text
/// is read as the operation that would be written like that, and as [`Other`](Self::Other) when there is none.
///
/// ```
/// use repo_store::history::Operation;
///
/// let operation = Operation::parse("remove hello 2.10-3 amd64");
/// let Operation::Remove(packages) = &operation else { panic!("it is a removal") };
/// assert_eq!(packages.named(), ["hello 2.10-3 amd64"]);
/// assert_eq!(operation.to_string(), "remove hello 2.10-3 amd64");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// The repository came to be.
    Create,
    /// Packages were taken in.
    Add(PackageSummary),
    /// Packages were taken over from an archive that somebody else published, or another program.
    Import {
        /// The archive.
        from: ArchiveOrigin,
        /// The packages.
        packages: PackageSummary,
    },
    /// Packages came from another repository.
    Promote {
        /// The other repository.
        from: RepositoryName,
        /// The packages.
        packages: PackageSummary,
    },
    /// Suites were given the content that another repository had.
    Release {
        /// The other repository.
        from: RepositoryName,
        /// The packages that came with it.
        packages: PackageSummary,
    },
    /// Packages were taken out.
    Remove(PackageSummary),
    /// A removal was taken back.
    UndoRemoval(PackageSummary),
    /// Suites were given the content that they had in an earlier state.
    RollBack {
        /// The suites; empty for all.
        suites: Vec<SuiteName>,
        /// The number of that state.
        to: u64,
        /// The first digits of its id.
        commit: String,
        /// What came out again above the versions that the suites had, so that machines go back too.
        reissued: Vec<Reissued>,
    },
    /// Old versions came out again above bad ones.
    Reissue {
        /// Each of them.
        sources: Vec<Reissued>,
        /// Why, as the person who did it said.
        reason: Option<String>,
    },
    /// Versions go to another share of the machines than before.
    Phase {
        /// The packages.
        packages: PackageSummary,
        /// How many of a hundred machines take them from now on.
        percent: u8,
    },
    /// The last change was taken back.
    Undo {
        /// The number of the state that the change had made.
        number: u64,
        /// The first digits of its id.
        commit: String,
        /// What had been done, in words.
        what: String,
    },
    /// A retention policy took package files out.
    Retention {
        /// How many.
        files: usize,
    },
    /// Versions are kept out from now on.
    Hold {
        /// The versions.
        packages: PackageSummary,
        /// Why, as the person who holds them said.
        reason: Option<String>,
    },
    /// Versions are no longer kept out.
    Unhold(PackageSummary),
    /// Somebody approved versions. It makes no commit.
    Approve(PackageSummary),
    /// Somebody took approvals back. It makes no commit.
    WithdrawApproval(PackageSummary),
    /// A state was published. It makes no commit.
    Publish(PublicationId),
    /// A state was given a name. It makes no commit.
    Tag(TagName),
    /// A name was taken away. It makes no commit.
    DeleteTag(TagName),
    /// A machine or a job was given a token. It makes no commit.
    GiveToken(HolderName),
    /// A token was made worthless. It makes no commit.
    RevokeToken(HolderName),
    /// The holder of a token was given another name. It makes no commit.
    RenameToken {
        /// The name before.
        from: HolderName,
        /// The name after.
        to: HolderName,
    },
    /// Anything else, in words.
    Other(String),
}

/// The packages of an operation, as its words name them: all when they are few, or the first and how many more.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageSummary {
    named: Vec<String>,
    more: usize,
}

/// So many packages are named.
const NAMED: usize = 3;

impl PackageSummary {
    /// Summarizes packages.
    #[must_use]
    pub fn new(packages: impl IntoIterator<Item = impl fmt::Display>) -> Self {
        let mut packages = packages.into_iter();
        let mut named: Vec<String> =
            packages.by_ref().take(NAMED + 1).map(|package| package.to_string()).collect();
        if named.len() <= NAMED {
            return Self { named, more: 0 };
        }
        named.truncate(1);
        Self { named, more: NAMED + packages.count() }
    }

    /// Returns the packages that are named.
    #[must_use]
    pub fn named(&self) -> &[String] {
        &self.named
    }

    /// Returns how many packages there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.named.len().saturating_add(self.more)
    }

    fn parse(words: &str) -> Option<Self> {
        if let Some((first, count)) = words.split_once(" and ") {
            let more = count.strip_suffix(" more")?.parse().ok()?;
            return Some(Self { named: vec![first.to_owned()], more });
        }
        let named = words.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Some(Self { named, more: 0 })
    }
}

impl fmt::Display for PackageSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named.join(", "))?;
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}

impl Operation {
    /// Reads what a commit or a line of the operation log says.
    #[must_use]
    pub fn parse(words: &str) -> Self {
        let read = Self::read(words).filter(|operation| operation.to_string() == words);
        read.unwrap_or_else(|| Self::Other(one_line(words)))
    }

    fn read(words: &str) -> Option<Self> {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        Some(match verb {
            "create" => Self::Create,
            "add" => Self::Add(PackageSummary::parse(rest)?),
            "promote" | "release" => {
                let (from, packages) = rest.strip_prefix("from ")?.split_once(':')?;
                let packages = PackageSummary::parse(packages.strip_prefix(' ').unwrap_or(packages))?;
                let from = RepositoryName::parse(from).ok()?;
                if verb == "promote" {
                    Self::Promote { from, packages }
                } else {
                    Self::Release { from, packages }
                }
            }
            "import" => read_import(rest)?,
            "remove" => Self::Remove(PackageSummary::parse(rest)?),
            "bring" => {
                let packages = rest.strip_prefix("back")?;
                Self::UndoRemoval(PackageSummary::parse(packages.strip_prefix(' ').unwrap_or(packages))?)
            }
            "roll" => read_rollback(rest)?,
            "reissue" => {
                // A name or a version has no blank after a colon.
                let (sources, reason) = match rest.split_once(": ") {
                    Some((sources, reason)) => (sources, Some(reason.to_owned())),
                    None => (rest, None),
                };
                Self::Reissue { sources: parse_reissued(sources)?, reason }
            }
            "phase" => {
                let (packages, percent) = rest.rsplit_once(" to ")?;
                let percent = percent.strip_suffix(" %")?.parse().ok()?;
                Self::Phase { packages: PackageSummary::parse(packages)?, percent }
            }
            "undo" => {
                let (number, rest) = rest.split_once(" (")?;
                let (commit, what) = rest.split_once("): ")?;
                let (commit, what) = (commit.to_owned(), what.to_owned());
                Self::Undo { number: number.parse().ok()?, commit, what }
            }
            "retention:" => {
                let (files, _) = rest.strip_prefix("remove ")?.split_once(' ')?;
                Self::Retention { files: files.parse().ok()? }
            }
            "hold" => {
                // A name or a version has no blank after a colon.
                let (packages, reason) = match rest.split_once(": ") {
                    Some((packages, reason)) => (packages, Some(reason.to_owned())),
                    None => (rest, None),
                };
                Self::Hold { packages: PackageSummary::parse(packages)?, reason }
            }
            "unhold" => Self::Unhold(PackageSummary::parse(rest)?),
            "approve" => Self::Approve(PackageSummary::parse(rest)?),
            "withdraw" => {
                let packages = rest.strip_prefix("the approval of ")?;
                Self::WithdrawApproval(PackageSummary::parse(packages)?)
            }
            "publish" => Self::Publish(PublicationId::parse(rest)?),
            "tag" => Self::Tag(TagName::parse(rest).ok()?),
            "delete" => Self::DeleteTag(TagName::parse(rest.strip_prefix("tag ")?).ok()?),
            "give" => Self::GiveToken(HolderName::parse(rest.strip_suffix(" a token")?).ok()?),
            "revoke" => Self::RevokeToken(HolderName::parse(rest.strip_prefix("the token of ")?).ok()?),
            "rename" => {
                let (from, to) = rest.strip_prefix("the token of ")?.split_once(" to ")?;
                Self::RenameToken { from: HolderName::parse(from).ok()?, to: HolderName::parse(to).ok()? }
            }
            _ => return None,
        })
    }
}

impl Operation {
    /// Returns the old versions that came out again with it.
    #[must_use]
    pub fn reissued(&self) -> &[Reissued] {
        match self {
            Self::Reissue { sources, .. } | Self::RollBack { reissued: sources, .. } => sources,
            _ => &[],
        }
    }
}

/// Reads what is written of a rollback behind its first word.
fn read_rollback(rest: &str) -> Option<Operation> {
    let rest = rest.strip_prefix("back ")?;
    let (head, commit) = rest.split_once(" (")?;
    let (suites, to) = head.rsplit_once("to ")?;
    let suites = suites.trim_end().split(", ").filter(|name| !name.is_empty());
    let (commit, reissued) = commit.split_once(')')?;
    let reissued = match reissued {
        "" => Vec::new(),
        sources => parse_reissued(sources.strip_prefix(", reissue ")?)?,
    };
    Some(Operation::RollBack {
        suites: suites.map(SuiteName::parse).collect::<Result<_, _>>().ok()?,
        to: to.parse().ok()?,
        commit: commit.to_owned(),
        reissued,
    })
}

/// Reads what is written of an import behind its first word. An address is one word.
fn read_import(rest: &str) -> Option<Operation> {
    let rest = rest.strip_prefix("from ")?;
    let (from, packages) = rest.split_once(": ").or_else(|| Some((rest.strip_suffix(':')?, "")))?;
    Some(Operation::Import { from: ArchiveOrigin::parse(from)?, packages: PackageSummary::parse(packages)? })
}

/// Reads what [`in_a_row`] writes.
fn parse_reissued(words: &str) -> Option<Vec<Reissued>> {
    words.split(", ").map(Reissued::parse).collect()
}

fn in_a_row(reissued: &[Reissued]) -> String {
    reissued.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Writes a verb, and a blank and the packages if there are any.
fn with_packages(f: &mut fmt::Formatter<'_>, verb: &str, packages: &PackageSummary) -> fmt::Result {
    f.write_str(verb)?;
    if packages.count() > 0 { write!(f, " {packages}") } else { Ok(()) }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create => f.write_str("create"),
            Self::Add(packages) => with_packages(f, "add", packages),
            Self::Import { from, packages } => with_packages(f, &format!("import from {from}:"), packages),
            Self::Promote { from, packages } => with_packages(f, &format!("promote from {from}:"), packages),
            Self::Release { from, packages } => with_packages(f, &format!("release from {from}:"), packages),
            Self::Remove(packages) => with_packages(f, "remove", packages),
            Self::UndoRemoval(packages) => with_packages(f, "bring back", packages),
            Self::RollBack { suites, to, commit, reissued } => {
                f.write_str("roll back ")?;
                if !suites.is_empty() {
                    let suites: Vec<&str> = suites.iter().map(SuiteName::as_str).collect();
                    write!(f, "{} ", suites.join(", "))?;
                }
                write!(f, "to {to} ({commit})")?;
                if reissued.is_empty() { Ok(()) } else { write!(f, ", reissue {}", in_a_row(reissued)) }
            }
            Self::Reissue { sources, reason } => {
                write!(f, "reissue {}", in_a_row(sources))?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
            Self::Phase { packages, percent } => {
                with_packages(f, "phase", packages)?;
                write!(f, " to {percent} %")
            }
            Self::Undo { number, commit, what } => write!(f, "undo {number} ({commit}): {what}"),
            Self::Retention { files } => {
                write!(f, "retention: remove {files} package file{}", if *files == 1 { "" } else { "s" })
            }
            Self::Hold { packages, reason } => {
                with_packages(f, "hold", packages)?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
            Self::Unhold(packages) => with_packages(f, "unhold", packages),
            Self::Approve(packages) => with_packages(f, "approve", packages),
            Self::WithdrawApproval(packages) => with_packages(f, "withdraw the approval of", packages),
            Self::Publish(id) => write!(f, "publish {id}"),
            Self::Tag(name) => write!(f, "tag {name}"),
            Self::DeleteTag(name) => write!(f, "delete tag {name}"),
            Self::GiveToken(holder) => write!(f, "give {holder} a token"),
            Self::RevokeToken(holder) => write!(f, "revoke the token of {holder}"),
            Self::RenameToken { from, to } => write!(f, "rename the token of {from} to {to}"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

crate::model::serialized::written!(PackageSummary);

#[cfg(test)]
mod tests {
    use deb_parse::{SourceName, Version};
    use proptest::prelude::*;

    use super::*;
    use crate::model::reissue::ReissueVersion;

    fn packages() -> impl Strategy<Value = PackageSummary> {
        prop::collection::vec(
            "[a-z][a-z0-9+.-]{1,8} ([0-9]{1,2}:)?[0-9][0-9.~+]{0,6}(-1)? (amd64|all|source)",
            1..7,
        )
        .prop_map(PackageSummary::new)
    }

    fn reissued() -> impl Strategy<Value = Reissued> {
        ("[a-z][a-z0-9+.-]{1,8}", "([0-9]{1,2}:)?[0-9][0-9.~+]{0,6}(-1)?", 1..1000_u32).prop_map(
            |(source, version, number)| Reissued {
                source: SourceName::parse(&source).unwrap(),
                good: Version::parse("1.0-1").unwrap(),
                version: ReissueVersion::new(&Version::parse(&version).unwrap(), number).unwrap(),
            },
        )
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let repository = || "[a-z][a-z0-9-]{0,8}".prop_map(|name| RepositoryName::parse(&name).unwrap());
        let suites =
            prop::collection::vec("[a-z]{3,8}".prop_map(|name| SuiteName::parse(&name).unwrap()), 0..3);
        let holder = || "[A-Za-z0-9][A-Za-z0-9._@-]{0,12}".prop_map(|name| HolderName::parse(&name).unwrap());
        // A name that no commit id starts with.
        let tag = || "[g-z][a-z0-9._-]{0,8}".prop_map(|name| TagName::parse(&name).unwrap());
        prop_oneof![
            Just(Operation::Create),
            packages().prop_map(Operation::Add),
            (repository(), packages()).prop_map(|(from, packages)| Operation::Promote { from, packages }),
            (repository(), packages()).prop_map(|(from, packages)| Operation::Release { from, packages }),
            ("[a-z]{3,5}://?[ -~]{1,20}", prop::option::of(0_i64..4_000_000_000), packages()).prop_map(
                |(address, seconds, packages)| {
                    let date = seconds.map(|seconds| jiff::Timestamp::from_second(seconds).unwrap());
                    Operation::Import { from: ArchiveOrigin::new(&address, date), packages }
                }
            ),
            packages().prop_map(Operation::Remove),
            packages().prop_map(Operation::UndoRemoval),
            (suites, any::<u64>(), "[0-9a-f]{12}", prop::collection::vec(reissued(), 0..3)).prop_map(
                |(suites, to, commit, reissued)| Operation::RollBack { suites, to, commit, reissued }
            ),
            (prop::collection::vec(reissued(), 1..3), prop::option::of("[a-z][a-z :,.]{0,20}[a-z]"))
                .prop_map(|(sources, reason)| Operation::Reissue { sources, reason }),
            (packages(), 0..=100_u8).prop_map(|(packages, percent)| Operation::Phase { packages, percent }),
            (any::<u64>(), "[0-9a-f]{12}", "[a-z][a-z0-9 :,.()]{0,20}[a-z]")
                .prop_map(|(number, commit, what)| Operation::Undo { number, commit, what }),
            any::<usize>().prop_map(|files| Operation::Retention { files }),
            (packages(), prop::option::of("[a-z][a-z :,.]{0,20}[a-z]"))
                .prop_map(|(packages, reason)| Operation::Hold { packages, reason }),
            packages().prop_map(Operation::Unhold),
            packages().prop_map(Operation::Approve),
            packages().prop_map(Operation::WithdrawApproval),
            (0_i64..4_000_000_000).prop_map(|seconds| {
                let time = jiff::Timestamp::from_second(seconds).unwrap();
                Operation::Publish(
                    PublicationId::parse(&time.strftime("%Y%m%dT%H%M%SZ").to_string()).unwrap(),
                )
            }),
            tag().prop_map(Operation::Tag),
            tag().prop_map(Operation::DeleteTag),
            holder().prop_map(Operation::GiveToken),
            holder().prop_map(Operation::RevokeToken),
            (holder(), holder()).prop_map(|(from, to)| Operation::RenameToken { from, to }),
        ]
    }

    proptest! {
        #[test]
        fn every_operation_is_read_back_from_its_words(operation in operation()) {
            prop_assert_eq!(Operation::parse(&operation.to_string()), operation);
        }

        #[test]
        fn words_stay_what_they_are(words in "(add|remove|promote from|release from|import from|roll back|reissue|undo|hold|tag|delete|give|revoke the token of|rename the token of|retention:)?[ -~]{0,60}") {
            let line = one_line(&words);
            prop_assert_eq!(Operation::parse(&line).to_string(), line);
        }
    }

    #[test]
    fn what_older_versions_wrote_is_read() {
        for (words, expected) in [
            ("add", Operation::Add(PackageSummary::default())),
            (
                "roll back bookworm, trixie to 3 (0123456789ab)",
                Operation::RollBack {
                    suites: ["bookworm", "trixie"].map(|name| SuiteName::parse(name).unwrap()).to_vec(),
                    to: 3,
                    commit: "0123456789ab".to_owned(),
                    reissued: Vec::new(),
                },
            ),
            ("retention: remove 1 package file", Operation::Retention { files: 1 }),
            ("tag deadbeef", Operation::Other("tag deadbeef".to_owned())),
            ("frobnicate", Operation::Other("frobnicate".to_owned())),
        ] {
            assert_eq!(Operation::parse(words), expected, "{words}");
        }
        let Operation::Add(packages) = Operation::parse("add a 1 all and 41 more") else {
            panic!("not an add")
        };
        assert_eq!((packages.named(), packages.count()), (["a 1 all".to_owned()].as_slice(), 42));
    }
}
