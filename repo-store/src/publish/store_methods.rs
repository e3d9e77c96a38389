//! What [`Store`] offers to publish a repository. Each method calls the file that is about it.

use apt_sign::{Keyring, Signer};
use deb_parse::SuiteName;
use jiff::Timestamp;

use crate::context::Context;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::model::envelope::Envelope;
use crate::model::name::{RepositoryName, TagName};
use crate::publish::export::{Exported, UnsignedRelease};
use crate::publish::promotion_attestations::AttestationReport;
use crate::publish::refresh::DueSuite;
use crate::publish::shown::CurrentPublication;
use crate::publish::{
    LastPublication, PublicationOf, PublicationPlan, PublishOptions, PublishReport, PublishedFiles, TreeFile,
};
use crate::settings::RepositorySettings;
use crate::store::Store;

impl Store {
    /// Returns the statement about the promotion that made a state, as it was signed and published; `None` when there is none.
    ///
    /// # Errors
    /// When the list of statements, or the statement itself, cannot be read.
    pub fn promotion_attestation(&self, state: &Revision<'_>) -> Result<Option<Envelope>, Error> {
        super::promotion_attestations::promotion_attestation(self, state)
    }

    /// Compares the statements about promotions into a repository with its history: each must be signed by a key of the keyring, and tell what
    /// the history tells, to the byte. `now` decides which algorithms are good enough.
    ///
    /// # Errors
    /// When the history or the list of statements cannot be read.
    pub fn check_attestations(
        &self,
        repository: &RepositoryName,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<AttestationReport, Error> {
        super::promotion_attestations::check_attestations(self, repository, keyring, now)
    }

    /// Shows clients the current state of a repository.
    ///
    /// When this returns, the publication is durable. When clients see that state already, nothing is written. Several may call
    /// this at once: they wait for each other, and later ones have nothing left to do.
    ///
    /// # Errors
    /// [`SettingsError`](crate::error::SettingsError) for settings that cannot be used. When a record cannot be rendered, the result cannot be signed or written; clients keep seeing the state before.
    pub fn publish(
        &self,
        repository: &RepositorySettings,
        signer: &dyn Signer,
        context: &Context,
    ) -> Result<PublishReport, Error> {
        self.publish_with(repository, signer, PublishOptions::default(), context)
    }

    /// [`publish`](Self::publish), with choices.
    ///
    /// # Errors
    /// As there, [`PublishError::ReleaseInfoChange`](crate::error::PublishError::ReleaseInfoChange) unless that is [allowed](PublishOptions::allow_release_info_change),
    /// [`PublishError::Removal`](crate::error::PublishError::Removal) unless that [is](PublishOptions::allow_removal),
    /// [`PublishError::KeyChange`](crate::error::PublishError::KeyChange) unless that [is](PublishOptions::allow_key_change), and
    /// [`PublishError::EarlierState`](crate::error::PublishError::EarlierState) unless that [is](PublishOptions::allow_earlier_state).
    pub fn publish_with(
        &self,
        repository: &RepositorySettings,
        signer: &dyn Signer,
        options: PublishOptions,
        context: &Context,
    ) -> Result<PublishReport, Error> {
        super::publish_with(self, repository, signer, options, context)
    }

    /// [`publish_with`](Self::publish_with), after [`check_keys`](Self::check_keys): the record of what clients see is read again only if
    /// they see something else by now.
    ///
    /// # Errors
    /// Those of [`publish_with`](Self::publish_with).
    pub fn publish_after(
        &self,
        last: LastPublication,
        repository: &RepositorySettings,
        signer: &dyn Signer,
        options: PublishOptions,
        context: &Context,
    ) -> Result<PublishReport, Error> {
        super::publish_after(self, last, repository, signer, options, context)
    }

    /// Checks that [`publish`](Self::publish) would not refuse these keys, nor what is built upon the current state: that one of the keys
    /// signed what clients see now, and that the current state goes on from it. Returns what was read for that, which
    /// [`publish_after`](Self::publish_after) need not read again.
    ///
    /// # Errors
    /// [`PublishError::KeyChange`](crate::error::PublishError::KeyChange) when none did,
    /// [`PublishError::EarlierState`](crate::error::PublishError::EarlierState) when it does not.
    pub fn check_keys(
        &self,
        repository: &RepositoryName,
        signer: &dyn Signer,
        context: &Context,
    ) -> Result<LastPublication, Error> {
        super::check_keys(self, repository, signer, context)
    }

    /// Finds out what [`publish_with`](Self::publish_with) would do, and changes nothing. `signer` has to name the keys, and signs nothing.
    ///
    /// # Errors
    /// Those of [`publish_with`](Self::publish_with), but for what fails while indices are rendered, signed and written.
    pub fn plan_publication(
        &self,
        repository: &RepositorySettings,
        signer: &dyn Signer,
        options: PublishOptions,
        context: &Context,
    ) -> Result<PublicationPlan, Error> {
        super::plan::plan_publication(self, repository, signer, options, context)
    }

    /// Finds out what [`sign_again`](Self::sign_again) would do, as [`plan_publication`](Self::plan_publication) does. The publications
    /// that tags lead to are not part of it.
    ///
    /// # Errors
    /// As there.
    pub fn plan_signing_again(
        &self,
        repository: &RepositorySettings,
        signer: &dyn Signer,
        options: PublishOptions,
        context: &Context,
    ) -> Result<PublicationPlan, Error> {
        super::plan::plan_signing_again(self, repository, signer, options, context)
    }

    /// Publishes a repository with nothing taken over from what clients see: all indices are rendered from the records, and every
    /// suite is signed, with the present time as its `Date` even when the last one is later. The publications that tags of earlier states
    /// lead to are made again as well, from the records of these states, and those that were withdrawn because they were damaged.
    ///
    /// Clients that took a `Date` from the future keep what they have until then, or until it is removed from their lists.
    ///
    /// # Errors
    /// Those of [`publish_with`](Self::publish_with).
    pub fn sign_again(
        &self,
        repository: &RepositorySettings,
        signer: &dyn Signer,
        options: PublishOptions,
        context: &Context,
    ) -> Result<PublishReport, Error> {
        super::sign_again(self, repository, signer, options, context)
    }

    /// Renders and signs the publications of the states that these tags stand for again, and lets the tags lead there. What clients see
    /// under `dists` stays as it is. Returns the tags that were treated so: a suite that left the settings, or damage in the store, may
    /// prevent it.
    ///
    /// # Errors
    /// [`SettingsError`](crate::error::SettingsError) for settings that cannot be used, and
    /// [`PublishError::KeyChange`](crate::error::PublishError::KeyChange) when clients know none of the keys. When something cannot be rendered, signed or
    /// written.
    pub fn sign_tags_again(
        &self,
        repository: &RepositorySettings,
        tags: &[TagName],
        signer: &dyn Signer,
        context: &Context,
    ) -> Result<Vec<TagName>, Error> {
        super::tagged_again::sign_tags_again(self, repository, tags, signer, context)
    }

    /// Signs again the suites of a repository whose signatures have used half of their validity: what clients see, with a new
    /// `Date` and `Valid-Until`. What was committed since stays unpublished. Without such a suite nothing is done.
    ///
    /// # Errors
    /// [`PublishError::KeyChange`](crate::error::PublishError::KeyChange) when clients know none of the keys;
    /// [`StorageError::Damaged`](crate::storage::StorageError::Damaged) when a published `Release` file is not what was published. When the result cannot
    /// be signed or written; clients keep seeing the state before.
    pub fn refresh_signatures(
        &self,
        repository: &RepositorySettings,
        signer: &dyn Signer,
        context: &Context,
    ) -> Result<PublishReport, Error> {
        super::refresh::refresh_signatures(self, repository, signer, context)
    }

    /// Returns the suites that [`refresh_signatures`](Self::refresh_signatures) would sign again.
    ///
    /// # Errors
    /// When the record of the publication cannot be read.
    pub fn due_suites(&self, repository: &RepositoryName, now: Timestamp) -> Result<Vec<DueSuite>, Error> {
        super::refresh::due_suites(self, repository, now)
    }

    /// Renders what [`publish_with`](Self::publish_with) would sign, and publishes nothing. The result has no `Release` file when clients see
    /// the current state.
    ///
    /// The signatures are published by [`publish_with`](Self::publish_with) with [`PublishOptions::exported`] and a signer that
    /// has them. `signer` has to name the same keys, and signs nothing.
    ///
    /// With [`PublishOptions::exported`] it is what was exported before, as it was then.
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
        super::export::export_unsigned(self, repository, signer, options, context)
    }

