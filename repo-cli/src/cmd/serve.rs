use std::collections::BTreeMap;
use std::net::TcpListener;

use listenfd::ListenFd;
use repo_config::{Config, Watch, without_repeats};
use repo_store::RepositorySettings;

use crate::access;
use crate::error::{Failure, Outcome};
use crate::output::{Output, Talk};
use crate::session::Session;
use crate::signals;
use repo_serve::{Address, Page, Server, Site};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArguments {
    /// Where to listen [default: as configured, or 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Write a line to standard error for each request
    #[arg(long)]
    log: bool,
}

pub(crate) fn run(
    arguments: &ServeArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let listen = arguments.listen.as_deref().unwrap_or_else(|| session.config.listen());
    // One that the service manager opened counts, unless another is asked for.
    let inherited = match arguments.listen {
        None => {
            ListenFd::from_env().take_tcp_listener(0).map_err(Failure::io("take", "the inherited socket"))?
        }
        Some(_) => None,
    };
    let server = match inherited {
        Some(listener) => listening(session, listener, output.talk())?,
        None => bind(session, listen, output.talk())?,
    };
    let address = server.local_addr().map_err(Failure::io("listen on", listen))?;
    for repository in session.config.repositories() {
        output.say(&format!("serving http://{address}/{}", repository.name));
    }
    output.result(&serde_json::json!({ "listen": address.to_string() }), || {});
    run_until_interrupted(server, arguments.log, output)
}

/// A server for the published repositories, listening at an address.
pub(crate) fn bind(session: &Session, listen: &str, talk: Talk) -> Result<Server, Failure> {
    let listener = TcpListener::bind(listen).map_err(Failure::io("listen on", listen))?;
    listening(session, listener, talk)
}

/// The same on a socket that listens already.
fn listening(session: &Session, listener: TcpListener, talk: Talk) -> Result<Server, Failure> {
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
    let server = Server::listening(listener, site(&session.config)).map_err(Failure::Site)?;
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

/// Serves until the program is asked to end (SIGINT, SIGTERM), then finishes the requests under way. SIGHUP reloads.
pub(crate) fn run_until_interrupted(
    mut server: Server,
    log: bool,
    output: &Output,
) -> Result<Outcome, Failure> {
    if log {
        let talk = output.talk();
        server = server.with_log(move |entry| talk.note(&entry.to_string()));
    }
    let (shutdown, reload) = (server.shutdown_handle(), server.reload_handle());
    signals::watch(move || shutdown.shutdown(), move || reload.reload()).map_err(Failure::Signals)?;
    output.print_result();
    server.run().map_err(Failure::io("serve", "requests"))?;
    output.say("stopped");
    Ok(Outcome::Done)
}
