//! Packages out of drop folders, once or from now on.

mod rounds;

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use repo_store::operations::import::AddReport;
use repo_store::operations::incoming::{IncomingOptions, IncomingReport, SkippedFile};
use repo_store::transaction::Committed;
use repo_store::{AddOptions, RepositoryName, RepositorySettings, Store};

use super::add::{self, FrozenRepositoryJson, PlacementArguments};
use super::freeze::{self, FreezeJson};
use crate::args::{ChangeArguments, LimitArguments, RowLimits as _};
use crate::confinement::kept_to;
use crate::error::{Failure, Outcome};
use crate::json_value::Text;
use crate::output::Output;
use crate::package_readers;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct IncomingArguments {
    /// The repository to add to [default: as [[incoming]] in repo.toml says]
    #[arg(requires = "folders")]
    repository: Option<String>,
    /// The drop folders
    #[arg(value_name = "DIR")]
    folders: Vec<Utf8PathBuf>,
    /// Look once and end, instead of waiting for more
    #[arg(long)]
    once: bool,
    /// How long a file that is not a valid package may be unchanged before it is rejected, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// Take also what a removal or a rollback took out
    #[arg(long)]
    despite_hold: bool,
    #[command(flatten)]
    placement: PlacementArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl IncomingArguments {
    /// Returns whether the verb looks once.
    pub(crate) fn ends(&self) -> bool {
        self.once || self.change.dry_run
    }

    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }

    /// Returns the repository that it was given; none when it goes by the configuration.
    pub(crate) fn repository(&self) -> Option<&str> {
        self.repository.as_deref()
    }
}

pub(crate) fn run(
    arguments: &IncomingArguments,
    open: &dyn Fn() -> Result<Session, Failure>,
    output: &Output,
) -> Result<Outcome, Failure> {
    if arguments.ends() {
        let session = open()?;
        return take(&batches(arguments, &session)?, arguments, &session, output);
    }
    if output.is_json() {
        return Err(Failure::Usage("--json needs --once: there is one document for one look"));
    }
    rounds::run(arguments, open, output)
}

/// Folders whose packages go to one repository, with one publication.
struct Batch {
    repository: RepositoryName,
    folders: Vec<Folder>,
}

/// A folder, and what is taken out of it.
struct Folder {
    path: Utf8PathBuf,
    add: AddOptions,
    /// The names of the users whose files are taken; anybody's when empty.
    owners: Vec<String>,
    /// The keyring of those who may upload here, if it has one of its own.
    uploaders: Option<Utf8PathBuf>,
    archive: Option<Utf8PathBuf>,
}

impl Folder {
    /// Returns the owners as the system knows them.
    fn owners(&self) -> Result<Option<BTreeSet<u32>>, Failure> {
        let of_name = |name: &String| user_id(&self.path, name);
        let owners = self.owners.iter().map(of_name).collect::<Result<BTreeSet<u32>, Failure>>()?;
        Ok((!owners.is_empty()).then_some(owners))
    }
}

/// Returns the user that a drop folder names.
pub(super) fn user_id(folder: &Utf8Path, name: &str) -> Result<u32, Failure> {
    let found =
        nix::unistd::User::from_name(name).map_err(|error| Failure::io("look up", name)(error.into()))?;
    let unknown = || Failure::UnknownUser { folder: folder.to_owned(), name: name.to_owned() };
    found.map(|user| user.uid.as_raw()).ok_or_else(unknown)
}

/// Returns what is to be looked at: the folders that were named, or those of `repo.toml`.
fn batches(arguments: &IncomingArguments, session: &Session) -> Result<Vec<Batch>, Failure> {
    let add = arguments.placement.options();
    if let Some(name) = &arguments.repository {
        let repository = session.repository(name)?.name.clone();
        let folder = |path: &Utf8PathBuf| Folder {
            path: path.clone(),
            add: add.clone(),
            owners: Vec::new(),
            uploaders: None,
            archive: None,
        };
        let folders = arguments.folders.iter().map(folder).collect();
        return Ok(vec![Batch { repository, folders }]);
    }
    let mut batches: Vec<Batch> = Vec::new();
    for folder in session.config.drop_folders() {
        let of_folder = AddOptions {
            suites: if add.suites.is_empty() { folder.suites } else { add.suites.clone() },
            component: add.component.clone().or(folder.component),
            names: folder.names,
            ..AddOptions::default()
        };
        let place = Folder {
            path: folder.path,
            add: of_folder,
            owners: folder.owners,
            uploaders: folder.uploaders,
            archive: folder.archive,
        };
        match batches.iter_mut().find(|batch| batch.repository == folder.repository) {
            Some(batch) => batch.folders.push(place),
            None => batches.push(Batch { repository: folder.repository, folders: vec![place] }),
        }
    }
    if batches.is_empty() { Err(Failure::NoDropFolder) } else { Ok(batches) }
}

/// What came out of the folders of a batch.
struct Taken {
    report: AddReport,
    left: Vec<SkippedFile>,
    /// Why a folder could not be emptied.
    problems: Vec<Failure>,
}