    /// The latest `Date` that clients of a repository are told; `None` when they see nothing that has a record.
    ///
    /// # Errors
    /// When the record of the publication cannot be read.
    pub fn latest_date(&self, repository: &RepositoryName) -> Result<Option<Timestamp>, Error> {
        super::latest_date(self, repository)
    }

    /// Whether clients find indices of source packages in all of these suites of a repository, as it is published now.
    ///
    /// # Errors
    /// When the record of the publication cannot be read.
    pub fn publishes_sources(
        &self,
        repository: &RepositoryName,
        suites: &[SuiteName],
    ) -> Result<bool, Error> {
        super::publishes_sources(self, repository, suites)
    }

    /// Returns the certificates of the keys that signed what clients see of a repository, in binary form, as `key.gpg` has them. `None` when
    /// nothing is published, or was by a version that published no keys.
    ///
    /// # Errors
    /// When the record of the publication or the file cannot be read, [`Damaged`](crate::storage::StorageError::Damaged) when the file is not what was published.
    pub fn published_keys(&self, repository: &RepositoryName) -> Result<Option<Vec<u8>>, Error> {
        super::public_keys::published_keys(self, repository)
    }

    /// Returns the publication that clients see of a repository; `None` when there is none.
    ///
    /// # Errors
    /// When the record of the publication cannot be read.
    pub fn current_publication(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<CurrentPublication>, Error> {
        super::shown::current_publication(self, repository)
    }

    /// Returns the fingerprints of the keys that signed what clients see of a repository. Empty when nothing was published, and where the
    /// record does not tell.
    ///
    /// # Errors
    /// When the record of the publication cannot be read.
    pub fn publication_keys(&self, repository: &RepositoryName) -> Result<Vec<String>, Error> {
        super::shown::publication_keys(self, repository)
    }

    /// The tags of a repository whose publications have a `Date` that clients refuse at `now`, and the latest of these dates.
    ///
    /// # Errors
    /// When the tags, their links or the records of publications cannot be read.
    pub fn tags_ahead(
        &self,
        repository: &RepositoryName,
        now: Timestamp,
    ) -> Result<Vec<(TagName, Timestamp)>, Error> {
        super::tagged::tags_ahead(self, repository, now)
    }

    /// Returns all files of a publication of a repository that clients of these suites, or of all if none is named, read: indices, signatures,
    /// keys and packages. `None` when there is no such publication. The flat form is not part of it.
    ///
    /// # Errors
    /// When the record of the publication or the state that it shows cannot be read.
    pub fn published_files(
        &self,
        repository: &RepositoryName,
        publication: PublicationOf,
        suites: &[SuiteName],
    ) -> Result<Option<PublishedFiles>, Error> {
        super::published_files::published_files(self, repository, publication, suites)
    }

    /// Opens one of the [published files](Self::published_files). Its content is not compared with its digest.
    ///
    /// # Errors
    /// [`NotFound`](std::io::ErrorKind::NotFound) when it has gone since, and when it cannot be opened.
    pub fn open_published(
        &self,
        repository: &RepositoryName,
        file: &TreeFile,
    ) -> std::io::Result<Box<dyn std::io::Read>> {
        super::published_files::open_published(self, repository, file)
    }
}
