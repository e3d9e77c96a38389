//! Who may read a repository, and who does: the tokens of machines and jobs, and the machines that were seen.
//!
//! A [`Token`] is shown once, when it is made. What is kept of it is its digest, in one document for each repository ([`Tokens`]).

pub(crate) mod machines;
pub(crate) mod scope;
pub(crate) mod sighting;
pub(crate) mod store_methods;
pub(crate) mod token;
pub(crate) mod tokens;
