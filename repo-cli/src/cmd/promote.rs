use std::collections::{BTreeMap, BTreeSet};

use deb_parse::SuiteName;
use repo_config::Config;
use repo_store::error::RuleError;
use repo_store::model::record::{Record, RecordKey};
use repo_store::model::{CommitId, Hold, HoldCause, ProfileName, SuiteRecords};
use repo_store::operations::promotion::{PromoteOptions, PromotionPlan};
use repo_store::{RepositoryName, RepositorySettings, Selector};
use serde::Serialize;

use super::changes::{self, Change};
use super::client_config::quoted;
use super::dependencies::{self, DependencyJson};
use super::gates::{self, GateJson};
use super::hold::{HoldJson, held_since};
use super::list::ListedJson;
use super::profile;
use super::profile::build::{MetapackageJson, metapackages};
use crate::args::{ChangeArguments, LimitArguments, OverrideArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::only_names::OnlyNames;
use crate::output::{Output, RowLimit, count, first_of, joined, suite_list};
use crate::package_count::PackageCount;
use crate::package_names;
use crate::planned::{BaseArguments, base, carry_out};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("target").required(true).args(["to", "along"]))]
pub(crate) struct PromoteArguments {
    /// Names or patterns; of each package the newest version, that named with =VERSION, or the newest that 'hello (<< 2.10)' allows. A source package of that
    /// name is meant as well as a binary one; with --whole-source the name of a source means all that was built from it
    #[arg(value_name = "PACKAGE[=VERSION]", required_unless_present_any = ["all", "profile"])]
    selectors: Vec<Selector>,
    /// All that the other repository lacks
    #[arg(long, conflicts_with = "selectors")]
    all: bool,
    /// What this profile of the other repository names, of each package the newest version that it allows, and its metapackage, in one change: all of it or nothing
    #[arg(long, value_name = "NAME", value_parser = ProfileName::parse, conflicts_with_all = ["selectors", "all", "whole_source"])]
    profile: Option<ProfileName>,
    /// The repository to take them from
    #[arg(long, value_name = "REPOSITORY")]
    from: String,
    /// The repository to bring them to
    #[arg(long, value_name = "REPOSITORY")]
    to: Option<String>,
    /// Bring them to the repository that comes next in `channels` of repo.toml
    #[arg(long)]
    along: bool,
    /// Only in this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// Take along the source package, and all packages built from the same version of it, in whatever suite they are
    #[arg(long)]
    whole_source: bool,
    /// Take along what the packages need so that everything in the other repository can be installed with what [[base]] has, and nothing that
    /// can be left out
    #[arg(long)]
    with_dependencies: bool,
    /// Also what was removed from the other repository, rolled back or held there; ends its hold
    #[arg(long)]
    despite_hold: bool,
    #[command(flatten)]
    only: OnlyNames,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl PromoteArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        !self.change.dry_run
    }

    /// Returns the repository that packages go to; `None` when they go along and nothing comes next.
    pub(crate) fn to(&self, config: &Config) -> Option<String> {
        let next = || config.channel_after(&self.from).map(|name| name.to_string());
        self.to.clone().or_else(next)
    }
}

