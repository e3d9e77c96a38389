use camino::{Utf8Path, Utf8PathBuf};
use repo_config::Config;
use repo_config::keys::KeyDirectory;
use repo_store::Store;
use repo_store::maintenance::backup::{BackupReport, NamedFile, NamedFileKind, OutsideFile, PlannedCopy};
use repo_store::maintenance::upkeep::{UpkeepKind, UpkeepRun};
use repo_store::storage::Obstacle;
use serde::Serialize;

use crate::args::{Global, LimitArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Column, Output, bytes, count};
use crate::session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BackupArguments {
    /// Where to; what is there already from an earlier backup is not copied again
    #[arg(value_name = "DIR", required_unless_present = "list")]
    directory: Option<Utf8PathBuf>,
    /// Print the files instead, those first that others refer to: by their paths from the root, and those outside it by their own
    #[arg(long, conflicts_with = "directory")]
    list: bool,
    /// Show what would be copied and write nothing
    #[arg(long, conflicts_with = "list")]
    dry_run: bool,
    #[command(flatten)]
    rows: LimitArguments,
}

impl BackupArguments {
    /// Returns whether the verb writes a backup.
    pub(crate) fn writes(&self) -> bool {
        !self.list && !self.dry_run
    }
}

pub(crate) fn run(arguments: &BackupArguments, global: &Global, output: &Output) -> Result<Outcome, Failure> {
    let root = session::find_store_root(global)?;
    // A mistake in the configuration, such as a list that is gone, keeps nothing from being saved.
    let (named, mistake) = match Config::load(&root) {
        _ if !root.join("repo.toml").exists() => (Vec::new(), None),
        Ok(config) => (config.named_files(), None),
        Err(mistake) => (Config::files_named_in(&root).unwrap_or_default(), Some(Failure::from(mistake))),
    };
    let store = Store::open(&root)?;
    let context = session::context(session::actor(global), output);
    let spoiled = Config::damaged_files(&root, arguments.directory.as_deref(), context.now.into());
    let Some(directory) = &arguments.directory else {
        let files = store.backup_files(&named)?;
        let named_only: Vec<_> =
            named.into_iter().filter(|file| file.kind == NamedFileKind::NamedOnly).collect();
        let mut damaged = store.lost_references()?;
        damaged.extend(spoiled.into_iter().map(|file| file.path));
        let document = BackupListJson {
            damaged: &damaged,
            files: &files,
            not_saved: named_only.iter().map(NotSavedJson::new).collect(),
        };
        output.result(&document, || files.iter().for_each(|file| output.line(file.as_str())));
        note_named_only(&named_only, output);
        note_damaged(&besides(mistake.as_ref(), &damaged), &root, output);
        return mistake.map_or(Ok(Outcome::of(damaged.is_empty())), Err);
    };
    let named: Vec<NamedFile> = named.into_iter().chain(spoiled).collect();
    if arguments.dry_run {
        let plan = store.plan_backup(directory, &named)?;
        let json = BackupPlanJson {
            bytes: plan.bytes(),
            copied: plan.copies().len(),
            copies: plan.copies().iter().map(CopyJson::new).collect(),
            damaged: plan.damaged(),
            dry_run: true,
            kept: plan.kept(),
        };
        output.result(&json, || print_copies(plan.copies(), arguments.rows, output));
        let (files, size) = (count(plan.copies().len(), "file"), bytes(plan.bytes()));
        output.say(&format!("would copy {files} ({size}) to {directory}{}", already_there(plan.kept())));
        note_damaged(&besides(mistake.as_ref(), plan.damaged()), &root, output);
        let are_gone = warn_of_keys(&store, &root, output);
        return mistake.map_or(Ok(Outcome::of(plan.damaged().is_empty() && !are_gone)), Err);
    }
    let report = store.backup_with(directory, &named, &context)?;
    let unsaved = u64::try_from(report.damaged.len() + report.unsaved.len()).unwrap_or(u64::MAX);
    let place = directory.canonicalize_utf8().unwrap_or_else(|_| directory.clone());
    let run = UpkeepRun::now(&context, unsaved).to(&place);
    session::note_upkeep(&store, UpkeepKind::Backup, &run, output);
    let are_gone = warn_of_keys(&store, &root, output);
    let json = BackupJson {
        bytes: report.bytes,
        copied: report.copied,
        damaged: &report.damaged,
        kept: report.kept,
        not_saved: report.named_only.iter().map(NotSavedJson::new).collect(),
        outside: report.outside.iter().map(OutsideJson::new).collect(),
    };
    output.result(&json, || {});
    say_what_was_saved(&report, directory, &besides(mistake.as_ref(), &report.damaged), &root, output);
    // One that a file that could not be saved explains was told with that.
    let mistake = mistake.filter(|_| report.unsaved.is_empty());
    if let Some(mistake) = &mistake {
        output.error(mistake);
    }
    let is_whole = report.damaged.is_empty() && report.unsaved.is_empty() && !are_gone;
    Ok(Outcome::of(is_whole && mistake.is_none()))
}

