//! Moving in: taking over what another program published, so that clients see no difference.

mod directory;
pub(crate) mod failure;
mod fetching;
mod fields;
mod new_store;
mod notices;
mod plan;
pub(crate) mod print;
mod reprepro;
mod tree;
pub(crate) mod verify;

use std::collections::BTreeSet;

use apt_fetch::{Address, Archive, Client, ClientOptions, Logins, Source, Suite, Trust};
use apt_sign::Keyring;
use camino::{Utf8Path, Utf8PathBuf};
use clap::Subcommand;
use deb_parse::{Architecture, Component, SuiteName};
use repo_config::keys::KeyDirectory;
use repo_store::model::record::Build;
use repo_store::operations::import::{AddError, AddReport, ArchiveOptions, ArchivePackage};
use repo_store::{RepositoryName, RepositorySettings};

use self::failure::ImportFailure;
use self::fetching::{FileChoices, Spool};
use self::plan::{Finding, ImportPlan};
use self::print::ImportJson;
use self::tree::TreeRequest;
use self::verify::VerifyArguments;
use super::init::{NewStoreKey, StorePlan};
use super::key::KeyFile;
use crate::args::{ChangeArguments, Global, LimitArguments, OverrideArguments, RowLimits as _, argument};
use crate::clock;
use crate::confinement::kept_to;
use crate::error::{Failure, Outcome, Report};
use crate::fetch::{USER_AGENT, authorities, proxies};
use crate::output::{Output, RowLimit};
use crate::package_count::PackageCount;
use crate::published_archive::{address, has_release, read_keyrings, suites};
use crate::session::{self, Session};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ImportArguments {
    #[command(subcommand)]
    command: ImportCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum ImportCommand {
    /// Import what was published elsewhere: a repository with its suites, a flat one, or a directory of packages
    ///
    /// `import` makes the store where none exists, so that the key, Origin, Label, Suite and Codename are those that clients know before anything
    /// is published. Everything comes in by one commit, or nothing does. Only what a signed Release vouches for is taken.
    Tree(Box<TreeArguments>),
    /// Import what reprepro published, and list what of its configuration has no counterpart
    ///
    /// The suites are those of conf/distributions, and they are read where clients find them, as by `import tree`. What was never published, the log file and
    /// older versions in the pool are not imported.
    Reprepro(Box<RepreproArguments>),
    /// Compare what clients saw of an imported archive with what they see of the repository (exit status 3 when something differs)
    ///
    /// Every package of every suite and component counts, with its version, its architecture and its SHA-256. A difference is also what was added or
    /// removed since the import.
    Verify(Box<VerifyArguments>),
}

#[derive(Clone, Debug, clap::Args)]
struct TreeArguments {
    /// The root of the archive: the URL of a web server, or a directory
    #[arg(value_name = "URL|DIR")]
    place: String,
    #[command(flatten)]
    how: MoveInArguments,
}

#[derive(Clone, Debug, clap::Args)]
struct RepreproArguments {
    /// The directory conf of reprepro
    #[arg(value_name = "CONFDIR")]
    conf: Utf8PathBuf,
    #[command(flatten)]
    how: MoveInArguments,
}

/// How an archive moves in, whatever published it.
#[derive(Clone, Debug, clap::Args)]
struct MoveInArguments {
    #[command(flatten)]
    source: SourceArguments,
    /// The repository that the packages go to
    #[arg(long, value_name = "NAME", value_parser = argument::<RepositoryName>)]
    repository: RepositoryName,
    /// Leave out packages whose files are not there, and list them
    #[arg(long)]
    allow_missing: bool,
    /// Share files of a directory with the old archive by hard links instead of copying them; nothing may write to them any more. They are made
    /// read-only. A file of another user, of another file system, or that others may write to is copied
    #[arg(long)]
    link: bool,
    /// The secret key that signed it, so that clients need no other: what `gpg --export-secret-keys` writes
    #[arg(long, value_name = "FILE")]
    key: Option<Utf8PathBuf>,
    /// The file whose first line is the passphrase of the key
    #[arg(long, value_name = "FILE", requires = "key")]
    passphrase_file: Option<Utf8PathBuf>,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

/// The archive that is read, and the part of it.
#[derive(Clone, Debug, clap::Args)]
struct SourceArguments {
    /// Only this suite, or a flat directory such as ./; may be given several times [default: all of a directory; a web server lists none, so
    /// there it is needed unless the archive is flat]
    #[arg(long = "suite", value_name = "SUITE")]
    suites: Vec<String>,
    /// The suite that a flat archive or a directory of packages becomes [default: its Codename or Suite]
    #[arg(long = "as", value_name = "NAME", value_parser = SuiteName::parse)]
    target: Option<SuiteName>,
    /// Only this component; may be given several times
    #[arg(long = "component", value_name = "NAME", value_parser = Component::parse)]
    components: Vec<Component>,
    /// Only this architecture, besides `all` and source packages; may be given several times
    #[arg(long = "architecture", value_name = "NAME", value_parser = argument::<Architecture>)]
    architectures: Vec<Architecture>,
    /// The public keys that sign it, armored or binary; may be given several times
    #[arg(long = "keyring", value_name = "FILE", conflicts_with = "allow_unsigned")]
    keyrings: Vec<Utf8PathBuf>,
    /// Take it whether it is signed or not
    #[arg(long)]
    allow_unsigned: bool,
    /// Take it even if its Release has expired
    #[arg(long)]
    allow_expired: bool,
    /// Users and passwords for web servers, as in apt_auth.conf(5)
    #[arg(long = "auth", value_name = "FILE")]
    logins: Option<Utf8PathBuf>,
}

impl ImportArguments {
    /// Returns the repository that it changes; `None` when it changes none.
    pub(crate) fn repository(&self) -> Option<&str> {
        match &self.command {
            ImportCommand::Tree(arguments) => Some(arguments.how.repository.as_str()),
            ImportCommand::Reprepro(arguments) => Some(arguments.how.repository.as_str()),
            ImportCommand::Verify(_) => None,
        }
    }

    /// Returns whether the verb writes to a store.
    pub(crate) fn writes(&self) -> bool {
        match &self.command {
            ImportCommand::Tree(arguments) => !arguments.how.change.dry_run,
            ImportCommand::Reprepro(arguments) => !arguments.how.change.dry_run,
            ImportCommand::Verify(_) => false,
        }
    }
}

pub(crate) fn run(
    arguments: &ImportArguments,
    global: &Global,
    session: &dyn Fn() -> Result<Session, Failure>,
    output: &Output,
) -> Result<Outcome, Failure> {
    match &arguments.command {
        ImportCommand::Tree(arguments) => {
            move_in((&arguments.place, Vec::new()), &arguments.how, global, session, output)
        }
        ImportCommand::Reprepro(arguments) => {
            let found = reprepro::read(&arguments.conf)?;
            let mut how = arguments.how.clone();
            if how.source.suites.is_empty() {
                how.source.suites = found.suites;
            }
            if how.source.suites.is_empty() {
                return Err(ImportFailure::NothingPublished { place: found.tree.to_string() }.into());
            }
            move_in((found.tree.as_str(), found.findings), &how, global, session, output)
        }
        ImportCommand::Verify(arguments) => verify::run(arguments, &session()?, output),
    }
}

impl SourceArguments {
    fn client(&self, address: &Address) -> Result<Client, Failure> {
        let logins = match &self.logins {
            None => Logins::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(Failure::io("read", path))?;
                Logins::parse(&text).map_err(|error| Failure::UnusableFile {
                    path: path.clone(),
                    what: crate::error::chain(&error),
                })?
            }
        };
        Ok(Client::new(ClientOptions {
            user_agent: USER_AGENT.to_owned(),
            authorities: if address.url.scheme().is_local() { Vec::new() } else { authorities() },
            logins,
            proxies: proxies()?,
            ..ClientOptions::default()
        }))
    }

    /// Reads the keys that vouch for the archive; `None` when it is taken unsigned.
    fn keyring(&self, key: Option<&Utf8PathBuf>) -> Result<Option<Keyring>, Failure> {
        if self.allow_unsigned {
            return Ok(None);
        }
        let own: Vec<Utf8PathBuf> = key.into_iter().cloned().collect();
        let files = if self.keyrings.is_empty() { &own } else { &self.keyrings };
        match read_keyrings(files)? {
            Some(keyring) => Ok(Some(keyring)),
            None => {
                Err(Failure::Usage("name the keys that sign it with --keyring, or give --allow-unsigned"))
            }
        }
    }

    /// Reads the archive into a plan.
    fn read(
        &self,
        (address, client): (&Address, &Client),
        key: Option<&Utf8PathBuf>,
        output: &Output,
    ) -> Result<ImportPlan, Failure> {
        let directory = Utf8Path::new(address.url.path());
        let is_bare = address.url.scheme().is_local()
            && self.suites.is_empty()
            && !directory.join("dists").is_dir()
            && !has_release(directory);
        if is_bare {
            // Who names keys wants them to vouch for what comes: the signed lists may have been taken away.
            if key.is_some() || !self.keyrings.is_empty() {
                return Err(Failure::Usage(
                    "this directory has no Release that keys could vouch for; without --keyring and --key its packages are taken as they are",
                ));
            }
            return directory::read(directory, self.target.as_ref(), output);
        }
        let keyring = self.keyring(key)?;
        Ok(tree::read(&TreeRequest {
            address,
            client,
            suites: &suites(&self.suites, address, client)?,
            trust: keyring.as_ref().map_or(Trust::Anything, Trust::Keys),
            now: clock::now(),
            allow_expired: self.allow_expired,
            target: self.target.as_ref(),
            components: &self.components,
            architectures: &self.architectures,
        }))
    }
}

impl MoveInArguments {
    fn key(&self) -> Option<KeyFile> {
        self.key.as_ref().map(|key| KeyFile::new(key.clone(), self.passphrase_file.clone()))
    }
}

/// Imports the archive at an address. `findings` are those of its configuration.
fn move_in(
    (archive_place, findings): (&str, Vec<Finding>),
    arguments: &MoveInArguments,
    global: &Global,
    session: &dyn Fn() -> Result<Session, Failure>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (root, is_new) = place(global)?;
    let address = address(archive_place)?;
    let client = arguments.source.client(&address)?;
    let mut plan = arguments.source.read((&address, &client), arguments.key.as_ref(), output)?;
    let archive = Archive::new(&client, Source::new(address.clone(), Suite::Flat("./".to_owned())));
    if address.url.scheme().is_local() {
        fetching::look(&mut plan, &archive, arguments.allow_missing);
    } else if arguments.change.dry_run {
        let what = "the files of a web server are looked at when they are fetched, and not before";
        plan.findings.push(Finding::new("unread", what));
    }
    plan.findings.extend(tree::moved_files(&plan.packages));
    plan.findings.extend(findings);
    let limit = arguments.rows.limit(output);
    let target = if is_new {
        Target::New(plan_store(arguments, &root, &mut plan)?.map(Box::new))
    } else {
        let session = session()?;
        look_at_repository(arguments, &session, &mut plan)?;
        Target::Existing(Box::new(session))
    };
    let document = |plan: &ImportPlan, commit| {
        let is = (arguments.change.dry_run, is_new);
        output.result(&ImportJson::new(plan, &arguments.repository, is, commit), || {});
    };
    print::print(&plan, limit, output);
    if refuse(&mut plan, limit, output) {
        output.note("nothing was imported");
        document(&plan, None);
        return Ok(Outcome::Refused);
    }
    if arguments.change.dry_run {
        document(&plan, None);
        if let Target::New(Some(store)) = &target {
            store.say(output);
        }
        let packages = PackageCount::of(plan.packages.iter().map(|package| &package.key));
        output.note("gates and freezes are asked, and files are read, when it is carried out");
        output.say(&format!("would import {packages} to {}", arguments.repository));
        return Ok(Outcome::Done);
    }
    let session = target.open(arguments, session, output)?;
    let Some(report) = carry_out(arguments, &session, &mut plan, &archive, limit, output)? else {
        document(&plan, None);
        return Ok(Outcome::Refused);
    };
    let commit = report.committed.commit;
    let repository = session.repository(arguments.repository.as_str())?;
    match fields::changed_fields(&plan, &session.store, repository) {
        Ok(None) => {}
        Ok(Some(found)) => {
            output.note(&format!("note: {}", found.line()));
            plan.findings.push(found);
        }
        // The change is made by now.
        Err(failure) => output.warn("W-IMPORT", format!("fields were not compared: {failure}")),
    }
    document(&plan, commit);
    let packages = PackageCount::of(report.added.iter().map(|added| &added.key));
    let done = match commit {
        Some(_) => format!("imported {packages} to {}", repository.name),
        None => format!("nothing to import: {} already has what was published", repository.name),
    };
    session.finish_change(&done, (repository, commit), arguments.change, output)?;
    Ok(Outcome::Done)
}

/// Where the packages go.
enum Target<'a> {
    /// To a store that is to be made; `None` when nothing can be made of what was read.
    New(Option<Box<StorePlan<'a>>>),
    /// To one that is there.
    Existing(Box<Session>),
}

impl Target<'_> {
    /// Makes the store, if need be, and takes the key.
    fn open(
        self,
        arguments: &MoveInArguments,
        session: &dyn Fn() -> Result<Session, Failure>,
        output: &Output,
    ) -> Result<Session, Failure> {
        match self {
            Self::New(store) => {
                store.map_or(Ok(()), |store| store.make(output))?;
                session()
            }
            Self::Existing(session) => {
                if let Some(key) = arguments.key() {
                    key.take(session.keys(), session.context().now, false)?;
                }
                Ok(*session)
            }
        }
    }
}

