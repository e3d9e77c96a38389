//! The releases of Debian and Ubuntu, and what versions of packages call them.
//!
//! A package that was built for one release says so in its version, in one of many styles: `+deb12u1`, `~bookworm1`, `1debian12`,
//! `~bpo12+1`, `.pgdg120+1`, `~jammy1`, `1jammy.2023`, `~ubuntu22.04.1`, `0ubuntu0.22.04.1`, `~22.04`, `~2204`, `~ubu2204`,
//! `.d12`, `~u22`, `1u2204`.

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
/// use repo_store::ReleaseName;
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
    fn of_debian(number: &str) -> Option<Self> {
        let is_it = |release: &Self| {
            let major = release.number().split('.').next().unwrap_or_default();
            release.distribution() == Debian && major == number && !matches!(major, "" | "1" | "2" | "3")
        };
        Self::all().find(is_it)
    }

    /// Ubuntu's with that year and month.
    fn of_ubuntu(year: &str, month: &str) -> Option<Self> {
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

/// A release named by a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    /// Where it begins in the version.
    pub(crate) at: usize,
    /// The release; `None` for a number beyond all that are known, such as `deb99`.
    pub(crate) release: Option<ReleaseName>,
}

/// What a number or name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Known(ReleaseName),
    /// A release that the table does not have yet.
    Unknown,
}

impl Named {
    fn known(self) -> Option<ReleaseName> {
        match self {
            Self::Known(release) => Some(release),
            Self::Unknown => None,
        }
    }
}

/// Finds every release that a version names, from left to right. The version is without its epoch.
pub(crate) fn mentions(version: &str) -> Vec<Mention> {
    // Without a hyphen no upstream version could be taken for a mark.
    let hyphen = version.rfind('-');
    let revision = hyphen.map_or(0, |hyphen| hyphen + 1);
    let mut found = Vec::new();
    let mut at = 0;
    let mut before = '\0';
    while let Some(rest) = version.get(at..).filter(|rest| !rest.is_empty()) {
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (word, behind) = rest.split_at_checked(letters.max(1)).unwrap_or((rest, ""));
        // Words of an upstream version that hyphens separate are its own: `0.7-groovy-2.0-4`. The last one may be a mark: `2.4-deb12-1`.
        let is_last = || rest.find('-').map(|length| at + length) == hyphen;
        let is_counter = || word.eq_ignore_ascii_case("debian") && digits(behind).0.len() < 2;
        let is_upstreams = before == '-' && at < revision && (!is_last() || is_counter());
        let in_revision = at >= revision && hyphen.is_some();
        let named = match word {
            "~" if at >= revision => bare(behind).map(Named::Known),
            _ if letters == 0 || is_upstreams => None,
            word => {
                let place = MarkPlace {
                    before,
                    in_revision,
                    in_upstream: at < revision,
                    behind_hyphen: version.get(..at).is_some_and(|start| start.contains('-')),
                };
                named(place, &word.to_ascii_lowercase(), behind)
            }
        };
        // What is called by a number alone begins behind its tilde.
        let begin = if letters > 0 { at } else { at + 1 };
        found.extend(named.map(|named| Mention { at: begin, release: named.known() }));
        at += word.len();
        before = word.chars().next_back().unwrap_or(before);
    }
    found
}

/// Where a run of letters stands in a version.
#[derive(Clone, Copy, Debug)]
struct MarkPlace {
    /// The character before it.
    before: char,
    /// Whether it stands in a Debian revision.
    in_revision: bool,
    /// Whether it stands in the upstream version of a package that has a Debian revision.
    in_upstream: bool,
    /// Whether any hyphen stands before it.
    behind_hyphen: bool,
}

