//! Runs cases on a manager.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::case::{Case, Shortfall};
use crate::cases;
use crate::desk::{Desk, cannot};
use crate::manager::Manager;

/// How many cases share a world at most: then another one is made, so that threads have something to do. Cases that only look take
/// less time than making a world does.
const CHANGING: usize = 12;
const LOOKING: usize = 64;

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Row {
    /// The name of the case.
    pub name: &'static str,
    /// What must be so.
    pub rule: &'static str,
    /// Whether it is so.
    pub result: Result<(), Shortfall>,
    /// How long the check took.
    pub took: Duration,
}

impl Row {
    /// Returns the part of the name before the slash.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.name.split('/').next().unwrap_or(self.name)
    }
}

/// What became of all cases with one manager.
#[derive(Clone, Debug)]
pub struct Report {
    /// The name of the manager.
    pub manager: &'static str,
    /// Its version; nothing when the program is missing, and then there are no rows.
    pub version: Option<String>,
    /// The cases in their order.
    pub rows: Vec<Row>,
}

impl Report {
    /// Returns how many cases are met.
    #[must_use]
    pub fn met(&self) -> usize {
        self.rows.iter().filter(|row| row.result.is_ok()).count()
    }

    /// Returns the cases that are not met.
    pub fn missed(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| matches!(row.result, Err(Shortfall::Missed(_))))
    }

    /// Returns how many cases the manager cannot be asked.
    #[must_use]
    pub fn not_asked(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.result, Err(Shortfall::CannotBeAsked(_)))).count()
    }

    /// Returns how many cases this machine cannot run.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.result, Err(Shortfall::Skipped(_)))).count()
    }
}

/// Returns the names and the rules of all cases.
pub fn list() -> impl Iterator<Item = (&'static str, &'static str)> {
    cases::all().map(|case| (case.name, case.rule))
}

/// Tries every case whose name contains one of the filters; all when there are none. `done` is told of each result.
pub fn run(manager: &dyn Manager, filters: &[String], threads: usize, done: impl Fn(&Row) + Sync) -> Report {
    let version = version(manager);
    let mut report = Report { manager: manager.name(), version, rows: Vec::new() };
    if report.version.is_none() {
        return report;
    }
    let wanted =
        |case: &&Case| filters.is_empty() || filters.iter().any(|filter| case.name.contains(filter.as_str()));
    let cases: Vec<&'static Case> = cases::all().filter(wanted).collect();
    let groups = groups(&cases);
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(group) = groups.get(next.fetch_add(1, Ordering::SeqCst)) {
                    run_group(manager, group, &|row: Row| {
                        done(&row);
                        rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
                    });
                }
            });
        }
    });
    report.rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.rows.sort_by_key(|row| cases.iter().position(|case| case.name == row.name));
    report
}

fn version(manager: &dyn Manager) -> Option<String> {
    let output = Command::new("sh").args(["-c", &manager.version_command()]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let first = text.lines().next().unwrap_or_default().trim();
    // Each names itself, in a way of its own.
    let number = first.split([' ', ':']).find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    output.status.success().then(|| number.unwrap_or(first).to_owned())
}

/// Cases of one world that are tried in one directory; the longest groups come first.
fn groups(cases: &[&'static Case]) -> Vec<Vec<&'static Case>> {
    let mut groups: Vec<Vec<&'static Case>> = Vec::new();
    for case in cases {
        let open = groups.iter_mut().rev().find(|group| {
            group.len() < if case.changes { CHANGING } else { LOOKING }
                && group
                    .iter()
                    .all(|other| std::ptr::eq(other.world, case.world) && other.changes == case.changes)
        });
        match open {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups.sort_by_key(|group| {
        std::cmp::Reverse(
            group.iter().map(|case| if case.family() == "crash" { 10 } else { 1 }).sum::<usize>(),
        )
    });
    groups
}

fn run_group(manager: &dyn Manager, group: &[&'static Case], done: &impl Fn(Row)) {
    let mut desk: Option<Result<Desk<'_>, Shortfall>> = None;
    let mut is_new = true;
    for case in group {
        let start = Instant::now();
        let result = match cannot(manager, case.world.layout.features).or_else(|| cannot(manager, case.needs))
        {
            Some(why) => Err(why),
            None => match desk.get_or_insert_with(|| made(manager, case)) {
                Err(why) => Err(why.clone()),
                Ok(desk) => {
                    let ready = if is_new { Ok(()) } else { desk.restore() };
                    is_new = !case.changes;
                    ready.and_then(|()| (case.check)(desk)).map_err(|why| match why {
                        Shortfall::Missed(text) => Shortfall::Missed(desk.same_each_time(&text)),
                        other => other,
                    })
                }
            },
        };
        done(Row { name: case.name, rule: case.rule, result, took: start.elapsed() });
    }
}

/// Makes the world of a group; if some case changes it, with a copy to return to.
fn made<'a>(manager: &'a dyn Manager, case: &Case) -> Result<Desk<'a>, Shortfall> {
    let made = Desk::new(manager, case.world).and_then(|desk| {
        if case.changes {
            desk.keep()?;
        }
        Ok(desk)
    });
    made.map_err(|why| match why {
        Shortfall::Missed(text) => Shortfall::Missed(format!("making the repositories of the case: {text}")),
        other => other,
    })
}
