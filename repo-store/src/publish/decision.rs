//! What of a repository has to be rendered and signed, and why.

use std::fmt;

use apt_sign::{PublicKeys, Signer};
use jiff::Timestamp;

use super::export::exported_state;
use super::last_shown::shown_after;
use super::missing::Missing;
use super::public_keys::PublishedKeys;
use super::publication::{Publication, STANZA_FORM};
use super::target::PublicationTarget;
use super::{
    Beginning, PublishOptions, Start, Wanted, all_wanted, check_release_info, earlier_state, expires_soon,
    known_keys, removed,
};
use crate::context::Context;
use crate::error::{Error, PublishError};
use crate::history::revision::Revision;
use crate::model::publication_id::PublicationId;
use crate::settings::RepositorySettings;
use crate::store::Store;

/// Why a suite is rendered and signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicationReason {
    /// Clients do not see the suite yet.
    New,
    /// Everything is made again from the records.
    Records,
    /// An older version published it, in another form.
    OlderForm,
    /// Clients were shown something later than what they see now, so that everything needs a later date.
    ShownLater,
    /// Its packages changed.
    Content,
    /// Its settings changed, or the keys that sign.
    Settings,
    /// What clients see is valid for a short time only.
    Expires,
    /// Published files are missing.
    MissingFiles,
}

impl fmt::Display for PublicationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "it was not published before",
            Self::Records => "everything is made again from the records",
            Self::OlderForm => "an older version published it in another form",
            Self::ShownLater => "clients were shown something later than what they see now",
            Self::Content => "its packages changed",
            Self::Settings => "its settings or the signing keys changed",
            Self::Expires => "its validity ends soon",
            Self::MissingFiles => "published files are missing",
        })
    }
}

/// What a publication begins with: what clients see, the state they are to see, and the keys.
pub(super) struct Ground<'s> {
    pub(super) current: Option<Publication>,
    pub(super) head: Option<Revision<'s>>,
    /// The time that `Release` files tell.
    pub(super) dated: Timestamp,
    pub(super) keys: Vec<String>,
    pub(super) public_keys: PublicKeys,
    /// Clients know more than what they see: everything is signed with a later date than they know.
    pub(super) shown_after: Option<PublicationId>,
    missing: Option<Missing>,
}

