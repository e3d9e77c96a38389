//! The machines that read repositories: who has what clients see, who is behind, asleep, or refuses it.

pub(crate) mod import;

use clap::Subcommand;
use jiff::Timestamp;
use repo_store::RepositoryName;
use repo_store::error::AccessError;
use repo_store::model::PublicationId;
use repo_store::operations::machine_states::{MachineStanding, MachineState, SuiteStanding};
use serde::Serialize;

use self::import::ImportArguments;
use crate::args::{RowArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Column, Output, RowLimit, Style, count};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct MachinesArguments {
    #[command(subcommand)]
    command: Option<MachinesCommand>,
    #[command(flatten)]
    list: ListArguments,
}

#[derive(Clone, Debug, Subcommand)]
enum MachinesCommand {
    /// List the machines that were seen, and what each has [default]
    List(ListArguments),
    /// Show all that is known of a machine
    Show(ShowArguments),
    /// Read the access log of another server: nginx, Apache or Caddy
    ImportLog(ImportArguments),
    /// Forget a machine until it is seen again
    Forget(ForgetArguments),
}

#[derive(Clone, Debug, clap::Args)]
struct ListArguments {
    /// Those that read this repository [default: all repositories]
    #[arg(value_name = "REPOSITORY")]
    repository: Option<String>,
    /// Only those that have an earlier publication
    #[arg(long)]
    behind: bool,
    /// Only those that were not seen for a week
    #[arg(long)]
    asleep: bool,
    /// Only those that do not accept the signature of what they are sent
    #[arg(long)]
    refusing: bool,
    #[command(flatten)]
    rows: RowArguments,
}

#[derive(Clone, Debug, clap::Args)]
struct ShowArguments {
    /// The machine, as `machines` names it
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Clone, Debug, clap::Args)]
struct ForgetArguments {
    /// The machine, as `machines` names it
    #[arg(value_name = "NAME")]
    name: String,
    /// Show what would be forgotten and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl MachinesArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        match &self.command {
            None | Some(MachinesCommand::List(_) | MachinesCommand::Show(_)) => false,
            Some(MachinesCommand::ImportLog(_)) => true,
            Some(MachinesCommand::Forget(arguments)) => !arguments.dry_run,
        }
    }
}

pub(crate) fn run(
    arguments: &MachinesArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    match &arguments.command {
        None => list(&arguments.list, session, output),
        Some(MachinesCommand::List(arguments)) => list(arguments, session, output),
        Some(MachinesCommand::Show(arguments)) => show(arguments, session, output),
        Some(MachinesCommand::ImportLog(arguments)) => import::run(arguments, session, output),
        Some(MachinesCommand::Forget(arguments)) => forget(arguments, session, output),
    }
}

/// The machines of each repository.
type Standings = Vec<(RepositoryName, Vec<MachineStanding>)>;

/// Returns how the machines of some repositories stand, or of all.
pub(crate) fn standings(session: &Session, repositories: &[String]) -> Result<Standings, Failure> {
    let now = session.context().now;
    let all = session.repositories(repositories)?.into_iter();
    all.map(|repository| {
        let name = repository.name.clone();
        let standings = session.store.machine_standings(&name, now)?;
        Ok((name, standings))
    })
    .collect()
}

/// The document of `machines list`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MachinesJson<'a> {
    /// How many machines are known, also those that the options leave out
    known: usize,
    /// The machines
    machines: Vec<MachineJson<'a>>,
}

impl JsonDocument for MachinesJson<'_> {}

/// The document of `machines show`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ShownMachineJson<'a> {
    /// An entry for each repository that the machine reads
    machines: Vec<MachineJson<'a>>,
}

impl JsonDocument for ShownMachineJson<'_> {}

/// The document of `machines forget`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ForgottenJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The machine, as it is called
    name: &'a str,
    /// The repositories that knew it
    repositories: &'a [&'a str],
}

impl JsonDocument for ForgottenJson<'_> {}

