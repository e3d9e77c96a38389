//! Versions that stay out of a repository: `hold`, `unhold`, `holds`.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::{PackageName, SuiteName, Version};
use jiff::Timestamp;
use repo_store::history::{Operation, PackageSummary};
use repo_store::model::record::{Build, RecordKey};
use repo_store::model::{CommitId, Hold, HoldCause, HoldKey};
use repo_store::transaction::Transaction;
use repo_store::{RepositoryName, RepositorySettings, Revision, Selector};
use serde::Serialize;

use crate::args::{RowArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::nearest;
use crate::only_names::OnlyNames;
use crate::output::{Column, Output, RowLimit, count, joined, suite_list};
use crate::package_names;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HoldArguments {
    /// The repository
    repository: String,
    /// The versions to keep out, for every architecture
    #[arg(required = true, value_name = "PACKAGE=VERSION", value_parser = parse_version)]
    versions: Vec<(PackageName, Version)>,
    /// Why, for the history and for everybody who tries to bring them in
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    only: OnlyNames,
    /// Show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UnholdArguments {
    /// The repository
    repository: String,
    /// Names or patterns, of all held versions, that named with =VERSION, or those that 'hello (<< 2.10)' allows
    #[arg(required = true, value_name = "PACKAGE[=VERSION]")]
    selectors: Vec<Selector>,
    #[command(flatten)]
    only: OnlyNames,
    /// Show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HoldsArguments {
    /// The repository
    repository: String,
    #[command(flatten)]
    rows: RowArguments,
}

impl HoldArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.dry_run
    }
}

impl UnholdArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.dry_run
    }
}

/// Reads `PACKAGE=VERSION`.
pub(super) fn parse_version(text: &str) -> Result<(PackageName, Version), String> {
    let (name, version) = text.split_once('=').ok_or("name the version: PACKAGE=VERSION")?;
    let name = PackageName::parse(name).map_err(|error| error.to_string())?;
    Ok((name, Version::parse(version).map_err(|error| error.to_string())?))
}

pub(crate) fn hold(
    arguments: &HoldArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    arguments.only.check_packages(arguments.versions.iter().map(|(package, _)| package))?;
    let names: Vec<String> =
        arguments.versions.iter().map(|(package, version)| format!("{package} {version}")).collect();
    let operation =
        Operation::Hold { packages: PackageSummary::new(&names), reason: arguments.reason.clone() };
    let change = |transaction: &mut Transaction<'_>| {
        for (package, version) in &arguments.versions {
            let (package, version) = (package.clone(), version.clone());
            transaction.hold(HoldKey { package, version, architecture: None })?;
        }
        Ok((operation.clone(), ()))
    };
    let (commit, ()) = carry_out(change, repository, arguments.dry_run, session)?;
    print(&names, commit, arguments.dry_run, output);
    let verb = if arguments.dry_run { "would hold" } else { "held" };
    if commit.is_none() && !arguments.dry_run {
        output.say(&format!("already held: {}", PackageSummary::new(&names)));
        return Ok(Outcome::Done);
    }
    if !arguments.only.is_limited() {
        warn_of_unknown(&arguments.versions, session, output)?;
    }
    let versions = count(names.len(), "version");
    output.say(&format!("{verb} {versions} out of {}: {}", repository.name, PackageSummary::new(&names)));
    Ok(Outcome::Done)
}

pub(crate) fn unhold(
    arguments: &UnholdArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    arguments.only.check_selectors(&arguments.selectors)?;
    let meant = |selector: &Selector, key: &HoldKey| {
        selector.names(&key.package, &key.version) && arguments.only.allows(&key.package)
    };
    let change = |transaction: &mut Transaction<'_>| {
        let lifted = transaction
            .lift_holds(|hold| arguments.selectors.iter().any(|selector| meant(selector, &hold.key)));
        let names: Vec<String> = lifted.iter().map(|hold| name(&hold.key)).collect();
        Ok((Operation::Unhold(PackageSummary::new(&names)), lifted))
    };
    let (commit, lifted) = carry_out(change, repository, arguments.dry_run, session)?;
    let unmatched: Vec<String> = arguments
        .selectors
        .iter()
        .filter(|selector| !lifted.iter().any(|hold| meant(selector, &hold.key)))
        .map(ToString::to_string)
        .collect();
    if !unmatched.is_empty() {
        let failure = Failure::NoHold {
            meant: match arguments.only.is_limited() {
                true => None,
                false => meant_held(&unmatched, repository, session)?,
            },
            repository: repository.name.clone(),
            names: unmatched,
        };
        if lifted.is_empty() {
            return Err(failure);
        }
        output.warn("W-NO-HOLD", failure.to_string());
    }
    let names: Vec<String> = lifted.iter().map(|hold| name(&hold.key)).collect();
    print(&names, commit, arguments.dry_run, output);
    let verb = if arguments.dry_run { "would lift" } else { "lifted" };
    let named = PackageSummary::new(&names);
    output.say(&format!("{verb} {} of {}: {named}", count(names.len(), "hold"), repository.name));
    Ok(Outcome::Done)
}

