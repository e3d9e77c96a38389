//! Changelogs: read from Markdown, from Debian's own form or from plain text, written as `debian/changelog` (deb-changelog(5)).

use camino::Utf8Path;
use deb_parse::Version;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::Error;

/// What changed in each version, the newest first.
///
/// ```
/// use deb_build::Changelog;
/// let text = "# Changelog\n\n## [Unreleased]\n\n## [1.1] - 2026-02-01\n### Fixed\n- The door\n  closes.\n\n## [1.0] - 2026-01-01\n- First.\n";
/// let changelog = Changelog::parse("CHANGELOG.md".into(), text)?;
/// assert_eq!(changelog.newest_time(), Some(1_769_904_000));
/// # Ok::<(), deb_build::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changelog {
    sections: Vec<Section>,
}

/// One version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Section {
    /// The version as it is written; none for what has not been released.
    version: Option<String>,
    /// Seconds since 1970.
    time: Option<i64>,
    items: Vec<String>,
}

impl Changelog {
    /// Makes a changelog of what changed since the last version.
    pub fn of_items(items: impl IntoIterator<Item = String>) -> Self {
        let items: Vec<String> =
            items.into_iter().map(|item| plain(&item)).filter(|item| !item.is_empty()).collect();
        Self { sections: vec![Section { items, ..Section::default() }] }
    }

    /// Reads a changelog. A name that ends with `.md` is Markdown as on keepachangelog.com; a text that begins as `debian/changelog` does is
    /// that; any other text is a list of what changed in the version that is built, a line for each.
    ///
    /// # Errors
    /// [`Error::Changelog`] for a date that is not one, or a changelog of Debian's form that breaks its grammar.
    pub fn parse(path: &Utf8Path, text: &str) -> Result<Self, Error> {
        let error = |(line, reason)| Error::Changelog { path: path.to_owned(), line, reason };
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md")) {
            return markdown(text).map_err(error);
        }
        let is_debian = text
            .trim_start()
            .lines()
            .next()
            .is_some_and(|line| line.contains(" (") && line.contains("; urgency="));
        if is_debian {
            return debian(text).map_err(error);
        }
        Ok(Self::of_items(text.lines().map(|line| bullet(line).unwrap_or(line).to_owned())))
    }

    /// Returns the time of the newest version that has one, in seconds since 1970.
    pub fn newest_time(&self) -> Option<u64> {
        self.sections.iter().find_map(|section| section.time).and_then(|time| u64::try_from(time).ok())
    }

    /// Writes it as `debian/changelog`, with the version that is built as the newest.
    pub(crate) fn to_debian(
        &self,
        package: &str,
        version: &Version,
        distribution: &str,
        maintainer: &str,
        time: u64,
    ) -> String {
        let time = i64::try_from(time).unwrap_or(i64::MAX);
        let is_built =
            |section: &&Section| section.version.as_deref().is_some_and(|own| is_version_of(own, version));
        let built = self.sections.iter().find(is_built);
        let own = built.or_else(|| self.sections.first().filter(|section| section.version.is_none()));
        let mut out = String::new();
        let items = own.map(|section| section.items.as_slice()).filter(|items| !items.is_empty());
        let fallback = [format!("Version {}.", upstream(version.as_str()))];
        write_entry(
            &mut out,
            package,
            version.as_str(),
            (distribution, maintainer),
            items.unwrap_or(&fallback),
            time,
        );
        // What is newer than the version that is built does not belong into its changelog.
        let older = match built {
            Some(built) => {
                self.sections.iter().skip_while(|section| *section != built).skip(1).collect::<Vec<_>>()
            }
            None => self.sections.iter().collect(),
        };
        let mut before = time;
        for section in older {
            let Some(own) = &section.version else { continue };
            let is_older = |other: &Version| other < version;
            let Some(parsed) = debian_version(own).filter(is_older) else { continue };
            // Entries without a date, or with one that is too late, get that of the entry above.
            before = section.time.unwrap_or(before).min(before);
            out.push('\n');
            write_entry(&mut out, package, parsed.as_str(), ("unstable", maintainer), &section.items, before);
        }
        out
    }
}

/// Whether a version of a changelog is the one that is built: the same, or its upstream version.
fn is_version_of(own: &str, version: &Version) -> bool {
    own == version.as_str() || own == upstream(version.as_str())
}

/// Returns the version without its epoch and revision.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
}

/// A version of a changelog as one of a package.
fn debian_version(own: &str) -> Option<Version> {
    let text = if own.contains('-') { own.to_owned() } else { format!("{own}-1") };
    Version::parse(&text).ok()
}

