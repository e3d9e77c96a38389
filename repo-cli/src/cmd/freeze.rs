//! Nothing changes in a repository for a while: `freeze` and `thaw`.

use jiff::Timestamp;
use repo_store::model::Freeze;
use repo_store::{RepositoryName, RepositorySettings};
use serde::Serialize;

use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
use crate::moment;
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FreezeArguments {
    /// The repository
    repository: String,
    /// When the freeze ends: the end of a day such as 2026-11-30, a time in UTC such as '2026-11-30 08:00' or 2026-11-30T08:00, or
    /// so long from now, such as 36h or 14d
    #[arg(long, value_name = "TIME", value_parser = to_come)]
    until: Timestamp,
    /// Reason, shown in the history and to everybody whom the freeze stops
    #[arg(long, value_name = "TEXT", value_parser = crate::args::reason)]
    reason: String,
    /// Show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ThawArguments {
    /// The repository
    repository: String,
    /// Show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl FreezeArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.dry_run
    }
}

impl ThawArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.dry_run
    }
}

/// Reads a time that is still to come.
fn to_come(text: &str) -> Result<Timestamp, &'static str> {
    let now = clock::now();
    let time = moment::to_come(text, now)
        .ok_or("not a time: give for example 2026-11-30, '2026-11-30 08:00' or 36h")?;
    if time > now { Ok(time) } else { Err("that time has passed") }
}

pub(crate) fn freeze(
    arguments: &FreezeArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = &session.repository(&arguments.repository)?.name;
    let (context, until) = (session.context(), arguments.until);
    let before = session.store.decided_freeze(repository, context.now)?;
    if !arguments.dry_run {
        let _ = session.store.freeze(repository, until, &arguments.reason, &context)?;
    }
    let document = FrozenJson {
        before: before.as_ref().map(FreezeJson::new),
        dry_run: arguments.dry_run,
        reason: &arguments.reason,
        repository: Text(repository),
        until: Time(until),
    };
    output.result(&document, || {});
    let verb = if arguments.dry_run { "would freeze" } else { "froze" };
    let before = before.map(|before| format!(" (it was {})", words(&before)));
    output.say(&format!("{verb} {repository} until {}{}", clock::minute(until), before.unwrap_or_default()));
    Ok(Outcome::Done)
}

pub(crate) fn thaw(
    arguments: &ThawArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let settings = session.repository(&arguments.repository)?;
    let (repository, context) = (&settings.name, session.context());
    let ended = match arguments.dry_run {
        true => session.store.decided_freeze(repository, context.now)?,
        false => session.store.thaw(repository, &context)?,
    };
    let document = ThawedJson {
        dry_run: arguments.dry_run,
        ended: ended.as_ref().map(FreezeJson::new),
        repository: Text(repository),
    };
    output.result(&document, || {});
    let weekly = settings.freezes.iter().find_map(|weekly| weekly.in_force(context.now));
    output.say(&match (&ended, arguments.dry_run) {
        (None, _) if weekly.is_none() => format!("{repository} is not frozen"),
        (None, _) => format!("nothing to thaw in {repository}"),
        (Some(freeze), true) => format!("would thaw {repository}, which is {}", words(freeze)),
        (Some(freeze), false) => format!("thawed {repository}, which was {}", words(freeze)),
    });
    if let Some(weekly) = weekly {
        output.say(&format!("it is {}; thaw ends only what freeze began", words(&weekly)));
    }
    Ok(Outcome::Done)
}

/// Describes a freeze: its end, who set it, and the reason.
pub(super) fn words(freeze: &Freeze) -> String {
    format!("frozen until {} by {}: {}", clock::minute(freeze.until), freeze.actor, freeze.reason)
}

/// A freeze of a repository.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FreezeJson {
    /// Who froze it
    actor: String,
    /// Why it is frozen
    reason: String,
    /// When the freeze began
    since: Time,
    /// When the freeze ends
    until: Time,
}

impl FreezeJson {
    pub(super) fn new(freeze: &Freeze) -> Self {
        let Freeze { since, until, actor, reason, .. } = freeze;
        Self { actor: actor.clone(), reason: reason.clone(), since: Time(*since), until: Time(*until) }
    }
}

/// The document of `freeze`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FrozenJson<'a> {
    /// The freeze that this one replaces
    before: Option<FreezeJson>,
    /// Whether nothing was changed
    dry_run: bool,
    /// Why it is frozen
    reason: &'a str,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// When the freeze ends
    until: Time,
}

impl JsonDocument for FrozenJson<'_> {}

/// The document of `thaw`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ThawedJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The freeze that ended; null when the repository had none
    ended: Option<FreezeJson>,
    /// The repository
    repository: Text<&'a RepositoryName>,
}

impl JsonDocument for ThawedJson<'_> {}

/// Returns the freeze of a repository now, if there is one.
pub(super) fn of(repository: &RepositorySettings, session: &Session) -> Result<Option<Freeze>, Failure> {
    Ok(session.store.freeze_of(repository, session.context().now)?)
}
