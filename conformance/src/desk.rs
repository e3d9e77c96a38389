//! What a check has at hand: the manager, the published suites, packages to add, clients and servers.

use std::cell::RefCell;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use deb_parse::deb::Builder;
use testkit::Environment;

use crate::case::{Checked, Shortfall, World, miss};
use crate::client::Client;
use crate::manager::{Answer, Manager, Package, Request, Situation, Target};
use crate::published::Published;
use crate::server::Server;
use crate::shell::{self, Ended};

/// How long a manager may take over one request.
const LIMIT: Duration = Duration::from_secs(60);

/// A world in the hands of one manager, in a directory of its own.
pub(crate) struct Desk<'a> {
    pub(crate) manager: &'a dyn Manager,
    pub(crate) world: &'a World,
    pub(crate) environment: Environment,
    /// The fingerprints of the two keys; the first signs unless a case says otherwise.
    keys: Vec<String>,
    signing: RefCell<Vec<String>>,
}

impl<'a> Desk<'a> {
    /// Makes the keys and the repositories, and fills them.
    pub(crate) fn new(manager: &'a dyn Manager, world: &'a World) -> Checked<Self> {
        let environment = Environment::new("");
        fs::create_dir(environment.path("state"))?;
        let mut desk = Self { manager, world, environment, keys: Vec::new(), signing: RefCell::default() };
        for name in ["Old", "New"] {
            desk.program(&format!(
                "mkdir -p -m 700 ~/.gnupg; gpg -q --batch --passphrase '' --quick-generate-key '{name} key <{name}@example.org>' ed25519 sign never"
            ))?;
        }
        let listed = desk.program("gpg --list-keys --with-colons")?;
        desk.keys = listed
            .lines()
            .filter_map(|line| line.strip_prefix("fpr:"))
            .map(|line| line.trim_matches(':').to_owned())
            .collect();
        for (number, key) in desk.keys.iter().enumerate() {
            desk.program(&format!("gpg --export {key} > ~/{number}.gpg"))?;
        }
        desk.program("cat ~/0.gpg ~/1.gpg > ~/both.gpg")?;
        *desk.signing.borrow_mut() = desk.keys.first().cloned().into_iter().collect();
        desk.tell(&Request::Create)?;
        (world.prepare)(&desk)?;
        Ok(desk)
    }

    /// Keeps a copy of the state that [`restore`](Self::restore) brings back.
    pub(crate) fn keep(&self) -> Checked {
        self.program("cp -a state kept && mkdir -p ~/.gnupg && touch ~/.gnupg/gpg.conf && cp ~/.gnupg/gpg.conf gpg.conf").map(drop)
    }

    /// Brings the kept state back.
    pub(crate) fn restore(&self) -> Checked {
        *self.signing.borrow_mut() = self.keys.first().cloned().into_iter().collect();
        self.program("rm -rf state && cp -a kept state && cp gpg.conf ~/.gnupg/gpg.conf").map(drop)
    }

    /// Runs shell text in the directory of the desk, and returns what it printed. It must succeed.
    pub(crate) fn program(&self, text: &str) -> Checked<String> {
        let output = self.environment.finish(&mut self.environment.other(&["sh", "-euc", text]));
        if output.status != Some(0) {
            miss!("`{text}`: {}", tail(&output.text()));
        }
        Ok(output.stdout)
    }

    /// Returns the directory of the manager.
    fn state(&self) -> Utf8PathBuf {
        self.environment.path("state")
    }

    /// Returns the command that has the manager do something.
    pub(crate) fn command(&self, request: &Request<'_>) -> Command {
        let signing = self.signing.borrow();
        let situation = Situation { layout: &self.world.layout, keys: &signing };
        let script = self.manager.script(&situation, request);
        let mut command = self.environment.other(&["sh", "-euc", &script]);
        command.current_dir(self.state());
        // Where the runner looks for a store is nobody's business, ours least of all.
        command.env_remove("REPO_ROOT").env_remove("REPO_ACTOR");
        command
    }

