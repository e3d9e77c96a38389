//! The releases of Debian and Ubuntu.

use Distribution::{Debian, Ubuntu};

/// Who makes a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distribution {
    /// Debian.
    Debian,
    /// Ubuntu.
    Ubuntu,
}

/// A release of Debian or Ubuntu, past, present or announced.
///
/// ```
/// use repo_store::settings::ReleaseName;
/// let jammy = ReleaseName::of_series("jammy").expect("a release of Ubuntu");
/// assert_eq!((jammy.number(), jammy.released()), ("22.04", "2022-04-21"));
/// assert_eq!(ReleaseName::of_series("internal"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseName(usize);

/// Distribution, series, number, and the day of the release if it is known, as in the package `distro-info-data` 0.67. The data are of
/// its authors, Benjamin Drung and Stefano Rivera.
const RELEASES: &[(Distribution, &str, &str, &str)] = &[
    (Debian, "buzz", "1.1", "1996-06-17"),
    (Debian, "rex", "1.2", "1996-12-12"),
    (Debian, "bo", "1.3", "1997-06-05"),
    (Debian, "hamm", "2.0", "1998-07-24"),
    (Debian, "slink", "2.1", "1999-03-09"),
    (Debian, "potato", "2.2", "2000-08-15"),
    (Debian, "woody", "3.0", "2002-07-19"),
    (Debian, "sarge", "3.1", "2005-06-06"),
    (Debian, "etch", "4.0", "2007-04-08"),
    (Debian, "lenny", "5.0", "2009-02-14"),
    (Debian, "squeeze", "6.0", "2011-02-06"),
    (Debian, "wheezy", "7", "2013-05-04"),
    (Debian, "jessie", "8", "2015-04-26"),
    (Debian, "stretch", "9", "2017-06-17"),
    (Debian, "buster", "10", "2019-07-06"),
    (Debian, "bullseye", "11", "2021-08-14"),
    (Debian, "bookworm", "12", "2023-06-10"),
    (Debian, "trixie", "13", "2025-08-09"),
    (Debian, "forky", "14", ""),
    (Debian, "duke", "15", ""),
    (Debian, "sid", "", ""),
    (Ubuntu, "warty", "4.10", "2004-10-20"),
    (Ubuntu, "hoary", "5.04", "2005-04-08"),
    (Ubuntu, "breezy", "5.10", "2005-10-12"),
    (Ubuntu, "dapper", "6.06", "2006-06-01"),
    (Ubuntu, "edgy", "6.10", "2006-10-26"),
    (Ubuntu, "feisty", "7.04", "2007-04-19"),
    (Ubuntu, "gutsy", "7.10", "2007-10-18"),
    (Ubuntu, "hardy", "8.04", "2008-04-24"),
    (Ubuntu, "intrepid", "8.10", "2008-10-30"),
    (Ubuntu, "jaunty", "9.04", "2009-04-23"),
    (Ubuntu, "karmic", "9.10", "2009-10-29"),
    (Ubuntu, "lucid", "10.04", "2010-04-29"),
    (Ubuntu, "maverick", "10.10", "2010-10-10"),
    (Ubuntu, "natty", "11.04", "2011-04-28"),
    (Ubuntu, "oneiric", "11.10", "2011-10-13"),
    (Ubuntu, "precise", "12.04", "2012-04-26"),
    (Ubuntu, "quantal", "12.10", "2012-10-18"),
    (Ubuntu, "raring", "13.04", "2013-04-25"),
    (Ubuntu, "saucy", "13.10", "2013-10-17"),
    (Ubuntu, "trusty", "14.04", "2014-04-17"),
    (Ubuntu, "utopic", "14.10", "2014-10-23"),
    (Ubuntu, "vivid", "15.04", "2015-04-23"),
    (Ubuntu, "wily", "15.10", "2015-10-22"),
    (Ubuntu, "xenial", "16.04", "2016-04-21"),
    (Ubuntu, "yakkety", "16.10", "2016-10-13"),
    (Ubuntu, "zesty", "17.04", "2017-04-13"),
    (Ubuntu, "artful", "17.10", "2017-10-19"),
    (Ubuntu, "bionic", "18.04", "2018-04-26"),
    (Ubuntu, "cosmic", "18.10", "2018-10-18"),
    (Ubuntu, "disco", "19.04", "2019-04-18"),
    (Ubuntu, "eoan", "19.10", "2019-10-17"),
    (Ubuntu, "focal", "20.04", "2020-04-23"),
    (Ubuntu, "groovy", "20.10", "2020-10-22"),
    (Ubuntu, "hirsute", "21.04", "2021-04-22"),
    (Ubuntu, "impish", "21.10", "2021-10-14"),
    (Ubuntu, "jammy", "22.04", "2022-04-21"),
    (Ubuntu, "kinetic", "22.10", "2022-10-20"),
    (Ubuntu, "lunar", "23.04", "2023-04-20"),
    (Ubuntu, "mantic", "23.10", "2023-10-12"),
    (Ubuntu, "noble", "24.04", "2024-04-25"),
    (Ubuntu, "oracular", "24.10", "2024-10-10"),
    (Ubuntu, "plucky", "25.04", "2025-04-17"),
    (Ubuntu, "questing", "25.10", "2025-10-09"),
    (Ubuntu, "resolute", "26.04", "2026-04-23"),
    (Ubuntu, "stonking", "26.10", "2026-10-15"),
];

