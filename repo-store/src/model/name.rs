use std::fmt;

/// The name of a repository: `preprod`, `prod`.
///
/// It becomes a directory below `public/` and the first element of a URL: lower-case letters, digits, `-`, `_` and `.`,
/// starting with a letter or digit, at most 64 bytes.
///
/// ```
/// use repo_store::RepositoryName;
/// assert_eq!(RepositoryName::parse("preprod")?.as_str(), "preprod");
/// assert!(RepositoryName::parse("../prod").is_err());
/// # Ok::<(), repo_store::model::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

impl RepositoryName {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`NameError::UnknownRepository`] when no repository can be called that.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if starts_well && name.len() <= 64 && name.chars().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(NameError::UnknownRepository { name: name.escape_debug().take(100).collect() })
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what the files of this repository on a client are named after. It differs from the name where a distribution has files of
    /// its own under that name.
    ///
    /// ```
    /// use repo_store::RepositoryName;
    /// assert_eq!(RepositoryName::parse("prod")?.client_name(), "prod");
    /// assert_eq!(RepositoryName::parse("debian")?.client_name(), "local-debian");
    /// # Ok::<(), repo_store::model::NameError>(())
    /// ```
    #[must_use]
    pub fn client_name(&self) -> String {
        let is_taken = TAKEN.contains(&self.as_str());
        if is_taken { format!("local-{}", self.0) } else { self.0.clone() }
    }

    /// Returns where clients keep the keys of this repository. apt goes by the ending: this one is of a binary keyring, which every
    /// apt reads.
    #[must_use]
    pub fn keyring_path(&self) -> String {
        format!("/usr/share/keyrings/{}-archive-keyring.gpg", self.client_name())
    }

    /// Returns the name of the package that brings the keys of this repository to its clients.
    ///
    /// No package can have an underscore in its name, and a minus sign stands for it.
    #[must_use]
    pub fn keyring_package(&self) -> String {
        format!("{}-archive-keyring", self.client_name().replace('_', "-"))
    }
}

impl RepositoryName {
    /// Returns the name of the metapackage by which machines get what a profile of this repository pins.
    ///
    /// ```
    /// use repo_store::RepositoryName;
    /// use repo_store::model::ProfileName;
    /// let prod = RepositoryName::parse("prod")?;
    /// assert_eq!(prod.profile_package(&ProfileName::parse("web")?), "prod-profile-web");
    /// # Ok::<(), repo_store::model::NameError>(())
    /// ```
    #[must_use]
    pub fn profile_package(&self, profile: &ProfileName) -> String {
        format!("{}-profile-{profile}", self.client_name().replace('_', "-"))
    }
}

/// Names of repositories that are taken on Debian, Ubuntu and their relatives: their own keyring and source entry bear them.
const TAKEN: [&str; 8] =
    ["debian", "ubuntu", "debian-ports", "devuan", "kali", "linuxmint", "neurodebian", "raspbian"];

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a tag: letters, digits, `.`, `_` and `-`, starting with a letter, at most 64 bytes.
///
/// A name that would also do as the start of a commit id (`deadbeef`) is none; numbers and times never start with a letter.
/// So the text of a revision means one thing only.
///
/// ```
/// use repo_store::model::TagName;
/// assert_eq!(TagName::parse("release-2026.11")?.as_str(), "release-2026.11");
/// for bad in ["", "2026.11", "../refs", "deadbeef", "with space"] {
///     assert!(TagName::parse(bad).is_err());
/// }
/// # Ok::<(), repo_store::model::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagName(String);

