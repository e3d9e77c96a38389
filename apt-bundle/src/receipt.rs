//! What a site has, to be carried back to where bundles are made.

use std::fmt::Write as _;

use deb_parse::{SuiteName, deb822};

use crate::manifest::{Manifest, ManifestError, RepositoryState};
use crate::name::Name;
use crate::publication_time::PublicationTime;

/// The most bytes of a receipt.
pub const MAX_RECEIPT: usize = 64 << 10;

/// A receipt: which publication of each repository a site has.
///
/// It is not signed. One that was changed leads to a bundle that the site refuses, and to nothing else.
///
/// ```
/// use apt_bundle::receipt::Receipt;
///
/// let text = "Receipt-Format: 1\nSite: plant-7\n\nRepository: prod\nPublication: 20261129T014000Z\nSuites: bookworm\n";
/// let receipt = Receipt::parse(text.as_bytes())?;
/// assert_eq!(receipt.repositories[0].name.as_str(), "prod");
/// assert_eq!(receipt.to_text(), text);
/// # Ok::<(), apt_bundle::ManifestError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The name of the site; `None` when it was not given one.
    pub site: Option<Name>,
    /// Each repository that the site has, ordered by name.
    pub repositories: Vec<ReceivedRepository>,
}

/// What a site has of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRepository {
    /// The repository.
    pub name: Name,
    /// The publication.
    pub publication: PublicationTime,
    /// The suites of it, in order.
    pub suites: Vec<SuiteName>,
}

impl ReceivedRepository {
    fn of(state: &RepositoryState) -> Self {
        let suite =
            |path: &str| path.strip_prefix("dists/")?.strip_suffix("/InRelease").map(SuiteName::parse);
        let suites = state.files.iter().filter_map(|file| suite(file.path.as_str())?.ok());
        Self { name: state.name.clone(), publication: state.publication, suites: suites.collect() }
    }

    fn parse(paragraph: &deb822::Paragraph<'_>) -> Result<Self, ManifestError> {
        let field = |name: &str| paragraph.get_str(name).unwrap_or_default();
        let suites = field("Suites").split(' ').filter(|suite| !suite.is_empty()).map(SuiteName::parse);
        let suites =
            suites.collect::<Result<_, _>>().map_err(|_| ManifestError::of("a suite has an invalid name"))?;
        let (name, publication) =
            (Name::parse(field("Repository"))?, PublicationTime::parse(field("Publication"))?);
        Ok(Self { name, publication, suites })
    }
}

impl Receipt {
    /// Returns the receipt for a state that was applied.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let repositories = manifest.repositories().iter().map(ReceivedRepository::of).collect();
        Self { site: manifest.site().cloned(), repositories }
    }

    /// Returns the text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = "Receipt-Format: 1\n".to_owned();
        // Writing to a String cannot fail.
        if let Some(site) = &self.site {
            let _ = writeln!(text, "Site: {site}");
        }
        for ReceivedRepository { name, publication, suites } in &self.repositories {
            let _ = writeln!(text, "\nRepository: {name}\nPublication: {publication}");
            let suites: Vec<&str> = suites.iter().map(SuiteName::as_str).collect();
            if !suites.is_empty() {
                let _ = writeln!(text, "Suites: {}", suites.join(" "));
            }
        }
        text
    }

    /// Reads the text. It must be what [`to_text`](Self::to_text) writes, to the byte.
    ///
    /// # Errors
    /// [`ManifestError`] with the rule that it breaks.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let refused = || ManifestError::of("this is not a receipt as `bundle receipt` prints it");
        if text.len() > MAX_RECEIPT {
            return Err(refused());
        }
        let mut paragraphs = deb822::paragraphs(text);
        let first = paragraphs.next().ok_or_else(refused)?;
        let site = first.get_str("Site").map(Name::parse).transpose()?;
        let repositories: Vec<_> =
            paragraphs.map(|paragraph| ReceivedRepository::parse(&paragraph)).collect::<Result<_, _>>()?;
        let receipt = Self { site, repositories };
        let ordered = receipt.repositories.windows(2).all(|pair| matches!(pair, [a, b] if a.name < b.name));
        if ordered && receipt.to_text().as_bytes() == text { Ok(receipt) } else { Err(refused()) }
    }
}
