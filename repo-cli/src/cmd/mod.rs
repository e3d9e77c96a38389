//! The verbs, a file for each: its arguments, one call into the library, and what it prints.

pub(crate) mod access;
pub(crate) mod add;
pub(crate) mod approve;
pub(crate) mod backup;
pub(crate) mod base;
pub(crate) mod build;
pub(crate) mod bundle;
mod changes;
pub(crate) mod check;
pub(crate) mod client_config;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod configured;
mod dependencies;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod freeze;
pub(crate) mod fsck;
mod gates;
pub(crate) mod gc;
pub(crate) mod history;
pub(crate) mod hold;
pub(crate) mod hooks;
pub(crate) mod import;
pub(crate) mod incoming;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod list;
pub(crate) mod machines;
pub(crate) mod manual;
pub(crate) mod pipeline;
pub(crate) mod preview;
pub(crate) mod profile;
pub(crate) mod promote;
pub(crate) mod publish;
pub(crate) mod quickstart;
pub(crate) mod reissue;
pub(crate) mod release;
pub(crate) mod remove;
pub(crate) mod repository;
pub(crate) mod restore;
pub(crate) mod retention;
pub(crate) mod rollback;
pub(crate) mod rollout;
pub(crate) mod sbom;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod sign;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod suite;
pub(crate) mod tag;
pub(crate) mod undo;
pub(crate) mod versions;
pub(crate) mod vulnerabilities;
pub(crate) mod why;

use std::cell::Cell;
use std::time::Instant;

use camino::Utf8PathBuf;
use repo_config::Config;

use crate::args::{Arguments, Command, Global, Logging};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::hooks::Observer;
use crate::operation_log::OperationLog;
use crate::output::Output;
use crate::remote;
use crate::session::{self, Session};

/// Runs the verb that was asked for, and writes it to the log if it changes something.
pub(crate) fn run(arguments: Arguments, output: &Output) -> Result<Outcome, Failure> {
    if let Some(url) = arguments.global.remote.clone() {
        return remote::run(&url, &arguments, output);
    }
    let logging = arguments.command.logging();
    // Looked up once: the database of users may be far away.
    let global = Global { actor: Some(session::actor(&arguments.global)), ..arguments.global.clone() };
    // What only shows something is told to nobody, and need not read the configuration twice.
    let is_told = matches!(logging, Logging::Change | Logging::Service)
        || matches!(arguments.command, Command::Fsck(_));
    let load = |root: Utf8PathBuf| Some((Config::load(&root).ok()?, root));
    let known = is_told.then(|| session::find_store_root(&global).ok().and_then(load)).flatten();
    let begin =
        |config: &Config| OperationLog::begin(config, arguments.verb.clone(), session::actor(&global));
    let (mut log, mut observer) = (None, None);
    if let Some((config, root)) = &known {
        if matches!(logging, Logging::Change | Logging::Service) {
            log = begin(config).map(|log| (log, root.clone()));
        }
        observer = Observer::begin(&arguments.command, root, config, session::actor(&global), output);
    }
    if let Some((log, _)) = log.as_ref().filter(|_| logging == Logging::Service) {
        log.begin_service(output);
    }
    let began = Instant::now();
    let result = carry_out(arguments.command, &global, known, output);
    if let Logging::NewStore(root) = logging
        && result.is_ok()
    {
        let root = root.or_else(|| global.root.clone()).map_or_else(session::current_directory, Ok);
        let made = root.ok().and_then(load);
        log = made.and_then(|(config, root)| Some((begin(&config)?.since(began), root)));
    }
    let entries = output.watch().take_entries();
    if let Some((log, root)) = log {
        log.end(&root, &result, &entries, output);
    }
    if let Some(observer) = observer {
        observer.end(&result, &entries, output);
    }
    result
}

