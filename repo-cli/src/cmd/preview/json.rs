//! The document of `preview`.

use apt_solve::Label;
use apt_solve::upgrade::{Blocked, UpgradePlan};
use serde::Serialize;

use super::PreviewArguments;
use super::change::Change;
use super::effect::Group;
use super::status_files::Machines;
use crate::json_value::JsonDocument;

/// The document of `preview`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PreviewJson<'a> {
    /// Whether clients would see something else than now
    changes: bool,
    /// The repository that a promotion comes from; null without one
    from: Option<&'a str>,
    /// The machines, those with the same result together, the worst first
    groups: Vec<GroupJson<'a>>,
    /// How many machines there are
    machines: usize,
    /// The state of the repository, as it was given
    state: &'a str,
    /// In how many different states the machines are
    states: usize,
    /// The suite that the machines use
    suite: String,
    /// The state that is gone back to, as it was given; null without one
    to: Option<&'a str>,
    /// The machines whose status cannot be read
    unreadable: Vec<UnreadableJson<'a>>,
    /// On how many machines something is worse than now, or not decided
    worse: usize,
}

impl JsonDocument for PreviewJson<'_> {}

/// Machines for which all is the same.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct GroupJson<'a> {
    /// What `apt-get dist-upgrade` would do
    after: PlanJson,
    /// The native architecture
    architecture: &'a str,
    /// What it does now; null when nothing changes
    before: Option<PlanJson>,
    /// Architectures that packages are installed from besides
    foreign: Vec<&'a str>,
    /// The packages that would be removed, and that would not be removed now
    lost: Vec<InstalledJson>,
    /// The names of the machines
    machines: &'a [&'a str],
    /// The packages that are newer on the machines than anything they could get: apt never goes back by itself
    newer: Vec<ExchangeJson>,
    /// How many packages dpkg has not finished installing
    unfinished: usize,
    /// `loses-packages`, `refused` (apt ends with an error), `not-decided`, `refused-already` (apt ends with an error now, too), `changes` or `nothing`
    verdict: &'static str,
}

/// What `apt-get dist-upgrade` does.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PlanJson {
    /// Whether all of it was worked out; otherwise it is what was found until then
    decided: bool,
    /// The packages on hold for which there is another version
    held: Vec<ExchangeJson>,
    /// The packages that are installed besides
    installed: Vec<InstalledJson>,
    /// The packages that stay at their versions although there are newer ones
    kept_back: Vec<BlockedJson>,
    /// Why apt ends with an error and does nothing, in words; null when it does not
    refusal: Option<String>,
    /// The packages that are removed
    removed: Vec<BlockedJson>,
    /// The packages that are upgraded
    upgraded: Vec<ExchangeJson>,
}

/// A package.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct InstalledJson {
    /// Its architecture
    architecture: String,
    /// Its name
    package: String,
    /// Its version
    version: String,
}

/// A package with another version of it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ExchangeJson {
    /// Its architecture
    architecture: String,
    /// The version that is installed
    installed: String,
    /// The other version
    other: String,
    /// Its name
    package: String,
}

/// A package that does not get its newest version.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BlockedJson {
    /// Its architecture
    architecture: String,
    /// The version that apt would choose; null if that is the one that is installed
    candidate: Option<String>,
    /// Its name
    package: String,
    /// What stands in the way, in words
    reason: String,
    /// The version that is installed
    version: String,
}

/// A machine whose status cannot be read.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnreadableJson<'a> {
    /// Its name
    machine: &'a str,
    /// What is wrong with its status file, in words
    reason: &'a str,
}

pub(super) fn document<'a>(
    arguments: &'a PreviewArguments,
    change: &Change<'_>,
    machines: &'a Machines,
    groups: &'a [Group<'a>],
) -> PreviewJson<'a> {
    let unreadable = machines.unreadable.iter().map(|(machine, reason)| UnreadableJson { machine, reason });
    let worse = groups.iter().filter(|group| group.effect.is_worse()).map(|group| group.names.len());
    PreviewJson {
        changes: change.is_one(),
        from: arguments.from.as_deref(),
        groups: groups.iter().map(GroupJson::new).collect(),
        machines: machines.len(),
        state: &arguments.state.text,
        states: machines.fleet.len(),
        suite: change.suite.to_string(),
        to: arguments.to.as_deref(),
        unreadable: unreadable.collect(),
        worse: worse.sum(),
    }
}

impl<'a> GroupJson<'a> {
    fn new(group: &'a Group<'_>) -> Self {
        let effect = &group.effect;
        Self {
            after: PlanJson::new(&effect.after),
            architecture: group.kind.native.as_str(),
            before: effect.before.as_ref().map(PlanJson::new),
            foreign: group.kind.foreign.iter().map(deb_parse::Architecture::as_str).collect(),
            lost: effect.lost().into_iter().map(|one| InstalledJson::new(&one.installed)).collect(),
            machines: &group.names,
            newer: effect.newer.iter().map(ExchangeJson::new).collect(),
            unfinished: effect.unfinished,
            verdict: effect.verdict().as_str(),
        }
    }
}

impl PlanJson {
    fn new(plan: &UpgradePlan) -> Self {
        Self {
            decided: plan.is_decided,
            held: plan.held.iter().map(ExchangeJson::new).collect(),
            installed: plan.installed.iter().map(InstalledJson::new).collect(),
            kept_back: plan.kept_back.iter().map(BlockedJson::new).collect(),
            refusal: plan.refusal.as_ref().map(ToString::to_string),
            removed: plan.removed.iter().map(BlockedJson::new).collect(),
            upgraded: plan.upgraded.iter().map(ExchangeJson::new).collect(),
        }
    }
}

impl InstalledJson {
    fn new(label: &Label) -> Self {
        Self {
            architecture: label.architecture.clone(),
            package: label.name.clone(),
            version: label.version.to_string(),
        }
    }
}

impl ExchangeJson {
    fn new((installed, other): &(Label, Label)) -> Self {
        Self {
            architecture: installed.architecture.clone(),
            installed: installed.version.to_string(),
            other: other.version.to_string(),
            package: installed.name.clone(),
        }
    }
}

impl BlockedJson {
    fn new(blocked: &Blocked) -> Self {
        Self {
            architecture: blocked.installed.architecture.clone(),
            candidate: blocked.candidate.as_ref().map(|label| label.version.to_string()),
            package: blocked.installed.name.clone(),
            reason: blocked.reason.to_string(),
            version: blocked.installed.version.to_string(),
        }
    }
}