/// Warns of a backup that has no keys. Returns whether those that signed what clients see are gone.
fn warn_of_keys(store: &Store, root: &Utf8Path, output: &Output) -> bool {
    let has_external = Config::load(root).is_ok_and(|config| !config.external_signers().is_empty());
    let keys = KeyDirectory::new(root);
    // A store without a configuration is signed by whatever program uses the library.
    let are_gone =
        (keys.are_gone() || are_others(store, &keys)) && !has_external && root.join("repo.toml").exists();
    if are_gone {
        let what = "the keys that signed what clients see are gone from keys/, so nothing of them was saved now: put them back from an \
                    earlier backup";
        output.warn("W-NO-KEYS", what);
    } else if keys.is_empty() && !has_external {
        let what = "the store has no keys, so the backup has none: clients refuse what other keys sign";
        output.warn("W-NO-KEYS", what);
    }
    are_gone
}

/// Returns whether there is a repository that clients read, and none of the keys that signed what they see is among these.
fn are_others(store: &Store, keys: &KeyDirectory) -> bool {
    let repositories = store.repositories().unwrap_or_default();
    // What cannot be read is named elsewhere.
    let shown = repositories.iter().filter_map(|name| store.current_publication(name).ok().flatten());
    shown.filter(|shown| !shown.keys.is_empty()).any(|shown| !keys.has_any_of(&shown.keys))
}

/// Prints what was copied, and names the files that were not.
fn say_what_was_saved(
    report: &BackupReport,
    directory: &Utf8Path,
    damaged: &[Utf8PathBuf],
    root: &Utf8Path,
    output: &Output,
) {
    let number = |files: u64| count(usize::try_from(files).unwrap_or(usize::MAX), "file");
    let kept = already_there(report.kept);
    let size = bytes(report.bytes);
    output.say(&format!("copied {} ({size}) to {directory}{kept}", number(report.copied)));
    for OutsideFile { path, saved_as } in &report.outside {
        output.say(&format!("saved {path}, which is outside the root, as {saved_as}"));
    }
    note_named_only(&report.named_only, output);
    note_damaged(damaged, root, output);
    for unsaved in &report.unsaved {
        let NamedFile { setting, path, .. } = unsaved.file.clone();
        output.error(&Failure::NotSaved { path, setting, source: unsaved.error.clone() });
    }
}

/// Says how many files the backup already has.
fn already_there(kept: u64) -> String {
    match kept {
        0 => String::new(),
        1 => "; 1 file was already there".to_owned(),
        kept => format!("; {kept} files were already there"),
    }
}

/// The damaged files besides those of the configuration when its mistake is told: that names the file, and the line in it.
fn besides(mistake: Option<&Failure>, damaged: &[Utf8PathBuf]) -> Vec<Utf8PathBuf> {
    let is_told =
        |path: &Utf8PathBuf| mistake.is_some() && (path == "repo.toml" || path.starts_with("repo.d"));
    damaged.iter().filter(|path| !is_told(path)).cloned().collect()
}

