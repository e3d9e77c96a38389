//! Lists of runs of records: a snapshot lists its pages like this, and a page its chunks.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};
use std::str::FromStr;

use deb_parse::PackageName;

use crate::model::record::RecordKey;

/// A run of a suite's sorted records, as the list that it stands in refers to it. As text, a line:
///
/// ```text
///  <id> <number of records> <package> <version> <architecture of the first record>
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run<I> {
    /// The object that holds it.
    pub(crate) id: I,
    pub(crate) records: u64,
    pub(crate) first: RecordKey,
}

/// The text of a list: the field `name`, and a line for each run.
pub(crate) fn write<I: Display>(name: &str, runs: &[Run<I>]) -> String {
    let mut text = format!("{name}:\n");
    for Run { id, records, first } in runs {
        // Writing to a String cannot fail.
        let _ = writeln!(text, " {id} {records} {first}");
    }
    text
}

/// Reads the value of the field that [`write`] makes.
pub(crate) fn parse<I: FromStr>(value: &str) -> Option<Vec<Run<I>>> {
    let lines = value.lines().map(str::trim_start).filter(|line| !line.is_empty());
    let run = |line: &str| {
        let mut words = line.splitn(3, ' ');
        Some(Run {
            id: words.next()?.parse().ok()?,
            records: words.next()?.parse().ok()?,
            first: RecordKey::parse(words.next()?)?,
        })
    };
    let runs: Vec<Run<I>> = lines.map(run).collect::<Option<_>>()?;
    // Nobody who adds the numbers up needs to look whether that can be done.
    runs.iter().try_fold(0, |sum: u64, run| sum.checked_add(run.records))?;
    Some(runs)
}

/// The ids alone, from the text of a whole object: all that is needed to know what it leads to.
pub(crate) fn ids<I: FromStr>(text: &[u8]) -> Option<Vec<I>> {
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b" "));
    let id = |line: &[u8]| {
        let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        std::str::from_utf8(word).ok()?.parse().ok()
    };
    lines.map(id).collect()
}

/// The run that holds `key` if any does.
pub(crate) fn holding<'a, I>(runs: &'a [Run<I>], key: &RecordKey) -> Option<&'a Run<I>> {
    let behind = runs.partition_point(|run| run.first <= *key);
    runs.get(behind.checked_sub(1)?)
}

/// The runs that hold the records of a package if any do.
pub(crate) fn with<'a, I>(runs: &'a [Run<I>], package: &PackageName) -> impl Iterator<Item = &'a Run<I>> {
    let start = runs.partition_point(|run| run.first.package < *package).saturating_sub(1);
    runs.iter().skip(start).take_while(|run| run.first.package <= *package)
}

/// The runs that hold records of these packages if any do, each with the package that the run behind it starts with; `end`
/// is that of the run behind the last.
pub(crate) fn with_any<'a, I>(
    runs: &'a [Run<I>],
    end: Option<&'a PackageName>,
    packages: &BTreeSet<PackageName>,
) -> impl Iterator<Item = (&'a Run<I>, Option<&'a PackageName>)> {
    let next = runs.iter().skip(1).map(|run| Some(&run.first.package)).chain([end]);
    runs.iter().zip(next).filter(|(run, next)| {
        let reached = packages.range::<PackageName, _>(&run.first.package..).next();
        reached.is_some_and(|package| next.is_none_or(|next| package <= next))
    })
}