pub(crate) fn run(
    arguments: &PromoteArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let from = session.repository(&arguments.from)?;
    let to = arguments.to(&session.config).ok_or(Failure::Usage(
        "--along goes to what comes after --from in `channels` of repo.toml, and nothing does: give --to",
    ))?;
    let to = session.repository_to_change(&to, arguments.change)?;
    let options = PromoteOptions {
        selectors: arguments.selectors.clone(),
        profile: arguments.profile.clone(),
        everything: arguments.all,
        suites: arguments.suites.clone(),
        whole_source: arguments.whole_source,
        with_dependencies: arguments.with_dependencies,
        despite_hold: arguments.despite_hold,
        gate_override: arguments.gates.gate_override(),
        now: Some(session.context().now),
    };
    let dry_run = arguments.change.dry_run;
    arguments.only.check_selectors(&options.selectors)?;
    let make = || {
        let before = session.store.head(&to.name)?;
        let plan = session.store.plan_promotion(from, to, &options)?;
        arguments.base.check(&to.name, &[plan.base(), plan.source()])?;
        arguments.only.check_packages(plan.changes().iter().map(|(_, record)| &record.key().package))?;
        check_matched(plan.unmatched(), &from.name, (options.whole_source, &arguments.only), session)?;
        let changes = changes::additions(&plan.coming(), before.as_ref())?;
        Ok((plan, changes))
    };
    let ((plan, table), commit) = carry_out(make, |(plan, _): &(PromotionPlan, Vec<Change>)| {
        if plan.coming().is_empty() {
            return Ok(None);
        }
        if dry_run {
            plan.check(&session.store, &session.context())?;
            return Ok(None);
        }
        Ok(plan.apply(&session.store, &session.context())?.commit)
    })?;
    let moved = plan.coming().by_record();
    let limit = arguments.rows.limit(output);
    print_changes(&PromotedJson::new(&plan, (to, commit), dry_run), table, dry_run, limit, output);
    dependencies::print(&plan, dry_run, limit, output);
    gates::print(&plan, dry_run, limit, output);
    dependencies::propose(&plan, output);
    note_left_out(&plan, to, arguments, output);
    if let Some(profile) = &arguments.profile {
        profile::pins::warn(plan.profile(), to, profile, limit, output);
    }
    let what = PackageCount::of(moved.iter().map(|(record, _)| record.key()));
    let done = match (moved.is_empty(), dry_run) {
        (true, _) if !plan.left_out().is_empty() => format!("nothing else to promote: {} has it", to.name),
        (true, _) if !plan.held().is_empty() => {
            "nothing promoted (take held versions with --despite-hold)".to_owned()
        }
        (true, _) if !plan.gated().is_empty() => {
            "nothing promoted (let versions in with --override RULE --reason TEXT)".to_owned()
        }
        (true, _) if options.profile.is_some() => {
            format!("nothing to promote: {} already has all of the profile, and its metapackage", to.name)
        }
        (true, _) if options.everything => format!("nothing to promote: {} already has all of it", to.name),
        (true, _) if !options.selectors.iter().any(Selector::names_a_version) => {
            format!("nothing to promote: {} already has the newest version of every match", to.name)
        }
        (true, _) => format!("nothing to promote: {} already has {}", to.name, joined(&options.selectors)),
        (false, true) => format!("would promote {what} from {} to {}", from.name, to.name),
        (false, false) => format!("promoted {what} from {} to {}", from.name, to.name),
    };
    // What was named and is held was refused; a pattern and `--all` only pass over it.
    let held = plan.held().iter().map(|(record, _)| record);
    let stopped = held.chain(plan.gated().iter().map(|(record, _)| record));
    let mut stopped = stopped.into_iter();
    let refused = stopped.any(|record| options.profile.is_some() || plan.asks_for(record));
    if refused && moved.is_empty() {
        if options.profile.is_some() {
            output.note("nothing was promoted: a profile comes as a whole");
        }
        return Ok(Outcome::Refused);
    }
    session.finish_change(&done, (to, commit), arguments.change, output)?;
    changes::print_undo(to, commit, session, output);
    Ok(Outcome::of(!refused))
}

/// Prints what is not promoted, and why.
fn note_left_out(
    plan: &PromotionPlan,
    to: &RepositorySettings,
    arguments: &PromoteArguments,
    output: &Output,
) {
    let limit = arguments.rows.limit(output);
    let mut without_suite: BTreeMap<Vec<SuiteName>, Vec<RecordKey>> = BTreeMap::new();
    for (record, suites) in plan.left_out().by_record() {
        without_suite.entry(suites).or_default().push(record.key().clone());
    }
    let notes = without_suite.into_iter().map(|(suites, keys)| {
        let what = stay_behind("", &keys);
        format!("{what}; {} has no suite {}", to.name, suite_list(&suites))
    });
    output.warn_of_each("W-LEFT-BEHIND", limit, notes.collect());
    note_held(plan, to, arguments, output);
    let sources: BTreeSet<String> = plan
        .siblings()
        .iter()
        .map(|record| {
            let (source, version) = record.source();
            format!("{source} {version}")
        })
        .collect();
    let built = match sources.first() {
        None => return,
        Some(source) if sources.len() == 1 => format!(" built from {source}"),
        Some(_) => " built from the same sources".to_owned(),
    };
    let keys: Vec<RecordKey> = plan.siblings().iter().map(|record| record.key().clone()).collect();
    let what = stay_behind(&built, &keys);
    output.warn("W-LEFT-BEHIND", format!("{what}; to take all of them: {}", whole_source(to, arguments)));
}

/// Says which packages stay behind: how many, and the first of them.
fn stay_behind(built: &str, keys: &[RecordKey]) -> String {
    if let [key] = keys {
        return format!("1 package{built} stays behind: {key}");
    }
    let mut packages: Vec<String> =
        keys.iter().map(|key| format!("{} {}", key.package, key.version)).collect();
    packages.dedup();
    let verb = if packages.len() == 1 { "stays" } else { "stay" };
    format!("{}{built} {verb} behind: {}", count(packages.len(), "package"), first_of(&packages))
}

/// Returns the same command for whole sources.
fn whole_source(to: &RepositorySettings, arguments: &PromoteArguments) -> String {
    let mut words = vec!["repo-cli promote".to_owned()];
    words.extend(arguments.selectors.iter().map(|selector| quoted(&selector.to_string())));
    words.push(format!("--from {} --to {}", arguments.from, to.name));
    words.extend(arguments.suites.iter().map(|suite| format!("--suite {suite}")));
    words.extend(arguments.despite_hold.then(|| "--despite-hold".to_owned()));
    words.push("--whole-source".to_owned());
    words.join(" ")
}

