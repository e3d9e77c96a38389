//! How versions of packages name the release of Debian or Ubuntu that they were built for.
//!
//! A package that was built for one release says so in its version, in one of many styles: `+deb12u1`, `~bookworm1`, `1debian12`,
//! `~bpo12+1`, `.pgdg120+1`, `~jammy1`, `1jammy.2023`, `~ubuntu22.04.1`, `0ubuntu0.22.04.1`, `~22.04`, `~2204`, `~ubu2204`,
//! `.d12`, `~u22`, `1u2204`, `+ubuntu22`, `-debian-12`, `-v22.04`, `~jammyppa1`, `-bookwormsec1`, `-1+22.04`, `-1.22.04`.
//!
//! `1.0+debian-10` is ambiguous: in Debian such a number is the tenth revision. It counts as a release only where nothing follows it and
//! the release is one that is in use, from Debian 11 on.

use crate::settings::release_name::{Distribution, ReleaseName};
use Distribution::{Debian, Ubuntu};

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
        let number = || digits(behind.strip_prefix(SEPARATORS).unwrap_or(behind)).0;
        let is_counter = || word.eq_ignore_ascii_case("debian") && number().len() < 2;
        let is_upstreams = before == '-' && at < revision && (!is_last() || is_counter());
        let in_revision = at >= revision && hyphen.is_some();
        let behind_number = in_revision && version.get(revision..at).is_some_and(is_number);
        let named = match word {
            "~" if at >= revision => bare(behind).map(Named::Known),
            "+" | "." if behind_number => bare_behind_number(word, behind).map(Named::Known),
            _ if letters == 0 || is_upstreams => None,
            word => {
                let place = MarkPlace {
                    before,
                    in_revision,
                    in_upstream: at < revision,
                    behind_hyphen: version.get(..at).is_some_and(|start| start.contains('-')),
                    behind_number,
                };
                named(place, &word.to_ascii_lowercase(), behind)
            }
        };
        // What is called by a number alone begins behind its separator.
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
    /// Whether the number of the revision stands before it, and nothing else of the revision.
    behind_number: bool,
}

/// What may stand between the name of a distribution and the number of a release.
const SEPARATORS: [char; 5] = ['.', '-', '~', '+', '_'];

/// What maintainers write right before the name of a release.
const WORDS_BEFORE: [&str; 8] = ["bpo", "build", "deb", "debian", "for", "pkg", "ppa", "ubuntu"];

/// What maintainers write right behind the name or number of a release.
const WORDS_BEHIND: [&str; 24] = [
    "backport",
    "backports",
    "bpo",
    "build",
    "custom",
    "debian",
    "esm",
    "fix",
    "git",
    "hotfix",
    "local",
    "lts",
    "nightly",
    "patch",
    "ppa",
    "proposed",
    "sec",
    "security",
    "snapshot",
    "test",
    "u",
    "ubuntu",
    "update",
    "updates",
];

/// The release that a run of letters names, together with what stands before and behind it.
fn named(place: MarkPlace, word: &str, behind: &str) -> Option<Named> {
    let MarkPlace { before, in_revision, in_upstream, behind_number, .. } = place;
    // A number of two digits alone may be a counter, unless a separator stands before its letters where upstream writes nothing.
    let is_apart = before == '~' && !in_upstream || in_revision && matches!(before, '.' | '+' | '-');
    // Without a revision a plus adds something to the version; in a revision letters that follow its number do.
    let is_added = before == '+' && !in_upstream || behind_number;
    match word {
        "deb" | "bpo" if behind.starts_with(SEPARATORS) && matches!(before, '~' | '+' | '-') => {
            behind_separator(before, behind)
        }
        "deb" => debian(behind),
        "bpo" => calendar(behind)
            .or_else(|| debian(behind))
            .or_else(|| debian_tenfold(behind).filter(|named| named.known().is_some())),
        "debian" => of_debians_name(place, behind),
        "raspbian" | "raspios" => debian(behind.strip_prefix(SEPARATORS).unwrap_or(behind)),
        // Ubuntu counts its changes as in `1ubuntu8.10`; no counter begins with a zero.
        "ubuntu" if before.is_ascii_digit() && !names_april(behind) && !names_october(behind) => None,
        "ubuntu" | "ubu" | "ub" | "ubt" | "ubnt" => {
            let number = behind.strip_prefix(SEPARATORS).unwrap_or(behind);
            let year = long_term(number).filter(|_| is_apart || before == '~');
            let recent = || recent_long_term(number).filter(|_| matches!(before, '+' | '-'));
            ubuntu(number).or(year).or_else(recent)
        }
        "pgdg" => ubuntu(behind)
            .or_else(|| debian(behind).filter(|named| named.known().is_some()))
            .or_else(|| debian_tenfold(behind)),
        // The `u` of an update follows a number too, as in `deb12u1`: only a year and month do not count so.
        "u" | "pop" => {
            let is_year = |number: &str| digits(number).0.len() == 2;
            let is_place = matches!(before, '~' | '+') || in_revision;
            let full = calendar(behind).filter(|_| is_year(behind)).or_else(|| joined(behind));
            let year = || long_term(behind).filter(|_| is_apart);
            let recent = || recent_long_term(behind).filter(|_| is_added);
            full.filter(|_| is_place).or_else(year).or_else(recent)
        }
        // `1.0-v22.04`. Of an autumn release that was long ago the number is more often a version.
        "v" if in_revision && matches!(before, '-' | '~') => {
            calendar(behind).filter(|_| names_april(behind) || names_october(behind))
        }
        "lts" if in_revision && is_apart => calendar(behind).or_else(|| joined(behind)),
        // In hexadecimal numbers `d12` is followed by more letters or digits.
        "d" if is_apart || is_added => {
            let (number, rest) = digits(behind);
            let ends = !rest.starts_with(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'u' | 'U'));
            debian(behind).filter(|named| number.len() == 2 && ends && named.known().is_some())
        }
        word => of_series_in(word).map(Named::Known),
    }
}

