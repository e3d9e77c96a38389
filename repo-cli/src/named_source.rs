//! A source package as the command line names it.

use std::fmt;
use std::str::FromStr;

use deb_parse::{SourceName, Version};

/// A source package, and a version of it if one is named: `hello`, `hello=2.1-1`.
#[derive(Clone, Debug)]
pub(crate) struct NamedSource {
    pub(crate) name: SourceName,
    pub(crate) version: Option<Version>,
}

impl FromStr for NamedSource {
    type Err = deb_parse::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = match text.split_once('=') {
            Some((name, version)) => (name, Some(Version::parse(version)?)),
            None => (text, None),
        };
        Ok(Self { name: SourceName::parse(name)?, version })
    }
}

impl fmt::Display for NamedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "={version}"))
    }
}
