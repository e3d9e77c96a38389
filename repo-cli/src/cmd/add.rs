pub(crate) mod directories;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Component, PackageName, SuiteName, Version};
use jiff::Timestamp;
use repo_store::error::RuleError;
use repo_store::history::Operation;
use repo_store::model::CommitId;
use repo_store::model::record::{Build, RecordKey};
use repo_store::operations::import::{AddError, AddReport, Added, Refused};
use repo_store::operations::incoming::SkippedFile;
use repo_store::settings::Route;
use repo_store::transaction::Inserted;
use repo_store::{AddOptions, Error, RepositoryName, RepositorySettings};
use serde::Serialize;

use super::client_config::quoted;
use super::freeze::FreezeJson;
use crate::args::{ChangeArguments, LimitArguments, OverrideArguments, RowLimits as _};
use crate::clock;
use crate::confinement::kept_to;
use crate::error::{self, Failure, Outcome, Report};
use crate::json_value::{JsonDocument, Text};
use crate::only_names::OnlyNames;
use crate::output::{Output, RowLimit, Style, count, suite_list, suites_in_order};
use crate::package_count::PackageCount;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AddArguments {
    /// The repository to add to
    repository: String,
    /// Package files (.deb), source packages (.dsc, with the files beside it), uploads (.changes, with all that it lists); a
    /// directory stands for those in it and in its directories
    #[arg(required = true, value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    #[command(flatten)]
    placement: PlacementArguments,
    /// Add the good files even when others are refused
    #[arg(long)]
    keep_going: bool,
    /// Take no files from the directories in a directory
    #[arg(long)]
    no_recursive: bool,
    /// Unpack the data archive of each file to check it to the end
    #[arg(long)]
    check_data: bool,
    /// Keep this file with the packages that it names by their SHA-256: an in-toto statement (SLSA provenance), bare or in a DSSE envelope, or a
    /// .buildinfo; may be given several times. At most 32 are kept with a package. Signatures in them are not verified
    #[arg(long = "attest", value_name = "FILE")]
    attestations: Vec<Utf8PathBuf>,
    /// Also what somebody holds out of the repository; ends the hold
    #[arg(long)]
    despite_hold: bool,
    #[command(flatten)]
    only: OnlyNames,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl AddArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }

    /// Returns the files that are meant, with those in directories.
    pub(crate) fn named_files(&self, output: &Output) -> Result<Vec<Utf8PathBuf>, Failure> {
        directories::read(&self.files, !self.no_recursive, output)
    }

    /// Returns whether the good files are added when others are refused.
    pub(crate) fn keeps_going(&self) -> bool {
        self.keep_going
    }

    /// Returns the repository that it changes.
    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }
}

/// Where packages go.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlacementArguments {
    /// Put them into this suite, whatever their versions say; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// Put them into this component, whatever their sections say
    #[arg(long, value_name = "NAME", value_parser = Component::parse)]
    component: Option<Component>,
}

impl PlacementArguments {
    pub(crate) fn options(&self) -> AddOptions {
        let Self { suites, component } = self.clone();
        AddOptions { suites, component, ..AddOptions::default() }
    }
}

pub(crate) fn run(arguments: &AddArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let repository = &session.repository_to_add_to(&arguments.repository, arguments.change)?;
    let options = AddOptions {
        keep_going: arguments.keep_going,
        check_data: arguments.check_data,
        despite_hold: arguments.despite_hold,
        gate_override: arguments.gates.gate_override(),
        names: arguments.only.patterns(),
        attestations: arguments.attestations.clone(),
        ..arguments.placement.options()
    };
    let files = arguments.named_files(output)?;
    let shown = (arguments.change, arguments.rows.limit(output));
    add_files(repository, &files, &options, shown, session, output, |report, complete| {
        print(report, complete, arguments.change.dry_run, arguments.rows.limit(output), output);
    })
}

/// Adds package files to a repository, or finds out what would be added. `show` prints it; it learns whether the good files were taken.
pub(super) fn add_files(
    repository: &RepositorySettings,
    files: &[Utf8PathBuf],
    options: &AddOptions,
    (change, limit): (ChangeArguments, RowLimit),
    session: &Session,
    output: &Output,
    show: impl FnOnce(&AddReport, bool),
) -> Result<Outcome, Failure> {
    let report = try_files(repository, files, options, change, session)?;
    let complete = report.refused.is_empty() || options.keep_going;
    conclude(&report, repository, complete, (change, limit), session, output, show)
}