/// Makes a change, or only finds out what it would do. Returns the new commit if there is one.
fn carry_out<T>(
    change: impl Fn(&mut Transaction<'_>) -> Result<(Operation, T), repo_store::Error>,
    repository: &RepositorySettings,
    dry_run: bool,
    session: &Session,
) -> Result<(Option<CommitId>, T), Failure> {
    if dry_run {
        return Ok((None, session.store.dry_run(&repository.name, change)?.1));
    }
    let (committed, result) = session.store.transact(&repository.name, &session.context(), change)?;
    Ok((committed.commit, result))
}

/// Returns the held package that was probably meant by the first of these names.
fn meant_held(
    unmatched: &[String],
    repository: &RepositorySettings,
    session: &Session,
) -> Result<Option<String>, Failure> {
    let head = session.store.head(&repository.name)?;
    let holds = head.as_ref().map(Revision::holds).transpose()?.unwrap_or_default();
    let name = unmatched.first().and_then(|name| name.split('=').next()).unwrap_or_default();
    let held = holds.iter().map(|hold| hold.key.package.as_str()).filter(|held| *held != name);
    Ok(nearest::nearest(name, held).map(str::to_owned))
}

/// Warns of names that no repository has a package of: such a hold may be meant, and it may be a slip of the pen.
fn warn_of_unknown(
    packages: &[(PackageName, Version)],
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let mut heads = Vec::new();
    for repository in session.config.repositories() {
        heads.extend(session.store.head(&repository.name)?);
    }
    for (package, _) in packages {
        let mut is_known = false;
        for head in &heads {
            for suite in head.commit().suites.keys() {
                is_known |= !head.versions(suite, package)?.is_empty();
            }
        }
        let meant = if is_known { None } else { package_names::meant(package.as_str(), &heads, false)? };
        if let Some(meant) = meant {
            let message = format!("no repository has a package named `{package}`; {}", meant.hint());
            output.warn("W-UNKNOWN-PACKAGE", message);
        }
    }
    Ok(())
}

fn print(names: &[String], commit: Option<CommitId>, dry_run: bool, output: &Output) {
    let document = ChangedHoldsJson { commit: commit.map(Text), dry_run, versions: names };
    output.result(&document, || {});
}

/// The version, with its architecture if the hold is for that one alone.
pub(super) fn name(key: &HoldKey) -> String {
    let architecture = key.architecture.as_ref().map_or_else(String::new, |build| format!(" {build}"));
    format!("{} {}{architecture}", key.package, key.version)
}

pub(crate) fn holds(
    arguments: &HoldsArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    let head = session.store.head(&repository.name)?;
    let holds = head.as_ref().map(Revision::holds).transpose()?.unwrap_or_default();
    let there = versions_there(head.as_ref(), &holds)?;
    output.result(&HoldsJson { holds: holds.iter().map(HoldJson::new).collect() }, || {
        let rows = rows(&holds, &there);
        output.table(
            &[
                Column::names("PACKAGE"),
                Column::whole("VERSION"),
                Column::words("ARCHITECTURE").expendable(),
                Column::words("SUITES"),
                Column::whole("SINCE").expendable(),
                Column::text("BECAUSE"),
            ],
            &rows,
            arguments.rows.limit(output),
        );
        output.total(rows.len(), &count(rows.len(), "held version"));
    });
    if holds.is_empty() {
        output.found_nothing(&format!("no held versions in {}", repository.name));
    }
    Ok(Outcome::Done)
}

/// A version of a package.
type PackageVersion = (PackageName, Version);

/// Returns which of the held versions a repository has in some suite, for another architecture than the held one.
fn versions_there(head: Option<&Revision<'_>>, holds: &[Hold]) -> Result<BTreeSet<PackageVersion>, Failure> {
    let names: BTreeSet<PackageName> = holds.iter().map(|hold| hold.key.package.clone()).collect();
    let mut there = BTreeSet::new();
    let Some(head) = head else { return Ok(there) };
    for suite in head.commit().suites.keys() {
        let records = head.versions_of_all(suite, &names)?;
        let keys = records.iter().map(|record| record.key());
        there.extend(keys.map(|key| (key.package.clone(), key.version.clone())));
    }
    Ok(there)
}

/// Returns a row for each version and reason.
fn rows(holds: &[Hold], there: &BTreeSet<PackageVersion>) -> Vec<[String; 6]> {
    let mut rows: BTreeMap<(PackageVersion, &HoldCause), Vec<&Hold>> = BTreeMap::new();
    for hold in holds {
        let version = (hold.key.package.clone(), hold.key.version.clone());
        rows.entry((version, &hold.cause)).or_default().push(hold);
    }
    let row = |((version, cause), holds): ((PackageVersion, &HoldCause), Vec<&Hold>)| {
        // A version that is nowhere in the repository stays out for every architecture.
        let builds: Option<BTreeSet<_>> = holds.iter().map(|hold| hold.key.architecture.as_ref()).collect();
        let builds = builds.filter(|_| there.contains(&version));
        let suites: BTreeSet<_> = holds.iter().flat_map(|hold| &hold.suites).collect();
        let every = || "every".to_owned();
        [
            version.0.to_string(),
            version.1.to_string(),
            builds.map_or_else(every, |builds| joined(&builds.into_iter().collect::<Vec<_>>())),
            if suites.is_empty() { every() } else { suite_list(suites) },
            clock::minute(cause.date),
            format!("{} ({})", because(&cause.operation), cause.actor),
        ]
    };
    rows.into_iter().map(row).collect()
}

/// Returns why a version is held, in words that do not repeat the version beside them.
fn because(operation: &Operation) -> String {
    match operation {
        Operation::Remove(_) => "remove".to_owned(),
        Operation::Hold { reason: None, .. } => "hold".to_owned(),
        Operation::Hold { reason: Some(reason), .. } => format!("hold: {reason}"),
        Operation::Undo { number, commit, .. } => format!("undo {number} ({commit})"),
        operation => operation.to_string(),
    }
}

/// Says what a change of the whole repository holds and what it lifts.
pub(super) fn say_changed(held: &[HoldKey], lifted: &[HoldKey], dry_run: bool, output: &Output) {
    for (what, keys) in [("held from now on", held), ("no longer held", lifted)] {
        if !keys.is_empty() {
            let would = if dry_run { "would be " } else { "" };
            output.say(&format!("{would}{what}: {}", PackageSummary::new(names(keys))));
        }
    }
}

/// Returns the versions, as [`name`] names them.
pub(super) fn names(keys: &[HoldKey]) -> Vec<String> {
    keys.iter().map(name).collect()
}

/// Warns of packages that come back though a person holds them: what brings them back leaves such holds in place.
pub(super) fn warn_of_returned<'a>(
    returned: impl Iterator<Item = &'a RecordKey>,
    repository: &RepositoryName,
    limit: RowLimit,
    (session, output): (&Session, &Output),
) -> Result<(), Failure> {
    let Some(head) = session.store.head(repository)? else { return Ok(()) };
    let holds = head.holds()?;
    let keys: BTreeSet<&RecordKey> = returned.collect();
    let is_there = |hold: &Hold, key: &RecordKey| -> Result<bool, Failure> {
        let mut there = hold.suites.is_empty();
        for suite in &hold.suites {
            there |= head.get(suite, key)?.is_some();
        }
        Ok(there)
    };
    let mut back = Vec::new();
    for hold in holds.iter().filter(|hold| hold.is_by_person()) {
        for key in keys.iter().filter(|key| hold.key.means(key)) {
            if is_there(hold, key)? {
                back.push(hold);
                break;
            }
        }
    }
    let warning = |hold: &Hold| {
        let (package, version) = (&hold.key.package, &hold.key.version);
        let since = held_since(&hold.cause);
        format!(
            "{package} {version} comes back though it is {since}; to lift the hold: repo-cli unhold {repository} {package}={version}"
        )
    };
    output.warn_of_each("W-STAYS-HELD", limit, back.into_iter().map(warning).collect());
    Ok(())
}