/// Names the files of the store that a backup lacks because they are lost or damaged.
fn note_damaged(damaged: &[Utf8PathBuf], root: &Utf8Path, output: &Output) {
    for path in damaged {
        let source = Obstacle::in_place_of_file(&root.join(path));
        let report = Failure::NotBackedUp { path: path.clone(), source }.report();
        output.note(&format!("error: {}", report.message));
        output.record(report);
    }
    if !damaged.is_empty() {
        output.note("hint: `repo-cli fsck` says what that affects");
    }
}

/// Prints the files that would be copied.
pub(super) fn print_copies(copies: &[PlannedCopy], limit: LimitArguments, output: &Output) {
    let row = |copy: &PlannedCopy| [copy.path.to_string(), copy.size.to_string()];
    let rows: Vec<[String; 2]> = copies.iter().map(row).collect();
    if !rows.is_empty() {
        output.table(&[Column::text("FILE"), Column::whole("BYTES")], &rows, limit.limit(output));
    }
}

fn note_named_only(named_only: &[NamedFile], output: &Output) {
    for NamedFile { setting, path, .. } in named_only {
        output.note(&format!("not saved: {path}, which `{setting}` names; keep a copy elsewhere"));
    }
}

/// The document of `backup --list`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BackupListJson<'a> {
    /// The files that are lost or damaged
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    damaged: &'a [Utf8PathBuf],
    /// The files that a backup has, below the root of the store
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    files: &'a [Utf8PathBuf],
    /// The files that the configuration names and that no backup has
    not_saved: Vec<NotSavedJson<'a>>,
}

impl JsonDocument for BackupListJson<'_> {}

/// The document of `backup --dry-run`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BackupPlanJson<'a> {
    /// How many bytes would be copied
    bytes: u64,
    /// How many files would be copied
    copied: usize,
    /// The files that would be copied
    copies: Vec<CopyJson<'a>>,
    /// The files that are lost or damaged
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    damaged: &'a [Utf8PathBuf],
    /// Whether nothing was changed: true
    dry_run: bool,
    /// How many files the backup has already
    kept: u64,
}

impl JsonDocument for BackupPlanJson<'_> {}

/// The document of `backup`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BackupJson<'a> {
    /// How many bytes were copied
    bytes: u64,
    /// How many files were copied
    copied: u64,
    /// The files that are lost or damaged
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    damaged: &'a [Utf8PathBuf],
    /// How many files the backup had already
    kept: u64,
    /// The files that the configuration names and that no backup has
    not_saved: Vec<NotSavedJson<'a>>,
    /// The files from outside the root that the backup has
    outside: Vec<OutsideJson<'a>>,
}

impl JsonDocument for BackupJson<'_> {}

/// A file that would be copied.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CopyJson<'a> {
    /// The path in the backup or in the restored store
    path: &'a str,
    /// The size in bytes
    size: u64,
}

impl<'a> CopyJson<'a> {
    pub(super) fn new(copy: &'a PlannedCopy) -> Self {
        Self { path: copy.path.as_str(), size: copy.size }
    }
}

/// A file that the configuration names and that no backup has.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NotSavedJson<'a> {
    /// The path, as the configuration has it
    path: &'a str,
    /// The setting that names the file
    setting: &'a str,
}

impl<'a> NotSavedJson<'a> {
    fn new(file: &'a NamedFile) -> Self {
        Self { path: file.path.as_str(), setting: &file.setting }
    }
}

/// A file from outside the root.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct OutsideJson<'a> {
    /// The absolute path at which it belongs
    path: &'a str,
    /// The path in the backup or in the restored store
    saved_as: &'a str,
}

impl<'a> OutsideJson<'a> {
    pub(super) fn new(file: &'a OutsideFile) -> Self {
        Self { path: file.path.as_str(), saved_as: file.saved_as.as_str() }
    }
}