fn carry_out(
    command: Command,
    global: &Global,
    known: Option<(Config, Utf8PathBuf)>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (writes, asks) = (command.writes(), command.asks_about_clock());
    let needs_settings = command.needs_settings();
    // A verb that goes on opens a session for each round, and what was read at its beginning is that of the first.
    let known = Cell::new(known);
    let session = || {
        let opened = match known.take() {
            Some((config, root)) => Session::with(config, root, global)?,
            None if needs_settings => Session::open(global)?,
            None => Session::open_to_read(global)?,
        };
        let mut session = opened.watched(output);
        if asks {
            clock::check(&session.store, session.context().now, output)?;
        }
        if writes {
            session.load_actor_key(global)?;
            session.upgrade_store(output)?;
        }
        Ok::<_, Failure>(session)
    };
    match command {
        Command::Quickstart(arguments) => quickstart::run(&arguments, global, output),
        Command::Init(arguments) => init::run(&arguments, global, output),
        Command::Add(arguments) => add::run(&arguments, &session()?, output),
        Command::Import(arguments) => import::run(&arguments, global, &session, output),
        Command::Build(arguments) => build::run(&arguments, session, output),
        Command::Incoming(arguments) => incoming::run(&arguments, &session, output),
        Command::List(arguments) => list::run(&arguments, &session()?, output),
        Command::Versions(arguments) => versions::run(&arguments, &session()?, output),
        Command::Search(arguments) => search::run(&arguments, &session()?, output),
        Command::Show(arguments) => show::run(&arguments, &session()?, output),
        Command::Check(arguments) => check::run(&arguments, &session()?, output),
        Command::Why(arguments) => why::run(&arguments, &session()?, output),
        Command::Preview(arguments) => preview::run(&arguments, &session()?, output),
        Command::Diff(arguments) => diff::run(&arguments, &session()?, output),
        Command::Pipeline(arguments) => pipeline::run(&arguments, &session()?, output),
        Command::Vulnerabilities(arguments) => vulnerabilities::run(&arguments, &session()?, output),
        Command::Sbom(arguments) => sbom::run(&arguments, &session()?, output),
        Command::Profile(arguments) => profile::run(&arguments, &session()?, output),
        Command::Promote(arguments) => promote::run(&arguments, &session()?, output),
        Command::Release(arguments) => release::run(&arguments, &session()?, output),
        Command::Remove(arguments) => remove::run(&arguments, &session()?, output),
        Command::Hold(arguments) => hold::hold(&arguments, &session()?, output),
        Command::Unhold(arguments) => hold::unhold(&arguments, &session()?, output),
        Command::Holds(arguments) => hold::holds(&arguments, &session()?, output),
        Command::Approve(arguments) => approve::run(&arguments, &session()?, output),
        Command::Approvals(arguments) => approve::list(&arguments, &session()?, output),
        Command::Freeze(arguments) => freeze::freeze(&arguments, &session()?, output),
        Command::Thaw(arguments) => freeze::thaw(&arguments, &session()?, output),
        Command::Hooks(arguments) => hooks::run(&arguments, &session()?, output),
        Command::History(arguments) => history::run(&arguments, &session()?, output),
        Command::Rollback(arguments) => rollback::run(&arguments, &session()?, output),
        Command::Undo(arguments) => undo::run(&arguments, &session()?, output),
        Command::Reissue(arguments) => reissue::run(&arguments, &session()?, output),
        Command::Rollout(arguments) => rollout::run(&arguments, &session()?, output),
        Command::Tag(arguments) => tag::run(&arguments, &session()?, output),
        Command::Retention(arguments) => retention::run(&arguments, &session()?, output),
        Command::Gc(arguments) => gc::run(&arguments, &session()?, output),
        Command::Publish(arguments) => publish::run(&arguments, &session()?, output),
        Command::Sign(arguments) => sign::run(&arguments, &session()?, output),
        Command::Fsck(arguments) => fsck::run(&arguments, &session()?, output),
        Command::Backup(arguments) => backup::run(&arguments, global, output),
        Command::Restore(arguments) => restore::run(&arguments, global, output),
        Command::Serve(arguments) => serve::run(&arguments, &session()?, output),
        Command::ClientConfig(arguments) => client_config::run(&arguments, &session()?, output),
        Command::Access(arguments) => access::run(&arguments, &session()?, output),
        Command::Machines(arguments) => machines::run(&arguments, &session()?, output),
        Command::Key(arguments) => key::run(&arguments, &session()?, output),
        Command::Config(arguments) => config::run(&arguments, global, output),
        Command::Suite(arguments) => suite::run(&arguments, global, output),
        Command::Repository(arguments) => repository::run(&arguments, global, output),
        Command::Completions(arguments) => completions::run(&arguments, output),
        Command::Manual(arguments) => manual::run(&arguments, output),
        Command::Base(arguments) => base::run(&arguments, &session()?, output),
        Command::Bundle(arguments) => bundle::run(&arguments, global, &session, output),
        Command::Doctor(arguments) => doctor::run(&arguments, output),
        Command::Status(arguments) => status::run(&arguments, &session, output),
        Command::Store(arguments) => store::run(&arguments, session()?, output),
    }
}
