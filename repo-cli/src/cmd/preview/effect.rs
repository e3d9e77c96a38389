//! What becomes of machines, and how much worse that is than now.

use std::collections::{BTreeSet, HashMap};

use apt_solve::status::{Kind, StateId};
use apt_solve::upgrade::{Archives, Blocked, Machine, UpgradePlan};
use apt_solve::{Label, Universe};

use super::status_files::Machines;

/// How bad it is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// The machine loses packages that it would not lose now, or loses some when nothing changes.
    LosesPackages,
    /// apt ends with an error, which it does not do now, or nothing changes.
    Refused,
    /// It took too many steps.
    NotDecided,
    /// apt ends with an error, as it does now.
    StillRefused,
    /// Packages are upgraded, installed, removed as they would be now, or kept back.
    Changes,
    /// apt does nothing.
    Nothing,
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::LosesPackages => "loses-packages",
            Self::Refused => "refused",
            Self::NotDecided => "not-decided",
            Self::StillRefused => "refused-already",
            Self::Changes => "changes",
            Self::Nothing => "nothing",
        }
    }
}

/// What becomes of machines in one state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Effect {
    /// What they would do now; `None` when nothing changes.
    pub(super) before: Option<UpgradePlan>,
    pub(super) after: UpgradePlan,
    /// What is newer on them than what they could get, with that.
    pub(super) newer: Vec<(Label, Label)>,
    /// How many packages dpkg has not finished with.
    pub(super) unfinished: usize,
}

impl Effect {
    pub(super) fn new(
        before: Option<UpgradePlan>,
        after: UpgradePlan,
        newer: Vec<(Label, Label)>,
        unfinished: usize,
    ) -> Self {
        Self { before, after, newer, unfinished }
    }

    /// Returns the packages that are removed, and that would not be removed now.
    pub(super) fn lost(&self) -> Vec<&Blocked> {
        // What is not known to be removed now counts.
        let now = self.before.iter().filter(|plan| plan.is_decided).flat_map(|plan| &plan.removed);
        let now: BTreeSet<&Label> = now.map(|one| &one.installed).collect();
        self.after.removed.iter().filter(|one| !now.contains(&one.installed)).collect()
    }

    pub(super) fn verdict(&self) -> Verdict {
        let after = &self.after;
        if !self.lost().is_empty() {
            return Verdict::LosesPackages;
        }
        let is_refused_now = self.before.as_ref().is_some_and(|plan| plan.refusal.is_some());
        match &after.refusal {
            Some(_) if is_refused_now => return Verdict::StillRefused,
            Some(_) => return Verdict::Refused,
            None => {}
        }
        if !after.is_decided {
            return Verdict::NotDecided;
        }
        let is_idle = after.upgraded.is_empty() && after.installed.is_empty() && after.removed.is_empty();
        if is_idle && after.kept_back.is_empty() && after.held.is_empty() {
            Verdict::Nothing
        } else {
            Verdict::Changes
        }
    }

    /// Returns whether the change is not known to be harmless.
    pub(super) fn is_worse(&self) -> bool {
        self.verdict() <= Verdict::NotDecided
    }
}

/// Machines for which all is the same.
pub(super) struct Group<'a> {
    pub(super) kind: &'a Kind,
    pub(super) names: Vec<&'a str>,
    pub(super) effect: Effect,
}

/// Puts machines together that have the same fate, the worst and the largest groups first.
pub(super) fn groups(machines: &Machines, effects: HashMap<StateId, Effect>) -> Vec<Group<'_>> {
    let mut groups: HashMap<(&Kind, Effect), Vec<&str>> = HashMap::new();
    for (state, effect) in effects {
        let Some(kind) = machines.fleet.kind_of(state) else { continue };
        let names = machines.names.get(&state).into_iter().flatten().map(String::as_str);
        groups.entry((kind, effect)).or_default().extend(names);
    }
    let mut groups: Vec<(Verdict, Group<'_>)> = groups
        .into_iter()
        .map(|((kind, effect), mut names)| {
            names.sort_unstable();
            (effect.verdict(), Group { kind, names, effect })
        })
        .collect();
    groups.sort_by(|(first, a), (second, b)| {
        let sizes = || b.names.len().cmp(&a.names.len());
        first.cmp(second).then_with(sizes).then_with(|| a.names.cmp(&b.names))
    });
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Returns what is newer on a machine than what archives have: apt never goes back by itself.
pub(super) fn newer(universe: &Universe, archives: &Archives<'_>, machine: &Machine) -> Vec<(Label, Label)> {
    let older = machine.installed().iter().filter_map(|id| Some((*id, archives.older_than(*id)?)));
    older
        .filter_map(|(installed, older)| Some((universe.label(installed)?, universe.label(older)?)))
        .collect()
}
