//! What `repo.toml` and its drop-ins say.

use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use clap::Subcommand;
use repo_config::{Config, ConfigError, PassphrasePlace};
use repo_store::{RepositoryName, Store};
use rustix::fs::Access;

use crate::access;
use crate::args::Global;
use crate::error::{Failure, Outcome};
use crate::output::{Output, count};
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
}

pub(crate) fn run(arguments: &ConfigArguments, global: &Global, output: &Output) -> Result<Outcome, Failure> {
    match arguments.command {
        ConfigCommand::Check => check(global, output),
    }
}

fn check(global: &Global, output: &Output) -> Result<Outcome, Failure> {
    let root = session::find_root(global)?;
    let config = Config::load(&root).inspect_err(|error| show_line(error, output))?;
    let store = root.join("store/format").exists().then(|| Store::open(&root)).transpose()?;
    let mut problems = Vec::new();
    for repository in config.repositories() {
        problems.extend(of_repository(&config, &repository.name, store.as_ref()));
    }
    problems.extend(of_passphrase(&config));
    for folder in config.drop_folders() {
        problems.extend(of_drop_folder(&folder.path));
    }
    let files: Vec<&Utf8Path> = config.files().collect();
    let repositories: Vec<&str> = config.repositories().map(|repository| repository.name.as_str()).collect();
    output.result(&serde_json::json!({ "files": files, "repositories": repositories }), || {});
    problems.iter().for_each(|problem| output.error(problem));
    if problems.is_empty() {
        let (files, repositories) = (count(files.len(), "file"), repositories.len());
        let repositories = if repositories == 1 {
            "1 repository".to_owned()
        } else {
            format!("{repositories} repositories")
        };
        output.say(&format!("in order: {files}, {repositories}"));
    }
    Ok(Outcome::of(problems.is_empty()))
}

/// Shows the line of the text that an error is about.
fn show_line(error: &ConfigError, output: &Output) {
    let (Some(path), Some(number)) = (error.path(), error.line()) else { return };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let Some(line) = text.lines().nth(number.saturating_sub(1)) else { return };
    output.note(&format!("{number:>5} | {line}"));
}

/// What is wrong with the files that a repository names.
fn of_repository(config: &Config, name: &RepositoryName, store: Option<&Store>) -> Vec<Failure> {
    let mut problems = Vec::new();
    if let Some((path, what)) = access::unusable_users(config, name) {
        problems.push(Failure::UnusableFile { path: config.root().join(path), what });
    }
    problems.extend(config.uploaders(name).err().map(Failure::Config));
    if let Some(store) = store {
        problems.extend(store.check_file_systems(name).err().map(Failure::Store));
    }
    problems
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

/// A drop folder that is not there, or that this user cannot take files out of.
fn of_drop_folder(path: &Utf8Path) -> Option<Failure> {
    match std::fs::metadata(path) {
        Err(error) => return Some(Failure::io("look at", path)(error)),
        Ok(found) if !found.is_dir() => {
            let what = "it is not a directory, so packages cannot be taken out of it".to_owned();
            return Some(Failure::UnusableFile { path: path.to_owned(), what });
        }
        Ok(_) => {}
    }
    let error =
        rustix::fs::access(path.as_std_path(), Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).err()?;
    Some(Failure::io("take files out of", path)(error.into()))
}
