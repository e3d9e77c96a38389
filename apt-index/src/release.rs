//! The `Release` file of a suite, which lists its indices, and those of its components.
//!
//! Fill in a [`Release`], list each index with [`Release::add_index`], and sign what [`Release::render`] returns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use deb_parse::checksum::Sha256;
use deb_parse::{Architecture, Component, SuiteName};
use jiff::Timestamp;

use crate::index::Rendered;
use crate::{Error, RelPath};

pub use crate::component_release::ComponentRelease;

/// What `Release` says of one index file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReleaseFile {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
}

/// The `Release` file of a suite.
///
/// It lists SHA-256 only: every stronger hash would move the directory in which clients look for by-hash files, and
/// debootstrap knows nothing stronger. It ends with a field behind the list, because debootstrap loses the last line of
/// an `InRelease` file.
///
/// ```
/// use apt_index::RelPath;
/// use apt_index::release::{Release, ReleaseFile};
/// use deb_parse::{Architecture, Component, SuiteName, checksum::Sha256};
///
/// let mut release = Release::new(SuiteName::parse("bookworm")?, jiff::Timestamp::UNIX_EPOCH);
/// release.architectures = vec![Architecture::parse("amd64")?];
/// release.components = vec![Component::parse("main")?];
/// let path = RelPath::parse("main/binary-amd64/Packages").unwrap();
/// release.files.insert(path, ReleaseFile { size: 0, sha256: Sha256::from_bytes([0; 32]) });
/// let text = release.render().unwrap();
/// assert!(text.starts_with("Suite: bookworm\n"));
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Release {
    /// Who publishes it. Clients refuse a later change of this field, so choose it once.
    pub origin: Option<String>,
    /// The name of the repository. Clients refuse a later change of this field, so choose it once.
    pub label: Option<String>,
    /// The name that may pass to another release, such as `stable`. Clients accept either this or the codename below `dists/`.
    pub suite: Option<SuiteName>,
    /// The name that stays. Clients refuse a later change of this field; an archive that never had one goes on without.
    pub codename: Option<SuiteName>,
    /// The version of the distribution, such as `12`.
    pub version: Option<String>,
    /// Where clients find changelogs: an address with `@CHANGEPATH@` in it.
    pub changelogs: Option<String>,
    /// When it was made; must never lie ahead of the clients' clocks nor before the one published last.
    pub date: Timestamp,
    /// Until when clients accept it.
    pub valid_until: Option<Timestamp>,
    /// Whether clients install from it only when told to (`NotAutomatic`).
    pub not_automatic: bool,
    /// Whether clients upgrade from it by themselves what was once installed (`ButAutomaticUpgrades`).
    pub but_automatic_upgrades: bool,
    /// The architectures with an index of their own; with `all` among them, clients fetch that index too, and without they are told
    /// that there is none.
    pub architectures: Vec<Architecture>,
    /// The components.
    pub components: Vec<Component>,
    /// One line for people.
    pub description: Option<String>,
    /// The template of the address under which earlier publications can be had, with `@SNAPSHOTID@` in it.
    pub snapshots: Option<String>,
    /// The id of the content, so that anybody can tell which state of the suite this is.
    pub content: Option<String>,
    /// Whether clients may ask for index files by their digests (`Acquire-By-Hash`), as [`Release::new`] has it. Files must lie there then,
    /// below `by-hash/SHA256` beside each index; where they do not, each index costs clients a request in vain.
    pub acquire_by_hash: bool,
    /// The index files, relative to the directory of the suite.
    pub files: BTreeMap<RelPath, ReleaseFile>,
}

impl Release {
    /// A release with nothing in it.
    #[must_use]
    pub fn new(suite: SuiteName, date: Timestamp) -> Self {
        Self {
            origin: None,
            label: None,
            codename: Some(suite.clone()),
            suite: Some(suite),
            version: None,
            changelogs: None,
            date,
            valid_until: None,
            not_automatic: false,
            but_automatic_upgrades: false,
            architectures: Vec::new(),
            components: Vec::new(),
            description: None,
            snapshots: None,
            content: None,
            acquire_by_hash: true,
            files: BTreeMap::new(),
        }
    }

