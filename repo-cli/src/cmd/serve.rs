mod program;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use listenfd::ListenFd;
use repo_config::{AccessLog, Config, Listen, Watch, without_repeats};
use repo_store::RepositorySettings;

use self::program::Program;
use crate::access;
use crate::args::argument;
use crate::confinement;
use crate::error::{Failure, Outcome};
use crate::hooks;
use crate::json_value::JsonDocument;
use crate::output::{Output, Talk};
use crate::package_readers;
use crate::schedule::Scheduler;
use crate::serving::access_log::AccessLogQueue;
use crate::serving::pages::StorePages;
use crate::serving::service_manager::ServiceManager;
use crate::serving::sightings::SightingQueue;
use crate::session::Session;
use crate::signals;
use repo_serve::api::ApiSettings;
use repo_serve::renderer::PageRenderer;
use repo_serve::site::Site;
use repo_serve::tls::Certificate;
use repo_serve::{Address, Entrance, Page, Server, Serves};
use serde::Serialize;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArguments {
    /// Where to listen, with https:// over TLS; may be given several times [default: as configured, or 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = argument::<Listen>)]
    listen: Vec<Listen>,
    /// Serve only the files, or only the interface for programs, and leave [schedule] to another process [default: everything that
    /// is configured]
    #[arg(long, value_name = "WHAT")]
    only: Option<Only>,
    /// Write a line to standard error for each request, whatever is configured
    #[arg(long)]
    log: bool,
}

/// A part of what is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Files,
    Api,
}

/// The document of `serve`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ServingJson<'a> {
    /// The addresses of the files
    addresses: &'a [String],
    /// The addresses of the interface for programs
    api: &'a [String],
    /// The first address, with its port
    listen: String,
    /// The address of the metrics, with its port; null when there are none
    metrics: Option<String>,
}

impl JsonDocument for ServingJson<'_> {}

pub(crate) fn run(
    arguments: &ServeArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    // Sockets that the service manager opened count, unless others are asked for.
    let inherited = if arguments.listen.is_empty() { inherited()? } else { Vec::new() };
    let (mut configured, mut api) = (session.config.listen(), session.config.api());
    match arguments.only {
        None => {}
        Some(Only::Files) => api.clear(),
        Some(Only::Api) if api.is_empty() => {
            return Err(Failure::Usage("--only api needs an address: set `api` in [serve] of repo.toml"));
        }
        Some(Only::Api) if !arguments.listen.is_empty() => {
            return Err(Failure::Usage(
                "--only api listens where `api` in repo.toml says: leave out --listen",
            ));
        }
        Some(Only::Api) => configured.clear(),
    }
    let sockets = if inherited.is_empty() {
        opened(if arguments.listen.is_empty() { &configured } else { &arguments.listen }, &api)?
    } else {
        // What is spoken on each is known by its port.
        let is_tls = |at: &Listen, port| at.is_tls() && at.port() == port;
        let with_port = |socket: TcpListener| {
            let port = address_of(&socket)?.port();
            let is_at = |list: &[Listen]| list.iter().any(|at| at.port() == port);
            let serves = match (is_at(&configured), is_at(&api)) {
                _ if arguments.only == Some(Only::Api) => Serves::Api,
                (false, true) => Serves::Api,
                (true, true) => Serves::Both,
                (_, false) => Serves::Files,
            };
            let is_tls = configured.iter().chain(&api).any(|at| is_tls(at, port));
            Ok(Opened { socket, is_tls, serves })
        };
        inherited.into_iter().map(with_port).collect::<Result<_, Failure>>()?
    };
    let (mut addresses, mut api_addresses) = (Vec::new(), Vec::new());
    for Opened { socket, is_tls, serves } in &sockets {
        let address = format!("{}://{}", if *is_tls { "https" } else { "http" }, address_of(socket)?);
        if *serves != Serves::Files {
            api_addresses.push(format!("{address}{}", repo_serve::api::BASE));
        }
        if *serves != Serves::Api {
            addresses.push(address);
        }
    }
    let mut server = listening(session, entrances(session, sockets)?, output.talk())?;
    package_readers::warn_of_lack(output);
    confinement::warn_of_lack(output)?;
    if !api_addresses.is_empty() {
        server = server.with_api(Arc::new(Program::of(session)), api_settings(session));
    }
    for address in &api_addresses {
        output.say(&format!("serving the interface for programs at {address}"));
    }
    // Two processes cannot listen at one address: it belongs to the one that serves the files.
    let metrics = session.config.metrics_address().filter(|_| arguments.only != Some(Only::Api));
    let metrics = metrics.map(socket).transpose()?;
    let metrics_address = metrics.as_ref().map(address_of).transpose()?;
    if let (Some(metrics), Some(address)) = (metrics, metrics_address) {
        server = server.with_metrics(metrics).map_err(Failure::io("use", "the socket of the metrics"))?;
        output.say(&format!("metrics at http://{address}/metrics"));
    }
    for repository in session.config.repositories() {
        for address in &addresses {
            output.say(&format!("serving {address}/{}", repository.name));
        }
    }
    let first = server.local_addr().map_err(Failure::io("look at", "the socket"))?;
    let document = ServingJson {
        addresses: &addresses,
        api: &api_addresses,
        listen: first.to_string(),
        metrics: metrics_address.map(|address| address.to_string()),
    };
    output.result(&document, || {});
    if arguments.only != Some(Only::Files) {
        hooks::deliver_in_background(session.root.clone())?;
    }
    let access_log = if arguments.log { Some(AccessLog::Stderr) } else { session.config.access_log() };
    let everything = arguments.only.is_none();
    let _scheduler = everything.then(|| Scheduler::start(session, output.talk())).transpose()?;
    // Where only the interface for programs is, no machine fetches anything.
    let sightings = if addresses.is_empty() { None } else { SightingQueue::of(session, output)? };
    run_until_interrupted(server, access_log.as_ref(), sightings.as_ref(), output)
}

