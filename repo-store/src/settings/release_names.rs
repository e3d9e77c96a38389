//! The names in the Release file of one suite, where they are not those of its repository.

use deb_parse::SuiteName;

/// What a suite says in a field of its Release file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReleaseField<T> {
    /// What its repository says, or what its own name says.
    #[default]
    Inherited,
    /// The field is left out.
    Omitted,
    /// This value.
    Value(T),
}

impl<T> ReleaseField<T> {
    /// Returns what the field says when that is what would be inherited; `None` when it is left out.
    #[must_use]
    pub fn or<'a>(&'a self, inherited: Option<&'a T>) -> Option<&'a T> {
        match self {
            Self::Inherited => inherited,
            Self::Omitted => None,
            Self::Value(value) => Some(value),
        }
    }

    /// Returns the value, if the field has one of its own.
    #[must_use]
    pub fn value(&self) -> Option<&T> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }
}

/// The names in the Release file of one suite. Clients refuse a later change of all but `suite`.
///
/// A suite that comes from elsewhere keeps the names by which its clients know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleaseNames {
    /// Who publishes it (`Origin`), if not that of the repository.
    pub origin: ReleaseField<String>,
    /// What it is called (`Label`), if not that of the repository.
    pub label: ReleaseField<String>,
    /// `Suite`, if it is neither the alias nor the name of the suite.
    pub suite: ReleaseField<SuiteName>,
    /// `Codename`, if it is not the name of the suite.
    pub codename: ReleaseField<SuiteName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_name_counts_and_may_be_none() {
        let inherited = "Example".to_owned();
        assert_eq!(ReleaseField::Inherited.or(Some(&inherited)), Some(&inherited));
        assert_eq!(ReleaseField::Omitted.or(Some(&inherited)), None);
        let own = ReleaseField::Value("Other".to_owned());
        assert_eq!(own.or(Some(&inherited)).map(String::as_str), Some("Other"));
    }
}
