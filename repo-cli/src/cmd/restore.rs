pub(crate) mod drill;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use deb_parse::Limits;
use repo_config::Config;
use repo_config::keys::KeyDirectory;
use repo_store::Store;
use repo_store::maintenance::backup::{NamedFile, OutsideFile, RestoreReport};
use repo_store::maintenance::fsck::{FsckOptions, Problem, RepairReport, SignedSuite};
use serde::Serialize;

use super::backup::{CopyJson, OutsideJson, print_copies};
use super::fsck::{self, problems::ProblemJson};
use crate::args::{Global, LimitArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::key_check::CheckedKeys;
use crate::output::{Output, bytes, count};
use crate::package_readers;
use crate::session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RestoreArguments {
    /// The backup, or any copy of the files that `backup --list` names
    #[arg(value_name = "BACKUP")]
    backup: Utf8PathBuf,
    /// Where to make the store: a new or empty directory; with --drill a directory with room for it [default: that for temporary files]
    #[arg(value_name = "DIR", required_unless_present = "drill")]
    directory: Option<Utf8PathBuf>,
    /// Restore to a temporary place, check it, compare it with the store, and remove it again
    #[arg(long, conflicts_with = "dry_run")]
    drill: bool,
    /// Show what would be copied and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    rows: LimitArguments,
}

impl RestoreArguments {
    /// Returns where a store is made.
    pub(crate) fn new_store(&self) -> Option<&Utf8PathBuf> {
        self.directory.as_ref().filter(|_| !self.drill && !self.dry_run)
    }
}

pub(crate) fn run(
    arguments: &RestoreArguments,
    global: &Global,
    output: &Output,
) -> Result<Outcome, Failure> {
    let Some(directory) = arguments.directory.as_deref().filter(|_| !arguments.drill) else {
        return drill::run(&arguments.backup, arguments.directory.as_deref(), global, output);
    };
    if arguments.dry_run {
        let plan = Store::plan_restore(&arguments.backup, directory)?;
        let json = RestorePlanJson {
            bytes: plan.bytes(),
            copied: plan.copies().len(),
            copies: plan.copies().iter().map(CopyJson::new).collect(),
            dry_run: true,
            publications: plan.publications(),
        };
        output.result(&json, || print_copies(plan.copies(), arguments.rows, output));
        output.say(&format!(
            "would restore {} ({}) and {} to {}",
            count(plan.copies().len(), "file"),
            bytes(plan.bytes()),
            count(number(plan.publications()), "publication"),
            directory
        ));
        return Ok(Outcome::Done);
    }
    let restored = restore(&arguments.backup, directory, global, output)?;
    output.result(&restored.document(), || {});
    Ok(Outcome::of(restored.is_whole))
}

/// What came of restoring a store, and of checking it.
struct Restored {
    store: Store,
    report: RestoreReport,
    /// The files from outside the root, where they belong now.
    outside: Vec<OutsideFile>,
    problems: Vec<Problem>,
    /// Whether everything came back and is sound.
    is_whole: bool,
}

impl Restored {
    fn document(&self) -> RestoredJson<'_> {
        RestoredJson {
            bytes: self.report.bytes,
            clean: self.problems.is_empty(),
            copied: self.report.copied,
            damaged: &self.report.damaged,
            outside: self.outside.iter().map(OutsideJson::new).collect(),
            problems: self.problems.iter().map(ProblemJson::new).collect(),
            publications: self.report.publications,
        }
    }
}

/// The document of `restore`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RestoredJson<'a> {
    /// How many bytes were copied
    bytes: u64,
    /// Whether the restored store has no problems
    clean: bool,
    /// How many files were copied
    copied: u64,
    /// The files that the backup has lost or that are damaged in it
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    damaged: &'a [Utf8PathBuf],
    /// The files from outside the root
    outside: Vec<OutsideJson<'a>>,
    /// The problems of the restored store
    problems: Vec<ProblemJson<'a>>,
    /// How many publications were made again
    publications: u64,
}

impl JsonDocument for RestoredJson<'_> {}

/// The document of `restore --dry-run`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RestorePlanJson<'a> {
    /// How many bytes would be copied
    bytes: u64,
    /// How many files would be copied
    copied: usize,
    /// The files that would be copied
    copies: Vec<CopyJson<'a>>,
    /// Whether nothing was changed: true
    dry_run: bool,
    /// How many publications would be made again
    publications: u64,
}

impl JsonDocument for RestorePlanJson<'_> {}

