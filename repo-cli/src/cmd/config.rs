//! What `repo.toml` and its drop-ins say.

pub(crate) mod proxy;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use clap::Subcommand;
use deb_parse::SuiteName;
use repo_config::edit::Edit;
use repo_config::hook::{Hook, HookTarget};
use repo_config::keys::PassphrasePlace;
use repo_config::{Config, DropFolder, ShownSetting};
use repo_hooks::DeliveryError;
use repo_serve::UserFile;
use repo_serve::tls::Certificate;
use repo_store::{RepositoryName, Store, SuiteSettings};
use rustix::fs::Access;
use serde::Serialize;

use super::configured::{self, EditArguments};
use super::incoming::user_id;
use crate::access;
use crate::args::Global;
use crate::error::{Failure, Outcome, Report};
use crate::hooks;
use crate::json_value::{ForeignJson, JsonDocument};
use crate::output::{Column, Output, RowLimit, count, suite_list};
use crate::session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum ConfigCommand {
    /// Check repo.toml, its drop-ins, and the files and folders that they name
    Check,
    /// Print the settings that count, and where each value comes from
    Show(ShowArguments),
    /// Print the JSON Schema of repo.toml, for editors
    Schema,
    /// Print the configuration of a web server that stands in front
    Proxy(proxy::ProxyArguments),
    /// Set one setting, in the file that has it
    Set(SetArguments),
    /// Take one setting out, so that its default counts
    Unset(UnsetArguments),
}

#[derive(Clone, Debug, clap::Args)]
struct ShowArguments {
    /// A repository, a suite, a table or a setting [default: everything]
    name: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
struct SetArguments {
    /// The setting: its keys with dots between them, as `config show` prints them
    key: String,
    /// The value: TOML, or a text or a list with commas without quotation marks; for several settings of a table at once an inline
    /// table, such as '{ to = "/backup", when = "hourly" }' for schedule.backup
    #[arg(allow_hyphen_values = true)]
    value: String,
    /// Also when a repository loses a suite that has packages
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    edit: EditArguments,
}

#[derive(Clone, Debug, clap::Args)]
struct UnsetArguments {
    /// The setting: its keys with dots between them, as `config show` prints them
    key: String,
    /// Also when a repository loses a suite that has packages
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    edit: EditArguments,
}

impl ConfigArguments {
    /// Returns whether the verb writes to the configuration.
    pub(crate) fn writes(&self) -> bool {
        match &self.command {
            ConfigCommand::Set(arguments) => !arguments.edit.is_dry_run(),
            ConfigCommand::Unset(arguments) => !arguments.edit.is_dry_run(),
            ConfigCommand::Check
            | ConfigCommand::Show(_)
            | ConfigCommand::Schema
            | ConfigCommand::Proxy(_) => false,
        }
    }
}

pub(crate) fn run(arguments: &ConfigArguments, global: &Global, output: &Output) -> Result<Outcome, Failure> {
    match &arguments.command {
        ConfigCommand::Check => check(global, output),
        ConfigCommand::Show(arguments) => show(arguments.name.as_deref(), global, output),
        ConfigCommand::Set(SetArguments { key, value, yes, edit: arguments }) => {
            let root = session::find_root(global)?;
            let mut edit = Edit::new(&root)?;
            edit.set(key, value)?;
            configured::check_taken_suites(&edit, &root, (*yes, *arguments), output)?;
            configured::carry_out(&edit, &format!("set {key}"), *arguments, &root, output)
        }
        ConfigCommand::Unset(UnsetArguments { key, yes, edit: arguments }) => {
            let root = session::find_root(global)?;
            let mut edit = Edit::new(&root)?;
            edit.unset(key)?;
            configured::check_taken_suites(&edit, &root, (*yes, *arguments), output)?;
            configured::carry_out(&edit, &format!("unset {key}"), *arguments, &root, output)
        }
        ConfigCommand::Proxy(arguments) => proxy::run(arguments, global, output),
        ConfigCommand::Schema => {
            let schema = repo_config::schema();
            // The same in both: it is JSON.
            output.result(&ForeignJson(&schema), || output.line(&format!("{schema:#}")));
            Ok(Outcome::Done)
        }
    }
}

/// The document of `config check`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckedConfigurationJson<'a> {
    /// The files that were read
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    files: &'a [&'a Utf8Path],
    /// The mistakes
    mistakes: &'a [Report],
    /// The repositories
    repositories: &'a [&'a str],
}

impl JsonDocument for CheckedConfigurationJson<'_> {
    const IS_SORTED: bool = true;
}

/// The document of `config show`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SettingsJson<'a> {
    /// The settings
    settings: Vec<SettingJson<'a>>,
}

impl JsonDocument for SettingsJson<'_> {}

/// A setting.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SettingJson<'a> {
    /// Whether it is set nowhere, so that the default counts
    default: bool,
    /// Where it is set: several places for a list that several files add to
    places: Vec<PlaceJson<'a>>,
    /// The keys that lead to it, with dots between them; tables of a list have their number, from 1
    setting: &'a str,
    /// The value, of whatever type the setting has; null when nothing is set
    value: Option<serde_json::Value>,
}

