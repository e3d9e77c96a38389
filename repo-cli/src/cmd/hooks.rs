//! Whom the store tells what happens: `hooks`.

use std::collections::BTreeSet;

use clap::Subcommand;
use repo_config::hook::{Hook, HookTarget};
use repo_hooks::Payload;
use repo_store::maintenance::hook_spool::{DeliveryState, HookDelivery};
use repo_store::model::HookName;
use serde::Serialize;

use crate::clock;
use crate::error::{Failure, Outcome};
use crate::hooks::{Attempts, Deliverer, deliver_until_done, new_id};
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Column, Output, RowLimit, count, joined};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HooksArguments {
    #[command(subcommand)]
    command: HooksCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum HooksCommand {
    /// List the hooks, and what waits for each
    List,
    /// Tell a hook of a test event now, and show what comes of it
    Test(TestArguments),
    /// Deliver what waits now, also what was given up
    Retry(RetryArguments),
    /// Deliver what is due, and try again for a while what fails; verbs leave this process behind
    #[command(hide = true)]
    Deliver,
}

#[derive(Clone, Debug, clap::Args)]
struct TestArguments {
    /// The hook
    name: String,
}

#[derive(Clone, Debug, clap::Args)]
struct RetryArguments {
    /// The hooks [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl HooksArguments {
    /// Returns whether the verb writes to the store. What is left behind for deliveries asks nobody anything.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.command, HooksCommand::Retry(_))
    }
}

pub(crate) fn run(
    arguments: &HooksArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let deliverer = Deliverer::new(&session.store, &session.root, &session.config);
    match &arguments.command {
        HooksCommand::List => list(&deliverer, session, output),
        HooksCommand::Test(arguments) => test(&arguments.name, &deliverer, session, output),
        HooksCommand::Retry(arguments) => retry(&arguments.names, &deliverer, session, output),
        HooksCommand::Deliver => {
            deliver_until_done(&session.store, &session.root, &session.config)?;
            Ok(Outcome::Done)
        }
    }
}

/// Finds a configured hook.
fn find<'a>(name: &str, deliverer: &'a Deliverer<'_>) -> Result<&'a Hook, Failure> {
    let hooks = deliverer.hooks();
    hooks.iter().find(|hook| hook.name.as_str() == name).ok_or_else(|| Failure::UnknownHook {
        name: name.to_owned(),
        known: hooks.iter().map(|hook| hook.name.to_string()).collect(),
    })
}

/// A hook, with what waits for it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct HookJson {
    /// The name of the hook
    name: String,
    /// The events that it is told of
    on: Vec<String>,
    /// Who is told: an address, a command or a mail address
    receiver: String,
    /// The format of what is sent to an address; null for others
    format: Option<&'static str>,
    /// The repositories whose events it is told of; empty for all
    repositories: Vec<String>,
    /// Whether it stands in the configuration. What waits for one that does not is forgotten after some days
    configured: bool,
    /// How many events wait for delivery
    waiting: usize,
    /// How many events could not be delivered
    failed: usize,
    /// When the oldest event that is not delivered happened; null when all are
    oldest: Option<Time>,
    /// Why the last attempt failed; null when none did
    error: Option<String>,
}

/// The document of `hooks list`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HooksJson<'a> {
    /// The hooks
    hooks: &'a [HookJson],
}

impl JsonDocument for HooksJson<'_> {}

/// The document of `hooks test`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TestedHookJson<'a> {
    /// The hook
    hook: &'a str,
    /// The id of the event that it took
    id: &'a str,
}

impl JsonDocument for TestedHookJson<'_> {}

/// How many events a hook took, and how many are left.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RetriedJson {
    /// The hook
    hook: Text<HookName>,
    /// How many events were delivered
    delivered: usize,
    /// How many events are left
    left: usize,
}

/// The document of `hooks retry`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RetriedHooksJson {
    /// The hooks
    hooks: Vec<RetriedJson>,
}

impl JsonDocument for RetriedHooksJson {}

impl HookJson {
    fn of(name: &HookName, hook: Option<&Hook>, deliveries: &[HookDelivery]) -> Self {
        let own = || deliveries.iter().filter(|delivery| delivery.hook == *name);
        let number = |state| own().filter(|delivery| delivery.state == state).count();
        let undelivered = || own().filter(|delivery| delivery.state != DeliveryState::Delivered);
        Self {
            name: name.to_string(),
            on: hook.map_or_else(Vec::new, |hook| hook.on.iter().map(ToString::to_string).collect()),
            receiver: hook.map_or_else(|| "(not configured)".to_owned(), receiver),
            format: hook.and_then(|hook| match &hook.target {
                HookTarget::Web { format, .. } => Some(format.as_str()),
                _ => None,
            }),
            repositories: hook
                .map_or_else(Vec::new, |hook| hook.repositories.iter().map(ToString::to_string).collect()),
            configured: hook.is_some(),
            waiting: number(DeliveryState::Waiting),
            failed: number(DeliveryState::GivenUp),
            oldest: undelivered().map(|delivery| delivery.date).min().map(Time),
            error: undelivered().filter_map(|delivery| delivery.error.clone()).next_back(),
        }
    }
}

