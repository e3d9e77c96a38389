//! The one order in which suites are printed: the releases of Debian and Ubuntu from the oldest on, then other names.

use deb_parse::SuiteName;
use repo_store::settings::ReleaseName;

use super::joined;

/// Returns the release that a suite is named after: `bookworm` of `bookworm` and `bookworm-backports`.
pub(crate) fn release_of_suite(suite: &SuiteName) -> Option<ReleaseName> {
    ReleaseName::of_series(suite.as_str().split('-').next()?)
}

/// Returns suites in the order in which they are printed. `bookworm-updates` follows `bookworm`.
pub(crate) fn suites_in_order<'a>(suites: impl IntoIterator<Item = &'a SuiteName>) -> Vec<&'a SuiteName> {
    let mut suites: Vec<&SuiteName> = suites.into_iter().collect();
    suites.sort_by_key(|suite| {
        let release = release_of_suite(suite);
        (release.is_none(), release, suite.as_str())
    });
    suites
}

/// Returns suites in one line.
pub(crate) fn suite_list<'a>(suites: impl IntoIterator<Item = &'a SuiteName>) -> String {
    joined(&suites_in_order(suites))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_in_the_order_of_their_releases() {
        let names = [
            "zoo",
            "trixie",
            "bookworm-updates",
            "jammy",
            "bullseye",
            "focal",
            "acme",
            "bookworm",
            "sid",
            "forky",
        ];
        let suites = names.map(|name| SuiteName::parse(name).unwrap());
        assert_eq!(
            suite_list(&suites),
            "bullseye, bookworm, bookworm-updates, trixie, forky, sid, focal, jammy, acme, zoo"
        );
    }
}
