//! Where packages come from: `sources.list(5)` in both of its forms.

mod deb822;
mod one_line;
mod options;

use std::fmt;

use deb_parse::{Component, Quoted, SuiteName};

use crate::url::{Login, Url, UrlError};

pub use options::{ByHash, ListOption, Options, SignedBy};

/// What is wrong with a file of sources or of logins, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {rule}{}", .value.as_ref().map(|value| format!(": {value}")).unwrap_or_default())]
pub struct SyntaxError {
    line: u64,
    rule: &'static str,
    value: Option<Quoted>,
    #[source]
    source: Option<UrlError>,
}

impl SyntaxError {
    pub(crate) fn new(line: u64, rule: &'static str) -> Self {
        Self { line, rule, value: None, source: None }
    }

    pub(crate) fn showing(self, value: impl AsRef<[u8]>) -> Self {
        Self { value: Some(Quoted::new(value)), ..self }
    }

    /// Returns the line, counted from 1: for a field of a paragraph, that in which the paragraph starts.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Returns the rule that is broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

/// An address of a source, and the login that stood in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The root of the archive.
    pub url: Url,
    /// User and password, if they stood in the address. They are for this server and no other.
    pub login: Option<Login>,
}

impl From<Url> for Address {
    fn from(url: Url) -> Self {
        Self { url, login: None }
    }
}

/// What a source names behind its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suite {
    /// A suite below `dists`: `stable`, or `stable/updates` with several elements.
    Named(String),
    /// A directory of a flat archive, relative to the root, with a slash at its end: `./`.
    Flat(String),
}

impl Suite {
    /// Reads what stands in a source: a name, or a directory if it ends with a slash.
    ///
    /// ```
    /// use apt_fetch::Suite;
    /// assert_eq!(Suite::parse("stable-security"), Some(Suite::Named("stable-security".to_owned())));
    /// assert_eq!(Suite::parse("./"), Some(Suite::Flat("./".to_owned())));
    /// assert_eq!(Suite::parse("../"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('/') {
            None => text
                .split('/')
                .all(|name| SuiteName::parse(name).is_ok())
                .then(|| Self::Named(text.to_owned())),
            Some(directory) => {
                let is_bad = |c: char| c.is_control() || c.is_whitespace() || c == '\\' || c == '$';
                let leaves = directory.split('/').any(|element| element == "..");
                (text.len() <= 1024 && !leaves && !directory.contains(is_bad))
                    .then(|| Self::Flat(text.to_owned()))
            }
        }
    }

    /// Returns the name by which the Release of this suite is to call itself; nothing for a flat archive.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Flat(_) => None,
        }
    }

    /// Returns the directory of its Release, relative to the root of the archive; it ends with a slash unless it is the root.
    #[must_use]
    pub fn directory(&self) -> String {
        match self {
            Self::Named(name) => format!("dists/{name}/"),
            // Not every server takes `/./` for `/`.
            Self::Flat(directory) => {
                let elements = directory.split('/').filter(|element| !matches!(*element, "" | "."));
                elements.map(|element| format!("{element}/")).collect()
            }
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Named(text) | Self::Flat(text)) = self;
        f.write_str(text)
    }
}

/// One entry of a file of sources: a paragraph, or a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Where it starts, counted from 1.
    pub line: u64,
    /// Whether it is for packages (`deb`).
    pub is_binary: bool,
    /// Whether it is for source packages (`deb-src`).
    pub is_source: bool,
    /// The archives, at least one.
    pub addresses: Vec<Address>,
    /// The suites, at least one: all named, or all flat.
    pub suites: Vec<Suite>,
    /// The components; none if the suites are flat, and at least one otherwise.
    pub components: Vec<Component>,
    /// The options.
    pub options: Options,
}

impl Entry {
    /// Returns each suite of each archive of the entry.
    pub fn sources(&self) -> impl Iterator<Item = Source> + '_ {
        self.addresses.iter().flat_map(move |address| {
            self.suites.iter().map(move |suite| Source {
                address: address.clone(),
                suite: suite.clone(),
                components: self.components.clone(),
            })
        })
    }
}

