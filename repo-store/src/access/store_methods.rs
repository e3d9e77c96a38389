//! What [`Store`] offers of who may read. Each method calls the file that is about it.

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
    /// [`AccessError::HolderTaken`](crate::AccessError::HolderTaken) when there is one for that holder.
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
    /// [`AccessError::UnknownHolder`](crate::AccessError::UnknownHolder).
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
    /// [`AccessError::UnknownHolder`](crate::AccessError::UnknownHolder), and
    /// [`AccessError::HolderTaken`](crate::AccessError::HolderTaken) when another has that name.
    pub fn rename_token(
        &self,
        repository: &RepositoryName,
        names: (&HolderName, &HolderName),
        context: &Context,
    ) -> Result<(), Error> {
        super::tokens::rename(self, repository, names, context)
    }
}
