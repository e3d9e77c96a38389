//! Names that no new repository can have.

use repo_store::RepositoryName;

/// Names under which `serve` answers with something else than a repository: the scripts that set machines up, the interface for programs,
/// what monitoring asks for, and what browsers and crawlers ask for unasked.
///
/// A repository that was called so before keeps its name.
pub const RESERVED: [&str; 6] = ["api", "favicon.ico", "healthz", "metrics", "robots.txt", "setup"];

/// Returns whether no new repository can have this name.
pub(crate) fn is_reserved(name: &RepositoryName) -> bool {
    RESERVED.contains(&name.as_str())
}