impl TagName {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`NameError::InvalidTag`] when no tag can be called that.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let like_an_id = name.len() >= 8 && name.bytes().all(|b| b.is_ascii_hexdigit());
        if starts_well && name.len() <= 64 && name.chars().all(allowed) && !like_an_id {
            Ok(Self(name.to_owned()))
        } else {
            Err(NameError::InvalidTag { name: name.escape_debug().take(100).collect() })
        }
    }

    /// Checks that a new tag may have this name: one that reads as a time would hide the time, or be hidden by it. Tags that were made
    /// before are not refused.
    ///
    /// # Errors
    /// [`NameError::TagLikeTime`] for `yesterday` and the like.
    pub fn check_new(&self) -> Result<(), NameError> {
        const TIMES: [&str; 4] = ["now", "today", "yesterday", "tomorrow"];
        match TIMES.iter().any(|time| self.0.eq_ignore_ascii_case(time)) {
            true => Err(NameError::TagLikeTime { name: self.0.clone() }),
            false => Ok(()),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a machine, a job or a group of them, as those who give access call it.
///
/// It starts with a letter or a digit and holds letters, digits, `.`, `_`, `-` and `@`, at most 64 characters: the name of a host is one.
///
/// ```
/// use repo_store::model::HolderName;
/// assert_eq!(HolderName::parse("web1.example.org")?.as_str(), "web1.example.org");
/// for bad in ["", "-web", "web 1", "web/1", "web:1"] {
///     assert!(HolderName::parse(bad).is_err());
/// }
/// # Ok::<(), repo_store::model::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HolderName(String);

impl HolderName {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`NameError::InvalidHolder`] when nobody can be called that.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        if is_short_name(name, "._-@") {
            Ok(Self(name.to_owned()))
        } else {
            Err(NameError::InvalidHolder { name: name.escape_debug().take(100).collect() })
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a profile, which is part of the name of its metapackage: lower-case letters, digits, `+`, `-` and `.`, starting with a letter or a
/// digit, at most 64 bytes.
///
/// ```
/// use repo_store::model::ProfileName;
/// assert_eq!(ProfileName::parse("web")?.as_str(), "web");
/// for bad in ["", "Web", "-web", "web_1", "../web"] {
///     assert!(ProfileName::parse(bad).is_err());
/// }
/// # Ok::<(), repo_store::model::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`NameError::InvalidProfile`] when no profile can be called that.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && name.len() <= 64 && name.chars().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(NameError::InvalidProfile { name: name.escape_debug().take(100).collect() })
        }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a hook: letters, digits, `.`, `_` and `-`, starting with a letter or a digit, at most 64 bytes.
///
/// ```
/// use repo_store::model::HookName;
/// assert_eq!(HookName::parse("chat.example.org")?.as_str(), "chat.example.org");
/// assert!(HookName::parse("../chat").is_err());
/// # Ok::<(), repo_store::model::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookName(String);

impl HookName {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`NameError::InvalidHook`] when no hook can be called that.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        if is_short_name(name, "._-") {
            Ok(Self(name.to_owned()))
        } else {
            Err(NameError::InvalidHook { name: name.escape_debug().take(100).collect() })
        }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns no name yet, for what is read before its name is known.
    pub(crate) fn unnamed() -> Self {
        Self(String::new())
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether a name has only letters, digits and `others`, starts with a letter or a digit, and is at most 64 bytes long.
fn is_short_name(name: &str, others: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    starts_well && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// A name that nothing can have.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A name that cannot be a repository's, or the name of no repository.
    #[error("`{name}` is not a repository here")]
    UnknownRepository {
        /// The name, control characters escaped.
        name: String,
    },
    /// A name that cannot be a tag's.
    #[error(
        "`{name}` cannot be the name of a tag: letters, digits, `.`, `_`, `-`, a letter first, no commit id, number or time"
    )]
    InvalidTag {
        /// The name, control characters escaped.
        name: String,
    },
    /// A name that cannot be a machine's, a job's or a group's.
    #[error(
        "`{name}` cannot be the name of a machine, a job or a group: letters, digits, `.`, `_`, `-`, `@`, a letter or a digit first"
    )]
    InvalidHolder {
        /// The name, control characters escaped.
        name: String,
    },
    /// A name that cannot be a hook's.
    #[error(
        "`{name}` cannot be the name of a hook: letters, digits, `.`, `_` and `-`, a letter or a digit first, at most 64"
    )]
    InvalidHook {
        /// The name, control characters escaped.
        name: String,
    },
    /// A name that cannot be a profile's.
    #[error(
        "`{name}` cannot be the name of a profile: lower-case letters, digits, `+`, `-` and `.`, a letter or a digit first, at most 64"
    )]
    InvalidProfile {
        /// The name, control characters escaped.
        name: String,
    },
    /// A name for a tag that reads as a time.
    #[error("`{name}` cannot be the name of a tag: it reads as a time")]
    TagLikeTime {
        /// The name.
        name: String,
    },
}

impl NameError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownRepository { .. } => "E-UNKNOWN-REPOSITORY",
            Self::InvalidTag { .. } | Self::TagLikeTime { .. } => "E-INVALID-TAG",
            Self::InvalidHolder { .. } => "E-INVALID-HOLDER",
            Self::InvalidHook { .. } => "E-INVALID-HOOK",
            Self::InvalidProfile { .. } => "E-INVALID-PROFILE",
        }
    }
}
