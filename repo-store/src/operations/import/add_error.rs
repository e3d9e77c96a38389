//! Why adding files failed.

use std::fmt;

use super::{AddOptions, AddReport, Refused};
use crate::error::Error;

/// Why [`Store::add`](crate::Store::add) added nothing.
///
/// `?` makes an [`Error`] of it in a function that returns one: the reason why the first of the refused files was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// Files were refused, and the others were not to be added without them.
    #[error(transparent)]
    Refused(RefusedFiles),
    /// Nothing could be added, whatever the files are.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// The files that kept others from being added: one at least.
#[derive(Debug)]
pub struct RefusedFiles {
    first: Box<Refused>,
    /// What became of the others.
    others: Box<AddReport>,
}

impl RefusedFiles {
    /// Returns the file that was refused first, in the order in which they were given, and why.
    #[must_use]
    pub fn first(&self) -> &Refused {
        &self.first
    }

    /// Returns the report: each refused file with its reason, and the packages that would have been added.
    pub fn into_report(self) -> AddReport {
        let mut report = *self.others;
        report.refused.insert(0, *self.first);
        report
    }
}

impl fmt::Display for RefusedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was refused", self.first.file)?;
        match self.others.refused.len() {
            0 => Ok(()),
            1 => f.write_str(" (and another file was refused)"),
            more => write!(f, " (and {more} other files were refused)"),
        }
    }
}

impl std::error::Error for RefusedFiles {
    /// Returns why the first file was refused.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.first.error)
    }
}

impl AddError {
    /// Returns what became of each file, for a caller that goes through the report in either case: `store.add(…).or_else(AddError::into_report)`.
    ///
    /// # Errors
    /// What kept any file from being added.
    pub fn into_report(self) -> Result<AddReport, Error> {
        match self {
            Self::Refused(files) => Ok(files.into_report()),
            Self::Failed(error) => Err(error),
        }
    }

    /// Returns a report as the result of an addition: an error when nothing was added because of a refused file.
    pub(super) fn of_report(mut report: AddReport, options: &AddOptions) -> Result<AddReport, Self> {
        if options.keep_going || report.refused.is_empty() {
            return Ok(report);
        }
        let first = Box::new(report.refused.remove(0));
        Err(Self::Refused(RefusedFiles { first, others: Box::new(report) }))
    }
}

impl From<AddError> for Error {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Refused(files) => files.first.error,
            AddError::Failed(error) => error,
        }
    }
}