/// Adds package files to a repository, or finds out what would be added, and shows nothing of it.
pub(super) fn try_files(
    repository: &RepositorySettings,
    files: &[Utf8PathBuf],
    options: &AddOptions,
    change: ChangeArguments,
    session: &Session,
) -> Result<AddReport, Failure> {
    let (store, context) = (&session.store, session.context());
    let directory = session.root.join("store");
    if change.dry_run {
        let plan = kept_to(&[], || store.plan_import(repository, files, options, &context))??;
        return Ok(plan.into_report());
    }
    let add = || store.add(repository, files, options, &context);
    Ok(kept_to(&[&directory], add)?.or_else(AddError::into_report)?)
}

/// Shows what became of files, by `show`, and publishes it. `complete`: whether the good files were taken.
pub(super) fn conclude(
    report: &AddReport,
    repository: &RepositorySettings,
    complete: bool,
    (change, limit): (ChangeArguments, RowLimit),
    session: &Session,
    output: &Output,
    show: impl FnOnce(&AddReport, bool),
) -> Result<Outcome, Failure> {
    warn_of_unknown_releases(report, repository, limit, session, output);
    show(report, complete);
    if complete {
        finish(report, repository, change, session, output)?;
    }
    Ok(Outcome::of(report.refused.is_empty()))
}

/// A package file that was given and is in the repository now.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AddedJson<'a> {
    /// What the file is built for
    architecture: Text<&'a Build>,
    /// The component that it went to
    component: Text<&'a Component>,
    /// The file, as it was given
    file: &'a str,
    /// Whether it is new to one of the suites
    new: bool,
    /// The hold that ends because the version is in the repository again; absent when there is none
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_hold: Option<EndedHoldJson<'a>>,
    /// The name of the package
    package: Text<&'a PackageName>,
    /// What chose the suites: `chosen` (by `--suite`), `rule`, `distribution` (of the upload), `release` (in the version) or `everywhere`
    route: &'static str,
    /// The number of the rule in the configuration that chose the component or the suites
    rule: Option<usize>,
    /// The suites that it went to
    suites: Vec<Text<&'a SuiteName>>,
    /// The release without a suite that the version or the upload names; absent when there is none
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_release: Option<&'a str>,
    /// The version of the package
    version: Text<&'a Version>,
}

/// A hold that ends.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct EndedHoldJson<'a> {
    /// When the version was held
    since: Text<Timestamp>,
    /// Who held it
    actor: &'a str,
    /// What was done when it was held
    operation: Text<&'a Operation>,
}

/// The document of `add` and `incoming`, and of `quickstart` when a file was refused.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AddJson<'a> {
    /// The files that were added, also those that were there before; empty when one was refused and the others were not taken
    added: Vec<AddedJson<'a>>,
    /// How many of them are new
    #[serde(serialize_with = "PackageCount::packages_first")]
    count: PackageCount,
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<CommitId>>,
    /// Whether nothing was changed
    dry_run: bool,
    /// The files that were refused
    refused: Vec<RefusedJson<'a>>,
    /// What `incoming` left in the folders; absent for `add`
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Vec<LeftJson<'a>>>,
    /// The repositories whose folders `incoming` did not look into; absent when there are none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    frozen: Vec<FrozenRepositoryJson<'a>>,
}

impl JsonDocument for AddJson<'_> {}

/// A repository that takes nothing for a while.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FrozenRepositoryJson<'a> {
    /// The repository
    pub(crate) repository: Text<&'a RepositoryName>,
    #[serde(flatten)]
    pub(crate) freeze: FreezeJson,
}

/// A file that stays in a folder.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LeftJson<'a> {
    /// The file
    file: &'a str,
    /// Why it stays
    reason: &'a str,
}

/// A file that was refused.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RefusedJson<'a> {
    /// Why it was refused
    error: String,
    /// The file, as it was given
    file: &'a str,
}

/// Warns of packages that went to every suite though they were built for a release without one, unless that is as configured, and of those
/// of uploads that are for such a release too.
pub(crate) fn warn_of_unknown_releases(
    report: &AddReport,
    repository: &RepositorySettings,
    limit: RowLimit,
    session: &Session,
    output: &Output,
) {
    let is_decided = session.config.decides_on_unknown_releases(&repository.name);
    let new = report.added.iter().filter(|added| is_new(added));
    let warnings = new.filter_map(|Added { key, route, .. }| match route {
        Route::Everywhere { foreign: Some(marker), .. } if !is_decided => Some(format!(
            "{key}: no suite for `{marker}`; it goes to every suite (choose with --suite, or set `unknown_release` in repo.toml)"
        )),
        Route::Distribution { foreign: Some(release), suites } => Some(format!(
            "{key}: the upload is also for `{release}`, which has no suite; it goes only to {}",
            suite_list(suites)
        )),
        _ => None,
    });
    output.warn_of_each("W-UNKNOWN-RELEASE", limit, warnings.collect());
}

