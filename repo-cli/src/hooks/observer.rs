//! Notes what verbs do, for hooks.

use apt_sign::{Fingerprint, KeyProblem};
use camino::{Utf8Path, Utf8PathBuf};
use repo_config::Config;
use repo_config::hook::{Hook, HookEvent, HookOperation, HookStage};
use repo_config::keys::KeyWarning;
use repo_hooks::{Change, Key, Payload};
use repo_store::history::{LogEntry, Operation};
use repo_store::maintenance::hook_spool::HookDelivery;
use repo_store::storage::Format;
use repo_store::{RepositoryName, Store};

use super::background::leave_behind;
use super::delivery::is_any_due;
use super::{IN_A_HOOK, new_id};
use crate::args::Command;
use crate::clock;
use crate::error::{Failure, Outcome, chain};
use crate::operation_log::{Fault, counted_changes};
use crate::output::{Output, count};
use crate::package_count::ChangeCount;
use crate::session;

/// No text of an event is longer, in characters.
const LONGEST: usize = 2000;

/// Something that the operation log does not tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// A repository could not be published.
    NotPublished { repository: RepositoryName, fault: Fault },
    /// A key that signs expires within so many days, or has expired.
    KeyExpires { fingerprint: Fingerprint, days: u64 },
}

impl Note {
    /// Returns what is to be told of a warning about a key.
    pub(crate) fn of_key(warning: &KeyWarning) -> Option<Self> {
        let (KeyWarning::Problem { fingerprint, problem } | KeyWarning::DoesNotSign { fingerprint, problem }) =
            warning
        else {
            return None;
        };
        let days = match problem {
            KeyProblem::ExpiresSoon { days, .. } if *days < NOTICE => *days,
            KeyProblem::Expired { .. } => 0,
            _ => return None,
        };
        Some(Self::KeyExpires { fingerprint: fingerprint.clone(), days })
    }
}

/// So many days before its end a key is told of: once a week, and in the last week every day.
const NOTICE: u64 = 30;

/// Notes what a verb does, for the hooks that want to know.
pub(crate) struct Observer {
    root: Utf8PathBuf,
    hooks: Vec<Hook>,
    operation: Option<HookOperation>,
    /// The repositories that the verb was given, as far as they are known.
    repositories: Vec<RepositoryName>,
    actor: String,
    /// Whether the verb only reads: then a file of somebody else's than the owner's would be in the owner's way.
    reads: bool,
    /// Whether this process goes on and delivers events itself. One that it leaves behind would wait for its end.
    goes_on: bool,
}

/// An event before anybody is told.
struct Happened {
    event: HookEvent,
    /// One that is the same for an event that is noticed again.
    id: Option<String>,
    repository: Option<RepositoryName>,
    payload: Payload,
}

impl Observer {
    /// Begins to watch a verb, and notes that it begins. `None` when no hook is configured or the verb does nothing that one is told of.
    pub(crate) fn begin(
        command: &Command,
        root: &Utf8Path,
        config: &Config,
        actor: String,
        output: &Output,
    ) -> Option<Self> {
        let (operation, reads) = (operation_of(command), !command.writes());
        if operation.is_none() && reads {
            return None;
        }
        let names = command.repositories(config);
        let observer = Self::new(root, config, (operation, reads), &names, actor)?;
        observer.tell(observer.at_stage(HookStage::Start, None), output);
        Some(observer)
    }

    /// Watches the rounds of a verb that goes on and on.
    pub(crate) fn of_rounds(root: &Utf8Path, config: &Config, actor: String) -> Option<Self> {
        let observer = Self::new(root, config, (Some(HookOperation::Add), false), &[], actor)?;
        Some(Self { goes_on: true, ..observer })
    }

    fn new(
        root: &Utf8Path,
        config: &Config,
        (operation, reads): (Option<HookOperation>, bool),
        names: &[String],
        actor: String,
    ) -> Option<Self> {
        let hooks = config.hooks();
        if hooks.is_empty() || std::env::var_os(IN_A_HOOK).is_some() {
            return None;
        }
        let repositories = names.iter().filter_map(|name| RepositoryName::parse(name).ok()).collect();
        Some(Self { root: root.to_owned(), hooks, operation, repositories, actor, reads, goes_on: false })
    }

    /// Notes how the verb ended, and has everything delivered that waits.
    pub(crate) fn end(&self, result: &Result<Outcome, Failure>, entries: &[LogEntry], output: &Output) {
        let fault = Fault::of_result(result, output);
        let failed = fault.as_ref();
        let notes = output.take_hook_notes();
        let mut happened = self.what_happened(entries, &notes, failed);
        let is_about_store =
            matches!(self.operation, Some(HookOperation::Gc | HookOperation::Fsck | HookOperation::Backup));
        if is_about_store && failed.is_none() {
            happened.extend(self.at_stage(HookStage::Success, None));
        }
        self.tell(happened, output);
    }

