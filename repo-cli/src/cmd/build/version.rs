//! Versions of packages that are built: from a tag, for a release, with a number that is raised.

use deb_parse::Version;
use repo_store::settings::{Distribution, ReleaseName};

/// A version up to the number that is raised with each build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stem {
    /// Everything before the number: `1.5-1+deb12u`.
    before: String,
    /// The number that the first build has.
    first: u64,
}

impl Stem {
    /// Returns the stem of a version for a release, or for none.
    ///
    /// A version without a revision gets the revision 1. For a release of Debian `+deb12u1` follows, for one of Ubuntu `~jammy1`: what is built
    /// for a later release of Debian is newer, and the version of Ubuntu itself comes above what is built for one of its releases.
    pub(crate) fn new(version: &Version, release: Option<ReleaseName>) -> Self {
        let full = match version.as_str().rsplit_once('-') {
            Some(_) => version.as_str().to_owned(),
            None => format!("{version}-1"),
        };
        if let Some(release) = release {
            let before = match (release.distribution(), release.number()) {
                (Distribution::Debian, number) if !number.is_empty() => format!("{full}+deb{number}u"),
                _ => format!("{full}~{}", release.series()),
            };
            return Self { before, first: 1 };
        }
        // The last number of the revision.
        let digits = full.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (before, number) = full.split_at_checked(full.len() - digits).unwrap_or((&full, ""));
        match number.parse() {
            Ok(first) if full.len() > digits => Self { before: before.to_owned(), first },
            // `1.0-rc`: the number follows.
            _ => Self { before: format!("{full}."), first: 1 },
        }
    }

    /// Returns the number of a version that has this stem.
    pub(crate) fn number_of(&self, version: &str) -> Option<u64> {
        let number = version.strip_prefix(&self.before)?;
        let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        number.parse().ok().filter(|_| is_number)
    }

    /// Returns the number that a build has when nothing was built before.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Returns the version with a number.
    pub(crate) fn version(&self, number: u64) -> Result<Version, deb_parse::Error> {
        Version::parse(&self.text(number))
    }

    /// Returns the text of such a version.
    pub(crate) fn text(&self, number: u64) -> String {
        format!("{}{number}", self.before)
    }
}

/// Makes a version of what `git describe --long --dirty` prints, such as `v1.5-rc1-3-g1a2b3c4`: `1.5~rc1+3.g1a2b3c4`.
///
/// What follows a tag is above the version of the tag and below the next one; a release candidate is below the release.
pub(crate) fn of_description(text: &str) -> Option<String> {
    let (text, is_dirty) = match text.trim().strip_suffix("-dirty") {
        Some(text) => (text, true),
        None => (text.trim(), false),
    };
    let (rest, commit) = text.rsplit_once('-')?;
    let (tag, ahead) = rest.rsplit_once('-')?;
    // `release/1.5`, `acme-v1.5` and `v1.5` are all tags of 1.5.
    let start = tag.rfind('/').map_or(0, |slash| slash + 1);
    let tag = tag.get(start..)?;
    let digit = tag.find(|c: char| c.is_ascii_digit())?;
    let tag = tag.get(digit..)?;
    let mut version = upstream_version(tag);
    if (ahead != "0" || is_dirty) && !version.ends_with(|c: char| c.is_ascii_digit()) {
        // To dpkg it is there already, and what follows `1.5~rc` stays below `1.5~rc1`.
        version.push('0');
    }
    if ahead != "0" {
        version.push_str(&format!("+{ahead}.{commit}"));
    }
    if is_dirty {
        version.push_str(if ahead == "0" { "+0.dirty" } else { ".dirty" });
    }
    Some(version)
}

/// Words of tags whose release is still to come.
const BEFORE_RELEASE: [&str; 7] = ["rc", "alpha", "beta", "pre", "preview", "dev", "snapshot"];

