//! The approvals of a repository: who has approved which content in it.
//!
//! Their document has a line for each:
//!
//! ```text
//! <time> <package file or .dsc> <user or token> <number or holder> TAB <name> TAB <package> <version> <architecture>
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::context::Context;
use crate::document::{Area, Document, Kept};
use crate::error::Error;
use crate::history::selector::Selector;
use crate::model::difference::records;
use crate::model::id::BlobId;
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::model::operation::{Operation, PackageSummary};
use crate::model::record::{Record, RecordKey};
use crate::store::Store;

pub use crate::model::approval::{Approval, Approved, Approver, ApproverId};

/// How many approvals of a repository are kept at most: beyond that the oldest are forgotten.
const MOST_APPROVALS: usize = 50_000;

/// The approvals of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    by_content: BTreeMap<(BlobId, ApproverId), Approval>,
}

impl Approvals {
    /// Returns all of them, by package and version, and each by who gave it first.
    #[must_use]
    pub fn all(&self) -> Vec<&Approval> {
        let mut all: Vec<&Approval> = self.by_content.values().collect();
        all.sort_by(|a, b| {
            a.key.cmp(&b.key).then(a.time.cmp(&b.time)).then_with(|| a.approver.id.cmp(&b.approver.id))
        });
        all
    }

    /// Returns the approvals that a record has, one for each approver.
    #[must_use]
    pub fn of(&self, record: &Record) -> Vec<&Approval> {
        let blob = record.blob();
        let own = self.by_content.range((blob, ApproverId::User(0))..).map(|(_, approval)| approval);
        own.take_while(|approval| approval.blob == blob).collect()
    }

    /// Returns what somebody has approved of what is meant, whether or not the repository still has it.
    #[must_use]
    pub fn given_by(&self, approver: &ApproverId, selectors: &[Selector]) -> Vec<&Approval> {
        let is_meant = |approval: &&Approval| {
            let RecordKey { package, version, .. } = &approval.key;
            approval.approver.id == *approver
                && selectors.iter().any(|selector| selector.names(package, version))
        };
        self.all().into_iter().filter(is_meant).collect()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_content.is_empty()
    }

    fn insert(&mut self, approval: Approval) {
        self.by_content.insert((approval.blob, approval.approver.id.clone()), approval);
    }

    /// Forgets the oldest when there are too many.
    fn limit(&mut self) {
        let surplus = self.by_content.len().saturating_sub(MOST_APPROVALS);
        if surplus == 0 {
            return;
        }
        let mut oldest: Vec<_> = self.by_content.iter().map(|(id, one)| (one.time, id.clone())).collect();
        oldest.sort();
        for (_, id) in oldest.into_iter().take(surplus) {
            self.by_content.remove(&id);
        }
    }
}

impl Document for Approvals {
    const AREA: Area = Area::Approvals;
    const KIND: &'static str = "list of approvals of";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        let mut approvals = Self::default();
        for line in lines {
            approvals.insert(parse(line)?);
        }
        (approvals.by_content.len() == lines.len()).then_some(approvals)
    }

    fn to_lines(&self) -> Vec<String> {
        let line = |approval: &Approval| {
            let Approval { approver: Approver { id, name }, time, key, blob } = approval;
            format!("{time} {blob} {id}\t{name}\t{key}")
        };
        self.by_content.values().map(line).collect()
    }
}

fn parse(line: &str) -> Option<Approval> {
    let mut parts = line.splitn(3, '\t');
    let mut words = parts.next()?.splitn(3, ' ');
    let (time, blob) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let approver = Approver { id: ApproverId::parse(words.next()?)?, name: parts.next()?.to_owned() };
    Some(Approval { approver, time, key: RecordKey::parse(parts.next()?)?, blob })
}

/// What is to be approved, or no longer: package files and source packages of one state of a repository.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "nothing is approved until it is applied"]
pub struct ApprovalPlan {
    repository: RepositoryName,
    #[serde(serialize_with = "records")]
    records: Vec<Arc<Record>>,
    unmatched: Vec<Selector>,
}

impl ApprovalPlan {
    /// Returns the records that are meant, in the order of their keys.
    #[must_use]
    pub fn records(&self) -> &[Arc<Record>] {
        &self.records
    }

    /// Returns the selectors that match nothing.
    #[must_use]
    pub fn unmatched(&self) -> &[Selector] {
        &self.unmatched
    }