/// Returns the directory of the store, and whether there is none yet.
fn place(global: &Global) -> Result<(Utf8PathBuf, bool), Failure> {
    match session::find_root(global) {
        Ok(root) => Ok((root, false)),
        Err(Failure::NoRoot { .. }) => {
            Ok((global.root.clone().map_or_else(session::current_directory, Ok)?, true))
        }
        Err(failure) => Err(failure),
    }
}

/// Plans the store that is made, and finds what clients would notice of it.
fn plan_store<'a>(
    arguments: &MoveInArguments,
    root: &'a Utf8Path,
    plan: &mut ImportPlan,
) -> Result<Option<StorePlan<'a>>, Failure> {
    if plan.suites.is_empty() {
        return Ok(None);
    }
    let (template, findings) = new_store::template(plan, &arguments.repository);
    plan.findings.extend(findings);
    let (key, fingerprints) = match arguments.key() {
        Some(file) => {
            let keys = KeyDirectory::new(root);
            let (fingerprint, _) = file.take(&keys, clock::now(), true)?;
            (NewStoreKey::Import(file), vec![fingerprint.to_string()])
        }
        None => (NewStoreKey::generate(&template.origin)?, Vec::new()),
    };
    let store = StorePlan::of_template(root, template, key, false)?;
    for repository in store.config.repositories() {
        let found = notices::notices(plan, repository, &fingerprints);
        plan.findings.extend(found);
    }
    Ok(Some(store))
}

