//! Renders pages about APT repositories for people: HTML, and an Atom feed.
//!
//! ```text
//! Line, RepositorySummary … ─▶ Overview, RepositoryPage … ─▶ HTML
//!                              Feed ─▶ Atom
//! ```
//!
//! Each page is a value with a method that returns its markup. Links are relative to where the page is served: [`Overview`] at `/`, all
//! others below `/-/` (see [`Place`]). What others have written is a [`Line`] or a [`Description`].
//!
//! ```
//! use repo_pages::{Line, Overview, RepositorySummary};
//!
//! let prod = RepositorySummary {
//!     name: Line::new("prod"),
//!     suites: vec![Line::new("bookworm")],
//!     architectures: vec![Line::new("amd64")],
//!     files: 12,
//!     changed: None,
//! };
//! let html = Overview { repositories: vec![prod], may_log_in: false }.html();
//! assert!(html.contains("<a href=\"-/prod/\">prod</a>"));
//! ```

#![forbid(unsafe_code)]

// The laws of `fuzz` call the crate by its name.
#[cfg(test)]
extern crate self as repo_pages;

mod change;
mod comparison;
mod feed;
mod frame;
#[cfg(test)]
mod fuzz_replay;
mod line;
mod measure;
mod overview;
mod package;
mod place;
mod repository;
mod search;
mod suite;

pub use change::{Change, ChangedPackage, Sign};
pub use comparison::{Comparison, Waiting};
pub use feed::Feed;
pub use line::{Description, Line};
pub use overview::{Overview, RepositorySummary};
pub use package::{PackagePage, PackageVersion, Since};
pub use place::Place;
pub use repository::{ClientSetup, RepositoryPage, SuiteSummary};
pub use search::{Hit, SearchPage};
pub use suite::{ListedPackage, SuitePage};

/// The style sheet of all pages, in CSS.
pub const STYLE: &str = include_str!("style.css");

/// The script of the search page, which works without it.
pub const SCRIPT: &str = include_str!("search.js");

/// The value of `Content-Security-Policy` under which the pages work: nothing is loaded from elsewhere, and no markup runs a script.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests;
