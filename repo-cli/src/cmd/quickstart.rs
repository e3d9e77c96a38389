use std::fmt::Display;

use camino::{Utf8Path, Utf8PathBuf};
use repo_config::error::ConfigError;
use repo_config::{AccessLog, DEFAULT_LISTEN, OnUnknownRelease, Url};
use repo_serve::Server;
use repo_store::operations::import::{AddError, AddReport};
use repo_store::storage::Memory;
use repo_store::transaction::Committed;
use repo_store::{AddOptions, Store};
use serde::Serialize;

use super::add::{self, AddJson};
use super::client_config::{Setup, quoted};
use super::init::{LayoutArguments, StorePlan, StorePlanJson};
use super::serve;
use crate::args::{Global, LimitArguments, RowLimits as _};
use crate::confinement::kept_to;
use crate::error::{Failure, Outcome};
use crate::examples;
use crate::json_value::JsonDocument;
use crate::output::Output;
use crate::package_readers;
use crate::serving::sightings::SightingQueue;
use crate::session::{self, Session};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct QuickstartArguments {
    /// Where to make the store; one that is there already is used as it is
    #[arg(value_name = "DIR")]
    pub(crate) directory: Utf8PathBuf,
    /// Packages to add to the first repository, or directories of them [default: three small examples]
    #[arg(value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    #[command(flatten)]
    layout: LayoutArguments,
    /// Where to listen; another port is taken when this one is in use
    #[arg(long, value_name = "ADDRESS:PORT", default_value = DEFAULT_LISTEN)]
    listen: String,
    /// Write a line to standard error for each request
    #[arg(long)]
    log: bool,
    /// Take no files from the directories in a directory
    #[arg(long)]
    no_recursive: bool,
    /// Do everything but serve
    #[arg(long)]
    no_serve: bool,
    /// Show what would be made and added, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl QuickstartArguments {
    /// Returns where a store is made, or used if it is there; `None` when nothing is changed.
    pub(crate) fn new_store(&self) -> Option<Utf8PathBuf> {
        (!self.dry_run).then(|| self.directory.clone())
    }
}

/// The document of `quickstart`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct QuickstartJson<'a> {
    #[serde(flatten)]
    add: AddJson<'a>,
    /// The directory of the store
    root: &'a str,
    /// The address that it listens at; null when it does not serve
    listen: Option<String>,
    /// The address for clients
    url: String,
}

impl JsonDocument for QuickstartJson<'_> {}

/// The document of `quickstart --dry-run`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct QuickstartPlanJson<'a> {
    #[serde(flatten)]
    add: AddJson<'a>,
    /// The directory of the store
    root: &'a str,
    /// The store that would be made; null where one is
    store: Option<StorePlanJson<'a>>,
    /// Where examples would be written; null when none would be
    examples: Option<&'a str>,
    /// The address that it would listen at; null when it would not serve
    listen: Option<&'a str>,
}

impl JsonDocument for QuickstartPlanJson<'_> {}

pub(crate) fn run(
    arguments: &QuickstartArguments,
    global: &Global,
    output: &Output,
) -> Result<Outcome, Failure> {
    let root = &arguments.directory;
    let fresh = !root.join("repo.toml").exists();
    // What a person brings to try it is to be seen at work, whatever release it was built for.
    let plan = || StorePlan::new(root, &arguments.layout, OnUnknownRelease::Everywhere);
    if arguments.dry_run {
        return foretell(arguments, fresh.then(plan).transpose()?.as_ref(), global, output);
    }
    if fresh {
        plan()?.make(output)?;
    }
    let mut session = Session::open(&Global { root: Some(root.clone()), ..global.clone() })?.watched(output);
    session.load_actor_key(global)?;
    let Some(first) = session.config.repositories().next() else {
        let (name, known) = ("preprod".to_owned(), Vec::new());
        return Err(ConfigError::UnknownRepository { name, known }.into());
    };
    let mut files = add::directories::read(&arguments.files, !arguments.no_recursive, output)?;
    if files.is_empty() && fresh {
        files = examples::write(&root.join("examples"))?;
    }
    let mut outcome = Outcome::Done;
    let mut report =
        AddReport { added: Vec::new(), refused: Vec::new(), committed: Committed { commit: None } };
    if !files.is_empty() {
        let mut first = first.clone();
        first.uploaders = session.config.uploaders(&first.name)?;
        let (store, context) = (&session.store, session.context());
        let add = || store.add(&first, &files, &AddOptions::default(), &context);
        report = kept_to(&[&root.join("store")], add)?.or_else(AddError::into_report)?;
        let complete = report.refused.is_empty();
        let limit = LimitArguments::default().limit(output).with_way("repo-cli list");
        add::print(&report, complete, false, limit, output);
        if complete && output.shows_change(false) {
            output.total(report.added.len(), &add::total(&report, &first, false));
        }
        // Nothing was added, and what it would show is not what was brought.
        if !complete {
            return Ok(Outcome::Refused);
        }
    }
    let published = session.publish_each(
        session.config.repositories().collect(),
        arguments.layout.publishing(),
        output,
    )?;
    for published in published {
        let (_, report) = published?;
        outcome = if report.is_some() { outcome } else { Outcome::Refused };
    }
    let done = |listen, url: &Url| QuickstartJson {
        add: add::json(&report, true, false),
        root: session.root.as_str(),
        listen,
        url: url.to_string(),
    };
    // A store that was there before may have another address configured than is asked for now.
    let asked = arguments.layout.url.as_ref();
    let base = |server: &dyn Display| {
        let configured = asked.or(session.config.url()).cloned();
        configured.unwrap_or_else(|| Url::of_server(server))
    };
    let own = session.config.configured_url(&first.name).filter(|_| asked.is_none());
    if arguments.no_serve {
        let base = base(&arguments.listen);
        output.result(&done(None, &base), || {});
        let url = own.unwrap_or_else(|| base.of_repository(&first.name));
        print_next_steps(&session, root, url, output)?;
        return Ok(outcome);
    }
    let server = bind(&session, &arguments.listen, output)?;
    let address = server.local_addr().map_err(Failure::io("listen on", &arguments.listen))?;
    let base = base(&address);
    output.result(&done(Some(address.to_string()), &base), || {});
    let url = own.unwrap_or_else(|| base.of_repository(&first.name));
    print_next_steps(&session, root, url, output)?;
    output.watch().leave_interrupts();
    output.say(&format!("\nserving http://{address} until Ctrl-C"));
    let access_log = arguments.log.then_some(AccessLog::Stderr);
    let sightings = SightingQueue::of(&session, output)?;
    serve::run_until_interrupted(server, access_log.as_ref(), sightings.as_ref(), output)?;
    Ok(outcome)
}

