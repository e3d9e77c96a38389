//! Names that people give to states of a repository: `release-2026.11`, `before-the-move`.

use std::fmt;

use crate::storage::{Key, Storage as _};
use crate::{CommitId, Context, Error, PublicationId, RepositoryName, Revision, Store};

/// The name of a tag: letters, digits, `.`, `_` and `-`, starting with a letter, at most 64 bytes.
///
/// A name that would also do as the start of a commit id (`deadbeef`) is none; numbers and times never start with a letter.
/// So the text of a revision means one thing only.
///
/// ```
/// use repo_store::TagName;
/// assert_eq!(TagName::parse("release-2026.11")?.as_str(), "release-2026.11");
/// for bad in ["", "2026.11", "../refs", "deadbeef", "with space"] {
///     assert!(TagName::parse(bad).is_err());
/// }
/// # Ok::<(), repo_store::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagName(String);

impl TagName {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`Error::InvalidTag`] when no tag can be called that.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let like_an_id = name.len() >= 8 && name.bytes().all(|b| b.is_ascii_hexdigit());
        if starts_well && name.len() <= 64 && name.chars().all(allowed) && !like_an_id {
            Ok(Self(name.to_owned()))
        } else {
            Err(Error::InvalidTag { name: name.escape_debug().take(100).collect() })
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

/// A name and the state it stands for. What a tag names is kept whatever retention and garbage collection remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The name.
    pub name: TagName,
    /// The state.
    pub commit: CommitId,
}

const AREA: &str = "tags";

impl Store {
    /// Gives a state of a repository a name, durably. To give it that name again changes nothing.
    ///
    /// Returns the publication that clients find under that name too, as `snapshot/<name>`: the newest that shows the state.
    /// When nothing showed it yet, the next publication of it will be found there.
    ///
    /// # Errors
    /// [`Error::TagExists`] when the name stands for another state: a tag is deleted before it is made anew.
    pub fn tag(
        &self,
        revision: &Revision<'_>,
        name: &TagName,
        context: &Context,
    ) -> Result<Option<PublicationId>, Error> {
        let repository = revision.repository();
        let _lock = self.publishing_lock(repository)?;
        let (key, commit) = (tag_key(repository, name), revision.id());
        if self.tagged(repository, name)?.is_some_and(|other| other != commit) {
            return Err(Error::TagExists { repository: repository.clone(), tag: name.clone() });
        }
        let shown = self.show_tag(repository, name, commit)?;
        if !self.storage().compare_and_swap(&key, None, format!("{commit}\n").as_bytes())? {
            return Ok(shown);
        }
        self.log_tag(repository, commit, &format!("tag {name}"), context)?;
        Ok(shown)
    }

    /// Takes a name away from the state it stands for, and returns that state.
    ///
    /// # Errors
    /// [`Error::UnknownTag`] when there is no such tag.
    pub fn delete_tag(
        &self,
        repository: &RepositoryName,
        name: &TagName,
        context: &Context,
    ) -> Result<CommitId, Error> {
        let key = tag_key(repository, name);
        let _lock = self.publishing_lock(repository)?;
        loop {
            let Some(commit) = self.tagged(repository, name)? else {
                return Err(Error::UnknownTag { repository: repository.clone(), tag: name.clone() });
            };
            // Logged first: garbage collection keeps what the log names until the grace period is over.
            self.log_tag(repository, commit, &format!("delete tag {name}"), context)?;
            if self.storage().compare_and_remove(&key, format!("{commit}\n").as_bytes())? {
                self.hide_tag(repository, name)?;
                return Ok(commit);
            }
        }
    }

    /// The tags of a repository, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, Error> {
        let mut tags = Vec::new();
        for name in self.tag_names(repository)? {
            // One that was deleted since it was listed is no tag any more.
            if let Some(commit) = self.tagged(repository, &name)? {
                tags.push(Tag { name, commit });
            }
        }
        Ok(tags)
    }

    /// The names of the tags of a repository, in order.
    pub(crate) fn tag_names(&self, repository: &RepositoryName) -> Result<Vec<TagName>, Error> {
        let area = format!("{AREA}/{repository}");
        let keys = self.storage().list(&area)?;
        let names = keys.iter().filter_map(|key| key.as_str().strip_prefix(&area)?.strip_prefix('/'));
        // Nobody else writes here; a file of another kind is none of ours.
        Ok(names.filter_map(|name| TagName::parse(name).ok()).collect())
    }

    /// The state a tag stands for; `None` when there is no such tag.
    pub(crate) fn tagged(
        &self,
        repository: &RepositoryName,
        name: &TagName,
    ) -> Result<Option<CommitId>, Error> {
        let Some(bytes) = self.storage().read(&tag_key(repository, name))? else { return Ok(None) };
        let id = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
        id.map(Some).ok_or_else(|| Error::damaged("tag", name, "it holds no commit id"))
    }

    fn log_tag(
        &self,
        repository: &RepositoryName,
        commit: CommitId,
        operation: &str,
        context: &Context,
    ) -> Result<(), Error> {
        let (now, actor) = (context.now, context.actor.replace(char::is_control, " "));
        let line = format!("{now}\t{actor}\t{repository}\t{commit}\t{commit}\t{operation}");
        self.storage().append_line(&Self::log_key(), &line)
    }
}

fn tag_key(repository: &RepositoryName, name: &TagName) -> Key {
    Key::named(AREA, &format!("{repository}/{name}"))
}