/// A place in the configuration.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PlaceJson<'a> {
    /// The file
    file: &'a str,
    /// The line, from 1; null when it is not known
    line: Option<usize>,
}

fn check(global: &Global, output: &Output) -> Result<Outcome, Failure> {
    let root = session::find_root(global)?;
    let (config, mistakes) = Config::examine(&root)?;
    let mut problems: Vec<Report> =
        mistakes.into_iter().map(|mistake| Failure::Config(mistake).report()).collect();
    let store = match root.join("store/format").exists().then(|| Store::open(&root)).transpose() {
        Ok(store) => store,
        Err(error) => {
            problems.push(Failure::Store(error).report());
            None
        }
    };
    for repository in config.repositories() {
        problems.extend(of_repository(&config, &repository.name, store.as_ref()));
    }
    let named = of_passphrase(&config).into_iter().chain(of_certificate(&config));
    let folders = config.drop_folders();
    let named = named.chain(folders.iter().flat_map(|folder| of_drop_folder(folder, &config)));
    let hooks = config.hooks();
    let named = named.chain(hooks.iter().filter_map(|hook| of_hook(hook, &config)));
    problems.extend(named.map(|failure| failure.report()));
    let files: Vec<&Utf8Path> = config.files().collect();
    let repositories: Vec<&str> = config.repositories().map(|repository| repository.name.as_str()).collect();
    output.result(
        &CheckedConfigurationJson { files: &files, mistakes: &problems, repositories: &repositories },
        || {},
    );
    note_gates_without_base(&config, output);
    let is_right = problems.is_empty();
    if is_right {
        let (files, repositories) = (count(files.len(), "file"), repositories.len());
        let repositories = if repositories == 1 {
            "1 repository".to_owned()
        } else {
            format!("{repositories} repositories")
        };
        output.say(&format!("no mistakes in {files} ({repositories})"));
    } else {
        let found = count(problems.len(), "mistake");
        output.report_each(RowLimit::NONE, problems, "mistake");
        output.say(&format!("found {found}"));
    }
    Ok(Outcome::of(is_right))
}

fn show(name: Option<&str>, global: &Global, output: &Output) -> Result<Outcome, Failure> {
    let root = session::find_root(global)?;
    let config = Config::load(&root)?;
    let all = config.shown();
    let chosen: Vec<&ShownSetting> = all.iter().filter(|shown| is_named(shown, name)).collect();
    if let Some(name) = name.filter(|_| chosen.is_empty()) {
        let mut known: Vec<String> = all.iter().flat_map(|shown| names_of(&shown.key)).collect();
        known.sort_unstable();
        known.dedup();
        return Err(Failure::UnknownSetting { name: name.to_owned(), known });
    }
    let relative = |path: &Utf8Path| path.strip_prefix(&root).unwrap_or(path).to_string();
    let settings: Vec<_> = chosen
        .iter()
        .map(|shown| {
            let places = shown.places.iter();
            let places = places.map(|(path, line)| PlaceJson { file: path.as_str(), line: *line });
            SettingJson {
                default: shown.places.is_empty(),
                places: places.collect(),
                setting: &shown.key,
                value: shown.value.as_ref().and_then(|value| serde_json::to_value(value).ok()),
            }
        })
        .collect();
    output.result(&SettingsJson { settings }, || {
        let rows: Vec<[String; 3]> = chosen
            .iter()
            .map(|shown| {
                let value = shown.value.as_ref().map(ToString::to_string);
                let value = value.or_else(|| shown.words.map(|words| format!("({words})")));
                let places = shown.places.iter().map(|(path, line)| {
                    line.map_or_else(|| relative(path), |line| format!("{}:{line}", relative(path)))
                });
                let places = places.collect::<Vec<_>>().join(", ");
                let from = if places.is_empty() { "default".to_owned() } else { places };
                [shown.key.clone(), value.unwrap_or_else(|| "(not set)".to_owned()), from]
            })
            .collect();
        let head = [Column::whole("SETTING"), Column::text("VALUE"), Column::words("FROM")];
        output.table(&head, &rows, RowLimit::NONE);
    });
    Ok(Outcome::Done)
}

/// Whether a setting belongs to what was asked for: itself, a table, or what a repository or a suite has of its own.
fn is_named(shown: &ShownSetting, name: Option<&str>) -> bool {
    name.is_none_or(|name| names_of(&shown.key).iter().any(|known| known == name))
}

/// The names under which a setting is shown.
fn names_of(key: &str) -> Vec<String> {
    let ends = key.match_indices('.').map(|(end, _)| end).chain([key.len()]);
    let mut names: Vec<String> = ends.filter_map(|end| key.get(..end)).map(str::to_owned).collect();
    let of_table = ["repositories.", "suite."].iter().find_map(|table| key.strip_prefix(table));
    let own = of_table.and_then(|rest| match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split('.').next(),
    });
    names.extend(own.map(str::to_owned));
    names
}