/// One suite of one archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The archive.
    pub address: Address,
    /// The suite.
    pub suite: Suite,
    /// Components that are wanted; none of a flat archive.
    pub components: Vec<Component>,
}

impl Source {
    /// Names a suite of an archive, with no components.
    #[must_use]
    pub fn new(address: impl Into<Address>, suite: Suite) -> Self {
        Self { address: address.into(), suite, components: Vec::new() }
    }
}

/// Reads the text of a `.sources` file (deb822) or of a `.list` file (a line for each source); which of them it is shows in the text.
///
/// Entries that are switched off (`Enabled: no`, or a `#` before the line) are left out. What apt does not know either is refused: a slip in
/// the name of an option would otherwise switch a check off in silence.
///
/// ```
/// let text = "Types: deb\nURIs: https://deb.debian.org/debian\nSuites: bookworm bookworm-updates\nComponents: main\n";
/// let entries = apt_fetch::parse_sources(text)?;
/// assert_eq!(entries[0].sources().count(), 2);
/// let line = apt_fetch::parse_sources("deb [arch=amd64] https://deb.debian.org/debian bookworm main\n")?;
/// assert_eq!(line[0].options.architectures.of(&[]), ["amd64"]);
/// # Ok::<(), apt_fetch::SyntaxError>(())
/// ```
///
/// # Errors
/// [`SyntaxError`] with the line; it shows no password.
pub fn parse_sources(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    let first = text.lines().map(str::trim_ascii).find(|line| !line.is_empty() && !line.starts_with('#'));
    // The name of a field has no blank before its colon; a line has one behind its type.
    let is_deb822 =
        first.is_some_and(|line| line.split([' ', '\t']).next().is_some_and(|word| word.contains(':')));
    if is_deb822 { deb822::parse(text) } else { one_line::parse(text) }
}

/// What both forms give before it is looked at.
struct Raw<'t> {
    line: u64,
    types: Vec<&'t str>,
    uris: Vec<&'t str>,
    suites: Vec<&'t str>,
    components: Vec<&'t str>,
    options: Options,
}