    /// Returns the approvals that somebody would give with it; what they have approved before is not among them.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn new_approvals(
        &self,
        store: &Store,
        approver: &Approver,
        context: &Context,
    ) -> Result<Vec<Approval>, Error> {
        Ok(self.lacking(&approvals(store, &self.repository)?, approver, context))
    }

    /// Approves, and returns the new approvals.
    ///
    /// # Errors
    /// When the list cannot be read or written.
    pub fn apply(
        &self,
        store: &Store,
        approver: &Approver,
        context: &Context,
    ) -> Result<Vec<Approval>, Error> {
        change(store, &self.repository, approver, (&Operation::Approve, context), |approvals| {
            let new = self.lacking(approvals, approver, context);
            new.iter().cloned().for_each(|approval| approvals.insert(approval));
            approvals.limit();
            new
        })
    }

    fn lacking(&self, approvals: &Approvals, approver: &Approver, context: &Context) -> Vec<Approval> {
        let is_new =
            |record: &&Arc<Record>| !approvals.by_content.contains_key(&(record.blob(), approver.id.clone()));
        let approval = |record: &Arc<Record>| Approval {
            approver: approver.clone(),
            time: context.now,
            key: record.key().clone(),
            blob: record.blob(),
        };
        self.records.iter().filter(is_new).map(approval).collect()
    }
}

/// See [`Store::approvals`].
pub(crate) fn approvals(store: &Store, repository: &RepositoryName) -> Result<Approvals, Error> {
    Ok(Kept::<Approvals>::of(store.storage(), repository)?.into_document())
}

/// See [`Store::plan_approval`].
pub(crate) fn plan(
    store: &Store,
    repository: &RepositoryName,
    selectors: &[Selector],
    whole_source: bool,
) -> Result<ApprovalPlan, Error> {
    let mut records: BTreeMap<(RecordKey, BlobId), Arc<Record>> = BTreeMap::new();
    let mut unmatched: Vec<Selector> = selectors.to_vec();
    if let Some(head) = store.head(repository)? {
        for suite in head.commit().suites.keys() {
            let all = if whole_source { head.records(suite)? } else { Vec::new() };
            for selector in selectors {
                let mut found = selector.all_in(&head, suite)?;
                let sources: BTreeSet<_> = found.iter().map(|record| record.source()).collect();
                let is_meant = |record: &&Arc<Record>| {
                    selector.names_source_of(record) || sources.contains(&record.source())
                };
                found.extend(all.iter().filter(is_meant).cloned().collect::<Vec<_>>());
                if !found.is_empty() {
                    unmatched.retain(|other| other != selector);
                }
                let by_key = found.into_iter().map(|record| ((record.key().clone(), record.blob()), record));
                records.extend(by_key);
            }
        }
    }
    let records = records.into_values().collect();
    Ok(ApprovalPlan { repository: repository.clone(), records, unmatched })
}

/// See [`Store::withdraw_approvals`].
pub(crate) fn withdraw(
    store: &Store,
    repository: &RepositoryName,
    selectors: &[Selector],
    approver: &Approver,
    context: &Context,
) -> Result<Vec<Approval>, Error> {
    change(store, repository, approver, (&Operation::WithdrawApproval, context), |approvals| {
        let given = approvals.given_by(&approver.id, selectors);
        let withdrawn: Vec<Approval> = given.into_iter().cloned().collect();
        for approval in &withdrawn {
            approvals.by_content.remove(&(approval.blob, approval.approver.id.clone()));
        }
        withdrawn
    })
}

/// See [`Store::rename_approver`].
pub(crate) fn rename(
    store: &Store,
    repository: &RepositoryName,
    (from, to): (&ApproverId, &Approver),
) -> Result<(), Error> {
    loop {
        let kept = Kept::<Approvals>::of(store.storage(), repository)?;
        let mut approvals = Approvals::default();
        for approval in kept.by_content.values() {
            let is_meant = approval.approver.id == *from;
            let approver = if is_meant { to.clone() } else { approval.approver.clone() };
            approvals.insert(Approval { approver, ..approval.clone() });
        }
        if approvals == *kept || kept.replaced_by(approvals).save(store.storage())? {
            return Ok(());
        }
    }
}

/// Changes the approvals of a repository, and logs that before it counts. The log names who the system knows, and not who an option does.
fn change(
    store: &Store,
    repository: &RepositoryName,
    approver: &Approver,
    (operation, context): (&dyn Fn(PackageSummary) -> Operation, &Context),
    change: impl Fn(&mut Approvals) -> Vec<Approval>,
) -> Result<Vec<Approval>, Error> {
    loop {
        let kept = Kept::<Approvals>::of(store.storage(), repository)?;
        let mut approvals = kept.clone();
        let changed = change(&mut approvals);
        if changed.is_empty() {
            return Ok(changed);
        }
        let mut versions: Vec<String> = changed
            .iter()
            .map(|approval| format!("{} {}", approval.key.package, approval.key.version))
            .collect();
        versions.dedup();
        let commit = store.head(repository)?.map(|head| head.id());
        let context = Context { actor: approver.to_string(), ..context.clone() };
        let operation = operation(PackageSummary::new(&versions));
        let line = LogEntry::unchanged(repository, commit, operation, &context).to_line();
        if kept
            .replaced_by(approvals)
            .save_announced(store.storage(), || store.storage().log().append(&line))?
        {
            context.progress.logged(&line);
            return Ok(changed);
        }
    }
}

/// Written as a list.
impl serde::Serialize for Approvals {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.all())
    }
}