/// The release that a run of letters names, together with what stands before and behind it.
fn named(place: MarkPlace, word: &str, behind: &str) -> Option<Named> {
    let MarkPlace { before, in_revision, in_upstream, behind_hyphen } = place;
    // A number of two digits alone may be a counter, unless a separator stands before its letters where upstream writes nothing.
    let is_apart = before == '~' && !in_upstream || in_revision && matches!(before, '.' | '+' | '-');
    match word {
        "deb" | "bpo" if before == '~' && behind.starts_with(['.', '-']) => {
            let number = behind.strip_prefix(['.', '-']).unwrap_or(behind);
            debian(number).filter(|named| digits(number).0.len() == 2 && named.known().is_some())
        }
        "deb" => debian(behind),
        "bpo" => calendar(behind)
            .or_else(|| debian(behind))
            .or_else(|| debian_tenfold(behind).filter(|named| named.known().is_some())),
        // `+debian.4` is more often the fourth change for Debian than the fourth Debian, and `1.0~debian-5` is its fifth revision.
        "debian" if before == '~' => {
            let two_digits = |rest: &&str| digits(rest).0.len() == 2;
            let joined = behind.strip_prefix('-').filter(two_digits);
            debian(joined.unwrap_or_else(|| behind.strip_prefix('.').unwrap_or(behind)))
        }
        // `2.4debian-13` is a thirteenth revision, `2.4-1debian-12` has one already.
        "debian" if before.is_ascii_digit() && behind_hyphen && behind.starts_with('-') => {
            let number = behind.trim_start_matches('-');
            debian(number).filter(|named| digits(number).0.len() == 2 && named.known().is_some())
        }
        "debian" if before == '.' && in_revision => debian(behind.strip_prefix('.').unwrap_or(behind)),
        "debian" => debian(behind),
        // Ubuntu counts its changes as in `1ubuntu8.10`; no counter begins with a zero.
        "ubuntu" if before.is_ascii_digit() && !names_april(behind) && !names_october(behind) => None,
        "ubuntu" | "ubu" | "ub" => {
            let number = behind.strip_prefix(['.', '-', '~', '+', '_']).unwrap_or(behind);
            ubuntu(number).or_else(|| long_term(number).filter(|_| is_apart || before == '~'))
        }
        "pgdg" => ubuntu(behind)
            .or_else(|| debian(behind).filter(|named| named.known().is_some()))
            .or_else(|| debian_tenfold(behind)),
        // The `u` of an update follows a number too, as in `deb12u1`: only a year and month are no such count.
        "u" | "pop" => {
            let is_year = |number: &str| digits(number).0.len() == 2;
            let is_place = matches!(before, '~' | '+') || in_revision;
            let full = calendar(behind).filter(|_| is_year(behind)).or_else(|| joined(behind));
            full.filter(|_| is_place).or_else(|| long_term(behind).filter(|_| is_apart))
        }
        // In hexadecimal numbers `d12` is followed by more letters or digits.
        "d" if is_apart || before == '+' && !in_upstream => {
            let (number, rest) = digits(behind);
            let ends = !rest.starts_with(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'u' | 'U'));
            debian(behind).filter(|named| number.len() == 2 && ends && named.known().is_some())
        }
        word => {
            let series = word.strip_prefix("debian").or_else(|| word.strip_prefix("ubuntu")).unwrap_or(word);
            ReleaseName::of_series(series).map(Named::Known)
        }
    }
}

/// Whether a number is not a counter: its month, or that after a revision, is written with a zero, or it is joined.
fn names_april(text: &str) -> bool {
    let (number, behind) = digits(text);
    let is_padded = |text: &str| text.strip_prefix('.').is_some_and(|text| text.starts_with('0'));
    let after_revision = || behind.strip_prefix('.').is_some_and(|rest| calendar(rest).is_some());
    number.len() == 4 || is_padded(behind) || after_revision()
}

/// Whether a number is hardly a counter: few packages have twenty revisions for Ubuntu, and then ten updates of one.
fn names_october(text: &str) -> bool {
    let is_late = |release: ReleaseName| matches!(release.number().split_once('.'), Some((year, "10")) if year.len() == 2 && year >= "20");
    calendar(text).and_then(Named::known).is_some_and(is_late)
}

