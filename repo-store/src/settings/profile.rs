//! Profiles: the packages that machines of a role run.
//!
//! A profile names packages and ranges of versions. Built in a repository it becomes a metapackage whose dependencies pin the versions
//! that the repository has then (see [`operations::profiles`](crate::operations::profiles)).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use deb_parse::relation::{Operator, Relations};
use deb_parse::{Architecture, Limits, PackageName, SuiteName, Version};

use crate::model::name::ProfileName;

/// The packages that machines of a role run, with what other profiles bring.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its name.
    pub name: ProfileName,
    /// Which versions machines may have once it is built.
    pub pin: Pin,
    /// The packages.
    pub packages: Vec<ProfilePackage>,
}

/// Which versions machines may have of what a profile names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// The version that the repository had when the profile was built, and no other.
    #[default]
    Exact,
    /// That version or a later one.
    AtLeast,
}

impl Pin {
    /// Returns the word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::AtLeast => "at-least",
        }
    }
}

/// A package of a profile, and the machines that run it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfilePackage {
    /// The package and the versions of it that will do.
    pub range: PackageRange,
    /// The profile that names it: this one or one that it includes.
    pub from: ProfileName,
    /// The suites whose machines run it; `None` for all.
    pub suites: Option<BTreeSet<SuiteName>>,
    /// The architectures of the machines that run it; `None` for all.
    pub architectures: Option<BTreeSet<Architecture>>,
}

impl ProfilePackage {
    /// Returns whether machines of a suite and architecture run it.
    #[must_use]
    pub fn is_for(&self, suite: &SuiteName, architecture: &Architecture) -> bool {
        self.suites.as_ref().is_none_or(|suites| suites.contains(suite))
            && self.architectures.as_ref().is_none_or(|listed| listed.contains(architecture))
    }
}

impl Profile {
    /// Returns what machines of a suite and architecture run: the ranges of each package, all of which its version must be in.
    #[must_use]
    pub fn ranges(
        &self,
        suite: &SuiteName,
        architecture: &Architecture,
    ) -> BTreeMap<&PackageName, Vec<&PackageRange>> {
        let mut ranges: BTreeMap<&PackageName, Vec<&PackageRange>> = BTreeMap::new();
        for package in self.packages.iter().filter(|package| package.is_for(suite, architecture)) {
            let known = ranges.entry(package.range.package()).or_default();
            if !known.contains(&&package.range) {
                known.push(&package.range);
            }
        }
        ranges
    }

    /// Returns whether it names a package, for whatever machines.
    #[must_use]
    pub fn names(&self, package: &PackageName) -> bool {
        self.packages.iter().any(|one| one.range.package() == package)
    }

    /// Returns whether any of its packages is for this suite by name.
    pub(crate) fn names_suite(&self, suite: &SuiteName) -> bool {
        self.packages.iter().any(|one| one.suites.as_ref().is_some_and(|suites| suites.contains(suite)))
    }
}

/// A package and a range of its versions, as a dependency is written: `nginx`, `shop (>= 4.1)`.
///
/// ```
/// use repo_store::settings::profile::PackageRange;
/// let shop: PackageRange = "shop (>= 4.1)".parse()?;
/// assert!(shop.allows(&"4.10".parse()?));
/// assert_eq!(shop.to_string(), "shop (>= 4.1)");
/// for bad in ["shop | store", "shop:any", "shop [amd64]", "shop, nginx", "Shop", ""] {
///     assert!(bad.parse::<PackageRange>().is_err(), "{bad}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRange {
    package: PackageName,
    range: Option<(Operator, Version)>,
}

/// A text that is not a package with a range of its versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a package such as `nginx` or `nginx (>= 1.22)`{}", .why.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
pub struct InvalidPackageRange {
    text: String,
    why: Option<String>,
}

impl PackageRange {
    /// Returns the name of the package.
    #[must_use]
    pub fn package(&self) -> &PackageName {
        &self.package
    }

    /// Returns the demand on the version; `None` when any version will do.
    #[must_use]
    pub fn version(&self) -> Option<(Operator, &Version)> {
        self.range.as_ref().map(|(operator, version)| (*operator, version))
    }

    /// Returns whether a version will do.
    #[must_use]
    pub fn allows(&self, version: &Version) -> bool {
        self.range.as_ref().is_none_or(|(operator, own)| operator.allows(version.cmp(own)))
    }

    /// Returns whether it keeps later versions out.
    pub(crate) fn is_limited_above(&self) -> bool {
        let above = [Operator::Earlier, Operator::EarlierOrEqual, Operator::Equal];
        self.range.as_ref().is_some_and(|(operator, _)| above.contains(operator))
    }
}

impl FromStr for PackageRange {
    type Err = InvalidPackageRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused =
            |why: Option<String>| InvalidPackageRange { text: text.escape_debug().take(100).collect(), why };
        let relations =
            Relations::parse(text, &Limits::default()).map_err(|error| refused(Some(error.to_string())))?;
        let [alternatives] = relations.all() else { return Err(refused(None)) };
        let [relation] = alternatives.as_slice() else {
            return Err(refused(Some("a profile does not choose between packages".to_owned())));
        };
        let is_plain =
            relation.qualifier.is_none() && relation.architectures.is_empty() && relation.profiles.is_empty();
        if !is_plain {
            let rule = "it takes no architectures; limit the profile with `architectures`";
            return Err(refused(Some(rule.to_owned())));
        }
        let package = PackageName::parse(&relation.name).map_err(|error| refused(Some(error.to_string())))?;
        Ok(Self { package, range: relation.version.clone() })
    }
}

impl fmt::Display for PackageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.range {
            None => self.package.fmt(f),
            Some((operator, version)) => write!(f, "{} ({operator} {version})", self.package),
        }
    }
}
