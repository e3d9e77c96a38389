use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use deb_parse::SuiteName;
use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::error::Error;
use crate::model::freeze::WeeklyFreeze;
use crate::model::gate_rule::GateOverride;
use crate::model::id::CommitId;
use crate::model::name::{RepositoryName, TagName};
use crate::model::operation::Operation;
use crate::model::record::Record;
use crate::model::serialized::{as_text, maybe_as_text};
use crate::operations::freezes;
use crate::operations::installability::InstallableGuard;
use crate::operations::plan::check_base;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// What retention would take out of a repository and what it would leave, each with the reason.
///
/// [`Store::plan_retention`] makes it. It holds for the state it was made from and for no other.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct RetentionPlan {
    #[serde(serialize_with = "as_text")]
    pub(super) repository: RepositoryName,
    #[serde(serialize_with = "maybe_as_text")]
    pub(super) base: Option<CommitId>,
    #[serde(serialize_with = "verdicts_as_list")]
    pub(super) verdicts: BTreeMap<SuiteName, Vec<RetentionVerdict>>,
    #[serde(skip)]
    pub(super) weekly: Vec<WeeklyFreeze>,
    /// How many package files each suite holds, matched or not.
    #[serde(skip)]
    pub(super) held: BTreeMap<SuiteName, usize>,
    #[serde(skip)]
    pub(super) guard: InstallableGuard,
}

impl RetentionPlan {
    /// Returns the repository.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the state it was made from; `None` when nothing was ever committed.
    #[must_use]
    pub fn base(&self) -> Option<CommitId> {
        self.base
    }

    /// Returns the verdict on every package file that a rule matches, by suite, in the order of keys.
    #[must_use]
    pub fn verdicts(&self) -> &BTreeMap<SuiteName, Vec<RetentionVerdict>> {
        &self.verdicts
    }

    /// Returns the same plan with somebody's decision that the gate `installable` does not count for it.
    pub fn despite(self, gate_override: Option<GateOverride>) -> Self {
        Self { guard: self.guard.clone().despite(gate_override), ..self }
    }

    /// Takes out what is planned, by one commit.
    ///
    /// # Errors
    /// [`Outdated`](crate::error::ChangeError::Outdated) when the repository has changed since the plan was made: nothing is removed
    /// then. [`Frozen`](crate::error::RuleError::Frozen) while the repository is frozen.
    /// [`Uninstallable`](crate::error::RuleError::Uninstallable) when a gate asks for more and nobody decided that this does not count.
    pub fn apply(&self, store: &Store, context: &Context) -> Result<Committed, Error> {
        let change = |transaction: &mut Transaction<'_>| Ok((self.change(transaction, store, context)?, ()));
        Ok(store.transact(&self.repository, context, change)?.0)
    }

    /// Finds out whether the plan could be applied, and changes nothing.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn check(&self, store: &Store, context: &Context) -> Result<(), Error> {
        store.dry_run(&self.repository, |transaction| self.change(transaction, store, context)).map(drop)
    }

    /// Makes the change in a transaction.
    fn change(
        &self,
        transaction: &mut Transaction<'_>,
        store: &Store,
        context: &Context,
    ) -> Result<Operation, Error> {
        check_base(transaction, &self.repository, self.base)?;
        let frozen = (store, &self.repository, self.weekly.as_slice());
        freezes::pass_in(transaction, frozen, None, context.now)?;
        let mut gone = HashSet::new();
        for (suite, verdict) in self.going() {
            transaction.remove(suite, verdict.record.key())?;
            gone.insert(verdict.record.blob());
        }
        self.guard.pass_in(transaction, store, context.now)?;
        Ok(Operation::Retention { files: gone.len() })
    }

    /// What would go.
    pub fn going(&self) -> impl Iterator<Item = (&SuiteName, &RetentionVerdict)> {
        let all =
            self.verdicts.iter().flat_map(|(suite, all)| all.iter().map(move |verdict| (suite, verdict)));
        all.filter(|(_, verdict)| !verdict.stays())
    }

    /// Whether nothing would go.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.going().next().is_none()
    }

    /// The suites that would lose more than half of what they hold: a slip in a rule or a clock that jumped, more often than
    /// what somebody wants.
    #[must_use]
    pub fn drastic(&self) -> Vec<SuiteName> {
        let loses_most = |suite: &&SuiteName| {
            let going = self.verdicts.get(*suite).map_or(0, |all| all.iter().filter(|v| !v.stays()).count());
            going * 2 > self.held.get(*suite).copied().unwrap_or(0)
        };
        self.held.keys().filter(loses_most).cloned().collect()
    }
}

