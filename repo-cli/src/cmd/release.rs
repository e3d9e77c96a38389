//! Giving a repository the content of another one.

use std::collections::{BTreeMap, BTreeSet};

use repo_store::error::HistoryError;
use repo_store::model::{CommitId, TagName};
use repo_store::operations::release::{ReleaseMove, ReleasePlan};
use repo_store::{RepositoryName, RepositorySettings};
use serde::Serialize;

use super::changes::{self, Action};
use super::diff::DifferenceJson;
use super::{diff, gates, hold};
use crate::args::{ChangeArguments, LimitArguments, OverrideArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::guard;
use crate::json_value::{JsonDocument, Text};
use crate::output::{Output, count};
use crate::planned::{carry_out, unless_begun};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReleaseArguments {
    /// The repository that gets the content, such as `stable`
    repository: String,
    /// The repository that has it, such as `beta`
    #[arg(long, value_name = "REPOSITORY")]
    from: String,
    /// The repository that gets what the first one had until then [default: `oldstable` for `stable`, and so on, if there is one]
    #[arg(long, value_name = "REPOSITORY")]
    old: Option<String>,
    /// Name the new state
    #[arg(long, value_name = "NAME", value_parser = TagName::parse)]
    tag: Option<TagName>,
    /// Also when nothing, or less than half, of a suite would be left
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl ReleaseArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }
}

type Commits = BTreeMap<RepositoryName, CommitId>;

pub(crate) fn run(
    arguments: &ReleaseArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (dry_run, store) = (arguments.change.dry_run, &session.store);
    let from = session.repository(&arguments.from)?;
    let to = session.repository_to_change(&arguments.repository, arguments.change)?;
    let old = match &arguments.old {
        Some(old) => Some(session.repository_to_change(old, arguments.change)?),
        None => {
            let usual = format!("old{}", to.name);
            let is_there = session.config.repositories().any(|one| one.name.as_str() == usual);
            is_there.then(|| session.repository_to_change(&usual, arguments.change)).transpose()?
        }
    };
    let names: BTreeSet<_> = [Some(from), Some(to), old].into_iter().flatten().map(|one| &one.name).collect();
    if names.len() < 2 + usize::from(old.is_some()) {
        return Err(Failure::Usage("a release needs different repositories"));
    }
    if let Some(tag) = &arguments.tag {
        tag.check_new().map_err(repo_store::Error::from)?;
    }
    let gate_override = arguments.gates.gate_override();
    let make = || unless_begun(store.plan_release(from, to, old), store, arguments.change);
    let (plan, commits) = carry_out(make, |plan: &ReleasePlan| {
        check_tag(plan, to, arguments, session)?;
        for one in plan.moves() {
            let losses = super::rollback::losses(one.changes(), |suite| one.records_before(suite));
            match dry_run {
                true => guard::foretell(one.repository(), &losses, arguments.yes, output),
                false => guard::check(one.repository(), &losses, arguments.yes, output)?,
            }
        }
        let context = session.context();
        let given = gate_override.as_ref();
        let done = match dry_run {
            true => plan.pass_gates(store, given, context.now).map(|_| Commits::new()),
            false => plan.apply(store, given, &context),
        };
        // Only then is there something to show.
        let is_stopped = matches!(done, Err(repo_store::Error::Rule(_)));
        if (is_stopped || given.is_some()) && output.shows_change(dry_run) {
            let gated = plan.gated(store, given, context.now)?;
            let all = gated.values().flat_map(|gated| gates::violations_of_release(gated, given));
            gates::print_table(&all.collect::<Vec<_>>(), arguments.rows.limit(output), output);
        }
        Ok(done?)
    })?;
    // What is released is told and published, whatever becomes of its name.
    let tagged = tag_state(arguments, commits.get(&to.name), to, session);
    print(&plan, &commits, arguments, output);
    let mut complete = true;
    if plan.is_empty() {
        let (to, from) = (&to.name, &from.name);
        output.say(&match plan.moves().iter().all(|one| one.held().is_empty()) {
            true => format!("nothing to release: {to} already has what {from} has"),
            false => format!("nothing to release: {to} holds what it lacks of {from}"),
        });
    }
    for one in plan.moves() {
        let settings = if *one.repository() == to.name { Some(to) } else { old };
        let Some(settings) = settings else { continue };
        let done = if plan.is_empty() { None } else { Some(summary(one, dry_run)) };
        let commit = commits.get(one.repository()).copied();
        let published = match &done {
            Some(done) => session.finish_change(done, (settings, commit), arguments.change, output),
            None => session.publish_after(settings, commit, arguments.change, output),
        };
        // One that cannot be published keeps the other from nothing.
        if let Err(failure) = published {
            output.failed(one.repository(), &failure);
            complete = false;
        }
    }
    match tagged {
        Ok(tagged) => tagged.iter().for_each(|tagged| output.say(tagged)),
        Err(failure) => {
            output.failed(&to.name, &failure);
            complete = false;
        }
    }
    changes::print_undo(to, commits.get(&to.name).copied(), session, output);
    Ok(Outcome::of(complete))
}

