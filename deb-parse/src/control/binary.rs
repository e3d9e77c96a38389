//! The control file of a binary package.

use super::text::Text;
use super::{Fields, binary_rules, present};
use crate::LimitKind;
use crate::deb822::{self, Paragraph};
use crate::error::Error;
use crate::limits::Limits;
use crate::name::{Architecture, PackageName, SourceName};
use crate::version::Version;

/// The control file of a binary package (Policy 5.3), checked and owned.
///
/// ```
/// use deb_parse::{Limits, control::BinaryControl};
/// let text = b"Package: hello\nVersion: 2.10-3+b1\nArchitecture: amd64\nSource: hello-src (2.10-3)\nDescription: greets\n";
/// let control = BinaryControl::parse(text, &Limits::default())?;
/// assert_eq!(control.package().as_str(), "hello");
/// assert_eq!(control.source().0.as_str(), "hello-src");
/// assert_eq!(control.source().1.as_str(), "2.10-3");
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BinaryControl {
    text: Text,
    package: PackageName,
    version: Version,
    architecture: Architecture,
    source: (SourceName, Version),
    installed_size: Option<u64>,
}

impl BinaryControl {
    /// Reads the text of a file `control`, which must be exactly one paragraph without comments.
    ///
    /// `Package`, `Version` and `Architecture` must be there and valid; `Source` and `Installed-Size` must be valid if
    /// they are there. What dpkg would not install or reads otherwise than the text says is refused: relations that break
    /// their grammar, obsolete names of fields, `Multi-Arch: same` together with `all`, and so on.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Error> {
        if text.len() > limits.control() {
            return Err(Error::Limit { what: LimitKind::Control, limit: limits.control() as u64 });
        }
        let paragraph = deb822::parse_one(0, text, limits)?;
        if let Some(at) = comment_or_return(text) {
            let rule = "a control file must have neither comments nor carriage returns (Policy 5.1)";
            return Err(Error::syntax(text, at, rule));
        }

        let [package, version, architecture, source, size] =
            paragraph.get_many(["Package", "Version", "Architecture", "Source", "Installed-Size"]);
        let package = present(paragraph, "Package", package, PackageName::parse)?;
        let version = present(paragraph, "Version", version, Version::parse)?;
        let architecture = present(paragraph, "Architecture", architecture, Architecture::parse)?;
        let source = match source {
            None => (SourceName::parse(package.as_str())?, version.clone()),
            Some(source) => present(paragraph, "Source", Some(source), |text| parse_source(text, &version))?,
        };
        let installed_size =
            size.map(|size| present(paragraph, "Installed-Size", Some(size), parse_size)).transpose()?;
        let text = Text::with_newline(paragraph);
        let control = Self { text, package, version, architecture, source, installed_size };
        binary_rules::check(&control, limits)?;
        Ok(control)
    }

    /// Name of the package (field `Package`).
    pub fn package(&self) -> &PackageName {
        &self.package
    }

    /// Version of the package (field `Version`).
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Architecture of the package (field `Architecture`).
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Name and version of the source package (field `Source`); those of the package itself where none are written.
    pub fn source(&self) -> (&SourceName, &Version) {
        (&self.source.0, &self.source.1)
    }

    /// Estimated size when installed, in KiB (field `Installed-Size`).
    pub fn installed_size(&self) -> Option<u64> {
        self.installed_size
    }

    /// Names of the fields that are no UTF-8, which Policy 5.1 asks for. dpkg takes them and so do we, with their bytes as
    /// they are; a report on a package should warn of them, as programs differ in what they show.
    ///
    /// ```
    /// use deb_parse::{Limits, control::BinaryControl};
    /// let text = b"Package: hello\nVersion: 1\nArchitecture: all\nMaintainer: J\xf6rg <j@example.org>\n";
    /// let control = BinaryControl::parse(text, &Limits::default())?;
    /// assert_eq!(control.fields_not_utf8().collect::<Vec<_>>(), ["Maintainer"]);
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    pub fn fields_not_utf8(&self) -> impl Iterator<Item = &str> {
        self.paragraph().fields().filter(|field| field.value_str().is_none()).map(|field| field.name())
    }

    /// The paragraph.
    pub fn paragraph(&self) -> Paragraph<'_> {
        self.text.paragraph()
    }

    /// The text as it was in the package, with exactly one newline at its end.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Fields for BinaryControl {
    fn paragraph(&self) -> Paragraph<'_> {
        self.text.paragraph()
    }
}

/// Reads `name` or `name (version)`.
pub(super) fn parse_source(text: &str, version: &Version) -> Result<(SourceName, Version), Error> {
    match text.split_once(['(', ' ', '\t']) {
        None => Ok((SourceName::parse(text)?, version.clone())),
        Some((name, _)) => {
            let rest = text.get(name.len()..).unwrap_or_default().trim_matches([' ', '\t']);
            let inner = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).ok_or_else(|| {
                Error::value(
                    "source",
                    text,
                    "must be a name, or a name and a version in parentheses (Policy 5.6.1)",
                )
            })?;
            let inner = inner.trim_matches([' ', '\t']);
            Ok((SourceName::parse(name)?, Version::parse(inner).map_err(|error| error.part_of(text, inner))?))
        }
    }
}

pub(super) fn parse_size(text: &str) -> Result<u64, Error> {
    let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| Error::value("size", text, "must be a number without sign or unit"))
}

fn comment_or_return(text: &[u8]) -> Option<usize> {
    let comment = if text.first() == Some(&b'#') {
        Some(0)
    } else {
        memchr::memmem::find(text, b"\n#").map(|at| at + 1)
    };
    comment.or_else(|| memchr::memchr(b'\r', text))
}
