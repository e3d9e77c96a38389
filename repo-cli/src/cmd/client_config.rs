//! What a machine needs to install from a repository.

pub(crate) mod paste;
pub(crate) mod pins;
mod script;
pub(crate) mod setup;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deb_parse::checksum::Sha256;
use deb_parse::{PackageName, SuiteName, Version};
use repo_config::Url;
use repo_store::RepositorySettings;
use repo_store::model::{ProfileName, TagName};

use crate::json_value::JsonDocument;
pub(crate) use script::quoted;
use serde::Serialize;
use setup::Block;
pub(crate) use setup::Setup;

use super::hold::parse_version;
use crate::args::argument;
use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ClientConfigArguments {
    /// The repository
    repository: String,
    /// A suite for the client; may be given several times [default: the one of the client's release]
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// The address under which the client reaches all repositories [default: as configured]
    #[arg(long, value_parser = argument::<Url>)]
    url: Option<Url>,
    /// Set up the flat form of the repository, which knows neither suites nor components
    #[arg(long, conflicts_with = "suites")]
    flat: bool,
    /// Print only the source entry, with the key in it, for machines with apt 2.4 or later whose key never changes
    #[arg(long, conflicts_with = "auth")]
    inline: bool,
    /// Print only the source entry in one-line style, for a tool that takes no other: the key is in the file that it names
    #[arg(long, conflicts_with_all = ["inline", "auth", "script", "remove", "pin"])]
    one_line: bool,
    /// Set the machine up to stay on a tagged state: it does not see what is published later, new keys among it
    #[arg(long, value_name = "TAG", value_parser = TagName::parse, conflicts_with_all = ["flat", "auth", "pin"])]
    snapshot: Option<TagName>,
    /// Print one line that fetches the script, checks it by its hash and runs it, for a machine that has nothing but apt
    #[arg(long, conflicts_with_all = ["inline", "auth"])]
    script: bool,
    /// Have the script install the metapackage of this profile as well
    #[arg(long, value_name = "NAME", value_parser = ProfileName::parse, conflicts_with_all = ["inline", "one_line", "auth", "remove", "pin", "snapshot", "flat"])]
    profile: Option<ProfileName>,
    /// Print instead what takes the repository off a machine again
    #[arg(long, conflicts_with_all = ["inline", "auth", "pin"])]
    remove: bool,
    /// Print only the entry for /etc/apt/auth.conf.d, for a client that needs a password
    #[arg(long)]
    auth: bool,
    /// Print instead what brings one machine back to this version, which it had upgraded from; may be given several times. With --suite,
    /// the version must be in that suite
    #[arg(long, value_name = "PACKAGE=VERSION", value_parser = parse_version, conflicts_with_all = ["flat", "auth", "inline", "script"])]
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
        return pins::print(&arguments.pin, repository, &arguments.suites, session, output);
    }
    let url = address(session, repository, arguments.url.as_ref(), output);
    let setup = if arguments.flat {
        Setup::of_flat(session, repository, url)?
    } else {
        Setup::of_suites(session, repository, &arguments.suites, url)?
    };
    let setup = match &arguments.snapshot {
        Some(tag) => setup.at(tag, session, repository)?,
        None => setup,
    };
    let setup = match &arguments.profile {
        Some(profile) => {
            setup.with_profile(&super::profile::find(session, profile)?.name, session, repository)?
        }
        None => setup,
    };
    let mut document = setup.json()?;
    if arguments.remove {
        document.script = setup.removal();
    }
    if arguments.script {
        document.line = Some(paste::line(session, arguments.url.as_ref(), &document.script, None)?);
    }
    output.result(&document, || {
        let text = if arguments.auth {
            document.auth.clone()
        } else if arguments.inline {
            document.inline_entries()
        } else if arguments.one_line {
            document.clients.iter().map(|client| client.one_line.as_str()).collect()
        } else if let Some(line) = &document.line {
            line.clone()
        } else {
            document.script.clone()
        };
        output.line(text.trim_end());
    });
    let is_script = !arguments.auth && !arguments.inline && !arguments.remove && !arguments.one_line;
    if is_script && setup.has_keyring_package {
        let package = &setup.keyring_package;
        output.note(&format!(
            "hint: then run apt-get install {package} on the machine, so that it follows changes of the keys by itself"
        ));
    }
    if arguments.one_line {
        let (name, path) = (&repository.name, &setup.keyring_path);
        output.note(&format!("hint: the key for {path}: repo-cli key export --binary --repository {name}"));
    }
    if arguments.inline {
        output.note(
            "warning: with a key in an entry, apt before 2.4 (Debian 11, Ubuntu 20.04) refuses every source of the machine, \
             and the key can only be replaced by hand",
        );
    }
    Ok(Outcome::Done)
}

