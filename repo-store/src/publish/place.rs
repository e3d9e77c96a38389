//! Where in a published tree the indices of a suite stand.
//!
//! A suite may also be published flat: one index of all its packages at the root of the repository, for clients with a line
//! `deb http://host/repository ./`. Its files stand beside the suites in `dists/.flat`, and the root has symbolic links to them
//! through `dists`: so one rename switches both forms.

use std::collections::BTreeMap;

use camino::Utf8Path;
use deb_parse::SuiteName;

use super::layout::DISTS;
use super::publication::{Publication, PublishedSuite};

/// A form in which a suite is published.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In `dists`, an index for each component and architecture.
    Suite(SuiteName),
    /// At the root of the repository, one index for all.
    Flat(SuiteName),
}

/// The directory in `dists` of the flat form. No suite can be called so.
pub(crate) const FLAT: &str = ".flat";

impl Place {
    /// The suite.
    pub(crate) fn suite(&self) -> &SuiteName {
        match self {
            Self::Suite(suite) | Self::Flat(suite) => suite,
        }
    }

    /// Its directory in `dists`.
    pub(crate) fn directory(&self) -> &str {
        match self {
            Self::Suite(suite) => suite.as_str(),
            Self::Flat(_) => FLAT,
        }
    }
}

impl Publication {
    /// The symbolic links of an archive root that lead to the flat form, by name.
    pub(crate) fn flat_links(&self) -> BTreeMap<String, String> {
        let flat = self.suites.iter().filter(|(place, _)| matches!(place, Place::Flat(_)));
        let names = flat.flat_map(|(_, suite)| names_in_root(suite));
        names.map(|name| (name.clone(), format!("{DISTS}/{FLAT}/{name}"))).collect()
    }
}

fn names_in_root(suite: &PublishedSuite) -> Vec<String> {
    let signed = suite.signed.by_name();
    let signed = signed.iter().map(|(name, _)| (*name).to_owned());
    let indices = suite.indices.iter().flat_map(|(path, index)| index.files_at(path));
    let indices = indices.filter_map(|(path, _)| Some(Utf8Path::new(&path).iter().next()?.to_owned()));
    signed.chain(indices).chain(["by-hash".to_owned()]).collect()
}

/// Whether a symbolic link in an archive root is the one of that name to a flat form.
pub(super) fn is_flat_link(name: &str, target: &Utf8Path) -> bool {
    target == format!("{DISTS}/{FLAT}/{name}")
}