/// `22` for 22.04: of a year of two releases the one with long-term support is meant, which even years have.
fn long_term(text: &str) -> Option<Named> {
    let (year, _) = digits(text);
    let is_even = year.ends_with(['0', '2', '4', '6', '8']);
    let found = ReleaseName::of_ubuntu(year, "04").filter(|_| is_even && year.len() == 2);
    found.map(Named::Known)
}

/// The digits at the start of a text and what follows.
fn digits(text: &str) -> (&str, &str) {
    text.split_at_checked(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
        .unwrap_or((text, ""))
}

/// `12`, and behind it at most the `u` of an update or the `b` of a build.
fn debian(text: &str) -> Option<Named> {
    let (number, behind) = digits(text);
    let ends = !behind.starts_with(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'u' | 'U' | 'b'));
    debian_of(number).filter(|_| ends)
}

/// `120` for 12.0, as pgdg writes; `70` for 7.0, as backports once did.
fn debian_tenfold(text: &str) -> Option<Named> {
    let (number, _) = digits(text);
    number.strip_suffix('0').and_then(debian_of)
}

/// Debian's release of that number, or one to come.
fn debian_of(number: &str) -> Option<Named> {
    let is_to_come = || {
        let majors = ReleaseName::all().filter(|release| release.distribution() == Debian);
        number.len() == 2 && is_above_all(number, majors)
    };
    ReleaseName::of_debian(number).map(Named::Known).or_else(|| is_to_come().then_some(Named::Unknown))
}

/// Whether a number is above the first number of all these releases.
fn is_above_all(number: &str, mut releases: impl Iterator<Item = ReleaseName>) -> bool {
    let first =
        |release: ReleaseName| release.number().split('.').next().and_then(|major| major.parse().ok());
    let number: Option<u32> = number.parse().ok();
    number
        .is_some_and(|number| releases.all(|release| first(release).is_none_or(|known: u32| known < number)))
}

/// `22.04`, `2204`, or one of these after the number of an Ubuntu revision: `0.22.04.1`.
fn ubuntu(text: &str) -> Option<Named> {
    let (_, behind) = digits(text);
    let revision = || calendar(behind.strip_prefix('.')?);
    calendar(text).or_else(|| joined(text)).or_else(revision)
}

/// `2204`, and no digit behind it.
fn joined(text: &str) -> Option<Named> {
    let (number, _) = digits(text);
    let (year, month) = number.split_at_checked(2).filter(|_| number.len() == 4)?;
    ubuntu_of(year, month)
}

/// `22.04`, and no digit behind it.
fn calendar(text: &str) -> Option<Named> {
    let (year, behind) = digits(text);
    let (month, _) = digits(behind.strip_prefix('.')?);
    ubuntu_of(year, month)
}

/// Ubuntu's release of that year and month, or one to come.
fn ubuntu_of(year: &str, month: &str) -> Option<Named> {
    let is_to_come = || {
        let releases = ReleaseName::all().filter(|release| release.distribution() == Ubuntu);
        year.len() == 2 && matches!(month, "04" | "10") && is_above_all(year, releases)
    };
    let known = ReleaseName::of_ubuntu(year, month).map(Named::Known);
    known.or_else(|| is_to_come().then_some(Named::Unknown))
}