    /// Has the manager do something.
    pub(crate) fn ask(&self, request: &Request<'_>) -> Checked<Answer> {
        let (ended, text) = shell::run(&mut self.command(request), &self.environment.path("log"), LIMIT)?;
        Ok(match ended {
            Ended::With(status) if status.success() => Answer::Done,
            Ended::With(_) => Answer::Failed(text),
            Ended::Killed => Answer::Hung,
        })
    }

    /// Has the manager do something that it must be able to do.
    pub(crate) fn tell(&self, request: &Request<'_>) -> Checked {
        match self.ask(request)? {
            Answer::Done => Ok(()),
            Answer::Failed(text) => miss!("{} failed: {}", verb(request), tail(&text)),
            Answer::Hung => miss!("{} did not end in {} s", verb(request), LIMIT.as_secs()),
        }
    }

    /// Starts something and kills it, with everything it started, after some time. Returns whether it was over before.
    pub(crate) fn kill(&self, request: &Request<'_>, after: Duration) -> Checked<bool> {
        let (ended, _) = shell::run(&mut self.command(request), &self.environment.path("log"), after)?;
        Ok(matches!(ended, Ended::With(_)))
    }

    /// Returns how long a request takes.
    pub(crate) fn time(&self, request: &Request<'_>) -> Checked<Duration> {
        let start = Instant::now();
        self.tell(request)?;
        Ok(start.elapsed())
    }

    /// Starts something in the background.
    pub(crate) fn start(&self, request: &Request<'_>) -> Checked<std::process::Child> {
        let mut command = self.command(request);
        Ok(command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?)
    }

    /// Changes the keys that sign: `0` is the old one, `1` the new one.
    pub(crate) fn sign_with(&self, keys: &[usize]) -> Checked {
        *self.signing.borrow_mut() =
            keys.iter().filter_map(|number| self.keys.get(*number).cloned()).collect();
        self.tell(&Request::SignWith)
    }

    /// Returns the fingerprint of a key.
    pub(crate) fn fingerprint(&self, number: usize) -> &str {
        self.keys.get(number).map_or("", String::as_str)
    }

    /// Returns the keyring of clients that know `0`, the old key, `1`, the new one, or `both`.
    pub(crate) fn keyring(&self, known: &str) -> Utf8PathBuf {
        self.environment.path(format!("home/{known}.gpg"))
    }

    /// Returns what gpgv says of a signature: the lines of its status, if it is good.
    pub(crate) fn verified(&self, known: &str, arguments: &str) -> Checked<String> {
        self.program(&format!("gpgv --status-fd 1 --keyring {} {arguments} 2>&1", self.keyring(known)))
    }

    /// Returns a suite as clients see it.
    pub(crate) fn suite(&self, repository: &str, suite: &str) -> Published {
        let place = self.manager.place(&self.world.layout, repository, suite);
        Published { root: self.state().join(place.root), distribution: place.distribution }
    }

    /// Returns the suite that most cases look at.
    pub(crate) fn bookworm(&self) -> Published {
        self.suite("preprod", "bookworm")
    }

    /// Serves the archive that holds a suite.
    pub(crate) fn serve(&self, suite: &Published) -> Checked<Server> {
        Ok(Server::start(&suite.root)?)
    }

