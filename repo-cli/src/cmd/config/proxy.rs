//! The configuration of a web server that stands in front, and its files of users and tokens: `config proxy`.

use camino::Utf8PathBuf;
use repo_config::Config;
use repo_store::{RepositoryName, Store};
use serde::Serialize;

use crate::args::Global;
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::front::{Front, FrontError, FrontServer, credentials};
use crate::json_value::JsonDocument;
use crate::output::{Output, count};
use crate::session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ProxyArguments {
    /// The server. HAProxy passes everything on to `serve`; the others serve the files themselves
    server: FrontServer,
    /// A repository that it is for; may be given several times [default: all]
    #[arg(long = "repository", value_name = "NAME")]
    repositories: Vec<String>,
    /// The directory in which the server finds users and tokens [default: repo-cli in its own directory below /etc]
    #[arg(long, value_name = "DIRECTORY")]
    credentials: Option<Utf8PathBuf>,
    /// Write the files of users and tokens instead, as they are now
    #[arg(long)]
    write_credentials: bool,
}

pub(super) fn run(arguments: &ProxyArguments, global: &Global, output: &Output) -> Result<Outcome, Failure> {
    let server = arguments.server;
    let root = session::find_root(global)?;
    let config = Config::load(&root)?;
    let absolute = |path: &Utf8PathBuf| camino::absolute_utf8(path).map_err(Failure::io("find", path));
    let known = arguments.repositories.iter().map(|name| Ok(config.repository(name)?.name.clone()));
    let chosen: Vec<RepositoryName> = known.collect::<Result<_, Failure>>()?;
    let directory = arguments.credentials.clone().unwrap_or_else(|| server.credentials().into());
    let directory = absolute(&directory)?;
    let front = Front::of(&config, &absolute(&root)?, (server, &directory), &chosen)?;
    if arguments.write_credentials {
        return write(&front, server, &config, output);
    }
    let text = server.configuration(&front);
    let document = ProxyJson { configuration: &text, server: server.word() };
    output.result(&document, || output.line(text.trim_end()));
    Ok(Outcome::Done)
}

/// The document of `config proxy`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ProxyJson<'a> {
    /// The configuration of the server
    configuration: &'a str,
    /// The server, as it was given
    server: &'static str,
}

impl JsonDocument for ProxyJson<'_> {}

/// The document of `config proxy --write-credentials`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CredentialsJson<'a> {
    /// The files that were written
    changed: &'a [&'a str],
    /// All files of users and tokens
    files: &'a [&'a str],
}

impl JsonDocument for CredentialsJson<'_> {}

/// Brings the files of users and tokens up to date. All are known to be right before the first is written.
fn write(front: &Front, server: FrontServer, config: &Config, output: &Output) -> Result<Outcome, Failure> {
    if !server.serves_files() {
        return Err(FrontError::NeedsNoCredentials.into());
    }
    let store = Store::open(config.root())?;
    let files = credentials::files(front, server, config, &store, clock::now())?;
    let mut changed = Vec::new();
    for file in &files {
        if file.write()? {
            changed.push(file.path.as_str());
        }
    }
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    output.result(&CredentialsJson { changed: &changed, files: &paths }, || {});
    output.say(&format!("wrote {}, {} of them new or changed", count(files.len(), "file"), changed.len()));
    if server == FrontServer::Caddy && !changed.is_empty() {
        output.say("reload Caddy, so that they count");
    }
    Ok(Outcome::Done)
}