/// Returns who is told, without what may be a secret.
fn receiver(hook: &Hook) -> String {
    match &hook.target {
        HookTarget::Web { url, .. } => url.to_string(),
        HookTarget::Command(command) => command.first().cloned().unwrap_or_default(),
        HookTarget::Mail(address) => format!("mail to {}", address.as_str()),
        _ => String::new(),
    }
}

fn list(deliverer: &Deliverer<'_>, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let deliveries = session.store.hook_deliveries()?;
    let configured = deliverer.hooks().iter().map(|hook| HookJson::of(&hook.name, Some(hook), &deliveries));
    let is_configured = |name: &HookName| deliverer.hooks().iter().any(|hook| hook.name == *name);
    let others: BTreeSet<&HookName> =
        deliveries.iter().map(|delivery| &delivery.hook).filter(|name| !is_configured(name)).collect();
    let all: Vec<HookJson> =
        configured.chain(others.into_iter().map(|name| HookJson::of(name, None, &deliveries))).collect();
    output.result(&HooksJson { hooks: &all }, || {
        let row = |hook: &HookJson| {
            [
                hook.name.clone(),
                joined(&hook.on),
                hook.receiver.clone(),
                hook.waiting.to_string(),
                hook.failed.to_string(),
                hook.error.clone().unwrap_or_default(),
            ]
        };
        let rows: Vec<[String; 6]> = all.iter().map(row).collect();
        let head = [
            Column::whole("HOOK"),
            Column::words("EVENTS"),
            Column::text("RECEIVER"),
            Column::whole("WAITING"),
            Column::whole("FAILED"),
            Column::text("LAST ERROR"),
        ];
        if !rows.is_empty() {
            output.table(&head, &rows, RowLimit::NONE);
        }
    });
    if all.is_empty() {
        output.found_nothing("no hooks: repo.toml has no [[hook]]");
    }
    Ok(Outcome::Done)
}

fn test(
    name: &str,
    deliverer: &Deliverer<'_>,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let hook = find(name, deliverer)?;
    let now = crate::clock::now();
    let actor = session.context().actor;
    let text = format!("test of hook {name} by {actor}");
    let payload = Payload::new("test", &new_id(now), &clock::rfc_3339(now), &actor, &text);
    deliverer.tell(hook, &payload.to_json())?;
    output.result(&TestedHookJson { hook: name, id: &payload.id }, || {});
    output.say(&format!("{name} took the test event"));
    Ok(Outcome::Done)
}

fn retry(
    names: &[String],
    deliverer: &Deliverer<'_>,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let named: Result<Vec<&Hook>, Failure> = names.iter().map(|name| find(name, deliverer)).collect();
    let named = named?;
    let all = deliverer.hooks().iter();
    let hooks: BTreeSet<HookName> = if named.is_empty() {
        all.map(|hook| hook.name.clone()).collect()
    } else {
        named.into_iter().map(|hook| hook.name.clone()).collect()
    };
    let Attempts { delivered, failed } = deliverer.deliver_all(&hooks)?;
    let deliveries = session.store.hook_deliveries()?;
    let left = |name: &HookName| {
        let is_left =
            |delivery: &&HookDelivery| delivery.hook == *name && delivery.state != DeliveryState::Delivered;
        deliveries.iter().filter(is_left).count()
    };
    let result = |name: &HookName| {
        let delivered = delivered.get(name).copied().unwrap_or_default();
        RetriedJson { hook: Text(name.clone()), delivered, left: left(name) }
    };
    output.result(&RetriedHooksJson { hooks: hooks.iter().map(result).collect() }, || {});
    let total: usize = delivered.values().sum();
    if total == 0 && failed.is_empty() {
        output.say("nothing waits for delivery");
    }
    for (name, number) in delivered.iter().filter(|(_, number)| **number > 0) {
        output.say(&format!("delivered {} to {name}", count(*number, "event")));
    }
    for (name, failure) in &failed {
        output.error(failure);
        output.note(&format!("{name}: {} left", count(left(name), "event")));
    }
    Ok(Outcome::of(failed.is_empty()))
}
