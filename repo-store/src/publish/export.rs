//! What is to be signed where nothing of this system reaches, and how its signatures find back.

use apt_sign::Signer;
use jiff::Timestamp;

use super::place::Place;
use super::publication::Publication;
use super::target::target_of;
use super::{Beginning, PublishOptions, Start};
use crate::context::Context;
use crate::error::{Error, PublishError};
use crate::history::revision::Revision;
use crate::model::id::CommitId;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::publish::publish_to;
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

/// See [`Store::export_unsigned`].
pub(crate) fn export_unsigned(
    store: &Store,
    repository: &RepositorySettings,
    signer: &dyn Signer,
    options: PublishOptions,
    context: &Context,
) -> Result<(Exported, Vec<UnsignedRelease>), Error> {
    repository.check()?;
    store.check_file_systems(&repository.name)?;
    let target = &*target_of(store, &repository.name);
    let exported = match options.exported {
        Some(exported) => exported,
        None => Exported {
            commit: store.head(&repository.name)?.map(|head| head.id()),
            date: context.now,
            replaces: Publication::shown(target)?,
        },
    };
    let options = PublishOptions { exported: Some(exported), ..options };
    let mut unsigned = Vec::new();
    let beginning = Beginning::of(Start::Published);
    publish_to(store, target, beginning, (repository, options), (signer, Some(&mut unsigned)), context)?;
    Ok((exported, unsigned))
}

/// The state that was exported, unless something else was published meanwhile.
pub(super) fn exported_state<'a>(
    store: &'a Store,
    repository: &RepositoryName,
    exported: &Exported,
    current: Option<&Publication>,
) -> Result<Option<Revision<'a>>, Error> {
    let shown = current.map(|current| current.id);
    if shown != exported.replaces {
        let repository = repository.clone();
        return Err(Error::Publish(PublishError::Stale { repository, published: shown }));
    }
    exported.commit.map(|commit| store.revision(repository, commit)).transpose()
}