fn number(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Restores a store, checks it, and tells what is wrong.
fn restore(
    backup: &Utf8Path,
    directory: &Utf8Path,
    global: &Global,
    output: &Output,
) -> Result<Restored, Failure> {
    let context = session::context(session::actor(global), output);
    let (store, report) = Store::restore(backup, directory, &context)?;
    let store = package_readers::confine(store, Limits::default());
    output.say(&format!(
        "restored {} ({}) and {} to {directory}",
        count(number(report.copied), "file"),
        bytes(report.bytes),
        count(number(report.publications), "publication"),
    ));
    // The store is restored whatever is wrong in its configuration.
    let named = Config::files_named_in(directory).unwrap_or_default();
    let outside: Vec<OutsideFile> =
        report.outside.iter().map(|file| belonging(file, &named, directory)).collect();
    for OutsideFile { path, saved_as } in &outside {
        output.say(&format!("restored {}; it belongs at {path}", directory.join(saved_as)));
    }
    // What the configuration names in the root and the backup does not have: no verb could read the configuration.
    let inside = named.iter().map(|file| &file.path).filter(|path| {
        path.is_relative() && path.components().all(|step| matches!(step, Utf8Component::Normal(_)))
    });
    let settings = Utf8PathBuf::from("repo.toml");
    let inside = inside.chain([&settings]);
    let settings_are_there = directory.join(&settings).exists();
    let is_lacking =
        |path: &&Utf8PathBuf| !report.damaged.contains(path) && !directory.join(path.as_path()).exists();
    let lacking: Vec<&Utf8PathBuf> = inside.filter(is_lacking).collect();
    for path in report.damaged.iter().chain(lacking.iter().copied()) {
        output.error(&Failure::NotRestored { path: path.clone() });
    }
    let config = Config::load(directory);
    let keys = match &config {
        Ok(config) => session::key_directory(directory, config),
        Err(_) => KeyDirectory::new(directory),
    };
    let keys = CheckedKeys::new(keys, output);
    let check = |suite: SignedSuite<'_>| keys.verify(suite);
    let look = || keys.look();
    let options = FsckOptions { signatures: Some(&check), keys: Some(&look), ..FsckOptions::default() };
    let found = store.fsck(&options, &context)?;
    let is_clean = found.is_clean();
    let problems = found.problems.clone();
    let limit = LimitArguments::default().limit(output).with_way("repo-cli fsck --limit 0");
    fsck::print(&RepairReport { remaining: found, ..RepairReport::default() }, false, &keys, limit, output);
    // Every verb would end with it. Files that are to be put back in their places first are named above.
    let mistake = config.err().filter(|_| settings_are_there && outside.is_empty());
    let spoiled = Config::damaged_files(directory, None, context.now.into());
    let spoiled: Vec<_> = spoiled.into_iter().filter(|file| !lacking.contains(&&file.path)).collect();
    for file in &spoiled {
        output.error(&Failure::NotRestored { path: file.path.clone() });
    }
    let is_usable = mistake.is_none() && spoiled.is_empty();
    if let Some(mistake) = mistake {
        output.error(&Failure::from(mistake));
    }
    let is_whole = report.damaged.is_empty() && lacking.is_empty() && is_clean && is_usable;
    Ok(Restored { store, report, outside, problems, is_whole })
}

/// Says where a file belongs now: one that the configuration names by a path from the root, such as `../suites`, moves with the root.
fn belonging(file: &OutsideFile, named: &[NamedFile], root: &Utf8Path) -> OutsideFile {
    let is_relative = |named: &&NamedFile| {
        let steps = named.path.components().skip_while(|step| !matches!(step, Utf8Component::Normal(_)));
        // One that does not lead out of the root is none of these.
        let leaves = named.path.components().any(|step| step == Utf8Component::ParentDir);
        leaves && named.path.is_relative() && file.path.ends_with(steps.collect::<Utf8PathBuf>())
    };
    let Some(named) = named.iter().find(is_relative) else { return file.clone() };
    let Ok(mut path) = root.canonicalize_utf8() else { return file.clone() };
    for step in named.path.components() {
        match step {
            Utf8Component::ParentDir => drop(path.pop()),
            Utf8Component::Normal(name) => path.push(name),
            Utf8Component::Prefix(_) | Utf8Component::RootDir | Utf8Component::CurDir => {}
        }
    }
    OutsideFile { path, saved_as: file.saved_as.clone() }
}
