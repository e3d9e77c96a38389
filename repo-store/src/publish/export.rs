//! What is to be signed where nothing of this system reaches, and how its signatures find back.

use apt_sign::Signer;
use jiff::Timestamp;

use super::place::Place;
use super::publication::Publication;
use super::target::directory::DirectoryTarget;
use super::{PublishOptions, Start};
use crate::context::Context;
use crate::error::{Error, PublishError};
use crate::history::revision::Revision;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::settings::RepositorySettings;
use crate::store::Store;

/// What of a repository was exported to be signed. The same is rendered again when the signatures come, to the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The state.
    pub commit: Option<CommitId>,
    /// The time that `Release` files tell.
    pub date: Timestamp,
    /// What clients saw then: should they see something else by now, the signatures are stale.
    pub replaces: Option<PublicationId>,
}

/// A `Release` file that is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnsignedRelease {
    /// The name of the suite; `.flat` for the flat form.
    pub directory: String,
    /// The text.
    pub text: String,
}

impl UnsignedRelease {
    pub(super) fn of(place: &Place, text: String) -> Self {
        Self { directory: place.directory().to_owned(), text }
    }
}

impl Store {
    /// Renders what [`publish_with`](Self::publish_with) would sign, and publishes nothing. The result has no `Release` file when clients see
    /// the current state.
    ///
    /// The signatures are published by [`publish_with`](Self::publish_with) with [`PublishOptions::exported`] and a signer that
    /// has them. `signer` has to name the same keys, and signs nothing.
    ///
    /// # Errors
    /// Those of [`publish_with`](Self::publish_with), but for what fails while signing.
    pub fn export_unsigned(
        &self,
        repository: &RepositorySettings,
        signer: &dyn Signer,
        options: PublishOptions,
        context: &Context,
    ) -> Result<(Exported, Vec<UnsignedRelease>), Error> {
        repository.check()?;
        self.check_file_systems(&repository.name)?;
        let target = DirectoryTarget::new(self, &repository.name);
        let exported = Exported {
            commit: self.head(&repository.name)?.map(|head| head.id()),
            date: context.now,
            replaces: Publication::shown(&target)?,
        };
        let options = PublishOptions { exported: Some(exported), ..options };
        let mut unsigned = Vec::new();
        let start = (Start::Published, None);
        self.publish_to(&target, start, (repository, options), (signer, Some(&mut unsigned)), context)?;
        Ok((exported, unsigned))
    }

    /// The state that was exported, unless something else was published meanwhile.
    pub(super) fn exported_state(
        &self,
        repository: &RepositoryName,
        exported: &Exported,
        current: Option<&Publication>,
    ) -> Result<Option<Revision<'_>>, Error> {
        let shown = current.map(|current| current.id);
        if shown != exported.replaces {
            let repository = repository.clone();
            return Err(Error::Publish(PublishError::Stale { repository, published: shown }));
        }
        exported.commit.map(|commit| self.revision(repository, commit)).transpose()
    }
}