/// A socket that listens, and what is spoken on it.
struct Opened {
    socket: TcpListener,
    is_tls: bool,
    serves: Serves,
}

/// Listens for those who read files, and for programs. An address of both is listened to once.
fn opened(files: &[Listen], api: &[Listen]) -> Result<Vec<Opened>, Failure> {
    let is_in = |list: &[Listen], at: &Listen| {
        // Port 0 is another one each time.
        at.port() != 0
            && list.iter().any(|other| other.address() == at.address() && other.is_tls() == at.is_tls())
    };
    let open = |at: &Listen, serves| {
        Ok::<_, Failure>(Opened { socket: socket(at.address())?, is_tls: at.is_tls(), serves })
    };
    let files_or_both =
        files.iter().map(|at| open(at, if is_in(api, at) { Serves::Both } else { Serves::Files }));
    let api_alone = api.iter().filter(|at| !is_in(files, at)).map(|at| open(at, Serves::Api));
    files_or_both.chain(api_alone).collect()
}

/// Where uploads lie, and answers are kept. Both may be deleted at any time.
fn api_settings(session: &Session) -> ApiSettings {
    ApiSettings {
        uploads: session.root.join("store/tmp"),
        answers: session.root.join("store/cache/api"),
        max_upload: session.config.max_upload(),
    }
}

/// The sockets that the service manager opened.
fn inherited() -> Result<Vec<TcpListener>, Failure> {
    let (mut from_manager, mut sockets) = (ListenFd::from_env(), Vec::new());
    for place in 0..from_manager.len() {
        let socket = from_manager.take_tcp_listener(place);
        sockets.extend(socket.map_err(Failure::io("take", "the inherited socket"))?);
    }
    Ok(sockets)
}

fn socket(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(Failure::io("listen on", address))
}

fn address_of(socket: &TcpListener) -> Result<SocketAddr, Failure> {
    socket.local_addr().map_err(Failure::io("look at", "the socket"))
}

/// What is spoken on each socket.
fn entrances(session: &Session, sockets: Vec<Opened>) -> Result<Vec<(TcpListener, Entrance)>, Failure> {
    // The port may have been chosen by the system.
    let serves_files = |opened: &&Opened| opened.is_tls && opened.serves != Serves::Api;
    let with_tls = sockets.iter().find(serves_files).filter(|_| session.config.redirects_to_tls());
    let redirect_to =
        with_tls.map(|opened| address_of(&opened.socket)).transpose()?.map(|address| address.port());
    let entrance = |is_tls: bool, serves: Serves| {
        if !is_tls {
            return Ok::<_, Failure>(Entrance { tls: None, redirect_to, serves });
        }
        let (certificate, key) = session.config.tls().ok_or(Failure::Usage(
            "https:// needs a certificate and its key: set them in [serve.tls] of repo.toml",
        ))?;
        let root = session.config.root();
        let tls =
            Certificate::load(&root.join(certificate), &root.join(key)).map_err(Failure::Certificate)?;
        Ok(Entrance { tls: Some(tls), redirect_to: None, serves })
    };
    sockets.into_iter().map(|opened| Ok((opened.socket, entrance(opened.is_tls, opened.serves)?))).collect()
}