impl ReleaseName {
    /// Returns the release whose series (`bookworm`) this is.
    #[must_use]
    pub fn of_series(series: &str) -> Option<Self> {
        RELEASES.iter().position(|(_, name, ..)| name.eq_ignore_ascii_case(series)).map(Self)
    }

    /// Returns every release, Debian's first, each distribution's in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..RELEASES.len()).map(Self)
    }

    fn entry(self) -> (Distribution, &'static str, &'static str, &'static str) {
        RELEASES.get(self.0).copied().unwrap_or((Debian, "", "", ""))
    }

    /// Returns who makes the release.
    #[must_use]
    pub fn distribution(self) -> Distribution {
        self.entry().0
    }

    /// Returns the name of the series, such as `bookworm`.
    #[must_use]
    pub fn series(self) -> &'static str {
        self.entry().1
    }

    /// Returns the number, such as `12` or `22.04`; empty for `sid`.
    #[must_use]
    pub fn number(self) -> &'static str {
        self.entry().2
    }

    /// Returns the day of the release as `2023-06-10`; empty when it is not known.
    #[must_use]
    pub fn released(self) -> &'static str {
        self.entry().3
    }

    /// Debian's with that number before the point. Before 4.0 several releases shared one.
    pub(super) fn of_debian(number: &str) -> Option<Self> {
        let is_it = |release: &Self| {
            let major = release.number().split('.').next().unwrap_or_default();
            release.distribution() == Debian && major == number && !matches!(major, "" | "1" | "2" | "3")
        };
        Self::all().find(is_it)
    }

    /// Ubuntu's with that year and month.
    pub(super) fn of_ubuntu(year: &str, month: &str) -> Option<Self> {
        let is_it = |release: &Self| {
            release.distribution() == Ubuntu && release.number().split_once('.') == Some((year, month))
        };
        Self::all().find(is_it)
    }
}

impl std::fmt::Debug for ReleaseName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReleaseName({})", self.series())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_releases_are_those_of_distro_info() {
        for distribution in ["debian", "ubuntu"] {
            let Ok(text) = std::fs::read_to_string(format!("/usr/share/distro-info/{distribution}.csv"))
            else {
                println!("SKIPPED: distro-info-data is not installed");
                return;
            };
            for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
                let cells: Vec<&str> = line.split(',').collect();
                let (number, series, released) =
                    (cells[0], cells[2], cells.get(4).copied().unwrap_or_default());
                // What was announced after this version of the program is not known to it.
                let Some(release) = ReleaseName::of_series(series) else {
                    assert!(released.get(..4).is_none_or(|year| year > "2025"), "{series} is missing");
                    continue;
                };
                assert_eq!(release.number(), number.trim_end_matches(" LTS"), "{series}");
                assert!(release.released().is_empty() || release.released() == released, "{series}");
            }
        }
    }
}
