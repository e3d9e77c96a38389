//! Who may read a repository: the tokens of machines and jobs.
//!
//! A [`Token`] is shown once, when it is made. What is kept of it is its digest, in one document for each repository ([`Tokens`]).

pub(crate) mod scope;
pub(crate) mod store_methods;
pub(crate) mod token;
pub(crate) mod tokens;
