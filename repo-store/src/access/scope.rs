//! What a token may do besides reading by apt.

use std::fmt;

use crate::error::AccessError;

/// The longest pattern, in bytes.
const LONGEST: usize = 100;

/// A kind of request that a token can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum ScopeKind {
    /// Reads packages, states and history, and reads by apt.
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

impl ScopeKind {
    /// All kinds, in the order in which they are listed.
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

    /// Returns the word for the kind.
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

    /// Returns whether the kind is about packages, so that a pattern can limit it. The others concern all of a repository.
    #[must_use]
    pub fn takes_names(self) -> bool {
        matches!(self, Self::Add | Self::Promote | Self::Remove | Self::Hold | Self::Approve)
    }
}

/// A kind of request that a token may make, for any package or for those whose names fit a pattern: `add`, `promote:hello*`.
///
/// ```
/// use repo_store::access::TokenScope;
///
/// let scope = TokenScope::parse("promote:hello*")?;
/// assert_eq!((scope.kind().as_str(), scope.names()), ("promote", Some("hello*")));
/// assert!(TokenScope::parse("read:hello*").is_err() && TokenScope::parse("everything").is_err());
/// # Ok::<(), repo_store::error::AccessError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenScope {
    kind: ScopeKind,
    names: Option<String>,
}

impl TokenScope {
    /// Reads a scope.
    ///
    /// # Errors
    /// [`AccessError::InvalidScope`] for an unknown word, a pattern where none is taken, and a pattern with other characters than
    /// names of packages, `*` and `?` have.
    pub fn parse(text: &str) -> Result<Self, AccessError> {
        let invalid =
            |reason| AccessError::InvalidScope { scope: text.escape_debug().take(100).collect(), reason };
        let (word, names) = match text.split_once(':') {
            Some((word, names)) => (word, Some(names)),
            None => (text, None),
        };
        let kind = ScopeKind::ALL.into_iter().find(|kind| kind.as_str() == word);
        let kind = kind.ok_or_else(|| invalid("unknown scope"))?;
        let is_usual =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-*?".contains(&byte);
        match names {
            Some(_) if !kind.takes_names() => {
                Err(invalid("this scope concerns all packages, so it takes no pattern"))
            }
            Some(names) if names.is_empty() || names.len() > LONGEST || !names.bytes().all(is_usual) => {
                Err(invalid("not a pattern for names of packages"))
            }
            names => Ok(Self { kind, names: names.map(str::to_owned) }),
        }
    }

    /// Returns the kind of request.
    #[must_use]
    pub fn kind(&self) -> ScopeKind {
        self.kind
    }

    /// Returns the pattern for the names of packages; `None` for any.
    #[must_use]
    pub fn names(&self) -> Option<&str> {
        self.names.as_deref()
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        self.names.as_ref().map_or(Ok(()), |names| write!(f, ":{names}"))
    }
}

crate::model::serialized::written!(TokenScope);
crate::model::serialized::parsed!(TokenScope);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_as_it_is_written() {
        for text in ["read", "add", "add:shop-*", "promote:lib?++", "hold:a", "tokens"] {
            assert_eq!(TokenScope::parse(text).unwrap().to_string(), text);
        }
        for text in
            ["", "Read", "add:", "add:a b", "add:a\tb", "add:A", "tokens:a", "read:*", "add:a:b", " add"]
        {
            assert_eq!(TokenScope::parse(text).unwrap_err().code(), "E-INVALID-SCOPE", "{text:?}");
        }
    }
}