impl Raw<'_> {
    fn check(self) -> Result<Entry, SyntaxError> {
        let fault = |rule| SyntaxError::new(self.line, rule);
        let (mut is_binary, mut is_source) = (false, false);
        for kind in &self.types {
            match *kind {
                "deb" => is_binary = true,
                "deb-src" => is_source = true,
                other => return Err(fault("a type must be `deb` or `deb-src`").showing(other)),
            }
        }
        if self.types.is_empty() || self.uris.is_empty() || self.suites.is_empty() {
            return Err(fault("a source must have a type, an address and a suite"));
        }
        let address = |text: &&str| {
            let parsed = Url::parse_with_login(text);
            let (url, login) = parsed.map_err(|error| SyntaxError {
                source: Some(error),
                ..fault("a source must have an address that files can be fetched from")
            })?;
            Ok(Address { url, login })
        };
        let addresses = self.uris.iter().map(address).collect::<Result<Vec<_>, SyntaxError>>()?;
        let suite = |text: &&str| {
            let rule =
                "a suite must be a name, or a directory that ends with a slash and stays inside the archive";
            Suite::parse(text).ok_or_else(|| fault(rule).showing(text))
        };
        let suites = self.suites.iter().map(suite).collect::<Result<Vec<_>, _>>()?;
        let component = |text: &&str| {
            let rule = "a component must be a name of lower-case letters, digits and `+._-/`";
            Component::parse(text).map_err(|_| fault(rule).showing(text))
        };
        let components = self.components.iter().map(component).collect::<Result<Vec<_>, _>>()?;
        let named = suites.iter().filter(|suite| suite.name().is_some()).count();
        if named != 0 && named != suites.len() {
            return Err(fault("directories and names of suites must not be mixed"));
        }
        if (named == 0) != components.is_empty() {
            return Err(fault("a suite must have components, and a directory must have none"));
        }
        Ok(Entry {
            line: self.line,
            is_binary,
            is_source,
            addresses,
            suites,
            components,
            options: self.options,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str) -> String {
        let error = parse_sources(text).unwrap_err();
        assert!(
            !error.to_string().contains("secret") && !error.to_string().contains(char::is_control),
            "{error}"
        );
        error.to_string()
    }

    #[test]
    fn both_forms_give_the_same() {
        let paragraph = "# a comment\n\nTypes: deb deb-src\nURIs: https://me:secret@h/debian http://h2/\nSuites: sid\nComponents: main contrib\n\
            Architectures: amd64 armhf\nSigned-By: /usr/share/keyrings/x.gpg\nBy-Hash: force\nCheck-Valid-Until: no\n\n\
            Types: deb\nEnabled: no\nURIs: file:/x\nSuites: ./\n";
        let entries = parse_sources(paragraph).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].line, entries[0].is_source, entries[0].sources().count()), (3, true, 2));
        let lines = "# deb http://off off off\ndeb [arch=amd64,armhf signed-by=/usr/share/keyrings/x.gpg by-hash=force check-valid-until=no] \
            https://me:secret@h/debian sid main contrib # why\n\ndeb-src http://h2/ ./\n";
        let lines = parse_sources(lines).unwrap();
        assert_eq!(lines[0].options, entries[0].options);
        assert_eq!(lines[0].addresses[0], entries[0].addresses[0]);
        assert_eq!(
            (lines[1].line, lines[1].is_binary, &lines[1].suites),
            (4, false, &vec![Suite::Flat("./".into())])
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        insta::assert_snapshot!(refused("deb ftp://me:secret@h/ sid main"), @"line 1: a source must have an address that files can be fetched from");
        insta::assert_snapshot!(refused("deb http://h/ sid"), @"line 1: a suite must have components, and a directory must have none");
        insta::assert_snapshot!(refused("deb http://h/ ./ main"), @"line 1: a suite must have components, and a directory must have none");
        insta::assert_snapshot!(refused("deb http://h/ ../ "), @r#"line 1: a suite must be a name, or a directory that ends with a slash and stays inside the archive: "../""#);
        insta::assert_snapshot!(refused("\ndebs http://h/ sid main"), @r#"line 2: a type must be `deb` or `deb-src`: "debs""#);
        insta::assert_snapshot!(refused("deb [trused=yes] http://h/ sid main"), @r#"line 1: this option is not known: "trused""#);
        insta::assert_snapshot!(refused("deb [trusted=maybe] http://h/ sid main"), @r#"line 1: this option must be `yes` or `no`: "trusted""#);
        insta::assert_snapshot!(refused("deb [arch=amd64 http://h/ sid main"), @"line 1: options must stand between `[` and `]`");
        insta::assert_snapshot!(refused("Types: deb\nURIs: http://h/\nSuites: sid\nComponents: main\nSined-By: x\n"), @r#"line 1: this option is not known: "sined-by""#);
        insta::assert_snapshot!(refused("Types: deb\nURIs: http://h/\nSuites: sid ./\nComponents: main\n"), @"line 1: directories and names of suites must not be mixed");
        insta::assert_snapshot!(refused("Types: deb\nSuites: sid\nComponents: main\n"), @"line 1: a source must have a type, an address and a suite");
    }

    #[test]
    fn a_key_may_stand_in_the_paragraph() {
        let text = "Types: deb\nURIs: http://h/\nSuites: ./\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY\n =abcd\n -----END PGP PUBLIC KEY BLOCK-----\n";
        let entries = parse_sources(text).unwrap();
        let key =
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEY\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n";
        assert_eq!(entries[0].options.signed_by, Some(SignedBy::Key(key.to_owned())));
    }

    proptest! {
        #[test]
        fn any_text_is_refused_in_one_line_or_read(text in "(deb|deb-src|Types: deb\\n)?( \\[[a-z=, +-]{0,12}\\])? ?(http://|file:/)?[ -~\\n\\t]{0,80}") {
            match parse_sources(&text) {
                Ok(entries) => for source in entries.iter().flat_map(Entry::sources) {
                    prop_assert!(!source.suite.directory().split('/').any(|element| element == ".."));
                },
                Err(error) => prop_assert!(!error.to_string().contains(char::is_control)),
            }
        }
    }
}
