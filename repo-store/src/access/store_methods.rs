//! What [`Store`] offers of who may read. Each method calls the file that is about it.

use jiff::Timestamp;

use crate::access::machines::Machines;
use crate::access::sighting::Sighting;
use crate::access::token::Token;
use crate::access::tokens::{NewToken, TokenEntry, Tokens};
use crate::context::Context;
use crate::error::Error;
use crate::model::name::{HolderName, RepositoryName};
use crate::store::Store;

impl Store {
    /// Returns the tokens that may read a repository, those that have expired too.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn tokens(&self, repository: &RepositoryName) -> Result<Tokens, Error> {
        super::tokens::tokens(self, repository)
    }

    /// Makes a token that may read a repository. What is returned is known to nobody else and is not kept.
    ///
    /// # Errors
    /// [`AccessError::HolderTaken`](crate::error::AccessError::HolderTaken) when there is one for that holder.
    pub fn add_token(
        &self,
        repository: &RepositoryName,
        new: &NewToken,
        context: &Context,
    ) -> Result<Token, Error> {
        super::tokens::add(self, repository, new, context)
    }

    /// Makes the token of a holder worthless, and returns what was known of it.
    ///
    /// # Errors
    /// [`AccessError::UnknownHolder`](crate::error::AccessError::UnknownHolder).
    pub fn revoke_token(
        &self,
        repository: &RepositoryName,
        holder: &HolderName,
        context: &Context,
    ) -> Result<TokenEntry, Error> {
        super::tokens::revoke(self, repository, holder, context)
    }

    /// Gives the holder of a token another name. The token stays the same.
    ///
    /// # Errors
    /// [`AccessError::UnknownHolder`](crate::error::AccessError::UnknownHolder), and
    /// [`AccessError::HolderTaken`](crate::error::AccessError::HolderTaken) when another has that name.
    pub fn rename_token(
        &self,
        repository: &RepositoryName,
        names: (&HolderName, &HolderName),
        context: &Context,
    ) -> Result<(), Error> {
        super::tokens::rename(self, repository, names, context)
    }

    /// Returns the machines that read a repository, as far as they were seen.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn machines(&self, repository: &RepositoryName) -> Result<Machines, Error> {
        super::machines::machines(self, repository)
    }

    /// Notes what requests tell about machines, in the order in which they came. It needs no right to write outside `store/machines`.
    ///
    /// # Errors
    /// When the list cannot be read or written.
    pub fn note_machines(
        &self,
        repository: &RepositoryName,
        sightings: &[Sighting],
        now: Timestamp,
    ) -> Result<(), Error> {
        super::machines::note(self, repository, sightings, now)
    }

    /// Notes what the log of a server tells, without what was noted before, and returns how many requests were new.
    ///
    /// # Errors
    /// When the list cannot be read or written.
    pub fn import_machines(
        &self,
        repository: &RepositoryName,
        sightings: &[Sighting],
        now: Timestamp,
    ) -> Result<usize, Error> {
        super::machines::import(self, repository, sightings, now)
    }

    /// Forgets a machine until it is seen again, and returns how many had the name.
    ///
    /// # Errors
    /// [`AccessError::UnknownMachine`](crate::error::AccessError::UnknownMachine).
    pub fn forget_machine(
        &self,
        repository: &RepositoryName,
        name: &str,
        context: &Context,
    ) -> Result<usize, Error> {
        super::machines::forget(self, repository, name, context)
    }
}