/// Binds the server to an address, or to another port of that host if this one is in use.
fn bind(session: &Session, listen: &str, output: &Output) -> Result<Server, Failure> {
    serve::bind(session, listen, output.talk()).or_else(|failure| match failure {
        Failure::Io { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            let host = listen.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
            output.note(&format!("{listen} is in use: another port is taken"));
            serve::bind(session, &format!("{host}:0"), output.talk())
        }
        other => Err(other),
    })
}

/// Prints the store that would be made and the packages that would be added. A store that exists already is left out. Nothing is changed.
fn foretell(
    arguments: &QuickstartArguments,
    new: Option<&StorePlan<'_>>,
    global: &Global,
    output: &Output,
) -> Result<Outcome, Failure> {
    let root = &arguments.directory;
    // A new store is empty: what it would take is found out in memory.
    let (store, config, context, session);
    if let Some(plan) = new {
        plan.say(output);
        let empty = Store::with_storage(root, Memory::default());
        store = package_readers::confine(empty, plan.config.limits());
        (config, context) = (&plan.config, session::context(session::actor(global), output));
    } else {
        session = Session::open(&Global { root: Some(root.clone()), ..global.clone() })?;
        context = session.context();
        (store, config) = (session.store, &session.config);
    }
    let Some(first) = config.repositories().next() else {
        let (name, known) = ("preprod".to_owned(), Vec::new());
        return Err(ConfigError::UnknownRepository { name, known }.into());
    };
    let files = add::directories::read(&arguments.files, !arguments.no_recursive, output)?;
    let examples = (files.is_empty() && new.is_some()).then(|| root.join("examples"));
    let mut first = first.clone();
    first.uploaders = config.uploaders(&first.name)?;
    let plan = store.plan_import(&first, &files, &AddOptions::default(), &context)?;
    let (report, complete) = (plan.report(), plan.report().refused.is_empty());
    let document = QuickstartPlanJson {
        add: add::json(report, complete, true),
        root: root.as_str(),
        store: new.map(StorePlan::document),
        examples: examples.as_ref().map(|directory| directory.as_str()),
        listen: (!arguments.no_serve).then_some(arguments.listen.as_str()),
    };
    let limit = LimitArguments::default().limit(output).with_way("repo-cli list");
    add::print_document(&document, report, (complete, true, false), limit, output);
    if !complete {
        return Ok(Outcome::Refused);
    }
    if !files.is_empty() {
        output.say(&add::total(report, &first, true));
    }
    if let Some(directory) = examples {
        output.say(&format!("would write example packages to {directory} and add them to {}", first.name));
    }
    if !arguments.no_serve {
        output.say(&format!("would serve http://{}", arguments.listen));
    }
    Ok(Outcome::Done)
}

/// Prints exactly what to paste on a client, and what to try next.
fn print_next_steps(session: &Session, root: &Utf8Path, url: Url, output: &Output) -> Result<(), Failure> {
    let repositories: Vec<_> = session.config.repositories().collect();
    let Some(first) = repositories.first() else { return Ok(()) };
    output.say("\n# On a client:\n");
    output.say(Setup::of_suites(session, first, &[], url)?.whole_script()?.trim_end());
    output.say("\n# Here, in another terminal:\n");
    let root = root.canonicalize_utf8().map_err(Failure::io("find", root))?;
    let program = program();
    output.say(&format!("export REPO_ROOT={}", quoted(root.as_str())));
    output.say(&format!("{program} list {}", first.name));
    if let Some(second) = repositories.get(1) {
        output.say(&format!("{program} diff {} {}", first.name, second.name));
        output.say(&format!("{program} promote --all --from {} --to {}", first.name, second.name));
        output.say(&format!("{program} history {}", second.name));
    }
    Ok(())
}

/// Returns the program as a shell anywhere finds it: by the name it was called by when it was found by that name, or else by its path.
fn program() -> String {
    let called = std::env::args_os().next().and_then(|word| word.into_string().ok());
    match called {
        Some(name) if !name.is_empty() && !name.contains('/') => quoted(&name),
        _ => {
            let path = std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
            quoted(path.as_deref().unwrap_or("repo-cli"))
        }
    }
}