/// Returns the result in JSON. `complete`: whether the good files were taken.
pub(crate) fn json(report: &AddReport, complete: bool, dry_run: bool) -> AddJson<'_> {
    let added = report
        .added
        .iter()
        .filter(|_| complete)
        .map(|added| AddedJson {
            file: added.file.as_str(),
            package: Text(&added.key.package),
            version: Text(&added.key.version),
            architecture: Text(&added.key.architecture),
            component: Text(&added.component),
            suites: Text::all(suites_in_order(added.route.suites())),
            route: match added.route {
                Route::Everywhere { .. } => "everywhere",
                Route::Release { .. } => "release",
                Route::Rule(_) => "rule",
                Route::Distribution { .. } => "distribution",
                Route::Chosen(_) => "chosen",
            },
            rule: added.rule,
            unknown_release: added.route.foreign(),
            new: is_new(added),
            ended_hold: added.ended_hold.as_ref().map(|hold| EndedHoldJson {
                since: Text(hold.cause.date),
                actor: &hold.cause.actor,
                operation: Text(&hold.cause.operation),
            }),
        })
        .collect();
    let refused = report
        .refused
        .iter()
        .map(|refused| RefusedJson { file: refused.file.as_str(), error: error::chain(&refused.error) })
        .collect();
    let count = if complete { new_packages(report) } else { PackageCount::default() };
    AddJson {
        added,
        count,
        commit: report.committed.commit.map(Text),
        dry_run,
        refused,
        left: None,
        frozen: Vec::new(),
    }
}

/// Prints what `incoming` took, refused and left.
pub(crate) fn print_incoming(
    report: &AddReport,
    left: &[SkippedFile],
    dry_run: bool,
    limit: RowLimit,
    output: &Output,
) {
    print_document(&incoming_json(report, left, dry_run), report, (true, dry_run, true), limit, output);
}

fn incoming_json<'a>(report: &'a AddReport, left: &'a [SkippedFile], dry_run: bool) -> AddJson<'a> {
    let left = left.iter().map(|SkippedFile { file, why, .. }| LeftJson { file: file.as_str(), reason: why });
    AddJson { left: Some(left.collect()), ..json(report, true, dry_run) }
}

/// Gives what `incoming` took, refused and left for several repositories, and which of these are frozen, as one document.
pub(crate) fn give_incoming(
    report: &AddReport,
    left: &[SkippedFile],
    frozen: Vec<FrozenRepositoryJson<'_>>,
    dry_run: bool,
    output: &Output,
) {
    output.result(&AddJson { frozen, ..incoming_json(report, left, dry_run) }, || {});
}

/// Prints what was added and what was refused. `complete`: whether the good files were taken.
pub(crate) fn print(report: &AddReport, complete: bool, dry_run: bool, limit: RowLimit, output: &Output) {
    print_document(&json(report, complete, dry_run), report, (complete, dry_run, false), limit, output);
}

/// Prints what was added and what was refused, and gives programs a document. `is_counted`: what is known already is only counted.
pub(super) fn print_document(
    document: &impl JsonDocument,
    report: &AddReport,
    (complete, dry_run, is_counted): (bool, bool, bool),
    limit: RowLimit,
    output: &Output,
) {
    output.result(document, || {
        if !complete || !output.shows_change(dry_run) {
            return;
        }
        // A build server that drops everything again would fill the log of `incoming` with what is known.
        let known = report.added.iter().filter(|added| !is_new(added)).map(|added| &added.key);
        let known = PackageCount::of(known);
        let is_counted = is_counted && known.files() > 1;
        let mut shown: Vec<&Added> =
            report.added.iter().filter(|added| !is_counted || is_new(added)).collect();
        // As in every table: by name, version and architecture, wherever the files lie.
        shown.sort_by(|a, b| a.key.cmp(&b.key));
        shown.iter().take(limit.of(shown.len())).for_each(|added| print_added(added, dry_run, output));
        output.rest(limit, shown.len(), "file");
        if is_counted {
            output.line(&format!("already there: {known}"));
        }
    });
    let refused = report.refused.iter().map(report_of);
    output.report_each(limit, refused.collect(), "refused file");
    if !report.refused.is_empty() {
        output.note(&refused_of(report, complete, dry_run));
    }
}