/// Prints what stays out because it is held: a line for each reason, since one rollback may hold hundreds of packages.
fn note_held(plan: &PromotionPlan, to: &RepositorySettings, arguments: &PromoteArguments, output: &Output) {
    let mut by_cause: BTreeMap<(bool, &HoldCause), Vec<(&Record, &Hold)>> = BTreeMap::new();
    for (record, hold) in plan.held() {
        let cause = (plan.asks_for(record), &hold.cause);
        by_cause.entry(cause).or_default().push((record, hold));
    }
    let (mut skipped, mut hint) = (Vec::new(), None);
    for ((is_named, cause), held) in by_cause {
        let mut packages: Vec<String> = held
            .iter()
            .map(|(record, _)| format!("{} {}", record.key().package, record.key().version))
            .collect();
        packages.dedup();
        let named = match packages.len() {
            1 => first_of(&packages),
            number => format!("{}: {}", count(number, "package"), first_of(&packages)),
        };
        if !is_named {
            skipped.push(format!("skipped {named} ({})", held_since(cause)));
            continue;
        }
        output.note(&format!("error: {} does not take {named} ({})", to.name, held_since(cause)));
        for (record, hold) in held {
            let held = RuleError::Held {
                key: Box::new(record.key().clone()),
                repository: to.name.clone(),
                hold: Box::new(hold.clone()),
            };
            let report = Failure::Store(held.into()).report();
            hint.clone_from(&report.hint);
            output.record(report);
        }
    }
    if let Some(hint) = hint {
        output.note(&format!("hint: {hint}"));
    }
    output.notes(arguments.rows.limit(output), &skipped, "hold");
}

/// A name that matches nothing is a slip of the pen: nothing is done then. `whole_source`: a source may be named as well.
pub(crate) fn check_matched(
    unmatched: &[Selector],
    repository: &RepositoryName,
    (whole_source, only): (bool, &OnlyNames),
    session: &Session,
) -> Result<(), Failure> {
    if unmatched.is_empty() {
        return Ok(());
    }
    let names = unmatched.iter().map(ToString::to_string).collect();
    if only.is_limited() {
        return Err(Failure::NoMatch { names, repository: repository.clone(), meant: None });
    }
    Err(package_names::no_match(session, repository, names, whole_source))
}

/// Returns each package file of a change with its suites.
pub(crate) fn listed(changes: &SuiteRecords) -> Vec<ListedJson> {
    changes.by_record().iter().map(|(record, suites)| ListedJson::new(record, suites)).collect()
}

/// The document of `promote`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PromotedJson<'a> {
    /// The states that the change was planned from: with `--base`, a change is made only from these
    base: String,
    /// The new state of the repository; null when nothing changed
    commit: Option<Text<CommitId>>,
    /// How much came in
    count: PackageCount,
    /// What comes along with `--with-dependencies`, and why; absent when nothing does
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<DependencyJson>,
    /// Whether nothing was changed
    dry_run: bool,
    /// The rules that versions do not meet; absent when all meet them
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<GateJson>,
    /// The holds that keep versions out; absent when there are none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held: Vec<HoldJson<'a>>,
    /// The package files that are in suites which the other repository does not have; absent when there are none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<ListedJson>,
    /// The package files that came in, without metapackages
    packages: Vec<ListedJson>,
    /// The metapackages of the profile that came in; absent when there are none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profile: Vec<MetapackageJson>,
    /// What would have to come along so that a gate with `installable` lets in what it refuses; absent when that is nothing
    #[serde(skip_serializing_if = "Vec::is_empty")]
    proposed: Vec<Text<&'a RecordKey>>,
    /// The package files built from the same sources that stay behind; absent when there are none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    siblings: Vec<Text<&'a RecordKey>>,
    /// The repository that they came to
    to: &'a str,
}

impl JsonDocument for PromotedJson<'_> {}

impl<'a> PromotedJson<'a> {
    fn new(
        plan: &'a PromotionPlan,
        (to, commit): (&'a RepositorySettings, Option<CommitId>),
        dry_run: bool,
    ) -> Self {
        Self {
            base: base(&[plan.base(), plan.source()]),
            commit: commit.map(Text),
            count: PackageCount::of(plan.changes().iter().map(|(_, record)| record.key())),
            dependencies: dependencies::of(plan),
            dry_run,
            gates: gates::violations(plan),
            held: plan.held().iter().map(|(_, hold)| HoldJson::new(hold)).collect(),
            left_out: listed(plan.left_out()),
            packages: listed(plan.changes()),
            profile: metapackages(plan.profile()),
            proposed: plan.proposed().iter().map(|record| Text(record.key())).collect(),
            siblings: plan.siblings().iter().map(|record| Text(record.key())).collect(),
            to: to.name.as_str(),
        }
    }
}

/// Prints a change as its document or as a table.
pub(crate) fn print_changes(
    document: &impl JsonDocument,
    table: Vec<Change>,
    dry_run: bool,
    limit: RowLimit,
    output: &Output,
) {
    output.result(document, || {
        if !output.shows_change(dry_run) {
            return;
        }
        let _ = changes::print(table, limit, output);
    });
}