/// Warns of suites whose packages a gate judges by nothing but themselves.
fn note_gates_without_base(config: &Config, output: &Output) {
    for repository in config.repositories() {
        let Some(gate) = repository.gates.iter().find(|gate| gate.installable) else { continue };
        let is_bare = |suite: &&SuiteSettings| !repository.bases.iter().any(|base| base.suite == suite.name);
        let bare: Vec<SuiteName> =
            repository.suites.iter().filter(is_bare).map(|suite| suite.name.clone()).collect();
        if !bare.is_empty() {
            output.warn(
                "W-NO-BASE",
                format!(
                    "gate {} asks whether packages of {} can be installed, and no [[base]] is for {}: what comes from elsewhere counts as missing",
                    gate.number,
                    repository.name,
                    suite_list(&bare)
                ),
            );
        }
    }
}

/// What is wrong with the files that a repository names.
fn of_repository(config: &Config, name: &RepositoryName, store: Option<&Store>) -> Vec<Report> {
    let mut problems = Vec::new();
    for path in config.users_files(name).iter().map(|path| config.root().join(path)) {
        for (line, what) in UserFile::mistakes(&path) {
            let what = format!("{what}; {}", access::effect_of_unusable_users(name));
            // The line is not shown: it has the hash of a password.
            let report = Failure::UnusableUsers { path: path.clone(), what }.report();
            problems.push(Report { line: line.and_then(|line| line.try_into().ok()), ..report });
        }
    }
    problems.extend(config.uploaders(name).err().map(|error| Failure::Config(error).report()));
    let refused = store.and_then(|store| store.check_file_systems(name).err());
    problems.extend(refused.map(|error| Failure::Store(error).report()));
    problems
}

/// A certificate for TLS that the server could not use.
fn of_certificate(config: &Config) -> Option<Failure> {
    let (certificate, key) = config.tls()?;
    let root = config.root();
    Certificate::load(&root.join(certificate), &root.join(key)).err().map(Failure::Certificate)
}

/// A file with a passphrase that is not there, or that others may read.
fn of_passphrase(config: &Config) -> Option<Failure> {
    // Credentials are there only for the service.
    let Some(PassphrasePlace::File(path)) = config.passphrase_place() else { return None };
    match std::fs::metadata(&path) {
        Err(error) => Some(Failure::io("look at", &path)(error)),
        Ok(found) if found.mode() & 0o077 != 0 => {
            let what =
                format!("it has a passphrase, and its mode {:04o} lets others read it", found.mode() & 0o777);
            Some(Failure::UnusableFile { path, what })
        }
        Ok(_) => None,
    }
}

/// Why a hook could never work on this system.
fn of_hook(hook: &Hook, config: &Config) -> Option<Failure> {
    let failed = |source| Failure::Hook { hook: hook.name.clone(), source };
    match &hook.target {
        HookTarget::Web { url, secret_file, allow_private, .. } => {
            let secret = secret_file.as_ref().and_then(|path| hooks::secret_of(hook, path).err());
            // Other names may lead elsewhere another day.
            let address = match url.host() {
                "localhost" => Some(IpAddr::from(Ipv4Addr::LOCALHOST)),
                host => host.parse().ok(),
            };
            let private = address.filter(|address| !*allow_private && !repo_hooks::is_public(*address));
            secret.or_else(|| private.map(|address| failed(DeliveryError::PrivateAddress { address })))
        }
        HookTarget::Command(command) => {
            let program = Utf8Path::new(command.first()?);
            let is_path = program.as_str().contains('/');
            let place = config.root().join(program);
            let error = rustix::fs::access(place.as_std_path(), Access::EXEC_OK).err().filter(|_| is_path)?;
            Some(failed(DeliveryError::NotStarted { program: program.to_string(), source: error.into() }))
        }
        HookTarget::Mail(_) => {
            let (program, source) = ("sendmail".to_owned(), ErrorKind::NotFound.into());
            hooks::sendmail().is_none().then(|| failed(DeliveryError::NotStarted { program, source }))
        }
        _ => None,
    }
}

/// What is wrong with a drop folder, its archive, its owners and its keyring.
fn of_drop_folder(folder: &DropFolder, config: &Config) -> Vec<Failure> {
    let directories = [Some(&folder.path), folder.archive.as_ref()].into_iter().flatten();
    let mut problems: Vec<Failure> = directories.filter_map(|path| of_directory(path)).collect();
    problems.extend(folder.owners.iter().filter_map(|name| user_id(&folder.path, name).err()));
    let keyring = folder.uploaders.as_ref();
    problems.extend(keyring.and_then(|path| config.uploaders_in(path).err()).map(Failure::Config));
    problems
}

/// A directory that is not there, or that this user cannot take files out of or put files into.
fn of_directory(path: &Utf8Path) -> Option<Failure> {
    match std::fs::metadata(path) {
        Err(error) => return Some(Failure::io("look at", path)(error)),
        Ok(found) if !found.is_dir() => {
            let what = "it is not a directory of packages".to_owned();
            return Some(Failure::UnusableFile { path: path.to_owned(), what });
        }
        Ok(_) => {}
    }
    let error =
        rustix::fs::access(path.as_std_path(), Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).err()?;
    Some(Failure::io("take files out of", path)(error.into()))
}
