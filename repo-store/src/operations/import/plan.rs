//! What adding files would bring, as a value.

use camino::Utf8PathBuf;

use super::{AddError, AddOptions, AddReport, Files, Origin, ReadFiles, add_read, read_all};
use crate::context::Context;
use crate::error::{ChangeError, Error};
use crate::history::revision::Revision;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::serialized::{as_text, maybe_as_text};
use crate::model::suite_records::SuiteRecords;
use crate::operations::plan::check_base;
use crate::settings::RepositorySettings;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// What adding files would bring to a repository. [`Store::plan_import`] makes it.
///
/// Each file was read to its end and checked, and nothing of it was kept. To [apply](Self::apply) the plan reads the files once more.
/// [`Store::add`] reads them once.
#[derive(Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct ImportPlan {
    #[serde(serialize_with = "as_text")]
    repository: RepositoryName,
    #[serde(serialize_with = "maybe_as_text")]
    base: Option<CommitId>,
    changes: SuiteRecords,
    #[serde(skip)]
    report: AddReport,
    #[serde(skip)]
    request: ImportRequest,
}

/// What was asked for, to be asked for again.
#[derive(Clone, Debug)]
struct ImportRequest {
    settings: RepositorySettings,
    files: Vec<Utf8PathBuf>,
    options: AddOptions,
}

impl ImportPlan {
    /// Returns the repository.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the state that the plan was made from; `None` when nothing was ever committed.
    #[must_use]
    pub fn base(&self) -> Option<CommitId> {
        self.base
    }

    /// Returns what would come into each suite: nothing, when a file is refused and the others are not to be taken without it.
    #[must_use]
    pub fn changes(&self) -> &SuiteRecords {
        &self.changes
    }

    /// Returns what would become of each file, and gives up the plan.
    pub fn into_report(self) -> AddReport {
        self.report
    }

    /// Returns what would become of each file. It never names a commit.
    pub fn report(&self) -> &AddReport {
        &self.report
    }

    /// Adds what is planned.
    ///
    /// # Errors
    /// [`ChangeError::Outdated`] when the repository has changed since the plan was made, or the files have. Otherwise those of
    /// [`Store::add`].
    pub fn apply(&self, store: &Store, context: &Context) -> Result<AddReport, AddError> {
        let ImportRequest { settings, files, options } = &self.request;
        let origin = Origin::paths(options.refuse_links);
        let files = Files::given(files, origin, context);
        let read = read_all(store, settings, &files, (origin, options, true), context)?;
        let report = add_read(store, settings, read, (options, Some(self)), context)?;
        AddError::of_report(report, options)
    }

    /// Makes the same plan from the present state of the repository and of the files.
    ///
    /// # Errors
    /// Those of [`Store::plan_import`].
    pub fn rebase(&self, store: &Store, context: &Context) -> Result<Self, Error> {
        let ImportRequest { settings, files, options } = &self.request;
        plan_import(store, settings, files, options, context)
    }

    /// Refuses what is not what was planned.
    pub(super) fn check(&self, transaction: &Transaction<'_>, changes: &SuiteRecords) -> Result<(), Error> {
        check_base(transaction, &self.repository, self.base)?;
        if *changes == self.changes {
            return Ok(());
        }
        Err(ChangeError::Outdated { repository: self.repository.clone() }.into())
    }
}

/// See [`Store::plan_import`].
pub(crate) fn plan_import(
    store: &Store,
    settings: &RepositorySettings,
    files: &[Utf8PathBuf],
    options: &AddOptions,
    context: &Context,
) -> Result<ImportPlan, Error> {
    let origin = Origin::paths(options.refuse_links);
    let given = Files::given(files, origin, context);
    let read = read_all(store, settings, &given, (origin, options, false), context)?;
    let (base, changes, report) = foresee(store, settings, read, options, context)?;
    let request =
        ImportRequest { settings: settings.clone(), files: files.to_vec(), options: options.clone() };
    Ok(ImportPlan { repository: settings.name.clone(), base, changes, report, request })
}

/// Finds out what adding files that were read would do: the state it was found out from, what would come, and what would become of each file.
pub(crate) fn foresee(
    store: &Store,
    settings: &RepositorySettings,
    read: ReadFiles<'_>,
    options: &AddOptions,
    context: &Context,
) -> Result<(Option<CommitId>, SuiteRecords, AddReport), Error> {
    store.dry_run_in(settings, |transaction| {
        let base = transaction.base().map(Revision::id);
        let outcome = read.insert(transaction, (store, settings), options, context)?;
        let changes = read.changes(&outcome, options);
        Ok((base, changes, read.report(outcome, Committed { commit: None })))
    })
}
