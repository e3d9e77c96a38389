//! The names in the Release file of one suite.

use repo_store::settings::{ReleaseField, ReleaseNames};

use crate::file::SuiteTable;
use crate::value::{OrNone, Text};

/// Returns the names that a suite has of its own.
pub(crate) fn release_names(table: &SuiteTable) -> ReleaseNames {
    let mut names = ReleaseNames::default();
    names.origin = field(table.origin.as_ref(), ToString::to_string);
    names.label = field(table.label.as_ref(), ToString::to_string);
    names.suite = field(table.suite.as_ref(), Clone::clone);
    names.codename = field(table.codename.as_ref(), Clone::clone);
    names
}

fn field<T, U>(setting: Option<&Text<OrNone<T>>>, value: impl Fn(&T) -> U) -> ReleaseField<U> {
    match setting {
        None => ReleaseField::Inherited,
        Some(Text(OrNone(None))) => ReleaseField::Omitted,
        Some(Text(OrNone(Some(own)))) => ReleaseField::Value(value(own)),
    }
}