impl<'s> Ground<'s> {
    pub(super) fn read(
        (store, target): (&'s Store, &dyn PublicationTarget),
        (repository, options): (&RepositorySettings, &PublishOptions),
        (signer, beginning): (&dyn Signer, Beginning<'_>),
        context: &Context,
    ) -> Result<Self, Error> {
        let current = Publication::current_or(beginning.last, target, store, &repository.name)?;
        let head = match &options.exported {
            Some(exported) => exported_state(store, &repository.name, exported, current.as_ref())?,
            None => store.head(&repository.name)?,
        };
        beginning.plan.map_or(Ok(()), |plan| plan.check(head.as_ref(), current.as_ref()))?;
        let shown_after = match &current {
            Some(current) => shown_after(store, &repository.name, current)?,
            None => None,
        };
        Ok(Self {
            current,
            head,
            dated: options.exported.map_or(context.now, |exported| exported.date),
            keys: signer.fingerprints().iter().map(ToString::to_string).collect(),
            public_keys: signer.public_keys().map_err(|source| PublishError::PublicKeys { source })?,
            shown_after,
            missing: None,
        })
    }

    /// Looks for what clients miss of what they are told.
    pub(super) fn look_for_missing(&mut self, target: &dyn PublicationTarget) -> Result<(), Error> {
        self.missing = self.current.as_ref().map(|current| target.missing(current)).transpose()?;
        Ok(())
    }

    /// Leaves out the archive roots that are missing: these are made again before anything is decided. Returns how many there are.
    pub(super) fn pass_over_archive_roots(&mut self) -> u64 {
        self.missing.as_mut().map_or(0, Missing::take_archive_roots)
    }

    /// Returns how many files and links are missing.
    pub(super) fn missing(&self) -> u64 {
        self.missing.as_ref().map_or(0, Missing::count)
    }

    /// Refuses a state that was not built upon the one that clients saw last, unless that is allowed.
    pub(super) fn check_state(
        &self,
        (store, target): (&Store, &dyn PublicationTarget),
        (repository, options): (&RepositorySettings, &PublishOptions),
    ) -> Result<(), Error> {
        if options.allow_earlier_state {
            return Ok(());
        }
        let (current, head) = (self.current.as_ref(), self.head.as_ref());
        earlier_state::check(target, (store, &repository.name), current, head)
    }

    /// Parts the suites into those that stay as clients see them and those to be rendered and signed.
    pub(super) fn decide<'a>(&'a self, repository: &'a RepositorySettings, start: Start) -> Decision<'a> {
        let (mut kept, mut wanted) = (Vec::new(), Vec::new());
        let (head, current) = (self.head.as_ref(), self.current.as_ref());
        for suite in all_wanted(repository, head, current, (&self.keys.join(" "), start)) {
            match self.reason(repository, &suite) {
                None => kept.push(suite),
                Some(reason) => wanted.push((suite, reason)),
            }
        }
        let is_up_to_date = current.is_some_and(|current| {
            wanted.is_empty()
                && self.shown_after.is_none()
                && kept.len() == current.suites.len()
                && self.missing() == 0
                // A state that looks like the one before has a publication of its own, which a tag can name.
                && (current.commit == head.map(Revision::id) && start == Start::Published)
                && current.public_keys == Some(PublishedKeys::of(&self.public_keys))
        });
        Decision { kept, wanted, is_up_to_date }
    }

    fn reason(&self, repository: &RepositorySettings, suite: &Wanted<'_>) -> Option<PublicationReason> {
        let (Some(before), Some(current), Some(missing)) = (suite.before, &self.current, &self.missing)
        else {
            return Some(PublicationReason::New);
        };
        if suite.start == Start::Records {
            Some(PublicationReason::Records)
        } else if before.stanza_form != STANZA_FORM {
            Some(PublicationReason::OlderForm)
        } else if before.snapshot != suite.snapshot {
            Some(PublicationReason::Content)
        } else if before.settings != suite.settings {
            Some(PublicationReason::Settings)
        } else if self.shown_after.is_some() {
            Some(PublicationReason::ShownLater)
        } else if expires_soon(before, repository, self.dated) {
            Some(PublicationReason::Expires)
        } else if !missing.leaves_files_of(current.id, &suite.place, before) {
            Some(PublicationReason::MissingFiles)
        } else {
            None
        }
    }
}

/// What becomes of the suites of a repository.
pub(super) struct Decision<'a> {
    pub(super) kept: Vec<Wanted<'a>>,
    pub(super) wanted: Vec<(Wanted<'a>, PublicationReason)>,
    /// Clients see exactly that already.
    pub(super) is_up_to_date: bool,
}

/// Refuses what clients would not accept or not find any more, unless that is allowed. Returns the names that clients no longer find.
pub(super) fn check_for_clients<'a>(
    target: &dyn PublicationTarget,
    (repository, options): (&RepositorySettings, &PublishOptions),
    known: Option<&Publication>,
    wanted: impl Iterator<Item = &'a Wanted<'a>>,
    (signer, context): (&dyn Signer, &Context),
) -> Result<Vec<String>, Error> {
    let removed = known.map_or_else(Vec::new, |known| removed::names(known, repository));
    if !removed.is_empty() && !options.allow_removal {
        return Err(Error::Publish(PublishError::Removal { names: removed }));
    }
    if !options.allow_release_info_change {
        check_release_info(target, repository, known, (wanted, context.now))?;
    }
    if !options.allow_key_change {
        known_keys::check(target, &repository.name, known, (signer, context.now))?;
    }
    Ok(removed)
}

crate::model::serialized::written!(PublicationReason);