/// A number alone counts only after a tilde in the Debian revision, and with a year of two digits: many upstream versions have such
/// numbers. `2010.10.3` and `2004rc1` are of those.
fn bare(text: &str) -> Option<ReleaseName> {
    let (number, behind) = digits(text);
    match number.len() {
        2 => calendar(text)?.known(),
        4 if !behind.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let (month, _) = digits(behind.strip_prefix('.').unwrap_or_default());
            if month.len() == 2 { None } else { joined(text)?.known() }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(version: &str) -> Option<&'static str> {
        let last = mentions(version).pop()?;
        Some(last.release.map_or("unknown", ReleaseName::series))
    }

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

    /// How versions name a release, for those that have a number.
    fn styles(release: ReleaseName) -> Vec<String> {
        let (series, number) = (release.series(), release.number());
        let mut marks = vec![series.to_owned(), format!("{series}1"), format!("{series}.2023.1")];
        if release.distribution() == Debian && !number.is_empty() {
            let major = number.split('.').next().unwrap();
            for form in ["deb#", "deb#u1", "debian#", "debian#.1", "bpo#+1", "pgdg#0+1", "pgdg#+1"] {
                marks.push(form.replace('#', major));
            }
        } else if release.distribution() == Ubuntu {
            let joined = number.replace('.', "");
            for form in ["ubuntu#", "ubuntu#.1", "ubuntu0.#.1", "ubuntu2.#", "ubuntu.#", "pgdg#+1", "ubu#"] {
                marks.push(form.replace('#', number));
            }
            if joined.len() == 4 {
                marks.extend([format!("ubu{joined}"), format!("ubuntu{joined}")]);
            }
        }
        marks
    }

    #[test]
    fn every_style_names_every_release() {
        for release in ReleaseName::all() {
            // Before 4.0 several releases of Debian shared a number.
            let is_shared =
                release.distribution() == Debian && release.number() < "4" && release.number().contains('.');
            for mark in
                styles(release).into_iter().filter(|mark| !is_shared || mark.starts_with(release.series()))
            {
                for start in ["1.2-1+", "1.2-1~", "1.2-1.", "1.2-1", "1.2.3-0ubuntu1~"] {
                    let version = format!("{start}{mark}");
                    // Such a number could be a counter of Ubuntu's changes.
                    if start.ends_with("-1")
                        && mark.starts_with("ubuntu")
                        && !mark.contains(".04")
                        && !mark.contains(".06")
                    {
                        continue;
                    }
                    assert_eq!(last(&version), Some(release.series()), "{version}");
                }
            }
            for mark in styles(release) {
                // A number of one digit could be a counter of changes for Debian there.
                let is_counter = mark.starts_with("debian") && !mark.starts_with("debian1");
                if !mark.starts_with(release.series()) && (is_shared || is_counter) {
                    continue;
                }
                // The mark may stand before the revision as well.
                let version = format!("1.2.3-{mark}-1");
                assert_eq!(last(&version), Some(release.series()), "{version}");
            }
            if release.distribution() == Ubuntu {
                let number = release.number();
                if number.len() < 5 {
                    continue;
                }
                for version in [format!("1.2-1~{number}"), format!("1.2-1ubuntu1~{number}.2")] {
                    assert_eq!(last(&version), Some(release.series()), "{version}");
                }
            }
        }
    }

    #[test]
    fn every_release_is_named_by_its_year_or_behind_a_hyphen_too() {
        for release in ReleaseName::all() {
            let number = release.number();
            let mut versions = Vec::new();
            if release.distribution() == Debian && number.len() == 2 {
                versions.push(format!("1.2-1debian-{number}"));
            } else if let Some((year, month)) = number.split_once('.').filter(|(year, _)| year.len() == 2) {
                versions.extend([format!("1.2-1~ub{number}"), format!("1.2-1~ub{year}{month}")]);
                let is_even = year.parse::<u32>().unwrap() % 2 == 0;
                if is_even && month == "04" {
                    let styles =
                        ["1.2-1~ubuntu#", "1.2-1~ubuntu-#", "1.2-1-ubuntu#", "1.2~ubuntu#", "1.2-1~ub#"];
                    versions.extend(styles.map(|style| style.replace('#', year)));
                }
                if year >= "20" {
                    versions.extend([format!("1.2-1ubuntu{number}"), format!("1.2-0ubuntu{number}.2")]);
                }
            }
            for version in versions {
                assert_eq!(last(&version), Some(release.series()), "{version}");
            }
        }
    }

    #[test]
    fn every_release_is_named_by_the_first_letter_of_its_distribution_or_a_joined_number_too() {
        for release in ReleaseName::all() {
            let number = release.number();
            let mut marks = Vec::new();
            if release.distribution() == Debian && number.len() == 2 {
                for form in [".d#", "~d#", "-d#", "+d#", "~d#u1", "+d#+2", ".deb#", "+deb#", "-debian#"] {
                    marks.push(form.replace('#', number));
                }
            } else if let Some((year, month)) = number.split_once('.').filter(|(year, _)| year.len() == 2) {
                for form in ["~#", "~u#", "+u#", ".u#", "-u#", "u#", "~ubu#", ".ub#"] {
                    for number in [number.to_owned(), format!("{year}{month}")] {
                        marks.extend([
                            form.replace('#', &number),
                            format!("{}+1", form.replace('#', &number)),
                        ]);
                    }
                }
                if month == "04" && year.parse::<u32>().unwrap() % 2 == 0 {
                    marks.extend(
                        ["~u#", ".u#", "-u#", "+u#", ".ubuntu#", ".ub#"].map(|form| form.replace('#', year)),
                    );
                }
            }
            for mark in marks {
                for start in ["5-1", "1.2.3-0.1", "2:4-3+deb9u1"] {
                    let version = format!("{start}{mark}");
                    assert_eq!(last(&version), Some(release.series()), "{version}");
                }
                // Without a revision a hyphen would begin one, and only a tilde or plus sets a mark apart from the version.
                if mark.starts_with('~') {
                    let version = format!("1.0{mark}");
                    assert_eq!(last(&version), Some(release.series()), "{version}");
                }
            }
        }
    }

    #[test]
    fn the_last_release_named_counts() {
        for (version, series) in [
            ("1.2-1+deb12u1~bpo11+1", "bullseye"),
            ("1.2-1+deb12u1~jammy1", "jammy"),
            ("24.0.7-1~debian.12~bookworm", "bookworm"),
            ("24.0.7-1~ubuntu.22.04~jammy", "jammy"),
            ("16.1-1.pgdg120+1", "bookworm"),
            ("1.2-1~bpo22.04.1", "jammy"),
            ("13.6ubuntu1~bpo20.04.1", "focal"),
            ("6.12-0xamarin1+debian10b1", "buster"),
            ("2.3-1~BOOKWORM1", "bookworm"),
            // Before a revision, or behind it with a hyphen or point.
            ("2.4.1-bookworm-1", "bookworm"),
            ("2.4.1-jammy1-1", "jammy"),
            ("2.4.1-rc1-trixie.2-1", "trixie"),
            ("2.4.1-deb12-1", "bookworm"),
            ("2.4.1-deb12u1-1", "bookworm"),
            ("2.4.1-debian11-1", "bullseye"),
            ("2.4.1-ubuntu22.04-1", "jammy"),
            ("1.0-1.debian.11", "bullseye"),
            ("1.0-1-debian11", "bullseye"),
            ("1.0~debian-11", "bullseye"),
            ("1.0-debian12", "bookworm"),
            // After a tilde or plus only.
            ("1.0-1~deb.12", "bookworm"),
            ("1.0-1~deb-12", "bookworm"),
            ("1.0-1~bpo.12+1", "bookworm"),
            ("1.0-1+u22.04", "jammy"),
            ("1.0-1+pop22.04", "jammy"),
            ("1.0-1~debianbookworm", "bookworm"),
            ("1.0-1~ubuntujammy1", "jammy"),
            // A hyphen before the number, where the version has a revision already.
            ("1.0-1debian-12", "bookworm"),
            // Twenty revisions for Ubuntu and ten updates of the last are rarer than a release.
            ("1.0-1ubuntu24.10", "oracular"),
            ("1.0-1ubuntu23.10.1", "mantic"),
            // A year alone means the release with long-term support.
            ("1.0-1~ubuntu22", "jammy"),
            ("1.0-1~ubuntu-22", "jammy"),
            ("1.0-1~ubuntu22.1", "jammy"),
            ("1.0-1-ubuntu22", "jammy"),
            ("1.0-1~ub2204", "jammy"),
            ("1.0-1~ub22.04.1", "jammy"),
            // Numbers that no release has yet.
            ("1.0+deb99u1", "unknown"),
            ("1.0-1~bpo99+1", "unknown"),
            ("1.0-1debian16", "unknown"),
            ("16.1-1.pgdg160+1", "unknown"),
            ("1.0-ubuntu28.04", "unknown"),
            ("1.0-0ubuntu0.28.04.1", "unknown"),
            ("1.0~ubuntu2804", "unknown"),
        ] {
            assert_eq!(last(version), Some(series), "{version}");
        }
    }

    #[test]
    fn what_names_no_release_is_left_alone() {
        for version in [
            "2.10-3",
            "255.4-1ubuntu8.10",
            "1.2-3ubuntu11.10",
            "1.2-3ubuntu4.10",
            "1.2-0ubuntu1",
            "1.2-3ubuntu2.1",
            "22.04.1-2",
            "1.0+22.04.20220101",
            "2023.04-1",
            "2.0+deb1",
            "2.0+deb120",
            "2.0+deb3u1",
            "2.0+trixieland",
            "2.0+debug12",
            "1.0~24.0",
            "1.0~24.041",
            "1.0+b12",
            "1.0~rc24.04",
            "0.3.1~10.10.1+ds1+~0.3.1-1",
            "1.1.0~11.10.7+ds1+~cs8.3.3-4",
            "0.7-groovy-2.0-4",
            "1.7.0.experimental-1",
            "0.8.1+debian-10+b2",
            "2.6+debian.4-4",
            "1.0+ubuntu24",
            "1.0-1bpo",
            "1.0+deb12rc1",
            "1.0~4.10",
            "1.0+aresid1",
            "0.01.1~debian-5",
            "2.3.1-debian1-4+b1",
            "2023-debian9-1",
            "1.4.0.10.debian.1-3+b1",
            "1.5c.debian.9-11",
            "2.4b1+debian-31",
            "1.2-3ubuntu28.10",
            "1.2-3ubuntu19.10",
            "2.4debian-13",
            "1.0-1debian-8",
            "1.0-1debian-99",
            "1.0-1~ubuntu23",
            "1.0-1~ubuntu3",
            "1.0-1ubuntu22",
            "1.0-1.ub2",
            "1.0-1.d5",
            "1.0-1.d99",
            "1.0-1d12",
            "1.0.d12-1",
            "1.0+d12-1",
            "0~git20150711.d14ea06-4",
            "0~20200101-0.d12b3f",
            "1.0-1u22",
            "1.0-1u1",
            "1.0-1+deb12x2204",
            "1.0+u22",
            "1.0-1.u23",
            "1.0-1.u2205",
            "1.0-1~2205",
            "1.0-1~22041",
            "1.0-1~2204rc1",
            "1.0-1~2010.10.3",
            "1.0~2204-1",
            "1.0-1+2204",
            "1.0-1.2204",
            "1.0-1.22.04",
            "1.0-1~12",
            "1.0+grub22.04",
            "1.0~28.04",
            "1.0+deb160",
            "1.0+ubuntu28.05",
        ] {
            assert_eq!(last(version), None, "{version}");
        }
    }

    fn is_debian() -> bool {
        std::fs::read_to_string("/etc/os-release")
            .is_ok_and(|text| text.lines().any(|line| line == "ID=debian"))
    }

    #[test]
    fn the_archive_of_this_machine_names_no_release_by_accident() {
        let output = std::process::Command::new("apt-cache").arg("dumpavail").output();
        let text =
            output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let versions = text.lines().filter_map(|line| line.strip_prefix("Version: "));
        for version in versions.map(|version| version.split_once(':').map_or(version, |(_, rest)| rest)) {
            for Mention { at, release } in mentions(version) {
                assert!(
                    version[at..].starts_with(|c: char| c.is_ascii_alphabetic()),
                    "{version}: {release:?}"
                );
                // What is built for Debian is not for a release of Ubuntu, whatever style it is in.
                if is_debian() {
                    let is_ubuntus = release.is_some_and(|release| release.distribution() == Ubuntu);
                    assert!(!is_ubuntus, "{version}: {release:?}");
                }
            }
        }
    }
}
