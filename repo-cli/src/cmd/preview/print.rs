//! What people see of a preview: the machines first, then the packages over all machines.

use std::collections::BTreeMap;

use apt_solve::Label;
use apt_solve::upgrade::UpgradePlan;

use super::change::Change;
use super::effect::{Effect, Group, Verdict};
use super::status_files::Machines;
use crate::output::{Column, Output, RowLimit, count, first_of};

const GROUP_HEAD: [Column<'_>; 8] = [
    Column::whole("MACHINES"),
    Column::text("RESULT"),
    Column::whole("UPGRADE"),
    Column::whole("INSTALL"),
    Column::whole("REMOVE"),
    Column::whole("KEEP BACK"),
    Column::whole("NEWER"),
    Column::words("NAMES"),
];

const PACKAGE_HEAD: [Column<'_>; 5] = [
    Column::names("PACKAGE"),
    Column::whole("VERSION"),
    Column::actions("ACTION"),
    Column::whole("MACHINES"),
    Column::text("REASON"),
];

/// What is done to a package, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Remove,
    /// It is removed now, too.
    RemoveAlready,
    KeepBack,
    Hold,
    /// It is newer than what there is.
    Newer,
    Upgrade,
    Install,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::RemoveAlready => "remove (now, too)",
            Self::KeepBack => "keep back",
            Self::Hold => "hold",
            Self::Newer => "keep newer",
            Self::Upgrade => "upgrade",
            Self::Install => "install",
        }
    }
}

/// An action, the package, its versions and the reason.
type Row = (Action, String, String, String);

pub(super) fn print(change: &Change<'_>, groups: &[Group<'_>], limit: RowLimit, output: &Output) {
    let rows: Vec<[String; 8]> = groups.iter().map(group_row).collect();
    if !rows.is_empty() {
        output.table(&GROUP_HEAD, &rows, limit);
    }
    let mut packages: BTreeMap<Row, usize> = BTreeMap::new();
    for group in groups {
        for row in package_rows(&group.effect, change) {
            *packages.entry(row).or_default() += group.names.len();
        }
    }
    let rows: Vec<[String; 5]> = packages
        .into_iter()
        .map(|((action, package, version, reason), machines)| {
            [package, version, action.as_str().to_owned(), machines.to_string(), reason]
        })
        .collect();
    if !rows.is_empty() {
        output.table(&PACKAGE_HEAD, &rows, limit);
    }
    for group in groups {
        if let Some(refusal) = &group.effect.after.refusal {
            output.line(&format!("apt refuses to upgrade {}: {refusal}", names(group)));
        }
    }
}

fn names(group: &Group<'_>) -> String {
    first_of(&group.names.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn group_row(group: &Group<'_>) -> [String; 8] {
    let Effect { after, newer, .. } = &group.effect;
    let result = match group.effect.verdict() {
        Verdict::LosesPackages => "loses packages",
        Verdict::Refused => "apt refuses",
        Verdict::NotDecided => "not decided",
        Verdict::StillRefused => "apt refuses (now, too)",
        Verdict::Changes => "changes",
        Verdict::Nothing => "nothing to do",
    };
    let number = |number: usize| number.to_string();
    [
        number(group.names.len()),
        result.to_owned(),
        number(after.upgraded.len()),
        number(after.installed.len()),
        number(after.removed.len()),
        number(after.kept_back.len() + after.held.len()),
        number(newer.len()),
        names(group),
    ]
}

/// Returns what is done to the packages of a machine.
fn package_rows(effect: &Effect, change: &Change<'_>) -> Vec<Row> {
    let Effect { after, newer, .. } = effect;
    let UpgradePlan { upgraded, installed, removed, kept_back, held, .. } = after;
    let lost = effect.lost();
    let mut rows = Vec::new();
    let between = |from: &Label, to: &Label| format!("{} -> {}", from.version, to.version);
    for one in removed {
        let action = if lost.contains(&one) { Action::Remove } else { Action::RemoveAlready };
        let version = one.installed.version.to_string();
        rows.push((action, name(&one.installed), version, one.reason.to_string()));
    }
    for one in kept_back {
        let version = match &one.candidate {
            Some(candidate) => between(&one.installed, candidate),
            None => one.installed.version.to_string(),
        };
        rows.push((Action::KeepBack, name(&one.installed), version, one.reason.to_string()));
    }
    for (installed, other) in held {
        rows.push((Action::Hold, name(installed), between(installed, other), "on hold".to_owned()));
    }
    for (installed, other) in
        newer.iter().filter(|(_, other)| other.source == change.repository.name.as_str())
    {
        let reason = format!("{} would have {}", change.repository.name, other.version);
        rows.push((Action::Newer, name(installed), installed.version.to_string(), reason));
    }
    for (installed, other) in upgraded {
        rows.push((Action::Upgrade, name(installed), between(installed, other), String::new()));
    }
    for one in installed {
        rows.push((Action::Install, name(one), one.version.to_string(), String::new()));
    }
    rows
}

fn name(label: &Label) -> String {
    if label.is_foreign { format!("{}:{}", label.name, label.architecture) } else { label.name.clone() }
}

/// Prints how many machines there are and what happens to them.
pub(super) fn conclude(
    change: &Change<'_>,
    (machines, groups): (&Machines, &[Group<'_>]),
    limit: RowLimit,
    output: &Output,
) {
    let unreadable = machines.unreadable.iter().map(|(machine, reason)| format!("{machine}: {reason}"));
    output.warn_of_each("W-STATUS", limit, unreadable.collect());
    for group in groups.iter().filter(|group| group.effect.unfinished > 0) {
        let number = count(group.effect.unfinished, "package");
        output.warn("W-STATUS", format!("{}: dpkg has not finished {number}", names(group)));
    }
    let machines_in = |verdict: Verdict| -> usize {
        groups.iter().filter(|group| group.effect.verdict() == verdict).map(|group| group.names.len()).sum()
    };
    let refused = if change.is_one() { "would be refused by apt" } else { "refused by apt" };
    let what = [
        (machines_in(Verdict::LosesPackages), "would lose packages"),
        (machines_in(Verdict::Refused), refused),
        (machines_in(Verdict::NotDecided), "not decided"),
        (machines_in(Verdict::StillRefused), "refused by apt already"),
        (machines_in(Verdict::Changes), "would change"),
        (machines_in(Verdict::Nothing), "would do nothing"),
        (machines.unreadable.len(), "not readable"),
    ];
    let what = what.iter().filter(|(number, _)| *number > 0);
    let what: Vec<String> = what.map(|(number, words)| format!("{number} {words}")).collect();
    let (name, suite) = (&change.name, &change.suite);
    let all = count(machines.len(), "machine");
    let states = count(machines.fleet.len(), "state");
    output.say(&format!("{name}/{suite}: {all} in {states}: {}", what.join(", ")));
}