    /// Notes what happened in a round.
    pub(crate) fn end_round(&self, entries: &[LogEntry], refused: Option<&Fault>, output: &Output) {
        let notes = output.take_hook_notes();
        let happened = self.what_happened(entries, &notes, refused);
        if !happened.is_empty() {
            self.tell(happened, output);
        }
    }

    fn what_happened(&self, entries: &[LogEntry], notes: &[Note], failed: Option<&Fault>) -> Vec<Happened> {
        let mut happened = Vec::new();
        let unpublished = |name: &RepositoryName| {
            notes
                .iter()
                .any(|note| matches!(note, Note::NotPublished { repository, .. } if repository == name))
        };
        if let Some(store) = (!entries.is_empty()).then(|| Store::open(&self.root).ok()).flatten() {
            for entry in entries {
                // It is announced before it is done.
                let is_lost =
                    matches!(entry.operation, Operation::Publish(_)) && unpublished(&entry.repository);
                happened.extend((!is_lost).then(|| self.of_entry(entry, &store)).flatten());
            }
        }
        for note in notes {
            happened.push(match note {
                Note::NotPublished { repository, fault } => {
                    self.failure(HookOperation::Publish, Some(repository), fault)
                }
                Note::KeyExpires { fingerprint, days } => self.of_key(fingerprint, *days),
            });
        }
        // A change that could not be published was made, and that of its publication was told.
        let is_told = |fault: &Fault| {
            notes
                .iter()
                .any(|note| matches!(note, Note::NotPublished { fault: told, .. } if fault.is_of(told)))
        };
        if let (Some(fault), Some(_)) = (failed.filter(|fault| !is_told(fault)), self.operation) {
            happened.extend(self.at_stage(HookStage::Failure, Some(fault)));
        }
        happened
    }

    /// What the verb itself is about at a stage: an event for each repository that it was given, or one for all.
    fn at_stage(&self, stage: HookStage, fault: Option<&Fault>) -> Vec<Happened> {
        let Some(operation) = self.operation else { return Vec::new() };
        let repositories: Vec<Option<&RepositoryName>> = match &*self.repositories {
            [] => vec![None],
            several => several.iter().map(Some).collect(),
        };
        let event = |repository| match (stage, fault) {
            (HookStage::Failure, Some(fault)) => self.failure(operation, repository, fault),
            _ => {
                let ends = if stage == HookStage::Start { "begins" } else { "is done" };
                let text = format!("{} by {} {ends}", operation.as_str(), self.actor);
                self.happened(HookEvent::Operation(operation, stage), repository, &text)
            }
        };
        repositories.into_iter().map(event).collect()
    }

    fn failure(
        &self,
        operation: HookOperation,
        repository: Option<&RepositoryName>,
        fault: &Fault,
    ) -> Happened {
        let text = format!("{} by {} failed: {}", operation.as_str(), self.actor, fault.message());
        let event = HookEvent::Operation(operation, HookStage::Failure);
        let mut happened = self.happened(event, repository, &text);
        let (code, message) = (fault.code().to_owned(), one_line(fault.message()));
        happened.payload.error = Some(repo_hooks::Fault { code, message });
        happened
    }

    fn of_key(&self, fingerprint: &Fingerprint, days: u64) -> Happened {
        let text = match days {
            0 => format!("signing key {fingerprint} has expired or expires today"),
            days => {
                let days = count(usize::try_from(days).unwrap_or(usize::MAX), "day");
                format!("signing key {fingerprint} expires in {days}: run repo-cli key extend")
            }
        };
        let mut happened = self.happened(HookEvent::KeyExpires, None, &text);
        let when = if days < 7 { format!("d{days}") } else { format!("w{}", days / 7) };
        happened.id = Some(format!("key-{}-{when}", fingerprint.short()));
        happened.payload.key = Some(Key { fingerprint: fingerprint.to_string(), days });
        happened
    }

    /// What an entry of the operation log tells of. One that announces a change that was not made is left out.
    fn of_entry(&self, entry: &LogEntry, store: &Store) -> Option<Happened> {
        let LogEntry { repository, before, after, operation, .. } = entry;
        let event = HookEvent::Operation(operation_of_entry(operation)?, HookStage::Success);
        let mut text = format!("{operation} by {}", self.actor);
        let mut change = None;
        let mut publication = None;
        if let Operation::Publish(id) = operation {
            publication = Some(id.to_string());
            text = format!("published {id} by {}", self.actor);
        } else {
            let commit = (*after)?;
            let made = store.resolve(repository, &commit.to_string()).ok()?;
            let number = made.commit().sequence;
            let ChangeCount { removed, added } = counted_changes(entry, Some(store)).unwrap_or_default();
            text.push_str(&format!(" (commit {number})"));
            change = Some(Change {
                number,
                commit: commit.to_string(),
                before: before.map(|before| before.to_string()),
                added: added.files() as u64,
                removed: removed.files() as u64,
            });
        }
        let mut happened = self.happened(event, Some(repository), &text);
        happened.payload.operation = Some(one_line(&operation.to_string()));
        (happened.payload.change, happened.payload.publication) = (change, publication);
        Some(happened)
    }

