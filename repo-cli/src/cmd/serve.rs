use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use repo_config::{AccessLog, Config, Listen, Watch, without_repeats};
use repo_store::RepositorySettings;

use crate::access;
use crate::args::argument;
use crate::error::{Failure, Outcome};
use crate::hooks;
use crate::output::{Output, Talk};
use crate::schedule::Scheduler;
use crate::serving::access_log::AccessLogQueue;
use crate::serving::service_manager::ServiceManager;
use crate::serving::sightings::SightingQueue;
use crate::session::Session;
use crate::signals;
use repo_serve::{Address, Certificate, Entrance, Page, Server, Site};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArguments {
    /// Where to listen, with https:// over TLS; may be given several times [default: as configured, or 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = argument::<Listen>)]
    listen: Vec<Listen>,
    /// Write a line to standard error for each request, whatever is configured
    #[arg(long)]
    log: bool,
}

pub(crate) fn run(
    arguments: &ServeArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    // Sockets that the service manager opened count, unless others are asked for.
    let inherited = if arguments.listen.is_empty() { inherited()? } else { Vec::new() };
    let configured = session.config.listen();
    let sockets: Vec<(TcpListener, bool)> = if inherited.is_empty() {
        let listen = if arguments.listen.is_empty() { &configured } else { &arguments.listen };
        listen.iter().map(|at| Ok((socket(at.address())?, at.is_tls()))).collect::<Result<_, Failure>>()?
    } else {
        // Which of them speak TLS is known by their ports.
        let is_tls = |port| configured.iter().any(|at| at.is_tls() && at.port() == port);
        let with_port = |socket: TcpListener| {
            let port = address_of(&socket)?.port();
            Ok((socket, is_tls(port)))
        };
        inherited.into_iter().map(with_port).collect::<Result<_, Failure>>()?
    };
    let mut addresses = Vec::new();
    for (socket, is_tls) in &sockets {
        addresses.push(format!("{}://{}", if *is_tls { "https" } else { "http" }, address_of(socket)?));
    }
    let mut server = listening(session, entrances(session, sockets)?, output.talk())?;
    let metrics = session.config.metrics_address().map(socket).transpose()?;
    let metrics_address = metrics.as_ref().map(address_of).transpose()?;
    if let Some(metrics) = metrics {
        server = server.with_metrics(metrics).map_err(Failure::io("use", "the socket of the metrics"))?;
    }
    if let Some(address) = metrics_address {
        output.say(&format!("metrics at http://{address}/metrics"));
    }
    for repository in session.config.repositories() {
        for address in &addresses {
            output.say(&format!("serving {address}/{}", repository.name));
        }
    }
    let first = server.local_addr().map_err(Failure::io("look at", "the socket"))?;
    let document = serde_json::json!({
        "listen": first.to_string(),
        "addresses": addresses,
        "metrics": metrics_address.map(|address| address.to_string()),
    });
    output.result(&document, || {});
    hooks::deliver_in_background(session.root.clone())?;
    let access_log = if arguments.log { Some(AccessLog::Stderr) } else { session.config.access_log() };
    let _scheduler = Scheduler::start(session, output.talk())?;
    run_until_interrupted(server, access_log.as_ref(), session, output)
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
fn entrances(
    session: &Session,
    sockets: Vec<(TcpListener, bool)>,
) -> Result<Vec<(TcpListener, Entrance)>, Failure> {
    // The port may have been chosen by the system.
    let with_tls = sockets.iter().find(|(_, is_tls)| *is_tls).filter(|_| session.config.redirects_to_tls());
    let redirect_to =
        with_tls.map(|(socket, _)| address_of(socket)).transpose()?.map(|address| address.port());
    let entrance = |is_tls: bool| {
        if !is_tls {
            return Ok::<_, Failure>(Entrance { tls: None, redirect_to });
        }
        let (certificate, key) = session.config.tls().ok_or(Failure::Usage(
            "https:// needs a certificate and its key: set them in [serve.tls] of repo.toml",
        ))?;
        let root = session.config.root();
        let tls =
            Certificate::load(&root.join(certificate), &root.join(key)).map_err(Failure::Certificate)?;
        Ok(Entrance { tls: Some(tls), redirect_to: None })
    };
    sockets.into_iter().map(|(socket, is_tls)| Ok((socket, entrance(is_tls)?))).collect()
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
            addresses: addresses(config),
            pages: pages.collect(),
            trusted_proxies: access::trusted_proxies(config),
        }
    };
    let server = Server::with_entrances(entrances, site(&session.config)).map_err(Failure::Site)?;
    let mut watch = Watch::new(&session.config);
    // Opened here: a configuration counts when it is served, and is tried again until then.
    let open = move |config: &Config| site(config).open().map_err(Failure::Site);
    let server = server.with_warnings(move |text| talk.note(text));
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
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let access_log = access_log.map(|target| AccessLogQueue::open(target, output.talk())).transpose()?;
    // What another user writes, the owner of the store could not change.
    let sightings = if session.is_owner() {
        Some(SightingQueue::open(session.root.clone(), output.talk())?)
    } else {
        output.note("warning: machines are not recorded: run serve as the owner of the store");
        None
    };
    let (lines, seen) = (access_log.clone(), sightings.clone());
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
    sightings.iter().for_each(SightingQueue::end);
    served?;
    output.say("stopped");
    Ok(Outcome::Done)
}
