//! One entry of the operation log, as a value.

use jiff::Timestamp;

use crate::context::Context;
use crate::model::commit::{Commit, one_line};
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;

/// An entry of the operation log: who did what to which repository, and when.
///
/// Its line in the log is
///
/// ```text
/// <time> TAB <actor> TAB <repository> TAB <commit before> TAB <commit after> TAB <operation>
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// When it was done.
    pub date: Timestamp,
    /// Who did it.
    pub actor: String,
    /// The repository.
    pub repository: RepositoryName,
    /// The state before; `None` when there was none.
    pub before: Option<CommitId>,
    /// The state after; the same as before when the operation makes no commit.
    pub after: Option<CommitId>,
    /// What was done.
    pub operation: Operation,
}

impl LogEntry {
    /// The entry that announces a commit; `id` is its own id.
    pub(crate) fn of_commit(commit: &Commit, repository: &RepositoryName, id: CommitId) -> Self {
        Self {
            date: commit.date,
            actor: commit.actor.clone(),
            repository: repository.clone(),
            before: commit.parent,
            after: Some(id),
            operation: commit.operation.clone(),
        }
    }

    /// The entry of an operation that leaves the repository in the state in which it is.
    pub(crate) fn unchanged(
        repository: &RepositoryName,
        commit: Option<CommitId>,
        operation: Operation,
        context: &Context,
    ) -> Self {
        Self {
            date: context.now,
            actor: context.actor.clone(),
            repository: repository.clone(),
            before: commit,
            after: commit,
            operation,
        }
    }

    /// Whether the operation left the repository in the state in which it was.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.before == self.after
    }

    /// Its line, without the line feed.
    pub(crate) fn to_line(&self) -> String {
        let Self { date, actor, repository, before, after, operation } = self;
        let id = |id: &Option<CommitId>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let (before, after) = (id(before), id(after));
        let (actor, operation) = (one_line(actor), one_line(&operation.to_string()));
        format!("{date}\t{actor}\t{repository}\t{before}\t{after}\t{operation}")
    }

    /// Reads a line without its check; `None` when it is not one.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let id = |text: &str| if text == "-" { Some(None) } else { text.parse().ok().map(Some) };
        let mut fields = line.splitn(6, '\t');
        Some(Self {
            date: fields.next()?.parse().ok()?,
            actor: fields.next()?.to_owned(),
            repository: RepositoryName::parse(fields.next()?).ok()?,
            before: id(fields.next()?)?,
            after: id(fields.next()?)?,
            operation: Operation::parse(fields.next()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn an_entry_is_read_back_from_its_line() {
        let mut entry = LogEntry {
            date: "2026-03-01T07:08:09Z".parse().unwrap(),
            actor: "alice".to_owned(),
            repository: RepositoryName::parse("prod").unwrap(),
            before: None,
            after: Some(CommitId::of(b"x")),
            operation: Operation::Create,
        };
        assert_eq!(LogEntry::parse(&entry.to_line()).unwrap(), entry);
        entry.before = entry.after;
        entry.operation = Operation::parse("publish 20261121T083000Z");
        assert!(entry.is_unchanged());
        assert_eq!(LogEntry::parse(&entry.to_line()).unwrap(), entry);
        assert_snapshot!(entry.to_line().replace('\t', " | "), @"2026-03-01T07:08:09Z | alice | prod | 3ae7d805f6789a6402acb70ad4096a85a56bf6804eaf25c0493ac697548d30b5 | 3ae7d805f6789a6402acb70ad4096a85a56bf6804eaf25c0493ac697548d30b5 | publish 20261121T083000Z");
    }

    #[test]
    fn what_is_no_entry_is_not_taken_for_one() {
        for line in ["", "now\teve\tprod\t-\t-\tadd", "2026-03-01T07:08:09Z\teve\tPROD\t-\t-\tadd"] {
            assert_eq!(LogEntry::parse(line), None, "{line:?}");
        }
    }
}