/// Names the state that was released, if that is asked for, and returns what was done, in words.
fn tag_state(
    arguments: &ReleaseArguments,
    commit: Option<&CommitId>,
    to: &RepositorySettings,
    session: &Session,
) -> Result<Option<String>, Failure> {
    let Some(tag) = arguments.tag.as_ref().filter(|_| !arguments.change.dry_run) else { return Ok(None) };
    let released = match commit {
        Some(commit) => Some(session.store.revision(&to.name, *commit)?),
        // Given again after it was cut short, a release finds nothing to do but this.
        None => session.store.head(&to.name)?,
    };
    let Some(released) = released else { return Ok(None) };
    session.store.tag(&released, tag, &session.context())?;
    Ok(Some(format!("tagged state {} of {} as {tag}", released.commit().sequence, to.name)))
}

/// Refuses a tag that stands for another state already, before anything is changed.
fn check_tag(
    plan: &ReleasePlan,
    to: &RepositorySettings,
    arguments: &ReleaseArguments,
    session: &Session,
) -> Result<(), Failure> {
    let Some(tag) = &arguments.tag else { return Ok(()) };
    let there = session.store.tags(&to.name)?.into_iter().find(|there| there.name == *tag);
    let head = session.store.head(&to.name)?.map(|head| head.id());
    match there {
        Some(there) if !plan.is_empty() || Some(there.commit) != head => {
            let (repository, tag) = (to.name.clone(), tag.clone());
            Err(repo_store::Error::from(HistoryError::TagExists { repository, tag }).into())
        }
        _ => Ok(()),
    }
}

/// Sums up what one repository gets.
fn summary(one: &ReleaseMove, dry_run: bool) -> String {
    let (mut added, mut removed) = (BTreeSet::new(), BTreeSet::new());
    for (_, is_removed, record) in diff::each(one.changes()) {
        let files = if is_removed { &mut removed } else { &mut added };
        files.insert(record.key());
    }
    let verb = if dry_run { "would release" } else { "released" };
    format!(
        "{verb} {} to {}: {} added, {} removed",
        one.from(),
        one.repository(),
        count(added.len(), "package file"),
        removed.len()
    )
}

/// What a repository becomes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ReleasedJson<'a> {
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<&'a CommitId>>,
    /// The package files that were removed (`a`) and added (`b`)
    differences: Vec<DifferenceJson<'a>>,
    /// The repository whose packages it gets
    from: Text<&'a RepositoryName>,
    /// The versions that stay out because they are held
    held: Vec<String>,
    /// The repository
    repository: Text<&'a RepositoryName>,
}

/// The document of `release`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReleaseJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The repositories that were changed
    released: Vec<ReleasedJson<'a>>,
    /// The tag of the released state; null without `--tag`
    tag: Option<Text<&'a TagName>>,
}

impl JsonDocument for ReleaseJson<'_> {}

/// Prints what happens to each repository.
fn print(plan: &ReleasePlan, commits: &Commits, arguments: &ReleaseArguments, output: &Output) {
    let moves = plan.moves().iter().map(|one| {
        let held: Vec<_> = one.held().iter().map(|(_, hold)| hold.key.clone()).collect();
        ReleasedJson {
            commit: commits.get(one.repository()).map(Text),
            differences: diff::json(one.changes()),
            from: Text(one.from()),
            held: hold::names(&held),
            repository: Text(one.repository()),
        }
    });
    let document = ReleaseJson {
        dry_run: arguments.change.dry_run,
        released: moves.collect(),
        tag: arguments.tag.as_ref().map(Text),
    };
    let limit = arguments.rows.limit(output);
    output.result(&document, || {
        if !output.shows_change(arguments.change.dry_run) {
            return;
        }
        for one in plan.moves().iter().filter(|one| !one.changes().is_empty()) {
            output.say(&format!("{}:", one.repository()));
            let exchanges = changes::exchanges(diff::each(one.changes())).into_iter();
            let exchanges = exchanges.map(|(key, suite, action)| match action {
                // What comes may never have been there.
                Action::Restore => (key, suite, Action::Add),
                action => (key, suite, action),
            });
            let _ = changes::print(exchanges.collect(), limit, output);
        }
    });
    for one in plan.moves() {
        let skipped: Vec<String> = one
            .held()
            .iter()
            .map(|(record, hold)| {
                let key = record.key();
                format!("skipped {key}: {} holds it ({})", one.repository(), hold::held_since(&hold.cause))
            })
            .collect();
        output.notes(limit, &skipped, "hold");
    }
}
