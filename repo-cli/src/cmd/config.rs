//! What `repo.toml` and its drop-ins say.

use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use clap::Subcommand;
use repo_config::{Config, PassphrasePlace};
use repo_serve::UserFile;
use repo_store::{RepositoryName, Store};
use rustix::fs::Access;

use crate::access;
use crate::args::Global;
use crate::error::{Failure, Outcome, Report};
use crate::output::{Output, RowLimit, count};
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
    let named = of_passphrase(&config).into_iter();
    let folders = config.drop_folders();
    let named = named.chain(folders.iter().filter_map(|folder| of_drop_folder(&folder.path)));
    problems.extend(named.map(|failure| failure.report()));
    let files: Vec<&Utf8Path> = config.files().collect();
    let repositories: Vec<&str> = config.repositories().map(|repository| repository.name.as_str()).collect();
    let document = serde_json::json!({ "files": files, "repositories": repositories, "mistakes": problems });
    output.result(&document, || {});
    let is_right = problems.is_empty();
    if is_right {
        let (files, repositories) = (count(files.len(), "file"), repositories.len());
        let repositories = if repositories == 1 {
            "1 repository".to_owned()
        } else {
            format!("{repositories} repositories")
        };
        output.say(&format!("in order: {files}, {repositories}"));
    } else {
        let found = count(problems.len(), "mistake");
        output.report_each(RowLimit::NONE, problems, "mistake");
        output.say(&format!("found {found}"));
    }
    Ok(Outcome::of(is_right))
}

/// What is wrong with the files that a repository names.
fn of_repository(config: &Config, name: &RepositoryName, store: Option<&Store>) -> Vec<Report> {
    let mut problems = Vec::new();
    if let Some(path) = config.users_file(name).map(|path| config.root().join(path)) {
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