/// Finds what a repository that is there lacks, and what clients would notice of it.
fn look_at_repository(
    arguments: &MoveInArguments,
    session: &Session,
    plan: &mut ImportPlan,
) -> Result<(), Failure> {
    let repository = session.repository(arguments.repository.as_str())?;
    let mut keys = session.signing_fingerprints(&repository.name)?;
    if let Some(key) = arguments.key() {
        keys.push(key.take(session.keys(), session.context().now, true)?.0.to_string());
    }
    let found = notices::notices(plan, repository, &keys);
    plan.findings.extend(found);
    let lacking = lacking(plan, repository);
    plan.refusals.extend(lacking);
    Ok(())
}

/// Returns what a repository lacks of what is to go there.
fn lacking(plan: &ImportPlan, repository: &RepositorySettings) -> Vec<ImportFailure> {
    let mut found = Vec::new();
    for suite in &plan.suites {
        let lacks = |what: String| ImportFailure::Lacks { suite: suite.name.clone(), what };
        let Some(settings) = repository.suite(&suite.name) else {
            found.push(lacks(format!("such suite in {}", repository.name)));
            continue;
        };
        let here = plan.packages.iter().filter(|package| package.suites.contains(&suite.name));
        let (mut components, mut architectures) = (Vec::new(), Vec::new());
        for package in here {
            if !settings.components.contains(&package.component) && !components.contains(&package.component) {
                components.push(package.component.clone());
            }
            if let Build::For(architecture) = &package.key.architecture
                && !architecture.is_all()
                && !settings.architectures.contains(architecture)
                && !architectures.contains(architecture)
            {
                architectures.push(architecture.clone());
            }
        }
        found.extend(components.iter().map(|component| lacks(format!("component {component}"))));
        found.extend(architectures.iter().map(|name| lacks(format!("architecture {name}"))));
    }
    found
}

