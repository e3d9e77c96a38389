use repo_store::history::Operation;
use repo_store::model::{CommitId, PublicationId, TagName};
use serde::Serialize;

use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Column, Output, RowLimit};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TagArguments {
    /// The repository
    repository: String,
    /// The name to give or delete [default: list the tags]
    #[arg(value_parser = TagName::parse)]
    name: Option<TagName>,
    /// The state: a number, commit or time as `history` shows them [default: the current one]
    #[arg(requires = "name")]
    revision: Option<String>,
    /// Delete the tag
    #[arg(long, requires = "name", conflicts_with = "revision")]
    delete: bool,
    /// Show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl TagArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        self.name.is_some() && !self.dry_run
    }
}

/// The document of `tag` with the name of a tag.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TaggedJson<'a> {
    /// The state that the tag stands for
    commit: Text<CommitId>,
    /// Whether the tag was deleted
    deleted: bool,
    /// Whether nothing was changed
    dry_run: bool,
    /// The publication that clients find under the tag; null when they do not find one yet
    publication: Option<Text<PublicationId>>,
    /// The number of the state
    sequence: u64,
    /// The tag
    tag: Text<&'a TagName>,
}

impl JsonDocument for TaggedJson<'_> {}

/// A tag.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TagJson {
    /// The state that the tag stands for
    commit: Text<CommitId>,
    /// When the state was made
    date: Time,
    /// What was done then
    operation: Text<Operation>,
    /// The number of the state
    sequence: u64,
    /// The tag
    tag: Text<TagName>,
}

/// The document of `tag` without the name of a tag.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TagsJson<'a> {
    /// The tags of the repository
    tags: &'a [TagJson],
}

impl JsonDocument for TagsJson<'_> {}

pub(crate) fn run(arguments: &TagArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let repository = &session.repository(&arguments.repository)?.name;
    let Some(name) = &arguments.name else { return list(repository, session, output) };
    let revision = if arguments.delete {
        let tags = session.store.tags(repository)?;
        let unknown = || {
            repo_store::Error::History(repo_store::error::HistoryError::UnknownTag {
                repository: repository.clone(),
                tag: name.clone(),
                known: tags.iter().map(|tag| tag.name.clone()).collect(),
            })
        };
        let tag = tags.iter().find(|tag| tag.name == *name).ok_or_else(unknown)?;
        session.store.revision(repository, tag.commit)?
    } else if let Some(revision) = &arguments.revision {
        session.resolve(repository, revision)?
    } else {
        let nothing = || Failure::NoHistory { repository: repository.clone() };
        session.store.head(repository)?.ok_or_else(nothing)?
    };
    let mut shown = None;
    if arguments.dry_run && !arguments.delete {
        name.check_new().map_err(repo_store::Error::from)?;
    }
    if !arguments.dry_run {
        if arguments.delete {
            session.store.delete_tag(repository, name, &session.context())?;
        } else {
            shown = session.store.tag(&revision, name, &session.context())?;
        }
    }
    let (sequence, id) = (revision.commit().sequence, revision.id());
    let document = TaggedJson {
        commit: Text(id),
        deleted: arguments.delete,
        dry_run: arguments.dry_run,
        publication: shown.map(Text),
        sequence,
        tag: Text(name),
    };
    output.result(&document, || {});
    let verb = match (arguments.delete, arguments.dry_run) {
        (false, false) => "tagged",
        (false, true) => "would tag",
        (true, false) => "no longer tagged",
        (true, true) => "would no longer be tagged",
    };
    let clients = match shown {
        _ if arguments.delete || arguments.dry_run => String::new(),
        Some(_) => format!("; clients find it as snapshot/{name}"),
        None => format!("; clients will find it as snapshot/{name} once that state is published"),
    };
    let (now, tags) = (session.context().now, session.store.tags_ahead(repository, session.context().now)?);
    let date = tags.into_iter().find(|(tag, _)| tag == name).map(|(_, date)| date);
    if let Some(refused) = clock::refused_until(date, now) {
        let cure = format!("`repo-cli sign again {repository}` gives it the right one");
        output.warn("W-DATE", format!("snapshot {name} of {repository}: {refused}; {cure}"));
    }
    output.say(&format!("{verb} {name}: {sequence} ({}) of {repository}{clients}", id.short()));
    Ok(Outcome::Done)
}

fn list(
    repository: &repo_store::RepositoryName,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (mut rows, mut tags) = (Vec::new(), Vec::new());
    for tag in session.store.tags(repository)? {
        let revision = session.store.revision(repository, tag.commit)?;
        let commit = revision.commit();
        let (id, operation) = (tag.commit.to_string(), commit.operation.to_string());
        tags.push(TagJson {
            commit: Text(tag.commit),
            date: Time(commit.date),
            operation: Text(commit.operation.clone()),
            sequence: commit.sequence,
            tag: Text(tag.name.clone()),
        });
        let (number, id) = (commit.sequence.to_string(), id.chars().take(12).collect());
        rows.push([tag.name.to_string(), number, id, clock::minute(commit.date), operation]);
    }
    output.result(&TagsJson { tags: &tags }, || {
        output.table(
            &[
                Column::text("TAG"),
                Column::whole("NUMBER"),
                Column::whole("COMMIT").expendable(),
                Column::whole("TIME"),
                Column::text("OPERATION"),
            ],
            &rows,
            RowLimit::NONE,
        );
    });
    if tags.is_empty() {
        output.found_nothing(&format!("no tags in {repository}"));
    }
    Ok(Outcome::Done)
}
