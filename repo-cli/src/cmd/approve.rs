//! Approvals of versions: `approve` and `approvals`.

use std::collections::BTreeMap;

use deb_parse::{PackageName, SuiteName, Version};
use jiff::Timestamp;
use repo_store::history::{PackageSummary, SelectorError};
use repo_store::model::BlobId;
use repo_store::model::record::Build;
use repo_store::operations::approvals::{Approval, Approver, ApproverId};
use repo_store::{RepositorySettings, Revision, Selector};
use serde::Serialize;

use super::promote::check_matched;
use crate::approver::approver;
use crate::args::{RowArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
use crate::only_names::OnlyNames;
use crate::output::{Column, Output, count, joined};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ApproveArguments {
    /// The repository that the versions are in, and will be promoted from
    repository: String,
    /// The versions, in every suite and architecture that the repository has them for
    #[arg(required = true, value_name = "PACKAGE=VERSION", value_parser = parse_version)]
    versions: Vec<Selector>,
    /// Also approve all packages built from the same sources; the name and version of a source may be given as well
    #[arg(long, conflicts_with = "withdraw")]
    whole_source: bool,
    /// Withdraw your own approvals
    #[arg(long)]
    withdraw: bool,
    #[command(flatten)]
    only: OnlyNames,
    /// Show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ApprovalsArguments {
    /// The repository
    repository: String,
    #[command(flatten)]
    rows: RowArguments,
}

impl ApproveArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.dry_run
    }
}

/// Reads a selector that names one version of each package that it means.
fn parse_version(text: &str) -> Result<Selector, String> {
    let selector: Selector = text.parse().map_err(|error: SelectorError| error.to_string())?;
    if selector.names_a_version() {
        Ok(selector)
    } else {
        Err("name the version: PACKAGE=VERSION".to_owned())
    }
}

pub(crate) fn run(
    arguments: &ApproveArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    arguments.only.check_selectors(&arguments.versions)?;
    let approver = approver(session);
    if arguments.withdraw {
        return withdraw(arguments, repository, &approver, (session, output));
    }
    let (store, context) = (&session.store, session.context());
    let plan = store.plan_approval(&repository.name, &arguments.versions, arguments.whole_source)?;
    arguments.only.check_packages(plan.records().iter().map(|record| &record.key().package))?;
    let whole_source = (arguments.whole_source, &arguments.only);
    check_matched(plan.unmatched(), &repository.name, whole_source, session)?;
    let approved = match arguments.dry_run {
        true => plan.new_approvals(store, &approver, &context)?,
        false => plan.apply(store, &approver, &context)?,
    };
    let list = approved.iter().map(ApprovalJson::new).collect();
    output.result(&ApprovedJson { approved: list, dry_run: arguments.dry_run }, || {});
    let names = names(&approved);
    let summary = PackageSummary::new(&names);
    let versions = count(names.len(), "version");
    output.say(&match (names.is_empty(), arguments.dry_run) {
        (true, _) => {
            format!("{approver} has already approved {} in {}", joined(&arguments.versions), repository.name)
        }
        (false, true) => format!("{approver} would approve {versions} in {}: {summary}", repository.name),
        (false, false) => format!("{approver} approved {versions} in {}: {summary}", repository.name),
    });
    Ok(Outcome::Done)
}

fn withdraw(
    arguments: &ApproveArguments,
    repository: &RepositorySettings,
    approver: &Approver,
    (session, output): (&Session, &Output),
) -> Result<Outcome, Failure> {
    let (store, context) = (&session.store, session.context());
    let approvals = store.approvals(&repository.name)?;
    let given = |selectors: &[Selector]| -> Vec<Approval> {
        approvals.given_by(&approver.id, selectors).into_iter().cloned().collect()
    };
    let is_unmatched = |selector: &&Selector| given(std::slice::from_ref(*selector)).is_empty();
    let versions: Vec<String> =
        arguments.versions.iter().filter(is_unmatched).map(ToString::to_string).collect();
    if !versions.is_empty() {
        let (repository, approver) = (repository.name.clone(), approver.clone());
        return Err(Failure::NoApproval { repository, approver, versions });
    }
    arguments.only.check_packages(given(&arguments.versions).iter().map(|approval| &approval.key.package))?;
    let withdrawn = match arguments.dry_run {
        true => given(&arguments.versions),
        false => store.withdraw_approvals(&repository.name, &arguments.versions, approver, &context)?,
    };
    let list = withdrawn.iter().map(ApprovalJson::new).collect();
    output.result(&WithdrawnApprovalsJson { dry_run: arguments.dry_run, withdrawn: list }, || {});
    let verb = if arguments.dry_run { "would withdraw" } else { "withdrew" };
    let summary = PackageSummary::new(names(&withdrawn));
    output.say(&format!("{approver} {verb} the approval of {summary} in {}", repository.name));
    Ok(Outcome::Done)
}