/// Reports what keeps all from being imported; returns whether anything does.
fn refuse(plan: &mut ImportPlan, limit: RowLimit, output: &Output) -> bool {
    let refusals = std::mem::take(&mut plan.refusals).into_iter();
    let reports: Vec<Report> = refusals.map(|refusal| Failure::from(refusal).report()).collect();
    let number = reports.len();
    output.report_each(limit, reports, "reason");
    number > 0
}

/// Brings the files, and imports the packages in one commit. Returns nothing when something was refused, which was said then.
fn carry_out(
    arguments: &MoveInArguments,
    session: &Session,
    plan: &mut ImportPlan,
    archive: &Archive<'_>,
    limit: RowLimit,
    output: &Output,
) -> Result<Option<AddReport>, Failure> {
    let store = &session.store;
    let spool = Spool::of(&session.root, &arguments.repository)?;
    // Whether the store has what has no SHA-256 yet is not known.
    let digests = plan.packages.iter().enumerate();
    let (places, packages): (Vec<usize>, Vec<ArchivePackage>) = digests
        .filter_map(|(place, package)| {
            let sha256 = package.file.expected.sha256()?;
            Some((place, package.at(Utf8PathBuf::from(package.file.path.as_str()), sha256, false)))
        })
        .unzip();
    let known = places.into_iter().zip(store.has_packages(&packages)?);
    let known: BTreeSet<usize> = known.filter(|(_, is_known)| *is_known).map(|(place, _)| place).collect();
    let choices = FileChoices { allow_missing: arguments.allow_missing, link: arguments.link };
    let packages = spool.fetch(plan, archive, &known, choices)?;
    if refuse(plan, limit, output) {
        output.note("nothing was imported; what arrived is kept, and the same command goes on from there");
        return Ok(None);
    }
    let repository = session.repository(arguments.repository.as_str())?;
    let options =
        ArchiveOptions { origin: plan.origin.clone(), gate_override: arguments.gates.gate_override() };
    let context = session.context();
    let import = || store.import_archive(repository, &packages, &options, &context);
    // A link leads from one directory to another: both must be writable for it.
    let old = archive.source().address.url.clone();
    let mut directories = vec![session.root.join("store")];
    directories
        .extend(arguments.link.then(|| Utf8PathBuf::from(old.path())).filter(|_| old.scheme().is_local()));
    directories.push(spool.directory().to_owned());
    let directories: Vec<&Utf8Path> = directories.iter().map(Utf8PathBuf::as_path).collect();
    let report = kept_to(&directories, import)?.or_else(AddError::into_report)?;
    if !report.refused.is_empty() {
        let refused = report.refused.iter().map(|refused| Report::of_refused(&refused.file, &refused.error));
        output.report_each(limit, refused.collect(), "refused file");
        // What was refused is fetched again.
        report.refused.iter().for_each(|refused| spool.forget(&refused.file));
        output.note("nothing was imported; what arrived otherwise is kept");
        return Ok(None);
    }
    if let Err(failure) = spool.remove() {
        // The change is made by now.
        output.warn("W-IMPORT", failure.to_string());
    }
    Ok(Some(report))
}
