//! What stands in front, as one description that knows no server's syntax.

use camino::Utf8Path;
use repo_config::{Config, Listen, Url};
use repo_serve::{Address, cache_control};
use repo_store::RepositoryName;

use super::{Admissions, FrontError, FrontServer, Printable};
use crate::cmd::client_config::paste;

/// Everything that a server in front has to know.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    /// The root of the store.
    pub(crate) store: Printable,
    /// The repositories that were asked for; none when all are meant.
    pub(crate) chosen: Vec<RepositoryName>,
    /// The directory of the files of credentials.
    pub(crate) credentials: Printable,
    /// The files of the certificate and of its key, if they are configured.
    pub(crate) tls: Option<(Printable, Printable)>,
    /// The virtual hosts.
    pub(crate) hosts: Vec<Host>,
    /// What `serve` answers.
    pub(crate) passed_on: PassedOn,
}

/// Where a virtual host is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    /// Its name or address; `None`: any. Letters, digits, `.`, `-` and `_`, or an IPv6 address in brackets.
    pub(crate) name: Option<String>,
    /// The port.
    pub(crate) port: u16,
    /// Whether TLS is spoken.
    pub(crate) is_tls: bool,
}

/// A virtual host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// Where it is reached.
    pub(crate) door: Door,
    /// What lies where, longer paths first.
    pub(crate) mounts: Vec<Mount>,
    /// Whether all but the mounts is led to the same host over TLS, at the port of TLS.
    pub(crate) leads_to_tls: bool,
}

/// A directory of files at a path.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    /// The path, such as `/prod`; empty at the root. Elements of letters, digits and `. _ - + ~` that begin with no dot.
    pub(crate) path: String,
    /// The directory, from the root of the file system on.
    pub(crate) directory: Printable,
    /// The repository; `None` for the scripts that set machines up.
    pub(crate) repository: Option<RepositoryName>,
    /// Who may read it.
    pub(crate) admissions: Admissions,
}

/// The addresses of `serve`, as a server on the same machine reaches them.
#[derive(Clone, Debug, Default)]
pub(crate) struct PassedOn {
    /// For everything, if all is passed on, or for `/` and `/-/`, if there are pages for people.
    pub(crate) files: Option<String>,
    /// For `/api/` over TLS, if there is an interface for programs.
    pub(crate) api: Option<String>,
}

impl PassedOn {
    /// Returns the address for `/api/` of a host. `serve` believes that a server in front speaks TLS with those who send it a token, so
    /// hosts without it have none.
    pub(crate) fn api_for(&self, host: &Host) -> Option<&str> {
        self.api.as_deref().filter(|_| host.door.is_tls)
    }
}

impl Mount {
    /// Returns the value of `Cache-Control` for what never changes, or for the rest.
    pub(crate) fn cache_control(&self, immutable: bool) -> &'static str {
        cache_control(immutable, self.admissions.is_restricted())
    }

    /// Returns the name of the repository, or of the directory.
    pub(crate) fn name(&self) -> &str {
        self.repository.as_ref().map_or(paste::DIRECTORY, RepositoryName::as_str)
    }

    /// Returns the name of the file of a set of logins, without an ending. No repository has a plus sign in its name.
    pub(crate) fn credentials(&self, set: usize) -> String {
        if set == 0 { self.name().to_owned() } else { format!("{}+{}", self.name(), set + 1) }
    }
}

impl Front {
    /// Describes what stands in front of these repositories. `root`: the root of the store as an absolute path.
    ///
    /// # Errors
    /// When the server could not be told what the configuration means.
    pub(crate) fn of(
        config: &Config,
        root: &Utf8Path,
        (server, credentials): (FrontServer, &Utf8Path),
        chosen: &[RepositoryName],
    ) -> Result<Self, FrontError> {
        let all = config.repositories().map(|repository| &repository.name);
        let names: Vec<&RepositoryName> =
            all.filter(|name| chosen.is_empty() || chosen.contains(name)).collect();
        let mut hosts = Hosts(Vec::new());
        for name in &names {
            let (door, path) = door_of(name, config.configured_url(name).as_ref())?;
            let directory = printable_path(&root.join("public").join(name.as_str()))?;
            let admissions = Admissions::of(&config.ways_in(name));
            hosts.add(door, Mount { path, directory, repository: Some((*name).clone()), admissions });
        }
        add_setup(&mut hosts, config, root)?;
        let mut hosts = hosts.0;
        for host in &mut hosts {
            host.mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path.len()));
        }
        let passed_on = passed_on(config, server, &hosts)?;
        check_addresses(config, &hosts, &passed_on)?;
        check_places(&hosts, &passed_on)?;
        let tls = config.tls().map(|(certificate, key)| {
            Ok::<_, FrontError>((printable_path(&root.join(certificate))?, printable_path(&root.join(key))?))
        });
        Ok(Self {
            store: printable_path(root)?,
            chosen: chosen.to_vec(),
            credentials: printable_path(credentials)?,
            tls: tls.transpose()?,
            hosts,
            passed_on,
        })
    }

    /// Returns whether any repository asks for a login.
    pub(crate) fn has_logins(&self) -> bool {
        self.hosts.iter().flat_map(|host| &host.mounts).any(|mount| !mount.admissions.logins.is_empty())
    }

    /// Returns whether any host speaks TLS.
    pub(crate) fn speaks_tls(&self) -> bool {
        self.hosts.iter().any(|host| host.door.is_tls)
    }
}

/// The virtual hosts, as they are collected.
struct Hosts(Vec<Host>);

impl Hosts {
    fn add(&mut self, door: Door, mount: Mount) {
        match self.0.iter_mut().find(|host| host.door == door) {
            Some(host) => host.mounts.push(mount),
            None => self.0.push(Host { door, mounts: vec![mount], leads_to_tls: false }),
        }
    }
}

