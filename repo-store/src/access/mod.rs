//! Who may read a repository, and who does: the tokens of machines and jobs, and the machines that were seen.
//!
//! [`Store::add_token`](crate::Store::add_token) makes a token, [`Store::machines`](crate::Store::machines) reads what was seen.
//!
//! A [`Token`] is shown once, when it is made. What is kept of it is its digest, in one document for each repository ([`Tokens`]).

pub(crate) mod machines;
pub(crate) mod scope;
pub(crate) mod sighting;
pub(crate) mod store_methods;
pub(crate) mod token;
pub(crate) mod tokens;

pub use machines::{Machine, MachineKind, Machines, SuiteSeen};
pub use scope::{ScopeKind, TokenScope};
pub use sighting::{SeenRequest, Sighting};
pub use token::Token;
pub use tokens::{NewToken, TokenEntry, Tokens};