    fn happened(&self, event: HookEvent, repository: Option<&RepositoryName>, text: &str) -> Happened {
        let text = repository.map_or_else(|| text.to_owned(), |name| format!("{name}: {text}"));
        // Its id and its time are those of its deliveries.
        let mut payload = Payload::new(&event.to_string(), "", "", &one_line(&self.actor), &one_line(&text));
        payload.repository = repository.map(ToString::to_string);
        Happened { event, id: None, repository: repository.cloned(), payload }
    }

    /// Keeps events for the hooks that want to know, and has delivered what waits. That this cannot be done keeps nothing from being done.
    fn tell(&self, happened: Vec<Happened>, output: &Output) {
        let now = crate::clock::now();
        let mut deliveries = Vec::new();
        for Happened { event, id, repository, mut payload } in happened {
            payload.id = id.unwrap_or_else(|| new_id(now));
            payload.time = clock::rfc_3339(now);
            let wants = |hook: &&Hook| {
                let is_for = |name: &RepositoryName| hook.repositories.contains(name);
                hook.on.iter().any(|events| events.contain(event))
                    && (hook.repositories.is_empty() || repository.as_ref().is_none_or(is_for))
            };
            for hook in self.hooks.iter().filter(wants) {
                let (name, json) = (hook.name.clone(), payload.to_json());
                deliveries.push(HookDelivery::new(name, &payload.id, &payload.event, now, &json));
            }
        }
        let spooled = Store::open(&self.root).map_err(Failure::from).and_then(|store| {
            if store.format() < Format::WRITTEN || self.reads && !session::is_owner(&store) {
                return Ok(());
            }
            let dropped = store.spool_for_hooks(&deliveries)?;
            if dropped > 0 {
                let events = count(dropped, "old event");
                output.warn(
                    "W-HOOKS",
                    format!("too many events wait for hooks: {events} dropped; run repo-cli hooks list"),
                );
            }
            if !self.goes_on && is_any_due(store.hook_deliveries()?, now) {
                leave_behind(&self.root);
            }
            Ok(())
        });
        if let Err(failure) = spooled {
            output.warn("W-HOOKS", format!("hooks are not told of this: {}", chain(&failure)));
        }
    }
}

/// The operation that a verb is, for hooks. One that is only shown is none.
fn operation_of(command: &Command) -> Option<HookOperation> {
    let operation = match command {
        Command::Fsck(_) => return Some(HookOperation::Fsck),
        Command::Backup(arguments) => return arguments.writes().then_some(HookOperation::Backup),
        Command::Incoming(arguments) if !arguments.ends() => return None,
        Command::Add(_) | Command::Build(_) | Command::Import(_) | Command::Incoming(_) => HookOperation::Add,
        Command::Promote(_) | Command::Release(_) => HookOperation::Promote,
        Command::Remove(arguments) if arguments.undoes() => HookOperation::Undo,
        Command::Remove(_) => HookOperation::Remove,
        Command::Rollback(_) | Command::Reissue(_) => HookOperation::Rollback,
        Command::Undo(_) => HookOperation::Undo,
        Command::Retention(_) => HookOperation::Retention,
        Command::Gc(_) => HookOperation::Gc,
        Command::Publish(_) | Command::Sign(_) => HookOperation::Publish,
        _ => return None,
    };
    command.writes().then_some(operation)
}

fn operation_of_entry(operation: &Operation) -> Option<HookOperation> {
    match operation {
        Operation::Add(_) | Operation::Import { .. } => Some(HookOperation::Add),
        Operation::Promote { .. } | Operation::Release { .. } => Some(HookOperation::Promote),
        Operation::Remove(_) => Some(HookOperation::Remove),
        Operation::UndoRemoval(_) | Operation::Undo { .. } => Some(HookOperation::Undo),
        Operation::RollBack { .. } | Operation::Reissue { .. } => Some(HookOperation::Rollback),
        Operation::Retention { .. } => Some(HookOperation::Retention),
        Operation::Publish(_) => Some(HookOperation::Publish),
        _ => None,
    }
}

/// A text in one line, cut where it is too long.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}
