//! Where pages are served, and how one leads to another.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for itself in an element of a path.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns a text as one element of a path, or as a value in a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// A page, by what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// The list of repositories: `/`.
    Overview,
    /// A search in all repositories that one may read, or in one: `/-/search`, `/-/prod/search`.
    Search(Option<String>),
    /// A repository: `/-/prod/`.
    Repository(String),
    /// A suite: `/-/prod/suite/bookworm`.
    Suite(String, String),
    /// A package: `/-/prod/package/hello`.
    Package(String, String),
    /// The feed of the changes of a repository: `/-/prod/changes.atom`.
    Feed(String),
    /// The style sheet: `/-/style.css`.
    Style,
    /// The script of the search: `/-/search.js`.
    Script,
}

impl Place {
    /// Reads what stands behind `/-/` in a path, decoded, in elements. A path that ends in a slash has an empty last element.
    #[must_use]
    pub fn parse(elements: &[&str]) -> Option<Self> {
        Some(match *elements {
            ["search"] => Self::Search(None),
            ["style.css"] => Self::Style,
            ["search.js"] => Self::Script,
            [repository, ""] => Self::Repository(repository.to_owned()),
            [repository, "search"] => Self::Search(Some(repository.to_owned())),
            [repository, "changes.atom"] => Self::Feed(repository.to_owned()),
            [repository, "suite", suite] => Self::Suite(repository.to_owned(), suite.to_owned()),
            [repository, "package", package] => Self::Package(repository.to_owned(), package.to_owned()),
            _ => return None,
        })
    }

    /// Returns the repository that the page is about, if it is about one.
    #[must_use]
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Overview | Self::Search(None) | Self::Style | Self::Script => None,
            Self::Repository(name) | Self::Feed(name) | Self::Search(Some(name)) => Some(name),
            Self::Suite(name, _) | Self::Package(name, _) => Some(name),
        }
    }

    /// Returns the path without the slash that it begins with.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Overview => String::new(),
            Self::Search(None) => "-/search".to_owned(),
            Self::Search(Some(repository)) => format!("-/{}/search", encoded(repository)),
            Self::Repository(repository) => format!("-/{}/", encoded(repository)),
            Self::Suite(repository, suite) => format!("-/{}/suite/{}", encoded(repository), encoded(suite)),
            Self::Package(repository, package) => {
                format!("-/{}/package/{}", encoded(repository), encoded(package))
            }
            Self::Feed(repository) => format!("-/{}/changes.atom", encoded(repository)),
            Self::Style => "-/style.css".to_owned(),
            Self::Script => "-/search.js".to_owned(),
        }
    }

    /// Returns what leads from this page up to where all repositories are: `../` for each slash in the path.
    #[must_use]
    pub fn up(&self) -> String {
        "../".repeat(self.path().matches('/').count())
    }

    /// Returns a link from this page to another one.
    #[must_use]
    pub fn to(&self, other: &Self) -> String {
        let link = format!("{}{}", self.up(), other.path());
        if link.is_empty() { "./".to_owned() } else { link }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Place> {
        let (prod, odd) = ("prod".to_owned(), "g++ <\"/%".to_owned());
        vec![
            Place::Search(None),
            Place::Search(Some(prod.clone())),
            Place::Repository(prod.clone()),
            Place::Suite(prod.clone(), odd.clone()),
            Place::Package(prod.clone(), odd),
            Place::Feed(prod),
            Place::Style,
            Place::Script,
        ]
    }

    #[test]
    fn a_path_reads_back_as_the_page() {
        for place in all() {
            let path = place.path();
            let elements: Vec<String> = path
                .split('/')
                .skip(1)
                .map(|element| {
                    percent_encoding::percent_decode_str(element).decode_utf8().unwrap().into_owned()
                })
                .collect();
            let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
            assert_eq!(Place::parse(&elements), Some(place));
            assert!(!path.contains(['<', '"', ' ']), "{path}");
        }
        for none in [&["prod"][..], &[], &[""], &["prod", "x"], &["prod", "suite"], &["a", "suite", "b", "c"]]
        {
            assert_eq!(Place::parse(none), None, "{none:?}");
        }
    }

    #[test]
    fn links_are_relative() {
        let package = Place::Package("prod".to_owned(), "hello".to_owned());
        assert_eq!(package.to(&Place::Style), "../../../-/style.css");
        assert_eq!(Place::Overview.to(&Place::Repository("prod".to_owned())), "-/prod/");
        assert_eq!(Place::Overview.to(&Place::Overview), "./");
        assert_eq!(Place::Repository("prod".to_owned()).to(&Place::Overview), "../../");
    }
}
