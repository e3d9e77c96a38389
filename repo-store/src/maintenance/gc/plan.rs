//! What a collection of garbage would remove, as a value.

use std::collections::{BTreeMap, HashSet};

use camino::Utf8Path;
use serde::ser::Serializer;

use super::{Garbage, GcOptions, GcReport, Mode, collect};
use crate::context::Context;
use crate::error::{Error, MaintenanceError};
use crate::model::name::RepositoryName;
use crate::store::Store;

/// What a collection of garbage would remove. [`Store::plan_gc`] makes it.
///
/// It is about the whole store, so it has neither a repository nor one state that it was made from.
#[derive(Clone, Debug, serde::Serialize)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct GcPlan {
    #[serde(skip)]
    options: GcOptions,
    removed: Vec<Garbage>,
    freed: u64,
    #[serde(serialize_with = "as_list")]
    shortened: BTreeMap<RepositoryName, u64>,
}

impl GcPlan {
    /// Returns the files that would be removed, in the order in which they would go.
    #[must_use]
    pub fn removed(&self) -> &[Garbage] {
        &self.removed
    }

    /// Returns how many bytes that would free on disk: a file with several names counts when its last name goes.
    #[must_use]
    pub fn freed(&self) -> u64 {
        self.freed
    }

    /// Returns the histories that would become shorter, and the number of the oldest state that would stay in each.
    #[must_use]
    pub fn shortened(&self) -> &BTreeMap<RepositoryName, u64> {
        &self.shortened
    }

    /// Removes what is planned, but for what is needed again by now.
    ///
    /// # Errors
    /// [`OutdatedCollection`](MaintenanceError::OutdatedCollection) when something would go that is not in the plan: nothing is removed
    /// then. Otherwise those of [`Store::collect_garbage`].
    pub fn apply(&self, store: &Store, context: &Context) -> Result<GcReport, Error> {
        collect(store, &self.options, Mode::RemovePlanned(self), context)
    }

    /// Makes the same plan from the present state of the store.
    ///
    /// # Errors
    /// Those of [`Store::plan_gc`].
    pub fn rebase(&self, store: &Store, context: &Context) -> Result<Self, Error> {
        store.plan_gc(&self.options, context)
    }

    /// Refuses to remove more than was planned, and to shorten a history further.
    pub(super) fn check(
        &self,
        removed: &[Garbage],
        shortened: &BTreeMap<RepositoryName, u64>,
    ) -> Result<(), Error> {
        let planned: HashSet<&Utf8Path> = self.removed.iter().map(|file| file.path.as_path()).collect();
        let files = removed.iter().filter(|file| !planned.contains(file.path.as_path())).count();
        let is_shorter = |(name, oldest): (&RepositoryName, &u64)| {
            self.shortened.get(name).is_none_or(|planned| oldest > planned)
        };
        let histories = shortened.iter().filter(|history| is_shorter(*history)).count();
        if files == 0 && histories == 0 {
            return Ok(());
        }
        Err(MaintenanceError::OutdatedCollection { files, histories }.into())
    }
}

/// See [`Store::plan_gc`].
pub(crate) fn plan_gc(store: &Store, options: &GcOptions, context: &Context) -> Result<GcPlan, Error> {
    let GcReport { removed, freed, shortened } = collect(store, options, Mode::Look, context)?;
    Ok(GcPlan { options: options.clone(), removed, freed, shortened })
}

/// A history that would become shorter, as plans are serialized.
#[derive(serde::Serialize)]
struct Shortened<'a> {
    repository: &'a str,
    oldest: u64,
}

pub(super) fn as_list<S: Serializer>(
    shortened: &BTreeMap<RepositoryName, u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let all = shortened.iter();
    serializer.collect_seq(all.map(|(name, oldest)| Shortened { repository: name.as_str(), oldest: *oldest }))
}