    /// Lists an index that was rendered: each of its files, and the plain text, which is listed even if no such file is written.
    /// `plain` is where that would lie, such as `main/binary-amd64/Packages`.
    ///
    /// ```
    /// use apt_index::{Encoding, RelPath};
    /// use apt_index::index::{Builder, IndexOptions};
    /// use apt_index::release::Release;
    /// use deb_parse::SuiteName;
    ///
    /// let index = Builder::new(&IndexOptions::new(vec![Encoding::Xz])).finish()?;
    /// let mut release = Release::new(SuiteName::parse("bookworm").unwrap(), jiff::Timestamp::UNIX_EPOCH);
    /// release.add_index(&RelPath::parse("main/binary-amd64/Packages")?, &index)?;
    /// let paths: Vec<&str> = release.files.keys().map(RelPath::as_str).collect();
    /// assert_eq!(paths, ["main/binary-amd64/Packages", "main/binary-amd64/Packages.xz"]);
    /// # Ok::<(), apt_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Path`] when the path is too long with the ending of a compressed form.
    pub fn add_index(&mut self, plain: &RelPath, index: &Rendered) -> Result<(), Error> {
        let (size, sha256) = index.plain();
        self.files.insert(plain.clone(), ReleaseFile { size, sha256 });
        for file in index.files() {
            let listed = ReleaseFile { size: file.size(), sha256: file.sha256() };
            self.files.insert(file.encoding().path_of(plain)?, listed);
        }
        Ok(())
    }

    /// The text to sign.
    ///
    /// # Errors
    /// [`Error::ReleaseField`] for a value with a line break or control character in it.
    pub fn render(&self) -> Result<String, Error> {
        let mut text = String::new();
        let mut field = |name, value| push_field(&mut text, name, value);
        let yes = |condition: bool| condition.then(|| "yes".to_owned());
        field("Origin", self.origin.clone())?;
        field("Label", self.label.clone())?;
        field("Suite", self.suite.as_ref().map(SuiteName::to_string))?;
        field("Version", self.version.clone())?;
        field("Codename", self.codename.as_ref().map(SuiteName::to_string))?;
        field("Changelogs", self.changelogs.clone())?;
        field("Date", Some(date(self.date)))?;
        field("Valid-Until", self.valid_until.map(date))?;
        field("NotAutomatic", yes(self.not_automatic))?;
        field("ButAutomaticUpgrades", yes(self.but_automatic_upgrades))?;
        field("Acquire-By-Hash", yes(self.acquire_by_hash))?;
        // Without an index of their own the stanzas of architecture `all` stand in every other, and it would be asked for in vain.
        let all_apart = self.architectures.iter().any(Architecture::is_all);
        field("No-Support-for-Architecture-all", (!all_apart).then(|| "Packages".to_owned()))?;
        field("Architectures", joined(&self.architectures))?;
        field("Components", joined(&self.components))?;
        field("Description", self.description.clone())?;
        field("Snapshots", self.snapshots.clone())?;
        text.push_str("SHA256:\n");
        for (path, ReleaseFile { size, sha256 }) in &self.files {
            let _ = writeln!(text, " {sha256} {size:>10} {path}");
        }
        // See the type's documentation: something must stand behind the list.
        let content = self.content.as_deref().filter(|content| !content.chars().any(char::is_control));
        let _ = writeln!(text, "X-Content: {}", content.unwrap_or("unnamed"));
        Ok(text)
    }
}

/// Appends a field, if it has a value.
pub(crate) fn push_field(text: &mut String, name: &'static str, value: Option<String>) -> Result<(), Error> {
    let Some(value) = value else { return Ok(()) };
    if value.trim().is_empty() || value.chars().any(char::is_control) {
        return Err(Error::ReleaseField { field: name, value });
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name}: {value}");
    Ok(())
}