/// Makes a version of a tag that begins with a digit.
///
/// `1.5rc1`, `1.5-RC1` and `1.5.rc1` are `1.5~rc1`, and `1.5b1` is `1.5~b1`. Other separators (a hyphen would begin the revision) are such that a later
/// tag is above the `+3.g1a2b3c4` of commits before it: `1.5-1` is `1.5.1`, `1.5-hotfix` is `1.5+hotfix`.
fn upstream_version(tag: &str) -> String {
    let (mut version, mut rest) = (String::new(), tag);
    while let Some(first) = rest.chars().next() {
        let separators = rest.len() - rest.trim_start_matches(['-', '_', '.', '+']).len();
        let (separator, behind) = rest.split_at_checked(separators).unwrap_or(("", rest));
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (word, after) = behind.split_at_checked(end).unwrap_or((behind, ""));
        let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let lower = word.to_ascii_lowercase();
        let is_python = separator.is_empty() && matches!(&*lower, "a" | "b") && is_number(after);
        if !version.is_empty() && (BEFORE_RELEASE.contains(&&*lower) || is_python) {
            version.push('~');
            version.push_str(&lower);
            rest = after;
        } else if separator.is_empty() && word.is_empty() {
            version.push(first);
            rest = behind.get(first.len_utf8()..).unwrap_or_default();
        } else {
            let is_plain = separator.chars().all(|c| c == '.');
            version.push_str(match is_number(behind) {
                _ if is_plain => separator,
                true => ".",
                false => "+",
            });
            version.push_str(word);
            rest = after;
        }
    }
    version
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_version_of_each_release_stands_where_it_should() {
        let version = |text: &str, release: Option<&str>, number| {
            let release = release.map(|release| ReleaseName::of_series(release).unwrap());
            let stem = Stem::new(&text.parse().unwrap(), release);
            let version = stem.version(number).unwrap();
            assert_eq!(stem.number_of(version.as_str()), Some(number));
            version
        };
        assert_eq!(version("1.5", None, 1).as_str(), "1.5-1");
        assert_eq!(version("1.5-2ubuntu7", None, 8).as_str(), "1.5-2ubuntu8");
        assert_eq!(version("1.5-rc", None, 1).as_str(), "1.5-rc.1");
        assert_eq!(version("1:1.5-1", Some("bookworm"), 1).as_str(), "1:1.5-1+deb12u1");
        assert_eq!(version("1.5", Some("sid"), 1).as_str(), "1.5-1~sid1");
        assert!(version("1.5", Some("bookworm"), 9) < version("1.5", Some("trixie"), 1));
        assert!(version("1.5", Some("bookworm"), 9) < version("1.5", Some("bookworm"), 10));
        assert!(version("1.5", Some("jammy"), 9) < version("1.5", Some("noble"), 1));
        assert!(version("1.5", Some("noble"), 1) < version("1.5", None, 1));
        let stem = Stem::new(&"1.5".parse().unwrap(), None);
        assert_eq!((stem.first(), stem.number_of("1.5-1+deb12u1"), stem.number_of("1.5-")), (1, None, None));
        assert_eq!(Stem::new(&"1.5-3".parse().unwrap(), None).first(), 3);
    }

    #[test]
    fn descriptions_of_commits_become_versions_in_the_order_of_the_commits() {
        for (described, version) in [
            ("v1.5-0-gabc", "1.5"),
            ("1.5-3-gabc\n", "1.5+3.gabc"),
            ("v1.5-rc1-0-gabc", "1.5~rc1"),
            ("release/1.5-0-gabc-dirty", "1.5+0.dirty"),
            ("v1.5-2-gabc-dirty", "1.5+2.gabc.dirty"),
            ("v1.5rc1-0-gabc", "1.5~rc1"),
            ("v1.5.0.beta2-1-gabc", "1.5.0~beta2+1.gabc"),
            ("v1.5-devel-0-gabc", "1.5+devel"),
            ("acme-v2_1-2-gabc", "2.1+2.gabc"),
            ("v1.5-RC.1-0-gabc", "1.5~rc.1"),
            ("v1.5-rc-2-gabc", "1.5~rc0+2.gabc"),
            ("1.5.0b3.dev2-0-gabc", "1.5.0~b3~dev2"),
            ("1.0.2k-0-gabc", "1.0.2k"),
            ("2026-11-29-0-gabc", "2026.11.29"),
            ("v1.5-hotfix-1-0-gabc", "1.5+hotfix.1"),
        ] {
            assert_eq!(of_description(described).as_deref(), Some(version), "{described}");
            assert!(Version::parse(version).is_ok());
        }
        for other in ["abc1234", "", "v-0-gabc"] {
            assert_eq!(of_description(other), None, "{other}");
        }
    }

    /// One of the forms in which people write a tag.
    #[derive(Clone, Debug)]
    struct Form {
        prefix: &'static str,
        separator: &'static str,
        is_upper: bool,
    }

    fn form() -> impl Strategy<Value = Form> {
        (
            prop::sample::select(vec!["", "v", "release/", "acme-v", "team/acme_"]),
            prop::sample::select(vec!["", "-", ".", "_", "+"]),
            any::<bool>(),
        )
            .prop_map(|(prefix, separator, is_upper)| Form { prefix, separator, is_upper })
    }

    /// The tags of a version, in the order in which they come.
    const STAGES: [&str; 10] = ["alpha", "alpha2", "beta1", "beta10", "rc", "rc1", "rc2", "", "-1", "-2"];

    proptest! {
        /// Whatever forms the tags have, a later commit has a higher version, and so have changed files above their commit.
        #[test]
        fn versions_have_the_order_of_the_commits(
            bases in prop::collection::btree_set((0u8..12, 0u8..12, 0u8..12), 1..4),
            tags in prop::collection::vec((any::<bool>(), form(), prop::collection::btree_set(1u32..200, 0..4)), 40),
            commit in "[0-9a-f]{7}",
        ) {
            let stages = bases.iter().flat_map(|base| STAGES.map(|stage| (base, stage)));
            let mut versions: Vec<(Version, String)> = Vec::new();
            for ((base, stage), (is_used, form, ahead)) in stages.zip(tags) {
                if !is_used {
                    continue;
                }
                let Form { prefix, separator, is_upper } = form;
                let stage = match stage.strip_prefix('-') {
                    // A number of its own needs a separator.
                    Some(number) => format!("{}{number}", if separator.is_empty() { "-" } else { separator }),
                    None if stage.is_empty() => String::new(),
                    None if is_upper => format!("{separator}{}", stage.to_uppercase()),
                    None => format!("{separator}{stage}"),
                };
                let (major, minor, patch) = base;
                for ahead in std::iter::once(0).chain(ahead) {
                    for dirty in ["", "-dirty"] {
                        let described = format!("{prefix}{major}.{minor}.{patch}{stage}-{ahead}-g{commit}{dirty}");
                        let version = of_description(&described).unwrap();
                        versions.push((version.parse().unwrap(), described));
                    }
                }
            }
            for pair in versions.windows(2) {
                prop_assert!(pair[0].0 < pair[1].0, "{:?} {:?}", pair[0], pair[1]);
            }
        }
    }
}
