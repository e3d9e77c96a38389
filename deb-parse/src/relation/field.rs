//! The fields that hold relations, and how dpkg reads each of them.

/// How the relations of a field are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// As dpkg reads the control file of a binary package: no relation may be missing, and none may be restricted.
    Binary,
    /// As Dpkg::Deps reads a `.dsc`: any word can be a version or a profile, and a `|` with nothing behind it is passed
    /// over.
    Source,
    /// As Policy 7.1 describes it.
    General,
}

/// A field that holds relations (Policy 7.2, 7.5, 7.7, 7.8).
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelationField {
    /// The name of the field.
    pub(crate) name: &'static str,
    /// How its value is read.
    pub(crate) grammar: Grammar,
    /// Whether one relation can be an alternative to another.
    pub(crate) alternatives: bool,
}

const fn field(name: &'static str, grammar: Grammar, alternatives: bool) -> RelationField {
    RelationField { name, grammar, alternatives }
}

/// Every field that apt or dpkg reads as relations. dpkg does not read the last two, so no package is refused because of
/// them.
pub(crate) const FIELDS: [RelationField; 17] = [
    field("Depends", Grammar::Binary, true),
    field("Pre-Depends", Grammar::Binary, true),
    field("Recommends", Grammar::Binary, true),
    field("Suggests", Grammar::Binary, true),
    field("Enhances", Grammar::Binary, true),
    field("Breaks", Grammar::Binary, false),
    field("Conflicts", Grammar::Binary, false),
    field("Provides", Grammar::Binary, false),
    field("Replaces", Grammar::Binary, false),
    field("Build-Depends", Grammar::Source, true),
    field("Build-Depends-Arch", Grammar::Source, true),
    field("Build-Depends-Indep", Grammar::Source, true),
    field("Build-Conflicts", Grammar::Source, true),
    field("Build-Conflicts-Arch", Grammar::Source, true),
    field("Build-Conflicts-Indep", Grammar::Source, true),
    field("Built-Using", Grammar::General, true),
    field("Static-Built-Using", Grammar::General, true),
];

/// Returns the names of the fields that hold relations (Policy 7.2, 7.5, 7.7, 7.8), those of binary packages first.
///
/// ```
/// use deb_parse::relation;
///
/// assert!(relation::field_names().any(|name| name == "Pre-Depends"));
/// assert!(relation::field_names().all(|name| name != "Description"));
/// ```
pub fn field_names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|field| field.name)
}

impl RelationField {
    /// Returns the field of this name, whose case does not matter.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        // Most fields of a paragraph are turned away by a look at the length.
        FIELDS.iter().find(|field| field.name.len() == name.len() && field.name.eq_ignore_ascii_case(name))
    }
}
