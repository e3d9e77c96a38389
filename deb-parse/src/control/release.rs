//! The top of a suite: `Release` and `InRelease`.

use super::files::{self, FileEntry, Paths};
use super::signed_paragraph;
use super::text::Text;
use crate::deb822::Paragraph;
use crate::error::Error;
use crate::limits::Limits;

/// A `Release` or `InRelease` file, checked and owned.
///
/// ```
/// use deb_parse::{Limits, control::Release};
/// let text = b"Suite: stable\nCodename: bookworm\nDate: Sat, 10 Jun 2023 08:53:33 UTC\nComponents: main contrib\n\
///     Architectures: amd64\nMD5Sum:\n 0123456789abcdef0123456789abcdef 7 main/binary-amd64/Packages\n";
/// let release = Release::parse(text, &Limits::default())?;
/// assert_eq!(release.components().collect::<Vec<_>>(), ["main", "contrib"]);
/// assert_eq!(release.files()[0].path, "main/binary-amd64/Packages");
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Release {
    text: Text,
    files: Vec<FileEntry>,
}

macro_rules! texts {
    ($($name:ident $field:literal $doc:literal,)*) => {
        $(
            #[doc = concat!($doc, " (field `", $field, "`).")]
            pub fn $name(&self) -> Option<&str> {
                self.paragraph().get_str($field)
            }
        )*
    };
}

impl Release {
    /// Reads a Release file. If it is clear-signed (InRelease), what was signed is read and nothing else; the signature
    /// is not verified. The paragraph may be as large as [`Limits::text`] allows.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Error> {
        let text = signed_paragraph(text, &limits.clone().with_stanza(limits.text()))?;
        let files = files::read(text.paragraph(), files::RELEASE, Paths::Relative)?;
        Ok(Self { text, files })
    }

    texts! {
        origin "Origin" "Who publishes the archive",
        label "Label" "What the archive calls itself",
        suite "Suite" "Name of the suite",
        version "Version" "Version of the release",
        codename "Codename" "Code name of the suite",
        date "Date" "When it was published, as written",
        valid_until "Valid-Until" "When it loses its value, as written",
        description "Description" "Description",
        changelogs "Changelogs" "Where changelogs are found",
        snapshots "Snapshots" "Where snapshots of the archive are found",
    }

    /// The architectures (field `Architectures`).
    pub fn architectures(&self) -> impl Iterator<Item = &str> {
        self.paragraph().get_str("Architectures").unwrap_or_default().split_ascii_whitespace()
    }

    /// The components (field `Components`).
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.paragraph().get_str("Components").unwrap_or_default().split_ascii_whitespace()
    }

    /// Whether indices can be fetched by their checksums (field `Acquire-By-Hash: yes`).
    pub fn acquire_by_hash(&self) -> bool {
        self.paragraph().get("Acquire-By-Hash") == Some(b"yes")
    }

    /// Whether nothing of the suite is installed unless asked for (field `NotAutomatic: yes`).
    pub fn not_automatic(&self) -> bool {
        self.paragraph().get("NotAutomatic") == Some(b"yes")
    }

    /// Whether what was installed from the suite is upgraded from it (field `ButAutomaticUpgrades: yes`).
    pub fn but_automatic_upgrades(&self) -> bool {
        self.paragraph().get("ButAutomaticUpgrades") == Some(b"yes")
    }

    /// The indices, with all checksums given for each; paths are relative to the Release.
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// The paragraph.
    pub fn paragraph(&self) -> Paragraph<'_> {
        self.text.paragraph()
    }
}
