use deb_parse::{Component, SuiteName};
use repo_store::{RepositorySettings, SuiteSettings};

use crate::config::{Url, argument, without_repeats};
use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ClientConfigArguments {
    /// The repository
    repository: String,
    /// The suite of the client's release; may be given several times [default: all]
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// The address under which the client reaches the repositories [default: as configured]
    #[arg(long, value_parser = argument::<Url>)]
    url: Option<Url>,
    /// Print the entry for the flat form of the repository, which knows neither suites nor components
    #[arg(long, conflicts_with = "suites")]
    flat: bool,
    /// Print the entry for /etc/apt/auth.conf.d instead, for a client that needs a password
    #[arg(long)]
    auth: bool,
}

pub(crate) fn run(
    arguments: &ClientConfigArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    repository.check_suites(&arguments.suites)?;
    let url = arguments.url.as_ref().or(session.config.url()).cloned();
    let url = url.unwrap_or_else(|| Url::of_server(session.config.listen()));
    let sources = if arguments.flat {
        flat_sources(session, repository, &url)?
    } else {
        sources(session, repository, &arguments.suites, &url)?
    };
    let auth = auth(repository, &url);
    output.result(&serde_json::json!({ "sources": sources, "auth": auth }), || {
        output.line(if arguments.auth { auth.trim_end() } else { sources.trim_end() });
    });
    Ok(Outcome::Done)
}

/// The deb822 entries for `/etc/apt/sources.list.d/`, with the key in them: one, or another for the suites that have no source
/// packages beside those that have.
pub(crate) fn sources(
    session: &Session,
    repository: &RepositorySettings,
    suites: &[SuiteName],
    url: &Url,
) -> Result<String, Failure> {
    let key = session.keys().keyring()?.0.armored_for_sources()?;
    let mut entries: Vec<(&str, Vec<&SuiteSettings>)> = Vec::new();
    for suite in repository.suites.iter().filter(|suite| suites.is_empty() || suites.contains(&suite.name)) {
        let types = types(session, repository, &suite.name)?;
        match entries.iter_mut().find(|(of, _)| *of == types) {
            Some((_, chosen)) => chosen.push(suite),
            None => entries.push((types, vec![suite])),
        }
    }
    let entries = entries.iter().map(|(types, suites)| {
        let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
        let components = suites.iter().flat_map(|suite| &suite.components).map(Component::as_str).collect();
        format!(
            "Types: {types}\nURIs: {url}/{}\nSuites: {}\nComponents: {}\nSigned-By:{key}",
            repository.name,
            names.join(" "),
            without_repeats::<&str>(components).join(" "),
        )
    });
    Ok(entries.map(|entry| format!("{}\n", entry.trim_end())).collect::<Vec<_>>().join("\n"))
}

/// What clients can fetch: apt complains about a suite that does not list what it is told to fetch.
fn types(
    session: &Session,
    repository: &RepositorySettings,
    suite: &SuiteName,
) -> Result<&'static str, Failure> {
    let has_sources = session.store.publishes_sources(&repository.name, std::slice::from_ref(suite))?;
    Ok(if has_sources { "deb deb-src" } else { "deb" })
}

/// The same for the flat form.
fn flat_sources(session: &Session, repository: &RepositorySettings, url: &Url) -> Result<String, Failure> {
    let name = &repository.name;
    let Some(suite) = &repository.flat else {
        let what = format!("{name} is not published flat: set `flat` in [repositories.{name}] of repo.toml");
        return Err(Failure::Other(what));
    };
    let types = types(session, repository, suite)?;
    let key = session.keys().keyring()?.0.armored_for_sources()?;
    Ok(format!("Types: {types}\nURIs: {url}/{name}\nSuites: ./\nSigned-By:{key}"))
}

/// The entry for `/etc/apt/auth.conf.d/`. Over plain HTTP apt sends it only when the scheme is named.
pub(crate) fn auth(repository: &RepositorySettings, url: &Url) -> String {
    format!("machine {url}/{}\nlogin USER\npassword PASSWORD\n", repository.name)
}
