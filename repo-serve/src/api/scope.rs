//! What a token may do through the interface.

use jiff::Timestamp;

/// A kind of request that a token can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Scope {
    /// Reads packages, states and history; with it the token reads by apt as well.
    Read,
    /// Adds packages.
    Add,
    /// Promotes packages into the repository.
    Promote,
    /// Removes packages, and undoes removals.
    Remove,
    /// Goes back to an earlier state, and undoes the last change.
    Rollback,
    /// Sets and deletes tags.
    Tag,
    /// Publishes the repository.
    Publish,
    /// Holds versions, and ends holds.
    Hold,
    /// Approves versions, and takes approvals back.
    Approve,
    /// Makes, lists and revokes tokens.
    Tokens,
}

impl Scope {
    /// All scopes, in the order in which documents list them.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Add,
        Self::Promote,
        Self::Remove,
        Self::Rollback,
        Self::Tag,
        Self::Publish,
        Self::Hold,
        Self::Approve,
        Self::Tokens,
    ];

    /// Returns the word for the scope.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Add => "add",
            Self::Promote => "promote",
            Self::Remove => "remove",
            Self::Rollback => "rollback",
            Self::Tag => "tag",
            Self::Publish => "publish",
            Self::Hold => "hold",
            Self::Approve => "approve",
            Self::Tokens => "tokens",
        }
    }

    /// Returns the scope of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// A scope that a token has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The scope.
    pub scope: Scope,
    /// A pattern for the names of packages; `None`: any package.
    pub names: Option<String>,
}

impl Grant {
    /// Returns whether everything that `other` allows is allowed by this one too. Of patterns only equal ones are compared.
    fn covers(&self, other: &Self) -> bool {
        self.scope == other.scope && (self.names.is_none() || self.names == other.names)
    }
}

/// The holder of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The id of the token, which is not secret.
    pub id: String,
    /// The name of the machine or job.
    pub name: String,
    /// What it may do; nothing through the interface when there is none.
    pub grants: Vec<Grant>,
    /// When the token ends, if it does.
    pub expires: Option<Timestamp>,
}

/// The packages that a request may concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Any,
    /// Those whose names fit one of these patterns.
    Only(Vec<String>),
}

impl Caller {
    /// Returns the packages that the caller has a scope for; `None` when it does not have the scope.
    pub(crate) fn names(&self, scope: Scope) -> Option<Names> {
        let grants: Vec<&Grant> = self.grants.iter().filter(|grant| grant.scope == scope).collect();
        if grants.is_empty() {
            return None;
        }
        let patterns: Option<Vec<String>> = grants.into_iter().map(|grant| grant.names.clone()).collect();
        Some(patterns.map_or(Names::Any, Names::Only))
    }

    /// Returns whether the caller may do all that a scope written as text allows, such as `promote:hello*`.
    pub(crate) fn may_give(&self, scope: &str) -> bool {
        let (word, names) = match scope.split_once(':') {
            Some((word, names)) => (word, Some(names.to_owned())),
            None => (scope, None),
        };
        let Some(scope) = Scope::named(word) else { return false };
        let given = Grant { scope, names };
        self.grants.iter().any(|grant| grant.covers(&given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(grants: &[(Scope, Option<&str>)]) -> Caller {
        let grant =
            |(scope, names): &(Scope, Option<&str>)| Grant { scope: *scope, names: names.map(str::to_owned) };
        Caller {
            id: "0123456789abcdef".to_owned(),
            name: "ci".to_owned(),
            grants: grants.iter().map(grant).collect(),
            expires: None,
        }
    }

    #[test]
    fn a_scope_without_a_pattern_beside_one_with_a_pattern_counts() {
        let ci = caller(&[(Scope::Promote, Some("hello*")), (Scope::Promote, Some("shop-*"))]);
        let only = Names::Only(vec!["hello*".to_owned(), "shop-*".to_owned()]);
        assert_eq!((ci.names(Scope::Promote), ci.names(Scope::Add)), (Some(only), None));
        let ci = caller(&[(Scope::Promote, Some("hello*")), (Scope::Promote, None)]);
        assert_eq!(ci.names(Scope::Promote), Some(Names::Any));
    }

    #[test]
    fn nobody_gives_more_than_it_has() {
        let ci = caller(&[(Scope::Tokens, None), (Scope::Add, None), (Scope::Remove, Some("hello*"))]);
        for (scope, may) in [
            ("add", true),
            ("add:hello*", true),
            ("remove:hello*", true),
            ("remove", false),
            ("remove:*", false),
            ("read", false),
            ("nonsense", false),
            ("", false),
        ] {
            assert_eq!(ci.may_give(scope), may, "{scope}");
        }
    }

    #[test]
    fn every_scope_has_a_word_of_its_own() {
        for scope in Scope::ALL {
            assert_eq!(Scope::named(scope.as_str()), Some(scope));
        }
    }
}