/// Returns how many files were refused, and what becomes of the others. `complete`: whether the good files were taken.
fn refused_of(report: &AddReport, complete: bool, dry_run: bool) -> String {
    let total = report.added.len() + report.refused.len();
    let new = report.added.iter().filter(|added| is_new(added)).count();
    let known = report.added.len() - new;
    let rest = match (complete, new, known) {
        (_, 0, 0) => String::new(),
        (_, 0, _) => ": the others are already there".to_owned(),
        (true, _, 0) if dry_run => ": the others would be added".to_owned(),
        (true, _, 0) => ": the others were added".to_owned(),
        (true, ..) if dry_run => format!(", {new} to add, {known} already there"),
        (true, ..) => format!(", {new} added, {known} already there"),
        (false, ..) => {
            let added = if dry_run { "would be added" } else { "was added" };
            let others = if known == 0 { "the others".to_owned() } else { format!("{new} of the others") };
            format!(": nothing {added}; `repo-cli add --keep-going` adds {others}")
        }
    };
    format!("{} of {} refused{rest}", report.refused.len(), count(total, "file"))
}

/// Reports a refused file. What a drop folder rejected lies elsewhere by now, so that giving the same command again does not find it.
fn report_of(refused: &Refused) -> Report {
    let report = Report::of_refused(&refused.file, &refused.error);
    let (Error::Rule(RuleError::Held { repository, .. }), Some(now)) = (&refused.error, &refused.moved_to)
    else {
        return report;
    };
    let hint = if now.file_name() == refused.file.file_name() {
        let now = quoted(now.as_str());
        format!("to accept it anyway, run repo-cli add {repository} --despite-hold {now}")
    } else {
        let (now, folder) = (quoted(now.as_str()), refused.file.parent().map_or(".", Utf8Path::as_str));
        format!(
            "to accept it anyway, move {now} and what came with it back under their own names, then run \
             repo-cli incoming {repository} {} --once --despite-hold",
            quoted(folder)
        )
    };
    Report { hint: Some(hint), ..report }
}

/// Publishes what was added, and says so in one line.
pub(crate) fn finish(
    report: &AddReport,
    repository: &RepositorySettings,
    arguments: ChangeArguments,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let commit = report.committed.commit;
    if report.added.is_empty() {
        // What was refused changes nothing that clients see.
        if !report.refused.is_empty() {
            return Ok(());
        }
        return session.publish_after(repository, commit, arguments, output);
    }
    let done = total(report, repository, arguments.dry_run);
    session.finish_change(&done, (repository, commit), arguments, output)
}

/// Returns how much was added.
pub(crate) fn total(report: &AddReport, repository: &RepositorySettings, dry_run: bool) -> String {
    let (new, all) = (new_packages(report), PackageCount::of(report.added.iter().map(|added| &added.key)));
    let verb = if dry_run { "would add" } else { "added" };
    match new.files() {
        // The packages were there, and nobody knew how they were built.
        0 if report.committed.commit.is_some() => {
            format!(
                "kept in {} how {all} {} built",
                repository.name,
                if all.packages() == 1 { "was" } else { "were" }
            )
        }
        0 => format!("nothing to add: {} already has what was given", repository.name),
        _ => format!("{verb} {} to {}", new.among(all), repository.name),
    }
}

/// Returns how many of the packages are new to a suite.
fn new_packages(report: &AddReport) -> PackageCount {
    PackageCount::of(report.added.iter().filter(|added| is_new(added)).map(|added| &added.key))
}

fn is_new(added: &Added) -> bool {
    added.suites.iter().any(|(_, inserted)| *inserted == Inserted::New)
}

fn print_added(added: &Added, dry_run: bool, output: &Output) {
    let (style, verb) = match (is_new(added), dry_run) {
        (true, false) => (Style::New, "added"),
        (true, true) => (Style::New, "would add"),
        (false, _) => (Style::Plain, "already there:"),
    };
    let mut why = match &added.route {
        Route::Everywhere { foreign: None, .. } => vec!["every suite".to_owned()],
        Route::Everywhere { foreign: Some(marker), .. } => {
            vec![format!("every suite; no suite for {marker}")]
        }
        Route::Release { marker, .. } => vec![format!("built for {marker}")],
        Route::Distribution { foreign: None, .. } => vec!["named by the upload".to_owned()],
        Route::Distribution { foreign: Some(release), .. } => {
            vec![format!("named by the upload, which is for {release} too")]
        }
        Route::Rule(_) | Route::Chosen(_) => Vec::new(),
    };
    why.extend(added.ended_hold.as_ref().map(|hold| {
        let ends = if dry_run { "would end" } else { "ends" };
        format!("{ends} the hold since {}: {}", clock::minute(hold.cause.date), hold.cause.operation)
    }));
    why.extend(added.rule.map(|number| format!("by route {number} to {}", added.component)));
    let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
    let RecordKey { package, version, architecture } = &added.key;
    output.styled_line(&[
        (style, verb),
        (Style::Plain, " "),
        (Style::Name, package.as_str()),
        (Style::Plain, &format!(" {version} {architecture} -> {}{why}", suite_list(added.route.suites()))),
    ]);
}