/// A server for the published repositories, listening at an address without TLS.
pub(crate) fn bind(session: &Session, listen: &str, talk: Talk) -> Result<Server, Failure> {
    listening(session, vec![(socket(listen)?, Entrance::default())], talk)
}

fn listening(
    session: &Session,
    entrances: Vec<(TcpListener, Entrance)>,
    talk: Talk,
) -> Result<Server, Failure> {
    let root = session.root.join("public");
    let site = move |config: &Config| {
        let pages =
            config.repositories().map(|repository| (repository.name.to_string(), page(config, repository)));
        Site {
            root: root.clone(),
            access: access::of(config),
            callers: access::callers(config),
            addresses: addresses(config),
            pages: pages.collect(),
            renderer: config.shows_pages().then(|| Arc::new(StorePages::of(config)) as Arc<dyn PageRenderer>),
            trusted_proxies: access::trusted_proxies(config),
        }
    };
    let server = Server::with_entrances(entrances, site(&session.config)).map_err(Failure::Site)?;
    let mut watch = Watch::new(&session.config);
    // Opened here: a configuration counts when it is served, and is tried again until then.
    let open = move |config: &Config| site(config).open().map_err(Failure::Site);
    // Each mistake of ours in what reads requests is one of a thread that can write nothing.
    let server = server.with_warnings(move |text| talk.note(text)).confined_by(confinement::keep_thread);
    Ok(server.renewed_by(move |is_asked| {
        let looked = watch.look(is_asked, &open);
        match &looked {
            Ok(None) if is_asked => {
                talk.say(
                    "asked to reload: the configuration has not changed; files of users were read again",
                );
            }
            Ok(None) => {}
            Ok(Some(_)) => talk.say("the configuration has changed and was read again"),
            Err(failure) => {
                let report = failure.report();
                let hint = report.hint.map_or_else(String::new, |hint| format!(": {hint}"));
                talk.note(&format!("warning: {}{hint}; the configuration stays as it was", report.message));
            }
        }
        looked.ok().flatten()
    }))
}

/// The configured addresses of the repositories, by which requests that a virtual host gets are known.
fn addresses(config: &Config) -> BTreeMap<String, Address> {
    let addresses = config.repositories().filter_map(|repository| {
        let url = config.configured_url(&repository.name)?;
        Some((repository.name.to_string(), Address::of_url(&url.to_string())?))
    });
    addresses.collect()
}

/// What a person who looks at the repository is told.
fn page(config: &Config, repository: &RepositorySettings) -> Page {
    let name = &repository.name;
    let architectures = repository.suites.iter().flat_map(|suite| &suite.architectures);
    Page {
        address: config.configured_url(name).map_or_else(|| format!("/{name}"), |url| url.to_string()),
        suites: repository.suites.iter().map(|suite| suite.name.to_string()).collect(),
        architectures: without_repeats(architectures.map(ToString::to_string).collect()),
    }
}

/// Serves until the program is asked to end (SIGINT, SIGTERM), then finishes the requests under way; asked again, it does not wait for
/// them. SIGHUP reloads.
pub(crate) fn run_until_interrupted(
    mut server: Server,
    access_log: Option<&AccessLog>,
    sightings: Option<&SightingQueue>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let access_log = access_log.map(|target| AccessLogQueue::open(target, output.talk())).transpose()?;
    let (lines, seen) = (access_log.clone(), sightings.cloned());
    server = server.with_log(move |entry| {
        lines.iter().for_each(|lines| lines.put(entry));
        seen.iter().for_each(|seen| seen.put(entry));
    });
    let manager = ServiceManager::of_this_process();
    let server = server.with_events(move |event| manager.tell(event));
    let (shutdown, reload) = (server.shutdown_handle(), server.reload_handle());
    let rotated = access_log.clone();
    let reload = move || {
        rotated.iter().for_each(AccessLogQueue::reopen);
        reload.reload();
    };
    signals::watch(move || shutdown.shutdown(), reload).map_err(Failure::Signals)?;
    output.print_result();
    let served = server.run().map_err(Failure::io("serve", "requests"));
    access_log.iter().for_each(AccessLogQueue::end);
    sightings.into_iter().for_each(SightingQueue::end);
    served?;
    output.say("stopped");
    Ok(Outcome::Done)
}