/// One verdict, as plans are serialized.
#[derive(serde::Serialize)]
struct PlannedVerdict<'a> {
    suite: &'a str,
    package: String,
    stays: bool,
    why: String,
}

fn verdicts_as_list<S: serde::Serializer>(
    verdicts: &BTreeMap<SuiteName, Vec<RetentionVerdict>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let all = verdicts.iter().flat_map(|(suite, all)| all.iter().map(move |verdict| (suite, verdict)));
    serializer.collect_seq(all.map(|(suite, verdict)| PlannedVerdict {
        suite: suite.as_str(),
        package: verdict.record.key().to_string(),
        stays: verdict.stays(),
        why: verdict.reason.to_string(),
    }))
}

/// What becomes of one package file in one suite.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct RetentionVerdict {
    /// The package file.
    #[serde(serialize_with = "record")]
    pub record: Arc<Record>,
    /// Why it stays or goes.
    pub reason: RetentionReason,
}

fn record<S: serde::Serializer>(record: &Arc<Record>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(record.as_ref(), serializer)
}

impl RetentionVerdict {
    /// Whether it stays.
    #[must_use]
    pub fn stays(&self) -> bool {
        !matches!(self.reason, RetentionReason::Beyond { .. })
    }
}

/// Why a package file stays or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetentionReason {
    /// Stays: it is the newest version, or the only one. Retention never removes that.
    Newest,
    /// Stays: it is among the newest versions that are kept.
    AmongNewest {
        /// Its place, 1 for the newest.
        place: usize,
        /// How many are kept.
        keep: usize,
    },
    /// Stays: it is a version of the keyring package, by which machines follow a rotation of keys.
    Keyring,
    /// Stays: a state with a tag holds it.
    Tagged(TagName),
    /// Stays: another repository holds it.
    KeptBy(RepositoryName),
    /// Stays: it came to the suite not long ago.
    Recent {
        /// When.
        since: Timestamp,
    },
    /// Stays: the rule that matches it has no limit.
    Unlimited,
    /// Goes: it is beyond every limit.
    Beyond {
        /// Its place among the versions, 1 for the newest, and how many are kept.
        versions: Option<(usize, usize)>,
        /// In the suite at least since then, and how long versions are kept.
        age: Option<(Timestamp, SignedDuration)>,
    },
}

impl fmt::Display for RetentionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |time: &Timestamp| time.strftime("%Y-%m-%d").to_string();
        match self {
            Self::Newest => f.write_str("the newest version"),
            Self::AmongNewest { place, keep } => write!(f, "version {place} of the newest {keep}"),
            Self::Keyring => f.write_str("a keyring, which machines that were off need"),
            Self::Tagged(tag) => write!(f, "tagged {tag}"),
            Self::KeptBy(repository) => write!(f, "in {repository}"),
            Self::Recent { since } => write!(f, "here since {}", day(since)),
            Self::Unlimited => f.write_str("no limit"),
            Self::Beyond { versions, age } => {
                if let Some((place, keep)) = versions {
                    write!(f, "version {place}, beyond the newest {keep}")?;
                }
                if versions.is_some() && age.is_some() {
                    f.write_str("; ")?;
                }
                if let Some((since, keep)) = age {
                    write!(f, "here since {} or before, beyond {}", day(since), length(*keep))?;
                }
                Ok(())
            }
        }
    }
}

/// A length of time in the largest unit that fits: `30 days`.
fn length(time: SignedDuration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        _ if seconds % 86_400 == 0 => (seconds / 86_400, "day"),
        _ if seconds % 3600 == 0 => (seconds / 3600, "hour"),
        _ if seconds % 60 == 0 => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

crate::model::serialized::written!(RetentionReason);