fn write_entry(
    out: &mut String,
    package: &str,
    version: &str,
    (distribution, maintainer): (&str, &str),
    items: &[String],
    time: i64,
) {
    out.push_str(&format!("{package} ({version}) {distribution}; urgency=medium\n\n"));
    for item in items {
        for (number, line) in wrapped(item, 74).into_iter().enumerate() {
            out.push_str(if number == 0 { "  * " } else { "    " });
            out.push_str(&line);
            out.push('\n');
        }
    }
    if items.is_empty() {
        out.push_str("  * No changes are listed.\n");
    }
    let date = Timestamp::from_second(time).unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S +0000");
    out.push_str(&format!("\n -- {maintainer}  {date}\n"));
}

/// Breaks a text into lines of at most so many characters, where it has blanks.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text on one line, without characters that mean something else to a terminal or a parser.
fn plain(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn bullet(line: &str) -> Option<&str> {
    ["- ", "* ", "+ "].iter().find_map(|mark| line.trim_start().strip_prefix(mark))
}

/// Where a changelog breaks a rule: the line, and the rule.
type Refused = (usize, &'static str);

fn markdown(text: &str) -> Result<Changelog, Refused> {
    let mut sections: Vec<Section> = Vec::new();
    let mut category = String::new();
    // Whether the last line belongs to the last item.
    let mut is_open = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            sections.push(section_of(heading).map_err(|reason| (number + 1, reason))?);
            category.clear();
            is_open = false;
        } else if let Some(heading) = line.strip_prefix("### ") {
            category = plain(heading);
            is_open = false;
        } else if line.trim().is_empty() || line.starts_with('#') || is_link_definition(line) {
            is_open = false;
        } else if let Some(section) = sections.last_mut() {
            let is_item = bullet(line).is_some();
            match section.items.last_mut().filter(|_| is_open && !is_item) {
                Some(item) => item.push_str(&format!(" {}", plain(line))),
                None => {
                    let text = plain(bullet(line).unwrap_or(line));
                    section.items.push(if category.is_empty() {
                        text
                    } else {
                        format!("{category}: {text}")
                    });
                }
            }
            is_open = true;
        }
    }
    Ok(Changelog { sections })
}

/// `[1.0]: https://…`
fn is_link_definition(line: &str) -> bool {
    line.starts_with('[') && line.contains("]: ")
}

/// Reads `[1.0] - 2026-01-01`, `v1.0 (2026-01-01)`, `1.0` or `Unreleased`.
fn section_of(heading: &str) -> Result<Section, &'static str> {
    let mut words = heading.split_whitespace().map(|word| word.trim_matches(['[', ']', '(', ')']));
    let name = words.next().unwrap_or_default();
    // `[1.0](https://…)`
    let name = name.split_once("](").map_or(name, |(name, _)| name);
    let name =
        name.strip_prefix('v').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(name);
    let version = name.starts_with(|c: char| c.is_ascii_digit()).then(|| name.to_owned());
    let looks_like_date =
        |word: &&str| word.len() == 10 && word.bytes().filter(|byte| *byte == b'-').count() == 2;
    let date = words.find(looks_like_date);
    let time = date.map(|date| {
        let date: Date = date.parse().map_err(|_| "the date is not one of the form 2026-11-29")?;
        let time = date.to_zoned(TimeZone::UTC).map_err(|_| "the date is out of range")?;
        Ok::<_, &'static str>(time.timestamp().as_second())
    });
    Ok(Section { version, time: time.transpose()?, items: Vec::new() })
}

/// Reads `debian/changelog`.
fn debian(text: &str) -> Result<Changelog, Refused> {
    let mut sections = Vec::new();
    let entries = deb_parse::changelog::parse(text).map_err(|error| match error {
        deb_parse::Error::Syntax { line, rule, .. } => (usize::try_from(line).unwrap_or(usize::MAX), rule),
        _ => (1, "not a changelog of Debian's form (deb-changelog(5))"),
    })?;
    for entry in entries {
        let mut items: Vec<String> = Vec::new();
        for line in entry.changes.lines() {
            match (bullet(line), items.last_mut()) {
                (Some(item), _) => items.push(plain(item)),
                (None, Some(item)) if !line.trim().is_empty() => item.push_str(&format!(" {}", plain(line))),
                _ => {}
            }
        }
        let time = jiff::fmt::rfc2822::parse(entry.date).ok().map(|time| time.timestamp().as_second());
        sections.push(Section { version: Some(entry.version.to_owned()), time, items });
    }
    Ok(Changelog { sections })
}