    /// Makes a client of a suite, which knows the old key.
    pub(crate) fn client<'e>(
        &'e self,
        name: &str,
        server: &Server,
        suite: &Published,
    ) -> Checked<Client<'e>> {
        self.client_with(name, server, suite, "0")
    }

    /// Makes a client of a suite with a keyring.
    pub(crate) fn client_with<'e>(
        &'e self,
        name: &str,
        server: &Server,
        suite: &Published,
        known: &str,
    ) -> Checked<Client<'e>> {
        Client::new(&self.environment, name, &server.url(), suite, &self.keyring(known), &self.world.layout)
    }

    /// Makes a client of `preprod/bookworm`, with the server that it uses.
    pub(crate) fn bookworm_client(&self) -> Checked<(Server, Client<'_>)> {
        let suite = self.bookworm();
        let server = self.serve(&suite)?;
        let client = self.client("apt", &server, &suite)?;
        Ok((server, client))
    }

    /// Makes such a client that has updated.
    pub(crate) fn updated_client(&self) -> Checked<(Server, Client<'_>)> {
        let (server, client) = self.bookworm_client()?;
        client.update()?;
        Ok((server, client))
    }

    /// Returns a text without what differs from run to run: the path of the directory of this desk, and the ports of servers.
    pub(crate) fn same_each_time(&self, text: &str) -> String {
        let text = text.replace(self.environment.path("").as_str(), "");
        let mut parts = text.split("127.0.0.1");
        let mut same = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            same += "server";
            same += part.trim_start_matches([':', ' ']).trim_start_matches(|c: char| c.is_ascii_digit());
        }
        same.replace(" [IP: server]", "")
    }

    /// Writes a package file as dpkg-deb names it, without the epoch.
    pub(crate) fn deb(&self, name: &str, version: &str, architecture: &str) -> Checked<String> {
        self.shaped(name, version, architecture, |builder| builder)
    }

    /// The same with what the case needs.
    pub(crate) fn shaped(
        &self,
        name: &str,
        version: &str,
        architecture: &str,
        shape: impl FnOnce(Builder) -> Builder,
    ) -> Checked<String> {
        let without_epoch = version.split_once(':').map_or(version, |(_, rest)| rest);
        let path = self.fresh(&format!("{name}_{without_epoch}_{architecture}.deb"))?;
        let built = self.environment.build(name, version, architecture, shape);
        fs::rename(built, &path)?;
        Ok(path.into_string())
    }

    /// Writes a file to add.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Checked<String> {
        let path = self.fresh(name)?;
        fs::write(&path, bytes)?;
        Ok(path.into_string())
    }

    /// Returns the path of a file to add, where nothing is. A manager may have linked the one of before into its pool: it must not be
    /// written to.
    fn fresh(&self, name: &str) -> Checked<Utf8PathBuf> {
        let path = self.environment.path("files").join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(path),
        }
    }

    /// Adds packages of `main` for all architectures (`hello=1.0`) to `preprod/bookworm` and publishes that.
    pub(crate) fn add(&self, packages: &[&str]) -> Checked {
        let mut files = Vec::new();
        for package in packages {
            let (name, version) = package.split_once('=').unwrap_or((package, "1.0"));
            files.push(self.deb(name, version, "all")?);
        }
        self.tell(&Request::Add(MAIN, &files))?;
        self.publish()
    }

    /// Publishes `preprod`.
    pub(crate) fn publish(&self) -> Checked {
        self.tell(&Request::Publish("preprod"))
    }

    /// Takes a package out of `preprod/bookworm` and publishes that.
    pub(crate) fn remove(&self, name: &str, version: &str) -> Checked {
        self.tell(&Request::Remove(MAIN, Package { name, version }))?;
        self.publish()
    }

    /// Waits until the clocks of HTTP and of Release files, which count seconds, have moved on.
    pub(crate) fn next_second(&self) {
        std::thread::sleep(Duration::from_millis(1050));
    }
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        // GnuPG leaves its agent running.
        let _ = self.program("gpgconf --kill all");
    }
}

/// The component `main` of `preprod/bookworm`.
pub(crate) const MAIN: Target<'static> =
    Target { repository: "preprod", suite: "bookworm", component: "main" };

fn verb(request: &Request<'_>) -> &'static str {
    match request {
        Request::Create => "creating the repositories",
        Request::Add(..) => "adding",
        Request::Remove(..) => "removing",
        Request::Promote(..) => "copying to the other repository",
        Request::Publish(_) => "publishing",
        Request::Mark(..) => "marking the state",
        Request::GoBack(..) => "going back",
        Request::SignWith => "signing with other keys",
    }
}

/// Returns the line of what a program printed that tells what is wrong, or else the last lines.
pub(crate) fn tail(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let Some(panic) = lines.iter().find(|line| line.starts_with("panic:")) {
        lines = vec![panic];
    }
    let last = lines.get(lines.len().saturating_sub(2)..).unwrap_or_default().join("; ");
    last.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Returns why a manager cannot be asked for one of these features, if so.
pub(crate) fn cannot(manager: &dyn Manager, features: &[crate::manager::Feature]) -> Option<Shortfall> {
    features
        .iter()
        .find_map(|feature| manager.lacks(*feature))
        .map(|why| Shortfall::CannotBeAsked(why.to_owned()))
}
