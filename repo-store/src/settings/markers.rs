//! What in a version names the releases that a package was built for.

use deb_parse::SuiteName;

use crate::settings::release_mark::Mention;
use crate::settings::release_name::ReleaseName;

/// What marks a version as built for a suite: releases of Debian and Ubuntu, in every style in which versions name them, and words.
///
/// A word counts where neither a letter stands before it nor a letter or digit carries it on: `acme1` does not match `acme12`. The `u`
/// of an update (`acme12u1`) and a number after a name (`~internal1`) do not carry a word on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markers(Vec<Marker>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Marker {
    Release(ReleaseName),
    Word(String),
}

impl Marker {
    /// The name of a release means all its styles; any other word means itself, also one such as `bpo12`: a suite of backports has that
    /// marker alone.
    fn new(word: &str) -> Self {
        ReleaseName::of_series(word).map_or_else(|| Self::Word(word.to_owned()), Self::Release)
    }
}

impl Markers {
    /// Makes markers of these words. The name of a release, such as `bookworm`, stands for everything that names it.
    #[must_use]
    pub fn new(words: &[String]) -> Self {
        Self(words.iter().filter(|word| !word.is_empty()).map(|word| Marker::new(word)).collect())
    }

    /// Makes the marker of a suite that is called like a release, or like one with something after a hyphen
    /// (`bookworm-updates`): that release. The name of any other suite marks itself.
    #[must_use]
    pub fn of_suite(suite: &SuiteName) -> Self {
        let name = suite.as_str().split('-').next().unwrap_or_default();
        let release = ReleaseName::of_series(name).map(Marker::Release);
        Self(vec![release.unwrap_or_else(|| Marker::Word(suite.as_str().to_owned()))])
    }

    /// Where in `version`, which names these releases, the last marker stands.
    pub(crate) fn last_in(&self, version: &str, mentions: &[Mention]) -> Option<usize> {
        let place = |marker: &Marker| match marker {
            Marker::Release(release) => mentions
                .iter()
                .rev()
                .find(|mention| mention.release == Some(*release))
                .map(|mention| mention.at),
            Marker::Word(word) => last_occurrence(version, word),
        };
        self.0.iter().filter_map(place).max()
    }
}

fn last_occurrence(version: &str, word: &str) -> Option<usize> {
    version.rmatch_indices(word).map(|(place, _)| place).find(|place| {
        let before = place.checked_sub(1).and_then(|at| version.as_bytes().get(at));
        let mut after = version.bytes().skip(place + word.len());
        let next = after.next();
        let carried_on = if word.ends_with(|c: char| c.is_ascii_digit()) {
            next.is_some_and(|c| c.is_ascii_digit() || (c.is_ascii_alphabetic() && c != b'u'))
        } else {
            next.is_some_and(|c| c.is_ascii_alphabetic())
        };
        let digit_goes_on =
            word.starts_with(|c: char| c.is_ascii_digit()) && before.is_some_and(u8::is_ascii_digit);
        before.is_some_and(|before| !before.is_ascii_alphabetic()) && !digit_goes_on && !carried_on
    })
}