/// Returns the address under which clients reach a repository, and warns when it is that of this machine only.
pub(super) fn address(
    session: &Session,
    repository: &RepositorySettings,
    base: Option<&Url>,
    output: &Output,
) -> Url {
    let url = match base {
        Some(url) => url.of_repository(&repository.name),
        None => session.config.url_of(repository),
    };
    if base.is_none() && session.config.configured_url(&repository.name).is_none() {
        output.warn(
            "W-NO-URL",
            format!(
                "{url} is where `serve` listens: for other machines set `url` in repo.toml, or give --url"
            ),
        );
    }
    url
}

/// The document of `client-config`: everything that a client needs, in parts.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ClientConfigJson {
    /// The address of the repository
    url: String,
    /// A script that sets up the machine. With several suites, the release of the machine decides
    script: String,
    /// A command line that fetches and runs the script; absent without `--script`
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    /// The keys
    keyring: KeyringFileJson,
    /// The path of the file for the login, on a client that needs a password
    auth_path: String,
    /// The content of that file
    auth: String,
    /// Whether a client needs a password
    needs_password: bool,
    /// The path of the file for the source entry
    sources_path: String,
    /// What goes there, for each kind of machine
    clients: Vec<ClientJson>,
}

impl JsonDocument for ClientConfigJson {}

/// The file with the keys.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct KeyringFileJson {
    /// The path of the file
    path: String,
    /// The content of the file in base64
    base64: String,
    /// The SHA-256 digest of the content in hexadecimal digits
    sha256: String,
    /// The same keys, armored
    armored: String,
    /// The fingerprints of the keys
    fingerprints: Vec<String>,
}

/// For one machine.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ClientJson {
    /// The suites of the machine; empty for the flat form
    suites: Vec<String>,
    /// The architectures of the machine
    architectures: Vec<String>,
    /// The source entry that names the file of the key
    sources: String,
    /// The source entry with the key in it
    inline: String,
    /// The source entry in one-line style, which names the file of the key
    one_line: String,
    /// A script that sets up the machine
    script: String,
}

impl Setup {
    fn json(&self) -> Result<ClientConfigJson, Failure> {
        let client = |block: &Block| {
            Ok(ClientJson {
                suites: block.suites.iter().map(ToString::to_string).collect(),
                architectures: block.architectures.iter().map(ToString::to_string).collect(),
                sources: self.entry(block),
                inline: self.inline_entry(block)?,
                one_line: self.one_line_entry(block),
                script: self.script(std::slice::from_ref(block))?,
            })
        };
        let key = self.keyring.binary()?;
        Ok(ClientConfigJson {
            url: self.source_url().to_string(),
            script: self.whole_script()?,
            line: None,
            keyring: KeyringFileJson {
                path: self.keyring_path.clone(),
                sha256: Sha256::of(&key).to_string(),
                base64: STANDARD.encode(&key),
                armored: self.keyring.armored()?,
                fingerprints: self.keyring.fingerprints().iter().map(ToString::to_string).collect(),
            },
            auth_path: self.auth_path(),
            auth: self.auth_entry("USER", "PASSWORD"),
            needs_password: self.needs_password,
            sources_path: self.sources_path(),
            clients: self.blocks.iter().map(client).collect::<Result<_, Failure>>()?,
        })
    }
}

impl ClientConfigJson {
    /// The entries with the key in them; where there are several, each says which machine it is for.
    fn inline_entries(&self) -> String {
        let entry = |client: &ClientJson| match self.clients.as_slice() {
            [_] => client.inline.clone(),
            _ => {
                let suite = client.suites.join(" ");
                format!("# {} for the suite {suite} alone\n{}", self.sources_path, client.inline)
            }
        };
        self.clients.iter().map(entry).collect::<Vec<_>>().join("\n")
    }
}