/// Returns the versions, each once.
fn names(approvals: &[Approval]) -> Vec<String> {
    let name = |approval: &Approval| format!("{} {}", approval.key.package, approval.key.version);
    let mut names: Vec<String> = approvals.iter().map(name).collect();
    names.dedup();
    names
}

/// The document of `approve`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ApprovedJson<'a> {
    /// The package files that were approved now
    approved: Vec<ApprovalJson<'a>>,
    /// Whether nothing was changed
    dry_run: bool,
}

impl JsonDocument for ApprovedJson<'_> {}

/// The document of `approve --withdraw`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WithdrawnApprovalsJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The approvals that were withdrawn
    withdrawn: Vec<ApprovalJson<'a>>,
}

impl JsonDocument for WithdrawnApprovalsJson<'_> {}

/// The document of `approvals`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ApprovalsJson<'a> {
    /// The approvals
    approvals: Vec<ApprovalJson<'a>>,
}

impl JsonDocument for ApprovalsJson<'_> {}

/// The approval of a package file.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ApprovalJson<'a> {
    /// Who approved it
    approver: Text<&'a ApproverId>,
    /// What the file is built for
    architecture: Text<&'a Build>,
    /// The id of the package file, or of the .dsc file of a source package
    content: Text<BlobId>,
    /// When it was approved
    date: Time,
    /// The name of the approver
    name: &'a str,
    /// The name of the package
    package: Text<&'a PackageName>,
    /// `present`, `replaced` when the repository has another content of that version, or `gone`; absent for `approve`
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// The version of the package
    version: Text<&'a Version>,
}

impl<'a> ApprovalJson<'a> {
    fn new(approval: &'a Approval) -> Self {
        let Approval { approver, time, key, blob, .. } = approval;
        Self {
            approver: Text(&approver.id),
            architecture: Text(&key.architecture),
            content: Text(*blob),
            date: Time(*time),
            name: &approver.name,
            package: Text(&key.package),
            state: None,
            version: Text(&key.version),
        }
    }
}

/// Whether the repository still has what was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// The very content.
    Present,
    /// Another content of the same version, which the approval does not count for.
    Replaced,
    /// Nothing of that version and architecture.
    Gone,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Replaced => "replaced",
            Self::Gone => "gone",
        }
    }

    fn of(approval: &Approval, head: Option<&Revision<'_>>) -> Result<Self, Failure> {
        let mut state = Self::Gone;
        let suites: Vec<&SuiteName> = head.iter().flat_map(|head| head.commit().suites.keys()).collect();
        for (head, suite) in head.iter().flat_map(|head| suites.iter().map(move |suite| (head, suite))) {
            match head.get(suite, &approval.key)? {
                Some(record) if record.blob() == approval.blob => return Ok(Self::Present),
                Some(_) => state = Self::Replaced,
                None => {}
            }
        }
        Ok(state)
    }
}

pub(crate) fn list(
    arguments: &ApprovalsArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    let approvals = session.store.approvals(&repository.name)?;
    let head = session.store.head(&repository.name)?;
    let mut all = Vec::new();
    for approval in approvals.all() {
        all.push((approval, State::of(approval, head.as_ref())?));
    }
    let approvals = all
        .iter()
        .map(|(approval, state)| ApprovalJson { state: Some(state.as_str()), ..ApprovalJson::new(approval) });
    output.result(&ApprovalsJson { approvals: approvals.collect() }, || {
        let rows = rows(&all);
        let head = [
            Column::names("PACKAGE"),
            Column::whole("VERSION"),
            Column::words("ARCHITECTURE").expendable(),
            Column::text("APPROVED BY"),
            Column::whole("SINCE").expendable(),
            Column::whole("STATE"),
        ];
        output.table(&head, &rows, arguments.rows.limit(output));
        output.total(rows.len(), &count(rows.len(), "approval"));
    });
    if all.is_empty() {
        output.found_nothing(&format!("no approvals in {}", repository.name));
    }
    Ok(Outcome::Done)
}

/// Returns a row for each version, approver and time.
fn rows(all: &[(&Approval, State)]) -> Vec<[String; 6]> {
    type Row<'a> = (&'a PackageName, &'a Version, Timestamp, &'a ApproverId, State);
    let mut rows: BTreeMap<Row<'_>, (&Approver, Vec<&Build>)> = BTreeMap::new();
    for (approval, state) in all {
        let Approval { approver, time, key, .. } = *approval;
        let row = (&key.package, &key.version, *time, &approver.id, *state);
        rows.entry(row).or_insert((approver, Vec::new())).1.push(&key.architecture);
    }
    let row =
        |((package, version, time, _, state), (approver, builds)): (Row<'_>, (&Approver, Vec<&Build>))| {
            let (package, version, state) =
                (package.to_string(), version.to_string(), state.as_str().to_owned());
            [package, version, joined(&builds), approver.to_string(), clock::minute(time), state]
        };
    rows.into_iter().map(row).collect()
}