/// Looks once at all folders, and publishes each repository that something came into.
fn take(
    batches: &[Batch],
    arguments: &IncomingArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let mut all = Taken { report: empty(), left: Vec::new(), problems: Vec::new() };
    let (mut failed, mut all_frozen) = (None, Vec::new());
    for batch in batches {
        if let Some(frozen) = freeze::of(session.repository(batch.repository.as_str())?, session)? {
            // The files wait for its end. Where a program looks again and again, `status` tells of them.
            if arguments.once {
                output.say(&format!(
                    "nothing is taken into {}, for it is {}",
                    batch.repository,
                    freeze::words(&frozen)
                ));
            }
            let (repository, freeze) = (Text(&batch.repository), FreezeJson::new(&frozen));
            all_frozen.push(FrozenRepositoryJson { repository, freeze });
            continue;
        }
        let repository = &session.repository_to_add_to(batch.repository.as_str(), arguments.change)?;
        let taken = look(batch, repository, arguments, session)?;
        taken.problems.iter().for_each(|problem| output.error(problem));
        // What comes out of the others is published all the same.
        let published = show(&taken, repository, arguments, session, output);
        failed = failed.or(published.err());
        all.problems.extend(taken.problems);
        all.left.extend(taken.left);
        all.report.added.extend(taken.report.added);
        all.report.refused.extend(taken.report.refused);
        all.report.committed.commit = taken.report.committed.commit.or(all.report.committed.commit);
    }
    if output.is_json() && (batches.len() > 1 || !all_frozen.is_empty()) {
        // Failures were reported with each.
        add::give_incoming(&all.report, &all.left, all_frozen, arguments.change.dry_run, output);
    }
    match failed {
        Some(failure) => Err(failure),
        None => Ok(Outcome::of(all.problems.is_empty() && all.report.refused.is_empty())),
    }
}

fn empty() -> AddReport {
    AddReport { added: Vec::new(), refused: Vec::new(), committed: Committed { commit: None } }
}

/// Empties the folders of a batch.
fn look(
    batch: &Batch,
    repository: &RepositorySettings,
    arguments: &IncomingArguments,
    session: &Session,
) -> Result<Taken, Failure> {
    let mut taken = Taken { report: empty(), left: Vec::new(), problems: Vec::new() };
    for folder in &batch.folders {
        match look_into(folder, repository, arguments, session) {
            Ok(found) => {
                taken.left.extend(found.left);
                // The files stay where they are, and what is good is published all the same.
                if let Some(error) = found.not_moved {
                    taken.problems.push(error.into());
                }
                taken.report.added.extend(found.report.added);
                taken.report.refused.extend(found.report.refused);
                taken.report.committed.commit =
                    found.report.committed.commit.or(taken.report.committed.commit);
            }
            Err(failure) if failure.is_cancellation() => return Err(failure),
            // What came out of the other folders is published all the same.
            Err(failure) => taken.problems.push(failure),
        }
    }
    Ok(taken)
}

fn look_into(
    folder: &Folder,
    repository: &RepositorySettings,
    arguments: &IncomingArguments,
    session: &Session,
) -> Result<IncomingReport, Failure> {
    let options = IncomingOptions {
        patience: Duration::from_secs(arguments.patience),
        despite_hold: arguments.despite_hold,
        owners: folder.owners()?,
        archive: folder.archive.clone(),
        dry_run: arguments.change.dry_run,
        add: folder.add.clone(),
    };
    let mut repository = repository.clone();
    if let Some(keyring) = &folder.uploaders {
        repository.uploaders = Some(session.config.uploaders_in(keyring)?);
    }
    // A package that takes over the process that reads it meets those of its own folder there, and no others.
    let store = package_readers::confine(Store::open(&session.root)?, session.config.limits());
    let (data, context) = (session.root.join("store"), session.context());
    let places: Vec<&Utf8Path> =
        [data.as_path(), &folder.path].into_iter().chain(folder.archive.as_deref()).collect();
    Ok(kept_to(&places, || store.take_incoming(&repository, &folder.path, &options, &context))??)
}

/// Says what was taken, refused and left, and publishes it.
fn show(
    taken: &Taken,
    repository: &RepositorySettings,
    arguments: &IncomingArguments,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let limit = arguments.rows.limit(output);
    // A timer looks again and again; a person wants to see everything.
    let everything = arguments.change.dry_run || arguments.once && std::io::stdout().is_terminal();
    let told = taken.left.iter().filter(|left| everything || !left.is_known);
    let told: Vec<String> = told.map(line_of_left).collect();
    told.iter().take(limit.of(told.len())).for_each(|line| output.say(line));
    if let Some(rest) = limit.rest(told.len(), "left file") {
        output.say(&rest);
    }
    add::warn_of_unknown_releases(&taken.report, repository, limit, session, output);
    add::print_incoming(&taken.report, &taken.left, arguments.change.dry_run, limit, output);
    add::finish(&taken.report, repository, arguments.change, session, output)
}

fn line_of_left(left: &SkippedFile) -> String {
    format!("left {}: it {}", one_line(&left.file), left.why)
}

/// A path as one line.
fn one_line(path: &Utf8Path) -> String {
    path.as_str().replace('\n', "\\n")
}