/// A machine that reads a repository.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MachineJson<'a> {
    /// The address that it asked from last
    address: String,
    /// The version of its apt; null when that is not known
    apt: Option<&'a str>,
    /// Whether it was not seen for a week, whatever its state
    asleep: bool,
    /// When the first publication that it missed was made; null when it missed none
    behind_since: Option<Time>,
    /// When it was seen first
    first_seen: Time,
    /// The version of the newest keyring package that it fetched; null when it fetched none
    keyring: Option<String>,
    /// `token`, `user` (with the address: others may share the password) or `address`: how it is known
    kind: &'static str,
    /// When it was seen last
    last_seen: Time,
    /// How many publications changed the suite that it is furthest behind with
    missed: usize,
    /// The machine, as it is called
    name: &'a str,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// `current`, `behind`, `asleep`, `rolled-back` or `refusing`
    state: &'static str,
    /// The suites that it reads
    suites: Vec<MachineSuiteJson<'a>>,
}

/// A suite that a machine reads.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MachineSuiteJson<'a> {
    /// When the first publication that it missed was made; null when it missed none
    behind_since: Option<Time>,
    /// When it asked last
    last_asked: Time,
    /// How many publications changed the suite since
    missed: usize,
    /// The publication that it has; null when that is not known
    publication: Option<Text<PublicationId>>,
    /// `current`, `behind`, `asleep`, `rolled-back` or `refusing`
    state: &'static str,
    /// The suite
    suite: &'a str,
}

impl<'a> MachineJson<'a> {
    fn new(repository: &'a RepositoryName, standing: &'a MachineStanding, now: Timestamp) -> Self {
        let machine = &standing.machine;
        let suite = |suite: &'a SuiteStanding| MachineSuiteJson {
            behind_since: suite.behind_since.map(Time),
            last_asked: Time(suite.last_asked),
            missed: suite.missed,
            publication: suite.has.map(Text),
            state: suite.state.as_str(),
            suite: &suite.suite,
        };
        Self {
            address: machine.address.to_string(),
            apt: machine.apt.as_deref(),
            asleep: standing.is_asleep(now),
            behind_since: standing.behind_since().map(Time),
            first_seen: Time(machine.first_seen),
            keyring: machine.keyring.as_ref().map(ToString::to_string),
            kind: machine.kind.as_str(),
            last_seen: Time(machine.last_seen),
            missed: standing.missed(),
            name: &machine.name,
            repository: Text(repository),
            state: standing.state.as_str(),
            suites: standing.suites.iter().map(suite).collect(),
        }
    }
}

/// Describes what a machine lacks.
fn lack(missed: usize, since: Option<Timestamp>, now: Timestamp) -> String {
    let publications = count(missed, "publication");
    match since {
        _ if missed == 0 => "-".to_owned(),
        Some(since) => format!("{publications}, {}", clock::length(now.duration_since(since))),
        None => publications,
    }
}

fn list(arguments: &ListArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let now = session.context().now;
    let filters = [arguments.behind, arguments.asleep, arguments.refusing];
    let is_wanted = |standing: &&MachineStanding| {
        let is = [standing.missed() > 0, standing.is_asleep(now), standing.state == MachineState::Refusing];
        filters == [false; 3] || filters.iter().zip(is).any(|(filter, is)| *filter && is)
    };
    let repositories: Vec<String> = arguments.repository.iter().cloned().collect();
    let all = standings(session, &repositories)?;
    let (mut rows, mut documents) = (Vec::new(), Vec::new());
    for (repository, standings) in &all {
        for standing in standings.iter().filter(is_wanted) {
            let machine = &standing.machine;
            documents.push(MachineJson::new(repository, standing, now));
            rows.push([
                machine.name.clone(),
                repository.to_string(),
                standing.state.as_str().to_owned(),
                lack(standing.missed(), standing.behind_since(), now),
                clock::minute(machine.last_seen),
                machine.apt.clone().unwrap_or_else(|| "-".to_owned()),
                machine.keyring.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            ]);
        }
    }
    let known: usize = all.iter().map(|(_, standings)| standings.len()).sum();
    output.result(&MachinesJson { known, machines: documents }, || {
        let head = [
            Column::words("MACHINE"),
            Column::text("REPOSITORY"),
            Column::whole("STATE").styled(style_of_state),
            Column::text("BEHIND"),
            Column::whole("LAST SEEN"),
            Column::whole("APT").expendable(),
            Column::whole("KEYRING").expendable(),
        ];
        output.table(&head, &rows, arguments.rows.limit(output));
    });
    if rows.is_empty() {
        output.found_nothing(if known == 0 {
            "no machine was seen yet"
        } else {
            "none of the machines is like that"
        });
    } else if rows.len() > 10 {
        output.say(&count(rows.len(), "machine"));
    }
    Ok(Outcome::Done)
}

