//! A limit to packages of some names: what a token with a pattern in its scope may change.

use deb_parse::PackageName;
use repo_store::Selector;
use repo_store::settings::WildPattern;

use crate::error::Failure;

/// The names of the packages that a verb may change.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct OnlyNames {
    /// Refuse to change packages whose names do not fit this pattern; may be given several times
    #[arg(long = "only-names", value_name = "PATTERN")]
    patterns: Vec<String>,
}

impl OnlyNames {
    /// Returns the patterns.
    pub(crate) fn patterns(&self) -> Vec<WildPattern> {
        self.patterns.iter().map(|pattern| WildPattern::new(pattern)).collect()
    }

    /// Returns whether a package may be changed.
    pub(crate) fn allows(&self, package: &PackageName) -> bool {
        self.check_packages([package]).is_ok()
    }

    /// Returns whether some names are excluded: then messages name no other packages.
    pub(crate) fn is_limited(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Refuses selectors that name a package outside of the patterns, whether the package exists or not.
    ///
    /// # Errors
    /// [`Failure::OtherNames`].
    pub(crate) fn check_selectors(&self, selectors: &[Selector]) -> Result<(), Failure> {
        let exact = selectors.iter().filter(|selector| !selector.is_pattern()).map(ToString::to_string);
        self.check(exact.map(|text| text.split(['=', ' ', '(']).next().unwrap_or_default().to_owned()))
    }

    /// Refuses packages outside of the patterns.
    ///
    /// # Errors
    /// [`Failure::OtherNames`].
    pub(crate) fn check_packages<'a>(
        &self,
        packages: impl IntoIterator<Item = &'a PackageName>,
    ) -> Result<(), Failure> {
        self.check(packages)
    }

    fn check(&self, names: impl IntoIterator<Item = impl ToString>) -> Result<(), Failure> {
        if self.patterns.is_empty() {
            return Ok(());
        }
        let patterns = self.patterns();
        let is_allowed = |name: String| patterns.iter().any(|pattern| pattern.matches(&name));
        if names.into_iter().all(|name| is_allowed(name.to_string())) {
            return Ok(());
        }
        Err(Failure::OtherNames { patterns: self.patterns.clone() })
    }
}
