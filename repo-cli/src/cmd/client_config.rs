use deb_parse::{Component, PackageName, SuiteName, Version};
use repo_store::{RepositorySettings, SuiteSettings};

use super::hold::parse_version;
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
    /// Print instead what brings one machine back to this version, which it had upgraded from; may be given several times
    #[arg(long, value_name = "PACKAGE=VERSION", value_parser = parse_version, conflicts_with_all = ["flat", "auth"])]
    pin: Vec<(PackageName, Version)>,
}

pub(crate) fn run(
    arguments: &ClientConfigArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    repository.check_suites(&arguments.suites)?;
    if !arguments.pin.is_empty() {
        return print_pins(&arguments.pin, repository, session, output);
    }
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

/// Prints a preferences file and the commands that bring a machine back to these versions. apt never goes back by itself: only a
/// priority above 1000 makes it (apt_preferences(5)), and only when told that it may.
fn print_pins(
    pins: &[(PackageName, Version)],
    repository: &RepositorySettings,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let head = session.store.head(&repository.name)?;
    let mut unmatched = Vec::new();
    for (package, version) in pins {
        let mut there = false;
        for suite in head.iter().flat_map(|head| head.commit().suites.keys().map(move |suite| (head, suite)))
        {
            let (head, suite) = suite;
            let versions = head.versions(suite, package)?;
            there |= versions
                .iter()
                .any(|record| !record.key().architecture.is_source() && record.key().version == *version);
        }
        if !there {
            unmatched.push(format!("{package}={version}"));
        }
    }
    if !unmatched.is_empty() {
        return Err(Failure::NoMatch(unmatched));
    }
    let stanza = |(package, version): &(PackageName, Version)| {
        format!("Package: {package}\nPin: version {version}\nPin-Priority: 1001\n")
    };
    let preferences = pins.iter().map(stanza).collect::<Vec<_>>().join("\n");
    let versions: Vec<String> =
        pins.iter().map(|(package, version)| format!("{package}={version}")).collect();
    let path = format!("/etc/apt/preferences.d/{}-rollback.pref", repository.name);
    let command = format!("apt-get update && apt-get install --allow-downgrades {}", versions.join(" "));
    let document = serde_json::json!({ "path": path, "preferences": preferences, "command": command });
    output.result(&document, || {
        output.line(&format!("cat > {path} <<'END'\n{preferences}END\n{command}"));
    });
    output.note(&format!("hint: remove {path} when a newer version is to be installed again"));
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
    let key = session.keys().keyring()?.armored_for_sources()?;
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
        return Err(Failure::NotFlat { repository: name.clone() });
    };
    let types = types(session, repository, suite)?;
    let key = session.keys().keyring()?.armored_for_sources()?;
    Ok(format!("Types: {types}\nURIs: {url}/{name}\nSuites: ./\nSigned-By:{key}"))
}

/// The entry for `/etc/apt/auth.conf.d/`. Over plain HTTP apt sends it only when the scheme is named.
pub(crate) fn auth(repository: &RepositorySettings, url: &Url) -> String {
    format!("machine {url}/{}\nlogin USER\npassword PASSWORD\n", repository.name)
}