/// Returns the colour of a state.
fn style_of_state(state: &str, _: &[&str]) -> Style {
    match state {
        "current" => Style::New,
        "refusing" | "rolled-back" => Style::Removed,
        _ => Style::Changed,
    }
}

fn show(arguments: &ShowArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let now = session.context().now;
    let all = standings(session, &[])?;
    let of_name = |standing: &&MachineStanding| standing.machine.name == arguments.name;
    let found: Vec<(&RepositoryName, &MachineStanding)> = all
        .iter()
        .flat_map(|(repository, standings)| {
            standings.iter().filter(of_name).map(move |standing| (repository, standing))
        })
        .collect();
    if found.is_empty() {
        return Err(unknown(&arguments.name, &all));
    }
    let documents: Vec<_> =
        found.iter().map(|(repository, standing)| MachineJson::new(repository, standing, now)).collect();
    output.result(&ShownMachineJson { machines: documents }, || {
        for (number, (repository, standing)) in found.iter().enumerate() {
            if number > 0 {
                output.line("");
            }
            let machine = &standing.machine;
            output.line(&format!("{}: {} in {repository}", machine.name, standing.state.as_str()));
            let seen =
                format!("{} to {}", clock::minute(machine.first_seen), clock::minute(machine.last_seen));
            output.line(&format!("  known by {}, seen {seen}", machine.kind));
            output.line(&format!("  asked from {}", machine.address));
            output.line(&format!("  apt {}", machine.apt.as_deref().unwrap_or("of unknown version")));
            let package = repository.keyring_package();
            let fetched = machine.keyring.as_ref().map_or_else(
                || format!("  never fetched {package}"),
                |version| format!("  fetched {package} {version}"),
            );
            output.line(&fetched);
            let row = |suite: &SuiteStanding| {
                [
                    suite.suite.clone(),
                    suite.state.as_str().to_owned(),
                    suite.has.map_or_else(|| "-".to_owned(), |id| id.to_string()),
                    lack(suite.missed, suite.behind_since, now),
                    clock::minute(suite.last_asked),
                ]
            };
            let rows: Vec<_> = standing.suites.iter().map(row).collect();
            let head = [
                Column::words("SUITE"),
                Column::whole("STATE").styled(style_of_state),
                Column::whole("HAS"),
                Column::text("BEHIND"),
                Column::whole("LAST ASKED"),
            ];
            output.table(&head, &rows, RowLimit::NONE);
        }
    });
    Ok(Outcome::Done)
}

fn forget(arguments: &ForgetArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let ForgetArguments { name, dry_run } = arguments;
    let all = standings(session, &[])?;
    let has = |standings: &[MachineStanding]| standings.iter().any(|standing| standing.machine.name == *name);
    let of: Vec<&RepositoryName> =
        all.iter().filter(|(_, standings)| has(standings)).map(|(repository, _)| repository).collect();
    if of.is_empty() {
        return Err(unknown(name, &all));
    }
    for repository in of.iter().filter(|_| !dry_run) {
        session.store.forget_machine(repository, name, &session.context())?;
    }
    let names: Vec<&str> = of.iter().map(|repository| repository.as_str()).collect();
    let document = ForgottenJson { dry_run: *dry_run, name, repositories: &names };
    output.result(&document, || {});
    let verb = if *dry_run { "would forget" } else { "forgot" };
    output.say(&format!("{verb} {name} in {}", names.join(", ")));
    Ok(Outcome::Done)
}

fn unknown(name: &str, all: &Standings) -> Failure {
    let known = all.iter().flat_map(|(_, standings)| standings).map(|standing| standing.machine.name.clone());
    let error = AccessError::UnknownMachine {
        repositories: all.iter().map(|(repository, _)| repository.clone()).collect(),
        name: name.to_owned(),
        known: known.collect(),
    };
    repo_store::Error::from(error).into()
}