/// The release behind `debian`.
fn of_debians_name(place: MarkPlace, behind: &str) -> Option<Named> {
    let MarkPlace { before, in_revision, behind_hyphen, .. } = place;
    let is_spaced = behind.starts_with(SEPARATORS);
    match before {
        // `1.0~debian-5` is its fifth revision.
        '~' if behind.starts_with('.') => debian(behind.trim_start_matches('.')),
        // `+debian.4` is more often the fourth change for Debian than the fourth Debian.
        '~' | '-' | '+' if is_spaced => behind_separator(before, behind),
        // `2.4debian-13` is a thirteenth revision, `2.4-1debian-12` has one already.
        '0'..='9' if is_spaced && behind_hyphen => behind_separator(before, behind),
        '.' if in_revision => debian(behind.strip_prefix('.').unwrap_or(behind)),
        _ => debian(behind),
    }
}

/// The release of Debian that two digits behind a separator mean. One digit is a counter, and so are two behind a plus and a hyphen, as in
/// `1.0+debian-10`, unless nothing follows them and they are the number of a release in use.
fn behind_separator(before: char, behind: &str) -> Option<Named> {
    let number = behind.strip_prefix(SEPARATORS)?;
    let release = debian(number).and_then(Named::known).filter(|_| digits(number).0.len() == 2)?;
    let is_in_use = || release.released() >= "2021" && digits(number).1.is_empty();
    (before != '+' || !behind.starts_with('-') || is_in_use()).then_some(Named::Known(release))
}

/// The release whose series a word is, perhaps with a word that maintainers write before or behind it: `jammyppa`.
fn of_series_in(word: &str) -> Option<ReleaseName> {
    let is_here = |release: &ReleaseName| {
        let Some((before, behind)) = word.split_once(release.series()) else { return false };
        // `rex`, `bo` and `sid` are parts of other words.
        let is_name = behind.is_empty() && matches!(before, "debian" | "ubuntu");
        let is_extended = release.series().len() > 3
            && (before.is_empty() || WORDS_BEFORE.contains(&before))
            && (behind.is_empty() || WORDS_BEHIND.contains(&behind));
        is_name || is_extended
    };
    ReleaseName::of_series(word).or_else(|| ReleaseName::all().find(is_here))
}

/// Whether a text is a number such as `1` or `0.1`.
fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || c == '.')
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

/// The same where a lower number may be a counter.
fn recent_long_term(text: &str) -> Option<Named> {
    let is_recent = |named: &Named| named.known().is_some_and(|release| release.released() >= "2014");
    long_term(text).filter(is_recent)
}

/// The digits at the start of a text and what follows.
fn digits(text: &str) -> (&str, &str) {
    text.split_at_checked(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
        .unwrap_or((text, ""))
}

/// `12`, and behind it at most the `u` of an update, the `b` of a build or a word that maintainers write there.
fn debian(text: &str) -> Option<Named> {
    let (number, behind) = digits(text);
    let ends = !behind.starts_with(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'u' | 'U' | 'b'));
    let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
    let word = behind.get(..letters).unwrap_or_default().to_ascii_lowercase();
    debian_of(number).filter(|_| ends || WORDS_BEHIND.contains(&word.as_str()))
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

/// `1+22.04` and `1.22.04`: a number alone behind the number of a Debian revision. No counter there begins with a zero, so the month tells; one
/// without a zero counts behind a plus, where few add a number to a revision, for a release of late.
fn bare_behind_number(separator: &str, text: &str) -> Option<ReleaseName> {
    let release = calendar(text)?.known()?;
    let (year, month) = release.number().split_once('.')?;
    let (_, behind) = digits(text.get(year.len() + 1..)?);
    let is_mark = month.starts_with('0') || separator == "+" && names_october(text);
    let ends = !behind.starts_with(|c: char| c.is_ascii_alphabetic());
    (year.len() == 2 && is_mark && ends).then_some(release)
}

#[cfg(test)]
mod tests;
