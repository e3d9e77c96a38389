//! Releases, as the data name them.

/// Who makes a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distribution {
    /// Debian.
    Debian,
    /// Ubuntu.
    Ubuntu,
}

impl Distribution {
    /// Returns the name as OSV writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debian => "Debian",
            Self::Ubuntu => "Ubuntu",
        }
    }
}

/// A release that packages are for. Debian's tracker names releases by their series, OSV by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    distribution: Distribution,
    series: String,
    number: String,
}

impl Release {
    /// Makes the release of a distribution with this series (`bookworm`) and this number (`12`, `22.04`; empty for `sid`).
    #[must_use]
    pub fn new(distribution: Distribution, series: &str, number: &str) -> Self {
        Self { distribution, series: series.to_owned(), number: number.to_owned() }
    }

    /// Returns the name of the series.
    #[must_use]
    pub fn series(&self) -> &str {
        &self.series
    }

    /// Returns who makes it.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        self.distribution
    }

    pub(crate) fn is_at(&self, place: &Place) -> bool {
        match place {
            Place::Series(series) => self.distribution == Distribution::Debian && *series == self.series,
            Place::Number(distribution, number) => {
                *distribution == self.distribution && !number.is_empty() && *number == self.number
            }
            Place::All(distribution) => *distribution == self.distribution,
        }
    }
}

/// A release, as one kind of data names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A series of Debian.
    Series(String),
    /// A number.
    Number(Distribution, String),
    /// All releases that nothing else is said of.
    All(Distribution),
}

impl Place {
    /// Reads what OSV calls an ecosystem: `Debian:12`, `Ubuntu:22.04:LTS`, or without a release. What is only for subscribers or for certain
    /// machines (`Ubuntu:Pro:…`, `Ubuntu:22.04:LTS:for:…`) and other ecosystems are none.
    pub(crate) fn of_ecosystem(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let distribution = match parts.next()? {
            "Debian" => Distribution::Debian,
            "Ubuntu" => Distribution::Ubuntu,
            _ => return None,
        };
        let Some(number) = parts.next() else { return Some(Self::All(distribution)) };
        let is_whole = matches!((parts.next(), parts.next()), (None | Some("LTS"), None));
        let is_number = number.starts_with(|c: char| c.is_ascii_digit());
        (is_whole && is_number).then(|| Self::Number(distribution, number.to_owned()))
    }

    /// Returns the words for it.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Series(series) => series.clone(),
            Self::Number(distribution, number) => format!("{} {number}", distribution.as_str()),
            Self::All(distribution) => distribution.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecosystems_are_those_of_debian_and_ubuntu_without_subscription() {
        let number = |distribution, number: &str| Some(Place::Number(distribution, number.to_owned()));
        assert_eq!(Place::of_ecosystem("Debian:12"), number(Distribution::Debian, "12"));
        assert_eq!(Place::of_ecosystem("Ubuntu:22.04:LTS"), number(Distribution::Ubuntu, "22.04"));
        assert_eq!(Place::of_ecosystem("Debian"), Some(Place::All(Distribution::Debian)));
        let others =
            ["Ubuntu:Pro:18.04:LTS", "Ubuntu:22.04:LTS:for:BlueField", "PyPI", "Alpine:v3.19", "", "Debian:"];
        for other in others {
            assert_eq!(Place::of_ecosystem(other), None, "{other}");
        }
    }
}