fn joined<T: ToString>(items: &[T]) -> Option<String> {
    let words: Vec<String> = items.iter().map(T::to_string).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Returns the text of a `Release` file with another `Date`, and `Valid-Until` after it. Everything else stays as it is. `None` when the
/// text has no `Date`, or more than one.
///
/// ```
/// let date: jiff::Timestamp = "2026-03-01T07:08:09Z".parse()?;
/// let text = "Suite: a\nDate: Sat, 01 Jan 2022 00:00:00 UTC\nValid-Until: Sun, 02 Jan 2022 00:00:00 UTC\nSHA256:\n";
/// let again = apt_index::release::redated(text, date, None);
/// assert_eq!(again.as_deref(), Some("Suite: a\nDate: Sun, 01 Mar 2026 07:08:09 UTC\nSHA256:\n"));
/// # Ok::<(), jiff::Error>(())
/// ```
#[must_use]
pub fn redated(text: &str, time: Timestamp, valid_until: Option<Timestamp>) -> Option<String> {
    let mut again = String::with_capacity(text.len() + 64);
    let mut dates = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("Date: ") {
            dates += 1;
            again.push_str(&format!("Date: {}\n", date(time)));
            again.extend(valid_until.map(|until| format!("Valid-Until: {}\n", date(until))));
        } else if !line.starts_with("Valid-Until: ") {
            again.push_str(line);
        }
    }
    (dates == 1).then_some(again)
}

/// The one form of a date that every apt accepts without a warning: RFC 5322 in `UTC`.
fn date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn release() -> Release {
        let mut release =
            Release::new(SuiteName::parse("bookworm").unwrap(), "2026-03-01T07:08:09Z".parse().unwrap());
        release.architectures = ["amd64", "arm64"].map(|a| Architecture::parse(a).unwrap()).to_vec();
        release.components = vec![Component::parse("main").unwrap()];
        release.origin = Some("Example".to_owned());
        release.valid_until = Some("2026-03-08T07:08:09Z".parse().unwrap());
        release.content = Some("abc".to_owned());
        for (path, size) in [("main/binary-amd64/Packages", 1234), ("main/binary-amd64/Packages.xz", 99)] {
            let file = ReleaseFile { size, sha256: Sha256::from_bytes([1; 32]) };
            release.files.insert(RelPath::parse(path).unwrap(), file);
        }
        release
    }

    #[test]
    fn the_last_line_is_no_index() {
        assert_snapshot!(release().render().unwrap(), @"
        Origin: Example
        Suite: bookworm
        Codename: bookworm
        Date: Sun, 01 Mar 2026 07:08:09 UTC
        Valid-Until: Sun, 08 Mar 2026 07:08:09 UTC
        Acquire-By-Hash: yes
        No-Support-for-Architecture-all: Packages
        Architectures: amd64 arm64
        Components: main
        SHA256:
         0101010101010101010101010101010101010101010101010101010101010101       1234 main/binary-amd64/Packages
         0101010101010101010101010101010101010101010101010101010101010101         99 main/binary-amd64/Packages.xz
        X-Content: abc
        ");
    }

    #[test]
    fn an_index_for_all_architectures_is_asked_for_when_there_is_one() {
        let mut release = release();
        release.architectures.insert(0, Architecture::parse("all").unwrap());
        let text = release.render().unwrap();
        assert!(text.contains("\nArchitectures: all amd64 arm64\n"), "{text}");
        assert!(!text.contains("No-Support"), "{text}");
    }

    #[test]
    fn a_value_cannot_smuggle_a_line() {
        for bad in ["a\nSHA256: x", "", " ", "a\r", "a\u{1b}[2J"] {
            let mut release = release();
            release.label = Some(bad.to_owned());
            assert!(release.render().is_err(), "{bad:?}");
        }
    }
}
