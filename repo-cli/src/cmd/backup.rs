use camino::{Utf8Path, Utf8PathBuf};
use repo_config::{Config, KeyDirectory};
use repo_store::{
    BackupReport, NamedFile, NamedFileKind, Obstacle, OutsideFile, PlannedCopy, Store, UpkeepKind, UpkeepRun,
};
use serde_json::{Value, json};

use crate::args::{Global, LimitArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
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
        let document = json!({ "files": files, "damaged": damaged, "not_saved": named_json(&named_only) });
        output.result(&document, || files.iter().for_each(|file| output.line(file.as_str())));
        note_named_only(&named_only, output);
        note_damaged(&besides(mistake.as_ref(), &damaged), &root, output);
        return mistake.map_or(Ok(Outcome::of(damaged.is_empty())), Err);
    };
    let named: Vec<NamedFile> = named.into_iter().chain(spoiled).collect();
    if arguments.dry_run {
        let plan = store.plan_backup(directory, &named)?;
        let json = json!({
            "copied": plan.copies().len(),
            "bytes": plan.bytes(),
            "kept": plan.kept(),
            "damaged": plan.damaged(),
            "copies": plan.copies(),
            "dry_run": true,
        });
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
    let json = json!({
        "copied": report.copied,
        "bytes": report.bytes,
        "kept": report.kept,
        "damaged": report.damaged,
        "outside": report.outside.iter().map(outside_json).collect::<Vec<_>>(),
        "not_saved": named_json(&report.named_only),
    });
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

fn named_json(files: &[NamedFile]) -> Vec<Value> {
    files.iter().map(|file| json!({ "setting": file.setting, "path": file.path })).collect()
}

/// Returns a file from outside the root, in JSON: where it belongs, and where it is in a backup or a restored store.
pub(super) fn outside_json(file: &OutsideFile) -> Value {
    json!({ "path": file.path, "saved_as": file.saved_as })
}