/// Where a repository is reached, and its path there.
fn door_of(name: &RepositoryName, url: Option<&Url>) -> Result<(Door, String), FrontError> {
    let Some(url) = url else {
        return Ok((Door { name: None, port: 80, is_tls: false }, format!("/{name}")));
    };
    door_at(url)?.ok_or_else(|| FrontError::NotOfTheWeb { repository: name.clone(), url: url.to_string() })
}

/// `None` for an address that is not of the web.
fn door_at(url: &Url) -> Result<Option<(Door, String)>, FrontError> {
    let Some(address) = Address::of_url(&url.to_string()) else { return Ok(None) };
    let host = address.host();
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_safe = match inner {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)),
    };
    if !is_safe {
        return Err(FrontError::Unprintable { what: "the host", text: host.to_owned() });
    }
    let mut path = String::new();
    for element in address.path() {
        let text = String::from_utf8_lossy(element);
        let is_safe = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+~".contains(c));
        if !is_safe || text.starts_with('.') {
            return Err(FrontError::Unprintable { what: "the path", text: text.into_owned() });
        }
        path = format!("{path}/{text}");
    }
    let is_tls = url.is_of_tls();
    let port = address.port().unwrap_or(if is_tls { 443 } else { 80 });
    Ok(Some((Door { name: Some(host.to_owned()), port, is_tls }, path)))
}

/// The scripts that set machines up lie below the address of the store, and are read without TLS where that has its usual port: a bare
/// machine knows no authority.
fn add_setup(hosts: &mut Hosts, config: &Config, root: &Utf8Path) -> Result<(), FrontError> {
    let (door, path) = match config.url() {
        None => (Door { name: None, port: 80, is_tls: false }, String::new()),
        Some(url) => match door_at(url)? {
            None => return Ok(()),
            Some((door, path)) if door.is_tls && door.port == 443 => {
                (Door { port: 80, is_tls: false, ..door }, path)
            }
            Some(found) => found,
        },
    };
    let path = format!("{path}/{}", paste::DIRECTORY);
    let has_path = |host: &Host| host.door == door && host.mounts.iter().any(|mount| mount.path == path);
    // Under a repository of that name its rules count.
    if !hosts.0.iter().any(has_path) {
        let directory = printable_path(&root.join("public").join(paste::DIRECTORY))?;
        hosts.add(door, Mount { path, directory, repository: None, admissions: Admissions::open() });
    }
    let tls: Vec<Door> = hosts.0.iter().map(|host| host.door.clone()).filter(|door| door.is_tls).collect();
    for door in tls.into_iter().filter(|door| door.port == 443) {
        let plain = Door { port: 80, is_tls: false, ..door };
        match hosts.0.iter_mut().find(|host| host.door == plain) {
            // The scripts are all there is without TLS.
            Some(host) => host.leads_to_tls = host.mounts.iter().all(|mount| mount.repository.is_none()),
            None if config.redirects_to_tls() => {
                hosts.0.push(Host { door: plain, mounts: Vec::new(), leads_to_tls: true });
            }
            None => {}
        }
    }
    Ok(())
}

fn printable_path(path: &Utf8Path) -> Result<Printable, FrontError> {
    Printable::parse("the path", path.as_str())
}

/// What is passed on, and to which addresses.
fn passed_on(config: &Config, server: FrontServer, hosts: &[Host]) -> Result<PassedOn, FrontError> {
    let address = |listens: Vec<Listen>| {
        let plain = listens.into_iter().find(|listen| !listen.is_tls() && listen.port() != 0);
        let plain = plain.ok_or(FrontError::NoPlainListener)?;
        if hosts.iter().any(|host| host.door.port == plain.port()) {
            return Err(FrontError::SamePort { port: plain.port() });
        }
        let address = plain.address();
        // What stands for every address is reached on this machine.
        Ok(match address.rsplit_once(':') {
            Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
            Some(("[::]", port)) => format!("[::1]:{port}"),
            _ => address.to_owned(),
        })
    };
    let (passes_files, has_api) = (!server.serves_files() || config.shows_pages(), !config.api().is_empty());
    Ok(PassedOn {
        files: passes_files.then(|| address(config.listen())).transpose()?,
        api: has_api.then(|| address(config.api())).transpose()?,
    })
}

/// Where `serve` decides by addresses, it must know them.
fn check_addresses(config: &Config, hosts: &[Host], passed_on: &PassedOn) -> Result<(), FrontError> {
    if passed_on.files.is_none() || !config.trusted_proxies().is_empty() {
        return Ok(());
    }
    let goes_by_address = |mount: &&Mount| !mount.admissions.networks.is_empty();
    let found = hosts.iter().flat_map(|host| &host.mounts).find(goes_by_address);
    match found.and_then(|mount| mount.repository.clone()) {
        Some(repository) => Err(FrontError::TrustsNobody { repository }),
        None => Ok(()),
    }
}

/// What is passed on to `serve` would hide a repository.
fn check_places(hosts: &[Host], passed_on: &PassedOn) -> Result<(), FrontError> {
    let places = [
        ("/api", passed_on.api.is_some(), "the interface for programs is"),
        ("/-", passed_on.files.is_some(), "the pages are"),
    ];
    for (place, _, what) in places.into_iter().filter(|(_, is_passed_on, _)| *is_passed_on) {
        let is_hidden = |mount: &&Mount| {
            mount.path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let hidden = hosts.iter().flat_map(|host| &host.mounts).find(is_hidden);
        if let Some(repository) = hidden.and_then(|mount| mount.repository.clone()) {
            return Err(FrontError::Hidden { repository, place, what });
        }
    }
    Ok(())
}