/// Since when a version is held, and why.
pub(crate) fn held_since(cause: &HoldCause) -> String {
    format!("held since {}: {}", clock::minute(cause.date), cause.operation)
}

/// A version that a repository does not take.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HoldJson<'a> {
    /// Who held it
    actor: &'a str,
    /// The architecture that is held; null for every one
    architecture: Option<Text<&'a Build>>,
    /// What was done when it was held
    operation: Text<&'a Operation>,
    /// The package
    package: Text<&'a PackageName>,
    /// When it was held
    since: Text<Timestamp>,
    /// The suites that do not take it; empty for every one
    suites: Vec<Text<&'a SuiteName>>,
    /// The version
    version: Text<&'a Version>,
}

impl<'a> HoldJson<'a> {
    pub(crate) fn new(hold: &'a Hold) -> Self {
        let Hold { key, suites, cause, .. } = hold;
        Self {
            actor: &cause.actor,
            architecture: key.architecture.as_ref().map(Text),
            operation: Text(&cause.operation),
            package: Text(&key.package),
            since: Text(cause.date),
            suites: Text::all(suites),
            version: Text(&key.version),
        }
    }
}

/// The document of `holds`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HoldsJson<'a> {
    /// The held versions
    holds: Vec<HoldJson<'a>>,
}

impl JsonDocument for HoldsJson<'_> {}

/// The document of `hold` and `unhold`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChangedHoldsJson<'a> {
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<CommitId>>,
    /// Whether nothing was changed
    dry_run: bool,
    /// The versions, each as the name of the package and the version, with the architecture if it is held for that one alone
    versions: &'a [String],
}

impl JsonDocument for ChangedHoldsJson<'_> {}
