//! The machines that read repositories: who has what clients see, who is behind, asleep, or refuses it.

mod import;

use clap::Subcommand;
use jiff::Timestamp;
use repo_store::{AccessError, MachineStanding, MachineState, RepositoryName, SuiteStanding};

use self::import::ImportArguments;
use crate::args::{RowArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
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

fn document(repository: &RepositoryName, standing: &MachineStanding, now: Timestamp) -> serde_json::Value {
    let machine = &standing.machine;
    let suite = |suite: &SuiteStanding| {
        serde_json::json!({
            "suite": suite.suite,
            "state": suite.state.as_str(),
            "publication": suite.has.map(|id| id.to_string()),
            "missed": suite.missed,
            "behind_since": suite.behind_since.map(clock::rfc_3339),
            "last_asked": clock::rfc_3339(suite.last_asked),
        })
    };
    serde_json::json!({
        "repository": repository.as_str(),
        "name": machine.name,
        "kind": machine.kind.as_str(),
        "state": standing.state.as_str(),
        "asleep": standing.is_asleep(now),
        "missed": standing.missed(),
        "behind_since": standing.behind_since().map(clock::rfc_3339),
        "first_seen": clock::rfc_3339(machine.first_seen),
        "last_seen": clock::rfc_3339(machine.last_seen),
        "address": machine.address.to_string(),
        "apt": machine.apt,
        "keyring": machine.keyring.as_ref().map(ToString::to_string),
        "suites": standing.suites.iter().map(suite).collect::<Vec<_>>(),
    })
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
            documents.push(document(repository, standing, now));
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
    output.result(&serde_json::json!({ "machines": documents, "known": known }), || {
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
        found.iter().map(|(repository, standing)| document(repository, standing, now)).collect();
    output.result(&serde_json::json!({ "machines": documents }), || {
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
    let document = serde_json::json!({ "name": name, "repositories": names, "dry_run": dry_run });
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
