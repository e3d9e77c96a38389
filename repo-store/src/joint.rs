//! Changes of several repositories at once.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::SuiteName;

use crate::context::Context;
use crate::error::{ChangeError, Error, HistoryError};
use crate::history::revision::Revision;
use crate::intent::{self, End, Intent, RefChange};
use crate::model::commit::Commit;
use crate::model::id::CommitId;
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::progress::Phase;
use crate::store::Store;
use crate::transaction::Transaction;

/// What is done to a repository.
type Change<'s> = Box<dyn Fn(&mut Transaction<'_>) -> Result<Operation, Error> + 's>;

/// The change of one of several repositories.
pub(crate) struct Step<'s> {
    pub(crate) repository: &'s RepositoryName,
    /// The suites that may come into being; `None` for any.
    pub(crate) known: Option<BTreeSet<SuiteName>>,
    pub(crate) change: Change<'s>,
}

/// Changes several repositories as a whole: when this returns, all of the changes are durable, and after an error or a crash the next who
/// changes or publishes one of the repositories completes them or finds none begun. Returns the new commits; a repository in which there
/// was nothing to change has none.
///
/// # Errors
/// Whatever a change returns, and [`ChangeError::Outdated`] when somebody else changed one of the repositories first. Then none of them
/// is changed, though those that were have two commits more.
pub(crate) fn transact_jointly(
    store: &Store,
    context: &Context,
    steps: &[Step<'_>],
) -> Result<BTreeMap<RepositoryName, CommitId>, Error> {
    let mut drafts: Vec<(&RepositoryName, Option<CommitId>, Commit)> = Vec::new();
    for Step { repository, known, change } in steps {
        intent::complete_of(store, repository)?;
        let mut transaction = Transaction::begin(store, repository)?;
        if let Some(known) = known {
            transaction.limit_suites(known.clone());
        }
        let before = transaction.base().map(Revision::id);
        let operation = change(&mut transaction)?;
        context.progress.check(Phase::Changing)?;
        drafts.extend(transaction.draft(context, operation)?.map(|commit| (*repository, before, commit)));
    }
    let together: BTreeMap<RepositoryName, Option<CommitId>> = match drafts.as_slice() {
        [_] => BTreeMap::new(),
        drafts => drafts.iter().map(|(repository, before, _)| ((*repository).clone(), *before)).collect(),
    };
    let objects = store.objects();
    let (mut intent, mut entries) = (Intent::default(), Vec::new());
    let last = drafts.len().saturating_sub(1);
    for (number, (repository, before, mut commit)) in drafts.into_iter().enumerate() {
        commit.together.clone_from(&together);
        commit.sign(repository, context).map_err(HistoryError::sign(repository))?;
        let after = commit.write(&objects)?;
        entries.push(LogEntry::of_commit(&commit, repository, after).to_line());
        let mut back = None;
        if number < last
            && let Some(mut commit) = intent::taking_back(store, after, &commit)?
        {
            commit.sign(repository, context).map_err(HistoryError::sign(repository))?;
            back = Some(commit.write(&objects)?);
        }
        intent.changes.push(RefChange { repository: repository.clone(), before, after, back });
    }
    // Everything that the references will lead to must survive a power cut before they do.
    store.storage().objects().sync()?;
    match intent.carry_out(store)? {
        End::Done => {
            entries.iter().for_each(|entry| context.progress.logged(entry));
            Ok(intent.changes.into_iter().map(|change| (change.repository, change.after)).collect())
        }
        End::TakenBack(repository) => Err(ChangeError::Outdated { repository }.into()),
    }
}
