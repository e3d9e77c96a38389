//! Nothing changes in a repository for a while: `freeze` and `thaw`.

use jiff::Timestamp;
use repo_store::{Freeze, RepositorySettings};

use crate::clock;
use crate::error::{Failure, Outcome};
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
    let document = serde_json::json!({
        "repository": repository.as_str(),
        "until": clock::rfc_3339(until),
        "reason": arguments.reason,
        "before": before.as_ref().map(freeze_json),
        "dry_run": arguments.dry_run,
    });
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
    let document = serde_json::json!({
        "repository": repository.as_str(),
        "ended": ended.as_ref().map(freeze_json),
        "dry_run": arguments.dry_run,
    });
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

pub(super) fn freeze_json(freeze: &Freeze) -> serde_json::Value {
    let Freeze { since, until, actor, reason, .. } = freeze;
    serde_json::json!({
        "since": clock::rfc_3339(*since), "until": clock::rfc_3339(*until), "actor": actor, "reason": reason,
    })
}

/// Returns the freeze of a repository now, if there is one.
pub(super) fn of(repository: &RepositorySettings, session: &Session) -> Result<Option<Freeze>, Failure> {
    Ok(session.store.freeze_of(repository, session.context().now)?)
}
